//! Reports of all that is held of a subject: how large they are, and how many are made at one time.

use std::sync::Arc;

use privet_store::values;
use privet_vault::{
    CodeDelivery, CodeMessage, Consent, ConsentConfig, Delivered, Error, Ground, NewCall, RequestConfig,
    Requests, SubjectRef,
};
use serde_json::{Value, json};

use crate::support::{House, ann, eve, is_absent, on_both_databases, record};

on_both_databases! {
    who_has_too_much_for_a_report_is_refused_before_anything_is_opened
    a_report_that_grows_past_its_bound_is_given_up
    one_report_is_made_at_a_time_by_all_clones
}

struct Nobody;

impl CodeDelivery for Nobody {
    fn deliver<'a>(&'a self, _: CodeMessage<'a>) -> Delivered<'a> {
        Box::pin(async { false })
    }
}

fn requests(house: &House) -> Requests {
    let consent = Consent::new(
        house.store.database().clone(),
        Arc::new(house.vault.clone()),
        house.clock.clone(),
        ConsentConfig::default(),
    );
    let config = RequestConfig::default();
    Requests::new(house.vault.clone(), consent, Arc::new(Nobody), config).unwrap()
}

async fn with_apps(house: &House, data: &Value) -> SubjectRef {
    let who = house.subject(json!({"login": "ada"})).await;
    for app in ["one", "two"] {
        let data = record(data.clone());
        house
            .vault
            .put_app(&ann(), &who, app, &data, None, Ground::Ordinary)
            .await
            .unwrap();
    }
    who
}

async fn who_has_too_much_for_a_report_is_refused_before_anything_is_opened(house: &House) {
    let who = with_apps(house, &json!({"text": "x".repeat(20_000)})).await;
    let requests = requests(house).with_report_bytes(30_000);
    // What cannot be opened is damaged, if it is opened at all.
    house
        .sql(
            "UPDATE subject_apps SET version = 7 WHERE app = $1",
            values!["one"],
        )
        .await;
    let refused = requests.report(&ann(), &who).await.map(|_| ());
    let what = "bytes of a report";
    assert!(
        matches!(refused, Err(Error::TooMany { what: known, most: 30_000 }) if known == what),
        "{refused:?}"
    );
    let whole = requests.with_report_bytes(1 << 20);
    let refused = whole.report(&ann(), &who).await.map(|_| ());
    assert!(matches!(refused, Err(Error::Damaged { .. })), "{refused:?}");
}

async fn a_report_that_grows_past_its_bound_is_given_up(house: &House) {
    let who = with_apps(house, &json!({"text": "x"})).await;
    let SubjectRef::Token(id) = who.clone() else {
        panic!("an id");
    };
    for _ in 0..150 {
        let call = NewCall {
            call: "UserGet",
            why: None,
            subject: Some(id.clone()),
            mode: None,
            app: None,
            note: None,
            fields: 1,
            subjects: 1,
            version: None,
            wrote: None,
            since: None,
        };
        house.vault.tell_call(&ann(), call).await.unwrap();
    }
    // What is sealed fits, and the events do not.
    let requests = requests(house).with_report_bytes(8_000);
    let report = requests.report(&ann(), &who).await.unwrap().value;
    for refused in [report.to_json(), report.to_html()] {
        assert!(
            matches!(refused, Err(Error::TooMany { most: 8_000, .. })),
            "{refused:?}"
        );
    }
    drop(report);
    let report = requests.with_report_bytes(1 << 20);
    let report = report.report(&ann(), &who).await.unwrap().value;
    let text: Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
    assert_eq!(text["applications"].as_array().map(Vec::len), Some(2));
    let html = report.to_html().unwrap();
    assert!(html.contains("<h2>Applications</h2>") && html.contains("<h2>What was done</h2>"));
}

async fn one_report_is_made_at_a_time_by_all_clones(house: &House) {
    let who = house.subject(json!({"login": "ada"})).await;
    let (one, two) = (requests(house), requests(house));
    let same = one.clone();
    let report = one.report(&ann(), &who).await.unwrap();
    for busy in [&one, &same] {
        let refused = busy.report(&ann(), &who).await.map(|_| ());
        assert!(
            matches!(refused, Err(Error::Busy { what: "report" })),
            "{refused:?}"
        );
        // Nobody learns from it who is there.
        let refused = busy.report(&eve(), &who).await.map(|_| ());
        assert!(matches!(refused, Err(Error::Busy { .. })), "{refused:?}");
    }
    assert!(two.report(&ann(), &who).await.is_ok());
    drop(report);
    assert!(same.report(&ann(), &who).await.is_ok());
    // Who is refused gives the place back.
    assert!(is_absent(&one.report(&eve(), &who).await.map(|_| ())));
    assert!(one.report(&ann(), &who).await.is_ok());
}
