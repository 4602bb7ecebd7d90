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
mod tests;
