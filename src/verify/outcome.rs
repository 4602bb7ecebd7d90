//! What can come of a request, what is to come of it, and what an answer means beside that.

use std::fmt;

use serde::Serialize;

use super::Place;

/// How a header of the edge's own pages reads, by which they are told from a service's.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The name and the value of the header by which the edge's own pages are known.
pub fn page_policy() -> (&'static str, &'static str) {
    ("Content-Security-Policy", PAGE_POLICY)
}

/// What is to come of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// At home.
    pub home: Outcome,
    /// Elsewhere.
    pub outside: Outcome,
}

/// What can come of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The service answers.
    DeviceAccess,
    /// The edge answers that it does not let in.
    Forbidden,
    /// There is no connection.
    Shut,
    /// One of the two.
    Refused,
    /// The edge answers that it does not serve this host behind that name.
    Misdirected,
    /// That, or nothing at all.
    Unserved,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An answer in HTTP.
    Http {
        /// Its status.
        status: u16,
        /// Whether it is one of the edge's own pages.
        own_page: bool,
    },
    /// The handshake ended with an alert about certificates.
    Shut(String),
    /// The connection ended without a word, after a certificate had been asked for.
    Closed,
    /// The connection ended without a word, after a handshake in which none was.
    Dropped,
    /// The handshake failed for another reason.
    Failed(String),
    /// Something was said that is no answer in HTTP.
    Garbled(String),
    /// Nobody could be reached.
    Unreached(String),
}

/// What is thought of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// In a word.
    pub verdict: Verdict,
    /// Why, where it is not simply fine.
    pub why: Option<String>,
}

/// What is thought of an answer, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As declared.
    Fine,
    /// It is as declared for one place, and where this was asked from cannot be told.
    Either,
    /// Nobody answered.
    Unreached,
    /// Not as declared.
    Wrong,
}

impl Expected {
    /// The same wherever it is asked from.
    pub fn always(outcome: Outcome) -> Expected {
        Expected {
            home: outcome,
            outside: outcome,
        }
    }

    /// Let in at home, and nowhere else.
    pub fn at_home() -> Expected {
        Expected {
            home: Outcome::DeviceAccess,
            outside: Outcome::Forbidden,
        }
    }

    /// What it is at that place; none where that makes a difference and is not known.
    pub fn at(self, place: Place) -> Option<Outcome> {
        match place {
            Place::Home => Some(self.home),
            Place::Outside => Some(self.outside),
            Place::Unknown => (self.home == self.outside).then_some(self.home),
        }
    }
}

/// What is thought of an answer. Where the Caddyfile is made with templates of the user's own, pages
/// may look otherwise: then a status of 403 is taken for the edge's.
pub fn judge(expected: Expected, answer: &Answer, place: Place, own_templates: bool) -> Judgement {
    let is_meant = expected.at(place) == Some(Outcome::Unserved);
    match answer {
        Answer::Unreached(why) => return Judgement::unreached(why),
        Answer::Dropped if !is_meant => return Judgement::unreached("the connection was closed"),
        _ => {}
    }
    match expected.at(place) {
        Some(outcome) => match mismatch(outcome, answer, own_templates) {
            None => Judgement::fine(),
            Some(why) => Judgement::wrong(why),
        },
        None => {
            let at = |outcome| mismatch(outcome, answer, own_templates);
            match (at(expected.home), at(expected.outside)) {
                (Some(_), Some(why)) => Judgement::wrong(why),
                (at_home, _) => Judgement {
                    verdict: Verdict::Either,
                    why: Some(format!(
                        "as declared {}, and whether this is asked from there cannot be told",
                        match at_home {
                            None => "for the LAN",
                            Some(_) => "for everywhere else",
                        }
                    )),
                },
            }
        }
    }
}

impl Judgement {
    /// It is as it should be.
    pub fn fine() -> Judgement {
        Judgement {
            verdict: Verdict::Fine,
            why: None,
        }
    }

    /// It is not, for this reason.
    pub fn wrong(why: impl Into<String>) -> Judgement {
        Judgement {
            verdict: Verdict::Wrong,
            why: Some(why.into()),
        }
    }

    /// Nobody answered, for this reason.
    pub fn unreached(why: &str) -> Judgement {
        Judgement {
            verdict: Verdict::Unreached,
            why: Some(why.to_owned()),
        }
    }
}

/// Why an answer is not that outcome; none where it is.
fn mismatch(outcome: Outcome, answer: &Answer, own_templates: bool) -> Option<String> {
    let is_refusal = |status: u16, own_page: bool| status == 403 && (own_page || own_templates);
    let is_shut = matches!(answer, Answer::Shut(_) | Answer::Closed);
    // RFC 9110 §15.5.20: this server does not serve that host on this connection.
    let is_misdirected = matches!(answer, Answer::Http { status: 421, .. });
    let is_forbidden = match answer {
        Answer::Http { status, own_page } => is_refusal(*status, *own_page),
        _ => false,
    };
    let is_let_in = match answer {
        Answer::Http { status, own_page } => !is_misdirected && !is_refusal(*status, *own_page),
        _ => false,
    };
    let is_nothing = is_shut || matches!(answer, Answer::Failed(_) | Answer::Dropped);
    let fits = match outcome {
        Outcome::DeviceAccess => is_let_in,
        Outcome::Forbidden => is_forbidden,
        Outcome::Shut => is_shut,
        Outcome::Refused => is_forbidden || is_shut,
        Outcome::Misdirected => is_misdirected,
        Outcome::Unserved => is_misdirected || is_nothing,
    };
    if fits {
        return None;
    }
    let got = match answer {
        Answer::Http {
            status: 403,
            own_page: false,
        } if !is_forbidden => {
            String::from("got 403, but not from the edge: the service was reached")
        }
        other => format!("got {other}"),
    };
    Some(format!("should be {outcome}, {got}"))
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::DeviceAccess => "let in",
            Outcome::Forbidden => "refused with 403",
            Outcome::Shut => "refused in the handshake",
            Outcome::Refused => "refused",
            Outcome::Misdirected => "refused with 421",
            Outcome::Unserved => "answered by nobody",
        })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Http {
                status,
                own_page: true,
            } => write!(f, "{status} from the edge"),
            Answer::Http { status, .. } => write!(f, "{status}"),
            Answer::Shut(alert) => write!(f, "refused in the handshake ({alert})"),
            Answer::Closed | Answer::Dropped => f.write_str("a connection that was closed"),
            Answer::Failed(why) => write!(f, "no handshake ({why})"),
            Answer::Garbled(why) => write!(f, "no answer in HTTP ({why})"),
            Answer::Unreached(why) => write!(f, "no connection ({why})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(status: u16, own_page: bool) -> Answer {
        Answer::Http { status, own_page }
    }

    #[test]
    fn the_caddyfile_s_pages_have_the_header_that_they_are_known_by() {
        let template = include_str!("../../templates/pages.caddyfile.j2");
        let (name, value) = page_policy();
        assert!(template.contains(&format!("{name} \"{value}\"")));
    }

    #[test]
    fn an_answer_is_what_was_expected_or_it_is_not() {
        let shut = Answer::Shut(String::from("x"));
        let failed = Answer::Failed(String::from("internal error"));
        let garbled = Answer::Garbled(String::from("x"));
        use Outcome::{DeviceAccess, Forbidden, Misdirected, Refused, Shut, Unserved};
        for (outcome, fitting, others) in [
            (
                DeviceAccess,
                vec![
                    http(200, false),
                    http(200, true),
                    http(404, false),
                    http(502, true),
                    http(403, false),
                ],
                vec![
                    http(403, true),
                    http(421, false),
                    shut.clone(),
                    Answer::Closed,
                    failed.clone(),
                    garbled.clone(),
                ],
            ),
            (
                Forbidden,
                vec![http(403, true)],
                vec![
                    http(403, false),
                    http(200, true),
                    http(421, false),
                    shut.clone(),
                    failed.clone(),
                    garbled.clone(),
                ],
            ),
            (
                Shut,
                vec![shut.clone(), Answer::Closed],
                vec![
                    http(403, true),
                    http(400, false),
                    http(421, false),
                    failed.clone(),
                    garbled.clone(),
                ],
            ),
            (
                Refused,
                vec![shut.clone(), Answer::Closed, http(403, true)],
                vec![
                    http(403, false),
                    http(200, false),
                    http(421, false),
                    failed.clone(),
                    garbled.clone(),
                ],
            ),
            (
                Misdirected,
                vec![http(421, false), http(421, true)],
                vec![
                    http(403, true),
                    http(200, false),
                    http(400, false),
                    shut.clone(),
                    failed.clone(),
                ],
            ),
            (
                Unserved,
                vec![
                    http(421, false),
                    shut.clone(),
                    Answer::Closed,
                    Answer::Dropped,
                    failed,
                ],
                vec![http(403, true), http(200, false), http(404, false), garbled],
            ),
        ] {
            let judged = |answer: &Answer| {
                judge(Expected::always(outcome), answer, Place::Outside, false).verdict
            };
            for answer in fitting {
                assert_eq!(judged(&answer), Verdict::Fine, "{outcome} {answer}");
            }
            for answer in others {
                assert_eq!(judged(&answer), Verdict::Wrong, "{outcome} {answer}");
            }
        }
    }

    #[test]
    fn at_home_other_things_are_expected() {
        let judged = |answer, place| judge(Expected::at_home(), &answer, place, false).verdict;
        assert_eq!(judged(http(200, false), Place::Home), Verdict::Fine);
        assert_eq!(judged(http(200, false), Place::Outside), Verdict::Wrong);
        assert_eq!(judged(http(403, true), Place::Outside), Verdict::Fine);
        assert_eq!(judged(http(403, true), Place::Home), Verdict::Wrong);
        for answer in [http(200, false), http(403, true)] {
            assert_eq!(judged(answer, Place::Unknown), Verdict::Either);
        }
        assert_eq!(judged(Answer::Closed, Place::Unknown), Verdict::Wrong);
    }

    #[test]
    fn with_templates_of_one_s_own_any_403_is_the_edge_s() {
        let expected = Expected::always(Outcome::Forbidden);
        let judged = judge(expected, &http(403, false), Place::Outside, true);
        assert_eq!(judged.verdict, Verdict::Fine);
    }
}
