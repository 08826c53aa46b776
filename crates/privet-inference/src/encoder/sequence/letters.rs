//! Rewrites a text before it is cut, and keeps for each letter the bytes that it comes from.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::charsmap::Charsmap;

/// A letter of a rewritten text, and the bytes of the original that it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) letter: char,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A step of rewriting, as Hugging Face's tokenizers name them.
#[derive(Debug)]
pub(super) enum Rewriting {
    /// White space at the ends goes.
    Strip { left: bool, right: bool },
    /// Characters are rewritten by a table.
    Charsmap(Charsmap),
    /// Two spaces and more become this.
    Spaces(String),
    /// One character becomes this.
    Replace(char, String),
    /// Capital letters become small ones.
    Lowercase,
    /// A form of Unicode's.
    Form(Form),
}

/// The forms of Unicode's normalisation (UAX 15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Nfc,
    Nfd,
    Nfkc,
    Nfkd,
}

/// The letters of `text`, rewritten step by step. O(n) for each step.
pub(super) fn letters(text: &str, steps: &[Rewriting]) -> Vec<Letter> {
    let mut letters: Vec<Letter> = text
        .char_indices()
        .map(|(start, letter)| Letter {
            letter,
            start,
            end: start + letter.len_utf8(),
        })
        .collect();
    for step in steps {
        letters = match step {
            Rewriting::Strip { left, right } => strip(letters, *left, *right),
            Rewriting::Charsmap(table) => by_table(&letters, table),
            Rewriting::Spaces(to) => spaces(&letters, to),
            Rewriting::Replace(from, to) => replace(&letters, *from, to),
            Rewriting::Lowercase => lowercase(&letters),
            Rewriting::Form(form) => formed(&letters, *form),
        };
    }
    letters
}

fn strip(mut letters: Vec<Letter>, left: bool, right: bool) -> Vec<Letter> {
    if right {
        let last = letters.iter().rposition(|one| !one.letter.is_whitespace());
        letters.truncate(last.map_or(0, |at| at + 1));
    }
    if left {
        let first = letters.iter().position(|one| !one.letter.is_whitespace());
        letters.drain(..first.unwrap_or(letters.len()));
    }
    letters
}

/// Adds `text`, which stands for `of`.
fn put(out: &mut Vec<Letter>, text: impl IntoIterator<Item = char>, of: &[Letter]) {
    let (Some(first), Some(last)) = (of.first(), of.last()) else {
        return;
    };
    out.extend(text.into_iter().map(|letter| Letter {
        letter,
        start: first.start,
        end: last.end,
    }));
}

/// Whether `letter` is read together with the one before it (UAX 29, as far as short clusters need it).
fn goes_on(before: char, letter: char) -> bool {
    if before.is_control() || matches!(before, '\u{2028}' | '\u{2029}' | '\u{200b}' | '\u{feff}') {
        return before == '\r' && letter == '\n';
    }
    is_combining_mark(letter)
        || matches!(
            letter,
            '\u{200c}' | '\u{200d}' | '\u{ff9e}' | '\u{ff9f}' | '\u{1f3fb}'..='\u{1f3ff}'
        )
}

/// Hugging Face's way through the table: a cluster of less than 6 bytes as a whole, if a beginning of it is known, else
/// character by character.
fn by_table(letters: &[Letter], table: &Charsmap) -> Vec<Letter> {
    /// Longest cluster, in bytes, that is looked up as a whole, and one more.
    const MOST: usize = 6;
    let mut out = Vec::with_capacity(letters.len());
    let mut cluster = String::new();
    for letters in letters.chunk_by(|a, b| goes_on(a.letter, b.letter)) {
        cluster.clear();
        cluster.extend(letters.iter().map(|one| one.letter).take(MOST));
        if letters.len() < MOST
            && cluster.len() < MOST
            && let Some(text) = table.rewritten(&cluster)
        {
            put(&mut out, text.chars(), letters);
            continue;
        }
        for one in letters {
            let mut bytes = [0; 4];
            match table.rewritten(one.letter.encode_utf8(&mut bytes)) {
                Some(text) => put(&mut out, text.chars(), std::slice::from_ref(one)),
                None => out.push(*one),
            }
        }
    }
    out
}

fn spaces(letters: &[Letter], to: &str) -> Vec<Letter> {
    let mut out = Vec::with_capacity(letters.len());
    for run in letters.chunk_by(|a, b| a.letter == ' ' && b.letter == ' ') {
        match run {
            [one] => out.push(*one),
            run => put(&mut out, to.chars(), run),
        }
    }
    out
}

fn replace(letters: &[Letter], from: char, to: &str) -> Vec<Letter> {
    let mut out = Vec::with_capacity(letters.len());
    for one in letters {
        if one.letter == from {
            put(&mut out, to.chars(), std::slice::from_ref(one));
        } else {
            out.push(*one);
        }
    }
    out
}

fn lowercase(letters: &[Letter]) -> Vec<Letter> {
    let mut out = Vec::with_capacity(letters.len());
    for one in letters {
        put(&mut out, one.letter.to_lowercase(), std::slice::from_ref(one));
    }
    out
}

/// Each letter with the marks and jamo behind it, in `form`.
fn formed(letters: &[Letter], form: Form) -> Vec<Letter> {
    let belongs = |_: &Letter, next: &Letter| {
        is_combining_mark(next.letter)
            || matches!(next.letter, '\u{1160}'..='\u{11ff}' | '\u{ff9e}' | '\u{ff9f}')
    };
    let mut out = Vec::with_capacity(letters.len());
    for cluster in letters.chunk_by(belongs) {
        if let [one] = cluster
            && one.letter.is_ascii()
        {
            out.push(*one);
            continue;
        }
        let text = cluster.iter().map(|one| one.letter);
        match form {
            Form::Nfc => put(&mut out, text.nfc(), cluster),
            Form::Nfd => put(&mut out, text.nfd(), cluster),
            Form::Nfkc => put(&mut out, text.nfkc(), cluster),
            Form::Nfkd => put(&mut out, text.nfkd(), cluster),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str, steps: &[Rewriting]) -> String {
        letters(text, steps).iter().map(|one| one.letter).collect()
    }

    #[test]
    fn each_step_rewrites_as_it_is_named() {
        let strip = Rewriting::Strip {
            left: true,
            right: true,
        };
        for (step, from, to) in [
            (strip, " \n a b \t", "a b"),
            (Rewriting::Spaces(" ".to_owned()), "a   b c ", "a b c "),
            (Rewriting::Replace('\n', " ".to_owned()), "a\nb", "a b"),
            (Rewriting::Lowercase, "ÄB İ", "äb i\u{307}"),
            (Rewriting::Form(Form::Nfc), "e\u{301}a\u{323}\u{302}", "éậ"),
            (Rewriting::Form(Form::Nfkc), "ﬁ２ 가", "fi2 가"),
        ] {
            assert_eq!(text(from, &[step]), to, "{from}");
        }
        assert_eq!(
            text(
                "  ",
                &[Rewriting::Strip {
                    left: true,
                    right: true
                }]
            ),
            ""
        );
    }

    #[test]
    fn what_was_rewritten_still_says_where_it_stood() {
        let steps = [Rewriting::Spaces(" ".to_owned()), Rewriting::Form(Form::Nfkc)];
        let places: Vec<(char, usize, usize)> = letters("a   ﬁ", &steps)
            .iter()
            .map(|one| (one.letter, one.start, one.end))
            .collect();
        assert_eq!(places, [('a', 0, 1), (' ', 1, 4), ('f', 4, 7), ('i', 4, 7)]);
    }
}
