//! How a code is written: groups of letters and digits, and what stands between them.

/// Most groups of a code.
pub(super) const MOST_GROUPS: usize = 8;
/// Most letters and digits of a code.
pub(super) const MOST_CHARACTERS: usize = 32;
/// Most `?` in a shape; each doubles its layouts.
const MOST_OPTIONS: usize = 8;
/// What `_` in a shape stands for.
const OPTIONAL: [Option<u8>; 4] = [None, Some(b' '), Some(b'-'), Some(b'.')];

/// Whether `byte` can stand between two groups of a code.
pub(super) const fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'/' | b':' | b'+')
}

/// The lengths of the groups and the separators between them, hashed. Collisions cost a look, no more: the layouts are
/// compared by length and class, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signature(u64);

impl Signature {
    pub(super) const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Adds a group of `length` letters and digits.
    pub(super) const fn push_group(&mut self, length: usize) {
        self.mix(length as u64);
    }

    /// Adds a separator.
    pub(super) const fn push_separator(&mut self, separator: u8) {
        self.mix(0x100 | separator as u64);
    }

    /// FNV-1a's step over one symbol.
    const fn mix(&mut self, symbol: u64) {
        self.0 = (self.0 ^ symbol).wrapping_mul(0x0100_0000_01b3);
    }

    /// Where it belongs in a table of `mask` + 1 places.
    pub(super) const fn slot(self, mask: usize) -> usize {
        (self.0 ^ (self.0 >> 29)) as usize & mask
    }
}

/// Which characters are digits and which are letters; bit i speaks of character i.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Classes {
    digits: u32,
    letters: u32,
}

impl Classes {
    /// Whether a letter is among them.
    #[inline]
    pub(super) const fn has_letter(self) -> bool {
        self.letters != 0
    }

    /// Whether characters of these classes can stand where `needed` says which class each must have.
    #[inline]
    pub(super) const fn fit(self, needed: Self) -> bool {
        self.digits & needed.digits == needed.digits && self.letters & needed.letters == needed.letters
    }
}

/// The classes of letters and digits, at most [`MOST_CHARACTERS`].
pub(super) fn classes(compact: &[u8]) -> Classes {
    let mut classes = Classes::default();
    for (i, byte) in compact.iter().enumerate() {
        let bit = 1 << i;
        if byte.is_ascii_digit() {
            classes.digits |= bit;
        } else {
            classes.letters |= bit;
        }
    }
    classes
}

/// A shape as written in a spec.
pub(super) struct Shape {
    text: &'static [u8],
    is_capital: bool,
    has_plus: bool,
}

/// A shape with its optional separators decided.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) signature: Signature,
    /// The signatures of its first group, its first two groups and so on, all of them last.
    pub(super) prefixes: Vec<Signature>,
    /// Index of the spec.
    pub(super) spec: usize,
    /// Whether small letters do not fit.
    pub(super) is_capital: bool,
    /// Whether a plus sign stands before the first character and belongs to the code.
    pub(super) has_plus: bool,
    length: usize,
    classes: Classes,
    /// Characters that must be as they are: place and capital letter.
    literals: Vec<(usize, u8)>,
}

impl Shape {
    /// Reads a shape; none if it holds other characters, is too long or empty, or has two separators together. Every group
    /// needs a character that is never missing.
    pub(super) fn parse(text: &'static str) -> Option<Self> {
        let is_mark = |b: u8| is_separator(b) || b == b'_';
        let is_character = |b: u8| matches!(b, b'9' | b'A' | b'X' | b'a'..=b'z');
        let (text, is_capital) = text.strip_prefix('^').map_or((text, false), |rest| (rest, true));
        let (text, has_plus) = text.strip_prefix('+').map_or((text, false), |rest| (rest, true));
        let bytes = text.as_bytes();
        let characters = bytes.iter().filter(|b| is_character(**b)).count();
        let groups = bytes.split(|b| is_mark(*b));
        let options = |part: &[u8]| part.iter().filter(|b| **b == b'?').count();
        let is_sound = bytes
            .iter()
            .all(|b| is_character(*b) || is_mark(*b) || *b == b'?')
            && bytes
                .windows(2)
                .all(|w| w.last() != Some(&b'?') || w.first().is_some_and(|b| is_character(*b)))
            && options(bytes) <= MOST_OPTIONS
            && groups.clone().count() <= MOST_GROUPS
            && groups.clone().all(|g| g.len() > 2 * options(g))
            && characters <= MOST_CHARACTERS;
        is_sound.then_some(Self {
            text: bytes,
            is_capital,
            has_plus,
        })
    }

    /// Its layouts, one for each meaning of `_` and `?`.
    pub(super) fn layouts(&self, spec: usize) -> impl Iterator<Item = Layout> + '_ {
        self.variants()
            .into_iter()
            .flat_map(move |text| self.separated(spec, &text))
    }

    /// The shape with and without each character that may be missing.
    fn variants(&self) -> Vec<Vec<u8>> {
        let mut variants = vec![Vec::new()];
        for (i, byte) in self.text.iter().enumerate() {
            if *byte == b'?' {
                continue;
            }
            let without = match self.text.get(i + 1) {
                Some(b'?') => variants.clone(),
                _ => Vec::new(),
            };
            variants.iter_mut().for_each(|v: &mut Vec<u8>| v.push(*byte));
            variants.extend(without);
        }
        variants.sort();
        variants.dedup();
        variants
    }

    fn separated(&self, spec: usize, text: &[u8]) -> Vec<Layout> {
        let count = if text.contains(&b'_') { OPTIONAL.len() } else { 1 };
        OPTIONAL
            .iter()
            .take(count)
            .map(|optional| self.layout(spec, text, *optional))
            .collect()
    }

    fn layout(&self, spec: usize, text: &[u8], optional: Option<u8>) -> Layout {
        let mut layout = Layout {
            signature: Signature::new(),
            prefixes: Vec::new(),
            spec,
            is_capital: self.is_capital,
            has_plus: self.has_plus,
            length: 0,
            classes: Classes::default(),
            literals: Vec::new(),
        };
        let mut group = 0;
        for byte in text {
            let separator = match byte {
                b'_' => optional,
                _ if is_separator(*byte) => Some(*byte),
                _ => {
                    let bit = 1_u32 << layout.length;
                    match byte {
                        b'9' => layout.classes.digits |= bit,
                        b'A' => layout.classes.letters |= bit,
                        b'X' => {}
                        _ => layout.literals.push((layout.length, byte.to_ascii_uppercase())),
                    }
                    layout.length += 1;
                    group += 1;
                    continue;
                }
            };
            if let Some(separator) = separator {
                layout.push_group(group);
                layout.signature.push_separator(separator);
                group = 0;
            }
        }
        layout.push_group(group);
        layout
    }
}

impl Layout {
    fn push_group(&mut self, length: usize) {
        self.signature.push_group(length);
        self.prefixes.push(self.signature);
    }

    /// Which of its characters must be digits and which letters.
    pub(super) const fn classes(&self) -> Classes {
        self.classes
    }

    /// Whether digits alone cannot be a value of it.
    pub(super) fn needs_letter(&self) -> bool {
        self.classes.has_letter() || self.literals.iter().any(|(_, byte)| byte.is_ascii_alphabetic())
    }

    /// Whether the letters and digits `compact` of the classes `classes` can be a value of this layout.
    pub(super) fn fits(&self, compact: &[u8], classes: Classes) -> bool {
        compact.len() == self.length
            && classes.fit(self.classes)
            && self
                .literals
                .iter()
                .all(|(at, byte)| compact.get(*at) == Some(byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(shape: &'static str, text: &str) -> bool {
        let mut signature = Signature::new();
        let mut compact = Vec::new();
        let mut group = 0;
        for byte in text.bytes() {
            if is_separator(byte) {
                signature.push_group(group);
                signature.push_separator(byte);
                group = 0;
            } else {
                compact.push(byte.to_ascii_uppercase());
                group += 1;
            }
        }
        signature.push_group(group);
        Shape::parse(shape)
            .unwrap()
            .layouts(0)
            .any(|l| l.signature == signature && l.fits(&compact, classes(&compact)))
    }

    #[test]
    fn a_shape_fits_what_it_describes() {
        for (shape, text) in [
            ("999_99_9999", "123456789"),
            ("999_99_9999", "123-45-6789"),
            ("999_99_9999", "123 45 6789"),
            ("999.999.999-99", "123.456.789-09"),
            ("de999999999", "DE123456789"),
            ("deX9", "dez1"),
            ("A9999999A", "x1234567l"),
            ("^A9", "K9"),
            ("+99 9", "63 9"),
            ("AA?-9?9", "B-7"),
            ("AA?-9?9", "HH-12"),
            ("999999+9", "123456+7"),
        ] {
            assert!(fits(shape, text), "{shape} {text}");
        }
    }

    #[test]
    fn a_shape_does_not_fit_anything_else() {
        for (shape, text) in [
            ("999_99_9999", "123-45 6789"),
            ("999_99_9999", "12-345-6789"),
            ("999_99_9999", "12345678"),
            ("999", "12A"),
            ("AAA", "12A"),
            ("de9", "ED1"),
            ("AA?-9?9", "HHH-12"),
            ("AA?-9?9", "HH-"),
        ] {
            assert!(!fits(shape, text), "{shape} {text}");
        }
    }

    #[test]
    fn shapes_that_cannot_be_read_are_refused() {
        for shape in [
            "",
            "9--9",
            "-9",
            "9#",
            "^",
            "9^",
            "9+",
            "?9",
            "9??",
            "A-9?",
            "9-?9",
            "999999999999999999999999999999999",
        ] {
            assert!(Shape::parse(shape).is_none(), "{shape}");
        }
    }
}
