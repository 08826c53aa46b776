//! Signed updates as files: what is read is what was signed, or it is refused.

use std::collections::BTreeMap;

use jiff::Timestamp;
use privet_crypto::{SigningKey, VerifyingKey};
use privet_types::UpdateKind;
use privet_update::{Manifest, ManifestFile, UpdateBundle, UpdateError, UpdateHead};

fn key(digit: char) -> SigningKey {
    let digits: String = std::iter::repeat_n(digit, 64).collect();
    SigningKey::parse(&format!("privet-signing-1:{digits}")).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn files(names: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let file = |name: &&str| ((*name).to_owned(), format!("of {name}\n").into_bytes());
    names.iter().map(file).collect()
}

fn bundle_of(kind: UpdateKind, names: &[&str]) -> Result<UpdateBundle, UpdateError> {
    let term = (at("2026-01-01T00:00:00Z"), at("2026-04-01T00:00:00Z"));
    UpdateBundle::new((kind, "default"), (7, Some(6)), term, files(names))
}

fn bundle() -> UpdateBundle {
    bundle_of(UpdateKind::Policy, &["access.cedar", "policy.toml"]).unwrap()
}

fn signed(digits: &str) -> UpdateBundle {
    let mut bundle = bundle();
    for digit in digits.chars() {
        bundle.head_mut().sign(&key(digit)).unwrap();
    }
    bundle
}

fn signers(digits: &str) -> Vec<VerifyingKey> {
    digits.chars().map(|digit| key(digit).verifying_key()).collect()
}

/// What a machine would take: one that can be read and that `known` have signed.
fn taken(bytes: &[u8], known: &[VerifyingKey], threshold: usize) -> Result<UpdateBundle, UpdateError> {
    let bundle = UpdateBundle::read(bytes)?;
    bundle.head().signers(known, threshold)?;
    Ok(bundle)
}

#[test]
fn what_was_written_and_signed_is_read_as_it_was() {
    let bundle = signed("12");
    let bytes = bundle.to_bytes().unwrap();
    let read = taken(&bytes, &signers("12"), 2).unwrap();
    assert_eq!(read, bundle);
    assert_eq!(read.to_bytes().unwrap(), bytes);
    assert_eq!(read.files()["policy.toml"], b"of policy.toml\n");
    let (head, length) = UpdateHead::read(&bytes).unwrap();
    assert_eq!(&head, bundle.head());
    assert_eq!(head.to_bytes().unwrap(), bytes[..length]);
}

#[test]
fn no_byte_of_it_can_be_changed() {
    let bytes = signed("1").to_bytes().unwrap();
    let known = signers("1");
    for place in 0..bytes.len() {
        for other in [
            bytes[place] ^ 1,
            bytes[place] ^ 0x20,
            bytes[place].wrapping_add(1),
        ] {
            let mut changed = bytes.clone();
            changed[place] = other;
            assert!(
                taken(&changed, &known, 1).is_err(),
                "byte {place} of {} became {other}",
                bytes.len()
            );
        }
        let mut longer = bytes.clone();
        longer.insert(place, b' ');
        assert!(taken(&longer, &known, 1).is_err(), "a blank at {place}");
    }
}

#[test]
fn it_cannot_be_cut_off_or_go_on() {
    let bytes = signed("1").to_bytes().unwrap();
    for length in 0..bytes.len() {
        assert!(UpdateBundle::read(&bytes[..length]).is_err(), "{length} bytes");
    }
    let longer = [bytes.as_slice(), b"x"].concat();
    assert!(matches!(
        UpdateBundle::read(&longer),
        Err(UpdateError::Length { .. })
    ));
}

#[test]
fn signatures_of_strangers_count_for_nothing() {
    let bytes = signed("123").to_bytes().unwrap();
    let outcome = taken(&bytes, &signers("45"), 1);
    assert_eq!(
        outcome.unwrap_err(),
        UpdateError::TooFewSigners { found: 0, wanted: 1 }
    );
    // Who asks for none at all gets no unsigned update either.
    let bare = bundle().to_bytes().unwrap();
    assert!(taken(&bare, &signers("1"), 0).is_err());
    assert!(taken(&bytes, &[], 0).is_err());
}

#[test]
fn as_many_as_the_threshold_says_must_have_signed() {
    let known = signers("1234");
    let one = signed("1").to_bytes().unwrap();
    assert_eq!(
        taken(&one, &known, 2).unwrap_err(),
        UpdateError::TooFewSigners { found: 1, wanted: 2 }
    );
    // Signing twice is signing once.
    let twice = signed("11").to_bytes().unwrap();
    assert_eq!(twice, one);
    assert!(taken(&signed("13").to_bytes().unwrap(), &known, 2).is_ok());
    assert!(taken(&signed("129").to_bytes().unwrap(), &known, 3).is_err());
}

#[test]
fn a_signature_is_of_one_manifest_and_no_other() {
    let head = signed("1").head().to_bytes().unwrap();
    let text = String::from_utf8(head).unwrap();
    let line = text.lines().find(|line| line.starts_with("signature ")).unwrap();
    let other = UpdateBundle::new(
        (UpdateKind::Policy, "default"),
        (8, Some(6)),
        (at("2026-01-01T00:00:00Z"), at("2026-04-01T00:00:00Z")),
        files(&["access.cedar", "policy.toml"]),
    )
    .unwrap();
    let bare = String::from_utf8(other.to_bytes().unwrap()).unwrap();
    let forged = bare.replacen("\n\n", &format!("\n{line}\n\n"), 1);
    assert!(matches!(
        taken(forged.as_bytes(), &signers("1"), 1),
        Err(UpdateError::BadSignature { .. })
    ));
    // The other one's signature is a stranger's then; the bad one of a known key still refuses the whole.
    assert!(matches!(
        taken(forged.as_bytes(), &signers("2"), 1),
        Err(UpdateError::TooFewSigners { .. })
    ));
}

#[test]
fn names_that_lead_out_or_collide_are_refused() {
    for names in [
        &["policy.toml", "../policy.toml"][..],
        &["/etc/passwd", "policy.toml"],
        &["a//b", "policy.toml"],
        &["./a", "policy.toml"],
        &["a/../b", "policy.toml"],
        &["policy.toml", "sub/.hidden"],
        &["policy.toml", "sub\\a"],
        &["policy.toml", "a b"],
        &["policy.toml", "a\u{1b}[2J"],
        &["policy.toml", "a\0b"],
        &["policy.toml", "-rf"],
        &["policy.toml", "dot."],
        &["policy.toml", ""],
        &["policy.toml", "ä"],
        &["policy.toml", "a/b/c/d/e"],
        &["Policy.toml", "policy.toml"],
        &["a", "a/b", "policy.toml"],
        &["A/b", "a", "policy.toml"],
        &["policy.toml", "update.head"],
        &["policy.toml", "Update.Head"],
    ] {
        let outcome = bundle_of(UpdateKind::Policy, names);
        let told = match outcome {
            Err(error @ UpdateError::Name { .. }) => error.to_string(),
            other => panic!("{names:?}: {other:?}"),
        };
        assert!(!told.contains(['\u{1b}', '\0']), "{told:?}");
    }
    let long = "x".repeat(65);
    assert!(bundle_of(UpdateKind::Feed, &[&long]).is_err());
    assert!(bundle_of(UpdateKind::Feed, &["lists/2026/words-1.txt"]).is_ok());
}

#[test]
fn what_is_written_by_hand_is_held_to_the_same() {
    let manifest = |files: Vec<ManifestFile>| Manifest {
        kind: UpdateKind::Feed,
        channel: "default".to_owned(),
        version: 1,
        replaces: None,
        created: at("2026-01-01T00:00:00Z"),
        expires: at("2026-04-01T00:00:00Z"),
        files,
    };
    let file = |name: &str| ManifestFile::of(name, b"x");
    let good = manifest(vec![file("a"), file("b")]);
    assert!(UpdateHead::new(good.clone()).is_ok());
    for bad in [
        manifest(vec![]),
        manifest(vec![file("a"), file("a")]),
        manifest(vec![file("b"), file("a")]),
        manifest(vec![ManifestFile {
            bytes: u64::MAX,
            ..file("a")
        }]),
        manifest(
            (0..9)
                .map(|n| ManifestFile {
                    bytes: 8 << 20,
                    ..file(&format!("f{n}"))
                })
                .collect(),
        ),
        manifest(vec![ManifestFile {
            sha256: "A".repeat(64),
            ..file("a")
        }]),
        manifest((0..1_001).map(|n| file(&format!("f{n:04}"))).collect()),
        Manifest {
            version: 0,
            ..good.clone()
        },
        Manifest {
            version: u64::MAX,
            ..good.clone()
        },
        Manifest {
            replaces: Some(1),
            ..good.clone()
        },
        Manifest {
            channel: String::new(),
            ..good.clone()
        },
        Manifest {
            channel: "../a".to_owned(),
            ..good.clone()
        },
        Manifest {
            kind: UpdateKind::Policy,
            ..good.clone()
        },
        Manifest {
            expires: at("2026-01-01T00:00:00Z"),
            ..good.clone()
        },
        Manifest {
            expires: at("2026-04-01T00:00:00.5Z"),
            ..good
        },
    ] {
        assert!(UpdateHead::new(bad.clone()).is_err(), "{bad:?}");
        let line = serde_json::to_string(&bad).unwrap();
        let text = format!("privet-update-1\n{line}\n\n");
        assert!(UpdateHead::read(text.as_bytes()).is_err(), "{bad:?}");
    }
}

#[test]
fn there_is_one_way_to_write_it() {
    let text = String::from_utf8(signed("12").to_bytes().unwrap()).unwrap();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("signature "))
        .collect();
    let swapped = text
        .replace(lines[0], "FIRST")
        .replace(lines[1], lines[0])
        .replace("FIRST", lines[1]);
    let twice = text.replace(lines[0], &format!("{0}\n{0}", lines[0]));
    let capitals = text.replace("privet-verifying-1:", "privet-verifying-1: ");
    let other_json = text.replace(
        "{\"kind\":\"policy\",\"channel\":\"default\"",
        "{\"channel\":\"default\",\"kind\":\"policy\"",
    );
    let spare = text.replace("\"version\":7", "\"version\":7,\"more\":1");
    let exponent = text.replace("\"version\":7", "\"version\":07");
    for bad in [swapped, twice, capitals, other_json, spare, exponent] {
        assert_ne!(bad, text);
        assert!(UpdateBundle::read(bad.as_bytes()).is_err());
    }
    assert!(UpdateBundle::read(&text.replace('\n', "\r\n").into_bytes()).is_err());
    let endless = [b"privet-update-1\n".as_slice(), &vec![b'{'; 2 << 20]].concat();
    assert!(UpdateBundle::read(&endless).is_err());
}
