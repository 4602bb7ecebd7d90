//! Where the edge is, and where it is brought to.

use super::declaration::Text;
use super::fields::Fields;
use crate::source::{Span, Spanned};

/// `address "203.0.113.7" lan-address="192.168.1.10"`.
#[derive(Debug)]
pub(crate) struct AddressLine {
    /// Perhaps none, where there is `lan`.
    pub public: Vec<Text>,
    /// Several have spaces between them.
    pub lan: Option<Text>,
}

/// `deploy "root@edge.lan" sudo=#true`.
#[derive(Debug)]
pub(crate) struct DeployLine {
    pub span: Span,
    pub host: Option<Text>,
    pub path: Option<Text>,
    pub config: Option<Text>,
    pub reload: Option<Text>,
    pub sudo: Option<Spanned<bool>>,
    pub verify: Option<Spanned<bool>>,
    pub container: Option<Text>,
    pub engine: Option<Text>,
    pub container_config: Option<Text>,
}

/// `pick-up root="/etc/caddy/homelab/current"`.
#[derive(Debug)]
pub(crate) struct PickUpLine {
    pub span: Span,
    pub root: Option<Text>,
}

impl PickUpLine {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> PickUpLine {
        PickUpLine {
            span: fields.span(),
            root: fields.text_property("root"),
        }
    }
}

impl AddressLine {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> AddressLine {
        let lan = fields.text_property("lan-address");
        let public = match lan {
            Some(_) => fields.more_texts(),
            None => fields.texts("an address", "address \"203.0.113.7\""),
        };
        AddressLine { public, lan }
    }
}

impl DeployLine {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> DeployLine {
        DeployLine {
            span: fields.span(),
            host: fields.optional_text(),
            path: fields.text_property("path"),
            config: fields.text_property("config"),
            reload: fields.text_property("reload"),
            sudo: fields.boolean_property("sudo"),
            verify: fields.boolean_property("verify"),
            container: fields.text_property("container"),
            engine: fields.text_property("engine"),
            container_config: fields.text_property("container-config"),
        }
    }
}
