//! Why an answer is not as declared, in words.

use std::fmt;

use super::outcome::Networks;
use super::{Answer, EchoFault, Outcome, printable};

/// The place for which an answer is as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OnePlace {
    Inside(Networks),
    Elsewhere(Networks),
}

/// What there is to know of answers that depend on where somebody is, whichever they are: it is told once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Explanation {
    /// Where the visitor is cannot be told from here.
    PlaceUnknown,
    /// What is for visitors inside is shown elsewhere.
    ShownElsewhere,
    /// Who is inside is taken to be elsewhere; by the names of the networks.
    TakenElsewhere(String),
}

/// Why an answer is not as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AnswerFault {
    Other {
        expected: Outcome,
        got: Answer,
    },
    /// A 403 that is not the edge's, where somebody was to be refused.
    ServiceReached {
        expected: Outcome,
    },
    /// What is for visitors who are elsewhere than this one.
    OfOtherPlace {
        expected: Outcome,
        place: OnePlace,
    },
    /// Somebody was to be asked to sign in, and the edge answers by itself that nothing is there.
    GatewayUnreached {
        got: Answer,
    },
    /// What a visitor says of where they are makes a difference.
    ClaimBelieved {
        unclaimed: Answer,
        claimed: Answer,
    },
    /// Somebody is let in, and sent to another place than is declared.
    OtherRedirect {
        to: String,
        status: u16,
        found: String,
        found_status: u16,
    },
    /// An answer without TLS that leads nowhere.
    NotToHttps {
        status: u16,
    },
    /// One that leads elsewhere.
    ToOtherThanHttps {
        to: String,
        found: String,
    },
    /// An upstream that was to say what it was told did not.
    NoEcho {
        got: Answer,
    },
    Echo(Vec<EchoFault>),
}

impl fmt::Display for OnePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OnePlace::Inside(networks) => write!(f, "as declared for visitors {networks}"),
            OnePlace::Elsewhere(networks) => {
                write!(f, "as declared for visitors who are not {networks}")
            }
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Explanation::PlaceUnknown => f.write_str(
                "where this is asked from cannot be told, for a router or a proxy may have changed the address: what is declared for one place and for the other is taken",
            ),
            Explanation::ShownElsewhere => f.write_str(
                "Caddy does not see this visitor's address, and may take everybody to be there (docs/language.md, \"lan and behind\", says what hides it); or other networks are let in than are declared",
            ),
            Explanation::TakenElsewhere(networks) => {
                write!(f, "the address that Caddy sees is not in {networks}")
            }
        }
    }
}

impl fmt::Display for AnswerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AnswerFault::Other { expected, got } => write!(f, "should be {expected}, got {got}"),
            AnswerFault::ServiceReached { expected } => write!(
                f,
                "should be {expected}, got 403, but not from the edge: the service was reached"
            ),
            AnswerFault::OfOtherPlace {
                expected,
                place: OnePlace::Inside(networks),
            } => write!(
                f,
                "should be {expected}, got what is for visitors {networks}"
            ),
            AnswerFault::OfOtherPlace {
                expected,
                place: OnePlace::Elsewhere(_),
            } => write!(
                f,
                "should be {expected}, got what is for visitors elsewhere"
            ),
            AnswerFault::GatewayUnreached { got } => write!(
                f,
                "should be asked to sign in, got {got}: the edge does not reach the gateway, or that names nobody in what it answers"
            ),
            AnswerFault::ClaimBelieved { unclaimed, claimed } => write!(
                f,
                "what a visitor says of where they are is believed: got {claimed}, and without it {unclaimed}"
            ),
            AnswerFault::OtherRedirect {
                to,
                status,
                found,
                found_status,
            } => write!(
                f,
                "should be sent to `{to}` with {status}, is sent to `{}` with {found_status}",
                printable(found)
            ),
            AnswerFault::NotToHttps { status } => {
                write!(f, "should be redirected to https, got {status} without TLS")
            }
            AnswerFault::ToOtherThanHttps { to, found } => write!(
                f,
                "should be redirected to `{to}`, is redirected to `{}`",
                printable(found)
            ),
            AnswerFault::NoEcho { got } => write!(
                f,
                "no echo of the headers that were sent came back (got {got}): see docs/verify.md for what is understood"
            ),
            // A server's words are shown, not believed: neither here may they move the cursor.
            AnswerFault::Echo(faults) => {
                let faults: Vec<String> = faults.iter().map(EchoFault::to_string).collect();
                f.write_str(&printable(&faults.join("; ")))
            }
        }
    }
}
