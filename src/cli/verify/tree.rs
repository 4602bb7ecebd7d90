//! An output tree.

use std::path::Path;

use super::{VerifyError, conclude, counted, keyring, listed};
use crate::build::{self, owner};
use crate::cli::arguments::Verify;
use crate::cli::progress::BAR;
use crate::cli::{clock, report};
use crate::diagnostic::Failure;
use crate::edge_templates::{self, Looked};
use crate::template::Templates;
use crate::tree::View;
use crate::verify::{Against, Finding, TreeCheck, TreeFault, TreeReport};
use crate::workspace::PATIENCE;

const HELP: &str = "`homelab build` makes the tree anew, and `homelab renew --due` what has ended; where nobody has changed homelab.kdl since, find out who changed the tree before you hand anything over";

pub(super) fn verify(arguments: &Verify, named: Option<&Path>) -> Result<(), Failure> {
    let workspace = arguments.declaration.still()?;
    let homelab = workspace.homelab()?;
    let lock = workspace.lock()?;
    let lock = lock.ok_or_else(|| Failure::environment(VerifyError::NoLock))?;
    build::refuse_unsigned(&lock)?;
    let templates = workspace.templates()?;
    let now = clock::now()?;
    clock::warn(&lock)?;
    let out = workspace.out(named)?;
    if !out.is_dir() {
        return Err(Failure::environment(VerifyError::NothingThere {
            path: out,
        }));
    }
    workspace.hold_against_tree(&out, &lock)?;
    let view = View::open(&out, owner(&lock), PATIENCE).map_err(Failure::environment)?;
    let against = Against {
        homelab: &homelab,
        lock: &lock,
        templates: &templates,
        now,
        progress: &BAR,
    };
    let check = TreeCheck::of_public(&view, against).map_err(Failure::environment)?;
    let (keyring, reports) = if check.has_secrets() {
        keyring(arguments, &workspace, &lock)
    } else {
        (None, Vec::new())
    };
    let has_secret = keyring.is_some();
    let mut told = check.report(keyring).map_err(Failure::environment)?;
    for part in homelab.edges() {
        let caddyfile = out.join(part.directory()).join("Caddyfile");
        told.findings.extend(let_in(&caddyfile, &templates));
    }
    if view.shows_secrets() {
        report::note(build::shown_secrets(&out));
    }
    if arguments.json {
        report::json(&told)?
    } else {
        report::table(&text(&told))?
    }
    let is_unseen = told.bundles_not_opened > 0 && !arguments.no_secret && !has_secret;
    let unseen = is_unseen.then(|| {
        let unopened = told.bundles_not_opened;
        counted(unopened, "bundle was not opened", "bundles were not opened")
    });
    conclude(told.count_wrong(), HELP, unseen, reports)
}

/// What the edge lets in, where there is a Caddy that can read it: a Caddyfile that was changed, or a template of one's own.
fn let_in(caddyfile: &Path, templates: &Templates) -> Vec<Finding> {
    let about = caddyfile.display().to_string();
    if !caddyfile.is_file() {
        return Vec::new();
    }
    match edge_templates::found_at(caddyfile, templates) {
        Looked::Not => Vec::new(),
        Looked::Refused(why) => vec![Finding::note(&about, TreeFault::NotLookedAt { why })],
        Looked::At(found) => {
            let wrong = |found| {
                let found = Box::new(found);
                Finding::wrong(&about, TreeFault::LetsIn { found })
            };
            found.0.into_iter().map(wrong).collect()
        }
    }
}

fn text(told: &TreeReport) -> String {
    let opened = counted(told.bundles_opened, "bundle", "bundles");
    let mut text = listed(&told.findings);
    text += &format!(
        "{}: {} in the manifest, {opened} opened",
        told.directory,
        counted(told.files, "file", "files")
    );
    if told.bundles_not_opened > 0 {
        text += &format!(", {} not opened", told.bundles_not_opened);
    }
    text + &match told.count_wrong() {
        0 if told.bundles_not_opened > 0 => String::from("; nothing else is wrong\n"),
        0 => String::from("; nothing is wrong\n"),
        wrong => format!("; {wrong} wrong\n"),
    }
}
