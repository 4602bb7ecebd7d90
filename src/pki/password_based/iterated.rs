//! The two key derivations of bundles, by RFC 7292 §B.2 and RFC 8018 §5.2, iterated on the hashes' compression functions.
//!
//! The crates `pkcs12` and `pbkdf2` have both as well, and a test holds these against those. There each iteration goes through a
//! hasher that buffers, pads and resets, which takes three times as long as the compression; and this is most of what a build does.

use std::slice;

use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

/// Octets of a block, of SHA-1 and of SHA-256.
const BLOCK: usize = 64;

/// FIPS 180-4 §5.3.1 and §5.3.3.
const SHA1_START: [u32; 5] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
const SHA256_START: [u32; 8] = [
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];

/// A block that is compressed again and again.
type Block = Zeroizing<[u8; BLOCK]>;

/// A hash of which a value fits into one block together with its padding.
pub(super) trait Iterated: Digest {
    /// Puts the hash of what a padded block holds in its place, so often.
    fn rehash(block: &mut [u8; BLOCK], times: u32);
}

impl Iterated for Sha1 {
    fn rehash(block: &mut [u8; BLOCK], times: u32) {
        let mut state = Zeroizing::new(SHA1_START);
        for _ in 0..times {
            *state = SHA1_START;
            sha1::block_api::compress(&mut state, slice::from_ref(block));
            write(&*state, block);
        }
    }
}

impl Iterated for Sha256 {
    fn rehash(block: &mut [u8; BLOCK], times: u32) {
        let mut state = Zeroizing::new(SHA256_START);
        for _ in 0..times {
            *state = SHA256_START;
            sha2::block_api::compress256(&mut state, slice::from_ref(block));
            write(&*state, block);
        }
    }
}

/// RFC 7292 §B.2, whose steps the comments name. `id` is what the key is for (§B.3), the password a BMPString (§B.1).
pub(super) fn pkcs12<H: Iterated>(
    id: u8,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    key: &mut [u8],
) {
    // Steps 2 to 4. Grown, it would leave copies behind.
    let octets = whole_blocks(salt) + whole_blocks(password);
    let mut input = Zeroizing::new(Vec::with_capacity(octets));
    for part in [salt, password] {
        input.extend(part.iter().cycle().take(whole_blocks(part)));
    }
    for piece in key.chunks_mut(<H as Digest>::output_size()) {
        // Step 6, A.
        let first = H::new().chain_update([id; BLOCK]).chain_update(&*input);
        let mut first = first.finalize();
        let mut block = padded(&first, 0);
        // The key follows from it without the password.
        first.as_mut_slice().zeroize();
        H::rehash(&mut block, iterations - 1);
        piece.copy_from_slice(&block[..piece.len()]);
        // Steps 6, B and C.
        for part in input.chunks_mut(BLOCK) {
            add_and_one(part, &block[..first.len()]);
        }
    }
}

fn whole_blocks(text: &[u8]) -> usize {
    text.len().next_multiple_of(BLOCK)
}

/// Adds a value, repeated as often as it takes, and one to a number of a block's length, whose carry is dropped.
fn add_and_one(number: &mut [u8], value: &[u8]) {
    let mut carry = 1_u16;
    for (at, octet) in number.iter_mut().enumerate().rev() {
        carry += u16::from(*octet) + u16::from(value[at % value.len()]);
        *octet = carry as u8;
        carry >>= 8;
    }
}

/// RFC 8018 §5.2 with HMAC-SHA256, whose two states behind the password (RFC 2104 §4) are computed once.
pub(super) fn pbkdf2_sha256(password: &[u8], salt: &[u8], iterations: u32, key: &mut [u8]) {
    let (inner, outer) = (keyed(password, 0x36), keyed(password, 0x5c));
    for (piece, index) in key.chunks_mut(32).zip(1_u32..) {
        let first =
            Hmac::<Sha256>::new_from_slice(password).expect("HMAC takes keys of any length");
        let first = first.chain_update(salt).chain_update(index.to_be_bytes());
        let mut block = padded(&first.finalize().into_bytes(), BLOCK);
        let mut sum = Zeroizing::new([0_u8; 32]);
        sum.copy_from_slice(&block[..32]);
        let mut state = Zeroizing::new([0; 8]);
        for _ in 1..iterations {
            for keyed in [&inner, &outer] {
                *state = **keyed;
                sha2::block_api::compress256(&mut state, slice::from_ref(&*block));
                write(&*state, &mut block);
            }
            for (sum, octet) in sum.iter_mut().zip(&block[..32]) {
                *sum ^= octet;
            }
        }
        piece.copy_from_slice(&sum[..piece.len()]);
    }
}

/// The state of SHA-256 behind a password that is exclusive-ored with a pad (RFC 2104 §2).
fn keyed(password: &[u8], pad: u8) -> Zeroizing<[u32; 8]> {
    let mut block = Zeroizing::new([0; BLOCK]);
    if password.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(password));
    } else {
        block[..password.len()].copy_from_slice(password);
    }
    for octet in block.iter_mut() {
        *octet ^= pad;
    }
    let mut state = Zeroizing::new(SHA256_START);
    sha2::block_api::compress256(&mut state, slice::from_ref(&*block));
    state
}

/// A hash in a block, padded (FIPS 180-4 §5.1.1) for a message of that many octets and this hash.
fn padded(hash: &[u8], before: usize) -> Block {
    let mut block = Zeroizing::new([0; BLOCK]);
    block[..hash.len()].copy_from_slice(hash);
    block[hash.len()] = 0x80;
    let bits = 8 * (before + hash.len()) as u64;
    block[BLOCK - 8..].copy_from_slice(&bits.to_be_bytes());
    block
}

fn write(state: &[u32], block: &mut [u8; BLOCK]) {
    for (word, octets) in state.iter().zip(block.as_chunks_mut().0) {
        *octets = word.to_be_bytes();
    }
}
