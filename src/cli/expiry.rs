//! What has ended: told where a command would otherwise say that all is well.

use std::fmt::Write;

use super::failure::Failure;
use super::{clock, report};
use crate::dates;
use crate::lock::Lock;
use crate::model::Homelab;
use crate::status::{State, Status};

/// How many devices are named; of more only the number is told.
const NAMED: usize = 6;

/// Says what has ended, and what the lock has of the future, on stderr.
pub fn tell(homelab: &Homelab, lock: &Lock) -> Result<(), Failure> {
    let now = clock::now()?;
    clock::warn(now, lock);
    let status = Status::at(now, homelab, Some(lock));
    let has_ended = |state| state == State::Expired;
    let authority = status.authority.iter().find(|a| has_ended(a.state));
    if let Some(end) = authority.and_then(|authority| authority.not_after) {
        report::note(format_args!(
            "The authority ended on {}, and every certificate of it with it: nobody is let in. `homelab rotate --authority` makes another, then `homelab renew --all`.",
            dates::day(end)
        ));
        return Ok(());
    }
    let ended = status
        .devices
        .iter()
        .filter(|device| has_ended(device.state));
    let ended: Vec<&str> = ended.map(|device| device.device.as_str()).collect();
    if !ended.is_empty() {
        report::note(format_args!(
            "Ended, and let in no more: {}. `homelab renew --due` issues new ones.",
            named(&ended)
        ));
    }
    Ok(())
}

fn named(devices: &[&str]) -> String {
    let mut text = devices[..devices.len().min(NAMED)].join(", ");
    if let Some(more) = devices.len().checked_sub(NAMED).filter(|more| *more > 0) {
        write!(text, " and {more} more").expect("a String takes all");
    }
    text
}
