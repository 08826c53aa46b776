//! What ends by itself: subjects with a lifetime, sessions that slide; and versions of what applications keep, and views.

use std::time::Duration;

use jiff::Timestamp;
use privet_store::values;
use privet_types::Pseudonym;
use privet_vault::{Error, Ground, Lifetime, NewSession, NewView, RecordChange, Source, SubjectRef};
use serde_json::json;

use crate::support::{House, ann, by, eve, is_absent, is_damaged, on_both_databases, record};

on_both_databases! {
    a_subject_is_absent_from_its_last_moment_on_and_then_erased
    uses_lengthen_a_sliding_life_up_to_its_end
    nobody_lengthens_a_life_in_the_database
    an_erased_subject_is_not_taken_over
    versions_of_an_application_are_kept_and_go_with_the_subject
    a_session_keeps_its_name_sealed_and_slides
    a_view_is_of_its_tenant_and_of_its_subject
    counts_leave_out_what_has_ended
}

const ORDINARY: Ground = Ground::Ordinary;

async fn living(house: &House, login: &str, lifetime: Lifetime) -> SubjectRef {
    let records = vec![record(json!({"login": login}))];
    let made = house
        .vault
        .create_many_for(&ann(), records, lifetime)
        .await
        .unwrap();
    made.into_iter().next().unwrap().unwrap().id.into()
}

fn sliding(seconds: u64) -> Lifetime {
    Lifetime {
        until: None,
        sliding: Some(Duration::from_secs(seconds)),
    }
}

fn until(house: &House, seconds: i64) -> Option<Timestamp> {
    use privet_types::Clock;
    Some(house.clock.now() + jiff::SignedDuration::from_secs(seconds))
}

async fn a_subject_is_absent_from_its_last_moment_on_and_then_erased(house: &House) {
    let life = Lifetime {
        until: until(house, 60),
        sliding: None,
    };
    let who = living(house, "ann", life).await;
    let session = NewSession {
        name: Some("s".to_owned()),
        subject: Some(who.clone()),
        ..NewSession::default()
    };
    house.vault.put_session(&ann(), session, ORDINARY).await.unwrap();
    house.pass(59);
    let read = house.vault.read(&ann(), &who, ORDINARY).await.unwrap().value;
    assert_eq!((read.lifetime, read.ends_at), (life, life.until));
    house.pass(1);
    assert!(is_absent(&house.vault.read(&ann(), &who, ORDINARY).await));
    assert!(is_absent(&house.vault.locate(&ann(), &by("login", "ann")).await));
    assert!(is_absent(&house.vault.session(&ann(), "s", ORDINARY).await));
    assert_eq!(house.vault.erase_ended(&eve(), 10).await.unwrap(), 0);
    assert_eq!(house.vault.erase_ended(&ann(), 10).await.unwrap(), 1);
    let left: Vec<i64> = house
        .rows("SELECT COUNT(*) FROM subject_versions", values![])
        .await;
    assert_eq!(left, [0]);
    living(house, "ann", Lifetime::default()).await;
}

async fn uses_lengthen_a_sliding_life_up_to_its_end(house: &House) {
    let life = Lifetime {
        until: until(house, 100),
        ..sliding(40)
    };
    let who = living(house, "ann", life).await;
    for _ in 0..3 {
        house.pass(30);
        house.vault.locate(&ann(), &who).await.unwrap();
    }
    house.pass(10);
    assert!(is_absent(&house.vault.locate(&ann(), &who).await));
}

async fn nobody_lengthens_a_life_in_the_database(house: &House) {
    let who = living(house, "ann", sliding(40)).await;
    house
        .sql("UPDATE subjects SET sliding_ms = sliding_ms * 1000", values![])
        .await;
    assert!(is_damaged(&house.vault.read(&ann(), &who, ORDINARY).await));
}

async fn an_erased_subject_is_not_taken_over(house: &House) {
    let who = living(house, "ann", Lifetime::default()).await;
    let reason = privet_vault::ErasureReason::Request;
    house.vault.forget(&ann(), &who, reason).await.unwrap();
    let records = vec![record(json!({"login": "ann"})), record(json!({"login": "bea"}))];
    let taken = house
        .vault
        .take_over(&ann(), records, Lifetime::default())
        .await
        .unwrap();
    assert!(matches!(taken[0], Err(Error::WasErased)), "{taken:?}");
    assert!(taken[1].is_ok(), "{taken:?}");
}

async fn versions_of_an_application_are_kept_and_go_with_the_subject(house: &House) {
    let (vault, who) = (&house.vault, living(house, "ann", Lifetime::default()).await);
    for n in 1..=5 {
        vault
            .put_app(&ann(), &who, "shop", &record(json!({ "n": n })), None, ORDINARY)
            .await
            .unwrap();
    }
    // Three are kept, as the settings say.
    let listed = vault
        .app_versions(&ann(), &who, "shop", ORDINARY)
        .await
        .unwrap()
        .value;
    assert_eq!(
        listed.iter().map(|info| info.version).collect::<Vec<_>>(),
        [5, 4, 3]
    );
    let old = vault
        .read_app_version(&ann(), &who, "shop", 3, ORDINARY)
        .await
        .unwrap()
        .value;
    assert_eq!(old.data.into_value(), json!({"n": 3}));
    assert!(is_absent(
        &vault.read_app_version(&ann(), &who, "shop", 2, ORDINARY).await
    ));
    let patch = RecordChange::Operations(vec![json!({"op": "remove", "path": "/none"})]);
    let refused = vault
        .amend_app(&ann(), &who, "shop", &patch, None, ORDINARY)
        .await;
    assert!(matches!(refused, Err(Error::BadField { .. })), "{refused:?}");
    assert_eq!(vault.app_names(&ann()).await.unwrap(), ["shop"]);
    assert!(vault.app_names(&eve()).await.unwrap().is_empty());
    house
        .sql(
            "UPDATE subject_app_versions SET version = 2 WHERE version = 3",
            values![],
        )
        .await;
    assert!(is_damaged(
        &vault.read_app_version(&ann(), &who, "shop", 2, ORDINARY).await
    ));
    let reason = privet_vault::ErasureReason::Request;
    vault.forget(&ann(), &who, reason).await.unwrap();
    let left: Vec<i64> = house
        .rows("SELECT COUNT(*) FROM subject_app_versions", values![])
        .await;
    assert_eq!(left, [0]);
}

async fn a_session_keeps_its_name_sealed_and_slides(house: &House) {
    let (vault, who) = (&house.vault, living(house, "ann", Lifetime::default()).await);
    let session = NewSession {
        name: Some("named".to_owned()),
        subject: Some(who.clone()),
        data: record(json!({"page": 1})),
        ttl: Some(Duration::from_secs(100)),
        sliding: Some(Duration::from_secs(40)),
        keeps_name: true,
    };
    vault.put_session(&ann(), session, ORDINARY).await.unwrap();
    let listed = vault.sessions(&ann(), &who, ORDINARY).await.unwrap().value;
    assert_eq!(listed[0].name.as_deref(), Some("named"));
    assert_eq!(listed[0].data, record(json!({"page": 1})));
    for _ in 0..3 {
        house.pass(30);
        let read = vault.session(&ann(), "named", ORDINARY).await.unwrap().value;
        assert!(Some(read.expires_at) <= read.until, "{read:?}");
    }
    house
        .sql(
            "UPDATE subject_sessions SET until_at = until_at + 1000000",
            values![],
        )
        .await;
    assert!(is_damaged(&vault.session(&ann(), "named", ORDINARY).await));
    house.pass(11);
    assert!(is_absent(&vault.session(&ann(), "named", ORDINARY).await));
}

async fn a_view_is_of_its_tenant_and_of_its_subject(house: &House) {
    let (vault, who) = (
        &house.vault,
        house
            .subject(json!({"login": "ann", "at": {"city": "Ulm"}}))
            .await,
    );
    let other = living(house, "bea", Lifetime::default()).await;
    let session = NewSession {
        name: Some("hers".to_owned()),
        subject: Some(other),
        ..NewSession::default()
    };
    vault.put_session(&ann(), session, ORDINARY).await.unwrap();
    let view = |source, paths: &[&str]| NewView {
        source,
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        partner: Some("shop".to_owned()),
        ttl: Duration::from_secs(60),
    };
    for source in [Source::Session("hers".to_owned()), Source::App("none".to_owned())] {
        let refused = vault.share_view(&ann(), &who, &view(source, &[]), ORDINARY).await;
        assert!(is_absent(&refused), "{refused:?}");
    }
    let new = view(Source::Record, &["at.city", "at.none"]);
    let share = vault.share_view(&ann(), &who, &new, ORDINARY).await.unwrap();
    let (token, holder) = (share.token.expose(), Pseudonym("holder".to_owned()));
    let seen = vault.viewed(&ann().tenant, token, &holder).await.unwrap();
    assert_eq!(seen.value.data, json!({"at.city": "Ulm", "at.none": null}));
    assert_eq!(
        (seen.value.partner.as_deref(), seen.access.fields),
        (Some("shop"), 2)
    );
    assert!(is_absent(&vault.viewed(&eve().tenant, token, &holder).await));
    house.pass(60);
    assert!(is_absent(&vault.viewed(&ann().tenant, token, &holder).await));
}

async fn counts_leave_out_what_has_ended(house: &House) {
    living(house, "ann", sliding(40)).await;
    living(house, "bea", Lifetime::default()).await;
    let session = NewSession {
        ttl: Some(Duration::from_secs(40)),
        ..NewSession::default()
    };
    house.vault.put_session(&ann(), session, ORDINARY).await.unwrap();
    let counts = house.vault.counts(&ann()).await.unwrap();
    assert_eq!((counts.subjects, counts.sessions, counts.tokens), (2, 1, 0));
    house.pass(40);
    let counts = house.vault.counts(&ann()).await.unwrap();
    assert_eq!((counts.subjects, counts.sessions), (1, 0));
    assert_eq!(house.vault.counts(&eve()).await.unwrap().subjects, 0);
}
