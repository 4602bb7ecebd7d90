//! Which extensions Go reads, and which it can judge when they are critical.

use std::collections::BTreeSet;

use super::NotAnAuthority;
use super::names;
use super::reading::{
    BOOLEAN, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE, context,
    context_constructed, is_shortest,
};

/// id-kp-clientAuth and anyExtendedKeyUsage (RFC 5280 §4.2.1.12).
const FOR_CLIENTS: [&[u8]; 2] = [
    &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02],
    &[0x55, 0x1d, 0x25, 0x00],
];

/// id-pe-authorityInfoAccess (RFC 5280 §4.2.2.1).
const INFORMATION: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01];

/// The bits of a key usage that are asked for (RFC 5280 §4.2.1.3).
const KEY_CERT_SIGN: usize = 5;

/// What extensions say, as far as it is asked for.
#[derive(Default)]
struct Said {
    ca: bool,
    signs_certificates: Option<bool>,
    for_clients: Option<bool>,
    names: bool,
    constraints: bool,
}

/// Holds extensions against what Go reads of an authority and believes.
pub(super) fn judge(mut extensions: Reader) -> Result<(), NotAnAuthority> {
    let malformed = || NotAnAuthority::Encoding("extensions");
    let (mut said, mut seen) = (Said::default(), BTreeSet::new());
    while !extensions.is_empty() {
        let extension = Extension::read(&mut extensions).ok_or_else(malformed)?;
        if !seen.insert(extension.object) {
            return Err(extension.refused("is there twice"));
        }
        said.hear(&extension)?;
    }
    if !said.ca || said.signs_certificates == Some(false) {
        return Err(NotAnAuthority::NotCa);
    }
    if said.for_clients == Some(false) {
        return Err(NotAnAuthority::NotForClients);
    }
    // Go before 1.26 holds an authority's own names against its own constraints.
    if said.names && said.constraints {
        Err(NotAnAuthority::Constraints(
            "are there beside names of its own, which Caddy would hold against them",
        ))
    } else {
        Ok(())
    }
}

/// One of them (RFC 5280 §4.1).
struct Extension<'a> {
    object: &'a [u8],
    critical: bool,
    value: &'a [u8],
}

impl<'a> Extension<'a> {
    fn read(extensions: &mut Reader<'a>) -> Option<Extension<'a>> {
        let mut extension = extensions.enter(SEQUENCE)?;
        let object = extension.object()?;
        let critical = if extension.is_at(BOOLEAN) {
            extension.boolean()?
        } else {
            false
        };
        let value = extension.take(OCTET_STRING)?;
        extension.is_empty().then_some(Extension {
            object,
            critical,
            value,
        })
    }

    fn refused(&self, why: &'static str) -> NotAnAuthority {
        NotAnAuthority::Extension {
            object: dotted(self.object),
            why,
        }
    }

    /// Nobody can judge it by what Go knows.
    fn unknown(&self) -> Result<(), NotAnAuthority> {
        Err(NotAnAuthority::Critical(dotted(self.object)))
    }
}

impl Said {
    fn hear(&mut self, extension: &Extension<'_>) -> Result<(), NotAnAuthority> {
        let critical = extension.critical;
        let malformed = || extension.refused("cannot be read");
        let mut outer = Reader::new(extension.value);
        match extension.object {
            // RFC 5280 §4.2.1.1, §4.2.1.2 and §4.2.2.1: never critical, and the newer Go insists on it.
            [0x55, 0x1d, 14 | 35] | INFORMATION if critical => {
                return Err(extension.refused("is critical, which it must not be"));
            }
            [0x55, 0x1d, 15] => {
                let usage = outer.bits().ok_or_else(malformed)?;
                self.signs_certificates = Some(usage.has(KEY_CERT_SIGN));
            }
            [0x55, 0x1d, 17] => {
                let list = outer.enter(SEQUENCE).ok_or_else(malformed)?;
                self.names = names::alternative(list)?;
                if critical && !self.names {
                    return extension.unknown();
                }
            }
            [0x55, 0x1d, 19] => self.ca = basic(&mut outer).ok_or_else(malformed)?,
            [0x55, 0x1d, 30] => {
                self.constraints = true;
                if !constraints(&mut outer)? && critical {
                    return extension.unknown();
                }
            }
            [0x55, 0x1d, 37] => {
                self.for_clients = Some(purposes(&mut outer).ok_or_else(malformed)?);
            }
            // The older Go does not know these three; the newer one has to be able to read them.
            [0x55, 0x1d, 33 | 36 | 54] if critical => return extension.unknown(),
            object => match form_of(object) {
                Some(read) => read(&mut outer).ok_or_else(malformed)?,
                None if critical => return extension.unknown(),
                None => return Ok(()),
            },
        }
        if outer.is_empty() {
            Ok(())
        } else {
            Err(malformed())
        }
    }
}

/// How Go reads an extension of which nothing but its form is asked for; none where it reads none.
fn form_of(object: &[u8]) -> Option<fn(&mut Reader) -> Option<()>> {
    Some(match object {
        [0x55, 0x1d, 14] => |outer| outer.take(OCTET_STRING).map(drop),
        [0x55, 0x1d, 31] => distribution_points,
        [0x55, 0x1d, 32] => policies,
        [0x55, 0x1d, 33] => policy_mappings,
        [0x55, 0x1d, 35] => key_identifier,
        [0x55, 0x1d, 36] => policy_constraints,
        [0x55, 0x1d, 54] => |outer| number(outer.integer()?),
        INFORMATION => information,
        _ => return None,
    })
}

/// RFC 5280 §4.2.1.9: whether it is an authority's.
fn basic(outer: &mut Reader) -> Option<bool> {
    let mut basic = outer.enter(SEQUENCE)?;
    let ca = if basic.is_at(BOOLEAN) {
        basic.boolean()?
    } else {
        false
    };
    if basic.is_at(INTEGER) {
        number(basic.integer()?)?;
    }
    basic.is_empty().then_some(ca)
}

/// A number that is not negative and fits Go's `int`.
fn number(octets: &[u8]) -> Option<()> {
    (octets.len() <= 8 && octets[0] & 0x80 == 0).then_some(())
}

/// RFC 5280 §4.2.1.10: whether Go knows all kinds of names that they are about.
fn constraints(outer: &mut Reader) -> Result<bool, NotAnAuthority> {
    let malformed = || NotAnAuthority::Constraints("are malformed");
    let mut lists = outer.enter(SEQUENCE).ok_or_else(malformed)?;
    if lists.is_empty() {
        return Err(NotAnAuthority::Constraints("constrain nothing"));
    }
    let mut knows_all = true;
    for list in [context_constructed(0), context_constructed(1)] {
        if lists.is_at(list) {
            let subtrees = lists.enter(list).ok_or_else(malformed)?;
            knows_all &= names::subtrees(subtrees)?;
        }
    }
    if lists.is_empty() {
        Ok(knows_all)
    } else {
        Err(malformed())
    }
}

/// RFC 5280 §4.2.1.1.
fn key_identifier(outer: &mut Reader) -> Option<()> {
    let mut identifier = outer.enter(SEQUENCE)?;
    if identifier.is_at(context(0)) {
        identifier.next()?;
    }
    Some(())
}

/// RFC 5280 §4.2.1.12: whether clients are among them.
fn purposes(outer: &mut Reader) -> Option<bool> {
    let mut list = outer.enter(SEQUENCE)?;
    let mut for_clients = false;
    while !list.is_empty() {
        for_clients |= FOR_CLIENTS.contains(&list.object()?);
    }
    Some(for_clients)
}

/// RFC 5280 §4.2.1.4; Go knows each policy once.
fn policies(outer: &mut Reader) -> Option<()> {
    let (mut list, mut seen) = (outer.enter(SEQUENCE)?, BTreeSet::new());
    while !list.is_empty() {
        let policy = list.enter(SEQUENCE)?.object()?;
        seen.insert(policy).then_some(())?;
    }
    Some(())
}

/// RFC 5280 §4.2.1.5.
fn policy_mappings(outer: &mut Reader) -> Option<()> {
    let mut list = outer.enter(SEQUENCE)?;
    while !list.is_empty() {
        let mut mapping = list.enter(SEQUENCE)?;
        mapping.take(OBJECT_IDENTIFIER)?;
        mapping.take(OBJECT_IDENTIFIER)?;
    }
    Some(())
}

/// RFC 5280 §4.2.1.11.
fn policy_constraints(outer: &mut Reader) -> Option<()> {
    let mut list = outer.enter(SEQUENCE)?;
    for tag in [context(0), context(1)] {
        if list.is_at(tag) {
            let skipped = list.take(tag)?;
            is_shortest(skipped).then_some(())?;
            number(skipped)?;
        }
    }
    list.is_empty().then_some(())
}

/// RFC 5280 §4.2.1.13; Go reads full names alone.
fn distribution_points(outer: &mut Reader) -> Option<()> {
    let mut list = outer.enter(SEQUENCE)?;
    while !list.is_empty() {
        let mut point = list.enter(SEQUENCE)?;
        if !point.is_at(context_constructed(0)) {
            continue;
        }
        let mut names = point
            .enter(context_constructed(0))?
            .enter(context_constructed(0))?;
        while names.is_at(context(6)) {
            names.next()?;
        }
    }
    Some(())
}

/// RFC 5280 §4.2.2.1.
fn information(outer: &mut Reader) -> Option<()> {
    let mut list = outer.enter(SEQUENCE)?;
    while !list.is_empty() {
        let mut access = list.enter(SEQUENCE)?;
        access.object()?;
        if access.is_at(context(6)) {
            access.next()?;
        }
    }
    Some(())
}

/// The number of an object as people write it, with its name where RFC 5280 gives it one.
fn dotted(object: &[u8]) -> String {
    let name = match object {
        [0x55, 0x1d, 14] => "subjectKeyIdentifier",
        [0x55, 0x1d, 15] => "keyUsage",
        [0x55, 0x1d, 17] => "subjectAltName",
        [0x55, 0x1d, 18] => "issuerAltName",
        [0x55, 0x1d, 19] => "basicConstraints",
        [0x55, 0x1d, 30] => "nameConstraints",
        [0x55, 0x1d, 31] => "cRLDistributionPoints",
        [0x55, 0x1d, 32] => "certificatePolicies",
        [0x55, 0x1d, 33] => "policyMappings",
        [0x55, 0x1d, 35] => "authorityKeyIdentifier",
        [0x55, 0x1d, 36] => "policyConstraints",
        [0x55, 0x1d, 37] => "extKeyUsage",
        [0x55, 0x1d, 54] => "inhibitAnyPolicy",
        INFORMATION => "authorityInfoAccess",
        _ => {
            let object = der::oid::ObjectIdentifier::from_bytes(object);
            return object.map_or_else(|_| String::from("unknown"), |object| object.to_string());
        }
    };
    name.to_owned()
}
