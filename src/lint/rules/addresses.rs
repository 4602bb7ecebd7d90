//! Whom an address makes somebody.

use ipnet::IpNet;

use super::super::configuration::{Matcher, Ranges, network};
use super::super::place::Found;
use super::super::subject::{Stand, Subject};

/// Networks that nobody reaches from elsewhere: RFC 1918 §3, RFC 6598 §7, RFC 3927 §2.1, RFC 1122 §3.2.1.3, RFC 4193 §3.1.
const PRIVATE: &[&str] = &[
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "127.0.0.0/8",
    "fc00::/7",
];

/// Whether a network has half of all addresses, or more.
fn is_nearly_all(network: &IpNet) -> bool {
    match network {
        IpNet::V4(network) => network.prefix_len() <= 1,
        // Every address that is routed begins with the bits 001 (RFC 4291 §2.4, by IANA's allocation).
        IpNet::V6(network) => {
            network.prefix_len() <= 2 || *network == "2000::/3".parse().expect("it is a network")
        }
    }
}

/// The private network that another has and goes beyond.
fn goes_beyond(network: &IpNet) -> Option<IpNet> {
    let private = PRIVATE
        .iter()
        .map(|text| text.parse::<IpNet>().expect("it is a network"));
    let network = network.trunc();
    { private }.find(|private| {
        network.contains(private) && network != *private && !is_nearly_all(&network)
    })
}

fn ranges<'s, 'c>(subject: &'s Subject<'c>) -> impl Iterator<Item = (&'s Stand<'c>, &'c Ranges)> {
    subject
        .matchers()
        .filter_map(|(stand, matcher, _)| match matcher {
            Matcher::RemoteIp(ranges) | Matcher::ClientIp(ranges) => Some((stand, ranges)),
            _ => None,
        })
}

pub(in crate::lint) fn everybody_is_home(subject: &Subject<'_>) -> Vec<Found> {
    let found = ranges(subject).filter_map(|(stand, ranges)| {
        let network = ranges.networks().find(is_nearly_all)?;
        Some(stand.found(format!("`{network}` is nearly every address that there is")))
    });
    found.collect()
}

pub(in crate::lint) fn too_wide(subject: &Subject<'_>) -> Vec<Found> {
    let found = ranges(subject).filter_map(|(stand, ranges)| {
        let (network, private) = ranges
            .networks()
            .find_map(|network| Some((network, goes_beyond(&network)?)))?;
        Some(stand.found(format!(
            "`{network}` has addresses of others beside the private `{private}`"
        )))
    });
    found.collect()
}

pub(in crate::lint) fn forwarded(subject: &Subject<'_>) -> Vec<Found> {
    let found = ranges(subject).filter(|(_, ranges)| ranges.forwarded);
    let found = found.map(|(stand, _)| {
        stand.found("`remote_ip forwarded` goes by `X-Forwarded-For`, whoever has sent it")
    });
    found.collect()
}

pub(in crate::lint) fn every_proxy_trusted(subject: &Subject<'_>) -> Vec<Found> {
    let found = subject.servers.iter().filter_map(|serving| {
        let trusted = serving.server.trusted_proxies.as_ref()?;
        let all = trusted
            .ranges
            .iter()
            .filter_map(|range| network(range))
            .find(is_nearly_all)?;
        Some(serving.place().found(format!(
            "`trusted_proxies` has `{all}`: whoever comes is a proxy that is believed"
        )))
    });
    found.collect()
}

pub(in crate::lint) fn proxy_protocol(subject: &Subject<'_>) -> Vec<Found> {
    let found = subject.servers.iter().filter_map(|serving| {
        let mut wrappers = serving.server.listener_wrappers.iter();
        let wrapper = wrappers.find(|wrapper| wrapper.wrapper == "proxy_protocol")?;
        let all = wrapper
            .allow
            .iter()
            .filter_map(|range| network(range))
            .find(is_nearly_all)?;
        Some(
            serving
                .place()
                .found(format!("`proxy_protocol` is taken from `{all}`")),
        )
    });
    found.collect()
}
