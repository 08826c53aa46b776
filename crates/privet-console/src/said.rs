//! Numbers and times as people read them.

use jiff::Timestamp;

/// A number with its thousands set apart, as in 12 345 (a thin space that does not break).
#[must_use]
pub fn amount(number: u64) -> String {
    let digits = number.to_string();
    let mut said = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            said.push('\u{202f}');
        }
        said.push(digit);
    }
    said
}

/// How much of `whole` `part` is: `34 %`, `< 1 %`.
#[must_use]
pub fn share(part: u64, whole: u64) -> String {
    let share = part.saturating_mul(100).checked_div(whole).unwrap_or(0);
    if share == 0 && part > 0 {
        "< 1\u{202f}%".to_owned()
    } else {
        format!("{share}\u{202f}%")
    }
}

/// A day and the time in UTC, to the second.
#[must_use]
pub fn day_and_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The time in UTC, to the second.
#[must_use]
pub fn clock_time(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_in_threes() {
        let said = [0, 999, 1000, 1_234_567].map(amount);
        assert_eq!(said, ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
    }

    #[test]
    fn a_share_of_little_is_not_said_to_be_nothing() {
        let said = [(0, 0), (0, 7), (1, 1000), (1, 3), (3, 3)].map(|(part, whole)| share(part, whole));
        assert_eq!(
            said,
            [
                "0\u{202f}%",
                "0\u{202f}%",
                "< 1\u{202f}%",
                "33\u{202f}%",
                "100\u{202f}%"
            ]
        );
    }

    #[test]
    fn times_are_in_utc() {
        let at = "2026-03-04T05:06:07.89Z".parse().unwrap();
        assert_eq!(day_and_time(at), "2026-03-04 05:06:07");
        assert_eq!(clock_time(at), "05:06:07");
    }
}
