//! The directory that a declaration stands in, and the files beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use miette::Diagnostic;
use thiserror::Error;
use walkdir::WalkDir;

use super::arguments::Declaration;
use super::failure::{Exit, Failure};
use super::hold::Held;
use super::memory::{self, Recollection};
use super::{believed, bounded, git, report, secret};
use crate::build;
use crate::diagnostic::Mistakes;
use crate::lock::{self, Lock, Signatures};
use crate::model::{Homelab, Language};
use crate::parse;
use crate::root::{Keyring, RootKey, is_armoured};
use crate::source::{Source, normal_form};
use crate::template::{self, Templates};
use crate::tree::{Existing, Mode, linked_file, parent_of, write_durably};

/// Bytes of a lock, at the most: more than 100,000 certificates.
const LOCK_LIMIT: u64 = 64 << 20;

/// Bytes of a template or of a file of messages, at the most.
const TEMPLATE_LIMIT: u64 = 1 << 20;
/// Bytes of all of them, at the most.
const TEMPLATES_LIMIT: usize = 16 << 20;
/// Files and directories below `templates/`, at the most.
const MOST_TEMPLATES: usize = 4096;

/// The directory of a declaration, to be read. What is to be changed is [`Held`].
pub(super) struct Workspace {
    directory: PathBuf,
    declaration: PathBuf,
    root_key: Option<RootKey>,
    /// The epoch of an older lock that counts even so.
    accept_epoch: Option<u64>,
    /// Read when it is asked for first: who holds the directory does so by then.
    recollection: OnceLock<Recollection>,
}

/// How a lock that is there stands to one that would be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// They are the same.
    Same,
    /// The same records in another form, as a merge leaves them.
    Otherwise,
    /// It has records that nobody has signed yet.
    Unsigned,
}

#[derive(Debug, Error, Diagnostic)]
pub(super) enum WorkspaceError {
    #[error("there is no `{}`", path.display())]
    #[diagnostic(
        code("workspace::no-declaration"),
        help("{}", where_it_is(above.as_deref()))
    )]
    NoDeclaration {
        path: PathBuf,
        above: Option<PathBuf>,
    },

    #[error("cannot read `{}`", path.display())]
    #[diagnostic(
        code("workspace::cannot-read"),
        help("see that it is a file that you may read")
    )]
    CannotRead {
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    #[error("`{}` is a link that leads out of `{}`", path.display(), root.display())]
    #[diagnostic(
        code("workspace::link-out"),
        help(
            "copy what it leads to: what a build reads is to be where git and other people see it"
        )
    )]
    LinkOut { path: PathBuf, root: PathBuf },

    #[error("`{}` is a link out of its directory, and what it leads to has mistakes, such as `{code}`", path.display())]
    #[diagnostic(
        code("workspace::mistakes-behind-link"),
        help(
            "what they are is not shown, for a link that came with the repository may lead to anything: see them where the file is, `homelab check --file {}`", target.display()
        )
    )]
    MistakesBehindLink {
        path: PathBuf,
        target: PathBuf,
        code: &'static str,
    },

    #[error("`{}` holds more than {MOST_TEMPLATES} files, or more than {} MiB of templates", path.display(), TEMPLATES_LIMIT >> 20)]
    #[diagnostic(
        code("workspace::too-many-templates"),
        help("keep there what overrides the built-in templates, and nothing else")
    )]
    TooManyTemplates { path: PathBuf },

    #[error("a signature that was just made does not verify: this machine miscalculates")]
    #[diagnostic(
        code("workspace::miscalculates"),
        help("nothing was written: use another machine, or have its memory tested")
    )]
    Miscalculates,

    #[error("the output tree cannot be a directory that the declaration stands in, `{}`", path.display())]
    #[diagnostic(
        code("workspace::out-is-here"),
        help("give it a directory of its own, such as `--out out`")
    )]
    OutIsHere { path: PathBuf },

    #[error("`{}` is a link that git keeps: whoever can push says where output goes", path.display())]
    #[diagnostic(
        code("workspace::out-is-a-link"),
        help(
            "see who committed it, `git log -- {}`, and remove it, `git rm {}`; a link of your own that git ignores is taken",
            path.display(), path.display()
        )
    )]
    OutIsALink { path: PathBuf },
}

impl WorkspaceError {
    /// The failure of a machine that miscalculates.
    pub(super) fn miscalculates() -> Failure {
        Failure::environment(WorkspaceError::Miscalculates)
    }
}

impl Workspace {
    /// The workspace of a declaration, which need not exist yet.
    pub(super) fn of(declaration: &Declaration) -> Workspace {
        let (root_key, accept_epoch) = (declaration.root_key, declaration.accept_epoch);
        let declaration = &declaration.file;
        Workspace {
            directory: parent_of(declaration).to_owned(),
            declaration: declaration.to_owned(),
            root_key,
            accept_epoch,
            recollection: OnceLock::new(),
        }
    }

    /// What this machine remembers of the homelab.
    pub(super) fn recollection(&self) -> &Recollection {
        self.recollection.get_or_init(|| memory::recall(self))
    }

    /// Whether somebody has said that this lock counts, though it is behind others.
    pub(super) fn accepts_order_of(&self, lock: &Lock) -> bool {
        self.accept_epoch == Some(lock.epoch)
    }

    /// A file or directory beside the declaration, as a user would write its path.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        match self.directory.as_path() {
            here if here == Path::new(".") => PathBuf::from(name),
            directory => directory.join(name),
        }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The declaration itself.
    pub(super) fn declaration(&self) -> &Path {
        &self.declaration
    }

    /// The output tree that a command names, or `out/`; it must not be the workspace itself.
    pub(super) fn out(&self, named: Option<&Path>) -> Result<PathBuf, Failure> {
        let out = named.map_or_else(|| self.path("out"), Path::to_owned);
        let is_here = match (out.canonicalize(), self.directory.canonicalize()) {
            (Ok(out), Ok(here)) => here.starts_with(out),
            _ => false,
        };
        if is_here {
            let error = WorkspaceError::OutIsHere { path: out };
            return Err(Failure::new(Exit::Usage, error));
        }
        match git::tracked_link(&self.directory, &out) {
            Some(link) => {
                let path = link.to_owned();
                let error = WorkspaceError::OutIsALink { path };
                Err(Failure::new(Exit::Difference, error))
            }
            None => Ok(out),
        }
    }

    /// Reads and resolves the declaration.
    pub(super) fn homelab(&self) -> Result<Homelab, Failure> {
        // One more, which tells that there are more.
        let most = parse::SIZE_LIMIT as u64 + 1;
        let Some(bytes) = self.read_start(&self.declaration, most)? else {
            let (path, above) = (self.declaration.clone(), self.above());
            return Err(Failure::environment(WorkspaceError::NoDeclaration {
                path,
                above,
            }));
        };
        let name = self.declaration.display().to_string();
        let wrong = |mistakes| mistaken(&self.declaration, Exit::Declaration, mistakes);
        let source = parse::source(name, bytes).map_err(wrong)?;
        let languages = self.languages()?;
        crate::compile_with(&source, &languages).map_err(wrong)
    }

    /// The nearest directory above this one that has such a declaration.
    fn above(&self) -> Option<PathBuf> {
        let name = self.declaration.file_name()?;
        let here = std::path::absolute(&self.directory).ok()?;
        let mut above = here.ancestors().skip(1);
        let found = above.find(|directory| directory.join(name).is_file());
        found.map(Path::to_owned)
    }

    /// The languages that guides can be written in: the built-in ones, and those of `templates/messages/`.
    fn languages(&self) -> Result<Vec<Language>, Failure> {
        let mut languages = BTreeSet::from_iter(template::built_in_languages());
        let path = self.path("templates").join("messages");
        if path.is_dir() {
            let cannot_read = |source| {
                let path = path.clone();
                Failure::environment(WorkspaceError::CannotRead { path, source })
            };
            for entry in std::fs::read_dir(&path).map_err(cannot_read)? {
                let name = entry.map_err(cannot_read)?.file_name();
                let name = name.to_str().map(|name| format!("messages/{name}"));
                languages.extend(name.and_then(|name| template::language_of(&name)));
            }
        }
        Ok(languages.into_iter().collect())
    }

    /// Reads the lock; `None` if there is none.
    pub(super) fn lock(&self) -> Result<Option<Lock>, Failure> {
        let path = self.path("homelab.lock");
        let Some(bytes) = self.read(&path, LOCK_LIMIT)? else {
            return Ok(None);
        };
        // What is not UTF-8 is damage, and the lines around it tell where.
        let text = String::from_utf8_lossy(&normal_form(&bytes)).into_owned();
        let source = Source::new(path.display().to_string(), text);
        let lock =
            lock::read(&source).map_err(|mistakes| mistaken(&path, Exit::Environment, mistakes))?;
        build::hold_against_pin(&lock, self.pinned()?)?;
        Ok(Some(lock))
    }

    /// The key that the lock has to be signed with, where one is pinned.
    pub(super) fn pinned(&self) -> Result<Option<RootKey>, Failure> {
        believed::pinned(self.root_key)
    }

    /// The lock as it would be written, signed by that keyring where a record has changed, and the one that is
    /// there, whatever ends its lines have: which is git's affair, and a build with nothing to do leaves a
    /// checked-out file as it is. None where something is to be signed, and there is no keyring.
    fn rewritten(
        &self,
        lock: &Lock,
        keyring: Option<&Keyring>,
    ) -> Result<(Option<String>, Vec<u8>), Failure> {
        let present = self.read(&self.path("homelab.lock"), LOCK_LIMIT)?;
        let present = normal_form(&present.unwrap_or_default()).into_owned();
        let kept = String::from_utf8_lossy(&present);
        let signatures = Signatures::kept_in(&kept);
        let signatures = match keyring {
            Some(keyring) => signatures.and_by(keyring, &lock.root),
            None => signatures,
        };
        let text = lock.to_text(&signatures);
        let text = text.map_err(|_| WorkspaceError::miscalculates())?;
        Ok((text, present))
    }

    /// How the lock that is there stands to the way in which this one would be written.
    pub(super) fn written(&self, lock: &Lock) -> Result<Written, Failure> {
        let (text, present) = self.rewritten(lock, None)?;
        Ok(match text {
            None => Written::Unsigned,
            Some(text) if text.as_bytes() == present => Written::Same,
            Some(_) => Written::Otherwise,
        })
    }

    /// The sealed root secret, whatever git made of the ends of its lines; `None` if there is none.
    pub(super) fn sealed(&self) -> Result<Option<Vec<u8>>, Failure> {
        let sealed = self.read(&self.path("homelab.age"), secret::LIMIT)?;
        Ok(sealed.map(|bytes| match is_armoured(&bytes) {
            true => normal_form(&bytes).into_owned(),
            // Without its armour it is no text.
            false => bytes,
        }))
    }

    /// The built-in templates under those in `templates/`.
    pub(super) fn templates(&self) -> Result<Templates, Failure> {
        let root = self.path("templates");
        let mut overrides = BTreeMap::new();
        let too_many = || {
            let path = root.clone();
            Failure::environment(WorkspaceError::TooManyTemplates { path })
        };
        let mut size = 0;
        // The directory itself may be a link, as whoever keeps such files elsewhere has it.
        if let Ok(true_root) = root.canonicalize().and_then(|path| {
            if path.is_dir() {
                Ok(path)
            } else {
                Err(io::ErrorKind::NotADirectory.into())
            }
        }) {
            for (number, entry) in WalkDir::new(&root)
                .follow_links(true)
                .max_depth(8)
                .into_iter()
                .enumerate()
            {
                if number >= MOST_TEMPLATES {
                    return Err(too_many());
                }
                let entry = entry.map_err(|error| {
                    let path = error.path().unwrap_or(&root).to_owned();
                    let source = error.into();
                    Failure::environment(WorkspaceError::CannotRead { path, source })
                })?;
                refuse_link_out(&root, &true_root, &entry)?;
                if let Some((name, text)) = self.override_at(&root, entry.path())? {
                    size += text.len();
                    if size > TEMPLATES_LIMIT {
                        return Err(too_many());
                    }
                    overrides.insert(name, text);
                }
            }
        }
        Templates::new(overrides).map_err(|error| Failure::new(Exit::Declaration, error))
    }

    /// The override in a file below `templates/`; other files there are the user's own affair.
    fn override_at(&self, root: &Path, path: &Path) -> Result<Option<(String, String)>, Failure> {
        let name = path.strip_prefix(root).ok().and_then(Path::to_str);
        let is_override = |name: &&str| {
            name.ends_with(".j2") || name.starts_with("messages/") && name.ends_with(".kdl")
        };
        let Some(name) = name.filter(|name| is_override(name) && !path.is_dir()) else {
            return Ok(None);
        };
        let cannot_read = |source| {
            let path = path.to_owned();
            Failure::environment(WorkspaceError::CannotRead { path, source })
        };
        let bytes = bounded::whole(path, TEMPLATE_LIMIT).map_err(cannot_read)?;
        let text = String::from_utf8(bytes);
        let text = text.map_err(|_| cannot_read(io::Error::other("it is not UTF-8")))?;
        Ok(Some((name.to_owned(), text)))
    }

    /// A file's bytes; `None` if there is none. An error where it has more than `limit`, or is no file.
    pub(super) fn read(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Failure> {
        found(path, bounded::whole(path, limit))
    }

    /// A file's first bytes, at most as many; `None` if there is none.
    pub(super) fn read_start(&self, path: &Path, most: u64) -> Result<Option<Vec<u8>>, Failure> {
        found(path, bounded::start(path, most))
    }
}

/// What to do where there is no declaration: who has one stands in another directory.
fn where_it_is(above: Option<&Path>) -> String {
    let cd = match above {
        Some(above) => format!("there is one above: `cd {}`", above.display()),
        None => String::from("`cd` to the directory that has it"),
    };
    format!(
        "{cd}, or name it with `--file FILE`; only where there is no homelab yet, begin one with `homelab init DOMAIN`"
    )
}

/// A link may lead from one template to another, and not out of their directory.
fn refuse_link_out(
    root: &Path,
    true_root: &Path,
    entry: &walkdir::DirEntry,
) -> Result<(), Failure> {
    if entry.depth() == 0 || !entry.path_is_symlink() {
        return Ok(());
    }
    let leads_to = entry.path().canonicalize();
    if leads_to.is_ok_and(|target| target.starts_with(true_root)) {
        Ok(())
    } else {
        Err(Failure::environment(WorkspaceError::LinkOut {
            path: entry.path().to_owned(),
            root: root.to_owned(),
        }))
    }
}

/// What is wrong with a file, without a word of it where a link leads to it out of its directory: the link may have come with the
/// repository, and what it leads to may be a secret of whoever reads this, or of CI's.
fn mistaken(path: &Path, exit: Exit, mistakes: Mistakes) -> Failure {
    match leads_out(path) {
        None => Failure::mistakes(exit, mistakes),
        Some(target) => {
            let code = mistakes.codes().into_iter().next().unwrap_or_default();
            let path = path.to_owned();
            Failure::new(
                exit,
                WorkspaceError::MistakesBehindLink { path, target, code },
            )
        }
    }
}

/// What a link in the place of a file leads to, where that is outside of its directory.
fn leads_out(path: &Path) -> Option<PathBuf> {
    let is_link = path
        .symlink_metadata()
        .is_ok_and(|there| there.is_symlink());
    if !is_link {
        return None;
    }
    // Where it leads cannot be said of `/proc/self/fd/3`: then it is out.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let directory = parent_of(path).canonicalize();
    let is_inside = directory.is_ok_and(|directory| target.starts_with(directory));
    (!is_inside).then_some(target)
}

fn found(path: &Path, read: io::Result<Vec<u8>>) -> Result<Option<Vec<u8>>, Failure> {
    match read {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // What a link leads to may only be away: no reason to begin anew.
            linked_file(path)
                .map_err(Failure::environment)
                .map(|_| None)
        }
        Err(source) => {
            let path = path.to_owned();
            Err(Failure::environment(WorkspaceError::CannotRead {
                path,
                source,
            }))
        }
    }
}

impl Held {
    /// Writes the lock, if it says anything else than the one that is there.
    ///
    /// Signed by that keyring where a record has changed; whether it could be written.
    pub(super) fn write_lock(
        &self,
        lock: &Lock,
        keyring: Option<&Keyring>,
    ) -> Result<bool, Failure> {
        let (text, present) = self.rewritten(lock, keyring)?;
        match text {
            None => return Ok(false),
            Some(text) if text.as_bytes() == present => {}
            Some(text) => self.write("homelab.lock", text.as_bytes())?,
        }
        Ok(true)
    }

    /// Writes a public file beside the declaration, in place of the one that is there. Through links it is written to
    /// what they lead to.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.put(name, bytes, Existing::Replace)
    }

    /// The same for a file that nobody keeps elsewhere: a link in its place is replaced.
    pub(super) fn write_here(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.put(name, bytes, Existing::ReplaceHere)
    }

    fn put(&self, name: &str, bytes: &[u8], existing: Existing) -> Result<(), Failure> {
        let path = self.path(name);
        if std::fs::metadata(&path).is_ok_and(|there| there.nlink() > 1) {
            // A file that is replaced whole can keep only one of its names; backups go by that.
            report::note(format_args!(
                "`{}` has another name (a hard link): under that one it stays as it was.",
                path.display()
            ));
        }
        write_durably(&path, Mode::Public, bytes, existing).map_err(Failure::environment)
    }
}

impl AsRef<Workspace> for Workspace {
    fn as_ref(&self) -> &Workspace {
        self
    }
}
