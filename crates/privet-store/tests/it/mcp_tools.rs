//! Tools that are pinned as they were first seen.

use jiff::Timestamp;
use privet_types::TenantId;

use crate::support::House;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn tools(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(tool, hash): &(&str, &str)| ((*tool).to_owned(), (*hash).to_owned());
    pairs.iter().map(owned).collect()
}

#[tokio::test]
async fn a_tool_that_changes_is_told_from_its_pin_until_it_is_accepted() {
    for house in House::each().await {
        let store = &house.store;
        let acme: TenantId = "acme".parse().unwrap();
        let see =
            |pairs: &[(&str, &str)], second| store.see_mcp_tools(&acme, "crm", tools(pairs), at(second));
        let first = see(&[("find", "h1"), ("send", "h2")], 0).await.unwrap();
        assert!(first.iter().all(|tool| !tool.is_changed()), "{first:?}");
        let changed = see(&[("find", "h9")], 5).await.unwrap();
        let is_changed: Vec<_> = changed
            .iter()
            .map(|t| (t.tool.as_str(), t.is_changed()))
            .collect();
        assert_eq!(is_changed, [("find", true), ("send", false)]);
        let again = see(&[("find", "h9")], 8).await.unwrap();
        assert_eq!(again[0].changed_at, Some(at(5)), "told once");
        let back = see(&[("find", "h1")], 9).await.unwrap();
        assert!(!back[0].is_changed() && back[0].changed_at.is_none());
        see(&[("find", "h9")], 10).await.unwrap();
        let other = store
            .list_mcp_tools(&"other".parse().unwrap(), None)
            .await
            .unwrap();
        assert_eq!(other, []);
        assert_eq!(
            store
                .accept_mcp_tools(&acme, "crm", Some("send"), at(11))
                .await
                .unwrap(),
            0
        );
        assert_eq!(
            store.accept_mcp_tools(&acme, "crm", None, at(12)).await.unwrap(),
            1
        );
        let now = store.list_mcp_tools(&acme, Some("crm")).await.unwrap();
        assert!(now.iter().all(|tool| !tool.is_changed()));
        assert_eq!((now[0].pinned.as_str(), now[0].pinned_at), ("h9", at(12)));
    }
}
