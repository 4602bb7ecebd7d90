//! What this machine remembers of a homelab, outside of its directory.
//!
//! Whoever can push to the repository can put a file in the place of each one there: git overwrites what it ignores
//! without a word where somebody has committed it by force. So what is believed of the past stands elsewhere, too: the key
//! that the lock was signed with, whom it has shut out, what it has let go of, how far revocation lists were numbered, and
//! which manifests of output trees were written here.
//!
//! A comment, a header, a line for each thing, and an end mark with the digest of all above it. Pure: where it lies is
//! `workspace`'s affair.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::str::FromStr;

use blake3::Hash;
use jiff::Timestamp;

use crate::lock::{HandedOut, KnownAuthority, Lock, Remembered, ShutOut};
use crate::record::{Record, RecordWriter, before_end_mark, end_mark};
use crate::root::RootKey;

/// The version that is written, and the only one that is read.
const VERSION: &str = "1";

const COMMENT: &str = "// What homelab remembers of a directory on this machine. Without it, an older homelab.lock is known by out/ alone.";

/// Manifests of one tree that are known, at the most: one build writes two.
const MOST_MANIFESTS: usize = 4;

/// What is remembered of one homelab.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// The key that its lock was signed with.
    pub root_key: Option<RootKey>,
    /// What its locks have shut out and let go of.
    pub remembered: Remembered,
    /// Its revocation lists, the last of each authority.
    pub lists: Vec<HandedOut>,
    /// The manifests that were written for each output tree, the latest first.
    manifests: BTreeMap<String, Vec<Hash>>,
}

/// What the file is called that has the memory of the homelab in a directory, of which the path is canonical.
pub fn file_name(directory: &Path) -> String {
    let hash = blake3::hash(directory.as_os_str().as_encoded_bytes());
    format!("{}.kdl", &hash.to_hex()[..32])
}

impl Memory {
    /// The manifests that were written for the tree of that name.
    pub(crate) fn manifests(&self, tree: &str) -> &[Hash] {
        self.manifests.get(tree).map_or(&[], Vec::as_slice)
    }

    /// Remembers what a build has gone by. What ended before `now` is forgotten.
    pub(crate) fn learn(&mut self, lock: &Lock, handed_out: &[HandedOut], now: Timestamp) {
        self.root_key = lock.key.or(self.root_key);
        let remembered = std::mem::take(&mut self.remembered);
        self.remembered = remembered.united(Remembered::of(lock));
        self.remembered.drop_ended(now);
        for list in handed_out.iter().copied().chain(lock.handed_out()) {
            match { self.lists.iter_mut() }.find(|known| known.authority == list.authority) {
                Some(known) if known.number < list.number => *known = list,
                Some(_) => {}
                None => self.lists.push(list),
            }
        }
        let authorities = &self.remembered.authorities;
        self.lists
            .retain(|list| authorities.contains_key(&list.authority));
        self.lists.sort_by_key(|list| list.authority);
    }

    /// Remembers manifests that are about to be written for a tree, before they are: whoever is killed in between finds
    /// one of them.
    pub(crate) fn write_manifests(&mut self, tree: &str, hashes: &[Hash]) {
        let known = self.manifests.entry(tree.to_owned()).or_default();
        known.retain(|hash| !hashes.contains(hash));
        known.splice(0..0, hashes.iter().copied());
        known.truncate(MOST_MANIFESTS);
    }

    /// As it is written; the directory is for people.
    pub(crate) fn to_text(&self, directory: &Path) -> String {
        let header = RecordWriter::new("homelab-memory")
            .property("version", VERSION)
            .property("directory", directory.to_string_lossy());
        let mut text = format!("{COMMENT}\n{header}\n");
        for record in self.records() {
            writeln!(text, "{record}").expect("a String takes all");
        }
        let end = end_mark(&text);
        text + &end
    }

    fn records(&self) -> impl Iterator<Item = RecordWriter> {
        let Remembered {
            epoch,
            certificates,
            authorities,
            roots,
        } = &self.remembered;
        let key = { self.root_key.iter() }.map(|key| RecordWriter::new("root").argument(key));
        let epoch = RecordWriter::new("epoch").argument(epoch);
        let roots = roots
            .iter()
            .map(|id| RecordWriter::new("left").argument(id));
        let authorities = authorities.iter().map(|(id, known)| {
            RecordWriter::new("authority")
                .argument(id)
                .property("name", &known.name)
                .property("state", if known.trusted { "trusted" } else { "left" })
                .property("until", known.until)
        });
        let lists = self.lists.iter().map(|list| {
            RecordWriter::new("crl")
                .argument(list.authority)
                .property("number", list.number)
                .property("updated", list.updated)
                .property("digest", list.digest)
        });
        let certificates = certificates.iter().map(|(fingerprint, out)| {
            RecordWriter::new("certificate")
                .argument(fingerprint)
                .property("device", &out.device)
                .property("serial", out.serial)
                .property("authority", out.authority)
                .property("until", out.until)
        });
        let manifests = self.manifests.iter().flat_map(|(tree, hashes)| {
            let record = move |hash: &Hash| {
                let record = RecordWriter::new("manifest").argument(tree);
                record.property("digest", hash)
            };
            hashes.iter().map(record)
        });
        (key.chain([epoch]).chain(roots).chain(authorities))
            .chain(lists)
            .chain(certificates)
            .chain(manifests)
    }

    /// Reads what [`to_text`](Memory::to_text) has written; none where it is anything else.
    pub(crate) fn from_text(text: &str) -> Option<Memory> {
        let body = before_end_mark(text)?;
        let lines = body.strip_prefix(COMMENT)?.strip_prefix('\n')?;
        let (header, lines) = lines.split_once('\n')?;
        let header = Record::parse(header).ok()?;
        if header.name != "homelab-memory" || header.value("version")? != VERSION {
            return None;
        }
        let mut memory = Memory::default();
        for line in lines.lines() {
            memory.take(&Record::parse(line).ok()?)?;
        }
        Some(memory)
    }

    fn take(&mut self, record: &Record<'_>) -> Option<()> {
        let about = record.argument.as_deref()?;
        let remembered = &mut self.remembered;
        match record.name {
            "root" => self.root_key = Some(about.parse().ok()?),
            "epoch" => remembered.epoch = about.parse().ok()?,
            "left" => {
                remembered.roots.insert(about.parse().ok()?);
            }
            "authority" => {
                let known = KnownAuthority {
                    name: record.value("name")?.to_owned(),
                    trusted: record.value("state")? == "trusted",
                    until: parsed(record, "until")?,
                };
                remembered.authorities.insert(about.parse().ok()?, known);
            }
            "crl" => self.lists.push(HandedOut {
                authority: about.parse().ok()?,
                number: parsed(record, "number")?,
                updated: parsed(record, "updated")?,
                digest: Hash::from_hex(record.value("digest")?).ok()?,
            }),
            "certificate" => {
                let out = ShutOut {
                    device: parsed(record, "device")?,
                    serial: parsed(record, "serial")?,
                    authority: parsed(record, "authority")?,
                    until: parsed(record, "until")?,
                };
                remembered.certificates.insert(about.parse().ok()?, out);
            }
            "manifest" => {
                let hash = Hash::from_hex(record.value("digest")?).ok()?;
                self.manifests
                    .entry(about.to_owned())
                    .or_default()
                    .push(hash);
            }
            _ => return None,
        }
        Some(())
    }
}

fn parsed<T: FromStr>(record: &Record<'_>, key: &str) -> Option<T> {
    record.value(key)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::Serial;
    use crate::root::{IssuanceId, RootSecret};

    fn moment(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    fn memory() -> Memory {
        let id = IssuanceId::new([7; 16]);
        let mut memory = Memory {
            root_key: Some(RootSecret::new([1; 32]).signer().key()),
            lists: vec![HandedOut {
                authority: id,
                number: "3".parse().expect("a number"),
                updated: moment("2027-01-01T00:00:00Z"),
                digest: blake3::hash(b"list"),
            }],
            ..Memory::default()
        };
        let remembered = &mut memory.remembered;
        remembered.epoch = 4;
        let root = "ab".repeat(16).parse().expect("an id");
        remembered.roots.insert(root);
        let known = KnownAuthority {
            name: String::from("a \"b\""),
            trusted: false,
            until: moment("2036-01-01T00:00:00Z"),
        };
        remembered.authorities.insert(id, known);
        let out = ShutOut {
            device: "bob/iphone".parse().expect("a device"),
            serial: Serial::from_bytes([0x0a; 20]),
            authority: id,
            until: moment("2027-06-01T00:00:00Z"),
        };
        remembered.certificates.insert([0xcd; 32].into(), out);
        memory.write_manifests("out", &[blake3::hash(b"one"), blake3::hash(b"two")]);
        memory
    }

    #[test]
    fn what_is_written_is_read_back() {
        for memory in [Memory::default(), memory()] {
            let text = memory.to_text(Path::new("/home/alice/lab"));
            assert_eq!(Memory::from_text(&text), Some(memory));
        }
    }

    #[test]
    fn what_was_changed_or_cut_is_not_believed() {
        let text = memory().to_text(Path::new("/x"));
        for length in 0..text.len() {
            assert_eq!(Memory::from_text(&text[..length]), None, "{length}");
        }
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let text = String::from_utf8(bytes).expect("it is ASCII");
            assert_eq!(Memory::from_text(&text), None, "{at}");
        }
    }

    #[test]
    fn it_keeps_a_few_manifests_of_each_tree() {
        let mut memory = Memory::default();
        let hash = |number: u8| blake3::hash(&[number]);
        for number in 0..5 {
            memory.write_manifests("out", &[hash(number), hash(number + 100)]);
        }
        memory.write_manifests("elsewhere", &[hash(1)]);
        assert_eq!(memory.manifests("out"), [4, 104, 3, 103].map(hash));
        memory.write_manifests("out", &[hash(3)]);
        assert_eq!(memory.manifests("out"), [3, 4, 104, 103].map(hash));
        assert_eq!(memory.manifests("elsewhere"), [hash(1)]);
        assert!(memory.manifests("nowhere").is_empty());
    }

    #[test]
    fn a_list_of_a_smaller_number_takes_no_place() {
        let mut memory = memory();
        let later = memory.lists[0];
        let earlier = HandedOut {
            number: "2".parse().expect("a number"),
            ..later
        };
        let lock = Lock::new(&RootSecret::new([1; 32]));
        memory.learn(&lock, &[earlier], moment("2027-02-01T00:00:00Z"));
        assert_eq!((memory.lists[0], memory.remembered.epoch), (later, 4));
        assert_eq!(memory.remembered.certificates.len(), 1);
        // After the end of the authority nothing of it is worth remembering.
        memory.learn(&lock, &[], moment("2036-02-01T00:00:00Z"));
        assert_eq!(memory.lists, []);
        assert!(memory.remembered.certificates.is_empty());
    }
}
