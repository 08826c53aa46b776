//! Numbers that follow from a seed.

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): small, seedable, and the same everywhere.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The numbers for `what` under `seed`: another probe or round has others.
    pub(crate) fn new(seed: u64, what: &str, round: u32) -> Self {
        let mixed = fingerprint(what.as_bytes(), seed);
        let mut chance = Self(mixed ^ u64::from(round).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        chance.next();
        chance
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in 0 .. `n`; 0 if `n` is 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        let n = n.max(1) as u64;
        usize::try_from(self.next() % n).unwrap_or(0)
    }

    /// One of `all`; the default of nothing.
    pub(crate) fn one<T: Copy + Default>(&mut self, all: &[T]) -> T {
        all.get(self.below(all.len())).copied().unwrap_or_default()
    }

    /// `count` decimal digits, the first of which is none of `01`.
    pub(crate) fn digits(&mut self, count: usize) -> String {
        let digit = |value: usize| char::from_digit(u32::try_from(value).unwrap_or(0), 10).unwrap_or('0');
        (0..count)
            .map(|at| {
                if at == 0 {
                    digit(2 + self.below(8))
                } else {
                    digit(self.below(10))
                }
            })
            .collect()
    }
}

/// FNV-1a, 64 bits, started from `seed`: tells plans apart, protects nothing.
pub(crate) fn fingerprint(bytes: &[u8], seed: u64) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    bytes.iter().fold(BASIS ^ seed, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(PRIME)
    })
}
