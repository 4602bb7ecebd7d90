//! Whom homelab.age is sealed to again: so that somebody can open it, and never in place of a file before that is tried.

use age::secrecy::SecretString;
use miette::Diagnostic;
use thiserror::Error;

use super::command;
use super::open::{Opened, OpenedWith};
use crate::diagnostic::Failure;
use crate::root::{
    Identity, Key, Keyring, Recipient, SealError, seal, seal_with_passphrase, unseal,
};
use crate::workspace::{Held, Workspace};

#[derive(Debug, Error, Diagnostic)]
enum SealingError {
    #[error("homelab.age cannot be written anew: a command opens it")]
    #[diagnostic(
        code("root::command-keeps"),
        help(
            "say what encrypts it, such as `--seal-command 'age -r age1yubikey1… -a'`; or whom to encrypt it to, with `--recipient`"
        )
    )]
    CommandKeeps,

    #[error(
        "homelab.age is encrypted to {count} recipients, of whom {own} are in the identity file"
    )]
    #[diagnostic(
        code("root::unknown-recipients"),
        help(
            "age does not tell who the others are, and another program has encrypted it: name all, yourself too, each with `--recipient age1…`"
        )
    )]
    UnknownRecipients { count: usize, own: usize },

    #[error("who can open homelab.age is not known: {why}")]
    #[diagnostic(
        code("root::nobody-to-add-to"),
        help("name all of them, yourself too, each with `--recipient age1…`")
    )]
    NobodyKnown { why: &'static str },

    #[error("`{recipient}` is not among those whom homelab.age is encrypted to")]
    #[diagnostic(code("root::not-a-recipient"), help("they are {known}"))]
    NotARecipient { recipient: String, known: String },

    #[error("nobody would be left who can open homelab.age")]
    #[diagnostic(code("root::nobody-left"), help("add somebody with `--add age1…`"))]
    NobodyLeft,

    #[error("no identity at hand would open homelab.age any more")]
    #[diagnostic(
        code("root::locked-out"),
        help(
            "name yourself too, `--recipient` with what `age-keygen -y FILE` prints for your identity; or name the identity that is to open it with `--identity FILE`; or insist: `homelab rotate --reseal --force`"
        )
    )]
    LockedOut,

    #[error("homelab.age cannot be encrypted")]
    #[diagnostic(code("root::cannot-seal"), help("check the recipients"))]
    CannotSeal {
        #[source]
        source: SealError,
    },
}

/// Whom a keyring is to be sealed to.
pub(crate) enum Wanted {
    /// Those who could open it.
    AsBefore,
    /// These.
    Recipients(Vec<Recipient>),
    /// Those who could open it, and others more or less.
    Changed {
        /// Who is to be able.
        add: Vec<Recipient>,
        /// Who is not.
        remove: Vec<Recipient>,
    },
    /// Whoever knows this.
    Passphrase(SecretString),
    /// Whomever this command encrypts to, so that another opens it.
    Command {
        /// What encrypts.
        seal: String,
        /// What opens it.
        root: String,
    },
}

impl Wanted {
    /// As options say it.
    pub(crate) fn of(recipients: &[Recipient], seal: Option<&str>, root: Option<&str>) -> Wanted {
        match (seal, root, recipients) {
            (Some(seal), Some(root), _) => Wanted::Command {
                seal: seal.to_owned(),
                root: root.to_owned(),
            },
            (_, _, []) => Wanted::AsBefore,
            (_, _, recipients) => Wanted::Recipients(recipients.to_vec()),
        }
    }
}

/// Whom a keyring is sealed to.
pub(crate) enum SealsTo {
    /// Whoever has one of these identities.
    Recipients(Vec<Recipient>),
    /// Whoever knows it.
    Passphrase(SecretString),
    /// Whomever a command encrypts to; another opens it again.
    Command {
        /// What encrypts.
        seal: String,
        /// What opens it.
        root: String,
    },
}

impl Opened {
    /// Whom homelab.age is to be sealed to, by what is wanted.
    ///
    /// # Errors
    /// Where that is not known: age files do not tell who their recipients are. Or where nobody here could open it.
    pub(crate) fn seals_to(
        &self,
        wanted: &Wanted,
        at_hand: &[Identity],
    ) -> Result<SealsTo, Failure> {
        let to = self.asked(wanted)?;
        if self.would_open(&to, at_hand) {
            Ok(to)
        } else {
            Err(Failure::environment(SealingError::LockedOut))
        }
    }

    /// The same, whoever is locked out by it.
    pub(crate) fn asked(&self, wanted: &Wanted) -> Result<SealsTo, Failure> {
        match wanted {
            Wanted::AsBefore => match &self.with {
                OpenedWith::Command => Err(Failure::environment(SealingError::CommandKeeps)),
                OpenedWith::Passphrase(passphrase) => Ok(SealsTo::Passphrase(passphrase.clone())),
                OpenedWith::Identities { .. } => self.known().map(SealsTo::Recipients),
            },
            Wanted::Recipients(recipients) => Ok(SealsTo::Recipients(without_twins(recipients))),
            Wanted::Changed { add, remove } => {
                changed(self.known()?, add, remove).map(SealsTo::Recipients)
            }
            Wanted::Passphrase(passphrase) => Ok(SealsTo::Passphrase(passphrase.clone())),
            Wanted::Command { seal, root } => Ok(SealsTo::Command {
                seal: seal.clone(),
                root: root.clone(),
            }),
        }
    }

    /// Who could open it until now.
    fn known(&self) -> Result<Vec<Recipient>, Failure> {
        let error = match &self.with {
            OpenedWith::Identities {
                known: Some(known), ..
            } => return Ok(known.clone()),
            OpenedWith::Identities { count, own, .. } => SealingError::UnknownRecipients {
                count: *count,
                own: *own,
            },
            OpenedWith::Passphrase(_) => SealingError::NobodyKnown {
                why: "a passphrase opens it",
            },
            OpenedWith::Command => SealingError::NobodyKnown {
                why: "a command opens it",
            },
        };
        Err(Failure::environment(error))
    }

    /// Whether somebody here could open it again: with what has opened it, or with one of these.
    fn would_open(&self, to: &SealsTo, more: &[Identity]) -> bool {
        let own = match &self.with {
            OpenedWith::Identities { at_hand, .. } => at_hand.as_slice(),
            _ => &[],
        };
        let SealsTo::Recipients(recipients) = to else {
            return true;
        };
        let is_new =
            matches!(&self.with, OpenedWith::Identities { at_hand, .. } if at_hand.is_empty());
        let mut identities = own.iter().chain(more).map(Identity::recipient);
        // A secret that has just been made is sealed to the identity that was found.
        is_new || identities.any(|own| recipients.contains(&own))
    }

    /// Who could open the file and no longer can, as far as that is known; none where nobody is.
    pub(crate) fn shut_out_by(&self, to: &SealsTo) -> Option<String> {
        let others = || String::from("Whoever else could open it");
        match (&self.with, to) {
            (
                OpenedWith::Identities {
                    known: Some(known), ..
                },
                SealsTo::Recipients(recipients),
            ) => {
                let gone = known.iter().filter(|known| !recipients.contains(known));
                let gone: Vec<String> = gone.map(ToString::to_string).collect();
                (!gone.is_empty()).then(|| gone.join(", "))
            }
            (OpenedWith::Identities { known: None, .. }, _) => Some(others()),
            (OpenedWith::Identities { .. }, _) => Some(String::from("Identities")),
            (OpenedWith::Passphrase(_), _) => Some(String::from("The former passphrase")),
            (OpenedWith::Command, _) => Some(others()),
        }
    }

    /// Puts the keyring into homelab.age, in place of the file that is there, once it is known to open.
    pub(crate) fn replace(&self, workspace: &Held, to: &SealsTo) -> Result<(), Failure> {
        let sealed = to.seal(workspace, &self.keyring)?;
        self.try_out(to, &sealed)?;
        workspace.write("homelab.age", &sealed)
    }

    /// Opens what was sealed again, where an identity at hand or the passphrase does.
    fn try_out(&self, to: &SealsTo, sealed: &[u8]) -> Result<(), Failure> {
        let opened = match (to, &self.with) {
            (SealsTo::Recipients(recipients), OpenedWith::Identities { at_hand, .. }) => {
                let fits = |identity: &Identity| recipients.contains(&identity.recipient());
                if at_hand.iter().any(fits) {
                    unseal(sealed, &Key::Identities(at_hand))
                } else {
                    return Ok(());
                }
            }
            (SealsTo::Passphrase(passphrase), _) => unseal(sealed, &Key::Passphrase(passphrase)),
            // A command's was tried where it was made.
            _ => return Ok(()),
        };
        let opened = opened.map_err(cannot_seal)?;
        if *opened.to_text() == *self.keyring.to_text() {
            Ok(())
        } else {
            Err(cannot_seal(SealError::NotSealed))
        }
    }
}

impl SealsTo {
    /// Seals a keyring; what a command has sealed is opened again by the other one.
    pub(super) fn seal(
        &self,
        workspace: &Workspace,
        keyring: &Keyring,
    ) -> Result<Vec<u8>, Failure> {
        match self {
            SealsTo::Recipients(recipients) => seal(keyring, recipients).map_err(cannot_seal),
            SealsTo::Passphrase(passphrase) => {
                seal_with_passphrase(keyring, passphrase).map_err(cannot_seal)
            }
            SealsTo::Command { seal, root } => command::seal(seal, root, workspace, keyring),
        }
    }
}

fn cannot_seal(source: SealError) -> Failure {
    Failure::environment(SealingError::CannotSeal { source })
}

fn without_twins(recipients: &[Recipient]) -> Vec<Recipient> {
    let mut each: Vec<Recipient> = Vec::new();
    for recipient in recipients {
        if !each.contains(recipient) {
            each.push(recipient.clone());
        }
    }
    each
}

fn changed(
    mut known: Vec<Recipient>,
    add: &[Recipient],
    remove: &[Recipient],
) -> Result<Vec<Recipient>, Failure> {
    for recipient in remove {
        if !known.contains(recipient) {
            let known: Vec<String> = known.iter().map(|known| format!("`{known}`")).collect();
            return Err(Failure::environment(SealingError::NotARecipient {
                recipient: recipient.to_string(),
                known: known.join(", "),
            }));
        }
    }
    known.retain(|known| !remove.contains(known));
    known.extend_from_slice(add);
    if known.is_empty() {
        Err(Failure::environment(SealingError::NobodyLeft))
    } else {
        Ok(without_twins(&known))
    }
}
