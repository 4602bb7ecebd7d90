//! Templates: the built-in ones, a user's overrides, and which of them a rendering used.
//!
//! `Caddyfile.j2` is the user's if `templates/Caddyfile.j2` is there, otherwise the built-in one;
//! `builtin/Caddyfile.j2` is always the built-in one, so that an override can extend it and replace
//! one block. Each kind of file escapes what it is given, overrides included. What guides say stands in
//! `messages/<language>.kdl`, which can be overridden message by message.

mod blocks;
mod caddyfile;
mod markdown;
mod messages;
mod script;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use miette::{Diagnostic, NamedSource};
use minijinja::value::{Kwargs, Serde};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use serde::Serialize;
use thiserror::Error;

pub use caddyfile::{one_line, quote, tidy};

use crate::diagnostic::did_you_mean;
use crate::model::Language;
use crate::parse;
use crate::parse::messages::MessageFile;
use crate::source::{Source, Span};
use markdown::as_text;
pub use messages::language_of;
use messages::{Layer, Messages, file_of};
use script::{powershell_string, shell_word};

/// How deep calls of macros, includes and the like may go; the built-in templates take a little more than half of it, for an
/// include counts as ten calls. Deeper ones would run into the end of a thread's stack, which is the end of the program.
const DEEPEST: usize = 80;

/// Steps that each rendering may take, and 64 bytes of memory count as one.
const FUEL: u64 = 2_000_000;
/// Steps that it may take besides for each byte that it is given. Of the built-in templates the guide takes most, by each device
/// with each service of a person: 1.4 million steps for 100 with 500, 2.4 million, six a byte, for 1,000 with 50. What else a build
/// of a large home renders takes less than one a byte.
const FUEL_PER_BYTE: u64 = 16;

/// The prefix that names a built-in template even where an override exists.
const BUILTIN: &str = "builtin/";

/// A built-in template with its name.
macro_rules! builtin {
    ($name:literal) => {
        ($name, include_str!(concat!("../../templates/", $name)))
    };
}

/// Every built-in template, by name.
const BUILTIN_TEMPLATES: &[(&str, &str)] = &[
    builtin!("Caddyfile.j2"),
    builtin!("globals.caddyfile.j2"),
    builtin!("sites.caddyfile.j2"),
    builtin!("pages.caddyfile.j2"),
    builtin!("exposure.md.j2"),
    builtin!("guide.html.j2"),
    builtin!("guide/style.html.j2"),
    builtin!("guide/art.html.j2"),
    builtin!("guide/ask.html.j2"),
    builtin!("guide/device.html.j2"),
    builtin!("guide/own-key.html.j2"),
    builtin!("guide/firefox-store.html.j2"),
    builtin!("guide/android.html.j2"),
    builtin!("guide/ios.html.j2"),
    builtin!("guide/ipados.html.j2"),
    builtin!("guide/macos.html.j2"),
    builtin!("guide/windows.html.j2"),
    builtin!("guide/linux.html.j2"),
    builtin!("guide/chromeos.html.j2"),
    builtin!("guide/firefox.html.j2"),
    builtin!("guide/wearos.html.j2"),
    builtin!("guide/other.html.j2"),
    builtin!("share.html.j2"),
    builtin!("index.html.j2"),
    builtin!("messages/de.kdl"),
    builtin!("messages/en.kdl"),
    builtin!("install/linux.sh.j2"),
    builtin!("install/macos.sh.j2"),
    builtin!("install/windows.ps1.j2"),
    builtin!("pages/page.html.j2"),
    builtin!("pages/ask.html.j2"),
    builtin!("pages/certificate.html.j2"),
    builtin!("pages/certificate-or-home.html.j2"),
    builtin!("pages/home.html.j2"),
    builtin!("pages/retired.html.j2"),
    builtin!("pages/forbidden.html.j2"),
    builtin!("pages/down.html.j2"),
    builtin!("pages/landing.html.j2"),
];

/// The languages that there are built-in messages of, sorted.
pub fn built_in_languages() -> Vec<Language> {
    let names = BUILTIN_TEMPLATES.iter();
    let mut languages: Vec<Language> = names.filter_map(|(name, _)| language_of(name)).collect();
    languages.sort();
    languages
}

/// The built-in templates under a user's overrides.
#[derive(Debug, Clone)]
pub struct Templates {
    overrides: Arc<BTreeMap<String, String>>,
    /// The messages that have been asked for, by language.
    messages: Arc<Mutex<BTreeMap<String, Arc<Messages>>>>,
}

/// What a rendering gave, and what it used.
#[derive(Debug)]
pub struct Rendered {
    /// The text.
    pub text: String,
    /// The names that were asked for, sorted; those that are not there too.
    pub used: Vec<String>,
}

/// Why a template could not be rendered.
#[derive(Debug, Error, Diagnostic)]
pub enum TemplateError {
    #[error("the template `{name}` cannot be used: {message}")]
    #[diagnostic(code("template::broken"))]
    Broken {
        name: String,
        message: String,
        #[source_code]
        source_code: Option<NamedSource<String>>,
        #[label("here")]
        place: Option<Span>,
        #[help]
        help: Option<String>,
    },

    #[error("`templates/{name}` has a message `{key}`, which nothing asks for")]
    #[diagnostic(code("template::unknown-message"))]
    UnknownMessage {
        name: String,
        key: String,
        #[source_code]
        source_code: NamedSource<String>,
        #[label("not known")]
        place: Span,
        #[help]
        help: String,
    },

    #[error("the message `{key}` in `templates/{name}` cannot be used: {why}")]
    #[diagnostic(
        code("template::bad-message"),
        help(
            "`**` stands on both sides of what a screen shows, a backtick of what is typed; {known}"
        )
    )]
    BadMessage {
        name: String,
        key: String,
        why: String,
        known: String,
        #[source_code]
        source_code: NamedSource<String>,
        #[label("here")]
        place: Span,
    },

    #[error("`templates/{name}` has a block `{block}`, which `{extended}` does not have")]
    #[diagnostic(code("template::unknown-block"))]
    UnknownBlock {
        name: String,
        block: String,
        extended: String,
        #[source_code]
        source_code: NamedSource<String>,
        #[label("nothing would come of it")]
        place: Span,
        #[help]
        help: String,
    },

    #[error("`templates/{name}` overrides nothing")]
    #[diagnostic(code("template::unknown"), help("{}", name_of_an_override(closest)))]
    Unknown {
        name: String,
        closest: Option<&'static str>,
    },
}

/// How an override is to be called.
fn name_of_an_override(closest: &Option<&str>) -> String {
    let guess = closest
        .map(|closest| format!("did you mean `{closest}`? "))
        .unwrap_or_default();
    format!(
        "{guess}a template is named after the one that it replaces, and docs/templates.md tells of them; a file that others include ends as they do, such as `.html.j2`"
    )
}

/// The built-in template that was probably meant: in another folder, with another ending, or misspelt.
fn closest(name: &str) -> Option<&'static str> {
    let file = |path: &'static str| path.rsplit('/').next().unwrap_or(path);
    let own = name.rsplit('/').next()?;
    let stem = own.split('.').next();
    let known = BUILTIN_TEMPLATES.iter().map(|(known, _)| *known);
    let is_same = |known: &&'static str| file(known).split('.').next() == stem;
    if let Some(same) = known.clone().find(is_same) {
        return Some(same);
    }
    let near = crate::diagnostic::closest(own, known.clone().map(file))?;
    known.clone().find(|known| file(known) == near)
}

impl Templates {
    /// The built-in templates under these overrides, each read once to see that it can be.
    pub fn new(overrides: BTreeMap<String, String>) -> Result<Templates, TemplateError> {
        let templates = Templates {
            overrides: Arc::new(overrides),
            messages: Arc::default(),
        };
        for (name, text) in templates.overrides.iter() {
            if language_of(name).is_some() {
                templates.check_messages(name, text)?;
                continue;
            }
            if kind(name).is_none()
                || name.starts_with(BUILTIN)
                || name.contains(char::is_whitespace)
            {
                return Err(TemplateError::Unknown {
                    name: name.clone(),
                    closest: closest(name),
                });
            }
            let (environment, _) = templates.environment();
            environment
                .get_template(name)
                .map_err(|error| broken(name, &error))?;
            check_blocks(name, text)?;
        }
        Ok(templates)
    }

    /// The names of the user's own templates that the edge's files are made with, sorted: what they say is
    /// not checked.
    pub fn of_the_edge(&self) -> Vec<String> {
        let names = self.overrides.keys();
        let is_caddyfile = |name: &&String| kind(name) == Some(caddyfile_escape());
        names.filter(is_caddyfile).cloned().collect()
    }

    /// What `name` stands for now; another hash for each text, and one for none.
    pub fn digest(&self, name: &str) -> blake3::Hash {
        match self.text(name) {
            Some(text) => blake3::hash(text.as_bytes()),
            None => blake3::hash(b"\0no such template"),
        }
    }

    /// Renders a template with the fields of `context`; what it says by messages is in English.
    pub fn render(&self, name: &str, context: &impl Serialize) -> Result<Rendered, TemplateError> {
        self.render_in(Language::ENGLISH, name, context)
    }

    /// Renders a template with the fields of `context` in a language, with these functions more:
    ///
    /// - `t(key, value=…)`: a message as HTML, `plain(key, value=…)` as text for attributes;
    /// - `has_message(key)`: whether there is one;
    /// - `note(english)`: what the catalogue of apps says;
    /// - `date(day)`: a day as the language writes it;
    /// - `direction()`: `ltr` or `rtl`; and `language`, its tag.
    pub fn render_in(
        &self,
        language: &str,
        name: &str,
        context: &impl Serialize,
    ) -> Result<Rendered, TemplateError> {
        let (mut environment, used) = self.environment();
        environment.set_fuel(Some(fuel(context)));
        self.add_messages(&mut environment, language, &used);
        let template = environment
            .get_template(name)
            .map_err(|error| broken(name, &error))?;
        let text = template.render(Serde(context));
        let text = text.map_err(|error| broken(name, &error))?;
        drop(environment);
        let used = used.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Rendered {
            text,
            used: used.iter().cloned().collect(),
        })
    }

    /// Adds what templates say messages with.
    fn add_messages(
        &self,
        environment: &mut Environment<'static>,
        language: &str,
        used: &Arc<Mutex<BTreeSet<String>>>,
    ) {
        let (templates, log, tag) = (self.clone(), Arc::clone(used), language.to_owned());
        // Nothing is read before a template asks for the first message.
        let messages = Arc::new(LazyLock::new(move || {
            let names = templates.message_files(&tag);
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.extend(names);
            templates.messages(&tag)
        }));
        let of = || Arc::clone(&messages);
        environment.add_global("language", language);
        let messages = of();
        environment.add_function("t", move |key: &str, values: Kwargs| {
            messages.html(key, &values)
        });
        let messages = of();
        environment.add_function("plain", move |key: &str, values: Kwargs| {
            messages.plain(key, &values)
        });
        let messages = of();
        environment.add_function("has_message", move |key: &str| messages.has(key));
        let messages = of();
        environment.add_function("note", move |english: &str| messages.note(english));
        let messages = of();
        environment.add_function("date", move |day: &str| messages.date(day));
        let messages = of();
        environment.add_function("direction", move || messages.direction());
    }

    /// The files that a language's messages come from, the first before the others.
    fn message_files(&self, language: &str) -> Vec<String> {
        let mut files = Vec::new();
        for language in [language, Language::ENGLISH] {
            let name = file_of(language);
            let built_in = format!("{BUILTIN}{name}");
            if files.contains(&name) {
                break;
            }
            // Where nothing overrides it, one name is enough to notice that something does.
            if self.overrides.contains_key(&name) && self.text(&built_in).is_some() {
                files.extend([name, built_in]);
            } else {
                files.push(name);
            }
        }
        files
    }

    /// The messages of a language, read once.
    fn messages(&self, language: &str) -> Arc<Messages> {
        let mut read = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(messages) = read.get(language) {
            return Arc::clone(messages);
        }
        let own = [file_of(language), format!("{BUILTIN}{}", file_of(language))];
        let files = self.message_files(language);
        let layers = files.iter().filter_map(|name| {
            let layer = layer(name, self.text(name)?).ok()?;
            let is_own = own.contains(name) || language == Language::ENGLISH;
            Some(Arc::new(match is_own {
                true => layer,
                false => layer.into_fallback(),
            }))
        });
        let messages = Arc::new(Messages::new(layers.collect()));
        read.insert(language.to_owned(), Arc::clone(&messages));
        messages
    }

    /// A message that nothing asks for, or with a value that it is not given, is probably misspelt.
    fn check_messages(&self, name: &str, text: &str) -> Result<(), TemplateError> {
        let file = message_file(name, text)?;
        let layer = layer(name, text)?;
        let english = file_of(Language::ENGLISH);
        let built_in = self.text(&format!("{BUILTIN}{english}"));
        let built_in = self::layer(&english, built_in.expect("English is built in"))?;
        let source_code = || NamedSource::new(format!("templates/{name}"), text.to_owned());
        for key in layer.keys() {
            let place = file.messages[key].span;
            let Some(known) = built_in.message(key) else {
                let own = self
                    .overrides
                    .iter()
                    .filter(|(name, _)| kind(name).is_some());
                if own.clone().any(|(_, template)| template.contains(key)) {
                    continue;
                }
                return Err(TemplateError::UnknownMessage {
                    name: name.to_owned(),
                    key: key.to_owned(),
                    source_code: source_code(),
                    place,
                    help: match crate::diagnostic::closest(key, built_in.keys()) {
                        Some(_) => did_you_mean(key, built_in.keys()),
                        None => String::from(
                            "templates/messages/en.kdl among the built-in templates has all that there are",
                        ),
                    },
                });
            };
            let values = layer.message(key).map(|message| message.values());
            let unknown = values.unwrap_or_default();
            let unknown = unknown.difference(&known.values()).next().copied();
            if let Some(value) = unknown {
                let values = known.values();
                let values: Vec<String> = values.iter().map(|v| format!("`{{{v}}}`")).collect();
                return Err(TemplateError::BadMessage {
                    name: name.to_owned(),
                    key: key.to_owned(),
                    why: format!("it is given no `{{{value}}}`"),
                    known: match values.as_slice() {
                        [] => String::from("it has no values"),
                        _ => format!("its values are {}", values.join(", ")),
                    },
                    source_code: source_code(),
                    place,
                });
            }
        }
        Ok(())
    }

    fn text(&self, name: &str) -> Option<&str> {
        if let Some(text) = self.overrides.get(name) {
            return Some(text);
        }
        built_in(name.strip_prefix(BUILTIN).unwrap_or(name))
    }

    /// An environment for one rendering, and the names that it will have asked for.
    fn environment(&self) -> (Environment<'static>, Arc<Mutex<BTreeSet<String>>>) {
        let used = Arc::new(Mutex::new(BTreeSet::new()));
        let mut environment = Environment::new();
        let (templates, log) = (self.clone(), Arc::clone(&used));
        environment.set_loader(move |name| {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.insert(name.to_owned());
            Ok(templates.text(name).map(str::to_owned))
        });
        environment.set_auto_reload(false);
        environment.set_recursion_limit(DEEPEST);
        // Off in release builds unless said, and without it an error has no place.
        environment.set_debug(true);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = minijinja::syntax::SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()
            .expect("the default delimiters are valid");
        environment.set_syntax(syntax);
        environment.set_auto_escape_callback(|name| kind(name).unwrap_or(AutoEscape::None));
        environment.add_function("matches", |placeholder: &str, pattern: &str| {
            let word = caddyfile::matches(placeholder, pattern);
            let word = word.map_err(|why| Error::new(ErrorKind::BadEscape, why))?;
            Ok::<_, Error>(minijinja::Value::from_safe_string(word))
        });
        environment.set_formatter(|output, state, value| {
            if value.is_none() {
                return Err(Error::new(
                    ErrorKind::InvalidOperation,
                    "a value that is none",
                ));
            }
            let escape = state.auto_escape();
            if value.is_safe() || !matches!(escape, AutoEscape::Custom(_)) {
                return minijinja::escape_formatter(output, state, value);
            }
            let text = value.to_string();
            if *escape == markdown_escape() {
                output.write_str(&as_text(&text))?;
                return Ok(());
            }
            let (file, word) = match () {
                () if *escape == shell_escape() => ("a shell script", shell_word(&text)),
                () if *escape == powershell_escape() => (
                    "a PowerShell script",
                    powershell_string(&text).map(Cow::Owned),
                ),
                () => ("a Caddyfile", quote(&text)),
            };
            let word = word.map_err(|why| {
                let detail = format!("{file} cannot say `{}`: {why}", text.escape_debug());
                Error::new(ErrorKind::BadEscape, detail)
            })?;
            output.write_str(&word)?;
            Ok(())
        });
        (environment, used)
    }
}

/// The text of a built-in template.
fn built_in(name: &str) -> Option<&'static str> {
    let mut known = BUILTIN_TEMPLATES.iter();
    let found = known.find(|(built_in, _)| *built_in == name);
    found.map(|(_, text)| *text)
}

/// A block that the extended template does not have would be passed over in silence.
fn check_blocks(name: &str, text: &str) -> Result<(), TemplateError> {
    let Some(extended) = blocks::extended(text) else {
        return Ok(());
    };
    let Some(base) = extended.strip_prefix(BUILTIN).and_then(built_in) else {
        return Ok(());
    };
    let has = |text: &str, block: &str| blocks::all(text).any(|known| known == block);
    // A block of the built-in one may stand in what that extends in its turn.
    let parent = blocks::extended(base).and_then(built_in);
    let is_known = |block: &str| has(base, block) || parent.is_some_and(|text| has(text, block));
    let mut unknown = blocks::outermost(text).into_iter();
    let Some(blocks::Block {
        name: block,
        offset,
    }) = unknown.find(|block| !is_known(block.name))
    else {
        return Ok(());
    };
    let mut others = BUILTIN_TEMPLATES.iter();
    // Of the edge's files only, for other files have blocks of the same names that mean something else.
    let elsewhere = others.find(|(other, text)| {
        kind(other) == kind(name) && kind(other) == Some(caddyfile_escape()) && has(text, block)
    });
    Err(TemplateError::UnknownBlock {
        name: name.to_owned(),
        block: block.to_owned(),
        extended: extended.to_owned(),
        source_code: NamedSource::new(format!("templates/{name}"), text.to_owned()),
        place: Span::from((offset, block.len())),
        help: match elsewhere {
            Some((other, _)) => format!(
                "`{other}` has it: put it into `templates/{other}`, behind `{{% extends \"{BUILTIN}{other}\" %}}`"
            ),
            None => did_you_mean(block, blocks::all(base).collect::<Vec<_>>()),
        },
    })
}

fn message_file(name: &str, text: &str) -> Result<MessageFile, TemplateError> {
    let source = Source::new(format!("templates/{name}"), text);
    parse::messages::messages(&source).map_err(|mistakes| {
        let report = mistakes.into_reports().next();
        let report = report.expect("there is at least one mistake");
        let place = report.labels().and_then(|mut labels| labels.next());
        TemplateError::Broken {
            name: name.to_owned(),
            message: report.to_string(),
            source_code: Some(NamedSource::new(source.name(), text.to_owned())),
            place: place.map(|label| *label.inner()),
            help: report.help().map(|help| help.to_string()),
        }
    })
}

fn layer(name: &str, text: &str) -> Result<Layer, TemplateError> {
    let file = message_file(name, text)?;
    Layer::new(&file).map_err(|wrong| {
        let place = file.messages.get(&wrong.key);
        let place = place.or_else(|| file.notes.get(&wrong.key));
        TemplateError::BadMessage {
            name: name.to_owned(),
            why: wrong.why.to_owned(),
            known: String::from("`{name}` stands for a value"),
            source_code: NamedSource::new(format!("templates/{name}"), text.to_owned()),
            place: place.map_or(Span::from(0), |text| text.span),
            key: wrong.key,
        }
    })
}

/// How a kind of file escapes, by the name of its template; `None` for a kind that nobody knows.
fn kind(name: &str) -> Option<AutoEscape> {
    let file = name.strip_suffix(".j2")?;
    if file.ends_with(".html") {
        Some(AutoEscape::Html)
    } else if file.ends_with(".md") {
        Some(markdown_escape())
    } else if file == "Caddyfile" || file.ends_with("/Caddyfile") || file.ends_with(".caddyfile") {
        Some(caddyfile_escape())
    } else if file.ends_with(".sh") {
        Some(shell_escape())
    } else if file.ends_with(".ps1") {
        Some(powershell_escape())
    } else {
        None
    }
}

fn caddyfile_escape() -> AutoEscape {
    AutoEscape::Custom("caddyfile".into())
}

fn markdown_escape() -> AutoEscape {
    AutoEscape::Custom("markdown".into())
}

fn shell_escape() -> AutoEscape {
    AutoEscape::Custom("shell".into())
}

fn powershell_escape() -> AutoEscape {
    AutoEscape::Custom("powershell".into())
}

/// How many steps a rendering of this may take.
fn fuel(context: &impl Serialize) -> u64 {
    let mut size = Size(0);
    // What cannot be told apart in JSON is no less to render.
    let _ = serde_json::to_writer(&mut size, context);
    FUEL.saturating_add(FUEL_PER_BYTE.saturating_mul(size.0))
}

/// Counts what is written to it.
struct Size(u64);

impl std::io::Write for Size {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn broken(asked: &str, error: &Error) -> TemplateError {
    // Where one template stops within another, the innermost names it.
    let mut innermost = error;
    while let Some(cause) = std::error::Error::source(innermost).and_then(|e| e.downcast_ref()) {
        innermost = cause;
    }
    let is_without_end = innermost.kind() == ErrorKind::OutOfFuel
        || innermost
            .detail()
            .is_some_and(|detail| detail.contains("recursion"));
    let name = error.name().unwrap_or(asked).to_owned();
    let text = error.template_source().map(str::to_owned);
    let place = error.range().filter(|_| text.is_some()).map(Span::from);
    TemplateError::Broken {
        message: match error.detail() {
            Some(detail) => format!("{}: {detail}", error.kind()),
            None => error.kind().to_string(),
        },
        source_code: text.map(|text| NamedSource::new(format!("templates/{name}"), text)),
        place,
        help: match error.kind() {
            _ if is_without_end => Some(String::from(
                "it goes on without end, or calls itself, or makes far more text than it is given: see its loops, macros, includes and numbers",
            )),
            ErrorKind::UndefinedError => Some(String::from(
                "the built-in template of the same name shows which values there are",
            )),
            _ => None,
        },
        name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;

    #[derive(Serialize)]
    struct Context {
        x: &'static str,
        nothing: Option<u8>,
    }

    fn templates(overrides: &[(&str, &str)]) -> Result<Templates, TemplateError> {
        let owned = overrides
            .iter()
            .map(|(name, text)| (name.to_string(), text.to_string()));
        Templates::new(owned.collect())
    }

    fn render(overrides: &[(&str, &str)], name: &str) -> Result<Rendered, TemplateError> {
        let context = Context {
            x: "<a b>",
            nothing: None,
        };
        templates(overrides)?.render(name, &context)
    }

    #[test]
    fn an_override_that_is_called_wrongly_is_told_what_was_meant() {
        for (name, meant) in [
            ("sites.j2", Some("sites.caddyfile.j2")),
            ("edge/sites.caddyfil.j2", Some("sites.caddyfile.j2")),
            ("guides.htm.j2", Some("guide.html.j2")),
            ("ios.j2", Some("guide/ios.html.j2")),
            ("unknown.txt.j2", None),
        ] {
            assert_eq!(closest(name), meant, "{name}");
        }
    }

    #[test]
    fn each_kind_of_file_escapes_in_its_way() {
        let text = |name| render(&[(name, "{{ x }}")], name).unwrap().text;
        assert_eq!(text("x.html.j2"), "&lt;a b&gt;");
        assert_eq!(text("x.caddyfile.j2"), "\"<a b>\"");
        assert_eq!(text("x.sh.j2"), "'<a b>'");
        assert_eq!(text("x.ps1.j2"), "'<a b>'");
        assert!(matches!(
            templates(&[("x.txt.j2", "{{ x }}")]),
            Err(TemplateError::Unknown { .. })
        ));
    }

    #[test]
    fn an_override_can_extend_what_it_replaces() {
        let base = templates(&[]).unwrap();
        let text = "{% extends \"builtin/guide.html.j2\" %}";
        let over = templates(&[("guide.html.j2", text)]).unwrap();
        assert_ne!(base.digest("guide.html.j2"), over.digest("guide.html.j2"));
        assert_eq!(
            base.digest("guide.html.j2"),
            over.digest("builtin/guide.html.j2")
        );
    }

    #[test]
    fn the_templates_used_are_known_even_those_that_are_missing() {
        let main = (
            "m.html.j2",
            "{% include \"a.html.j2\" %}{% include \"b.html.j2\" ignore missing %}",
        );
        let rendered =
            render(&[main, ("a.html.j2", "A"), ("c.html.j2", "C")], "m.html.j2").unwrap();
        assert_eq!(rendered.text, "A");
        assert_eq!(rendered.used, ["a.html.j2", "b.html.j2", "m.html.j2"]);
    }

    #[test]
    fn what_is_undefined_or_none_is_an_error_with_a_place() {
        for text in ["{{ y }}", "{{ nothing }}", "{% if y %}{% endif %}"] {
            let error = render(&[("m.html.j2", text)], "m.html.j2").unwrap_err();
            let TemplateError::Broken { place, .. } = error else {
                panic!("{error}")
            };
            assert!(place.is_some(), "{text}");
        }
        assert!(templates(&[("m.html.j2", "{% if %}")]).is_err());
    }

    /// Whatever a template does, it ends, in little memory, and says which one it was.
    #[test]
    fn what_has_no_end_is_an_error_that_names_the_template() {
        let deep = |open: &str, inner: &str, close: &str| {
            format!("{}{inner}{}", open.repeat(3000), close.repeat(3000))
        };
        for text in [
            "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
            "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
            "{% include \"m.html.j2\" %}",
            "{% extends \"m.html.j2\" %}",
            "{% import \"m.html.j2\" as m %}",
            "{% from \"m.html.j2\" import m %}{{ m() }}",
            "{% block a %}{{ self.a() }}{% endblock %}",
            "{% for i in range(10**9) %}{{ i }}{% endfor %}",
            "{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}",
            "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
            "{{ \"x\" * 10**9 }}",
            "{{ [1] * 10**9 }}",
            "{% set x = \"x\" * 10**6 %}{{ x * 10**6 }}",
            "{% set ns = namespace(x=\"x\") %}{% for i in range(64) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
            "{{ \"%999999999d\" | format(1) }}",
            "{{ \"x\" | indent(10**9, true) }}",
            "{{ [1] | batch(10**9, \"x\") | list }}",
            "{{ \"x\" | replace(\"\", \"y\" * 10**6) | replace(\"y\", \"z\" * 10**6) }}",
            "{{ range(90000) | join(\"x\" * 10**6) }}",
            &deep("{{ (", "1", ") }}"),
            &format!("{{{{ {}1{} }}}}", "(".repeat(3000), ")".repeat(3000)),
            &format!("{{{{ {}1{} }}}}", "[".repeat(3000), "]".repeat(3000)),
            &format!("{{{{ {}1 }}}}", "-".repeat(3000)),
            &format!("{{{{ {}true }}}}", "not ".repeat(3000)),
            &format!("{{{{ 1{} }}}}", " if true else 2".repeat(3000)),
            &deep("{% if true %}", "", "{% endif %}"),
            &deep("{% for i in [1] %}", "", "{% endfor %}"),
        ] {
            let begin = std::time::Instant::now();
            let shown: String = text.chars().take(60).collect();
            let rendered = render(&[("m.html.j2", text)], "m.html.j2");
            match rendered {
                Err(TemplateError::Broken { name, .. }) => assert_eq!(name, "m.html.j2"),
                Err(other) => panic!("{shown}: {other}"),
                // Where it is only long, it is as long as it was written.
                Ok(rendered) => assert!(rendered.text.len() < 4 * text.len(), "{shown}"),
            }
            let elapsed = begin.elapsed();
            assert!(
                elapsed < std::time::Duration::from_secs(20),
                "{shown}: {elapsed:?}"
            );
        }
        for names in [["a", "b"], ["b", "a"]] {
            let [one, other] = names.map(|name| format!("{name}.html.j2"));
            for word in ["include", "extends"] {
                let texts = [&other, &one].map(|name| format!("{{% {word} \"{name}\" %}}"));
                let rendered = render(&[(&one, &texts[0]), (&other, &texts[1])], &one);
                assert!(
                    matches!(rendered, Err(TemplateError::Broken { .. })),
                    "{word}"
                );
            }
        }
    }

    #[test]
    fn a_caddyfile_refuses_what_it_cannot_say() {
        let context = BTreeMap::from([("x", "{env.SECRET}")]);
        let templates = templates(&[("x.caddyfile.j2", "{{ x }}")]).unwrap();
        assert!(templates.render("x.caddyfile.j2", &context).is_err());
    }
}
