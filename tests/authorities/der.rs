//! A small writer of DER. It checks nothing, so that what is written can be wrong.

/// An element: a tag, the length in its fewest octets, the content.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut der = vec![tag];
    match length {
        0..0x80 => der.push(length as u8),
        0x80..0x100 => der.extend([0x81, length as u8]),
        0x100..0x10000 => {
            der.push(0x82);
            der.extend((length as u16).to_be_bytes());
        }
        _ => {
            der.push(0x83);
            der.extend(&(length as u32).to_be_bytes()[1..]);
        }
    }
    der.extend(content);
    der
}

pub fn sequence<const N: usize>(parts: [&[u8]; N]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

pub fn set<const N: usize>(parts: [&[u8]; N]) -> Vec<u8> {
    element(0x31, &parts.concat())
}

/// An object's number, with arcs of up to 64 bits.
pub fn object(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted
        .split('.')
        .map(|arc| arc.parse().expect("an arc"))
        .collect();
    let mut content = Vec::new();
    for arc in std::iter::once(arcs[0] * 40 + arcs[1]).chain(arcs[2..].iter().copied()) {
        let mut groups = vec![(arc & 0x7f) as u8];
        let mut rest = arc >> 7;
        while rest > 0 {
            groups.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        content.extend(groups.iter().rev());
    }
    element(0x06, &content)
}

/// An integer whose octets are given.
pub fn integer(octets: &[u8]) -> Vec<u8> {
    element(0x02, octets)
}

pub fn boolean(octet: u8) -> Vec<u8> {
    element(0x01, &[octet])
}

/// A bit string with so many bits unused in its last octet.
pub fn bits(unused: u8, octets: &[u8]) -> Vec<u8> {
    element(0x03, &[&[unused], octets].concat())
}

pub fn octets(content: &[u8]) -> Vec<u8> {
    element(0x04, content)
}

pub fn null() -> Vec<u8> {
    vec![0x05, 0x00]
}

pub fn utc(text: &str) -> Vec<u8> {
    element(0x17, text.as_bytes())
}

pub fn generalized(text: &str) -> Vec<u8> {
    element(0x18, text.as_bytes())
}

/// `[number]` around others.
pub fn explicit(number: u8, content: &[u8]) -> Vec<u8> {
    element(0xa0 | number, content)
}

/// `[number]` in place of the usual tag.
pub fn implicit(number: u8, content: &[u8]) -> Vec<u8> {
    element(0x80 | number, content)
}
