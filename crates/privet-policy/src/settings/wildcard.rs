//! Model names with `*`.

/// Whether `pattern`, in which `*` stands for any text, matches the whole of `name`. O(pattern × name) time at worst.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(first) = pieces.next() else { return false };
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let Some(last) = pieces.next_back() else {
        return rest.is_empty();
    };
    for piece in pieces {
        match rest.find(piece).and_then(|at| rest.get(at + piece.len()..)) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_text_also_none() {
        for (pattern, name) in [
            ("*", ""),
            ("*", "x"),
            ("gpt-*", "gpt-"),
            ("*-mini", "o4-mini"),
            ("a*b*c", "abbc"),
            ("a**c", "ac"),
            ("ab", "ab"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("gpt-*", "xgpt-4"),
            ("*-mini", "mini"),
            ("aba*aba", "aba"),
            ("a*b*c", "acb"),
            ("ab", "abc"),
            ("", "a"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
