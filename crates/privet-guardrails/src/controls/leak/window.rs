//! Rolling hashes of the last letters of a text.

use std::collections::VecDeque;

/// 2^61 − 1: a prime, by which remainders are cheap.
const PRIME: u64 = (1 << 61) - 1;

/// The polynomial that windows are hashed by: a base, and its power for what leaves the window.
///
/// # Source
/// Karp & Rabin, "Efficient randomized pattern-matching algorithms", IBM J. Res. Dev. 31(2), 1987.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Polynomial {
    base: u64,
    power: u64,
    length: usize,
}

impl Polynomial {
    /// For windows of `length` ≥ 1 items. Who does not know `seed` cannot make collisions.
    pub(super) fn new(seed: u64, length: usize) -> Self {
        let base = 0x1_0000_0000 + seed % (PRIME - 0x2_0000_0000);
        let power = (1..length).fold(1, |power, _| times(power, base));
        Self { base, power, length }
    }

    /// The hashes of all windows of `items`, in order.
    pub(super) fn all(self, items: impl Iterator<Item = u64>) -> impl Iterator<Item = u64> {
        let mut window = Window::default();
        items.filter_map(move |item| window.push(item, self))
    }
}

fn times(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    let low = u64::try_from(product & u128::from(PRIME)).unwrap_or_default();
    let high = u64::try_from(product >> 61).unwrap_or_default();
    plus(low, high)
}

fn plus(a: u64, b: u64) -> u64 {
    let sum = a + b;
    if sum >= PRIME { sum - PRIME } else { sum }
}

/// The last items of a text.
#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    items: VecDeque<u64>,
    hash: u64,
}

impl Window {
    /// Takes the next item, below 2^61 − 1; the hash of the last `length` ones, if there are so many.
    pub(super) fn push(&mut self, item: u64, polynomial: Polynomial) -> Option<u64> {
        if self.items.len() >= polynomial.length
            && let Some(oldest) = self.items.pop_front()
        {
            let gone = times(oldest + 1, polynomial.power);
            self.hash = plus(self.hash, PRIME - gone);
        }
        self.items.push_back(item);
        self.hash = plus(times(self.hash, polynomial.base), item + 1);
        (self.items.len() == polynomial.length).then_some(self.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_windows_have_equal_hashes_wherever_they_stand() {
        let polynomial = Polynomial::new(7, 4);
        let hashes = |text: &str| -> Vec<u64> { polynomial.all(text.chars().map(u64::from)).collect() };
        assert_eq!(hashes("xxabcdyy")[2], hashes("abcd")[0]);
        assert_eq!(hashes("abc").len(), 0);
        let mut all = hashes("abcdefghijklmnopqrstuvwxyz0123456789");
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 33);
    }
}
