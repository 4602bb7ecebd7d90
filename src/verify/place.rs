//! Where a visitor stands, as the edge sees it: at home, outside, or nobody knows.

use std::net::IpAddr;

use serde::Serialize;

use crate::model::{Homelab, IpRange};

/// Where a visitor stands, as the edge sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Place {
    /// In the declared LAN.
    Home,
    /// Elsewhere.
    Outside,
    /// That cannot be told from here: a router or a proxy may speak for us.
    Unknown,
}

impl Place {
    /// Where a connection from `local` to `peer` comes from.
    ///
    /// A router that translates addresses changes what the edge sees, and does so where a private
    /// address speaks to a public one.
    pub(crate) fn of(homelab: &Homelab, local: IpAddr, peer: IpAddr) -> Place {
        if homelab.edge.behind.is_some() {
            return Place::Unknown;
        }
        let (local, peer) = (local.to_canonical(), peer.to_canonical());
        let is_direct = local == peer || !is_private(local) || is_private(peer);
        if !is_direct {
            Place::Unknown
        } else if is_lan(&homelab.edge.lan, local) {
            Place::Home
        } else {
            Place::Outside
        }
    }
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
            assert_eq!(Place::of(homelab, from, to), expected, "{local} {peer}");
        }
        let behind =
            homelab("edge { caddy \"2.11\"; behind \"192.168.1.1\" by=\"x-forwarded-for\"; }");
        let home = "192.168.1.5".parse().unwrap();
        assert_eq!(Place::of(&behind, home, home), Unknown);
    }
}
