//! JSON of which each line is one thing: small, and yet what changed is seen in a diff.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Formatter;

/// How deep there are lines: what a field of the whole holds, an entry of a list or of a map.
const DEPTH: usize = 2;

/// Writes the fields, and what is in each of them, on lines of their own.
pub(super) fn to_json(value: &impl Serialize) -> serde_json::Result<String> {
    let mut json = Vec::new();
    let lines = Lines {
        depth: 0,
        is_empty: false,
    };
    value.serialize(&mut serde_json::Serializer::with_formatter(
        &mut json, lines,
    ))?;
    json.push(b'\n');
    Ok(String::from_utf8(json).expect("serde_json writes UTF-8"))
}

/// Where the next value is.
struct Lines {
    depth: usize,
    /// Whether what was opened last has nothing in it yet.
    is_empty: bool,
}

impl Lines {
    fn open<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.is_empty = true;
        writer.write_all(bracket)
    }

    fn close<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if self.depth < DEPTH && !self.is_empty {
            self.line(writer)?;
        }
        self.is_empty = false;
        writer.write_all(bracket)
    }

    /// What stands before a value, or before the name of one.
    fn next<W: ?Sized + Write>(&mut self, writer: &mut W, separator: &[u8]) -> io::Result<()> {
        writer.write_all(separator)?;
        self.is_empty = false;
        if self.depth <= DEPTH {
            self.line(writer)
        } else if separator.is_empty() {
            Ok(())
        } else {
            writer.write_all(b" ")
        }
    }

    fn line<W: ?Sized + Write>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"\n")?;
        (0..self.depth).try_for_each(|_| writer.write_all(b"  "))
    }
}

/// A comma, but before the first.
fn separator(first: bool) -> &'static [u8] {
    if first { b"" } else { b"," }
}

impl Formatter for Lines {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.next(writer, separator(first))
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.next(writer, separator(first))
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::to_json;

    #[test]
    fn each_thing_is_a_line_and_all_of_it_is_json() {
        let value = json!({ "empty": [], "lan": ["a", "b"], "n": 1, "people": { "alice": ["x", "y"], "bob": { "z": [] } } });
        let text = to_json(&value).unwrap();
        assert_eq!(
            text,
            r#"{
  "empty": [],
  "lan": [
    "a",
    "b"
  ],
  "n": 1,
  "people": {
    "alice": ["x", "y"],
    "bob": {"z": []}
  }
}
"#
        );
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
