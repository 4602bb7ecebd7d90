//! Foreign readers: what others make of the files that homelab writes.
//!
//! homelab reads back its own bundles, but its own reader shares its own mistakes. So openssl, NSS, GnuTLS and Java open every
//! bundle of `examples/family`, three verifiers and a linter judge the certificates and the revocation list, Debian's age opens the
//! root secret, and a search through every byte on disk looks for what must not be there.
//!
//! Nothing depends on the machine's clock: everything is issued at [`family::ISSUED`], and each verifier is told what time it is.

mod support;

#[path = "readers/adoption.rs"]
mod adoption;
#[path = "readers/bundles.rs"]
mod bundles;
#[path = "readers/calendar.rs"]
mod calendar;
#[path = "readers/certificates.rs"]
mod certificates;
#[path = "readers/crl.rs"]
mod crl;
#[path = "readers/dns.rs"]
mod dns;
#[path = "readers/export.rs"]
mod export;
#[path = "readers/family.rs"]
mod family;
#[path = "readers/forgery.rs"]
mod forgery;
#[path = "readers/leaks.rs"]
mod leaks;
#[path = "readers/outline.rs"]
mod outline;
#[path = "readers/root.rs"]
mod root;
#[path = "readers/terminal.rs"]
mod terminal;
#[path = "readers/verifiers.rs"]
mod verifiers;
#[path = "readers/verify.rs"]
mod verify;
