//! What is told of a deploy: lines as it goes on, or one JSON object at its end.

use std::time::Instant;

use serde::Serialize;

use super::proof::Proof;
use crate::build::{BuiltEdges, Consequence, between};
use crate::cli::build::MEANS;
use crate::cli::progress::Waiting;
use crate::cli::report;
use crate::deploy::{Event, Fallen, Release, Serves, Standing, Target};
use crate::derive::EdgeState;
use crate::diagnostic::Failure;
use crate::probe::LiveReport;

/// One deploy, as scripts read it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Told {
    /// Which edge, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    edge: Option<String>,
    /// Where to, as `scp` writes it.
    place: String,
    /// What was served before.
    former: Option<String>,
    /// What was brought there.
    release: Option<String>,
    /// What it means for people, beside what was served before; none where that is not known.
    meaning: Option<Vec<Consequence>>,
    /// Things that lint finds in the host's own sites, and found before.
    lint_known: usize,
    #[serde(flatten)]
    serves: Option<Serves>,
    verify: Option<LiveReport>,
    /// Why it did not come to its end.
    error: Option<String>,
}

pub(super) struct Telling {
    told: Told,
    is_concluded: bool,
    /// What goes on at the host at the moment.
    waiting: Option<Waiting>,
}

impl Telling {
    pub(super) fn of(Target { part, place }: Target<'_>) -> Telling {
        let edge = part.name().map(ToString::to_string);
        if let Some(edge) = &edge {
            report::result(format_args!("the edge {edge}, at {}:", place.named()));
        }
        Telling {
            told: Told {
                edge,
                place: place.named(),
                ..Told::default()
            },
            is_concluded: false,
            waiting: None,
        }
    }

    /// Which of several edges it is about.
    pub(super) fn edge(&self) -> &str {
        self.told.edge.as_deref().unwrap_or_default()
    }

    pub(super) fn told(&self) -> &Told {
        &self.told
    }

    /// Whether it has come to where something can be told of what is served.
    pub(super) fn is_concluded(&self) -> bool {
        self.is_concluded
    }

    /// It has not come so far.
    pub(super) fn failed(&mut self, failure: &Failure) {
        self.waiting = None;
        let why = failure.reports.first().map(ToString::to_string);
        self.told.error = self.told.error.take().or(why);
    }

    /// From now on something is waited for, until something else is told.
    pub(super) fn wait(&mut self, what: &str) {
        self.waiting = None;
        self.waiting = Some(Waiting::since(
            Instant::now(),
            format!("{}: {what}", self.told.place),
        ));
    }

    pub(super) fn waits(&self) {
        report::note(format_args!(
            "Somebody else deploys to {} at the moment: waiting for that to end.",
            self.told.place
        ));
    }

    /// How the host stands.
    pub(super) fn found(&mut self, standing: &Standing) {
        self.waiting = None;
        self.told.former.clone_from(&standing.current);
        if let Some(pending) = &standing.pending {
            let release = pending.split(' ').next().unwrap_or_default();
            let now = standing.current.as_deref().unwrap_or("none");
            report::note(format_args!(
                "The last deploy to {} was cut off while it tried the release {release}, and nobody has kept it. The host serves {now}.",
                self.told.place
            ));
        }
    }

    /// What it means for people that the host serves another release.
    pub(super) fn meaning(&mut self, standing: &Standing, next: Option<&EdgeState>) {
        match (&standing.served.edge_state(), next) {
            (Some(served), Some(next)) => self.between(served, next),
            _ if standing.current.is_some() => report::note(format_args!(
                "What {} serves was built by another version of homelab: what changes for people cannot be told.",
                self.told.place
            )),
            _ => {}
        }
    }

    pub(super) fn between(&mut self, served: &EdgeState, next: &EdgeState) {
        let meaning = between(&BuiltEdges::only(served), &BuiltEdges::only(next));
        if !meaning.is_empty() {
            report::result(format_args!("{MEANS}"));
            for consequence in &meaning {
                report::result(format_args!("  {}", consequence.text));
            }
        }
        self.told.meaning = Some(meaning);
    }

    pub(super) fn event(&mut self, event: Event) {
        self.waiting = None;
        let place = &self.told.place;
        let next = match event {
            Event::Copied { release, files } => {
                report::result(format_args!(
                    "copied {files} files to {place}/releases/{release}"
                ));
                self.told.release = Some(release);
                Some("Caddy reads it")
            }
            Event::Checked { caddy, known } => {
                let caddy = caddy.map_or(String::from("Caddy"), |caddy| format!("Caddy {caddy}"));
                report::result(format_args!(
                    "{caddy} there can load it, and lint finds nothing new in it"
                ));
                if known > 0 {
                    report::note(format_args!(
                        "The rest of the host's configuration lets somebody in, as before ({known} found): `homelab lint` says where."
                    ));
                }
                self.told.lint_known = known;
                Some("Caddy loads it")
            }
            Event::Imported => {
                report::result("its Caddyfile imports the edge now");
                Some("Caddy loads it")
            }
            Event::NotForCaddy => {
                report::note(
                    "The user `caddy` on the host cannot read `pick-up/` in the release, so nobody can fetch their new certificate: connect as `caddy`, as root or with `sudo=#true`, or as a user in its group.",
                );
                None
            }
            Event::NotWrittenDown => {
                report::note(
                    "The host could not write down that it keeps the release: is its disk full?",
                );
                None
            }
            // Who asks whether it is right shows that.
            Event::Served { release } => {
                report::result(format_args!("serves {release}"));
                self.told.release = Some(release);
                None
            }
        };
        if let Some(next) = next {
            self.wait(next);
        }
    }

    /// Tells what would be served, and changes nothing.
    pub(super) fn foreseen(&mut self, standing: &Standing, release: &Release) {
        let Release { name, .. } = release;
        self.told.release = Some(name.clone());
        self.told.serves = Some(Serves::Former(standing.current.clone()));
        self.is_concluded = true;
        let place = &self.told.place;
        report::result(if standing.current.as_ref() == Some(name) {
            format!("{place} serves this release already: {name}")
        } else {
            format!(
                "would serve {name}, of {} files, at {place}",
                release.count_files()
            )
        });
    }

    /// Tells how it ended.
    pub(super) fn conclude(
        &mut self,
        brought: Result<String, Fallen>,
        proof: Proof,
    ) -> Result<(), Failure> {
        self.waiting = None;
        self.is_concluded = true;
        proof.tell()?;
        let (told, proof_failure) = proof.into_parts();
        self.told.verify = told;
        let failure = match brought {
            Ok(release) => {
                self.told.serves = Some(Serves::New(release));
                // Where nothing is put back for it.
                proof_failure
            }
            Err(Fallen { why, serves }) => {
                self.told.serves = Some(serves);
                self.told.error = Some(why.to_string());
                let fault = why.fault();
                let mut failure = Failure::new(fault, why);
                failure.reports.extend(
                    proof_failure
                        .into_iter()
                        .flat_map(|failure| failure.reports),
                );
                Some(failure)
            }
        };
        failure.map_or(Ok(()), Err)
    }
}
