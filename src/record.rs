//! The one-line form in which homelab writes its own files, the lock and the manifest.
//!
//! `name "argument" key="value" key="value"`: every value a quoted string, one space between, none at the end. Each
//! such line is KDL 2 and means the same there, so any KDL tool can read these files. They are not read with the `kdl`
//! crate because that takes a second per megabyte, and these files have a line per certificate and per artifact that
//! every build reads. Reading is strict: only what [`RecordWriter`] writes is accepted, so that a line that was
//! damaged or edited is noticed rather than guessed at.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter, Write};

use data_encoding::HEXLOWER;

/// The most properties that one line may have; with more, looking for a duplicate key would cost too much.
pub(crate) const MOST_PROPERTIES: usize = 32;

/// Bytes that a line which is written by itself has room for from the start: as many as that of a certificate, with its signature.
const USUAL_LENGTH: usize = 512;

/// Properties that a line has room for from the start: as many as that of a certificate.
const USUAL_PROPERTIES: usize = 12;

/// One line: a name, perhaps an argument, and properties in the order written.
///
/// What was read borrows from the text of the file where no escape had to be resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// What kind of line this is: `[a-z][a-z0-9-]*`.
    pub name: &'a str,
    /// What the line is about.
    pub argument: Option<Cow<'a, str>>,
    /// Keys, each `[a-z][a-z0-9-]*` and none twice, with their values.
    pub properties: Vec<(&'a str, Cow<'a, str>)>,
}

/// Why a line is not a [`Record`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at byte {column} of the line")]
pub(crate) struct Malformed {
    /// Where in the line, as an offset in bytes.
    pub column: usize,
    /// What should have stood there.
    pub expected: &'static str,
}

impl<'a> Record<'a> {
    /// The value of the property `key`.
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        self.properties
            .iter()
            .find(|(k, _)| *k == key)
            .map(|(_, value)| value.as_ref())
    }

    /// Reads a line, given without its newline.
    ///
    /// (Not `FromStr`, since a record borrows from its line.)
    pub(crate) fn parse(line: &'a str) -> Result<Self, Malformed> {
        let mut cursor = Cursor { line, at: 0 };
        let mut record = Record {
            name: cursor.word("a name")?,
            argument: None,
            properties: Vec::with_capacity(USUAL_PROPERTIES),
        };
        while cursor.byte().is_some() {
            cursor.expect(b' ', "one space")?;
            if cursor.byte() == Some(b'"')
                && record.argument.is_none()
                && record.properties.is_empty()
            {
                record.argument = Some(cursor.string()?);
                continue;
            }
            let column = cursor.at;
            let key = cursor.word("a key")?;
            if record.value(key).is_some() {
                return Err(Malformed {
                    column,
                    expected: "each key once",
                });
            }
            if record.properties.len() == MOST_PROPERTIES {
                return Err(Malformed {
                    column,
                    expected: "fewer properties",
                });
            }
            cursor.expect(b'=', "`=`")?;
            record.properties.push((key, cursor.string()?));
        }
        Ok(record)
    }
}

/// A [`Record`] that is being written. Values are written as they show themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordWriter {
    text: String,
    /// Where in the text the line begins.
    begin: usize,
}

impl RecordWriter {
    /// Starts a line; `name` and the keys that follow are words of the program, never of a user.
    pub(crate) fn new(name: &str) -> Self {
        RecordWriter::after(String::with_capacity(USUAL_LENGTH), name)
    }

    /// Starts a line at the end of a text, which many lines are written to one after the other.
    pub(crate) fn after(mut text: String, name: &str) -> Self {
        debug_assert!(
            is_word(name),
            "`{name}` is not a name that a record can have"
        );
        let begin = text.len();
        text.push_str(name);
        RecordWriter { text, begin }
    }

    /// Says what the line is about; before any property.
    pub(crate) fn argument(mut self, value: impl Display) -> Self {
        self.text.push(' ');
        self.string([value]);
        self
    }

    /// Adds a property at the end.
    pub(crate) fn property(self, key: &str, value: impl Display) -> Self {
        self.list(key, [value])
    }

    /// Adds a property at the end whose value is several words, with spaces between.
    pub(crate) fn list(
        mut self,
        key: &str,
        values: impl IntoIterator<Item = impl Display>,
    ) -> Self {
        debug_assert!(is_word(key), "`{key}` is not a key that a record can have");
        debug_assert!(
            !self.text[self.begin..].contains(&format!(" {key}=\"")),
            "`{key}` is there already"
        );
        self.text.extend([" ", key, "="]);
        self.string(values);
        self
    }

    /// The text up to the end of the line, without a newline.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    fn string(&mut self, values: impl IntoIterator<Item = impl Display>) {
        self.text.push('"');
        for (place, value) in values.into_iter().enumerate() {
            if place > 0 {
                self.text.push(' ');
            }
            write!(Escaped(&mut self.text), "{value}").expect("a String takes all");
        }
        self.text.push('"');
    }
}

impl Display for RecordWriter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text[self.begin..])
    }
}

/// The inside of a quoted string.
struct Escaped<'t>(&'t mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, value: &str) -> fmt::Result {
        // Nearly all is, and need not be decoded.
        if plain_ascii_at_start(value.as_bytes()) == value.len() {
            self.0.push_str(value);
            return Ok(());
        }
        let mut plain = 0;
        for (at, c) in value.char_indices().filter(|(_, c)| must_be_escaped(*c)) {
            self.0.push_str(&value[plain..at]);
            write_escape(self.0, c)?;
            plain = at + c.len_utf8();
        }
        self.0.push_str(&value[plain..]);
        Ok(())
    }
}

/// Writes the only escape of `c` that [`Record::parse`] takes.
fn write_escape(f: &mut impl Write, c: char) -> fmt::Result {
    match c {
        '"' => f.write_str("\\\""),
        '\\' => f.write_str("\\\\"),
        '\n' => f.write_str("\\n"),
        '\r' => f.write_str("\\r"),
        '\t' => f.write_str("\\t"),
        other => write!(f, "\\u{{{:x}}}", u32::from(other)),
    }
}

/// Whether `c` may not stand as itself: KDL 2 forbids it, takes it for a newline, or it would show another text than
/// there is.
fn must_be_escaped(c: char) -> bool {
    matches!(
        c,
        '"' | '\\'
            | '\0'..='\u{1F}'
            | '\u{7F}'..='\u{9F}' // U+0085, a newline, among them
            | '\u{200E}' | '\u{200F}' // KDL 2 §3.18: disallowed literal code points
            | '\u{2028}' | '\u{2029}' // newlines
            | '\u{202A}'..='\u{202E}'
            | '\u{2066}'..='\u{2069}'
            | '\u{FEFF}'
    )
}

fn is_plain_ascii(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')
}

/// How many bytes at the start are plain ASCII. These lines are megabytes, so it is looked at eight bytes at once.
fn plain_ascii_at_start(bytes: &[u8]) -> usize {
    let (words, _) = bytes.as_chunks();
    let others = words
        .iter()
        .map(|word| others_in(u64::from_le_bytes(*word)));
    let mut length = 0;
    for others in others {
        if others != 0 {
            return length + others.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    let rest = bytes[length..].iter();
    length + rest.take_while(|byte| is_plain_ascii(**byte)).count()
}

/// The highest bit of each byte that is not plain ASCII, up to the first such byte; what borrows and carries leave above that
/// one means nothing.
fn others_in(word: u64) -> u64 {
    const HIGHEST: u64 = each(0x80);
    let is_below_space = word.wrapping_sub(each(b' ')) & !word;
    let is_above_tilde = word.wrapping_add(each(0x7F - b'~')) | word;
    let is_zero = |word: u64| word.wrapping_sub(each(1)) & !word;
    let is_special = is_zero(word ^ each(b'"')) | is_zero(word ^ each(b'\\'));
    (is_below_space | is_above_tilde | is_special) & HIGHEST
}

/// Eight times this byte.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Whether `text` is `[a-z][a-z0-9-]*` and not one of the words that KDL 2 does not take unquoted.
fn is_word(text: &str) -> bool {
    text.bytes().all(is_word_byte) && can_be_word(text)
}

/// Whether a text of such bytes alone is one.
fn can_be_word(text: &str) -> bool {
    matches!(text.as_bytes().first(), Some(b'a'..=b'z'))
        && !matches!(text, "true" | "false" | "null" | "inf" | "nan")
}

fn is_word_byte(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')
}

/// A type that stands in JSON as the text that it is shown as and read from.
macro_rules! serde_as_text {
    ($type:ident) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<$type, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use serde_as_text;

/// The bytes that these digits stand for, exactly as many and in lower case, as they are written here.
pub(crate) fn from_hex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    (digits.len() == 2 * N).then_some(())?;
    HEXLOWER.decode_mut(digits.as_bytes(), &mut bytes).ok()?;
    Some(bytes)
}

/// The last line of a file that begins with `body`: what was cut off or changed is noticed.
pub(crate) fn end_mark(body: &str) -> String {
    let digest = blake3::hash(body.as_bytes()).to_hex();
    RecordWriter::new("end")
        .property("digest", digest)
        .into_text()
        + "\n"
}

/// What stands before the end mark; none where it is not the mark of just that.
pub(crate) fn before_end_mark(text: &str) -> Option<&str> {
    let (body, end) = at_end_mark(text)?;
    (end == end_mark(body)).then_some(body)
}

/// What stands before the end mark, and the mark, of whatever it may be.
pub(crate) fn at_end_mark(text: &str) -> Option<(&str, &str)> {
    let end = text.rfind("\nend ")? + 1;
    Some(text.split_at(end))
}

/// A place in a line.
struct Cursor<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        &self.line[self.at..]
    }

    fn malformed(&self, expected: &'static str) -> Malformed {
        Malformed {
            column: self.at,
            expected,
        }
    }

    /// The byte that stands here; a text's `starts_with` takes much longer.
    fn byte(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), Malformed> {
        if self.byte() != Some(byte) {
            return Err(self.malformed(expected));
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, expected: &'static str) -> Result<&'a str, Malformed> {
        let rest = self.rest();
        let length = rest
            .bytes()
            .position(|byte| !is_word_byte(byte))
            .unwrap_or(rest.len());
        let word = &rest[..length];
        if !can_be_word(word) {
            return Err(self.malformed(expected));
        }
        self.at += length;
        Ok(word)
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Malformed> {
        self.expect(b'"', "a string in quotes")?;
        let mut resolved = String::new();
        loop {
            let plain = self.plain_text();
            if self.byte() == Some(b'\\') {
                resolved.push_str(plain);
                resolved.push(self.escape()?);
                continue;
            }
            self.expect(b'"', "a closing quote, or an escape")?;
            if resolved.is_empty() {
                return Ok(Cow::Borrowed(plain));
            }
            resolved.push_str(plain);
            return Ok(Cow::Owned(resolved));
        }
    }

    /// What stands here up to the next quote, backslash or character that must be escaped.
    fn plain_text(&mut self) -> &'a str {
        let rest = self.rest();
        let mut length = 0;
        loop {
            // Nearly all is ASCII, which need not be decoded.
            length += plain_ascii_at_start(&rest.as_bytes()[length..]);
            match rest[length..].chars().next() {
                Some(c) if !must_be_escaped(c) => length += c.len_utf8(),
                _ => break,
            }
        }
        self.at += length;
        &rest[..length]
    }

    fn escape(&mut self) -> Result<char, Malformed> {
        let rest = self.rest();
        let c = match rest.as_bytes().get(1) {
            Some(b'"') => Some('"'),
            Some(b'\\') => Some('\\'),
            Some(b'n') => Some('\n'),
            Some(b'r') => Some('\r'),
            Some(b't') => Some('\t'),
            Some(b'u') => code_point(rest),
            _ => None,
        };
        let c = c
            .filter(|c| must_be_escaped(*c))
            .ok_or_else(|| self.malformed("an escape"))?;
        let mut canonical = String::new();
        write_escape(&mut canonical, c).expect("writing to a String cannot fail");
        if !rest.starts_with(&canonical) {
            return Err(self.malformed("the shortest escape"));
        }
        self.at += canonical.len();
        Ok(c)
    }
}

/// The character that an escape such as `\u{202e}`, which `text` starts with, stands for.
fn code_point(text: &str) -> Option<char> {
    let (digits, _) = text.strip_prefix("\\u{")?.split_once('}')?;
    char::from_u32(u32::from_str_radix(digits, 16).ok()?)
}

#[cfg(test)]
mod tests;
