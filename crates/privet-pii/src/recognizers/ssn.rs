//! United States social security numbers: area, group, serial.

use privet_types::{Basis, BudgetError, Entity};

use super::context::SSN;
use super::number::{DASH, DOT, Group, Number, SPACE};
use super::scan::Scan;

const DIGITS: usize = 9;
/// Score of digits that would need a word to be a number and have none.
const HARDLY: f32 = 0.05;
/// Numbers printed in advertisements and manuals; without a word they are nobody's.
///
/// Source: Social Security Administration, "Social Security Cards Issued by Woolworth" and its history pages.
const SAMPLES: &[&[u8]] = &[
    &[0, 7, 8, 0, 5, 1, 1, 2, 0],
    &[2, 1, 9, 0, 9, 9, 9, 9, 9],
    &[1, 2, 3, 4, 5, 6, 7, 8, 9],
];

/// Finds numbers written 3-2-4, and nine digits together where a word says what they are. Without the word, and cut 3-6 or
/// 5-4, they score next to nothing.
pub(super) fn find(scan: &mut Scan<'_>, number: &Number) -> Result<bool, BudgetError> {
    let groups = number.groups();
    let (score, end, needs_words, rule) = match groups {
        [one, rest @ ..] if one.len() == DIGITS && !one.is_glued && !goes_on(rest, 0) => {
            (0.8, one.end, true, "ssn/digits")
        }
        [a, b, c, rest @ ..] if (a.len(), b.len(), c.len()) == (3, 2, 4) && !c.is_glued => {
            let kinds = b.before | c.before;
            if goes_on(rest, kinds) || kinds & !(DASH | SPACE | DOT) != 0 {
                return Ok(false);
            }
            (
                if kinds == DASH { 0.9 } else { 0.8 },
                c.end,
                kinds & DOT != 0 || b.before != c.before,
                "ssn/grouped",
            )
        }
        [a, b, rest @ ..] if matches!((a.len(), b.len()), (3, 6) | (5, 4)) && !b.is_glued => {
            if goes_on(rest, b.before) || b.before & !(DASH | SPACE) != 0 {
                return Ok(false);
            }
            (HARDLY, b.end, false, "ssn/cut")
        }
        _ => return Ok(false),
    };
    let Some(start) = groups.first().map(|g| g.start) else {
        return Ok(false);
    };
    let is_continued = matches!(scan.back(start, 1), b'-' | b'.') && scan.back(start, 2).is_ascii_digit();
    if is_continued || !is_assigned(number.digits(DIGITS)) {
        return Ok(false);
    }
    if score <= HARDLY || needs_words && scan.around(start, end)?.any() & SSN == 0 {
        let is_mixed = matches!(groups, [_, b, c, ..] if rule == "ssn/grouped" && b.before != c.before);
        if !is_mixed && !SAMPLES.contains(&number.digits(DIGITS)) {
            scan.report_as(Entity::US_SSN, start, end, HARDLY, rule, Basis::Form);
        }
        return Ok(false);
    }
    scan.report(Entity::US_SSN, start, end, score, rule);
    scan.done.number = end;
    Ok(true)
}

/// Whether another group belongs to the same number, as the fourth of a longer one does.
fn goes_on(rest: &[Group], kinds: u8) -> bool {
    rest.first()
        .is_some_and(|g| g.before == DASH || (kinds == SPACE && g.before == SPACE && g.len() <= 4))
}

/// Area not 000, 666 or 900–999, group not 00, serial not 0000. Numbers void for having been printed in advertisements
/// (078-05-1120) count: who writes one down may believe it is theirs.
///
/// Source: Social Security Administration, "Social Security Number Randomization" (2011) and POMS RM 10201.035.
fn is_assigned(digits: &[u8]) -> bool {
    let value = |from: usize, to: usize| {
        digits
            .get(from..to)
            .unwrap_or_default()
            .iter()
            .fold(0_u32, |n, d| n * 10 + u32::from(*d))
    };
    let area = value(0, 3);
    area != 0 && area != 666 && area < 900 && value(3, 5) != 0 && value(5, 9) != 0
}

#[cfg(test)]
mod tests {
    use privet_types::{Budget, Entity};

    use super::HARDLY;
    use crate::testing::{finds, finds_named, misses};
    use crate::{Analyzer, Config};

    #[test]
    fn grouped_numbers_and_bare_ones_with_a_word_are_found() {
        finds(Entity::US_SSN, "it is 219-09-9999.", "219-09-9999");
        finds(Entity::US_SSN, "it is 219 09 9999", "219 09 9999");
        finds(Entity::US_SSN, "advertised 078-05-1120", "078-05-1120");
        finds(Entity::US_SSN, "my SSN is 219099999", "219099999");
        finds(Entity::US_SSN, "social security number: 219099999", "219099999");
        finds_named(Entity::US_SSN, "219099999", "applicantSSN", "219099999");
    }

    #[test]
    fn unassigned_numbers_and_bare_ones_without_a_word_are_not_reported() {
        for text in [
            "000-12-3456",
            "666-12-3456",
            "912-12-3456",
            "123-00-4567",
            "123-45-0000",
            "order 219099999",
            "classnote 219099999",
            "1-219-09-9999",
            "219-09-9999-1",
        ] {
            misses(Entity::US_SSN, text);
        }
    }

    #[test]
    fn digits_that_say_nothing_are_found_when_asked_for_at_any_score() {
        let config = Config {
            threshold: 0.0,
            ..Config::only(&[Entity::US_SSN])
        };
        let analyzer = Analyzer::new(&config).unwrap();
        let found = |text: &str| analyzer.analyze(text, None, &Budget::unlimited()).unwrap();
        for text in ["218099999", "218.09.9999", "218-099999", "21809-9999"] {
            let scores: Vec<_> = found(text).iter().map(|f| f.score).collect();
            assert_eq!(scores, [HARDLY], "{text}");
        }
        for text in [
            "000000000",
            "900-119999",
            "218000000",
            "2180-99999",
            "219099999",
            "218-09.9999",
        ] {
            assert!(found(text).is_empty(), "{text}");
        }
    }
}
