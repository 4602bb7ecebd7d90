//! Reminders of what is to be renewed, as data: an event when a device's renewal is due, one when its
//! certificate ends, and one when the authority does.

use std::fmt::{self, Display, Formatter};

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};

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
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event<'c> {
    /// What the certificate, or the authority, is derived under: the same in every calendar that tells of it.
    pub id: IssuanceId,
    /// When it came to be known.
    pub stamp: Timestamp,
    pub start: Timestamp,
    pub what: What<'c>,
}

/// What happens.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What<'c> {
    /// The renewal of a device's certificate is due.
    Due(&'c DeviceId),
    /// A device's certificate ends.
    End(&'c DeviceId),
    /// That of a device that gets no other.
    LastDay(&'c DeviceId, LastDay),
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
        }
    }

    /// The events, sorted by their beginning.
    pub(crate) fn events(&self) -> Vec<Event<'_>> {
        let mut events = Vec::with_capacity(2 * self.certificates.len() + self.authorities.len());
        for certificate in &self.certificates {
            events.extend(certificate.events());
        }
        events.extend(self.authorities.iter().map(AuthorityTerm::end));
        events.sort_by_key(|event| (event.start, event.id, event.what.word()));
        events
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

    fn events(&self) -> impl Iterator<Item = Event<'_>> {
        let event = |start, what| Event {
            id: self.id,
            stamp: self.from,
            start,
            what,
        };
        let (due, end) = match self.then {
            Then::LastDay(day) => (None, event(day.end(), What::LastDay(&self.device, day))),
            Then::Renewal { due, until } => (
                Some(event(due, What::Due(&self.device))),
                event(until, What::End(&self.device)),
            ),
        };
        due.into_iter().chain([end])
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
            id: self.id,
            stamp: self.from,
            start: self.until,
            what: What::AuthorityEnd(&self.name),
        }
    }
}

impl Event<'_> {
    /// How many days before it somebody is to be told: before an end, on those that are not over when it comes to be known.
    pub(crate) fn alarms(&self) -> impl Iterator<Item = i64> {
        let ahead = self.start.duration_since(self.stamp);
        let days = BEFORE_AN_END.into_iter();
        let is_an_end = !matches!(self.what, What::Due(_));
        days.filter(move |days| is_an_end && ahead > SignedDuration::from_hours(24 * days))
    }
}

impl What<'_> {
    /// What tells the events of one certificate apart.
    pub(crate) fn word(self) -> &'static str {
        match self {
            What::Due(_) => "due",
            What::End(_) | What::LastDay(..) | What::AuthorityEnd(_) => "end",
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
#[derive(Debug, Clone, Copy)]
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
