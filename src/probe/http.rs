//! An answer in HTTP/1.1, as much of it as is looked at.

use std::io::{self, Read};

use super::request::Wanted;
use crate::verify::{Whose, page_policy, signed_out};

/// Bytes of the head of an answer, at the most.
pub(super) const HEAD_LIMIT: usize = 64 << 10;
/// Bytes of the body of an answer, at the most, where it is read at all.
const BODY_LIMIT: usize = 64 << 10;
/// Interim answers before the final one, at the most.
const MOST_ANNOUNCED: usize = 8;
/// Headers of an answer, at the most.
const MOST_HEADERS: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Response {
    Http(Reply),
    /// Something else, and why it is no HTTP.
    NotHttp(String),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reply {
    pub status: u16,
    pub whose: Whose,
    /// Whether it says that it is Caddy's, or came through one.
    pub is_caddy: bool,
    /// Whether it offers another protocol (RFC 7838).
    pub offers_other: bool,
    /// Whether it says that the host is to be asked with TLS only (RFC 6797).
    pub hsts: bool,
    pub location: Option<String>,
    /// Its body, where that was wanted, as far as it came.
    pub body: Vec<u8>,
}

/// Reads an answer, past what only announces one (RFC 9110 §15.2).
pub(super) fn read(stream: &mut impl Read, wanted: Wanted) -> io::Result<Response> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    let mut announced = 0;
    let not_http = |why: &str| Ok(Response::NotHttp(why.to_owned()));
    loop {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(&bytes) {
            Err(error) => return not_http(&error.to_string()),
            Ok(httparse::Status::Complete(length)) => match response.code {
                Some(100 | 102..=199) if announced == MOST_ANNOUNCED => {
                    return not_http("it is announced without end");
                }
                Some(100 | 102..=199) => {
                    announced += 1;
                    bytes.drain(..length);
                    continue;
                }
                Some(status) => {
                    let mut reply = reply(status, response.headers);
                    if wanted == Wanted::Body {
                        let coding = coding(response.headers);
                        reply.body = body(stream, bytes.split_off(length), coding);
                    }
                    return Ok(Response::Http(reply));
                }
                None => return not_http("it has no status"),
            },
            Ok(httparse::Status::Partial) if bytes.len() > HEAD_LIMIT => {
                return not_http("its head has no end");
            }
            Ok(httparse::Status::Partial) => {}
        }
        match stream.read(&mut buffer)? {
            0 if bytes.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
            0 => return not_http("it ends in its head"),
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

/// How the end of a body is known (RFC 9112 §6.3).
enum Coding {
    UntilClosed,
    Chunked,
}

fn coding(headers: &[httparse::Header<'_>]) -> Coding {
    let mut codings = values(headers, "Transfer-Encoding");
    if codings.any(|value| value.eq_ignore_ascii_case(b"chunked")) {
        Coding::Chunked
    } else {
        Coding::UntilClosed
    }
}

fn body(stream: &mut impl Read, begun: Vec<u8>, coding: Coding) -> Vec<u8> {
    let raw = rest(stream, begun);
    match coding {
        Coding::UntilClosed => raw,
        Coding::Chunked => unchunked(&raw),
    }
}

fn values<'h>(
    headers: &'h [httparse::Header<'_>],
    name: &'static str,
) -> impl Iterator<Item = &'h [u8]> {
    let named = move |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case(name);
    headers.iter().filter(named).map(|header| header.value)
}

/// What is looked at of an answer's head.
pub(super) fn reply(status: u16, headers: &[httparse::Header<'_>]) -> Reply {
    let has = |(name, value): (&'static str, &'static str)| {
        values(headers, name).any(|found| found == value.as_bytes())
    };
    let location = values(headers, "Location").next();
    let through_caddy = |via: &[u8]| via.to_ascii_lowercase().ends_with(b" caddy");
    Reply {
        status,
        whose: if has(page_policy()) {
            Whose::Edge
        } else if has(signed_out()) {
            Whose::Gateway
        } else {
            Whose::Unmarked
        },
        is_caddy: values(headers, "Server").any(|server| server == b"Caddy")
            || values(headers, "Via").any(through_caddy),
        offers_other: values(headers, "Alt-Svc").any(|offer| offer != b"clear"),
        hsts: values(headers, "Strict-Transport-Security")
            .next()
            .is_some(),
        location: location.map(|to| String::from_utf8_lossy(to).into_owned()),
        body: Vec::new(),
    }
}

/// What is left until the connection ends, or there is enough.
fn rest(stream: &mut impl Read, mut bytes: Vec<u8>) -> Vec<u8> {
    let mut buffer = [0; 4096];
    while bytes.len() < BODY_LIMIT {
        match stream.read(&mut buffer) {
            // An end without a farewell is as good: nothing is entrusted to what it says.
            Ok(0) | Err(_) => break,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
        }
    }
    bytes.truncate(BODY_LIMIT);
    bytes
}

/// The chunks of a body put together (RFC 9112 §7.1), as far as they came.
fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(httparse::Status::Complete((start, length))) = httparse::parse_chunk_size(bytes) {
        let chunk = &bytes[start..];
        let length = usize::try_from(length)
            .unwrap_or(usize::MAX)
            .min(chunk.len());
        body.extend_from_slice(&chunk[..length]);
        match chunk.get(length + 2..) {
            Some(next) if length > 0 => bytes = next,
            _ => break,
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(bytes: &[u8]) -> Response {
        read(&mut &*bytes, Wanted::Body).expect("it is not empty")
    }

    fn reply(bytes: &[u8]) -> Reply {
        match response(bytes) {
            Response::Http(reply) => reply,
            Response::NotHttp(why) => panic!("{why}"),
        }
    }

    #[test]
    fn heads_are_read() {
        assert_eq!(reply(b"HTTP/1.1 200 OK\r\n\r\nbody").status, 200);
        let hinted = b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n";
        assert_eq!(reply(hinted).status, 404);
        let (name, value) = page_policy();
        let page = |name: &str| {
            let page = format!("HTTP/1.1 403 Forbidden\r\n{name}: {value}\r\n\r\n");
            reply(page.as_bytes()).whose
        };
        assert_eq!(page(name), Whose::Edge);
        assert_eq!(page(&name.to_lowercase()), Whose::Edge);
        assert_eq!(page("X-Other"), Whose::Unmarked);
        let (name, value) = signed_out();
        let answer = format!("HTTP/1.1 302 Found\r\n{name}: {value}\r\n\r\n");
        assert_eq!(reply(answer.as_bytes()).whose, Whose::Gateway);
        let told = reply(b"HTTP/1.1 308 X\r\nServer: Caddy\r\nLocation: https://a.test/\r\nAlt-Svc: h3=\":443\"\r\nStrict-Transport-Security: max-age=1\r\n\r\n");
        assert!(told.is_caddy && told.offers_other && told.hsts);
        assert_eq!(told.location.as_deref(), Some("https://a.test/"));
        assert!(reply(b"HTTP/1.1 200 X\r\nVia: 1.1 Caddy\r\n\r\n").is_caddy);
        assert!(!reply(b"HTTP/1.1 200 X\r\nServer: nginx\r\nAlt-Svc: clear\r\n\r\n").offers_other);
    }

    #[test]
    fn bodies_are_read_as_far_as_they_go() {
        assert_eq!(reply(b"HTTP/1.1 200 OK\r\n\r\nbody").body, b"body");
        let chunked =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbod\r\n1\r\ny\r\n0\r\n\r\n";
        assert_eq!(reply(chunked).body, b"body");
        for cut in [
            "f\r\nbod",
            "ffffffffffffffff\r\nbod",
            "3\r\nbod\r\nzz",
            "3\r\nbod",
        ] {
            let cut = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{cut}");
            assert_eq!(reply(cut.as_bytes()).body, b"bod", "{cut}");
        }
        let endless = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'a'; 1 << 20]].concat();
        assert_eq!(reply(&endless).body.len(), BODY_LIMIT);
    }

    #[test]
    fn what_is_no_head_is_said_to_be_none() {
        let endless = [b"HTTP/1.1 200 OK\r\nA: ".to_vec(), vec![b'a'; 1 << 20]].concat();
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(1_000));
        let hints = b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(10);
        for bytes in [
            b"SSH-2.0-OpenSSH_9.2\r\n".as_slice(),
            b"HTTP/1.1 99999 X\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nCut: ",
            b"\0\0\0",
            &hints,
            &endless,
            many.as_bytes(),
        ] {
            assert!(
                matches!(response(bytes), Response::NotHttp(_)),
                "{:?}",
                response(bytes)
            );
        }
        assert!(read(&mut &b""[..], Wanted::Head).is_err());
    }
}
