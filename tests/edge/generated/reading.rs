//! What a declaration means: who is allowed where, under which names, and what is open.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::declaration::{Access, Declaration, Openings, Person, Service};

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

    /// Those that `allow` names, in the order of their names.
    pub fn allowed(&self, service: &Service) -> Vec<&Person> {
        let Access::Certificate { allow, .. } = &service.access else {
            return Vec::new();
        };
        let in_group = |person: &Person| {
            let groups = self
                .groups
                .iter()
                .filter(|(group, _)| allow.contains(group));
            groups
                .into_iter()
                .any(|(_, members)| members.contains(&person.name))
        };
        let mut people = self.sorted();
        people.retain(|person| allow.contains(&person.name) || in_group(person));
        people
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
        let lan = if self.edge.lan.is_empty() {
            &PRIVATE[..]
        } else {
            &self.edge.lan
        };
        let ranges = |ranges: &[&str]| json!({ "ranges": ranges });
        let matcher = match &self.edge.behind {
            Some(behind) if !behind.proxy_protocol => "client_ip",
            _ => "remote_ip",
        };
        let home = format!("{matcher} {}", ranges(lan));
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
            Access::Lan(openings) | Access::Certificate { openings, .. } => Some(openings),
        }
    }

    /// Whether the LAN needs no certificate, though others do or get in nowhere.
    pub fn opens_at_home(&self) -> bool {
        matches!(
            self.access,
            Access::Lan(_) | Access::Certificate { lan: true, .. }
        )
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

    /// What the handshake asks: nothing, or a certificate that a visitor may lack or not.
    pub fn asks(&self, all_ask: bool) -> &'static str {
        match &self.access {
            Access::Everyone | Access::Lan(_) => "nothing",
            Access::Certificate {
                lan,
                openings,
                asked,
                ..
            } => {
                let asked = *lan || !openings.is_empty() || asked.unwrap_or(all_ask);
                if asked {
                    "verify_if_given"
                } else {
                    "require_and_verify"
                }
            }
        }
    }
}
