//! The kill switch: who is refused, in what words, how soon, and what becomes of what is under way.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use privet_access::{KillOrder, KillTarget, Looks, Privilege};
use privet_testkit::{Answer, PATIENCE, RawProvider, Reply, TestGateway, chunk, json_reply, sse_head};
use privet_types::{Clock, KeyScope, KeyScopes, TenantId};
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;

use crate::support::{
    CHAT, EMAIL, MESSAGES, MODELS, assert_refused, chat, chat_stream, in_two_looks, messages, of_store,
};

const SWITCHES: &str = "/api/v1/kill-switches";
fn order(tenant: Option<&str>, target: KillTarget) -> KillOrder {
    KillOrder {
        tenant: tenant.map(|tenant| tenant.parse().unwrap()),
        target,
        reason: "incident 7".to_owned(),
        ends_at: None,
    }
}

/// Sets a switch in the store, as another process does.
async fn set(gateway: &TestGateway, tenant: Option<&str>, target: KillTarget) -> String {
    let home = TenantId::default();
    let switches = gateway.kill_switches();
    let set = switches.set(order(tenant, target), "sam", &home);
    set.await.unwrap().id
}

/// Asks again until the answer has this status, however long that takes.
async fn until(status: u16, ask: impl AsyncFn() -> Reply) -> Reply {
    let begun = Instant::now();
    loop {
        let reply = ask().await;
        if reply.status == status {
            return reply;
        }
        assert!(begun.elapsed() < PATIENCE, "{} {}", reply.status, reply.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// This machine's file, for [`in_two_looks`].
fn of_file(looks: Looks) -> u64 {
    looks.local
}

async fn ask_chat(gateway: &TestGateway) -> Reply {
    gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await
}

#[tokio::test]
async fn each_kind_of_switch_cuts_off_what_it_names_and_lets_it_back_in() {
    let gateway = TestGateway::builder().start().await;
    let bob = gateway.key_for("default", "bob", KeyScopes::default()).await;
    let key = privet_access::list_keys(gateway.store()).await.unwrap();
    let anns = key
        .iter()
        .find(|key| key.principal.as_str() == "ann")
        .unwrap()
        .id
        .clone();
    let ask_bob = async || {
        let ask = gateway.post(CHAT, chat("demo-echo", EMAIL));
        ask.without("authorization")
            .header("x-api-key", &bob)
            .send()
            .await
    };
    for (tenant, target, hits_bob) in [
        (
            Some("default"),
            KillTarget::Principal("ann".parse().unwrap()),
            false,
        ),
        (Some("default"), KillTarget::Key(anns), false),
        (Some("default"), KillTarget::Tenant, true),
        (None, KillTarget::All, true),
        (None, KillTarget::Model("demo-echo".to_owned()), true),
        (Some("default"), KillTarget::Model("demo-echo".to_owned()), true),
        (Some("default"), KillTarget::Provider("openai".to_owned()), true),
    ] {
        let id = set(&gateway, tenant, target.clone()).await;
        let reply = in_two_looks(&gateway, of_store, 403, async || ask_chat(&gateway).await).await;
        assert_refused(&reply, CHAT, 403, "switched_off");
        assert!(!reply.text().contains("incident"), "{}", reply.text());
        assert_eq!(ask_bob().await.status == 403, hits_bob, "{target:?}");
        let home = TenantId::default();
        gateway
            .kill_switches()
            .lift(&id, "sam", &home, None)
            .await
            .unwrap();
        in_two_looks(&gateway, of_store, 200, async || ask_chat(&gateway).await).await;
        assert_eq!(ask_bob().await.status, 200);
    }
    let other = set(&gateway, Some("elsewhere"), KillTarget::Tenant).await;
    let named = set(
        &gateway,
        Some("elsewhere"),
        KillTarget::Provider("openai".to_owned()),
    )
    .await;
    until(200, async || ask_chat(&gateway).await).await;
    assert_ne!(other, named);
}

#[tokio::test]
async fn a_refusal_has_the_shape_of_its_surface_and_a_model_is_cut_off_by_its_own_name_alone() {
    let gateway = TestGateway::builder().start().await;
    set(&gateway, None, KillTarget::Model("claude-demo-echo".to_owned())).await;
    let ask = async |model: &str| gateway.post(MESSAGES, messages(model, EMAIL)).send().await;
    let reply = in_two_looks(&gateway, of_store, 403, async || ask("claude-demo-echo").await).await;
    assert_refused(&reply, MESSAGES, 403, "permission_error");
    assert_eq!(ask("claude-demo-echo-2").await.status, 200);
    set(&gateway, None, KillTarget::All).await;
    let listed = async || {
        let ask = gateway.ask("GET", MODELS);
        ask.header("authorization", &format!("Bearer {}", gateway.key()))
            .send()
            .await
    };
    let reply = in_two_looks(&gateway, of_store, 403, listed).await;
    assert_refused(&reply, MODELS, 403, "switched_off");
}

#[tokio::test]
async fn a_switch_with_an_end_is_over_then() {
    let gateway = TestGateway::builder().start().await;
    let ends_at = gateway.clock().now() + Duration::from_secs(3600);
    let order = KillOrder {
        ends_at: Some(ends_at),
        ..order(None, KillTarget::All)
    };
    gateway
        .kill_switches()
        .set(order, "sam", &TenantId::default())
        .await
        .unwrap();
    in_two_looks(&gateway, of_store, 403, async || ask_chat(&gateway).await).await;
    gateway.clock().advance(Duration::from_secs(3601));
    until(200, async || ask_chat(&gateway).await).await;
}

#[tokio::test]
async fn a_stream_of_a_caller_who_is_cut_off_ends_and_so_does_a_request_that_waits() {
    for target in [
        KillTarget::Principal("ann".parse().unwrap()),
        KillTarget::Provider("openai".to_owned()),
    ] {
        let (send, pieces) = unbounded_channel();
        let pieces = Mutex::new(Some(pieces));
        let provider = RawProvider::start(move |_| match pieces.lock().unwrap().take() {
            Some(pieces) => Answer::Pieces(pieces),
            None => Answer::Silence,
        })
        .await;
        let gateway = TestGateway::builder()
            .in_front_of(provider.address())
            .start()
            .await;
        send.send(sse_head()).unwrap();
        let event = r#"data: {"choices":[{"index":0,"delta":{"content":"one "}}]}"#;
        send.send(chunk(format!("{event}\n\n").as_bytes())).unwrap();
        let mut open = gateway.post(CHAT, chat_stream("demo", EMAIL)).open().await;
        open.until("one").await;
        let waiting = tokio::spawn(gateway.post(CHAT, chat("demo", EMAIL)).send());
        provider.arrived(2).await;
        set(&gateway, Some("default"), target.clone()).await;
        let rest = open.rest().await;
        assert!(!rest.is_whole, "{target:?}");
        provider.gone(1).await;
        if matches!(target, KillTarget::Principal(_)) {
            assert_refused(&waiting.await.unwrap(), CHAT, 403, "switched_off");
        } else {
            waiting.abort();
        }
    }
}

#[tokio::test]
async fn another_target_answers_for_a_provider_that_is_cut_off() {
    let (off, on) = (
        RawProvider::always(json_reply("200 OK", "", r#"{"choices":[]}"#)).await,
        RawProvider::always(json_reply("200 OK", "", r#"{"choices":[]}"#)).await,
    );
    let entry = |name: &str, provider: &RawProvider| {
        format!(
            "[[providers]]\nname = \"{name}\"\ndialect = \"openai\"\nbase_url = \"http://{}/v1\"\napi_key = {{ env = \"READ_BY_NOBODY\" }}\n",
            provider.address()
        )
    };
    let models = "[[models]]\nmatch = \"shared\"\ntargets = [\n\
                  { provider = \"off\", weight = 1 }, { provider = \"on\", weight = 1 } ]\n";
    let gateway = TestGateway::builder()
        .providers(&(entry("off", &off) + &entry("on", &on)))
        .models(models)
        .start()
        .await;
    set(&gateway, None, KillTarget::Provider("off".to_owned())).await;
    until(403, async || set_probe(&gateway).await).await;
    let before = off.requests().len();
    for _ in 0..6 {
        let reply = gateway.post(CHAT, chat("shared", EMAIL)).send().await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    assert_eq!(off.requests().len(), before);
    assert!(on.requests().len() >= 6);
    set(&gateway, None, KillTarget::Provider("on".to_owned())).await;
    let ask = async || gateway.post(CHAT, chat("shared", EMAIL)).send().await;
    assert_refused(&until(403, ask).await, CHAT, 403, "switched_off");
}

/// Refused as soon as the gateway knows of all switches that were set before this one.
async fn set_probe(gateway: &TestGateway) -> Reply {
    let known = gateway.store().kill_switches(99, None).await.unwrap();
    let is_set = known
        .iter()
        .any(|switch| switch.target == KillTarget::Model("demo-probe".to_owned()));
    if !is_set {
        set(gateway, None, KillTarget::Model("demo-probe".to_owned())).await;
    }
    gateway.post(CHAT, chat("demo-probe", EMAIL)).send().await
}

#[tokio::test]
async fn a_server_of_tools_is_cut_off_with_its_streams() {
    let server = RawProvider::start(|_| {
        let (send, pieces) = unbounded_channel();
        send.send(sse_head()).unwrap();
        send.send(chunk(b": here\n\n")).unwrap();
        std::mem::forget(send);
        Answer::Pieces(pieces)
    })
    .await;
    let mcp = format!(
        "[[mcp.servers]]\nname = \"crm\"\nurl = \"http://{}\"",
        server.address()
    );
    let gateway = TestGateway::builder().calm().mcp(&mcp).start().await;
    let listen = || {
        gateway
            .ask("GET", "/mcp/crm")
            .header("authorization", &format!("Bearer {}", gateway.key()))
    };
    let mut stream = listen().open().await;
    stream.until(":").await;
    set(&gateway, None, KillTarget::Model("mcp/crm".to_owned())).await;
    server.gone(1).await;
    let refused = listen().send().await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(refused.json()["error"]["data"]["code"], "switched_off");
}

#[tokio::test]
async fn a_switch_of_this_machine_counts_without_the_store_and_is_handed_over_to_it() {
    let gateway = TestGateway::builder().start().await;
    let local = gateway.local_switches();
    let switch = order(Some("default"), KillTarget::Principal("ann".parse().unwrap()))
        .switch("command line", gateway.clock().now())
        .unwrap();
    local.write(std::slice::from_ref(&switch)).unwrap();
    in_two_looks(&gateway, of_file, 403, async || ask_chat(&gateway).await).await;
    let begun = Instant::now();
    while gateway.store().kill_switch(&switch.id).await.unwrap().is_none() {
        assert!(begun.elapsed() < PATIENCE, "the store is not told");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // From now on the store decides, whatever the file says.
    let home = TenantId::default();
    gateway
        .kill_switches()
        .lift(&switch.id, "sam", &home, None)
        .await
        .unwrap();
    until(200, async || ask_chat(&gateway).await).await;

    gateway.lose_store().await;
    assert_eq!(ask_chat(&gateway).await.status, 200);
    let all = order(None, KillTarget::All);
    let all = all.switch("command line", gateway.clock().now()).unwrap();
    local.write(&[all]).unwrap();
    let reply = in_two_looks(&gateway, of_file, 403, async || ask_chat(&gateway).await).await;
    assert_refused(&reply, CHAT, 403, "switched_off");
    local.write(&[]).unwrap();
    in_two_looks(&gateway, of_file, 200, async || ask_chat(&gateway).await).await;
}

#[tokio::test]
async fn everybody_is_refused_while_the_file_of_this_machine_cannot_be_read() {
    let gateway = TestGateway::builder().start().await;
    assert_eq!(ask_chat(&gateway).await.status, 200);
    std::fs::write(gateway.local_switches().path(), b"not sealed by us").unwrap();
    let reply = in_two_looks(&gateway, of_file, 403, async || ask_chat(&gateway).await).await;
    assert_refused(&reply, CHAT, 403, "switched_off");
    std::fs::remove_file(gateway.local_switches().path()).unwrap();
    in_two_looks(&gateway, of_file, 200, async || ask_chat(&gateway).await).await;
}

/// A call of the interface with a key of somebody who may do so.
async fn call(gateway: &TestGateway, key: &str, method: &str, path: &str, body: Option<Value>) -> Reply {
    let ask = gateway.ask(method, path).header("x-api-key", key);
    match body {
        Some(body) => {
            let ask = ask.header("content-type", "application/json");
            ask.body(body.to_string()).send().await
        }
        None => ask.send().await,
    }
}

#[tokio::test]
async fn whoever_may_sets_lists_and_lifts_switches_over_http_while_all_else_is_off() {
    let gateway = TestGateway::builder().start().await;
    let scopes = KeyScopes::of(&[KeyScope::Kill, KeyScope::Gateway, KeyScope::WatchRead]);
    let key = gateway.key_for("default", "watch", scopes).await;
    let none = gateway.key_for("default", "other", KeyScopes::default()).await;
    let body = json!({"kind": "all", "reason": "incident 7"});
    let refused = call(&gateway, &none, "POST", SWITCHES, Some(body.clone())).await;
    assert_refused(&refused, CHAT, 403, "key_out_of_scope");
    let made = call(&gateway, &key, "POST", SWITCHES, Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.text());
    // On the node that was asked it counts before the answer is out.
    assert_refused(&ask_chat(&gateway).await, CHAT, 403, "switched_off");
    // Who looks after an incident sees what is known of it.
    let alerts = call(&gateway, &key, "GET", "/api/v1/alerts", None).await;
    assert_eq!(alerts.status, 200, "{}", alerts.text());
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let listed = call(&gateway, &key, "GET", SWITCHES, None).await.json();
    assert_eq!(listed["switches"][0]["id"], id, "{listed}");
    assert_eq!(listed["switches"][0]["in_force"], true);
    assert_eq!(listed["switches"][0]["set_by"], "watch");
    let lifted = call(&gateway, &key, "DELETE", &format!("{SWITCHES}/{id}"), None).await;
    assert_eq!(lifted.json()["in_force"], false, "{}", lifted.text());
    assert_eq!(ask_chat(&gateway).await.status, 200);
    let again = call(&gateway, &key, "DELETE", &format!("{SWITCHES}/{id}"), None).await;
    assert_eq!(again.status, 404);
    for (body, status) in [
        (json!({"kind": "all", "reason": ""}), 400),
        (json!({"kind": "all"}), 400),
        (json!({"kind": "principal", "reason": "r"}), 400),
        (json!({"kind": "galaxy", "name": "x", "reason": "r"}), 400),
        (json!({"kind": "key", "name": "nosuchkey", "reason": "r"}), 404),
        (
            json!({"kind": "all", "reason": "r", "until": "2020-01-01T00:00:00Z"}),
            400,
        ),
        (json!({"kind": "tenant", "reason": "r", "everywhere": true}), 400),
    ] {
        let reply = call(&gateway, &key, "POST", SWITCHES, Some(body.clone())).await;
        assert_eq!(reply.status, status, "{body}: {}", reply.text());
    }
    // Whoever is cut off themselves cannot let themselves back in.
    set(
        &gateway,
        Some("default"),
        KillTarget::Principal("watch".parse().unwrap()),
    )
    .await;
    until(403, async || call(&gateway, &key, "GET", SWITCHES, None).await).await;
}

#[tokio::test]
async fn a_tenant_sees_and_sets_its_own_switches_alone() {
    let gateway = TestGateway::builder().start().await;
    let key = gateway
        .key_for("acme", "watch", KeyScopes::of(&[KeyScope::Kill]))
        .await;
    let foreign = set(&gateway, None, KillTarget::Model("claude-demo".to_owned())).await;
    for body in [
        json!({"kind": "all", "reason": "r"}),
        json!({"kind": "tenant", "tenant": "default", "reason": "r"}),
        json!({"kind": "principal", "name": "ann", "tenant": "default", "reason": "r"}),
        json!({"kind": "provider", "name": "openai", "everywhere": true, "reason": "r"}),
    ] {
        let reply = call(&gateway, &key, "POST", SWITCHES, Some(body.clone())).await;
        assert_eq!(reply.status, 403, "{body}: {}", reply.text());
    }
    let anns = privet_access::list_keys(gateway.store()).await.unwrap();
    let anns = &anns
        .iter()
        .find(|key| key.principal.as_str() == "ann")
        .unwrap()
        .id;
    let body = json!({"kind": "key", "name": anns, "reason": "r"});
    assert_eq!(
        call(&gateway, &key, "POST", SWITCHES, Some(body)).await.status,
        404
    );
    let body = json!({"kind": "provider", "name": "openai", "reason": "r"});
    assert_eq!(
        call(&gateway, &key, "POST", SWITCHES, Some(body)).await.status,
        201
    );
    assert_eq!(ask_chat(&gateway).await.status, 200);
    let listed = call(&gateway, &key, "GET", SWITCHES, None).await.json();
    assert_eq!(listed["switches"].as_array().unwrap().len(), 1, "{listed}");
    let reply = call(&gateway, &key, "DELETE", &format!("{SWITCHES}/{foreign}"), None).await;
    assert_eq!(reply.status, 404);
    for privilege in [
        Privilege::KillManage,
        Privilege::WatchRead,
        Privilege::WatchManage,
    ] {
        assert!(privilege.outlasts_kill());
    }
    assert!(!Privilege::RestoreText.outlasts_kill());
}

#[tokio::test]
async fn a_tenant_is_not_told_which_of_the_operators_people_cut_it_off() {
    let gateway = TestGateway::builder().start().await;
    let scopes = KeyScopes::of(&[KeyScope::Kill]);
    // The same name here and there is somebody else.
    let operator = gateway.key_for("default", "sam", scopes).await;
    let theirs = gateway.key_for("acme", "sam", scopes).await;
    let body = json!({"kind": "provider", "name": "openai", "tenant": "acme", "reason": "r"});
    let made = call(&gateway, &operator, "POST", SWITCHES, Some(body.clone())).await;
    assert_eq!(
        (made.status, &made.json()["set_by"]),
        (201, &json!("sam")),
        "{}",
        made.text()
    );
    let own = call(&gateway, &theirs, "POST", SWITCHES, Some(body)).await;
    assert_eq!(own.status, 201, "{}", own.text());
    let who = async |key: &str, made: &Reply| {
        let listed = call(&gateway, key, "GET", SWITCHES, None).await.json();
        let switches = listed["switches"].as_array().unwrap();
        let found = switches
            .iter()
            .find(|switch| switch["id"] == made.json()["id"])
            .unwrap();
        (found["set_by"].clone(), found["lifted_by"].clone())
    };
    assert_eq!(who(&theirs, &made).await, (json!("the operator"), Value::Null));
    assert_eq!(who(&theirs, &own).await, (json!("sam"), Value::Null));
    assert_eq!(who(&operator, &made).await, (json!("sam"), Value::Null));
    for (key, switch) in [(&theirs, &made), (&operator, &own)] {
        let path = format!("{SWITCHES}/{}", switch.json()["id"].as_str().unwrap());
        let lifted = call(&gateway, key, "DELETE", &path, None).await;
        assert_eq!(lifted.json()["lifted_by"], "sam", "{}", lifted.text());
    }
    assert_eq!(who(&theirs, &made).await, (json!("the operator"), json!("sam")));
    assert_eq!(who(&theirs, &own).await, (json!("sam"), json!("the operator")));
    assert_eq!(who(&operator, &own).await, (json!("sam"), json!("sam")));
}
