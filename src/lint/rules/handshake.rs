//! What is asked for in the handshake.

use super::super::configuration::{ClientAuthentication, ConnectionPolicy, Handler, Matcher, Mode};
use super::super::place::Found;
use super::super::reach::{Answer, CERTIFICATE, Visitor};
use super::super::subject::{Asked, Serving, Stand, Subject};
use super::{checks, ways};
use crate::model::CaddyVersion;
use crate::pki::{Certificate, certificates_in};

pub(in crate::lint) fn empty(subject: &Subject<'_>) -> Vec<Found> {
    each(subject, |_, _, asked| {
        asked.is_empty().then(|| {
            String::from("`client_auth` says nothing, so that no certificate is asked for")
        })
    })
}

pub(in crate::lint) fn no_authority(subject: &Subject<'_>) -> Vec<Found> {
    each(subject, |_, _, asked| {
        if !matches!(asked.mode(), Mode::VerifyIfGiven | Mode::RequireAndVerify) {
            return None;
        }
        let is_nobodys = !asked.names_authorities() && !asked.pins();
        let what = if is_nobodys {
            "certificates are verified, and no authority is named that signs them"
        } else if asked.pools().any(|pool| pool.provider == "system") {
            "certificates are verified by the authorities that this machine trusts"
        } else {
            return None;
        };
        Some(what.to_owned())
    })
}

/// A certificate of anybody's, of which the server checks no more than that its owner has the key.
pub(in crate::lint) fn not_verified(subject: &Subject<'_>) -> Vec<Found> {
    each(subject, |serving, policy, asked| {
        let mode = asked.mode();
        if !matches!(mode, Mode::Require | Mode::Request) || asked.pins() {
            return None;
        }
        let hosts = ways::hosts_of(serving, policy);
        let open = hosts.into_iter().find(|host| {
            let answers = serving.reach(Some(host), Visitor::WithCertificate);
            answers
                .iter()
                .any(|answer| is_met_by_any_certificate(answer, mode))
        })?;
        Some(format!(
            "`{open}` takes a certificate that anybody has made"
        ))
    })
}

/// Whether a certificate opens it that nobody has signed. By its fingerprint it is known whoever has signed it.
fn is_met_by_any_certificate(answer: &Answer<'_>, mode: Mode) -> bool {
    let told = || {
        answer
            .undecided
            .iter()
            .flat_map(|matcher| checks::placeholders(matcher))
    };
    let of_certificate: Vec<&str> = told()
        .filter(|name| name.starts_with(CERTIFICATE))
        .collect();
    let is_known = of_certificate
        .iter()
        .any(|name| name.ends_with("fingerprint") || name.ends_with("public_key_sha256"));
    match mode {
        Mode::Require => {
            !is_known
                && answer
                    .undecided
                    .iter()
                    .all(|matcher| !matches!(matcher, Matcher::Path(_)))
        }
        _ => !is_known && !of_certificate.is_empty(),
    }
}

/// A certificate may be shown, and nothing looks at it.
pub(in crate::lint) fn unchecked(subject: &Subject<'_>) -> Vec<Found> {
    each(subject, |serving, policy, asked| {
        if !matches!(asked.mode(), Mode::VerifyIfGiven | Mode::Request) {
            return None;
        }
        let open = ways::hosts_of(serving, policy).into_iter().find(|host| {
            let answers = serving.reach(Some(host), Visitor::Nobody);
            let is_open = answers.iter().any(Answer::is_certain);
            is_open
                && !subject
                    .stands
                    .iter()
                    .any(|stand| concerns(stand, *serving, host) && looks_at_certificates(stand))
        })?;
        Some(format!(
            "`{open}` asks for a certificate, and answers whoever has none"
        ))
    })
}

fn concerns(stand: &Stand<'_>, serving: Serving<'_>, host: &str) -> bool {
    let is_there = stand.hosts.is_empty() || stand.hosts.contains(&host);
    std::ptr::eq(stand.serving.server, serving.server) && is_there
}

/// Whether a route is chosen by a certificate, or an upstream is told of it, which may judge for itself.
fn looks_at_certificates(stand: &Stand<'_>) -> bool {
    let names = stand.conditions().flat_map(checks::placeholders);
    let is_chosen = { names }.any(|name| name.starts_with(CERTIFICATE));
    let tells = |handler: &Handler| match handler {
        Handler::ReverseProxy(proxy) => { proxy.headers.request.set.values().flatten() }
            .any(|value| value.contains(CERTIFICATE)),
        Handler::Headers { request, .. } => {
            { request.set.values().flatten() }.any(|value| value.contains(CERTIFICATE))
        }
        Handler::Map(map) => map.source.contains(CERTIFICATE),
        _ => false,
    };
    is_chosen || stand.route().handlers.iter().any(tells)
}

pub(in crate::lint) fn strict_sni_off(subject: &Subject<'_>) -> Vec<Found> {
    let off = subject.servers.iter().filter(|serving| {
        // Caddy turns it on by itself where a certificate is asked for and nothing is said.
        serving.server.strict_sni_host == Some(false) && serving.server.asks_for_certificates()
    });
    off.map(|serving| {
        serving
            .place()
            .found("`strict_sni_host` is off, and sites ask for certificates")
    })
    .collect()
}

pub(in crate::lint) fn shadowed(subject: &Subject<'_>) -> Vec<Found> {
    each(subject, |serving, policy, asked| {
        if asked.mode() == Mode::Off {
            return None;
        }
        let policies = &serving.server.tls_connection_policies;
        let mut before = policies
            .iter()
            .take_while(|other| !std::ptr::eq(*other, policy));
        let earlier = before.find(|other| {
            let asks = other
                .client_authentication
                .as_ref()
                .is_some_and(|asked| asked.mode() != Mode::Off);
            let names = policy.names();
            !asks
                && !other.drops
                && !names.is_empty()
                && names.iter().all(|name| other.is_for(name))
        })?;
        let names = match earlier.names() {
            [] => String::from("every name"),
            names => format!("`{}`", names.join(" ")),
        };
        Some(format!(
            "a policy for {names} stands before it, and asks for no certificate"
        ))
    })
}

/// Seen on 2.6.2, 2.8.4, 2.10.2 and 2.11.1, and not on 2.11.7.
pub(in crate::lint) fn never_named(subject: &Subject<'_>) -> Vec<Found> {
    if !subject.is_before(CaddyVersion::release(11, 7)) {
        return Vec::new();
    }
    each(subject, |_, policy, asked| {
        let is_never = |name: &&String| !name.is_ascii();
        let name = policy
            .names()
            .iter()
            .find(is_never)
            .filter(|_| asked.mode() != Mode::Off)?;
        Some(format!(
            "no browser says `{name}`: in a handshake a name is of ASCII letters"
        ))
    })
}

pub(in crate::lint) fn wildcard_left(subject: &Subject<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for serving in &subject.servers {
        for (place, policy, asked) in serving.asking() {
            let wildcards = policy.names().iter().filter(|name| name.starts_with("*."));
            if asked.mode() != Mode::RequireAndVerify || wildcards.count() == 0 {
                continue;
            }
            let below = serving.hosts().into_iter().filter(|host| {
                !host.contains('*') && policy.is_for(host) && serving.asked(host) == Asked::Nothing
            });
            let open = below.filter(|host| {
                let answers = serving.reach(Some(host), Visitor::Nobody);
                answers
                    .iter()
                    .any(|answer| answer.is_certain() && answer.dials().next().is_some())
            });
            found.extend(open.map(|host| {
                place.clone().found(format!(
                    "`{host}` asks for no certificate, though the wildcard above it does"
                ))
            }));
        }
    }
    found
}

/// Who sells or gives certificates to everybody. The names are of the organisations in their roots and intermediates.
const PUBLIC: &[&str] = &[
    "Internet Security Research Group",
    "Let's Encrypt",
    "DigiCert Inc",
    "Google Trust Services LLC",
    "Google Trust Services",
    "GlobalSign nv-sa",
    "GlobalSign",
    "Sectigo Limited",
    "Sectigo (Europe) SL",
    "The USERTRUST Network",
    "COMODO CA Limited",
    "Comodo CA Limited",
    "ZeroSSL",
    "ZeroSSL GmbH",
    "SSL Corporation",
    "Amazon",
    "Buypass AS-983163327",
    "Entrust, Inc.",
    "IdenTrust",
    "Digital Signature Trust Co.",
    "Certainly",
    "Actalis S.p.A./03358520967",
    "D-Trust GmbH",
    "HARICA",
    "Microsoft Corporation",
    "WISeKey",
    "SwissSign AG",
];

pub(in crate::lint) fn public_authority(subject: &Subject<'_>) -> Vec<Found> {
    each(subject, |_, _, asked| {
        let named = asked.inline_authorities().filter_map(organisation);
        let public = { named }.find(|name| PUBLIC.contains(&name.as_str()))?;
        Some(format!(
            "certificates of `{public}` are taken, which has signed one for everybody who asked"
        ))
    })
}

/// The organisation that a certificate, in base64 of DER, is of.
fn organisation(text: &str) -> Option<String> {
    let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
    let der = certificates_in(pem.as_bytes()).pop()?;
    Certificate::from_der(der).ok()?.subject_organization()
}

pub(in crate::lint) fn own_authority_signs_for_all(subject: &Subject<'_>) -> Vec<Found> {
    let signs = |name: &str| {
        subject.handlers().any(|(_, handler)| match handler {
            Handler::AcmeServer { ca } => ca.as_deref().unwrap_or("local") == name,
            _ => false,
        })
    };
    each(subject, |_, _, asked| {
        let pools = asked
            .pools()
            .filter(|pool| pool.provider.starts_with("pki_"));
        let trusted = pools
            .flat_map(|pool| &pool.authority)
            .find(|name| signs(name))?;
        Some(format!(
            "it takes certificates of Caddy's own authority `{trusted}`, and `acme_server` has that sign for who asks"
        ))
    })
}

/// CVE-2025-68121, in Go before 1.25.7: a session that was begun under one policy is resumed under another.
pub(in crate::lint) fn sessions_cross(subject: &Subject<'_>) -> Vec<Found> {
    if !subject.is_before(CaddyVersion::release(11, 0)) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for serving in &subject.servers {
        let asking: Vec<_> = serving.asking().collect();
        for (place, policy, asked) in &asking {
            let others = asking.iter().any(|(_, _, other)| {
                other.mode() != Mode::Off && other.identity() != asked.identity()
            });
            let is_alone = |host: &&str| {
                let answers = serving.reach(Some(host), Visitor::WithCertificate);
                serving.asked(host) == Asked::Verified && answers.iter().any(Answer::is_certain)
            };
            let hosts = ways::hosts_of(serving, policy);
            if let Some(host) = hosts.iter().find(|host| others && is_alone(host)) {
                found.push(place.clone().found(format!("which certificates `{host}` takes is said in the handshake alone, and another site takes others")));
            }
        }
    }
    found
}

/// Each policy that says something of clients' certificates, where there is something to say of it.
fn each<'c>(
    subject: &Subject<'c>,
    said: impl Fn(&Serving<'c>, &'c ConnectionPolicy, &'c ClientAuthentication) -> Option<String>,
) -> Vec<Found> {
    let said = &said;
    let policies = subject.servers.iter().flat_map(|serving| {
        let asking = serving.asking();
        asking.filter_map(move |(place, policy, asked)| {
            Some(place.found(said(serving, policy, asked)?))
        })
    });
    policies.collect()
}
