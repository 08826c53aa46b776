//! Keys that wrap keys.

use std::fmt;

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded};
use zeroize::Zeroizing;

use crate::data_key::Commitment;
use crate::keys::{expand, is_equal};
use crate::{DataKey, Error, IndexSecret, KeyId, KeyPlace, RootKey, SigningKey, random};

/// Bytes of a wrapped key: format (1), id of the wrapping key (16), AES-KWP of 32 bytes (40).
pub const WRAPPED_SIZE: usize = 1 + 16 + KWP_SIZE;
/// Bytes of AES-KWP of a key of 32 bytes (RFC 5649 §4.1).
const KWP_SIZE: usize = 40;
const FORMAT: u8 = 1;

/// A 256-bit key that wraps other keys (of a tenant, of an epoch), wiped when dropped.
///
/// AES-256 Key Wrap with Padding (NIST SP 800-38F, RFC 5649). KWP binds no context, so each wrap is under a key of its
/// own, derived with HKDF-SHA256 from this one, the kind of the wrapped key and its [`KeyPlace`]: unwrapped for another
/// place, the integrity check of KWP fails (64 bits). The same key wrapped twice for one place gives the same bytes.
pub struct WrappingKey(Zeroizing<[u8; 32]>);

/// A key that can be wrapped: [`WrappingKey`], [`DataKey`], [`IndexSecret`], [`SigningKey`], and [`RootKey`] (that of the
/// surrogates of a tenant and epoch, for example).
pub trait Wrappable: material::Material {}

pub(crate) mod material {
    use zeroize::Zeroizing;

    use crate::Error;

    /// 256 secret bits of a kind.
    pub trait Material: Sized {
        /// Keeps a key of one kind from being unwrapped as one of another.
        const KIND: &'static str;
        /// The bits.
        fn secret(&self) -> &Zeroizing<[u8; 32]>;
        /// The key of these bits.
        ///
        /// # Errors
        /// [`Error::Library`] if the library refuses them.
        fn from_secret(secret: Zeroizing<[u8; 32]>) -> Result<Self, Error>;
    }
}

impl WrappingKey {
    /// A new random key.
    ///
    /// # Errors
    /// [`Error::Library`] if the system gives no random bytes.
    pub fn generate() -> Result<Self, Error> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    /// The key's name in what it wrapped.
    #[must_use]
    pub fn id(&self) -> KeyId {
        Commitment::of(&self.0, "privet/wrap/commitment/1").id
    }

    /// Wraps `key` for `place`: [`WRAPPED_SIZE`] bytes.
    ///
    /// # Errors
    /// [`Error::Library`] if the library refuses to work.
    pub fn wrap<K: Wrappable>(&self, place: &KeyPlace<'_>, key: &K) -> Result<Vec<u8>, Error> {
        let mut wrapped = Vec::with_capacity(WRAPPED_SIZE);
        wrapped.push(FORMAT);
        wrapped.extend_from_slice(self.id().as_bytes());
        wrapped.extend_from_slice(&kwp_wrap(&self.kek::<K>(place), key.secret())?);
        Ok(wrapped)
    }

    /// Unwraps what [`wrap`](Self::wrap) made for the same kind of key and `place`.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`]; [`Error::WrongKey`] if another key wrapped it; [`Error::CannotOpen`] if it was changed, or
    /// wrapped for another place or kind.
    pub fn unwrap<K: Wrappable>(&self, place: &KeyPlace<'_>, wrapped: &[u8]) -> Result<K, Error> {
        let (id, body) = split(wrapped)?;
        if !is_equal(id.as_bytes(), self.id().as_bytes()) {
            return Err(Error::WrongKey);
        }
        K::from_secret(kwp_unwrap(&self.kek::<K>(place), body)?)
    }

    fn kek<K: Wrappable>(&self, place: &KeyPlace<'_>) -> Zeroizing<[u8; 32]> {
        expand(self.0.as_slice(), b"privet/wrap/kwp/1", &place.encode(K::KIND))
    }

    pub(crate) const fn from_secret(secret: Zeroizing<[u8; 32]>) -> Self {
        Self(secret)
    }
}

/// The id of the key that wrapped `wrapped`.
///
/// # Errors
/// [`Error::UnknownFormat`] if it is no wrapped key of a format that this version knows.
pub fn wrapping_key_id(wrapped: &[u8]) -> Result<KeyId, Error> {
    split(wrapped).map(|(id, _)| id)
}

fn split(wrapped: &[u8]) -> Result<(KeyId, &[u8; KWP_SIZE]), Error> {
    let ([format], rest) = wrapped.split_first_chunk().ok_or(Error::UnknownFormat)?;
    let (id, body) = rest.split_first_chunk().ok_or(Error::UnknownFormat)?;
    let body = body.try_into().map_err(|_| Error::UnknownFormat)?;
    if *format == FORMAT {
        Ok((KeyId::from_bytes(*id), body))
    } else {
        Err(Error::UnknownFormat)
    }
}

/// AES-256-KWP of a 256-bit key.
pub(crate) fn kwp_wrap(
    kek: &Zeroizing<[u8; 32]>,
    key: &Zeroizing<[u8; 32]>,
) -> Result<[u8; KWP_SIZE], Error> {
    // The library wants room for any padding.
    let mut out = [0; 32 + 15];
    let wrapped = AesKek::new(&AES_256, kek.as_slice())
        .and_then(|kek| kek.wrap_with_padding(key.as_slice(), &mut out))
        .map_err(|_| Error::Library)?;
    (&*wrapped).try_into().map_err(|_| Error::Library)
}

/// Undoes [`kwp_wrap`].
pub(crate) fn kwp_unwrap(kek: &Zeroizing<[u8; 32]>, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, Error> {
    let mut out = Zeroizing::new([0; KWP_SIZE]);
    let key = AesKek::new(&AES_256, kek.as_slice())
        .and_then(|kek| kek.unwrap_with_padding(wrapped, out.as_mut_slice()))
        .map_err(|_| Error::CannotOpen)?;
    let mut secret = Zeroizing::new([0; 32]);
    if key.len() != secret.len() {
        return Err(Error::CannotOpen);
    }
    secret.copy_from_slice(key);
    Ok(secret)
}

impl material::Material for WrappingKey {
    const KIND: &'static str = "wrapping";

    fn secret(&self) -> &Zeroizing<[u8; 32]> {
        &self.0
    }

    fn from_secret(secret: Zeroizing<[u8; 32]>) -> Result<Self, Error> {
        Ok(Self(secret))
    }
}

impl material::Material for DataKey {
    const KIND: &'static str = "data";

    fn secret(&self) -> &Zeroizing<[u8; 32]> {
        self.as_secret()
    }

    fn from_secret(secret: Zeroizing<[u8; 32]>) -> Result<Self, Error> {
        Ok(Self::from_secret(secret))
    }
}

impl material::Material for IndexSecret {
    const KIND: &'static str = "index";

    fn secret(&self) -> &Zeroizing<[u8; 32]> {
        self.as_secret()
    }

    fn from_secret(secret: Zeroizing<[u8; 32]>) -> Result<Self, Error> {
        Ok(Self::from_secret(secret))
    }
}

impl material::Material for SigningKey {
    const KIND: &'static str = "signing";

    fn secret(&self) -> &Zeroizing<[u8; 32]> {
        self.seed()
    }

    fn from_secret(secret: Zeroizing<[u8; 32]>) -> Result<Self, Error> {
        Self::from_seed(secret)
    }
}

impl material::Material for RootKey {
    const KIND: &'static str = "root";

    fn secret(&self) -> &Zeroizing<[u8; 32]> {
        self.as_secret()
    }

    fn from_secret(secret: Zeroizing<[u8; 32]>) -> Result<Self, Error> {
        Ok(Self::from_secret(secret))
    }
}

impl Wrappable for RootKey {}
impl Wrappable for WrappingKey {}
impl Wrappable for DataKey {}
impl Wrappable for IndexSecret {}
impl Wrappable for SigningKey {}

impl fmt::Debug for WrappingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrappingKey([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyLevel;
    use proptest::prelude::*;

    const PLACE: KeyPlace<'_> = KeyPlace {
        tenant: b"tenant",
        level: KeyLevel::Epoch,
        id: b"7",
        epoch: 7,
    };

    fn key(byte: u8) -> WrappingKey {
        WrappingKey::from_secret(Zeroizing::new([byte; 32]))
    }

    #[test]
    fn every_kind_of_key_comes_back() {
        let data = DataKey::generate().unwrap();
        let wrapping = WrappingKey::generate().unwrap();
        let index = IndexSecret::generate().unwrap();
        let signing = SigningKey::generate().unwrap();
        let root = RootKey::generate().unwrap();
        let wrapped = [
            key(1).wrap(&PLACE, &data).unwrap(),
            key(1).wrap(&PLACE, &wrapping).unwrap(),
            key(1).wrap(&PLACE, &index).unwrap(),
            key(1).wrap(&PLACE, &signing).unwrap(),
            key(1).wrap(&PLACE, &root).unwrap(),
        ];
        assert!(wrapped.iter().all(|bytes| bytes.len() == WRAPPED_SIZE));
        assert_eq!(
            key(1).unwrap::<DataKey>(&PLACE, &wrapped[0]).unwrap().id(),
            data.id()
        );
        assert_eq!(
            key(1).unwrap::<WrappingKey>(&PLACE, &wrapped[1]).unwrap().id(),
            wrapping.id()
        );
        assert_eq!(
            key(1)
                .unwrap::<IndexSecret>(&PLACE, &wrapped[2])
                .unwrap()
                .as_secret(),
            index.as_secret()
        );
        assert_eq!(
            key(1)
                .unwrap::<SigningKey>(&PLACE, &wrapped[3])
                .unwrap()
                .verifying_key(),
            signing.verifying_key()
        );
        assert_eq!(
            key(1).unwrap::<RootKey>(&PLACE, &wrapped[4]).unwrap().as_secret(),
            root.as_secret()
        );
    }

    #[test]
    fn a_wrapped_key_comes_back_in_its_place_only() {
        let wrapped = key(1).wrap(&PLACE, &DataKey::generate().unwrap()).unwrap();
        for place in [
            KeyPlace {
                tenant: b"tenan",
                ..PLACE
            },
            KeyPlace {
                level: KeyLevel::Subject,
                ..PLACE
            },
            KeyPlace { id: b"8", ..PLACE },
            KeyPlace { epoch: 8, ..PLACE },
            // Another cut between the same bytes.
            KeyPlace {
                tenant: b"tenant7",
                id: b"",
                ..PLACE
            },
        ] {
            assert_eq!(
                key(1).unwrap::<DataKey>(&place, &wrapped).unwrap_err(),
                Error::CannotOpen,
                "{place:?}"
            );
        }
    }

    #[test]
    fn a_key_of_one_kind_is_not_unwrapped_as_another() {
        let wrapped = key(1).wrap(&PLACE, &DataKey::generate().unwrap()).unwrap();
        assert_eq!(
            key(1).unwrap::<WrappingKey>(&PLACE, &wrapped).unwrap_err(),
            Error::CannotOpen
        );
        assert_eq!(
            key(1).unwrap::<IndexSecret>(&PLACE, &wrapped).unwrap_err(),
            Error::CannotOpen
        );
    }

    #[test]
    fn another_wrapping_key_is_told_from_damage() {
        let wrapped = key(1).wrap(&PLACE, &DataKey::generate().unwrap()).unwrap();
        assert_eq!(wrapping_key_id(&wrapped), Ok(key(1).id()));
        assert_eq!(
            key(2).unwrap::<DataKey>(&PLACE, &wrapped).unwrap_err(),
            Error::WrongKey
        );
        assert_eq!(
            key(1).unwrap::<DataKey>(&PLACE, &[2; WRAPPED_SIZE]).unwrap_err(),
            Error::UnknownFormat
        );
        assert_eq!(format!("{:?}", key(1)), "WrappingKey([secret])");
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let wrapped = key(1).wrap(&PLACE, &DataKey::generate().unwrap()).unwrap();
        for bit in 0..wrapped.len() * 8 {
            let mut bad = wrapped.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(key(1).unwrap::<DataKey>(&PLACE, &bad).is_err(), "bit {bit}");
        }
        for length in 0..wrapped.len() {
            assert!(key(1).unwrap::<DataKey>(&PLACE, &wrapped[..length]).is_err());
        }
        let longer = [&wrapped[..], &[0]].concat();
        assert!(key(1).unwrap::<DataKey>(&PLACE, &longer).is_err());
    }

    proptest! {
        #[test]
        fn a_wrapped_key_comes_back_for_any_place(
            secret: [u8; 32], outer: [u8; 32], tenant: Vec<u8>, id: Vec<u8>, epoch: u64,
        ) {
            let key = WrappingKey::from_secret(Zeroizing::new(outer));
            let data = DataKey::from_secret(Zeroizing::new(secret));
            let place = KeyPlace { tenant: &tenant, level: KeyLevel::Subject, id: &id, epoch };
            let wrapped = key.wrap(&place, &data).unwrap();
            let again: DataKey = key.unwrap(&place, &wrapped).unwrap();
            prop_assert_eq!(again.as_secret(), data.as_secret());
        }
    }
}
