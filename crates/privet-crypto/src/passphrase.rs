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

    /// What a password costs that people type often: the OWASP Password Storage Cheat Sheet's 19 MiB, 2 passes, 1 lane.
    #[must_use]
    pub const fn for_sign_in() -> Self {
        Self {
            memory_kib: Self::MIN_MEMORY_KIB,
            passes: 2,
            lanes: 1,
        }
    }

    /// Memory in KiB, passes and lanes.
    #[must_use]
    pub const fn parts(self) -> (u32, u32, u32) {
        (self.memory_kib, self.passes, self.lanes)
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
pub(crate) fn number(text: &str) -> Result<u32, Error> {
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
    let stretched = argon2id(passphrase.as_bytes(), salt, &[], cost)?;
    Ok(expand(stretched.as_slice(), b"privet/passphrase/wrap/1", b""))
}

/// Argon2id version 1.3, 32 bytes. `secret` is the K of RFC 9106 §3.1; empty for none.
pub(crate) fn argon2id(
    passphrase: &[u8],
    salt: &[u8],
    secret: &[u8],
    cost: Argon2Cost,
) -> Result<Zeroizing<[u8; 32]>, Error> {
    let params =
        Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(|_| Error::BadCost)?;
    let mut memory = Zeroizing::new(Vec::new());
    memory
        .try_reserve_exact(params.block_count())
        .map_err(|_| Error::Library)?;
    memory.resize(params.block_count(), Block::new());
    let mut out = Zeroizing::new([0; 32]);
    Argon2::new_with_secret(secret, Algorithm::Argon2id, Version::V0x13, params)
        .map_err(|_| Error::Library)?
        .hash_password_into_with_memory(passphrase, salt, out.as_mut_slice(), memory.as_mut_slice())
        .map_err(|_| Error::Library)?;
    Ok(out)
}

impl fmt::Debug for PassphraseLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PassphraseLock({:?}, [secret])", self.cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::{AssociatedData, ParamsBuilder};

    const PASSPHRASE: &str = "correct horse battery";

    fn least() -> Argon2Cost {
        Argon2Cost::new(Argon2Cost::MIN_MEMORY_KIB, 2, 1).unwrap()
    }

    fn root() -> RootKey {
        RootKey::from_secret(Zeroizing::new([7; 32]))
    }

    #[test]
    fn the_vector_of_rfc_9106_is_reproduced() {
        // RFC 9106 §5.3.
        let params = ParamsBuilder::new()
            .m_cost(32)
            .t_cost(3)
            .p_cost(4)
            .data(AssociatedData::new(&[4; 12]).unwrap())
            .output_len(32)
            .build()
            .unwrap();
        let mut memory = vec![Block::new(); params.block_count()];
        let mut tag = [0; 32];
        Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, params)
            .unwrap()
            .hash_password_into_with_memory(&[1; 32], &[2; 16], &mut tag, &mut memory)
            .unwrap();
        assert_eq!(
            HEXLOWER.encode(&tag),
            "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"
        );
    }

    #[test]
    fn the_default_cost_gives_what_the_reference_code_gives() {
        // Made with argon2-cffi 25.1.0: 64 MiB, 3 passes, 4 lanes, salt 00 01 … 0f.
        let salt: [u8; 16] = std::array::from_fn(|i| i as u8);
        let made = argon2id(PASSPHRASE.as_bytes(), &salt, &[], Argon2Cost::default()).unwrap();
        assert_eq!(
            HEXLOWER.encode(made.as_slice()),
            "5995fc5ddabdb7f10fae2ad796270c269821d70b0efb8fb60262a81f1b6f0eb8"
        );
    }

    #[test]
    fn a_lock_survives_being_written_and_opens_with_its_passphrase_only() {
        let lock = PassphraseLock::lock(&root(), PASSPHRASE, least()).unwrap();
        let again = PassphraseLock::parse(&format!(" {}\n", lock.to_text())).unwrap();
        assert_eq!(again, lock);
        assert_eq!(again.open(PASSPHRASE).unwrap().as_secret(), root().as_secret());
        assert_eq!(
            again.open("correct horse batter").unwrap_err(),
            Error::WrongPassphrase
        );
    }

    #[test]
    fn one_root_key_can_have_several_passphrases_and_each_lock_a_salt() {
        let lock = PassphraseLock::lock(&root(), PASSPHRASE, least()).unwrap();
        let other = PassphraseLock::lock(&root(), "another passphrase", least()).unwrap();
        assert_ne!(lock.salt, other.salt);
        assert_eq!(
            other.open("another passphrase").unwrap().as_secret(),
            root().as_secret()
        );
    }

    #[test]
    fn a_changed_lock_does_not_open() {
        let mut lock = PassphraseLock::lock(&root(), PASSPHRASE, least()).unwrap();
        lock.wrapped[39] ^= 1;
        assert_eq!(lock.open(PASSPHRASE).unwrap_err(), Error::WrongPassphrase);
    }

    #[test]
    fn a_short_passphrase_is_refused() {
        assert_eq!(
            PassphraseLock::lock(&root(), "elevenchars", least()).unwrap_err(),
            Error::WeakPassphrase
        );
    }

    #[test]
    fn a_file_cannot_ask_for_more_memory_or_time_than_the_bounds() {
        let text = |cost: &str| {
            format!(
                "privet-argon2id-1:{cost},salt={},key={}",
                "0".repeat(32),
                "0".repeat(80)
            )
        };
        assert!(PassphraseLock::parse(&text("m=65536,t=3,p=4")).is_ok());
        for cost in [
            "m=4294967295,t=3,p=4",
            "m=1048577,t=2,p=4",
            "m=1048576,t=5,p=4",
            "m=19455,t=2,p=1",
            "m=65536,t=1,p=4",
            "m=65536,t=17,p=4",
            "m=65536,t=3,p=0",
            "m=65536,t=3,p=17",
        ] {
            assert_eq!(
                PassphraseLock::parse(&text(cost)).unwrap_err(),
                Error::BadCost,
                "{cost}"
            );
        }
    }

    #[test]
    fn what_is_not_a_lock_is_refused() {
        let good = PassphraseLock::lock(&root(), PASSPHRASE, least())
            .unwrap()
            .to_text();
        for bad in [
            String::new(),
            "privet-argon2id-1:".to_owned(),
            good.replace("argon2id-1", "argon2id-2"),
            good.replace("m=19456", "m=019456"),
            good.replace("m=19456", "m=+19456"),
            good.replace("m=19456", "m=99999999999"),
            good.replace("m=19456,t=2", "t=2,m=19456"),
            good.replace("salt=", "salt=00"),
            format!("{good}0"),
            format!("{good},x=1"),
            format!("{good}{}", "0".repeat(MAX_TEXT)),
        ] {
            assert_eq!(PassphraseLock::parse(&bad).unwrap_err(), Error::BadLock, "{bad}");
        }
    }

    #[test]
    fn a_lock_does_not_print_itself() {
        let lock = PassphraseLock::lock(&root(), PASSPHRASE, least()).unwrap();
        assert!(format!("{lock:?}").ends_with(", [secret])"));
    }
}
