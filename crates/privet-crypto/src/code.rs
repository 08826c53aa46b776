//! One-time codes and random tokens.

use std::fmt;

use data_encoding::{BASE32_DNSSEC, HEXLOWER};
use zeroize::Zeroizing;

use crate::{Error, HashKey, random};

/// A code that is sent to somebody once and typed back: 6 to 12 uniformly random digits, wiped when dropped.
///
/// A code is short, so who holds its hash *and* the key finds it at once. The hash is kept, the key is not beside it,
/// attempts are counted and the code ends soon: all three are the caller's.
pub struct OneTimeCode(Zeroizing<String>);

impl OneTimeCode {
    /// A new code.
    ///
    /// # Errors
    /// [`Error::BadCodeLength`] unless 6 ≤ `digits` ≤ 12; [`Error::Library`] if there are no random bytes.
    pub fn generate(digits: u8) -> Result<Self, Error> {
        if !(6..=12).contains(&digits) {
            return Err(Error::BadCodeLength);
        }
        let mut code = Zeroizing::new(String::with_capacity(digits.into()));
        while code.len() < digits.into() {
            let [byte] = random()?;
            // 250 is the last multiple of ten in a byte: no digit is likelier than another.
            if byte < 250 {
                code.push(char::from(b'0' + byte % 10));
            }
        }
        Ok(Self(code))
    }

    /// The code, for the message that carries it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is kept of the code. `purpose` says what it opens (a request, a login), so that it opens nothing else.
    #[must_use]
    pub fn hash(&self, key: &HashKey, purpose: &[u8]) -> [u8; 32] {
        key.hash(&[b"one-time-code", purpose, self.0.as_bytes()])
    }

    /// Whether `typed` is the code of this hash, in a time that does not depend on how much of it is right. Spaces and
    /// hyphens in what was typed are ignored.
    #[must_use]
    pub fn is_code_of(key: &HashKey, purpose: &[u8], typed: &str, hash: &[u8; 32]) -> bool {
        let digits: String = typed.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        let digits = Zeroizing::new(digits);
        key.is_hash_of(&[b"one-time-code", purpose, digits.as_bytes()], hash)
    }
}

/// A random token: 128 bits as 26 characters of `0-9a-v` (RFC 4648 base32hex, lower case).
///
/// # Errors
/// [`Error::Library`] if there are no random bytes.
pub fn random_token() -> Result<String, Error> {
    Ok(BASE32_DNSSEC.encode(&random::<16>()?))
}

/// A random UUID (RFC 9562 version 4, 122 bits) as text.
///
/// # Errors
/// [`Error::Library`] if there are no random bytes.
pub fn random_uuid() -> Result<String, Error> {
    let bits = u128::from_be_bytes(random()?);
    let version = bits & !(0xf << 76) | (4 << 76);
    let variant = version & !(0b11 << 62) | (0b10 << 62);
    let mut text = HEXLOWER.encode(&variant.to_be_bytes());
    for at in [20, 16, 12, 8] {
        text.insert(at, '-');
    }
    Ok(text)
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeCode([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> HashKey {
        HashKey::new(&[7; 32])
    }

    #[test]
    fn a_code_fits_its_hash_and_purpose_however_it_is_spaced() {
        let code = OneTimeCode(Zeroizing::new("012345".to_owned()));
        let hash = code.hash(&key(), b"request 7");
        assert!(OneTimeCode::is_code_of(&key(), b"request 7", "012345", &hash));
        assert!(OneTimeCode::is_code_of(&key(), b"request 7", " 012-345 ", &hash));
        assert!(!OneTimeCode::is_code_of(&key(), b"request 8", "012345", &hash));
        assert!(!OneTimeCode::is_code_of(&key(), b"request 7", "12345", &hash));
        assert!(!OneTimeCode::is_code_of(&key(), b"request 7", "", &hash));
        assert!(!OneTimeCode::is_code_of(
            &HashKey::new(&[8; 32]),
            b"request 7",
            "012345",
            &hash
        ));
    }

    #[test]
    fn a_code_has_the_digits_asked_for_and_does_not_print_itself() {
        for digits in 6..=12 {
            let code = OneTimeCode::generate(digits).unwrap();
            assert_eq!(code.as_str().len(), usize::from(digits));
            assert!(code.as_str().bytes().all(|byte| byte.is_ascii_digit()));
        }
        assert_eq!(OneTimeCode::generate(5).unwrap_err(), Error::BadCodeLength);
        assert_eq!(OneTimeCode::generate(13).unwrap_err(), Error::BadCodeLength);
        assert_eq!(
            format!("{:?}", OneTimeCode::generate(6).unwrap()),
            "OneTimeCode([secret])"
        );
    }

    #[test]
    fn digits_of_codes_are_uniform() {
        // 12,000 digits, 1,200 a value; the statistic has 9 degrees of freedom: above 60 in one run of 10^9.
        let mut seen = [0_u32; 10];
        for _ in 0..1_000 {
            for digit in OneTimeCode::generate(12).unwrap().as_str().bytes() {
                seen[usize::from(digit - b'0')] += 1;
            }
        }
        let statistic: f64 = seen
            .iter()
            .map(|&n| (f64::from(n) - 1_200.0).powi(2) / 1_200.0)
            .sum();
        assert!(statistic < 60.0, "{statistic} {seen:?}");
    }

    #[test]
    fn tokens_and_uuids_have_their_form_and_differ() {
        let token = random_token().unwrap();
        assert_eq!(token.len(), 26);
        assert!(
            token
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'v'))
        );
        assert_ne!(token, random_token().unwrap());
        for _ in 0..64 {
            let uuid = random_uuid().unwrap();
            let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{uuid}");
            assert_eq!(uuid.as_bytes()[14], b'4');
            assert!(b"89ab".contains(&uuid.as_bytes()[19]), "{uuid}");
        }
    }
}
