//! Signatures that anybody can check.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

use crate::{Error, random};

/// Written form: this prefix, then 64 lower-case hexadecimal digits.
const PREFIX: &str = "privet-signing-1:";

/// Written form of the public half: this prefix, then 64 lower-case hexadecimal digits.
const PUBLIC_PREFIX: &str = "privet-verifying-1:";

/// Bytes of a signature.
pub const SIGNATURE_SIZE: usize = 64;

/// An Ed25519 key that signs (RFC 8032). The 256-bit seed it is made from is wiped when dropped.
pub struct SigningKey {
    seed: Zeroizing<[u8; 32]>,
    pair: Ed25519KeyPair,
}

/// The public half of a [`SigningKey`]: 32 bytes that are no secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VerifyingKey([u8; 32]);

impl SigningKey {
    /// A new random key.
    ///
    /// # Errors
    /// [`Error::Library`] if the system gives no random bytes.
    pub fn generate() -> Result<Self, Error> {
        Self::from_seed(Zeroizing::new(random()?))
    }

    /// Reads the written form; white space around it is ignored.
    ///
    /// # Errors
    /// [`Error::BadSigningKey`] for anything else.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let digits = text.trim().strip_prefix(PREFIX).ok_or(Error::BadSigningKey)?;
        let bytes = Zeroizing::new(
            HEXLOWER
                .decode(digits.as_bytes())
                .map_err(|_| Error::BadSigningKey)?,
        );
        let seed: [u8; 32] = bytes.as_slice().try_into().map_err(|_| Error::BadSigningKey)?;
        Self::from_seed(Zeroizing::new(seed))
    }

    pub(crate) fn from_seed(seed: Zeroizing<[u8; 32]>) -> Result<Self, Error> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).map_err(|_| Error::Library)?;
        Ok(Self { seed, pair })
    }

    pub(crate) const fn seed(&self) -> &Zeroizing<[u8; 32]> {
        &self.seed
    }

    /// The written form, for a key file.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}", HEXLOWER.encode(self.seed.as_slice())))
    }

    /// The key that checks what this one signs.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        VerifyingKey(bytes)
    }

    /// Signs `message`; the same message always gets the same signature.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_SIZE] {
        let mut signature = [0; SIGNATURE_SIZE];
        signature.copy_from_slice(self.pair.sign(message).as_ref());
        signature
    }
}

impl VerifyingKey {
    /// The key of these bytes. That they are a point of the curve shows at the first check.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Checks that `signature` was made over `message` by the other half of this key.
    ///
    /// # Errors
    /// [`Error::BadSignature`] if it was not, or has not 64 bytes.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        UnparsedPublicKey::new(&ED25519, self.0)
            .verify(message, signature)
            .map_err(|_| Error::BadSignature)
    }
}

/// The written form.
impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC_PREFIX}{}", HEXLOWER.encode(&self.0))
    }
}

/// Reads the written form; white space around it is ignored.
impl std::str::FromStr for VerifyingKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::BadVerifyingKey;
        let digits = text.trim().strip_prefix(PUBLIC_PREFIX).ok_or_else(bad)?;
        let bytes = HEXLOWER.decode(digits.as_bytes()).map_err(|_| bad())?;
        Ok(Self::from_bytes(bytes.try_into().map_err(|_| bad())?))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey([secret])")
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", HEXLOWER.encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::parse(&format!("privet-signing-1:{}", "7".repeat(64))).unwrap()
    }

    #[test]
    fn the_first_three_vectors_of_rfc_8032_are_reproduced() {
        // RFC 8032 §7.1: seed, public key, message, signature.
        for (seed, public, message, signature) in [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ),
            (
                "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                "af82",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
            ),
        ] {
            let bytes = |hex: &str| HEXLOWER.decode(hex.as_bytes()).unwrap();
            let key = SigningKey::parse(&format!("privet-signing-1:{seed}")).unwrap();
            assert_eq!(HEXLOWER.encode(key.verifying_key().as_bytes()), public);
            assert_eq!(HEXLOWER.encode(&key.sign(&bytes(message))), signature);
        }
    }

    #[test]
    fn a_signature_holds_for_its_message_and_key_only() {
        let signature = key().sign(b"message");
        let public = key().verifying_key();
        assert_eq!(public.verify(b"message", &signature), Ok(()));
        assert_eq!(public.verify(b"massage", &signature), Err(Error::BadSignature));
        assert_eq!(
            public.verify(b"message", &signature[1..]),
            Err(Error::BadSignature)
        );
        let other = SigningKey::generate().unwrap().verifying_key();
        assert_eq!(other.verify(b"message", &signature), Err(Error::BadSignature));
    }

    #[test]
    fn a_key_survives_being_written_and_read_and_does_not_print_itself() {
        let again = SigningKey::parse(&format!(" {}\n", key().to_text().as_str())).unwrap();
        assert_eq!(again.verifying_key(), key().verifying_key());
        assert_eq!(format!("{again:?}"), "SigningKey([secret])");
        let public = key().verifying_key();
        assert_eq!(format!(" {public}\n").parse(), Ok(public));
        for bad in [
            "",
            "privet-verifying-1:77",
            &"7".repeat(64),
            &public.to_string().to_uppercase(),
        ] {
            assert_eq!(bad.parse::<VerifyingKey>(), Err(Error::BadVerifyingKey));
        }
        for bad in ["", "privet-signing-1:77", &"7".repeat(64), "privet-root-1:77"] {
            assert_eq!(SigningKey::parse(bad).unwrap_err(), Error::BadSigningKey);
        }
    }
}
