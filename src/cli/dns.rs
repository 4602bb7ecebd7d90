//! `homelab dns`.

use super::arguments::Dns as Arguments;
use super::report;
use crate::derive::DnsRecords;
use crate::diagnostic::{Failure, Fault};
use crate::render;

/// Says what a server of names is to be told of the declared hosts.
pub(super) fn dns(arguments: &Arguments) -> Result<(), Failure> {
    let homelab = arguments.declaration.workspace().homelab()?;
    let records = DnsRecords::of(&homelab, arguments.format, arguments.from);
    let records = records.map_err(|error| Failure::new(Fault::Declaration, error))?;
    report::only_text(&render::dns(&records, arguments.format))
}
