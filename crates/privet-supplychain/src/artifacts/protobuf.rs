//! Protocol Buffers' wire format, read field by field with nothing kept.
//!
//! # Source
//! <https://protobuf.dev/programming-guides/encoding/>.

use super::error::Stop;
use super::source::Feed;

/// How deep messages may lie in one another.
pub(super) const NESTING: u8 = 64;

/// A field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// A number.
    Number(u64),
    /// Bytes, text or a message: it starts at the reader's place and ends here.
    Until(u64),
}

/// The next field of a message that ends at `end`; `None` at the end. A caller that does not read bytes must pass over them.
pub(super) fn field(feed: &mut Feed<'_>, end: u64) -> Result<Option<(u64, Wire)>, Stop> {
    let at = feed.at();
    if at == end {
        return Ok(None);
    }
    if at > end {
        return Err(Stop::damaged(
            at,
            "a field of a message is longer than the message",
        ));
    }
    let key = varint(feed)?;
    let wire = match key & 7 {
        0 => Wire::Number(varint(feed)?),
        1 => Wire::Number(u64::from_le_bytes(feed.array()?)),
        5 => Wire::Number(u32::from_le_bytes(feed.array()?).into()),
        2 => {
            let size = varint(feed)?;
            let until = feed.at().checked_add(size).filter(|until| *until <= end);
            Wire::Until(
                until.ok_or_else(|| Stop::damaged(at, "a field of a message is longer than the message"))?,
            )
        }
        _ => return Err(Stop::damaged(at, "a field of a message is of an unknown kind")),
    };
    Ok(Some((key >> 3, wire)))
}

/// Passes over what is left up to `end`.
pub(super) fn skip(feed: &mut Feed<'_>, end: u64) -> Result<(), Stop> {
    match end.saturating_sub(feed.at()) {
        0 => Ok(()),
        left => feed.skip(left),
    }
}

/// Text up to `end`; longer than `limit` is passed over and empty.
pub(super) fn text(feed: &mut Feed<'_>, end: u64, limit: usize) -> Result<String, Stop> {
    let size = usize::try_from(end.saturating_sub(feed.at())).unwrap_or(usize::MAX);
    if size > limit {
        skip(feed, end)?;
        return Ok(String::new());
    }
    Ok(String::from_utf8_lossy(&feed.take(size)?).into_owned())
}

fn varint(feed: &mut Feed<'_>) -> Result<u64, Stop> {
    let mut value = 0_u64;
    for shift in (0..70).step_by(7) {
        let byte = feed.byte()?;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Stop::damaged(feed.at(), "a number of a message has no end"))
}
