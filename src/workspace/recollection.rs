//! Where this machine keeps what it remembers of a homelab: a file for each directory, below where the user's programs keep their state.
//!
//! Nothing fails for want of it. Whoever has no home, as in CI, is told what that means.

use std::io;
use std::path::{Path, PathBuf};

use blake3::Hash;
use jiff::Timestamp;

use super::{Held, Listener, Workspace, bounded};
use crate::build::Accepted;
use crate::lock::{HandedOut, Lock};
use crate::memory::{Memory, file_name};
use crate::tree::{Existing, Mode, make_private_directory, write_durably};

/// Bytes of such a file, at the most: more than 100,000 certificates.
const LIMIT: u64 = 64 << 20;

/// What is remembered of a homelab, and where.
#[derive(Clone)]
pub(crate) struct Recollection {
    pub memory: Memory,
    place: Option<Place>,
    listener: Listener,
}

#[derive(Clone)]
struct Place {
    file: PathBuf,
    /// The homelab's directory.
    directory: PathBuf,
    /// What the file says.
    present: String,
}

/// Why nothing can be remembered.
const NO_PLACE: &str = "neither $XDG_STATE_HOME nor $HOME names a directory";

/// Where that is, and the homelab's directory; none where there is no such place.
pub(super) fn place_of(workspace: &Workspace) -> Option<(PathBuf, PathBuf)> {
    let directory = workspace.directory().canonicalize().ok()?;
    let state = workspace.surroundings.state.as_ref()?;
    let file = state.join("homelab").join(file_name(&directory));
    Some((file, directory))
}

impl Recollection {
    /// What is remembered of the homelab in that directory.
    pub(crate) fn of(workspace: &Workspace) -> Recollection {
        let listener = workspace.listener();
        let Some((file, directory)) = place_of(workspace) else {
            return Recollection {
                memory: Memory::default(),
                place: None,
                listener,
            };
        };
        let read = bounded::whole(&file, LIMIT);
        let (memory, present) = match read.map(String::from_utf8) {
            Ok(Ok(text)) => (Memory::from_text(&text), text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                (Some(Memory::default()), String::new())
            }
            _ => (None, String::new()),
        };
        if memory.is_none() {
            listener.note(format_args!(
                "{} is damaged: what this machine remembered of `{}` is lost, and only what out/ tells counts.",
                file.display(),
                directory.display()
            ));
        }
        Recollection {
            memory: memory.unwrap_or_default(),
            place: Some(Place {
                file,
                directory,
                present,
            }),
            listener,
        }
    }

    /// Where this machine keeps the index of the tree that was built last.
    pub(crate) fn place_of_index(workspace: &Workspace) -> Option<PathBuf> {
        let (memory, _) = place_of(workspace)?;
        Some(memory.with_extension("index"))
    }

    /// The hash of what is remembered at the moment, which is not read for it.
    pub(crate) fn hash_of_present(workspace: &Workspace) -> Option<Hash> {
        let (memory, _) = place_of(workspace)?;
        bounded::hash_of_start(&memory, LIMIT).ok()
    }

    /// The hash of the file, as it was read or written last.
    pub(crate) fn hash(&self) -> Option<Hash> {
        let place = self.place.as_ref()?;
        Some(blake3::hash(place.present.as_bytes()))
    }

    /// Forgets the homelab that was in that directory, where another one begins.
    pub(crate) fn begin_anew(workspace: &Held) {
        let mut recollection = workspace.recollection().clone();
        if recollection.memory == Memory::default() {
            return;
        }
        recollection.listener.note(format_args!(
            "Another homelab was built in this directory before: what this machine remembered of it is forgotten.",
        ));
        recollection.memory = Memory::default();
        recollection.keep();
    }

    /// The manifests of an output tree that were written here.
    pub(crate) fn manifests(&self, out: &Path) -> &[Hash] {
        self.memory.manifests(&self.name(out))
    }

    /// Remembers what a build goes by, where these devices may have come back.
    pub(crate) fn learn(
        &mut self,
        lock: &Lock,
        handed_out: &[HandedOut],
        accepted: Accepted<'_>,
        now: Timestamp,
    ) {
        let remembered = &mut self.memory.remembered;
        remembered.accept_devices(accepted.returns);
        if accepted.order {
            remembered.accept_order(lock);
        }
        self.memory.learn(lock, handed_out, now);
    }

    /// Remembers manifests that are about to be written, before they are.
    pub(crate) fn write_manifests(&mut self, out: &Path, hashes: &[Hash]) {
        let name = self.name(out);
        self.memory.write_manifests(&name, hashes);
        self.keep();
    }

    /// Writes it, if it says anything else than the file. That it cannot be written is told, and no more.
    pub(crate) fn keep(&mut self) {
        let why = match &mut self.place {
            None => String::from(NO_PLACE),
            Some(place) => match place.keep(&self.memory) {
                Ok(()) => return,
                Err(why) => why,
            },
        };
        // Once is enough.
        self.place = None;
        self.listener.note(format_args!(
            "This machine cannot remember what was built ({why}): each build makes everything anew and compares, and only out/ tells whether homelab.lock went back."
        ));
    }

    /// What a tree is called: by its path in the homelab's directory, or by the whole one.
    fn name(&self, out: &Path) -> String {
        let whole = out.canonicalize().or_else(|_| std::path::absolute(out));
        let whole = whole.unwrap_or_else(|_| out.to_owned());
        let directory = self.place.as_ref().map(|place| place.directory.as_path());
        let within = directory.and_then(|directory| whole.strip_prefix(directory).ok());
        within.unwrap_or(&whole).to_string_lossy().into_owned()
    }
}

impl Place {
    fn keep(&mut self, memory: &Memory) -> Result<(), String> {
        let text = memory.to_text(&self.directory);
        if text == self.present {
            return Ok(());
        }
        let parent = self.file.parent().expect("it is a file in a directory");
        make_private_directory(parent)
            .map_err(|_| format!("the directory `{}` cannot be made", parent.display()))?;
        write_durably(&self.file, Mode::Secret, text.as_bytes(), Existing::Replace)
            .map_err(|error| error.to_string())?;
        self.present = text;
        Ok(())
    }
}
