//! The pages of keys, people, groups and roles.

use std::time::Duration;

use privet_testkit::{Reply, TestGateway};
use privet_types::PrincipalKind;

use super::{BY_PASSWORD, PASSWORD, Tab, house, location, signed_in};
use crate::admin::{group, made};
use crate::support::MODELS;

/// Sends a form of the page at `path` with the token of that page.
async fn send(gateway: &TestGateway, tab: &Tab, path: &str, fields: &[(&str, &str)]) -> Reply {
    let token = tab.token(gateway, path).await;
    let mut all = vec![("csrf_token", token.as_str())];
    all.extend_from_slice(fields);
    tab.post(gateway, path, &all).send().await
}

/// The secret that a page shows once.
fn shown(html: &str, prefix: &str) -> String {
    let begin = html
        .find(prefix)
        .unwrap_or_else(|| panic!("no {prefix} in {html}"));
    let rest = html.get(begin..).expect("it begins there");
    rest.split('"').next().expect("it ends").to_owned()
}

#[tokio::test]
async fn a_key_is_made_shown_once_rotated_and_revoked_after_a_tick() {
    let gateway = house().policy(BY_PASSWORD).start().await;
    let tab = signed_in(&gateway, "ann-admin", "admin").await;
    made(&gateway, "default", "bob", PrincipalKind::User, &["user"]).await;
    let page = tab.get(&gateway, "/console/keys").await.text();
    assert!(
        page.contains("scope.gateway") && !page.contains("scope.vault.read"),
        "{page}"
    );
    let fields = [("name", "bob"), ("expires_in", "90d"), ("scope.gateway", "yes")];
    let reply = send(&gateway, &tab, "/console/keys", &fields).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let key = shown(&reply.text(), "prvt_");
    let ask = async || {
        gateway
            .ask("GET", MODELS)
            .header("x-api-key", &key)
            .send()
            .await
            .status
    };
    assert_eq!(ask().await, 200);
    let list = tab.get(&gateway, "/console/keys?name=bob").await.text();
    assert!(!list.contains("prvt_"), "{list}");
    let id = shown(&list, "/console/keys/");
    let rotated = send(&gateway, &tab, &id, &[("step", "rotate"), ("grace", "1h")]).await;
    assert_eq!(rotated.status, 200, "{}", rotated.text());
    assert_ne!(shown(&rotated.text(), "prvt_"), key);
    let unsure = send(&gateway, &tab, &id, &[("step", "revoke")]).await;
    assert_eq!((unsure.status, ask().await), (400, 200), "{}", unsure.text());
    let sure = send(&gateway, &tab, &id, &[("step", "revoke"), ("sure", "yes")]).await;
    assert_eq!(location(&sure), format!("{id}?done=revoked"));
    assert_eq!(ask().await, 403);
    // What may not be handed on is not handed on by a form that was made up either.
    let fields = [("name", "bob"), ("scope.vault.read", "yes")];
    let reply = send(&gateway, &tab, "/console/keys", &fields).await;
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert!(reply.text().contains("Not done."), "{}", reply.text());
}

#[tokio::test]
async fn a_person_is_made_invited_and_given_roles_and_groups() {
    let gateway = house().policy(BY_PASSWORD).start().await;
    let tab = signed_in(&gateway, "ann-admin", "admin").await;
    let reply = send(&gateway, &tab, "/console/people", &[("name", "bob-user")]).await;
    let bob = "/console/people/bob-user";
    assert_eq!(location(&reply), format!("{bob}?done=made"));
    let reply = send(&gateway, &tab, bob, &[("step", "grant"), ("role", "user")]).await;
    assert_eq!(location(&reply), format!("{bob}?done=grant"));
    let reply = send(
        &gateway,
        &tab,
        bob,
        &[("step", "grant"), ("role", "privacy_officer")],
    )
    .await;
    assert_eq!(reply.status, 403, "{}", reply.text());
    let invited = send(&gateway, &tab, bob, &[("step", "invite")]).await;
    let code = shown(&invited.text(), "prvi_");
    let fields = [
        ("code", code.as_str()),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ];
    let reply = super::post(&gateway, "/console/invite", &fields).send().await;
    assert_eq!(location(&reply), "/console/sign-in?done=invite");
    group(&gateway, "lab", &["developer"], &[]).await;
    let lab = "/console/groups/lab";
    let reply = send(&gateway, &tab, lab, &[("step", "add"), ("member", "bob-user")]).await;
    assert_eq!(location(&reply), format!("{lab}?done=add"));
    let page = tab.get(&gateway, bob).await.text();
    assert!(
        page.contains("/console/groups/lab") && page.contains("developer"),
        "{page}"
    );
    let unsure = send(&gateway, &tab, bob, &[("step", "off")]).await;
    assert_eq!(unsure.status, 400, "{}", unsure.text());
    let reply = send(&gateway, &tab, bob, &[("step", "off"), ("sure", "yes")]).await;
    assert_eq!(location(&reply), format!("{bob}?done=off"));
    assert!(tab.get(&gateway, bob).await.text().contains("switched off"));
    let own = "/console/people/ann-admin";
    let reply = send(&gateway, &tab, own, &[("step", "off"), ("sure", "yes")]).await;
    assert_eq!(reply.status, 409, "{}", reply.text());
    let roles = tab.get(&gateway, "/console/roles").await.text();
    assert!(
        roles.contains("vault.erase") && roles.contains("privacy_officer"),
        "{roles}"
    );
    assert!(
        tab.get(&gateway, "/console/review")
            .await
            .text()
            .contains("bob-user")
    );
    assert_eq!(tab.get(&gateway, "/console/people/nobody").await.status, 404);
}

#[tokio::test]
async fn a_change_asks_for_a_fresh_proof_and_goes_on_where_it_was() {
    let gateway = house().policy(BY_PASSWORD).start().await;
    let tab = signed_in(&gateway, "ann-admin", "admin").await;
    made(&gateway, "default", "bob", PrincipalKind::User, &[]).await;
    gateway.clock().advance(Duration::from_secs(11 * 60));
    let bob = "/console/people/bob";
    let grant = [("step", "grant"), ("role", "user")];
    let reply = send(&gateway, &tab, bob, &grant).await;
    let proof = location(&reply);
    assert!(proof.starts_with("/console/proof?next="), "{proof}");
    let token = tab.token(&gateway, proof).await;
    let page = tab.get(&gateway, proof).await.text();
    assert!(
        page.contains("name=\"next\" value=\"/console/people/bob\""),
        "{page}"
    );
    let fields = [
        ("csrf_token", token.as_str()),
        ("next", bob),
        ("password", "wrong horse battery"),
    ];
    let wrong = tab.post(&gateway, "/console/proof", &fields).send().await;
    assert_eq!(wrong.status, 403, "{}", wrong.text());
    let fields = [
        ("csrf_token", token.as_str()),
        ("next", bob),
        ("password", PASSWORD),
    ];
    let proved = tab.post(&gateway, "/console/proof", &fields).send().await;
    assert_eq!(location(&proved), bob);
    let tab = Tab::of(&proved);
    let reply = send(&gateway, &tab, bob, &grant).await;
    assert_eq!(location(&reply), format!("{bob}?done=grant"));
    let forged = tab.post(&gateway, bob, &grant).send().await;
    assert_eq!(forged.status, 403, "{}", forged.text());
}
