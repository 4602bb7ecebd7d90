//! One declaration in, a homelab's edge out.
//!
//! `homelab.kdl` says which people and devices there are and which services they may use. From it,
//! and from what `homelab.lock` records, come a client-certificate authority, a .p12 per device, a
//! Caddyfile that lets in exactly those devices, and an install guide per person:
//!
//! 1. [`parse`]: text becomes declarations as they were written, each with its place.
//! 2. [`resolve`]: declarations become a [`model::Homelab`], valid by construction.
//! 3. [`build`]: `prepare` works out, from those and the [`lock`], what a build is about to do; `update` has [`issue`] bring the
//!    lock up to date, from the secret in [`root`].
//! 4. [`mod@derive`]: the homelab and its lock become a sorted list of derivations, each with all that its
//!    artifact is made from.
//! 5. [`build`] again: `execute` has what is stale rendered ([`render`], [`template`], [`pki`]) in parallel and hands it to the
//!    output [`tree`]; `forecast` says what that would alter, and `consequence` what it means for people.
//!
//! [`workspace`] has the files beside the declaration, [`keyring`] what opens and seals the secret among them.
//! [`share`] hands a device's files from that tree to a phone, [`verify`] holds trees and answers against what they should be.
//!
//! Nothing but [`cli`] reads the clock or the environment, prints, or asks. ARCHITECTURE.md has the
//! map and the invariants.

#![forbid(unsafe_code)]
#![warn(unreachable_pub)]

mod build;
mod catalogue;
mod cli;
mod dates;
mod deploy;
mod derive;
mod diagnostic;
mod edge_templates;
mod in_order;
mod issue;
mod keyring;
mod lasting;
mod lint;
mod lock;
mod memory;
mod model;
mod once;
mod packed;
mod parse;
mod pki;
mod prepared;
mod probe;
mod progress;
mod random;
mod record;
mod render;
mod resolve;
mod root;
mod settled;
mod share;
mod source;
mod status;
mod template;
mod tree;
mod verify;
mod workspace;

pub use cli::main;

/// What the project's own tests ask of the inside. It is no library: nothing here is promised to anybody.
#[doc(hidden)]
pub mod internals {
    pub use crate::build::AuthorityRefusal;
    pub use crate::catalogue::{
        App, Catalogue, DnsProvider, DnsSetting, GatewayPreset, apps, dns_providers, gateways,
    };
    pub use crate::cli::command;
    pub use crate::derive::{InstallerContext, RegistryValue};
    pub use crate::diagnostic::Mistakes;
    pub use crate::lint::{FORMS, Form};
    pub use crate::lock::read as read_lock;
    pub use crate::memory::file_name as memory_file_name;
    pub use crate::model::Methods;
    pub use crate::parse::messages::{MessageFile, messages};
    pub use crate::parse::{SIZE_LIMIT, source as parse_source};
    pub use crate::pki::{
        Certificate, ForeignKey, ForeignKeyError, Readers, certificates_in, read_authority,
        requested_key,
    };
    pub use crate::root::{Keyring, RootId, RootSecret, RootSigner};
    pub use crate::source::Source;
    pub use crate::template::{Templates, built_in_languages};

    pub use super::{compile, compile_apps};
}

use catalogue::Catalogue;
use diagnostic::Mistakes;
use model::{Homelab, Language};
use source::Source;

/// Reads a declaration and resolves it, or says everything that is wrong with it.
pub fn compile(source: &Source) -> Result<Homelab, Mistakes> {
    let languages = template::built_in_languages();
    compile_with(source, (&languages, Catalogue::default()))
}

/// The same, where guides can be written in these languages and apps are those of this catalogue.
fn compile_with(
    source: &Source,
    (languages, catalogue): (&[Language], Catalogue),
) -> Result<Homelab, Mistakes> {
    let (declaration, mistakes) = parse::parse(source)?;
    resolve::resolve(source, &declaration, mistakes, (languages, catalogue))
}

/// Reads apps of a user's own, in the form of the built-in catalogue, or says everything that is wrong with them.
pub fn compile_apps(source: &Source) -> Result<Catalogue, Mistakes> {
    resolve::apps(source, catalogue::read(source)?)
}
