//! What a host can be told to do, and what it says of itself.

use super::error::DeployError;
use super::release::Release;
use super::session::{Answer, Session};
use crate::derive::EdgeState;
use crate::model::CaddyVersion;
use crate::source::visible;

/// How a host stands.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// The release that is served.
    pub current: Option<String>,
    /// What was being tried when a deploy was cut off, where that has not been put right since.
    pub pending: Option<String>,
    /// Those that were kept, the last at the end.
    pub releases: Vec<String>,
    /// The Caddyfile that Caddy is started with.
    pub config: ConfigFile,
    /// Of the release that is served.
    pub served: Remembered,
    pub caddy: Option<CaddyVersion>,
    /// What was said where Caddy could not even be asked for its version; nothing, where nothing was.
    pub unasked: Option<String>,
}

impl Standing {
    /// The release that was kept before the one that is served.
    pub(crate) fn former(&self) -> Option<&str> {
        let is_current = |name: &String| Some(name) == self.current.as_ref();
        let place = self.releases.iter().position(is_current);
        let before = &self.releases[..place.unwrap_or(self.releases.len())];
        before.last().map(String::as_str)
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum ConfigFile {
    #[default]
    Missing,
    Unreadable,
    Text(String),
}

/// What a release on the host tells of itself.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    /// Its exposure.json.
    pub state: Option<Vec<u8>>,
    /// Its revocation lists, in PEM.
    pub lists: Option<Vec<u8>>,
    /// The authorities beside those.
    pub authorities: Option<Vec<u8>>,
}

impl Remembered {
    /// What it says of itself; none where it is of another version of homelab.
    pub(crate) fn edge_state(&self) -> Option<EdgeState> {
        self.state.as_deref().and_then(EdgeState::from_json)
    }

    fn of(answer: &mut Answer) -> Remembered {
        Remembered {
            state: answer.take("state"),
            lists: answer.take("crl"),
            authorities: answer.take("authorities"),
        }
    }
}

/// A release that lies on the host.
pub(super) struct Placed {
    /// The name that it has there.
    pub name: String,
    /// Whether Caddy can read what is not for everybody, as far as that is known.
    pub is_for_caddy: bool,
}

/// What the host does with a release if nobody says that it is to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unkept {
    /// What was served before is put back.
    PutBack,
    /// It stays: what was served before lets in who was shut out.
    Stays,
}

/// How a release comes to be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It comes after the one that was served.
    Forward,
    /// It was served before that one.
    Back,
}

/// What Caddy makes of a configuration.
pub(super) struct Checked {
    /// Caddy's JSON; none where it refuses the text.
    pub json: Option<Vec<u8>>,
    pub is_valid: bool,
    pub said: String,
}

impl Session {
    pub(crate) fn look(&mut self) -> Result<Standing, DeployError> {
        let mut answer = self.ask("look", &[])?;
        let config = answer.take("config");
        let config = match (config, answer.line("unreadable")) {
            (Some(text), _) => ConfigFile::Text(String::from_utf8_lossy(&text).into_owned()),
            (None, Some(_)) => ConfigFile::Unreadable,
            (None, None) => ConfigFile::Missing,
        };
        let caddy = answer.take("caddy");
        Ok(Standing {
            // Nothing is said again to its shell, or shown, that is not a name.
            current: answer
                .line("current")
                .filter(|name| is_name(name))
                .map(str::to_owned),
            pending: answer.line("pending").map(visible),
            releases: { answer.all("release") }
                .filter(|name| is_name(name))
                .map(str::to_owned)
                .collect(),
            config,
            served: Remembered::of(&mut answer),
            caddy: caddy.and_then(|said| CaddyVersion::told(&said)),
            unasked: answer.line("unasked").map(|_| answer.said()),
        })
    }

    /// What a release tells of itself that is not served.
    pub(crate) fn read(&mut self, release: &str) -> Result<Remembered, DeployError> {
        let mut answer = self.ask(&format!("read {release}"), &[])?;
        Ok(Remembered::of(&mut answer))
    }

    /// Puts a release beside those that are there.
    pub(super) fn place(&mut self, release: &Release) -> Result<Placed, DeployError> {
        let tar = release.tar();
        let answer = self.ask(&format!("place {} {}", release.name, tar.len()), &tar)?;
        match answer.line("placed") {
            Some(name) if answer.status == 0 && is_name(name) => Ok(Placed {
                name: name.to_owned(),
                is_for_caddy: answer.line("unread").is_none(),
            }),
            _ => Err(DeployError::CannotCopy {
                said: answer.said(),
            }),
        }
    }

    /// Has Caddy read a configuration in the place of the one in use, and say whether it could load it.
    pub(super) fn check(&mut self, config: &str) -> Result<Checked, DeployError> {
        let mut answer = self.ask(&format!("check {}", config.len()), config.as_bytes())?;
        if answer.status != 0 {
            return Err(DeployError::CannotWrite {
                beside: answer.line("beside").map(visible).unwrap_or_default(),
                said: answer.said(),
            });
        }
        Ok(Checked {
            json: answer.take("adapted"),
            is_valid: answer.line("valid") == Some("0"),
            said: answer.said(),
        })
    }

    /// Has `current` lead to a release where it leads to none, and Caddy know nothing of it.
    pub(super) fn point(&mut self, release: &str) -> Result<(), String> {
        self.simple(&format!("point {release}"), &[])
    }

    /// Puts a configuration in the place of the one in use, which is kept beside it.
    pub(super) fn settle(&mut self, config: &str) -> Result<(), String> {
        self.simple(&format!("settle {}", config.len()), config.as_bytes())
    }

    fn simple(&mut self, order: &str, octets: &[u8]) -> Result<(), String> {
        match self.ask(order, octets) {
            Ok(answer) if answer.status == 0 => Ok(()),
            Ok(answer) => Err(answer.said()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Has `current` lead to a release, and Caddy load it; whether it did, and what it said.
    pub(super) fn exchange(
        &mut self,
        release: &str,
        unkept: Unkept,
        seconds: u64,
    ) -> Result<Exchanged, DeployError> {
        let back = match unkept {
            Unkept::PutBack => "yes",
            Unkept::Stays => "no",
        };
        let answer = self.ask(&format!("exchange {release} {back} {seconds}"), &[])?;
        let said = answer.said();
        Ok(match (answer.status, answer.line("reload")) {
            (0, Some("0")) => Exchanged::Loaded,
            (0, _) => Exchanged::NotLoaded { said },
            _ => Exchanged::NotPlaced { said },
        })
    }

    /// Has the release that is served stay, and whether the host could write that down.
    pub(super) fn keep(&mut self, way: Way) -> Result<Kept, DeployError> {
        let order = match way {
            Way::Forward => "keep",
            Way::Back => "gone-back",
        };
        let answer = self.ask(order, &[])?;
        match (answer.status, answer.line("kept")) {
            (0, None) => Ok(Kept::WrittenDown),
            (0, Some(_)) => Ok(Kept::OnlyServed),
            _ => Err(DeployError::NotUnderstood),
        }
    }

    /// Puts back what was served before; whether Caddy has loaded it, and what it said.
    pub(super) fn back(&mut self) -> Result<(bool, String), DeployError> {
        let answer = self.ask("back", &[])?;
        Ok((answer.line("reload") == Some("0"), answer.said()))
    }
}

/// What came of having a release stay.
pub(super) enum Kept {
    WrittenDown,
    /// The host's disk is full, say: the next deploy will find it as one that nobody has kept.
    OnlyServed,
}

/// What came of having a release served.
pub(super) enum Exchanged {
    Loaded,
    NotLoaded { said: String },
    NotPlaced { said: String },
}

/// Whether it can be the name of a release: nothing else is ever said to a shell.
pub(super) fn is_name(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_hexdigit() || b == b'-';
    !text.is_empty() && text.len() <= 64 && text.bytes().all(is_plain)
}
