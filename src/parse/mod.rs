//! `homelab.kdl`, from text to declarations as they were written, each with its place.
//!
//! [`scan`] finds statements and blocks and refuses what would hurt the parser, [`document`] reads
//! each statement with the `kdl` crate, [`declaration`] knows which nodes there are.

mod cursor;
pub(crate) mod declaration;
mod document;
pub(crate) mod extras;
mod fields;
mod known;
pub(crate) mod messages;
mod plain;
mod reader;
mod scan;
mod service;

pub(crate) use declaration::Declaration;
pub(crate) use document::{Node, document};
pub(crate) use fields::Fields;
pub(crate) use known::Known;
pub(crate) use reader::Reader;
pub use scan::SIZE_LIMIT;

use crate::diagnostic::{Mistakes, mistake};
use crate::source::Source;

/// Takes a file's bytes as the source that diagnostics call `name`; they must be UTF-8 and not too many.
pub fn source(name: impl Into<String>, bytes: Vec<u8>) -> Result<Source, Mistakes> {
    let name = name.into();
    let text = scan::refuse_large(bytes.len()).and_then(|()| {
        String::from_utf8(bytes).map_err(|error| {
            let offset = error.utf8_error().valid_up_to();
            mistake!(
                "parse::not-utf8",
                "the declaration is not UTF-8 text",
                help("save the file as UTF-8; the first byte that is not is number {offset}"),
            )
        })
    });
    match text {
        Ok(text) => Ok(Source::new(name, text)),
        Err(mistake) => Err(Mistakes::new(&Source::new(name, ""), vec![mistake])),
    }
}

/// Reads a declaration, or says everything that is wrong with how it is written.
pub(crate) fn parse(source: &Source) -> Result<Declaration, Mistakes> {
    let nodes = document(source)?;
    let mut reader = Reader::default();
    let declaration = reader.declaration(&nodes);
    reader.finish(source, declaration)
}
