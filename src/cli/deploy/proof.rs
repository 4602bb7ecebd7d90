//! Whether what is served after a deploy is what is declared: `verify --live`'s answer.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::Subject;
use crate::cli::progress::Waiting;
use crate::cli::verify::{Live, Reach};
use crate::cli::{clock, report};
use crate::deploy::{DeployError, Target};
use crate::diagnostic::{Failure, counted};
use crate::model::{AfterReload, Edge};
use crate::probe::{HostReport, LiveReport};
use crate::root::Keyring;
use crate::verify::{Site, sites};

/// As many times as a connection may take, a host is waited for that cannot be reached, or has no certificate yet: Caddy gets them
/// after it has loaded the file.
const PATIENCE: u32 = 6;

/// What is to be asked, and what came of it.
pub(super) struct Proof {
    /// Whose hosts are asked.
    edge: Option<Arc<Edge>>,
    keyring: Option<Keyring>,
    is_wanted: bool,
    told: Option<LiveReport>,
    failure: Option<Failure>,
}

impl Proof {
    /// Opens the root secret beforehand, where somebody says how, or an identity here does: nobody is asked for a passphrase.
    pub(super) fn prepare(subject: &Subject<'_>, target: Target<'_>) -> Result<Proof, Failure> {
        let Subject {
            arguments,
            workspace,
            lock,
            ..
        } = subject;
        let is_declared = target.place.after_reload == AfterReload::Verify;
        let is_wanted = is_declared && !arguments.no_verify;
        let secret = &arguments.make.secret;
        let means = secret.means();
        let is_named = secret.identity.is_some()
            || secret.root_command.is_some()
            || secret.root_passphrase_file.is_some();
        let keyring = if !is_wanted {
            None
        } else if is_named {
            Some(means.open(workspace, lock, &[lock.root])?.keyring)
        } else {
            let opened = means.open_by_usual_identity(workspace, lock);
            opened.map(|opened| opened.keyring)
        };
        Ok(Proof {
            edge: Some(Arc::clone(target.part.settings)),
            keyring,
            is_wanted,
            told: None,
            failure: None,
        })
    }

    /// Asks every host until each can be reached, or it has taken too long.
    pub(super) fn ask(&mut self, subject: &Subject<'_>) -> Result<(), ()> {
        if !self.is_wanted {
            return Ok(());
        }
        match self.asked(subject) {
            Ok(told) => {
                let is_right = told.all().all(|host| !is_wrong(host));
                self.told = Some(told);
                if is_right { Ok(()) } else { Err(()) }
            }
            Err(failure) => {
                self.failure = Some(failure);
                Err(())
            }
        }
    }

    fn asked(&self, subject: &Subject<'_>) -> Result<LiveReport, Failure> {
        let Subject {
            arguments,
            homelab,
            lock,
            templates,
            ..
        } = subject;
        let all = sites(homelab, lock);
        let is_here = |edge: &Arc<Edge>| { self.edge.iter() }.any(|own| Arc::ptr_eq(own, edge));
        let wanted: Vec<&Site> = all.iter().filter(|site| is_here(&site.edge)).collect();
        let patience = PATIENCE * Duration::from_secs(arguments.timeout.into());
        let begun = Instant::now();
        loop {
            let live = Live {
                homelab,
                lock,
                now: clock::now()?,
                templates: templates.of_the_edge(),
                reach: Reach {
                    resolve: &arguments.resolve,
                    ports: &arguments.ports,
                    ca: arguments.ca.as_deref(),
                    timeout: arguments.timeout,
                    echo: &[],
                },
            };
            let told = live.ask(&all, &wanted, self.keyring.as_ref())?;
            let is_done = {
                let wrong: Vec<&HostReport> = told.all().filter(|host| is_wrong(host)).collect();
                wrong.is_empty() || !wrong.iter().all(|host| host.may_be_on_its_way())
            };
            if is_done || begun.elapsed() >= patience {
                return Ok(told);
            }
            let waits_for = "waiting until each host can be reached and has a certificate";
            let _waiting = Waiting::since(begun, String::from(waits_for));
            thread::sleep(Duration::from_secs(1));
        }
    }

    /// What is otherwise than is declared; none where nothing is, or was asked.
    pub(super) fn difference(&self) -> Option<Difference> {
        let told = self.told.as_ref()?;
        let difference = Difference {
            wrong: told.all().map(HostReport::count_wrong).sum(),
            unreached: { told.all() }
                .filter(|host| host.unreached.is_some())
                .count(),
        };
        (difference.wrong + difference.unreached > 0).then_some(difference)
    }

    /// Nothing is asked.
    pub(super) fn none() -> Proof {
        Proof {
            edge: None,
            keyring: None,
            is_wanted: false,
            told: None,
            failure: None,
        }
    }

    /// What came of it: the answers, and why there are none.
    pub(super) fn into_parts(self) -> (Option<LiveReport>, Option<Failure>) {
        (self.told, self.failure)
    }

    /// What is to be said of the answers.
    pub(super) fn tell(&self) -> Result<(), Failure> {
        match &self.told {
            // It stands in the object.
            Some(_) if report::is_for_json() => Ok(()),
            Some(told) => report::table(&crate::cli::verify::drawn(told)),
            None => Ok(()),
        }
    }
}

/// How what is served differs from what is declared.
pub(super) struct Difference {
    wrong: usize,
    unreached: usize,
}

impl Difference {
    /// Tells it after a rollback. Other answers are to be expected then, and a host that cannot be reached is not.
    pub(super) fn tell_after(self, release: String) -> Result<(), Failure> {
        if self.unreached > 0 {
            let what = format!(
                "{} cannot be reached",
                counted(self.unreached, "host", "hosts")
            );
            let error = DeployError::UnreachedAfter { release, what };
            return Err(Failure::environment(error));
        }
        report::note(format_args!(
            "{} not as homelab.kdl has it now: it has changed since that release, or something else is wrong.",
            counted(self.wrong, "answer is", "answers are")
        ));
        Ok(())
    }
}

/// Whether a host cannot be reached, or answers other than is declared.
fn is_wrong(host: &HostReport) -> bool {
    host.count_wrong() > 0 || host.unreached.is_some()
}
