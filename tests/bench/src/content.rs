//! What the benchmarks store: bytes that look random, differ everywhere and cost next to nothing to make.
//!
//! Every server here cuts content into blocks and keeps equal blocks once, and one of them compresses. So no page of
//! 4 KiB may ever repeat, and none may compress. Drawing fresh random numbers for gigabytes would take the processor
//! away from the server under test, therefore one random mebibyte is drawn once and every page of it is stamped, in
//! place, with the number of its content and of the page.

use sha2::{Digest, Sha256};

const PAGE: usize = 4096;
const STAMP: usize = 16;

/// The size of one piece that [`Content::piece`] hands out.
pub(crate) const PIECE: usize = 1 << 20;

/// The maker of contents. A content is named by a number; equal numbers give equal bytes.
#[derive(Clone)]
pub(crate) struct Content {
    /// One random mebibyte, twice in a row, so that a piece may begin at any page of it.
    base: Vec<u8>,
}

impl Content {
    pub(crate) fn new() -> Self {
        let mut base = Vec::with_capacity(2 * PIECE);
        for counter in 0_u64.. {
            if base.len() == PIECE {
                break;
            }
            base.extend_from_slice(&Sha256::digest(counter.to_le_bytes()));
        }
        base.extend_from_within(..);
        Self { base }
    }

    /// Piece `index` (in mebibytes from the beginning) of content `number`.
    pub(crate) fn piece(&mut self, number: u64, index: u64) -> &[u8] {
        let start = first_page(number) * PAGE;
        let piece = &mut self.base[start..start + PIECE];
        for (page, place) in (index * (PIECE / PAGE) as u64..).zip(piece.chunks_exact_mut(PAGE)) {
            place[..STAMP].copy_from_slice(&stamp(number, page));
        }
        piece
    }

    /// Appends the first `size` bytes of content `number`; `size` is at most one piece.
    pub(crate) fn append(&self, number: u64, size: usize, out: &mut Vec<u8>) {
        let start = first_page(number) * PAGE;
        let from = out.len();
        out.extend_from_slice(&self.base[start..start + size]);
        for (page, place) in (0..).zip(out[from..].chunks_mut(PAGE)) {
            let stamp = stamp(number, page);
            let length = place.len().min(STAMP);
            place[..length].copy_from_slice(&stamp[..length]);
        }
    }
}

fn first_page(number: u64) -> usize {
    (number % (PIECE / PAGE) as u64) as usize
}

/// Sixteen bytes that no other page has: both halves are one-to-one functions, of the pair and of the content.
fn stamp(number: u64, page: u64) -> [u8; STAMP] {
    let mut stamp = [0; STAMP];
    stamp[..8].copy_from_slice(&mix(number.wrapping_mul(1 << 20).wrapping_add(page)).to_le_bytes());
    stamp[8..].copy_from_slice(&mix(number).to_le_bytes());
    stamp
}

/// The finaliser of splitmix64: one-to-one, and it scatters neighbours.
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_piece_and_an_appended_content_are_the_same_bytes() {
        let mut content = Content::new();
        for number in [0, 1, 77, 255, 256, 1_000_003] {
            let mut appended = Vec::new();
            content.append(number, PIECE, &mut appended);
            assert_eq!(content.piece(number, 0), appended, "content {number}");
            assert_ne!(content.piece(number, 1), appended, "content {number}");
        }
    }

    #[test]
    fn no_page_repeats() {
        let mut content = Content::new();
        let mut seen = HashSet::new();
        for number in 0..8 {
            for index in 0..4 {
                for page in content.piece(number, index).chunks_exact(PAGE) {
                    assert!(seen.insert(page.to_vec()), "content {number}, piece {index}");
                }
            }
        }
    }

    #[test]
    fn the_shortest_contents_differ_too() {
        let content = Content::new();
        let mut seen = HashSet::new();
        for number in 0..10_000 {
            let mut bytes = Vec::new();
            content.append(number, 16, &mut bytes);
            assert!(seen.insert(bytes), "content {number}");
        }
    }
}
