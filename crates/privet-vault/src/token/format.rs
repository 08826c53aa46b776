//! Format-preserving tokens: digits stay digits, letters stay letters of their case, all else stays.

use privet_crypto::Ff1Key;

use crate::Error;

/// The radices and symbols of what can change in `value`.
fn symbols(value: &str) -> (Vec<u32>, Vec<u16>) {
    value
        .chars()
        .filter_map(|c| class(c).map(|(first, radix)| (radix, (u32::from(c) - u32::from(first)) as u16)))
        .unzip()
}

/// The first sign of its class, and how many the class has.
fn class(c: char) -> Option<(char, u32)> {
    match c {
        '0'..='9' => Some(('0', 10)),
        'a'..='z' => Some(('a', 26)),
        'A'..='Z' => Some(('A', 26)),
        _ => None,
    }
}

/// A token of the form of `value`. Another `tweak` gives another one.
///
/// # Errors
/// [`Error::Crypto`] if fewer than a million values have this form.
pub(super) fn token(key: &Ff1Key, tweak: &[u8], value: &str) -> Result<String, Error> {
    let (radices, plain) = symbols(value);
    let mut sealed = key.encrypt(tweak, &radices, &plain)?.into_iter();
    let change = |c: char| match class(c) {
        Some((first, _)) => {
            let symbol = sealed.next().map(u32::from)?;
            char::from_u32(u32::from(first) + symbol)
        }
        None => Some(c),
    };
    value
        .chars()
        .map(change)
        .collect::<Option<String>>()
        .ok_or(Error::Stopped)
}

#[cfg(test)]
mod tests {
    use privet_crypto::RootKey;
    use proptest::prelude::*;

    use super::*;

    fn key() -> Ff1Key {
        RootKey::parse(&format!("privet-root-1:{}", "7".repeat(64)))
            .unwrap()
            .ff1_key("test", b"")
    }

    proptest! {
        #[test]
        fn a_token_has_the_form_of_its_value(value in "[0-9]{6}[a-zA-Z0-9 .é-]{0,20}", tweak in any::<u8>()) {
            let token = token(&key(), &[tweak], &value).unwrap();
            let form = |text: &str| text.chars().map(|c| class(c).map_or(c, |(first, _)| first)).collect::<String>();
            prop_assert_eq!(form(&token), form(&value));
        }
    }

    #[test]
    fn a_form_of_few_values_is_refused() {
        assert!(matches!(token(&key(), b"", "12345"), Err(Error::Crypto(_))));
        assert!(matches!(token(&key(), b"", "é"), Err(Error::Crypto(_))));
    }
}
