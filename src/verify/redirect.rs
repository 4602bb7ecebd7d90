//! Where an answer leads to: from the port without TLS to https and nowhere else, and from a service that only
//! redirects to where it is declared to.

use super::{AnswerFault, Expected, Judgement, Outcome, Place, Probe, Site, Verdict};

/// What is looked at of a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Location<'a> {
    pub status: u16,
    pub to: Option<&'a str>,
}

/// What is thought of an answer without TLS, where that path of that host was asked for; `https` is the port
/// that the host is served at with TLS.
pub(crate) fn judge_without_tls(
    host: &str,
    path: &str,
    https: u16,
    answer: Location<'_>,
) -> Judgement {
    let Location { status, to } = answer;
    let Some(found) = to.filter(|_| (301..=308).contains(&status)) else {
        return Judgement::Wrong(AnswerFault::NotToHttps { status });
    };
    let to = format!("https://{host}{path}");
    if found == to || found == format!("https://{host}:{https}{path}") {
        return Judgement::Fine;
    }
    let found = found.to_owned();
    Judgement::Wrong(AnswerFault::ToOtherThanHttps { to, found })
}

/// What is wrong with where somebody is sent to who was let in.
pub(crate) fn judge_redirect(
    site: &Site,
    probe: &Probe,
    judged: &Judgement,
    answer: Location<'_>,
) -> Option<AnswerFault> {
    let redirect = site.redirect.as_ref()?;
    let is_admitted =
        is_admission(&probe.expected) && judged.verdict() == Verdict::Fine && site.public.is_none();
    if !is_admitted || probe.path != "/" {
        return None;
    }
    let path = if redirect.same_path { "/" } else { "" };
    let to = format!("{}{path}", redirect.to);
    let found = answer.to.unwrap_or_default();
    (found != to || answer.status != redirect.status).then(|| AnswerFault::OtherRedirect {
        to,
        status: redirect.status,
        found: found.to_owned(),
        found_status: answer.status,
    })
}

fn is_admission(expected: &Expected) -> bool {
    expected.at(Place::Outside) == Some(Outcome::Admitted)
}

/// What a server says, in so far as it can be shown on a terminal.
pub(crate) fn printable(text: &str) -> String {
    let short: String = text.chars().take(200).collect();
    short.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_a_redirect_to_the_same_place_is_fine() {
        let judged =
            |status, to| judge_without_tls("a.test", "/x", 8443, Location { status, to }).verdict();
        for location in ["https://a.test/x", "https://a.test:8443/x"] {
            assert_eq!(judged(308, Some(location)), Verdict::Fine);
        }
        for (status, location) in [
            (200, None),
            (200, Some("https://a.test/x")),
            (403, None),
            (308, None),
            (308, Some("http://a.test/x")),
            (308, Some("https://evil.test/x")),
            (308, Some("https://a.test.evil.test/x")),
            (308, Some("https://a.test@evil.test/x")),
            (308, Some("https://a.test/")),
        ] {
            assert_eq!(
                judged(status, location),
                Verdict::Wrong,
                "{status} {location:?}"
            );
        }
    }
}
