//! Which names Go reads: of subject and issuer, and the ones beside them.

use std::net::IpAddr;

use fluent_uri::UriRef;
use fluent_uri::component::Host;

use super::NotAnAuthority;
use super::reading::{Reader, SEQUENCE, SET, context};

/// The kinds of a `GeneralName` that Go reads (RFC 5280 §4.2.1.6).
const EMAIL: u8 = context(1);
const DNS: u8 = context(2);
const URI: u8 = context(6);
const IP: u8 = context(7);

/// Octets of a subject, at the most: the names of all authorities that are trusted go into one message of a
/// handshake (RFC 8446 §4.2.4), and share its 65,535 octets.
pub(super) const LONGEST_SUBJECT: usize = 2048;

/// Holds a distinguished name against what Go reads.
pub(super) fn distinguished(field: &'static str, name: &[u8]) -> Result<(), NotAnAuthority> {
    let refused = |why| NotAnAuthority::Name { field, why };
    let malformed = || NotAnAuthority::Encoding(field);
    let mut parts = Reader::new(name);
    while !parts.is_empty() {
        let mut part = parts.enter(SET).ok_or_else(malformed)?;
        while !part.is_empty() {
            let mut attribute = part.enter(SEQUENCE).ok_or_else(malformed)?;
            attribute.object().ok_or_else(malformed)?;
            let value = attribute.next().ok_or_else(malformed)?;
            if !attribute.is_empty() {
                return Err(malformed());
            }
            text(value.tag, value.content).map_err(refused)?;
        }
    }
    Ok(())
}

/// Holds an attribute's text against its alphabet; the older Go reads no values but these.
fn text(tag: u8, value: &[u8]) -> Result<(), &'static str> {
    let fits = match tag {
        0x0c => str::from_utf8(value).is_ok(),
        0x12 => value.iter().all(|c| c.is_ascii_digit() || *c == b' '),
        0x13 => value.iter().all(|c| is_printable(*c)),
        // T.61 is taken for Latin-1, and that has every octet.
        0x14 => true,
        0x16 => value.is_ascii(),
        0x1e => value.len().is_multiple_of(2) && value.chunks_exact(2).all(is_ucs2),
        _ => {
            return Err(
                "has a value that is neither of UTF8String, PrintableString, IA5String, BMPString, TeletexString and NumericString",
            );
        }
    };
    if fits {
        Ok(())
    } else {
        Err("has characters that its kind of string does not have")
    }
}

/// PrintableString (X.680 §41.4), with the two more that Go lets pass.
fn is_printable(c: u8) -> bool {
    c.is_ascii_alphanumeric() || b" '()+,-./:=?*&".contains(&c)
}

/// Neither half of a pair of UTF-16, nor what Unicode says is no character.
fn is_ucs2(unit: &[u8]) -> bool {
    let unit = u16::from_be_bytes([unit[0], unit[1]]);
    !matches!(unit, 0xd800..0xe000 | 0xfdd0..0xfdf0 | 0xfffe..)
}

/// Whether Go finds a name that it knows among a certificate's alternative names.
///
/// # Errors
/// A [`NotAnAuthority`] if Go cannot read one.
pub(super) fn alternative(mut names: Reader) -> Result<bool, NotAnAuthority> {
    let refused = |why| Err(NotAnAuthority::AlternativeName(why));
    let mut knows = false;
    while !names.is_empty() {
        let malformed = NotAnAuthority::Encoding("subjectAltName");
        let name = names.next().ok_or(malformed)?;
        let value = name.content;
        match name.tag {
            EMAIL | DNS if !value.is_ascii() => return refused("one that is not in ASCII"),
            EMAIL | DNS => knows = true,
            URI if !is_uri(value) => {
                return refused("a URI that is none by RFC 3986, or none with a plain host");
            }
            URI => knows = true,
            IP => match (value.len(), is_mapped(value)) {
                (4, _) | (16, false) => knows = true,
                (16, true) => return refused("an IPv4 address that is written as one of IPv6"),
                _ => return refused("an IP address of neither 4 nor 16 octets"),
            },
            _ => {}
        }
    }
    Ok(knows)
}

/// RFC 3986, and a host that Go takes for one. RFC 5280 §4.2.1.6.
fn is_uri(value: &[u8]) -> bool {
    let Some(uri) = str::from_utf8(value)
        .ok()
        .and_then(|v| UriRef::parse(v).ok())
    else {
        return false;
    };
    let Some(authority) = uri.authority() else {
        return true;
    };
    match authority.host_parsed() {
        Host::Ipv4 { .. } | Host::Ipv6 { .. } => true,
        Host::RegName(_) => !authority.host().contains('%') && is_domain(authority.as_str()),
        _ => false,
    }
}

/// A name of labels, as Go looks at it: none of them empty, all in characters that show.
fn is_domain(name: &str) -> bool {
    name.is_empty()
        || name.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|octet| (33..=126).contains(&octet))
        })
}

/// RFC 4291 §2.5.5.2.
fn is_mapped(address: &[u8]) -> bool {
    address.starts_with(&[0; 10]) && address[10..].starts_with(&[0xff; 2])
}

/// Whether Go knows all kinds of names that these subtrees are about.
///
/// # Errors
/// A [`NotAnAuthority`] if Go cannot read one.
pub(super) fn subtrees(mut subtrees: Reader) -> Result<bool, NotAnAuthority> {
    let malformed = || NotAnAuthority::Constraints("are malformed");
    if subtrees.is_empty() {
        return Err(NotAnAuthority::Constraints(
            "have a list with nothing in it",
        ));
    }
    let mut knows_all = true;
    while !subtrees.is_empty() {
        let mut subtree = subtrees.enter(SEQUENCE).ok_or_else(malformed)?;
        let base = subtree.next().ok_or_else(malformed)?;
        match base.tag {
            DNS | EMAIL | URI => {
                let fits = base.content.is_ascii()
                    && str::from_utf8(base.content).is_ok_and(|name| is_base(base.tag, name));
                if !fits {
                    let why = "have a DNS name, an address or a host that is none";
                    return Err(NotAnAuthority::Constraints(why));
                }
            }
            IP if !is_network(base.content) => {
                let why = "have a network of IP addresses that is none, or whose mask has a gap";
                return Err(NotAnAuthority::Constraints(why));
            }
            IP => {}
            _ => knows_all = false,
        }
    }
    Ok(knows_all)
}

/// Whether a name can be the root of a subtree: a domain, with a dot in front where it is of what lies below it alone, or
/// one mailbox (RFC 5280 §4.2.1.10).
fn is_base(tag: u8, name: &str) -> bool {
    let is_domain_or_below = name != "." && is_domain(name.strip_prefix('.').unwrap_or(name));
    match (tag, name.split_once('@')) {
        (EMAIL, Some((local, domain))) => is_local_part(local) && is_domain(domain),
        (URI, _) if name.parse::<IpAddr>().is_ok() => false,
        _ => is_domain_or_below,
    }
}

/// RFC 5321 §4.1.2: atoms with dots between them. Quoted ones are not taken here, though Go would.
fn is_local_part(local: &str) -> bool {
    let is_atom = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&c);
    local
        .split('.')
        .all(|atom| !atom.is_empty() && atom.bytes().all(is_atom))
}

/// An address and a mask of ones before zeros.
fn is_network(network: &[u8]) -> bool {
    let (address, mask) = match network.len() {
        8 => network.split_at(4),
        32 => network.split_at(16),
        _ => return false,
    };
    let ones = mask.iter().take_while(|octet| **octet == 0xff).count();
    let rest = &mask[ones..];
    let edge = rest
        .first()
        .is_none_or(|edge| edge.leading_ones() + edge.trailing_zeros() == 8);
    let zeros = rest.iter().skip(1).all(|octet| *octet == 0);
    edge && zeros && (address.len() == 4 || !is_mapped(address))
}
