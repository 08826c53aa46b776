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
    // Most windows hold nothing: where each token is likelier outside than not, so is the sequence of them.
    if scores
        .iter()
        .all(|row| row.first().is_some_and(|o| *o > -std::f32::consts::LN_2))
    {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Log-probabilities in which each token has the labels given with their probabilities, and the rest in equal shares.
    fn rows(tokens: &[&[(usize, f32)]]) -> Vec<[f32; LABELS]> {
        tokens
            .iter()
            .map(|given| {
                let left = 1.0 - given.iter().map(|(_, p)| p).sum::<f32>();
                let mut row = [(left / 30.0).max(1e-6).ln(); LABELS];
                for (label, p) in *given {
                    row[*label] = p.ln();
                }
                row
            })
            .collect()
    }

    #[test]
    fn a_well_formed_span_is_read_with_its_kind_and_mean_probability() {
        let scores = rows(&[
            &[(0, 0.9)],
            &[(begin(1), 0.8)],
            &[(begin(1) + 2, 0.6)],
            &[(0, 0.9)],
        ]);
        let found = spans(&scores);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].kind, found[0].first, found[0].last), (1, 1, 2));
        assert!((0.7..0.75).contains(&found[0].probability), "{found:?}");
    }

    #[test]
    fn a_span_without_an_end_is_made_whole_or_dropped() {
        // A begin and then nothing: the likeliest well-formed reading is a span of one token.
        let scores = rows(&[&[(begin(0), 0.7), (begin(0) + 3, 0.25)], &[(0, 0.95)]]);
        let found = spans(&scores);
        assert_eq!((found[0].first, found[0].last), (0, 0));
        let scores = rows(&[&[(0, 0.45), (begin(0) + 1, 0.5)], &[(0, 0.95)]]);
        assert_eq!(spans(&scores), []);
    }

    #[test]
    fn spans_at_the_edges_of_a_window_are_closed_there() {
        let scores = rows(&[
            &[(begin(2) + 3, 0.9)],
            &[(begin(3), 0.9)],
            &[(begin(3) + 1, 0.6), (begin(3) + 2, 0.3)],
        ]);
        let found: Vec<_> = spans(&scores).iter().map(|m| (m.kind, m.first, m.last)).collect();
        assert_eq!(found, [(2, 0, 0), (3, 1, 2)]);
        assert_eq!(spans(&[]), []);
    }
}
