//! Files that this machine writes for itself alone: numbers and texts one behind another, and a digest of them all.
//!
//! They are read whole at every run, so they are not text. Whoever finds one that is cut, damaged or of another version has none: what
//! is in it can be found out again.

use blake3::{Hash, OUT_LEN};

/// What is being written.
#[derive(Default)]
pub(crate) struct Packer(Vec<u8>);

/// What is being read. Each step gives nothing where there is not enough left.
#[derive(Clone, Copy)]
pub(crate) struct Unpacker<'b>(&'b [u8]);

impl Packer {
    /// With room for so many bytes.
    pub(crate) fn with_room(bytes: usize) -> Packer {
        Packer(Vec::with_capacity(bytes))
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    pub(crate) fn hash(&mut self, hash: &Hash) {
        self.0.extend(hash.as_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend(bytes);
    }

    /// The bytes alone, to be put into others.
    pub(crate) fn unsealed(self) -> Vec<u8> {
        self.0
    }

    /// The bytes, behind the digest that [`Unpacker::of`] looks at. `context` is the kind of file and its version.
    pub(crate) fn sealed(self, context: &str) -> Vec<u8> {
        let digest = blake3::derive_key(context, &self.0);
        let mut sealed = Vec::with_capacity(OUT_LEN + self.0.len());
        sealed.extend(digest);
        sealed.extend(self.0);
        sealed
    }
}

impl<'b> Unpacker<'b> {
    /// What [`Packer::sealed`] gave, if it is that still.
    pub(crate) fn of(sealed: &'b [u8], context: &str) -> Option<Unpacker<'b>> {
        let (digest, bytes) = sealed.split_at_checked(OUT_LEN)?;
        (blake3::derive_key(context, bytes) == digest).then_some(Unpacker(bytes))
    }

    /// What [`Packer::unsealed`] gave.
    pub(crate) fn inside(bytes: &'b [u8]) -> Unpacker<'b> {
        Unpacker(bytes)
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    pub(crate) fn hash(&mut self) -> Option<Hash> {
        let (hash, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(Hash::from_bytes(*hash))
    }

    pub(crate) fn bytes(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(crate) fn text(&mut self) -> Option<&'b str> {
        str::from_utf8(self.bytes()?).ok()
    }

    pub(crate) fn is_at_its_end(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: &str = "homelab test of packed files";

    fn packed() -> Vec<u8> {
        let mut packer = Packer::default();
        packer.number(7);
        packer.bytes(b"seven");
        packer.hash(&blake3::hash(b"7"));
        packer.sealed(CONTEXT)
    }

    #[test]
    fn what_is_written_is_read_back() {
        let packed = packed();
        let mut read = Unpacker::of(&packed, CONTEXT).expect("it is whole");
        assert_eq!(read.number(), Some(7));
        assert_eq!(read.text(), Some("seven"));
        assert_eq!(read.hash(), Some(blake3::hash(b"7")));
        assert!(read.is_at_its_end());
        assert_eq!(
            (read.number(), read.bytes(), read.hash()),
            (None, None, None)
        );
    }

    #[test]
    fn what_was_cut_or_changed_or_is_of_another_kind_is_nothing() {
        let packed = packed();
        for length in 0..packed.len() {
            assert!(
                Unpacker::of(&packed[..length], CONTEXT).is_none(),
                "{length}"
            );
        }
        for at in 0..packed.len() {
            let mut changed = packed.clone();
            changed[at] ^= 1;
            assert!(Unpacker::of(&changed, CONTEXT).is_none(), "{at}");
        }
        assert!(Unpacker::of(&packed, "homelab test of something else").is_none());
    }

    #[test]
    fn a_length_that_lies_is_no_reason_to_panic() {
        let mut packer = Packer::default();
        packer.number(u64::MAX);
        let bytes = packer.unsealed();
        assert_eq!(Unpacker::inside(&bytes).bytes(), None);
    }
}
