//! Handing a device's files to a phone on the same network: what is offered, to whom, and for how long.
//!
//! [`Session`] decides every answer and knows neither sockets nor clocks; [`Server`] is the only place in homelab that
//! listens, and the only one that is asynchronous. What is offered has been read before: no request reaches a file.

mod address;
mod handover;
mod page;
mod qr;
mod serve;
mod session;
#[cfg(test)]
mod tests;

pub(crate) use address::listen;
pub(crate) use handover::{Handover, active};
pub(crate) use page::Page;
pub(crate) use qr::Qr;
pub(crate) use serve::Server;
pub(crate) use session::{End, Event, Limits};

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;

use data_encoding::Specification;

/// What is handed over, and where.
#[derive(Debug)]
pub(crate) struct Offer {
    pub address: SocketAddr,
    /// What a visitor has to know.
    pub path: SecretPath,
    /// The page, in HTML.
    pub page: Vec<u8>,
    /// The files, the one to open first at the front; at least one.
    pub files: Vec<File>,
}

/// A file that is offered.
#[derive(Debug)]
pub(crate) struct File {
    /// Its name: `[A-Za-z0-9._-]`, as the output tree's are.
    pub name: Cow<'static, str>,
    pub bytes: Vec<u8>,
}

/// The path that nobody guesses: 128 random bits in lower-case base32, in the letters that cannot be mistaken.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SecretPath(String);

impl SecretPath {
    /// The path made of these random bytes.
    pub(crate) fn new(bytes: [u8; 16]) -> SecretPath {
        let mut base32 = Specification::new();
        base32.symbols.push_str("0123456789abcdefghjkmnpqrstvwxyz");
        let base32 = base32.encoding().expect("these are 32 different symbols");
        SecretPath(base32.encode(&bytes))
    }

    pub(crate) fn page(&self) -> String {
        format!("/{}/", self.0)
    }

    /// Where the file of that name is.
    pub(crate) fn file(&self, name: &str) -> String {
        format!("/{}/{name}", self.0)
    }

    /// The address of the page for a browser.
    pub(crate) fn url(&self, address: SocketAddr) -> String {
        format!("http://{address}{}", self.page())
    }
}

impl fmt::Debug for SecretPath {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SecretPath(..)")
    }
}

/// How a file is to be taken by a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A .p12: saved, or handed to the certificate store.
    Bundle,
    /// A configuration profile: Safari opens it only where it is not told to save it.
    AppleProfile,
    /// Anything else: saved.
    Other,
}

impl File {
    fn kind(&self) -> Kind {
        match self.name.rsplit_once('.') {
            Some((_, "p12")) => Kind::Bundle,
            Some((_, "mobileconfig")) => Kind::AppleProfile,
            _ => Kind::Other,
        }
    }

    /// Its type for a browser. What is no certificate is never shown by one, whatever it holds.
    fn content_type(&self) -> &'static str {
        match self.kind() {
            Kind::Bundle => "application/x-pkcs12",
            Kind::AppleProfile => "application/x-apple-aspen-config",
            Kind::Other => "application/octet-stream",
        }
    }

    fn disposition(&self) -> String {
        let how = match self.kind() {
            Kind::AppleProfile => "inline",
            Kind::Bundle | Kind::Other => "attachment",
        };
        format!("{how}; filename=\"{}\"", self.name)
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Event::Opened { from } => write!(f, "the page was opened by {from}"),
            Event::Fetched { name, from } => write!(f, "{name} fetched by {from}"),
            Event::Closing { after } => write!(
                f,
                "until {} s from now the same device may fetch again; then this ends",
                after.as_secs()
            ),
            Event::Undelivered { name, from } => write!(
                f,
                "{name} was asked for by {from}, but it is not known to have arrived"
            ),
            Event::Refused { from, holder } => write!(
                f,
                "{from} was refused: {holder} was first. Whoever that is has the file now"
            ),
            Event::WrongTry { from, count, of } => {
                write!(f, "{from} asked for what is not here ({count} of {of})")
            }
        }
    }
}
