//! The settings of the edge itself.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize, Serializer};

use super::caddy::CaddyVersion;
use super::deploy::{Deploy, DeployPath, EdgeAddress};
use super::extras::{Admin, Fallback, LogTarget, Port};
use super::issuance::{AcmeAuthority, OldestTls, SiteCertificates};
use super::name::Name;
use super::sign_in::Gateway;
use super::text::Email;

/// A Caddy in front of services: how its Caddyfile as a whole is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// What it is called; always there where there are several.
    pub name: Option<Name>,
    /// The ACME account's address.
    pub email: Option<Email>,
    /// Where the sites' own certificates come from.
    pub certificates: SiteCertificates,
    /// Of whom those are asked that come by ACME.
    pub acme: AcmeAuthority,
    /// The oldest version of TLS that visitors may speak.
    pub oldest_tls: OldestTls,
    /// What counts as the LAN; empty for Caddy's `private_ranges`.
    pub lan: Vec<IpRange>,
    /// The proxies that stand before this one, where there are any.
    pub behind: Option<Behind>,
    /// The oldest Caddy that must take the file.
    pub caddy: CaddyVersion,
    /// What the declaration itself says of the Caddy that runs, where it says anything.
    pub promised: Option<CaddyVersion>,
    /// Whether the domain itself shows visitors what they may use.
    pub landing: bool,
    /// The port of HTTPS.
    pub port: Port,
    /// Where requests are written down.
    pub log: Option<LogTarget>,
    /// Whether files are made smaller on the way.
    pub compress: bool,
    /// Where Caddy's admin endpoint is.
    pub admin: Admin,
    /// Whether Caddy counts its requests.
    pub metrics: bool,
    /// What visitors of hosts get that nobody declares.
    pub fallback: Option<Fallback>,
    /// Where visitors can sign in.
    pub gateway: Option<Gateway>,
    /// Where visitors find it.
    pub address: Option<EdgeAddress>,
    /// Where the edge is deployed to.
    pub deploy: Option<Deploy>,
    /// Whether devices fetch their newer certificates there, and out of which files.
    pub pick_up: Option<PickUp>,
}

impl Edge {
    /// Whether such certificates are of an authority that all browsers know.
    pub fn are_public(&self, certificates: &SiteCertificates) -> bool {
        certificates.are_by_acme() && self.acme.is_public()
    }

    /// Some address that counts as the LAN's.
    pub fn address_at_home(&self) -> IpAddr {
        match self.lan.first() {
            Some(range) => range.0.addr(),
            None => IpAddr::from([192, 168, 1, 1]),
        }
    }
}

/// Newer certificates are fetched by the devices that they are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PickUp {
    /// Where the files of `edge/` lie, as Caddy sees it.
    pub root: DeployPath,
}

/// Proxies that stand before this one, and that are believed about whom they speak for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Behind {
    /// Their addresses; at least one.
    pub proxies: Vec<IpRange>,
    /// How they say it.
    pub by: Forwarding,
}

/// How a proxy says for whom it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forwarding {
    /// In the header `X-Forwarded-For` of each request: it has ended TLS itself.
    XForwardedFor,
    /// Once, before the TLS connection that it passes on unopened (HAProxy's PROXY protocol).
    ProxyProtocol,
}

impl fmt::Display for Forwarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Forwarding::XForwardedFor => "x-forwarded-for",
            Forwarding::ProxyProtocol => "proxy-protocol",
        })
    }
}

/// Addresses in CIDR notation, such as `192.168.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct IpRange(IpNet);

impl IpRange {
    /// Takes an address, or an address and a prefix length; otherwise says why not.
    pub fn new(text: &str) -> Result<IpRange, &'static str> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| "it is no IP address")?;
        // Caddy would match no visitor with it.
        if matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()) {
            return Err("it is an IPv4 address written as IPv6");
        }
        let Some(digits) = prefix else {
            return Ok(IpRange(address.into()));
        };
        let prefix = match digits.parse() {
            Ok(prefix) if digits.len() <= 3 && digits.bytes().all(|b| b.is_ascii_digit()) => prefix,
            _ => return Err("its prefix length is no number"),
        };
        match IpNet::new(address, prefix) {
            Err(_) => Err("its prefix is longer than the address"),
            Ok(_) if prefix == 0 => Err("it covers every address"),
            Ok(range) => Ok(IpRange(range)),
        }
    }

    /// The range that was probably meant by a single address that ends as networks do: `192.168.0.0` is no visitor's.
    pub(crate) fn meant(&self) -> Option<IpNet> {
        if self.0.prefix_len() < self.0.max_prefix_len() {
            return None;
        }
        let prefix = match self.0.addr() {
            IpAddr::V4(address) => match address.octets() {
                [_, 0, 0, 0] => 8,
                [_, _, 0, 0] => 16,
                [_, _, _, 0] => 24,
                _ => return None,
            },
            IpAddr::V6(address) => match address.segments() {
                [_, 0, 0, 0, 0, 0, 0, 0] => 8,
                [_, _, 0, 0, 0, 0, 0, 0] => 32,
                [_, _, _, 0, 0, 0, 0, 0] => 48,
                [_, _, _, _, 0, 0, 0, 0] => 64,
                _ => return None,
            },
        };
        IpNet::new(self.0.addr(), prefix).ok()
    }

    /// Whether an address is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl Serialize for IpRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        for (text, shown) in [
            ("192.168.0.0/16", "192.168.0.0/16"),
            ("fd00::/8", "fd00::/8"),
            ("10.0.0.1", "10.0.0.1/32"),
        ] {
            assert_eq!(IpRange::new(text).unwrap().to_string(), shown);
        }
        for bad in [
            "",
            "x",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "0.0.0.0/0",
            "::/0",
            "10.0/8",
            "::ffff:192.168.0.0/112",
        ] {
            assert!(IpRange::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_range_contains_its_addresses() {
        for (range, address, expected) in [
            ("192.168.0.0/16", "192.168.255.1", true),
            ("192.168.0.0/16", "192.169.0.1", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.0", false),
            ("fd00::/8", "fdff::1", true),
            ("fd00::/8", "fe00::1", false),
            ("fd00::/8", "10.0.0.1", false),
        ] {
            let range = IpRange::new(range).unwrap();
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(range.contains(address), expected, "{range} {address}");
        }
    }
}
