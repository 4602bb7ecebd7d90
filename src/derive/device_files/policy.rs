//! How browsers are told to choose a certificate by themselves: `AutoSelectCertificateForUrls`, as the hosts that ask for one
//! and the authorities have it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use data_encoding::BASE64;
use serde::Serialize;

use super::content::{Hosts, RegistryValue};
use crate::derive::alike::{Kind, Kinds};
use crate::lock::{Authority, Lock};
use crate::model::{Admission, Homelab, Person, Service};
use crate::once::{Once, Shared};
use crate::pki::SubjectAttribute;
use crate::root::IssuanceId;

/// What tells an authority's certificates from others in a policy: the name of an attribute, and its value.
pub(super) type IssuerFilter = BTreeMap<&'static str, String>;

/// What the files of all devices are made from, and what many of them say alike, held once.
pub(crate) struct CommonParts<'p> {
    pub(super) homelab: &'p Homelab,
    /// How each authority that is trusted is told in a policy.
    pub(in crate::derive) issuers: BTreeMap<IssuanceId, IssuerFilter>,
    pub(in crate::derive) sealed_root: Option<blake3::Hash>,
    /// The authorities that are trusted, DER in base64.
    pub(in crate::derive) authorities: Arc<[String]>,
    /// The hosts of each service behind certificates.
    hosts: Vec<(&'p Service, Vec<Arc<str>>)>,
    kinds: Kinds<'p>,
    asking: Mutex<BTreeMap<Kind, Hosts>>,
    lists: Mutex<BTreeMap<Vec<Arc<str>>, Hosts>>,
    entries: Mutex<Once<str>>,
    policies: Mutex<BTreeMap<PolicyKey, Policy>>,
}

/// The hash of the hosts that a policy is for, and the issuers.
type PolicyKey = ([u8; blake3::OUT_LEN], Vec<IssuerFilter>);

/// The entries of a policy, and the same as values of the registry.
#[derive(Clone)]
pub(super) struct Policy {
    pub entries: Shared<[Arc<str>]>,
    pub values: Shared<[RegistryValue]>,
}

impl<'p> CommonParts<'p> {
    /// Those of a homelab with this lock.
    pub(crate) fn new(
        homelab: &'p Homelab,
        lock: &Lock,
        sealed_root: Option<blake3::Hash>,
    ) -> CommonParts<'p> {
        let issuer = |authority: &Authority| {
            let told = authority.certificate.subject_attribute();
            (authority.id, issuer_filter(told))
        };
        let services = homelab.services.values();
        let guarded = services.filter(|service| service.certificate.is_some());
        let hosts = guarded.map(|service| {
            let hosts = service.authorities().map(Arc::from);
            (service, hosts.collect())
        });
        CommonParts {
            homelab,
            issuers: lock.trusted().map(issuer).collect(),
            sealed_root,
            authorities: lock
                .trusted()
                .map(|authority| BASE64.encode(authority.certificate.der()))
                .collect(),
            hosts: hosts.collect(),
            kinds: Kinds::of(homelab),
            asking: Mutex::default(),
            lists: Mutex::default(),
            entries: Mutex::new(Once::new()),
            policies: Mutex::default(),
        }
    }

    pub(crate) fn homelab(&self) -> &'p Homelab {
        self.homelab
    }

    /// The hosts that ask this person for a certificate, sorted: those of services behind certificates
    /// that the person may use, be it at home only, and of the landing page.
    pub(crate) fn asking(&self, person: &Person) -> Hosts {
        let kind = self.kind(person);
        let known = held(&self.asking).get(kind).cloned();
        known.unwrap_or_else(|| {
            let hosts = self.asking_anew(person);
            held(&self.asking).insert(kind.clone(), hosts.clone());
            hosts
        })
    }

    /// What decides which services let in a person.
    pub(in crate::derive) fn kind(&self, person: &Person) -> &Kind {
        self.kinds.kind(&person.name)
    }

    fn asking_anew(&self, person: &Person) -> Hosts {
        let services = { self.hosts.iter() }.filter(|(service, _)| {
            let admission = service.admits(&person.name);
            admission != Admission::Nowhere || service.is_opened_by(&person.name)
        });
        let mut hosts: Vec<Arc<str>> = services.flat_map(|(_, hosts)| hosts.clone()).collect();
        if let Some(edge) = self.homelab.landing() {
            let port = edge.settings.port;
            hosts.push(port.of(&self.homelab.domain).into());
        }
        hosts.sort();
        hosts.dedup();
        let mut lists = held(&self.lists);
        let list = lists.entry(hosts);
        list.or_insert_with_key(|hosts| Hosts::from(Arc::from(hosts.as_slice())))
            .clone()
    }

    /// The policy for certificates of these issuers at these hosts.
    pub(super) fn policy(&self, hosts: &Hosts, issuers: Vec<IssuerFilter>) -> Policy {
        let mut policies = held(&self.policies);
        let policy = policies.entry((hosts.hash(), issuers));
        let made = policy.or_insert_with_key(|(_, issuers)| {
            let mut known = held(&self.entries);
            let texts = entries(hosts, issuers).map(|entry| known.the(entry));
            let entries: Arc<[Arc<str>]> = texts.collect();
            Policy {
                values: numbered(&entries).into(),
                entries: entries.into(),
            }
        });
        made.clone()
    }
}

/// What is shared by all devices, which are many threads' work.
fn held<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An entry of `AutoSelectCertificateForUrls` for each host and issuer: entries for one host add up.
fn entries(hosts: &[Arc<str>], issuers: &[IssuerFilter]) -> impl Iterator<Item = String> {
    hosts.iter().flat_map(move |host| {
        issuers.iter().map(move |issuer| {
            serde_json::to_string(&Entry {
                pattern: format_args!("https://{host}"),
                filter: Filter { issuer },
            })
            .expect("texts with texts for keys are JSON")
        })
    })
}

/// An entry of `AutoSelectCertificateForUrls`.
#[derive(Serialize)]
struct Entry<'k> {
    pattern: fmt::Arguments<'k>,
    filter: Filter<'k>,
}

#[derive(Serialize)]
struct Filter<'k> {
    #[serde(rename = "ISSUER")]
    issuer: &'k IssuerFilter,
}

/// What an issuer is told by: Chromium compares the common name, the organization, the organizational
/// unit and the locality. One that has none of them is told by nothing: then every certificate is taken
/// that the site says it takes.
fn issuer_filter(attribute: Option<SubjectAttribute>) -> IssuerFilter {
    let attribute = attribute.into_iter();
    attribute.map(|told| (told.name, told.value)).collect()
}

/// Entries as values of the registry, each under a number of its own that stays the same as long as the
/// entry does: applied twice it is there once, and what an administrator has numbered 1, 2, 3 stays.
fn numbered(entries: &[Arc<str>]) -> Arc<[RegistryValue]> {
    const FIRST: u32 = 1_000_000;
    const COUNT: u32 = 1_000_000_000;
    let mut values: BTreeMap<u32, &Arc<str>> = BTreeMap::new();
    for text in entries {
        let hash = blake3::hash(text.as_bytes());
        let [a, b, c, d, ..] = *hash.as_bytes();
        let mut number = u32::from_be_bytes([a, b, c, d]) % COUNT;
        while values.contains_key(&(FIRST + number)) {
            number = (number + 1) % COUNT;
        }
        values.insert(FIRST + number, text);
    }
    let value = |(name, text): (u32, &Arc<str>)| RegistryValue {
        name,
        text: Arc::clone(text),
    };
    values.into_iter().map(value).collect()
}
