//! Lines that stand in `edge` and in `service`, and what the edge does besides letting in.

use super::declaration::Text;
use super::fields::Fields;
use crate::source::Spanned;

/// `fallback "Nothing here." status=404`, or `fallback redirect="https://home.example.com"`.
#[derive(Debug)]
pub(crate) struct FallbackLine {
    pub span: crate::source::Span,
    pub text: Option<Text>,
    pub status: Option<Spanned<i128>>,
    pub redirect: Option<Text>,
}

/// `respond "Coming soon" status=503`.
#[derive(Debug)]
pub(crate) struct RespondLine {
    pub text: Text,
    pub status: Option<Spanned<i128>>,
}

/// `health "/healthz" every="30s"`.
#[derive(Debug)]
pub(crate) struct HealthLine {
    pub uri: Text,
    pub every: Option<Text>,
}

/// `request-header "X-Api-Key" env="API_KEY"`.
#[derive(Debug)]
pub(crate) struct RequestHeaderLine {
    pub name: Text,
    pub value: Option<Text>,
    pub env: Option<Text>,
}

impl FallbackLine {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> FallbackLine {
        FallbackLine {
            span: fields.span(),
            text: fields.optional_text(),
            status: fields.integer_property("status"),
            redirect: fields.text_property("redirect"),
        }
    }
}

impl RespondLine {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<RespondLine> {
        let text = fields.text("what to say", "respond \"Coming soon\"");
        let status = fields.integer_property("status");
        text.map(|text| RespondLine { text, status })
    }
}

impl HealthLine {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<HealthLine> {
        let uri = fields.text("a path", "health \"/healthz\"");
        let every = fields.text_property("every");
        uri.map(|uri| HealthLine { uri, every })
    }
}

impl RequestHeaderLine {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<RequestHeaderLine> {
        let example = "request-header \"X-Tenant\" \"home\"";
        let name = fields.text("a name", example);
        let env = fields.text_property("env");
        let value = match &env {
            Some(_) => fields.optional_text(),
            None => name.as_ref().and_then(|_| fields.text("a value", example)),
        };
        name.map(|name| RequestHeaderLine { name, value, env })
    }
}
