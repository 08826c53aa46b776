//! Presidio's endpoints, as Presidio's users call them. Expected answers are those of Presidio 2.2.366 unless said.

use privet_testkit::{Ask, Reply, TestGateway};
use serde_json::{Value, json};

use crate::support::{CARD, EMAIL};

async fn gateway() -> TestGateway {
    TestGateway::builder()
        .presidio(r#"listen = "127.0.0.1:0""#)
        .start()
        .await
}

/// Without a key, on Presidio's own address.
async fn post(gateway: &TestGateway, path: &str, body: Value) -> Reply {
    Ask::new(gateway.presidio_address(), "POST", path)
        .header("content-type", "application/json")
        .body(body.to_string())
        .send()
        .await
}

async fn get(gateway: &TestGateway, path: &str) -> Reply {
    Ask::new(gateway.presidio_address(), "GET", path).send().await
}

async fn analyze(gateway: &TestGateway, body: Value) -> Value {
    let reply = post(gateway, "/analyze", body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    reply.json()
}

fn badge() -> Value {
    json!([{
        "name": "Badge", "supported_language": "en", "supported_entity": "badge no",
        "patterns": [{"name": "badge", "regex": r"(?P<b>B-\d{4})\b", "score": 0.3}], "context": ["badge"],
    }])
}

#[tokio::test]
async fn offsets_are_code_points_and_fields_are_presidios() {
    let gateway = gateway().await;
    let text = format!("😀 漢字 é mail {EMAIL}");
    let found = analyze(
        &gateway,
        json!({"text": text, "language": "en", "entities": ["EMAIL_ADDRESS"]}),
    )
    .await;
    let start = text.split(EMAIL).next().unwrap().chars().count();
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found[0]["start"], start);
    assert_eq!(found[0]["end"], start + EMAIL.len());
    let fields: Vec<_> = found[0].as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        ["entity_type", "start", "end", "score", "analysis_explanation"]
    );
    assert_eq!(found[0]["analysis_explanation"], Value::Null);
}

#[tokio::test]
async fn a_list_of_texts_gives_a_list_of_lists_and_the_surest_comes_first() {
    let gateway = gateway().await;
    let found = analyze(
        &gateway,
        json!({"text": [format!("{EMAIL} and {CARD}, B-1234"), "nothing", ""], "language": "en",
               "entities": ["EMAIL_ADDRESS", "CREDIT_CARD", "badge no"], "ad_hoc_recognizers": badge()}),
    )
    .await;
    assert_eq!(found.as_array().unwrap().len(), 3);
    assert_eq!((&found[1], &found[2]), (&json!([]), &json!([])));
    let scores: Vec<f64> = found[0]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["score"].as_f64().unwrap())
        .collect();
    assert!(scores.len() == 3 && scores.is_sorted_by(|a, b| a >= b), "{found}");
    assert_eq!(found[0][2]["entity_type"], "badge no");
}

#[tokio::test]
async fn recognizers_of_a_request_work_and_words_raise_their_scores() {
    let gateway = gateway().await;
    let ask = |text: &str, more: Value| {
        let mut body =
            json!({"text": text, "language": "en", "entities": ["badge no"], "ad_hoc_recognizers": badge()});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    let plain = analyze(&gateway, ask("part B-1234", json!({}))).await;
    assert_eq!(plain[0]["score"], 0.3);
    let told = analyze(&gateway, ask("her badge B-1234", json!({}))).await;
    assert_eq!(told[0]["score"], 0.65);
    let outside = analyze(&gateway, ask("part B-1234", json!({"context": ["badge"]}))).await;
    assert_eq!(outside[0]["score"], 0.65);
    let strict = analyze(&gateway, ask("part B-1234", json!({"score_threshold": 0.4}))).await;
    assert_eq!(strict, json!([]));
    let explained = analyze(
        &gateway,
        ask("part B-1234", json!({"return_decision_process": true})),
    )
    .await;
    assert_eq!(explained[0]["analysis_explanation"]["recognizer"], "Badge");
    let german = analyze(
        &gateway,
        json!({"text": "B-1234", "language": "de", "ad_hoc_recognizers": badge(), "entities": ["CREDIT_CARD"]}),
    )
    .await;
    assert_eq!(german, json!([]), "the recogniser speaks English");
}

#[tokio::test]
async fn the_decision_process_names_the_word_and_the_check_digits() {
    let gateway = gateway().await;
    let ask =
        |text: &str, kind: &str| json!({"text": text, "entities": [kind], "return_decision_process": true});
    let told = analyze(&gateway, ask("her SSN is 219099999", "US_SSN")).await;
    let why = &told[0]["analysis_explanation"];
    assert_eq!(why["supportive_context_word"], "ssn", "{told}");
    let score = |key: &str| why[key].as_f64().unwrap();
    assert!(score("original_score") < 0.35, "{told}");
    let sum = score("original_score") + score("score_context_improvement");
    assert!((sum - score("score")).abs() < 1e-3, "{told}");
    assert_eq!(why["validation_result"], Value::Null);
    let card = analyze(&gateway, ask(&format!("card {CARD}"), "CREDIT_CARD")).await;
    let why = &card[0]["analysis_explanation"];
    assert_eq!(why["validation_result"], true);
    assert_eq!(why["supportive_context_word"], "");
    assert_eq!(why["original_score"], card[0]["score"]);
    assert!(!why.to_string().contains("4111"), "{why}");
}

#[tokio::test]
async fn no_language_has_to_be_named() {
    let gateway = gateway().await;
    let found = analyze(&gateway, json!({"text": EMAIL, "entities": ["EMAIL_ADDRESS"]})).await;
    assert_eq!(found.as_array().unwrap().len(), 1);
    let brought = json!({"text": "B-1234", "ad_hoc_recognizers": badge(), "entities": ["badge no"]});
    assert_eq!(analyze(&gateway, brought).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn allow_lists_are_taken_to_the_letter_or_as_patterns() {
    let gateway = gateway().await;
    let ask = |list: Value, how: &str| {
        json!({"text": format!("{EMAIL} paid with {CARD}"), "language": "en",
               "entities": ["EMAIL_ADDRESS", "CREDIT_CARD"], "allow_list": list, "allow_list_match": how})
    };
    let kinds = |found: Value| -> Vec<String> {
        let found = found.as_array().unwrap();
        found
            .iter()
            .map(|f| f["entity_type"].as_str().unwrap().to_owned())
            .collect()
    };
    let exact = analyze(&gateway, ask(json!([EMAIL]), "exact")).await;
    assert_eq!(kinds(exact), ["CREDIT_CARD"]);
    let part = analyze(&gateway, ask(json!(["@example"]), "exact")).await;
    assert_eq!(kinds(part).len(), 2);
    let regex = analyze(&gateway, ask(json!(["@EXAMPLE", "^4111"]), "regex")).await;
    assert!(kinds(regex).is_empty());
    let mut sharp = ask(json!(["@EXAMPLE"]), "regex");
    sharp["regex_flags"] = json!(0);
    assert_eq!(kinds(analyze(&gateway, sharp).await).len(), 2);
    let neither = post(&gateway, "/analyze", ask(json!(["x"]), "neither")).await;
    assert_eq!(neither.status, 500);
}

#[tokio::test]
async fn requests_that_presidio_refuses_are_refused_in_its_words() {
    let gateway = gateway().await;
    for (body, status, text) in [
        (json!({"text": "", "language": "en"}), 500, "No text provided"),
        (
            json!({"text": "x", "language": "en", "entities": ["NO_SUCH_KIND"]}),
            500,
            "No matching recognizers were found to serve the request.",
        ),
        (
            json!({"text": "x", "language": "en", "ad_hoc_recognizers": [{"name": "x", "supported_entity": "X"}]}),
            500,
            "Pattern recognizer should be initialized with patterns or with deny list",
        ),
    ] {
        let reply = post(&gateway, "/analyze", body).await;
        assert_eq!((reply.status, reply.json()), (status, json!({"error": text})));
    }
    for (body, status) in [
        (json!([1]), 400),
        (json!({"text": 5, "language": "en"}), 400),
        (
            json!({"text": "x", "language": "en", "ad_hoc_recognizers": [{"name": "x", "deny_list": ["a"]}]}),
            400,
        ),
        (
            json!({"text": "x", "language": "en", "ad_hoc_recognizers":
                   [{"supported_entity": "X", "patterns": [{"name": "p", "regex": "(", "score": 0.5}]}]}),
            500,
        ),
    ] {
        let reply = post(&gateway, "/analyze", body.clone()).await;
        assert_eq!(reply.status, status, "{body}");
        assert!(reply.json()["error"].is_string(), "{}", reply.text());
    }
    let known = analyze(
        &gateway,
        json!({"text": EMAIL, "language": "xx", "entities": ["NO_SUCH_KIND", "EMAIL_ADDRESS"]}),
    );
    assert_eq!(
        known.await.as_array().unwrap().len(),
        1,
        "unknown kinds among known ones, any language"
    );
}

#[tokio::test]
async fn lists_say_what_there_is() {
    let gateway = gateway().await;
    for (path, name) in [
        ("/recognizers?language=en", "CreditCardRecognizer"),
        ("/supportedentities?language=en", "CREDIT_CARD"),
        ("/anonymizers", "mask"),
        ("/deanonymizers", "decrypt"),
    ] {
        let reply = get(&gateway, path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(reply.json().as_array().unwrap().contains(&json!(name)), "{path}");
    }
    assert_eq!(get(&gateway, "/health").await.status, 200);
    let missing = get(&gateway, "/nowhere").await;
    assert_eq!(missing.status, 404);
    assert!(missing.json()["error"].is_string());
    let wrong = get(&gateway, "/analyze").await;
    assert_eq!(wrong.status, 405);
    assert!(wrong.json()["error"].is_string());
}

#[tokio::test]
async fn texts_are_anonymised_with_the_analyzers_own_results() {
    let gateway = gateway().await;
    let text = format!("😀 {EMAIL} paid with {CARD}");
    let found = analyze(
        &gateway,
        json!({"text": text, "language": "en", "entities": ["EMAIL_ADDRESS", "CREDIT_CARD"]}),
    )
    .await;
    let body = json!({"text": text, "analyzer_results": found, "anonymizers": {
        "DEFAULT": {"type": "replace", "new_value": "ANON"},
        "CREDIT_CARD": {"type": "mask", "masking_char": "*", "chars_to_mask": 15, "from_end": false},
    }});
    let reply = post(&gateway, "/anonymize", body).await;
    let made = reply.json();
    assert_eq!(made["text"], "😀 ANON paid with ***************1111");
    assert_eq!(
        made["items"][1],
        json!({"start": 2, "end": 6, "entity_type": "EMAIL_ADDRESS", "text": "ANON", "operator": "replace",
               "score": made["items"][1]["score"]})
    );
    for (body, status, text) in [
        (json!({}), 400, "Invalid request json"),
        (
            json!({"text": "x"}),
            422,
            "Invalid input, request must contain analyzer results",
        ),
        (
            json!({"text": "x", "analyzer_results": [], "anonymizers": {"A": {"type": "custom"}}}),
            400,
            "Custom type anonymizer is not supported",
        ),
    ] {
        let reply = post(&gateway, "/anonymize", body).await;
        assert_eq!((reply.status, reply.json()), (status, json!({"error": text})));
    }
}

#[tokio::test]
async fn restoring_needs_a_key_even_where_nothing_else_does() {
    let gateway = gateway().await;
    let key = "WmZq4t7w!z%C&F)J";
    let found = json!([{"start": 5, "end": 8, "entity_type": "PERSON", "score": 0.9}]);
    let body = json!({"text": "I am Ada", "analyzer_results": found,
                      "anonymizers": {"PERSON": {"type": "encrypt", "key": key}}});
    let made = post(&gateway, "/anonymize", body).await.json();
    assert!(!made.to_string().contains("Ada"), "{made}");
    let body = json!({"text": made["text"], "anonymizer_results": made["items"],
                      "deanonymizers": {"DEFAULT": {"type": "decrypt", "key": key}}});
    let keyless = post(&gateway, "/deanonymize", body.clone()).await;
    assert_eq!(keyless.status, 401);
    assert!(keyless.json()["error"].is_string());
    for address in [gateway.presidio_address(), gateway.address()] {
        let reply = Ask::new(address, "POST", "/deanonymize")
            .header("content-type", "application/json")
            .header("authorization", &format!("Bearer {}", gateway.key()))
            .body(body.to_string())
            .send()
            .await;
        let back = reply.json();
        assert_eq!(back["text"], "I am Ada");
        assert_eq!(back["items"][0]["operator"], "decrypt");
    }
    let home = gateway.stop().await.home;
    let rows = format!("{:?}", home.audit().await);
    assert!(rows.contains("restored") && rows.contains("anonymized"), "{rows}");
    assert!(!rows.contains("Ada") && !rows.contains(key));
}

#[tokio::test]
async fn the_gateways_own_address_wants_a_key_for_everything_but_health() {
    let gateway = gateway().await;
    for (method, path) in [
        ("POST", "/analyze"),
        ("POST", "/anonymize"),
        ("GET", "/recognizers"),
    ] {
        let ask = gateway.ask(method, path).body("{}");
        let reply = ask.send().await;
        assert_eq!(reply.status, 401, "{path}");
        assert!(reply.json()["error"].is_string());
    }
    assert_eq!(gateway.ask("GET", "/health").send().await.status, 200);
    let body = json!({"text": EMAIL, "language": "en", "entities": ["EMAIL_ADDRESS"]});
    let reply = gateway.post("/analyze", body.to_string()).send().await;
    assert_eq!(reply.json().as_array().unwrap().len(), 1);
    let wrong = Ask::new(gateway.presidio_address(), "POST", "/analyze")
        .header("authorization", "Bearer prvt_wrong")
        .body(body.to_string());
    assert_eq!(wrong.send().await.status, 401, "a key that is sent must be good");
}

#[tokio::test]
async fn limits_hold_for_these_requests_too() {
    let gateway = TestGateway::builder()
        .presidio(r#"listen = "127.0.0.1:0""#)
        .limits(r#"request_body = "4KiB""#)
        .start()
        .await;
    let reply = post(
        &gateway,
        "/analyze",
        json!({"text": "x".repeat(5000), "language": "en"}),
    )
    .await;
    assert_eq!(reply.status, 413);
    assert!(reply.json()["error"].is_string());
}

#[tokio::test]
async fn privets_own_endpoints_find_anonymise_and_restore() {
    let gateway = TestGateway::builder().start().await;
    let post = |path: &str, body: Value| {
        gateway
            .post(&format!("/api/v1/pii/{path}"), body.to_string())
            .send()
    };
    let text = format!("😀 {EMAIL} paid with {CARD}");
    let found = post("detect", json!({"texts": [text, "no"], "offsets": "utf16"})).await;
    let found = found.json();
    let first = &found["results"][0]["findings"][0];
    assert_eq!(
        (&first["type"], &first["start"]),
        (&json!("EMAIL_ADDRESS"), &json!(3)),
        "{found}"
    );
    assert_eq!(found["results"][1], json!({"findings": []}));
    let why = post(
        "detect",
        json!({"text": "Her SSN is 219099999, call her.", "explain": true}),
    )
    .await;
    let why = &why.json()["findings"][0];
    assert_eq!(
        (&why["context_word"], &why["context_place"]),
        (&json!("ssn"), &json!("before")),
        "{why}"
    );
    let only = post("detect", json!({"text": text, "entities": ["CREDIT_CARD"]})).await;
    assert_eq!(only.json()["findings"].as_array().unwrap().len(), 1);

    let operators = json!({"default": {"type": "encrypt"}});
    let made = post("anonymize", json!({"text": text, "operators": operators})).await;
    let made = made.json();
    assert!(!made.to_string().contains(EMAIL), "{made}");
    let whole = json!({"text": made["text"], "manifest": made["manifest"]});
    assert_eq!(post("restore", whole).await.json()["text"], text);
    let tokens = json!({"text": format!("Re: {}", made["text"].as_str().unwrap())});
    assert_eq!(
        post("restore", tokens.clone()).await.json()["text"],
        format!("Re: {text}")
    );
    let bob = gateway.new_key("bob", None).await;
    let other = gateway
        .post("/api/v1/pii/restore", tokens.to_string())
        .without("authorization")
        .header("x-api-key", bob.key.expose());
    let other = other.send().await.json();
    assert_eq!(other["restored"], 0, "another caller's tokens stay shut: {other}");
    let keyless = gateway.ask("POST", "/api/v1/pii/detect").body("{}").send().await;
    assert_eq!(keyless.status, 401);
    assert_eq!(post("detect", json!({"texto": "x"})).await.status, 400);
}
