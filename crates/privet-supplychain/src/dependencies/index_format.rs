//! The bytes of an index: numbers and texts that are read with every bound checked.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | [`MAGIC`], whose last byte is the version of the format |
//! | 32 | SHA-256 of all that follows |
//! | 4 + n | length and JSON of the header |
//! | 4, 4 | number of packages, of advisories |
//! | 4 × packages | where in the heap each package's record starts, by ecosystem and name in order |
//! | 4 × advisories | where each advisory's record starts |
//! | rest | the heap |
//!
//! Numbers of the head are little-endian `u32`; those in the heap are LEB128. A text is its length and its UTF-8.

use super::Error;

/// What an index starts with.
pub(super) const MAGIC: [u8; 8] = *b"PRVOSV\x00\x01";
/// Length of the digest behind the magic.
pub(super) const DIGEST: usize = 32;

pub(super) const fn damaged(problem: &'static str) -> Error {
    Error::Index { problem }
}

/// Reads from the front of a slice.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(damaged("it ends early"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Error> {
        self.take(1)?.first().copied().ok_or(damaged("it ends early"))
    }

    pub(super) fn fixed(&mut self) -> Result<usize, Error> {
        let bytes: [u8; 4] = self.take(4)?.try_into().map_err(|_| damaged("it ends early"))?;
        usize::try_from(u32::from_le_bytes(bytes)).map_err(|_| damaged("a number is too large"))
    }

    pub(super) fn number(&mut self) -> Result<usize, Error> {
        let mut out = 0_u64;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            out |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return usize::try_from(out).map_err(|_| damaged("a number is too large"));
            }
        }
        Err(damaged("a number is too long"))
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Error> {
        let length = self.number()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| damaged("a text is not UTF-8"))
    }

    /// A counted list. Nothing is set aside by the count: a false one runs into the end.
    pub(super) fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let count = self.number()?;
        let mut out = Vec::new();
        for _ in 0..count {
            // INVARIANT: every item takes a byte or more, so the loop ends with the bytes.
            out.push(read(self)?);
        }
        Ok(out)
    }
}

/// Where the `at`th record of a table of offsets starts.
pub(super) fn offset(table: &[u8], at: usize) -> Option<usize> {
    let start = at.checked_mul(4)?;
    let bytes = table.get(start..start.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
}

/// Appends `value` as LEB128.
pub(super) fn put_number(out: &mut Vec<u8>, value: usize) {
    let mut value = value;
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap_or_default() | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or_default());
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn put_texts<T: AsRef<str>>(out: &mut Vec<u8>, texts: &[T]) {
    put_number(out, texts.len());
    for text in texts {
        put_text(out, text.as_ref());
    }
}

/// Appends a `u32`; an index above 4 GiB is refused.
pub(super) fn put_fixed(out: &mut Vec<u8>, value: usize) -> Result<(), Error> {
    let value = u32::try_from(value).map_err(|_| damaged("it would be larger than 4 GiB"))?;
    out.extend_from_slice(&value.to_le_bytes());
    Ok(())
}
