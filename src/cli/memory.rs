//! Where this machine keeps what it remembers of a homelab: `$XDG_STATE_HOME/homelab/`, a file for each directory.
//!
//! Nothing fails for want of it. Whoever has no home, as in CI, is told what that means.

use std::io;
use std::path::{Path, PathBuf};

use blake3::Hash;

use super::failure::Failure;
use super::hold::Held;
use super::workspace::Workspace;
use super::{bounded, clock, report, secret};
use crate::lock::{HandedOut, Lock};
use crate::memory::{Memory, file_name};
use crate::model::DeviceId;
use crate::tree::{Existing, Mode, write_durably};

/// Bytes of such a file, at the most: more than 100,000 certificates.
const LIMIT: u64 = 64 << 20;

/// What is remembered of a homelab, and where.
#[derive(Clone, Default)]
pub(super) struct Recollection {
    pub memory: Memory,
    place: Option<Place>,
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

/// What is remembered of the homelab in that directory.
pub(super) fn recall(workspace: &Workspace) -> Recollection {
    let (Some(state), Ok(directory)) = (directory_of_state(), workspace.directory().canonicalize())
    else {
        return Recollection::default();
    };
    let file = state.join("homelab").join(file_name(&directory));
    let read = bounded::whole(&file, LIMIT);
    let (memory, present) = match read.map(String::from_utf8) {
        Ok(Ok(text)) => (Memory::from_text(&text), text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            (Some(Memory::default()), String::new())
        }
        _ => (None, String::new()),
    };
    if memory.is_none() {
        report::note(format_args!(
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
    }
}

/// Forgets the homelab that was in that directory, where another one begins.
pub(super) fn begin_anew(workspace: &Held) -> Result<(), Failure> {
    let mut recollection = workspace.recollection().clone();
    if recollection.memory == Memory::default() {
        return Ok(());
    }
    report::note(
        "Another homelab was built in this directory before: what this machine remembered of it is forgotten.",
    );
    recollection.memory = Memory::default();
    recollection.keep();
    Ok(())
}

/// `$XDG_STATE_HOME`, or where it is without that.
fn directory_of_state() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
    // The XDG specification: a relative path in the variable is to be ignored.
    let absolute = |path: &PathBuf| path.is_absolute();
    let state = set("XDG_STATE_HOME").filter(absolute);
    let home = || set("HOME").filter(absolute);
    state.or_else(|| home().map(|home| home.join(".local/state")))
}

impl Recollection {
    /// The manifests of an output tree that were written here.
    pub(super) fn manifests(&self, out: &Path) -> &[Hash] {
        self.memory.manifests(&self.name(out))
    }

    /// Remembers what a build goes by, where these devices may have come back.
    pub(super) fn learn(
        &mut self,
        workspace: &Workspace,
        lock: &Lock,
        handed_out: &[HandedOut],
        accepted: &[DeviceId],
    ) -> Result<(), Failure> {
        let remembered = &mut self.memory.remembered;
        remembered.accept_devices(accepted);
        if workspace.accepts_order_of(lock) {
            remembered.accept_order(lock);
        }
        self.memory.learn(lock, handed_out, clock::now()?);
        Ok(())
    }

    /// Remembers manifests that are about to be written, before they are.
    pub(super) fn write_manifests(&mut self, out: &Path, hashes: &[Hash]) {
        let name = self.name(out);
        self.memory.write_manifests(&name, hashes);
        self.keep();
    }

    /// Writes it, if it says anything else than the file. That it cannot be written is told, and no more.
    pub(super) fn keep(&mut self) {
        let why = match &mut self.place {
            None => String::from(NO_PLACE),
            Some(place) => match place.keep(&self.memory) {
                Ok(()) => return,
                Err(why) => why,
            },
        };
        // Once is enough.
        self.place = None;
        report::note(format_args!(
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
        secret::make_private_directory(parent).map_err(|failure| told(&failure))?;
        write_durably(&self.file, Mode::Secret, text.as_bytes(), Existing::Replace)
            .map_err(|error| error.to_string())?;
        self.present = text;
        Ok(())
    }
}

fn told(failure: &Failure) -> String {
    let mut reports = failure.reports.iter().map(ToString::to_string);
    reports.next().unwrap_or_default()
}
