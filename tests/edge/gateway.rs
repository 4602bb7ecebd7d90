//! A gateway at which visitors sign in, as small as it can be: it speaks as OAuth2 Proxy does at `/oauth2/*`, and as Authelia at its own path. Who
//! somebody is says their cookie, so that a test can have it say anything.

use crate::support::upstream::{Arrival, Upstream};

/// What stands on its page for who has not signed in.
pub const PAGE: &str = "Sign in, then go to";

/// What stands on its other pages.
pub const OWN: &str = "a page of the gateway";

/// The host to which Authelia would send.
pub const PORTAL: &str = "https://auth.home.example.com/?rd=x";

pub fn start() -> Upstream {
    Upstream::answering("gateway", |arrival| Some(answer(arrival)))
}

/// The cookie by which the gateway takes somebody for that.
pub fn cookie(session: &str) -> String {
    format!("theme=dark; session={session}")
}

fn answer(arrival: &Arrival) -> String {
    let cookies = arrival.header("Cookie").join("; ");
    let session = cookies
        .split("; ")
        .find_map(|cookie| cookie.strip_prefix("session="));
    let path = arrival.target.split('?').next().unwrap_or_default();
    match path {
        "/oauth2/auth" => of_oauth2_proxy(session),
        "/oauth2/sign_in" => {
            let to = arrival.header("X-Auth-Request-Redirect").join(" ");
            said("200 OK", "", &format!("{PAGE} {to}"))
        }
        "/api/authz/forward-auth" => of_authelia(session),
        _ => said("200 OK", "", OWN),
    }
}

fn of_oauth2_proxy(session: Option<&str>) -> String {
    let accepted = |headers: &str| said("202 Accepted", headers, "");
    match session {
        Some("alice") => accepted(
            "X-Auth-Request-User: alice\r\nX-Auth-Request-Email: alice@example.com\r\nX-Auth-Request-Groups: family,admin\r\n\
             Set-Cookie: session=alice; Path=/\r\nSet-Cookie: other=1; Path=/\r\n",
        ),
        // Only who, and in a name what Caddy would take for its own words.
        Some("brace") => {
            accepted("X-Auth-Request-User: x{env.PATH}\r\nX-Auth-Request-Email: {env.PATH}\r\n")
        }
        Some("twice") => accepted("X-Auth-Request-User: bob\r\nX-Auth-Request-User: bob\r\n"),
        Some("unnamed") => accepted(""),
        Some("empty") => {
            accepted("X-Auth-Request-User: \r\nX-Auth-Request-Email: x@example.com\r\n")
        }
        Some("placeholder") => accepted("X-Auth-Request-User: {env.PATH}\r\n"),
        Some("plain") => said("200 OK", "", "pong"),
        Some("forbidden") => said("403 Forbidden", "", "not you"),
        Some("broken") => said("500 Internal Server Error", "", "fault"),
        Some("moved") => said("302 Found", "Location: https://elsewhere.example/\r\n", ""),
        Some("cut") => String::from("HTTP/1.1 202 Acc"),
        Some("silent") => String::new(),
        _ => said("401 Unauthorized", "", "Unauthorized"),
    }
}

fn of_authelia(session: Option<&str>) -> String {
    match session {
        Some("alice") => said(
            "200 OK",
            "Remote-User: alice\r\nRemote-Name: Alice\r\nRemote-Email: \r\nRemote-Groups: family\r\n",
            "",
        ),
        Some("unnamed") => said("200 OK", "", ""),
        Some("forbidden") => said("403 Forbidden", "", "not you"),
        _ => said("302 Found", &format!("Location: {PORTAL}\r\n"), ""),
    }
}

fn said(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
