//! Check-digit arithmetic that several authorities share.

/// The value of a digit character, 0 ..= 9; of a letter its place in the alphabet + 10 (`A` = 10), as ISO 7064 and
/// ICAO 9303 have it.
pub(crate) fn value(byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'Z' => u32::from(byte - b'A') + 10,
        _ => 0,
    }
}

/// The sum of the characters' values times `weights`, as far as both go.
pub(crate) fn weighted(compact: &[u8], weights: &[u32]) -> u32 {
    compact.iter().zip(weights).map(|(b, w)| value(*b) * w).sum()
}

/// Whether the digits pass Luhn's test (ISO/IEC 7812-1, annex B): check digit last.
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, b)| match (i % 2, value(*b)) {
            (0, d) => d,
            (_, d) if d > 4 => 2 * d - 9,
            (_, d) => 2 * d,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether the digits pass ISO 7064 MOD 11,10 (hybrid system, recursive): check digit last.
pub(crate) fn mod_11_10(digits: &[u8]) -> bool {
    let Some((check, digits)) = digits.split_last() else {
        return false;
    };
    let product = digits.iter().fold(10, |product, b| {
        let sum = (value(*b) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == value(*check)
}

/// Whether the letters and digits pass ISO 7064 MOD 97-10: as a number, letters written as 10 to 35, they are 1 modulo 97.
pub(crate) fn iso_7064_mod_97_10(compact: &[u8]) -> bool {
    let remainder = compact.iter().fold(0, |rest, byte| {
        let value = value(*byte);
        (if value > 9 { rest * 100 } else { rest * 10 } + value) % 97
    });
    remainder == 1
}

/// Verhoeff's multiplication table of the dihedral group D5.
const VERHOEFF_D: [[u8; 10]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
    [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
    [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
    [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
    [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
    [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
    [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
];
/// Verhoeff's permutation of the digit 0..9; place i uses its i-th power.
const VERHOEFF_P: [[u8; 10]; 8] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
    [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
    [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
    [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
    [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
    [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
    [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
];

/// Whether the digits pass Verhoeff's test (J. Verhoeff, "Error Detecting Decimal Codes", 1969): check digit last.
pub(crate) fn verhoeff(digits: &[u8]) -> bool {
    let at = |table: &[[u8; 10]], i: usize, j: usize| {
        table.get(i).and_then(|row| row.get(j)).copied().unwrap_or(0)
    };
    let sum = digits.iter().rev().enumerate().fold(0, |sum, (i, b)| {
        let permuted = at(&VERHOEFF_P, i % 8, value(*b) as usize);
        usize::from(at(&VERHOEFF_D, sum, usize::from(permuted)))
    });
    sum == 0
}

/// The number that the digits write; none if it needs more than 64 bits or a character is no digit.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |n, b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        n.checked_mul(10)?.checked_add(digit)
    })
}

/// The number that the digits `from..to` write.
pub(crate) fn field(compact: &[u8], from: usize, to: usize) -> Option<u64> {
    number(compact.get(from..to)?)
}

/// Whether day, month and year make a day of the Gregorian calendar; for a year of two digits give one of its leap years.
pub(crate) fn is_day(year: u64, month: u64, day: u64) -> bool {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// The sum of the products' own digits, weights over the digits in order.
pub(crate) fn weighted_cross(digits: &[u8], weights: &[u32]) -> u32 {
    let cross = |n: u32| n / 10 + n % 10;
    digits
        .iter()
        .zip(weights)
        .map(|(b, w)| cross(value(*b) * w))
        .sum()
}

/// The check digit of ICAO Doc 9303 part 3, section 4.9: weights 7, 3, 1, letters from `A` = 10, modulus 10.
pub(crate) fn icao(compact: &[u8]) -> u32 {
    compact
        .iter()
        .zip([7, 3, 1].into_iter().cycle())
        .map(|(b, w)| value(*b) * w)
        .sum::<u32>()
        % 10
}

/// Whether the digits pass the test of EAN-13 (GS1 General Specifications, section 7.9): check digit last.
pub(crate) fn ean(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .zip([1, 3].into_iter().cycle())
        .map(|(b, w)| value(*b) * w)
        .sum();
    sum.is_multiple_of(10)
}

/// The value of the character at `at`; 0 outside.
pub(crate) fn value_at(compact: &[u8], at: usize) -> u32 {
    compact.get(at).map_or(0, |b| value(*b))
}

/// Whether the digits are a time stamp of the years 1990 to 2099, `YYYYMMDDhhmm` or `YYYYMMDDhhmmss`.
pub(crate) fn is_time_stamp(digits: &[u8]) -> bool {
    let year = field(digits, 0, 4).unwrap_or_default();
    let pair = |at: usize| field(digits, at, at + 2);
    let is_within = |at: usize, end: u64| pair(at).is_none_or(|n| n < end);
    (1990..2100).contains(&year)
        && is_day(year, pair(4).unwrap_or_default(), pair(6).unwrap_or_default())
        && is_within(8, 24)
        && is_within(10, 60)
        && is_within(12, 60)
}

/// Whether all characters are the same.
pub(crate) fn is_one_digit_repeated(compact: &[u8]) -> bool {
    compact.windows(2).all(|w| w.first() == w.last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_examples_pass_and_altered_ones_fail() {
        // ISO/IEC 7812-1 annex B; Wikipedia's "Verhoeff algorithm"; BZSt's example of a tax id.
        assert!(luhn(b"79927398713") && !luhn(b"79927398710"));
        assert!(verhoeff(b"2363") && !verhoeff(b"2364"));
        assert!(mod_11_10(b"86095742719") && !mod_11_10(b"86095742718"));
    }

    #[test]
    fn every_change_of_one_digit_and_every_swap_is_seen_by_verhoeff() {
        let number = *b"2363";
        for place in 0..4 {
            for digit in b'0'..=b'9' {
                let mut other = number;
                other[place] = digit;
                assert_eq!(verhoeff(&other), other == number);
            }
        }
        assert!(!verhoeff(b"3263") && !verhoeff(b"2633") && !verhoeff(b"2336"));
    }

    #[test]
    fn examples_of_icao_and_gs1_pass() {
        // ICAO Doc 9303 part 3, section 4.9, and the GS1 General Specifications.
        assert_eq!(icao(b"520727"), 3);
        assert_eq!(icao(b"AB2134<<<"), 5);
        assert!(ean(b"6291041500213") && !ean(b"6291041500214"));
        assert_eq!(weighted_cross(b"59", &[2, 1]), 1 + 9);
    }

    #[test]
    fn time_stamps_have_a_day_and_a_time() {
        assert!(is_time_stamp(b"201907141004") && is_time_stamp(b"20190714100459"));
        assert!(!is_time_stamp(b"201907142404") && !is_time_stamp(b"20190714100460"));
        assert!(!is_time_stamp(b"201902291004") && !is_time_stamp(b"4K190714100459"));
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert!(is_day(2000, 2, 29) && !is_day(1900, 2, 29) && is_day(2023, 12, 31));
        assert!(!is_day(2023, 4, 31) && !is_day(2023, 13, 1) && !is_day(2023, 1, 0));
    }
}
