//! Where hosts are: as the command line says, or as the resolver knows.

use std::net::{SocketAddr, ToSocketAddrs};

pub(super) use crate::probe::Resolve;
use crate::probe::named_addresses;

/// The addresses of a host, those that were named rather than the resolver's; none where its name has none.
pub(super) fn addresses(host: &str, port: u16, named: &[Resolve]) -> Vec<SocketAddr> {
    named_addresses(host, port, named).unwrap_or_else(|| {
        let found = (host, port).to_socket_addrs();
        found.map(Iterator::collect).unwrap_or_default()
    })
}
