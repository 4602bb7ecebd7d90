//! Where to listen: at one address, which a browser in the same network can be sent to.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use miette::Diagnostic;
use thiserror::Error;

use crate::diagnostic::{Failure, Fault};

#[derive(Debug, Error, Diagnostic)]
enum AddressError {
    #[error("this machine has no address of its own in a local network")]
    #[diagnostic(
        code("share::no-address"),
        help("say where to listen with `--address IP`; `ip address` lists what there is")
    )]
    NoAddress,

    #[error("a browser cannot be sent to `{address}`")]
    #[diagnostic(
        code("share::bad-address"),
        help(
            "name one address of this machine that the other device reaches, such as 192.168.1.2"
        )
    )]
    BadAddress { address: IpAddr },

    #[error("cannot listen at {address}")]
    #[diagnostic(
        code("share::cannot-listen"),
        help(
            "see that `--address` is one of this machine's, and that `--port` is free and above 1023"
        )
    )]
    CannotListen {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
}

/// Listens at the address that is named, or else at this machine's own in its network.
pub(crate) fn listen(named: Option<IpAddr>, port: u16) -> Result<TcpListener, Failure> {
    let ip = match named.map(|address| address.to_canonical()) {
        Some(address) if can_be_visited(address) => address,
        Some(address) => {
            return Err(Failure::new(
                Fault::Usage,
                AddressError::BadAddress { address },
            ));
        }
        None => own_address().ok_or_else(|| Failure::environment(AddressError::NoAddress))?,
    };
    let address = SocketAddr::new(ip, port);
    TcpListener::bind(address)
        .map_err(|source| Failure::environment(AddressError::CannotListen { address, source }))
}

/// Whether it is one address, and one that can stand in a URL: no browser takes the zone that `fe80::` needs.
fn can_be_visited(address: IpAddr) -> bool {
    let is_several = address.is_unspecified() || address.is_multicast();
    match address {
        IpAddr::V4(address) => !is_several && !address.is_broadcast(),
        IpAddr::V6(address) => !is_several && !address.is_unicast_link_local(),
    }
}

/// This machine's address on the way to everywhere else, if it is one of a local network.
fn own_address() -> Option<IpAddr> {
    // Documentation's own addresses (RFC 5737, RFC 3849). Connecting a UDP socket asks for the route and sends nothing.
    let routes: [(IpAddr, IpAddr); 2] = [
        (
            Ipv4Addr::UNSPECIFIED.into(),
            Ipv4Addr::new(192, 0, 2, 1).into(),
        ),
        (
            Ipv6Addr::UNSPECIFIED.into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
        ),
    ];
    let own = routes.into_iter().filter_map(|(any, elsewhere)| {
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect((elsewhere, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    });
    own.into_iter().find(|address| is_local(*address))
}

/// Whether it is one that only its own network reaches.
fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private(),
        IpAddr::V6(address) => address.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_address_that_a_url_can_name_is_listened_at() {
        for (address, expected) in [
            ("127.0.0.1", true),
            ("192.168.1.2", true),
            ("::1", true),
            ("fd00::2", true),
            ("0.0.0.0", false),
            ("::", false),
            ("::ffff:0.0.0.0", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("fe80::1", false),
            ("ff02::1", false),
        ] {
            let address: IpAddr = address.parse().expect("an address");
            assert_eq!(
                can_be_visited(address.to_canonical()),
                expected,
                "{address}"
            );
        }
    }

    #[test]
    fn a_public_address_is_not_taken_unasked() {
        for (address, expected) in [
            ("10.1.2.3", true),
            ("172.16.0.1", true),
            ("192.168.178.20", true),
            ("fd12::1", true),
            ("127.0.0.1", false),
            ("192.0.2.7", false),
            ("8.8.8.8", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(
                is_local(address.parse().expect("an address")),
                expected,
                "{address}"
            );
        }
        assert!(own_address().is_none_or(is_local));
    }
}
