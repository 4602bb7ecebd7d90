//! Policies of browsers: JSON for Linux, a file for the registry of Windows.

use super::Artifact;
use crate::derive::{ChromiumPolicy, WindowsPolicy};

/// Where Chrome and Edge look for the policy, below the machine's own part of the registry.
const KEYS: [&str; 2] = [
    r"SOFTWARE\Policies\Google\Chrome\AutoSelectCertificateForUrls",
    r"SOFTWARE\Policies\Microsoft\Edge\AutoSelectCertificateForUrls",
];

/// A file of managed policies.
pub(super) fn chromium(policy: &ChromiumPolicy) -> Artifact {
    let json = serde_json::to_string_pretty(policy).expect("a list of texts is JSON");
    plain(format!("{json}\n").into_bytes())
}

/// A file as the registry editor writes them: UTF-16, little-endian, with a byte order mark.
pub(super) fn windows(policy: &WindowsPolicy) -> Artifact {
    let mut text = String::from("Windows Registry Editor Version 5.00\r\n");
    for key in KEYS {
        text += &format!("\r\n[HKEY_LOCAL_MACHINE\\{key}]\r\n");
        for value in policy.values.iter() {
            let quoted = value.text.replace('\\', "\\\\").replace('"', "\\\"");
            text += &format!("\"{}\"=\"{quoted}\"\r\n", value.name);
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
