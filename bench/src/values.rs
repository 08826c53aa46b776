//! Made-up private values, as many as wanted. Each kind shares a text, so that the mock finds any of them quickly.

/// Each private value of this benchmark holds one of these; nothing else that is sent does.
pub(crate) const MARKERS: [&str; 4] = [
    "@nordwind.example.com",
    "+49 30 9018",
    " 3704 0044 ",
    "4111 1111 ",
];

const FIRST: [&str; 8] = [
    "maria", "jonas", "aisha", "peter", "lena", "omar", "ines", "viktor",
];
const LAST: [&str; 7] = [
    "keller",
    "brandt",
    "okafor",
    "lindqvist",
    "moreau",
    "tanaka",
    "silva",
];

fn pick<const N: usize>(list: &[&'static str; N], n: usize) -> &'static str {
    list.get(n % N).copied().unwrap_or_default()
}

pub(crate) fn person(n: usize) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map(|c| c.to_ascii_uppercase())
            .into_iter()
            .chain(letters)
            .collect::<String>()
    };
    format!("{} {}", capital(pick(&FIRST, n)), capital(pick(&LAST, n / 3)))
}

pub(crate) fn email(n: usize) -> String {
    format!(
        "{}.{}{n}@nordwind.example.com",
        pick(&FIRST, n),
        pick(&LAST, n / 3)
    )
}

/// A number of Berlin, 0 ≤ `n` < 10 000.
pub(crate) fn phone(n: usize) -> String {
    format!("+49 30 9018{:04}", n % 10_000)
}

/// A German account number with right check digits (ISO 13616: mod 97), 0 ≤ `n` < 10^9.
pub(crate) fn iban(n: usize) -> String {
    let account = format!("{:010}", n % 1_000_000_000);
    // `DE00` moved to the end, letters as numbers: D = 13, E = 14.
    let digits = format!("37040044{account}131400");
    let rest = digits
        .bytes()
        .fold(0_u32, |rest, b| (rest * 10 + u32::from(b - b'0')) % 97);
    let (a, b, c) = (
        account.get(..4).unwrap_or_default(),
        account.get(4..8).unwrap_or_default(),
        account.get(8..).unwrap_or_default(),
    );
    format!("DE{:02} 3704 0044 {a} {b} {c}", 98 - rest)
}

/// A card number with a right check digit (Luhn), 0 ≤ `n` < 10^7.
pub(crate) fn card(n: usize) -> String {
    let body = format!("41111111{:07}", n % 10_000_000);
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, b)| match (at % 2, u32::from(b - b'0')) {
            (0, digit) if digit > 4 => 2 * digit - 9,
            (0, digit) => 2 * digit,
            (_, digit) => digit,
        })
        .sum();
    let tail = format!("{:07}{}", n % 10_000_000, (10 - sum % 10) % 10);
    let (a, b) = tail.split_at_checked(4).unwrap_or_default();
    format!("4111 1111 {a} {b}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_right() {
        assert_eq!(card(1_111_111), "4111 1111 1111 1111");
        assert_eq!(iban(532_013_000), "DE89 3704 0044 0532 0130 00");
    }

    #[test]
    fn every_value_holds_a_marker() {
        for n in [0, 1, 77, 9_999] {
            for value in [email(n), phone(n), iban(n), card(n)] {
                assert!(MARKERS.iter().any(|m| value.contains(m)), "{value}");
            }
        }
    }
}
