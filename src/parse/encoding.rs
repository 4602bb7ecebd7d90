//! Text in other encodings than UTF-8, read so far that its other mistakes can be told as well.

use crate::diagnostic::{Mistake, mistake};
use crate::source::Span;

/// What bytes say as UTF-16, where they begin with its byte-order mark.
pub(super) fn utf16(bytes: &[u8]) -> Option<String> {
    let (order, rest): (fn([u8; 2]) -> u16, _) = match bytes {
        [0xff, 0xfe, rest @ ..] => (u16::from_le_bytes, rest),
        [0xfe, 0xff, rest @ ..] => (u16::from_be_bytes, rest),
        _ => return None,
    };
    let (pairs, _) = rest.as_chunks::<2>();
    let units = pairs.iter().map(|pair| order(*pair));
    let characters = char::decode_utf16(units);
    Some(
        characters
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
    )
}

/// What bytes say as Windows-1252, the common form of Latin-1.
pub(super) fn windows_1252(bytes: &[u8]) -> String {
    // What is right in UTF-8 up to some place is that.
    let (right, rest) = match std::str::from_utf8(bytes) {
        Ok(text) => return text.to_owned(),
        Err(error) => bytes.split_at(error.valid_up_to()),
    };
    let right = std::str::from_utf8(right).unwrap_or_default();
    right
        .chars()
        .chain(rest.iter().map(|byte| of_windows_1252(*byte)))
        .collect()
}

fn of_windows_1252(byte: u8) -> char {
    match byte {
        0x80 => '€',
        0x82 => '‚',
        0x84 => '„',
        0x85 => '…',
        0x8a => 'Š',
        0x8e => 'Ž',
        0x91 => '‘',
        0x92 => '’',
        0x93 => '“',
        0x94 => '”',
        0x96 => '–',
        0x97 => '—',
        0x9a => 'š',
        0x9e => 'ž',
        0x81..=0x9f => char::REPLACEMENT_CHARACTER,
        other => char::from(other),
    }
}

/// That a text is in another encoding, which at `at` shows.
pub(super) fn not_utf8(text: &str, at: usize) -> Mistake {
    let length = text[at..].chars().next().map_or(0, char::len_utf8);
    let (what, from) = match at {
        0 => ("UTF-16, or another encoding", "UTF-16"),
        _ => ("in UTF-8 this character has other bytes", "WINDOWS-1252"),
    };
    mistake!(
        "parse::not-utf8",
        "the declaration is not UTF-8 text",
        at(Span::from((at, length)), "{what}"),
        help(
            "save the file as UTF-8: an editor asks for the encoding at \"Save as\"; or `iconv -f {from} -t UTF-8`"
        ),
    )
}
