//! The lock brought up to date and written, with the keyring where that is needed, before anything is built from it.

use jiff::Timestamp;

use super::create::{create_for_identity, establish};
use super::open::{Means, Opened};
use super::seal::Wanted;
use super::told::{announce, tell_of_edge, tell_of_signing};
use crate::build::{
    Adoption, Clock, History, Keys, LockChanges, LockOperation, Requested, Rotation, Taken, Update,
    Updated,
};
use crate::diagnostic::Failure;
use crate::issue::{new_authority, unconfirmed};
use crate::lock::{Authority, AuthorityState, Lock, Origin};
use crate::model::Homelab;
use crate::progress::Progress;
use crate::random;
use crate::render::Secrets;
use crate::root::{Identity, IssuanceId, Keyring};
use crate::workspace::{Held, Inputs, Recollection, WorkspaceError};

/// One build's dealings with the keyring, which is opened once and only where it is needed.
pub(crate) struct Updating<'a> {
    workspace: &'a Held,
    means: &'a Means<'a>,
    clock: Clock,
    facts: Facts<'a>,
    opened: Option<Opened>,
}

/// What a lock is brought up to date with.
#[derive(Clone, Copy)]
struct Facts<'a> {
    homelab: &'a Homelab,
    requested: &'a Requested,
    history: &'a History,
    progress: &'a dyn Progress,
}

impl<'a> Updating<'a> {
    /// Nothing is opened yet.
    pub(crate) fn new(
        inputs: &'a Inputs<Held>,
        history: &'a History,
        means: &'a Means<'a>,
        clock: Clock,
    ) -> Updating<'a> {
        Updating {
            workspace: &inputs.workspace,
            means,
            clock,
            facts: Facts {
                homelab: &inputs.homelab,
                requested: &inputs.requested,
                history,
                progress: inputs.workspace.listener().progress,
            },
            opened: None,
        }
    }

    /// The first build: makes the root secret, unless a command prints it, the authority and every
    /// certificate, and writes the lock. An authority is adopted before anything is issued.
    pub(crate) fn begin(&mut self, operation: &LockOperation<Wanted>) -> Result<Lock, Failure> {
        // Before anything is drawn or written.
        self.clock.to_issue()?;
        Recollection::begin_anew(self.workspace);
        let adopts = matches!(operation, LockOperation::Adopt(_));
        let (facts, clock) = (self.facts, self.clock);
        let first = |lock: Lock, keyring: &Keyring| {
            if adopts {
                let changes = LockChanges::default();
                return Ok(Updated { lock, changes });
            }
            let taken = Taken::default();
            let now = clock.now;
            let update = Update::of(lock, facts.homelab, facts.requested, &[], taken, now);
            facts.complete(update, keyring, clock)
        };
        let (updated, opened) = match self.means.first_from_command(self.workspace)? {
            Some((lock, opened)) => {
                let updated = first(lock, &opened.keyring)?;
                self.workspace
                    .write_lock(&updated.lock, Some(&opened.keyring))?;
                (updated, opened)
            }
            None => {
                let created = create_for_identity(self.workspace, &self.means.identity)?;
                let updated = first(created.lock.clone(), &created.opened.keyring)?;
                establish(self.workspace, &created, &updated.lock, &self.means.usual)?;
                (updated, created.opened)
            }
        };
        self.opened = Some(opened);
        announce(self.workspace.listener(), &updated);
        if adopts {
            self.go_on(updated.lock, operation)
        } else {
            Ok(updated.lock)
        }
    }

    /// A later build: does what was ordered, adds to the lock what is newly declared, retires what is no longer, signs the
    /// revocation lists anew where they are stale, and writes the lock if that changes anything.
    pub(crate) fn go_on(
        &mut self,
        mut lock: Lock,
        operation: &LockOperation<Wanted>,
    ) -> Result<Lock, Failure> {
        let unconfirmed = self.hold_unsigned(&lock)?;
        let taken = self.carry_out(operation, &mut lock)?;
        let Facts {
            homelab,
            requested,
            history,
            ..
        } = self.facts;
        let now = self.clock.now;
        let update = Update::of(lock, homelab, requested, &history.installed, taken, now);
        let mut updated = if update.is_settled() {
            // A merge may have left it in another form than the one that is written.
            update.settled()
        } else {
            let (facts, clock, listener) = (self.facts, self.clock, self.workspace.listener());
            let opened = self.open(update.lock());
            let opened = opened.inspect_err(|_| tell_of_edge(listener, update.reconciliation()))?;
            facts.complete(update, &opened.keyring, clock)?
        };
        self.write(&mut updated.lock)?;
        let listener = self.workspace.listener();
        tell_of_signing(listener, unconfirmed);
        self.drop_what_is_over(operation, &updated.lock)?;
        announce(listener, &updated);
        Ok(updated.lock)
    }

    /// Writes the lock, opening the secret where something in it is to be signed.
    fn write(&mut self, lock: &mut Lock) -> Result<(), Failure> {
        if self.opened.is_none() && self.workspace.write_lock(lock, None)? {
            return Ok(());
        }
        let workspace = self.workspace;
        let keyring = &self.open(lock)?.keyring;
        lock.name_keys(keyring);
        let is_written = workspace.write_lock(lock, Some(keyring))?;
        assert!(is_written, "the secret signs whatever is to be signed");
        Ok(())
    }

    /// Holds a lock of version 1 against the secret, before it is signed; what that cannot confirm.
    fn hold_unsigned(&mut self, lock: &Lock) -> Result<Option<Vec<String>>, Failure> {
        if lock.key.is_some() {
            return Ok(None);
        }
        let unconfirmed = unconfirmed(&self.open(lock)?.keyring, lock);
        unconfirmed.map(Some).map_err(Failure::environment)
    }

    /// Does to the lock what was ordered, and shuts out older certificates whose time is over, and devices whose last day is.
    fn carry_out(
        &mut self,
        operation: &LockOperation<Wanted>,
        lock: &mut Lock,
    ) -> Result<Taken, Failure> {
        let now = if operation.is_nothing() {
            // It writes no dates, and a late end of an older certificate is made up for by the next build.
            self.clock.now
        } else {
            self.clock.to_issue()?
        };
        if let LockOperation::FinishRotation(_) = operation {
            // Without the secret nothing could be dropped from homelab.age.
            self.open(lock)?;
        }
        let taken = operation.apply(lock, self.facts.homelab, now);
        match operation {
            LockOperation::Nothing
            | LockOperation::Renew(_)
            | LockOperation::Finish(_)
            | LockOperation::Revoke(_) => {}
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
                // Whom to seal to is known before the lock is written.
                let at_hand = self.identities_at_hand();
                let opened = self.open(lock)?;
                if has_more(&opened.keyring, lock) {
                    opened.seals_to(wanted, &at_hand)?;
                }
            }
        }
        Ok(taken)
    }

    /// Makes a new authority, which signs from now on.
    fn rotate(&mut self, lock: &mut Lock, now: Timestamp) -> Result<(), Failure> {
        let homelab = self.facts.homelab;
        let root = self.open(lock)?.keyring.root(&lock.root);
        let root = root.expect("it has been held against it");
        let (domain, lifetime) = (&homelab.domain, &homelab.validity.authority);
        let id = random::issuance_id()?;
        let authority = new_authority(root, id, domain, lifetime, now);
        let authority = authority.map_err(Failure::environment)?;
        let name = authority.common_name();
        lock.succeed(authority);
        let listener = self.workspace.listener();
        listener.result(format_args!("new authority `{name}`"));
        Ok(())
    }

    /// Trusts an authority that was made elsewhere. Its key is in homelab.age before the lock tells of
    /// it; until then nobody takes notice of it.
    fn adopt(
        &mut self,
        lock: &mut Lock,
        adoption: &Adoption<Wanted>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let mut authority = Authority {
            id: random::issuance_id()?,
            origin: Origin::Foreign,
            root: lock.root,
            domain: self.facts.homelab.domain.clone(),
            validity: adoption.validity,
            key: adoption.certificate.key_fingerprint(),
            certificate: adoption.certificate.clone(),
            state: AuthorityState::Active,
        };
        let name = authority.common_name();
        let (workspace, at_hand) = (self.workspace, self.identities_at_hand());
        // Nobody else may say whom to trust.
        let opened = self.open(lock)?;
        let Some((key, wanted)) = &adoption.key else {
            lock.trust(authority);
            workspace
                .listener()
                .result(format_args!("trusted authority `{name}`"));
            return Ok(());
        };
        authority.origin = Origin::Adopted;
        let to = opened.seals_to(wanted, &at_hand)?;
        keep(&mut opened.keyring, lock);
        opened.keyring.add_authority(authority.id, key.duplicate());
        opened.replace(workspace, &to)?;
        lock.adopt(authority, now);
        workspace
            .listener()
            .result(format_args!("adopted authority `{name}`"));
        Ok(())
    }

    /// Puts a new root secret beside the present one, and has it signed with from now on. Until the
    /// lock pins it, nobody takes notice of it.
    fn new_root(&mut self, lock: &mut Lock, wanted: &Wanted) -> Result<(), Failure> {
        let (workspace, at_hand) = (self.workspace, self.identities_at_hand());
        let opened = self.open(lock)?;
        let to = opened.seals_to(wanted, &at_hand)?;
        keep(&mut opened.keyring, lock);
        let root = random::root_secret()?;
        let present = opened.keyring.root(&lock.root);
        let present = present.expect("it has been held against it");
        { lock.go_over(present, &root) }.map_err(|_| WorkspaceError::miscalculates())?;
        opened.keyring.add_root(root);
        opened.replace(workspace, &to)
    }

    /// The identities that homelab.age should be opened with again, once it is sealed anew.
    fn identities_at_hand(&self) -> Vec<Identity> {
        self.means.identity.at_hand(self.workspace)
    }

    /// Drops the secrets from homelab.age that nothing depends on after a rotation.
    fn drop_what_is_over(
        &mut self,
        operation: &LockOperation<Wanted>,
        lock: &Lock,
    ) -> Result<(), Failure> {
        let LockOperation::FinishRotation(wanted) = operation else {
            return Ok(());
        };
        let (workspace, at_hand) = (self.workspace, self.identities_at_hand());
        let opened = self.open(lock)?;
        if !keep(&mut opened.keyring, lock) {
            return Ok(());
        }
        let to = opened.seals_to(wanted, &at_hand)?;
        opened.replace(workspace, &to)
    }

    /// The keyring, and the authorities that it has the keys of, held against the lock.
    pub(crate) fn secrets(self, lock: &Lock) -> Result<Secrets, Failure> {
        let opened = match self.opened {
            Some(opened) => opened,
            None => self.means.open(self.workspace, lock, &lock.roots())?,
        };
        Secrets::of(opened.keyring, lock).map_err(Failure::environment)
    }

    /// The keyring, opened if it is not open yet.
    pub(crate) fn open(&mut self, lock: &Lock) -> Result<&mut Opened, Failure> {
        let (workspace, means) = (self.workspace, self.means);
        Ok(match &mut self.opened {
            Some(opened) => opened,
            closed => closed.insert(means.open(workspace, lock, &lock.roots())?),
        })
    }
}

impl Facts<'_> {
    /// Issues, signs and shuts out for good.
    fn complete(
        &self,
        update: Update,
        keyring: &Keyring,
        clock: Clock,
    ) -> Result<Updated, Failure> {
        let now = clock.to_issue()?;
        let mut ids = random::issuance_ids()?;
        let keys = Keys::Secret {
            keyring,
            ids: &mut ids,
            progress: self.progress,
        };
        let handed_out = &self.history.handed_out;
        let updated = update.complete(self.homelab, handed_out, now, keys);
        updated.map_err(Failure::environment)
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
