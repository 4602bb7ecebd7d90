//! C2SP det-keygen (<https://c2sp.org/det-keygen>): an RSA private key of 2048 bits from a seed, the same one for ever.
//!
//! The steps named in comments are those of its section "RSA". The numbers are those of crypto-bigint, whose
//! arithmetic takes a time that tells nothing of them; how many candidates were no primes, and by which test, shows,
//! and tells nothing of the one that was kept. What is held here is wiped; what the libraries compute with in between
//! is not.

use crypto_bigint::{BoxedUint, ConcatenatingMul, Gcd, Limb, NonZero, Odd, Resize};
use crypto_primes::{Flavor, is_prime};
use der::asn1::UintRef;
use der::{Encode, Sequence};
use zeroize::Zeroizing;

use super::keygen::HmacDrbg;

/// The modulus has so many bits, and each prime half of them.
const BITS: u16 = 2048;
const PRIME_BITS: u32 = BITS as u32 / 2;
const PRIME_OCTETS: usize = BITS as usize / 16;

const PERSONALIZATION: &[u8] = b"det RSA key gen";

const EXPONENT: u32 = 65537;

type Secret = Zeroizing<BoxedUint>;

/// The `RSAPrivateKey` (RFC 8017 §A.1.2) that `seed` stands for, in DER.
pub(super) fn private_key(seed: &[u8]) -> Zeroizing<Vec<u8>> {
    // Steps 1 to 7.
    let mut generator = HmacDrbg::instantiate(&[seed, PERSONALIZATION, &BITS.to_be_bytes()]);
    loop {
        // Steps 8 to 18.
        let p = prime(&mut generator);
        generator.update(&[]);
        let q = prime(&mut generator);
        if let Some(key) = key_of(&p, &q) {
            return key;
        }
        // Steps 20 and 23: both are rejected.
        generator.update(&[]);
    }
}

/// Steps 8 to 13.
fn prime(generator: &mut HmacDrbg) -> Secret {
    let mut octets = Zeroizing::new([0; PRIME_OCTETS]);
    loop {
        for block in octets.chunks_exact_mut(32) {
            block.copy_from_slice(generator.generate());
        }
        octets[0] |= 0b1100_0000;
        octets[PRIME_OCTETS - 1] |= 0b0000_0111;
        let candidate = BoxedUint::from_be_slice(octets.as_slice(), PRIME_BITS);
        let candidate = Zeroizing::new(candidate.expect("it has that many bits"));
        if !has_small_factor(&candidate) && is_prime(Flavor::Any, &*candidate) {
            return candidate;
        }
        generator.update(&[]);
    }
}

/// Whether an odd number below 256 divides it, as it does four odd numbers in five: found out in a hundredth of the
/// time that the test takes.
fn has_small_factor(candidate: &BoxedUint) -> bool {
    let small = (3..=u8::MAX).step_by(2).map(Limb::from);
    let mut small = small.filter_map(|small| NonZero::new(small).into_option());
    small.any(|small| candidate.rem_limb(small) == Limb::ZERO)
}

/// Steps 19 to 25; none where the primes do not suit each other. Two that are alike have their own length of a
/// divisor in common.
fn key_of(p: &Secret, q: &Secret) -> Option<Zeroizing<Vec<u8>>> {
    let one = BoxedUint::one_with_precision(PRIME_BITS);
    let less = |prime: &Secret| Zeroizing::new((**prime).wrapping_sub(&one));
    let (p_less, q_less) = (less(p), less(q));
    let ratio = Zeroizing::new(p_less.gcd(&*q_less));
    if ratio.bit_width() > 32 {
        return None;
    }
    let all = u32::from(BITS);
    let totient = Zeroizing::new(p_less.concatenating_mul(&*q_less));
    let ratio = nonzero(&(&*ratio).resize(all))?;
    let lambda = Zeroizing::new(totient.div_rem(&ratio).0);
    let e = BoxedUint::from(EXPONENT).resize(all);
    let d = e.invert_mod(&*nonzero(&lambda)?).into_option();
    let d = Zeroizing::new(d?);
    let dp = Zeroizing::new(d.rem(&*nonzero(&p_less)?));
    let dq = Zeroizing::new(d.rem(&*nonzero(&q_less)?));
    let q_in_p = Zeroizing::new(q.rem(&*nonzero(p)?));
    let odd = Odd::new((**p).clone()).into_option();
    let odd = Zeroizing::new(odd?);
    let inverse = q_in_p.invert_odd_mod(&odd).into_option();
    let inverse = Zeroizing::new(inverse?);
    let n = p.concatenating_mul(&**q);
    Some(pkcs1([&n, &e, &d, p, q, &dp, &dq, &inverse]))
}

fn nonzero(number: &BoxedUint) -> Option<Zeroizing<NonZero<BoxedUint>>> {
    let number = NonZero::new(number.clone()).into_option();
    number.map(Zeroizing::new)
}

/// RFC 8017 §A.1.2, of two primes.
#[derive(Sequence)]
struct RsaPrivateKey<'a> {
    version: u8,
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
    private_exponent: UintRef<'a>,
    prime1: UintRef<'a>,
    prime2: UintRef<'a>,
    exponent1: UintRef<'a>,
    exponent2: UintRef<'a>,
    coefficient: UintRef<'a>,
}

/// The numbers in the order in which they stand there.
fn pkcs1(numbers: [&BoxedUint; 8]) -> Zeroizing<Vec<u8>> {
    let octets = numbers.map(|number| Zeroizing::new(number.to_be_bytes_trimmed_vartime()));
    let [n, e, d, p, q, dp, dq, inverse] = octets
        .each_ref()
        .map(|octets| UintRef::new(octets).expect("it is of some hundred octets"));
    let key = RsaPrivateKey {
        version: 0,
        modulus: n,
        public_exponent: e,
        private_exponent: d,
        prime1: p,
        prime2: q,
        exponent1: dp,
        exponent2: dq,
        coefficient: inverse,
    };
    // Grown, it would leave copies behind.
    let mut der = Zeroizing::new(Vec::with_capacity(usize::from(BITS)));
    key.encode_to_vec(&mut der)
        .expect("it is of some thousand octets");
    der
}

#[cfg(test)]
mod tests {
    use data_encoding::{BASE64, HEXLOWER};
    use rayon::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::pki::PrivateKey;

    #[test]
    fn det_keygen_vectors_hold() {
        // C2SP det-keygen/rsa.json, all those of 2048 bits: the seed, and SHA-256 of the PKCS#8 there. They take
        // the retries of steps 20 and 23.
        let vectors = [
            (
                "Xl2U+6mkaGMosq89epJzbg==",
                "e81b5a0fdfb9e83ddec581598df84400047dc979f4c82bd142b0aca29a51ba2e",
            ),
            (
                "TkjKwQxJCvzgbfpR3nTKBf0cHgST",
                "ad1de393a7fa7af9c07f7011270ca08f1c74f23d093bd9863579d3aa384bd347",
            ),
            (
                "U7awSsozqZZvZD+uY5H8RnAd3DtLWuCW",
                "6de16434b95aba1368cc9b120dc5751440ce44f83f1bdc9d3ffedf00d32c3b34",
            ),
            (
                "DG4jx5s6VbgejQrjlAjUpVc6QIAcVyBDPeoYIcZPa8DLsy6i",
                "6f65605ac0415841a45bb8e08ced5157fc050a0390c6993607aa62aa9a995ed4",
            ),
            (
                "U7htX0473FRAx6SiN6Zv+kbK5lgGZlM7aX7O5TWR7mztS/TVuiFU/HWfGTNNtXqP",
                "8573e8e1145812a9e950f5d50412b674795a0fa8242b87ea2a6d843b2618a2d6",
            ),
            (
                "MVfjfJZ0zPDbnAD4g3wahA==",
                "ac68cb76d9622ff6dbda2b6689a515e75638e876d135e703123bbd46cda62378",
            ),
            (
                "hUzKwQxJCvzgbfpR3nTKBf0cHgST",
                "c94f3b6d0f3286dfddf911c742f83bb1ee6e9679b12580aeda4f8e94dd21b852",
            ),
            (
                "BHiU+6mkaGMosq89epJzbg==",
                "5989595f9be0bfe213a65a03131c973063a3b1fbc2c87b14ffe15e7064a6507e",
            ),
            (
                "KPTbaR2yf+lPhr8GfCy89w==",
                "074c3b6de173318190cf733be6c08a0d85d8e0683c2e4c5273f1c469db8e412c",
            ),
            (
                "9NgcC/qrIN/zXi6KHIp+nA==",
                "aae89b632af8f1404439d0a73e1cecaa0ace5fd46e7eabc1a9da3620cd21fca4",
            ),
            (
                "2Gt7Z6eHF9F0pRxyher0YA==",
                "5065f01daa64e1a4689d4066fe20c33d17af3ae23ed5a2dc226207eb16fe4439",
            ),
            (
                "CnIKkKnWN8BOeq2ugM7RMg==",
                "4dd181d209689cb75720ce440ad958005b41de065c3dda3fbbf79b84fe44deef",
            ),
            (
                "TS4Nwf2XJB8kR3BxN9Tj1g==",
                "9908c289a91f1a0ba3f7aa5712509125dfa4e826f770a20f7b1419e96f1819f7",
            ),
            (
                "VXAzZ0KFW334PPiMXV4y3g==",
                "08d1ec7c7247a818176243cf9a2d835704ee0fe5b27119e90519194b37df8e08",
            ),
            (
                "yM2B/m4YUQlOlQCpMN+7yg==",
                "b26b970bb46bc773fbdbd16aa0c55eaf7b54385d60e1ced5dd0ab0d522046fa3",
            ),
            (
                "4MqCX1lRUSgQbvkxw5/I1Q==",
                "4e63b41983957dc08b5646e7a977fd21dd15e3b4e2e03535f059ed53e6298367",
            ),
        ];
        vectors.par_iter().for_each(|(seed, expected)| {
            let pkcs1 = private_key(&BASE64.decode(seed.as_bytes()).unwrap());
            let key = PrivateKey::from_pkcs1_der(&pkcs1).unwrap();
            let hash = HEXLOWER.encode(&Sha256::digest(&*key.to_pkcs8_der()));
            assert_eq!(hash, *expected, "seed {seed}");
        });
    }

    #[test]
    fn primes_that_do_not_suit_each_other_are_rejected() {
        let mut generator = HmacDrbg::instantiate(&[&[7; 32]]);
        let p = prime(&mut generator);
        assert!(key_of(&p, &p).is_none());
        generator.update(&[]);
        assert!(key_of(&p, &prime(&mut generator)).is_some());
    }
}
