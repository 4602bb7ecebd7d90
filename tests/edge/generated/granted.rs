//! What the policies of a service make of a request: each that some upstream could take it to fall under has to grant it.

use super::declaration::{Access, Allow, Declaration, Open, PathPolicy, Person, Service};
use super::readings::{covers, is_clear, may_be};

/// Who asks, as far as the edge can tell.
pub struct Asker<'a> {
    /// A valid certificate's, where one is asked for.
    pub device: Option<(&'a Person, &'a str)>,
    /// Those that they come from.
    pub networks: &'a [&'a str],
}

impl Asker<'_> {
    /// Whether one of these lines lets them in.
    pub fn has_certificate(&self, declared: &Declaration, allow: &[Allow]) -> bool {
        self.device
            .is_some_and(|(person, device)| declared.admits(allow, person, device, self.networks))
    }

    fn comes_from(&self, open: &[&str]) -> bool {
        open.iter().any(|network| self.networks.contains(network))
    }
}

/// What is asked for.
pub struct Request<'a> {
    pub method: &'a str,
    pub target: &'a str,
    /// Headers beside those that every request has.
    pub headers: &'a [(&'a str, &'a str)],
}

/// What is to come of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    In,
    Out,
    /// All that it falls under grants it, but it is spelt so strangely that it may be refused.
    Either,
}

pub fn verdict(
    declared: &Declaration,
    service: &Service,
    asker: &Asker,
    request: &Request,
) -> Verdict {
    let of_path =
        |path: &PathPolicy| grants_below(declared, service, path, asker, request).is_some();
    let by_all =
        grants(declared, service, asker, request).is_some() && service.paths.iter().all(of_path);
    match granted(declared, service, asker, request) {
        None => Verdict::Out,
        Some(_) if service.paths.is_empty() || by_all || is_clear(request.target) => Verdict::In,
        Some(_) => Verdict::Either,
    }
}

/// What all grant under which a request falls.
pub fn granted(
    declared: &Declaration,
    service: &Service,
    asker: &Asker,
    request: &Request,
) -> Option<Grant> {
    let is_plainly = |path: &PathPolicy| covers(path.path, request.target);
    // What is plainly a path's is not under the policy of all else.
    let of_all_else = if service.paths.iter().any(is_plainly) {
        Some(Grant::Whole)
    } else {
        grants(declared, service, asker, request)
    };
    let under = { service.paths.iter() }.filter(|path| may_be(path.path, request.target));
    let by_paths = under.map(|path| grants_below(declared, service, path, asker, request));
    by_paths.chain([of_all_else]).min().flatten()
}

/// How something is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// To whoever asks by that method.
    AsSent,
    Whole,
}

/// Whether a device is named somewhere among a service's policies, or another one of its person's.
pub fn is_named(declared: &Declaration, service: &Service, person: &Person) -> bool {
    let lines = service.paths.iter().flat_map(|path| &path.allow);
    let lines: Vec<Allow> = service.allow().iter().chain(lines).cloned().collect();
    let everywhere = ["lan", "office", "away"];
    let mut devices = person.devices.iter();
    devices.any(|device| declared.admits(&lines, person, device, &everywhere))
}

/// The policy of all that is no path's.
pub fn grants(
    declared: &Declaration,
    service: &Service,
    asker: &Asker,
    request: &Request,
) -> Option<Grant> {
    let public = service.public();
    let mut public = public.iter();
    let by_path = public
        .any(|(path, methods)| methods.contains(request.method) && covers(path, request.target));
    let whole = matches!(service.access, Access::Everyone)
        || asker.has_certificate(declared, service.allow())
        || asker.comes_from(&service.open());
    let as_sent = by_path || is_preflight(service, request);
    grant(whole, as_sent)
}

/// The policy of a path.
pub fn grants_below(
    declared: &Declaration,
    service: &Service,
    path: &PathPolicy,
    asker: &Asker,
    request: &Request,
) -> Option<Grant> {
    let (is_open, by_method) = match &path.open {
        Open::Nobody => (false, false),
        Open::Networks(networks) => (asker.comes_from(networks), false),
        Open::Everyone(None) => (true, false),
        Open::Everyone(Some(methods)) => (false, methods.opened.contains(&request.method)),
    };
    let whole = is_open || asker.has_certificate(declared, &path.allow);
    grant(whole, by_method || is_preflight(service, request))
}

fn grant(whole: bool, as_sent: bool) -> Option<Grant> {
    match (whole, as_sent) {
        (true, _) => Some(Grant::Whole),
        (false, true) => Some(Grant::AsSent),
        (false, false) => None,
    }
}

/// Whether a browser asks, for a page of a known origin, whether it may send something.
fn is_preflight(service: &Service, request: &Request) -> bool {
    let header = |name: &str| {
        let mut headers = request.headers.iter();
        headers
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    };
    request.method == "OPTIONS"
        && header("Access-Control-Request-Method").is_some()
        && header("Origin").is_some_and(|origin| service.preflight.contains(&origin))
}
