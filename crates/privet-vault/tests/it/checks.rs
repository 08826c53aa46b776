//! The check of the vault: it says nothing of what is whole, and of each damage what it is.

use std::collections::BTreeSet;

use privet_store::values;
use privet_vault::{CheckOutcome, CheckReport, FindingKind, Vault};
use serde_json::json;

use crate::furnished::{Furnished, furnish, log, sequence};
use crate::support::{House, ann, on_both_databases};

on_both_databases! {
    what_is_whole_is_called_whole
    each_damage_of_a_row_is_found_and_nothing_else
    each_damage_of_a_key_is_found_and_nothing_else
    each_damage_of_the_log_is_found_and_nothing_else
    a_subject_row_that_is_gone_is_noticed
    what_is_left_over_is_no_damage
    a_tenant_whose_keys_do_not_open_is_incomplete_and_damaged
    a_report_says_nothing_of_anybody
}

pub(crate) async fn check(house: &House, vault: &Vault) -> CheckReport {
    let log = log(house).await;
    let all = [ann().tenant];
    vault.check_all(&all, &log, &mut |_, _| {}).await.unwrap()
}

/// Kinds and tables of what was found.
pub(crate) fn found(report: &CheckReport) -> BTreeSet<(&'static str, String)> {
    let findings = report.findings.iter();
    findings.map(|one| (one.kind.name(), one.table.clone())).collect()
}

pub(crate) fn set(expected: &[(&'static str, &str)]) -> BTreeSet<(&'static str, String)> {
    expected
        .iter()
        .map(|(kind, table)| (*kind, (*table).to_owned()))
        .collect()
}

/// Runs `sql` on `table`, checks, and puts the table back.
pub(crate) async fn with_damage(
    house: &House,
    vault: &Vault,
    in_keyring: bool,
    table: &str,
    sql: &str,
) -> CheckReport {
    house
        .damage(in_keyring, &format!("CREATE TABLE kept AS SELECT * FROM {table}"))
        .await;
    house.damage(in_keyring, sql).await;
    let report = check(house, vault).await;
    let back = format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept; DROP TABLE kept");
    house.damage(in_keyring, &back).await;
    report
}

fn with_names(sql: &str, home: &Furnished) -> String {
    sql.replace("{ada}", home.ada.as_str())
        .replace("{bo}", home.bo.as_str())
        .replace("{gone}", home.gone.as_str())
}

async fn what_is_whole_is_called_whole(house: &House) {
    let home = furnish(house).await;
    let report = check(house, &home.vault).await;
    assert_eq!(report.findings, [], "{report:?}");
    assert_eq!(report.outcome, CheckOutcome::Whole);
    assert!(report.not_checked.iter().all(|one| !one.is_needed));
    for table in [
        "subjects",
        "subject_versions",
        "subject_index",
        "subject_buckets",
        "subject_apps",
        "subject_sessions",
        "subject_shares",
        "vault_tokens",
        "archive_entries",
        "archive_words",
        "reply_maps",
        "day_keys",
        "subject_requests",
        "consent_events",
        "definitions",
        "hold_events",
        "lineage",
        "erasures",
        "erased_identifiers",
        "subject_keys",
        "audit_events",
    ] {
        assert!(report.checked.get(table).is_some_and(|rows| *rows > 0), "{table}");
    }
    assert!(report.log_position.root.is_some() && report.log_position.size > 10);
}

/// Kinds and tables.
pub(crate) type Expected = &'static [(&'static str, &'static str)];
/// Table, statement, and what is found.
pub(crate) type Damage = (&'static str, &'static str, Expected);

const ROWS: &[Damage] = &[
    (
        "subjects",
        "UPDATE subjects SET created_at = created_at + 1 WHERE id = '{ada}'",
        &[("subject_changed", "subjects")],
    ),
    (
        "subject_versions",
        "DELETE FROM subject_versions WHERE subject = '{ada}' AND version = 1",
        &[("version_missing", "subject_versions")],
    ),
    (
        "subject_versions",
        "UPDATE subject_versions SET sealed = (SELECT v.sealed FROM subject_versions v WHERE v.subject = '{bo}') \
         WHERE subject = '{ada}' AND version = 1",
        &[("seal_damaged", "subject_versions")],
    ),
    (
        "subject_index",
        "DELETE FROM subject_index WHERE subject = '{ada}' AND field = 'login'",
        &[("index_missing", "subject_index")],
    ),
    (
        "subject_index",
        "UPDATE subject_index SET entry = (SELECT mark FROM subjects WHERE id = '{ada}') \
         WHERE subject = '{ada}' AND field = 'login'",
        &[
            ("index_missing", "subject_index"),
            ("index_wrong", "subject_index"),
        ],
    ),
    (
        "subject_index",
        "INSERT INTO subject_index (tenant, field, key_version, entry, slot, subject) \
         SELECT tenant, 'login', 1, mark, '', 'nobody' FROM subjects WHERE id = '{ada}'",
        &[("row_without_subject", "subject_index")],
    ),
    (
        "subject_buckets",
        "DELETE FROM subject_buckets WHERE subject = '{ada}'",
        &[("index_missing", "subject_buckets")],
    ),
    (
        "subject_apps",
        "UPDATE subject_apps SET updated_at = updated_at + 1",
        &[("seal_damaged", "subject_apps")],
    ),
    (
        "subject_app_versions",
        "UPDATE subject_app_versions SET at = at + 1",
        &[("seal_damaged", "subject_app_versions")],
    ),
    (
        "proposals",
        "UPDATE proposals SET asked_by = 'somebody else'",
        &[("seal_damaged", "proposals")],
    ),
    (
        "own_tokens",
        "UPDATE own_tokens SET ends_at = ends_at + 1",
        &[("seal_damaged", "own_tokens")],
    ),
    (
        "own_tokens",
        "UPDATE own_tokens SET subject = 'nobody'",
        &[("row_without_subject", "own_tokens")],
    ),
    (
        "subjects",
        "UPDATE subjects SET until_at = 4000000000000 WHERE id = '{ada}'",
        &[("subject_changed", "subjects")],
    ),
    (
        "subject_sessions",
        "UPDATE subject_sessions SET expires_at = expires_at + 1 WHERE sliding_ms IS NULL",
        &[("seal_damaged", "subject_sessions")],
    ),
    (
        "subject_shares",
        "UPDATE subject_shares SET most_reads = 1000",
        &[("seal_damaged", "subject_shares")],
    ),
    (
        "vault_tokens",
        "UPDATE vault_tokens SET kind = 'iban' WHERE preserves_format = 0",
        &[("seal_damaged", "vault_tokens")],
    ),
    (
        "vault_tokens",
        "UPDATE vault_tokens SET expires_at = expires_at + 1 WHERE substitute IS NOT NULL",
        &[("seal_damaged", "vault_tokens")],
    ),
    (
        "vault_tokens",
        "UPDATE vault_tokens SET dedup = (SELECT mark FROM subjects WHERE id = '{bo}') WHERE preserves_format = 1",
        &[("index_wrong", "vault_tokens")],
    ),
    (
        "archive_entries",
        "UPDATE archive_entries SET surface = 'other' WHERE subject IS NULL",
        &[("seal_damaged", "archive_entries")],
    ),
    (
        "archive_words",
        "DELETE FROM archive_words WHERE word = (SELECT w.word FROM archive_words w ORDER BY w.word LIMIT 1)",
        &[("index_missing", "archive_words")],
    ),
    (
        "archive_words",
        "INSERT INTO archive_words (tenant, day, word, id, subject) SELECT e.tenant, e.day, s.mark, e.id, e.subject \
         FROM archive_entries e, subjects s WHERE s.id = '{bo}'",
        &[("index_wrong", "archive_words")],
    ),
    (
        "reply_maps",
        "UPDATE reply_maps SET expires_at = expires_at + 1",
        &[("seal_damaged", "reply_maps")],
    ),
    (
        "lineage",
        "UPDATE lineage SET subject = 'nobody'",
        &[
            ("row_missing", "audit_events"),
            ("row_without_subject", "lineage"),
        ],
    ),
    (
        "lineage",
        "UPDATE lineage SET kind = 'nonsense'",
        &[("edge_unreadable", "lineage"), ("row_missing", "audit_events")],
    ),
    (
        "erasures",
        "UPDATE erasures SET reason = 'retention'",
        &[("erasure_receipt", "erasures")],
    ),
    (
        "erased_identifiers",
        "UPDATE erased_identifiers SET erased_at = erased_at + 1",
        &[("erased_entry_unfounded", "erased_identifiers")],
    ),
    (
        "subject_expiries",
        "INSERT INTO subject_expiries (tenant, subject, state, started_at) VALUES ('acme', '{gone}', 'wait', 1)",
        &[("row_of_erased", "subject_expiries")],
    ),
    (
        "definitions",
        "UPDATE definitions SET body = '{}' WHERE kind = 'purpose' AND version = 1",
        &[("definition_changed", "definitions")],
    ),
    (
        "definitions",
        "DELETE FROM definitions WHERE kind = 'purpose' AND version = 1",
        &[
            ("definition_missing", "definitions"),
            ("row_missing", "audit_events"),
        ],
    ),
    (
        "consent_events",
        "UPDATE consent_events SET rank = 4 WHERE kind = 'withdrawn'",
        &[("consent_event_changed", "consent_events")],
    ),
    (
        "consent_events",
        "UPDATE consent_events SET given_by = 'guardian' WHERE kind = 'withdrawn'",
        &[
            ("leaf_missing", "consent_events"),
            ("row_missing", "audit_events"),
        ],
    ),
    (
        "consent_events",
        "DELETE FROM consent_events WHERE kind = 'withdrawn'",
        &[("row_missing", "audit_events")],
    ),
    (
        "consent_events",
        "UPDATE consent_events SET evidence = (SELECT why FROM hold_events WHERE version = 1 AND reference = 'case-7') \
         WHERE kind = 'given'",
        &[
            ("leaf_missing", "consent_events"),
            ("row_missing", "audit_events"),
            ("seal_damaged", "consent_events"),
        ],
    ),
    (
        "hold_events",
        "UPDATE hold_events SET why = (SELECT evidence FROM consent_events WHERE evidence IS NOT NULL) WHERE version = 1",
        &[("seal_damaged", "hold_events")],
    ),
    (
        "active_holds",
        "DELETE FROM active_holds",
        &[("hold_inconsistent", "active_holds")],
    ),
    (
        "subject_requests",
        "UPDATE subject_requests SET due_at = due_at + 1",
        &[("request_changed", "subject_requests")],
    ),
    (
        "bulk_reads",
        "INSERT INTO bulk_reads (tenant, id, reason, asked_by, asked_at, records) \
         VALUES ('acme', 'b-1', 'none', 'p', 1, 0)",
        &[("leaf_missing", "bulk_reads")],
    ),
    (
        "day_keys",
        "UPDATE day_keys SET key_id = (SELECT key_id FROM erasures) WHERE purpose = 'reply_maps'",
        &[("key_missing", "day_keys")],
    ),
];

async fn each_damage_of_a_row_is_found_and_nothing_else(house: &House) {
    let home = furnish(house).await;
    for (table, sql, expected) in ROWS {
        let report = with_damage(house, &home.vault, false, table, &with_names(sql, &home)).await;
        assert_eq!(found(&report), set(expected), "{sql}: {report:?}");
        assert_eq!(report.outcome, CheckOutcome::Damaged, "{sql}");
        assert!(
            report
                .findings
                .iter()
                .all(|one| one.count > 0 && !one.rows.is_empty()),
            "{report:?}"
        );
    }
    *home.outside.0.lock().unwrap() = true;
    let report = check(house, &home.vault).await;
    assert_eq!(found(&report), set(&[("edge_far_end_missing", "lineage")]));
    *home.outside.0.lock().unwrap() = false;
    let report = check(house, &home.vault).await;
    assert_eq!(found(&report), set(&[]), "all was put back: {report:?}");
}

/// The key of the session without a subject, by a statement on the store.
async fn session_key(house: &House) -> String {
    let ids: Vec<Vec<u8>> = house
        .rows(
            "SELECT key_id FROM subject_sessions WHERE subject IS NULL",
            values![],
        )
        .await;
    ids[0].iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn each_damage_of_a_key_is_found_and_nothing_else(house: &House) {
    let home = furnish(house).await;
    let key = session_key(house).await;
    let is_it = match house.store.backend() {
        privet_store::Backend::Sqlite => format!("id = x'{key}'"),
        privet_store::Backend::Postgres => format!("id = '\\x{key}'"),
    };
    let gone = format!("DELETE FROM subject_keys WHERE {is_it}");
    let other = format!(
        "UPDATE subject_keys SET wrapped = (SELECT k.wrapped FROM subject_keys k WHERE NOT k.{is_it} ORDER BY k.id LIMIT 1) WHERE {is_it}"
    );
    for (sql, expected) in [
        (gone, set(&[("key_missing", "subject_sessions")])),
        (
            other,
            set(&[
                ("key_missing", "subject_sessions"),
                ("key_unreadable", "subject_keys"),
            ]),
        ),
    ] {
        // Another process, whose memory holds no key.
        let fresh = house.reopened().await;
        let report = with_damage(house, &fresh.vault, true, "subject_keys", &sql).await;
        assert_eq!(found(&report), expected, "{sql}: {report:?}");
        fresh.keyring.close().await;
    }
    // A subject that somebody marked as erased keeps its key and its rows.
    let mark = "UPDATE subjects SET state = 'erased' WHERE id = '{bo}'";
    let report = with_damage(house, &home.vault, false, "subjects", &with_names(mark, &home)).await;
    assert_eq!(
        found(&report),
        set(&[
            ("key_of_erased", "subjects"),
            ("row_of_erased", "subject_index"),
            ("row_of_erased", "subject_versions"),
        ]),
        "{report:?}"
    );
}

async fn each_damage_of_the_log_is_found_and_nothing_else(house: &House) {
    let home = furnish(house).await;
    let old: Vec<String> = house.rows("SELECT checkpoint FROM log_head", values![]).await;
    house.create(json!({"login": "cy"})).await;
    sequence(house).await;
    let back = format!("UPDATE log_head SET checkpoint = '{}'", old[0]);
    let damages: [(&str, &str, Expected); 6] = [
        ("log_tiles", "DELETE FROM log_tiles", &[("log_tile", "log_tiles")]),
        (
            "log_head",
            "UPDATE log_head SET checkpoint = REPLACE(checkpoint, 'privet.internal', 'privet.external')",
            &[("log_head", "log_head")],
        ),
        (
            "log_head",
            &back,
            &[("log_head", "log_head"), ("log_root", "log_head")],
        ),
        (
            "log_positions",
            "INSERT INTO log_positions (position, event) VALUES (99999, 99999)",
            &[("log_positions", "log_positions")],
        ),
        (
            "log_positions",
            "UPDATE log_positions SET event = 99999 WHERE position = 0",
            &[
                ("log_gap", "audit_events"),
                ("log_leaf_missing", "log_positions"),
                ("log_unplaced", "audit_events"),
            ],
        ),
        (
            "log_positions",
            "UPDATE log_positions SET seq = seq + 1 WHERE seq = (SELECT MAX(p.seq) FROM log_positions p)",
            &[("log_gap", "audit_events"), ("log_leaf_changed", "audit_events")],
        ),
    ];
    for (table, sql, expected) in damages {
        let report = with_damage(house, &home.vault, false, table, sql).await;
        assert_eq!(found(&report), set(expected), "{sql}: {report:?}");
    }
    house
        .damage(
            false,
            "UPDATE audit_events SET payload = REPLACE(payload, 'ann', 'bob') WHERE kind = 'lineage_registered'",
        )
        .await;
    let report = check(house, &home.vault).await;
    assert_eq!(
        found(&report),
        set(&[("log_leaf_changed", "audit_events")]),
        "{report:?}"
    );
}

async fn a_subject_row_that_is_gone_is_noticed(house: &House) {
    let home = furnish(house).await;
    let sql = "DELETE FROM subjects WHERE id = '{bo}'; DELETE FROM subject_versions WHERE subject = '{bo}'; \
               DELETE FROM subject_index WHERE subject = '{bo}'";
    house.damage(false, &with_names(sql, &home)).await;
    let report = check(house, &home.vault).await;
    let expected = [("key_unused", "subject_keys"), ("row_missing", "audit_events")];
    assert_eq!(found(&report), set(&expected), "{report:?}");
    let told = report
        .findings
        .iter()
        .find(|one| one.kind == FindingKind::RowMissing);
    assert!(told.unwrap().rows[0].starts_with("subject_created/"), "{told:?}");
}

async fn what_is_left_over_is_no_damage(house: &House) {
    let home = furnish(house).await;
    house.keyring.create_keys(&ann().tenant, 1).await.unwrap();
    let report = check(house, &home.vault).await;
    assert_eq!(found(&report), set(&[("key_unused", "subject_keys")]));
    assert_eq!(report.outcome, CheckOutcome::Leftovers);
    // Somebody who was erased is somebody new.
    house.create(json!({"login": "zilpha"})).await;
    house.create(json!({"login": "dee", "tags": ["one"]})).await;
    sequence(house).await;
    let sql = "UPDATE erasures SET state = 'begun'";
    house.pass(200_000);
    let report = with_damage(house, &house.with_index("tags"), false, "erasures", sql).await;
    let expected = [
        ("erasure_unfinished", "erasures"),
        ("index_not_computable", "subject_buckets"),
        ("index_not_computable", "subject_index"),
        ("key_unused", "subject_keys"),
        ("row_missing", "audit_events"),
    ];
    assert_eq!(found(&report), set(&expected), "{report:?}");
    // Unless the list says that the erasure came later.
    let sql = "UPDATE erased_identifiers SET erased_at = erased_at + 1000000";
    let report = with_damage(house, &home.vault, false, "erased_identifiers", sql).await;
    assert!(
        found(&report).contains(&("erased_person_is_back", "subjects".to_owned())),
        "{report:?}"
    );
    let sql = "UPDATE subject_index SET field = 'shoe' WHERE field = 'team'";
    let report = with_damage(house, &home.vault, false, "subject_index", sql).await;
    assert!(
        found(&report).contains(&("index_outdated", "subject_index".to_owned())),
        "{report:?}"
    );
}

async fn a_tenant_whose_keys_do_not_open_is_incomplete_and_damaged(house: &House) {
    let home = furnish(house).await;
    let fresh = house.reopened().await;
    let sql = "UPDATE tenant_keys SET wrapped = (SELECT wrapped FROM epoch_keys)";
    let report = with_damage(house, &fresh.vault, true, "tenant_keys", sql).await;
    assert_eq!(
        found(&report),
        set(&[("key_unreadable", "tenant_keys")]),
        "{report:?}"
    );
    assert!(report.not_checked.iter().any(|one| one.is_needed), "{report:?}");
    fresh.keyring.close().await;
    drop(home);
}

async fn a_report_says_nothing_of_anybody(house: &House) {
    let home = furnish(house).await;
    house
        .damage(
            false,
            "UPDATE subject_sessions SET expires_at = 1; UPDATE vault_tokens SET created_at = 1; DELETE FROM subject_index",
        )
        .await;
    let report = serde_json::to_string(&check(house, &home.vault).await).unwrap();
    assert!(
        report.contains("seal_damaged") && report.contains("index_missing"),
        "{report}"
    );
    let tokens: Vec<String> = house
        .rows(
            "SELECT token FROM vault_tokens WHERE preserves_format = 1",
            values![],
        )
        .await;
    for secret in ["mail.example", "Ulm", "parcel", "4000123456789010", &tokens[0]] {
        assert!(!report.contains(secret), "{secret}: {report}");
    }
}
