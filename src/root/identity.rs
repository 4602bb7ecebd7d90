//! Identities and recipients of age: those of X25519, and by name those that only `age` itself can use.

use std::fmt;
use std::str::FromStr;

use age::secrecy::ExposeSecret;
use age::x25519;
use zeroize::Zeroizing;

/// An age X25519 identity: the private key to sealed files.
pub(crate) struct Identity(pub(super) x25519::Identity);

/// Whom a file can be sealed to: the public half of an [`Identity`], `age1…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient(pub(super) x25519::Recipient);

/// A key that only `age` itself, or a plugin of its, can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OtherKey {
    /// Of the plugin of that name: a key on hardware, mostly.
    Plugin(String),
    /// Of age's own post-quantum kind.
    PostQuantum,
    Ssh,
    /// An identity file that a passphrase protects.
    Protected,
}

impl OtherKey {
    /// What a line of an identity file holds, or a word that stands for a recipient.
    fn of(text: &str) -> Option<OtherKey> {
        // https://c2sp.org/age-plugin: Bech32 parts its name from its data with the last `1`.
        let name = text.rsplit_once('1').map_or("", |(name, _)| name);
        if name == "AGE-SECRET-KEY-PQ-" || name == "age1pq" {
            return Some(OtherKey::PostQuantum);
        }
        let plugin = name.strip_prefix("AGE-PLUGIN-");
        let plugin = plugin.map(|name| name.trim_end_matches('-'));
        let plugin = plugin.or(name.strip_prefix("age1"));
        let is_name = |name: &&str| {
            let mut characters = name.chars();
            !name.is_empty() && characters.all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c))
        };
        if let Some(plugin) = plugin.filter(is_name) {
            return Some(OtherKey::Plugin(plugin.to_ascii_lowercase()));
        }
        ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"]
            .iter()
            .any(|start| text.starts_with(start))
            .then_some(OtherKey::Ssh)
    }
}

impl fmt::Display for OtherKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OtherKey::Plugin(name) => write!(f, "a key of the plugin `age-plugin-{name}`"),
            OtherKey::PostQuantum => f.write_str("a post-quantum key of age's"),
            OtherKey::Ssh => f.write_str("a key of SSH"),
            OtherKey::Protected => f.write_str("an identity that a passphrase protects"),
        }
    }
}

impl FromStr for Recipient {
    type Err = NotARecipient;

    fn from_str(text: &str) -> Result<Recipient, NotARecipient> {
        let text = text.trim();
        if let Ok(recipient) = x25519::Recipient::from_str(text) {
            return Ok(Recipient(recipient));
        }
        if text.starts_with("AGE-SECRET-KEY-") || text.starts_with("AGE-PLUGIN-") {
            return Err(NotARecipient::Identity);
        }
        Err(match OtherKey::of(text) {
            Some(kind) => NotARecipient::Other(kind),
            None => NotARecipient::Unknown,
        })
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is no X25519 recipient of age's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotARecipient {
    #[error("expected a recipient as `age-keygen -y` prints it, which begins with `age1`")]
    Unknown,
    /// The private half.
    #[error("that is an identity, which is secret: `age-keygen -y FILE` prints its recipient")]
    Identity,
    /// One that `age` has to encrypt to.
    #[error(
        "it is {0}, which `age` has to encrypt to: `--seal-command 'age -r KEY -a'`, with a `--root-command` that opens the file again"
    )]
    Other(OtherKey),
}

/// Why a file's identities cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotIdentities {
    #[error("it holds no identity")]
    Nothing,
    /// A line is none, and nothing else that is known.
    #[error("line {line} is no whole identity")]
    Damaged {
        /// Which, from 1.
        line: usize,
    },
    /// All that it holds are keys of other kinds.
    #[error("it holds {0}, which `age` alone can use")]
    Other(OtherKey),
}

impl Identity {
    /// Makes a new identity from the system's randomness.
    pub(crate) fn generate() -> Identity {
        Identity(x25519::Identity::generate())
    }

    /// Whom files are encrypted to that this identity is to open.
    pub(crate) fn recipient(&self) -> Recipient {
        Recipient(self.0.to_public())
    }

    /// An identity file as `age-keygen` writes it.
    pub(crate) fn to_file(&self) -> Zeroizing<String> {
        let secret = self.0.to_string();
        Zeroizing::new(format!(
            "# A key to homelab.age. Keep a copy of this file somewhere safe: without it nothing\n\
             # can be issued or renewed. Never put it into git.\n\
             # public key: {}\n{}\n",
            self.0.to_public(),
            secret.expose_secret()
        ))
    }

    /// Every X25519 identity in a file, at least one. Identities of other kinds beside them are passed over, and
    /// so are a byte-order mark and carriage returns, which editors add.
    ///
    /// # Errors
    /// [`NotIdentities`] where there is none, or a line that is nothing that is known.
    pub(crate) fn from_file(file: &[u8]) -> Result<Vec<Identity>, NotIdentities> {
        let file = file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(file);
        let protected = [
            &b"age-encryption.org/"[..],
            b"-----BEGIN AGE ENCRYPTED FILE",
        ];
        if protected
            .iter()
            .any(|start| file.trim_ascii_start().starts_with(start))
        {
            return Err(NotIdentities::Other(OtherKey::Protected));
        }
        let text = str::from_utf8(file).map_err(|_| NotIdentities::Nothing)?;
        let (mut identities, mut other, mut in_pem) = (Vec::new(), None, false);
        for (number, line) in text.lines().map(str::trim).enumerate() {
            if in_pem || line.starts_with("-----BEGIN ") && line.contains("PRIVATE KEY") {
                in_pem = !line.starts_with("-----END ");
                other = other.or(Some(OtherKey::Ssh));
            } else if line.is_empty() || line.starts_with('#') {
            } else if let Ok(identity) = x25519::Identity::from_str(line) {
                identities.push(Identity(identity));
            } else if let Some(kind) = OtherKey::of(line) {
                other = other.or(Some(kind));
            } else {
                return Err(NotIdentities::Damaged { line: number + 1 });
            }
        }
        match (identities.is_empty(), other) {
            (false, _) => Ok(identities),
            (true, Some(other)) => Err(NotIdentities::Other(other)),
            (true, None) => Err(NotIdentities::Nothing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLUGIN: &str = "AGE-PLUGIN-YUBIKEY-1XQJYQYZVXCTQ9FGZ7V";
    const SSH: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n";

    fn refused(file: &str) -> NotIdentities {
        Identity::from_file(file.as_bytes()).err().expect("refused")
    }

    #[test]
    fn keys_of_other_kinds_are_named() {
        for (file, kind) in [
            (PLUGIN, OtherKey::Plugin(String::from("yubikey"))),
            (
                "# a comment\r\nAGE-PLUGIN-FIDO2-HMAC-1QQPQ\r\n",
                OtherKey::Plugin(String::from("fido2-hmac")),
            ),
            ("AGE-SECRET-KEY-PQ-1QQPQ", OtherKey::PostQuantum),
            (SSH, OtherKey::Ssh),
            ("ssh-ed25519 AAAA me@here", OtherKey::Ssh),
            ("age-encryption.org/v1\n-> scrypt", OtherKey::Protected),
            (
                "\n-----BEGIN AGE ENCRYPTED FILE-----\n",
                OtherKey::Protected,
            ),
        ] {
            assert_eq!(refused(file), NotIdentities::Other(kind), "{file}");
        }
        assert_eq!(refused(""), NotIdentities::Nothing);
        assert_eq!(refused("# only a comment\n"), NotIdentities::Nothing);
        assert_eq!(
            refused("\nAGE-SECRET-KEY-1NO"),
            NotIdentities::Damaged { line: 2 }
        );
        assert_eq!(refused("rubbish"), NotIdentities::Damaged { line: 1 });
        assert!(Identity::from_file(&[0xff; 64]).is_err());
    }

    #[test]
    fn a_native_key_is_found_among_others() {
        let native = Identity::generate();
        let file = native.to_file();
        let windows = file.replace('\n', "\r\n");
        for file in [
            format!("{PLUGIN}\n{}", *file),
            format!("{}{SSH}AGE-SECRET-KEY-PQ-1QQPQ\n", *file),
            format!("\u{feff}{}", *file),
            format!("\u{feff}{windows}"),
        ] {
            let read = Identity::from_file(file.as_bytes()).expect("one is there");
            assert_eq!(read.len(), 1);
            assert_eq!(read[0].recipient(), native.recipient());
        }
        let damaged = format!("{}AGE-SECRET-KEY-1NO\n", *file);
        assert!(matches!(refused(&damaged), NotIdentities::Damaged { .. }));
    }

    #[test]
    fn recipients_of_other_kinds_are_named() {
        let refused = |text: &str| text.parse::<Recipient>().expect_err("refused");
        let plugin = "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t";
        let yubikey = OtherKey::Plugin(String::from("yubikey"));
        assert_eq!(refused(plugin), NotARecipient::Other(yubikey));
        assert_eq!(
            refused("age1pq1qqpq"),
            NotARecipient::Other(OtherKey::PostQuantum)
        );
        assert_eq!(
            refused("ssh-ed25519 AAAA"),
            NotARecipient::Other(OtherKey::Ssh)
        );
        assert_eq!(refused("AGE-SECRET-KEY-1NO"), NotARecipient::Identity);
        for text in ["", "age1", "age1nonsense", "me@example.com", "1", "age11"] {
            assert_eq!(refused(text), NotARecipient::Unknown, "{text}");
        }
        let own = Identity::generate().recipient();
        assert_eq!(own.to_string().parse(), Ok(own));
    }
}
