//! A text that diagnostics point into, and the places in it.

use std::borrow::Cow;
use std::sync::Arc;

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

/// Bytes of a [`Source`]: an offset and a length.
pub(crate) type Span = SourceSpan;

/// The offset behind a span.
pub(crate) fn end_of(span: Span) -> usize {
    span.offset() + span.len()
}

/// A named text, such as `homelab.kdl`.
#[derive(Debug, Clone)]
pub struct Source {
    name: String,
    /// Not `Arc<str>`, for which a text that was read would be copied.
    text: Arc<String>,
    /// Where in the text a byte stood that is not UTF-8.
    misread: Option<usize>,
}

impl Source {
    /// A text under the name that diagnostics show.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Source {
        Source {
            name: name.into(),
            text: Arc::new(text.into()),
            misread: None,
        }
    }

    /// A text whose bytes were not UTF-8, from this place in it on; it is what they would say in another encoding.
    pub(crate) fn misread(name: impl Into<String>, text: String, at: usize) -> Source {
        let misread = Some(at);
        Source {
            misread,
            ..Source::new(name, text)
        }
    }

    /// Where it was not UTF-8.
    pub(crate) fn misread_at(&self) -> Option<usize> {
        self.misread
    }

    /// What diagnostics call this text, usually its path.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Bytes from the first to the last of several places that are drawn together; beyond it each is drawn by itself.
const DRAWN: usize = 4096;
/// Bytes from a place to the ends of the lines around it, up to which these are drawn whole.
const BESIDE: usize = 512;
/// Bytes that are drawn on either side of a place where it would be more.
const OF_A_LONG_LINE: usize = 80;

/// What a diagnostic draws from it: the lines of a place and those around it. Of a line that is very long it is what stands
/// beside the place, and places far from each other are drawn apart.
impl SourceCode for Source {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        context_lines_before: usize,
        context_lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let text: &str = &self.text;
        let lines = text.read_span(span, context_lines_before, context_lines_after)?;
        let (mut from, mut line, mut column) =
            (lines.span().offset(), lines.line(), lines.column());
        let mut until = from + lines.span().len();
        if context_lines_before > 0 {
            if span.len() > DRAWN {
                return Err(MietteError::OutOfBounds);
            }
            let (start, end) = (span.offset(), end_of(*span));
            if start - from > BESIDE {
                let cut = text.floor_char_boundary(start - OF_A_LONG_LINE);
                let skipped = &text[from..cut];
                line += skipped.matches('\n').count();
                column = match skipped.rfind('\n') {
                    Some(at) => skipped.len() - at - 1,
                    None => column + skipped.len(),
                };
                from = cut;
            }
            if until.saturating_sub(end) > BESIDE {
                until = text.ceil_char_boundary(end + OF_A_LONG_LINE);
            }
        }
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            &text.as_bytes()[from..until],
            SourceSpan::from((from, until - from)),
            line,
            column,
            lines.line_count(),
        )))
    }
}

/// A value and where it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spanned<T> {
    pub value: T,
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Joins a value to its place.
    pub fn new(value: T, span: Span) -> Spanned<T> {
        Spanned { value, span }
    }

    /// The same place with a reference to the value.
    pub fn as_ref(&self) -> Spanned<&T> {
        Spanned::new(&self.value, self.span)
    }
}

/// A text file of ours as homelab writes it, where git or an editor has written it in another form: without a byte-order
/// mark, and with line feeds alone. Nothing else is forgiven; a carriage return by itself is none of a line's ends.
pub(crate) fn normal_form(text: &[u8]) -> Cow<'_, [u8]> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    // One byte is looked for much faster than two, and hardly any text has it.
    if !text.contains(&b'\r') || !text.windows(2).any(|pair| pair == b"\r\n") {
        return Cow::Borrowed(text);
    }
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let lines = lines.flat_map(|line| match line.strip_suffix(b"\r\n") {
        Some(content) => [content, b"\n"],
        None => [line, b""],
    });
    Cow::Owned(lines.flatten().copied().collect())
}

/// The same of a text that nobody else needs: hardly any has to be copied.
pub(crate) fn into_normal_form(text: Vec<u8>) -> Vec<u8> {
    match normal_form(&text) {
        Cow::Borrowed(normal) if normal.len() == text.len() => {}
        normal => return normal.into_owned(),
    }
    text
}

/// Whether a character does not show, or changes how its neighbours show.
pub(crate) fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00ad}' | '\u{061c}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// A text of somebody else's for a terminal or a page: what does not show stands as its number.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_invisible(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_marks_and_ends_of_lines_are_forgiven() {
        for (written, read) in [
            ("a\nb\n", "a\nb\n"),
            ("\u{feff}a\r\nb\r\n", "a\nb\n"),
            ("\u{feff}a\n", "a\n"),
            ("a\r\nb\n", "a\nb\n"),
            ("a\rb\r", "a\rb\r"),
            ("a\r\r\n", "a\r\n"),
            ("a\u{feff}\r\n\u{feff}", "a\u{feff}\n\u{feff}"),
            ("\r\n", "\n"),
            ("", ""),
        ] {
            assert_eq!(
                normal_form(written.as_bytes()),
                read.as_bytes(),
                "{written:?}"
            );
            let owned = into_normal_form(written.as_bytes().to_vec());
            assert_eq!(owned, read.as_bytes(), "{written:?}");
        }
    }
}
