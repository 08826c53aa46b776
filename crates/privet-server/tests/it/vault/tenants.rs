use std::collections::BTreeMap;

use privet_types::KeyScopes;
use serde_json::{Value, json};

use super::{ADA, House, houses};

/// Names of things by the parameter that takes them.
type Names = BTreeMap<&'static str, String>;

/// One of everything, in the tenant `acme`.
async fn furnish(house: &House) -> Names {
    let subject = house.subject(json!({"login": "ada", "email": ADA})).await;
    let app = json!({"data": {"x": 1}});
    house.put(&format!("/subjects/{subject}/apps/shop"), app).await;
    let session = json!({"subject": {"by": "token", "value": subject}, "data": {}});
    let session = house.post("/sessions", session).await.json()["name"].clone();
    let share = json!({"fields": ["login"], "ttl_seconds": 600});
    let share = house
        .post(&format!("/subjects/{subject}/shares"), share)
        .await
        .json()["share"]
        .clone();
    let token = json!({"kind": "text", "value": "hush"});
    let token = house.post("/tokens", token).await.json()["token"].clone();
    let read = house.post("/bulk-reads", json!({"reason": "test"})).await.json()["id"].clone();
    let hold = json!({"subject": subject, "reference": "case-1", "why": "a claim"});
    let hold = house.post("/retention/holds", hold).await.json()["hold"].clone();
    let expiry = json!({"expires_at": "2099-01-01T00:00:00Z"});
    house.post(&format!("/subjects/{subject}/expiry"), expiry).await;
    let node = json!({"kind": "export", "place": "disk", "node": "export-1", "reach": "hidden"});
    house.post(&format!("/subjects/{subject}/lineage"), node).await;
    house.subject(json!({"login": "gone"})).await;
    let erasure = json!({"subject": {"by": "login", "value": "gone"}, "reason": "request"});
    let erasure = house.post("/erasures", erasure).await.json()["erasure"].clone();
    let request = json!({"subject_request_type": "access",
        "subject_identities": [{"identity_type": "email", "identity_value": ADA}]});
    let request = house.post("/requests", request).await.json()["subject_request_id"].clone();
    let text = |value: Value| value.as_str().expect("a name").to_owned();
    for (path, body) in definitions("acme-only") {
        let defined = house.put(&path, body).await;
        assert_eq!(defined.status, 200, "{path}: {}", defined.text());
    }
    BTreeMap::from([
        ("subject", subject),
        ("app", "shop".to_owned()),
        ("version", "1".to_owned()),
        ("session", text(session)),
        ("share", text(share)),
        ("token", text(token)),
        ("read", text(read)),
        ("hold", text(hold)),
        ("erasure", text(erasure)),
        ("request", text(request)),
        (
            "conversation",
            format!("20000-{}", "6f1c1e9e-3a53-4c39-9d2f-0b0a4d0c9a12"),
        ),
        ("name", "acme-only".to_owned()),
        ("email", ADA.to_owned()),
    ])
}

/// Names of the same form that were never given to anything.
fn nothing() -> Names {
    let id = "6f1c1e9e-3a53-4c39-9d2f-0b0a4d0c9a11".to_owned();
    BTreeMap::from([
        ("subject", id.clone()),
        ("app", "shop".to_owned()),
        ("version", "1".to_owned()),
        ("session", id.clone()),
        ("share", id.clone()),
        ("token", id.clone()),
        ("read", id.clone()),
        ("hold", id.clone()),
        ("erasure", id.clone()),
        ("request", id.clone()),
        ("conversation", format!("20000-{id}")),
        ("name", "nobodys-x".to_owned()),
        ("email", "nobody@example.org".to_owned()),
    ])
}

fn definitions(name: &str) -> Vec<(String, Value)> {
    vec![
        (
            format!("/recipients/{name}"),
            json!({"name": name, "role": "processor", "country": "DE"}),
        ),
        (
            format!("/purposes/{name}"),
            json!({"name": name, "basis": "consent", "recipients": [name]}),
        ),
        (
            format!("/agreements/{name}"),
            json!({"name": name, "basis": "consent", "purposes": [name]}),
        ),
        (
            format!("/activities/{name}"),
            json!({"name": name, "purposes": [name]}),
        ),
        (
            format!("/controllers/{name}"),
            json!({"name": name, "title": "T", "contact": "C", "country": "DE"}),
        ),
        (
            format!("/retention/policies/{name}"),
            json!({"name": name, "keep_days": 30}),
        ),
        (format!("/needs/{name}"), json!({"name": name, "fineness": "day"})),
    ]
}

/// What is sent to a route so that it is about what `names` name. Every route that takes a body has to stand here.
fn body(method: &str, path: &str, names: &Names) -> Option<Value> {
    let own = |name: &str| names[name].clone();
    Some(match (method, path) {
        ("get" | "delete", _)
        | (
            "post",
            "/bulk-reads/{read}/approve" | "/bulk-reads/{read}/refuse" | "/bulk-reads/{read}/unlock",
        )
        | ("post", "/agreements/{name}/revoke")
        | (
            "post",
            "/requests/{request}/approve"
            | "/requests/{request}/withdraw"
            | "/requests/{request}/execute"
            | "/requests/{request}/erase",
        ) => return None,
        ("post", "/requests") => json!({"subject_request_type": "access",
            "subject_identities": [{"identity_type": "token", "identity_value": own("subject")}]}),
        ("post", "/conversations/search" | "/conversations/export") => json!({
            "subject": {"by": "token", "value": own("subject")}, "from": "2020-01-01", "to": "2099-01-01"}),
        ("post", "/bulk-reads/conversations") => {
            json!({"unlock": own("read"), "from": "2020-01-01", "to": "2099-01-01"})
        }
        ("post", "/requests/{request}/code") => json!({"channel": "email"}),
        ("post", "/requests/{request}/identity") => json!({"code": "12345678"}),
        ("post", "/requests/{request}/vouch") => json!({"method": "document"}),
        ("post", "/requests/{request}/refuse") => json!({"ground": "excessive"}),
        ("post", "/requests/{request}/extend") => json!({"reason": "complexity"}),
        ("post", "/subjects") => json!({"record": {"email": own("email")}}),
        ("post", "/subjects/batch") => json!({"records": [{"login": "x"}]}),
        ("post", "/subjects/lookup") => json!({"by": "email", "value": own("email")}),
        ("post", "/subjects/search") => json!({"field": "email", "value": own("email")}),
        ("patch", _) => json!({"x": 1}),
        ("put", "/subjects/{subject}") => json!({"record": {"x": 1}}),
        ("put", "/subjects/{subject}/restriction") => json!({"is_restricted": true}),
        ("put", "/subjects/{subject}/apps/{app}") => json!({"data": {"x": 1}}),
        ("post", "/sessions") => {
            json!({"name": own("session"), "subject": {"by": "token", "value": own("subject")}, "data": {}})
        }
        ("post", "/subjects/{subject}/shares") => json!({"fields": ["login"], "ttl_seconds": 9}),
        ("post", "/shares/read" | "/shares/revoke") => json!({"share": own("share")}),
        ("post", "/tokens") => {
            json!({"kind": "text", "value": "v", "subject": {"by": "token", "value": own("subject")}})
        }
        ("post", "/tokens/batch") => json!({"rows": [
            {"kind": "text", "value": "v", "subject": {"by": "token", "value": own("subject")}}]}),
        ("post", "/tokens/resolve" | "/tokens/delete") => json!({"token": own("token")}),
        ("post", "/bulk-reads") => json!({"reason": "test"}),
        ("post", "/bulk-reads/page") => json!({"unlock": own("read")}),
        ("post", "/imports") => json!({"login": "imported"}),
        ("post", "/subjects/{subject}/consents") => json!({"kind": "given", "purposes": [own("name")]}),
        ("post", "/consents/check") => json!({"subject": own("subject"), "purpose": own("name")}),
        ("post", "/erasures") => {
            json!({"subject": {"by": "token", "value": own("subject")}, "reason": "request"})
        }
        ("post", "/subjects/{subject}/lineage") => {
            json!({"kind": "export", "place": "disk", "node": "spied", "reach": "hidden"})
        }
        ("post", "/subjects/{subject}/expiry") => json!({"expires_at": "2099-02-02T00:00:00Z"}),
        ("post", "/expiries/keep" | "/expiries/delete") => json!({"token": own("share")}),
        ("post", "/retention/holds") => {
            json!({"subject": own("subject"), "reference": "case-2", "why": "spied"})
        }
        ("put", _) => {
            let path = path.replace("{name}", &own("name"));
            let known = definitions(&own("name")).into_iter().find(|(at, _)| *at == path);
            known
                .unwrap_or_else(|| panic!("say what is sent to {method} {path}"))
                .1
        }
        _ => panic!("say what is sent to {method} {path}"),
    })
}

/// The answer to every route that is asked about `names` with `key`: status and body, names blotted out.
async fn answers(house: &House, key: &str, names: &Names) -> BTreeMap<String, (u16, String)> {
    let document: Value = serde_json::from_str(&privet_server::openapi()).unwrap();
    let mut answers = BTreeMap::new();
    for (full, operations) in document["paths"].as_object().unwrap() {
        let Some(path) = full.strip_prefix("/api/v1/vault") else {
            continue;
        };
        for method in operations.as_object().unwrap().keys() {
            let mut target = path.to_owned();
            for (name, value) in names {
                target = target.replace(&format!("{{{name}}}"), value);
            }
            assert!(!target.contains('{'), "say what is named in {path}");
            if path == "/imports" {
                target.push_str("?format=jsonl");
            }
            let body = body(method, path, names);
            let ask = house
                .gateway
                .ask_vault(key, &method.to_uppercase(), &target, body.as_ref());
            let reply = ask.send().await;
            answers.insert(format!("{method} {path}"), (reply.status, reply.text()));
        }
    }
    answers
}

/// What names `names`, the caller's own tenant, and what is new with every answer, made the same.
fn blotted(text: &str, names: &Names) -> String {
    let mut text = text.replace("globex", "OWN").replace("initech", "OWN");
    for value in names.values().filter(|value| value.len() > 4) {
        text = text.replace(value.as_str(), "NAMED");
    }
    // Random ids and hashes, as words of hexadecimal digits.
    let words = text.split_inclusive(|c: char| !c.is_ascii_hexdigit() && c != '-');
    words
        .map(|word| {
            let bare = word.trim_end_matches(|c: char| !c.is_ascii_hexdigit());
            if bare.len() >= 32 {
                word.replace(bare, "RANDOM")
            } else {
                word.to_owned()
            }
        })
        .collect()
}

#[tokio::test]
async fn what_belongs_to_another_tenant_is_answered_byte_for_byte_as_if_it_were_not_there() {
    for house in houses().await {
        let theirs = furnish(&house).await;
        let nothing = nothing();
        // Two tenants that have nothing: one asks about what another has, one about what nobody has.
        let globex = house.gateway.key_for("globex", "spy", KeyScopes::all()).await;
        let initech = house.gateway.key_for("initech", "spy", KeyScopes::all()).await;
        let foreign = answers(&house, &globex, &theirs).await;
        let absent = answers(&house, &initech, &nothing).await;
        // The holder of a share's token may read, whoever it is.
        // The log of the caller's own tenant, and numbers made of it, grow while it is asked.
        let of_the_log = ["get /audit", "get /measurements"];
        let is_compared =
            |route: &&String| *route != "post /shares/read" && !of_the_log.contains(&route.as_str());
        for route in of_the_log {
            let told = &foreign[route].1;
            let names = theirs.values().filter(|value| value.len() > 8);
            assert!(names.clone().all(|name| !told.contains(name.as_str())), "{route}");
        }
        for route in foreign.keys().filter(is_compared) {
            let ((status, text), (other_status, other_text)) = (&foreign[route], &absent[route]);
            assert_eq!(status, other_status, "{route}: {text} / {other_text}");
            assert_eq!(blotted(text, &theirs), blotted(other_text, &nothing), "{route}");
        }
        // And nothing of it was changed.
        let read = house.get(&format!("/subjects/{}", theirs["subject"])).await;
        assert_eq!(
            read.json()["record"],
            json!({"login": "ada", "email": ADA}),
            "{}",
            read.text()
        );
        assert_eq!(read.json()["state"], "active");
        let app = house
            .get(&format!("/subjects/{}/apps/shop", theirs["subject"]))
            .await;
        assert_eq!(app.json()["version"], 1, "{}", app.text());
        let token = house
            .post("/tokens/resolve", json!({"token": theirs["token"]}))
            .await;
        assert_eq!(token.json()["value"], "hush", "{}", token.text());
        let session = house.get(&format!("/sessions/{}", theirs["session"])).await;
        assert_eq!(session.status, 200, "{}", session.text());
        let request = house.get(&format!("/requests/{}", theirs["request"])).await;
        assert_eq!(request.json()["request_status"], "pending", "{}", request.text());
        assert_eq!(request.json()["is_approved"], false, "{}", request.text());
        let holds = house.get("/retention/holds").await.json();
        assert_eq!(holds["rows"][0]["hold"], *theirs["hold"], "{holds}");
        assert_eq!(holds["rows"].as_array().unwrap().len(), 1, "{holds}");
        let of_subject = async |what: &str| {
            let path = format!("/subjects/{}/{what}", theirs["subject"]);
            house.get(&path).await.json()
        };
        assert_eq!(of_subject("expiry").await["expires_at"], "2099-01-01T00:00:00Z");
        assert_eq!(of_subject("lineage").await["rows"][0]["node"], "export-1");
        assert_eq!(of_subject("lineage").await["rows"].as_array().unwrap().len(), 1);
        let spied = house
            .gateway
            .ask_vault(&globex, "GET", "/audit?limit=100", None)
            .send()
            .await;
        for secret in [
            theirs["subject"].as_str(),
            theirs["token"].as_str(),
            "\"tenant\":\"acme\"",
        ] {
            assert!(!spied.text().contains(secret), "{}", spied.text());
        }
        house.end().await;
    }
}
