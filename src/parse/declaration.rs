//! The declaration as it was written: every node known, every value of its type, nothing resolved.

use super::document::Node;
use super::fields::Fields;
use super::mistake::Mistake;
use crate::diagnostic::did_you_mean;
use crate::source::{Span, Spanned};

/// Text and where it was written.
pub type Text = Spanned<String>;

/// A whole `homelab.kdl`.
#[derive(Debug, Default)]
pub struct Declaration {
    /// `domain "home.example.com"`.
    pub domain: Option<Text>,
    /// `validity { … }`.
    pub validity: ValidityBlock,
    /// `edge { … }`.
    pub edge: EdgeBlock,
    /// Every `person`, in the order written.
    pub people: Vec<PersonBlock>,
    /// Every `group`.
    pub groups: Vec<GroupLine>,
    /// Every `service`.
    pub services: Vec<ServiceBlock>,
}

/// `validity { authority "10y"; device "1y"; renew "30d" }`.
#[derive(Debug, Default)]
pub struct ValidityBlock {
    /// How long the authority's certificate is valid.
    pub authority: Option<Text>,
    /// How long a device's certificate is valid, unless it says so itself.
    pub device: Option<Text>,
    /// How long before a certificate's end its renewal is due.
    pub renew: Option<Text>,
}

/// `edge { … }`.
#[derive(Debug, Default)]
pub struct EdgeBlock {
    /// The ACME account's address.
    pub email: Option<Text>,
    /// Where the sites' own certificates come from.
    pub certificates: Option<CertificatesLine>,
    /// What counts as the LAN.
    pub lan: Vec<Text>,
    /// The oldest Caddy that must take the file.
    pub caddy: Option<Text>,
    /// `certificate "asked"`, for all services.
    pub certificate: Option<Text>,
}

/// `certificates "dns" provider="cloudflare" token-env="CF_API_TOKEN"`.
#[derive(Debug)]
pub struct CertificatesLine {
    /// `acme`, `internal`, `dns` or `files`.
    pub kind: Text,
    /// The DNS provider, as Caddy's plugin for it is called.
    pub provider: Option<Text>,
    /// The environment variable of Caddy's process that holds the provider's token.
    pub token_env: Option<Text>,
    /// The certificate chain's file on the Caddy host.
    pub cert: Option<Text>,
    /// The key's file on the Caddy host.
    pub key: Option<Text>,
}

/// `person "alice" { … }`.
#[derive(Debug)]
pub struct PersonBlock {
    /// The name that everything else refers to.
    pub name: Text,
    /// The name to show.
    pub display_name: Option<Text>,
    /// The person's address.
    pub email: Option<Text>,
    /// The person's devices, in the order written.
    pub devices: Vec<DeviceLine>,
}

/// `device "pixel" platform="android" version=15 validity="1y"`.
#[derive(Debug)]
pub struct DeviceLine {
    /// The device's name, unique for its person.
    pub name: Text,
    /// What it runs.
    pub platform: Option<Text>,
    /// The platform's major version.
    pub version: Option<Spanned<i128>>,
    /// How long its certificate is valid.
    pub validity: Option<Text>,
}

/// `group "family" "alice" "bob"`.
#[derive(Debug)]
pub struct GroupLine {
    /// The group's name.
    pub name: Text,
    /// The people in it.
    pub members: Vec<Text>,
}

/// `service "immich" { … }`.
#[derive(Debug)]
pub struct ServiceBlock {
    /// The service's name, and its host unless it says another.
    pub name: Text,
    /// Host labels, `@`, or full names.
    pub hosts: Vec<Text>,
    /// Where the requests go.
    pub upstream: Option<UpstreamLine>,
    /// The people and groups that may use it.
    pub allow: Vec<Text>,
    /// `open "lan"` or `open "everyone"`.
    pub open: Option<Text>,
    /// Paths open without a certificate.
    pub public: Vec<Text>,
    /// `certificate "asked"` or `"required"`.
    pub certificate: Option<Text>,
    /// `identity`: where it stands.
    pub identity: Option<Span>,
    /// The catalogue's name of the app behind it.
    pub app: Option<Text>,
}

impl ServiceBlock {
    fn named(name: Text) -> ServiceBlock {
        ServiceBlock {
            name,
            hosts: Vec::new(),
            upstream: None,
            allow: Vec::new(),
            open: None,
            public: Vec::new(),
            certificate: None,
            identity: None,
            app: None,
        }
    }
}

/// `upstream "https://10.0.0.7:3000" verify=#false`.
#[derive(Debug)]
pub struct UpstreamLine {
    /// The address.
    pub address: Text,
    /// Whether an https upstream's certificate is verified.
    pub verify: Option<Spanned<bool>>,
}

/// The nodes that a block knows.
struct Known {
    /// What the block is called in a message.
    place: &'static str,
    /// Nodes that may stand once.
    once: &'static [&'static str],
    /// Nodes that may stand any number of times.
    many: &'static [&'static str],
}

const DECLARATION: Known = Known {
    place: "the declaration",
    once: &["domain", "validity", "edge"],
    many: &["person", "group", "service"],
};
const VALIDITY: Known = Known {
    place: "`validity`",
    once: &["authority", "device", "renew"],
    many: &[],
};
const EDGE: Known = Known {
    place: "`edge`",
    once: &["email", "certificates", "lan", "caddy", "certificate"],
    many: &[],
};
const PERSON: Known = Known {
    place: "`person`",
    once: &["name", "email"],
    many: &["device"],
};
const SERVICE: Known = Known {
    place: "`service`",
    once: &[
        "host",
        "upstream",
        "allow",
        "open",
        "certificate",
        "identity",
        "app",
    ],
    // Several `public` lines read better than one long one.
    many: &["public"],
};

impl Known {
    /// Those of `nodes` that are known and not repeated; the others are mistakes.
    fn among<'n>(&self, nodes: &'n [Node], mistakes: &mut Vec<Mistake>) -> Vec<&'n Node> {
        let mut accepted: Vec<&Node> = Vec::with_capacity(nodes.len());
        let mut firsts: Vec<&Node> = Vec::new();
        for node in nodes {
            let name = node.name.value.as_str();
            if self.many.contains(&name) {
                accepted.push(node);
            } else if !self.once.contains(&name) {
                let known = self.once.iter().chain(self.many).copied();
                mistakes.push(Mistake::UnknownNode {
                    name: name.to_owned(),
                    place: self.place,
                    span: node.name.span,
                    help: did_you_mean(name, known),
                });
            } else if let Some(first) = firsts.iter().find(|first| first.name.value == name) {
                mistakes.push(Mistake::RepeatedNode {
                    name: name.to_owned(),
                    span: node.name.span,
                    first: first.name.span,
                });
            } else {
                firsts.push(node);
                accepted.push(node);
            }
        }
        accepted
    }
}

/// Reads nodes as a declaration; mistakes are added to `mistakes`.
pub fn declaration(nodes: &[Node], mistakes: &mut Vec<Mistake>) -> Declaration {
    let mut declared = Declaration::default();
    for node in DECLARATION.among(nodes, mistakes) {
        match node.name.value.as_str() {
            "domain" => {
                let example = "domain \"home.example.com\"";
                declared.domain = only_text(node, "a domain", example, mistakes);
            }
            "validity" => declared.validity = validity(node, mistakes),
            "edge" => declared.edge = edge(node, mistakes),
            "person" => declared.people.extend(person(node, mistakes)),
            "group" => declared.groups.extend(group(node, mistakes)),
            "service" => declared.services.extend(service(node, mistakes)),
            other => unreachable!("`{other}` is not known to the declaration"),
        }
    }
    declared
}

fn validity(node: &Node, mistakes: &mut Vec<Mistake>) -> ValidityBlock {
    let mut block = ValidityBlock::default();
    for child in VALIDITY.among(only_block(node, mistakes), mistakes) {
        let duration = only_text(child, "a duration", "device \"1y\"", mistakes);
        match child.name.value.as_str() {
            "authority" => block.authority = duration,
            "device" => block.device = duration,
            "renew" => block.renew = duration,
            other => unreachable!("`{other}` is not known to `validity`"),
        }
    }
    block
}

fn edge(node: &Node, mistakes: &mut Vec<Mistake>) -> EdgeBlock {
    let mut block = EdgeBlock::default();
    for child in EDGE.among(only_block(node, mistakes), mistakes) {
        match child.name.value.as_str() {
            "email" => {
                let example = "email \"alice@example.com\"";
                block.email = only_text(child, "an address", example, mistakes);
            }
            "certificates" => block.certificates = certificates(child, mistakes),
            "lan" => {
                let mut fields = Fields::of(child, mistakes);
                block.lan = fields.texts("a range", "lan \"192.168.0.0/16\"");
                fields.finish("ranges", false);
            }
            "caddy" => block.caddy = only_text(child, "a version", "caddy \"2.11\"", mistakes),
            "certificate" => {
                block.certificate = only_text(child, "a mode", "certificate \"asked\"", mistakes);
            }
            other => unreachable!("`{other}` is not known to `edge`"),
        }
    }
    block
}

fn certificates(node: &Node, mistakes: &mut Vec<Mistake>) -> Option<CertificatesLine> {
    let mut fields = Fields::of(node, mistakes);
    let kind = fields.text("a kind", "certificates \"acme\"");
    let provider = fields.text_property("provider");
    let token_env = fields.text_property("token-env");
    let cert = fields.text_property("cert");
    let key = fields.text_property("key");
    fields.finish("one kind", false);
    Some(CertificatesLine {
        kind: kind?,
        provider,
        token_env,
        cert,
        key,
    })
}

fn person(node: &Node, mistakes: &mut Vec<Mistake>) -> Option<PersonBlock> {
    let mut fields = Fields::of(node, mistakes);
    let name = fields.text("a name", "person \"alice\"");
    fields.finish("one name", true);
    let (mut display_name, mut email, mut devices) = (None, None, Vec::new());
    for child in PERSON.among(node.children(), mistakes) {
        match child.name.value.as_str() {
            "name" => {
                let example = "name \"Alice Liddell\"";
                display_name = only_text(child, "a name", example, mistakes);
            }
            "email" => {
                let example = "email \"alice@example.com\"";
                email = only_text(child, "an address", example, mistakes);
            }
            "device" => devices.extend(device(child, mistakes)),
            other => unreachable!("`{other}` is not known to `person`"),
        }
    }
    Some(PersonBlock {
        name: name?,
        display_name,
        email,
        devices,
    })
}

fn device(node: &Node, mistakes: &mut Vec<Mistake>) -> Option<DeviceLine> {
    let mut fields = Fields::of(node, mistakes);
    let name = fields.text("a name", "device \"pixel\" platform=\"android\"");
    let platform = fields.text_property("platform");
    let version = fields.integer_property("version");
    let validity = fields.text_property("validity");
    fields.finish("one name", false);
    Some(DeviceLine {
        name: name?,
        platform,
        version,
        validity,
    })
}

fn group(node: &Node, mistakes: &mut Vec<Mistake>) -> Option<GroupLine> {
    let example = "group \"family\" \"alice\" \"bob\"";
    let mut fields = Fields::of(node, mistakes);
    let name = fields.text("a name", example)?;
    let members = fields.texts("a member", example);
    fields.finish("a name and members", false);
    Some(GroupLine { name, members })
}

fn service(node: &Node, mistakes: &mut Vec<Mistake>) -> Option<ServiceBlock> {
    let mut fields = Fields::of(node, mistakes);
    let name = fields.text("a name", "service \"immich\" { … }");
    fields.finish("one name", true);
    // Its lines are read even where it has no name, so that their mistakes are told too.
    let unnamed = Spanned::new(String::new(), node.span);
    let mut service = ServiceBlock::named(name.clone().unwrap_or(unnamed));
    for child in SERVICE.among(node.children(), mistakes) {
        service_line(child, &mut service, mistakes);
    }
    name.map(|_| service)
}

fn service_line(node: &Node, service: &mut ServiceBlock, mistakes: &mut Vec<Mistake>) {
    let mut fields = Fields::of(node, mistakes);
    let takes = match node.name.value.as_str() {
        "host" => {
            service.hosts = fields.texts("a host", "host \"photos\"");
            "hosts"
        }
        "allow" => {
            service.allow = fields.texts("a person or group", "allow \"family\"");
            "people and groups"
        }
        "public" => {
            service
                .public
                .extend(fields.texts("a path", "public \"/share/*\""));
            "paths"
        }
        "open" => {
            service.open = fields.text("to whom", "open \"lan\"");
            "one value"
        }
        "certificate" => {
            service.certificate = fields.text("a mode", "certificate \"asked\"");
            "one value"
        }
        "app" => {
            service.app = fields.text("an app", "app \"immich\"");
            "one value"
        }
        "identity" => {
            service.identity = Some(node.span);
            "nothing"
        }
        "upstream" => {
            let address = fields.text("an address", "upstream \"http://10.0.0.7:3000\"");
            let verify = fields.boolean_property("verify");
            service.upstream = address.map(|address| UpstreamLine { address, verify });
            "one address"
        }
        other => unreachable!("`{other}` is not known to `service`"),
    };
    fields.finish(takes, false);
}

/// The block of a node that has nothing else.
fn only_block<'n>(node: &'n Node, mistakes: &mut Vec<Mistake>) -> &'n [Node] {
    Fields::of(node, mistakes).finish("only a block", true);
    node.children()
}

/// The one text of a node that has nothing else.
fn only_text(
    node: &Node,
    what: &'static str,
    example: &'static str,
    mistakes: &mut Vec<Mistake>,
) -> Option<Text> {
    let mut fields = Fields::of(node, mistakes);
    let text = fields.text(what, example);
    fields.finish("one value", false);
    text
}
