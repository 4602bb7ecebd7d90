//! Who is let in, read off the declaration: by certificate, by network, by method; and which policy a path falls under.

use std::collections::BTreeSet;

use super::Outcome;
use crate::model::{
    Access, DeviceId, Grant, Network, Opened, PathPattern, PathPolicy, Service, SignIn,
};

/// Who is let in.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// Whose certificates count, and where.
    pub grants: Vec<Grant>,
    /// The networks that need no certificate.
    pub networks: BTreeSet<Network>,
    /// The methods that need nothing at all.
    pub everyone: Option<Opened>,
    /// Who may sign in, or has to.
    pub sign_in: Option<SignIn>,
}

/// Where somebody is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    Everywhere,
    /// In these networks; nowhere, where there is none.
    Within(BTreeSet<Network>),
}

impl Policy {
    /// The one of a service, but for its public paths and those that have policies of their own.
    pub(super) fn of(service: &Service) -> Policy {
        let access = &service.access;
        Policy {
            grants: access.grants().to_vec(),
            networks: access.networks().cloned().collect(),
            everyone: (*access == Access::Everyone).then_some(Opened::ByAll),
            sign_in: service.sign_in,
        }
    }

    pub(super) fn of_path(path: &PathPolicy) -> Policy {
        Policy {
            grants: path.grants.clone(),
            networks: path.networks.clone(),
            everyone: path.everyone.clone(),
            sign_in: path.sign_in,
        }
    }

    /// Where somebody is let in who asks by that method, with a device's certificate or without one.
    pub(super) fn reach(&self, device: Option<&DeviceId>, method: &str) -> Reach {
        let named = || self.naming(device);
        if self.is_open(method) || named().any(|grant| grant.from.is_empty()) {
            return Reach::Everywhere;
        }
        let from = named().flat_map(|grant| &grant.from);
        Reach::Within(self.networks.iter().chain(from).cloned().collect())
    }

    /// Whether everyone is let in who asks by that method.
    fn is_open(&self, method: &str) -> bool {
        match &self.everyone {
            Some(Opened::ByAll) => true,
            Some(Opened::By(methods)) => methods.contains(method),
            None => false,
        }
    }

    /// What comes of it for who is let in by it, and for who is not.
    pub(super) fn outcomes(&self, method: &str, refusal: Outcome) -> (Outcome, Outcome) {
        match self.sign_in {
            Some(SignIn::Also) if !self.is_open(method) => (Outcome::SignIn, refusal),
            Some(SignIn::Instead) if refusal != Outcome::HandshakeRefused => {
                (Outcome::Admitted, Outcome::SignIn)
            }
            _ => (Outcome::Admitted, refusal),
        }
    }

    /// Whether a device is let in wherever it is, by its certificate.
    pub(super) fn admits(&self, device: &DeviceId) -> bool {
        self.naming(Some(device)).any(|grant| grant.from.is_empty())
    }

    /// What of it is about a device: devices about which the same is said stand in the same lists of the edge.
    pub(super) fn said_of(&self, device: &DeviceId) -> Vec<(bool, bool)> {
        let said = self.grants.iter().map(|grant| {
            let is_person_named = grant.people.contains(&device.person);
            (is_person_named, grant.devices.contains(device))
        });
        said.collect()
    }

    fn naming(&self, device: Option<&DeviceId>) -> impl Iterator<Item = &Grant> {
        let is_named = move |grant: &&Grant| device.is_some_and(|known| grant.names_device(known));
        self.grants.iter().filter(is_named)
    }
}

/// Whether a path could be taken for one of a pattern, or lies below such a path. It is for paths in plain segments, as are asked here.
pub(super) fn lies_in(path: &str, pattern: &PathPattern) -> bool {
    let pattern = pattern.as_str();
    let of_pattern = pattern.strip_suffix("/*").unwrap_or(pattern);
    let mut segments = path.split('/').skip(1);
    let mut of_pattern = of_pattern.split('/').skip(1);
    of_pattern.all(|wanted| {
        segments
            .next()
            .is_some_and(|found| is_taken_for(found, wanted))
    })
}

/// Upstreams fold case, and drop what stands behind a name.
fn is_taken_for(found: &str, wanted: &str) -> bool {
    let plain = |text: &str| text.to_ascii_lowercase().replace('_', "-");
    let (found, wanted) = (plain(found), plain(wanted));
    let ends =
        |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || "~-".contains(c));
    match wanted.split_once('*') {
        None => found.strip_prefix(&wanted).is_some_and(ends),
        Some((before, after)) => found.strip_prefix(before).is_some_and(|rest| {
            after.is_empty()
                || rest
                    .match_indices(after)
                    .any(|(at, _)| ends(&rest[at + after.len()..]))
        }),
    }
}

/// A path as some upstream could take it for the same; none where it has no letters.
pub(super) fn spelt_otherwise(path: &str) -> Option<String> {
    let others = [path.to_ascii_uppercase(), path.to_ascii_lowercase()];
    others.into_iter().find(|other| other != path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_under_the_policies_of_all_that_it_lies_in() {
        let lies_in = |path, pattern| lies_in(path, &PathPattern::new(pattern).unwrap());
        for (path, pattern) in [
            ("/admin/x", "/admin/*"),
            ("/admin", "/admin/*"),
            ("/admin/x/y", "/admin/*"),
            ("/ADMIN/x", "/admin/*"),
            ("/admin.php", "/admin"),
            ("/admin/x", "/admin"),
            ("/upx", "/up*"),
            ("/x.ics", "/*.ics"),
            ("/a/b/c", "/a/b"),
        ] {
            assert!(lies_in(path, pattern), "{path} {pattern}");
        }
        for (path, pattern) in [
            ("/", "/admin/*"),
            ("/administrator", "/admin/*"),
            ("/x/admin", "/admin/*"),
            ("/a", "/a/b"),
            ("/x.icsy", "/*.ics"),
            ("/x", "/up*"),
        ] {
            assert!(!lies_in(path, pattern), "{path} {pattern}");
        }
    }
}
