//! What a build would change, as data for people and for scripts.

use serde::Serialize;

use super::consequence::Consequence;
use super::forecast::TreeForecast;
use super::notes::shown_secrets;
use super::prepare::Prepared;
use super::situation::Mode;
use super::step::Step;
use super::stop::Stop;
use super::update::LockChanges;
use crate::tree::{View, named_holder};

/// What a build would change.
#[derive(Serialize)]
pub(crate) struct Plan {
    /// The output tree.
    pub out: String,
    /// Whether a build would change anything.
    pub changes: bool,
    /// Whether it would take the root secret.
    pub needs_secret: bool,
    /// What it would do to homelab.lock.
    pub lock: LockPlan,
    /// What it would do in the output tree.
    pub artifacts: Vec<Step>,
    /// How many artifacts it would leave.
    pub unchanged: usize,
    /// Why it is not known what was built before; nothing where that is known.
    pub no_former_build: Option<String>,
    /// What it means for people.
    pub people: Vec<Consequence>,
    /// What would stop it.
    pub stops: Vec<ToldStop>,
    /// What else there is to know.
    pub notes: Vec<String>,
}

#[derive(Serialize)]
pub(crate) struct LockPlan {
    #[serde(flatten)]
    pub changes: LockChanges,
    /// Whether it is only written in its usual form.
    pub rewrite: bool,
}

/// Something that would stop a build.
#[derive(Serialize)]
pub(crate) struct ToldStop {
    /// The diagnostic's code.
    pub code: String,
    /// What is the matter.
    pub text: String,
    /// What to do.
    pub help: String,
}

impl From<&Stop> for ToldStop {
    fn from(Stop { report, .. }: &Stop) -> ToldStop {
        let told = |text: Option<Box<dyn std::fmt::Display + '_>>| {
            text.map(|text| text.to_string()).unwrap_or_default()
        };
        ToldStop {
            code: told(report.code()),
            text: report.to_string(),
            help: told(report.help()),
        }
    }
}

/// How a lock that is there stands to one that would be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// They are the same.
    Same,
    /// The same records in another form, as a merge leaves them.
    Otherwise,
    /// It has records that nobody has signed yet.
    Unsigned,
}

impl Plan {
    /// What was foreseen, of the lock and of the tree that `view` is of.
    pub(crate) fn of(
        prepared: Prepared<'_>,
        tree: TreeForecast,
        view: &View,
        written: Written,
    ) -> Plan {
        let out = view.directory().display();
        let stops = prepared.stops.iter().chain(&tree.stops);
        let stops = stops.map(ToldStop::from).collect();
        let notes = notes(&prepared, &tree, view);
        let changes = prepared.changes;
        let rewrite = changes.is_empty() && written != Written::Same;
        Plan {
            out: out.to_string(),
            changes: !tree.steps.is_empty() || !changes.is_empty() || rewrite,
            needs_secret: changes.need_the_secret()
                || tree.needs_secret
                || written == Written::Unsigned,
            stops,
            artifacts: tree.steps,
            unchanged: tree.unchanged,
            people: tree.consequences,
            no_former_build: tree.unknown_before.map(|why| format!("{out} {why}")),
            lock: LockPlan { changes, rewrite },
            notes,
        }
    }
}

/// What else there is to know.
fn notes(prepared: &Prepared<'_>, tree: &TreeForecast, view: &View) -> Vec<String> {
    let mut notes = notes_of_tree(view);
    let Prepared {
        before, situation, ..
    } = prepared;
    let is_of_all = prepared.mode != Mode::Edge;
    if is_of_all && before.is_some() && situation.sealed.is_none() {
        notes.push(String::from(
            "there is no homelab.age here: a build needs it, or a `--root-command`",
        ));
    }
    if tree.compared > 0 {
        notes.push(format!(
            "{} of the files in {} are not in its manifest, and take the secret: a build compares them, and stops where one is not its own",
            tree.compared,
            view.directory().display()
        ));
    }
    notes.extend(prepared.notes.iter().cloned());
    if let Some(lock) = before {
        notes.extend(prepared.ended(lock));
    }
    notes
}

/// What there is to know of a tree.
fn notes_of_tree(view: &View) -> Vec<String> {
    let doubted = view.is_doubted().then(|| {
        format!(
            "{} is not as this machine remembers it: a build makes everything anew and compares",
            view.directory().display()
        )
    });
    let damaged = view
        .damaged()
        .then(|| String::from("the manifest is damaged: a build writes it anew"));
    let busy = view.busy().map(|busy| {
        format!(
            "{} holds `{}`: this is how things stand in the midst of that",
            named_holder(busy.holder.as_ref()),
            view.directory().display()
        )
    });
    let shown = view.shows_secrets();
    let shown = shown.then(|| shown_secrets(view.directory()));
    (damaged.into_iter().chain(doubted))
        .chain(busy)
        .chain(shown)
        .collect()
}
