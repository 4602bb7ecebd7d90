//! The manifest: what homelab wrote in the output directory, and from what.
//!
//! A comment, a header, a line for each file in the order of their paths, and an end mark with the digest of all that
//! stands above it:
//!
//! ```text
//! // What homelab wrote here. Do not edit it: ...
//! homelab-manifest version="1" owner="..."
//! file "edge/Caddyfile" mode="0644" content="<64 hex>" input="<64 hex>" templates="caddyfile"
//! end digest="<64 hex>"
//! ```
//!
//! The digest is there because a manifest decides what is deleted: with a flipped bit in a path, it would name a file
//! that is not ours.

use blake3::Hash;
use data_encoding::HEXLOWER;
use rayon::prelude::*;
use rustix::fs::Mode as FileMode;

use super::path::OutputPath;
use crate::record::{Record, RecordWriter, at_end_mark, end_mark, from_hex};

/// The manifest's name in homelab's own directory.
pub(super) const FILE: &str = "manifest.kdl";

/// The version that is written, and the newest that is read.
pub(super) const VERSION: u64 = 1;

const COMMENT: &str = "// What homelab wrote in this directory. Not to be edited: without it, homelab could not tell its files from yours.";

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Mode {
    /// Everybody: 0644. A directory with nothing else below it is 0755.
    Public,
    /// The owner, and the group that it is given to where it is copied to: 0640. Directories are as those of what is public.
    Group,
    /// Only the owner: 0600. A directory with such a file below it is 0700.
    Secret,
}

/// What the manifest says of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ManifestEntry {
    pub path: OutputPath,
    /// Who may read it.
    pub mode: Mode,
    /// The hash of its bytes.
    pub content: Hash,
    /// The hash of all that it was made from.
    pub input: Hash,
    /// The names of the templates that were used, none with a space.
    pub templates: Vec<String>,
}

impl ManifestEntry {
    /// The input of a file of which nobody knows what it was made from.
    pub(crate) const UNKNOWN: Hash = Hash::from_bytes([0; blake3::OUT_LEN]);
}

/// What the bytes of a manifest turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Whole(Vec<ManifestEntry>),
    /// Truncated, changed, or not a manifest.
    Damaged,
    Newer(u64),
    Foreign(String),
}

/// Whether the manifest that is there tells which files are ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ManifestState {
    /// It does, or there is none.
    Sound,
    /// It cannot be read: nothing is known of what stands in the directory.
    Damaged,
}

impl Mode {
    /// The permissions of such a file, as `chmod` takes them.
    pub(crate) fn permissions(self) -> u32 {
        match self {
            Mode::Public => 0o644,
            Mode::Group => 0o640,
            Mode::Secret => 0o600,
        }
    }

    pub(super) fn of_file(self) -> FileMode {
        match self {
            Mode::Public => FileMode::from_raw_mode(0o644),
            Mode::Group => FileMode::from_raw_mode(0o640),
            Mode::Secret => FileMode::from_raw_mode(0o600),
        }
    }

    pub(super) fn of_directory(self) -> FileMode {
        match self {
            Mode::Public | Mode::Group => FileMode::from_raw_mode(0o755),
            Mode::Secret => FileMode::from_raw_mode(0o700),
        }
    }

    fn as_written(self) -> &'static str {
        match self {
            Mode::Public => "0644",
            Mode::Group => "0640",
            Mode::Secret => "0600",
        }
    }

    fn from_written(text: &str) -> Option<Self> {
        [Mode::Public, Mode::Group, Mode::Secret]
            .into_iter()
            .find(|mode| mode.as_written() == text)
    }
}

/// Writes the manifest of `owner`; `entries` are in the order of their paths.
pub(super) fn render(entries: &[&ManifestEntry], owner: &str) -> String {
    let header = RecordWriter::new("homelab-manifest")
        .property("version", VERSION)
        .property("owner", owner);
    let mut pieces = vec![format!("{COMMENT}\n{header}\n")];
    pieces.par_extend(entries.par_chunks(AT_ONCE).map(lines));
    let length: usize = pieces.iter().map(String::len).sum();
    // With room for the end mark.
    let mut text = String::with_capacity(length + 128);
    text.extend(pieces);
    let end = end_mark(&text);
    text.push_str(&end);
    text
}

/// So many entries are written by one thread.
const AT_ONCE: usize = 512;

fn lines(entries: &[&ManifestEntry]) -> String {
    // Of each: two hashes, and about as much again.
    let text = String::with_capacity(entries.len() * 256);
    entries.iter().fold(text, |text, entry| {
        let mut text = RecordWriter::after(text, "file")
            .argument(&entry.path)
            .property("mode", entry.mode.as_written())
            .property("content", HEXLOWER.encode_display(entry.content.as_bytes()))
            .property("input", HEXLOWER.encode_display(entry.input.as_bytes()))
            .list("templates", &entry.templates)
            .into_text();
        text.push('\n');
        text
    })
}

/// Reads the manifest that `owner` should have, from its normal form.
pub(super) fn read(bytes: &[u8], owner: &str) -> Reading {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Reading::Damaged;
    };
    // The version is looked at before all else: what a newer homelab writes around it is not known here.
    if let Some(version) = version(text).filter(|version| *version > VERSION) {
        return Reading::Newer(version);
    }
    whole(text, owner).unwrap_or(Reading::Damaged)
}

/// Whose tree it is, as a manifest says.
pub(super) fn owner(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    header(text)?.value("owner").map(str::to_owned)
}

fn version(text: &str) -> Option<u64> {
    let header = header(text)?;
    header.value("version")?.parse().ok()
}

fn header(text: &str) -> Option<Record<'_>> {
    let line = text.lines().find(|line| !line.starts_with("//"))?;
    Record::parse(line)
        .ok()
        .filter(|header| header.name == "homelab-manifest")
}

/// What the manifest says, if it is as it was written.
fn whole(text: &str, owner: &str) -> Option<Reading> {
    let (body, end) = at_end_mark(text)?;
    let (is_whole, reading) = rayon::join(|| end_mark(body) == end, || said(body, owner));
    reading.filter(|_| is_whole)
}

/// What it says above the end mark.
fn said(body: &str, owner: &str) -> Option<Reading> {
    let lines = body.strip_prefix(COMMENT)?.strip_prefix('\n')?;
    let (first, files) = lines.split_once('\n')?;
    let header = header(first)?;
    if header.value("version")?.parse() != Ok(VERSION) {
        return None;
    }
    let found = header.value("owner")?;
    if found != owner {
        return Some(Reading::Foreign(found.to_owned()));
    }
    entries(files).map(Reading::Whole)
}

/// So many bytes of lines are read by one thread.
const PIECE: usize = 128 << 10;

fn entries(lines: &str) -> Option<Vec<ManifestEntry>> {
    let read = |piece: &str| piece.lines().map(entry).collect::<Option<Vec<_>>>();
    let read: Vec<_> = pieces(lines).into_par_iter().map(read).collect();
    let mut entries = Vec::with_capacity(read.iter().flatten().map(Vec::len).sum());
    for piece in read {
        entries.extend(piece?);
    }
    let is_sorted = entries.is_sorted_by(|one: &ManifestEntry, next| one.path < next.path);
    is_sorted.then_some(entries)
}

/// A text in pieces of whole lines.
fn pieces(lines: &str) -> Vec<&str> {
    let mut pieces = Vec::with_capacity(lines.len() / PIECE + 1);
    let mut rest = lines;
    while let Some(end) = { rest.as_bytes().get(PIECE..) }
        .and_then(|from| from.iter().position(|byte| *byte == b'\n'))
    {
        let (piece, others) = rest.split_at(PIECE + end + 1);
        pieces.push(piece);
        rest = others;
    }
    pieces.push(rest);
    pieces
}

fn entry(line: &str) -> Option<ManifestEntry> {
    let record = Record::parse(line).ok()?;
    if record.name != "file" || record.properties.len() != 4 {
        return None;
    }
    let templates = record.value("templates")?.split(' ');
    Some(ManifestEntry {
        path: OutputPath::new(record.argument.as_deref()?).ok()?,
        mode: Mode::from_written(record.value("mode")?)?,
        content: from_hex(record.value("content")?)?.into(),
        input: from_hex(record.value("input")?)?.into(),
        templates: templates
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<ManifestEntry> {
        let entry = |path: &str, mode, templates: &[&str]| ManifestEntry {
            path: OutputPath::new(path).expect("a path"),
            mode,
            content: blake3::hash(path.as_bytes()),
            input: blake3::hash(b"input"),
            templates: templates.iter().map(|name| (*name).to_owned()).collect(),
        };
        vec![
            entry(
                "edge/Caddyfile",
                Mode::Public,
                &["caddyfile", "snippets/mtls"],
            ),
            entry("people/alice/pixel/alice-pixel.p12", Mode::Secret, &[]),
        ]
    }

    fn rendered(entries: &[ManifestEntry]) -> String {
        render(&entries.iter().collect::<Vec<_>>(), "lab \"one\"")
    }

    #[test]
    fn what_is_written_is_read_back() {
        let entries = entries();
        let text = rendered(&entries);
        assert_eq!(
            read(text.as_bytes(), "lab \"one\""),
            Reading::Whole(entries)
        );
        assert_eq!(
            read(rendered(&[]).as_bytes(), "lab \"one\""),
            Reading::Whole(vec![])
        );
    }

    #[test]
    fn many_lines_are_read_as_they_would_be_one_by_one() {
        let entry = |number| ManifestEntry {
            path: OutputPath::new(&format!("people/{number:05}.p12")).expect("a path"),
            ..entries()[1].clone()
        };
        let entries: Vec<ManifestEntry> = (0..3 * PIECE / 200).map(entry).collect();
        let text = rendered(&entries);
        let (_, lines) = text
            .split_once("owner=\"lab \\\"one\\\"\"\n")
            .expect("a header");
        let pieces = pieces(lines);
        assert!(pieces.len() > 2, "{}", pieces.len());
        assert_eq!(pieces.concat(), lines);
        assert!(pieces.iter().all(|piece| piece.ends_with('\n')));
        let (first, _) = entries.split_at(entries.len() - 1);
        let damaged = format!("{}{}", rendered(first), rendered(&entries[..1]));
        assert_eq!(read(damaged.as_bytes(), "lab \"one\""), Reading::Damaged);
        assert_eq!(
            read(text.as_bytes(), "lab \"one\""),
            Reading::Whole(entries)
        );
    }

    #[test]
    fn it_is_kdl() {
        let document: kdl::KdlDocument = rendered(&entries()).parse().expect("KDL 2");
        let names: Vec<_> = document
            .nodes()
            .iter()
            .map(|node| node.name().value())
            .collect();
        assert_eq!(names, ["homelab-manifest", "file", "file", "end"]);
    }

    #[test]
    fn another_owner_and_a_newer_version_are_told_apart_from_damage() {
        let text = rendered(&entries());
        assert_eq!(
            read(text.as_bytes(), "lab two"),
            Reading::Foreign("lab \"one\"".to_owned())
        );
        let newer =
            "// other words\nhomelab-manifest version=\"2\" owner=\"x\" more=\"y\"\nwhat ever {\n";
        assert_eq!(read(newer.as_bytes(), "x"), Reading::Newer(2));
    }

    #[test]
    fn an_entry_that_is_out_of_order_or_there_twice_is_damage() {
        let mut twice = entries();
        twice.push(twice[1].clone());
        let reversed: Vec<_> = entries().into_iter().rev().collect();
        for entries in [twice, reversed] {
            assert_eq!(
                read(rendered(&entries).as_bytes(), "lab \"one\""),
                Reading::Damaged
            );
        }
    }

    #[test]
    fn a_valid_digest_does_not_make_a_line_valid() {
        let text = rendered(&entries());
        let body = &text[..text.rfind("end ").expect("an end mark")];
        let input = blake3::hash(b"input").to_hex().to_string();
        for (from, to) in [
            ("mode=\"0600\"", "mode=\"0660\""),
            (&input, &input.to_uppercase()),
            (&input, &input[2..]),
            (&input, &format!("{input}00")),
            (&input, &format!("é{}", &input[2..])),
            ("edge/Caddyfile", "edge/../x"),
            ("file \"edge", "fill \"edge"),
            ("templates=\"\"", "templates=\"\" more=\"\""),
            ("version=\"1\"", "version=\"0\""),
            ("Not to be edited", "To be edited"),
        ] {
            let body = body.replace(from, to);
            let text = format!("{body}{}", end_mark(&body));
            assert_eq!(
                read(text.as_bytes(), "lab \"one\""),
                Reading::Damaged,
                "{to}"
            );
        }
    }

    #[test]
    fn no_truncation_and_no_flipped_bit_goes_unnoticed() {
        let text = rendered(&entries());
        for length in 0..text.len() {
            assert_eq!(
                read(&text.as_bytes()[..length], "lab \"one\""),
                Reading::Damaged
            );
        }
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let reading = read(&bytes, "lab \"one\"");
                assert!(
                    matches!(reading, Reading::Damaged | Reading::Newer(_)),
                    "{at} {bit}: {reading:?}"
                );
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, text: String) {
            let _ = read(&bytes, "x");
            let _ = read(format!("{COMMENT}\n{text}\nend {text}").as_bytes(), "x");
        }
    }
}
