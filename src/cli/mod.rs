//! The command line: arguments, clock, environment, terminal, exit codes.
//!
//! Results go to stdout, all else to stderr. Everything that the rooms below are not allowed to do, reading the clock and the
//! environment, asking for a passphrase, printing, is done here.

mod adopt;
mod arguments;
mod build;
mod check;
mod clock;
mod completion;
mod deploy;
mod dns;
mod exit;
mod export;
mod exposure;
mod init;
mod lint;
mod passphrase;
mod password;
mod plan;
mod progress;
mod renew;
mod report;
mod revoke;
mod rotate;
mod share;
mod status;
mod surroundings;
mod terminal;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::diagnostic::Failure;
use arguments::{Arguments, Command};
use exit::Exit;

/// Runs homelab with the arguments of the process.
pub fn main() -> ExitCode {
    refuse_core_dumps();
    refuse_onlookers();
    if completion::is_answered() {
        return Exit::Done.into();
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // Help and versions are "errors" to clap; a real one is a matter of usage.
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            }
            .into();
        }
    };
    report::set_up();
    let done = match arguments.command {
        Command::Init(arguments) => init::init(&arguments),
        Command::Check(arguments) => check::check(&arguments),
        Command::Plan(arguments) => plan::plan(&arguments),
        Command::Build(arguments) => build::build(&arguments),
        Command::Status(arguments) => status::status(&arguments),
        Command::Exposure(arguments) => exposure::exposure(&arguments),
        Command::Dns(arguments) => dns::dns(&arguments),
        Command::Renew(arguments) => renew::renew(&arguments),
        Command::Revoke(arguments) => revoke::revoke(&arguments),
        Command::Rotate(arguments) => rotate::rotate(&arguments),
        Command::Adopt(arguments) => adopt::adopt(&arguments),
        Command::Password(arguments) => password::password(&arguments),
        Command::Export(arguments) => export::export(&arguments),
        Command::Share(arguments) => share::share(&arguments),
        Command::Deploy(arguments) => deploy::deploy(&arguments),
        Command::Verify(arguments) => verify::verify(&arguments),
        Command::Lint(arguments) => lint::run(&arguments),
    };
    match done {
        Ok(()) => Exit::Done.into(),
        Err(Failure { fault, reports }) => {
            for failure in reports {
                report::failure(&failure);
            }
            Exit::from(fault).into()
        }
    }
}

/// The command line as it is, of which manual pages and completions are made.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Another process of the same user could read the root secret out of this one's memory, by a debugger or /proc.
fn refuse_onlookers() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// A core dump would hold the root secret.
fn refuse_core_dumps() {
    let none = rustix::process::Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
}
