//! Ports on the loopback address that no other test has.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::process;

/// Below the ports that the kernel gives to clients, so that no connection takes one between its choice and its use.
const FIRST: u16 = 20_000;
const COUNT: u16 = 8_000;

/// A free port, which stays reserved among all tests of this checkout until it is dropped.
pub struct Port {
    number: u16,
    _reservation: File,
}

impl Port {
    pub fn reserve() -> Self {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/target/test-ports");
        fs::create_dir_all(directory).expect("target/ can be written to");
        // Tests of other checkouts start their search elsewhere.
        let begin = (process::id() % u32::from(COUNT)) as u16;
        (0..COUNT)
            .map(|step| FIRST + (begin + step) % COUNT)
            .find_map(|number| {
                let reservation = File::create(format!("{directory}/{number}")).ok()?;
                reservation.try_lock().ok()?;
                TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
                Some(Self {
                    number,
                    _reservation: reservation,
                })
            })
            .expect("one of thousands of ports is free")
    }

    pub fn number(&self) -> u16 {
        self.number
    }
}
