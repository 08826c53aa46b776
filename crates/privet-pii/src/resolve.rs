//! Makes findings disjoint.

use privet_types::{Entity, Finding, Span};

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

/// Findings sorted by start and disjoint. Findings that overlap become one over all their bytes, so that no byte any
/// recogniser reported is lost; it takes its kind, score and rule from the longest, then the surest, then the one
/// that comes first in a fixed order of kinds.
pub(crate) fn resolve(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_by_key(|f| (f.span.start, f.span.end));
    let mut out: Vec<Finding> = Vec::with_capacity(found.len());
    // Length of the part that gave the last finding its kind.
    let mut length = 0;
    for finding in found {
        match out.last_mut() {
            Some(last) if last.span.overlaps(finding.span) => {
                let span = Span::new(last.span.start, last.span.end.max(finding.span.end));
                if is_better(&finding, finding.span.len(), last, length) {
                    length = finding.span.len();
                    *last = finding;
                }
                last.span = span;
            }
            _ => {
                length = finding.span.len();
                out.push(finding);
            }
        }
    }
    // INVARIANT: sorted by start, disjoint
    out
}

fn is_better(a: &Finding, a_len: usize, b: &Finding, b_len: usize) -> bool {
    let rank = |f: &Finding| RANK.iter().position(|e| *e == f.entity).unwrap_or(RANK.len());
    let key = a_len
        .cmp(&b_len)
        .then(a.score.total_cmp(&b.score))
        .then(rank(b).cmp(&rank(a)))
        .then(b.rule.cmp(&a.rule));
    key.is_gt()
}

#[cfg(test)]
mod tests {
    use privet_types::RuleId;

    use super::*;

    fn finding(entity: Entity, start: usize, end: usize, score: f32) -> Finding {
        Finding {
            entity,
            span: Span::new(start, end),
            score,
            rule: RuleId("test"),
        }
    }

    #[test]
    fn overlapping_findings_become_one_over_all_their_bytes_with_the_kind_of_the_longest() {
        let out = resolve(vec![
            finding(Entity::EMAIL_ADDRESS, 8, 20, 1.0),
            finding(Entity::URL_CREDENTIALS, 0, 18, 0.9),
            finding(Entity::TERM, 20, 24, 0.5),
        ]);
        let spans: Vec<_> = out.iter().map(|f| (f.entity, f.span.start, f.span.end)).collect();
        assert_eq!(spans, [(Entity::URL_CREDENTIALS, 0, 20), (Entity::TERM, 20, 24)]);
    }

    #[test]
    fn equal_lengths_are_decided_by_score_then_by_kind_in_any_order() {
        let a = finding(Entity::PHONE_NUMBER, 0, 9, 0.9);
        let b = finding(Entity::US_SSN, 0, 9, 0.9);
        let c = finding(Entity::PERSON, 0, 9, 1.0);
        assert_eq!(
            resolve(vec![a, b]).first().map(|f| f.entity),
            Some(Entity::US_SSN)
        );
        assert_eq!(
            resolve(vec![b, a]).first().map(|f| f.entity),
            Some(Entity::US_SSN)
        );
        assert_eq!(
            resolve(vec![b, a, c]).first().map(|f| f.entity),
            Some(Entity::PERSON)
        );
    }
}
