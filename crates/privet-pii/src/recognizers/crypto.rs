//! Cryptocurrency addresses that carry a checksum, and Ethereum's.

use privet_types::Entity;

use super::scan::Scan;
use super::{Outcome, Token, base58, bech32};

/// Version bytes of pay-to-public-key-hash and pay-to-script-hash addresses: Bitcoin 0 and 5, Dogecoin 30 and 22,
/// Litecoin 48 and 50, Dash 76 and 16, Bitcoin test networks 111 and 196; Tron 65.
///
/// Source: `chainparams.cpp` of the reference clients; TRON developer hub, "Account".
const VERSIONS: &[u8] = &[0, 5, 16, 22, 30, 48, 50, 65, 76, 111, 196];
/// Human-readable parts of segregated-witness addresses: SLIP-0173.
const PREFIXES: &[&str] = &["bc", "tb", "ltc"];
/// `0x` and forty hexadecimal digits, EIP-55.
const ETHEREUM: usize = 42;
/// Shortest and longest of all.
const LENGTHS: std::ops::RangeInclusive<usize> = 25..=90;

/// Finds addresses that are a whole token.
pub(super) fn find(scan: &mut Scan<'_>, token: Token) -> Outcome {
    let Token { start, end, .. } = token;
    if !LENGTHS.contains(&(end - start)) {
        return Ok(());
    }
    let address = scan.slice(start, end);
    // Long division by 58 passes over 25 bytes for every character.
    scan.spend(4 * address.len())?;
    let rule = if (25..=36).contains(&address.len()) && is_base58(address) {
        (1.0, "crypto/base58check")
    } else if PREFIXES.iter().any(|prefix| bech32::is_address(address, prefix)) {
        (1.0, "crypto/bech32")
    } else if is_ethereum(address) {
        // The mixed-case checksum needs Keccak, which no library of the workspace has: the form alone is trusted less.
        (0.7, "crypto/ethereum")
    } else {
        return Ok(());
    };
    scan.report(Entity::CRYPTO, start, end, rule.0, rule.1);
    Ok(())
}

fn is_base58(address: &[u8]) -> bool {
    address.first().is_some_and(u8::is_ascii_alphanumeric)
        && base58::version(address).is_some_and(|v| VERSIONS.contains(&v))
}

fn is_ethereum(address: &[u8]) -> bool {
    let Some(digits) = address.strip_prefix(b"0x") else {
        return false;
    };
    let mut pairs = digits.iter().zip(digits.iter().skip(1));
    address.len() == ETHEREUM && digits.iter().all(u8::is_ascii_hexdigit) && !pairs.all(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds, misses};

    #[test]
    fn addresses_of_the_standards_are_found() {
        for value in [
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
            "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
            "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "0x52908400098527886E0F7030069857D2E4169EE7",
        ] {
            finds(Entity::CRYPTO, &format!("send to {value}."), value);
        }
    }

    #[test]
    fn wrong_checksums_and_hashes_are_not_reported() {
        for text in [
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
            "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp",
            "8f953371d3e85eddb89b05ed6b9e680791055315c73e1025ab5dba7bb2aee189",
            "0x0000000000000000000000000000000000000000",
        ] {
            misses(Entity::CRYPTO, text);
        }
    }
}
