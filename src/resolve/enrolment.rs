//! How devices come by their certificates.

use std::collections::BTreeMap;

use super::Mistake;
use crate::diagnostic::did_you_mean;
use crate::model::{Enrolment, MadeKey, RequestPath};
use crate::parse::declaration::{DeviceLine, Text};
use crate::pki::Fingerprint;
use crate::source::Span;

/// The fingerprints that have been declared, and where.
pub type Fingerprints = BTreeMap<Fingerprint, Span>;

/// How a device comes by its certificate; none where that is a mistake.
pub fn enrolment(
    line: &DeviceLine,
    declared: &mut Fingerprints,
    mistakes: &mut Vec<Mistake>,
) -> Option<Enrolment> {
    match (&line.csr, &line.fingerprint) {
        (None, None) => made_key(line.key.as_ref(), mistakes).map(Enrolment::Bundle),
        (Some(path), None) => {
            if let Some(key) = &line.key {
                mistakes.push(Mistake::KeyBesideRequest {
                    span: key.span,
                    request: path.span,
                });
            }
            request(path, mistakes).map(Enrolment::Request)
        }
        (None, Some(written)) => {
            refuse_what_is_issued(line, mistakes);
            installed(written, declared, mistakes).map(Enrolment::Installed)
        }
        (Some(request), Some(installed)) => {
            mistakes.push(Mistake::TwoEnrolments {
                device: line.name.value.clone(),
                span: installed.span,
                first: request.span,
            });
            None
        }
    }
}

/// The kind of key that is to be made.
fn made_key(written: Option<&Text>, mistakes: &mut Vec<Mistake>) -> Option<MadeKey> {
    let Some(written) = written else {
        return Some(MadeKey::P256);
    };
    let kind = MadeKey::from_word(&written.value);
    if kind.is_none() {
        let words = MadeKey::ALL.iter().map(|kind| kind.as_str());
        mistakes.push(Mistake::DeviceKey {
            written: written.value.clone(),
            span: written.span,
            help: did_you_mean(&written.value, words),
        });
    }
    kind
}

fn request(written: &Text, mistakes: &mut Vec<Mistake>) -> Option<RequestPath> {
    RequestPath::new(&written.value)
        .map_err(|why| {
            mistakes.push(Mistake::BadRequestPath {
                written: written.value.clone(),
                why,
                span: written.span,
            });
        })
        .ok()
}

fn installed(
    written: &Text,
    declared: &mut Fingerprints,
    mistakes: &mut Vec<Mistake>,
) -> Option<Fingerprint> {
    let fingerprint = match Fingerprint::from_printed(&written.value) {
        Ok(fingerprint) => fingerprint,
        Err(why) => {
            mistakes.push(Mistake::BadFingerprint {
                written: written.value.clone(),
                why,
                span: written.span,
            });
            return None;
        }
    };
    if fingerprint.is_of_nothing() {
        mistakes.push(Mistake::FingerprintOfNothing { span: written.span });
        return None;
    }
    if let Some(first) = declared.insert(fingerprint, written.span) {
        mistakes.push(Mistake::DuplicateFingerprint {
            span: written.span,
            first,
        });
    }
    Some(fingerprint)
}

/// What is said of a certificate that is to be issued has no meaning for one that is there.
fn refuse_what_is_issued(line: &DeviceLine, mistakes: &mut Vec<Mistake>) {
    let validity = line.validity.as_ref().map(|written| written.span);
    let version = line.version.as_ref().map(|written| written.span);
    let key = line.key.as_ref().map(|written| written.span);
    for (property, span) in [("validity", validity), ("version", version), ("key", key)] {
        if let Some(span) = span {
            mistakes.push(Mistake::FingerprintProperty { property, span });
        }
    }
}
