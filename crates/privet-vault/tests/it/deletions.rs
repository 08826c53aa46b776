//! Rows that somebody deleted in the database, which the log says nothing of; and rows that ended as they should.

use std::time::Duration;

use privet_store::values;
use privet_types::{Budget, Clock, Secret};
use privet_vault::{
    ErasureReason, ForgetOutcome, Ground, NewCall, NewConversation, NewOwnToken, NewReplyMap, NewSession,
    NewShare, NewToken, Node, NodeKind, Proposals, Proposed, Reach, RecordChange, Shown, SubjectRef,
    TokenForm,
};
use serde_json::json;

use crate::checks::{Damage, check, found, set, with_damage};
use crate::furnished::{Furnished, furnish, sequence};
use crate::support::{House, ann, is_absent, on_both_databases, record};

on_both_databases! {
    a_row_that_somebody_deleted_is_noticed_and_nothing_else
    a_row_that_somebody_put_back_is_noticed
    a_row_whose_name_in_the_log_was_changed_is_noticed
    what_ended_as_it_should_is_no_finding
    what_was_replaced_is_no_finding
    what_went_with_its_subject_is_no_finding
    what_a_restored_backup_brought_back_and_was_erased_again_is_no_finding
}

const ORDINARY: Ground = Ground::Ordinary;

/// What is found of nearly every row that is gone.
const GONE: &[(&str, &str)] = &[("row_missing", "audit_events")];

const DELETIONS: &[Damage] = &[
    (
        "subject_sessions",
        "DELETE FROM subject_sessions WHERE subject IS NOT NULL",
        GONE,
    ),
    (
        "subject_sessions",
        "DELETE FROM subject_sessions WHERE subject IS NULL",
        &[("key_unused", "subject_keys"), ("row_missing", "audit_events")],
    ),
    ("subject_shares", "DELETE FROM subject_shares", GONE),
    (
        "vault_tokens",
        "DELETE FROM vault_tokens WHERE substitute IS NOT NULL",
        GONE,
    ),
    (
        "vault_tokens",
        "DELETE FROM vault_tokens WHERE preserves_format = 1",
        GONE,
    ),
    ("subject_apps", "DELETE FROM subject_apps", GONE),
    ("subject_app_versions", "DELETE FROM subject_app_versions", GONE),
    ("own_tokens", "DELETE FROM own_tokens", GONE),
    ("proposals", "DELETE FROM proposals", GONE),
    (
        "archive_entries",
        "DELETE FROM archive_entries WHERE subject IS NOT NULL",
        GONE,
    ),
    (
        "archive_entries",
        "DELETE FROM archive_entries WHERE subject IS NULL",
        GONE,
    ),
    ("reply_maps", "DELETE FROM reply_maps WHERE subject IS NULL", GONE),
    ("lineage", "DELETE FROM lineage WHERE place = 'warehouse'", GONE),
    ("erased_identifiers", "DELETE FROM erased_identifiers", GONE),
    ("subject_requests", "DELETE FROM subject_requests", GONE),
    ("bulk_reads", "DELETE FROM bulk_reads", GONE),
    ("vault_calls", "DELETE FROM vault_calls", GONE),
];

async fn a_row_that_somebody_deleted_is_noticed_and_nothing_else(house: &House) {
    let home = furnish(house).await;
    let call = NewCall {
        call: "UserGet",
        why: None,
        subject: Some(home.ada.clone()),
        mode: None,
        app: None,
        note: None,
        fields: 1,
        subjects: 1,
        version: None,
        wrote: None,
        since: None,
    };
    home.vault.tell_call(&ann(), call).await.unwrap();
    sequence(house).await;
    for (table, sql, expected) in DELETIONS {
        let report = with_damage(house, &home.vault, false, table, sql).await;
        assert_eq!(found(&report), set(expected), "{sql}: {report:?}");
    }
    expect_whole(house, &home).await;
}

async fn expect_whole(house: &House, home: &Furnished) {
    sequence(house).await;
    let report = check(house, &home.vault).await;
    assert_eq!(report.findings, [], "{report:?}");
}

async fn a_row_that_somebody_put_back_is_noticed(house: &House) {
    let home = furnish(house).await;
    let session = NewSession {
        name: Some("basket".to_owned()),
        subject: Some(SubjectRef::Token(home.bo.clone())),
        ..NewSession::default()
    };
    home.vault.put_session(&ann(), session, ORDINARY).await.unwrap();
    let kept = "CREATE TABLE kept_sessions AS SELECT * FROM subject_sessions";
    house.damage(false, kept).await;
    home.vault.delete_session(&ann(), "basket").await.unwrap();
    expect_whole(house, &home).await;
    house
        .damage(
            false,
            "INSERT INTO subject_sessions SELECT * FROM kept_sessions k WHERE NOT EXISTS \
             (SELECT 1 FROM subject_sessions s WHERE s.tenant = k.tenant AND s.id = k.id); DROP TABLE kept_sessions",
        )
        .await;
    let report = check(house, &home.vault).await;
    let expected = set(&[("row_came_back", "subject_sessions")]);
    assert_eq!(found(&report), expected, "{report:?}");
}

async fn a_row_whose_name_in_the_log_was_changed_is_noticed(house: &House) {
    let home = furnish(house).await;
    for name in ["NULL", "(SELECT s.name_in_log FROM subject_shares s)"] {
        let sql = format!("UPDATE subject_sessions SET name_in_log = {name} WHERE subject IS NULL");
        let report = with_damage(house, &home.vault, false, "subject_sessions", &sql).await;
        let expected = set(&[("row_renamed", "subject_sessions")]);
        assert_eq!(found(&report), expected, "{sql}: {report:?}");
    }
    // Who took the name away so that the end of the row tells nothing has not hidden the deletion.
    house
        .damage(false, "UPDATE own_tokens SET name_in_log = NULL")
        .await;
    house.pass(100_000);
    house.vault.sweep_ended(&ann().tenant, 100).await.unwrap();
    sequence(house).await;
    let report = check(house, &home.vault).await;
    assert_eq!(found(&report), set(GONE), "{report:?}");
}

fn session(name: &str, subject: Option<&SubjectRef>) -> NewSession {
    NewSession {
        name: Some(name.to_owned()),
        subject: subject.cloned(),
        data: record(json!({"page": 1})),
        ..NewSession::default()
    }
}

fn token(value: &str, subject: Option<&SubjectRef>, ttl: Option<Duration>) -> NewToken {
    NewToken {
        kind: "card".to_owned(),
        value: Secret::new(value.to_owned()),
        subject: subject.cloned(),
        ttl,
        sliding: None,
        is_shared: true,
        renews: false,
        substitute: None,
        form: TokenForm::Random,
    }
}

async fn what_ended_as_it_should_is_no_finding(house: &House) {
    let home = furnish(house).await;
    let (vault, bo) = (&home.vault, SubjectRef::Token(home.bo.clone()));
    for (name, subject) in [("one", None), ("two", Some(&bo))] {
        vault
            .put_session(&ann(), session(name, subject), ORDINARY)
            .await
            .unwrap();
        vault.delete_session(&ann(), name).await.unwrap();
    }
    let share = NewShare {
        shown: Shown::Fields(vec!["login".to_owned()]),
        ttl: Duration::from_secs(60),
        most_reads: None,
    };
    let shared = vault.share(&ann(), &bo, &share, ORDINARY).await.unwrap();
    vault.revoke_share(&ann(), shared.token.expose()).await.unwrap();
    let card = token("4000123456789028", None, None);
    let made = vault.create_token(&ann(), &card, ORDINARY).await.unwrap();
    vault.delete_token(&ann(), &made.token).await.unwrap();
    let data = record(json!({"cart": 1}));
    for _ in 0..2 {
        vault
            .put_app(&ann(), &bo, "shop", &data, None, ORDINARY)
            .await
            .unwrap();
    }
    vault.delete_app(&ann(), &bo, "shop", ORDINARY).await.unwrap();
    let proposals = Proposals::new(vault.clone(), home.consent.clone());
    let change = Proposed::ChangeRecord(RecordChange::Merge(json!({"city": "Bern"})));
    let opened = proposals.open(&ann(), &bo, &change, ORDINARY).await.unwrap();
    proposals.cancel(&ann(), &opened.id, None).await.unwrap();
    expect_whole(house, &home).await;
    // What is over is swept: at first by policies, then by the rest.
    vault
        .create_token(
            &ann(),
            &token("4000123456789036", Some(&bo), Some(Duration::from_secs(9))),
            ORDINARY,
        )
        .await
        .unwrap();
    vault
        .put_session(&ann(), session("three", None), ORDINARY)
        .await
        .unwrap();
    house.pass(40 * 86_400);
    let budget = Budget::new(1);
    home.retention.sweep(house.clock.now(), &budget).await.unwrap();
    let swept = vault.sweep_ended(&ann().tenant, 100).await.unwrap();
    assert!(swept.sessions > 0 && swept.shares > 0 && swept.tokens > 0 && swept.own_tokens > 0);
    // The archive's holds end first.
    for (hold,) in house
        .rows::<(String,)>("SELECT hold FROM active_holds", values![])
        .await
    {
        home.retention.release(&ann(), &hold).await.unwrap();
    }
    let swept = vault.sweep_archive(&ann().tenant).await.unwrap();
    assert!(swept.conversations == 2 && swept.reply_maps == 2, "{swept:?}");
    expect_whole(house, &home).await;
    vault
        .put_session(&ann(), session("four", None), ORDINARY)
        .await
        .unwrap();
    house.pass(40 * 86_400);
    let swept = home.retention.sweep(house.clock.now(), &Budget::new(1_000)).await;
    assert!(swept.unwrap().rows() > 0);
    // Policies do not shred the key of a session without a subject.
    sequence(house).await;
    let report = check(house, vault).await;
    let is_gone = ("row_missing", "audit_events".to_owned());
    assert!(!found(&report).contains(&is_gone), "{report:?}");
}

async fn what_was_replaced_is_no_finding(house: &House) {
    let home = furnish(house).await;
    let (vault, bo) = (&home.vault, SubjectRef::Token(home.bo.clone()));
    // Two sessions a subject are kept, three versions of an application's data, and thirty-two tokens of one's own.
    for name in ["one", "one", "two", "three"] {
        vault
            .put_session(&ann(), session(name, Some(&bo)), ORDINARY)
            .await
            .unwrap();
        house.pass(1);
    }
    for cart in 0..6 {
        let data = record(json!({"cart": cart}));
        vault
            .put_app(&ann(), &bo, "shop", &data, None, ORDINARY)
            .await
            .unwrap();
        let map = NewReplyMap {
            reply: Secret::new("reply-9".to_owned()),
            subject: None,
            map: record(json!({"<PERSON_1>": "Bo"})),
            ttl: None,
        };
        vault.put_reply_map(&ann(), &map, ORDINARY).await.unwrap();
    }
    for _ in 0..34 {
        vault
            .create_own_token(&ann(), &bo, NewOwnToken::default(), ORDINARY)
            .await
            .unwrap();
        house.pass(1);
    }
    let short = token("4000123456789044", Some(&bo), Some(Duration::from_secs(5)));
    let first = vault.create_token(&ann(), &short, ORDINARY).await.unwrap();
    house.pass(6);
    let second = vault.create_token(&ann(), &short, ORDINARY).await.unwrap();
    assert_ne!(first.token, second.token);
    expect_whole(house, &home).await;
}

async fn what_went_with_its_subject_is_no_finding(house: &House) {
    let home = furnish(house).await;
    let (vault, bo) = (&home.vault, SubjectRef::Token(home.bo.clone()));
    belong(house, &home, &bo).await;
    expect_whole(house, &home).await;
    let forgotten = vault.forget(&ann(), &bo, ErasureReason::Request).await.unwrap();
    assert!(matches!(forgotten, ForgetOutcome::Erased(_)));
    assert!(is_absent(&vault.read(&ann(), &bo, ORDINARY).await));
    expect_whole(house, &home).await;
    // Whoever comes back and is erased again is on the list already.
    let again = house.subject(json!({"login": "bo"})).await;
    vault
        .forget(&ann(), &again, ErasureReason::Request)
        .await
        .unwrap();
    expect_whole(house, &home).await;
}

/// Gives `who` something of every kind that has a name in the log.
async fn belong(house: &House, home: &Furnished, who: &SubjectRef) {
    let vault = &home.vault;
    vault
        .put_session(&ann(), session("mine", Some(who)), ORDINARY)
        .await
        .unwrap();
    let share = NewShare {
        shown: Shown::Fields(vec!["login".to_owned()]),
        ttl: Duration::from_secs(60),
        most_reads: None,
    };
    vault.share(&ann(), who, &share, ORDINARY).await.unwrap();
    vault
        .create_token(&ann(), &token("4000123456789051", Some(who), None), ORDINARY)
        .await
        .unwrap();
    let data = record(json!({"cart": 1}));
    vault
        .put_app(&ann(), who, "shop", &data, None, ORDINARY)
        .await
        .unwrap();
    vault
        .create_own_token(&ann(), who, NewOwnToken::default(), ORDINARY)
        .await
        .unwrap();
    let proposals = Proposals::new(vault.clone(), home.consent.clone());
    let change = Proposed::ChangeRecord(RecordChange::Merge(json!({"city": "Bern"})));
    for is_cancelled in [false, true] {
        let opened = proposals.open(&ann(), who, &change, ORDINARY).await.unwrap();
        if is_cancelled {
            proposals.cancel(&ann(), &opened.id, None).await.unwrap();
        }
    }
    let conversation = NewConversation {
        subject: Some(who.clone()),
        surface: "openai-chat".to_owned(),
        purpose: None,
        model: "model-1".to_owned(),
        conversation: None,
        prompt: Secret::new("hello".to_owned()),
        reply: Secret::new("good day".to_owned()),
        is_whole: true,
    };
    vault.archive(&ann(), &conversation, ORDINARY).await.unwrap();
    let node = Node {
        kind: NodeKind::DatasetRows,
        place: "paper".to_owned(),
        node: "rows-8".to_owned(),
        reach: Reach::OutOfScope,
        basis: String::new(),
    };
    vault.register_node(&ann(), who, &node).await.unwrap();
    sequence(house).await;
}

async fn what_a_restored_backup_brought_back_and_was_erased_again_is_no_finding(house: &House) {
    let home = furnish(house).await;
    belong(house, &home, &SubjectRef::Token(home.bo.clone())).await;
    // A backup of the store from before an erasure, and the keyring from after it.
    let key: Vec<Vec<u8>> = house
        .rows(
            "SELECT key_id FROM subjects WHERE id = $1",
            values![home.bo.as_str()],
        )
        .await;
    let key = privet_crypto::KeyId::from_bytes(key[0].as_slice().try_into().unwrap());
    house.keyring.shred(&ann().tenant, &[key]).await.unwrap();
    assert_eq!(home.vault.reapply_erasures(&ann()).await.unwrap(), 1);
    // Edges are no rows of the vault alone: where they lead is for who runs it to look at.
    house
        .damage(
            false,
            &format!("DELETE FROM lineage WHERE subject = '{}'", home.bo.as_str()),
        )
        .await;
    expect_whole(house, &home).await;
}
