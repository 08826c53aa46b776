//! Base58Check: 25 bytes, the last four of which are the first four of a double SHA-256 of the others.
//!
//! Source: Bitcoin Wiki, "Base58Check encoding"; draft-msporny-base58-03.

use privet_crypto::sha256;

/// Digits, letters without `I`, `O`, `l`, `0`.
const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Version, hash, checksum.
const LENGTH: usize = 25;

/// The version byte of an address, if its checksum is right.
pub(super) fn version(address: &[u8]) -> Option<u8> {
    let mut bytes = [0_u8; LENGTH];
    for byte in address {
        let value = ALPHABET.iter().position(|a| a == byte)?;
        let mut carry = u32::try_from(value).ok()?;
        for slot in bytes.iter_mut().rev() {
            carry += u32::from(*slot) * 58;
            *slot = u8::try_from(carry & 0xff).ok()?;
            carry >>= 8;
        }
        if carry != 0 {
            return None;
        }
    }
    let leading = address.iter().take_while(|b| **b == b'1').count();
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    let (payload, checksum) = bytes.split_at_checked(LENGTH - 4)?;
    let hash = sha256(&sha256(payload));
    (leading == zeros && hash.starts_with(checksum)).then(|| payload.first().copied())?
}
