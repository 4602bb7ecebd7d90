//! Makes connections to what is served, as nobody, as a stranger and as each device, and holds the answers against
//! what [`crate::verify`] expects.
//!
//! What a server shows is looked at and never believed: nothing but `GET` and `OPTIONS` of the program's
//! own paths is sent, and each connection ends at its time. What day it is, where hosts are and which roots are
//! trusted is told by the caller.

mod capabilities;
mod certificates;
mod client;
mod deadline;
mod echo;
mod host;
mod http;
mod http2;
mod inspection;
mod report;
mod request;
mod resolve;
mod roots;
mod server;
mod tls;

use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use rayon::prelude::*;

use crate::lock::Lock;
use crate::model::Homelab;
use crate::progress::{Progress, Underway, Work};
use crate::verify::{Pages, Site};
use client::Client;
use tls::ClientIdentity;

#[cfg(test)]
pub(crate) use certificates::WhyNotTried;
pub(crate) use certificates::{Certificates, ClientCertificate, NotTried, client_certificates};
pub(crate) use echo::EchoAt;
#[cfg(test)]
pub(crate) use report::HostFault;
pub(crate) use report::{HostReport, LiveReport};
pub(crate) use resolve::{Resolve, addresses as named_addresses};
pub(crate) use roots::{RootSource, Roots};

/// How many hosts are asked at once.
const AT_ONCE: usize = 8;

/// The ports at which the edge is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ports {
    /// Where it is another than declared.
    pub https: Option<u16>,
    pub http: u16,
    pub admin: Option<u16>,
}

/// What a server is held against, and how it is asked.
pub(crate) struct Task<'a> {
    pub homelab: &'a Homelab,
    pub lock: &'a Lock,
    pub now: Timestamp,
    pub pages: Pages,
    /// Every host that is declared.
    pub sites: &'a [Site],
    pub ports: Ports,
    pub roots: Roots,
    /// How long each connection may take.
    pub timeout: Duration,
    pub echoes: &'a [EchoAt],
    pub progress: &'a dyn Progress,
}

struct Prober<'a> {
    homelab: &'a Homelab,
    lock: &'a Lock,
    now: Timestamp,
    pages: Pages,
    sites: &'a [Site],
    ports: Ports,
    roots: RootSource,
    echoes: &'a [EchoAt],
    certificates: &'a [ClientCertificate<'a>],
    stranger: Option<ClientIdentity>,
    client: Client,
}

/// Asks hosts as everybody, and the servers that they are at as wholes. `resolve` says where a host is.
pub(crate) fn probe(
    task: Task<'_>,
    wanted: &[&Site],
    certificates: Certificates<'_>,
    resolve: impl Fn(&str, u16) -> Vec<SocketAddr> + Sync,
) -> LiveReport {
    let Certificates {
        tried,
        mut not_tried,
    } = certificates;
    let stranger = certificates::stranger(task.lock, task.now);
    if stranger.is_none() {
        not_tried.push(NotTried::stranger());
    }
    let prober = Prober {
        homelab: task.homelab,
        lock: task.lock,
        now: task.now,
        pages: task.pages,
        sites: task.sites,
        ports: task.ports,
        roots: task.roots.source,
        echoes: task.echoes,
        certificates: &tried,
        stranger,
        client: Client::new(task.roots.store, task.now, task.timeout),
    };
    let underway = Underway::begin(task.progress, Work::Asking, wanted.len());
    let ask = || -> Vec<_> {
        let ask = |site: &&Site| {
            let answers = prober.host(
                site,
                &resolve(&site.host, prober.ports.https.unwrap_or(site.port)),
            );
            underway.advance();
            answers
        };
        wanted.par_iter().map(ask).collect()
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(AT_ONCE).build();
    let hosts = match pool {
        Ok(pool) => pool.install(ask),
        // Without threads of their own they are asked by those that there are.
        Err(_) => ask(),
    };
    drop(underway);
    let servers = prober.servers(&hosts);
    LiveReport {
        now: task.now,
        hosts: hosts.into_iter().map(|host| host.report).collect(),
        servers,
        devices_tried: tried.len(),
        not_tried,
    }
}
