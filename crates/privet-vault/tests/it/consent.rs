//! Consent on a store.

use std::collections::BTreeMap;
use std::sync::Arc;

use privet_crypto::SigningKey;
use privet_store::{Scope, values};
use privet_types::Clock;
use privet_vault::{
    Activity, Agreement, Ask, Consent, ConsentConfig, Controller, Error, EventKind, LegalBasis, Processing,
    Purpose, Reason, ReceiptError, Recipient, RecipientRole, RetentionPolicy, Statement, SubjectKeys,
    Verdict, verify_receipt,
};

use crate::site::{DAY, Site, actor, names, on_both, purpose, recipient};
use crate::support::House;

const ASK: Ask<'static> = Ask {
    purpose: "support",
    category: Some("prompt"),
    recipient: Some("acme-ai"),
};

async fn define(site: &Site, basis: LegalBasis) {
    site.consent.define(&site.actor, &recipient()).await.unwrap();
    site.consent
        .define(&site.actor, &purpose("support", basis))
        .await
        .unwrap();
}

async fn say(site: &Site, subject: &str, kind: EventKind) -> String {
    let statement = Statement::new(kind, &["support"], site.now());
    let events = site
        .consent
        .record(&site.actor, subject, &statement)
        .await
        .unwrap();
    events[0].statement.clone()
}

async fn ask(site: &Site, consent: &Consent, subject: &str) -> Verdict {
    consent
        .check(site.tenant(), Some(subject), &ASK, site.now())
        .await
}

fn agreement() -> Agreement {
    Agreement {
        name: "terms".to_owned(),
        title: "Terms".to_owned(),
        text: "We answer your questions.".to_owned(),
        language: "en".to_owned(),
        basis: LegalBasis::Consent,
        purposes: names(&["support"]),
        module: String::new(),
        is_required: false,
        required_message: String::new(),
        is_user_controlled: true,
        is_open: true,
    }
}

fn field(error: &Error) -> &str {
    match error {
        Error::BadField { field, .. } => field,
        _ => "",
    }
}

#[tokio::test]
async fn consent_opens_the_way_and_its_withdrawal_closes_it_at_once() {
    on_both(|site: Arc<Site>| async move {
        define(&site, LegalBasis::Consent).await;
        assert_eq!(ask(&site, &site.consent, "ada").await.reason, Reason::NoConsent);
        say(&site, "ada", EventKind::Given).await;
        assert!(ask(&site, &site.consent, "ada").await.allowed);
        assert_eq!(ask(&site, &site.consent, "bo").await.reason, Reason::NoConsent);
        site.pass(1);
        say(&site, "ada", EventKind::Withdrawn).await;
        assert_eq!(ask(&site, &site.consent, "ada").await.reason, Reason::Withdrawn);
        assert_eq!(
            ask(&site, &site.consent, "nobody").await.reason,
            Reason::UnknownSubject
        );
    })
    .await;
}

#[tokio::test]
async fn a_withdrawal_bites_in_other_processes_within_a_second() {
    on_both(|site: Arc<Site>| async move {
        define(&site, LegalBasis::Consent).await;
        say(&site, "ada", EventKind::Given).await;
        say(&site, "bo", EventKind::Given).await;
        let (store, other) = site.other_process().await;
        assert!(ask(&site, &other, "ada").await.allowed);
        assert!(ask(&site, &other, "bo").await.allowed);
        site.pass(1);
        say(&site, "ada", EventKind::Withdrawn).await;
        // A second has passed: the check looks itself.
        site.pass(1_001);
        assert_eq!(ask(&site, &other, "ada").await.reason, Reason::Withdrawn);
        assert!(ask(&site, &other, "bo").await.allowed);
        say(&site, "bo", EventKind::Withdrawn).await;
        // No time has passed, but the watch looked.
        other.refresh().await.unwrap();
        assert_eq!(ask(&site, &other, "bo").await.reason, Reason::Withdrawn);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_changed_or_deleted_purpose_counts_in_all_processes() {
    on_both(|site: Arc<Site>| async move {
        define(&site, LegalBasis::Contract).await;
        let (store, other) = site.other_process().await;
        assert!(ask(&site, &other, "ada").await.allowed);
        assert!(ask(&site, &site.consent, "ada").await.allowed);
        site.consent
            .delete_definition::<Recipient>(&site.actor, "acme-ai")
            .await
            .unwrap();
        other.refresh().await.unwrap();
        assert_eq!(
            ask(&site, &site.consent, "ada").await.reason,
            Reason::RecipientNotCovered
        );
        assert_eq!(
            ask(&site, &other, "ada").await.reason,
            Reason::RecipientNotCovered
        );
        site.consent
            .delete_definition::<Purpose>(&site.actor, "support")
            .await
            .unwrap();
        other.refresh().await.unwrap();
        assert_eq!(
            ask(&site, &site.consent, "ada").await.reason,
            Reason::UnknownPurpose
        );
        assert_eq!(ask(&site, &other, "ada").await.reason, Reason::UnknownPurpose);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn without_the_store_what_is_known_counts_for_a_minute_and_then_nothing_does() {
    on_both(|site: Arc<Site>| async move {
        define(&site, LegalBasis::Consent).await;
        say(&site, "ada", EventKind::Given).await;
        let (store, other) = site.other_process().await;
        assert!(ask(&site, &other, "ada").await.allowed);
        store.close().await;
        site.pass(59_000);
        assert!(ask(&site, &other, "ada").await.allowed);
        assert_eq!(ask(&site, &other, "bo").await.reason, Reason::Stale);
        site.pass(1_001);
        assert_eq!(ask(&site, &other, "ada").await.reason, Reason::Stale);
    })
    .await;
}

#[tokio::test]
async fn a_purpose_without_a_subject_can_be_asked_for() {
    on_both(|site: Arc<Site>| async move {
        define(&site, LegalBasis::Contract).await;
        let verdict = site.consent.check(site.tenant(), None, &ASK, site.now()).await;
        assert_eq!(
            (verdict.allowed, verdict.basis),
            (true, Some(LegalBasis::Contract))
        );
        let unknown = Ask {
            purpose: "nothing",
            ..ASK
        };
        let verdict = site
            .consent
            .check(site.tenant(), None, &unknown, site.now())
            .await;
        assert_eq!(verdict.reason, Reason::UnknownPurpose);
    })
    .await;
}

#[tokio::test]
async fn another_tenant_sees_nothing() {
    on_both(|site: Arc<Site>| async move {
        define(&site, LegalBasis::Consent).await;
        say(&site, "ada", EventKind::Given).await;
        let stranger = actor("stranger");
        let found = site.consent.history(&stranger.tenant, "ada").await.unwrap();
        assert!(found.is_empty());
        assert!(
            site.consent
                .definitions::<Purpose>(&stranger.tenant, true)
                .await
                .unwrap()
                .is_empty()
        );
        let verdict = site
            .consent
            .check(&stranger.tenant, Some("ada"), &ASK, site.now())
            .await;
        assert_eq!(verdict.reason, Reason::UnknownPurpose);
        let subject = site.consent.history(site.tenant(), "ada").await.unwrap()[0].subject;
        assert!(
            site.consent
                .history_of(&stranger.tenant, subject)
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test]
async fn a_definition_is_kept_in_versions_and_one_that_changes_nothing_makes_none() {
    on_both(|site: Arc<Site>| async move {
        define(&site, LegalBasis::Consent).await;
        let first = site.consent.define(&site.actor, &agreement()).await.unwrap();
        let again = site.consent.define(&site.actor, &agreement()).await.unwrap();
        assert_eq!((first.version, &again), (1, &first));
        let changed = Agreement {
            text: "We answer nearly all your questions.".to_owned(),
            ..agreement()
        };
        let second = site.consent.define(&site.actor, &changed).await.unwrap();
        assert_eq!(second.version, 2);
        assert_ne!(second.hash, first.hash);
        let taken = site.consent.create(&site.actor, &agreement()).await.unwrap_err();
        assert!(matches!(taken, Error::Defined { .. }), "{taken}");
        assert!(
            site.consent
                .delete_definition::<Agreement>(&site.actor, "terms")
                .await
                .unwrap()
        );
        assert!(
            !site
                .consent
                .delete_definition::<Agreement>(&site.actor, "terms")
                .await
                .unwrap()
        );
        assert!(
            site.consent
                .definition::<Agreement>(site.tenant(), "terms")
                .await
                .unwrap()
                .is_none()
        );
        let versions = site
            .consent
            .versions::<Agreement>(site.tenant(), "terms")
            .await
            .unwrap();
        let shape: Vec<_> = versions.iter().map(|one| (one.version, one.is_active)).collect();
        assert_eq!(shape, [(1, true), (2, true), (3, false)]);
        let anew = site.consent.create(&site.actor, &agreement()).await.unwrap();
        assert_eq!(anew.version, 4);
    })
    .await;
}

#[tokio::test]
async fn a_field_that_does_not_fit_is_named_and_nothing_is_stored() {
    on_both(|site: Arc<Site>| async move {
        define(&site, LegalBasis::Consent).await;
        let good = purpose("other", LegalBasis::Consent);
        let bad = [
            (
                "name",
                Purpose {
                    name: "a b".to_owned(),
                    ..good.clone()
                },
            ),
            (
                "iri",
                Purpose {
                    iri: Some("https://w3id.org/dpv#Nothing".to_owned()),
                    ..good.clone()
                },
            ),
            (
                "special",
                Purpose {
                    special_categories: names(&["profile"]),
                    ..good.clone()
                },
            ),
            (
                "special_categories",
                Purpose {
                    special_categories: names(&["health"]),
                    ..good.clone()
                },
            ),
            (
                "valid_days",
                Purpose {
                    valid_days: Some(0),
                    ..good.clone()
                },
            ),
            (
                "compelling_grounds",
                Purpose {
                    compelling_grounds: Some("x".to_owned()),
                    ..good.clone()
                },
            ),
            (
                "recipients.nobody",
                Purpose {
                    recipients: names(&["nobody"]),
                    ..good.clone()
                },
            ),
        ];
        for (wanted, purpose) in bad {
            let error = site.consent.define(&site.actor, &purpose).await.unwrap_err();
            assert_eq!(field(&error), wanted, "{error}");
        }
        let abroad = Recipient {
            country: "US".to_owned(),
            ..recipient()
        };
        let error = site.consent.define(&site.actor, &abroad).await.unwrap_err();
        assert_eq!(field(&error), "transfer");
        assert_eq!(
            site.consent
                .definitions::<Purpose>(site.tenant(), true)
                .await
                .unwrap()
                .len(),
            1
        );
        let now = site.now();
        let given = |purposes: &[&str]| Statement::new(EventKind::Given, purposes, now);
        let bad = [
            ("purposes", given(&[])),
            ("purposes", given(&["*"])),
            ("purposes.nothing", given(&["nothing"])),
            (
                "at",
                Statement {
                    at: now + jiff::SignedDuration::from_secs(1),
                    ..given(&["support"])
                },
            ),
            (
                "expires_at",
                Statement {
                    expires_at: Some(now),
                    ..given(&["support"])
                },
            ),
            (
                "method",
                Statement {
                    method: String::new(),
                    ..given(&["support"])
                },
            ),
            (
                "categories.health",
                Statement {
                    categories: Some(vec!["health".to_owned()]),
                    ..given(&["support"])
                },
            ),
        ];
        for (wanted, statement) in bad {
            let error = site
                .consent
                .record(&site.actor, "ada", &statement)
                .await
                .unwrap_err();
            assert_eq!(field(&error), wanted, "{error}");
        }
        let error = site
            .consent
            .record(&site.actor, "nobody", &given(&["support"]))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Absent { what: "subject" }));
        assert!(
            site.consent
                .history(site.tenant(), "ada")
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test]
async fn history_cannot_be_rewritten() {
    on_both(|site: Arc<Site>| async move {
        define(&site, LegalBasis::Consent).await;
        say(&site, "ada", EventKind::Given).await;
        for sql in [
            "UPDATE consent_events SET kind = 'given' WHERE tenant = $1",
            "DELETE FROM consent_events WHERE tenant = $1",
            "UPDATE definitions SET body = '' WHERE tenant = $1",
            "DELETE FROM definitions WHERE tenant = $1",
        ] {
            let tried: Result<u64, privet_store::Error> = site
                .store
                .database()
                .write(&Scope::Tenant(site.tenant().clone()), move |tx| {
                    Box::pin(async move { tx.execute(sql, values!["default"]).await })
                })
                .await;
            assert!(tried.is_err(), "{sql}");
        }
    })
    .await;
}

#[tokio::test]
async fn evidence_is_sealed_and_after_the_key_is_gone_the_history_names_nobody() {
    on_both(|site: Arc<Site>| async move {
        define(&site, LegalBasis::Consent).await;
        let canary = "form 4711 signed by Ada Canary";
        let statement = Statement {
            evidence: BTreeMap::from([("reference".to_owned(), canary.to_owned())]),
            ..Statement::new(EventKind::Given, &["support"], site.now())
        };
        let events = site.consent.record(&site.actor, "ada", &statement).await.unwrap();
        let id = &events[0].statement;
        let opened = site.consent.evidence(site.tenant(), "ada", id).await.unwrap();
        assert_eq!(opened["reference"], canary);
        let stored = site.consent.history(site.tenant(), "ada").await.unwrap();
        let sealed = stored[0].evidence.clone().unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"Canary"));
        let leaves = site.leaves().await;
        assert!(leaves.iter().any(|(kind, _)| kind == "consent_given"));
        assert!(
            !leaves
                .iter()
                .any(|(_, payload)| payload.contains("\"ada\"") || payload.contains("Canary"))
        );
        site.keys.shred("ada");
        let gone = site.consent.history(site.tenant(), "ada").await.unwrap_err();
        assert!(matches!(gone, Error::Absent { .. }));
        let kept = site
            .consent
            .history_of(site.tenant(), stored[0].subject)
            .await
            .unwrap();
        assert_eq!(kept, stored);
        // Whoever comes back under the same id is somebody else.
        site.keys.add("ada");
        assert!(
            site.consent
                .history(site.tenant(), "ada")
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test]
async fn agreeing_records_the_version_that_was_shown() {
    on_both(|site: Arc<Site>| async move {
        define(&site, LegalBasis::Consent).await;
        let shown = site.consent.define(&site.actor, &agreement()).await.unwrap();
        let agree = Statement {
            agreement: Some("terms".to_owned()),
            expires_at: Some(site.now() + jiff::SignedDuration::from_secs(10)),
            ..Statement::new(EventKind::Given, &[], site.now())
        };
        let events = site.consent.record(&site.actor, "ada", &agree).await.unwrap();
        let named = events[0].agreement.clone().unwrap();
        assert_eq!(
            (named.version, named.hash.len(), events[0].purpose.as_str()),
            (shown.version, 64, "support")
        );
        assert!(ask(&site, &site.consent, "ada").await.allowed);
        let status = site.consent.agreements_of(site.tenant(), "ada").await.unwrap();
        assert_eq!(status[0].status, EventKind::Given);
        site.pass(10_000);
        let status = site.consent.agreements_of(site.tenant(), "ada").await.unwrap();
        assert_eq!((status.len(), status[0].status), (1, EventKind::Expired));
        assert_eq!(ask(&site, &site.consent, "ada").await.reason, Reason::Expired);
        assert_eq!(site.consent.expire_due(&site.actor).await.unwrap(), 1);
        assert_eq!(site.consent.expire_due(&site.actor).await.unwrap(), 0);
        assert_eq!(ask(&site, &site.consent, "ada").await.reason, Reason::Expired);
    })
    .await;
}

#[tokio::test]
async fn an_agreement_is_revoked_from_all_who_agreed_and_only_from_them() {
    on_both(|site: Arc<Site>| async move {
        let bare = Agreement {
            purposes: names(&[]),
            ..agreement()
        };
        site.consent.define(&site.actor, &bare).await.unwrap();
        let statement = |kind| Statement {
            agreement: Some("terms".to_owned()),
            ..Statement::new(kind, &[], site.now())
        };
        for subject in ["ada", "bo", "cy"] {
            site.consent
                .record(&site.actor, subject, &statement(EventKind::Given))
                .await
                .unwrap();
        }
        site.pass(1);
        let withdrawn = Statement {
            at: site.now(),
            ..statement(EventKind::Withdrawn)
        };
        site.consent.record(&site.actor, "cy", &withdrawn).await.unwrap();
        site.pass(1);
        assert_eq!(site.consent.revoke_all(&site.actor, "terms").await.unwrap(), 2);
        assert_eq!(site.consent.revoke_all(&site.actor, "terms").await.unwrap(), 0);
        for (subject, wanted) in [
            ("ada", EventKind::Revoked),
            ("bo", EventKind::Revoked),
            ("cy", EventKind::Withdrawn),
        ] {
            let status = site.consent.agreements_of(site.tenant(), subject).await.unwrap();
            assert_eq!(status[0].status, wanted);
        }
        site.consent
            .delete_definition::<Agreement>(&site.actor, "terms")
            .await
            .unwrap();
        let again = Statement {
            at: site.now(),
            ..statement(EventKind::Given)
        };
        let error = site.consent.record(&site.actor, "ada", &again).await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Undefined {
                    what: "agreement",
                    ..
                }
            ),
            "{error}"
        );
    })
    .await;
}

#[tokio::test]
async fn the_derived_state_is_what_the_history_says_in_whatever_order_it_came() {
    on_both(|site: Arc<Site>| async move {
        define(&site, LegalBasis::Consent).await;
        let base = site.now();
        site.pass(DAY);
        // In order of arrival; times in milliseconds after the start.
        let said = [
            ("ada", EventKind::Withdrawn, 50),
            ("ada", EventKind::Given, 10),
            ("bo", EventKind::Given, 70),
            ("bo", EventKind::Refused, 20),
            ("cy", EventKind::Given, 5),
            ("cy", EventKind::Withdrawn, 5),
        ];
        for (subject, kind, after) in said {
            let at = base + jiff::SignedDuration::from_millis(after);
            let statement = Statement::new(kind, &["support"], at);
            site.consent
                .record(&site.actor, subject, &statement)
                .await
                .unwrap();
        }
        let rows: Vec<(Vec<u8>, String)> = site
            .store
            .database()
            .read::<_, privet_store::Error, _>(&Scope::Tenant(site.tenant().clone()), |tx| {
                Box::pin(async move {
                    tx.rows(
                        "SELECT subject, kind FROM consent_current WHERE tenant = $1",
                        values!["default"],
                    )
                    .await
                })
            })
            .await
            .unwrap();
        assert_eq!(rows.len(), 3);
        for subject in ["ada", "bo", "cy"] {
            let history = site.consent.history(site.tenant(), subject).await.unwrap();
            let newest = history.last().unwrap();
            let derived = rows
                .iter()
                .find(|(name, _)| name[..] == newest.subject.0)
                .unwrap();
            assert_eq!(derived.1, newest.kind.name());
            let verdict = ask(&site, &site.consent, subject).await;
            assert_eq!(verdict.allowed, derived.1 == "given");
        }
    })
    .await;
}

#[tokio::test]
async fn a_receipt_says_what_was_agreed_to_and_shows_every_change() {
    on_both(|site: Arc<Site>| async move {
        define(&site, LegalBasis::Consent).await;
        let controller = Controller {
            name: "controller".to_owned(),
            title: "Hedge Ltd".to_owned(),
            contact: "privacy@hedge.example".to_owned(),
            address: "1 Garden Row".to_owned(),
            country: "IE".to_owned(),
            officer: "dpo@hedge.example".to_owned(),
            notice_url: "https://hedge.example/privacy".to_owned(),
            withdrawal: "in your profile".to_owned(),
        };
        site.consent.define(&site.actor, &controller).await.unwrap();
        site.consent.define(&site.actor, &agreement()).await.unwrap();
        for (name, category, keep_days) in [("prompts", "prompt", 30), ("bills", "bill", 3650)] {
            let policy = RetentionPolicy {
                name: name.to_owned(),
                purpose: None,
                category: Some(category.to_owned()),
                surface: None,
                keep_days,
                grace_days: 1,
                ground: String::new(),
            };
            site.consent.define(&site.actor, &policy).await.unwrap();
        }
        let agree = Statement {
            agreement: Some("terms".to_owned()),
            ..Statement::new(EventKind::Given, &[], site.now())
        };
        let events = site.consent.record(&site.actor, "ada", &agree).await.unwrap();
        site.pass(1);
        let renamed = Purpose {
            title: "changed later".to_owned(),
            ..purpose("support", LegalBasis::Consent)
        };
        site.consent.define(&site.actor, &renamed).await.unwrap();
        let receipt = site
            .consent
            .receipt(site.tenant(), "ada", &events[0].statement)
            .await
            .unwrap();
        assert_eq!(receipt.controllers[0].name, "Hedge Ltd");
        assert_eq!(receipt.purposes[0].title, "Title of support");
        assert_eq!(receipt.purposes[0].recipients[0].country, "DE");
        let role = Some(RecipientRole::Processor);
        assert_eq!(receipt.purposes[0].recipients[0].role, role);
        assert_eq!(receipt.controllers[0].role, "controller");
        // Of what the purpose has, and nothing else.
        let kept: Vec<_> = receipt.purposes[0].retention.iter().map(|one| one.days).collect();
        assert_eq!(kept, [30]);
        assert_eq!(
            receipt.notice.as_ref().unwrap().agreement,
            events[0].agreement.clone().unwrap()
        );
        let key = SigningKey::generate().unwrap();
        let json = serde_json::to_vec_pretty(&receipt.clone().sign(&key).unwrap()).unwrap();
        assert_eq!(verify_receipt(&json, &key.verifying_key()).unwrap(), receipt);
        // What was given out before receipts said so much is checked as it was signed.
        let mut earlier = receipt.clone();
        earlier.schema_version = "privet-consent-receipt/1".to_owned();
        for party in &mut earlier.controllers {
            (party.id, party.role) = (String::new(), String::new());
        }
        for purpose in &mut earlier.purposes {
            (purpose.retention, purpose.valid_days) = (Vec::new(), None);
            for recipient in &mut purpose.recipients {
                (recipient.role, recipient.transfer) = (None, None);
            }
        }
        let signed = serde_json::to_string(&earlier.clone().sign(&key).unwrap()).unwrap();
        assert!(!signed.contains("\"role\"") && !signed.contains("retention"));
        let read = verify_receipt(signed.as_bytes(), &key.verifying_key());
        assert_eq!(read.unwrap(), earlier);
        let unknown = signed.replace("consent-receipt/1", "consent-receipt/9");
        assert!(verify_receipt(unknown.as_bytes(), &key.verifying_key()).is_err());
        let other = SigningKey::generate().unwrap().verifying_key();
        assert!(matches!(
            verify_receipt(&json, &other),
            Err(ReceiptError::OtherKey)
        ));
        let text = String::from_utf8(json).unwrap();
        let forged = text.replace("\"DE\"", "\"FR\"");
        assert_ne!(forged, text);
        assert!(matches!(
            verify_receipt(forged.as_bytes(), &key.verifying_key()),
            Err(ReceiptError::BadSignature)
        ));
        let smuggled = text.replacen('{', "{\"extra\": 1,", 1);
        assert!(matches!(
            verify_receipt(smuggled.as_bytes(), &key.verifying_key()),
            Err(ReceiptError::Unreadable { .. })
        ));
    })
    .await;
}

#[tokio::test]
async fn records_of_processing_list_what_article_30_asks_for() {
    on_both(|site: Arc<Site>| async move {
        define(&site, LegalBasis::Contract).await;
        let activity = Activity {
            name: "helpdesk".to_owned(),
            title: "Help desk".to_owned(),
            description: "Answers questions".to_owned(),
            applies_to: "customers".to_owned(),
            script: String::new(),
            purposes: names(&["support"]),
            agreements: names(&[]),
            subjects: names(&["customers"]),
            categories: names(&["prompt"]),
            recipients: names(&["acme-ai"]),
            retention: names(&[]),
            measures: names(&["encryption at rest"]),
        };
        site.consent.define(&site.actor, &activity).await.unwrap();
        let unknown = Activity {
            agreements: names(&["nothing"]),
            ..activity
        };
        let error = site.consent.define(&site.actor, &unknown).await.unwrap_err();
        assert_eq!(field(&error), "agreements.nothing");
        let records = site.consent.records_of_processing(site.tenant()).await.unwrap();
        assert_eq!(records[0]["purposes"][0]["basis"], "contract");
        assert_eq!(records[0]["recipients"][0]["country"], "DE");
        assert_eq!(records[0]["categories_of_subjects"][0], "customers");
        assert_eq!(records[0]["measures"][0], "encryption at rest");
    })
    .await;
}

#[tokio::test]
async fn compliance_counts_what_had_a_basis_when_it_was_done() {
    on_both(|site: Arc<Site>| async move {
        define(&site, LegalBasis::Consent).await;
        let start = site.now();
        site.pass(10);
        say(&site, "ada", EventKind::Given).await;
        site.pass(10);
        say(&site, "ada", EventKind::Withdrawn).await;
        site.pass(DAY);
        let done = |subject: &str, after: i64| Processing {
            subject: subject.to_owned(),
            purpose: "support".to_owned(),
            category: Some("prompt".to_owned()),
            recipient: Some("acme-ai".to_owned()),
            surface: "job".to_owned(),
            at: start + jiff::SignedDuration::from_millis(after),
        };
        // Before consent, three in it, one after its withdrawal, and one of somebody who never consented.
        let events = [
            done("ada", 5),
            done("ada", 10),
            done("ada", 12),
            done("ada", 19),
            done("ada", 20),
            done("bo", 15),
        ];
        site.consent
            .record_processing(&site.actor, &events)
            .await
            .unwrap();
        let found = site
            .consent
            .compliance(site.tenant(), start, site.now(), None)
            .await
            .unwrap();
        assert_eq!(
            (found.share.value, found.share.sample_size, found.share.interval),
            (Some(0.5), 6, None)
        );
        assert_eq!(
            (
                found.share.classes[0].numerator,
                found.share.classes[0].denominator
            ),
            (3, 6)
        );
        assert_eq!(found.after_withdrawal.value, Some(1.0));
        let sampled = site
            .consent
            .compliance(site.tenant(), start, site.now(), Some(4))
            .await
            .unwrap();
        assert_eq!((sampled.share.sample_size, sampled.share.population), (4, 6));
        let interval = sampled.share.interval.unwrap();
        assert!(interval.low < sampled.share.value.unwrap() || sampled.share.value == Some(0.0));
        let none = site
            .consent
            .compliance(site.tenant(), site.now(), site.now(), None)
            .await
            .unwrap();
        assert_eq!(none.share.value, None);
    })
    .await;
}

#[tokio::test]
async fn the_vault_gives_the_keys_of_its_subjects_however_their_id_is_written() {
    for house in [House::on_sqlite().await, House::on_postgres().await]
        .into_iter()
        .flatten()
    {
        let ada = house.create(serde_json::json!({"login": "ada"})).await;
        let vault: Arc<dyn SubjectKeys> = Arc::new(house.vault.clone());
        let consent = Consent::new(
            house.store.database().clone(),
            vault,
            house.clock.clone(),
            ConsentConfig::default(),
        );
        let who = actor("acme");
        consent.define(&who, &recipient()).await.unwrap();
        consent
            .define(&who, &purpose("support", LegalBasis::Consent))
            .await
            .unwrap();
        let now = house.clock.now();
        let given = Statement::new(EventKind::Given, &["support"], now);
        consent.record(&who, ada.as_str(), &given).await.unwrap();
        let upper = ada.as_str().to_ascii_uppercase();
        let withdrawn = Statement::new(EventKind::Withdrawn, &["support"], now);
        assert!(
            consent
                .check(&who.tenant, Some(ada.as_str()), &ASK, now)
                .await
                .allowed
        );
        assert!(consent.check(&who.tenant, Some(&upper), &ASK, now).await.allowed);
        consent.record(&who, &upper, &withdrawn).await.unwrap();
        let verdict = consent.check(&who.tenant, Some(ada.as_str()), &ASK, now).await;
        assert_eq!(verdict.reason, Reason::Withdrawn);
        let nobody = consent.check(&who.tenant, Some("not an id"), &ASK, now).await;
        assert_eq!(nobody.reason, Reason::UnknownSubject);
        house.end().await;
    }
}
