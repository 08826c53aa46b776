//! Which bytes can be part of a value, and which byte can announce one.

/// A letter or a digit of ASCII, `_` or `-`: together they make tokens.
pub(crate) const TOKEN: u8 = 1;
/// A decimal digit of ASCII.
pub(crate) const DIGIT: u8 = 2;
/// `@`, `:`, `=` or a backslash: something may stand on either side.
pub(crate) const MARK: u8 = 4;
/// A small letter of ASCII.
pub(crate) const LOWER: u8 = 8;
/// A capital letter of ASCII.
pub(crate) const UPPER: u8 = 16;
/// A letter of ASCII.
pub(crate) const LETTER: u8 = LOWER | UPPER;

const fn table() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0_usize;
    while byte < 256 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "`byte` is below 256; `try_from` is not const"
        )]
        let b = byte as u8;
        let class = match b {
            b'0'..=b'9' => TOKEN | DIGIT,
            b'a'..=b'z' => TOKEN | LOWER,
            b'A'..=b'Z' => TOKEN | UPPER,
            b'_' | b'-' => TOKEN,
            b'@' | b':' | b'=' | b'\\' => MARK,
            _ => 0,
        };
        #[expect(
            clippy::indexing_slicing,
            reason = "`byte` is below 256; checked when compiled"
        )]
        {
            table[byte] = class;
        }
        byte += 1;
    }
    table
}

static TABLE: [u8; 256] = table();

/// The class of a byte: a sum of [`TOKEN`], [`DIGIT`], [`MARK`], [`LOWER`], [`UPPER`].
#[inline]
pub(crate) fn of(byte: u8) -> u8 {
    TABLE.get(usize::from(byte)).copied().unwrap_or(0)
}
