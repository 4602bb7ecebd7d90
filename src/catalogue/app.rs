//! What is said of an app, as it was written.

use jiff::civil::Date;

use crate::parse::declaration::Text;

#[derive(Debug, PartialEq, Eq)]
pub struct App {
    /// Its name in a declaration.
    pub name: Text,
    /// Its name as its makers write it.
    pub title: Text,
    /// The port that it listens on unless it is told otherwise.
    pub port: Option<Claim<u16>>,
    /// The largest body that it wants a proxy to let through.
    pub uploads: Option<Claim<Text>>,
    pub websockets: Option<Claim<()>>,
    /// The manifest of its web app, which browsers fetch without a certificate.
    pub manifest: Option<Claim<Text>>,
    /// What has to be open for its share links to work.
    pub share: Vec<Claim<SharePath>>,
    /// What share links do and do not with those paths open, where that is not all.
    pub links: Option<Claim<String>>,
    /// What the app itself must be told.
    pub tell: Vec<Claim<Tell>>,
    /// What a user needs to know about its own clients and certificates.
    pub clients: Vec<Claim<Note>>,
}

/// Something said of an app.
#[derive(Debug, PartialEq, Eq)]
pub struct Claim<T> {
    pub value: T,
    /// Where it is documented or reported, or to be read in source code. The built-in catalogue always says.
    pub source: Option<String>,
    /// On which day that was last read.
    pub checked: Option<Date>,
}

/// A path that share links need.
#[derive(Debug, PartialEq, Eq)]
pub struct SharePath {
    pub path: Text,
    /// The methods, where not GET and HEAD.
    pub methods: Option<Text>,
}

/// A setting without which an app does not work, or not wholly, behind a proxy.
#[derive(Debug, PartialEq, Eq)]
pub struct Tell {
    /// As it is written, `{url}` and its like in it: see [`Tell::setting`].
    pub(super) written: String,
    /// Where it is set: a file, the environment, a page of settings.
    pub place: Option<String>,
    /// What is the matter with an app that has not been told, such as `it does not trust this proxy`.
    pub why: Option<String>,
    /// The status with which such an app answers everybody.
    pub answers: Option<u16>,
}

/// What stands in a setting for the address from which Caddy comes to an app. No declaration says it: within containers it is
/// none of the addresses that the edge has outside.
pub(crate) const ADDRESS_OF_CADDY: &str = "ADDRESS-OF-CADDY";

impl Tell {
    /// The setting for an app that is served at this host, with its port where that is not 443.
    pub fn setting(&self, host: &str) -> String {
        let setting = self.written.replace("{url}", &format!("https://{host}"));
        let setting = setting.replace("{host}", host);
        setting.replace("{proxy}", ADDRESS_OF_CADDY)
    }
}

/// What there is to know about an app's own clients.
#[derive(Debug, PartialEq, Eq)]
pub struct Note {
    pub text: String,
    /// The kind of device that it is about; none where it is about all.
    pub on: Option<ClientKind>,
}

/// A kind of device that apps have clients of their own for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKind {
    Android,
    /// iPhone and iPad.
    Ios,
    WearOs,
    Computers,
}

impl ClientKind {
    pub(super) const WORDS: [&str; 4] = ["android", "ios", "wearos", "computers"];

    pub(super) fn from_word(word: &str) -> Option<ClientKind> {
        match word {
            "android" => Some(ClientKind::Android),
            "ios" => Some(ClientKind::Ios),
            "wearos" => Some(ClientKind::WearOs),
            "computers" => Some(ClientKind::Computers),
            _ => None,
        }
    }

    /// With what a note about it begins, for it is read among others.
    pub fn title(self) -> &'static str {
        match self {
            ClientKind::Android => "Android",
            ClientKind::Ios => "iPhone and iPad",
            ClientKind::WearOs => "Wear OS",
            ClientKind::Computers => "Computers",
        }
    }
}
