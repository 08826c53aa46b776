//! Which bytes are treated, as which kind.

use privet_types::{Entity, Finding, Span};

use super::operator::{Operator, Operators};
use super::token;
use crate::{Error, Style, lookalikes};

/// One stretch of text that is treated as a whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) entity: Entity,
    pub(crate) span: Span,
}

/// Kinds whose findings side by side are pieces of one value.
const NAMES: &[&str] = &[
    "PERSON",
    "LOCATION",
    "STREET_ADDRESS",
    "ORGANIZATION",
    "NRP",
    "TITLE",
];

/// The findings made disjoint, with the text that restoring could mistake for its own; sorted. `is_made_up` tells the
/// words of names made up for earlier texts.
pub(crate) fn parts(
    text: &str,
    findings: &[Finding],
    operators: &Operators,
    is_made_up: &dyn Fn(&str) -> bool,
) -> Result<Vec<Part>, Error> {
    for (index, finding) in findings.iter().enumerate() {
        finding
            .span
            .of(text)
            .ok_or(Error::Finding { position: index + 1 })?;
    }
    let solid = findings.iter().filter(|f| !f.span.is_empty()).copied().collect();
    let mut parts: Vec<Part> = Vec::with_capacity(findings.len());
    for finding in joined(solid) {
        let part = Part {
            entity: finding.entity,
            span: finding.span,
        };
        match parts.last_mut() {
            Some(last) if is_one_name(text, *last, part, operators) => last.span.end = part.span.end,
            _ => parts.push(part),
        }
    }
    if !operators.all().any(Operator::is_reversible) {
        return Ok(parts);
    }
    Ok(with_lookalikes(
        parts,
        &own_forms(text, operators, is_made_up),
        operators,
    ))
}

/// Findings that share a byte as one over all their bytes, of the kind of the longest, of the surest if equal; sorted.
fn joined(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_by_key(|f| (f.span.start, f.span.end));
    let mut out: Vec<Finding> = Vec::with_capacity(found.len());
    // Length of the finding that gave the last one its kind.
    let mut length = 0;
    for finding in found {
        match out.last_mut() {
            Some(last) if last.span.overlaps(finding.span) => {
                let span = Span::new(last.span.start, last.span.end.max(finding.span.end));
                if (finding.span.len(), finding.score) > (length, last.score) {
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
    out
}

fn is_one_name(text: &str, last: Part, next: Part, operators: &Operators) -> bool {
    let between = text.get(last.span.end..next.span.start).unwrap_or_default();
    last.entity == next.entity
        && NAMES.contains(&last.entity.name())
        && !operators.operator(last.entity).reads_the_value()
        && !between.is_empty()
        && between.bytes().all(|b| b == b' ')
}

/// Where text has the form of a token or a surrogate.
fn own_forms(text: &str, operators: &Operators, is_made_up: &dyn Fn(&str) -> bool) -> Vec<Span> {
    let is_realistic = operators.all().any(|o| {
        matches!(
            o,
            Operator::Surrogate {
                style: Style::Realistic
            }
        )
    });
    let style = if is_realistic {
        Style::Realistic
    } else {
        Style::Tag
    };
    let mut spans: Vec<Span> = token::scan(text).iter().map(|t| t.span).collect();
    spans.extend(lookalikes(text, style).iter().map(|f| f.span));
    if is_realistic {
        spans.extend(words(text).filter_map(|(span, word)| is_made_up(&word.to_lowercase()).then_some(span)));
    }
    spans.sort();
    spans
}

/// Runs of letters and digits.
pub(crate) fn words(text: &str) -> impl Iterator<Item = (Span, &str)> {
    let mut at = 0;
    text.split(|c: char| !c.is_alphanumeric())
        .filter_map(move |word| {
            let span = Span::new(at, at + word.len());
            let after = text.get(span.end..).and_then(|rest| rest.chars().next());
            at = span.end + after.map_or(0, char::len_utf8);
            (!word.is_empty()).then_some((span, word))
        })
}

/// `parts` grown over each lookalike they touch, and the other lookalikes as parts of their own. What is kept but looks
/// like ours is not kept; of several parts joined, the longest names the kind. Both lists are sorted.
fn with_lookalikes(parts: Vec<Part>, lookalikes: &[Span], operators: &Operators) -> Vec<Part> {
    struct Member {
        part: Part,
        is_lookalike: bool,
    }
    let mut members: Vec<Member> = parts
        .into_iter()
        .map(|part| Member {
            part,
            is_lookalike: false,
        })
        .chain(lookalikes.iter().map(|span| Member {
            part: Part {
                entity: Entity::SURROGATE,
                span: *span,
            },
            is_lookalike: true,
        }))
        .collect();
    members.sort_by_key(|m| (m.part.span, m.is_lookalike));
    let mut out: Vec<Part> = Vec::with_capacity(members.len());
    // Of the last one: bytes of the member that gave it its kind; 0 if any other member is to be preferred.
    let mut weight = 0;
    for Member { part, is_lookalike } in members {
        let is_kept = matches!(operators.operator(part.entity), Operator::Keep {});
        let own = if is_lookalike || is_kept {
            0
        } else {
            part.span.len()
        };
        match out.last_mut() {
            Some(last) if last.span.overlaps(part.span) => {
                last.span.end = last.span.end.max(part.span.end);
                if own > weight {
                    last.entity = part.entity;
                    weight = own;
                } else if weight == 0 {
                    last.entity = Entity::SURROGATE;
                }
            }
            _ => {
                out.push(part);
                weight = own;
            }
        }
    }
    // INVARIANT: sorted, disjoint
    out
}
