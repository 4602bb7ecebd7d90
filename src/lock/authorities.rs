//! Authorities as lines tell of them, and what two branches say of them as one.

use std::collections::BTreeMap;

use super::read::{BRING_BACK, duplicate};
use super::{Authority, AuthorityState, Origin};
use crate::diagnostic::Mistake;
use crate::model::Domain;
use crate::pki::{Certificate, KeyFingerprint, Validity};
use crate::root::{IssuanceId, RootId};

/// What a line says of an authority.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ReadAuthority {
    pub id: IssuanceId,
    /// Not written where it is the lock's own.
    pub root: Option<RootId>,
    pub origin: Origin,
    pub domain: Domain,
    pub validity: Validity,
    pub key: KeyFingerprint,
    pub certificate: Certificate,
    pub state: AuthorityState,
}

/// The authorities of a lock with that root secret, sorted by issue. Lines about one become one. Where
/// two branches each made one, the later signs and the other is trusted until a rotation is finished.
pub(super) fn unite(
    read: Vec<(ReadAuthority, usize)>,
    root: RootId,
) -> Result<Vec<Authority>, Mistake> {
    let mut united: Vec<(Authority, usize)> = Vec::new();
    // Where one branch has gone over to another root, its line says what the other's leaves out.
    let said = read
        .iter()
        .filter_map(|(line, _)| Some((line.id, line.root?)));
    let said: BTreeMap<IssuanceId, RootId> = said.collect();
    for (line, number) in read {
        let root = said.get(&line.id).copied().unwrap_or(root);
        let authority = line.under(root);
        match united
            .iter_mut()
            .find(|(known, _)| known.id == authority.id)
        {
            None => united.push((authority, number)),
            Some((known, first)) => {
                let state = known.state.united(authority.state);
                let same = Authority {
                    state: known.state,
                    ..authority
                };
                if same != *known {
                    return Err(duplicate("an authority", [*first, number], BRING_BACK));
                }
                known.state = state;
            }
        }
    }
    let mut authorities: Vec<Authority> = united.into_iter().map(|(found, _)| found).collect();
    authorities.sort_by_key(|authority| (authority.validity.not_before(), authority.id));
    let signs = |a: &&mut Authority| a.state == AuthorityState::Active && a.can_sign();
    for earlier in authorities.iter_mut().filter(signs).rev().skip(1) {
        earlier.state = AuthorityState::Superseded;
    }
    Ok(authorities)
}

impl ReadAuthority {
    fn under(self, root: RootId) -> Authority {
        let ReadAuthority {
            id,
            root: said,
            origin,
            domain,
            validity,
            key,
            certificate,
            state,
        } = self;
        Authority {
            id,
            origin,
            root: said.unwrap_or(root),
            domain,
            validity,
            key,
            certificate,
            state,
        }
    }
}
