//! What a service does with a request that is let in.

use std::fmt;

use http::Uri;
use serde::Serialize;

use super::extras::Respond;
use super::path::PathPattern;
use super::text::sayable;
use super::upstream::{Trust, Upstreams};

/// What a service does with a request that is let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Backend {
    Proxy(Proxy),
    /// Answers it from files.
    Files(Files),
    /// Sends the visitor elsewhere.
    Redirect(Redirect),
    /// Answers it by itself.
    Respond(Respond),
}

impl Backend {
    /// Whether some upstream's certificate is not looked at.
    pub fn is_unverified(&self) -> bool {
        self.any_upstreams(|upstreams| {
            let tls = upstreams.transport.tls.as_ref();
            tls.is_some_and(|tls| tls.trust == Trust::Unverified)
        })
    }

    /// Whether something is below a path or a directory, and a request must not climb out of it.
    pub fn keeps_from_climbing(&self) -> bool {
        let has_prefix = |upstreams: &Upstreams| upstreams.prefix.is_some();
        matches!(self, Backend::Files(_)) || self.any_upstreams(has_prefix)
    }

    fn any_upstreams(&self, is_so: impl Fn(&Upstreams) -> bool) -> bool {
        match self {
            Backend::Proxy(Proxy { by_path, upstreams }) => {
                is_so(upstreams) || by_path.iter().any(|(_, upstreams)| is_so(upstreams))
            }
            Backend::Files(_) | Backend::Redirect(_) | Backend::Respond(_) => false,
        }
    }
}

/// Passes requests on to upstreams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proxy {
    /// Those of some paths, sorted by path.
    pub by_path: Vec<(PathPattern, Upstreams)>,
    /// Those of every other path.
    pub upstreams: Upstreams,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Files {
    /// The directory on the Caddy host.
    pub root: HostPath,
    /// Whether directories are listed.
    pub browse: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Redirect {
    /// Where to; without its path where `same_path`.
    pub to: String,
    /// Whether the path and query that were asked for follow.
    pub same_path: bool,
    /// The status of the answer: 301, 302, 307 or 308 (RFC 9110 §15.4).
    pub status: u16,
}

impl Redirect {
    /// The statuses that send a visitor elsewhere and are understood everywhere.
    pub const STATUSES: [u16; 4] = [301, 302, 307, 308];

    /// Takes a URL, or one that ends in `/*` for the same path there; otherwise says why not.
    pub fn new(text: &str, status: u16) -> Result<Redirect, &'static str> {
        let (to, same_path) = match text.strip_suffix("/*") {
            Some(base) => (base, true),
            None => (text, false),
        };
        let uri: Uri = to.parse().map_err(|_| "it is no URL")?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err("its scheme is neither http nor https");
        }
        let authority = uri.authority().ok_or("it has no host")?;
        if authority.as_str().contains('@') {
            return Err("it holds a user or a password");
        }
        // What follows is put behind it as it is, so nothing may stand there that needs quotes.
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._/:~-".contains(&b);
        if same_path && !to.bytes().all(plain) {
            return Err("what stands before `/*` is not plain");
        }
        if to.contains('*') {
            return Err("a `*` stands elsewhere than alone at the end");
        }
        sayable(to)?;
        Ok(Redirect {
            to: to.to_owned(),
            same_path,
            status,
        })
    }
}

/// An absolute path on the Caddy host. Caddy would resolve a relative one against its working
/// directory, which nobody can foresee.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct HostPath(String);

impl HostPath {
    /// Takes an absolute path; otherwise says why not.
    pub fn new(text: &str) -> Result<HostPath, &'static str> {
        if !text.starts_with('/') {
            return Err("it is not absolute");
        }
        if text.split('/').any(|segment| segment == "..") {
            return Err("it has a `..` in it");
        }
        sayable(text)?;
        Ok(HostPath(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Files {
    /// Takes a directory whose own path has no part that begins with a dot: below such a directory,
    /// as Caddy reads it, everything is hidden. Its listing is not shown. Otherwise says why not.
    pub fn new(root: &str) -> Result<Files, &'static str> {
        let root = HostPath::new(root)?;
        if root.as_str().contains("/.") {
            return Err("a part of it begins with a dot, and such are hidden with all below them");
        }
        Ok(Files {
            root,
            browse: false,
        })
    }
}

/// A length of time as Go writes it, such as `90s`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Timeout(String);

impl Timeout {
    /// Takes a whole number with `ms`, `s`, `m` or `h`; otherwise says why not.
    pub fn new(text: &str) -> Result<Timeout, &'static str> {
        let (number, unit) = split_number(text);
        if !["ms", "s", "m", "h"].contains(&unit) {
            return Err("its unit is none of `ms`, `s`, `m` and `h`");
        }
        is_count(number)?;
        Ok(Timeout(text.to_owned()))
    }
}

impl Timeout {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A number of bytes as people write it, such as `10GB`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ByteSize(String);

impl ByteSize {
    /// Takes a whole number with a unit such as `MB` (a million) or `MiB`; otherwise says why not.
    pub fn new(text: &str) -> Result<ByteSize, &'static str> {
        const UNITS: [&str; 8] = ["KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB"];
        let (number, unit) = split_number(text);
        if !UNITS.contains(&unit) {
            return Err("its unit is none of `KB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB`, `TiB`");
        }
        is_count(number)?;
        Ok(ByteSize(text.to_owned()))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn split_number(text: &str) -> (&str, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at(digits)
}

/// One to six digits: enough for anybody, and no unit of it overflows.
fn is_count(digits: &str) -> Result<(), &'static str> {
    match digits.parse::<u32>() {
        Ok(number) if number > 0 && digits.len() <= 6 => Ok(()),
        Ok(0) => Err("it is nothing"),
        _ => Err("it is no whole number of at most six digits"),
    }
}

/// A header that is set on every answer (RFC 9110 §5.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Header {
    pub name: String,
    pub value: String,
}

impl Header {
    /// Takes a name and a value that can be said as they are; otherwise says why not.
    pub fn new(name: &str, value: &str) -> Result<Header, &'static str> {
        // What the connection itself says (RFC 9110 §7.6.1, RFC 9112 §6) is Caddy's to set.
        const CONNECTION: [&str; 9] = [
            "connection",
            "content-length",
            "keep-alive",
            "proxy-connection",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "date",
        ];
        // `+`, `-`, `?` and `>` before a name, and `*` in it, have a meaning in a Caddyfile.
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if name.is_empty() || !name.bytes().all(is_name) || name.starts_with('-') {
            return Err("its name has more than letters, digits and hyphens");
        }
        if CONNECTION.contains(&name.to_ascii_lowercase().as_str()) {
            return Err("Caddy itself sets it");
        }
        // At the start of a line Caddy takes these for its own words.
        if ["defer", "import", "match"].contains(&name.to_ascii_lowercase().as_str()) {
            return Err("it is a word of the Caddyfile");
        }
        if value.is_empty() {
            return Err("its value is empty");
        }
        sayable(value)?;
        Ok(Header {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_read() {
        let to = |text| Redirect::new(text, 302).map(|redirect| (redirect.to, redirect.same_path));
        let read = |to: &str, same_path| Ok((to.to_owned(), same_path));
        assert_eq!(to("https://a.example/*"), read("https://a.example", true));
        assert_eq!(
            to("https://a.example/b/*"),
            read("https://a.example/b", true)
        );
        assert_eq!(
            to("https://a.example/b?c=d"),
            read("https://a.example/b?c=d", false)
        );
        for bad in [
            "",
            "/x",
            "a.example",
            "ftp://a.example/",
            "https://u:p@a.example/",
            "https://a.example/*/b",
            "https://a.example/b?c/*",
            "https://a.example/{env.X}",
            "https://a.example/{http.request.uri}",
        ] {
            assert!(Redirect::new(bad, 302).is_err(), "{bad}");
        }
    }

    #[test]
    fn amounts_are_read() {
        for good in ["1s", "300ms", "90m", "1h"] {
            assert_eq!(Timeout::new(good).unwrap().to_string(), good);
        }
        for bad in ["", "s", "0s", "1", "1d", "-1s", "1.5s", "1000000s", "1 s"] {
            assert!(Timeout::new(bad).is_err(), "{bad}");
        }
        for good in ["1KB", "10GB", "512MiB"] {
            assert_eq!(ByteSize::new(good).unwrap().to_string(), good);
        }
        for bad in ["", "10", "0MB", "10gb", "10 GB", "GB", "1e3KB", "10PB"] {
            assert!(ByteSize::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn headers_are_plain() {
        assert!(Header::new("X-Frame-Options", "DENY").is_ok());
        for (name, value) in [
            ("", "x"),
            ("-Server", "x"),
            ("+X", "x"),
            ("?X", "x"),
            (">X", "x"),
            ("X-*", "x"),
            ("X Y", "x"),
            ("X:", "x"),
            ("X", ""),
            ("X", "{env.SECRET}"),
            ("X", "a\nb"),
            ("Upgrade", "h2c"),
            ("import", "/etc/passwd"),
            ("Defer", "x"),
            ("match", "x"),
            ("content-LENGTH", "1"),
        ] {
            assert!(Header::new(name, value).is_err(), "{name:?}: {value:?}");
        }
    }

    #[test]
    fn paths_of_the_host_are_absolute() {
        assert!(Files::new("/srv/www").is_ok());
        assert!(Files::new("/home/alice/.www").is_err());
        assert!(HostPath::new("/srv/it's www").is_ok());
        for bad in ["", "srv", "./srv", "/srv/../etc", "/srv/{env.X}", "/srv\\"] {
            assert!(HostPath::new(bad).is_err(), "{bad}");
        }
    }
}
