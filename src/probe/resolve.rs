//! Where hosts are, as curl is told.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// `HOST:PORT:ADDR[,ADDR]…`, with `*` for any host, and an IPv6 address perhaps in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resolve {
    /// The host; none for any.
    host: Option<String>,
    port: u16,
    addresses: Vec<IpAddr>,
}

impl FromStr for Resolve {
    type Err = String;

    fn from_str(text: &str) -> Result<Resolve, String> {
        let form =
            "write it as `HOST:PORT:ADDR`, such as `immich.home.example.com:443:192.168.1.2`";
        if text.starts_with('-') {
            return Err(String::from(
                "nothing is kept that could be removed with `-`",
            ));
        }
        // curl keeps such an entry for a while only, which is all of a run here.
        let text = text.strip_prefix('+').unwrap_or(text);
        let (host, rest) = text.split_once(':').ok_or(form)?;
        let (port, addresses) = rest.split_once(':').ok_or(form)?;
        let port = port
            .parse()
            .map_err(|_| format!("`{port}` is no port; {form}"))?;
        let address = |text: &str| {
            let bare = text
                .strip_prefix('[')
                .and_then(|text| text.strip_suffix(']'));
            let address = bare.unwrap_or(text).parse();
            address.map_err(|_| format!("`{text}` is no address; {form}"))
        };
        let addresses: Result<Vec<IpAddr>, String> = addresses.split(',').map(address).collect();
        if host.is_empty() {
            return Err(form.to_owned());
        }
        Ok(Resolve {
            host: (host != "*").then(|| host.to_ascii_lowercase()),
            port,
            addresses: addresses?,
        })
    }
}

/// The addresses of a host, where some were named for it: the last entry for a host counts, and one for any host where there is
/// none.
pub(crate) fn addresses(host: &str, port: u16, named: &[Resolve]) -> Option<Vec<SocketAddr>> {
    let here = || named.iter().rev().filter(|entry| entry.port == port);
    let own = here().find(|entry| entry.host.as_deref() == Some(host));
    let entry = own.or_else(|| here().find(|entry| entry.host.is_none()))?;
    let at = |address: &IpAddr| SocketAddr::new(*address, port);
    Some(entry.addresses.iter().map(at).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_curl_reads_them() {
        let named = |texts: &[&str]| -> Vec<Resolve> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let found = |texts: &[&str], host, port| {
            let found = addresses(host, port, &named(texts)).unwrap();
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            found(&["a.test:443:127.0.0.1"], "a.test", 443),
            ["127.0.0.1:443"]
        );
        assert_eq!(found(&["A.test:443:[::1]"], "a.test", 443), ["[::1]:443"]);
        assert_eq!(found(&["a.test:443:::1"], "a.test", 443), ["[::1]:443"]);
        assert_eq!(
            found(&["+a.test:8443:127.0.0.1,::1"], "a.test", 8443),
            ["127.0.0.1:8443", "[::1]:8443"]
        );
        let both = ["a.test:443:127.0.0.1", "*:443:127.0.0.2"];
        assert_eq!(found(&both, "a.test", 443), ["127.0.0.1:443"]);
        assert_eq!(found(&both, "b.test", 443), ["127.0.0.2:443"]);
        let twice = ["a.test:443:127.0.0.1", "a.test:443:127.0.0.2"];
        assert_eq!(found(&twice, "a.test", 443), ["127.0.0.2:443"]);
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        for text in [
            "",
            "a.test",
            "a.test:443",
            "a.test:443:",
            "a.test:x:127.0.0.1",
            ":443:127.0.0.1",
            "a.test:443:elsewhere.test",
            "-a.test:443",
            "a.test:65536:127.0.0.1",
            "a.test:443:[127.0.0.1",
            "a.test:443:127.0.0.1,",
        ] {
            assert!(text.parse::<Resolve>().is_err(), "{text}");
        }
    }
}
