//! Where a service's requests go when they are passed on.

use std::fmt;
use std::net::Ipv6Addr;

use http::Uri;
use serde::{Serialize, Serializer};

use super::backend::{HostPath, Timeout};
use super::extras::Health;
use super::path::is_plain_prefix;

/// Servers that answer alike, behind the edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Upstreams {
    /// How the edge speaks to them: the scheme of each address. What is written asks only whether it is https.
    #[serde(rename = "is_https", serialize_with = "is_https")]
    pub scheme: Scheme,
    /// Where they are; at least one.
    pub addresses: Vec<Address>,
    /// What stands before each path there, such as `/photos`.
    pub prefix: Option<String>,
    /// Which of several is taken; Caddy's own choice if none is said.
    pub policy: Option<&'static str>,
    /// Whether each part of an answer is passed on as it comes.
    pub stream: bool,
    /// Whether they are told their own host in place of the visitor's word.
    pub own_host: bool,
    /// How they are asked whether they are well.
    pub health: Option<Box<Health>>,
    /// How connections to them are made, as the lines of a `transport` block; none where all is as Caddy does by itself.
    #[serde(serialize_with = "lines_unless_usual")]
    pub transport: Transport,
}

fn is_https<S: Serializer>(scheme: &Scheme, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(*scheme == Scheme::Https)
}

/// How connections to upstreams are made. The default is as Caddy does where nothing is said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transport {
    /// How https upstreams are known to be the right ones; none in the clear.
    pub tls: Option<UpstreamTls>,
    /// How long connecting may take.
    pub dial_timeout: Option<Timeout>,
    /// How long an upstream may take until it begins to answer.
    pub response_timeout: Option<Timeout>,
}

/// How an https upstream is known to be the right one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UpstreamTls {
    /// Who vouches for its certificate.
    pub trust: Trust,
    /// The name that its certificate is to have, where that is not its host.
    pub server_name: Option<String>,
}

impl Transport {
    /// Whether Caddy does all of it by itself: TLS it takes from an address.
    fn is_usual(&self) -> bool {
        let Transport {
            tls,
            dial_timeout,
            response_timeout,
        } = self;
        let is_usual = |tls: &UpstreamTls| *tls == UpstreamTls::default();
        tls.as_ref().is_none_or(is_usual) && dial_timeout.is_none() && response_timeout.is_none()
    }

    /// The words of each line.
    fn lines(&self) -> Vec<Vec<&str>> {
        let mut lines = Vec::new();
        if let Some(tls) = &self.tls {
            lines.push(vec!["tls"]);
            match &tls.trust {
                Trust::System => {}
                Trust::Unverified => lines.push(vec!["tls_insecure_skip_verify"]),
                Trust::Authority(file) => lines.push(vec!["tls_trusted_ca_certs", file.as_str()]),
            }
            let name = tls.server_name.as_deref();
            lines.extend(name.map(|name| vec!["tls_server_name", name]));
        }
        let timeouts = [
            ("dial_timeout", &self.dial_timeout),
            ("response_header_timeout", &self.response_timeout),
        ];
        for (word, timeout) in timeouts {
            lines.extend(timeout.iter().map(|timeout| vec![word, timeout.as_str()]));
        }
        lines
    }
}

fn lines_unless_usual<S: Serializer>(
    transport: &Transport,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let lines = (!transport.is_usual()).then(|| transport.lines());
    lines.serialize(serializer)
}

/// Who vouches for an upstream's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Trust {
    /// The authorities that the Caddy host trusts.
    #[default]
    System,
    /// An authority of its own: its certificate, PEM, a file on the Caddy host.
    Authority(HostPath),
    /// Nobody: it is not verified.
    Unverified,
}

/// How the edge speaks to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
    /// HTTP/2 in the clear.
    H2c,
    /// In the clear, over a Unix socket.
    Unix,
}

impl Scheme {
    /// How Caddy writes an upstream of this kind, before its address.
    fn prefix(self) -> &'static str {
        match self {
            Scheme::Http => "",
            Scheme::Https => "https://",
            Scheme::H2c => "h2c://",
            Scheme::Unix => "unix/",
        }
    }
}

/// The policies by which one of several upstreams is taken, as Caddy calls them.
pub(crate) const POLICIES: [&str; 7] = [
    "random",
    "round_robin",
    "least_conn",
    "first",
    "ip_hash",
    "uri_hash",
    "cookie",
];

/// One address of an upstream as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// How the edge speaks to it.
    pub scheme: Scheme,
    /// A host and port such as `immich.local:2283` or `[fd00::7]:80`, or the path of a socket.
    pub authority: String,
    /// What stands before each path there.
    pub prefix: Option<String>,
}

impl Address {
    /// Takes `http://host:port`, with `https` or `h2c` too, perhaps with a path; or
    /// `unix//path/of/a.sock`, as Caddy writes it. Where http has no port, it is `port`, or 80.
    /// Otherwise says why not.
    pub fn new(text: &str, port: Option<u16>) -> Result<Address, &'static str> {
        if let Some(path) = text.strip_prefix("unix/") {
            return socket(path);
        }
        let uri: Uri = text.parse().map_err(|_| "it is no URL")?;
        let (scheme, usual_port) = match uri.scheme_str() {
            Some("http") => (Scheme::Http, port.unwrap_or(80)),
            Some("https") => (Scheme::Https, 443),
            Some("h2c") => (Scheme::H2c, 80),
            Some(_) => return Err("its scheme is none of http, https and h2c"),
            None => return Err("it has no scheme"),
        };
        let authority = uri.authority().ok_or("it has no host")?;
        if authority.as_str().contains('@') {
            return Err("it holds a user or a password, which would stand in the Caddyfile");
        }
        if uri.query().is_some() || text.contains('#') {
            return Err("it has a query or a fragment");
        }
        let host = authority.host();
        if !is_upstream_host(host) {
            return Err("its host is neither a name nor an address");
        }
        let port = match authority.port() {
            Some(port) if port.as_u16() != 0 => port.as_u16(),
            Some(_) => return Err("port 0 is none"),
            None if authority.as_str() != host => return Err("its port is no number"),
            None => usual_port,
        };
        // Caddy takes either for a slip, and refuses the whole file.
        if matches!((scheme, port), (Scheme::H2c, 443) | (Scheme::Https, 80)) {
            return Err("its port is the usual one of the other scheme");
        }
        let prefix = match uri.path().strip_suffix('/').unwrap_or(uri.path()) {
            "" => None,
            path if is_plain_prefix(path) => Some(path.to_owned()),
            _ => {
                return Err(
                    "its path is not plain: segments of letters, digits, `.`, `_`, `~`, `-`",
                );
            }
        };
        Ok(Address {
            scheme,
            authority: format!("{host}:{port}"),
            prefix,
        })
    }
}

/// As Caddy writes it: what stands before each path is said elsewhere.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.scheme.prefix(), self.authority)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn socket(path: &str) -> Result<Address, &'static str> {
    plain_socket(path)?;
    Ok(Address {
        scheme: Scheme::Unix,
        authority: path.to_owned(),
        prefix: None,
    })
}

/// Whether a socket's path is plain. Caddy reads permissions behind a `|`, and takes several slashes for one.
pub(super) fn plain_socket(path: &str) -> Result<(), &'static str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._~@+-".contains(&b);
    let is_plain =
        |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain);
    let segments = path
        .strip_prefix('/')
        .map(|rest| rest.split('/').all(is_plain));
    if segments != Some(true) {
        return Err("its socket is no absolute path of plain segments, as in `unix//run/app.sock`");
    }
    Ok(())
}

/// Whether a text can be the host of an upstream. Host names of a home network have more than DNS
/// allows: container names with underscores.
pub(crate) fn is_upstream_host(host: &str) -> bool {
    if let Some(address) = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    !host.is_empty() && host.bytes().all(allowed) && !host.starts_with(['.', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, scheme, authority, prefix) in [
            (
                "http://immich.local:2283",
                Scheme::Http,
                "immich.local:2283",
                None,
            ),
            (
                "http://immich_server:2283/",
                Scheme::Http,
                "immich_server:2283",
                None,
            ),
            (
                "https://10.0.0.7:3000",
                Scheme::Https,
                "10.0.0.7:3000",
                None,
            ),
            ("https://nas", Scheme::Https, "nas:443", None),
            ("http://nas", Scheme::Http, "nas:80", None),
            ("http://[fd00::7]:80", Scheme::Http, "[fd00::7]:80", None),
            ("h2c://grpc:50051", Scheme::H2c, "grpc:50051", None),
            (
                "http://nas/photos/",
                Scheme::Http,
                "nas:80",
                Some("/photos"),
            ),
            (
                "unix//run/.app/x@1.sock",
                Scheme::Unix,
                "/run/.app/x@1.sock",
                None,
            ),
        ] {
            let address = Address::new(text, None).unwrap();
            assert_eq!(
                (
                    address.scheme,
                    address.authority.as_str(),
                    address.prefix.as_deref()
                ),
                (scheme, authority, prefix)
            );
        }
        let usual = Address::new("http://immich", Some(2283)).unwrap();
        assert_eq!(usual.authority, "immich:2283");
    }

    #[test]
    fn other_things_are_refused() {
        for bad in [
            "",
            "nas",
            "nas:80",
            "ftp://nas",
            "http://",
            "http://:80",
            "http://nas:0",
            "http://nas:99999",
            "http://nas:",
            "https://nas:80",
            "h2c://nas:443",
            "http://user:pw@nas",
            "http://nas/../path",
            "http://nas/a b",
            "http://nas//a",
            "http://nas/a*",
            "http://nas?x",
            "http://nas#x",
            "http://[fd00::zz]",
            "http://{env.X}",
            "http://a b",
            "http://-x",
            "http://na\\s",
            "http://nas,other",
            "unix/run/x.sock",
            "unix//run/../x.sock",
            "unix//run/x.sock|0222",
            "unix//run/{x}",
            "unix///run/x.sock",
        ] {
            assert!(Address::new(bad, None).is_err(), "{bad}");
        }
    }
}
