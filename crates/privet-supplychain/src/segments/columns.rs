//! Tables in plain text (as pandas, polars, Spark and SQL shells print them, and in Markdown): `column: value` for each cell.

use std::ops::Range;

use privet_types::{Budget, BudgetError};

use super::map::Piece;
use super::table::{Fragment, Rows};

/// Longest line that is taken for a row.
const LONGEST_LINE: usize = 4096;

/// `column: value` for what looks like tables in `text`, at most `most` bytes, and whether that was all.
pub(super) fn tables(
    text: &Piece<'_>,
    most: usize,
    budget: &Budget,
) -> Result<(Option<Piece<'static>>, bool), BudgetError> {
    budget.charge(text.text.len() as u64)?;
    let mut rows = Rows::new(text, most);
    // The last two lines that may be heads: below the names of columns, pandas writes those of the index.
    let mut head: Option<Head> = None;
    let mut older: Option<Head> = None;
    let mut is_table = false;
    // A line of two fields may be a head, or a name and its value: the next line tells.
    let mut waiting: Option<[Range<usize>; 2]> = None;
    for line in lines(&text.text) {
        let is_row = line.span.len() <= LONGEST_LINE && !line.is_blank(&text.text);
        if is_row && line.is_rule(&text.text) {
            continue;
        }
        let heads: Vec<&Head> = [&head, &older].into_iter().flatten().filter(|_| is_row).collect();
        // Edges say more than numbers of fields.
        let by_edges = heads.iter().map(|head| aligned(&text.text, head, &line));
        let by_numbers = heads.iter().map(|head| counted(head, &line));
        let cells = by_edges
            .chain(by_numbers)
            .find(|cells| !cells.is_empty())
            .unwrap_or_default();
        if let Some([name, value]) = waiting.take()
            && (cells.is_empty() || line.fields.len() == 2)
        {
            push(&mut rows, &text.text, &name, &value);
        }
        let named = line.named_value(&text.text);
        if cells.is_empty() {
            is_table = is_table && is_row && !line.has_bars;
            if is_table {
                waiting = named;
            } else {
                waiting = named.filter(|_| is_row);
                older = head.take().filter(|_| is_row);
                head = is_row.then(|| Head::new(&text.text, line));
            }
            continue;
        }
        is_table = true;
        if let Some((label, values)) = line.fields.split_first()
            && cells.len() == values.len()
            && values.len() > 1
        {
            // The index of a frame that was turned: its names are beside the values.
            for value in values {
                push(&mut rows, &text.text, label, value);
            }
        }
        for (name, value) in cells {
            push(&mut rows, &text.text, &name, &value);
        }
        if let Some([name, value]) = named {
            push(&mut rows, &text.text, &name, &value);
        }
    }
    if let Some([name, value]) = waiting {
        push(&mut rows, &text.text, &name, &value);
    }
    Ok(rows.finish())
}

fn push(rows: &mut Rows<'_>, text: &[u8], name: &Range<usize>, value: &Range<usize>) {
    let name = String::from_utf8_lossy(text.get(name.clone()).unwrap_or_default());
    if name.bytes().any(|b| b.is_ascii_alphabetic() || b >= 0x80) {
        rows.push(&name, &[Fragment::same(value.clone())]);
    }
}

/// One word of letters, digits and marks of names.
fn is_name(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_alphabetic)
        && text
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

struct Line {
    span: Range<usize>,
    /// Fields between bars, or between two white spaces and more.
    fields: Vec<Range<usize>>,
    has_bars: bool,
}

impl Line {
    fn is_blank(&self, text: &[u8]) -> bool {
        self.fields.is_empty() && !text.get(self.span.clone()).is_some_and(|l| l.contains(&b'|'))
    }

    /// `password    hunter2`: a Series, a list of settings.
    fn named_value(&self, text: &[u8]) -> Option<[Range<usize>; 2]> {
        match self.fields.as_slice() {
            [name, value] if !self.has_bars && is_name(text.get(name.clone()).unwrap_or_default()) => {
                Some([name.clone(), value.clone()])
            }
            _ => None,
        }
    }

    /// `---  ---`, `+-----+`, `|---|:-:|`, `╞══╪══╡`, polars' line of types excluded.
    fn is_rule(&self, text: &[u8]) -> bool {
        let line = String::from_utf8_lossy(text.get(self.span.clone()).unwrap_or_default());
        line.chars().all(|c| {
            matches!(c, '-' | '=' | '+' | '|' | ':' | ' ' | '\t' | '\r')
                || ('\u{2500}'..='\u{257f}').contains(&c)
        })
    }
}

/// A line that may hold the names of columns, measured once for all rows below it.
struct Head {
    line: Line,
    /// Where each character begins in the line.
    characters: Vec<usize>,
}

impl Head {
    fn new(text: &[u8], line: Line) -> Self {
        let bytes = text.get(line.span.clone()).unwrap_or_default();
        let characters = (0..)
            .zip(bytes)
            .filter(|(_, b)| !(0x80..0xc0).contains(*b))
            .map(|(at, _)| at)
            .collect();
        Self { line, characters }
    }

    /// Bytes before the character in column `column`.
    fn byte_of(&self, column: usize) -> usize {
        self.characters
            .get(column)
            .copied()
            .unwrap_or(self.line.span.len())
    }
}

fn lines(text: &[u8]) -> impl Iterator<Item = Line> {
    let mut at = 0;
    text.split(|b| *b == b'\n').map(move |line| {
        let start = at;
        at += line.len() + 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let has_bars = is_barred(line);
        let fields = if line.len() > LONGEST_LINE {
            Vec::new()
        } else if has_bars {
            between_bars(line, start)
        } else {
            between_gaps(line, start)
        };
        Line {
            span: start..start + line.len(),
            fields,
            has_bars,
        }
    })
}

/// Bars of tables: `|`, and U+2502 `│` and U+2506 `┆` of polars.
const BARS: [&[u8]; 3] = [b"|", "│".as_bytes(), "┆".as_bytes()];

fn bar_at(text: &[u8]) -> Option<usize> {
    BARS.iter().find(|bar| text.starts_with(bar)).map(|bar| bar.len())
}

fn is_barred(line: &[u8]) -> bool {
    let inner = line.trim_ascii();
    bar_at(inner).is_some()
        && BARS
            .iter()
            .any(|bar| inner.len() > bar.len() && inner.ends_with(bar))
        || memchr::memmem::find(inner, b" | ").is_some()
}

fn between_bars(line: &[u8], start: usize) -> Vec<Range<usize>> {
    let mut fields = Vec::new();
    let mut from = 0;
    let mut at = 0;
    while let Some(rest) = line.get(at..).filter(|r| !r.is_empty()) {
        if let Some(len) = bar_at(rest) {
            fields.push(from..at);
            at += len;
            from = at;
        } else {
            at += 1;
        }
    }
    fields.push(from..line.len());
    let trimmed = line.trim_ascii();
    if bar_at(trimmed).is_some() {
        fields.remove(0);
    }
    if BARS.iter().any(|bar| trimmed.ends_with(bar)) {
        fields.pop();
    }
    fields
        .into_iter()
        .map(|field| {
            let text = line.get(field.clone()).unwrap_or_default();
            let left = text.len() - text.trim_ascii_start().len();
            let right = text.len() - text.trim_ascii_end().len();
            let end = field.end - right;
            start + (field.start + left).min(end)..start + end
        })
        .collect()
}

fn between_gaps(line: &[u8], start: usize) -> Vec<Range<usize>> {
    let is_space = |at: usize| line.get(at).is_none_or(|b| matches!(b, b' ' | b'\t'));
    let mut fields: Vec<Range<usize>> = Vec::new();
    let mut open: Option<usize> = None;
    for (at, byte) in line.iter().enumerate() {
        let is_gap = match byte {
            b'\t' => true,
            b' ' => is_space(at + 1) || open.is_none(),
            _ => false,
        };
        match (is_gap, open) {
            (true, Some(from)) => {
                fields.push(start + from..start + at);
                open = None;
            }
            (false, None) => open = Some(at),
            _ => {}
        }
    }
    if let Some(from) = open {
        fields.push(start + from..start + line.len());
    }
    fields
}

/// The values of `row` with the names that end above their ends, or none if they do not stand in columns.
fn aligned(text: &[u8], head: &Head, row: &Line) -> Vec<(Range<usize>, Range<usize>)> {
    if head.line.has_bars || row.has_bars {
        return Vec::new();
    }
    let words = by_word_ends(text, head, row);
    if words.is_empty() {
        by_ends(text, head, row)
    } else {
        words
    }
}

/// The values of `row` with the names above, if there are as many, or one more for the index.
fn counted(head: &Head, row: &Line) -> Vec<(Range<usize>, Range<usize>)> {
    let names = &head.line;
    let skip = match row.fields.len().checked_sub(names.fields.len()) {
        Some(0) => 0,
        Some(1) if !names.has_bars => 1,
        _ => return Vec::new(),
    };
    if names.has_bars != row.has_bars || names.fields.len() < 2 && !names.has_bars {
        return Vec::new();
    }
    filled(
        names
            .fields
            .iter()
            .cloned()
            .zip(row.fields.iter().skip(skip).cloned()),
    )
}

fn filled(cells: impl Iterator<Item = (Range<usize>, Range<usize>)>) -> Vec<(Range<usize>, Range<usize>)> {
    cells.filter(|(n, v)| !n.is_empty() && !v.is_empty()).collect()
}

/// Frames whose columns are one space apart (`to_string(index=False)`): all columns end where their names end, the last ends
/// both lines. A value is what stands after the last gap before its end.
fn by_word_ends(text: &[u8], head: &Head, row: &Line) -> Vec<(Range<usize>, Range<usize>)> {
    let names = &head.line;
    let name_line = text.get(names.span.clone()).unwrap_or_default();
    let row_line = text.get(row.span.clone()).unwrap_or_default();
    let mut cells = Vec::new();
    let mut column = 0;
    let (mut name_from, mut value_from) = (0, 0);
    for (at, byte) in row_line.iter().enumerate() {
        if !(0x80..0xc0).contains(byte) {
            column += 1;
        }
        let ends_word = |line: &[u8], end: usize| {
            line.get(end).is_none_or(|b| *b == b' ')
                && end > 0
                && line.get(end - 1).is_some_and(|b| *b != b' ')
        };
        let name_to = head.byte_of(column);
        if !ends_word(row_line, at + 1) || head.characters.len() < column || !ends_word(name_line, name_to) {
            continue;
        }
        let name = name_line.get(name_from..name_to).unwrap_or_default();
        let value = row_line.get(value_from..=at).unwrap_or_default();
        let gap = memchr::memmem::rfind(value, b"  ").map_or(0, |n| n + 2);
        let before = name.len() - name.trim_ascii_start().len();
        let value_start = value_from + gap + usize::from(gap == 0 && value.first() == Some(&b' '));
        cells.push((
            names.span.start + name_from + before..names.span.start + name_to,
            row.span.start + value_start..row.span.start + at + 1,
        ));
        (name_from, value_from) = (name_to, at + 1);
    }
    let are_whole =
        name_from == name_line.trim_ascii_end().len() && value_from == row_line.trim_ascii_end().len();
    let names = name_line
        .split(|b| *b == b' ')
        .filter(|word| !word.is_empty())
        .count();
    if are_whole && cells.len() >= 2 && cells.len() * 2 >= names {
        cells
    } else {
        Vec::new()
    }
}

/// pandas aligns names and values to the right: a value belongs to the name that ends where it ends. A name begins after the
/// end of the value before, so names with spaces are whole.
fn by_ends(text: &[u8], head: &Head, row: &Line) -> Vec<(Range<usize>, Range<usize>)> {
    let names = &head.line;
    let name_line = text.get(names.span.clone()).unwrap_or_default();
    let mut cells = Vec::new();
    // Columns are counted in characters, of which a byte that goes on another is none.
    let mut column = 0;
    let mut counted = row.span.start;
    let mut before = 0;
    for value in &row.fields {
        column += text
            .get(counted..value.end)
            .unwrap_or_default()
            .iter()
            .filter(|b| !(0x80..0xc0).contains(*b))
            .count();
        counted = value.end;
        let (from, to) = (head.byte_of(before), head.byte_of(column));
        before = column;
        let is_end = head.characters.len() >= column
            && name_line.get(to).is_none_or(|b| matches!(b, b' ' | b'\t'))
            && to > from
            && name_line.get(to - 1).is_some_and(|b| !matches!(b, b' ' | b'\t'));
        if !is_end {
            continue;
        }
        let slot = name_line.get(from..to).unwrap_or_default();
        let start = from + slot.len() - slot.trim_ascii_start().len();
        cells.push((names.span.start + start..names.span.start + to, value.clone()));
    }
    // One end in line may be chance where there are many fields.
    if cells.len() * 2 >= row.fields.len().saturating_sub(1).max(1) {
        cells
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derived(text: &str) -> String {
        let piece = Piece::borrowed(text.as_bytes(), 0);
        let (rows, is_all) = tables(&piece, 1 << 20, &Budget::unlimited()).unwrap();
        assert!(is_all);
        rows.map_or_else(String::new, |p| String::from_utf8(p.text.into_owned()).unwrap())
    }

    #[test]
    fn a_frame_of_pandas_is_read_by_its_right_edges() {
        let text = "  name password  api key\n0  bob  hunter2     abcd\n1  élé   secret        x\n\n[2 rows x 3 columns]";
        assert_eq!(
            derived(text),
            "name: bob\npassword: hunter2\napi key: abcd\nname: élé\npassword: secret\napi key: x\n"
        );
    }

    #[test]
    fn frames_with_an_index_of_two_levels_turned_or_without_one_are_read() {
        let levels = "                    password api key\nuser        n                       \n\
                      bob         1.0      hunter2   k1<x>\nalice smith 2.5  Tr0ub4dor&3     NaN";
        let lines = derived(levels);
        assert!(
            lines.contains("password: hunter2\n") && lines.contains("password: Tr0ub4dor&3\n"),
            "{lines}"
        );
        let turned =
            "                0            1\nuser          bob  alice smith\npassword  hunter2  Tr0ub4dor&3";
        let lines = derived(turned);
        assert!(
            lines.contains("password: hunter2\n") && lines.contains("password: Tr0ub4dor&3\n"),
            "{lines}"
        );
        let bare = "Result:\n       user    password api key   n\n        bob     hunter2   k1<x> 1.0\n\
                    alice smith Tr0ub4dor&3     NaN 2.5";
        assert_eq!(
            derived(bare),
            "user: bob\npassword: hunter2\napi key: k1<x>\nn: 1.0\n\
             user: alice smith\npassword: Tr0ub4dor&3\napi key: NaN\nn: 2.5\n"
        );
    }

    #[test]
    fn a_frame_without_alignment_is_read_by_its_number_of_fields() {
        assert_eq!(
            derived("name  password\n0  bob  hunter2"),
            "name: bob\npassword: hunter2\n"
        );
    }

    #[test]
    fn a_series_is_read_line_by_line() {
        let text = "name            bob\npassword    hunter2\nName: 0, dtype: object";
        let lines = derived(text);
        assert!(lines.contains("password: hunter2\n"), "{lines}");
        assert!(lines.contains("name: bob\n"), "{lines}");
        assert_eq!(derived("user  bob"), "user: bob\n");
    }

    #[test]
    fn tables_with_bars_are_read() {
        let markdown = "| user | password |\n|------|:--------:|\n| bob | hunter2 |\n";
        assert_eq!(derived(markdown), "user: bob\npassword: hunter2\n");
        let spark = "+----+--------+\n|user|password|\n+----+--------+\n| bob| hunter2|\n+----+--------+\n";
        assert_eq!(derived(spark), "user: bob\npassword: hunter2\n");
        let polars = "┌──────┬──────────┐\n│ user ┆ password │\n╞══════╪══════════╡\n│ bob  ┆ hunter2  │\n└──────┴──────────┘";
        assert_eq!(derived(polars), "user: bob\npassword: hunter2\n");
        let psql = " user | password \n------+----------\n bob  | hunter2\n(1 row)\n";
        assert_eq!(derived(psql), "user: bob\npassword: hunter2\n");
    }

    #[test]
    fn prose_is_no_table() {
        assert_eq!(
            derived("It was a dark night.\nThe rain fell in torrents, mostly.\nNobody came."),
            ""
        );
    }
}
