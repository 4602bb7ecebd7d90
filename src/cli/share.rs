//! `homelab share PERSON/DEVICE`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use super::arguments::Share;
use super::device::{Purpose, is_enrolled};
use super::{clock, password, report};
use crate::build::{self, Stale, Staleness, owner};
use crate::dates;
use crate::derive::{self, Derivation, Guide, Recipe};
use crate::diagnostic::{Failure, Fault};
use crate::lock::{Issued, Lock};
use crate::model::DeviceId;
use crate::random;
use crate::render::Secrets;
use crate::share::{End, File, Limits, Offer, Page, Qr, SecretPath, Server};
use crate::template::Templates;
use crate::tree::{Existing, Mode, OutputPath, View, write_durably};
use crate::workspace::PATIENCE;

#[derive(Debug, Error, Diagnostic)]
enum ShareError {
    #[error("`{device}` has no certificate that is let in")]
    #[diagnostic(
        code("share::no-certificate"),
        help(
            "`homelab status` says why: `homelab build` issues what is new, `homelab renew {device}` what was revoked"
        )
    )]
    NoCertificate { device: DeviceId },

    #[error("the certificate of `{device}` has ended, {end}")]
    #[diagnostic(
        code("share::ended"),
        help("`homelab renew {device}` issues another; deploy out/edge/ before you share it")
    )]
    Ended { device: DeviceId, end: String },

    #[error("`{}` is not what was last declared and issued", path.display())]
    #[diagnostic(code("share::stale"), help("run `homelab build`, then share it"))]
    Stale { path: PathBuf },

    #[error("`{}` is not the file that was built", path.display())]
    #[diagnostic(
        code("share::altered"),
        help("`homelab build` restores it; see who changed it")
    )]
    Altered { path: PathBuf },

    #[error("this machine has no address of its own in a local network")]
    #[diagnostic(
        code("share::no-address"),
        help("say where to listen with `--address IP`; `ip address` lists what there is")
    )]
    NoAddress,

    #[error("a browser cannot be sent to `{address}`")]
    #[diagnostic(
        code("share::bad-address"),
        help(
            "name one address of this machine that the other device reaches, such as 192.168.1.2"
        )
    )]
    BadAddress { address: IpAddr },

    #[error("`{}` is no name for an SVG", path.display())]
    #[diagnostic(
        code("share::not-svg"),
        help("end it in `.svg`: what has that name is replaced")
    )]
    NotSvg { path: PathBuf },

    #[error("cannot listen at {address}")]
    #[diagnostic(
        code("share::cannot-listen"),
        help(
            "see that `--address` is one of this machine's, and that `--port` is free and above 1023"
        )
    )]
    CannotListen {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },

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

/// Offers a device's files until they are fetched.
pub(super) fn share(arguments: &Share) -> Result<(), Failure> {
    let device = &arguments.device;
    let workspace = arguments.declaration.still()?;
    let out = workspace.out(arguments.out.as_deref())?;
    if let Some(file) = arguments.qr.as_ref().filter(|file| !is_svg(file)) {
        let path = file.clone();
        return Err(Failure::new(Fault::Usage, ShareError::NotSvg { path }));
    }
    let homelab = workspace.homelab()?;
    is_enrolled(&homelab, device, Purpose::Share)?;
    let lock = workspace.issued_lock()?;
    let issued = active(&lock, device)?;
    let templates = workspace.templates()?;
    let sealed = workspace.sealed_hash()?;
    let planned = derive::derive(&homelab, &lock, &templates.of_the_edge(), sealed);
    let mut view = View::open(&out, owner(&lock), PATIENCE).map_err(Failure::environment)?;
    view.believe_only(workspace.recollection().manifests(&out));
    let (guide, files) = read(view, planned, &templates, device, || {
        let opened = { arguments.secret.means() }.open(&workspace, &lock, &lock.roots())?;
        Secrets::of(opened.keyring, &lock).map_err(Failure::environment)
    })?;
    let password = if arguments.show_password {
        Some(password::derived(
            &workspace,
            &lock,
            issued,
            &arguments.secret,
        )?)
    } else {
        None
    };
    // What is offered has been read: builds need not wait until it is fetched.
    drop(workspace);
    let path = random::secret_path()?;
    let page = page(&templates, guide, device, &path)?;
    let listener = listen(arguments)?;
    let cannot_serve = |source| Failure::environment(ShareError::CannotServe { source });
    let address = listener.local_addr().map_err(cannot_serve)?;
    // From here on Ctrl-C ends it in order.
    let server = Server::new(listener).map_err(cannot_serve)?;

    let url = path.url(address);
    let qr = Qr::new(&url).expect("an address and 26 letters fit into a QR code");
    if let Some(file) = &arguments.qr {
        let written = write_durably(file, Mode::Secret, qr.svg().as_bytes(), Existing::GiveWay);
        written.map_err(Failure::environment)?;
    }
    report::only_result(&url)?;
    report::picture(&qr)?;
    let main = files[0].name.clone();
    report::note(format_args!(
        "{main} is here for {} min, or until it has been fetched; Ctrl-C ends it. Whoever has the address can fetch it.",
        arguments.minutes
    ));
    match password {
        Some(password) => report::only_result(format_args!("Password: {}", password.expose()))?,
        // A certificate of the device's own key is no secret.
        None if issued.own_key.is_some() => {}
        None => report::note(format_args!(
            "`homelab password {device}` prints its password, which goes another way."
        )),
    }

    let limits = Limits::minutes(arguments.minutes);
    let offer = Offer {
        address,
        path,
        page,
        files,
    };
    let ended = server.serve(offer, limits, |event| report::note(event));
    match ended.map_err(cannot_serve)? {
        End::WrongTries => Err(Failure::environment(ShareError::WrongTries {
            count: limits.wrong_tries,
        })),
        ended => tell_of_end(&ended, main, arguments.minutes),
    }
}

/// Whether the file has been fetched by the end.
fn tell_of_end(ended: &End, file: String, minutes: u8) -> Result<(), Failure> {
    match ended {
        End::Interrupted { delivered: false } => {
            report::note(format_args!("Ended; {file} has not been fetched."));
            Ok(())
        }
        End::TimeOver => Err(Failure::environment(ShareError::TimeOver { file, minutes })),
        _ => Ok(()),
    }
}

fn is_svg(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "svg")
}

/// The device's certificate, if it is let in, and now.
fn active<'l>(lock: &'l Lock, device: &DeviceId) -> Result<&'l Issued, Failure> {
    let active = lock.active();
    let issued = active.get(device).ok_or_else(|| {
        Failure::environment(ShareError::NoCertificate {
            device: device.clone(),
        })
    })?;
    let now = clock::now()?;
    clock::warn(lock)?;
    if issued.validity.not_after() <= now {
        return Err(Failure::environment(ShareError::Ended {
            device: device.clone(),
            end: dates::end(issued.validity.not_before(), issued.validity.not_after()).to_string(),
        }));
    }
    Ok(issued)
}

/// The person's guide as data, and the device's files as they stand in the tree, if a build would leave them as
/// they are. No build is held up once this is done.
fn read(
    view: View,
    planned: Vec<Derivation>,
    templates: &Templates,
    device: &DeviceId,
    unlock: impl FnOnce() -> Result<Secrets, Failure>,
) -> Result<(Guide, Vec<File>), Failure> {
    let out = view.directory();
    let folder = format!("people/{}/{}", device.person, device.device);
    let guide_path = format!("people/{}/guide.html", device.person);
    let mut guide = None;
    let mut derivations = Vec::new();
    for derivation in planned {
        match derivation {
            Derivation {
                path,
                recipe: Recipe::Guide(of_person),
                ..
            } if path.as_str() == guide_path => guide = Some(of_person),
            file if file.path.is_below(&folder) => derivations.push(file),
            _ => {}
        }
    }
    let guide = guide.expect("whoever has a device with a certificate has a guide");
    let stale = build::stale(&derivations, &view, templates).map_err(Failure::environment)?;
    let is_unproven = |(_, staleness): &Stale<'_>| *staleness == Staleness::Unproven;
    if let Some((derivation, staleness)) = stale.iter().find(|stale| !is_unproven(stale)) {
        let path = out.join(derivation.path.as_str());
        return Err(Failure::environment(if staleness.is_repair() {
            ShareError::Altered { path }
        } else {
            ShareError::Stale { path }
        }));
    }
    // Where this machine does not remember having written them, the secret tells whether they are right.
    let secrets = if stale.iter().any(is_unproven) {
        Some(unlock()?)
    } else {
        None
    };
    // Whoever can write here can make the manifest fit: what can be is made anew.
    let public: Vec<Derivation> = derivations
        .into_iter()
        .filter(|derivation| secrets.is_some() || !derivation.recipe.needs_secrets())
        .collect();
    let differences = build::differences(&view, &public, templates, secrets.as_ref());
    let differences = differences.map_err(|error| Failure::new(Fault::Environment, error))?;
    let is_public = |path: &OutputPath| public.iter().any(|made| made.path == *path);
    if let Some(altered) = differences.iter().find(|found| is_public(&found.path)) {
        return Err(Failure::environment(ShareError::Altered {
            path: out.join(altered.path.as_str()),
        }));
    }
    let part = guide
        .devices
        .iter()
        .find(|part| part.name == device.device.as_str());
    let part = part.expect("a device with a certificate has a part of the guide");
    let files = part.files.iter().map(|file| {
        let path = OutputPath::new(&format!("{folder}/{}", file.name));
        let path = path.expect("the program's own paths are paths");
        // What is handed over is what was hashed.
        let contents = view.read(&path).map_err(Failure::environment)?;
        let recorded = view.entry(&path).map(|entry| entry.content);
        match contents.map(|contents| contents.bytes) {
            Some(bytes) if Some(blake3::hash(&bytes)) == recorded => Ok(File {
                name: file.name.clone(),
                bytes,
            }),
            _ => Err(Failure::environment(ShareError::Altered {
                path: out.join(path.as_str()),
            })),
        }
    });
    let files = files.collect::<Result<_, Failure>>()?;
    Ok((guide, files))
}

fn page(
    templates: &Templates,
    guide: Guide,
    device: &DeviceId,
    path: &SecretPath,
) -> Result<Vec<u8>, Failure> {
    let page = Page::new(guide, device.device.as_str(), path);
    let page = page.expect("its part was there when its files were read");
    let rendered = templates.render_in(&page.language, "share.html.j2", &page);
    let rendered = rendered.map_err(|error| Failure::new(Fault::Declaration, error))?;
    Ok(rendered.text.into_bytes())
}

fn listen(arguments: &Share) -> Result<TcpListener, Failure> {
    let ip = match arguments.address.map(|address| address.to_canonical()) {
        Some(address) if can_be_visited(address) => address,
        Some(address) => {
            return Err(Failure::new(
                Fault::Usage,
                ShareError::BadAddress { address },
            ));
        }
        None => own_address().ok_or_else(|| Failure::environment(ShareError::NoAddress))?,
    };
    let address = SocketAddr::new(ip, arguments.port);
    TcpListener::bind(address)
        .map_err(|source| Failure::environment(ShareError::CannotListen { address, source }))
}

/// Whether it is one address, and one that can stand in a URL: no browser takes the zone that `fe80::` needs.
fn can_be_visited(address: IpAddr) -> bool {
    let is_several = address.is_unspecified() || address.is_multicast();
    match address {
        IpAddr::V4(address) => !is_several && !address.is_broadcast(),
        IpAddr::V6(address) => !is_several && !address.is_unicast_link_local(),
    }
}

/// This machine's address on the way to everywhere else, if it is one of a local network.
fn own_address() -> Option<IpAddr> {
    // Documentation's own addresses (RFC 5737, RFC 3849). Connecting a UDP socket asks for the route and sends nothing.
    let routes: [(IpAddr, IpAddr); 2] = [
        (
            Ipv4Addr::UNSPECIFIED.into(),
            Ipv4Addr::new(192, 0, 2, 1).into(),
        ),
        (
            Ipv6Addr::UNSPECIFIED.into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
        ),
    ];
    let own = routes.into_iter().filter_map(|(any, elsewhere)| {
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect((elsewhere, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    });
    own.into_iter().find(|address| is_local(*address))
}

/// Whether it is one that only its own network reaches.
fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private(),
        IpAddr::V6(address) => address.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_address_that_a_url_can_name_is_listened_at() {
        for (address, expected) in [
            ("127.0.0.1", true),
            ("192.168.1.2", true),
            ("::1", true),
            ("fd00::2", true),
            ("0.0.0.0", false),
            ("::", false),
            ("::ffff:0.0.0.0", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("fe80::1", false),
            ("ff02::1", false),
        ] {
            let address: IpAddr = address.parse().expect("an address");
            assert_eq!(
                can_be_visited(address.to_canonical()),
                expected,
                "{address}"
            );
        }
    }

    #[test]
    fn a_public_address_is_not_taken_unasked() {
        for (address, expected) in [
            ("10.1.2.3", true),
            ("172.16.0.1", true),
            ("192.168.178.20", true),
            ("fd12::1", true),
            ("127.0.0.1", false),
            ("192.0.2.7", false),
            ("8.8.8.8", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(
                is_local(address.parse().expect("an address")),
                expected,
                "{address}"
            );
        }
        assert!(own_address().is_none_or(is_local));
    }
}
