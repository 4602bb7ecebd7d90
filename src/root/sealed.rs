//! The keyring at rest: an age file (<https://c2sp.org/age>), for an identity or a passphrase.
//!
//! The file is armoured, so that git shows a change of it, and `age -d -i identity.txt homelab.age`
//! opens it without homelab.

use std::io::{BufReader, Read, Write};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::secrecy::SecretString;
use age::{Decryptor, Encryptor, scrypt};
use zeroize::Zeroizing;

use super::{Identity, Keyring, Recipient};

/// scrypt's cost, as a power of two, of a passphrase: what age itself uses, 256 MiB and about a
/// second. The crate would measure the machine, so that another one might refuse the file.
const WORK_FACTOR: u8 = 18;
/// The highest cost that is paid, for files that another program has sealed.
const WORK_FACTOR_LIMIT: u8 = 22;

/// Bytes of a keyring's text, at the most.
const PLAIN_LIMIT: u64 = 32 << 10;
/// Bytes of a sealed file's header, at the most: some hundred recipients.
const HEADER_LIMIT: u64 = 64 << 10;

/// What a sealed file is opened with.
pub(crate) enum Key<'a> {
    /// Identities, of which one must fit.
    Identities(&'a [Identity]),
    Passphrase(&'a SecretString),
}

/// Why a keyring could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealError {
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
    #[error("there are too many recipients")]
    TooMany,
}

/// Whether a sealed file is armoured, as homelab writes it: text, which git or an editor may have written in another form.
pub(crate) fn is_armoured(sealed: &[u8]) -> bool {
    let sealed = sealed.strip_prefix(b"\xef\xbb\xbf").unwrap_or(sealed);
    sealed.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----")
}

/// Seals a keyring to recipients, of whom each can open it. Where there are several, who they are is kept inside.
pub(crate) fn seal(keyring: &Keyring, recipients: &[Recipient]) -> Result<Vec<u8>, SealError> {
    let text = keyring.to_text_for(recipients);
    let recipients = recipients.iter().map(|recipient| &recipient.0 as _);
    let encryptor = Encryptor::with_recipients(recipients);
    write_sealed(&text, encryptor.map_err(|_| SealError::NotSealed)?)
}

/// Seals a keyring with a passphrase (scrypt).
pub(crate) fn seal_with_passphrase(
    keyring: &Keyring,
    passphrase: &SecretString,
) -> Result<Vec<u8>, SealError> {
    let mut recipient = scrypt::Recipient::new(passphrase.clone());
    recipient.set_work_factor(WORK_FACTOR);
    let encryptor = Encryptor::with_recipients(std::iter::once(&recipient as _));
    write_sealed(
        &keyring.to_text(),
        encryptor.map_err(|_| SealError::NotSealed)?,
    )
}

fn write_sealed(text: &str, encryptor: Encryptor) -> Result<Vec<u8>, SealError> {
    // What is not read again would be lost.
    if text.len() as u64 >= PLAIN_LIMIT {
        return Err(SealError::TooMany);
    }
    let write = || -> std::io::Result<Vec<u8>> {
        let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
        let mut plain = encryptor.wrap_output(armor)?;
        plain.write_all(text.as_bytes())?;
        plain.finish()?.finish()
    };
    write().map_err(|_| SealError::NotSealed)
}

/// How many recipients a sealed file has, of whatever kind; who they are it does not tell.
pub(crate) fn recipients(sealed: &[u8]) -> Result<usize, SealError> {
    let mut header = Vec::new();
    let read = ArmoredReader::new(sealed)
        .take(HEADER_LIMIT)
        .read_to_end(&mut header);
    read.map_err(|_| SealError::Damaged)?;
    // https://c2sp.org/age#header: a stanza begins with `-> ` and its type, and `---` ends the header.
    let lines = header.split(|byte| *byte == b'\n');
    let lines = lines.take_while(|line| !line.starts_with(b"---"));
    let kinds = lines.filter_map(|line| line.strip_prefix(b"-> "));
    let kinds = kinds.filter_map(|rest| rest.split(|byte| *byte == b' ').next());
    // Some programs add a stanza for nobody, so that readers get used to kinds that they do not know.
    Ok(kinds.filter(|kind| !kind.ends_with(b"-grease")).count())
}

/// Whether bytes begin as an age file does, armoured or not.
pub(crate) fn is_sealed(bytes: &[u8]) -> bool {
    let starts = [
        &b"age-encryption.org/v1\n"[..],
        b"-----BEGIN AGE ENCRYPTED FILE-----",
    ];
    starts.iter().any(|start| bytes.starts_with(start))
}

/// Whether git's marks of a conflict stand in a sealed file.
pub(crate) fn has_conflict(sealed: &[u8]) -> bool {
    let mut lines = sealed.split(|byte| *byte == b'\n');
    lines.any(|line| {
        [b"<<<<<<< ", b">>>>>>> "]
            .iter()
            .any(|mark| line.starts_with(*mark))
    })
}

/// Whether a sealed file wants a passphrase rather than an identity.
pub(crate) fn is_sealed_with_passphrase(sealed: &[u8]) -> Result<bool, SealError> {
    Ok(decryptor(sealed)?.is_scrypt())
}

pub(crate) fn unseal(sealed: &[u8], key: &Key<'_>) -> Result<Keyring, SealError> {
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
            let mut identity = scrypt::Identity::new((*passphrase).clone());
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
        assert!(unseal(&sealed, &Key::Identities(&[second])).is_ok());
        assert!(sealed.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----\n"));
        assert!(!is_sealed_with_passphrase(&sealed).unwrap());
        let file = identity.to_file();
        let read = Identity::from_file(file.as_bytes()).unwrap();
        let opened = unseal(&sealed, &Key::Identities(&read)).unwrap();
        assert!(opened.root(&root).is_some());
        let stranger = [Identity::generate()];
        let other = Key::Identities(&stranger);
        assert!(matches!(
            unseal(&sealed, &other),
            Err(SealError::WrongIdentity)
        ));
        let passphrase = SecretString::from("x");
        let passphrase = Key::Passphrase(&passphrase);
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
        let identities = [identity];
        let key = Key::Identities(&identities);
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
    fn who_the_recipients_are_is_kept_where_there_are_several() {
        let (one, two) = (Identity::generate(), Identity::generate());
        let keyring = Keyring::of(RootSecret::new([3; 32]));
        let both = [one.recipient(), two.recipient()];
        let sealed = seal(&keyring, &both).unwrap();
        let opened = unseal(&sealed, &Key::Identities(&[two])).unwrap();
        assert_eq!(opened.recipients(), both);
        let sealed = seal(&opened, &both[..1]).unwrap();
        let opened = unseal(&sealed, &Key::Identities(&[one])).unwrap();
        assert!(opened.recipients().is_empty(), "it is the only one");
        // More than are read again are not sealed to.
        let many: Vec<_> = (0..600).map(|_| both[0].clone()).collect();
        assert!(matches!(seal(&keyring, &many), Err(SealError::TooMany)));
    }

    #[test]
    fn conflicts_of_git_are_known() {
        assert!(has_conflict(b"-----BEGIN AGE\n<<<<<<< HEAD\nab\n=======\n"));
        let keyring = Keyring::of(RootSecret::new([3; 32]));
        let sealed = seal(&keyring, &[Identity::generate().recipient()]).unwrap();
        assert!(is_sealed(&sealed) && !has_conflict(&sealed));
    }
}
