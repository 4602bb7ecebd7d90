//! Where a visitor stands, as the edge sees it: at home, outside, or nobody knows.

use std::net::IpAddr;

use serde::Serialize;

use super::outcome::Networks;
use crate::model::{Edge, Homelab, IpRange, Network};

/// Where a visitor stands, as the edge sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Place {
    /// In the declared LAN, or in the networks that are asked for.
    Home,
    /// Elsewhere.
    Outside,
    /// That cannot be told from here: a router or a proxy may speak for us.
    Unknown,
}

impl Place {
    /// Where a connection from `local` to `peer` comes from.
    pub(crate) fn of(edge: &Edge, local: IpAddr, peer: IpAddr) -> Place {
        match seen(edge, local, peer) {
            None => Place::Unknown,
            Some(local) if is_lan(&edge.lan, local) => Place::Home,
            Some(_) => Place::Outside,
        }
    }

    /// Whether it comes from within these networks: then that is `Home`.
    pub(crate) fn within(
        (homelab, edge): (&Homelab, &Edge),
        networks: &Networks,
        local: IpAddr,
        peer: IpAddr,
    ) -> Place {
        let Some(local) = seen(edge, local, peer) else {
            return Place::Unknown;
        };
        let mut sets = networks.0.iter();
        let is_in = |network: &Network| match network {
            Network::Lan => is_lan(&edge.lan, local),
            Network::Named(name) => {
                let ranges = homelab.networks.get(name).into_iter().flatten();
                ranges.into_iter().any(|range| range.contains(local))
            }
        };
        let is_inside = sets.all(|set| set.iter().any(is_in));
        if is_inside {
            Place::Home
        } else {
            Place::Outside
        }
    }
}

/// The address that the edge sees, where that can be told.
///
/// A router that translates addresses changes what the edge sees, and does so where a private
/// address speaks to a public one.
fn seen(edge: &Edge, local: IpAddr, peer: IpAddr) -> Option<IpAddr> {
    let (local, peer) = (local.to_canonical(), peer.to_canonical());
    let is_direct = local == peer || !is_private(local) || is_private(peer);
    (is_direct && edge.behind.is_none()).then_some(local)
}

fn is_lan(ranges: &[IpRange], address: IpAddr) -> bool {
    match ranges {
        [] => is_private(address),
        ranges => ranges.iter().any(|range| range.contains(address)),
    }
}

/// What Caddy calls `private_ranges`.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.octets()[0] == 0xfd,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    fn homelab(edge: &str) -> Homelab {
        let text = format!("domain \"home.example.com\"\n{edge}\n");
        crate::compile(&Source::new("homelab.kdl", text.as_str())).expect("it compiles")
    }

    #[test]
    fn it_is_known_where_nothing_translates_addresses() {
        use Place::{Home, Outside, Unknown};
        let usual = homelab("");
        let narrow = homelab("edge { lan \"192.168.0.0/16\"; }");
        for (homelab, local, peer, expected) in [
            (&usual, "127.0.0.1", "127.0.0.1", Home),
            (&narrow, "127.0.0.1", "127.0.0.1", Outside),
            (&usual, "192.168.1.5", "192.168.1.2", Home),
            (&narrow, "10.8.0.2", "192.168.1.2", Outside),
            (&usual, "192.168.1.5", "203.0.113.9", Unknown),
            (&usual, "198.51.100.7", "203.0.113.9", Outside),
            (&usual, "::ffff:192.168.1.5", "::ffff:192.168.1.2", Home),
            (&usual, "fd00::5", "2001:db8::1", Unknown),
            (&usual, "2001:db8:1::5", "2001:db8::1", Outside),
        ] {
            let (from, to) = (local.parse().unwrap(), peer.parse().unwrap());
            assert_eq!(
                Place::of(&homelab.edges[0], from, to),
                expected,
                "{local} {peer}"
            );
        }
        let office = homelab("network \"office\" \"198.51.100.0/24\" \"10.8.0.0/16\"");
        let both = |networks: &[&[&Network]]| {
            let sets = networks
                .iter()
                .map(|set| set.iter().copied().cloned().collect());
            Networks(sets.collect())
        };
        let named = &Network::Named(crate::model::Name::new("office").unwrap());
        for (networks, local, peer, expected) in [
            (both(&[&[named]]), "198.51.100.7", "203.0.113.9", Home),
            (both(&[&[named]]), "10.8.0.2", "192.168.1.2", Home),
            (both(&[&[named]]), "192.168.1.5", "192.168.1.2", Outside),
            // A router puts its own address there, which nobody knows here.
            (both(&[&[named]]), "10.8.0.2", "203.0.113.9", Unknown),
            (
                both(&[&[&Network::Lan, named]]),
                "192.168.1.5",
                "192.168.1.2",
                Home,
            ),
            (
                both(&[&[&Network::Lan], &[named]]),
                "192.168.1.5",
                "192.168.1.2",
                Outside,
            ),
            (
                both(&[&[&Network::Lan], &[named]]),
                "10.8.0.2",
                "192.168.1.2",
                Home,
            ),
        ] {
            let (from, to) = (local.parse().unwrap(), peer.parse().unwrap());
            let place = Place::within((&office, &office.edges[0]), &networks, from, to);
            assert_eq!(place, expected, "{local} {peer} {networks}");
        }
        let behind =
            homelab("edge { caddy \"2.11\"; behind \"192.168.1.1\" by=\"x-forwarded-for\"; }");
        let home = "192.168.1.5".parse().unwrap();
        assert_eq!(Place::of(&behind.edges[0], home, home), Unknown);
    }
}
