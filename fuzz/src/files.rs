//! The files of the command line: JSON, tables, records, plain text, manifests, operators.

use std::io::Read;

use privet_crypto::RootKey;
use privet_pii::documents::{
    CsvLeaves, Error, JsonLeaves, Kind, Leaf, LedgerReader, LedgerWriter, Record, WindowReader, Writing,
    record_leaves, write,
};
use privet_pii::{Anonymizer, Keys, Operator, Operators, Windows};
use privet_types::{Basis, Budget, Entity, Finding, RuleId, Span, TenantId};

use crate::variant;

/// Gives its bytes in small pieces, as a pipe does.
struct Drip<'d> {
    rest: &'d [u8],
    state: u32,
}

impl<'d> Drip<'d> {
    const fn new(rest: &'d [u8], seed: u8) -> Self {
        Self {
            rest,
            state: seed as u32 | 0x100,
        }
    }
}

impl Read for Drip<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let most = 1 + (self.state >> 28) as usize;
        let length = most.min(out.len()).min(self.rest.len());
        let (now, later) = self.rest.split_at(length);
        out[..length].copy_from_slice(now);
        self.rest = later;
        Ok(length)
    }
}

fn all(mut next: impl FnMut() -> Result<Option<Leaf>, Error>) -> Result<Vec<Leaf>, Error> {
    let mut leaves = Vec::new();
    while let Some(leaf) = next()? {
        leaves.push(leaf);
    }
    Ok(leaves)
}

fn json(bytes: &[u8]) -> Result<Vec<Leaf>, Error> {
    let mut reader = JsonLeaves::new(bytes);
    all(|| reader.next_leaf())
}

/// What the leaves make when each is written by `raw`.
fn written(leaves: &[Leaf], raw: impl Fn(&Leaf) -> Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    for leaf in leaves {
        out.extend_from_slice(&leaf.before);
        out.extend_from_slice(&raw(leaf));
    }
    out
}

fn texts(leaves: &[Leaf]) -> Vec<(&str, Option<&str>)> {
    leaves
        .iter()
        .map(|leaf| (leaf.text.as_str(), leaf.context.as_deref()))
        .collect()
}

fn same(whole: &Result<Vec<Leaf>, Error>, dripped: &Result<Vec<Leaf>, Error>) {
    match (whole, dripped) {
        (Ok(a), Ok(b)) => assert_eq!(a, b),
        (Err(a), Err(b)) => assert_eq!(a.to_string(), b.to_string()),
        (a, b) => panic!("{a:?} {b:?}"),
    }
}

/// JSON is refused, or makes its bytes again; it reads the same however it comes; values written anew are read as the same
/// values; and nothing that serde reads is refused.
pub fn fuzz_json_file(data: &[u8]) {
    let Some((seed, bytes)) = variant(data) else {
        return;
    };
    let whole = json(bytes);
    let mut slow = JsonLeaves::new(Drip::new(bytes, seed));
    same(&whole, &all(|| slow.next_leaf()));
    let Ok(leaves) = whole else {
        let read = serde_json::from_slice::<serde_json::Value>(bytes);
        assert!(read.is_err(), "serde reads it");
        return;
    };
    assert_eq!(written(&leaves, |leaf| leaf.raw.clone()), bytes);
    for writing in [Writing(0), Writing(3)] {
        let anew = written(&leaves, |leaf| match leaf.kind {
            Kind::JsonString => write(&leaf.text, leaf.kind, writing).into_bytes(),
            _ => leaf.raw.clone(),
        });
        let again = json(&anew).expect("what is written is JSON");
        assert_eq!(texts(&leaves), texts(&again));
    }
    let kept = written(&leaves, |leaf| {
        write(&leaf.text, leaf.kind, leaf.writing()).into_bytes()
    });
    assert_eq!(
        texts(&leaves),
        texts(&json(&kept).expect("what is written is JSON"))
    );
}

/// A table is refused, or makes its bytes again; it reads the same however it comes; cells written anew are read as the same
/// cells.
pub fn fuzz_csv_file(data: &[u8]) {
    let Some((variant, bytes)) = variant(data) else {
        return;
    };
    let delimiter = [None, Some(b','), Some(b';'), Some(b'\t')][usize::from(variant & 3)];
    let has_header = variant & 4 == 0;
    let read = |bytes: &[u8], delimiter| {
        let mut reader = CsvLeaves::new(bytes, delimiter, has_header);
        all(|| reader.next_leaf())
    };
    let whole = read(bytes, delimiter);
    let mut slow = CsvLeaves::new(Drip::new(bytes, variant), delimiter, has_header);
    same(&whole, &all(|| slow.next_leaf()));
    let Ok(leaves) = whole else {
        return;
    };
    assert_eq!(written(&leaves, |leaf| leaf.raw.clone()), bytes);
    assert_eq!(leaves.last().map(|leaf| leaf.kind), Some(Kind::End));
    let Some(Kind::Cell(delimiter)) = leaves.first().map(|leaf| leaf.kind) else {
        return;
    };
    let quoted = written(&leaves, |leaf| {
        write(&leaf.text, leaf.kind, Writing(Writing::OTHER)).into_bytes()
    });
    let again = read(&quoted, Some(delimiter)).expect("what is written is a table");
    assert_eq!(texts(&leaves), texts(&again));
    let kept = written(&leaves, |leaf| {
        write(&leaf.text, leaf.kind, leaf.writing()).into_bytes()
    });
    let again = read(&kept, Some(delimiter)).expect("what is written is a table");
    assert_eq!(texts(&leaves), texts(&again));
}

/// Each line is a record or refused; as leaves it makes its bytes again, and both ways of reading see the same text.
pub fn fuzz_records(data: &[u8]) {
    for (number, line) in (1_u64..).zip(data.split_inclusive(|b| *b == b'\n')) {
        let leaves = record_leaves(line, number);
        if let Ok(leaves) = &leaves {
            assert_eq!(written(leaves, |leaf| leaf.raw.clone()), line);
        }
        let Ok(record) = Record::parse(line) else {
            continue;
        };
        let leaves = leaves.expect("a record has its leaves");
        let last = leaves.iter().rfind(|leaf| leaf.kind == Kind::JsonString);
        let last = last.expect("a record has a text");
        assert_eq!(last.text, record.text);
    }
}

/// The cores of the windows are the text, in any sizes and however it comes; what is not UTF-8 is refused with its place.
pub fn fuzz_windows(data: &[u8]) {
    let Some((seed, bytes)) = variant(data) else {
        return;
    };
    let (core, overlap) = [(16, 16), (64, 16), (40, 32), (4096, 64)][usize::from(seed & 3)];
    let mut windows = WindowReader::with_windows(Drip::new(bytes, seed), Windows::with_sizes(core, overlap));
    let mut at = 0;
    loop {
        match windows.next_window() {
            Ok(Some(window)) => {
                let start = usize::try_from(window.before).expect("a small text");
                let seen = bytes.get(start..start + window.text.len());
                assert_eq!(seen, Some(window.text.as_bytes()));
                assert_eq!(start + window.core_start, at);
                assert!(window.core_start < window.core_end && window.core_end <= window.text.len());
                assert!(window.text.is_char_boundary(window.core_start));
                assert!(window.text.is_char_boundary(window.core_end));
                at = start + window.core_end;
            }
            Ok(None) => break,
            Err(Error::Utf8 { at }) => {
                let wrong = std::str::from_utf8(bytes).expect_err("it is not UTF-8");
                assert_eq!(at, wrong.valid_up_to() as u64);
                return;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(at, bytes.len());
}

fn keys() -> Keys {
    let root =
        RootKey::parse(&format!("privet-root-1:{}", "07".repeat(32))).expect("a fixed root key is sound");
    Keys::derive(&root, &TenantId::default(), "pii")
}

/// The text that the corpus' manifests were made of, anonymised.
const CLEAN: &str = include_str!("../corpus/clean.txt");

/// A manifest file is refused, or written again as it was read; restoring by whatever it says ends, in any text; and no
/// error repeats a value.
pub fn fuzz_manifest(data: &[u8]) {
    let keys = keys();
    let budget = Budget::new(1 << 32);
    if let Ok(text) = std::str::from_utf8(data) {
        let restored = keys.restore_tokens(text, &budget).expect("the budget is enough");
        assert!(restored.restored > 0 || restored.text == text);
    }
    let Ok(mut reader) = LedgerReader::new(data) else {
        return;
    };
    let head = reader.head().clone();
    let mut writer = LedgerWriter::new(Vec::new());
    writer.head(head.shape, head.delimiter).expect("memory takes it");
    let mut pieces = 0;
    loop {
        match reader.next_piece() {
            Ok(Some(piece)) => {
                for text in [CLEAN, ""] {
                    if let Err(error) = piece.manifest.restore(text, &keys, &budget) {
                        assert!(!error.to_string().contains("ada"), "{error}");
                    }
                    let _ = piece.manifest.restore_edited(text, &keys, &budget);
                }
                writer.piece(&piece).expect("memory takes it");
                pieces += 1;
            }
            Ok(None) => break,
            Err(_) => return,
        }
    }
    reader.finish().expect("all pieces were asked for");
    let again = writer.finish().expect("memory takes it");
    let mut reader = LedgerReader::new(again.as_slice()).expect("what is written is a manifest");
    let mut read = 0;
    while reader
        .next_piece()
        .expect("what is written is a manifest")
        .is_some()
    {
        read += 1;
    }
    assert_eq!(read, pieces);
}

/// Operators are refused, or anonymise a text into one from which every reversible value comes back.
pub fn fuzz_operators(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
    if let Ok(operator) = line.parse::<Operator>() {
        apply(Operators {
            default: operator,
            ..Operators::default()
        });
    }
    for text in [text, rest] {
        if let Ok(operators) = privet_policy::operators(text, "operators.toml".as_ref()) {
            apply(operators);
        }
        if let Ok(operators) = serde_json::from_str::<Operators>(text) {
            apply(operators);
        }
    }
}

fn apply(operators: Operators) {
    const TEXT: &str = "Ada, 4111 1111 1111 1111, born 1985-03-15, 34 years, é@example.com";
    let finding = |entity: Entity, value: &str| {
        let start = TEXT.find(value).expect("it stands there");
        Finding {
            entity,
            span: Span::new(start, start + value.len()),
            score: 1.0,
            rule: RuleId("fuzz"),
            basis: Basis::Pattern,
        }
    };
    let found = [
        finding(Entity::PERSON, "Ada"),
        finding(Entity::CREDIT_CARD, "4111 1111 1111 1111"),
        finding(Entity::DATE_OF_BIRTH, "1985-03-15"),
        finding(Entity::AGE, "34 years"),
        finding(Entity::EMAIL_ADDRESS, "é@example.com"),
    ];
    let is_reversible = |entity| operators.operator(entity).is_reversible();
    let comes_back = found.iter().all(|f| is_reversible(f.entity));
    let Ok(anonymizer) = Anonymizer::new(operators.clone()) else {
        return;
    };
    let (keys, budget) = (keys(), Budget::new(1 << 32));
    let Ok(made) = anonymizer.anonymize(TEXT, &found, &keys, &budget) else {
        return;
    };
    let back = made.manifest.restore(&made.text, &keys, &budget);
    let back = back.expect("a text that was just made can be restored");
    assert!(!comes_back || back == TEXT, "{operators:?}: {back}");
}
