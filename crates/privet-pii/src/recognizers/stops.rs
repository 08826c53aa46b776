//! Where the walk stops: bytes that a recogniser may want to look at, found 64 at a time.

#[cfg(test)]
use super::class::{self, DIGIT, MARK, TOKEN};
use super::walk::LONG;
use crate::masks::{self, BLOCK};

/// The stops of a text: digits, marks, full stops, and from their [`LONG`]th byte on the bytes of long tokens.
pub(super) struct Stops<'t> {
    bytes: &'t [u8],
    /// Where the block begins that `stops` speaks of, and one bit for each of its bytes.
    base: usize,
    stops: u64,
    /// Whether the last bytes of the block can be part of a token; the last one is the highest bit.
    tokens: u64,
}

impl<'t> Stops<'t> {
    pub(super) fn new(bytes: &'t [u8]) -> Self {
        let mut stops = Self {
            bytes,
            base: 0,
            stops: 0,
            tokens: 0,
        };
        stops.load(0);
        stops
    }

    /// The first stop at `from` or behind it, where `from` never falls; none at the end of the text. `see` is told of each
    /// block that is read, and may end the search.
    #[inline]
    pub(super) fn next<E>(
        &mut self,
        from: usize,
        mut see: impl FnMut(usize) -> Result<(), E>,
    ) -> Result<Option<usize>, E> {
        loop {
            let done = from.saturating_sub(self.base);
            let live = if done < BLOCK {
                self.stops & (u64::MAX << done)
            } else {
                0
            };
            if live != 0 {
                return Ok(Some(self.base + live.trailing_zeros() as usize));
            }
            let next = self.base + BLOCK;
            if next >= self.bytes.len() {
                return Ok(None);
            }
            see(BLOCK)?;
            if from >= next + BLOCK {
                // Nothing that begins at `from` or behind it has bytes in the blocks that are passed over.
                self.tokens = 0;
                self.load(from / BLOCK * BLOCK);
            } else {
                self.load(next);
            }
        }
    }

    /// Reads the block at `base`; the block before it was read last, if that matters.
    fn load(&mut self, base: usize) {
        let (tokens, marks) = masks(&masks::block(self.bytes, base));
        // Bit i says that the bytes i - 15 to i of the block are all of a token; LONG is 16.
        let mut run = u128::from(tokens) << (LONG - 1) | u128::from(self.tokens >> (BLOCK - LONG + 1));
        for shift in [1, 2, 4, 8] {
            run &= run >> shift;
        }
        let long = u64::try_from(run & u128::from(u64::MAX)).unwrap_or(0);
        self.stops = marks | long;
        self.tokens = tokens;
        self.base = base;
    }
}

/// Which bytes can be part of a token, and which are digits, marks or full stops: a bit each, the first byte the lowest.
fn masks(block: &[u8; BLOCK]) -> (u64, u64) {
    let is_digit = |byte: u8| byte.wrapping_sub(b'0') < 10;
    let tokens = masks::of(block, |byte| {
        ((byte | 0x20).wrapping_sub(b'a') < 26) | is_digit(byte) | (byte == b'_') | (byte == b'-')
    });
    let marks = masks::of(block, |byte| {
        is_digit(byte) | (byte == b'@') | (byte == b':') | (byte == b'=') | (byte == b'\\') | (byte == b'.')
    });
    (tokens, marks)
}

/// Whether `byte` is a stop by itself.
#[cfg(test)]
fn is_stop(byte: u8) -> bool {
    class::of(byte) & (DIGIT | MARK) != 0 || byte == b'.'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The stops as one would write them down.
    fn plain(text: &[u8]) -> Vec<usize> {
        let mut run = 0;
        let mut all = Vec::new();
        for (at, byte) in text.iter().enumerate() {
            run = if class::of(*byte) & TOKEN != 0 { run + 1 } else { 0 };
            if is_stop(*byte) || run >= LONG {
                all.push(at);
            }
        }
        all
    }

    proptest! {
        #[test]
        fn every_stop_is_found_once_and_in_order(text in "([ -~]|[a-z_-]{1,24}|é中){0,120}") {
            let mut stops = Stops::new(text.as_bytes());
            let mut found = Vec::new();
            let mut from = 0;
            while let Ok(Some(at)) = stops.next(from, |_| Ok::<_, ()>(())) {
                found.push(at);
                from = at + 1;
            }
            prop_assert_eq!(found, plain(text.as_bytes()));
        }

        #[test]
        fn what_is_passed_over_is_not_found(text in "[a-z0-9. ]{0,400}", step in 1_usize..300) {
            let mut stops = Stops::new(text.as_bytes());
            let mut from = 0;
            while let Ok(Some(at)) = stops.next(from, |_| Ok::<_, ()>(())) {
                prop_assert!(at >= from);
                let byte = text.as_bytes()[at];
                prop_assert!(is_stop(byte) || class::of(byte) & TOKEN != 0);
                from = at + step;
            }
        }
    }
}
