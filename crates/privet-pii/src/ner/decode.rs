//! The likeliest spans given the probabilities of the labels.

use privet_inference::label::{KINDS, LABELS};

/// A run of tokens that the network marks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Marked {
    /// Index into [`KINDS`].
    pub(crate) kind: usize,
    /// First token.
    pub(crate) first: usize,
    /// Last token.
    pub(crate) last: usize,
    /// Mean over the tokens of the probability that the token is of this kind, 0 ..= 1.
    pub(crate) probability: f32,
}

/// Labels of a kind: its begin, inside, last and whole.
const fn begin(kind: usize) -> usize {
    1 + 4 * kind
}

/// The likeliest sequence of labels in which each span is well formed (Viterbi 1967), as spans.
///
/// `scores`: natural-log probabilities, a row a token. O(n): a label has at most two kinds of forerunner.
pub(crate) fn spans(scores: &[[f32; LABELS]]) -> Vec<Marked> {
    // Most windows hold nothing: where no token leans to a label, so does no sequence.
    if scores.iter().all(|row| row.first().is_some_and(|o| *o > -0.1)) {
        return Vec::new();
    }
    // Best sum of a sequence that ends in each label, and the label before.
    let mut sums = [f32::NEG_INFINITY; LABELS];
    let mut back: Vec<[u8; LABELS]> = Vec::with_capacity(scores.len());
    for (at, row) in scores.iter().enumerate() {
        let (outer, from) = if at == 0 { (0.0, 0) } else { best_closed(&sums) };
        let mut next = [f32::NEG_INFINITY; LABELS];
        let mut before = [0_u8; LABELS];
        set(&mut next, &mut before, row, 0, outer, from);
        for kind in 0..KINDS.len() {
            let b = begin(kind);
            set(&mut next, &mut before, row, b, outer, from);
            set(&mut next, &mut before, row, b + 3, outer, from);
            let (open, opened) = match (get(&sums, b), get(&sums, b + 1)) {
                (begun, inside) if begun >= inside => (begun, b),
                (_, inside) => (inside, b + 1),
            };
            if at > 0 {
                set(&mut next, &mut before, row, b + 1, open, opened);
                set(&mut next, &mut before, row, b + 2, open, opened);
            }
        }
        sums = next;
        back.push(before);
    }
    let (_, mut label) = best_closed(&sums);
    let mut path = vec![0_usize; scores.len()];
    for (place, before) in path.iter_mut().zip(&back).rev() {
        *place = label;
        label = before.get(label).map_or(0, |l| usize::from(*l));
    }
    collect(&path, scores)
}

fn get(sums: &[f32; LABELS], label: usize) -> f32 {
    sums.get(label).copied().unwrap_or(f32::NEG_INFINITY)
}

fn set(
    next: &mut [f32; LABELS],
    before: &mut [u8; LABELS],
    row: &[f32; LABELS],
    label: usize,
    sum: f32,
    from: usize,
) {
    if let (Some(next), Some(before), Some(score)) =
        (next.get_mut(label), before.get_mut(label), row.get(label))
    {
        *next = sum + score;
        *before = u8::try_from(from).unwrap_or(0);
    }
}

/// The best sum over the labels after which no span is open.
fn best_closed(sums: &[f32; LABELS]) -> (f32, usize) {
    let mut best = (get(sums, 0), 0);
    for kind in 0..KINDS.len() {
        for label in [begin(kind) + 2, begin(kind) + 3] {
            let sum = get(sums, label);
            if sum > best.0 {
                best = (sum, label);
            }
        }
    }
    best
}

fn collect(path: &[usize], scores: &[[f32; LABELS]]) -> Vec<Marked> {
    let mut out = Vec::new();
    let mut first = 0;
    for (at, label) in path.iter().enumerate() {
        let Some(inner) = label.checked_sub(1) else {
            continue;
        };
        let (kind, place) = (inner / 4, inner % 4);
        if place == 0 || place == 3 {
            first = at;
        }
        if place >= 2 {
            let rows = scores.get(first..=at).unwrap_or_default();
            let of_kind =
                |row: &[f32; LABELS]| row.iter().skip(begin(kind)).take(4).map(|s| s.exp()).sum::<f32>();
            let sum: f32 = rows.iter().map(of_kind).sum();
            // At most 128 tokens: the conversion is exact.
            let probability = (sum / rows.len().max(1) as f32).min(1.0);
            out.push(Marked {
                kind,
                first,
                last: at,
                probability,
            });
        }
    }
    out
}
