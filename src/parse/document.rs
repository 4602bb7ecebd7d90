//! A KDL text as a tree of nodes with places: the one file that knows the `kdl` crate.

use kdl::{KdlDiagnostic, KdlEntry, KdlNode, KdlValue};

use super::cursor::not_kdl;
use super::habit::{self, Habit};
use super::plain::{self, KEYS_LIMIT, WORD_LIMIT};
use super::reader::Reader;
use super::scan::{Event, invisible, is_hidden, scan};
use crate::diagnostic::{Mistake, Mistakes, mistake};
use crate::source::{Source, Span, Spanned, end_of, is_invisible};

/// Syntax mistakes after which reading stops: more are rarely more than echoes.
pub(super) const MISTAKES_SHOWN: usize = 20;

/// Bytes of one statement that the crate is given, without its block. One that is plain may have any number.
const STATEMENT_LIMIT: usize = 16 << 10;

/// A node as it was written.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub name: Spanned<String>,
    /// Its values without a name, in their order.
    pub arguments: Vec<Spanned<Value>>,
    /// Its values with a name, in their order; no name stands twice.
    pub properties: Vec<(Spanned<String>, Spanned<Value>)>,
    /// The nodes between its braces; `None` where it has none.
    pub block: Option<Vec<Node>>,
    /// The statement from its name to its last value.
    pub span: Span,
    /// Whether it could not be read: then all of it but its place is a guess.
    pub is_unread: bool,
}

impl Node {
    /// One with no values.
    pub(super) fn named(name: &Spanned<String>) -> Node {
        Node {
            name: name.clone(),
            is_unread: false,
            ..Node::unread(name.span.offset(), name.span.len())
        }
    }

    /// One that could not be read.
    fn unread(start: usize, length: usize) -> Node {
        Node {
            name: Spanned::new(String::new(), Span::from((start, 0))),
            arguments: Vec::new(),
            properties: Vec::new(),
            block: None,
            span: Span::from((start, length)),
            is_unread: true,
        }
    }

    /// The nodes of its block; none where it has no block.
    pub(crate) fn children(&self) -> &[Node] {
        self.block.as_deref().unwrap_or_default()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Text, its escapes resolved.
    String(String),
    Integer(i128),
    Boolean(bool),
    /// A fraction, `#null`, `#inf`, `#nan`: nothing here takes one.
    Other(&'static str),
}

impl Value {
    /// What this is, for "expected …, found …".
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::String(_) => "a text",
            Value::Integer(_) => "a whole number",
            Value::Boolean(_) => "a truth value",
            Value::Other(kind) => kind,
        }
    }
}

/// Reads a text into its nodes, or says everything that is wrong with it.
pub(crate) fn document(source: &Source) -> Result<Vec<Node>, Mistakes> {
    let mut reader = Reader::default();
    match reader.document(source) {
        Some(nodes) => reader.finish(source, nodes),
        None => reader.finish(source, Vec::new()),
    }
}

/// How a statement is read: its text in the whole, and where it begins.
type Statement = fn(&mut Reader, &str, usize) -> Node;

impl Reader {
    /// Reads a text into its nodes, as far as that can be done; what is wrong is told. None where the rest of the text was not
    /// looked at.
    pub(super) fn document(&mut self, source: &Source) -> Option<Vec<Node>> {
        self.document_by(source, Reader::statement)
    }

    fn document_by(&mut self, source: &Source, statement: Statement) -> Option<Vec<Node>> {
        let text = source.text();
        let scanned = scan(text);
        for mistake in scanned.mistakes {
            self.refuse(mistake);
        }
        for (habit, span) in scanned.habits {
            let written = &text[span.offset()..][..span.len()];
            let corrected = || match habit {
                Habit::HashComment => {
                    format!("// {}", written.trim_start_matches(['#', ' ']).trim_end())
                }
                _ => "}".to_owned(),
            };
            self.habits.note(habit, span, written, corrected);
        }
        if let Some(end) = scanned.end {
            self.refuse(end);
            return None;
        }
        let mut blocks: Vec<Vec<Node>> = vec![Vec::new()];
        for event in scanned.events {
            match event {
                Event::Statement { start, end } | Event::Open { start, end } => {
                    let opens = matches!(event, Event::Open { .. });
                    let written = &text[start..end];
                    let mut node = if scanned.has_invisible && written.contains(is_hidden) {
                        self.words_unread.note(&written.replace(is_hidden, ""));
                        Node::unread(start, end - start)
                    } else {
                        statement(self, written, start)
                    };
                    if self.unread >= MISTAKES_SHOWN {
                        return None;
                    }
                    node.block = opens.then(Vec::new);
                    blocks
                        .last_mut()
                        .expect("the scan closes no more than it opened")
                        .push(node);
                    if opens {
                        blocks.push(Vec::new());
                    }
                }
                Event::Close => {
                    let block = blocks.pop().expect("the scan closes only what is open");
                    blocks
                        .last_mut()
                        .and_then(|outer| outer.last_mut())
                        .expect("a block belongs to the statement that opened it")
                        .block = Some(block);
                }
            }
        }
        let mut nodes = blocks.pop().expect("the scan closes all that it opened");
        habit::mend(self, text, &mut nodes);
        Some(nodes)
    }

    /// One statement, without its block.
    fn statement(&mut self, text: &str, start: usize) -> Node {
        plain::statement(text, start).unwrap_or_else(|_| self.statement_not_plain(text, start))
    }

    /// The same where it is not plain. A broken one is reported and stands in as an empty node, so
    /// that the statements around it are still read.
    fn statement_not_plain(&mut self, text: &str, start: usize) -> Node {
        let mut node = Node {
            is_unread: false,
            ..Node::unread(start, text.len())
        };
        if text.len() > STATEMENT_LIMIT {
            self.refuse_long(text, start);
            return self.unread(node, text);
        }
        if let Some(meant) = habit::statement(text, start) {
            // Those of several lines get their words where it is known what they were to be together.
            let end = start + text.len();
            let is_of_lines = |(habit, span): &(Habit, Span)| match habit {
                Habit::ListItem => true,
                Habit::Colon => end_of(*span) == end,
                _ => false,
            };
            let habits = meant.habits.into_iter().filter(|habit| !is_of_lines(habit));
            for (habit, span) in habits {
                let written = written(text, start, span);
                let corrected = || meant.node.well_written();
                self.habits.note(habit, span, written, corrected);
            }
            return meant.node;
        }
        match text.parse::<KdlNode>() {
            Ok(parsed) => self.read_statement(&parsed, start, &mut node),
            Err(error) => {
                // The crate's later complaints about one statement only echo its first.
                let first = error.diagnostics.first();
                self.refuse(match first {
                    Some(first) => syntax(first, text, start),
                    None => not_kdl(UNREADABLE, "here", node.span, FORM),
                });
                return self.unread(node, text);
            }
        }
        node
    }

    /// Of a statement that could not be read: its first word, which may be its name, and its words, which may be declared there.
    fn unread(&mut self, mut node: Node, text: &str) -> Node {
        self.unread += 1;
        node.is_unread = true;
        self.words_unread.note(text);
        let name = text
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
            .next();
        node.name.value = name.unwrap_or_default().to_owned();
        node
    }

    /// Of a long one only what stands near the first odd word is read, to see whether it is a habit.
    fn refuse_long(&mut self, text: &str, start: usize) {
        let odd = plain::statement(text, start).err().unwrap_or_default();
        if let Some((habit, span, corrected)) = habit::near(text, start, odd, STATEMENT_LIMIT) {
            let written = written(text, start, span);
            return self.habits.note(habit, span, written, || corrected);
        }
        let size = text.len();
        let name = text.split_whitespace().next().unwrap_or(text);
        let odd_one = text[odd..].chars().next().map_or(0, char::len_utf8);
        self.refuse(mistake!(
            "parse::statement-too-long",
            "a statement of {size} bytes that is not plain; {STATEMENT_LIMIT} are read at the most",
            at(Span::from((start, name.len())), "begins here"),
            at(Span::from((start + odd, odd_one)), "not plain from here on"),
            help("write it plainly: a statement of names, whole numbers, texts in quotes and up to {KEYS_LIMIT} properties, each of {WORD_LIMIT} bytes at the most, may have any length; no `/* */`, `/-`, `#\"` or `\"\"\"` in it, and no `\\` but at ends of lines and before quotes"),
        ));
    }

    fn read_statement(&mut self, parsed: &KdlNode, start: usize, node: &mut Node) {
        self.refuse_annotation(parsed.ty(), start);
        let name = parsed.name();
        node.name = Spanned::new(name.value().to_owned(), shifted(name.span(), start));
        for entry in parsed.entries() {
            self.refuse_annotation(entry.ty(), start);
            let value = self.read_value(entry, start);
            let Some(key) = entry.name() else {
                node.arguments.push(value);
                continue;
            };
            let key = Spanned::new(key.value().to_owned(), shifted(key.span(), start));
            let Some((first, _)) = node.properties.iter().find(|(k, _)| k.value == key.value)
            else {
                node.properties.push((key, value));
                continue;
            };
            let name = key.value;
            self.refuse(mistake!(
                "parse::repeated-property",
                "property `{name}` is said twice",
                at(key.span, "said again here"),
                at(first.span, "first said here"),
                help("keep one of the two: KDL would silently take the last"),
            ));
        }
    }

    fn read_value(&mut self, entry: &KdlEntry, start: usize) -> Spanned<Value> {
        let whole = shifted(entry.span(), start);
        // The entry's place covers `key=value`; the value ends where the entry ends.
        let length = match (entry.name(), entry.format()) {
            (Some(_), Some(format)) => format.value_repr.len().min(whole.len()),
            _ => whole.len(),
        };
        let span = Span::from((end_of(whole) - length, length));
        let value = match entry.value() {
            KdlValue::String(text) => {
                // Several lines show as such only where they are written so.
                let shows_lines = entry
                    .format()
                    .is_some_and(|f| f.value_repr.trim_start_matches('#').starts_with("\"\"\""));
                let is_hidden =
                    |c: &char| is_invisible(*c) && !(shows_lines && "\n\t".contains(*c));
                if let Some(hidden) = text.chars().find(is_hidden) {
                    self.refuse(invisible(hidden, span));
                }
                Value::String(text.clone())
            }
            KdlValue::Integer(number) => Value::Integer(*number),
            KdlValue::Bool(truth) => Value::Boolean(*truth),
            KdlValue::Float(_) => Value::Other("a fraction"),
            KdlValue::Null => Value::Other("`#null`"),
        };
        Spanned::new(value, span)
    }

    fn refuse_annotation(&mut self, annotation: Option<&kdl::KdlIdentifier>, start: usize) {
        if let Some(annotation) = annotation {
            let written = annotation.value();
            self.refuse(mistake!(
                "parse::type-annotation",
                "a type annotation, `({written})`",
                at(shifted(annotation.span(), start), "not known"),
                help("remove it: nothing here has types to choose from"),
            ));
        }
    }
}

fn syntax(diagnostic: &KdlDiagnostic, text: &str, start: usize) -> Mistake {
    let offset = diagnostic.span.offset().min(text.len());
    let length = diagnostic.span.len().min(text.len() - offset);
    let message = diagnostic.message.as_deref().unwrap_or(UNREADABLE);
    let message = lower_first(message.trim_end_matches('.'));
    let span = Span::from((start + offset, length));
    not_kdl(&message, "here", span, FORM)
}

const UNREADABLE: &str = "this cannot be read";

/// The help where there is no better one.
const FORM: &str = "a statement is a name, then values and `key=value` pairs with spaces between; text with other \
     characters than letters, digits and hyphens stands in quotes";

/// What is written at a place of the source, where this text begins at `start` of it.
fn written(text: &str, start: usize, span: Span) -> &str {
    let begins = span.offset() - start;
    text.get(begins..begins + span.len()).unwrap_or_default()
}

fn shifted(span: Span, by: usize) -> Span {
    Span::from((span.offset() + by, span.len()))
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(characters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kdl::KdlDocument;
    use proptest::prelude::*;
    use std::fs;
    use std::path::Path;
    use walkdir::WalkDir;

    /// Pieces of KDL that mean something beside each other.
    const PIECES: [&str; 26] = [
        "a",
        "b ",
        " ",
        "\n",
        ";",
        "{",
        "}",
        " {\n",
        "}\n",
        "\"x\"",
        " \"a b\" ",
        "\"{\"",
        " \"/*\" ",
        "#\"r\"#",
        " #\"\"\"# ",
        "/-",
        " /-",
        "/* c */",
        "// c\n",
        " \\\n",
        "k=1 ",
        "k=\"}\"",
        "\"\"\"\n x\n \"\"\"",
        "\"\\\"\"",
        " #true ",
        "=",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2048))]

        /// What is read statement by statement is what the crate reads as a whole.
        #[test]
        fn statements_add_up_to_the_document(
            pieces in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..14)
        ) {
            let text = pieces.concat();
            let ours = document(&Source::new("test", text.as_str()));
            let whole = text.parse::<KdlDocument>();
            match (ours, whole) {
                (Ok(nodes), Ok(whole)) => prop_assert_eq!(outline(&nodes), outline_of(&whole)),
                // What `/-` takes out is not read any further.
                (Ok(_), Err(error)) => prop_assert!(text.contains("/-"), "only we read {text:?}: {error:?}"),
                (Err(mistakes), Ok(_)) => {
                    let told = format!("{mistakes:?}");
                    let stricter = ["parse::nested-slashdash", "parse::repeated-property", "after its block"];
                    prop_assert!(stricter.iter().any(|why| told.contains(why)), "only kdl reads {text:?}: {told}");
                }
                (Err(_), Err(_)) => {}
            }
        }

        #[test]
        fn no_text_panics(text in "[ab{}/*\\\\\"#;=\n -]{0,64}") {
            let _ = document(&Source::new("test", text.as_str()));
        }
    }

    #[test]
    fn a_comment_between_two_words_is_enough() {
        for text in [
            "a/* c */\"x\"",
            "a/*c*/\"x\" \"y\"",
            "a/* \"c\" */\"x\"",
            "a/*\"c\"*/ \"x\"",
        ] {
            let read = document(&Source::new("test", text));
            let nodes = read.unwrap_or_else(|told| panic!("{text}: {told:?}"));
            assert_eq!(outline(&nodes), outline_of(&text.parse().expect(text)));
        }
    }

    fn document_by(source: &Source, statement: Statement) -> Result<Vec<Node>, Mistakes> {
        let mut reader = Reader::default();
        let nodes = reader.document_by(source, statement);
        reader.finish(source, nodes.unwrap_or_default())
    }

    /// What people really write, and what is wrong with it: the project's own KDL, its documentation and its fixtures.
    fn corpus() -> Vec<(String, String)> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folders = ["examples", "src", "templates", "docs", "tests/diagnostics"];
        let files = folders.map(|folder| WalkDir::new(root.join(folder)));
        let mut corpus = Vec::new();
        for file in files.into_iter().flatten() {
            let file = file.expect("it can be listed");
            let path = file.path().display().to_string();
            let read = || fs::read_to_string(file.path()).ok();
            if path.ends_with(".kdl") {
                corpus.extend(read().map(|text| (path, text)));
            } else if path.ends_with(".md") {
                let text = read().expect("the documentation is UTF-8");
                let blocks = text.split("```").filter_map(|b| b.strip_prefix("kdl"));
                corpus.extend(blocks.map(|block| (path.clone(), block.to_owned())));
            }
        }
        corpus
    }

    /// Names, values, places and mistakes.
    #[test]
    fn what_is_plain_changes_nothing_in_what_is_read() {
        let corpus = corpus();
        assert!(corpus.len() > 100, "{}", corpus.len());
        for (name, text) in corpus {
            let source = Source::new("homelab.kdl", text);
            let ours = document(&source);
            let by_the_crate = document_by(&source, Reader::statement_not_plain);
            assert_eq!(format!("{ours:#?}"), format!("{by_the_crate:#?}"), "{name}");
        }
    }

    /// What is built in, and what everybody writes, costs the crate nothing.
    #[test]
    fn nearly_everything_that_is_right_is_plain() {
        let counted = |text: &str| {
            let source = Source::new("homelab.kdl", text);
            let read = document(&source)?;
            let (mut plain, mut others) = (0, Vec::new());
            let mut open: Vec<&Node> = read.iter().collect();
            while let Some(node) = open.pop() {
                let (start, length) = (node.span.offset(), node.span.len());
                let written = &text[start..start + length];
                match plain::statement(written, start) {
                    Ok(_) => plain += 1,
                    Err(_) => others.push(written.to_owned()),
                }
                open.extend(node.children());
            }
            Ok::<_, Mistakes>((plain, others))
        };
        let (mut all, mut not_plain) = (0, Vec::new());
        for (name, text) in corpus() {
            let Ok((plain, others)) = counted(&text) else {
                continue;
            };
            all += plain + others.len();
            let built_in = ["catalogue", "messages", "examples"];
            if built_in.iter().any(|folder| name.contains(folder)) {
                assert_eq!(others, Vec::<String>::new(), "{name}");
            }
            not_plain.extend(others);
        }
        assert!(not_plain.len() * 100 < all, "of {all}: {not_plain:#?}");
    }

    #[test]
    fn what_hurts_the_crate_is_refused_at_once() {
        let large = 1 << 19;
        for (bomb, code) in [
            ("a /-{\n".repeat(64), "parse::nested-slashdash"),
            ("/-\n".repeat(10_000), "parse::nested-slashdash"),
            (
                "a /-".to_owned() + &"/-\n".repeat(2_000),
                "parse::nested-slashdash",
            ),
            ("a {\n".repeat(2_000), "parse::too-deep"),
            ("/*\n".repeat(4_000), "parse::too-deep"),
            ("}\n".repeat(2_000), "parse::unmatched-brace"),
            ("b =\n".repeat(50_000), "parse::syntax"),
            ("b =\n".repeat(large / 2), "parse::too-many-statements"),
            ("=\n".repeat(large / 2), "parse::too-many-statements"),
            ("(\n".repeat(large / 2), "parse::too-many-statements"),
            ("a=".repeat(large / 2), "parse::statement-too-long"),
            ("a=\\\n".repeat(large / 4), "parse::statement-too-long"),
        ] {
            let shown: String = bomb.chars().take(20).collect();
            let codes = document(&Source::new("test", bomb)).unwrap_err().codes();
            assert!(codes.contains(&code), "{shown:?}: {codes:?}");
            assert!(codes.len() <= MISTAKES_SHOWN, "{shown:?}");
        }
    }

    fn outline(nodes: &[Node]) -> String {
        let outline_one = |node: &Node| {
            let arguments = node
                .arguments
                .iter()
                .map(|argument| format!("{:?}", argument.value));
            let properties = node
                .properties
                .iter()
                .map(|(key, value)| format!("{}={:?}", key.value, value.value));
            let values: Vec<String> = arguments.chain(properties).collect();
            format!(
                "{}[{}]{{{}}}",
                node.name.value,
                values.join(" "),
                outline(node.children())
            )
        };
        nodes.iter().map(outline_one).collect()
    }

    fn outline_of(whole: &KdlDocument) -> String {
        let outline_one = |node: &KdlNode| {
            let value = |entry: &KdlEntry| match entry.value() {
                KdlValue::String(text) => format!("{:?}", Value::String(text.clone())),
                KdlValue::Integer(number) => format!("{:?}", Value::Integer(*number)),
                KdlValue::Bool(truth) => format!("{:?}", Value::Boolean(*truth)),
                _ => String::from("other"),
            };
            let arguments = node.entries().iter().filter(|entry| entry.name().is_none());
            let properties = node.entries().iter().filter(|entry| entry.name().is_some());
            let named = |entry: &KdlEntry| {
                let key = entry.name().map_or("", |key| key.value());
                format!("{key}={}", value(entry))
            };
            let values: Vec<String> = arguments.map(value).chain(properties.map(named)).collect();
            let block = node.children().map_or_else(String::new, outline_of);
            format!("{}[{}]{{{block}}}", node.name().value(), values.join(" "))
        };
        whole.nodes().iter().map(outline_one).collect()
    }
}
