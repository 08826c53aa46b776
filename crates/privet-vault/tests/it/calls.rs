//! Calls of Databunker's interfaces are listed for their subject, until that is erased.

use privet_store::values;
use privet_types::Pseudonym;
use privet_vault::{Actor, ErasureReason, Ground, NewCall, RecordChange, SubjectId, SubjectRef};
use serde_json::json;

use crate::support::{House, ann, eve, is_absent, is_damaged, on_both_databases};

on_both_databases! {
    calls_are_listed_newest_first_and_a_page_at_a_time
    an_erased_subject_is_named_by_no_call
    nobody_lets_a_call_be_about_somebody_else
    what_a_call_led_to_is_listed_as_the_call_alone
}

fn about(call: &'static str, subject: Option<&SubjectId>) -> NewCall {
    NewCall {
        call,
        why: None,
        subject: subject.cloned(),
        mode: Some("email"),
        app: Some("shop".to_owned()),
        note: Some("Partner GmbH".to_owned()),
        fields: 2,
        subjects: 1,
        version: None,
        wrote: None,
        since: None,
    }
}

async fn tell(house: &House, call: NewCall) {
    house.vault.tell_call(&ann(), call).await.unwrap();
}

async fn calls_are_listed_newest_first_and_a_page_at_a_time(house: &House) {
    let vault = &house.vault;
    let (one, two) = (
        house.create(json!({"age": 1})).await,
        house.create(json!({"age": 2})).await,
    );
    for call in ["UserCreate", "UserGet", "UserUpdate"] {
        tell(house, about(call, Some(&one))).await;
    }
    let refused = NewCall {
        why: Some("bad_field"),
        ..about("UserPatch", Some(&one))
    };
    tell(house, refused).await;
    tell(house, about("UserGet", Some(&two))).await;
    tell(house, about("UserGet", None)).await;
    let page = vault.events_of(&ann(), &one, 0, 10).await.unwrap();
    let done: Vec<(&str, bool)> = page
        .rows
        .iter()
        .map(|row| (row.call.as_str(), row.why.is_some()))
        .collect();
    assert_eq!(
        done,
        [
            ("UserPatch", true),
            ("UserUpdate", false),
            ("UserGet", false),
            ("UserCreate", false),
            ("subject_created", false)
        ]
    );
    assert_eq!(page.total, 5);
    let part = vault.events_of(&ann(), &one, 1, 2).await.unwrap();
    assert_eq!((part.total, part.rows.as_slice()), (5, &page.rows[1..3]));
    let all = vault.all_events(&ann(), 0, 10).await.unwrap();
    assert_eq!((all.total, all.rows.len()), (8, 8));
    let rest = vault.all_events(&ann(), 6, 10).await.unwrap();
    assert_eq!((rest.total, rest.rows.as_slice()), (8, &all.rows[6..]));
    assert_eq!(
        (all.rows[0].subject.as_ref(), all.rows[1].subject.as_ref()),
        (None, Some(&two))
    );
    // What is not about a subject is not kept beside one.
    assert_eq!(
        (all.rows[0].app.as_ref(), all.rows[0].note.as_ref()),
        (None, None)
    );
    let first = &page.rows[3];
    assert_eq!(vault.call(&ann(), &first.id).await.unwrap(), *first);
    assert_eq!(
        (first.mode.as_deref(), first.app.as_deref()),
        (Some("email"), Some("shop"))
    );
    assert!(is_absent(&vault.call(&eve(), &first.id).await));
    assert_eq!(vault.all_events(&eve(), 0, 10).await.unwrap().total, 0);
    let leaves = house.leaves().await;
    assert_eq!(leaves.iter().filter(|kind| *kind == "vault_call").count(), 6);
    let told: Vec<String> = house.rows("SELECT payload FROM audit_events", values![]).await;
    let text = told.concat();
    assert!(!text.contains(one.as_str()) && !text.contains("Partner") && !text.contains("shop"));
}

async fn an_erased_subject_is_named_by_no_call(house: &House) {
    let vault = &house.vault;
    let id = house.create(json!({"login": "ann"})).await;
    tell(house, about("UserCreate", Some(&id))).await;
    let known = vault.events_of(&ann(), &id, 0, 10).await.unwrap().rows[0]
        .id
        .clone();
    let who = SubjectRef::Token(id.clone());
    vault.forget(&ann(), &who, ErasureReason::Request).await.unwrap();
    // As the call that erased, if it named the subject.
    tell(house, about("UserDelete", Some(&id))).await;
    assert!(is_absent(&vault.events_of(&ann(), &id, 0, 10).await));
    let all = vault.all_events(&ann(), 0, 10).await.unwrap();
    assert!(
        all.rows
            .iter()
            .all(|row| row.subject.is_none() && row.app.is_none())
    );
    let calls: Vec<_> = all
        .rows
        .iter()
        .filter(|row| row.call.starts_with("User"))
        .collect();
    let told: Vec<_> = calls.iter().map(|row| row.call.as_str()).collect();
    assert_eq!(told, ["UserDelete", "UserCreate"]);
    assert!(calls.iter().all(|row| row.note.is_none()));
    assert_eq!(vault.call(&ann(), &known).await.unwrap().subject, None);
    let rows: Vec<i64> = house
        .rows(
            "SELECT COUNT(*) FROM vault_calls WHERE subject IS NOT NULL",
            values![],
        )
        .await;
    assert_eq!(rows, [0]);
}

async fn nobody_lets_a_call_be_about_somebody_else(house: &House) {
    let id = house.create(json!({"age": 1})).await;
    tell(house, about("UserGet", None)).await;
    house
        .sql("UPDATE vault_calls SET subject = $1", values![id.as_str()])
        .await;
    assert!(is_damaged(&house.vault.all_events(&ann(), 0, 10).await));
}

async fn what_a_call_led_to_is_listed_as_the_call_alone(house: &House) {
    let vault = &house.vault;
    let id = house.create(json!({"login": "ada"})).await;
    let who = SubjectRef::Token(id.clone());
    let change = |city: &str| RecordChange::Merge(json!({ "city": city }));
    let other = Actor {
        principal: Pseudonym("somebody-else".to_owned()),
        ..ann()
    };
    let since = vault.newest_event(&ann()).await.unwrap();
    let ground = Ground::Ordinary;
    vault
        .amend(&ann(), &who, &change("Bern"), None, ground)
        .await
        .unwrap();
    vault
        .amend(&other, &who, &change("Ulm"), None, ground)
        .await
        .unwrap();
    let call = NewCall {
        since: Some(since),
        version: Some(2),
        ..about("UserUpdate", Some(&id))
    };
    tell(house, call).await;
    vault
        .amend(&ann(), &who, &change("Jena"), None, ground)
        .await
        .unwrap();
    let page = vault.events_of(&ann(), &id, 0, 10).await.unwrap();
    let told: Vec<_> = page
        .rows
        .iter()
        .map(|row| (row.call.as_str(), row.version))
        .collect();
    assert_eq!(
        told,
        [
            ("subject_updated", Some(4)),
            ("UserUpdate", Some(2)),
            ("subject_updated", Some(3)),
            ("subject_created", Some(1)),
        ]
    );
    assert_eq!(page.total, 4);
    let (native, theirs) = (&page.rows[0], &page.rows[2]);
    assert_eq!(
        (&native.subject, &theirs.principal.0),
        (&Some(id.clone()), &"somebody-else".to_owned())
    );
    assert_eq!(vault.call(&ann(), &native.id).await.unwrap(), *native);
    assert!(is_absent(&vault.call(&eve(), &native.id).await));
    // Who reads the whole log has an id that nobody else can use, and that does not say whom it is about.
    let all = vault.all_events(&ann(), 0, 10).await.unwrap();
    let known = &all.rows[0];
    assert_eq!((&known.call, &known.subject), (&native.call, &None));
    assert_eq!(vault.any_call(&ann(), &known.id).await.unwrap(), *known);
    assert_eq!(vault.any_call(&ann(), &native.id).await.unwrap(), *native);
    assert!(is_absent(&vault.call(&ann(), &known.id).await));
    assert!(is_absent(&vault.any_call(&eve(), &known.id).await));
    let rest = vault.events_of(&ann(), &id, 3, 10).await.unwrap();
    assert_eq!(rest.rows.as_slice(), &page.rows[3..]);
    vault.forget(&ann(), &who, ErasureReason::Request).await.unwrap();
    assert!(is_absent(&vault.call(&ann(), &native.id).await));
}
