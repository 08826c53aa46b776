//! Retention on a store.

use std::sync::Arc;

use privet_store::{Scope, Value, values};
use privet_types::Budget;
use privet_vault::{
    Error, ExpiryState, Hold, LegalBasis, Retention, RetentionPolicy, RetentionTarget, STORE_TARGETS,
    TargetSurface, TargetTime,
};

use crate::site::{DAY, START, Site, actor, on_both, purpose, recipient};

const NOTES: RetentionTarget = RetentionTarget {
    name: "notes",
    table: "notes",
    key: &["id"],
    tenant: "tenant",
    time: TargetTime::Since("at"),
    category: "note",
    surface: TargetSurface::Column("surface"),
    purpose: Some("purpose"),
    subject: Some("subject"),
};
const PROMPTS: RetentionTarget = RetentionTarget {
    name: "prompts",
    time: TargetTime::Partition {
        column: "day",
        width_ms: DAY,
    },
    category: "prompt",
    ..NOTES
};
const ENDING: RetentionTarget = RetentionTarget {
    name: "ending",
    time: TargetTime::Until("ends"),
    category: "session",
    ..NOTES
};

/// A row of the table `notes`: tenant, id, age in days, subject, purpose, and days until it ends.
type Note = (
    &'static str,
    &'static str,
    i64,
    &'static str,
    Option<&'static str>,
    Option<i64>,
);

async fn fill(site: &Site, notes: &[Note]) {
    let rows: Vec<Vec<Value>> = notes
        .iter()
        .map(|(tenant, id, age, subject, purpose, ends)| {
            let at = START - age * DAY;
            values![
                *tenant,
                *id,
                at,
                at.div_euclid(DAY),
                *subject,
                *purpose,
                "chat",
                ends.map(|days| START + days * DAY)
            ]
        })
        .collect();
    let done: Result<u64, privet_store::Error> = site
        .store
        .database()
        .write(&Scope::Installation, move |tx| {
            Box::pin(async move {
                tx.insert_many(
                    "INSERT INTO notes (tenant, id, at, day, subject, purpose, surface, ends)",
                    rows,
                    "",
                )
                .await
            })
        })
        .await;
    done.unwrap();
}

async fn left(site: &Site) -> Vec<String> {
    site.store
        .database()
        .read::<_, privet_store::Error, _>(&Scope::Installation, |tx| {
            Box::pin(async move { tx.rows("SELECT id FROM notes ORDER BY id", values![]).await })
        })
        .await
        .unwrap()
}

/// Runs `test` on both databases, in a store that has a table of another room.
async fn with_notes<F: Future<Output = ()>>(test: impl Fn(Arc<Site>) -> F) {
    let test = &test;
    on_both(|site: Arc<Site>| async move {
        site.make_notes().await;
        test(site).await;
    })
    .await;
}

async fn keep(site: &Site, name: &str, purpose: Option<&str>, keep_days: u32) {
    let policy = RetentionPolicy {
        name: name.to_owned(),
        purpose: purpose.map(str::to_owned),
        category: Some("note".to_owned()),
        surface: None,
        keep_days,
        grace_days: 1,
        ground: "test".to_owned(),
    };
    site.consent.define(&site.actor, &policy).await.unwrap();
}

async fn sweep(site: &Site, retention: &Retention) -> u64 {
    let report = retention.sweep(site.now(), &Budget::unlimited()).await.unwrap();
    assert!(report.is_complete);
    report.rows()
}

fn hold(subject: Option<&str>) -> Hold {
    Hold {
        subject: subject.map(str::to_owned),
        category: None,
        until: None,
        reference: "case-7".to_owned(),
        why: "Ada Canary sues".to_owned(),
    }
}

#[tokio::test]
async fn what_is_past_its_time_goes_by_the_strongest_policy_and_the_rest_stays() {
    with_notes(|site: Arc<Site>| async move {
        site.consent.define(&site.actor, &recipient()).await.unwrap();
        site.consent
            .define(&site.actor, &purpose("billing", LegalBasis::LegalObligation))
            .await
            .unwrap();
        keep(&site, "notes", None, 10).await;
        keep(&site, "invoices", Some("billing"), 100).await;
        fill(
            &site,
            &[
                ("default", "a-old", 11, "ada", None, None),
                ("default", "b-new", 9, "ada", None, None),
                ("default", "c-bill", 50, "bo", Some("billing"), None),
                ("default", "d-old-bill", 101, "bo", Some("billing"), None),
                ("default", "e-other", 11, "bo", Some("support"), None),
                ("stranger", "f-other-tenant", 500, "bo", None, None),
            ],
        )
        .await;
        let retention = site.retention(&[NOTES]);
        assert_eq!(sweep(&site, &retention).await, 3);
        assert_eq!(left(&site).await, ["b-new", "c-bill", "f-other-tenant"]);
        assert_eq!(sweep(&site, &retention).await, 0);
        let leaves = site.leaves().await;
        let told: Vec<_> = leaves
            .iter()
            .filter(|(kind, _)| kind == "retention_swept")
            .collect();
        assert_eq!(told.len(), 2);
        assert!(
            told.iter().any(|(_, payload)| payload.contains("\"rows\":2")),
            "{told:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn prompts_are_not_kept_and_go_by_partition() {
    with_notes(|site: Arc<Site>| async move {
        fill(
            &site,
            &[
                ("default", "a", 1, "ada", None, None),
                ("default", "b", 0, "ada", None, None),
            ],
        )
        .await;
        let retention = site.retention(&[PROMPTS]);
        // The partition of today is not over.
        assert_eq!(sweep(&site, &retention).await, 1);
        site.pass(DAY);
        assert_eq!(sweep(&site, &retention).await, 1);
    })
    .await;
}

#[tokio::test]
async fn what_ends_by_itself_goes_at_its_end() {
    with_notes(|site: Arc<Site>| async move {
        fill(
            &site,
            &[
                ("default", "a", 9, "ada", None, Some(0)),
                ("stranger", "b", 9, "ada", None, Some(-3)),
                ("default", "c", 9, "ada", None, Some(1)),
                ("default", "d", 9, "ada", None, None),
            ],
        )
        .await;
        assert_eq!(sweep(&site, &site.retention(&[ENDING])).await, 2);
        assert_eq!(left(&site).await, ["c", "d"]);
    })
    .await;
}

#[tokio::test]
async fn a_spent_budget_ends_a_sweep_and_the_next_goes_on() {
    with_notes(|site: Arc<Site>| async move {
        keep(&site, "notes", None, 1).await;
        let ids: Vec<&'static str> = (0..1200).map(|id| &*format!("{id:05}").leak()).collect();
        let notes: Vec<Note> = ids
            .iter()
            .map(|id| ("default", *id, 5, "ada", None, None))
            .collect();
        fill(&site, &notes).await;
        let retention = site.retention(&[NOTES]);
        let report = retention.sweep(site.now(), &Budget::new(700)).await.unwrap();
        assert!(!report.is_complete);
        assert!((600..=700).contains(&report.rows()), "{report:?}");
        assert_eq!(sweep(&site, &retention).await, 1200 - report.rows());
        assert!(left(&site).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_hold_keeps_a_subject_or_everybody_until_it_ends() {
    with_notes(|site: Arc<Site>| async move {
        keep(&site, "notes", None, 1).await;
        fill(
            &site,
            &[
                ("default", "a", 5, "ada", None, None),
                ("default", "b", 5, "bo", None, None),
            ],
        )
        .await;
        let retention = site.retention(&[NOTES]);
        let on_ada = retention.hold(&site.actor, &hold(Some("ada"))).await.unwrap();
        let everybody = Hold {
            until: Some(site.now() + jiff::SignedDuration::from_hours(24)),
            ..hold(None)
        };
        retention.hold(&site.actor, &everybody).await.unwrap();
        assert_eq!(sweep(&site, &retention).await, 0);
        assert_eq!(retention.holds_on(site.tenant(), "bo").await.unwrap().len(), 1);
        assert_eq!(
            retention.holds_on(site.tenant(), "ada").await.unwrap()[0].reference,
            "case-7"
        );
        assert!(
            retention
                .holds(&actor("stranger").tenant)
                .await
                .unwrap()
                .is_empty()
        );
        site.pass(DAY);
        assert_eq!(sweep(&site, &retention).await, 1);
        assert_eq!(left(&site).await, ["a"]);
        assert_eq!(retention.end_due_holds(&site.actor).await.unwrap(), 1);
        assert!(!retention.release(&actor("stranger"), &on_ada).await.unwrap());
        assert!(retention.release(&site.actor, &on_ada).await.unwrap());
        assert!(!retention.release(&site.actor, &on_ada).await.unwrap());
        assert_eq!(sweep(&site, &retention).await, 1);
        let leaves = site.leaves().await;
        let kinds: Vec<_> = leaves.iter().map(|(kind, _)| kind.as_str()).collect();
        for kind in ["hold_placed", "hold_ended", "hold_released"] {
            assert!(kinds.contains(&kind), "{kinds:?}");
        }
        assert!(
            !leaves
                .iter()
                .any(|(_, payload)| payload.contains("\"ada\"") || payload.contains("Canary"))
        );
    })
    .await;
}

#[tokio::test]
async fn a_hold_that_does_not_fit_is_refused_by_field() {
    with_notes(|site: Arc<Site>| async move {
        let retention = site.retention(&[]);
        let bad = [
            (
                "reference",
                Hold {
                    reference: "Ada Canary".to_owned(),
                    ..hold(None)
                },
            ),
            (
                "why",
                Hold {
                    why: " ".to_owned(),
                    ..hold(None)
                },
            ),
            (
                "until",
                Hold {
                    until: Some(site.now()),
                    ..hold(None)
                },
            ),
        ];
        for (wanted, hold) in bad {
            let error = retention.hold(&site.actor, &hold).await.unwrap_err();
            assert!(
                matches!(&error, Error::BadField { field, .. } if field == wanted),
                "{error}"
            );
        }
        let error = retention
            .hold(&site.actor, &hold(Some("nobody")))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Absent { .. }));
        assert!(retention.holds(site.tenant()).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn compliance_counts_what_is_overdue_and_what_no_policy_is_for() {
    with_notes(|site: Arc<Site>| async move {
        site.consent.define(&site.actor, &recipient()).await.unwrap();
        site.consent
            .define(&site.actor, &purpose("billing", LegalBasis::LegalObligation))
            .await
            .unwrap();
        keep(&site, "invoices", Some("billing"), 10).await;
        fill(
            &site,
            &[
                ("default", "a-good", 5, "ada", Some("billing"), None),
                ("default", "b-in-grace", 11, "ada", Some("billing"), None),
                ("default", "c-overdue", 30, "ada", Some("billing"), None),
                ("default", "d-held", 30, "bo", Some("billing"), None),
                ("default", "e-no-policy", 1, "ada", None, None),
            ],
        )
        .await;
        let retention = site.retention(&[NOTES]);
        retention.hold(&site.actor, &hold(Some("bo"))).await.unwrap();
        let report = retention.report(site.tenant(), site.now()).await.unwrap();
        let rows: Vec<_> = report
            .rows
            .iter()
            .map(|row| (row.has_policy, row.items, row.overdue, row.held))
            .collect();
        assert_eq!(rows, [(true, 4, 1, 1), (false, 1, 0, 0)]);
        assert_eq!(report.rows[0].oldest, Some(START - 30 * DAY));
        assert_eq!(
            (report.compliance.value, report.compliance.sample_size),
            (Some(0.6), 5)
        );
        sweep(&site, &retention).await;
        let report = retention.report(site.tenant(), site.now()).await.unwrap();
        assert_eq!((report.rows[0].items, report.rows[0].overdue), (2, 0));
    })
    .await;
}

#[tokio::test]
async fn a_scheduled_deletion_waits_can_be_cancelled_and_comes_due() {
    with_notes(|site: Arc<Site>| async move {
        let retention = site.retention(&[]);
        assert_eq!(retention.expiry(site.tenant(), "ada").await.unwrap(), None);
        let end = site.now() + jiff::SignedDuration::from_hours(24);
        retention.start_expiry(&site.actor, "ada", end).await.unwrap();
        let status = retention.expiry(site.tenant(), "ada").await.unwrap().unwrap();
        assert_eq!(
            (status.state, status.expires_at),
            (ExpiryState::Wait, Some(START + DAY))
        );
        assert!(retention.cancel_expiry(&site.actor, "ada").await.unwrap());
        assert!(!retention.cancel_expiry(&site.actor, "ada").await.unwrap());
        assert_eq!(retention.expiry(site.tenant(), "ada").await.unwrap(), None);
        retention.start_expiry(&site.actor, "ada", end).await.unwrap();
        assert!(
            retention
                .due_expiries(site.tenant(), 10)
                .await
                .unwrap()
                .is_empty()
        );
        site.pass(DAY);
        assert_eq!(retention.due_expiries(site.tenant(), 10).await.unwrap(), ["ada"]);
        assert!(
            retention
                .due_expiries(&actor("stranger").tenant, 10)
                .await
                .unwrap()
                .is_empty()
        );
        let held = retention.hold(&site.actor, &hold(Some("ada"))).await.unwrap();
        assert!(
            retention
                .due_expiries(site.tenant(), 10)
                .await
                .unwrap()
                .is_empty()
        );
        assert!(
            retention
                .expiry(site.tenant(), "ada")
                .await
                .unwrap()
                .unwrap()
                .is_held
        );
        retention.release(&site.actor, &held).await.unwrap();
        assert_eq!(retention.due_expiries(site.tenant(), 10).await.unwrap(), ["ada"]);
        let missing = retention
            .start_expiry(&site.actor, "nobody", end)
            .await
            .unwrap_err();
        assert!(matches!(missing, Error::BadField { .. } | Error::Absent { .. }));
    })
    .await;
}

#[tokio::test]
async fn a_link_keeps_or_deletes_once_and_for_its_own_tenant() {
    with_notes(|site: Arc<Site>| async move {
        let retention = site.retention(&[]);
        let end = site.now() + jiff::SignedDuration::from_hours(24);
        let replaced = retention.start_expiry(&site.actor, "ada", end).await.unwrap();
        let ada = retention.start_expiry(&site.actor, "ada", end).await.unwrap();
        let bo = retention.start_expiry(&site.actor, "bo", end).await.unwrap();
        for (who, token) in [(&site.actor, &replaced), (&actor("stranger"), &ada)] {
            let error = retention.delete_by_token(who, token).await.unwrap_err();
            assert!(matches!(error, Error::Absent { what: "token" }));
        }
        assert_eq!(retention.retain_by_token(&site.actor, &ada).await.unwrap(), "ada");
        assert!(retention.delete_by_token(&site.actor, &ada).await.is_err());
        let status = retention.expiry(site.tenant(), "ada").await.unwrap().unwrap();
        assert_eq!((status.state, status.expires_at), (ExpiryState::Retain, None));
        assert_eq!(retention.delete_by_token(&site.actor, &bo).await.unwrap(), "bo");
        assert_eq!(retention.due_expiries(site.tenant(), 10).await.unwrap(), ["bo"]);
        let leaves = site.leaves().await;
        // Whole words: `ada` are hexadecimal digits, too, and turn up in hashes by chance.
        let names_ada = |payload: &str| {
            payload
                .split(|sign: char| !sign.is_alphanumeric())
                .any(|word| word == "ada")
        };
        assert!(
            !leaves
                .iter()
                .any(|(_, payload)| names_ada(payload) || payload.contains(&bo))
        );
    })
    .await;
}

#[tokio::test]
async fn the_stores_own_tables_are_swept_and_counted() {
    on_both(|site: Arc<Site>| async move {
        let rows = [("a", Some(START - 1)), ("b", Some(START + DAY)), ("c", None)];
        let rows = rows
            .map(|(token, ends)| {
                values![
                    "default",
                    token,
                    "word",
                    [7_u8; 16],
                    false,
                    START - DAY,
                    ends,
                    [0_u8; 3]
                ]
            })
            .to_vec();
        let done: Result<u64, privet_store::Error> = site
            .store
            .database()
            .write(&Scope::Tenant(site.tenant().clone()), move |tx| {
                Box::pin(async move {
                    tx.insert_many(
                        "INSERT INTO vault_tokens \
                         (tenant, token, kind, key_id, preserves_format, created_at, expires_at, sealed)",
                        rows,
                        "",
                    )
                    .await
                })
            })
            .await;
        done.unwrap();
        let retention = site.retention(STORE_TARGETS);
        let before = retention.report(site.tenant(), site.now()).await.unwrap();
        assert_eq!(
            (before.compliance.value, before.compliance.sample_size),
            (Some(1.0), 3)
        );
        assert_eq!(sweep(&site, &retention).await, 1);
        let after = retention.report(site.tenant(), site.now()).await.unwrap();
        assert_eq!(after.compliance.sample_size, 2);
    })
    .await;
}
