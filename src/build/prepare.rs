//! What a build is about to do, worked out once: `check`, `plan`, `status`, `build` and every command that builds go by this.

use super::believed::{hold_against_history, refuse_unsigned};
use super::known::KnownTree;
use super::notes::{self, SIGN};
use super::operation::{LockOperation, Taken};
use super::requests::reused_keys;
use super::situation::{Mode, Situation};
use super::stop::{LockStop, Stop, nothing_issued, revokes_many, would_change};
use super::update::{Keys, LockChanges, Update, Updated};
use crate::derive::{self, Derivation, Derived, KnownFolders, Premises};
use crate::diagnostic::Fault;
use crate::issue::nobodys_secret;
use crate::lock::{Lock, Reconciliation, issued_here, reconcile};
use crate::model::{Homelab, Name};
use crate::status::Status;
use crate::tree::{OutputPath, Owner, Scope};

/// What a build would do.
pub(crate) struct Prepared<'a> {
    pub situation: Situation<'a>,
    pub mode: Mode,
    /// The lock as it is, without the lists that others have come after; none where nothing has been made yet.
    pub before: Option<Lock>,
    /// The lock as it would be. What is to be issued stands in it with an id, a serial number and a fingerprint that it will not
    /// have, and revocation lists that are to be signed are stale.
    pub lock: Lock,
    pub changes: LockChanges,
    pub reconciliation: Reconciliation,
    /// Why the build is refused, though what it would do is known.
    pub stops: Vec<Stop>,
    /// What there is to know of the declaration and the lock, as sentences.
    pub warnings: Vec<String>,
    /// What there is to know of what the build leaves as it is.
    pub notes: Vec<String>,
}

/// Why nothing can be said of what a build would do, and what there is to know besides.
pub(crate) struct Refusal {
    pub stops: Vec<Stop>,
    pub warnings: Vec<String>,
}

impl From<Stop> for Refusal {
    fn from(stop: Stop) -> Refusal {
        Refusal {
            stops: vec![stop],
            warnings: Vec::new(),
        }
    }
}

/// Works out what a build does that begins with this operation.
///
/// # Errors
/// Everything for which it is refused before anything can be said of what it would do.
pub(crate) fn prepare<'a, S>(
    mut situation: Situation<'a>,
    operation: &LockOperation<S>,
    mode: Mode,
) -> Result<Prepared<'a>, Refusal> {
    let Some(lock) = situation.lock.take() else {
        return first(situation, mode);
    };
    believe(&situation, &lock, mode)?;
    let Begun {
        before,
        update,
        warnings,
    } = begin(&situation, lock, operation, mode)?;
    let keys = situation.requested.keys();
    let now = situation.clock.now;
    let reconciliation = match &update {
        // It has been compared with the declaration already.
        Some(update) if *update.lock() == before => update.reconciliation().clone(),
        _ => reconcile(situation.homelab, &before, keys, now),
    };
    let mut stops = stops(&situation, &before, &reconciliation, mode);
    let updated = match update {
        Some(update) => foresee(update, &situation),
        None => Ok(Updated {
            lock: before.clone(),
            changes: LockChanges::default(),
        }),
    };
    let Updated { lock, changes } = match updated {
        Ok(updated) => updated,
        Err(stop) => {
            stops.push(stop);
            return Err(Refusal { stops, warnings });
        }
    };
    let mut prepared = Prepared {
        situation,
        mode,
        before: Some(before),
        lock,
        changes,
        reconciliation,
        stops,
        warnings,
        notes: Vec::new(),
    };
    if !prepared.changes.is_empty() || !operation.is_nothing() {
        prepared.refuse_wrong_clock();
    }
    prepared.note();
    Ok(prepared)
}

/// A lock that is believed.
struct Begun {
    before: Lock,
    /// None where the lock stays.
    update: Option<Update>,
    warnings: Vec<String>,
}

/// Does to the lock what was ordered, and refuses to let in again what was shut out.
fn begin<S>(
    situation: &Situation<'_>,
    mut before: Lock,
    operation: &LockOperation<S>,
    mode: Mode,
) -> Result<Begun, Refusal> {
    let Situation {
        homelab,
        requested,
        history,
        clock,
        consent,
        ..
    } = situation;
    before.forget_overtaken(&history.handed_out);
    // By `--locked` and `--edge` the lock stays, whatever has ended.
    let after = (mode == Mode::Update).then(|| {
        let mut after = before.clone();
        let taken = operation.apply(&mut after, homelab, clock.now);
        (after, taken)
    });
    let left = after.as_ref().map_or(&before, |(after, _)| after);
    let mut stops = history.stops(homelab, &before, left, consent.accepted, clock.now);
    let mut warnings = history.notes();
    if stops.is_empty() {
        warnings.extend(history.notes_of_others());
    }
    stops.extend(issued_elsewhere(homelab, &before));
    let update = after.map(|(after, taken)| {
        Update::of(
            after,
            homelab,
            requested,
            &history.installed,
            taken,
            clock.now,
        )
    });
    let reconciliations = update.iter().map(Update::reconciliation);
    stops.extend(reconciliations.flat_map(reused_keys));
    if !stops.is_empty() {
        return Err(Refusal { stops, warnings });
    }
    Ok(Begun {
        before,
        update,
        warnings,
    })
}

/// Why the build is refused, though what it would do is known.
fn stops(
    situation: &Situation<'_>,
    lock: &Lock,
    reconciliation: &Reconciliation,
    mode: Mode,
) -> Vec<Stop> {
    let changes = match mode {
        Mode::Update => Vec::new(),
        Mode::Locked => changes_to(lock, reconciliation),
        Mode::Edge => to_be_issued(reconciliation, lock).collect(),
    };
    let change = (!changes.is_empty()).then(|| would_change(changes));
    let many = match mode {
        Mode::Update | Mode::Edge => revokes_many(reconciliation, situation.consent.revocations),
        // Any revocation is a change.
        Mode::Locked => None,
    };
    change.into_iter().chain(many).collect()
}

/// What the first build does.
fn first(situation: Situation<'_>, mode: Mode) -> Result<Prepared<'_>, Refusal> {
    match mode {
        Mode::Update => {}
        Mode::Locked => {
            let change = String::from("the root secret is to be made");
            return Err(would_change(vec![change]).into());
        }
        Mode::Edge => return Err(nothing_issued().into()),
    }
    let lock = Lock::new(&nobodys_secret());
    let keys = situation.requested.keys();
    let now = situation.clock.now;
    let reconciliation = reconcile(situation.homelab, &lock, keys, now);
    let Situation {
        homelab,
        requested,
        history,
        ..
    } = &situation;
    let update = Update::of(
        lock,
        homelab,
        requested,
        &history.installed,
        Taken::default(),
        now,
    );
    let Updated { lock, changes } = foresee(update, &situation)?;
    let mut prepared = Prepared {
        situation,
        mode,
        before: None,
        lock,
        changes,
        reconciliation,
        stops: Vec::new(),
        warnings: Vec::new(),
        notes: Vec::new(),
    };
    prepared.refuse_wrong_clock();
    Ok(prepared)
}

/// Fails where the lock is not believed: what else it says is nobody's word.
fn believe(situation: &Situation<'_>, lock: &Lock, mode: Mode) -> Result<(), Stop> {
    let Situation {
        history, consent, ..
    } = situation;
    if mode == Mode::Edge && lock.signing().is_none() {
        return Err(nothing_issued());
    }
    let (known, pinned) = (history.root_key, consent.root_key);
    if mode != Mode::Update {
        refuse_unsigned(lock)?;
    }
    hold_against_history(lock, known, pinned, situation.out)
}

/// Brings the lock up to date with stand-ins for what only the secret can make.
fn foresee(update: Update, situation: &Situation<'_>) -> Result<Updated, Stop> {
    let Situation {
        homelab,
        history,
        clock,
        ..
    } = situation;
    let mut updated = if update.is_settled() {
        update.settled()
    } else {
        let handed_out = &history.handed_out;
        let completed = update.complete(homelab, handed_out, clock.now, Keys::StandIn);
        // What a wrong clock makes impossible is told as the clock's fault.
        completed.map_err(|error| clock.to_issue().err().unwrap_or_else(|| error.into()))?
    };
    // Which key it will be signed with, the secret alone tells.
    let stand_in = || nobodys_secret().signer().key();
    updated.lock.key.get_or_insert_with(stand_in);
    Ok(updated)
}

/// Certificates that were issued here and are declared as ones that were not: taken out, they would be let in again.
fn issued_elsewhere(homelab: &Homelab, lock: &Lock) -> Vec<Stop> {
    let found = issued_here(homelab, lock).map(|(device, issued_to)| {
        let (device, issued_to) = (device.clone(), issued_to.clone());
        Stop::new(
            Fault::Declaration,
            LockStop::IssuedHere { device, issued_to },
        )
    });
    found.collect()
}

/// What would be done to a lock that may not change.
fn changes_to(lock: &Lock, reconciliation: &Reconciliation) -> Vec<String> {
    let gone = reconciliation.revoke.iter().chain(&reconciliation.remove);
    let gone = gone.map(|device| format!("{device} is to be retired"));
    let new = reconciliation.record.iter();
    let new = new.map(|device| format!("{device} is to be recorded"));
    let list = lock.has_stale_crl();
    let list = list.then(|| String::from("ca.crl is to be signed anew"));
    let issued = to_be_issued(reconciliation, lock);
    issued.chain(new).chain(gone).chain(list).collect()
}

/// What would have to be issued.
fn to_be_issued(reconciliation: &Reconciliation, lock: &Lock) -> impl Iterator<Item = String> {
    let authority = lock.signing().is_none();
    let authority = authority.then(|| String::from("the authority is to be made"));
    let new = reconciliation.issue.iter();
    let new = new.map(|new| format!("{} is to be issued", new.device));
    authority.into_iter().chain(new)
}

impl<'a> Prepared<'a> {
    /// The stops are what ends the build, if there are any.
    pub(crate) fn refuse(&mut self) -> Result<(), Vec<Stop>> {
        if self.stops.is_empty() {
            Ok(())
        } else {
            Err(std::mem::take(&mut self.stops))
        }
    }

    /// Every artifact that the build is about, for the lock as it would be, sorted by path.
    pub(crate) fn derivations(&self) -> Vec<Derivation> {
        self.derivations_beside(None)
    }

    /// The same, where folders of people are known.
    pub(crate) fn derivations_beside(&self, known: Option<&KnownTree<'_>>) -> Vec<Derivation> {
        let derived = self.derived_for(&self.lock, self.situation.sealed, known);
        derived.derivations
    }

    /// The same for a lock that was brought up to date for good, beside a homelab.age that may be another one by now, with what folders of
    /// people follow from.
    pub(crate) fn derived_for(
        &self,
        lock: &Lock,
        sealed: Option<blake3::Hash>,
        known: Option<&KnownTree<'_>>,
    ) -> Derived {
        let Situation {
            homelab, templates, ..
        } = self.situation;
        let templates = templates.of_the_edge();
        let standing = |person: &Name, premises: &blake3::Hash| known?.folder(person, premises);
        let known = known.map(|known| KnownFolders {
            means: known.means,
            standing: &standing,
        });
        match self.mode {
            Mode::Edge => Derived {
                derivations: derive::edges(homelab, lock, &templates, sealed).derivations,
                premises: Premises::new(),
            },
            Mode::Update | Mode::Locked => {
                derive::derive_beside(homelab, lock, &templates, sealed, known)
            }
        }
    }

    /// What the build is about.
    pub(crate) fn scope(&self) -> Scope {
        if self.mode != Mode::Edge {
            return Scope::All;
        }
        let path = |path| OutputPath::new(path).expect("the program's own paths are paths");
        Scope::Below {
            directories: derive::EDGES.map(path).into(),
            // Only the authority's key makes another list, and none at all would be worse than an old one.
            but: if self.lock.has_stale_crl() {
                derive::crl_paths(self.situation.homelab, &self.lock)
            } else {
                Vec::new()
            },
        }
    }

    fn refuse_wrong_clock(&mut self) {
        self.stops.extend(self.situation.clock.to_issue().err());
    }

    /// What a build leaves as it is, and why.
    fn note(&mut self) {
        let Some(lock) = &self.before else {
            return;
        };
        if self.mode == Mode::Edge {
            self.notes.extend(self.notes_of_edge(lock));
        } else if lock.key.is_none() {
            self.notes.push(format!(
                "homelab.lock is of version 1, which nobody has signed: {SIGN}"
            ));
        }
        self.notes
            .extend(notes::of_authority(self.situation.homelab, lock));
    }

    /// What the declaration says in vain, with the lock brought up to date.
    pub(crate) fn warnings_of(&self, lock: &Lock) -> Vec<String> {
        let Situation {
            homelab, requested, ..
        } = self.situation;
        let mut warnings = requested.notes(homelab, lock);
        warnings.extend(notes::unvouched(homelab, lock));
        warnings.extend(notes::single_addresses(homelab));
        warnings.extend(notes::renamed(homelab, &self.reconciliation));
        if self.mode == Mode::Locked {
            warnings.extend(self.guests_let_in(lock));
        }
        warnings
    }

    /// What has ended by this lock.
    pub(crate) fn ended(&self, lock: &Lock) -> Vec<String> {
        let Situation { homelab, clock, .. } = &self.situation;
        let status = Status::at(clock.now, homelab, Some(lock));
        notes::ended(&status, lock, clock)
    }

    /// What was left as it is, once the edge alone has been built.
    pub(crate) fn lagging(&self) -> Vec<String> {
        let gone = &self.reconciliation.revoke;
        let list = (!self.lock.has_stale_crl() && !gone.is_empty())
            .then(|| format!("ca.crl does not list {} yet: {SIGN}", notes::names(gone)));
        let behind = notes::lock_is_behind(&self.reconciliation);
        let guests = self.guests_let_in(&self.lock);
        list.into_iter().chain(behind).chain(guests).collect()
    }

    fn guests_let_in(&self, lock: &Lock) -> Option<String> {
        let Situation { homelab, clock, .. } = &self.situation;
        notes::guests_let_in(homelab, lock, clock.now)
    }

    fn notes_of_edge(&self, lock: &Lock) -> Vec<String> {
        let list = if lock.has_stale_crl() {
            Some(format!("ca.crl is left as it is: {SIGN}"))
        } else {
            let gone = self.reconciliation.revoke.first();
            gone.map(|device| format!("ca.crl would not list {device} yet: {SIGN}"))
        };
        let behind = notes::lock_is_behind(&self.reconciliation);
        let guests = self.guests_let_in(lock);
        list.into_iter().chain(behind).chain(guests).collect()
    }
}

impl Situation<'_> {
    /// Whose tree it is: nobody's, where nothing has been made yet.
    pub(crate) fn owner(&self) -> Owner {
        match &self.lock {
            Some(lock) => owner(lock),
            None => owner(&Lock::new(&nobodys_secret())),
        }
    }
}

/// Whose tree it is: of who has the present root secret, or had one before it.
pub(crate) fn owner(lock: &Lock) -> Owner {
    let former = lock.authorities.iter().map(|a| a.root.to_string());
    Owner {
        present: lock.root.to_string(),
        former: former.collect(),
    }
}
