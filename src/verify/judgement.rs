//! What an answer means beside what was to come.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::outcome::Networks;
use super::{Answer, EchoFault, Expected, Outcome, Pages, Place, Unreached, Whose, printable};

/// What is thought of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Judgement {
    Fine,
    /// It is as declared for one place, and where this was asked from cannot be told.
    Either(OnePlace),
    Unreached(Unreached),
    /// Not as declared by homelab.kdl; templates of the user's own may declare more.
    Tolerable(AnswerFault),
    Wrong(AnswerFault),
}

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

/// What is thought of an answer, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    Fine,
    Either,
    Unreached,
    Wrong,
}

impl Judgement {
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Judgement::Fine => Verdict::Fine,
            Judgement::Either(_) | Judgement::Tolerable(_) => Verdict::Either,
            Judgement::Unreached(_) => Verdict::Unreached,
            Judgement::Wrong(_) => Verdict::Wrong,
        }
    }

    /// Why, where it is not simply fine.
    pub(crate) fn why(&self) -> Option<&dyn fmt::Display> {
        match self {
            Judgement::Fine => None,
            Judgement::Either(place) => Some(place),
            Judgement::Unreached(why) => Some(why),
            Judgement::Tolerable(fault) | Judgement::Wrong(fault) => Some(fault),
        }
    }
}

impl Judgement {
    /// What there is to know besides why.
    pub(crate) fn explanation(&self) -> Option<Explanation> {
        match self {
            Judgement::Either(_) => Some(Explanation::PlaceUnknown),
            Judgement::Tolerable(AnswerFault::OfOtherPlace { place, .. })
            | Judgement::Wrong(AnswerFault::OfOtherPlace { place, .. }) => Some(match place {
                OnePlace::Inside(_) => Explanation::ShownElsewhere,
                OnePlace::Elsewhere(networks) => Explanation::TakenElsewhere(networks.names()),
            }),
            _ => None,
        }
    }
}

impl Serialize for Judgement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut judgement = serializer.serialize_struct("Judgement", 2)?;
        judgement.serialize_field("verdict", &self.verdict())?;
        let why = self.why().map(|why| match self.explanation() {
            Some(explanation) => format!("{why}: {explanation}"),
            None => why.to_string(),
        });
        judgement.serialize_field("why", &why)?;
        judgement.end()
    }
}

/// What is thought of an answer. Where templates of the user's own make the pages, a status of 403 is taken for
/// the edge's.
pub(crate) fn judge(expected: &Expected, answer: &Answer, place: Place, pages: Pages) -> Judgement {
    match answer {
        Answer::Unreached(why) => return Judgement::Unreached(why.clone()),
        Answer::ClosedUnasked if expected.at(place) != Some(Outcome::Unserved) => {
            return Judgement::Unreached(Unreached::Closed);
        }
        _ => {}
    }
    let at = |outcome| mismatch(outcome, answer, pages);
    match expected.at(place) {
        Some(outcome) => at(outcome).map_or(Judgement::Fine, |fault| {
            let other = expected.elsewhere_than(place);
            let other = other.filter(|(outcome, _)| at(*outcome).is_none());
            Judgement::Wrong(other.map_or(fault, |(_, place)| AnswerFault::OfOtherPlace {
                expected: outcome,
                place,
            }))
        }),
        None => match (at(expected.inside), at(expected.outside)) {
            (Some(_), Some(fault)) => Judgement::Wrong(fault),
            (None, _) => Judgement::Either(OnePlace::Inside(expected.networks.clone())),
            (Some(_), None) => Judgement::Either(OnePlace::Elsewhere(expected.networks.clone())),
        },
    }
}

impl Expected {
    /// What is to come of it at the other place.
    fn elsewhere_than(&self, place: Place) -> Option<(Outcome, OnePlace)> {
        let networks = self.networks.clone();
        match place {
            Place::Home => Some((self.outside, OnePlace::Elsewhere(networks))),
            Place::Outside => Some((self.inside, OnePlace::Inside(networks))),
            Place::Unknown => None,
        }
    }
}

/// What a visitor's claim to be elsewhere has changed, which is to be nothing.
pub(crate) fn judge_claim(unclaimed: &Answer, claimed: &Answer) -> Option<AnswerFault> {
    match claimed {
        Answer::Unreached(_) | Answer::ClosedUnasked => None,
        claimed if claimed == unclaimed => None,
        claimed => Some(AnswerFault::ClaimBelieved {
            unclaimed: unclaimed.clone(),
            claimed: claimed.clone(),
        }),
    }
}

/// Why an answer is not that outcome; none where it is.
fn mismatch(expected: Outcome, answer: &Answer, pages: Pages) -> Option<AnswerFault> {
    let is_refusal = |status, whose| {
        status == 403
            && (whose == Whose::Edge || (whose == Whose::Unmarked && pages == Pages::Overridden))
    };
    let is_handshake_refused = matches!(answer, Answer::HandshakeRefused(_) | Answer::Closed);
    // RFC 9110 §15.5.20: this server does not serve that host on this connection.
    let is_misdirected = matches!(answer, Answer::Http { status: 421, .. });
    let (is_forbidden, is_admitted) = match answer {
        Answer::Http { status, whose } => {
            let is_refusal = is_refusal(*status, *whose);
            (is_refusal, !is_misdirected && !is_refusal)
        }
        _ => (false, false),
    };
    let is_nothing = is_handshake_refused
        || matches!(answer, Answer::HandshakeFailed(_) | Answer::ClosedUnasked);
    let fits = match expected {
        Outcome::Admitted => is_admitted,
        Outcome::Forbidden => is_forbidden,
        Outcome::HandshakeRefused => is_handshake_refused,
        Outcome::Refused => is_forbidden || is_handshake_refused,
        Outcome::Misdirected => is_misdirected,
        Outcome::Unserved => is_misdirected || is_nothing,
        Outcome::SignIn => is_gateways(answer, pages),
    };
    if fits {
        return None;
    }
    Some(match answer {
        Answer::Http {
            status: 502..=504, ..
        } if expected == Outcome::SignIn => AnswerFault::GatewayUnreached {
            got: answer.clone(),
        },
        Answer::Http {
            status: 403,
            whose: Whose::Unmarked,
        } if !is_forbidden => AnswerFault::ServiceReached { expected },
        other => AnswerFault::Other {
            expected,
            got: other.clone(),
        },
    })
}

/// Whether that is what a gateway answers to who has not signed in: it sends them somewhere, or says that they are nobody. Where templates
/// of the user's own make the answers, one without its mark can be.
fn is_gateways(answer: &Answer, pages: Pages) -> bool {
    let Answer::Http { status, whose } = answer else {
        return false;
    };
    let can_be = match whose {
        Whose::Gateway => true,
        Whose::Unmarked => pages == Pages::Overridden,
        Whose::Edge => false,
    };
    can_be && matches!(status, 300..=399 | 401 | 403)
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::Network;

    fn lan() -> Networks {
        Networks(vec![BTreeSet::from([Network::Lan])])
    }

    fn at_home() -> Expected {
        Expected::within(lan().0, Outcome::Admitted, Outcome::Forbidden)
    }

    fn http(status: u16, own_page: bool) -> Answer {
        let whose = match own_page {
            true => Whose::Edge,
            false => Whose::Unmarked,
        };
        Answer::Http { status, whose }
    }

    fn from_gateway(status: u16) -> Answer {
        let whose = Whose::Gateway;
        Answer::Http { status, whose }
    }

    #[test]
    fn what_is_for_another_place_is_told_from_what_is_for_nobody() {
        let at_home = at_home();
        let (refused, admitted) = (http(403, true), http(200, false));
        let judged = |answer, place| judge(&at_home, answer, place, Pages::BuiltIn);
        let of_other =
            |expected, place| Judgement::Wrong(AnswerFault::OfOtherPlace { expected, place });
        use Outcome::{Admitted, Forbidden};
        for (answer, place, judgement) in [
            (
                &admitted,
                Place::Outside,
                of_other(Forbidden, OnePlace::Inside(lan())),
            ),
            (
                &refused,
                Place::Home,
                of_other(Admitted, OnePlace::Elsewhere(lan())),
            ),
            (&refused, Place::Outside, Judgement::Fine),
            (&admitted, Place::Home, Judgement::Fine),
            (
                &admitted,
                Place::Unknown,
                Judgement::Either(OnePlace::Inside(lan())),
            ),
        ] {
            assert_eq!(judged(answer, place), judgement, "{answer:?} {place:?}");
        }
        let closed = Answer::HandshakeFailed(String::from("x"));
        for place in [Place::Home, Place::Outside] {
            let judged = judged(&closed, place);
            assert!(
                matches!(judged, Judgement::Wrong(AnswerFault::Other { .. })),
                "{judged:?}"
            );
        }
        let always = judge(
            &Expected::always(Forbidden),
            &admitted,
            Place::Outside,
            Pages::BuiltIn,
        );
        assert!(
            matches!(always, Judgement::Wrong(AnswerFault::Other { .. })),
            "{always:?}"
        );
    }

    #[test]
    fn an_answer_is_what_was_expected_or_it_is_not() {
        let shut = Answer::HandshakeRefused(String::from("x"));
        let failed = Answer::HandshakeFailed(String::from("internal error"));
        let garbled = Answer::NotHttp(String::from("x"));
        use Outcome::{
            Admitted, Forbidden, HandshakeRefused, Misdirected, Refused, SignIn, Unserved,
        };
        for (outcome, fitting, others) in [
            (
                Admitted,
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
                HandshakeRefused,
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
                SignIn,
                vec![from_gateway(302), from_gateway(401), from_gateway(403)],
                vec![
                    http(302, false),
                    http(403, false),
                    from_gateway(500),
                    http(200, false),
                    http(403, true),
                    http(502, true),
                    http(502, false),
                    http(500, false),
                    shut.clone(),
                ],
            ),
            (
                Unserved,
                vec![
                    http(421, false),
                    shut.clone(),
                    Answer::Closed,
                    Answer::ClosedUnasked,
                    failed,
                ],
                vec![http(403, true), http(200, false), http(404, false), garbled],
            ),
        ] {
            let judged = |answer: &Answer| {
                judge(
                    &Expected::always(outcome),
                    answer,
                    Place::Outside,
                    Pages::BuiltIn,
                )
                .verdict()
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
        let judged = |answer, place| judge(&at_home(), &answer, place, Pages::BuiltIn).verdict();
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
        let judged = judge(
            &expected,
            &http(403, false),
            Place::Outside,
            Pages::Overridden,
        );
        assert_eq!(judged.verdict(), Verdict::Fine);
    }
}
