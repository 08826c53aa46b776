//! What is on the pages, and for whom.

use std::time::Duration;

use jiff::tz::Offset;
use privet_access::{Ask, Authorizer, Resource, load_accounts};
use privet_console::asset;
use privet_testkit::{Reply, TestGateway};
use privet_types::Clock;

use super::{BY_PASSWORD, PAGES, ROLES, Tab, house, signed_in};
use crate::support::{CARD, CHAT, EMAIL, chat};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

fn assert_dressed(reply: &Reply, path: &str) {
    assert_eq!(reply.header("content-security-policy"), Some(POLICY), "{path}");
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
    assert_eq!(reply.header("referrer-policy"), Some("same-origin"), "{path}");
    let html = reply.text();
    for inline in [
        " style=",
        "<style",
        " onclick",
        " onload",
        "javascript:",
        "hx-on",
        "<script>",
    ] {
        assert!(!html.contains(inline), "{path} holds {inline}");
    }
}

/// Waits until the page at `path` holds `text`: decisions come into the store a moment later.
async fn page_with(gateway: &TestGateway, tab: &Tab, path: &str, text: &str) -> String {
    let mut html = String::new();
    for _ in 0..100 {
        html = tab.get(gateway, path).await.text();
        if html.contains(text) {
            return html;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{path} never held {text}: {html}");
}

#[tokio::test]
async fn every_role_sees_the_pages_that_the_policies_open_to_it_and_no_other() {
    let gateway = house().policy(BY_PASSWORD).vault("").start().await;
    let authorizer = Authorizer::new(&[], Offset::UTC).unwrap();
    let mut refused = 0;
    for role in ROLES {
        let name = format!("p-{}", role.replace('_', "-"));
        let tab = signed_in(&gateway, &name, role).await;
        let accounts = load_accounts(gateway.store(), &[]).await.unwrap();
        let account = accounts
            .get(&"default".parse().unwrap(), &name.parse().unwrap())
            .unwrap();
        let menu = tab.get(&gateway, "/console").await.text();
        for (path, action) in PAGES {
            let ask = Ask {
                privilege: action.parse().unwrap(),
                resource: Resource::Tenant,
                at: gateway.clock().now(),
                address: None,
                prompt: None,
            };
            let is_permitted = authorizer.decide(account, &ask).is_allowed;
            let reply = tab.get(&gateway, path).await;
            let expected = if is_permitted { 200 } else { 403 };
            assert_eq!(reply.status, expected, "{role} {path}: {}", reply.text());
            let is_in_menu = menu.contains(&format!("<li><a href=\"{path}\""));
            assert_eq!(is_in_menu, is_permitted, "{role} {path}");
            assert_dressed(&reply, path);
            refused += usize::from(!is_permitted);
        }
    }
    assert!(refused >= 5, "{refused}");
}

#[tokio::test]
async fn every_answer_keeps_scripts_of_others_frames_and_caches_out() {
    let gateway = house().policy(BY_PASSWORD).start().await;
    let tab = signed_in(&gateway, "ann-user", "user").await;
    for path in [
        "/console",
        "/console/",
        "/console/nowhere",
        "/console/assets/nowhere.css",
        "/console/decisions",
    ] {
        let reply = tab.get(&gateway, path).await;
        assert_dressed(&reply, path);
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}");
    }
    assert_eq!(tab.get(&gateway, "/console/nowhere").await.status, 404);
    for path in ["/console/sign-in", "/console/invite", "/console/try", "/console"] {
        assert_dressed(&gateway.ask("GET", path).send().await, path);
    }
    assert_dressed(&gateway.ask("DELETE", "/console").send().await, "DELETE");
    for file in asset::ALL {
        let reply = gateway.ask("GET", &file.path()).send().await;
        assert_eq!(reply.status, 200, "{}", file.path());
        assert_eq!(reply.header("content-type"), Some(file.media_type));
        assert_eq!(
            reply.header("cache-control"),
            Some("public, max-age=31536000, immutable")
        );
        assert_eq!(reply.body, file.bytes);
    }
}

#[tokio::test]
async fn decisions_are_shown_without_text_and_names_only_to_whom_may_see_people() {
    let gateway = house().policy(BY_PASSWORD).start().await;
    let auditor = signed_in(&gateway, "p-auditor", "auditor").await;
    let officer = signed_in(&gateway, "p-officer", "privacy_officer").await;
    let text = format!("my card is {CARD}, write to {EMAIL}");
    assert_eq!(
        gateway.post(CHAT, chat("demo-echo", &text)).send().await.status,
        200
    );
    let html = page_with(&gateway, &auditor, "/console/decisions", "CREDIT_CARD").await;
    assert!(
        html.contains("EMAIL_ADDRESS") && html.contains("demo-echo"),
        "{html}"
    );
    assert!(!html.contains(CARD) && !html.contains(EMAIL), "{html}");
    // The testkit's key is `ann`'s.
    assert!(html.contains("<td>ann</td>"), "{html}");
    let pseudonymous = officer.get(&gateway, "/console/decisions").await.text();
    assert!(
        pseudonymous.contains("CREDIT_CARD") && !pseudonymous.contains("<td>ann</td>"),
        "{pseudonymous}"
    );
    // Nor can a name be tried.
    let tried = officer.get(&gateway, "/console/decisions?who=ann").await.text();
    assert!(!tried.contains("CREDIT_CARD"), "{tried}");
    for (query, is_there) in [
        ("who=ann", true),
        ("who=bob", false),
        ("outcome=redact", true),
        ("outcome=block", false),
        ("model=demo-echo", true),
        ("model=demo", false),
        ("who=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E", false),
    ] {
        let html = auditor
            .get(&gateway, &format!("/console/decisions?{query}"))
            .await
            .text();
        assert_eq!(html.contains("CREDIT_CARD"), is_there, "{query}");
        assert!(!html.contains("<script>alert"), "{query}");
    }
    let list = auditor
        .get(&gateway, "/console/decisions?part=list&left=1")
        .await
        .text();
    assert!(
        list.trim_start().starts_with("<div id=\"decisions\"") && list.contains("left=0"),
        "{list}"
    );
    let rests = auditor
        .get(&gateway, "/console/decisions?part=list&left=0")
        .await
        .text();
    assert!(
        !rests.contains("hx-get") && rests.contains("Renew by itself"),
        "{rests}"
    );
}

#[tokio::test]
async fn a_tenants_decisions_are_not_shown_to_another() {
    let gateway = house().policy(BY_PASSWORD).start().await;
    let auditor = signed_in(&gateway, "p-auditor", "auditor").await;
    let key = gateway
        .key_for("acme", "acme-app", privet_types::KeyScopes::default())
        .await;
    let ask = gateway
        .post(CHAT, chat("demo-echo", CARD))
        .without("authorization");
    let sent = ask.header("authorization", &format!("Bearer {key}")).send().await;
    assert_eq!(sent.status, 200, "{}", sent.text());
    // One of its own, behind it, to know that both have come.
    let own = gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await;
    assert_eq!(own.status, 200);
    let html = page_with(&gateway, &auditor, "/console/decisions", "EMAIL_ADDRESS").await;
    assert!(!html.contains("CREDIT_CARD"), "{html}");
    let overview = auditor.get(&gateway, "/console").await.text();
    assert!(
        overview.contains("EMAIL_ADDRESS") && !overview.contains("CREDIT_CARD"),
        "{overview}"
    );
}

#[tokio::test]
async fn the_overview_counts_everybodys_prompts_only_for_whom_may_read_figures_or_the_log() {
    let gateway = house().policy(BY_PASSWORD).start().await;
    let admin = signed_in(&gateway, "p-admin", "admin").await;
    let user = signed_in(&gateway, "p-user", "user").await;
    assert_eq!(
        gateway.post(CHAT, chat("demo-echo", CARD)).send().await.status,
        200
    );
    let all = page_with(&gateway, &admin, "/console", "CREDIT_CARD").await;
    assert!(
        all.contains("everybody") && all.contains("Health") && all.contains("By team"),
        "{all}"
    );
    let own = user.get(&gateway, "/console").await.text();
    assert!(own.contains("your own prompts"), "{own}");
    assert!(
        !own.contains("CREDIT_CARD") && !own.contains("Health") && !own.contains("By team"),
        "{own}"
    );
}

#[tokio::test]
async fn what_is_tried_is_masked_explained_and_restored_and_goes_nowhere() {
    let gateway = house().policy(BY_PASSWORD).start().await;
    let developer = signed_in(&gateway, "p-dev", "developer").await;
    let token = developer.token(&gateway, "/console/try").await;
    let text = format!("<b>Her card is {CARD}</b>\r\nwrite to {EMAIL}");
    let fields = [("csrf_token", token.as_str()), ("text", text.as_str())];
    let reply = developer.post(&gateway, "/console/try", &fields).send().await;
    let html = reply.text();
    assert_eq!(reply.status, 200, "{html}");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    for column in [
        "You wrote",
        "The provider would see",
        "You would get back",
        "Which rule decided",
    ] {
        assert!(html.contains(column), "{column}: {html}");
    }
    // Marked where it was written and where it comes back, and once in the box; the hint in the box has a card, too.
    assert_eq!(html.matches(&format!("<mark>{CARD}</mark>")).count(), 2, "{html}");
    assert_eq!(html.matches(CARD).count(), 4, "{html}");
    let seen = html.split("The provider would see").nth(1).unwrap();
    let seen = seen.split("</section>").next().unwrap();
    assert!(seen.contains("CREDIT_CARD_") && !seen.contains(CARD), "{seen}");
    assert!(!html.contains("<b>Her"), "{html}");
    assert!(html.contains("check digits"), "{html}");
    // The provider was asked which models there are, and nothing else.
    let seen = gateway.seen();
    assert!(
        seen.iter()
            .all(|asked| asked.method == "GET" && asked.body.is_empty())
    );

    let officer = signed_in(&gateway, "p-officer", "privacy_officer").await;
    let token = officer.token(&gateway, "/console/try").await;
    let fields = [("csrf_token", token.as_str()), ("text", text.as_str())];
    let html = officer
        .post(&gateway, "/console/try", &fields)
        .send()
        .await
        .text();
    assert!(
        html.contains("Which rule decided") && !html.contains("CREDIT_CARD_"),
        "{html}"
    );

    let home = gateway.stop().await.home;
    let events = home.audit().await;
    let tried: Vec<_> = events
        .iter()
        .filter(|row| row.event.decision.reason == "tried")
        .collect();
    assert_eq!(tried.len(), 2);
    let written = serde_json::to_string(&tried[0].event).unwrap();
    assert!(!written.contains(CARD) && !written.contains(EMAIL), "{written}");
    assert_eq!(tried[0].event.sent_hash, None);
}

#[tokio::test]
async fn what_the_policy_blocks_is_told_to_be_refused() {
    let policy = format!("{BY_PASSWORD}[pii.entities]\nCREDIT_CARD = \"block\"\n");
    let gateway = house().policy(&policy).start().await;
    let developer = signed_in(&gateway, "p-dev", "developer").await;
    let token = developer.token(&gateway, "/console/try").await;
    let text = format!("card {CARD}");
    let fields = [("csrf_token", token.as_str()), ("text", text.as_str())];
    let reply = developer.post(&gateway, "/console/try", &fields).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.text().contains("it would not be sent"), "{}", reply.text());
}
