//! Tags of surrogates where they stand in a text.

use privet_types::Span;

/// A tag at `span` with what may follow its suffix: the part of a name, and a writing.
pub(crate) fn whole_tag(text: &str, span: Span) -> Span {
    let is_bracketed = text.get(span.start..).is_some_and(|tag| tag.starts_with('<'));
    let closes = |rest: &str| is_bracketed && rest.starts_with('>');
    if span.of(text).is_some_and(|tag| tag.ends_with('>')) {
        return span;
    }
    let rest = text.get(span.end..).unwrap_or_default();
    let more = rest
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || *b == b'_')
        .count();
    let end = span.end + more;
    Span::new(
        span.start,
        end + usize::from(closes(text.get(end..).unwrap_or_default())),
    )
}
