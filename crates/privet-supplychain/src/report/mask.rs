//! Lines with the found values masked.

use std::ops::Range;

use memchr::memmem;

use super::visible::push_visible;

/// Longest masked line, in characters.
const MOST_CHARS: usize = 200;

/// How many characters stand before the first value in a line that is cut.
const CHARS_BEFORE: usize = 60;

/// Only so many bytes before and behind the first value are looked at: four for each character that could be shown.
const BYTES_BEFORE: usize = 4 * CHARS_BEFORE;
const BYTES_BEHIND: usize = 4 * MOST_CHARS;

/// How far before and behind what is shown further places of a value are looked for.
const REACH: usize = 4 << 10;

/// Most values of one line of which further places are looked for.
const MOST_REPEATED: usize = 64;

/// Values shorter than this are masked where they were found, and not at every other place: `a` is in most lines.
const LEAST_REPEATED: usize = 4;

/// A value shows its first two characters only if it is longer than this.
const LONGEST_HIDDEN: usize = 12;

/// `line` with each of `spans` masked, for people: the first two characters of a value longer than 12 bytes, `…`, and how long it
/// is to within a factor of two. Further places of the same value are masked as well. At most 200 characters round the first span;
/// controls and invisible signs are written out, bytes that are not UTF-8 become `\u{fffd}`.
///
/// Spans may overlap, be out of order, or reach beyond the line. Time and memory do not grow with the line.
#[must_use]
pub fn mask_line(line: &[u8], spans: &[Range<usize>]) -> String {
    let mut found: Vec<Range<usize>> = spans
        .iter()
        .map(|span| span.start.min(line.len())..span.end.min(line.len()))
        .filter(|span| span.start < span.end)
        .collect();
    found.sort_by_key(|span| (span.start, span.end));
    let first = found.first().map_or(0, |span| span.start);
    let shown = first.saturating_sub(BYTES_BEFORE)..first.saturating_add(BYTES_BEHIND).min(line.len());
    let searched = shown.start.saturating_sub(REACH)..shown.end.saturating_add(REACH).min(line.len());

    found.retain(|span| span.end > searched.start && span.start < searched.end);
    let mut all = found.clone();
    for span in found.iter().take(MOST_REPEATED) {
        all.extend(other_places(line, span, &searched));
    }
    let (text, mask_at) = masked(line, &merged(all), &shown);
    let is_cut = (shown.start > 0, shown.end < line.len());
    cut(&text, mask_at, is_cut)
}

/// Where else in `searched` the value at `span` stands, also as a part of it that is cut at the edge of the line.
fn other_places(line: &[u8], span: &Range<usize>, searched: &Range<usize>) -> Vec<Range<usize>> {
    let Some(value) = line.get(span.clone()).filter(|it| it.len() >= LEAST_REPEATED) else {
        return Vec::new();
    };
    let Some(text) = line.get(searched.clone()) else {
        return Vec::new();
    };
    let finder = memmem::Finder::new(value);
    let mut places: Vec<Range<usize>> = Vec::new();
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| finder.find(rest)) {
        let start = searched.start + from + at;
        match places.last_mut() {
            Some(last) if start <= last.end => last.end = start + value.len(),
            _ => places.push(start..start + value.len()),
        }
        // By one byte: places of one value can overlap.
        from += at + 1;
    }
    places
}

/// `spans` without overlaps, in order. A value that overlaps another is one with it.
fn merged(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.sort_by_key(|span| (span.start, span.end));
    let mut all: Vec<Range<usize>> = Vec::with_capacity(spans.len());
    for span in spans {
        match all.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => all.push(span),
        }
    }
    all
}

/// The `shown` part of `line`, and the character at which its first mask begins.
fn masked(line: &[u8], spans: &[Range<usize>], shown: &Range<usize>) -> (String, usize) {
    let mut out = String::new();
    let mut mask_at = None;
    let mut at = shown.start;
    let inside = |span: &&Range<usize>| span.end > shown.start && span.start < shown.end;
    for span in spans.iter().filter(inside) {
        push_text(&mut out, line.get(at..span.start).unwrap_or_default());
        mask_at.get_or_insert_with(|| out.chars().count());
        // A value of which the beginning is cut off shows nothing.
        let head = if span.start >= shown.start {
            line.get(span.clone())
        } else {
            None
        };
        push_mask(&mut out, head.unwrap_or_default(), span.len());
        at = span.end;
    }
    push_text(&mut out, line.get(at..shown.end).unwrap_or_default());
    (out, mask_at.unwrap_or(0))
}

fn push_text(out: &mut String, bytes: &[u8]) {
    for c in String::from_utf8_lossy(bytes).chars() {
        push_visible(out, c);
    }
}

fn push_mask(out: &mut String, value: &[u8], bytes: usize) {
    if bytes > LONGEST_HIDDEN {
        let head = value.iter().take(2).take_while(|byte| byte.is_ascii_graphic());
        out.extend(head.map(|byte| char::from(*byte)));
    }
    let class = match bytes {
        0..=7 => "<8",
        8..=15 => "8–15",
        16..=31 => "16–31",
        32..=63 => "32–63",
        64..=127 => "64–127",
        _ => "128+",
    };
    out.push('…');
    out.push('[');
    out.push_str(class);
    out.push(']');
}

/// At most [`MOST_CHARS`] of `text` round the character `mask_at`; `…` stands for what is cut off.
fn cut(text: &str, mask_at: usize, is_cut: (bool, bool)) -> String {
    let count = text.chars().count();
    let marks = usize::from(is_cut.0) + usize::from(is_cut.1);
    if count + marks <= MOST_CHARS {
        let (before, behind) = (if is_cut.0 { "…" } else { "" }, if is_cut.1 { "…" } else { "" });
        return format!("{before}{text}{behind}");
    }
    let room = MOST_CHARS - 2;
    let start = mask_at
        .saturating_sub(CHARS_BEFORE)
        .min(count.saturating_sub(room));
    let kept: String = text.chars().skip(start).take(room).collect();
    let before = if start > 0 || is_cut.0 { "…" } else { "" };
    let behind = if start + room < count || is_cut.1 {
        "…"
    } else {
        ""
    };
    format!("{before}{kept}{behind}")
}
