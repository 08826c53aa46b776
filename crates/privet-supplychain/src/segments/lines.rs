//! From bytes to lines.

use std::ops::Range;

/// Bytes between two counts.
const STRIDE: usize = 4096;

/// Line numbers of a text: built in one pass, then each look-up reads at most 4 KiB. Lines end with `\n`.
pub struct Lines<'a> {
    bytes: &'a [u8],
    /// Line breaks before each stride.
    counts: Vec<u32>,
}

impl std::fmt::Debug for Lines<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("bytes", &self.bytes.len()).finish()
    }
}

impl<'a> Lines<'a> {
    /// Counts the lines of `bytes`. O(n) time, n/1024 bytes of memory.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        let mut so_far = 0_u32;
        let counts = bytes
            .chunks(STRIDE)
            .map(|chunk| {
                let before = so_far;
                so_far = so_far.saturating_add(breaks(chunk));
                before
            })
            .collect();
        Self { bytes, counts }
    }

    /// The line, from 1, in which byte `offset` stands. Offsets past the end are in the last line.
    #[must_use]
    pub fn line(&self, offset: u64) -> u32 {
        let offset = self.clamped(offset);
        let stride = (offset / STRIDE).min(self.counts.len().saturating_sub(1));
        let before = self.counts.get(stride).copied().unwrap_or(0);
        let rest = self.bytes.get(stride * STRIDE..offset).unwrap_or_default();
        before.saturating_add(breaks(rest)).saturating_add(1)
    }

    /// The bytes of the line in which `offset` stands, without its line end.
    #[must_use]
    pub fn line_span(&self, offset: u64) -> Range<u64> {
        let offset = self.clamped(offset);
        let start = self
            .bytes
            .get(..offset)
            .and_then(|before| memchr::memrchr(b'\n', before))
            .map_or(0, |at| at + 1);
        let end = self
            .bytes
            .get(offset..)
            .and_then(|rest| memchr::memchr(b'\n', rest))
            .map_or(self.bytes.len(), |at| offset + at);
        let line = self.bytes.get(start..end).unwrap_or_default();
        let end = if line.last() == Some(&b'\r') { end - 1 } else { end };
        start as u64..end as u64
    }

    fn clamped(&self, offset: u64) -> usize {
        usize::try_from(offset).map_or(self.bytes.len(), |at| at.min(self.bytes.len()))
    }
}

fn breaks(bytes: &[u8]) -> u32 {
    u32::try_from(memchr::memchr_iter(b'\n', bytes).count()).unwrap_or(u32::MAX)
}

/// Line and byte in that line, both from 1, of one place.
pub(super) fn position(bytes: &[u8], at: usize) -> (u32, u32) {
    let before = bytes.get(..at).unwrap_or(bytes);
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |n| n + 1);
    let column = u32::try_from(before.len() - line_start).unwrap_or(u32::MAX);
    (breaks(before).saturating_add(1), column.saturating_add(1))
}
