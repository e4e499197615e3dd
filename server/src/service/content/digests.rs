//! The digests of a content that go with it: the SHA-256 that every object has, and what S3 clients ask for.

use crate::domain::{
    attributes::ChecksumAlgorithm,
    hash::{Sha256, Sha256Hasher},
};
use crc_fast::{CrcAlgorithm, Digest as Crc};
use md5::Digest as _;
use md5::Md5;
use sha1::Sha1;

/// Which digests are wanted beside SHA-256.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) md5: bool,
    pub(crate) checksum: Option<ChecksumAlgorithm>,
}

/// The digests of a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digests {
    pub(crate) sha256: Sha256,
    pub(crate) md5: Option<[u8; 16]>,
    /// By the algorithm that was wanted.
    pub(crate) checksum: Option<Vec<u8>>,
}

/// Wanted digests of the bytes that have passed.
#[derive(Default)]
pub(crate) struct Running {
    md5: Option<Md5>,
    sum: Option<Sum>,
}

enum Sum {
    Crc(Box<Crc>, usize),
    Sha1(Sha1),
    /// Known anyway.
    Sha256,
}

/// The CRC of an algorithm that is one.
pub(crate) fn crc_of(algorithm: ChecksumAlgorithm) -> Option<CrcAlgorithm> {
    match algorithm {
        ChecksumAlgorithm::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
        ChecksumAlgorithm::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
        ChecksumAlgorithm::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
        ChecksumAlgorithm::Sha1 | ChecksumAlgorithm::Sha256 => None,
    }
}

impl Running {
    pub(crate) fn new(wanted: Wanted) -> Self {
        let sum = wanted.checksum.map(|algorithm| match (crc_of(algorithm), algorithm) {
            (Some(crc), _) => Sum::Crc(Box::new(Crc::new(crc)), algorithm.length()),
            (None, ChecksumAlgorithm::Sha1) => Sum::Sha1(Sha1::new()),
            (None, _) => Sum::Sha256,
        });
        Self { md5: wanted.md5.then(Md5::new), sum }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        match &mut self.sum {
            Some(Sum::Crc(crc, _)) => crc.update(bytes),
            Some(Sum::Sha1(sha1)) => sha1.update(bytes),
            Some(Sum::Sha256) | None => {}
        }
    }

    pub(crate) fn finish(self, sha256: Sha256) -> Digests {
        let checksum = self.sum.map(|sum| match sum {
            Sum::Crc(crc, length) => big_endian(crc.finalize(), length),
            Sum::Sha1(sha1) => sha1.finalize().to_vec(),
            Sum::Sha256 => sha256.to_vec(),
        });
        Digests { sha256, md5: self.md5.map(|md5| md5.finalize().into()), checksum }
    }
}

impl Digests {
    /// The digests of bytes that are all there.
    pub(crate) fn of(bytes: &[u8], wanted: Wanted) -> Self {
        let mut running = Running::new(wanted);
        running.update(bytes);
        running.finish(Sha256Hasher::of(bytes))
    }
}

/// The last `length` bytes of a sum, the highest first.
pub(crate) fn big_endian(sum: u64, length: usize) -> Vec<u8> {
    sum.to_be_bytes().into_iter().skip(8usize.saturating_sub(length)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers for "123456789": the check values of the CRC catalogue, and those of the digests' own standards.
    #[test]
    fn known_sums_come_out() {
        let known = [
            (ChecksumAlgorithm::Crc32, "cbf43926"),
            (ChecksumAlgorithm::Crc32c, "e3069283"),
            (ChecksumAlgorithm::Crc64Nvme, "ae8b14860a799888"),
            (ChecksumAlgorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (ChecksumAlgorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
        ];
        for (algorithm, hex) in known {
            let digests = Digests::of(b"123456789", Wanted { md5: true, checksum: Some(algorithm) });
            assert_eq!(data_encoding::HEXLOWER.encode(&digests.checksum.unwrap()), hex, "{algorithm:?}");
            let md5 = data_encoding::HEXLOWER.encode(&digests.md5.unwrap());
            assert_eq!(md5, "25f9e794323b453885f5181f1b624d0b");
        }
    }
}
