//! One .p12, from anywhere.

use std::io;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret;
use anstyle::{AnsiColor, Style};
use miette::{Diagnostic, Report};
use thiserror::Error;

use super::{conclude, listed};
use crate::build;
use crate::cli::arguments::Verify;
use crate::cli::passphrase::first_line;
use crate::cli::{clock, report, terminal};
use crate::diagnostic::Failure;
use crate::lock::Lock;
use crate::pki::{BundleProfile, OpenError, OpenedBundle, SealedBundle};
use crate::verify::{
    BundleReport, Context, Finding, Strictness, WhoseFile, examine, open_with_derived,
};
use crate::workspace::Workspace;

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

pub(super) fn verify(arguments: &Verify, path: &Path) -> Result<(), Failure> {
    let workspace = arguments.declaration.workspace();
    let is_declared = workspace.declaration().exists();
    let homelab = is_declared.then(|| workspace.homelab()).transpose()?;
    let lock = workspace.lock()?;
    report::notes(lock.as_ref().and_then(build::note_of_unsigned));
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
    if arguments.json {
        report::json(&told)?
    } else {
        report::table(&text(&told, &context))?
    }
    let wrong = told.findings.iter().filter(|found| found.is_wrong());
    conclude(wrong.count(), HELP, None, Vec::new())
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
        let password = first_line(file).map_err(|source| {
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
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let opened = keyring.map(|keyring| {
            open_with_derived(&keyring, lock, stem.unwrap_or_default(), sealed).map_err(failed)
        });
        if let Some(opened) = opened.transpose()?.flatten() {
            return Ok(opened);
        }
    }
    let prompt = format!("Password of {}: ", path.display());
    let asked = terminal::ask(&prompt).map_err(|source| {
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

/// A block of what it is, then what was found.
fn text(told: &BundleReport, context: &Context<'_>) -> String {
    let bold = Style::new().bold();
    let mut text = format!("{bold}{}{bold:#}\n", told.file);
    let mut line = |name: &str, value: &str| text += &format!("  {name:13}{value}\n");
    let platform = told.platform.map(|of| format!(" ({})", of.as_str()));
    line(
        "device",
        &(told.of.to_string() + &platform.unwrap_or_default()),
    );
    if let Some(certificate) = &told.certificate {
        line("subject", &certificate.subject);
        line("issuer", &certificate.issuer);
        if let Some(valid) = told.valid(context.now) {
            line("valid", &valid);
        }
        if !certificate.emails.is_empty() {
            line("address", &certificate.emails.join(", "));
        }
        line("serial", &certificate.serial);
        line("fingerprint", &certificate.fingerprint.to_string());
    }
    let profile = told.profile.map(BundleProfile::as_str);
    let profile = profile.unwrap_or("neither compat nor modern");
    let wanted = told.wanted;
    let wanted = wanted.map(|wanted| format!("; the platform wants {wanted}"));
    let wanted = wanted.unwrap_or_default();
    line(
        "kind of file",
        &format!("{profile} ({}){wanted}", told.protection),
    );
    text += &listed(&told.findings);
    if !told.findings.iter().any(Finding::is_wrong) {
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
