//! Signed updates: bundles that come from anywhere.

use std::collections::BTreeMap;

use privet_crypto::SigningKey;
use privet_types::UpdateKind;
use privet_update::{UpdateBundle, UpdateHead};

fn key() -> SigningKey {
    SigningKey::parse(&format!("privet-signing-1:{}", "6".repeat(64))).expect("a key")
}

/// The update of the corpus: the only one that the laws' key has signed.
#[must_use]
pub fn corpus_update() -> Vec<u8> {
    let files = [
        ("rules.toml", "[[terms]]\nvalues = [\"Kobold\"]\n"),
        ("lists/words.txt", "one\ntwo\n"),
    ];
    let files: BTreeMap<String, Vec<u8>> = files
        .into_iter()
        .map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()))
        .collect();
    let time = |text: &str| text.parse().expect("a time");
    let term = (time("2026-01-01T00:00:00Z"), time("2026-04-01T00:00:00Z"));
    let mut bundle =
        UpdateBundle::new((UpdateKind::Rules, "default"), (7, Some(6)), term, files).expect("an update");
    bundle.head_mut().sign(&key()).expect("a signature");
    bundle.to_bytes().expect("bytes")
}

/// Any bytes are either no update, or one that is written as the same bytes again, whose files stay inside of it; and no key has
/// signed it that did not.
pub fn fuzz_update(data: &[u8]) {
    let head = UpdateHead::read(data);
    if let Ok((head, length)) = &head {
        let written = head.to_bytes().expect("what was read can be written");
        assert_eq!(written, data[..*length], "a head has one spelling");
        let is_ours = corpus_update().starts_with(&written);
        assert!(head.signers(&[key().verifying_key()], 1).is_err() || is_ours);
        assert!(head.signers(&[], 0).is_err(), "nobody is not enough");
    }
    let Ok(bundle) = UpdateBundle::read(data) else {
        return;
    };
    assert!(head.is_ok());
    assert_eq!(bundle.to_bytes().expect("bytes"), data, "so has an update");
    let mut known = Vec::new();
    for (name, bytes) in bundle.files() {
        let entry = bundle.head().manifest().file(name).expect("an entry");
        assert!(entry.check(bytes).is_ok());
        assert!(!name.starts_with('/') && name.split('/').all(|part| !part.is_empty() && !part.starts_with('.')));
        let small = name.to_ascii_lowercase();
        assert!(!known.contains(&small), "two files of one name");
        known.push(small);
    }
}
