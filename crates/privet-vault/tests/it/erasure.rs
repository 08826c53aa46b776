//! Erasure: what is gone, what a scanner with all keys still finds, and what the receipt says.

use std::path::Path;
use std::sync::{Arc, Mutex};

use privet_store::{Location, back_up, open_store_database, restore};
use privet_types::Secret;
use privet_vault::{
    Connected, Connector, ErasureReason, ErasureReceipt, Error, ForgetOutcome, Ground, Node, NodeKind,
    Outcome, Reach, SubjectId, SubjectRef,
};
use serde_json::json;

use crate::support::{House, actor};

/// Stands nowhere else.
const CANARY: &str = "canary-7f3a-Zilpha-Ommerborn";

async fn person(house: &House) -> SubjectRef {
    house
        .subject(json!({"login": "zilpha", "email": "zilpha@mail.example", "note": CANARY}))
        .await
}

fn erased(outcome: ForgetOutcome) -> ErasureReceipt {
    match outcome {
        ForgetOutcome::Erased(receipt) => *receipt,
        ForgetOutcome::Held(holds) => panic!("held by {holds:?}"),
    }
}

/// Whether the vault shows the canary to somebody who may read everything.
async fn is_shown(house: &House, who: &SubjectRef) -> bool {
    let read = house.vault.read(&actor("acme", "p"), who, Ground::Ordinary).await;
    read.is_ok_and(|subject| {
        serde_json::to_string(&subject.value.record)
            .unwrap()
            .contains(CANARY)
    })
}

async fn each(test: impl AsyncFn(&House)) {
    for house in [House::on_sqlite().await, House::on_postgres().await]
        .into_iter()
        .flatten()
    {
        test(&house).await;
        house.end().await;
    }
}

#[tokio::test]
async fn a_forgotten_person_is_absent_everywhere_and_the_receipt_holds() {
    each(async |house| {
        let by = actor("acme", "p");
        let who = person(house).await;
        assert!(is_shown(house, &who).await);
        let plan = house.vault.plan_erasure(&by, &who).await.unwrap().value;
        assert!(is_shown(house, &who).await, "a plan changes nothing");
        let receipt = erased(
            house
                .vault
                .forget(&by, &who, ErasureReason::Request)
                .await
                .unwrap(),
        );
        for gone in [
            who.clone(),
            SubjectRef::Login(Secret::new("zilpha".to_owned())),
            SubjectRef::Email(Secret::new("zilpha@mail.example".to_owned())),
        ] {
            let read = house.vault.read(&by, &gone, Ground::Ordinary).await;
            assert!(matches!(read, Err(Error::Absent { .. })), "{read:?}");
        }
        for table in ["subject_versions", "subject_index", "subject_buckets", "lineage"] {
            let sql: &'static str = format!("SELECT COUNT(*) FROM {table}").leak();
            assert_eq!(house.rows::<i64>(sql, Vec::new()).await, [0], "{table}");
        }
        let secret = house.keyring.tenant_secret(&by.tenant).await.unwrap();
        let key = secret
            .signing_key("privet/vault/receipts", b"acme")
            .unwrap()
            .verifying_key();
        let statement = receipt.verify(&key).unwrap();
        assert_eq!(statement.nodes, plan.nodes);
        assert!(statement.final_at > statement.done_at);
        assert!(!receipt.statement.contains("zilpha") && !receipt.statement.contains(CANARY));
        let mut forged = receipt.clone();
        forged.statement = forged.statement.replace("request", "unlawful");
        assert!(forged.verify(&key).is_err());
        assert_eq!(
            house
                .vault
                .erasure_receipt(&by, &statement.erasure)
                .await
                .unwrap(),
            receipt
        );
        let foreign = house
            .vault
            .erasure_receipt(&actor("other", "p"), &statement.erasure)
            .await;
        assert!(matches!(foreign, Err(Error::Absent { .. })));
        let leaves = house.leaves().await;
        assert!(
            leaves.ends_with(&["subject_erasure_begun".into(), "subject_erased".into()]),
            "{leaves:?}"
        );
        let told: Vec<String> = house.rows("SELECT payload FROM audit_events", Vec::new()).await;
        assert!(told.iter().any(|leaf| leaf.contains(&receipt.hash())));
        assert!(
            told.iter()
                .all(|leaf| !leaf.contains("zilpha") && !leaf.contains(CANARY))
        );
    })
    .await;
}

#[tokio::test]
async fn a_legal_hold_keeps_the_person_and_the_case_is_named() {
    each(async |house| {
        let by = actor("acme", "p");
        let who = person(house).await;
        house
            .sql(
                "INSERT INTO active_holds (tenant, hold, subject, category, at, until, reference) \
                 VALUES ('acme', 'h', NULL, NULL, 1, NULL, 'case-7')",
                Vec::new(),
            )
            .await;
        let held = house
            .vault
            .forget(&by, &who, ErasureReason::Request)
            .await
            .unwrap();
        assert_eq!(held, ForgetOutcome::Held(vec!["case-7".to_owned()]));
        assert_eq!(
            house.vault.plan_erasure(&by, &who).await.unwrap().value.holds,
            ["case-7"]
        );
        assert!(is_shown(house, &who).await);
    })
    .await;
}

/// An outside store of the test's own.
#[derive(Default)]
struct Outside {
    things: Mutex<Vec<String>>,
    is_stubborn: Mutex<bool>,
}

impl Connector for Outside {
    fn count<'a>(&'a self, _: &'a str, _: &'a SubjectId, nodes: &'a [String]) -> Connected<'a> {
        let things = self.things.lock().unwrap();
        let count = things.iter().filter(|thing| nodes.contains(thing)).count() as u64;
        Box::pin(async move { Ok(count) })
    }

    fn erase<'a>(&'a self, _: &'a str, _: &'a SubjectId, nodes: &'a [String]) -> Connected<'a> {
        if !*self.is_stubborn.lock().unwrap() {
            self.things.lock().unwrap().retain(|thing| !nodes.contains(thing));
        }
        Box::pin(async move { Ok(0) })
    }
}

#[tokio::test]
async fn an_erasure_that_was_interrupted_is_finished_at_the_next_start() {
    each(async |house| {
        let by = actor("acme", "p");
        let who = person(house).await;
        // As if the process had died right behind the first transaction: the key and all rows are there still.
        let SubjectRef::Token(id) = &who else { unreachable!() };
        house
            .sql(
                "INSERT INTO erasures (tenant, id, subject, key_id, pseudonym, reason, principal, state, begun_at, outcomes) \
                 SELECT tenant, 'e', id, key_id, 'x', 'request', 'p', 'begun', 1, '' FROM subjects WHERE id = $1",
                vec![id.as_str().into()],
            )
            .await;
        assert_eq!(house.vault.resume_erasures().await.unwrap(), 1);
        assert!(!is_shown(house, &who).await);
        assert_eq!(house.rows::<i64>("SELECT COUNT(*) FROM subject_versions", Vec::new()).await, [0]);
        house.vault.erasure_receipt(&by, "e").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_outside_store_that_keeps_something_holds_the_receipt_back_until_it_does_not() {
    each(async |house| {
        let by = actor("acme", "p");
        let outside = Arc::new(Outside::default());
        outside.things.lock().unwrap().extend([
            "c1".to_owned(),
            "c2".to_owned(),
            "of somebody else".to_owned(),
        ]);
        *outside.is_stubborn.lock().unwrap() = true;
        let vault = house.vault.clone().with_connector("rag", outside.clone());
        let who = person(house).await;
        let node = |node: &str, reach, basis: &str| Node {
            kind: NodeKind::Embeddings,
            place: "rag".to_owned(),
            node: node.to_owned(),
            reach,
            basis: basis.to_owned(),
        };
        for one in [
            node("c1", Reach::Connector, ""),
            node("c2", Reach::Connector, ""),
            node(
                "m",
                Reach::OutOfScope,
                "model of 2025, trained before the connector",
            ),
        ] {
            vault.register_node(&by, &who, &one).await.unwrap();
        }
        let stuck = vault.forget(&by, &who, ErasureReason::Request).await;
        assert!(matches!(stuck, Err(Error::Unfinished { .. })), "{stuck:?}");
        assert!(!is_shown(house, &who).await, "gone from the vault already");
        assert!(vault.resume_erasures().await.is_err());
        *outside.is_stubborn.lock().unwrap() = false;
        assert_eq!(vault.resume_erasures().await.unwrap(), 1);
        assert_eq!(vault.resume_erasures().await.unwrap(), 0);
        assert_eq!(*outside.things.lock().unwrap(), ["of somebody else"]);
        let receipts: Vec<String> = house.rows("SELECT receipt FROM erasures", Vec::new()).await;
        let receipt = ErasureReceipt::parse(receipts[0].as_bytes()).unwrap();
        assert!(receipt.statement.contains("out_of_scope") && receipt.statement.contains("trained before"));
        let statement: privet_vault::ErasureStatement = serde_json::from_str(&receipt.statement).unwrap();
        let at = |outcome| {
            statement
                .nodes
                .iter()
                .find(|node| node.outcome == outcome)
                .unwrap()
        };
        assert_eq!(at(Outcome::Shredded).kind, NodeKind::Records);
    })
    .await;
}

/// All bytes of the files in `dir`.
fn bytes_below(dir: &Path) -> Vec<u8> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .filter(|path| path.is_file())
        .flat_map(|path| std::fs::read(path).unwrap())
        .collect()
}

async fn copy(house: &House, database: &privet_store::Database, at: &Path) {
    let key = house.root.data_key("privet/test", b"");
    let mut file = Vec::new();
    let now = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    back_up(database, &key, b"t", now, &mut file, &mut |_| {})
        .await
        .unwrap();
    std::fs::write(at, file).unwrap();
}

/// A house whose store, and keyring if it is asked for, are restored from the copies.
async fn rebuilt(house: &House, store: &Path, keyring: Option<&Path>) -> House {
    let key = house.root.data_key("privet/test", b"");
    let dir = tempfile::tempdir().unwrap();
    let location = Location::Sqlite(dir.path().join("privet.sqlite"));
    let database = open_store_database(&location).await.unwrap();
    let mut file = std::fs::File::open(store).unwrap();
    restore(&database, &key, b"t", &mut file, &mut |_| {})
        .await
        .unwrap();
    database.close().await;
    let keys = Location::Sqlite(dir.path().join("keyring.sqlite"));
    let copy_of_keys = dir.path().join("copy");
    match keyring {
        Some(copy) => std::fs::copy(copy, &copy_of_keys).map(|_| ()).unwrap(),
        None => copy(house, house.keyring.database(), &copy_of_keys).await,
    }
    let database = privet_store::open_keyring_database(&keys).await.unwrap();
    let mut file = std::fs::File::open(&copy_of_keys).unwrap();
    restore(&database, &key, b"t", &mut file, &mut |_| {})
        .await
        .unwrap();
    database.close().await;
    House::over(dir, [location, keys], house.root.clone()).await
}

#[tokio::test]
async fn an_old_backup_opens_with_the_keyring_of_its_day_and_not_with_todays() {
    let house = House::on_sqlite().await.unwrap();
    let by = actor("acme", "p");
    let who = person(&house).await;
    let copies = tempfile::tempdir().unwrap();
    let (store, keyring) = (copies.path().join("store"), copies.path().join("keyring"));
    copy(&house, house.store.database(), &store).await;
    copy(&house, house.keyring.database(), &keyring).await;
    erased(
        house
            .vault
            .forget(&by, &who, ErasureReason::Request)
            .await
            .unwrap(),
    );

    let before = rebuilt(&house, &store, Some(&keyring)).await;
    assert!(
        is_shown(&before, &who).await,
        "both backups of before the erasure: until the stated deadline"
    );
    // Whoever restores both is told by the list of today's store; the person goes again.
    let after = rebuilt(&house, &store, None).await;
    assert!(
        !is_shown(&after, &who).await,
        "today's keyring does not open the old store"
    );
    assert_eq!(after.vault.reapply_erasures(&by).await.unwrap(), 1);
    assert!(after.leaves().await.ends_with(&["subject_rows_erased".into()]));
    assert_eq!(
        after
            .rows::<i64>("SELECT COUNT(*) FROM subject_index", Vec::new())
            .await,
        [0]
    );
    for house in [before, after, house] {
        house.end().await;
    }
}

#[tokio::test]
async fn no_file_of_the_store_holds_the_ciphertext_of_an_erased_person() {
    let house = House::on_sqlite().await.unwrap();
    let by = actor("acme", "p");
    let who = person(&house).await;
    let sealed: Vec<Vec<u8>> = house
        .rows("SELECT sealed FROM subject_versions", Vec::new())
        .await;
    let entries: Vec<Vec<u8>> = house.rows("SELECT entry FROM subject_index", Vec::new()).await;
    let holds = |bytes: &[u8], piece: &[u8]| bytes.windows(piece.len()).any(|window| window == piece);
    let is_there = |bytes: &[u8]| {
        sealed.iter().any(|piece| holds(bytes, &piece[..32]))
            || entries.iter().any(|piece| holds(bytes, piece))
    };
    assert!(is_there(&bytes_below(house.path())));
    assert!(
        !holds(&bytes_below(house.path()), CANARY.as_bytes()),
        "nothing lies in the clear"
    );
    erased(
        house
            .vault
            .forget(&by, &who, ErasureReason::Request)
            .await
            .unwrap(),
    );
    assert!(
        !is_there(&bytes_below(house.path())),
        "neither in pages nor in the write-ahead log"
    );
    house.end().await;
}

#[tokio::test]
async fn an_import_does_not_bring_an_erased_person_back() {
    each(async |house| {
        let by = actor("acme", "p");
        let who = person(house).await;
        erased(
            house
                .vault
                .forget(&by, &who, ErasureReason::Request)
                .await
                .unwrap(),
        );
        let lines: &[u8] = b"{\"login\":\"new\"}\n{\"email\":\"Zilpha@Mail.Example\"}\n";
        let options = privet_vault::ImportOptions {
            format: privet_vault::ImportFormat::JsonLines,
            is_dry_run: false,
            first_line: 1,
            limits: privet_vault::ImportLimits::default(),
        };
        let report = house.vault.import(&by, lines, options, |_| {}).await.unwrap();
        assert_eq!(
            (report.progress.created, report.errors.len()),
            (1, 1),
            "{report:?}"
        );
    })
    .await;
}
