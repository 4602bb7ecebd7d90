//! Which kinds of keys Go reads, and verifies with.

use super::NotAnAuthority;
use super::reading::{OBJECT_IDENTIFIER, Reader, SEQUENCE, is_shortest};

/// rsaEncryption (RFC 8017 appendix A.1).
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// id-RSASSA-PSS (RFC 8017 appendix A.2.3).
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
/// id-ecPublicKey (RFC 5480 §2.1.1).
const ELLIPTIC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// id-Ed25519 and id-Ed448 (RFC 8410 §3).
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const ED448: &[u8] = &[0x2b, 0x65, 0x71];
/// id-dsa (RFC 3279 §2.3.2).
const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01];

/// NULL in DER.
const NULL: &[u8] = &[0x05, 0x00];

/// Bits of an RSA modulus: Go verifies with none below since 1.24, and since 1.20.7 lets nobody in who sends a
/// certificate with one above, as a device does that sends its authority's along with its own.
const RSA_BITS: std::ops::RangeInclusive<usize> = 1024..=8192;

/// A curve that Go knows (RFC 5480 §2.1.1.1): its number, the octets of a coordinate, and whether a point is on it.
struct Curve {
    object: &'static [u8],
    octets: usize,
    has: fn(&[u8]) -> bool,
}

const CURVES: [Curve; 4] = [
    Curve {
        object: &[0x2b, 0x81, 0x04, 0x00, 0x21],
        octets: 28,
        has: |point| p224::PublicKey::from_sec1_bytes(point).is_ok(),
    },
    Curve {
        object: &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        octets: 32,
        has: |point| p256::PublicKey::from_sec1_bytes(point).is_ok(),
    },
    Curve {
        object: &[0x2b, 0x81, 0x04, 0x00, 0x22],
        octets: 48,
        has: |point| p384::PublicKey::from_sec1_bytes(point).is_ok(),
    },
    Curve {
        object: &[0x2b, 0x81, 0x04, 0x00, 0x23],
        octets: 66,
        has: |point| p521::PublicKey::from_sec1_bytes(point).is_ok(),
    },
];

/// Holds a `SubjectPublicKeyInfo` against what Go reads and verifies with.
pub(super) fn judge(mut spki: Reader) -> Result<(), NotAnAuthority> {
    let malformed = NotAnAuthority::Encoding("subjectPublicKeyInfo");
    let mut algorithm = spki.enter(SEQUENCE).ok_or(malformed.clone())?;
    let object = algorithm.object().ok_or(malformed.clone())?;
    let parameters = algorithm.rest();
    let bits = spki.bits().ok_or(malformed.clone())?;
    if !spki.is_empty() || bits.unused != 0 {
        return Err(malformed);
    }
    let kind = |kind| Err(NotAnAuthority::KeyKind(kind));
    match object {
        RSA => rsa(parameters, bits.octets),
        ELLIPTIC => elliptic(parameters, bits.octets),
        // RFC 8410 §3: without parameters.
        ED25519 if parameters.is_empty() && bits.octets.len() == 32 => Ok(()),
        ED25519 => Err(malformed),
        RSA_PSS => kind("of RSA for PSS alone (id-RSASSA-PSS)"),
        ED448 => kind("of Ed448"),
        DSA => kind("of DSA"),
        _ => kind("of a kind that is not known"),
    }
}

fn rsa(parameters: &[u8], key: &[u8]) -> Result<(), NotAnAuthority> {
    let malformed = || NotAnAuthority::Encoding("subjectPublicKeyInfo");
    let mut outer = Reader::new(key);
    let mut inner = outer.enter(SEQUENCE).ok_or_else(malformed)?;
    let modulus = inner.integer().ok_or_else(malformed)?;
    let exponent = inner.integer().ok_or_else(malformed)?;
    // RFC 3279 §2.3.1: NULL, and Go insists on it.
    if parameters != NULL || !outer.is_empty() || !inner.is_empty() {
        return Err(malformed());
    }
    let is_positive = |number: &[u8]| number[0] & 0x80 == 0 && number != [0];
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    if !is_positive(modulus) || !is_positive(exponent) {
        return Err(malformed());
    }
    let bits = bits(modulus);
    if !RSA_BITS.contains(&bits) {
        return Err(NotAnAuthority::KeySize(bits));
    }
    // Go: from 3 to 2^31 - 1, and no even one since 1.24.
    let exponent_fits = exponent.len() <= 4 && exponent != [1];
    if !is_odd(modulus) || !is_odd(exponent) || !exponent_fits {
        return Err(NotAnAuthority::KeyKind(
            "of RSA with an exponent or a modulus that is not usual",
        ));
    }
    Ok(())
}

/// The bits of a positive integer in its shortest form.
fn bits(integer: &[u8]) -> usize {
    debug_assert!(is_shortest(integer));
    let octets = integer.strip_prefix(&[0]).unwrap_or(integer);
    let leading = octets.first().map_or(0, |first| first.leading_zeros());
    8 * octets.len() - leading as usize
}

fn elliptic(parameters: &[u8], point: &[u8]) -> Result<(), NotAnAuthority> {
    let mut parameters = Reader::new(parameters);
    if !parameters.is_at(OBJECT_IDENTIFIER) {
        return Err(NotAnAuthority::KeyForm(
            "one whose curve is written out instead of named (explicit parameters)",
        ));
    }
    let object = parameters.object();
    let curve = CURVES.iter().find(|curve| object == Some(curve.object));
    let curve = curve.ok_or(NotAnAuthority::KeyKind(
        "of another curve than P-224, P-256, P-384 and P-521",
    ))?;
    // SEC 1 §2.3.3. Go reads the uncompressed form alone.
    if matches!(point, [2 | 3, ..]) {
        return Err(NotAnAuthority::KeyForm("one whose point is compressed"));
    }
    let is_whole = point.first() == Some(&4) && point.len() == 1 + 2 * curve.octets;
    if is_whole && parameters.is_empty() && (curve.has)(point) {
        Ok(())
    } else {
        Err(NotAnAuthority::Encoding("subjectPublicKeyInfo"))
    }
}
