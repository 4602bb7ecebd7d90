//! What each visitor should get at each site, read off the declaration and the lock and not off the
//! Caddyfile; and what an answer means beside it.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::Place;
use crate::lock::{Issued, Lock};
use crate::model::{Access, CertificateMode, Homelab, Name, PathPattern};

/// How a header of the edge's own pages reads, by which they are told from a service's.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The name and the value of the header by which the edge's own pages are known.
pub fn page_policy() -> (&'static str, &'static str) {
    ("Content-Security-Policy", PAGE_POLICY)
}

/// A host, and who is let in there.
#[derive(Debug, Clone)]
pub struct Site {
    /// The service, or what the landing page is called.
    pub service: String,
    /// The host.
    pub host: String,
    /// What the handshake asks, and whether being at home is enough.
    pub guard: Guard,
    /// Who is let in by certificate.
    pub people: BTreeSet<Name>,
    /// A path that everybody may read, and one that only looks like it.
    pub public: Option<(String, String)>,
}

/// What stands before a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Nothing.
    Open,
    /// Being at home.
    Home,
    /// A certificate, in the handshake.
    Required,
    /// A certificate, in HTTP; or being at home, where `home`.
    Asked {
        /// Whether the LAN needs none.
        home: bool,
    },
}

/// Who visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visitor {
    /// Somebody without a certificate.
    Nobody,
    /// Somebody with a certificate that is named as ours, and signed by another.
    Stranger,
    /// One of the certificates that are tried, by its place among them.
    Device(usize),
}

/// A request to be made.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Who makes it.
    pub visitor: Visitor,
    /// The name in the handshake, where that is another than the host's.
    pub server_name: Option<String>,
    /// The path.
    pub path: String,
    /// What is to come of it.
    pub expected: Expected,
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
    LetIn,
    /// The edge answers that it does not let in.
    Forbidden,
    /// There is no connection.
    Shut,
    /// One of the two.
    Refused,
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

/// How a certificate of the lock stands at the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its authority is trusted, it is valid now, and on the lists of its person's services.
    LetIn,
    /// Its authority is trusted, and it is on no list.
    Out,
    /// It is refused in the handshake: it has ended or not begun, or its authority is not trusted.
    Shut,
}

impl Standing {
    /// How one stands now.
    pub fn of(issued: &Issued, homelab: &Homelab, lock: &Lock, now: Timestamp) -> Standing {
        let authority = lock.authority(&issued.authority);
        let is_trusted = authority.is_some_and(|authority| authority.is_trusted());
        let (begin, end) = (issued.validity.not_before(), issued.validity.not_after());
        if !is_trusted || now < begin || now > end {
            Standing::Shut
        } else if issued.retired().is_some() || homelab.device(&issued.device).is_none() {
            Standing::Out
        } else {
            Standing::LetIn
        }
    }
}

/// Every host that is declared, sorted by service and then as written; the landing page first.
pub fn sites(homelab: &Homelab, lock: &Lock) -> Vec<Site> {
    let mut sites = Vec::new();
    if homelab.edge.landing {
        let admitted = lock.admitted();
        let people = admitted.keys().map(|device| device.person.clone());
        let mut services = homelab.services.values();
        sites.push(Site {
            service: String::from("(landing page)"),
            host: homelab.domain.to_string(),
            guard: Guard::Asked {
                home: services.any(|service| service.access.is_open_at_home()),
            },
            people: people.collect(),
            public: None,
        });
    }
    for service in homelab.services.values() {
        let (guard, people) = match &service.access {
            Access::Everyone => (Guard::Open, BTreeSet::new()),
            Access::Lan { .. } => (Guard::Home, BTreeSet::new()),
            Access::Certificate(allowed) => {
                let guard = match allowed.certificate {
                    CertificateMode::Required => Guard::Required,
                    CertificateMode::Asked => Guard::Asked { home: allowed.lan },
                };
                (guard, allowed.people.clone())
            }
        };
        let mut public = service.access.public().iter();
        let readable = public.find(|public| public.methods.as_slice().contains(&"GET"));
        for host in &service.hosts {
            sites.push(Site {
                service: service.name.to_string(),
                host: host.to_string(),
                guard,
                people: people.clone(),
                public: readable.map(|public| examples(&public.path)),
            });
        }
    }
    sites
}

/// A path of that pattern, and one that a careless comparison takes for it.
fn examples(pattern: &PathPattern) -> (String, String) {
    match pattern.as_str().strip_suffix('*') {
        Some(folder) => (
            format!("{folder}homelab-verify"),
            format!("/homelab-verify/..%2f{}homelab-verify", &folder[1..]),
        ),
        None => {
            let exact = pattern.as_str();
            (
                exact.to_owned(),
                format!("/homelab-verify/..%2f{}", &exact[1..]),
            )
        }
    }
}

/// What is to be asked of a site. `certificates` are those that can be shown, with how they stand;
/// `other` is a host whose handshake lets everybody in, to ask for this one behind its name.
pub fn probes(
    site: &Site,
    certificates: &[(&Issued, Standing)],
    other: Option<&str>,
) -> Vec<Probe> {
    let ask = |visitor, path: &str, expected| Probe {
        visitor,
        server_name: None,
        path: path.to_owned(),
        expected,
    };
    let root = "/";
    let mut probes = vec![ask(Visitor::Nobody, root, site.nobody())];
    if let Some((public, lookalike)) = &site.public {
        probes.push(ask(
            Visitor::Nobody,
            public,
            Expected::always(Outcome::LetIn),
        ));
        probes.push(ask(Visitor::Nobody, lookalike, site.nobody()));
    }
    if matches!(site.guard, Guard::Open | Guard::Home) {
        return probes;
    }
    if let Some(other) = other {
        probes.push(Probe {
            server_name: Some(other.to_owned()),
            ..ask(Visitor::Nobody, root, Expected::always(Outcome::Refused))
        });
    }
    probes.push(ask(
        Visitor::Stranger,
        root,
        Expected::always(Outcome::Shut),
    ));
    for (place, (issued, standing)) in certificates.iter().enumerate() {
        let expected = site.device(&issued.device.person, *standing);
        probes.push(ask(Visitor::Device(place), root, expected));
    }
    probes
}

impl Site {
    /// Whether the handshake asks for a certificate.
    pub fn asks(&self) -> bool {
        matches!(self.guard, Guard::Required | Guard::Asked { .. })
    }

    fn nobody(&self) -> Expected {
        match self.guard {
            Guard::Open => Expected::always(Outcome::LetIn),
            Guard::Required => Expected::always(Outcome::Shut),
            Guard::Home | Guard::Asked { home: true } => Expected::at_home(),
            Guard::Asked { home: false } => Expected::always(Outcome::Forbidden),
        }
    }

    fn device(&self, person: &Name, standing: Standing) -> Expected {
        let home = self.guard == Guard::Asked { home: true };
        match standing {
            Standing::Shut => Expected::always(Outcome::Shut),
            Standing::LetIn if self.people.contains(person) => Expected::always(Outcome::LetIn),
            Standing::LetIn | Standing::Out if home => Expected::at_home(),
            Standing::LetIn => Expected::always(Outcome::Forbidden),
            Standing::Out => Expected::always(Outcome::Refused),
        }
    }
}

impl Expected {
    fn always(outcome: Outcome) -> Expected {
        Expected {
            home: outcome,
            outside: outcome,
        }
    }

    fn at_home() -> Expected {
        Expected {
            home: Outcome::LetIn,
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
    if let Answer::Unreached(why) = answer {
        return Judgement {
            verdict: Verdict::Unreached,
            why: Some(why.clone()),
        };
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
    fn fine() -> Judgement {
        Judgement {
            verdict: Verdict::Fine,
            why: None,
        }
    }

    fn wrong(why: String) -> Judgement {
        Judgement {
            verdict: Verdict::Wrong,
            why: Some(why),
        }
    }
}

/// Why an answer is not that outcome; none where it is.
fn mismatch(outcome: Outcome, answer: &Answer, own_templates: bool) -> Option<String> {
    let is_refusal = |status: u16, own_page: bool| status == 403 && (own_page || own_templates);
    let is_shut = matches!(answer, Answer::Shut(_) | Answer::Closed);
    let is_forbidden = match answer {
        // 421: the edge does not serve this host behind that name.
        Answer::Http { status: 421, .. } => outcome == Outcome::Refused,
        Answer::Http { status, own_page } => is_refusal(*status, *own_page),
        _ => false,
    };
    let is_let_in = match answer {
        Answer::Http { status: 421, .. } => false,
        Answer::Http { status, own_page } => !is_refusal(*status, *own_page),
        _ => false,
    };
    let fits = match outcome {
        Outcome::LetIn => is_let_in,
        Outcome::Forbidden => is_forbidden,
        Outcome::Shut => is_shut,
        // Nothing but a connection that does not come about can be had under a name that is not there.
        Outcome::Refused => is_forbidden || is_shut || matches!(answer, Answer::Failed(_)),
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
            Outcome::LetIn => "let in",
            Outcome::Forbidden => "refused with 403",
            Outcome::Shut => "refused in the handshake",
            Outcome::Refused => "refused",
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
            Answer::Closed => f.write_str("a connection that was closed"),
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
        use Outcome::{Forbidden, LetIn, Refused, Shut};
        for (outcome, fitting, others) in [
            (
                LetIn,
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
                vec![
                    shut.clone(),
                    Answer::Closed,
                    http(403, true),
                    http(421, false),
                    failed,
                ],
                vec![http(403, false), http(200, false), garbled],
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
