//! A declaration in the test's own types. Nothing here knows what the compiler makes of it.

#[derive(Clone, Debug)]
pub struct Declaration {
    pub domain: &'static str,
    pub edge: Edge,
    pub people: Vec<Person>,
    /// Names and members.
    pub groups: Vec<(String, Vec<String>)>,
    /// Names and ranges, beside the LAN.
    pub networks: Vec<(&'static str, Vec<&'static str>)>,
    pub services: Vec<Service>,
}

#[derive(Clone, Debug)]
pub struct Edge {
    pub email: Option<String>,
    pub certificates: Certificates,
    /// Ranges with the lengths of their prefixes; none for private ones.
    pub lan: Vec<&'static str>,
    pub behind: Option<Behind>,
    pub caddy: Option<&'static str>,
    /// `certificate "asked"` for all.
    pub asked: bool,
    pub landing: bool,
}

#[derive(Clone, Debug)]
pub enum Certificates {
    Acme,
    Internal,
    /// By the plugin that no test has, so that its line is taken out before a Caddy reads the file.
    Dns,
    Files {
        cert: String,
        key: String,
    },
}

#[derive(Clone, Debug)]
pub struct Behind {
    pub proxies: Vec<&'static str>,
    pub proxy_protocol: bool,
}

#[derive(Clone, Debug)]
pub struct Person {
    pub name: String,
    pub display: Option<String>,
    pub email: Option<String>,
    pub devices: Vec<String>,
    /// Devices of an earlier build, gone since.
    pub former: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Service {
    pub name: String,
    /// As written; none for the service's name.
    pub hosts: Vec<String>,
    pub title: Option<String>,
    pub app: Option<&'static App>,
    pub backend: Backend,
    pub access: Access,
    pub paths: Vec<PathPolicy>,
    /// Origins of pages that may ask what they may send.
    pub preflight: Vec<&'static str>,
    /// As written, and in bytes.
    pub max_body: Option<(&'static str, u64)>,
    pub header_underscores: bool,
    pub headers: Vec<(&'static str, String)>,
    pub raw: Vec<&'static Raw>,
}

#[derive(Clone, Debug)]
pub enum Access {
    Everyone,
    /// Whoever is in one of these networks, and nobody else.
    Networks {
        open: Vec<&'static str>,
        openings: Openings,
    },
    Certificate {
        allow: Vec<Allow>,
        /// Networks that need none.
        open: Vec<&'static str>,
        openings: Openings,
        /// `certificate "asked"` or `"required"`.
        asked: Option<bool>,
        identity: bool,
    },
}

/// One line of `allow`.
#[derive(Clone, Debug)]
pub struct Allow {
    /// People, groups and single devices.
    pub names: Vec<String>,
    pub from: Option<&'static str>,
}

/// Another policy for a path.
#[derive(Clone, Debug)]
pub struct PathPolicy {
    pub path: &'static str,
    pub allow: Vec<Allow>,
    pub open: Open,
}

/// To whom a path with a policy of its own is open.
#[derive(Clone, Debug)]
pub enum Open {
    Nobody,
    Networks(Vec<&'static str>),
    /// Everyone, by all methods or by these.
    Everyone(Option<&'static Methods>),
}

/// What everyone may reach of a service that not everyone may.
#[derive(Clone, Debug, Default)]
pub struct Openings {
    pub public: Vec<Public>,
    pub share_links: bool,
}

/// One line of `public`.
#[derive(Clone, Debug)]
pub struct Public {
    pub paths: Vec<&'static str>,
    pub methods: &'static Methods,
}

/// Methods as written, if they are, and what that opens.
#[derive(Debug)]
pub struct Methods {
    pub written: Option<&'static str>,
    pub opened: &'static [&'static str],
}

#[derive(Clone, Debug)]
pub enum Backend {
    Proxy {
        rest: Upstreams,
        by_path: Vec<(&'static str, Upstreams)>,
        /// As written, and in nanoseconds.
        dial: Option<(&'static str, u64)>,
        response: Option<(&'static str, u64)>,
        stream: bool,
    },
    Files {
        root: String,
        browse: bool,
    },
    Redirect {
        to: String,
        same_path: bool,
        status: Option<u16>,
    },
}

#[derive(Clone, Debug)]
pub struct Upstreams {
    pub scheme: Scheme,
    /// `host`, `host:port` or, of a socket, its path.
    pub addresses: Vec<String>,
    pub prefix: Option<&'static str>,
    pub policy: Option<&'static str>,
    pub trust: Trust,
    pub server_name: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
    H2c,
    Unix,
}

#[derive(Clone, Debug)]
pub enum Trust {
    System,
    Unverified,
    Authority(String),
}

/// What the test knows of an app by heart.
#[derive(Debug)]
pub struct App {
    pub name: &'static str,
    pub title: &'static str,
    pub port: u16,
    /// What its share links need, and its web app manifest.
    pub share: &'static [(&'static str, &'static [&'static str])],
}

/// Lines of a Caddyfile.
#[derive(Debug)]
pub struct Raw {
    pub lines: &'static str,
    /// The directive, and what it comes to.
    pub directive: &'static str,
    pub meaning: &'static str,
}
