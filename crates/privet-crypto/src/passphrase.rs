//! The root key behind a passphrase.

use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

use crate::keys::expand;
use crate::wrap::{kwp_unwrap, kwp_wrap};
use crate::{Error, RootKey, random};

/// Written form: this prefix, then `m=…,t=…,p=…,salt=…,key=…`.
const PREFIX: &str = "privet-argon2id-1:";
/// Longest written form that is looked at.
const MAX_TEXT: usize = 256;
/// Fewest characters of a new passphrase.
const MIN_CHARS: usize = 12;

/// What one guess at a passphrase costs. Bounded both ways when made and when read: a careless file is not too cheap to
/// attack, and a hostile one cannot exhaust a machine's memory or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// A root key wrapped under a passphrase: Argon2id (RFC 9106), HKDF-SHA256, AES-256-KWP. No secret by itself, but whoever
/// has it can try passphrases.
///
/// The root key is random and only wrapped by the passphrase, so that a new passphrase changes no other key.
#[derive(Clone, PartialEq, Eq)]
pub struct PassphraseLock {
    cost: Argon2Cost,
    salt: [u8; 16],
    wrapped: [u8; 40],
}

impl Argon2Cost {
    /// Least memory: the OWASP Password Storage Cheat Sheet's least for two passes.
    pub const MIN_MEMORY_KIB: u32 = 19_456;
    /// Most memory: 1 GiB.
    pub const MAX_MEMORY_KIB: u32 = 1 << 20;
    /// Most work: memory in KiB times passes, 1 GiB four times.
    pub const MAX_WORK: u32 = 1 << 22;

    /// A cost of `memory_kib` KiB, `passes` over it, and `lanes`.
    ///
    /// # Errors
    /// [`Error::BadCost`] outside the bounds.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, Error> {
        let is_inside = (Self::MIN_MEMORY_KIB..=Self::MAX_MEMORY_KIB).contains(&memory_kib)
            && (2..=16).contains(&passes)
            && (1..=16).contains(&lanes)
            && memory_kib
                .checked_mul(passes)
                .is_some_and(|work| work <= Self::MAX_WORK);
        if is_inside {
            Ok(Self {
                memory_kib,
                passes,
                lanes,
            })
        } else {
            Err(Error::BadCost)
        }
    }
}

/// RFC 9106 §4, second recommended option: 64 MiB, 3 passes, 4 lanes.
impl Default for Argon2Cost {
    fn default() -> Self {
        Self {
            memory_kib: 1 << 16,
            passes: 3,
            lanes: 4,
        }
    }
}

impl PassphraseLock {
    /// Puts `root` behind `passphrase`. The passphrase counts byte by byte: who takes it from a person normalises it first
    /// (RFC 8265, OpaqueString).
    ///
    /// # Errors
    /// [`Error::WeakPassphrase`] below 12 characters; [`Error::Library`] if there are no random bytes or no memory.
    pub fn lock(root: &RootKey, passphrase: &str, cost: Argon2Cost) -> Result<Self, Error> {
        if passphrase.chars().count() < MIN_CHARS {
            return Err(Error::WeakPassphrase);
        }
        let salt = random()?;
        let kek = stretch(passphrase, &salt, cost)?;
        Ok(Self {
            cost,
            salt,
            wrapped: kwp_wrap(&kek, root.as_secret())?,
        })
    }

    /// The root key behind `passphrase`. Takes the memory and time that [`Argon2Cost`] says.
    ///
    /// # Errors
    /// [`Error::WrongPassphrase`]; [`Error::Library`] if there is no memory.
    pub fn open(&self, passphrase: &str) -> Result<RootKey, Error> {
        let kek = stretch(passphrase, &self.salt, self.cost)?;
        let secret = kwp_unwrap(&kek, &self.wrapped).map_err(|_| Error::WrongPassphrase)?;
        Ok(RootKey::from_secret(secret))
    }

    /// Reads the written form; white space around it is ignored.
    ///
    /// # Errors
    /// [`Error::BadLock`] for another form; [`Error::BadCost`] for a cost out of bounds.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.len() > MAX_TEXT {
            return Err(Error::BadLock);
        }
        let fields = text.strip_prefix(PREFIX).ok_or(Error::BadLock)?;
        let mut fields = fields.split(',');
        let mut next = |name: &str| {
            let field = fields.next().and_then(|field| field.strip_prefix(name));
            field.ok_or(Error::BadLock)
        };
        let (memory_kib, passes, lanes) = (number(next("m=")?)?, number(next("t=")?)?, number(next("p=")?)?);
        let (salt, wrapped) = (bytes(next("salt=")?)?, bytes(next("key=")?)?);
        if fields.next().is_some() {
            return Err(Error::BadLock);
        }
        Ok(Self {
            cost: Argon2Cost::new(memory_kib, passes, lanes)?,
            salt,
            wrapped,
        })
    }

    /// The written form.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Argon2Cost {
            memory_kib,
            passes,
            lanes,
        } = self.cost;
        format!(
            "{PREFIX}m={memory_kib},t={passes},p={lanes},salt={},key={}",
            HEXLOWER.encode(&self.salt),
            HEXLOWER.encode(&self.wrapped)
        )
    }
}

/// A number without sign or leading zeros: each lock has one spelling.
fn number(text: &str) -> Result<u32, Error> {
    let number: u32 = text.parse().map_err(|_| Error::BadLock)?;
    if number.to_string() == text {
        Ok(number)
    } else {
        Err(Error::BadLock)
    }
}

fn bytes<const N: usize>(text: &str) -> Result<[u8; N], Error> {
    let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| Error::BadLock)?;
    bytes.try_into().map_err(|_| Error::BadLock)
}

/// Argon2id, then HKDF: the wrapping key.
fn stretch(passphrase: &str, salt: &[u8; 16], cost: Argon2Cost) -> Result<Zeroizing<[u8; 32]>, Error> {
    let stretched = argon2id(passphrase.as_bytes(), salt, cost)?;
    Ok(expand(stretched.as_slice(), b"privet/passphrase/wrap/1", b""))
}

/// Argon2id version 1.3, 32 bytes.
fn argon2id(passphrase: &[u8], salt: &[u8], cost: Argon2Cost) -> Result<Zeroizing<[u8; 32]>, Error> {
    let params =
        Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(|_| Error::BadCost)?;
    let mut memory = Zeroizing::new(Vec::new());
    memory
        .try_reserve_exact(params.block_count())
        .map_err(|_| Error::Library)?;
    memory.resize(params.block_count(), Block::new());
    let mut out = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(passphrase, salt, out.as_mut_slice(), memory.as_mut_slice())
        .map_err(|_| Error::Library)?;
    Ok(out)
}

impl fmt::Debug for PassphraseLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PassphraseLock({:?}, [secret])", self.cost)
    }
}
