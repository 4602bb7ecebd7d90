//! How devices come by their certificates.

use std::collections::BTreeMap;

use super::Resolver;
use crate::diagnostic::{did_you_mean, mistake};
use crate::model::{Enrolment, MadeKey, RequestPath};
use crate::parse::declaration::{DeviceLine, Text};
use crate::pki::Fingerprint;
use crate::source::Span;

/// The fingerprints that have been declared, and where.
pub(super) type Fingerprints = BTreeMap<Fingerprint, Span>;

impl Resolver<'_> {
    /// How a device comes by its certificate; none where that is a mistake.
    pub(super) fn enrolment(
        &mut self,
        line: &DeviceLine,
        declared: &mut Fingerprints,
    ) -> Option<Enrolment> {
        match (&line.csr, &line.fingerprint) {
            (None, None) => self.made_key(line.key.as_ref()).map(Enrolment::Bundle),
            (Some(path), None) => {
                if let Some(key) = &line.key {
                    self.refuse(mistake!(
                        "resolve::key-beside-csr",
                        "`key` has no meaning beside `csr`",
                        at(key.span, "about a key that is made here"),
                        at(path.span, "a request for one that is not"),
                        help("remove `key`: the device has made its key, of whatever kind; or remove `csr`, and one is made here"),
                    ));
                }
                self.request(path).map(Enrolment::Request)
            }
            (None, Some(written)) => {
                self.refuse_what_is_issued(line);
                self.installed(written, declared).map(Enrolment::Installed)
            }
            (Some(request), Some(installed)) => {
                let device = &line.name.value;
                self.refuse(mistake!(
                    "resolve::two-enrolments",
                    "the device `{device}` has both `csr` and `fingerprint`",
                    at(installed.span, "a certificate that it has already"),
                    at(request.span, "a request for another"),
                    help("keep `fingerprint` for a certificate that is on the device already, `csr` to issue another for its own key"),
                ));
                None
            }
        }
    }

    /// The kind of key that is to be made.
    fn made_key(&mut self, written: Option<&Text>) -> Option<MadeKey> {
        let Some(written) = written else {
            return Some(MadeKey::P256);
        };
        self.know(written, MadeKey::from_word, |word| {
            let known = MadeKey::ALL.iter().map(|kind| kind.as_str());
            mistake!(
                "resolve::device-key",
                "no key of kind `{word}` is made here",
                at(written.span, "no such kind"),
                help(did_you_mean(word, known)),
            )
        })
    }

    fn request(&mut self, written: &Text) -> Option<RequestPath> {
        self.read(written, RequestPath::new, |path, why| {
            mistake!(
                "resolve::bad-request-path",
                "`{path}` cannot be the place of a certificate request",
                at(written.span, "{why}"),
                help("keep the file beside homelab.kdl, such as `csr=\"csr/yubikey.csr\"`"),
            )
        })
    }

    fn installed(&mut self, written: &Text, declared: &mut Fingerprints) -> Option<Fingerprint> {
        let at = written.span;
        let fingerprint = self.read(written, Fingerprint::from_printed, |text, why| {
            mistake!(
                "resolve::bad-fingerprint",
                "`{text}` is no fingerprint of a certificate",
                at(at, "{why}"),
                help("write the SHA-256 of the certificate, 64 hexadecimal digits: `openssl x509 -noout -fingerprint -sha256 -in FILE` prints it"),
            )
        })?;
        if fingerprint.is_of_nothing() {
            self.refuse(mistake!(
                "resolve::fingerprint-of-nothing",
                "this is the fingerprint of nothing",
                at(at, "SHA-256 of an empty file"),
                help("the file was missing or empty: run `openssl x509 -noout -fingerprint -sha256 -in FILE` with the certificate's own file. With this one Caddy would take whoever shows no certificate for the device"),
            ));
            return None;
        }
        if let Some(first) = declared.insert(fingerprint, at) {
            self.refuse(mistake!(
                "resolve::duplicate-fingerprint",
                "two devices have the same certificate",
                at(at, "again here"),
                at(first, "first here"),
                help("declare it once: whoever has it is let in as one device"),
            ));
        }
        Some(fingerprint)
    }

    /// What is said of a certificate that is to be issued has no meaning for one that is there.
    fn refuse_what_is_issued(&mut self, line: &DeviceLine) {
        let validity = line.validity.as_ref().map(|written| written.span);
        let version = line.version.as_ref().map(|written| written.span);
        let key = line.key.as_ref().map(|written| written.span);
        let until = line.until.as_ref().map(|written| written.span);
        for (property, span) in [
            ("validity", validity),
            ("until", until),
            ("version", version),
            ("key", key),
        ] {
            let Some(span) = span else { continue };
            self.refuse(mistake!(
                "resolve::fingerprint-property",
                "`{property}` has no meaning beside `fingerprint`",
                at(span, "about a certificate that is not made here"),
                help("remove it: nothing is made for a device that has its certificate already"),
            ));
        }
    }
}
