//! What the network sees of a word: rows of its tables, picked by hashing.

use std::ops::Range;

use crate::token::{Kind, Token, is_mark};

/// Rows of the table of whole words.
pub const WORD_ROWS: u32 = 24_576;
/// Rows of the table of word parts.
pub const PART_ROWS: u32 = 32_768;
/// Rows of the table of shapes.
pub const SHAPE_ROWS: u32 = 2_048;
/// Rows that a word picks from the table of whole words: two, so that few words share both.
pub const WORD_PICKS: usize = 2;
/// Rows that a word picks from the table of word parts at most.
pub const PART_PICKS: usize = 16;
/// Rows that a word picks from the table of shapes.
pub const SHAPE_PICKS: usize = 2;

/// Letters of a word that are looked at; longer words are cut in the middle.
const MOST_LETTERS: usize = 24;

/// The rows that stand for one word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Features {
    /// Rows of the table of whole words.
    pub words: [u32; WORD_PICKS],
    /// Rows of the table of word parts; the first `part_count` count.
    pub parts: [u32; PART_PICKS],
    /// How many of `parts` count.
    pub part_count: usize,
    /// Rows of the table of shapes.
    pub shapes: [u32; SHAPE_PICKS],
}

/// 32-bit FNV-1a over characters with a finaliser (MurmurHash3's `fmix32`), mapped to `0..rows` by Lemire's multiply-shift.
fn pick(salt: u32, chars: impl IntoIterator<Item = char>, rows: u32) -> u32 {
    let mut hash = 0x811c_9dc5_u32 ^ salt.wrapping_mul(0x9e37_79b9);
    for c in chars {
        hash = (hash ^ u32::from(c)).wrapping_mul(0x0100_0193);
    }
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^= hash >> 16;
    let scaled = (u64::from(hash) * u64::from(rows)) >> 32;
    u32::try_from(scaled).unwrap_or(0)
}

/// U+00C0 ..= U+017F without accents; `.` where the letter stays as it is.
const PLAIN: &str = "aaaaaaaceeeeiiiidnooooo.ouuuuytsaaaaaaaceeeeiiiidnooooo.ouuuuyty\
aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllll\
lllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

fn plain(c: char) -> char {
    match c {
        '\u{c0}'..='\u{17f}' => {
            let at = usize::try_from(u32::from(c) - 0xc0).unwrap_or(0);
            PLAIN
                .as_bytes()
                .get(at)
                .map_or(c, |b| if *b == b'.' { c } else { char::from(*b) })
        }
        'ё' => 'е',
        'ș' => 's',
        'ț' => 't',
        'أ' | 'إ' | 'آ' => 'ا',
        _ => c,
    }
}

/// `word` in lower case, without accents and marks, digits as `0`; its first 16 and last 8 letters if it is longer.
fn norm(word: &str) -> Vec<char> {
    let fold = |c: char| {
        let low = c.to_lowercase().next().unwrap_or(c);
        if low.is_numeric() { '0' } else { plain(low) }
    };
    let mut letters: Vec<char> = word
        .chars()
        .filter(|c| !is_mark(*c))
        .map(fold)
        .take(MOST_LETTERS)
        .collect();
    if letters.len() == MOST_LETTERS {
        let tail: Vec<char> = word
            .chars()
            .rev()
            .filter(|c| !is_mark(*c))
            .map(fold)
            .take(8)
            .collect();
        letters.truncate(16);
        letters.extend(tail.into_iter().rev());
    }
    letters
}

fn class(c: char) -> char {
    match c {
        'a'..='z' => 'x',
        'A'..='Z' => 'X',
        _ if c.is_numeric() => 'd',
        _ if c.is_uppercase() => 'X',
        _ if c.is_lowercase() => 'x',
        '\u{0590}'..='\u{05ff}' => 'h',
        '\u{0600}'..='\u{06ff}' => 'a',
        '\u{0900}'..='\u{0dff}' => 'i',
        '\u{3041}'..='\u{309f}' => 'y',
        '\u{30a1}'..='\u{30ff}' => 'k',
        '\u{4e00}'..='\u{9fff}' => 'z',
        _ if c.is_alphabetic() => 'o',
        _ => c,
    }
}

/// What a number may count, as one letter: a day, a month, an hour, a year; else only its length shows.
fn magnitude(digits: &str) -> char {
    match (digits.len(), digits.parse::<u32>().unwrap_or(u32::MAX)) {
        (1 | 2, 1..=12) => 'm',
        (1 | 2, 0..=31) => 'd',
        (1 | 2, 32..=59) => 'n',
        (1 | 2, _) => 'e',
        (3, _) => 'h',
        (4, 1900..=2079) => 'y',
        (4, _) => 'k',
        (5, _) => 'z',
        (6, _) => 's',
        (7..=9, _) => 'p',
        _ => 'l',
    }
}

/// The features of `token` of `text`, which lies in the bytes `window`.
///
/// They depend on the token alone, for [`Kind::Glyph`] also on the characters of the window right before and after it.
#[must_use]
pub fn features(text: &str, window: &Range<usize>, token: &Token) -> Features {
    let word = text.get(token.start..token.end).unwrap_or_default();
    if token.kind == Kind::Break {
        let lines = word.bytes().filter(|b| *b == b'\n').count().min(2);
        let name = if lines > 1 { "\n\n" } else { "\n" };
        return simple(name, name);
    }
    if word.bytes().all(|b| b.is_ascii_digit()) {
        let mark = magnitude(word);
        let length = ["0", "00", "000", "0000", "00000", "000000", "0000000"];
        let zeros = length
            .get(word.len().saturating_sub(1))
            .copied()
            .unwrap_or("00000000");
        let mut f = simple(zeros, zeros);
        f.words = [pick(11, [mark], WORD_ROWS), pick(12, [mark], WORD_ROWS)];
        if word.len() <= 2 || mark == 'y' {
            let kept = if mark == 'y' {
                word.get(..3).unwrap_or(word)
            } else {
                word
            };
            f.push(pick(13, kept.chars(), PART_ROWS));
        }
        return f;
    }
    let letters = norm(word);
    let mut f = Features {
        words: [
            pick(1, letters.iter().copied(), WORD_ROWS),
            pick(2, letters.iter().copied(), WORD_ROWS),
        ],
        ..Features::default()
    };
    if token.kind == Kind::Glyph {
        let before = text
            .get(window.start..token.start)
            .and_then(|s| s.chars().next_back())
            .unwrap_or('^');
        let after = text
            .get(token.end..window.end)
            .and_then(|s| s.chars().next())
            .unwrap_or('$');
        f.push(pick(
            21,
            [before].into_iter().chain(letters.iter().copied()),
            PART_ROWS,
        ));
        f.push(pick(22, letters.iter().copied().chain([after]), PART_ROWS));
        if letters.len() == 1 {
            f.push(pick(
                23,
                [before].into_iter().chain(letters.iter().copied()).chain([after]),
                PART_ROWS,
            ));
        }
    }
    if letters.len() > 1 {
        let edges: Vec<char> = ['^']
            .into_iter()
            .chain(letters.iter().copied())
            .chain(['$'])
            .collect();
        for length in 1..=4 {
            if let Some(end) = edges.len().checked_sub(length + 1).and_then(|s| edges.get(s..)) {
                f.push(pick(30, end.iter().copied(), PART_ROWS));
            }
        }
        for length in 2..=4 {
            if let Some(start) = edges.get(..=length) {
                f.push(pick(31, start.iter().copied(), PART_ROWS));
            }
        }
        let grams = letters.len().saturating_sub(2);
        let room = PART_PICKS - f.part_count;
        // Where there are more trigrams than room, the first ones count, and the last.
        for (i, gram) in letters.windows(3).enumerate() {
            if i + 1 < room || i + 1 == grams {
                f.push(pick(32, gram.iter().copied(), PART_ROWS));
            }
        }
    }
    let mut shape = Vec::with_capacity(8);
    let mut run = 0;
    for c in word.chars().filter(|c| !is_mark(*c)).map(class) {
        run = if shape.last() == Some(&c) { run + 1 } else { 0 };
        if run < 3 && shape.len() < 12 {
            shape.push(c);
        }
    }
    let mut coarse = shape.clone();
    coarse.dedup();
    let length = u8::try_from(letters.len().min(9)).unwrap_or(9);
    coarse.push(char::from(b'0' + length));
    f.shapes = [pick(41, shape, SHAPE_ROWS), pick(42, coarse, SHAPE_ROWS)];
    f
}

fn simple(word: &str, shape: &str) -> Features {
    Features {
        words: [
            pick(11, word.chars(), WORD_ROWS),
            pick(12, word.chars(), WORD_ROWS),
        ],
        shapes: [
            pick(41, shape.chars(), SHAPE_ROWS),
            pick(42, shape.chars(), SHAPE_ROWS),
        ],
        ..Features::default()
    }
}

impl Features {
    fn push(&mut self, row: u32) {
        if let Some(place) = self.parts.get_mut(self.part_count) {
            *place = row;
            self.part_count += 1;
        }
    }
}

/// How the words of a window are written; the network sees it beside every word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Casing {
    /// Some words begin with a capital, or the script has none.
    Mixed = 0,
    /// No word has a capital.
    Lower = 1,
    /// Most words are all capitals.
    Upper = 2,
    /// Most words begin with a capital.
    Title = 3,
}

/// Casings there are.
pub const CASINGS: usize = 4;

/// The casing of the window `tokens` of `text`.
#[must_use]
pub fn casing(text: &str, tokens: &[Token]) -> Casing {
    let (mut cased, mut initial, mut capitals) = (0_usize, 0_usize, 0_usize);
    for token in tokens.iter().filter(|t| t.kind == Kind::Word) {
        let mut chars = text.get(token.start..token.end).unwrap_or_default().chars();
        let Some(first) = chars.next() else { continue };
        if !first.is_uppercase() && !first.is_lowercase() {
            continue;
        }
        cased += 1;
        if first.is_uppercase() {
            initial += 1;
            if chars.next().is_some_and(char::is_uppercase) {
                capitals += 1;
            }
        }
    }
    if cased == 0 {
        Casing::Mixed
    } else if initial == 0 {
        Casing::Lower
    } else if 5 * capitals > 3 * cased {
        Casing::Upper
    } else if cased > 2 && 5 * initial > 3 * cased {
        Casing::Title
    } else {
        Casing::Mixed
    }
}
