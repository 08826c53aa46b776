//! The bytes of a spool segment: written here, read here.
//!
//! A segment is a header and records, all integers little-endian:
//! ```text
//! header = "PRVSPL1\n" | first seq: u64 | seal of nothing (28 bytes)
//! record = length of sealed: u32 | seq: u64 | synced: u64 | sealed JSON of the event
//! ```
//! Each segment has its own key (root key, node id, first seq); a record is sealed to the place (seq, synced).
//! `synced` is the last number that was durable when the record was written. It tells damage from a torn tail: a
//! record that cannot be read is the loss of a promise only if a later one says that it was durable.

use std::io;
use std::ops::Range;

use privet_crypto::{RootKey, SealingKey};

/// Nonce and tag of AES-256-GCM.
const SEAL: usize = 28;
const MAGIC: &[u8; 8] = b"PRVSPL1\n";

/// Bytes before the first record.
pub(super) const HEADER: usize = 16 + SEAL;

/// Bytes of a record besides its JSON.
pub(super) const RECORD_OVERHEAD: usize = 20 + SEAL;

/// Largest event taken, as JSON. Events hold names and counts only; a usual one has some 500 bytes.
pub(super) const MAX_JSON: usize = 64 << 10;

/// The key of one segment.
pub(super) struct SegmentKey(SealingKey);

/// A whole record as it lies in a segment.
struct Frame<'a> {
    seq: u64,
    synced: u64,
    sealed: &'a [u8],
    /// Offset behind it.
    end: usize,
}

/// What a whole segment holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contents {
    /// Number behind the last readable record.
    pub(super) next: u64,
    /// Offset behind the last readable record.
    pub(super) end: usize,
    /// Offset behind the last record numbered up to the `passed` that was asked for.
    pub(super) passed_end: usize,
}

/// Why a segment cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// Written under another root key or node id.
    Foreign,
    /// A record that was durable cannot be read: this one.
    At(u64),
}

impl SegmentKey {
    pub(super) fn new(root: &RootKey, node: &str, first: u64) -> Self {
        let mut context = node.as_bytes().to_vec();
        context.extend_from_slice(&first.to_le_bytes());
        Self(root.sealing_key("privet/store/spool", &context))
    }

    /// Appends the segment's header to `buffer`.
    pub(super) fn write_header(&self, buffer: &mut Vec<u8>, first: u64) -> io::Result<()> {
        let seal = self.0.seal(MAGIC, b"").map_err(io::Error::other)?;
        buffer.extend_from_slice(MAGIC);
        buffer.extend_from_slice(&first.to_le_bytes());
        buffer.extend_from_slice(&seal);
        Ok(())
    }

    /// Appends event `seq` to `buffer`, saying that all up to `synced` are durable.
    pub(super) fn write_record(
        &self,
        buffer: &mut Vec<u8>,
        seq: u64,
        synced: u64,
        json: &[u8],
    ) -> io::Result<()> {
        let sealed = self.0.seal(&place(seq, synced), json).map_err(io::Error::other)?;
        let length = u32::try_from(sealed.len()).map_err(io::Error::other)?;
        buffer.extend_from_slice(&length.to_le_bytes());
        buffer.extend_from_slice(&seq.to_le_bytes());
        buffer.extend_from_slice(&synced.to_le_bytes());
        buffer.extend_from_slice(&sealed);
        Ok(())
    }

    /// The JSON of the record numbered `seq` at `offset`, and the offset behind it; `None` if that record is not there.
    pub(super) fn read_record(&self, bytes: &[u8], offset: usize, seq: u64) -> Option<(Vec<u8>, usize)> {
        let frame = frame(bytes, offset).filter(|frame| frame.seq == seq)?;
        Some((self.open(&frame)?, frame.end))
    }

    /// Reads the whole segment whose first record is `first`.
    ///
    /// `next_first`: first number of the segment after it. A segment ends where the next begins; what lies behind is
    /// what a failed write left. `None` for the last segment, which alone may have a torn tail. The caller holds the
    /// result's `next` against `next_first`.
    pub(super) fn read_all(
        &self,
        bytes: &[u8],
        first: u64,
        next_first: Option<u64>,
        passed: u64,
    ) -> Result<Contents, Damage> {
        let mut contents = Contents {
            next: first,
            end: HEADER,
            passed_end: HEADER,
        };
        match self.check_header(bytes, first) {
            Some(true) => {}
            Some(false) => return Err(Damage::Foreign),
            None if next_first.is_some() => return Err(Damage::At(first)),
            // The header is written with the first records: if it did not reach the disk, none of them was durable.
            None => return Ok(Contents { end: 0, ..contents }),
        }
        while next_first.is_none_or(|next| contents.next < next) {
            let Some((_, end)) = self.read_record(bytes, contents.end, contents.next) else {
                break;
            };
            contents.end = end;
            if contents.next <= passed {
                contents.passed_end = end;
            }
            contents.next += 1;
        }
        if next_first.is_none() && self.was_durable(bytes, contents.end, contents.next) {
            return Err(Damage::At(contents.next));
        }
        Ok(contents)
    }

    /// `None`: it never reached the disk (cut short, or zeros). Else whether it belongs to this key and number.
    fn check_header(&self, bytes: &[u8], first: u64) -> Option<bool> {
        let header = bytes.get(..HEADER)?;
        if header.iter().all(|&byte| byte == 0) {
            return None;
        }
        let seal = header
            .strip_prefix(MAGIC)
            .and_then(|rest| rest.strip_prefix(&first.to_le_bytes()))
            .is_some_and(|seal| self.0.open(MAGIC, seal).is_ok());
        Some(seal)
    }

    /// Whether a record after the unreadable one at `offset` says that number `seq` was durable. Looks at every offset,
    /// since the unreadable record's length means nothing; decrypts only where the numbers are plausible.
    fn was_durable(&self, bytes: &[u8], offset: usize, seq: u64) -> bool {
        let at_most = (bytes.len() - offset.min(bytes.len())) / RECORD_OVERHEAD;
        let later: Range<u64> = seq + 1..seq + 1 + at_most as u64;
        (offset + 1..bytes.len())
            .filter_map(|offset| frame(bytes, offset))
            .any(|frame| later.contains(&frame.seq) && frame.synced >= seq && self.open(&frame).is_some())
    }

    fn open(&self, frame: &Frame<'_>) -> Option<Vec<u8>> {
        self.0
            .open(&place(frame.seq, frame.synced), frame.sealed)
            .ok()
            .map(|mut json| std::mem::take(&mut *json))
    }
}

/// The numbers a record is bound to; the segment and node are in the key.
fn place(seq: u64, synced: u64) -> [u8; 16] {
    let mut place = [0; 16];
    let (first, second) = place.split_at_mut(8);
    first.copy_from_slice(&seq.to_le_bytes());
    second.copy_from_slice(&synced.to_le_bytes());
    place
}

/// The record at `offset`, if it is whole and not larger than one may be.
fn frame(bytes: &[u8], offset: usize) -> Option<Frame<'_>> {
    let (length, rest) = bytes.get(offset..)?.split_first_chunk::<4>()?;
    let (seq, rest) = rest.split_first_chunk::<8>()?;
    let (synced, rest) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u32::from_le_bytes(*length))
        .ok()
        .filter(|&length| length <= MAX_JSON + SEAL)?;
    let sealed = rest.get(..length)?;
    Some(Frame {
        seq: u64::from_le_bytes(*seq),
        synced: u64::from_le_bytes(*synced),
        sealed,
        end: offset + 20 + length,
    })
}
