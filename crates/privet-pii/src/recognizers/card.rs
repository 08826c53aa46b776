//! Payment card numbers: ISO/IEC 7812-1 (issuer prefixes, lengths, the Luhn check digit of annex B).

use privet_types::{Basis, BudgetError, Entity};

use super::context::CARD;
use super::number::{DASH, DOT, Group, Number, PAREN, SLASH, SPACE};
use super::scan::Scan;

/// Shortest and longest card numbers that are issued.
const SHORTEST: usize = 12;
const LONGEST: usize = 19;
/// Score of digits that pass Luhn's test but come from no known issuer and stand beside no word: one in ten does.
const HARDLY: f32 = 0.15;
/// Digits of milliseconds since 1970.
const MILLISECONDS: usize = 13;

/// Issuer ranges over the first four digits, with the lengths they issue. Where issuers overlap the wider one stands
/// for all (RuPay 60/65/81/82/508, Troy 65, Verve 506/650 and Discover 6011/644–649/65 lie inside others).
///
/// Source: ISO/IEC 7812-2 register as published by the networks (Visa, Mastercard, American Express, Diners Club,
/// JCB, UATP, Maestro, UnionPay, Mir, Troy), collected in "Payment card number", Wikipedia, 2024.
const ISSUERS: &[(u16, u16, &[usize])] = &[
    (1000, 1999, &[15]),                             // UATP; JCB 1800
    (2131, 2131, &[15]),                             // JCB
    (2200, 2204, &[16, 17, 18, 19]),                 // Mir
    (2205, 2205, &[16]),                             // Borica
    (2221, 2720, &[16]),                             // Mastercard, 2-series
    (3000, 3059, &[14, 16, 17, 18, 19]),             // Diners Club
    (3095, 3095, &[14, 16, 17, 18, 19]),             // Diners Club
    (3400, 3499, &[15]),                             // American Express
    (3528, 3589, &[16, 17, 18, 19]),                 // JCB
    (3600, 3699, &[14, 15, 16, 17, 18, 19]),         // Diners Club
    (3700, 3799, &[15]),                             // American Express
    (3800, 3999, &[14, 16, 17, 18, 19]),             // Diners Club
    (4000, 4999, &[13, 16, 19]),                     // Visa
    (5000, 5099, &[12, 13, 14, 15, 16, 17, 18, 19]), // Maestro, Dankort, RuPay 508, Verve 506
    (5100, 5599, &[16]),                             // Mastercard
    (5600, 6999, &[12, 13, 14, 15, 16, 17, 18, 19]), // Maestro, Discover, UnionPay 62, RuPay, Verve 650
    (8100, 8299, &[16, 17, 18, 19]),                 // UnionPay 81, RuPay 82
    (9792, 9792, &[16]),                             // Troy
];

/// Finds card numbers written together or in groups of digits.
pub(super) fn find(scan: &mut Scan<'_>, number: &Number) -> Result<bool, BudgetError> {
    let groups = number.groups();
    let (Some(first), Some(last)) = (groups.first(), groups.last()) else {
        return Ok(false);
    };
    if last.total < SHORTEST || is_fraction(scan, first.start) {
        return Ok(false);
    }
    let checks = luhn_of_prefixes(number.digits(last.total));
    scan.spend(last.total)?;
    let mut hardly = None;
    for (i, group) in groups.iter().enumerate().rev() {
        let digits = number.digits(group.total);
        let fits = (SHORTEST..=LONGEST).contains(&group.total) && !group.is_glued;
        if !fits || checks >> group.total & 1 == 0 {
            continue;
        }
        let own = groups.get(..=i).unwrap_or_default();
        if is_all_same(digits) || has_fraction(scan, group.end) {
            continue;
        }
        let allowed = SPACE
            | DASH
            | if own.iter().skip(1).all(|g| g.len() == 4) {
                DOT
            } else {
                0
            };
        if own.iter().any(|g| g.before & (!allowed | SLASH | PAREN) != 0) {
            continue;
        }
        let is_table = is_in_longer_row(scan, groups, i) && !(i == 3 && is_card_next(scan, groups.get(4))?);
        let is_plain = is_issued(digits) && is_regular(own) && !is_table;
        // A word makes up for a grouping or an issuer that is not known.
        let is_told = !is_plain && own.len() <= 6 && {
            let around = scan.around_row(first.start, last.end)?;
            (around.near | around.right) & CARD != 0
        };
        if is_plain || is_told {
            let score = if is_plain { 1.0 } else { 0.85 };
            scan.report(Entity::CREDIT_CARD, first.start, group.end, score, "card/luhn");
            scan.done.number = group.end;
            return Ok(true);
        }
        let is_time = group.total == MILLISECONDS && digits.first() == Some(&1);
        if hardly.is_none() && !is_table && !is_time && is_regular(own) {
            hardly = Some(group.end);
        }
    }
    if let Some(end) = hardly {
        scan.report_as(
            Entity::CREDIT_CARD,
            first.start,
            end,
            HARDLY,
            "card/luhn",
            Basis::Form,
        );
    }
    Ok(false)
}

fn prefix(digits: &[u8]) -> u16 {
    digits.iter().take(4).fold(0, |n, d| n * 10 + u16::from(*d))
}

fn is_issued(digits: &[u8]) -> bool {
    let prefix = prefix(digits);
    digits.len() <= LONGEST
        && ISSUERS
            .iter()
            .any(|(low, high, lengths)| (*low..=*high).contains(&prefix) && lengths.contains(&digits.len()))
}

/// The "modulus 10 double-add-double" check of ISO/IEC 7812-1, annex B, of every prefix of `digits` at once: bit `n` is
/// set if the first `n` digits pass.
fn luhn_of_prefixes(digits: &[u8]) -> u32 {
    // `plain`: the sum so far if the next digit is doubled, since its last one then is not; `doubled`: the other way.
    let (mut plain, mut doubled, mut passes) = (0_u32, 0_u32, 0_u32);
    for (n, digit) in (1_u32..).zip(digits) {
        let digit = u32::from(*digit);
        (plain, doubled) = (doubled + digit, plain + digit * 2 / 10 + digit * 2 % 10);
        passes |= u32::from(plain.is_multiple_of(10)) << n;
    }
    passes
}

fn is_all_same(digits: &[u8]) -> bool {
    let mut pairs = digits.iter().zip(digits.iter().skip(1));
    pairs.all(|(a, b)| a == b)
}

/// Whether groups are cut as card numbers are: all of one size but a shorter last one, or 4-6-5, 4-6-4, 4-5-6, 4-4-5.
fn is_regular(groups: &[Group]) -> bool {
    let size = |i: usize| groups.get(i).map_or(0, Group::len);
    let last = size(groups.len().saturating_sub(1));
    let all_but_last = groups.get(..groups.len().saturating_sub(1)).unwrap_or_default();
    (all_but_last.iter().all(|g| g.len() == size(0)) && last <= size(0))
        || matches!(
            (groups.len(), size(0), size(1), size(2)),
            (3, 4, 6, 5 | 4) | (3, 4, 5, 6) | (2, 6, 13, _) | (2, 4, 8 | 12, _) | (2, 8, 8, _)
        )
        || (groups.len() == 4 && size(0) == 4 && size(1) == 4 && size(2) == 4 && last <= 7)
}

/// Whether a row of equal groups goes on to either side, so that the digits are a table rather than one number.
/// Groups of four may be followed by one more, an expiry date.
fn is_in_longer_row(scan: &Scan<'_>, groups: &[Group], last: usize) -> bool {
    let Some(first) = groups.first() else { return false };
    if last == 0 {
        return false;
    }
    let size = first.len();
    let same = |i: usize| {
        groups
            .get(i)
            .is_some_and(|g| g.len() == size && g.before & (SPACE | DASH) != 0)
    };
    let follows = usize::from(same(last + 1)) + usize::from(same(last + 1) && same(last + 2));
    let precedes = usize::from(
        matches!(scan.back(first.start, 1), b' ' | b'-') && {
            let from = first.start.saturating_sub(size + 2);
            let before = scan.slice(from, first.start.saturating_sub(1));
            let digits = before.iter().rev().take_while(|b| b.is_ascii_digit()).count();
            digits == size
        },
    );
    follows + precedes > usize::from(size >= 4)
}

/// Whether the group that follows begins a card number of its own, four groups of four.
fn is_card_next(scan: &mut Scan<'_>, next: Option<&Group>) -> Result<bool, BudgetError> {
    let Some(next) = next else { return Ok(false) };
    let number = Number::read(scan, next.start)?;
    let is_four = number.groups().iter().take(4).filter(|g| g.len() == 4).count() == 4;
    let digits = number.digits(16);
    Ok(is_four && is_issued(digits) && luhn_of_prefixes(digits) >> 16 & 1 == 1)
}

/// Whether `at` stands behind a decimal point or a thousands separator.
pub(super) fn is_fraction(scan: &Scan<'_>, at: usize) -> bool {
    matches!(scan.back(at, 1), b'.' | b',') && scan.back(at, 2).is_ascii_digit()
}

/// Whether digits end at `at` only because a decimal point or a thousands separator follows.
pub(super) fn has_fraction(scan: &Scan<'_>, at: usize) -> bool {
    matches!(scan.at(at), b'.' | b',') && scan.at(at + 1).is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{analyze, finds, misses};

    #[test]
    fn cards_of_every_network_are_found_in_every_grouping() {
        for card in [
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "4111111111111111",
            "41111111 11111111",
            "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
            "41 11 11 11 11 11 11 11",
            "4111 1111-1111 1111",
            "4111.1111.1111.1111",
            "4222222222222",
            "5555555555554444",
            "2223003122003222",
            "378282246310005",
            "3782 822463 10005",
            "30569309025904",
            "3056 930902 5904",
            "3530111333300000",
            "6011 1111 1111 1117",
            "6200000000000005",
            "6304000000000000",
            "2200 0000 0000 0053",
            "9792000000000003",
            "122000000000003",
            "4000\u{a0}0000\u{a0}0000\u{a0}0002",
        ] {
            finds(Entity::CREDIT_CARD, &format!("pay {card}, please"), card);
        }
    }

    #[test]
    fn a_card_is_found_beside_an_expiry_a_code_or_text_without_spaces() {
        finds(
            Entity::CREDIT_CARD,
            "4111 1111 1111 1111 12/27 123",
            "4111 1111 1111 1111",
        );
        finds(Entity::CREDIT_CARD, "卡号4111111111111111是", "4111111111111111");
        finds(Entity::CREDIT_CARD, "card_4111111111111111", "4111111111111111");
        finds(Entity::CREDIT_CARD, "my card 060426070011", "060426070011");
        finds(
            Entity::CREDIT_CARD,
            r"one\n4111111111111111\ntwo",
            "4111111111111111",
        );
    }

    #[test]
    fn cards_in_a_row_are_each_found() {
        let found = analyze(
            "4111 1111 1111 1111 5555 5555 5555 4444 3530 1113 3330 0000",
            None,
        );
        assert_eq!(
            found.iter().filter(|f| f.entity == Entity::CREDIT_CARD).count(),
            3,
            "{found:?}"
        );
    }

    #[test]
    fn what_only_looks_like_a_card_is_not_reported() {
        for text in [
            "pay 4111 1111 1111 1112",
            "1111111111111111 0000000000000000 5555555555555555",
            "41111111111111111111111",
            "id abc4111111111111111",
            "4111111111111111abc",
            "1748503543012",
            "at 1700000000000 ms",
            "0.4111111111111111",
            "550e8400-e29b-41d4-a716-446655440000",
            "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
        ] {
            misses(Entity::CREDIT_CARD, text);
        }
    }
}
