//! Eight bytes of a text in one number.

/// Eight bytes of a text, the first one lowest, looked at together.
#[derive(Clone, Copy)]
pub(super) struct Eight(u64);

impl Eight {
    pub(super) const LEN: usize = 8;
    /// The highest bit of each byte.
    const HIGH: u64 = 0x8080_8080_8080_8080;
    const ONES: u64 = 0x0101_0101_0101_0101;

    /// The first bytes of `text`, zeros behind its end.
    #[inline]
    pub(super) fn read(text: &[u8]) -> Self {
        Self(first_eight(text))
    }

    /// The highest bit of each byte that is an ASCII letter, and of each that is a small one.
    #[inline]
    const fn classes(self) -> (u64, u64) {
        let small = self.0 & !Self::HIGH | (0x20 * Self::ONES);
        let from_a = small + (0x80 - 0x61) * Self::ONES;
        let after_z = small + (0x80 - 0x7b) * Self::ONES;
        let letters = from_a & !after_z & !self.0 & Self::HIGH;
        (letters, letters & self.0 << 2)
    }

    /// How many letters of one word stand at the beginning, behind a small letter or none: a capital behind a small letter
    /// begins another word.
    #[inline]
    pub(super) const fn letters(self, is_behind_small: bool) -> usize {
        let (letters, small) = self.classes();
        let behind_small = small << 8 | (is_behind_small as u64) << 7;
        let ends = !letters & Self::HIGH | letters & !small & behind_small;
        (ends.trailing_zeros() / 8) as usize
    }

    /// All of them with bit 5 set: letters as small ones.
    #[inline]
    pub(super) const fn all_small(self) -> [u8; 8] {
        (self.0 | (0x20 * Self::ONES)).to_le_bytes()
    }

    /// The first `count` bytes, 1 ..= 8 letters, as small letters; zeros for the others.
    #[inline]
    pub(super) const fn small(self, count: usize) -> u64 {
        (self.0 | (0x20 * Self::ONES)) & u64::MAX >> (64 - 8 * count)
    }

    /// Whether the letter at `place`, 0 ..= 7, is a small one.
    #[inline]
    pub(super) const fn is_small(self, place: usize) -> bool {
        self.0 >> (8 * place + 5) & 1 == 1
    }
}

/// The first eight bytes of `text`, the first one lowest; zeros behind its end.
#[inline]
pub(super) fn first_eight(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(eight) => u64::from_le_bytes(*eight),
        None => fewer_than_eight(text),
    }
}

/// The same for a shorter text: its first and last bytes, which may be the same ones.
fn fewer_than_eight(text: &[u8]) -> u64 {
    let len = text.len();
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return u64::from(u32::from_le_bytes(*first))
            | u64::from(u32::from_le_bytes(*last)) << (8 * (len - 4));
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return u64::from(u16::from_le_bytes(*first))
            | u64::from(u16::from_le_bytes(*last)) << (8 * (len - 2));
    }
    text.first().map_or(0, |byte| u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_eight_bytes_are_read_of_texts_of_any_length() {
        let text = b"0123456789";
        for len in 0..=text.len() {
            let text = &text[..len];
            let expected = text
                .iter()
                .take(8)
                .rev()
                .fold(0, |all, byte| all << 8 | u64::from(*byte));
            assert_eq!(first_eight(text), expected, "{len}");
        }
    }
}
