//! Where two texts differ.

use std::ops::Range;

/// Most cells of the comparison table; longer texts are not compared. 4 Mi cells of 4 bytes are 16 MiB.
const MAX_CELLS: usize = 4 << 20;

/// The byte ranges of `left` that are not in `right`, and of `right` that are not in `left`: by words, ascending,
/// neighbours joined. Costs O(n·m) time and memory in words, after the common start and end.
pub(crate) fn differences(left: &str, right: &str) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
    let (a, b) = (words(left), words(right));
    let same = |x: &Range<usize>, y: &Range<usize>| left.get(x.clone()) == right.get(y.clone());
    let start = a.iter().zip(&b).take_while(|(x, y)| same(x, y)).count();
    let most = a.len().min(b.len()) - start;
    let end = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take(most)
        .take_while(|(x, y)| same(x, y))
        .count();
    let a = a.get(start..a.len() - end).unwrap_or(&[]);
    let b = b.get(start..b.len() - end).unwrap_or(&[]);
    if (a.len() + 1).saturating_mul(b.len() + 1) > MAX_CELLS {
        return (Vec::new(), Vec::new());
    }
    let table = common(a, b, &same);
    let longest = |i: usize, j: usize| table.get(i * (b.len() + 1) + j).copied().unwrap_or(0);
    let (mut only_a, mut only_b) = (Vec::new(), Vec::new());
    let (mut i, mut j) = (0, 0);
    loop {
        match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) if same(x, y) && longest(i, j) == longest(i + 1, j + 1) + 1 => {
                (i, j) = (i + 1, j + 1);
            }
            (Some(x), _) if j == b.len() || longest(i + 1, j) >= longest(i, j + 1) => {
                only_a.push(x.clone());
                i += 1;
            }
            (_, Some(y)) => {
                only_b.push(y.clone());
                j += 1;
            }
            _ => return (joined(only_a), joined(only_b)),
        }
    }
}

/// The length of the longest common subsequence of `a[i..]` and `b[j..]`, at `i * (b.len() + 1) + j`.
fn common(
    a: &[Range<usize>],
    b: &[Range<usize>],
    same: &impl Fn(&Range<usize>, &Range<usize>) -> bool,
) -> Vec<u32> {
    let wide = b.len() + 1;
    let mut table = vec![0u32; (a.len() + 1) * wide];
    for (i, x) in a.iter().enumerate().rev() {
        for (j, y) in b.iter().enumerate().rev() {
            let at = |i: usize, j: usize| table.get(i * wide + j).copied().unwrap_or(0);
            let best = if same(x, y) {
                at(i + 1, j + 1) + 1
            } else {
                at(i + 1, j).max(at(i, j + 1))
            };
            if let Some(cell) = table.get_mut(i * wide + j) {
                *cell = best;
            }
        }
    }
    table
}

/// Runs of word characters, and all other characters one by one. What occurs inside addresses and numbers counts as a word
/// character, so that a value is one word.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut words: Vec<Range<usize>> = Vec::new();
    let mut was_word = false;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let is_inner = matches!(c, '.' | '@' | '-' | '+' | '_')
            && chars.peek().is_some_and(|(_, n)| n.is_alphanumeric());
        let is_word = c.is_alphanumeric() || c == '_' || is_inner;
        let end = at + c.len_utf8();
        match words.last_mut() {
            Some(word) if is_word && was_word => word.end = end,
            _ => words.push(at..end),
        }
        was_word = is_word;
    }
    words
}

fn joined(ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match out.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => out.push(range),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(left: &str, right: &str) -> (Vec<String>, Vec<String>) {
        let (a, b) = differences(left, right);
        let texts = |text: &str, ranges: &[Range<usize>]| {
            ranges
                .iter()
                .map(|range| text.get(range.clone()).unwrap().to_owned())
                .collect()
        };
        (texts(left, &a), texts(right, &b))
    }

    #[test]
    fn replaced_values_are_the_difference() {
        let left = "Grüße an a@example.com, card 4111 1111 1111 1111 and back.";
        let right = "Grüße an <EMAIL_ADDRESS_7Q2>, card <CREDIT_CARD_8Z> and back.";
        let (private, masked) = shown(left, right);
        assert_eq!(private, ["a@example.com", "4111 1111 1111 1111"]);
        assert_eq!(masked, ["<EMAIL_ADDRESS_7Q2>", "<CREDIT_CARD_8Z>"]);
    }

    #[test]
    fn equal_empty_and_overlong_texts_have_no_differences_shown() {
        assert_eq!(shown("a b", "a b"), (vec![], vec![]));
        assert_eq!(shown("", "a"), (vec![], vec!["a".to_owned()]));
        assert_eq!(shown(&"a ".repeat(9000), &"b ".repeat(9000)), (vec![], vec![]));
    }
}
