//! Reminders of what is to be renewed, as data: an event when a device's renewal is due, one when its
//! certificate ends, and one when the authority does.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::lock::{Authority, Issued, Lock};
use crate::model::{Device, Domain, Homelab};
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
