//! Why nothing can be issued.

use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;

use crate::pki::{CrlError, IssueError, IssuerNameError, ValidityError};

/// Why a certificate or a revocation list could not be issued, or a certificate not derived again.
#[derive(Debug, Error, Diagnostic)]
pub(crate) enum CredentialError {
    #[error("the authority has expired, on {until}")]
    #[diagnostic(
        code("issue::authority-expired"),
        help(
            "make another, `homelab rotate --authority`; the clock says {now}: if that is wrong, set it right"
        )
    )]
    AuthorityExpired { until: Timestamp, now: Timestamp },

    #[error("the clock says {now}, and the authority is not valid before {from}")]
    #[diagnostic(
        code("issue::clock"),
        help("set the clock right; if it is, make another: `homelab rotate --authority`")
    )]
    BeforeAuthority { from: Timestamp, now: Timestamp },

    #[error("`{lifetime}` from {start} goes beyond the year 9999")]
    #[diagnostic(
        code("issue::beyond-time"),
        help("set the clock right, or shorten `validity`")
    )]
    BeyondTime { lifetime: String, start: Timestamp },

    #[error("no certificate can be made for `{name}`")]
    #[diagnostic(code("issue::certificate"))]
    Certificate {
        name: String,
        #[source]
        source: IssueError,
    },

    #[error("`{name}` cannot be valid from {from} to {until}")]
    #[diagnostic(
        code("issue::validity"),
        help("set the clock right, or change `validity`")
    )]
    Validity {
        name: String,
        from: Timestamp,
        until: Timestamp,
        #[source]
        source: ValidityError,
    },

    #[error("`{name}` cannot sign anything")]
    #[diagnostic(
        code("issue::issuer-name"),
        help("bring back the last good lock: `git checkout -- homelab.lock`")
    )]
    IssuerName {
        name: String,
        #[source]
        source: IssuerNameError,
    },

    #[error("no revocation list can be made")]
    #[diagnostic(code("issue::crl"))]
    Crl {
        #[source]
        source: CrlError,
    },

    #[error("no number is left for a revocation list")]
    #[diagnostic(
        code("issue::crl-numbers"),
        help("bring back the last good lock: `git checkout -- homelab.lock`")
    )]
    CrlNumbers,

    #[error("what is derived for `{name}` is not what the lock records")]
    #[diagnostic(
        code("issue::not-as-recorded"),
        help(
            "homelab.lock or homelab.age is not the one that it was made with: bring both back from the same commit, `git checkout -- homelab.lock homelab.age`"
        )
    )]
    NotAsRecorded { name: String },
}
