//! Digits written in Han or as Kana words, without spaces: `四二零一`, `ゼロキューゼロの、さんさん`.

use std::sync::LazyLock;

use super::rewrite::{Piece, Rewriter};

/// Fewest digits in all, the shortest telephone numbers, and fewest that are words.
const FEWEST: usize = 7;
const FEWEST_WORDS: usize = 4;
/// Most digits of one row.
const MOST: usize = 64;

/// Kana words for digits, longer ones first.
const KANA: &[(&str, char)] = &[
    ("キュウ", '9'),
    ("キュー", '9'),
    ("きゅう", '9'),
    ("きゅー", '9'),
    ("ゼロ", '0'),
    ("ぜろ", '0'),
    ("レイ", '0'),
    ("れい", '0'),
    ("マル", '0'),
    ("まる", '0'),
    ("イチ", '1'),
    ("いち", '1'),
    ("サン", '3'),
    ("さん", '3'),
    ("ヨン", '4'),
    ("よん", '4'),
    ("ロク", '6'),
    ("ろく", '6'),
    ("ナナ", '7'),
    ("なな", '7'),
    ("シチ", '7'),
    ("しち", '7'),
    ("ハチ", '8'),
    ("はち", '8'),
    ("ニー", '2'),
    ("にー", '2'),
    ("ゴー", '5'),
    ("ごー", '5'),
    ("ニ", '2'),
    ("に", '2'),
    ("ゴ", '5'),
    ("ご", '5'),
];

/// The first of the kana, U+3041, and how many places there are to the last.
const FIRST_KANA: u32 = 0x3041;
const KANA_PLACES: usize = 0xbf;
/// Which kana are a part of [`KANA`]; a search through it was 3 % of the time in texts of many languages.
static IS_KANA: LazyLock<[bool; KANA_PLACES]> = LazyLock::new(|| {
    let mut is_part = [false; KANA_PLACES];
    for c in KANA.iter().flat_map(|(word, _)| word.chars()) {
        let place = u32::from(c)
            .checked_sub(FIRST_KANA)
            .and_then(|i| usize::try_from(i).ok());
        if let Some(place) = place.and_then(|i| is_part.get_mut(i)) {
            *place = true;
        }
    }
    is_part
});

/// The first byte of U+3000, and the least of any character that such a row begins with.
const FIRST_BYTE: u8 = 0xe3;

/// The digit that a Han character writes.
pub(super) const fn han(c: char) -> Option<char> {
    Some(match c {
        '〇' | '零' => '0',
        '一' | '幺' | '壹' => '1',
        '二' | '贰' => '2',
        '三' | '叁' => '3',
        '四' | '肆' => '4',
        '五' | '伍' => '5',
        '六' | '陆' => '6',
        '七' | '柒' => '7',
        '八' | '捌' => '8',
        '九' | '玖' => '9',
        _ => return None,
    })
}

/// Whether a Kana word for a digit may hold the character.
pub(super) fn is_kana(c: char) -> bool {
    let Some(place) = u32::from(c)
        .checked_sub(FIRST_KANA)
        .and_then(|i| usize::try_from(i).ok())
    else {
        return false;
    };
    IS_KANA.get(place).copied().unwrap_or(false) || c == 'の'
}

/// The digit at the beginning of `rest`, its length in bytes, and whether it is a word.
fn digit(rest: &str) -> Option<(char, usize, bool)> {
    let first = rest.chars().next()?;
    if first.is_ascii_digit() {
        return Some((first, 1, false));
    }
    if let Some(digit) = han(first) {
        return Some((digit, first.len_utf8(), true));
    }
    // Nearly all characters end here, before they are compared with every word.
    if !matches!(first, '\u{3041}'..='\u{30ff}') {
        return None;
    }
    KANA.iter()
        .find(|(word, _)| rest.starts_with(word))
        .map(|(word, digit)| (*digit, word.len(), true))
}

/// What stands between two groups at the beginning of `rest`: its length, and how it is written between digits.
fn gap(rest: &str) -> (usize, &'static str) {
    let mut len = 0;
    let mut with = "";
    for c in rest.chars().take(3) {
        match c {
            ' ' | '\u{3000}' => with = if with.is_empty() { " " } else { with },
            '-' | '－' | '・' | '、' | '，' | 'の' | '—' => with = "-",
            _ => break,
        }
        len += c.len_utf8();
    }
    (len, with)
}

/// Writes such rows as digits; none if there is no such row.
pub(super) fn undo(text: &str) -> Option<Piece> {
    // Their first bytes are from that of U+3000 on.
    if text.bytes().fold(0, u8::max) < FIRST_BYTE {
        return None;
    }
    let mut out = Rewriter::new(text);
    let mut at = 0;
    while let Some(c) = text.get(at..).and_then(|r| r.chars().next()) {
        let is_start = !c.is_ascii() && digit(text.get(at..).unwrap_or_default()).is_some();
        at = if is_start {
            row(text, at, &mut out)
        } else {
            at + c.len_utf8()
        };
    }
    out.finish()
}

/// Writes the row that begins at `start` if it is long enough; where it ends.
fn row(text: &str, start: usize, out: &mut Rewriter<'_>) -> usize {
    let mut pieces = Vec::new();
    let (mut at, mut end, mut words) = (start, start, 0);
    let mut between = (start, start, "");
    while let Some((digit, len, is_word)) = text.get(at..).and_then(digit) {
        if between.1 > between.0 {
            pieces.push((between.0, between.1, between.2.to_owned()));
        }
        pieces.push((at, at + len, digit.to_string()));
        words += usize::from(is_word);
        end = at + len;
        let (gap, with) = gap(text.get(end..).unwrap_or_default());
        between = (end, end + gap, with);
        at = end + gap;
        if pieces.len() > 2 * MOST {
            break;
        }
    }
    let digits = pieces
        .iter()
        .filter(|(.., with)| with.starts_with(|c: char| c.is_ascii_digit()))
        .count();
    if digits >= FEWEST && words >= FEWEST_WORDS {
        for (from, to, with) in pieces {
            out.replace(from, to, &with);
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undone(text: &str) -> String {
        undo(text).map_or_else(|| "unchanged".to_owned(), |p| p.text)
    }

    #[test]
    fn digits_in_han_and_kana_become_digits() {
        assert_eq!(undone("是四二零一零六一九，"), "是42010619，");
        assert_eq!(undone("手机幺三八 七一四零 二五六九"), "手机138 7140 2569");
        assert_eq!(
            undone("電話はゼロキューゼロの、さんさんごーはちの、ななまるにーよん、"),
            "電話は090-3358-7024、"
        );
    }

    #[test]
    fn prose_and_dates_are_left_alone() {
        for text in ["二〇二五年三月", "にいちゃんはさんじにくる", "一二三", "1234567"]
        {
            assert_eq!(undone(text), "unchanged", "{text}");
        }
    }
}
