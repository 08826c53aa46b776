//! The typed keys against samples of NIST's validation suites (CAVS; public domain), as the PyPI package
//! `cryptography-vectors` 50.0.2 carries them.

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded};
use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

use crate::Error;
use crate::seal::SealingKey;

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER
        .decode(text.trim_matches('-').as_bytes())
        .expect("hexadecimal digits")
}

/// The lines of a file of samples, each of `N` words.
fn samples<const N: usize>(file: &'static str) -> Vec<[&'static str; N]> {
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            words.try_into().expect("the words of a sample")
        })
        .collect()
}

#[test]
fn aes_256_gcm_opens_the_samples_of_nist() {
    let samples = samples::<6>(include_str!("nist/gcm_256.txt"));
    assert_eq!(samples.len(), 125);
    for [key, nonce, place, body, tag, plain] in samples {
        let key = Zeroizing::new(hex(key).try_into().expect("256 bits"));
        let sealed = [hex(nonce), hex(body), hex(tag)].concat();
        let opened = SealingKey::new(&key).open(&hex(place), &sealed);
        let expected = match plain {
            "FAIL" => Err(Error::CannotOpen),
            plain => Ok(hex(plain)),
        };
        assert_eq!(opened.map(|plain| plain.to_vec()), expected, "{tag}");
    }
}

#[test]
fn aes_256_kwp_wraps_and_unwraps_the_samples_of_nist() {
    let samples = samples::<3>(include_str!("nist/kwp_256.txt"));
    assert_eq!(samples.len(), 80);
    for [kek, key, wrapped] in samples {
        let kek = || AesKek::new(&AES_256, &hex(kek)).expect("256 bits");
        let wrapped = hex(wrapped);
        let mut out = [0; 64];
        let opened = kek()
            .unwrap_with_padding(&wrapped, &mut out)
            .map(|key| key.to_vec());
        let expected = (key != "FAIL").then(|| hex(key));
        assert_eq!(opened.ok(), expected);
        let remade = expected.map(|key| {
            let mut out = [0; 64];
            kek()
                .wrap_with_padding(&key, &mut out)
                .expect("it wraps")
                .to_vec()
        });
        assert!(remade.is_none_or(|remade| remade == wrapped));
    }
}
