//! Files on their way through the scan of the supply chain: whole files, notebooks that are mended, rules for secrets.

use std::sync::{Arc, OnceLock};

use privet_supplychain::Category;
use privet_supplychain::baseline::ScanKey;
use privet_supplychain::fix::{self, How, REDACTED, Reach, Spot};
use privet_supplychain::scan::{FileName, FileScan, Parts, Scanner};
use privet_supplychain::secrets::{Rules, allowed_inline};
use privet_supplychain::segments::{FileKind, Limits, Lines, segments};
use privet_types::{Budget, Secret};
use serde_json::Value;

use crate::variant;

/// Names that decide between readings that fit alike.
const NAMES: [&str; 32] = [
    "a.ipynb",
    "a.csv",
    "a.tsv",
    "a.json",
    "a.jsonl",
    "a.py",
    "a.md",
    "a.txt",
    "a.html",
    "a.xml",
    ".env",
    "config/settings.toml",
    "a.yaml",
    "a.docx",
    "a.xlsx",
    "a.gz",
    "a.json.gz",
    "a.tar",
    "a.tgz",
    "a.zip",
    "a.pkl",
    "a.pt",
    "a.keras",
    "a.bin",
    "a.log",
    "requirements.txt",
    "pyproject.toml",
    "package.json",
    "package-lock.json",
    "Cargo.lock",
    "environment.yml",
    "x.dist-info/METADATA",
];

/// What stands in inputs for a credential that is made here, so that none stands in a file.
const PLANT: &str = "{planted}";

/// The key under which everything of the corpus was made.
pub(crate) fn scan_key() -> ScanKey {
    let mut bytes = [7; 32];
    bytes[0] = 1;
    ScanKey::new(Secret::new(bytes)).expect("a key")
}

fn scanner() -> &'static Scanner {
    static SCANNER: OnceLock<Scanner> = OnceLock::new();
    SCANNER.get_or_init(|| Scanner::new(Parts::new(Arc::new(scan_key()))).expect("the build has weights"))
}

/// A made-up credential of a known form.
fn planted() -> String {
    format!("gh{}q7Zk2Rw9XtHn4LsVj8PmFc3GdY6bq7Zk2Rw9", "p_")
}

fn scanned(name: &str, bytes: &[u8]) -> FileScan {
    let name = FileName {
        shown: name,
        path: name,
    };
    scanner()
        .scan(name, bytes, &mut |_| None, &Scanner::budget(bytes.len() as u64))
        .expect("the promised budget is enough, and no file is an error")
}

/// Any file of any name is scanned to its end within the promised work and comes to the same each time; findings are in order
/// and lie in the file; no credential that was found is told; what a scan keeps is read again as it was; a notebook that was
/// mended stays as it is when it is mended again.
pub fn fuzz_scan_file(data: &[u8]) {
    let Some((variant, rest)) = variant(data) else {
        return;
    };
    let name = NAMES[usize::from(variant & 0x1f)];
    let secret = planted();
    let bytes = replaced(rest, PLANT.as_bytes(), secret.as_bytes());
    segments_hold(name, &bytes);
    let found = scanned(name, &bytes);
    assert_eq!(found, scanned(name, &bytes));
    in_order(name, &bytes, &found);
    let json = serde_json::to_string(&found).expect("a scan is JSON");
    let again: FileScan = serde_json::from_str(&json).expect("what was written can be read");
    assert_eq!(again, found);
    let is_told = |one: &privet_supplychain::Finding| {
        let at = one.start as usize..one.end as usize;
        one.category == Category::Secret && bytes.get(at) == Some(secret.as_bytes())
    };
    let allowed = found.allowed.iter().map(|(one, _)| one);
    if found.findings.iter().chain(allowed).any(is_told) {
        for part in secret.as_bytes().windows(12) {
            let part = std::str::from_utf8(part).expect("ASCII");
            assert!(!json.contains(part), "{json}");
        }
    }
    if FileKind::of(name, &bytes) == FileKind::Notebook {
        mended(name, &bytes, &found);
    }
}

fn in_order(name: &str, bytes: &[u8], found: &FileScan) {
    let lines = Lines::new(bytes);
    let key = |one: &privet_supplychain::Finding| {
        (
            one.path.clone(),
            one.start,
            one.end,
            one.category,
            one.rule.clone(),
        )
    };
    for pair in found.findings.windows(2) {
        assert!(key(&pair[0]) < key(&pair[1]), "{pair:?}");
    }
    for one in &found.findings {
        assert!(one.start <= one.end, "{one:?}");
        assert_eq!(one.fingerprint.len(), 32);
        assert!(!one.message.is_empty() && !one.rule.is_empty(), "{one:?}");
        let snippet = one.snippet.as_deref().unwrap_or_default();
        assert!(snippet.chars().count() <= 200, "{one:?}");
        assert!(!snippet.contains(char::is_control), "{one:?}");
        let is_text = matches!(
            one.category,
            Category::Secret | Category::Pii | Category::Injection
        );
        if is_text && one.path == name {
            assert!(one.start < one.end && one.end <= bytes.len() as u64, "{one:?}");
            assert!(one.line == 0 || one.line == lines.line(one.start), "{one:?}");
        }
    }
}

fn mended(name: &str, bytes: &[u8], found: &FileScan) {
    let spots = |found: &FileScan| -> Vec<Spot> {
        found
            .findings
            .iter()
            .filter(|one| {
                matches!(
                    one.category,
                    Category::Secret | Category::Pii | Category::Injection
                )
            })
            .map(|one| Spot {
                start: one.start,
                end: one.end,
            })
            .collect()
    };
    let budget = Budget::new(1 << 30);
    let clear = |bytes: &[u8], found: &FileScan| {
        fix::notebook(bytes, &spots(found), How::Clear, Reach::Outputs, &budget)
    };
    let Ok(fixed) = clear(bytes, found) else {
        return;
    };
    let again = clear(&fixed.bytes, &scanned(name, &fixed.bytes)).expect("what was mended is a notebook");
    assert_eq!(again.cleared_outputs, 0, "outputs with findings are gone");
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// Whatever is cut out of a file lies in it, in all pieces and as a whole, whatever its bytes; the texts do not hang on how
/// often they are cut.
fn segments_hold(name: &str, bytes: &[u8]) {
    let budget = Scanner::budget(bytes.len() as u64);
    let limits = Limits::default();
    let cut = segments(name, bytes, &limits, &budget).expect("the promised budget is enough");
    let end = bytes.len() as u64;
    for segment in &cut.segments {
        let whole = segment.file_span(0..segment.text.len());
        assert!(whole.start <= whole.end && whole.end <= end, "{segment:?}");
        let middle = segment.text.len() / 2;
        for span in [0..middle, middle..segment.text.len(), 0..segment.text.len()] {
            let mut last = 0;
            for piece in segment.file_spans(span) {
                assert!(piece.start <= piece.end && piece.end <= end, "{segment:?}");
                assert!(segment.kind.is_derived() || piece.start >= last, "{segment:?}");
                last = piece.start;
            }
        }
        assert_eq!(segment.utf8().len(), segment.text.len());
    }
    for skipped in &cut.skipped {
        assert!(
            skipped.bytes.start <= skipped.bytes.end && skipped.bytes.end <= end,
            "{skipped:?}"
        );
    }
}

/// Where in `rest` two spots lie, by numbers of the input.
fn spots(numbers: &[u8], len: usize) -> Vec<Spot> {
    numbers
        .chunks_exact(4)
        .map(|four| {
            let start = usize::from(u16::from_le_bytes([four[0], four[1]])) % (len + 1);
            let end = (start + usize::from(four[2]) + 256 * usize::from(four[3] & 1)).min(len);
            Spot {
                start: start as u64,
                end: end as u64,
            }
        })
        .collect()
}

/// A notebook is refused, or mended so that only outputs and spots change: what was cleared is a text with bytes taken out,
/// what was redacted the same text with other words at the spots; the result is JSON if the input was, has the same cells, and
/// does not change when it is mended again.
pub fn fuzz_notebook_fix(data: &[u8]) {
    let Some((variant, rest)) = variant(data) else {
        return;
    };
    let Some((numbers, bytes)) = rest.split_at_checked(8) else {
        return;
    };
    segments_hold("a.ipynb", bytes);
    let spots = spots(numbers, bytes.len());
    let reach = if variant & 1 == 0 {
        Reach::Outputs
    } else {
        Reach::OutputsAndSource
    };
    let budget = Budget::new(1 << 30);
    for how in [How::Clear, How::Redact] {
        let Ok(fixed) = fix::notebook(bytes, &spots, how, reach, &budget) else {
            continue;
        };
        let is_changed = fixed.cleared_outputs + fixed.redacted > 0;
        assert!(is_changed || fixed.bytes == bytes, "{fixed:?}");
        let unmoved = fix::notebook(&fixed.bytes, &[], how, reach, &budget).expect("it stays a notebook");
        assert_eq!(unmoved.bytes, fixed.bytes);
        if fixed.redacted == 0 {
            assert!(is_subsequence(&fixed.bytes, bytes), "bytes were only taken out");
        }
        if fixed.cleared_outputs == 0 && !has(bytes, b"redacted") {
            only_spots_changed(bytes, &fixed.bytes);
            redacted_once(&fixed.bytes, reach, &budget);
        }
        if let Ok(before) = serde_json::from_slice::<Value>(bytes) {
            let after: Value = serde_json::from_slice(&fixed.bytes).expect("JSON stays JSON");
            if fixed.redacted == 0 {
                assert_eq!(without_outputs(before), without_outputs(after));
            }
        }
    }
}

fn has(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

fn is_subsequence(part: &[u8], whole: &[u8]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|byte| whole.any(|other| other == byte))
}

/// What stands between the redacted places stood in the same order before.
fn only_spots_changed(before: &[u8], after: &[u8]) {
    if has(after, b"redacted-") {
        // The names that cells get instead of theirs.
        return;
    }
    let mut from = 0;
    let mut rest = after;
    loop {
        let at = rest
            .windows(REDACTED.len())
            .position(|window| window == REDACTED.as_bytes());
        let piece = &rest[..at.unwrap_or(rest.len())];
        // A number becomes a text: its quotes are new.
        let piece = piece.strip_suffix(b"\"").unwrap_or(piece);
        let piece = piece.strip_prefix(b"\"").unwrap_or(piece);
        let found = before[from..]
            .windows(piece.len().max(1))
            .position(|window| window == piece);
        assert!(
            piece.is_empty() || found.is_some(),
            "a byte outside the spots changed"
        );
        from += found.unwrap_or(0) + piece.len();
        match at {
            Some(at) => rest = &rest[at + REDACTED.len()..],
            None => return,
        }
    }
}

/// A redacted place is not redacted a second time.
fn redacted_once(mended: &[u8], reach: Reach, budget: &Budget) {
    // An id is a text (nbformat 4.5); what lies in one of another kind may get another name the second time.
    let has_odd_id = |cell: &Value| cell.get("id").is_some_and(|id| !id.is_string());
    let Ok(read) = serde_json::from_str::<Value>(&String::from_utf8_lossy(mended)) else {
        return;
    };
    let cells = read.get("cells").and_then(Value::as_array);
    if cells.is_some_and(|cells| cells.iter().any(has_odd_id)) {
        return;
    }
    let spots: Vec<Spot> = mended
        .windows(REDACTED.len())
        .enumerate()
        .filter(|(_, window)| *window == REDACTED.as_bytes())
        .map(|(at, window)| Spot {
            start: at as u64,
            end: (at + window.len()) as u64,
        })
        .collect();
    let again = fix::notebook(mended, &spots, How::Redact, reach, budget).expect("it stays a notebook");
    assert_eq!(again.bytes, mended);
}

/// The notebook with its lists of outputs emptied.
fn without_outputs(mut notebook: Value) -> Value {
    let empty = |cells: &mut Value| {
        for cell in cells.as_array_mut().into_iter().flatten() {
            if let Some(outputs) = cell.get_mut("outputs").filter(|outputs| outputs.is_array()) {
                *outputs = Value::Array(Vec::new());
            }
        }
    };
    if let Some(cells) = notebook.get_mut("cells") {
        empty(cells);
    }
    if let Some(Value::Array(sheets)) = notebook.get_mut("worksheets") {
        sheets
            .iter_mut()
            .filter_map(|sheet| sheet.get_mut("cells"))
            .for_each(empty);
    }
    notebook
}

/// Text in which rules of an input look for what they want.
const SAMPLE: &str =
    "token = 'aaaa-0000-bbbb-1111'\npassword: correct horse battery staple\nsecret,key\nx,y\n\u{e9}\0\u{7f}";

/// A rule file of gitleaks is refused with a reason, or its rules look at any text within bounded work; of any text the embedded
/// rules give places that lie in it, in order, none over another, and the same in each path.
pub fn fuzz_secret_rules(data: &[u8]) {
    static EMBEDDED: OnceLock<Rules> = OnceLock::new();
    let Some((variant, rest)) = variant(data) else {
        return;
    };
    let path = NAMES[usize::from(variant & 0x1f)];
    if variant & 0x80 == 0 {
        let embedded = EMBEDDED.get_or_init(Rules::embedded);
        holds(embedded, path, rest);
        for line in rest.split(|byte| *byte == b'\n') {
            if let Some(reason) = allowed_inline(line) {
                assert!(reason.text.len() <= line.len() * 3, "{reason:?}");
                assert_ne!(reason.rule.as_deref(), Some(""));
            }
        }
        return;
    }
    let Ok(text) = std::str::from_utf8(rest) else {
        return;
    };
    match Rules::from_gitleaks(text) {
        Ok(rules) => {
            holds(&rules, path, SAMPLE.as_bytes());
            holds(&rules, path, rest);
            let none: Vec<String> = rules.list().map(|rule| rule.id.to_string()).collect();
            let empty = rules.without(&none);
            assert_eq!(empty.list().count(), 0);
            holds(&empty, path, SAMPLE.as_bytes());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn holds(rules: &Rules, path: &str, text: &[u8]) {
    let budget = || Scanner::budget(text.len() as u64);
    let found = rules
        .scan(path, text, &budget())
        .expect("the promised budget is enough");
    assert_eq!(found, rules.scan(path, text, &budget()).expect("again"));
    for one in &found {
        assert!(
            one.span.start <= one.span.end && one.span.end <= text.len(),
            "{one:?}"
        );
        assert!(
            one.whole.start <= one.whole.end && one.whole.end <= text.len(),
            "{one:?}"
        );
        assert!((0.0..=1.0).contains(&one.confidence), "{one:?}");
    }
    for pair in found.windows(2) {
        assert!(pair[0].span.start <= pair[1].span.start, "{pair:?}");
        assert!(pair[0].span.end <= pair[1].span.start, "{pair:?}");
    }
}
