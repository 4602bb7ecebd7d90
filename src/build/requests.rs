//! The requests of devices that make their own keys, and whether they can be met.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use super::stop::Stop;
use crate::diagnostic::Fault;
use crate::lock::{Lock, OwnKeys, Reconciliation, ReusedKey};
use crate::model::{DeviceId, Homelab};
use crate::pki::{RequestError, UnusableKey, requested_key};

#[derive(Debug, Error, Diagnostic)]
enum RequestsError {
    #[error("there is no `{}`, which `{device}` is declared to ask with", path.display())]
    #[diagnostic(
        code("request::missing"),
        help("bring it there, and into git: it is no secret")
    )]
    Missing { path: PathBuf, device: DeviceId },

    #[error("`{}`, which `{device}` is declared to ask with, cannot be met", path.display())]
    #[diagnostic(code("request::not-met"), help("{}", remedy(source, device)))]
    NotMet {
        path: PathBuf,
        device: DeviceId,
        #[source]
        source: RequestError,
    },

    #[error("`{device}` asks for a certificate of the key that was shut out with `{before}`")]
    #[diagnostic(
        code("request::shut-out"),
        help("have it make a new key, and put the new request in the place of the old one")
    )]
    ShutOut { device: DeviceId, before: DeviceId },

    #[error("`{device}` and `{other}` ask with the same key")]
    #[diagnostic(
        code("request::same-key"),
        help("have each make its own: who has the one would be let in as the other")
    )]
    SameKey { device: DeviceId, other: DeviceId },
}

/// What makes a request that can be met, with the key that the device has where that will do.
fn remedy(fault: &RequestError, device: &DeviceId) -> String {
    let name = device.common_name();
    match fault {
        RequestError::Scheme(_) => format!(
            "sign it anew with the same key and SHA-256: `openssl req -new -sha256 -key {name}.key -subj /CN={name} -out {name}.csr`"
        ),
        RequestError::Key(UnusableKey::ExplicitCurve | UnusableKey::HybridPoint) => format!(
            "have the key say which curve it is of, `openssl ec -in {name}.key -param_enc named_curve -conv_form uncompressed -out {name}-named.key`, and ask anew with that: `openssl req -new -sha256 -key {name}-named.key -subj /CN={name} -out {name}.csr`"
        ),
        RequestError::Key(_) | RequestError::NotARequest | RequestError::NotOwnKey => format!(
            "have the device make a request for a key of P-256, P-384, Ed25519, or RSA of 2048 to 8192 bits: `openssl req -new -sha256 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -subj /CN={name} -out {name}.csr`"
        ),
    }
}

/// Why a build is refused: a certificate is to be issued for a key that was shut out, under whatever name. Whoever has that
/// key would be let in again.
pub(super) fn reused_keys(reconciliation: &Reconciliation) -> impl Iterator<Item = Stop> {
    let reused = reconciliation.reused_keys.iter();
    reused.map(|ReusedKey { device, before }| {
        let (device, before) = (device.clone(), before.clone());
        let error = RequestsError::ShutOut { device, before };
        Stop::new(Fault::Declaration, error)
    })
}

/// The keys of devices that made them, as their requests have them.
#[derive(Default)]
pub(crate) struct Requested(OwnKeys);

/// The file that a device asks with, and what is in it; none where there is no such file.
pub(crate) struct RequestFile {
    pub device: DeviceId,
    pub path: PathBuf,
    pub bytes: Option<Vec<u8>>,
}

impl Requested {
    /// Reads every request, or says all that is wrong with them.
    pub(crate) fn of(files: Vec<RequestFile>) -> Result<Requested, Vec<Stop>> {
        let mut keys = OwnKeys::new();
        let mut stops = Vec::new();
        let mut refuse = |error| stops.push(Stop::new(Fault::Declaration, error));
        for RequestFile {
            device,
            path,
            bytes,
        } in files
        {
            let Some(bytes) = bytes else {
                refuse(RequestsError::Missing { path, device });
                continue;
            };
            match requested_key(&bytes) {
                Err(source) => refuse(RequestsError::NotMet {
                    path,
                    device,
                    source,
                }),
                Ok(key) => {
                    let known = keys.iter().find(|(_, known)| **known == key);
                    if let Some((other, _)) = known {
                        let (device, other) = (device.clone(), other.clone());
                        refuse(RequestsError::SameKey { device, other });
                    }
                    keys.insert(device, key);
                }
            }
        }
        if stops.is_empty() {
            Ok(Requested(keys))
        } else {
            Err(stops)
        }
    }

    pub(crate) fn keys(&self) -> &OwnKeys {
        &self.0
    }

    /// Whether the key that a device asks with is one that a certificate of its in the lock is of
    /// already, whatever became of that.
    pub(crate) fn would_certify_again(&self, lock: &Lock, device: &DeviceId) -> bool {
        let Some(key) = self.0.get(device) else {
            return false;
        };
        let mut issued = lock.certificates.iter().filter(|c| c.device == *device);
        issued.any(|issued| issued.own_public_key().as_ref() == Some(key))
    }

    /// What is to be said of certificates that are not of the key that is declared now: no build changes that.
    pub(super) fn notes(&self, homelab: &Homelab, lock: &Lock) -> Vec<String> {
        let active = lock.active();
        let other = homelab.enrolled().filter_map(|(_, device)| {
            let issued = active.get(&device.id)?;
            let is_other_kind = issued.made_key() != device.made_key();
            let is_other = issued.own_public_key().as_ref() != self.0.get(&device.id) || is_other_kind;
            is_other.then(|| {
                format!(
                    "The certificate of {0} is of another key than homelab.kdl says: `homelab renew {0}` issues one.",
                    device.id
                )
            })
        });
        other.collect()
    }
}
