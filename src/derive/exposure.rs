//! What can be reached, and by whom: read off the edge's own data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::edge::{self, Asked, Behind, Device, OpenPath, Person, Site, Sites};

/// The version of the form below, for scripts. In version 1, which has no number, each service lists its people and their devices.
pub const VERSION: u32 = 2;

/// All that can be reached through the edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exposure {
    /// [`VERSION`].
    pub version: u32,
    /// The domain.
    pub domain: String,
    /// What counts as the LAN.
    pub lan: Vec<String>,
    /// The proxies that are believed about whom they speak for.
    pub behind: Option<Believed>,
    /// What is reachable without a certificate, sorted by service.
    pub without_certificate: Vec<Opening>,
    /// Everybody who is let in by certificate somewhere: the devices, each `person/device`, and what is let in beside a newer
    /// certificate.
    pub people: BTreeMap<String, Vec<String>>,
    /// Who is let in together, each set once: the first service that lets in exactly these is its name.
    pub audiences: BTreeMap<String, Audience>,
    /// Who may reach each service with one, sorted by service.
    pub with_certificate: Vec<Guarded>,
    /// What homelab does not check, sorted by service.
    pub unchecked: Vec<Unchecked>,
}

/// Proxies that are believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Believed {
    /// Their addresses.
    pub proxies: Vec<String>,
    /// How they say for whom they speak.
    pub by: String,
}

/// Something that is reachable without a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// The service.
    pub service: String,
    /// Its hosts.
    pub hosts: Vec<String>,
    /// From where: `everywhere` or `lan`.
    pub from: String,
    /// The path, such as `/share/*`; `/*` for all.
    pub path: String,
    /// The methods; none where all are.
    pub methods: Vec<String>,
    /// Whether the path comes from the catalogue of apps.
    pub share_link: bool,
}

/// A service, and who may reach it with a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guarded {
    /// The service.
    pub service: String,
    /// Its hosts.
    pub hosts: Vec<String>,
    /// What the TLS handshake asks of a visitor: `required` or `asked`.
    pub certificate: String,
    /// Whether the upstream is told who came.
    pub identity: bool,
    /// Who is let in, by the name among [`Exposure::audiences`]; none where nobody is.
    pub audience: Option<String>,
}

/// People who are let in together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audience {
    /// How many certificates they have.
    pub certificates: usize,
    /// Who, sorted by name.
    pub people: Vec<String>,
}

/// Something that homelab does not check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unchecked {
    /// The service.
    pub service: String,
    /// What it is: `raw` lines of a Caddyfile, `upstream-certificate`, that nobody verifies,
    /// `header-underscores`, which some upstreams take for hyphens, `templates` of the user's own, or a
    /// `caddy` with known holes.
    pub what: String,
    /// The lines, or the names of the templates; of Caddy its version, and then its open holes.
    pub lines: Vec<String>,
}

/// From where: from anywhere.
pub const EVERYWHERE: &str = "everywhere";

/// From where: from the LAN.
pub const LAN: &str = "lan";

/// The path of a whole service.
pub const WHOLE: &str = "/*";

/// That the declared Caddy has holes that nothing generated closes.
pub const CADDY: &str = "caddy";

/// What is said of all services. No service is called so.
pub const ALL: &str = "(all)";

/// What the landing page is called where services have their names. No service is called so.
pub const LANDING: &str = "(landing page)";

impl Exposure {
    /// What an edge with this policy exposes, where its files are made with these templates of the user's own.
    pub fn of(edge: &Sites, templates: &[String]) -> Exposure {
        let mut exposure = Exposure {
            version: VERSION,
            domain: edge.domain.clone(),
            lan: edge.lan.clone(),
            behind: edge.behind.as_ref().map(believed),
            without_certificate: Vec::new(),
            people: edge.people.iter().map(admitted).collect(),
            audiences: edge
                .audiences
                .iter()
                .map(|audience| (audience.name.clone(), told_of(audience, edge)))
                .collect(),
            with_certificate: Vec::new(),
            unchecked: Vec::new(),
        };
        if !templates.is_empty() {
            exposure.unchecked.push(Unchecked {
                service: ALL.to_owned(),
                what: "templates".to_owned(),
                lines: templates.to_vec(),
            });
        }
        if !edge.holes.is_empty() {
            exposure.unchecked.push(Unchecked {
                service: ALL.to_owned(),
                what: CADDY.to_owned(),
                lines: edge.holes.clone(),
            });
        }
        exposure.landing(edge);
        for site in &edge.sites {
            let audience = site.audience.map(|place| &edge.audiences[place]);
            exposure.site(site, audience);
        }
        exposure
    }

    fn landing(&mut self, edge: &Sites) {
        let Some(landing) = &edge.landing else {
            return;
        };
        let whole = |hosts| Opening {
            service: LANDING.to_owned(),
            hosts,
            from: LAN.to_owned(),
            path: WHOLE.to_owned(),
            methods: Vec::new(),
            share_link: false,
        };
        let hosts = vec![landing.host.clone()];
        if landing.home {
            self.without_certificate.push(whole(hosts.clone()));
        }
        // Whoever has a certificate is shown something.
        let everybody = Audience {
            certificates: edge.people.iter().map(|p| p.devices.len()).sum(),
            people: edge.people.iter().map(|p| p.name.clone()).collect(),
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
            certificate: "asked".to_owned(),
            identity: false,
            audience,
        });
    }

    fn site(&mut self, site: &Site, audience: Option<&edge::Audience>) {
        let opening = |from: &str, path: &str, methods: &[&'static str], share_link| Opening {
            service: site.service.clone(),
            hosts: site.hosts.clone(),
            from: from.to_owned(),
            path: path.to_owned(),
            methods: methods.iter().map(ToString::to_string).collect(),
            share_link,
        };
        if site.everyone {
            self.without_certificate
                .push(opening(EVERYWHERE, WHOLE, &[], false));
        }
        if site.lan {
            self.without_certificate
                .push(opening(LAN, WHOLE, &[], false));
        }
        let mut public: Vec<Opening> = Vec::new();
        for group in &site.public {
            public.extend(group.paths.iter().map(|OpenPath { path, share_link }| {
                opening(EVERYWHERE, path, &group.methods, *share_link)
            }));
        }
        public.sort_by(|a, b| a.path.cmp(&b.path));
        self.without_certificate.extend(public);
        if let Some(asked) = site.certificate {
            self.with_certificate.push(Guarded {
                service: site.service.clone(),
                hosts: site.hosts.clone(),
                certificate: match asked {
                    Asked::Required => "required",
                    Asked::Asked => "asked",
                }
                .to_owned(),
                identity: site.identity,
                audience: audience.map(|audience| audience.name.clone()),
            });
        }
        let unchecked = |what: &str, lines| Unchecked {
            service: site.service.clone(),
            what: what.to_owned(),
            lines,
        };
        if !site.raw.is_empty() {
            self.unchecked.push(unchecked("raw", site.raw.clone()));
        }
        if site.underscores {
            let underscores = unchecked("header-underscores", Vec::new());
            self.unchecked.push(underscores);
        }
        if site.backend.is_unverified() {
            let certificate = unchecked("upstream-certificate", Vec::new());
            self.unchecked.push(certificate);
        }
    }
}

fn believed(behind: &Behind) -> Believed {
    Believed {
        proxies: behind.proxies.clone(),
        by: match behind.proxy_protocol {
            true => "proxy-protocol",
            false => "x-forwarded-for",
        }
        .to_owned(),
    }
}

fn admitted(person: &Person) -> (String, Vec<String>) {
    let devices = person.devices.iter().map(told);
    (person.name.clone(), devices.collect())
}

fn told_of(audience: &edge::Audience, edge: &Sites) -> Audience {
    let people = audience.people.iter().map(|place| &edge.people[*place]);
    Audience {
        certificates: audience.certificates,
        people: people.map(|person| person.name.clone()).collect(),
    }
}

/// A device by its name; one that it has a newer certificate of, as that.
fn told(device: &Device) -> String {
    match &device.until {
        Some(until) => format!("{} (its older certificate, until {until})", device.name),
        None => device.name.clone(),
    }
}
