//! Text spelt out as lower-case words between single spaces, in which words are looked for.

use super::class::{self, DIGIT, LETTER, LOWER, SMALL, UPPER};
use crate::letters::{is_alphabetic, is_alphanumeric};

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
    spell_parts(text, 0, out);
}

/// Room for the words beside a value, in bytes.
const USUAL: usize = 128;

/// Spells `text` out; at `cut`, which lies in no word, its near words begin. Returns where in `out` they do, the space before
/// the first included, if all is ASCII; otherwise nothing is known of that.
pub(crate) fn spell_parts(text: &str, cut: usize, out: &mut String) -> Option<usize> {
    if !text.is_ascii() {
        spell_with(text, out, |_, _| {});
        return None;
    }
    let (far, near) = text.as_bytes().split_at_checked(cut).unwrap_or_default();
    // Bytes are written faster than characters; they are ASCII, so that they make a string again.
    let mut bytes = std::mem::take(out).into_bytes();
    bytes.clear();
    // Every byte may need a space before it. What is read beside a value fits at once, so that the next one finds room.
    bytes.reserve((2 * text.len() + 2).max(USUAL));
    bytes.push(b' ');
    let last = write_ascii(far, 0, &mut bytes);
    let begin = bytes.len() - usize::from(last == 0);
    let last = write_ascii(near, last, &mut bytes);
    if last != 0 {
        bytes.push(b' ');
    }
    *out = String::from_utf8(bytes).unwrap_or_default();
    Some(begin)
}

/// Writes the words of ASCII `text` behind a byte of the class `last`, 0 behind a space; returns the class of the last byte
/// written, 0 if that is a space.
fn write_ascii(text: &[u8], mut last: u8, out: &mut Vec<u8>) -> u8 {
    for &byte in text {
        let this = class::of(byte) & (LETTER | DIGIT);
        let joins = last & this != 0 || last == UPPER && this == LOWER;
        if !joins && last != 0 {
            out.push(b' ');
        }
        if this != 0 {
            out.push(byte | SMALL);
        }
        last = this;
    }
    last
}

/// [`spell`], which tells `see` for each character where it stands in `text` and how long `out` is before it.
pub(crate) fn spell_with(text: &str, out: &mut String, mut see: impl FnMut(usize, usize)) {
    out.clear();
    out.push(' ');
    // Every character may need a space before it.
    out.reserve(text.len() + text.len() / 2 + 1);
    let mut last = Spelt::default();
    let mut is_space = true;
    for (at, c) in text.char_indices() {
        let this = Spelt::of(c);
        let joins = this.is_letter && last.is_letter && !(this.is_upper && last.is_lower)
            || this.is_numeric && last.is_numeric;
        if !joins && !is_space {
            out.push(' ');
            is_space = true;
        }
        see(at, out.len());
        if c.is_ascii() {
            if this.is_letter || this.is_numeric {
                out.push(c.to_ascii_lowercase());
                is_space = false;
            }
        } else if this.is_letter || is_alphanumeric(c) {
            if this.is_lower || has_no_case(c) {
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

/// What [`spell_with`] asks of a character and of the one before.
#[derive(Default)]
struct Spelt {
    is_letter: bool,
    is_numeric: bool,
    is_upper: bool,
    is_lower: bool,
}

impl Spelt {
    #[inline]
    fn of(c: char) -> Self {
        if c.is_ascii() {
            return Self {
                is_letter: c.is_ascii_alphabetic(),
                is_numeric: c.is_ascii_digit(),
                is_upper: c.is_ascii_uppercase(),
                is_lower: c.is_ascii_lowercase(),
            };
        }
        let is_cased = !has_no_case(c);
        Self {
            is_letter: is_letter(c),
            is_numeric: c.is_numeric(),
            is_upper: is_cased && c.is_uppercase(),
            is_lower: is_cased && c.is_lowercase(),
        }
    }
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

    fn plainly(text: &str) -> String {
        let mut out = String::new();
        spell_with(text, &mut out, |_, _| {});
        out
    }

    proptest::proptest! {
        #[test]
        fn ascii_is_spelt_as_any_other_text_is(text in "[ -~\\n]{0,60}") {
            proptest::prop_assert_eq!(spelt(&text), plainly(&text));
        }

        #[test]
        fn the_words_of_the_second_part_stand_behind_those_of_the_first(far in "([ -~]{0,40}[ _.:-])?", near in "[ -~]{0,30}") {
            let mut out = String::new();
            let text = [&*far, &*near].concat();
            let begin = spell_parts(&text, far.len(), &mut out);
            proptest::prop_assert_eq!(&out, &plainly(&text));
            let words = begin.and_then(|begin| out.get(begin..));
            proptest::prop_assert_eq!(words, Some(&*plainly(&near)));
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
