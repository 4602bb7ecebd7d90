//! What it means for people that a service comes, goes, or is reached in another way.

use std::fmt::{self, Display, Formatter};

use super::reach::{Reach, shown};
use super::{Consequence, Kind};
use crate::derive::{OpenFrom, Opening, PathExposure};
use crate::diagnostic::{joined, listed};
use crate::model::CertificateMode;

/// One service, of which differences are told.
struct Service<'f> {
    service: &'f str,
    /// What it is called.
    name: &'f str,
    found: &'f mut Vec<Consequence>,
}

/// Tells every difference between the ways to a service.
pub(super) fn compare_service(
    service: &str,
    was: &Reach<'_>,
    is: &Reach<'_>,
    found: &mut Vec<Consequence>,
) {
    let name = shown(service);
    let mut service = Service {
        service,
        name,
        found,
    };
    service.compare_hosts(was, is);
    for opening in is.openings.iter().filter(|opening| !was.covers(opening)) {
        service.opens(opening);
    }
    if was.is_open(&OpenFrom::Everywhere) && !is.is_open(&OpenFrom::Everywhere) {
        service.closes_to_everyone(is);
    } else {
        for opening in was.openings.iter().filter(|opening| !is.covers(opening)) {
            service.closes(opening);
        }
    }
    service.compare_sign_in(was, is);
    service.compare_certificates(was, is);
    service.compare_paths(was, is);
}

impl Service<'_> {
    fn tell(&mut self, kind: Kind, text: impl Display) {
        self.found.push(Consequence::new(kind, self.service, text));
    }

    fn compare_hosts(&mut self, was: &Reach<'_>, is: &Reach<'_>) {
        let name = self.name;
        if !is.hosts.is_subset(&was.hosts) {
            let hosts = listed(is.hosts.difference(&was.hosts));
            let text = format_args!("{name} answers at {hosts} from now on");
            self.tell(Kind::Service, text);
        }
        if !was.hosts.is_subset(&is.hosts) {
            let hosts = listed(was.hosts.difference(&is.hosts));
            self.tell(
                Kind::Service,
                format_args!("{name} no longer answers at {hosts}"),
            );
        }
    }

    fn opens(&mut self, opening: &Opening) {
        let (name, place) = (self.name, place(opening));
        let without = "without a certificate";
        match (opening.is_whole(), &opening.from) {
            (true, OpenFrom::Network(network)) => {
                let text = format_args!("{name} becomes open in the network {network}, {without}");
                self.tell(Kind::Opens, text);
            }
            (true, OpenFrom::Lan) => {
                let text = format_args!("{name} becomes open on the LAN, {without}");
                self.tell(Kind::Opens, text);
            }
            (true, OpenFrom::Everywhere) => {
                let text = format_args!("{name} becomes open to everyone, {without}");
                self.tell(Kind::Opens, text);
            }
            _ => {
                let text = format_args!("{name} becomes reachable {without} at {place}");
                self.tell(Kind::Opens, text);
            }
        }
    }

    fn closes(&mut self, opening: &Opening) {
        let (name, place) = (self.name, place(opening));
        if opening.is_whole() && opening.from == OpenFrom::Lan {
            let text = format_args!("{name} is no longer open on the LAN without a certificate");
            self.tell(Kind::Closes, text);
        } else {
            let text =
                format_args!("{name} is no longer reachable without a certificate at {place}");
            self.tell(Kind::Closes, text);
        }
    }

    /// What stays open would seem to be closed too, so it is told.
    fn closes_to_everyone(&mut self, is: &Reach<'_>) {
        let (name, left) = (self.name, openings(is));
        let by_sign_in = is.is_open_by_sign_in();
        let left = fmt::from_fn(|f| match (left.is_empty(), is.certificate) {
            _ if by_sign_in => f.write_str(": who has no certificate signs in"),
            (false, _) => write!(f, ": without a certificate only {}", listed(&left)),
            (true, Some(_)) => write!(f, ": only {}", with_certificate(is)),
            (true, None) => Ok(()),
        });
        let text = format_args!("{name} is no longer open to everyone{left}");
        self.tell(Kind::Closes, text);
    }

    fn compare_sign_in(&mut self, was: &Reach<'_>, is: &Reach<'_>) {
        let name = self.name;
        for opening in { is.by_sign_in.iter() }.filter(|opening| !was.covers_signed_in(opening)) {
            let text = format_args!("{name} becomes {}", signed_in(opening));
            self.tell(Kind::Opens, text);
        }
        for opening in { was.by_sign_in.iter() }.filter(|opening| !is.covers_signed_in(opening)) {
            let text = format_args!("{name} is no longer {}", signed_in(opening));
            self.tell(Kind::Closes, text);
        }
        if was.certificate.and(is.certificate).is_none() {
            return;
        }
        match (was.also_signs_in, is.also_signs_in) {
            (false, true) => {
                let text = format_args!("{name} asks who has a certificate to sign in besides");
                self.tell(Kind::Closes, text);
            }
            (true, false) => {
                let text =
                    format_args!("{name} no longer asks who has a certificate to sign in besides");
                self.tell(Kind::Opens, text);
            }
            _ => {}
        }
    }

    fn compare_certificates(&mut self, was: &Reach<'_>, is: &Reach<'_>) {
        let name = self.name;
        let (Some(before), Some(now)) = (was.certificate, is.certificate) else {
            return;
        };
        if before != now {
            let change = match now {
                CertificateMode::Required => {
                    "refuses the connection of who has no certificate, where a page was shown"
                }
                CertificateMode::Asked => {
                    "shows a page to who has no certificate, where the connection was refused"
                }
            };
            self.tell(Kind::Service, format_args!("{name} {change}"));
        }
        if was.identity != is.identity {
            let is_told = if is.identity { "is" } else { "is no longer" };
            self.tell(
                Kind::Service,
                format_args!("{name} {is_told} told who comes"),
            );
        }
    }

    /// A path's policy may be wider or narrower than that of all else: what changes in one is told as what opens.
    fn compare_paths(&mut self, was: &Reach<'_>, is: &Reach<'_>) {
        let name = self.name;
        for path in is.paths.iter().filter(|path| !was.paths.contains(path)) {
            let path = &path.path;
            self.tell(
                Kind::Opens,
                format_args!("{path} of {name} has another policy from now on: see exposure.md"),
            );
        }
        let gone = |path: &&&PathExposure| is.paths.iter().all(|now| now.path != path.path);
        for path in was.paths.iter().filter(gone) {
            let path = &path.path;
            let text = format_args!("{path} of {name} has no policy of its own any more");
            self.tell(Kind::Opens, text);
        }
        if was.confined != is.confined {
            let text = format_args!(
                "whose certificates count at {name} in which networks is changed: see exposure.md"
            );
            self.tell(Kind::Opens, text);
        }
    }
}

pub(super) fn appears(service: &str, is: &Reach<'_>) -> Consequence {
    let ways = openings(is);
    let kind = if ways.is_empty() && is.by_sign_in.is_empty() {
        Kind::Service
    } else {
        Kind::Opens
    };
    let certificate = is.certificate.map(|_| with_certificate(is));
    let by_sign_in: Vec<_> = is.by_sign_in.iter().map(|o| signed_in(o)).collect();
    let ways = ways.iter().map(|way| way as &dyn Display);
    let ways = ways.chain(by_sign_in.iter().map(|way| way as &dyn Display));
    let ways = ways.chain(certificate.iter().map(|way| way as &dyn Display));
    let (name, hosts, ways) = (shown(service), listed(&is.hosts), joined(ways, "; "));
    let text = format_args!("{name} is new, at {hosts}: {ways}");
    Consequence::new(kind, service, text)
}

pub(super) fn disappears(service: &str, was: &Reach<'_>) -> Consequence {
    let (name, hosts) = (shown(service), listed(&was.hosts));
    let text = format_args!("{name} is gone: nothing answers at {hosts} any more");
    Consequence::new(Kind::Service, service, text)
}

/// Paths of share links that are told one by one, at the most.
const FEW: usize = 3;

/// Who gets to a service without a certificate. An app's share links are told by how many they are: `homelab exposure`
/// lists them.
fn openings<'r>(reach: &'r Reach<'_>) -> Vec<Way<'r>> {
    let is_link = |opening: &Opening| opening.share_link && opening.from == OpenFrom::Everywhere;
    let links = { reach.openings.iter() }.filter(|opening| is_link(opening));
    let links = links.count();
    let told = { reach.openings.iter() }.filter(|opening| links <= FEW || !is_link(opening));
    let told = told.map(|opening| Way::Opening(opening));
    told.chain((links > FEW).then_some(Way::Links(links)))
        .collect()
}

/// A way to a service without a certificate.
enum Way<'r> {
    Opening(&'r Opening),
    /// So many paths of share links.
    Links(usize),
}

impl Display for Way<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Way::Links(links) => write!(f, "everyone at {links} share-link paths"),
            Way::Opening(opening) => match (opening.is_whole(), &opening.from) {
                (true, OpenFrom::Network(network)) => write!(f, "open in the network {network}"),
                (true, OpenFrom::Lan) => f.write_str("open on the LAN"),
                (true, OpenFrom::Everywhere) => f.write_str("open to everyone"),
                _ => write!(f, "everyone at {}", place(opening)),
            },
        }
    }
}

fn with_certificate(reach: &Reach<'_>) -> impl Display {
    fmt::from_fn(|f| {
        if reach.people.is_empty() {
            f.write_str("nobody has a certificate for it")
        } else {
            let besides = match reach.also_signs_in {
                true => " and a sign-in",
                false => "",
            };
            write!(f, "{} with a certificate{besides}", listed(&*reach.people))
        }
    })
}

/// `open to whoever signs in`, and where.
fn signed_in(opening: &Opening) -> impl Display {
    fmt::from_fn(move |f| {
        f.write_str("open to whoever signs in")?;
        match (opening.is_whole(), &opening.from) {
            (true, OpenFrom::Everywhere) => Ok(()),
            (true, OpenFrom::Lan) => f.write_str(" on the LAN"),
            (true, OpenFrom::Network(network)) => write!(f, " in the network {network}"),
            (false, _) => write!(f, " at {}", place(opening)),
        }
    })
}

/// `/share/* (GET, HEAD)`.
fn place(opening: &Opening) -> impl Display {
    fmt::from_fn(move |f| {
        f.write_str(&opening.path)?;
        match &opening.from {
            OpenFrom::Lan => f.write_str(" on the LAN")?,
            OpenFrom::Network(network) => write!(f, " in the network {network}")?,
            OpenFrom::Everywhere => {}
        }
        if !opening.origins.is_empty() {
            write!(
                f,
                " for what pages of {} may send",
                listed(&opening.origins)
            )?;
        }
        match opening.methods.as_slice() {
            [] => Ok(()),
            methods => write!(f, " ({})", listed(methods)),
        }
    })
}
