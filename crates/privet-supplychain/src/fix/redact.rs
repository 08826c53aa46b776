//! Which bytes change, and to what.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use crate::segments::JsonString;

use super::structure::{Found, Hit, Leaf, Role};
use super::{How, Reach};

/// What stands in the place of a redacted value. It is the same in JSON, HTML, XML, Markdown and LaTeX.
pub const REDACTED: &str = "[redacted]";

/// Bytes that give way to others.
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) text: Cow<'static, str>,
}

/// All edits, sorted and disjoint, and what they come to.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) edits: Vec<Edit>,
    pub(super) cleared_outputs: usize,
    pub(super) redacted: usize,
    pub(super) untouched_in_source: usize,
    pub(super) untouched_elsewhere: usize,
    /// Indices of the spots that are left.
    pub(super) left: Vec<usize>,
}

/// What becomes of a spot, in the order in which one overrides the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Unseen,
    Mended,
    LeftInWord,
    LeftInSource,
}

/// Decides for each hit.
pub(super) fn plan(found: &Found<'_>, spots: &[Range<usize>], how: How, reach: Reach) -> Plan {
    let mut plan = Plan::default();
    let mut fates = vec![Fate::Unseen; spots.len()];
    let cleared: BTreeSet<usize> = found
        .hits
        .iter()
        .filter(|hit| how == How::Clear || !can_redact(hit))
        .filter_map(|hit| hit.output)
        .collect();
    for hit in &found.hits {
        let is_cleared = hit.output.is_some_and(|output| cleared.contains(&output));
        let fate = match &hit.role {
            _ if is_cleared => Fate::Mended,
            Role::Source if reach == Reach::Outputs => Fate::LeftInSource,
            Role::Word => Fate::LeftInWord,
            _ => {
                redact(hit, spots, &mut plan);
                Fate::Mended
            }
        };
        for so_far in fates.iter_mut().skip(hit.spots.start).take(hit.spots.len()) {
            *so_far = fate.max(*so_far);
        }
    }
    plan.redacted = plan.edits.len();
    plan.cleared_outputs = cleared.len();
    plan.untouched_in_source = fates.iter().filter(|f| **f == Fate::LeftInSource).count();
    plan.untouched_elsewhere = fates
        .iter()
        .filter(|f| matches!(f, Fate::Unseen | Fate::LeftInWord))
        .count();
    let left = fates
        .iter()
        .enumerate()
        .filter(|(_, fate)| **fate != Fate::Mended);
    plan.left = left.map(|(number, _)| number).collect();
    plan.edits.extend(cuts(found, &cleared));
    plan.edits.sort_by_key(|edit| edit.range.start);
    plan
}

const fn can_redact(hit: &Hit<'_>) -> bool {
    !matches!(hit.role, Role::Word)
}

fn redact(hit: &Hit<'_>, spots: &[Range<usize>], plan: &mut Plan) {
    match (&hit.leaf, &hit.role) {
        (Leaf::Number(range), _) => plan.edits.push(Edit {
            range: range.clone(),
            text: Cow::Owned(format!("\"{REDACTED}\"")),
        }),
        (Leaf::Text(text), Role::Name(name)) => {
            if !text.raw().starts_with(b"redacted-") {
                plan.edits.push(Edit {
                    range: text.range(),
                    text: Cow::Owned(name.clone()),
                });
            }
        }
        (Leaf::Text(text), _) => {
            let spots = spots.get(hit.spots.clone()).unwrap_or_default();
            plan.edits
                .extend(parts(text, spots).into_iter().map(|range| Edit {
                    range,
                    text: Cow::Borrowed(REDACTED),
                }));
        }
    }
}

/// The bytes of `text` that `spots` take, on whole escapes and characters, without line ends at either end, disjoint; nothing
/// for those that are redacted already.
fn parts(text: &JsonString<'_>, spots: &[Range<usize>]) -> Vec<Range<usize>> {
    let inside = text.range();
    let mut units = text.long_units().peekable();
    let mut parts: Vec<Range<usize>> = Vec::with_capacity(spots.len());
    for spot in spots {
        let mut part = spot.start.max(inside.start)..spot.end.min(inside.end);
        let mut line_ends: Vec<Range<usize>> = Vec::new();
        while units.next_if(|unit| unit.end <= part.start).is_some() {}
        while let Some(unit) = units.peek().filter(|unit| unit.start < part.end).cloned() {
            part.start = part.start.min(unit.start);
            let raw = text.raw().get(unit.start - inside.start..unit.end - inside.start);
            if matches!(raw, Some(b"\\n" | b"\\r")) {
                line_ends.push(unit.clone());
            }
            if unit.end > part.end {
                part.end = unit.end;
            }
            units.next();
        }
        for line_end in &line_ends {
            if line_end.start == part.start {
                part.start = line_end.end;
            }
        }
        for line_end in line_ends.iter().rev() {
            if line_end.end == part.end && part.end > part.start {
                part.end = line_end.start;
            }
        }
        if part.start >= part.end {
            continue;
        }
        match parts.last_mut() {
            Some(last) if part.start <= last.end => last.end = last.end.max(part.end),
            _ => parts.push(part),
        }
    }
    parts.retain(|part| !is_redacted(text, part));
    parts
}

/// Whether `part` lies inside of a [`REDACTED`].
fn is_redacted(text: &JsonString<'_>, part: &Range<usize>) -> bool {
    let inside = text.range();
    let from = part.start.saturating_sub(REDACTED.len()).max(inside.start);
    let to = (part.end + REDACTED.len()).min(inside.end);
    if part.len() > REDACTED.len() {
        return false;
    }
    let around = text
        .raw()
        .get(from - inside.start..to - inside.start)
        .unwrap_or_default();
    memchr::memmem::find_iter(around, REDACTED.as_bytes()).any(|at| {
        let start = from + at;
        start <= part.start && part.end <= start + REDACTED.len()
    })
}

/// The bytes that go with the `cleared` outputs: each with the comma and white space up to the next that stays; the last ones
/// with those before them; all between the brackets if none stays.
fn cuts(found: &Found<'_>, cleared: &BTreeSet<usize>) -> Vec<Edit> {
    let mut edits = Vec::new();
    let cut = |range| Edit {
        range,
        text: Cow::Borrowed(""),
    };
    let neighbour = |index: Option<usize>, list: usize| {
        index
            .and_then(|i| found.outputs.get(i))
            .filter(|output| output.list == list)
    };
    let mut next = cleared.iter().copied().peekable();
    while let Some(first) = next.next() {
        let Some(output) = found.outputs.get(first) else {
            continue;
        };
        let mut last = first;
        let mut end = output.range.end;
        while let Some(more) =
            next.next_if(|more| neighbour(Some(*more), output.list).is_some() && *more == last + 1)
        {
            last = more;
            end = found.outputs.get(more).map_or(end, |o| o.range.end);
        }
        let before = neighbour(first.checked_sub(1), output.list);
        let after = neighbour(Some(last + 1), output.list);
        edits.push(match (before, after) {
            (_, Some(after)) => cut(output.range.start..after.range.start),
            (Some(before), None) => cut(before.range.end..end),
            (None, None) => cut(found
                .lists
                .get(output.list)
                .cloned()
                .unwrap_or(output.range.start..end)),
        });
    }
    edits
}
