//! The keyring at rest: an age file (<https://c2sp.org/age>), for an identity or a passphrase.
//!
//! The file is armoured, so that git shows a change of it, and `age -d -i identity.txt homelab.age`
//! opens it without homelab.

use std::io::{BufReader, Read, Write};
use std::str::FromStr;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::secrecy::{ExposeSecret, SecretString};
use age::{Decryptor, Encryptor, scrypt, x25519};
use zeroize::Zeroizing;

use super::Keyring;

/// scrypt's cost, as a power of two, of a passphrase: what age itself uses, 256 MiB and about a
/// second. The crate would measure the machine, so that another one might refuse the file.
const WORK_FACTOR: u8 = 18;
/// The highest cost that is paid, for files that another program has sealed.
const WORK_FACTOR_LIMIT: u8 = 22;

/// Bytes of a keyring's text, or of a sealed file's header, at the most.
const PLAIN_LIMIT: u64 = 32 << 10;

/// An age X25519 identity: the private key to sealed files.
pub struct Identity(x25519::Identity);

/// What a sealed file is opened with.
pub enum Key {
    /// Identities, of which one must fit.
    Identities(Vec<Identity>),
    /// A passphrase.
    Passphrase(SecretString),
}

/// Whom a file can be sealed to: the public half of an [`Identity`], `age1…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient(x25519::Recipient);

impl FromStr for Recipient {
    type Err = NotARecipient;

    fn from_str(text: &str) -> Result<Recipient, NotARecipient> {
        let recipient = x25519::Recipient::from_str(text.trim());
        recipient.map(Recipient).map_err(|_| NotARecipient)
    }
}

/// A text that is no X25519 recipient of age's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a recipient as `age-keygen -y` prints it, which begins with `age1`")]
pub struct NotARecipient;

/// Why a keyring could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // Each variant's message says what it is.
pub enum SealError {
    #[error("it is not an age file, or a damaged one")]
    Damaged,
    #[error("no identity given is one that it was encrypted to")]
    WrongIdentity,
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    #[error("its passphrase takes more than 4 GiB of memory to check")]
    ExcessiveWork,
    #[error("it is encrypted with a passphrase, and an identity was given")]
    NeedsPassphrase,
    #[error("it is encrypted to an identity, and a passphrase was given")]
    NeedsIdentity,
    #[error("what it holds is not a root secret")]
    NotARoot,
    #[error("it could not be encrypted")]
    NotSealed,
}

impl Identity {
    /// Makes a new identity from the system's randomness.
    pub fn generate() -> Identity {
        Identity(x25519::Identity::generate())
    }

    /// Whom files are encrypted to that this identity is to open.
    pub fn recipient(&self) -> Recipient {
        Recipient(self.0.to_public())
    }

    /// An identity file as `age-keygen` writes it.
    pub fn to_file(&self) -> Zeroizing<String> {
        let secret = self.0.to_string();
        Zeroizing::new(format!(
            "# A key to homelab.age. Keep a copy of this file somewhere safe: without it nothing\n\
             # can be issued or renewed. Never put it into git.\n\
             # public key: {}\n{}\n",
            self.0.to_public(),
            secret.expose_secret()
        ))
    }

    /// Every X25519 identity in a file's text; `None` if a line is something else or there is none.
    pub fn from_file(text: &str) -> Option<Vec<Identity>> {
        let lines = text.lines().map(str::trim);
        let keys = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let identities: Result<Vec<_>, _> = keys.map(x25519::Identity::from_str).collect();
        let identities = identities
            .ok()
            .filter(|identities| !identities.is_empty())?;
        Some(identities.into_iter().map(Identity).collect())
    }
}

/// Whether a sealed file is armoured, as homelab writes it: text, which git or an editor may have written in another form.
pub fn is_armoured(sealed: &[u8]) -> bool {
    let sealed = sealed.strip_prefix(b"\xef\xbb\xbf").unwrap_or(sealed);
    sealed.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----")
}

/// Seals a keyring to recipients, of whom each can open it.
pub fn seal(keyring: &Keyring, recipients: &[Recipient]) -> Result<Vec<u8>, SealError> {
    let recipients = recipients.iter().map(|recipient| &recipient.0 as _);
    let encryptor = Encryptor::with_recipients(recipients);
    write_sealed(keyring, encryptor.map_err(|_| SealError::NotSealed)?)
}

/// Seals a keyring with a passphrase (scrypt).
pub fn seal_with_passphrase(
    keyring: &Keyring,
    passphrase: &SecretString,
) -> Result<Vec<u8>, SealError> {
    let mut recipient = scrypt::Recipient::new(passphrase.clone());
    recipient.set_work_factor(WORK_FACTOR);
    let encryptor = Encryptor::with_recipients(std::iter::once(&recipient as _));
    write_sealed(keyring, encryptor.map_err(|_| SealError::NotSealed)?)
}

fn write_sealed(keyring: &Keyring, encryptor: Encryptor) -> Result<Vec<u8>, SealError> {
    let write = || -> std::io::Result<Vec<u8>> {
        let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
        let mut plain = encryptor.wrap_output(armor)?;
        plain.write_all(keyring.to_text().as_bytes())?;
        plain.finish()?.finish()
    };
    write().map_err(|_| SealError::NotSealed)
}

/// How many X25519 recipients a sealed file has; who they are it does not tell.
pub fn recipients(sealed: &[u8]) -> Result<usize, SealError> {
    let mut header = Vec::new();
    let read = ArmoredReader::new(sealed)
        .take(PLAIN_LIMIT)
        .read_to_end(&mut header);
    read.map_err(|_| SealError::Damaged)?;
    // https://c2sp.org/age#header: a stanza begins with `-> ` and its type, and `---` ends the header.
    let lines = header.split(|byte| *byte == b'\n');
    let stanzas = lines.take_while(|line| !line.starts_with(b"---"));
    Ok(stanzas
        .filter(|line| line.starts_with(b"-> X25519 "))
        .count())
}

/// Whether a sealed file wants a passphrase rather than an identity.
pub fn is_sealed_with_passphrase(sealed: &[u8]) -> Result<bool, SealError> {
    Ok(decryptor(sealed)?.is_scrypt())
}

/// Opens a sealed keyring.
pub fn unseal(sealed: &[u8], key: &Key) -> Result<Keyring, SealError> {
    let decryptor = decryptor(sealed)?;
    let plain = match (key, decryptor.is_scrypt()) {
        (Key::Identities(_), true) => return Err(SealError::NeedsPassphrase),
        (Key::Passphrase(_), false) => return Err(SealError::NeedsIdentity),
        (Key::Identities(identities), false) => {
            let identities = identities
                .iter()
                .map(|identity| &identity.0 as &dyn age::Identity);
            decryptor.decrypt(identities)
        }
        (Key::Passphrase(passphrase), true) => {
            let mut identity = scrypt::Identity::new(passphrase.clone());
            identity.set_max_work_factor(WORK_FACTOR_LIMIT);
            decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity))
        }
    };
    let plain = plain.map_err(|error| match (error, key) {
        (age::DecryptError::NoMatchingKeys, Key::Identities(_)) => SealError::WrongIdentity,
        (age::DecryptError::DecryptionFailed, Key::Passphrase(_)) => SealError::WrongPassphrase,
        (age::DecryptError::ExcessiveWork { .. }, _) => SealError::ExcessiveWork,
        _ => SealError::Damaged,
    })?;
    // Grown, it would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(PLAIN_LIMIT as usize + 1));
    plain
        .take(PLAIN_LIMIT)
        .read_to_string(&mut text)
        .map_err(|_| SealError::Damaged)?;
    Keyring::from_text(&text).ok_or(SealError::NotARoot)
}

fn decryptor(sealed: &[u8]) -> Result<Decryptor<impl Read + '_>, SealError> {
    let armor = ArmoredReader::new(sealed);
    Decryptor::new_buffered(BufReader::new(armor)).map_err(|_| SealError::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::RootSecret;

    #[test]
    fn a_sealed_keyring_opens_with_its_identities_only() {
        let root = RootSecret::new([3; 32]).id();
        let identity = Identity::generate();
        let second = Identity::generate();
        let keyring = Keyring::of(RootSecret::new([3; 32]));
        let sealed = seal(&keyring, &[identity.recipient(), second.recipient()]).unwrap();
        assert_eq!(recipients(&sealed).unwrap(), 2);
        assert!(unseal(&sealed, &Key::Identities(vec![second])).is_ok());
        assert!(sealed.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----\n"));
        assert!(!is_sealed_with_passphrase(&sealed).unwrap());
        let file = identity.to_file();
        let read = Identity::from_file(&file).unwrap();
        let opened = unseal(&sealed, &Key::Identities(read)).unwrap();
        assert!(opened.root(&root).is_some());
        let other = Key::Identities(vec![Identity::generate()]);
        assert!(matches!(
            unseal(&sealed, &other),
            Err(SealError::WrongIdentity)
        ));
        let passphrase = Key::Passphrase(SecretString::from("x"));
        assert!(matches!(
            unseal(&sealed, &passphrase),
            Err(SealError::NeedsIdentity)
        ));
    }

    #[test]
    fn damage_anywhere_is_noticed() {
        let identity = Identity::generate();
        let keyring = Keyring::of(RootSecret::new([3; 32]));
        let sealed = seal(&keyring, &[identity.recipient()]).unwrap();
        let key = Key::Identities(vec![identity]);
        for end in 0..sealed.len() - 1 {
            assert!(unseal(&sealed[..end], &key).is_err(), "cut at {end}");
        }
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            // A flip in the armour's white space may change nothing; any other must not open.
            if let Ok(opened) = unseal(&flipped, &key) {
                assert_eq!(*opened.to_text(), *keyring.to_text(), "flip at {at}");
            }
        }
    }

    #[test]
    fn identity_files_hold_identities_only() {
        for bad in [
            "",
            "# only a comment\n",
            "AGE-SECRET-KEY-1NO",
            "ssh-ed25519 AAAA",
        ] {
            assert!(Identity::from_file(bad).is_none(), "{bad}");
        }
    }
}
