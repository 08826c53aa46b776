//! Texts that come in pieces, of any length: windows that overlap, and the findings of the whole text.

use privet_types::{Budget, Finding, Span};

use crate::{Analyzer, Error};

/// Bytes of text that one window answers for, at most.
const CORE: usize = 256 * 1024;
/// Bytes of text that a window sees to either side of what it answers for. A value that crosses a cut is found as in the
/// whole text if it is no longer than this less the words looked at beside it: 16,000 bytes are safe. (A private key of
/// RSA 16384 in PEM has 12,700.)
const OVERLAP: usize = 16 * 1024;

/// A stretch of a text, and which part of it is its own: what begins in the core belongs to this window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The stretch.
    pub text: String,
    /// Bytes of the whole text before this one.
    pub before: u64,
    /// First byte of the core in `text`.
    pub core_start: usize,
    /// One past the last byte of the core in `text`.
    pub core_end: usize,
}

impl Window {
    /// Whether `span` of this window's text is this window's to report: it begins in the core.
    #[must_use]
    pub const fn owns(&self, span: Span) -> bool {
        self.core_start <= span.start && span.start < self.core_end
    }
}

/// Cuts a text that comes in pieces into windows. Their cores follow each other without a gap.
///
/// Where the cuts lie depends on the text alone, not on the pieces. Memory is bounded by the sizes of a window, if no
/// more than [`wanted`](Self::wanted) bytes are pushed at once.
///
/// ```
/// use privet_pii::Windows;
/// let mut windows = Windows::with_sizes(8, 4);
/// let mut cores = String::new();
/// for piece in ["one two t", "hree four"] {
///     windows.push(piece.as_bytes());
///     while let Some(window) = windows.next_window()? {
///         cores.push_str(&window.text[window.core_start..window.core_end]);
///     }
/// }
/// windows.end();
/// while let Some(window) = windows.next_window()? {
///     cores.push_str(&window.text[window.core_start..window.core_end]);
/// }
/// assert_eq!(cores, "one two three four");
/// # Ok::<(), privet_pii::Error>(())
/// ```
#[derive(Debug)]
pub struct Windows {
    buffer: Vec<u8>,
    /// Where the next core begins in `buffer`.
    start: usize,
    /// Bytes of the text before `buffer`.
    before: u64,
    is_at_end: bool,
    core: usize,
    overlap: usize,
}

impl Default for Windows {
    fn default() -> Self {
        Self::with_sizes(CORE, OVERLAP)
    }
}

impl Windows {
    /// Windows that answer for at most `core` bytes and see `overlap` bytes, at least half of it, to either side. Both are
    /// at least 8, so that any character fits.
    #[must_use]
    pub fn with_sizes(core: usize, overlap: usize) -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            before: 0,
            is_at_end: false,
            core: core.max(8),
            overlap: overlap.max(8),
        }
    }

    /// Bytes that are missing for the next window; 0 if it is ready.
    #[must_use]
    pub fn wanted(&self) -> usize {
        if self.is_at_end {
            0
        } else {
            self.full().saturating_sub(self.buffer.len())
        }
    }

    /// The next piece of the text; it may end inside a character.
    pub fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// Says that the text has ended.
    pub fn end(&mut self) {
        self.is_at_end = true;
    }

    const fn full(&self) -> usize {
        self.start + self.core + self.overlap
    }

    /// The next window; none if more text is needed or the text is at its end.
    ///
    /// # Errors
    /// [`Error::NotUtf8`] if the text is not UTF-8.
    pub fn next_window(&mut self) -> Result<Option<Window>, Error> {
        if self.wanted() > 0 || self.start >= self.buffer.len() {
            return Ok(None);
        }
        // What lies behind must not count: it is not there yet where pieces are small.
        let seen = self.buffer.get(..self.full()).unwrap_or(&self.buffer);
        let is_whole = self.is_at_end && seen.len() == self.buffer.len();
        let cut = if is_whole && seen.len() <= self.start + self.core {
            seen.len()
        } else {
            cut_before(seen, self.start + self.core / 2, self.start + self.core)
        };
        let end = if is_whole && seen.len() <= cut + self.overlap {
            seen.len()
        } else {
            cut_before(seen, cut + self.overlap / 2, cut + self.overlap)
        };
        let text = std::str::from_utf8(seen.get(..end).unwrap_or_default());
        let text = text.map_err(|error| Error::NotUtf8 {
            at: self.before + error.valid_up_to() as u64,
        })?;
        let window = Window {
            text: text.to_owned(),
            before: self.before,
            core_start: self.start,
            core_end: cut,
        };
        let keep = if cut <= self.overlap {
            0
        } else {
            cut_after(seen, cut - self.overlap, cut - self.overlap / 2)
        };
        self.buffer.drain(..keep);
        self.before += keep as u64;
        self.start = cut - keep;
        Ok(Some(window))
    }
}

/// Finds personal data in a text that comes in pieces, as in the whole text.
///
/// However the text is cut into pieces, inside characters too, the findings are the same; and they are those of
/// [`Analyzer::analyze`] over the whole text for values of up to 16,000 bytes. Memory does not grow with the text.
///
/// ```
/// use privet_pii::{Analyzer, Config, StreamAnalyzer};
/// use privet_types::Budget;
/// let analyzer = Analyzer::new(&Config::default())?;
/// let mut stream = StreamAnalyzer::new(&analyzer);
/// let mut found = stream.push(b"write to ann@exa", &Budget::unlimited())?;
/// found.extend(stream.push(b"mple.com today", &Budget::unlimited())?);
/// found.extend(stream.finish(&Budget::unlimited())?);
/// assert_eq!((found[0].span.start, found[0].span.end), (9, 24));
/// # Ok::<(), privet_pii::Error>(())
/// ```
#[derive(Debug)]
pub struct StreamAnalyzer<'a> {
    analyzer: &'a Analyzer,
    windows: Windows,
    /// Where the last finding ended, in the whole text.
    end: usize,
}

impl<'a> StreamAnalyzer<'a> {
    /// A text of which nothing has come yet.
    #[must_use]
    pub fn new(analyzer: &'a Analyzer) -> Self {
        Self::with_windows(analyzer, Windows::default())
    }

    /// The same with windows of another size: smaller ones answer sooner, and see less beside a value.
    #[must_use]
    pub const fn with_windows(analyzer: &'a Analyzer, windows: Windows) -> Self {
        Self {
            analyzer,
            windows,
            end: 0,
        }
    }

    /// Takes the next piece; gives the findings that are certain by now, disjoint and in order, with offsets in bytes of
    /// the whole text.
    ///
    /// # Errors
    /// [`Error::NotUtf8`] if the text is not UTF-8; else as [`Analyzer::analyze`]. Nothing is known of what follows then.
    pub fn push(&mut self, piece: &[u8], budget: &Budget) -> Result<Vec<Finding>, Error> {
        let mut found = Vec::new();
        let mut rest = piece;
        loop {
            self.ready(budget, &mut found)?;
            let Some((now, later)) = rest.split_at_checked(self.windows.wanted().min(rest.len())) else {
                return Ok(found);
            };
            if now.is_empty() {
                return Ok(found);
            }
            self.windows.push(now);
            rest = later;
        }
    }

    /// The text has ended: gives the findings in what is left of it.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn finish(mut self, budget: &Budget) -> Result<Vec<Finding>, Error> {
        let mut found = Vec::new();
        self.windows.end();
        self.ready(budget, &mut found)?;
        Ok(found)
    }

    fn ready(&mut self, budget: &Budget, found: &mut Vec<Finding>) -> Result<(), Error> {
        while let Some(window) = self.windows.next_window()? {
            let before = usize::try_from(window.before).unwrap_or(usize::MAX);
            let own = self.analyzer.analyze(&window.text, None, budget)?;
            for mut finding in own.into_iter().filter(|f| window.owns(f.span)) {
                // INVARIANT: disjoint, also where two windows disagree on where a long value begins.
                let start = finding.span.start.saturating_add(before).max(self.end);
                finding.span = Span::new(start, finding.span.end.saturating_add(before));
                if !finding.span.is_empty() {
                    self.end = finding.span.end;
                    found.push(finding);
                }
            }
        }
        Ok(())
    }
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

/// `at`, or the start of the character it lies in. At the very end nobody knows whether a character goes on: it is taken
/// as cut, if it is longer than what is there of it.
fn bound(bytes: &[u8], at: usize) -> usize {
    let at = at.min(bytes.len());
    let from = at.saturating_sub(3);
    let Some(last) = (from..at)
        .rev()
        .find(|i| bytes.get(*i).is_some_and(|b| !(0x80..0xc0).contains(b)))
    else {
        return at;
    };
    let length = match bytes.get(last).copied().unwrap_or_default() {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    };
    if last + length > at { last } else { at }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(text: &[u8], core: usize, overlap: usize) -> Result<Vec<Window>, Error> {
        let mut windows = Windows::with_sizes(core, overlap);
        let mut all = Vec::new();
        windows.push(text);
        windows.end();
        while let Some(window) = windows.next_window()? {
            all.push(window);
        }
        Ok(all)
    }

    #[test]
    fn cores_make_the_text_and_windows_see_beyond_them() {
        for text in [
            "",
            "short",
            &"éa\n".repeat(99),
            &"x".repeat(301),
            &"😀".repeat(77),
            &format!("a{}", "日".repeat(99)),
            &format!("ab{}", "😀日é".repeat(50)),
        ] {
            for (core, overlap) in [(16, 8), (40, 16), (41, 15), (1000, 16)] {
                let windows = windows(text.as_bytes(), core, overlap).unwrap();
                let cores: Vec<_> = windows
                    .iter()
                    .map(|w| w.text.get(w.core_start..w.core_end).unwrap())
                    .collect();
                assert_eq!(cores.concat(), text);
                let mut at = 0;
                for window in windows {
                    let core_length = window.core_end - window.core_start;
                    let from = at - window.core_start;
                    assert_eq!(from as u64, window.before);
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
        let all = windows(text.as_bytes(), 64, 20).unwrap();
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
        for (core, overlap) in [(16, 8), (48, 16), (1000, 16)] {
            let error = windows(&bytes, core, overlap).unwrap_err();
            assert!(matches!(error, Error::NotUtf8 { at: 100 }), "{error}");
        }
        bytes.truncate(101);
        let error = windows(&bytes, 50, 50).unwrap_err();
        assert!(matches!(error, Error::NotUtf8 { at: 100 }), "{error}");
    }
}
