//! JSON Web Tokens: RFC 7519 in the compact forms of RFC 7515 (three parts) and RFC 7516 (five), and Privet's own, which have a
//! prefix.

use privet_types::Entity;

use super::scan::Scan;
use super::{Outcome, Token};

/// How every base64url-encoded `{"` begins.
const START: &[u8] = b"eyJ";
/// How Privet's own tokens begin.
const OWN: &[u8] = b"privet_at_eyJ";
/// Parts of an encrypted token.
const MOST_PARTS: usize = 5;
/// Shortest header: `{"alg":"x"}` is longer.
const SHORTEST: usize = 12;

/// Finds a token whose header is the given token; at least a second part must follow, but for one of Privet's.
pub(super) fn find(scan: &mut Scan<'_>, token: Token) -> Outcome {
    let Token { start, end, .. } = token;
    let is_own = scan.slice(start, end).starts_with(OWN);
    let is_one = is_own || scan.slice(start, end).starts_with(START);
    if start < scan.done.token || end - start < SHORTEST || !is_one {
        return Ok(());
    }
    let mut last = end;
    let mut parts = 1;
    while parts < MOST_PARTS && scan.at(last) == b'.' {
        let mut at = last + 1;
        loop {
            let chunk = scan.slice(at, (at + 4096).min(scan.bytes.len()));
            let len = chunk
                .iter()
                .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
                .count();
            scan.spend(len)?;
            at += len;
            if len < 4096 {
                break;
            }
        }
        if at == last + 1 {
            break;
        }
        parts += 1;
        last = at;
    }
    scan.done.token = last;
    if is_own {
        scan.report(Entity::API_KEY, start, last, 0.95, "key/privet");
    } else if parts >= 2 {
        scan.report(Entity::API_KEY, start, last, 0.95, "key/jwt");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, misses};

    #[test]
    fn a_token_of_our_own_is_found_whole_and_when_it_was_cut() {
        let head = String::from("privet_at_") + "eyJhbGciOiJFZERTQSJ9";
        for value in [format!("{head}.eyJqdGkiOiJ4In0.c2lnbmF0dXJl"), head.clone()] {
            finds(Entity::API_KEY, &format!("Bearer {value} is mine"), &value);
        }
    }

    #[test]
    fn signed_unsigned_and_encrypted_tokens_are_found() {
        let head = String::from("eyJ") + "hbGciOiJIUzI1NiJ9";
        for rest in [
            ".eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
            ".eyJzdWIiOiJ4In0",
            "..",
            ".a1.b2.c3.d4",
        ] {
            let value = head.clone() + rest;
            let value = value.trim_end_matches('.').to_owned();
            if rest == ".." {
                misses(Entity::API_KEY, &value);
            } else {
                finds(Entity::API_KEY, &format!("Cookie {value}."), &value);
            }
        }
    }
}
