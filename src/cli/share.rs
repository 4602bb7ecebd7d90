//! `homelab share PERSON/DEVICE`.

use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use super::arguments::Share;
use super::{clock, report};
use crate::build::{Purpose, is_enrolled, owner};
use crate::derive;
use crate::diagnostic::{Failure, Fault};
use crate::keyring;
use crate::random;
use crate::render::Secrets;
use crate::root::Password;
use crate::share::{
    End, File, Handover, Limits, Offer, Page, Qr, SecretPath, Server, active, listen,
};
use crate::tree::{Existing, Mode, View, write_durably};
use crate::workspace::PATIENCE;

#[derive(Debug, Error, Diagnostic)]
enum ShareError {
    #[error("`{}` is no name for an SVG", path.display())]
    #[diagnostic(
        code("share::not-svg"),
        help("end it in `.svg`: what has that name is replaced")
    )]
    NotSvg { path: PathBuf },

    #[error("the connections cannot be served")]
    #[diagnostic(code("share::cannot-serve"), help("try again"))]
    CannotServe {
        #[source]
        source: io::Error,
    },

    #[error("nobody has fetched {file} in {minutes} min")]
    #[diagnostic(
        code("share::time-over"),
        help(
            "see that both are in the same network, and that no firewall here refuses connections; then share it again"
        )
    )]
    TimeOver { file: String, minutes: u8 },

    #[error("ended after {count} wrong tries: somebody in this network is guessing")]
    #[diagnostic(
        code("share::wrong-tries"),
        help(
            "the lines above say who; what has been fetched is said there too. Share it again, or in another network"
        )
    )]
    WrongTries { count: u8 },
}

/// What is to be shared, read and held against the lock.
struct Prepared {
    files: Vec<File>,
    page: Vec<u8>,
    path: SecretPath,
    /// How the password is told.
    password: Told,
}

/// How the password of a .p12 is told.
enum Told {
    /// Here, for that was asked.
    Here(Password),
    /// By another command.
    Elsewhere,
    /// There is none: a certificate of the device's own key is no secret.
    Never,
}

/// Offers a device's files until they are fetched.
pub(super) fn share(arguments: &Share) -> Result<(), Failure> {
    if let Some(file) = arguments.qr.as_ref().filter(|file| !is_svg(file)) {
        let path = file.clone();
        return Err(Failure::new(Fault::Usage, ShareError::NotSvg { path }));
    }
    let Prepared {
        files,
        page,
        path,
        password,
    } = prepare(arguments)?;
    let listener = listen(arguments.address, arguments.port)?;
    let cannot_serve = |source| Failure::environment(ShareError::CannotServe { source });
    let address = listener.local_addr().map_err(cannot_serve)?;
    // From here on Ctrl-C ends it in order.
    let server = Server::new(listener).map_err(cannot_serve)?;
    show(arguments, &path.url(address))?;
    let main = files[0].name.to_string();
    report::note(format_args!(
        "{main} is here for {} min, or until it has been fetched; Ctrl-C ends it. Whoever has the address can fetch it.",
        arguments.minutes
    ));
    match password {
        Told::Here(password) => {
            report::only_result(format_args!("Password: {}", password.expose()))?;
        }
        Told::Elsewhere => report::note(format_args!(
            "`homelab password {}` prints its password, which goes another way.",
            arguments.device
        )),
        Told::Never => {}
    }
    let limits = Limits::minutes(arguments.minutes);
    let offer = Offer {
        address,
        path,
        page,
        files,
    };
    let ended = server.serve(offer, limits, |event| report::note(event));
    tell_of_end(
        &ended.map_err(cannot_serve)?,
        main,
        limits,
        arguments.minutes,
    )
}

/// Reads what is to be shared. Builds need not wait until it is fetched.
fn prepare(arguments: &Share) -> Result<Prepared, Failure> {
    let device = &arguments.device;
    let workspace = arguments.declaration.still()?;
    let out = workspace.out(arguments.out.as_deref())?;
    let homelab = workspace.homelab()?;
    is_enrolled(&homelab, device, Purpose::Share)?;
    let lock = workspace.issued_lock()?;
    clock::warn(&lock)?;
    let issued = active(&lock, device, clock::now()?)?;
    let templates = workspace.templates()?;
    let sealed = workspace.sealed_hash()?;
    let planned = derive::derive(&homelab, &lock, &templates.of_the_edge(), sealed);
    let mut view = View::open(&out, owner(&lock), PATIENCE).map_err(Failure::environment)?;
    view.believe_only(workspace.recollection().manifests(&out));
    let means = arguments.secret.means();
    let Handover { guide, files } = Handover::read(&view, planned, &templates, device, || {
        let opened = means.open(&workspace, &lock, &lock.roots())?;
        Secrets::of(opened.keyring, &lock).map_err(Failure::environment)
    })?;
    let password = if arguments.show_password {
        Told::Here(keyring::password(&means, &workspace, &lock, issued)?)
    } else if issued.own_key.is_some() {
        Told::Never
    } else {
        Told::Elsewhere
    };
    let path = random::secret_path()?;
    let page = Page::new(guide, &device.device, &path);
    let page = page.expect("its part was there when its files were read");
    let rendered = templates.render_in(page.language.as_str(), "share.html.j2", &page);
    let rendered = rendered.map_err(|error| Failure::new(Fault::Declaration, error))?;
    Ok(Prepared {
        files,
        page: rendered.text.into_bytes(),
        path,
        password,
    })
}

/// Shows where a browser is to go.
fn show(arguments: &Share, url: &str) -> Result<(), Failure> {
    let qr = Qr::new(url).expect("an address and 26 letters fit into a QR code");
    if let Some(file) = &arguments.qr {
        let written = write_durably(file, Mode::Secret, qr.svg().as_bytes(), Existing::GiveWay);
        written.map_err(Failure::environment)?;
    }
    report::only_result(url)?;
    report::picture(&qr)
}

/// Whether the file has been fetched by the end.
fn tell_of_end(ended: &End, file: String, limits: Limits, minutes: u8) -> Result<(), Failure> {
    match ended {
        End::Interrupted { delivered: false } => {
            report::note(format_args!("Ended; {file} has not been fetched."));
            Ok(())
        }
        End::WrongTries => Err(Failure::environment(ShareError::WrongTries {
            count: limits.wrong_tries,
        })),
        End::TimeOver => Err(Failure::environment(ShareError::TimeOver { file, minutes })),
        _ => Ok(()),
    }
}

fn is_svg(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "svg")
}
