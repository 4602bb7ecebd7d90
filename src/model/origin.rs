//! Origins of pages, as browsers send them.

use std::fmt;

use serde::Serialize;

/// `https://app.home.example.com`, with a port where it is not the scheme's own (RFC 6454 §6.2).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Origin(String);

impl Origin {
    /// Takes a scheme, a host in lower-case A-labels and perhaps a port; otherwise says why not.
    pub fn new(text: &str) -> Result<Origin, &'static str> {
        let (rest, own_port) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (rest, "443"),
            (_, Some(rest)) => (rest, "80"),
            _ => return Err("it begins with neither `https://` nor `http://`"),
        };
        let (host, port) = match rest.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        };
        if host.contains('/') || port.is_some_and(|port| port.contains('/')) {
            return Err("an origin has no path, and no `/` at its end");
        }
        if !is_host(host) {
            return Err("its host is not written as browsers send it: in lower-case A-labels");
        }
        let is_port = |port: &str| {
            port.parse::<u16>()
                .is_ok_and(|number| number.to_string() == port && port != own_port)
        };
        if port.is_some_and(|port| !is_port(port)) {
            return Err("its port is none, or is the scheme's own, which browsers leave out");
        }
        Ok(Origin(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !label.is_empty() && label.bytes().all(allowed)
    };
    !host.is_empty() && host.len() <= 253 && host.split('.').all(is_label)
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_as_browsers_send_them() {
        for good in [
            "https://app.home.example.com",
            "http://10.0.0.7:8080",
            "https://x:8443",
            "http://localhost:3000",
        ] {
            assert_eq!(Origin::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "null",
            "*",
            "https://",
            "app.example",
            "https://a/",
            "https://a/b",
            "https://A.example",
            "https://a:443",
            "http://a:80",
            "https://a:0443",
            "https://a:x",
            "https://a:",
            "https://a:99999",
            "ftp://a",
            "https://a b",
            "https://*.a",
            "https://a..b",
            "https://ä",
            "https://{a}",
            "https://u@a",
            "https://a?b",
        ] {
            assert!(Origin::new(bad).is_err(), "{bad}");
        }
    }
}
