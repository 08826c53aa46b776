//! What was sent, what the provider saw and what came back, side by side on a terminal.

mod cells;
mod diff;
mod extract;

use std::ops::Range;

pub use extract::{Line, extract};

use cells::Cell;

/// The three views of one exchange.
#[derive(Debug, Clone, Copy)]
pub struct Views<'a> {
    /// What the client sent.
    pub sent: &'a [Line],
    /// What reached the provider: the same lines, masked.
    pub seen: &'a [Line],
    /// What the client got back.
    pub got: &'a [Line],
}

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The terminal's width in columns. Below [`NARROW`] the views stand below one another.
    pub width: usize,
    /// Whether to colour values: red where private, yellow where masked, green where restored.
    pub color: bool,
}

/// The width from which three columns fit.
pub const NARROW: usize = 80;

const TITLES: [&str; 3] = ["You sent", "The provider saw", "You got back"];

/// SGR codes for values in each of the three columns.
const COLORS: [&str; 3] = ["31", "33", "32"];

/// Draws `views`; lines end in `\n`. No line is wider than the terminal, unless that has fewer than 20 columns.
#[must_use]
pub fn render(views: &Views<'_>, layout: Layout) -> String {
    if layout.width < NARROW {
        stacked(views, layout)
    } else {
        side_by_side(views, layout)
    }
}

/// The values in each column: what of `sent` is not in `seen`, the reverse, and what of `sent` is back in `got`.
fn marks(views: &Views<'_>) -> [Vec<Vec<Range<usize>>>; 3] {
    let pairs = views
        .sent
        .iter()
        .zip(views.seen)
        .map(|(sent, seen)| diff::differences(&sent.text, &seen.text));
    let (mut sent, mut seen): (Vec<_>, Vec<_>) = pairs.unzip();
    let values: Vec<&str> = views
        .sent
        .iter()
        .zip(&sent)
        .flat_map(|(line, ranges): (&Line, &Vec<Range<usize>>)| {
            ranges.iter().filter_map(|range| line.text.get(range.clone()))
        })
        .filter(|value| value.len() >= 3)
        .collect();
    let restored = |line: &Line| -> Vec<Range<usize>> {
        let found = values.iter().flat_map(|value| line.text.match_indices(value));
        found.map(|(at, value)| at..at + value.len()).collect()
    };
    let got = views.got.iter().map(restored).collect();
    sent.resize(views.sent.len(), Vec::new());
    seen.resize(views.seen.len(), Vec::new());
    [sent, seen, got]
}

/// How many stretches of text were masked on the way to the provider, and how many of these came back in the reply.
#[must_use]
pub fn counts(views: &Views<'_>) -> (usize, usize) {
    let [sent, seen, _] = marks(views);
    let masked = seen.iter().map(Vec::len).sum();
    let values = views
        .sent
        .iter()
        .zip(&sent)
        .flat_map(|(line, ranges)| ranges.iter().filter_map(|range| line.text.get(range.clone())));
    let is_back = |value: &&str| views.got.iter().any(|line| line.text.contains(value));
    (masked, values.filter(is_back).count())
}

/// One text with its speaker above it, wrapped.
fn block(line: &Line, marks: &[Range<usize>], width: usize) -> Vec<Vec<Cell>> {
    let mut rows = cells::wrap(&format!("{}:", line.who), &[], width);
    rows.extend(cells::wrap(&line.text, marks, width));
    rows
}

fn blocks(lines: &[Line], marks: &[Vec<Range<usize>>], width: usize) -> Vec<Vec<Vec<Cell>>> {
    lines
        .iter()
        .zip(marks)
        .map(|(line, marks)| block(line, marks, width))
        .collect()
}

fn side_by_side(views: &Views<'_>, layout: Layout) -> String {
    // Two separators of three columns each.
    let width = layout.width.saturating_sub(6) / 3;
    let [sent_marks, seen_marks, got_marks] = marks(views);
    let sent = blocks(views.sent, &sent_marks, width);
    let seen = blocks(views.seen, &seen_marks, width);
    let got = blocks(views.got, &got_marks, width);
    let mut columns: [Vec<Vec<Cell>>; 3] = Default::default();
    let [left, middle, right] = &mut columns;
    // A text and its masked form begin on the same row; what came back runs beside them on its own.
    for at in 0..sent.len().max(seen.len()) {
        left.extend(sent.get(at).into_iter().flatten().cloned());
        middle.extend(seen.get(at).into_iter().flatten().cloned());
        let rows = left.len().max(middle.len());
        left.resize(rows, Vec::new());
        middle.resize(rows, Vec::new());
    }
    right.extend(got.into_iter().flatten());
    let mut out = head(width, layout.color);
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
    for row in 0..rows {
        let mut written = String::new();
        for (column, (cells, color)) in columns.iter().zip(COLORS).enumerate() {
            let cells = cells.get(row).map_or(&[][..], Vec::as_slice);
            cells::write(cells, width, layout.color.then_some(color), &mut written);
            written.push_str(if column < 2 { " │ " } else { "" });
        }
        out.push_str(written.trim_end());
        out.push('\n');
    }
    out
}

fn head(width: usize, color: bool) -> String {
    let titles = TITLES.map(|title| {
        let filled = format!("{title:<width$}");
        if color {
            format!("\u{1b}[1m{filled}\u{1b}[0m")
        } else {
            filled
        }
    });
    let rule = "─".repeat(width);
    format!("{}\n{rule}─┼─{rule}─┼─{rule}\n", titles.join(" │ ").trim_end())
}

fn stacked(views: &Views<'_>, layout: Layout) -> String {
    let width = layout.width.max(20);
    let mut out = String::new();
    let all = [views.sent, views.seen, views.got];
    for (((lines, marks), title), color) in all.into_iter().zip(marks(views)).zip(TITLES).zip(COLORS) {
        let rule = "─".repeat(width.saturating_sub(title.len() + 1));
        let title = format!("{title} {rule}");
        let title = title.trim_end();
        out.push_str(&if layout.color {
            format!("\u{1b}[1m{title}\u{1b}[0m\n")
        } else {
            format!("{title}\n")
        });
        for row in blocks(lines, &marks, width).iter().flatten() {
            cells::write(row, 0, layout.color.then_some(color), &mut out);
            out.push('\n');
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests;
