//! Looks behind disguises: scans what the normaliser makes of a text, and keeps what only shows there.

use privet_types::{Basis, Budget, Entity, Finding, Span};

use crate::error::Error;
use crate::language::Language;
use crate::normalize::views;
use crate::recognizers::context::{BIRTH, CARD, PHONE, SSN, Topics, Words, spell};
use crate::recognizers::ids;

/// The least score of a finding in a rewritten text: its rule has a check digit, a strict form, or a word that names it.
const LEAST_SCORE: f32 = 0.75;
/// The least score if a word that names it stands beside it.
const LEAST_NAMED_SCORE: f32 = 0.5;
/// What the network is believed to have found in a rewritten text; a rule must find the rest.
const NAMED: [Entity; 2] = [Entity::PERSON, Entity::STREET_ADDRESS];
/// Bytes of context on either side that are asked for a word, and the units that costs.
const CONTEXT: usize = 60;
const CONTEXT_UNITS: u64 = 128;
/// Plain findings looked at for one that covers another; more than a few do not begin inside one another.
const MOST_COVERS: usize = 16;

/// Adds what `scan` finds only in the views of `text` to `found`, at its place in `text`.
///
/// # Errors
/// [`Error::Budget`] if the budget is spent or cancelled.
pub(crate) fn uncover(
    text: &str,
    words: &Words,
    budget: &Budget,
    found: &mut Vec<Finding>,
    scan: impl Fn(&str) -> Result<Vec<Finding>, Error>,
) -> Result<(), Error> {
    let views = views(text, budget)?;
    if views.is_empty() {
        return Ok(());
    }
    let mut plain = found.clone();
    plain.sort_unstable_by_key(|f| (f.span.start, f.span.end));
    for view in views {
        for finding in scan(&view.text)? {
            let hidden = Finding {
                span: view.to_original(finding.span.start..finding.span.end),
                ..finding
            };
            let is_written_so = hidden.span.of(text) == finding.span.of(&view.text);
            let is_weak = hidden.basis != Basis::Network && hidden.score < LEAST_SCORE;
            if hidden.basis == Basis::Network
                && (view.is_guess || is_written_so || !NAMED.contains(&hidden.entity))
                || is_weak && (hidden.score < LEAST_NAMED_SCORE || is_written_so)
                || is_known(&hidden, &plain)
            {
                continue;
            }
            let is_evident = match topics(hidden.entity) {
                _ if view.is_guess && hidden.basis == Basis::Checksum => true,
                Some(topics) if is_weak => {
                    budget.charge(CONTEXT_UNITS)?;
                    !is_common(hidden.span.of(text).unwrap_or_default())
                        && is_named(&view.text, finding.span, topics, words)
                }
                None if is_weak => false,
                // A code that an authority's rule and a word beside it agree on.
                None if view.is_guess && hidden.basis == Basis::Context => {
                    ids::rules(hidden.entity).any(|rule| rule == hidden.rule.0)
                }
                Some(topics) if view.is_guess => {
                    budget.charge(CONTEXT_UNITS)?;
                    is_named(&view.text, finding.span, topics, words)
                }
                None if view.is_guess => false,
                Some(topics) if view.layers == 0 && is_common(hidden.span.of(text).unwrap_or_default()) => {
                    budget.charge(CONTEXT_UNITS)?;
                    is_named(&view.text, finding.span, topics, words)
                }
                _ => true,
            };
            if is_evident {
                found.push(hidden);
            }
        }
    }
    Ok(())
}

/// Whether a plain finding covers this one and is as sure.
fn is_known(hidden: &Finding, plain: &[Finding]) -> bool {
    let end = plain.partition_point(|p| p.span.start <= hidden.span.start);
    let near = plain
        .get(end.saturating_sub(MOST_COVERS)..end)
        .unwrap_or_default();
    near.iter().any(|p| {
        p.span.end >= hidden.span.end
            && (p.entity == hidden.entity || p.span.len() > hidden.span.len() || p.score >= hidden.score)
    })
}

/// The words that make up for a form that chance may give; none if chance may not.
fn topics(entity: Entity) -> Option<Topics> {
    let known = [
        (Entity::CREDIT_CARD, CARD),
        (Entity::PHONE_NUMBER, PHONE),
        (Entity::TR_PHONE_NUMBER, PHONE),
        (Entity::US_SSN, SSN),
        (Entity::DATE_OF_BIRTH, BIRTH),
    ];
    known
        .into_iter()
        .find(|(e, _)| *e == entity)
        .map(|(_, topics)| topics)
}

/// Whether what was joined is written as tables are: groups of digits over lines or in any grouping, without a sign that
/// someone spread or encoded one number.
fn is_common(written: &str) -> bool {
    let is_table = written.bytes().all(|b| {
        b.is_ascii_digit() || matches!(b, b' ' | b'\t' | b'\n' | b'\r' | b',' | b'.' | b'|' | b'-' | b'/')
    });
    if !is_table {
        return false;
    }
    let groups = || {
        written
            .split(|c: char| !c.is_ascii_digit())
            .filter(|g| !g.is_empty())
    };
    let breaks = written.matches('\n').count();
    let gaps = groups().count().saturating_sub(1);
    if groups().all(|g| g.len() == 1) {
        // One number spread out has one separator; a matrix has two.
        return breaks > 0 && breaks < gaps;
    }
    // A number grouped by fours or dashes and broken once is one number.
    let is_grouped = groups().count() == 4 && groups().all(|g| g.len() == 4) || written.contains('-');
    !(is_grouped && breaks <= 1 && !written.contains([',', '|', '\t']))
}

/// Whether one of the words round `span` speaks of `topics`.
fn is_named(text: &str, span: Span, topics: Topics, words: &Words) -> bool {
    let floor = |at: usize| {
        (0..=at.min(text.len()))
            .rev()
            .find(|i| text.is_char_boundary(*i))
            .unwrap_or(0)
    };
    let left = text
        .get(floor(span.start.saturating_sub(CONTEXT))..span.start)
        .unwrap_or_default();
    let right = text
        .get(span.end..floor(span.end + CONTEXT / 2))
        .unwrap_or_default();
    let (mut before, mut after) = (String::new(), String::new());
    spell(left, &mut before);
    spell(right, &mut after);
    let language = || Language::detect_at(text, span.start);
    words
        .around(before.as_bytes(), after.as_bytes(), 0, language)
        .any()
        & topics
        != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_told_from_a_number_that_someone_spread() {
        for written in [
            "1234\n5678\n9012\n3456",
            "12 345 6789 12 3456",
            "3 5 2 8\n4 1 0 3",
            "12345678\n12345678",
        ] {
            assert!(is_common(written), "{written}");
        }
        for written in [
            "4 1 1 1",
            "4\n1\n1",
            "4111 1111\n1111 1111",
            "219-09-\n9999",
            "four one",
            "4_1",
            "+1 202\n5550143",
        ] {
            assert!(!is_common(written), "{written}");
        }
    }
}
