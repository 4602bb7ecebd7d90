//! Reminders of what is to be renewed, as data: an event when a device's renewal is due, one when its
//! certificate ends, and one when the authority does. Of many devices, those of a day are one event.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::ops::Not;

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp, civil};
use serde::{Serialize, Serializer};

use super::Index;
use super::pick_up::renewed_at;
use crate::dates::{self, Shown};
use crate::lock::{Authority, Issued, Lock};
use crate::model::{Device, DeviceId, Domain, Email, Homelab, Language, LastDay, Name, Person};
use crate::root::IssuanceId;
use crate::status::due_from;

/// The reminders of a homelab's certificates: what they are reminders of. The events follow from it, and are made only where the
/// calendar is written.
#[derive(Debug, Serialize)]
pub(crate) struct Calendar {
    pub domain: Domain,
    /// The certificates of devices, sorted by device.
    certificates: Vec<Certificate>,
    /// The authorities that end, the one that signs first.
    authorities: Vec<AuthorityTerm>,
    /// Whether what happens to several devices on a day is one event: in a home of more than [`Index::MOST_DEVICES`], where one for
    /// each would be as many alarms.
    #[serde(skip_serializing_if = "Not::not")]
    by_day: bool,
}

/// The certificate that a device has.
#[derive(Debug, Serialize)]
struct Certificate {
    device: DeviceId,
    id: IssuanceId,
    #[serde(serialize_with = "dates::serialize")]
    from: Timestamp,
    then: Then,
}

/// What becomes of a certificate.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Then {
    Renewal {
        #[serde(serialize_with = "dates::serialize")]
        due: Timestamp,
        #[serde(serialize_with = "dates::serialize")]
        until: Timestamp,
    },
    /// Its device gets no other.
    LastDay(LastDay),
}

/// An authority that ends.
#[derive(Debug, Serialize)]
struct AuthorityTerm {
    name: String,
    id: IssuanceId,
    #[serde(serialize_with = "dates::serialize")]
    from: Timestamp,
    #[serde(serialize_with = "dates::serialize")]
    until: Timestamp,
}

/// An event; it takes no time.
#[derive(Debug)]
pub(crate) struct Event<'c> {
    pub identifier: Identifier,
    /// When it came to be known, the last of it where it is of several devices.
    pub stamp: Timestamp,
    /// Where it is of several devices, the first of that day.
    pub start: Timestamp,
    pub what: What<'c>,
    /// The devices, sorted; none for an authority.
    pub devices: Vec<&'c DeviceId>,
}

/// What tells events of one kind apart: the same in every calendar that tells of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Identifier {
    /// What the certificate, or the authority, is derived under.
    Issuance(IssuanceId),
    /// The day on which it happens to whatever devices.
    Day(Day),
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What<'c> {
    /// The renewal of a device's certificate is due.
    Due,
    /// A device's certificate ends.
    End,
    /// That of a device that gets no other.
    LastDay(LastDay),
    /// An authority ends, by its name.
    AuthorityEnd(&'c str),
}

/// Days before an end on which a calendar tells of it.
const BEFORE_AN_END: [i64; 2] = [14, 1];

impl Calendar {
    /// The reminders of a homelab's certificates.
    pub(crate) fn new(homelab: &Homelab, lock: &Lock) -> Calendar {
        let active = lock.active();
        let certificates = homelab.devices().filter_map(|(_, device)| {
            let issued: &Issued = active.get(&device.id)?;
            Some(Certificate::new(device, issued, homelab))
        });
        Calendar {
            domain: homelab.domain.clone(),
            certificates: certificates.collect(),
            authorities: lock.trusted().filter_map(AuthorityTerm::new).collect(),
            by_day: Index::would_be_long(homelab),
        }
    }

    /// The events, sorted by their beginning.
    pub(crate) fn events(&self) -> Vec<Event<'_>> {
        let mut events = if self.by_day {
            self.days()
        } else {
            let certificates = self.certificates.iter();
            certificates.flat_map(Certificate::events).collect()
        };
        events.extend(self.authorities.iter().map(AuthorityTerm::end));
        events.sort_by_key(|event| (event.start, event.identifier, event.word()));
        events
    }

    /// One event for all devices to which the same happens on a day.
    fn days(&self) -> Vec<Event<'_>> {
        let mut events: BTreeMap<(civil::Date, What), Event> = BTreeMap::new();
        for certificate in &self.certificates {
            for (start, what) in certificate.happenings() {
                let day = Offset::UTC.to_datetime(start).date();
                let event = { events.entry((day, what)) }.or_insert_with(|| Event {
                    identifier: Identifier::Day(Day(start)),
                    stamp: certificate.from,
                    start,
                    what,
                    devices: Vec::new(),
                });
                event.stamp = event.stamp.max(certificate.from);
                event.start = event.start.min(start);
                event.devices.push(&certificate.device);
            }
        }
        events.into_values().collect()
    }
}

impl Certificate {
    fn new(device: &Device, issued: &Issued, homelab: &Homelab) -> Certificate {
        let until = issued.validity.not_after();
        let then = match device.last_day_of(until) {
            Some(last_day) => Then::LastDay(last_day),
            None => Then::Renewal {
                due: due_from(&issued.validity, &homelab.validity.renew),
                until,
            },
        };
        Certificate {
            device: device.id.clone(),
            id: issued.id,
            from: issued.validity.not_before(),
            then,
        }
    }

    /// What happens to it, and when.
    fn happenings(&self) -> impl Iterator<Item = (Timestamp, What<'static>)> {
        let (due, end) = match self.then {
            Then::LastDay(day) => (None, (day.end(), What::LastDay(day))),
            Then::Renewal { due, until } => (Some((due, What::Due)), (until, What::End)),
        };
        due.into_iter().chain([end])
    }

    fn events(&self) -> impl Iterator<Item = Event<'_>> {
        self.happenings().map(|(start, what)| Event {
            identifier: Identifier::Issuance(self.id),
            stamp: self.from,
            start,
            what,
            devices: vec![&self.device],
        })
    }
}

impl AuthorityTerm {
    /// That of an authority, if it has an end.
    fn new(authority: &Authority) -> Option<AuthorityTerm> {
        Some(AuthorityTerm {
            until: authority.validity.end()?,
            name: authority.common_name(),
            id: authority.id,
            from: authority.validity.not_before(),
        })
    }

    fn end(&self) -> Event<'_> {
        Event {
            identifier: Identifier::Issuance(self.id),
            stamp: self.from,
            start: self.until,
            what: What::AuthorityEnd(&self.name),
            devices: Vec::new(),
        }
    }
}

impl Event<'_> {
    /// How many days before it somebody is to be told: before an end, on those that are not over when it comes to be known.
    pub(crate) fn alarms(&self) -> impl Iterator<Item = i64> {
        let ahead = self.start.duration_since(self.stamp);
        let days = BEFORE_AN_END.into_iter();
        let is_an_end = self.what != What::Due;
        days.filter(move |days| is_an_end && ahead > SignedDuration::from_hours(24 * days))
    }

    /// What tells the events of one identifier apart.
    pub(crate) fn word(&self) -> &'static str {
        match (self.what, self.identifier) {
            (What::Due, _) => "due",
            (What::LastDay(_), Identifier::Day(_)) => "last-day",
            (What::End | What::LastDay(_) | What::AuthorityEnd(_), _) => "end",
        }
    }
}

impl Display for Identifier {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Identifier::Issuance(id) => id.fmt(f),
            Identifier::Day(day) => day.fmt(f),
        }
    }
}

/// A person's own reminders, which are told in the person's language: what they are reminders of.
#[derive(Debug, Serialize)]
pub(crate) struct PersonCalendar {
    pub language: Language,
    pub domain: Domain,
    /// Whom to ask: the edge's address, where one is declared.
    pub admin: Option<Email>,
    /// Where newer certificates are fetched, without the scheme; none where they are not.
    pub renewed_at: Option<String>,
    /// The certificates of the person's devices, sorted by device.
    certificates: Vec<Certificate>,
}

/// Something that a person is told of a device.
#[derive(Debug, Serialize)]
pub(crate) struct PersonEvent<'c> {
    /// The same for all certificates of the device: who imports the calendar again has the event moved. It is another than the admin's, who may have
    /// both calendars.
    pub uid: String,
    pub stamp: Moment,
    pub device: &'c Name,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(Timestamp);

/// RFC 5545 §3.3.5, form 2: in UTC.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(pub Timestamp);

// `strftime`, which reads its format anew each time, takes several times as long as the digits themselves.

/// Three numbers as one, the last two of two digits each.
fn digits(first: i16, second: i8, third: i8) -> i32 {
    (i32::from(first) * 100 + i32::from(second)) * 100 + i32::from(third)
}

impl Display for Day {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let day = Offset::UTC.to_datetime(self.0);
        write!(f, "{:08}", digits(day.year(), day.month(), day.day()))
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Display for Moment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let at = Offset::UTC.to_datetime(self.0);
        let day = digits(at.year(), at.month(), at.day());
        let time = digits(at.hour().into(), at.minute(), at.second());
        write!(f, "{day:08}T{time:06}Z")
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
        let certificates = devices.iter();
        let certificates =
            certificates.map(|(device, issued)| Certificate::new(device, issued, homelab));
        PersonCalendar {
            language: person.language(),
            domain: homelab.domain.clone(),
            admin: homelab.email().cloned(),
            renewed_at: renewed_at(homelab),
            certificates: certificates.collect(),
        }
    }

    /// The events, sorted by device and then by their beginning.
    pub(crate) fn events(&self) -> impl Iterator<Item = PersonEvent<'_>> {
        let certificates = self.certificates.iter();
        certificates.flat_map(|certificate| certificate.told_of(&self.domain))
    }
}

impl Certificate {
    /// What its person is told of it.
    fn told_of(&self, domain: &Domain) -> Vec<PersonEvent<'_>> {
        let event = |tells, at: Shown| {
            let day = at.is_day().then(|| Day(at.at()));
            let ahead = |(days, _): &(i64, _)| {
                tells != Tells::Due
                    && at.at().duration_since(self.from) > SignedDuration::from_hours(24 * days)
            };
            let alarms = IN_THE_MORNING.into_iter().filter(ahead);
            let word = match tells {
                Tells::Due => "due",
                Tells::End | Tells::LastDay => "end",
            };
            PersonEvent {
                uid: format!("{}-{word}@{domain}", self.device.common_name()),
                stamp: Moment(self.from),
                device: &self.device.device,
                tells,
                day,
                moment: day.is_none().then(|| Moment(at.at())),
                alarms: alarms
                    .filter(|_| day.is_some())
                    .map(|(_, before)| before)
                    .collect(),
            }
        };
        let (due, until) = match self.then {
            Then::LastDay(day) => return vec![event(Tells::LastDay, dates::day(day.end()))],
            Then::Renewal { due, until } => (due, dates::through(self.from, until)),
        };
        let due = if until.is_day() {
            dates::day(due)
        } else {
            dates::moment(due)
        };
        vec![event(Tells::Due, due), event(Tells::End, until)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_moments_are_written_as_the_standard_has_them() {
        for second in [
            0,
            951_782_399,
            1_709_164_800,
            1_830_297_599,
            253_402_207_200,
        ] {
            let at = Timestamp::from_second(second).unwrap();
            let (day, moment) = (Day(at).to_string(), Moment(at).to_string());
            assert_eq!(day, at.strftime("%Y%m%d").to_string());
            assert_eq!(moment, at.strftime("%Y%m%dT%H%M%SZ").to_string());
        }
    }
}
