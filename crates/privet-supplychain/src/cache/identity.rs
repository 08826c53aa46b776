//! What files are told apart by.

use privet_crypto::HashKey;

/// Keyed hash of a content, or of what a cached answer hangs on: 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CacheId(pub(super) [u8; 16]);

/// Content is hashed by chunks of this size.
const CHUNK: usize = 1 << 20;

/// Hashes a content that comes in parts: the same bytes give the same id however they are cut.
pub struct ContentHasher {
    key: HashKey,
    /// Hash over all chunks before.
    state: [u8; 32],
    /// INVARIANT: shorter than [`CHUNK`].
    rest: Vec<u8>,
}

/// What the file system says of a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStat<'a> {
    /// Its path, the same from scan to scan.
    pub path: &'a str,
    /// Its bytes.
    pub bytes: u64,
    /// Device and inode, or what stands for them; 0 where there are none.
    pub device: u64,
    /// See `device`.
    pub inode: u64,
    /// When its content was changed last, in nanoseconds since 1970.
    pub modified_ns: i128,
    /// When it or what is known of it was changed last, which no program can set back; as `modified_ns` where there is none.
    pub changed_ns: i128,
}

impl ContentHasher {
    pub(super) fn new(key: &HashKey) -> Self {
        Self {
            key: key.clone(),
            state: [0; 32],
            rest: Vec::new(),
        }
    }

    /// Takes the next `bytes`.
    pub fn update(&mut self, mut bytes: &[u8]) {
        if !self.rest.is_empty() {
            let room = (CHUNK - self.rest.len()).min(bytes.len());
            let (head, tail) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            self.rest.extend_from_slice(head);
            bytes = tail;
            if self.rest.len() < CHUNK {
                return;
            }
            self.state = self.key.hash(&[b"chunk", &self.state, &self.rest]);
            self.rest.clear();
        }
        // Whole chunks are hashed where they lie.
        let chunks = bytes.chunks_exact(CHUNK);
        self.rest.extend_from_slice(chunks.remainder());
        for chunk in chunks {
            self.state = self.key.hash(&[b"chunk", &self.state, chunk]);
        }
    }

    /// The id of all that was taken.
    #[must_use]
    pub fn finish(self) -> CacheId {
        short(&self.key.hash(&[b"content", &self.state, &self.rest]))
    }
}

impl FileStat<'_> {
    pub(super) fn id(&self, key: &HashKey) -> CacheId {
        short(&key.hash(&[
            b"stat",
            self.path.as_bytes(),
            &self.bytes.to_le_bytes(),
            &self.device.to_le_bytes(),
            &self.inode.to_le_bytes(),
            &self.modified_ns.to_le_bytes(),
            &self.changed_ns.to_le_bytes(),
        ]))
    }
}

pub(super) fn short(hash: &[u8; 32]) -> CacheId {
    CacheId(hash.first_chunk().copied().unwrap_or_default())
}
