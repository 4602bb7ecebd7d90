//! Names for staged files, by which a later build knows them if the one that made them is killed.

use std::fmt;

use blake3::Hash;

/// What a staged file is, as its name says it: which artifact, and a seal over its bytes. What the two are made from is the
/// caller's affair; here they are only kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Label {
    which: [u8; HALF],
    seal: [u8; HALF],
}

/// Sixteen bytes of a hash are enough for either: a seal is tried against few files, and by nobody in haste.
const HALF: usize = 16;

impl Label {
    pub(crate) fn new(which: &Hash, seal: &Hash) -> Label {
        Label {
            which: first_half(which),
            seal: first_half(seal),
        }
    }

    /// Reads what [`Label`] shows.
    pub(super) fn from_name(name: &str) -> Option<Label> {
        let (which, seal) = name.split_once('.')?;
        let read = |text: &str| {
            let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
            bytes.try_into().ok()
        };
        Some(Label {
            which: read(which)?,
            seal: read(seal)?,
        })
    }

    /// Whether it is of this artifact.
    pub(crate) fn is_of(&self, which: &Hash) -> bool {
        self.which == first_half(which)
    }
}

fn first_half(hash: &Hash) -> [u8; HALF] {
    let [half, _] = hash.as_bytes().as_chunks::<HALF>().0 else {
        unreachable!("a hash has 32 bytes");
    };
    *half
}

/// As a file's name.
impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (bytes, end) in [(&self.which, "."), (&self.seal, "")] {
            for byte in bytes {
                write!(f, "{byte:02x}")?;
            }
            f.write_str(end)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_read_from_the_name_that_it_gives_and_from_no_other() {
        let (which, seal) = (blake3::hash(b"which"), blake3::hash(b"seal"));
        let label = Label::new(&which, &seal);
        let name = label.to_string();
        assert_eq!(name.len(), 65);
        assert_eq!(Label::from_name(&name), Some(label.clone()));
        assert!(label.is_of(&which) && !label.is_of(&seal));
        let (upper, short) = (name.to_uppercase(), &name[1..]);
        for other in ["0", "17", "", ".", &upper, short, &format!("{name}.0")] {
            assert_eq!(Label::from_name(other), None, "{other}");
        }
    }
}
