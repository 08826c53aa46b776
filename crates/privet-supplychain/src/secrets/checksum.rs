//! Checksums that issuers put into their tokens: who knows the form can tell a token that was never issued.

use flate2::Crc;

/// Digits of GitHub's base 62.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Digits of a checksum in base 62: 62⁶ is more than 2³².
const LENGTH: usize = 6;

/// Whether the checksum in `token` fits; `None` if its issuer gives none, or none that is known here.
///
/// # Source
/// GitHub, "Behind GitHub's new authentication token formats" (2021) and "npm has a new access token format" (2021): the last six of
/// 36 signs are the CRC-32 of the first 30, in base 62. Atlassian's API tokens end with the CRC-32, in hexadecimal digits, of all that
/// stands before, as published tokens of theirs bear out.
pub(super) fn fits(token: &[u8]) -> Option<bool> {
    if let Some((start, end)) = base62(token) {
        return Some(end == written(start));
    }
    if token.starts_with(b"ATATT3") && token.len() > 9 {
        let (start, end) = token.split_at_checked(token.len() - 8)?;
        return start
            .ends_with(b"=")
            .then(|| end == format!("{:08X}", crc(start)).as_bytes());
    }
    None
}

/// `token` with the checksum that fits, where [`fits`] knows one.
pub(super) fn with(token: &str) -> String {
    let mut made = token.to_owned();
    if let Some((start, _)) = base62(token.as_bytes()) {
        made.truncate(token.len() - LENGTH);
        made.extend(written(start).map(char::from));
    }
    made
}

/// What the checksum is over, and the checksum, of a token with one in base 62.
fn base62(token: &[u8]) -> Option<(&[u8], &[u8])> {
    let body = [&b"ghp_"[..], b"gho_", b"ghu_", b"ghs_", b"ghr_", b"npm_"]
        .iter()
        .find_map(|prefix| token.strip_prefix(*prefix))?;
    (body.len() == 36).then(|| body.split_at_checked(body.len() - LENGTH))?
}

/// The CRC-32 of `bytes` in base 62, with zeros in front.
fn written(bytes: &[u8]) -> [u8; LENGTH] {
    let mut left = crc(bytes) as usize;
    let mut digits = [b'0'; LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS.get(left % DIGITS.len()).copied().unwrap_or(b'0');
        left /= DIGITS.len();
    }
    digits
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_a_token_that_is_published_as_a_dummy_fits() {
        let token = concat!("npm_", "qkJaB6MffYVzZXWqmcoF49yrUxP3wf0LsakP");
        assert_eq!(fits(token.as_bytes()), Some(true));
        assert_eq!(fits(token.replace("qkJ", "qkj").as_bytes()), Some(false));
        assert_eq!(with(&token.replace("0LsakP", "000000")), token);
    }

    #[test]
    fn a_token_without_a_known_checksum_is_not_judged() {
        assert_eq!(fits(b"glpat-q7Zk2Rw9XtHn4LsVj8Pm"), None);
        assert_eq!(fits(b"ghp_short"), None);
        assert_eq!(fits(b"ATATT3"), None);
    }
}
