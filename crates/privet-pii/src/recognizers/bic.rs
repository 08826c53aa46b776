//! Bank identifier codes without a digit, which only the words beside them tell from other words in capitals.

use privet_types::{Basis, Entity};

use super::Outcome;
use super::context::spell;
use super::ids::is_bic;
use super::scan::Scan;
use crate::masks::{self, BLOCK as CHUNK};

/// Bytes after a word in which a code may stand.
const REACH: usize = 48;
/// Most characters of a code.
const MOST: usize = 11;

/// Finds codes behind such a word or right before it.
///
/// Source of the form: ISO 9362:2022, section 4.
pub(super) fn find(scan: &mut Scan<'_>) -> Outcome {
    if let Some(name) = scan.name()
        && has_word(name)
    {
        // A field of that name holds a code and nothing else.
        let code = scan.text.trim();
        let start = scan.text.len() - scan.text.trim_start().len();
        scan.spend(scan.text.len() - code.len() + MOST)?;
        if code.len() <= MOST && is_bic(&code.as_bytes().to_ascii_uppercase()) {
            report(scan, start, start + code.len(), 0.95);
            return Ok(());
        }
    }
    scan.spend(scan.text.len())?;
    let text = scan.text;
    let mut read = 0;
    for (word_start, word_end) in words(text) {
        scan.spend(4 * MOST)?;
        if !is_whole(scan, word_start, word_end) {
            continue;
        }
        let end = scan.floor((word_end + REACH).min(text.len()));
        read = word_end.max(read);
        after(scan, word_end, read, end)?;
        read = end.max(read);
        before(scan, word_start);
    }
    Ok(())
}

/// Where words that announce a code begin and end in `text`, in either case. Three letters of each are looked for, in many
/// bytes together.
fn words(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            if at.is_multiple_of(CHUNK) && !may_hold_word(bytes, at) {
                at += CHUNK;
                continue;
            }
            let word = word_round(bytes, at);
            at += 1;
            if word.is_some() {
                return word;
            }
        }
        None
    })
}

/// The word whose letters before, at and behind an `i` stand at `at`.
#[inline]
fn word_round(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let [first, middle, last, ..] = bytes.get(at..)? else {
        return None;
    };
    if middle | 0x20 != b'i' {
        return None;
    }
    let (word, before) = match (first | 0x20, last | 0x20) {
        (b'b', b'c') => ("bic", 0),
        (b'w', b'f') => ("swift", 1),
        (b' ', b'd') => ("bank identifier", 4),
        _ => return None,
    };
    let start = at.checked_sub(before)?;
    let end = start + word.len();
    let is_word = bytes.get(start..end)?.eq_ignore_ascii_case(word.as_bytes());
    is_word.then_some((start, end))
}

/// Whether [`word_round`] may find a word at any byte of the chunk at `from`.
fn may_hold_word(bytes: &[u8], from: usize) -> bool {
    let chunk = |from: usize| bytes.get(from..).and_then(|rest| rest.first_chunk::<CHUNK>());
    let chunks = |from: usize| Some((chunk(from)?, chunk(from + 1)?, chunk(from + 2)?));
    // The last chunk is short: the last whole one holds it, or the text is.
    let last = bytes.len().checked_sub(CHUNK + 2);
    if let Some((firsts, middles, lasts)) = chunks(from).or_else(|| chunks(last?)) {
        return holds_word(firsts, middles, lasts);
    }
    let block = |from: usize| masks::block(bytes, from);
    holds_word(&block(from), &block(from + 1), &block(from + 2))
}

/// Whether the first, middle and last letters of [`word_round`] stand at any place of the three chunks.
#[inline]
fn holds_word(firsts: &[u8; CHUNK], middles: &[u8; CHUNK], lasts: &[u8; CHUNK]) -> bool {
    let mut any = 0;
    for ((first, middle), last) in firsts.iter().zip(middles).zip(lasts) {
        let (first, last) = (first | 0x20, last | 0x20);
        let ends = u8::from(first == b'b') & u8::from(last == b'c')
            | u8::from(first == b'w') & u8::from(last == b'f')
            | u8::from(first == b' ') & u8::from(last == b'd');
        any |= ends & u8::from(middle | 0x20 == b'i');
    }
    any != 0
}

/// Whether a word stands in a name such as `bank_swift` or `bankSwift`.
fn has_word(name: &str) -> bool {
    let mut spelt = String::new();
    spell(name, &mut spelt);
    words(&spelt).any(|(start, end)| {
        let is_space = |at: usize| spelt.as_bytes().get(at) == Some(&b' ');
        is_space(start.saturating_sub(1)) && is_space(end)
    })
}

/// Whether a word stands by itself, and not within `cubic` or `bicycle`.
fn is_whole(scan: &Scan<'_>, start: usize, end: usize) -> bool {
    let touches = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    !touches(scan.char_before(start)) && !touches(scan.char_at(end))
}

/// Looks for codes from `from` to `to`, behind a word that ends at `word`.
fn after(scan: &mut Scan<'_>, word: usize, from: usize, to: usize) -> Outcome {
    scan.spend(to - from.min(to))?;
    let mut at = from;
    while at < to {
        let length = run(scan, at);
        if is_code(scan, at, at + length) {
            // In a heading all words are in capitals; `BIC` is no word of English, `SWIFT` is.
            let between = scan.slice(word, at);
            let is_heading = scan.slice(word.saturating_sub(5), word) == b"SWIFT"
                && !between
                    .iter()
                    .any(|b| b.is_ascii_lowercase() || matches!(b, b':' | b'=' | b'"' | b'#' | b'\t'));
            report(scan, at, at + length, if is_heading { 0.3 } else { 0.85 });
        }
        at += length.max(1);
    }
    Ok(())
}

/// Looks for a code that ends right before the word at `word`, as in `ABCDDEFF (BIC)`.
fn before(scan: &mut Scan<'_>, word: usize) {
    let gap = (1..=3)
        .take_while(|back| matches!(scan.back(word, *back), b' ' | b'(' | b'-' | b',' | b':' | b'/'))
        .count();
    let end = word - gap;
    let length = (1..=MOST + 1)
        .take_while(|back| scan.back(end, *back).is_ascii_alphanumeric())
        .count();
    if gap > 0 && is_code(scan, end - length, end) {
        let is_marked = gap > 1;
        report(scan, end - length, end, if is_marked { 0.85 } else { 0.3 });
    }
}

/// Letters and digits from `at` on, as many as matter.
fn run(scan: &Scan<'_>, at: usize) -> usize {
    let bytes = scan.slice(at, (at + REACH + MOST).min(scan.bytes.len()));
    bytes.iter().take_while(|b| b.is_ascii_alphanumeric()).count()
}

/// Whether `start..end` is a code of capitals that no other letter touches.
fn is_code(scan: &Scan<'_>, start: usize, end: usize) -> bool {
    let bytes = scan.slice(start, end);
    matches!(bytes.len(), 8 | 11)
        && bytes.iter().all(u8::is_ascii_uppercase)
        && is_bic(bytes)
        && is_whole(scan, start, end)
}

fn report(scan: &mut Scan<'_>, start: usize, end: usize, score: f32) {
    scan.report_as(
        Entity::SWIFT_CODE,
        start,
        end,
        score,
        "swift-code/word",
        Basis::Context,
    );
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::words;
    use privet_types::{Budget, Entity, Finding};

    use crate::{Analyzer, Config};

    fn codes(text: &str, name: Option<&str>) -> Vec<String> {
        let analyzer = Analyzer::new(&Config::only(&[Entity::SWIFT_CODE])).unwrap();
        let found = analyzer.analyze(text, name, &Budget::unlimited()).unwrap();
        let value = |f: &Finding| f.span.of(text).unwrap().to_owned();
        found.iter().map(value).collect()
    }

    #[test]
    fn codes_beside_a_word_are_found_with_digits_and_without() {
        for (text, code) in [
            ("BIC: QQXXDEFF", "QQXXDEFF"),
            ("BIC QQXXDEFF", "QQXXDEFF"),
            ("Our SWIFT code is QQXXFRPPXXX.", "QQXXFRPPXXX"),
            ("swift=QQXXGB2L", "QQXXGB2L"),
            ("QQXXATWW (BIC)", "QQXXATWW"),
            ("IBAN on request, BIC QQXXCH22123", "QQXXCH22123"),
        ] {
            assert_eq!(codes(text, None), [code], "{text}");
        }
        assert_eq!(codes("qqxxdeff", Some("bic")), ["qqxxdeff"]);
        assert_eq!(codes(" QQXXDEFF ", Some("bankSwift")), ["QQXXDEFF"]);
    }

    #[test]
    fn other_words_are_not() {
        for text in [
            "QQXXDEFF",
            "cubic: QQXXDEFF",
            "BIC: QQXXZZFF",
            "BIC: qqxxdeff",
            "BIC: QQXXDEFFX",
            "SWIFT MESSAGES",
            "a swift and lasting reform of MESSAGESX",
        ] {
            assert!(codes(text, None).is_empty(), "{text}: {:?}", codes(text, None));
        }
    }

    proptest! {
        #[test]
        fn every_word_is_found_wherever_it_stands(text in "([ -~]|.|bic|BIC|Swift|swIFt|bank identifier|Bank\u{0}identifier){0,90}") {
            let lower = text.to_ascii_lowercase();
            let places = |word: &'static str| lower.match_indices(word).map(|(at, w)| (at, at + w.len()));
            let mut expected: Vec<_> =
                places("bic").chain(places("swift")).chain(places("bank identifier")).collect();
            expected.sort_unstable();
            let mut found: Vec<_> = words(&text).collect();
            found.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
