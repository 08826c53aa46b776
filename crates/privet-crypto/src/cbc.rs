//! Reading what other tools encrypted without authentication. Never written.

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, AES_CBC_IV_LEN, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroizing;

use crate::Error;

/// Decrypts AES-CBC (NIST SP 800-38A) with PKCS #7 padding (RFC 5652 §6.3): a 16-byte initialisation vector, then the
/// ciphertext. `key` has 16, 24 or 32 bytes. This is the form of Presidio's `encrypt` operator after base64url.
///
/// CBC is not authenticated: a wrong key or changed bytes are noticed only if the padding breaks, in about 255 of 256
/// cases, and answering strangers whether it broke lets them decrypt (Vaudenay, EUROCRYPT 2002). For moving old data
/// only, never for data that an adversary may change.
///
/// # Errors
/// [`Error::BadCipherKey`] for another key length; [`Error::CannotOpen`] if length or padding are wrong.
pub fn open_cbc(key: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let algorithm = match key.len() {
        16 => &AES_128,
        24 => &AES_192,
        32 => &AES_256,
        _ => return Err(Error::BadCipherKey),
    };
    let (iv, body) = sealed.split_at_checked(AES_CBC_IV_LEN).ok_or(Error::CannotOpen)?;
    let iv: [u8; AES_CBC_IV_LEN] = iv.try_into().map_err(|_| Error::CannotOpen)?;
    let key = UnboundCipherKey::new(algorithm, key)
        .and_then(PaddedBlockDecryptingKey::cbc_pkcs7)
        .map_err(|_| Error::Library)?;
    let mut body = Zeroizing::new(body.to_vec());
    let length = key
        .decrypt(&mut body, DecryptionContext::Iv128(FixedLength::from(iv)))
        .map_err(|_| Error::CannotOpen)?
        .len();
    body.truncate(length);
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;

    #[test]
    fn the_cbc_example_of_sp_800_38a_opens_with_every_key_length() {
        // SP 800-38A F.2: first block; the second block is the padding that PKCS #7 adds, made with OpenSSL's AES.
        let cases = PADDED;
        for (key, sealed) in cases {
            let key = HEXLOWER.decode(key.as_bytes()).unwrap();
            let sealed = HEXLOWER.decode(sealed.as_bytes()).unwrap();
            let opened = open_cbc(&key, &sealed).unwrap();
            assert_eq!(HEXLOWER.encode(&opened), "6bc1bee22e409f96e93d7e117393172a");
        }
    }

    #[test]
    fn short_cut_and_wrongly_keyed_data_is_refused() {
        let (key, sealed) = PADDED[0];
        let key = HEXLOWER.decode(key.as_bytes()).unwrap();
        let sealed = HEXLOWER.decode(sealed.as_bytes()).unwrap();
        assert_eq!(open_cbc(&key, &sealed[..15]).unwrap_err(), Error::CannotOpen);
        assert_eq!(open_cbc(&key, &sealed[..16]).unwrap_err(), Error::CannotOpen);
        assert_eq!(open_cbc(&key, &sealed[..47]).unwrap_err(), Error::CannotOpen);
        assert_eq!(open_cbc(&key[..15], &sealed).unwrap_err(), Error::BadCipherKey);
        assert_eq!(open_cbc(&[0; 16], &sealed).unwrap_err(), Error::CannotOpen);
    }

    const PADDED: [(&str, &str); 3] = [
        (
            "2b7e151628aed2a6abf7158809cf4f3c",
            "000102030405060708090a0b0c0d0e0f7649abac8119b246cee98e9b12e9197d8964e0b149c10b7b682e6e39aaeb731c",
        ),
        (
            "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
            "000102030405060708090a0b0c0d0e0f4f021db243bc633d7178183a9fa071e8a647f1643b94812a175a13c8fa2014b2",
        ),
        (
            "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
            "000102030405060708090a0b0c0d0e0ff58c4c04d6e5f1ba779eabfb5f7bfbd6485a5c81519cf378fa36d42b8547edc0",
        ),
    ];
}
