use std::collections::BTreeSet;

use super::*;
use crate::model::Network;
use crate::verify::outcome::Networks;

fn lan() -> Networks {
    Networks(vec![BTreeSet::from([Network::Lan])])
}

fn at_home() -> Expected {
    Expected::within(lan().0, Outcome::Admitted, Outcome::Forbidden)
}

/// By an upstream, or by whoever else does not say who it is.
fn unmarked(status: u16) -> Answer {
    let whose = Whose::Unmarked;
    Answer::Http { status, whose }
}

/// By the edge itself.
fn own(status: u16) -> Answer {
    let whose = Whose::Edge;
    Answer::Http { status, whose }
}

fn from_gateway(status: u16) -> Answer {
    let whose = Whose::Gateway;
    Answer::Http { status, whose }
}

#[test]
fn what_is_for_another_place_is_told_from_what_is_for_nobody() {
    let at_home = at_home();
    let (refused, admitted) = (own(403), unmarked(200));
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

/// That outside, where this is expected, the first answers are that and the others are something else.
fn holds(outcome: Outcome, fitting: &[Answer], others: &[Answer]) {
    let expected = Expected::always(outcome);
    let judged = |answer| judge(&expected, answer, Place::Outside, Pages::BuiltIn).verdict();
    for answer in fitting {
        assert_eq!(judged(answer), Verdict::Fine, "{outcome} {answer}");
    }
    for answer in others {
        assert_eq!(judged(answer), Verdict::Wrong, "{outcome} {answer}");
    }
}

fn shut() -> Answer {
    Answer::HandshakeRefused(String::from("x"))
}

fn failed() -> Answer {
    Answer::HandshakeFailed(String::from("internal error"))
}

fn garbled() -> Answer {
    Answer::NotHttp(String::from("x"))
}

#[test]
fn who_is_let_in_gets_what_is_not_the_edge_s_refusal() {
    holds(
        Outcome::Admitted,
        &[
            unmarked(200),
            own(200),
            unmarked(404),
            own(502),
            unmarked(403),
        ],
        &[
            own(403),
            unmarked(421),
            shut(),
            Answer::Closed,
            failed(),
            garbled(),
        ],
    );
}

#[test]
fn who_is_refused_gets_the_edge_s_page_or_no_connection() {
    let (closed, page) = ([shut(), Answer::Closed], [own(403)]);
    let no_refusal = [unmarked(421), failed(), garbled()];
    let with = |more: &[Answer]| [&no_refusal, more].concat();
    holds(
        Outcome::Forbidden,
        &page,
        &with(&[unmarked(403), own(200), shut()]),
    );
    holds(
        Outcome::HandshakeRefused,
        &closed,
        &with(&[own(403), unmarked(400)]),
    );
    holds(
        Outcome::Refused,
        &[&closed[..], &page].concat(),
        &with(&[unmarked(403), unmarked(200)]),
    );
}

#[test]
fn a_host_that_is_not_served_there_answers_421_or_ends_the_connection() {
    holds(
        Outcome::Misdirected,
        &[unmarked(421), own(421)],
        &[own(403), unmarked(200), unmarked(400), shut(), failed()],
    );
    holds(
        Outcome::Unserved,
        &[
            unmarked(421),
            shut(),
            Answer::Closed,
            Answer::ClosedUnasked,
            failed(),
        ],
        &[own(403), unmarked(200), unmarked(404), garbled()],
    );
}

#[test]
fn only_the_gateway_asks_to_sign_in() {
    holds(
        Outcome::SignIn,
        &[from_gateway(302), from_gateway(401), from_gateway(403)],
        &[
            unmarked(302),
            unmarked(403),
            from_gateway(500),
            unmarked(200),
            own(403),
            own(502),
            unmarked(502),
            unmarked(500),
            shut(),
        ],
    );
}

#[test]
fn at_home_other_things_are_expected() {
    let judged = |answer, place| judge(&at_home(), &answer, place, Pages::BuiltIn).verdict();
    assert_eq!(judged(unmarked(200), Place::Home), Verdict::Fine);
    assert_eq!(judged(unmarked(200), Place::Outside), Verdict::Wrong);
    assert_eq!(judged(own(403), Place::Outside), Verdict::Fine);
    assert_eq!(judged(own(403), Place::Home), Verdict::Wrong);
    for answer in [unmarked(200), own(403)] {
        assert_eq!(judged(answer, Place::Unknown), Verdict::Either);
    }
    assert_eq!(judged(Answer::Closed, Place::Unknown), Verdict::Wrong);
}

#[test]
fn with_templates_of_one_s_own_any_403_is_the_edge_s() {
    let expected = Expected::always(Outcome::Forbidden);
    let judged = judge(&expected, &unmarked(403), Place::Outside, Pages::Overridden);
    assert_eq!(judged.verdict(), Verdict::Fine);
}
