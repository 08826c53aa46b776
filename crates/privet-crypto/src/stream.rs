//! Sealed files of any length.

use std::fmt;

use aws_lc_rs::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use zeroize::{Zeroize, Zeroizing};

use crate::context::encode;
use crate::keys::{expand, is_equal};
use crate::seal::gcm_key;
use crate::{DataKey, Error, KeyId, random};

/// Plain bytes of every chunk but the last.
pub const CHUNK_SIZE: usize = 1 << 16;
/// Bytes in front of the first chunk: format (16), key id (16), salt (32), commitment (32).
pub const STREAM_HEADER_SIZE: usize = 16 + 16 + SALT_SIZE + 32;

const FORMAT: &[u8; 16] = b"privet-stream-1\n";
const SALT_SIZE: usize = 32;
const TAG_SIZE: usize = 16;
/// A sealed chunk in the middle.
const SEALED_CHUNK: usize = CHUNK_SIZE + TAG_SIZE;
/// Most chunks: 256 TiB, far below the bounds of GCM.
const MAX_CHUNKS: u64 = 1 << 32;

/// Seals a file while it is read, piece by piece.
///
/// STREAM (Hoang, Reyhanitabar, Rogaway, Vizár, CRYPTO 2015) over AES-256-GCM: chunks of 64 KiB, the nonce of each its
/// number and whether it is the last. The file has a key of its own, derived with HKDF-SHA256 from the data key, a random
/// salt and the context, so numbers can be nonces. Cutting, reordering, doubling and mixing of chunks are noticed.
pub struct StreamSealer {
    file: FileKey,
    chunk: Zeroizing<Vec<u8>>,
}

/// Opens a file that [`StreamSealer`] made, piece by piece.
///
/// What it gives out before [`finish`](Self::finish) is genuine, but the file may still turn out to be cut: nothing that
/// cannot be taken back is done with it before.
pub struct StreamOpener<'k> {
    key: &'k DataKey,
    context: Vec<u8>,
    state: Opening,
    waiting: Vec<u8>,
}

enum Opening {
    Header,
    Chunks(FileKey),
    Failed(Error),
}

/// What stands in front of a sealed file. It is no secret, and not yet proved genuine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamHeader {
    key_id: KeyId,
    salt: [u8; SALT_SIZE],
    commitment: [u8; 32],
}

/// The key of one file, and the number of its next chunk.
struct FileKey {
    aead: LessSafeKey,
    commitment: [u8; 32],
    next: u64,
}

impl StreamSealer {
    /// Begins a file under `key`, bound to `context` (for example, what the backup is of). The header is put into `out`.
    ///
    /// # Errors
    /// [`Error::Library`] if there are no random bytes.
    pub fn new(key: &DataKey, context: &[u8], out: &mut Vec<u8>) -> Result<Self, Error> {
        Ok(Self::with_salt(key, &random()?, context, out))
    }

    pub(crate) fn with_salt(
        key: &DataKey,
        salt: &[u8; SALT_SIZE],
        context: &[u8],
        out: &mut Vec<u8>,
    ) -> Self {
        let file = FileKey::new(key, salt, context);
        out.extend_from_slice(FORMAT);
        out.extend_from_slice(key.id().as_bytes());
        out.extend_from_slice(salt);
        out.extend_from_slice(&file.commitment);
        Self {
            file,
            chunk: Zeroizing::new(Vec::with_capacity(SEALED_CHUNK)),
        }
    }

    /// Takes more of the file; the chunks that it fills are put into `out`.
    ///
    /// # Errors
    /// [`Error::KeyWornOut`] past 256 TiB; [`Error::Library`] if the library refuses to work.
    pub fn push(&mut self, mut plain: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        while !plain.is_empty() {
            // A full chunk waits for the next byte, since only then it is known not to be the last.
            if self.chunk.len() == CHUNK_SIZE {
                self.file.seal(&mut self.chunk, false, out)?;
            }
            let room = CHUNK_SIZE - self.chunk.len();
            let (now, later) = plain.split_at(room.min(plain.len()));
            self.chunk.extend_from_slice(now);
            plain = later;
        }
        Ok(())
    }

    /// Ends the file; its last chunk is put into `out`. Without it the file does not open to its end.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.file.seal(&mut self.chunk, true, out)
    }
}

impl<'k> StreamOpener<'k> {
    /// Begins to open a file that was sealed under `key` for `context`.
    #[must_use]
    pub fn new(key: &'k DataKey, context: &[u8]) -> Self {
        Self {
            key,
            context: context.to_vec(),
            state: Opening::Header,
            waiting: Vec::new(),
        }
    }

    /// Takes more of the sealed file; what it opens is put into `out`. After an error it only repeats the error.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`]; [`Error::WrongKey`]; [`Error::WrongContext`] if it was sealed for another context or the
    /// header was changed; [`Error::Damaged`].
    pub fn push(&mut self, mut sealed: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        while !sealed.is_empty() {
            let wanted = match &mut self.state {
                Opening::Failed(error) => return Err(*error),
                Opening::Header => STREAM_HEADER_SIZE,
                Opening::Chunks(file) => {
                    // A full chunk waits for the next byte, since only then it is known not to be the last.
                    if self.waiting.len() == SEALED_CHUNK
                        && let Err(error) = file.open(&mut self.waiting, false, out)
                    {
                        return Err(self.fail(error));
                    }
                    SEALED_CHUNK
                }
            };
            let room = wanted.saturating_sub(self.waiting.len());
            let (now, later) = sealed.split_at(room.min(sealed.len()));
            self.waiting.extend_from_slice(now);
            sealed = later;
            if matches!(self.state, Opening::Header) && self.waiting.len() == STREAM_HEADER_SIZE {
                match self.begin() {
                    Ok(file) => self.state = Opening::Chunks(file),
                    Err(error) => return Err(self.fail(error)),
                }
                self.waiting.clear();
            }
        }
        Ok(())
    }

    /// Ends the file; what its last chunk holds is put into `out`.
    ///
    /// # Errors
    /// [`Error::Truncated`] if its end is missing; else as [`push`](Self::push).
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        let mut waiting = std::mem::take(&mut self.waiting);
        match &mut self.state {
            Opening::Failed(error) => Err(*error),
            Opening::Header if !FORMAT.starts_with(waiting.get(..FORMAT.len()).unwrap_or(&waiting)) => {
                Err(Error::UnknownFormat)
            }
            Opening::Header => Err(Error::Truncated),
            Opening::Chunks(file) => file.finish(&mut waiting, out),
        }
    }

    fn begin(&self) -> Result<FileKey, Error> {
        let header = StreamHeader::parse(&self.waiting)?;
        if !is_equal(header.key_id.as_bytes(), self.key.id().as_bytes()) {
            return Err(Error::WrongKey);
        }
        let file = FileKey::new(self.key, &header.salt, &self.context);
        if is_equal(&file.commitment, &header.commitment) {
            Ok(file)
        } else {
            Err(Error::WrongContext)
        }
    }

    fn fail(&mut self, error: Error) -> Error {
        self.state = Opening::Failed(error);
        self.waiting.clear();
        error
    }
}

impl StreamHeader {
    /// Reads the header of a sealed file, of which at least [`STREAM_HEADER_SIZE`] bytes are there.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`] if it is none; [`Error::Truncated`] if it is cut.
    pub fn parse(sealed: &[u8]) -> Result<Self, Error> {
        let (format, rest) = sealed.split_first_chunk::<16>().ok_or(Error::UnknownFormat)?;
        if format != FORMAT {
            return Err(Error::UnknownFormat);
        }
        let (id, rest) = rest.split_first_chunk().ok_or(Error::Truncated)?;
        let (salt, rest) = rest.split_first_chunk().ok_or(Error::Truncated)?;
        let (commitment, _) = rest.split_first_chunk().ok_or(Error::Truncated)?;
        Ok(Self {
            key_id: KeyId::from_bytes(*id),
            salt: *salt,
            commitment: *commitment,
        })
    }

    /// The id of the key it was sealed under.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }
}

impl FileKey {
    fn new(key: &DataKey, salt: &[u8; SALT_SIZE], context: &[u8]) -> Self {
        let info = encode(&[FORMAT, salt, context]);
        let secret = key.expand("privet/data/stream/1", &info);
        Self {
            aead: gcm_key(&expand(secret.as_slice(), b"privet/stream/aead/1", b"")),
            commitment: *expand(secret.as_slice(), b"privet/stream/commitment/1", b""),
            next: 0,
        }
    }

    /// The number of the next chunk in eleven bytes, big-endian, then one that says whether it is the last.
    fn nonce(&self, is_last: bool) -> Result<Nonce, Error> {
        if self.next >= MAX_CHUNKS {
            return Err(Error::KeyWornOut);
        }
        let bits = u128::from(self.next) << 8 | u128::from(is_last);
        let bytes = bits.to_be_bytes();
        let nonce: &[u8; NONCE_LEN] = bytes.last_chunk().ok_or(Error::Library)?;
        Ok(Nonce::assume_unique_for_key(*nonce))
    }

    fn seal(&mut self, chunk: &mut Vec<u8>, is_last: bool, out: &mut Vec<u8>) -> Result<(), Error> {
        let nonce = self.nonce(is_last)?;
        self.next += 1;
        self.aead
            .seal_in_place_append_tag(nonce, Aad::empty(), chunk)
            .map_err(|_| Error::Library)?;
        out.append(chunk);
        Ok(())
    }

    fn open(&mut self, sealed: &mut Vec<u8>, is_last: bool, out: &mut Vec<u8>) -> Result<(), Error> {
        let nonce = self.nonce(is_last)?;
        let plain = self
            .aead
            .open_in_place(nonce, Aad::empty(), sealed)
            .map_err(|_| Error::Damaged)?;
        out.extend_from_slice(plain);
        self.next += 1;
        sealed.zeroize();
        Ok(())
    }

    fn finish(&mut self, sealed: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<(), Error> {
        if sealed.len() < TAG_SIZE {
            return Err(Error::Truncated);
        }
        // An empty last chunk is written for an empty file only.
        if sealed.len() == TAG_SIZE && self.next > 0 {
            return Err(Error::Damaged);
        }
        let mut again = sealed.clone();
        let mut unread = Zeroizing::new(Vec::new());
        match self.open(sealed, true, out) {
            // Genuine, but not the last: the rest was cut off.
            Err(Error::Damaged) if self.open(&mut again, false, &mut unread).is_ok() => Err(Error::Truncated),
            outcome => outcome,
        }
    }
}

impl fmt::Debug for StreamSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamSealer([secret])")
    }
}

impl fmt::Debug for StreamOpener<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamOpener([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(byte: u8) -> DataKey {
        DataKey::from_secret(Zeroizing::new([byte; 32]))
    }

    fn plain(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i % 251) as u8).collect()
    }

    fn seal(plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut sealer = StreamSealer::new(&key(1), b"backup", &mut out).unwrap();
        sealer.push(plain, &mut out).unwrap();
        sealer.finish(&mut out).unwrap();
        out
    }

    fn open(sealed: &[u8]) -> Result<Vec<u8>, Error> {
        open_as(&key(1), b"backup", sealed)
    }

    fn open_as(key: &DataKey, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        let mut opener = StreamOpener::new(key, context);
        opener.push(sealed, &mut out)?;
        opener.finish(&mut out)?;
        Ok(out)
    }

    /// Header, then sealed chunks.
    fn chunks(sealed: &[u8]) -> (&[u8], Vec<&[u8]>) {
        let (header, body) = sealed.split_at(STREAM_HEADER_SIZE);
        (header, body.chunks(SEALED_CHUNK).collect())
    }

    #[test]
    fn files_around_the_size_of_a_chunk_come_back() {
        for length in [
            0,
            1,
            CHUNK_SIZE - 1,
            CHUNK_SIZE,
            CHUNK_SIZE + 1,
            2 * CHUNK_SIZE,
            3 * CHUNK_SIZE + 7,
        ] {
            let sealed = seal(&plain(length));
            let chunks = length.div_ceil(CHUNK_SIZE).max(1);
            assert_eq!(sealed.len(), STREAM_HEADER_SIZE + length + chunks * TAG_SIZE);
            assert_eq!(open(&sealed).unwrap(), plain(length), "{length}");
        }
    }

    #[test]
    fn every_cut_is_noticed() {
        let sealed = seal(&plain(2 * CHUNK_SIZE + 3));
        let chunk_ends = [0, 1, 2].map(|n| STREAM_HEADER_SIZE + n * SEALED_CHUNK);
        let near = chunk_ends.iter().flat_map(|end| end.saturating_sub(18)..end + 18);
        for length in (0..STREAM_HEADER_SIZE).chain(near).filter(|&n| n < sealed.len()) {
            assert!(open(&sealed[..length]).is_err(), "{length}");
        }
        for end in chunk_ends {
            assert_eq!(open(&sealed[..end]).unwrap_err(), Error::Truncated, "{end}");
        }
        assert_eq!(open(&sealed[..40]).unwrap_err(), Error::Truncated);
        assert_eq!(open(b"").unwrap_err(), Error::Truncated);
    }

    #[test]
    fn chunks_reordered_doubled_left_out_or_of_another_file_are_noticed() {
        let sealed = seal(&plain(4 * CHUNK_SIZE));
        let other = seal(&plain(4 * CHUNK_SIZE));
        let (header, ours) = chunks(&sealed);
        let (_, theirs) = chunks(&other);
        for made in [
            [ours[1], ours[0], ours[2], ours[3]].to_vec(),
            [ours[0], ours[0], ours[1], ours[2], ours[3]].to_vec(),
            [ours[0], ours[2], ours[3]].to_vec(),
            [ours[0], ours[1], ours[3], ours[2]].to_vec(),
            [ours[0], theirs[1], ours[2], ours[3]].to_vec(),
            [ours[0], ours[1], ours[2], theirs[3]].to_vec(),
            [ours[0], ours[1], ours[2], ours[3], ours[3]].to_vec(),
            theirs,
        ] {
            let spliced = [&[header][..], &made].concat().concat();
            assert_eq!(open(&spliced).unwrap_err(), Error::Damaged);
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let sealed = seal(&plain(40));
        for bit in 0..sealed.len() * 8 {
            let mut bad = sealed.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&bad).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn bytes_behind_the_end_are_noticed() {
        let empty = [seal(&[]), vec![0]].concat();
        assert_eq!(open(&empty).unwrap_err(), Error::Damaged);
        let full = [seal(&plain(CHUNK_SIZE)), vec![0; TAG_SIZE]].concat();
        assert_eq!(open(&full).unwrap_err(), Error::Damaged);
    }

    #[test]
    fn an_empty_chunk_at_the_end_of_a_file_that_is_not_empty_is_refused() {
        let mut sealed = Vec::new();
        let mut sealer = StreamSealer::new(&key(1), b"backup", &mut sealed).unwrap();
        let mut chunk = plain(CHUNK_SIZE);
        sealer.file.seal(&mut chunk, false, &mut sealed).unwrap();
        sealer.finish(&mut sealed).unwrap();
        assert_eq!(open(&sealed).unwrap_err(), Error::Damaged);
    }

    #[test]
    fn a_wrong_key_a_wrong_context_and_what_is_no_stream_are_told_apart() {
        let sealed = seal(&plain(10));
        assert_eq!(open_as(&key(2), b"backup", &sealed).unwrap_err(), Error::WrongKey);
        assert_eq!(
            open_as(&key(1), b"other", &sealed).unwrap_err(),
            Error::WrongContext
        );
        assert_eq!(open(&[7; 200]).unwrap_err(), Error::UnknownFormat);
        assert_eq!(open(b"short").unwrap_err(), Error::UnknownFormat);
        assert_eq!(StreamHeader::parse(&sealed).unwrap().key_id(), key(1).id());
        assert_eq!(StreamHeader::parse(&sealed[..20]), Err(Error::Truncated));
        assert_eq!(StreamHeader::parse(b"privet"), Err(Error::UnknownFormat));
    }

    #[test]
    fn an_opener_that_failed_goes_on_failing() {
        let mut sealed = seal(&plain(3 * CHUNK_SIZE));
        sealed[STREAM_HEADER_SIZE] ^= 1;
        let key = key(1);
        let mut opener = StreamOpener::new(&key, b"backup");
        let mut out = Vec::new();
        assert_eq!(opener.push(&sealed, &mut out), Err(Error::Damaged));
        assert_eq!(opener.push(b"x", &mut out), Err(Error::Damaged));
        assert_eq!(format!("{opener:?}"), "StreamOpener([secret])");
        assert_eq!(opener.finish(&mut out), Err(Error::Damaged));
        assert!(out.is_empty());
    }

    #[test]
    fn one_file_sealed_twice_shares_no_chunk() {
        let (one, two) = (seal(&plain(100)), seal(&plain(100)));
        assert_ne!(one[STREAM_HEADER_SIZE..], two[STREAM_HEADER_SIZE..]);
    }

    #[test]
    fn no_nonce_comes_twice() {
        let mut file = FileKey::new(&key(1), &[0; SALT_SIZE], b"");
        let mut seen = std::collections::BTreeSet::new();
        for next in [0, 1, 255, 256, 65_535, MAX_CHUNKS - 1] {
            file.next = next;
            for is_last in [false, true] {
                assert!(seen.insert(*file.nonce(is_last).unwrap().as_ref()));
            }
        }
        file.next = MAX_CHUNKS;
        assert_eq!(file.nonce(false).err(), Some(Error::KeyWornOut));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_file_comes_back_however_it_is_cut_into_pieces(
            length in 0..3 * CHUNK_SIZE, plain_piece in 1..100_000_usize, sealed_piece in 1..100_000_usize,
        ) {
            let file = plain(length);
            let mut sealed = Vec::new();
            let mut sealer = StreamSealer::new(&key(1), b"backup", &mut sealed).unwrap();
            for piece in file.chunks(plain_piece) {
                sealer.push(piece, &mut sealed).unwrap();
            }
            sealer.finish(&mut sealed).unwrap();
            let key = key(1);
            let mut opener = StreamOpener::new(&key, b"backup");
            let mut opened = Vec::new();
            for piece in sealed.chunks(sealed_piece) {
                opener.push(piece, &mut opened).unwrap();
            }
            opener.finish(&mut opened).unwrap();
            prop_assert!(opened == file);
        }
    }
}
