//! Tar archives, and PyTorch's first format, which was one.
//!
//! # Source
//! POSIX.1-2017, `pax`, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".

use std::collections::BTreeSet;

use super::error::Stop;
use super::inspect::{HEAD, Inspector};
use super::report::{Format, clip};
use super::source::{self, Feed, Source, Window};
use super::{archive, pickle};
use crate::{Severity, Verdict};

/// Longest name, link or extended header that is read.
const LONG: u64 = 1 << 20;
const BLOCK: usize = 512;

/// Whether a file begins with a tar's header: its checksum fits.
pub(super) fn is_tar(head: &[u8]) -> bool {
    head.get(..BLOCK).and_then(Header::parse).is_some()
}

struct Header {
    name: String,
    link: String,
    size: u64,
    kind: u8,
}

impl Header {
    fn parse(block: &[u8]) -> Option<Self> {
        let written = number(block.get(148..156)?)?;
        let sum = |signed: bool| -> i64 {
            block
                .iter()
                .enumerate()
                .map(|(at, byte)| match (148..156).contains(&at) {
                    true => 32,
                    false if signed => i64::from(i8::from_ne_bytes([*byte])),
                    false => i64::from(*byte),
                })
                .sum()
        };
        let written = i64::try_from(written).ok()?;
        if block.first() == Some(&0) || (written != sum(false) && written != sum(true)) {
            return None;
        }
        let prefix = if block.get(257..262)? == b"ustar" && block.get(262) != Some(&b' ') {
            text(block.get(345..500)?)
        } else {
            String::new()
        };
        let name = text(block.get(..100)?);
        Some(Self {
            name: if prefix.is_empty() {
                name
            } else {
                format!("{prefix}/{name}")
            },
            link: text(block.get(157..257)?),
            size: number(block.get(124..136)?)?,
            kind: block.get(156).copied()?,
        })
    }
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|b| *b == 0).unwrap_or(field.len());
    String::from_utf8_lossy(field.get(..end).unwrap_or_default()).into_owned()
}

/// An octal number, or a binary one if its first bit is set.
fn number(field: &[u8]) -> Option<u64> {
    if let Some((first, rest)) = field.split_first()
        && first & 0x80 != 0
    {
        return rest
            .iter()
            .try_fold(0_u64, |n, b| n.checked_mul(256)?.checked_add((*b).into()));
    }
    let digits: Vec<u8> = field
        .iter()
        .copied()
        .skip_while(|b| *b == b' ')
        .take_while(|b| !matches!(b, 0 | b' '))
        .collect();
    if digits.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(std::str::from_utf8(&digits).ok()?, 8).ok()
}

/// Looks at a tar.
pub(super) fn inspect(inspector: &mut Inspector<'_>, source: &mut dyn Source) -> Result<(), Stop> {
    let mut at = 0_u64;
    let mut names = BTreeSet::new();
    let (mut long_name, mut long_link, mut long_size) = (None, None, None);
    loop {
        let mut feed = Feed::new(source, at)?;
        let block = match feed.take(BLOCK) {
            // Some writers leave out the blocks of zeroes at the end.
            Err(Stop::Broken(_)) if at > 0 && ends_before(source, at)? => return Ok(()),
            other => other?,
        };
        if block.iter().all(|b| *b == 0) {
            return Ok(());
        }
        let mut header =
            Header::parse(&block).ok_or_else(|| Stop::damaged(at, "a header of the tar is damaged"))?;
        let data_at = at + 512;
        if matches!(header.kind, b'L' | b'K' | b'x' | b'g') {
            let size = usize::try_from(header.size)
                .ok()
                .filter(|_| header.size <= LONG)
                .ok_or_else(|| Stop::over(at, "a name in the tar is too long"))?;
            let body = source::at(source, data_at, size)?;
            match header.kind {
                b'L' => long_name = Some(text(&body)),
                b'K' => long_link = Some(text(&body)),
                b'x' => {
                    for (key, value) in pax(&body) {
                        match key.as_str() {
                            "path" => long_name = Some(value),
                            "linkpath" => long_link = Some(value),
                            "size" => long_size = value.parse().ok(),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        } else {
            header.name = long_name.take().unwrap_or(header.name);
            header.link = long_link.take().unwrap_or(header.link);
            header.size = long_size.take().unwrap_or(header.size);
            inspector.facts.members += 1;
            if inspector.facts.members > inspector.limits.members {
                return Err(Stop::over(at, "it has too many members"));
            }
            if !names.insert(header.name.clone()) && matches!(header.kind, b'0' | 0) {
                inspector.report(
                    "archive-duplicate",
                    Severity::Low,
                    Verdict::Suspicious,
                    at..data_at,
                    format!(
                        "the member `{}` is there twice; the last one wins when it is unpacked",
                        clip(&header.name)
                    ),
                );
            }
            member(inspector, source, &header, at)?;
        }
        let padded = header
            .size
            .checked_next_multiple_of(512)
            .and_then(|size| data_at.checked_add(size));
        at = padded.ok_or_else(|| Stop::damaged(at, "a member of the tar has no end"))?;
    }
}

/// Whether the tar ends where its next header would stand; the zeroes that fill up the last block may be missing.
fn ends_before(source: &mut dyn Source, at: u64) -> Result<bool, Stop> {
    let size = source::size(source)?;
    Ok(size <= at && at - size < 512)
}

fn pax(body: &[u8]) -> Vec<(String, String)> {
    let mut records = Vec::new();
    let mut rest = body;
    while let Some(space) = rest.iter().position(|b| *b == b' ') {
        let size: Option<usize> = rest
            .get(..space)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| digits.parse().ok());
        let Some((record, later)) = size.and_then(|size| rest.split_at_checked(size)) else {
            break;
        };
        let record = record.get(space + 1..).unwrap_or_default();
        let record = String::from_utf8_lossy(record);
        if let Some((key, value)) = record.trim_end_matches('\n').split_once('=') {
            records.push((key.to_owned(), value.to_owned()));
        }
        if size == Some(0) {
            break;
        }
        rest = later;
    }
    records
}

fn member(
    inspector: &mut Inspector<'_>,
    source: &mut dyn Source,
    header: &Header,
    at: u64,
) -> Result<(), Stop> {
    archive::path(inspector, &header.name, at);
    match header.kind {
        b'1' => {
            if archive::leads_out(&header.link) {
                archive::link(inspector, "", &header.link, at);
            }
            return Ok(());
        }
        b'2' => {
            archive::link(inspector, &header.name, &header.link, at);
            return Ok(());
        }
        b'3' | b'4' | b'6' => {
            inspector.report(
                "archive-device",
                Severity::High,
                Verdict::Dangerous,
                at..at + 512,
                format!(
                    "the member `{}` is a device or pipe: do not unpack it",
                    clip(&header.name)
                ),
            );
            return Ok(());
        }
        b'0' | 0 | b'7' => {}
        _ => return Ok(()),
    }
    let mut window = Window::new(source, at + 512, header.size);
    let name = header.name.clone();
    let base = name.rsplit('/').next().unwrap_or(&name).to_owned();
    inspector.within(Some(&name), |inspector| {
        if matches!(base.as_str(), "storages" | "tensors") {
            // PyTorch's first format: pickles with numbers between them.
            if pickle::is_pickle(&source::head(&mut window, HEAD)?) {
                pickle::inspect_one(inspector, &mut window, 0)?;
            }
            return Ok(());
        }
        let head = source::head(&mut window, HEAD)?;
        match super::recognise(&base, &head) {
            Some(Format::Packed) => Ok(()),
            None => inspector.text(&mut window),
            Some(_) => inspector.judge(&base, &mut window).map(|_| ()),
        }
    })
}
