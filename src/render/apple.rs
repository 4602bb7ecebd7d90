//! Configuration profiles for Apple's devices (Apple's Device Management reference: `TopLevel`,
//! `CertificatePKCS12`, `IdentityPreference`), as XML property lists.

use plist::{Dictionary, Value};
use sha1::{Digest, Sha1};

use super::Artifact;
use crate::derive::{AppleBrowserPolicy, AppleLabels, AppleProfile};

/// What the UUIDs of profiles are derived in.
const NAMESPACE: [u8; 16] = [
    0x5c, 0x0e, 0x1b, 0x6a, 0x7d, 0x39, 0x4f, 0x52, 0x9a, 0x41, 0x0d, 0xc3, 0x77, 0xe8, 0x26, 0xb4,
];

/// The policy of Chrome and Edge that names sites and the certificates to choose there.
const POLICY: &str = "AutoSelectCertificateForUrls";

/// The browsers on a Mac whose preferences a profile manages.
const BROWSERS: [(&str, &str); 2] = [
    ("com.google.Chrome", "chrome"),
    ("com.microsoft.Edge", "edge"),
];

/// The profile with the certificate in it. It has no password: the device asks for it.
pub(super) fn profile(recipe: &AppleProfile, bundle: Vec<u8>) -> Artifact {
    let labels = &recipe.labels;
    let title = format!("{} for {}", labels.common_name, labels.domain);
    let issuance = recipe.bundle.issued.id.to_string();
    let certificate = uuid(&[&issuance, "certificate"]);
    let mut payload = Payload::new("com.apple.security.pkcs12", "certificate", &certificate);
    payload.set("PayloadDisplayName", &*title);
    payload.set("PayloadCertificateFileName", &*recipe.bundle_file);
    payload.set("PayloadContent", Value::Data(bundle));
    let mut payloads = vec![payload];
    for host in recipe.hosts.iter() {
        let uuid = uuid(&[&issuance, "service", host]);
        // It is for all ports of a host.
        let host = host.split_once(':').map_or(&**host, |(host, _)| host);
        let name = format!("service.{host}");
        let mut payload = Payload::new("com.apple.security.identitypreference", &name, &uuid);
        payload.set("PayloadDisplayName", format!("Certificate for {host}"));
        payload.set("Name", host);
        payload.set("PayloadCertificateUUID", &*certificate);
        payloads.push(payload);
    }
    let describes = format!(
        "Opens the services at {} on this device of {}.",
        labels.domain, labels.display_name
    );
    // Another list of hosts is another profile, in the place of the one before.
    let hosts = recipe.hosts.join(",");
    let uuid = uuid(&[&issuance, "profile", &hosts]);
    written(labels, &title, &describes, &uuid, payloads)
}

/// The profile that has browsers choose the certificate by themselves. Nothing in it is secret.
pub(super) fn browser_policy(recipe: &AppleBrowserPolicy) -> Artifact {
    let labels = &recipe.labels;
    let entries: Vec<Value> = recipe.entries.iter().map(|e| (&**e).into()).collect();
    let content = recipe.entries.join("\n");
    let payloads = BROWSERS.map(|(domain, name)| {
        let uuid = uuid(&[&labels.identifier, name, &content]);
        let mut payload = Payload::new(domain, name, &uuid);
        payload.set("PayloadDisplayName", format!("{domain}: {POLICY}"));
        payload.set(POLICY, Value::Array(entries.clone()));
        payload
    });
    let title = format!("{} in Chrome and Edge", labels.common_name);
    let describes = format!(
        "Chrome and Edge show the certificate at {} without asking each time.",
        labels.domain
    );
    let uuid = uuid(&[&labels.identifier, "browsers", &content]);
    written(labels, &title, &describes, &uuid, payloads.into())
}

/// A payload, without what the profile around it gives.
struct Payload {
    name: String,
    fields: Dictionary,
}

impl Payload {
    fn new(kind: &str, name: &str, uuid: &str) -> Payload {
        let mut payload = Payload {
            name: name.to_owned(),
            fields: Dictionary::new(),
        };
        payload.set("PayloadType", kind);
        payload.set("PayloadVersion", 1);
        payload.set("PayloadUUID", uuid);
        payload
    }

    fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.fields.insert(key.to_owned(), value.into());
    }
}

/// The property list. Keys stand in the order in which they were set.
fn written(
    labels: &AppleLabels,
    title: &str,
    describes: &str,
    uuid: &str,
    payloads: Vec<Payload>,
) -> Artifact {
    let mut top = Payload::new("Configuration", "", uuid);
    top.set("PayloadIdentifier", &*labels.identifier);
    top.set("PayloadDisplayName", title);
    top.set("PayloadDescription", describes);
    top.set("PayloadOrganization", labels.domain.as_str());
    // On a Mac the user's own keychain and preferences, not everybody's.
    top.set("PayloadScope", "User");
    let payloads = payloads.into_iter().map(|mut payload| {
        let identifier = format!("{}.{}", labels.identifier, payload.name);
        payload.set("PayloadIdentifier", identifier);
        Value::Dictionary(payload.fields)
    });
    top.set("PayloadContent", Value::Array(payloads.collect()));
    let mut bytes = Vec::new();
    Value::Dictionary(top.fields)
        .to_writer_xml(&mut bytes)
        .expect("texts without control characters, numbers and bytes can be said in XML");
    bytes.push(b'\n');
    Artifact {
        bytes,
        templates: Vec::new(),
    }
}

/// A name-based UUID (RFC 9562 §5.5) of these words.
fn uuid(words: &[&str]) -> String {
    let mut hash = Sha1::new();
    hash.update(NAMESPACE);
    for (at, word) in words.iter().enumerate() {
        // No word holds a line's end but the last.
        if at > 0 {
            hash.update("\n");
        }
        hash.update(word);
    }
    shown(hash.finalize().into())
}

/// The UUID of that hash: its version and variant set, in capitals, as Apple's tools write them.
fn shown(hash: [u8; 20]) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = data_encoding::HEXUPPER.encode(&bytes);
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 9562 appendix A.4: `www.example.com` in the namespace of DNS.
    #[test]
    fn uuids_are_those_of_rfc_9562() {
        let namespace = [
            0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4,
            0x30, 0xc8,
        ];
        let mut hash = Sha1::new();
        hash.update(namespace);
        hash.update("www.example.com");
        assert_eq!(
            shown(hash.finalize().into()),
            "2ED6657D-E927-568B-95E1-2665A8AEA6A2"
        );
        assert_ne!(uuid(&["a", "b"]), uuid(&["ab"]));
    }
}
