//! Content that is the same on every run.

use sha2::{Digest, Sha256};

/// `length` bytes that differ for every seed, do not compress and do not repeat.
pub fn content(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A tree of `count` small files: paths with folders, and content of up to `largest` bytes.
pub fn tree(seed: u64, count: usize, largest: usize) -> Vec<(String, Vec<u8>)> {
    (0..count)
        .map(|i| {
            let path = format!("dir-{}/sub-{}/file-{i:05}.bin", i % 7, i % 3);
            let length = (i * 7919) % largest + 1;
            (path, content(seed.wrapping_add(i as u64), length))
        })
        .collect()
}

/// The contract's hash of whole content.
pub fn full_hash(content: &[u8]) -> String {
    format!("Full{}", data_encoding::HEXUPPER.encode(&Sha256::digest(content)))
}

/// The contract's hash of an object made of parts.
pub fn composite_hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let digests: Vec<u8> = parts.into_iter().flat_map(|part| Sha256::digest(part).to_vec()).collect();
    format!("Comp{}", data_encoding::HEXUPPER.encode(&Sha256::digest(&digests)))
}

/// The contract's hash of an upload that is not complete.
pub fn unfinished_hash() -> String {
    format!("Full{}", "0".repeat(64))
}
