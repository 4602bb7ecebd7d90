//! The requests of devices that make their own keys.

use std::path::PathBuf;

use miette::{Diagnostic, Report};
use thiserror::Error;

use super::failure::{Exit, Failure};
use super::report;
use super::workspace::Workspace;
use crate::lock::{Lock, OwnKeys, Reconciliation, ReusedKey};
use crate::model::{DeviceId, Enrolment, Homelab};
use crate::pki::{PublicKey, RequestError, UnusableKey, requested_key};

/// Bytes of a request, at the most.
const LIMIT: u64 = 64 << 10;

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

/// Fails where there is anything to report.
fn refuse(reports: Vec<Report>) -> Result<(), Failure> {
    match reports.is_empty() {
        true => Ok(()),
        false => Err(Failure {
            exit: Exit::Declaration,
            reports,
        }),
    }
}

/// Fails where a certificate is to be issued for a key that was shut out, under whatever name: whoever
/// has that key would be let in again.
pub fn refuse_reused_keys(reconciliation: &Reconciliation) -> Result<(), Failure> {
    let reused = reconciliation.reused_keys.iter();
    let reports = reused.map(|ReusedKey { device, before }| {
        let (device, before) = (device.clone(), before.clone());
        RequestsError::ShutOut { device, before }.into()
    });
    refuse(reports.collect())
}

/// The keys of devices that made them, as their requests have them.
pub struct Requested(OwnKeys);

impl Requested {
    /// Reads every request that is declared, or says all that is wrong with them.
    pub fn read(workspace: &Workspace, homelab: &Homelab) -> Result<Requested, Failure> {
        let mut keys = OwnKeys::new();
        let mut reports = Vec::new();
        for (_, device) in homelab.devices() {
            let Enrolment::Request(path) = &device.enrolment else {
                continue;
            };
            let (path, device) = (workspace.path(path.as_str()), device.id.clone());
            let mistake = match workspace.read(&path, LIMIT)? {
                None => RequestsError::Missing { path, device },
                Some(file) => match requested_key(&file) {
                    Ok(key) => {
                        let known = keys.iter().find(|(_, known)| **known == key);
                        let other = known.map(|(other, _): (&DeviceId, &PublicKey)| other.clone());
                        keys.insert(device.clone(), key);
                        match other {
                            None => continue,
                            Some(other) => RequestsError::SameKey { device, other },
                        }
                    }
                    Err(source) => RequestsError::NotMet {
                        path,
                        device,
                        source,
                    },
                },
            };
            reports.push(mistake.into());
        }
        refuse(reports).map(|()| Requested(keys))
    }

    /// The keys by device.
    pub fn keys(&self) -> &OwnKeys {
        &self.0
    }

    /// Whether the key that a device asks with is one that a certificate of its in the lock is of
    /// already, whatever became of that.
    pub fn would_certify_again(&self, lock: &Lock, device: &DeviceId) -> bool {
        let Some(key) = self.0.get(device) else {
            return false;
        };
        let mut issued = lock.certificates.iter().filter(|c| c.device == *device);
        issued.any(|issued| issued.own_public_key().as_ref() == Some(key))
    }

    /// Tells of certificates that are not of the key that is declared now: no build changes that.
    pub fn warn(&self, homelab: &Homelab, lock: &Lock) {
        let active = lock.active();
        for (_, device) in homelab.enrolled() {
            let Some(issued) = active.get(&device.id) else {
                continue;
            };
            let is_other_kind = issued.made_key() != device.made_key();
            if issued.own_public_key().as_ref() != self.0.get(&device.id) || is_other_kind {
                let device = &device.id;
                report::note(format_args!(
                    "The certificate of {device} is of another key than homelab.kdl says: `homelab renew {device}` issues one."
                ));
            }
        }
    }
}
