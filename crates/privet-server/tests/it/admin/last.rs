use privet_testkit::TestGateway;
use privet_types::PrincipalKind;
use serde_json::{Value, json};

use super::{admin_key, assert_problem, by_key, group, made};
use crate::vault::pairs;

const ANN: &str = "/api/v1/people/ann-admin";
const BEA: &str = "/api/v1/people/bea-admin";

async fn administrators(gateway: &TestGateway) -> usize {
    let people = gateway.store().load_people().await.unwrap();
    let all = ["ann-admin", "bea-admin"];
    let is_on = |name: &&str| {
        let known = people
            .principals
            .iter()
            .find(|p| p.name.as_str() == *name)
            .unwrap();
        let has_role = people.grants.iter().any(|grant| {
            grant.role.as_str() == "admin"
                && grant.holder == privet_access::Holder::Principal(known.name.clone())
        });
        known.disabled_at.is_none() && has_role
    };
    all.iter().filter(|name| is_on(name)).count()
}

#[tokio::test]
async fn the_last_administrator_can_neither_be_switched_off_nor_lose_what_makes_one() {
    let gateway = TestGateway::builder().start().await;
    made(&gateway, "default", "ann-admin", PrincipalKind::User, &["admin"]).await;
    made(&gateway, "default", "bob", PrincipalKind::User, &["user"]).await;
    // A program is none: nobody signs in as one.
    made(&gateway, "default", "robot", PrincipalKind::Service, &["admin"]).await;
    let key = admin_key(&gateway, "default", "ann-admin").await;
    let robot = admin_key(&gateway, "default", "robot").await;
    let send = async |key: &str, method: &str, path: &str, body: Value| {
        by_key(&gateway, key, method, path, &body).send().await
    };
    let off = json!({ "disabled": true });
    for by in [&key, &robot] {
        let reply = send(by, "PATCH", ANN, off.clone()).await;
        assert_problem(&reply, 409, "last_administrator");
        let reply = send(by, "DELETE", &format!("{ANN}/roles/admin"), Value::Null).await;
        assert_problem(&reply, 409, "last_administrator");
    }
    // One by a group.
    group(&gateway, "admins", &["admin"], &["bob"]).await;
    let reply = send(&key, "DELETE", &format!("{ANN}/roles/admin"), Value::Null).await;
    assert_eq!(reply.status, 204, "{}", reply.text());
    for (method, path) in [
        ("DELETE", "/api/v1/groups/admins/members/bob"),
        ("DELETE", "/api/v1/groups/admins/roles/admin"),
    ] {
        assert_problem(
            &send(&robot, method, path, Value::Null).await,
            409,
            "last_administrator",
        );
    }
    let reply = send(&robot, "PATCH", "/api/v1/people/bob", off).await;
    assert_problem(&reply, 409, "last_administrator");
}

#[tokio::test]
pub(crate) async fn of_two_administrators_who_switch_each_other_off_on_two_nodes_one_stays() {
    for (house, twin) in pairs().await {
        let gateway = &house.gateway;
        for name in ["ann-admin", "bea-admin"] {
            made(gateway, "default", name, PrincipalKind::User, &["admin"]).await;
        }
        let ann = admin_key(gateway, "default", "ann-admin").await;
        let bea = admin_key(gateway, "default", "bea-admin").await;
        for round in 0..12 {
            let (method, body, tail) = if round % 2 == 0 {
                ("PATCH", json!({ "disabled": true }), "")
            } else {
                ("DELETE", Value::Null, "/roles/admin")
            };
            let (to_bea, to_ann) = (format!("{BEA}{tail}"), format!("{ANN}{tail}"));
            let both = tokio::join!(
                by_key(gateway, &ann, method, &to_bea, &body).send(),
                by_key(&twin, &bea, method, &to_ann, &body).send(),
            );
            let won = [&both.0, &both.1]
                .into_iter()
                .filter(|reply| reply.status < 300)
                .count();
            assert_eq!(won, 1, "{round}: {} {}", both.0.text(), both.1.text());
            assert_eq!(administrators(gateway).await, 1, "{round}");
            for name in ["ann-admin", "bea-admin"] {
                let people = gateway.people("default");
                let principal = name.parse().unwrap();
                people
                    .switch(&principal, PrincipalKind::User, true)
                    .await
                    .unwrap();
                let holder = privet_access::Holder::Principal(principal);
                people
                    .set_role(&holder, &"admin".parse().unwrap(), true)
                    .await
                    .unwrap();
            }
            // Both nodes know of it before the next round.
            for (node, key) in [(gateway, &ann), (&twin, &bea)] {
                while by_key(node, key, "GET", ANN, &Value::Null).send().await.status != 200 {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
            }
        }
        drop(twin);
        house.end().await;
    }
}

#[tokio::test]
pub(crate) async fn changes_at_once_are_decided_one_behind_the_other_and_none_is_lost() {
    let gateway = TestGateway::builder().start().await;
    made(&gateway, "default", "ann-admin", PrincipalKind::User, &["admin"]).await;
    let key = admin_key(&gateway, "default", "ann-admin").await;
    let names: Vec<String> = (0..8).map(|number| format!("p{number}")).collect();
    let bodies: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
    let asks = bodies
        .iter()
        .map(|body| by_key(&gateway, &key, "POST", "/api/v1/people", body).send());
    let tasks: Vec<_> = asks.map(tokio::spawn).collect();
    for task in tasks {
        let reply = task.await.unwrap();
        assert!(reply.status == 201 || reply.status == 503, "{}", reply.text());
    }
    let again = by_key(&gateway, &key, "POST", "/api/v1/people", &bodies[0])
        .send()
        .await;
    assert_problem(&again, 409, "exists");
}
