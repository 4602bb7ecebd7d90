//! The checks notice: each is run on a Caddyfile that has been weakened on purpose, and finds something.

use crate::family::{EXAMPLE, Family, at_home, replaced};
use crate::support::caddy::{Caddy, Version};
use crate::{hosts, identity, lan, matrix, public, routes, sessions, upgrades};

/// The family with everything taken out of the first of its Caddyfile's blocks that begins so.
fn without_block(text: &str, begin: &str, end: &str) -> String {
    let (before, rest) = text
        .split_once(begin)
        .unwrap_or_else(|| panic!("no {begin:?} in\n{text}"));
    let (_, after) = rest
        .split_once(end)
        .unwrap_or_else(|| panic!("no {end:?} in\n{text}"));
    format!("{before}{after}")
}

/// Drops every line that holds this.
fn without_lines(text: &str, part: &str) -> String {
    assert!(text.contains(part), "no {part:?} in\n{text}");
    let kept = text.lines().filter(|line| !line.contains(part));
    kept.map(|line| line.to_owned() + "\n").collect()
}

/// Each mutant must have been noticed.
#[track_caller]
fn assert_noticed(found: &[(&str, Vec<String>)]) {
    let missed: Vec<&str> = found
        .iter()
        .filter(|(_, wrong)| wrong.is_empty())
        .map(|(what, _)| *what)
        .collect();
    assert!(missed.is_empty(), "not noticed: {missed:#?}");
}

const FINAL_REFUSAL: &str = "\thandle {\n\t\terror 403\n\t}\n";

/// A change of a generated file.
type Change = fn(&str) -> String;

/// Changes of a generated file that open it, as far as its structure goes: all of them are noticed by `routes`.
fn openings() -> Vec<(&'static str, Change)> {
    vec![
        ("strict SNI off", |text| {
            replaced(text, "strict_sni_host on", "strict_sni_host insecure_off")
        }),
        ("HTTP/3", |text| {
            replaced(text, "protocols h1 h2", "protocols h1 h2 h3")
        }),
        ("any certificate", |text| {
            replaced(text, "require_and_verify", "require")
        }),
        ("no certificate", |text| {
            replaced(text, "require_and_verify", "verify_if_given")
        }),
        ("any certificate, if given", |text| {
            replaced(text, "verify_if_given", "request")
        }),
        ("no final refusal", |text| replaced(text, FINAL_REFUSAL, "")),
        ("everybody allowed", |text| {
            without_lines(&replaced(text, "handle @allowed", "handle"), "@allowed")
        }),
        ("no raw pattern", |text| {
            without_lines(text, "\t\texpression \"{http.request.uri}")
        }),
        ("paths that are not plain", |text| {
            without_lines(text, "\t\tvars path plain")
        }),
        ("no method", |text| without_lines(text, "method GET HEAD")),
        ("one method more", |text| {
            replaced(text, "method GET HEAD", "method GET HEAD POST")
        }),
        ("claims kept", |text| {
            without_lines(text, "request_header -Remote*")
        }),
        ("tunnels kept", |text| {
            without_lines(text, "request_header @no-websocket")
        }),
        ("tunnels from public paths", |text| {
            without_lines(text, "\t\trequest_header -Upgrade")
        }),
        ("a second Upgrade line kept", |text| {
            without_lines(text, "request_header @websocket")
        }),
        ("targets without a path", |text| {
            replaced(
                text,
                "@no-path expression \"!{http.request.uri}.startsWith('/')\"",
                "@no-path path /none",
            )
        }),
        ("hosts with more than a port", |text| {
            replaced(text, "@no-host expression \"!", "@no-host expression \"")
        }),
        ("underscores kept", |text| {
            without_lines(text, "request_header -*_*")
        }),
        ("addresses kept", |text| {
            without_lines(text, "request_header -*Client-IP")
        }),
        ("paths kept", |text| {
            without_lines(text, "request_header -*Script-Name")
        }),
        ("methods of proxies", |text| {
            replaced(text, "method CONNECT TRACE", "method CONNECT")
        }),
        ("overrides kept", |text| {
            without_lines(text, "import as-sent")
        }),
        ("the LAN as others say it", |text| {
            let kept = without_lines(text, "request_header -X-Forwarded*");
            replaced(&kept, "@lan remote_ip", "@lan remote_ip forwarded")
        }),
        ("a page for every refusal", |text| {
            replaced(text, "\t\terror 403", "\t\trespond 200")
        }),
        ("nobody told", |text| {
            without_lines(text, "header_up Remote-User")
        }),
    ]
}

#[test]
fn routes_notices() {
    let family = Family::new();
    let generated = family.generated(Version::Old);
    let found: Vec<(&str, Vec<String>)> = openings()
        .into_iter()
        .map(|(what, open)| {
            // Only the old Caddy can still be told to believe in `X-Forwarded-For` so.
            let differences = routes::differences(&family, Version::Old, &open(&generated));
            (what, differences)
        })
        .collect();
    assert_noticed(&found);
}

/// Serves the mutant and gives it to a check.
fn found(
    family: &Family,
    change: impl FnOnce(&str) -> String,
    check: impl FnOnce(&Caddy) -> Vec<String>,
) -> Vec<String> {
    check(&family.serve_changed(Version::New, change))
}

#[test]
fn matrix_notices() {
    let (family, visitors) = matrix::with_history(EXAMPLE);
    let wanted = [
        "any certificate",
        "any certificate, if given",
        "no certificate",
        "no final refusal",
        "everybody allowed",
    ];
    let chosen = openings()
        .into_iter()
        .filter(|(what, _)| wanted.contains(what));
    let found: Vec<(&str, Vec<String>)> = chosen
        .map(|(what, open)| {
            let check = |caddy: &Caddy| matrix::mismatches(caddy, &visitors[..3], false);
            (what, found(&family, open, check))
        })
        .collect();
    assert_eq!(found.len(), wanted.len());
    assert_noticed(&found);
}

#[test]
fn hosts_notices() {
    let family = Family::new();
    let lenient = |text: &str| replaced(text, "strict_sni_host on", "strict_sni_host insecure_off");
    let alice = family.bundle("alice", "pixel");
    let wrong = found(&family, lenient, |caddy| {
        hosts::mixed_up(&family, caddy, Some(&alice))
    });
    assert!(wrong.len() >= 90, "every pair is noticed: {wrong:#?}");
    let offered = |text: &str| replaced(text, "protocols h1 h2", "protocols h1 h2 h3");
    let wrong = found(&family, offered, |caddy| hosts::spoken(&family, caddy));
    assert!(
        wrong.iter().any(|wrong| wrong.contains("offers another")),
        "{wrong:#?}"
    );
    assert!(
        wrong.iter().any(|wrong| wrong.contains("listens in /proc")),
        "{wrong:#?}"
    );
}

#[test]
fn public_notices() {
    let family = Family::new();
    for (what, tell_tale) in [
        ("no raw pattern", "/SHARE/x"),
        ("paths that are not plain", "/share/%252e%252e/api"),
        ("no method", "DELETE"),
    ] {
        let (_, open) = openings()
            .into_iter()
            .find(|(name, _)| *name == what)
            .expect("it is there");
        let wrong = found(&family, open, |caddy| public::leaks(&family, caddy));
        assert!(
            wrong.iter().any(|wrong| wrong.contains(tell_tale)),
            "{what}: {wrong:#?}"
        );
    }
    let closed = |text: &str| without_block(text, "\thandle @public1 {", "\n\t}\n");
    let wrong = found(&family, closed, |caddy| public::leaks(&family, caddy));
    assert!(
        wrong.iter().any(|wrong| wrong.contains("should pass")),
        "{wrong:#?}"
    );
}

#[test]
fn identity_notices() {
    let family = Family::declared(&at_home(EXAMPLE));
    let kept = |text: &str| without_lines(text, "request_header -Remote*");
    let wrong = found(&family, kept, |caddy| identity::forgeries(&family, caddy)).join("\n");
    for host in [
        "stats.",
        "immich.",
        "paperless.",
        "ha.",
        "jellyfin.",
        "www.",
    ] {
        // Where somebody is told of, the name itself is overwritten; its relatives would get through.
        let claim = if host == "stats." {
            "Remote-Anything"
        } else {
            "Remote-User"
        };
        assert!(
            wrong.contains(&format!("{host}home.example.com \"{claim}: mallory\"")),
            "{host}\n{wrong}"
        );
    }
    let untold = |text: &str| without_lines(text, "header_up Remote-Groups");
    let wrong = found(&family, untold, |caddy| identity::forgeries(&family, caddy));
    assert!(
        wrong.iter().any(|wrong| wrong.contains("X-Nothing")),
        "{wrong:#?}"
    );
}

#[test]
fn lan_notices() {
    let family = Family::new();
    let (_, believing) = openings()
        .into_iter()
        .find(|(name, _)| *name == "the LAN as others say it")
        .expect("it is there");
    let caddy = family.serve_changed(Version::Old, believing);
    let wrong = lan::intruders(&family, &caddy);
    let by_header = |wrong: &String| wrong.contains("\"X-Forwarded-For: 192.168.0.1\"");
    assert!(wrong.iter().any(by_header), "{wrong:#?}");
}

#[test]
fn upgrades_notices() {
    let family = Family::new();
    for (what, tell_tale) in [
        ("tunnels kept", "stats.home.example.com/: `Upgrade: h2c`"),
        (
            "tunnels from public paths",
            "/share/x: `Upgrade: websocket`",
        ),
        (
            "a second Upgrade line kept",
            "`Upgrade: h2c\r\nUpgrade: websocket` arrives as [\"h2c\"]",
        ),
    ] {
        let (_, open) = openings()
            .into_iter()
            .find(|(name, _)| *name == what)
            .expect("it is there");
        let wrong = found(&family, open, |caddy| upgrades::tunnels(&family, caddy));
        let told = |wrong: &String| wrong.contains(tell_tale);
        assert!(wrong.iter().any(told), "{what}: {wrong:#?}");
    }
    let all = |text: &str| without_lines(text, "-Upgrade");
    let all = found(&family, all, |caddy| upgrades::tunnels(&family, caddy));
    assert_eq!(all.len(), 7, "each of those that should not: {all:#?}");
    let none = |text: &str| {
        replaced(
            text,
            "request_header @no-websocket -Upgrade",
            "request_header -Upgrade",
        )
    };
    let none = found(&family, none, |caddy| upgrades::tunnels(&family, caddy));
    assert_eq!(none.len(), 6, "each of those that should: {none:#?}");
}

#[test]
fn sessions_notices() {
    let family = Family::new();
    let (_, everybody) = openings()
        .into_iter()
        .find(|(name, _)| *name == "everybody allowed")
        .expect("it is there");
    // The new Caddy gives no tickets where it asks for certificates.
    let caddy = family.serve_changed(Version::Old, everybody);
    let wrong = sessions::carried_over(&family, &caddy).join("\n");
    for tls in ["-tls1_2", "-tls1_3"] {
        let carried = format!(
            "Some(\"carol\") {tls} from immich.home.example.com to vault.example.org: [200]"
        );
        assert!(wrong.contains(&carried), "{wrong}");
    }
}
