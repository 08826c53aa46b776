//! Keys, people, groups and roles over HTTP: what is done, and what others try.

mod bounds;
pub(crate) mod keys;
pub(crate) mod last;
mod people;

use privet_access::Holder;
use privet_testkit::{Ask, Reply, TestGateway};
use privet_types::{KeyScope, KeyScopes, PrincipalKind};
use serde_json::Value;

use crate::sign_in::{Browser, add_totp, enrolled, sign_in};

/// Makes a principal with roles, as the operator does.
pub(crate) async fn made(
    gateway: &TestGateway,
    tenant: &str,
    name: &str,
    kind: PrincipalKind,
    roles: &[&str],
) {
    let people = gateway.people(tenant);
    people.create(&name.parse().unwrap(), kind).await.unwrap();
    for role in roles {
        let holder = Holder::Principal(name.parse().unwrap());
        people
            .set_role(&holder, &role.parse().unwrap(), true)
            .await
            .unwrap();
    }
}

/// Makes a group with roles and members, as the operator does.
pub(crate) async fn group(gateway: &TestGateway, name: &str, roles: &[&str], members: &[&str]) {
    let people = gateway.people("default");
    let group = name.parse().unwrap();
    people.create_group(&group).await.unwrap();
    for role in roles {
        let holder = Holder::Group(group.clone());
        people
            .set_role(&holder, &role.parse().unwrap(), true)
            .await
            .unwrap();
    }
    for member in members {
        people
            .set_member(&group, &member.parse().unwrap(), true)
            .await
            .unwrap();
    }
}

/// A person with the role `admin`, signed in with two factors.
pub(crate) async fn administrator(gateway: &TestGateway, name: &str) -> Browser {
    enrolled(gateway, name, "admin").await;
    let browser = sign_in(gateway, name).await;
    add_totp(gateway, &browser).await.2
}

/// A key for all that administration asks of keys.
pub(crate) async fn admin_key(gateway: &TestGateway, tenant: &str, name: &str) -> String {
    let scopes = [
        KeyScope::KeyRead,
        KeyScope::KeyManage,
        KeyScope::PeopleRead,
        KeyScope::PeopleManage,
    ];
    gateway.key_for(tenant, name, KeyScopes::of(&scopes)).await
}

/// A request by a key.
pub(crate) fn by_key(gateway: &TestGateway, key: &str, method: &str, path: &str, body: &Value) -> Ask {
    let ask = gateway
        .ask(method, path)
        .header("authorization", &format!("Bearer {key}"));
    if body.is_null() {
        return ask;
    }
    ask.header("content-type", "application/json")
        .body(body.to_string())
}

pub(crate) fn assert_problem(reply: &Reply, status: u16, code: &str) {
    assert_eq!(reply.status, status, "{}", reply.text());
    let body = reply.json();
    assert_eq!(body["code"], code, "{body}");
    assert_eq!(body["status"], status, "{body}");
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    assert!(body["detail"].as_str().unwrap().len() > 10, "{body}");
}
