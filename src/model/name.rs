//! Names of people, devices, groups and services, and of a person's device.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::Serialize;

use crate::record::serde_as_text;

/// The name of a person, device, group or service: `[a-z0-9-]{1,63}` without a hyphen at an edge.
///
/// It can be a DNS label, a file name on every system and a word in a Caddyfile as it is.
///
/// A copy costs nothing: a person's name stands in every set of people that the person is in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name(Arc<str>);

/// Why a text is no [`Name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAName {
    /// It has no characters, or more than 63.
    Length,
    /// A character other than `a`–`z`, `0`–`9` and `-`.
    Character(char),
    /// It begins or ends with a hyphen.
    EdgeHyphen,
    /// Windows keeps it for a device, so that no file can have it.
    Reserved,
}

impl Name {
    /// Takes a text that follows the rule.
    pub fn new(text: &str) -> Result<Name, NotAName> {
        let allowed = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-';
        if let Some(other) = text.chars().find(|c| !allowed(c)) {
            return Err(NotAName::Character(other));
        }
        if text.is_empty() || text.len() > 63 {
            return Err(NotAName::Length);
        }
        if text.starts_with('-') || text.ends_with('-') {
            return Err(NotAName::EdgeHyphen);
        }
        if is_reserved_by_windows(text) {
            return Err(NotAName::Reserved);
        }
        Ok(Name(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_reserved_by_windows(text: &str) -> bool {
    let numbered = |prefix: &str| {
        let number = text.strip_prefix(prefix);
        number.is_some_and(|n| n.len() == 1 && n != "0" && n.bytes().all(|b| b.is_ascii_digit()))
    };
    matches!(text, "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}

/// So that a map by name can be asked with text; both order alike.
impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A person's device, written `alice/pixel`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId {
    pub person: Name,
    /// Which of the person's devices.
    pub device: Name,
}

impl DeviceId {
    /// The certificate's common name, `alice-pixel`; resolving sees to it that no other has it.
    pub fn common_name(&self) -> String {
        [self.person.as_str(), "-", self.device.as_str()].concat()
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.person, self.device)
    }
}

serde_as_text!(DeviceId);

impl FromStr for DeviceId {
    type Err = NotADeviceId;

    fn from_str(text: &str) -> Result<DeviceId, NotADeviceId> {
        let (person, device) = text.split_once('/').ok_or(NotADeviceId)?;
        match (Name::new(person), Name::new(device)) {
            (Ok(person), Ok(device)) => Ok(DeviceId { person, device }),
            _ => Err(NotADeviceId),
        }
    }
}

/// A text that is not `PERSON/DEVICE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected PERSON/DEVICE, such as alice/pixel")]
pub struct NotADeviceId;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule() {
        for good in [
            "a", "alice", "pixel-8", "0", "com", "com0", "com10", "console",
        ] {
            assert_eq!(Name::new(good).unwrap().as_str(), good);
        }
        assert_eq!(Name::new(""), Err(NotAName::Length));
        assert_eq!(Name::new(&"a".repeat(64)), Err(NotAName::Length));
        assert_eq!(Name::new("-a"), Err(NotAName::EdgeHyphen));
        assert_eq!(Name::new("a-"), Err(NotAName::EdgeHyphen));
        for reserved in ["con", "nul", "com1", "lpt9"] {
            assert_eq!(Name::new(reserved), Err(NotAName::Reserved));
        }
        for (bad, character) in [("Alice", 'A'), ("a.b", '.'), ("a/b", '/'), ("а", 'а')] {
            assert_eq!(Name::new(bad), Err(NotAName::Character(character)));
        }
    }

    #[test]
    fn device_ids_round_trip() {
        let id: DeviceId = "alice/pixel".parse().unwrap();
        assert_eq!(id.to_string(), "alice/pixel");
        assert_eq!(id.common_name(), "alice-pixel");
        for bad in ["alice", "alice/", "/pixel", "a/b/c", "Alice/pixel"] {
            assert_eq!(bad.parse::<DeviceId>(), Err(NotADeviceId));
        }
    }
}
