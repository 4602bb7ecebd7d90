//! `homelab rotate`: from one authority, root secret or identity to the next.

use miette::Diagnostic;
use thiserror::Error;

use super::arguments::{Make, Rotate};
use super::build::{Inputs, build_after, issued_lock};
use super::failure::{Exit, Failure};
use super::hold::Held;
use super::issuing::{Order, Rotation};
use super::secret::{self, SealsTo};
use super::{mint, report};
use crate::lock::{AuthorityState, Dependent, Lock};
use crate::plan::shown_moment;

#[derive(Debug, Error, Diagnostic)]
enum RotateError {
    #[error("devices still depend on what would not be trusted any more: {}", devices.join(", "))]
    #[diagnostic(
        code("rotate::depended-on"),
        help(
            "give them new certificates with `homelab renew`, and where those are known to be installed run `homelab renew --finish PERSON/DEVICE`; or lock them out with `--force`"
        )
    )]
    DependedOn { devices: Vec<String> },

    #[error("a rotation of the authority is under way")]
    #[diagnostic(
        code("rotate::under-way"),
        help("finish it first: `homelab rotate --finish`")
    )]
    UnderWay,

    #[error("it is not said whom homelab.age is to be encrypted to")]
    #[diagnostic(
        code("rotate::no-recipient"),
        help(
            "name each with `--recipient age1…`, which `age-keygen -y FILE` prints for an identity; or use `--passphrase`"
        )
    )]
    NoRecipient,
}

/// Begins or finishes a rotation, and builds; or encrypts homelab.age anew.
pub fn rotate(arguments: &Rotate) -> Result<(), Failure> {
    let make = arguments.make();
    if arguments.identity {
        return identity(arguments, &make);
    }
    let inputs = Inputs::held(&make)?;
    let lock = issued_lock(&inputs.workspace)?;
    if arguments.finish {
        return finish(arguments, &make, &inputs, &lock);
    }
    if is_under_way(&lock) {
        if arguments.root && lock.roots().len() == 1 {
            return Err(Failure::new(Exit::Usage, RotateError::UnderWay));
        }
        build_after(&inputs, &make, &Order::Nothing)?;
        report::result("a rotation is under way: `homelab status` says how far it is");
        return Ok(());
    }
    let rotation = match arguments.root {
        true => Rotation::Root(arguments.recipient.clone()),
        false => Rotation::Authority,
    };
    let files = match arguments.root {
        true => "homelab.lock and homelab.age",
        false => "homelab.lock",
    };
    build_after(&inputs, &make, &Order::Rotate(rotation))?;
    report::result(format_args!(
        "\n1. copy out/edge/ to the Caddy host, and `caddy reload` there: it trusts both authorities\n\
         2. commit {files}\n\
         3. move the devices, all or a few at a time: `homelab renew --all`, deploy, hand over the new files\n\
         4. `homelab status` says how far it is; at the end `homelab rotate --finish`, and deploy"
    ));
    Ok(())
}

fn is_under_way(lock: &Lock) -> bool {
    let mut states = lock.authorities.iter().map(|authority| authority.state);
    states.any(|state| state == AuthorityState::Replaced)
}

fn finish(
    arguments: &Rotate,
    make: &Make,
    inputs: &Inputs<Held>,
    lock: &Lock,
) -> Result<(), Failure> {
    let dependents = lock.dependents(&inputs.homelab);
    if !dependents.is_empty() && !arguments.force {
        let devices = dependents.iter().map(depends).collect();
        let error = RotateError::DependedOn { devices };
        return Err(Failure::new(Exit::Difference, error));
    }
    let outgoing: Vec<String> = lock
        .outgoing(&inputs.homelab)
        .map(|a| a.common_name())
        .collect();
    let order = Order::FinishRotation(arguments.recipient.clone());
    build_after(inputs, make, &order)?;
    match outgoing.as_slice() {
        [] => report::result("no rotation is under way"),
        outgoing => report::result(format_args!(
            "\nNo longer trusted: {}. Copy out/edge/ to the Caddy host, `caddy reload` there, and commit homelab.lock and homelab.age.",
            outgoing.join(", ")
        )),
    }
    Ok(())
}

fn depends(dependent: &Dependent) -> String {
    if dependent.is_installed {
        return format!(
            "{} (declared by fingerprint: delete it, or declare a device that is issued one in its place)",
            dependent.device
        );
    }
    match dependent.moving_until {
        Some(until) => format!(
            "{} (its older certificate works until {})",
            dependent.device,
            shown_moment(until)
        ),
        None => format!("{} (not renewed yet)", dependent.device),
    }
}

/// Encrypts homelab.age anew, and touches nothing else.
fn identity(arguments: &Rotate, make: &Make) -> Result<(), Failure> {
    let workspace = Held::of(&make.declaration)?;
    let lock = issued_lock(&workspace)?;
    mint::complete_pending(&workspace)?;
    if !arguments.passphrase && arguments.recipient.is_empty() {
        return Err(Failure::new(Exit::Usage, RotateError::NoRecipient));
    }
    let opened = secret::unlock(&workspace, &make.secret, &lock, &lock.roots())?;
    let to = match arguments.passphrase {
        true => SealsTo::Passphrase(secret::ask_new()?),
        false => opened.seals_to(&arguments.recipient)?,
    };
    to.replace(&workspace, &opened.keyring)?;
    if !opened.can_open(&to) {
        report::note(
            "The identity that opened homelab.age does not open it any more; commits of the past it does.",
        );
    }
    report::result(match arguments.recipient.len() {
        0 => String::from("homelab.age is encrypted with the new passphrase: commit it"),
        1 => String::from("homelab.age is encrypted to 1 recipient: commit it"),
        count => format!("homelab.age is encrypted to {count} recipients: commit it"),
    });
    Ok(())
}
