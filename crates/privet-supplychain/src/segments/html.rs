//! Tables in HTML (as pandas writes DataFrames): `column: value` for each cell.
//!
//! A bounded scanner, not a parser: it knows tags, comments, quoted attributes, `rowspan`/`colspan` and the entities that
//! values need (HTML Living Standard, sections 13.2.5 and 13.5), never recurses, and reads its text once.

use std::borrow::Cow;

use privet_types::{Budget, BudgetError};

use super::map::Piece;
use super::table::{Fragment, LONGEST_NAME, Rows};

/// Most columns of a row; the rest is not named.
const MOST_COLUMNS: usize = 512;
/// Deepest tables in tables.
const MOST_TABLES: usize = 16;
/// Most parts of one value.
const MOST_FRAGMENTS: usize = 4096;

/// `column: value` and `row: value` for the cells of all tables in `html`, at most `most` bytes, and whether that was all.
pub(super) fn tables(
    html: &Piece<'_>,
    most: usize,
    budget: &Budget,
) -> Result<(Option<Piece<'static>>, bool), BudgetError> {
    if find_ignoring_case(&html.text, b"<table").is_none() {
        return Ok((None, true));
    }
    budget.charge(html.text.len() as u64)?;
    let mut reader = Reader {
        text: &html.text,
        rows: Rows::new(html, most),
        tables: Vec::new(),
    };
    let mut at = 0;
    while at < html.text.len() {
        at = reader.step(at);
    }
    while reader.tables.pop().map(|t| reader.end_row(t)).is_some() {}
    Ok(reader.rows.finish())
}

/// The text of XML without its tags, entities as what they mean; ends of paragraphs, rows and cells as line ends.
pub(super) fn visible_text(xml: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut at = 0;
    while let Some(rest) = xml.get(at..).filter(|r| !r.is_empty()) {
        match rest.first() {
            Some(b'<') => {
                let len = tag_len(rest);
                let tag = rest.get(..len).unwrap_or_default();
                // `</w:p>`, `</si>`, `</c>`, `<w:tab/>`: what parts words; runs of one word (`</w:t>`) do not.
                let name = tag
                    .split(|b| *b == b':' || *b == b'/')
                    .next_back()
                    .unwrap_or_default();
                let ends = [&b"p>"[..], b"si>", b"c>", b"row>", b"tr>", b"tc>", b"comment>"];
                let is_end = tag.starts_with(b"</") && ends.contains(&name)
                    || tag.starts_with(b"<w:tab")
                    || tag.starts_with(b"<w:br");
                if is_end && text.last().is_some_and(|b| *b != b'\n') {
                    text.push(b'\n');
                }
                at += len;
            }
            Some(b'&') => {
                let (len, meaning) = entity(rest);
                match meaning {
                    Some(meaning) => text.extend_from_slice(meaning.as_bytes()),
                    None => text.push(b'&'),
                }
                at += len;
            }
            _ => {
                let len = memchr::memchr2(b'<', b'&', rest).unwrap_or(rest.len()).max(1);
                text.extend_from_slice(rest.get(..len).unwrap_or_default());
                at += len;
            }
        }
    }
    text
}

struct Reader<'p> {
    text: &'p [u8],
    rows: Rows<'p>,
    tables: Vec<Table>,
}

#[derive(Default)]
struct Table {
    names: Vec<String>,
    has_names: bool,
    has_values: bool,
    row: Vec<Cell>,
    in_cell: bool,
    /// Columns that a cell of an earlier row still fills, and for how many rows.
    filled: Vec<u32>,
}

struct Cell {
    is_head: bool,
    column: usize,
    columns: usize,
    value: Vec<Fragment>,
}

impl Reader<'_> {
    /// Reads one tag, entity or stretch of text; gives where the next begins.
    fn step(&mut self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        match rest.first() {
            Some(b'<') => {
                if rest.starts_with(b"<!--") {
                    return memchr::memmem::find(rest, b"-->").map_or(self.text.len(), |n| at + n + 3);
                }
                let Some(name) = tag_name(rest) else {
                    self.value(Fragment::same(at..at + 1));
                    return at + 1;
                };
                let len = tag_len(rest);
                self.tag(&name, rest.get(..len).unwrap_or(rest), at);
                if matches!(name.as_str(), "script" | "style") {
                    let body = rest.get(len..).unwrap_or_default();
                    let end = find_ignoring_case(body, format!("</{name}").as_bytes());
                    return at + len + end.unwrap_or(body.len());
                }
                at + len
            }
            Some(b'&') => {
                let (len, meaning) = entity(rest);
                self.value(Fragment {
                    span: at..at + len,
                    meaning,
                });
                at + len
            }
            _ => {
                let len = memchr::memchr2(b'<', b'&', rest).unwrap_or(rest.len()).max(1);
                self.value(Fragment::same(at..at + len));
                at + len
            }
        }
    }

    fn value(&mut self, fragment: Fragment) {
        if let Some(table) = self.tables.last_mut()
            && table.in_cell
            && let Some(cell) = table.row.last_mut()
            && cell.value.len() < MOST_FRAGMENTS
        {
            cell.value.push(fragment);
        }
    }

    fn tag(&mut self, name: &str, tag: &[u8], at: usize) {
        match name {
            "table" if self.tables.len() < MOST_TABLES => self.tables.push(Table::default()),
            "/table" => {
                if let Some(table) = self.tables.pop() {
                    self.end_row(table);
                }
            }
            "tr" | "/tr" | "thead" | "tbody" | "/thead" | "/tbody" | "tfoot" => {
                if let Some(table) = self.tables.pop() {
                    let table = self.end_row(table);
                    self.tables.push(table);
                }
            }
            "td" | "th" => {
                if let Some(table) = self.tables.last_mut() {
                    table.open_cell(name == "th", span_of(tag, b"rowspan"), span_of(tag, b"colspan"));
                }
            }
            "/td" | "/th" => {
                if let Some(table) = self.tables.last_mut() {
                    table.in_cell = false;
                }
            }
            // What stands on two lines is not one word.
            "br" | "p" | "/p" | "div" | "/div" | "li" => self.value(Fragment {
                span: at..at,
                meaning: Some(Cow::Borrowed(" ")),
            }),
            _ => {}
        }
    }

    fn end_row(&mut self, mut table: Table) -> Table {
        let row = std::mem::take(&mut table.row);
        table.in_cell = false;
        if row.is_empty() {
            return table;
        }
        for filled in &mut table.filled {
            *filled = filled.saturating_sub(1);
        }
        // Rows of names stand above all values; a table without any takes its first row for that.
        let is_names = row.iter().all(|c| c.is_head) && !table.has_values;
        if is_names {
            for cell in &row {
                let name = self.name(cell);
                for column in cell.column..(cell.column + cell.columns).min(MOST_COLUMNS) {
                    if table.names.len() <= column {
                        table.names.resize(column + 1, String::new());
                    }
                    if let Some(so_far) = table.names.get_mut(column)
                        && !name.is_empty()
                        && so_far.len() < LONGEST_NAME
                    {
                        if !so_far.is_empty() {
                            so_far.push(' ');
                        }
                        so_far.extend(name.chars().take(LONGEST_NAME));
                    }
                }
            }
            table.has_names = true;
            return table;
        }
        let is_first = !table.has_values;
        table.has_values = true;
        if is_first && !table.has_names && row.len() > 1 && row.iter().all(|c| !c.is_head) {
            table.names = row.iter().map(|c| self.name(c)).collect();
        }
        let label = row
            .first()
            .filter(|c| c.is_head || row.len() == 2)
            .map(|c| self.name(c))
            .filter(|label| label.bytes().any(|b| !b.is_ascii_digit()));
        let is_label = |index: usize, cell: &Cell| cell.is_head || (index == 0 && row.len() == 2);
        for (index, cell) in row.iter().enumerate() {
            if let Some(name) = table.names.get(cell.column)
                && (!is_first || table.has_names)
            {
                self.rows.push(name, &trimmed(self.text, &cell.value));
            }
            if let Some(label) = &label
                && !is_label(index, cell)
            {
                self.rows.push(label, &trimmed(self.text, &cell.value));
            }
        }
        table
    }

    fn name(&self, cell: &Cell) -> String {
        let mut name = String::new();
        for fragment in &cell.value {
            match &fragment.meaning {
                Some(meaning) => name.push_str(meaning),
                None => {
                    let span = fragment.span.start..fragment.span.end.min(fragment.span.start + 256);
                    name.push_str(&String::from_utf8_lossy(self.text.get(span).unwrap_or_default()));
                }
            }
            if name.len() > 256 {
                break;
            }
        }
        name.trim().to_owned()
    }
}

impl Table {
    fn open_cell(&mut self, is_head: bool, rows: u32, columns: u32) {
        let mut column = self.row.last().map_or(0, |c| c.column + c.columns);
        while self.filled.get(column).is_some_and(|left| *left > 0) {
            column += 1;
        }
        if column >= MOST_COLUMNS {
            self.in_cell = false;
            return;
        }
        let columns = (columns as usize).clamp(1, MOST_COLUMNS - column);
        if rows > 1 {
            if self.filled.len() < column + columns {
                self.filled.resize(column + columns, 0);
            }
            for filled in self.filled.iter_mut().skip(column).take(columns) {
                *filled = rows;
            }
        }
        self.in_cell = true;
        self.row.push(Cell {
            is_head,
            column,
            columns,
            value: Vec::new(),
        });
    }
}

/// The parts of a value without white space at its ends.
fn trimmed(text: &[u8], value: &[Fragment]) -> Vec<Fragment> {
    let is_space = |f: &Fragment| {
        let part = match &f.meaning {
            Some(meaning) => meaning.as_bytes(),
            None => text.get(f.span.clone()).unwrap_or_default(),
        };
        part.trim_ascii().is_empty()
    };
    let first = value.iter().position(|f| !is_space(f)).unwrap_or(value.len());
    let last = value.iter().rposition(|f| !is_space(f)).map_or(first, |n| n + 1);
    let mut value = value.get(first..last).unwrap_or_default().to_vec();
    if let Some(first) = value.first_mut().filter(|f| f.meaning.is_none()) {
        let part = text.get(first.span.clone()).unwrap_or_default();
        first.span.start += part.len() - part.trim_ascii_start().len();
    }
    if let Some(last) = value.last_mut().filter(|f| f.meaning.is_none()) {
        let part = text.get(last.span.clone()).unwrap_or_default();
        last.span.end -= part.len() - part.trim_ascii_end().len();
    }
    value
}

/// `td`, `/td`: the name in lower case, at most 16 letters; nothing if `<` opens no tag.
fn tag_name(text: &[u8]) -> Option<String> {
    let body = text.get(1..)?;
    let (slash, letters) = match body.first() {
        Some(b'/') => ("/", body.get(1..)?),
        Some(b'!' | b'?') => return Some(String::from("!")),
        _ => ("", body),
    };
    if !letters.first().is_some_and(u8::is_ascii_alphabetic) {
        return None;
    }
    let name = letters
        .iter()
        .take(16)
        .take_while(|b| b.is_ascii_alphanumeric())
        .map(|b| char::from(b.to_ascii_lowercase()));
    Some(slash.chars().chain(name).collect())
}

/// Bytes of the tag at the start of `text`, `>` included; quoted attributes may hold `>`.
fn tag_len(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(next) = text
        .get(at..)
        .and_then(|rest| rest.iter().position(|b| matches!(b, b'>' | b'"' | b'\'')))
    {
        let byte = text.get(at + next).copied().unwrap_or(b'>');
        at += next + 1;
        if byte == b'>' {
            return at;
        }
        // A quote that does not end is no quote.
        if let Some(end) = text
            .get(at..)
            .and_then(|rest| memchr::memchr(byte, rest.get(..rest.len().min(65_536)).unwrap_or(rest)))
        {
            at += end + 1;
        }
    }
    text.len()
}

/// The number of `rowspan` or `colspan` in a tag; 1 if there is none.
fn span_of(tag: &[u8], name: &[u8]) -> u32 {
    let value = find_ignoring_case(tag, name)
        .and_then(|at| tag.get(at + name.len()..))
        .map(|rest| {
            rest.iter()
                .skip_while(|b| matches!(b, b'=' | b'"' | b'\'' | b' '))
                .take(4)
                .take_while(|b| b.is_ascii_digit())
                .fold(0_u32, |n, b| n * 10 + u32::from(b - b'0'))
        });
    value.unwrap_or(1).clamp(1, 1000)
}

/// Length and meaning of the entity at the start of `text`; `&` alone means itself.
fn entity(text: &[u8]) -> (usize, Option<Cow<'static, str>>) {
    const NAMED: [(&str, &str); 24] = [
        ("amp", "&"),
        ("lt", "<"),
        ("gt", ">"),
        ("quot", "\""),
        ("apos", "'"),
        ("nbsp", " "),
        ("commat", "@"),
        ("period", "."),
        ("comma", ","),
        ("colon", ":"),
        ("semi", ";"),
        ("sol", "/"),
        ("bsol", "\\"),
        ("equals", "="),
        ("plus", "+"),
        ("num", "#"),
        ("percnt", "%"),
        ("dollar", "$"),
        ("lowbar", "_"),
        ("excl", "!"),
        ("quest", "?"),
        ("ast", "*"),
        ("Tab", "\t"),
        ("NewLine", "\n"),
    ];
    let body = text.get(1..text.len().min(32)).unwrap_or_default();
    let Some(end) = memchr::memchr(b';', body) else {
        return (1, None);
    };
    let name = body.get(..end).unwrap_or_default();
    let meaning = match name {
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16),
        [b'#', digits @ ..] => number(digits, 10),
        _ => NAMED
            .iter()
            .find(|(known, _)| known.as_bytes() == name)
            .map(|(_, meaning)| Cow::Borrowed(*meaning)),
    };
    match meaning {
        Some(meaning) => (end + 2, Some(meaning)),
        None => (1, None),
    }
}

fn number(digits: &[u8], base: u32) -> Option<Cow<'static, str>> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    let code = digits.iter().try_fold(0_u32, |n, b| {
        n.checked_mul(base)?.checked_add(char::from(*b).to_digit(base)?)
    })?;
    char::from_u32(code).map(|c| Cow::Owned(c.to_string()))
}

/// Where `what` (lower case) stands in `text`, whatever the case.
fn find_ignoring_case(text: &[u8], what: &[u8]) -> Option<usize> {
    let (first, _) = what.split_first()?;
    let mut from = 0;
    while let Some(at) = text
        .get(from..)
        .and_then(|rest| memchr::memchr2(*first, first.to_ascii_uppercase(), rest))
    {
        let start = from + at;
        if text
            .get(start..start + what.len())
            .is_some_and(|t| t.eq_ignore_ascii_case(what))
        {
            return Some(start);
        }
        from = start + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(html: &str) -> String {
        let piece = Piece::borrowed(html.as_bytes(), 0);
        let (rows, is_all) = tables(&piece, 1 << 20, &Budget::unlimited()).unwrap();
        assert!(is_all);
        rows.map_or_else(String::new, |p| String::from_utf8(p.text.into_owned()).unwrap())
    }

    #[test]
    fn a_cell_stands_below_the_name_of_its_column() {
        let html = "<table border=\"1\" class=\"dataframe\">\n<thead><tr style=\"text-align: right;\"><th></th><th>name</th>\
                    <th>password</th></tr></thead><tbody><tr><th>0</th><td>bob</td><td>a&amp;b &lt;1</td></tr></tbody></table>";
        assert_eq!(lines(html), "name: bob\npassword: a&b <1\n");
    }

    #[test]
    fn a_cell_stands_beside_the_label_of_its_row() {
        let html = "<TABLE><tr><th>api_key</th><td>x1</td></tr><tr><td>pin</td><td> <br><b>12</b>34<br>5<p></td></tr></TABLE>";
        assert_eq!(lines(html), "api_key: x1\npin: 1234 5\n");
    }

    #[test]
    fn columns_below_wide_names_and_beside_tall_labels_are_told() {
        let html = "<table><tr><th colspan=2>who</th><th>token</th></tr><tr><td rowspan=\"2\">a</td><td>b</td><td>c</td></tr>\
                    <tr><td>d</td><td>e</td></tr></table>";
        assert_eq!(lines(html), "who: a\nwho: b\ntoken: c\nwho: d\ntoken: e\nd: e\n");
    }

    #[test]
    fn tables_in_tables_and_broken_ones_are_read() {
        let html = "<table><tr><th>a<th>b<tr><td>1<td><table><tr><th>c</th></tr><tr><td>2</td></tr></table>3";
        assert_eq!(lines(html), "c: 2\na: 1\nb: 3\n");
    }
}
