//! Which authorities that were made elsewhere can be adopted, and with which key: judged on the bytes of the files that somebody names.

mod refusal;

use std::path::{Path, PathBuf};

use age::secrecy::{ExposeSecret, SecretString};
use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;

use super::operation::Adoption;
use super::stop::Stop;
use crate::lock::{Authority, Lock};
use crate::pki::{
    Certificate, ForeignKey, ForeignKeyError, NotAnAuthority, PrivateKey, Readers, Validity,
    can_sign_for, certificates_in, read_authority,
};
pub use refusal::AuthorityRefusal;

/// Certificates in one file, at the most: a root and what it has signed, not all that an operating system trusts.
const MOST: usize = 8;

#[derive(Debug, Error, Diagnostic)]
enum AdoptError {
    #[error("`{}` holds no certificate", path.display())]
    #[diagnostic(
        code("adopt::no-certificate"),
        help(
            "it is an X.509 certificate in PEM or DER: the `ca.pem` or `ca.crt` of an openssl recipe"
        )
    )]
    NoCertificate { path: PathBuf },

    #[error("`{}` holds {count} certificates", path.display())]
    #[diagnostic(
        code("adopt::many"),
        help(
            "all of a file are trusted, so that it is to hold those of your own authorities alone, and {MOST} at most: name one with less in it"
        )
    )]
    Many { path: PathBuf, count: usize },

    #[error("`{}` has the key of `{name}`, which signs, or has signed, here", path.display())]
    #[diagnostic(
        code("adopt::same-key"),
        help(
            "what was revoked under that key would count again for proxies that go by ca.crl: go over to another key with `homelab rotate --authority`, or adopt an authority that has one"
        )
    )]
    SameKey { path: PathBuf, name: String },

    #[error("`{}` cannot sign for `{}`", key.display(), path.display())]
    #[diagnostic(
        code("adopt::cannot-sign"),
        help(
            "name the key that the certificate was made with; or trust what was signed with it, and have another authority sign: `homelab adopt --trust-only {}`",
            path.display()
        )
    )]
    CannotSign {
        key: PathBuf,
        path: PathBuf,
        #[source]
        source: NotAnAuthority,
    },

    #[error("`{}` cannot be signed with", key.display())]
    #[diagnostic(code("adopt::key"), help("{}", remedy(source, key, path)))]
    Key {
        key: PathBuf,
        path: PathBuf,
        #[source]
        source: ForeignKeyError,
    },
}

/// What can be done about a key that is not taken.
fn remedy(why: &ForeignKeyError, key: &Path, path: &Path) -> String {
    let (key, path) = (key.display(), path.display());
    let convert = |options| {
        format!(
            "convert it, `openssl pkcs8 -topk8 -v2 aes-256-cbc {options}-in {key} -out new.key`, and adopt with `--key new.key`"
        )
    };
    match why {
        ForeignKeyError::WrongPassphrase => String::from("try again"),
        ForeignKeyError::TooMuchWork => convert(""),
        ForeignKeyError::Cipher(cipher) => match cipher.readers {
            Readers::Openssl => convert(""),
            Readers::OpensslLegacy => convert("-provider legacy -provider default "),
            Readers::Unknown => {
                format!(
                    "decrypt it with the program that made it, and adopt with the key in PKCS#8; or go without: `homelab adopt --trust-only {path}`"
                )
            }
        },
        ForeignKeyError::NoKey | ForeignKeyError::Damaged | ForeignKeyError::Unusable(_) => {
            format!(
                "it is to be a private key of P-256, P-384 or RSA from 2048 to 4096 bits in PEM, as `openssl ec`, `openssl rsa` and `openssl pkcs8` write it; without such a key, `homelab adopt --trust-only {path}` trusts what it has signed"
            )
        }
    }
}

/// An authority's certificate, as it was found.
pub(crate) struct FoundAuthority {
    certificate: Certificate,
    validity: Validity,
}

/// A key of somebody else's, in a file that has been read.
pub(crate) struct KeyFile<'f> {
    pub path: &'f Path,
    pub bytes: &'f [u8],
}

/// What becomes of the authorities of a file.
pub(crate) struct Adoptions<S> {
    pub adoptions: Vec<Adoption<S>>,
    /// The names of those that are trusted already, and stay so.
    pub known: Vec<String>,
}

/// The certificates of a file, each of which has to be an authority's, and when they are valid.
pub(crate) fn authorities(
    path: &Path,
    bytes: &[u8],
    now: Timestamp,
) -> Result<Vec<FoundAuthority>, Stop> {
    let mut found = certificates_in(bytes);
    found.dedup();
    let count = found.len();
    let path = path.to_owned();
    match found.as_slice() {
        [] => return Err(Stop::environment(AdoptError::NoCertificate { path })),
        // X.690 §8.9: what is no SEQUENCE is no damaged certificate, but something else.
        [only] if only.first() != Some(&0x30) => {
            return Err(Stop::environment(AdoptError::NoCertificate { path }));
        }
        more if more.len() > MOST => {
            return Err(Stop::environment(AdoptError::Many { path, count }));
        }
        _ => {}
    }
    let read = found.iter().enumerate().map(|(at, der)| {
        let read = read_authority(der, now);
        let read = read.map(|(certificate, validity)| FoundAuthority {
            certificate,
            validity,
        });
        read.map_err(|source| {
            let which = (count > 1).then(|| (at + 1, title(der)));
            let path = path.clone();
            Stop::environment(AuthorityRefusal {
                path,
                which,
                source,
            })
        })
    });
    read.collect()
}

/// What to call a certificate that is refused.
fn title(der: &[u8]) -> String {
    let certificate = Certificate::from_der(der);
    certificate.map_or_else(|_| String::from("?"), |it| it.subject_title())
}

/// Which of the authorities are new to a lock, and which of them signs from now on: the one that `signing` says, with whom homelab.age
/// is to be sealed to.
pub(crate) fn adoptions<S>(
    lock: Option<&Lock>,
    path: &Path,
    authorities: Vec<FoundAuthority>,
    mut signing: Option<(usize, PrivateKey, S)>,
) -> Result<Adoptions<S>, Stop> {
    let mut new = Adoptions {
        adoptions: Vec::new(),
        known: Vec::new(),
    };
    for (at, found) in authorities.into_iter().enumerate() {
        let FoundAuthority {
            certificate,
            validity,
        } = found;
        let key = signing.take_if(|(signs, ..)| *signs == at);
        let known = lock.and_then(|lock| known(lock, &certificate));
        if let Some(known) = known.filter(|known| key.is_none() || known.can_sign()) {
            new.known.push(known.common_name());
            continue;
        }
        if let Some(lock) = lock {
            refuse_same_key(lock, path, &certificate)?;
        }
        new.adoptions.push(Adoption {
            certificate,
            validity,
            key: key.map(|(_, key, seals_to)| (key, seals_to)),
        });
    }
    Ok(new)
}

impl<S> Adoptions<S> {
    /// The name of the authority that signs, if it may not sign revocation lists.
    pub(crate) fn without_lists(&self) -> Option<String> {
        let signing = self
            .adoptions
            .iter()
            .find(|adoption| adoption.key.is_some())?;
        let certificate = &signing.certificate;
        (!certificate.may_sign_lists()).then(|| certificate.subject_title())
    }
}

/// Opens the key, asking for its passphrase where it has one, and finds the certificate that it signs for.
///
/// # Errors
/// Where it cannot be opened, or signs for none of them; and what `ask` fails with.
pub(crate) fn signing_key<E: From<Stop>>(
    key: KeyFile<'_>,
    path: &Path,
    authorities: &[FoundAuthority],
    ask: impl FnOnce() -> Result<SecretString, E>,
) -> Result<(usize, PrivateKey), E> {
    let cannot_be_had = |source| {
        let (key, path) = (key.path.to_owned(), path.to_owned());
        Stop::environment(AdoptError::Key { key, path, source })
    };
    let sealed = ForeignKey::from_pem(key.bytes).map_err(cannot_be_had)?;
    let passphrase = if sealed.is_encrypted() {
        ask()?
    } else {
        SecretString::from("")
    };
    let opened = sealed.open(passphrase.expose_secret());
    let opened = opened.map_err(cannot_be_had)?;
    let mut refused = NotAnAuthority::AnotherKey;
    for (at, found) in authorities.iter().enumerate() {
        match can_sign_for(&opened, &found.certificate) {
            Ok(()) => return Ok((at, opened)),
            Err(NotAnAuthority::AnotherKey) => {}
            Err(source) => refused = source,
        }
    }
    let refusal = Stop::environment(AdoptError::CannotSign {
        key: key.path.to_owned(),
        path: path.to_owned(),
        source: refused,
    });
    Err(refusal.into())
}

/// Proxies that go by revocation lists know an authority by its name and key. Under another certificate of
/// the same, what was revoked before would stand on no list that they find.
fn refuse_same_key(lock: &Lock, path: &Path, certificate: &Certificate) -> Result<(), Stop> {
    let key = certificate.key_fingerprint();
    let mut had_lists = lock.authorities.iter().filter(|known| known.can_sign());
    match had_lists.find(|known| known.key == key) {
        None => Ok(()),
        Some(known) => Err(Stop::environment(AdoptError::SameKey {
            path: path.to_owned(),
            name: known.common_name(),
        })),
    }
}

/// The authority with this certificate, if it is trusted already.
fn known<'l>(lock: &'l Lock, certificate: &Certificate) -> Option<&'l Authority> {
    let mut trusted = lock.trusted();
    trusted.find(|known| known.certificate == *certificate)
}
