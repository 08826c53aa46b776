//! Sentences, words and quotations.

/// Pairs of quotation marks, and what ends each.
const QUOTES: [(char, char); 7] = [
    ('"', '"'),
    ('“', '”'),
    ('„', '“'),
    ('«', '»'),
    ('「', '」'),
    ('『', '』'),
    ('`', '`'),
];

/// The sentences of `text`: they end at line ends, and at full stops, marks and semicolons behind which a space comes, or at once in
/// scripts without spaces; not inside quotations.
pub(super) fn sentences(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut current = String::new();
    let mut open: Option<char> = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let is_end = match open {
            Some(end) => {
                if c == end || c == '\n' {
                    open = None;
                }
                c == '\n'
            }
            None => {
                let closes = QUOTES.iter().find(|(begin, _)| *begin == c).map(|(_, end)| *end);
                // A mark without its other end opens nothing.
                open = closes.filter(|end| chars.clone().take_while(|c| *c != '\n').any(|next| next == *end));
                let before_space = chars
                    .peek()
                    .is_none_or(|next| next.is_whitespace() || "\"”»)<".contains(*next));
                matches!(c, '\n' | '。' | '！' | '？' | '؟')
                    || (matches!(c, '.' | '!' | '?' | ';') && before_space)
            }
        };
        if c != '\n' {
            current.push(c);
        }
        if is_end {
            keep(&mut all, &mut current);
        }
    }
    keep(&mut all, &mut current);
    all
}

fn keep(all: &mut Vec<String>, current: &mut String) {
    let sentence = current.replace("<!--", " ").replace("-->", " ");
    let sentence = sentence
        .trim()
        .trim_start_matches(['#', '*', '>', '-', ' '])
        .trim();
    if !sentence.is_empty() {
        all.push(sentence.to_owned());
    }
    current.clear();
}

/// `text` in parts, each with whether it stands in quotation marks; the marks themselves are left out.
pub(super) fn parts(text: &str) -> Vec<(bool, &str)> {
    let mut all = Vec::new();
    let mut rest = text;
    let mut from = 0;
    while let Some((at, c)) = rest.get(from..).and_then(|tail| {
        let mut found = tail.char_indices();
        found.find(|(_, c)| QUOTES.iter().any(|(begin, _)| begin == c))
    }) {
        let at = from + at;
        let end = QUOTES
            .iter()
            .find(|(begin, _)| *begin == c)
            .map_or('"', |(_, end)| *end);
        let after = rest.get(at + c.len_utf8()..).unwrap_or_default();
        match after.split_once(end) {
            Some((inner, beyond)) => {
                all.push((false, rest.get(..at).unwrap_or_default()));
                all.push((true, inner.trim()));
                rest = beyond;
                from = 0;
            }
            // A mark without its other end is a sign like others.
            None => from = at + c.len_utf8(),
        }
    }
    all.push((false, rest));
    all
}

/// The quotations in `text`, without their marks.
pub(super) fn quoted(text: &str) -> Vec<String> {
    let quotes = parts(text)
        .into_iter()
        .filter(|(is_quote, part)| *is_quote && !part.is_empty());
    quotes.map(|(_, part)| part.to_owned()).collect()
}

/// `text` without its quotations.
pub(super) fn unquoted(text: &str) -> String {
    let plain: Vec<&str> = parts(text)
        .into_iter()
        .filter(|(is_quote, _)| !is_quote)
        .map(|(_, part)| part)
        .collect();
    plain.join(" \u{201c}\u{201d} ")
}

/// Words of letters, digits and underscores, in lower case.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// Whether one of `stems` begins a word of `text` (in lower case); stems with a space or of scripts without spaces stand anywhere.
pub(super) fn has(text: &str, stems: &[&str]) -> bool {
    stems.iter().any(|stem| {
        let is_dense = stem.chars().any(|c| c > '\u{2e80}');
        if is_dense {
            return text.contains(stem);
        }
        text.match_indices(stem).any(|(at, _)| {
            let before = text.get(..at).and_then(|before| before.chars().next_back());
            before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
        })
    })
}

/// The same for whole words.
pub(super) fn has_word(text: &str, wanted: &[&str]) -> bool {
    let words = words(text);
    wanted.iter().any(|wanted| {
        if wanted.contains(' ') || wanted.chars().any(|c| c > '\u{2e80}') {
            text.contains(wanted)
        } else {
            words.iter().any(|word| word == wanted)
        }
    })
}

/// The numbers in `text`.
pub(super) fn numbers(text: &str) -> Vec<usize> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

/// A word that looks like a code: capital letters, four or more, with hyphens and digits.
pub(super) fn code(text: &str) -> Option<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.split(|c| !is_part(c))
        .map(|word| word.trim_matches('-'))
        .find(|word| {
            let capitals = word.chars().filter(char::is_ascii_uppercase).count();
            capitals >= 4 && !word.chars().any(|c| c.is_ascii_lowercase()) && word.contains('-')
        })
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_where_people_end_them() {
        assert_eq!(
            sentences("Say \"a. b\" to x@y.example. Then go!\n- third；第四。第五"),
            [
                "Say \"a. b\" to x@y.example.",
                "Then go!",
                "third；第四。",
                "第五"
            ]
        );
        assert_eq!(quoted("Say “a b” and \"c\", not \"d"), ["a b", "c"]);
        assert_eq!(code("answer KESTREL-4821 now").as_deref(), Some("KESTREL-4821"));
    }
}
