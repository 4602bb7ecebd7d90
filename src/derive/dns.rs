//! The records by which visitors find what is declared. They are in no artifact but the admin's page: where the DNS is kept, nobody here
//! knows.

use std::collections::BTreeMap;
use std::net::IpAddr;

use miette::Diagnostic;
use serde::Serialize;
use thiserror::Error;

use crate::model::{Domain, EdgeAddress, EdgePart, Homelab, Host, Name};

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
    /// The hosts that are the domain or stand below it: the domain first, then sorted.
    pub inside: Vec<DnsHost<'h>>,
    /// Where those below it are answered that nobody declares, if they are.
    pub undeclared: Option<&'h [IpAddr]>,
    /// All others, sorted.
    pub outside: Vec<DnsHost<'h>>,
    /// The edges of which no host is here, for they have no address that visitors could come to from there.
    pub left_out: Vec<&'h Name>,
    /// The kind of address that the edge has on the internet alone, where these are those at home: `IPv4` or `IPv6`.
    pub only_on_internet: Option<&'static str>,
}

/// A host, and where visitors find it.
#[derive(Debug)]
pub(crate) struct DnsHost<'h> {
    pub name: Host,
    /// At least one.
    pub addresses: &'h [IpAddr],
}

#[derive(Debug, Error, Diagnostic)]
pub(crate) enum NoAddress {
    #[error("the declaration does not say at which address visitors find the edge{}", .edge.as_ref().map(|edge| format!(" `{edge}`")).unwrap_or_default())]
    #[diagnostic(
        code("dns::no-address"),
        help(
            "add a line to `edge`: `address \"203.0.113.7\" lan-address=\"192.168.1.10\"`, the router's on the internet and the Caddy host's at home, or one of the two"
        )
    )]
    Undeclared { edge: Option<Name> },
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
    fn usual_view(self, homelab: &Homelab) -> Result<DnsView, NoAddress> {
        let mut at_home = false;
        for part in homelab.edges() {
            at_home |= !address(part)?.lan.is_empty();
        }
        Ok(match self {
            DnsFormat::Unbound | DnsFormat::Dnsmasq | DnsFormat::Hosts if at_home => DnsView::Lan,
            _ => DnsView::Internet,
        })
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
        let view = match view {
            Some(view) => view,
            None => format.usual_view(homelab)?,
        };
        let mut found: Vec<(Host, &[IpAddr])> = Vec::new();
        let mut undeclared = None;
        let (mut left_out, mut are_there_any) = (Vec::new(), false);
        for part in homelab.edges() {
            let Some(addresses) = addresses(part, view)? else {
                left_out.extend(part.name());
                continue;
            };
            are_there_any = true;
            found.extend(hosts(part).map(|host| (host, addresses)));
            let fallback = part.settings.fallback.as_ref();
            undeclared = undeclared.or(fallback.map(|_| addresses));
        }
        if !are_there_any {
            return Err(match view {
                DnsView::Lan => NoAddress::NotAtHome,
                DnsView::Internet => NoAddress::NotOnInternet,
            });
        }
        let domain = &homelab.domain;
        let (inside, outside) = sorted(domain, found);
        let host = |(name, addresses)| DnsHost { name, addresses };
        let is_elsewhere = |is_of_kind: fn(&IpAddr) -> bool| {
            let is_missing = |EdgeAddress { public, lan }: &EdgeAddress| {
                let at_home = if lan.is_empty() { public } else { lan };
                public.iter().any(is_of_kind) && !at_home.iter().any(is_of_kind)
            };
            let mut all = homelab
                .edges
                .iter()
                .filter_map(|edge| edge.address.as_ref());
            all.any(is_missing)
        };
        Ok(DnsRecords {
            domain,
            view,
            inside: inside.into_iter().map(host).collect(),
            undeclared,
            outside: outside.into_iter().map(host).collect(),
            left_out,
            only_on_internet: match view {
                DnsView::Lan if is_elsewhere(IpAddr::is_ipv4) => Some("IPv4"),
                DnsView::Lan if is_elsewhere(IpAddr::is_ipv6) => Some("IPv6"),
                _ => None,
            },
        })
    }
}

fn address(part: EdgePart<'_>) -> Result<&EdgeAddress, NoAddress> {
    let address = part.settings.address.as_ref();
    address.ok_or_else(|| NoAddress::Undeclared {
        edge: part.name().cloned(),
    })
}

/// Where visitors from there find an edge. Whoever is at home finds one of several on the internet that is not at home.
fn addresses(part: EdgePart<'_>, view: DnsView) -> Result<Option<&[IpAddr]>, NoAddress> {
    let address = address(part)?;
    let addresses = match view {
        DnsView::Lan if address.lan.is_empty() && part.name().is_some() => &address.public,
        DnsView::Lan => &address.lan,
        DnsView::Internet => &address.public,
    };
    Ok(Some(addresses.as_slice()).filter(|addresses| !addresses.is_empty()))
}

/// The hosts and the addresses that they are to have, for the admin's page.
#[derive(Debug, Serialize)]
pub(crate) struct DnsNames {
    /// The domain and what stands below it, with `*.` before it where undeclared hosts are answered, and then all others.
    pub hosts: Vec<DnsName>,
    /// Whether some of them have addresses on the internet.
    pub public: bool,
    /// Whether some of them have addresses at home.
    pub lan: bool,
}

/// A host and its addresses.
#[derive(Debug, Serialize)]
pub(crate) struct DnsName {
    pub name: String,
    pub public: Vec<IpAddr>,
    pub lan: Vec<IpAddr>,
}

impl DnsNames {
    /// None where the declaration does not know the address of each edge.
    pub(super) fn of(homelab: &Homelab) -> Option<DnsNames> {
        let mut found: Vec<(Host, &EdgeAddress)> = Vec::new();
        let mut undeclared = None;
        for part in homelab.edges() {
            let address = part.settings.address.as_ref()?;
            found.extend(hosts(part).map(|host| (host, address)));
            let fallback = part.settings.fallback.as_ref();
            undeclared = undeclared.or(fallback.map(|_| address));
        }
        let name = |name: String, address: &EdgeAddress| DnsName {
            name,
            public: address.public.clone(),
            lan: address.lan.clone(),
        };
        let (inside, outside) = sorted(&homelab.domain, found);
        let undeclared = undeclared.map(|address| name(format!("*.{}", homelab.domain), address));
        let named = |(host, address): (Host, &EdgeAddress)| name(host.to_string(), address);
        let hosts: Vec<DnsName> = { inside.into_iter().map(named) }
            .chain(undeclared)
            .chain(outside.into_iter().map(named))
            .collect();
        Some(DnsNames {
            public: hosts.iter().any(|host| !host.public.is_empty()),
            lan: hosts.iter().any(|host| !host.lan.is_empty()),
            hosts,
        })
    }
}

/// Every host that an edge answers to by its name.
fn hosts(part: EdgePart<'_>) -> impl Iterator<Item = Host> {
    let hosts = { part.services() }.flat_map(|service| service.hosts.iter().cloned());
    let landing = part.settings.landing;
    hosts.chain(landing.then(|| part.homelab.domain.own_host()))
}

/// Hosts, each with what belongs to it.
type Hosts<T> = Vec<(Host, T)>;

/// The domain and those below it, the domain first; and all others.
fn sorted<T>(domain: &Domain, found: impl IntoIterator<Item = (Host, T)>) -> (Hosts<T>, Hosts<T>) {
    let found: BTreeMap<Host, T> = found.into_iter().collect();
    let is_inside = |(host, _): &(Host, T)| domain.holds(host);
    let (mut inside, outside): (Hosts<T>, Hosts<T>) = found.into_iter().partition(is_inside);
    inside.sort_by_key(|(host, _)| host.as_str() != domain.as_str());
    (inside, outside)
}
