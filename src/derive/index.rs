//! What the admin's page says, as data: who has which devices, what to hand to whom, when it ends, and
//! who may reach what. What it says of access is read off the [`Exposure`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::guide::FileKind;
use super::{
    CertificateGrant, DeviceFile, DnsNames, Exposure, Guarded, OpenFrom, Opening, UncheckedKind,
};
use crate::catalogue::App;
use crate::dates;
use crate::in_order::InOrder;
use crate::lock::{Admitted, Authority, Issued, Lock, State};
use crate::model::{
    CertificateMode, Device, DeviceId, DisplayName, Domain, EdgePart, Email, Homelab, Language,
    LastDay, Name, Service, SignIn,
};
use crate::status::due_from;

#[derive(Debug, Serialize)]
pub(crate) struct Index {
    pub domain: Domain,
    /// The directories of the edges, from the page; at least one.
    pub edges: Vec<String>,
    /// The people, sorted by name.
    pub people: Vec<IndexPerson>,
    /// Every service, sorted by name, and who may reach it.
    pub services: Vec<IndexService>,
    /// The people who may open the same services, each set once, by name.
    pub audiences: BTreeMap<String, Vec<String>>,
    /// What is reachable without a certificate, by paths, and what homelab does not check.
    pub openings: Vec<IndexOpening>,
    /// The services with something in them that homelab does not check, and `(all)` for templates.
    pub unchecked: BTreeSet<String>,
    /// The authorities that are trusted, the one that signs first.
    pub authorities: Vec<Term>,
    /// What the DNS is to be told, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub names: Option<DnsNames>,
}

/// A person on the admin's page.
#[derive(Debug, Serialize)]
pub(crate) struct IndexPerson {
    pub name: Name,
    pub display_name: DisplayName,
    pub email: Email,
    /// Where the guide stands, from the page; none where there is none.
    pub guide: Option<String>,
    /// The language of the guide.
    pub language: Language,
    /// The devices, sorted by name.
    pub devices: Vec<IndexDevice>,
}

/// A device on the admin's page.
#[derive(Debug, Serialize)]
pub(crate) struct IndexDevice {
    pub name: Name,
    pub platform: &'static str,
    /// The folder of its files, from the page, with a slash at its end: by whose device it is.
    #[serde(serialize_with = "folder")]
    pub folder: DeviceId,
    /// What is to be handed over.
    pub files: Handed,
    /// Its certificate; none where the lock has none.
    pub term: Option<Term>,
    /// Older certificates that are let in still, the newest first.
    pub older: Vec<Term>,
}

/// What is to be handed over of a device.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Handed {
    /// Each file, the one to open first.
    Each(Arc<[DeviceFile]>),
    /// The kind of the one to open first alone, in a home of more than [`Index::MOST_DEVICES`]: its page names no file.
    First(Option<FileKind>),
}

impl From<Arc<[DeviceFile]>> for Handed {
    fn from(files: Arc<[DeviceFile]>) -> Handed {
        Handed::Each(files)
    }
}

impl Handed {
    /// The same as a page says it that names no file.
    pub(crate) fn in_short(&self) -> Handed {
        Handed::First(self.first())
    }

    /// The kind of the file to open first; none where there is nothing to hand over.
    fn first(&self) -> Option<FileKind> {
        match self {
            Handed::Each(files) => files.first().map(|file| file.kind),
            Handed::First(first) => *first,
        }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.first().is_none()
    }

    /// Whether it has a password: not where it is a certificate alone, of a key that the device has made.
    pub(crate) fn has_password(&self) -> bool {
        self.first()
            .is_some_and(|kind| kind != FileKind::Certificate)
    }
}

fn folder<S: Serializer>(device: &DeviceId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("people/{device}/"))
}

/// From when until when something is valid.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Term {
    /// What it is: a common name.
    pub name: String,
    #[serde(serialize_with = "dates::serialize")]
    pub from: Timestamp,
    /// From when on it is to be renewed; none where it is not to be.
    #[serde(serialize_with = "dates::serialize_option")]
    pub renew_from: Option<Timestamp>,
    /// Until when it is let in.
    #[serde(serialize_with = "dates::serialize")]
    pub until: Timestamp,
    /// Whether that is its last day, as it is declared.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_last_day: bool,
}

/// A service on the admin's page.
#[derive(Debug, Serialize)]
pub(crate) struct IndexService {
    pub name: Name,
    pub title: String,
    /// Its addresses; at least one.
    pub addresses: Vec<String>,
    /// The edge that it stands on, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edge: Option<Name>,
    /// Whether everyone may reach all of it.
    pub everyone: bool,
    /// Whether whoever is at home may.
    pub at_home: bool,
    /// The networks, of those that are declared by name, in which whoever is there may.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<String>,
    /// Who may sign in, or has to.
    pub sign_in: Option<SignIn>,
    /// Whether some of its paths are open to everyone.
    pub open_paths: bool,
    /// Whether some of its paths have policies of their own, of which nothing is said here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub own_policies: bool,
    /// Whether the TLS handshake insists on a certificate, so that strangers see no page.
    pub certificate_required: bool,
    /// Who may with any certificate of theirs and from anywhere, by the name among [`Index::audiences`]; none where nobody may.
    pub audience: Option<String>,
    /// Who may with some of their certificates, or from some networks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub confined: Vec<CertificateGrant>,
    /// What its app itself must be told.
    pub tell: Vec<IndexTell>,
    /// What the share links that are open do and do not, where that is not all.
    pub links: Option<String>,
}

/// A setting of an app.
#[derive(Debug, Serialize)]
pub(crate) struct IndexTell {
    pub setting: String,
    /// Where it is set; none where the catalogue does not say.
    pub place: Option<String>,
    /// What is the matter without it.
    pub why: Option<String>,
    /// What the app answers without it.
    pub answers: Option<u16>,
}

/// A path that is open to everyone.
#[derive(Debug, Serialize)]
pub(crate) struct IndexOpening {
    pub service: String,
    pub path: String,
    /// The methods; none where all are.
    pub methods: Vec<String>,
    /// Whether the path comes from the catalogue of apps.
    pub share_link: bool,
}

impl Index {
    /// Devices that the page tells of at length, at the most, and that have a row in its timeline: nobody reads on, and of 10,000 each
    /// of the two was megabytes.
    pub(crate) const MOST_DEVICES: usize = 200;

    /// Whether a homelab has more devices than [`Index::MOST_DEVICES`].
    pub(super) fn would_be_long(homelab: &Homelab) -> bool {
        homelab.devices().count() > Self::MOST_DEVICES
    }

    /// Whether each device is told of in short, for there are more.
    pub(crate) fn is_in_short(&self) -> bool {
        let mut devices = self.people.iter().flat_map(|person| &person.devices);
        devices.any(|device| matches!(device.files, Handed::First(_)))
    }

    /// The admin's page; `files` are what the devices are to be given.
    pub(crate) fn new(
        homelab: &Homelab,
        (lock, admitted): (&Lock, &Admitted<'_>),
        exposures: &[Arc<Exposure>],
        files: &BTreeMap<&DeviceId, Arc<[DeviceFile]>>,
    ) -> Index {
        // People are sorted by name, and so are their devices.
        let (mut admitted, mut files) = (InOrder::of(admitted), InOrder::of(files));
        let is_in_short = Self::would_be_long(homelab);
        let people = homelab.people.values().map(|person| {
            let devices = person.devices.values().map(|device| {
                let certificates = admitted.get(&&device.id);
                let certificates = certificates.map_or(&[][..], Vec::as_slice);
                let files = files.get(&&device.id).cloned().unwrap_or_default();
                let mut files = Handed::from(files);
                if is_in_short {
                    files = files.in_short();
                }
                index_device(homelab, device, certificates, files)
            });
            let devices: Vec<IndexDevice> = devices.collect();
            let has_guide = devices.iter().any(|device| !device.files.is_nothing());
            IndexPerson {
                name: person.name.clone(),
                display_name: person.display_name.clone(),
                email: person.email.clone(),
                guide: has_guide.then(|| format!("people/{}/guide.html", person.name)),
                language: person.language(),
                devices,
            }
        });
        let without = exposures.iter().flat_map(|edge| &edge.without_certificate);
        let openings = without.filter(|opening| !opening.is_whole());
        let unchecked = exposures.iter().flat_map(|edge| &edge.unchecked);
        Index {
            domain: homelab.domain.clone(),
            edges: homelab.edges().map(EdgePart::directory).collect(),
            people: people.collect(),
            services: services(homelab, exposures),
            audiences: { exposures.iter() }
                .flat_map(|edge| &edge.audiences)
                .filter(|(name, _)| *name != super::LANDING)
                .map(|(name, audience)| (name.clone(), audience.people.clone()))
                .collect(),
            openings: openings
                .map(|opening| IndexOpening {
                    service: opening.service.clone(),
                    path: opening.path.clone(),
                    methods: opening.methods.clone(),
                    share_link: opening.share_link,
                })
                .collect(),
            unchecked: unchecked
                .filter(|item| item.what != UncheckedKind::Caddy)
                .map(|item| item.service.clone())
                .collect(),
            authorities: lock.trusted().map(authority).collect(),
            names: DnsNames::of(homelab),
        }
    }
}

/// Every service, with who reaches it without a certificate.
fn services(homelab: &Homelab, exposures: &[Arc<Exposure>]) -> Vec<IndexService> {
    let without = || exposures.iter().flat_map(|edge| &edge.without_certificate);
    let with = exposures.iter().flat_map(|edge| &edge.with_certificate);
    let mut by_sign_in: BTreeMap<&str, Vec<&Opening>> = BTreeMap::new();
    for opening in exposures.iter().flat_map(|edge| &edge.by_sign_in) {
        by_sign_in
            .entry(&opening.service)
            .or_default()
            .push(opening);
    }
    let mut guards: BTreeMap<&str, Vec<&Guarded>> = BTreeMap::new();
    for guarded in with {
        guards.entry(&guarded.service).or_default().push(guarded);
    }
    let (open, in_part): (Vec<_>, Vec<_>) = without().partition(|o| o.is_whole());
    let open: BTreeSet<(&str, &OpenFrom)> = { open.iter() }
        .map(|opening| (&*opening.service, &opening.from))
        .collect();
    let in_part: BTreeSet<&str> = in_part.iter().map(|opening| &*opening.service).collect();
    let services = homelab.services.values().map(|service| {
        let name = service.name.as_str();
        let whole = |from: &OpenFrom| open.contains(&(name, from));
        let guards = guards.get(name).map_or(&[][..], Vec::as_slice);
        let everywhere = guards.iter().find(|guarded| guarded.from.is_empty());
        let app = service.app.as_ref();
        let app = app.and_then(|name| homelab.catalogue.app(name.as_str()));
        IndexService {
            name: service.name.clone(),
            title: service.title.clone(),
            addresses: super::addresses(service),
            edge: { service.edge.name.clone() }.filter(|_| homelab.has_several_edges()),
            everyone: whole(&OpenFrom::Everywhere),
            at_home: whole(&OpenFrom::Lan),
            open_paths: in_part.contains(name),
            networks: { open.iter() }
                .filter_map(|(service, from)| match from {
                    OpenFrom::Network(network) if *service == name => Some(network.clone()),
                    _ => None,
                })
                .collect(),
            sign_in: sign_in(by_sign_in.get(name).map_or(&[], Vec::as_slice), guards),
            own_policies: !service.paths.is_empty(),
            certificate_required: { guards.iter() }
                .any(|guarded| guarded.certificate == CertificateMode::Required),
            audience: everywhere.and_then(|guarded| guarded.audience.clone()),
            confined: { guards.iter() }
                .filter_map(|guarded| confined(guarded))
                .collect(),
            tell: app.map(|app| told(app, service)).unwrap_or_default(),
            links: { exposures.iter() }.find_map(|edge| edge.share_links.get(name).cloned()),
        }
    });
    services.collect()
}

/// Who may sign in to a service, or has to.
fn sign_in(by_sign_in: &[&Opening], guards: &[&Guarded]) -> Option<SignIn> {
    let is_everywhere = |opening: &&Opening| opening.from == OpenFrom::Everywhere;
    if by_sign_in.iter().any(is_everywhere) {
        return Some(SignIn::Instead);
    }
    let is_asked = !by_sign_in.is_empty() || guards.iter().any(|guarded| guarded.sign_in);
    is_asked.then_some(SignIn::Also)
}

/// What of an entry does not count for each device of somebody, wherever it is.
fn confined(guarded: &Guarded) -> Option<CertificateGrant> {
    let is_everywhere = guarded.from.is_empty();
    let grant = CertificateGrant {
        audience: guarded.audience.clone().filter(|_| !is_everywhere),
        devices: guarded.devices.clone(),
        from: guarded.from.clone(),
        sign_in: guarded.sign_in,
    };
    (!is_everywhere || !grant.devices.is_empty()).then_some(grant)
}

/// What an app must be told that is served at this service's first address.
fn told(app: &App, service: &Service) -> Vec<IndexTell> {
    let addresses = super::addresses(service);
    let address = addresses.first().map_or("", String::as_str);
    let host = address.trim_start_matches("https://").trim_end_matches('/');
    let tell = app.tell.iter().map(|claim| &claim.value);
    let tell = tell.map(|tell| IndexTell {
        setting: tell.setting(host),
        place: tell.place.clone(),
        why: tell.why.clone(),
        answers: tell.answers,
    });
    tell.collect()
}

fn index_device(
    homelab: &Homelab,
    device: &Device,
    certificates: &[&Issued],
    files: Handed,
) -> IndexDevice {
    let newest = certificates.first();
    let active = newest.filter(|newest| newest.state == State::Active);
    let older = certificates.iter().filter_map(|issued| match issued.state {
        State::Superseded { until } => Some(Term {
            name: issued.device.common_name(),
            from: issued.validity.not_before(),
            renew_from: None,
            until: until.min(issued.validity.not_after()),
            is_last_day: false,
        }),
        State::Active | State::Revoked { .. } | State::Blocked { .. } => None,
    });
    IndexDevice {
        name: device.id.device.clone(),
        platform: device.platform.title(),
        folder: device.id.clone(),
        files,
        term: active.map(|issued| {
            let last_day = device.last_day_of(issued.validity.not_after());
            Term {
                name: issued.device.common_name(),
                from: issued.validity.not_before(),
                renew_from: { last_day.is_none() }
                    .then(|| due_from(&issued.validity, &homelab.validity.renew)),
                until: last_day.map_or(issued.validity.not_after(), LastDay::end),
                is_last_day: last_day.is_some(),
            }
        }),
        older: older.collect(),
    }
}

fn authority(authority: &Authority) -> Term {
    Term {
        name: authority.common_name(),
        from: authority.validity.not_before(),
        renew_from: None,
        until: authority.validity.not_after(),
        is_last_day: false,
    }
}
