//! Authenticated encryption of small records.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::{Error, random};

/// AES-256-GCM (NIST SP 800-38D) with a fresh random 96-bit nonce in front of each sealed record.
///
/// Random nonces allow 2³² records a key before the chance of a repeat passes 2⁻³² (SP 800-38D §8.3); a key's context
/// should change (node, segment, epoch) well before that.
pub struct SealingKey(LessSafeKey);

impl SealingKey {
    pub(crate) fn new(key: &Zeroizing<[u8; 32]>) -> Self {
        Self(gcm_key(key))
    }

    /// Encrypts `plaintext`, bound to `place` (for example a record number): it opens only under the same `place`.
    /// The result is 28 bytes longer.
    ///
    /// # Errors
    /// [`Error::Library`] if there are no random bytes.
    pub fn seal(&self, place: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        let nonce: [u8; NONCE_LEN] = random()?;
        let mut sealed = Vec::with_capacity(NONCE_LEN + plaintext.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(&nonce);
        let mut body = plaintext.to_vec();
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut body)
            .map_err(|_| Error::Library)?;
        sealed.append(&mut body);
        Ok(sealed)
    }

    /// Decrypts what [`seal`](Self::seal) made for the same `place`.
    ///
    /// # Errors
    /// [`Error::CannotOpen`] if a byte, the key or the place differs.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or(Error::CannotOpen)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Error::CannotOpen)?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = self
            .0
            .open_in_place(nonce, Aad::from(place), &mut body)
            .map_err(|_| Error::CannotOpen)?
            .len();
        body.truncate(length);
        Ok(body)
    }
}

#[expect(
    clippy::expect_used,
    reason = "a 32-byte key always fits AES-256; the length is in the type"
)]
pub(crate) fn gcm_key(key: &Zeroizing<[u8; 32]>) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_slice()).expect("32 bytes fit AES-256"))
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SealingKey {
        SealingKey::new(&Zeroizing::new([7; 32]))
    }

    #[test]
    fn a_record_opens_only_whole_and_in_its_place() {
        let sealed = key().seal(b"1", b"text").unwrap();
        assert_eq!(key().open(b"1", &sealed).unwrap().as_slice(), b"text");
        assert_eq!(key().open(b"2", &sealed).unwrap_err(), Error::CannotOpen);
        assert_eq!(
            key().open(b"1", &sealed[..sealed.len() - 1]).unwrap_err(),
            Error::CannotOpen
        );
        assert_eq!(key().open(b"1", b"short").unwrap_err(), Error::CannotOpen);
    }

    #[test]
    fn every_flipped_byte_is_noticed() {
        let sealed = key().seal(b"1", b"text").unwrap();
        let opened = (0..sealed.len()).filter(|&i| {
            let mut bad = sealed.clone();
            bad[i] ^= 1;
            key().open(b"1", &bad).is_ok()
        });
        assert_eq!(opened.count(), 0);
    }

    #[test]
    fn the_same_text_never_seals_to_the_same_bytes() {
        assert_ne!(
            key().seal(b"1", b"text").unwrap(),
            key().seal(b"1", b"text").unwrap()
        );
    }
}
