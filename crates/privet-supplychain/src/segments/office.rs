//! Texts of Office Open XML documents (`.docx`, `.xlsx`, `.pptx`): the XML parts of the archive with their markup taken out.
//!
//! Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16; ECMA-376 part 2 for the names of parts.

use std::borrow::Cow;
use std::ops::Range;

use privet_types::BudgetError;

use super::collector::Collector;
use super::encoded::{self, Unpacked};
use super::html;
use super::map::{Map, Piece};
use super::segment::{Place, SegmentKind, SkipReason};

/// Most members of an archive that are looked at.
const MOST_MEMBERS: usize = 10_000;

/// Adds the texts of the document, each with all of its member's packed bytes as its place in the file.
pub(super) fn collect(into: &mut Collector<'_, '_>) -> Result<(), BudgetError> {
    let bytes = into.bytes;
    let whole = 0..bytes.len() as u64;
    let Some(members) = members(bytes) else {
        into.skip(Place::default(), whole, SkipReason::Damaged);
        return Ok(());
    };
    let is_office = members.iter().any(|m| {
        m.name == b"[Content_Types].xml" || m.name.starts_with(b"word/") || m.name.starts_with(b"xl/")
    });
    if !is_office {
        into.skip(Place::default(), whole, SkipReason::Binary);
        return Ok(());
    }
    let mut left = into.limits.max_unpacked;
    for member in members.iter().take(MOST_MEMBERS) {
        let Some(part) = part_name(member.name) else {
            continue;
        };
        let place = Place::of(part);
        let span = member.data.start as u64..member.data.end as u64;
        let Some(packed) = bytes.get(member.data.clone()) else {
            into.skip(place, whole.clone(), SkipReason::Damaged);
            continue;
        };
        let ratio = into.limits.max_ratio;
        let unpacked = match member.method {
            0 => encoded::unpack(packed, packed.len(), left, ratio, into.budget)?,
            8 => {
                let reader = flate2::read::DeflateDecoder::new(packed);
                encoded::unpack(reader, packed.len(), left, ratio, into.budget)?
            }
            _ => Unpacked::Damaged(Vec::new()),
        };
        let xml = match unpacked {
            Unpacked::Whole(xml) => xml,
            Unpacked::Cut(xml) => {
                into.skip(place.clone(), span.clone(), SkipReason::OverLimit);
                xml
            }
            Unpacked::Damaged(xml) => {
                into.skip(place.clone(), span.clone(), SkipReason::Damaged);
                xml
            }
        };
        left = left.saturating_sub(xml.len());
        let text = html::visible_text(&xml);
        into.add(
            SegmentKind::Office,
            place,
            Piece {
                text: Cow::Owned(text),
                map: Map::whole(span),
            },
        );
    }
    if members.len() > MOST_MEMBERS {
        into.skip(Place::default(), whole, SkipReason::OverLimit);
    }
    Ok(())
}

struct Member<'a> {
    name: &'a [u8],
    method: u16,
    data: Range<usize>,
}

/// The parts with text that people wrote, by names that may be shown.
fn part_name(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let is_text = (name.starts_with("word/")
        || name.starts_with("xl/worksheets/")
        || name.starts_with("xl/comments")
        || name == "xl/sharedStrings.xml"
        || name == "xl/connections.xml"
        || name == "xl/workbook.xml"
        || name.starts_with("ppt/slides/")
        || name.starts_with("ppt/notesSlides/")
        || name.starts_with("ppt/comments")
        || name.starts_with("docProps/")
        || name.starts_with("customXml/"))
        && name.ends_with(".xml")
        && !name.ends_with("styles.xml")
        && !name.contains("theme/")
        && !name.contains("fontTable")
        && name.len() <= 80
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'-' | b'_'));
    is_text.then(|| name.to_owned())
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at..at.checked_add(2)?)? {
        [a, b] => Some(usize::from(u16::from_le_bytes([*a, *b]))),
        _ => None,
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at..at.checked_add(4)?)? {
        [a, b, c, d] => usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).ok(),
        _ => None,
    }
}

/// The members that the central directory lists; nothing if there is none.
fn members(bytes: &[u8]) -> Option<Vec<Member<'_>>> {
    let tail_start = bytes.len().saturating_sub(65_557);
    let tail = bytes.get(tail_start..)?;
    let end = tail_start + memchr::memmem::rfind(tail, b"PK\x05\x06")?;
    let mut at = u32_at(bytes, end + 16)?;
    let mut found = Vec::new();
    while found.len() <= MOST_MEMBERS && bytes.get(at..at.checked_add(4)?) == Some(b"PK\x01\x02") {
        let (name_len, extra_len, comment_len) = (
            u16_at(bytes, at + 28)?,
            u16_at(bytes, at + 30)?,
            u16_at(bytes, at + 32)?,
        );
        let packed_len = u32_at(bytes, at + 20)?;
        let header = u32_at(bytes, at + 42)?;
        let method = u16::try_from(u16_at(bytes, at + 10)?).ok()?;
        let name = bytes.get(at + 46..at + 46 + name_len)?;
        // The local header has lengths of its own for what stands before the data.
        let start = header
            .checked_add(30)?
            .checked_add(u16_at(bytes, header.checked_add(26)?)?)?
            .checked_add(u16_at(bytes, header.checked_add(28)?)?)?;
        found.push(Member {
            name,
            method,
            data: start..start.checked_add(packed_len)?,
        });
        at += 46 + name_len + extra_len + comment_len;
    }
    Some(found)
}
