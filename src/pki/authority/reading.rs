//! DER as Go's `cryptobyte` reads it, which every Caddy reads certificates with.
//!
//! `der` reads more than that (tags above 30, numbers of objects beyond 2^31), and keeps no bytes of what it
//! has read, so that what is judged here would not be what Caddy sees.

/// Elements of DER, one behind the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
}

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// The tag `[number]` of a primitive element.
pub(super) const fn context(number: u8) -> u8 {
    0x80 | number
}

/// The tag `[number]` of an element that holds others.
pub(super) const fn context_constructed(number: u8) -> u8 {
    0xa0 | number
}

impl<'a> Reader<'a> {
    pub(super) fn new(der: &'a [u8]) -> Reader<'a> {
        Reader { rest: der }
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next element; none where there is none in DER with a tag below 31.
    pub(super) fn next(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.rest.split_first()?;
        // X.690 §8.1.2.4: what begins a tag of several octets, which `cryptobyte` does not read.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..0x80 => (usize::from(first), rest),
            0x81..=0x84 => {
                let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = octets
                    .iter()
                    .fold(0, |length, octet| length << 8 | usize::from(*octet));
                // X.690 §10.1: the fewest octets.
                if length < 0x80 || octets[0] == 0 {
                    return None;
                }
                (length, rest)
            }
            // Of a length that is not told (BER), or of more than four octets.
            0x80 | 0x85.. => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(Element { tag, content })
    }

    /// The content of the next element, if it has this tag.
    pub(super) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let element = self.next()?;
        (element.tag == tag).then_some(element.content)
    }

    /// The elements within the next one, if it has this tag.
    pub(super) fn enter(&mut self, tag: u8) -> Option<Reader<'a>> {
        self.take(tag).map(Reader::new)
    }

    /// Whether the next element has this tag.
    pub(super) fn is_at(&self, tag: u8) -> bool {
        self.rest.first() == Some(&tag)
    }

    /// The number of an object, in its DER: arcs in their fewest octets, each below 2^31.
    pub(super) fn object(&mut self) -> Option<&'a [u8]> {
        let content = self.take(OBJECT_IDENTIFIER)?;
        let ends = content.last().is_some_and(|last| last & 0x80 == 0);
        let arcs = content.split_inclusive(|octet| octet & 0x80 == 0);
        let is_small = |arc: &[u8]| {
            let value = arc
                .iter()
                .try_fold(0_u32, |value, octet| {
                    let shifted = value.checked_mul(0x80)?;
                    Some(shifted | u32::from(octet & 0x7f))
                })
                .is_some_and(|value| value < 1 << 31);
            value && arc[0] != 0x80
        };
        (ends && arcs.into_iter().all(is_small)).then_some(content)
    }

    /// An integer, in its octets: two's complement in the fewest of them.
    pub(super) fn integer(&mut self) -> Option<&'a [u8]> {
        let content = self.take(INTEGER)?;
        is_shortest(content).then_some(content)
    }

    /// The octets of a bit string, of which the last may have bits that do not count, and those are zero.
    pub(super) fn bits(&mut self) -> Option<Bits<'a>> {
        let (&unused, octets) = self.take(BIT_STRING)?.split_first()?;
        let padding = match (unused, octets.last()) {
            (0, _) => 0,
            (1..8, Some(last)) => last & ((1 << unused) - 1),
            _ => return None,
        };
        (padding == 0).then_some(Bits { octets, unused })
    }

    /// A truth value: zero or all ones (X.690 §11.1).
    pub(super) fn boolean(&mut self) -> Option<bool> {
        match self.take(BOOLEAN)? {
            [0] => Some(false),
            [0xff] => Some(true),
            _ => None,
        }
    }
}

/// Whether an integer has no octet too many (X.690 §8.3.2).
pub(super) fn is_shortest(integer: &[u8]) -> bool {
    match integer {
        [] => false,
        [0, second, ..] => second & 0x80 != 0,
        [0xff, second, ..] => second & 0x80 == 0,
        _ => true,
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Bits<'a> {
    pub(super) octets: &'a [u8],
    pub(super) unused: u8,
}

impl Bits<'_> {
    /// Whether the bit is there and set; the first is number 0.
    pub(super) fn has(&self, bit: usize) -> bool {
        let octet = self.octets.get(bit / 8);
        octet.is_some_and(|octet| octet & (0x80 >> (bit % 8)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_tags_are_read_in_their_one_form() {
        let read = |der: &[u8]| Reader::new(der).next().map(|element| element.content.len());
        assert_eq!(read(&[0x04, 0x01, 0x00]), Some(1));
        let mut long = vec![0x04, 0x81, 0x80];
        long.extend([0; 0x80]);
        assert_eq!(read(&long), Some(0x80));
        for bad in [
            &[][..],
            &[0x04],
            &[0x04, 0x02, 0x00],
            &[0x1f, 0x01, 0x00],
            &[0x04, 0x80, 0x00, 0x00],
            &[0x04, 0x81, 0x01, 0x00],
            &[0x04, 0x82, 0x00, 0x80],
            &[0x04, 0x85, 0, 0, 0, 0, 1, 0],
            &[0x04, 0x84, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(read(bad), None, "{bad:x?}");
        }
    }

    #[test]
    fn numbers_of_objects_are_below_2_to_the_31() {
        let read = |content: &[u8]| {
            let der = [&[0x06, content.len() as u8], content].concat();
            Reader::new(&der).object().is_some()
        };
        assert!(read(&[0x55, 0x1d, 0x13]));
        assert!(read(&[0x55, 0x87, 0xff, 0xff, 0xff, 0x7f]));
        for bad in [
            &[][..],
            &[0x55, 0x81],
            &[0x55, 0x80, 0x01],
            &[0x55, 0x88, 0x80, 0x80, 0x80, 0x00],
            &[0x55, 0x81, 0x80, 0x80, 0x80, 0x80, 0x00],
        ] {
            assert!(!read(bad), "{bad:x?}");
        }
    }
}
