//! `homelab adopt`: an authority that was made elsewhere signs here, or is trusted.

use std::path::{Path, PathBuf};

use age::secrecy::{ExposeSecret, SecretString};
use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;
use zeroize::Zeroizing;

use super::arguments::Adopt;
use super::build::{Inputs, build_after};
use super::failure::Failure;
use super::issuing::{Adoption, Order};
use super::workspace::Workspace;
use super::{clock, report, secret};
use crate::lock::{Authority, Lock};
use crate::pki::{
    Certificate, ForeignKey, ForeignKeyError, NotAnAuthority, PrivateKey, Validity,
    authority_validity, can_sign_for,
};

/// Bytes of a certificate's or a key's file, at the most.
const LIMIT: u64 = 1 << 20;

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

    #[error("`{}` cannot be trusted to say who may come in", path.display())]
    #[diagnostic(
        code("adopt::no-authority"),
        help("name the certificate of the authority that has signed your devices' certificates")
    )]
    NoAuthority {
        path: PathBuf,
        #[source]
        source: NotAnAuthority,
    },

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
    #[diagnostic(
        code("adopt::key"),
        help(
            "it is to be a private key of P-256 in PEM, as `openssl ec` and `openssl pkcs8` write it; without such a key, `homelab adopt --trust-only {}` trusts what it has signed",
            path.display()
        )
    )]
    Key {
        key: PathBuf,
        path: PathBuf,
        #[source]
        source: ForeignKeyError,
    },
}

/// Adopts an authority, and builds.
pub fn adopt(arguments: &Adopt) -> Result<(), Failure> {
    let inputs = Inputs::held(&arguments.make)?;
    let workspace = &inputs.workspace;
    let (path, now) = (&arguments.certificate, clock::now_to_issue()?);
    let certificate = read(workspace, path)?;
    let certificate = Certificate::from_file(&certificate)
        .map_err(|_| Failure::environment(AdoptError::NoCertificate { path: path.clone() }))?;
    let validity = authority(path, &certificate, now)?;
    let key = match &arguments.key {
        None => None,
        Some(key) => Some((
            signing_key(workspace, key, path, &certificate)?,
            arguments.recipient.clone(),
        )),
    };
    let lock = workspace.lock()?;
    let known = lock.as_ref().and_then(|lock| known(lock, &certificate));
    if let Some(known) = known.filter(|known| key.is_none() || known.can_sign()) {
        // Whoever wrote that into the lock may have been killed before the tree was built.
        build_after(&inputs, &arguments.make, &Order::Nothing)?;
        report::result(format_args!(
            "`{}` is trusted already: `homelab status` says which authorities are",
            known.common_name()
        ));
        return Ok(());
    }
    if let Some(lock) = &lock {
        refuse_same_key(lock, path, &certificate)?;
    }
    let order = Order::Adopt(Box::new(Adoption {
        certificate,
        validity,
        key,
    }));
    build_after(&inputs, &arguments.make, &order)?;
    report::result(next(arguments));
    Ok(())
}

fn read(workspace: &Workspace, path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let missing = || {
        let path = path.to_owned();
        Failure::environment(AdoptError::Missing { path })
    };
    let file = workspace.read(path, LIMIT)?;
    file.map(Zeroizing::new).ok_or_else(missing)
}

fn authority(path: &Path, certificate: &Certificate, now: Timestamp) -> Result<Validity, Failure> {
    authority_validity(certificate, now).map_err(|source| {
        let path = path.to_owned();
        Failure::environment(AdoptError::NoAuthority { path, source })
    })
}

/// Opens the key, asking for its passphrase where it has one, and holds it against the certificate.
fn signing_key(
    workspace: &Workspace,
    key: &Path,
    path: &Path,
    certificate: &Certificate,
) -> Result<PrivateKey, Failure> {
    let cannot_be_had = |source| {
        let (key, path) = (key.to_owned(), path.to_owned());
        Failure::environment(AdoptError::Key { key, path, source })
    };
    let sealed = ForeignKey::from_pem(&read(workspace, key)?).map_err(cannot_be_had)?;
    let passphrase = match sealed.is_encrypted() {
        true => secret::ask(&format!("Passphrase of {}: ", key.display()))?,
        false => SecretString::from(""),
    };
    let opened = sealed.open(passphrase.expose_secret());
    let opened = opened.map_err(cannot_be_had)?;
    can_sign_for(&opened, certificate).map_err(|source| {
        let (key, path) = (key.to_owned(), path.to_owned());
        Failure::environment(AdoptError::CannotSign { key, path, source })
    })?;
    Ok(opened)
}

/// Proxies that go by revocation lists know an authority by its name and key. Under another certificate of
/// the same, what was revoked before would stand on no list that they find.
fn refuse_same_key(lock: &Lock, path: &Path, certificate: &Certificate) -> Result<(), Failure> {
    let key = certificate.spki_sha256();
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
