//! Signed notes (C2SP signed-note): a text, and below it a line for each signature.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64, HEXLOWER};
use privet_crypto::{SIGNATURE_SIZE, SigningKey, VerifyingKey, sha256_parts};

use crate::hash::read_base64;

/// Largest note read.
const MAX_NOTE: usize = 64 << 10;

/// Most signatures of a note; C2SP asks for at least 16.
const MAX_SIGNATURES: usize = 100;

/// Who signs, and so what the signature says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signer {
    /// The log itself (Ed25519 over the text, C2SP signature type 1).
    Log,
    /// A witness: it saw this checkpoint at a time, and none that contradicts it (C2SP `cosignature/v1`, type 4).
    Witness,
}

/// The key that checks the signatures of one signer. Written as `<name>+<8 hexadecimal digits>+<base64>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteKey {
    name: String,
    id: [u8; 4],
    signer: Signer,
    key: VerifyingKey,
}

/// What signs the notes of a log or witness.
#[derive(Debug)]
pub struct NoteSigner {
    public: NoteKey,
    key: SigningKey,
}

/// A note that was read: its text is well formed, its signatures are not checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// A signature line of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Name of the key, as the line says.
    pub name: String,
    /// Id of the key, as the line says.
    pub id: [u8; 4],
    bytes: Vec<u8>,
}

/// What is wrong with a note, or with the written form of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadNote {
    /// A written key that is none.
    #[error(
        "not a verifier key: expected `<name>+<8 hexadecimal digits>+<base64>`, as `privet audit key` prints it"
    )]
    Key,
    /// A written key whose middle part does not belong to the rest.
    #[error("the verifier key `{name}` was changed: its parts do not belong together")]
    KeyId {
        /// The name in it.
        name: String,
    },
    /// A key of a kind that is not known.
    #[error(
        "the verifier key `{name}` is of a kind this privet does not know; it knows Ed25519 keys of logs and witnesses"
    )]
    KeyKind {
        /// The name in it.
        name: String,
    },
    /// A name that no key can have.
    #[error("a key's name is not empty and has no blank, no control character and no `+`")]
    Name,
    /// Text that is not UTF-8, too long, or has control characters.
    #[error("not the text of a note")]
    Text,
    /// There is no blank line with signatures behind it.
    #[error("no signatures behind its text")]
    Unsigned,
    /// A line below the text is no signature.
    #[error("signature line {line} is malformed")]
    Line {
        /// From 1.
        line: usize,
    },
    /// None of the signatures is of this key.
    #[error("not signed by `{name}` with the key given")]
    NotSigned {
        /// Name of the key.
        name: String,
    },
    /// A signature of this key does not hold.
    #[error("the signature of `{name}` does not hold: the text was changed, or the key is another one")]
    BadSignature {
        /// Name of the key.
        name: String,
    },
}

impl Signer {
    const fn kind(self) -> u8 {
        match self {
            Self::Log => 1,
            Self::Witness => 4,
        }
    }
}

impl NoteKey {
    /// The key of `signer`, called `name`.
    ///
    /// # Errors
    /// [`BadNote::Name`].
    pub fn new(name: &str, signer: Signer, key: VerifyingKey) -> Result<Self, BadNote> {
        let is_refused = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if name.is_empty() || name.contains(is_refused) {
            return Err(BadNote::Name);
        }
        let hash = sha256_parts(&[name.as_bytes(), b"\n", &[signer.kind()], key.as_bytes()]);
        let mut id = [0; 4];
        for (to, from) in id.iter_mut().zip(hash) {
            *to = from;
        }
        Ok(Self {
            name: name.to_owned(),
            id,
            signer,
            key,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its id: a hash of name, kind and key.
    #[must_use]
    pub const fn id(&self) -> [u8; 4] {
        self.id
    }

    /// Whose key it is.
    #[must_use]
    pub const fn signer(&self) -> Signer {
        self.signer
    }

    /// Checks the signature of this key under `note`, and returns the time a witness gave with it (seconds since 1970).
    ///
    /// # Errors
    /// [`BadNote::NotSigned`] if no line is of this key, [`BadNote::BadSignature`] if one is and does not hold.
    pub fn check(&self, note: &Note) -> Result<Option<u64>, BadNote> {
        let mut lines = note
            .signatures
            .iter()
            .filter(|line| line.id == self.id && line.name == self.name);
        let Some(line) = lines.next() else {
            return Err(BadNote::NotSigned {
                name: self.name.clone(),
            });
        };
        let bad = || BadNote::BadSignature {
            name: self.name.clone(),
        };
        // Two signatures of one key, of which one holds: somebody put the other there.
        if lines.next().is_some() {
            return Err(bad());
        }
        match self.signer {
            Signer::Log => self
                .key
                .verify(note.text.as_bytes(), &line.bytes)
                .map(|()| None)
                .map_err(|_| bad()),
            Signer::Witness => {
                let (time, signature) = line.bytes.split_first_chunk::<8>().ok_or_else(bad)?;
                let time = u64::from_be_bytes(*time);
                self.key
                    .verify(cosigned(time, &note.text).as_bytes(), signature)
                    .map(|()| Some(time))
                    .map_err(|_| bad())
            }
        }
    }
}

impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![self.signer.kind()];
        key.extend_from_slice(self.key.as_bytes());
        write!(
            f,
            "{}+{}+{}",
            self.name,
            HEXLOWER.encode(&self.id),
            BASE64.encode(&key)
        )
    }
}

impl FromStr for NoteKey {
    type Err = BadNote;

    fn from_str(text: &str) -> Result<Self, BadNote> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(BadNote::Key);
        };
        let id = HEXLOWER.decode(id.as_bytes()).map_err(|_| BadNote::Key)?;
        let key = read_base64(key).ok_or(BadNote::Key)?;
        let (kind, key) = key.split_first().ok_or(BadNote::Key)?;
        let signer = match kind {
            1 => Signer::Log,
            4 => Signer::Witness,
            _ => {
                return Err(BadNote::KeyKind {
                    name: name.to_owned(),
                });
            }
        };
        let key = <[u8; 32]>::try_from(key).map_err(|_| BadNote::Key)?;
        let key = Self::new(name, signer, VerifyingKey::from_bytes(key)).map_err(|_| BadNote::Key)?;
        if id == key.id {
            Ok(key)
        } else {
            Err(BadNote::KeyId {
                name: name.to_owned(),
            })
        }
    }
}

impl NoteSigner {
    /// Signs as `signer`, called `name`.
    ///
    /// # Errors
    /// [`BadNote::Name`].
    pub fn new(name: &str, signer: Signer, key: SigningKey) -> Result<Self, BadNote> {
        let public = NoteKey::new(name, signer, key.verifying_key())?;
        Ok(Self { public, key })
    }

    /// The key that checks what this signs.
    #[must_use]
    pub const fn key(&self) -> &NoteKey {
        &self.public
    }

    /// The signature line under `text`, with the line end. `time` (seconds since 1970) is what a witness states; a log's
    /// signature states none.
    #[must_use]
    pub fn sign(&self, text: &str, time: u64) -> String {
        let mut bytes = self.public.id.to_vec();
        let signature: [u8; SIGNATURE_SIZE] = match self.public.signer {
            Signer::Log => self.key.sign(text.as_bytes()),
            Signer::Witness => {
                bytes.extend_from_slice(&time.to_be_bytes());
                self.key.sign(cosigned(time, text).as_bytes())
            }
        };
        bytes.extend_from_slice(&signature);
        format!("\u{2014} {} {}\n", self.public.name, BASE64.encode(&bytes))
    }
}

/// What a witness signs.
fn cosigned(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

impl Note {
    /// Reads a note.
    ///
    /// # Errors
    /// [`BadNote`] if it is not in the form that C2SP lays down.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadNote> {
        let text = std::str::from_utf8(bytes).map_err(|_| BadNote::Text)?;
        if text.len() > MAX_NOTE || text.contains(|c: char| c.is_control() && c != '\n') {
            return Err(BadNote::Text);
        }
        let (text, lines) = text.rsplit_once("\n\n").ok_or(BadNote::Unsigned)?;
        let signatures = Self::parse_signatures(lines)?;
        Ok(Self {
            text: format!("{text}\n"),
            signatures,
        })
    }

    /// Reads signature lines alone, as a witness gives them; each ends with a line end.
    ///
    /// # Errors
    /// [`BadNote`] if one of them is none.
    pub fn parse_signatures(lines: &str) -> Result<Vec<Signature>, BadNote> {
        if lines.is_empty() {
            return Err(BadNote::Unsigned);
        }
        let lines = lines.strip_suffix('\n').ok_or(BadNote::Line {
            line: lines.lines().count(),
        })?;
        let lines = lines.split('\n').take(MAX_SIGNATURES + 1).zip(1..);
        lines
            .map(|(text, line)| {
                let signature = parse_signature(text).filter(|_| line <= MAX_SIGNATURES);
                signature.ok_or(BadNote::Line { line })
            })
            .collect()
    }

    /// The text that is signed, with its last line end.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, in the order of their lines.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The same text with `signatures` instead.
    #[must_use]
    pub fn with_signatures(&self, signatures: Vec<Signature>) -> Self {
        Self {
            text: self.text.clone(),
            signatures,
        }
    }
}

fn parse_signature(line: &str) -> Option<Signature> {
    let (name, bytes) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let bytes = read_base64(bytes)?;
    let (id, bytes) = bytes.split_first_chunk::<4>()?;
    let is_name = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+');
    (is_name && !bytes.is_empty()).then(|| Signature {
        name: name.to_owned(),
        id: *id,
        bytes: bytes.to_vec(),
    })
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.id[..], &self.bytes].concat();
        writeln!(f, "\u{2014} {} {}", self.name, BASE64.encode(&bytes))
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| write!(f, "{line}"))
    }
}
