//! Undoes one layer of encoding: escapes character by character, runs of base64 and hexadecimal digits.

use super::encoded::{Decoded, base64, hex, is_sextet, is_text_byte, sextet};
use super::escape;
use super::rewrite::{Piece, Rewriter};
use crate::recognizers::class::{self, DIGIT, LETTER, LOWER, UPPER};

/// Shortest runs of base64 and of hexadecimal digits that are looked at.
pub(super) const SHORTEST_BASE64: usize = 8;
pub(super) const SHORTEST_HEX: usize = 12;
/// Fewest pairs of hexadecimal digits with separators.
pub(super) const FEWEST_PAIRS: usize = 6;
/// Most lines of base64 that are decoded as one run.
const MOST_LINES: usize = 8;
/// Shortest line of such a run but for the last.
const SHORTEST_PIECE: usize = 4;
/// A line of wrapped base64 is at least this long (RFC 2045 wraps at 76, RFC 7468 at 64).
pub(super) const SHORTEST_LINE: usize = 40;

/// Undoes one layer in `text`; none if there is none.
pub(super) fn decode(text: &str) -> Option<Piece> {
    let bytes = text.as_bytes();
    let mut out = Rewriter::new(text);
    let mut at = 0;
    let mut is_glued = false;
    while let Some(&byte) = bytes.get(at) {
        let escaped = match byte {
            b'&' | b'%' | b'\\' | b'=' => escapes(bytes, at, &mut out),
            _ => None,
        };
        if let Some(end) = escaped {
            at = end;
            is_glued = false;
        } else if !is_glued && is_sextet(byte) {
            at = run(bytes, at, &mut out);
            is_glued = true;
        } else {
            is_glued = false;
            at += 1;
        }
    }
    out.finish()
}

/// Undoes the escapes that stand in a row at `at` if one of them is worth it; where they end.
fn escapes(bytes: &[u8], at: usize, out: &mut Rewriter<'_>) -> Option<usize> {
    let mut row = Vec::new();
    let mut end = at;
    let mut is_worth = false;
    while let Some(found) = bytes.get(end..).and_then(escape::read) {
        row.push((end, found));
        is_worth |= escape::is_worth(bytes, end, found);
        end += found.len;
    }
    if row.is_empty() {
        return None;
    }
    let mut buffer = [0; 4];
    if is_worth {
        for (start, found) in row {
            let with = found.c.map_or("", |c| c.encode_utf8(&mut buffer));
            out.replace(start, start + found.len, with);
        }
    }
    Some(end)
}

/// Decodes the run of base64 characters at `start`, if it encodes text; where it ends.
fn run(bytes: &[u8], start: usize, out: &mut Rewriter<'_>) -> usize {
    if let Some((end, decoded)) = hex_pairs(bytes, start) {
        if let Some(decoded) = decoded {
            write(out, start, &decoded);
        }
        return end;
    }
    let rest = bytes.get(start..).unwrap_or_default();
    let body = rest.iter().take_while(|b| is_sextet(**b)).count();
    if body < SHORTEST_BASE64.min(SHORTEST_HEX) {
        return start + body.max(1);
    }
    let padding = rest.iter().skip(body).take(2).take_while(|b| **b == b'=').count();
    let end = start + body;
    let Some(own) = rest.get(..body) else {
        return end.max(start + 1);
    };
    let skip = if matches!(own, [b'0', b'x' | b'X', ..]) {
        2
    } else {
        0
    };
    let digits = own.get(skip..).unwrap_or_default();
    if digits.len() >= SHORTEST_HEX
        && digits.len().is_multiple_of(2)
        && digits.iter().all(u8::is_ascii_hexdigit)
    {
        if let Some(decoded) = hex(digits, 0, 2) {
            write(out, start + skip, &decoded);
        }
        return end;
    }
    if !is_coded(own) {
        return end.max(start + 1);
    }
    if padding == 0
        && begins_text(own)
        && let Some(end) = wrapped(bytes, start, body, out)
    {
        return end;
    }
    let padded = rest.get(..body + padding).unwrap_or_default();
    // Lines of wrapped base64 are decoded one by one: each is a whole number of groups.
    if let Some(decoded) = base64(padded) {
        write(out, start, &decoded);
        return end + padding;
    }
    // The alphabet holds `/`, `-`, `_` and `+`, which may as well part a path or a name from the run.
    let mut at = start;
    for part in own.split(|b| matches!(b, b'/' | b'-' | b'_' | b'+')) {
        let is_last = at + part.len() == end;
        let len = part.len() + if is_last { padding } else { 0 };
        if part.len() >= SHORTEST_BASE64
            && part.len() < body
            && is_coded(part)
            && let Some(decoded) = bytes.get(at..at + len).and_then(base64)
        {
            write(out, at, &decoded);
        }
        at += part.len() + 1;
    }
    end
}

/// Whether the first bytes that a run encodes are text, so that images and keys cost no more than one look.
fn begins_text(run: &[u8]) -> bool {
    run.chunks_exact(4).take(4).all(|four| {
        let value = four
            .iter()
            .fold(0, |all, b| all << 6 | u32::from(sextet(*b).unwrap_or(0)));
        value.to_be_bytes().iter().skip(1).all(|b| is_text_byte(*b))
    })
}

/// Decodes a run of base64 that goes on in the next lines, wherever it was broken; where it ends.
fn wrapped(bytes: &[u8], start: usize, body: usize, out: &mut Rewriter<'_>) -> Option<usize> {
    let mut places: Vec<usize> = (start..start + body).collect();
    let mut at = start + body;
    let mut lines = 1;
    while lines < MOST_LINES
        && let Some(next) = next_line(bytes, at)
    {
        let rest = bytes.get(next..).unwrap_or_default();
        let piece = rest.iter().take_while(|b| is_sextet(**b)).count();
        let padding = rest
            .iter()
            .skip(piece)
            .take(2)
            .take_while(|b| **b == b'=')
            .count();
        let goes_on = next_line(bytes, next + piece).is_some();
        if piece == 0 || piece < SHORTEST_PIECE && (goes_on || padding == 0) {
            break;
        }
        places.extend(next..next + piece);
        at = next + piece + padding;
        lines += 1;
        if padding > 0 {
            break;
        }
    }
    if lines == 1 {
        return None;
    }
    let run: Vec<u8> = places.iter().filter_map(|i| bytes.get(*i).copied()).collect();
    let decoded = base64(&run)?;
    let groups: Vec<&[usize]> = places.chunks(4).collect();
    if decoded.text.is_ascii() {
        let mut end = start;
        for (group, text) in groups.iter().zip(decoded.text.as_bytes().chunks(3)) {
            if let ([first, ..], [.., last], Ok(text)) = (*group, *group, std::str::from_utf8(text)) {
                if *first > end {
                    out.replace(end, *first, "");
                }
                out.replace(*first, last + 1, text);
                end = last + 1;
            }
        }
        if at > end {
            out.replace(end, at, "");
        }
    } else {
        out.replace(start, at, &decoded.text);
    }
    Some(at)
}

/// Where the next line begins, if the line ends at `at`; an indent or the mark of a quotation is passed over.
fn next_line(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let end = usize::from(rest.first() == Some(&b'\r'));
    if rest.get(end) != Some(&b'\n') {
        return None;
    }
    let indent = rest
        .iter()
        .skip(end + 1)
        .take(8)
        .take_while(|b| matches!(b, b' ' | b'\t' | b'>'))
        .count();
    Some(at + end + 1 + indent)
}

/// Whether the run has a digit or a capital behind a small letter, as the base64 of nearly every text has.
pub(super) fn is_coded(run: &[u8]) -> bool {
    if run.len() >= SHORTEST_LINE {
        return true;
    }
    let mut last = 0;
    run.iter().any(|byte| {
        let class = class::of(*byte) & (LETTER | DIGIT);
        let is_sign = class == DIGIT || class == UPPER && last == LOWER;
        last = class;
        is_sign
    })
}

/// Pairs of hexadecimal digits with one separator between them (`6a 6f`, `6a:6f`, `0x6a, 0x6f`) at `start`: where the
/// row ends, so that it is read once, and what it encodes.
fn hex_pairs(bytes: &[u8], start: usize) -> Option<(usize, Option<Decoded>)> {
    let prefix = usize::from(bytes.get(start..start + 2) == Some(b"0x")) * 2;
    let pair = start + prefix;
    let gap_at = pair + 2;
    let is_pair = |at: usize| {
        bytes
            .get(at..at + 2)
            .is_some_and(|p| p.iter().all(u8::is_ascii_hexdigit))
    };
    if !is_pair(pair) || !matches!(bytes.get(gap_at), Some(b' ' | b':' | b'-' | b',' | b'.')) {
        return None;
    }
    let gap = 1 + usize::from(bytes.get(gap_at) == Some(&b',') && bytes.get(gap_at + 1) == Some(&b' '));
    let lead = bytes.get(gap_at..gap_at + gap)?;
    let stride = prefix + 2 + gap;
    let mut end = gap_at;
    let mut pairs = 1;
    while bytes.get(end..end + gap) == Some(lead)
        && (prefix == 0 || bytes.get(end + gap..end + gap + 2) == Some(b"0x"))
        && is_pair(end + gap + prefix)
        && !bytes.get(end + stride).is_some_and(u8::is_ascii_alphanumeric)
    {
        end += stride;
        pairs += 1;
    }
    if pairs < FEWEST_PAIRS {
        return None;
    }
    Some((end, hex(bytes.get(start..end)?, prefix, stride)))
}

fn write(out: &mut Rewriter<'_>, start: usize, decoded: &Decoded) {
    let end = start + decoded.len;
    let units = decoded.text.len() / decoded.view_unit;
    // The last unit may be short, or lack its separator; units may cut characters, which then are taken together.
    let whole = units.saturating_sub(1);
    let cut = (0..=whole)
        .rev()
        .find(|u| decoded.text.is_char_boundary(u * decoded.view_unit))
        .unwrap_or(0);
    let (head, tail) = decoded
        .text
        .split_at_checked(cut * decoded.view_unit)
        .unwrap_or((&decoded.text, ""));
    let middle = start + cut * decoded.original_unit;
    if head.is_ascii() {
        out.replace_units(start, middle, head, cut);
    } else {
        characters(out, start, head, decoded);
    }
    out.replace(middle, end, tail);
}

/// Writes character by character, each from the units its bytes lie in.
fn characters(out: &mut Rewriter<'_>, start: usize, text: &str, decoded: &Decoded) {
    let mut from = 0;
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        // Characters that end inside a unit wait for those that end with it.
        if end % decoded.view_unit == 0 {
            let unit = |at: usize| start + at / decoded.view_unit * decoded.original_unit;
            out.replace(unit(from), unit(end), text.get(from..end).unwrap_or_default());
            from = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> String {
        decode(text).map_or_else(|| "unchanged".to_owned(), |p| p.text)
    }

    #[test]
    fn encoded_stretches_become_plain_in_their_place() {
        for (text, plain) in [
            ("mail john%40example%2Ecom now", "mail john@example.com now"),
            ("&#106;&#x6f;hn&commat;example&period;com", "john@example.com"),
            (r"\u0034\u0031\u0031\u0031", "4111"),
            ("john=40exam=\nple.com", "john@example.com"),
            ("it is am9obkBleGFtcGxlLmNvbQ==, ok", "it is john@example.com, ok"),
            ("/a/am9obkBleGFtcGxlLmNvbQ==", "/a/john@example.com"),
            ("is am9obkBle\nGFtcGxlLmNvbQ==, ok", "is john@example.com, ok"),
            (
                "is am9obkBleG\r\n  FtcGxl\n  LmNvbQ== ok",
                "is john@example.com ok",
            ),
            ("x=3139322e302e322e3137;", "x=192.0.2.17;"),
            ("31 39 32 2e 30 2e 32 2e 31 37.", "192.0.2.17."),
            ("0x31, 0x39, 0x32, 0x2e, 0x30, 0x2e, 0x32", "192.0.2"),
            ("4111%201111%201111%201111", "4111 1111 1111 1111"),
            ("SsO8cmdlbiBNw7xsbGVyIDEyMzQ=", "Jürgen Müller 1234"),
            (r"name: J\u00fcrgen M&uuml;ller", "name: Jürgen Müller"),
        ] {
            assert_eq!(decoded(text), plain, "{text}");
        }
    }

    #[test]
    fn each_part_maps_to_the_characters_that_encode_it() {
        let piece = decode("it is am9obkBleGFtcGxlLmNvbQ==, ok").unwrap();
        let at = piece.text.find("john@example.com").unwrap();
        let whole = piece.map.to_original(at..at + 16);
        assert_eq!((whole.start, whole.end), (6, 30));
        let local = piece.map.to_original(at..at + 4);
        assert_eq!((local.start, local.end), (6, 14));
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        for text in [
            "a&b &amp; c &lt;td&gt; 100% sure x\\ny a=b",
            "https://example.com/caf%C3%A9?q=a%20b&x=1",
            "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUA",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "550e8400-e29b-41d4-a716-446655440000",
            "00:00:5e:00:53:01",
            "getUserNameById administration",
        ] {
            assert_eq!(decoded(text), "unchanged", "{text}");
        }
    }
}
