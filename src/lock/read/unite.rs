//! What the lines of two branches say, as one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::mem;

use jiff::Timestamp;

use super::faults::duplicate;
use super::{ReadRoot, Reading};
use crate::diagnostic::Mistake;
use crate::lock::{Authority, AuthorityState, Issued, State};
use crate::model::DeviceId;
use crate::root::RootId;

const KEEP_ONE_LAB: &str = "two homelabs were merged, or two branches that each began a rotation: take homelab.lock and homelab.age of one side as they are, and do again what the other did";

impl Reading<'_> {
    /// The present root secret. Where one branch has gone over to another, a union may keep the other's
    /// line too; then an authority's line says which of them has been left behind.
    pub(super) fn present_root(&self) -> Result<RootId, Mistake> {
        let lines = || self.authorities.iter().map(|(line, _)| line);
        let said: BTreeSet<_> = lines().filter(|l| l.root.is_some()).map(|l| l.id).collect();
        let silent = lines().map(|line| line.id).filter(|id| !said.contains(id));
        let silent: BTreeSet<_> = silent.collect();
        let is_left = |root: RootId| lines().any(|line| line.root == Some(root));
        let mut roots: Vec<(RootId, usize)> = Vec::new();
        for (root, line) in &self.roots {
            if roots.iter().all(|(known, _)| *known != root.id) {
                roots.push((root.id, *line));
            }
        }
        let present = roots.iter().filter(|(root, _)| !is_left(*root));
        let present: Vec<RootId> = present.map(|(root, _)| *root).collect();
        match (roots.as_slice(), present.as_slice()) {
            ([(root, _)], _) => Ok(*root),
            // Of two authorities that say nothing, each may have been made under another.
            (_, [root]) if silent.len() < 2 => Ok(*root),
            (roots, _) => Err(duplicate(
                "its root",
                [roots[0].1, roots[1].1],
                KEEP_ONE_LAB,
            )),
        }
    }

    /// What all lines say of the present root secret, as one. The latest step prevails, and who has finished a rotation
    /// names no former root secret any more.
    pub(super) fn said_of(&self, root: RootId) -> ReadRoot {
        let lines = self.roots.iter().map(|(line, _)| line);
        let lines: Vec<&ReadRoot> = lines.filter(|line| line.id == root).collect();
        let Some(latest) = lines.iter().max_by_key(|line| line.epoch) else {
            return ReadRoot {
                id: root,
                key: None,
                former: BTreeMap::new(),
                epoch: 0,
                predecessors: Vec::new(),
            };
        };
        let mut said = (*latest).clone();
        for line in lines {
            said.former
                .retain(|id, key| line.former.get(id) == Some(key));
        }
        said
    }

    /// Lines about one certificate become one. Where both branches of a merge changed lines that are
    /// near each other, a union keeps those and what is between them in both forms. What one of them
    /// retired is retired; what both did, since the earlier time.
    pub(super) fn unite(&mut self) {
        let mut ids = HashSet::with_capacity(self.certificates.len());
        let mut certificates = self.certificates.iter();
        if !certificates.all(|(issued, _)| ids.insert(issued.id)) {
            self.unite_certificates();
        }
        self.bar();
    }

    fn unite_certificates(&mut self) {
        let mut places = HashMap::new();
        let mut united: Vec<(Issued, usize)> = Vec::with_capacity(self.certificates.len());
        for (issued, line) in mem::take(&mut self.certificates) {
            let place = *places.entry(issued.id).or_insert(united.len());
            match united.get_mut(place) {
                Some((known, _)) if is_same(known, &issued) => {
                    known.state = known.state.united(issued.state);
                }
                _ => united.push((issued, line)),
            }
        }
        self.certificates = united;
    }

    /// A device that one branch barred is barred, though the other has renewed it meanwhile.
    fn bar(&mut self) {
        let blocked = self
            .certificates
            .iter()
            .filter_map(|(issued, _)| match issued.state {
                State::Blocked { since } => Some((issued.device.clone(), since)),
                _ => None,
            });
        let blocked: BTreeMap<DeviceId, Timestamp> = blocked.collect();
        for (issued, _) in &mut self.certificates {
            if issued.revoked().is_none()
                && let Some(since) = blocked.get(&issued.device)
            {
                let since = issued.validity.not_before().max(*since);
                issued.state = State::Blocked { since };
            }
        }
    }

    /// What was issued under an authority that another branch has retired is retired with it.
    pub(super) fn retire_with(&mut self, authorities: &[Authority]) {
        let retired = authorities.iter().filter_map(|a| match a.state {
            AuthorityState::Retired { since } => Some((a.id, since)),
            _ => None,
        });
        let retired: BTreeMap<_, _> = retired.collect();
        for (issued, _) in &mut self.certificates {
            if issued.revoked().is_none()
                && let Some(since) = retired.get(&issued.authority)
            {
                let since = issued.validity.not_before().max(*since);
                issued.state = State::Revoked { since };
            }
        }
    }
}

/// Whether two lines are about one certificate, in whatever state.
fn is_same(one: &Issued, other: &Issued) -> bool {
    let as_active = |issued: &Issued| Issued {
        state: State::Active,
        ..issued.clone()
    };
    as_active(one) == as_active(other)
}
