//! What an override says, held against the built-in templates: a mistake in it is told before anything is made with it.

use std::collections::BTreeSet;

use super::builtin::{self, BUILTIN};
use super::escape::Escape;
use super::messages::{Layer, file_of, language_of};
use super::{Templates, blocks, broken};
use crate::diagnostic::{self, Mistake, did_you_mean, mistake};
use crate::model::Language;
use crate::parse;
use crate::parse::messages::MessageFile;
use crate::source::{Source, Span};

/// An override as diagnostics show it.
pub(super) fn source(name: &str, text: &str) -> Source {
    Source::new(format!("templates/{name}"), text)
}

impl Templates {
    /// Reads an override, to see that it can be used.
    pub(super) fn check(&self, name: &str, text: &str) -> Result<(), Mistake> {
        if language_of(name).is_some() {
            return self.check_messages(name, text);
        }
        let is_ours = name.starts_with(BUILTIN) || name.contains(char::is_whitespace);
        if Escape::of(name).is_none() || is_ours {
            return Err(overrides_nothing(name));
        }
        if let Some(place) = blocks::import_without_name(text) {
            return Err(broken::import(name, text, place));
        }
        let (environment, _) = self.environment(name);
        let read = environment.get_template(name);
        read.map_err(|error| broken::by(name, &error))?;
        check_blocks(name, text)
    }

    /// A message that nothing asks for, or with a value that it is not given, is probably misspelt.
    fn check_messages(&self, name: &str, text: &str) -> Result<(), Mistake> {
        let file = message_file(name, text)?;
        let layer = layer(name, text)?;
        let english = file_of(Language::ENGLISH);
        let built_in = builtin::text(&english).expect("English is built in");
        let built_in = self::layer(&english, built_in)?;
        for (key, message) in layer.messages() {
            let place = file.messages[key].span;
            let wrong = match built_in.message(key) {
                Some(known) => unknown_value(name, key, &message.values(), &known.values(), place),
                None if self.asks_for(key) => None,
                None => Some(unknown_message(name, key, &built_in, place)),
            };
            if let Some(wrong) = wrong {
                return Err(wrong.within(&source(name, text)));
            }
        }
        Ok(())
    }

    /// Whether a template among the overrides names a message.
    fn asks_for(&self, key: &str) -> bool {
        let own = self.overrides.iter();
        let mut templates = own.filter(|(name, _)| Escape::of(name).is_some());
        templates.any(|(_, template)| template.contains(key))
    }
}

fn overrides_nothing(name: &str) -> Mistake {
    let guess = match builtin::closest(name) {
        Some(closest) => format!("did you mean `{closest}`? "),
        None => String::new(),
    };
    mistake!(
        "template::unknown",
        "`templates/{name}` overrides nothing",
        help(
            "{guess}a template is named after the one that it replaces, and docs/templates.md tells of them; a file that others include ends as they do, such as `.html.j2`"
        ),
    )
}

fn unknown_message(name: &str, key: &str, known: &Layer, place: Span) -> Mistake {
    let known = known.messages().map(|(key, _)| key);
    let help = match diagnostic::closest(key, known.clone()) {
        Some(_) => did_you_mean(key, known),
        None => {
            "templates/messages/en.kdl among the built-in templates has all that there are".into()
        }
    };
    mistake!(
        "template::unknown-message",
        "`templates/{name}` has a message `{key}`, which nothing asks for",
        at(place, "not known"),
        help(help),
    )
}

/// A message that has other values than it is given; none where it has not.
fn unknown_value(
    name: &str,
    key: &str,
    values: &BTreeSet<&str>,
    known: &BTreeSet<&str>,
    place: Span,
) -> Option<Mistake> {
    let value = values.difference(known).next()?;
    let why = format!("it is given no `{{{value}}}`");
    let known: Vec<String> = known.iter().map(|v| format!("`{{{v}}}`")).collect();
    let known = match known.as_slice() {
        [] => "it has no values".into(),
        known => format!("its values are {}", known.join(", ")),
    };
    Some(bad_message(name, key, &why, &known, place))
}

fn bad_message(name: &str, key: &str, why: &str, known: &str, place: Span) -> Mistake {
    mistake!(
        "template::bad-message",
        "the message `{key}` in `templates/{name}` cannot be used: {why}",
        at(place, "here"),
        help(
            "`**` stands on both sides of what a screen shows, a backtick of what is typed; {known}"
        ),
    )
}

/// A block that the extended template does not have would be passed over in silence.
fn check_blocks(name: &str, text: &str) -> Result<(), Mistake> {
    let Some(extended) = blocks::extended(text) else {
        return Ok(());
    };
    let Some(base) = extended.strip_prefix(BUILTIN).and_then(builtin::text) else {
        return Ok(());
    };
    let has = |text: &str, block: &str| blocks::all(text).any(|known| known == block);
    // A block of the built-in one may stand in what that extends in its turn.
    let parent = blocks::extended(base).and_then(builtin::text);
    let is_known = |block: &str| has(base, block) || parent.is_some_and(|text| has(text, block));
    let mut outermost = blocks::outermost(text).into_iter();
    let Some(unknown) = outermost.find(|block| !is_known(block.name)) else {
        return Ok(());
    };
    let block = unknown.name;
    let mut others = builtin::TEMPLATES.iter();
    // Of the edge's files only, for other files have blocks of the same names that mean something else.
    let is_of_the_edge = |name: &str| Escape::of(name) == Some(Escape::Caddyfile);
    let elsewhere = others
        .find(|(other, text)| is_of_the_edge(name) && is_of_the_edge(other) && has(text, block));
    let help = match elsewhere {
        Some((other, _)) => format!(
            "`{other}` has it: put it into `templates/{other}`, behind `{{% extends \"{BUILTIN}{other}\" %}}`"
        ),
        None => did_you_mean(block, blocks::all(base).collect::<Vec<_>>()),
    };
    let wrong = mistake!(
        "template::unknown-block",
        "`templates/{name}` has a block `{block}`, which `{extended}` does not have",
        at(
            Span::from((unknown.offset, block.len())),
            "nothing would come of it"
        ),
        help(help),
    );
    Err(wrong.within(&source(name, text)))
}

fn message_file(name: &str, text: &str) -> Result<MessageFile, Mistake> {
    let read = parse::messages::messages(&source(name, text));
    read.map_err(|mistakes| broken::file(name, text, &mistakes.into_first()))
}

/// The messages of a file, taken apart.
pub(super) fn layer(name: &str, text: &str) -> Result<Layer, Mistake> {
    let file = message_file(name, text)?;
    Layer::new(&file).map_err(|wrong| {
        let place = file.messages.get(&wrong.key);
        let place = place.or_else(|| file.notes.get(&wrong.key));
        let place = place.map_or(Span::from(0), |text| text.span);
        let known = "`{name}` stands for a value";
        bad_message(name, &wrong.key, wrong.why, known, place).within(&source(name, text))
    })
}
