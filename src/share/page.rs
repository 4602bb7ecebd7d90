//! What the page says, as data for `share.html.j2`.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use super::SecretPath;
use crate::derive::{DevicePart, Guide, ServiceLink};
use crate::model::{DisplayName, Domain, Email, Language, Name};
use crate::once::Shared;

/// The page that a visitor sees.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    pub language: Language,
    pub domain: Domain,
    /// The name of the person whose device it is.
    pub display_name: DisplayName,
    /// Whom to ask: the edge's address, where one is declared.
    pub admin: Option<Email>,
    /// As in the guide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renewed_at: Option<String>,
    /// The guide's part about the device.
    pub device: DevicePart,
    /// The device's files, in the order of `device.files`.
    pub downloads: Vec<Download>,
    /// The services that the person may use.
    pub services: Arc<[Shared<ServiceLink>]>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Download {
    pub name: Cow<'static, str>,
    pub href: String,
}

impl Page {
    /// The page for the device of that name in a person's guide, behind `path`.
    pub(crate) fn new(guide: Guide, device: &Name, path: &SecretPath) -> Option<Page> {
        let mut devices = guide.devices.into_iter();
        let device = devices.find(|part| part.name == *device)?;
        let downloads = device.files.iter().map(|file| Download {
            name: file.name.clone(),
            href: path.file(&file.name),
        });
        Some(Page {
            language: guide.language,
            domain: guide.domain,
            display_name: guide.display_name,
            admin: guide.admin,
            renewed_at: guide.renewed_at,
            downloads: downloads.collect(),
            device,
            services: guide.services,
        })
    }
}
