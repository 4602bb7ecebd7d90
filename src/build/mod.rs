//! What a build is about to do, and doing it.
//!
//! [`prepare`] works out from what was read ([`Situation`]) what a build does to the lock, why it is refused and what there is to
//! know; every command that builds, or says what a build would do, goes by it. [`Update`] brings the lock up to date: with
//! stand-ins for what only the secret can make, where that is foreseen, and with the keyring for good. [`forecast`] holds what
//! would be made against the tree, [`execute`] makes it, and [`Consequence`]s are what either means for people.
//!
//! Nothing here reads a file of the homelab's, the clock or the environment: it is all told.

mod adoption;
mod believed;
mod caddy;
mod clock;
mod consequence;
mod execute;
mod forecast;
mod history;
mod known;
mod left_behind;
mod named;
mod notes;
mod operation;
mod plan;
mod prepare;
mod renewal;
mod requests;
mod resume;
mod revocation;
mod rotation;
mod said;
mod settled;
mod situation;
mod staleness;
mod step;
mod stop;
mod unmade;
mod update;

pub use adoption::AuthorityRefusal;
pub(crate) use adoption::{FoundAuthority, KeyFile, adoptions, authorities, signing_key};
pub(crate) use believed::{
    hold_against_history, hold_against_pin, hold_against_secret, note_of_unsigned, refuse_unsigned,
};
pub(crate) use caddy::notes as notes_of_caddy;
pub(crate) use clock::{Clock, ClockSource};
pub(crate) use consequence::{BuiltEdges, Consequence, Kind, between};
pub(crate) use execute::{
    Built, Difference, ExecuteError, Mismatch, Rendering, differences, execute,
};
pub(crate) use forecast::{TreeForecast, forecast};
pub(crate) use history::{Accepted, FoundList, History, Remains};
pub(crate) use known::KnownTree;
pub(crate) use named::{Purpose, is_enrolled};
pub(crate) use notes::{SIGN, ended, how_to_deploy, of_authority, shown_secrets};
pub(crate) use operation::{Adoption, LockOperation, Reissue, Rotation, Taken};
pub(crate) use plan::{LockPlan, Plan, Written};
pub(crate) use prepare::{Prepared, Refusal, owner, prepare};
pub(crate) use renewal::{due, finish, finish_all, guests, refuse_over};
pub(crate) use requests::{RequestFile, Requested};
pub(crate) use revocation::Revocation;
pub(crate) use rotation::{nothing_to_finish, refuse_depended_on};
pub(crate) use said::known_key;
pub(crate) use settled::{Journal, Read, Settled, Span, Stream};
pub(crate) use situation::{Consent, Intent, Mode, Situation};
pub(crate) use staleness::{Stale, Staleness, stale};
pub(crate) use step::{Step, Verb};
pub(crate) use stop::{Stop, nothing_issued};
pub(crate) use unmade::{note_of_missing, set_aside};
pub(crate) use update::{Keys, LockChanges, Update, Updated};
