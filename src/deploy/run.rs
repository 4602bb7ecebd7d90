//! Bringing a release to its host, step by step, and back where one fails.

use serde::Serialize;

use super::config::Config;
use super::error::DeployError;
use super::orders::{Checked, ConfigFile, Exchanged, Kept, Placed, Standing, Unkept, Way};
use super::release::Release;
use super::session::Session;
use crate::lint::{Configuration, Findings, Form, lint};
use crate::model::{CaddyVersion, Deploy};

/// How long the host waits for a word after it serves a release: as long as every answer may take that `verify --live` asks for.
const SILENCE: u64 = 900;

/// What has been done so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Copied {
        release: String,
        files: usize,
    },
    /// Caddy could load it; lint has these things to say of what was there before.
    Checked {
        caddy: Option<CaddyVersion>,
        known: usize,
    },
    Imported,
    Served {
        release: String,
    },
    /// Caddy cannot read what waits to be fetched.
    NotForCaddy,
    /// The host could not write down that it keeps it.
    NotWrittenDown,
}

/// Whether the host's Caddyfile may be given the line that imports the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum First {
    /// What is to be done is told.
    Tell,
    /// Where nobody has written anything in it, it is given the line.
    Put,
}

/// What a host serves when all is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "serves", content = "now")]
pub(crate) enum Serves {
    /// What was brought to it.
    New(String),
    /// What it served before; none where that was nothing.
    Former(Option<String>),
    /// That cannot be told: the connection was lost.
    Unknown,
}

/// What Caddy itself has loaded when a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runs {
    New,
    Former,
}

/// Why a deploy did not come to its end, and what is served now.
pub(crate) struct Fallen {
    pub why: DeployError,
    pub serves: Serves,
}

/// A release on its way to a host.
pub(crate) struct Attempt<'a> {
    pub place: &'a Deploy,
    pub session: &'a mut Session,
    pub standing: &'a Standing,
    pub first: First,
    pub unkept: Unkept,
    /// Forms of `lint` that a user's own templates say are meant.
    pub allowed: Vec<&'static Form>,
    pub tell: &'a mut dyn FnMut(Event),
}

impl Attempt<'_> {
    /// Brings a release to its host. `prove` asks whether what is served is what is declared, and gives its words where it is not.
    pub(crate) fn bring(
        &mut self,
        release: &Release,
        prove: impl FnOnce() -> Result<(), ()>,
    ) -> Result<String, Fallen> {
        // Before anything is copied.
        self.text().map_err(|why| self.untouched(why))?;
        let placed = self.session.place(release);
        let Placed { name, is_for_caddy } = placed.map_err(|why| self.untouched(why))?;
        (self.tell)(Event::Copied {
            release: name.clone(),
            files: release.count_files(),
        });
        if !is_for_caddy {
            (self.tell)(Event::NotForCaddy);
        }
        self.serve(name, Way::Forward, prove)
    }

    /// Has the host serve a release that lies there.
    pub(crate) fn serve(
        &mut self,
        name: String,
        way: Way,
        prove: impl FnOnce() -> Result<(), ()>,
    ) -> Result<String, Fallen> {
        let first = self.first_config(&name);
        let first = first.map_err(|why| self.untouched(why))?;
        let text = match &first {
            Some(text) => Ok(text.as_str()),
            None => self.text(),
        };
        let text = text.map_err(|why| self.untouched(why))?.to_owned();
        let candidate = Config::new(self.place, text).with_release(&name);
        self.check(&candidate).map_err(|why| self.untouched(why))?;
        if let Some(text) = first {
            self.import(&name, &text)
                .map_err(|why| self.untouched(why))?;
        } else if self.standing.current.is_none() {
            self.unkept = Unkept::Stays;
        }
        self.exchange(&name)?;
        (self.tell)(Event::Served {
            release: name.clone(),
        });
        if prove().is_err() {
            return Err(
                self.put_back(name, Runs::New, |after| DeployError::NotAsDeclared {
                    after,
                }),
            );
        }
        match self.session.keep(way) {
            Ok(Kept::WrittenDown) => Ok(name),
            Ok(Kept::OnlyServed) => {
                (self.tell)(Event::NotWrittenDown);
                Ok(name)
            }
            Err(error) => Err(Fallen {
                why: DeployError::CutOffAtTheEnd {
                    release: name,
                    said: error.to_string(),
                },
                serves: Serves::Unknown,
            }),
        }
    }

    /// The host's Caddyfile.
    fn text(&self) -> Result<&str, DeployError> {
        match &self.standing.config {
            ConfigFile::Text(text) => Ok(text),
            ConfigFile::Missing => Ok(""),
            ConfigFile::Unreadable => Err(DeployError::CannotReadConfig {
                config: self.place.config.to_string(),
            }),
        }
    }

    /// The Caddyfile as it becomes where it does not import the edge yet; none where it does.
    fn first_config(&mut self, name: &str) -> Result<Option<String>, DeployError> {
        let config = Config::new(self.place, self.text()?.to_owned());
        if config.imports_the_edge() {
            return Ok(None);
        }
        let line = Config::line(self.place);
        match (config.is_nobodys(), self.first) {
            (true, First::Put) => Ok(Some(format!("{line}\n"))),
            (is_nobodys, _) => {
                // So that the line can be written without Caddy finding nothing there.
                if self.standing.current.is_none() {
                    let pointed = self.session.point(name);
                    pointed.map_err(|said| self.cannot_serve(said))?;
                }
                let config = self.place.config.to_string();
                let by_itself = if is_nobodys {
                    " Nobody has written anything in it: with `--first` it is given the line, and what is there is kept beside it."
                } else {
                    " What stands there can stay, but for a site of a host that homelab serves now."
                };
                Err(DeployError::NotImported {
                    help: format!(
                        "make this its first line, and run this again:\n  {line}\nWhere there are global options (`{{ … }}`), import the two parts instead: docs/edge.md says how.{by_itself}"
                    ),
                    config,
                })
            }
        }
    }

    fn check(&mut self, candidate: &str) -> Result<(), DeployError> {
        if let Some(said) = &self.standing.unasked {
            let said = if said.is_empty() {
                "it says nothing"
            } else {
                said
            };
            return Err(DeployError::NoCaddy { said: said.into() });
        }
        let Checked {
            json,
            is_valid,
            said,
        } = self.session.check(candidate)?;
        let found = match json.as_deref().map(Configuration::from_json) {
            Some(Ok(configuration)) if is_valid => {
                lint(&configuration, self.standing.caddy).but_for(&self.allowed)
            }
            _ => {
                let after = self.as_before();
                return Err(DeployError::NotValid { said, after });
            }
        };
        // What the host's own sites let in is told and hinders nothing, where that was so before.
        let known = if found.0.is_empty() {
            Findings::default()
        } else {
            self.found_before()?
        };
        let all = found.0.len();
        let found = found.beyond(&known);
        let known = all - found.0.len();
        if let Some(found) = found.0.into_iter().next() {
            let after = self.as_before();
            return Err(DeployError::Lint { found, after });
        }
        let caddy = self.standing.caddy;
        (self.tell)(Event::Checked { caddy, known });
        Ok(())
    }

    /// What lint finds in what is served.
    fn found_before(&mut self) -> Result<Findings, DeployError> {
        let text = self.text()?.to_owned();
        let text = match &self.standing.current {
            Some(_) => text,
            None => Config::new(self.place, text).without_the_edge(),
        };
        let json = self.session.check(&text)?.json;
        let configuration = json.and_then(|json| Configuration::from_json(&json).ok());
        let found = configuration.map(|configuration| lint(&configuration, self.standing.caddy));
        Ok(found.unwrap_or_default())
    }

    /// Gives the host's Caddyfile its first import.
    fn import(&mut self, name: &str, text: &str) -> Result<(), DeployError> {
        if self.standing.current.is_none() {
            let pointed = self.session.point(name);
            pointed.map_err(|said| self.cannot_serve(said))?;
        }
        let settled = self.session.settle(text);
        settled.map_err(|said| DeployError::CannotWrite {
            beside: self.place.config.to_string(),
            said,
        })?;
        (self.tell)(Event::Imported);
        Ok(())
    }

    fn exchange(&mut self, name: &str) -> Result<(), Fallen> {
        match self.session.exchange(name, self.unkept, SILENCE) {
            Ok(Exchanged::Loaded) => Ok(()),
            Ok(Exchanged::NotPlaced { said }) => {
                let why = self.cannot_serve(said);
                Err(self.untouched(why))
            }
            Ok(Exchanged::NotLoaded { said }) => {
                let line = self.place.reload.to_string();
                Err(self.put_back(name.to_owned(), Runs::Former, |after| {
                    DeployError::CannotReload { line, said, after }
                }))
            }
            Err(why) => Err(Fallen {
                why,
                serves: Serves::Unknown,
            }),
        }
    }

    /// Puts back what was served before, where that may be.
    fn put_back(
        &mut self,
        name: String,
        runs: Runs,
        why: impl FnOnce(String) -> DeployError,
    ) -> Fallen {
        if self.unkept == Unkept::Stays {
            return self.stays(name, runs, why);
        }
        let former = self.standing.current.clone();
        match self.session.back() {
            Ok((true, _)) => Fallen {
                why: why(match &former {
                    Some(former) => {
                        format!("The host serves what it served before again: {former}")
                    }
                    None => String::from(
                        "The host's Caddyfile is as it was before it imported the edge",
                    ),
                }),
                serves: Serves::Former(former),
            },
            Ok((false, said)) => Fallen {
                why: why(format!(
                    "`current` leads to what was served before again, and Caddy has not loaded it: {said}"
                )),
                serves: Serves::Former(former),
            },
            Err(_) => Fallen {
                why: why(String::from(
                    "The connection was lost as well: the host puts back what it served before by itself",
                )),
                serves: Serves::Unknown,
            },
        }
    }

    /// Leaves the release in its place. It is kept, so that the host knows of it; that it is not what it should be is told.
    fn stays(
        &mut self,
        name: String,
        runs: Runs,
        why: impl FnOnce(String) -> DeployError,
    ) -> Fallen {
        let _ = self.session.keep(Way::Forward);
        let former = self.standing.current.clone();
        let after = match (&former, runs) {
            (None, Runs::New) => {
                format!("There was no release before it: the new one, {name}, stays")
            }
            (None, Runs::Former) => {
                format!("`current` leads to the new release, {name}, and Caddy has not loaded it")
            }
            (Some(former), Runs::New) => format!(
                "The new release, {name}, stays: the one before, {former}, lets in who is shut out now, or does not say whom. `homelab deploy --rollback` tells"
            ),
            (Some(former), Runs::Former) => format!(
                "Caddy runs the release before, {former}, still, which lets in who is shut out now, or does not say whom. `current` leads to the new one, {name}: restart Caddy, and it loads that"
            ),
        };
        Fallen {
            why: why(after),
            serves: match runs {
                Runs::New => Serves::New(name),
                Runs::Former => Serves::Former(former),
            },
        }
    }

    fn cannot_serve(&self, said: String) -> DeployError {
        DeployError::CannotServe {
            said,
            after: self.as_before(),
        }
    }

    fn as_before(&self) -> String {
        match &self.standing.current {
            Some(current) => format!("The host serves what it served before: {current}"),
            None => String::from("Nothing has changed in what the host serves"),
        }
    }

    fn untouched(&self, why: DeployError) -> Fallen {
        Fallen {
            why,
            serves: Serves::Former(self.standing.current.clone()),
        }
    }
}
