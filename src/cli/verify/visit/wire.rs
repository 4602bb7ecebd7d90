//! A connection that ends at its time.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A connection that ends at its time, however busily the other side goes on.
pub struct Timed {
    /// The connection.
    pub stream: TcpStream,
    /// When it ends.
    pub deadline: Instant,
}

impl Timed {
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match left.is_zero() {
            true => Err(io::ErrorKind::TimedOut.into()),
            false => Ok(left),
        }
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

/// Whether time was over.
pub fn is_timeout(error: &io::Error) -> bool {
    // What a socket says whose time is over differs between systems.
    matches!(
        error.kind(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock
    )
}

/// An error in words.
pub fn described(error: &io::Error, timeout: Duration) -> String {
    match is_timeout(error) {
        true => format!("no answer within {} s", timeout.as_secs()),
        false if error.kind() == io::ErrorKind::UnexpectedEof => {
            String::from("the connection was closed")
        }
        false => error.to_string(),
    }
}
