//! What the edge does besides letting in, in so far as it concerns who comes: read off the edge's own data, as all that is exposed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::edge::{AdminEndpoint, Edge, Extras, Site};
use super::exposed::with_port;
use super::exposure::{FALLBACK, LANDING};
use crate::model::{Admin, Backend, Upstreams};

/// What the edge does besides letting in. What is nothing is not said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Beside {
    /// Where requests are written down.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<Log>,
    /// Caddy's admin endpoint, where it is not as usual or tells more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<AdminAt>,
    /// What upstreams are told of each request, sorted by service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<Told>,
    /// What upstreams are asked though nobody came, sorted by service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<Asked>,
    /// Where newer certificates are handed out, where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pick_up: Option<HandedOut>,
}

/// Newer certificates that devices fetch, each who shows an older one of that very device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HandedOut {
    /// Where.
    pub at: String,
    /// The directory on the Caddy host that holds them, keys and passwords too.
    pub directory: String,
    /// The devices of which one waits, and until when.
    pub devices: BTreeMap<String, Timestamp>,
}

/// A place where requests are written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Log {
    /// A file of the Caddy host; none for the standard error of Caddy's process.
    pub file: Option<String>,
    /// Whose requests.
    pub services: Vec<String>,
    /// Whether the device stands there that came with a certificate.
    pub named: bool,
}

/// Where Caddy's admin endpoint is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AdminAt {
    /// An address of the Caddy host, or the path of a socket there; none where there is no endpoint.
    pub at: Option<String>,
    /// Whether it tells how many requests there were.
    pub metrics: bool,
}

/// Headers that the upstreams of a service are told. Their values may be secrets, and are not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub service: String,
    pub headers: Vec<String>,
}

/// Upstreams that are asked whether they are well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub service: String,
    /// Without what stands behind a `?`, which may be a secret.
    pub path: String,
    /// How often, where that is said.
    pub every: Option<String>,
}

impl Beside {
    pub(super) fn of(edge: &Edge) -> Beside {
        let sites = || edge.sites.sites.iter();
        Beside {
            logs: logs(edge),
            admin: admin(edge),
            told: sites().filter_map(told).collect(),
            asked: sites().flat_map(asked).collect(),
            pick_up: handed_out(edge),
        }
    }
}

/// Each place once, those by which Caddy's process speaks first.
fn logs(edge: &Edge) -> Vec<Log> {
    let sites = &edge.sites;
    let landing = sites.landing.iter();
    let landing = landing.map(|landing| (LANDING.to_owned(), &landing.extras, true));
    let undeclared = sites.undeclared.iter();
    let undeclared = undeclared.map(|site| (FALLBACK.to_owned(), &site.extras, false));
    let services = sites.sites.iter();
    let services = services.map(|site| {
        let asks = site.certificate.is_some();
        (site.service.to_string(), &site.extras, asks)
    });
    let mut logs: BTreeMap<Option<&str>, Log> = BTreeMap::new();
    for (service, Extras { log, .. }, asks) in landing.chain(undeclared).chain(services) {
        let Some(log) = log else { continue };
        let file = log.file.as_ref().map(|path| path.as_str());
        let log = logs.entry(file).or_insert_with(|| Log {
            file: file.map(str::to_owned),
            services: Vec::new(),
            named: false,
        });
        log.services.push(service);
        log.named |= asks && sites.named_in_logs;
    }
    logs.into_values().collect()
}

fn handed_out(edge: &Edge) -> Option<HandedOut> {
    let landing = edge.sites.landing.as_ref()?;
    let pick_up = landing.pick_up.as_ref()?;
    let host = with_port(&landing.host, &landing.extras);
    let devices = pick_up.devices.iter();
    Some(HandedOut {
        at: format!("https://{host}{}", pick_up.at),
        directory: pick_up.directory.clone(),
        devices: devices
            .map(|offer| (offer.name.to_string(), offer.until))
            .collect(),
    })
}

fn admin(edge: &Edge) -> Option<AdminAt> {
    let AdminEndpoint { address, socket } = &edge.globals.admin;
    let metrics = &edge.globals.metrics;
    let metrics = metrics.of_all || metrics.of_servers;
    let is_usual = edge.globals.admin == AdminEndpoint::of(&Admin::default());
    let socket = socket.as_ref().map(|path| path.as_str().to_owned());
    (metrics || !is_usual).then(|| AdminAt {
        at: address.clone().or(socket),
        metrics,
    })
}

fn told(site: &Site) -> Option<Told> {
    let headers = &site.extras.request_headers;
    let is_told = matches!(site.backend, Backend::Proxy(_)) && !headers.is_empty();
    is_told.then(|| Told {
        service: site.service.to_string(),
        headers: headers.iter().map(|(name, _)| name.clone()).collect(),
    })
}

fn asked(site: &Site) -> Vec<Asked> {
    let Backend::Proxy(proxy) = &site.backend else {
        return Vec::new();
    };
    let by_path = proxy.by_path.iter().map(|(_, upstreams)| upstreams);
    let all: Vec<&Upstreams> = by_path.chain([&proxy.upstreams]).collect();
    let health = all
        .into_iter()
        .filter_map(|upstreams| upstreams.health.as_ref());
    let mut asked: Vec<Asked> = Vec::new();
    for health in health {
        let uri = health.uri.as_str();
        let (path, _) = uri.split_once('?').unwrap_or((uri, ""));
        let one = Asked {
            service: site.service.to_string(),
            path: path.to_owned(),
            every: health.every.as_ref().map(|every| every.as_str().to_owned()),
        };
        if !asked.contains(&one) {
            asked.push(one);
        }
    }
    asked
}
