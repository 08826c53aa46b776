//! Requests of subjects, from being taken in to the signed receipt.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use privet_crypto::SigningKey;
use privet_store::values;
use privet_types::{Clock, Secret};
use privet_vault::{
    Callback, CallbackState, CancelGround, CodeDelivery, CodeMessage, Consent, ConsentConfig, Delivered,
    ErasureReason, Error, EventKind, ExtensionReason, ForgetOutcome, Ground, Hold, IdentityMethod,
    NewConversation, NewRequest, NewSession, NewToken, NodeKind, PermittedUse, Request, RequestConfig,
    RequestKind, RequestOutcome, RequestQuery, RequestReceipt, RequestStatus, Requests, Retention,
    STORE_TARGETS, Statement, SubjectRef, TokenForm,
};
use serde_json::{Value, json};

use crate::support::{House, ann, bob, by, eve, is_absent, is_damaged, on_both_databases, record};

on_both_databases! {
    a_code_that_was_sent_opens_a_copy_of_everything
    a_code_can_be_typed_wrongly_only_so_often
    guesses_at_once_are_no_more_guesses
    codes_and_guesses_are_limited_for_a_person_whoever_it_is
    several_names_of_one_person_are_no_more_guesses
    a_code_ends_and_opens_no_other_request
    a_rectification_needs_a_second_principal
    an_erasure_is_carried_out_and_its_receipts_hold
    what_was_done_before_is_not_done_again
    an_erasure_leaves_no_name_in_any_request_of_the_person
    an_erasure_does_not_show_in_the_limits_of_open_requests
    a_legal_hold_stands_against_an_erasure
    a_restriction_and_an_objection_are_carried_out
    a_portable_copy_has_what_the_subject_provided
    another_tenant_sees_no_request
    who_is_unknown_gets_the_same_answers
    what_is_overdue_is_listed
    a_deadline_that_was_edited_does_not_open
    each_change_of_status_is_told_once
    who_cannot_be_told_is_tried_for_a_day_and_others_are_told_once
    a_damaged_request_keeps_no_other_from_being_told
    a_later_step_waits_for_the_earlier_one
    requests_are_listed_by_what_they_are
    what_is_asked_for_is_shown_to_who_decides_and_gone_with_the_subject
    each_step_has_its_leaf
}

/// Keeps what it is to deliver.
#[derive(Default)]
pub(crate) struct Post(pub(crate) Mutex<Vec<(String, String)>>);

impl CodeDelivery for Post {
    fn deliver<'a>(&'a self, message: CodeMessage<'a>) -> Delivered<'a> {
        let sent = (message.address.expose().clone(), message.code.as_str().to_owned());
        self.0.lock().unwrap().push(sent);
        Box::pin(async { true })
    }
}

pub(crate) struct Office {
    pub(crate) requests: Requests,
    pub(crate) consent: Consent,
    pub(crate) post: Arc<Post>,
}

pub(crate) fn office(house: &House) -> Office {
    let consent = Consent::new(
        house.store.database().clone(),
        Arc::new(house.vault.clone()),
        house.clock.clone(),
        ConsentConfig::default(),
    );
    let post = Arc::new(Post::default());
    let config = RequestConfig::default();
    let requests = Requests::new(house.vault.clone(), consent.clone(), post.clone(), config).unwrap();
    Office {
        requests,
        consent,
        post,
    }
}

impl Office {
    pub(crate) async fn open(&self, kind: RequestKind, who: &SubjectRef) -> Request {
        let new = NewRequest::new(kind, vec![who.clone()]);
        self.requests.open(&ann(), &new).await.unwrap().0
    }

    /// A request whose subject is known to ask.
    pub(crate) async fn vouched(&self, new: &NewRequest) -> String {
        let (request, _) = self.requests.open(&ann(), new).await.unwrap();
        let method = IdentityMethod::Document;
        self.requests.vouch(&ann(), &request.id, method).await.unwrap();
        request.id
    }

    pub(crate) async fn code(&self, id: &str) -> Secret<String> {
        self.requests.send_code(&ann(), id, "email").await.unwrap();
        let sent = self.post.0.lock().unwrap();
        Secret::new(sent.last().unwrap().1.clone())
    }
}

/// Whom to tell now.
async fn due(office: &Office) -> Vec<Callback> {
    let due = office.requests.callbacks(&ann()).await.unwrap();
    assert!(due.damaged.is_empty());
    due.ready
}

/// A code that is not `code`.
pub(crate) fn other_than(code: &Secret<String>) -> Secret<String> {
    let first = if code.expose().starts_with('1') { '2' } else { '1' };
    let rest: String = code.expose().chars().skip(1).collect();
    Secret::new(format!("{first}{rest}"))
}

pub(crate) async fn ada(house: &House) -> SubjectRef {
    house
        .subject(json!({"login": "ada", "email": "ada@example.org", "name": "<script>alert(1)</script>"}))
        .await
}

async fn a_code_that_was_sent_opens_a_copy_of_everything(house: &House) {
    let (who, office, vault) = (ada(house).await, office(house), &house.vault);
    let ordinary = Ground::Ordinary;
    vault
        .update(&ann(), &who, &json!({"city": "Ulm"}), None, ordinary)
        .await
        .unwrap();
    vault
        .put_app(
            &ann(),
            &who,
            "shop",
            &record(json!({"cart": "cart-canary"})),
            None,
            ordinary,
        )
        .await
        .unwrap();
    let session = NewSession {
        name: None,
        subject: Some(who.clone()),
        data: record(json!({"page": "session-canary"})),
        ..NewSession::default()
    };
    vault.put_session(&ann(), session, ordinary).await.unwrap();
    let token = NewToken {
        kind: "card".to_owned(),
        value: Secret::new("token-canary".to_owned()),
        subject: Some(who.clone()),
        ttl: None,
        sliding: None,
        is_shared: false,
        renews: false,
        substitute: None,
        form: TokenForm::Random,
    };
    vault.create_token(&ann(), &token, ordinary).await.unwrap();
    let conversation = NewConversation {
        subject: Some(who.clone()),
        surface: "openai-chat".to_owned(),
        purpose: None,
        model: "m".to_owned(),
        conversation: None,
        prompt: Secret::new("prompt-canary".to_owned()),
        reply: Secret::new("reply-canary".to_owned()),
        is_whole: true,
    };
    vault
        .archive(&ann(), &conversation, ordinary)
        .await
        .unwrap()
        .unwrap();

    let request = office
        .open(RequestKind::Access, &by("email", "ADA@example.org"))
        .await;
    let early = office.requests.execute(&ann(), &request.id).await;
    assert!(matches!(early, Err(Error::NotReady { .. })));
    let code = office.code(&request.id).await;
    assert_eq!(office.post.0.lock().unwrap()[0].0, "ada@example.org");
    office
        .requests
        .check_code(&ann(), &request.id, &code)
        .await
        .unwrap();
    let answer = office.requests.execute(&ann(), &request.id).await.unwrap();
    assert_eq!(answer.request.status, RequestStatus::Completed);
    let package = answer.package.unwrap();
    let (json, html) = (package.to_json().unwrap(), package.to_html().unwrap());
    for canary in [
        "cart-canary",
        "session-canary",
        "token-canary",
        "prompt-canary",
        "reply-canary",
        "Ulm",
    ] {
        assert!(json.contains(canary) && html.contains(canary), "{canary}");
    }
    assert!(
        html.contains("&lt;script&gt;") && !html.contains("<script"),
        "{html}"
    );
    let value: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["held"]["versions"].as_array().unwrap().len(), 1);
    assert_eq!(value["held"]["requests"][0]["subject_request_type"], "access");
    let key = office.requests.receipt_key(&ann().tenant).await.unwrap();
    let statement = answer.receipt.verify(&key).unwrap();
    let hash = data_encoding::HEXLOWER.encode(&privet_crypto::sha256(json.as_bytes()));
    assert_eq!(statement.outcome, Some(RequestOutcome::Provided { sha256: hash }));
    // For some days it can be made again.
    assert!(office.requests.package(&ann(), &request.id).await.is_ok());
    house.pass(15 * 86_400);
    assert!(is_absent(&office.requests.package(&ann(), &request.id).await));
}

async fn a_code_can_be_typed_wrongly_only_so_often(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let request = office.open(RequestKind::Access, &who).await;
    let code = office.code(&request.id).await;
    let wrong = other_than(&code);
    for left in (0..5).rev() {
        let result = office.requests.check_code(&ann(), &request.id, &wrong).await;
        assert!(
            matches!(result, Err(Error::WrongCode { left: l }) if l == left),
            "{left} {result:?}"
        );
    }
    let result = office.requests.check_code(&ann(), &request.id, &code).await;
    assert!(matches!(result, Err(Error::NotReady { .. })), "{result:?}");
    for _ in 0..4 {
        office.code(&request.id).await;
    }
    let result = office.requests.send_code(&ann(), &request.id, "email").await;
    assert!(matches!(result, Err(Error::NotReady { .. })), "{result:?}");
    // Neither code nor address is in clear anywhere.
    let bodies: Vec<String> = house.rows("SELECT body FROM subject_requests", values![]).await;
    assert!(
        !bodies[0].contains(code.expose()) && !bodies[0].contains("ada@"),
        "{bodies:?}"
    );
}

async fn guesses_at_once_are_no_more_guesses(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let request = office.open(RequestKind::Access, &who).await;
    let wrong = other_than(&office.code(&request.id).await);
    let guesses: Vec<_> = (0..12)
        .map(|_| {
            let (requests, id, wrong) = (office.requests.clone(), request.id.clone(), wrong.clone());
            tokio::spawn(async move { requests.check_code(&ann(), &id, &wrong).await })
        })
        .collect();
    let mut counted = 0;
    for guess in guesses {
        counted += usize::from(matches!(guess.await.unwrap(), Err(Error::WrongCode { .. })));
    }
    assert_eq!(counted, 5);
    let steps = office.requests.steps(&ann(), &request.id).await.unwrap();
    let refused = steps.iter().filter(|step| step.step == "request_code_refused");
    assert_eq!(refused.count(), 5);
}

/// Codes that were sent for requests of `who`, each of its own, until no further one is; and wrong ones typed before.
async fn until_the_limit(office: &Office, who: &[SubjectRef]) -> (usize, usize, String) {
    let (mut codes, mut guesses) = (0, 0);
    for round in 0..40 {
        let name = &who[round % who.len()];
        let request = office.open(RequestKind::Access, name).await;
        match office.requests.send_code(&ann(), &request.id, "email").await {
            Ok(_) => codes += 1,
            Err(error) => return (codes, guesses, error.to_string()),
        }
        for _ in 0..3 {
            let typed = Secret::new("no code".to_owned());
            match office.requests.check_code(&ann(), &request.id, &typed).await {
                Err(Error::WrongCode { .. }) => guesses += 1,
                other => assert!(matches!(other, Err(Error::NotReady { .. })), "{other:?}"),
            }
        }
    }
    (codes, guesses, "there is no limit".to_owned())
}

async fn codes_and_guesses_are_limited_for_a_person_whoever_it_is(house: &House) {
    ada(house).await;
    let office = office(house);
    let known = until_the_limit(
        &office,
        &[by("email", "ada@example.org"), by("email", " ADA@example.org")],
    )
    .await;
    assert_eq!((known.0, known.1), (10, 25), "{known:?}");
    assert_eq!(office.post.0.lock().unwrap().len(), 10);
    let unknown = until_the_limit(&office, &[by("email", "nobody@example.org")]).await;
    assert_eq!(known, unknown);
    // A right code is none any more either, and says nothing else.
    let request = office
        .open(RequestKind::Access, &by("email", "ada@example.org"))
        .await;
    let closed = office.requests.send_code(&ann(), &request.id, "email").await;
    assert!(matches!(closed, Err(Error::NotReady { .. })), "{closed:?}");
    // Others are not concerned, and the day after it is over.
    let bo = house.subject(json!({"email": "bo@example.org"})).await;
    let other = office.open(RequestKind::Access, &bo).await;
    office.code(&other.id).await;
    house.pass(86_400);
    let code = office.code(&request.id).await;
    office
        .requests
        .check_code(&ann(), &request.id, &code)
        .await
        .unwrap();
    // What is over is swept; Ada's of today stay. That she typed a right code counts for nothing.
    house.vault.sweep_ended(&ann().tenant, 100).await.unwrap();
    let left: Vec<i64> = house
        .rows("SELECT made FROM request_tries ORDER BY made", values![])
        .await;
    assert_eq!(left, [0, 0, 1, 1]);
}

async fn several_names_of_one_person_are_no_more_guesses(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let names = [who, by("email", "ada@example.org"), by("login", "ada")];
    let (codes, guesses, _) = until_the_limit(&office, &names).await;
    // By its names three times as many, as for somebody unknown; but no more than ten are sent, and then none is right.
    assert_eq!((codes, guesses), (30, 75));
    assert_eq!(office.post.0.lock().unwrap().len(), 10);
}

async fn a_code_ends_and_opens_no_other_request(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let (one, two) = (
        office.open(RequestKind::Access, &who).await,
        office.open(RequestKind::Erasure, &who).await,
    );
    let code = office.code(&one.id).await;
    office.code(&two.id).await;
    let result = office.requests.check_code(&ann(), &two.id, &code).await;
    assert!(matches!(result, Err(Error::WrongCode { left: 4 })), "{result:?}");
    house.pass(900);
    let result = office.requests.check_code(&ann(), &one.id, &code).await;
    assert!(matches!(result, Err(Error::NotReady { .. })), "{result:?}");
}

async fn a_rectification_needs_a_second_principal(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let mut new = NewRequest::new(RequestKind::Rectification, vec![who.clone()]);
    assert!(matches!(
        office.requests.open(&ann(), &new).await,
        Err(Error::BadField { field, .. }) if field == "patch"
    ));
    new.patch = Some(Secret::new(r#"{"name":"Ada","login":null}"#.to_owned()));
    let id = office.vouched(&new).await;
    let result = office.requests.execute(&ann(), &id).await.map(|_| ());
    assert!(matches!(result, Err(Error::NotReady { .. })), "{result:?}");
    let result = office.requests.approve(&ann(), &id).await;
    assert!(matches!(result, Err(Error::SecondPrincipal)), "{result:?}");
    office.requests.approve(&bob(), &id).await.unwrap();
    let result = office.requests.execute(&bob(), &id).await.map(|_| ());
    assert!(matches!(result, Err(Error::SecondPrincipal)), "{result:?}");
    let answer = office.requests.execute(&ann(), &id).await.unwrap();
    assert_eq!(
        answer.request.outcome,
        Some(RequestOutcome::Rectified { version: 2 })
    );
    let read = house.read(&who).await.unwrap();
    assert_eq!(read, json!({"email": "ada@example.org", "name": "Ada"}));
    let again = office.requests.execute(&ann(), &id).await.map(|_| ());
    assert!(matches!(again, Err(Error::NotReady { .. })), "{again:?}");
}

async fn an_erasure_is_carried_out_and_its_receipts_hold(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let id = office
        .vouched(&NewRequest::new(RequestKind::Erasure, vec![who.clone()]))
        .await;
    office.requests.approve(&bob(), &id).await.unwrap();
    let answer = office.requests.execute(&ann(), &id).await.unwrap();
    assert!(is_absent(&house.read(&who).await));
    let key = office.requests.receipt_key(&ann().tenant).await.unwrap();
    let erasure = answer.erasure.unwrap();
    let statement = answer.receipt.verify(&key).unwrap();
    assert!(
        matches!(&statement.outcome, Some(RequestOutcome::Erased { sha256, .. }) if *sha256 == erasure.hash()),
        "{statement:?}"
    );
    assert!(answer.request.identities.is_empty());
    // A receipt that was changed, or that another key signed, does not hold.
    let mut bent = answer.receipt.clone();
    bent.statement = bent.statement.replace("completed", "cancelled");
    assert!(matches!(bent.verify(&key), Err(Error::BadReceipt { .. })));
    let other = SigningKey::generate().unwrap().verifying_key();
    assert!(matches!(
        answer.receipt.verify(&other),
        Err(Error::BadReceipt { .. })
    ));
    let json = serde_json::to_vec(&answer.receipt).unwrap();
    assert_eq!(RequestReceipt::parse(&json).unwrap(), answer.receipt);
}

async fn what_was_done_before_is_not_done_again(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let erasure = office
        .vouched(&NewRequest::new(RequestKind::Erasure, vec![who.clone()]))
        .await;
    let objection = office
        .vouched(&NewRequest::new(RequestKind::Objection, vec![who.clone()]))
        .await;
    let access = office
        .vouched(&NewRequest::new(RequestKind::Access, vec![who.clone()]))
        .await;
    // As a run leaves it that ended before its last transaction.
    let SubjectRef::Token(subject) = &who else { return };
    let at = office
        .requests
        .request(&ann(), &objection)
        .await
        .unwrap()
        .received_at;
    let mut said = Statement::new(EventKind::Objected, &["*"], at);
    "subject_request".clone_into(&mut said.method);
    office
        .consent
        .record(&ann(), subject.as_str(), &said)
        .await
        .unwrap();
    office.requests.execute(&ann(), &objection).await.unwrap();
    let history = office
        .consent
        .history(&ann().tenant, subject.as_str())
        .await
        .unwrap();
    assert_eq!(history.len(), 1);
    office.requests.approve(&bob(), &erasure).await.unwrap();
    house
        .vault
        .forget(&ann(), &who, ErasureReason::Request)
        .await
        .unwrap();
    let answer = office.requests.execute(&ann(), &erasure).await.unwrap();
    assert!(matches!(
        answer.request.outcome,
        Some(RequestOutcome::Erased { .. })
    ));
    assert!(answer.erasure.is_some());
    let answer = office.requests.execute(&ann(), &access).await.unwrap();
    assert_eq!(answer.request.outcome, Some(RequestOutcome::NothingHeld));
}

/// The keyed hashes of names in requests.
async fn names(house: &House) -> Vec<String> {
    let bodies: Vec<String> = house
        .rows("SELECT body FROM subject_requests ORDER BY id", values![])
        .await;
    let mut hashes = Vec::new();
    for body in bodies {
        let body: Value = serde_json::from_str(&body).unwrap();
        let identities = body["request"]["identities"].as_array().unwrap();
        hashes.extend(
            identities
                .iter()
                .map(|one| one["hash"].as_str().unwrap().to_owned()),
        );
    }
    hashes
}

async fn an_erasure_leaves_no_name_in_any_request_of_the_person(house: &House) {
    let office = office(house);
    house.subject(json!({"login": "bo"})).await;
    office.open(RequestKind::Access, &by("login", "bo")).await;
    let of_others = names(house).await;
    let who = ada(house).await;
    let closed = office.open(RequestKind::Access, &by("login", "ada")).await;
    office
        .requests
        .cancel(&ann(), &closed.id, CancelGround::Withdrawn)
        .await
        .unwrap();
    let open = office
        .open(RequestKind::Objection, &by("email", "ada@example.org"))
        .await;
    let damaged = office.open(RequestKind::Access, &by("login", "ada")).await;
    let sql = "UPDATE subject_requests SET due_at = due_at + 1 WHERE id = $1";
    house.sql(sql, values![&damaged.id]).await;
    let before = names(house).await;
    assert_eq!(before.len(), 4);
    let plan = house.vault.plan_erasure(&ann(), &who).await.unwrap().value;
    let forgotten = house.vault.forget(&ann(), &who, ErasureReason::Request).await;
    let ForgetOutcome::Erased(receipt) = forgotten.unwrap() else {
        panic!("nothing holds her")
    };
    let statement: privet_vault::ErasureStatement = serde_json::from_str(&receipt.statement).unwrap();
    assert_eq!(statement.nodes, plan.nodes);
    let node = |node: &&privet_vault::NodeOutcome| node.kind == NodeKind::RequestNames;
    assert_eq!(statement.nodes.iter().find(node).unwrap().count, 3);
    let left = names(house).await;
    let known: Vec<_> = left.iter().filter(|hash| before.contains(hash)).collect();
    assert_eq!(known, of_others.iter().collect::<Vec<_>>());
    // Requests stay what they were: the one that was damaged, too.
    assert!(is_damaged(&office.requests.request(&ann(), &damaged.id).await));
    let kept = office.requests.request(&ann(), &closed.id).await.unwrap();
    assert_eq!(
        (kept.status, kept.identities.len()),
        (RequestStatus::Cancelled, 0)
    );
    office
        .requests
        .vouch(&ann(), &open.id, IdentityMethod::Document)
        .await
        .unwrap();
    let answer = office.requests.execute(&ann(), &open.id).await.unwrap();
    assert_eq!(answer.request.outcome, Some(RequestOutcome::NothingHeld));
    // Of who asks now, nobody is known.
    let anew = office.open(RequestKind::Access, &by("login", "ada")).await;
    assert_eq!(anew.subject, None);
}

async fn an_erasure_does_not_show_in_the_limits_of_open_requests(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let mut requests = Vec::new();
    for login in ["ada", "nobody"] {
        let mut of_one = Vec::new();
        for _ in 0..3 {
            of_one.push(office.open(RequestKind::Access, &by("login", login)).await.id);
        }
        requests.push(of_one);
    }
    let send = async |id: &str| match office.requests.send_code(&ann(), id, "email").await {
        Ok(sent) => sent.attempts.to_string(),
        Err(error) => error.to_string(),
    };
    let mut answers = [Vec::new(), Vec::new()];
    for (of_one, said) in requests.iter().zip(&mut answers) {
        for _ in 0..5 {
            said.push(send(&of_one[0]).await);
        }
    }
    house
        .vault
        .forget(&ann(), &who, ErasureReason::Request)
        .await
        .unwrap();
    for (of_one, said) in requests.iter().zip(&mut answers) {
        for _ in 0..5 {
            said.push(send(&of_one[1]).await);
        }
        said.push(send(&of_one[2]).await);
    }
    let [of_erased, of_unknown] = answers;
    assert_eq!(of_erased, of_unknown);
    assert!(of_unknown[10].contains("too many"), "{of_unknown:?}");
}

async fn a_legal_hold_stands_against_an_erasure(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let retention = Retention::new(
        house.store.database().clone(),
        Arc::new(house.vault.clone()),
        house.clock.clone(),
        STORE_TARGETS,
    );
    let SubjectRef::Token(subject) = &who else { return };
    retention
        .hold(
            &ann(),
            &Hold {
                subject: Some(subject.to_string()),
                category: None,
                until: None,
                reference: "case-1".to_owned(),
                why: "claim".to_owned(),
            },
        )
        .await
        .unwrap();
    let id = office
        .vouched(&NewRequest::new(RequestKind::Erasure, vec![who.clone()]))
        .await;
    office.requests.approve(&bob(), &id).await.unwrap();
    let result = office.requests.execute(&ann(), &id).await.map(|_| ());
    assert!(matches!(result, Err(Error::NotReady { .. })), "{result:?}");
    assert!(house.read(&who).await.is_ok());
    let (request, receipt) = office
        .requests
        .cancel(&ann(), &id, CancelGround::LegalClaims)
        .await
        .unwrap();
    assert_eq!(request.status, RequestStatus::Cancelled);
    let key = office.requests.receipt_key(&ann().tenant).await.unwrap();
    assert_eq!(receipt.verify(&key).unwrap().status, RequestStatus::Cancelled);
}

async fn a_restriction_and_an_objection_are_carried_out(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let objection = office
        .vouched(&NewRequest::new(RequestKind::Objection, vec![who.clone()]))
        .await;
    house.pass(1);
    let restriction = office
        .vouched(&NewRequest::new(RequestKind::Restriction, vec![who.clone()]))
        .await;
    house.pass(1);
    let objected = office.requests.execute(&ann(), &objection).await.unwrap();
    assert_eq!(objected.request.outcome, Some(RequestOutcome::Objected));
    let restricted = office.requests.execute(&ann(), &restriction).await.unwrap();
    assert_eq!(restricted.request.outcome, Some(RequestOutcome::Restricted));
    assert!(matches!(house.read(&who).await, Err(Error::Restricted)));
    let SubjectRef::Token(subject) = &who else { return };
    let history = office
        .consent
        .history(&ann().tenant, subject.as_str())
        .await
        .unwrap();
    let kinds: Vec<_> = history
        .iter()
        .map(|event| (event.kind, event.purpose.as_str()))
        .collect();
    assert_eq!(kinds, [(EventKind::Objected, "*"), (EventKind::Restricted, "*")]);
    assert_eq!(history[0].at, objected.request.received_at.as_millisecond());
    // A restricted subject can still ask for its data.
    let access = office
        .vouched(&NewRequest::new(RequestKind::Access, vec![who.clone()]))
        .await;
    let answer = office.requests.execute(&ann(), &access).await.unwrap();
    assert_eq!(answer.package.unwrap().held.consent.len(), 2);
    let ground = Ground::Permitted(PermittedUse::SubjectRequest);
    assert!(house.vault.read(&ann(), &who, ground).await.is_ok());
}

async fn a_portable_copy_has_what_the_subject_provided(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let id = office
        .vouched(&NewRequest::new(RequestKind::Portability, vec![who.clone()]))
        .await;
    let answer = office.requests.execute(&ann(), &id).await.unwrap();
    let value: Value = serde_json::from_str(&answer.package.unwrap().to_json().unwrap()).unwrap();
    assert_eq!(value["article"], 20);
    assert_eq!(value["held"]["record"]["login"], "ada");
    assert!(value["held"]["requests"].is_null());
}

async fn another_tenant_sees_no_request(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let id = office
        .vouched(&NewRequest::new(RequestKind::Access, vec![who.clone()]))
        .await;
    let (requests, eve) = (&office.requests, eve());
    let code = Secret::new("12345678".to_owned());
    assert!(is_absent(&requests.request(&eve, &id).await));
    assert!(is_absent(&requests.receipt(&eve, &id).await));
    assert!(is_absent(&requests.steps(&eve, &id).await));
    assert!(is_absent(&requests.send_code(&eve, &id, "email").await));
    assert!(is_absent(&requests.check_code(&eve, &id, &code).await));
    assert!(is_absent(
        &requests.vouch(&eve, &id, IdentityMethod::Document).await
    ));
    assert!(is_absent(&requests.approve(&eve, &id).await));
    assert!(is_absent(
        &requests.extend(&eve, &id, ExtensionReason::Complexity).await
    ));
    assert!(is_absent(&requests.start(&eve, &id).await));
    assert!(is_absent(
        &requests.cancel(&eve, &id, CancelGround::Withdrawn).await
    ));
    assert!(is_absent(&requests.execute(&eve, &id).await.map(|_| ())));
    assert!(is_absent(&requests.package(&eve, &id).await.map(|_| ())));
    assert!(is_absent(&requests.asked(&eve, &id).await));
    assert!(requests.due(&eve, Timestamp::MAX).await.unwrap().is_empty());
    assert!(requests.callbacks(&eve).await.unwrap().ready.is_empty());
    // Its own request about a subject of somebody else is one about nobody.
    let new = NewRequest::new(RequestKind::Access, vec![who]);
    assert_eq!(requests.open(&eve, &new).await.unwrap().0.subject, None);
}

async fn who_is_unknown_gets_the_same_answers(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let known = office.open(RequestKind::Access, &who).await;
    let unknown = office
        .open(RequestKind::Access, &by("email", "nobody@example.org"))
        .await;
    let sent = [
        office
            .requests
            .send_code(&ann(), &known.id, "email")
            .await
            .unwrap(),
        office
            .requests
            .send_code(&ann(), &unknown.id, "email")
            .await
            .unwrap(),
    ];
    assert_eq!(sent[0], sent[1]);
    assert_eq!(office.post.0.lock().unwrap().len(), 1);
    office
        .requests
        .vouch(&ann(), &unknown.id, IdentityMethod::Document)
        .await
        .unwrap();
    let answer = office.requests.execute(&ann(), &unknown.id).await.unwrap();
    assert_eq!(answer.request.outcome, Some(RequestOutcome::NothingHeld));
    let both = vec![who, house.subject(json!({"login": "bo"})).await];
    let result = office
        .requests
        .open(&ann(), &NewRequest::new(RequestKind::Access, both))
        .await;
    assert!(matches!(result, Err(Error::BadField { .. })), "{result:?}");
}

async fn what_is_overdue_is_listed(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let (late, extended) = (
        office.open(RequestKind::Access, &who).await,
        office.open(RequestKind::Access, &who).await,
    );
    office
        .requests
        .extend(&ann(), &extended.id, ExtensionReason::Complexity)
        .await
        .unwrap();
    let again = office
        .requests
        .extend(&ann(), &extended.id, ExtensionReason::Complexity)
        .await;
    assert!(matches!(again, Err(Error::NotReady { .. })), "{again:?}");
    house.pass(32 * 86_400);
    let now = Clock::now(&*house.clock);
    let overdue = office.requests.due(&ann(), now).await.unwrap();
    assert_eq!(overdue.iter().map(|one| &one.id).collect::<Vec<_>>(), [&late.id]);
    assert!(overdue[0].is_overdue(now));
    let too_late = office
        .requests
        .extend(&ann(), &late.id, ExtensionReason::Complexity)
        .await;
    assert!(matches!(too_late, Err(Error::NotReady { .. })), "{too_late:?}");
    house.pass(60 * 86_400);
    let now = Clock::now(&*house.clock);
    assert_eq!(office.requests.due(&ann(), now).await.unwrap().len(), 2);
}

async fn a_deadline_that_was_edited_does_not_open(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let request = office.open(RequestKind::Access, &who).await;
    house
        .sql("UPDATE subject_requests SET due_at = due_at + 1", values![])
        .await;
    assert!(is_damaged(&office.requests.request(&ann(), &request.id).await));
    house
        .sql("UPDATE subject_requests SET due_at = due_at - 1", values![])
        .await;
    assert!(office.requests.request(&ann(), &request.id).await.is_ok());
    house
        .sql("UPDATE subject_requests SET body = REPLACE(body, '\"needs_identity\":true', '\"needs_identity\":false')", values![])
        .await;
    assert!(is_damaged(&office.requests.request(&ann(), &request.id).await));
}

async fn each_change_of_status_is_told_once(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let mut new = NewRequest::new(RequestKind::Access, vec![who]);
    new.callbacks = vec!["http://example.org/".to_owned()];
    assert!(matches!(
        office.requests.open(&ann(), &new).await,
        Err(Error::BadField { .. })
    ));
    new.callbacks = vec!["https://example.org/dsr".to_owned()];
    let id = office.vouched(&new).await;
    office.requests.execute(&ann(), &id).await.unwrap();
    let mut callbacks = due(&office).await;
    let told: Vec<_> = callbacks
        .iter()
        .map(|one| {
            (
                one.body["request_status"].as_str().unwrap(),
                one.body["step"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [("pending", 1), ("in_progress", 3), ("completed", 4)]);
    let all = BTreeSet::from([0]);
    for callback in &mut callbacks {
        let mut twin = callback.clone();
        assert!(office.requests.take_callback(&ann(), callback).await.unwrap());
        // Another node that saw it, too, does not get it.
        assert!(!office.requests.take_callback(&ann(), &mut twin).await.unwrap());
        let state = office.requests.settle_callback(&ann(), callback, &all).await;
        assert_eq!(state.unwrap(), CallbackState::Told);
    }
    assert!(due(&office).await.is_empty());
    assert!(is_absent(
        &office.requests.settle_callback(&ann(), &callbacks[0], &all).await
    ));
    let steps = office.requests.steps(&ann(), &id).await.unwrap();
    let states: Vec<_> = steps.iter().map(|step| step.callback).collect();
    assert_eq!(
        states,
        [
            Some(CallbackState::Told),
            None,
            Some(CallbackState::Told),
            Some(CallbackState::Told)
        ]
    );
}

async fn who_cannot_be_told_is_tried_for_a_day_and_others_are_told_once(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let mut new = NewRequest::new(RequestKind::Access, vec![who]);
    new.callbacks = vec!["https://a.example/".to_owned(), "https://b.example/".to_owned()];
    let (request, _) = office.requests.open(&ann(), &new).await.unwrap();
    let (mut tries, mut hours) = (0, 0);
    loop {
        let waiting = due(&office).await;
        if let [one] = waiting.as_slice() {
            let mut one = one.clone();
            let places: Vec<_> = one.urls.keys().copied().collect();
            // The first try reaches the one of them, which is not told again.
            assert_eq!(places, if tries == 0 { vec![0, 1] } else { vec![1] });
            assert!(office.requests.take_callback(&ann(), &mut one).await.unwrap());
            assert!(due(&office).await.is_empty());
            let told = BTreeSet::from_iter((tries == 0).then_some(0));
            let state = office
                .requests
                .settle_callback(&ann(), &one, &told)
                .await
                .unwrap();
            tries += 1;
            assert_eq!(state == CallbackState::GivenUp, tries == 12, "{tries}");
        }
        if tries == 12 || hours == 200 {
            break;
        }
        house.pass(3600);
        hours += 1;
    }
    assert_eq!(tries, 12);
    let steps = office.requests.steps(&ann(), &request.id).await.unwrap();
    assert_eq!(steps[0].callback, Some(CallbackState::GivenUp));
}

async fn a_damaged_request_keeps_no_other_from_being_told(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let mut new = NewRequest::new(RequestKind::Access, vec![who]);
    new.callbacks = vec!["https://example.org/dsr".to_owned()];
    let (damaged, _) = office.requests.open(&ann(), &new).await.unwrap();
    house.pass(1);
    let (good, _) = office.requests.open(&ann(), &new).await.unwrap();
    let sql = "UPDATE subject_requests SET due_at = due_at + 1 WHERE id = $1";
    house.sql(sql, values![&damaged.id]).await;
    for tries in 1..=12 {
        let due = office.requests.callbacks(&ann()).await.unwrap();
        let ready: Vec<_> = due.ready.iter().map(|one| &one.request).collect();
        assert_eq!(ready, [&good.id]);
        let [found] = due.damaged.as_slice() else {
            panic!("{:?}", due.damaged);
        };
        assert_eq!((&found.request, found.seq), (&damaged.id, 1));
        let state = office.requests.put_off_callback(&ann(), found).await.unwrap();
        let expected = if tries == 12 {
            CallbackState::GivenUp
        } else {
            CallbackState::Waiting
        };
        assert_eq!(state, Some(expected), "{tries}");
        // Another node that saw it, too, does not count it again.
        let again = office.requests.put_off_callback(&ann(), found).await.unwrap();
        assert_eq!(again, None);
        let now = office.requests.callbacks(&ann()).await.unwrap();
        assert!(now.damaged.is_empty());
        house.pass(6 * 3600);
    }
    let steps = office.requests.steps(&ann(), &damaged.id).await.unwrap();
    assert_eq!(steps[0].callback, Some(CallbackState::GivenUp));
}

async fn a_later_step_waits_for_the_earlier_one(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let mut new = NewRequest::new(RequestKind::Access, vec![who]);
    new.callbacks = vec!["https://a.example/".to_owned(), "https://b.example/".to_owned()];
    let id = office.vouched(&new).await;
    let mut first = due(&office).await.remove(0);
    assert!(office.requests.take_callback(&ann(), &mut first).await.unwrap());
    let told = BTreeSet::from([0]);
    let state = office.requests.settle_callback(&ann(), &first, &told).await;
    assert_eq!(state.unwrap(), CallbackState::Waiting);
    office.requests.start(&ann(), &id).await.unwrap();
    // The first step is not due again yet, and the second may go to who was told the first alone.
    let [second] = due(&office).await.try_into().unwrap();
    assert_eq!((second.seq, second.urls.len()), (3, 2));
    assert_eq!(second.held, BTreeSet::from([1]));
    house.pass(3600);
    let both = due(&office).await;
    let order: Vec<_> = both.iter().map(|one| (one.seq, one.held.len())).collect();
    assert_eq!(order, [(1, 0), (3, 0)]);
}

async fn requests_are_listed_by_what_they_are(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let mut ids = Vec::new();
    for kind in [RequestKind::Access, RequestKind::Erasure, RequestKind::Access] {
        ids.push(office.open(kind, &who).await.id);
        house.pass(1);
    }
    office
        .requests
        .cancel(&ann(), &ids[0], CancelGround::Withdrawn)
        .await
        .unwrap();
    let list = async |query: RequestQuery| {
        let rows = office
            .requests
            .list(&ann(), &RequestQuery { limit: 10, ..query })
            .await;
        rows.map(|rows| rows.into_iter().map(|row| row.id).collect::<Vec<_>>())
    };
    assert_eq!(list(RequestQuery::default()).await.unwrap(), ids);
    let open = RequestQuery {
        status: Some(RequestStatus::Pending),
        kind: Some(RequestKind::Access),
        ..RequestQuery::default()
    };
    assert_eq!(list(open).await.unwrap(), ids[2..]);
    let after = RequestQuery {
        after: Some(ids[0].clone()),
        ..RequestQuery::default()
    };
    assert_eq!(list(after.clone()).await.unwrap(), ids[1..]);
    let now = Clock::now(&*house.clock);
    let due = |days: i64| RequestQuery {
        due_before: now.checked_add(jiff::SignedDuration::from_hours(24 * days)).ok(),
        ..RequestQuery::default()
    };
    assert!(list(due(27)).await.unwrap().is_empty());
    assert_eq!(list(due(32)).await.unwrap(), ids[1..]);
    let foreign = office.requests.list(&eve(), &after).await;
    assert!(is_absent(&foreign.map(|_| ())));
}

async fn what_is_asked_for_is_shown_to_who_decides_and_gone_with_the_subject(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let mut new = NewRequest::new(RequestKind::Rectification, vec![who.clone()]);
    new.patch = Some(Secret::new(r#"{"name":"Zilpha"}"#.to_owned()));
    new.note = Some(Secret::new("it is Zilpha".to_owned()));
    let (request, receipt) = office.requests.open(&ann(), &new).await.unwrap();
    let key = office.requests.receipt_key(&ann().tenant).await.unwrap();
    // As long as it is open, the receipt tells nobody who is known.
    assert_eq!(receipt.verify(&key).unwrap().subject, None);
    let asked = office.requests.asked(&ann(), &request.id).await.unwrap();
    assert_eq!(
        asked.value.patch.as_ref().unwrap().expose(),
        r#"{"name":"Zilpha"}"#
    );
    assert_eq!(asked.value.note.as_ref().unwrap().expose(), "it is Zilpha");
    assert_eq!(asked.access.subject, request.pseudonym);
    assert!(!format!("{asked:?}").contains("Zilpha"));
    assert!(is_absent(&office.requests.asked(&eve(), &request.id).await));
    house
        .vault
        .forget(&ann(), &who, ErasureReason::Request)
        .await
        .unwrap();
    let asked = office.requests.asked(&ann(), &request.id).await.unwrap().value;
    assert!(asked.subject.is_none() && asked.patch.is_none() && asked.note.is_none());
}

async fn each_step_has_its_leaf(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let request = office.open(RequestKind::Access, &who).await;
    let code = office.code(&request.id).await;
    let wrong = office
        .requests
        .check_code(&ann(), &request.id, &other_than(&code))
        .await;
    assert!(wrong.is_err());
    office
        .requests
        .check_code(&ann(), &request.id, &code)
        .await
        .unwrap();
    office.requests.execute(&ann(), &request.id).await.unwrap();
    let steps = office.requests.steps(&ann(), &request.id).await.unwrap();
    let names: Vec<_> = steps.into_iter().map(|step| step.step).collect();
    let expected = [
        "request_received",
        "request_code_sent",
        "request_code_refused",
        "request_identity_verified",
        "request_started",
        "request_completed",
    ];
    assert_eq!(names, expected);
    let leaves = house.leaves().await;
    let leaves: Vec<_> = leaves
        .iter()
        .filter(|kind| kind.starts_with("request_"))
        .collect();
    assert_eq!(leaves, expected.iter().collect::<Vec<_>>());
}
