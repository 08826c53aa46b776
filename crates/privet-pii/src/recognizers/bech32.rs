//! Bech32 and Bech32m segregated-witness addresses: BIP-173 and BIP-350.

const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// Generator of the BCH code, BIP-173 "Checksum".
const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
/// What the checksum of witness version 0 leaves.
const BECH32: u32 = 1;
/// What the checksum of later versions leaves, BIP-350.
const BECH32M: u32 = 0x2bc8_30a3;
/// Longest address, BIP-173.
const LONGEST: usize = 90;

/// Whether `address`, of one case, is a segregated-witness address under `prefix` (such as `bc`).
pub(super) fn is_address(address: &[u8], prefix: &str) -> bool {
    let has_lower = address.iter().any(u8::is_ascii_lowercase);
    if address.len() > LONGEST || has_lower && address.iter().any(u8::is_ascii_uppercase) {
        return false;
    }
    let Some((head, data)) = address.split_at_checked(prefix.len() + 1) else {
        return false;
    };
    let is_named = head
        .strip_suffix(b"1")
        .is_some_and(|p| p.eq_ignore_ascii_case(prefix.as_bytes()));
    let values: Option<Vec<u32>> = data.iter().map(|b| value(b.to_ascii_lowercase())).collect();
    let Some(values) = values.filter(|v| is_named && v.len() > 7) else {
        return false;
    };
    let high = prefix.bytes().map(|b| u32::from(b >> 5));
    let low = prefix.bytes().map(|b| u32::from(b & 31));
    let left = polymod(high.chain([0]).chain(low).chain(values.iter().copied()));
    match values.first() {
        Some(0) => left == BECH32,
        Some(1..=16) => left == BECH32M,
        _ => false,
    }
}

fn value(byte: u8) -> Option<u32> {
    ALPHABET
        .iter()
        .position(|a| *a == byte)
        .and_then(|i| u32::try_from(i).ok())
}

fn polymod(values: impl Iterator<Item = u32>) -> u32 {
    values.fold(1, |sum, value| {
        let shifted = ((sum & 0x01ff_ffff) << 5) ^ value;
        let top = sum >> 25;
        GENERATOR
            .iter()
            .enumerate()
            .filter(|(i, _)| (top >> i) & 1 == 1)
            .fold(shifted, |s, (_, g)| s ^ g)
    })
}
