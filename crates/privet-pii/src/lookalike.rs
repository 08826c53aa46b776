//! Text that already looks like a surrogate before anything is masked.
//!
//! Whatever [`Restorer`](crate::Restorer) could take for a surrogate must not reach a provider as the user typed it:
//! it would come back as somebody else's value. So it is masked itself, by the grammar that restoring reads.

use std::sync::LazyLock;

use privet_types::{Entity, Finding, RuleId, Span};
use regex::Regex;

use crate::Style;
use crate::surrogate::SUFFIX_LENGTH;

/// `ENTITY_SUFFIX` in any case, with the backslashes that Markdown may put before `_`, bracketed or not. Deliberately
/// without word bounds.
#[expect(
    clippy::expect_used,
    reason = "the pattern is made of constants; a test compiles it"
)]
static TAG: LazyLock<Regex> = LazyLock::new(|| {
    let names: Vec<String> = Entity::ALL
        .iter()
        .rev()
        .map(|e| e.name().replace('_', r"\\*_"))
        .collect();
    Regex::new(&format!(
        r"(?i)<?(?:{})\\*_(?:\\*[0-9A-HJKMNP-TV-Z]){{{SUFFIX_LENGTH}}}>?",
        names.join("|")
    ))
    .expect("a constant pattern")
});

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
    };
    let mut found = Vec::new();
    if text.len() > SUFFIX_LENGTH + 1 && memchr::memchr(b'_', text.as_bytes()).is_some() {
        found.extend(TAG.find_iter(text).map(|m| finding(Entity::SURROGATE, m.range())));
    }
    if style == Style::Realistic {
        for (entity, pattern) in REALISTIC.iter() {
            found.extend(pattern.find_iter(text).map(|m| finding(*entity, m.range())));
        }
        found.sort_by_key(|f| f.span);
    }
    found
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
