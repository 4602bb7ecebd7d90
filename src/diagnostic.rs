//! Mistakes in a source: many at once, each with a code, a place, a label and a help.
//!
//! Each phase has an enum of its own mistakes ([`crate::parse::Mistake`], [`crate::resolve::Mistake`]):
//! a kind with typed fields, whose message, code and labels stand beside the variant. This room only
//! gathers them.

use miette::Diagnostic;

use crate::source::{Source, Span};

/// All the mistakes that a phase found in one source, in the order of their places.
#[derive(Debug)]
pub struct Mistakes {
    source: Source,
    mistakes: Vec<Box<dyn Diagnostic + Send + Sync>>,
    untold: usize,
}

/// Mistakes that are told in one run; more would only be scrolled past.
const TOLD: usize = 100;

/// What stands behind the mistakes that are told, where there are more.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("and {untold} more")]
#[diagnostic(help("mend these first"))]
struct Untold {
    untold: usize,
}

impl Mistakes {
    /// Gathers what a phase found in `source`; there is at least one.
    pub fn new<M>(source: &Source, mut mistakes: Vec<M>) -> Mistakes
    where
        M: Diagnostic + Send + Sync + 'static,
    {
        debug_assert!(!mistakes.is_empty(), "no mistakes is success");
        mistakes.sort_by_key(first_offset);
        let untold = mistakes.len().saturating_sub(TOLD);
        mistakes.truncate(TOLD);
        Mistakes {
            untold,
            source: source.clone(),
            mistakes: mistakes.into_iter().map(|m| Box::new(m) as _).collect(),
        }
    }

    /// The reports to draw, one per mistake, each with the source it points into.
    pub fn into_reports(self) -> impl Iterator<Item = miette::Report> {
        let source = self.source.to_named();
        let untold = self.untold;
        let more = (untold > 0).then(|| miette::Report::new(Untold { untold }));
        self.mistakes
            .into_iter()
            .map(move |mistake| miette::Report::new_boxed(mistake).with_source_code(source.clone()))
            .chain(more)
    }

    /// The mistakes' codes, such as `resolve::unknown-person`.
    pub fn codes(&self) -> Vec<String> {
        self.mistakes
            .iter()
            .filter_map(|mistake| mistake.code().map(|code| code.to_string()))
            .collect()
    }
}

/// Where a mistake points first; one without a place comes before all others.
fn first_offset<M: Diagnostic>(mistake: &M) -> usize {
    mistake
        .labels()
        .and_then(|labels| labels.map(|label| label.offset()).min())
        .unwrap_or(0)
}

/// The word of `known` that a misspelt `word` was probably meant to be.
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .filter_map(|candidate| Some((distance(word, candidate)?, candidate)))
        .min()
        .map(|(_, candidate)| candidate)
}

/// How far a word is from one that is known; none where it is another word. Each part of a path is a word: `alice/nope` is
/// not nearly `alice/iphone`.
fn distance(word: &str, candidate: &str) -> Option<usize> {
    let (word, candidate) = (word.split('/'), candidate.split('/'));
    let parts: Vec<(&str, &str)> = word.clone().zip(candidate.clone()).collect();
    let distance = |(word, candidate): &(&str, &str)| {
        let distance = strsim::damerau_levenshtein(word, candidate);
        // A third of the word may be wrong: `andriod` is android, `foo` is nothing.
        (distance * 3 <= candidate.len().max(word.len())).then_some(distance)
    };
    match word.count() == candidate.count() {
        true => parts.iter().map(distance).sum(),
        false => None,
    }
}

/// Words that are listed, at the most.
const LISTED: usize = 30;

/// The help for an unknown word: what was probably meant, or all that is known.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(candidate) = closest(word, known.clone()) {
        return format!("did you mean `{candidate}`?");
    }
    let known: Vec<String> = known.into_iter().map(|word| format!("`{word}`")).collect();
    match known.as_slice() {
        [] => String::from("none is declared"),
        [only] => format!("{only} is the only one"),
        [..] if known.len() > LISTED => format!(
            "it is one of {} and {} more",
            known[..LISTED].join(", "),
            known.len() - LISTED
        ),
        [..] => format!("it is one of {}", known.join(", ")),
    }
}

/// An empty place, for mistakes about what is absent.
pub fn start() -> Span {
    Span::from((0, 0))
}
