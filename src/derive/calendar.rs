//! Reminders of what is to be renewed, as data: an event when a device's renewal is due, one when its
//! certificate ends, and one when the authority does.

use std::fmt::{self, Display, Formatter};

use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};

use super::pick_up::renewed_at;
use crate::dates::{self, Shown};
use crate::lock::{Authority, Issued, Lock};
use crate::model::{Device, Domain, Email, Homelab, Language, Name, Person};
use crate::status::due_from;

#[derive(Debug, Serialize)]
pub(crate) struct Calendar {
    pub domain: Domain,
    /// The events, sorted by their beginning.
    pub events: Vec<Event>,
}

/// An event; it takes no time.
#[derive(Debug, Serialize)]
pub(crate) struct Event {
    /// Its identifier, the same in every calendar that tells of it.
    pub uid: String,
    /// When it came to be known.
    pub stamp: Timestamp,
    pub start: Timestamp,
    pub summary: String,
    /// What to do.
    pub description: String,
    /// How many days before it somebody is to be told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<i64>,
}

/// Days before an end on which a calendar tells of it.
const BEFORE_AN_END: [i64; 2] = [14, 1];

/// Those of them that are not over when the event comes to be known.
fn alarms(stamp: Timestamp, end: Timestamp) -> Vec<i64> {
    let days = BEFORE_AN_END.into_iter();
    let is_ahead = |days: &i64| end.duration_since(stamp) > SignedDuration::from_hours(24 * days);
    days.filter(is_ahead).collect()
}

impl Calendar {
    /// The reminders of a homelab's certificates.
    pub(crate) fn new(homelab: &Homelab, lock: &Lock) -> Calendar {
        let active = lock.active();
        let devices = homelab
            .devices()
            .filter_map(|(_, d)| Some((d, active.get(&d.id)?)));
        let of_device = |(known, issued): (&Device, &&Issued)| device(known, issued, homelab);
        let mut events: Vec<Event> = devices.flat_map(of_device).collect();
        events.extend(lock.trusted().filter_map(|found| authority(found, homelab)));
        events.sort_by(|a, b| (a.start, &a.uid).cmp(&(b.start, &b.uid)));
        Calendar {
            domain: homelab.domain.clone(),
            events,
        }
    }
}

fn device(device: &Device, issued: &Issued, homelab: &Homelab) -> Vec<Event> {
    let (domain, renew) = (&homelab.domain, &homelab.validity.renew);
    let (name, validity, id) = (&issued.device, issued.validity, issued.id);
    let event = |what: &str, start, summary, description| Event {
        uid: format!("{id}-{what}@{domain}"),
        stamp: validity.not_before(),
        start,
        summary,
        description,
        alarms: match what {
            "end" => alarms(validity.not_before(), start),
            _ => Vec::new(),
        },
    };
    if let Some(last_day) = device.last_day_of(validity.not_after()) {
        let description = format!(
            "Its last day, {last_day}, is over. Delete its line in homelab.kdl, build, and deploy the edge."
        );
        let summary = format!("{name}: its certificate ends");
        return vec![event("end", last_day.end(), summary, description)];
    }
    vec![
        event(
            "due",
            due_from(&validity, renew),
            format!("{name}: renew its certificate"),
            format!("Run `homelab renew {name}`, deploy the edge, and hand over the new file."),
        ),
        event(
            "end",
            validity.not_after(),
            format!("{name}: its certificate ends"),
            format!(
                "From now on it is refused. Run `homelab renew {name}`, if it is still in use."
            ),
        ),
    ]
}

/// The end of an authority, if it has one.
fn authority(authority: &Authority, homelab: &Homelab) -> Option<Event> {
    let (end, domain) = (authority.validity.end()?, &homelab.domain);
    let name = authority.common_name();
    Some(Event {
        uid: format!("{}-end@{domain}", authority.id),
        stamp: authority.validity.not_before(),
        start: end,
        summary: format!("{domain}: the authority of all devices ends"),
        description: format!("From now on every certificate of `{name}` is refused."),
        alarms: alarms(authority.validity.not_before(), end),
    })
}

/// A person's own reminders, which are told in the person's language.
#[derive(Debug, Serialize)]
pub(crate) struct PersonCalendar {
    pub language: Language,
    pub domain: Domain,
    /// Whom to ask: the edge's address, where one is declared.
    pub admin: Option<Email>,
    /// Where newer certificates are fetched, without the scheme; none where they are not.
    pub renewed_at: Option<String>,
    /// The events, sorted by device and then by their beginning.
    pub events: Vec<PersonEvent>,
}

/// Something that a person is told of a device.
#[derive(Debug, Serialize)]
pub(crate) struct PersonEvent {
    /// The same for all certificates of the device: who imports the calendar again has the event moved. It is another than the admin's, who may have
    /// both calendars.
    pub uid: String,
    pub stamp: Moment,
    pub device: Name,
    pub tells: Tells,
    /// The day; none for what has its minute.
    pub day: Option<Day>,
    pub moment: Option<Moment>,
    /// How long before it somebody is to be told, as durations (RFC 5545 §3.3.6).
    pub alarms: Vec<&'static str>,
}

/// What it is that a person is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Tells {
    /// A renewal.
    Due,
    /// The end of a certificate.
    End,
    /// That of a device that gets no other.
    LastDay,
}

#[cfg(test)]
impl Tells {
    pub(crate) const ALL: [Tells; 3] = [Tells::Due, Tells::End, Tells::LastDay];
}

/// RFC 5545 §3.3.4.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Day(Timestamp);

/// RFC 5545 §3.3.5, form 2: in UTC.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(pub Timestamp);

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.strftime("%Y%m%d"))
    }
}

impl Display for Moment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.strftime("%Y%m%dT%H%M%SZ").fmt(f)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Two weeks and one day before a day, at nine in the morning there: a day begins at midnight, when nobody is to be woken.
const IN_THE_MORNING: [(i64, &str); 2] = [(14, "-P13DT15H"), (1, "-PT15H")];

impl PersonCalendar {
    /// That of somebody whose devices have these certificates.
    pub(crate) fn new(
        homelab: &Homelab,
        person: &Person,
        devices: &[(&Device, &Issued)],
    ) -> PersonCalendar {
        let events = devices.iter();
        PersonCalendar {
            language: person.language(),
            domain: homelab.domain.clone(),
            admin: homelab.email().cloned(),
            renewed_at: renewed_at(homelab),
            events: events
                .flat_map(|(device, issued)| told_of(device, issued, homelab))
                .collect(),
        }
    }
}

fn told_of(device: &Device, issued: &Issued, homelab: &Homelab) -> Vec<PersonEvent> {
    let (begins, ends) = (issued.validity.not_before(), issued.validity.not_after());
    let event = |tells, at: Shown| {
        let day = at.is_day().then(|| Day(at.at()));
        let ahead = |(days, _): &(i64, _)| {
            tells != Tells::Due
                && at.at().duration_since(begins) > SignedDuration::from_hours(24 * days)
        };
        let alarms = IN_THE_MORNING.into_iter().filter(ahead);
        let word = match tells {
            Tells::Due => "due",
            Tells::End | Tells::LastDay => "end",
        };
        PersonEvent {
            uid: format!("{}-{word}@{}", device.id.common_name(), homelab.domain),
            stamp: Moment(begins),
            device: device.id.device.clone(),
            tells,
            day,
            moment: day.is_none().then(|| Moment(at.at())),
            alarms: alarms
                .filter(|_| day.is_some())
                .map(|(_, before)| before)
                .collect(),
        }
    };
    let ends_at = dates::through(begins, ends);
    if let Some(last_day) = device.last_day_of(ends) {
        return vec![event(Tells::LastDay, dates::day(last_day.end()))];
    }
    let due = due_from(&issued.validity, &homelab.validity.renew);
    let due = if ends_at.is_day() {
        dates::day(due)
    } else {
        dates::moment(due)
    };
    vec![event(Tells::Due, due), event(Tells::End, ends_at)]
}
