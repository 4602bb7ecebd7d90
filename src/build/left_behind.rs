//! What a lock has lost of what others before it said: lines that shut somebody out, and the steps of rotations.

use std::collections::BTreeSet;
use std::path::Path;

use miette::Diagnostic;
use thiserror::Error;

use crate::lock::{Forgotten, Lost};

/// Names that are told, at the most; the rest is counted.
const NAMED: usize = 10;

#[derive(Debug, Error, Diagnostic)]
#[error("homelab.lock has lost what shut out {what}")]
#[diagnostic(code("lock::went-back"), help("{help}"))]
pub(super) struct Forgets {
    what: String,
    help: String,
}

impl Forgets {
    pub(super) fn of(forgotten: &BTreeSet<Forgotten>, edge: &Path, remedy: &str) -> Forgets {
        let what = forgotten.iter().map(|one| match one {
            Forgotten::Of(device) => format!("`{device}`"),
            Forgotten::Listed(serial, number) => format!(
                "the certificate {serial}, which `{}` has (list number {number})",
                edge.join("ca.crl").display()
            ),
        });
        let accept = forgotten.iter().filter_map(|one| match one {
            Forgotten::Of(device) => Some(format!("--accept-return-of {device}")),
            Forgotten::Listed(..) => None,
        });
        let accept: Vec<String> = accept.collect();
        let list = accept.len() < forgotten.len();
        let list = if list {
            "; a list that tells of a certificate which nothing else knows is moved away by hand"
        } else {
            ""
        };
        let accept = match accept.as_slice() {
            [] => String::from("If they are to be forgotten, say so"),
            accept => format!(
                "If they are to be forgotten, `{remedy} {}`",
                accept.join(" ")
            ),
        };
        Forgets {
            what: named(what.collect()),
            help: format!(
                "somebody left lines out, and the next revocation list would let those certificates in. Find the lines, `git log -p -- homelab.lock`, and put them back as they were, anywhere above `end`. {accept}{list}"
            ),
        }
    }
}

#[derive(Debug, Error, Diagnostic)]
#[error("homelab.lock is an older one: {what}")]
#[diagnostic(
    code("lock::went-back"),
    help(
        "bring the newer one back: `git stash pop`, or see `git log -p -- homelab.lock`. If this one is to count with all that it trusts, name it: `--accept-epoch {epoch}`, as in `homelab build --accept-epoch {epoch}`"
    )
)]
pub(super) struct Behind {
    what: String,
    epoch: u64,
}

impl Behind {
    pub(super) fn of(lost: &[Lost], epoch: u64) -> Behind {
        let what = lost.iter().map(|one| match one {
            Lost::Epoch(known) => {
                format!("it is of epoch {epoch}, and one of epoch {known} was built from")
            }
            Lost::Trust(name) => format!("it trusts the authority `{name}`, which was let go of"),
            Lost::Authority(name) => format!("it does not have the authority `{name}`"),
            Lost::Root(id) => format!("it believes the root secret {id}, which was let go of"),
        });
        Behind {
            what: named(what.collect()),
            epoch,
        }
    }
}

/// The first of them, and how many more there are.
fn named(mut names: Vec<String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    match more {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}
