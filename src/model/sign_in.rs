//! Signing in, beside certificates or in their place.

use serde::Serialize;

use super::backend::Header;
use super::name::Name;
use super::path::PathPattern;
use super::text::sayable;
use super::upstream::Upstreams;

/// Who may sign in to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignIn {
    /// Whoever is not let in otherwise.
    Instead,
    /// Whoever is let in otherwise has to, but for what is open to everyone.
    Also,
}

impl SignIn {
    /// The word for [`SignIn::Also`].
    pub const ALSO: &str = "also";
}

/// A server that knows who has signed in, and has a page for who has not. It is asked with each request (Caddy's documentation of
/// `forward_auth` has the protocol): 2xx and a name let somebody in, and any other answer of it is what the visitor gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gateway {
    pub name: Name,
    pub upstreams: Upstreams,
    /// What it is asked for.
    pub uri: GatewayUri,
    /// The header of its answer that says who somebody is.
    pub user: ToldHeader,
    /// What else it says of them, header by header; none twice, and none is `user`.
    pub headers: Vec<ToldHeader>,
    /// Paths on each host of a service that asks for it, which are its own.
    pub own: Vec<PathPattern>,
    /// What who has not signed in gets in the place of its 401.
    pub page: Option<GatewayUri>,
}

impl Gateway {
    /// The headers that upstreams are told, that which says who first.
    pub fn told(&self) -> impl Iterator<Item = &ToldHeader> {
        std::iter::once(&self.user).chain(&self.headers)
    }
}

/// The path, perhaps with a query, by which a gateway is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct GatewayUri(String);

impl GatewayUri {
    /// Takes plain segments and a plain query; otherwise says why not. It is written with a `?` at its end where it has no query: Caddy
    /// would put the visitor's behind it.
    pub fn new(text: &str) -> Result<GatewayUri, &'static str> {
        if !text.starts_with('/') {
            return Err("it does not begin with a `/`");
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._~-?=&:%+,@".contains(&b);
        if !text.bytes().all(plain) || text.matches('?').count() > 1 {
            return Err("it has more than plain segments and a plain query");
        }
        sayable(text)?;
        let end = if text.contains('?') { "" } else { "?" };
        Ok(GatewayUri(format!("{text}{end}")))
    }
}

/// A header by which a gateway says something of a visitor, and by which upstreams are told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ToldHeader(String);

impl ToldHeader {
    /// Families of headers that visitors have reason to send themselves, or by which Caddy speaks of them.
    const OTHERS: [&'static str; 12] = [
        "accept",
        "authorization",
        "content-",
        "cookie",
        "forwarded",
        "host",
        "if-",
        "origin",
        "range",
        "sec-",
        "x-forwarded",
        "x-real-ip",
    ];

    /// Takes a name of letters, digits and hyphens; otherwise says why not.
    pub fn new(name: &str) -> Result<ToldHeader, &'static str> {
        Header::new(name, "x")?;
        let lower = name.to_ascii_lowercase();
        let mut others = ToldHeader::OTHERS.iter();
        if others.any(|family| lower.starts_with(family)) {
            return Err("visitors and Caddy say other things with it");
        }
        Ok(ToldHeader(name.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both are one header: case counts for nothing (RFC 9110 §5.1).
    pub fn is(&self, name: &str) -> bool {
        self.0.eq_ignore_ascii_case(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_has_no_room_for_a_visitor_s_query() {
        let uri = |text| GatewayUri::new(text).map(|uri| uri.0);
        assert_eq!(uri("/oauth2/auth").unwrap(), "/oauth2/auth?");
        assert_eq!(uri("/verify?rd=x").unwrap(), "/verify?rd=x");
        let legacy = "/api/verify?rd=https://auth.home.example.com:8443/";
        assert_eq!(uri(legacy).unwrap(), legacy);
        for bad in [
            "", "auth", "/a b", "/a#b", "/{uri}", "/a?b?c", "/ä", "/a\"b", "/$a",
        ] {
            assert!(uri(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn some_headers_are_not_a_gateway_s_to_say() {
        for good in [
            "Remote-User",
            "X-authentik-username",
            "X-Auth-Request-Email",
            "Groups",
        ] {
            assert!(ToldHeader::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "Remote_User",
            "*",
            "Authorization",
            "cookie",
            "X-Forwarded-User",
            "X-Forwarded",
            "Content-Type",
            "Connection",
            "Host",
            "a b",
            "If-Match",
        ] {
            assert!(ToldHeader::new(bad).is_err(), "{bad}");
        }
    }
}
