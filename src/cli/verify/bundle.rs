//! One .p12, from anywhere.

use std::io;
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use miette::{Diagnostic, Report};
use thiserror::Error;

use super::{conclude, listed, password};
use crate::cli::arguments::Verify;
use crate::cli::failure::Failure;
use crate::cli::workspace::Workspace;
use crate::cli::{believed, bounded, clock, passphrase, report};
use crate::dates;
use crate::lock::{Issued, Lock};
use crate::pki::{OpenError, OpenedBundle, SealedBundle, Validity};
use crate::root::Keyring;
use crate::verify::{BundleReport, Context, Strictness, WhoseFile, examine};

use age::secrecy::ExposeSecret;

/// Bytes of a .p12, at the most; those with a chain of large certificates have some ten thousand.
const LIMIT: u64 = 256 << 10;

const HELP: &str = "a device that needs another file gets it with `homelab renew PERSON/DEVICE`";

#[derive(Debug, Error, Diagnostic)]
enum BundleError {
    #[error("`{}` is larger than any .p12", path.display())]
    #[diagnostic(code("verify::too-large"), help("name a .p12, or an output tree"))]
    TooLarge { path: PathBuf },

    #[error("`{}` cannot be opened", path.display())]
    #[diagnostic(code("verify::cannot-open"), help("{help}"))]
    CannotOpen {
        path: PathBuf,
        #[source]
        source: OpenError,
        help: &'static str,
    },

    #[error("the password in `{}` cannot be read", path.display())]
    #[diagnostic(
        code("verify::password-file"),
        help("it holds the password in its first line, in UTF-8")
    )]
    PasswordFile {
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    #[error("the password of `{}` cannot be asked for", path.display())]
    #[diagnostic(
        code("verify::no-terminal"),
        help(
            "run this in a terminal, or give it with `--password-file FILE`, `-` for standard input"
        )
    )]
    NoTerminal {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

pub fn verify(arguments: &Verify, path: &Path) -> Result<(), Failure> {
    let workspace = Workspace::of(&arguments.declaration);
    let homelab = match workspace.declaration().exists() {
        true => Some(workspace.homelab()?),
        false => None,
    };
    let lock = workspace.lock()?;
    lock.iter().for_each(believed::warn_of_unsigned);
    let now = clock::now()?;
    let bytes = workspace.read_start(path, LIMIT + 1)?.unwrap_or_default();
    if bytes.len() as u64 > LIMIT {
        let path = path.to_owned();
        return Err(Failure::environment(BundleError::TooLarge { path }));
    }
    let sealed = SealedBundle::from_der(&bytes).map_err(|error| cannot_open(path, error))?;
    let opened = open(arguments, &workspace, lock.as_ref(), path, &sealed)?;
    let context = Context {
        homelab: homelab.as_ref(),
        lock: lock.as_ref(),
        strictness: Strictness::Any,
        now,
    };
    let told = examine(&path.display().to_string(), &opened, &context);
    match arguments.json {
        true => report::json(&told)?,
        false => report::table(&text(&told, &context))?,
    }
    let wrong = told
        .findings
        .iter()
        .filter(|found| found.is_wrong())
        .count();
    conclude(wrong, HELP, None, Vec::new())
}

fn cannot_open(path: &Path, source: OpenError) -> Failure {
    let help = match source {
        OpenError::WrongPassword => {
            "try again; the passwords of a homelab's own are found by themselves where its secret is"
        }
        OpenError::Unknown(_) => "build the file anew, with AES-256 or 3DES under a password",
        OpenError::NotABundle | OpenError::Damaged => "copy the file again from where it came from",
        OpenError::TooMuchWork => "throw it away: it was made to hurt who opens it",
    };
    Failure::environment(BundleError::CannotOpen {
        path: path.to_owned(),
        source,
        help,
    })
}

/// Opens it: with the password that is given; with one that is derived, where one fits; or with one that
/// is asked for.
fn open(
    arguments: &Verify,
    workspace: &Workspace,
    lock: Option<&Lock>,
    path: &Path,
    sealed: &SealedBundle,
) -> Result<OpenedBundle, Failure> {
    let failed = |error| cannot_open(path, error);
    if let Some(file) = &arguments.password_file {
        let password = bounded::first_line(file).map_err(|source| {
            let path = file.clone();
            Failure::environment(BundleError::PasswordFile { path, source })
        })?;
        return sealed.open(&password).map_err(failed);
    }
    if let Some(lock) = lock.filter(|_| !arguments.no_secret && sealed.may_be_own()) {
        let (keyring, reports) = super::keyring(arguments, workspace, lock);
        for report in reports {
            tell(&report);
        }
        if let Some(keyring) = keyring
            && let Some(opened) = with_derived(&keyring, lock, path, sealed).map_err(failed)?
        {
            return Ok(opened);
        }
    }
    let prompt = format!("Password of {}: ", path.display());
    let asked = passphrase::ask(&prompt).map_err(|source| {
        let path = path.to_owned();
        Failure::environment(BundleError::NoTerminal { path, source })
    })?;
    sealed.open(asked.expose_secret()).map_err(failed)
}

/// That there is no secret is no error here: the password may be known to who asks.
fn tell(report: &Report) {
    report::note(format_args!(
        "No password can be derived, for {report}: it has to be known."
    ));
}

/// Tries the passwords of the device that the file is named after, then those of all others.
fn with_derived(
    keyring: &Keyring,
    lock: &Lock,
    path: &Path,
    sealed: &SealedBundle,
) -> Result<Option<OpenedBundle>, OpenError> {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let stem = stem.unwrap_or_default().to_ascii_lowercase();
    let mut candidates: Vec<&Issued> = lock.certificates.iter().collect();
    // Copies are called `alice-pixel (1)` and the like.
    candidates.sort_by_key(|issued| !stem.starts_with(&issued.device.common_name()));
    for issued in candidates {
        let Some(password) = password(keyring, lock, issued) else {
            continue;
        };
        if sealed.takes(password.expose())? == Some(true) {
            return sealed.open(password.expose()).map(Some);
        }
    }
    Ok(None)
}

/// A block of what it is, then what was found.
fn text(told: &BundleReport, context: &Context<'_>) -> String {
    let bold = Style::new().bold();
    let mut text = format!("{bold}{}{bold:#}\n", told.file);
    let mut line = |name: &str, value: String| text += &format!("  {name:13}{value}\n");
    let platform = told.platform.map(|platform| format!(" ({platform})"));
    line("device", whose(&told.of) + &platform.unwrap_or_default());
    if let Some(certificate) = &told.certificate {
        line("subject", certificate.subject.clone());
        line("issuer", certificate.issuer.clone());
        if let (Some(from), Some(until)) = (certificate.not_before, certificate.not_after) {
            let (from, is_ours) = (
                dates::moment(from),
                matches!(told.of, WhoseFile::Recorded { .. }),
            );
            let hour = match is_ours {
                true => {
                    "; certificates begin an hour before they are issued, for servers whose clocks are late"
                }
                false => "",
            };
            line(
                "valid",
                match until == Validity::NO_END {
                    true => format!("from {from} on, without an end"),
                    false => {
                        let (until, when) =
                            (dates::moment(until), dates::relative(until, context.now));
                        format!("{from} to {until}, ends {when}{hour}")
                    }
                },
            );
        }
        if !certificate.emails.is_empty() {
            line("address", certificate.emails.join(", "));
        }
        line("serial", certificate.serial.clone());
        line("fingerprint", certificate.fingerprint.to_string());
    }
    let profile = told.profile.unwrap_or("neither compat nor modern");
    let wanted = match told.wanted {
        Some(wanted) => format!("; the platform wants {wanted}"),
        None => String::new(),
    };
    line(
        "kind of file",
        format!("{profile} ({}){wanted}", told.protection),
    );
    text += &listed(&told.findings);
    if !told.findings.iter().any(|found| found.is_wrong()) {
        let green = AnsiColor::Green.on_default();
        let said = match &told.of {
            WhoseFile::NoHomelab => {
                "the file is readable; whether it is still let in cannot be told here"
            }
            _ => "nothing is wrong",
        };
        text += &format!("{green}{said}{green:#}\n");
    }
    text
}

fn whose(of: &WhoseFile) -> String {
    match of {
        WhoseFile::Recorded {
            device,
            state,
            moment,
        } => match (moment, *state) {
            (Some(until), "replaced") => {
                format!("{device}, {state}, let in until {}", dates::moment(*until))
            }
            (Some(since), state) => format!("{device}, {state} since {}", dates::moment(*since)),
            (None, state) => format!("{device}, {state}"),
        },
        WhoseFile::Declared { device } => format!("{device}, which is declared to have it"),
        WhoseFile::Removed { device, since } => match since {
            Some(since) => format!("{device}, removed since {}", dates::moment(*since)),
            None => format!("{device}, removed"),
        },
        WhoseFile::Unrecorded { authority } => format!("unknown, though `{authority}` signed it"),
        WhoseFile::Unknown => String::from("unknown to this homelab"),
        WhoseFile::NoHomelab => String::from("not known here: there is no homelab.lock"),
    }
}
