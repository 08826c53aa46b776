//! Coarser values: ranges, months, networks, beginnings.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::date;
use super::operator::Generalization;

/// The range of `width` that holds the one whole number in `value`: `34 years` becomes `30-39` for a width of 10. None if
/// there is no number, more than one, or one past 10¹⁸.
/// Numbers of at least `top` share the range `top+`.
pub(crate) fn bucket(value: &str, width: u64, top: Option<u64>) -> Option<String> {
    let is_digit = |c: char| c.is_ascii_digit();
    let start = value.find(is_digit)?;
    let from = value.get(start..)?;
    let length = from.find(|c| !is_digit(c)).unwrap_or(from.len());
    let (digits, rest) = from.split_at_checked(length)?;
    // Decimal fractions and thousands separators bring a second number; other scripts' digits could hide one.
    if rest.chars().any(char::is_numeric)
        || digits.len() > 18
        || value.get(..start)?.chars().any(char::is_numeric)
    {
        return None;
    }
    let is_negative = value.get(..start)?.ends_with(['-', '−']);
    let number = i128::from(digits.parse::<u64>().ok()?) * if is_negative { -1 } else { 1 };
    if let Some(top) = top.filter(|top| number >= i128::from(*top)) {
        return Some(format!("{top}+"));
    }
    let width = i128::from(width.max(1));
    let low = number.div_euclid(width) * width;
    let high = top.map_or(low + width - 1, |top| (low + width - 1).min(i128::from(top) - 1));
    Some(if low < 0 {
        format!("{low} to {high}")
    } else {
        format!("{low}-{high}")
    })
}

/// The month, quarter or year of a date.
pub(crate) fn part(value: &str, to: Generalization, is_day_first: bool) -> Option<String> {
    let date = date::read(value, is_day_first)?.date;
    let (year, month) = (date.year(), date.month());
    match to {
        Generalization::Month => Some(format!("{year:04}-{month:02}")),
        Generalization::Quarter => Some(format!("{year:04}-Q{}", (month + 2) / 3)),
        Generalization::Year => Some(format!("{year:04}")),
        Generalization::Network | Generalization::Prefix => None,
    }
}

/// The network of an address, in the notation of RFC 4632 and RFC 4291.
pub(crate) fn network(value: &str, ipv4_bits: u8, ipv6_bits: u8) -> Option<String> {
    match value.trim().parse().ok()? {
        IpAddr::V4(address) => {
            let kept = u32::MAX
                .checked_shl(32 - u32::from(ipv4_bits.min(32)))
                .unwrap_or(0);
            Some(format!(
                "{}/{ipv4_bits}",
                Ipv4Addr::from_bits(address.to_bits() & kept)
            ))
        }
        IpAddr::V6(address) => {
            let kept = u128::MAX
                .checked_shl(128 - u32::from(ipv6_bits.min(128)))
                .unwrap_or(0);
            Some(format!(
                "{}/{ipv6_bits}",
                Ipv6Addr::from_bits(address.to_bits() & kept)
            ))
        }
    }
}

/// The first letters and digits, the others overwritten by `*`, other characters kept. None if that would overwrite none.
pub(crate) fn prefix(value: &str, characters: u32) -> Option<String> {
    let mut left = characters;
    let mut is_shortened = false;
    let made = value
        .trim()
        .chars()
        .map(|c| match (c.is_alphanumeric(), left) {
            (false, _) => c,
            (true, 0) => {
                is_shortened = true;
                '*'
            }
            (true, _) => {
                left -= 1;
                c
            }
        })
        .collect();
    is_shortened.then_some(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fall_into_ranges_of_the_width() {
        for (value, width, range) in [
            ("34", 10, Some("30-39")),
            ("34 years old", 5, Some("30-34")),
            ("aged 7", 10, Some("0-9")),
            ("-3", 10, Some("-10 to -1")),
            ("89", 10, Some("80-89")),
            ("90", 10, Some("90+")),
            ("84", 20, Some("80-89")),
            ("104 years", 10, Some("90+")),
            ("12.5", 10, None),
            ("1,200", 100, None),
            ("thirty", 10, None),
            ("5 ٣", 10, None),
            ("1234567890123456789", 10, None),
        ] {
            assert_eq!(bucket(value, width, Some(90)).as_deref(), range, "{value}");
        }
    }

    #[test]
    fn dates_addresses_and_postcodes_lose_their_details() {
        assert_eq!(
            part("5. März 2024", Generalization::Month, false).unwrap(),
            "2024-03"
        );
        assert_eq!(
            part("2024-12-31", Generalization::Quarter, false).unwrap(),
            "2024-Q4"
        );
        assert_eq!(part("3/4/85", Generalization::Year, false).unwrap(), "1985");
        assert_eq!(part("soon", Generalization::Year, false), None);
        assert_eq!(network("192.0.2.77", 24, 48).unwrap(), "192.0.2.0/24");
        assert_eq!(network("192.0.2.77", 0, 48).unwrap(), "0.0.0.0/0");
        assert_eq!(network("192.0.2.77", 32, 48).unwrap(), "192.0.2.77/32");
        assert_eq!(network("2001:db8:1:2::3", 24, 48).unwrap(), "2001:db8:1::/48");
        assert_eq!(network("192.0.2", 24, 48), None);
        assert_eq!(prefix("13053-1234", 3).unwrap(), "130**-****");
        assert_eq!(prefix("SW1A 1AA", 2).unwrap(), "SW** ***");
        assert_eq!(prefix("130", 3), None);
    }
}
