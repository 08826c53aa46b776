//! What an erasure does beside the rows: consent from its first step on, the list of erased persons, what outside stores held,
//! what is left in any table.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use privet_store::{Backend, Store};
use privet_types::Clock;
use privet_types::Secret;
use privet_vault::{
    Ask, Connected, Connector, Consent, ConsentConfig, ErasureReason, ErasureReceipt, Error, EventKind,
    ForgetOutcome, Ground, Hold, ImportFormat, ImportLimits, ImportOptions, LegalBasis, NewCall,
    NewConversation, NewOwnToken, NewReplyMap, NewSession, NewShare, NewToken, Node, NodeKind, Proposals,
    Proposed, Reach, Reason, RecordChange, Retention, STORE_TARGETS, Shown, Statement, SubjectId, SubjectRef,
    TokenForm, Vault,
};
use serde_json::json;

use crate::site::{purpose, recipient};
use crate::support::{House, ann, is_absent, on_both_databases, record};

on_both_databases! {
    nothing_is_allowed_from_the_first_step_on_before_the_key_is_shredded
    what_somebody_was_known_by_before_keeps_them_away_too
    an_address_that_is_somebody_elses_now_keeps_nobody_away
    what_many_share_keeps_nobody_away
    who_came_back_as_somebody_new_stays_after_a_restore
    an_erasure_taken_up_again_tells_of_all_that_outside_stores_had
    two_nodes_that_finish_one_erasure_give_one_receipt
    who_is_due_is_erased_and_who_is_held_is_not
    who_is_held_uses_up_no_place_of_a_round
    nothing_that_names_an_erased_person_is_left_but_what_is_meant_to_be
    rows_whose_key_is_gone_go_page_by_page
}

const ORDINARY: Ground = Ground::Ordinary;

/// An outside store that fails as often as it is told to, once it has erased.
#[derive(Default)]
struct Outside {
    things: Mutex<Vec<String>>,
    failures: AtomicU32,
}

impl Connector for Outside {
    fn count<'a>(&'a self, _: &'a str, _: &'a SubjectId, nodes: &'a [String]) -> Connected<'a> {
        let things = self.things.lock().unwrap();
        let count = things.iter().filter(|thing| nodes.contains(thing)).count() as u64;
        Box::pin(async move { Ok(count) })
    }

    fn erase<'a>(&'a self, _: &'a str, _: &'a SubjectId, nodes: &'a [String]) -> Connected<'a> {
        self.things.lock().unwrap().retain(|thing| !nodes.contains(thing));
        let fails = self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .is_ok();
        Box::pin(async move {
            if fails {
                return Err(Error::Connector {
                    place: "rag".to_owned(),
                    why: "it broke off",
                });
            }
            Ok(0)
        })
    }
}

/// A person with two chunks in an outside store that fails `failures` times after it has erased.
async fn with_chunks(house: &House, failures: u32) -> (Vault, SubjectRef, Arc<Outside>) {
    let outside = Arc::new(Outside::default());
    outside.failures.store(failures, Ordering::SeqCst);
    outside
        .things
        .lock()
        .unwrap()
        .extend(["c1".to_owned(), "c2".to_owned()]);
    let vault = house.vault.clone().with_connector("rag", outside.clone());
    let who = house.subject(json!({"login": "zilpha"})).await;
    for id in ["c1", "c2"] {
        let node = Node {
            kind: NodeKind::Embeddings,
            place: "rag".to_owned(),
            node: id.to_owned(),
            reach: Reach::Connector,
            basis: String::new(),
        };
        vault.register_node(&ann(), &who, &node).await.unwrap();
    }
    (vault, who, outside)
}

fn consent_of(house: &House, vault: &Vault) -> Consent {
    let keys = Arc::new(vault.clone());
    let database = house.store.database().clone();
    Consent::new(database, keys, house.clock.clone(), ConsentConfig::default())
}

fn retention_of(house: &House) -> Retention {
    let keys = Arc::new(house.vault.clone());
    let database = house.store.database().clone();
    Retention::new(database, keys, house.clock.clone(), STORE_TARGETS)
}

fn id_of(who: &SubjectRef) -> SubjectId {
    match who {
        SubjectRef::Token(id) => id.clone(),
        other => panic!("{other:?}"),
    }
}

async fn erase(house: &House, who: &SubjectRef) -> ErasureReceipt {
    let done = house.vault.forget(&ann(), who, ErasureReason::Request).await;
    match done.unwrap() {
        ForgetOutcome::Erased(receipt) => *receipt,
        ForgetOutcome::Held(cases) => panic!("held by {cases:?}"),
    }
}

/// How many of `lines` an import makes, and how many it refuses.
async fn imported(house: &House, lines: &str) -> (u64, usize) {
    let options = ImportOptions {
        format: ImportFormat::JsonLines,
        is_dry_run: false,
        first_line: 1,
        limits: ImportLimits::default(),
    };
    let lines = std::io::Cursor::new(lines.to_owned().into_bytes());
    let report = house.vault.import(&ann(), lines, options, |_| {}).await.unwrap();
    (report.progress.created, report.errors.len())
}

async fn nothing_is_allowed_from_the_first_step_on_before_the_key_is_shredded(house: &House) {
    let (vault, who, _) = with_chunks(house, 1).await;
    let id = id_of(&who);
    let near = consent_of(house, &vault);
    let vault = vault.with_consent(&near);
    let far = consent_of(house, &house.vault);
    near.create(&ann(), &recipient()).await.unwrap();
    let mut claims = purpose("claims", LegalBasis::LegalObligation);
    claims.serves_legal_claims = true;
    let plain = purpose("support", LegalBasis::Consent);
    for purpose in [&plain, &claims] {
        near.create(&ann(), purpose).await.unwrap();
    }
    let now = house.clock.now();
    let given = Statement::new(EventKind::Given, &["support"], now);
    near.record(&ann(), id.as_str(), &given).await.unwrap();
    let ask = |purpose| Ask {
        purpose,
        category: None,
        recipient: Some("acme-ai"),
    };
    let tenant = ann().tenant;
    far.refresh().await.unwrap();
    for consent in [&near, &far] {
        for purpose in ["support", "claims"] {
            let verdict = consent
                .check(&tenant, Some(id.as_str()), &ask(purpose), now)
                .await;
            assert!(verdict.allowed, "{purpose}: {verdict:?}");
        }
    }

    let key = {
        let rows: Vec<Vec<u8>> = house.rows("SELECT key_id FROM subjects", Vec::new()).await;
        privet_crypto::KeyId::from_bytes(rows[0].as_slice().try_into().unwrap())
    };
    let stuck = vault.forget(&ann(), &who, ErasureReason::Request).await;
    assert!(matches!(stuck, Err(Error::Unfinished { .. })), "{stuck:?}");
    let keys = house.keyring.keys(&tenant, &[key]).await.unwrap();
    assert!(keys[0].is_some(), "the key is there still");
    // What the watch of another node does four times a second.
    far.refresh().await.unwrap();
    for consent in [&near, &far] {
        for purpose in ["support", "claims"] {
            // This node's clock may be behind.
            for at in [now, now - jiff::SignedDuration::from_secs(5)] {
                let verdict = consent.check(&tenant, Some(id.as_str()), &ask(purpose), at).await;
                assert_eq!(verdict.reason, Reason::UnknownSubject, "{purpose}");
            }
        }
        let again = consent.record(&ann(), id.as_str(), &given).await;
        assert!(is_absent(&again), "{again:?}");
    }
    let kinds: Vec<String> = house
        .rows("SELECT kind FROM consent_events ORDER BY seq", Vec::new())
        .await;
    assert_eq!(kinds, ["given", "erased"]);
    assert_eq!(vault.resume_erasures().await.unwrap(), 1);
    let keys = house.keyring.keys(&tenant, &[key]).await.unwrap();
    assert!(keys[0].is_none());
}

async fn what_somebody_was_known_by_before_keeps_them_away_too(house: &House) {
    let who = house
        .subject(json!({"login": "zilpha", "email": "old@mail.example"}))
        .await;
    let patch = json!({"email": "new@mail.example"});
    house
        .vault
        .update(&ann(), &who, &patch, None, ORDINARY)
        .await
        .unwrap();
    erase(house, &who).await;
    let lines =
        "{\"email\":\"Old@Mail.Example\"}\n{\"email\":\"new@mail.example\"}\n{\"login\":\"zilpha\"}\n";
    assert_eq!(imported(house, lines).await, (0, 3));
}

async fn an_address_that_is_somebody_elses_now_keeps_nobody_away(house: &House) {
    let who = house.subject(json!({"email": "desk@mail.example"})).await;
    let patch = json!({"email": "zilpha@mail.example"});
    house
        .vault
        .update(&ann(), &who, &patch, None, ORDINARY)
        .await
        .unwrap();
    let heir = house.subject(json!({"email": "desk@mail.example"})).await;
    erase(house, &who).await;
    house.pass(1);
    assert_eq!(house.vault.reapply_erasures(&ann()).await.unwrap(), 0);
    assert!(house.read(&heir).await.is_ok());
    let listed: Vec<i64> = house
        .rows("SELECT COUNT(*) FROM erased_identifiers", Vec::new())
        .await;
    assert_eq!(listed, [1]);
}

async fn what_many_share_keeps_nobody_away(house: &House) {
    let who = house
        .subject(json!({"login": "zilpha", "city": "Rome", "team": "sales"}))
        .await;
    erase(house, &who).await;
    let lines = "{\"login\":\"ada\",\"city\":\"Rome\",\"team\":\"sales\"}\n{\"login\":\"zilpha\",\"city\":\"Oslo\"}\n";
    assert_eq!(imported(house, lines).await, (1, 1));
}

async fn who_came_back_as_somebody_new_stays_after_a_restore(house: &House) {
    let who = house.subject(json!({"login": "zilpha"})).await;
    erase(house, &who).await;
    house.pass(60);
    let again = house.subject(json!({"login": "zilpha"})).await;
    assert_eq!(house.vault.reapply_erasures(&ann()).await.unwrap(), 0);
    assert!(house.read(&again).await.is_ok());
    // Erased again, and brought back by a backup of before: the rows with a key that a backup of the keyring still had.
    house.pass(60);
    let rows = house
        .sql(
            "UPDATE erased_identifiers SET erased_at = erased_at + 120000 WHERE erased_at > 0",
            Vec::new(),
        )
        .await;
    assert_eq!(rows, 1);
    assert_eq!(house.vault.reapply_erasures(&ann()).await.unwrap(), 1);
    assert!(is_absent(&house.read(&again).await));
}

async fn an_erasure_taken_up_again_tells_of_all_that_outside_stores_had(house: &House) {
    let (vault, who, outside) = with_chunks(house, 1).await;
    let stuck = vault.forget(&ann(), &who, ErasureReason::Request).await;
    let Err(Error::Unfinished { erasure, .. }) = stuck else {
        panic!("{stuck:?}");
    };
    assert!(
        outside.things.lock().unwrap().is_empty(),
        "it was emptied before it failed"
    );
    assert_eq!(vault.resume_erasures().await.unwrap(), 1);
    let receipt = vault.erasure_receipt(&ann(), &erasure).await.unwrap();
    let key = vault.receipt_key(&ann().tenant).await.unwrap();
    let statement = receipt.verify(&key).unwrap();
    let chunks = statement
        .nodes
        .iter()
        .find(|node| node.kind == NodeKind::Embeddings);
    assert_eq!(chunks.unwrap().count, 2);
    let outcomes: Vec<String> = house.rows("SELECT outcomes FROM erasures", Vec::new()).await;
    assert_eq!(outcomes, [serde_json::to_string(&statement.nodes).unwrap()]);
}

async fn two_nodes_that_finish_one_erasure_give_one_receipt(house: &House) {
    let (vault, who, outside) = with_chunks(house, u32::MAX).await;
    let mut begun = 1;
    let stuck = vault.forget(&ann(), &who, ErasureReason::Request).await;
    assert!(matches!(stuck, Err(Error::Unfinished { .. })));
    for number in 0..4 {
        let who = house.subject(json!({"login": format!("p{number}")})).await;
        let node = Node {
            kind: NodeKind::Embeddings,
            place: "rag".to_owned(),
            node: "c1".to_owned(),
            reach: Reach::Connector,
            basis: String::new(),
        };
        vault.register_node(&ann(), &who, &node).await.unwrap();
        assert!(vault.forget(&ann(), &who, ErasureReason::Request).await.is_err());
        begun += 1;
    }
    outside.failures.store(0, Ordering::SeqCst);
    let store = Store::open(house.store.database().location(), &house.root)
        .await
        .unwrap();
    let other = Vault::open(
        store.clone(),
        house.keyring.clone(),
        house.clock.clone(),
        crate::support::config(),
    );
    let other = other.unwrap().with_connector("rag", outside.clone());
    let (one, two) = tokio::join!(
        tokio::spawn({
            let vault = vault.clone();
            async move { vault.resume_erasures().await }
        }),
        tokio::spawn(async move { other.resume_erasures().await })
    );
    let (one, two) = (one.unwrap().unwrap(), two.unwrap().unwrap());
    assert!(one.max(two) <= begun && one + two >= begun, "{one} and {two}");
    let done: Vec<(String, Option<String>)> = house
        .rows("SELECT state, receipt FROM erasures", Vec::new())
        .await;
    assert_eq!(done.len() as u64, begun);
    assert!(
        done.iter()
            .all(|(state, receipt)| state == "done" && receipt.is_some())
    );
    let leaves: Vec<String> = house
        .rows(
            "SELECT payload FROM audit_events WHERE kind = 'subject_erased'",
            Vec::new(),
        )
        .await;
    assert_eq!(leaves.len() as u64, begun, "one leaf a receipt");
    for (_, receipt) in done {
        let receipt = ErasureReceipt::parse(receipt.unwrap().as_bytes()).unwrap();
        assert!(leaves.iter().any(|leaf| leaf.contains(&receipt.hash())));
    }
    store.close().await;
}

async fn who_is_due_is_erased_and_who_is_held_is_not(house: &House) {
    let retention = retention_of(house);
    let mut people = Vec::new();
    for login in ["due", "held", "later"] {
        people.push(house.create(json!({ "login": login })).await);
    }
    let after = |seconds| house.clock.now() + jiff::SignedDuration::from_secs(seconds);
    for (who, seconds) in people.iter().zip([60, 60, 6000]) {
        retention
            .start_expiry(&ann(), who.as_str(), after(seconds))
            .await
            .unwrap();
    }
    let hold = Hold {
        subject: Some(people[1].as_str().to_owned()),
        category: None,
        until: None,
        reference: "case-7".to_owned(),
        why: "a claim".to_owned(),
    };
    retention.hold(&ann(), &hold).await.unwrap();
    let tenant = ann().tenant;
    assert_eq!(house.vault.erase_due(&retention, &tenant, 10).await.unwrap(), 0);
    house.pass(61);
    assert_eq!(house.vault.erase_due(&retention, &tenant, 10).await.unwrap(), 1);
    assert_eq!(house.vault.erase_due(&retention, &tenant, 10).await.unwrap(), 0);
    let mut there = Vec::new();
    for who in &people {
        there.push(house.read(&SubjectRef::Token(who.clone())).await.is_ok());
    }
    assert_eq!(there, [false, true, true]);
    let told: Vec<(String, String)> = house
        .rows("SELECT reason, principal FROM erasures", Vec::new())
        .await;
    assert_eq!(told, [("retention".to_owned(), "retention".to_owned())]);
    let late = Hold {
        subject: Some(people[0].as_str().to_owned()),
        ..hold
    };
    let held = retention.hold(&ann(), &late).await;
    assert!(is_absent(&held), "what is erased cannot be held");
}

/// A person of whom every table has something.
async fn with_everything(house: &House) -> SubjectRef {
    let vault = &house.vault;
    let data = json!({"login": "zilpha", "city": "Rome", "team": "sales"});
    let who = house.subject(data).await;
    for cart in [1, 2] {
        let app = record(json!({"cart": cart}));
        vault
            .put_app(&ann(), &who, "shop", &app, None, ORDINARY)
            .await
            .unwrap();
    }
    let own = vault
        .create_own_token(&ann(), &who, NewOwnToken::default(), ORDINARY)
        .await;
    own.unwrap();
    let proposals = Proposals::new(vault.clone(), consent_of(house, vault));
    for city in ["Bern", "Ulm"] {
        let proposed = Proposed::ChangeRecord(RecordChange::Merge(json!({"city": city})));
        let opened = proposals.open(&ann(), &who, &proposed, ORDINARY).await.unwrap();
        if city == "Bern" {
            proposals.cancel(&ann(), &opened.id, None).await.unwrap();
        }
    }
    let call = NewCall {
        call: "UserGet",
        why: None,
        subject: Some(id_of(&who)),
        mode: Some("login"),
        app: Some("shop".to_owned()),
        note: Some("a note".to_owned()),
        fields: 2,
        subjects: 1,
        version: None,
        wrote: None,
        since: None,
    };
    vault.tell_call(&ann(), call).await.unwrap();
    let session = NewSession {
        name: Some("one".to_owned()),
        subject: Some(who.clone()),
        data: record(json!({"page": 1})),
        ttl: Some(Duration::from_secs(600)),
        sliding: None,
        keeps_name: false,
    };
    vault.put_session(&ann(), session, ORDINARY).await.unwrap();
    let share = NewShare {
        shown: Shown::Fields(vec!["city".to_owned()]),
        ttl: Duration::from_secs(600),
        most_reads: None,
    };
    vault.share(&ann(), &who, &share, ORDINARY).await.unwrap();
    for form in [TokenForm::Random, TokenForm::PreservingFormat] {
        let token = NewToken {
            kind: "card".to_owned(),
            value: Secret::new("4111111111111111".to_owned()),
            subject: Some(who.clone()),
            ttl: None,
            is_shared: false,
            form,
            sliding: None,
            renews: false,
            substitute: None,
        };
        vault.create_token(&ann(), &token, ORDINARY).await.unwrap();
    }
    let conversation = NewConversation {
        subject: Some(who.clone()),
        surface: "openai-chat".to_owned(),
        purpose: None,
        model: "model-1".to_owned(),
        conversation: None,
        prompt: Secret::new("ship the hat".to_owned()),
        reply: Secret::new("as you wish".to_owned()),
        is_whole: true,
    };
    vault.archive(&ann(), &conversation, ORDINARY).await.unwrap();
    let map = NewReplyMap {
        reply: Secret::new("resp_1".to_owned()),
        subject: Some(who.clone()),
        map: record(json!({"PERSON_1": "Zilpha Example"})),
        ttl: Some(Duration::from_secs(3600)),
    };
    vault.put_reply_map(&ann(), &map, ORDINARY).await.unwrap();
    let node = Node {
        kind: NodeKind::Export,
        place: "crm".to_owned(),
        node: "e1".to_owned(),
        reach: Reach::OutOfScope,
        basis: String::new(),
    };
    vault.register_node(&ann(), &who, &node).await.unwrap();
    let expiry = house.clock.now() + jiff::SignedDuration::from_secs(6000);
    retention_of(house)
        .start_expiry(&ann(), id_of(&who).as_str(), expiry)
        .await
        .unwrap();
    who
}

/// The tables with a column `subject` of text, which hold ids of subjects.
async fn tables_with_subjects(house: &House) -> Vec<String> {
    let sql = match house.store.backend() {
        Backend::Sqlite => {
            "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c \
             WHERE m.type = 'table' AND c.name = 'subject' AND c.type = 'TEXT' ORDER BY m.name"
        }
        Backend::Postgres => {
            "SELECT table_name::text FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name) \
             WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' AND column_name = 'subject' \
             AND data_type = 'text' ORDER BY 1"
        }
    };
    house.rows(sql, Vec::new()).await
}

async fn rows_of(house: &House, table: &str, id: &SubjectId) -> i64 {
    let sql: &'static str = format!("SELECT COUNT(*) FROM {table} WHERE subject = $1").leak();
    let rows: Vec<i64> = house.rows(sql, vec![id.as_str().into()]).await;
    rows[0]
}

async fn nothing_that_names_an_erased_person_is_left_but_what_is_meant_to_be(house: &House) {
    // The erasure itself, and requests of persons: evidence that they were answered. Holds are in an erasure's way.
    const MEANT: [&str; 3] = ["active_holds", "erasures", "subject_requests"];
    let who = with_everything(house).await;
    let id = id_of(&who);
    let tables = tables_with_subjects(house).await;
    assert!(tables.len() > 10, "{tables:?}");
    let mut empty = Vec::new();
    for table in tables.iter().filter(|table| !MEANT.contains(&table.as_str())) {
        if rows_of(house, table, &id).await == 0 {
            empty.push(table);
        }
    }
    assert!(empty.is_empty(), "this test has to put something into {empty:?}");
    erase(house, &who).await;
    let mut left = Vec::new();
    for table in tables.iter().filter(|table| !MEANT.contains(&table.as_str())) {
        if rows_of(house, table, &id).await > 0 {
            left.push(table);
        }
    }
    assert!(left.is_empty(), "erasing leaves rows in {left:?}");
}

async fn rows_whose_key_is_gone_go_page_by_page(house: &House) {
    let lines: String = (0..510).map(|n| format!("{{\"login\":\"p{n}\"}}\n")).collect();
    assert_eq!(imported(house, &lines).await, (510, 0));
    let kept = house.subject(json!({"login": "kept"})).await;
    let keys: Vec<(String, [u8; 16])> = house.rows("SELECT id, key_id FROM subjects", Vec::new()).await;
    let kept_id = id_of(&kept);
    let gone: Vec<_> = keys
        .into_iter()
        .filter(|(id, _)| id != kept_id.as_str())
        .map(|(_, key)| privet_crypto::KeyId::from_bytes(key))
        .collect();
    house.keyring.shred(&ann().tenant, &gone).await.unwrap();
    assert_eq!(house.vault.reapply_erasures(&ann()).await.unwrap(), 510);
    assert!(house.read(&kept).await.is_ok());
    let versions: Vec<i64> = house
        .rows("SELECT COUNT(*) FROM subject_versions", Vec::new())
        .await;
    assert_eq!(versions, [1]);
}

async fn who_is_held_uses_up_no_place_of_a_round(house: &House) {
    let retention = retention_of(house);
    let mut people = Vec::new();
    // The first of each kind is due longer.
    for (login, seconds) in [("a", 50), ("b", 60)] {
        let end = house.clock.now() + jiff::SignedDuration::from_secs(seconds);
        let life = privet_vault::Lifetime {
            until: Some(end),
            sliding: None,
        };
        people.push(house.create(json!({ "login": login })).await);
        let records = vec![record(json!({"login": format!("{login}2")}))];
        let made = house.vault.create_many_for(&ann(), records, life).await.unwrap();
        people.push(made.into_iter().next().unwrap().unwrap().id);
        let with_expiry = people[people.len() - 2].as_str();
        retention.start_expiry(&ann(), with_expiry, end).await.unwrap();
    }
    for who in people.iter().take(2) {
        let hold = Hold {
            subject: Some(who.as_str().to_owned()),
            category: None,
            until: None,
            reference: format!("case-{}", who.as_str()),
            why: "a claim".to_owned(),
        };
        retention.hold(&ann(), &hold).await.unwrap();
    }
    house.pass(100);
    // A place for one of each kind.
    assert_eq!(
        house.vault.erase_due(&retention, &ann().tenant, 1).await.unwrap(),
        2
    );
    assert_eq!(
        house.vault.erase_due(&retention, &ann().tenant, 1).await.unwrap(),
        0
    );
    let states: Vec<(String, String)> = house.rows("SELECT id, state FROM subjects", Vec::new()).await;
    for (n, who) in people.iter().enumerate() {
        let state = states.iter().find(|(id, _)| id == who.as_str()).unwrap();
        assert_eq!(state.1 == "erased", n >= 2, "{n}");
    }
}
