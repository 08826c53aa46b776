//! Nobody gives away, or takes, more than the policies let them.

use privet_testkit::{Reply, TestGateway};
use privet_types::{KeyScope, KeyScopes, PrincipalKind};
use serde_json::{Value, json};

use super::{administrator, assert_problem, by_key, group, made};
use crate::sign_in::{Browser, enrolled, house, person, sign_in};

struct Desk {
    gateway: TestGateway,
    admin: Browser,
}

impl Desk {
    /// An administrator, a user, a privacy officer and a group of such.
    async fn new(cedar: &str) -> Self {
        let gateway = house().cedar(cedar).start().await;
        let admin = administrator(&gateway, "ann-admin").await;
        made(&gateway, "default", "bob", PrincipalKind::User, &["user"]).await;
        made(
            &gateway,
            "default",
            "olga",
            PrincipalKind::User,
            &["privacy_officer"],
        )
        .await;
        group(&gateway, "officers", &["privacy_officer"], &[]).await;
        group(&gateway, "empty", &[], &[]).await;
        Self { gateway, admin }
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> Reply {
        let path = format!("/api/v1/{path}");
        if body.is_null() {
            return self.admin.ask(&self.gateway, method, &path).send().await;
        }
        self.admin.send(&self.gateway, method, &path, &body).await
    }

    async fn refuses(&self, method: &str, path: &str, body: Value, code: &str) {
        let reply = self.send(method, path, body).await;
        assert_eq!(reply.status, 403, "{method} {path}: {}", reply.text());
        assert_problem(&reply, 403, code);
    }

    async fn does(&self, method: &str, path: &str, body: Value) {
        let reply = self.send(method, path, body).await;
        assert!(reply.status < 300, "{method} {path}: {}", reply.text());
    }
}

#[tokio::test]
async fn roles_and_groups_give_no_more_than_may_be_handed_on_and_nothing_to_oneself() {
    let desk = Desk::new("").await;
    for role in ["user", "developer", "admin"] {
        desk.does("PUT", &format!("people/bob/roles/{role}"), Value::Null)
            .await;
        desk.does("PUT", &format!("people/bob/roles/{role}"), Value::Null)
            .await;
    }
    for role in ["privacy_officer", "security", "auditor"] {
        desk.refuses(
            "PUT",
            &format!("people/bob/roles/{role}"),
            Value::Null,
            "cannot_delegate",
        )
        .await;
        desk.refuses(
            "PUT",
            &format!("groups/empty/roles/{role}"),
            Value::Null,
            "cannot_delegate",
        )
        .await;
    }
    desk.refuses(
        "PUT",
        "groups/officers/members/bob",
        Value::Null,
        "cannot_delegate",
    )
    .await;
    desk.refuses(
        "PUT",
        "people/ann-admin/roles/user",
        Value::Null,
        "own_privileges",
    )
    .await;
    desk.does("PUT", "groups/empty/roles/user", Value::Null).await;
    desk.refuses(
        "PUT",
        "groups/empty/members/ann-admin",
        Value::Null,
        "own_privileges",
    )
    .await;
    desk.does("PUT", "groups/empty/members/bob", Value::Null).await;
    // A group that the administrator is in gives it nothing either.
    group(&desk.gateway, "crew", &[], &["ann-admin"]).await;
    desk.refuses(
        "PUT",
        "groups/crew/roles/developer",
        Value::Null,
        "own_privileges",
    )
    .await;
    let reply = desk.send("PUT", "people/bob/roles/wizard", Value::Null).await;
    assert_problem(&reply, 404, "not_found");
    let reply = desk.send("PUT", "people/bob/roles/service", Value::Null).await;
    assert_problem(&reply, 422, "bad_field");
    // What takes something away is no question of handing on.
    desk.does("DELETE", "people/olga/roles/privacy_officer", Value::Null)
        .await;
    desk.does("DELETE", "groups/officers/roles/privacy_officer", Value::Null)
        .await;
}

#[tokio::test]
async fn nobody_comes_in_as_somebody_who_may_more() {
    let desk = Desk::new("").await;
    for action in ["invite", "factors/reset"] {
        desk.refuses(
            "POST",
            &format!("people/olga/{action}"),
            Value::Null,
            "cannot_delegate",
        )
        .await;
        desk.refuses(
            "POST",
            &format!("people/ann-admin/{action}"),
            Value::Null,
            "own_account",
        )
        .await;
        desk.does("POST", &format!("people/bob/{action}"), Value::Null)
            .await;
    }
    desk.refuses(
        "POST",
        "people/ann-admin/password/reset",
        Value::Null,
        "own_account",
    )
    .await;
    desk.does("POST", "people/olga/password/reset", Value::Null).await;
    desk.does("POST", "people/olga/unlock", Value::Null).await;
    desk.does("DELETE", "people/olga/sessions", Value::Null).await;
    desk.does("PATCH", "people/olga", json!({ "disabled": true }))
        .await;
    desk.refuses(
        "PATCH",
        "people/olga",
        json!({ "disabled": false }),
        "cannot_delegate",
    )
    .await;
    desk.does("PATCH", "people/bob", json!({ "disabled": true }))
        .await;
    desk.does("PATCH", "people/bob", json!({ "disabled": false }))
        .await;
}

#[tokio::test]
async fn a_key_is_good_for_no_more_than_may_be_handed_on_whoever_has_it() {
    let desk = Desk::new("").await;
    let key = |name: &str, scopes: &[&str]| json!({ "name": name, "scopes": scopes });
    for scope in KeyScope::ALL.map(KeyScope::name) {
        let is_fine = matches!(
            scope,
            "gateway" | "metrics" | "key.read" | "key.manage" | "people.read" | "people.manage"
        );
        for name in ["bob", "olga", "ann-admin"] {
            let reply = desk.send("POST", "keys", key(name, &[scope])).await;
            if is_fine {
                assert_eq!(reply.status, 201, "{scope} {}", reply.text());
            } else {
                assert_problem(&reply, 403, "cannot_delegate");
            }
        }
    }
    desk.refuses(
        "POST",
        "keys",
        key("bob", &["gateway", "vault.read"]),
        "cannot_delegate",
    )
    .await;
    // Nor by taking the place of one that is good for more.
    let strong = desk.gateway.key_for("default", "olga", KeyScopes::all()).await;
    let keys = privet_access::list_keys(desk.gateway.store()).await.unwrap();
    let id = &keys.iter().find(|key| key.scopes == KeyScopes::all()).unwrap().id;
    let rotate = format!("keys/{id}/rotate");
    desk.refuses("POST", &rotate, json!({ "grace": "1h" }), "cannot_delegate")
        .await;
    desk.does("DELETE", &format!("keys/{id}"), Value::Null).await;
    let ask = desk.gateway.ask("GET", "/v1/models").header("x-api-key", &strong);
    assert_eq!(ask.send().await.status, 403);
}

#[tokio::test]
async fn a_key_hands_on_nothing_that_it_is_not_good_for_itself() {
    let gateway = TestGateway::builder().start().await;
    made(&gateway, "default", "robot", PrincipalKind::Service, &["admin"]).await;
    made(&gateway, "default", "bob", PrincipalKind::User, &[]).await;
    let of = async |scopes: &[KeyScope]| {
        let scopes = KeyScopes::of(scopes);
        gateway.key_for("default", "robot", scopes).await
    };
    let keys_alone = of(&[KeyScope::KeyManage]).await;
    let people_alone = of(&[KeyScope::PeopleManage]).await;
    let with_gateway = of(&[KeyScope::KeyManage, KeyScope::PeopleManage, KeyScope::Gateway]).await;
    let send = async |key: &str, method: &str, path: &str, body: Value| {
        by_key(&gateway, key, method, path, &body).send().await
    };
    for scope in ["gateway", "people.manage", "metrics"] {
        let body = json!({ "name": "robot", "scopes": [scope] });
        let reply = send(&keys_alone, "POST", "/api/v1/keys", body).await;
        assert_problem(&reply, 403, "cannot_delegate");
    }
    let user = "/api/v1/people/bob/roles/user";
    assert_problem(
        &send(&people_alone, "PUT", user, Value::Null).await,
        403,
        "cannot_delegate",
    );
    assert_eq!(send(&with_gateway, "PUT", user, Value::Null).await.status, 204);
    for role in ["developer", "admin"] {
        let path = format!("/api/v1/people/bob/roles/{role}");
        let reply = send(&with_gateway, "PUT", &path, Value::Null).await;
        assert_problem(&reply, 403, "cannot_delegate");
    }
    let body = json!({ "name": "robot", "scopes": ["gateway"] });
    assert_eq!(
        send(&with_gateway, "POST", "/api/v1/keys", body.clone())
            .await
            .status,
        201
    );
    let reply = send(&people_alone, "POST", "/api/v1/keys", body).await;
    assert_problem(&reply, 403, "key_out_of_scope");
}

#[tokio::test]
async fn a_service_account_gains_by_a_role_what_its_keys_are_good_for() {
    let desk = Desk::new("").await;
    for name in ["crm", "etl"] {
        desk.does("POST", "services", json!({ "name": name })).await;
    }
    desk.gateway
        .key_for("default", "etl", KeyScopes::of(&[KeyScope::VaultRead]))
        .await;
    desk.does("PUT", "services/crm/roles/service", Value::Null).await;
    desk.refuses(
        "PUT",
        "services/etl/roles/service",
        Value::Null,
        "cannot_delegate",
    )
    .await;
    desk.refuses(
        "POST",
        "keys",
        json!({ "name": "crm", "scopes": ["vault.read"] }),
        "cannot_delegate",
    )
    .await;
    desk.does("POST", "keys", json!({ "name": "crm", "scopes": ["gateway"] }))
        .await;
}

#[tokio::test]
async fn a_policy_of_ones_own_says_what_is_handed_on_and_its_conditions_are_no_way_around() {
    let desk = Desk::new(
        r#"
        permit (principal in Privet::Role::"admin", action == Privet::Action::"delegate",
            resource == Privet::Privilege::"vault.audit");
        forbid (principal, action == Privet::Action::"delegate", resource == Privet::Privilege::"metrics.read");
        permit (principal, action == Privet::Action::"vault.erase", resource)
        when { principal in Privet::Group::"default/empty" };
        forbid (principal in Privet::Group::"default/locked", action == Privet::Action::"vault.bulk", resource);
        permit (principal == Privet::User::"default/zoe", action == Privet::Action::"vault.bulk", resource);
        "#,
    )
    .await;
    desk.does(
        "POST",
        "keys",
        json!({ "name": "bob", "scopes": ["vault.audit"] }),
    )
    .await;
    desk.refuses(
        "POST",
        "keys",
        json!({ "name": "bob", "scopes": ["metrics"] }),
        "cannot_delegate",
    )
    .await;
    desk.refuses("PUT", "people/bob/roles/admin", Value::Null, "cannot_delegate")
        .await;
    // What a group gives by a condition of a policy.
    desk.refuses("PUT", "groups/empty/members/bob", Value::Null, "cannot_delegate")
        .await;
    // What leaving a group gives, since a policy forbids it to all in it.
    made(&desk.gateway, "default", "zoe", PrincipalKind::User, &[]).await;
    group(&desk.gateway, "locked", &[], &["zoe"]).await;
    desk.refuses(
        "DELETE",
        "groups/locked/members/zoe",
        Value::Null,
        "cannot_delegate",
    )
    .await;
    // What a name gives.
    desk.refuses("POST", "people/zoe/invite", Value::Null, "cannot_delegate")
        .await;
}

#[tokio::test]
async fn another_tenants_keys_and_people_are_as_if_they_were_not_there() {
    let gateway = TestGateway::builder().start().await;
    made(&gateway, "acme", "spy", PrincipalKind::User, &["admin"]).await;
    made(&gateway, "default", "bob", PrincipalKind::User, &["user"]).await;
    made(&gateway, "default", "crm", PrincipalKind::Service, &["user"]).await;
    group(&gateway, "lab", &["user"], &["bob"]).await;
    let theirs = gateway.new_key("bob", None).await;
    let spy = gateway.key_for("acme", "spy", KeyScopes::all()).await;
    let send = async |method: &str, path: &str, body: Value| {
        by_key(&gateway, &spy, method, path, &body).send().await
    };
    for path in ["people", "services", "groups", "keys", "access_review"] {
        let reply = send("GET", &format!("/api/v1/{path}"), Value::Null).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        for name in ["bob", "crm", "lab", &theirs.record.id, "default"] {
            assert!(!reply.text().contains(&format!("\"{name}\"")), "{path} {name}");
        }
    }
    let id = &theirs.record.id;
    let off = json!({ "disabled": true });
    for (method, path, body) in [
        ("GET", format!("keys/{id}"), Value::Null),
        ("DELETE", format!("keys/{id}"), Value::Null),
        ("POST", format!("keys/{id}/rotate"), json!({ "grace": "1h" })),
        (
            "POST",
            "keys".to_owned(),
            json!({ "name": "bob", "scopes": ["gateway"] }),
        ),
        ("GET", "people/bob".to_owned(), Value::Null),
        ("PATCH", "people/bob".to_owned(), off.clone()),
        ("POST", "people/bob/unlock".to_owned(), Value::Null),
        ("POST", "people/bob/password/reset".to_owned(), Value::Null),
        ("POST", "people/bob/factors/reset".to_owned(), Value::Null),
        ("DELETE", "people/bob/sessions".to_owned(), Value::Null),
        ("PUT", "people/bob/roles/user".to_owned(), Value::Null),
        ("DELETE", "people/bob/roles/user".to_owned(), Value::Null),
        ("GET", "services/crm".to_owned(), Value::Null),
        ("PATCH", "services/crm".to_owned(), off),
        ("PUT", "services/crm/roles/user".to_owned(), Value::Null),
        ("GET", "groups/lab".to_owned(), Value::Null),
        ("PUT", "groups/lab/members/spy".to_owned(), Value::Null),
        ("DELETE", "groups/lab/members/bob".to_owned(), Value::Null),
        ("PUT", "groups/lab/roles/user".to_owned(), Value::Null),
    ] {
        let reply = send(method, &format!("/api/v1/{path}"), body).await;
        assert_eq!(reply.status, 404, "{method} {path}: {}", reply.text());
    }
    let ask = gateway
        .ask("GET", "/v1/models")
        .header("x-api-key", theirs.key.expose());
    assert_eq!(ask.send().await.status, 200);
}

#[tokio::test]
async fn a_session_needs_a_fresh_proof_and_privets_own_page_and_a_role() {
    let desk = Desk::new("").await;
    let gateway = &desk.gateway;
    let key = json!({ "name": "bob", "scopes": ["gateway"] });
    let good = || {
        desk.admin
            .ask(gateway, "POST", "/api/v1/keys")
            .body(key.to_string())
    };
    let forged = [
        good().without("x-privet-csrf"),
        good().without("origin").header("origin", "https://evil.example"),
        good().without("origin").without("sec-fetch-site"),
    ];
    for ask in forged {
        assert_problem(&ask.send().await, 403, "cross_site");
    }
    assert_eq!(good().send().await.status, 201);
    gateway.clock().advance(std::time::Duration::from_secs(11 * 60));
    for (method, path, body) in [
        ("POST", "keys", key.clone()),
        ("PUT", "people/bob/roles/developer", Value::Null),
        ("PATCH", "people/bob", json!({ "disabled": true })),
        ("POST", "people/bob/invite", Value::Null),
        ("POST", "people/bob/unlock", Value::Null),
        ("POST", "people/bob/factors/reset", Value::Null),
        ("PUT", "groups/empty/members/bob", Value::Null),
    ] {
        desk.refuses(method, path, body, "proof_needed").await;
    }
    for (method, path) in [
        ("GET", "people"),
        ("GET", "keys"),
        ("GET", "roles"),
        ("DELETE", "people/bob/sessions"),
    ] {
        desk.does(method, path, Value::Null).await;
    }
    // Who has no such role may do none of it, however it came in.
    enrolled(gateway, "eve-user", "user").await;
    let eve = sign_in(gateway, "eve-user").await;
    for (method, path) in [
        ("GET", "/api/v1/people"),
        ("GET", "/api/v1/keys"),
        ("POST", "/api/v1/people"),
    ] {
        let reply = eve.ask(gateway, method, path).body("{}").send().await;
        assert_problem(&reply, 403, "not_permitted");
    }
    // An administrator without a second factor may do nothing either.
    person(gateway, "new-admin", "admin").await;
    let nobody = gateway.ask("GET", "/api/v1/people").send().await;
    assert_problem(&nobody, 401, "invalid_api_key");
}

#[tokio::test]
async fn an_address_that_is_written_another_way_is_another_address() {
    let desk = Desk::new("").await;
    for (path, status) in [
        ("people/bob", 200),
        ("people/b%6Fb", 200),
        ("people/BOB", 404),
        ("people/bob/", 404),
        ("people//bob", 404),
        ("people/bob%2Froles%2Fuser", 404),
        ("people/..%2Fkeys", 404),
        ("people/../keys", 404),
        ("people/%2e%2e/keys", 404),
        ("people/./bob", 404),
        ("people/bob;a=b", 404),
        ("people/bob%00", 404),
        ("people/bob%ff", 404),
        ("PEOPLE/bob", 404),
        ("people/olga%20", 404),
    ] {
        let reply = desk.send("GET", path, Value::Null).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
    }
    for method in ["HEAD", "OPTIONS", "PUT", "get"] {
        let reply = desk
            .admin
            .ask(&desk.gateway, method, "/api/v1/people")
            .header("x-http-method-override", "GET");
        assert_eq!(reply.send().await.status, 405, "{method}");
    }
    let doubled = desk
        .admin
        .ask(&desk.gateway, "GET", "/api/v1/people")
        .header("x-original-url", "/api/v1/keys")
        .header("x-rewrite-url", "/healthz");
    assert!(doubled.send().await.json()["rows"].is_array());
}
