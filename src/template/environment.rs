//! What a rendering runs in: where templates come from, what they may call, and how much of everything.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Kwargs;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, HtmlEscape, State, UndefinedBehavior, Value,
};
use serde::Serialize;

use super::escape::{self, Escape};
use super::{Templates, caddyfile, script, text};

/// How deep calls of macros, includes and the like may go; the built-in templates take a little more than half of it, for an
/// include counts as ten calls. Deeper ones would run into the end of a thread's stack, which is the end of the program.
const DEEPEST: usize = 80;

/// Steps that each rendering may take, and 64 bytes of memory count as one.
const FUEL: u64 = 2_000_000;
/// Steps that it may take besides for each byte that it is given. Of the built-in templates the guide takes most, by each device
/// with each service of a person: 1.4 million steps for 100 with 500, 2.4 million, less than nine a byte, for 1,000 with 50. What
/// else a build of a large home renders takes less than two a byte.
const FUEL_PER_BYTE: u64 = 16;

/// The names that a rendering has asked for.
#[derive(Clone, Default)]
pub(super) struct Used(Arc<Mutex<BTreeSet<String>>>);

impl Used {
    fn add(&self, names: impl IntoIterator<Item = String>) {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        used.extend(names);
    }

    /// Those so far, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        used.iter().cloned().collect()
    }
}

impl Templates {
    /// An environment for one rendering of a template, and the names that it will have asked for. What was compiled for
    /// another rendering is not compiled again.
    pub(super) fn environment(&self, name: &str) -> (Environment<'static>, Used) {
        let used = Used::default();
        used.add([name.to_owned()]);
        let mut environment = {
            let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
            let compiled = compiled.get_or_insert_with(|| self.nothing_compiled());
            compiled.clone()
        };
        let log = used.clone();
        // It is asked about each name that a template includes, imports or extends, whether that has been compiled or not.
        environment.set_path_join_callback(move |name, _| {
            log.add([name.to_owned()]);
            name.into()
        });
        (environment, used)
    }

    /// Keeps what has been compiled for a rendering for those after it.
    pub(super) fn keep(&self, environment: Environment<'static>) {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let known = compiled.as_ref();
        let known = known.map_or(0, |known| known.templates().count());
        if environment.templates().count() > known {
            *compiled = Some(environment);
        }
    }

    /// An environment in which nothing has been compiled.
    fn nothing_compiled(&self) -> Environment<'static> {
        let mut environment = Environment::new();
        let overrides = Arc::clone(&self.overrides);
        environment.set_loader(move |name| Ok(text(&overrides, name).map(str::to_owned)));
        environment.set_auto_reload(false);
        environment.set_recursion_limit(DEEPEST);
        // Off in release builds unless said, and without it an error has no place.
        environment.set_debug(true);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()
            .expect("the default delimiters are valid");
        environment.set_syntax(syntax);
        environment.set_auto_escape_callback(|name| {
            Escape::of(name).map_or(AutoEscape::None, Escape::mode)
        });
        environment.set_formatter(escape::write);
        environment.add_function("matches", |placeholder: &str, pattern: &str| {
            word(caddyfile::matches(placeholder, pattern))
        });
        environment.add_function("quoted", |text: &str| word(caddyfile::quoted(text)));
        environment.add_function("page_word", |html: &str| word(caddyfile::page(html)));
        environment.add_function("in_html", |text: &str| HtmlEscape(text).to_string());
        environment.add_function("comment", comment);
        environment.add_function("certificates_of", certificates_of);
        environment.add_function("by_first_digit", by_first_digit);
        environment
    }

    /// Adds what templates say messages with.
    pub(super) fn add_messages(
        &self,
        environment: &mut Environment<'static>,
        language: &str,
        used: &Used,
    ) {
        let (templates, log, tag) = (self.clone(), used.clone(), language.to_owned());
        // Nothing is read before a template asks for the first message.
        let messages = Arc::new(LazyLock::new(move || {
            log.add(templates.message_files(&tag));
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
        environment.add_function("line", move |key: &str, values: Kwargs| {
            messages.line(key, &values)
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
}

/// A word of a Caddyfile, as it stands there.
fn word(said: Result<String, &'static str>) -> Result<Value, Error> {
    let word = said.map_err(|why| Error::new(ErrorKind::BadEscape, why))?;
    Ok(Value::from_safe_string(word))
}

/// Lines of a comment in a script, as they stand there: in another file they would be more than a comment.
fn comment(state: &State<'_, '_>, text: &str, options: Kwargs) -> Result<Value, Error> {
    let escape = Escape::of_mode(state.auto_escape());
    if !matches!(escape, Some(Escape::Shell | Escape::PowerShell)) {
        let detail = "only a script has comments like these";
        return Err(Error::new(ErrorKind::InvalidOperation, detail));
    }
    let indent: Option<u8> = options.get("indent")?;
    options.assert_all_used()?;
    let comment = script::comment(text, indent.unwrap_or(0).into());
    Ok(Value::from_safe_string(comment))
}

/// The certificates of the people at these places, each with whose it is.
fn certificates_of(people: &Value, places: &Value) -> Result<Vec<Value>, Error> {
    let mut certificates = Vec::new();
    for place in places.try_iter()? {
        let person = people.get_item(&place)?;
        let devices = person.get_attr("devices")?;
        let of_person = devices.try_iter()?;
        certificates.extend(of_person.map(|device| Value::from(vec![person.clone(), device])));
    }
    Ok(certificates)
}

/// Certificates by the first digit of their fingerprints: each digit that there is, with its certificates.
fn by_first_digit(certificates: Vec<Value>) -> Result<Vec<Value>, Error> {
    let mut by_digit: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for certificate in certificates {
        let device = certificate.get_item_by_index(1)?;
        let fingerprint = device.get_attr("fingerprint")?;
        let digit = { fingerprint.as_str() }.and_then(|text| text.get(..1));
        let digit = digit.ok_or_else(|| Error::new(ErrorKind::BadEscape, "no fingerprint"))?;
        let of_digit = by_digit.entry(digit.to_owned()).or_default();
        of_digit.push(certificate);
    }
    let parts = by_digit.into_iter();
    Ok(parts
        .map(|(digit, of_digit)| Value::from(vec![Value::from(digit), Value::from(of_digit)]))
        .collect())
}

/// How many steps a rendering of this may take.
pub(super) fn fuel(context: &impl Serialize) -> u64 {
    let mut size = Size(0);
    // MessagePack rather than JSON, which looks at each character.
    let serializer = rmp_serde::Serializer::new(&mut size).with_human_readable();
    let mut serializer = serializer.with_struct_map();
    // What cannot be written so is no less to render.
    let _ = context.serialize(&mut serializer);
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
