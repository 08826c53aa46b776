//! Stretches of a text that an encoder sees at once.

use std::ops::Range;

use privet_inference::token::{self, tokenize, windows};

/// Bytes of text that are seen together, at least as long as they are sentences of one paragraph.
const TOGETHER: usize = 480;

/// The stretches of `text` that are looked at: sentences that `is_wanted`, some together.
///
/// Where a stretch ends is decided by the sentences before it since the last empty line or the last sentence that is told by
/// a hash of its bytes: so a text may be given in pieces that share some hundred sentences.
pub(super) fn stretches(text: &str, is_wanted: fn(&str) -> bool) -> Vec<Range<usize>> {
    let tokens = tokenize(text);
    let mut out: Vec<Range<usize>> = Vec::new();
    let mut is_open = false;
    for window in windows(text, &tokens) {
        let held = tokens.get(window).unwrap_or_default();
        let (Some(first), Some(last)) = (held.first(), held.last()) else {
            continue;
        };
        let bytes = first.start..last.end;
        let sentence = text.get(bytes.clone()).unwrap_or_default();
        if !is_wanted(sentence) {
            is_open = false;
            continue;
        }
        match out.last_mut() {
            Some(open) if is_open && bytes.end - open.start <= TOGETHER => open.end = bytes.end,
            _ => out.push(bytes),
        }
        let is_paragraph_end = last.kind == token::Kind::Break
            && text
                .get(last.start..last.end)
                .is_some_and(|gap| gap.bytes().filter(|b| *b == b'\n').count() > 1);
        is_open = !is_paragraph_end && !hash(sentence).is_multiple_of(8);
    }
    out
}

/// FNV-1a.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}
