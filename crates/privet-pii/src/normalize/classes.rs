//! What a character outside ASCII may stand in for.

use unicode_normalization::UnicodeNormalization;

use super::confusable;
use crate::letters::is_alphanumeric;

/// What a character is to the normaliser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Shows nothing: zero width, soft hyphen, bidi control, variation selector, filler.
    Invisible,
    /// Drawn over the character before it.
    Mark,
    /// A tag character, which shows nothing and encodes ASCII.
    Tag(u8),
    /// A decimal digit outside ASCII.
    Digit(u8),
    /// A variant of an ASCII letter or mark: full-width, mathematical, circled, …
    Variant(char),
    /// Several ASCII characters in one, such as ⑽ or 🄐.
    Variants,
    /// A letter of another alphabet that looks like an ASCII one.
    Lookalike(u8),
    /// Any other letter or digit.
    Letter,
    /// Anything else.
    Other,
}

/// The zeros of the decimal digits (general category Nd) of scripts, each followed by its digits 1 to 9.
///
/// Source: Unicode Character Database 14.0, `DerivedNumericType.txt`; digits with a compatibility decomposition
/// (full-width, mathematical) are left to NFKC.
const ZEROS: &[u32] = &[
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0,
    0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50,
    0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136,
    0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50,
    0x11da0, 0x16a60, 0x16ac0, 0x16b50, 0x1e140, 0x1e2f0, 0x1e950,
];

/// The class of a character outside ASCII.
pub(super) fn class(c: char) -> Class {
    let code = u32::from(c);
    match code {
        0xad
        | 0x34f
        | 0x61c
        | 0x115f
        | 0x1160
        | 0x17b4
        | 0x17b5
        | 0x180b..=0x180f
        | 0x200b..=0x200f
        | 0x202a..=0x202e
        | 0x2060..=0x206f
        | 0x3164
        | 0xfe00..=0xfe0f
        | 0xfeff
        | 0xffa0
        | 0xfff9..=0xfffb
        | 0x1d173..=0x1d17a
        | 0xe0001
        | 0xe007f
        | 0xe0100..=0xe01ef => Class::Invisible,
        0x300..=0x36f | 0x483..=0x489 | 0x20d0..=0x20ff | 0xfe20..=0xfe2f => Class::Mark,
        0x3000 => Class::Variant(' '),
        0xe0020..=0xe007e => Class::Tag(u8::try_from(code - 0xe0000).unwrap_or(b'?')),
        // Dingbats and negative circled and squared letters have no decomposition.
        0x2776..=0x277e => digit(code - 0x2775),
        0x2780..=0x2788 => digit(code - 0x277f),
        0x278a..=0x2792 => digit(code - 0x2789),
        0x1f10b | 0x1f10c | 0x24ff => digit(0),
        0x1f150..=0x1f169 => letter(code - 0x1f150),
        0x1f170..=0x1f189 => letter(code - 0x1f170),
        0xb2
        | 0xb3
        | 0xb9
        | 0x2024
        | 0x2070..=0x209c
        | 0x2100..=0x2149
        | 0x2460..=0x24ea
        | 0xfe50..=0xfe6b
        | 0xff01..=0xff5e
        | 0x1d400..=0x1d7ff
        | 0x1f100..=0x1f149
        | 0x1fbf0..=0x1fbf9 => variant(c),
        _ if (0x660..0x1f000).contains(&code) && zero(code).is_some() => {
            digit(code - zero(code).unwrap_or(code))
        }
        0x3400..=0x9fff | 0xac00..=0xd7a3 => Class::Letter,
        _ if !is_alphanumeric(c) => Class::Other,
        _ => confusable::latin(c).map_or(Class::Letter, Class::Lookalike),
    }
}

/// The zero of the digits that `code` is one of.
fn zero(code: u32) -> Option<u32> {
    let at = ZEROS.partition_point(|zero| *zero <= code).checked_sub(1)?;
    ZEROS.get(at).copied().filter(|zero| code - zero < 10)
}

fn digit(value: u32) -> Class {
    Class::Digit(u8::try_from(value).unwrap_or(0))
}

fn letter(place: u32) -> Class {
    char::from_u32(u32::from('A') + place).map_or(Class::Other, Class::Variant)
}

/// The class of a character that may have a compatibility decomposition (Unicode Standard Annex #15, NFKC) in ASCII.
fn variant(c: char) -> Class {
    let mut folded = std::iter::once(c).nfkc();
    match (folded.next(), folded.next()) {
        (Some(one), None) if one.is_ascii_digit() => digit(one.to_digit(10).unwrap_or(0)),
        (Some(one), None) if one.is_ascii_graphic() => Class::Variant(one),
        (Some(one), Some(two)) if one.is_ascii_graphic() && two.is_ascii_graphic() => {
            if folded.all(|c| c.is_ascii_graphic()) {
                Class::Variants
            } else {
                Class::Other
            }
        }
        _ if is_alphanumeric(c) => Class::Letter,
        _ => Class::Other,
    }
}

/// What a [`Class::Variants`] spells: its letters and digits without the parentheses or full stop round them.
pub(super) fn spelt(c: char) -> String {
    std::iter::once(c)
        .nfkc()
        .filter(char::is_ascii_alphanumeric)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_all_scripts_and_shapes_have_their_value() {
        assert!(ZEROS.is_sorted());
        for c in "٤۴४৪๔４𝟒𝟜④⁴₄❹".chars() {
            assert_eq!(class(c), Class::Digit(4), "{c}");
        }
        assert_eq!(spelt('⑽'), "10");
    }

    #[test]
    fn letters_are_told_apart() {
        assert_eq!(class('ｅ'), Class::Variant('e'));
        assert_eq!(class('𝐣'), Class::Variant('j'));
        assert_eq!(class('＠'), Class::Variant('@'));
        assert_eq!(class('е'), Class::Lookalike(b'e'));
        assert_eq!(class('ж'), Class::Letter);
        assert_eq!(class('é'), Class::Letter);
        assert_eq!(class('漢'), Class::Letter);
        assert_eq!(class('、'), Class::Other);
        assert_eq!(class('\u{200b}'), Class::Invisible);
        assert_eq!(class('\u{e0041}'), Class::Tag(b'A'));
    }
}
