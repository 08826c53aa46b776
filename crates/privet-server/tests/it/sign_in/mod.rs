//! People sign in over real sockets, and what others try against that.

pub(crate) mod oidc;
pub(crate) mod passkeys;

use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use privet_access::Holder;
use privet_crypto::hmac_sha1;
use privet_testkit::{Ask, Builder, PATIENCE, Reply, TestGateway};
use privet_types::{Clock, KeyScopes, PrincipalKind};
use serde_json::{Value, json};

use crate::support::{CHAT, EMAIL, chat};

const ORIGIN: &str = "http://localhost:8787";
const PASSWORD: &str = "correct horse battery";

pub(crate) fn house() -> Builder {
    TestGateway::builder().sign_in(&format!("origin = \"{ORIGIN}\""))
}

/// What a browser on one of Privet's own pages sends along.
pub(crate) struct Browser {
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

impl Browser {
    /// What it keeps of a reply that opens a session.
    fn of(reply: &Reply) -> Self {
        let set = reply.header("set-cookie").expect("a cookie");
        let (cookie, _) = set.split_once(';').expect("a cookie has attributes");
        let csrf = reply.json()["csrf_token"].as_str().expect("a token").to_owned();
        Self {
            cookie: cookie.to_owned(),
            csrf,
        }
    }

    pub(crate) fn ask(&self, gateway: &TestGateway, method: &str, path: &str) -> Ask {
        gateway
            .ask(method, path)
            .header("cookie", &self.cookie)
            .header("origin", ORIGIN)
            .header("sec-fetch-site", "same-origin")
            .header("x-privet-csrf", &self.csrf)
            .header("content-type", "application/json")
    }

    pub(crate) async fn get(&self, gateway: &TestGateway, path: &str) -> Reply {
        self.ask(gateway, "GET", path).send().await
    }

    pub(crate) async fn send(&self, gateway: &TestGateway, method: &str, path: &str, body: &Value) -> Reply {
        self.ask(gateway, method, path)
            .body(body.to_string())
            .send()
            .await
    }
}

fn post(gateway: &TestGateway, path: &str, body: &Value) -> Ask {
    gateway
        .ask("POST", path)
        .header("content-type", "application/json")
        .body(body.to_string())
}

/// Makes a person with a role, whom the gateway knows.
pub(crate) async fn person(gateway: &TestGateway, name: &str, role: &str) {
    let people = gateway.people("default");
    let principal = name.parse().unwrap();
    people.create(&principal, PrincipalKind::User).await.unwrap();
    people
        .set_role(&Holder::Principal(principal), &role.parse().unwrap(), true)
        .await
        .unwrap();
    // An unknown key makes the gateway look.
    let key = gateway.key_for("default", name, KeyScopes::default()).await;
    let known = gateway
        .ask("GET", "/v1/models")
        .header("x-api-key", &key)
        .send()
        .await;
    assert_ne!(known.status, 401, "{}", known.text());
}

async fn invite(gateway: &TestGateway, name: &str) -> String {
    let day = Duration::from_secs(86_400);
    let enrolment = gateway.enrolment("default");
    let invite = enrolment.invite(&name.parse().unwrap(), day).await.unwrap();
    invite.code.expose().clone()
}

async fn accept(gateway: &TestGateway, code: &str, password: &str) -> Reply {
    let body = json!({ "code": code, "password": password });
    post(gateway, "/api/v1/invites/accept", &body).send().await
}

/// Makes a person with a role and a password.
pub(crate) async fn enrolled(gateway: &TestGateway, name: &str, role: &str) {
    person(gateway, name, role).await;
    let reply = accept(gateway, &invite(gateway, name).await, PASSWORD).await;
    assert_eq!(reply.status, 204, "{}", reply.text());
}

async fn try_in(gateway: &TestGateway, name: &str, password: &str) -> Reply {
    let body = json!({ "name": name, "password": password });
    post(gateway, "/api/v1/sessions", &body).send().await
}

pub(crate) async fn sign_in(gateway: &TestGateway, name: &str) -> Browser {
    let reply = try_in(gateway, name, PASSWORD).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    Browser::of(&reply)
}

fn code_of(reply: &Reply) -> String {
    reply.json()["error"]["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn assert_code(reply: &Reply, status: u16, code: &str) {
    assert_eq!(
        (reply.status, code_of(reply).as_str()),
        (status, code),
        "{}",
        reply.text()
    );
}

/// RFC 6238, as an authenticator app has it.
pub(crate) fn totp(uri: &str, gateway: &TestGateway, steps: i64) -> String {
    let secret = uri.split("secret=").nth(1).unwrap().split('&').next().unwrap();
    let secret = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let step = gateway.clock().now().as_second().div_euclid(30) + steps;
    let hash = hmac_sha1(&secret, &step.to_be_bytes());
    let offset = usize::from(hash[19] & 15);
    let number = u32::from_be_bytes(hash[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// Adds an authenticator app. Returns its URI, the recovery codes and what the browser has then.
pub(crate) async fn add_totp(gateway: &TestGateway, browser: &Browser) -> (String, Vec<String>, Browser) {
    let begun = browser.send(gateway, "POST", "/api/v1/me/totp", &json!({})).await;
    assert_eq!(begun.status, 200, "{}", begun.text());
    let uri = begun.json()["uri"].as_str().unwrap().to_owned();
    assert!(begun.json()["picture"].as_str().unwrap().starts_with("<svg"));
    let body = json!({ "code": totp(&uri, gateway, 0) });
    let reply = browser
        .send(gateway, "POST", "/api/v1/me/totp/confirm", &body)
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let codes = reply.json()["recovery_codes"].as_array().unwrap().clone();
    let codes = codes
        .iter()
        .map(|code| code.as_str().unwrap().to_owned())
        .collect();
    (uri, codes, Browser::of(&reply))
}

async fn prove(gateway: &TestGateway, browser: &Browser, shown: &Value) -> Reply {
    browser.send(gateway, "POST", "/api/v1/me/proof", shown).await
}

#[tokio::test]
async fn a_person_sets_a_password_by_invite_signs_in_and_out() {
    let gateway = house().start().await;
    enrolled(&gateway, "ann-user", "user").await;
    let reply = try_in(&gateway, "ann-user", PASSWORD).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let cookie = reply.header("set-cookie").unwrap();
    assert!(cookie.starts_with("privet_session="), "{cookie}");
    assert!(
        cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"),
        "{cookie}"
    );
    assert_eq!(reply.json()["standing"], "full");
    let browser = Browser::of(&reply);
    let me = browser.get(&gateway, "/api/v1/me").await;
    assert_eq!(me.status, 200, "{}", me.text());
    assert_eq!(me.json()["name"], "ann-user");
    assert_eq!(me.json()["roles"], json!(["user"]));
    assert_eq!(me.json()["csrf_token"], browser.csrf.as_str());
    let out = browser
        .send(&gateway, "POST", "/api/v1/me/sign_out", &json!({}))
        .await;
    assert_eq!(out.status, 204, "{}", out.text());
    assert!(out.header("set-cookie").unwrap().contains("privet_session=;"));
    assert_code(&browser.get(&gateway, "/api/v1/me").await, 401, "no_session");
}

#[tokio::test]
async fn without_an_origin_nobody_can_sign_in() {
    let gateway = TestGateway::builder().start().await;
    assert_code(&try_in(&gateway, "ann", PASSWORD).await, 404, "unknown_url");
    let browser = Browser {
        cookie: format!("privet_session={}", "0".repeat(52)),
        csrf: String::new(),
    };
    assert_code(&browser.get(&gateway, "/v1/models").await, 401, "invalid_api_key");
}

#[tokio::test]
async fn an_invite_is_good_once_for_a_day_and_for_a_good_password() {
    let gateway = house().start().await;
    person(&gateway, "ann-user", "user").await;
    let code = invite(&gateway, "ann-user").await;
    for weak in ["short", "my name is ann-user"] {
        assert_code(&accept(&gateway, &code, weak).await, 422, "password_not_accepted");
    }
    let both = tokio::join!(
        accept(&gateway, &code, "correct horse battery"),
        accept(&gateway, &code, "another horse battery")
    );
    let mut statuses = [both.0.status, both.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 410]);
    assert_code(&accept(&gateway, &code, PASSWORD).await, 410, "invite_spent");

    let replaced = invite(&gateway, "ann-user").await;
    let late = invite(&gateway, "ann-user").await;
    assert_code(&accept(&gateway, &replaced, PASSWORD).await, 410, "invite_spent");
    gateway.clock().advance(Duration::from_secs(86_400));
    assert_code(&accept(&gateway, &late, PASSWORD).await, 410, "invite_spent");
    for bad in ["", "prvi_", "prvi_0000", &"0".repeat(57)] {
        assert_code(&accept(&gateway, bad, PASSWORD).await, 410, "invite_spent");
    }
}

#[tokio::test]
async fn a_request_that_another_sites_page_could_have_made_changes_nothing() {
    let gateway = house().start().await;
    enrolled(&gateway, "ann-user", "user").await;
    let browser = sign_in(&gateway, "ann-user").await;
    let good = || browser.ask(&gateway, "POST", "/api/v1/me/sign_out");
    let other = sign_in(&gateway, "ann-user").await;
    let forged = [
        good().without("origin").without("sec-fetch-site"),
        good().without("origin").header("origin", "https://evil.example"),
        good().without("origin").header("origin", "null"),
        good().header("origin", ORIGIN),
        good()
            .without("sec-fetch-site")
            .header("sec-fetch-site", "cross-site"),
        good()
            .without("sec-fetch-site")
            .header("sec-fetch-site", "same-site"),
        good().without("sec-fetch-site").header("sec-fetch-site", "none"),
        good().without("x-privet-csrf"),
        good()
            .without("x-privet-csrf")
            .header("x-privet-csrf", &"0".repeat(64)),
        good()
            .without("x-privet-csrf")
            .header("x-privet-csrf", &other.csrf),
        good().header("x-privet-csrf", &browser.csrf),
    ];
    for (number, ask) in forged.into_iter().enumerate() {
        let reply = ask.send().await;
        assert_eq!(
            (reply.status, code_of(&reply).as_str()),
            (403, "cross_site"),
            "{number}: {}",
            reply.text()
        );
    }
    assert_eq!(browser.get(&gateway, "/api/v1/me").await.status, 200);
    // Another page cannot sign a browser in as somebody else, either.
    let body = json!({ "name": "ann-user", "password": PASSWORD });
    let login = post(&gateway, "/api/v1/sessions", &body).header("origin", "https://evil.example");
    assert_code(&login.send().await, 403, "cross_site");
    let one = good().without("sec-fetch-site");
    assert_eq!(one.send().await.status, 204, "one of the two will do");
}

#[tokio::test]
async fn the_cookie_counts_under_its_own_name_and_once() {
    let gateway = house().start().await;
    enrolled(&gateway, "ann-user", "user").await;
    let browser = sign_in(&gateway, "ann-user").await;
    let (_, token) = browser.cookie.split_once('=').unwrap();
    let me = |cookie: String| gateway.ask("GET", "/api/v1/me").header("cookie", &cookie).send();
    assert_eq!(
        me(format!("theme=dark; privet_session={token}")).await.status,
        200
    );
    for bad in [
        format!("__Host-privet_session={token}"),
        format!("Privet_Session={token}"),
        format!("privet_session={token}; privet_session={token}"),
        format!("privet_session={token}x"),
        format!("privet_session={}", token.to_uppercase()),
        "privet_session=".to_owned(),
    ] {
        assert_code(&me(bad).await, 401, "no_session");
    }
    let header = gateway
        .ask("GET", "/api/v1/me")
        .header("authorization", &format!("Bearer {token}"));
    assert_eq!(header.send().await.status, 401);

    let secure = TestGateway::builder()
        .sign_in("origin = \"https://privet.example\"")
        .start()
        .await;
    enrolled(&secure, "ann-user", "user").await;
    let reply = try_in(&secure, "ann-user", PASSWORD).await;
    let cookie = reply.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-privet_session="), "{cookie}");
    assert!(
        cookie.contains("; Secure") && cookie.contains("; Path=/;"),
        "{cookie}"
    );
    let (cookie, _) = cookie.split_once(';').unwrap();
    let plain = cookie.replace("__Host-", "");
    let me = |cookie: &str| secure.ask("GET", "/api/v1/me").header("cookie", cookie).send();
    assert_eq!(me(cookie).await.status, 200);
    assert_code(&me(&plain).await, 401, "no_session");
}

#[tokio::test]
async fn nobody_is_given_a_session_that_somebody_else_chose() {
    let gateway = house().start().await;
    enrolled(&gateway, "ann-user", "user").await;
    enrolled(&gateway, "eve-user", "user").await;
    let eve = sign_in(&gateway, "eve-user").await;
    let body = json!({ "name": "ann-user", "password": PASSWORD });
    let reply = post(&gateway, "/api/v1/sessions", &body)
        .header("cookie", &eve.cookie)
        .send()
        .await;
    let ann = Browser::of(&reply);
    assert_ne!(ann.cookie, eve.cookie);
    assert_eq!(eve.get(&gateway, "/api/v1/me").await.json()["name"], "eve-user");
    // A token that was seen before more was shown counts no more afterwards.
    let proof = prove(&gateway, &ann, &json!({ "password": PASSWORD })).await;
    assert_eq!(proof.status, 200, "{}", proof.text());
    assert_code(&ann.get(&gateway, "/api/v1/me").await, 401, "no_session");
    assert_eq!(Browser::of(&proof).get(&gateway, "/api/v1/me").await.status, 200);
}

#[tokio::test]
async fn wrong_passwords_lock_a_person_with_the_same_answer_and_past_a_restart() {
    let gateway = house().start().await;
    enrolled(&gateway, "ann-user", "user").await;
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(try_in(&gateway, "ann-user", "wrong horse battery").await);
    }
    answers.push(try_in(&gateway, "nobody-here", PASSWORD).await);
    answers.push(try_in(&gateway, "ann-user", PASSWORD).await);
    let told = |reply: &Reply| reply.json()["error"].to_string();
    for answer in &answers {
        assert_code(answer, 401, "sign_in_refused");
        assert_eq!(told(answer), told(&answers[0]));
    }
    let stopped = gateway.stop().await;
    let gateway = house().home(stopped.home).start().await;
    assert_code(
        &try_in(&gateway, "ann-user", PASSWORD).await,
        401,
        "sign_in_refused",
    );
    gateway.clock().advance(Duration::from_secs(31));
    assert_eq!(try_in(&gateway, "ann-user", PASSWORD).await.status, 201);

    let told = gateway
        .store()
        .tenant_events(&"default".parse().unwrap(), 0, None, 1000)
        .await
        .unwrap();
    let of_kind = |kind: &str| told.iter().filter(|event| event.kind == kind).count();
    for (kind, count) in [
        ("person_invited", 1),
        ("invite_accepted", 1),
        // The attempt that succeeds begins as the sixth failure, which locks until it has come to its good end.
        ("person_locked", 2),
        ("signed_in", 1),
    ] {
        assert_eq!(of_kind(kind), count, "{kind}");
    }
    let locked = told.iter().find(|event| event.kind == "person_locked").unwrap();
    assert!(locked.payload.contains("\"count\":5"), "{}", locked.payload);
    assert!(told.iter().all(|event| !event.payload.contains("ann-user")));
}

#[tokio::test]
async fn an_address_that_fails_too_often_is_told_when_to_come_back() {
    let gateway = house().start().await;
    for number in 0..21 {
        let reply = try_in(&gateway, &format!("nobody{number}"), "wrong horse battery").await;
        assert_code(&reply, 401, "sign_in_refused");
    }
    let reply = try_in(&gateway, "nobody", "wrong horse battery").await;
    assert_code(&reply, 429, "address_locked");
    let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=31).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn an_administrator_may_do_nothing_before_a_second_factor_is_there_and_shown() {
    let gateway = house().start().await;
    enrolled(&gateway, "ann-admin", "admin").await;
    let browser = sign_in(&gateway, "ann-admin").await;
    let me = browser.get(&gateway, "/api/v1/me").await;
    assert_eq!(me.json()["standing"], "enrolment_needed");
    assert_code(
        &browser.get(&gateway, "/api/v1/sessions").await,
        403,
        "enrolment_needed",
    );
    let body = json!({ "password": "another horse battery" });
    let change = browser.send(&gateway, "PUT", "/api/v1/me/password", &body).await;
    assert_code(&change, 403, "enrolment_needed");
    let (uri, codes, browser) = add_totp(&gateway, &browser).await;
    assert_eq!(codes.len(), 10);
    let all = browser.get(&gateway, "/api/v1/sessions").await;
    assert_eq!(all.status, 200, "{}", all.text());

    let second = sign_in(&gateway, "ann-admin").await;
    let me = second.get(&gateway, "/api/v1/me").await;
    assert_eq!(me.json()["standing"], "second_factor_needed");
    for path in ["/api/v1/sessions", "/api/v1/me/sessions"] {
        assert_code(&second.get(&gateway, path).await, 403, "second_factor_needed");
    }
    for (method, path) in [
        ("POST", "/api/v1/me/totp"),
        ("DELETE", "/api/v1/me/totp"),
        ("POST", "/api/v1/me/recovery_codes"),
    ] {
        let reply = second.send(&gateway, method, path, &json!({})).await;
        assert_code(&reply, 403, "second_factor_needed");
    }
    let password = prove(&gateway, &second, &json!({ "password": PASSWORD })).await;
    assert_code(&password, 403, "second_factor_needed");
    // The code that confirmed the app is used up; the next one counts once.
    let replayed = prove(&gateway, &second, &json!({ "code": totp(&uri, &gateway, 0) })).await;
    assert_code(&replayed, 403, "wrong_proof");
    let next = json!({ "code": totp(&uri, &gateway, 1) });
    let shown = prove(&gateway, &second, &next).await;
    assert_eq!(shown.status, 200, "{}", shown.text());
    let third = sign_in(&gateway, "ann-admin").await;
    assert_code(&prove(&gateway, &third, &next).await, 403, "wrong_proof");
    assert_eq!(
        Browser::of(&shown).get(&gateway, "/api/v1/sessions").await.status,
        200
    );
}

#[tokio::test]
async fn a_recovery_code_counts_once_of_two_at_once_one_and_new_ones_end_the_old() {
    let gateway = house().start().await;
    enrolled(&gateway, "ann-admin", "admin").await;
    let browser = sign_in(&gateway, "ann-admin").await;
    let (_, codes, browser) = add_totp(&gateway, &browser).await;
    let (one, other) = (
        sign_in(&gateway, "ann-admin").await,
        sign_in(&gateway, "ann-admin").await,
    );
    let typed = json!({ "recovery_code": codes[3].to_uppercase().replace('-', " ") });
    let both = tokio::join!(prove(&gateway, &one, &typed), prove(&gateway, &other, &typed));
    let mut statuses = [both.0.status, both.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403]);
    let me = browser.get(&gateway, "/api/v1/me").await;
    assert_eq!(me.json()["recovery_codes_left"], 9);
    let made = browser
        .send(&gateway, "POST", "/api/v1/me/recovery_codes", &json!({}))
        .await;
    assert_eq!(
        made.json()["recovery_codes"].as_array().unwrap().len(),
        10,
        "{}",
        made.text()
    );
    let last = sign_in(&gateway, "ann-admin").await;
    let old = prove(&gateway, &last, &json!({ "recovery_code": codes[4] })).await;
    assert_code(&old, 403, "wrong_proof");
}

#[tokio::test]
async fn guesses_at_the_second_factor_lock_it_however_often_the_password_is_right() {
    let gateway = house().start().await;
    enrolled(&gateway, "ann-admin", "admin").await;
    let browser = sign_in(&gateway, "ann-admin").await;
    let (uri, ..) = add_totp(&gateway, &browser).await;
    gateway.clock().advance(Duration::from_secs(60));
    for _ in 0..5 {
        let thief = sign_in(&gateway, "ann-admin").await;
        let right = totp(&uri, &gateway, 0);
        let wrong = if right == "000000" { "000001" } else { "000000" };
        assert_code(
            &prove(&gateway, &thief, &json!({ "code": wrong })).await,
            403,
            "wrong_proof",
        );
    }
    let thief = sign_in(&gateway, "ann-admin").await;
    let right = json!({ "code": totp(&uri, &gateway, 0) });
    assert_code(&prove(&gateway, &thief, &right).await, 403, "wrong_proof");
    gateway.clock().advance(Duration::from_secs(31));
    let right = json!({ "code": totp(&uri, &gateway, 0) });
    assert_eq!(prove(&gateway, &thief, &right).await.status, 200);
}

#[tokio::test]
async fn who_is_switched_off_is_signed_out_within_a_second_for_good() {
    let gateway = house().start().await;
    enrolled(&gateway, "ann-user", "user").await;
    let browser = sign_in(&gateway, "ann-user").await;
    let (people, ann) = (gateway.people("default"), "ann-user".parse().unwrap());
    people.switch(&ann, PrincipalKind::User, false).await.unwrap();
    assert_code(&browser.get(&gateway, "/api/v1/me").await, 401, "no_session");
    // Two looks at the store are within a second, however long they take here.
    let before = gateway.looks().store;
    loop {
        let looked = gateway.looks().store - before;
        if try_in(&gateway, "ann-user", PASSWORD).await.status != 201 {
            break;
        }
        assert!(looked < 2, "{looked}");
    }
    people.switch(&ann, PrincipalKind::User, true).await.unwrap();
    let begun = std::time::Instant::now();
    gateway.clock().advance(Duration::from_secs(3600));
    while try_in(&gateway, "ann-user", PASSWORD).await.status != 201 {
        gateway.clock().advance(Duration::from_secs(3600));
        assert!(begun.elapsed() < PATIENCE);
    }
    assert_code(&browser.get(&gateway, "/api/v1/me").await, 401, "no_session");
}

#[tokio::test]
async fn a_session_ends_unused_after_a_while_used_after_a_day_and_by_others_past_the_fifth() {
    let gateway = house().start().await;
    enrolled(&gateway, "ann-user", "user").await;
    let unused = sign_in(&gateway, "ann-user").await;
    let used = sign_in(&gateway, "ann-user").await;
    for _ in 0..35 {
        gateway.clock().advance(Duration::from_secs(20 * 60));
        assert_eq!(used.get(&gateway, "/api/v1/me").await.status, 200);
    }
    assert_code(&unused.get(&gateway, "/api/v1/me").await, 401, "no_session");
    gateway.clock().advance(Duration::from_secs(20 * 60));
    assert_code(&used.get(&gateway, "/api/v1/me").await, 401, "no_session");

    let first = sign_in(&gateway, "ann-user").await;
    gateway.clock().advance(Duration::from_secs(1));
    let mut last = sign_in(&gateway, "ann-user").await;
    for _ in 0..4 {
        last = sign_in(&gateway, "ann-user").await;
    }
    assert_code(&first.get(&gateway, "/api/v1/me").await, 401, "no_session");
    let listed = last.get(&gateway, "/api/v1/me/sessions").await.json();
    let listed = listed["sessions"].as_array().unwrap();
    assert_eq!(listed.len(), 5);
    assert_eq!(
        listed
            .iter()
            .filter(|session| session["is_current"] == true)
            .count(),
        1
    );
    let ended = last
        .send(&gateway, "DELETE", "/api/v1/me/sessions", &json!({}))
        .await;
    assert_eq!(ended.json()["ended"], 4, "{}", ended.text());
    assert_eq!(last.get(&gateway, "/api/v1/me").await.status, 200);
}

#[tokio::test]
async fn what_changes_how_one_signs_in_asks_for_a_fresh_proof_and_ends_other_sessions() {
    let gateway = house().start().await;
    enrolled(&gateway, "ann-user", "user").await;
    let other = sign_in(&gateway, "ann-user").await;
    let browser = sign_in(&gateway, "ann-user").await;
    gateway.clock().advance(Duration::from_secs(601));
    let body = json!({ "password": "another horse battery" });
    let put = |browser: Browser| {
        let (gateway, body) = (&gateway, &body);
        async move {
            let reply = browser.send(gateway, "PUT", "/api/v1/me/password", body).await;
            (reply, browser)
        }
    };
    let (late, browser) = put(browser).await;
    assert_code(&late, 403, "proof_needed");
    let begun = browser
        .send(&gateway, "POST", "/api/v1/me/totp", &json!({}))
        .await;
    assert_code(&begun, 403, "proof_needed");
    let wrong = prove(&gateway, &browser, &json!({ "password": "wrong horse battery" })).await;
    assert_code(&wrong, 403, "wrong_proof");
    let shown = prove(&gateway, &browser, &json!({ "password": PASSWORD })).await;
    let (changed, browser) = put(Browser::of(&shown)).await;
    assert_eq!(changed.status, 204, "{}", changed.text());
    assert_eq!(browser.get(&gateway, "/api/v1/me").await.status, 200);
    assert_code(&other.get(&gateway, "/api/v1/me").await, 401, "no_session");
    assert_eq!(try_in(&gateway, "ann-user", PASSWORD).await.status, 401);
    assert_eq!(
        try_in(&gateway, "ann-user", "another horse battery").await.status,
        201
    );
}

#[tokio::test]
async fn administrators_see_and_end_the_sessions_of_others_and_nobody_else_does() {
    let gateway = house().start().await;
    enrolled(&gateway, "ann-admin", "admin").await;
    enrolled(&gateway, "bob-user", "user").await;
    let bob = sign_in(&gateway, "bob-user").await;
    assert_code(&bob.get(&gateway, "/api/v1/sessions").await, 403, "not_permitted");
    let admin = sign_in(&gateway, "ann-admin").await;
    let (_, _, admin) = add_totp(&gateway, &admin).await;
    let all = admin.get(&gateway, "/api/v1/sessions").await.json();
    let all = all["sessions"].as_array().unwrap().clone();
    let id_of = |name: &str| {
        let found = all.iter().find(|session| session["name"] == name).unwrap();
        found["id"].as_str().unwrap().to_owned()
    };
    let path = |whose: &str, name: &str| format!("/api/v1/{whose}sessions/{}", id_of(name));
    let others = bob
        .send(&gateway, "DELETE", &path("", "ann-admin"), &json!({}))
        .await;
    assert_code(&others, 403, "not_permitted");
    let as_own = bob
        .send(&gateway, "DELETE", &path("me/", "ann-admin"), &json!({}))
        .await;
    assert_eq!(as_own.status, 404, "{}", as_own.text());
    let ended = admin
        .send(&gateway, "DELETE", &path("", "bob-user"), &json!({}))
        .await;
    assert_eq!(ended.status, 204, "{}", ended.text());
    assert_code(&bob.get(&gateway, "/api/v1/me").await, 401, "no_session");
}

#[tokio::test]
async fn a_session_is_good_for_the_vault_but_for_prompts_only_if_the_policy_says_so() {
    let gateway = house().vault("").start().await;
    enrolled(&gateway, "ann-user", "user").await;
    enrolled(&gateway, "olga-officer", "privacy_officer").await;
    let ann = sign_in(&gateway, "ann-user").await;
    let prompt = |browser: &Browser, gateway: &TestGateway| {
        browser.ask(gateway, "POST", CHAT).body(chat("demo-echo", EMAIL))
    };
    assert_code(&prompt(&ann, &gateway).send().await, 403, "not_by_session");
    assert_code(&ann.get(&gateway, "/v1/models").await, 403, "not_by_session");
    let purposes = "/api/v1/vault/purposes";
    let olga = sign_in(&gateway, "olga-officer").await;
    let early = olga.get(&gateway, purposes).await;
    assert_eq!(early.status, 403, "{}", early.text());
    let (_, _, olga) = add_totp(&gateway, &olga).await;
    assert_eq!(olga.get(&gateway, purposes).await.status, 200);
    assert_eq!(ann.get(&gateway, purposes).await.status, 403);
    let forged = olga
        .ask(&gateway, "POST", "/api/v1/vault/subjects")
        .without("x-privet-csrf");
    assert_eq!(forged.body("{}").send().await.status, 403);

    let open = house()
        .policy("[access]\nprompts_by_session = true")
        .start()
        .await;
    enrolled(&open, "ann-user", "user").await;
    let ann = sign_in(&open, "ann-user").await;
    let sent = prompt(&ann, &open).send().await;
    assert_eq!(sent.status, 200, "{}", sent.text());
    assert!(!open.seen_text().contains(EMAIL) && !open.seen_text().contains("privet_session"));
    let forged = prompt(&ann, &open).without("x-privet-csrf").send().await;
    assert_code(&forged, 403, "cross_site");
}

#[tokio::test]
async fn a_policy_can_keep_people_from_signing_in() {
    let gateway = house()
        .cedar(r#"@id("nobody_from_here") forbid (principal, action == Privet::Action::"sign_in", resource) when { context has address && context.address.isLoopback() };"#)
        .start()
        .await;
    enrolled(&gateway, "ann-user", "user").await;
    assert_code(
        &try_in(&gateway, "ann-user", PASSWORD).await,
        401,
        "sign_in_refused",
    );
}

#[tokio::test]
async fn a_policy_that_keeps_people_out_ends_what_their_sessions_are_good_for_but_lets_them_sign_out() {
    let gateway = house()
        .policy("[access]\nprompts_by_session = true")
        .vault("")
        .start()
        .await;
    enrolled(&gateway, "ann-user", "user").await;
    enrolled(&gateway, "sam-security", "security").await;
    enrolled(&gateway, "olga-officer", "privacy_officer").await;
    let (first, second, third) = (
        sign_in(&gateway, "ann-user").await,
        sign_in(&gateway, "ann-user").await,
        sign_in(&gateway, "ann-user").await,
    );
    let sam = sign_in(&gateway, "sam-security").await;
    let (_, _, sam) = add_totp(&gateway, &sam).await;
    let olga = sign_in(&gateway, "olga-officer").await;
    let (_, _, olga) = add_totp(&gateway, &olga).await;
    let asked = [
        (&first, "/v1/models"),
        (&first, "/api/v1/me"),
        (&sam, "/api/v1/kill-switches"),
        (&sam, "/api/v1/sessions"),
        (&olga, "/api/v1/vault/purposes"),
    ];
    for (browser, path) in asked {
        let reply = browser.get(&gateway, path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    }
    let id = second.get(&gateway, "/api/v1/me").await.json()["session"]["id"].clone();
    let id = id.as_str().unwrap();
    let taken = gateway.change_policy(
        "[access]\nprompts_by_session = true",
        Some(r#"@id("nobody_from_here") forbid (principal, action == Privet::Action::"sign_in", resource) when { context has address && context.address.isLoopback() };"#),
    );
    assert!(taken.await.unwrap());
    for (browser, path) in asked {
        // The vault has errors of its own shape.
        let reply = browser.get(&gateway, path).await;
        let told = (reply.status, reply.text().contains("\"not_permitted\""));
        assert_eq!(told, (403, true), "{path}: {}", reply.text());
    }
    let path = format!("/api/v1/me/sessions/{id}");
    let ended = first.send(&gateway, "DELETE", &path, &json!({})).await;
    assert_eq!(ended.status, 204, "{}", ended.text());
    let others = first
        .send(&gateway, "DELETE", "/api/v1/me/sessions", &json!({}))
        .await;
    assert_eq!(others.json()["ended"], 1, "{}", others.text());
    for ended in [&second, &third] {
        assert_code(&ended.get(&gateway, "/api/v1/me").await, 401, "no_session");
    }
    let out = first
        .send(&gateway, "POST", "/api/v1/me/sign_out", &json!({}))
        .await;
    assert_eq!(out.status, 204, "{}", out.text());
    assert_code(&first.get(&gateway, "/api/v1/me").await, 401, "no_session");
}

#[tokio::test]
async fn administrators_help_whom_a_password_or_a_phone_is_lost() {
    let gateway = house().start().await;
    enrolled(&gateway, "ann-admin", "admin").await;
    let browser = sign_in(&gateway, "ann-admin").await;
    let (_, _, browser) = add_totp(&gateway, &browser).await;
    let (enrolment, ann) = (gateway.enrolment("default"), "ann-admin".parse().unwrap());
    assert!(enrolment.remove_factors(&ann).await.unwrap());
    assert_code(&browser.get(&gateway, "/api/v1/me").await, 401, "no_session");
    let browser = sign_in(&gateway, "ann-admin").await;
    let me = browser.get(&gateway, "/api/v1/me").await.json();
    assert_eq!(
        (me["standing"].as_str(), me["recovery_codes_left"].as_i64()),
        (Some("enrolment_needed"), Some(0))
    );
    assert!(enrolment.remove_password(&ann).await.unwrap());
    assert_code(&browser.get(&gateway, "/api/v1/me").await, 401, "no_session");
    assert_eq!(try_in(&gateway, "ann-admin", PASSWORD).await.status, 401);
    let code = invite(&gateway, "ann-admin").await;
    assert_eq!(accept(&gateway, &code, "another horse battery").await.status, 204);
    assert_eq!(
        try_in(&gateway, "ann-admin", "another horse battery")
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn bodies_that_are_too_large_or_odd_are_refused_before_anything_is_hashed() {
    let gateway = house().start().await;
    let send = |body: String| {
        gateway
            .ask("POST", "/api/v1/sessions")
            .header("content-type", "application/json")
            .body(body)
            .send()
    };
    let long = json!({ "name": "ann", "password": "x".repeat(20_000) }).to_string();
    assert_code(&send(long).await, 413, "request_too_large");
    for odd in [
        "",
        "[]",
        r#"{"name":"ann"}"#,
        r#"{"name":"ann","password":"x","admin":true}"#,
        r#"{"name":"ann","name":"bob","password":"x"}"#,
        r#"{"name":"a b","password":"x"}"#,
    ] {
        assert_code(&send(odd.to_owned()).await, 400, "bad_request");
    }
    let form = gateway
        .ask("POST", "/api/v1/sessions")
        .header("content-type", "application/x-www-form-urlencoded")
        .body("name=ann&password=x");
    assert_code(&form.send().await, 415, "unsupported_media");
}

#[tokio::test]
async fn a_session_that_was_just_proved_makes_tokens_and_they_end_with_it() {
    let gateway = house().start().await;
    enrolled(&gateway, "ann-user", "auditor").await;
    let browser = sign_in(&gateway, "ann-user").await;
    let order = json!({ "scopes": ["watch.read"] });
    let path = "/api/v1/tokens";
    // The role needs a second factor, and there is none yet.
    let early = browser.send(&gateway, "POST", path, &order).await;
    assert_code(&early, 403, "enrolment_needed");
    let (_, _, browser) = add_totp(&gateway, &browser).await;
    let bare = gateway
        .ask("POST", path)
        .header("cookie", &browser.cookie)
        .header("content-type", "application/json")
        .body(order.to_string());
    assert_code(&bare.send().await, 403, "cross_site");
    let made = browser.send(&gateway, "POST", path, &order).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let alerts = || {
        let ask = gateway.ask("GET", "/api/v1/alerts");
        ask.header("authorization", &format!("Bearer {token}")).send()
    };
    assert_eq!(alerts().await.status, 200, "{}", alerts().await.text());
    // What no key can be used for, no token can.
    let sessions = gateway.ask("GET", "/api/v1/sessions");
    let sessions = sessions
        .header("authorization", &format!("Bearer {token}"))
        .send()
        .await;
    assert_eq!(sessions.status, 401, "{}", sessions.text());
    // Too long after it was proved.
    gateway.clock().advance(Duration::from_secs(601));
    assert_code(
        &browser.send(&gateway, "POST", path, &order).await,
        403,
        "proof_needed",
    );
    assert_eq!(alerts().await.status, 200, "{}", alerts().await.text());
    // What others made it takes back without that.
    let other = format!("{path}/{}", "0".repeat(26));
    assert_eq!(
        browser.send(&gateway, "DELETE", &other, &json!({})).await.status,
        204
    );
    let out = browser
        .send(&gateway, "POST", "/api/v1/me/sign_out", &json!({}))
        .await;
    assert_eq!(out.status, 204, "{}", out.text());
    let deadline = std::time::Instant::now() + PATIENCE;
    while alerts().await.status == 200 && std::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_code(&alerts().await, 401, "token_not_valid_any_more");
}

#[tokio::test]
async fn a_token_of_a_session_without_a_second_factor_is_good_for_no_role_that_needs_one() {
    let gateway = house().start().await;
    enrolled(&gateway, "ann-user", "user").await;
    let browser = sign_in(&gateway, "ann-user").await;
    let order = json!({ "scopes": ["watch.read"] });
    let made = browser.send(&gateway, "POST", "/api/v1/tokens", &order).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let alerts = || {
        let ask = gateway.ask("GET", "/api/v1/alerts");
        ask.header("authorization", &format!("Bearer {token}")).send()
    };
    assert_code(&alerts().await, 403, "not_permitted");
    let holder = Holder::Principal("ann-user".parse().unwrap());
    let people = gateway.people("default");
    people
        .set_role(&holder, &"auditor".parse().unwrap(), true)
        .await
        .unwrap();
    let deadline = std::time::Instant::now() + PATIENCE;
    while code_of(&alerts().await) == "not_permitted" && std::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_code(&alerts().await, 403, "second_factor_needed");
}

#[tokio::test]
async fn what_sessions_are_good_for_no_more_their_tokens_are_not_either() {
    let prompts = "[access]\nprompts_by_session = true\n";
    let gateway = house().policy(prompts).start().await;
    enrolled(&gateway, "ann-user", "user").await;
    let browser = sign_in(&gateway, "ann-user").await;
    let order = json!({ "scopes": ["gateway"] });
    let made = browser.send(&gateway, "POST", "/api/v1/tokens", &order).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let models = || {
        let ask = gateway.ask("GET", "/v1/models");
        ask.header("authorization", &format!("Bearer {token}")).send()
    };
    assert_eq!(models().await.status, 200, "{}", models().await.text());
    gateway.change_policy("", None).await.unwrap();
    assert_code(&models().await, 403, "key_out_of_scope");
}

#[tokio::test]
async fn a_token_of_a_session_is_used_where_its_person_may_be_signed_in() {
    let gateway = house().start().await;
    enrolled(&gateway, "ann-user", "auditor").await;
    let browser = sign_in(&gateway, "ann-user").await;
    let (_, _, browser) = add_totp(&gateway, &browser).await;
    let order = json!({ "scopes": ["watch.read"] });
    let made = browser.send(&gateway, "POST", "/api/v1/tokens", &order).await;
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let alerts = || {
        let ask = gateway.ask("GET", "/api/v1/alerts");
        ask.header("authorization", &format!("Bearer {token}")).send()
    };
    assert_eq!(alerts().await.status, 200, "{}", alerts().await.text());
    let cedar = r#"forbid (principal, action == Privet::Action::"sign_in", resource);"#;
    gateway.change_policy("", Some(cedar)).await.unwrap();
    assert_code(&alerts().await, 403, "not_permitted");
}
