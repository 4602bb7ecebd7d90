//! One TLS connection and one request: the only place where homelab speaks to others.
//!
//! What the server shows is looked at and never believed: nothing but `GET` and a path of the
//! program's own is sent. A device's key signs in `pki`; the TLS library never has it.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::time_provider::TimeProvider;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct,
    Error, ProtocolVersion, RootCertStore, SignatureAlgorithm, SignatureScheme,
};

use crate::pki::{Certificate, KeyKind, PrivateKey};
use crate::verify::{Answer, page_policy};

/// Bytes of the head of an answer, at the most.
const HEAD_LIMIT: usize = 64 << 10;
/// Answers that only announce the one to come, at the most.
const MOST_ANNOUNCED: usize = 8;
/// Headers of an answer, at the most.
const MOST_HEADERS: usize = 200;
/// How long the server may take to say of a certificate, in TLS 1.3, whether it takes it, before the
/// request is sent all the same. Caddy says it at once.
const VERDICT: Duration = Duration::from_millis(500);

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
    /// The name in the handshake.
    pub server_name: &'a str,
    /// The name in the request, with the port where that is not the usual one.
    pub host: &'a str,
    /// The path.
    pub path: &'a str,
    /// What is shown where a certificate is asked for.
    pub shown: Option<Shown>,
}

/// A certificate with its key, to be shown.
#[derive(Clone)]
pub struct Shown(Arc<CertifiedKey>);

/// What was seen.
#[derive(Debug)]
pub struct Seen {
    /// What came of the request.
    pub answer: Answer,
    /// The names of the authorities, in DER, that a certificate was asked of; none where none was.
    pub asked: Option<Vec<Vec<u8>>>,
    /// From where it was made.
    pub local: Option<IpAddr>,
    /// The version of TLS, once it was agreed on.
    pub tls: Option<&'static str>,
    /// What the server showed.
    pub served: Option<Served>,
}

/// A server's certificate.
#[derive(Debug, Clone)]
pub struct Served {
    /// The certificate; none where it cannot be read.
    pub certificate: Option<Certificate>,
    /// What is wrong with it.
    pub fault: Option<ServedFault>,
}

/// What is wrong with a server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServedFault {
    /// None of the roots has issued it.
    UnknownIssuer,
    /// Anything else, in words.
    Other(String),
}

impl Shown {
    /// A certificate with its key.
    pub fn new(key: PrivateKey, certificate: &Certificate) -> Shown {
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        // What ring signs in a handshake draws randomness, which no artifact has a part in.
        let key: Arc<dyn SigningKey> = match key.public_key().kind() {
            KeyKind::P256 => Arc::new(OwnKey(Arc::new(key))),
            _ => {
                let pkcs8 = PrivatePkcs8KeyDer::from(key.to_pkcs8_der().as_slice()).clone_key();
                any_supported_type(&pkcs8.into()).expect("it was written by a key of that kind")
            }
        };
        Shown(Arc::new(CertifiedKey::new(chain, key)))
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
    pub fn make(&self, visit: &Visit<'_>) -> Seen {
        let mut seen = Seen {
            answer: Answer::Unreached(String::new()),
            asked: None,
            local: None,
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

    fn speak(&self, visit: &Visit<'_>, mut stream: Timed, seen: &mut Seen) -> Answer {
        let Ok(name) = ServerName::try_from(visit.server_name.to_owned()) else {
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
        let config = self.config(&showing, &looking);
        let mut connection = match ClientConnection::new(Arc::new(config), name) {
            Ok(connection) => connection,
            Err(error) => return Answer::Failed(error.to_string()),
        };
        let answer = self.converse(visit, &mut connection, &mut stream, &showing);
        seen.asked = taken(&showing.asked);
        seen.served = taken(&looking.served);
        seen.tls = connection.protocol_version().map(|version| match version {
            ProtocolVersion::TLSv1_2 => "TLS 1.2",
            _ => "TLS 1.3",
        });
        answer
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
        visit: &Visit<'_>,
        connection: &mut ClientConnection,
        stream: &mut Timed,
        showing: &Showing,
    ) -> Answer {
        let ended = |error: io::Error, showing: &Showing| {
            let asked = showing.asked.lock().unwrap_or_else(PoisonError::into_inner);
            self.ended(&error, asked.is_some())
        };
        while connection.is_handshaking() {
            if let Err(error) = connection.complete_io(stream) {
                return ended(error, showing);
            }
        }
        if let Err(error) = await_verdict(connection, stream, showing) {
            return ended(error, showing);
        }
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: homelab-verify\r\nAccept: */*\r\nConnection: close\r\n\r\n",
            visit.path, visit.host
        );
        let mut tls = rustls::Stream::new(connection, stream);
        // Who has refused already may not read any more: what was said before counts.
        let written = tls.write_all(request.as_bytes()).and_then(|()| tls.flush());
        match (head(&mut tls), written) {
            (Ok(answer), _) => answer,
            (Err(error), _) if is_tls(&error).is_some() => ended(error, showing),
            (Err(_), Err(error)) => ended(error, showing),
            (Err(error), Ok(())) => ended(error, showing),
        }
    }

    /// What the end of a connection means.
    fn ended(&self, error: &io::Error, asked: bool) -> Answer {
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
                    if asked =>
                {
                    Answer::Closed
                }
                _ => Answer::Unreached(described(error, self.timeout)),
            },
        }
    }
}

/// In TLS 1.3 a server says of a certificate after the handshake whether it takes it. Who sends more
/// before that may lose the alert to a connection that is reset.
fn await_verdict(
    connection: &mut ClientConnection,
    stream: &mut Timed,
    showing: &Showing,
) -> io::Result<()> {
    let asked = showing.asked.lock().unwrap_or_else(PoisonError::into_inner);
    if asked.is_none() || connection.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        return Ok(());
    }
    drop(asked);
    let deadline = stream.deadline;
    stream.deadline = deadline.min(Instant::now() + VERDICT);
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

/// Reads the head of an answer, past what only announces one (RFC 9110 §15.2).
fn head(stream: &mut impl Read) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    let mut announced = 0;
    let garbled = |why: &str| Ok(Answer::Garbled(why.to_owned()));
    loop {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(&bytes) {
            Err(error) => return garbled(&error.to_string()),
            Ok(httparse::Status::Complete(length)) => match response.code {
                Some(100 | 102..=199) if announced == MOST_ANNOUNCED => {
                    return garbled("it is announced without end");
                }
                Some(100 | 102..=199) => {
                    announced += 1;
                    bytes.drain(..length);
                    continue;
                }
                Some(status) => {
                    let (name, value) = page_policy();
                    let own_page = response.headers.iter().any(|header| {
                        header.name.eq_ignore_ascii_case(name) && header.value == value.as_bytes()
                    });
                    return Ok(Answer::Http { status, own_page });
                }
                None => return garbled("it has no status"),
            },
            Ok(httparse::Status::Partial) if bytes.len() > HEAD_LIMIT => {
                return garbled("its head has no end");
            }
            Ok(httparse::Status::Partial) => {}
        }
        match stream.read(&mut buffer) {
            Ok(0) if bytes.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(0) => return garbled("it ends in its head"),
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
            Err(error) => return Err(error),
        }
    }
}

/// A connection that ends at its time, however busily the other side goes on.
struct Timed {
    stream: TcpStream,
    deadline: Instant,
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

fn is_timeout(error: &io::Error) -> bool {
    // What a socket says whose time is over differs between systems.
    matches!(
        error.kind(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock
    )
}

fn described(error: &io::Error, timeout: Duration) -> String {
    match is_timeout(error) {
        true => format!("no answer within {} s", timeout.as_secs()),
        false if error.kind() == io::ErrorKind::UnexpectedEof => {
            String::from("the connection was closed")
        }
        false => error.to_string(),
    }
}

fn is_tls(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// The alerts by which servers refuse a certificate, or the lack of one (RFC 8446 §6.2; in TLS 1.2
/// the lack is a handshake failure, RFC 5246 §7.4.6).
fn is_about_certificates(alert: AlertDescription) -> bool {
    use AlertDescription as Alert;
    matches!(
        alert,
        Alert::HandshakeFailure
            | Alert::NoCertificate
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::CertificateRequired
    )
}

/// `BadCertificate` as `bad certificate`.
fn words(alert: AlertDescription) -> String {
    let mut words = String::new();
    let name = format!("{alert:?}").replace("CA", "Ca");
    for character in name.chars() {
        if character.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(character.to_ascii_lowercase());
    }
    words
}

fn taken<T>(cell: &Mutex<Option<T>>) -> Option<T> {
    cell.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Shows a certificate to whoever asks for one, and notes that they did.
struct Showing {
    shown: Option<Shown>,
    asked: Mutex<Option<Vec<Vec<u8>>>>,
}

impl ResolvesClientCert for Showing {
    fn resolve(&self, hints: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let hints = hints.iter().map(|hint| hint.to_vec()).collect();
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(hints);
        self.shown.as_ref().map(|Shown(key)| Arc::clone(key))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl fmt::Debug for Showing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Showing").finish_non_exhaustive()
    }
}

/// Looks at a server's certificate and goes on in any case: what it is worth is reported, and nothing
/// is entrusted to the server.
#[derive(Debug)]
struct Looking {
    roots: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    served: Mutex<Option<Served>>,
}

impl ServerCertVerifier for Looking {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = match &self.roots {
            Some(roots) => roots.verify_server_cert(end_entity, intermediates, name, ocsp, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        *self.served.lock().unwrap_or_else(PoisonError::into_inner) = Some(Served {
            certificate: Certificate::from_der(end_entity.to_vec()).ok(),
            fault: verified.err().map(fault),
        });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

fn fault(error: Error) -> ServedFault {
    let Error::InvalidCertificate(error) = error else {
        return ServedFault::Other(error.to_string());
    };
    ServedFault::Other(String::from(match error {
        CertificateError::UnknownIssuer => return ServedFault::UnknownIssuer,
        // An authority's certificate in a server's place, as many programs make them for themselves.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            return ServedFault::UnknownIssuer;
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has ended",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is for other names"
        }
        other => return ServedFault::Other(format!("cannot be accepted: {other}")),
    }))
}

/// A key of the homelab's, which signs by RFC 6979.
struct OwnKey(Arc<PrivateKey>);

impl SigningKey for OwnKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = SignatureScheme::ECDSA_NISTP256_SHA256;
        let signer = || Box::new(OwnKey(Arc::clone(&self.0))) as Box<dyn Signer>;
        offered.contains(&scheme).then(signer)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for OwnKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature = self.0.sign(message);
        signature.map_err(|fault| Error::General(fault.to_string()))
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP256_SHA256
    }
}

impl fmt::Debug for OwnKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnKey")
    }
}

/// The one clock of the command.
#[derive(Debug)]
struct Clock(Timestamp);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Answer {
        head(&mut &*bytes).expect("it is not empty")
    }

    #[test]
    fn heads_are_read() {
        let http = |status, own_page| Answer::Http { status, own_page };
        assert_eq!(read(b"HTTP/1.1 200 OK\r\n\r\nbody"), http(200, false));
        let hinted = b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n";
        assert_eq!(read(hinted), http(404, false));
        let (name, value) = page_policy();
        let page = |name: &str| {
            read(format!("HTTP/1.1 403 Forbidden\r\n{name}: {value}\r\n\r\n").as_bytes())
        };
        assert_eq!(page(name), http(403, true));
        assert_eq!(page(&name.to_lowercase()), http(403, true));
        assert_eq!(page("X-Other"), http(403, false));
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
                matches!(read(bytes), Answer::Garbled(_)),
                "{:?}",
                read(bytes)
            );
        }
        assert!(head(&mut &b""[..]).is_err());
    }

    #[test]
    fn alerts_are_told_in_words() {
        for (alert, told) in [
            (AlertDescription::BadCertificate, "bad certificate"),
            (
                AlertDescription::CertificateRequired,
                "certificate required",
            ),
            (AlertDescription::UnknownCA, "unknown ca"),
        ] {
            assert_eq!(words(alert), told);
            assert!(is_about_certificates(alert));
        }
        for alert in [
            AlertDescription::InternalError,
            AlertDescription::UnrecognisedName,
        ] {
            assert!(!is_about_certificates(alert));
        }
    }
}
