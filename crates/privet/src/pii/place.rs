//! Positions in a text, in every unit people and programs count in.

use clap::ValueEnum;

/// What offsets count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Unit {
    /// UTF-8 bytes.
    #[default]
    Bytes,
    /// Unicode code points, as in Python and Presidio.
    Chars,
    /// UTF-16 code units, as in JavaScript and Java.
    Utf16,
}

/// How far a text goes. Places of texts that follow each other add up by [`Place::then`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    pub(crate) bytes: u64,
    pub(crate) chars: u64,
    pub(crate) utf16: u64,
    /// Line feeds.
    pub(crate) lines: u64,
    /// Code points after the last line feed.
    pub(crate) column: u64,
}

impl Place {
    /// How far `text` goes.
    pub(crate) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let lines = bytes.iter().filter(|b| **b == b'\n').count() as u64;
        let starts = |bytes: &[u8]| bytes.iter().filter(|b| (**b as i8) >= -0x40).count() as u64;
        let chars = starts(bytes);
        let column = match bytes.iter().rposition(|b| *b == b'\n') {
            None => chars,
            Some(at) => starts(bytes.get(at + 1..).unwrap_or_default()),
        };
        // Four-byte characters are surrogate pairs in UTF-16.
        let pairs = bytes.iter().filter(|b| **b >= 0xf0).count() as u64;
        Self {
            bytes: bytes.len() as u64,
            chars,
            utf16: chars + pairs,
            lines,
            column,
        }
    }

    /// The end of a text that ends with one that goes as far as `next`.
    pub(crate) const fn then(self, next: Self) -> Self {
        Self {
            bytes: self.bytes + next.bytes,
            chars: self.chars + next.chars,
            utf16: self.utf16 + next.utf16,
            lines: self.lines + next.lines,
            column: if next.lines > 0 {
                next.column
            } else {
                self.column + next.column
            },
        }
    }

    /// The offset in `unit`.
    pub(crate) const fn offset(self, unit: Unit) -> u64 {
        match unit {
            Unit::Bytes => self.bytes,
            Unit::Chars => self.chars,
            Unit::Utf16 => self.utf16,
        }
    }
}

/// Walks through a text and says where its bytes are, in rising order.
pub(crate) struct Walker<'t> {
    text: &'t str,
    place: Place,
}

impl<'t> Walker<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self {
            text,
            place: Place::default(),
        }
    }

    /// The place of byte `at`, which is no less than the one asked for before and on a character bound.
    pub(crate) fn to(&mut self, at: usize) -> Place {
        let from = usize::try_from(self.place.bytes).unwrap_or(usize::MAX);
        let between = self.text.get(from..at).unwrap_or_default();
        self.place = self.place.then(Place::of(between));
        self.place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_same_however_the_text_is_cut() {
        let text = "é\n😀a\r\nβx";
        let whole = Place::of(text);
        let all = Place {
            bytes: 13,
            chars: 8,
            utf16: 9,
            lines: 2,
            column: 2,
        };
        assert_eq!(whole, all);
        for (cut, _) in text.char_indices() {
            let (left, right) = text.split_at(cut);
            assert_eq!(Place::of(left).then(Place::of(right)), whole, "{cut}");
        }
    }

    #[test]
    fn a_walker_counts_from_the_beginning() {
        let mut walker = Walker::new("😀b");
        assert_eq!(walker.to(4).offset(Unit::Utf16), 2);
        assert_eq!(walker.to(5).offset(Unit::Chars), 2);
    }
}
