//! What an answer means beside what was to come.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::fault::OnePlace;
use super::{Answer, AnswerFault, Expected, Explanation, Outcome, Pages, Place, Unreached, Whose};

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
    let is_handshake_refused = matches!(answer, Answer::HandshakeRefused(_) | Answer::Closed);
    // RFC 9110 §15.5.20: this server does not serve that host on this connection.
    let is_misdirected = matches!(answer, Answer::Http { status: 421, .. });
    // To who has not signed in a gateway says that they are nobody, or sends them somewhere.
    let (is_forbidden, is_gateways, is_admitted) = match *answer {
        Answer::Http { status, whose } => {
            let is_forbidden = status == 403 && can_be(whose, Whose::Edge, pages);
            let asks = matches!(status, 300..=399 | 401 | 403);
            let is_gateways = asks && can_be(whose, Whose::Gateway, pages);
            (is_forbidden, is_gateways, !is_misdirected && !is_forbidden)
        }
        _ => (false, false, false),
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
        Outcome::SignIn => is_gateways,
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

/// Whether an answer can be theirs: where templates of the user's own make the answers, one without a mark can be anybody's.
fn can_be(whose: Whose, theirs: Whose, pages: Pages) -> bool {
    whose == theirs || (whose == Whose::Unmarked && pages == Pages::Overridden)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::outcome::Networks;
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
