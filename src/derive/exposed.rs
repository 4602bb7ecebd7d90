//! What an edge exposes, read off the data that its Caddyfile is rendered from.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::beside::Beside;
use super::edge::{
    self, Answer, Condition, Device, Edge, Extras, Guard, Mark, Matcher, OpenHoles, PathSite,
    Person, Public, Site, Sites,
};
use super::exposure::{
    ALL, Audience, Believed, CertificateGrant, Exposure, FALLBACK, GatewayExposure, Guarded,
    LANDING, OpenFrom, Opening, PathExposure, PathOpening, Unchecked, UncheckedKind, VERSION,
    WHOLE,
};
use crate::model::{Behind, EdgePart, Gateway, Origin, SignIn};

pub(super) fn with_port(host: impl std::fmt::Display, extras: &Extras) -> String {
    match extras.port {
        Some(port) => format!("{host}:{port}"),
        None => host.to_string(),
    }
}

impl Exposure {
    /// What this edge exposes, where its files are made with these templates of the user's own.
    pub(crate) fn of(part: EdgePart<'_>, edge: &Edge, templates: &[String]) -> Exposure {
        let Edge { sites, holes, .. } = edge;
        let audiences = sites.audiences.iter();
        let mut exposure = Exposure {
            edge: edge.name.as_ref().map(ToString::to_string),
            version: VERSION,
            domain: sites.domain.to_string(),
            lan: sites.lan.clone(),
            networks: sites.networks.clone(),
            behind: sites.behind.as_ref().map(believed),
            without_certificate: Vec::new(),
            share_links: BTreeMap::new(),
            gateway: sites.gateway.as_ref().map(gateway),
            by_sign_in: Vec::new(),
            people: sites.people.iter().map(admitted).collect(),
            audiences: audiences
                .map(|audience| (audience.name.to_string(), told_of(audience, sites)))
                .collect(),
            with_certificate: Vec::new(),
            paths: Vec::new(),
            unchecked: unchecked_of_all(templates, holes.as_ref()),
            beside: Beside::of(edge),
        };
        exposure.landing(sites);
        exposure.fallback(sites);
        for site in &sites.sites {
            exposure.site(site, &sites.audiences);
        }
        exposure.share_links = exposure.share_links(part);
        exposure
    }

    /// What the catalogue says of share links, where they are open.
    fn share_links(&self, part: EdgePart<'_>) -> BTreeMap<String, String> {
        let open = self.without_certificate.iter();
        let open = open.filter(|opening| opening.share_link);
        let open: BTreeSet<&str> = open.map(|opening| &*opening.service).collect();
        let said = part.services().filter_map(|service| {
            let name = service.name.as_str();
            let app = part.homelab.catalogue.app(service.app.as_ref()?.as_str())?;
            let said = app.links.as_ref().filter(|_| open.contains(name))?;
            Some((name.to_owned(), said.value.clone()))
        });
        said.collect()
    }

    fn landing(&mut self, edge: &Sites) {
        let Some(landing) = &edge.landing else {
            return;
        };
        let hosts = vec![with_port(&landing.host, &landing.extras)];
        if landing.is_shown_at_home() {
            self.without_certificate.push(Opening {
                service: LANDING.to_owned(),
                hosts: hosts.clone(),
                from: OpenFrom::Lan,
                path: WHOLE.to_owned(),
                methods: Vec::new(),
                share_link: false,
                origins: Vec::new(),
            });
        }
        // Whoever has a certificate is shown something.
        let everybody = Audience {
            certificates: edge.people.iter().map(|p| p.devices.len()).sum(),
            people: edge.people.iter().map(|p| p.name.to_string()).collect(),
        };
        let mut known = self.audiences.iter();
        let known = known.find(|(_, audience)| **audience == everybody);
        let audience = match known {
            Some((name, _)) => Some(name.clone()),
            None if everybody.people.is_empty() => None,
            None => {
                self.audiences.insert(LANDING.to_owned(), everybody);
                Some(LANDING.to_owned())
            }
        };
        self.with_certificate.push(Guarded {
            service: LANDING.to_owned(),
            hosts,
            certificate: landing.certificate,
            identity: false,
            audience,
            devices: Vec::new(),
            from: Vec::new(),
            sign_in: false,
        });
    }

    /// What is answered for hosts that nobody declares is open to everybody.
    fn fallback(&mut self, edge: &Sites) {
        let Some(undeclared) = &edge.undeclared else {
            return;
        };
        if undeclared.answer.is_some() {
            let all = format!("*.{}", edge.domain);
            self.without_certificate.push(Opening {
                service: FALLBACK.to_owned(),
                hosts: vec![with_port(all, &undeclared.extras)],
                from: OpenFrom::Everywhere,
                path: WHOLE.to_owned(),
                methods: Vec::new(),
                share_link: false,
                origins: Vec::new(),
            });
        }
    }

    fn site(&mut self, site: &Site, audiences: &[edge::Audience]) {
        let service = site.service.to_string();
        let hosts = site.hosts.iter();
        let hosts: Vec<String> = hosts.map(|host| with_port(host, &site.extras)).collect();
        let ways: Vec<(Option<&Matcher>, Taking)> = match site.policies.first() {
            Some(all_else) => { all_else.grants.iter() }
                .map(|grant| (grant.matcher.as_ref(), Taking::of_mark(grant.mark)))
                .collect(),
            None => { site.handlers.iter() }
                .filter(|handler| handler.is_let_in())
                .map(|handler| (handler.matcher.as_ref(), Taking::of(&handler.answer)))
                .collect(),
        };
        let openings = |taking: Taking| {
            let ways = ways.iter().filter(move |(_, takes)| *takes == taking);
            let mut open: Vec<Open<'_>> = ways.flat_map(|(matcher, _)| open_by(*matcher)).collect();
            // What is open as a whole comes first, as `/*` comes before every other path.
            open.sort_by_key(|open| open.path);
            open.into_iter().map(|open| Opening {
                service: service.clone(),
                hosts: hosts.clone(),
                from: open.from,
                path: open.path.to_owned(),
                methods: open.methods.iter().map(ToString::to_string).collect(),
                share_link: open.share_link,
                origins: open.origins.iter().map(ToString::to_string).collect(),
            })
        };
        self.without_certificate.extend(openings(Taking::Nothing));
        self.by_sign_in.extend(openings(Taking::SignIn));
        self.unchecked.extend(unchecked(site));
        let name = |place: usize| audiences[place].name.clone();
        if let Some(certificate) = site.certificate {
            let guarded = site.admitted.iter().map(|set| Guarded {
                service: service.clone(),
                hosts: hosts.clone(),
                certificate,
                identity: site.identity,
                audience: set.audience.map(name),
                devices: set.devices.clone(),
                from: set.from.clone(),
                sign_in: site.sign_in == Some(SignIn::Also),
            });
            self.with_certificate.extend(guarded);
        }
        self.paths.extend(site.paths.iter().map(|path| {
            PathExposure {
                service: service.clone(),
                hosts: hosts.clone(),
                path: path.path.as_str().to_owned(),
                without_certificate: openings_of(path, Taking::Nothing),
                by_sign_in: openings_of(path, Taking::SignIn),
                with_certificate: { path.admitted.iter() }
                    .map(|set| CertificateGrant {
                        audience: set.audience.map(name),
                        devices: set.devices.clone(),
                        from: set.from.clone(),
                        sign_in: path.sign_in == Some(SignIn::Also),
                    })
                    .collect(),
            }
        }));
    }
}

/// What it takes to be let in, besides what is matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taking {
    Nothing,
    SignIn,
}

impl Taking {
    fn of(answer: &Answer) -> Taking {
        match answer {
            Answer::SignIn { .. } => Taking::SignIn,
            _ => Taking::Nothing,
        }
    }

    fn of_mark(mark: Mark) -> Taking {
        match mark {
            Mark::SignIn => Taking::SignIn,
            Mark::AsSent | Mark::Granted => Taking::Nothing,
        }
    }
}

fn openings_of(path: &PathSite, taking: Taking) -> Vec<PathOpening> {
    let everywhere = |methods| PathOpening {
        from: OpenFrom::Everywhere,
        methods,
    };
    let networks = path.networks.iter().map(|network| PathOpening {
        from: OpenFrom::network(network),
        methods: Vec::new(),
    });
    let methods = path.everyone.iter();
    let everyone =
        methods.map(|methods| everywhere(methods.iter().map(ToString::to_string).collect()));
    match (taking, path.sign_in) {
        (Taking::Nothing, None | Some(SignIn::Instead)) => everyone.chain(networks).collect(),
        (Taking::Nothing, Some(SignIn::Also)) => everyone.collect(),
        (Taking::SignIn, None) => Vec::new(),
        (Taking::SignIn, Some(SignIn::Instead)) => vec![everywhere(Vec::new())],
        (Taking::SignIn, Some(SignIn::Also)) => networks.collect(),
    }
}

fn gateway(gateway: &Gateway) -> GatewayExposure {
    let addresses = gateway.upstreams.addresses.iter();
    GatewayExposure {
        name: gateway.name.to_string(),
        upstreams: addresses.map(ToString::to_string).collect(),
        headers: { gateway.told() }
            .map(|header| header.as_str().to_owned())
            .collect(),
        own: { gateway.own.iter() }
            .map(|path| path.as_str().to_owned())
            .collect(),
    }
}

/// Something of a service that is open without a certificate.
struct Open<'s> {
    from: OpenFrom,
    path: &'s str,
    methods: &'s [Cow<'static, str>],
    share_link: bool,
    origins: &'s [Origin],
}

/// What is opened without a certificate to whoever is matched.
fn open_by(matcher: Option<&Matcher>) -> Vec<Open<'_>> {
    const OPTIONS: &[Cow<'static, str>] = &[Cow::Borrowed("OPTIONS")];
    let whole = |from| Open {
        from,
        path: WHOLE,
        methods: &[],
        share_link: false,
        origins: &[],
    };
    match matcher.map(|matcher| &matcher.condition) {
        None => vec![whole(OpenFrom::Everywhere)],
        Some(Condition::Lan) => vec![whole(OpenFrom::Lan)],
        Some(Condition::Network { network, .. }) => {
            vec![whole(OpenFrom::network(network.as_str()))]
        }
        Some(Condition::Public(Public { methods, paths, .. })) => { paths.iter() }
            .map(|public| Open {
                path: public.path.as_str(),
                methods: methods.as_slice(),
                share_link: public.share_link,
                ..whole(OpenFrom::Everywhere)
            })
            .collect(),
        Some(Condition::Preflight { origins }) => vec![Open {
            methods: OPTIONS,
            origins,
            ..whole(OpenFrom::Everywhere)
        }],
        Some(
            Condition::Certificates { .. }
            | Condition::Audience { .. }
            | Condition::Marked { .. }
            | Condition::Devices { .. }
            | Condition::Within { .. }
            // Of paths it is told apart.
            | Condition::Below { .. }
            | Condition::Methods { .. }
            | Condition::Granted { .. },
        ) => Vec::new(),
    }
}

fn unchecked_of_all(templates: &[String], holes: Option<&OpenHoles>) -> Vec<Unchecked> {
    let of_all = |what, lines: Vec<String>| Unchecked {
        service: ALL.to_owned(),
        what,
        lines,
    };
    let templates = (!templates.is_empty()).then_some(templates);
    let templates = templates.map(|names| of_all(UncheckedKind::Templates, names.to_vec()));
    let holes = holes.map(|open| {
        let version = std::iter::once(open.caddy.to_string());
        let lines = version.chain(open.holes.iter().cloned());
        of_all(UncheckedKind::Caddy, lines.collect())
    });
    templates.into_iter().chain(holes).collect()
}

fn unchecked(site: &Site) -> impl Iterator<Item = Unchecked> {
    let found = [
        (UncheckedKind::Raw, !site.raw.is_empty(), &site.raw[..]),
        (
            UncheckedKind::HeaderUnderscores,
            site.guard == Guard::GuardButForUnderscores,
            &[],
        ),
        (
            UncheckedKind::UpstreamCertificate,
            site.backend.is_unverified(),
            &[],
        ),
    ];
    let found = found.into_iter().filter(|(_, is_there, _)| *is_there);
    found.map(|(what, _, lines)| Unchecked {
        service: site.service.to_string(),
        what,
        lines: lines.to_vec(),
    })
}

fn believed(behind: &Behind) -> Believed {
    Believed {
        proxies: behind.proxies.iter().map(ToString::to_string).collect(),
        by: behind.by,
    }
}

fn admitted(person: &Person) -> (String, Vec<String>) {
    let devices = person.devices.iter().map(told);
    (person.name.to_string(), devices.collect())
}

fn told_of(audience: &edge::Audience, edge: &Sites) -> Audience {
    let people = audience.people.iter().map(|place| &edge.people[*place]);
    Audience {
        certificates: audience.certificates,
        people: people.map(|person| person.name.to_string()).collect(),
    }
}

/// A device by its name; one that it has a newer certificate of, as that.
fn told(device: &Device) -> String {
    match &device.until {
        Some(until) => format!("{} (its older certificate, until {until})", device.name),
        None => device.name.to_string(),
    }
}
