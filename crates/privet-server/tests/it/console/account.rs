//! One's own account: sessions, second factors, password, keys and tokens.

use std::time::Duration;

use privet_testkit::{PATIENCE, Reply, TestGateway};
use privet_types::{KeyScopes, PrincipalKind};

use super::{BY_PASSWORD, PASSWORD, Tab, enter, form, house, location, post, signed_in, token_in};
use crate::admin::made;
use crate::sign_in::passkeys::with_passkey;
use crate::sign_in::totp;
use crate::support::MODELS;

const PATH: &str = "/console/account";

/// Sends a form of the account's page.
async fn send(gateway: &TestGateway, tab: &Tab, path: &str, fields: &[(&str, &str)]) -> Reply {
    let token = tab.token(gateway, PATH).await;
    let mut all = vec![("csrf_token", token.as_str())];
    all.extend_from_slice(fields);
    tab.post(gateway, path, &all).send().await
}

async fn step(gateway: &TestGateway, tab: &Tab, fields: &[(&str, &str)]) -> Reply {
    send(gateway, tab, PATH, fields).await
}

/// What stands between the two.
fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let (_, rest) = text
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split(after).next().expect("it ends")
}

/// The ids of the sessions that the page shows.
fn sessions(html: &str) -> Vec<String> {
    let ids = html.split("name=\"id\" value=\"").skip(1);
    ids.map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

async fn status(gateway: &TestGateway, tab: &Tab) -> u16 {
    tab.get(gateway, PATH).await.status
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_all_others_or_this_one() {
    let gateway = house().start().await;
    let first = signed_in(&gateway, "ann-user", "user").await;
    gateway.clock().advance(Duration::from_secs(60));
    let second = Tab::of(&enter(&gateway, "ann-user").await);
    gateway.clock().advance(Duration::from_secs(60));
    let third = Tab::of(&enter(&gateway, "ann-user").await);
    let stranger = signed_in(&gateway, "bob-user", "user").await;
    let html = first.get(&gateway, PATH).await.text();
    let ids = sessions(&html);
    assert_eq!(
        (ids.len(), html.matches("this one</span>").count()),
        (3, 1),
        "{html}"
    );
    let own = sessions(&second.get(&gateway, PATH).await.text());
    assert_eq!(ids, own);
    let path = "/console/account/sessions";
    // Somebody else's cannot be ended, nor by a form without the token.
    for id in &ids {
        let reply = send(&gateway, &stranger, path, &[("id", id)]).await;
        assert_eq!(location(&reply), "/console/account?done=none");
        let forged = first.post(&gateway, path, &[("id", id)]).send().await;
        assert_eq!(forged.status, 403);
    }
    // The youngest stands first.
    let reply = send(&gateway, &first, path, &[("id", &ids[0])]).await;
    assert_eq!(location(&reply), "/console/account?done=session");
    assert_eq!(
        (status(&gateway, &third).await, status(&gateway, &second).await),
        (303, 200)
    );
    let reply = send(&gateway, &first, path, &[("others", "yes")]).await;
    assert_eq!(location(&reply), "/console/account?done=others");
    assert_eq!(
        (status(&gateway, &second).await, status(&gateway, &first).await),
        (303, 200)
    );
    let reply = send(&gateway, &first, path, &[("id", &ids[2])]).await;
    assert_eq!(location(&reply), "/console/sign-in");
    assert!(reply.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(status(&gateway, &first).await, 303);
    assert_eq!(status(&gateway, &stranger).await, 200);
}

#[tokio::test]
async fn an_app_is_added_and_removed_and_recovery_codes_are_made_anew() {
    let gateway = house().start().await;
    let tab = signed_in(&gateway, "ann-user", "user").await;
    let html = tab.get(&gateway, PATH).await.text();
    assert!(html.contains("They come with your first second factor"), "{html}");
    let reply = step(&gateway, &tab, &[("step", "codes"), ("sure", "yes")]).await;
    assert_eq!(reply.status, 404, "{}", reply.text());
    let begun = step(&gateway, &tab, &[("step", "add_app")]).await;
    let html = begun.text();
    assert!(html.contains("<svg") && html.contains("QR code"), "{html}");
    let secret = between(&html, "class=\"secret\"><code>", "<").replace(' ', "");
    let uri = format!("otpauth://totp/x?secret={secret}");
    let right = totp(&uri, &gateway, 0);
    let wrong = if right == "000000" { "000001" } else { "000000" };
    let reply = step(&gateway, &tab, &[("step", "confirm_app"), ("code", wrong)]).await;
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert!(reply.text().contains("name=\"code\""), "{}", reply.text());
    let reply = step(&gateway, &tab, &[("step", "confirm_app"), ("code", &right)]).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.text().matches("<li><code>").count(), 10);
    assert!(reply.text().contains("href=\"/console/account\""));
    // The session goes on under a new token.
    let old = tab;
    let tab = Tab::of(&reply);
    assert_eq!(
        (status(&gateway, &old).await, status(&gateway, &tab).await),
        (303, 200)
    );
    let html = tab.get(&gateway, PATH).await.text();
    assert!(html.contains("10 left"), "{html}");
    let unsure = step(&gateway, &tab, &[("step", "codes")]).await;
    assert_eq!(unsure.status, 400);
    let new = step(&gateway, &tab, &[("step", "codes"), ("sure", "yes")]).await;
    assert_eq!(new.text().matches("<li><code>").count(), 10, "{}", new.text());
    assert_ne!(
        between(&new.text(), "<li><code>", "<"),
        between(&reply.text(), "<li><code>", "<")
    );
    let again = step(&gateway, &tab, &[("step", "add_app")]).await;
    assert_eq!(again.status, 409, "{}", again.text());
    let reply = step(&gateway, &tab, &[("step", "remove_app"), ("sure", "yes")]).await;
    assert_eq!(location(&reply), "/console/account?done=app");
    let html = tab.get(&gateway, PATH).await.text();
    assert!(html.contains("Add an authenticator app"), "{html}");
}

#[tokio::test]
async fn a_passkey_is_shown_and_removed_after_a_tick() {
    let gateway = house().start().await;
    let (_, browser) = with_passkey(&gateway, "ann-admin").await;
    let tab = Tab {
        cookie: browser.cookie,
    };
    let html = tab.get(&gateway, PATH).await.text();
    let id = between(
        &html,
        "value=\"remove_passkey\"><input type=\"hidden\" name=\"id\" value=\"",
        "\"",
    );
    let unsure = step(&gateway, &tab, &[("step", "remove_passkey"), ("id", id)]).await;
    assert_eq!(unsure.status, 400, "{}", unsure.text());
    let none = step(
        &gateway,
        &tab,
        &[("step", "remove_passkey"), ("id", "nothing"), ("sure", "yes")],
    );
    assert_eq!(location(&none.await), "/console/account?done=none");
    let fields = [("step", "remove_passkey"), ("id", id), ("sure", "yes")];
    let reply = step(&gateway, &tab, &fields).await;
    assert_eq!(location(&reply), "/console/account?done=passkey_gone");
    // Her role needs one.
    let signed_in = enter(&gateway, "ann-admin").await;
    assert_eq!(location(&signed_in), "/console/enrol");
}

#[tokio::test]
async fn a_password_is_changed_and_ends_other_sessions() {
    let gateway = house().start().await;
    let tab = signed_in(&gateway, "ann-user", "user").await;
    let other = Tab::of(&enter(&gateway, "ann-user").await);
    let set = async |password: &str, again: &str| {
        let fields = [("step", "password"), ("password", password), ("again", again)];
        step(&gateway, &tab, &fields).await
    };
    assert_eq!(
        set("another horse battery", "another horse batter").await.status,
        400
    );
    assert_eq!(set("short", "short").await.status, 422);
    assert_eq!(status(&gateway, &other).await, 200);
    let reply = set("another horse battery", "another horse battery").await;
    assert_eq!(location(&reply), "/console/account?done=password");
    assert_eq!(
        (status(&gateway, &other).await, status(&gateway, &tab).await),
        (303, 200)
    );
    assert_eq!(enter(&gateway, "ann-user").await.status, 401);
}

#[tokio::test]
async fn what_changes_how_one_comes_in_asks_for_a_fresh_proof() {
    let gateway = house().start().await;
    let tab = signed_in(&gateway, "ann-user", "user").await;
    gateway.clock().advance(Duration::from_secs(11 * 60));
    for fields in [
        vec![("step", "add_app")],
        vec![("step", "confirm_app"), ("code", "123456")],
        vec![("step", "remove_app"), ("sure", "yes")],
        vec![("step", "remove_passkey"), ("id", "x"), ("sure", "yes")],
        vec![("step", "codes"), ("sure", "yes")],
        vec![
            ("step", "password"),
            ("password", "another horse battery"),
            ("again", "another horse battery"),
        ],
        vec![("step", "token"), ("scope.text.detect", "yes")],
        vec![("step", "nothing")],
    ] {
        let reply = step(&gateway, &tab, &fields).await;
        assert_eq!(
            location(&reply),
            format!("/console/proof?{}", form(&[("next", PATH)])),
            "{fields:?}"
        );
    }
    let html = tab.get(&gateway, PATH).await.text();
    assert!(
        html.contains("show that it is you") && !html.contains("data-passkey"),
        "{html}"
    );
    // Taking tokens back, and ending sessions, helps against others: neither waits for a proof.
    let reply = step(&gateway, &tab, &[("step", "tokens"), ("sure", "yes")]).await;
    assert_eq!(location(&reply), "/console/account?done=tokens");
    let token = token_in(&html);
    let fields = [
        ("csrf_token", token.as_str()),
        ("next", PATH),
        ("password", PASSWORD),
    ];
    let proved = tab.post(&gateway, "/console/proof", &fields).send().await;
    assert_eq!(location(&proved), PATH);
    let tab = Tab::of(&proved);
    let html = tab.get(&gateway, PATH).await.text();
    assert!(html.contains("data-passkey=\"add\""), "{html}");
    assert_eq!(step(&gateway, &tab, &[("step", "add_app")]).await.status, 200);
}

#[tokio::test]
async fn ones_own_keys_are_shown_and_nobody_elses() {
    let gateway = house().policy(BY_PASSWORD).start().await;
    let tab = signed_in(&gateway, "ann-user", "user").await;
    made(&gateway, "default", "bob", PrincipalKind::User, &["user"]).await;
    let theirs = gateway.key_for("default", "bob", KeyScopes::default()).await;
    let html = tab.get(&gateway, PATH).await.text();
    let part = between(&html, "Your API keys", "</section>");
    assert_eq!(part.matches("<tr>").count(), 2, "{part}");
    assert!(
        !html.contains("/console/keys/") && !html.contains(&theirs),
        "{html}"
    );
    let admin = signed_in(&gateway, "olga-admin", "admin").await;
    let html = admin.get(&gateway, PATH).await.text();
    let link = between(&html, "href=\"/console/keys/", "\"");
    let page = admin.get(&gateway, &format!("/console/keys/{link}")).await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("olga-admin"), "{}", page.text());
}

#[tokio::test]
async fn a_token_is_made_for_what_one_may_and_all_are_taken_back() {
    let policy = format!("{BY_PASSWORD}prompts_by_session = true\n");
    let gateway = house().policy(&policy).start().await;
    let tab = signed_in(&gateway, "ann-user", "user").await;
    let html = tab.get(&gateway, PATH).await.text();
    assert!(
        html.contains("scope.gateway") && !html.contains("scope.vault."),
        "{html}"
    );
    let none = step(&gateway, &tab, &[("step", "token"), ("expires_in", "300")]).await;
    assert_eq!(none.status, 400, "{}", none.text());
    let too_long = [
        ("step", "token"),
        ("expires_in", "86400"),
        ("scope.gateway", "yes"),
    ];
    assert_eq!(step(&gateway, &tab, &too_long).await.status, 400);
    let fields = [("step", "token"), ("expires_in", "300"), ("scope.gateway", "yes")];
    let reply = step(&gateway, &tab, &fields).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let html = reply.text();
    let token = format!("privet_at_{}", between(&html, "value=\"privet_at_", "\""));
    let models = async || {
        let ask = gateway.ask("GET", MODELS);
        let ask = ask.header("authorization", &format!("Bearer {token}"));
        ask.send().await.status
    };
    assert_eq!(models().await, 200);
    assert!(!tab.get(&gateway, PATH).await.text().contains("privet_at_"));
    let reply = step(&gateway, &tab, &[("step", "tokens")]).await;
    assert_eq!((reply.status, models().await), (400, 200));
    let reply = step(&gateway, &tab, &[("step", "tokens"), ("sure", "yes")]).await;
    assert_eq!(location(&reply), "/console/account?done=tokens");
    assert_eq!(models().await, 401);
}

#[tokio::test]
async fn whom_policies_keep_out_is_told_why_and_can_sign_out_and_end_sessions() {
    let gateway = house().policy(BY_PASSWORD).start().await;
    let tab = signed_in(&gateway, "ann-user", "user").await;
    let other = Tab::of(&enter(&gateway, "ann-user").await);
    let new = signed_in(&gateway, "bob-admin", "admin").await;
    let token = tab.token(&gateway, PATH).await;
    let forbid = |words: &str| {
        format!(
            r#"@id("nobody_from_here") {words} forbid (principal, action == Privet::Action::"sign_in", resource) when {{ context has address && context.address.isLoopback() }};"#
        )
    };
    assert!(
        gateway
            .change_policy(BY_PASSWORD, Some(&forbid("")))
            .await
            .unwrap()
    );
    let is_told = async |tab: &Tab, path: &str, why: &str| {
        let reply = tab.get(&gateway, path).await;
        let html = reply.text();
        assert_eq!(reply.status, 403, "{path}: {html}");
        assert!(html.contains(why), "{path}: {html}");
        // The way out, and no other.
        assert!(html.contains("action=\"/console/sign-out\""), "{path}: {html}");
        assert!(
            !html.contains("<nav") && html.contains("class=\"outside\""),
            "{path}: {html}"
        );
        token_in(&html)
    };
    let why = "policy does not let you be signed in from here";
    for path in [
        "/console",
        PATH,
        "/console/nowhere",
        "/console/second-factor",
        "/console/enrol",
    ] {
        assert_eq!(is_told(&tab, path, why).await, token, "{path}");
    }
    let refused = tab.post(
        &gateway,
        PATH,
        &[("csrf_token", &token), ("step", "tokens"), ("sure", "yes")],
    );
    assert_eq!(refused.send().await.status, 403);
    let ended = tab.post(
        &gateway,
        "/console/account/sessions",
        &[("csrf_token", &token), ("others", "yes")],
    );
    assert_eq!(location(&ended.send().await), "/console/account?done=others");
    assert_eq!(
        location(&other.get(&gateway, PATH).await),
        "/console/sign-in?next=%2Fconsole%2Faccount"
    );
    // In the words of the policy, where it has some.
    let words = r#"@message("Come in from the office <only>.")"#;
    assert!(
        gateway
            .change_policy(BY_PASSWORD, Some(forbid(words).as_str()))
            .await
            .unwrap()
    );
    is_told(&new, "/console", "Come in from the office &#60;only&#62;.").await;
    let out = tab.post(&gateway, "/console/sign-out", &[("csrf_token", &token)]);
    assert_eq!(location(&out.send().await), "/console/sign-in");
    let deadline = std::time::Instant::now() + PATIENCE;
    while status(&gateway, &tab).await == 403 && std::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(status(&gateway, &tab).await, 303);
    let outside = post(&gateway, "/console/sign-out", &[]).send().await;
    assert_eq!(location(&outside), "/console/sign-in");
}
