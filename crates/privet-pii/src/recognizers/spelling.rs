//! Text spelt out as lower-case words between single spaces, in which words are looked for.

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
    spell_with(text, out, |_, _| {});
}

/// The same; tells `see` for each character where it stands in `text` and how long `out` is before it.
pub(crate) fn spell_with(text: &str, out: &mut String, mut see: impl FnMut(usize, usize)) {
    out.clear();
    out.push(' ');
    if text.is_ascii() {
        spell_ascii(text, out, see);
        return;
    }
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

/// [`spell_with`] for text of ASCII alone, which most is; `out` holds the first space.
fn spell_ascii(text: &str, out: &mut String, mut see: impl FnMut(usize, usize)) {
    // Every byte may need a space before it.
    out.reserve(2 * text.len() + 1);
    let mut last = b' ';
    let mut is_space = true;
    for (at, byte) in text.bytes().enumerate() {
        let is_letter = byte.is_ascii_alphabetic();
        let is_digit = byte.is_ascii_digit();
        let joins = is_letter
            && last.is_ascii_alphabetic()
            && !(byte.is_ascii_uppercase() && last.is_ascii_lowercase())
            || is_digit && last.is_ascii_digit();
        if !joins && !is_space {
            out.push(' ');
            is_space = true;
        }
        see(at, out.len());
        if is_letter || is_digit {
            out.push(char::from(byte.to_ascii_lowercase()));
            is_space = false;
        }
        last = byte;
    }
    if !is_space {
        out.push(' ');
    }
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

    #[test]
    fn scripts_without_capitals_have_none() {
        let cased: Vec<char> = ('\0'..=char::MAX)
            .filter(|c| has_no_case(*c))
            .filter(|c| c.is_uppercase() || c.is_lowercase() || c.to_lowercase().ne([*c]))
            .collect();
        assert!(cased.is_empty(), "{cased:?}");
    }
}
