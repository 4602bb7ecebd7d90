//! What is served: each host asked as each visitor, and the answers held against the declaration.

mod asking;
mod cards;
mod echo;
mod look;
mod report;
mod server;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use miette::{Diagnostic, Report};
use rayon::prelude::*;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use thiserror::Error;

use super::visit::Visitors;
use super::{VerifyError, counted, keyring};
use crate::cli::arguments::Verify;
use crate::cli::failure::{Exit, Failure};
use crate::cli::workspace::Workspace;
use crate::cli::{believed, bounded, clock, report as output};
use crate::diagnostic::did_you_mean;
use crate::verify::{Site, sites};
use asking::Prober;
pub use echo::EchoAt;
use report::{HostReport, LiveReport, NotTried};

/// How many hosts are asked at once.
const AT_ONCE: usize = 8;

#[derive(Debug, Error, Diagnostic)]
enum LiveError {
    #[error("`{name}` is no service, and no host of one")]
    #[diagnostic(code("verify::unknown-service"))]
    UnknownService {
        name: String,
        #[help]
        help: String,
    },

    #[error("`{}` holds no certificate in PEM", path.display())]
    #[diagnostic(
        code("verify::bad-ca"),
        help(
            "name the root of whoever issues the hosts' certificates; Caddy's own is pki/authorities/local/root.crt in its data directory"
        )
    )]
    BadCa { path: PathBuf },

    #[error("{what}")]
    #[diagnostic(
        code("verify::not-as-declared"),
        help(
            "the lines above say what is wrong. Where the server has another Caddyfile than `out/edge/`, deploy that and reload Caddy; then run this again"
        )
    )]
    NotAsDeclared { what: String },

    #[error("{what}")]
    #[diagnostic(
        code("verify::unreached"),
        help(
            "see that Caddy runs and the names lead to it; `--resolve HOST:PORT:ADDR` says where a host is, `--port` at which port"
        )
    )]
    Unreached { what: String },

    #[error("no device was tried, for the root secret could not be had")]
    #[diagnostic(
        code("verify::without-secret"),
        help("what else there is to verify was; with `--no-secret` that is all that is asked")
    )]
    WithoutSecret,
}

pub fn verify(arguments: &Verify) -> Result<(), Failure> {
    let workspace = Workspace::of(&arguments.declaration);
    let homelab = workspace.homelab()?;
    let lock = workspace.lock()?;
    let lock = lock.ok_or_else(|| Failure::environment(VerifyError::NoLock))?;
    believed::refuse_unsigned(&lock)?;
    let now = clock::now()?;
    clock::warn(&lock)?;
    let all = sites(&homelab, &lock);
    let asked = named(arguments, &all)?;
    for echo in &arguments.echo {
        known(&echo.service, &all)?;
    }
    let templates = workspace.templates()?.of_the_edge();
    let timeout = Duration::from_secs(arguments.timeout.into());
    let visitors = Visitors::new(roots(arguments)?, now, timeout);

    let (keyring, reports) = match asked.iter().any(|site| site.asks()) {
        true => keyring(arguments, &workspace, &lock),
        false => (None, Vec::new()),
    };
    let mut not_tried = Vec::new();
    let cards = match &keyring {
        Some(keyring) => cards::cards(keyring, &homelab, &lock, now, &mut not_tried),
        None => Vec::new(),
    };
    let stranger = cards::stranger(&lock, now);
    if stranger.is_none() {
        not_tried.push(NotTried {
            certificate: String::from("a stranger's"),
            why: String::from("there is no authority yet whose name it could bear"),
        });
    }
    let asking = Prober {
        arguments,
        homelab: &homelab,
        lock: &lock,
        now,
        // What the global options say changes no page.
        own_templates: templates.iter().any(|name| name != "globals.caddyfile.j2"),
        all: &all,
        cards: &cards,
        stranger,
        visitors,
    };
    let ask = || -> Vec<_> { asked.par_iter().map(|site| asking.host(site)).collect() };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(AT_ONCE).build();
    let asked = match pool {
        Ok(pool) => pool.install(ask),
        // Without threads of their own they are asked by those that there are.
        Err(_) => ask(),
    };
    let servers = asking.servers(&asked);
    let told = LiveReport {
        now,
        hosts: asked.into_iter().map(|asked| asked.told).collect(),
        servers,
        devices_tried: cards.len(),
        not_tried,
    };
    match arguments.json {
        true => output::json(&told)?,
        false => output::table(&report::text(&told))?,
    }
    conclude(&told, reports)
}

fn conclude(told: &LiveReport, secrets: Vec<Report>) -> Result<(), Failure> {
    let wrong: usize = told.all().map(HostReport::count_wrong).sum();
    let unreached = told.hosts.iter().filter(|host| host.unreached.is_some());
    let mut failure = Failure {
        exit: Exit::Done,
        reports: Vec::new(),
    };
    if !secrets.is_empty() {
        failure.exit = Exit::Environment;
        failure.reports.extend(secrets);
        failure.reports.push(Report::new(LiveError::WithoutSecret));
    }
    match unreached.count() {
        0 => {}
        count => {
            failure.exit = Exit::Environment;
            let what = format!("{} could not be reached", counted(count, "host"));
            failure
                .reports
                .push(Report::new(LiveError::Unreached { what }));
        }
    }
    if wrong > 0 {
        failure.exit = Exit::Difference;
        let what = match wrong {
            1 => String::from("1 answer is not as declared"),
            _ => format!("{wrong} answers are not as declared"),
        };
        failure
            .reports
            .push(Report::new(LiveError::NotAsDeclared { what }));
    }
    match failure.exit {
        Exit::Done => Ok(()),
        _ => Err(failure),
    }
}

/// The sites that are asked for, by service or by host; all where none is named.
fn named<'s>(arguments: &Verify, all: &'s [Site]) -> Result<Vec<&'s Site>, Failure> {
    let mut wanted = BTreeSet::new();
    for name in &arguments.what {
        wanted.extend(known(&name.to_string_lossy(), all)?);
    }
    let is_wanted = |site: &&Site| arguments.what.is_empty() || wanted.contains(site.host.as_str());
    Ok(all.iter().filter(is_wanted).collect())
}

/// The hosts of that service, or that one.
fn known<'s>(name: &str, all: &'s [Site]) -> Result<BTreeSet<&'s str>, Failure> {
    let is_it = |site: &&Site| site.service == name || site.host == name;
    let found = all.iter().filter(is_it);
    let found: BTreeSet<&str> = found.map(|site| site.host.as_str()).collect();
    match found.is_empty() {
        false => Ok(found),
        true => {
            let known = all.iter().map(|site| site.service.as_str());
            let help = did_you_mean(name, known);
            let name = name.to_owned();
            let unknown = LiveError::UnknownService { name, help };
            Err(Failure::new(Exit::Usage, unknown))
        }
    }
}

/// Bytes of the roots of the hosts' own certificates, at the most: all of the world's have a tenth.
const CA_LIMIT: u64 = 4 << 20;

/// The roots of the hosts' own certificates.
fn roots(arguments: &Verify) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    let Some(path) = &arguments.ca else {
        // What cannot be read among them is a root less: it shows as an issuer that is not known.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let bad = || Failure::environment(LiveError::BadCa { path: path.clone() });
    let blocks = bounded::whole(path, CA_LIMIT)
        .ok()
        .and_then(|text| pem::parse_many(text).ok());
    for block in blocks.unwrap_or_default() {
        if block.tag() == "CERTIFICATE" {
            let certificate = CertificateDer::from(block.into_contents());
            roots.add(certificate).map_err(|_| bad())?;
        }
    }
    match roots.is_empty() {
        true => Err(bad()),
        false => Ok(roots),
    }
}
