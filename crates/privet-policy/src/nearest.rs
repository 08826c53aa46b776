//! What somebody probably meant to write.

/// The one of `known` closest to `written`, if close enough to be meant by it: at most a third of its letters differ,
/// or it begins with what was written.
pub(crate) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    /// Nothing in a document's vocabulary is longer; keeps the cost bounded for any input.
    const LONGEST: usize = 64;
    if written.len() > LONGEST {
        return None;
    }
    known
        .iter()
        .map(|name| (distance(written, name), *name))
        .filter(|(distance, name)| *distance <= name.len().div_ceil(3))
        .min()
        .map(|(_, name)| name)
        .or_else(|| {
            known
                .iter()
                .copied()
                .find(|name| written.len() >= 3 && name.starts_with(written))
        })
}

/// Levenshtein distance in characters, without regard to ASCII case.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(b.chars()) {
            let replaced = diagonal + usize::from(!from.eq_ignore_ascii_case(&to));
            diagonal = *cell;
            *cell = replaced.min(diagonal + 1).min(left + 1);
            left = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_single_letter_changes() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("Listen", "listen"), 0);
    }

    #[test]
    fn only_something_close_is_suggested() {
        assert_eq!(nearest("lisen", &["listen", "log"]), Some("listen"));
        assert_eq!(nearest("sk-proj-abcdef", &["listen", "log"]), None);
    }
}
