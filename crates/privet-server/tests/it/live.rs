//! Another policy while the gateway runs.

use privet_testkit::TestGateway;
use privet_types::Action;

use crate::support::{CARD, CHAT, EMAIL, assert_refused, chat, said, tag};

const BLOCKS: &str = "[pii.entities]\nEMAIL_ADDRESS = \"block\"\n";

async fn ask(gateway: &TestGateway, text: &str) -> privet_testkit::Reply {
    gateway.post(CHAT, chat("demo-echo", text)).send().await
}

#[tokio::test]
async fn what_begins_after_a_change_is_decided_by_the_new_policy_and_the_log_tells_of_it() {
    let gateway = TestGateway::builder().start().await;
    assert!(said(&ask(&gateway, EMAIL).await).contains(EMAIL));
    let first = tag(&gateway.seen()[0].body);
    assert!(gateway.change_policy(BLOCKS, None).await.unwrap());
    assert_refused(&ask(&gateway, EMAIL).await, CHAT, 400, "entity_blocked");
    assert_eq!(gateway.seen().len(), 1);
    // Other things go on as they did.
    assert_eq!(ask(&gateway, CARD).await.status, 200);
    assert!(gateway.change_policy("", None).await.unwrap());
    assert_eq!(ask(&gateway, EMAIL).await.status, 200);
    // The same value is called the same: surrogates belong to no policy.
    assert_eq!(tag(&gateway.seen()[2].body), first);
    assert!(!gateway.change_policy("", None).await.unwrap(), "it is the same");
    let rows = gateway.stop().await.home.audit().await;
    let decided: Vec<_> = rows.iter().map(|row| row.event.decision.action).collect();
    assert_eq!(
        decided,
        [Action::Redact, Action::Block, Action::Redact, Action::Redact]
    );
    let versions: Vec<_> = rows.iter().map(|row| row.event.policy.as_str()).collect();
    assert_eq!(versions[1], versions[2]);
    assert_eq!(versions[0], versions[3]);
    assert_ne!(versions[0], versions[1]);
}

#[tokio::test]
async fn a_change_is_a_leaf_of_its_own_with_both_versions() {
    let gateway = TestGateway::builder().start().await;
    let before = ask(&gateway, EMAIL).await;
    assert_eq!(before.status, 200);
    gateway.change_policy(BLOCKS, None).await.unwrap();
    ask(&gateway, EMAIL).await;
    let node = gateway.node().to_owned();
    let home = gateway.stop().await.home;
    let leaves = home.leaves("policy_changed").await;
    let [leaf] = leaves.as_slice() else {
        panic!("{leaves:?}")
    };
    let rows = home.audit().await;
    assert_eq!(leaf["from"], rows[0].event.policy.as_str());
    assert_eq!(leaf["to"], rows[1].event.policy.as_str());
    assert_eq!(leaf["node"], node.as_str());
}

#[tokio::test]
async fn what_a_running_gateway_cannot_follow_is_refused_and_nothing_changes() {
    let gateway = TestGateway::builder().start().await;
    for (policy, table) in [
        ("[audit]\ndurability = \"loss-window\"\n", "audit"),
        ("[archive]\ncontent = \"masked\"\n", "archive"),
    ] {
        let policy = format!("{policy}{BLOCKS}");
        let error = gateway
            .change_policy(&policy, None)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&format!("[{table}]")) && error.contains("restart"),
            "{error}"
        );
        assert_eq!(ask(&gateway, EMAIL).await.status, 200);
    }
    // Limits of cost without prices.
    let policy = "[[limits.rules]]\nwindow = \"day\"\nname = \"mine\"\ncost = 1.0\n";
    let refused = gateway.change_policy(policy, None).await;
    assert!(refused.is_err());
    assert_eq!(ask(&gateway, EMAIL).await.status, 200);
}

#[tokio::test]
async fn policies_about_who_may_do_what_change_too_and_answers_are_not_remembered_across() {
    let gateway = TestGateway::builder().start().await;
    assert_eq!(ask(&gateway, EMAIL).await.status, 200);
    let forbids = r#"@id("no") forbid (principal, action == Privet::Action::"prompt", resource);"#;
    assert!(gateway.change_policy("", Some(forbids)).await.unwrap());
    assert_refused(&ask(&gateway, EMAIL).await, CHAT, 403, "not_permitted");
    assert!(gateway.change_policy("", None).await.unwrap());
    assert_eq!(ask(&gateway, EMAIL).await.status, 200);
}

#[tokio::test]
async fn what_was_used_of_a_limit_counts_on_under_another_policy() {
    let two = "[[limits.rules]]\nname = \"few\"\nwindow = \"month\"\nrequests = 2\n";
    let gateway = TestGateway::builder().policy(two).start().await;
    assert_eq!(ask(&gateway, EMAIL).await.status, 200);
    let with_block = format!("{two}{BLOCKS}");
    gateway.change_policy(&with_block, None).await.unwrap();
    assert_eq!(ask(&gateway, CARD).await.status, 200);
    assert_eq!(ask(&gateway, CARD).await.status, 429);
}
