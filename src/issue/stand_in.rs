//! What stands in the place of a certificate that only the root secret can issue.

use jiff::Timestamp;

use super::{CredentialError, Signer, leaf_validity, new_authority};
use crate::lock::{Authority, Issued, NewDevice, NewKey, State};
use crate::model::{DeviceId, Domain, MadeKey};
use crate::pki::{Certificate, PublicKey, Validity};
use crate::root::{IssuanceId, RootSecret};

/// A record as a lock will have it, but for its id, serial number and fingerprint, which no certificate has.
///
/// No key is derived and nothing signed, unless the device has made its own key: then the record has a whole certificate in it, of
/// an authority that is thrown away.
pub(crate) fn stand_in(
    authority: &Authority,
    new: NewDevice,
    now: Timestamp,
) -> Result<Issued, CredentialError> {
    let root = nobodys_secret();
    let id = placeholder(&new.device);
    let validity = leaf_validity(authority, &new, now)?;
    let (certificate, made) = match &new.key {
        NewKey::Derived(kind) => (None, *kind),
        NewKey::Own(key) => {
            let certificate = thrown_away(&root, &authority.domain, key, &new, validity, now)?;
            (Some(certificate), MadeKey::P256)
        }
    };
    let fingerprint = match &certificate {
        Some(certificate) => certificate.fingerprint(),
        None => (*blake3::hash(new.device.to_string().as_bytes()).as_bytes()).into(),
    };
    Ok(Issued {
        serial: root.device_serial(&id, &new.device),
        id,
        authority: authority.id,
        validity,
        made,
        own_key: certificate,
        fingerprint,
        state: State::Active,
        device: new.device,
        email: new.email,
    })
}

/// The root secret of what is thrown away.
pub(crate) fn nobodys_secret() -> RootSecret {
    RootSecret::new([0; 32])
}

/// A certificate for a key that a device has made, of an authority that nobody trusts.
fn thrown_away(
    root: &RootSecret,
    domain: &Domain,
    key: &PublicKey,
    new: &NewDevice,
    validity: Validity,
    now: Timestamp,
) -> Result<Certificate, CredentialError> {
    let id = IssuanceId::new([0; 16]);
    let authority = new_authority(root, id, domain, &new.validity, now)?;
    let signer = Signer::new(root.authority_key(&id), &authority)?;
    let serial = root.device_serial(&id, &new.device);
    signer.sign(key, serial, &new.device, &new.email, validity)
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
