//! A server of a test's own in another process.

use std::process::{Child, Command, Stdio};

use super::outcome;

/// It listens at a port of the loopback address that it has printed as its first line; it is stopped when it is dropped.
pub struct Server {
    process: Child,
    port: u16,
}

impl Server {
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} starts: {error}"));
        let line = outcome::first_line(process.stdout.as_mut().expect("stdout is piped"));
        let port = line.trim_end().parse().expect("it prints its port");
        Self { process, port }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
