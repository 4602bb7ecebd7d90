//! `homelab adopt`: authorities that were made elsewhere sign here, or are trusted.

pub(super) mod refusal;

use std::path::{Path, PathBuf};

use age::secrecy::{ExposeSecret, SecretString};
use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;
use zeroize::Zeroizing;

use super::arguments::Adopt;
use super::build::build_after;
use super::{clock, passphrase, report};
use crate::build::{Adoption, LockOperation};
use crate::diagnostic::Failure;
use crate::keyring::Wanted;
use crate::lock::{Authority, Lock};
use crate::pki::{
    Certificate, ForeignKey, ForeignKeyError, NotAnAuthority, PrivateKey, Readers, Validity,
    can_sign_for, certificates_in, read_authority,
};
use crate::workspace::Workspace;
use refusal::Refusal;

/// Bytes of a certificate's or a key's file, at the most.
const LIMIT: u64 = 1 << 20;

/// Certificates in one file, at the most: a root and what it has signed, not all that an operating system trusts.
const MOST: usize = 8;

#[derive(Debug, Error, Diagnostic)]
enum AdoptError {
    #[error("there is no `{}`", path.display())]
    #[diagnostic(code("adopt::missing"), help("name the file by its path from here"))]
    Missing { path: PathBuf },

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

/// Adopts the authorities of a file, and builds.
pub(super) fn adopt(arguments: &Adopt) -> Result<(), Failure> {
    let inputs = arguments.make.held()?;
    let workspace = &inputs.workspace;
    let (path, now) = (&arguments.certificate, clock::now_to_issue()?);
    let authorities = authorities(workspace, path, now)?;
    let mut signing = match &arguments.key {
        None => None,
        Some(key) => Some(signing_key(workspace, arguments, key, &authorities)?),
    };
    let lock = workspace.lock()?;
    let mut adoptions = Vec::new();
    for (at, (certificate, validity)) in authorities.into_iter().enumerate() {
        let key = signing.take_if(|(signs, _)| *signs == at);
        let known = lock.as_ref().and_then(|lock| known(lock, &certificate));
        if let Some(known) = known.filter(|known| key.is_none() || known.can_sign()) {
            report::result(format_args!(
                "`{}` is trusted already: `homelab status` says which authorities are",
                known.common_name()
            ));
            continue;
        }
        if let Some(lock) = &lock {
            refuse_same_key(lock, path, &certificate)?;
        }
        adoptions.push(Adoption {
            certificate,
            validity,
            key: key.map(|(_, key)| (key, wanted(arguments))),
        });
    }
    if adoptions.is_empty() {
        // Whoever wrote that into the lock may have been killed before the tree was built.
        return build_after(&inputs, &arguments.make, &LockOperation::Nothing);
    }
    let without_lists = adoptions
        .iter()
        .find(|adoption| adoption.key.is_some() && !adoption.certificate.may_sign_lists())
        .map(|adoption| adoption.certificate.subject_title());
    build_after(&inputs, &arguments.make, &LockOperation::Adopt(adoptions))?;
    if let Some(name) = without_lists {
        report::note(format_args!(
            "`{name}` may not sign revocation lists (its key usage is without cRLSign), so that out/edge/ca.crl has none of it: openssl and nginx would \
             refuse everybody with one. Caddy needs none; for another proxy see docs/crl.md"
        ));
    }
    report::result(next(arguments));
    Ok(())
}

/// Whom homelab.age is to be sealed to, with the key in it.
fn wanted(arguments: &Adopt) -> Wanted {
    Wanted::of(
        &arguments.recipient,
        arguments.seal_command.as_deref(),
        arguments.make.secret.root_command.as_deref(),
    )
}

fn read(workspace: &Workspace, path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let missing = || {
        let path = path.to_owned();
        Failure::environment(AdoptError::Missing { path })
    };
    let file = workspace.read(path, LIMIT)?;
    file.map(Zeroizing::new).ok_or_else(missing)
}

/// The certificates of a file, each of which has to be an authority's, and when they are valid.
fn authorities(
    workspace: &Workspace,
    path: &Path,
    now: Timestamp,
) -> Result<Vec<(Certificate, Validity)>, Failure> {
    let mut found = certificates_in(&read(workspace, path)?);
    found.dedup();
    let count = found.len();
    let path = path.to_owned();
    match found.as_slice() {
        [] => return Err(Failure::environment(AdoptError::NoCertificate { path })),
        // X.690 §8.9: what is no SEQUENCE is no damaged certificate, but something else.
        [only] if only.first() != Some(&0x30) => {
            return Err(Failure::environment(AdoptError::NoCertificate { path }));
        }
        more if more.len() > MOST => {
            return Err(Failure::environment(AdoptError::Many { path, count }));
        }
        _ => {}
    }
    let read = found.iter().enumerate().map(|(at, der)| {
        read_authority(der, now).map_err(|source| {
            let which = (count > 1).then(|| (at + 1, title(der)));
            let path = path.clone();
            Failure::environment(Refusal {
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

/// Opens the key, asking for its passphrase where it has one, and finds the certificate that it signs for.
fn signing_key(
    workspace: &Workspace,
    arguments: &Adopt,
    key: &Path,
    authorities: &[(Certificate, Validity)],
) -> Result<(usize, PrivateKey), Failure> {
    let path = &arguments.certificate;
    let cannot_be_had = |source| {
        let (key, path) = (key.to_owned(), path.clone());
        Failure::environment(AdoptError::Key { key, path, source })
    };
    let sealed = ForeignKey::from_pem(&read(workspace, key)?).map_err(cannot_be_had)?;
    let passphrase = match (sealed.is_encrypted(), &arguments.passphrase_file) {
        (false, _) => SecretString::from(""),
        (true, Some(file)) => passphrase::in_file(file)?,
        (true, None) => passphrase::ask(
            &format!("Passphrase of {}: ", key.display()),
            "of the key",
            "use `--passphrase-file FILE`, `-` for standard input",
        )?,
    };
    let opened = sealed.open(passphrase.expose_secret());
    let opened = opened.map_err(cannot_be_had)?;
    let mut refused = NotAnAuthority::AnotherKey;
    for (at, (certificate, _)) in authorities.iter().enumerate() {
        match can_sign_for(&opened, certificate) {
            Ok(()) => return Ok((at, opened)),
            Err(NotAnAuthority::AnotherKey) => {}
            Err(source) => refused = source,
        }
    }
    Err(Failure::environment(AdoptError::CannotSign {
        key: key.to_owned(),
        path: path.clone(),
        source: refused,
    }))
}

/// Proxies that go by revocation lists know an authority by its name and key. Under another certificate of
/// the same, what was revoked before would stand on no list that they find.
fn refuse_same_key(lock: &Lock, path: &Path, certificate: &Certificate) -> Result<(), Failure> {
    let key = certificate.key_fingerprint();
    let mut had_lists = lock.authorities.iter().filter(|known| known.can_sign());
    match had_lists.find(|known| known.key == key) {
        None => Ok(()),
        Some(known) => Err(Failure::environment(AdoptError::SameKey {
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

/// What is to be done next.
fn next(arguments: &Adopt) -> String {
    let (who, files, key) = match &arguments.key {
        Some(key) => (
            "it signs new certificates, and",
            "homelab.lock and homelab.age",
            format!(
                "\n4. {} is in homelab.age now: keep a copy offline, or destroy it, but do not leave it here",
                key.display()
            ),
        ),
        None => ("it", "homelab.lock", String::new()),
    };
    format!(
        "\n1. copy out/edge/ to the Caddy host, and `caddy reload` there: {who} is trusted\n\
         2. commit {files}\n\
         3. certificates that devices have from it come in where they are declared: `device \"old-laptop\" fingerprint=\"…\"`{key}"
    )
}
