//! TLS before an [`Upstream`], for declarations whose upstream is `https://…`.

use std::path::PathBuf;

use tempfile::TempDir;

use super::server::Server;
use super::tools;
use super::upstream::Upstream;

/// A server on the loopback address that speaks TLS with a certificate that nobody believes, and passes every byte to an upstream.
pub struct TlsFront {
    server: Server,
    certificate: TempDir,
}

impl TlsFront {
    #[track_caller]
    pub fn start(upstream: &Upstream) -> Self {
        let place = tempfile::tempdir().expect("a temporary directory can be made");
        let certificate = place.path().join("certificate.pem");
        let certificate = certificate.to_str().expect("a test's paths are UTF-8");
        // Key and certificate into one file.
        let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=nobody -addext subjectAltName=DNS:nobody.test -keyout";
        let arguments = request.split(' ').chain([certificate, "-out", certificate]);
        tools::run("openssl", arguments).succeeds();
        let address = upstream.address();
        let (_, port) = address.rsplit_once(':').expect("an address has a port");
        let mut python = tools::command("python3");
        python.args(["-c", include_str!("tls_front.py"), port, certificate]);
        Self {
            server: Server::start(&mut python),
            certificate: place,
        }
    }

    /// Its certificate, of its own making and for the name `nobody.test`, PEM.
    pub fn certificate(&self) -> PathBuf {
        self.certificate.path().join("certificate.pem")
    }

    /// `https://127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("https://{}", self.server.address())
    }
}
