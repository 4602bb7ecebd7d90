//! What it means for people that services are exposed in another way.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Formatter};

use super::edges::BuiltEdges;
use super::reach::{Reach, audiences, reaches, shown};
use super::service::{appears, compare_service, disappears};
use super::{Consequence, Kind};
use crate::derive::{ALL, Exposure, GatewayExposure, HandedOut, LANDING, OpenFrom, UncheckedKind};
use crate::diagnostic::listed;

/// Tells every difference between what two edges expose.
pub(super) fn compare(
    before: &BuiltEdges<'_>,
    after: &BuiltEdges<'_>,
    found: &mut Vec<Consequence>,
) {
    let sets = (audiences(before.exposures()), audiences(after.exposures()));
    let was = reaches(before.exposures(), &sets.0);
    let is = reaches(after.exposures(), &sets.1);
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
    moved(before, after, found);
    unchecked(&of_services(before), &of_services(after), found);
    for (edge, was, is) in before.pairs(after) {
        let (was, is) = (&was.exposure, &is.exposure);
        let first = found.len();
        unchecked(&of_all(was), &of_all(is), found);
        surroundings(was, is, found);
        if let Some(edge) = edge {
            found[first..].iter_mut().for_each(|one| one.at_edge(edge));
        }
    }
}

/// Services that go from one edge to another.
fn moved(before: &BuiltEdges<'_>, after: &BuiltEdges<'_>, found: &mut Vec<Consequence>) {
    let (was, is) = (before.places(), after.places());
    for (service, edge) in is {
        let Some(former) = was.get(service).filter(|former| **former != edge) else {
            continue;
        };
        let name = shown(service);
        let text = format_args!("{name} stands on the edge {edge}; it stood on {former}");
        found.push(Consequence::new(Kind::Service, service, text));
    }
}

/// Which services each person may open that was closed to them, and the other way about.
#[derive(Default)]
struct People<'e> {
    gains: BTreeMap<&'e str, Vec<&'e str>>,
    loses: BTreeMap<&'e str, Vec<&'e str>>,
    home: BTreeMap<&'e str, Vec<&'e str>>,
    by_sign_in: BTreeMap<&'e str, Vec<&'e str>>,
}

impl<'e> People<'e> {
    fn compare(&mut self, service: &'e str, was: &Reach<'e>, is: &Reach<'e>) {
        // The landing page shows each what they may use, which is told of those services. What is or was
        // open to everyone is told of the service.
        if service == LANDING
            || was.is_open(&OpenFrom::Everywhere)
            || is.is_open(&OpenFrom::Everywhere)
        {
            return;
        }
        for person in is.people.difference(&was.people) {
            self.gains.entry(person).or_default().push(service);
        }
        for person in was.people.difference(&is.people) {
            let list = if is.is_open_by_sign_in() {
                &mut self.by_sign_in
            } else if is.is_open(&OpenFrom::Lan) {
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
            (
                &self.by_sign_in,
                Kind::Loses,
                "may open",
                " by signing in only",
            ),
        ];
        for (people, kind, may, only) in lists {
            for (person, services) in people {
                let services = listed(services);
                let text = format_args!("{person} {may} {services}{only}");
                found.push(Consequence::new(kind, person, text));
            }
        }
    }
}

fn unchecked(was: &Items<'_>, is: &Items<'_>, found: &mut Vec<Consequence>) {
    let keys: BTreeSet<_> = was.keys().chain(is.keys()).collect();
    for key in keys {
        let (old, new) = (was.get(key), is.get(key));
        if old == new {
            continue;
        }
        let text = fmt::from_fn(|f| unchecked_item(f, key, old, new));
        found.push(Consequence::new(Kind::Unchecked, key.0, text));
    }
}

/// What has become of one thing that homelab does not check.
fn unchecked_item(
    f: &mut Formatter<'_>,
    (service, kind): &(&str, UncheckedKind),
    old: Option<&&[String]>,
    new: Option<&&[String]>,
) -> fmt::Result {
    let service = shown(service);
    match (kind, new) {
        (UncheckedKind::Raw, Some(_)) => {
            let other = if old.is_some() { "other " } else { "" };
            write!(
                f,
                "{service} has {other}`raw` lines, which homelab does not check"
            )
        }
        (UncheckedKind::Raw, None) => write!(f, "{service} has no `raw` lines any more"),
        (UncheckedKind::Templates, Some(names)) => write!(
            f,
            "the Caddyfile is made with templates of your own, which homelab does not check: {}",
            listed(*names)
        ),
        (UncheckedKind::Templates, None) => {
            f.write_str("the Caddyfile is made with homelab's own templates again")
        }
        (UncheckedKind::HeaderUnderscores, new) => {
            let (no, any_more) = match new {
                Some(_) => ("", ""),
                None => ("no ", " any more"),
            };
            write!(
                f,
                "{service} gets {no}headers with an underscore in their names{any_more}"
            )
        }
        (UncheckedKind::Caddy, Some(lines)) => write!(
            f,
            "the declared Caddy {} has known holes that no generated line closes",
            lines.first().map(String::as_str).unwrap_or_default()
        ),
        (UncheckedKind::Caddy, None) => {
            f.write_str("the declared Caddy has no known hole any more that is left open")
        }
        (UncheckedKind::UpstreamCertificate, new) => {
            let no_longer = if new.is_some() { "no longer " } else { "" };
            write!(
                f,
                "the certificate of the upstream of {service} is {no_longer}verified"
            )
        }
    }
}

/// What homelab does not check of services, on whichever edge they stand.
fn of_services<'e>(edges: &BuiltEdges<'e>) -> Items<'e> {
    let items = edges.exposures().flat_map(unchecked_items);
    items.filter(|((service, _), _)| *service != ALL).collect()
}

/// What homelab does not check of the edge as a whole.
fn of_all(exposure: &Exposure) -> Items<'_> {
    let items = unchecked_items(exposure);
    items.filter(|((service, _), _)| *service == ALL).collect()
}

/// The lines of what homelab does not check, by service and kind.
type Items<'e> = BTreeMap<(&'e str, UncheckedKind), &'e [String]>;

fn unchecked_items(
    exposure: &Exposure,
) -> impl Iterator<Item = ((&str, UncheckedKind), &[String])> {
    let items = exposure.unchecked.iter();
    items.map(|item| ((item.service.as_str(), item.what), item.lines.as_slice()))
}

/// What counts as the LAN, and who is believed about whom they speak for.
fn surroundings(before: &Exposure, after: &Exposure, found: &mut Vec<Consequence>) {
    let is_lan = |exposure: &Exposure| {
        let mut openings = exposure.without_certificate.iter();
        openings.any(|opening| opening.from == OpenFrom::Lan)
    };
    if before.lan != after.lan && is_lan(before) && is_lan(after) {
        let (was, is) = (listed(&before.lan), listed(&after.lan));
        let text =
            format_args!("the LAN, where some services are open, becomes {is}; it was {was}");
        found.push(Consequence::new(Kind::Opens, ALL, text));
    }
    let mut networks = after.networks.iter();
    if networks.any(|(name, ranges)| before.networks.get(name).is_some_and(|was| was != ranges)) {
        let text = "other addresses are in a network that is declared by name: see exposure.md";
        found.push(Consequence::new(Kind::Opens, ALL, text));
    }
    // Who decides on who gets in, and what is believed of them, is another.
    if let (Some(was), Some(is)) = (&before.gateway, &after.gateway)
        && was != is
    {
        let at = |gateway: &GatewayExposure| {
            format!("{} ({})", gateway.name, listed(&gateway.upstreams))
        };
        let text = fmt::from_fn(|f| match (at(was), at(is)) {
            (was, is) if was == is => {
                write!(
                    f,
                    "what {is} says of who signs in is read otherwise: see exposure.md"
                )
            }
            (was, is) => write!(f, "visitors sign in at {is}; it was {was}"),
        });
        found.push(Consequence::new(Kind::Opens, ALL, text));
    }
    handed_out(
        before.beside.pick_up.as_ref(),
        after.beside.pick_up.as_ref(),
        found,
    );
    if before.behind != after.behind {
        let text = fmt::from_fn(|f| match &after.behind {
            Some(believed) => write!(
                f,
                "{} says from now on for whom it speaks ({})",
                listed(&believed.proxies),
                believed.by
            ),
            None => f.write_str("no proxy is believed any more about whom it speaks for"),
        });
        found.push(Consequence::new(Kind::Edge, ALL, text));
    }
}

/// Who may fetch a newer certificate, and where keys lie for that.
fn handed_out(before: Option<&HandedOut>, after: Option<&HandedOut>, found: &mut Vec<Consequence>) {
    let mut tell = |text: fmt::Arguments<'_>| {
        found.push(Consequence::new(Kind::Edge, ALL, text));
    };
    let Some(after) = after else {
        if let Some(before) = before {
            tell(format_args!(
                "devices no longer fetch newer certificates at {}",
                before.at
            ));
        }
        return;
    };
    if before.is_none() {
        tell(format_args!(
            "from now on devices fetch newer certificates at {}: who shows an older one of a device gets that device's newer one, its key and its password",
            after.at
        ));
    }
    let known = |device: &String| before.is_some_and(|before| before.devices.contains_key(device));
    let new: Vec<&String> = { after.devices.keys() }
        .filter(|device| !known(device))
        .collect();
    if !new.is_empty() {
        tell(format_args!(
            "the newer certificates of {} are fetched at {}: until the older ones are shut out, their keys and passwords lie on the Caddy host, in {}",
            listed(&new),
            after.at,
            after.directory
        ));
    }
    let gone = before.into_iter().flat_map(|before| before.devices.keys());
    let gone: Vec<&String> = gone
        .filter(|device| !after.devices.contains_key(*device))
        .collect();
    if !gone.is_empty() {
        tell(format_args!(
            "nothing is kept at {} any more for {}",
            after.at,
            listed(&gone)
        ));
    }
}
