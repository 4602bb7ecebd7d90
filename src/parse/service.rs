//! `service "…" { … }` as it was written.

use super::declaration::{CertificatesLine, Text, TlsLine};
use super::document::Node;
use super::extras::{HealthLine, RequestHeaderLine, RespondLine};
use super::fields::Fields;
use super::known::Known;
use super::reader::Reader;
use super::sign_in::SignInLine;
use crate::source::{Span, Spanned};

/// `service "immich" { … }`.
#[derive(Debug)]
pub(crate) struct ServiceBlock {
    /// The service's name, and its host unless it says another.
    pub name: Text,
    /// The edge that it stands behind.
    pub on: Option<Text>,
    /// The name to show.
    pub title: Option<Text>,
    /// Host labels, `@`, or full names.
    pub hosts: Vec<Text>,
    /// Where the requests go, in the order written.
    pub upstreams: Vec<UpstreamLine>,
    /// Where visitors are sent on to.
    pub redirect: Option<RedirectLine>,
    /// The directory that is served.
    pub files: Option<FilesLine>,
    /// The people, groups and devices that may use it.
    pub allow: Vec<AllowLine>,
    /// `open "lan"` or `open "everyone"`.
    pub open: Option<OpenLine>,
    /// `sign-in`, or `sign-in "also"`.
    pub sign_in: Option<SignInLine>,
    /// Other policies, each for a path.
    pub paths: Vec<PathBlock>,
    /// The pages of other origins that may ask what they may send, without a certificate.
    pub preflight: Vec<Text>,
    /// Paths open without a certificate.
    pub public: Vec<PublicLine>,
    /// `share-links`: where it stands.
    pub share_links: Option<Span>,
    /// `certificate "asked"` or `"required"`.
    pub certificate: Option<Text>,
    /// Where its own certificate comes from.
    pub certificates: Option<CertificatesLine>,
    /// The oldest version of TLS.
    pub tls: Option<TlsLine>,
    /// `identity`: where it stands.
    pub identity: Option<Span>,
    /// The catalogue's name of the app behind it.
    pub app: Option<Text>,
    /// How long the upstream may take.
    pub timeouts: Option<TimeoutsLine>,
    /// The largest body that a request may have.
    pub max_body: Option<Text>,
    /// `stream`: where it stands.
    pub stream: Option<Span>,
    /// `header-underscores`: where it stands.
    pub header_underscores: Option<Span>,
    /// Headers set on every answer.
    pub headers: Vec<HeaderLine>,
    /// Lines of a Caddyfile, taken as they are.
    pub raw: Vec<Text>,
    /// The port of HTTPS.
    pub port: Option<Spanned<i128>>,
    /// Where its requests are written down.
    pub log: Option<Text>,
    /// `compress`: where it stands.
    pub compress: Option<Span>,
    /// What the edge answers by itself.
    pub respond: Option<RespondLine>,
    /// How upstreams are asked whether they are well.
    pub health: Option<HealthLine>,
    /// Which host upstreams are told.
    pub host_header: Option<Text>,
    /// Headers that upstreams are told.
    pub request_headers: Vec<RequestHeaderLine>,
}

/// `upstream "https://10.0.0.7:3000" verify=#false`.
#[derive(Debug)]
pub(crate) struct UpstreamLine {
    /// The addresses; at least one.
    pub addresses: Vec<Text>,
    /// The requests that go there, where not all do.
    pub path: Option<Text>,
    /// Which of several addresses is taken.
    pub policy: Option<Text>,
    /// Whether an https upstream's certificate is verified.
    pub verify: Option<Spanned<bool>>,
    /// The file of the authority that vouches for an https upstream, on the Caddy host.
    pub ca: Option<Text>,
    /// The name that an https upstream's certificate is to have.
    pub server_name: Option<Text>,
}

/// `redirect "https://photos.example.org/*" status=308`.
#[derive(Debug)]
pub(crate) struct RedirectLine {
    pub to: Text,
    pub status: Option<Spanned<i128>>,
}

/// `files "/srv/www" browse=#true`.
#[derive(Debug)]
pub(crate) struct FilesLine {
    /// The directory on the Caddy host.
    pub root: Text,
    pub browse: Option<Spanned<bool>>,
}

/// `allow "family" "bob/laptop" from="office"`.
#[derive(Debug)]
pub(crate) struct AllowLine {
    /// At least one.
    pub names: Vec<Text>,
    /// The network in which the certificate counts, where it does not count everywhere.
    pub from: Option<Text>,
}

/// `open "lan" "office"`.
#[derive(Debug)]
pub(crate) struct OpenLine {
    /// At least one.
    pub audiences: Vec<Text>,
    /// Within `path`, the methods that are open, where not all are.
    pub methods: Option<Text>,
}

/// `path "/admin/*" { allow "alice"; }`.
#[derive(Debug)]
pub(crate) struct PathBlock {
    pub path: Text,
    pub allow: Vec<AllowLine>,
    pub open: Option<OpenLine>,
    pub sign_in: Option<SignInLine>,
}

/// `public "/hook/*" methods="POST"`.
#[derive(Debug)]
pub(crate) struct PublicLine {
    /// The paths; at least one.
    pub paths: Vec<Text>,
    /// The methods, where not GET and HEAD.
    pub methods: Option<Text>,
}

/// `timeouts dial="3s" response="2m"`.
#[derive(Debug)]
pub(crate) struct TimeoutsLine {
    pub span: Span,
    /// How long connecting may take.
    pub dial: Option<Text>,
    /// How long the upstream may take until it begins to answer.
    pub response: Option<Text>,
}

/// `header "X-Frame-Options" "DENY"`.
#[derive(Debug)]
pub(crate) struct HeaderLine {
    pub name: Text,
    pub value: Text,
}

impl ServiceBlock {
    fn named(name: Text) -> ServiceBlock {
        ServiceBlock {
            name,
            on: None,
            title: None,
            hosts: Vec::new(),
            upstreams: Vec::new(),
            redirect: None,
            files: None,
            allow: Vec::new(),
            open: None,
            sign_in: None,
            paths: Vec::new(),
            preflight: Vec::new(),
            public: Vec::new(),
            share_links: None,
            certificate: None,
            certificates: None,
            tls: None,
            identity: None,
            app: None,
            timeouts: None,
            max_body: None,
            stream: None,
            header_underscores: None,
            headers: Vec::new(),
            raw: Vec::new(),
            port: None,
            log: None,
            compress: None,
            respond: None,
            health: None,
            host_header: None,
            request_headers: Vec::new(),
        }
    }
}

pub(super) const SERVICE: Known = Known {
    place: "`service`",
    once: &[
        "on",
        "title",
        "host",
        "app",
        "redirect",
        "files",
        "open",
        "sign-in",
        "preflight",
        "share-links",
        "identity",
        "certificate",
        "certificates",
        "tls",
        "timeouts",
        "max-body",
        "stream",
        "header-underscores",
        "port",
        "log",
        "compress",
        "respond",
        "health",
        "host-header",
    ],
    // Several `public` lines read better than one long one; the others say more than one thing each.
    many: &[
        "upstream",
        "allow",
        "path",
        "public",
        "header",
        "request-header",
        "raw",
    ],
};
const PATH: Known = Known {
    place: "`path`",
    once: &["open", "sign-in"],
    many: &["allow"],
};

impl Reader {
    pub(super) fn service(&mut self, node: &Node) -> Option<ServiceBlock> {
        let mut fields = self.fields(node);
        let name = fields.text("a name", "service \"immich\" { … }");
        fields.finish_before_block("one name");
        // Its lines are read even where it has no name, so that their mistakes are told too.
        let unnamed = Spanned::new(String::new(), node.span);
        let mut service = ServiceBlock::named(name.clone().unwrap_or(unnamed));
        for child in self.known(&SERVICE, node.children()) {
            if child.name.value == "path" {
                service.paths.extend(self.path(child));
                continue;
            }
            if child.name.value == "certificates" {
                service.certificates = self.certificates(child);
                continue;
            }
            let mut fields = self.fields(child);
            let takes = line(child, &mut fields, &mut service);
            fields.finish(takes);
        }
        name.map(|_| service)
    }

    fn path(&mut self, node: &Node) -> Option<PathBlock> {
        let mut fields = self.fields(node);
        let path = fields.text("a path", "path \"/admin/*\" { allow \"alice\"; }");
        fields.finish_before_block("one path");
        let (mut allow, mut open, mut sign_in) = (Vec::new(), None, None);
        for child in self.known(&PATH, node.children()) {
            let mut fields = self.fields(child);
            let takes = match child.name.value.as_str() {
                "allow" => {
                    allow.extend(allowed(&mut fields));
                    "people, groups and devices"
                }
                "open" => {
                    let methods = fields.text_property("methods");
                    open = opened(&mut fields, methods);
                    "networks, or `everyone`"
                }
                "sign-in" => {
                    sign_in = Some(SignInLine::read(&mut fields));
                    "nothing, or `also`"
                }
                other => unreachable!("`{other}` is not known to `path`"),
            };
            fields.finish(takes);
        }
        Some(PathBlock {
            path: path?,
            allow,
            open,
            sign_in,
        })
    }
}

fn allowed(fields: &mut Fields<'_, '_>) -> Option<AllowLine> {
    let from = fields.text_property("from");
    let names = fields.texts("a person or group", "allow \"family\"");
    (!names.is_empty()).then_some(AllowLine { names, from })
}

fn opened(fields: &mut Fields<'_, '_>, methods: Option<Text>) -> Option<OpenLine> {
    let audiences = fields.texts("to whom", "open \"lan\"");
    (!audiences.is_empty()).then_some(OpenLine { audiences, methods })
}

/// Reads one line into the service, and says what it takes.
fn line(node: &Node, fields: &mut Fields<'_, '_>, service: &mut ServiceBlock) -> &'static str {
    let takes = backend_line(node, fields, service)
        .or_else(|| access_line(node, fields, service))
        .or_else(|| answer_line(node, fields, service));
    takes.unwrap_or_else(|| unreachable!("`{}` is not known to `service`", node.name.value))
}

/// Where requests go; none where the line is about something else.
fn backend_line(
    node: &Node,
    fields: &mut Fields<'_, '_>,
    service: &mut ServiceBlock,
) -> Option<&'static str> {
    Some(match node.name.value.as_str() {
        "app" => {
            service.app = fields.text("an app", "app \"immich\"");
            "one value"
        }
        "upstream" => {
            service.upstreams.extend(upstream(fields));
            "addresses"
        }
        "redirect" => {
            let to = fields.text("where to", "redirect \"https://photos.example.org/*\"");
            let status = fields.integer_property("status");
            service.redirect = to.map(|to| RedirectLine { to, status });
            "one address"
        }
        "files" => {
            let root = fields.text("a directory", "files \"/srv/www\"");
            let browse = fields.boolean_property("browse");
            service.files = root.map(|root| FilesLine { root, browse });
            "one directory"
        }
        "timeouts" => {
            service.timeouts = Some(TimeoutsLine {
                span: node.span,
                dial: fields.text_property("dial"),
                response: fields.text_property("response"),
            });
            "`dial` and `response`"
        }
        "respond" => {
            service.respond = RespondLine::read(fields);
            "one text"
        }
        "health" => {
            service.health = HealthLine::read(fields);
            "one path"
        }
        "host-header" => {
            service.host_header = fields.text("whose", "host-header \"upstream\"");
            "one value"
        }
        "request-header" => {
            let line = RequestHeaderLine::read(fields);
            service.request_headers.extend(line);
            "a name and a value"
        }
        "stream" => {
            service.stream = Some(node.span);
            "nothing"
        }
        _ => return None,
    })
}

/// Who may use it; none where the line is about something else.
fn access_line(
    node: &Node,
    fields: &mut Fields<'_, '_>,
    service: &mut ServiceBlock,
) -> Option<&'static str> {
    Some(match node.name.value.as_str() {
        "allow" => {
            service.allow.extend(allowed(fields));
            "people, groups and devices"
        }
        "open" => {
            service.open = opened(fields, None);
            "networks, or `everyone`"
        }
        "sign-in" => {
            service.sign_in = Some(SignInLine::read(fields));
            "nothing, or `also`"
        }
        "public" => {
            let paths = fields.texts("a path", "public \"/share/*\"");
            let methods = fields.text_property("methods");
            service.public.push(PublicLine { paths, methods });
            "paths"
        }
        "preflight" => {
            let example = "preflight \"https://app.home.example.com\"";
            service.preflight = fields.texts("an origin", example);
            "origins"
        }
        "share-links" => {
            service.share_links = Some(node.span);
            "nothing"
        }
        "identity" => {
            service.identity = Some(node.span);
            "nothing"
        }
        "certificate" => {
            service.certificate = fields.text("a mode", "certificate \"asked\"");
            "one value"
        }
        _ => return None,
    })
}

/// How it is called, and what holds for each request and answer; none where the line is about something else.
fn answer_line(
    node: &Node,
    fields: &mut Fields<'_, '_>,
    service: &mut ServiceBlock,
) -> Option<&'static str> {
    Some(match node.name.value.as_str() {
        "on" => {
            service.on = fields.text("an edge", "on \"home\"");
            "one edge"
        }
        "title" => {
            service.title = fields.text("a name to show", "title \"Photos\"");
            "one value"
        }
        "host" => {
            service.hosts = fields.texts("a host", "host \"photos\"");
            "hosts"
        }
        "tls" => {
            service.tls = TlsLine::read(fields);
            "`min`"
        }
        "port" => {
            service.port = fields.integer("a port", "port 8448");
            "one port"
        }
        "log" => {
            service.log = fields.text("where to", "log \"stderr\"");
            "one value"
        }
        "compress" => {
            service.compress = Some(node.span);
            "nothing"
        }
        "max-body" => {
            service.max_body = fields.text("a size", "max-body \"10GB\"");
            "one size"
        }
        "header-underscores" => {
            service.header_underscores = Some(node.span);
            "nothing"
        }
        "header" => {
            let example = "header \"X-Frame-Options\" \"DENY\"";
            let name = fields.text("a name", example);
            let value = name.as_ref().and_then(|_| fields.text("a value", example));
            let header = name.zip(value);
            let header = header.map(|(name, value)| HeaderLine { name, value });
            service.headers.extend(header);
            "a name and a value"
        }
        "raw" => {
            let lines = fields.text("lines of a Caddyfile", "raw \"encode zstd gzip\"");
            service.raw.extend(lines);
            "one text"
        }
        _ => return None,
    })
}

pub(super) fn upstream(fields: &mut Fields<'_, '_>) -> Option<UpstreamLine> {
    let addresses = fields.texts("an address", "upstream \"http://10.0.0.7:3000\"");
    let line = UpstreamLine {
        path: fields.text_property("path"),
        policy: fields.text_property("policy"),
        verify: fields.boolean_property("verify"),
        ca: fields.text_property("ca"),
        server_name: fields.text_property("server-name"),
        addresses,
    };
    (!line.addresses.is_empty()).then_some(line)
}
