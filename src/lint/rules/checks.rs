//! How a route is chosen by what is known of a visitor.

use super::super::configuration::{
    Expression, Handler, Mapping, Matcher, OF_NOTHING, Pattern, Route,
};
use super::super::place::Found;
use super::super::reach::{CERTIFICATE, bare, refuses};
use super::super::subject::{Polarity, Section, Stand, Subject};
use super::upstreams::is_named_by;
use super::ways;
use crate::model::CaddyVersion;

/// The placeholders and variables that a condition is about; of an expression the one of a certificate, if there is one.
pub(super) fn placeholders(matcher: &Matcher) -> Vec<&str> {
    match matcher {
        Matcher::Vars(values) => values.keys().map(|key| bare(key)).collect(),
        Matcher::VarsRegexp(patterns) => patterns.keys().map(|key| bare(key)).collect(),
        Matcher::Expression(Expression(text)) => of_certificate(text).collect(),
        Matcher::Not(sets) => sets
            .iter()
            .flat_map(|set| &set.0)
            .flat_map(placeholders)
            .collect(),
        _ => Vec::new(),
    }
}

/// The placeholders of certificates in an expression, without their braces.
fn of_certificate(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.match_indices(CERTIFICATE).map(|(at, _)| &text[at..]);
    starts.filter_map(|rest| rest.split(['}', '"', '\'', ' ', ')']).next())
}

/// Whether an expression says that something of a certificate is not nothing.
fn is_not_nothing(text: &str) -> bool {
    let spaceless: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let is_there = ["!=\"\"", "!=''", "!=null", ".size()>0", "size()!=0"];
    of_certificate(text).next().is_some() && is_there.iter().any(|form| spaceless.contains(form))
}

pub(in crate::lint) fn negative(subject: &Subject<'_>) -> Vec<Found> {
    let relevant = subject
        .matchers()
        .filter(|(stand, ..)| stand.section == Section::Requests && !stand.is_verified());
    let found = relevant.filter_map(|(stand, matcher, polarity)| {
        let name = match matcher {
            Matcher::Vars(values) => {
                let nothing = values
                    .iter()
                    .find(|(_, values)| values.iter().any(String::is_empty));
                let name = bare(nothing?.0);
                let is_asked = polarity == Polarity::NotMet || refuses_here(stand);
                (is_asked && name.starts_with(CERTIFICATE)).then_some(name)
            }
            Matcher::Expression(Expression(text)) => {
                of_certificate(text).next().filter(|_| is_not_nothing(text))
            }
            _ => None,
        }?;
        Some(stand.found(format!("it is asked whether `{{{name}}}` is nothing")))
    });
    found.collect()
}

/// Several variables in one matcher, of which any one is enough.
pub(in crate::lint) fn either_is_enough(subject: &Subject<'_>) -> Vec<Found> {
    let met = subject.matchers().filter(|(stand, _, polarity)| {
        *polarity == Polarity::Met
            && stand.section == Section::Requests
            && ways::leads_somewhere(stand)
    });
    let found = met.filter_map(|(stand, matcher, _)| {
        if !matches!(matcher, Matcher::Vars(_) | Matcher::VarsRegexp(_)) {
            return None;
        }
        let names = placeholders(matcher);
        let own = names.iter().find(|name| name.starts_with(CERTIFICATE))?;
        let other = names.iter().find(|name| !name.starts_with(CERTIFICATE))?;
        Some(stand.found(format!(
            "`{own}` or `{other}` is enough: not both are asked for"
        )))
    });
    found.collect()
}

/// Whether a route refuses whom it is for.
fn refuses_here(stand: &Stand<'_>) -> bool {
    stand.route().handlers.iter().any(|handler| match handler {
        Handler::Error { .. } => true,
        Handler::StaticResponse { status_code, abort } => *abort || refuses(status_code),
        _ => false,
    })
}

/// What an authority, or who asks one, writes into a certificate.
const WRITTEN: &[&str] = &["subject", "issuer", "serial", "san."];

fn is_written(name: &str) -> bool {
    let field = name.strip_prefix(CERTIFICATE);
    field.is_some_and(|field| WRITTEN.iter().any(|written| field.starts_with(written)))
}

fn is_fingerprint(name: &str) -> bool {
    let field = name.strip_prefix(CERTIFICATE);
    matches!(field, Some("fingerprint" | "public_key_sha256"))
}

pub(in crate::lint) fn part_of_subject(subject: &Subject<'_>) -> Vec<Found> {
    in_part(subject, is_written)
}

pub(in crate::lint) fn part_of_fingerprint(subject: &Subject<'_>) -> Vec<Found> {
    in_part(subject, is_fingerprint)
}

/// Whether a route does nothing but look for the whole field in a table, in which nobody else is somebody.
fn is_asked_whole(route: &Route, is_field: fn(&str) -> bool) -> bool {
    let is_table = |handler: &Handler| match handler {
        Handler::Map(map) => {
            map.source.matches('{').count() == 1
                && is_field(bare(&map.source))
                && map.mappings.iter().all(Mapping::is_of_somebody)
                && map.defaults.iter().all(String::is_empty)
        }
        _ => false,
    };
    route.handlers.iter().all(is_table)
}

/// Conditions that are met by a part of such a field.
fn in_part(subject: &Subject<'_>, is_field: fn(&str) -> bool) -> Vec<Found> {
    let met = subject.matchers().filter(|(stand, _, polarity)| {
        *polarity == Polarity::Met && stand.section == Section::Requests
    });
    let met = met.filter(|(stand, ..)| !is_asked_whole(stand.route(), is_field));
    let found = met.filter_map(|(stand, matcher, _)| {
        let (name, pattern) = match matcher {
            Matcher::VarsRegexp(patterns) => {
                let mut patterns = patterns
                    .iter()
                    .map(|(key, Pattern { pattern })| (bare(key), pattern.as_str()));
                patterns.find(|(name, pattern)| is_field(name) && !is_whole(pattern))?
            }
            Matcher::Expression(Expression(text)) => {
                let name = of_certificate(text).find(|name| is_field(name))?;
                (name, asked_in_part(text, name)?)
            }
            _ => return None,
        };
        Some(stand.found(format!(
            "`{{{name}}}` is to have `{pattern}` in it, and may have more"
        )))
    });
    found.collect()
}

/// Whether a pattern says all of a text.
fn is_whole(pattern: &str) -> bool {
    let pattern = pattern.strip_prefix("(?i)").unwrap_or(pattern);
    let begins = pattern.starts_with('^') || pattern.starts_with("\\A");
    begins && (pattern.ends_with('$') || pattern.ends_with("\\z"))
}

/// What an expression asks of a part of a placeholder.
fn asked_in_part<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let behind = text.split_once(name)?.1.trim_start_matches(['}', ' ']);
    let (call, argument) = behind.strip_prefix('.')?.split_once('(')?;
    let argument = argument.trim_start_matches(['r', '"', '\'']);
    let argument = argument.split(['"', '\'']).next()?;
    match call {
        "contains" | "startsWith" | "endsWith" => Some(argument),
        "matches" if !is_whole(argument) => Some(argument),
        _ => None,
    }
}

pub(in crate::lint) fn of_nothing(subject: &Subject<'_>) -> Vec<Found> {
    let met = subject
        .matchers()
        .filter(|(_, _, polarity)| *polarity == Polarity::Met);
    let found = met.filter(|(_, matcher, _)| match matcher {
        Matcher::Vars(values) => values
            .values()
            .flatten()
            .any(|value| value.eq_ignore_ascii_case(OF_NOTHING)),
        Matcher::Expression(Expression(text)) => text.to_ascii_lowercase().contains(OF_NOTHING),
        _ => false,
    });
    let found = found.map(|(stand, ..)| stand.found(format!("`{OF_NOTHING}` is on the list")));
    found.collect()
}

/// A map that takes whoever is not in it for somebody.
pub(in crate::lint) fn default_is_somebody(subject: &Subject<'_>) -> Vec<Found> {
    let maps = subject
        .handlers()
        .filter_map(|(stand, handler)| match handler {
            Handler::Map(map) if map.source.contains(CERTIFICATE) => Some((stand, map)),
            _ => None,
        });
    let is_let_in = |variable: &str, default: &str| {
        subject
            .matchers()
            .any(|(stand, matcher, polarity)| match matcher {
                Matcher::Vars(values) => {
                    let of_it = values.iter().filter(|(key, _)| bare(key) == variable);
                    let mut listed = of_it.flat_map(|(_, values)| values);
                    polarity == Polarity::Met
                        && listed.any(|value| value == default)
                        && ways::leads_somewhere(stand)
                }
                _ => false,
            })
    };
    let found = maps
        .filter(|(stand, _)| !stand.is_verified())
        .filter_map(|(stand, map)| {
            let mut pairs = map.destinations.iter().zip(&map.defaults);
            let (variable, default) = pairs.find(|(variable, default)| {
                !default.is_empty() && is_let_in(bare(variable), default)
            })?;
            Some(stand.found(format!(
                "`{variable}` is `{default}` for whoever has no certificate, and that lets them in"
            )))
        });
    found.collect()
}

/// Headers that a proxy or a gateway in front writes, and that anybody can send who reaches this server.
const BELIEVED: &[&str] = &[
    "x-forwarded-for",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
    "forwarded",
    "remote-user",
    "remote-groups",
    "remote-email",
    "remote-name",
    "x-remote-user",
    "x-forwarded-user",
    "x-forwarded-groups",
    "x-forwarded-email",
    "x-auth-request-user",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-webauth-user",
    "x-authentik-username",
    "x-authentik-groups",
    "x-client-cert",
    "x-client-verify",
    "x-ssl-client-verify",
    "x-ssl-client-cert",
    "x-ssl-client-s-dn",
    "x-ssl-cert",
    "ssl-client-verify",
    "cf-access-authenticated-user-email",
    "tailscale-user-login",
];

pub(in crate::lint) fn believed_header(subject: &Subject<'_>) -> Vec<Found> {
    let requests = subject
        .matchers()
        .filter(|(stand, ..)| stand.section == Section::Requests);
    let found = requests.filter_map(|(stand, matcher, polarity)| {
        let names: Vec<&str> = match matcher {
            Matcher::Header(values) => values.keys().map(String::as_str).collect(),
            Matcher::HeaderRegexp(patterns) => patterns.keys().map(String::as_str).collect(),
            Matcher::Vars(values) => values.keys().filter_map(|key| header(key)).collect(),
            Matcher::VarsRegexp(patterns) => {
                patterns.keys().filter_map(|key| header(key)).collect()
            }
            _ => return None,
        };
        let is_believed = |name: &&str| BELIEVED.contains(&name.to_ascii_lowercase().as_str());
        let is_replaced = |name: &&str| {
            stand
                .replaced_before()
                .any(|other| is_named_by(name, other))
        };
        let mut names = names.into_iter().filter(is_believed);
        let name = names.find(|name| !is_replaced(name))?;
        let counts = match polarity {
            Polarity::Met => ways::leads_somewhere(stand),
            Polarity::NotMet => refuses_here(stand),
        };
        let by_address =
            |matcher: &Matcher| matches!(matcher, Matcher::RemoteIp(_) | Matcher::ClientIp(_));
        let is_safe = stand.conditions().any(by_address) || stand.is_verified();
        (counts && !is_safe).then(|| {
            stand.found(format!(
                "a route is chosen by `{name}`, which the visitor writes"
            ))
        })
    });
    found.collect()
}

fn header(key: &str) -> Option<&str> {
    bare(key).strip_prefix("http.request.header.")
}

/// CVE-2026-30852: what a visitor has sent is filled in a second time.
pub(in crate::lint) fn filled_in_twice(subject: &Subject<'_>) -> Vec<Found> {
    let has_it = !subject.is_before(CaddyVersion::release(7, 0))
        && subject.is_before(CaddyVersion::release(11, 2));
    if !has_it {
        return Vec::new();
    }
    let met = subject
        .matchers()
        .filter(|(stand, _, polarity)| *polarity == Polarity::Met && ways::leads_somewhere(stand));
    let found = met.filter_map(|(stand, matcher, _)| {
        let Matcher::VarsRegexp(patterns) = matcher else {
            return None;
        };
        let sent =
            |name: &&str| name.starts_with("http.request.") && !name.starts_with(CERTIFICATE);
        let name = patterns.keys().map(|key| bare(key)).find(sent)?;
        Some(stand.found(format!(
            "`vars_regexp` looks at `{{{name}}}`, which the visitor writes"
        )))
    });
    found.collect()
}
