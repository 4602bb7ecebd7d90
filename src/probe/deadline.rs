//! A connection that ends at its time: by a monotonic clock, which tells nothing of the day.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A connection that ends at its time, however busily the other side goes on.
pub(super) struct Timed {
    pub stream: TcpStream,
    pub deadline: Instant,
}

impl Timed {
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(left)
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

pub(super) fn is_timeout(error: &io::Error) -> bool {
    // What a socket says whose time is over differs between systems.
    matches!(
        error.kind(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock
    )
}

pub(super) fn described(error: &io::Error, timeout: Duration) -> String {
    if is_timeout(error) {
        return format!("no answer within {} s", timeout.as_secs());
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => String::from("the connection was closed"),
        _ => error.to_string(),
    }
}
