//! One bit for each of 64 bytes, so that what stands in a block is told of all its bytes together.

/// Bytes looked at together.
pub(crate) const BLOCK: usize = 64;

/// The lowest bit of each byte; the first byte is the lowest bit.
#[inline]
pub(crate) fn gathered(bits: &[u8; BLOCK]) -> u64 {
    let (eights, _) = bits.as_chunks::<8>();
    let mut all = 0;
    for (i, eight) in eights.iter().enumerate() {
        // Moves the lowest bit of each of eight bytes into the highest byte, each to a bit of its own.
        all |= (u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i);
    }
    all
}

/// Whether `is_one` tells of any byte of `block`.
#[inline]
pub(crate) fn holds(block: &[u8; BLOCK], is_one: impl Fn(u8) -> bool) -> bool {
    block.iter().fold(0, |any, byte| any | u8::from(is_one(*byte))) != 0
}

/// A bit for each byte of `block` that `is_one` tells of.
#[inline]
pub(crate) fn of(block: &[u8; BLOCK], is_one: impl Fn(u8) -> bool) -> u64 {
    let mut bits = [0; BLOCK];
    for (bit, byte) in bits.iter_mut().zip(block) {
        *bit = u8::from(is_one(*byte));
    }
    gathered(&bits)
}

/// The block that begins at `base`, with spaces behind the end of the text.
#[inline]
pub(crate) fn block(bytes: &[u8], base: usize) -> [u8; BLOCK] {
    let rest = bytes.get(base..).unwrap_or_default();
    if let Some(block) = rest.first_chunk() {
        return *block;
    }
    let mut block = [b' '; BLOCK];
    if let Some(begin) = block.get_mut(..rest.len()) {
        begin.copy_from_slice(rest);
    }
    block
}

/// The places of the bits that are set, the lowest first.
#[inline]
pub(crate) fn places(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = (bits != 0).then(|| bits.trailing_zeros() as usize);
        bits &= bits.wrapping_sub(1);
        place
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_bit() {
        for place in 0..BLOCK {
            let mut bytes = [b' '; BLOCK];
            bytes[place] = b'x';
            assert_eq!(of(&bytes, |b| b == b'x'), 1 << place);
        }
        assert_eq!(places(0b1000_0101).collect::<Vec<_>>(), [0, 2, 7]);
        assert_eq!(block(b"ab", 1), {
            let mut bytes = [b' '; BLOCK];
            bytes[0] = b'b';
            bytes
        });
    }
}
