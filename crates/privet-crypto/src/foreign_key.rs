//! Public keys of others, their devices' and their issuers', and their signatures.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ED25519, EcdsaVerificationAlgorithm,
    RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};

use crate::Error;

/// The public key of a device or an issuer that signs for somebody. Which algorithm a signature is of is the key's to say, never the signature's.
#[derive(Clone, PartialEq, Eq)]
pub enum ForeignKey {
    /// ECDSA with P-256 and SHA-256 (FIPS 186-5).
    P256 {
        /// The point's coordinates, big-endian.
        x: [u8; 32],
        /// See `x`.
        y: [u8; 32],
    },
    /// Ed25519 (RFC 8032).
    Ed25519([u8; 32]),
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017), 2048 to 8192 bits.
    Rsa {
        /// The modulus, big-endian.
        modulus: Vec<u8>,
        /// The public exponent, big-endian.
        exponent: Vec<u8>,
    },
}

impl ForeignKey {
    /// That `signature` was made over `message` by this key; one of ECDSA is written in ASN.1.
    ///
    /// # Errors
    /// [`Error::BadSignature`] if it was not, or the key is no key of its kind.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        self.verify_as(&ECDSA_P256_SHA256_ASN1, message, signature)
    }

    /// The same; one of ECDSA is written as tokens have it, both numbers side by side in 64 bytes (RFC 7518 §3.4).
    ///
    /// # Errors
    /// [`Error::BadSignature`] if it was not, or the key is no key of its kind.
    pub fn verify_token(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        self.verify_as(&ECDSA_P256_SHA256_FIXED, message, signature)
    }

    fn verify_as(
        &self,
        ecdsa: &'static EcdsaVerificationAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Error> {
        let verified = match self {
            Self::P256 { x, y } => {
                // SEC 1 §2.3.3, uncompressed.
                let mut point = Vec::with_capacity(65);
                point.push(4);
                point.extend_from_slice(x);
                point.extend_from_slice(y);
                UnparsedPublicKey::new(ecdsa, point).verify(message, signature)
            }
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
            Self::Rsa { modulus, exponent } => RsaPublicKeyComponents {
                n: modulus.as_slice(),
                e: exponent.as_slice(),
            }
            .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
        };
        verified.map_err(|_| Error::BadSignature)
    }
}

impl fmt::Debug for ForeignKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P256 { .. } => "ForeignKey(P-256)",
            Self::Ed25519(_) => "ForeignKey(Ed25519)",
            Self::Rsa { .. } => "ForeignKey(RSA)",
        })
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
        KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    };

    use super::*;

    #[test]
    fn each_kind_of_key_verifies_its_own_signatures_alone() {
        let random = SystemRandom::new();
        let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let point = p256.public_key().as_ref();
        let ed25519 = Ed25519KeyPair::generate().unwrap();
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let mut of_rsa = vec![0; rsa.public_modulus_len()];
        rsa.sign(&RSA_PKCS1_SHA256, &random, b"message", &mut of_rsa)
            .unwrap();
        // RFC 8017, A.1.1: a sequence of two integers, of 256 bytes behind a zero and of three.
        let public = rsa.public_key().as_ref();
        let (modulus, exponent) = (&public[9..265], &public[267..]);
        assert!(rsa.public_key().as_der().is_ok());
        let keys = [
            ForeignKey::P256 {
                x: point[1..33].try_into().unwrap(),
                y: point[33..].try_into().unwrap(),
            },
            ForeignKey::Ed25519(ed25519.public_key().as_ref().try_into().unwrap()),
            ForeignKey::Rsa {
                modulus: modulus.to_vec(),
                exponent: exponent.to_vec(),
            },
        ];
        let signatures = [
            p256.sign(&random, b"message").unwrap().as_ref().to_vec(),
            ed25519.sign(b"message").as_ref().to_vec(),
            of_rsa,
        ];
        for (row, key) in keys.iter().enumerate() {
            for (column, signature) in signatures.iter().enumerate() {
                assert_eq!(key.verify(b"message", signature).is_ok(), row == column);
                assert!(key.verify(b"massage", signature).is_err());
                // What a token has for ECDSA is written otherwise.
                let is_of_token = row == column && row > 0;
                assert_eq!(key.verify_token(b"message", signature).is_ok(), is_of_token);
            }
        }
    }

    #[test]
    fn a_token_of_ecdsa_holds_both_numbers_side_by_side() {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let key = ForeignKey::P256 {
            x: point[1..33].try_into().unwrap(),
            y: point[33..].try_into().unwrap(),
        };
        let signature = pair.sign(&random, b"message").unwrap();
        assert!(key.verify_token(b"message", signature.as_ref()).is_ok());
        assert!(key.verify_token(b"massage", signature.as_ref()).is_err());
        assert!(key.verify(b"message", signature.as_ref()).is_err());
    }
}
