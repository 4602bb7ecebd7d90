//! A certificate of an authority as its parts, and the leaf that it has signed.

use super::der::*;
use super::keys::{Key, Keys, Kind, P256};

/// Each part as it is to stand in the DER, with its tag and length.
#[derive(Clone)]
pub struct Sketch {
    pub version: Vec<u8>,
    pub serial: Vec<u8>,
    pub inner_algorithm: Vec<u8>,
    pub outer_algorithm: Vec<u8>,
    pub issuer: Vec<u8>,
    pub validity: Vec<u8>,
    pub subject: Vec<u8>,
    pub key: Kind,
    /// In place of the key's own `SubjectPublicKeyInfo`.
    pub spki: Option<Vec<u8>>,
    pub unique: Vec<u8>,
    /// None for no such field.
    pub extensions: Option<Vec<Vec<u8>>>,
    /// Behind the extensions, behind the signature, and behind all.
    pub behind: [Vec<u8>; 3],
}

/// An extension; whether it is critical stands there where it is.
pub fn extension(object_of: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { boolean(0xff) } else { Vec::new() };
    sequence([&object(object_of), &critical, &octets(value)])
}

/// A name of one attribute, with its value as an element.
pub fn name(attribute: &str, value: &[u8]) -> Vec<u8> {
    sequence([&set([&sequence([&object(attribute), value])])])
}

pub fn common_name(text: &str) -> Vec<u8> {
    name("2.5.4.3", &element(0x0c, text.as_bytes()))
}

impl Sketch {
    /// One with nothing odd about it.
    pub fn plain() -> Self {
        let subject = common_name("Home CA");
        Self {
            version: explicit(0, &integer(&[2])),
            serial: integer(&[0x2a]),
            inner_algorithm: Keys::algorithm(P256),
            outer_algorithm: Keys::algorithm(P256),
            issuer: subject.clone(),
            validity: sequence([&utc("250101000000Z"), &utc("490101000000Z")]),
            subject,
            key: P256,
            spki: None,
            unique: Vec::new(),
            extensions: Some(vec![
                extension("2.5.29.19", true, &sequence([&boolean(0xff)])),
                extension("2.5.29.15", true, &bits(1, &[0b0000_0110])),
                extension("2.5.29.14", false, &octets(&[7; 20])),
            ]),
            behind: Default::default(),
        }
    }

    /// Puts an extension in the place of the one with that number, or behind all.
    pub fn put(&mut self, object_of: &str, critical: bool, value: &[u8]) {
        self.drop(object_of);
        self.add(extension(object_of, critical, value));
    }

    pub fn add(&mut self, extension: Vec<u8>) {
        self.extensions.get_or_insert_default().push(extension);
    }

    pub fn drop(&mut self, object_of: &str) {
        let object = object(object_of);
        if let Some(extensions) = &mut self.extensions {
            extensions.retain(|extension| {
                let mut parts = extension.windows(object.len());
                !parts.by_ref().take(6).any(|part| part == object)
            });
        }
    }

    /// The certificate. Its own signature is no signature: nobody verifies what one who is trusted says of himself.
    pub fn der(&self, keys: &Keys) -> Vec<u8> {
        let extensions = self
            .extensions
            .as_ref()
            .map_or_else(Vec::new, |list| explicit(3, &element(0x30, &list.concat())));
        let spki = self.spki.clone().unwrap_or_else(|| keys.key(self.key).spki);
        let tbs = sequence([
            &self.version,
            &self.serial,
            &self.inner_algorithm,
            &self.issuer,
            &self.validity,
            &self.subject,
            &spki,
            &self.unique,
            &extensions,
            &self.behind[0],
        ]);
        let certificate = sequence([
            &tbs,
            &self.outer_algorithm,
            &bits(0, &[0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01]),
            &self.behind[1],
        ]);
        [certificate, self.behind[2].clone()].concat()
    }

    /// What a device has from it.
    pub fn leaf(&self, device: &Key, keys: &Keys) -> Vec<u8> {
        let algorithm = Keys::algorithm(self.key);
        let for_clients = sequence([&object("1.3.6.1.5.5.7.3.2")]);
        let tbs = sequence([
            &explicit(0, &integer(&[2])),
            &integer(&[0x11]),
            &algorithm,
            &self.subject,
            &sequence([&utc("250101000000Z"), &utc("490101000000Z")]),
            &common_name("laptop"),
            &device.spki,
            &explicit(3, &sequence([&extension("2.5.29.37", false, &for_clients)])),
        ]);
        let signature = keys.sign(self.key, &tbs);
        sequence([&tbs, &algorithm, &bits(0, &signature)])
    }
}
