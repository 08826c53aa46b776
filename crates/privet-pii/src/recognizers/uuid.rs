//! UUIDs, RFC 9562.

use privet_types::Entity;

use super::scan::Scan;
use super::walk::is_uuid;
use super::{Outcome, Token};

/// Finds UUIDs in their textual form; the nil and max UUID name nothing.
pub(super) fn find(scan: &mut Scan<'_>, token: Token) -> Outcome {
    let text = scan.slice(token.start, token.end);
    if !is_uuid(text) {
        return Ok(());
    }
    let varied = text
        .iter()
        .filter(|b| **b != b'-')
        .any(|b| Some(b) != text.first());
    let is_versioned = matches!(text.get(14), Some(b'1'..=b'8'))
        && matches!(text.get(19), Some(b'8' | b'9' | b'a' | b'b' | b'A' | b'B'));
    if varied {
        let score = if is_versioned { 0.9 } else { 0.6 };
        scan.report(Entity::UUID, token.start, token.end, score, "uuid/text");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds_broad, misses_broad};

    #[test]
    fn uuids_are_found_whole_and_the_nil_one_is_not() {
        for (text, value) in [
            (
                "id f81d4fae-7dec-41d0-a765-00a0c91e6bf6.",
                "f81d4fae-7dec-41d0-a765-00a0c91e6bf6",
            ),
            (
                "urn:uuid:F81D4FAE-7DEC-41D0-A765-00A0C91E6BF6",
                "F81D4FAE-7DEC-41D0-A765-00A0C91E6BF6",
            ),
            (
                "{\"id\":\"12345678-1234-1234-1234-123456789012\"}",
                "12345678-1234-1234-1234-123456789012",
            ),
        ] {
            finds_broad(Entity::UUID, text, value);
        }
        for text in [
            "00000000-0000-0000-0000-000000000000",
            "f81d4fae-7dec-41d0-a765-00a0c91e6bf",
            "x-f81d4fae-7dec-41d0-a765-00a0c91e6bf6",
        ] {
            misses_broad(Entity::UUID, text);
        }
    }
}
