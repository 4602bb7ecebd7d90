//! One site of the Caddyfile: its handlers, of which the first that matches answers a request.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::audience::Audience;
use super::extras::Extras;
use super::people::Person;
use super::tls::SiteTls;
use crate::model::{
    Access, Allowed, Backend, ByteSize, CertificateMode, Header, Host, Methods, Name, PublicPath,
    Raw, Service, uri_pattern,
};

/// One service's site.
#[derive(Debug, Serialize)]
pub(crate) struct Site {
    pub service: Name,
    /// At least one.
    pub hosts: Vec<Host>,
    /// How a certificate is asked for; none where it is not.
    pub certificate: Option<CertificateMode>,
    pub tls: SiteTls,
    pub extras: Extras,
    /// Whether it says itself that browsers are never to speak to it in the clear.
    pub hsts: bool,
    /// What a visitor is told who is not let in.
    pub pages: PageKind,
    /// Who is let in by certificate, by the place among [`Sites::audiences`](super::Sites::audiences); none where nobody is.
    pub audience: Option<usize>,
    /// Whether the upstream is told who came.
    pub identity: bool,
    /// Whether a handler is for paths, which then have to be plain.
    pub plain_path: bool,
    /// The last one is for whoever no other matches.
    pub handlers: Vec<Handler>,
    /// What is done with a request that is let in.
    pub backend: Backend,
    /// The largest body that a request may have.
    pub max_body: Option<ByteSize>,
    pub guard: Guard,
    /// Headers set on every answer.
    pub headers: Vec<Header>,
    /// Lines that stand before the backend as they are.
    pub raw: Vec<String>,
}

/// Which headers are kept from an upstream, by the name of the snippet that removes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Guard {
    /// All that an upstream could believe.
    Guard,
    /// Those, but for what it believes because of an underscore in its name.
    GuardButForUnderscores,
}

/// What a visitor is told who is not let in: it depends on who is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PageKind {
    /// Devices with a certificate are let in.
    Certificate,
    /// Those, and whoever is on the LAN.
    CertificateOrHome,
    /// Whoever is on the LAN.
    Home,
    /// Everybody is let in.
    Everyone,
}

/// A snippet with the pages of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct ErrorPages {
    pub kind: PageKind,
    /// As in [`Site`].
    pub hsts: bool,
}

/// Some visitors, and what they get.
#[derive(Debug, Serialize)]
pub(crate) struct Handler {
    /// Whose certificates these are, if they are one person's: the certificates' comment begins with it.
    pub comment: Option<Name>,
    /// Whom it is for; none for everybody whom no handler before it matches.
    pub matcher: Option<Matcher>,
    pub answer: Answer,
}

/// A named matcher of a Caddyfile.
#[derive(Debug, Serialize)]
pub(crate) struct Matcher {
    pub name: Cow<'static, str>,
    #[serde(flatten)]
    pub condition: Condition,
}

/// What a visitor is matched by.
#[derive(Debug, Serialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub(crate) enum Condition {
    /// Their certificate is of one of these people, by their places among [`Sites::people`](super::Sites::people).
    Certificates { people: Arc<[usize]> },
    /// Their certificate is of an audience whose list stands apart from the sites.
    Audience { audience: usize },
    /// They come from the LAN.
    Lan,
    /// They ask for a path that is open to everyone.
    Public(Public),
}

/// Paths open to everyone, for the same methods.
#[derive(Debug, Serialize)]
pub(crate) struct Public {
    pub methods: Methods,
    /// Sorted; at least one.
    pub paths: Vec<PublicPath>,
    /// For the raw URI: any of the paths.
    pub uri_pattern: String,
}

/// What visitors get.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Answer {
    /// The service. Its upstream is told of this person, by the place among [`Sites::people`](super::Sites::people).
    Backend {
        person: Option<usize>,
    },
    /// The service, whose upstream is told who of an audience came, by what stands apart from the sites.
    BackendTold {
        audience: usize,
    },
    /// The service, and nothing that could be taken for another method or protocol than was sent.
    BackendAsSent,
    Page {
        page: Cow<'static, str>,
    },
    /// Status 403, with the page that goes with it.
    Refusal,
}

impl Site {
    /// The site of a service that lets in this audience, of these people.
    pub(crate) fn new(
        service: &Service,
        audience: Option<usize>,
        audiences: &[Audience],
        people: &[Person],
    ) -> Site {
        let access = &service.access;
        let allowed = access.allowed();
        let handlers = match access {
            Access::Everyone => vec![Handler::rest(Answer::Backend { person: None })],
            Access::Lan { .. } | Access::Certificate(_) => {
                let by_certificate = Option::zip(allowed, audience).map(|(allowed, place)| {
                    by_certificate(allowed, (place, &audiences[place]), people)
                });
                let lan = Handler::lan(Answer::Backend { person: None });
                let lan = access.is_open_at_home().then_some(lan);
                { by_certificate.into_iter().flatten() }
                    .chain(lan)
                    .chain(public(access.public()))
                    .chain([Handler::rest(Answer::Refusal)])
                    .collect()
            }
        };
        Site {
            service: service.name.clone(),
            hosts: service.hosts.clone(),
            certificate: allowed.map(|allowed| allowed.certificate),
            tls: SiteTls::default(),
            hsts: false,
            extras: Extras::default(),
            pages: PageKind::of(access),
            audience,
            identity: allowed.is_some_and(|allowed| allowed.identity),
            plain_path: !access.public().is_empty(),
            handlers,
            backend: service.backend.clone(),
            max_body: service.max_body.clone(),
            guard: if service.header_underscores {
                Guard::GuardButForUnderscores
            } else {
                Guard::Guard
            },
            headers: service.headers.clone(),
            raw: service.raw.iter().flat_map(Raw::lines).collect(),
        }
    }
}

impl Site {
    pub(crate) fn error_pages(&self) -> ErrorPages {
        ErrorPages {
            kind: self.pages,
            hsts: self.hsts,
        }
    }
}

impl PageKind {
    fn of(access: &Access) -> PageKind {
        match access {
            Access::Certificate(allowed) if allowed.lan => PageKind::CertificateOrHome,
            Access::Certificate(_) => PageKind::Certificate,
            Access::Lan { .. } => PageKind::Home,
            Access::Everyone => PageKind::Everyone,
        }
    }
}

impl Handler {
    /// For whoever comes with a certificate of these people.
    pub(crate) fn certificates(
        name: impl Into<Cow<'static, str>>,
        people: Arc<[usize]>,
        answer: Answer,
    ) -> Handler {
        Handler {
            comment: None,
            matcher: Some(Matcher {
                name: name.into(),
                condition: Condition::Certificates { people },
            }),
            answer,
        }
    }

    /// For whoever comes from the LAN.
    pub(crate) fn lan(answer: Answer) -> Handler {
        Handler {
            comment: None,
            matcher: Some(Matcher {
                name: Cow::Borrowed("lan"),
                condition: Condition::Lan,
            }),
            answer,
        }
    }

    /// Whether whoever it is for gets the service.
    pub(crate) fn is_let_in(&self) -> bool {
        match self.answer {
            Answer::Backend { .. } | Answer::BackendTold { .. } | Answer::BackendAsSent => true,
            Answer::Page { .. } | Answer::Refusal => false,
        }
    }

    /// For everybody else.
    pub(crate) fn rest(answer: Answer) -> Handler {
        Handler {
            comment: None,
            matcher: None,
            answer,
        }
    }
}

/// The handlers of those who are let in by certificate, of an audience at its place among all.
fn by_certificate(
    allowed: &Allowed,
    (place, audience): (usize, &Audience),
    people: &[Person],
) -> Vec<Handler> {
    let is_apart = audience.listed.is_apart();
    if allowed.identity && !is_apart {
        let of_person = |place: &usize| person(*place, &people[*place].name);
        return audience.people.iter().map(of_person).collect();
    }
    let condition = if is_apart {
        Condition::Audience { audience: place }
    } else {
        Condition::Certificates {
            people: Arc::clone(&audience.people),
        }
    };
    vec![Handler {
        comment: None,
        matcher: Some(Matcher {
            name: Cow::Borrowed("allowed"),
            condition,
        }),
        answer: if allowed.identity {
            Answer::BackendTold { audience: place }
        } else {
            Answer::Backend { person: None }
        },
    }]
}

fn person(place: usize, name: &Name) -> Handler {
    let answer = Answer::Backend {
        person: Some(place),
    };
    Handler {
        comment: Some(name.clone()),
        ..Handler::certificates(format!("person-{name}"), Arc::new([place]), answer)
    }
}

/// Paths of the same methods stand together, for they share all else.
fn public(paths: &[PublicPath]) -> impl Iterator<Item = Handler> {
    let mut by_methods: BTreeMap<&Methods, Vec<PublicPath>> = BTreeMap::new();
    for public in paths {
        let group = by_methods.entry(&public.methods).or_default();
        group.push(public.clone());
    }
    let groups = by_methods.into_iter().map(|(methods, paths)| Public {
        methods: methods.clone(),
        uri_pattern: uri_pattern(paths.iter().map(|public| &public.path)),
        paths,
    });
    let groups: Vec<Public> = groups.collect();
    (1..).zip(groups).map(|(number, public)| Handler {
        comment: None,
        matcher: Some(Matcher {
            name: Cow::Owned(format!("public{number}")),
            condition: Condition::Public(public),
        }),
        answer: Answer::BackendAsSent,
    })
}
