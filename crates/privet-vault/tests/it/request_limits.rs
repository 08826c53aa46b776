//! What becomes of right codes, and of codes that are sent, once a person's limits are reached.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use jiff::Timestamp;
use privet_crypto::OneTimeCode;
use privet_store::{Scope, values};
use privet_types::{Clock, Secret};
use privet_vault::{Error, NewRequest, RequestConfig, RequestKind, Requests, SubjectRef, Vault};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::requests::{Office, ada, office, other_than};
use crate::support::{House, TestClock, ann, bob, by, config, on_both_databases};

on_both_databases! {
    a_right_code_is_none_past_the_limit_of_its_name
    a_right_code_is_none_past_the_limit_of_another_name
    a_right_code_is_none_where_the_limit_is_reached_meanwhile
    a_code_is_not_sent_where_the_limit_is_reached_meanwhile
    past_the_limit_of_a_name_no_code_is_looked_at
    a_right_code_does_not_begin_the_time_of_wrong_ones
    an_erasure_takes_along_what_was_counted
}

/// Types 25 wrong codes for the person `who`, by requests of their own.
async fn use_up(office: &Office, who: &SubjectRef) {
    for _ in 0..5 {
        let request = office.open(RequestKind::Access, who).await;
        let wrong = other_than(&office.code(&request.id).await);
        for _ in 0..5 {
            let typed = office.requests.check_code(&ann(), &request.id, &wrong).await;
            assert!(matches!(typed, Err(Error::WrongCode { .. })), "{typed:?}");
        }
    }
}

async fn is_proved(office: &Office, id: &str) -> bool {
    let request = office.requests.request(&ann(), id).await.unwrap();
    request.identity.is_some()
}

async fn a_right_code_is_none_past_the_limit_of_its_name(house: &House) {
    ada(house).await;
    let (office, name) = (office(house), by("email", "ada@example.org"));
    let request = office.open(RequestKind::Access, &name).await;
    let right = office.code(&request.id).await;
    use_up(&office, &name).await;
    let typed = office.requests.check_code(&ann(), &request.id, &right).await;
    assert!(matches!(typed, Err(Error::NotReady { .. })), "{typed:?}");
    assert!(!is_proved(&office, &request.id).await);
}

async fn a_right_code_is_none_past_the_limit_of_another_name(house: &House) {
    ada(house).await;
    let office = office(house);
    let request = office
        .open(RequestKind::Access, &by("email", "ada@example.org"))
        .await;
    let right = office.code(&request.id).await;
    use_up(&office, &by("login", "ada")).await;
    let typed = office.requests.check_code(&ann(), &request.id, &right).await;
    assert!(matches!(typed, Err(Error::WrongCode { left: 4 })), "{typed:?}");
    assert!(!is_proved(&office, &request.id).await);
}

/// A clock at which whoever looks for the nth time waits until told to go on.
#[derive(Debug)]
struct Gate {
    clock: Arc<TestClock>,
    /// How often it may be looked at before.
    left: AtomicUsize,
    arrived: UnboundedSender<()>,
    go_on: Mutex<mpsc::Receiver<()>>,
}

impl Clock for Gate {
    fn now(&self) -> Timestamp {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            self.arrived.send(()).unwrap();
            let go_on = self.go_on.lock().unwrap_or_else(PoisonError::into_inner);
            tokio::task::block_in_place(|| go_on.recv()).unwrap();
        }
        self.clock.now()
    }
}

/// The same requests in another process, which stops when it looks at its clock for the nth time; how to know that it has,
/// and how to let it go on.
fn gated(house: &House, office: &Office, nth: usize) -> (Requests, UnboundedReceiver<()>, mpsc::Sender<()>) {
    let ((arrived, has_arrived), (let_go, go_on)) = (unbounded_channel(), mpsc::channel());
    let clock = Gate {
        clock: house.clock.clone(),
        left: AtomicUsize::new(nth - 1),
        arrived,
        go_on: Mutex::new(go_on),
    };
    let (store, keyring) = (house.store.clone(), house.keyring.clone());
    let vault = Vault::open(store, keyring, Arc::new(clock), config()).unwrap();
    let (consent, post) = (office.consent.clone(), office.post.clone());
    let requests = Requests::new(vault, consent, post, RequestConfig::default()).unwrap();
    (requests, has_arrived, let_go)
}

async fn a_right_code_is_none_where_the_limit_is_reached_meanwhile(house: &House) {
    ada(house).await;
    let office = office(house);
    let request = office
        .open(RequestKind::Access, &by("email", "ada@example.org"))
        .await;
    let right = office.code(&request.id).await;
    // The second time is past the first look at the limits.
    let (requests, mut arrived, let_go) = gated(house, &office, 2);
    let (id, typing) = (request.id.clone(), right);
    let typed = tokio::spawn(async move { requests.check_code(&ann(), &id, &typing).await });
    arrived.recv().await.unwrap();
    use_up(&office, &by("login", "ada")).await;
    let_go.send(()).unwrap();
    let typed = typed.await.unwrap();
    assert!(matches!(typed, Err(Error::WrongCode { left: 4 })), "{typed:?}");
    assert!(!is_proved(&office, &request.id).await);
}

async fn a_code_is_not_sent_where_the_limit_is_reached_meanwhile(house: &House) {
    ada(house).await;
    let office = office(house);
    let request = office
        .open(RequestKind::Access, &by("email", "ada@example.org"))
        .await;
    // The third time is past the first look at the limits.
    let (requests, mut arrived, let_go) = gated(house, &office, 3);
    let id = request.id.clone();
    let sent = tokio::spawn(async move { requests.send_code(&ann(), &id, "email").await });
    arrived.recv().await.unwrap();
    for _ in 0..10 {
        let other = office.open(RequestKind::Access, &by("login", "ada")).await;
        office.code(&other.id).await;
    }
    let_go.send(()).unwrap();
    assert!(sent.await.unwrap().is_ok());
    assert_eq!(office.post.0.lock().unwrap().len(), 10);
}

async fn past_the_limit_of_a_name_no_code_is_looked_at(house: &House) {
    let (office, name) = (office(house), by("email", "ada@example.org"));
    ada(house).await;
    use_up(&office, &name).await;
    // It has none.
    let request = office.open(RequestKind::Access, &name).await;
    let typed = Secret::new("12345678".to_owned());
    match office.requests.check_code(&ann(), &request.id, &typed).await {
        Err(Error::NotReady { why }) => assert!(why.contains("too many"), "{why}"),
        other => panic!("{other:?}"),
    }
}

async fn a_right_code_does_not_begin_the_time_of_wrong_ones(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let first = office.open(RequestKind::Access, &who).await;
    let right = office.code(&first.id).await;
    office
        .requests
        .check_code(&ann(), &first.id, &right)
        .await
        .unwrap();
    house.pass(86_399);
    let second = office.open(RequestKind::Access, &who).await;
    let wrong = other_than(&office.code(&second.id).await);
    let typed = office.requests.check_code(&ann(), &second.id, &wrong).await;
    assert!(matches!(typed, Err(Error::WrongCode { .. })), "{typed:?}");
    let counted = "SELECT made, ends_at FROM request_tries WHERE kind = 'attempt'";
    let end = house.clock.now().as_millisecond() + 86_400_000;
    let rows: Vec<(i64, i64)> = house.rows(counted, values![]).await;
    assert_eq!(rows, [(1, end), (1, end)]);
}

async fn an_erasure_takes_along_what_was_counted(house: &House) {
    ada(house).await;
    let bo = house.subject(json!({"email": "bo@example.org"})).await;
    let office = office(house);
    for who in [by("email", "ada@example.org"), by("login", "ada"), bo] {
        let request = office.open(RequestKind::Access, &who).await;
        let wrong = other_than(&office.code(&request.id).await);
        let typed = office.requests.check_code(&ann(), &request.id, &wrong).await;
        assert!(matches!(typed, Err(Error::WrongCode { .. })), "{typed:?}");
    }
    let erasure = NewRequest::new(RequestKind::Erasure, vec![by("email", "ada@example.org")]);
    let id = office.vouched(&erasure).await;
    office.requests.approve(&bob(), &id).await.unwrap();
    let hashes = "SELECT person FROM request_tries ORDER BY person";
    let before: Vec<Vec<u8>> = house.rows(hashes, values![]).await;
    // A code and a wrong one each, of three names and two persons.
    assert_eq!(before.len(), 10);
    office.requests.execute(&ann(), &id).await.unwrap();
    let left: Vec<Vec<u8>> = house.rows(hashes, values![]).await;
    let known = left.iter().filter(|hash| before.contains(hash));
    assert_eq!(known.count(), 4, "those of Bo");
}

/// All codes are tried against the hash that is kept: one that was sent is found, and of one that was not there is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_nobody_gets_is_none_of_all_codes() {
    let house = House::on_sqlite().await.unwrap();
    ada(&house).await;
    let office = office(&house);
    let config = RequestConfig {
        code_digits: 6,
        ..RequestConfig::default()
    };
    let (vault, consent, post) = (house.vault.clone(), office.consent.clone(), office.post.clone());
    let requests = Requests::new(vault, consent, post, config).unwrap();
    let key = house.keyring.tenant_secret(&ann().tenant).await.unwrap();
    let key = key.hash_key("privet/vault/request-code", ann().tenant.as_str().as_bytes());
    let mut kept = Vec::new();
    // The person's eleventh code is sent to nobody, though each name is below its limit.
    for name in [by("login", "ada"), by("email", "ada@example.org")] {
        for _ in 0..6 {
            let request = office.open(RequestKind::Access, &name).await;
            requests.send_code(&ann(), &request.id, "email").await.unwrap();
            let bodies: Vec<String> = house
                .rows(
                    "SELECT body FROM subject_requests WHERE id = $1",
                    values![&request.id],
                )
                .await;
            let body: Value = serde_json::from_str(&bodies[0]).unwrap();
            let hash = data_encoding::HEXLOWER.decode(body["code"]["hash"].as_str().unwrap().as_bytes());
            kept.push((request.id, <[u8; 32]>::try_from(hash.unwrap()).unwrap()));
        }
    }
    let sent = office.post.0.lock().unwrap().clone();
    assert_eq!(sent.len(), 10);
    let is_of =
        |at: usize, code: &str| OneTimeCode::is_code_of(&key, kept[at].0.as_bytes(), code, &kept[at].1);
    assert!(is_of(9, &sent[9].1));
    assert!((0..1_000_000).all(|code| !is_of(10, &format!("{code:06}"))));
    house.end().await;
}

/// On PostgreSQL, where rows are held: whoever counts may wait for a row that the sweep has, and never the other way round.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_waits_for_nobody_who_counts() {
    let Some(house) = House::on_postgres().await else {
        return;
    };
    let office = office(&house);
    let request = office.open(RequestKind::Access, &ada(&house).await).await;
    office.code(&request.id).await;
    house.pass(86_400);
    let vault = house.vault.clone();
    let counting = house
        .store
        .database()
        .write::<_, Error, _>(&Scope::Installation, move |tx| {
            Box::pin(async move {
                let one = "UPDATE request_tries SET made = made WHERE person = (SELECT person FROM request_tries LIMIT 1)";
                assert_eq!(tx.execute(one, values![]).await?, 1);
                let sweep = tokio::spawn(async move { vault.sweep_ended(&ann().tenant, 100).await });
                let swept = tokio::time::timeout(Duration::from_secs(10), sweep).await;
                Ok(swept.is_ok_and(|swept| swept.unwrap().is_ok()))
            })
        });
    assert!(counting.await.unwrap());
    let left = async || {
        let rows: Vec<i64> = house.rows("SELECT COUNT(*) FROM request_tries", values![]).await;
        rows[0]
    };
    assert_eq!(left().await, 1);
    house.vault.sweep_ended(&ann().tenant, 100).await.unwrap();
    assert_eq!(left().await, 0);
    house.end().await;
}
