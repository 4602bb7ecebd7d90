//! Bringing the lock up to date with the declaration, before anything is built from it.

use std::slice;

use jiff::Timestamp;

use super::arguments::Secret;
use super::failure::Failure;
use super::workspace::Workspace;
use super::{build, clock, mint, report, secret};
use crate::issue::{Signer, new_authority, new_certificates, new_crl};
use crate::lock::{Issued, Lock, NewDevice, Reconciliation, reconcile};
use crate::model::{DeviceId, Homelab};
use crate::plan;
use crate::render::Secrets;
use crate::root::{IssuanceId, RootSecret};

/// What is to be done to the lock beyond what the declaration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Nothing: a mere build.
    Nothing,
    /// New certificates for these devices; the older ones are let in for a while.
    Renew(Vec<DeviceId>),
    /// That while is over for these devices.
    Finish(Vec<DeviceId>),
    /// All of a device's certificates are out at once.
    Revoke {
        /// Which.
        device: DeviceId,
        /// And then.
        then: Then,
    },
}

/// What becomes of a device whose certificates were revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It gets a new one.
    Replace,
    /// It gets none until it is renewed.
    Bar,
}

/// One build's dealings with the root secret, which is opened once and only where it is needed.
pub struct Issuing<'a> {
    workspace: &'a Workspace,
    options: &'a Secret,
    homelab: &'a Homelab,
    root: Option<RootSecret>,
}

impl<'a> Issuing<'a> {
    /// Nothing is opened yet.
    pub fn new(workspace: &'a Workspace, options: &'a Secret, homelab: &'a Homelab) -> Issuing<'a> {
        Issuing {
            workspace,
            options,
            homelab,
            root: None,
        }
    }

    /// The first build: makes the root secret, unless a command prints it, the authority and every
    /// certificate, and writes the lock.
    pub fn begin(&mut self) -> Result<Lock, Failure> {
        let lock = if self.options.root_command.is_some() {
            let root = secret::unlock(self.workspace, self.options, None)?;
            let new = self.issue(Lock::new(root.id()), &root)?;
            self.workspace.write_lock(&new.lock)?;
            self.root = Some(root);
            new.announced()
        } else {
            let identity = self.options.identity.as_deref();
            let minted = mint::mint_for_identity(self.workspace, identity)?;
            let new = self.issue(Lock::new(minted.root.id()), &minted.root)?;
            mint::establish(self.workspace, &minted, &new.lock)?;
            self.root = Some(minted.root);
            new.announced()
        };
        Ok(lock)
    }

    /// A later build: adds to the lock what is newly declared, retires what is no longer, signs the
    /// revocation list anew where it is stale, and writes the lock if that changes anything.
    pub fn go_on(&mut self, mut lock: Lock, order: &Order) -> Result<Lock, Failure> {
        let ordered = self.carry_out(order, &mut lock)?;
        let reconciliation = reconcile(self.homelab, &lock);
        if reconciliation.is_empty() && lock.crl().is_some() {
            // A merge may have left it in another form than the one that is written.
            self.workspace.write_lock(&lock)?;
            return Ok(lock);
        }
        self.open(&lock)
            .inspect_err(|_| tell_of_edge(&reconciliation))?;
        let root = self.root.as_ref().expect("it has just been opened");
        let mut new = self.issue(lock, root)?;
        new.retired.extend(ordered.retired);
        new.closed = ordered.closed;
        self.workspace.write_lock(&new.lock)?;
        Ok(new.announced())
    }

    /// Does to the lock what was ordered, and shuts out older certificates whose time is over.
    fn carry_out(&self, order: &Order, lock: &mut Lock) -> Result<Ordered, Failure> {
        let mut ordered = Ordered::default();
        if *order == Order::Nothing && !lock.has_replaced() {
            return Ok(ordered);
        }
        let now = clock::now()?;
        ordered.closed = lock.overdue(now);
        match order {
            Order::Nothing => {}
            Order::Renew(devices) => lock.replace(devices, &self.homelab.validity.renew, now),
            Order::Finish(devices) => ordered.closed.extend(devices.iter().cloned()),
            Order::Revoke { device, then } => {
                match then {
                    Then::Replace => lock.retire(slice::from_ref(device), now),
                    Then::Bar => lock.bar(device, now),
                }
                ordered.retired.push(device.clone());
            }
        }
        ordered.closed.sort();
        ordered.closed.dedup();
        lock.finish(&ordered.closed, now);
        Ok(ordered)
    }

    /// The root secret and the authority derived from it, held against the lock.
    pub fn secrets(mut self, lock: &Lock) -> Result<Secrets, Failure> {
        self.open(lock)?;
        let root = self.root.expect("it has just been opened");
        let authority = lock.authority.as_ref();
        let authority = authority.expect("what is built from has an authority");
        let signer = Signer::derive(&root, authority).map_err(Failure::environment)?;
        Ok(Secrets { root, signer })
    }

    /// Opens the root secret, if it is not open yet.
    pub fn open(&mut self, lock: &Lock) -> Result<(), Failure> {
        if self.root.is_none() {
            self.root = Some(secret::unlock(
                self.workspace,
                self.options,
                Some(lock.root),
            )?);
        }
        Ok(())
    }

    /// Issues what is declared and not yet issued, the authority first, and the revocation list last.
    fn issue(&self, lock: Lock, root: &RootSecret) -> Result<Changed, Failure> {
        let now = clock::now()?;
        clock::doubt(now, &lock);
        let reconciliation = reconcile(self.homelab, &lock);
        let mut changed = Changed::retiring(lock, reconciliation.retire, now);
        let authority = match changed.lock.authority.take() {
            Some(authority) => authority,
            None => {
                let (domain, lifetime) = (&self.homelab.domain, &self.homelab.validity.authority);
                let id = mint::new_issuance_id()?;
                new_authority(root, id, domain, lifetime, now).map_err(Failure::environment)?
            }
        };
        let new: Result<Vec<(IssuanceId, NewDevice)>, Failure> = reconciliation
            .issue
            .into_iter()
            .map(|device| Ok((mint::new_issuance_id()?, device)))
            .collect();
        let issued = new_certificates(root, &authority, &new?, now);
        changed.issued = issued.map_err(Failure::environment)?;
        if !changed.issued.is_empty() {
            changed.lock.add(changed.issued.clone(), now);
        }
        changed.lock.authority = Some(authority.clone());
        if changed.lock.has_stale_crl() {
            let crl = new_crl(root, &authority, &changed.lock, now);
            changed.lock.crls = vec![crl.map_err(Failure::environment)?];
        }
        Ok(changed)
    }
}

/// Tells what can be done without the root secret, where nothing is to be issued.
fn tell_of_edge(reconciliation: &Reconciliation) {
    if let Some(device) = reconciliation.retire.first() {
        report::note(format_args!(
            "`homelab build --edge` takes {device} off the Caddyfile's lists without the root secret."
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
}

impl Changed {
    fn retiring(mut lock: Lock, retired: Vec<DeviceId>, now: Timestamp) -> Changed {
        lock.retire(&retired, now);
        Changed {
            lock,
            issued: Vec::new(),
            retired,
            closed: Vec::new(),
        }
    }

    /// Tells what is new; the lock is written by now.
    fn announced(self) -> Lock {
        for certificate in &self.issued {
            let until = plan::shown_end(&certificate.validity);
            report::result(format_args!("issued {} until {until}", certificate.device));
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
pub fn refuse_changes(homelab: &Homelab, lock: &Lock) -> Result<(), Failure> {
    let reconciliation = reconcile(homelab, lock);
    let gone = reconciliation.retire.iter();
    let gone = gone.map(|device| format!("{device} is to be retired"));
    let crl = lock.has_stale_crl();
    let crl = crl.then(|| String::from("ca.crl is to be signed anew"));
    refuse(to_be_issued(&reconciliation, lock).chain(gone).chain(crl))
}

/// Fails where the declaration has what the lock has not; that the lock has more is no matter.
pub fn refuse_issues(homelab: &Homelab, lock: &Lock) -> Result<(), Failure> {
    refuse(to_be_issued(&reconcile(homelab, lock), lock))
}

fn to_be_issued(reconciliation: &Reconciliation, lock: &Lock) -> impl Iterator<Item = String> {
    let authority = lock.authority.is_none();
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
