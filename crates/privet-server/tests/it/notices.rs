//! Notices that people acknowledge before they may use a model.

use std::time::{Duration, Instant};

use privet_access::Holder;
use privet_store::{Scope, values};
use privet_testkit::{Ask, PATIENCE, RawProvider, Reply, TestGateway, json_reply};
use privet_types::{KeyScopes, PrincipalKind};
use serde_json::{Value, json};

use crate::support::{CHAT, MESSAGES, assert_refused, chat, messages};

const NOTICES: &str = "/api/v1/me/notices";

const POLICY: &str = r#"
[coaching]
link = "https://intranet.example.com/ai"
[[notices]]
id = "ai-rules"
text = { en = "Send no customer data.", de = "Senden Sie keine Kundendaten." }
models = ["demo*"]
lasts = "90d"
[[notices]]
id = "claude-terms"
text = { en = "Claude is for drafts." }
link = "https://intranet.example.com/claude"
providers = ["anthropic"]
roles = ["user"]
services = "refuse"
"#;

/// Makes a person with a role. Returns its key.
async fn person(gateway: &TestGateway, tenant: &str, name: &str, role: &str) -> String {
    let people = gateway.people(tenant);
    let principal = name.parse().unwrap();
    people.create(&principal, PrincipalKind::User).await.unwrap();
    let holder = Holder::Principal(principal);
    people
        .set_role(&holder, &role.parse().unwrap(), true)
        .await
        .unwrap();
    gateway.key_for(tenant, name, KeyScopes::default()).await
}

fn with_key(gateway: &TestGateway, key: &str, method: &str, path: &str) -> Ask {
    gateway
        .ask(method, path)
        .header("authorization", &format!("Bearer {key}"))
        .header("content-type", "application/json")
        .header("anthropic-version", "2023-06-01")
}

async fn prompt(gateway: &TestGateway, key: &str, path: &str) -> Reply {
    let body = match path {
        CHAT => chat("demo-echo", "hello"),
        MESSAGES => messages("claude-demo-echo", "hello"),
        "/v1/messages/count_tokens" => json!({
            "model": "claude-demo-echo", "messages": [{ "role": "user", "content": "hello" }],
        })
        .to_string(),
        _ => json!({ "model": "demo-echo", "input": "hello" }).to_string(),
    };
    with_key(gateway, key, "POST", path).body(body).send().await
}

async fn notices(gateway: &TestGateway, key: &str) -> Vec<Value> {
    let reply = with_key(gateway, key, "GET", NOTICES).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["notices"].as_array().unwrap().clone()
}

async fn acknowledge(gateway: &TestGateway, key: &str, id: &str, hash: &str) -> Reply {
    let ask = with_key(gateway, key, "POST", &format!("{NOTICES}/{id}"));
    ask.body(json!({ "hash": hash }).to_string()).send().await
}

/// Acknowledges all that concerns whoever has `key`.
async fn acknowledge_all(gateway: &TestGateway, key: &str) {
    for notice in notices(gateway, key).await {
        let (id, hash) = (notice["id"].as_str().unwrap(), notice["hash"].as_str().unwrap());
        let reply = acknowledge(gateway, key, id, hash).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

const LACKING: &str = "notice_not_acknowledged";

#[tokio::test]
async fn who_has_not_acknowledged_is_told_what_and_where_in_the_shape_of_each_surface() {
    let gateway = TestGateway::builder().policy(POLICY).start().await;
    let key = person(&gateway, "default", "ben", "user").await;
    for (path, id, words) in [
        (CHAT, "ai-rules", "Send no customer data."),
        ("/v1/responses", "ai-rules", "Send no customer data."),
        ("/v1/embeddings", "ai-rules", "Send no customer data."),
        (MESSAGES, "claude-terms", "Claude is for drafts."),
        (
            "/v1/messages/count_tokens",
            "claude-terms",
            "Claude is for drafts.",
        ),
    ] {
        let reply = prompt(&gateway, &key, path).await;
        assert_refused(&reply, path, 403, LACKING);
        let error = &reply.json()["error"];
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("privet: {words}")), "{message}");
        let notice = &error["advice"]["notice"];
        assert_eq!(notice["id"], id, "{path}: {error}");
        assert_eq!(notice["acknowledge"], format!("{NOTICES}/{id}"));
    }
    let german = with_key(&gateway, &key, "POST", CHAT).header("accept-language", "de");
    let reply = german.body(chat("demo-echo", "hello")).send().await;
    assert!(
        reply.text().contains("Senden Sie keine Kundendaten."),
        "{}",
        reply.text()
    );
    assert_eq!(reply.header("content-language"), Some("de"));
    assert!(gateway.seen().is_empty(), "nothing was sent");
    acknowledge_all(&gateway, &key).await;
    for path in [CHAT, "/v1/responses", "/v1/embeddings", MESSAGES] {
        let reply = prompt(&gateway, &key, path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    }
    let home = gateway.stop().await.home;
    let events = home.audit().await;
    let lacking = events.iter().filter(|row| row.event.decision.reason == LACKING);
    let lacking: Vec<_> = lacking
        .map(|row| (row.event.model.clone(), row.event.provider.clone()))
        .collect();
    assert_eq!(lacking.len(), 6);
    assert!(lacking.contains(&(Some("claude-demo-echo".to_owned()), Some("anthropic".to_owned()))));
}

#[tokio::test]
async fn it_is_shown_acknowledged_once_and_told_to_the_log_by_pseudonym() {
    let gateway = TestGateway::builder().policy(POLICY).start().await;
    let key = person(&gateway, "default", "ben", "auditor").await;
    let shown = notices(&gateway, &key).await;
    let [rules] = shown.as_slice() else {
        panic!("the other one is for the role `user`: {shown:?}");
    };
    assert_eq!(
        (
            &rules["id"],
            &rules["language"],
            &rules["is_acknowledged"],
            &rules["acknowledged_at"]
        ),
        (&json!("ai-rules"), &json!("en"), &json!(false), &Value::Null)
    );
    let hash = rules["hash"].as_str().unwrap();
    let both = tokio::join!(
        acknowledge(&gateway, &key, "ai-rules", hash),
        acknowledge(&gateway, &key, "ai-rules", hash)
    );
    assert_eq!((both.0.status, both.1.status), (200, 200), "{}", both.0.text());
    assert_eq!(acknowledge(&gateway, &key, "ai-rules", hash).await.status, 200);
    let shown = notices(&gateway, &key).await;
    assert_eq!(shown[0]["is_acknowledged"], true);
    assert!(shown[0]["counts_until"].is_string(), "{shown:?}");
    let database = gateway.store().database();
    let leaves = database
        .read::<Vec<String>, privet_store::Error, _>(&Scope::Installation, |tx| {
            Box::pin(async move {
                let sql = "SELECT payload FROM audit_events WHERE kind = 'notice_acknowledged'";
                tx.rows(sql, values![]).await
            })
        })
        .await
        .unwrap();
    assert_eq!(leaves.len(), 1, "{leaves:?}");
    let leaf: Value = serde_json::from_str(&leaves[0]).unwrap();
    assert_eq!(
        (&leaf["notice"], &leaf["text_hash"]),
        (&json!("ai-rules"), &json!(hash))
    );
    assert_eq!(leaf["way"], "key");
    assert!(
        !leaves[0].contains("ben") && !leaves[0].contains("customer"),
        "{}",
        leaves[0]
    );
}

#[tokio::test]
async fn another_wording_or_the_end_of_its_time_asks_anew() {
    let gateway = TestGateway::builder().policy(POLICY).start().await;
    let key = person(&gateway, "default", "ben", "user").await;
    acknowledge_all(&gateway, &key).await;
    assert_eq!(prompt(&gateway, &key, CHAT).await.status, 200);
    let old = notices(&gateway, &key).await[0]["hash"]
        .as_str()
        .unwrap()
        .to_owned();
    let other = POLICY.replace("Send no customer data.", "Send no customer data, ever.");
    gateway.change_policy(&other, None).await.unwrap();
    assert_refused(&prompt(&gateway, &key, CHAT).await, CHAT, 403, LACKING);
    let stale = acknowledge(&gateway, &key, "ai-rules", &old).await;
    assert_eq!(
        (stale.status, stale.json()["error"]["code"].as_str()),
        (409, Some("notice_changed"))
    );
    assert_refused(&prompt(&gateway, &key, CHAT).await, CHAT, 403, LACKING);
    acknowledge_all(&gateway, &key).await;
    assert_eq!(prompt(&gateway, &key, CHAT).await.status, 200);
    // The wording of before is acknowledged yet.
    gateway.change_policy(POLICY, None).await.unwrap();
    assert_eq!(prompt(&gateway, &key, CHAT).await.status, 200);
    gateway.clock().advance(Duration::from_secs(90 * 86_400));
    assert_refused(&prompt(&gateway, &key, CHAT).await, CHAT, 403, LACKING);
    assert_eq!(
        prompt(&gateway, &key, MESSAGES).await.status,
        200,
        "that one has no end"
    );
    acknowledge_all(&gateway, &key).await;
    assert_eq!(prompt(&gateway, &key, CHAT).await.status, 200);
}

#[tokio::test]
async fn nobody_acknowledges_for_somebody_else() {
    let gateway = TestGateway::builder().policy(POLICY).start().await;
    let ben = person(&gateway, "default", "ben", "user").await;
    let other_tenant = person(&gateway, "acme", "ben", "user").await;
    let eva = person(&gateway, "default", "eva", "user").await;
    acknowledge_all(&gateway, &ben).await;
    assert_eq!(prompt(&gateway, &ben, CHAT).await.status, 200);
    for key in [&other_tenant, &eva] {
        assert_refused(&prompt(&gateway, key, CHAT).await, CHAT, 403, LACKING);
    }
    // A service account is not asked, or is refused: it reads nothing.
    let service = gateway.key().to_owned();
    assert_eq!(prompt(&gateway, &service, CHAT).await.status, 200);
    gateway
        .change_policy(&POLICY.replace("roles = [\"user\"]\n", ""), None)
        .await
        .unwrap();
    let refused = prompt(&gateway, &service, MESSAGES).await;
    assert_refused(&refused, MESSAGES, 403, LACKING);
    let seen = with_key(&gateway, &service, "GET", NOTICES).send().await;
    assert_eq!(
        (seen.status, seen.json()["error"]["code"].as_str()),
        (403, Some("not_permitted"))
    );
    let hash = notices(&gateway, &ben).await[1]["hash"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        acknowledge(&gateway, &service, "claude-terms", &hash)
            .await
            .status,
        403
    );
    // Nor does a program that has a person's token.
    let order = json!({ "scopes": ["gateway"] });
    let made = with_key(&gateway, &eva, "POST", "/api/v1/tokens");
    let made = made.body(order.to_string()).send().await;
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let hash = notices(&gateway, &token).await[0]["hash"]
        .as_str()
        .unwrap()
        .to_owned();
    let reply = acknowledge(&gateway, &token, "ai-rules", &hash).await;
    assert_eq!(
        (reply.status, reply.json()["error"]["code"].as_str()),
        (403, Some("not_a_person"))
    );
    // What its person acknowledged counts for it.
    acknowledge_all(&gateway, &eva).await;
    assert_eq!(prompt(&gateway, &token, CHAT).await.status, 200);
    let metrics_alone = KeyScopes::of(&[privet_types::KeyScope::Metrics]);
    let narrow = gateway.key_for("default", "eva", metrics_alone).await;
    let reply = acknowledge(&gateway, &narrow, "ai-rules", &hash).await;
    assert_eq!(
        reply.json()["error"]["code"],
        "key_out_of_scope",
        "{}",
        reply.text()
    );
    for (id, body, status) in [
        ("unknown", json!({ "hash": hash }), 404),
        ("ai-rules", json!({}), 400),
        ("ai-rules", json!({ "hash": "0" }), 409),
    ] {
        let ask = with_key(&gateway, &eva, "POST", &format!("{NOTICES}/{id}"));
        assert_eq!(
            ask.body(body.to_string()).send().await.status,
            status,
            "{id} {body}"
        );
    }
}

#[tokio::test]
async fn policies_of_ones_own_see_what_is_acknowledged() {
    let policy = "[[notices]]\nid = \"trial\"\ntext = { en = \"This is a trial.\" }\nmodels = [\"none\"]\n";
    let gateway = TestGateway::builder()
        .policy(policy)
        .cedar(
            r#"@message("acknowledge the trial first")
            forbid (principal is Privet::User, action == Privet::Action::"prompt", resource)
            unless { context.acknowledged.contains("trial") };"#,
        )
        .start()
        .await;
    let key = person(&gateway, "default", "ben", "user").await;
    let refused = prompt(&gateway, &key, CHAT).await;
    assert_refused(&refused, CHAT, 403, "not_permitted");
    assert!(
        refused.text().contains("acknowledge the trial first"),
        "{}",
        refused.text()
    );
    acknowledge_all(&gateway, &key).await;
    assert_eq!(prompt(&gateway, &key, CHAT).await.status, 200);
}

#[tokio::test]
async fn a_provider_whose_notice_is_lacking_stands_in_for_none() {
    let fails = json_reply("503 Busy", "", r#"{"error":{"message":"theirs"}}"#);
    let (near, far) = (
        RawProvider::always(fails).await,
        RawProvider::always(json_reply("200 OK", "", r#"{"choices":[]}"#)).await,
    );
    let entry = |name: &str, provider: &RawProvider| {
        format!(
            "[[providers]]\nname = \"{name}\"\ndialect = \"openai\"\nbase_url = \"http://{}/v1\"\napi_key = {{ env = \"READ_BY_NOBODY\" }}\n",
            provider.address()
        )
    };
    let gateway = TestGateway::builder()
        .policy("[[notices]]\nid = \"far\"\ntext = { en = \"It is far.\" }\nproviders = [\"far\"]\n")
        .providers(&(entry("near", &near) + &entry("far", &far)))
        .models("[[models]]\nmatch = \"both\"\nprovider = \"near\"\nfallback = [{ provider = \"far\" }]\n")
        .start()
        .await;
    let key = person(&gateway, "default", "ben", "user").await;
    let send = || {
        let ask = with_key(&gateway, &key, "POST", CHAT);
        ask.body(chat("both", "hello")).send()
    };
    assert_eq!(send().await.status, 503);
    assert!(far.requests().is_empty());
    acknowledge_all(&gateway, &key).await;
    assert_eq!(send().await.status, 200);
    assert_eq!(far.requests().len(), 1);
}

#[tokio::test]
async fn without_the_store_nothing_is_acknowledged_and_nobody_goes_on_for_long() {
    let gateway = TestGateway::builder()
        .policy(POLICY)
        .stale_after(Duration::from_millis(900))
        .start()
        .await;
    let key = person(&gateway, "default", "ben", "user").await;
    let hash = notices(&gateway, &key).await[0]["hash"]
        .as_str()
        .unwrap()
        .to_owned();
    gateway.store().close().await;
    let reply = acknowledge(&gateway, &key, "ai-rules", &hash).await;
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert_ne!(prompt(&gateway, &key, CHAT).await.status, 200);
    let deadline = Instant::now() + PATIENCE;
    let mut reply = prompt(&gateway, &key, CHAT).await;
    while reply.status != 503 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
        reply = prompt(&gateway, &key, CHAT).await;
    }
    assert_refused(&reply, CHAT, 503, "keys_unavailable");
}
