//! Model files at rest: seals and manifests.

use std::io::Cursor;

use jiff::Timestamp;
use privet_crypto::{RootKey, SigningKey, WrappingKey};
use privet_supplychain::Verdict;
use privet_supplychain::artifacts::seal::{
    Digest, Error, FileEntry, Manifest, Scanned, Sealed, Sealing, SignedManifest, Source, digest, is_sealed,
    seal,
};
use proptest::prelude::*;

/// Bytes of a sealed chunk.
const CHUNK: usize = 65_536 + 16;
/// Bytes of the stream's own head.
const STREAM: usize = 96;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn wrapping() -> WrappingKey {
    RootKey::generate().unwrap().wrapping_key("test/models", b"acme")
}

fn manifest_of(plain: &[u8]) -> Manifest {
    let mut manifest = Manifest::new("churn", at("2026-11-01T00:00:00Z"));
    manifest
        .files
        .push(FileEntry::new("m.bin", digest(&mut &plain[..]).unwrap()));
    manifest
}

fn sealed(plain: &[u8], key: &WrappingKey) -> Vec<u8> {
    let manifest = manifest_of(plain).unsigned().unwrap();
    let sealing = Sealing {
        tenant: "acme",
        file: "m.bin",
        manifest: &manifest,
    };
    let mut out = Vec::new();
    let sum = seal(&mut &plain[..], &mut out, key, &sealing).unwrap();
    assert_eq!(sum, digest(&mut &plain[..]).unwrap());
    out
}

fn opened(bytes: &[u8], key: &WrappingKey) -> (Result<Digest, Error>, Vec<u8>) {
    let (mut file, mut plain) = (Cursor::new(bytes), Vec::new());
    let done = Sealed::read(&mut file).and_then(|sealed| sealed.open(&mut file, &mut plain, key));
    (done, plain)
}

/// Where the stream begins.
fn stream_of(sealed: &[u8]) -> usize {
    let length = u32::from_le_bytes(sealed[16..20].try_into().unwrap());
    20 + usize::try_from(length).unwrap()
}

#[test]
fn a_sealed_model_opens_to_what_it_was() {
    let key = wrapping();
    for size in [0, 1, 65_536, 65_537, 1_000_000] {
        let plain = vec![7; size];
        let bytes = sealed(&plain, &key);
        assert!(is_sealed(&bytes));
        let (done, out) = opened(&bytes, &key);
        assert_eq!(done.unwrap().size, size as u64);
        assert_eq!(out, plain);
    }
}

#[test]
fn nothing_is_written_of_a_sealed_model_that_is_not_whole_and_genuine() {
    let key = wrapping();
    let good = sealed(&vec![7; 200_000], &key);
    let first = stream_of(&good) + STREAM;
    let (second, third) = (first + CHUNK, first + 2 * CHUNK);
    let swapped = [
        &good[..first],
        &good[second..third],
        &good[first..second],
        &good[third..],
    ]
    .concat();
    let doubled = [&good[..second], &good[first..]].concat();
    let mut bad: Vec<Vec<u8>> = vec![
        swapped,
        doubled,
        [good.as_slice(), b"x"].concat(),
        good[..third].to_vec(),
        good[..first].to_vec(),
        good[..good.len() - 1].to_vec(),
        good[..10].to_vec(),
        Vec::new(),
    ];
    for place in [0, 17, 60, first - 90, first, second + 5, good.len() - 1] {
        let mut flipped = good.clone();
        flipped[place] ^= 1;
        bad.push(flipped);
    }
    for (number, bad) in bad.iter().enumerate() {
        let (done, out) = opened(bad, &key);
        assert!(
            matches!(done, Err(Error::Crypto(_) | Error::NotSealed { .. })),
            "{number}: {done:?}"
        );
        assert!(out.is_empty(), "{number}");
    }
    assert!(opened(&good, &wrapping()).0.is_err());
}

#[test]
fn the_head_of_another_file_opens_nothing() {
    let key = wrapping();
    let (one, other) = (sealed(b"one", &key), sealed(b"other", &key));
    let mixed = [&other[..stream_of(&other)], &one[stream_of(&one)..]].concat();
    assert!(matches!(opened(&mixed, &key).0, Err(Error::Crypto(_))));
    // Nor does one that names another tenant, whose key this is said to be.
    let length = stream_of(&one);
    let renamed = [
        &one[..20],
        &replaced(&one[20..length], "acme", "evil"),
        &one[length..],
    ]
    .concat();
    assert!(matches!(opened(&renamed, &key).0, Err(Error::Crypto(_))));
}

fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = std::str::from_utf8(bytes).unwrap();
    assert!(text.contains(from), "{text}");
    text.replace(from, to).into_bytes()
}

#[test]
fn a_file_that_is_not_the_one_of_its_manifest_is_not_sealed() {
    let manifest = manifest_of(b"weights").unsigned().unwrap();
    let refusal = |plain: &[u8], file: &str| {
        let sealing = Sealing {
            tenant: "acme",
            file,
            manifest: &manifest,
        };
        seal(&mut &plain[..], &mut Vec::new(), &wrapping(), &sealing).unwrap_err()
    };
    assert!(matches!(
        refusal(b"weightz", "m.bin"),
        Error::Mismatch { what: "SHA-256" }
    ));
    assert!(matches!(
        refusal(b"weight", "m.bin"),
        Error::Mismatch { what: "size" }
    ));
    assert!(matches!(refusal(b"weights", "n.bin"), Error::NotNamed { .. }));
}

#[test]
fn a_manifest_is_good_for_its_text_and_its_keys_alone() {
    let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let mut manifest = manifest_of(b"weights");
    manifest.lineage.licence = Some("Apache-2.0".to_owned());
    manifest.lineage.datasets = vec![Source {
        name: "sales-2024".to_owned(),
        sha256: Some("0".repeat(64)),
    }];
    let signed = manifest.sign(&key).unwrap();
    let read = SignedManifest::parse(signed.to_json().unwrap().as_bytes()).unwrap();
    let (said, signers) = read
        .verify(&[other.verifying_key(), key.verifying_key()])
        .unwrap();
    assert_eq!((said, signers), (manifest, vec![key.verifying_key()]));
    assert!(matches!(
        read.verify(&[other.verifying_key()]),
        Err(Error::NotSigned)
    ));
    assert!(matches!(read.verify(&[]), Err(Error::NotSigned)));
    let forged = SignedManifest {
        manifest: read.manifest.replace("churn", "chorn"),
        ..read.clone()
    };
    assert!(matches!(
        forged.verify(&[key.verifying_key()]),
        Err(Error::Crypto(_))
    ));
    // A key's name before another key's signature.
    let mut claimed = read;
    claimed.signatures[0].key = other.verifying_key().to_string();
    assert!(matches!(
        claimed.verify(&[other.verifying_key()]),
        Err(Error::Crypto(_))
    ));
}

#[test]
fn several_may_sign_and_each_once() {
    let (one, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let mut signed = manifest_of(b"weights").sign(&one).unwrap();
    signed.sign(&other).unwrap();
    signed.sign(&one).unwrap();
    assert_eq!(signed.signatures.len(), 2);
    let (_, signers) = signed
        .verify(&[one.verifying_key(), other.verifying_key()])
        .unwrap();
    assert_eq!(signers.len(), 2);
    // One that is broken spoils the whole for those who know its key.
    signed.signatures[0].signature = "00".repeat(64);
    let broken = signed.signatures[0].key.clone();
    assert_eq!(broken, other.verifying_key().to_string());
    assert!(signed.verify(&[one.verifying_key()]).is_ok());
    assert!(
        signed
            .verify(&[one.verifying_key(), other.verifying_key()])
            .is_err()
    );
}

#[test]
fn a_manifest_holds_until_it_expires_and_not_before_it_was_made() {
    let mut manifest = manifest_of(b"weights");
    manifest.expires = Some(at("2026-12-01T00:00:00Z"));
    manifest.expect_current(at("2026-11-30T23:59:59Z")).unwrap();
    // Clocks differ.
    manifest.expect_current(at("2026-10-31T12:00:00Z")).unwrap();
    assert!(matches!(
        manifest.expect_current(at("2026-12-01T00:00:00Z")),
        Err(Error::Expired { .. })
    ));
    assert!(matches!(
        manifest.expect_current(at("2026-10-30T00:00:00Z")),
        Err(Error::NotYet { .. })
    ));
}

/// A manifest of one file with these changes to its text, signed all the same.
fn written(from: &str, to: &str) -> Result<Manifest, Error> {
    let key = SigningKey::generate().unwrap();
    let mut signed = manifest_of(b"weights").unsigned().unwrap();
    assert!(signed.manifest.contains(from), "{}", signed.manifest);
    signed.manifest = signed.manifest.replace(from, to);
    signed.sign(&key).unwrap();
    signed
        .verify(&[key.verifying_key()])
        .map(|(manifest, _)| manifest)
}

#[test]
fn manifests_that_say_more_less_or_otherwise_are_refused_although_they_are_signed() {
    written("m.bin", "folder/m.bin").unwrap();
    for (from, to) in [
        ("\"name\": \"churn\"", "\"name\": \"churn\", \"more\": 1"),
        ("\"name\": \"churn\",", ""),
        ("\"churn\"", "\" \""),
        ("\"churn\"", "\"a\\nb\""),
        ("\"size\": 7", "\"size\": 7, \"mode\": \"x\""),
        ("\"size\": 7", "\"size\": -7"),
        ("m.bin", "../m.bin"),
        ("m.bin", "/etc/m.bin"),
        ("m.bin", "a//m.bin"),
        ("m.bin", "c:m.bin"),
        ("m.bin", "a\\\\m.bin"),
        ("m.bin", "./m.bin"),
        ("\"lineage\": {}", "\"lineage\": {\"licence\": \"my own\"}"),
        ("\"lineage\": {}", "\"lineage\": {\"author\": \"ann\"}"),
        (
            "\"lineage\": {}",
            "\"lineage\": {\"datasets\": [{\"name\": \"a\", \"sha256\": \"0\"}]}",
        ),
        (
            "\"files\": [",
            "\"expires\": \"2026-01-01T00:00:00Z\", \"files\": [",
        ),
    ] {
        let refused = written(from, to);
        assert!(
            matches!(refused, Err(Error::BadManifest { .. })),
            "{to}: {refused:?}"
        );
    }
    let mut twice = manifest_of(b"weights");
    twice.files.push(twice.files[0].clone());
    assert!(matches!(twice.unsigned(), Err(Error::BadManifest { .. })));
    twice.files.clear();
    assert!(matches!(twice.unsigned(), Err(Error::BadManifest { .. })));
}

#[test]
fn nobody_vouches_for_a_dangerous_file_without_a_reason() {
    let with = |verdict, accepted: Option<&str>| {
        let mut manifest = manifest_of(b"weights");
        manifest.files[0].scan = Some(Scanned {
            verdict,
            format: "pickle".to_owned(),
            rules: vec!["pickle-dangerous-global".to_owned()],
            by: "privet 0.1".to_owned(),
            report: None,
            accepted: accepted.map(str::to_owned),
        });
        manifest.unsigned()
    };
    with(Verdict::Safe, None).unwrap();
    with(Verdict::Suspicious, None).unwrap();
    for verdict in [Verdict::Dangerous, Verdict::Unreadable] {
        with(verdict, Some("a sample for the scanner's own tests")).unwrap();
        for none in [None, Some(""), Some("  ")] {
            assert!(matches!(with(verdict, none), Err(Error::BadManifest { .. })));
        }
    }
}

#[test]
fn what_is_no_manifest_or_no_sealed_model_is_told_so() {
    for text in [
        "",
        "{}",
        "[]",
        "{\"manifest\": \"\"}",
        "{\"manifest\": \"\", \"signatures\": [], \"more\": 1}",
        "{\"manifest\": 1, \"signatures\": []}",
    ] {
        assert!(
            matches!(
                SignedManifest::parse(text.as_bytes()),
                Err(Error::BadManifest { .. })
            ),
            "{text}"
        );
    }
    let huge = [b"privet-model-01\n".as_slice(), &[0xff; 4]].concat();
    for bytes in [
        &b""[..],
        b"privet-model-01\n",
        &huge,
        b"privet-model-01\n\x02\0\0\0{}",
    ] {
        assert_eq!(is_sealed(bytes), !bytes.is_empty());
        let refused = Sealed::read(&mut Cursor::new(bytes));
        assert!(matches!(refused, Err(Error::NotSealed { .. })), "{refused:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_come_back_and_any_changed_byte_is_noticed(
        plain in proptest::collection::vec(any::<u8>(), 0..5_000), place: usize, bit in 0_u8..8,
    ) {
        let key = wrapping();
        let mut bytes = sealed(&plain, &key);
        prop_assert_eq!(opened(&bytes, &key).1, plain);
        let place = place % bytes.len();
        bytes[place] ^= 1 << bit;
        let (done, out) = opened(&bytes, &key);
        prop_assert!(done.is_err() && out.is_empty());
    }
}
