//! The only place where homelab speaks to others: connections, each with one request, in HTTP/1.1 or as browsers do.
//!
//! What the server shows is looked at and never believed: nothing but `GET` and `OPTIONS` of the program's
//! own paths is sent, and each connection ends at its time. A device's key of P-256 signs in `pki`, and the TLS
//! library never has it.

mod http;
mod http2;
mod knock;
mod tls;
mod wire;

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{ClientConfig, ClientConnection, Error, ProtocolVersion, RootCertStore};

use crate::pki::{Certificate, KeyKind, PrivateKey};
use crate::verify::Answer;
use http::Heard;
pub use http::{Reply, Wanted};
use tls::{Clock, Looking, OwnKey, Showing, is_about_certificates, words};
use wire::{Timed, described, is_timeout};

/// How long the server may take to say of a certificate, in TLS 1.3, whether it takes it, before the
/// request is sent all the same: three times what the handshake took, in these bounds. Caddy says it at once.
const VERDICT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));

/// What a browser says of itself when somebody has typed an address: an edge that lets in all but this program would otherwise have it
/// easy to tell the two apart.
const BROWSERS: [(&str, &str); 8] = [
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

/// How visits are made.
pub struct Visitors {
    provider: Arc<CryptoProvider>,
    roots: Option<Arc<WebPkiServerVerifier>>,
    now: Timestamp,
    timeout: Duration,
}

/// A request to be made.
pub struct Visit<'a> {
    /// Where.
    pub address: SocketAddr,
    /// The name in the handshake; none where none is said.
    pub server_name: Option<&'a str>,
    /// In which protocol it is asked.
    pub protocol: Protocol,
    /// The request.
    pub request: Request<'a>,
    /// What is shown where a certificate is asked for.
    pub shown: Option<ClientIdentity>,
}

/// In which protocol a server is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, or HTTP/1.1 where the server knows no other, as browsers do. Only the head of the answer is read.
    Http2,
}

/// What is asked in HTTP.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: &'static str,
    /// The name of the host, with the port where that is not the usual one.
    pub host: &'a str,
    /// The path.
    pub path: &'a str,
    /// What is said besides; `Connection` in place of its usual value.
    pub headers: &'a [(&'a str, &'a str)],
    /// How much of the answer is read.
    pub wanted: Wanted,
}

/// A certificate with its key, to be shown.
#[derive(Clone)]
pub struct ClientIdentity(Arc<CertifiedKey>);

/// What was seen.
#[derive(Debug)]
pub struct Observation {
    /// What came of the request.
    pub answer: Answer,
    /// The answer in HTTP, where there was one.
    pub reply: Option<Reply>,
    /// The names of the authorities, in DER, that a certificate was asked of; none where none was.
    pub asked: Option<Vec<Vec<u8>>>,
    /// From where it was made.
    pub local: Option<IpAddr>,
    /// The protocol that was agreed on.
    pub protocol: Protocol,
    /// The version of TLS, once it was agreed on.
    pub tls: Option<&'static str>,
    /// What the server showed.
    pub served: Option<ServerCertificate>,
}

/// A server's certificate.
#[derive(Debug, Clone)]
pub struct ServerCertificate {
    /// The certificate; none where it cannot be read.
    pub certificate: Option<Certificate>,
    /// What is wrong with it.
    pub fault: Option<ServerCertificateFault>,
}

/// What is wrong with a server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerCertificateFault {
    /// None of the roots has issued it.
    UnknownIssuer,
    /// Anything else, in words.
    Other(String),
}

impl ClientIdentity {
    /// A certificate with its key.
    pub fn new(key: PrivateKey, certificate: &Certificate) -> ClientIdentity {
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        // What ring signs in a handshake draws randomness, which no artifact has a part in.
        let key: Arc<dyn SigningKey> = match key.public_key().kind() {
            KeyKind::P256 => Arc::new(OwnKey(Arc::new(key))),
            _ => {
                let pkcs8 = PrivatePkcs8KeyDer::from(key.to_pkcs8_der().as_slice()).clone_key();
                any_supported_type(&pkcs8.into()).expect("it was written by a key of that kind")
            }
        };
        ClientIdentity(Arc::new(CertifiedKey::new(chain, key)))
    }
}

impl Visitors {
    /// Visits of which each takes no longer than `timeout`; servers' certificates are held against
    /// `roots` at `now`.
    pub fn new(roots: RootCertStore, now: Timestamp, timeout: Duration) -> Visitors {
        let provider = Arc::new(ring::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        Visitors {
            // Fails only where there is no root: then every issuer is unknown.
            roots: verifier.build().ok(),
            provider,
            now,
            timeout,
        }
    }

    /// Makes a request, and says what was seen.
    pub fn make(&self, visit: &Visit<'_>) -> Observation {
        let mut seen = Observation {
            answer: Answer::Unreached(String::new()),
            reply: None,
            asked: None,
            local: None,
            protocol: Protocol::Http1,
            tls: None,
            served: None,
        };
        let deadline = Instant::now() + self.timeout;
        seen.answer = match TcpStream::connect_timeout(&visit.address, self.timeout) {
            Err(error) => Answer::Unreached(described(&error, self.timeout)),
            Ok(stream) => {
                seen.local = stream.local_addr().ok().map(|address| address.ip());
                let stream = Timed { stream, deadline };
                self.speak(visit, stream, &mut seen)
            }
        };
        seen
    }

    /// Makes a request without TLS.
    pub fn make_plain(&self, address: SocketAddr, request: &Request<'_>) -> Result<Reply, String> {
        let deadline = Instant::now() + self.timeout;
        let said = TcpStream::connect_timeout(&address, self.timeout).and_then(|stream| {
            let mut stream = Timed { stream, deadline };
            stream.write_all(&request.bytes())?;
            http::read(&mut stream, request.wanted)
        });
        match said {
            Ok(Heard::Reply(reply)) => Ok(reply),
            Ok(Heard::Garbled(why)) => Err(why),
            Err(error) => Err(described(&error, self.timeout)),
        }
    }

    /// Whether QUIC is spoken there.
    pub fn speaks_quic(&self, address: SocketAddr) -> bool {
        knock::speaks_quic(address, self.timeout)
    }

    /// Whether keys are agreed on there by X25519MLKEM768.
    pub fn is_hybrid(&self, address: SocketAddr, name: &str) -> Option<bool> {
        knock::is_hybrid(address, name, self.timeout)
    }

    fn speak(&self, visit: &Visit<'_>, mut stream: Timed, seen: &mut Observation) -> Answer {
        let name = match visit.server_name {
            Some(name) => ServerName::try_from(name.to_owned()),
            // An address is no name that could be said (RFC 6066 §3).
            None => Ok(ServerName::IpAddress(visit.address.ip().into())),
        };
        let Ok(name) = name else {
            return Answer::Unreached(String::from("its name is none that TLS could ask for"));
        };
        let showing = Arc::new(Showing {
            shown: visit.shown.clone(),
            asked: Mutex::new(None),
        });
        let looking = Arc::new(Looking {
            roots: self.roots.clone(),
            provider: Arc::clone(&self.provider),
            served: Mutex::new(None),
        });
        let mut config = self.config(&showing, &looking);
        if visit.protocol == Protocol::Http2 && visit.request.head().is_some() {
            config.alpn_protocols.insert(0, http2::NAME.to_vec());
        }
        let mut connection = match ClientConnection::new(Arc::new(config), name) {
            Ok(connection) => connection,
            Err(error) => return Answer::Failed(error.to_string()),
        };
        let said = self.converse(&visit.request, &mut connection, &mut stream, &showing);
        if connection.alpn_protocol() == Some(http2::NAME) {
            seen.protocol = Protocol::Http2;
        }
        seen.asked = taken(&showing.asked);
        seen.served = taken(&looking.served);
        seen.tls = connection.protocol_version().map(|version| match version {
            ProtocolVersion::TLSv1_2 => "TLS 1.2",
            _ => "TLS 1.3",
        });
        seen.noted(said)
    }

    fn config(&self, showing: &Arc<Showing>, looking: &Arc<Looking>) -> ClientConfig {
        let clock = Arc::new(Clock(self.now));
        let builder = ClientConfig::builder_with_details(Arc::clone(&self.provider), clock);
        let mut config = builder
            .with_safe_default_protocol_versions()
            .expect("ring has what both versions need")
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(looking) as _)
            .with_client_cert_resolver(Arc::clone(showing) as _);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Each visitor is to be asked anew.
        config.resumption = Resumption::disabled();
        config
    }

    fn converse(
        &self,
        request: &Request<'_>,
        connection: &mut ClientConnection,
        stream: &mut Timed,
        showing: &Showing,
    ) -> Result<Heard, Answer> {
        let ended = |error: io::Error, handshake: Handshake| {
            let asked = showing.asked.lock().unwrap_or_else(PoisonError::into_inner);
            Err(self.ended(&error, asked.is_some(), handshake))
        };
        let begun = Instant::now();
        while connection.is_handshaking() {
            if let Err(error) = connection.complete_io(stream) {
                return ended(error, Handshake::Begun);
            }
        }
        let patience = (begun.elapsed() * 3).clamp(VERDICT.0, VERDICT.1);
        if let Err(error) = await_verdict(connection, stream, showing, patience) {
            return ended(error, Handshake::Done);
        }
        let head = match connection.alpn_protocol() == Some(http2::NAME) {
            true => request.head(),
            false => None,
        };
        let mut tls = rustls::Stream::new(connection, stream);
        if let Some(head) = head {
            let heard = http2::ask(&mut tls, head);
            return heard.or_else(|error| ended(error, Handshake::Done));
        }
        // Who has refused already may not read any more: what was said before counts.
        let written = tls.write_all(&request.bytes()).and_then(|()| tls.flush());
        match (http::read(&mut tls, request.wanted), written) {
            (Ok(heard), _) => Ok(heard),
            (Err(error), _) if is_tls(&error).is_some() => ended(error, Handshake::Done),
            (Err(_), Err(error)) => ended(error, Handshake::Done),
            (Err(error), Ok(())) => ended(error, Handshake::Done),
        }
    }

    /// What the end of a connection means.
    fn ended(&self, error: &io::Error, asked: bool, handshake: Handshake) -> Answer {
        match is_tls(error) {
            // Who was not asked for a certificate was not refused for one.
            Some(Error::AlertReceived(alert)) if asked && is_about_certificates(*alert) => {
                Answer::Shut(words(*alert))
            }
            Some(Error::AlertReceived(alert)) => Answer::Failed(words(*alert)),
            Some(other) => Answer::Failed(other.to_string()),
            None => match error.kind() {
                io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                    if asked || handshake == Handshake::Done =>
                {
                    match asked {
                        true => Answer::Closed,
                        false => Answer::Dropped,
                    }
                }
                _ => Answer::Unreached(described(error, self.timeout)),
            },
        }
    }
}

/// How far a handshake came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handshake {
    Begun,
    Done,
}

impl Request<'_> {
    fn bytes(&self) -> Vec<u8> {
        let Request {
            method, host, path, ..
        } = self;
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
        for (name, value) in BROWSERS.iter().chain(self.headers) {
            text += &format!("{name}: {value}\r\n");
        }
        let is_connection = |(name, _): &(&str, &str)| *name == "Connection";
        if !self.headers.iter().any(is_connection) {
            // A body has an end where the connection has one; for a head alone nobody waits.
            text += match self.wanted {
                Wanted::Head => "Connection: keep-alive\r\n",
                Wanted::Body => "Connection: close\r\n",
            };
        }
        text += "\r\n";
        text.into_bytes()
    }

    /// The same for HTTP/2; none where it cannot be said there.
    fn head(&self) -> Option<http2::Head> {
        let url = format!("https://{}{}", self.host, self.path);
        let head = ::http::Request::builder().method(self.method).uri(url);
        let headers = BROWSERS.iter().chain(self.headers);
        let head = headers.fold(head, |head, (name, value)| head.header(*name, *value));
        head.body(()).ok()
    }
}

impl Observation {
    /// Keeps the answer in HTTP, and says what came of the request.
    fn noted(&mut self, said: Result<Heard, Answer>) -> Answer {
        match said {
            Ok(Heard::Reply(reply)) => {
                let answer = Answer::Http {
                    status: reply.status,
                    own_page: reply.own_page,
                };
                self.reply = Some(reply);
                answer
            }
            Ok(Heard::Garbled(why)) => Answer::Garbled(why),
            Err(answer) => answer,
        }
    }
}

/// In TLS 1.3 a server says of a certificate after the handshake whether it takes it. Who sends more
/// before that may lose the alert to a connection that is reset.
fn await_verdict(
    connection: &mut ClientConnection,
    stream: &mut Timed,
    showing: &Showing,
    patience: Duration,
) -> io::Result<()> {
    let asked = showing.asked.lock().unwrap_or_else(PoisonError::into_inner);
    if asked.is_none() || connection.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        return Ok(());
    }
    drop(asked);
    let deadline = stream.deadline;
    stream.deadline = deadline.min(Instant::now() + patience);
    let read = connection.read_tls(stream);
    stream.deadline = deadline;
    match read {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(_) => match connection.process_new_packets() {
            Ok(_) => Ok(()),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        },
        Err(error) if is_timeout(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

fn is_tls(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

fn taken<T>(cell: &Mutex<Option<T>>) -> Option<T> {
    cell.lock().unwrap_or_else(PoisonError::into_inner).take()
}
