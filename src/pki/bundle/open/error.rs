//! Why a bundle does not open.

use std::borrow::Cow;

use thiserror::Error;

use crate::pki::password_based::DecryptError;

/// Why a bundle does not open.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum OpenError {
    /// The file is something else.
    #[error("it is not a PKCS#12 file, or it is cut short")]
    NotABundle,
    /// It is one, but some part of it cannot be read.
    #[error("it is damaged")]
    Damaged,
    #[error("the password is wrong, or the file is damaged")]
    WrongPassword,
    /// It is protected in a way that is not known.
    #[error("it is protected with {0}, which is not known here")]
    Unknown(Cow<'static, str>),
    /// It would keep the machine busy for long.
    #[error("it asks for more work than any honest file does")]
    TooMuchWork,
}

impl From<DecryptError> for OpenError {
    fn from(error: DecryptError) -> OpenError {
        match error {
            DecryptError::Damaged => OpenError::Damaged,
            DecryptError::WrongPassword => OpenError::WrongPassword,
            DecryptError::Unknown(cipher) => OpenError::Unknown(cipher.name),
            DecryptError::TooMuchWork => OpenError::TooMuchWork,
        }
    }
}
