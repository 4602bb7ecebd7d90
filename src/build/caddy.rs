//! What is said of the Caddy that is declared, and of what it is to do.

use std::collections::BTreeSet;

use crate::model::{
    CaddyVersion, EdgePart, Forwarding, Homelab, SiteCertificates, holes_of, is_public,
};

/// Which known holes the declared Caddy has, and which hosts it can get no certificates for. Where no version is declared nothing is
/// known of it: `verify --live` looks at the one that runs.
pub(crate) fn notes(homelab: &Homelab) -> Vec<String> {
    let versions: BTreeSet<CaddyVersion> = { homelab.edges.iter() }
        .filter_map(|edge| edge.promised)
        .collect();
    { homelab.edges() }
        .flat_map(|part| {
            let front = warning_of_front(part).map(str::to_owned);
            warning_of_names(part).into_iter().chain(front)
        })
        .chain(versions.into_iter().flat_map(warnings))
        .collect()
}

/// Hosts for which Caddy would ask a public authority for certificates that it can never get.
fn warning_of_names(part: EdgePart<'_>) -> Option<String> {
    let EdgePart {
        homelab,
        settings: edge,
    } = part;
    // An authority that is named is asked for what it issues: it may be one's own.
    if edge.acme.ca.is_some() {
        return None;
    }
    let landing = edge.landing.then(|| homelab.domain.as_str());
    let landing = landing.filter(|_| edge.certificates.are_by_acme());
    let by_acme = { part.services() }.filter(|service| service.site_certificates().are_by_acme());
    let hosts = by_acme.flat_map(|service| &service.hosts);
    let hosts = hosts.map(|host| host.as_str()).chain(landing);
    // Nobody has a top-level domain at home.
    let is_single = |host: &str| {
        let domain = homelab.domain.as_str();
        !domain.contains('.') && host.ends_with(domain)
    };
    let never = hosts.filter(|host| !is_public(host) || is_single(host));
    let never: BTreeSet<&str> = never.collect();
    let first = never.first()?;
    let others = match never.len() - 1 {
        0 => String::new(),
        1 => String::from(" and another host"),
        count => format!(" and {count} other hosts"),
    };
    Some(format!(
        "No public authority issues certificates for {first}{others}: the name is one for local use. Say `certificates \"internal\"` in `edge`, or take a domain of your own."
    ))
}

/// A proxy in front that ends TLS, where Caddy has to be reached to get its certificates.
fn warning_of_front(part: EdgePart<'_>) -> Option<&'static str> {
    let edge = part.settings;
    let ends_tls = edge.behind.as_ref()?.by == Forwarding::XForwardedFor;
    let mut all = { part.services() }
        .filter_map(|service| service.certificates.as_ref())
        .chain([&edge.certificates]);
    let needs_a_way_in = all.any(|certificates| *certificates == SiteCertificates::Acme);
    (ends_tls && needs_a_way_in).then_some(
        "The proxy in `behind` ends TLS, so an authority that asks for this Caddy by TLS reaches that proxy, and by HTTP too unless it passes on port 80. Say `certificates \"dns\"`, which needs no way in, or `\"internal\"` if the proxy is told to trust it.",
    )
}

fn warnings(version: CaddyVersion) -> Vec<String> {
    let (open, closed): (Vec<_>, Vec<_>) = holes_of(version).partition(|hole| hole.is_open());
    if open.is_empty() && closed.is_empty() {
        return Vec::new();
    }
    let safe = CaddyVersion::SAFE;
    let what = if version == version.first_release() {
        format!("Caddy {version}")
    } else {
        format!("Some Caddy {version}")
    };
    let mut lines = vec![match open.len() {
        0 => format!("{what} has known holes, all of which the generated lines close."),
        1 => format!("{what} has a known hole that no generated line closes:"),
        count => format!("{what} has {count} known holes that no generated line closes:"),
    }];
    lines.extend(
        open.iter()
            .map(|hole| format!("  {}: {}", hole.id, hole.lets)),
    );
    lines.push(match closed.len() {
        0 => String::new(),
        1 => String::from("Another one is closed, but for templates and `raw` lines of your own."),
        count => {
            format!("{count} others are closed, but for templates and `raw` lines of your own.")
        }
    });
    lines.retain(|line| !line.is_empty());
    lines.push(format!(
        "Run Caddy {safe} or later (caddyserver.com/docs/install has packages for Debian), and say `caddy \"{safe}\"` in `edge`; docs/edge.md says more."
    ));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    fn said(version: &str) -> String {
        warnings(CaddyVersion::new(version).expect("it is one")).join("\n")
    }

    #[test]
    fn a_caddy_with_holes_is_named_with_them() {
        let debian = said("2.6.2");
        assert!(
            debian.contains("CVE-2023-29409: a stranger's certificate"),
            "{debian}"
        );
        assert!(debian.contains("say `caddy \"2.11.4\"`"), "{debian}");
        assert!(said("2.6").starts_with("Some Caddy 2.6 has "));
        for safe in ["2.11.4", "2.11.7", "2.12"] {
            assert_eq!(said(safe), "", "{safe}");
        }
    }

    #[test]
    fn a_front_that_ends_tls_is_told_where_a_certificate_would_need_a_way_in() {
        let is_told = |edge: &str, service: &str| {
            let text = format!(
                "domain \"home.example.com\"\nservice \"notes\" {{ upstream \"http://127.0.0.1:1\"; open \"everyone\"; {service} }}\nedge {{ {edge} }}\n"
            );
            let homelab = crate::compile(&Source::new("homelab.kdl", text)).expect("it is right");
            homelab.edges().find_map(warning_of_front).is_some()
        };
        let front = "behind \"10.0.0.2\"";
        let dns = "certificates \"dns\" provider=\"cloudflare\" token-env=\"TOKEN\"";
        assert!(is_told(front, ""));
        assert!(is_told(&format!("{front}; {dns}"), "certificates \"acme\""));
        for (edge, service) in [
            ("", ""),
            ("behind \"10.0.0.2\" by=\"proxy-protocol\"", ""),
            (&format!("{front}; {dns}"), ""),
            (&format!("{front}; certificates \"internal\""), ""),
        ] {
            assert!(!is_told(edge, service), "{edge} {service}");
        }
    }

    #[test]
    fn a_name_that_nobody_issues_for_is_told_with_acme() {
        let said = |domain: &str, edge: &str| {
            let text = format!(
                "domain \"{domain}\"\nservice \"notes\" {{ upstream \"http://127.0.0.1:1\"; open \"lan\"; }}\nedge {{ {edge} }}\n"
            );
            let homelab = crate::compile(&Source::new("homelab.kdl", text)).expect("it is right");
            homelab
                .edges()
                .find_map(warning_of_names)
                .unwrap_or_default()
        };
        let dns = "certificates \"dns\" provider=\"cloudflare\" token-env=\"TOKEN\"";
        for domain in [
            "home.lan",
            "lan",
            "me.local",
            "home.internal",
            "home.arpa",
            "x.home.arpa",
            "a.test",
            "a.localhost",
            "homelab",
            "box.home",
        ] {
            for edge in ["", "certificates \"acme\"", dns] {
                let said = said(domain, edge);
                assert!(said.contains(domain), "{domain} {edge}: {said}");
                assert!(said.contains("certificates \"internal\""), "{said}");
            }
            assert_eq!(said(domain, "certificates \"internal\""), "");
            assert_eq!(
                said(domain, "certificates \"files\" cert=\"/a\" key=\"/b\""),
                ""
            );
        }
        for domain in [
            "home.example.com",
            "lan.example.com",
            "mylan.dev",
            "nolocal.net",
        ] {
            assert_eq!(said(domain, ""), "", "{domain}");
        }
    }
}
