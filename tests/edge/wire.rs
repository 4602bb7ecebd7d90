//! Requests byte by byte, through `openssl s_client`: names, sessions and spellings that no well-behaved client sends.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::family::Upstreams;
use crate::support::caddy::Caddy;
use crate::support::outcome::{self, Outcome};
use crate::support::tools;
use crate::support::upstream::Arrival;

/// A connection that is about to be made.
pub struct Wire {
    arguments: Vec<String>,
}

/// What came over it.
pub struct Reply {
    /// The status of each answer; none where the connection ended without.
    pub statuses: Vec<u16>,
    /// The text of each, from its status on.
    pub answers: Vec<String>,
    /// Whether the session of an earlier connection went on.
    pub resumed: bool,
    pub text: String,
}

impl Wire {
    /// To Caddy, with this name in the handshake.
    pub fn named(caddy: &Caddy, server_name: &str) -> Self {
        Self::to(caddy).with(["-servername", server_name])
    }

    /// To Caddy, with a name that `with` gives.
    pub fn to(caddy: &Caddy) -> Self {
        let address = format!("127.0.0.1:{}", caddy.https_port());
        // `-ign_eof`: waits for the server to close, and takes no line for a command.
        let arguments = Vec::new();
        Self { arguments }.with(["-connect", &address, "-ign_eof"])
    }

    /// Presents the certificate in a PEM file that holds the key too.
    pub fn pem(self, pem: &Path) -> Self {
        let pem = text(pem);
        self.with(["-cert", pem, "-key", pem])
    }

    pub fn maybe_pem(self, pem: Option<&PathBuf>) -> Self {
        match pem {
            Some(pem) => self.pem(pem),
            None => self,
        }
    }

    /// Further options of `openssl s_client`.
    pub fn with<'a>(mut self, options: impl IntoIterator<Item = &'a str>) -> Self {
        self.arguments
            .extend(options.into_iter().map(str::to_owned));
        self
    }

    /// Keeps the session for later.
    pub fn keep(self, session: &Path) -> Self {
        self.with(["-sess_out", text(session)])
    }

    /// Goes on with a session that was kept.
    pub fn resume(self, session: &Path) -> Self {
        self.with(["-sess_in", text(session)])
    }

    /// Sends these bytes and reads until the server closes.
    #[track_caller]
    pub fn send(self, bytes: impl AsRef<[u8]>) -> Reply {
        let reply = Reply::from(&outcome::run(&mut self.command(), bytes.as_ref()));
        assert!(
            !reply.text.contains("Connection refused"),
            "the test's Caddy is gone"
        );
        reply
    }

    /// Sends these bytes, and leaves the connection open.
    #[track_caller]
    pub fn open(self, bytes: impl AsRef<[u8]>) -> Open {
        let mut command = self.command();
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = piped.stderr(Stdio::null()).spawn().expect("openssl starts");
        let mut requests = process.stdin.take().expect("stdin is piped");
        let sent = requests.write_all(bytes.as_ref());
        sent.expect("openssl reads what is to be sent");
        Open {
            answers: process.stdout.take().expect("stdout is piped"),
            process,
            _requests: requests,
        }
    }

    pub fn command(self) -> Command {
        let mut command = tools::command("timeout");
        command
            .args(["20", "openssl", "s_client"])
            .args(self.arguments);
        command
    }
}

impl Reply {
    pub fn status(&self) -> Option<u16> {
        self.statuses.first().copied()
    }
}

impl From<&Outcome> for Reply {
    #[track_caller]
    fn from(outcome: &Outcome) -> Self {
        // 124: the time was up, so that the server neither answered nor closed.
        assert_ne!(outcome.status.code(), Some(124), "no end\n{outcome}");
        let text = [&outcome.stdout[..], &outcome.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        // A body that ends without a line's end has the next answer right behind it. An upstream's answer tells the request, whose
        // version is followed by no status.
        let status = |(at, _): (usize, &str)| Some((at, text[at + 7..].get(2..5)?.parse().ok()?));
        let begun: Vec<(usize, u16)> = text.match_indices("HTTP/1.").filter_map(status).collect();
        let ends = begun.iter().skip(1).map(|(at, _)| *at).chain([text.len()]);
        let answers = begun.iter().zip(ends);
        Self {
            answers: answers
                .map(|((at, _), end)| text[*at..end].to_owned())
                .collect(),
            statuses: begun.into_iter().map(|(_, status)| status).collect(),
            resumed: text.contains("\nReused, TLSv1"),
            text,
        }
    }
}

/// A connection that is open until it is dropped.
pub struct Open {
    process: Child,
    answers: ChildStdout,
    // With its end the connection would end.
    _requests: ChildStdin,
}

impl Open {
    /// Reads until that text has come.
    #[track_caller]
    pub fn gets(&mut self, text: &str) {
        let (mut seen, mut byte) = (Vec::new(), [0]);
        while !seen.ends_with(text.as_bytes()) {
            let more = self.answers.read_exact(&mut byte);
            let so_far = String::from_utf8_lossy(&seen);
            assert!(more.is_ok(), "no {text} in\n{so_far}");
            seen.extend(byte);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // `timeout` hands this signal on to openssl, which it would leave behind if it were killed.
        let id = self.process.id().to_string();
        tools::run("sh", ["-c", "kill \"$0\"", &id]).succeeds();
        // It fails only where it has ended already.
        _ = self.process.wait();
    }
}

/// A request that opens a websocket.
pub fn websocket(target: &str, host: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// A request of HTTP/1.1 after which the server closes.
pub fn request(method: &str, target: &str, host: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

/// What came of one request among many.
pub struct Exchange {
    pub status: Option<u16>,
    /// The answer's head and body; empty where there is none.
    pub answer: String,
    /// What arrived of it, with the service.
    pub arrivals: Vec<(&'static str, Arrival)>,
}

/// Marks a request, so that its arrival is known.
const MARK: &str = "X-Case";

/// Sends requests that keep their connection to one host: as many on each connection as the server answers, for it closes some.
///
/// Panics where something arrives that was not sent.
#[track_caller]
pub fn exchange(
    upstreams: &Upstreams,
    host: &str,
    open: impl Fn() -> Wire,
    requests: &[Vec<u8>],
) -> Vec<Exchange> {
    let mut exchanges: Vec<Exchange> = Vec::new();
    while exchanges.len() < requests.len() {
        let done = exchanges.len();
        let numbered = requests.iter().enumerate().skip(done);
        let mut sent: Vec<u8> = numbered
            .flat_map(|(number, request)| marked(request, number))
            .collect();
        let end = request("GET", "/end", host);
        sent.extend(marked(end.as_bytes(), requests.len()));
        let (reply, mut arrivals) = upstreams.arriving(|| open().send(sent));
        // Where there is no answer at all, that is the first one's.
        let answered = reply.statuses.len().clamp(1, requests.len() - done);
        for number in done..done + answered {
            let mark = number.to_string();
            let of_it = |(_, arrival): &mut (&str, Arrival)| arrival.header(MARK) == [&mark[..]];
            exchanges.push(Exchange {
                status: reply.statuses.get(number - done).copied(),
                answer: reply
                    .answers
                    .get(number - done)
                    .cloned()
                    .unwrap_or_default(),
                arrivals: arrivals.extract_if(.., of_it).collect(),
            });
        }
        let is_end = requests.len().to_string();
        arrivals.retain(|(_, arrival)| arrival.header(MARK) != [&is_end[..]]);
        assert!(arrivals.is_empty(), "never sent: {arrivals:?}");
    }
    exchanges
}

/// The request with a header more, after its first line.
fn marked(request: &[u8], number: usize) -> Vec<u8> {
    let end = request.windows(2).position(|two| two == b"\r\n");
    let (line, rest) = request.split_at(end.expect("a request has a line") + 2);
    [line, format!("{MARK}: {number}\r\n").as_bytes(), rest].concat()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a test's paths are UTF-8")
}
