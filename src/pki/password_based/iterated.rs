//! The two key derivations of bundles, by RFC 7292 §B.2 and RFC 8018 §5.2, iterated on the hashes' compression functions.
//!
//! The crates `pkcs12` and `pbkdf2` have both as well, and a test holds these against those. There each iteration goes through a
//! hasher that buffers, pads and resets, which takes three times as long as the compression; and this is most of what a build does.
//!
//! Each derives a key for every salt that it is given, all of one length. An iteration of a key waits for the one before, but not for
//! those of another key, and a processor works on both at once: two keys side by side take three quarters of the time that they take one
//! after the other. A third gains nothing more.

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

/// Blocks that are compressed again and again.
type Blocks<const N: usize> = Zeroizing<[[u8; BLOCK]; N]>;

/// A key for each salt.
pub(super) type Keys<const N: usize> = [Zeroizing<Vec<u8>>; N];

/// A hash of which a value fits into one block together with its padding.
pub(super) trait Iterated: Digest {
    /// Puts the hash of what each padded block holds in its place, so often.
    fn rehash<const N: usize>(blocks: &mut Blocks<N>, times: u32);
}

impl Iterated for Sha1 {
    fn rehash<const N: usize>(blocks: &mut Blocks<N>, times: u32) {
        let mut state = Zeroizing::new(SHA1_START);
        for _ in 0..times {
            for block in blocks.iter_mut() {
                *state = SHA1_START;
                sha1::block_api::compress(&mut state, slice::from_ref(block));
                write(&*state, block);
            }
        }
    }
}

impl Iterated for Sha256 {
    fn rehash<const N: usize>(blocks: &mut Blocks<N>, times: u32) {
        let mut state = Zeroizing::new(SHA256_START);
        for _ in 0..times {
            for block in blocks.iter_mut() {
                *state = SHA256_START;
                sha2::block_api::compress256(&mut state, slice::from_ref(block));
                write(&*state, block);
            }
        }
    }
}

/// RFC 7292 §B.2, whose steps the comments name. `id` is what the keys are for (§B.3), the password a BMPString (§B.1).
pub(super) fn pkcs12<H: Iterated, const N: usize>(
    id: u8,
    password: &[u8],
    salts: [&[u8]; N],
    iterations: u32,
    octets: usize,
) -> Keys<N> {
    let mut keys = salts.map(|_| Zeroizing::new(vec![0; octets]));
    // Steps 2 to 4. Grown, it would leave copies behind.
    let mut inputs = salts.map(|salt| {
        let length = whole_blocks(salt) + whole_blocks(password);
        let mut input = Zeroizing::new(Vec::with_capacity(length));
        for part in [salt, password] {
            input.extend(part.iter().cycle().take(whole_blocks(part)));
        }
        input
    });
    let output = <H as Digest>::output_size();
    for begin in (0..octets).step_by(output) {
        // Step 6, A.
        let mut blocks = Zeroizing::new([[0; BLOCK]; N]);
        for (block, input) in blocks.iter_mut().zip(&inputs) {
            let first = H::new().chain_update([id; BLOCK]).chain_update(&**input);
            let mut first = first.finalize();
            pad(block, &first, 0);
            // The key follows from it without the password.
            first.as_mut_slice().zeroize();
        }
        H::rehash(&mut blocks, iterations - 1);
        let piece = begin..octets.min(begin + output);
        for ((key, block), input) in keys.iter_mut().zip(&*blocks).zip(&mut inputs) {
            key[piece.clone()].copy_from_slice(&block[..piece.len()]);
            // Steps 6, B and C.
            for part in input.chunks_mut(BLOCK) {
                add_and_one(part, &block[..output]);
            }
        }
    }
    keys
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
pub(super) fn pbkdf2_sha256<const N: usize>(
    password: &[u8],
    salts: [&[u8]; N],
    iterations: u32,
    octets: usize,
) -> Keys<N> {
    let mut keys = salts.map(|_| Zeroizing::new(vec![0; octets]));
    let (inner, outer) = (keyed(password, 0x36), keyed(password, 0x5c));
    for (begin, index) in (0..octets).step_by(32).zip(1_u32..) {
        let mut blocks = Zeroizing::new([[0; BLOCK]; N]);
        for (block, salt) in blocks.iter_mut().zip(salts) {
            let first =
                Hmac::<Sha256>::new_from_slice(password).expect("HMAC takes keys of any length");
            let first = first.chain_update(salt).chain_update(index.to_be_bytes());
            pad(block, &first.finalize().into_bytes(), BLOCK);
        }
        let mut sums = blocks.clone();
        let mut state = Zeroizing::new([0; 8]);
        for _ in 1..iterations {
            for keyed in [&inner, &outer] {
                for block in blocks.iter_mut() {
                    *state = **keyed;
                    sha2::block_api::compress256(&mut state, slice::from_ref(block));
                    write(&*state, block);
                }
            }
            for (sum, block) in sums.iter_mut().zip(&*blocks) {
                for (sum, octet) in sum[..32].iter_mut().zip(block) {
                    *sum ^= octet;
                }
            }
        }
        let piece = begin..octets.min(begin + 32);
        for (key, sum) in keys.iter_mut().zip(&*sums) {
            key[piece.clone()].copy_from_slice(&sum[..piece.len()]);
        }
    }
    keys
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

/// Puts a hash into a block, padded (FIPS 180-4 §5.1.1) for a message of that many octets and this hash.
fn pad(block: &mut [u8; BLOCK], hash: &[u8], before: usize) {
    block[..hash.len()].copy_from_slice(hash);
    block[hash.len()] = 0x80;
    let bits = 8 * (before + hash.len()) as u64;
    block[BLOCK - 8..].copy_from_slice(&bits.to_be_bytes());
}

fn write(state: &[u32], block: &mut [u8; BLOCK]) {
    for (word, octets) in state.iter().zip(block.as_chunks_mut().0) {
        *octets = word.to_be_bytes();
    }
}
