//! Secrets in columns: tables of HTML and of plain text, such as the output of a data frame.

use std::ops::Range;

use super::assign::{byte, slice};
use super::names::{self, Kind};
use super::value;

/// Most rows that are read.
const MOST_ROWS: usize = 60;

/// Furthest that a table is followed.
const LONGEST_TABLE: usize = 64 << 10;

/// The values in the column whose head is the name round `hit`; nothing if that is no head of a column.
pub(super) fn column(text: &[u8], hit: Range<usize>, word: &str, kind: Kind, out: &mut Vec<Range<usize>>) {
    let Some(name) = super::assign::name_round(text, hit.clone()) else {
        return;
    };
    let next = byte(text, name.end);
    if !matches!(next, b'<' | b' ' | b'\n' | b'\r' | b'\\' | b'\t' | b'|' | b'"') && name.end != text.len() {
        return;
    }
    let folded = slice(text, name.clone()).to_ascii_lowercase();
    let Some(kind) = names::judge(&folded, hit.start - name.start, word, kind) else {
        return;
    };
    let mut found = Vec::new();
    if next == b'<' {
        html(text, &name, &mut found);
    } else {
        plain(text, &name, &mut found);
    }
    let fits = |range: &Range<usize>| {
        let cell = slice(text, range.clone());
        let made = value::make(cell);
        !value::is_stand_in(cell)
            && made.space == 0
            && match kind {
                Kind::Password => {
                    cell.len() >= 6
                        && (made.digit > 0 || made.other > 0)
                        && made.lower + made.upper > 0
                        && !cell.eq_ignore_ascii_case(b"password")
                }
                _ => value::is_random(cell, 12),
            }
    };
    out.extend(found.into_iter().filter(fits));
}

/// `<tr><th></th><th>user</th><th>password</th></tr>…`: the cells of the same place in later rows.
fn html(text: &[u8], name: &Range<usize>, out: &mut Vec<Range<usize>>) {
    let low = name.start.saturating_sub(4_096);
    let head = slice(text, low..name.start);
    let Some(row) = memchr::memmem::rfind(head, b"<tr") else {
        return;
    };
    let place = head
        .get(row..)
        .map_or(0, |row| count(row, b"<th") + count(row, b"<td"));
    let rest = slice(
        text,
        name.end..name.end.saturating_add(LONGEST_TABLE).min(text.len()),
    );
    let mut at = 0;
    for _ in 0..MOST_ROWS {
        let Some(open) = rest.get(at..).and_then(|r| memchr::memmem::find(r, b"<tr")) else {
            return;
        };
        let start = at + open;
        let end = rest
            .get(start..)
            .and_then(|r| memchr::memmem::find(r, b"</tr"))
            .map_or(rest.len(), |e| start + e);
        if rest
            .get(at..start)
            .is_some_and(|between| value::contains(between, b"</table"))
        {
            return;
        }
        let mut cursor = start;
        let mut seen = 0;
        while seen < place {
            let Some(step) = rest.get(cursor..end).and_then(next_cell) else {
                break;
            };
            cursor += step;
            seen += 1;
        }
        if seen == place
            && let Some(close) = rest.get(cursor..end).and_then(|r| memchr::memchr(b'>', r))
        {
            let from = cursor + close + 1;
            let length = rest
                .get(from..end)
                .and_then(|r| memchr::memchr(b'<', r))
                .unwrap_or(0);
            let cell = rest.get(from..from + length).unwrap_or(b"");
            let lead = cell.len() - cell.trim_ascii_start().len();
            let trimmed = cell.trim_ascii().len();
            if trimmed > 0 {
                out.push(name.end + from + lead..name.end + from + lead + trimmed);
            }
        }
        at = end.max(start + 3);
    }
}

/// Past the start of the next `<td` or `<th`.
fn next_cell(row: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'<', row)
        .find(|at| matches!(row.get(at + 1..at + 3), Some(b"td" | b"th")))
        .map(|at| at + 3)
}

fn count(haystack: &[u8], needle: &[u8]) -> usize {
    memchr::memmem::find_iter(haystack, needle)
        .filter(|at| !matches!(haystack.get(at + 3), Some(b'e')))
        .count()
}

/// Columns set flush right under their heads, as pandas prints them, or parted by `|`.
fn plain(text: &[u8], name: &Range<usize>, out: &mut Vec<Range<usize>>) {
    let low = name.start.saturating_sub(400);
    let line_start = slice(text, low..name.start)
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(low, |at| low + at + 1);
    let before = slice(text, line_start..name.start);
    let rest = slice(
        text,
        name.end..name.end.saturating_add(LONGEST_TABLE).min(text.len()),
    );
    let line_length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    let head_tail = rest.get(..line_length).unwrap_or(b"");
    let wide = value::contains(before, b"  ") || value::contains(head_tail, b"  ");
    let barred = before.contains(&b'|') || head_tail.trim_ascii_end().ends_with(b"|");
    // A head of a column stands among words, not among code.
    let is_head = |b: &u8| {
        b.is_ascii_alphanumeric() || *b >= 0x80 || matches!(b, b'_' | b' ' | b'|' | b'-' | b'\t' | b'\r')
    };
    if !(wide || barred) || !before.iter().chain(head_tail).all(is_head) {
        return;
    }
    if before.len() < 2
        || before.trim_ascii().is_empty() && !barred && head_tail.trim_ascii().is_empty() && before.len() < 4
    {
        return;
    }
    let right = name.end - line_start;
    let bars = before.iter().filter(|b| **b == b'|').count();
    let mut at = name.end + line_length + 1;
    for _ in 0..MOST_ROWS {
        let row = slice(text, at..at.saturating_add(4_096).min(text.len()));
        let length = memchr::memchr(b'\n', row).unwrap_or(row.len());
        let row = row.get(..length).unwrap_or(b"").trim_ascii_end();
        if row.is_empty() {
            return;
        }
        if barred {
            if let Some(cell) = row.split(|b| *b == b'|').nth(bars) {
                let offset = row
                    .split(|b| *b == b'|')
                    .take(bars)
                    .map(|c| c.len() + 1)
                    .sum::<usize>();
                let lead = cell.len() - cell.trim_ascii_start().len();
                let trimmed = cell.trim_ascii().len();
                if trimmed > 0 && !cell.trim_ascii().iter().all(|b| matches!(b, b'-' | b':')) {
                    out.push(at + offset + lead..at + offset + lead + trimmed);
                }
            }
        } else if !row.first().is_some_and(u8::is_ascii_digit) {
            return;
        } else if row.len() >= right
            && byte(row, right - 1) != b' '
            && matches!(byte(row, right), b' ' | 0 | b'\r')
        {
            let cell = row
                .get(..right)
                .map_or(0, |r| r.iter().rev().take_while(|b| **b != b' ').count());
            // The first column is the index.
            if cell > 0 && right > cell + 1 {
                out.push(at + right - cell..at + right);
            }
        }
        at += length + 1;
    }
}
