//! Cuts a text into tokens over a folded copy of it, and tells where each came from.
//!
//! Folded: small letters, no accents, no invisible characters, compatibility forms (NFKC) replaced. A token is a run of
//! letters and digits, one character of a script without spaces, a run of one sign, or a line break.

use unicode_normalization::char::decompose_compatible;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Letters and digits.
    Word,
    /// A character of a script that is written without spaces.
    Sign,
    /// Punctuation; the same character several times is one token.
    Mark,
    /// A line break, or several.
    Break,
}

/// A piece of the folded text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// Bytes of the folded text.
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Bytes of the text as it was.
    pub(crate) from: u32,
    pub(crate) to: u32,
    /// How often a mark stands there, at most 255.
    pub(crate) times: u8,
}

/// A text, folded and cut.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) folded: String,
    pub(crate) tokens: Vec<Token>,
}

/// What one character is to the cutter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Unspaced,
    Mark,
    Break,
    Space,
    Hidden,
}

/// Scripts written without spaces: Thai, Lao, Myanmar, Khmer, kana, Han.
const UNSPACED: &[(u32, u32)] = &[
    (0x0e00, 0x0eff),
    (0x1000, 0x109f),
    (0x1780, 0x17ff),
    (0x3040, 0x30ff),
    (0x3400, 0x4dbf),
    (0x4e00, 0x9fff),
    (0xf900, 0xfaff),
    (0x2_0000, 0x3_ffff),
];

/// What nobody sees: joiners, directions, variation selectors, tags, and marks over letters.
const HIDDEN: &[(u32, u32)] = &[
    (0x00ad, 0x00ad),
    (0x0300, 0x036f),
    (0x0591, 0x05c7),
    (0x0640, 0x0640),
    (0x064b, 0x0655),
    (0x0670, 0x0670),
    (0x115f, 0x1160),
    (0x180b, 0x180f),
    (0x200b, 0x200f),
    (0x202a, 0x202e),
    (0x2060, 0x206f),
    (0x3164, 0x3164),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xe_0000, 0xe_0fff),
];

fn is_in(ranges: &[(u32, u32)], c: char) -> bool {
    let c = u32::from(c);
    let after = ranges.partition_point(|(first, _)| *first <= c);
    after
        .checked_sub(1)
        .and_then(|i| ranges.get(i))
        .is_some_and(|(_, last)| c <= *last)
}

fn class(c: char) -> Class {
    if c.is_ascii() {
        return match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' => Class::Letter,
            '\n' | '\r' => Class::Break,
            c if c.is_ascii_whitespace() || c.is_ascii_control() => Class::Space,
            _ => Class::Mark,
        };
    }
    if is_in(HIDDEN, c) {
        Class::Hidden
    } else if is_in(UNSPACED, c) {
        Class::Unspaced
    } else if c.is_alphanumeric() || is_vowel_sign(c) {
        Class::Letter
    } else if matches!(c, '\u{2028}' | '\u{2029}' | '\u{85}') {
        Class::Break
    } else if c.is_whitespace() || c.is_control() {
        Class::Space
    } else {
        Class::Mark
    }
}

/// Signs of the scripts of India that belong to the letter before them.
fn is_vowel_sign(c: char) -> bool {
    matches!(u32::from(c), 0x0900..=0x0dff)
}

/// Appends `c` as it is compared.
fn fold(c: char, out: &mut String) {
    match c {
        c if c.is_ascii() => out.push(c.to_ascii_lowercase()),
        'ß' => out.push_str("ss"),
        'ı' => out.push('i'),
        'ł' | 'Ł' => out.push('l'),
        'đ' | 'Đ' => out.push('d'),
        'ø' | 'Ø' => out.push('o'),
        // Syllables of Hangul and Han stay whole.
        c if matches!(u32::from(c), 0x3040..=0xfaff) => out.push(c),
        c => decompose_compatible(c, |part| {
            if !is_in(HIDDEN, part) {
                out.extend(part.to_lowercase().filter(|c| !is_in(HIDDEN, *c)));
            }
        }),
    }
}

fn narrow(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Folds and cuts `text`. At most 2³² − 1 bytes are looked at; callers hand in less.
pub(crate) fn tokens(text: &str) -> Tokens {
    let mut out = Tokens {
        folded: String::with_capacity(text.len() + text.len() / 8),
        tokens: Vec::with_capacity(text.len() / 4 + 1),
    };
    // The class and character of the token that may go on.
    let mut open: Option<(Class, char)> = None;
    for (at, c) in text.char_indices() {
        let class = class(c);
        let goes_on = match (open, class) {
            (_, Class::Hidden) => continue,
            (Some((Class::Letter, _)), Class::Letter) | (Some((Class::Break, _)), Class::Break) => true,
            (Some((Class::Mark, before)), Class::Mark) => before == c,
            _ => false,
        };
        let start = out.folded.len();
        let end = at + c.len_utf8();
        match class {
            Class::Hidden => {}
            Class::Space => {
                if !out.folded.ends_with([' ', '\n']) {
                    out.folded.push(' ');
                }
                open = None;
                continue;
            }
            Class::Break if goes_on => {}
            Class::Break => out.folded.push('\n'),
            Class::Mark if goes_on => {}
            Class::Letter | Class::Unspaced | Class::Mark => fold(c, &mut out.folded),
        }
        if let Some(token) = out.tokens.last_mut().filter(|_| goes_on) {
            token.end = narrow(out.folded.len());
            token.to = narrow(end);
            token.times = token.times.saturating_add(1);
        } else if out.folded.len() > start {
            out.tokens.push(Token {
                kind: match class {
                    Class::Letter => Kind::Word,
                    Class::Unspaced => Kind::Sign,
                    Class::Break => Kind::Break,
                    _ => Kind::Mark,
                },
                start: narrow(start),
                end: narrow(out.folded.len()),
                from: narrow(at),
                to: narrow(end),
                times: 1,
            });
        }
        open = Some((class, c));
    }
    out
}

impl Tokens {
    /// The folded text of a token.
    pub(crate) fn of(&self, token: Token) -> &str {
        self.folded
            .get(token.start as usize..token.end as usize)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<String> {
        let tokens = tokens(text);
        tokens.tokens.iter().map(|t| tokens.of(*t).to_owned()).collect()
    }

    #[test]
    fn words_marks_and_unspaced_characters_are_tokens() {
        assert_eq!(
            cut("Ignoré  ALL---rules!\n\nÉtape 忽略 ﬁne"),
            [
                "ignore", "all", "-", "rules", "!", "\n", "etape", "忽", "略", "fine"
            ]
        );
    }

    #[test]
    fn invisible_characters_are_not_there() {
        assert_eq!(cut("ig\u{200b}no\u{e0041}re"), ["ignore"]);
        assert_eq!(cut("إِنسَ İ ß"), ["انس", "i", "ss"]);
    }

    #[test]
    fn tokens_know_where_they_came_from() {
        let text = "é ÀB";
        let tokens = tokens(text);
        let last = tokens.tokens.last().unwrap();
        assert_eq!(text.get(last.from as usize..last.to as usize), Some("ÀB"));
        assert_eq!(tokens.of(*last), "ab");
    }
}
