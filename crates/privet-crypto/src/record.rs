//! Sealed records and fields.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use zeroize::Zeroizing;

use crate::data_key::Commitment;
use crate::keys::{HashKey, is_equal};
use crate::seal::gcm_key;
use crate::{Context, Error, KeyId, random};

/// Most records sealed under one key with random nonces: NIST SP 800-38D §8.3.
pub const MAX_SEALS: u64 = 1 << 32;
/// Bytes by which a sealed value is longer than the plain one: header, nonce and tag.
pub const SEALED_OVERHEAD: usize = HEADER_SIZE + NONCE_LEN + 16;

/// Format (1), algorithm (1), key id (16), rest of the commitment (16), place (4).
const HEADER_SIZE: usize = 1 + 1 + 16 + 16 + PLACE_SIZE;
/// The keyed hash of the context says a wrong place from damage; the seal itself does not rest on it.
const PLACE_SIZE: usize = 4;
const FORMAT: u8 = 1;
/// AES-256-GCM under a key derived with HKDF-SHA256.
const AES_256_GCM_HKDF: u8 = 1;

/// Seals and opens records and fields under one [`DataKey`](crate::DataKey): AES-256-GCM (NIST SP 800-38D) with a fresh
/// random 96-bit nonce.
///
/// Sealed form: format, algorithm, key id, key commitment, place, nonce, ciphertext, tag. GCM alone commits to no key: one
/// ciphertext can be made to open under two (Grubbs, Lu, Ristenpart, CRYPTO 2017). The header's 256 bits, derived from
/// the key, are compared first and are part of the associated data.
pub struct RecordKey {
    aead: LessSafeKey,
    commitment: Commitment,
    places: HashKey,
}

/// How often a key has sealed. Kept with the key by the caller, who writes it down before (in steps, reserved ahead) so
/// that a crash loses no count.
#[derive(Debug, Default)]
pub struct SealCount(AtomicU64);

/// What stands in front of a sealed value. It is no secret, and not yet proved genuine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedHeader {
    key_id: KeyId,
    rest: [u8; 16],
    place: [u8; PLACE_SIZE],
}

impl RecordKey {
    pub(crate) fn new(aead: &Zeroizing<[u8; 32]>, commitment: Commitment, places: HashKey) -> Self {
        Self {
            aead: gcm_key(aead),
            commitment,
            places,
        }
    }

    /// The id of the data key.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.commitment.id
    }

    /// Encrypts `plaintext`, bound to `context`, and counts it. The result is [`SEALED_OVERHEAD`] bytes longer.
    ///
    /// # Errors
    /// [`Error::KeyWornOut`] if `count` is at its end; [`Error::Library`] if there are no random bytes.
    pub fn seal(&self, count: &SealCount, context: &Context<'_>, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        count.take(1)?;
        self.seal_with(random()?, context, plaintext)
    }

    fn seal_with(
        &self,
        nonce: [u8; NONCE_LEN],
        context: &Context<'_>,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let place = context.encode();
        let header = self.header(&place);
        let mut sealed = Vec::with_capacity(plaintext.len() + SEALED_OVERHEAD);
        sealed.extend_from_slice(&header);
        sealed.extend_from_slice(&nonce);
        let mut body = plaintext.to_vec();
        self.aead
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from([&header[..], &place].concat()),
                &mut body,
            )
            .map_err(|_| Error::Library)?;
        sealed.append(&mut body);
        Ok(sealed)
    }

    /// Decrypts what [`seal`](Self::seal) made for the same context.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`], [`Error::WrongKey`], [`Error::WrongContext`], [`Error::Damaged`]; the first that applies.
    /// A changed header reads as one of the first three.
    pub fn open(&self, context: &Context<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let found = SealedHeader::parse(sealed)?;
        let id_fits = is_equal(found.key_id.as_bytes(), self.commitment.id.as_bytes());
        let rest_fits = is_equal(&found.rest, &self.commitment.rest);
        if !(id_fits & rest_fits) {
            return Err(Error::WrongKey);
        }
        let place = context.encode();
        if !is_equal(&found.place, &self.place(&place)) {
            return Err(Error::WrongContext);
        }
        let (header, rest) = sealed.split_at_checked(HEADER_SIZE).ok_or(Error::Damaged)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(Error::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Error::Damaged)?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = self
            .aead
            .open_in_place(nonce, Aad::from([header, &place].concat()), &mut body)
            .map_err(|_| Error::Damaged)?
            .len();
        body.truncate(length);
        Ok(body)
    }

    fn header(&self, place: &[u8]) -> Vec<u8> {
        let mut header = Vec::with_capacity(HEADER_SIZE);
        header.extend_from_slice(&[FORMAT, AES_256_GCM_HKDF]);
        header.extend_from_slice(self.commitment.id.as_bytes());
        header.extend_from_slice(&self.commitment.rest);
        header.extend_from_slice(&self.place(place));
        header
    }

    fn place(&self, place: &[u8]) -> [u8; PLACE_SIZE] {
        let hash = self.places.hash(&[place]);
        hash.first_chunk().copied().unwrap_or_default()
    }
}

impl SealedHeader {
    /// Reads the header of a sealed value.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`] if format or algorithm are not known here; [`Error::Damaged`] if it is too short for a
    /// sealed value.
    pub fn parse(sealed: &[u8]) -> Result<Self, Error> {
        let ([format, algorithm], rest) = sealed.split_first_chunk().ok_or(Error::Damaged)?;
        if (*format, *algorithm) != (FORMAT, AES_256_GCM_HKDF) {
            return Err(Error::UnknownFormat);
        }
        if sealed.len() < SEALED_OVERHEAD {
            return Err(Error::Damaged);
        }
        let (id, rest) = rest.split_first_chunk().ok_or(Error::Damaged)?;
        let (commitment, rest) = rest.split_first_chunk().ok_or(Error::Damaged)?;
        let (place, _) = rest.split_first_chunk().ok_or(Error::Damaged)?;
        Ok(Self {
            key_id: KeyId::from_bytes(*id),
            rest: *commitment,
            place: *place,
        })
    }

    /// The id of the key it was sealed under.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }
}

impl SealCount {
    /// A count that goes on from `used`.
    #[must_use]
    pub const fn new(used: u64) -> Self {
        Self(AtomicU64::new(used))
    }

    /// How often the key has sealed.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts `seals` more; used to reserve some ahead, too.
    ///
    /// # Errors
    /// [`Error::KeyWornOut`] if that would pass [`MAX_SEALS`]; nothing is counted then.
    pub fn take(&self, seals: u64) -> Result<(), Error> {
        let within = |used: u64| used.checked_add(seals).filter(|sum| *sum <= MAX_SEALS);
        match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within) {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::KeyWornOut),
        }
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordKey([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DataKey;
    use proptest::prelude::*;

    const PLACE: Context<'_> = Context {
        tenant: b"tenant",
        subject: b"subject",
        record: b"record",
        field: b"field",
        schema: 1,
        version: 1,
    };

    fn key(byte: u8) -> RecordKey {
        DataKey::from_secret(Zeroizing::new([byte; 32])).record_key()
    }

    fn sealed() -> Vec<u8> {
        key(1).seal(&SealCount::default(), &PLACE, b"text").unwrap()
    }

    #[test]
    fn a_value_opens_in_its_place_only() {
        assert_eq!(sealed().len(), 4 + SEALED_OVERHEAD);
        assert_eq!(key(1).open(&PLACE, &sealed()).unwrap().as_slice(), b"text");
        for place in [
            Context {
                tenant: b"tenan",
                ..PLACE
            },
            Context {
                subject: b"subjec",
                ..PLACE
            },
            Context {
                record: b"recor",
                ..PLACE
            },
            Context { field: b"", ..PLACE },
            Context { schema: 2, ..PLACE },
            Context { version: 2, ..PLACE },
            Context {
                tenant: b"tenants",
                subject: b"ubject",
                ..PLACE
            },
        ] {
            assert_eq!(key(1).open(&place, &sealed()).unwrap_err(), Error::WrongContext);
        }
    }

    #[test]
    fn a_wrong_place_is_refused_even_if_the_header_is_made_to_fit() {
        let other = Context { version: 2, ..PLACE };
        let mut forged = sealed();
        forged[34..38].copy_from_slice(&key(1).place(&other.encode()));
        assert_eq!(key(1).open(&other, &forged).unwrap_err(), Error::Damaged);
    }

    #[test]
    fn another_key_is_told_from_damage_and_never_opens() {
        assert_eq!(key(2).open(&PLACE, &sealed()).unwrap_err(), Error::WrongKey);
        // The header of the other key in front: the commitment fits, the seal does not.
        let theirs = key(2).seal(&SealCount::default(), &PLACE, b"text").unwrap();
        let spliced = [&theirs[..HEADER_SIZE], &sealed()[HEADER_SIZE..]].concat();
        assert_eq!(key(2).open(&PLACE, &spliced).unwrap_err(), Error::Damaged);
        // The same id with another commitment is another key.
        let mut half = sealed();
        half[20] ^= 1;
        assert_eq!(key(1).open(&PLACE, &half).unwrap_err(), Error::WrongKey);
    }

    #[test]
    fn the_header_tells_the_key() {
        assert_eq!(SealedHeader::parse(&sealed()).unwrap().key_id(), key(1).id());
        assert_eq!(SealedHeader::parse(b""), Err(Error::Damaged));
        assert_eq!(
            SealedHeader::parse(&sealed()[..SEALED_OVERHEAD - 1]),
            Err(Error::Damaged)
        );
        let mut newer = sealed();
        newer[0] = 2;
        assert_eq!(SealedHeader::parse(&newer), Err(Error::UnknownFormat));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let whole = sealed();
        for bit in 0..whole.len() * 8 {
            let mut bad = whole.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(key(1).open(&PLACE, &bad).is_err(), "bit {bit}");
        }
        for length in 0..whole.len() {
            assert!(key(1).open(&PLACE, &whole[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn the_same_text_never_seals_to_the_same_bytes() {
        assert_ne!(sealed(), sealed());
        assert_eq!(format!("{:?}", key(1)), "RecordKey([secret])");
    }

    #[test]
    fn a_worn_out_key_seals_no_more() {
        let count = SealCount::new(MAX_SEALS - 2);
        assert_eq!(count.take(3), Err(Error::KeyWornOut));
        assert!(key(1).seal(&count, &PLACE, b"").is_ok());
        assert!(key(1).seal(&count, &PLACE, b"").is_ok());
        assert_eq!(count.used(), MAX_SEALS);
        assert_eq!(key(1).seal(&count, &PLACE, b"").unwrap_err(), Error::KeyWornOut);
        assert_eq!(count.take(u64::MAX), Err(Error::KeyWornOut));
        assert_eq!(count.used(), MAX_SEALS);
    }

    #[test]
    fn many_threads_lose_no_count() {
        let count = SealCount::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1_000).for_each(|_| count.take(1).unwrap()));
            }
        });
        assert_eq!(count.used(), 4_000);
    }

    proptest! {
        #[test]
        fn any_value_opens_to_itself(secret: [u8; 32], plain: Vec<u8>, subject: Vec<u8>, version: u64) {
            let key = DataKey::from_secret(Zeroizing::new(secret)).record_key();
            let place = Context { subject: &subject, version, ..PLACE };
            let sealed = key.seal(&SealCount::default(), &place, &plain).unwrap();
            prop_assert_eq!(key.open(&place, &sealed).unwrap().to_vec(), plain);
        }
    }
}
