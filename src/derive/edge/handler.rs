//! What is done with a visitor's request: by what the visitor is matched, and what they get.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use super::people::Device;
use super::policies::Mark;
use crate::model::{Methods, Name, Origin, PathPattern, PublicPath};

/// Some visitors, and what they get.
#[derive(Debug, Serialize)]
pub(crate) struct Handler {
    /// Whose certificates these are, if they are one person's: the certificates' comment begins with it.
    pub comment: Option<Name>,
    /// Whom it is for; none for everybody whom no handler before it matches.
    pub matcher: Option<Matcher>,
    pub answer: Answer,
}

/// A named matcher of a Caddyfile.
#[derive(Debug, Serialize)]
pub(crate) struct Matcher {
    pub name: Cow<'static, str>,
    #[serde(flatten)]
    pub condition: Condition,
}

/// What a visitor is matched by.
#[derive(Debug, Serialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub(crate) enum Condition {
    /// Their certificate is of one of these people, by their places among [`Sites::people`](super::Sites::people).
    Certificates { people: Arc<[usize]> },
    /// Their certificate is of an audience whose list stands apart from the sites.
    Audience { audience: usize },
    /// The same, where the list has been looked into already.
    Marked { audience: usize },
    /// Their certificate is one of these devices'.
    Devices { devices: Vec<Device> },
    /// They come from the LAN.
    Lan,
    /// They come from a network that is declared by name.
    Network { network: Name, ranges: Vec<String> },
    /// They have such a certificate, and come from such a network.
    Within {
        certificate: Box<Condition>,
        ranges: Vec<String>,
    },
    /// They ask for a path that is open to everyone.
    Public(Public),
    /// A browser asks for them what a page of one of these origins may send.
    Preflight { origins: Vec<Origin> },
    /// They ask by one of these methods.
    Methods { methods: Methods },
    /// They ask for what is plainly a path of another policy.
    Below {
        path: PathPattern,
        uri_pattern: String,
    },
    /// All policies have said one of these of it; and they have such a certificate.
    Granted {
        certificate: Option<Box<Condition>>,
        marks: &'static [Mark],
        /// Their variables.
        policies: Vec<String>,
    },
}

impl Condition {
    /// The same where lists that stand apart have been looked into.
    pub(super) fn marked(self) -> Condition {
        match self {
            Condition::Audience { audience } => Condition::Marked { audience },
            Condition::Within {
                certificate,
                ranges,
            } => Condition::Within {
                certificate: Box::new(certificate.marked()),
                ranges,
            },
            other => other,
        }
    }

    /// The audience whose list is to be looked into before.
    pub(super) fn looked_into(&self) -> Option<usize> {
        match self {
            Condition::Marked { audience } => Some(*audience),
            Condition::Within { certificate, .. } => certificate.looked_into(),
            Condition::Granted {
                certificate: Some(certificate),
                ..
            } => certificate.looked_into(),
            _ => None,
        }
    }
}

/// Paths open to everyone, for the same methods.
#[derive(Debug, Serialize)]
pub(crate) struct Public {
    pub methods: Methods,
    /// Sorted; at least one.
    pub paths: Vec<PublicPath>,
    /// For the raw URI: any of the paths.
    pub uri_pattern: String,
}

/// What visitors get.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Answer {
    /// The service. Its upstream is told of this person, by the place among [`Sites::people`](super::Sites::people).
    Backend {
        person: Option<usize>,
    },
    /// The service, whose upstream is told who of an audience came, by what stands apart from the sites.
    BackendTold {
        audience: usize,
    },
    /// The service, and nothing that could be taken for another method or protocol than was sent.
    BackendAsSent,
    Page {
        page: Cow<'static, str>,
    },
    /// The same for who signs in, or has: the others are sent to do so.
    SignIn {
        then: Box<Answer>,
    },
    /// Status 403, with the page that goes with it.
    Refusal,
}

impl Answer {
    pub(super) fn signed_in(self) -> Answer {
        Answer::SignIn {
            then: Box::new(self),
        }
    }
}

impl Handler {
    /// For whoever that is.
    pub(super) fn of(
        name: impl Into<Cow<'static, str>>,
        condition: Condition,
        answer: Answer,
    ) -> Handler {
        Handler {
            comment: None,
            matcher: Some(Matcher {
                name: name.into(),
                condition,
            }),
            answer,
        }
    }

    /// For whoever comes with a certificate of these people.
    pub(crate) fn certificates(
        name: impl Into<Cow<'static, str>>,
        people: Arc<[usize]>,
        answer: Answer,
    ) -> Handler {
        Handler::of(name, Condition::Certificates { people }, answer)
    }

    /// For whoever comes from the LAN.
    pub(crate) fn lan(answer: Answer) -> Handler {
        Handler::of("lan", Condition::Lan, answer)
    }

    /// Whether whoever it is for gets the service.
    pub(crate) fn is_let_in(&self) -> bool {
        match self.answer {
            Answer::Backend { .. }
            | Answer::BackendTold { .. }
            | Answer::BackendAsSent
            | Answer::SignIn { .. } => true,
            Answer::Page { .. } | Answer::Refusal => false,
        }
    }

    /// The same for who signs in besides.
    pub(super) fn signed_in(self) -> Handler {
        Handler {
            answer: self.answer.signed_in(),
            ..self
        }
    }

    /// For everybody else.
    pub(crate) fn rest(answer: Answer) -> Handler {
        Handler {
            comment: None,
            matcher: None,
            answer,
        }
    }
}
