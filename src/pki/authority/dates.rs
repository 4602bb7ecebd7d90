//! Which dates Go and `der` both read.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::NotAnAuthority;
use super::reading::{Element, Reader};
use crate::pki::Validity;

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The first and the last second of a certificate.
///
/// # Errors
/// A [`NotAnAuthority`] if its dates are not written as RFC 5280 §4.1.2.5 has them, though Go reads some others, with
/// offsets or without seconds, or if they are from before 1970.
pub(super) fn validity(mut validity: Reader) -> Result<(Timestamp, Timestamp), NotAnAuthority> {
    let malformed = || NotAnAuthority::Encoding("validity");
    let (from, until) = (validity.next(), validity.next());
    let (Some(from), Some(until)) = (from, until) else {
        return Err(malformed());
    };
    if !validity.is_empty() {
        return Err(malformed());
    }
    let refused = |field| NotAnAuthority::Date { field };
    let from = moment(from).ok_or_else(|| refused("notBefore"))?;
    let until = moment(until).ok_or_else(|| refused("notAfter"))?;
    Ok((from, until))
}

fn moment(element: Element) -> Option<Timestamp> {
    let digits = element.content.strip_suffix(b"Z")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |digits: &[u8]| {
        let digits = digits.iter();
        digits.fold(0_i16, |number, digit| number * 10 + i16::from(digit - b'0'))
    };
    let (year, rest) = match (element.tag, digits.len()) {
        (UTC_TIME, 12) => {
            let (year, rest) = digits.split_at(2);
            let year = number(year);
            // RFC 5280 §4.1.2.5.1.
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        (GENERALIZED_TIME, 14) => {
            let (year, rest) = digits.split_at(4);
            (number(year), rest)
        }
        _ => return None,
    };
    let part = |at: usize| i8::try_from(number(&rest[at..at + 2])).expect("two digits fit");
    let civil = DateTime::new(year, part(0), part(2), part(4), part(6), part(8), 0).ok()?;
    // The last hours of the year 9999 are past the last moment that is told here.
    let moment = match TimeZone::UTC.to_timestamp(civil) {
        Ok(moment) => moment,
        Err(_) if year == 9999 => Validity::NO_END,
        Err(_) => return None,
    };
    (moment >= Timestamp::UNIX_EPOCH).then_some(moment)
}
