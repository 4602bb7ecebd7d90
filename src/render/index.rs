//! The admin's page, and the timeline in it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::Offset;
use jiff::{Span, Timestamp};
use serde::Serialize;

use super::Artifact;
use crate::dates::{self, Shown};
use crate::derive::{DnsNames, Index, IndexOpening, IndexPerson, IndexService, Term};
use crate::diagnostic::Mistake;
use crate::model::{DeviceId, DisplayName, Domain, Email, Language, Name};
use crate::pki::Validity;
use crate::template::Templates;

/// What the template is given: the fields of [`Index`], and where things stand on the timeline. They are not flattened in, for what has
/// an unknown number of fields is copied once more where it is written.
#[derive(Serialize)]
struct Context<'i> {
    domain: &'i Domain,
    edges: &'i [String],
    people: People<'i>,
    /// The device that commands are shown with, said once, where each is told of in short.
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<&'i DeviceId>,
    services: &'i [IndexService],
    audiences: &'i BTreeMap<String, Vec<String>>,
    openings: &'i [IndexOpening],
    unchecked: &'i BTreeSet<String>,
    authorities: &'i [Term],
    #[serde(skip_serializing_if = "Option::is_none")]
    names: Option<&'i DnsNames>,
    timeline: Option<Timeline<'i>>,
}

/// The people: with all that is known of their devices, or where there are many with what a line says of each.
#[derive(Serialize)]
#[serde(untagged)]
enum People<'i> {
    AtLength(&'i [IndexPerson]),
    InShort(Vec<PersonInShort<'i>>),
}

#[derive(Serialize)]
struct PersonInShort<'i> {
    name: &'i Name,
    display_name: &'i DisplayName,
    email: &'i Email,
    guide: Option<&'i str>,
    language: &'i Language,
    devices: Vec<DeviceInShort<'i>>,
}

#[derive(Serialize)]
struct DeviceInShort<'i> {
    name: &'i Name,
    platform: &'static str,
    /// The end of its certificate, where that has one.
    until: Option<Shown>,
    /// What there is to say where it is not like most: it has an end, a password and no older certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    besides: Option<Besides>,
}

#[derive(Serialize)]
struct Besides {
    has_no_end: bool,
    is_nothing_handed_over: bool,
    is_certificate_only: bool,
    /// Until when its older certificates work.
    older: Vec<Shown>,
}

/// Dates as places between 0 and 100. It knows no present: the page is the same on every day.
#[derive(Serialize)]
struct Timeline<'i> {
    /// Days to mark, with what to write there.
    ticks: Vec<Tick>,
    /// A row for each device that has a certificate, the first to be renewed first and [`Index::MOST_DEVICES`] at the most, then one for each authority.
    rows: Vec<Row<'i>>,
    /// How many devices more there are.
    more: usize,
}

#[derive(Serialize)]
struct Tick {
    at: f64,
    label: String,
}

#[derive(Serialize)]
struct Row<'i> {
    name: Cow<'i, str>,
    is_authority: bool,
    /// The certificate's bar, and those of older ones.
    bars: Vec<Bar>,
    renew_from: Option<Shown>,
    is_last_day: bool,
    until: End,
}

#[derive(Serialize)]
struct Bar {
    from: f64,
    /// Where renewal begins; the end where there is none.
    renew: f64,
    until: f64,
    is_older: bool,
    /// Whether it goes on beyond the timeline.
    goes_on: bool,
}

pub(super) fn render(index: &Index, templates: &Templates) -> Result<Artifact, Mistake> {
    let context = context(index);
    Ok(templates.render("index.html.j2", &context)?.into())
}

fn context(index: &Index) -> Context<'_> {
    Context {
        domain: &index.domain,
        edges: &index.edges,
        people: People::of(index),
        example: { index.is_in_short() }.then(|| example(index)).flatten(),
        services: &index.services,
        audiences: &index.audiences,
        openings: &index.openings,
        unchecked: &index.unchecked,
        authorities: &index.authorities,
        names: index.names.as_ref(),
        timeline: timeline(index),
    }
}

impl People<'_> {
    fn of(index: &Index) -> People<'_> {
        if index.is_in_short() {
            People::InShort(index.people.iter().map(PersonInShort::of).collect())
        } else {
            People::AtLength(&index.people)
        }
    }
}

impl PersonInShort<'_> {
    fn of(person: &IndexPerson) -> PersonInShort<'_> {
        let devices = person.devices.iter().map(|device| {
            let until = device.term.as_ref().map(ends);
            let has_no_end = matches!(until, Some(End::Never(_)));
            let until = until.and_then(End::day);
            let has_password = device.files.has_password();
            let is_like_most = until.is_some() && has_password && device.older.is_empty();
            let besides = || Besides {
                has_no_end,
                is_nothing_handed_over: device.files.is_nothing(),
                is_certificate_only: !device.files.is_nothing() && !has_password,
                older: { device.older.iter() }
                    .map(|older| dates::day(older.until))
                    .collect(),
            };
            DeviceInShort {
                name: &device.name,
                platform: device.platform,
                until,
                besides: (!is_like_most).then(besides),
            }
        });
        PersonInShort {
            name: &person.name,
            display_name: &person.display_name,
            email: &person.email,
            guide: person.guide.as_deref(),
            language: &person.language,
            devices: devices.collect(),
        }
    }
}

/// A device whose files have a password, where there is one.
fn example(index: &Index) -> Option<&DeviceId> {
    let mut devices = index.people.iter().flat_map(|person| &person.devices);
    let first = devices.clone().next();
    let example = devices.find(|device| device.files.has_password()).or(first);
    example.map(|device| &device.folder)
}

fn timeline(index: &Index) -> Option<Timeline<'_>> {
    let devices = || index.people.iter().flat_map(|person| &person.devices);
    let terms = || devices().flat_map(|device| device.term.iter().chain(&device.older));
    let scale = Scale {
        from: terms().map(|term| term.from).min()?,
        until: terms().map(|term| term.until).max()?,
    };
    let mut due = Vec::new();
    for person in &index.people {
        for device in &person.devices {
            if let Some(term) = &device.term {
                due.push((term.renew_from.unwrap_or(term.until), person, device, term));
            }
        }
    }
    // The first to be due is the first to be read.
    due.sort_by_key(|(due, ..)| *due);
    let more = due.len().saturating_sub(Index::MOST_DEVICES);
    due.truncate(Index::MOST_DEVICES);
    let rows = due.into_iter().map(|(_, person, device, term)| {
        let older = device.older.iter().map(|older| scale.older_bar(older));
        Row {
            name: Cow::Owned(format!("{}/{}", person.name, device.name)),
            is_authority: false,
            bars: [scale.bar(term)].into_iter().chain(older).collect(),
            renew_from: term.renew_from.map(dates::day),
            is_last_day: term.is_last_day,
            until: ends(term),
        }
    });
    let mut rows: Vec<Row<'_>> = rows.collect();
    for authority in &index.authorities {
        rows.push(Row {
            name: Cow::Borrowed(&authority.name),
            is_authority: true,
            bars: vec![scale.bar(authority)],
            renew_from: None,
            is_last_day: false,
            until: ends(authority),
        });
    }
    Some(Timeline {
        ticks: scale.ticks(),
        rows,
        more,
    })
}

#[derive(Serialize)]
#[serde(untagged)]
enum End {
    At(Shown),
    Never(&'static str),
}

impl End {
    fn day(self) -> Option<Shown> {
        match self {
            End::At(day) => Some(day),
            End::Never(_) => None,
        }
    }
}

fn ends(term: &Term) -> End {
    if term.until == Validity::NO_END {
        End::Never("no end")
    } else {
        End::At(dates::end(term.from, term.until))
    }
}

struct Scale {
    from: Timestamp,
    until: Timestamp,
}

impl Scale {
    /// Where a moment stands, to a hundredth.
    fn at(&self, moment: Timestamp) -> f64 {
        let moment = moment.clamp(self.from, self.until).as_second();
        let (from, until) = (self.from.as_second(), self.until.as_second());
        // Whole numbers as far as possible: the same on every machine.
        let hundredths = (moment - from) * 10_000 / (until - from).max(1);
        hundredths as f64 / 100.0
    }

    fn older_bar(&self, term: &Term) -> Bar {
        Bar {
            is_older: true,
            ..self.bar(term)
        }
    }

    fn bar(&self, term: &Term) -> Bar {
        Bar {
            from: self.at(term.from),
            renew: self.at(term.renew_from.unwrap_or(term.until)),
            until: self.at(term.until),
            is_older: false,
            goes_on: term.until > self.until,
        }
    }

    /// Round days, no more of them than have room on a phone.
    fn ticks(&self) -> Vec<Tick> {
        const MOST: usize = 5;
        let steps = [
            (Span::new().days(1), "%Y-%m-%d"),
            (Span::new().days(7), "%Y-%m-%d"),
            (Span::new().months(1), "%Y-%m"),
            (Span::new().months(3), "%Y-%m"),
            (Span::new().months(6), "%Y-%m"),
            (Span::new().years(1), "%Y"),
            (Span::new().years(2), "%Y"),
            (Span::new().years(5), "%Y"),
            (Span::new().years(10), "%Y"),
            (Span::new().years(50), "%Y"),
            (Span::new().years(200), "%Y"),
        ];
        let day = |moment| Offset::UTC.to_datetime(moment).date();
        let (first, last) = (day(self.from), day(self.until));
        for (step, format) in steps {
            // A week begins anywhere, a month at its first, years at the first of January.
            let start = match (step.get_years(), step.get_months()) {
                (0, 0) => Ok(first),
                (0, _) => jiff::civil::Date::new(first.year(), 1, 1),
                (years, _) => {
                    jiff::civil::Date::new(first.year() - first.year() % years.max(1), 1, 1)
                }
            };
            let Ok(start) = start else { continue };
            let days = start.series(step).take_while(|day| *day <= last);
            let days = days.filter_map(|day| {
                let moment =
                    Offset::UTC.to_timestamp(day.to_datetime(jiff::civil::Time::midnight()));
                let moment = moment.ok().filter(|moment| *moment >= self.from)?;
                Some(Tick {
                    at: self.at(moment),
                    label: day.strftime(format).to_string(),
                })
            });
            let ticks: Vec<Tick> = days.take(MOST + 1).collect();
            if ticks.len() <= MOST {
                return ticks;
            }
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::{DeviceFile, FileKind, IndexDevice};
    use std::sync::Arc;

    fn labels(from: &str, until: &str) -> Vec<String> {
        let scale = Scale {
            from: from.parse().unwrap(),
            until: until.parse().unwrap(),
        };
        scale.ticks().into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round_and_few() {
        let year = labels("2026-11-23T23:00:00Z", "2027-11-24T00:00:00Z");
        assert_eq!(year, ["2027-01", "2027-04", "2027-07", "2027-10"]);
        let hours = labels("2026-01-01T11:00:00Z", "2026-01-02T00:00:00Z");
        assert_eq!(hours, ["2026-01-02"]);
        let decades = labels("2026-01-01T11:00:00Z", "2057-01-02T00:00:00Z");
        assert_eq!(decades, ["2030", "2040", "2050"]);
        assert_eq!(
            labels("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z").len(),
            1
        );
    }

    #[test]
    fn places_are_between_0_and_100() {
        let scale = Scale {
            from: "2026-01-01T00:00:00Z".parse().unwrap(),
            until: "2027-01-01T00:00:00Z".parse().unwrap(),
        };
        assert_eq!(scale.at(scale.from), 0.0);
        assert_eq!(scale.at("2026-07-02T12:00:00Z".parse().unwrap()), 50.0);
        assert_eq!(scale.at("2036-01-01T00:00:00Z".parse().unwrap()), 100.0);
    }

    /// So many people, and so many services that let in all of them and open a path.
    fn index(people: usize, services: usize) -> Index {
        let term = |name: String| Term {
            is_last_day: false,
            name,
            from: "2026-01-01T00:00:00Z".parse().unwrap(),
            renew_from: None,
            until: "2027-01-01T00:00:00Z".parse().unwrap(),
        };
        let files = [DeviceFile {
            name: "d.p12".into(),
            kind: FileKind::Bundle,
        }];
        let files: Arc<[DeviceFile]> = files.into();
        let person = |number: usize| IndexPerson {
            name: Name::new(&format!("p{number}")).unwrap(),
            display_name: DisplayName::new(&format!("Person {number}")).unwrap(),
            email: Email::new(&format!("p{number}@example.com")).unwrap(),
            guide: None,
            language: Language::default(),
            devices: vec![IndexDevice {
                name: Name::new("d").unwrap(),
                platform: "Android",
                folder: format!("p{number}/d").parse().unwrap(),
                files: Arc::clone(&files).into(),
                term: Some(term(format!("p{number}-d"))),
                older: Vec::new(),
            }],
        };
        let service = |number: usize| IndexService {
            edge: None,
            name: Name::new(&format!("s{number}")).unwrap(),
            title: format!("S{number}"),
            addresses: vec![format!("https://s{number}.example.com/")],
            everyone: false,
            at_home: false,
            open_paths: true,
            certificate_required: true,
            audience: Some(String::from("s0")),
            confined: Vec::new(),
            networks: Vec::new(),
            sign_in: None,
            own_policies: false,
            tell: Vec::new(),
            links: None,
        };
        let opening = |number: usize| IndexOpening {
            service: format!("s{number}"),
            path: String::from("/a"),
            methods: Vec::new(),
            share_link: false,
        };
        let names = (0..people).map(|number| format!("p{number}"));
        Index {
            edges: vec!["edge".to_owned()],
            domain: Domain::new("example.com").unwrap(),
            people: (0..people).map(person).collect(),
            services: (0..services).map(service).collect(),
            audiences: [(String::from("s0"), names.collect())].into(),
            openings: (0..services).map(opening).collect(),
            unchecked: Default::default(),
            authorities: Vec::new(),
            names: None,
        }
    }

    /// Without a clock: steps grow with people and with services, and not with pairs of them.
    #[test]
    fn a_page_takes_steps_for_people_and_for_services_and_not_for_pairs() {
        let templates = Templates::new(BTreeMap::new()).unwrap();
        let steps = |people, services| {
            let index = index(people, services);
            templates.steps("index.html.j2", &context(&index))
        };
        let (few, people) = (steps(100, 100), steps(200, 100));
        let (services, both) = (steps(100, 200), steps(200, 200));
        assert!(people > few + 100 && services > few + 100);
        // Pairs would be 100 times 100 more.
        assert!((both - people).abs_diff(services - few) < 100);
    }

    /// A large home: one person with so many devices, the second with a certificate alone, the third with nothing, the fourth renewed.
    fn in_short(devices: usize) -> Index {
        let mut index = index(devices, 0);
        let mut people = index.people.drain(..);
        let mut person = people.next().unwrap();
        person
            .devices
            .extend(people.flat_map(|person| person.devices));
        for (number, device) in person.devices.iter_mut().enumerate() {
            let name = format!("d{number}");
            device.folder = format!("p0/{name}").parse().unwrap();
            device.name = Name::new(&name).unwrap();
            let files: Arc<[DeviceFile]> = match number {
                1 => Arc::from([DeviceFile {
                    name: "d.pem".into(),
                    kind: FileKind::Certificate,
                }]),
                2 => Arc::default(),
                _ => continue,
            };
            device.files = files.into();
        }
        person.devices[3].older = { person.devices[4].term.iter().cloned() }
            .map(|term| Term {
                until: "2026-02-03T04:05:06Z".parse().unwrap(),
                ..term
            })
            .collect();
        person.devices[5].term.as_mut().unwrap().until = Validity::NO_END;
        for device in &mut person.devices {
            device.files = device.files.in_short();
        }
        index.people = vec![person];
        index
    }

    #[test]
    fn each_device_of_a_large_home_has_a_line_and_the_commands_are_said_once() {
        let templates = Templates::new(BTreeMap::new()).unwrap();
        let Artifact { bytes, .. } = render(&in_short(300), &templates).unwrap();
        let page = String::from_utf8(bytes).unwrap();
        for number in 0..300 {
            let link = format!("<li><a href=\"people/p0/d{number}/\">d{number}</a> Android");
            // A folder in which nothing is to be handed over is not there.
            let times = usize::from(number != 2);
            assert_eq!(page.matches(&link).count(), times, "{link}");
        }
        let line = |device: &str| {
            let (_, line) = page.split_once(&format!("/{device}/\">")).unwrap();
            line.lines().next().unwrap().split_once("</a> ").unwrap().1
        };
        assert_eq!(line("d0"), "Android, until 2027-01-01");
        let only = "Android, until 2027-01-01 (certificate only, no password)";
        assert_eq!(line("d1"), only);
        let nothing = "\n<li>d2 Android, until 2027-01-01, nothing to hand over\n<li>";
        assert!(page.contains(nothing));
        let renewed =
            "Android, until 2027-01-01; renewed: the older certificate works until 2026-02-03";
        assert_eq!(line("d3"), renewed);
        assert_eq!(line("d5"), "Android, no end");
        for command in ["share", "password"] {
            let said = format!("<code>homelab {command} PERSON/DEVICE</code>");
            assert_eq!(page.matches(&said).count(), 1, "{said}");
            let example = format!("<code class=\"copy\">homelab {command} p0&#x2f;d0</code>");
            let copied = format!("<code class=\"copy\">homelab {command} ");
            assert_eq!(page.matches(&copied).count(), 1, "{copied}");
            assert!(page.contains(&example), "{example}");
        }
        assert!(!page.contains("d.p12"));
    }

    #[test]
    fn the_commands_are_shown_with_a_device_that_has_a_password() {
        let mut index = in_short(300);
        index.people[0].devices.drain(..1);
        assert_eq!(example(&index).unwrap().to_string(), "p0/d3");
        index.people[0].devices.truncate(2);
        assert_eq!(example(&index).unwrap().to_string(), "p0/d1");
    }

    /// Without a clock: a device more is one short line, in few steps.
    #[test]
    fn a_device_more_is_a_short_line_in_a_large_home() {
        let templates = Templates::new(BTreeMap::new()).unwrap();
        let taken = |devices: usize| {
            let index = in_short(devices);
            let Artifact { bytes, .. } = render(&index, &templates).unwrap();
            let steps = templates.steps("index.html.j2", &context(&index));
            (bytes.len(), steps)
        };
        let ((few, few_steps), (more, more_steps)) = (taken(300), taken(400));
        let (bytes, steps) = ((more - few) / 100, (more_steps - few_steps) / 100);
        assert!(bytes < 80, "{bytes} bytes");
        assert!(steps < 40, "{steps} steps");
    }

    #[test]
    fn the_timeline_is_bounded_and_says_how_many_devices_more_there_are() {
        let templates = Templates::new(BTreeMap::new()).unwrap();
        let page = |people: usize| {
            let mut index = index(people, 0);
            let last = index.people.last_mut().unwrap();
            let term = last.devices[0].term.as_mut().unwrap();
            term.until = "2026-06-01T00:00:00Z".parse().unwrap();
            index.authorities = vec![Term {
                name: String::from("the authority"),
                ..term.clone()
            }];
            let Artifact { bytes, .. } = render(&index, &templates).unwrap();
            String::from_utf8(bytes).unwrap()
        };
        let rows = |page: &str| page.matches("<small>until").count();
        let (whole, bounded) = (page(Index::MOST_DEVICES), page(Index::MOST_DEVICES + 300));
        assert_eq!(rows(&whole), Index::MOST_DEVICES + 1);
        assert_eq!(rows(&bounded), Index::MOST_DEVICES + 1);
        for page in [&whole, &bounded] {
            assert!(page.contains("<span class=\"quiet\">authority:</span> the authority"));
        }
        assert!(whole.contains("<summary>181 more, later</summary>"));
        assert!(bounded.contains("<summary>481 more, later</summary>"));
        let rest = "300 more devices are due later: <code>homelab status</code> lists all";
        assert!(bounded.contains(rest) && !whole.contains("<code>homelab status</code> lists"));
        // Who is declared last is due first.
        let first = bounded.find("<small>until").unwrap();
        assert!(bounded[..first].ends_with("p499&#x2f;d</a>"));
    }

    #[test]
    fn a_service_with_open_paths_says_so() {
        let mut index = index(40, 2);
        index.services[0].open_paths = false;
        let templates = Templates::new(BTreeMap::new()).unwrap();
        let Artifact { bytes, .. } = render(&index, &templates).unwrap();
        let page = String::from_utf8(bytes).unwrap();
        let row = |title: &str| {
            let (_, row) = page
                .split_once(&format!("<bdi>{title}</bdi></strong>"))
                .unwrap();
            row.split("</tr>").next().unwrap().contains("some paths")
        };
        assert_eq!((row("S0"), row("S1")), (false, true));
    }
}
