//! `homelab.kdl`, from text to declarations as they were written, each with its place.
//!
//! [`scan`] finds statements and blocks and refuses what would hurt the parser, [`document`] reads
//! each statement with the `kdl` crate, [`declaration`] knows which nodes there are.

pub mod catalogue;
mod cursor;
pub mod declaration;
mod document;
mod fields;
mod known;
pub mod messages;
mod mistake;
mod scan;
mod service;

pub use crate::source::is_invisible;
pub use declaration::Declaration;
pub use mistake::Mistake;
pub use scan::SIZE_LIMIT;

use crate::diagnostic::Mistakes;
use crate::source::Source;

/// Takes a file's bytes as the source that diagnostics call `name`; they must be UTF-8 and not too many.
pub fn source(name: impl Into<String>, bytes: Vec<u8>) -> Result<Source, Mistakes> {
    let name = name.into();
    let size = bytes.len();
    let mistake = match String::from_utf8(bytes) {
        _ if size > SIZE_LIMIT => Mistake::TooLarge { limit: SIZE_LIMIT },
        Ok(text) => return Ok(Source::new(name, text)),
        Err(error) => Mistake::NotUtf8 {
            offset: error.utf8_error().valid_up_to(),
        },
    };
    Err(Mistakes::new(&Source::new(name, ""), vec![mistake]))
}

/// Reads a declaration, or says everything that is wrong with how it is written.
pub fn parse(source: &Source) -> Result<Declaration, Mistakes> {
    let nodes = document::document(source).map_err(|found| Mistakes::new(source, found))?;
    let mut mistakes = Vec::new();
    let declaration = declaration::declaration(&nodes, &mut mistakes);
    if mistakes.is_empty() {
        Ok(declaration)
    } else {
        Err(Mistakes::new(source, mistakes))
    }
}
