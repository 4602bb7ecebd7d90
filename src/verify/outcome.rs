//! What is to come of a request.

use std::collections::BTreeSet;
use std::fmt;

use super::Place;
use crate::model::Network;

/// How a header of the edge's own pages reads, by which they are told from a service's.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The name and the value of the header by which the edge's own pages are known.
pub(crate) fn page_policy() -> (&'static str, &'static str) {
    ("Content-Security-Policy", PAGE_POLICY)
}

/// The name and the value of the header by which what a gateway says to who has not signed in is known.
pub(crate) fn signed_out() -> (&'static str, &'static str) {
    ("X-Signed-In", "no")
}

/// Whose the templates of the Caddyfile are: by the user's own, pages may look otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pages {
    BuiltIn,
    Overridden,
}

impl Pages {
    /// By the names of the user's own templates: what the global options say changes no page.
    pub(crate) fn of(own_templates: &[String]) -> Pages {
        let is_of_pages = |name: &String| name != "globals.caddyfile.j2";
        if own_templates.iter().any(is_of_pages) {
            Pages::Overridden
        } else {
            Pages::BuiltIn
        }
    }
}

/// What can come of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Admitted,
    /// The edge answers that it does not let in.
    Forbidden,
    /// There is no connection.
    HandshakeRefused,
    /// One of the two.
    Refused,
    /// The edge answers that it does not serve this host behind that name.
    Misdirected,
    /// That, or nothing at all.
    Unserved,
    /// The gateway answers: who has not signed in is to do so.
    SignIn,
}

/// What is to come of a request, by where it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub inside: Outcome,
    pub outside: Outcome,
    /// Where that makes a difference.
    pub networks: Networks,
}

/// Networks that make a difference: in one of each set has to be who is inside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Networks(pub Vec<BTreeSet<Network>>);

impl Expected {
    /// The same wherever it is asked from.
    pub(crate) fn always(outcome: Outcome) -> Expected {
        Expected {
            inside: outcome,
            outside: outcome,
            networks: Networks::default(),
        }
    }

    /// One thing within these networks, and elsewhere another; networks that make no difference are not looked at.
    pub(crate) fn within(
        networks: Vec<BTreeSet<Network>>,
        inside: Outcome,
        outside: Outcome,
    ) -> Expected {
        if inside == outside {
            return Expected::always(inside);
        }
        Expected {
            inside,
            outside,
            networks: Networks(networks),
        }
    }

    /// What it is at that place, where `Home` is inside of what makes a difference; none where that is not known.
    pub(crate) fn at(&self, place: Place) -> Option<Outcome> {
        match place {
            Place::Home => Some(self.inside),
            Place::Outside => Some(self.outside),
            Place::Unknown => (self.inside == self.outside).then_some(self.inside),
        }
    }
}

impl Networks {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What they are called in the declaration.
    pub(crate) fn names(&self) -> String {
        let names: BTreeSet<&Network> = self.0.iter().flatten().collect();
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(" or ")
    }
}

/// Where somebody is who is in them.
impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |network: &Network| match network {
            Network::Lan => String::from("at home"),
            Network::Named(name) => format!("in `{name}`"),
        };
        let sets = self.0.iter().map(|networks| {
            let words: Vec<String> = networks.iter().map(word).collect();
            words.join(" or ")
        });
        let sets: Vec<String> = sets.collect();
        f.write_str(&sets.join(", and "))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::Admitted => "let in",
            Outcome::Forbidden => "refused with 403",
            Outcome::HandshakeRefused => "refused in the handshake",
            Outcome::Refused => "refused",
            Outcome::Misdirected => "refused with 421",
            Outcome::Unserved => "answered by nobody",
            Outcome::SignIn => "asked to sign in",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caddyfile_s_pages_have_the_header_that_they_are_known_by() {
        let template = include_str!("../../templates/pages.caddyfile.j2");
        let (name, value) = page_policy();
        assert!(template.contains(&format!("{name} \"{value}\"")));
        let template = include_str!("../../templates/sites.caddyfile.j2");
        let (name, value) = signed_out();
        let mark = format!("header_down {name} {value}");
        assert_eq!(
            template.matches(&mark).count(),
            1,
            "a question of each kind has it"
        );
    }
}
