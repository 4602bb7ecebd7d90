//! Steps through a KDL 2 text: white space, comments, strings.

use super::habit::{is_unopened, word_length};
use crate::diagnostic::{Mistake, mistake};
use crate::source::Span;

/// Levels of braces, and of block comments.
pub(super) const DEPTH_LIMIT: usize = 32;

/// A place in a text.
pub(super) struct Cursor<'a> {
    pub text: &'a str,
    pub at: usize,
}

impl<'a> Cursor<'a> {
    /// The start of a text, behind its byte order mark if it has one.
    pub(super) fn at_the_start(text: &'a str) -> Cursor<'a> {
        let at = if text.starts_with('\u{feff}') { 3 } else { 0 };
        Cursor { text, at }
    }

    /// One string, raw string, run of plain characters, or one of any other.
    pub(super) fn word(&mut self) -> Result<(), Mistake> {
        let start = self.at;
        let hashes = run(self.rest(), |byte| byte == b'#');
        if !self.rest()[hashes..].starts_with('"') {
            self.bare_word(hashes);
            self.at += usize::from(is_unopened(&self.text[start..self.at], self.rest()));
            return Ok(());
        }
        let is_multi_line = self.rest()[hashes..].starts_with("\"\"\"");
        let quotes = if is_multi_line { "\"\"\"" } else { "\"" };
        let closing = format!("{quotes}{}", "#".repeat(hashes));
        self.at += hashes + quotes.len();
        // `""` is an empty string, not the start of one of three quotes.
        while !self.rest().starts_with(&closing) {
            match self.peek() {
                Some('\\') if hashes == 0 => {
                    self.at += 1;
                    self.at += self.peek().map_or(0, char::len_utf8);
                    self.skip_escaped_whitespace();
                }
                Some('\n' | '\r') if quotes.len() == 1 => {
                    return Err(self.unclosed("a string", &closing, start, hashes + 1));
                }
                Some(character) => {
                    self.at += character.len_utf8();
                    self.at += run(self.rest(), |b| !b"\"\\\n\r".contains(&b));
                }
                None => {
                    return Err(self.unclosed("a string", &closing, start, hashes + quotes.len()));
                }
            }
        }
        self.at += closing.len();
        Ok(())
    }

    /// A run of plain characters, or one of any other; or so many `#`.
    fn bare_word(&mut self, hashes: usize) {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let length = word_length(self.rest()).unwrap_or_else(|| run(self.rest(), is_plain));
        self.at += match (length, hashes) {
            (0, 0) => self.peek().map_or(0, char::len_utf8),
            (0, hashes) => hashes,
            (length, _) => length,
        };
    }

    /// A backslash in a string swallows all the white space behind it, line ends included.
    fn skip_escaped_whitespace(&mut self) {
        if !self.text[..self.at].ends_with(char::is_whitespace) {
            return;
        }
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += self.peek().map_or(0, char::len_utf8);
        }
    }

    /// White space, comments and line ends between statements.
    pub(super) fn skip_between(&mut self) -> Result<(), Mistake> {
        loop {
            match self.peek() {
                Some('\n' | '\r') => self.at += 1,
                Some('\\') => self.escaped_line_end()?,
                _ if self.skip_space_or_comment()? => {}
                _ => return Ok(()),
            }
        }
    }

    /// White space, comments and escaped line ends within a statement.
    pub(super) fn skip_within(&mut self) -> Result<(), Mistake> {
        loop {
            match self.peek() {
                Some('\\') => self.escaped_line_end()?,
                _ if self.skip_space_or_comment()? => {}
                _ => return Ok(()),
            }
        }
    }

    fn skip_space_or_comment(&mut self) -> Result<bool, Mistake> {
        let rest = self.rest();
        let plain = run(rest, |b| matches!(b, b' ' | b'\t'));
        if plain > 0 {
            self.at += plain;
        } else if let Some(space) = self
            .peek()
            .filter(|c| c.is_whitespace() && !matches!(c, '\n' | '\r'))
        {
            self.at += space.len_utf8();
        } else if rest.starts_with("//") {
            self.skip_line();
        } else if rest.starts_with("/*") {
            self.block_comment()?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// What is left of this line.
    pub(super) fn skip_line(&mut self) {
        let rest = self.rest();
        self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
    }

    fn block_comment(&mut self) -> Result<(), Mistake> {
        let mut open = Vec::new();
        loop {
            let rest = self.rest();
            if rest.starts_with("/*") {
                if open.len() == DEPTH_LIMIT {
                    return Err(self.too_deep(self.at));
                }
                open.push(self.at);
                self.at += 2;
            } else if rest.starts_with("*/") {
                open.pop();
                self.at += 2;
                if open.is_empty() {
                    return Ok(());
                }
            } else if let Some(character) = self.peek() {
                self.at += character.len_utf8();
            } else {
                let opening = open.last().copied().unwrap_or(self.at);
                return Err(self.unclosed("a comment", "*/", opening, 2));
            }
        }
    }

    /// `\` at a line's end: the statement goes on in the next line.
    fn escaped_line_end(&mut self) -> Result<(), Mistake> {
        let backslash = self.at;
        self.at += 1;
        while self.skip_space_or_comment()? {}
        match self.peek() {
            Some('\r') if self.rest().starts_with("\r\n") => self.at += 2,
            Some('\n' | '\r') => self.at += 1,
            None => {}
            Some(_) => {
                return Err(not_kdl(
                    "a `\\` that is not at the end of its line",
                    "here",
                    Span::from((backslash, 1)),
                    "remove it, or quote the text that it belongs to",
                ));
            }
        }
        Ok(())
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn syntax(&self, message: &str, label: &str) -> Mistake {
        let length = self.peek().map_or(0, char::len_utf8);
        not_kdl(
            message,
            label,
            Span::from((self.at, length)),
            "a statement is a name, then its values, then perhaps a block; a new line or `;` ends it",
        )
    }

    pub(super) fn too_deep(&self, at: usize) -> Mistake {
        mistake!(
            "parse::too-deep",
            "nested more than {DEPTH_LIMIT} deep",
            at(Span::from((at, 1)), "one level too many opens here"),
            help("close the blocks or comments before; a declaration needs four levels"),
        )
    }

    pub(super) fn unclosed(&self, what: &str, closing: &str, at: usize, length: usize) -> Mistake {
        mistake!(
            "parse::unclosed",
            "{what} is never closed",
            at(Span::from((at, length)), "opens here"),
            help("add the closing `{closing}`"),
        )
    }
}

/// How many bytes at the start of a text are such as these; it takes or refuses all that are not ASCII.
fn run(text: &str, is_such: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|byte| is_such(*byte)).count()
}

/// What the grammar of KDL does not have.
pub(super) fn not_kdl(message: &str, label: &str, span: Span, help: &str) -> Mistake {
    mistake!(
        "parse::syntax",
        "not KDL: {message}",
        at(span, "{label}"),
        help("{help}"),
    )
}
