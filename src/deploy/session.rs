//! Talking with the host: one `sh`, reached by the system's own ssh or started here, that runs `host.sh` as long as the connection
//! stands.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::error::DeployError;
use crate::model::{CaddyAt, Deploy, Privilege};
use crate::source::visible;
use crate::workspace::caddy;

/// What runs on the host.
const PROGRAM: &str = include_str!("host.sh");

/// The first line that it says; before it there may be what a login shell prints.
const GREETING: &str = "homelab deploy 1";

/// Octets before the greeting, at the most.
const NOISE: usize = 64 << 10;

/// Octets of one part of an answer, at the most: what Caddy makes of 20 sites of 10,000 devices are 21 MB.
const PART_LIMIT: usize = 256 << 20;

/// Lines and parts of an answer, at the most: there are never more than twenty.
const MANY: usize = 100;

/// How long an answer may take: `host.sh` gives each of Caddy's commands two minutes, and two of them are in one order.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long somebody else's deploy is waited for, as long as `host.sh` does.
const PATIENCE_FOR_OTHERS: Duration = Duration::from_secs(630);

/// A host that listens, and has its releases held for us alone.
pub(crate) struct Session {
    child: Child,
    orders: Option<ChildStdin>,
    answers: Answers,
    complaints: Option<JoinHandle<Vec<u8>>>,
}

/// What a host says to an order.
#[derive(Debug, Default)]
pub(super) struct Answer {
    lines: Vec<(String, String)>,
    parts: BTreeMap<String, Vec<u8>>,
    pub status: u32,
}

impl Answer {
    /// The values under this name, in their order.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.lines.iter().filter(move |(found, _)| found == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The value under this name; none where it is empty.
    pub(super) fn line(&self, name: &str) -> Option<&str> {
        self.lines
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Vec<u8>> {
        self.parts.remove(name)
    }

    /// What a command on the host has said, as it may be shown.
    pub(super) fn said(&self) -> String {
        let said = self.parts.get("said").map(Vec::as_slice);
        caddy::told(said.unwrap_or_default()).join("\n")
    }
}

/// How the host's shell is reached.
fn command(place: &Deploy) -> Command {
    // The program is read from standard input, for what a login shell would make of it cannot be known.
    let shell = format!(
        "sh -c 'eval \"$(dd bs=1 count={} 2>/dev/null)\"'",
        PROGRAM.len()
    );
    let shell = match place.privilege {
        Privilege::Own => shell,
        Privilege::Sudo => format!("sudo -n {shell}"),
    };
    match &place.host {
        Some(host) => {
            let mut command = Command::new("ssh");
            command.args(["-T", "-x", "--", &host.to_string(), &shell]);
            command
        }
        None => {
            let mut command = Command::new("sh");
            command.args(["-c", &shell]);
            command
        }
    }
}

impl Session {
    /// Reaches the host, and waits until nobody else deploys to it; `waiting` is told where that is so.
    pub(crate) fn open(place: &Deploy, waiting: impl FnOnce()) -> Result<Session, DeployError> {
        let mut command = command(place);
        let spawned = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = spawned.map_err(|source| DeployError::CannotStart {
            program: command.get_program().to_string_lossy().into_owned(),
            source,
        })?;
        let orders = child.stdin.take();
        let stdout = child.stdout.take().expect("it was asked to be piped");
        let mut stderr = child.stderr.take().expect("it was asked to be piped");
        let complaints = thread::spawn(move || {
            let mut all = Vec::new();
            // However long it complains, it is read: it would stand still otherwise.
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = stderr.read(&mut buffer) {
                all.extend_from_slice(&buffer[..read]);
                let surplus = all.len().saturating_sub(16 << 10);
                all.drain(..surplus);
            }
            all
        });
        let mut session = Session {
            child,
            orders,
            answers: Answers::of(stdout),
            complaints: Some(complaints),
        };
        session.begin(place, waiting)?;
        Ok(session)
    }

    fn begin(&mut self, place: &Deploy, waiting: impl FnOnce()) -> Result<(), DeployError> {
        let (engine, container, container_config) = match &place.caddy {
            CaddyAt::OnHost => (String::new(), String::new(), String::new()),
            CaddyAt::InContainer {
                engine,
                name,
                config,
            } => (engine.to_string(), name.to_string(), config.to_string()),
        };
        let mut text = PROGRAM.as_bytes().to_vec();
        let (path, config) = (place.path.to_string(), place.config.to_string());
        let told = [&path, &config, &place.reload.to_string()];
        for line in told
            .into_iter()
            .chain([&engine, &container, &container_config])
        {
            text.extend_from_slice(line.as_bytes());
            text.push(b'\n');
        }
        let sent = self.send(&text);
        let greeted = sent.and_then(|()| self.answers.greeting(Instant::now() + PATIENCE));
        greeted.map_err(|error| self.lost(error, Lost::Reaching))?;
        let first = self.answers.answer(Instant::now() + PATIENCE);
        let mut answer = first.map_err(|error| self.lost(error, Lost::Reaching))?;
        if answer.line("waiting").is_some() {
            waiting();
            let held = self.answers.answer(Instant::now() + PATIENCE_FOR_OTHERS);
            answer = held.map_err(|error| self.lost(error, Lost::Waiting))?;
        }
        if answer.status == 0 {
            return Ok(());
        }
        let directory = place.path.to_string();
        Err(match (answer.line("tool"), answer.line("busy")) {
            (Some(tool), _) => DeployError::NoTool {
                tool: visible(tool),
            },
            (None, Some(_)) => DeployError::Busy { directory },
            (None, None) => DeployError::NoDirectory { directory },
        })
    }

    /// Gives an order, with what comes behind it, and hears the answer.
    pub(super) fn ask(&mut self, order: &str, octets: &[u8]) -> Result<Answer, DeployError> {
        let mut text = order.as_bytes().to_vec();
        text.push(b'\n');
        text.extend_from_slice(octets);
        let sent = self.send(&text);
        let answer = sent.and_then(|()| self.answers.answer(Instant::now() + PATIENCE));
        answer.map_err(|error| self.lost(error, Lost::Working))
    }

    /// What is sent is read while the answer is not, or both would wait for each other; orders are answered one by one, so it is.
    fn send(&mut self, text: &[u8]) -> io::Result<()> {
        let orders = self.orders.as_mut();
        let mut orders = orders.ok_or(io::ErrorKind::BrokenPipe)?;
        orders.write_all(text)?;
        Write::flush(&mut orders)
    }

    fn lost(&mut self, error: io::Error, when: Lost) -> DeployError {
        self.end();
        let complaints = self.complaints.take().and_then(|read| read.join().ok());
        let complaints = String::from_utf8_lossy(&complaints.unwrap_or_default()).into_owned();
        let mut lines = complaints.lines().map(str::trim).filter(|l| !l.is_empty());
        let said: Vec<String> = lines.by_ref().map(visible).collect();
        let said = if said.is_empty() {
            error.to_string()
        } else {
            said.join("\n")
        };
        match when {
            Lost::Reaching => DeployError::Unreached { said },
            Lost::Waiting | Lost::Working => DeployError::CutOff { said },
        }
    }

    fn end(&mut self) {
        // The host sees the end of its input, and does what is to be done then.
        self.orders = None;
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if let Ok(Some(_)) = self.child.try_wait() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What was being done when the connection was lost.
enum Lost {
    Reaching,
    Waiting,
    Working,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the host says, as it comes.
struct Answers {
    chunks: Receiver<Vec<u8>>,
    unread: VecDeque<u8>,
}

impl Answers {
    fn of(mut stdout: impl Read + Send + 'static) -> Answers {
        // Bounded, so that a host that talks without end is not listened to.
        let (heard, chunks) = mpsc::sync_channel(16);
        thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(read @ 1..) = stdout.read(&mut buffer) {
                if heard.send(buffer[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        Answers {
            chunks,
            unread: VecDeque::new(),
        }
    }

    fn more(&mut self, deadline: Instant) -> io::Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.chunks.recv_timeout(left) {
            Ok(chunk) => {
                self.unread.extend(chunk);
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the host has not answered in time",
            )),
            Err(RecvTimeoutError::Disconnected) => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the connection ended",
            )),
        }
    }

    fn line(&mut self, most: usize, deadline: Instant) -> io::Result<String> {
        let mut looked = 0;
        loop {
            if let Some(at) = self.unread.range(looked..).position(|b| *b == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=looked + at).collect();
                return String::from_utf8(line[..line.len() - 1].to_vec())
                    .map_err(|_| not_understood());
            }
            looked = self.unread.len();
            if looked > most {
                return Err(not_understood());
            }
            self.more(deadline)?;
        }
    }

    fn octets(&mut self, count: usize, deadline: Instant) -> io::Result<Vec<u8>> {
        while self.unread.len() < count {
            self.more(deadline)?;
        }
        Ok(self.unread.drain(..count).collect())
    }

    /// Reads up to the greeting.
    fn greeting(&mut self, deadline: Instant) -> io::Result<()> {
        let mut noise = 0;
        loop {
            let line = self.line(NOISE, deadline);
            match line {
                Ok(line) if line == GREETING => return Ok(()),
                Ok(line) => noise += line.len() + 1,
                // What is no UTF-8 is no greeting either.
                Err(error) if error.kind() == io::ErrorKind::InvalidData => noise += 1,
                Err(error) => return Err(error),
            }
            if noise > NOISE {
                return Err(not_understood());
            }
        }
    }

    fn answer(&mut self, deadline: Instant) -> io::Result<Answer> {
        let mut answer = Answer::default();
        loop {
            let line = self.line(4096, deadline)?;
            let (kind, rest) = line.split_once(' ').ok_or_else(not_understood)?;
            let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
            match kind {
                "line" if answer.lines.len() < MANY => {
                    answer.lines.push((name.to_owned(), value.to_owned()));
                }
                "part" if answer.parts.len() < MANY => {
                    let count: usize = value.parse().map_err(|_| not_understood())?;
                    if count > PART_LIMIT {
                        return Err(not_understood());
                    }
                    let octets = self.octets(count, deadline)?;
                    answer.parts.insert(name.to_owned(), octets);
                }
                "done" => {
                    answer.status = name.parse().map_err(|_| not_understood())?;
                    return Ok(answer);
                }
                _ => return Err(not_understood()),
            }
        }
    }
}

fn not_understood() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the host answers something that is not understood",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(text: &'static [u8]) -> (io::Result<()>, io::Result<Answer>) {
        let mut answers = Answers::of(text);
        let deadline = Instant::now() + Duration::from_secs(10);
        (answers.greeting(deadline), answers.answer(deadline))
    }

    #[test]
    fn what_a_login_shell_prints_is_passed_over() {
        let text =
            b"Welcome!\n\xff\xfe\n\nhomelab deploy 1\nline current a b\npart said 3\na\nbdone 7\n";
        let (greeted, answer) = heard(text);
        greeted.unwrap();
        let answer = answer.unwrap();
        assert_eq!(answer.line("current"), Some("a b"));
        assert_eq!(answer.said(), "a\nb");
        assert_eq!(answer.status, 7);
    }

    #[test]
    fn what_is_no_answer_is_told_as_that() {
        for text in [
            &b"homelab deploy 1\nwhat\n"[..],
            b"homelab deploy 1\npart said -1\n",
            b"homelab deploy 1\npart said 99999999999999\n",
            b"homelab deploy 1\npart said 10\nabc",
            b"homelab deploy 1\nline current a\n",
            b"homelab deploy 1\ndone x\n",
        ] {
            let (greeted, answer) = heard(text);
            greeted.unwrap();
            assert!(answer.is_err(), "{}", String::from_utf8_lossy(text));
        }
        assert!(heard(b"no greeting at all\n").0.is_err());
    }
}
