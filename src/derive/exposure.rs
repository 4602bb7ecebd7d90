//! What can be reached, and by whom: read off the edge's own data.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::beside::Beside;
use super::edge::{
    self, Answer, Condition, Device, Edge, Extras, Guard, Mark, Matcher, OpenHoles, PathSite,
    Person, Public, Site, Sites,
};
use crate::model::{Behind, CertificateMode, Forwarding, Gateway, Network, Origin, SignIn};

/// The version of the form below, for scripts. In version 1, which has no number, each service lists its people and their devices.
pub(super) const VERSION: u32 = 2;

/// All that can be reached through the edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exposure {
    /// [`VERSION`].
    pub version: u32,
    pub domain: String,
    /// What counts as the LAN.
    pub lan: Vec<String>,
    /// The networks that are declared by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub networks: BTreeMap<String, Vec<String>>,
    /// The proxies that are believed about whom they speak for.
    pub behind: Option<Believed>,
    /// What is reachable without a certificate, sorted by service.
    pub without_certificate: Vec<Opening>,
    /// Where visitors sign in, where they can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayExposure>,
    /// What is reachable without a certificate by whoever signs in there, sorted by service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_sign_in: Vec<Opening>,
    /// Everybody who is let in by certificate somewhere: the devices, each `person/device`, and what is let in beside a newer
    /// certificate.
    pub people: BTreeMap<String, Vec<String>>,
    /// Who is let in together, each set once: the first service that lets in exactly these is its name.
    pub audiences: BTreeMap<String, Audience>,
    /// Who may reach each service with one, sorted by service.
    pub with_certificate: Vec<Guarded>,
    /// The paths that have policies of their own, sorted by service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<PathExposure>,
    /// What homelab does not check, sorted by service.
    pub unchecked: Vec<Unchecked>,
    /// What the edge does besides letting in.
    #[serde(flatten)]
    pub beside: Beside,
}

/// Where visitors sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GatewayExposure {
    pub name: String,
    /// Where it is.
    pub upstreams: Vec<String>,
    /// The headers by which upstreams are told of who has signed in, the one that says who first.
    pub headers: Vec<String>,
    /// Paths on the hosts of services that are its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Believed {
    pub proxies: Vec<String>,
    /// How they say for whom they speak.
    pub by: Forwarding,
}

/// Something that is reachable without a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Opening {
    pub service: String,
    pub hosts: Vec<String>,
    pub from: OpenFrom,
    /// The path, such as `/share/*`; `/*` for all.
    pub path: String,
    /// The methods; none where all are.
    pub methods: Vec<String>,
    /// Whether the path comes from the catalogue of apps.
    pub share_link: bool,
    /// The pages that may ask for it, where only those may: what they ask is what they may send.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
}

impl Opening {
    /// Whether it opens the whole service.
    pub(crate) fn is_whole(&self) -> bool {
        self.path == WHOLE && self.methods.is_empty()
    }
}

/// A path that has a policy of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PathExposure {
    pub service: String,
    pub hosts: Vec<String>,
    /// The path, such as `/admin/*`.
    pub path: String,
    pub without_certificate: Vec<PathOpening>,
    /// The same for whoever signs in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_sign_in: Vec<PathOpening>,
    pub with_certificate: Vec<CertificateGrant>,
}

/// From where a path is open, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PathOpening {
    pub from: OpenFrom,
    /// The methods; none where all are.
    pub methods: Vec<String>,
}

/// Certificates that count together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CertificateGrant {
    /// By the name among [`Exposure::audiences`].
    pub audience: Option<String>,
    /// Single devices.
    pub devices: Vec<String>,
    /// The networks in which they count; empty for everywhere.
    pub from: Vec<String>,
    /// Whether signing in is needed besides.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sign_in: bool,
}

/// From where something is open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OpenFrom {
    Everywhere,
    Lan,
    /// A network that is declared by name.
    #[serde(untagged)]
    Network(String),
}

impl OpenFrom {
    fn network(name: &str) -> OpenFrom {
        match name {
            Network::LAN => OpenFrom::Lan,
            name => OpenFrom::Network(name.to_owned()),
        }
    }
}

/// A service, and who may reach it with a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Guarded {
    pub service: String,
    pub hosts: Vec<String>,
    /// What the TLS handshake asks of a visitor.
    pub certificate: CertificateMode,
    /// Whether the upstream is told who came.
    pub identity: bool,
    /// Who is let in, by the name among [`Exposure::audiences`]; none where nobody is.
    pub audience: Option<String>,
    /// Single devices that are let in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<String>,
    /// The networks in which they are; empty for everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// Whether signing in is needed besides.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sign_in: bool,
}

/// People who are let in together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Audience {
    /// How many certificates they have.
    pub certificates: usize,
    /// Who, sorted by name.
    pub people: Vec<String>,
}

/// Something that homelab does not check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unchecked {
    pub service: String,
    pub what: UncheckedKind,
    /// The lines, or the names of the templates; of Caddy its version, and then its open holes.
    pub lines: Vec<String>,
}

/// What homelab does not check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum UncheckedKind {
    /// The declared Caddy has holes that nothing generated closes.
    Caddy,
    /// Headers with an underscore in their names are passed on, which some upstreams take for a hyphen.
    HeaderUnderscores,
    Raw,
    /// Templates of the user's own.
    Templates,
    /// A certificate of an upstream that nobody verifies.
    UpstreamCertificate,
}

#[cfg(test)]
impl UncheckedKind {
    pub(crate) const ALL: [UncheckedKind; 5] = [
        UncheckedKind::Caddy,
        UncheckedKind::HeaderUnderscores,
        UncheckedKind::Raw,
        UncheckedKind::Templates,
        UncheckedKind::UpstreamCertificate,
    ];
}

/// The path of a whole service.
const WHOLE: &str = "/*";

/// What is said of all services. No service is called so.
pub(crate) const ALL: &str = "(all)";

/// What the landing page is called where services have their names. No service is called so.
pub(crate) const LANDING: &str = "(landing page)";

/// What hosts are called that nobody declares. No service is called so.
pub(crate) const FALLBACK: &str = "(fallback)";

fn with_port(host: impl std::fmt::Display, extras: &Extras) -> String {
    match extras.port {
        Some(port) => format!("{host}:{port}"),
        None => host.to_string(),
    }
}

impl Exposure {
    /// What this edge exposes, where its files are made with these templates of the user's own.
    pub(crate) fn of(edge: &Edge, templates: &[String]) -> Exposure {
        let Edge { sites, holes, .. } = edge;
        let audiences = sites.audiences.iter();
        let mut exposure = Exposure {
            version: VERSION,
            domain: sites.domain.to_string(),
            lan: sites.lan.clone(),
            networks: sites.networks.clone(),
            behind: sites.behind.as_ref().map(believed),
            without_certificate: Vec::new(),
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
        exposure
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
