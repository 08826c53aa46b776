//! Advisories by the thousand: JSON Lines, and the `all.zip` that OSV publishes for each ecosystem.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use privet_types::Budget;

use super::{Advisory, Error, read_osv};

/// Longest advisory that is read, inflated.
const MAX_ENTRY: u64 = 32 * 1024 * 1024;
/// Longest directory of an archive that is read: npm's 250,000 entries take some 25 MB.
const MAX_DIRECTORY: u64 = 256 * 1024 * 1024;
/// First bytes of gzip (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Advisories of JSON Lines, one OSV object a line, as they are or gzipped. Withdrawn ones are left out. Memory is bounded by the
/// longest line that is read, 32 MiB.
///
/// # Errors
/// [`Error::Read`] if the first bytes cannot be had.
pub fn read_json_lines<'a>(
    input: impl Read + 'a,
    budget: &'a Budget,
) -> Result<impl Iterator<Item = Result<Advisory, Error>> + 'a, Error> {
    let mut input = BufReader::with_capacity(64 * 1024, input);
    let is_gzip = input.fill_buf()?.starts_with(&GZIP);
    let mut lines: Box<dyn BufRead + 'a> = if is_gzip {
        Box::new(BufReader::with_capacity(
            64 * 1024,
            flate2::bufread::MultiGzDecoder::new(input),
        ))
    } else {
        Box::new(input)
    };
    let mut is_over = false;
    Ok(std::iter::from_fn(move || {
        while !is_over {
            let next = next_line(&mut lines, budget).and_then(|line| match line {
                None => {
                    is_over = true;
                    Ok(None)
                }
                Some(line) if line.trim_ascii().is_empty() => Ok(None),
                Some(line) => read_osv(&line),
            });
            match next {
                Ok(None) => {}
                Ok(Some(advisory)) => return Some(Ok(advisory)),
                Err(error) => {
                    is_over = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }))
}

fn next_line(lines: &mut dyn BufRead, budget: &Budget) -> Result<Option<Vec<u8>>, Error> {
    let mut line = Vec::new();
    let count = lines.take(MAX_ENTRY + 1).read_until(b'\n', &mut line)?;
    budget.charge(count as u64)?;
    if count as u64 > MAX_ENTRY {
        return Err(Error::TooLarge {
            bytes: count as u64,
            limit: MAX_ENTRY,
        });
    }
    Ok((count > 0).then_some(line))
}

/// Advisories of a zip archive whose members are OSV objects (`*.json`), such as
/// `https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip`. Withdrawn ones are left out; other members are passed over.
///
/// # Errors
/// [`Error::Archive`] if it has no readable directory, [`Error::Read`] if bytes cannot be had.
///
/// # Source
/// PKWARE, APPNOTE.TXT 6.3.10: 4.3.7, 4.3.12, 4.3.14 to 4.3.16.
pub fn read_zip<'a>(
    mut input: impl Read + Seek + 'a,
    budget: &'a Budget,
) -> Result<impl Iterator<Item = Result<Advisory, Error>> + 'a, Error> {
    let directory = directory(&mut input)?;
    budget.charge(directory.len() as u64)?;
    let mut at = 0;
    let mut is_over = false;
    Ok(std::iter::from_fn(move || {
        while !is_over {
            let rest = directory.get(at..).unwrap_or_default();
            if rest.is_empty() {
                return None;
            }
            let next = member(rest).and_then(|(member, length)| {
                at += length;
                match member {
                    Some(member) => read_osv(&member.read(&mut input, budget)?),
                    None => Ok(None),
                }
            });
            match next {
                Ok(None) => {}
                Ok(Some(advisory)) => return Some(Ok(advisory)),
                Err(error) => {
                    is_over = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }))
}

const fn damaged(problem: &'static str) -> Error {
    Error::Archive { problem }
}

fn number(bytes: &[u8], at: usize, length: usize) -> Result<u64, Error> {
    let field = bytes.get(at..at + length).ok_or(damaged("it ends early"))?;
    Ok(field
        .iter()
        .rev()
        .fold(0, |sum, byte| (sum << 8) | u64::from(*byte)))
}

fn exactly(input: &mut impl Read, length: usize) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    input.take(length as u64).read_to_end(&mut out)?;
    if out.len() < length {
        return Err(damaged("it ends early"));
    }
    Ok(out)
}

/// The bytes of the central directory.
fn directory(input: &mut (impl Read + Seek)) -> Result<Vec<u8>, Error> {
    let length = input.seek(SeekFrom::End(0))?;
    // The record that ends an archive has 22 bytes and a comment of at most 65,535; a locator of 20 stands before it.
    let tail_length = length.min(22 + 65_535 + 20);
    let tail_start = length - tail_length;
    input.seek(SeekFrom::Start(tail_start))?;
    let tail = exactly(
        input,
        usize::try_from(tail_length).map_err(|_| damaged("it is too long"))?,
    )?;
    let end = tail
        .windows(4)
        .rposition(|window| window == b"PK\x05\x06")
        .ok_or(damaged("this is no zip archive"))?;
    let mut size = number(&tail, end + 12, 4)?;
    let mut start = number(&tail, end + 16, 4)?;
    let locator = end.checked_sub(20);
    if let Some(at) = locator.filter(|at| tail.get(*at..*at + 4) == Some(b"PK\x06\x07".as_slice())) {
        input.seek(SeekFrom::Start(number(&tail, at + 8, 8)?))?;
        let record = exactly(input, 56)?;
        if !record.starts_with(b"PK\x06\x06") {
            return Err(damaged("its zip64 record is missing"));
        }
        size = number(&record, 40, 8)?;
        start = number(&record, 48, 8)?;
    }
    if size > MAX_DIRECTORY || start > length {
        return Err(damaged("its directory is too long or outside"));
    }
    input.seek(SeekFrom::Start(start))?;
    exactly(
        input,
        usize::try_from(size).map_err(|_| damaged("it is too long"))?,
    )
}

/// A member with an advisory.
struct Member {
    name: String,
    method: u64,
    crc: u64,
    compressed: u64,
    start: u64,
}

/// The first entry of a directory, `None` if it is not an advisory, and the entry's length.
fn member(entry: &[u8]) -> Result<(Option<Member>, usize), Error> {
    if !entry.starts_with(b"PK\x01\x02") {
        return Err(damaged("an entry of its directory is broken"));
    }
    let length_of = |at| -> Result<usize, Error> {
        usize::try_from(number(entry, at, 2)?).map_err(|_| damaged("it is too long"))
    };
    let (name, extra, comment) = (length_of(28)?, length_of(30)?, length_of(32)?);
    let length = 46 + name + extra + comment;
    let text = entry
        .get(46..46 + name)
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .unwrap_or_default();
    if !text.ends_with(".json") {
        return Ok((None, length));
    }
    if number(entry, 8, 2)? & 1 != 0 {
        return Err(damaged("it is encrypted"));
    }
    let mut member = Member {
        name: text.to_owned(),
        method: number(entry, 10, 2)?,
        crc: number(entry, 16, 4)?,
        compressed: number(entry, 20, 4)?,
        start: number(entry, 42, 4)?,
    };
    let extra = entry
        .get(46 + name..46 + name + extra)
        .ok_or(damaged("it ends early"))?;
    let uncompressed = number(entry, 24, 4)?;
    member.widen(extra, uncompressed)?;
    Ok((Some(member), length))
}

impl Member {
    /// Takes sizes that do not fit 32 bits from the zip64 field (4.5.3), where each stands only if its place is all ones.
    fn widen(&mut self, extra: &[u8], uncompressed: u64) -> Result<(), Error> {
        const FULL: u64 = 0xffff_ffff;
        let mut rest = extra;
        while rest.len() >= 4 {
            let kind = number(rest, 0, 2)?;
            let length = usize::try_from(number(rest, 2, 2)?).map_err(|_| damaged("it is too long"))?;
            let field = rest
                .get(4..4 + length)
                .ok_or(damaged("an entry of its directory is broken"))?;
            rest = rest.get(4 + length..).unwrap_or_default();
            if kind != 1 {
                continue;
            }
            let mut at = if uncompressed == FULL { 8 } else { 0 };
            for slot in [&mut self.compressed, &mut self.start] {
                if *slot == FULL {
                    *slot = number(field, at, 8)?;
                    at += 8;
                }
            }
        }
        Ok(())
    }

    fn read(&self, input: &mut (impl Read + Seek), budget: &Budget) -> Result<Vec<u8>, Error> {
        input.seek(SeekFrom::Start(self.start))?;
        let head = exactly(input, 30)?;
        if !head.starts_with(b"PK\x03\x04") {
            return Err(damaged("a member is not where its directory says"));
        }
        let skipped = number(&head, 26, 2)? + number(&head, 28, 2)?;
        input.seek(SeekFrom::Current(
            i64::try_from(skipped).map_err(|_| damaged("it is too long"))?,
        ))?;
        let packed = input.take(self.compressed);
        let mut out = Vec::new();
        match self.method {
            0 => packed.take(MAX_ENTRY + 1).read_to_end(&mut out)?,
            8 => flate2::read::DeflateDecoder::new(packed)
                .take(MAX_ENTRY + 1)
                .read_to_end(&mut out)?,
            _ => return Err(damaged("a member is packed in an unknown way")),
        };
        budget.charge(out.len() as u64)?;
        if out.len() as u64 > MAX_ENTRY {
            return Err(Error::TooLarge {
                bytes: out.len() as u64,
                limit: MAX_ENTRY,
            });
        }
        let mut crc = flate2::Crc::new();
        crc.update(&out);
        if u64::from(crc.sum()) != self.crc {
            return Err(Error::Advisory {
                id: self.name.clone(),
                problem: "its checksum does not fit".to_owned(),
            });
        }
        Ok(out)
    }
}
