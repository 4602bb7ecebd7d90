//! Making a tree, and telling what was made.

use std::collections::BTreeSet;
use std::path::Path;

use blake3::Hash;

use super::super::arguments::Make;
use super::super::progress::BAR;
use super::super::report;
use super::{MEANS, execute_failure};
use crate::build::{
    self, Accepted, Built, Mode as BuildMode, Prepared, Rendering, Situation, owner,
};
use crate::derive::{Derivation, Derived, Premises};
use crate::diagnostic::Failure;
use crate::lasting::Lasting;
use crate::lock::Lock;
use crate::progress::{Underway, Work};
use crate::render::Secrets;
use crate::settled::{Kept, KeptTree, Seen, known_tree};
use crate::tree::summed::{self, Listing};
use crate::tree::{Mode, PackedIndex, ReadManifest, Tree, sync_name};
use crate::workspace::{Held, Inputs, PATIENCE, Recollection};

/// A tree that is about to be made.
pub(super) struct Making<'a> {
    pub inputs: &'a Inputs<Held>,
    pub make: &'a Make,
    /// What is known of the tree, unless every byte is to be read.
    pub known: Option<&'a KeptTree<'a>>,
    /// That of the tree, where it was read already.
    pub manifest: Option<ReadManifest>,
    pub prepared: &'a Prepared<'a>,
    /// Brought up to date.
    pub lock: &'a Lock,
    /// The hash of homelab.age, which may be another one by now.
    pub sealed: Option<Hash>,
}

/// What there is to know of a tree that was made.
pub(super) struct Made {
    index: Option<PackedIndex>,
    /// What the folders of people were made from.
    premises: Premises,
    /// The hash of what this machine remembers by now.
    pub memory: Option<Hash>,
}

impl Made {
    /// Keeps it for the next build: last of all, when everything that it tells of is on the disk.
    pub(super) fn keep(self, kept: &Kept, workspace: &Held, seen: Option<Seen<'_>>) {
        if let Some(index) = self.index {
            kept.keep(workspace, index, &self.premises, seen);
        }
    }
}

impl Making<'_> {
    /// Makes the tree what the derivations say, and tells what was done. The secrets are unlocked only if some artifact
    /// that needs them is not up to date.
    pub(super) fn make(
        mut self,
        unlock: impl FnOnce() -> Result<Secrets, Failure>,
    ) -> Result<Made, Failure> {
        let Inputs {
            workspace,
            out,
            templates,
            ..
        } = self.inputs;
        let mut recollection = self.recollection();
        let mut tree = self.open(&recollection)?;
        if !self.make.no_index {
            tree.know(self.known.map(|known| &known.index));
        }
        let premises = self.known.map(|known| &known.premises);
        let known = known_tree(&tree, premises, workspace, templates);
        let foreseeing = Underway::begin(&BAR, Work::Foreseeing, 0);
        let Derived {
            derivations,
            premises,
        } = self
            .prepared
            .derived_for(self.lock, self.sealed, known.as_ref());
        let derivations = Lasting::new(derivations);
        let stale = build::stale(&derivations, &tree, templates);
        let mut stale = stale.map_err(Failure::environment)?;
        drop(foreseeing);
        let mut missing = BTreeSet::new();
        if self.prepared.mode == BuildMode::Edge {
            missing = build::set_aside(&mut stale, &tree).map_err(Failure::environment)?;
            report::notes(build::note_of_missing(&derivations, &missing));
        }
        let wanted = derivations.iter();
        let wanted = wanted.filter(|derivation| !missing.contains(&derivation.path));
        let wanted: Vec<&Derivation> = wanted.collect();
        if !stale.is_empty() {
            // Whoever wrote the lock may have been killed before its name was on the disk.
            sync_name(&workspace.path("homelab.lock")).map_err(Failure::environment)?;
        }
        let mut recipes = stale.iter().map(|(derivation, _)| &derivation.recipe);
        let secrets = if recipes.any(|recipe| recipe.needs_secrets()) {
            Some(unlock()?)
        } else {
            None
        };
        let built = build::execute(
            tree,
            &wanted,
            &stale,
            &self.prepared.scope(),
            Rendering {
                templates,
                secrets: secrets.as_ref(),
                progress: &BAR,
            },
            |manifests| recollection.write_manifests(out, manifests),
        );
        recollection.keep();
        let built = built.map_err(execute_failure)?;
        tell(out, &built, self.make.verbosity.listing());
        if built.shows_secrets && derivations.iter().any(is_secret) {
            report::note(build::shown_secrets(out));
        }
        if !built.consequences.is_empty() {
            report::result(format_args!("\n{MEANS}"));
            for consequence in &built.consequences {
                report::result(format_args!("  {}", consequence.text));
            }
        }
        Ok(Made {
            index: built.index,
            premises,
            memory: recollection.hash(),
        })
    }

    /// What this machine remembers, with what this build goes by.
    fn recollection(&self) -> Recollection {
        let workspace = &self.inputs.workspace;
        let mut recollection = match self.prepared.before {
            Some(_) => workspace.recollection().clone(),
            // What was remembered of another homelab is forgotten by now.
            None => Recollection::of(workspace),
        };
        let Situation {
            history,
            consent,
            clock,
            ..
        } = &self.prepared.situation;
        let accepted = Accepted {
            order: workspace.accepts_order_of(self.lock),
            ..consent.accepted
        };
        recollection.learn(self.lock, &history.handed_out, accepted, clock.now);
        recollection
    }

    fn open(&mut self, recollection: &Recollection) -> Result<Tree, Failure> {
        let out = &self.inputs.out;
        let tree = Tree::open_after(self.manifest.take(), out, owner(self.lock), PATIENCE);
        let mut tree = tree.map_err(Failure::environment)?;
        if tree.believe_only(recollection.manifests(out)) {
            report::note(format_args!(
                "{} is not as this machine remembers it: everything is made anew and compared.",
                out.display()
            ));
        }
        if tree.damaged() {
            report::note(format_args!(
                "The manifest of {} was damaged: it is written anew.",
                out.display()
            ));
        }
        Ok(tree)
    }
}

/// Whether an artifact is meant for its owner alone.
fn is_secret(derivation: &Derivation) -> bool {
    derivation.mode == Mode::Secret || derivation.recipe.needs_secrets()
}

/// Says what a build did: each path that changed, or how many of each kind, and the sum.
fn tell(out: &Path, built: &Built, listing: Listing) {
    let told = [
        ("built", &built.built),
        ("restored", &built.restored),
        ("removed", &built.removed),
    ];
    // In this order, however many they are.
    let told = { told.into_iter().enumerate() }
        .flat_map(|(at, (verb, paths))| paths.iter().map(move |path| (path.as_str(), (at, verb))));
    let told: Vec<(&str, (usize, &str))> = told.collect();
    for (line, (_, verb)) in summed::lines(&told, listing) {
        report::result(format_args!("{verb} {}", line.below(out)));
    }
    for directory in &built.modes_restored {
        let directory = directory.display();
        report::result(format_args!("restored {directory}/ (its mode)"));
    }
    let counts = [
        (built.built.len(), "built"),
        (built.restored.len(), "restored"),
        (built.unchanged, "unchanged"),
        (built.removed.len(), "removed"),
    ];
    let said = counts
        .iter()
        .filter(|(count, verb)| *count > 0 || *verb == "unchanged");
    let said: Vec<String> = said
        .map(|(count, verb)| format!("{count} {verb}"))
        .collect();
    report::result(said.join(", "));
}
