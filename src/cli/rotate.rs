//! `homelab rotate`: from one authority, root secret or identity to the next.

use miette::Diagnostic;
use thiserror::Error;

use super::arguments::{Make, Rotate, Rotates};
use super::build::build_after;
use super::surroundings::identity_place;
use super::{passphrase, report};
use crate::build::{self, LockOperation, Rotation};
use crate::diagnostic::{Failure, Fault, counted};
use crate::keyring::{self, SealsTo, Wanted};
use crate::lock::Lock;
use crate::root::Recipient;
use crate::workspace::{Held, Inputs};

#[derive(Debug, Error, Diagnostic)]
enum RotateError {
    #[error("it is not said whom homelab.age is to be encrypted to")]
    #[diagnostic(
        code("rotate::no-recipient"),
        help(
            "name each with `--recipient age1…`, which `age-keygen -y FILE` prints for an identity; or say who is to be able besides, `--add age1…`, or no more, `--remove age1…`; or use `--passphrase`, or a `--seal-command`"
        )
    )]
    NoRecipient,

    #[error("it is not said what to rotate")]
    #[diagnostic(
        code("rotate::nothing"),
        help(
            "say `--authority` or `--root` to begin, `--finish` to end; or `--reseal`, which encrypts homelab.age anew"
        )
    )]
    Nothing,
}

/// Begins or finishes a rotation, and builds; or encrypts homelab.age anew.
pub(super) fn rotate(arguments: &Rotate) -> Result<(), Failure> {
    let make = arguments.make();
    let what = arguments.what();
    let what = what.ok_or_else(|| Failure::new(Fault::Usage, RotateError::Nothing))?;
    if what == Rotates::SealByOldName {
        report::note("`rotate --identity` is called `rotate --reseal` now.");
    }
    if matches!(what, Rotates::Seal | Rotates::SealByOldName) {
        return reseal(arguments, &make);
    }
    let wanted = Wanted::of(
        &arguments.recipient,
        arguments.seal_command.as_deref(),
        arguments.root_command.as_deref(),
    );
    let inputs = make.held()?;
    let lock = inputs.workspace.issued_lock()?;
    if what == Rotates::Finish {
        return finish(arguments, &make, &inputs, &lock, wanted);
    }
    let rotation = if arguments.root {
        Rotation::Root(wanted)
    } else {
        Rotation::Authority
    };
    if rotation.is_under_way(&lock)? {
        build_after(&inputs, &make, &LockOperation::Nothing)?;
        report::result("a rotation is under way: `homelab status` says how far it is");
        return Ok(());
    }
    let files = if arguments.root {
        "homelab.lock and homelab.age"
    } else {
        "homelab.lock"
    };
    build_after(&inputs, &make, &LockOperation::Rotate(rotation))?;
    report::result(format_args!(
        "\n1. {}: it trusts both authorities\n\
         2. commit {files}\n\
         3. move the devices, all or a few at a time: `homelab renew --all`, deploy, hand over the new files\n\
         4. `homelab status` says how far it is; at the end `homelab rotate --finish`, and deploy",
        build::how_to_deploy(&inputs.homelab)
    ));
    Ok(())
}

fn finish(
    arguments: &Rotate,
    make: &Make,
    inputs: &Inputs<Held>,
    lock: &Lock,
    wanted: Wanted,
) -> Result<(), Failure> {
    if !arguments.force {
        build::refuse_depended_on(lock, &inputs.homelab)?;
    }
    let outgoing: Vec<String> = lock
        .outgoing(&inputs.homelab)
        .map(|a| a.common_name())
        .collect();
    let order = LockOperation::FinishRotation(wanted);
    build_after(inputs, make, &order)?;
    match outgoing.as_slice() {
        [] => report::result(build::nothing_to_finish(lock, &inputs.homelab)),
        outgoing => report::result(format_args!(
            "\nNo longer trusted: {}. Next: {}; commit homelab.lock and homelab.age.",
            outgoing.join(", "),
            build::how_to_deploy(&inputs.homelab)
        )),
    }
    Ok(())
}

/// Encrypts homelab.age anew, and touches nothing else.
fn reseal(arguments: &Rotate, make: &Make) -> Result<(), Failure> {
    let workspace = make.declaration.held()?;
    let lock = workspace.issued_lock()?;
    let means = make.secret.means();
    keyring::complete_pending(&workspace, &lock, &means.usual)?;
    if !says_to_whom(arguments) {
        return Err(Failure::new(Fault::Usage, RotateError::NoRecipient));
    }
    let by_identity = match (&make.secret.root_command, &arguments.seal_command) {
        // The root command is to open what the seal command is yet to encrypt.
        (Some(_), Some(_)) => means.open_by_usual_identity(&workspace, &lock),
        _ => None,
    };
    let opened = match by_identity {
        Some(opened) => opened,
        None => means.open(&workspace, &lock, &lock.roots())?,
    };
    let wanted = wanted(arguments)?;
    let to = if arguments.force {
        opened.asked(&wanted)?
    } else {
        let named = arguments.identity();
        let at_hand = identity_place(named.as_deref()).at_hand(&workspace);
        opened.seals_to(&wanted, &at_hand)?
    };
    opened.replace(&workspace, &to)?;
    if let Some(gone) = opened.shut_out_by(&to) {
        report::note(format_args!(
            "{gone} cannot open homelab.age any more. What cannot be undone: every commit of the past opens as before, and holds the same root secret. \
             Whoever is no longer to have that either: `homelab rotate --root` goes over to another."
        ));
    }
    report::result(match &to {
        SealsTo::Passphrase(_) => {
            String::from("homelab.age is encrypted with the new passphrase: commit it")
        }
        SealsTo::Command { .. } => String::from(
            "homelab.age is encrypted by the command, and the other opens it: commit it",
        ),
        SealsTo::Recipients(recipients) => encrypted_to(recipients),
    });
    Ok(())
}

fn says_to_whom(arguments: &Rotate) -> bool {
    let recipients = [&arguments.recipient, &arguments.add, &arguments.remove];
    recipients.iter().any(|named| !named.is_empty())
        || arguments.passphrase
        || arguments.passphrase_file.is_some()
        || arguments.seal_command.is_some()
}

fn wanted(arguments: &Rotate) -> Result<Wanted, Failure> {
    if arguments.passphrase || arguments.passphrase_file.is_some() {
        let file = arguments.passphrase_file.as_deref();
        return passphrase::new(file).map(Wanted::Passphrase);
    }
    if !arguments.add.is_empty() || !arguments.remove.is_empty() {
        return Ok(Wanted::Changed {
            add: arguments.add.clone(),
            remove: arguments.remove.clone(),
        });
    }
    Ok(Wanted::of(
        &arguments.recipient,
        arguments.seal_command.as_deref(),
        arguments.root_command.as_deref(),
    ))
}

fn encrypted_to(recipients: &[Recipient]) -> String {
    let count = counted(recipients.len(), "recipient", "recipients");
    let mut told = format!("homelab.age is encrypted to {count}: commit it");
    for recipient in recipients {
        told += &format!("\n  {recipient}");
    }
    told
}
