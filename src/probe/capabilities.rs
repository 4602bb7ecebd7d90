//! What a server can do, found out without a whole handshake: QUIC, and the key agreement X25519MLKEM768.
//!
//! Nothing of a secret is in what is sent: no handshake comes of it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use super::deadline::Timed;

/// How long an answer over UDP is waited for, at the most.
const QUIET: Duration = Duration::from_millis(700);
/// How often it is asked over UDP, of which something may be lost.
const TRIES: usize = 2;
/// A version that is kept for making servers say which they know (RFC 9000 §15).
const UNKNOWN_VERSION: [u8; 4] = [0x1a, 0x2a, 0x3a, 0x4a];
/// X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem).
const HYBRID: u16 = 0x11ec;
/// The random of a ServerHello that asks to begin again with another key (RFC 8446 §4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Whether QUIC is spoken there: to a long datagram of a version that it does not know, every server
/// answers with those that it knows (RFC 9000 §6.1).
pub(super) fn speaks_quic(address: SocketAddr, timeout: Duration) -> bool {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let asked = UdpSocket::bind(any).and_then(|socket| {
        // From nobody else can anything come then.
        socket.connect(address)?;
        socket.set_read_timeout(Some(timeout.min(QUIET)))?;
        Ok(socket)
    });
    let Ok(socket) = asked else {
        return false;
    };
    let mut buffer = [0; 2048];
    (0..TRIES).any(|_| {
        let sent = socket.send(&unknown_version());
        let answer = sent.and_then(|_| socket.recv(&mut buffer));
        answer.is_ok_and(|length| length >= 5 && buffer[0] & 0x80 != 0 && buffer[1..5] == [0; 4])
    })
}

/// A long header of RFC 8999 §5.1 with connection ids of 8 bytes, in the 1200 bytes of RFC 9000 §14.1.
fn unknown_version() -> Vec<u8> {
    let mut datagram = vec![0xc0];
    datagram.extend(UNKNOWN_VERSION);
    for id in [b"\x08homelabv", b"\x08everify1"] {
        datagram.extend(id);
    }
    datagram.resize(1200, 0);
    datagram
}

/// Whether a server agrees on keys by X25519MLKEM768; none where it does not answer.
pub(super) fn is_hybrid(address: SocketAddr, name: &str, timeout: Duration) -> Option<bool> {
    let stream = TcpStream::connect_timeout(&address, timeout).ok()?;
    let deadline = Instant::now() + timeout;
    let mut stream = Timed { stream, deadline };
    stream.write_all(&hello(name, HYBRID)).ok()?;
    let mut head = [0; 43];
    stream.read_exact(&mut head[..5]).ok()?;
    match head[0] {
        // Only an alert of a handshake that failed says that nothing was found in common.
        21 => {
            stream.read_exact(&mut head[5..7]).ok()?;
            (head[6] == 40).then_some(false)
        }
        22 => {
            stream.read_exact(&mut head[5..]).ok()?;
            (head[5] == 2 && head[11..] == RETRY).then_some(true)
        }
        _ => None,
    }
}

/// A ClientHello (RFC 8446 §4.1.2) that offers one group and no key yet, so that who knows the group asks
/// for a key.
fn hello(name: &str, group: u16) -> Vec<u8> {
    let short = |length: usize| u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    let prefixed = |bytes: Vec<u8>| [short(bytes.len()).to_vec(), bytes].concat();
    let extension =
        |kind: u16, bytes: Vec<u8>| [kind.to_be_bytes().to_vec(), prefixed(bytes)].concat();
    let host = [vec![0], prefixed(name.as_bytes().to_vec())].concat();
    let extensions = [
        extension(0, prefixed(host)),
        extension(10, prefixed(group.to_be_bytes().to_vec())),
        // What any server can sign: ECDSA with P-256, RSA-PSS, RSA.
        extension(13, prefixed(vec![4, 3, 8, 4, 8, 7, 4, 1])),
        extension(43, vec![2, 3, 4]),
        extension(51, prefixed(Vec::new())),
    ];
    let body = [
        vec![3, 3],
        vec![0x68; 32],
        vec![0],
        prefixed(vec![0x13, 1, 0x13, 2, 0x13, 3]),
        vec![1, 0],
        prefixed(extensions.concat()),
    ]
    .concat();
    let handshake = [vec![1, 0], prefixed(body)].concat();
    [vec![22, 3, 1], prefixed(handshake)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_is_long_enough_to_be_answered() {
        assert_eq!(unknown_version().len(), 1200);
    }

    #[test]
    fn nobody_is_no_server() {
        let nobody = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = nobody.local_addr().expect("it is bound");
        assert!(!speaks_quic(address, Duration::from_millis(50)));
        assert_eq!(
            is_hybrid(address, "a.test", Duration::from_millis(200)),
            None
        );
    }
}
