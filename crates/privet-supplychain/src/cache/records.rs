//! The file's form: a head, then records that are found again even behind damaged ones.
//!
//! ```text
//! head     "privet-scan-cache" 0x01, then the id of the key in 16 hexadecimal digits
//! record   0xf5 'p' 's' 'c', kind (1 byte), length of the payload (u32, little endian), id (16 bytes), payload, tag (16 bytes)
//! tag      first half of HMAC-SHA-256 over kind, id and payload
//! ```

use memchr::memmem;
use privet_crypto::HashKey;

use super::CacheId;
use super::identity::short;

const NAME: &[u8] = b"privet-scan-cache\x01";
const MARK: [u8; 4] = [0xf5, b'p', b's', b'c'];

/// Bytes of a record besides its payload.
pub(super) const OVERHEAD: usize = 4 + 1 + 4 + 16 + 16;

/// Largest payload. A file that comes to more is looked at each time.
pub(super) const MOST_PAYLOAD: usize = 1 << 20;

/// What a record tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// From what the file system says to the content.
    Stat,
    /// From a content, under a set of rules and at a path, to what it came to.
    File,
}

/// The records in a file's bytes, as they lie there, not yet held against their tags.
#[derive(Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
}

/// One record, not yet held against its tag.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    pub(super) kind: RecordKind,
    pub(super) id: CacheId,
    pub(super) payload: &'a [u8],
    tag: &'a [u8],
}

impl RecordKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Stat => 1,
            Self::File => 2,
        }
    }
}

pub(super) fn head(key_id: &str) -> Vec<u8> {
    [NAME, key_id.as_bytes()].concat()
}

impl<'a> Records<'a> {
    /// The records of `bytes` if it is a cache of the key of id `key_id`; none otherwise.
    #[must_use]
    pub fn new(bytes: &'a [u8], key_id: &str) -> Option<Self> {
        let rest = bytes.strip_prefix(NAME)?.strip_prefix(key_id.as_bytes())?;
        Some(Self { rest })
    }

    /// Those of `bytes` that begins at a record.
    pub(super) const fn at(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes there are from the start of the record that was given last.
    pub(super) const fn left(&self) -> usize {
        self.rest.len() + MARK.len()
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        loop {
            // Every mark may begin a record: behind one that was cut, the next one stands where its payload would be.
            let at = memmem::find(self.rest, &MARK)?;
            let bytes = self.rest.get(at..)?;
            self.rest = bytes.get(MARK.len()..)?;
            if let Some(record) = one(bytes) {
                return Some(record);
            }
        }
    }
}

fn one(bytes: &[u8]) -> Option<Record<'_>> {
    let (kind, rest) = bytes.strip_prefix(&MARK)?.split_first()?;
    let kind = match kind {
        1 => RecordKind::Stat,
        2 => RecordKind::File,
        _ => return None,
    };
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if length > MOST_PAYLOAD {
        return None;
    }
    let (id, rest) = rest.split_first_chunk()?;
    let (payload, rest) = rest.split_at_checked(length)?;
    let (tag, _) = rest.split_at_checked(16)?;
    Some(Record {
        kind,
        id: CacheId(*id),
        payload,
        tag,
    })
}

impl Record<'_> {
    /// Whether it is as it was written, by somebody with the key.
    pub(super) fn is_whole(&self, key: &HashKey) -> bool {
        // What is compared is not secret, but whether a guess comes near must not show either.
        tag(key, self.kind, self.id, self.payload)
            .iter()
            .zip(self.tag)
            .fold(self.tag.len() ^ 16, |differs, (a, b)| {
                differs | usize::from(a ^ b)
            })
            == 0
    }

    /// Bytes that it takes in the file.
    pub(super) const fn len(&self) -> usize {
        OVERHEAD + self.payload.len()
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        write_parts(out, self.kind, self.id, self.payload, self.tag);
    }
}

fn tag(key: &HashKey, kind: RecordKind, id: CacheId, payload: &[u8]) -> [u8; 16] {
    short(&key.hash(&[b"record", &[kind.byte()], &id.0, payload])).0
}

/// Adds a record to `out`; nothing if its payload is too large.
pub(super) fn write(out: &mut Vec<u8>, key: &HashKey, kind: RecordKind, id: CacheId, payload: &[u8]) {
    write_parts(out, kind, id, payload, &tag(key, kind, id, payload));
}

fn write_parts(out: &mut Vec<u8>, kind: RecordKind, id: CacheId, payload: &[u8], tag: &[u8]) {
    let Some(length) = u32::try_from(payload.len())
        .ok()
        .filter(|_| payload.len() <= MOST_PAYLOAD)
    else {
        return;
    };
    out.extend_from_slice(&MARK);
    out.push(kind.byte());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&id.0);
    out.extend_from_slice(payload);
    out.extend_from_slice(tag);
}
