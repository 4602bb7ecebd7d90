//! The hosts that are declared, and who is let in there: read off the declaration and the lock, never off the
//! Caddyfile.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::policy::{Policy, Reach, lies_in};
use super::{Expected, Outcome};
use crate::derive::{RENEW, Waiting};
use crate::lock::{Issued, Lock};
use crate::model::{
    Backend, CertificateMode, DeviceId, Edge, Grant, Homelab, Network, Origin, PathPattern,
    PublicPath, Redirect, Service, SiteCertificates,
};

/// A host, and who is let in there.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// The service, or what the landing page is called.
    pub service: String,
    pub host: String,
    /// The port of HTTPS, as declared.
    pub port: u16,
    /// How the handshake asks for a certificate; none where it does not.
    pub certificate: Option<CertificateMode>,
    /// Who is let in, but for public paths and those with policies of their own.
    pub policy: Arc<Policy>,
    /// The paths that have policies of their own.
    pub paths: Arc<[(PathPattern, Policy)]>,
    /// The origins whose pages may ask what they may send.
    pub origins: Arc<[Origin]>,
    /// A path that everybody may read.
    pub public: Option<Public>,
    /// Where who is let in is sent to, where that is all that is done.
    pub redirect: Option<Redirect>,
    /// Whether the upstream is told who came.
    pub identity: bool,
    /// What is handed to one device each, by its path.
    pub handed_out: Arc<[(String, DeviceId)]>,
    /// Who vouches for the site's own certificate.
    pub vouched: Vouched,
    /// The edge that it stands on.
    pub edge: Arc<Edge>,
}

/// Who vouches for a site's own certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vouched {
    /// An authority that all browsers know.
    Publicly,
    /// Caddy's own authority.
    ByCaddy,
    /// Somebody else, or nobody knows.
    Otherwise,
}

impl Vouched {
    fn of(certificates: &SiteCertificates, edge: &Edge) -> Vouched {
        match certificates {
            SiteCertificates::Internal => Vouched::ByCaddy,
            other if edge.are_public(other) => Vouched::Publicly,
            _ => Vouched::Otherwise,
        }
    }
}

/// A path that everybody may read, and what is asked to see that no more is open.
#[derive(Debug, Clone)]
pub(crate) struct Public {
    /// A path of the pattern.
    pub path: String,
    /// Paths that a careless comparison takes for one.
    pub lookalikes: Vec<String>,
    /// Whether asking which methods there are is one that is open.
    pub takes_options: bool,
}

/// How a path is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// As the pattern that it lies in, if in any.
    Plain,
    /// As some upstream could take it for that.
    Otherwise,
}

/// How a certificate of the lock stands at the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Its authority is trusted, it is valid now, and on the lists of its person's services.
    Admitted,
    /// Its authority is trusted, and it is on no list.
    Unlisted,
    /// It is refused in the handshake: it has ended or not begun, or its authority is not trusted.
    Untrusted,
}

impl Standing {
    /// How one stands now.
    pub(crate) fn of(issued: &Issued, homelab: &Homelab, lock: &Lock, now: Timestamp) -> Standing {
        let authority = lock.authority(&issued.authority);
        let is_trusted = authority.is_some_and(|authority| authority.is_trusted());
        let (begin, end) = (issued.validity.not_before(), issued.validity.not_after());
        if !is_trusted || now < begin || now > end {
            Standing::Untrusted
        } else if issued.revoked().is_some() || homelab.device(&issued.device).is_none() {
            Standing::Unlisted
        } else {
            Standing::Admitted
        }
    }
}

impl Site {
    /// Whether the handshake asks for a certificate.
    pub(crate) fn asks(&self) -> bool {
        self.certificate.is_some()
    }

    /// Whether a device of that standing is let in wherever it is, by its certificate.
    pub(crate) fn admits(&self, device: &DeviceId, standing: Standing) -> bool {
        standing == Standing::Admitted && self.policy.admits(device)
    }

    /// Whether being at home makes a difference.
    pub(crate) fn is_open_at_home(&self) -> bool {
        self.policy.networks.contains(&Network::Lan)
    }

    /// What is to come of a request for a path, by that method and with that certificate.
    pub(crate) fn expected(
        &self,
        certificate: Option<(&DeviceId, Standing)>,
        method: &str,
        (path, spelling): (&str, Spelling),
    ) -> Expected {
        let (device, refusal) = match certificate {
            None if self.certificate == Some(CertificateMode::Required) => {
                (None, Outcome::HandshakeRefused)
            }
            None => (None, Outcome::Forbidden),
            Some((_, Standing::Untrusted)) => return Expected::always(Outcome::HandshakeRefused),
            Some((_, Standing::Unlisted)) => (None, Outcome::Refused),
            Some((device, Standing::Admitted)) => (Some(device), Outcome::Forbidden),
        };
        let mut networks: Vec<BTreeSet<Network>> = Vec::new();
        // Of several policies the strictest counts: to be refused is more than to be asked to sign in.
        let stricter = |one, other| match (one, other) {
            (Outcome::Admitted, other) => other,
            (Outcome::SignIn, other) if other != Outcome::Admitted => other,
            (one, _) => one,
        };
        let (mut inside, mut outside) = (Outcome::Admitted, Outcome::Admitted);
        for policy in self.policies_of(path, spelling) {
            let (let_in, not_let_in) = policy.outcomes(method, refusal);
            let (here, elsewhere) = match policy.reach(device, method) {
                Reach::Everywhere => (let_in, let_in),
                Reach::Within(none) if none.is_empty() => (not_let_in, not_let_in),
                Reach::Within(further) => {
                    if !networks.contains(&further) {
                        networks.push(further);
                    }
                    (let_in, not_let_in)
                }
            };
            inside = stricter(inside, here);
            outside = stricter(outside, elsewhere);
        }
        Expected::within(networks, inside, outside)
    }

    /// The policies that all have to let in who asks for a path.
    pub(super) fn policies_of(&self, path: &str, spelling: Spelling) -> Vec<&Policy> {
        let of_paths = self.paths.iter();
        let of_paths = of_paths.filter(|(pattern, _)| lies_in(path, pattern));
        let mut policies: Vec<&Policy> = of_paths.map(|(_, policy)| policy).collect();
        if policies.is_empty() || spelling == Spelling::Otherwise {
            policies.push(&self.policy);
        }
        policies
    }
}

/// Every host that is declared, sorted by service and then as written; the landing page first.
pub(crate) fn sites(homelab: &Homelab, lock: &Lock) -> Vec<Site> {
    let mut sites = Vec::new();
    if let Some(part) = homelab.landing() {
        let edge = part.settings;
        let admitted = lock.admitted();
        let everybody = Grant {
            people: Arc::default(),
            devices: admitted.keys().map(|device| (*device).clone()).collect(),
            from: BTreeSet::new(),
        };
        let mut services = homelab.services.values();
        let at_home = services.any(|service| service.access.is_open_at_home());
        sites.push(Site {
            service: String::from("(landing page)"),
            host: homelab.domain.to_string(),
            port: edge.port.number(),
            certificate: Some(CertificateMode::Asked),
            policy: Arc::new(Policy {
                grants: vec![everybody],
                networks: at_home.then_some(Network::Lan).into_iter().collect(),
                everyone: None,
                sign_in: None,
            }),
            paths: Arc::new([]),
            origins: Arc::new([]),
            public: None,
            redirect: None,
            identity: false,
            handed_out: handed_out(homelab, lock),
            vouched: Vouched::of(&edge.certificates, edge),
            edge: Arc::clone(edge),
        });
    }
    for service in homelab.services.values() {
        sites.extend(sites_of(service));
    }
    sites
}

/// The newer certificates that wait, each with whose it is.
fn handed_out(homelab: &Homelab, lock: &Lock) -> Arc<[(String, DeviceId)]> {
    let waiting = Waiting::all(homelab, lock).into_iter();
    let paths = waiting.map(|waiting| {
        let path = format!("{RENEW}/{}", waiting.file().name);
        (path, waiting.device.id.clone())
    });
    paths.collect()
}

/// A service's hosts.
fn sites_of(service: &Service) -> impl Iterator<Item = Site> {
    let paths = service.paths.iter();
    let paths: Arc<[(PathPattern, Policy)]> = paths
        .map(|path| (path.path.clone(), Policy::of_path(path)))
        .collect();
    let is_ruled = |public: &PublicPath| {
        let path = example(&public.path);
        paths.iter().any(|(pattern, _)| lies_in(&path, pattern))
    };
    let readable = |public: &&PublicPath| public.methods.contains("GET") && !is_ruled(public);
    let public = service.access.public().iter().find(readable);
    let public = public.map(|public| match service.paths.is_empty() {
        true => Public::of(public),
        // What could be taken for it could be taken for another one, too.
        false => Public {
            lookalikes: Vec::new(),
            ..Public::of(public)
        },
    });
    let all = Site {
        service: service.name.to_string(),
        host: String::new(),
        port: service.port().number(),
        certificate: service.certificate,
        policy: Arc::new(Policy::of(service)),
        paths: Arc::clone(&paths),
        origins: service.preflight.clone().into(),
        public,
        redirect: match &service.backend {
            Backend::Redirect(redirect) => Some(redirect.clone()),
            _ => None,
        },
        identity: service.identity,
        handed_out: Arc::new([]),
        vouched: Vouched::of(service.site_certificates(), &service.edge),
        edge: Arc::clone(&service.edge),
    };
    { service.hosts.iter() }.map(move |host| Site {
        host: host.to_string(),
        ..all.clone()
    })
}

impl Public {
    fn of(public: &PublicPath) -> Public {
        Public {
            path: example(&public.path),
            lookalikes: lookalikes(&public.path),
            takes_options: public.methods.contains("OPTIONS"),
        }
    }
}

/// A path of a pattern, which no app has, but where the pattern is one exact path.
pub(super) fn example(pattern: &PathPattern) -> String {
    pattern.example("homelab-verify")
}

/// Each is open where one of the conditions of a public path is missing, or is wider than declared.
fn lookalikes(pattern: &PathPattern) -> Vec<String> {
    let example = example(pattern);
    let climbed = format!("/homelab-verify/..%2f{}", &example[1..]);
    let Some(folder) = pattern
        .as_str()
        .strip_suffix("/*")
        .filter(|f| !f.is_empty())
    else {
        return vec![climbed];
    };
    vec![
        climbed,
        format!("/homelab-verify/..{example}"),
        format!("{folder}/..;/homelab-verify"),
        format!("{folder}/..%5chomelab-verify"),
        format!("{folder}/%252e%252e/homelab-verify"),
        format!("/{example}"),
        format!("{folder}-homelab-verify/homelab-verify"),
    ]
}
