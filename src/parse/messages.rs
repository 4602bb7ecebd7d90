//! A file of messages: what guides say, in one language.

use std::collections::BTreeMap;

use super::document::document;
use super::reader::Reader;
use crate::diagnostic::Mistakes;
use crate::source::{Source, Span, Spanned};

/// The messages of one file.
#[derive(Debug, Default)]
pub struct MessageFile {
    /// `right-to-left`: the language is written so.
    pub right_to_left: bool,
    pub messages: BTreeMap<String, Spanned<String>>,
    /// What the catalogue of apps says, by its English words.
    pub notes: BTreeMap<String, Spanned<String>>,
}

/// Reads a file of messages: `greeting "Hallo {name}"`, and `note "English" "Deutsch"` for what
/// the catalogue of apps says.
pub fn messages(source: &Source) -> Result<MessageFile, Mistakes> {
    let nodes = document(source)?;
    let mut file = MessageFile::default();
    let mut firsts: BTreeMap<&str, Span> = BTreeMap::new();
    let mut reader = Reader::default();
    for node in &nodes {
        let key = node.name.value.as_str();
        let mut repeated = None;
        if key != "note" {
            repeated = firsts.insert(key, node.name.span);
        }
        let mut fields = reader.fields(node);
        match key {
            "right-to-left" => {
                file.right_to_left = true;
                fields.finish("nothing");
            }
            "note" => {
                let example = "note \"English\" \"Deutsch\"";
                let english = fields.text("what the catalogue says", example);
                let translated = fields.text("its translation", example);
                fields.finish("two texts");
                if let (Some(english), Some(translated)) = (english, translated) {
                    repeated = file.notes.get(&english.value).map(|first| first.span);
                    file.notes.insert(english.value, translated);
                }
            }
            _ => {
                let text = fields.text("a text", "greeting \"Hello {name}\"");
                fields.finish("one text");
                file.messages
                    .extend(text.map(|text| (key.to_owned(), text)));
            }
        }
        if let Some(first) = repeated {
            reader.refuse_repeated(node, first);
        }
    }
    reader.finish(source, file)
}
