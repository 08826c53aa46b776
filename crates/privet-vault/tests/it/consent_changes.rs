//! Changes of agreements and activities that reach other definitions.

use std::collections::BTreeMap;
use std::sync::Arc;

use privet_vault::{Activity, Agreement, Ask, Error, EventKind, LegalBasis, Purpose, Reason, Statement};

use crate::site::{Site, names, on_both};

fn agreement(name: &str) -> Agreement {
    Agreement {
        name: name.to_owned(),
        title: "News".to_owned(),
        text: "We send news.".to_owned(),
        language: "en".to_owned(),
        basis: LegalBasis::Consent,
        purposes: names(&[]),
        module: String::new(),
        is_required: false,
        required_message: String::new(),
        is_user_controlled: false,
        is_open: true,
    }
}

fn activity(name: &str, agreements: &[&str]) -> Activity {
    Activity {
        name: name.to_owned(),
        title: name.to_owned(),
        description: String::new(),
        applies_to: String::new(),
        script: String::new(),
        purposes: names(&[]),
        agreements: names(agreements),
        subjects: names(&[]),
        categories: names(&[]),
        recipients: names(&[]),
        retention: names(&[]),
        measures: names(&[]),
    }
}

async fn say(site: &Site, subject: &str, name: &str, kind: EventKind, evidence: &[(&str, &str)]) {
    let mut said = Statement::new(kind, &[], site.now());
    said.agreement = Some(name.to_owned());
    said.evidence = evidence
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    site.consent.record(&site.actor, subject, &said).await.unwrap();
}

async fn status(site: &Site, subject: &str) -> BTreeMap<String, EventKind> {
    let standings = site.consent.agreements_of(site.tenant(), subject).await.unwrap();
    standings
        .into_iter()
        .map(|standing| (standing.event.agreement.unwrap().name, standing.status))
        .collect()
}

async fn links(site: &Site, name: &str) -> Vec<String> {
    let found = site
        .consent
        .definition::<Activity>(site.tenant(), name)
        .await
        .unwrap();
    found.unwrap().definition.agreements.into_iter().collect()
}

fn renamed(name: &'static str) -> impl Fn(Agreement) -> Result<Agreement, Error> {
    move |agreement| {
        Ok(Agreement {
            name: name.to_owned(),
            ..agreement
        })
    }
}

#[tokio::test]
async fn an_agreement_gets_another_name_and_activities_follow() {
    on_both(|site: Arc<Site>| async move {
        let (consent, actor) = (&site.consent, &site.actor);
        consent.create(actor, &agreement("news")).await.unwrap();
        consent.create(actor, &agreement("other")).await.unwrap();
        consent
            .create(actor, &activity("mail", &["news", "other"]))
            .await
            .unwrap();
        let taken = consent.change(actor, "news", renamed("other")).await;
        assert!(matches!(taken, Err(Error::Defined { .. })), "{taken:?}");
        let missing = consent.change(actor, "none", renamed("new")).await;
        assert!(matches!(missing, Err(Error::Undefined { .. })), "{missing:?}");
        consent.change(actor, "news", renamed("letters")).await.unwrap();
        assert_eq!(links(&site, "mail").await, ["letters", "other"]);
        let known = consent.known_agreements(site.tenant()).await.unwrap();
        let mut known: Vec<&str> = known.iter().map(|one| one.agreement.name.as_str()).collect();
        known.sort_unstable();
        assert_eq!(known, ["letters", "other"]);
        say(&site, "ada", "letters", EventKind::Given, &[]).await;
        let answered = consent.change(actor, "letters", renamed("news")).await;
        assert!(matches!(answered, Err(Error::Answered)), "{answered:?}");
        assert_eq!(links(&site, "mail").await, ["letters", "other"]);
    })
    .await;
}

#[tokio::test]
async fn an_ended_agreement_is_revoked_unlinked_and_known_only_if_somebody_answered() {
    on_both(|site: Arc<Site>| async move {
        let (consent, actor) = (&site.consent, &site.actor);
        for name in ["unheard", "heard"] {
            consent.create(actor, &agreement(name)).await.unwrap();
            site.pass(1);
        }
        consent
            .create(actor, &activity("mail", &["heard"]))
            .await
            .unwrap();
        say(&site, "ada", "heard", EventKind::Given, &[]).await;
        say(&site, "bo", "heard", EventKind::Refused, &[]).await;
        site.pass(1);
        for name in ["unheard", "heard"] {
            consent.end_agreement(actor, name).await.unwrap();
            let again = consent.end_agreement(actor, name).await;
            assert!(matches!(again, Err(Error::Undefined { .. })), "{again:?}");
        }
        assert_eq!(status(&site, "ada").await["heard"], EventKind::Revoked);
        assert_eq!(status(&site, "bo").await["heard"], EventKind::Refused);
        assert!(links(&site, "mail").await.is_empty());
        let known = consent.known_agreements(site.tenant()).await.unwrap();
        assert_eq!(known.len(), 1, "{known:?}");
        assert_eq!(
            (known[0].agreement.name.as_str(), known[0].is_deleted),
            ("heard", true)
        );
        let purpose = consent
            .definition::<Purpose>(site.tenant(), "heard")
            .await
            .unwrap();
        assert_eq!(purpose, None, "its own purpose ended with it");
    })
    .await;
}

#[tokio::test]
async fn what_has_run_out_is_not_revoked() {
    on_both(|site: Arc<Site>| async move {
        site.consent
            .create(&site.actor, &agreement("news"))
            .await
            .unwrap();
        let mut said = Statement::new(EventKind::Given, &[], site.now());
        said.agreement = Some("news".to_owned());
        said.expires_at = Some(site.now() + jiff::SignedDuration::from_secs(1));
        site.consent.record(&site.actor, "ada", &said).await.unwrap();
        say(&site, "bo", "news", EventKind::Given, &[]).await;
        site.pass(2_000);
        assert_eq!(site.consent.revoke_all(&site.actor, "news").await.unwrap(), 1);
        assert_eq!(status(&site, "ada").await["news"], EventKind::Expired);
        assert_eq!(status(&site, "bo").await["news"], EventKind::Revoked);
    })
    .await;
}

#[tokio::test]
async fn the_own_purpose_of_an_agreement_has_its_basis() {
    on_both(|site: Arc<Site>| async move {
        let (consent, actor) = (&site.consent, &site.actor);
        consent.create(actor, &agreement("news")).await.unwrap();
        say(&site, "ada", "news", EventKind::Given, &[]).await;
        let ask = Ask {
            purpose: "news",
            category: None,
            recipient: None,
        };
        let before = consent.check(site.tenant(), Some("bo"), &ask, site.now()).await;
        assert_eq!((before.basis, before.allowed), (Some(LegalBasis::Consent), false));
        let contract = |agreement| {
            Ok(Agreement {
                basis: LegalBasis::Contract,
                ..agreement
            })
        };
        consent.change(actor, "news", contract).await.unwrap();
        let after = consent.check(site.tenant(), Some("bo"), &ask, site.now()).await;
        assert_eq!(after.basis, Some(LegalBasis::Contract));
        site.pass(1);
        consent.end_agreement(actor, "news").await.unwrap();
        let ended = consent.check(site.tenant(), Some("bo"), &ask, site.now()).await;
        assert_eq!((ended.allowed, ended.reason), (false, Reason::UnknownPurpose));
    })
    .await;
}

#[tokio::test]
async fn agreements_are_read_with_the_evidence_of_the_newest_answer() {
    on_both(|site: Arc<Site>| async move {
        site.consent
            .create(&site.actor, &agreement("news"))
            .await
            .unwrap();
        say(
            &site,
            "ada",
            "news",
            EventKind::Given,
            &[("referencecode", "DOC-1")],
        )
        .await;
        site.pass(1);
        say(
            &site,
            "ada",
            "news",
            EventKind::Withdrawn,
            &[("lastmodifiedby", "officer")],
        )
        .await;
        let found = site
            .consent
            .agreements_with_evidence(site.tenant(), "ada")
            .await
            .unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0.status, EventKind::Withdrawn);
        assert_eq!(found[0].1["lastmodifiedby"], "officer");
        assert!(!found[0].1.contains_key("referencecode"));
        let nobody = site
            .consent
            .agreements_with_evidence(site.tenant(), "nobody")
            .await;
        assert!(matches!(nobody, Err(Error::Absent { .. })), "{nobody:?}");
    })
    .await;
}

#[tokio::test]
async fn an_activity_gets_another_name_and_keeps_what_it_rests_on() {
    on_both(|site: Arc<Site>| async move {
        let (consent, actor) = (&site.consent, &site.actor);
        consent.create(actor, &agreement("news")).await.unwrap();
        consent.create(actor, &activity("mail", &["news"])).await.unwrap();
        let change = |activity| {
            Ok(Activity {
                name: "post".to_owned(),
                title: "Post".to_owned(),
                ..activity
            })
        };
        consent.change(actor, "mail", change).await.unwrap();
        let known = consent.known_activities(site.tenant()).await.unwrap();
        assert_eq!(known.len(), 1);
        assert_eq!(
            (known[0].1.name.as_str(), known[0].1.title.as_str()),
            ("post", "Post")
        );
        assert_eq!(links(&site, "post").await, ["news"]);
    })
    .await;
}
