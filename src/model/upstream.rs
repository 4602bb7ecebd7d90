//! Where a service's requests go.

use std::net::Ipv6Addr;

use http::Uri;

/// An HTTP server behind the edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// How the edge speaks to it.
    pub scheme: Scheme,
    /// Its host and port, such as `immich.local:2283` or `[fd00::7]:80`.
    pub authority: String,
    /// Whether an https upstream's certificate is verified.
    pub verify: bool,
}

/// How the edge speaks to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// The scheme of a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

impl Upstream {
    /// Takes `http://host:port` or `https://host:port`; otherwise says why not.
    pub fn new(text: &str, verify: bool) -> Result<Upstream, &'static str> {
        let uri: Uri = text.parse().map_err(|_| "it is no URL")?;
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            Some(_) => return Err("its scheme is neither http nor https"),
            None => return Err("it has no scheme"),
        };
        let authority = uri.authority().ok_or("it has no host")?;
        if authority.as_str().contains('@') {
            return Err("it holds a user or a password, which would stand in the Caddyfile");
        }
        if uri
            .path_and_query()
            .is_some_and(|path| path.as_str() != "/")
            || text.contains('#')
        {
            return Err("it has a path, and the edge passes each path on as it came");
        }
        let host = authority.host();
        if !is_upstream_host(host) {
            return Err("its host is neither a name nor an address");
        }
        let port = match authority.port() {
            Some(port) if port.as_u16() != 0 => port.as_u16(),
            Some(_) => return Err("port 0 is none"),
            None if authority.as_str() != host => return Err("its port is no number"),
            None => match scheme {
                Scheme::Http => 80,
                Scheme::Https => 443,
            },
        };
        Ok(Upstream {
            scheme,
            authority: format!("{host}:{port}"),
            verify,
        })
    }
}

/// Host names of a home network have more than DNS allows: container names with underscores.
fn is_upstream_host(host: &str) -> bool {
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
    fn upstreams_are_read() {
        for (text, scheme, authority) in [
            (
                "http://immich.local:2283",
                Scheme::Http,
                "immich.local:2283",
            ),
            (
                "http://immich_server:2283/",
                Scheme::Http,
                "immich_server:2283",
            ),
            ("https://10.0.0.7:3000", Scheme::Https, "10.0.0.7:3000"),
            ("https://nas", Scheme::Https, "nas:443"),
            ("http://nas", Scheme::Http, "nas:80"),
            ("http://[fd00::7]:80", Scheme::Http, "[fd00::7]:80"),
        ] {
            let upstream = Upstream::new(text, true).unwrap();
            assert_eq!(
                (upstream.scheme, upstream.authority.as_str()),
                (scheme, authority)
            );
        }
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
            "http://user:pw@nas",
            "http://nas/path",
            "http://nas?x",
            "http://nas#x",
            "http://[fd00::zz]",
            "http://{env.X}",
            "http://a b",
            "http://-x",
            "http://na\\s",
            "http://nas,other",
            "unix//run/x.sock",
        ] {
            assert!(Upstream::new(bad, true).is_err(), "{bad}");
        }
    }
}
