//! PKCS#12 in BER, as NSS writes it (Firefox, Thunderbird, pk12util), made into DER.

/// Levels of elements within each other, at the most: an honest file has a dozen.
const DEEPEST: usize = 32;

const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const OCTET_STRINGS: u8 = 0x24;
const SEQUENCE: u8 = 0x30;

/// The elements of BER with lengths that are told, and with strings in one piece; none where it is no BER, or nested for the
/// sake of it. What else BER allows stays as it is.
pub(super) fn definite(ber: &[u8]) -> Option<Vec<u8>> {
    let mut rest = ber;
    let mut der = Vec::with_capacity(ber.len());
    while !rest.is_empty() {
        element(&mut rest, DEEPEST)?.write(&mut der);
    }
    Some(der)
}

/// An element whose content is in DER.
struct Element {
    tag: u8,
    content: Vec<u8>,
}

impl Element {
    fn write(&self, der: &mut Vec<u8>) {
        der.push(self.tag);
        let length = self.content.len();
        let octets = length.to_be_bytes();
        let octets = &octets[length.leading_zeros() as usize / 8..];
        match length {
            0..0x80 => der.push(length as u8),
            _ => {
                der.push(0x80 | octets.len() as u8);
                der.extend(octets);
            }
        }
        der.extend(&self.content);
    }
}

/// Takes the next element off.
fn element(rest: &mut &[u8], levels: usize) -> Option<Element> {
    let levels = levels.checked_sub(1)?;
    let [tag, first, after @ ..] = *rest else {
        return None;
    };
    let (tag, is_constructed) = (*tag, tag & 0x20 != 0);
    // X.690 §8.1.2.4: PKCS#12 has no tag of several octets.
    if tag & 0x1f == 0x1f {
        return None;
    }
    *rest = after;
    let children = match (first, is_constructed) {
        // X.690 §8.1.3.6: until two octets of zero.
        (0x80, true) => {
            let mut children = Vec::new();
            while !rest.starts_with(&[0, 0]) {
                children.push(element(rest, levels)?);
            }
            *rest = &rest[2..];
            children
        }
        (0x80, false) => return None,
        (first, _) => {
            let mut content = take(rest, *first)?;
            if !is_constructed {
                let content = content.to_owned();
                return Some(Element { tag, content });
            }
            let mut children = Vec::new();
            while !content.is_empty() {
                children.push(element(&mut content, levels)?);
            }
            children
        }
    };
    joined(tag, children)
}

/// As many octets as a length says that begins with this one.
fn take<'a>(rest: &mut &'a [u8], first: u8) -> Option<&'a [u8]> {
    let mut length = usize::from(first);
    if first & 0x80 != 0 {
        let (octets, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
        length = octets.iter().try_fold(0_usize, |length, octet| {
            Some(length.checked_mul(0x100)? | usize::from(*octet))
        })?;
        *rest = after;
    }
    let (content, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(content)
}

fn joined(tag: u8, mut children: Vec<Element>) -> Option<Element> {
    if tag == OCTET_STRINGS {
        return pieces(OCTET_STRING, children);
    }
    // RFC 5652 §8: EncryptedContentInfo, of which the content is `[0] IMPLICIT OCTET STRING`. In no other SEQUENCE of
    // PKCS#12 does `[0]` stand behind an object's number and a SEQUENCE.
    if let (SEQUENCE, [kind, algorithm, content]) = (tag, &children[..]) {
        let tags = (kind.tag, algorithm.tag, content.tag);
        if tags == (OBJECT_IDENTIFIER, SEQUENCE, 0xa0) {
            let content = children.pop()?.content;
            let mut rest = &content[..];
            let mut strings = Vec::new();
            while !rest.is_empty() {
                strings.push(element(&mut rest, 1)?);
            }
            children.push(pieces(0x80, strings)?);
        }
    }
    let mut content = Vec::new();
    for child in children {
        child.write(&mut content);
    }
    Some(Element { tag, content })
}

/// One string of several.
fn pieces(tag: u8, pieces: Vec<Element>) -> Option<Element> {
    let mut content = Vec::new();
    for piece in pieces {
        if piece.tag != OCTET_STRING {
            return None;
        }
        content.extend(piece.content);
    }
    Some(Element { tag, content })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn der_stays_as_it_is() {
        let der = crate::pki::golden::bundle(crate::pki::BundleProfile::Modern);
        assert_eq!(definite(&der), Some(der));
    }

    #[test]
    fn lengths_are_told_and_strings_joined() {
        let ber = [
            0x30, 0x80, 0x24, 0x80, 0x04, 0x81, 0x01, 7, 0x04, 1, 8, 0, 0, 0, 0,
        ];
        assert_eq!(definite(&ber), Some(vec![0x30, 4, 0x04, 2, 7, 8]));
        for length in 1..ber.len() {
            assert_eq!(definite(&ber[..length]), None, "{length}");
        }
    }

    #[test]
    fn what_is_nested_for_the_sake_of_it_is_refused() {
        assert_eq!(definite(&[0x30, 0x80].repeat(500_000)), None);
        let mut nested = vec![0x04, 0];
        for _ in 0..40 {
            nested = [&[0x30, 0x80][..], &nested, &[0, 0]].concat();
        }
        assert_eq!(definite(&nested), None);
        assert_eq!(
            definite(&[0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            None
        );
        assert_eq!(definite(&[0x30, 0xff]), None);
    }
}
