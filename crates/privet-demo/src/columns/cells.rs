//! Text in terminal cells: widths, line breaks, colour.

use std::ops::Range;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What the terminal shows as one character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    /// 0, 1 or 2 columns.
    width: usize,
    is_marked: bool,
}

/// `text` as lines of at most `width` columns, broken at spaces where possible. Characters in one of `marks` (ascending byte
/// ranges) are marked.
pub(crate) fn wrap(text: &str, marks: &[Range<usize>], width: usize) -> Vec<Vec<Cell>> {
    let mut lines = Vec::new();
    let mut start = 0;
    for paragraph in text.split('\n') {
        wrap_paragraph(cells(paragraph, start, marks), width.max(2), &mut lines);
        start += paragraph.len() + 1;
    }
    lines
}

/// The cells of `text`, which begins at byte `start` of the text that `marks` belongs to.
fn cells(text: &str, start: usize, marks: &[Range<usize>]) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    let mut joins_next = false;
    for (at, c) in text.char_indices() {
        let shown = harmless(c);
        let is_flag_half = is_regional(c)
            && cells
                .last()
                .is_some_and(|cell| cell.text.chars().count() == 1 && cell.text.chars().all(is_regional));
        let belongs_before = joins_next || shown.width() == Some(0) || is_skin_tone(c) || is_flag_half;
        joins_next = c == '\u{200d}';
        match cells.last_mut() {
            Some(cell) if belongs_before => {
                cell.text.push(shown);
                cell.width = cell.text.width().min(2);
            }
            _ => {
                let is_marked = marks.iter().any(|mark| mark.contains(&(start + at)));
                cells.push(Cell {
                    text: shown.to_string(),
                    width: shown.width().unwrap_or(0),
                    is_marked,
                });
            }
        }
    }
    cells
}

/// `c`, or a stand-in if the terminal could take it for a command or for a change of direction.
fn harmless(c: char) -> char {
    match c {
        '\t' => ' ',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

const fn is_regional(c: char) -> bool {
    matches!(c, '\u{1f1e6}'..='\u{1f1ff}')
}

const fn is_skin_tone(c: char) -> bool {
    matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

fn wrap_paragraph(cells: Vec<Cell>, width: usize, lines: &mut Vec<Vec<Cell>>) {
    let mut line: Vec<Cell> = Vec::new();
    let mut used = 0;
    for cell in cells {
        if used + cell.width > width {
            if cell.text == " " {
                lines.push(std::mem::take(&mut line));
                used = 0;
                continue;
            }
            let rest = match line.iter().rposition(|cell| cell.text == " ") {
                Some(space) => line.split_off(space + 1),
                None => Vec::new(),
            };
            if line.last().is_some_and(|cell| cell.text == " ") {
                line.pop();
            }
            lines.push(std::mem::replace(&mut line, rest));
            used = line.iter().map(|cell| cell.width).sum();
        }
        used += cell.width;
        line.push(cell);
    }
    lines.push(line);
}

/// Appends `line` to `out`, filled with spaces to `width` columns; marked cells in the SGR colour `color`, if any.
pub(crate) fn write(line: &[Cell], width: usize, color: Option<&str>, out: &mut String) {
    let mut is_on = false;
    for cell in line {
        if let Some(color) = color.filter(|_| cell.is_marked != is_on) {
            let code = if is_on { "0" } else { color };
            out.push_str(&format!("\u{1b}[{code}m"));
            is_on = !is_on;
        }
        out.push_str(&cell.text);
    }
    if is_on {
        out.push_str("\u{1b}[0m");
    }
    let used: usize = line.iter().map(|cell| cell.width).sum();
    out.push_str(&" ".repeat(width.saturating_sub(used)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str, width: usize) -> Vec<String> {
        let lines = wrap(text, &[], width);
        let written = lines.iter().map(|line| {
            let mut out = String::new();
            write(line, 0, None, &mut out);
            out
        });
        written.collect()
    }

    #[test]
    fn lines_break_at_spaces_and_long_words_anywhere() {
        assert_eq!(plain("one two three", 7), ["one two", "three"]);
        assert_eq!(
            plain("a <EMAIL_ADDRESS_7Q2>", 8),
            ["a", "<EMAIL_A", "DDRESS_7", "Q2>"]
        );
        assert_eq!(plain("a\n\nb", 8), ["a", "", "b"]);
    }

    #[test]
    fn wide_and_joined_characters_keep_their_columns() {
        assert_eq!(plain("日本語です", 4), ["日本", "語で", "す"]);
        assert_eq!(plain("👨‍👩‍👧👍🏽🇩🇪e\u{301}", 4), ["👨‍👩‍👧👍🏽", "🇩🇪e\u{301}"]);
    }

    #[test]
    fn commands_to_the_terminal_are_not_passed_on() {
        assert_eq!(plain("a\u{1b}[2Jb\u{202e}c\td", 80), ["a\u{fffd}[2Jb\u{fffd}c d"]);
    }

    #[test]
    fn marks_are_coloured_across_line_breaks() {
        let marks = std::iter::once(1..4).collect::<Vec<_>>();
        let lines = wrap("ab cd", &marks, 2);
        let mut out = String::new();
        for line in &lines {
            write(line, 3, Some("31"), &mut out);
        }
        assert_eq!(out, "a\u{1b}[31mb\u{1b}[0m \u{1b}[31mc\u{1b}[0md ");
    }
}
