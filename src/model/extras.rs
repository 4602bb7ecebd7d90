//! What the edge does besides letting in: where it listens, what it writes down, what it answers by itself.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use super::backend::{HostPath, Redirect};
use super::issuance::Setting;
use super::text::sayable;
use super::upstream::plain_socket;

/// The port of HTTPS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Port(u16);

impl Port {
    /// What a browser takes where an address names none (RFC 9110 §4.2.2).
    pub const USUAL: Port = Port(443);

    /// Takes 1 to 65535, but for 80, where Caddy redirects; otherwise says why not.
    pub fn new(number: i128) -> Result<Port, &'static str> {
        match u16::try_from(number) {
            Err(_) | Ok(0) => Err("it is no port"),
            Ok(80) => Err("port 80 is that of HTTP, where visitors are sent to HTTPS"),
            Ok(number) => Ok(Port(number)),
        }
    }

    pub fn number(self) -> u16 {
        self.0
    }

    /// A host with it, where it has to be said.
    pub fn of(self, host: impl fmt::Display) -> String {
        match self {
            Port::USUAL => host.to_string(),
            Port(number) => format!("{host}:{number}"),
        }
    }
}

/// Where requests are written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// The standard error of Caddy's process, which systemd keeps.
    Stderr,
    File(HostPath),
}

/// What a service says of being written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceLog {
    Off,
    To(LogTarget),
}

/// Where Caddy's admin endpoint is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admin {
    /// A name or address of the Caddy host itself, with a port.
    Local {
        host: String,
        port: u16,
    },
    /// A Unix socket.
    Socket(HostPath),
    Off,
}

impl Admin {
    /// Caddy's own choice.
    pub const PORT: u16 = 2019;

    /// Takes `localhost:2020`, `unix//run/caddy/admin.sock` or `off`; otherwise says why not.
    pub fn new(text: &str) -> Result<Admin, &'static str> {
        if text == "off" {
            return Ok(Admin::Off);
        }
        if let Some(path) = text.strip_prefix("unix/") {
            plain_socket(path)?;
            return HostPath::new(path).map(Admin::Socket);
        }
        let local = |host: &str, port| {
            let host = host.to_owned();
            Ok(Admin::Local { host, port })
        };
        if let Some(port) = text.strip_prefix("localhost:") {
            let port = port.parse().ok().filter(|port| *port > 0);
            return local("localhost", port.ok_or("it has no port")?);
        }
        match text.parse::<SocketAddr>() {
            Err(_) => Err("it is neither an address with a port nor a socket"),
            Ok(at) if !at.ip().is_loopback() => {
                Err("others could reach it, and replace the configuration")
            }
            Ok(at) if at.port() == 0 => Err("it has no port"),
            Ok(at) => match at.ip() {
                IpAddr::V4(address) => local(&address.to_string(), at.port()),
                IpAddr::V6(address) => local(&format!("[{address}]"), at.port()),
            },
        }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Admin::Local {
            host: String::from("localhost"),
            port: Admin::PORT,
        }
    }
}

/// An answer that the edge gives by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Respond {
    pub text: String,
    pub status: u16,
}

impl Respond {
    /// Takes a text for people and a status of an answer; otherwise says why not.
    pub fn new(text: &str, status: i128) -> Result<Respond, &'static str> {
        sayable(text)?;
        let status = match status {
            // RFC 9110 §15: below are answers on the way to one; redirects need to say where to.
            200..=299 | 400..=599 => status as u16,
            _ => return Err("its status is no final one, from 200 to 299 or 400 to 599"),
        };
        if [401, 403, 421].contains(&status) {
            return Err("its status is what the edge says to whom it does not let in");
        }
        Ok(Respond {
            text: text.to_owned(),
            status,
        })
    }
}

/// What visitors get who ask for a host that nobody declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fallback {
    Respond(Respond),
    Redirect(Redirect),
}

/// How upstreams are asked whether they are well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    pub uri: HealthUri,
    pub every: Option<super::backend::Timeout>,
}

/// The path and query by which an upstream is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct HealthUri(String);

impl HealthUri {
    /// Takes a path, perhaps with a query; otherwise says why not.
    pub fn new(text: &str) -> Result<HealthUri, &'static str> {
        if !text.starts_with('/') {
            return Err("it does not begin with a `/`");
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) || text.contains('#') {
            return Err("it has a character that no path has");
        }
        sayable(text)?;
        Ok(HealthUri(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A header that upstreams are told, whatever the visitor said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestHeader {
    pub name: String,
    pub value: Setting,
}

impl RequestHeader {
    /// Families that say who came, from where, or by which host: each has a word of its own.
    const OF_OTHER_WORDS: [&'static str; 11] = [
        "remote",
        "x-remote",
        "x-forwarded",
        "forwarded",
        "x-webauth",
        "x-auth-request",
        "x-authentik",
        "x-authelia",
        "x-real-ip",
        "host",
        "cookie",
    ];

    /// Takes the name and value of a header of an answer, but for those that say who came; otherwise says why not.
    pub fn new(name: &str, value: Setting) -> Result<RequestHeader, &'static str> {
        let text = match &value {
            Setting::Text(text) => text,
            Setting::Env(_) => "x",
        };
        super::backend::Header::new(name, text)?;
        let lower = name.to_ascii_lowercase();
        let mut families = RequestHeader::OF_OTHER_WORDS.iter();
        if families.any(|family| lower.starts_with(family)) {
            return Err("it says who came, from where or for which host");
        }
        Ok(RequestHeader {
            name: name.to_owned(),
            value,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_admin_endpoint_is_for_this_host_alone() {
        for good in [
            "off",
            "unix//run/a.sock",
            "localhost:1",
            "127.0.0.1:2019",
            "[::1]:2019",
        ] {
            assert!(Admin::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "on",
            ":2019",
            "0.0.0.0:2019",
            "[::]:2019",
            "10.0.0.1:2019",
            "localhost",
            "localhost:0",
            "localhost:99999",
            "unix/run/a.sock",
            "unix//run/../a",
            "edge.home:2019",
            "unix//{x}",
            "unix//run/a b.sock",
            "unix//run/a.sock|0666",
            "unix///run/a.sock",
        ] {
            assert!(Admin::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_the_edge_answers_is_not_how_it_refuses() {
        for good in [200, 204, 404, 410, 418, 503] {
            assert!(Respond::new("x", good).is_ok(), "{good}");
        }
        for bad in [-1, 0, 100, 199, 301, 401, 403, 421, 600, 70_000] {
            assert!(Respond::new("x", bad).is_err(), "{bad}");
        }
        assert!(Respond::new("{http.request.host}", 200).is_err());
    }

    #[test]
    fn no_header_says_who_came() {
        let text = |text: &str| Setting::Text(text.to_owned());
        for good in ["X-Api-Key", "Authorization", "X-Tenant"] {
            assert!(RequestHeader::new(good, text("x")).is_ok(), "{good}");
        }
        for bad in [
            "Remote-User",
            "remote_user",
            "X-Remote-User",
            "X-Forwarded-For",
            "Forwarded",
            "Host",
            "Connection",
            "X-WebAuth-User",
            "x-real-ip",
            "Content-Length",
            "-X",
            "X Y",
            "",
        ] {
            assert!(RequestHeader::new(bad, text("x")).is_err(), "{bad}");
        }
        assert!(RequestHeader::new("X-A", text("{env.SECRET}")).is_err());
    }

    #[test]
    fn ports_and_paths_are_read() {
        assert_eq!(Port::new(8443).unwrap().of("a.test"), "a.test:8443");
        assert_eq!(Port::USUAL.of("a.test"), "a.test");
        for bad in [-1, 0, 80, 65_536] {
            assert!(Port::new(bad).is_err(), "{bad}");
        }
        for bad in ["", "healthz", "/a b", "/a{b}", "/ä", "/a#b"] {
            assert!(HealthUri::new(bad).is_err(), "{bad}");
        }
        assert!(HealthUri::new("/healthz?full=1").is_ok());
    }
}
