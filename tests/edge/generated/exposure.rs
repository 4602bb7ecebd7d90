//! The report of what is exposed, held against a running Caddy: what it lists gets in, and nothing else does. What is expected here is
//! read off the report alone.

use std::collections::BTreeSet;

use serde_json::Value;

use super::answers::Try;
use super::estate::{Estate, Shows, Visitor};
use super::visits::{METHODS, Outcome, sent};
use crate::described::list;
use crate::support::caddy::{Caddy, Version};
use crate::wire::Exchange;

/// What `homelab exposure --json` says.
struct Report {
    openings: Vec<Value>,
    guarded: Vec<Value>,
    /// Who is let in together, by name.
    audiences: Value,
    /// The devices of each person.
    people: Value,
}

impl Report {
    fn of(estate: &Estate) -> Self {
        let outcome = estate.lab.command(["exposure", "--json"]).run();
        let json: Value = serde_json::from_str(outcome.succeeds().stdout()).expect("it is JSON");
        let [openings, guarded] =
            ["without_certificate", "with_certificate"].map(|key| list(&json[key]).to_vec());
        let [audiences, people] = ["audiences", "people"].map(|key| json[key].clone());
        assert_eq!(json["version"], 2);
        Self {
            openings,
            guarded,
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
        let listed = self.openings.iter().map(|line| text(&line["path"]));
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
    fn opens(&self, host: &str, attempt: &Try, at_home: bool) -> bool {
        self.openings.iter().any(|line| {
            let methods = texts(&line["methods"]);
            let from = text(&line["from"]);
            texts(&line["hosts"]).contains(&host)
                && (from == "everywhere" || from == "lan" && at_home)
                && (methods.is_empty() || methods.contains(&attempt.method))
                && covers(text(&line["path"]), &attempt.target)
        })
    }

    /// The person whose device is let in there.
    fn admits(&self, host: &str, visitor: &Visitor) -> Option<&str> {
        let audience = self.guard(host)?["audience"].as_str()?;
        let people = texts(&self.audiences[audience]["people"]).into_iter();
        let mine = |person: &&str| texts(&self.people[*person]).contains(&&visitor.name[..]);
        people.into_iter().find(mine)
    }

    /// What is wrong with what came of a request.
    fn fault(
        &self,
        estate: &Estate,
        host: &str,
        visitor: &Visitor,
        attempt: &Try,
        exchange: &Exchange,
    ) -> Option<String> {
        let passes = exchange.status.is_some_and(|status| status != 403);
        let listed = self.lists(estate, host, visitor, attempt);
        let told: Vec<&str> = exchange
            .arrivals
            .iter()
            .flat_map(|(_, arrival)| arrival.header("Remote-User"))
            .collect();
        let identity = self
            .guard(host)
            .is_some_and(|guard| guard["identity"] == true);
        let expected: Vec<&str> = self
            .admits(host, visitor)
            .into_iter()
            .filter(|_| identity)
            .collect();
        let required = self
            .guard(host)
            .is_some_and(|guard| guard["certificate"] == "required");
        let meets_page = visitor.shows != Shows::Nothing || exchange.status.is_some() != required;
        let right = passes == listed
            && meets_page
            && if passes {
                told == expected
            } else {
                exchange.arrivals.is_empty()
            };
        (!right).then(|| {
            let (Try { method, target }, who, status) = (attempt, &visitor.name, exchange.status);
            format!(
                "{who} {method} {host}{target}: listed: {listed}, got {status:?}, told {told:?}"
            )
        })
    }

    fn lists(&self, estate: &Estate, host: &str, visitor: &Visitor, attempt: &Try) -> bool {
        // Who shows what does not verify is refused where anything is asked for.
        let unverified = visitor.shows == Shows::Stranger && self.guard(host).is_some();
        !unverified
            && (self.opens(host, attempt, estate.at_home) || self.admits(host, visitor).is_some())
    }
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
pub fn contradictions(estate: &Estate, caddy: &Caddy, visitors: &[&Visitor]) -> Outcome {
    let report = Report::of(estate);
    let mut outcome = Outcome::default();
    for (number, visitor) in visitors.iter().enumerate() {
        for host in report.hosts() {
            let targets = report.paths().into_iter();
            let all = targets.flat_map(|target| {
                METHODS.map(|method| Try {
                    method,
                    target: target.clone(),
                })
            });
            let mine = all.enumerate().filter(|(at, attempt)| {
                at % 8 == number % 8
                    || visitor.shows == Shows::Nothing
                        && report.lists(estate, host, visitor, attempt)
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
            for (attempt, exchange) in tries.iter().zip(sent(estate, caddy, host, visitor, &tries))
            {
                if report.lists(estate, host, visitor, attempt) {
                    outcome.let_in += 1;
                } else {
                    outcome.refused += 1;
                }
                outcome
                    .wrong
                    .extend(report.fault(estate, host, visitor, attempt, &exchange));
            }
        }
    }
    outcome
}

/// The hosts that the report is about are those of all sites.
#[track_caller]
fn assert_complete(estate: &Estate) {
    let report = Report::of(estate);
    let sites = super::answers::sites(&estate.declared);
    let hosts: BTreeSet<&str> = sites.iter().map(|(host, _)| host.as_str()).collect();
    assert_eq!(report.hosts(), hosts);
    assert!(report.openings.len() > 10 && report.guarded.len() > 8);
}

#[test]
fn the_report_lists_what_gets_in_and_nothing_else_does() {
    for (at_home, version) in [(false, Version::New), (true, Version::Old)] {
        let estate = Estate::new(at_home);
        assert_complete(&estate);
        let visitors: Vec<&Visitor> = estate.visitors.iter().collect();
        let outcome = contradictions(&estate, &estate.serve(version), &visitors);
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
