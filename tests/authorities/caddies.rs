//! Two real Caddys, asked whether they load an authority and whether they let in whom it has signed.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::caddy::Version;
use super::support::port::Port;
use super::support::tools;

const PATIENCE: Duration = Duration::from_secs(30);

/// A Caddy that is told by its administration what to serve.
pub struct Asked {
    process: Child,
    place: TempDir,
    admin: Port,
    /// That of the latest configuration: each has another, for at one of the same the server before may take a last visit.
    https: RefCell<Port>,
}

impl Asked {
    #[track_caller]
    pub fn start(version: Version) -> Self {
        let place = tempfile::tempdir().expect("a temporary directory can be made");
        let (admin, https) = (Port::reserve(), Port::reserve());
        tools::site_certificate(place.path(), "*.example.com");
        let config = json!({"admin": {"listen": format!("127.0.0.1:{}", admin.number())}});
        fs::write(place.path().join("first.json"), config.to_string()).expect("it can be written");
        let log = File::create(place.path().join("log")).expect("it can be written");
        let both = log
            .try_clone()
            .expect("a file can be written to from two places");
        let process = tools::command(version.tool())
            .current_dir(place.path())
            .env("HOME", place.path())
            .args(["run", "--config", "first.json"])
            .stdin(Stdio::null())
            .stdout(both)
            .stderr(log)
            .spawn()
            .expect("Caddy starts");
        let asked = Self {
            process,
            place,
            admin,
            https: RefCell::new(https),
        };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, asked.admin.number())).is_err() {
            assert!(Instant::now() < deadline, "Caddy listens: {}", asked.log());
            sleep(Duration::from_millis(10));
        }
        asked
    }

    fn log(&self) -> String {
        fs::read_to_string(self.place.path().join("log")).unwrap_or_default()
    }

    /// Whether it loads a configuration in which each of these authorities is trusted at a host of its own.
    #[track_caller]
    pub fn loads<'a>(&self, authorities: impl Iterator<Item = (usize, &'a [u8])>) -> bool {
        let policies: Vec<Value> = authorities
            .map(|(number, der)| {
                json!({
                    "match": {"sni": [host(number)]},
                    "client_authentication": {
                        "mode": "require_and_verify",
                        "trusted_ca_certs": [BASE64.encode(der)],
                    },
                })
            })
            .collect();
        *self.https.borrow_mut() = Port::reserve();
        let file = |name: &str| self.place.path().join(name).display().to_string();
        let config = json!({
            "admin": {"listen": format!("127.0.0.1:{}", self.admin.number())},
            "apps": {
                "tls": {"certificates": {"load_files": [
                    {"certificate": file("site.pem"), "key": file("site.key"), "format": "pem"},
                ]}},
                "http": {"grace_period": 1, "servers": {"only": {
                    "listen": [format!("127.0.0.1:{}", self.https.borrow().number())],
                    "protocols": ["h1"],
                    "automatic_https": {"disable": true},
                    "tls_connection_policies": policies,
                    "routes": [{"handle": [{"handler": "static_response", "body": "in"}]}],
                }}},
            },
        });
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.load(&config.to_string()).unwrap_or_default();
            match answer.get(..12) {
                Some("HTTP/1.1 200") => return true,
                Some("HTTP/1.1 400" | "HTTP/1.1 500") => return false,
                // Its administration starts anew with each configuration, and some answers are lost with the old one.
                _ => assert!(Instant::now() < deadline, "{answer}\n{}", self.log()),
            }
            sleep(Duration::from_millis(10));
        }
    }

    fn load(&self, config: &str) -> io::Result<String> {
        let address = (Ipv4Addr::LOCALHOST, self.admin.number());
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let head = format!(
            "POST /load HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            address.1,
            config.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(config.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Whether a device with this chain comes in where that authority is trusted.
    pub fn lets_in(&self, number: usize, chain: &[Vec<u8>], key: &[u8]) -> bool {
        let chain: Vec<CertificateDer> = chain.iter().cloned().map(CertificateDer::from).collect();
        let key = PrivateKeyDer::try_from(key.to_owned()).expect("openssl writes PKCS#8");
        let config = ClientConfig::builder()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody))
            .with_client_auth_cert(chain, key)
            .expect("the key belongs to the certificate");
        let name = ServerName::try_from(host(number)).expect("it is one");
        let mut connection = ClientConnection::new(Arc::new(config), name).expect("it can begin");
        let address = (Ipv4Addr::LOCALHOST, self.https.borrow().number());
        let mut socket = TcpStream::connect(address).expect("it listens");
        socket
            .set_read_timeout(Some(PATIENCE))
            .expect("it can be set");
        let mut stream = rustls::Stream::new(&mut connection, &mut socket);
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            host(number)
        );
        let mut answer = [0; 12];
        let answered = stream.write_all(request.as_bytes());
        let answered = answered.and_then(|()| stream.read_exact(&mut answer));
        answered.is_ok() && answer == *b"HTTP/1.1 200"
    }
}

fn host(number: usize) -> String {
    format!("c{number}.example.com")
}

impl Drop for Asked {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Believes any server: it is the client that is judged here.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
