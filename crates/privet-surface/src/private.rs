//! Spans of text that must be replaced.

use privet_types::{Basis, Entity, Finding, Span};

/// The longest runs of ASCII digits.
pub(crate) fn digit_runs(text: &str) -> impl Iterator<Item = Span> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..)?;
        let start = at + rest.iter().position(u8::is_ascii_digit)?;
        let length = bytes
            .get(start..)?
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        at = start + length;
        Some(Span::new(start, at))
    })
}

/// Whether no ASCII letter, digit or `_` touches the span.
pub(crate) fn is_apart(text: &str, span: Span) -> bool {
    let touches = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let before = span.start.checked_sub(1).and_then(|i| text.as_bytes().get(i));
    !touches(before) && !touches(text.as_bytes().get(span.end))
}

/// A piece of text that is replaced.
pub(crate) struct Private {
    pub(crate) span: Span,
    pub(crate) entity: Entity,
    /// Whether it is one finding, and so has the form of its kind; not several that overlap.
    pub(crate) is_whole: bool,
    /// Whether its form alone says that it is private, wherever it stands.
    pub(crate) is_sure: bool,
}

/// Whether a finding does not hang on the words around it.
pub(crate) fn is_sure(finding: &Finding) -> bool {
    let by_form = [
        Entity::EMAIL_ADDRESS,
        Entity::CREDIT_CARD,
        Entity::IBAN_CODE,
        Entity::PRIVATE_KEY,
        Entity::PHONE_NUMBER,
    ];
    finding.basis == Basis::Checksum && by_form.contains(&finding.entity)
}

/// Overlapping spans united, in order. Of two kinds the one with the longer span names the union.
pub(crate) fn merge(mut spans: Vec<(Span, Entity, bool)>) -> Vec<Private> {
    spans.sort_by_key(|(span, entity, _)| (span.start, std::cmp::Reverse(span.end), *entity));
    let mut merged: Vec<(Private, usize)> = Vec::with_capacity(spans.len());
    for (span, entity, is_sure) in spans {
        match merged.last_mut() {
            Some((last, longest)) if span.start < last.span.end => {
                if span.end > last.span.end {
                    last.span.end = span.end;
                    last.is_whole = false;
                    last.is_sure = false;
                }
                if span.len() > *longest {
                    (last.entity, *longest) = (entity, span.len());
                }
            }
            _ => merged.push((
                Private {
                    span,
                    entity,
                    is_whole: true,
                    is_sure,
                },
                span.len(),
            )),
        }
    }
    merged.into_iter().map(|(private, _)| private).collect()
}
