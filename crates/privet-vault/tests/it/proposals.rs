//! Changes that are asked for, from asking to being done.

use std::sync::Arc;

use privet_store::values;
use privet_types::Clock;
use privet_vault::{
    Actor, Agreement, Approved, Consent, ConsentConfig, ErasureReason, Error, EventKind, Ground, Hold,
    LegalBasis, NewOwnToken, ProposalKind, ProposalPage, ProposalStatus, Proposals, Proposed, RecordChange,
    Retention, STORE_TARGETS, Statement, SubjectId, SubjectRef,
};
use serde_json::{Value, json};

use crate::support::{House, ann, bob, eve, is_absent, is_damaged, on_both_databases, record};

on_both_databases! {
    a_change_waits_until_somebody_else_approves_it
    operations_are_checked_when_asked_and_done_when_approved
    a_change_of_what_an_application_keeps_is_done
    an_agreement_ends_when_that_is_approved
    an_erasure_that_is_approved_leaves_no_trace_of_what_was_asked
    a_legal_hold_keeps_an_erasure_waiting
    a_closed_proposal_stays_closed
    of_two_who_approve_at_once_one_does
    what_cannot_be_done_any_more_waits_on
    erasure_is_asked_for_once
    proposals_are_listed_newest_first_a_page_at_a_time
    another_tenant_sees_no_proposal
    a_row_that_was_edited_does_not_open
    no_more_wait_than_may
    the_subject_may_ask_while_restricted
    each_step_of_a_proposal_has_its_leaf
}

const ALL: ProposalPage = ProposalPage {
    status: None,
    offset: 0,
    limit: 100,
};

struct Office {
    proposals: Proposals,
    consent: Consent,
}

fn office(house: &House) -> Office {
    let consent = Consent::new(
        house.store.database().clone(),
        Arc::new(house.vault.clone()),
        house.clock.clone(),
        ConsentConfig::default(),
    );
    Office {
        proposals: Proposals::new(house.vault.clone(), consent.clone()),
        consent,
    }
}

impl Office {
    async fn open(&self, who: &SubjectRef, proposed: &Proposed) -> String {
        let opened = self.proposals.open(&ann(), who, proposed, Ground::Ordinary).await;
        opened.unwrap().id
    }

    async fn status(&self, id: &str) -> ProposalStatus {
        self.proposals.read(&ann(), id).await.unwrap().value.status
    }
}

async fn ada(house: &House) -> SubjectRef {
    house
        .subject(json!({"login": "ada", "email": "ada@example.org", "city": "Ulm"}))
        .await
}

fn merge(patch: Value) -> Proposed {
    Proposed::ChangeRecord(RecordChange::Merge(patch))
}

fn id(who: &SubjectRef) -> SubjectId {
    match who {
        SubjectRef::Token(id) => id.clone(),
        other => panic!("{other:?} is no token"),
    }
}

fn is_closed<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::NotReady { .. }))
}

async fn a_change_waits_until_somebody_else_approves_it(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let asked = office
        .open(&who, &merge(json!({"city": "Bern", "login": null})))
        .await;
    assert_eq!(house.read(&who).await.unwrap()["city"], "Ulm");
    let read = office.proposals.read(&ann(), &asked).await.unwrap().value;
    assert_eq!(
        (read.kind, read.status, read.subject, read.change),
        (
            ProposalKind::ChangeRecord,
            ProposalStatus::Open,
            Some(id(&who)),
            Some(json!({"city": "Bern", "login": null}))
        )
    );
    let own = office.proposals.approve(&ann(), &asked, None).await;
    assert!(matches!(own, Err(Error::SecondPrincipal)));
    office
        .proposals
        .approve(&bob(), &asked, Some("checked"))
        .await
        .unwrap();
    assert_eq!(
        house.read(&who).await.unwrap(),
        json!({"email": "ada@example.org", "city": "Bern"})
    );
    let read = office.proposals.read(&ann(), &asked).await.unwrap().value;
    assert_eq!(
        (read.status, read.reason.as_deref()),
        (ProposalStatus::Approved, Some("checked"))
    );
    assert_eq!(read.closed_at, Some(house.clock.now()));
    let alone = office.proposals.clone().with_one_principal();
    let asked = office.open(&who, &merge(json!({"city": "Rom"}))).await;
    alone.approve(&ann(), &asked, None).await.unwrap();
    assert_eq!(house.read(&who).await.unwrap()["city"], "Rom");
}

async fn operations_are_checked_when_asked_and_done_when_approved(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let operations = |value| Proposed::ChangeRecord(RecordChange::from_value(value));
    let bad = operations(json!([{"op": "remove", "path": "/none"}]));
    let refused = office.proposals.open(&ann(), &who, &bad, Ground::Ordinary).await;
    assert!(
        matches!(&refused, Err(Error::BadField { field, .. }) if field == "patch[0]"),
        "{refused:?}"
    );
    let good = operations(
        json!([{"op": "test", "path": "/city", "value": "Ulm"}, {"op": "remove", "path": "/city"}]),
    );
    let asked = office.open(&who, &good).await;
    office.proposals.approve(&bob(), &asked, None).await.unwrap();
    assert_eq!(
        house.read(&who).await.unwrap(),
        json!({"login": "ada", "email": "ada@example.org"})
    );
}

async fn a_change_of_what_an_application_keeps_is_done(house: &House) {
    let (who, office, vault) = (ada(house).await, office(house), &house.vault);
    let proposed = Proposed::ChangeApp {
        app: "shop".to_owned(),
        change: RecordChange::Merge(json!({"cart": 2})),
    };
    let early = office
        .proposals
        .open(&ann(), &who, &proposed, Ground::Ordinary)
        .await;
    assert!(is_absent(&early));
    let data = record(json!({"cart": 1, "paid": true}));
    vault
        .put_app(&ann(), &who, "shop", &data, None, Ground::Ordinary)
        .await
        .unwrap();
    let asked = office.open(&who, &proposed).await;
    office.proposals.approve(&bob(), &asked, None).await.unwrap();
    let app = vault
        .read_app(&ann(), &who, "shop", Ground::Ordinary)
        .await
        .unwrap()
        .value;
    assert_eq!(
        (app.version, app.data.into_value()),
        (2, json!({"cart": 2, "paid": true}))
    );
    // Gone meanwhile: nothing is made anew of a change.
    let asked = office.open(&who, &proposed).await;
    vault
        .delete_app(&ann(), &who, "shop", Ground::Ordinary)
        .await
        .unwrap();
    assert!(is_absent(&office.proposals.approve(&bob(), &asked, None).await));
    assert_eq!(office.status(&asked).await, ProposalStatus::Open);
}

async fn agree(house: &House, office: &Office, who: &SubjectRef) {
    let agreement = Agreement {
        name: "news".to_owned(),
        title: "News".to_owned(),
        text: String::new(),
        language: "en".to_owned(),
        basis: LegalBasis::Consent,
        purposes: std::collections::BTreeSet::new(),
        module: String::new(),
        is_required: false,
        required_message: String::new(),
        is_user_controlled: false,
        is_open: true,
    };
    office.consent.define(&ann(), &agreement).await.unwrap();
    let said = Statement {
        agreement: Some("news".to_owned()),
        ..Statement::new(EventKind::Given, &[], house.clock.now())
    };
    office
        .consent
        .record(&ann(), id(who).as_str(), &said)
        .await
        .unwrap();
}

async fn stands(office: &Office, who: &SubjectRef) -> EventKind {
    let known = office
        .consent
        .agreements_of(&ann().tenant, id(who).as_str())
        .await;
    known.unwrap()[0].status
}

async fn an_agreement_ends_when_that_is_approved(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let proposed = Proposed::WithdrawAgreement("news".to_owned());
    let early = office
        .proposals
        .open(&ann(), &who, &proposed, Ground::Ordinary)
        .await;
    assert!(is_absent(&early));
    agree(house, &office, &who).await;
    let asked = office.open(&who, &proposed).await;
    let again = office
        .proposals
        .open(&ann(), &who, &proposed, Ground::Ordinary)
        .await
        .unwrap();
    assert_eq!((again.id, again.is_new), (asked.clone(), false));
    assert_eq!(stands(&office, &who).await, EventKind::Given);
    house.pass(1);
    office.proposals.approve(&bob(), &asked, None).await.unwrap();
    assert_eq!(stands(&office, &who).await, EventKind::Withdrawn);
    let read = office.proposals.read(&ann(), &asked).await.unwrap().value;
    assert_eq!(
        (read.status, read.object.as_deref()),
        (ProposalStatus::Approved, Some("news"))
    );
}

async fn an_erasure_that_is_approved_leaves_no_trace_of_what_was_asked(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let closed = office.open(&who, &merge(json!({"city": "Bern"}))).await;
    office
        .proposals
        .cancel(&bob(), &closed, Some("canary"))
        .await
        .unwrap();
    let open = office.open(&who, &merge(json!({"city": "Rom"}))).await;
    let token = house
        .vault
        .create_own_token(&ann(), &who, NewOwnToken::default(), Ground::Ordinary)
        .await
        .unwrap();
    let asked = office.open(&who, &Proposed::Forget).await;
    office.proposals.approve(&bob(), &asked, None).await.unwrap();
    assert!(is_absent(&house.read(&who).await));
    for id in [&closed, &open, &asked] {
        assert!(is_absent(&office.proposals.read(&ann(), id).await));
        assert!(is_absent(&office.proposals.approve(&bob(), id, None).await));
        assert!(is_absent(&office.proposals.cancel(&bob(), id, None).await));
    }
    assert!(is_absent(&office.proposals.of_subject(&ann(), &who, ALL).await));
    assert_eq!(house.vault.own_caller(token.token.expose()).await.unwrap(), None);
    let (total, rows) = office.proposals.list(&ann(), ALL).await.unwrap().value;
    assert_eq!(total, 2);
    assert!(
        rows.iter()
            .all(|row| row.subject.is_none() && row.change.is_none() && row.reason.is_none())
    );
    let left: Vec<i64> = house
        .rows(
            "SELECT COUNT(*) FROM proposals WHERE subject IS NOT NULL OR sealed IS NOT NULL OR asked_by <> '' \
             UNION ALL SELECT COUNT(*) FROM own_tokens",
            values![],
        )
        .await;
    assert_eq!(left, [0, 0]);
}

async fn a_legal_hold_keeps_an_erasure_waiting(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let asked = office.open(&who, &Proposed::Forget).await;
    let retention = Retention::new(
        house.store.database().clone(),
        Arc::new(house.vault.clone()),
        house.clock.clone(),
        STORE_TARGETS,
    );
    let hold = Hold {
        subject: Some(id(&who).to_string()),
        category: None,
        until: None,
        reference: "case-1".to_owned(),
        why: "a dispute".to_owned(),
    };
    retention.hold(&ann(), &hold).await.unwrap();
    let approved = office.proposals.approve(&bob(), &asked, None).await.unwrap();
    assert_eq!(approved, Approved::Held(vec!["case-1".to_owned()]));
    assert_eq!(office.status(&asked).await, ProposalStatus::Open);
    assert!(house.read(&who).await.is_ok());
}

async fn a_closed_proposal_stays_closed(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let asked = office.open(&who, &merge(json!({"city": "Bern"}))).await;
    office
        .proposals
        .cancel(&ann(), &asked, Some("not them"))
        .await
        .unwrap();
    assert!(is_closed(&office.proposals.approve(&bob(), &asked, None).await));
    assert!(is_closed(&office.proposals.cancel(&bob(), &asked, None).await));
    assert_eq!(house.read(&who).await.unwrap()["city"], "Ulm");
    let read = office.proposals.read(&ann(), &asked).await.unwrap().value;
    assert_eq!(
        (read.status, read.reason.as_deref()),
        (ProposalStatus::Cancelled, Some("not them"))
    );
}

async fn of_two_who_approve_at_once_one_does(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let add = json!([{"op": "add", "path": "/list/-", "value": 1}]);
    house
        .vault
        .update(&ann(), &who, &json!({"list": []}), None, Ground::Ordinary)
        .await
        .unwrap();
    let asked = office
        .open(&who, &Proposed::ChangeRecord(RecordChange::from_value(add)))
        .await;
    let bob = bob();
    let (one, two) = tokio::join!(
        office.proposals.approve(&bob, &asked, None),
        office.proposals.approve(&bob, &asked, None),
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert!(is_closed(&one) || is_closed(&two), "{one:?} {two:?}");
    assert_eq!(house.read(&who).await.unwrap()["list"], json!([1]));
}

async fn what_cannot_be_done_any_more_waits_on(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let asked = office
        .open(&who, &merge(json!({"email": "ann@example.org"})))
        .await;
    house.create(json!({"email": "ann@example.org"})).await;
    let taken = office.proposals.approve(&bob(), &asked, None).await;
    assert!(
        matches!(&taken, Err(Error::Taken { field }) if field == "email"),
        "{taken:?}"
    );
    assert_eq!(office.status(&asked).await, ProposalStatus::Open);
    assert_eq!(house.read(&who).await.unwrap()["email"], "ada@example.org");
}

async fn erasure_is_asked_for_once(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let first = office.open(&who, &Proposed::Forget).await;
    let again = office
        .proposals
        .open(&bob(), &who, &Proposed::Forget, Ground::Ordinary)
        .await
        .unwrap();
    assert_eq!((again.id.as_str(), again.is_new), (first.as_str(), false));
    office.proposals.cancel(&bob(), &first, None).await.unwrap();
    assert_ne!(office.open(&who, &Proposed::Forget).await, first);
    let changes = [
        office.open(&who, &merge(json!({"n": 1}))).await,
        office.open(&who, &merge(json!({"n": 1}))).await,
    ];
    assert_ne!(changes[0], changes[1]);
}

async fn proposals_are_listed_newest_first_a_page_at_a_time(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let other = house.subject(json!({"login": "bo"})).await;
    let mut made = Vec::new();
    for n in 0..3 {
        // Two of them within one millisecond.
        house.pass(n / 2);
        made.insert(0, office.open(&who, &merge(json!({"n": n}))).await);
    }
    house.pass(1);
    let last = office.open(&other, &Proposed::Forget).await;
    let ids = async |page: ProposalPage| {
        let (total, rows) = office
            .proposals
            .of_subject(&ann(), &who, page)
            .await
            .unwrap()
            .value;
        (total, rows.into_iter().map(|row| row.id).collect::<Vec<_>>())
    };
    let page = ProposalPage { limit: 2, ..ALL };
    assert_eq!(ids(page).await, (3, made[..2].to_vec()));
    assert_eq!(
        ids(ProposalPage { offset: 2, ..page }).await,
        (3, made[2..].to_vec())
    );
    office.proposals.cancel(&bob(), &made[0], None).await.unwrap();
    let listed = async |status| {
        let page = ProposalPage { status, ..ALL };
        let (total, rows) = office.proposals.list(&ann(), page).await.unwrap().value;
        (total, rows.into_iter().map(|row| row.id).collect::<Vec<_>>())
    };
    let open = vec![last.clone(), made[1].clone(), made[2].clone()];
    assert_eq!(listed(Some(ProposalStatus::Open)).await, (3, open));
    assert_eq!(
        listed(Some(ProposalStatus::Cancelled)).await,
        (1, vec![made[0].clone()])
    );
    assert_eq!(listed(None).await.0, 4);
}

async fn another_tenant_sees_no_proposal(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let asked = office.open(&who, &merge(json!({"city": "Bern"}))).await;
    assert!(is_absent(&office.proposals.read(&eve(), &asked).await));
    assert!(is_absent(&office.proposals.approve(&eve(), &asked, None).await));
    assert!(is_absent(&office.proposals.cancel(&eve(), &asked, None).await));
    assert!(is_absent(&office.proposals.of_subject(&eve(), &who, ALL).await));
    assert_eq!(office.proposals.list(&eve(), ALL).await.unwrap().value.0, 0);
}

async fn a_row_that_was_edited_does_not_open(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let other = house.create(json!({"login": "bo"})).await;
    let asked = office.open(&who, &Proposed::Forget).await;
    for (there, back) in [
        (
            "UPDATE proposals SET asked_by = 'bob'",
            "UPDATE proposals SET asked_by = 'ann'",
        ),
        (
            "UPDATE proposals SET status = 'cancelled', closed_at = 1",
            "UPDATE proposals SET status = 'open', closed_at = NULL",
        ),
        (
            "UPDATE proposals SET kind = 'change_record'",
            "UPDATE proposals SET kind = 'forget'",
        ),
    ] {
        house.sql(there, values![]).await;
        assert!(
            is_damaged(&office.proposals.approve(&bob(), &asked, None).await),
            "{there}"
        );
        assert!(is_damaged(&office.proposals.list(&ann(), ALL).await), "{there}");
        house.sql(back, values![]).await;
    }
    house
        .sql("UPDATE proposals SET subject = $1", values![other.as_str()])
        .await;
    assert!(is_damaged(&office.proposals.approve(&bob(), &asked, None).await));
    assert!(house.read(&SubjectRef::Token(other)).await.is_ok());
}

async fn no_more_wait_than_may(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let proposed = merge(json!({"n": 1}));
    for _ in 0..100 {
        office.open(&who, &proposed).await;
    }
    let further = office
        .proposals
        .open(&ann(), &who, &proposed, Ground::Ordinary)
        .await;
    assert!(matches!(further, Err(Error::TooMany { .. })), "{further:?}");
}

async fn the_subject_may_ask_while_restricted(house: &House) {
    let (who, office, vault) = (ada(house).await, office(house), &house.vault);
    let token = vault
        .create_own_token(&ann(), &who, NewOwnToken::default(), Ground::Ordinary)
        .await
        .unwrap();
    let own: Actor = vault
        .own_caller(token.token.expose())
        .await
        .unwrap()
        .unwrap()
        .actor;
    let by_ann = office.open(&who, &merge(json!({"city": "Rom"}))).await;
    vault.restrict(&ann(), &who, true).await.unwrap();
    let ground = Ground::Permitted(privet_vault::PermittedUse::SubjectRequest);
    let proposed = merge(json!({"city": "Bern"}));
    let asked = office
        .proposals
        .open(&own, &who, &proposed, ground)
        .await
        .unwrap()
        .id;
    let refused = office.proposals.approve(&bob(), &by_ann, None).await;
    assert!(matches!(refused, Err(Error::Restricted)), "{refused:?}");
    office.proposals.approve(&bob(), &asked, None).await.unwrap();
    let read = vault
        .read(&ann(), &who, ground)
        .await
        .unwrap()
        .value
        .record
        .into_value();
    assert_eq!(read["city"], "Bern");
}

async fn each_step_of_a_proposal_has_its_leaf(house: &House) {
    let (who, office) = (ada(house).await, office(house));
    let asked = office.open(&who, &merge(json!({"city": "canary-city"}))).await;
    office
        .proposals
        .approve(&bob(), &asked, Some("canary-why"))
        .await
        .unwrap();
    let asked = office.open(&who, &Proposed::Forget).await;
    office.proposals.cancel(&bob(), &asked, None).await.unwrap();
    house
        .vault
        .forget(&ann(), &who, ErasureReason::Request)
        .await
        .unwrap();
    let leaves = house.leaves().await;
    let steps: Vec<&str> = leaves
        .iter()
        .map(String::as_str)
        .filter(|kind| kind.starts_with("proposal_") || *kind == "subject_updated")
        .collect();
    assert_eq!(
        steps,
        [
            "proposal_opened",
            "subject_updated",
            "proposal_approved",
            "proposal_opened",
            "proposal_cancelled"
        ]
    );
    let told: Vec<String> = house
        .rows(
            "SELECT payload FROM audit_events WHERE kind LIKE 'proposal%'",
            values![],
        )
        .await;
    assert_eq!(told.len(), 4);
    assert!(
        told.iter()
            .all(|leaf| !leaf.contains("canary") && leaf.contains("object"))
    );
}
