//! Templates: the built-in ones, a user's overrides, and which of them a rendering used.
//!
//! `Caddyfile.j2` is the user's if `templates/Caddyfile.j2` is there, otherwise the built-in one;
//! `builtin/Caddyfile.j2` is always the built-in one, so that an override can extend it and replace
//! one block. Each kind of file escapes what it is given, overrides included.

mod caddyfile;
mod markdown;
mod script;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use miette::{Diagnostic, NamedSource};
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use serde::Serialize;
use thiserror::Error;

pub use caddyfile::{one_line, quote, tidy};

use crate::source::Span;
use markdown::as_text;
use script::{powershell_string, shell_word};

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
    builtin!("exposure.md.j2"),
    builtin!("guide.html.j2"),
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

/// The built-in templates under a user's overrides.
#[derive(Debug, Clone)]
pub struct Templates {
    overrides: Arc<BTreeMap<String, String>>,
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
#[allow(missing_docs)] // Each variant's message says what it is.
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

    #[error("`templates/{name}` overrides nothing")]
    #[diagnostic(
        code("template::unknown"),
        help(
            "name it after the template it replaces ({known}), or end its name as the file that includes it does, such as `.html.j2`"
        )
    )]
    Unknown { name: String, known: String },
}

impl Templates {
    /// The built-in templates under these overrides, each read once to see that it can be.
    pub fn new(overrides: BTreeMap<String, String>) -> Result<Templates, TemplateError> {
        let templates = Templates {
            overrides: Arc::new(overrides),
        };
        for name in templates.overrides.keys() {
            if kind(name).is_none()
                || name.starts_with(BUILTIN)
                || name.contains(char::is_whitespace)
            {
                let known: Vec<&str> = BUILTIN_TEMPLATES.iter().map(|(name, _)| *name).collect();
                return Err(TemplateError::Unknown {
                    name: name.clone(),
                    known: known.join(", "),
                });
            }
            let (environment, _) = templates.environment();
            environment
                .get_template(name)
                .map_err(|error| broken(name, &error))?;
        }
        Ok(templates)
    }

    /// The names of the user's own templates that the Caddyfile is made with, sorted: what they say is
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

    /// Renders a template with the fields of `context`.
    pub fn render(&self, name: &str, context: &impl Serialize) -> Result<Rendered, TemplateError> {
        let (environment, used) = self.environment();
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

    fn text(&self, name: &str) -> Option<&str> {
        if let Some(text) = self.overrides.get(name) {
            return Some(text);
        }
        let name = name.strip_prefix(BUILTIN).unwrap_or(name);
        let found = BUILTIN_TEMPLATES
            .iter()
            .find(|(builtin, _)| *builtin == name);
        found.map(|(_, text)| *text)
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

fn broken(asked: &str, error: &Error) -> TemplateError {
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

    #[test]
    fn a_caddyfile_refuses_what_it_cannot_say() {
        let context = BTreeMap::from([("x", "{env.SECRET}")]);
        let templates = templates(&[("x.caddyfile.j2", "{{ x }}")]).unwrap();
        assert!(templates.render("x.caddyfile.j2", &context).is_err());
    }
}
