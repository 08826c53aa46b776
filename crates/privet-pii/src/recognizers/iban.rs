//! International bank account numbers, ISO 13616-1: country, length, and the check of ISO/IEC 7064 MOD 97-10.

use privet_types::Entity;

use super::scan::Scan;
use super::{Outcome, Token};

/// Countries and lengths of the SWIFT IBAN registry, release 99 (December 2024), with the partial list of countries
/// that use the format outside the registry (AO, BF, BJ, CF, CG, CI, CM, CV, DZ, GA, GQ, GW, IR, KM, MA, MG, ML, MZ,
/// NE, SN, TD, TG). Sorted.
const COUNTRIES: &[([u8; 2], usize)] = &[
    (*b"AD", 24),
    (*b"AE", 23),
    (*b"AL", 28),
    (*b"AO", 25),
    (*b"AT", 20),
    (*b"AZ", 28),
    (*b"BA", 20),
    (*b"BE", 16),
    (*b"BF", 28),
    (*b"BG", 22),
    (*b"BH", 22),
    (*b"BI", 27),
    (*b"BJ", 28),
    (*b"BR", 29),
    (*b"BY", 28),
    (*b"CF", 27),
    (*b"CG", 27),
    (*b"CH", 21),
    (*b"CI", 28),
    (*b"CM", 27),
    (*b"CR", 22),
    (*b"CV", 25),
    (*b"CY", 28),
    (*b"CZ", 24),
    (*b"DE", 22),
    (*b"DJ", 27),
    (*b"DK", 18),
    (*b"DO", 28),
    (*b"DZ", 26),
    (*b"EE", 20),
    (*b"EG", 29),
    (*b"ES", 24),
    (*b"FI", 18),
    (*b"FK", 18),
    (*b"FO", 18),
    (*b"FR", 27),
    (*b"GA", 27),
    (*b"GB", 22),
    (*b"GE", 22),
    (*b"GI", 23),
    (*b"GL", 18),
    (*b"GQ", 27),
    (*b"GR", 27),
    (*b"GT", 28),
    (*b"GW", 25),
    (*b"HN", 28),
    (*b"HR", 21),
    (*b"HU", 28),
    (*b"IE", 22),
    (*b"IL", 23),
    (*b"IQ", 23),
    (*b"IR", 26),
    (*b"IS", 26),
    (*b"IT", 27),
    (*b"JO", 30),
    (*b"KM", 27),
    (*b"KW", 30),
    (*b"KZ", 20),
    (*b"LB", 28),
    (*b"LC", 32),
    (*b"LI", 21),
    (*b"LT", 20),
    (*b"LU", 20),
    (*b"LV", 21),
    (*b"LY", 25),
    (*b"MA", 28),
    (*b"MC", 27),
    (*b"MD", 24),
    (*b"ME", 22),
    (*b"MG", 27),
    (*b"MK", 19),
    (*b"ML", 28),
    (*b"MN", 20),
    (*b"MR", 27),
    (*b"MT", 31),
    (*b"MU", 30),
    (*b"MZ", 25),
    (*b"NE", 28),
    (*b"NI", 28),
    (*b"NL", 18),
    (*b"NO", 15),
    (*b"OM", 23),
    (*b"PK", 24),
    (*b"PL", 28),
    (*b"PS", 29),
    (*b"PT", 25),
    (*b"QA", 29),
    (*b"RO", 24),
    (*b"RS", 22),
    (*b"RU", 33),
    (*b"SA", 24),
    (*b"SC", 31),
    (*b"SD", 18),
    (*b"SE", 24),
    (*b"SI", 19),
    (*b"SK", 24),
    (*b"SM", 27),
    (*b"SN", 28),
    (*b"SO", 23),
    (*b"ST", 25),
    (*b"SV", 28),
    (*b"TD", 27),
    (*b"TG", 28),
    (*b"TL", 23),
    (*b"TN", 24),
    (*b"TR", 26),
    (*b"UA", 29),
    (*b"VA", 22),
    (*b"VG", 24),
    (*b"XK", 20),
    (*b"YE", 30),
];

/// Finds account numbers in and after a token that holds a digit.
pub(super) fn find(scan: &mut Scan<'_>, token: Token) -> Outcome {
    if !token.has_digit || !token.has_letter {
        return Ok(());
    }
    scan.spend(token.end - token.start)?;
    let mut joined = scan.is_glued_left(token.start);
    for (i, byte) in scan.slice(token.start, token.end).iter().enumerate() {
        let begins = !joined && byte.is_ascii_alphabetic();
        joined = byte.is_ascii_alphanumeric();
        if begins
            && let Some(length) = length_at(scan, token.start + i)
            && let Some(end) = account(scan, token.start + i, length)?
        {
            scan.report(Entity::IBAN_CODE, token.start + i, end, 1.0, "iban/mod97");
            scan.done.number = end;
        }
    }
    Ok(())
}

/// The length of an account number that begins at `start`, if a country and two check digits stand there.
fn length_at(scan: &Scan<'_>, start: usize) -> Option<usize> {
    let &[a, b, c, d] = scan.slice(start, start + 4) else {
        return None;
    };
    if !(c.is_ascii_digit() && d.is_ascii_digit()) {
        return None;
    }
    let country = [a.to_ascii_uppercase(), b.to_ascii_uppercase()];
    let found = COUNTRIES.binary_search_by(|(code, _)| code.cmp(&country)).ok()?;
    COUNTRIES.get(found).map(|(_, length)| *length)
}

/// Where the account number of `length` characters that begins at `start` ends, if its check digits are right. Single
/// spaces or dashes may stand between characters.
fn account(
    scan: &mut Scan<'_>,
    start: usize,
    length: usize,
) -> Result<Option<usize>, privet_types::BudgetError> {
    let mut at = start;
    let mut seen = 0;
    // The check is over the number with its first four characters moved to its end.
    let mut body = 0_u64;
    while seen < length {
        let byte = scan.at(at);
        if byte.is_ascii_alphanumeric() {
            if seen >= 4 {
                body = append(body, byte) % MODULUS;
            }
            seen += 1;
            at += 1;
        } else if let Some(gap) = gap(scan, at) {
            at += gap;
        } else {
            break;
        }
    }
    scan.spend(at - start)?;
    // The head is two letters of two digits each and two digits: six places.
    let remainder = (body * 1_000_000 + head_places(scan, start)) % MODULUS;
    let is_right = seen == length && remainder == 1 && !scan.is_glued_right(at);
    Ok(is_right.then_some(at))
}

const MODULUS: u64 = 97;

/// The first four characters as a number of six places.
fn head_places(scan: &Scan<'_>, start: usize) -> u64 {
    scan.slice(start, start + 4).iter().fold(0, |n, b| append(n, *b))
}

/// `number` with the value of `byte` written behind it: a digit is itself, A is 10 and Z is 35.
fn append(number: u64, byte: u8) -> u64 {
    let value = u64::from(char::from(byte).to_digit(36).unwrap_or(0));
    number * if value > 9 { 100 } else { 10 } + value
}

/// Bytes of one separator at `at`, if an ASCII letter or digit follows it.
fn gap(scan: &Scan<'_>, at: usize) -> Option<usize> {
    let len = match scan.at(at) {
        b' ' | b'-' => 1,
        0xc2 if scan.at(at + 1) == 0xa0 => 2,
        0xe2 if matches!(scan.char_at(at), Some('\u{2009}' | '\u{202f}')) => 3,
        _ => return None,
    };
    scan.at(at + len).is_ascii_alphanumeric().then_some(len)
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use super::COUNTRIES;
    use crate::testing::{finds, misses};

    #[test]
    fn the_registry_is_sorted() {
        assert!(COUNTRIES.is_sorted());
    }

    #[test]
    fn account_numbers_are_found_together_grouped_and_in_lower_case() {
        for value in [
            "DE89370400440532013000",
            "DE89 3704 0044 0532 0130 00",
            "gb82west12345698765432",
            "GB82 WEST 1234 5698 7654 32",
            "FR1420041010050500013M02606",
            "NO93 8601 1117 947",
            "MT84MALT011000012345MTLCAST001S",
            "BE68-5390-0754-7034",
            "CH93 0076 2011 6238 5295 7",
        ] {
            finds(Entity::IBAN_CODE, &format!("pay to {value}."), value);
        }
        finds(
            Entity::IBAN_CODE,
            "iban_DE89370400440532013000",
            "DE89370400440532013000",
        );
        finds(
            Entity::IBAN_CODE,
            "DE89 3704 0044 0532 0130 00 until Friday",
            "DE89 3704 0044 0532 0130 00",
        );
    }

    #[test]
    fn wrong_check_digits_lengths_and_countries_are_not_reported() {
        for text in [
            "DE88370400440532013000",
            "DE8937040044053201300",
            "DE893704004405320130000",
            "ZZ89370400440532013000",
            "XDE89370400440532013000",
        ] {
            misses(Entity::IBAN_CODE, text);
        }
    }
}
