//! What Caddy makes of a Caddyfile, as lines that a person can read and a test can expect.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

const FINGERPRINT: &str = "{http.request.tls.client.fingerprint}";
const STATUS: &str = "{http.error.status_code}";

pub fn keys(object: &Value) -> Vec<String> {
    let object = object.as_object();
    object.map_or_else(Vec::new, |object| object.keys().cloned().collect())
}

/// What a Caddyfile means, but for its sites' order.
pub struct Meaning {
    pub apps: Vec<&'static str>,
    /// The server's options.
    pub server: Value,
    /// In the form of [`described`].
    pub sites: Vec<String>,
}

/// Where what `caddy adapt` printed is something else.
pub fn differences(
    json: &Value,
    devices: &BTreeMap<String, String>,
    expected: &Meaning,
) -> Vec<String> {
    let http = &json["apps"]["http"];
    let server = &http["servers"]["srv0"];
    let mut differences = Vec::new();
    let mut same = |what: &str, found: Value, expected: Value| {
        if found != expected {
            differences.push(format!("{what} is {found}, should be {expected}"));
        }
    };
    same("all", keys(json).into(), json!(["admin", "apps"]));
    let own_port = json!({ "listen": "localhost:2019", "enforce_origin": true });
    same("its own port", json["admin"].clone(), own_port);
    same("apps", keys(&json["apps"]).into(), json!(expected.apps));
    same("servers", keys(&http["servers"]).into(), json!(["srv0"]));
    let others = without(http, &["servers"]);
    same(
        "http",
        others,
        json!({ "grace_period": 10_000_000_000_u64 }),
    );
    let options = without(server, &["routes", "errors", "tls_connection_policies"]);
    same("the server", options, expected.server.clone());
    let sites = described(server, devices);
    let missing = |these: &[String], those: &[String], what: &str| -> Vec<String> {
        let missing = these.iter().filter(|site| !those.contains(site));
        missing.map(|site| format!("{what}:\n{site}")).collect()
    };
    differences.extend(missing(&sites, &expected.sites, "unexpected"));
    differences.extend(missing(&expected.sites, &sites, "missing"));
    differences
}

fn without(object: &Value, left_out: &[&str]) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|key, _| !left_out.contains(&&key[..]));
    }
    object
}

/// Each site as text, sorted: a line with its hosts and what its handshake asks; then what is done, a line for each step, or for
/// each of several routes of which the first that matches is taken; then the same for what is done when that fails.
pub fn described(server: &Value, devices: &BTreeMap<String, String>) -> Vec<String> {
    // There are none where no site asks.
    let policies = server["tls_connection_policies"].as_array();
    let policies = policies.map_or(&[][..], Vec::as_slice);
    let mut sites: BTreeMap<Vec<&str>, String> = BTreeMap::new();
    for (hosts, handlers) in routes_by_host(&server["routes"]) {
        let asked: Vec<String> = hosts.iter().map(|host| mode(policies, host)).collect();
        let mut text = format!("{}: {}", hosts.join(" "), asked[0]);
        assert!(asked.iter().all(|mode| *mode == asked[0]), "{asked:?}");
        steps(handlers, devices, &mut text);
        assert!(sites.insert(hosts, text).is_none(), "one route per site");
    }
    for (hosts, handlers) in routes_by_host(&server["errors"]["routes"]) {
        let text = sites.get_mut(&hosts).expect("errors are of a site");
        text.push_str("\n  failing:");
        let mut failing = String::new();
        steps(handlers, devices, &mut failing);
        text.push_str(&failing.replace("\n  ", "\n    "));
    }
    let mut sites: Vec<String> = sites.into_values().collect();
    sites.sort();
    sites
}

fn routes_by_host(routes: &Value) -> Vec<(Vec<&str>, &[Value])> {
    let routes = routes.as_array().map_or(&[][..], Vec::as_slice);
    let by_host = routes.iter().map(|route| {
        let [matcher] = list(&route["match"]) else {
            panic!("a site has one matcher: {route}");
        };
        assert_eq!(keys(matcher), ["host"], "{route}");
        assert_eq!(route["terminal"], true, "{route}");
        let mut hosts: Vec<&str> = list(&matcher["host"]).iter().map(string).collect();
        hosts.sort_unstable();
        (hosts, list(&route["handle"]))
    });
    by_host.collect()
}

/// The mode of the first policy for that name, as Caddy chooses.
fn mode(policies: &[Value], host: &str) -> String {
    let policy = policies.iter().find(|policy| {
        let names = policy["match"]["sni"].as_array();
        names.is_none_or(|names| names.iter().any(|name| name == host))
    });
    let authentication = policy.map(|policy| &policy["client_authentication"]);
    match authentication {
        None | Some(Value::Null) => "nothing".to_owned(),
        Some(authentication) => {
            // Both versions' place for it.
            let authority = authentication.get("trusted_ca_certs");
            let authority = authority.or_else(|| authentication["ca"].get("trusted_ca_certs"));
            assert_eq!(
                authority.map_or(0, |certs| list(certs).len()),
                1,
                "one authority"
            );
            string(&authentication["mode"]).to_owned()
        }
    }
}

/// Describes handlers; a subroute without conditions is only its handlers.
fn steps(handlers: &[Value], devices: &BTreeMap<String, String>, text: &mut String) {
    for handler in handlers {
        match string(&handler["handler"]) {
            "subroute" => routes(list(&handler["routes"]), devices, text),
            "headers" => headers(handler, text),
            "request_body" => line(text, &format!("at most {} bytes", handler["max_size"])),
            "rewrite" => match &handler["path_regexp"][0] {
                Value::Null => line(text, &format!("rewrite {}", string(&handler["uri"]))),
                change => {
                    assert_eq!(list(&handler["path_regexp"]).len(), 1, "{handler}");
                    let [find, replace] = ["find", "replace"].map(|key| string(&change[key]));
                    line(text, &format!("rewrite path {find} {replace}"));
                }
            },
            "vars" => match &handler["root"] {
                Value::Null => line(text, &format!("set {}", without(handler, &["handler"]))),
                root => {
                    assert_eq!(keys(handler), ["handler", "root"]);
                    line(text, &format!("root {}", string(root)));
                }
            },
            "file_server" => {
                // Caddy adds the Caddyfile to what is hidden.
                assert_eq!(handler["hide"][0], ".*");
                let browse = if handler["browse"].is_null() {
                    ""
                } else {
                    ", listed"
                };
                line(text, &format!("files{browse}"));
            }
            "static_response" => line(text, &answer(handler)),
            "map" => mapped(handler, devices, text),
            "error" => line(text, &format!("error {}", handler["status_code"])),
            "reverse_proxy" => line(text, &proxy(handler)),
            other => line(text, other),
        }
    }
}

/// What is known of each certificate, by the devices' names.
fn mapped(handler: &Value, devices: &BTreeMap<String, String>, text: &mut String) {
    assert_eq!(handler["source"], FINGERPRINT);
    let known = list(&handler["destinations"]).iter().map(string);
    line(
        text,
        &format!("known: {}", known.collect::<Vec<_>>().join(" ")),
    );
    for mapping in list(&handler["mappings"]) {
        assert_eq!(keys(mapping), ["input", "outputs"]);
        let device = devices.get(string(&mapping["input"]));
        line(text, &format!("{device:?} is {}", mapping["outputs"]));
    }
    let others = list(&handler["defaults"]).iter();
    assert!(others.clone().all(|said| said == ""), "{handler}");
}

fn headers(handler: &Value, text: &mut String) {
    let (request, response) = (&handler["request"], &handler["response"]);
    for name in request["delete"].as_array().into_iter().flatten() {
        line(text, &format!("delete {}", string(name)));
    }
    for (name, values) in request["set"].as_object().into_iter().flatten() {
        line(text, &format!("set {name}: {}", string(&values[0])));
    }
    let known = ["delete", "set"];
    assert!(
        keys(request).iter().all(|key| known.contains(&&key[..])),
        "{handler}"
    );
    for (name, values) in response["set"].as_object().into_iter().flatten() {
        let absent = !response["require"]["headers"].is_null();
        let when = match (absent, response["deferred"] == true) {
            (true, _) => "unless there, ",
            (false, true) => "in the end, ",
            (false, false) => "",
        };
        line(
            text,
            &format!("{when}answer with {name}: {}", string(&values[0])),
        );
    }
    let known = ["deferred", "require", "set"];
    assert!(
        keys(response).iter().all(|key| known.contains(&&key[..])),
        "{handler}"
    );
}

/// A page by its title and what it links to, or where a redirect leads.
fn answer(handler: &Value) -> String {
    if let Some(place) = handler["headers"]["Location"].get(0) {
        return format!("redirect {} {}", handler["status_code"], string(place));
    }
    if keys(handler) != ["body", "handler"] {
        return without(handler, &["handler"]).to_string();
    }
    let body = string(&handler["body"]);
    let (_, title) = body.split_once("<title>").expect("a page has a title");
    let (title, _) = title.split_once(" · ").expect("and the domain in it");
    let links = body.split("<li ").skip(1).map(|item| {
        let (href, text) = item
            .split_once("<a href=\"")
            .expect("an item is a link")
            .1
            .split_once('"')
            .expect("its place ends");
        let part = |from: &str, to: &str| {
            let (_, rest) = text.split_once(from).expect("a link has it");
            let (_, rest) = rest.split_once('>').expect("its tag ends");
            let (part, _) = rest.split_once(to).expect("it ends");
            unescaped(part)
        };
        let (title, place) = (part("<strong", "</strong>"), part("<small", "</small>"));
        format!("\n  link: {} {title} = {place}", unescaped(href))
    });
    let (title, links) = (unescaped(title), links.collect::<String>());
    format!("page: {title}{links}")
}

/// What HTML shows for a text.
#[track_caller]
pub fn unescaped(html: &str) -> String {
    assert!(!html.contains(['<', '>', '"']), "more than a text: {html}");
    let mut text = String::new();
    let mut rest = html;
    while let Some((before, entity)) = rest.split_once('&') {
        let (name, after) = entity
            .split_once(';')
            .unwrap_or_else(|| panic!("no entity: {html}"));
        text += before;
        text.push(match name {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "#x27" => '\'',
            "#x2f" => '/',
            other => panic!("no entity that is known: {other}"),
        });
        rest = after;
    }
    text + rest
}

fn line(text: &mut String, line: &str) {
    write!(text, "\n  {line}").expect("a String takes all");
}

fn routes(routes: &[Value], devices: &BTreeMap<String, String>, text: &mut String) {
    let mut group = None;
    let mut of_group: Vec<(Option<String>, String)> = Vec::new();
    for route in routes {
        let mut inner = String::new();
        steps(list(&route["handle"]), devices, &mut inner);
        let conditions = conditions(route, devices);
        let alone = |other: &&Value| other["group"] == route["group"];
        if !route["group"].is_null() && routes.iter().filter(alone).count() > 1 {
            // Of one group, only the first that matches is taken.
            assert_eq!(*group.get_or_insert(&route["group"]), &route["group"]);
            of_group.push((conditions, inner));
            continue;
        }
        assert!(of_group.is_empty(), "a group is the last: {route}");
        match conditions {
            None => text.push_str(&inner),
            Some(conditions) if inner.matches('\n').count() == 1 => {
                line(text, &format!("{conditions}: {}", inner.trim_start()));
            }
            Some(conditions) => {
                line(text, &conditions);
                text.push_str(&inner.replace("\n  ", "\n       "));
            }
        }
    }
    sort_alike(&mut of_group);
    for (number, (conditions, inner)) in of_group.iter().enumerate() {
        let (number, inner) = (number + 1, inner.replace("\n  ", "\n       "));
        match conditions {
            Some(conditions) => line(text, &format!("{number}. {conditions}{inner}")),
            None => line(text, &format!("{number}. {}", inner.trim_start())),
        }
    }
}

/// Sorts neighbours that do the same on other conditions: it makes no difference which is the first.
pub fn sort_alike(routes: &mut [(Option<String>, String)]) {
    let alike = |one: &(Option<String>, String), other: &(Option<String>, String)| {
        one.1 == other.1 && one.0.is_some() && other.0.is_some()
    };
    routes.chunk_by_mut(alike).for_each(<[_]>::sort);
}

fn conditions(route: &Value, devices: &BTreeMap<String, String>) -> Option<String> {
    let matcher = match route.get("match").map(list)? {
        [matcher] => matcher.as_object().expect("a matcher is an object"),
        several => panic!("one of {} matchers would do", several.len()),
    };
    let conditions = matcher.iter().map(|(kind, value)| match &kind[..] {
        "vars" if keys(value) == [STATUS] => {
            let statuses = list(&value[STATUS]).iter().map(string);
            format!("status {}", statuses.collect::<Vec<_>>().join(" "))
        }
        "vars" if *value == json!({ "path": ["plain"] }) => "plain".to_owned(),
        "vars" => {
            assert_eq!(keys(value), [FINGERPRINT]);
            let fingerprints = list(&value[FINGERPRINT]).iter().map(string);
            let names = fingerprints.map(|print| devices.get(print).map_or(print, |name| name));
            format!("certificate of {}", names.collect::<Vec<_>>().join(" "))
        }
        "vars_regexp" => {
            let key = &keys(value)[0];
            assert_eq!(keys(value).len(), 1);
            let pattern = string(&value[key]["pattern"]);
            match &key[..] {
                "{http.request.tls.client.serial}" if pattern == "^[0-9]+$" => {
                    "any certificate".to_owned()
                }
                other => format!("{other} {pattern}"),
            }
        }
        "not" => {
            let [negated] = list(value) else {
                panic!("one negation: {value}");
            };
            let pattern = negated["header_regexp"]["Upgrade"]["pattern"].as_str();
            match (pattern, keys(negated).len()) {
                (Some("^(?i:websocket)$"), 1) => "unless a websocket".to_owned(),
                _ => format!("not {negated}"),
            }
        }
        // The old Caddy gives the text alone.
        "expression" => expression(value["expr"].as_str().unwrap_or_else(|| string(value))),
        "header" if *value == json!({ "Sec-Fetch-Dest": ["document"], "Sec-Purpose": null }) => {
            "a navigation".to_owned()
        }
        "header_regexp" if value["Upgrade"]["pattern"] == "^(?i:websocket)$" => {
            "a websocket".to_owned()
        }
        other => format!("{other} {value}"),
    });
    Some(conditions.collect::<Vec<_>>().join(", "))
}

/// What an expression means, for those that stand in generated files.
fn expression(text: &str) -> String {
    let matching = |placeholder: &str| {
        let pattern = text.strip_prefix(&format!("{placeholder}.matches(r'"))?;
        pattern.strip_suffix("')")
    };
    if let Some(pattern) = matching("{http.request.orig_uri}") {
        return format!("sent uri {pattern}");
    }
    if let Some((path, deceptive)) = text.split_once("') && !{http.request.uri.path}.matches(r'")
        && let Some(path) = path.strip_prefix("{http.request.uri}.matches(r'")
    {
        assert!(
            path.starts_with("^(?i:(/(") && deceptive.ends_with("]')"),
            "{text}"
        );
        return "a plain path".to_owned();
    }
    match text {
        "!{http.request.uri}.startsWith('/')" => "no path".to_owned(),
        "!{http.request.hostport}.matches(r'^[^:]+(:[0-9]{1,5})?$')" => "no host".to_owned(),
        _ => match (
            matching("{http.request.uri}"),
            matching("{http.request.orig_uri.path}"),
        ) {
            (Some(pattern), _) => format!("uri {pattern}"),
            (None, Some(pattern)) => format!("sent path {pattern}"),
            (None, None) => text.to_owned(),
        },
    }
}

fn proxy(handler: &Value) -> String {
    let dial: Vec<&str> = list(&handler["upstreams"])
        .iter()
        .map(|upstream| string(&upstream["dial"]))
        .collect();
    let mut text = format!("proxy {}", dial.join(" "));
    for (key, value) in handler.as_object().expect("a handler is an object") {
        match &key[..] {
            "handler" | "upstreams" | "headers" => {}
            // What a transport is unless it says otherwise.
            "transport" => {
                assert_eq!(value["protocol"], "http");
                let mut transport = value.clone();
                transport
                    .as_object_mut()
                    .expect("it has a protocol")
                    .remove("protocol");
                write!(text, " {transport}").expect("a String takes all");
            }
            _ => write!(text, " {key}={value}").expect("a String takes all"),
        }
    }
    if let Some(headers) = handler.get("headers") {
        assert_eq!(keys(headers), ["request"]);
        assert_eq!(keys(&headers["request"]), ["set"]);
        write!(text, " {}", headers["request"]["set"]).expect("a String takes all");
    }
    text
}

#[track_caller]
pub fn list(value: &Value) -> &[Value] {
    value
        .as_array()
        .unwrap_or_else(|| panic!("no list: {value}"))
}

#[track_caller]
fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}
