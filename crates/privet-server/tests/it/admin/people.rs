use privet_types::{Clock, KeyScopes, PrincipalKind};
use serde_json::{Value, json};

use super::{administrator, assert_problem, group, made};
use crate::sign_in::house;
use crate::support::MODELS;

#[tokio::test]
async fn a_person_is_made_invited_given_a_role_and_switched_off() {
    let gateway = house().start().await;
    let admin = administrator(&gateway, "ann-admin").await;
    let reply = admin
        .send(&gateway, "POST", "/api/v1/people", &json!({ "name": "bob-user" }))
        .await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let again = admin
        .send(&gateway, "POST", "/api/v1/people", &json!({ "name": "bob-user" }))
        .await;
    assert_problem(&again, 409, "exists");
    let reply = admin
        .ask(&gateway, "PUT", "/api/v1/people/bob-user/roles/user")
        .send()
        .await;
    assert_eq!(reply.status, 204, "{}", reply.text());
    let invite = admin
        .ask(&gateway, "POST", "/api/v1/people/bob-user/invite")
        .send()
        .await;
    assert_eq!(invite.status, 201, "{}", invite.text());
    let body = json!({ "code": invite.json()["code"], "password": "correct horse battery" });
    let accepted = gateway
        .ask("POST", "/api/v1/invites/accept")
        .header("content-type", "application/json")
        .body(body.to_string());
    assert_eq!(accepted.send().await.status, 204);
    let bob = crate::sign_in::sign_in(&gateway, "bob-user").await;
    assert_eq!(
        bob.get(&gateway, "/api/v1/me").await.json()["roles"],
        json!(["user"])
    );
    let key = gateway.key_for("default", "bob-user", KeyScopes::default()).await;
    let ask = || gateway.ask("GET", MODELS).header("x-api-key", &key);
    assert_eq!(ask().send().await.status, 200);

    let shown = admin.get(&gateway, "/api/v1/people/bob-user").await.json();
    assert_eq!(
        (&shown["state"], &shown["roles"], &shown["kind"]),
        (&json!("active"), &json!(["user"]), &json!("user"))
    );
    let off = json!({ "disabled": true });
    for _ in 0..2 {
        let reply = admin
            .send(&gateway, "PATCH", "/api/v1/people/bob-user", &off)
            .await;
        assert_eq!(
            (reply.status, reply.json()["state"].clone()),
            (200, json!("disabled"))
        );
    }
    assert_eq!(ask().send().await.status, 403, "at once");
    assert_eq!(bob.get(&gateway, "/api/v1/me").await.status, 401);

    let tenant = "default".parse().unwrap();
    let leaves = gateway
        .store()
        .tenant_events(&tenant, 0, None, 1000)
        .await
        .unwrap();
    let told_by = |kind: &str| {
        let of_kind = leaves.iter().filter(|leaf| leaf.kind == kind);
        let payloads = of_kind.map(|leaf| serde_json::from_str::<Value>(&leaf.payload).unwrap());
        payloads.filter(|payload| payload["by"].is_string()).count()
    };
    for kind in [
        "principal_created",
        "role_granted",
        "person_invited",
        "principal_disabled",
        "sessions_ended",
    ] {
        assert_eq!(told_by(kind), 1, "{kind}");
    }
    assert!(leaves.iter().all(|leaf| !leaf.payload.contains("ann-admin")));
}

#[tokio::test]
async fn people_and_services_are_listed_in_pages_by_role_group_and_state() {
    let gateway = house().start().await;
    let admin = administrator(&gateway, "ann-admin").await;
    for number in 0..5 {
        made(
            &gateway,
            "default",
            &format!("p{number}"),
            PrincipalKind::User,
            &["user"],
        )
        .await;
    }
    made(&gateway, "default", "crm", PrincipalKind::Service, &["service"]).await;
    gateway.key_for("default", "stray", KeyScopes::default()).await;
    group(&gateway, "lab", &["developer"], &["p1", "p3"]).await;
    let names = async |path: &str| {
        let reply = admin.get(&gateway, path).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let rows = reply.json()["rows"].as_array().unwrap().clone();
        let names: Vec<String> = rows
            .iter()
            .map(|row| row["name"].as_str().unwrap().to_owned())
            .collect();
        (names, reply.json()["next"].as_str().map(ToOwned::to_owned))
    };
    let (first, next) = names("/api/v1/people?begins=p&limit=3").await;
    assert_eq!(
        (first, next.as_deref()),
        (vec!["p0".into(), "p1".into(), "p2".into()], Some("p2"))
    );
    let (rest, next) = names("/api/v1/people?begins=p&limit=3&after=p2").await;
    assert_eq!((rest, next), (vec!["p3".to_owned(), "p4".to_owned()], None));
    assert_eq!(names("/api/v1/people?group=lab").await.0, ["p1", "p3"]);
    assert_eq!(names("/api/v1/people?role=developer").await.0, ["p1", "p3"]);
    assert_eq!(names("/api/v1/people?role=admin").await.0, ["ann-admin"]);
    assert!(names("/api/v1/people?state=disabled").await.0.is_empty());
    let services = names("/api/v1/services").await.0;
    assert!(
        services.contains(&"crm".to_owned()) && services.contains(&"stray".to_owned()),
        "{services:?}"
    );
    assert!(!services.contains(&"p0".to_owned()), "{services:?}");
    assert_eq!(names("/api/v1/services?state=by_key&begins=s").await.0, ["stray"]);
    for path in [
        "/api/v1/people/crm",
        "/api/v1/services/p0",
        "/api/v1/people/nobody",
    ] {
        assert_problem(&admin.get(&gateway, path).await, 404, "not_found");
    }
    let lab = admin.get(&gateway, "/api/v1/groups/lab").await.json();
    assert_eq!(
        (&lab["roles"], &lab["members"]),
        (&json!(["developer"]), &json!(["p1", "p3"]))
    );
    // A service account is no person, whatever its name.
    let reply = admin
        .ask(&gateway, "PUT", "/api/v1/people/crm/roles/user")
        .send()
        .await;
    assert_problem(&reply, 404, "not_found");
    let reply = admin
        .ask(&gateway, "POST", "/api/v1/people/crm/invite")
        .send()
        .await;
    assert_problem(&reply, 404, "not_found");
}

#[tokio::test]
async fn roles_say_what_they_permit_and_whether_they_may_be_granted_and_the_review_what_is_used() {
    let gateway = house().start().await;
    let admin = administrator(&gateway, "ann-admin").await;
    made(&gateway, "default", "bob", PrincipalKind::User, &["user"]).await;
    let key = gateway.key_for("default", "bob", KeyScopes::default()).await;
    assert_eq!(
        gateway
            .ask("GET", MODELS)
            .header("x-api-key", &key)
            .send()
            .await
            .status,
        200
    );
    let roles = admin.get(&gateway, "/api/v1/roles").await.json();
    let role = |name: &str| {
        let all = roles["roles"].as_array().unwrap();
        all.iter().find(|role| role["role"] == name).unwrap().clone()
    };
    for (name, may_grant) in [
        ("user", true),
        ("admin", true),
        ("privacy_officer", false),
        ("security", false),
    ] {
        assert_eq!(role(name)["may_grant"], may_grant, "{name}");
    }
    assert!(
        role("privacy_officer")["people_may"]
            .to_string()
            .contains("vault.erase")
    );
    assert_eq!(
        role("service")["people_may"],
        json!(["token.make", "notice.acknowledge", "sign_in"])
    );
    assert!(
        role("service")["services_may"]
            .to_string()
            .contains("vault.erase")
    );
    assert_eq!(role("user")["holders"], 1);

    let review = admin.get(&gateway, "/api/v1/access_review").await.json();
    let row = |name: &str, action: &str| {
        let rows = review["rows"].as_array().unwrap();
        let found = rows
            .iter()
            .find(|row| row["name"] == name && row["action"] == action);
        found.cloned().unwrap_or_default()
    };
    assert_eq!(row("bob", "prompt")["has_key"], true);
    assert_eq!(row("bob", "vault.read"), Value::Null);
    assert_eq!(row("ann-admin", "people.manage")["roles"], json!(["admin"]));
    let unused = admin
        .get(&gateway, "/api/v1/access_review?unused=true&limit=1")
        .await
        .json();
    assert!(unused["next"].is_string());
    let bad = admin.get(&gateway, "/api/v1/access_review?unused=perhaps").await;
    assert_problem(&bad, 400, "bad_field");
    assert!(gateway.clock().now().as_second() > 0);
}

#[tokio::test]
async fn where_nobody_can_sign_in_nobody_is_invited() {
    let gateway = privet_testkit::TestGateway::builder().start().await;
    made(&gateway, "default", "root", PrincipalKind::User, &["admin"]).await;
    made(&gateway, "default", "bob", PrincipalKind::User, &[]).await;
    let key = super::admin_key(&gateway, "default", "root").await;
    let path = "/api/v1/people/bob/invite";
    let reply = super::by_key(&gateway, &key, "POST", path, &Value::Null)
        .send()
        .await;
    assert_problem(&reply, 409, "no_sign_in");
}
