//! Policies of browsers: JSON for Linux, a file for the registry of Windows.

use std::fmt::Write;

use super::Artifact;
use crate::derive::{ChromiumPolicy, WindowsPolicy};

/// Where Chrome and Edge look for the policy, below the machine's own part of the registry.
const KEYS: [&str; 2] = [
    r"SOFTWARE\Policies\Google\Chrome\AutoSelectCertificateForUrls",
    r"SOFTWARE\Policies\Microsoft\Edge\AutoSelectCertificateForUrls",
];

/// A file of managed policies.
pub(super) fn chromium(policy: &ChromiumPolicy) -> Artifact {
    let mut json = serde_json::to_vec_pretty(policy).expect("a list of texts is JSON");
    json.push(b'\n');
    plain(json)
}

/// A file as the registry editor writes them: UTF-16, little-endian, with a byte order mark.
pub(super) fn windows(policy: &WindowsPolicy) -> Artifact {
    let mut text = String::from("Windows Registry Editor Version 5.00\r\n");
    for key in KEYS {
        text.extend(["\r\n[HKEY_LOCAL_MACHINE\\", key, "]\r\n"]);
        for value in policy.values.iter() {
            let quoted = value.text.replace('\\', "\\\\").replace('"', "\\\"");
            write!(text, "\"{}\"=\"{quoted}\"\r\n", value.name).expect("a String takes all");
        }
    }
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    plain(units.flat_map(u16::to_le_bytes).collect())
}

fn plain(bytes: Vec<u8>) -> Artifact {
    Artifact {
        bytes,
        templates: Vec::new(),
    }
}
