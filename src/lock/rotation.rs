//! From one authority to the next: both are trusted until every device has moved.

use jiff::Timestamp;

use super::{Authority, AuthorityState, Lock, State};
use crate::model::DeviceId;

/// A device that would be locked out if the authorities that were replaced were not trusted any more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependent {
    /// Which.
    pub device: DeviceId,
    /// Until when its older certificate is let in beside one that the present authority has signed;
    /// none where it has no such.
    pub moving_until: Option<Timestamp>,
}

impl Lock {
    /// Makes `next` the authority that signs. The one that did is trusted until the rotation is finished.
    pub fn succeed(&mut self, next: Authority) {
        for authority in &mut self.authorities {
            if authority.state == AuthorityState::Active && authority.can_sign() {
                authority.state = AuthorityState::Replaced;
            }
        }
        self.authorities.push(next);
        self.sort_authorities();
    }

    /// Trusts an authority that signs nothing here.
    pub fn trust(&mut self, foreign: Authority) {
        self.authorities.push(foreign);
        self.sort_authorities();
    }

    /// The authorities that a finished rotation stops trusting.
    pub fn outgoing(&self) -> impl Iterator<Item = &Authority> {
        let signing = self.signing().map(|authority| authority.id);
        self.trusted()
            .filter(move |authority| Some(authority.id) != signing)
    }

    /// The devices that have a certificate of an outgoing authority, sorted.
    pub fn dependents(&self) -> Vec<Dependent> {
        let is_outgoing = |id| self.outgoing().any(|authority| authority.id == id);
        let mut dependents = Vec::new();
        for (device, certificates) in self.admitted() {
            let outgoing = certificates
                .iter()
                .filter(|issued| is_outgoing(issued.authority));
            let mut moving_until = None;
            let mut depends = false;
            for issued in outgoing {
                depends = true;
                if let State::Replaced { until } = issued.state {
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
                });
            }
        }
        dependents
    }

    /// Stops trusting all authorities but the one that signs, and what they have signed.
    pub fn finish_rotation(&mut self, now: Timestamp) {
        let outgoing: Vec<_> = self.outgoing().map(|authority| authority.id).collect();
        for authority in &mut self.authorities {
            if outgoing.contains(&authority.id) {
                let since = now.max(authority.validity.not_before());
                authority.state = AuthorityState::Retired { since };
            }
        }
        for issued in &mut self.certificates {
            if outgoing.contains(&issued.authority) && issued.retired().is_none() {
                let since = now.max(issued.validity.not_before());
                issued.state = State::Retired { since };
            }
        }
        self.crls.retain(|crl| !outgoing.contains(&crl.authority));
    }

    fn sort_authorities(&mut self) {
        self.authorities
            .sort_by_key(|authority| (authority.validity.not_before(), authority.id));
    }
}
