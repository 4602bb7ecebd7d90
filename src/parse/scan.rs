//! The structure of a KDL 2 text: which statements it has, and which block each stands in.
//!
//! This runs before the `kdl` crate sees a byte, and hands it one statement at a time, without its
//! block. The crate's own walk over a whole document is not safe on a hostile one: nested `/-{`
//! doubles its time per level (112 bytes take 3 s), stacked `/-` take cubic time, and it recurses
//! once per level of nesting *and* once per mistake, so 80 KB of `b =` lines overflow the stack and
//! abort. This scan is linear and keeps its state on the heap; what the crate is given at once is bounded.
//!
//! Follows the grammar of KDL 2.0.0 for strings, raw strings, comments, escaped line ends and `/-`.

use std::collections::BTreeSet;

use super::cursor::{Cursor, DEPTH_LIMIT, not_kdl};
use super::document::MISTAKES_SHOWN;
use super::habit::{Habit, begins_comment, swallowing, unclosed};
use crate::diagnostic::{Mistake, mistake};
use crate::source::{Span, is_invisible};

/// Bytes of a whole declaration: 10,000 people, each with two devices and all that can be said of both, take half of it.
pub const SIZE_LIMIT: usize = 4 << 20;
/// Statements of a declaration, and ends of blocks: 10,000 people with two devices each take a fifth of it.
const STATEMENTS_LIMIT: usize = 200_000;

/// One step through the text, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// A statement without a block; its bytes, from the name to the last entry.
    Statement { start: usize, end: usize },
    /// A statement whose block opens.
    Open { start: usize, end: usize },
    /// The innermost open block closes.
    Close,
}

/// What a text consists of, as far as it could be told.
#[derive(Default)]
pub(super) struct Scanned {
    pub events: Vec<Event>,
    pub mistakes: Vec<Mistake>,
    /// Comments behind `#`, and commas behind blocks.
    pub habits: Vec<(Habit, Span)>,
    /// Whether there are characters that do not show, which has been told.
    pub has_invisible: bool,
    /// What is wrong so that the rest was not looked at.
    pub end: Option<Mistake>,
}

/// Braces that are put in where they are missing, at the most.
const MISSING_BRACES: usize = 8;

/// Splits `text` into statements and blocks; what `/-` takes out is left out.
pub(super) fn scan(text: &str) -> Scanned {
    if let Err(mistake) = refuse_large(text.len()) {
        return Scanned {
            end: Some(mistake),
            ..Scanned::default()
        };
    }
    let mut missing = Vec::new();
    loop {
        let mut scanner = Scanner::new(text, &missing);
        let end = scanner.run().err();
        let suspicion = scanner.suspicion.filter(|_| missing.len() < MISSING_BRACES);
        match suspicion.filter(|_| !scanner.blocks.is_empty()) {
            Some(place) if end.is_none() => missing.push(place),
            _ => {
                if end.is_none() {
                    scanner.close_what_is_open();
                }
                scanner.refuse_invisible();
                scanner.scanned.end = end;
                return scanner.scanned;
            }
        }
    }
}

/// Refuses more bytes than a declaration may have.
pub(super) fn refuse_large(size: usize) -> Result<(), Mistake> {
    if size <= SIZE_LIMIT {
        return Ok(());
    }
    Err(mistake!(
        "parse::too-large",
        "the declaration has more than {SIZE_LIMIT} bytes",
        help("take out what is not a declaration: this is room for more than 20,000 devices"),
    ))
}

/// Whether a character does not show, and is no layout either.
pub(super) fn is_hidden(character: char) -> bool {
    is_invisible(character) && !matches!(character, '\t' | '\n' | '\r')
}

/// A character that does not show, in the text itself or resolved from an escape.
pub(super) fn invisible(character: char, span: Span) -> Mistake {
    let codepoint = u32::from(character);
    mistake!(
        "parse::invisible-character",
        "an invisible character, U+{codepoint:04X}",
        at(span, "here, though it does not show"),
        help(
            "remove it: text that looks different from what it says has no place in a declaration"
        ),
    )
}

fn nested_slashdash(inner: usize, outer: usize) -> Mistake {
    mistake!(
        "parse::nested-slashdash",
        "a `/-` inside what another `/-` takes out",
        at(Span::from((inner, 2)), "this one"),
        at(Span::from((outer, 2)), "is within what this takes out"),
        help("remove the inner `/-`: the outer one already takes all of it out"),
    )
}

struct Scanner<'a> {
    cursor: Cursor<'a>,
    blocks: Vec<Block<'a>>,
    /// The innermost `/-` whose statement or block is being left out: where it stands, and how many
    /// blocks were open before it.
    taken_out: Option<(usize, usize)>,
    scanned: Scanned,
    /// Before which statements a block is to be closed, though no brace does.
    missing: &'a [usize],
    /// The words that statements outside of all blocks begin with.
    outermost: BTreeSet<&'a str>,
    /// A statement that looks as if it stood outside of the block that it is in.
    suspicion: Option<usize>,
    /// Behind which texts a quote is missing.
    mended: Vec<usize>,
}

/// An open block.
struct Block<'a> {
    /// Where its brace stands.
    brace: usize,
    /// What its statement begins with; none where a brace has no statement.
    word: Option<&'a str>,
    /// How far the line of its statement is indented.
    indent: usize,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str, missing: &'a [usize]) -> Scanner<'a> {
        Scanner {
            cursor: Cursor::at_the_start(text),
            blocks: Vec::new(),
            taken_out: None,
            scanned: Scanned::default(),
            missing,
            outermost: BTreeSet::new(),
            suspicion: None,
            mended: Vec::new(),
        }
    }

    fn run(&mut self) -> Result<(), Mistake> {
        loop {
            self.cursor.skip_between()?;
            match self.cursor.peek() {
                None => return Ok(()),
                Some('}') => self.close()?,
                Some('#') if begins_comment(self.cursor.rest()) => self.skip_comment(),
                Some(_) => {
                    self.look_at_indent();
                    self.statement()?;
                }
            }
            if self.scanned.events.len() > STATEMENTS_LIMIT {
                return Err(mistake!(
                    "parse::too-many-statements",
                    "the declaration has more than {STATEMENTS_LIMIT} statements",
                    help(
                        "see what fills it: 10,000 people with two devices each take a fifth of that"
                    ),
                ));
            }
        }
    }

    fn refuse(&mut self, mistake: Mistake) {
        if self.scanned.mistakes.len() < MISTAKES_SHOWN {
            self.scanned.mistakes.push(mistake);
        }
    }

    /// What shells take for a comment.
    fn skip_comment(&mut self) {
        let begin = self.cursor.at;
        self.cursor.skip_line();
        let span = Span::from((begin, self.cursor.at - begin));
        self.scanned.habits.push((Habit::HashComment, span));
    }

    /// A statement at the start of a line that is indented no further than the one that opened its block, and begins with
    /// the same word, or one that stands outside of all blocks: between the two a brace is missing.
    fn look_at_indent(&mut self) {
        let (at, text) = (self.cursor.at, self.cursor.text);
        let indent = indent_before(text, at);
        let word = first_word(&text[at..]);
        if self.missing.contains(&at) {
            let open =
                { self.blocks.iter() }.rposition(|block| indent.is_some_and(|i| i <= block.indent));
            while open.is_some_and(|open| self.blocks.len() > open) {
                self.close_missing(Some(at));
            }
        } else if let Some(block) = self.blocks.last() {
            let is_outside = indent.is_some_and(|indent| indent <= block.indent)
                && (Some(word) == block.word || self.outermost.contains(word));
            if is_outside && self.suspicion.is_none() {
                self.suspicion = Some(at);
            }
        }
        if self.blocks.is_empty() {
            self.outermost.insert(word);
        }
    }

    /// Closes a block that no brace closes; `before` is where one was to stand.
    fn close_missing(&mut self, before: Option<usize>) {
        let Some(block) = self.blocks.pop() else {
            return;
        };
        let mut mistake = self.cursor.unclosed("a block", "}", block.brace, 1);
        if let Some(before) = before {
            let length = first_word(&self.cursor.text[before..]).len();
            mistake = mistake.at(
                Span::from((before, length)),
                "before this, as it is indented".into(),
            );
        }
        self.refuse(mistake);
        self.leave(block.word);
    }

    /// KDL 2 forbids these code points in its text ("disallowed literal code points"), escaped or not:
    /// a bidirectional override makes a line read as something else than it says.
    fn refuse_invisible(&mut self) {
        let shows = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r');
        if self.cursor.text.as_bytes().iter().all(shows) {
            return;
        }
        for (offset, character) in self.cursor.text.char_indices() {
            let marks_the_start = character == '\u{feff}' && offset == 0;
            if is_hidden(character) && !marks_the_start {
                let span = Span::from((offset, character.len_utf8()));
                self.scanned.has_invisible = true;
                self.refuse(invisible(character, span));
            }
        }
    }

    fn close_what_is_open(&mut self) {
        while !self.blocks.is_empty() {
            self.close_missing(None);
        }
    }

    /// A block that was open has been closed; its statement, where it has one, begins with this word.
    fn leave(&mut self, word: Option<&str>) {
        match self.taken_out {
            Some((_, depth)) if depth >= self.blocks.len() => self.taken_out = None,
            Some(_) => {}
            None if word.is_some() => self.scanned.events.push(Event::Close),
            None => {}
        }
    }

    /// One statement, up to its end or up to and with the brace that opens its block.
    fn statement(&mut self) -> Result<(), Mistake> {
        if self.cursor.rest().starts_with("/-") {
            self.take_out()?;
            self.cursor.skip_between()?;
        }
        let start = self.cursor.at;
        let mut end = start;
        loop {
            self.cursor.skip_within()?;
            match self.cursor.peek() {
                None | Some('\n' | '\r' | ';' | '}') => {
                    self.finish(start, end, Event::Statement { start, end });
                    return Ok(());
                }
                Some('{') => return self.open(start, end),
                Some('#') if self.is_comment() => self.skip_comment(),
                Some('[') if end > start => {
                    self.skip_brackets();
                    end = self.cursor.at;
                }
                Some('/') if self.cursor.rest().starts_with("/-") => {
                    let slashdash = self.cursor.at;
                    self.cursor.at += 2;
                    self.cursor.skip_between()?;
                    match self.cursor.peek() {
                        Some('{') => {
                            self.skip_block(slashdash)?;
                            // After a block, taken out or not, nothing but blocks may follow.
                            return self.after_taken_out_block(start, end);
                        }
                        Some('/') if self.cursor.rest().starts_with("/-") => {
                            return Err(nested_slashdash(self.cursor.at, slashdash));
                        }
                        _ => end = self.cursor.at,
                    }
                }
                Some(_) => {
                    self.word(start)?;
                    end = self.cursor.at;
                }
            }
        }
    }

    /// Whether a `#` here was to begin a comment: at a line's start, or behind white space.
    fn is_comment(&self) -> bool {
        let before = &self.cursor.text[..self.cursor.at];
        before.ends_with(char::is_whitespace) && begins_comment(self.cursor.rest())
    }

    /// One word. A text in quotes that is not closed on its line ends where it was meant to.
    fn word(&mut self, statement: usize) -> Result<(), Mistake> {
        let start = self.cursor.at;
        let text = self.cursor.text;
        let Err(mistake) = self.cursor.word() else {
            return Ok(());
        };
        let is_on_one_line = text[start..].starts_with('"') && !text[start..].starts_with("\"\"\"");
        if !is_on_one_line || self.mended.len() == MENDED_QUOTES {
            return Err(mistake);
        }
        let line = text[statement..start]
            .rfind('\n')
            .map_or(statement, |at| statement + at + 1);
        let line = self.mended.last().copied().unwrap_or(0).max(line);
        let open = swallowing(&text[line..start]).map_or(start, |at| line + at);
        self.cursor.at = open + unclosed(&text[open..]).whole;
        self.mended.push(self.cursor.at);
        Ok(())
    }

    /// A list as other languages write it, over the ends of lines; only its bracket where it is not closed.
    fn skip_brackets(&mut self) {
        let rest = self.cursor.rest();
        let mut near = rest.bytes().take(BRACKETS_LIMIT);
        let end = near.position(|byte| b"]{};".contains(&byte));
        self.cursor.at += match end {
            Some(end) if rest[end..].starts_with(']') => end + 1,
            _ => 1,
        };
    }

    /// What may follow `node /-{ … }`: more of the same, the real block, or the statement's end.
    fn after_taken_out_block(&mut self, start: usize, end: usize) -> Result<(), Mistake> {
        loop {
            self.cursor.skip_within()?;
            match self.cursor.peek() {
                Some('{') => return self.open(start, end),
                Some('/') if self.cursor.rest().starts_with("/-") => {
                    let slashdash = self.cursor.at;
                    self.cursor.at += 2;
                    self.cursor.skip_between()?;
                    if self.cursor.peek() != Some('{') {
                        return Err(self.after_block());
                    }
                    self.skip_block(slashdash)?;
                }
                None | Some('\n' | '\r' | ';' | '}') => {
                    self.finish(start, end, Event::Statement { start, end });
                    return Ok(());
                }
                Some(_) => return Err(self.after_block()),
            }
        }
    }

    fn finish(&mut self, start: usize, end: usize, event: Event) {
        if end == start {
            let nameless = self
                .cursor
                .syntax("a statement without a name", "a name was expected here");
            self.refuse(nameless);
        }
        self.skip_semicolon();
        if let Some((_, depth)) = self.taken_out {
            if depth == self.blocks.len() {
                self.taken_out = None;
            }
        } else if end > start {
            self.scanned.events.push(event);
        }
    }

    /// A `/-` before a statement: everything up to that statement's end is left out.
    fn take_out(&mut self) -> Result<(), Mistake> {
        let slashdash = self.cursor.at;
        if let Some((outer, _)) = self.taken_out {
            return Err(nested_slashdash(slashdash, outer));
        }
        self.cursor.at += 2;
        self.taken_out = Some((slashdash, self.blocks.len()));
        self.cursor.skip_between()?;
        if self.cursor.rest().starts_with("/-") {
            return Err(nested_slashdash(self.cursor.at, slashdash));
        }
        Ok(())
    }

    fn open(&mut self, start: usize, end: usize) -> Result<(), Mistake> {
        let has_statement = end > start;
        if !has_statement {
            self.refuse(not_kdl(
                "a block without a name",
                "a name was expected before this",
                Span::from((self.cursor.at, 1)),
                "is this JSON? Remove the braces around the whole: a block stands behind a statement, as in `person \"alice\" { … }`",
            ));
        }
        if self.blocks.len() == DEPTH_LIMIT {
            return Err(self.cursor.too_deep(self.cursor.at));
        }
        let text = self.cursor.text;
        self.blocks.push(Block {
            brace: self.cursor.at,
            word: has_statement.then(|| first_word(&text[start..])),
            indent: indent_of_line(text, start),
        });
        self.cursor.at += 1;
        if self.taken_out.is_none() && has_statement {
            self.scanned.events.push(Event::Open { start, end });
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Mistake> {
        let Some(block) = self.blocks.pop() else {
            self.refuse(mistake!(
                "parse::unmatched-brace",
                "a `}}` that closes nothing",
                at(Span::from((self.cursor.at, 1)), "no block is open here"),
                help("remove it, or add the `{{` that it was to close"),
            ));
            self.cursor.at += 1;
            return Ok(());
        };
        self.cursor.at += 1;
        self.leave(block.word);
        loop {
            self.cursor.skip_within()?;
            match self.cursor.peek() {
                None | Some('\n' | '\r' | ';' | '}') => {
                    self.skip_semicolon();
                    return Ok(());
                }
                Some('#') if self.is_comment() => self.skip_comment(),
                Some('/') if self.cursor.rest().starts_with("/-") => {
                    let slashdash = self.cursor.at;
                    self.cursor.at += 2;
                    self.cursor.skip_between()?;
                    if self.cursor.peek() != Some('{') {
                        return Err(self.after_block());
                    }
                    self.skip_block(slashdash)?;
                }
                Some(',') => {
                    let span = Span::from((self.cursor.at, 1));
                    self.scanned.habits.push((Habit::Comma, span));
                    self.cursor.at += 1;
                }
                Some(_) => {
                    // The next statement, as if it stood on a line of its own.
                    let more = self.after_block();
                    self.refuse(more);
                    return Ok(());
                }
            }
        }
    }

    /// The `;` that ends a statement; one that ends nothing is a mistake.
    fn skip_semicolon(&mut self) {
        if self.cursor.peek() == Some(';') {
            self.cursor.at += 1;
        }
    }

    /// From an opening brace that `/-` takes out to behind its closing one.
    fn skip_block(&mut self, slashdash: usize) -> Result<(), Mistake> {
        let mut open = Vec::new();
        loop {
            self.cursor.skip_between()?;
            match self.cursor.peek() {
                None => {
                    let brace = open.last().copied().unwrap_or(self.cursor.at);
                    return Err(self.cursor.unclosed("a block", "}", brace, 1));
                }
                Some('{') => {
                    if self.blocks.len() + open.len() >= DEPTH_LIMIT {
                        return Err(self.cursor.too_deep(self.cursor.at));
                    }
                    open.push(self.cursor.at);
                    self.cursor.at += 1;
                }
                Some('}') => {
                    open.pop();
                    self.cursor.at += 1;
                    if open.is_empty() {
                        return Ok(());
                    }
                }
                Some('/') if self.cursor.rest().starts_with("/-") => {
                    return Err(nested_slashdash(self.cursor.at, slashdash));
                }
                Some(_) => self.cursor.word()?,
            }
        }
    }

    fn after_block(&self) -> Mistake {
        let word = first_word(self.cursor.rest()).len().max(1);
        not_kdl(
            "a statement goes on after its block",
            "a new line or `;` was expected before this",
            Span::from((self.cursor.at, word.min(self.cursor.rest().len()))),
            "begin a new line here, or write `;` behind the `}`",
        )
    }
}

/// Texts that are closed where a quote is missing, at the most: each takes as long as its line.
const MENDED_QUOTES: usize = 64;

/// Bytes of a list in brackets, at the most.
const BRACKETS_LIMIT: usize = 1024;

/// The word that a text begins with.
fn first_word(text: &str) -> &str {
    let ends = |c: char| !(c.is_alphanumeric() || "-_".contains(c));
    &text[..text
        .find(ends)
        .unwrap_or(text.len())
        .min(text.floor_char_boundary(64))]
}

/// Bytes that a line is looked back over, at the most: what stands further in is indented far enough.
const INDENT_LIMIT: usize = 1024;

/// The start of the line in which `at` stands, or of what of it is looked at.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    let near = text.floor_char_boundary(at.saturating_sub(INDENT_LIMIT));
    text[near..at]
        .rfind('\n')
        .map_or(near, |end| near + end + 1)
}

/// How far the line in which `at` stands is indented.
fn indent_of_line(text: &str, at: usize) -> usize {
    let line = &text[line_start(text, at)..at];
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

/// How far `at` is indented, where nothing stands before it on its line.
fn indent_before(text: &str, at: usize) -> Option<usize> {
    let line = &text[line_start(text, at)..at];
    line.chars().all(char::is_whitespace).then_some(line.len())
}
