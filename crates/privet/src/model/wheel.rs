//! One file out of a ZIP archive whose bytes are known.
//!
//! Source: PKWARE's APPNOTE 6.3.9, sections 4.3.7, 4.3.12 and 4.3.16. Sizes are checked, but nothing of the archive is trusted:
//! it is opened only after its hash was compared, and so are the files in it.

use std::io::Read;

use anyhow::{Context, Result, bail};
use flate2::read::DeflateDecoder;

const END: &[u8; 4] = b"PK\x05\x06";
const ENTRY: &[u8; 4] = b"PK\x01\x02";
const LOCAL: &[u8; 4] = b"PK\x03\x04";
/// Bytes of the record at the end, without a comment.
const END_BYTES: usize = 22;

/// The bytes of the file at `path` in `archive`, of which there have to be `bytes`.
///
/// # Errors
/// If there is no such file, or the archive is damaged.
pub(super) fn file(archive: &[u8], path: &str, bytes: usize) -> Result<Vec<u8>> {
    let damaged = || "the archive is damaged";
    let end = archive
        .windows(END_BYTES)
        .rev()
        .take(1 << 16)
        .find(|record| record.starts_with(END))
        .context("not a ZIP archive")?;
    let count = number(end, 10, 2).with_context(damaged)?;
    let mut at = number(end, 16, 4).with_context(damaged)?;
    for _ in 0..count {
        let entry = archive
            .get(at..)
            .filter(|e| e.starts_with(ENTRY))
            .with_context(damaged)?;
        let field = |offset, length| number(entry, offset, length).with_context(damaged);
        let (name, extra, comment) = (field(28, 2)?, field(30, 2)?, field(32, 2)?);
        if entry.get(46..46 + name) == Some(path.as_bytes()) {
            let (method, packed, unpacked) = (field(10, 2)?, field(20, 4)?, field(24, 4)?);
            if unpacked != bytes {
                bail!("the file has {unpacked} bytes instead of {bytes}");
            }
            let local = archive
                .get(field(42, 4)?..)
                .filter(|l| l.starts_with(LOCAL))
                .with_context(damaged)?;
            let field = |offset| number(local, offset, 2).with_context(damaged);
            let from = 30 + field(26)? + field(28)?;
            let data = local.get(from..from + packed).with_context(damaged)?;
            return unpack(data, method, bytes);
        }
        at += 46 + name + extra + comment;
    }
    bail!("the archive has no such file")
}

fn unpack(data: &[u8], method: usize, bytes: usize) -> Result<Vec<u8>> {
    match method {
        0 => Ok(data.to_vec()),
        8 => {
            let mut out = Vec::with_capacity(bytes);
            // One byte more than there may be shows that there are too many.
            DeflateDecoder::new(data)
                .take(bytes as u64 + 1)
                .read_to_end(&mut out)?;
            Ok(out)
        }
        _ => bail!("the archive is packed in a way that is not known here"),
    }
}

/// A little-endian number of `length` bytes at `offset`.
fn number(bytes: &[u8], offset: usize, length: usize) -> Option<usize> {
    let bytes = bytes.get(offset..offset + length)?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive with a stored `a/b.txt` and a packed `c`, seven times the letter a.
    fn archive() -> Vec<u8> {
        let packed: &[u8] = &[0x4b, 0x4c, 0x04, 0x03, 0x00];
        let mut out = Vec::new();
        let mut entries = Vec::new();
        let files: [(&str, u16, &[u8], u32); 2] = [("a/b.txt", 0, b"hello", 5), ("c", 8, packed, 7)];
        for (name, method, data, size) in files {
            let at = u32::try_from(out.len()).unwrap().to_le_bytes();
            let name_length = u16::try_from(name.len()).unwrap().to_le_bytes();
            let packed = u32::try_from(data.len()).unwrap().to_le_bytes();
            let method = method.to_le_bytes();
            let head = [
                &[20, 0, 0, 0][..],
                &method,
                &[0; 8],
                &packed,
                &size.to_le_bytes(),
                &name_length,
                &[0, 0],
            ]
            .concat();
            out.extend([&LOCAL[..], &head, name.as_bytes(), data].concat());
            entries.extend([&ENTRY[..], &[0, 0], &head, &[0; 10], &at, name.as_bytes()].concat());
        }
        let at = u32::try_from(out.len()).unwrap().to_le_bytes();
        let size = u32::try_from(entries.len()).unwrap().to_le_bytes();
        out.extend(entries);
        out.extend([&END[..], &[0; 4], &[2, 0, 2, 0], &size, &at, &[0, 0]].concat());
        out
    }

    #[test]
    fn files_are_found_by_their_path_stored_or_packed() {
        assert_eq!(file(&archive(), "a/b.txt", 5).unwrap(), b"hello");
        assert_eq!(file(&archive(), "c", 7).unwrap(), b"aaaaaaa");
    }

    #[test]
    fn what_is_missing_or_of_another_size_or_cut_is_refused() {
        let whole = archive();
        assert!(file(&whole, "b.txt", 5).is_err());
        assert!(file(&whole, "a/b.txt", 6).is_err());
        for length in 0..whole.len() {
            assert!(file(&whole[..length], "a/b.txt", 5).is_err(), "{length}");
        }
    }
}
