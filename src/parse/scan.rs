//! The structure of a KDL 2 text: which statements it has, and which block each stands in.
//!
//! This runs before the `kdl` crate sees a byte, and hands it one statement at a time, without its
//! block. The crate's own walk over a whole document is not safe on a hostile one: nested `/-{`
//! doubles its time per level (112 bytes take 3 s), stacked `/-` take cubic time, and it recurses
//! once per level of nesting *and* once per mistake, so 80 KB of `b =` lines overflow the stack and
//! abort. This scan is linear and keeps its state on the heap; what the crate is given at once is bounded.
//!
//! Follows the grammar of KDL 2.0.0 for strings, raw strings, comments, escaped line ends and `/-`.

use super::cursor::{Cursor, DEPTH_LIMIT};
use crate::diagnostic::{Mistake, mistake};
use crate::source::{Span, is_invisible};

/// Bytes of a whole declaration: 10,000 people, each with two devices and all that can be said of both, take half of it.
pub const SIZE_LIMIT: usize = 4 << 20;
/// Statements of a declaration, and ends of blocks: 10,000 people with two devices each take a third of it.
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

/// Splits `text` into statements and blocks; what `/-` takes out is left out.
pub(super) fn scan(text: &str) -> Result<Vec<Event>, Mistake> {
    refuse_large(text.len())?;
    refuse_invisible(text)?;
    let mut scanner = Scanner {
        cursor: Cursor::at_the_start(text),
        blocks: Vec::new(),
        taken_out: None,
        events: Vec::new(),
    };
    scanner.run()?;
    Ok(scanner.events)
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

/// KDL 2 forbids these code points in its text ("disallowed literal code points"), escaped or not:
/// a bidirectional override makes a line read as something else than it says.
fn refuse_invisible(text: &str) -> Result<(), Mistake> {
    for (offset, character) in text.char_indices() {
        let marks_the_start = character == '\u{feff}' && offset == 0;
        let is_layout = matches!(character, '\t' | '\n' | '\r');
        if is_invisible(character) && !is_layout && !marks_the_start {
            let span = Span::from((offset, character.len_utf8()));
            return Err(invisible(character, span));
        }
    }
    Ok(())
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
    /// Where each open block's brace stands.
    blocks: Vec<usize>,
    /// The innermost `/-` whose statement or block is being left out: where it stands, and how many
    /// blocks were open before it.
    taken_out: Option<(usize, usize)>,
    events: Vec<Event>,
}

impl Scanner<'_> {
    fn run(&mut self) -> Result<(), Mistake> {
        loop {
            self.cursor.skip_between()?;
            match self.cursor.peek() {
                None => break,
                Some('}') => self.close()?,
                Some(_) => self.statement()?,
            }
            if self.events.len() > STATEMENTS_LIMIT {
                return Err(mistake!(
                    "parse::too-many-statements",
                    "the declaration has more than {STATEMENTS_LIMIT} statements",
                    help(
                        "see what fills it: 10,000 people with two devices each take a third of that"
                    ),
                ));
            }
        }
        match self.blocks.last() {
            Some(&brace) => Err(self.cursor.unclosed("a block", "}", brace, 1)),
            None => Ok(()),
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
                    return self.finish(start, end, Event::Statement { start, end });
                }
                Some('{') => return self.open(start, end),
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
                    self.cursor.word()?;
                    end = self.cursor.at;
                }
            }
        }
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
                    return self.finish(start, end, Event::Statement { start, end });
                }
                Some(_) => return Err(self.after_block()),
            }
        }
    }

    fn finish(&mut self, start: usize, end: usize, event: Event) -> Result<(), Mistake> {
        if end == start {
            return Err(self
                .cursor
                .syntax("a statement without a name", "a name was expected here"));
        }
        self.skip_semicolon();
        if let Some((_, depth)) = self.taken_out {
            if depth == self.blocks.len() {
                self.taken_out = None;
            }
        } else {
            self.events.push(event);
        }
        Ok(())
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
        if end == start {
            return Err(self
                .cursor
                .syntax("a block without a name", "a name was expected before this"));
        }
        if self.blocks.len() == DEPTH_LIMIT {
            return Err(self.cursor.too_deep(self.cursor.at));
        }
        self.blocks.push(self.cursor.at);
        self.cursor.at += 1;
        if self.taken_out.is_none() {
            self.events.push(Event::Open { start, end });
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Mistake> {
        if self.blocks.pop().is_none() {
            return Err(mistake!(
                "parse::unmatched-brace",
                "a `}}` that closes nothing",
                at(Span::from((self.cursor.at, 1)), "no block is open here"),
                help("remove it, or add the `{{` that it was to close"),
            ));
        }
        self.cursor.at += 1;
        match self.taken_out {
            Some((_, depth)) if depth == self.blocks.len() => self.taken_out = None,
            Some(_) => {}
            None => self.events.push(Event::Close),
        }
        loop {
            self.cursor.skip_within()?;
            match self.cursor.peek() {
                None | Some('\n' | '\r' | ';' | '}') => {
                    self.skip_semicolon();
                    return Ok(());
                }
                Some('/') if self.cursor.rest().starts_with("/-") => {
                    let slashdash = self.cursor.at;
                    self.cursor.at += 2;
                    self.cursor.skip_between()?;
                    if self.cursor.peek() != Some('{') {
                        return Err(self.after_block());
                    }
                    self.skip_block(slashdash)?;
                }
                Some(_) => return Err(self.after_block()),
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
        self.cursor.syntax(
            "a statement goes on after its block",
            "a new line or `;` was expected here",
        )
    }
}
