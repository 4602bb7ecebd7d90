//! `sign-in`: the gateway of the edge, and the line of a service that sends visitors there.

use super::declaration::{Text, UpstreamLine};
use super::document::Node;
use super::fields::Fields;
use super::known::Known;
use super::reader::Reader;
use super::service::upstream;
use crate::source::Span;

/// `sign-in "authelia" { upstream "http://127.0.0.1:9091"; }` of `edge`.
#[derive(Debug)]
pub(crate) struct GatewayBlock {
    /// Of a preset, or of a gateway of which all is said.
    pub name: Text,
    pub upstream: Option<UpstreamLine>,
    /// The path by which the gateway is asked who somebody is.
    pub uri: Option<Text>,
    /// The header that says who.
    pub user: Option<Text>,
    /// What else the gateway says of them, header by header.
    pub headers: Vec<Text>,
    /// Paths on each host that are the gateway's own.
    pub own: Vec<Text>,
    /// The page for who has not signed in.
    pub page: Option<Text>,
}

/// `sign-in`, or `sign-in "also"`, of a service or one of its paths.
#[derive(Debug)]
pub(crate) struct SignInLine {
    pub span: Span,
    pub word: Option<Text>,
}

pub(super) const GATEWAY: Known = Known {
    place: "`sign-in`",
    once: &["upstream", "uri", "user", "headers", "own", "page"],
    many: &[],
};

impl SignInLine {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> SignInLine {
        SignInLine {
            span: fields.span(),
            word: fields.optional_text(),
        }
    }
}

impl Reader {
    pub(super) fn gateway(&mut self, node: &Node) -> Option<GatewayBlock> {
        let mut fields = self.fields(node);
        let example = "sign-in \"authelia\" { upstream \"http://127.0.0.1:9091\"; }";
        let name = fields.text("a gateway", example);
        fields.finish_before_block("one name");
        let unnamed = Text::new(String::new(), node.span);
        let mut gateway = GatewayBlock {
            name: name.clone().unwrap_or(unnamed),
            upstream: None,
            uri: None,
            user: None,
            headers: Vec::new(),
            own: Vec::new(),
            page: None,
        };
        for child in self.known(&GATEWAY, node.children()) {
            let mut fields = self.fields(child);
            let takes = match child.name.value.as_str() {
                "upstream" => {
                    gateway.upstream = upstream(&mut fields);
                    "addresses"
                }
                "uri" => {
                    gateway.uri = fields.text("a path", "uri \"/api/authz/forward-auth\"");
                    "one path"
                }
                "user" => {
                    gateway.user = fields.text("a header", "user \"Remote-User\"");
                    "one header"
                }
                "headers" => {
                    gateway.headers = fields.texts("a header", "headers \"Remote-Groups\"");
                    "headers"
                }
                "own" => {
                    gateway.own = fields.texts("a path", "own \"/oauth2/*\"");
                    "paths"
                }
                "page" => {
                    gateway.page = fields.text("a path", "page \"/oauth2/sign_in\"");
                    "one path"
                }
                other => unreachable!("`{other}` is not known to `sign-in`"),
            };
            fields.finish(takes);
        }
        name.map(|_| gateway)
    }
}
