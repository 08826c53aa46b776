//! Format-preserving encryption of text: every letter and digit stays in its alphabet, all else stays as it is.

use privet_crypto::Ff1Key;
use privet_types::Entity;

/// Contiguous alphabets, sorted by first character. A letter or digit outside them is refused.
const ALPHABETS: &[(char, char)] = &[
    ('0', '9'),
    ('A', 'Z'),
    ('a', 'z'),
    // Latin-1 without the multiplication and division signs.
    ('À', 'Ö'),
    ('Ø', 'Þ'),
    ('ß', 'ö'),
    ('ø', 'ÿ'),
    // Greek without accents; capitals skip the unassigned U+03A2.
    ('Α', 'Ρ'),
    ('Σ', 'Ω'),
    ('α', 'ω'),
    ('Ѐ', 'Џ'),
    ('А', 'Я'),
    ('а', 'я'),
    ('ѐ', 'џ'),
    ('א', 'ת'),
    ('ء', 'غ'),
    ('ف', 'ي'),
    ('٠', '٩'),
    ('۰', '۹'),
    ('ऄ', 'ह'),
    ('०', '९'),
    ('ก', 'ฮ'),
    ('๐', '๙'),
    ('ぁ', 'ゖ'),
    ('ァ', 'ヺ'),
    ('一', '鿿'),
    ('가', '힣'),
    ('０', '９'),
    ('Ａ', 'Ｚ'),
    ('ａ', 'ｚ'),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Encrypt,
    Decrypt,
}

/// `value` with its letters and digits encrypted or decrypted, the kind as tweak.
pub(crate) fn convert(
    key: &Ff1Key,
    direction: Direction,
    entity: Entity,
    value: &str,
) -> Result<String, String> {
    let mut radices = Vec::new();
    let mut symbols = Vec::new();
    for c in value.chars() {
        match alphabet(c) {
            Some((first, radix)) => {
                radices.push(radix);
                symbols.push(u16::try_from(c as u32 - first).map_err(|e| e.to_string())?);
            }
            None if c.is_alphanumeric() => {
                return Err(
                    "cannot keep the form: a letter or digit belongs to no known alphabet; use `encrypt`"
                        .to_owned(),
                );
            }
            None => {}
        }
    }
    let tweak = entity.name().as_bytes();
    let converted = match direction {
        Direction::Encrypt => key.encrypt(tweak, &radices, &symbols),
        Direction::Decrypt => key.decrypt(tweak, &radices, &symbols),
    };
    let converted = converted.map_err(|error| format!("cannot keep the form: {error}; use `encrypt`"))?;
    let mut converted = converted.into_iter();
    value
        .chars()
        .map(|c| match alphabet(c) {
            Some((first, _)) => converted
                .next()
                .and_then(|s| char::from_u32(first + u32::from(s))),
            None => Some(c),
        })
        .collect::<Option<String>>()
        .ok_or_else(|| "cannot keep the form; use `encrypt`".to_owned())
}

/// First code point and size of the alphabet that holds `c`.
fn alphabet(c: char) -> Option<(u32, u32)> {
    let after = ALPHABETS.partition_point(|(first, _)| *first <= c);
    let (first, last) = ALPHABETS.get(after.checked_sub(1)?)?;
    (c <= *last).then_some((*first as u32, *last as u32 - *first as u32 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use privet_crypto::RootKey;

    fn key() -> Ff1Key {
        RootKey::parse(&format!("privet-root-1:{}", "7".repeat(64)))
            .unwrap()
            .ff1_key("test", b"")
    }

    #[test]
    fn alphabets_are_sorted_and_disjoint_and_hold_letters_and_digits_only() {
        assert!(ALPHABETS.windows(2).all(|pair| pair[0].1 < pair[1].0));
        for (first, last) in ALPHABETS {
            for c in *first..=*last {
                assert!(c.is_alphanumeric(), "{c:?} U+{:04X}", c as u32);
            }
        }
    }

    #[test]
    fn layout_and_alphabets_are_kept_and_decryption_is_exact() {
        for value in [
            "4111-1111 1111-1111",
            "GB82 WEST 1234 5698 7654 32",
            "Müller-Lüdenscheidt",
            "Лев Толстой",
            "محمد علي حسن",
            "१२३४५६७८",
            "王小明",
            "a1B2c3D4",
        ] {
            let made = convert(&key(), Direction::Encrypt, Entity::TERM, value).unwrap();
            assert_ne!(made, value);
            assert!(made.chars().zip(value.chars()).all(|(m, v)| match alphabet(v) {
                Some(of) => alphabet(m) == Some(of),
                None => m == v,
            }));
            assert_eq!(
                convert(&key(), Direction::Decrypt, Entity::TERM, &made).unwrap(),
                value
            );
        }
    }

    #[test]
    fn short_values_and_unknown_alphabets_are_refused_without_naming_them() {
        for value in ["12345", "ab", "--", "ⴀⴁⴂⴃⴄⴅⴆⴇ"] {
            let error = convert(&key(), Direction::Encrypt, Entity::TERM, value).unwrap_err();
            assert!(
                error.contains("use `encrypt`") && !error.contains(value),
                "{error}"
            );
        }
    }
}
