//! Keys that wear out, and secrets of indexes that are replaced, under a vault that serves.

use std::sync::atomic::{AtomicBool, Ordering};

use privet_crypto::SealedHeader;
use privet_store::{Keyring, KeyringConfig, Scope, Store, values};
use privet_types::{Clock, Secret};
use privet_vault::{
    ArchiveQuery, CheckReport, ErasureReason, Ground, Measures, Metric, NewConversation, NewReplyMap,
    NewSession, NewToken, RootProtection, SubjectRef, Surroundings, TokenForm, Vault,
};
use serde_json::json;

use crate::furnished::{furnish, log, sequence};
use crate::support::{House, ann, by, config, is_absent, is_damaged, on_both_databases, record};

const ORDINARY: Ground = Ground::Ordinary;

on_both_databases! {
    a_worn_key_is_replaced_unseen_and_what_it_sealed_stays_readable
    indexes_get_another_secret_while_two_processes_serve
    a_rotation_that_was_stopped_goes_on
    entries_that_a_late_writer_left_behind_are_put_right
    the_first_secret_is_destroyed_once_nothing_hangs_on_it
    what_is_damaged_keeps_no_other_from_its_entries
    a_rotation_keeps_the_former_secret_while_something_is_damaged
    what_a_rotation_left_over_is_named_and_goes_with_the_next
    keys_of_later_generations_are_checked_and_counted
}

/// Another process on the same databases.
async fn other_process(house: &House) -> (Store, Keyring, Vault) {
    let place = house.store.database().location().clone();
    let store = Store::open(place, &house.root).await.unwrap();
    let place = house.keyring.database().location().clone();
    let clock = house.clock.clone();
    let keyring = Keyring::open(place, house.root.clone(), KeyringConfig::default(), clock)
        .await
        .unwrap();
    let vault = Vault::open(store.clone(), keyring.clone(), house.clock.clone(), config()).unwrap();
    (store, keyring, vault)
}

async fn wear_out(keyring: &Keyring) {
    keyring
        .database()
        .write::<_, privet_store::Error, _>(&Scope::Installation, |tx| {
            Box::pin(async {
                tx.execute("UPDATE subject_keys SET seals = $1", values![1_i64 << 32])
                    .await
                    .map(|_| ())
            })
        })
        .await
        .unwrap();
}

async fn a_worn_key_is_replaced_unseen_and_what_it_sealed_stays_readable(house: &House) {
    let who = house.subject(json!({"login": "ada", "n": 1})).await;
    house
        .vault
        .put_app(&ann(), &who, "shop", &record(json!({"cart": 1})), None, ORDINARY)
        .await
        .unwrap();
    let id = house.vault.read(&ann(), &who, ORDINARY).await.unwrap().value.id;
    let pseudonym = house.vault.subject_pseudonym(&ann().tenant, &id).await.unwrap();
    wear_out(&house.keyring).await;
    let (store, keyring, vault) = other_process(house).await;

    for n in 2..4 {
        vault
            .update(&ann(), &who, &json!({"n": n}), None, ORDINARY)
            .await
            .unwrap();
    }
    // Each version opens with the key that sealed it.
    let sealed: Vec<Vec<u8>> = house
        .rows("SELECT sealed FROM subject_versions ORDER BY version", Vec::new())
        .await;
    // The seal of the whole stands at the end of a container.
    let keys: Vec<_> = sealed
        .iter()
        .map(|container| {
            let whole = container.len() - privet_crypto::SEALED_OVERHEAD - 32;
            SealedHeader::parse(&container[whole..]).unwrap().key_id()
        })
        .collect();
    assert_eq!(keys.len(), 3);
    assert!(keys[0] != keys[1] && keys[1] == keys[2], "{keys:?}");
    for version in 1..4 {
        let read = vault.read_version(&ann(), &who, version, ORDINARY).await.unwrap();
        assert_eq!(
            read.value.record.into_value(),
            json!({"login": "ada", "n": version})
        );
    }
    let app = vault
        .read_app(&ann(), &who, "shop", ORDINARY)
        .await
        .unwrap()
        .value;
    assert_eq!(app.data.into_value(), json!({"cart": 1}));
    assert_eq!(
        vault.subject_pseudonym(&ann().tenant, &id).await.unwrap(),
        pseudonym
    );
    assert!(vault.read(&ann(), &by("login", "ada"), ORDINARY).await.is_ok());
    vault.forget(&ann(), &who, ErasureReason::Request).await.unwrap();
    assert!(is_absent(&vault.read(&ann(), &who, ORDINARY).await));
    for id in [keys[0], keys[2]] {
        assert!(keyring.keys(&ann().tenant, &[id]).await.unwrap()[0].is_none());
    }
    keyring.close().await;
    store.close().await;
}

async fn versions_in_use(house: &House) -> Vec<i64> {
    let sql = "SELECT DISTINCT key_version FROM subject_index UNION SELECT DISTINCT key_version FROM subject_buckets \
               ORDER BY 1";
    house.rows(sql, Vec::new()).await
}

async fn indexes_get_another_secret_while_two_processes_serve(house: &House) {
    for n in 0..20 {
        let city = if n % 2 == 0 { "Paris" } else { "Pavia" };
        house
            .subject(json!({"login": format!("s{n}"), "city": city}))
            .await;
    }
    let (store, keyring, vault) = other_process(house).await;
    // Known there before.
    assert!(vault.read(&ann(), &by("login", "s3"), ORDINARY).await.is_ok());
    let is_over = AtomicBool::new(false);
    let serving = async {
        let mut made = 0;
        while !is_over.load(Ordering::SeqCst) {
            vault
                .create(
                    &ann(),
                    record(json!({"login": format!("late{made}"), "city": "Parma"})),
                )
                .await
                .unwrap();
            let who = by("login", &format!("s{}", made % 20));
            // Found at every moment, under whichever secret.
            vault
                .update(&ann(), &who, &json!({"n": made}), None, ORDINARY)
                .await
                .unwrap();
            let again = vault.create(&ann(), record(json!({"login": "s1"}))).await;
            assert!(
                matches!(again, Err(privet_vault::Error::Taken { .. })),
                "{again:?}"
            );
            made += 1;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        made
    };
    let rotating = async {
        let done = house.vault.rotate_indexes(&ann(), &mut |_| {}).await.unwrap();
        is_over.store(true, Ordering::SeqCst);
        done
    };
    let (made, done) = tokio::join!(serving, rotating);
    assert!(made > 5, "{made}");
    assert_eq!((done.version, done.refused), (2, 0));
    house.keyring.heard_everywhere().await;
    assert_eq!(versions_in_use(house).await, [2]);
    for vault in [&house.vault, &vault] {
        for login in (0..20)
            .map(|n| format!("s{n}"))
            .chain((0..made).map(|n| format!("late{n}")))
        {
            assert!(
                vault.read(&ann(), &by("login", &login), ORDINARY).await.is_ok(),
                "{login}"
            );
        }
        let again = vault.create(&ann(), record(json!({"login": "late0"}))).await;
        assert!(matches!(again, Err(privet_vault::Error::Taken { .. })));
    }
    // An entry a subject and field, as before.
    let entries: Vec<i64> = house
        .rows(
            "SELECT COUNT(*) FROM subject_index WHERE field = 'login'",
            Vec::new(),
        )
        .await;
    assert_eq!(entries, [20 + made]);
    keyring.close().await;
    store.close().await;
}

async fn a_rotation_that_was_stopped_goes_on(house: &House) {
    for n in 0..3 {
        house.subject(json!({"login": format!("s{n}")})).await;
    }
    let tenant = ann().tenant;
    // Stopped after the first step, and after the second.
    house.keyring.begin_index(&tenant).await.unwrap();
    house.subject(json!({"login": "s3"})).await;
    assert_eq!(versions_in_use(house).await, [1, 2]);
    let done = house.vault.rotate_indexes(&ann(), &mut |_| {}).await.unwrap();
    assert_eq!(done.version, 2);
    house.keyring.begin_index(&tenant).await.unwrap();
    let page = privet_vault::Page {
        after: None,
        limit: 100,
    };
    house.vault.rebuild_indexes(&ann(), &page).await.unwrap();
    house.keyring.switch_index(&tenant).await.unwrap();
    assert_eq!(versions_in_use(house).await, [2, 3]);
    let done = house.vault.rotate_indexes(&ann(), &mut |_| {}).await.unwrap();
    assert_eq!(done.version, 3);
    assert_eq!(versions_in_use(house).await, [3]);
    for n in 0..4 {
        let found = house
            .vault
            .read(&ann(), &by("login", &format!("s{n}")), ORDINARY)
            .await;
        assert!(found.is_ok(), "{n}");
    }
}

async fn entries_that_a_late_writer_left_behind_are_put_right(house: &House) {
    let who = house.subject(json!({"login": "before"})).await;
    let tenant = ann().tenant;
    house.keyring.begin_index(&tenant).await.unwrap();
    let page = privet_vault::Page {
        after: None,
        limit: 100,
    };
    house.vault.rebuild_indexes(&ann(), &page).await.unwrap();
    // Who had not heard of the second secret changes the entry of the first one only.
    house
        .vault
        .update(&ann(), &who, &json!({"login": "after"}), None, ORDINARY)
        .await
        .unwrap();
    let gone = "DELETE FROM subject_index WHERE key_version = 2 AND field = 'login'";
    assert_eq!(house.sql(gone, Vec::new()).await, 1);
    house.vault.rotate_indexes(&ann(), &mut |_| {}).await.unwrap();
    assert!(
        house
            .vault
            .read(&ann(), &by("login", "after"), ORDINARY)
            .await
            .is_ok()
    );
    assert!(is_absent(
        &house.vault.read(&ann(), &by("login", "before"), ORDINARY).await
    ));
}

async fn the_first_secret_is_destroyed_once_nothing_hangs_on_it(house: &House) {
    let vault = &house.vault;
    let who = house.subject(json!({"login": "ada"})).await;
    let put = async |name: &str| {
        let session = NewSession {
            name: Some(name.to_owned()),
            data: record(json!({"page": 1})),
            ..NewSession::default()
        };
        vault.put_session(&ann(), session, ORDINARY).await.unwrap()
    };
    let token = async |value: &str, form, subject: Option<&SubjectRef>| {
        let new = NewToken {
            kind: "card".to_owned(),
            value: Secret::new(value.to_owned()),
            subject: subject.cloned(),
            ttl: None,
            sliding: None,
            is_shared: true,
            renews: false,
            substitute: None,
            form,
        };
        vault.create_token(&ann(), &new, ORDINARY).await.unwrap()
    };
    let map = async |reply: &str| {
        let map = NewReplyMap {
            reply: Secret::new(reply.to_owned()),
            subject: None,
            map: record(json!({"<PERSON_1>": "Ada"})),
            ttl: None,
        };
        vault.put_reply_map(&ann(), &map, ORDINARY).await.unwrap()
    };
    let read_map = async |reply: &str| {
        let reply = Secret::new(reply.to_owned());
        vault.reply_map(&ann(), &reply, ORDINARY).await
    };
    let archived = async |prompt: &str, subject: Option<&SubjectRef>| {
        let conversation = NewConversation {
            subject: subject.cloned(),
            surface: "openai-chat".to_owned(),
            purpose: None,
            model: "model-1".to_owned(),
            conversation: None,
            prompt: Secret::new(prompt.to_owned()),
            reply: Secret::new("good day".to_owned()),
            is_whole: true,
        };
        vault.archive(&ann(), &conversation, ORDINARY).await.unwrap()
    };
    let hits = async |word: &str| {
        let day = house.clock.now().as_millisecond() / 86_400_000;
        let query = ArchiveQuery {
            word: Some(word.to_owned()),
            from_day: day - 3,
            to_day: day,
            limit: 10,
            ..ArchiveQuery::default()
        };
        let found = vault.search_archive(&ann(), &query, ORDINARY).await.unwrap();
        found.value.conversations.len()
    };
    let secrets = async || {
        house
            .keyring
            .database()
            .read::<Vec<String>, privet_vault::Error, _>(&Scope::Installation, |tx| {
                Box::pin(async move {
                    let sql = "SELECT name FROM tenant_secrets WHERE name LIKE 'index%' ORDER BY name";
                    Ok(tx.rows(sql, Vec::new()).await?)
                })
            })
            .await
            .unwrap()
    };
    let (form, keeps) = (TokenForm::Random, TokenForm::PreservingFormat);
    for name in ["kept", "replaced", "ended"] {
        put(name).await;
    }
    for reply in ["kept", "replaced"] {
        map(reply).await;
    }
    let before = [
        token("4000123456789010", form, Some(&who)).await,
        token("4000123456789010", keeps, None).await,
        token("4000123456789028", form, None).await,
    ];
    archived("where is my parcel", Some(&who)).await;
    archived("where is my letter", None).await;
    let hashed: Vec<(String, Vec<u8>)> = house
        .rows("SELECT token, dedup FROM vault_tokens ORDER BY token", Vec::new())
        .await;

    vault.rotate_indexes(&ann(), &mut |_| {}).await.unwrap();
    assert_eq!(secrets().await, ["index", "index/2"]);
    house.pass(60);
    // What is from before is found, replaced and ended as ever.
    assert!(vault.session(&ann(), "kept", ORDINARY).await.is_ok());
    put("replaced").await;
    let sessions: Vec<i64> = house
        .rows("SELECT COUNT(*) FROM subject_sessions", Vec::new())
        .await;
    assert_eq!(sessions, [3], "one of each name");
    vault.delete_session(&ann(), "ended").await.unwrap();
    assert!(is_absent(&vault.session(&ann(), "ended", ORDINARY).await));
    assert!(read_map("kept").await.is_ok());
    map("replaced").await;
    let maps: Vec<i64> = house.rows("SELECT COUNT(*) FROM reply_maps", Vec::new()).await;
    assert_eq!(maps, [2]);
    assert_eq!((hits("parcel").await, hits("letter").await), (1, 1));
    house.pass(7_200);
    assert_eq!(
        vault.retire_index_secrets(&ann().tenant).await.unwrap(),
        0,
        "the session kept it"
    );

    // The last session from before, and the last map, are over.
    house.pass(40 * 86_400);
    put("later").await;
    // As after a restore of the store from before the rotation, with the newest keyring.
    for (token, dedup) in hashed {
        let sql = "UPDATE vault_tokens SET dedup = $2 WHERE token = $1";
        assert_eq!(house.sql(sql, values![token, dedup]).await, 1);
    }
    assert_eq!(vault.retire_index_secrets(&ann().tenant).await.unwrap(), 1);
    assert_eq!(secrets().await, ["index/2"]);
    assert!(vault.session(&ann(), "later", ORDINARY).await.is_ok());
    let again = [
        token("4000123456789010", form, Some(&who)).await,
        token("4000123456789010", keeps, None).await,
        token("4000123456789028", form, None).await,
    ];
    for (one, two) in before.iter().zip(&again) {
        assert!(two.is_known && one.token == two.token, "{one:?} {two:?}");
    }
    house.pass(-40 * 86_400);
    assert_eq!((hits("parcel").await, hits("letter").await), (1, 1));
    assert!(vault.read(&ann(), &by("login", "ada"), ORDINARY).await.is_ok());
    // Another process finds all of it, too.
    let other = house.reopened().await;
    assert!(other.vault.session(&ann(), "later", ORDINARY).await.is_ok());
    other.keyring.close().await;
}

async fn what_is_damaged_keeps_no_other_from_its_entries(house: &House) {
    let mut ids = Vec::new();
    for n in 0..6 {
        let record = json!({"login": format!("s{n}"), "badge": n.to_string()});
        ids.push(house.create(record).await);
    }
    ids.sort();
    // The row of one, the record of another; of a third there is no record.
    for (id, damage) in ids.iter().step_by(2).zip([
        "UPDATE subjects SET mark = $2 WHERE id = $1",
        "UPDATE subject_versions SET sealed = $2 WHERE subject = $1",
        "DELETE FROM subject_versions WHERE subject = $1 AND sealed <> $2",
    ]) {
        assert_eq!(house.sql(damage, values![id.as_str(), vec![0_u8; 32]]).await, 1);
    }
    let later = house.with_index("badge");
    let page = privet_vault::Page {
        after: None,
        limit: 100,
    };
    let rebuilt = later.rebuild_indexes(&ann(), &page).await.unwrap();
    let damaged: Vec<_> = ids.iter().step_by(2).cloned().collect();
    assert_eq!((rebuilt.subjects, rebuilt.damaged), (6, damaged));
    assert!(rebuilt.refused.is_empty());
    let entries: Vec<String> = house
        .rows(
            "SELECT subject FROM subject_index WHERE field = 'badge' ORDER BY subject",
            Vec::new(),
        )
        .await;
    let whole: Vec<_> = ids.iter().skip(1).step_by(2).map(|id| id.as_str()).collect();
    assert_eq!(entries, whole);
}

async fn a_rotation_keeps_the_former_secret_while_something_is_damaged(house: &House) {
    house.subject(json!({"login": "whole"})).await;
    let broken = house.create(json!({"login": "broken"})).await;
    let id = broken.as_str();
    let marks: Vec<Vec<u8>> = house
        .rows("SELECT mark FROM subjects WHERE id = $1", values![id])
        .await;
    let set = "UPDATE subjects SET mark = $2 WHERE id = $1";
    house.sql(set, values![id, vec![0_u8; 32]]).await;
    // However often it is tried.
    for _ in 0..2 {
        let done = house.vault.rotate_indexes(&ann(), &mut |_| {}).await.unwrap();
        assert_eq!((done.version, done.damaged, done.refused), (1, 1, 0));
        assert_eq!(versions_in_use(house).await, [1, 2]);
    }
    let read = async |login: &str| house.vault.read(&ann(), &by("login", login), ORDINARY).await;
    assert!(read("whole").await.is_ok());
    assert!(is_damaged(&read("broken").await));
    let again = house
        .vault
        .create(&ann(), record(json!({"login": "broken"})))
        .await;
    assert!(
        matches!(again, Err(privet_vault::Error::Taken { .. })),
        "{again:?}"
    );
    house.sql(set, values![id, marks[0].clone()]).await;
    let done = house.vault.rotate_indexes(&ann(), &mut |_| {}).await.unwrap();
    assert_eq!((done.version, done.damaged, done.refused), (2, 0, 0));
    assert_eq!(versions_in_use(house).await, [2]);
    assert!(read("broken").await.is_ok());
}

/// What a check finds: kinds, tables and how many.
async fn found(house: &House, vault: &Vault) -> Vec<(&'static str, String, u64)> {
    sequence(house).await;
    let all = [ann().tenant];
    let log = log(house).await;
    let report: CheckReport = vault.check_all(&all, &log, &mut |_, _| {}).await.unwrap();
    let findings = report.findings.into_iter();
    findings
        .map(|one| (one.kind.name(), one.table, one.count))
        .collect()
}

async fn what_a_rotation_left_over_is_named_and_goes_with_the_next(house: &House) {
    house.subject(json!({"login": "ada"})).await;
    house
        .damage(false, "CREATE TABLE kept AS SELECT * FROM subject_index")
        .await;
    house.vault.rotate_indexes(&ann(), &mut |_| {}).await.unwrap();
    assert_eq!(found(house, &house.vault).await, []);
    let back = "INSERT INTO subject_index SELECT * FROM kept; DROP TABLE kept";
    house.damage(false, back).await;
    assert_eq!(versions_in_use(house).await, [1, 2]);
    let stale = ("index_outdated", "subject_index".to_owned(), 1);
    assert_eq!(found(house, &house.vault).await, [stale]);
    // It finds nobody.
    house
        .damage(false, "DELETE FROM subject_index WHERE key_version = 2")
        .await;
    assert!(is_absent(
        &house.vault.read(&ann(), &by("login", "ada"), ORDINARY).await
    ));
    let done = house.vault.rotate_indexes(&ann(), &mut |_| {}).await.unwrap();
    assert_eq!((done.version, versions_in_use(house).await), (3, vec![3]));
    assert_eq!(found(house, &house.vault).await, []);
}

async fn keys_of_later_generations_are_checked_and_counted(house: &House) {
    let home = furnish(house).await;
    assert_eq!(found(house, &home.vault).await, []);
    let keys = async || -> i64 {
        let tenants = house.keyring.status().await.unwrap().tenants;
        tenants
            .iter()
            .map(|tenant| tenant.subject_keys.cast_signed())
            .sum()
    };
    let before = keys().await;
    wear_out(&house.keyring).await;
    let (store, keyring, vault) = other_process(house).await;
    let vault = vault.with_connector("warehouse", home.outside.clone());
    let who = SubjectRef::Token(home.ada.clone());
    vault
        .update(&ann(), &who, &json!({"city": "Bonn"}), None, ORDINARY)
        .await
        .unwrap();
    assert!(keys().await > before, "a second generation");
    assert_eq!(found(house, &vault).await, []);
    let around = Surroundings {
        root: RootProtection::Plain,
        log: Some(log(house).await),
        backups: None,
        since: None,
        sample: None,
    };
    let measures = Measures::new(vault.clone(), home.consent.clone(), home.retention.clone());
    let measured = measures
        .measure(&ann().tenant, Metric::EncryptionStrength, &around)
        .await
        .unwrap();
    let part = |name: &str| {
        let part = measured[0].parts.iter().find(|part| part.name == name).unwrap();
        (part.numerator, part.denominator)
    };
    // Each key of the first generation has sealed too often; those of the second have not.
    let (worn, all) = (before.unsigned_abs(), keys().await.unsigned_abs());
    assert_eq!(part("data_keys"), (all - worn, all), "{measured:?}");
    let (good, all) = part("aead");
    assert_eq!(good, all, "what the first generation sealed, and the second");
    // Without the second generation, what it sealed is lost, and that is said.
    house
        .damage(true, "DELETE FROM subject_keys WHERE generation > 0")
        .await;
    keyring.close().await;
    store.close().await;
    let (store, keyring, vault) = other_process(house).await;
    let vault = vault.with_connector("warehouse", home.outside.clone());
    let lost = found(house, &vault).await;
    assert!(!lost.is_empty());
    keyring.close().await;
    store.close().await;
}
