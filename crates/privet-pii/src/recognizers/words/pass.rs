//! The one pass over words and numbers.

use super::lexicon::{MOST_WORDS, Senses, hash_start};
use super::reader::{Word, decimal, fold, is_ideographic, is_word_char};
use super::sense;
use crate::letters::{is_alphanumeric, is_lowercase, is_uppercase};
use crate::recognizers::class::{self, DIGIT, LETTER};
use crate::recognizers::scan::Scan;
use crate::recognizers::{Outcome, Plan};

/// Longest word of a script without spaces, in characters.
const LONGEST_UNSPACED: usize = 6;
/// Senses of top-level domains.
const TOP_LEVEL: Senses = sense::TLD | sense::TLD_WEAK;
/// Units charged for a look-up and its surroundings.
const LOOK: usize = 8;

/// Passes over the text and asks the recognisers of `plan` at every word that has a sense they look for, and at every
/// run of digits.
pub(crate) fn pass(scan: &mut Scan<'_>, plan: &Plan) -> Outcome {
    if plan.word.is_empty() && plan.digits.is_empty() {
        return Ok(());
    }
    let wanted = plan.word.senses();
    let mut recent = [0_u64; MOST_WORDS];
    let mut at = 0;
    let mut was_charged = 0;
    while let Some(&byte) = scan.bytes.get(at) {
        if at - was_charged >= 4096 {
            scan.spend(at - was_charged)?;
            was_charged = at;
        }
        let class = class::of(byte);
        if class & LETTER != 0 || !byte.is_ascii() && scan.char_at(at).is_some_and(is_word_char) {
            let start = at;
            let (hash, end) = read(scan, start);
            // Words of a phrase may stand between spaces, so that one is passed over like the word.
            at = end + usize::from(scan.at(end) == b' ');
            let [last, second, third, _] = recent;
            recent = [hash, last, second, third];
            let meaning = scan.lexicon().get_after(&recent);
            let mut senses = meaning.senses & wanted;
            // Some top-level domains are common words; they count behind a full stop alone.
            if senses & TOP_LEVEL != 0 && scan.back(start, 1) != b'.' {
                senses &= !TOP_LEVEL;
            }
            if senses != 0 {
                let word = Word {
                    start,
                    end,
                    meaning,
                    hash,
                };
                ask(scan, plan, &word, senses)?;
            }
        } else if class & DIGIT != 0 {
            number(scan, plan, at)?;
            while scan.at(at).is_ascii_digit() {
                at += 1;
            }
        } else if byte.is_ascii() {
            // Words of a phrase stand in one line, between spaces, hyphens, `_`, or nothing (camel case).
            if !matches!(byte, b' ' | b'_' | b'-' | b'\'') {
                recent = [0; MOST_WORDS];
            }
            at += 1;
        } else {
            let c = scan.char_at(at).unwrap_or(' ');
            if is_ideographic(c) {
                at = unspaced(scan, plan, at, wanted)?;
            } else if decimal(c).is_some() {
                number(scan, plan, at)?;
                while let Some(c) = scan.char_at(at).filter(|c| decimal(*c).is_some()) {
                    at += c.len_utf8();
                }
            } else {
                at += c.len_utf8();
            }
        }
    }
    scan.spend(at - was_charged)
}

/// Reads the whole word at `at`, of any length: its hash, and where it ends.
#[inline]
fn read(scan: &Scan<'_>, at: usize) -> (u64, usize) {
    let (mut hash, mut end, mut was_small) = scan.ascii_word(at, usize::MAX);
    if !scan.at(end).is_ascii() {
        for c in scan.text.get(end..).unwrap_or_default().chars() {
            if !is_word_char(c) || was_small && is_uppercase(c) {
                break;
            }
            was_small = is_lowercase(c);
            hash = fold(hash, c);
            end += c.len_utf8();
        }
    }
    (hash, end)
}

/// Asks who looks for one of `senses` at `word`.
fn ask(scan: &mut Scan<'_>, plan: &Plan, word: &Word, senses: Senses) -> Outcome {
    let mut asked = plan.word.asked(senses);
    while asked != 0 {
        if let Some(find) = plan.word.get(asked.trailing_zeros()) {
            scan.spend(LOOK)?;
            find(scan, word)?;
        }
        asked &= asked - 1;
    }
    Ok(())
}

/// Asks at digits that no letter, digit or `_` touches from the left.
fn number(scan: &mut Scan<'_>, plan: &Plan, at: usize) -> Outcome {
    if scan
        .char_before(at)
        .is_some_and(|c| is_alphanumeric(c) && !is_ideographic(c) || c == '_')
        && !is_after_escape(scan, at)
    {
        return Ok(());
    }
    if let Some(digits) = scan.digits_at(at) {
        for find in &plan.digits {
            find(scan, digits)?;
        }
    }
    Ok(())
}

/// Whether an escape such as `\n` ends at `at`.
fn is_after_escape(scan: &Scan<'_>, at: usize) -> bool {
    scan.back(at, 2) == b'\\' && matches!(scan.back(at, 1), b'n' | b't' | b'r')
}

/// Looks for known words at every character of a run without spaces; returns where it goes on.
fn unspaced(
    scan: &mut Scan<'_>,
    plan: &Plan,
    at: usize,
    wanted: Senses,
) -> Result<usize, privet_types::BudgetError> {
    let rest = scan.text.get(at..).unwrap_or_default();
    let mut hash = hash_start();
    let mut best = None;
    let mut next = at + 3;
    for (count, (i, c)) in rest.char_indices().take(LONGEST_UNSPACED).enumerate() {
        if !is_ideographic(c) {
            break;
        }
        let end = at + i + c.len_utf8();
        if count == 0 {
            next = end;
        }
        hash = fold(hash, c);
        let meaning = scan.lexicon().get_alone(hash);
        if meaning.senses & wanted != 0 {
            best = Some(Word {
                start: at,
                end,
                meaning,
                hash,
            });
        }
        if count == 0 && meaning.senses & sense::HEAD == 0 {
            break;
        }
    }
    if let Some(word) = best {
        ask(scan, plan, &word, word.meaning.senses)?;
        next = word.end;
    }
    Ok(next)
}
