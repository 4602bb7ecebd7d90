//! Why a template could not be read or rendered.

use miette::Diagnostic;
use minijinja::{Error, ErrorKind};

use super::check;
use crate::diagnostic::{Mistake, mistake};
use crate::source::Span;

/// What minijinja says of a template; `asked` is the one that was to be rendered.
pub(super) fn by(asked: &str, error: &Error) -> Mistake {
    // Where one template stops within another, the innermost names it.
    let mut innermost = error;
    while let Some(cause) = std::error::Error::source(innermost).and_then(|e| e.downcast_ref()) {
        innermost = cause;
    }
    let is_without_end = innermost.kind() == ErrorKind::OutOfFuel
        || innermost
            .detail()
            .is_some_and(|detail| detail.contains("recursion"));
    let help = if is_without_end {
        Some(
            "it goes on without end, or calls itself, or makes far more text than it is given: see its loops, macros, includes and numbers",
        )
    } else if error.kind() == ErrorKind::UndefinedError {
        Some("the built-in template of the same name shows which values there are")
    } else {
        None
    };
    let message = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    let name = error.name().unwrap_or(asked);
    let wrong = cannot_be_used(name, &message, help.map(String::from));
    let Some(text) = error.template_source() else {
        return wrong;
    };
    let place = error.range().map(Span::from);
    here(wrong, place).within(&check::source(name, text))
}

/// What is wrong with how a file of messages is written.
pub(super) fn file(name: &str, text: &str, first: &Mistake) -> Mistake {
    let help = first.help().map(|help| help.to_string());
    let wrong = cannot_be_used(name, &first.to_string(), help);
    here(wrong, first.place()).within(&check::source(name, text))
}

/// An import at that place that is not called by a name.
pub(super) fn import(name: &str, text: &str, place: Span) -> Mistake {
    let help = "write `{% import \"…\" as name %}`";
    let wrong = cannot_be_used(name, "an import is called by a name", Some(help.into()));
    here(wrong, Some(place)).within(&check::source(name, text))
}

fn here(wrong: Mistake, place: Option<Span>) -> Mistake {
    match place {
        Some(place) => wrong.at(place, "here".into()),
        None => wrong,
    }
}

fn cannot_be_used(name: &str, message: &str, help: Option<String>) -> Mistake {
    mistake!(
        "template::broken",
        "the template `{name}` cannot be used: {message}",
        help(help),
    )
}
