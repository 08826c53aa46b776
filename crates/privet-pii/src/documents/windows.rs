//! Plain text of any length, in windows that overlap.

use std::io::Read;

use super::Error;

/// Bytes of text that one window answers for, at most.
const CORE: usize = 256 * 1024;
/// Bytes of text that a window sees to either side of what it answers for. A value that crosses a cut is found as in the
/// whole text if it is no longer than this less the words looked at beside it: 16,000 bytes are safe. (A private key of
/// RSA 16384 in PEM has 12,700.)
const OVERLAP: usize = 16 * 1024;

/// A stretch of a text, and which part of it is its own: what begins in `core` belongs to this window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// What is looked at.
    pub text: String,
    /// Bytes of the whole text before this one.
    pub before: u64,
    /// First byte of `text` that is its own.
    pub core_start: usize,
    /// One past the last byte of `text` that is its own.
    pub core_end: usize,
}

/// Reads a text as windows. Their cores follow each other without a gap.
pub struct Windows<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Where the next core begins in `buffer`.
    start: usize,
    /// Bytes of the text before `buffer`.
    before: u64,
    is_at_end: bool,
    core: usize,
    overlap: usize,
}

impl<R: Read> Windows<R> {
    /// Reads from `reader`, 256 KiB at a time and 16 KiB to either side.
    pub fn new(reader: R) -> Self {
        Self::with(reader, CORE, OVERLAP)
    }

    /// The same with other sizes, in bytes, for tests; both at least 16.
    #[doc(hidden)]
    pub const fn with(reader: R, core: usize, overlap: usize) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
            start: 0,
            before: 0,
            is_at_end: false,
            core,
            overlap,
        }
    }

    /// The next window; none at the end.
    ///
    /// # Errors
    /// [`Error::Read`] if the text cannot be read, [`Error::Utf8`] if it is not UTF-8.
    pub fn next_window(&mut self) -> Result<Option<Window>, Error> {
        let wanted = self.start + self.core + self.overlap;
        fill(&mut self.reader, &mut self.buffer, wanted, &mut self.is_at_end)?;
        if self.start >= self.buffer.len() {
            return Ok(None);
        }
        let cut = if self.buffer.len() <= self.start + self.core {
            self.buffer.len()
        } else {
            cut_before(&self.buffer, self.start + self.core / 2, self.start + self.core)
        };
        let end = if self.buffer.len() <= cut + self.overlap {
            self.buffer.len()
        } else {
            cut_before(&self.buffer, cut + self.overlap / 2, cut + self.overlap)
        };
        let bytes = self.buffer.get(..end).unwrap_or_default();
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(error) => {
                return Err(Error::Utf8 {
                    at: self.before + error.valid_up_to() as u64,
                });
            }
        };
        let window = Window {
            text,
            before: self.before,
            core_start: self.start,
            core_end: cut,
        };
        let keep = if cut <= self.overlap {
            0
        } else {
            cut_after(&self.buffer, cut - self.overlap, cut - self.overlap / 2)
        };
        self.buffer.drain(..keep);
        self.before += keep as u64;
        self.start = cut - keep;
        Ok(Some(window))
    }
}

fn fill(
    reader: &mut impl Read,
    buffer: &mut Vec<u8>,
    wanted: usize,
    is_at_end: &mut bool,
) -> Result<(), Error> {
    if !*is_at_end && buffer.len() < wanted {
        let missing = (wanted - buffer.len()) as u64;
        let read = reader.by_ref().take(missing).read_to_end(buffer)?;
        *is_at_end = (read as u64) < missing;
    }
    Ok(())
}

/// Behind the last line end in `low..high`, else the character bound next to `high`.
fn cut_before(bytes: &[u8], low: usize, high: usize) -> usize {
    let range = bytes.get(low..high).unwrap_or_default();
    match range.iter().rposition(|b| *b == b'\n') {
        Some(at) => low + at + 1,
        None => bound(bytes, high),
    }
}

/// Behind the first line end in `low..high`, else the character bound next to `low`: where the overlap to the left begins.
fn cut_after(bytes: &[u8], low: usize, high: usize) -> usize {
    let range = bytes.get(low..high).unwrap_or_default();
    match range.iter().position(|b| *b == b'\n') {
        Some(at) => low + at + 1,
        None => bound(bytes, low),
    }
}

/// `at`, or the start of the character it lies in.
fn bound(bytes: &[u8], at: usize) -> usize {
    let is_inside = |i: &usize| bytes.get(*i).is_some_and(|b| (*b as i8) < -0x40);
    (at.saturating_sub(3)..=at)
        .rev()
        .find(|i| !is_inside(i))
        .unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(text: &str, core: usize, overlap: usize) -> Vec<Window> {
        let mut reader = Windows::with(text.as_bytes(), core, overlap);
        let mut all = Vec::new();
        while let Some(window) = reader.next_window().unwrap() {
            all.push(window);
        }
        all
    }

    #[test]
    fn cores_make_the_text_and_windows_see_beyond_them() {
        for text in [
            "",
            "short",
            &"éa\n".repeat(99),
            &"x".repeat(301),
            &"😀".repeat(77),
        ] {
            for (core, overlap) in [(16, 8), (40, 16), (1000, 16)] {
                let windows = windows(text, core, overlap);
                let cores: Vec<_> = windows
                    .iter()
                    .map(|w| w.text.get(w.core_start..w.core_end).unwrap())
                    .collect();
                assert_eq!(cores.concat(), text);
                let mut at = 0;
                for window in windows {
                    let core_length = window.core_end - window.core_start;
                    let from = at - window.core_start;
                    assert!(core_length > 0 && text.as_bytes()[from..].starts_with(window.text.as_bytes()));
                    let left = window.core_start;
                    let right = window.text.len() - window.core_end;
                    assert!(left == at || left + 4 >= overlap / 2, "{left}");
                    at += core_length;
                    assert!(right == text.len() - at || right + 4 >= overlap / 2, "{right}");
                }
            }
        }
    }

    #[test]
    fn cuts_are_at_line_ends_where_there_are_any() {
        let text = "one line\n".repeat(40);
        let all = windows(&text, 64, 20);
        assert!(
            all.iter()
                .all(|w| w.text.as_bytes()[..w.core_end].ends_with(b"\n"))
        );
        assert!(all.len() > 4);
    }

    #[test]
    fn a_text_that_is_not_utf8_is_refused_with_its_place() {
        let mut bytes = "a".repeat(100).into_bytes();
        bytes.push(0xe4);
        bytes.extend_from_slice(&[b'a'; 10]);
        let mut reader = Windows::with(bytes.as_slice(), 16, 8);
        let error = loop {
            match reader.next_window() {
                Ok(window) => assert!(window.is_some()),
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.contains("at byte 100"), "{error}");
    }
}
