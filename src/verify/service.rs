//! What a service itself answers to somebody whom the edge has let through.

use std::fmt;

use super::{Answer, Pages, Whose};
use crate::catalogue::App;

/// An error in place of a service's first page, shown to a device that is let in. The edge is as declared; who opens the
/// service sees nothing of it all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceError {
    service: String,
    status: u16,
    /// To whom first, and to how many others.
    device: String,
    others: usize,
    cause: Cause,
}

/// Why a service answers with an error, as far as that can be known.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cause {
    /// Caddy answers in its place: it does not reach it.
    Unreached,
    /// It asks for a login of its own.
    Login,
    /// The catalogue knows an app that answers so where it was not told something.
    Untold(String),
    /// The catalogue knows that the app must be told something.
    PerhapsUntold,
    Unknown,
}

impl ServiceError {
    /// What an answer to a device says of a service, whose app is this; none where that is no error, or where nobody knows whose
    /// it is.
    pub(crate) fn of(
        (service, app): (&str, Option<&App>),
        answer: &Answer,
        device: &str,
        pages: Pages,
    ) -> Option<ServiceError> {
        let Answer::Http { status, whose } = *answer else {
            return None;
        };
        let own_page = whose == Whose::Edge;
        // With the built-in templates, Caddy's own 502 has the page by which it is known.
        let is_down = matches!(status, 502..=504);
        if status < 400 || (own_page && !is_down) || (pages == Pages::Overridden && is_down) {
            return None;
        }
        let tell = app.map_or(&[][..], |app| &app.tell);
        let mut tell = tell.iter().map(|claim| &claim.value);
        let known = tell.clone().find(|tell| tell.answers == Some(status));
        let known = known.and_then(|tell| tell.why.clone());
        let cause = match (own_page, known) {
            (true, _) => Cause::Unreached,
            (false, Some(why)) => Cause::Untold(why),
            (false, None) if status == 401 => Cause::Login,
            (false, None) if tell.next().is_some() => Cause::PerhapsUntold,
            (false, None) => Cause::Unknown,
        };
        Some(ServiceError {
            service: service.to_owned(),
            status,
            device: device.to_owned(),
            others: 0,
            cause,
        })
    }

    /// Whether it is the same one, shown to somebody else; that is counted.
    pub(crate) fn takes(&mut self, other: &ServiceError) -> bool {
        let is_same = self.status == other.status && self.cause == other.cause;
        self.others += usize::from(is_same);
        is_same
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ServiceError {
            service,
            status,
            device,
            others,
            cause,
        } = self;
        let to = match others {
            0 => device.clone(),
            1 => format!("{device} and another device"),
            more => format!("{device} and {more} other devices"),
        };
        match cause {
            Cause::Unreached => write!(
                f,
                "the edge answers {status} to {to}: it does not reach {service}; is that running, and at its `upstream`?"
            ),
            Cause::Login => write!(
                f,
                "{service} answers {status} to {to}: it asks for a login of its own"
            ),
            Cause::Untold(why) => write!(
                f,
                "{service} answers {status} to {to}: {why}; see \"Tell the apps\" in index.html"
            ),
            Cause::PerhapsUntold => write!(
                f,
                "{service} answers {status} to {to}: that is its own answer, not the edge's; \"Tell the apps\" in index.html says what it must be told"
            ),
            Cause::Unknown => write!(
                f,
                "{service} answers {status} to {to}: that is its own answer, not the edge's"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(app: Option<&str>, status: u16, own_page: bool, pages: Pages) -> Option<String> {
        let app = app.and_then(crate::catalogue::app);
        let title = app.map_or("Notes", |app| &app.title.value);
        let whose = match own_page {
            true => Whose::Edge,
            false => Whose::Unmarked,
        };
        let answer = Answer::Http { status, whose };
        let error = ServiceError::of((title, app), &answer, "alice/laptop", pages);
        error.map(|error| error.to_string())
    }

    #[test]
    fn a_service_s_own_error_is_told_from_the_edge_s() {
        let built_in = |app, status, own_page| said(app, status, own_page, Pages::BuiltIn);
        for (status, own_page) in [(200, false), (302, false), (200, true), (403, true)] {
            assert_eq!(built_in(None, status, own_page), None);
        }
        assert_eq!(
            built_in(Some("home-assistant"), 400, false).unwrap(),
            "Home Assistant answers 400 to alice/laptop: it does not trust this proxy; see \"Tell the apps\" in index.html"
        );
        let own = built_in(None, 500, false).unwrap();
        assert!(own.ends_with("its own answer, not the edge's"), "{own}");
        let perhaps = built_in(Some("home-assistant"), 500, false).unwrap();
        assert!(perhaps.contains("what it must be told"), "{perhaps}");
        let login = built_in(None, 401, false).unwrap();
        assert!(login.ends_with("a login of its own"), "{login}");
        let down = built_in(None, 502, true).unwrap();
        assert!(
            down.starts_with("the edge answers 502 to alice/laptop"),
            "{down}"
        );
        // Whose page that is, nobody knows.
        assert_eq!(said(None, 502, false, Pages::Overridden), None);
    }

    #[test]
    fn many_devices_are_one_line() {
        let error = |device: &str, status| {
            let answer = Answer::Http {
                status,
                whose: Whose::Unmarked,
            };
            ServiceError::of(("Notes", None), &answer, device, Pages::BuiltIn).unwrap()
        };
        let mut first = error("alice/laptop", 500);
        assert!(first.takes(&error("bob/pixel", 500)));
        assert!(
            first
                .to_string()
                .contains("to alice/laptop and another device:")
        );
        assert!(first.takes(&error("bob/tv", 500)));
        assert!(first.to_string().contains("and 2 other devices:"));
        assert!(!first.takes(&error("bob/tv", 404)));
    }
}
