//! A tolerant reader of zip files: it takes what any loader might take, and says where two loaders would differ.
//!
//! # Source
//! PKWARE APPNOTE 6.3.10, sections 4.3 to 4.5.

use super::error::Stop;
use super::inspect::Inspector;
use super::source::{self, Feed, Source};

/// One member.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// As the central directory has it, `/` and `\` as they are.
    pub(super) name: String,
    /// How it is packed: 0 stored, 8 deflated.
    pub(super) method: u16,
    /// Whether one of its headers says that it is encrypted.
    pub(super) is_encrypted: bool,
    /// Whether it is a symbolic link.
    pub(super) is_link: bool,
    /// Bytes in the file.
    pub(super) packed: u64,
    /// Bytes when unpacked, as the file claims.
    pub(super) unpacked: u64,
    /// Where its local header lies.
    pub(super) header_at: u64,
    /// Where its data begin.
    pub(super) data_at: u64,
    /// How its two headers differ.
    pub(super) disagreement: Option<&'static str>,
}

/// All members, and what is odd about the file as a whole.
#[derive(Debug, Default)]
pub(super) struct Directory {
    pub(super) members: Vec<Member>,
    /// Bytes that stand before the first member.
    pub(super) prefix: u64,
    /// The directory at the end is missing, so that members were found by their own headers.
    pub(super) is_cut: bool,
}

const CENTRAL: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;
const END: &[u8] = b"PK\x05\x06";
const END_SIZE: usize = 22;

/// Fields of a record, little-endian.
struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    fn take(&mut self, size: usize) -> Option<&'b [u8]> {
        let (now, later) = self.0.split_at_checked(size)?;
        self.0 = later;
        Some(now)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }
}

/// Where the directory lies.
struct End {
    at: u64,
    size: u64,
    offset: u64,
}

/// Whether a zip's end record is at the end of the file.
pub(super) fn has_end(source: &mut dyn Source) -> Result<bool, Stop> {
    Ok(find_end(source)?.is_some())
}

/// Reads the directory.
pub(super) fn read(inspector: &Inspector<'_>, source: &mut dyn Source) -> Result<Directory, Stop> {
    let Some(end) = find_end(source)? else {
        return walk(inspector, source);
    };
    if end.size > inspector.limits.held_bytes {
        return Err(Stop::over(end.at, "its directory is too large to be read"));
    }
    let start = end
        .at
        .checked_sub(end.size)
        .ok_or_else(|| Stop::damaged(end.at, "its directory lies outside it"))?;
    // What the offsets are short by stands before the archive.
    let prefix = start.saturating_sub(end.offset);
    let size = usize::try_from(end.size).unwrap_or(usize::MAX);
    let bytes = source::at(source, start, size)?;
    let mut fields = Fields(&bytes);
    let mut directory = Directory {
        prefix,
        ..Directory::default()
    };
    while !fields.0.is_empty() {
        let at = start + u64::try_from(bytes.len() - fields.0.len()).unwrap_or(0);
        let mut member =
            central(&mut fields, prefix).ok_or_else(|| Stop::damaged(at, "its directory is damaged"))?;
        compare(source, &mut member)?;
        directory.members.push(member);
        if u64::try_from(directory.members.len()).unwrap_or(u64::MAX) > inspector.limits.members {
            return Err(Stop::over(at, "it has too many members"));
        }
    }
    Ok(directory)
}

fn find_end(source: &mut dyn Source) -> Result<Option<End>, Stop> {
    let size = source::size(source)?;
    let tail_size = size.min((1 << 16) + 22 + 20);
    let tail_at = size - tail_size;
    let tail = source::at(source, tail_at, usize::try_from(tail_size).unwrap_or(0))?;
    let Some(place) = memchr::memmem::rfind(&tail, END) else {
        return Ok(None);
    };
    let Some(record) = tail.get(place..place.saturating_add(END_SIZE)) else {
        return Ok(None);
    };
    let mut fields = Fields(record);
    let parsed = (|| {
        fields.take(12)?;
        Some((u64::from(fields.u32()?), u64::from(fields.u32()?)))
    })();
    let Some((mut directory_size, mut offset)) = parsed else {
        return Ok(None);
    };
    let mut at = tail_at + u64::try_from(place).unwrap_or(0);
    let locator = place.checked_sub(20).and_then(|from| tail.get(from..place));
    if let Some(locator) = locator.filter(|bytes| bytes.starts_with(b"PK\x06\x07")) {
        let mut fields = Fields(locator);
        fields.take(8);
        // The record stands right before its locator; the written offset is wrong where bytes stand before the archive.
        let written = fields.u64().unwrap_or(0);
        for candidate in [at.saturating_sub(20 + 56), written] {
            if candidate.saturating_add(56) > size {
                continue;
            }
            let record = source::at(source, candidate, 56)?;
            if record.starts_with(b"PK\x06\x06") {
                let mut fields = Fields(&record);
                fields.take(40);
                directory_size = fields.u64().unwrap_or(0);
                offset = fields.u64().unwrap_or(0);
                at = candidate;
                break;
            }
        }
    }
    Ok(Some(End {
        at,
        size: directory_size,
        offset,
    }))
}

fn central(fields: &mut Fields<'_>, prefix: u64) -> Option<Member> {
    if fields.u32()? != CENTRAL {
        return None;
    }
    let made_by = fields.u16()?;
    fields.u16()?;
    let flags = fields.u16()?;
    let method = fields.u16()?;
    fields.take(8)?;
    let mut packed = u64::from(fields.u32()?);
    let mut unpacked = u64::from(fields.u32()?);
    let name_size = fields.u16()?;
    let extra_size = fields.u16()?;
    let comment_size = fields.u16()?;
    fields.take(4)?;
    let external = fields.u32()?;
    let mut header_at = u64::from(fields.u32()?);
    let name = fields.take(name_size.into())?;
    let extra = fields.take(extra_size.into())?;
    fields.take(comment_size.into())?;
    wide(extra, [&mut unpacked, &mut packed, &mut header_at]);
    let is_unix = made_by >> 8 == 3;
    Some(Member {
        name: String::from_utf8_lossy(name).into_owned(),
        method,
        is_encrypted: flags & 1 != 0,
        is_link: is_unix && (external >> 16) & 0o170_000 == 0o120_000,
        packed,
        unpacked,
        header_at: header_at.saturating_add(prefix),
        data_at: 0,
        disagreement: None,
    })
}

/// Takes sizes that do not fit 32 bits from the extra field 1 (section 4.5.3).
fn wide(extra: &[u8], slots: [&mut u64; 3]) {
    let mut fields = Fields(extra);
    while let (Some(id), Some(size)) = (fields.u16(), fields.u16()) {
        let Some(body) = fields.take(size.into()) else {
            return;
        };
        if id != 1 {
            continue;
        }
        let mut values = Fields(body);
        for slot in slots {
            if *slot == u64::from(u32::MAX)
                && let Some(value) = values.u64()
            {
                *slot = value;
            }
        }
        return;
    }
}

/// Reads a member's own header and notes where it contradicts the directory.
fn compare(source: &mut dyn Source, member: &mut Member) -> Result<(), Stop> {
    let local = match local(source, member.header_at) {
        Ok(Some(local)) => local,
        Ok(None) | Err(Stop::Broken(_)) => {
            member.disagreement = Some("has no header where the directory says");
            return Ok(());
        }
        Err(stop) => return Err(stop),
    };
    member.data_at = local.data_at;
    member.disagreement = if local.name != member.name {
        Some("has another name in its own header than in the directory")
    } else if local.method != member.method {
        Some("is packed in another way by its own header than by the directory")
    } else if local.is_encrypted != member.is_encrypted {
        Some("is encrypted by one header and not by the other")
    } else if local
        .sizes
        .is_some_and(|sizes| sizes != (member.packed, member.unpacked))
    {
        Some("has other sizes in its own header than in the directory")
    } else {
        None
    };
    member.is_encrypted |= local.is_encrypted;
    Ok(())
}

struct Local {
    name: String,
    method: u16,
    is_encrypted: bool,
    /// Packed and unpacked, unless they follow the data.
    sizes: Option<(u64, u64)>,
    data_at: u64,
}

fn local(source: &mut dyn Source, at: u64) -> Result<Option<Local>, Stop> {
    let mut feed = Feed::new(source, at)?;
    let header = feed.take(30)?;
    let mut fields = Fields(&header);
    let parsed = (|| {
        let signature = fields.u32()?;
        fields.u16()?;
        let flags = fields.u16()?;
        let method = fields.u16()?;
        fields.take(8)?;
        let packed = u64::from(fields.u32()?);
        let unpacked = u64::from(fields.u32()?);
        (signature == LOCAL).then_some((flags, method, packed, unpacked, fields.u16()?, fields.u16()?))
    })();
    let Some((flags, method, mut packed, mut unpacked, name_size, extra_size)) = parsed else {
        return Ok(None);
    };
    let name = feed.take(name_size.into())?;
    let extra = feed.take(extra_size.into())?;
    wide(&extra, [&mut unpacked, &mut packed, &mut 0]);
    let is_later = flags & 8 != 0;
    Ok(Some(Local {
        name: String::from_utf8_lossy(&name).into_owned(),
        method,
        is_encrypted: flags & 1 != 0,
        sizes: (!is_later).then_some((packed, unpacked)),
        data_at: feed.at(),
    }))
}

/// Finds members by their own headers, from the start on.
fn walk(inspector: &Inspector<'_>, source: &mut dyn Source) -> Result<Directory, Stop> {
    let mut directory = Directory {
        is_cut: true,
        ..Directory::default()
    };
    let size = source::size(source)?;
    let mut at = 0;
    while u64::try_from(directory.members.len()).unwrap_or(u64::MAX) < inspector.limits.members {
        let local = match local(source, at) {
            Ok(Some(local)) => local,
            Ok(None) | Err(Stop::Broken(_)) => break,
            Err(stop) => return Err(stop),
        };
        // Without sizes the rest of the file is taken; deflate knows its own end.
        let rest = size.saturating_sub(local.data_at);
        let (packed, unpacked) = local.sizes.unwrap_or((rest, 0));
        at = local.data_at.saturating_add(packed);
        directory.members.push(Member {
            name: local.name,
            method: local.method,
            is_encrypted: local.is_encrypted,
            is_link: false,
            packed: packed.min(rest),
            unpacked,
            header_at: 0,
            data_at: local.data_at,
            disagreement: None,
        });
    }
    Ok(directory)
}
