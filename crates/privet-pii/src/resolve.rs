//! Makes findings disjoint.
//!
//! Evidence decides: what a rule found keeps its place before what a network found, and that before a form that many
//! things have. Among rules the longer finding wins, since it explains more of the text, then the better founded, then
//! the surer. What is left of a beaten one beside the winner stays a finding of its own, so that no byte is lost.

use std::collections::BTreeMap;

use privet_types::{Basis, Entity, Finding, Span};

/// Kinds from the one that names a value best to the one that names it least, for findings that are equal otherwise.
const RANK: &[Entity] = &[
    Entity::PRIVATE_KEY,
    Entity::URL_CREDENTIALS,
    Entity::API_KEY,
    Entity::CREDIT_CARD,
    Entity::IBAN_CODE,
    Entity::CRYPTO,
    Entity::US_SSN,
    Entity::EMAIL_ADDRESS,
    Entity::MAC_ADDRESS,
    Entity::IP_ADDRESS,
    Entity::DATE_OF_BIRTH,
    Entity::PHONE_NUMBER,
    Entity::PERSON,
    Entity::TERM,
];

/// Findings sorted by start and disjoint; `text` is what they were found in.
pub(crate) fn resolve(text: &str, mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_by_key(|f| (f.span.start, f.span.end));
    let is_disjoint = found.is_sorted_by(|a, b| a.span.end <= b.span.start);
    if is_disjoint {
        return found;
    }
    let mut found: Vec<_> = found.into_iter().map(|f| (priority(&f), f)).collect();
    found.sort_by(|(a, _), (b, _)| b.partial_cmp(a).unwrap_or(std::cmp::Ordering::Equal));
    // INVARIANT: disjoint, by start
    let mut kept: BTreeMap<usize, Finding> = BTreeMap::new();
    for (_, finding) in found {
        place(text, &mut kept, finding);
    }
    kept.into_values().collect()
}

/// Addresses, and what rules see by itself that is often a part of one: there the longer one wins, whoever found it.
const ADDRESS: &[Entity] = &[
    Entity::STREET_ADDRESS,
    Entity::ZIP_CODE,
    Entity::DE_PLZ,
    Entity::UK_POSTCODE,
    Entity::AGE,
    Entity::DATE_TIME,
];

/// The stronger finding has the greater one.
fn priority(finding: &Finding) -> (u8, usize, Basis, f32, usize) {
    let tier = match (finding.basis, finding.entity) {
        (Basis::Form, _) => 0,
        (_, entity) if ADDRESS.contains(&entity) => 2,
        (Basis::Network, _) => 1,
        _ => 3,
    };
    let rank = RANK
        .iter()
        .position(|e| *e == finding.entity)
        .unwrap_or(RANK.len());
    let place = RANK.len() - rank;
    (tier, finding.span.len(), finding.basis, finding.score, place)
}

/// Keeps what of `finding` lies beside the ones kept before; joins it to those of its kind.
fn place(text: &str, kept: &mut BTreeMap<usize, Finding>, mut finding: Finding) {
    let span = finding.span;
    let first = kept
        .range(..span.start)
        .next_back()
        .filter(|(_, f)| f.span.overlaps(span))
        .map_or(span.start, |(start, _)| *start);
    let overlapping: Vec<Finding> = kept.range(first..span.end).map(|(_, f)| *f).collect();
    if overlapping.is_empty() {
        kept.insert(span.start, finding);
        return;
    }
    let mut at = span.start;
    let mut pieces = Vec::new();
    for other in &overlapping {
        pieces.push((Span::new(at, other.span.start), None, Some(other)));
        at = other.span.end;
    }
    pieces.push((Span::new(at, span.end), overlapping.last(), None));
    for (piece, left, right) in pieces {
        let piece = trim(text, piece);
        if piece.is_empty() {
            continue;
        }
        let own =
            |other: Option<&Finding>| other.filter(|o| o.entity == finding.entity).map(|o| o.span.start);
        if let Some(before) = own(left).and_then(|start| kept.get_mut(&start)) {
            before.span.end = piece.end;
        } else if let Some(mut after) = own(right).and_then(|start| kept.remove(&start)) {
            after.span.start = piece.start;
            kept.insert(piece.start, after);
        } else {
            finding.span = piece;
            kept.insert(piece.start, finding);
        }
    }
}

/// `span` without what is neither letter nor digit at its ends.
fn trim(text: &str, span: Span) -> Span {
    let inner = span.of(text).unwrap_or_default();
    let kept = inner.trim_start_matches(|c: char| !c.is_alphanumeric());
    let start = span.end - kept.len();
    Span::new(
        start,
        start + kept.trim_end_matches(|c: char| !c.is_alphanumeric()).len(),
    )
}

#[cfg(test)]
mod tests {
    use privet_types::RuleId;

    use super::*;

    const TEXT: &str = "abcdefghijklmnopqrstuvwxyz, 0123456789";

    fn finding(entity: Entity, start: usize, end: usize, score: f32, basis: Basis) -> Finding {
        Finding {
            entity,
            span: Span::new(start, end),
            score,
            rule: RuleId("test"),
            basis,
        }
    }

    fn resolved(found: Vec<Finding>) -> Vec<(Entity, usize, usize)> {
        let out = resolve(TEXT, found);
        out.iter().map(|f| (f.entity, f.span.start, f.span.end)).collect()
    }

    #[test]
    fn the_longer_rule_wins_and_what_is_left_of_the_other_stays() {
        let found = vec![
            finding(Entity::EMAIL_ADDRESS, 8, 20, 1.0, Basis::Checksum),
            finding(Entity::URL_CREDENTIALS, 0, 18, 0.9, Basis::Pattern),
            finding(Entity::TERM, 20, 24, 0.5, Basis::Listed),
        ];
        let expected = [
            (Entity::URL_CREDENTIALS, 0, 18),
            (Entity::EMAIL_ADDRESS, 18, 20),
            (Entity::TERM, 20, 24),
        ];
        assert_eq!(resolved(found), expected);
    }

    #[test]
    fn findings_of_one_kind_that_overlap_become_one() {
        let found = vec![
            finding(Entity::PERSON, 4, 12, 0.9, Basis::Network),
            finding(Entity::PERSON, 0, 6, 0.9, Basis::Listed),
            finding(Entity::PERSON, 10, 14, 0.9, Basis::Network),
        ];
        assert_eq!(resolved(found), [(Entity::PERSON, 0, 14)]);
    }

    #[test]
    fn rules_win_over_a_longer_guess_of_the_network_but_postcodes_belong_to_their_address() {
        let rule = finding(Entity::PHONE_NUMBER, 4, 12, 0.8, Basis::Pattern);
        let zip = finding(Entity::ZIP_CODE, 4, 12, 0.8, Basis::Context);
        let guess = |entity| finding(entity, 0, 20, 0.8, Basis::Network);
        let cut = [
            (Entity::ORGANIZATION, 0, 4),
            (Entity::PHONE_NUMBER, 4, 12),
            (Entity::ORGANIZATION, 12, 20),
        ];
        assert_eq!(resolved(vec![rule, guess(Entity::ORGANIZATION)]), cut);
        assert_eq!(
            resolved(vec![zip, guess(Entity::STREET_ADDRESS)]),
            [(Entity::STREET_ADDRESS, 0, 20)]
        );
    }

    #[test]
    fn what_is_left_of_a_beaten_finding_has_letters_or_digits() {
        let found = vec![
            finding(Entity::PERSON, 20, 26, 0.9, Basis::Listed),
            finding(Entity::ORGANIZATION, 20, 28, 0.9, Basis::Network),
        ];
        assert_eq!(resolved(found), [(Entity::PERSON, 20, 26)]);
    }

    #[test]
    fn equal_lengths_are_decided_by_basis_then_score_then_kind_in_any_order() {
        let a = finding(Entity::PHONE_NUMBER, 0, 9, 0.9, Basis::Pattern);
        let b = finding(Entity::US_SSN, 0, 9, 0.9, Basis::Pattern);
        let c = finding(Entity::PERSON, 0, 9, 1.0, Basis::Pattern);
        let d = finding(Entity::AU_TFN, 0, 9, 0.5, Basis::Context);
        assert_eq!(resolved(vec![a, b]), [(Entity::US_SSN, 0, 9)]);
        assert_eq!(resolved(vec![b, a, c]), [(Entity::PERSON, 0, 9)]);
        assert_eq!(resolved(vec![d, b, a, c]), [(Entity::AU_TFN, 0, 9)]);
    }
}
