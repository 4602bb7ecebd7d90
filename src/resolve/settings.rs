//! The settings of the whole: domain, validity, edge.

use super::Mistake;
use super::people::email;
use crate::diagnostic::did_you_mean;
use crate::model::{
    Behind, CaddyVersion, CertificateMode, Domain, Edge, Forwarding, IpRange, Lifetime,
    NotALifetime, SiteCertificates, sayable,
};
use crate::parse::declaration::{BehindLine, CertificatesLine, EdgeBlock, Text, ValidityBlock};
use crate::source::Span;

/// `validity { … }`, as far as it could be read.
pub struct Validity {
    /// The authority's.
    pub authority: Option<Lifetime>,
    /// A device's that says none itself.
    pub device: Option<Lifetime>,
    /// The window in which renewal is due.
    pub renew: Option<Lifetime>,
}

impl Validity {
    /// A device's certificate that would outlive the authority's is a mistake.
    pub fn refuse_outliving(&self, device: &Lifetime, span: Span, mistakes: &mut Vec<Mistake>) {
        if let Some(authority) = &self.authority
            && device.is_longer_than(authority)
        {
            mistakes.push(Mistake::OutlivesAuthority {
                device: device.as_str().to_owned(),
                authority: authority.as_str().to_owned(),
                span,
            });
        }
    }
}

/// Resolves the domain.
pub fn domain(written: Option<&Text>, mistakes: &mut Vec<Mistake>) -> Option<Domain> {
    let Some(written) = written else {
        mistakes.push(Mistake::NoDomain {
            span: crate::diagnostic::start(),
        });
        return None;
    };
    Domain::new(&written.value)
        .map_err(|why| {
            mistakes.push(Mistake::BadDomain {
                written: written.value.clone(),
                why,
                span: written.span,
            });
        })
        .ok()
}

/// Resolves `validity { … }` with its defaults: ten years, one year, thirty days.
pub fn validity(block: &ValidityBlock, mistakes: &mut Vec<Mistake>) -> Validity {
    let mut read = |written: &Option<Text>, default: &str| match written {
        Some(written) => lifetime(written, mistakes),
        None => Some(Lifetime::new(default).expect("the defaults are lifetimes")),
    };
    let validity = Validity {
        authority: read(&block.authority, "10y"),
        device: read(&block.device, "1y"),
        renew: read(&block.renew, "30d"),
    };
    if let Some(device) = &validity.device {
        // The longer of the two is the mistake; where only the authority was written, it is that.
        if let Some(written) = block.device.as_ref().or(block.authority.as_ref()) {
            validity.refuse_outliving(device, written.span, mistakes);
        }
        let window = validity.renew.as_ref();
        if window.is_some_and(|renew| !device.is_longer_than(renew))
            && let Some(written) = block.renew.as_ref().or(block.device.as_ref())
        {
            mistakes.push(Mistake::RenewWindowTooLong { span: written.span });
        }
    }
    validity
}

/// Reads a length of time.
pub fn lifetime(written: &Text, mistakes: &mut Vec<Mistake>) -> Option<Lifetime> {
    let problem = match Lifetime::new(&written.value) {
        Ok(lifetime) => return Some(lifetime),
        Err(problem) => problem,
    };
    let units = "write a number and `y`, `mo`, `w`, `d` or `h`, such as `\"1y\"`";
    let (why, help) = match problem {
        NotALifetime::Unreadable => ("cannot be read", units),
        NotALifetime::TooFine => (
            "has minutes or less",
            "write at least `\"1h\"`; a month is `1mo`, for `1m` is a minute",
        ),
        NotALifetime::TooShort => ("is less than an hour", units),
        NotALifetime::TooLong => ("is more than a century", units),
    };
    mistakes.push(Mistake::BadDuration {
        written: written.value.clone(),
        why,
        span: written.span,
        help: help.to_owned(),
    });
    None
}

/// Resolves `edge { … }` with its defaults.
pub fn edge(block: &EdgeBlock, mistakes: &mut Vec<Mistake>) -> Option<Edge> {
    let email = block.email.as_ref().map(|written| email(written, mistakes));
    let certificates = match &block.certificates {
        Some(line) => certificates(line, mistakes),
        None => Some(SiteCertificates::Acme),
    };
    let lan = ranges(&block.lan, mistakes);
    let caddy = match &block.caddy {
        None => Some(CaddyVersion::DEFAULT),
        Some(written) => CaddyVersion::new(&written.value)
            .map_err(|why| {
                mistakes.push(Mistake::BadCaddyVersion {
                    written: written.value.clone(),
                    why,
                    span: written.span,
                });
            })
            .ok(),
    };
    let behind = block.behind.as_ref();
    let behind = behind.map(|line| self::behind(line, caddy, mistakes));
    let email = match email {
        Some(read) => Some(read?),
        None => None,
    };
    let behind = match behind {
        Some(read) => Some(read?),
        None => None,
    };
    Some(Edge {
        email,
        certificates: certificates?,
        lan,
        behind,
        caddy: caddy?,
        promised: block.caddy.as_ref().and(caddy),
        landing: block.landing.is_some(),
    })
}

fn ranges(list: &[Text], mistakes: &mut Vec<Mistake>) -> Vec<IpRange> {
    let mut ranges = Vec::new();
    for written in list {
        match IpRange::new(&written.value) {
            Ok(range) => ranges.push(range),
            Err(why) => mistakes.push(Mistake::BadRange {
                written: written.value.clone(),
                why,
                span: written.span,
            }),
        }
    }
    ranges
}

/// Reads `behind "10.0.0.2" by="proxy-protocol"`; without `by`, the proxies speak HTTP.
fn behind(
    line: &BehindLine,
    caddy: Option<CaddyVersion>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Behind> {
    let by = match line.by.as_ref().map(|by| (by.value.as_str(), by.span)) {
        None | Some(("x-forwarded-for", _)) => Some(Forwarding::XForwardedFor),
        Some(("proxy-protocol", _)) => Some(Forwarding::ProxyProtocol),
        Some((other, span)) => {
            mistakes.push(Mistake::UnknownForwarding {
                written: other.to_owned(),
                span,
                help: did_you_mean(other, ["x-forwarded-for", "proxy-protocol"]),
            });
            None
        }
    };
    let first = line.proxies.first()?;
    if caddy.is_some_and(|caddy| caddy < CaddyVersion::BEHIND) {
        mistakes.push(Mistake::BehindNeedsNewer {
            needed: "2.8",
            span: first.span,
        });
    }
    let proxies = ranges(&line.proxies, mistakes);
    (proxies.len() == line.proxies.len()).then_some(())?;
    Some(Behind { proxies, by: by? })
}

/// Reads `certificate "asked"` or `"required"`.
pub fn certificate_mode(written: &Text, mistakes: &mut Vec<Mistake>) -> Option<CertificateMode> {
    match written.value.as_str() {
        "asked" => Some(CertificateMode::Asked),
        "required" => Some(CertificateMode::Required),
        other => {
            mistakes.push(Mistake::UnknownCertificateMode {
                written: other.to_owned(),
                span: written.span,
                help: did_you_mean(other, ["asked", "required"]),
            });
            None
        }
    }
}

/// The properties that each kind of `certificates` takes, and how it is written.
const KINDS: [(&str, &[&str], &str); 4] = [
    ("acme", &[], "certificates \"acme\""),
    ("internal", &[], "certificates \"internal\""),
    (
        "dns",
        &["provider", "token-env"],
        "certificates \"dns\" provider=\"cloudflare\" token-env=\"CF_API_TOKEN\"",
    ),
    (
        "files",
        &["cert", "key"],
        "certificates \"files\" cert=\"/etc/ssl/home.pem\" key=\"/etc/ssl/home.key\"",
    ),
];

fn certificates(line: &CertificatesLine, mistakes: &mut Vec<Mistake>) -> Option<SiteCertificates> {
    let written = line.kind.value.as_str();
    let Some((kind, takes, example)) = KINDS.into_iter().find(|(kind, ..)| *kind == written) else {
        mistakes.push(Mistake::UnknownCertificates {
            written: written.to_owned(),
            span: line.kind.span,
            help: did_you_mean(written, KINDS.map(|(kind, ..)| kind)),
        });
        return None;
    };
    let mut complete = true;
    for (property, value) in [
        ("provider", &line.provider),
        ("token-env", &line.token_env),
        ("cert", &line.cert),
        ("key", &line.key),
    ] {
        match value {
            Some(value) if !takes.contains(&property) => {
                mistakes.push(Mistake::CertificatesProperty {
                    kind,
                    property,
                    span: value.span,
                });
            }
            Some(value) => complete &= certificates_value(property, value, mistakes),
            None if takes.contains(&property) => {
                complete = false;
                mistakes.push(Mistake::CertificatesIncomplete {
                    kind,
                    property,
                    example,
                    span: line.kind.span,
                });
            }
            None => {}
        }
    }
    if !complete {
        return None;
    }
    let text = |value: &Option<Text>| value.as_ref().map(|text| text.value.clone());
    match kind {
        "acme" => Some(SiteCertificates::Acme),
        "internal" => Some(SiteCertificates::Internal),
        "dns" => Some(SiteCertificates::Dns {
            provider: text(&line.provider)?,
            token_env: text(&line.token_env)?,
        }),
        _ => Some(SiteCertificates::Files {
            cert: text(&line.cert)?,
            key: text(&line.key)?,
        }),
    }
}

/// Whether a property's value is of its form.
fn certificates_value(property: &str, value: &Text, mistakes: &mut Vec<Mistake>) -> bool {
    let text = value.value.as_str();
    let is_word = |extra: &[u8]| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || extra.contains(&b);
        !text.is_empty() && text.bytes().all(allowed)
    };
    let (good, what, help) = match property {
        "provider" => (
            is_word(b"_-") && !text.starts_with('-'),
            "DNS provider",
            "write the last word of the plugin's name, such as `cloudflare`",
        ),
        "token-env" => (
            is_word(b"_") && !text.starts_with(|c: char| c.is_ascii_digit()),
            "name of an environment variable",
            "write the variable's name, such as `CF_API_TOKEN`; the token itself stays out of git",
        ),
        // Caddy resolves a relative path against its working directory, which nobody can foresee.
        _ => (
            text.starts_with('/') && sayable(text).is_ok(),
            "path of a file",
            "write the absolute path on the Caddy host, such as `/etc/ssl/home.pem`",
        ),
    };
    if !good {
        mistakes.push(Mistake::BadCertificatesValue {
            written: text.to_owned(),
            what,
            help,
            span: value.span,
        });
    }
    good
}
