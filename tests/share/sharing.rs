//! A running `homelab share`, and visitors.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::curl::Curl;
use crate::support::lab::Lab;

/// The homelab whose files are shared.
pub const DECLARATION: &str = r#"domain "home.example.com"
edge { email "admin@example.com"; }
person "alice" {
    name "Alice <b>Liddell</b>"
    device "pixel" platform="android"
    device "iphone" platform="ios"
}
service "photos" {
    upstream "http://127.0.0.1:2283"
    allow "alice"
}
"#;

/// A `homelab share alice/pixel` that is running; it is killed when dropped.
pub struct Sharing {
    child: Child,
    /// The address that it shows.
    pub url: String,
    pub port: u16,
    /// The path of the page, with a slash at its end.
    pub page: String,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    /// `None` where a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Sharing {
    #[track_caller]
    pub fn start(lab: &Lab) -> Sharing {
        Sharing::with(lab, &["--address", "127.0.0.1"])
    }

    #[track_caller]
    pub fn with(lab: &Lab, options: &[&str]) -> Sharing {
        let arguments = ["share", "alice/pixel"].iter().chain(options);
        let mut child = lab.command(arguments.copied()).start();
        let stdout = child.stdout.take().expect("it is piped");
        let stderr = child.stderr.take().expect("it is piped");
        let (stdout, stderr) = (collect(stdout), collect(stderr));
        let mut sharing = Sharing {
            child,
            url: String::new(),
            port: 0,
            page: String::new(),
            stdout: stdout.0,
            stderr: stderr.0,
            readers: vec![stdout.1, stderr.1],
        };
        // The last line that is printed before it listens for good.
        sharing.waits_for("Ctrl-C ends it");
        sharing.url = sharing.first_line();
        let rest = sharing.url.strip_prefix("http://").expect("plain HTTP");
        let (authority, path) = rest.split_once('/').expect("a path");
        let port = authority.rsplit_once(':').expect("a port").1;
        sharing.port = port.parse().expect("a number");
        sharing.page = format!("/{path}");
        sharing
    }

    /// The path of the device's .p12.
    pub fn bundle(&self) -> String {
        format!("{}alice-pixel.p12", self.page)
    }

    /// A request for that target, from 127.0.0.1.
    pub fn get(&self, target: &str) -> Curl {
        Curl::http("127.0.0.1", self.port, target)
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let patience = Some(Duration::from_secs(30));
        stream.set_read_timeout(patience).expect("it is not zero");
        stream
    }

    /// Sends these bytes, and gives what comes back until the connection ends.
    pub fn raw(&self, bytes: &str) -> String {
        let mut stream = self.connect();
        let _ = stream.write_all(bytes.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let _ = stream.shutdown(Shutdown::Both);
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub fn stdout(&self) -> String {
        self.stdout.lock().expect("no reader panics").clone()
    }

    pub fn stderr(&self) -> String {
        self.stderr.lock().expect("no reader panics").clone()
    }

    /// The first line of stdout, which was printed, and may not have been read.
    #[track_caller]
    fn first_line(&self) -> String {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some((line, _)) = self.stdout().split_once('\n') {
                return line.to_owned();
            }
            assert!(Instant::now() < until, "nothing on stdout");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until a line like that stands on stderr.
    #[track_caller]
    pub fn waits_for(&self, part: &str) {
        let until = Instant::now() + Duration::from_secs(30);
        while !self.stderr().contains(part) {
            let now = Instant::now();
            assert!(now < until, "no {part:?} in\n{}", self.stderr());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Presses Ctrl-C.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Does something while it stands still: whoever connects then waits with what was sent.
    pub fn while_it_stands_still<T>(&self, act: impl FnOnce() -> T) -> T {
        self.signal(Signal::STOP);
        let done = act();
        self.signal(Signal::CONT);
        done
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it is running");
    }

    /// Waits for its end.
    #[track_caller]
    pub fn ends_within(mut self, seconds: u64) -> Ended {
        let until = Instant::now() + Duration::from_secs(seconds);
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                break status;
            }
            let now = Instant::now();
            assert!(now < until, "it goes on\n{}", self.stderr());
            thread::sleep(Duration::from_millis(10));
        };
        for reader in self.readers.drain(..) {
            reader.join().expect("no reader panics");
        }
        Ended {
            code: status.code(),
            stdout: self.stdout(),
            stderr: self.stderr(),
        }
    }
}

impl Drop for Sharing {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(stream: impl Read + Send + 'static) -> (Arc<Mutex<String>>, JoinHandle<()>) {
    let all = Arc::new(Mutex::new(String::new()));
    let into = Arc::clone(&all);
    let reader = thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let line = line.expect("it prints UTF-8") + "\n";
            *into.lock().expect("nobody panics") += &line;
        }
    });
    (all, reader)
}
