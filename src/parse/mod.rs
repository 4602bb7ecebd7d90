//! `homelab.kdl`, from text to declarations as they were written, each with its place.
//!
//! [`scan`] finds statements and blocks and refuses what would hurt the parser, [`plain`] and [`document`]
//! read each statement, [`declaration`] knows which nodes there are.

mod blocks;
mod cursor;
pub(crate) mod declaration;
pub(crate) mod deploy;
mod document;
mod encoding;
pub(crate) mod extras;
mod fields;
mod habit;
mod known;
pub(crate) mod messages;
mod plain;
mod reader;
mod scan;
mod service;
mod sign_in;
mod unread;

pub(crate) use declaration::Declaration;
pub(crate) use document::{Node, document};
pub(crate) use fields::Fields;
pub(crate) use known::Known;
pub(crate) use reader::Reader;
pub use scan::SIZE_LIMIT;
pub(crate) use unread::Unread;

use crate::diagnostic::{Mistake, Mistakes};
use crate::source::Source;

/// Takes a file's bytes as the source that diagnostics call `name`; they must not be too many. What is not UTF-8 is told when it is
/// read.
pub fn source(name: impl Into<String>, bytes: Vec<u8>) -> Result<Source, Mistakes> {
    let name = name.into();
    if let Err(mistake) = scan::refuse_large(bytes.len()) {
        return Err(Mistakes::new(&Source::new(name, ""), vec![mistake]));
    }
    Ok(match String::from_utf8(bytes) {
        Ok(text) => Source::new(name, text),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            match encoding::utf16(error.as_bytes()) {
                Some(text) => Source::misread(name, text, 0),
                None => Source::misread(name, encoding::windows_1252(error.as_bytes()), at),
            }
        }
    })
}

/// Reads a declaration as far as that can be done, and says everything that is wrong with how it is written. An error is what
/// keeps the rest from being read.
pub(crate) fn parse(source: &Source) -> Result<(Declaration, Vec<Mistake>), Mistakes> {
    let mut reader = Reader::default();
    if let Some(at) = source.misread_at() {
        reader.refuse(encoding::not_utf8(source.text(), at));
    }
    let Some(nodes) = reader.document(source) else {
        return Err(Mistakes::new(source, reader.into_mistakes(source)));
    };
    let declaration = reader.declaration(source.text(), nodes);
    Ok((declaration, reader.into_mistakes(source)))
}
