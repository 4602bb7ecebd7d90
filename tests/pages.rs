//! The pages that people open, in a real browser: guides and the admin's page.
//!
//! `tests/tools/pages.mjs` opens each in Chromium, 390, 768 and 1280 pixels wide, light and dark, and printed, and names whatever sticks
//! out, is cut off, asks a network for something, or that axe-core calls a violation. The browser's own parser also says what
//! became of hostile names. Set `HOMELAB_SHOTS` to a directory to look at pictures and PDFs of all of it.

mod support;

#[path = "pages/hostile.rs"]
mod hostile;
#[path = "pages/kinds.rs"]
mod kinds;
#[path = "pages/looks.rs"]
mod looks;
#[path = "pages/messages.rs"]
mod messages;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};
use support::lab::Lab;
use support::outcome;
use support::tools;

/// A day on which to issue, and one on which to renew.
const FIRST: &str = "1780000000";
const LATER: &str = "1795478400";

/// What the browser says of pages.
struct Judged {
    faults: Vec<String>,
    texts: BTreeMap<String, Value>,
    /// Where each device's first path ends, by page.
    paths: BTreeMap<String, Vec<FirstPath>>,
}

/// What a page says of one device before anything is unfolded, 390 px wide.
#[derive(Debug, Deserialize)]
struct FirstPath {
    device: String,
    /// In px from the top of the page.
    ends: u32,
    steps: usize,
    drawings: usize,
    /// How much else stands unfolded.
    unfolded: usize,
}

/// Every page of a homelab's output.
fn pages(lab: &Lab) -> Vec<PathBuf> {
    let out = lab.path().join("out");
    let files = walkdir::WalkDir::new(out).sort_by_file_name().into_iter();
    let paths = files.map(|entry| entry.expect("the output can be listed").into_path());
    paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "html"))
        .collect()
}

/// What a browser is to look at in pages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// All widths, light and dark, and on paper.
    FromAllSides,
    /// What other words can break, in a language other than that of a page that was looked at from all sides.
    AtWords,
}

/// The languages of the pages that are looked at from all sides, one from right to left among them; in the others only the words are new.
fn look_at(language: &str) -> Look {
    if ["en", "de", "he"].contains(&language) {
        Look::FromAllSides
    } else {
        Look::AtWords
    }
}

/// Has Chromium judge pages from all sides.
#[track_caller]
fn judge(pages: &[PathBuf], name: &str) -> Judged {
    judge_by(Look::FromAllSides, pages, name)
}

/// Has Chromium judge pages.
#[track_caller]
fn judge_by(look: Look, pages: &[PathBuf], name: &str) -> Judged {
    let shots = env::var_os("HOMELAB_SHOTS").map(|place| PathBuf::from(place).join(name));
    if let Some(shots) = &shots {
        fs::create_dir_all(shots).expect("the place for pictures can be made");
    }
    let root = env!("CARGO_MANIFEST_DIR");
    let home = tempfile::tempdir().expect("a temporary directory can be made");
    let mut command = tools::command("node");
    command
        .arg(format!("{root}/tests/tools/pages.mjs"))
        .arg(format!("{root}/target/test-tools/node"))
        .arg(tools::tool("chromium"))
        .env("HOME", home.path())
        .env("TMPDIR", home.path());
    let job = json!({ "pages": pages, "shots": shots, "words": look == Look::AtWords });
    let outcome = outcome::run(&mut command, job.to_string().as_bytes());
    let answer: Value = serde_json::from_str(outcome.succeeds().stdout()).expect("it is JSON");
    let faults = answer["faults"].as_array().expect("faults are a list");
    let texts = answer["texts"].as_object().expect("texts are by page");
    Judged {
        faults: faults
            .iter()
            .map(|fault| fault.as_str().unwrap_or_default().to_owned())
            .collect(),
        texts: texts.clone().into_iter().collect(),
        paths: serde_json::from_value(answer["paths"].clone()).expect("paths are by page"),
    }
}

impl Judged {
    /// What stands in the page of that path below `out/`.
    #[track_caller]
    fn page(&self, path: &str) -> &Value {
        let mut found = self
            .texts
            .iter()
            .filter(|(name, _)| name.ends_with(&format!("out/{path}")));
        let (_, text) = found
            .next()
            .unwrap_or_else(|| panic!("{path} was not opened"));
        text
    }
}
