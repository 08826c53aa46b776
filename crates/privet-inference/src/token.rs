//! Cuts text into the pieces that the network tags, and those into windows that it tags on their own.

use std::ops::Range;

/// What a [`Token`] is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Letters and digits without a break, with the marks that combine with them.
    Word,
    /// One character of a script that writes words without spaces, or a run of Katakana.
    Glyph,
    /// Any other character.
    Sign,
    /// A line break with the white space around it.
    Break,
}

/// A piece of text: a byte range on character bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What it is made of.
    pub kind: Kind,
    /// Whether white space stands before it.
    pub is_spaced: bool,
}

/// Tokens that one window holds at most.
pub const MOST_TOKENS: usize = 128;

/// From this many tokens on, a window ends at the next line break.
const LINES_END_AT: usize = 48;

/// Words that end in a full stop without ending a sentence, in lower case.
const ABBREVIATIONS: &[&str] = &[
    "apt", "art", "ave", "avda", "bldg", "blvd", "capt", "col", "corp", "dept", "dra", "etc", "fam", "fig",
    "gen", "gov", "hon", "inc", "inż", "jun", "ltd", "messrs", "mgr", "mlle", "mme", "mrs", "nro", "núm",
    "obj", "pkt", "pres", "prof", "ref", "rep", "rev", "sen", "sgt", "sra", "sta", "ste", "str", "tel", "ул",
    "univ", "vol", "кв",
];

/// Han, Hiragana, Thai, Lao, Khmer, Myanmar: scripts in which a space does not part words.
const fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}'
        | '\u{3041}'..='\u{309f}' | '\u{0e00}'..='\u{0eff}' | '\u{1780}'..='\u{17ff}' | '\u{1000}'..='\u{109f}' | '々' | '〇')
}

const fn is_katakana(c: char) -> bool {
    matches!(c, '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{ff66}'..='\u{ff9f}')
}

/// Marks that combine with a letter and are no letters themselves: accents, points, viramas, joiners.
pub(crate) const fn is_mark(c: char) -> bool {
    matches!(c, '\u{0300}'..='\u{036f}' | '\u{0591}'..='\u{05bd}' | '\u{05bf}'..='\u{05c7}' | '\u{0610}'..='\u{061a}'
        | '\u{064b}'..='\u{065f}' | '\u{0670}' | '\u{0900}'..='\u{0903}' | '\u{093a}'..='\u{094f}' | '\u{0951}'..='\u{0957}'
        | '\u{0981}'..='\u{0983}' | '\u{09bc}'..='\u{09cd}' | '\u{0a01}'..='\u{0a03}' | '\u{0a3c}'..='\u{0a4d}'
        | '\u{0b01}'..='\u{0b03}' | '\u{0bbe}'..='\u{0bcd}' | '\u{0c3e}'..='\u{0c4d}' | '\u{0cbc}'..='\u{0ccd}'
        | '\u{0d3e}'..='\u{0d4d}' | '\u{200c}' | '\u{200d}' | '\u{ad}')
}

fn is_word(c: char) -> bool {
    !is_unspaced(c) && !is_katakana(c) && c.is_alphanumeric()
}

/// The tokens of `text` in order. White space belongs to none, but for [`Kind::Break`]. O(n).
#[must_use]
pub fn tokenize(text: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(text.len() / 4 + 1);
    let mut chars = text.char_indices().peekable();
    let mut is_spaced = true;
    while let Some((start, c)) = chars.next() {
        let mut end = start + c.len_utf8();
        let mut take_while = |is_part: fn(char) -> bool| {
            while let Some((i, c)) = chars.next_if(|(_, c)| is_part(*c)) {
                end = i + c.len_utf8();
            }
            end
        };
        if c.is_whitespace() {
            let end = take_while(char::is_whitespace);
            if text
                .get(start..end)
                .is_some_and(|s| s.contains(['\n', '\r', '\u{2028}', '\u{2029}']))
            {
                tokens.push(Token {
                    start,
                    end,
                    kind: Kind::Break,
                    is_spaced: true,
                });
            }
            is_spaced = true;
            continue;
        }
        let kind = if is_word(c) {
            take_while(|c| is_word(c) || is_mark(c));
            Kind::Word
        } else if is_katakana(c) {
            take_while(is_katakana);
            Kind::Glyph
        } else if is_unspaced(c) {
            Kind::Glyph
        } else {
            Kind::Sign
        };
        tokens.push(Token {
            start,
            end,
            kind,
            is_spaced,
        });
        is_spaced = false;
    }
    tokens
}

/// Cuts `tokens` of `text` into windows: index ranges, in order, that together hold every token once.
///
/// A window ends after the full stop of a sentence, at an empty line, at the first line break after
/// 48 tokens, and after [`MOST_TOKENS`] at the latest. Where a window ends depends on no text after the next token.
#[must_use]
pub fn windows(text: &str, tokens: &[Token]) -> Vec<Range<usize>> {
    let mut cuts = Vec::new();
    let mut start = 0;
    for (i, token) in tokens.iter().enumerate() {
        let held = i + 1 - start;
        let piece = text.get(token.start..token.end).unwrap_or_default();
        let is_end = match token.kind {
            Kind::Break => held > LINES_END_AT || piece.bytes().filter(|b| *b == b'\n').count() > 1,
            Kind::Sign => {
                let next = tokens.get(i + 1);
                match piece {
                    "。" | "！" | "？" | "।" | "؟" => true,
                    "!" | "?" => next.is_some_and(|n| n.is_spaced && n.kind != Kind::Break),
                    "." => {
                        next.is_some_and(|n| n.kind != Kind::Break && starts_sentence(text, n))
                            && i.checked_sub(1)
                                .and_then(|b| tokens.get(b))
                                .is_some_and(|b| ends_sentence(text, b))
                    }
                    _ => false,
                }
            }
            Kind::Word | Kind::Glyph => false,
        };
        if is_end || held >= MOST_TOKENS {
            cuts.push(start..i + 1);
            start = i + 1;
        }
    }
    if start < tokens.len() {
        cuts.push(start..tokens.len());
    }
    cuts
}

fn starts_sentence(text: &str, token: &Token) -> bool {
    let first = text.get(token.start..token.end).and_then(|s| s.chars().next());
    token.is_spaced
        && first.is_some_and(|c| {
            !c.is_lowercase() && !c.is_numeric() && !matches!(c, ',' | '.' | ';' | ':' | '-')
        })
}

fn ends_sentence(text: &str, token: &Token) -> bool {
    let word = text.get(token.start..token.end).unwrap_or_default();
    match token.kind {
        Kind::Word => {
            word.chars().nth(2).is_some() && word.len() < 32 && {
                let lower = word.to_lowercase();
                !ABBREVIATIONS.contains(&lower.as_str())
            }
        }
        Kind::Glyph => true,
        Kind::Sign => matches!(word, ")" | "\"" | "'" | "”" | "’" | "]" | "%"),
        Kind::Break => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<&str> {
        tokenize(text)
            .iter()
            .map(|t| text.get(t.start..t.end).unwrap())
            .collect()
    }

    fn sentences(text: &str) -> Vec<&str> {
        let tokens = tokenize(text);
        windows(text, &tokens)
            .into_iter()
            .map(|w| text.get(tokens[w.start].start..tokens[w.end - 1].end).unwrap())
            .collect()
    }

    #[test]
    fn words_signs_and_line_breaks_are_tokens() {
        assert_eq!(pieces("O'Brien,\n 3rd"), ["O", "'", "Brien", ",", "\n ", "3rd"]);
        assert_eq!(pieces("name=x_y"), ["name", "=", "x", "_", "y"]);
        assert_eq!(pieces("e\u{301}te\u{301}"), ["e\u{301}te\u{301}"]);
    }

    #[test]
    fn scripts_without_spaces_are_cut_by_character_and_katakana_by_run() {
        assert_eq!(pieces("田中はトヨタで"), ["田", "中", "は", "トヨタ", "で"]);
        assert_eq!(pieces("मुंबई से"), ["मुंबई", "से"]);
    }

    #[test]
    fn sentences_end_at_full_stops_but_not_after_abbreviations() {
        assert_eq!(sentences("It rains. Anna left."), ["It rains.", "Anna left."]);
        assert_eq!(
            sentences("Dr. Berger, Apt. Nord, St. Gallen"),
            ["Dr. Berger, Apt. Nord, St. Gallen"]
        );
        assert_eq!(sentences("東京です。大阪です。"), ["東京です。", "大阪です。"]);
        assert_eq!(
            sentences("on 3. March and e.g. this"),
            ["on 3. March and e.g. this"]
        );
    }

    #[test]
    fn an_address_over_several_lines_stays_in_one_window_and_an_empty_line_ends_it() {
        let address = "Anna Berger\nHauptstr. 4\n8010 Graz";
        assert_eq!(
            sentences(&format!("{address}\n\nMore")),
            [&format!("{address}\n\n"), "More"]
        );
    }

    #[test]
    fn long_runs_of_lines_are_cut_at_a_line_break() {
        let text = "a b c d e f g\n".repeat(20);
        assert!(sentences(&text).iter().all(|s| s.ends_with('\n')));
        assert!(sentences(&text).len() >= 3);
    }
}
