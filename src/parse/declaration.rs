//! The declaration as it was written: every node known, every value of its type, nothing resolved.

use std::collections::BTreeMap;
use std::mem;

use super::deploy::{AddressLine, DeployLine, PickUpLine};
use super::document::{Node, Value};
use super::extras::FallbackLine;
use super::fields::Fields;
use super::known::Known;
use super::reader::Reader;
pub(crate) use super::service::{
    AllowLine, FilesLine, OpenLine, PathBlock, RedirectLine, ServiceBlock, TimeoutsLine,
    UpstreamLine,
};
pub(crate) use super::sign_in::{GatewayBlock, SignInLine};
use super::unread::{Unread, has_unread, reach};
use crate::diagnostic::mistake;
use crate::source::{Span, Spanned};

/// Text and where it was written.
pub(crate) type Text = Spanned<String>;

#[derive(Debug, Default)]
pub(crate) struct Declaration {
    /// `domain "home.example.com"`.
    pub domain: Option<Text>,
    /// `validity { … }`.
    pub validity: ValidityBlock,
    /// Every `edge`, in the order written.
    pub edges: Vec<EdgeBlock>,
    /// Every `person`, in the order written.
    pub people: Vec<PersonBlock>,
    pub groups: Vec<GroupLine>,
    pub networks: Vec<NetworkLine>,
    pub services: Vec<ServiceBlock>,
    pub unread: Unread,
}

/// `validity { authority "10y"; device "1y"; renew "30d" }`.
#[derive(Debug, Default)]
pub(crate) struct ValidityBlock {
    /// How long the authority's certificate is valid.
    pub authority: Option<Text>,
    /// How long a device's certificate is valid, unless it says so itself.
    pub device: Option<Text>,
    /// How long before a certificate's end its renewal is due.
    pub renew: Option<Text>,
}

/// `edge { … }`, or `edge "home" { … }`.
#[derive(Debug)]
pub(crate) struct EdgeBlock {
    pub span: Span,
    /// What services call it by.
    pub name: Option<Text>,
    pub email: Option<Text>,
    /// Where the sites' own certificates come from.
    pub certificates: Option<CertificatesLine>,
    /// Whom certificates are asked of.
    pub acme: Option<AcmeLine>,
    /// The oldest version of TLS.
    pub tls: Option<TlsLine>,
    /// What counts as the LAN.
    pub lan: Vec<Text>,
    /// The proxies that stand before this one.
    pub behind: Option<BehindLine>,
    /// The oldest Caddy that must take the file.
    pub caddy: Option<Text>,
    /// `certificate "asked"`, for all services.
    pub certificate: Option<Text>,
    /// `landing`: where it stands.
    pub landing: Option<Span>,
    /// The port of HTTPS.
    pub port: Option<Spanned<i128>>,
    /// Where requests are written down.
    pub log: Option<Text>,
    /// `compress`: where it stands.
    pub compress: Option<Span>,
    /// Where Caddy's admin endpoint is.
    pub admin: Option<Text>,
    /// `metrics`: where it stands.
    pub metrics: Option<Span>,
    /// What visitors of undeclared hosts get.
    pub fallback: Option<FallbackLine>,
    /// Where visitors can sign in.
    pub sign_in: Option<GatewayBlock>,
    /// Where visitors find it.
    pub address: Option<AddressLine>,
    /// Where it is deployed to.
    pub deploy: Option<DeployLine>,
    /// Newer certificates are fetched there.
    pub pick_up: Option<PickUpLine>,
}

/// `behind "10.0.0.2" by="proxy-protocol"`.
#[derive(Debug)]
pub(crate) struct BehindLine {
    pub proxies: Vec<Text>,
    /// How they say for whom they speak.
    pub by: Option<Text>,
}

/// `certificates "dns" provider="cloudflare" token-env="CF_API_TOKEN"`.
#[derive(Debug)]
pub(crate) struct CertificatesLine {
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
    /// The provider and all that its plugin is told.
    pub provider_block: Option<ProviderBlock>,
    /// The DNS servers that are asked whether a record is there.
    pub resolvers: Vec<Text>,
    pub propagation: Option<PropagationLine>,
}

/// `provider "ovh" { endpoint "ovh-eu"; application_key env="OVH_KEY" }`.
#[derive(Debug)]
pub(crate) struct ProviderBlock {
    pub name: Text,
    /// In the order written, each once.
    pub settings: Vec<SettingLine>,
}

/// One setting of a provider's plugin.
#[derive(Debug)]
pub(crate) struct SettingLine {
    pub name: Text,
    pub value: Option<Text>,
    /// The environment variable of Caddy's process that holds it.
    pub env: Option<Text>,
}

/// `propagation timeout="5m" delay="30s"`.
#[derive(Debug)]
pub(crate) struct PropagationLine {
    pub span: Span,
    /// How long a record may take until it is seen.
    pub timeout: Option<Text>,
    /// How long to wait before anybody looks.
    pub delay: Option<Text>,
}

/// `tls min="1.3"`.
#[derive(Debug)]
pub(crate) struct TlsLine {
    /// The oldest version that a visitor may speak.
    pub min: Text,
}

/// `acme ca="https://…" root="/…" eab="ID" eab-key-env="EAB_KEY"`.
#[derive(Debug)]
pub(crate) struct AcmeLine {
    pub span: Span,
    /// The directory of the authority (RFC 8555 §7.1.1).
    pub ca: Option<Text>,
    /// The file of the root that vouches for that directory, on the Caddy host.
    pub root: Option<Text>,
    /// The id of the account that the authority knows already (RFC 8555 §7.3.4).
    pub eab: Option<Text>,
    /// The environment variable of Caddy's process that holds the key of that account.
    pub eab_key_env: Option<Text>,
}

/// `person "alice" { … }`.
#[derive(Debug)]
pub(crate) struct PersonBlock {
    /// The name that everything else refers to.
    pub name: Text,
    /// The name to show.
    pub display_name: Option<Text>,
    pub email: Option<Text>,
    /// The language of the person's guide.
    pub language: Option<Text>,
    pub devices: Vec<DeviceLine>,
    /// Where it begins, and where the last statement in it ends.
    pub reach: (usize, usize),
}

/// `device "pixel" platform="android" version=15 validity="1y"`.
#[derive(Debug)]
pub(crate) struct DeviceLine {
    /// The device's name, unique for its person.
    pub name: Text,
    /// What it runs.
    pub platform: Option<Text>,
    pub version: Option<Spanned<i128>>,
    /// How long its certificate is valid.
    pub validity: Option<Text>,
    /// The day with which its certificate ends at the latest.
    pub until: Option<Text>,
    /// The file that asks for a certificate of its own key.
    pub csr: Option<Text>,
    /// The certificate that it has already.
    pub fingerprint: Option<Text>,
    /// The kind of key that is asked for.
    pub key: Option<Text>,
}

/// `group "family" "alice" "bob"`.
#[derive(Debug)]
pub(crate) struct GroupLine {
    pub name: Text,
    pub members: Vec<Text>,
}

/// `network "office" "203.0.113.0/24"`.
#[derive(Debug)]
pub(crate) struct NetworkLine {
    pub name: Text,
    /// At least one.
    pub ranges: Vec<Text>,
}

pub(super) const DECLARATION: Known = Known {
    place: "the declaration",
    once: &["domain", "validity"],
    many: &["edge", "person", "group", "network", "service"],
};
pub(super) const VALIDITY: Known = Known {
    place: "`validity`",
    once: &["authority", "device", "renew"],
    many: &[],
};
pub(super) const EDGE: Known = Known {
    place: "`edge`",
    once: &[
        "email",
        "certificates",
        "acme",
        "tls",
        "lan",
        "behind",
        "caddy",
        "certificate",
        "landing",
        "port",
        "log",
        "compress",
        "admin",
        "metrics",
        "fallback",
        "sign-in",
        "address",
        "deploy",
        "pick-up",
    ],
    many: &[],
};
pub(super) const CERTIFICATES: Known = Known {
    place: "`certificates`",
    once: &["provider", "resolvers", "propagation"],
    many: &[],
};
pub(super) const PERSON: Known = Known {
    place: "`person`",
    once: &["name", "email", "language"],
    many: &["device"],
};

impl EdgeBlock {
    /// One that says nothing yet.
    pub(crate) fn new(span: Span, name: Option<Text>) -> EdgeBlock {
        EdgeBlock {
            span,
            name,
            email: None,
            certificates: None,
            acme: None,
            tls: None,
            lan: Vec::new(),
            behind: None,
            caddy: None,
            certificate: None,
            landing: None,
            port: None,
            log: None,
            compress: None,
            admin: None,
            metrics: None,
            fallback: None,
            sign_in: None,
            address: None,
            deploy: None,
            pick_up: None,
        }
    }
}

impl TlsLine {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<TlsLine> {
        let min = fields.needed_property("min", "tls min=\"1.3\"");
        min.map(|min| TlsLine { min })
    }
}

impl Reader {
    /// Reads nodes as a declaration.
    pub(super) fn declaration(&mut self, text: &str, mut nodes: Vec<Node>) -> Declaration {
        self.split_statements(text, &mut nodes);
        let mut declared = Declaration::default();
        let before = self.mistaken();
        let known = self.known(&DECLARATION, &nodes);
        declared.unread.is_whole =
            self.mistaken() == before && nodes.iter().all(|node| !node.is_unread);
        for node in known {
            let before = self.mistaken();
            match node.name.value.as_str() {
                "domain" => {
                    let example = "domain \"home.example.com\"";
                    declared.domain = self.only_text(node, "a domain", example);
                    declared.unread.is_whole &= declared.domain.is_some();
                }
                "validity" => declared.validity = self.validity(node),
                "edge" => declared.edges.push(self.edge(node)),
                "person" => declared.people.extend(self.person(node)),
                "group" => declared.groups.extend(self.group(node)),
                "network" => declared.networks.extend(self.network(node)),
                "service" => declared.services.extend(self.service(node)),
                other => unreachable!("`{other}` is not known to the declaration"),
            }
            if self.mistaken() > before || has_unread(node) {
                declared.unread.note(reach(node));
            }
        }
        declared.unread.words = mem::take(&mut self.words_unread);
        declared
    }

    fn validity(&mut self, node: &Node) -> ValidityBlock {
        let mut block = ValidityBlock::default();
        let node = &self.without_devices(node);
        for child in self.only_block(&VALIDITY, node) {
            let duration = self.only_text(child, "a duration", "device \"1y\"");
            match child.name.value.as_str() {
                "authority" => block.authority = duration,
                "device" => block.device = duration,
                "renew" => block.renew = duration,
                other => unreachable!("`{other}` is not known to `validity`"),
            }
        }
        block
    }

    /// The block but for devices, which belong to people: where one stands, that is told once for all of them. `device` in `validity` says how
    /// long the certificates of all devices are valid.
    fn without_devices(&mut self, node: &Node) -> Node {
        const OF_A_DEVICE: [&str; 6] =
            ["platform", "version", "until", "csr", "fingerprint", "key"];
        let is_device = |child: &&Node| {
            let mut names = child.properties.iter().map(|(name, _)| &name.value);
            child.name.value == "device" && names.any(|name| OF_A_DEVICE.contains(&&name[..]))
        };
        let mut rest = node.clone();
        let Some(device) = node.children().iter().find(is_device) else {
            return rest;
        };
        self.refuse(mistake!(
            "parse::device-in-validity",
            "a device stands in `validity`",
            at(device.name.span, "belongs in a `person`"),
            help("write it in `person \"…\" {{ … }}`, with `validity=\"90d\"` where it is to be valid longer or shorter than others; in `validity`, `device \"1y\"` is how long all are"),
        ));
        // A name without a platform beside one that has it is one more.
        let is_length = |child: &Node| match child.arguments.first().map(|name| &name.value) {
            Some(Value::String(text)) => text.starts_with(|c: char| c.is_ascii_digit()),
            _ => false,
        };
        let stays = |child: &Node| {
            child.name.value != "device" || (child.properties.is_empty() && is_length(child))
        };
        rest.block.iter_mut().for_each(|block| block.retain(stays));
        rest
    }

    fn edge(&mut self, node: &Node) -> EdgeBlock {
        let mut fields = self.fields(node);
        let name = fields.optional_text();
        fields.finish_before_block("one name");
        let mut block = EdgeBlock::new(node.span, name);
        for child in self.known(&EDGE, node.children()) {
            match child.name.value.as_str() {
                "certificates" => block.certificates = self.certificates(child),
                "acme" => block.acme = Some(self.acme(child)),
                "sign-in" => block.sign_in = self.gateway(child),
                _ => {
                    let mut fields = self.fields(child);
                    let takes = edge_line(child, &mut fields, &mut block);
                    fields.finish(takes);
                }
            }
        }
        block
    }

    pub(super) fn certificates(&mut self, node: &Node) -> Option<CertificatesLine> {
        let mut fields = self.fields(node);
        let kind = fields.text("a kind", "certificates \"acme\"");
        let provider = fields.text_property("provider");
        let token_env = fields.text_property("token-env");
        let cert = fields.text_property("cert");
        let key = fields.text_property("key");
        fields.finish_before_block("one kind");
        let mut line = CertificatesLine {
            kind: kind?,
            provider,
            token_env,
            cert,
            key,
            provider_block: None,
            resolvers: Vec::new(),
            propagation: None,
        };
        for child in self.known(&CERTIFICATES, node.children()) {
            match child.name.value.as_str() {
                "provider" => line.provider_block = self.provider(child),
                "resolvers" => {
                    let mut fields = self.fields(child);
                    line.resolvers = fields.texts("an address", "resolvers \"1.1.1.1\"");
                    fields.finish("addresses");
                }
                "propagation" => {
                    let mut fields = self.fields(child);
                    line.propagation = Some(PropagationLine {
                        span: child.span,
                        timeout: fields.text_property("timeout"),
                        delay: fields.text_property("delay"),
                    });
                    fields.finish("`timeout` and `delay`");
                }
                other => unreachable!("`{other}` is not known to `certificates`"),
            }
        }
        Some(line)
    }

    /// A provider's settings have the names that its plugin gives them: which there are is not known here.
    fn provider(&mut self, node: &Node) -> Option<ProviderBlock> {
        let mut fields = self.fields(node);
        let name = fields.text("a name", "provider \"ovh\" { … }");
        fields.finish_before_block("one name");
        let mut settings = Vec::new();
        let mut firsts: BTreeMap<&str, Span> = BTreeMap::new();
        for child in node.children().iter().filter(|child| !child.is_unread) {
            let at = child.name.span;
            let first = *firsts.entry(&child.name.value).or_insert(at);
            if first != at {
                self.refuse_repeated(child, first);
                continue;
            }
            let mut fields = self.fields(child);
            let env = fields.text_property("env");
            let value = match (&env, child.arguments.is_empty()) {
                (Some(_), true) => None,
                _ => fields.text("a value", "endpoint \"ovh-eu\""),
            };
            fields.finish("one value, or `env`");
            settings.push(SettingLine {
                name: child.name.clone(),
                value,
                env,
            });
        }
        Some(ProviderBlock {
            name: name?,
            settings,
        })
    }

    fn acme(&mut self, node: &Node) -> AcmeLine {
        let mut fields = self.fields(node);
        let line = AcmeLine {
            span: node.span,
            ca: fields.text_property("ca"),
            root: fields.text_property("root"),
            eab: fields.text_property("eab"),
            eab_key_env: fields.text_property("eab-key-env"),
        };
        fields.finish("`ca`, `root`, `eab` and `eab-key-env`");
        line
    }

    fn person(&mut self, node: &Node) -> Option<PersonBlock> {
        let mut fields = self.fields(node);
        let name = fields.text("a name", "person \"alice\"");
        fields.finish_before_block("one name");
        let (mut display_name, mut email, mut language) = (None, None, None);
        let mut devices = Vec::new();
        for child in self.known(&PERSON, node.children()) {
            match child.name.value.as_str() {
                "name" => {
                    let example = "name \"Alice Liddell\"";
                    display_name = self.only_text(child, "a name", example);
                }
                "email" => {
                    let example = "email \"alice@example.com\"";
                    email = self.only_text(child, "an address", example);
                }
                "language" => language = self.only_text(child, "a language", "language \"de\""),
                "device" => devices.extend(self.device(child)),
                other => unreachable!("`{other}` is not known to `person`"),
            }
        }
        Some(PersonBlock {
            name: name?,
            display_name,
            email,
            language,
            devices,
            reach: reach(node),
        })
    }

    fn device(&mut self, node: &Node) -> Option<DeviceLine> {
        let mut fields = self.fields(node);
        let name = fields.text("a name", "device \"pixel\" platform=\"android\"");
        let platform = fields.text_property("platform");
        let version = fields.integer_property("version");
        let validity = fields.text_property("validity");
        let until = fields.text_property("until");
        let csr = fields.text_property("csr");
        let fingerprint = fields.text_property("fingerprint");
        let key = fields.text_property("key");
        fields.finish("one name");
        Some(DeviceLine {
            name: name?,
            platform,
            version,
            validity,
            until,
            csr,
            fingerprint,
            key,
        })
    }

    fn network(&mut self, node: &Node) -> Option<NetworkLine> {
        let example = "network \"office\" \"203.0.113.0/24\"";
        let mut fields = self.fields(node);
        let name = fields.text("a name", example);
        let ranges = match &name {
            Some(_) => fields.texts("a range", example),
            None => Vec::new(),
        };
        fields.finish("a name and ranges");
        Some(NetworkLine {
            name: name?,
            ranges,
        })
    }

    fn group(&mut self, node: &Node) -> Option<GroupLine> {
        let example = "group \"family\" \"alice\" \"bob\"";
        let mut fields = self.fields(node);
        let name = fields.text("a name", example)?;
        let members = fields.texts("a member", example);
        fields.finish("a name and members");
        Some(GroupLine { name, members })
    }

    /// What a node that has nothing else has in its block.
    fn only_block<'n>(&mut self, known: &Known, node: &'n Node) -> Vec<&'n Node> {
        self.fields(node).finish_before_block("only a block");
        self.known(known, node.children())
    }

    /// The one text of a node that has nothing else.
    fn only_text(&mut self, node: &Node, what: &str, example: &str) -> Option<Text> {
        let mut fields = self.fields(node);
        let text = fields.text(what, example);
        fields.finish("one value");
        text
    }
}

/// Reads one line into the edge, and says what it takes.
fn edge_line(node: &Node, fields: &mut Fields<'_, '_>, block: &mut EdgeBlock) -> &'static str {
    match node.name.value.as_str() {
        "email" => {
            block.email = fields.text("an address", "email \"alice@example.com\"");
            "one value"
        }
        "tls" => {
            block.tls = TlsLine::read(fields);
            "`min`"
        }
        "lan" => {
            block.lan = fields.texts("a range", "lan \"192.168.0.0/16\"");
            "ranges"
        }
        "behind" => {
            block.behind = Some(BehindLine {
                proxies: fields.texts("an address", "behind \"10.0.0.2\""),
                by: fields.text_property("by"),
            });
            "addresses"
        }
        "port" => {
            block.port = fields.integer("a port", "port 8443");
            "one port"
        }
        "log" => {
            block.log = fields.text("where to", "log \"stderr\"");
            "one value"
        }
        "compress" => {
            block.compress = Some(node.span);
            "nothing"
        }
        "admin" => {
            block.admin = fields.text("an address", "admin \"unix//run/caddy/admin.sock\"");
            "one value"
        }
        "metrics" => {
            block.metrics = Some(node.span);
            "nothing"
        }
        "fallback" => {
            block.fallback = Some(FallbackLine::read(fields));
            "one text"
        }
        "address" => {
            block.address = Some(AddressLine::read(fields));
            "addresses"
        }
        "deploy" => {
            block.deploy = Some(DeployLine::read(fields));
            "one host"
        }
        "pick-up" => {
            block.pick_up = Some(PickUpLine::read(fields));
            "`root`"
        }
        "landing" => {
            block.landing = Some(node.span);
            "nothing"
        }
        "caddy" => {
            block.caddy = fields.text("a version", "caddy \"2.11\"");
            "one value"
        }
        "certificate" => {
            block.certificate = fields.text("a mode", "certificate \"asked\"");
            "one value"
        }
        other => unreachable!("`{other}` is not known to `edge`"),
    }
}
