//! What a shell is told when somebody presses Tab. The scripts below packaging/completions/ ask for it.
//!
//! Commands and options are clap's to tell; the names are those of the declaration, also while that is not right yet. Nothing is
//! written, no secret is read, and nothing is said but names: whoever presses Tab is in the middle of a line.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};
use clap_complete::env::{Bash, CompleteEnv, Fish, Shells, Zsh};

use crate::lint::FORMS;
use crate::model::{DeviceId, Name};
use crate::parse::{self, Declaration, SIZE_LIMIT};
use crate::source::Source;
use crate::workspace::whole;

/// By which a script asks. It is no word of the command line, so that no command can be taken for it.
const VARIABLE: &str = "HOMELAB_COMPLETE";

/// Answers a shell's script, where one asks. What goes wrong leaves it without an answer.
///
/// PowerShell's script asks nothing: clap's for it would run what stands in the line.
pub(super) fn is_answered() -> bool {
    let asked = CompleteEnv::with_factory(super::command)
        .var(VARIABLE)
        .shells(Shells(&[&Bash, &Fish, &Zsh]));
    let here = env::current_dir().ok();
    asked
        .try_complete(env::args_os(), here.as_deref())
        .unwrap_or(true)
}

/// The declared devices.
pub(super) fn devices() -> ArgValueCandidates {
    ArgValueCandidates::new(|| candidates(device_names()))
}

/// The same, and the word for the authority's key.
pub(super) fn exported() -> ArgValueCandidates {
    let word = String::from("authority-key");
    ArgValueCandidates::new(move || candidates(device_names().into_iter().chain([word.clone()])))
}

/// The declared services.
pub(super) fn services() -> ArgValueCandidates {
    ArgValueCandidates::new(|| candidates(service_names()))
}

/// The declared edges, where there are several.
pub(super) fn edges() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let declaration = declaration().unwrap_or_default();
        let names = { declaration.edges.into_iter() }.filter_map(|edge| edge.name);
        candidates(plain(names.map(|name| name.value)))
    })
}

/// What `verify` is about: services where it asks a server, else a path.
pub(super) fn verified() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        if !line().iter().any(|word| word == "--live") {
            return PathCompleter::any().complete(typed);
        }
        let mut services = candidates(service_names());
        let typed = typed.to_string_lossy();
        services.retain(|service| service.get_value().to_string_lossy().starts_with(&*typed));
        services
    })
}

/// The forms that `lint` knows.
pub(super) fn forms() -> ArgValueCandidates {
    ArgValueCandidates::new(|| candidates(FORMS.iter().map(|form| form.name().to_owned())))
}

fn candidates(names: impl IntoIterator<Item = String>) -> Vec<CompletionCandidate> {
    names.into_iter().map(CompletionCandidate::new).collect()
}

/// A shell puts what it is offered into the line as it is: only what is a name is offered, whatever somebody has written there.
fn device_names() -> Vec<String> {
    let declaration = declaration().unwrap_or_default();
    let ids = declaration.people.iter().flat_map(|person| {
        let devices = person.devices.iter();
        devices.map(|device| format!("{}/{}", person.name.value, device.name.value))
    });
    ids.filter(|id| id.parse::<DeviceId>().is_ok()).collect()
}

fn service_names() -> Vec<String> {
    let declaration = declaration().unwrap_or_default();
    let names = { declaration.services.into_iter() }.map(|service| service.name.value);
    plain(names).collect()
}

fn plain(names: impl Iterator<Item = String>) -> impl Iterator<Item = String> {
    names.filter(|name| Name::new(name).is_ok())
}

/// The declaration that the line is about, as far as it can be read.
fn declaration() -> Option<Declaration> {
    let path = file_of(&line());
    let bytes = whole(&path, SIZE_LIMIT as u64).ok()?;
    let source: Source = parse::source("", bytes).ok()?;
    let (declaration, _) = parse::parse(&source).ok()?;
    Some(declaration)
}

/// The words of the line: what the script gives behind `--`.
fn line() -> Vec<OsString> {
    let words = env::args_os().skip_while(|word| word != "--");
    words.skip(1).collect()
}

/// The file that a line names. The shell has not filled in a `~` yet.
fn file_of(line: &[OsString]) -> PathBuf {
    let options = line.iter().zip(line.iter().skip(1));
    let apart = options.filter(|(option, _)| *option == "-f" || *option == "--file");
    let named = apart.map(|(_, file)| file.to_string_lossy().into_owned());
    let joined = line.iter().filter_map(|word| {
        let file = word.to_str()?.strip_prefix("--file=")?;
        Some(file.to_owned())
    });
    let file = named.chain(joined).next();
    let file = file.unwrap_or_else(|| String::from("homelab.kdl"));
    match (file.strip_prefix("~/"), env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(file),
    }
}
