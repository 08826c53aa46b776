//! Telephone numbers, validated by the plans of the world's countries ([`phone_plan`](super::phone_plan)).
//!
//! The plans are asked only about groups of digits that are already plausible: behind `+` or `00`, written as numbers of a
//! few countries are written, or beside a word that speaks of telephones.

use privet_types::{Basis, BudgetError, Entity};

use super::card::{has_fraction, is_fraction};
use super::context::{Around, OTHER_NUMBER, PHONE, PHONE_HINT};
use super::number::{DASH, DOT, Group, Number, PAREN, SLASH, SPACE, is_date};
use super::phone_plan::{Answer, Region, ask};
use super::scan::Scan;

/// Fewest and most digits of a number with its country code (ITU-T E.164, section 6.2.1; seven is local use).
const FEWEST: usize = 7;
const MOST: usize = 15;
/// Score of digits that could be a number of one country, beside no word.
const HARDLY: f32 = 0.2;
/// Readings of one place that the plans are asked about, so that no row of digits costs much.
const MOST_TRIES: usize = 6;
/// The same for a place inside a row of digits that was looked at from its beginning.
const MOST_TRIES_INSIDE: usize = 2;
/// Work units one question costs: a step a digit.
const TRY_UNITS: usize = 8;

/// Regions whose national formats are tried: fewest and most digits as dialled, first digits. The table of plans knows no
/// others.
const REGIONS: &[(Region, usize, usize, &[u8])] = &[
    (Region::Us, 10, 10, &[2, 3, 4, 5, 6, 7, 8, 9]),
    (Region::Us, 11, 11, &[1]),
    (Region::Gb, 10, 11, &[0]),
    (Region::Fr, 10, 10, &[0]),
    (Region::De, 7, 12, &[0]),
    (Region::It, 8, 11, &[0]),
    (Region::Nl, 10, 10, &[0]),
    (Region::Ch, 10, 10, &[0]),
    (Region::Au, 10, 10, &[0]),
    (Region::Es, 9, 9, &[6, 7, 8, 9]),
    (Region::Pl, 9, 9, &[1, 2, 3, 4, 5, 6, 7, 8]),
    (Region::It, 9, 10, &[3]),
    (Region::In, 10, 10, &[6, 7, 8, 9]),
    (Region::Br, 10, 11, &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
];

/// How a number begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lead {
    /// `+`, or `00` in its place.
    Country { skip: usize },
    /// Neither.
    National,
}

/// Finds telephone numbers.
pub(super) fn find(scan: &mut Scan<'_>, number: &Number) -> Result<bool, BudgetError> {
    let groups = number.groups();
    let Some(first) = groups.first() else {
        return Ok(false);
    };
    let most = groups.last().map_or(0, |g| g.total);
    if most < FEWEST || is_date(groups, number) {
        return Ok(false);
    }
    let (start, lead) = lead(scan, first.start, number);
    // Inside a row of digits a number begins behind a space or a parenthesis, and not with a single digit, since then
    // the next group would begin it too.
    let is_apart = matches!(scan.back(first.start, 1), b' ' | b'(' | 0x80..);
    if lead == Lead::National && scan.is_inside_row() && (first.len() == 1 || !is_apart) {
        return Ok(false);
    }
    // A date that follows is no part of the number.
    let cut = (1..groups.len()).find(|i| is_date(groups.get(*i..).unwrap_or_default(), number));
    let groups = groups.get(..cut.unwrap_or(groups.len())).unwrap_or_default();
    let mut tries = if scan.is_inside_row() {
        MOST_TRIES_INSIDE
    } else {
        MOST_TRIES
    };
    if let Lead::Country { skip } = lead
        && let Some((end, score, rule)) = international(scan, groups, number, skip, &mut tries)?
    {
        return Ok(accept(scan, start, end, score, rule));
    }
    national(scan, start, groups, number, tries)
}

fn accept(scan: &mut Scan<'_>, start: usize, end: usize, score: f32, rule: &'static str) -> bool {
    let end = end + extension(scan, end);
    scan.report(Entity::PHONE_NUMBER, start, end, score, rule);
    scan.done.number = end;
    true
}

/// Where the number begins that has its first digit at `digit`, and whether that is a country code.
fn lead(scan: &Scan<'_>, digit: usize, number: &Number) -> (usize, Lead) {
    let plus = |at: usize| scan.back(at, 1) == b'+' && !scan.back(at, 2).is_ascii_alphanumeric();
    let has_close = number.groups().iter().skip(1).any(|g| g.before & PAREN != 0);
    let paren = scan.back(digit, 1) == b'(';
    if plus(digit) {
        let open = usize::from(has_close && scan.back(digit, 2) == b'(');
        return (digit - 1 - open, Lead::Country { skip: 0 });
    }
    if paren && plus(digit - 1) {
        return (digit - 2, Lead::Country { skip: 0 });
    }
    let start = digit - usize::from(paren && has_close);
    match number.digits(3) {
        [0, 0, 1..=9] if !number.groups().iter().all(|g| g.len() == 4) => (start, Lead::Country { skip: 2 }),
        _ => (start, Lead::National),
    }
}

/// Reads the groups with a country code, longest first.
fn international(
    scan: &mut Scan<'_>,
    groups: &[Group],
    number: &Number,
    skip: usize,
    tries: &mut usize,
) -> Result<Option<(usize, f32, &'static str)>, BudgetError> {
    let fits = |g: &&Group| (FEWEST..=MOST).contains(&(g.total - skip.min(g.total)));
    let readings = groups.iter().rev().filter(fits).filter(|g| is_ended(scan, g));
    // Half of them, so that some are left for a reading without a country code.
    let ends: Vec<Group> = readings.take(tries.div_ceil(2)).copied().collect();
    let mut possible = None;
    for group in ends {
        *tries = tries.saturating_sub(1);
        scan.spend(TRY_UNITS)?;
        let digits = number.digits(group.total).get(skip..).unwrap_or_default();
        match ask(digits, None) {
            Some(Answer::Valid) => return Ok(Some((group.end, 1.0, "phone/international"))),
            Some(Answer::Possible) if possible.is_none() && group.total >= skip + 9 => {
                possible = Some(group.end);
            }
            _ => {}
        }
    }
    // Numbers kept for films and tests have the right length but are not in the plan.
    Ok(possible
        .filter(|_| skip == 0)
        .map(|end| (end, 0.75, "phone/possible")))
}

/// Reads the groups without a country code.
fn national(
    scan: &mut Scan<'_>,
    start: usize,
    groups: &[Group],
    number: &Number,
    tries: usize,
) -> Result<bool, BudgetError> {
    let ends: Vec<Group> = groups
        .iter()
        .rev()
        .filter(|g| (FEWEST..=MOST).contains(&g.total) && is_ended(scan, g))
        .take(MOST_TRIES)
        .copied()
        .collect();
    let Some(longest) = ends.first() else {
        return Ok(false);
    };
    if is_money(scan, start, longest.end) || is_quad(groups) || is_dashed_in(scan, start) {
        return Ok(false);
    }
    let around = scan.around_row(start, longest.end)?;
    let told = (around.near | around.after) & PHONE != 0;
    let is_other = around.before & OTHER_NUMBER != 0 || around.near & OTHER_NUMBER != 0 && !told;
    if is_other
        && (around.before & OTHER_NUMBER != 0 || around.near & PHONE == 0)
        && around.before & PHONE == 0
    {
        return Ok(false);
    }
    let mut tries = tries;
    for group in &ends {
        let own = groups
            .get(
                ..groups
                    .iter()
                    .position(|g| g.end == group.end)
                    .map_or(0, |i| i + 1),
            )
            .unwrap_or_default();
        if !told && !is_written_like_a_phone(scan, start, own, number) {
            continue;
        }
        let digits = number.digits(group.total);
        for region in regions(digits) {
            if tries == 0 {
                break;
            }
            tries -= 1;
            scan.spend(TRY_UNITS)?;
            if matches!(ask(digits, Some(region)), Some(Answer::Valid)) {
                let behind = groups.get(own.len()..).unwrap_or_default();
                let is_tied = |g: &Group| g.before == DASH;
                if !told && behind.first().is_some_and(is_tied) {
                    // A part of a longer number that no plan knows.
                    continue;
                }
                // The plan of another country may know the beginning alone.
                let tied = behind.iter().take_while(|g| is_tied(g) && g.total <= MOST);
                let end = tied
                    .last()
                    .filter(|g| is_ended(scan, g))
                    .map_or(group.end, |g| g.end);
                let score = if told { 0.95 } else { 0.85 };
                return Ok(accept(scan, start, end, score, "phone/national"));
            }
        }
    }
    let Some(end) = told_end(around, groups, number, &ends) else {
        // Mobile telephones of China: eleven digits from 13 to 19 (MIIT, numbering plan of 2017).
        if matches!(groups, [one] if one.len() == 11) && matches!(number.digits(2), [1, 3..=9]) {
            scan.report_as(
                Entity::PHONE_NUMBER,
                start,
                longest.end,
                HARDLY,
                "phone/form",
                Basis::Form,
            );
        }
        return Ok(false);
    };
    Ok(accept(scan, start, end, 0.6, "phone/context"))
}

/// Where a number ends that no numbering plan knows but that a word calls a telephone number.
fn told_end(around: Around, groups: &[Group], number: &Number, ends: &[Group]) -> Option<usize> {
    let told = (around.near | around.after) & PHONE != 0;
    let hinted = (around.before | around.after) & PHONE_HINT != 0 && groups.len() >= 2;
    let is_year = |g: &Group| g.len() == 4 && matches!(number.value(g), 1900..=2099);
    let is_other = match groups {
        [a, b] => a.len() == 1 && b.before == DOT || b.before == DASH && is_year(a) && is_year(b),
        _ => false,
    };
    if !(told || hinted) || is_other {
        return None;
    }
    let is_joined = |end: usize| {
        groups
            .iter()
            .skip(1)
            .take_while(|g| g.start < end)
            .all(|g| g.before & SPACE == 0 || g.before & DASH == 0)
    };
    ends.iter().map(|g| g.end).find(|end| is_joined(*end))
}

fn regions(digits: &[u8]) -> impl Iterator<Item = Region> {
    let (first, len) = (digits.first().copied().unwrap_or(0), digits.len());
    REGIONS
        .iter()
        .filter(move |(_, fewest, most, starts)| (*fewest..=*most).contains(&len) && starts.contains(&first))
        .map(|(region, ..)| *region)
}

/// Whether such digits are read in `region` at all.
#[cfg(test)]
pub(super) fn is_asked(digits: &str, region: Region) -> bool {
    let digits: Vec<u8> = digits.bytes().map(|b| b - b'0').collect();
    regions(&digits).any(|r| r == region)
}

/// Whether the grouping alone says telephone: 3-3-4 of North America, or a trunk zero and two or more groups.
fn is_written_like_a_phone(scan: &Scan<'_>, start: usize, groups: &[Group], number: &Number) -> bool {
    let lens: Vec<usize> = groups.iter().map(Group::len).collect();
    let kinds = groups.iter().fold(0, |all, g| all | g.before);
    let opens = scan.at(start) == b'(';
    let joined = groups.get(1).map_or(0, |g| g.before);
    let goes_on = scan.back(start, 2).is_ascii_digit()
        && (scan.back(start, 1) == b' ' && joined == SPACE || scan.back(start, 1) == b'.' && joined == DOT);
    let is_mixed = kinds == DOT | DASH;
    // Thousands, postcodes of the United States (ZIP+4), code points.
    let is_other = matches!(lens.as_slice(), [3, 3, 3] | [5, 4]) || lens.iter().all(|l| *l == 4);
    if goes_on || is_mixed || is_other {
        return false;
    }
    match (number.digits(2), lens.as_slice()) {
        (_, [3, 3, 4]) | ([1, _], [1, 3, 3, 4]) => kinds & SLASH == 0,
        (_, [3, 7]) => opens,
        ([0, 1..=9], [first, .., last]) => {
            let is_plain = kinds & DOT == 0 || lens.len() >= 3;
            let is_pairs = lens.len() == 5 && lens.iter().all(|l| *l == 2);
            let is_groups =
                (2..=5).contains(first) && *last >= 2 && !lens.contains(&1) || opens && *first <= 5;
            is_plain
                && (is_groups && lens.len() <= 4 || is_pairs)
                && groups.last().is_some_and(|g| g.total >= 9)
        }
        _ => false,
    }
}

/// Whether the digits may end with this group: no letter follows but those of an extension, no decimals.
fn is_ended(scan: &Scan<'_>, group: &Group) -> bool {
    (!group.is_glued || extension(scan, group.end) > 0)
        && !(has_fraction(scan, group.end) && scan.at(group.end) == b',')
}

/// Bytes of an extension (`x12`, ` ext. 345`, `;ext=9`, ` #12`) at `at`; 0 if there is none.
fn extension(scan: &Scan<'_>, at: usize) -> usize {
    let window = scan.str(at, scan.floor((at + 24).min(scan.bytes.len())));
    let rest = window.trim_start_matches([' ', ',', ';']);
    if window.len() - rest.len() > 2 {
        return 0;
    }
    let rest = ["extension", "ext", "durchwahl", "poste", "x", "#"]
        .into_iter()
        .find_map(|word| {
            rest.get(..word.len())
                .filter(|w| w.eq_ignore_ascii_case(word))
                .and(rest.get(word.len()..))
        });
    let Some(rest) = rest else { return 0 };
    let rest = rest.trim_start_matches(['.', ':', '=', ' ']);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let goes_on = rest.as_bytes().get(digits).is_some_and(u8::is_ascii_alphanumeric);
    if (1..=6).contains(&digits) && !goes_on {
        window.len() - rest.len() + digits
    } else {
        0
    }
}

/// Whether a currency sign, `#`, a decimal point or a per-cent sign says that this counts something.
fn is_money(scan: &Scan<'_>, start: usize, end: usize) -> bool {
    let before = scan.char_before(start);
    let before = if before == Some(' ') {
        scan.char_before(start - 1)
    } else {
        before
    };
    let after = if scan.at(end) == b' ' {
        scan.char_at(end + 1)
    } else {
        scan.char_at(end)
    };
    let is_sign = |c: Option<char>| c.is_some_and(|c| matches!(c, '$' | '€' | '£' | '¥' | '₹' | '%' | '#'));
    is_sign(before) || is_sign(after) && scan.at(end) != b'#' || is_fraction(scan, start)
}

/// Whether up to four short groups with full stops make an address or a version.
fn is_quad(groups: &[Group]) -> bool {
    matches!(groups.len(), 3 | 4)
        && groups.iter().all(|g| g.len() <= 3)
        && groups.iter().skip(1).all(|g| g.before == DOT)
}

/// Whether the digits go on from others, as the end of `978-3-16-148410-0` does.
fn is_dashed_in(scan: &Scan<'_>, start: usize) -> bool {
    matches!(scan.back(start, 1), b'-' | b'/' | b':') && scan.back(start, 2).is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, finds_named, misses};

    #[test]
    fn international_numbers_are_found_without_a_word() {
        for value in [
            "+1 202-555-0143",
            "+12025550143",
            "+49 30 901820",
            "+49 (0)30 901820",
            "+44 20 7946 0958",
            "+44 (20) 7946 0958",
            "+33 1 42 68 53 00",
            "+55 11 98456 5666",
            "(+49) 30 901820",
            "0049 30 901820",
            "+1-202-555-0143 ext. 12",
            "+44 7700 900123",
        ] {
            finds(Entity::PHONE_NUMBER, &format!("reach: {value}, thanks"), value);
        }
    }

    #[test]
    fn national_numbers_are_found_when_written_as_such_or_announced() {
        for (text, value) in [
            ("(202) 555-0143.", "(202) 555-0143"),
            ("(202)555-0143", "(202)555-0143"),
            ("202.555.0143 is it", "202.555.0143"),
            ("1-202-555-0143", "1-202-555-0143"),
            ("020 7946 0958", "020 7946 0958"),
            ("01 42 68 53 00", "01 42 68 53 00"),
            ("(030) 901820", "(030) 901820"),
            ("Telefon 030/901820", "030/901820"),
            ("call me at 2025550143", "2025550143"),
            ("phone: 555-0143", "555-0143"),
            ("Phone: +1 555-0143", "+1 555-0143"),
            ("Mobile: 03.93.92.16.85", "03.93.92.16.85"),
            ("not answering at 78 651 450", "78 651 450"),
            ("Fax: 202-555-0143x4587", "202-555-0143x4587"),
            ("467 3395 office", "467 3395"),
            ("Handynummer: 0151 23456789", "0151 23456789"),
        ] {
            finds(Entity::PHONE_NUMBER, text, value);
        }
        finds_named(Entity::PHONE_NUMBER, "612345678", "phoneNumber", "612345678");
    }

    #[test]
    fn other_numbers_are_not_reported() {
        for text in [
            "on 2024-03-12 at 10:30:45",
            "2024-03-12T10:30:45.123456Z",
            "12.03.2024 14:05",
            "version 10.15.7 or 1.2.3.4",
            "$1,234,567.89 or 1.234.567,89 €",
            "order 1234567890",
            "Order no. 202-555-0143",
            "192.168.100.200",
            "550e8400-e29b-41d4-a716-446655440000",
            "deadbeef12345678 0x12345678",
            "3.14159265358979",
            "ISBN 0-306-40615-2",
            "1700000000 1700000000000",
            "1 2 3 4 5 6 7 8 9 10",
            "recall 2 of 1234567",
            "51 824 753 5564",
            "046 454 286",
            "Boston, MA 02110-1301, USA",
            "clause 252.227-7013",
            "0069 0307 0303 and 0209.0020.0004",
            "Telephone Corporation 2012-2022",
            "call it with 1.234567",
        ] {
            misses(Entity::PHONE_NUMBER, text);
        }
    }
}
