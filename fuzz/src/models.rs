//! Model files and archives: what is said of them, and how they lie sealed.

use std::io::Cursor;

use privet_crypto::{RootKey, SigningKey, WrappingKey};
use privet_supplychain::Verdict;
use privet_supplychain::artifacts::seal::{
    self, Digest, FileEntry, Lineage, Manifest, Scanned, Sealed, Sealing, SignedManifest, Source,
};
use privet_supplychain::artifacts::{
    ArtifactFinding, Error, Format, Limits, Report, inspect, inspect_members, recognise,
};
use privet_types::Budget;

use crate::variant;

/// Names that decide between formats where the bytes allow several.
const NAMES: [&str; 16] = [
    "m.pkl",
    "m.pt",
    "m.joblib",
    "m.npy",
    "m.npz",
    "m.h5",
    "m.keras",
    "saved_model.pb",
    "m.onnx",
    "m.safetensors",
    "m.gguf",
    "m.skops",
    "m.zip",
    "m.tar",
    "m.gz",
    "m",
];

/// Work that an inspection of `length` bytes may take: as much as a scan of the file gives it.
fn promised(length: usize) -> u64 {
    (1 << 26) + 16_384 * length as u64
}

fn report(name: &str, bytes: &[u8], budget: &Budget) -> Result<Report, Error> {
    inspect(name, &mut Cursor::new(bytes), &Limits::default(), budget)
}

/// Any bytes of any name are no model, or get a verdict within the promised work: the worst of the findings, the same each time
/// and for members handed on; less work gives the same verdict or none; what is dangerous stays so whatever follows.
pub fn fuzz_artifact(data: &[u8]) {
    let Some((variant, bytes)) = variant(data) else {
        return;
    };
    let name = NAMES[usize::from(variant & 15)];
    let budget = Budget::new(promised(bytes.len()));
    let whole = match report(name, bytes, &budget) {
        Ok(report) => report,
        Err(Error::NotAModel) => return assert_eq!(recognise(name, bytes), None),
        Err(error) => panic!("{name}: {error}"),
    };
    assert!(recognise(name, bytes).is_some_and(|format| format == whole.format));
    told_well(&whole);
    let mut held = 0_u64;
    let each = &mut |_: &str, member: Option<&[u8]>| held += member.map_or(0, |it| it.len() as u64);
    let room = Budget::new(promised(bytes.len()));
    let again = inspect_members(name, &mut Cursor::new(bytes), &Limits::default(), &room, each);
    assert_eq!(again.expect("the promised budget is enough"), whole);
    assert!(held <= promised(bytes.len()), "members are paid for");
    let spent = promised(bytes.len()) - budget.left();
    for part in [spent / 2, spent.saturating_sub(1)] {
        match report(name, bytes, &Budget::new(part)) {
            Ok(again) => assert_eq!(again, whole),
            Err(Error::Budget(_)) => {}
            Err(error) => panic!("{name}: {error}"),
        }
    }
    if whole.format == Format::Pickle && whole.verdict == Verdict::Dangerous {
        for more in [b"N.".as_slice(), b"\xff", b"\x80\x02]."] {
            let longer = [bytes, more].concat();
            let again = report(name, &longer, &Budget::new(promised(longer.len())));
            let again = again.expect("more bytes behind a pickle leave it one");
            let is_pickle = again.format == Format::Pickle;
            assert!(!is_pickle || again.verdict == Verdict::Dangerous, "{again:?}");
        }
    }
}

fn told_well(report: &Report) {
    let worst = report.findings.iter().map(|one| one.verdict).max();
    assert_eq!(report.verdict, worst.unwrap_or(Verdict::Safe));
    assert!(report.findings.len() <= Limits::default().findings);
    let key = |one: &ArtifactFinding| (one.member.clone(), one.start, one.rule);
    for pair in report.findings.windows(2) {
        assert!(key(&pair[0]) <= key(&pair[1]), "{pair:?}");
    }
    for one in &report.findings {
        assert!(one.start <= one.end, "{one:?}");
        assert!(!one.message.contains(char::is_control), "{one:?}");
        let member = one.member.as_deref().unwrap_or_default();
        assert!(!member.contains(char::is_control), "{one:?}");
    }
    let facts = &report.facts;
    assert!(
        facts.globals.len() <= 1000 && facts.metadata.len() <= 100,
        "{facts:?}"
    );
    for (key, value) in &facts.metadata {
        assert!(
            key.chars().count() <= 200 && value.chars().count() <= 200,
            "{facts:?}"
        );
    }
}

fn root() -> RootKey {
    RootKey::parse(&format!("privet-root-1:{}", "6".repeat(64))).expect("a key")
}

fn signing_key() -> SigningKey {
    SigningKey::parse(&format!("privet-signing-1:{}", "6".repeat(64))).expect("a key")
}

/// The manifest of the corpus: the only one that the key of this file has signed.
const SIGNED: &[u8] = include_bytes!("../corpus/sealed_artifact/manifest");

/// What `examples/scan_corpus` writes the signed manifest of.
#[must_use]
pub fn corpus_manifest() -> SignedManifest {
    let digest = seal::digest(&mut b"weights".as_slice()).expect("bytes can be read");
    let mut manifest = Manifest::new("churn", jiff::Timestamp::UNIX_EPOCH);
    let mut file = FileEntry::new("m", digest);
    file.scan = Some(Scanned {
        verdict: Verdict::Safe,
        format: "safetensors".to_owned(),
        rules: Vec::new(),
        by: "privet".to_owned(),
        report: None,
        accepted: None,
    });
    manifest.files.push(file);
    manifest.lineage = Lineage {
        datasets: vec![Source {
            name: "sales-2026".to_owned(),
            sha256: None,
        }],
        parents: Vec::new(),
        licence: Some("Apache-2.0".to_owned()),
    };
    manifest.sign(&signing_key()).expect("it can be signed")
}

fn opened(sealed: &[u8], key: &WrappingKey) -> Option<(Digest, Vec<u8>)> {
    let mut plain = Vec::new();
    let mut file = Cursor::new(sealed);
    let digest = Sealed::read(&mut file).and_then(|head| head.open(&mut file, &mut plain, key));
    assert!(
        digest.is_ok() || plain.is_empty(),
        "nothing is written of what does not open"
    );
    digest.ok().map(|digest| (digest, plain))
}

/// A sealed model opens to what it was, and to nothing at all once it is cut, lengthened, changed, put in another order, or
/// opened with another key; a manifest is one that was signed, or does not verify.
pub fn fuzz_sealed_artifact(data: &[u8]) {
    let key = root().wrapping_key("privet/fuzz", b"model");
    assert!(opened(data, &key).is_none(), "nobody sealed it");
    manifest(data);
    let Some((edits, rest)) = data.split_at_checked(8) else {
        return;
    };
    // Up to three chunks of 64 KiB.
    let length = match edits[0] & 3 {
        0 => rest.len(),
        1 => (64 << 10) - rest.len() % 3,
        2 => (128 << 10) + rest.len() % 3,
        _ => (128 << 10) + rest.len(),
    };
    let filled = rest.iter().copied().chain(std::iter::repeat(7));
    let plain: Vec<u8> = filled.take(length).collect();
    let mut manifest = Manifest::new("churn", jiff::Timestamp::UNIX_EPOCH);
    let of_plain = seal::digest(&mut plain.as_slice()).expect("bytes can be read");
    manifest.files.push(FileEntry::new("m", of_plain));
    let signed = manifest.unsigned().expect("it is one");
    let sealing = Sealing {
        tenant: "acme",
        file: "m",
        manifest: &signed,
    };
    let mut sealed = Vec::new();
    let digest = seal::seal(&mut plain.as_slice(), &mut sealed, &key, &sealing).expect("memory takes it");
    let (again, out) = opened(&sealed, &key).expect("it was sealed just now");
    assert_eq!(again, digest);
    assert!(out == plain, "it opens to what it was");
    let other = root().wrapping_key("privet/fuzz", b"other");
    assert!(opened(&sealed, &other).is_none(), "of another key");
    let changed = changed(&sealed, edits);
    if changed != sealed {
        assert!(opened(&changed, &key).is_none(), "it was changed");
    }
}

/// A copy that was cut, lengthened, flipped, or whose parts changed places, as `edits` (8 bytes) says.
fn changed(sealed: &[u8], edits: &[u8]) -> Vec<u8> {
    /// A chunk and its tag.
    const CHUNK: usize = (64 << 10) + 16;
    let number = |at: usize| usize::from(u16::from_le_bytes([edits[at], edits[at + 1]])) * 3;
    let place = number(2) % sealed.len();
    let other = number(4) % sealed.len();
    let mut out = sealed.to_vec();
    match edits[1] & 7 {
        0 => out.truncate(place),
        1 => out.extend_from_slice(&sealed[..other]),
        2 => out[place] ^= edits[6] | 1,
        3 => drop(out.drain(place.min(other)..place.max(other))),
        4 => out.rotate_left(place),
        5 => out.swap(place, other),
        6 => {
            let head = sealed.len() % CHUNK;
            if sealed.len() >= head + 2 * CHUNK {
                let (one, two) = out[head..].split_at_mut(CHUNK);
                one.swap_with_slice(&mut two[..CHUNK]);
            }
        }
        _ => out.insert(place, edits[6]),
    }
    out
}

fn manifest(data: &[u8]) {
    let Ok(read) = SignedManifest::parse(data) else {
        return;
    };
    let json = read.to_json().expect("a manifest is JSON");
    let again = SignedManifest::parse(json.as_bytes()).expect("what was written is a manifest");
    assert_eq!(again, read);
    let signed = SignedManifest::parse(SIGNED).expect("of the corpus");
    match read.verify(&[signing_key().verifying_key()]) {
        Ok((manifest, keys)) => {
            assert_eq!(read.manifest, signed.manifest, "nobody signed it");
            assert_eq!(keys.len(), 1, "of the one that is trusted");
            assert!(manifest.files.iter().all(|file| manifest.file(&file.path).is_ok()));
        }
        Err(_) => assert_ne!(read, signed, "it was signed"),
    }
}
