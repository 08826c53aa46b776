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
    assert!(html.contains("a check that it passed"), "{html}");
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

#[tokio::test]
async fn whoever_may_read_figures_sees_what_others_used_of_their_limits() {
    let limits = "[[limits.rules]]\nname = \"prompts\"\neach = [\"principal\"]\nwindow = \"day\"\nrequests = 4\n\
                  [[limits.rules]]\nname = \"keys\"\neach = [\"key\"]\nwindow = \"day\"\nrequests = 8\n\
                  [[limits.rules]]\nname = \"house\"\neach = [\"tenant\"]\nwindow = \"day\"\nrequests = 16\n\
                  [[limits.rules]]\nname = \"ours\"\nprincipals = [\"ann\"]\nwindow = \"day\"\nrequests = 32\n";
    let gateway = house().policy(&format!("{BY_PASSWORD}{limits}")).start().await;
    let security = signed_in(&gateway, "p-security", "security").await;
    for _ in 0..3 {
        let sent = gateway.post(CHAT, chat("demo-echo", "hello")).send().await;
        assert_eq!(sent.status, 200, "{}", sent.text());
    }
    crate::admin::made(&gateway, "default", "ann", privet_types::PrincipalKind::User, &[]).await;
    let other = gateway
        .key_for("acme", "ann", privet_types::KeyScopes::default())
        .await;
    let ask = gateway
        .post(CHAT, chat("demo-echo", "hello"))
        .without("authorization");
    let sent = ask
        .header("authorization", &format!("Bearer {other}"))
        .send()
        .await;
    assert_eq!(sent.status, 200, "{}", sent.text());
    crate::admin::group(&gateway, "lab", &[], &["ann"]).await;
    let look = async |query: &str| {
        let reply = security.get(&gateway, &format!("/console/usage{query}")).await;
        assert_eq!(reply.status, 200, "{query}: {}", reply.text());
        reply.text()
    };
    let row = |html: &str, label: &str| {
        let row = html.split("<tr>").find(|row| row.contains(label));
        let row = row.unwrap_or_else(|| panic!("no {label} in {html}"));
        let cells = row.split("class=\"num\">").skip(1);
        cells
            .map(|cell| cell.split('<').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let people = look("").await;
    assert!(
        people.contains("prompts, requests") && !people.contains("house"),
        "{people}"
    );
    assert_eq!(row(&people, "name=ann\""), ["3", "0", "4"]);
    assert_eq!(row(&people, "name=p-security\""), ["0", "0", "4"]);
    assert!(people.contains("<rect class=\"masked\" width=\"75\""), "{people}");
    // The fullest first.
    assert!(people.find("name=ann").unwrap() < people.find("name=p-security").unwrap());
    let one = look("?of=people&name=ann").await;
    assert!(
        one.contains("prompts") && one.contains("house") && one.contains("ours"),
        "{one}"
    );
    let keys = look("?of=keys").await;
    assert!(
        keys.contains("keys, requests") && keys.contains("(ann)"),
        "{keys}"
    );
    assert_eq!(row(&keys, "(ann)"), ["3", "0", "8"]);
    let groups = look("?of=groups").await;
    assert_eq!(row(&groups, "/console/groups/lab"), ["3"]);
    let tenant = look("?of=tenant").await;
    assert!(
        tenant.contains("house") && tenant.contains("ours") && !tenant.contains("prompts,"),
        "{tenant}"
    );
    assert_eq!(row(&tenant, "requests"), ["3", "0", "16"]);
    for (query, status) in [
        ("?name=nobody", 404),
        ("?name=%3Cb%3E", 404),
        ("?of=everything", 200),
    ] {
        let reply = security.get(&gateway, &format!("/console/usage{query}")).await;
        assert_eq!(reply.status, status, "{query}: {}", reply.text());
        assert!(!reply.text().contains("<b>"), "{}", reply.text());
    }
    // Without the right to see people there are pseudonyms, and nobody can be named.
    let policy = r#"@id("no_people") forbid (principal, action in [Privet::Action::"people.read", Privet::Action::"key.read"], resource);"#;
    assert!(
        gateway
            .change_policy(&format!("{BY_PASSWORD}{limits}"), Some(policy))
            .await
            .unwrap()
    );
    let blind = look("?of=people&name=ann").await;
    assert!(
        !blind.contains("ann") && !blind.contains("of=keys") && !blind.contains("value=\"groups\""),
        "{blind}"
    );
    assert_eq!(blind.matches("<th scope=\"row\">").count(), 2, "{blind}");
}

#[tokio::test]
async fn what_is_tried_is_told_to_go_where_a_prompt_would_go() {
    let sensitive = "[[routing.sensitive]]\nentities = [\"IBAN_CODE\"]\naction = \"refuse\"\n\
                     [[routing.sensitive]]\nentities = [\"CREDIT_CARD\"]\naction = \"local\"\nto = \"llama\"\n\
                     [[routing.sensitive]]\nentities = [\"US_SSN\"]\naction = \"local\"\nto = \"llama\"\nmask = false\n";
    let providers =
        "[[providers]]\nname = \"home\"\nkind = \"ollama\"\nbase_url = \"http://127.0.0.1:9/v1\"\n";
    let models = "[[models]]\nmatch = \"llama\"\nprovider = \"home\"\nupstream_model = \"llama3.2:3b\"\n";
    let gateway = house()
        .providers(providers)
        .models(models)
        .policy(&format!("{BY_PASSWORD}{sensitive}"))
        .start()
        .await;
    let developer = signed_in(&gateway, "p-dev", "developer").await;
    let token = developer.token(&gateway, "/console/try").await;
    let try_it = async |model: &str, text: &str| {
        let fields = [("csrf_token", token.as_str()), ("model", model), ("text", text)];
        let reply = developer.post(&gateway, "/console/try", &fields).send().await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.text()
    };
    let usual = try_it("demo", EMAIL).await;
    assert!(
        usual.contains("It would go to <strong>openai</strong>"),
        "{usual}"
    );
    assert!(!usual.contains("Sensitive."), "{usual}");
    let card = format!("my card is {CARD}");
    let local = try_it("demo", &card).await;
    assert!(
        local.contains("It would go to <strong>home</strong> <span class=\"badge good\">local"),
        "{local}"
    );
    assert!(
        local.contains("<code>llama3.2:3b</code>") && local.contains("Rule 2 of"),
        "{local}"
    );
    assert!(
        local.contains("CREDIT_CARD_") && !local.contains("as it was written"),
        "{local}"
    );
    let bare = try_it("demo", "My social security number (SSN) is 078-05-1120.").await;
    assert!(
        bare.contains("Rule 3 of") && bare.contains("as it was written"),
        "{bare}"
    );
    let refused = try_it("demo", "Pay to DE89 3704 0044 0532 0130 00.").await;
    assert!(
        refused.contains("it would not be sent") && refused.contains("IBAN_CODE"),
        "{refused}"
    );
    // Without a model it is not told, and with one that nobody has neither.
    let nowhere = try_it("", &card).await;
    assert!(nowhere.contains("Name a model"), "{nowhere}");
    let unknown = try_it("nobody-has-this", &card).await;
    assert!(
        unknown.contains("it would not be sent") && !unknown.contains("It would go to"),
        "{unknown}"
    );
    let odd = try_it("\"><script>alert(1)</script>", EMAIL).await;
    assert!(!odd.contains("<script>alert"), "{odd}");
    // What the policies do not let somebody send is not told to be sent.
    let forbid = r#"@id("no_demo") forbid (principal, action == Privet::Action::"prompt", resource) when { resource is Privet::Model };"#;
    let policy = format!("{BY_PASSWORD}{sensitive}");
    assert!(gateway.change_policy(&policy, Some(forbid)).await.unwrap());
    let forbidden = try_it("demo", EMAIL).await;
    assert!(
        forbidden.contains("it would not be sent") && forbidden.contains("not permitted"),
        "{forbidden}"
    );
    assert!(gateway.seen().iter().all(|asked| asked.method == "GET"));
}
