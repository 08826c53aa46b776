//! Authenticated encryption that gives equal texts equal results.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::Error;

/// AES-256-GCM-SIV (RFC 8452) under one fixed nonce: equal texts at equal places give equal results, and nothing else
/// about them shows but their length.
///
/// A repeated nonce costs this mode no more than that (RFC 8452 §9). Values of which there are few (ages, yes and no)
/// can still be told apart by how often each result is seen. Keep one key to fewer than 2³² values.
pub struct DeterministicKey(LessSafeKey);

/// The nonce of every record; the mode's synthetic IV does the rest.
const NONCE: [u8; NONCE_LEN] = [0; NONCE_LEN];

impl DeterministicKey {
    #[expect(
        clippy::expect_used,
        reason = "a 32-byte key always fits AES-256; the length is in the type"
    )]
    pub(crate) fn new(key: &Zeroizing<[u8; 32]>) -> Self {
        Self(LessSafeKey::new(
            UnboundKey::new(&AES_256_GCM_SIV, key.as_slice()).expect("32 bytes fit AES-256"),
        ))
    }

    /// Encrypts `plaintext`, bound to `place`: it opens only under the same `place`. The result is 16 bytes longer.
    ///
    /// # Errors
    /// [`Error::Library`] if the text is longer than the mode allows (2³⁶ bytes).
    pub fn seal(&self, place: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        self.seal_with(NONCE, place, plaintext)
    }

    /// Decrypts what [`seal`](Self::seal) made for the same `place`.
    ///
    /// # Errors
    /// [`Error::CannotOpen`] if a byte, the key or the place differs.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.open_with(NONCE, place, sealed)
    }

    pub(crate) fn open_with(
        &self,
        nonce: [u8; NONCE_LEN],
        place: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut body = Zeroizing::new(sealed.to_vec());
        let length = self
            .0
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut body)
            .map_err(|_| Error::CannotOpen)?
            .len();
        body.truncate(length);
        Ok(body)
    }

    pub(crate) fn seal_with(
        &self,
        nonce: [u8; NONCE_LEN],
        place: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let mut body = plaintext.to_vec();
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut body)
            .map_err(|_| Error::Library)?;
        Ok(body)
    }
}

impl fmt::Debug for DeterministicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeterministicKey([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;

    fn rfc_key() -> DeterministicKey {
        let mut key = [0; 32];
        key[0] = 1;
        DeterministicKey::new(&Zeroizing::new(key))
    }

    #[test]
    fn the_vectors_of_rfc_8452_appendix_c_2_are_reproduced() {
        let mut nonce = [0; NONCE_LEN];
        nonce[0] = 3;
        for (plaintext, place, sealed) in [
            ("", "", "07f5f4169bbf55a8400cd47ea6fd400f"),
            (
                "0100000000000000",
                "",
                "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28",
            ),
            (
                "010000000000000000000000",
                "",
                "9aab2aeb3faa0a34aea8e2b18ca50da9ae6559e48fd10f6e5c9ca17e",
            ),
            (
                "0200000000000000",
                "01",
                "1de22967237a813291213f267e3b452f02d01ae33e4ec854",
            ),
        ] {
            let bytes = |hex: &str| HEXLOWER.decode(hex.as_bytes()).unwrap();
            let made = rfc_key()
                .seal_with(nonce, &bytes(place), &bytes(plaintext))
                .unwrap();
            assert_eq!(HEXLOWER.encode(&made), sealed);
        }
    }

    #[test]
    fn equal_texts_seal_equally_and_only_at_the_same_place() {
        let key = rfc_key();
        let sealed = key.seal(b"a", b"text").unwrap();
        assert_eq!(sealed, key.seal(b"a", b"text").unwrap());
        assert_ne!(sealed, key.seal(b"b", b"text").unwrap());
        assert_ne!(sealed, key.seal(b"a", b"tex7").unwrap());
        assert_eq!(key.open(b"a", &sealed).unwrap().as_slice(), b"text");
        assert_eq!(key.open(b"b", &sealed).unwrap_err(), Error::CannotOpen);
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_noticed() {
        let sealed = rfc_key().seal(b"a", b"text").unwrap();
        for i in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[i] ^= 1;
            assert_eq!(rfc_key().open(b"a", &bad).unwrap_err(), Error::CannotOpen);
            assert_eq!(rfc_key().open(b"a", &sealed[..i]).unwrap_err(), Error::CannotOpen);
        }
    }
}
