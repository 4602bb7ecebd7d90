//! A build that had nothing to do: what it went by, and what it said. As long as all that is as it was, a build has nothing to do.
//!
//! A build is a function of its options, of the files that it reads, of the tree, and of the time. So it writes down what it read
//! while it reads, and not what somebody thinks that it reads; and only a build that has written nothing is written down, for what
//! it went by is then what the next one finds.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use blake3::Hash;
use jiff::{Timestamp, ToSpan};

use super::history::History;
use crate::lock::{CLOCK_ALLOWANCE_HOURS, Lock, State};
use crate::model::{Homelab, LastDay};
use crate::packed::{Packer, Unpacker};

/// What has been read so far, of files and of lists of files.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    files: BTreeMap<PathBuf, Read>,
    lists: BTreeMap<&'static str, Hash>,
    is_spoilt: bool,
}

/// What was found at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Read {
    /// How many bytes were asked for, at the most.
    pub most: u64,
    /// The hash of the bytes; none where there is no file.
    pub content: Option<Hash>,
    /// Whether a link leads to them.
    pub is_link: bool,
}

impl Journal {
    /// Takes note of what was read. A file that says one thing first and then another was written meanwhile.
    pub(crate) fn read(&mut self, path: &Path, read: Read) {
        let known = self.files.insert(path.to_owned(), read);
        self.is_spoilt |= known.is_some_and(|known| known != read);
    }

    /// The same for a list that is found by looking through a directory.
    pub(crate) fn list(&mut self, of: &'static str, hash: Hash) {
        let known = self.lists.insert(of, hash);
        self.is_spoilt |= known.is_some_and(|known| known != hash);
    }

    /// Takes note that something was written, or asked of somebody: what was read is not all that counts.
    pub(crate) fn spoil(&mut self) {
        self.is_spoilt = true;
    }

    pub(crate) fn lists(&self) -> impl Iterator<Item = (&'static str, Hash)> {
        self.lists.iter().map(|(of, hash)| (*of, *hash))
    }
}

/// Where a line was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Result,
    Note,
}

/// A build that had nothing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settled {
    /// The hash of all that it went by but for the files.
    pub circumstances: Hash,
    /// The span of time in which it would have found the same.
    pub span: Span,
    pub files: Vec<(PathBuf, Read)>,
    /// What it printed.
    pub said: Vec<(Stream, String)>,
}

impl Settled {
    /// What a build went by that has written nothing, and nothing else; none where it was more.
    pub(crate) fn of(
        circumstances: Hash,
        span: Span,
        journal: &Journal,
        said: Vec<(Stream, String)>,
    ) -> Option<Settled> {
        let files = { journal.files.iter() }.map(|(path, read)| (path.clone(), *read));
        (!journal.is_spoilt).then(|| Settled {
            circumstances,
            span,
            files: files.collect(),
            said,
        })
    }

    pub(crate) fn pack(&self) -> Vec<u8> {
        let mut packer = Packer::default();
        packer.hash(&self.circumstances);
        packer.number(self.span.from.cast_unsigned());
        packer.number(self.span.until.cast_unsigned());
        packer.number(self.files.len() as u64);
        for (path, read) in &self.files {
            packer.bytes(path.as_os_str().as_bytes());
            packer.number(read.most);
            packer.number(u64::from(read.is_link));
            packer.bytes(read.content.as_ref().map_or(&[], |hash| hash.as_bytes()));
        }
        for (stream, line) in &self.said {
            packer.number(u64::from(*stream == Stream::Note));
            packer.bytes(line.as_bytes());
        }
        packer.unsealed()
    }

    /// What [`pack`](Settled::pack) gave.
    pub(crate) fn unpack(bytes: &[u8]) -> Option<Settled> {
        let mut unpacker = Unpacker::inside(bytes);
        let mut settled = Settled {
            circumstances: unpacker.hash()?,
            span: Span {
                from: unpacker.number()?.cast_signed(),
                until: unpacker.number()?.cast_signed(),
            },
            files: Vec::new(),
            said: Vec::new(),
        };
        for _ in 0..unpacker.number()? {
            let path = PathBuf::from(OsStr::from_bytes(unpacker.bytes()?));
            let (most, is_link) = (unpacker.number()?, unpacker.number()? == 1);
            let content = match unpacker.bytes()? {
                [] => None,
                hash => Some(Hash::from_slice(hash).ok()?),
            };
            let read = Read {
                most,
                content,
                is_link,
            };
            settled.files.push((path, read));
        }
        while !unpacker.is_at_its_end() {
            let stream = match unpacker.number()? {
                0 => Stream::Result,
                _ => Stream::Note,
            };
            settled.said.push((stream, unpacker.text()?.to_owned()));
        }
        Some(settled)
    }
}

/// Seconds since 1970, from the first on and before the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    from: i64,
    until: i64,
}

impl Span {
    /// The span around `now` in which nothing begins or ends that a build looks at: a certificate, an authority, a revocation list,
    /// the time of a superseded certificate, and what is remembered of others. Wherever it asks for the time, it asks which of two
    /// moments is earlier, and a moment belongs to what it begins.
    pub(crate) fn around(
        now: Timestamp,
        homelab: &Homelab,
        lock: &Lock,
        history: &History,
    ) -> Span {
        let authorities = lock.authorities.iter().map(|authority| authority.validity);
        let certificates = lock.certificates.iter().map(|issued| issued.validity);
        let validities = authorities.chain(certificates);
        let validities = validities.flat_map(|v| [v.not_before(), v.not_after()]);
        let superseded = lock.certificates.iter().filter_map(|c| match c.state {
            State::Superseded { until } => Some(until),
            State::Active | State::Revoked { .. } | State::Blocked { .. } => None,
        });
        let lists = lock.crls.iter().map(|list| list.updated);
        let last_days = homelab.enrolled().filter_map(|(_, device)| device.until);
        let last_days = last_days.map(LastDay::end);
        let moments = validities.chain(superseded).chain(lists).chain(last_days);
        Span::between(now, moments.chain(history.ends()))
    }

    fn between(now: Timestamp, moments: impl Iterator<Item = Timestamp>) -> Span {
        let mut span = Span {
            from: Timestamp::MIN.as_second(),
            until: Timestamp::MAX.as_second(),
        };
        let now = now.as_second();
        for moment in moments {
            // What is remembered counts as ended before it has, for a clock may be late.
            let early = moment.checked_sub(CLOCK_ALLOWANCE_HOURS.hours());
            for moment in [Some(moment), early.ok()].into_iter().flatten() {
                // The clock tells whole seconds: a part of one has begun with the next.
                let second = moment.as_second() + i64::from(moment.subsec_nanosecond() > 0);
                if second <= now {
                    span.from = span.from.max(second);
                } else {
                    span.until = span.until.min(second);
                }
            }
        }
        span
    }

    pub(crate) fn contains(self, now: Timestamp) -> bool {
        (self.from..self.until).contains(&now.as_second())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled() -> Settled {
        let mut journal = Journal::default();
        let content = Some(blake3::hash(b"content"));
        let read = Read {
            most: 5,
            content,
            is_link: true,
        };
        journal.read(Path::new("homelab.kdl"), read);
        let none = Read {
            content: None,
            is_link: false,
            ..read
        };
        journal.read(Path::new(OsStr::from_bytes(b"out/\xff")), none);
        let span = Span { from: -5, until: 7 };
        let said = vec![
            (Stream::Note, String::from("a note")),
            (Stream::Result, String::from("17 unchanged")),
        ];
        Settled::of(blake3::hash(b"else"), span, &journal, said).expect("nothing was written")
    }

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(Settled::unpack(&settled().pack()), Some(settled()));
    }

    #[test]
    fn no_bytes_panic() {
        let packed = settled().pack();
        for length in 0..packed.len() {
            let _ = Settled::unpack(&packed[..length]);
        }
        for at in 0..packed.len() {
            let mut changed = packed.clone();
            changed[at] = 0xff;
            let _ = Settled::unpack(&changed);
        }
    }

    #[test]
    fn a_file_that_says_two_things_or_a_build_that_writes_is_no_measure() {
        let read = Read {
            most: 5,
            content: None,
            is_link: false,
        };
        let span = Span { from: 0, until: 1 };
        let is_taken =
            |journal: &Journal| Settled::of(blake3::hash(b""), span, journal, Vec::new()).is_some();
        let mut journal = Journal::default();
        journal.read(Path::new("a"), read);
        journal.read(Path::new("a"), read);
        journal.list("b", blake3::hash(b"b"));
        assert!(is_taken(&journal));
        journal.list("b", blake3::hash(b"c"));
        assert!(!is_taken(&journal));
        let mut journal = Journal::default();
        journal.read(Path::new("a"), read);
        let is_link = true;
        journal.read(Path::new("a"), Read { is_link, ..read });
        assert!(!is_taken(&journal));
        let mut journal = Journal::default();
        journal.spoil();
        assert!(!is_taken(&journal));
    }

    #[test]
    fn a_span_ends_where_any_question_of_earlier_or_later_is_answered_otherwise() {
        let at = |second: i64| Timestamp::from_second(second).expect("a moment");
        let moments = [at(100), at(20_000), at(90_000)];
        let hour = 3_600;
        let answers = |now: i64| {
            moments.map(|moment| {
                let begun = moment <= at(now);
                (begun, at(now) < moment, moment <= at(now + hour))
            })
        };
        for now in (0..100_000).step_by(50).chain([99, 101, 19_999, 16_399]) {
            let span = Span::between(at(now), moments.into_iter());
            assert!(span.contains(at(now)), "{now}");
            for other in (0..100_000).step_by(100) {
                let is_same = answers(now) == answers(other);
                assert_eq!(span.contains(at(other)), is_same, "{now} {other}");
            }
        }
    }
}
