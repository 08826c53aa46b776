//! Texts in UTF-16, gzip, and what can be read in binary files.

use std::io::Read;

use privet_types::{Budget, BudgetError};

use super::kind::ByteOrder;
use super::map::{Builder, Piece};

/// Shortest stretch that counts as text in binary data.
const SHORTEST_RUN: usize = 12;

/// Decodes UTF-16 (RFC 2781). Lone surrogates are U+FFFD; a last odd byte is left out.
pub(super) fn utf16<'a>(bytes: &[u8], order: ByteOrder, has_mark: bool, most: usize) -> (Piece<'a>, bool) {
    let skip = if has_mark { 2 } else { 0 };
    let units = bytes
        .get(skip..)
        .unwrap_or_default()
        .chunks_exact(2)
        .map(|pair| match (pair, order) {
            ([a, b], ByteOrder::Little) => u16::from_le_bytes([*a, *b]),
            ([a, b], ByteOrder::Big) => u16::from_be_bytes([*a, *b]),
            _ => 0,
        });
    let mut out = Builder::default();
    let mut at = skip as u64;
    for decoded in char::decode_utf16(units) {
        if out.len() + 4 > most {
            return (out.finish(), false);
        }
        let len = decoded.as_ref().map_or(2, |c| c.len_utf16() as u64 * 2);
        let mut buffer = [0; 4];
        let text = decoded.unwrap_or('\u{fffd}').encode_utf8(&mut buffer);
        out.push_units(text.as_bytes(), at, text.len(), len);
        at += len;
    }
    (out.finish(), true)
}

/// How unpacking ended.
pub(super) enum Unpacked {
    /// All of it.
    Whole(Vec<u8>),
    /// More than allowed: what fitted.
    Cut(Vec<u8>),
    /// The data is damaged: what came out before.
    Damaged(Vec<u8>),
}

/// Unpacks `reader` up to `most` bytes and a ratio of `most_ratio` to `packed` bytes.
pub(super) fn unpack(
    reader: impl Read,
    packed: usize,
    most: usize,
    most_ratio: usize,
    budget: &Budget,
) -> Result<Unpacked, BudgetError> {
    const STEP: usize = 64 * 1024;
    // Small texts pack well; the ratio is for what is large.
    let most = most.min(packed.saturating_mul(most_ratio).max(1 << 20));
    let mut reader = reader.take(most as u64 + 1);
    let mut out = Vec::new();
    loop {
        budget.charge(STEP as u64)?;
        let before = out.len();
        match reader.by_ref().take(STEP as u64).read_to_end(&mut out) {
            Ok(_) if out.len() > most => {
                out.truncate(most);
                return Ok(Unpacked::Cut(out));
            }
            Ok(_) if out.len() == before => return Ok(Unpacked::Whole(out)),
            Ok(_) => {}
            Err(_) => return Ok(Unpacked::Damaged(out)),
        }
    }
}

/// Unpacks gzip (RFC 1952), all of its members.
pub(super) fn gzip(
    bytes: &[u8],
    most: usize,
    most_ratio: usize,
    budget: &Budget,
) -> Result<Unpacked, BudgetError> {
    unpack(
        flate2::read::MultiGzDecoder::new(bytes),
        bytes.len(),
        most,
        most_ratio,
        budget,
    )
}

/// The stretches of printable ASCII, at least 12 bytes long, one a line; at most `most` bytes. ASCII in UTF-16 too.
pub(super) fn printable<'a>(
    bytes: &[u8],
    most: usize,
    budget: &Budget,
) -> Result<Option<Piece<'a>>, BudgetError> {
    budget.charge(bytes.len() as u64)?;
    let mut out = Builder::default();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|r| !r.is_empty() && out.len() < most) {
        let len = rest.iter().take_while(|b| is_printable(**b)).count();
        if len >= SHORTEST_RUN {
            let len = len.min(most.saturating_sub(out.len()));
            out.push_same(rest.get(..len).unwrap_or_default(), at as u64);
            out.push_context(b"\n");
        } else {
            let wide = rest
                .chunks_exact(2)
                .take_while(|pair| matches!(pair, [b, 0] if is_printable(*b)))
                .count();
            if wide >= SHORTEST_RUN {
                let wide = wide.min(most.saturating_sub(out.len()));
                let text: Vec<u8> = rest.iter().step_by(2).take(wide).copied().collect();
                out.push_units(&text, at as u64, 1, 2);
                out.push_context(b"\n");
                at += wide.max(1) * 2;
                continue;
            }
        }
        at += len.max(1);
    }
    Ok((!out.is_empty()).then(|| out.finish()))
}

const fn is_printable(b: u8) -> bool {
    b == b'\t' || (b >= b' ' && b < 0x7f)
}
