//! What a declaration means: who is allowed where, under which names, and what is open.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::declaration::{Access, Allow, Declaration, Open, Openings, Person, Service};

/// What `private_ranges` stands for.
const PRIVATE: [&str; 6] = [
    "192.168.0.0/16",
    "172.16.0.0/12",
    "10.0.0.0/8",
    "127.0.0.1/8",
    "fd00::/8",
    "::1",
];

impl Declaration {
    /// Whether the oldest Caddy that is to take the file is at least 2 and this.
    pub fn knows(&self, minor: u32) -> bool {
        let caddy = self.edge.caddy.unwrap_or("2.8");
        let said = caddy.split('.').nth(1).and_then(|minor| minor.parse().ok());
        said.is_some_and(|said: u32| said >= minor)
    }

    /// People in the order of their names.
    pub fn sorted(&self) -> Vec<&Person> {
        let mut people: Vec<&Person> = self.people.iter().collect();
        people.sort_by_key(|person| &person.name);
        people
    }

    /// Whether a line of `allow` is about all of a person's devices.
    fn names(&self, line: &Allow, person: &Person) -> bool {
        let mut groups = self.groups.iter();
        line.names.contains(&person.name)
            || groups.any(|(group, members)| {
                line.names.contains(group) && members.contains(&person.name)
            })
    }

    /// Whether one of these lines lets in a device that comes from these networks.
    pub fn admits(&self, allow: &[Allow], whose: &Person, device: &str, from: &[&str]) -> bool {
        allow.iter().any(|line| {
            let is_there = line.from.is_none_or(|network| from.contains(&network));
            is_there && (self.names(line, whose) || line.has(whose, device))
        })
    }

    /// Lines of `allow`, those that count in the same networks together: first what counts everywhere, then the LAN.
    pub fn counted(&self, allow: &[Allow]) -> Vec<Counted<'_>> {
        let mut lines: BTreeMap<Option<(bool, &'static str)>, Vec<&Allow>> = BTreeMap::new();
        for line in allow {
            let network = line.from.map(|network| (network != "lan", network));
            lines.entry(network).or_default().push(line);
        }
        let mut all: Vec<Counted> = Vec::new();
        for (network, lines) in lines {
            let from = network.map(|(_, name)| name);
            let (mut people, mut devices) = (Vec::new(), Vec::new());
            for person in self.sorted() {
                if lines.iter().any(|line| self.names(line, person)) {
                    people.push(person);
                    continue;
                }
                let mut own = person.devices.clone();
                own.retain(|device| lines.iter().any(|line| line.has(person, device)));
                own.sort();
                devices.extend(own.into_iter().map(|device| (person, device)));
            }
            let names = |counted: &Counted| -> (Vec<String>, Vec<String>) {
                let of_device =
                    |(person, device): &(&Person, String)| format!("{}/{device}", person.name);
                let people = counted.people.iter().map(|person| person.name.clone());
                (
                    people.collect(),
                    counted.devices.iter().map(of_device).collect(),
                )
            };
            let one = Counted {
                people,
                devices,
                from: from.into_iter().collect(),
            };
            match all.iter_mut().find(|other| names(other) == names(&one)) {
                Some(everywhere) if everywhere.from.is_empty() => {}
                Some(other) => other.from.extend(from),
                None => all.push(one),
            }
        }
        all
    }

    fn groups_of(&self, person: &Person) -> String {
        let groups = self
            .groups
            .iter()
            .filter(|(_, members)| members.contains(&person.name));
        let groups: BTreeSet<&str> = groups.map(|(name, _)| name.as_str()).collect();
        groups.into_iter().collect::<Vec<_>>().join(",")
    }

    pub fn email_of(&self, person: &Person) -> String {
        let usual = || format!("{}@{}", person.name, self.domain);
        person.email.clone().unwrap_or_else(usual)
    }

    /// Remote-User and its like.
    pub fn identity(&self, person: &Person) -> [(&'static str, String); 4] {
        let display = person.display.as_ref().unwrap_or(&person.name);
        [
            ("Remote-User", person.name.clone()),
            ("Remote-Name", display.clone()),
            ("Remote-Email", self.email_of(person)),
            ("Remote-Groups", self.groups_of(person)),
        ]
    }

    /// A service's hosts in full, in the order of what is written.
    pub fn hosts(&self, service: &Service) -> Vec<String> {
        let mut written = service.hosts.clone();
        if written.is_empty() {
            written.push(service.name.clone());
        }
        written.sort();
        let full = |host: String| match &host[..] {
            "@" => self.domain.to_owned(),
            full if full.contains('.') => full.to_owned(),
            label => format!("{label}.{}", self.domain),
        };
        written.into_iter().map(full).collect()
    }

    /// The condition of being at home.
    pub fn at_home(&self) -> String {
        self.within(&["lan"])
    }

    /// The ranges of a network.
    pub fn ranges(&self, network: &str) -> Vec<&'static str> {
        match network {
            "lan" if self.edge.lan.is_empty() => PRIVATE.to_vec(),
            "lan" => self.edge.lan.clone(),
            name => {
                let mut networks = self.networks.iter();
                let found = networks.find(|(known, _)| *known == name);
                found.expect("it is declared").1.clone()
            }
        }
    }

    /// The condition of coming from one of these.
    pub fn within(&self, networks: &[&str]) -> String {
        let all: Vec<&str> = networks
            .iter()
            .flat_map(|network| self.ranges(network))
            .collect();
        let ranges = |ranges: &[&str]| json!({ "ranges": ranges });
        let matcher = match &self.edge.behind {
            Some(behind) if !behind.proxy_protocol => "client_ip",
            _ => "remote_ip",
        };
        let home = format!("{matcher} {}", ranges(&all));
        let Some(behind) = &self.edge.behind else {
            return home;
        };
        let not = format!("not {}", json!({ matcher: ranges(&behind.proxies) }));
        if behind.proxy_protocol {
            return format!("{not}, {home}");
        }
        // What cannot be read as an address makes nobody at home.
        const OCTET: &str = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
        const GROUP: &str = "[0-9A-Fa-f]{1,4}";
        let v4 = format!(r"{OCTET}(\.{OCTET}){{3}}");
        let v6 = format!("{GROUP}(:{GROUP}){{7}}|({GROUP}(:{GROUP})*)?::({GROUP}(:{GROUP})*)?");
        let (said, one) = (
            "{http.request.header.X-Forwarded-For}",
            format!("({v4}|{v6})"),
        );
        let readable = format!("{said}.matches(r'^({one}( *, *{one})*)?$')");
        format!("{home}, {readable} && !{said}.matches(r'(:[^,:]*){{8}}'), {not}")
    }
}

impl Service {
    pub fn openings(&self) -> Option<&Openings> {
        match &self.access {
            Access::Everyone => None,
            Access::Networks { openings, .. } | Access::Certificate { openings, .. } => {
                Some(openings)
            }
        }
    }

    /// The networks that need no certificate, though others do or get in nowhere: the LAN first.
    pub fn open(&self) -> Vec<&'static str> {
        match &self.access {
            Access::Everyone => Vec::new(),
            Access::Networks { open, .. } | Access::Certificate { open, .. } => in_order(open),
        }
    }

    /// Whose certificates count.
    pub fn allow(&self) -> &[Allow] {
        match &self.access {
            Access::Certificate { allow, .. } => allow,
            Access::Everyone | Access::Networks { .. } => &[],
        }
    }

    /// Whether the LAN needs no certificate.
    pub fn opens_at_home(&self) -> bool {
        self.open().contains(&"lan")
    }

    /// Whether the LAN needs none for some path that has a policy of its own.
    pub fn opens_below_at_home(&self) -> bool {
        let mut paths = self.paths.iter();
        paths.any(|path| matches!(&path.open, Open::Networks(open) if open.contains(&"lan")))
    }

    /// Whether the upstream is told who came.
    pub fn identity(&self) -> bool {
        matches!(self.access, Access::Certificate { identity: true, .. })
    }

    pub fn shown(&self) -> &str {
        let usual = self.app.map_or(self.name.as_str(), |app| app.title);
        self.title.as_deref().unwrap_or(usual)
    }

    /// Each public path with its methods.
    pub fn public(&self) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
        let mut public: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let Some(openings) = self.openings() else {
            return public;
        };
        for line in &openings.public {
            for path in &line.paths {
                public.entry(path).or_default().extend(line.methods.opened);
            }
        }
        let app = self.app.filter(|_| openings.share_links);
        for (path, methods) in app.into_iter().flat_map(|app| app.share) {
            public.entry(path).or_default().extend(*methods);
        }
        public
    }

    /// Whether some path lets in by certificate.
    fn asks_below(&self) -> bool {
        self.paths.iter().any(|path| !path.allow.is_empty())
    }

    /// What the handshake asks: nothing, or a certificate that a visitor may lack or not.
    pub fn asks(&self, all_ask: bool) -> &'static str {
        let (openings, asked) = match &self.access {
            Access::Everyone | Access::Networks { .. } if self.asks_below() => {
                return "verify_if_given";
            }
            Access::Everyone | Access::Networks { .. } => return "nothing",
            Access::Certificate {
                openings, asked, ..
            } => (openings, asked),
        };
        let below = |path: &super::declaration::PathPolicy| !matches!(path.open, Open::Nobody);
        let opens = !self.open().is_empty()
            || !openings.is_empty()
            || !self.preflight.is_empty()
            || self.paths.iter().any(below);
        if opens || asked.unwrap_or(all_ask) {
            "verify_if_given"
        } else {
            "require_and_verify"
        }
    }
}

impl Allow {
    /// Whether it names that single device.
    fn has(&self, person: &Person, device: &str) -> bool {
        self.names.contains(&format!("{}/{device}", person.name))
    }
}

/// Networks in the order in which they are asked: the LAN, then the others by name.
pub fn in_order(networks: &[&'static str]) -> Vec<&'static str> {
    let mut networks = networks.to_vec();
    networks.sort_by_key(|network| (*network != "lan", *network));
    networks
}

/// Certificates that count in the same networks.
pub struct Counted<'d> {
    pub people: Vec<&'d Person>,
    /// Single devices, of others.
    pub devices: Vec<(&'d Person, String)>,
    /// None for everywhere.
    pub from: Vec<&'static str>,
}
