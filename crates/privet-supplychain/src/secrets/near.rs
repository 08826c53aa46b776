//! What stands near a value, and says what it is.

use std::ops::Range;

use super::assign::{Assigned, Join, byte, is_blank, is_quote, skip_blanks, slice};
use super::value;

/// Whether another text in quotes follows the one that ends at `end`, as in a list.
pub(super) fn is_listed(text: &[u8], end: usize) -> bool {
    let comma = skip_blanks(text, end + 1);
    byte(text, comma) == b',' && is_quote(byte(text, skip_blanks(text, comma + 1)))
}

/// Whether the name is the verb of a sentence, such as *pass `extras` along*, and not a line of settings.
pub(super) fn is_verb(text: &[u8], name: &Range<usize>, value: &Range<usize>, join: Join) -> bool {
    join == Join::Blank
        && slice(text, name.clone()).eq_ignore_ascii_case(b"pass")
        && !matches!(byte(text, value.end + 1), b'\n' | b'\r' | 0)
}

/// Whether a text in `quote`s has begun on the line of `at` and not ended before `at`.
pub(super) fn is_inside(text: &[u8], at: usize, quote: u8) -> bool {
    let head = slice(text, at.saturating_sub(200)..at);
    let line = head.rsplit(|b| *b == b'\n').next().unwrap_or(b"");
    line.iter().filter(|b| **b == quote).count() % 2 == 1
}

/// How many of the values that a test vector of cryptography has besides keys and passwords are named near `found`.
pub(super) fn test_vector_names(text: &[u8], found: &Assigned) -> usize {
    const OTHERS: [&[u8]; 17] = [
        b"iv",
        b"nonce",
        b"msg",
        b"ct",
        b"aad",
        b"tag",
        b"mac",
        b"plaintext",
        b"ciphertext",
        b"input",
        b"output",
        b"tcid",
        b"salt",
        b"ikm",
        b"okm",
        b"dk",
        b"dklen",
    ];
    let near = slice(
        text,
        found.whole.start.saturating_sub(200)..found.whole.end.saturating_add(300).min(text.len()),
    );
    let parts = near.split(|b| !b.is_ascii_alphanumeric());
    OTHERS
        .iter()
        .filter(|word| parts.clone().any(|part| part.eq_ignore_ascii_case(word)))
        .count()
}

/// Whether the assignment is a line of its own, as in settings: `name=value`, `export NAME=value`, `name: value # why`.
pub(super) fn lone_assignment(text: &[u8], found: &Assigned) -> bool {
    // No line of settings is longer; a file of one line must not be read back to its start at each hit.
    let head = slice(text, found.name.start.saturating_sub(4_096)..found.name.start);
    let before = head.rsplit(|b| *b == b'\n').next().unwrap_or(b"");
    let trimmed = before.trim_ascii();
    let opens = trimmed.is_empty()
        || trimmed.len() < 12
            && [
                &b"export"[..],
                b"set",
                b"#",
                b"//",
                b";",
                b"-",
                b"ENV",
                b"setx",
                b"$",
            ]
            .contains(&trimmed)
        || byte(text, found.name.start) == b'-';
    let rest = slice(
        text,
        found.value.end..found.value.end.saturating_add(200).min(text.len()),
    );
    let line = rest.split(|b| *b == b'\n').next().unwrap_or(b"").trim_ascii();
    let closes = line.is_empty()
        || line.starts_with(b"#")
        || line.starts_with(b"//")
        || byte(text, found.name.start) == b'-'
        || line.starts_with(b"\\n");
    let spaced = is_blank(byte(text, found.name.end)) && !found.quoted;
    let indented = before.len() > 3 && !trimmed.starts_with(b"#") && is_blank(byte(text, found.name.end));
    opens
        && closes
        && (!(spaced || indented)
            || has_user_near(text, found.name.start)
            || byte(text, found.name.end) == b':')
}

/// Whether one of the five lines before `at` names a user.
pub(super) fn has_user_near(text: &[u8], at: usize) -> bool {
    let head = slice(text, at.saturating_sub(240)..at);
    [&b"user"[..], b"login", b"account"]
        .iter()
        .any(|word| value::contains_folded(head, word))
}
