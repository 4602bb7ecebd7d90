//! What can be wrong with a file of an output tree, or worth knowing of it.

use thiserror::Error;

use crate::lint;
use crate::pki::CrlError;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum TreeFault {
    #[error("it is damaged, and tells of no file")]
    DamagedManifest,
    #[error("it is missing")]
    Missing,
    #[error("it is no file any more")]
    NoFile,
    #[error("its content is not what was written")]
    Content,
    #[error("its mode is {found:04o}, and was {written:04o}")]
    Mode { found: u32, written: u32 },
    #[error("its mode is another than was given to it")]
    FolderMode,
    #[error("it is not homelab's")]
    Unowned,

    #[error("it has not been built yet: run `homelab build`")]
    NotBuilt,
    #[error("nothing declares it any more: run `homelab build`")]
    Undeclared,
    #[error("it does not hold the authorities of homelab.lock")]
    Authorities,
    #[error(
        "it is not what homelab.kdl and homelab.lock give: run `homelab build`, and see what changes"
    )]
    Stale,
    #[error("homelab.lock has no signature of what it should list: run `homelab build`")]
    UnsignedCrl,
    #[error("it is not the revocation list that homelab.lock has the signature of")]
    OtherCrl,
    #[error(transparent)]
    Crl(#[from] CrlFault),

    #[error("{}: {}: {}; {}", found.code, found.at, found.what, found.why)]
    LetsIn { found: Box<lint::Finding> },
    #[error("what it lets in was not looked at: {why}")]
    NotLookedAt { why: String },
}

/// What is wrong with a revocation list of the authority that signs.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum CrlFault {
    #[error("homelab.lock has no authority that could have signed it")]
    NoAuthority,
    #[error("`{authority}` has not signed it: {why}")]
    NotSigned { authority: String, why: CrlError },
    #[error("it does not list a certificate of {}", devices.join(", "))]
    Unlisted { devices: Vec<String> },
    #[error("it lists others than homelab.lock has retired, or is an older one")]
    Other,
}
