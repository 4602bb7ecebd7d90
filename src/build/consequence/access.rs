//! What it means for people that services are exposed in another way.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::{Consequence, Kind};
use crate::derive::{ALL, Exposure, LANDING, OpenFrom, Opening, UncheckedKind};
use crate::model::CertificateMode;

/// Tells every difference between what two edges expose.
pub(super) fn compare(before: &Exposure, after: &Exposure, found: &mut Vec<Consequence>) {
    let sets = (audiences(before), audiences(after));
    let (was, is) = (reaches(before, &sets.0), reaches(after, &sets.1));
    let services: BTreeSet<&str> = was.keys().chain(is.keys()).copied().collect();
    let mut people = People::default();
    for service in services {
        match (was.get(service), is.get(service)) {
            (Some(was), Some(is)) => {
                people.compare(service, was, is);
                compare_service(service, was, is, found);
            }
            (None, Some(is)) => found.push(appears(service, is)),
            (Some(was), None) => found.push(disappears(service, was)),
            (None, None) => {}
        }
    }
    people.tell(found);
    unchecked(before, after, found);
    surroundings(before, after, found);
}

/// How one service can be reached.
#[derive(Default)]
struct Reach<'e> {
    hosts: BTreeSet<&'e str>,
    openings: Vec<&'e Opening>,
    /// What the handshake asks for; none where no certificate opens anything.
    certificate: Option<CertificateMode>,
    identity: bool,
    /// One set for all services that let in the same people.
    people: Cow<'e, BTreeSet<&'e str>>,
}

/// The sets of people who are let in together, by name.
fn audiences(exposure: &Exposure) -> BTreeMap<&str, BTreeSet<&str>> {
    let named = exposure.audiences.iter().map(|(name, audience)| {
        let people = audience.people.iter().map(String::as_str);
        (name.as_str(), people.collect())
    });
    named.collect()
}

fn reaches<'e>(
    exposure: &'e Exposure,
    audiences: &'e BTreeMap<&'e str, BTreeSet<&'e str>>,
) -> BTreeMap<&'e str, Reach<'e>> {
    let mut reaches: BTreeMap<&str, Reach<'_>> = BTreeMap::new();
    for opening in &exposure.without_certificate {
        let reach = reaches.entry(&opening.service).or_default();
        reach.hosts.extend(opening.hosts.iter().map(String::as_str));
        reach.openings.push(opening);
    }
    for guarded in &exposure.with_certificate {
        let reach = reaches.entry(&guarded.service).or_default();
        reach.hosts.extend(guarded.hosts.iter().map(String::as_str));
        reach.certificate = Some(guarded.certificate);
        reach.identity = guarded.identity;
        let name = guarded.audience.as_deref();
        if let Some(people) = name.and_then(|name| audiences.get(name)) {
            reach.people = Cow::Borrowed(people);
        }
    }
    reaches
}

impl Reach<'_> {
    /// Whether all of it is open from there without a certificate.
    fn is_open(&self, from: OpenFrom) -> bool {
        let mut openings = self.openings.iter();
        openings.any(|opening| opening.is_whole() && covers_place(opening.from, from))
    }

    /// Whether all that an opening opens is open.
    fn covers(&self, other: &Opening) -> bool {
        self.openings.iter().any(|opening| {
            covers_place(opening.from, other.from)
                && covers_path(&opening.path, &other.path)
                && covers_methods(opening, other)
        })
    }
}

fn covers_place(from: OpenFrom, other: OpenFrom) -> bool {
    from == other || from == OpenFrom::Everywhere
}

/// Whether a pattern matches whatever the other does: they are whole paths, or end in `/*`.
fn covers_path(pattern: &str, other: &str) -> bool {
    let below = pattern.strip_suffix('*');
    pattern == other || below.is_some_and(|below| other.starts_with(below))
}

fn covers_methods(opening: &Opening, other: &Opening) -> bool {
    let all = |opening: &Opening| opening.methods.is_empty();
    let has = |method| opening.methods.contains(method);
    all(opening) || (!all(other) && other.methods.iter().all(has))
}

fn compare_service(service: &str, was: &Reach<'_>, is: &Reach<'_>, found: &mut Vec<Consequence>) {
    let name = shown(service);
    let mut tell = |kind, text| found.push(Consequence::new(kind, service, text));
    let added: Vec<&str> = is.hosts.difference(&was.hosts).copied().collect();
    if !added.is_empty() {
        let hosts = added.join(", ");
        tell(
            Kind::Service,
            format!("{name} answers at {hosts} from now on"),
        );
    }
    let removed: Vec<&str> = was.hosts.difference(&is.hosts).copied().collect();
    if !removed.is_empty() {
        let hosts = removed.join(", ");
        tell(
            Kind::Service,
            format!("{name} no longer answers at {hosts}"),
        );
    }
    for opening in is.openings.iter().filter(|opening| !was.covers(opening)) {
        let text = match (opening.is_whole(), opening.from) {
            (true, OpenFrom::Lan) => {
                format!("{name} becomes open on the LAN, without a certificate")
            }
            (true, OpenFrom::Everywhere) => {
                format!("{name} becomes open to everyone, without a certificate")
            }
            _ => format!(
                "{name} becomes reachable without a certificate at {}",
                place(opening)
            ),
        };
        tell(Kind::Opens, text);
    }
    let was_for_everyone = was.is_open(OpenFrom::Everywhere) && !is.is_open(OpenFrom::Everywhere);
    if was_for_everyone {
        // What stays open would seem to be closed too.
        let left = openings(is);
        let left = match (left.is_empty(), is.certificate) {
            (false, _) => format!(": without a certificate only {}", left.join(", ")),
            (true, Some(_)) => format!(": only {}", with_certificate(is)),
            (true, None) => String::new(),
        };
        tell(
            Kind::Closes,
            format!("{name} is no longer open to everyone{left}"),
        );
    } else {
        for opening in was.openings.iter().filter(|opening| !is.covers(opening)) {
            let text = match (opening.is_whole(), opening.from) {
                (true, OpenFrom::Lan) => {
                    format!("{name} is no longer open on the LAN without a certificate")
                }
                _ => format!(
                    "{name} is no longer reachable without a certificate at {}",
                    place(opening)
                ),
            };
            tell(Kind::Closes, text);
        }
    }
    if let (Some(before), Some(now)) = (was.certificate, is.certificate) {
        if before != now {
            let text = match now {
                CertificateMode::Required => format!(
                    "{name} refuses the connection of who has no certificate, where a page was shown"
                ),
                CertificateMode::Asked => format!(
                    "{name} shows a page to who has no certificate, where the connection was refused"
                ),
            };
            tell(Kind::Service, text);
        }
        match (was.identity, is.identity) {
            (false, true) => tell(Kind::Service, format!("{name} is told who comes")),
            (true, false) => tell(Kind::Service, format!("{name} is no longer told who comes")),
            _ => {}
        }
    }
}

fn appears(service: &str, is: &Reach<'_>) -> Consequence {
    let mut ways = openings(is);
    let kind = if ways.is_empty() {
        Kind::Service
    } else {
        Kind::Opens
    };
    if is.certificate.is_some() {
        ways.push(with_certificate(is));
    }
    let (name, hosts) = (shown(service), joined(&is.hosts));
    let text = format!("{name} is new, at {hosts}: {}", ways.join("; "));
    Consequence::new(kind, service, text)
}

fn disappears(service: &str, was: &Reach<'_>) -> Consequence {
    let (name, hosts) = (shown(service), joined(&was.hosts));
    let text = format!("{name} is gone: nothing answers at {hosts} any more");
    Consequence::new(Kind::Service, service, text)
}

/// Paths of share links that are told one by one, at the most.
const FEW: usize = 3;

/// Who gets to a service without a certificate. An app's share links are told by how many they are: `homelab exposure`
/// lists them.
fn openings(reach: &Reach<'_>) -> Vec<String> {
    let is_link = |opening: &&&Opening| opening.share_link && opening.from == OpenFrom::Everywhere;
    let links = reach
        .openings
        .iter()
        .filter(|opening| is_link(opening))
        .count();
    let told = reach
        .openings
        .iter()
        .filter(|opening| links <= FEW || !is_link(opening));
    let told = told.map(|opening| match (opening.is_whole(), opening.from) {
        (true, OpenFrom::Lan) => String::from("open on the LAN"),
        (true, OpenFrom::Everywhere) => String::from("open to everyone"),
        _ => format!("everyone at {}", place(opening)),
    });
    let many = (links > FEW).then(|| format!("everyone at {links} share-link paths"));
    told.chain(many).collect()
}

fn with_certificate(reach: &Reach<'_>) -> String {
    if reach.people.is_empty() {
        String::from("nobody has a certificate for it")
    } else {
        format!("{} with a certificate", joined(&reach.people))
    }
}

/// `/share/* (GET, HEAD)`.
fn place(opening: &Opening) -> String {
    let from = match opening.from {
        OpenFrom::Lan => " on the LAN",
        OpenFrom::Everywhere => "",
    };
    match opening.methods.as_slice() {
        [] => format!("{}{from}", opening.path),
        methods => format!("{}{from} ({})", opening.path, methods.join(", ")),
    }
}

/// Which services each person may open that was closed to them, and the other way about.
#[derive(Default)]
struct People<'e> {
    gains: BTreeMap<&'e str, Vec<&'e str>>,
    loses: BTreeMap<&'e str, Vec<&'e str>>,
    home: BTreeMap<&'e str, Vec<&'e str>>,
}

impl<'e> People<'e> {
    fn compare(&mut self, service: &'e str, was: &Reach<'e>, is: &Reach<'e>) {
        // The landing page shows each what they may use, which is told of those services. What is or was
        // open to everyone is told of the service.
        if service == LANDING
            || was.is_open(OpenFrom::Everywhere)
            || is.is_open(OpenFrom::Everywhere)
        {
            return;
        }
        for person in is.people.difference(&was.people) {
            self.gains.entry(person).or_default().push(service);
        }
        for person in was.people.difference(&is.people) {
            let list = if is.is_open(OpenFrom::Lan) {
                &mut self.home
            } else {
                &mut self.loses
            };
            list.entry(person).or_default().push(service);
        }
    }

    fn tell(&self, found: &mut Vec<Consequence>) {
        let lists = [
            (&self.gains, Kind::Gains, "may now open", ""),
            (&self.loses, Kind::Loses, "may no longer open", ""),
            (&self.home, Kind::Loses, "may open", " at home only"),
        ];
        for (people, kind, may, only) in lists {
            for (person, services) in people {
                let services = services.join(", ");
                let text = format!("{person} {may} {services}{only}");
                found.push(Consequence::new(kind, person, text));
            }
        }
    }
}

fn unchecked(before: &Exposure, after: &Exposure, found: &mut Vec<Consequence>) {
    let (was, is) = (unchecked_items(before), unchecked_items(after));
    let keys: BTreeSet<_> = was.keys().chain(is.keys()).collect();
    for key in keys {
        let service = shown(key.0);
        let (old, new) = (was.get(key), is.get(key));
        if old == new {
            continue;
        }
        let text = match (key.1, new) {
            (UncheckedKind::Raw, Some(_)) if old.is_none() => {
                format!("{service} has `raw` lines, which homelab does not check")
            }
            (UncheckedKind::Raw, Some(_)) => {
                format!("{service} has other `raw` lines, which homelab does not check")
            }
            (UncheckedKind::Raw, None) => format!("{service} has no `raw` lines any more"),
            (UncheckedKind::Templates, Some(names)) => format!(
                "the Caddyfile is made with templates of your own, which homelab does not check: {}",
                names.join(", ")
            ),
            (UncheckedKind::Templates, None) => {
                String::from("the Caddyfile is made with homelab's own templates again")
            }
            (UncheckedKind::HeaderUnderscores, Some(_)) => {
                format!("{service} gets headers with an underscore in their names")
            }
            (UncheckedKind::HeaderUnderscores, None) => {
                format!("{service} gets no headers with an underscore in their names any more")
            }
            (UncheckedKind::Caddy, Some(lines)) => format!(
                "the declared Caddy {} has known holes that no generated line closes",
                lines.first().map(String::as_str).unwrap_or_default()
            ),
            (UncheckedKind::Caddy, None) => {
                String::from("the declared Caddy has no known hole any more that is left open")
            }
            (UncheckedKind::UpstreamCertificate, Some(_)) => {
                format!("the certificate of the upstream of {service} is no longer verified")
            }
            (UncheckedKind::UpstreamCertificate, None) => {
                format!("the certificate of the upstream of {service} is verified")
            }
        };
        found.push(Consequence::new(Kind::Unchecked, key.0, text));
    }
}

/// The lines of what homelab does not check, by service and kind.
fn unchecked_items(exposure: &Exposure) -> BTreeMap<(&str, UncheckedKind), &[String]> {
    let items = exposure.unchecked.iter();
    let items = items.map(|item| ((item.service.as_str(), item.what), item.lines.as_slice()));
    items.collect()
}

/// What counts as the LAN, and who is believed about whom they speak for.
fn surroundings(before: &Exposure, after: &Exposure, found: &mut Vec<Consequence>) {
    let is_lan = |exposure: &Exposure| {
        let mut openings = exposure.without_certificate.iter();
        openings.any(|opening| opening.from == OpenFrom::Lan)
    };
    if before.lan != after.lan && is_lan(before) && is_lan(after) {
        let (was, is) = (before.lan.join(", "), after.lan.join(", "));
        let text = format!("the LAN, where some services are open, becomes {is}; it was {was}");
        found.push(Consequence::new(Kind::Opens, ALL, text));
    }
    if before.behind != after.behind {
        let text = match &after.behind {
            Some(believed) => format!(
                "{} says from now on for whom it speaks ({})",
                believed.proxies.join(", "),
                believed.by
            ),
            None => String::from("no proxy is believed any more about whom it speaks for"),
        };
        found.push(Consequence::new(Kind::Edge, ALL, text));
    }
}

/// What a service is called.
fn shown(service: &str) -> &str {
    match service {
        LANDING => "the landing page",
        ALL => "the whole edge",
        service => service,
    }
}

fn joined(names: &BTreeSet<&str>) -> String {
    let names: Vec<&str> = names.iter().copied().collect();
    names.join(", ")
}
