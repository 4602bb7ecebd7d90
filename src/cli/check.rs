//! `homelab check`.

use super::arguments::Check;
use super::build::{refuse_issued_here, warn_of_unvouched};
use super::create_root;
use super::failure::Failure;
use super::requests::{Requested, refuse_reused_keys};
use super::workspace::Workspace;
use super::{believed, caddy, clock, expiry, plan, report, went_back};
use crate::lock::{Lock, reconcile};
use crate::status::{State, Status};

/// Says everything that is wrong with the declaration, the templates and the lock.
pub fn check(arguments: &Check) -> Result<(), Failure> {
    let workspace = Workspace::of(&arguments.declaration);
    let homelab = workspace.homelab()?;
    let requested = Requested::read(&workspace, &homelab)?;
    workspace.templates()?;
    let mut lock = create_root::begun(&workspace, &workspace.path("out"))?;
    if let Some(lock) = &mut lock {
        believed::hold_against_tree(&workspace, &workspace.path("out"), lock)?;
        believed::warn_of_unsigned(lock);
        let published = went_back::Published::read(&workspace, &workspace.path("out"), lock)?;
        published.refuse_return(&homelab, lock, &arguments.accept_return_of)?;
        lock.forget_overtaken(&published.handed_out);
    }
    let devices = homelab.devices().count();
    report::result(format_args!(
        "{} is right: {}, {}, {}",
        workspace.declaration().display(),
        counted(homelab.people.len(), "person", "people"),
        counted(devices, "device", "devices"),
        counted(homelab.services.len(), "service", "services"),
    ));
    caddy::warn(&homelab);
    let changes = lock.as_ref();
    let changes = changes.map(|lock| reconcile(&homelab, lock, requested.keys()));
    let (new, recorded, gone) = match &changes {
        Some(changes) => (
            changes.issue.len(),
            changes.record.len(),
            changes.revoke.len() + changes.remove.len(),
        ),
        None => (homelab.enrolled().count(), 0, 0),
    };
    if let (Some(lock), Some(changes)) = (&lock, &changes) {
        refuse_issued_here(&homelab, lock)?;
        refuse_reused_keys(changes)?;
        requested.warn(&homelab, lock);
        warn_of_unvouched(&homelab, lock);
    }
    if new > 0 {
        let devices = counted(new, "device", "devices");
        report::result(format_args!(
            "the next build issues certificates to {devices}"
        ));
    }
    if recorded > 0 {
        let devices = counted(recorded, "device", "devices");
        report::result(format_args!("the next build records {devices}"));
    }
    if gone > 0 {
        let devices = counted(gone, "device", "devices");
        report::result(format_args!("the next build retires {devices}"));
    }
    if let Some(lock) = &lock {
        expiry::tell(&homelab, lock)?;
    }
    let authority = Status::at(clock::now()?, &homelab, lock.as_ref()).authority;
    let due = authority.filter(|authority| authority.state == State::Due);
    if let Some(end) = due.and_then(|authority| authority.not_after) {
        report::note(format_args!(
            "The authority ends on {}: certificates that would be valid for longer end with it.",
            end.strftime("%Y-%m-%d")
        ));
    }
    if let Some(lock) = &lock {
        plan::tell_of_authority(&homelab, lock);
    }
    let retires = changes.is_some_and(|changes| !changes.revoke.is_empty());
    if !retires && lock.as_ref().is_some_and(Lock::has_stale_crl) {
        report::result("the next build signs ca.crl anew");
    }
    Ok(())
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
