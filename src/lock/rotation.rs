//! From one authority to the next: both are trusted until every device has moved.

use jiff::Timestamp;

use super::{Authority, AuthorityState, Lock, Origin, State};
use crate::model::{DeviceId, Homelab};

/// A device that would be locked out if the authorities that were replaced were not trusted any more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependent {
    pub device: DeviceId,
    /// Until when its older certificate is let in beside one that the present authority has signed;
    /// none where it has no such.
    pub moving_until: Option<Timestamp>,
    /// Whether it is declared by fingerprint, so that no renewal moves it.
    pub is_installed: bool,
}

impl Lock {
    /// Makes `next` the authority that signs. The one that did is trusted until the rotation is finished.
    pub fn succeed(&mut self, next: Authority) {
        let mut is_step = false;
        for authority in &mut self.authorities {
            if authority.state == AuthorityState::Active && authority.can_sign() {
                authority.state = AuthorityState::Superseded;
                is_step = true;
            }
        }
        if is_step {
            self.begin_epoch();
        }
        self.authorities.push(next);
        self.sort_authorities();
    }

    /// Trusts an authority that signs nothing here.
    pub fn trust(&mut self, foreign: Authority) {
        self.authorities.push(foreign);
        self.sort_authorities();
    }

    /// Makes an authority that was made elsewhere the one that signs. If it was trusted until now
    /// without its key, it is the same one still.
    pub fn adopt(&mut self, adopted: Authority, now: Timestamp) {
        let is_same = |known: &Authority| known.certificate == adopted.certificate;
        let mut is_step = self.signing().is_some();
        for known in self.authorities.iter_mut().filter(|known| is_same(known)) {
            let since = now.max(known.validity.not_before());
            known.state = AuthorityState::Retired { since };
            is_step = true;
        }
        let before = self.epoch;
        self.succeed(adopted);
        if is_step && self.epoch == before {
            self.begin_epoch();
        }
    }

    /// The authorities that a finished rotation stops trusting: those that another has replaced, and
    /// those that were only trusted, where no device with a certificate of theirs is declared.
    pub fn outgoing(&self, homelab: &Homelab) -> impl Iterator<Item = &Authority> {
        let is_vouching = homelab.installed().next().is_some();
        self.trusted().filter(move |authority| {
            let is_foreign = authority.origin == Origin::Foreign && !is_vouching;
            authority.state == AuthorityState::Superseded || is_foreign
        })
    }

    /// Whether some authority that is trusted may have signed what devices had before.
    pub fn vouches_for_installed(&self) -> bool {
        self.trusted()
            .any(|authority| authority.origin != Origin::Derived)
    }

    /// The devices that have a certificate of an outgoing authority, sorted. Who has signed what is
    /// declared by fingerprint is not known: an outgoing authority that was made elsewhere may have.
    pub fn dependents(&self, homelab: &Homelab) -> Vec<Dependent> {
        let outgoing: Vec<&Authority> = self.outgoing(homelab).collect();
        if outgoing.is_empty() {
            return Vec::new();
        }
        let is_outgoing = |id| outgoing.iter().any(|authority| authority.id == id);
        let mut dependents = Vec::new();
        if outgoing.iter().any(|a| a.origin != Origin::Derived) {
            dependents.extend(homelab.installed().map(|(device, _)| Dependent {
                device: device.clone(),
                moving_until: None,
                is_installed: true,
            }));
        }
        for (device, certificates) in self.admitted() {
            let outgoing = certificates
                .iter()
                .filter(|issued| is_outgoing(issued.authority));
            let mut moving_until = None;
            let mut depends = false;
            for issued in outgoing {
                depends = true;
                if let State::Superseded { until } = issued.state {
                    moving_until = moving_until.max(Some(until));
                }
            }
            let has_moved = certificates
                .iter()
                .any(|issued| issued.state == State::Active && !is_outgoing(issued.authority));
            if depends {
                dependents.push(Dependent {
                    device: device.clone(),
                    moving_until: moving_until.filter(|_| has_moved),
                    is_installed: false,
                });
            }
        }
        dependents.sort();
        dependents
    }

    /// Stops trusting the outgoing authorities, and what they have signed.
    pub fn finish_rotation(&mut self, homelab: &Homelab, now: Timestamp) {
        let outgoing: Vec<_> = self.outgoing(homelab).map(|a| a.id).collect();
        if !outgoing.is_empty() {
            self.begin_epoch();
        }
        for authority in &mut self.authorities {
            if outgoing.contains(&authority.id) {
                let since = now.max(authority.validity.not_before());
                authority.state = AuthorityState::Retired { since };
            }
        }
        for issued in &mut self.certificates {
            if outgoing.contains(&issued.authority) && issued.revoked().is_none() {
                let since = now.max(issued.validity.not_before());
                issued.state = State::Revoked { since };
            }
        }
        self.crls.retain(|crl| !outgoing.contains(&crl.authority));
        if !self.vouches_for_installed() {
            self.installed.clear();
        }
    }

    /// A lock from before this is known for one wherever this one is remembered.
    fn begin_epoch(&mut self) {
        self.epoch = self.epoch.saturating_add(1);
    }

    fn sort_authorities(&mut self) {
        self.authorities
            .sort_by_key(|authority| (authority.validity.not_before(), authority.id));
    }
}
