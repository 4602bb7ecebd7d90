//! Statements as nearly all are written, read without the `kdl` crate, which takes a hundred times as long.
//!
//! Plain are names, quoted texts on one line with no escapes but `\"` and `\\`, whole numbers, `#true`, `#false`, `#null`
//! and properties, with spaces, tabs and escaped line ends between, comments there too. What is anything else, or is wrong,
//! is left to the crate, so that there is one reading of the grammar and one set of words for its mistakes; a
//! property test holds the two together.
//!
//! It takes time and memory in proportion to the text, so that a plain statement may be as long as a declaration.

use super::document::{Node, Value};
use crate::source::{Span, Spanned, is_invisible};

/// Bytes of one word that is read here. What is told of a longer one would be as long.
pub(super) const WORD_LIMIT: usize = 4 << 10;

/// Properties of one statement that is read here.
pub(super) const KEYS_LIMIT: usize = 64;

/// Reads a statement without its block, which stands at `start` of its source. Where it is not plain, the error is the place in `text`
/// from which on it is not.
pub(super) fn statement(text: &str, start: usize) -> Result<Node, usize> {
    let mut words = Words { text, at: 0, start };
    let mut node = Node {
        name: words.name().ok_or(0usize)?,
        arguments: Vec::new(),
        properties: Vec::new(),
        block: None,
        span: Span::from((start, text.len())),
        is_unread: false,
    };
    while words.at < text.len() {
        words.space().ok_or(words.at)?;
        let begin = words.at;
        words.entry(&mut node).ok_or(begin)?;
    }
    Ok(node)
}

/// Steps through a statement, word by word.
struct Words<'a> {
    text: &'a str,
    at: usize,
    /// Where the statement begins in its source.
    start: usize,
}

impl Words<'_> {
    fn name(&mut self) -> Option<Spanned<String>> {
        let begin = self.at;
        let name = self.string()?;
        self.ends_word(begin).then(|| self.placed(name, begin))
    }

    /// A value, or a property that does not stand there already.
    fn entry(&mut self, node: &mut Node) -> Option<()> {
        let begin = self.at;
        let value = self.value()?;
        if self.peek() != Some(b'=') {
            node.arguments.push(self.placed(value, begin));
            return self.ends_word(begin).then_some(());
        }
        let Value::String(key) = value else {
            return None;
        };
        // Each key is held against all before it.
        if node.properties.len() == KEYS_LIMIT || key.len() > WORD_LIMIT {
            return None;
        }
        let mut keys = node.properties.iter().map(|(key, _)| &key.value);
        if keys.any(|known| *known == key) {
            return None;
        }
        let key = self.placed(key, begin);
        self.at += 1;
        let begin = self.at;
        let value = self.value()?;
        node.properties.push((key, self.placed(value, begin)));
        self.ends_word(begin).then_some(())
    }

    fn value(&mut self) -> Option<Value> {
        match self.peek()? {
            b'#' => self.keyword(),
            b'-' | b'0'..=b'9' => self.integer(),
            _ => self.string().map(Value::String),
        }
    }

    fn keyword(&mut self) -> Option<Value> {
        let rest = &self.text[self.at..];
        let keywords = [
            ("#true", Value::Boolean(true)),
            ("#false", Value::Boolean(false)),
            ("#null", Value::Other("`#null`")),
        ];
        let mut keywords = keywords.into_iter();
        let (word, value) = keywords.find(|(word, _)| rest.starts_with(word))?;
        self.at += word.len();
        Some(value)
    }

    /// A decimal number without `_` and `+`, which fits into 64 bits.
    fn integer(&mut self) -> Option<Value> {
        let rest = &self.text[self.at..];
        let sign = usize::from(rest.starts_with('-'));
        let digits = rest.bytes().skip(sign).take_while(u8::is_ascii_digit);
        let length = sign + digits.count();
        let number: i64 = rest[..length].parse().ok()?;
        self.at += length;
        Some(Value::Integer(number.into()))
    }

    fn string(&mut self) -> Option<String> {
        match self.peek()? {
            b'"' => self.quoted(),
            _ => self.identifier().map(str::to_owned),
        }
    }

    /// An ASCII letter or `_`, then more of them, digits, `-` and `.`; none of the words that KDL 2 wants a `#` before.
    fn identifier(&mut self) -> Option<&str> {
        let rest = &self.text[self.at..];
        let begins = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
        let continues = |byte: &u8| begins(byte) || byte.is_ascii_digit() || b"-.".contains(byte);
        rest.as_bytes().first().filter(|byte| begins(byte))?;
        let length = rest.bytes().take_while(continues).count();
        let word = &rest[..length];
        self.at += length;
        (!matches!(word, "true" | "false" | "null" | "inf" | "nan")).then_some(word)
    }

    /// A text in quotes, on one line.
    fn quoted(&mut self) -> Option<String> {
        let inside = &self.text[self.at + 1..];
        let mut text = String::new();
        // What of it is in `text` already.
        let mut taken = 0;
        let mut bytes = inside.bytes().enumerate();
        let end = loop {
            match bytes.next()? {
                (at, b'"') => break at,
                (at, b'\\') => {
                    let (_, b'"' | b'\\') = bytes.next()? else {
                        return None;
                    };
                    text.push_str(&inside[taken..at]);
                    taken = at + 1;
                }
                (_, byte) if byte.is_ascii_control() => return None,
                _ => {}
            }
        };
        let body = &inside[..end];
        // `"""` opens a text of several lines.
        if body.is_empty() && inside[end + 1..].starts_with('"')
            || !body.is_ascii() && body.contains(is_invisible)
        {
            return None;
        }
        text.push_str(&body[taken..]);
        self.at += end + 2;
        Some(text)
    }

    /// White space, and `\` at the ends of lines.
    fn space(&mut self) -> Option<()> {
        let begin = self.at;
        loop {
            match self.peek()? {
                b' ' | b'\t' => self.at += 1,
                b'\\' if self.at > begin => self.line_end()?,
                _ => return (self.at > begin).then_some(()),
            }
        }
    }

    /// `\`, and perhaps a comment, at the end of a line.
    fn line_end(&mut self) -> Option<()> {
        let (line, next) = self.text[self.at + 1..].split_once('\n')?;
        let line = line.strip_suffix('\r').unwrap_or(line);
        let said = line.trim_start_matches([' ', '\t']);
        let is_comment = said.starts_with("//") && !said.contains(is_invisible);
        (said.is_empty() || is_comment).then_some(())?;
        self.at = self.text.len() - next.len();
        Some(())
    }

    /// Whether a word that begins there ends here, and is not too long.
    fn ends_word(&self, begin: usize) -> bool {
        self.at - begin <= WORD_LIMIT && matches!(self.peek(), None | Some(b' ' | b'\t'))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// What was read from `begin` up to here.
    fn placed<T>(&self, value: T, begin: usize) -> Spanned<T> {
        let span = Span::from((self.start + begin, self.at - begin));
        Spanned::new(value, span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kdl::{KdlNode, KdlValue};
    use proptest::prelude::*;

    /// A statement as either reading tells it: of each name and value what it is, how it is written, and where.
    type Told = Vec<(Option<(String, Span)>, String, String, Span)>;

    fn told_by_the_crate(text: &str) -> Option<Told> {
        let node: KdlNode = text.parse().ok()?;
        let name = node.name();
        let first = (
            None,
            format!("{:?}", name.value()),
            name.repr()?.to_owned(),
            name.span(),
        );
        // Ours has arguments before properties.
        let (named, plain): (Vec<_>, Vec<_>) =
            node.entries().iter().partition(|e| e.name().is_some());
        let entries = plain.into_iter().chain(named).map(|entry| {
            let value = match entry.value() {
                KdlValue::String(text) => format!("{text:?}"),
                KdlValue::Integer(number) => number.to_string(),
                KdlValue::Bool(truth) => truth.to_string(),
                KdlValue::Null => "null".to_owned(),
                KdlValue::Float(_) => "a fraction".to_owned(),
            };
            let written = &entry.format().expect("it was read").value_repr;
            let end = entry.span().offset() + entry.span().len();
            let place = Span::from((end - written.len(), written.len()));
            let key = entry.name();
            let key = key.map(|key| (key.value().to_owned(), key.span()));
            (key, value, written.clone(), place)
        });
        let has_more = node.ty().is_some()
            || node.children().is_some()
            || node.entries().iter().any(|e| e.ty().is_some());
        (!has_more).then(|| std::iter::once(first).chain(entries).collect())
    }

    fn told_by_us(text: &str, node: &Node) -> Told {
        let written = |span: Span| text[span.offset()..][..span.len()].to_owned();
        let value = |value: &Spanned<Value>| {
            let shown = match &value.value {
                Value::String(text) => format!("{text:?}"),
                Value::Integer(number) => number.to_string(),
                Value::Boolean(truth) => truth.to_string(),
                Value::Other(_) => "null".to_owned(),
            };
            (None, shown, written(value.span), value.span)
        };
        let name = &node.name;
        let name = (
            None,
            format!("{:?}", name.value),
            written(name.span),
            name.span,
        );
        let arguments = node.arguments.iter().map(value);
        let properties = node.properties.iter().map(|(key, read)| {
            let (_, shown, written, span) = value(read);
            (Some((key.value.clone(), key.span)), shown, written, span)
        });
        std::iter::once(name)
            .chain(arguments)
            .chain(properties)
            .collect()
    }

    #[track_caller]
    fn holds_together(text: &str) {
        if let Ok(node) = statement(text, 0) {
            let told = told_by_us(text, &node);
            assert_eq!(Some(told), told_by_the_crate(text), "{text:?}");
        }
    }

    /// Plain words, and those that are nearly so.
    const WORDS: [&str; 40] = [
        "a",
        "platform",
        "a-b.c_d",
        "_",
        "true",
        "nan",
        "inf",
        "-inf",
        "e1",
        "0x1f",
        "0",
        "007",
        "-5",
        "--5",
        "-",
        "+5",
        "1_000",
        "1.5",
        "1e3",
        "9223372036854775808",
        "340282366920938463463374607431768211456",
        "#true",
        "#false",
        "#null",
        "#nan",
        "#truer",
        "\"\"",
        "\"\"\"\"",
        "\"x\"",
        "\"a b\"",
        "\"ä€𝄞\"",
        "\"a\u{200b}b\"",
        "\"\\\"\"",
        "\"\\\\\"",
        "\"\\n\"",
        "\"\\u{41}\"",
        "\"\\ \"",
        "#\"r\"#",
        "ä",
        "(t)1",
    ];
    /// What stands between them.
    const BETWEEN: [&str; 18] = [
        " ",
        "  ",
        "\t",
        "=",
        "=",
        " =",
        "= ",
        "",
        " \\\n",
        " \\\r\n  ",
        " \\ \n \\\n",
        "\\\n",
        " \\ // c\n",
        " \\",
        " /* c */ ",
        " /-",
        "\u{a0}",
        " \r ",
    ];

    fn words() -> impl Strategy<Value = String> {
        let word = proptest::sample::select(&WORDS[..]);
        let between = proptest::sample::select(&BETWEEN[..]);
        proptest::collection::vec((word, between), 1..8).prop_map(|pairs| {
            let mut text: String = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
            text.truncate(text.trim_end().len());
            text
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// Either ours leaves it to the crate, or both read the same at the same places.
        #[test]
        fn both_read_the_same(text in words()) {
            holds_together(&text);
        }

        /// With one character put in, taken out, or put in another's place.
        #[test]
        fn both_read_the_same_of_what_is_nearly_plain(
            text in "[a-c](( |\t| \\\\\n)([a-c]{1,2}=)?(\"[a-cä ]{0,3}\"|[a-c]{1,3}|-?[0-9]{1,3}|#true|#false|#null)){0,5}",
            at in any::<proptest::sample::Index>(),
            mutation in 0..3,
            other in proptest::char::any(),
            known in proptest::sample::select(&b"\"\\#={}()[]/;-+._ \t\n\r,0a"[..]),
            is_known in any::<bool>(),
        ) {
            holds_together(&text);
            let mut characters: Vec<char> = text.chars().collect();
            let at = at.index(characters.len());
            let other = if is_known { char::from(known) } else { other };
            match mutation {
                0 => characters.insert(at, other),
                1 => characters[at] = other,
                _ => drop(characters.remove(at)),
            }
            holds_together(&characters.into_iter().collect::<String>());
        }
    }

    #[test]
    fn what_is_not_plain_has_a_place() {
        for (text, odd) in [
            ("'a' b", "'a'"),
            ("a \"b\" 'c'", "'c'"),
            ("a b, c", "b,"),
            ("a \"b\" \\ x\n c", "\\ x"),
            ("a \\\n b \"c", "\"c"),
            ("a b /* c */ d", "/*"),
            ("a k=1 k=2", "k=2"),
            ("a \"b\"\"c\"", "\"b\""),
        ] {
            assert_eq!(statement(text, 0).err(), text.find(odd), "{text:?}");
        }
    }

    #[test]
    fn what_is_plain_is_read_here() {
        for text in [
            "landing",
            "device \"pixel\" platform=\"android\" version=14",
            "\"a name\" k=#true",
            "group \"g\" \"a\" \\\n    \"b\" \\\r\n\t\"c\"",
            "name \"Jürgen \\\"Jü\\\" \\\\ Müller\"",
            "a -9223372036854775808 #null",
        ] {
            assert!(statement(text, 0).is_ok(), "{text:?}");
            holds_together(text);
        }
    }
}
