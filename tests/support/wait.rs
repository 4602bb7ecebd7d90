//! Waiting for another process.

use std::net::{Ipv4Addr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Asks again until it is so; after half a minute it panics with what is said.
#[track_caller]
pub fn until(mut is_so: impl FnMut() -> bool, said: impl FnOnce() -> String) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        if Instant::now() > deadline {
            panic!("{}", said());
        }
        sleep(Duration::from_millis(20));
    }
}

/// Whether somebody listens at a port of the loopback address.
pub fn listens(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}
