//! One-time codes of authenticator apps.

use std::fmt::Write;

use data_encoding::BASE32_NOPAD;
use jiff::Timestamp;
use privet_crypto::{HashKey, hmac_sha1};
use privet_types::Principal;

/// Seconds of a time step (RFC 6238 §5.2).
const STEP: i64 = 30;
/// Steps that a clock may be off in both directions (RFC 6238 §5.2 and §6).
const DRIFT: i64 = 1;
/// Digits of a code.
const DIGITS: usize = 6;
/// Bytes of a secret (RFC 4226 §4, R6: 160 bits).
pub(super) const SECRET: usize = 20;

/// The code of `step` (RFC 4226 §5.3, with the counter of RFC 6238 §4.2).
fn code(secret: &[u8], step: i64) -> String {
    let hash = hmac_sha1(secret, &step.to_be_bytes());
    let offset = usize::from(hash.last().copied().unwrap_or(0) & 0x0f);
    let mut four = [0; 4];
    for (byte, from) in four.iter_mut().zip(hash.iter().skip(offset)) {
        *byte = *from;
    }
    let number = (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000;
    format!("{number:0DIGITS$}")
}

/// The step whose code `typed` is, of those that count at `now`. Each is looked at in full, in constant time. Blanks in what was
/// typed are ignored. `key` blinds the comparison.
pub(super) fn step_of(secret: &[u8], typed: &str, now: Timestamp, key: &HashKey) -> Option<i64> {
    let digits: String = typed.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    if digits.len() != DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let current = now.as_second().div_euclid(STEP);
    let mut found = None;
    for step in current - DRIFT..=current + DRIFT {
        let expected = key.hash(&[code(secret, step).as_bytes()]);
        if key.is_hash_of(&[digits.as_bytes()], &expected) {
            found = Some(step);
        }
    }
    found
}

/// What an authenticator app reads (the key URI format of Google Authenticator).
pub(super) fn uri(secret: &[u8], issuer: &str, name: &Principal) -> String {
    let issuer = escape(issuer);
    format!(
        "otpauth://totp/{issuer}:{}?secret={}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP}",
        escape(name.as_str()),
        BASE32_NOPAD.encode(secret)
    )
}

/// RFC 3986 §2.1: all but unreserved characters.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use privet_crypto::RootKey;

    /// RFC 6238, Appendix B: the last six of its eight digits.
    const VECTORS: [(i64, &str); 6] = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];
    const KEY: &[u8] = b"12345678901234567890";

    fn hash_key() -> HashKey {
        RootKey::generate().unwrap().hash_key("test", b"")
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_vectors_of_rfc_6238_are_reproduced() {
        for (second, expected) in VECTORS {
            assert_eq!(code(KEY, second / STEP), expected);
            assert_eq!(
                step_of(KEY, expected, at(second), &hash_key()),
                Some(second / STEP)
            );
        }
    }

    #[test]
    fn a_code_counts_one_step_early_and_late_and_no_longer() {
        let (second, code) = VECTORS[1];
        let step = second.div_euclid(STEP);
        let counts = |offset: i64| step_of(KEY, code, at((step + offset) * STEP), &hash_key());
        assert_eq!([-1, 0, 1].map(counts), [Some(step); 3]);
        assert_eq!([-2, 2].map(counts), [None; 2]);
    }

    #[test]
    fn only_six_digits_are_a_code() {
        let (second, _) = VECTORS[1];
        let typed = |text: &str| step_of(KEY, text, at(second), &hash_key()).is_some();
        assert!(typed("081 804") && typed("081-804"));
        for bad in ["", "81804", "0818040", "08180a", "٠٨١٨٠٤"] {
            assert!(!typed(bad), "{bad}");
        }
    }

    #[test]
    fn an_app_is_told_all_that_it_needs() {
        assert_eq!(
            uri(KEY, "Privet (gate.example)", &"ann@example.org".parse().unwrap()),
            "otpauth://totp/Privet%20%28gate.example%29:ann%40example.org\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Privet%20%28gate.example%29\
             &algorithm=SHA1&digits=6&period=30"
        );
    }
}
