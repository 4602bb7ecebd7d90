//! What the port without TLS may answer: that the host is elsewhere, and nothing else.

use super::Judgement;

/// An answer of the port without TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainAnswer {
    /// Its status.
    pub status: u16,
    /// Where it leads to.
    pub location: Option<String>,
}

/// What is thought of it, where that path of that host was asked for; `https` is the port that the host is
/// served at with TLS.
pub fn judge_plain(host: &str, path: &str, https: u16, answer: &PlainAnswer) -> Judgement {
    let PlainAnswer { status, location } = answer;
    let Some(location) = location.as_deref().filter(|_| (301..=308).contains(status)) else {
        return Judgement::wrong(format!(
            "should be redirected to https, got {status} without TLS"
        ));
    };
    let places = [
        format!("https://{host}{path}"),
        format!("https://{host}:{https}{path}"),
    ];
    match places.iter().any(|place| place == location) {
        true => Judgement::fine(),
        false => Judgement::wrong(format!(
            "should be redirected to `{}`, is redirected to `{}`",
            places[0],
            shown(location)
        )),
    }
}

/// What a server says, in so far as it can be shown on a terminal.
pub fn shown(text: &str) -> String {
    let short: String = text.chars().take(200).collect();
    short.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Verdict;

    #[test]
    fn nothing_but_a_redirect_to_the_same_place_is_fine() {
        let judged = |status, location: Option<&str>| {
            let location = location.map(str::to_owned);
            judge_plain("a.test", "/x", 8443, &PlainAnswer { status, location }).verdict
        };
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
