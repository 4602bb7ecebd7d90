//! One homelab in a directory of its own, and commands run in it with an environment of its own.
//!
//! ```ignore
//! let lab = Lab::new().declare(r#"domain "home.example.com""#);
//! lab.command(["build"]).umask(0o077).faketime("2030-01-01 00:00:00").run().succeeds();
//! assert!(lab.read("out/edge/Caddyfile").starts_with("{"));
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::caddy::Version;
use super::clock;
use super::edge_files;
use super::files::{self, Entry};
use super::outcome::{self, Outcome};
use super::tools::{self, tool};

/// 2027-01-01T00:00:00Z, the day 0 of [`Invocation::on`], and how long a day is.
pub const NEW_YEAR: i64 = 1_798_761_600;
pub const DAY: i64 = 86_400;

/// A homelab's directory and, beside it, its user's home; both go when it is dropped.
pub struct Lab {
    place: TempDir,
}

impl Lab {
    pub fn new() -> Self {
        Self::within(&env::temp_dir())
    }

    /// One that lies in this directory, and its copies too: on another file system, say.
    pub fn within(around: &Path) -> Self {
        let lab = Self::nowhere(around);
        for directory in [lab.path(), lab.home()] {
            fs::create_dir(directory).expect("a new directory is empty");
        }
        lab
    }

    fn nowhere(around: &Path) -> Self {
        // No dot in its name: a Caddy that works below one lists no files.
        let mut builder = tempfile::Builder::new();
        let place = builder.prefix("homelab-").tempdir_in(around);
        let place = place.expect("a temporary directory can be made");
        Self { place }
    }

    /// Writes `homelab.kdl`, in place of what it held.
    #[track_caller]
    pub fn declare(self, text: &str) -> Self {
        self.write("homelab.kdl", text);
        self
    }

    /// A homelab that has been built.
    #[track_caller]
    pub fn built(declaration: &str) -> Self {
        let lab = Self::new().declare(declaration);
        lab.command(["build"]).run().succeeds();
        lab
    }

    /// A homelab that was built on [that day](Invocation::on).
    #[track_caller]
    pub fn built_on(day: i64, declaration: &str) -> Self {
        let lab = Self::new().declare(declaration);
        lab.command(["build"]).on(day).run().succeeds();
        lab
    }

    /// Replaces a part of `homelab.kdl` that stands there once.
    #[track_caller]
    pub fn edit(&self, from: &str, to: &str) {
        let text = self.read("homelab.kdl");
        assert_eq!(
            text.matches(from).count(),
            1,
            "{from:?} in homelab.kdl:\n{text}"
        );
        self.write("homelab.kdl", text.replace(from, to));
    }

    /// The directory that holds `homelab.kdl`.
    pub fn path(&self) -> PathBuf {
        self.place.path().join("lab")
    }

    /// The user's home, which holds `.config/homelab/identity.txt`.
    pub fn home(&self) -> PathBuf {
        self.place.path().join("home")
    }

    /// Writes a file of the homelab, and the directories above it.
    #[track_caller]
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        let directory = path.parent().expect("a file lies in a directory");
        fs::create_dir_all(directory)
            .and_then(|()| fs::write(&path, content))
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    }

    /// A text file of the homelab.
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        String::from_utf8(self.read_bytes(path))
            .unwrap_or_else(|error| panic!("{path} is not UTF-8: {error}"))
    }

    /// The edge's files as they were built, as one text.
    #[track_caller]
    pub fn built_edge(&self) -> String {
        edge_files::joined(&self.path().join("out/edge"))
    }

    /// The fingerprints on the lists of those that are let in, in hexadecimal; a long list stands apart from its site.
    #[track_caller]
    pub fn let_in(&self) -> BTreeSet<String> {
        let edge = self.built_edge();
        let is_list = |line: &&str| {
            let line = line.trim_start();
            line.starts_with("@allowed ") || line.starts_with("@audience-")
        };
        let words = edge.lines().filter(is_list);
        let words = words.flat_map(|line| line.split([' ', '\'']));
        words
            .filter(|word| word.len() == 64)
            .map(str::to_owned)
            .collect()
    }

    /// The edge's files for that Caddy: as they were built, or, for the old one, built again with the word for it.
    #[track_caller]
    pub fn edge(&self, version: Version) -> String {
        let declaration = self.read("homelab.kdl");
        if version != Version::Old || declaration.contains("caddy \"") {
            return self.built_edge();
        }
        let copy = self.copy();
        copy.write("homelab.kdl", for_the_old_caddy(&declaration));
        copy.command(["build", "--edge"]).run().succeeds();
        copy.built_edge()
    }

    #[track_caller]
    pub fn read_bytes(&self, path: &str) -> Vec<u8> {
        fs::read(self.path().join(path))
            .unwrap_or_else(|error| panic!("cannot read {path}: {error}"))
    }

    /// All files of the homelab, `out/` included.
    #[track_caller]
    pub fn snapshot(&self) -> BTreeMap<String, Entry> {
        files::snapshot(&self.path())
    }

    /// A second homelab, elsewhere, with the same files and the same home.
    #[track_caller]
    pub fn copy(&self) -> Self {
        let around = self.place.path().parent();
        let copy = Self::nowhere(around.expect("a place lies in a directory"));
        files::copy(&self.path(), &copy.path());
        files::copy(&self.home(), &copy.home());
        // What the machine remembers of the one, it remembers of the other.
        let _ = fs::rename(copy.memory_of(&self.path()), copy.memory());
        copy
    }

    /// The file in which the machine remembers this homelab.
    pub fn memory(&self) -> PathBuf {
        self.memory_of(&self.path())
    }

    fn memory_of(&self, directory: &Path) -> PathBuf {
        let directory = directory.canonicalize().expect("it is a directory");
        let name = homelab::internals::memory_file_name(&directory);
        self.home().join(".local/state/homelab").join(name)
    }

    /// Another machine, or the same without what it remembers.
    pub fn forget(&self) {
        let _ = fs::remove_file(self.memory());
    }

    /// git in the homelab's directory, with nobody's settings.
    pub fn git(&self, words: &[&str]) -> Outcome {
        self.git_below(".", words)
    }

    /// The same in a directory of the homelab's.
    pub fn git_below(&self, directory: &str, words: &[&str]) -> Outcome {
        let mut command = tools::command("git");
        command
            .current_dir(self.path().join(directory))
            .env("HOME", self.home())
            .env("GIT_CONFIG_NOSYSTEM", "1");
        for setting in [
            "user.name=test",
            "user.email=test@example.com",
            "init.defaultBranch=main",
            "gc.auto=0",
            "core.fsync=none",
        ] {
            command.args(["-c", setting]);
        }
        outcome::run(command.args(words), b"")
    }

    /// `homelab` with these arguments, to be run in the homelab's directory.
    pub fn command<Argument: Into<OsString>>(
        &self,
        arguments: impl IntoIterator<Item = Argument>,
    ) -> Invocation {
        let home = self.home();
        let own = [
            ("HOME", home.clone()),
            ("XDG_CONFIG_HOME", home.join(".config")),
            ("TMPDIR", self.place.path().to_owned()),
            ("TZ", "UTC".into()),
        ];
        let environment = own.map(|(name, value)| (name.into(), value.into()));
        Invocation {
            wrappers: Vec::new(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            directory: self.path(),
            environment: BTreeMap::from(environment),
            stdin: Vec::new(),
        }
    }
}

/// A declaration that says nothing of Caddy's version, with the version that is Debian's.
pub fn for_the_old_caddy(declaration: &str) -> String {
    const BLOCK: &str = "edge {";
    match declaration.split_once(BLOCK) {
        Some((before, behind)) => format!("{before}{BLOCK} caddy \"2.6\"; {behind}"),
        None => format!("{declaration}\n{BLOCK} caddy \"2.6\"; }}\n"),
    }
}

/// One run of `homelab`, about to start. It sees no environment but its own and the caller's PATH.
#[must_use = "nothing happens before `run`"]
pub struct Invocation {
    wrappers: Vec<Vec<OsString>>,
    arguments: Vec<OsString>,
    directory: PathBuf,
    environment: BTreeMap<OsString, OsString>,
    stdin: Vec<u8>,
}

impl Invocation {
    /// Sets a variable, in place of what the lab gives it.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .insert(name.into(), value.as_ref().to_owned());
        self
    }

    /// Runs it so many days after the beginning of 2027, whatever the machine's clock says.
    pub fn on(self, day: i64) -> Self {
        self.at(NEW_YEAR + day * DAY)
    }

    /// Runs it at that time, in seconds since 1970.
    pub fn at(self, time: impl Display) -> Self {
        self.env("SOURCE_DATE_EPOCH", time.to_string())
    }

    /// Adds arguments.
    pub fn arguments<Argument: Into<OsString>>(
        mut self,
        arguments: impl IntoIterator<Item = Argument>,
    ) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Takes away a variable that the lab gives: HOME, XDG_CONFIG_HOME, TMPDIR or TZ.
    #[track_caller]
    pub fn without_env(mut self, name: &str) -> Self {
        let taken = self.environment.remove(OsStr::new(name));
        assert!(taken.is_some(), "there is no {name} to take away");
        self
    }

    pub fn directory(mut self, directory: &Path) -> Self {
        self.directory = directory.to_owned();
        self
    }

    /// What the command reads; nothing otherwise.
    pub fn stdin(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.stdin = content.into();
        self
    }

    pub fn umask(self, mask: u32) -> Self {
        // A shell, because the test process cannot change its own umask for one child without unsafe code.
        self.through([
            "sh".to_owned(),
            "-c".to_owned(),
            format!(r#"umask {mask:04o} && exec "$@""#),
            "sh".to_owned(),
        ])
    }

    /// Stops the clock at that time, `YYYY-MM-DD hh:mm:ss` in UTC.
    pub fn faketime(self, time: &str) -> Self {
        let told = clock::told(time).map(|(name, value)| {
            let mut word = OsString::from(name);
            word.push("=");
            word.push(value);
            word
        });
        self.through(iter::once("env".into()).chain(told))
    }

    /// Has strace tamper with system calls of the command: `inject=fsync:error=EIO:when=2`, say.
    #[track_caller]
    pub fn tampered(self, how: &str) -> Self {
        self.through(["strace", "-f", "-qq", "-o", "/dev/null", "-e", how])
    }

    /// Runs the command as arguments of another: `strace -o trace`, say. The last wrapper is the outermost.
    #[track_caller]
    pub fn through<Word: Into<OsString>>(
        mut self,
        wrapper: impl IntoIterator<Item = Word>,
    ) -> Self {
        let mut words: Vec<OsString> = wrapper.into_iter().map(Into::into).collect();
        let program = words.first_mut().expect("a wrapper names a program");
        *program = tool(program.to_str().expect("a program's name is UTF-8")).into();
        self.wrappers.push(words);
        self
    }

    /// Runs it to its end.
    pub fn run(self) -> Outcome {
        let (mut command, stdin) = self.prepare();
        outcome::run(&mut command, &stdin)
    }

    /// Starts it, with nothing to read and both its streams piped.
    #[track_caller]
    pub fn start(self) -> Child {
        let (mut command, _) = self.prepare();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("homelab can be started")
    }

    fn prepare(self) -> (Command, Vec<u8>) {
        let mut words: Vec<OsString> = self.wrappers.into_iter().rev().flatten().collect();
        words.push(env!("CARGO_BIN_EXE_homelab").into());
        words.extend(self.arguments);
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .current_dir(self.directory)
            .env_clear()
            .envs(env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(self.environment);
        (command, self.stdin)
    }
}
