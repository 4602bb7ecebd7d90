//! `homelab verify`.

mod bundle;
mod drawing;
mod live;
mod options;
mod tree;

use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use miette::{Diagnostic, Report};
use thiserror::Error;

pub(super) use live::{Live, Reach};

use super::arguments::Verify;
use crate::diagnostic::{Failure, Fault, counted};
use crate::lock::Lock;
use crate::probe::LiveReport;
use crate::root::Keyring;
use crate::verify::{Finding, Severity};
use crate::workspace::Workspace;

#[derive(Debug, Error, Diagnostic)]
enum VerifyError {
    #[error("there is nothing at `{}`", path.display())]
    #[diagnostic(
        code("verify::nothing-there"),
        help("name an output tree or a .p12; `homelab build` makes `out/`")
    )]
    NothingThere { path: PathBuf },

    #[error("only one tree or .p12 can be verified at a time")]
    #[diagnostic(
        code("verify::one-at-a-time"),
        help("services are named with `--live`")
    )]
    OneAtATime,

    #[error("there is no homelab.lock to hold it against")]
    #[diagnostic(
        code("verify::no-lock"),
        help("bring it back, `git checkout -- homelab.lock`, or run `homelab build` first")
    )]
    NoLock,

    #[error("{what}")]
    #[diagnostic(code("verify::not-as-it-should-be"), help("{help}"))]
    Wrong { what: String, help: &'static str },

    #[error("{what}, for the root secret could not be had")]
    #[diagnostic(
        code("verify::without-secret"),
        help("what else there is to verify was; with `--no-secret` that is all that is asked")
    )]
    WithoutSecret { what: String },
}

/// Holds what was made, or what is served, against the declaration and the lock.
pub(super) fn verify(arguments: &Verify) -> Result<(), Failure> {
    if arguments.live {
        return live::verify(arguments);
    }
    let path = match arguments.what.as_slice() {
        [] => None,
        [path] => Some(Path::new(path)),
        _ => return Err(Failure::new(Fault::Usage, VerifyError::OneAtATime)),
    };
    match path {
        Some(path) if path.is_file() => bundle::verify(arguments, path),
        Some(path) if !path.exists() => {
            let path = path.to_owned();
            Err(Failure::environment(VerifyError::NothingThere { path }))
        }
        path => tree::verify(arguments, path),
    }
}

/// The keyring, or why there is none; neither where it is not wanted.
fn keyring(
    arguments: &Verify,
    workspace: &Workspace,
    lock: &Lock,
) -> (Option<Keyring>, Vec<Report>) {
    if arguments.no_secret {
        return (None, Vec::new());
    }
    match { arguments.secret.means() }.open(workspace, lock, &[lock.root]) {
        Ok(opened) => (Some(opened.keyring), Vec::new()),
        Err(failure) => (None, failure.reports),
    }
}

/// What is served, drawn for people.
pub(super) fn drawn(told: &LiveReport) -> String {
    drawing::text(told)
}

/// Findings as lines, what is wrong first.
fn listed(findings: &[Finding]) -> String {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let line = |finding: &Finding| {
        let (word, style) = match finding.severity {
            Severity::Wrong => ("wrong", AnsiColor::Red.on_default()),
            Severity::Note => ("note ", Style::new()),
        };
        let Finding { about, what, .. } = finding;
        format!("{style}{word}  {about}: {what}{style:#}\n")
    };
    sorted.into_iter().map(line).collect()
}

/// How the command ends: with all that was found, and as the last of it says. What is wrong comes after what could not be seen.
struct Ending {
    fault: Option<Fault>,
    reports: Vec<Report>,
}

impl Ending {
    /// Begins with why something could not be had, which is told if it mattered.
    fn after(reports: Vec<Report>) -> Ending {
        Ending {
            fault: None,
            reports,
        }
    }

    fn with(mut self, fault: Fault, found: impl Diagnostic + Send + Sync + 'static) -> Ending {
        self.fault = Some(fault);
        self.reports.push(Report::new(found));
        self
    }

    fn conclude(self) -> Result<(), Failure> {
        match self.fault {
            None => Ok(()),
            Some(fault) => Err(Failure {
                fault,
                reports: self.reports,
            }),
        }
    }
}

/// How it ends where what is wrong are findings.
fn conclude(
    wrong: usize,
    help: &'static str,
    unseen: Option<String>,
    reports: Vec<Report>,
) -> Result<(), Failure> {
    let mut ending = match unseen {
        None => Ending::after(Vec::new()),
        Some(what) => {
            Ending::after(reports).with(Fault::Environment, VerifyError::WithoutSecret { what })
        }
    };
    if wrong > 0 {
        let what = counted(
            wrong,
            "thing is not as it should be",
            "things are not as they should be",
        );
        ending = ending.with(Fault::Difference, VerifyError::Wrong { what, help });
    }
    ending.conclude()
}
