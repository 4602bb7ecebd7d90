//! What is sent: a handshake with its name and its certificate, and one request of HTTP in it.

use std::net::SocketAddr;

use super::http2;
use super::tls::ClientIdentity;

/// What a browser says of itself when somebody has typed an address: an edge that lets in all but this program would otherwise have it
/// easy to tell the two apart.
const BROWSER_HEADERS: [(&str, &str); 8] = [
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    ),
    (
        "Accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ),
    ("Accept-Language", "en-US,en;q=0.5"),
    ("Upgrade-Insecure-Requests", "1"),
    ("Sec-Fetch-Dest", "document"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Site", "none"),
    ("Sec-Fetch-User", "?1"),
];

/// A connection to be made, and the one request in it.
pub(super) struct Visit<'a> {
    pub address: SocketAddr,
    /// The name in the handshake; none where none is sent.
    pub server_name: Option<&'a str>,
    pub protocol: Protocol,
    pub request: Request<'a>,
    /// What is sent where a certificate is asked for.
    pub identity: Option<ClientIdentity>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    /// HTTP/2, or HTTP/1.1 where the server knows no other, as browsers do. Only the head of the answer is read.
    Http2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Options,
}

/// How much of an answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Head,
    /// The head, and up to 64 KiB of the body.
    Body,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub method: Method,
    /// The host, with the port where that is not the usual one.
    pub host: &'a str,
    pub path: &'a str,
    /// What is sent besides; `Connection` in place of its usual value.
    pub headers: &'a [(&'a str, &'a str)],
    pub wanted: Wanted,
}

impl<'a> Request<'a> {
    /// `GET`, with no more than every request has; the head of the answer is read.
    pub(super) fn get(host: &'a str, path: &'a str) -> Request<'a> {
        Request {
            method: Method::Get,
            host,
            path,
            headers: &[],
            wanted: Wanted::Head,
        }
    }

    pub(super) fn to_http1(self) -> Vec<u8> {
        let mut text = Vec::new();
        let mut put = |words: &[&str]| words.iter().for_each(|word| text.extend(word.bytes()));
        put(&[self.method.as_str(), " ", self.path, " HTTP/1.1\r\n"]);
        put(&["Host: ", self.host, "\r\n"]);
        for (name, value) in self.headers() {
            put(&[name, ": ", value, "\r\n"]);
        }
        if !self.headers.iter().any(|(name, _)| *name == "Connection") {
            // A body has an end where the connection has one; for a head alone nobody waits.
            put(&[match self.wanted {
                Wanted::Head => "Connection: keep-alive\r\n",
                Wanted::Body => "Connection: close\r\n",
            }]);
        }
        put(&["\r\n"]);
        text
    }

    /// The same for HTTP/2; none where it cannot be said there.
    pub(super) fn to_http2(self) -> Option<http2::Head> {
        let url = format!("https://{}{}", self.host, self.path);
        let head = ::http::Request::builder()
            .method(self.method.as_str())
            .uri(url);
        let head = self
            .headers()
            .fold(head, |head, (name, value)| head.header(*name, *value));
        head.body(()).ok()
    }

    fn headers(self) -> impl Iterator<Item = &'a (&'a str, &'a str)> {
        BROWSER_HEADERS.iter().chain(self.headers)
    }
}

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Options => "OPTIONS",
        }
    }
}

/// A host as it stands in a request.
pub(super) fn with_port(host: &str, port: u16) -> String {
    match port {
        443 => host.to_owned(),
        port => format!("{host}:{port}"),
    }
}
