//! How values of indexed fields are made equal.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// How values of a field are made equal before they are indexed, and before they are looked for. A change of these rules
/// is a new version of the index key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ValueForm {
    /// White space around it is dropped, Unicode NFC. Case counts.
    Exact,
    /// Unicode NFKC and full case folding (by upper and then lower case of each character); white space around it is
    /// dropped. For logins and names.
    Folded,
    /// As `Folded` with NFC instead of NFKC; one `@` is needed. Dots and `+tags` count: what they mean is the provider's
    /// affair. `xn--` and Unicode writings of a domain are two.
    Email,
    /// Digits as in ITU-T E.164. `+` or `00` in front: the number with its country, `(0)` dropped. Else the calling code
    /// that is set is put in front, a leading 0 dropped (not in Italy, 39, and San Marino, 378). Without one, the number
    /// is kept as national, and no country is guessed.
    Phone,
    /// Its digits alone; letters are refused. For customer and card numbers.
    Digits,
}

/// Digits of a telephone number: E.164 has 15 at most; short numbers have 3.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 3..=15;

impl ValueForm {
    /// `value` in this form, as bytes never leave the process. An error says why it has none.
    pub(crate) fn apply(self, value: &str, calling_code: Option<&str>) -> Result<String, &'static str> {
        let normal = match self {
            Self::Exact => value.trim().nfc().collect(),
            Self::Folded => folded(value.trim(), |text| text.nfkc().collect()),
            Self::Email => email(value)?,
            Self::Phone => phone(value, calling_code)?,
            Self::Digits => digits(value)?,
        };
        if normal.is_empty() {
            return Err("an indexed value is not empty");
        }
        Ok(normal)
    }

    /// As [`apply`](Self::apply) for the beginning of a value, which need not have the form of a whole one.
    pub(crate) fn apply_prefix(
        self,
        value: &str,
        calling_code: Option<&str>,
    ) -> Result<String, &'static str> {
        match self {
            Self::Email => Ok(folded(value.trim(), |text| text.nfc().collect())),
            Self::Phone => number(value, calling_code),
            _ => self.apply(value, calling_code),
        }
    }
}

/// Case folding of what `normal` makes of `text`, until nothing changes any more.
fn folded(text: &str, normal: impl Fn(&str) -> String) -> String {
    let mut text = normal(text);
    // Twice is enough for all but a few compatibility characters.
    for _ in 0..4 {
        let upper = text.chars().flat_map(char::to_uppercase);
        // Each character by itself: a final sigma is a sigma.
        let lower: String = upper.flat_map(char::to_lowercase).collect();
        let next = normal(lower.trim());
        if next == text {
            break;
        }
        text = next;
    }
    text
}

fn email(value: &str) -> Result<String, &'static str> {
    let text = folded(value.trim(), |text| text.nfc().collect());
    match text.rsplit_once('@') {
        Some((local, domain))
            if !local.is_empty() && !domain.is_empty() && !text.contains(char::is_whitespace) =>
        {
            Ok(text)
        }
        _ => Err("not an e-mail address"),
    }
}

fn phone(value: &str, calling_code: Option<&str>) -> Result<String, &'static str> {
    let number = number(value, calling_code)?;
    if !PHONE_DIGITS.contains(&number.trim_start_matches('+').len()) {
        return Err("a telephone number has 3 to 15 digits");
    }
    Ok(number)
}

/// A telephone number of any length.
fn number(value: &str, calling_code: Option<&str>) -> Result<String, &'static str> {
    let text: String = value.trim().nfkc().collect();
    let (text, is_international) = match text.strip_prefix('+').or_else(|| text.strip_prefix("00")) {
        Some(rest) => (rest.replace("(0)", ""), true),
        None => (text, false),
    };
    let is_separator = |c: char| matches!(c, ' ' | '-' | '.' | '/' | '(' | ')' | '\u{2010}'..='\u{2015}');
    let digits: String = text.chars().filter(|c| !is_separator(*c)).collect();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err("not a telephone number");
    }
    Ok(match calling_code {
        _ if is_international => format!("+{digits}"),
        Some(code @ ("39" | "378")) => format!("+{code}{digits}"),
        Some(code) => format!("+{code}{}", digits.strip_prefix('0').unwrap_or(&digits)),
        None => digits,
    })
}

fn digits(value: &str) -> Result<String, &'static str> {
    let text: String = value.nfkc().filter(|c| !matches!(c, ' ' | '-' | '.')).collect();
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err("only digits, spaces, hyphens and dots");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn logins_are_equal_in_any_case_and_width() {
        let normal = |value| ValueForm::Folded.apply(value, None).unwrap();
        assert_eq!(normal(" Straße "), normal("STRASSE"));
        assert_eq!(normal("Ａｎｎ"), "ann");
        assert_eq!(normal("ΟΔΥΣΣΕΥΣ"), normal("οδυσσευς"));
        assert_eq!(normal("e\u{301}va"), normal("ÉVA"));
    }

    #[test]
    fn mail_addresses_keep_their_dots_and_tags() {
        let normal = |value| ValueForm::Email.apply(value, None);
        assert_eq!(normal(" Ann.Lee+x@Example.ORG").unwrap(), "ann.lee+x@example.org");
        assert_ne!(
            normal("annlee@example.org").unwrap(),
            normal("ann.lee@example.org").unwrap()
        );
        assert!(normal("ann").is_err() && normal("@example.org").is_err() && normal("a b@c").is_err());
    }

    #[test]
    fn telephone_numbers_are_equal_however_they_are_grouped() {
        let normal = |value, code| ValueForm::Phone.apply(value, code);
        assert_eq!(normal("+49 (0)30 / 1234-56", None).unwrap(), "+4930123456");
        assert_eq!(normal("0049 30 123456", None).unwrap(), "+4930123456");
        assert_eq!(normal("030 123456", Some("49")).unwrap(), "+4930123456");
        assert_eq!(normal("06 123456", Some("39")).unwrap(), "+3906123456");
    }

    #[test]
    fn no_country_is_guessed() {
        let normal = |value| ValueForm::Phone.apply(value, None).unwrap();
        assert_eq!(normal("030 123456"), "030123456");
        assert_ne!(normal("4930123456"), normal("+4930123456"));
        assert!(ValueForm::Phone.apply("call me", None).is_err());
        assert!(ValueForm::Phone.apply("+1234567890123456", None).is_err());
    }

    #[test]
    fn what_is_empty_has_no_form() {
        assert!(ValueForm::Exact.apply(" ", None).is_err());
        assert!(ValueForm::Digits.apply("-", None).is_err());
    }

    proptest! {
        #[test]
        fn a_normal_form_is_its_own_normal_form(value in ".{0,24}", code in prop::option::of("[1-9]{1,3}")) {
            for form in [ValueForm::Exact, ValueForm::Folded, ValueForm::Email, ValueForm::Digits, ValueForm::Phone] {
                if let Ok(once) = form.apply(&value, code.as_deref()) {
                    prop_assert_eq!(form.apply(&once, code.as_deref()), Ok(once.clone()), "{:?}", form);
                }
            }
        }

        #[test]
        fn grouping_and_case_change_no_form(digits in "[1-9][0-9]{6,11}", at in 1_usize..6, name in "[a-zäöüß]{1,12}") {
            let (head, tail) = digits.split_at(at);
            prop_assert_eq!(
                ValueForm::Phone.apply(&format!("+{head}-{tail}"), None),
                ValueForm::Phone.apply(&format!("00{head} {tail}"), None)
            );
            prop_assert_eq!(
                ValueForm::Folded.apply(&name.to_uppercase(), None),
                ValueForm::Folded.apply(&name, None)
            );
        }
    }
}
