//! The hosts that are declared, and who is let in there: read off the declaration and the lock, never off the
//! Caddyfile.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::lock::{Issued, Lock};
use crate::model::{
    Access, Backend, CertificateMode, Edge, Homelab, Name, PathPattern, PublicPath, Redirect,
    SiteCertificates,
};

/// A host, and who is let in there.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// The service, or what the landing page is called.
    pub service: String,
    pub host: String,
    /// The port of HTTPS, as declared.
    pub port: u16,
    /// What the handshake asks, and whether being at home is enough.
    pub guard: Guard,
    /// Who is let in by certificate.
    pub people: Arc<BTreeSet<Name>>,
    /// A path that everybody may read.
    pub public: Option<Public>,
    /// Where who is let in is sent to, where that is all that is done.
    pub redirect: Option<Redirect>,
    /// Whether the upstream is told who came.
    pub identity: bool,
    /// Who vouches for the site's own certificate.
    pub vouched: Vouched,
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

/// What stands before a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// Nothing.
    Open,
    /// Being at home.
    Home,
    /// A certificate, in the handshake.
    Required,
    /// A certificate, in HTTP; or being at home, where `home`.
    Asked { home: bool },
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
        matches!(self.guard, Guard::Required | Guard::Asked { .. })
    }

    /// Whether somebody of that standing is let in wherever they are.
    pub(crate) fn admits(&self, person: &Name, standing: Standing) -> bool {
        standing == Standing::Admitted && self.people.contains(person)
    }

    /// Whether being at home makes a difference.
    pub(crate) fn is_open_at_home(&self) -> bool {
        matches!(self.guard, Guard::Home | Guard::Asked { home: true })
    }
}

/// Every host that is declared, sorted by service and then as written; the landing page first.
pub(crate) fn sites(homelab: &Homelab, lock: &Lock) -> Vec<Site> {
    let mut sites = Vec::new();
    if homelab.edge.landing {
        let admitted = lock.admitted();
        let people = admitted.keys().map(|device| device.person.clone());
        let mut services = homelab.services.values();
        sites.push(Site {
            service: String::from("(landing page)"),
            host: homelab.domain.to_string(),
            port: homelab.edge.port.number(),
            guard: Guard::Asked {
                home: services.any(|service| service.access.is_open_at_home()),
            },
            people: Arc::new(people.collect()),
            public: None,
            redirect: None,
            identity: false,
            vouched: Vouched::of(&homelab.edge.certificates, &homelab.edge),
        });
    }
    for service in homelab.services.values() {
        let (guard, people, identity) = match &service.access {
            Access::Everyone => (Guard::Open, Arc::default(), false),
            Access::Lan { .. } => (Guard::Home, Arc::default(), false),
            Access::Certificate(allowed) => {
                let guard = match allowed.certificate {
                    CertificateMode::Required => Guard::Required,
                    CertificateMode::Asked => Guard::Asked { home: allowed.lan },
                };
                (guard, allowed.people.clone(), allowed.identity)
            }
        };
        let paths = service.access.public();
        let readable = |public: &&PublicPath| public.methods.contains("GET");
        let readable = paths.iter().find(readable);
        let certificates = service.certificates.as_ref();
        let certificates = certificates.unwrap_or(&homelab.edge.certificates);
        let vouched = Vouched::of(certificates, &homelab.edge);
        for host in &service.hosts {
            sites.push(Site {
                service: service.name.to_string(),
                host: host.to_string(),
                port: service.port(&homelab.edge).number(),
                guard,
                people: people.clone(),
                public: readable.map(Public::of),
                redirect: match &service.backend {
                    Backend::Redirect(redirect) => Some(redirect.clone()),
                    _ => None,
                },
                identity,
                vouched,
            });
        }
    }
    sites
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

fn example(pattern: &PathPattern) -> String {
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
