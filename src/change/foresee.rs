//! What a build does to the lock, without the secret.

use jiff::Timestamp;
use serde::Serialize;

use crate::issue::{CredentialError, new_authority, new_certificates};
use crate::lock::{Issued, Lock, NewDevice, OwnKeys, reconcile};
use crate::model::{DeviceId, Fingerprint, Homelab};
use crate::root::{IssuanceId, Keyring, RootSecret};

/// A lock as a build would leave it, but for what only the secret can make.
pub struct Foreseen {
    /// The lock. What is to be issued stands in it with an id, a key and a fingerprint that it will not
    /// have, and revocation lists that are to be signed are stale.
    pub lock: Lock,
    /// What is new in it.
    pub changes: LockChanges,
}

/// What a build does to the lock.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct LockChanges {
    /// Whether the first authority is made.
    pub authority: bool,
    /// The devices that are issued a certificate, sorted.
    pub issue: Vec<String>,
    /// The devices that are shut out, sorted.
    pub retire: Vec<String>,
    /// The devices whose older certificate is shut out, sorted.
    pub close: Vec<String>,
    /// The devices that are recorded as declared by fingerprint, sorted.
    pub record: Vec<String>,
    /// The devices that are recorded as declared by fingerprint no longer, sorted.
    pub remove: Vec<String>,
    /// Whether a revocation list is signed anew.
    pub sign: bool,
}

impl LockChanges {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == LockChanges::default()
    }

    /// Whether it takes the root secret to do them.
    pub fn need_the_secret(&self) -> bool {
        let records = !self.record.is_empty() || !self.remove.is_empty();
        self.authority || !self.issue.is_empty() || self.sign || records
    }
}

/// What a mere build at `now` does to the lock; there is none before the first one. `own_keys` are those
/// that devices have made, `let_in` what the edge of before let in by fingerprint.
///
/// Fails where issuing would fail for reasons that can be known.
pub fn foresee(
    homelab: &Homelab,
    lock: Option<&Lock>,
    own_keys: &OwnKeys,
    let_in: &[(DeviceId, Fingerprint)],
    now: Timestamp,
) -> Result<Foreseen, CredentialError> {
    let stand_in = RootSecret::new([0; 32]);
    let mut lock = lock.cloned().unwrap_or_else(|| Lock::new(&stand_in));
    // Which key it will be signed with, the secret alone tells.
    lock.key.get_or_insert_with(|| stand_in.signer().key());
    let mut close = lock.finish_overdue(now);
    close.sort();
    close.dedup();
    lock.learn(homelab, let_in);
    let reconciliation = reconcile(homelab, &lock, own_keys);
    if !reconciliation.is_settled(&lock) {
        lock.remember(homelab, now);
    }
    lock.revoke(&reconciliation.revoke, now);
    let (domain, lifetime) = (&homelab.domain, &homelab.validity.authority);
    let id = IssuanceId::new([0; 16]);
    let made_up = new_authority(&stand_in, id, domain, lifetime, now)?;
    let signing = lock.signing().map(|signing| (signing.id, signing.validity));
    let authority = signing.is_none();
    if authority {
        lock.succeed(made_up.clone());
    }
    let issue = names(reconciliation.issue.iter().map(|new| &new.device));
    if !reconciliation.issue.is_empty() {
        let mut signer = made_up.id;
        if let Some((id, validity)) = signing {
            let (from, until) = (validity.not_before(), validity.not_after());
            if now >= until {
                return Err(CredentialError::AuthorityExpired { until, now });
            }
            if now < from {
                return Err(CredentialError::BeforeAuthority { from, now });
            }
            signer = id;
        }
        let devices = reconciliation.issue.into_iter();
        let devices: Vec<(IssuanceId, NewDevice)> =
            devices.map(|new| (placeholder(&new.device), new)).collect();
        let issued = new_certificates(&Keyring::of(stand_in), &made_up, &devices, now)?;
        let as_signed_by = |issued| Issued {
            authority: signer,
            ..issued
        };
        lock.add(issued.into_iter().map(as_signed_by).collect(), now);
    }
    let changes = LockChanges {
        authority,
        issue,
        retire: names(&reconciliation.revoke),
        close: names(&close),
        record: names(&reconciliation.record),
        remove: names(&reconciliation.remove),
        sign: lock.has_stale_crl(),
    };
    Ok(Foreseen { lock, changes })
}

/// An id that no device has: those that are drawn at random come out so with no probability to speak of.
fn placeholder(device: &DeviceId) -> IssuanceId {
    let mut bytes = [0; 16];
    let hash = blake3::derive_key(
        "homelab change: the id of a certificate that is not issued",
        device.to_string().as_bytes(),
    );
    bytes.copy_from_slice(&hash[..16]);
    IssuanceId::new(bytes)
}

fn names<'d>(devices: impl IntoIterator<Item = &'d DeviceId>) -> Vec<String> {
    devices.into_iter().map(ToString::to_string).collect()
}
