//! What can be wrong with a text before anybody asks what it means.

use miette::Diagnostic;
use thiserror::Error;

use crate::source::Span;

/// A mistake in how a declaration is written.
#[derive(Debug, Error, Diagnostic)]
pub enum Mistake {
    #[error("the declaration has more than {limit} bytes")]
    #[diagnostic(
        code("parse::too-large"),
        help("split out what is not a declaration: 1 MiB is room for more than 10,000 devices")
    )]
    TooLarge { limit: usize },

    #[error("the declaration has more than {limit} statements")]
    #[diagnostic(
        code("parse::too-many-statements"),
        help("see what fills it: 10,000 devices take a tenth of that")
    )]
    TooManyStatements { limit: usize },

    #[error("the declaration is not UTF-8 text")]
    #[diagnostic(
        code("parse::not-utf8"),
        help("save the file as UTF-8; the first byte that is not is number {offset}")
    )]
    NotUtf8 { offset: usize },

    #[error("an invisible character, U+{codepoint:04X}")]
    #[diagnostic(
        code("parse::invisible-character"),
        help(
            "remove it: text that looks different from what it says has no place in a declaration"
        )
    )]
    InvisibleCharacter {
        codepoint: u32,
        #[label("here, though it does not show")]
        span: Span,
    },

    #[error("nested more than {limit} deep")]
    #[diagnostic(
        code("parse::too-deep"),
        help("close the blocks or comments before; a declaration needs two levels")
    )]
    TooDeep {
        limit: usize,
        #[label("one level too many opens here")]
        span: Span,
    },

    #[error("a `/-` inside what another `/-` takes out")]
    #[diagnostic(
        code("parse::nested-slashdash"),
        help("remove the inner `/-`: the outer one already takes all of it out")
    )]
    NestedSlashdash {
        #[label("this one")]
        span: Span,
        #[label("is within what this takes out")]
        outer: Span,
    },

    // Neither of the two points into the text: what is shown would be as long as what is refused.
    #[error("the statement in line {line} has {size} bytes; {limit} are read at the most")]
    #[diagnostic(
        code("parse::statement-too-long"),
        help("say it in several: a group of 1,000 people fits")
    )]
    StatementTooLong {
        line: usize,
        size: usize,
        limit: usize,
    },

    #[error("line {line} has {size} bytes; {limit} are read at the most")]
    #[diagnostic(
        code("parse::line-too-long"),
        help("break it: a `\\` at the end of a line continues a statement in the next")
    )]
    LineTooLong {
        line: usize,
        size: usize,
        limit: usize,
    },

    #[error("{what} is never closed")]
    #[diagnostic(code("parse::unclosed"), help("add the closing `{closing}`"))]
    Unclosed {
        what: &'static str,
        closing: String,
        #[label("opens here")]
        span: Span,
    },

    #[error("a `}}` that closes nothing")]
    #[diagnostic(
        code("parse::unmatched-brace"),
        help("remove it, or add the `{{` that it was to close")
    )]
    UnmatchedBrace {
        #[label("no block is open here")]
        span: Span,
    },

    #[error("not KDL: {message}")]
    #[diagnostic(code("parse::syntax"))]
    Syntax {
        message: String,
        label: String,
        #[label("{label}")]
        span: Span,
        #[help]
        help: Option<String>,
    },

    #[error("unknown node `{name}` in {place}")]
    #[diagnostic(code("parse::unknown-node"))]
    UnknownNode {
        name: String,
        place: &'static str,
        #[label("not known here")]
        span: Span,
        #[help]
        help: String,
    },

    #[error("unknown property `{name}` on `{node}`")]
    #[diagnostic(code("parse::unknown-property"))]
    UnknownProperty {
        name: String,
        node: String,
        #[label("not known here")]
        span: Span,
        #[help]
        help: String,
    },

    #[error("`{node}` takes {takes}")]
    #[diagnostic(code("parse::unexpected-argument"))]
    UnexpectedArgument {
        node: String,
        takes: &'static str,
        #[label("one too many")]
        span: Span,
        #[help]
        help: Option<String>,
    },

    #[error("`{node}` lacks {what}")]
    #[diagnostic(code("parse::missing-argument"), help("write `{example}`"))]
    MissingArgument {
        node: String,
        what: &'static str,
        example: &'static str,
        #[label("{what} is missing")]
        span: Span,
    },

    #[error("expected {expected}, found {found}")]
    #[diagnostic(code("parse::wrong-type"))]
    WrongType {
        expected: &'static str,
        found: &'static str,
        #[label("this is {found}")]
        span: Span,
        #[help]
        help: Option<String>,
    },

    #[error("`{name}` is said twice")]
    #[diagnostic(code("parse::repeated-node"), help("keep one of the two"))]
    RepeatedNode {
        name: String,
        #[label("said again here")]
        span: Span,
        #[label("first said here")]
        first: Span,
    },

    #[error("property `{name}` is said twice")]
    #[diagnostic(
        code("parse::repeated-property"),
        help("keep one of the two: KDL would silently take the last")
    )]
    RepeatedProperty {
        name: String,
        #[label("said again here")]
        span: Span,
        #[label("first said here")]
        first: Span,
    },

    #[error("`{node}` has no block")]
    #[diagnostic(
        code("parse::unexpected-block"),
        help("remove the braces and what is in them")
    )]
    UnexpectedBlock {
        node: String,
        #[label("has one here")]
        span: Span,
    },

    #[error("a type annotation, `({annotation})`")]
    #[diagnostic(
        code("parse::type-annotation"),
        help("remove it: nothing here has types to choose from")
    )]
    TypeAnnotation {
        annotation: String,
        #[label("not known")]
        span: Span,
    },
}
