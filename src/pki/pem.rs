//! Text around DER (RFC 7468).

use der::pem::{LineEnding, encode_string};

/// The PEM encoding: 64 columns, lines ended by LF on every platform, the last one too.
///
/// Written into one buffer of the right length: one that grows, or the owned copy that the crate `pem` takes, would leave
/// a private key behind.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    encode_string(label, LineEnding::LF, der).expect("labels are RFC 7468's, and files are short")
}
