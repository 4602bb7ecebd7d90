//! What a visitor is shown in place of a service: the landing page, and why there is no other.

use std::collections::BTreeMap;

use serde_json::json;

use super::declaration::{Access, Certificates, Declaration, Person, Service};
use super::expected::{first, first_routes, guard, written};
use super::steps::{Step, line};

/// The domain's own site.
pub fn landing(declared: &Declaration) -> String {
    let mut routes = first_routes();
    for (links, visitors) in visitors(declared) {
        let certificate = format!("certificate of {}", visitors.join(" "));
        routes.push((Some(certificate), landing_page(declared, &links)));
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
    let mut steps = known(declared);
    steps.extend(first(declared));
    steps.extend(guard(declared, false));
    steps.push(Step::First(routes));
    written(
        &[declared.domain.to_owned()],
        "verify_if_given",
        &steps,
        &pages,
    )
}

/// Whom the page greets: each by the own name, in HTML.
fn known(declared: &Declaration) -> Vec<Step> {
    let mut steps = Vec::new();
    for person in declared.sorted() {
        let mut devices = person.devices.clone();
        devices.sort();
        for device in devices {
            let name = in_html(person.display.as_ref().unwrap_or(&person.name));
            let device = format!("{}/{device}", person.name);
            steps.push(line(format!(
                "{:?} is {}",
                Some(device),
                json!([name, "", ""])
            )));
        }
    }
    if !steps.is_empty() {
        steps.insert(
            0,
            line("known: {visitor.name} {visitor.language} {visitor.until}"),
        );
    }
    steps
}

fn in_html(text: &str) -> String {
    let mut html = String::new();
    for character in text.chars() {
        match character {
            '<' => html += "&lt;",
            '>' => html += "&gt;",
            '&' => html += "&amp;",
            '"' => html += "&quot;",
            '\'' => html += "&#x27;",
            '/' => html += "&#x2f;",
            other => html.push(other),
        }
    }
    html
}

/// Those who are shown the same links: first people of whom all devices are, then single devices.
fn visitors(declared: &Declaration) -> BTreeMap<Vec<Link>, Vec<String>> {
    let mut whole: BTreeMap<Vec<Link>, Vec<String>> = BTreeMap::new();
    let mut single: BTreeMap<Vec<Link>, Vec<String>> = BTreeMap::new();
    for person in declared.sorted() {
        let mut devices = person.devices.clone();
        devices.sort();
        let links = devices
            .iter()
            .map(|device| links_of(declared, person, device));
        let links: Vec<Vec<Link>> = links.collect();
        let is_one = links.windows(2).all(|two| two[0] == two[1]);
        let pages = if is_one { &mut whole } else { &mut single };
        for (device, links) in devices.iter().zip(links) {
            let name = format!("{}/{device}", person.name);
            pages.entry(links).or_default().push(name);
        }
    }
    for (links, devices) in single {
        whole.entry(links).or_default().extend(devices);
    }
    whole
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

fn links_of(declared: &Declaration, person: &Person, device: &str) -> Vec<Link> {
    let usable = |service: &Service| {
        let everywhere = ["lan", "away", "office"];
        let allowed = declared.admits(service.allow(), person, device, &everywhere);
        match service.access {
            Access::Everyone => Some(false),
            _ if allowed => Some(false),
            _ if service.opens_at_home() => Some(true),
            // From such a network, without a certificate.
            _ => (!service.open().is_empty()).then_some(false),
        }
    };
    let services = by_name(declared).into_iter();
    services
        .filter_map(|service| Some(link(declared, service, usable(service)?)))
        .collect()
}

fn landing_page(declared: &Declaration, links: &[Link]) -> Vec<Step> {
    let mut steps = page(declared, "Your services");
    steps.extend(links.iter().map(|(title, host, at_home_only)| {
        let only = if *at_home_only { ", at home only" } else { "" };
        line(format!("link: https://{host}/ {title} = {host}{only}"))
    }));
    steps
}

/// What is said where only some networks or methods get in.
pub const ELSEWHERE: &str = "This does not open here";

/// What a visitor is told who is not let in, or whose service does not answer.
pub fn pages(declared: &Declaration, certificate: bool, home: bool, everyone: bool) -> Vec<Step> {
    let down = page(declared, "This does not answer at the moment");
    let mut routes = vec![(Some("status 502 503 504".to_owned()), down)];
    if everyone {
        return vec![Step::First(routes)];
    }
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
    if certificate {
        if !former.is_empty() {
            let retired = format!("certificate of {}", former.join(" "));
            told.push((
                Some(retired),
                page(declared, "This certificate is no longer let in"),
            ));
        }
        told.push((
            Some("any certificate".to_owned()),
            page(declared, "You may not use this"),
        ));
    }
    let last = match (certificate, home) {
        (true, true) => "This needs a certificate away from home",
        (true, false) => "This needs a certificate",
        (false, true) => "This opens at home only",
        (false, false) => ELSEWHERE,
    };
    let mut unknown = page(declared, last);
    if certificate {
        let closing = vec![line("answer with Connection: close")];
        unknown.insert(0, Step::If("a navigation".to_owned(), closing));
    }
    told.push((None, unknown));
    routes.push((Some("status 403".to_owned()), vec![Step::First(told)]));
    vec![Step::First(routes)]
}

fn page(declared: &Declaration, title: &str) -> Vec<Step> {
    let mut headers = vec![
        "Cache-Control: no-store",
        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
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
