//! Knowing at once that there is nothing to build, from what the last build that had nothing to do went by and saw.
//!
//! What it went by is looked at again: small files are read, the tree is not (`tree/index.rs`). Whatever is otherwise, or cannot be
//! looked at, is a reason to build as if nothing were known, and to say there what the matter is.

use std::iter;
use std::path::Path;

use blake3::{Hash, Hasher};

use crate::build::{Intent, KnownTree, Settled, Span, Stream};
use crate::derive::Premises;
use crate::keyring::TRIED;
use crate::model::Name;
use crate::packed::{Packer, Unpacker};
use crate::template::Templates;
use crate::tree::{Existing, Identity, Index, Mode as FileMode, PackedIndex, View, write_durably};
use crate::workspace::{Held, PENDING, Recollection, Workspace, git, whole};

/// The kind of file that this is kept in, and its version.
const CONTEXT: &str = "homelab index v2";

/// Bytes of it, at the most: more than a million files.
const LIMIT: u64 = 256 << 20;

/// What was kept of the last build.
#[derive(Default)]
pub(crate) struct Kept(Vec<u8>);

/// What is known of a tree.
pub(crate) struct KeptTree<'k> {
    pub index: Index<'k>,
    /// What the folders of people in it were made from.
    pub premises: Premises,
}

/// What there is to know beside files, for the question whether a build would do the same.
pub(crate) struct Options<'a> {
    pub intent: Intent<'a>,
    /// Where the tree is, as somebody has said.
    pub out: Option<&'a Path>,
    /// All that was said in the command line.
    pub words: String,
}

/// What a build has seen that has written nothing.
pub(crate) struct Seen<'a> {
    pub options: &'a Options<'a>,
    pub out: &'a Path,
    /// What it has said.
    pub said: Vec<(Stream, String)>,
    /// The time in which it would see the same.
    pub span: Span,
    /// What this machine remembers, before and after.
    pub memory: Hash,
}

impl Kept {
    /// Reads it; what is not as it was written counts as nothing.
    pub(crate) fn of(workspace: &Workspace) -> Kept {
        let place = Recollection::place_of_index(workspace);
        let bytes = place.and_then(|place| whole(&place, LIMIT).ok());
        Kept(bytes.unwrap_or_default())
    }

    /// The index, what the folders of people were made from, and what is left.
    fn unpacked(&self) -> Option<(Index<'_>, Unpacker<'_>, Unpacker<'_>)> {
        let mut unpacker = Unpacker::of(&self.0, CONTEXT)?;
        let index = Index::of(unpacker.bytes()?)?;
        let premises = Unpacker::inside(unpacker.bytes()?);
        Some((index, premises, unpacker))
    }

    /// What is known of the tree that was built last.
    pub(crate) fn tree(&self) -> Option<KeptTree<'_>> {
        let (index, mut packed, _) = self.unpacked()?;
        let next = || Some((Name::new(packed.text()?).ok()?, packed.hash()?));
        Some(KeptTree {
            index,
            premises: iter::from_fn(next).collect(),
        })
    }

    /// What a build would say that has nothing to do, if that is certain.
    pub(crate) fn answer(&self, workspace: &Held, options: &Options<'_>) -> Option<Settled> {
        let (index, _, mut unpacker) = self.unpacked()?;
        let settled = Settled::unpack(unpacker.bytes()?)?;
        if !settled.span.contains(options.intent.clock.now) || is_unfinished(workspace) {
            return None;
        }
        let out = workspace.out(options.out).ok()?;
        let memory = Recollection::hash_of_present(workspace)?;
        let lists = workspace.lists().ok()?;
        let now = circumstances(workspace, options, &out, memory, lists)?;
        let is_same = now == settled.circumstances
            && { settled.files.iter() }.all(|(path, read)| workspace.reads_the_same(path, read))
            && !matches!(git::tracks(&out), git::Tracks::File(_))
            && index.holds(&out);
        is_same.then_some(settled)
    }

    /// Keeps what is known of a tree, what the folders of people in it were made from, and, of a build that has written nothing, what it has
    /// seen. Nothing fails for want of it.
    pub(crate) fn keep(
        &self,
        workspace: &Held,
        index: PackedIndex,
        premises: &Premises,
        seen: Option<Seen<'_>>,
    ) {
        let Some(place) = Recollection::place_of_index(workspace) else {
            return;
        };
        let settled = seen.filter(|_| index.is_whole);
        let settled = settled.and_then(|seen| seen.settled(workspace));
        let mut packer = Packer::default();
        packer.bytes(&index.bytes);
        packer.bytes(&packed(premises));
        if let Some(settled) = settled {
            packer.bytes(&settled.pack());
        }
        let bytes = packer.sealed(CONTEXT);
        if bytes != self.0 {
            // The directory is there, for the memory lies in it; where it does not, there is no index either.
            let _ = write_durably(&place, FileMode::Secret, &bytes, Existing::ReplaceHere);
        }
    }
}

impl Seen<'_> {
    fn settled(self, workspace: &Held) -> Option<Settled> {
        let journal = workspace.journal();
        let Seen {
            options,
            out,
            said,
            span,
            memory,
        } = self;
        let lists = journal.lists();
        let circumstances = circumstances(workspace, options, out, memory, lists)?;
        Settled::of(circumstances, span, &journal, said)
    }
}

fn packed(premises: &Premises) -> Vec<u8> {
    let mut packer = Packer::default();
    for (person, premises) in premises {
        packer.bytes(person.as_str().as_bytes());
        packer.hash(premises);
    }
    packer.unsealed()
}

/// What is known of the folders of people in a tree, where it was kept what they were made from; nothing where it cannot be told which
/// program this is.
pub(crate) fn known_tree<'v>(
    view: &'v View,
    premises: Option<&'v Premises>,
    workspace: &Workspace,
    templates: &Templates,
) -> Option<KnownTree<'v>> {
    let program = Identity::at(workspace.program()?)?;
    let own = templates.digest_of_own();
    let version = env!("CARGO_PKG_VERSION");
    let means = format!("{version} {program:?} {own}");
    Some(KnownTree {
        view,
        premises,
        means: blake3::hash(means.as_bytes()),
    })
}

/// What an interrupted command has left beside the declaration is completed by a build.
fn is_unfinished(workspace: &Workspace) -> bool {
    let left = [PENDING, TRIED];
    { left.iter() }.any(|name| workspace.path(name).symlink_metadata().is_ok())
}

/// The hash of all that a build goes by but for files and the time.
fn circumstances(
    workspace: &Workspace,
    options: &Options<'_>,
    out: &Path,
    memory: Hash,
    lists: impl IntoIterator<Item = (&'static str, Hash)>,
) -> Option<Hash> {
    let Options { intent, words, .. } = options;
    let Intent {
        mode,
        consent,
        clock,
    } = intent;
    let program = Identity::at(workspace.program()?)?;
    let user = rustix::process::geteuid().as_raw();
    let lists: Vec<_> = lists.into_iter().collect();
    let all = format!(
        "{words} {mode:?} {consent:?} {pinned:?} {source:?} {out:?} {user} {memory} {lists:?} {git} {version} {program:?}",
        pinned = workspace.pinned().ok()?,
        source = clock.source,
        out = out.canonicalize().ok()?,
        git = git::is_in_work_tree(workspace.directory()),
        version = env!("CARGO_PKG_VERSION"),
    );
    Some(Hasher::new().update(all.as_bytes()).finalize())
}
