use std::time::Duration;

use privet_testkit::TestGateway;
use privet_types::{KeyScope, KeyScopes, PrincipalKind};
use serde_json::{Value, json};

use super::{admin_key, administrator, assert_problem, by_key, made};
use crate::sign_in::house;
use crate::support::MODELS;
use crate::vault::pairs;

async fn models(gateway: &TestGateway, key: &str) -> u16 {
    let ask = gateway.ask("GET", MODELS).header("x-api-key", key);
    ask.send().await.status
}

#[tokio::test]
async fn a_key_is_shown_once_works_at_once_and_once_revoked_nowhere() {
    for (house, twin) in pairs().await {
        let gateway = &house.gateway;
        made(gateway, "default", "root", PrincipalKind::User, &["admin"]).await;
        made(gateway, "default", "bob", PrincipalKind::User, &["user"]).await;
        let scopes = [KeyScope::KeyRead, KeyScope::KeyManage, KeyScope::Gateway];
        let key = gateway.key_for("default", "root", KeyScopes::of(&scopes)).await;
        let body = json!({ "name": "bob", "scopes": ["gateway"], "expires_in": "90d" });
        let reply = by_key(gateway, &key, "POST", "/api/v1/keys", &body).send().await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        let told = reply.json();
        let (new, id) = (
            told["key"].as_str().unwrap().to_owned(),
            told["record"]["id"].as_str().unwrap().to_owned(),
        );
        assert_eq!(told["record"]["scopes"], json!(["gateway"]));
        assert!(told["record"]["expires_at"].is_string());
        assert_eq!(
            (models(gateway, &new).await, models(&twin, &new).await),
            (200, 200)
        );
        let one = format!("/api/v1/keys/{id}");
        for path in ["/api/v1/keys", one.as_str()] {
            let shown = by_key(gateway, &key, "GET", path, &Value::Null).send().await;
            assert_eq!(shown.status, 200);
            assert!(
                shown.text().contains(&id) && !shown.text().contains("prvt_"),
                "{path}"
            );
        }
        let tenant = "default".parse().unwrap();
        let leaves = gateway
            .store()
            .tenant_events(&tenant, 0, None, 1000)
            .await
            .unwrap();
        let mut made = leaves
            .iter()
            .filter(|leaf| leaf.kind == "api_key_created" && leaf.payload.contains(&id));
        let payload: Value = serde_json::from_str(&made.next_back().unwrap().payload).unwrap();
        assert!(
            payload["by"].is_string() && payload["by"] != payload["principal"],
            "{payload}"
        );
        assert!(leaves.iter().all(|leaf| !leaf.payload.contains(&new)));

        for _ in 0..2 {
            let gone = by_key(gateway, &key, "DELETE", &one, &Value::Null).send().await;
            assert_eq!(
                (gone.status, gone.json()["state"].clone()),
                (200, json!("revoked"))
            );
        }
        assert_eq!(models(gateway, &new).await, 403, "at once where it was asked");
        let mut status = 200;
        for _ in 0..200 {
            status = models(&twin, &new).await;
            if status == 403 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(status, 403, "soon on another node");
        let again = json!({ "grace": "1h" });
        let rotated = by_key(gateway, &key, "POST", &format!("{one}/rotate"), &again);
        assert_problem(&rotated.send().await, 409, "key_ended");
        drop(twin);
        house.end().await;
    }
}

#[tokio::test]
pub(crate) async fn a_rotated_key_works_beside_its_successor_for_its_grace() {
    let gateway = TestGateway::builder().start().await;
    made(&gateway, "default", "root", PrincipalKind::User, &["admin"]).await;
    let scopes = [KeyScope::KeyRead, KeyScope::KeyManage, KeyScope::Gateway];
    let key = gateway.key_for("default", "root", KeyScopes::of(&scopes)).await;
    let old = gateway.new_key("ci", None).await;
    let path = format!("/api/v1/keys/{}/rotate", old.record.id);
    let rotate = async |grace: &str| {
        let body = json!({ "grace": grace });
        by_key(&gateway, &key, "POST", &path, &body).send().await
    };
    assert_problem(&rotate("91d").await, 422, "bad_field");
    assert_problem(&rotate("soon").await, 400, "bad_field");
    let reply = rotate("1h").await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let new = reply.json()["key"].as_str().unwrap().to_owned();
    assert_eq!(reply.json()["record"]["line"], old.record.id.as_str());
    assert_problem(&rotate("1h").await, 409, "key_rotated");
    assert_eq!(models(&gateway, old.key.expose()).await, 200);
    gateway.clock().advance(Duration::from_secs(3600));
    assert_eq!(models(&gateway, old.key.expose()).await, 403);
    assert_eq!(models(&gateway, &new).await, 200);
}

#[tokio::test]
async fn keys_are_listed_in_pages_by_owner_state_and_how_long_they_were_not_used() {
    let gateway = TestGateway::builder().start().await;
    made(&gateway, "default", "root", PrincipalKind::User, &["admin"]).await;
    let key = admin_key(&gateway, "default", "root").await;
    let list = async |query: &str| {
        let path = format!("/api/v1/keys{query}");
        let reply = by_key(&gateway, &key, "GET", &path, &Value::Null).send().await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    };
    let mut ids = Vec::new();
    for _ in 0..5 {
        gateway.clock().advance(Duration::from_secs(1));
        ids.push(gateway.new_key("ci", None).await.record.id);
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = list(&format!("?name=ci&limit=2{after}")).await;
        let rows = page["keys"].as_array().unwrap();
        assert!(rows.len() <= 2);
        seen.extend(rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen, ids);
    let gone = format!("/api/v1/keys/{}", ids[0]);
    by_key(&gateway, &key, "DELETE", &gone, &Value::Null).send().await;
    let count = |page: Value| page["keys"].as_array().unwrap().len();
    assert_eq!(count(list("?name=ci&state=active").await), 4);
    assert_eq!(count(list("?name=ci&unused_since=1h").await), 0);
    gateway.clock().advance(Duration::from_secs(7200));
    assert_eq!(count(list("?name=ci&unused_since=1h").await), 4);
    for (query, code) in [
        ("?limit=0", "bad_field"),
        ("?limit=1001", "bad_field"),
        ("?limit=x", "bad_field"),
        ("?after=nobody", "bad_field"),
        ("?unused_since=9", "bad_field"),
        ("?tenant=acme", "bad_query"),
        ("?name=%zz", "bad_query"),
    ] {
        let path = format!("/api/v1/keys{query}");
        let reply = by_key(&gateway, &key, "GET", &path, &Value::Null).send().await;
        assert_problem(&reply, 400, code);
    }
}

#[tokio::test]
async fn what_is_no_key_to_make_is_refused_without_repeating_it() {
    let gateway = house().start().await;
    let admin = administrator(&gateway, "ann-admin").await;
    for (body, status, code) in [
        (json!({ "name": "ann-admin", "scopes": [] }), 400, "bad_field"),
        (
            json!({ "name": "ann-admin", "scopes": ["sesame"] }),
            400,
            "bad_field",
        ),
        (
            json!({ "name": "no such/name", "scopes": ["gateway"] }),
            400,
            "bad_field",
        ),
        (
            json!({ "name": "sesame", "scopes": ["gateway"] }),
            404,
            "not_found",
        ),
        (
            json!({ "name": "ann-admin", "scopes": ["gateway"], "expires_in": "sesame" }),
            400,
            "bad_field",
        ),
        (
            json!({ "name": "ann-admin", "scopes": ["gateway"], "expires_in": "0d" }),
            422,
            "bad_field",
        ),
        (
            json!({ "name": "ann-admin", "scopes": ["gateway"], "tenant": "sesame" }),
            400,
            "bad_request",
        ),
        (json!({ "name": "ann-admin" }), 400, "bad_request"),
    ] {
        let reply = admin.send(&gateway, "POST", "/api/v1/keys", &body).await;
        assert_problem(&reply, status, code);
        assert!(!reply.text().contains("sesame"), "{}", reply.text());
    }
    let large = json!({ "name": "a".repeat(20_000), "scopes": ["gateway"] });
    let reply = admin.send(&gateway, "POST", "/api/v1/keys", &large).await;
    assert_problem(&reply, 413, "request_too_large");
    let good = json!({ "name": "ann-admin", "scopes": ["metrics"] });
    let plain = admin
        .ask(&gateway, "POST", "/api/v1/keys")
        .without("content-type")
        .header("content-type", "text/plain")
        .body(good.to_string());
    assert_problem(&plain.send().await, 415, "unsupported_media");
}
