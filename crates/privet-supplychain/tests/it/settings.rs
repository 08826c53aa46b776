//! `[scan]` of `privet.toml`.

use privet_supplychain::settings::{FailOn, KeyRef, ScanConfig, scan_schema};
use privet_supplychain::{Category, Severity};
use proptest::prelude::*;

const WHOLE: &str = r#"
listen = "127.0.0.1:8080"
[scan]
fail_on = "high"
categories = ["secret", "model"]
exclude = ["target", "*.min.js"]
max_file_bytes = 1000000
baseline = "privet-baseline.json"
key = "env:PRIVET_SCAN_KEY"
archives = { depth = 2, ratio = 50, members = 1000 }
[scan.pii]
entities = ["EMAIL_ADDRESS"]
min_score = 0.8
in_code = true
[scan.secrets]
rules = ["rules.toml"]
disable = ["jwt"]
[scan.licences]
allow = ["MIT"]
deny = ["AGPL-3.0-only"]
exceptions = [{ package = "left-pad", reason = "small" }]
[scan.advisories]
index = "advisories.index"
max_age_days = 7
[[scan.allow]]
paths = ["tests/**"]
rules = ["aws-*"]
reason = "made up"
until = 2027-01-31
[[scan.allow]]
categories = ["pii"]
reason = "made up"
until = "2027-01-31"
"#;

#[test]
fn every_setting_is_read() {
    let read = ScanConfig::parse(WHOLE).unwrap();
    assert_eq!(read.fail_on, FailOn::High);
    assert_eq!(read.categories, [Category::Secret, Category::Model]);
    assert_eq!(read.key, Some(KeyRef::Env("PRIVET_SCAN_KEY".to_owned())));
    assert_eq!(read.allow.len(), 2);
    assert_eq!(read.allow[0].until, read.allow[1].until);
    assert!(read.excluded().unwrap().matches("a/target/b"));
    assert!(!read.looks_for(Category::Pii));
    let again: ScanConfig = serde_json::from_value(serde_json::to_value(&read).unwrap()).unwrap();
    assert_eq!(again, read);
}

#[test]
fn nothing_given_is_the_defaults() {
    assert_eq!(ScanConfig::parse("").unwrap(), ScanConfig::default());
    assert_eq!(ScanConfig::parse("[scan]").unwrap(), ScanConfig::default());
    ScanConfig::default().check().unwrap();
}

#[test]
fn a_fault_names_its_field_and_no_value() {
    let pasted = format!("sk-{}", "0123456789".repeat(3));
    let said: Vec<String> = [
        "[scan]\nfail-on = \"high\"".to_owned(),
        "[scan]\nfail_on = \"worst\"".to_owned(),
        format!("[scan]\nkey = \"{pasted}\""),
        "[scan]\nkey = \"env:1A\"".to_owned(),
        "[scan]\nkey = \"file:\"".to_owned(),
        format!("[scan]\nmax_file_bytes = \"{pasted}\""),
        "[scan]\nmax_file_bytes = 0".to_owned(),
        "[scan.archives]\ndepth = 17".to_owned(),
        "[scan.archives]\ndepth = -1".to_owned(),
        "[scan.pii]\nmin_score = 1.5".to_owned(),
        "[scan.pii]\nmin_score = nan".to_owned(),
        "[scan.licences]\nallow = [\"\"]".to_owned(),
        "[scan]\nexclude = [\"a\", \"[b\"]".to_owned(),
        "[[scan.allow]]\nrules = [\"a\"]".to_owned(),
        "[[scan.allow]]\nreason = \"why\"\nrules = [\"a\"]\nuntil = \"2027-02-31\"".to_owned(),
        "[[scan.allow]]\nreason = \"why\"".to_owned(),
        format!("[scan]\nkey = {pasted}"),
    ]
    .iter()
    .map(|text| ScanConfig::parse(text).unwrap_err().to_string())
    .collect();
    assert!(said.iter().all(|one| !one.contains(&pasted)));
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_scan_fails_from_the_severity_on_that_is_said() {
    assert!(FailOn::Low.includes(Severity::Low));
    assert!(!FailOn::High.includes(Severity::Medium));
    assert!(FailOn::High.includes(Severity::Critical));
    assert!(!FailOn::Never.includes(Severity::Critical));
}

#[test]
fn the_schema_knows_every_table() {
    let schema = scan_schema();
    for word in [
        "fail_on",
        "archives",
        "min_score",
        "exceptions",
        "max_age_days",
        "fingerprints",
        "KeyRef",
    ] {
        assert!(schema.contains(word), "{word}");
    }
}

proptest! {
    #[test]
    fn any_text_is_settings_or_an_error(text in "\\PC{0,60}") {
        let _ = ScanConfig::parse(&text);
        let _ = ScanConfig::parse(&format!("[scan]\n{text}"));
        let _ = text.parse::<KeyRef>();
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test is told to bless by its environment"
)]
fn the_schema_of_the_settings_is_the_committed_one() {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema/scan-settings.schema.json");
    if std::env::var_os("PRIVET_BLESS").is_some() {
        std::fs::write(&path, scan_schema()).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == scan_schema(),
        "schema/scan-settings.schema.json is out of date; PRIVET_BLESS=1 writes it anew"
    );
}
