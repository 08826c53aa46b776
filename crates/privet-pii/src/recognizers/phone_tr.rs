//! Telephone numbers of Turkey.

use privet_types::{BudgetError, Entity};

use super::context::PHONE;
use super::number::{DASH, DOT, Group, Number, PAREN, SLASH, SPACE};
use super::scan::Scan;

/// Digits of a national significant number: three of the area or network, seven of the subscriber.
const NATIONAL: usize = 10;
/// Where a group may end, counted from the first digit of the national number.
const ENDS: [usize; 4] = [3, 6, 8, 10];

/// How a number begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lead {
    /// `+90` or `0090`.
    Country,
    /// `90`, or `90` with a trunk 0 behind it.
    BareCountry,
    /// The trunk prefix 0.
    Trunk,
    /// The area or network at once.
    Nothing,
}

/// Finds Turkish telephone numbers: +90 or 0 or nothing, three digits of the area or network, seven of the subscriber,
/// together or written 3-3-2-2, 3-3-4 or 3-7.
///
/// Source: ITU-T, "Communication of 2.VIII.2021, Turkey (country code +90)"; BTK, "Numaralandırma Yönetmeliği" (2009).
pub(super) fn find(scan: &mut Scan<'_>, number: &Number) -> Result<bool, BudgetError> {
    let groups = number.groups();
    let (Some(first), Some(last)) = (groups.first(), groups.last()) else {
        return Ok(false);
    };
    if last.total < NATIONAL {
        return Ok(false);
    }
    let has_plus = scan.back(first.start, 1) == b'+' && !scan.back(first.start, 2).is_ascii_alphanumeric();
    let (lead, skip) = match (has_plus, number.digits(5)) {
        (true, [9, 0, 0, ..]) => (Lead::Country, 3),
        (true, [9, 0, ..]) => (Lead::Country, 2),
        (true, _) => return Ok(false),
        (false, [0, 0, 9, 0, _]) => (Lead::Country, 4),
        (false, [9, 0, 2..=5 | 8, ..]) => (Lead::BareCountry, 2),
        (false, [0, ..]) => (Lead::Trunk, 1),
        _ => (Lead::Nothing, 0),
    };
    let Some(count) = groups.iter().position(|g| g.total == skip + NATIONAL) else {
        return Ok(false);
    };
    let own = groups.get(..=count).unwrap_or_default();
    let Some(end) = own.last().filter(|g| !g.is_glued).map(|g| g.end) else {
        return Ok(false);
    };
    let paren = usize::from(scan.back(first.start, 1) == b'(' && own.iter().any(|g| g.before & PAREN != 0));
    let start = first.start - usize::from(has_plus) - paren;
    let national = number.digits(skip + NATIONAL).get(skip..).unwrap_or_default();
    let Some(is_assigned) = assignment(national) else {
        return Ok(false);
    };
    if !is_grouped(own, skip) || goes_on(scan, start, own, groups.get(count + 1)) {
        return Ok(false);
    }
    // Two pairs at the end are how Turkey writes its numbers, and few others.
    let has_pairs = own.len() >= 4 && own.iter().rev().take(2).all(|g| g.len() == 2);
    let score = match lead {
        Lead::Country => 0.95,
        _ if !is_assigned => 0.1,
        Lead::Trunk if has_pairs => 0.6,
        // Without pairs a number of North America or Germany looks the same, but for the mobile networks.
        _ if (has_pairs || lead == Lead::Trunk && national.first() == Some(&5))
            && scan.around_row(start, end)?.any() & PHONE != 0 =>
        {
            0.7
        }
        _ => 0.2,
    };
    scan.report(Entity::TR_PHONE_NUMBER, start, end, score, "phone-tr/plan");
    let is_certain = score >= 0.5;
    if is_certain {
        scan.done.number = end;
    }
    Ok(is_certain)
}

/// Whether area or network are in the plan; none if no number begins so.
fn assignment(national: &[u8]) -> Option<bool> {
    let is_assigned = match national {
        // Mobile networks and satellite.
        [5, 0 | 1 | 3..=6 | 9, ..] => true,
        // Areas end in an even digit.
        [2, 1..=8, 2 | 4 | 6 | 8, ..] => true,
        [3, 1..=8, 0 | 2 | 4 | 6 | 8, ..] | [3, 9, 2, ..] => true,
        [4, 1..=8, 2 | 4 | 6 | 8, ..] => true,
        // Free calls, single numbers, shared cost.
        [8, 0, 0 | 1 | 8, ..] | [8, 1 | 2 | 5, ..] => true,
        [2..=5, ..] => false,
        _ => return None,
    };
    Some(is_assigned)
}

/// Whether the groups end where those of a Turkish number do.
fn is_grouped(groups: &[Group], skip: usize) -> bool {
    groups
        .iter()
        .all(|g| g.total <= skip || ENDS.contains(&(g.total - skip)))
        && groups.iter().all(|g| g.before & SLASH == 0)
}

/// Whether the digits belong to a longer row.
fn goes_on(scan: &Scan<'_>, start: usize, own: &[Group], next: Option<&Group>) -> bool {
    let kinds = own.iter().fold(0, |all, g| all | g.before);
    let joins = DASH | DOT | SLASH | kinds & SPACE;
    let before = match scan.back(start, 1) {
        b'-' => DASH,
        b'.' => DOT,
        b'/' => SLASH,
        b' ' => SPACE,
        _ => 0,
    };
    next.is_some_and(|g| g.before & joins != 0)
        || before & joins != 0 && scan.back(start, 2).is_ascii_digit()
        || scan.is_glued_left(start)
}

#[cfg(test)]
mod tests {
    use privet_types::{Budget, Entity};

    use crate::testing::{finds, misses};
    use crate::{Analyzer, Config};

    const KIND: Entity = Entity::TR_PHONE_NUMBER;

    #[test]
    fn numbers_that_speak_for_themselves_are_found() {
        for text in [
            "+90 532 000 11 22",
            "+905320001122",
            "+90 (532) 000 11 22",
            "0090 532 000 11 22",
            "0532 000 11 22",
            "0-212-000-11-22",
            "(0212) 000 11 22",
        ] {
            finds(KIND, text, text);
        }
        finds(KIND, "cep tel: 532 000 11 22.", "532 000 11 22");
        finds(KIND, "tel 05320001122", "05320001122");
    }

    #[test]
    fn other_numbers_are_not() {
        for text in [
            "order 5320001122",
            "fax: (412) 555-0143",
            "+1 532 000 11 22",
            "0132 000 11 22",
            "tel 10532 000 11 22",
            "0532 000 11 22 33",
            "12 0532 000 11 22",
            "0532 00 011 22",
        ] {
            misses(KIND, text);
        }
    }

    #[test]
    fn bare_digits_are_found_if_nothing_else_is_asked_for() {
        let config = Config {
            threshold: 0.0,
            ..Config::only(&[KIND])
        };
        let analyzer = Analyzer::new(&config).unwrap();
        for (text, count) in [("5320001122", 1), ("6320001122", 0), ("53200011223", 0)] {
            let found = analyzer.analyze(text, None, &Budget::unlimited()).unwrap();
            assert_eq!(found.len(), count, "{text}");
        }
    }
}
