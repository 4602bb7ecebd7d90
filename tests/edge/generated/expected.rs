//! What Caddy is to make of a declaration, in the form of `described`: from the declaration's meaning and the order in which Caddy runs
//! its directives, and from nothing that the compiler says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::declaration::{
    Access, Backend, Certificates, Declaration, Openings, Person, Scheme, Service, Trust, Upstreams,
};
use crate::described::{Meaning, sort_alike};

/// What is done with a request.
enum Step {
    Line(String),
    If(String, Vec<Step>),
    /// The first whose condition holds.
    First(Vec<(Option<String>, Vec<Step>)>),
}

/// The order of those of Caddy's directives that stand in a site, in its own list.
const ORDER: [&str; 11] = [
    "root",
    "header",
    "request_body",
    "redir",
    "rewrite",
    "request_header",
    "encode",
    "handle",
    "error",
    "reverse_proxy",
    "file_server",
];

/// What `private_ranges` stands for.
const PRIVATE: [&str; 6] = [
    "192.168.0.0/16",
    "172.16.0.0/12",
    "10.0.0.0/8",
    "127.0.0.1/8",
    "fd00::/8",
    "::1",
];

const CLIMBS: &str = r"(?i)(^|[/\\]|%2f|%5c)(\.|%2e){2}([/\\;]|%2f|%5c|%3b|$)";

pub fn meaning(declared: &Declaration) -> Meaning {
    let edge = &declared.edge;
    let mut server =
        json!({ "listen": [":443"], "protocols": ["h1", "h2"], "strict_sni_host": true });
    if let Some(behind) = &edge.behind {
        if behind.proxy_protocol {
            let wrapper = json!({ "wrapper": "proxy_protocol", "allow": behind.proxies });
            server["listener_wrappers"] = json!([wrapper, { "wrapper": "tls" }]);
        } else {
            server["trusted_proxies"] = json!({ "source": "static", "ranges": behind.proxies });
            server["trusted_proxies_strict"] = json!(1);
        }
    }
    let mut sites: Vec<String> = declared
        .services
        .iter()
        .map(|service| site(declared, service))
        .collect();
    if edge.landing {
        sites.push(landing(declared));
    }
    let wildcard = matches!(edge.certificates, Certificates::Dns) && declared.knows(10);
    if wildcard {
        sites.push(format!(
            "*.{}: nothing\n  {{\"abort\":true}}",
            declared.domain
        ));
    }
    let publicly = matches!(edge.certificates, Certificates::Acme | Certificates::Dns);
    let apps = if publicly && edge.email.is_none() {
        vec!["http"]
    } else {
        vec!["http", "tls"]
    };
    Meaning {
        apps,
        server,
        sites,
    }
}

impl Declaration {
    /// Whether the oldest Caddy that is to take the file is at least 2 and this.
    pub fn knows(&self, minor: u32) -> bool {
        let caddy = self.edge.caddy.unwrap_or("2.6");
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
    fn at_home(&self) -> String {
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
        if matcher < "not" {
            format!("{home}, {not}")
        } else {
            format!("{not}, {home}")
        }
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

fn site(declared: &Declaration, service: &Service) -> String {
    let mut hosts = declared.hosts(service);
    hosts.sort();
    let mut steps = Vec::new();
    if matches!(
        declared.edge.certificates,
        Certificates::Acme | Certificates::Dns
    ) {
        steps.push(line(
            "unless there, answer with Strict-Transport-Security: max-age=31536000",
        ));
    }
    let headers: BTreeMap<String, &String> = service
        .headers
        .iter()
        .map(|(name, value)| (canonical(name), value))
        .collect();
    for (name, value) in headers {
        steps.push(line(format!("in the end, answer with {name}: {value}")));
    }
    steps.extend(
        service
            .max_body
            .map(|(_, bytes)| line(format!("at most {bytes} bytes"))),
    );
    steps.push(line("unless a websocket: delete Upgrade"));
    steps.push(line("delete Remote*"));
    steps.push(policy(declared, service));
    let asks = service.asks(declared.edge.asked);
    let pages = pages(
        declared,
        asks != "nothing",
        service.opens_at_home(),
        matches!(service.access, Access::Everyone),
    );
    written(&hosts, asks, &steps, &pages)
}

fn written(hosts: &[String], asks: &str, steps: &[Step], pages: &[Step]) -> String {
    let mut text = format!("{}: {asks}", hosts.join(" "));
    print(steps, 2, &mut text);
    text += "\n  failing:";
    print(pages, 4, &mut text);
    text
}

fn policy(declared: &Declaration, service: &Service) -> Step {
    let answer = |first: Option<&str>, person: Option<&Person>| {
        let mut steps = answer(declared, service, person);
        steps.extend(first.map(|step| ("request_header", line(step))));
        // Before the `raw` lines of the same directive.
        steps.rotate_right(usize::from(first.is_some()));
        ordered(steps)
    };
    if let Access::Everyone = service.access {
        return Step::First(vec![(None, answer(None, None))]);
    }
    let mut routes = Vec::new();
    let people = declared
        .allowed(service)
        .into_iter()
        .filter(|person| !person.devices.is_empty());
    let people: Vec<&Person> = people.collect();
    if let Access::Certificate { identity: true, .. } = service.access {
        for person in people {
            routes.push((Some(certificate_of(&[person])), answer(None, Some(person))));
        }
    } else if !people.is_empty() {
        routes.push((Some(certificate_of(&people)), answer(None, None)));
    }
    if service.opens_at_home() {
        routes.push((Some(declared.at_home()), answer(None, None)));
    }
    for condition in public(service) {
        routes.push((Some(condition), answer(Some("delete Upgrade"), None)));
    }
    routes.push((None, vec![line("error 403")]));
    Step::First(routes)
}

/// The conditions of public paths, those of the same methods in one.
fn public(service: &Service) -> Vec<String> {
    const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let mut by_methods: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
    for (path, methods) in service.public() {
        let methods = METHODS
            .into_iter()
            .filter(|method| methods.contains(method))
            .collect();
        by_methods.entry(methods).or_default().push(path);
    }
    let condition = |(methods, paths): (Vec<&str>, Vec<&str>)| {
        let pattern = |path: &&str| match path.strip_suffix('*') {
            Some(prefix) => prefix.replace('.', "\\.") + "([A-Za-z0-9_~-][A-Za-z0-9._~-]*/?)*",
            None => path.replace('.', "\\."),
        };
        let patterns: Vec<String> = paths.iter().map(pattern).collect();
        let any = match &patterns[..] {
            [one] => one.clone(),
            several => format!("({})", several.join("|")),
        };
        format!(
            "method {}, path {}, uri ^{any}(\\?.*)?$",
            json!(methods),
            json!(paths)
        )
    };
    by_methods.into_iter().map(condition).collect()
}

/// What is done with a request that is let in, each step with its directive.
fn answer(
    declared: &Declaration,
    service: &Service,
    person: Option<&Person>,
) -> Vec<(&'static str, Step)> {
    let raw = service
        .raw
        .iter()
        .map(|raw| (raw.directive, line(raw.meaning)));
    let mut steps: Vec<(&str, Step)> = raw.collect();
    match &service.backend {
        Backend::Files { root, browse } => {
            steps.push(("root", line(format!("root {root}"))));
            steps.push((
                "file_server",
                line(if *browse { "files, listed" } else { "files" }),
            ));
        }
        Backend::Redirect {
            to,
            same_path,
            status,
        } => {
            let uri = if *same_path { "{http.request.uri}" } else { "" };
            let status = status.unwrap_or(302);
            steps.push(("redir", line(format!("redirect {status} {to}{uri}"))));
        }
        Backend::Proxy { rest, by_path, .. } => {
            let identity = person.map(|person| declared.identity(person));
            let port = service.app.map(|app| app.port);
            let passed = |upstreams, port| passed_on(service, upstreams, port, identity.as_ref());
            if by_path.is_empty() {
                steps.extend(passed(rest, port));
            } else {
                let mut paths: Vec<_> = by_path.iter().collect();
                // Caddy's own order: the longer path first.
                paths.sort_by_key(|(path, _)| (std::cmp::Reverse(path.len()), *path));
                let mut routes: Vec<_> = paths
                    .into_iter()
                    .map(|(path, upstreams)| {
                        let condition = format!("path {}", json!([path]));
                        (Some(condition), ordered(passed(upstreams, None)))
                    })
                    .collect();
                routes.push((None, ordered(passed(rest, port))));
                steps.push(("handle", Step::First(routes)));
            }
        }
    }
    steps
}

fn passed_on(
    service: &Service,
    upstreams: &Upstreams,
    port: Option<u16>,
    identity: Option<&[(&'static str, String); 4]>,
) -> Vec<(&'static str, Step)> {
    let Backend::Proxy {
        dial,
        response,
        stream,
        ..
    } = &service.backend
    else {
        unreachable!("only a proxy has upstreams");
    };
    let mut steps = Vec::new();
    if let Some(prefix) = upstreams.prefix {
        steps.push((
            "rewrite",
            line(format!("rewrite {prefix}{{http.request.uri}}")),
        ));
        let climbs = format!("sent path {CLIMBS}");
        steps.push(("error", Step::If(climbs, vec![line("error 400")])));
    }
    let https = upstreams.scheme == Scheme::Https;
    let dialled = upstreams.addresses.iter().map(|address| {
        let has_port = address
            .rsplit(']')
            .next()
            .is_some_and(|end| end.contains(':'));
        match upstreams.scheme {
            Scheme::Unix => format!("unix/{address}"),
            _ if has_port => address.clone(),
            Scheme::Https => format!("{address}:443"),
            Scheme::Http | Scheme::H2c => format!("{address}:{}", port.unwrap_or(80)),
        }
    });
    let mut text = format!("proxy {}", dialled.collect::<Vec<_>>().join(" "));
    if *stream {
        text += " flush_interval=-1";
    }
    if upstreams.addresses.len() > 1 {
        text += r#" health_checks={"passive":{"fail_duration":30000000000}}"#;
        let mut balancing = json!({ "try_duration": 5_000_000_000_u64 });
        if let Some(policy) = upstreams.policy {
            balancing["selection_policy"] = json!({ "policy": policy });
        }
        text += &format!(" load_balancing={balancing}");
    }
    let mut transport = Map::new();
    let mut tls = json!({});
    match &upstreams.trust {
        Trust::System => {}
        Trust::Unverified => tls["insecure_skip_verify"] = json!(true),
        Trust::Authority(file) => tls["root_ca_pem_files"] = json!([file]),
    }
    if let Some(name) = upstreams.server_name {
        tls["server_name"] = json!(name);
    }
    transport.extend(https.then(|| ("tls".to_owned(), tls)));
    let h2c = upstreams.scheme == Scheme::H2c;
    transport.extend(h2c.then(|| ("versions".to_owned(), json!(["h2c", "2"]))));
    for (name, time) in [
        ("dial_timeout", dial),
        ("response_header_timeout", response),
    ] {
        transport.extend(time.map(|(_, time)| (name.to_owned(), json!(time))));
    }
    if !transport.is_empty() {
        text += &format!(" {}", Value::Object(transport));
    }
    let mut headers = Map::new();
    headers.extend(https.then(|| ("Host".to_owned(), json!(["{http.request.host}"]))));
    for (name, value) in identity.into_iter().flatten() {
        headers.insert((*name).to_owned(), json!([value]));
    }
    if !headers.is_empty() {
        text += &format!(" {}", Value::Object(headers));
    }
    steps.push(("reverse_proxy", line(text)));
    steps
}

/// Steps in the order in which Caddy runs their directives.
fn ordered(mut steps: Vec<(&'static str, Step)>) -> Vec<Step> {
    steps.sort_by_key(|(directive, _)| ORDER.iter().position(|known| known == directive));
    steps.into_iter().map(|(_, step)| step).collect()
}

fn certificate_of(people: &[&Person]) -> String {
    let mut devices = Vec::new();
    for person in people {
        let mut own: Vec<String> = person
            .devices
            .iter()
            .map(|device| format!("{}/{device}", person.name))
            .collect();
        own.sort();
        devices.extend(own);
    }
    format!("certificate of {}", devices.join(" "))
}

/// The domain's own site.
fn landing(declared: &Declaration) -> String {
    let mut visitors: BTreeMap<Vec<Link>, Vec<&Person>> = BTreeMap::new();
    for person in declared.sorted() {
        if !person.devices.is_empty() {
            visitors
                .entry(links_of(declared, person))
                .or_default()
                .push(person);
        }
    }
    let mut routes = Vec::new();
    for (links, people) in visitors {
        routes.push((
            Some(certificate_of(&people)),
            landing_page(declared, &links),
        ));
    }
    let at_home = declared.services.iter().any(Service::opens_at_home);
    if at_home {
        let open = |service: &&Service| {
            service.opens_at_home() || matches!(service.access, Access::Everyone)
        };
        let links: Vec<Link> = by_name(declared)
            .into_iter()
            .filter(open)
            .map(|service| link(declared, service, false))
            .collect();
        routes.push((Some(declared.at_home()), landing_page(declared, &links)));
    }
    routes.push((None, vec![line("error 403")]));
    let pages = pages(declared, true, at_home, false);
    written(
        &[declared.domain.to_owned()],
        "verify_if_given",
        &[Step::First(routes)],
        &pages,
    )
}

/// A title, a host, and whether it opens at home only.
type Link = (String, String, bool);

fn link(declared: &Declaration, service: &Service, at_home_only: bool) -> Link {
    (
        service.shown().to_owned(),
        declared.hosts(service)[0].clone(),
        at_home_only,
    )
}

fn by_name(declared: &Declaration) -> Vec<&Service> {
    let mut services: Vec<&Service> = declared.services.iter().collect();
    services.sort_by_key(|service| &service.name);
    services
}

fn links_of(declared: &Declaration, person: &Person) -> Vec<Link> {
    let usable = |service: &Service| {
        let allowed = declared
            .allowed(service)
            .iter()
            .any(|other| other.name == person.name);
        match service.access {
            Access::Everyone => Some(false),
            _ if allowed => Some(false),
            _ => service.opens_at_home().then_some(true),
        }
    };
    let services = by_name(declared).into_iter();
    services
        .filter_map(|service| Some(link(declared, service, usable(service)?)))
        .collect()
}

fn landing_page(declared: &Declaration, links: &[Link]) -> Vec<Step> {
    let mut steps = page(declared, declared.domain);
    steps.extend(links.iter().map(|(title, host, at_home_only)| {
        let only = if *at_home_only { ", at home only" } else { "" };
        line(format!("link: https://{host}/ {title} = {host}{only}"))
    }));
    steps
}

/// What a visitor is told who is not let in, or whose service does not answer.
fn pages(declared: &Declaration, certificate: bool, home: bool, everyone: bool) -> Vec<Step> {
    let down = page(declared, "This does not answer at the moment");
    let mut routes = vec![(Some("status 502 503 504".to_owned()), down)];
    if everyone {
        return vec![Step::First(routes)];
    }
    let mut refused = page(declared, "");
    refused.pop();
    let mut told = Vec::new();
    let mut former: Vec<String> = Vec::new();
    for person in declared.sorted() {
        former.extend(
            person
                .former
                .iter()
                .map(|device| format!("{}/{device}", person.name)),
        );
    }
    let title = |title: &str| vec![line(format!("page: {title}"))];
    if certificate {
        if !former.is_empty() {
            let retired = format!("certificate of {}", former.join(" "));
            told.push((Some(retired), title("This certificate is no longer let in")));
        }
        told.push((
            Some("any certificate".to_owned()),
            title("You may not use this"),
        ));
    }
    let last = match (certificate, home) {
        (true, true) => "This needs a certificate away from home",
        (true, false) => "This needs a certificate",
        (false, _) => "This opens at home only",
    };
    told.push((None, title(last)));
    refused.push(Step::First(told));
    routes.push((Some("status 403".to_owned()), refused));
    vec![Step::First(routes)]
}

fn page(declared: &Declaration, title: &str) -> Vec<Step> {
    let mut headers = vec![
        "Cache-Control: no-store",
        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'",
        "Content-Type: text/html; charset=utf-8",
        "Referrer-Policy: no-referrer",
    ];
    if matches!(
        declared.edge.certificates,
        Certificates::Acme | Certificates::Dns
    ) {
        headers.push("Strict-Transport-Security: max-age=31536000");
    }
    headers.push("X-Content-Type-Options: nosniff");
    let headers = headers
        .into_iter()
        .map(|header| line(format!("answer with {header}")));
    headers.chain([line(format!("page: {title}"))]).collect()
}

/// A header's name as Go writes it.
fn canonical(name: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..].to_lowercase();
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

fn line(text: impl Into<String>) -> Step {
    Step::Line(text.into())
}

/// Writes steps as `described` does.
fn print(steps: &[Step], indent: usize, text: &mut String) {
    let begin = |text: &mut String, line: &str| {
        *text += &format!("\n{:indent$}{line}", "");
    };
    for step in steps {
        match step {
            Step::Line(line) => begin(text, line),
            Step::If(condition, inner) => match &inner[..] {
                [Step::Line(line)] => begin(text, &format!("{condition}: {line}")),
                inner => {
                    begin(text, condition);
                    print(inner, indent + 5, text);
                }
            },
            Step::First(routes) => match &routes[..] {
                [(None, inner)] => print(inner, indent, text),
                [(Some(condition), inner)] => {
                    begin(text, condition);
                    print(inner, indent + 5, text);
                }
                routes => {
                    let nested = routes.iter().map(|(condition, inner)| {
                        let mut nested = String::new();
                        print(inner, indent + 5, &mut nested);
                        (condition.clone(), nested)
                    });
                    let mut routes: Vec<(Option<String>, String)> = nested.collect();
                    sort_alike(&mut routes);
                    for (number, (condition, nested)) in routes.iter().enumerate() {
                        let number = number + 1;
                        match condition {
                            Some(condition) => {
                                begin(text, &format!("{number}. {condition}{nested}"))
                            }
                            None => begin(text, &format!("{number}. {}", nested.trim_start())),
                        }
                    }
                }
            },
        }
    }
}
