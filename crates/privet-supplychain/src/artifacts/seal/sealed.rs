//! The form of a sealed model: a head in the clear, and the stream that is bound to it.
//!
//! ```text
//! sealed = "privet-model-01\n" ‖ length of the head (4 bytes, little-endian) ‖ head (JSON) ‖ stream
//! ```
//!
//! The stream's context is everything in front of it, so a head of another file, or a changed one, opens nothing.

use std::io::{self, Read, Seek, SeekFrom, Write};

use data_encoding::HEXLOWER;
use privet_crypto::{DataKey, KeyLevel, KeyPlace, StreamOpener, StreamSealer, WrappingKey, random};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Digest, Error, Hasher, PIECE, SignedManifest, read};

/// What a sealed model begins with.
const MAGIC: &[u8; 16] = b"privet-model-01\n";
/// Longest head that is read. The manifest stands in it as text within text within text.
const MOST_HEAD: usize = 16 << 20;
/// What the stream's context begins with, so that no other stream opens as a model.
const CONTEXT: &[u8] = b"privet model\0";

/// What stands in front of a sealed model. It is no secret, and genuine only once the file was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Whose installation space: with whose keys it opens.
    pub tenant: String,
    /// The name of its key, 32 hexadecimal digits.
    pub id: String,
    /// Its key, wrapped by the tenant's; hexadecimal digits.
    pub key: String,
    /// Which file of the manifest it is.
    pub file: String,
    /// What is said of the model. It may be signed by nobody.
    pub manifest: SignedManifest,
}

/// What a model is sealed for.
#[derive(Debug, Clone, Copy)]
pub struct Sealing<'a> {
    /// Whose installation space.
    pub tenant: &'a str,
    /// Which file of the manifest it is.
    pub file: &'a str,
    /// What is said of the model.
    pub manifest: &'a SignedManifest,
}

/// The head of a sealed model that was read.
#[derive(Debug, Clone)]
pub struct Sealed {
    head: Head,
    /// All bytes in front of the stream.
    front: Vec<u8>,
    /// Where the stream begins.
    start: u64,
}

/// Whether a file that begins with `bytes` says that it is a sealed model.
#[must_use]
pub fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Seals a model file of any size, in constant memory, under a new key that `wrapping` wraps; gives size and hash of the plain file.
///
/// # Errors
/// [`Error::NotNamed`] if the manifest does not speak of the file, [`Error::Mismatch`] if it speaks of another one, [`Error::File`],
/// [`Error::Crypto`]. What was written by then is to be removed.
pub fn seal(
    reader: &mut impl Read,
    writer: &mut impl Write,
    wrapping: &WrappingKey,
    sealing: &Sealing<'_>,
) -> Result<Digest, Error> {
    let manifest = sealing.manifest.unverified()?;
    let wanted = manifest.file(sealing.file)?.digest();
    let key = DataKey::generate()?;
    let id: [u8; 16] = random()?;
    let id = HEXLOWER.encode(&id);
    let wrapped = wrapping.wrap(&place(sealing.tenant, &id), &key)?;
    let head = Head {
        tenant: sealing.tenant.to_owned(),
        key: HEXLOWER.encode(&wrapped),
        id,
        file: sealing.file.to_owned(),
        manifest: sealing.manifest.clone(),
    };
    let front = front(&head)?;
    writer.write_all(&front)?;
    let mut out = Vec::new();
    let mut sealer = StreamSealer::new(&key, &context(&front), &mut out)?;
    let mut hasher = Hasher::new();
    let mut piece = Zeroizing::new(vec![0; PIECE]);
    while let Some(bytes) = read(reader, &mut piece)? {
        hasher.update(bytes);
        sealer.push(bytes, &mut out)?;
        writer.write_all(&out)?;
        out.clear();
    }
    sealer.finish(&mut out)?;
    writer.write_all(&out)?;
    writer.flush()?;
    let sealed = hasher.finish();
    wanted.expect(&sealed)?;
    Ok(sealed)
}

impl Sealed {
    /// Reads what stands in front of a sealed model, at the start of `file`. Nothing of it is proved yet.
    ///
    /// # Errors
    /// [`Error::NotSealed`] if it is none, [`Error::File`].
    pub fn read(file: &mut (impl Read + Seek)) -> Result<Self, Error> {
        let begin = file.stream_position()?;
        let mut fixed = [0; MAGIC.len() + 4];
        exactly(file, &mut fixed)?;
        let (magic, length) = fixed.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(not_sealed("it does not begin as one"));
        }
        let length = length
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        if length > MOST_HEAD {
            return Err(not_sealed("its head is too long"));
        }
        let mut text = Vec::new();
        file.by_ref().take(length as u64).read_to_end(&mut text)?;
        if text.len() != length {
            return Err(not_sealed("it ends early"));
        }
        let head: Head = serde_json::from_slice(&text)
            .map_err(|_| not_sealed("its head is damaged, or of a later version"))?;
        let front = [fixed.as_slice(), &text].concat();
        Ok(Self {
            start: begin + front.len() as u64,
            head,
            front,
        })
    }

    /// What stands in front.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// Opens the model in `file` into `writer`; gives size and hash of the plain file, which are those of the manifest.
    ///
    /// The file is read twice: to its end to prove that it is whole, and only then to write it. So nothing is written of a file
    /// that is cut, changed, reordered, lengthened, of another key, tenant or head.
    ///
    /// # Errors
    /// [`Error::Crypto`] if it does not open, [`Error::Mismatch`] if it is not what its manifest says, [`Error::File`]. If the file
    /// is changed between the two readings, or the disk fails in the second, a part may have been written; a caller writes to a
    /// temporary file and renames it.
    pub fn open(
        &self,
        file: &mut (impl Read + Seek),
        writer: &mut impl Write,
        wrapping: &WrappingKey,
    ) -> Result<Digest, Error> {
        let proved = self.prove(file, wrapping)?;
        let written = self.open_once(file, writer, wrapping)?;
        writer.flush()?;
        proved.expect(&written)?;
        Ok(written)
    }

    /// Reads the model in `file` to its end and writes nothing; gives size and hash of the plain file, which are those of the
    /// manifest.
    ///
    /// # Errors
    /// [`Error::Crypto`] if it does not open, [`Error::Mismatch`] if it is not what its manifest says, [`Error::File`].
    pub fn prove(&self, file: &mut (impl Read + Seek), wrapping: &WrappingKey) -> Result<Digest, Error> {
        let proved = self.open_once(file, &mut io::sink(), wrapping)?;
        let manifest = self.head.manifest.unverified()?;
        manifest.file(&self.head.file)?.digest().expect(&proved)?;
        Ok(proved)
    }

    fn open_once(
        &self,
        file: &mut (impl Read + Seek),
        writer: &mut impl Write,
        wrapping: &WrappingKey,
    ) -> Result<Digest, Error> {
        let head = &self.head;
        let wrapped = HEXLOWER
            .decode(head.key.as_bytes())
            .map_err(|_| not_sealed("its head is damaged"))?;
        let key: DataKey = wrapping.unwrap(&place(&head.tenant, &head.id), &wrapped)?;
        file.seek(SeekFrom::Start(self.start))?;
        let mut opener = StreamOpener::new(&key, &context(&self.front));
        let mut hasher = Hasher::new();
        let mut out = Zeroizing::new(Vec::new());
        let mut piece = vec![0; PIECE];
        while let Some(bytes) = read(file, &mut piece)? {
            opener.push(bytes, &mut out)?;
            hasher.update(&out);
            writer.write_all(&out)?;
            out.clear();
        }
        opener.finish(&mut out)?;
        hasher.update(&out);
        writer.write_all(&out)?;
        Ok(hasher.finish())
    }
}

/// Where the key of a sealed model belongs.
const fn place<'a>(tenant: &'a str, id: &'a str) -> KeyPlace<'a> {
    KeyPlace {
        tenant: tenant.as_bytes(),
        level: KeyLevel::Model,
        id: id.as_bytes(),
        epoch: 0,
    }
}

fn front(head: &Head) -> Result<Vec<u8>, Error> {
    let text = serde_json::to_vec(head).map_err(|_| not_sealed("its head cannot be written"))?;
    let length = u32::try_from(text.len())
        .ok()
        .filter(|_| text.len() <= MOST_HEAD)
        .ok_or(not_sealed("its head is too long"))?;
    Ok([MAGIC.as_slice(), &length.to_le_bytes(), &text].concat())
}

fn context(front: &[u8]) -> Vec<u8> {
    [CONTEXT, front].concat()
}

const fn not_sealed(reason: &'static str) -> Error {
    Error::NotSealed { reason }
}

fn exactly(file: &mut impl Read, into: &mut [u8]) -> Result<(), Error> {
    file.read_exact(into).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => not_sealed("it is too short"),
        _ => error.into(),
    })
}
