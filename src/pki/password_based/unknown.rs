//! Schemes and ciphers that are not done here, and who does them.

use std::borrow::Cow;

use der::asn1::ObjectIdentifier;

use crate::pki::oid;

/// Those that are known by name alone, and which OpenSSL reads.
const OPENSSL: &[(ObjectIdentifier, &str)] = &[
    (oid("1.2.392.200011.61.1.1.1.2"), "CAMELLIA-128-CBC"),
    (oid("1.2.392.200011.61.1.1.1.3"), "CAMELLIA-192-CBC"),
    (oid("1.2.392.200011.61.1.1.1.4"), "CAMELLIA-256-CBC"),
    (oid("1.2.410.200046.1.1.2"), "ARIA-128-CBC"),
    (oid("1.2.410.200046.1.1.7"), "ARIA-192-CBC"),
    (oid("1.2.410.200046.1.1.12"), "ARIA-256-CBC"),
];

/// Those that OpenSSL reads, since version 3 only with its legacy provider.
const OPENSSL_LEGACY: &[(ObjectIdentifier, &str)] = &[
    (oid("1.2.840.113549.1.5.1"), "pbeWithMD2AndDES-CBC"),
    (oid("1.2.840.113549.1.5.4"), "pbeWithMD2AndRC2-CBC"),
    (oid("1.2.840.113549.1.5.6"), "pbeWithMD5AndRC2-CBC"),
    (oid("1.2.840.113549.1.5.11"), "pbeWithSHA1AndRC2-CBC"),
    (oid("1.2.840.113549.1.12.1.1"), "pbeWithSHA1And128BitRC4"),
    (oid("1.2.840.113549.1.12.1.2"), "pbeWithSHA1And40BitRC4"),
    (
        oid("1.2.840.113549.1.12.1.5"),
        "pbeWithSHA1And128BitRC2-CBC",
    ),
    (oid("1.2.840.113549.1.12.1.6"), "pbeWithSHA1And40BitRC2-CBC"),
    (oid("1.2.840.113549.3.2"), "RC2-CBC"),
    (oid("1.3.14.3.2.7"), "DES-CBC"),
    (oid("1.2.410.200004.1.4"), "SEED-CBC"),
];

/// Who else reads what is not read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    Openssl,
    /// OpenSSL, which since version 3 wants its legacy provider for it.
    OpensslLegacy,
    /// Nobody that was tried.
    Unknown,
}

/// A scheme or cipher that is not known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownCipher {
    /// As OpenSSL calls it, or its object identifier.
    pub name: Cow<'static, str>,
    /// Who reads it.
    pub readers: Readers,
}

impl UnknownCipher {
    /// The one of that name, of which no more is known.
    pub(in crate::pki) fn named(name: &str) -> UnknownCipher {
        let known = known().find(|(_, known, _)| *known == name);
        UnknownCipher {
            name: name.to_owned().into(),
            readers: known.map_or(Readers::Openssl, |(.., readers)| readers),
        }
    }

    pub(in crate::pki) fn identified(oid: ObjectIdentifier) -> UnknownCipher {
        match known().find(|(known, ..)| *known == oid) {
            Some((_, name, readers)) => UnknownCipher {
                name: name.into(),
                readers,
            },
            None => UnknownCipher {
                name: format!("the algorithm {oid}").into(),
                readers: Readers::Unknown,
            },
        }
    }
}

fn known() -> impl Iterator<Item = (ObjectIdentifier, &'static str, Readers)> {
    let read = |known: &'static [(ObjectIdentifier, &str)], readers| {
        known.iter().map(move |(oid, name)| (*oid, *name, readers))
    };
    read(OPENSSL, Readers::Openssl).chain(read(OPENSSL_LEGACY, Readers::OpensslLegacy))
}
