//! Of which requests a route is.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::or_default;

/// Conditions that have to be met together.
#[derive(Debug, Default)]
pub(in crate::lint) struct MatcherSet(pub Vec<Matcher>);

/// One condition.
#[derive(Debug)]
pub(in crate::lint) enum Matcher {
    Host(Vec<String>),
    Path(Vec<String>),
    /// By name, the values of which one has to be there.
    Header(BTreeMap<String, Option<Vec<String>>>),
    HeaderRegexp(BTreeMap<String, Pattern>),
    /// By placeholder or by name of a variable, the values of which it has to have one.
    Vars(BTreeMap<String, Vec<String>>),
    VarsRegexp(BTreeMap<String, Pattern>),
    Expression(Expression),
    /// By the address that the connection comes from.
    RemoteIp(Ranges),
    /// By the address that trusted proxies tell.
    ClientIp(Ranges),
    /// None of these.
    Not(Vec<MatcherSet>),
    /// Not known, or of no matter.
    Other,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::lint) struct Pattern {
    pub pattern: String,
}

/// Networks, one of which has to hold the address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::lint) struct Ranges {
    #[serde(deserialize_with = "or_default")]
    pub ranges: Vec<String>,
    /// Whether a header that anybody can send counts before the address does.
    pub forwarded: bool,
}

/// A condition in CEL.
#[derive(Debug)]
pub(in crate::lint) struct Expression(pub String);

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Expression, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            // Caddy before 2.7 writes the text alone.
            Text(String),
            Named { expr: String },
        }
        Ok(Expression(match Written::deserialize(deserializer)? {
            Written::Text(text) | Written::Named { expr: text } => text,
        }))
    }
}

impl<'de> Deserialize<'de> for MatcherSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MatcherSet, D::Error> {
        let written: BTreeMap<String, Value> = BTreeMap::deserialize(deserializer)?;
        let matchers = written
            .into_iter()
            .map(|(kind, value)| matcher(&kind, value));
        let matchers: Result<Vec<Matcher>, _> = matchers.collect();
        matchers.map(MatcherSet).map_err(D::Error::custom)
    }
}

fn matcher(kind: &str, value: Value) -> serde_json::Result<Matcher> {
    fn read<T: for<'de> Deserialize<'de>>(value: Value) -> serde_json::Result<T> {
        serde_json::from_value(value)
    }
    Ok(match kind {
        "host" => Matcher::Host(read(value)?),
        "path" => Matcher::Path(read(value)?),
        "header" => Matcher::Header(read(value)?),
        "header_regexp" => Matcher::HeaderRegexp(read(value)?),
        "vars" => Matcher::Vars(read(value)?),
        "vars_regexp" => Matcher::VarsRegexp(read(value)?),
        "expression" => Matcher::Expression(read(value)?),
        "remote_ip" => Matcher::RemoteIp(read(value)?),
        "client_ip" => Matcher::ClientIp(read(value)?),
        "not" => Matcher::Not(read(value)?),
        _ => Matcher::Other,
    })
}

impl MatcherSet {
    pub(in crate::lint) fn hosts(&self) -> impl Iterator<Item = &str> {
        let hosts = self.0.iter().filter_map(|matcher| match matcher {
            Matcher::Host(hosts) => Some(hosts),
            _ => None,
        });
        hosts.flatten().map(String::as_str)
    }
}

impl Ranges {
    /// Those that are networks or addresses; placeholders are none.
    pub(in crate::lint) fn networks(&self) -> impl Iterator<Item = IpNet> {
        self.ranges.iter().filter_map(|range| network(range))
    }
}

/// A network, or the one address that it is of; without a zone, which is for addresses of one link.
pub(in crate::lint) fn network(range: &str) -> Option<IpNet> {
    let range = range.split('%').next().unwrap_or(range);
    range
        .parse()
        .ok()
        .or_else(|| Some(IpNet::from(range.parse::<std::net::IpAddr>().ok()?)))
}
