//! The one pass over the bytes.

use privet_types::BudgetError;

use super::class::{self, DIGIT, LETTER, MARK, TOKEN};
use super::number::Number;
use super::scan::{Scan, is_escape_letter};
use super::stops::Stops;
use super::words::pass;
use super::{Outcome, Plan, Token};
use crate::masks::BLOCK;

/// A token of this many bytes is looked at even without a digit; no key format is shorter.
pub(crate) const LONG: usize = 16;
/// Bytes read before the budget is charged again.
const CHUNK: usize = 4096;
/// Length of a UUID, RFC 9562.
const UUID: usize = 36;

/// Passes over the text and asks the recognisers of `plan` at every stop.
pub(crate) fn walk(scan: &mut Scan<'_>, plan: &Plan) -> Outcome {
    for find in &plan.text {
        find(scan)?;
    }
    scan.wants_birth = plan.wants_birth;
    pass(scan, plan)?;
    scan.spend(scan.bytes.len().min(BLOCK))?;
    let mut stops = Stops::new(scan.bytes);
    let mut number = None;
    let mut at = 0;
    while let Some(stop) = stops.next(at, |read| scan.spend(read))? {
        let byte = scan.at(stop);
        if class::of(byte) & MARK != 0 {
            at = mark(scan, plan, stop, byte)?;
            continue;
        }
        let start = token_start(scan, stop, at);
        let (end, classes) = token_end(scan, start)?;
        at = end.max(stop + 1);
        let has_digit = classes & DIGIT != 0;
        if has_digit || end - start >= LONG || is_quarter_of_mac(scan, start, end) {
            let found = Token {
                start,
                end,
                has_digit,
                has_letter: classes & LETTER != 0,
            };
            token(scan, plan, found, &mut number)?;
        }
    }
    scan.settle()
}

/// Whether four hexadecimal letters and a full stop may begin a hardware address without any digit.
fn is_quarter_of_mac(scan: &Scan<'_>, start: usize, end: usize) -> bool {
    end - start == 4 && scan.at(end) == b'.' && scan.slice(start, end).iter().all(u8::is_ascii_hexdigit)
}

/// Asks at the mark `byte` at `at`; returns where to go on.
fn mark(scan: &mut Scan<'_>, plan: &Plan, at: usize, byte: u8) -> Result<usize, BudgetError> {
    let finders = match byte {
        // The letter of an escape belongs to no token.
        b'\\' => {
            let escaped = scan.at(at + 1);
            return Ok(at + 1 + usize::from(is_escape_letter(escaped) || escaped == b'\\'));
        }
        b'@' => &plan.at,
        b':' => &plan.colon,
        _ => &plan.equals,
    };
    for find in finders {
        find(scan, at)?;
    }
    Ok(at + 1)
}

/// Where the token begins in which the byte at `at` stands, or that ends there; not before `least`.
fn token_start(scan: &Scan<'_>, at: usize, least: usize) -> usize {
    let before = scan.slice(least, at);
    let len = before
        .iter()
        .rev()
        .take_while(|b| class::of(**b) & TOKEN != 0)
        .count();
    at - len
}

/// Where the token that begins at `from` ends, and the classes of its bytes together. Whole chunks of it are charged here,
/// whether or not [`Stops::next`] charges their blocks, too; blocks that it jumps over behind the last whole chunk are charged
/// by nobody, fewer than 4,096 bytes a token.
#[inline]
fn token_end(scan: &mut Scan<'_>, from: usize) -> Result<(usize, u8), BudgetError> {
    let mut at = from;
    let mut classes = 0;
    let mut charged = from;
    for &byte in scan.slice(from, scan.bytes.len()) {
        let class = class::of(byte);
        if class & TOKEN == 0 {
            break;
        }
        classes |= class;
        at += 1;
        if at - charged >= CHUNK {
            scan.spend(at - charged)?;
            charged = at;
        }
    }
    Ok((at, classes))
}

/// Asks at `token`; `number` is room for the numbers in it.
fn token(scan: &mut Scan<'_>, plan: &Plan, token: Token, number: &mut Option<Number>) -> Outcome {
    let text = scan.slice(token.start, token.end);
    if token.has_digit && !plan.number.is_empty() && !is_uuid(text) && !text.starts_with(b"0x") {
        numbers(scan, plan, token, number.get_or_insert_with(Number::new))?;
    }
    for (least, find) in &plan.token {
        if text.len() >= *least {
            find(scan, token)?;
        }
    }
    match &plan.ids {
        Some(ids) if token.has_digit => ids.find(scan, token),
        _ => Ok(()),
    }
}

/// Asks the number recognisers at every run of digits in `token` that no letter touches from the left.
fn numbers(scan: &mut Scan<'_>, plan: &Plan, token: Token, number: &mut Number) -> Outcome {
    scan.spend(token.end - token.start)?;
    let bytes = scan.slice(token.start, token.end);
    let mut joined = false;
    for (i, &byte) in bytes.iter().enumerate() {
        let starts = byte.is_ascii_digit() && !joined;
        joined = byte.is_ascii_alphanumeric();
        let at = token.start + i;
        if !starts || at < scan.done.number || is_inside_single_digits(scan, at) {
            continue;
        }
        number.read_at(scan, at)?;
        scan.enter_row(at, number.groups().last().map_or(at, |g| g.end));
        for find in &plan.number {
            if find(scan, number)? {
                break;
            }
        }
    }
    Ok(())
}

/// Whether the digit at `at` stands alone behind two others that stand alone (`1 2 3`, `1.2.3`): such a row is looked at
/// from its beginning.
fn is_inside_single_digits(scan: &Scan<'_>, at: usize) -> bool {
    let single_before = |at: usize| {
        let gap = (1..=3).find(|back| scan.back(at, *back).is_ascii_alphanumeric())?;
        let digit = at - gap;
        let stands_alone = gap > 1 && scan.at(digit).is_ascii_digit() && !scan.is_glued_left(digit);
        stands_alone.then_some(digit)
    };
    !scan.at(at + 1).is_ascii_digit() && single_before(at).and_then(single_before).is_some()
}

pub(super) fn is_uuid(token: &[u8]) -> bool {
    token.len() == UUID
        && token.iter().enumerate().all(|(i, b)| {
            if matches!(i, 8 | 13 | 18 | 23) {
                *b == b'-'
            } else {
                b.is_ascii_hexdigit()
            }
        })
}
