//! What may be handed over: the files of a device whose certificate is let in now, as they stand in the tree, if a build would leave
//! them as they are.

use std::path::PathBuf;

use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;

use super::File;
use crate::build::{self, Rendering, Stale, Staleness};
use crate::dates;
use crate::derive::{Derivation, DeviceFile, Guide, Recipe};
use crate::diagnostic::Failure;
use crate::lock::{Issued, Lock};
use crate::model::DeviceId;
use crate::progress::Unseen;
use crate::render::Secrets;
use crate::template::Templates;
use crate::tree::{OutputPath, View};

#[derive(Debug, Error, Diagnostic)]
enum HandoverError {
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
        help("`homelab renew {device}` issues another; deploy the edge before you share it")
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
}

/// The device's certificate, if it is let in, and now.
pub(crate) fn active<'l>(
    lock: &'l Lock,
    device: &DeviceId,
    now: Timestamp,
) -> Result<&'l Issued, Failure> {
    let active = lock.active();
    let issued = active.get(device).ok_or_else(|| {
        Failure::environment(HandoverError::NoCertificate {
            device: device.clone(),
        })
    })?;
    let (begin, end) = (issued.validity.not_before(), issued.validity.not_after());
    if end <= now {
        return Err(Failure::environment(HandoverError::Ended {
            device: device.clone(),
            end: dates::end(begin, end).to_string(),
        }));
    }
    Ok(issued)
}

/// What is handed over: the person's guide as data, and the device's files.
pub(crate) struct Handover {
    pub guide: Guide,
    pub files: Vec<File>,
}

impl Handover {
    /// Reads what is to be handed over out of a tree that a build with these derivations would leave. No build is held up once
    /// this is done.
    pub(crate) fn read(
        view: &View,
        planned: Vec<Derivation>,
        templates: &Templates,
        device: &DeviceId,
        unlock: impl FnOnce() -> Result<Secrets, Failure>,
    ) -> Result<Handover, Failure> {
        let Planned {
            folder,
            guide,
            derivations,
        } = Planned::of(device, planned);
        refuse_others(view, derivations, templates, unlock)?;
        let part = { guide.devices.iter() }.find(|part| part.name == device.device);
        let part = part.expect("a device with a certificate has a part of the guide");
        let files = { part.files.iter() }.map(|file| as_it_stands(view, &folder, file));
        let files = files.collect::<Result<_, Failure>>()?;
        Ok(Handover { guide, files })
    }
}

/// What a build would make of a device and its person.
struct Planned {
    /// The device's folder.
    folder: String,
    guide: Guide,
    /// What is in the folder.
    derivations: Vec<Derivation>,
}

impl Planned {
    fn of(device: &DeviceId, planned: Vec<Derivation>) -> Planned {
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
                } if path.as_str() == guide_path => guide = Some(*of_person),
                file if file.path.is_below(&folder) => derivations.push(file),
                _ => {}
            }
        }
        Planned {
            folder,
            guide: guide.expect("whoever has a device with a certificate has a guide"),
            derivations,
        }
    }
}

/// Fails where a file is another than a build would make.
fn refuse_others(
    view: &View,
    derivations: Vec<Derivation>,
    templates: &Templates,
    unlock: impl FnOnce() -> Result<Secrets, Failure>,
) -> Result<(), Failure> {
    let stale = build::stale(&derivations, view, templates).map_err(Failure::environment)?;
    let is_unproven = |(_, staleness): &Stale<'_>| *staleness == Staleness::Unproven;
    if let Some((derivation, staleness)) = stale.iter().find(|stale| !is_unproven(stale)) {
        let path = view.directory().join(derivation.path.as_str());
        return Err(Failure::environment(if staleness.is_repair() {
            HandoverError::Altered { path }
        } else {
            HandoverError::Stale { path }
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
    let differences = build::differences(
        view,
        &public,
        Rendering {
            templates,
            secrets: secrets.as_ref(),
            progress: &Unseen,
        },
    );
    let differences = differences.map_err(Failure::environment)?;
    let is_public = |path: &OutputPath| public.iter().any(|made| made.path == *path);
    match differences.iter().find(|found| is_public(&found.path)) {
        None => Ok(()),
        Some(altered) => Err(altered_file(view, &altered.path)),
    }
}

/// A file with the bytes that were hashed.
fn as_it_stands(view: &View, folder: &str, file: &DeviceFile) -> Result<File, Failure> {
    let path = OutputPath::new(&format!("{folder}/{}", file.name));
    let path = path.expect("the program's own paths are paths");
    let contents = view.read(&path).map_err(Failure::environment)?;
    let recorded = view.entry(&path).map(|entry| entry.content);
    match contents.map(|contents| contents.bytes) {
        Some(bytes) if Some(blake3::hash(&bytes)) == recorded => Ok(File {
            name: file.name.clone(),
            bytes,
        }),
        _ => Err(altered_file(view, &path)),
    }
}

fn altered_file(view: &View, path: &OutputPath) -> Failure {
    let path = view.directory().join(path.as_str());
    Failure::environment(HandoverError::Altered { path })
}
