//! The report of what is exposed, held against a running Caddy: what it lists gets in, and nothing else does. What is expected here is
//! read off the report alone.

use std::collections::BTreeSet;

use serde_json::Value;

use super::answers::{Try, Visit};
use super::estate::{AT_HOME, AWAY, Estate, IN_OFFICE, Place, Shows, Visitor};
use super::visits::{METHODS, Outcome, comes_from_all, sent};
use crate::described::list;
use crate::support::caddy::{Caddy, Version};
use crate::support::lab::Lab;
use crate::wire::Exchange;

/// What `homelab exposure --json` says.
pub struct Report {
    openings: Vec<Value>,
    guarded: Vec<Value>,
    /// Paths with policies of their own.
    below: Vec<Value>,
    /// Who is let in together, by name.
    audiences: Value,
    /// The devices of each person.
    people: Value,
}

impl Report {
    pub fn of(lab: &Lab) -> Self {
        let outcome = lab.command(["exposure", "--json"]).run();
        let json: Value = serde_json::from_str(outcome.succeeds().stdout()).expect("it is JSON");
        let [openings, guarded] =
            ["without_certificate", "with_certificate"].map(|key| list(&json[key]).to_vec());
        // There are none where no service has any.
        let below = json["paths"].as_array().cloned().unwrap_or_default();
        let [audiences, people] = ["audiences", "people"].map(|key| json[key].clone());
        assert_eq!(json["version"], 2);
        Self {
            openings,
            guarded,
            below,
            audiences,
            people,
        }
    }

    fn hosts(&self) -> BTreeSet<&str> {
        let lines = self.openings.iter().chain(&self.guarded);
        lines.flat_map(|line| texts(&line["hosts"])).collect()
    }

    /// Paths that some line is about, and some beside them.
    fn paths(&self) -> BTreeSet<String> {
        let lines = self.openings.iter().chain(&self.below);
        let listed = lines.map(|line| text(&line["path"]));
        let mut paths = BTreeSet::from(["/".to_owned(), "/other".to_owned()]);
        for path in listed {
            match path.strip_suffix("/*") {
                Some(prefix) => {
                    paths.extend(["/x", "/x/y.z", "", "x/y"].map(|rest| format!("{prefix}{rest}")))
                }
                None => paths.extend(["", "/", "x", "/x"].map(|rest| format!("{path}{rest}"))),
            }
        }
        paths.retain(|path| path.starts_with('/'));
        paths
    }

    fn guard(&self, host: &str) -> Option<&Value> {
        self.guarded
            .iter()
            .find(|line| texts(&line["hosts"]).contains(&host))
    }

    /// Whether a line about who has no certificate lists a request.
    fn opens(&self, host: &str, attempt: &Try, place: &Place) -> bool {
        self.openings.iter().any(|line| {
            texts(&line["hosts"]).contains(&host)
                && opens(line, attempt, place)
                && covers(text(&line["path"]), &attempt.target)
                && line["origins"]
                    .as_array()
                    .is_none_or(|origins| asks_for(attempt, origins))
        })
    }

    /// Whether the device is let in there by its certificate.
    fn admits(&self, host: &str, (visitor, place): Visit) -> bool {
        let mut lines = self.guarded.iter();
        lines.any(|line| texts(&line["hosts"]).contains(&host) && self.names(line, visitor, place))
    }

    /// Whether such a line is about that device where it is.
    fn names(&self, line: &Value, visitor: &Visitor, place: &Place) -> bool {
        let from = line["from"]
            .as_array()
            .map_or_else(Vec::new, |from| from.iter().map(text).collect());
        let is_there =
            from.is_empty() || from.iter().any(|network| place.networks.contains(network));
        let name = &visitor.name[..];
        let single = line["devices"]
            .as_array()
            .is_some_and(|devices| devices.iter().any(|device| device == name));
        let people = line["audience"]
            .as_str()
            .map(|audience| texts(&self.audiences[audience]["people"]));
        let mut people = people.unwrap_or_default().into_iter();
        is_there && (single || people.any(|person| texts(&self.people[person]).contains(&name)))
    }

    /// Whether a request for a path that is spelt plainly is let in, by all that is listed.
    pub fn lets_in(&self, host: &str, visit: Visit, attempt: &Try) -> bool {
        let of_host = |line: &&Value| texts(&line["hosts"]).contains(&host);
        let is_asked = |line: &Value| covers(text(&line["path"]), &attempt.target);
        // The folder itself is taken for what is in it.
        let is_like = |line: &Value| {
            let folder = text(&line["path"]).strip_suffix("/*");
            folder == Some(&attempt.target[..])
        };
        let below = self.below.iter().filter(of_host);
        let grants = |line: &Value| self.grants_below(host, line, visit, attempt);
        let is_below = below.clone().any(is_asked);
        let of_all_else = || self.opens(host, attempt, visit.1) || self.admits(host, visit);
        { below }
            .filter(|line| is_asked(line) || is_like(line))
            .all(grants)
            && (is_below || of_all_else())
    }

    fn grants_below(
        &self,
        host: &str,
        line: &Value,
        (visitor, place): Visit,
        attempt: &Try,
    ) -> bool {
        let mut preflights = self
            .openings
            .iter()
            .filter(|line| line["origins"].is_array() && texts(&line["hosts"]).contains(&host));
        let mut open = list(&line["without_certificate"]).iter();
        let mut grants = list(&line["with_certificate"]).iter();
        open.any(|line| opens(line, attempt, place))
            || grants.any(|line| self.names(line, visitor, place))
            || preflights.any(|line| {
                opens(line, attempt, place) && asks_for(attempt, list(&line["origins"]))
            })
    }

    /// What is wrong with what came of a request.
    fn fault(
        &self,
        host: &str,
        (visitor, place): Visit,
        attempt: &Try,
        exchange: &Exchange,
    ) -> Option<String> {
        let passes = exchange.status.is_some_and(|status| status != 403);
        let listed = self.lists(host, (visitor, place), attempt);
        let told: Vec<&str> = exchange
            .arrivals
            .iter()
            .flat_map(|(_, arrival)| arrival.header("Remote-User"))
            .collect();
        let identity = self
            .guard(host)
            .is_some_and(|guard| guard["identity"] == true);
        let (person, _) = visitor.name.split_once('/').unwrap_or_default();
        let is_told = identity && self.admits(host, (visitor, place));
        let expected: Vec<&str> = is_told.then_some(person).into_iter().collect();
        let required = self
            .guard(host)
            .is_some_and(|guard| guard["certificate"] == "required");
        let meets_page = visitor.shows != Shows::Nothing || exchange.status.is_some() != required;
        let right = passes == listed
            && meets_page
            && if passes {
                // Of services with paths it is `drawn` and `visits` that know whom the upstream is told of.
                let has_paths = |line: &Value| texts(&line["hosts"]).contains(&host);
                told == expected || self.below.iter().any(has_paths)
            } else {
                exchange.arrivals.is_empty()
            };
        (!right).then(|| {
            let Try { method, target, .. } = attempt;
            let (who, status) = (&visitor.name, exchange.status);
            format!(
                "{who} {method} {host}{target}: listed: {listed}, got {status:?}, told {told:?}"
            )
        })
    }

    fn lists(&self, host: &str, visit: Visit, attempt: &Try) -> bool {
        // Who shows what does not verify is refused where anything is asked for.
        let unverified = visit.0.shows == Shows::Stranger && self.guard(host).is_some();
        !unverified && self.lets_in(host, visit, attempt)
    }
}

/// Whether such a line is about who comes from there by that method.
fn opens(line: &Value, attempt: &Try, place: &Place) -> bool {
    let methods = texts(&line["methods"]);
    let from = text(&line["from"]);
    (from == "everywhere" || place.networks.contains(&from))
        && (methods.is_empty() || methods.contains(&attempt.method))
}

/// Whether a browser asks for a page of one of these origins.
fn asks_for(attempt: &Try, origins: &[Value]) -> bool {
    let mut headers = attempt.headers.iter();
    let asks = headers
        .clone()
        .any(|(name, _)| *name == "Access-Control-Request-Method");
    asks && headers
        .any(|(name, value)| *name == "Origin" && origins.iter().any(|origin| origin == value))
}

/// Whether a path that is listed is that of a target, or one with another word for its `*`: `/*` at the end stands for all below.
fn covers(path: &str, target: &str) -> bool {
    match path.split_once('*') {
        None => target == path,
        Some((begin, "")) if begin.ends_with('/') => target.starts_with(begin),
        Some((begin, end)) => {
            let word = target.strip_prefix(begin);
            let word = word.and_then(|word| word.strip_suffix(end));
            word.is_some_and(|word| !word.contains('/'))
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("it is a text")
}

fn texts(value: &Value) -> Vec<&str> {
    list(value).iter().map(text).collect()
}

/// Tries what the report lists and what it does not: without a certificate all that it lists, and otherwise a part of everything.
pub fn contradictions(
    estate: &Estate,
    caddy: &Caddy,
    (visitors, place): (&[&Visitor], &Place),
) -> Outcome {
    let report = Report::of(&estate.lab);
    let mut outcome = Outcome::default();
    for (number, visitor) in visitors.iter().enumerate() {
        for host in report.hosts() {
            let targets = report.paths().into_iter();
            let all =
                targets.flat_map(|target| METHODS.map(|method| Try::new(method, target.clone())));
            let mine = all.enumerate().filter(|(at, attempt)| {
                at % 8 == number % 8
                    || visitor.shows == Shows::Nothing
                        && report.lists(host, (visitor, place), attempt)
            });
            let mut tries: Vec<Try> = mine.map(|(_, attempt)| attempt).collect();
            let connects = match &visitor.shows {
                Shows::Nothing => report
                    .guard(host)
                    .is_none_or(|guard| guard["certificate"] != "required"),
                Shows::Stranger => report.guard(host).is_none(),
                Shows::Device(_) | Shows::Retired => true,
            };
            tries.truncate(if connects { tries.len() } else { 1 });
            for (attempt, exchange) in
                tries
                    .iter()
                    .zip(sent(estate, caddy, host, (visitor, place), &tries))
            {
                if report.lists(host, (visitor, place), attempt) {
                    outcome.let_in += 1;
                } else {
                    outcome.refused += 1;
                }
                outcome
                    .wrong
                    .extend(report.fault(host, (visitor, place), attempt, &exchange));
            }
        }
    }
    outcome
}

/// The hosts that the report is about are those of all sites.
#[track_caller]
fn assert_complete(estate: &Estate) {
    let report = Report::of(&estate.lab);
    let sites = super::answers::sites(&estate.declared);
    let hosts: BTreeSet<&str> = sites.iter().map(|(host, _)| host.as_str()).collect();
    assert_eq!(report.hosts(), hosts);
    assert!(report.openings.len() > 10 && report.guarded.len() > 8);
}

#[test]
fn the_report_lists_what_gets_in_and_nothing_else_does() {
    let estate = Estate::new();
    for (place, version) in [
        (&AWAY, Version::New),
        (&AT_HOME, Version::Old),
        (&IN_OFFICE, Version::New),
    ] {
        assert_complete(&estate);
        let mut visitors: Vec<&Visitor> = estate.visitors.iter().collect();
        visitors.retain(|visitor| place.networks.is_empty() || comes_from_all(visitor));
        let outcome = contradictions(&estate, &estate.serve(version), (&visitors, place));
        crate::assert_none(&outcome.wrong);
        let Outcome {
            let_in, refused, ..
        } = outcome;
        assert!(
            let_in > 1000 && refused > 1000,
            "{let_in} let in, {refused} refused"
        );
    }
}
