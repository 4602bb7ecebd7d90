//! What a command did, and assertions that show all of it when they fail.

use std::fmt;
use std::io::{Read, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A command that has ended.
#[must_use = "a command that may have failed has to be asked"]
pub struct Outcome {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// How long it took, by the clock of the machine.
    pub elapsed: Duration,
    command: String,
}

/// Runs a command to its end, with `stdin` as its standard input.
pub fn run(command: &mut Command, stdin: &[u8]) -> Outcome {
    let shown = show(command);
    let begin = Instant::now();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start `{shown}`: {error}"));
    let mut pipe = child.stdin.take().expect("stdin is piped");
    let output = thread::scope(|scope| {
        // A command may end without having read all of its input: not a fault of the test.
        scope.spawn(move || _ = pipe.write_all(stdin));
        child.wait_with_output()
    })
    .unwrap_or_else(|error| panic!("cannot wait for `{shown}`: {error}"));
    Outcome {
        status: output.status,
        stdout: output.stdout,
        stderr: output.stderr,
        elapsed: begin.elapsed(),
        command: shown,
    }
}

impl Outcome {
    /// Standard output as text; panics where it is not UTF-8.
    #[track_caller]
    pub fn stdout(&self) -> &str {
        str::from_utf8(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is not UTF-8: {error}\n{self}"))
    }

    /// Standard error as text; panics where it is not UTF-8.
    #[track_caller]
    pub fn stderr(&self) -> &str {
        str::from_utf8(&self.stderr)
            .unwrap_or_else(|error| panic!("stderr is not UTF-8: {error}\n{self}"))
    }

    #[track_caller]
    pub fn succeeds(&self) -> &Self {
        assert!(self.status.success(), "should have succeeded\n{self}");
        self
    }

    /// The command ended by itself with this exit code.
    #[track_caller]
    pub fn fails_with(&self, code: i32) -> &Self {
        assert_ne!(code, 0, "0 is no failure: say `succeeds`");
        assert!(
            self.status.code() == Some(code),
            "should have exited with {code}\n{self}"
        );
        self
    }

    #[track_caller]
    pub fn stdout_is(&self, expected: &str) -> &Self {
        assert!(
            self.stdout() == expected,
            "stdout should be\n{expected:?}\n{self}"
        );
        self
    }

    #[track_caller]
    pub fn stdout_contains(&self, part: &str) -> &Self {
        assert!(
            self.stdout().contains(part),
            "stdout should contain {part:?}\n{self}"
        );
        self
    }

    #[track_caller]
    pub fn stderr_is(&self, expected: &str) -> &Self {
        assert!(
            self.stderr() == expected,
            "stderr should be\n{expected:?}\n{self}"
        );
        self
    }

    #[track_caller]
    pub fn stderr_contains(&self, part: &str) -> &Self {
        assert!(
            self.stderr().contains(part),
            "stderr should contain {part:?}\n{self}"
        );
        self
    }

    #[track_caller]
    pub fn stderr_lacks(&self, part: &str) -> &Self {
        assert!(
            !self.stderr().contains(part),
            "stderr should not contain {part:?}\n{self}"
        );
        self
    }

    #[track_caller]
    pub fn stdout_lacks(&self, part: &str) -> &Self {
        assert!(
            !self.stdout().contains(part),
            "stdout should not contain {part:?}\n{self}"
        );
        self
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "command: {}", self.command)?;
        writeln!(f, "outcome: {}, after {:?}", self.status, self.elapsed)?;
        for (name, bytes) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if bytes.is_empty() {
                writeln!(f, "{name}: empty")?;
            } else {
                writeln!(f, "{name}:\n{}", String::from_utf8_lossy(bytes).trim_end())?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn show(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(|word| word.to_string_lossy()));
    words.join(" ")
}

/// The first line that something says, and no more of it, as soon as it is said.
#[track_caller]
pub fn first_line(from: &mut impl Read) -> String {
    let mut told = String::new();
    while !told.ends_with('\n') {
        let mut byte = [0];
        from.read_exact(&mut byte).expect("it says something");
        told.push(byte[0].into());
    }
    told
}
