//! Characters that stand in for ASCII ones become those; characters that show nothing go.
//!
//! A character is only touched where that can change what is found: an invisible one between letters or digits, a digit
//! of another script in a row as long as a telephone number, a Cyrillic or Greek letter inside a Latin word. Ordinary
//! text of any language stays as it is.

use super::classes::{Class, class, spelt};
use super::rewrite::{Piece, Rewriter};
use crate::letters::{is_alphabetic, is_alphanumeric};

/// Fewest digits that are worth turning into ASCII ones: the shortest telephone numbers, and dotted quads.
const FEWEST_DIGITS: usize = 7;
/// Most characters between two digits of one row.
const DIGIT_GAP: usize = 3;
/// Fewest variant letters in a word that stands alone: fewer are a name such as ＮＨＫ.
const FEWEST_LETTERS: usize = 4;
/// Longest row of tag characters in the flag of a part of a country (Unicode Technical Standard #51, annex C).
const FLAG_TAGS: usize = 6;

/// A character and what becomes of it.
struct Cell {
    at: usize,
    c: char,
    class: Option<Class>,
    /// Taken out.
    is_dropped: bool,
    /// Written as ASCII.
    is_folded: bool,
}

impl Cell {
    /// What the character is once folded; itself if it cannot be.
    fn ascii(&self) -> char {
        match self.class {
            Some(Class::Digit(value)) => char::from(b'0' + value.min(9)),
            Some(Class::Variant(c)) => c,
            Some(Class::Tag(byte) | Class::Lookalike(byte)) => char::from(byte),
            _ => self.c,
        }
    }

    fn is_digit(&self) -> bool {
        self.c.is_ascii_digit() || matches!(self.class, Some(Class::Digit(_)))
    }

    fn is_unseen(&self) -> bool {
        matches!(self.class, Some(Class::Invisible | Class::Mark))
    }

    /// Whether it is, or may be folded into, a character that values are made of.
    fn is_part(&self) -> bool {
        let c = self.ascii();
        c.is_ascii_alphanumeric() || is_joiner(c) || matches!(c, '(' | ')')
    }
}

/// Marks inside addresses and numbers.
const fn is_joiner(c: char) -> bool {
    matches!(c, '@' | '.' | '_' | '-' | '+' | ':' | '/')
}

/// Folds `text`; none if nothing in it is disguised.
pub(super) fn fold(text: &str) -> Option<Piece> {
    // Letters that stand for themselves are most of what is not ASCII.
    let is_plain = |c: char| c.is_ascii() || matches!(class(c), Class::Letter | Class::Other);
    if text.is_ascii() || text.chars().all(is_plain) {
        return None;
    }
    let mut cells: Vec<Cell> = text
        .char_indices()
        .map(|(at, c)| Cell {
            at,
            c,
            class: (!c.is_ascii()).then(|| class(c)),
            is_dropped: false,
            is_folded: false,
        })
        .collect();
    tags(&mut cells);
    unseen(&mut cells);
    digits(&mut cells);
    words(&mut cells);
    write(text, &cells)
}

/// Marks tag characters for folding, except those of flags.
fn tags(cells: &mut [Cell]) {
    let mut rest = cells;
    while let Some(start) = rest.iter().position(|c| matches!(c.class, Some(Class::Tag(_)))) {
        let is_after_flag = start
            .checked_sub(1)
            .and_then(|i| rest.get(i))
            .is_some_and(|c| c.c == '\u{1f3f4}');
        let tail = rest.get_mut(start..).unwrap_or_default();
        let len = tail
            .iter()
            .take_while(|c| matches!(c.class, Some(Class::Tag(_))))
            .count();
        let is_flag = is_after_flag && len <= FLAG_TAGS;
        for cell in tail.iter_mut().take(len) {
            cell.is_folded = !is_flag;
        }
        rest = tail.get_mut(len..).unwrap_or_default();
    }
}

/// Drops invisible characters between parts of values, marks over digits, and strokes through letters.
fn unseen(cells: &mut [Cell]) {
    let mut before: Option<usize> = None;
    let mut at = 0;
    while at < cells.len() {
        let rest = cells.get(at..).unwrap_or_default();
        let len = rest.iter().take_while(|c| c.is_unseen()).count();
        if len == 0 {
            before = Some(at);
            at += 1;
            continue;
        }
        let left = before.and_then(|i| cells.get(i));
        let right = cells.get(at + len);
        // A space may part one side from its neighbour, which then must be part of a value too.
        let beyond = |is_space: bool, i: Option<usize>| {
            is_space && i.and_then(|i| cells.get(i)).is_some_and(Cell::is_part)
        };
        let is_left = left.is_some_and(Cell::is_part);
        let is_right = right.is_some_and(Cell::is_part);
        let is_right_beyond = || {
            let is_space = right.is_some_and(|c| c.ascii() == ' ');
            beyond(is_space, first_seen(cells, at + len + 1))
        };
        let is_left_beyond = || {
            let is_space = left.is_some_and(|c| c.ascii() == ' ');
            beyond(is_space, before.and_then(|i| last_seen(cells, i)))
        };
        let is_inside = match (is_left, is_right) {
            (true, true) => true,
            (true, false) => is_right_beyond(),
            (false, true) => is_left_beyond(),
            (false, false) => false,
        };
        let is_on_digit = left.is_some_and(Cell::is_digit) && is_right;
        let is_on_letter = left.is_some_and(|c| c.ascii().is_ascii_alphanumeric());
        for cell in cells.iter_mut().skip(at).take(len) {
            cell.is_dropped = match cell.class {
                Some(Class::Mark) => is_on_digit || is_on_letter && matches!(cell.c, '\u{334}'..='\u{338}'),
                _ => is_inside,
            };
        }
        at += len;
    }
}

/// The first visible character from `from` on, at most a few on.
fn first_seen(cells: &[Cell], from: usize) -> Option<usize> {
    (from..from + 4).find(|i| cells.get(*i).is_some_and(|c| !c.is_unseen()))
}

/// The last visible character before `end`, at most a few back.
fn last_seen(cells: &[Cell], end: usize) -> Option<usize> {
    (end.saturating_sub(4)..end)
        .rev()
        .find(|i| cells.get(*i).is_some_and(|c| !c.is_unseen()))
}

/// Marks digits of other scripts, and the marks between them, for folding where they make a long enough row.
fn digits(cells: &mut [Cell]) {
    let mut row = Row::default();
    let mut found = Vec::new();
    for (i, cell) in cells.iter().enumerate() {
        if cell.is_dropped {
            continue;
        }
        if cell.is_digit() {
            row.digits += 1;
            row.has_other |= cell.class.is_some();
            row.last = i;
            row.gap = 0;
            continue;
        }
        row.gap += 1;
        let is_letter = is_alphabetic(cell.c) && !cell.c.is_ascii();
        if row.gap > DIGIT_GAP || is_letter {
            found.extend(row.end());
            // A sign or a parenthesis may lead.
            let is_lead = matches!(cell.class, Some(Class::Variant('+' | '(')));
            row = Row {
                first: if is_lead { i } else { i + 1 },
                ..Row::default()
            };
        } else if row.digits == 0 {
            row.first = if matches!(cell.class, Some(Class::Variant('+' | '('))) {
                i
            } else {
                row.first
            };
        }
    }
    found.extend(row.end());
    for (first, last) in found {
        for cell in cells.iter_mut().take(last + 1).skip(first) {
            cell.is_folded |= matches!(cell.class, Some(Class::Digit(_)))
                || matches!(cell.class, Some(Class::Variant(c)) if !is_alphanumeric(c));
        }
    }
}

/// A row of digits.
#[derive(Default)]
struct Row {
    first: usize,
    last: usize,
    digits: usize,
    /// Characters since the last digit.
    gap: usize,
    has_other: bool,
}

impl Row {
    /// Its bounds, if it is worth folding.
    fn end(&self) -> Option<(usize, usize)> {
        (self.has_other && self.digits >= FEWEST_DIGITS).then_some((self.first, self.last))
    }
}

/// Marks letters for folding, word by word. A word ends at a space or any mark that addresses do not hold.
fn words(cells: &mut [Cell]) {
    let mut at = 0;
    while at < cells.len() {
        let rest = cells.get_mut(at..).unwrap_or_default();
        let len = rest.iter().take_while(|c| is_in_word(c)).count();
        if let Some(word) = rest.get_mut(..len)
            && word.iter().any(|c| c.class.is_some())
        {
            fold_word(word);
        }
        at += len.max(1);
    }
}

fn is_in_word(cell: &Cell) -> bool {
    cell.is_dropped
        || is_alphanumeric(cell.c)
        || is_joiner(cell.ascii())
        || cell.class == Some(Class::Variants)
}

fn fold_word(word: &mut [Cell]) {
    let live = |c: &&Cell| !c.is_dropped;
    let has_at = word.iter().filter(live).any(|c| c.ascii() == '@');
    let (mut variants, mut in_row) = (0, 0);
    for cell in word.iter().filter(live) {
        let is_letter = matches!(cell.class, Some(Class::Variant(v)) if v.is_ascii_alphabetic());
        in_row = if is_letter || cell.class == Some(Class::Variants) {
            in_row + 1
        } else {
            0
        };
        variants = variants.max(in_row);
    }
    let folds_variants = has_at || variants >= FEWEST_LETTERS;
    for cell in word.iter_mut() {
        match cell.class {
            Some(Class::Variant(c)) if is_joiner(c) => cell.is_folded |= has_at,
            Some(Class::Variant(_) | Class::Variants) => {
                cell.is_folded |= folds_variants;
            }
            Some(Class::Digit(_)) => cell.is_folded |= folds_variants,
            _ => {}
        }
    }
    let mut at = 0;
    while at < word.len() {
        let rest = word.get_mut(at..).unwrap_or_default();
        let len = rest
            .iter()
            .take_while(|c| c.is_dropped || is_alphabetic(c.c))
            .count();
        let is_before_digits = rest.iter().skip(len).take(2).filter(|c| c.is_digit()).count() == 2;
        if let Some(part) = rest.get_mut(..len) {
            fold_lookalikes(part, has_at, is_before_digits);
        }
        at += len.max(1);
    }
}

/// Marks the lookalikes of a row of letters if all that is foreign in it looks Latin, and something says it is Latin.
fn fold_lookalikes(letters: &mut [Cell], has_at: bool, is_before_digits: bool) {
    let is_live = |c: &&Cell| !c.is_dropped;
    let looks_latin = letters
        .iter()
        .filter(is_live)
        .all(|c| c.c.is_ascii() || matches!(c.class, Some(Class::Lookalike(_) | Class::Variant(_))));
    let has_latin = letters.iter().filter(is_live).any(|c| c.c.is_ascii_alphabetic());
    let is_code = is_before_digits
        && letters.iter().filter(is_live).count() <= 4
        && letters
            .iter()
            .filter(is_live)
            .all(|c| c.ascii().is_ascii_uppercase());
    if looks_latin && (has_latin || has_at || is_code) {
        for cell in letters {
            cell.is_folded |= matches!(cell.class, Some(Class::Lookalike(_)))
                || is_code && matches!(cell.class, Some(Class::Variant(_)));
        }
    }
}

fn write(text: &str, cells: &[Cell]) -> Option<Piece> {
    let mut out = Rewriter::new(text);
    let mut buffer = [0; 4];
    for cell in cells {
        let end = cell.at + cell.c.len_utf8();
        if cell.is_dropped {
            out.replace(cell.at, end, "");
        } else if cell.class == Some(Class::Variants) && cell.is_folded {
            out.replace(cell.at, end, &spelt(cell.c));
        } else if cell.is_folded {
            out.replace(cell.at, end, cell.ascii().encode_utf8(&mut buffer));
        }
    }
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        fold(text).map_or_else(|| "unchanged".to_owned(), |p| p.text)
    }

    #[test]
    fn disguised_characters_become_ascii() {
        for (text, plain) in [
            ("j\u{200b}o\u{ad}hn@example.com", "john@example.com"),
            ("jоhn@ехаmple.cоm", "john@example.com"),
            ("ｊｏｈｎ＠ｅｘａｍｐｌｅ．ｃｏｍ", "john@example.com"),
            ("𝐣𝐨𝐡𝐧@𝖾𝗑𝖺𝗆𝗉𝗅𝖾.𝒸ℴ𝓂", "john@example.com"),
            ("John＠example．com", "John@example.com"),
            ("٤١١١ ١١١١ ١١١١ ١١١١", "4111 1111 1111 1111"),
            ("④①①①①①①①", "41111111"),
            ("＋１\u{3000}２０２－５５５－０１４３", "+1 202-555-0143"),
            ("4\u{200b} \u{200b}1", "4 1"),
            ("ВЕ68 5390", "BE68 5390"),
            ("4\u{336}1\u{336}1\u{20e3}1", "4111"),
            ("\u{e0061}\u{e0062}", "ab"),
        ] {
            assert_eq!(folded(text), plain, "{text}");
        }
    }

    #[test]
    fn ordinary_text_of_any_language_is_left_alone() {
        for text in [
            "Мама мыла раму, цена 100 руб. IT-отдел",
            "το νερό είναι 5 μm",
            "２０２４年３月にＮＨＫで",
            "في ١٢ مارس ٢٠٢٤",
            "می\u{200c}خواهم",
            "❤\u{fe0f} 👩\u{200d}💻 🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "时间：10，用Python。ＩＤ：５",
            "בשנת \u{200f}2024",
            "10 m², 1.º andar, n.º 5, x³ ™ № 5",
            "e\u{301}te\u{301}",
        ] {
            assert_eq!(folded(text), "unchanged", "{text}");
        }
    }
}
