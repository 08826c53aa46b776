//! Addresses of Japan and China, which go from the province to the house: `東京都千代田区丸の内1-1-1`,
//! `北京市朝阳区建国路88号`.

use privet_types::{Basis, Entity};

use super::Outcome;
use super::scan::Scan;
use super::words::{Senses, Word, decimal, is_ideographic, sense};

/// Words that such an address begins with.
pub(super) const SENSES: Senses = sense::PROVINCE;
/// Most characters read behind the province.
const LONGEST: usize = 60;
/// Characters behind a number that belong to it.
const COUNTERS: &str = "号號階阶楼樓层層室番地丁目幢栋棟座单元單元条館号室之街弄巷FＦ";

/// Finds the address that begins at the province `word`.
pub(super) fn find(scan: &mut Scan<'_>, word: &Word) -> Outcome {
    if word.start < scan.done.address {
        return Ok(());
    }
    scan.spend(16)?;
    let rest = scan.text.get(word.end..).unwrap_or_default();
    let mut end = None;
    let mut gaps = 0;
    let mut was_number = false;
    let mut read = 0;
    for (i, c) in rest.char_indices().take(LONGEST) {
        read = i;
        let is_number = decimal(c).is_some();
        if is_number || was_number && (COUNTERS.contains(c) || c.is_ascii_uppercase()) {
            end = Some(word.end + i + c.len_utf8());
            was_number = true;
        } else if matches!(c, '-' | '－' | '−' | '‐' | 'ー') && was_number {
            continue;
        } else if matches!(c, ' ' | '\u{3000}') && gaps < 2 {
            gaps += 1;
            was_number = false;
        } else if is_ideographic(c) && !matches!(c, 'は' | 'が' | 'を' | 'に' | 'で' | 'の')
            || matches!(c, 'ヶ' | 'ノ' | 'の')
        {
            was_number = false;
        } else {
            break;
        }
    }
    scan.spend(read)?;
    let Some(end) = end else { return Ok(()) };
    let start = with_postcode(scan, word.start);
    scan.report_as(
        Entity::STREET_ADDRESS,
        start,
        end,
        0.8,
        "address/province",
        Basis::Context,
    );
    scan.done.address = end;
    Ok(())
}

/// Finds Arabic addresses: a street, then parts between commas with a number in one of them, as in
/// `شارع الجامعة، عمارة 44`.
pub(super) fn find_arabic(scan: &mut Scan<'_>, word: &Word) -> Outcome {
    if word.start < scan.done.address || word.meaning.value != 4 || scan.is_word_inside(word.start) {
        return Ok(());
    }
    scan.spend(16)?;
    let rest = scan.str(word.start, scan.floor((word.start + 200).min(scan.bytes.len())));
    let mut end = 0;
    let mut numbers = 0;
    let mut parts = 0;
    let mut at = 0;
    for part in rest.split_inclusive(['،', '\n', '.', ',', ':', ';', '؛', '"', '(']) {
        let body = part.trim_end_matches(|c: char| !c.is_alphanumeric());
        if body.split_whitespace().count() > 4 || body.trim().is_empty() {
            break;
        }
        numbers += usize::from(body.chars().any(|c| decimal(c).is_some()));
        parts += 1;
        end = at + body.len();
        at += part.len();
        let is_last = !part.ends_with(['،', '\n'])
            || part.ends_with('\n') && parts < 2
            || part.ends_with('\n')
                && !rest
                    .get(at..)
                    .is_some_and(|next| next.split('\n').next().is_some_and(|line| line.contains('،')));
        if is_last || parts > 6 {
            break;
        }
    }
    scan.spend(rest.len())?;
    if parts < 2 || numbers == 0 {
        return Ok(());
    }
    let before = scan.str(scan.floor(word.start.saturating_sub(6)), word.start);
    let number = before.strip_suffix(' ').unwrap_or_default();
    let digits = number.bytes().rev().take_while(u8::is_ascii_digit).count();
    let start = if digits > 0 {
        word.start - 1 - digits
    } else {
        word.start
    };
    scan.report_as(
        Entity::STREET_ADDRESS,
        start,
        word.start + end,
        0.7,
        "address/parts",
        Basis::Context,
    );
    scan.done.address = word.start + end;
    Ok(())
}

/// Where `〒100-0001 ` before an address begins.
fn with_postcode(scan: &Scan<'_>, start: usize) -> usize {
    let before = scan.str(scan.floor(start.saturating_sub(16)), start);
    let body = before.trim_end_matches([' ', '\u{3000}']);
    let kept = body.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
    let code = body.len() - kept.len();
    match kept.strip_suffix('〒') {
        Some(head) if code >= 7 => start - before.len() + head.len(),
        _ => start,
    }
}
