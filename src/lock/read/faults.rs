//! What is wrong with a lock. Faults of one kind become one mistake with all its lines: a remedy that is told once is
//! read.

use std::mem;

use super::fields::Damage;
use crate::diagnostic::{Mistake, mistake};
use crate::lock::Lines;

pub(crate) const BRING_BACK: &str = "bring back the last good one: `git checkout -- homelab.lock`";

/// What is wrong with a line.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is one of git's marks of a conflict.
    Conflict,
    Damaged(Damage),
    Unsigned,
    /// It has one, of somebody else's key or of something else.
    OtherKey,
    /// It is signed with a root secret that has been left since.
    LeftBehind,
    /// It is of an authority that the lock does not have.
    NoAuthority,
}

impl From<Damage> for Fault {
    fn from(damage: Damage) -> Fault {
        Fault::Damaged(damage)
    }
}

/// All that is wrong with a lock.
#[derive(Default)]
pub(super) struct Faults {
    /// Each kind of fault, as its first line has it.
    of_lines: Vec<(Fault, Lines)>,
    others: Vec<Mistake>,
}

impl Faults {
    pub(super) fn is_empty(&self) -> bool {
        self.of_lines.is_empty() && self.others.is_empty()
    }

    pub(super) fn push(&mut self, mistake: Mistake) {
        self.others.push(mistake);
    }

    pub(super) fn add(&mut self, fault: Fault, line: usize) {
        let mut known = self.of_lines.iter_mut();
        let is_like = |known: &Fault| mem::discriminant(known) == mem::discriminant(&fault);
        match known.find(|(known, _)| is_like(known)) {
            Some((_, lines)) => lines.add(line),
            None => self.of_lines.push((fault, Lines::of(line))),
        }
    }

    pub(super) fn into_mistakes(self) -> Vec<Mistake> {
        let of_lines = self.of_lines.iter();
        let of_lines = of_lines.map(|(fault, lines)| fault.of(lines));
        of_lines.chain(self.others).collect()
    }
}

impl Fault {
    /// The mistake of these lines.
    pub(super) fn of(&self, lines: &Lines) -> Mistake {
        match self {
            Fault::Conflict => {
                let noun = if lines.is_one() { "line" } else { "lines" };
                mistake!(
                    "lock::merge-conflict",
                    "homelab.lock has git's marks of a conflict in it: {noun} {lines}",
                    help(
                        "keep the lines of both sides, remove git's marks, and build again; with `homelab.lock merge=union` in .gitattributes git does so itself"
                    ),
                )
            }
            Fault::Damaged(why) => {
                let said = lines.say("is damaged: ", "are damaged");
                let first = lines.first();
                let which = format!("; line {first}: ");
                let which = if lines.is_one() { "" } else { &which };
                mistake!("lock::damaged", "{said}{which}{why}", help("{BRING_BACK}"),)
            }
            Fault::Unsigned => forged(lines.say("is not signed", "are not signed")),
            Fault::OtherKey => forged(lines.say(
                "is not signed with the key of the root secret",
                "are not signed with the key of the root secret",
            )),
            Fault::LeftBehind => {
                let said = lines.say(
                    "was signed with a root secret that has been left since",
                    "were signed with a root secret that has been left since",
                );
                mistake!(
                    "lock::left-behind",
                    "{said}",
                    help(
                        "a branch that began before a rotation of the root secret was finished has been merged after it: take homelab.lock of the side that finished it as it is, and do again what the other did"
                    ),
                )
            }
            Fault::NoAuthority => {
                let said = lines.say(
                    "is of an authority that it does not have",
                    "are of authorities that it does not have",
                );
                mistake!(
                    "lock::no-authority",
                    "{said}",
                    help(
                        "bring back the lines that begin with `authority`: `git checkout -- homelab.lock`"
                    ),
                )
            }
        }
    }
}

fn forged(said: String) -> Mistake {
    mistake!(
        "lock::forged",
        "{said}",
        help(
            "nobody with the root secret wrote this: find out who did, `git log -p -- homelab.lock`, and bring back the last good one: `git checkout -- homelab.lock`"
        ),
    )
}

/// Something that may be there once, and is there twice.
pub(crate) fn duplicate(what: &str, lines: [usize; 2], help: &str) -> Mistake {
    let [first, second] = lines;
    mistake!(
        "lock::duplicate",
        "homelab.lock has {what} twice: lines {first} and {second}",
        help("{help}"),
    )
}
