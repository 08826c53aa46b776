//! Text that already looks like a surrogate before anything is masked.
//!
//! Whatever [`Restorer`](crate::Restorer) could take for a surrogate must not reach a provider as the user typed it:
//! it would come back as somebody else's value. So it is masked itself, by the grammar that restoring reads.

use std::sync::LazyLock;

use privet_types::{Basis, Entity, Finding, RuleId, Span};
use regex::Regex;

use crate::Style;
use crate::surrogate::SUFFIX_LENGTH;

/// The made-up e-mail addresses, telephone, card and bank account numbers of the realistic style.
#[expect(clippy::expect_used, reason = "a constant pattern; a test compiles it")]
static REALISTIC: LazyLock<[(Entity, Regex); 4]> = LazyLock::new(|| {
    [
        (Entity::EMAIL_ADDRESS, r"(?i)[a-z0-9.]+@mail\.example"),
        (Entity::CREDIT_CARD, r"9(?:[ -]{0,3}9){3}(?:[ -]{0,3}\d){8,15}"),
        (Entity::IBAN_CODE, r"(?i)[A-Z]{2}[ -]{0,3}0[ -]{0,3}0(?:[ -]{0,3}[A-Z0-9]){11,30}"),
        (Entity::PHONE_NUMBER, r"\+[ ()-]{0,3}(?:1[ ().-]{0,3}\d(?:[ ().-]{0,3}\d){9}|9(?:[ ().-]{0,3}9){2}(?:[ ().-]{0,3}\d){9})"),
    ]
    .map(|(entity, pattern)| (entity, Regex::new(pattern).expect("a constant pattern")))
});

/// Finds what restoring could take for a surrogate of `style`, sorted by start, possibly overlapping. O(n).
#[must_use]
pub fn lookalikes(text: &str, style: Style) -> Vec<Finding> {
    let finding = |entity, range: std::ops::Range<usize>| Finding {
        entity,
        span: Span::new(range.start, range.end),
        score: 1.0,
        rule: RuleId("surrogate/lookalike"),
        basis: Basis::Listed,
    };
    let mut found = Vec::new();
    let tags = memchr::memchr_iter(b'_', text.as_bytes()).filter_map(|at| tag_at(text.as_bytes(), at));
    found.extend(tags.map(|range| finding(Entity::SURROGATE, range)));
    if style == Style::Realistic {
        for (entity, pattern) in REALISTIC.iter() {
            found.extend(pattern.find_iter(text).map(|m| finding(*entity, m.range())));
        }
        found.sort_by_key(|f| f.span);
    }
    found
}

/// The tag whose last `_` is at `at`: `ENTITY_SUFFIX` in any case, with the backslashes that Markdown may put before `_`,
/// bracketed or not. Deliberately without word bounds.
fn tag_at(bytes: &[u8], at: usize) -> Option<std::ops::Range<usize>> {
    let byte = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let mut end = at + 1;
    for _ in 0..SUFFIX_LENGTH {
        end += backslashes(bytes.get(end..)?.iter());
        if !is_suffix(byte(end)) {
            return None;
        }
        end += 1;
    }
    let before = bytes.get(..at)?;
    // The name, read backwards; the longest one that is known counts.
    let mut name = [0; Entity::LONGEST_NAME];
    let mut start = at - backslashes(before.iter().rev());
    let mut first = None;
    for i in (0..name.len()).rev() {
        let Some(letter) = start.checked_sub(1).map(byte) else {
            break;
        };
        if !letter.is_ascii_alphanumeric() && letter != b'_' {
            break;
        }
        start -= 1;
        if let Some(slot) = name.get_mut(i) {
            *slot = letter.to_ascii_uppercase();
        }
        if is_known(name.get(i..).unwrap_or_default()) {
            first = Some(start);
        }
        if letter == b'_' {
            start -= backslashes(bytes.get(..start)?.iter().rev());
        }
    }
    let start = first?;
    let opens = start > 0 && byte(start - 1) == b'<';
    let closes = byte(end) == b'>';
    Some(start - usize::from(opens)..end + usize::from(closes))
}

fn backslashes<'b>(bytes: impl Iterator<Item = &'b u8>) -> usize {
    bytes.take_while(|b| **b == b'\\').count()
}

/// Crockford's base32 without regard to case.
const fn is_suffix(byte: u8) -> bool {
    byte.is_ascii_digit() || byte.is_ascii_alphabetic() && !matches!(byte | 0x20, b'i' | b'l' | b'o' | b'u')
}

/// Whether `name` names a kind.
fn is_known(name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok_and(|name| Entity::parse(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_seen_in_every_spelling_that_restoring_accepts() {
        let spellings = [
            "<EMAIL_ADDRESS_7Q2MX9PKR4TWZ>".to_owned(),
            "email_address_7q2mx9pkr4twz".to_owned(),
            r"EMAIL\_ADDRESS\_7Q2MX9PKR4TWZ".to_owned(),
            "xPERSON_0000000000000y".to_owned(),
        ];
        for text in spellings {
            assert_eq!(lookalikes(&text, Style::Tag).len(), 1, "{text}");
        }
        assert!(lookalikes("a PERSON_1 or EMAIL_ADDRESS", Style::Tag).is_empty());
    }

    #[test]
    fn made_up_values_are_seen_in_realistic_style_only() {
        let text = "call +1 202-555-0143, pay 9999-0012 3456-7895, IBAN GB00 KXKX 1234 5698 7654 32, zax.vel12@mail.example";
        assert!(lookalikes(text, Style::Tag).is_empty());
        let found: Vec<_> = lookalikes(text, Style::Realistic)
            .iter()
            .map(|f| f.entity.name())
            .collect();
        assert_eq!(
            found,
            ["PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "EMAIL_ADDRESS"]
        );
    }
}
