//! Bringing the lock up to date with the declaration, before anything is built from it.

use std::slice;

use jiff::Timestamp;

use super::arguments::Secret;
use super::build::Inputs;
use super::failure::Failure;
use super::hold::Held;
use super::requests::{Requested, refuse_reused_keys};
use super::sealing::{SealsTo, Wanted};
use super::secret::Opened;
use super::went_back::Published;
use super::workspace::WorkspaceError;
use super::{build, clock, create_root, report, secret};
use crate::derive;
use crate::issue::{new_authority, new_certificates, new_crl, unconfirmed};
use crate::lock::{
    Authority, AuthorityState, Issued, Lock, NewDevice, Origin, Reconciliation, SignedCrl,
    reconcile,
};
use crate::model::{DeviceId, Homelab};
use crate::pki::{Certificate, PrivateKey, Validity};
use crate::render::Secrets;
use crate::root::{IssuanceId, Keyring, RootSecret};

/// What is to be done to the lock beyond what the declaration says.
pub enum LockOperation {
    /// Nothing: a mere build.
    Nothing,
    /// New certificates for these devices; the older ones are let in for a while.
    Renew(Vec<DeviceId>),
    /// That while is over for these devices.
    Finish(Vec<DeviceId>),
    /// All certificates of these devices are out at once, and then.
    Revoke(Vec<(DeviceId, Reissue)>),
    /// A new authority signs from now on.
    Rotate(Rotation),
    /// Authorities that were made elsewhere are trusted, and one signs if its key is there.
    Adopt(Vec<Adoption>),
    /// Only the authority that signs is trusted any more; what is left is sealed to these, or to whom it
    /// was.
    FinishRotation(Wanted),
}

/// An authority that was made elsewhere.
pub struct Adoption {
    /// Its certificate.
    pub certificate: Certificate,
    /// When that is valid.
    pub validity: Validity,
    /// Its key, where it is to sign, and whom homelab.age is sealed to then, if not to whom it was.
    pub key: Option<(PrivateKey, Wanted)>,
}

/// What is to be made anew.
pub enum Rotation {
    /// The authority.
    Authority,
    /// The root secret, and the authority with it; sealed to these, or to whom it was.
    Root(Wanted),
}

/// When a device whose certificates were revoked gets another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reissue {
    /// With the revocation.
    Now,
    /// When the admin renews it, and not before.
    OnRenewal,
}

/// One build's dealings with the keyring, which is opened once and only where it is needed.
pub struct Issuing<'a> {
    workspace: &'a Held,
    options: &'a Secret,
    homelab: &'a Homelab,
    requested: &'a Requested,
    opened: Option<Opened>,
    /// What the output tree remembers.
    pub published: Published,
}

impl<'a> Issuing<'a> {
    /// Nothing is opened yet.
    pub fn new(inputs: &'a Inputs<Held>, options: &'a Secret) -> Issuing<'a> {
        Issuing {
            workspace: &inputs.workspace,
            options,
            homelab: &inputs.homelab,
            requested: &inputs.requested,
            opened: None,
            published: Published::default(),
        }
    }

    /// The first build: makes the root secret, unless a command prints it, the authority and every
    /// certificate, and writes the lock. An authority is adopted before anything is issued.
    pub fn begin(&mut self, order: &LockOperation) -> Result<Lock, Failure> {
        // Before anything is drawn or written.
        clock::now_to_issue()?;
        let new = match secret::first_from_command(self.workspace, self.options)? {
            Some((lock, opened)) => {
                let new = self.first(lock, &opened.keyring, order)?;
                self.workspace
                    .write_lock(&new.lock, Some(&opened.keyring))?;
                self.opened = Some(opened);
                new
            }
            None => {
                let identity = self.options.identity.as_deref();
                let created = create_root::create_for_identity(self.workspace, identity)?;
                let new = self.first(created.lock.clone(), &created.opened.keyring, order)?;
                create_root::establish(self.workspace, &created, &new.lock)?;
                self.opened = Some(created.opened);
                new
            }
        };
        let lock = new.announced();
        match order {
            LockOperation::Adopt(_) => self.go_on(lock, order),
            _ => Ok(lock),
        }
    }

    /// What the first lock records.
    fn first(
        &self,
        lock: Lock,
        keyring: &Keyring,
        order: &LockOperation,
    ) -> Result<Changed, Failure> {
        match order {
            LockOperation::Adopt(_) => Ok(Changed::nothing(lock)),
            _ => self.issue(lock, keyring),
        }
    }

    /// A later build: adds to the lock what is newly declared, retires what is no longer, signs the
    /// revocation lists anew where they are stale, and writes the lock if that changes anything.
    pub fn go_on(&mut self, mut lock: Lock, order: &LockOperation) -> Result<Lock, Failure> {
        let unconfirmed = self.hold_unsigned(&lock)?;
        let ordered = self.carry_out(order, &mut lock)?;
        lock.learn(self.homelab, &self.published.installed);
        let reconciliation = reconcile(self.homelab, &lock, self.requested.keys());
        if reconciliation.is_settled(&lock) {
            // A merge may have left it in another form than the one that is written.
            self.write(&mut lock)?;
            tell_of_signing(unconfirmed);
            self.drop_what_is_over(order, &lock)?;
            return Ok(lock);
        }
        self.open(&lock)
            .inspect_err(|_| tell_of_edge(&reconciliation))?;
        let mut new = self.issue(lock, &self.keyring().keyring)?;
        new.retired.extend(ordered.retired);
        new.closed = ordered.closed;
        self.write(&mut new.lock)?;
        tell_of_signing(unconfirmed);
        self.drop_what_is_over(order, &new.lock)?;
        Ok(new.announced())
    }

    /// Writes the lock, opening the secret where something in it is to be signed.
    fn write(&mut self, lock: &mut Lock) -> Result<(), Failure> {
        if self.opened.is_none() && self.workspace.write_lock(lock, None)? {
            return Ok(());
        }
        self.open(lock)?;
        lock.name_keys(&self.keyring().keyring);
        let is_written = self
            .workspace
            .write_lock(lock, Some(&self.keyring().keyring))?;
        assert!(is_written, "the secret signs whatever is to be signed");
        Ok(())
    }

    /// Holds a lock of version 1 against the secret, before it is signed; what that cannot confirm.
    fn hold_unsigned(&mut self, lock: &Lock) -> Result<Option<Vec<String>>, Failure> {
        if lock.key.is_some() {
            return Ok(None);
        }
        self.open(lock)?;
        let unconfirmed = unconfirmed(&self.keyring().keyring, lock);
        unconfirmed.map(Some).map_err(Failure::environment)
    }

    /// Fails where a revoked certificate comes back that neither this order shuts out again, nor the
    /// declaration.
    pub fn refuse_return(
        &self,
        published: &Published,
        order: &LockOperation,
        lock: &Lock,
        accepted: &[DeviceId],
    ) -> Result<(), Failure> {
        let (mut after, now) = (lock.clone(), clock::now()?);
        after.finish_overdue(now);
        match order {
            LockOperation::Revoke(devices) => {
                let devices: Vec<DeviceId> = { devices.iter() }.map(|(id, _)| id.clone()).collect();
                after.revoke(&devices, now);
            }
            LockOperation::Finish(devices) => after.finish(devices, now),
            LockOperation::FinishRotation(_) => after.finish_rotation(self.homelab, now),
            LockOperation::Nothing
            | LockOperation::Renew(_)
            | LockOperation::Rotate(_)
            | LockOperation::Adopt(_) => {}
        }
        published.refuse_return_by(self.homelab, lock, &after, accepted)
    }

    /// Does to the lock what was ordered, and shuts out older certificates whose time is over.
    fn carry_out(&mut self, order: &LockOperation, lock: &mut Lock) -> Result<Ordered, Failure> {
        let mut ordered = Ordered::default();
        if matches!(order, LockOperation::Nothing) && !lock.has_superseded() {
            return Ok(ordered);
        }
        let now = match order {
            // It writes no dates, and a late end of an older certificate is made up for by the next build.
            LockOperation::Nothing => clock::now()?,
            _ => clock::now_to_issue()?,
        };
        ordered.closed = lock.finish_overdue(now);
        match order {
            LockOperation::Nothing => {}
            LockOperation::Renew(devices) => {
                lock.supersede(devices, &self.homelab.validity.renew, now)
            }
            LockOperation::Finish(devices) => {
                lock.finish(devices, now);
                ordered.closed.extend(devices.iter().cloned());
            }
            LockOperation::Revoke(devices) => {
                for (device, then) in devices {
                    match then {
                        Reissue::Now => lock.revoke(slice::from_ref(device), now),
                        Reissue::OnRenewal => lock.block(device, now),
                    }
                    ordered.retired.push(device.clone());
                }
            }
            LockOperation::Rotate(Rotation::Authority) => self.rotate(lock, now)?,
            LockOperation::Rotate(Rotation::Root(wanted)) => {
                self.new_root(lock, wanted)?;
                self.rotate(lock, now)?;
            }
            LockOperation::Adopt(adoptions) => {
                for adoption in adoptions {
                    self.adopt(lock, adoption, now)?;
                }
            }
            LockOperation::FinishRotation(wanted) => {
                // Without the secret nothing could be dropped from homelab.age.
                self.open(lock)?;
                let let_in: Vec<DeviceId> = lock.admitted().into_keys().cloned().collect();
                lock.finish_rotation(self.homelab, now);
                if has_more(&self.keyring().keyring, lock) {
                    self.seals_to(wanted)?;
                }
                let left = lock.admitted();
                let out = let_in
                    .into_iter()
                    .filter(|device| !left.contains_key(device));
                ordered.retired.extend(out);
            }
        }
        ordered.closed.sort();
        ordered.closed.dedup();
        Ok(ordered)
    }

    /// Makes a new authority, which signs from now on.
    fn rotate(&mut self, lock: &mut Lock, now: Timestamp) -> Result<(), Failure> {
        self.open(lock)?;
        let root = self.keyring().keyring.root(&lock.root);
        let authority = self.new_authority(root.expect("it has been held against it"), now)?;
        let name = authority.common_name();
        lock.succeed(authority);
        report::result(format_args!("new authority `{name}`"));
        Ok(())
    }

    /// Trusts an authority that was made elsewhere. Its key is in homelab.age before the lock tells of
    /// it; until then nobody takes notice of it.
    fn adopt(
        &mut self,
        lock: &mut Lock,
        adoption: &Adoption,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let mut authority = Authority {
            id: create_root::new_issuance_id()?,
            origin: Origin::Foreign,
            root: lock.root,
            domain: self.homelab.domain.clone(),
            validity: adoption.validity,
            key: adoption.certificate.spki_sha256(),
            certificate: adoption.certificate.clone(),
            state: AuthorityState::Active,
        };
        let name = authority.common_name();
        // Nobody else may say whom to trust.
        self.open(lock)?;
        let Some((key, wanted)) = &adoption.key else {
            lock.trust(authority);
            report::result(format_args!("trusted authority `{name}`"));
            return Ok(());
        };
        authority.origin = Origin::Adopted;
        let to = self.seals_to(wanted)?;
        let opened = self.opened.as_mut().expect("it has just been opened");
        keep(&mut opened.keyring, lock);
        opened.keyring.add_authority(authority.id, key.duplicate());
        opened.replace(self.workspace, &to)?;
        lock.adopt(authority, now);
        report::result(format_args!("adopted authority `{name}`"));
        Ok(())
    }

    /// Puts a new root secret beside the present one, and has it signed with from now on. Until the
    /// lock pins it, nobody takes notice of it.
    fn new_root(&mut self, lock: &mut Lock, wanted: &Wanted) -> Result<(), Failure> {
        self.open(lock)?;
        let to = self.seals_to(wanted)?;
        let opened = self.opened.as_mut().expect("it has just been opened");
        keep(&mut opened.keyring, lock);
        let root = create_root::new_root()?;
        let present = opened.keyring.root(&lock.root);
        let present = present.expect("it has been held against it");
        { lock.go_over(present, &root) }.map_err(|_| WorkspaceError::miscalculates())?;
        opened.keyring.add_root(root);
        opened.replace(self.workspace, &to)
    }

    /// Whom homelab.age is sealed to again, held against the identities that are here.
    fn seals_to(&self, wanted: &Wanted) -> Result<SealsTo, Failure> {
        let named = self.options.identity.as_deref();
        let at_hand = secret::identities_at_hand(self.workspace, named);
        self.keyring().seals_to(wanted, &at_hand)
    }

    /// Drops the secrets from homelab.age that nothing depends on after a rotation.
    fn drop_what_is_over(&mut self, order: &LockOperation, lock: &Lock) -> Result<(), Failure> {
        let LockOperation::FinishRotation(wanted) = order else {
            return Ok(());
        };
        let opened = self.opened.as_mut().expect("carrying it out has opened it");
        if !keep(&mut opened.keyring, lock) {
            return Ok(());
        }
        let to = self.seals_to(wanted)?;
        self.keyring().replace(self.workspace, &to)
    }

    /// The keyring, and the authorities that it has the keys of, held against the lock.
    pub fn secrets(mut self, lock: &Lock) -> Result<Secrets, Failure> {
        self.open(lock)?;
        let opened = self.opened.expect("it has just been opened");
        Secrets::of(opened.keyring, lock).map_err(Failure::environment)
    }

    /// Opens the keyring, if it is not open yet.
    pub fn open(&mut self, lock: &Lock) -> Result<(), Failure> {
        if self.opened.is_none() {
            self.opened = Some(secret::unlock(
                self.workspace,
                self.options,
                lock,
                &lock.roots(),
            )?);
        }
        Ok(())
    }

    fn keyring(&self) -> &Opened {
        self.opened.as_ref().expect("it has been opened")
    }

    fn new_authority(&self, root: &RootSecret, now: Timestamp) -> Result<Authority, Failure> {
        let (domain, lifetime) = (&self.homelab.domain, &self.homelab.validity.authority);
        let id = create_root::new_issuance_id()?;
        new_authority(root, id, domain, lifetime, now).map_err(Failure::environment)
    }

    /// Issues what is declared and not yet issued, the authority first, and the revocation lists last.
    fn issue(&self, lock: Lock, keyring: &Keyring) -> Result<Changed, Failure> {
        let now = clock::now_to_issue()?;
        let reconciliation = reconcile(self.homelab, &lock, self.requested.keys());
        refuse_reused_keys(&reconciliation)?;
        let mut changed = Changed::retiring(lock, reconciliation.revoke, now);
        changed.lock.remember(self.homelab, now);
        changed.recorded = reconciliation.record;
        changed.retired.extend(reconciliation.remove);
        if changed.lock.signing().is_none() {
            let root = keyring.root(&changed.lock.root);
            let root = root.expect("it has been held against the lock");
            changed.lock.succeed(self.new_authority(root, now)?);
        }
        let authority = changed.lock.signing().expect("there is one by now");
        let new: Result<Vec<(IssuanceId, NewDevice)>, Failure> = reconciliation
            .issue
            .into_iter()
            .map(|device| Ok((create_root::new_issuance_id()?, device)))
            .collect();
        let issued = new_certificates(keyring, authority, &new?, now);
        changed.issued = issued.map_err(Failure::environment)?;
        if !changed.issued.is_empty() {
            changed.lock.add(changed.issued.clone(), now);
        }
        changed.lock.crls = self.signed_crls(&changed.lock, keyring, now)?;
        Ok(changed)
    }

    /// The revocation list of each authority, signed anew where it is stale.
    fn signed_crls(
        &self,
        lock: &Lock,
        keyring: &Keyring,
        now: Timestamp,
    ) -> Result<Vec<SignedCrl>, Failure> {
        let mut crls = Vec::new();
        for authority in lock.listing() {
            let mut known = lock.crls.iter().filter(|crl| crl.authority == authority.id);
            crls.push(match (lock.crl(authority), known.next()) {
                (Some(_), Some(signed)) => signed.clone(),
                _ => new_crl(keyring, authority, lock, &self.published.handed_out, now)
                    .map_err(Failure::environment)?,
            });
        }
        Ok(crls)
    }
}

/// Whether a keyring has what the lock does not need.
fn has_more(keyring: &Keyring, lock: &Lock) -> bool {
    let adopted: Vec<IssuanceId> = lock.trusted().map(|authority| authority.id).collect();
    keyring.has_more_than(&lock.roots(), &adopted)
}

/// Drops from a keyring what the lock does not need; whether there was anything.
fn keep(keyring: &mut Keyring, lock: &Lock) -> bool {
    let adopted: Vec<IssuanceId> = lock.trusted().map(|authority| authority.id).collect();
    keyring.keep(&lock.roots(), &adopted)
}

/// Tells that a lock of version 1 has been signed, and what nobody can vouch for.
fn tell_of_signing(unconfirmed: Option<Vec<String>>) {
    match unconfirmed.as_deref() {
        None => {}
        Some([]) => report::note("Signed homelab.lock; all that it lets in is of the root secret."),
        Some(unconfirmed) => report::note(format_args!(
            "Signed homelab.lock. The root secret cannot confirm what follows; see that it is right, `git log -p -- homelab.lock`:\n  {}",
            unconfirmed.join("\n  ")
        )),
    }
}

/// Tells what can be done without the root secret, where nothing is to be issued.
fn tell_of_edge(reconciliation: &Reconciliation) {
    let gone = reconciliation.revoke.iter().chain(&reconciliation.remove);
    if let Some(device) = { gone }.next() {
        report::note(format_args!(
            "`homelab build --edge` takes {device} off the Caddyfile's lists without the root secret."
        ));
    } else if let ([], Some(device)) = (&reconciliation.issue[..], reconciliation.record.first()) {
        report::note(format_args!(
            "{device} is to be recorded in homelab.lock; `homelab build --edge` lets it in without the root secret."
        ));
    } else if reconciliation.is_empty() {
        report::note(
            "ca.crl is to be signed anew; `homelab build --edge` leaves it as it is, and needs no root secret.",
        );
    }
}

/// What an order has done to the lock.
#[derive(Default)]
struct Ordered {
    /// Devices that are shut out.
    retired: Vec<DeviceId>,
    /// Devices whose older certificate is, while the newer one stays.
    closed: Vec<DeviceId>,
}

/// A lock that is to be written, and what is new in it.
struct Changed {
    lock: Lock,
    issued: Vec<Issued>,
    retired: Vec<DeviceId>,
    closed: Vec<DeviceId>,
    /// Devices by fingerprint.
    recorded: Vec<DeviceId>,
}

impl Changed {
    fn nothing(lock: Lock) -> Changed {
        Changed {
            lock,
            issued: Vec::new(),
            retired: Vec::new(),
            closed: Vec::new(),
            recorded: Vec::new(),
        }
    }

    fn retiring(mut lock: Lock, retired: Vec<DeviceId>, now: Timestamp) -> Changed {
        lock.revoke(&retired, now);
        Changed {
            retired,
            ..Changed::nothing(lock)
        }
    }

    /// Tells what is new; the lock is written by now.
    fn announced(self) -> Lock {
        for certificate in &self.issued {
            let until = derive::shown_end(&certificate.validity);
            report::result(format_args!("issued {} until {until}", certificate.device));
        }
        for device in &self.recorded {
            report::result(format_args!("recorded {device}"));
        }
        for device in &self.retired {
            report::result(format_args!("retired {device}"));
        }
        for device in &self.closed {
            report::result(format_args!("retired the older certificate of {device}"));
        }
        self.lock
    }
}

/// Fails where the lock does not say already what the declaration says.
pub fn refuse_changes(reconciliation: &Reconciliation, lock: &Lock) -> Result<(), Failure> {
    let gone = reconciliation.revoke.iter().chain(&reconciliation.remove);
    let gone = gone.map(|device| format!("{device} is to be retired"));
    let new = reconciliation.record.iter();
    let new = new.map(|device| format!("{device} is to be recorded"));
    let crl = lock.has_stale_crl();
    let crl = crl.then(|| String::from("ca.crl is to be signed anew"));
    let records = new.chain(gone).chain(crl);
    refuse(to_be_issued(reconciliation, lock).chain(records))
}

/// Fails where the declaration has what the lock has not; that the lock has more is no matter.
pub fn refuse_issues(reconciliation: &Reconciliation, lock: &Lock) -> Result<(), Failure> {
    refuse(to_be_issued(reconciliation, lock))
}

/// What would have to be issued.
pub fn to_be_issued(reconciliation: &Reconciliation, lock: &Lock) -> impl Iterator<Item = String> {
    let authority = lock.signing().is_none();
    let authority = authority.then(|| String::from("the authority is to be made"));
    let new = reconciliation.issue.iter();
    let new = new.map(|new| format!("{} is to be issued", new.device));
    authority.into_iter().chain(new)
}

fn refuse(changes: impl Iterator<Item = String>) -> Result<(), Failure> {
    let changes: Vec<String> = changes.collect();
    match changes.is_empty() {
        true => Ok(()),
        false => Err(build::would_change(changes)),
    }
}
