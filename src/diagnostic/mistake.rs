//! One mistake, and the macro that makes it.

use std::fmt::{self, Display, Formatter};

use miette::{Diagnostic, LabeledSpan, SourceCode};

use crate::source::{Source, Span};

/// Something that is wrong: what, where, and what to do about it.
#[derive(Debug)]
pub struct Mistake {
    code: &'static str,
    message: String,
    labels: Vec<LabeledSpan>,
    help: Option<String>,
    /// The text that it points into, where it does not come with others of the same.
    source: Option<Box<Source>>,
}

/// Makes a [`Mistake`] where the rule stands: its code `<phase>::<slug>`, its message, the places with what is
/// said of each, and what to do. All are formatted as by `format!`; a help may also be an expression: a
/// text, or perhaps one.
///
/// Each code stands in one place of the sources; `tests/diagnostics.rs` reads them there, and wants a fixture for each.
macro_rules! mistake {
    ($code:literal, $message:literal $(, at($span:expr, $label:literal))* $(, help($($help:tt)+))? $(,)?) => {
        $crate::diagnostic::Mistake::new($code, format!($message))
            $(.at($span, format!($label)))*
            $(.help($crate::diagnostic::mistake!(@help $($help)+)))?
    };
    (@help $help:literal $(,)?) => { format!($help) };
    (@help $help:expr $(,)?) => { $help };
}
pub(crate) use mistake;

/// Bytes of a text that is said, at the most: a user's word in it may be as long as a file.
const SAID: usize = 4096;
/// Bytes of a place that is shown, at the most: a statement may be as long as a file.
const SHOWN: usize = 256;

impl Mistake {
    /// For `mistake!` alone, so that every code is found by it.
    pub(crate) fn new(code: &'static str, message: String) -> Mistake {
        Mistake {
            code,
            message: bounded(message),
            labels: Vec::new(),
            help: None,
            source: None,
        }
    }

    pub(crate) fn at(mut self, span: Span, label: String) -> Mistake {
        let label = LabeledSpan::new_with_span(Some(bounded(label)), span);
        self.labels.push(label);
        self
    }

    pub(crate) fn help(self, help: impl Into<Option<String>>) -> Mistake {
        let help = help.into().map(bounded);
        Mistake { help, ..self }
    }

    /// The same, with the text that it points into.
    pub(crate) fn within(mut self, source: &Source) -> Mistake {
        self.shorten(source);
        let source = Some(Box::new(source.clone()));
        Mistake { source, ..self }
    }

    /// Of places in that text that are too long to be shown, keeps the start.
    pub(super) fn shorten(&mut self, source: &Source) {
        for label in self.labels.iter_mut().filter(|label| label.len() > SHOWN) {
            let start = label.offset();
            let end = source.text().floor_char_boundary(start + SHOWN);
            let words = label.label().map(str::to_owned);
            *label = LabeledSpan::new_with_span(words, (start, end.saturating_sub(start)));
        }
    }

    /// Its code, such as `resolve::unknown-person`.
    pub fn slug(&self) -> &'static str {
        self.code
    }

    /// Where it points, at the first place that it names.
    pub fn place(&self) -> Option<Span> {
        self.labels.first().map(|label| *label.inner())
    }

    /// Where it points first; one without a place comes before all others.
    pub(crate) fn offset(&self) -> usize {
        let offsets = self.labels.iter().map(LabeledSpan::offset);
        offsets.min().unwrap_or(0)
    }
}

/// A text, or its start and its end.
fn bounded(text: String) -> String {
    if text.len() <= SAID {
        return text;
    }
    let start = text.floor_char_boundary(SAID / 2);
    let end = text.ceil_char_boundary(text.len() - SAID / 2);
    format!("{} … {}", &text[..start], &text[end..])
}

impl Display for Mistake {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mistake {}

impl Diagnostic for Mistake {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        let help = self.help.as_deref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        let source = self.source.as_deref()?;
        Some(source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        // Of a mistake without a place nothing is drawn, not even the source's name.
        (!self.labels.is_empty()).then(|| Box::new(self.labels.iter().cloned()) as _)
    }
}
