//! Diagnostics for a terminal: what does not show, or moves the cursor, stands as its number.
//!
//! A declaration may come from anybody's pull request. Drawn as it is, an ESC in a line of it could hide what the line says,
//! and a mark of direction could turn it round.

use std::fmt;

use miette::{Diagnostic, LabeledSpan, Report, Severity, SourceCode, SourceSpan};

use crate::source::{Source, is_invisible};

/// A diagnostic with its words and its source made visible.
#[derive(Debug)]
pub(crate) struct Shown {
    message: String,
    code: Option<String>,
    help: Option<String>,
    severity: Option<Severity>,
    source: Option<Source>,
    labels: Vec<LabeledSpan>,
    cause: Option<Box<Cause>>,
}

/// What an error comes from, in words.
#[derive(Debug)]
struct Cause {
    message: String,
    cause: Option<Box<Cause>>,
}

impl Shown {
    /// The diagnostic as it is to be drawn; none where it can be as it is.
    pub(crate) fn of(report: &Report) -> Option<Shown> {
        let labels: Vec<LabeledSpan> = report.labels().into_iter().flatten().collect();
        let help = report.help().map(|help| help.to_string());
        let causes: Vec<String> = report.chain().map(|cause| cause.to_string()).collect();
        let said = labels.iter().filter_map(LabeledSpan::label);
        let words = causes
            .iter()
            .map(String::as_str)
            .chain(help.as_deref())
            .chain(said);
        let are_plain = { words }.all(|text| text == visible(text));
        if are_plain
            && report
                .source_code()
                .is_none_or(|source| is_plain(source, &labels))
        {
            return None;
        }
        let text = report.source_code().and_then(whole);
        let source = text.as_ref().map(|(_, text)| text.as_str());
        let (message, causes) = causes.split_first()?;
        Some(Shown {
            message: visible(message),
            code: report.code().map(|code| code.to_string()),
            help: help.as_deref().map(visible),
            severity: report.severity(),
            labels: labels
                .iter()
                .map(|label| moved(label, source.unwrap_or_default()))
                .collect(),
            source: text.map(|(name, text)| Source::new(visible(&name), visible(&text))),
            cause: causes.iter().rev().fold(None, |cause, message| {
                let message = visible(message);
                Some(Box::new(Cause { message, cause }))
            }),
        })
    }
}

/// Whether a source can be drawn as it is: its name, and the lines that labels stand in with one before and one behind, those of
/// several labels together where miette can draw them together. All of a text is not looked at for that, which would take as long
/// as the text is, for each diagnostic.
fn is_plain(source: &dyn SourceCode, labels: &[LabeledSpan]) -> bool {
    let mut places: Vec<_> = { labels.iter() }
        .map(|label| (label.offset(), label.offset() + label.len()))
        .collect();
    places.sort();
    let runs =
        (0..places.len()).flat_map(|first| (first + 1..=places.len()).map(move |end| (first, end)));
    let is_plain = |run: &[(usize, usize)]| {
        let start = run.first().map_or(0, |(start, _)| *start);
        let end = run.iter().map(|(_, end)| *end).max().unwrap_or(start);
        match source.read_span(&SourceSpan::from((start, end - start)), 1, 1) {
            // Too far from each other, they are drawn apart.
            Err(_) => run.len() > 1,
            Ok(drawn) => {
                let name = drawn.name().unwrap_or_default();
                let text = str::from_utf8(drawn.data());
                name == visible(name) && text.is_ok_and(|text| text == visible(text))
            }
        }
    };
    { runs }.all(|(first, end)| is_plain(&places[first..end]))
}

/// A source's name and all of its text.
fn whole(source: &dyn SourceCode) -> Option<(String, String)> {
    let start = SourceSpan::from((0, 0));
    let contents = source.read_span(&start, 0, usize::MAX / 2).ok()?;
    let text = str::from_utf8(contents.data()).ok()?;
    Some((
        contents.name().unwrap_or_default().to_owned(),
        text.to_owned(),
    ))
}

/// A text whose lines end where they did, and in which all else is seen.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let ends_line = character == '\r' && characters.peek() == Some(&'\n');
        if ends_line || matches!(character, '\n' | '\t') || !is_invisible(character) {
            shown.push(character)
        } else {
            shown.extend(character.escape_unicode())
        }
    }
    shown
}

/// A label where its place is in the visible text.
fn moved(label: &LabeledSpan, text: &str) -> LabeledSpan {
    let end = label.offset() + label.len();
    let (Some(before), Some(within)) = (text.get(..label.offset()), text.get(label.offset()..end))
    else {
        return label.clone();
    };
    let span = SourceSpan::from((visible(before).len(), visible(within).len()));
    let words = label.label().map(visible);
    if label.primary() {
        LabeledSpan::new_primary_with_span(words, span)
    } else {
        LabeledSpan::new_with_span(words, span)
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

impl Diagnostic for Shown {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.code.as_ref().map(|code| Box::new(code) as _)
    }

    fn severity(&self) -> Option<Severity> {
        self.severity
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as _)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as _)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}
