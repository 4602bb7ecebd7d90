//! What files ask for, and what of it is refused.

use der::asn1::OctetString;
use pkcs12::pbe_params::Pbes2Params;

use super::pbes2::{SCRYPT, ScryptParams};
use super::*;
use crate::pki::bundle::AES256_CBC;

fn algorithm(oid: ObjectIdentifier, parameters: Any) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned {
        oid,
        parameters: Some(parameters),
    }
}

fn octets(bytes: &[u8]) -> OctetString {
    OctetString::new(bytes).unwrap()
}

fn with_scrypt(cost: u64, block_size: u32, parallelization: u32) -> AlgorithmIdentifierOwned {
    let kdf = ScryptParams {
        salt: octets(&[1; 8]),
        cost,
        block_size,
        parallelization,
        key_length: None,
    };
    let vector = Any::encode_from(&octets(&[0; 16])).unwrap();
    let parameters = Pbes2Params {
        kdf: algorithm(SCRYPT, Any::encode_from(&kdf).unwrap()),
        encryption: algorithm(AES256_CBC, vector),
    };
    algorithm(PBES2, Any::encode_from(&parameters).unwrap())
}

#[test]
fn scrypt_is_bounded_in_time_and_memory() {
    let tried = |cost, block_size, lanes| {
        let algorithm = with_scrypt(cost, block_size, lanes);
        decrypt(
            &algorithm,
            &[0; 16],
            &mut DerivedKeys::of("x"),
            &mut Work::default(),
        )
        .map(|_| ())
    };
    // OpenSSL's own, and four times that.
    for cost in [1 << 14, 1 << 16] {
        assert_eq!(tried(cost, 8, 1), Err(DecryptError::WrongPassword));
    }
    for (cost, block_size, lanes) in [
        (1 << 40, 8, 1),
        (1 << 19, 8, 1),
        (1 << 63, u32::MAX, u32::MAX),
        (2, u32::MAX, 1),
        (2, 1, u32::MAX),
        (1 << 14, 8, 1 << 20),
        (1 << 18, 8, 5),
    ] {
        let refused = tried(cost, block_size, lanes);
        let asked = (cost, block_size, lanes);
        assert_eq!(refused, Err(DecryptError::TooMuchWork), "{asked:?}");
    }
    for (cost, block_size, lanes) in [(0, 8, 1), (3, 8, 1), (1024, 0, 1), (1024, 8, 0)] {
        let refused = tried(cost, block_size, lanes);
        let asked = (cost, block_size, lanes);
        assert_eq!(refused, Err(DecryptError::Damaged), "{asked:?}");
    }
}

#[test]
fn iterations_are_counted_before_they_are_done() {
    let old = |iterations| Pkcs12PbeParams {
        salt: octets(&[1; 8]),
        iterations,
    };
    let schemes = [
        PKCS_12_PBE_WITH_SHAAND3_KEY_TRIPLE_DES_CBC,
        SHA1_AND_TWO_KEYS,
        MD5_AND_DES,
        SHA1_AND_DES,
    ];
    for oid in schemes {
        for (iterations, expected) in [
            (2_000, DecryptError::WrongPassword),
            (i32::MAX, DecryptError::TooMuchWork),
            (0, DecryptError::Damaged),
            (-1, DecryptError::Damaged),
        ] {
            let algorithm = algorithm(oid, Any::encode_from(&old(iterations)).unwrap());
            let refused = decrypt(
                &algorithm,
                &[0; 16],
                &mut DerivedKeys::of("x"),
                &mut Work::default(),
            );
            assert_eq!(refused.unwrap_err(), expected, "{oid} {iterations}");
        }
        // A little often is much, too.
        let algorithm = algorithm(oid, Any::encode_from(&old(2_000)).unwrap());
        let mut work = Work(MOST_ITERATIONS - 6_000);
        let mut refusals =
            (0..7).map(|_| decrypt(&algorithm, &[0; 16], &mut DerivedKeys::of("x"), &mut work));
        let last = refusals.find_map(|refused| {
            refused
                .err()
                .filter(|error| *error != DecryptError::WrongPassword)
        });
        assert_eq!(last, Some(DecryptError::TooMuchWork), "{oid}");
    }
}

#[test]
fn what_is_not_known_has_a_name() {
    let unknown = |oid: &str| {
        let algorithm = algorithm(ObjectIdentifier::new_unwrap(oid), Any::null());
        match decrypt(
            &algorithm,
            &[0; 16],
            &mut DerivedKeys::of("x"),
            &mut Work::default(),
        ) {
            Err(DecryptError::Unknown(unknown)) => unknown,
            other => panic!("{oid}: {other:?}"),
        }
    };
    let rc2 = unknown("1.2.840.113549.1.12.1.6");
    assert_eq!(rc2.name, "pbeWithSHA1And40BitRC2-CBC");
    assert_eq!(rc2.readers, Readers::OpensslLegacy);
    assert_eq!(unknown("1.2.3.4").name, "the algorithm 1.2.3.4");
}
