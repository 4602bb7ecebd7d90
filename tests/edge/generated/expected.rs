//! What Caddy is to make of a declaration, in the form of `described`: from the declaration's meaning and the order in which Caddy runs
//! its directives, and from nothing that the compiler says.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::declaration::{
    Access, Backend, Certificates, Declaration, Person, Scheme, Service, Trust, Upstreams,
};
use super::pages::{landing, pages};
use super::reading::Counted;
use super::steps::{Step, line, ordered, print};
use crate::described::Meaning;
use crate::headers::removed;

const OVERLONG: &str = r"(?i)^[^?]*(%(c0|e0%80|f0%80%80)%a[ef]|%(c1|e0%81|f0%80%81)%9c)";
const CLIMBS: &str = r"(?i)[\x00-\x1f\x7f]|%[01][0-9a-f]|%7f|%(25)+(2e|2f|5c)|(^|[/\\]|%2f|%5c)(\.|%2e){2}( |%20)*([/\\;?#]|%2f|%5c|%3b|%3f|%23|$)";

/// What is done first with a header by which some upstreams see another request, on public paths.
const AS_SENT: [&str; 5] = [
    "delete Upgrade",
    "delete X-HTTP-Method*",
    "delete X-HTTP-Verb*",
    "delete X-Method*",
    "delete *Method-Override",
];

pub fn meaning(declared: &Declaration) -> Meaning {
    let edge = &declared.edge;
    let mut server = json!({ "listen": [":443"], "protocols": ["h1", "h2"], "strict_sni_host": true,
            "read_header_timeout": 10_000_000_000_u64, "idle_timeout": 120_000_000_000_u64 });
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

fn site(declared: &Declaration, service: &Service) -> String {
    let mut hosts = declared.hosts(service);
    hosts.sort();
    // Variables with a condition come after those without.
    let mut steps = kept(declared);
    if !service.public().is_empty() {
        steps.push(line("a plain path: set {\"path\":\"plain\"}"));
    }
    steps.extend(insisting(declared));
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
    steps.extend(guard(declared, service.header_underscores));
    steps.push(policy(declared, service));
    let asks = service.asks(declared.edge.asked);
    let pages = pages(
        declared,
        asks != "nothing",
        service.opens_at_home() || service.opens_below_at_home(),
        matches!(service.access, Access::Everyone) && service.paths.is_empty(),
    );
    written(&hosts, asks, &steps, &pages)
}

/// What is said of every site before its own lines.
pub fn first(declared: &Declaration) -> Vec<Step> {
    let mut steps = kept(declared);
    steps.extend(insisting(declared));
    steps
}

/// What a proxy before this one has said, and is believed in.
fn kept(declared: &Declaration) -> Vec<Step> {
    let kept = r#"set {"forwarded-for":"{http.request.header.X-Forwarded-For}","forwarded-proto":"{http.request.header.X-Forwarded-Proto}"}"#;
    let kept = speaks_in_a_header(declared).then(|| line(kept));
    kept.into_iter().collect()
}

fn speaks_in_a_header(declared: &Declaration) -> bool {
    let behind = declared.edge.behind.as_ref();
    behind.is_some_and(|behind| !behind.proxy_protocol)
}

/// Where all browsers know the sites' certificates, they are told to insist on them.
fn insisting(declared: &Declaration) -> Vec<Step> {
    let publicly = matches!(
        declared.edge.certificates,
        Certificates::Acme | Certificates::Dns
    );
    let told = "unless there, answer with Strict-Transport-Security: max-age=31536000";
    publicly.then(|| line(told)).into_iter().collect()
}

/// What is done to the headers of every request.
pub fn guard(declared: &Declaration, underscores: bool) -> Vec<Step> {
    let in_a_header = speaks_in_a_header(declared);
    let mut steps = vec![
        line("unless a websocket: delete Upgrade"),
        line("a websocket: set Upgrade: websocket"),
    ];
    if in_a_header {
        steps.push(line("true: delete X-Forwarded*"));
        for (kept, name) in [("for", "For"), ("proto", "Proto")] {
            let value = format!("{{http.vars.forwarded-{kept}}}");
            steps.push(line(format!(
                "{value} != '': set X-Forwarded-{name}: {value}"
            )));
        }
    }
    let removed = removed(underscores).filter(|name| !(in_a_header && *name == "X-Forwarded*"));
    steps.extend(removed.map(|name| line(format!("delete {name}"))));
    steps
}

/// The routes that come before those of the policy.
pub fn first_routes() -> Vec<(Option<String>, Vec<Step>)> {
    let methods = r#"method ["CONNECT","TRACE"]"#;
    vec![
        (Some("no path".to_owned()), vec![line("error 400")]),
        (Some("no host".to_owned()), vec![line("error 400")]),
        (Some(methods.to_owned()), vec![line("error 405")]),
    ]
}

/// A site as `described` has it.
pub fn written(hosts: &[String], asks: &str, steps: &[Step], pages: &[Step]) -> String {
    let mut text = format!("{}: {asks}", hosts.join(" "));
    print(steps, 2, &mut text);
    text += "\n  failing:";
    print(pages, 4, &mut text);
    text
}

fn policy(declared: &Declaration, service: &Service) -> Step {
    let answer = |first: &[&str], person: Option<&Person>| {
        let first = first.iter().map(|step| ("request_header", line(*step)));
        // Before the `raw` lines of the same directive.
        let mut steps: Vec<(&str, Step)> = first.collect();
        steps.extend(self::answer(declared, service, person));
        ordered(steps)
    };
    let mut routes = first_routes();
    if let Access::Everyone = service.access {
        routes.push((None, answer(&[], None)));
        return Step::First(routes);
    }
    for counted in declared.counted(service.allow()) {
        for (condition, person) in certificates(&counted, service.identity()) {
            let condition = match &counted.from[..] {
                [] => condition,
                from => format!("{}, {condition}", declared.within(from)),
            };
            routes.push((Some(condition), answer(&[], person)));
        }
    }
    for network in service.open() {
        routes.push((Some(declared.within(&[network])), answer(&[], None)));
    }
    for condition in public(service) {
        routes.push((Some(condition), answer(&AS_SENT, None)));
    }
    if !service.preflight.is_empty() {
        routes.push((Some(asked_by_pages(service)), answer(&AS_SENT, None)));
    }
    routes.push((None, vec![line("error 403")]));
    Step::First(routes)
}

/// The conditions of certificates that count together, each with the person of whom the upstream is told.
fn certificates<'d>(counted: &Counted<'d>, identity: bool) -> Vec<(String, Option<&'d Person>)> {
    let all = || {
        counted
            .people
            .iter()
            .filter(|person| !person.devices.is_empty())
    };
    let named = |devices: &[&(&Person, String)]| {
        let names = devices
            .iter()
            .map(|(person, device)| format!("{}/{device}", person.name));
        format!("certificate of {}", names.collect::<Vec<_>>().join(" "))
    };
    let devices: Vec<_> = counted.devices.iter().collect();
    if !identity {
        let people: Vec<&Person> = all().copied().collect();
        let people = (!people.is_empty()).then(|| (certificate_of(&people), None));
        let devices = (!devices.is_empty()).then(|| (named(&devices), None));
        return people.into_iter().chain(devices).collect();
    }
    let people = all().map(|person| (certificate_of(&[person]), Some(*person)));
    let of_one = devices.chunk_by(|one, other| one.0.name == other.0.name);
    let devices = of_one.map(|own| (named(own), Some(own[0].0)));
    people.chain(devices).collect()
}

/// The condition of a browser's question, which is asked without a certificate.
fn asked_by_pages(service: &Service) -> String {
    let mut origins = service.preflight.clone();
    origins.sort_unstable();
    let headers = json!({ "Access-Control-Request-Method": ["*"], "Origin": origins });
    format!("header {headers}, method [\"OPTIONS\"]")
}

/// The conditions of public paths, those of the same methods in one.
fn public(service: &Service) -> Vec<String> {
    const METHODS: [&str; 9] = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT",
    ];
    let mut by_methods: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
    for (path, methods) in service.public() {
        let methods = METHODS
            .into_iter()
            .filter(|method| methods.contains(method))
            .collect();
        by_methods.entry(methods).or_default().push(path);
    }
    let condition = |(methods, paths): (Vec<&str>, Vec<&str>)| {
        let pattern = |path: &&str| {
            let text = path.replace('.', "\\.");
            match (text.split_once('*'), path.ends_with("/*")) {
                (None, _) => text,
                (Some((below, _)), true) => format!("{below}([^./?][^/?]*/?)*"),
                (Some((begin, "")), false) => format!("{begin}[^/?]*"),
                (Some((begin, end)), _) if begin.ends_with('/') => {
                    format!("{begin}[^./?;][^/?;]*{end}")
                }
                (Some((begin, end)), _) => format!("{begin}[^/?;]*{end}"),
            }
        };
        let patterns: Vec<String> = paths.iter().map(pattern).collect();
        let any = match &patterns[..] {
            [one] => one.clone(),
            several => format!("({})", several.join("|")),
        };
        format!(
            "uri ^{any}(\\?.*)?$, method {}, path {}, plain",
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
            let [climbs, backslash] =
                [CLIMBS, r"[\\]"].map(|pattern| format!("sent path {pattern}"));
            let refused = [climbs, format!("sent uri {OVERLONG}"), backslash]
                .map(|path| Step::If(path, vec![line("error 400")]));
            steps.extend(refused.map(|step| ("error", step)));
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
        steps.push(("rewrite", line(format!("rewrite path ^ {prefix}"))));
        for refused in [
            format!("sent path {CLIMBS}"),
            format!("sent uri {OVERLONG}"),
        ] {
            steps.push(("error", Step::If(refused, vec![line("error 400")])));
        }
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
        text += r#" health_checks={"passive":{"fail_duration":2000000000}}"#;
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

pub fn certificate_of(people: &[&Person]) -> String {
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

/// A header's name as Go writes it.
fn canonical(name: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..].to_lowercase();
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}
