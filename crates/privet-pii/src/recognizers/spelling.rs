//! Text spelt out as lower-case words between single spaces, in which words are looked for.

use super::class::{self, DIGIT, LETTER, LOWER, UPPER};
use super::eight::Eight;
use crate::letters::is_alphabetic;

/// Whether words of the script of `c` stand between spaces. Chinese, Japanese and Thai ones do not.
pub(crate) const fn is_spaced_script(c: char) -> bool {
    !matches!(c, '\u{e00}'..='\u{e7f}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..)
}

/// Letters, and the marks inside words of Devanagari and Arabic that are no letters by themselves.
fn is_letter(c: char) -> bool {
    is_alphabetic(c)
        || matches!(c, '\u{900}'..='\u{903}' | '\u{93a}'..='\u{94f}' | '\u{64b}'..='\u{65f}' | '\u{670}')
}

/// Spells `text` out as lower-case words between single spaces, with a space at either end, into `out`.
pub(crate) fn spell(text: &str, out: &mut String) {
    spell_with(text, out, |_, _| {});
}

/// Longest ASCII text that is spelt without room from the heap: the windows beside a value, and names.
const USUAL: usize = 64;
/// Room for it: every byte may need a space before it, and eight are written at once.
const ROOM: usize = 2 * USUAL + 2 + Eight::LEN;

/// A text as [`spell`] makes it. What is read beside a value fits into itself.
pub(crate) struct Spelling {
    short: [u8; ROOM],
    /// How much of `short` counts; 0 if the text is in `long`.
    len: usize,
    long: String,
}

impl Default for Spelling {
    fn default() -> Self {
        Self {
            short: [0; ROOM],
            len: 0,
            long: String::new(),
        }
    }
}

impl Spelling {
    /// The text that was spelt last, in UTF-8.
    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self.len {
            0 => self.long.as_bytes(),
            len => self.short.get(..len).unwrap_or_default(),
        }
    }

    /// Spells `text` out.
    pub(crate) fn spell(&mut self, text: &str) {
        self.spell_parts(text, 0);
    }

    /// Spells `text` out; at `cut`, which lies in no word, its near words begin. Returns where they do, the space before the
    /// first included, if the text is short and of scripts whose words begin and end where letters do; otherwise nothing is known
    /// of that.
    pub(crate) fn spell_parts(&mut self, text: &str, cut: usize) -> Option<usize> {
        if text.len() > USUAL {
            self.len = 0;
            spell(text, &mut self.long);
            return None;
        }
        let (far, near) = text.split_at_checked(cut).unwrap_or((text, ""));
        let mut short = Short {
            out: &mut self.short,
            len: 0,
            last: 0,
        };
        short.space();
        short.write(far);
        let begin = short.len - usize::from(short.last == 0);
        short.write(near);
        if short.last != 0 {
            short.space();
        }
        self.len = short.len;
        text.bytes().all(|byte| byte < ARABIC).then_some(begin)
    }
}

/// The first byte of a character of Arabic, U+0600, or of a later script: letters and marks are not the same there to all who
/// look for the ends of words.
const ARABIC: u8 = 0xd8;

/// A text of at most [`USUAL`] bytes, spelt.
struct Short<'b> {
    out: &'b mut [u8; ROOM],
    len: usize,
    /// The class of the last byte, 0 if that is a space.
    last: u8,
}

impl Short<'_> {
    /// Writes the words of `text` behind what is written already.
    fn write(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        while let [byte, more @ ..] = rest {
            if !byte.is_ascii() {
                let c = text.get(text.len() - rest.len()..).and_then(|t| t.chars().next());
                let Some(c) = c else { return };
                self.foreign(c);
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
                continue;
            }
            let this = class::of(*byte) & (LETTER | DIGIT);
            if !joins(self.last, this) && self.last != 0 {
                self.space();
            }
            if this & LETTER == 0 {
                if this != 0 {
                    self.put([*byte], 1);
                }
                self.last = this;
                rest = more;
                continue;
            }
            let eight = Eight::read(rest);
            let letters = eight.letters(false);
            self.put(eight.all_small(), letters);
            self.last = if eight.is_small(letters - 1) { LOWER } else { UPPER };
            rest = rest.get(letters..).unwrap_or_default();
        }
    }

    /// Writes a character outside ASCII.
    fn foreign(&mut self, c: char) {
        let this = foreign_class(c);
        if !joins(self.last, this) && self.last != 0 {
            self.space();
        }
        if this != 0 {
            let is_small = this & LOWER != 0 || has_no_case(c);
            let small = (!is_small).then(|| c.to_lowercase());
            let written = small.into_iter().flatten().chain(is_small.then_some(c));
            for c in written {
                let mut bytes = [0; 4];
                let len = c.encode_utf8(&mut bytes).len();
                self.put(bytes, len);
            }
        }
        self.last = this;
    }

    #[inline]
    fn space(&mut self) {
        self.put([b' '], 1);
    }

    /// Writes `bytes`, of which the first `len` count.
    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N], len: usize) {
        let rest = self.out.get_mut(self.len..).unwrap_or_default();
        if let Some(place) = rest.first_chunk_mut() {
            *place = bytes;
        }
        self.len += len;
    }
}

/// [`spell`], which tells `see` for each character where it stands in `text` and how long `out` is before it.
pub(crate) fn spell_with(text: &str, out: &mut String, mut see: impl FnMut(usize, usize)) {
    out.clear();
    out.push(' ');
    // Every character may need a space before it.
    out.reserve(text.len() + text.len() / 2 + 1);
    let mut last = 0;
    let mut is_space = true;
    for (at, c) in text.char_indices() {
        let this = match u8::try_from(c) {
            Ok(byte @ 0..0x80) => class::of(byte) & (LETTER | DIGIT),
            _ => foreign_class(c),
        };
        if !joins(last, this) && !is_space {
            out.push(' ');
            is_space = true;
        }
        see(at, out.len());
        if c.is_ascii() {
            if this != 0 {
                out.push(c.to_ascii_lowercase());
                is_space = false;
            }
        } else if this != 0 {
            if this & LOWER != 0 || has_no_case(c) {
                out.push(c);
            } else {
                out.extend(c.to_lowercase());
            }
            is_space = false;
        }
        last = this;
    }
    if !is_space {
        out.push(' ');
    }
}

/// A letter outside ASCII, with or without case.
const UNCASED: u8 = 32;

/// Whether a character of the class `this` goes on with the word that ends with one of the class `last`.
#[inline]
const fn joins(last: u8, this: u8) -> bool {
    const ANY: u8 = LETTER | UNCASED;
    this & last & DIGIT != 0
        || this & ANY != 0 && last & ANY != 0 && !(this & UPPER != 0 && last & LOWER != 0)
}

/// The class of a character outside ASCII: [`DIGIT`] for any number, [`LOWER`], [`UPPER`], and [`UNCASED`] for any letter.
fn foreign_class(c: char) -> u8 {
    // Latin letters with marks.
    match c {
        '\u{d7}' | '\u{f7}' => return 0,
        '\u{c0}'..='\u{de}' => return UPPER | UNCASED,
        '\u{df}'..='\u{ff}' => return LOWER | UNCASED,
        _ => {}
    }
    let is_cased = !has_no_case(c);
    let bit = |is_one: bool, bit: u8| if is_one { bit } else { 0 };
    bit(is_letter(c), UNCASED)
        | bit(c.is_numeric(), DIGIT)
        | bit(is_cased && c.is_uppercase(), UPPER)
        | bit(is_cased && c.is_lowercase(), LOWER)
}

/// Scripts without capitals: Hebrew to Myanmar, kana, ideographs.
const fn has_no_case(c: char) -> bool {
    matches!(c, '\u{5d0}'..='\u{109f}' | '\u{3041}'..='\u{9fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelt(text: &str) -> String {
        let mut out = String::new();
        spell(text, &mut out);
        out
    }

    #[test]
    fn names_are_split_at_underscores_dashes_digits_and_camel_case() {
        for name in ["date_of_birth", "dateOfBirth", "Date-Of-Birth", "date2of3birth"] {
            let words = spelt(name).replace(" 2 ", " ").replace(" 3 ", " ");
            assert_eq!(words, " date of birth ");
        }
        assert_eq!(spelt(""), " ");
    }

    fn quickly(text: &str, cut: usize) -> (Spelling, Option<usize>) {
        let mut spelling = Spelling::default();
        let begin = spelling.spell_parts(text, cut);
        (spelling, begin)
    }

    proptest::proptest! {
        #[test]
        fn what_is_short_is_spelt_as_any_other_text_is(text in "[ -~\\n]{0,70}|[a-zA-Z]{60,64}|[a-z.éÉßłŁİ²中жЖ٣ّ]{0,40}") {
            let (spelling, _) = quickly(&text, 0);
            let expected = spelt(&text);
            proptest::prop_assert_eq!(spelling.as_bytes(), expected.as_bytes());
        }

        #[test]
        fn the_words_of_the_second_part_stand_behind_those_of_the_first(far in "([ -~]{0,40}[ _.:-])?", near in "[ -~]{0,30}") {
            let text = [&*far, &*near].concat();
            let (spelling, begin) = quickly(&text, far.len());
            let expected = spelt(&text);
            proptest::prop_assert_eq!(spelling.as_bytes(), expected.as_bytes());
            let words = begin.and_then(|begin| spelling.as_bytes().get(begin..));
            let expected = spelt(&near);
            proptest::prop_assert_eq!(words, (text.len() <= USUAL).then_some(expected.as_bytes()));
        }
    }

    #[test]
    fn latin_letters_with_marks_are_what_the_standard_library_says() {
        for c in '\u{c0}'..='\u{ff}' {
            let class = foreign_class(c);
            assert_eq!(class & UNCASED != 0, c.is_alphabetic(), "{c}");
            assert_eq!(class & UPPER != 0, c.is_uppercase(), "{c}");
            assert_eq!(class & LOWER != 0, c.is_lowercase(), "{c}");
            assert!(!c.is_numeric(), "{c}");
        }
    }

    #[test]
    fn scripts_without_capitals_have_none() {
        let cased: Vec<char> = ('\0'..=char::MAX)
            .filter(|c| has_no_case(*c))
            .filter(|c| c.is_uppercase() || c.is_lowercase() || c.to_lowercase().ne([*c]))
            .collect();
        assert!(cased.is_empty(), "{cased:?}");
    }
}
