//! Connections, each with one request, in HTTP/1.1 or as browsers do, and each over at its time.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Error, ProtocolVersion, RootCertStore};
use serde::Serialize;

use super::deadline::{Timed, described, is_timeout};
use super::http::{self, Reply, Response};
use super::inspection::ServerCertificate;
use super::request::{Protocol, Request, Visit};
use super::tls::{
    FixedTime, IdentityResolver, RecordingVerifier, alert_words, is_about_certificates, locked,
};
use super::{capabilities, http2};
use crate::verify::{Answer, Unreached};

/// How long the server may take to say of a certificate, in TLS 1.3, whether it takes it, before the
/// request is sent all the same: three times what the handshake took, in these bounds. Caddy says it at once.
const VERDICT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));

pub(super) struct Client {
    provider: Arc<CryptoProvider>,
    roots: Option<Arc<WebPkiServerVerifier>>,
    now: Timestamp,
    /// When that was.
    begun: Instant,
    timeout: Duration,
}

/// What came of a visit.
#[derive(Debug)]
pub(super) struct Observation {
    pub answer: Answer,
    /// The answer in HTTP, where there was one.
    pub reply: Option<Reply>,
    /// The names of the authorities, in DER, that a certificate was asked of; none where none was.
    pub requested: Option<Vec<Vec<u8>>>,
    /// The address that it was made from.
    pub local: Option<IpAddr>,
    pub protocol: Protocol,
    /// Once it was agreed on.
    pub tls: Option<TlsVersion>,
    pub certificate: Option<ServerCertificate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum TlsVersion {
    #[serde(rename = "TLS 1.2")]
    V1_2,
    #[serde(rename = "TLS 1.3")]
    V1_3,
}

/// How far a handshake came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handshake {
    Begun,
    Done,
}

impl Client {
    /// A client whose visits take no longer than `timeout` each, and who holds servers' certificates against
    /// `roots`; it is `now`, in whole seconds.
    pub(super) fn new(roots: RootCertStore, now: Timestamp, timeout: Duration) -> Client {
        let provider = Arc::new(ring::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        Client {
            // Fails only where there is no root: then every issuer is unknown.
            roots: verifier.build().ok(),
            provider,
            now,
            begun: Instant::now(),
            timeout,
        }
    }

    pub(super) fn visit(&self, visit: &Visit<'_>) -> Observation {
        let mut seen = Observation {
            answer: Answer::Unreached(Unreached::Closed),
            reply: None,
            requested: None,
            local: None,
            protocol: Protocol::Http1,
            tls: None,
            certificate: None,
        };
        let deadline = Instant::now() + self.timeout;
        let said = match TcpStream::connect_timeout(&visit.address, self.timeout) {
            Err(error) => Err(self.unreached(&error)),
            Ok(stream) => {
                seen.local = stream.local_addr().ok().map(|address| address.ip());
                self.speak(visit, Timed { stream, deadline }, &mut seen)
            }
        };
        seen.keep(said);
        seen
    }

    /// Makes a request without TLS; none where no answer in HTTP comes.
    pub(super) fn get_without_tls(
        &self,
        address: SocketAddr,
        request: Request<'_>,
    ) -> Option<Reply> {
        let deadline = Instant::now() + self.timeout;
        let stream = TcpStream::connect_timeout(&address, self.timeout).ok()?;
        let mut stream = Timed { stream, deadline };
        stream.write_all(&request.to_http1()).ok()?;
        match http::read(&mut stream, request.wanted).ok()? {
            Response::Http(reply) => Some(reply),
            Response::NotHttp(_) => None,
        }
    }

    pub(super) fn speaks_quic(&self, address: SocketAddr) -> bool {
        capabilities::speaks_quic(address, self.timeout)
    }

    pub(super) fn is_hybrid(&self, address: SocketAddr, name: &str) -> Option<bool> {
        capabilities::is_hybrid(address, name, self.timeout)
    }

    fn speak(
        &self,
        visit: &Visit<'_>,
        mut stream: Timed,
        seen: &mut Observation,
    ) -> Result<Response, Answer> {
        let name = match visit.server_name {
            Some(name) => ServerName::try_from(name.to_owned()),
            // An address is no name that could be said (RFC 6066 §3).
            None => Ok(ServerName::IpAddress(visit.address.ip().into())),
        };
        let name = name.map_err(|_| Answer::Unreached(Unreached::NoServerName))?;
        let identity = Arc::new(IdentityResolver {
            identity: visit.identity.clone(),
            requested: Mutex::new(None),
        });
        let verifier = Arc::new(RecordingVerifier {
            roots: self.roots.clone(),
            provider: Arc::clone(&self.provider),
            certificate: Mutex::new(None),
        });
        let mut config = self.config(&identity, &verifier);
        if visit.protocol == Protocol::Http2 && visit.request.to_http2().is_some() {
            config.alpn_protocols.insert(0, http2::NAME.to_vec());
        }
        let mut connection = ClientConnection::new(Arc::new(config), name)
            .map_err(|error| Answer::HandshakeFailed(error.to_string()))?;
        let said = self.converse(visit.request, &mut connection, &mut stream, &identity);
        if connection.alpn_protocol() == Some(http2::NAME) {
            seen.protocol = Protocol::Http2;
        }
        seen.requested = locked(&identity.requested).take();
        seen.certificate = locked(&verifier.certificate).take();
        seen.tls = connection.protocol_version().map(|version| match version {
            ProtocolVersion::TLSv1_2 => TlsVersion::V1_2,
            _ => TlsVersion::V1_3,
        });
        said
    }

    fn config(
        &self,
        identity: &Arc<IdentityResolver>,
        verifier: &Arc<RecordingVerifier>,
    ) -> ClientConfig {
        // A site's certificate may have been made since the asking began, and in the second that `now` has left out.
        let since = SignedDuration::try_from(self.begun.elapsed()).unwrap_or_default();
        let since = since.saturating_add(SignedDuration::from_secs(1));
        let time = Arc::new(FixedTime(
            self.now.saturating_add(since).unwrap_or(self.now),
        ));
        let builder = ClientConfig::builder_with_details(Arc::clone(&self.provider), time);
        let mut config = builder
            .with_safe_default_protocol_versions()
            .expect("ring has what both versions need")
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(verifier) as _)
            .with_client_cert_resolver(Arc::clone(identity) as _);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Each visitor is to be asked anew.
        config.resumption = Resumption::disabled();
        config
    }

    fn converse(
        &self,
        request: Request<'_>,
        connection: &mut ClientConnection,
        stream: &mut Timed,
        identity: &IdentityResolver,
    ) -> Result<Response, Answer> {
        let ended = |error: io::Error, handshake| self.ended(&error, identity, handshake);
        let begun = Instant::now();
        while connection.is_handshaking() {
            connection
                .complete_io(stream)
                .map_err(|error| ended(error, Handshake::Begun))?;
        }
        let patience = (begun.elapsed() * 3).clamp(VERDICT.0, VERDICT.1);
        await_verdict(connection, stream, identity, patience)
            .map_err(|error| ended(error, Handshake::Done))?;
        let speaks_http2 = connection.alpn_protocol() == Some(http2::NAME);
        let mut tls = rustls::Stream::new(connection, stream);
        if let Some(head) = request.to_http2().filter(|_| speaks_http2) {
            return http2::ask(&mut tls, head).map_err(|error| ended(error, Handshake::Done));
        }
        // Who has refused already may not read any more: what was said before counts.
        let written = tls
            .write_all(&request.to_http1())
            .and_then(|()| tls.flush());
        match (http::read(&mut tls, request.wanted), written) {
            (Ok(response), _) => Ok(response),
            (Err(error), _) if tls_error(&error).is_some() => Err(ended(error, Handshake::Done)),
            (Err(_), Err(error)) => Err(ended(error, Handshake::Done)),
            (Err(error), Ok(())) => Err(ended(error, Handshake::Done)),
        }
    }

    /// What the end of a connection means.
    fn ended(
        &self,
        error: &io::Error,
        identity: &IdentityResolver,
        handshake: Handshake,
    ) -> Answer {
        let requested = identity.is_requested();
        match tls_error(error) {
            // Who was not asked for a certificate was not refused for one.
            Some(Error::AlertReceived(alert)) if requested && is_about_certificates(*alert) => {
                Answer::HandshakeRefused(alert_words(*alert))
            }
            Some(Error::AlertReceived(alert)) => Answer::HandshakeFailed(alert_words(*alert)),
            Some(other) => Answer::HandshakeFailed(other.to_string()),
            None if is_closed(error) && requested => Answer::Closed,
            None if is_closed(error) && handshake == Handshake::Done => Answer::ClosedUnasked,
            None => self.unreached(error),
        }
    }

    fn unreached(&self, error: &io::Error) -> Answer {
        Answer::Unreached(Unreached::Io(described(error, self.timeout)))
    }
}

impl Observation {
    /// Keeps the answer in HTTP, and what came of the request.
    fn keep(&mut self, said: Result<Response, Answer>) {
        self.answer = match said {
            Ok(Response::Http(reply)) => {
                let answer = Answer::Http {
                    status: reply.status,
                    whose: reply.whose,
                };
                self.reply = Some(reply);
                answer
            }
            Ok(Response::NotHttp(why)) => Answer::NotHttp(why),
            Err(answer) => answer,
        };
    }
}

impl TlsVersion {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            TlsVersion::V1_2 => "TLS 1.2",
            TlsVersion::V1_3 => "TLS 1.3",
        }
    }
}

/// In TLS 1.3 a server says of a certificate after the handshake whether it takes it. Who sends more
/// before that may lose the alert to a connection that is reset.
fn await_verdict(
    connection: &mut ClientConnection,
    stream: &mut Timed,
    identity: &IdentityResolver,
    patience: Duration,
) -> io::Result<()> {
    if !identity.is_requested() || connection.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        return Ok(());
    }
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

fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    )
}
