//! JSON numbers as the digits they stand for.

/// The digits of an integer, however the number is written (`4111e12`, `4111000000000000.0`); none if it is not an
/// integer or has more than 40 digits. The sign is left out.
pub(crate) fn integer_digits(raw: &str) -> Option<String> {
    let (mantissa, exponent) = match raw.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (raw, 0),
    };
    let mantissa = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let mut digits = format!("{whole}{fraction}");
    if shift < 0 {
        let zeros = digits.len() - digits.trim_end_matches('0').len();
        let drop = usize::try_from(-shift).ok().filter(|drop| *drop <= zeros)?;
        digits.truncate(digits.len() - drop);
    } else {
        let zeros = usize::try_from(shift).ok().filter(|zeros| *zeros <= 40)?;
        digits.extend(std::iter::repeat_n('0', zeros));
    }
    let digits = digits.trim_start_matches('0');
    (1..=40).contains(&digits.len()).then(|| digits.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_however_they_are_written() {
        let digits = |raw| integer_digits(raw).unwrap_or_default();
        assert_eq!(digits("4111111111111111"), "4111111111111111");
        assert_eq!(digits("-4.111111111111111e15"), "4111111111111111");
        assert_eq!(digits("411111111111111100E-2"), "4111111111111111");
        assert_eq!(digits("4111111111111111.0"), "4111111111111111");
        assert_eq!([digits("0.5"), digits("1e999"), digits("0")], ["", "", ""]);
    }
}
