//! The records by which visitors find what is declared. They are in no artifact but the admin's page: where the DNS is kept, nobody here
//! knows.

use std::collections::BTreeSet;
use std::net::IpAddr;

use miette::Diagnostic;
use serde::Serialize;
use thiserror::Error;

use crate::model::{Domain, EdgeAddress, Homelab, Host};

/// Which server of names is told, and how it reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DnsFormat {
    /// Lines of a zone (RFC 1035 §5).
    Zone,
    Unbound,
    Dnsmasq,
    /// Lines of `/etc/hosts`.
    Hosts,
}

/// From where visitors come who are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DnsView {
    Lan,
    Internet,
}

/// The addresses of all hosts that are declared.
#[derive(Debug)]
pub(crate) struct DnsRecords<'h> {
    pub domain: &'h Domain,
    pub view: DnsView,
    /// Those of each host; at least one.
    pub addresses: &'h [IpAddr],
    /// The hosts that are the domain or stand below it: the domain first, then sorted.
    pub inside: Vec<Host>,
    /// Whether those below it that nobody declares are answered, too.
    pub undeclared: bool,
    /// All others, sorted.
    pub outside: Vec<Host>,
    /// The kind of address that the edge has on the internet alone, where these are those at home: `IPv4` or `IPv6`.
    pub only_on_internet: Option<&'static str>,
}

#[derive(Debug, Error, Diagnostic)]
pub(crate) enum NoAddress {
    #[error("the declaration does not say at which address visitors find the edge")]
    #[diagnostic(
        code("dns::no-address"),
        help(
            "add a line to `edge`: `address \"203.0.113.7\" lan-address=\"192.168.1.10\"`, the router's on the internet and the Caddy host's at home, or one of the two"
        )
    )]
    Undeclared,
    #[error("`address` in `edge` says no address on the internet")]
    #[diagnostic(
        code("dns::no-public-address"),
        help(
            "write it before `lan-address`, such as `address \"203.0.113.7\" lan-address=…`; for the addresses at home say `--from lan`"
        )
    )]
    NotOnInternet,
    #[error("`address` in `edge` says no address at home")]
    #[diagnostic(
        code("dns::no-lan-address"),
        help(
            "add the Caddy host's, such as `lan-address=\"192.168.1.10\"`; for the addresses on the internet say `--from internet`"
        )
    )]
    NotAtHome,
}

impl DnsFormat {
    pub(crate) const WORDS: [&str; 4] = ["zone", "unbound", "dnsmasq", "hosts"];

    pub(crate) fn from_word(word: &str) -> Option<DnsFormat> {
        Some(match word {
            "zone" => DnsFormat::Zone,
            "unbound" => DnsFormat::Unbound,
            "dnsmasq" => DnsFormat::Dnsmasq,
            "hosts" => DnsFormat::Hosts,
            _ => return None,
        })
    }

    /// Who is told where nobody says it: zones are what the internet reads, all others what a home does.
    fn usual_view(self, address: &EdgeAddress) -> DnsView {
        match self {
            DnsFormat::Zone => DnsView::Internet,
            _ if address.lan.is_empty() => DnsView::Internet,
            DnsFormat::Unbound | DnsFormat::Dnsmasq | DnsFormat::Hosts => DnsView::Lan,
        }
    }
}

impl DnsView {
    pub(crate) const WORDS: [&str; 2] = ["lan", "internet"];

    pub(crate) fn from_word(word: &str) -> Option<DnsView> {
        Some(match word {
            "lan" => DnsView::Lan,
            "internet" => DnsView::Internet,
            _ => return None,
        })
    }
}

impl<'h> DnsRecords<'h> {
    /// What that server is to be told of visitors who come from there; from where they usually do if nobody says it.
    pub(crate) fn of(
        homelab: &'h Homelab,
        format: DnsFormat,
        view: Option<DnsView>,
    ) -> Result<DnsRecords<'h>, NoAddress> {
        let address = homelab.edge.address.as_ref();
        let address = address.ok_or(NoAddress::Undeclared)?;
        let view = view.unwrap_or_else(|| format.usual_view(address));
        let addresses = match view {
            DnsView::Lan => &address.lan,
            DnsView::Internet => &address.public,
        };
        if addresses.is_empty() {
            return Err(match view {
                DnsView::Lan => NoAddress::NotAtHome,
                DnsView::Internet => NoAddress::NotOnInternet,
            });
        }
        let domain = &homelab.domain;
        let (inside, outside) = hosts(homelab);
        let is_elsewhere = |is_of_kind: fn(&IpAddr) -> bool| {
            address.public.iter().any(is_of_kind) && !addresses.iter().any(is_of_kind)
        };
        Ok(DnsRecords {
            domain,
            view,
            addresses,
            inside,
            undeclared: homelab.edge.fallback.is_some(),
            outside,
            only_on_internet: match view {
                DnsView::Lan if is_elsewhere(IpAddr::is_ipv4) => Some("IPv4"),
                DnsView::Lan if is_elsewhere(IpAddr::is_ipv6) => Some("IPv6"),
                _ => None,
            },
        })
    }
}

/// The hosts and the addresses that they are to have, for the admin's page.
#[derive(Debug, Serialize)]
pub(crate) struct DnsNames {
    /// The domain and what stands below it, with `*.` before it where undeclared hosts are answered, and then all others.
    pub hosts: Vec<String>,
    pub public: Vec<IpAddr>,
    pub lan: Vec<IpAddr>,
}

impl DnsNames {
    /// None where the declaration knows no address.
    pub(super) fn of(homelab: &Homelab) -> Option<DnsNames> {
        let EdgeAddress { public, lan } = homelab.edge.address.clone()?;
        let (inside, outside) = hosts(homelab);
        let undeclared = homelab.edge.fallback.as_ref();
        let undeclared = undeclared.map(|_| format!("*.{}", homelab.domain));
        let hosts = inside.iter().map(Host::to_string).chain(undeclared);
        Some(DnsNames {
            hosts: hosts.chain(outside.iter().map(Host::to_string)).collect(),
            public,
            lan,
        })
    }
}

/// Every host that the edge answers to by its name: the domain and those below it, and all others, sorted, but for the domain, which is
/// first.
fn hosts(homelab: &Homelab) -> (Vec<Host>, Vec<Host>) {
    let domain = &homelab.domain;
    let services = homelab.services.values();
    let hosts = services.flat_map(|service| service.hosts.iter().cloned());
    let landing = homelab.edge.landing.then(|| domain.own_host());
    let hosts: BTreeSet<Host> = hosts.chain(landing).collect();
    let (mut inside, outside): (Vec<Host>, Vec<Host>) =
        { hosts.into_iter() }.partition(|host| domain.holds(host));
    inside.sort_by_key(|host| host.as_str() != domain.as_str());
    (inside, outside)
}
