//! Where visitors find the edge.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Resolver;
use crate::diagnostic::mistake;
use crate::model::{Domain, EdgeAddress};
use crate::parse::declaration::Text;
use crate::parse::deploy::AddressLine;
use crate::source::{Span, Spanned};

/// Of each kind, on the internet and at home.
const MOST_ADDRESSES: usize = 16;

impl Resolver<'_> {
    /// Reads `address "203.0.113.7" lan-address="192.168.1.10"`.
    pub(super) fn edge_address(&mut self, line: &AddressLine) -> Option<EdgeAddress> {
        let lan = line.lan.as_ref().map_or(Vec::new(), words);
        let public = self.addresses(&line.public);
        let lan = self.addresses(&lan);
        Some(EdgeAddress {
            public: public?,
            lan: lan?,
        })
    }

    /// All of them, in the order written; none where one is wrong, or was there already. That an address of IPv6 is in both lists is
    /// usual: it is the same one at home.
    fn addresses(&mut self, list: &[Text]) -> Option<Vec<IpAddr>> {
        if let Some(one) = list.get(MOST_ADDRESSES) {
            self.refuse(mistake!(
                "resolve::too-many-addresses",
                "the edge has more than {MOST_ADDRESSES} addresses of a kind",
                at(one.span, "too many"),
                help("name those that visitors are to find it at: each host has a record for each"),
            ));
            return None;
        }
        let mut firsts = BTreeMap::new();
        let mut addresses = Some(Vec::new());
        for written in list {
            let address = self.read(written, address, |text, why| {
                let help = meant(text).unwrap_or_else(|| {
                    "write it as `\"203.0.113.7\"` or `\"2001:db8::7\"`".to_owned()
                });
                mistake!(
                    "resolve::bad-address",
                    "visitors find no edge at `{text}`",
                    at(written.span, "{why}"),
                    help(help),
                )
            });
            let address = address.filter(|address| self.is_new(*address, written, &mut firsts));
            addresses = addresses.zip(address).map(|(mut addresses, address)| {
                addresses.push(address);
                addresses
            });
        }
        addresses
    }

    fn is_new(
        &mut self,
        address: IpAddr,
        written: &Text,
        firsts: &mut BTreeMap<IpAddr, Span>,
    ) -> bool {
        let Some(first) = firsts.get(&address) else {
            firsts.insert(address, written.span);
            return true;
        };
        // Several in one text have one place.
        let (is_one_text, first) = (*first == written.span, *first);
        let again = if is_one_text {
            "twice in here"
        } else {
            "again here"
        };
        let mut mistake = mistake!(
            "resolve::repeated-address",
            "the address `{address}` is said twice",
            at(written.span, "{again}"),
            help("remove one of the two"),
        );
        if !is_one_text {
            mistake = mistake.at(first, "first here".to_owned());
        }
        self.refuse(mistake);
        false
    }
}

/// The words of a text, each with its place; where it is empty, that is one that is wrong.
fn words(written: &Text) -> Vec<Text> {
    let words: Vec<&str> = written
        .value
        .split(' ')
        .filter(|word| !word.is_empty())
        .collect();
    match words.as_slice() {
        [] => vec![written.clone()],
        words => { words.iter() }
            .map(|word| Spanned::new((*word).to_owned(), written.span))
            .collect(),
    }
}

/// An address that a name can lead to.
fn address(text: &str) -> Result<IpAddr, &'static str> {
    let address: IpAddr = text.parse().map_err(|_| match text {
        _ if text.contains('/') => "it is a range, or has a path",
        _ if is_name(text) => "it is a name, and no IP address",
        _ => "it is no IP address",
    })?;
    match address {
        _ if address.is_unspecified() => Err("it stands for every address, and is none"),
        _ if address.is_multicast() => Err("it is for groups of machines"),
        IpAddr::V4(v4) if v4.is_broadcast() => Err("it is for groups of machines"),
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            Err("it is an IPv4 address written as IPv6")
        }
        // RFC 4007 §11: it leads nowhere without the name of the link, which no record holds.
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Err("it is known on one link alone"),
        IpAddr::V4(v4) if v4.is_link_local() => Err("it is known on one link alone"),
        _ => Ok(address),
    }
}

/// What to write instead, where that can be seen.
fn meant(text: &str) -> Option<String> {
    let read = |text: &str| address(text).ok();
    if let Some(found) = text.strip_suffix(',').and_then(read) {
        return Some(format!(
            "write `\"{found}\"`: there are no commas between several"
        ));
    }
    if let Some(found) = text.split_once('/').and_then(|(found, _)| read(found)) {
        return Some(format!(
            "write `\"{found}\"`: one address stands here, and ranges in `lan`"
        ));
    }
    let bare = text.strip_prefix('[').and_then(|text| text.split_once(']'));
    let port = text.split_once(':');
    if let Some(found) = bare.or(port).and_then(|(found, _)| read(found)) {
        return Some(format!(
            "write `\"{found}\"`: the port of HTTPS is said by `port 8443`, beside it"
        ));
    }
    if let Ok(IpAddr::V6(v6)) = text.parse()
        && let Some(found) = v6.to_ipv4_mapped().and_then(|v4| read(&v4.to_string()))
    {
        return Some(format!("write `\"{found}\"`"));
    }
    let host = Domain::new(text.trim_end_matches('.')).ok()?;
    host.as_str().contains(char::is_alphabetic).then(|| {
        format!(
            "a name is for a CNAME record, where your DNS is kept: let those of the hosts lead to `{host}.`, and leave it out here; or write its address, where that stays the same"
        )
    })
}

fn is_name(text: &str) -> bool {
    text.contains(char::is_alphabetic) && !text.contains([':', '/'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Source, compile};

    fn declared(line: &str) -> Option<EdgeAddress> {
        let text = format!("domain \"home.example.com\"; edge {{ {line}; }}");
        let homelab = compile(&Source::new("homelab.kdl", text)).ok()?;
        Some(homelab.edges[0].address.clone().expect("it is said"))
    }

    #[test]
    fn addresses_are_read_in_their_order() {
        let list = |list: &[&str]| -> Vec<IpAddr> {
            list.iter()
                .map(|text| text.parse().expect("it is one"))
                .collect()
        };
        for (line, public, lan) in [
            ("address \"203.0.113.7\"", &["203.0.113.7"][..], &[][..]),
            (
                "address \"2001:db8::7\" \"203.0.113.7\"",
                &["2001:db8::7", "203.0.113.7"],
                &[],
            ),
            (
                "address lan-address=\"192.168.1.10\"",
                &[],
                &["192.168.1.10"],
            ),
            (
                "address \"203.0.113.7\" lan-address=\"192.168.1.10 fd00::10\"",
                &["203.0.113.7"],
                &["192.168.1.10", "fd00::10"],
            ),
            (
                "address \"2001:db8::7\" lan-address=\"192.168.1.10 2001:db8::7\"",
                &["2001:db8::7"],
                &["192.168.1.10", "2001:db8::7"],
            ),
        ] {
            let (public, lan) = (list(public), list(lan));
            assert_eq!(declared(line), Some(EdgeAddress { public, lan }), "{line}");
        }
    }

    #[test]
    fn what_no_name_can_lead_to_is_no_address() {
        for text in [
            "",
            " ",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "::ffff:203.0.113.7",
            "203.0.113.7/24",
            "203.0.113.7:443",
            "[2001:db8::7]",
            "[2001:db8::7]:443",
            "fe80::1",
            "fe80::1%eth0",
            "169.254.1.1",
            "203.0.113",
            "home.example.com",
        ] {
            let public = format!("address \"{text}\"");
            let lan = format!("address \"203.0.113.7\" lan-address=\"{text}\"");
            assert_eq!(
                (declared(&public), declared(&lan)),
                (None, None),
                "{text:?}"
            );
        }
        assert_eq!(declared("address"), None);
        assert_eq!(declared("address \"203.0.113.7\" \"203.0.113.7\""), None);
        assert_eq!(declared("address lan-address=\"::1 0:0::1\""), None);
    }
}
