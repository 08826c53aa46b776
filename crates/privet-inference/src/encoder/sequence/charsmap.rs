//! The table by which SentencePiece rewrites characters before it cuts a text.
//!
//! Source: `src/normalizer.cc` of SentencePiece for the layout (the size of a double array, its units, texts that end with a
//! zero byte), and Yata et al., "A compact static double-array keeping character codes", 2007, for the array. Every look-up is
//! bounded by the bytes that are looked up, whatever the table holds.

use crate::error::Error;

/// More than any such table has.
const MOST_BYTES: usize = 1 << 24;

/// What characters are rewritten to.
#[derive(Debug)]
pub(super) struct Charsmap {
    units: Vec<u32>,
    texts: Vec<u8>,
}

impl Charsmap {
    /// Reads the table's bytes.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Error> {
        let bad = || Error::Vocabulary {
            reason: "its table of characters (`precompiled_charsmap`) is damaged",
        };
        if bytes.len() > MOST_BYTES {
            return Err(bad());
        }
        let (size, rest) = bytes.split_first_chunk::<4>().ok_or_else(bad)?;
        let size = usize::try_from(u32::from_le_bytes(*size)).map_err(|_| bad())?;
        let (array, texts) = rest.split_at_checked(size).ok_or_else(bad)?;
        let (units, rest) = array.as_chunks::<4>();
        if !rest.is_empty() || units.is_empty() {
            return Err(bad());
        }
        Ok(Self {
            units: units.iter().map(|unit| u32::from_le_bytes(*unit)).collect(),
            texts: texts.to_vec(),
        })
    }

    /// What the shortest beginning of `text` that the table knows is rewritten to.
    pub(super) fn rewritten(&self, text: &str) -> Option<&str> {
        let at = self.find(text.as_bytes())?;
        let rest = self.texts.get(at..)?;
        let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
        std::str::from_utf8(rest.get(..end)?).ok()
    }

    fn find(&self, key: &[u8]) -> Option<usize> {
        let unit = |at: u32| self.units.get(at as usize).copied();
        let offset = |unit: u32| (unit >> 10) << ((unit & (1 << 9)) >> 6);
        let mut at = offset(unit(0)?);
        for byte in key.iter().take_while(|byte| **byte != 0) {
            at ^= u32::from(*byte);
            let own = unit(at)?;
            if own & ((1 << 31) | 0xff) != u32::from(*byte) {
                return None;
            }
            at ^= offset(own);
            if own >> 8 & 1 == 1 {
                return usize::try_from(unit(at)? & 0x7fff_ffff).ok();
            }
        }
        None
    }
}
