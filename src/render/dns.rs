//! Records as servers of names read them. No text of a user's is in them: hosts are labels of `a`–`z`, `0`–`9` and `-`, addresses are
//! addresses.

use std::fmt::Write;
use std::net::IpAddr;

use crate::derive::{DnsFormat, DnsHost, DnsRecords, DnsView};

/// Seconds for which a server elsewhere may go by a record.
const LIFE: u32 = 3600;

/// All the lines that such a server is to be told, with comments.
pub(crate) fn dns(records: &DnsRecords<'_>, format: DnsFormat) -> String {
    match format {
        DnsFormat::Zone => zone(records),
        DnsFormat::Unbound => unbound(records),
        DnsFormat::Dnsmasq => dnsmasq(records),
        DnsFormat::Hosts => hosts(records),
    }
}

/// RFC 1035 §5.1. What belongs into another zone is a comment: a server refuses it in this one, or passes it over.
fn zone(records: &DnsRecords<'_>) -> String {
    let mut text = head(records, ';');
    text += "; They are lines for a zone that has its SOA and NS records: put them into it, or name this file there by $INCLUDE.\n";
    let line = |name: &str, address: &IpAddr| {
        let kind = kind(address);
        format!("{name}. {LIFE} IN {kind} {address}\n")
    };
    let domain = records.domain;
    for host in &records.inside {
        text.extend({ host.addresses.iter() }.map(|address| line(host.name.as_str(), address)));
    }
    if let Some(addresses) = records.undeclared {
        let name = format!("*.{domain}");
        text.extend({ addresses.iter() }.map(|address| line(&name, address)));
    }
    if !records.outside.is_empty() {
        say_outside(&mut text, records, ';', ", so for other zones");
    }
    for host in &records.outside {
        let lines = { host.addresses.iter() }.map(|address| line(host.name.as_str(), address));
        text.extend(lines.map(|line| format!("; {line}")));
    }
    text
}

/// unbound.conf(5). A host of its own is a zone of its own, that is `transparent`: it has no address but these, whatever the internet
/// says, and what stands below it, such as `_acme-challenge`, is asked for as usual. The domain has other records than addresses, above all
/// MX, so it is `typetransparent`.
fn unbound(records: &DnsRecords<'_>) -> String {
    let mut text = head(records, '#');
    text += "# This is a file for /etc/unbound/unbound.conf.d/.\n";
    say_undeclared(&mut text, records);
    text += "server:\n";
    let zone = |text: &mut String,
                DnsHost {
                    name: host,
                    addresses,
                }: &DnsHost<'_>| {
        let kind = match host.as_str() == records.domain.as_str() {
            true => "typetransparent",
            false => "transparent",
        };
        say(text, format_args!("    local-zone: \"{host}.\" {kind}"));
        for address in *addresses {
            let record = kind_and(address);
            say(
                text,
                format_args!("    local-data: \"{host}. {LIFE} IN {record}\""),
            );
        }
    };
    each_host(&mut text, records, zone);
    text
}

/// dnsmasq(8). It has no form for a host alone that keeps it from asking elsewhere for the other family's address.
fn dnsmasq(records: &DnsRecords<'_>) -> String {
    let mut text = head(records, '#');
    text += "# This is a file for /etc/dnsmasq.d/.\n";
    say_undeclared(&mut text, records);
    if let Some(kind) = records.only_on_internet {
        say(
            &mut text,
            format_args!(
                "# Their {kind} addresses dnsmasq goes on to ask for elsewhere, for `lan-address` has none, and `address` has."
            ),
        );
    }
    each_host(&mut text, records, |text, host| {
        for address in host.addresses {
            say(text, format_args!("host-record={},{address}", host.name));
        }
    });
    text
}

/// hosts(5), with one name on a line: Windows reads no more than nine.
fn hosts(records: &DnsRecords<'_>) -> String {
    let mut text = head(records, '#');
    say_undeclared(&mut text, records);
    each_host(&mut text, records, |text, host| {
        for address in host.addresses {
            say(text, format_args!("{address} {}", host.name));
        }
    });
    text
}

fn head(records: &DnsRecords<'_>, mark: char) -> String {
    let place = match records.view {
        DnsView::Lan => "at home",
        DnsView::Internet => "on the internet",
    };
    let domain = records.domain;
    let mut text =
        format!("{mark} The hosts of {domain} and their addresses {place}, by `homelab dns`.\n");
    for edge in &records.left_out {
        say(
            &mut text,
            format_args!("{mark} Not in it: those of the edge {edge}, which has no address there."),
        );
    }
    text
}

/// All hosts, those outside of the domain last and named as such.
fn each_host(
    text: &mut String,
    records: &DnsRecords<'_>,
    write: impl Fn(&mut String, &DnsHost<'_>),
) {
    records.inside.iter().for_each(|host| write(text, host));
    if !records.outside.is_empty() {
        say_outside(text, records, '#', "");
    }
    records.outside.iter().for_each(|host| write(text, host));
}

fn say_outside(text: &mut String, records: &DnsRecords<'_>, mark: char, more: &str) {
    let domain = records.domain;
    say(text, format_args!("{mark} Outside of {domain}{more}:"));
}

/// Unlike a zone, these would give the edge's address for every name below the domain, also for those that another server has records of.
fn say_undeclared(text: &mut String, records: &DnsRecords<'_>) {
    if records.undeclared.is_some() {
        let domain = records.domain;
        say(
            text,
            format_args!(
                "# Not in it: hosts that nobody declares, which `fallback` answers. Here *.{domain} would also take those that are another machine's."
            ),
        );
    }
}

fn say(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a String takes everything");
}

fn kind_and(address: &IpAddr) -> String {
    format!("{} {address}", kind(address))
}

fn kind(address: &IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => "A",
        IpAddr::V6(_) => "AAAA",
    }
}
