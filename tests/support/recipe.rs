//! What people do by hand: an authority and certificates of devices, made with openssl.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::clock;
use super::outcome;
use super::tools;

/// A directory with `ca.key`, `ca.pem`, and for each device NAME.key, NAME.crt and NAME.p12.
pub struct Recipe {
    place: TempDir,
    /// What openssl takes the time to be, where that is not the machine's.
    time: Option<&'static str>,
}

/// How a key is made.
pub const P256: &str = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256";
pub const RSA: &str = "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048";

/// What an authority says of itself by default.
pub const CA: &str = "basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n\
    keyUsage=critical,keyCertSign,cRLSign\n";

/// The password of every .p12.
pub const PASSWORD: &str = "an insecure password of a test";

impl Recipe {
    /// An authority of that kind of key and with those extensions, valid for ten years.
    #[track_caller]
    pub fn new(key: &str, extensions: &str) -> Self {
        Self::lasting(key, extensions, "3650")
    }

    /// The same for other days from now, which openssl takes to be negative too.
    #[track_caller]
    pub fn lasting(key: &str, extensions: &str, days: &str) -> Self {
        Self::made(key, extensions, days, None)
    }

    /// An authority that was made at the beginning of 2026, whatever the machine's clock says.
    #[track_caller]
    pub fn of_2026() -> Self {
        Self::made(P256, CA, "3650", Some("2026-01-01 00:00:00"))
    }

    #[track_caller]
    fn made(key: &str, extensions: &str, days: &str, time: Option<&'static str>) -> Self {
        let place = tempfile::tempdir().expect("a temporary directory can be made");
        let recipe = Self { place, time };
        recipe.write("extensions", extensions);
        recipe.openssl(&format!("{key} -out ca.key"));
        recipe.openssl("req -new -key ca.key -subj /C=DE/O=Home/CN=Home\\u0020CA -out ca.csr");
        recipe.openssl(&format!(
            "x509 -req -in ca.csr -signkey ca.key -days {days} -extfile extensions -out ca.pem"
        ));
        recipe
    }

    /// A certificate for a device, as the recipe makes it; its SHA-256 as openssl prints it.
    #[track_caller]
    pub fn issue(&self, name: &str) -> String {
        self.openssl(&format!("{P256} -out {name}.key"));
        self.openssl(&format!(
            "req -new -key {name}.key -subj /CN={name} -out {name}.csr"
        ));
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 -out {name}.crt"
        ));
        self.bundle(name, &self.path(&format!("{name}.crt")));
        let printed = self.openssl(&format!("x509 -noout -fingerprint -sha256 -in {name}.crt"));
        let (_, fingerprint) = printed.split_once('=').expect("it says what it is");
        fingerprint.trim().to_owned()
    }

    /// NAME.p12 with the key NAME.key and a certificate.
    #[track_caller]
    pub fn bundle(&self, name: &str, certificate: &Path) -> PathBuf {
        let mut openssl = tools::command("openssl");
        openssl.current_dir(self.place.path());
        openssl.args(["pkcs12", "-export", "-out", &format!("{name}.p12")]);
        openssl.args(["-inkey", &format!("{name}.key"), "-in"]);
        openssl.arg(certificate);
        openssl.args(["-passout", &format!("pass:{PASSWORD}")]);
        outcome::run(&mut openssl, b"").succeeds();
        self.path(&format!("{name}.p12"))
    }

    /// Another authority below this one: NAME.key and NAME.pem.
    #[track_caller]
    pub fn intermediate(&self, name: &str) {
        self.openssl(&format!("{P256} -out {name}.key"));
        self.openssl(&format!(
            "req -new -key {name}.key -subj /CN={name} -out {name}.csr"
        ));
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 900 -extfile extensions -out {name}.pem"
        ));
    }

    /// Gives the authority's certificate no end, as RFC 5280 §4.1.2.5 writes that.
    #[track_caller]
    pub fn without_end(&self) {
        self.write("index.txt", "");
        self.write(
            "ca.cnf",
            "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\npolicy=any\n\
             [any]\ncountryName=optional\norganizationName=optional\ncommonName=optional\n",
        );
        self.openssl(
            "ca -batch -notext -config ca.cnf -selfsign -keyfile ca.key -in ca.csr -extfile extensions -startdate 20250101000000Z -enddate 99991231235959Z -out ca.pem",
        );
    }

    /// A text that is in the directory.
    #[track_caller]
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("it was written")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    #[track_caller]
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("the directory is there");
    }

    /// What openssl prints that is run in the directory, with words between blanks; `\u0020` in one stands for a blank.
    #[track_caller]
    pub fn openssl(&self, words: &str) -> String {
        let words = words.split(' ').map(|word| word.replace("\\u0020", " "));
        let mut openssl = match self.time {
            None => tools::command("openssl"),
            Some(time) => clock::command_at(time, "openssl"),
        };
        let done = outcome::run(openssl.current_dir(self.place.path()).args(words), b"");
        done.succeeds().stdout().to_owned()
    }
}
