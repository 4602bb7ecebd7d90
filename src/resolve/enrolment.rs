//! How devices come by their certificates.

use std::collections::BTreeMap;

use super::Mistake;
use crate::model::{Enrolment, Fingerprint, RequestPath};
use crate::parse::declaration::{DeviceLine, Text};
use crate::source::Span;

/// The fingerprints that have been declared, and where.
pub type Fingerprints = BTreeMap<Fingerprint, Span>;

/// How a device comes by its certificate; none where that is a mistake.
pub fn enrolment(
    line: &DeviceLine,
    declared: &mut Fingerprints,
    mistakes: &mut Vec<Mistake>,
) -> Option<Enrolment> {
    if let Some(key) = &line.key {
        mistakes.push(Mistake::DeviceKey {
            written: key.value.clone(),
            span: key.span,
        });
    }
    match (&line.csr, &line.fingerprint) {
        (None, None) => Some(Enrolment::Bundle),
        (Some(path), None) => request(path, mistakes).map(Enrolment::Request),
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
    let fingerprint = match Fingerprint::new(&written.value) {
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
    for (property, span) in [("validity", validity), ("version", version)] {
        if let Some(span) = span {
            mistakes.push(Mistake::FingerprintProperty { property, span });
        }
    }
}
