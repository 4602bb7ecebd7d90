//! Text around DER (RFC 7468).

use data_encoding::BASE64;

/// The PEM encoding: 64 columns, lines ended by LF on every platform, the last one too.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    // Grown, it would leave copies of a key behind.
    let mut pem = String::with_capacity(der.len() / 3 * 4 + der.len() / 48 + 2 * label.len() + 40);
    pem.push_str(&format!("-----BEGIN {label}-----\n"));
    // RFC 7468 §2: exactly 64 characters a line, that is 48 octets.
    for line in der.chunks(48) {
        BASE64.encode_append(line, &mut pem);
        pem.push('\n');
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}
