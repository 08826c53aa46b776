use std::path::{Path, PathBuf};

use privet_policy::{policy_schema, rules_schema, settings_schema};

fn committed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../schema")
        .join(name)
}

/// `PRIVET_BLESS=1` writes the schema instead of comparing it.
#[expect(
    clippy::disallowed_methods,
    reason = "a test is told to bless by its environment"
)]
fn assert_committed(name: &str, schema: &str) {
    let path = committed(name);
    if std::env::var_os("PRIVET_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, schema).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == schema,
        "schema/{name} is not what the code says; run `PRIVET_BLESS=1 cargo test -p privet-policy schema` and commit it"
    );
}

#[test]
fn the_committed_settings_schema_is_what_the_code_says() {
    assert_committed("settings.schema.json", &settings_schema());
}

#[test]
fn the_committed_policy_schema_is_what_the_code_says() {
    assert_committed("policy.schema.json", &policy_schema());
}

#[test]
fn the_committed_rules_schema_is_what_the_code_says() {
    assert_committed("rules.schema.json", &rules_schema());
}
