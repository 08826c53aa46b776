//! Legal bases, agreements, consents and processing activities.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Bunker, NOWHERE, assert_ok, assert_refused, bunkers};

async fn v1(bunker: &Bunker, method: &str, path: &str, body: Option<Value>) -> Value {
    assert_ok(&bunker.v1_by(&bunker.key, method, path, body).await)
}

async fn basis(bunker: &Bunker, brief: &str) {
    let body = json!({ "brief": brief });
    assert_ok(&bunker.v2_by(&bunker.key, "LegalBasisCreate", body).await);
}

/// The statuses of a user's agreements, by brief.
async fn agreed(bunker: &Bunker, token: &str) -> Value {
    let list = v1(bunker, "GET", &format!("agreements/token/{token}"), None).await;
    let rows = list["rows"].as_array().unwrap();
    assert_eq!(list["total"], rows.len());
    rows.iter()
        .map(|row| (row["brief"].as_str().unwrap().to_owned(), row["status"].clone()))
        .collect()
}

#[tokio::test]
async fn a_legal_basis_is_made_changed_renamed_and_deleted_by_either_interface() {
    for bunker in bunkers().await {
        let said = json!({"brief": "News", "shortdesc": "News", "fulldesc": "By mail", "module": "m",
            "basistype": "legitimate_interest", "requiredmsg": "r", "requiredflag": true, "usercontrol": true});
        assert_ok(&bunker.v2_by(&bunker.key, "LegalBasisCreate", said.clone()).await);
        assert_refused(&bunker.v2_by(&bunker.key, "LegalBasisCreate", said).await, 409);
        let change = json!({"brief": "news", "shortdesc": "changed", "usercontrol": false});
        assert_ok(&bunker.v2_by(&bunker.key, "LegalBasisUpdate", change).await);
        let list = v1(&bunker, "GET", "lbasis", None).await;
        let row = &list["rows"][0];
        assert!(row["creationtime"].as_i64().unwrap() > 0);
        let mut shown = row.clone();
        shown.as_object_mut().unwrap().remove("creationtime");
        assert_eq!(
            shown,
            json!({"brief": "news", "status": "active", "module": "m", "shortdesc": "changed", "fulldesc": "By mail",
                "basistype": "legitimate-interest", "requiredmsg": "r", "requiredflag": true, "usercontrol": false})
        );
        // What `/v1` leaves out becomes empty.
        v1(&bunker, "POST", "lbasis/news", Some(json!({"brief": "letters"}))).await;
        let list = assert_ok(
            &bunker
                .v2_by(&bunker.key, "LegalBasisListAgreements", json!({}))
                .await,
        );
        assert_eq!(
            (&list["total"], &list["rows"][0]["brief"]),
            (&json!(1), &json!("letters"))
        );
        assert_eq!(list["rows"][0]["shortdesc"], "");
        assert_eq!(
            assert_ok(
                &bunker
                    .v2_by(&bunker.stranger, "LegalBasisListAgreements", json!({}))
                    .await
            )["total"],
            0
        );
        v1(&bunker, "DELETE", "lbasis/letters", None).await;
        assert_refused(
            &bunker.v1_by(&bunker.key, "DELETE", "lbasis/letters", None).await,
            404,
        );
        assert_eq!(v1(&bunker, "GET", "lbasis", None).await["rows"], json!([]));
        bunker.end().await;
    }
}

#[tokio::test]
async fn a_legal_basis_that_was_answered_to_keeps_its_name_and_stays_for_the_record() {
    for bunker in bunkers().await {
        basis(&bunker, "news").await;
        let token = bunker.user(json!({"login": "ada"})).await;
        v1(&bunker, "POST", &format!("agreement/news/token/{token}"), None).await;
        let rename = json!({"brief": "news", "newbrief": "letters"});
        let message = assert_refused(&bunker.v2_by(&bunker.key, "LegalBasisUpdate", rename).await, 409);
        assert!(message.contains("keeps its name"), "{message}");
        v1(&bunker, "DELETE", "lbasis/news", None).await;
        assert_eq!(agreed(&bunker, &token).await, json!({"news": "revoked"}));
        assert_eq!(
            v1(&bunker, "GET", "lbasis", None).await["rows"][0]["status"],
            "deleted"
        );
        let path = format!("agreement/news/token/{token}");
        assert_refused(&bunker.v1_by(&bunker.key, "POST", &path, None).await, 404);
        assert_refused(
            &bunker
                .v1_by(&bunker.key, "POST", &format!("consent/token/{token}/news"), None)
                .await,
            404,
        );
        bunker.end().await;
    }
}

#[tokio::test]
async fn an_agreement_is_kept_with_all_that_was_said_of_it_and_withdrawn() {
    for bunker in bunkers().await {
        basis(&bunker, "news").await;
        let token = bunker
            .user(json!({"login": "ada", "email": "ada@example.com"}))
            .await;
        let who = json!({"mode": "email", "identity": "ada@example.com", "brief": "news"});
        let mut said = who.clone();
        let more = json!({"agreementmethod": "web form, signed", "referencecode": "DOC-1", "lastmodifiedby": "officer",
            "starttime": "2024-01-01T00:00:00Z", "finaltime": "100d", "status": "active"});
        said.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        assert_ok(&bunker.v2_by(&bunker.key, "AgreementAccept", said).await);
        let row =
            assert_ok(&bunker.v2_by(&bunker.key, "AgreementGet", who.clone()).await)["agreement"].clone();
        for (field, value) in [
            ("brief", json!("news")),
            ("status", json!("yes")),
            ("token", json!(token)),
            ("mode", json!("email")),
            ("who", json!("ada@example.com")),
            ("starttime", json!(1_704_067_200)),
            ("agreementmethod", json!("web form, signed")),
            ("referencecode", json!("DOC-1")),
            ("lastmodifiedby", json!("officer")),
        ] {
            assert_eq!(row[field], value, "{field}");
        }
        assert!(row["endtime"].as_i64().unwrap() > row["when"].as_i64().unwrap() + 99 * 86_400);
        assert_ok(&bunker.v2_by(&bunker.key, "AgreementCancel", who.clone()).await);
        assert_eq!(agreed(&bunker, &token).await, json!({"news": "no"}));
        // Of what is said in one instant that holds which restricts.
        bunker.gateway.clock().advance(Duration::from_millis(1));
        assert_ok(&bunker.v2_by(&bunker.key, "AgreementAccept", who).await);
        assert_eq!(agreed(&bunker, &token).await, json!({"news": "yes"}));
        v1(&bunker, "DELETE", "agreement/news", None).await;
        assert_eq!(agreed(&bunker, &token).await, json!({"news": "revoked"}));
        bunker.end().await;
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_not_taken_for_a_yes() {
    for bunker in bunkers().await {
        basis(&bunker, "news").await;
        let token = bunker.user(json!({"login": "ada"})).await;
        let path = format!("agreement/news/token/{token}");
        for (field, value) in [
            ("status", json!("perhaps")),
            ("status", json!(["yes"])),
            ("expiration", json!("soon")),
            ("starttime", json!("yesterday")),
            ("starttime", json!("10d")),
        ] {
            let message = assert_refused(
                &bunker
                    .v1_by(&bunker.key, "POST", &path, Some(json!({ field: value })))
                    .await,
                400,
            );
            assert!(message.contains(field), "{message}");
        }
        let inactive = json!({"brief": "news", "status": "inactive"});
        assert_ok(&bunker.v2_by(&bunker.key, "LegalBasisUpdate", inactive).await);
        assert_refused(&bunker.v1_by(&bunker.key, "POST", &path, None).await, 409);
        for (method, path, status) in [
            ("POST", format!("agreement/none/token/{token}"), 404),
            ("POST", format!("agreement/a%20b/token/{token}"), 400),
            ("POST", format!("agreement/news/token/{NOWHERE}"), 404),
            ("GET", path.clone(), 404),
            ("DELETE", path.clone(), 404),
            ("DELETE", "agreement/none".to_owned(), 404),
        ] {
            assert_refused(&bunker.v1_by(&bunker.key, method, &path, None).await, status);
        }
        assert_eq!(agreed(&bunker, &token).await, json!({}));
        assert_refused(
            &bunker
                .v1_by(
                    &bunker.stranger,
                    "GET",
                    &format!("agreements/token/{token}"),
                    None,
                )
                .await,
            404,
        );
        bunker.end().await;
    }
}

#[tokio::test]
async fn a_consent_is_an_agreement_in_other_words() {
    for bunker in bunkers().await {
        let token = bunker.user(json!({"login": "ada"})).await;
        let path = format!("consent/token/{token}/calls");
        let bad = bunker
            .v1_by(
                &bunker.key,
                "POST",
                &path,
                Some(json!({"lawfulbasis": "because"})),
            )
            .await;
        assert!(assert_refused(&bad, 400).contains("lawfulbasis"));
        assert_refused(
            &bunker
                .v1_by(&bunker.key, "POST", &path, Some(json!({"status": "perhaps"})))
                .await,
            400,
        );
        assert_refused(
            &bunker
                .v1_by(
                    &bunker.key,
                    "POST",
                    &format!("consent/token/{NOWHERE}/calls"),
                    None,
                )
                .await,
            404,
        );
        assert_eq!(
            v1(&bunker, "GET", "lbasis", None).await["total"],
            0,
            "no basis is left behind"
        );
        let said = json!({"message": "May we call?", "lawfulbasis": "contract-agreement", "module": "phone", "referencecode": "R"});
        v1(&bunker, "POST", &path, Some(said)).await;
        let consent = v1(&bunker, "GET", &path, None).await["consent"].clone();
        for (field, value) in [
            ("brief", "calls"),
            ("status", "accept"),
            ("message", "May we call?"),
            ("lawfulbasis", "contract"),
            ("module", "phone"),
            ("referencecode", "R"),
            ("token", &token),
        ] {
            assert_eq!(consent[field], value, "{field}");
        }
        assert_eq!(agreed(&bunker, &token).await, json!({"calls": "yes"}));
        v1(&bunker, "DELETE", &path, None).await;
        let list = v1(&bunker, "GET", &format!("consent/token/{token}"), None).await;
        assert_eq!(list["consents"], list["rows"]);
        assert_eq!(
            (&list["total"], &list["rows"][0]["status"]),
            (&json!(1), &json!("cancel"))
        );
        bunker.end().await;
    }
}

#[tokio::test]
async fn agreements_go_with_the_person_and_their_texts_are_sealed() {
    for bunker in bunkers().await {
        basis(&bunker, "news").await;
        let token = bunker.user(json!({"login": "ada"})).await;
        let said = json!({"referencecode": "canary-reference", "lastmodifiedby": "canary-by", "agreementmethod": "canary-how"});
        v1(
            &bunker,
            "POST",
            &format!("agreement/news/token/{token}"),
            Some(said),
        )
        .await;
        let events = bunker
            .gateway
            .ask_vault(&bunker.key, "GET", "/audit?limit=100", None)
            .send()
            .await;
        assert_eq!(events.status, 200);
        assert!(!events.text().contains("canary"), "{}", events.text());
        bunker.erase(&token).await;
        assert_refused(
            &bunker
                .v1_by(&bunker.key, "GET", &format!("agreements/token/{token}"), None)
                .await,
            404,
        );
        bunker.end().await;
    }
}

#[tokio::test]
async fn activities_rest_on_bases_that_are_in_force() {
    for bunker in bunkers().await {
        basis(&bunker, "news").await;
        let said = json!({"activity": "mail", "script": "<b>x</b>", "fulldesc": "Sends", "applicableto": "customers"});
        assert_ok(
            &bunker
                .v2_by(&bunker.key, "ProcessingActivityCreate", said.clone())
                .await,
        );
        assert_refused(
            &bunker.v2_by(&bunker.key, "ProcessingActivityCreate", said).await,
            409,
        );
        for _ in 0..2 {
            v1(&bunker, "POST", "pactivity/mail/news", None).await;
        }
        let list = assert_ok(
            &bunker
                .v2_by(&bunker.key, "ProcessingActivityListActivities", json!({}))
                .await,
        );
        let row = &list["rows"][0];
        assert_eq!(
            (
                &row["title"],
                &row["script"],
                &row["legalbasis"],
                &row["briefs"][0]["brief"]
            ),
            (&json!("mail"), &json!("<b>x</b>"), &json!("news"), &json!("news"))
        );
        v1(
            &bunker,
            "POST",
            "pactivity/mail",
            Some(json!({"activity": "post", "title": "Post"})),
        )
        .await;
        let list = v1(&bunker, "GET", "pactivity", None).await;
        let row = &list["rows"][0];
        assert_eq!(
            (
                &list["total"],
                &row["activity"],
                &row["title"],
                &row["fulldesc"],
                &row["legalbasis"]
            ),
            (
                &json!(1),
                &json!("post"),
                &json!("Post"),
                &json!(""),
                &json!("news")
            )
        );
        v1(&bunker, "DELETE", "lbasis/news", None).await;
        assert_eq!(
            v1(&bunker, "GET", "pactivity", None).await["rows"][0]["briefs"],
            json!([])
        );
        for (method, path) in [
            ("POST", "pactivity/post/none"),
            ("POST", "pactivity/none/news"),
            ("DELETE", "pactivity/none/news"),
            ("DELETE", "pactivity/none"),
        ] {
            assert_refused(&bunker.v1_by(&bunker.key, method, path, None).await, 404);
        }
        v1(&bunker, "DELETE", "pactivity/post/news", None).await;
        v1(&bunker, "DELETE", "pactivity/post", None).await;
        assert_eq!(v1(&bunker, "GET", "pactivity", None).await["total"], 0);
        bunker.end().await;
    }
}
