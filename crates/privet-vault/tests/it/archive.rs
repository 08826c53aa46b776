//! The archive of conversations, and the maps of stateful calls.

use std::sync::Arc;
use std::time::Duration;

use privet_store::values;
use privet_types::Secret;
use privet_vault::{
    ArchiveConfig, ArchiveQuery, ErasureReason, Error, Ground, Hold, NewConversation, NewReplyMap, Retention,
    STORE_TARGETS, SubjectRef,
};
use serde_json::{Value, json};

use crate::support::{House, ann, eve, is_absent, is_damaged, on_both_databases, record};

on_both_databases! {
    conversations_are_found_by_text_by_word_and_by_subject
    the_export_goes_page_by_page_as_json_lines
    a_page_ends_before_it_is_too_large
    calls_of_one_conversation_are_found_together
    a_day_that_is_over_goes_with_its_key
    a_legal_hold_keeps_conversations
    who_is_erased_takes_conversations_and_maps_along
    another_tenant_finds_nothing
    a_conversation_given_to_another_surface_does_not_open
    a_map_is_read_until_it_ends
}

const ORDINARY: Ground = Ground::Ordinary;

#[test]
fn nothing_is_archived_unless_it_is_switched_on() {
    let config = ArchiveConfig::default();
    assert!(!config.is_on && !config.has_word_index);
}

fn conversation(subject: Option<&SubjectRef>, prompt: &str) -> NewConversation {
    NewConversation {
        subject: subject.cloned(),
        surface: "openai-chat".to_owned(),
        purpose: Some("support".to_owned()),
        model: "model-1".to_owned(),
        conversation: Some("c-1".to_owned()),
        prompt: Secret::new(prompt.to_owned()),
        reply: Secret::new("as you wish".to_owned()),
        is_whole: true,
    }
}

async fn archive(house: &House, subject: Option<&SubjectRef>, prompt: &str) -> String {
    let new = conversation(subject, prompt);
    house
        .vault
        .archive(&ann(), &new, ORDINARY)
        .await
        .unwrap()
        .unwrap()
}

fn all() -> ArchiveQuery {
    let today = 1_800_000_000 / 86_400;
    ArchiveQuery {
        from_day: today,
        to_day: today + 30,
        limit: 100,
        ..ArchiveQuery::default()
    }
}

async fn found(house: &House, query: &ArchiveQuery) -> Vec<String> {
    let page = house
        .vault
        .search_archive(&ann(), query, ORDINARY)
        .await
        .unwrap()
        .value;
    let mut prompts: Vec<_> = page.conversations.into_iter().map(|one| one.prompt).collect();
    prompts.sort();
    prompts
}

async fn conversations_are_found_by_text_by_word_and_by_subject(house: &House) {
    let who = house.subject(json!({"login": "ada"})).await;
    archive(house, Some(&who), "Order 4711 is late").await;
    let id = archive(house, None, "the ORDERS of Zoë").await;
    let by_text = ArchiveQuery {
        text: Some("oRDer".to_owned()),
        ..all()
    };
    assert_eq!(
        found(house, &by_text).await,
        ["Order 4711 is late", "the ORDERS of Zoë"]
    );
    let by_word = ArchiveQuery {
        word: Some("order".to_owned()),
        ..all()
    };
    assert_eq!(found(house, &by_word).await, ["Order 4711 is late"]);
    let by_word = ArchiveQuery {
        word: Some("ZOË".to_owned()),
        ..all()
    };
    assert_eq!(found(house, &by_word).await, ["the ORDERS of Zoë"]);
    let by_subject = ArchiveQuery {
        subject: Some(who.clone()),
        ..all()
    };
    assert_eq!(found(house, &by_subject).await, ["Order 4711 is late"]);
    let two = ArchiveQuery {
        word: Some("two words".to_owned()),
        ..all()
    };
    let result = house.vault.search_archive(&ann(), &two, ORDINARY).await;
    assert!(matches!(result, Err(Error::BadField { .. })), "{result:?}");
    let read = house.vault.archived(&ann(), &id, ORDINARY).await.unwrap().value;
    assert_eq!(
        (read.prompt.as_str(), read.model.as_str()),
        ("the ORDERS of Zoë", "model-1")
    );
    house.vault.restrict(&ann(), &who, true).await.unwrap();
    assert_eq!(found(house, &all()).await, ["the ORDERS of Zoë"]);
    let sealed: Vec<Vec<u8>> = house.rows("SELECT sealed FROM archive_entries", values![]).await;
    assert!(
        !sealed
            .iter()
            .any(|bytes| bytes.windows(4).any(|four| four == b"4711"))
    );
}

async fn the_export_goes_page_by_page_as_json_lines(house: &House) {
    for number in 0..5 {
        archive(house, None, &format!("prompt {number}")).await;
    }
    let mut query = ArchiveQuery { limit: 2, ..all() };
    let mut lines = Vec::new();
    for expected in [2, 2, 1] {
        let page = house
            .vault
            .search_archive(&ann(), &query, ORDINARY)
            .await
            .unwrap()
            .value;
        assert_eq!(page.conversations.len(), expected);
        lines.extend(page.to_json_lines().unwrap().lines().map(str::to_owned));
        query.after = page.next;
    }
    assert_eq!(query.after, None);
    let mut prompts: Vec<String> = lines
        .iter()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["prompt"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    prompts.sort();
    assert_eq!(
        prompts,
        ["prompt 0", "prompt 1", "prompt 2", "prompt 3", "prompt 4"]
    );
}

async fn a_page_ends_before_it_is_too_large(house: &House) {
    // Together more than the 32 MiB of a page.
    let prompt = "long ".repeat(3 << 19);
    for _ in 0..6 {
        archive(house, None, &prompt).await;
    }
    let mut query = all();
    let mut found = Vec::new();
    loop {
        let page = house
            .vault
            .search_archive(&ann(), &query, ORDINARY)
            .await
            .unwrap()
            .value;
        found.push(page.conversations.len());
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(found, [5, 1]);
}

async fn calls_of_one_conversation_are_found_together(house: &House) {
    let who = house.subject(json!({"login": "ada"})).await;
    for (name, prompt) in [
        (Some("c-1"), "one"),
        (Some("c-2"), "two"),
        (Some("c-1"), "three"),
        (None, "four"),
    ] {
        let mut new = conversation(Some(&who), prompt);
        new.conversation = name.map(str::to_owned);
        house.vault.archive(&ann(), &new, ORDINARY).await.unwrap();
    }
    for (name, prompts) in [("c-1", &["one", "three"][..]), ("c-2", &["two"]), ("c-3", &[])] {
        let part = ArchiveQuery {
            conversation: Some(name.to_owned()),
            ..all()
        };
        assert_eq!(found(house, &part).await, prompts);
    }
}

async fn a_day_that_is_over_goes_with_its_key(house: &House) {
    let old = archive(house, None, "old").await;
    house.pass(2 * 86_400);
    archive(house, None, "new").await;
    let swept = house.vault.sweep_archive(&ann().tenant).await.unwrap();
    assert_eq!((swept.conversations, swept.keys), (0, 0));
    house.pass(86_400);
    let swept = house.vault.sweep_archive(&ann().tenant).await.unwrap();
    assert_eq!((swept.conversations, swept.keys), (1, 1));
    assert!(is_absent(&house.vault.archived(&ann(), &old, ORDINARY).await));
    assert_eq!(found(house, &all()).await, ["new"]);
    let words: Vec<i64> = house
        .rows("SELECT COUNT(DISTINCT day) FROM archive_words", values![])
        .await;
    assert_eq!(words, [1]);
    let leaves = house.leaves().await;
    assert_eq!(
        leaves
            .iter()
            .filter(|kind| *kind == "conversations_ended")
            .count(),
        1
    );
}

async fn a_legal_hold_keeps_conversations(house: &House) {
    let id = house.create(json!({"login": "ada"})).await;
    let who = SubjectRef::Token(id.clone());
    archive(house, Some(&who), "held").await;
    archive(house, None, "free").await;
    let retention = Retention::new(
        house.store.database().clone(),
        Arc::new(house.vault.clone()),
        house.clock.clone(),
        STORE_TARGETS,
    );
    let hold = Hold {
        subject: Some(id.to_string()),
        category: None,
        until: None,
        reference: "case-1".to_owned(),
        why: "claim".to_owned(),
    };
    retention.hold(&ann(), &hold).await.unwrap();
    house.pass(5 * 86_400);
    assert_eq!(
        house
            .vault
            .sweep_archive(&ann().tenant)
            .await
            .unwrap()
            .conversations,
        1
    );
    assert_eq!(found(house, &all()).await, ["held"]);
}

async fn who_is_erased_takes_conversations_and_maps_along(house: &House) {
    let who = house.subject(json!({"login": "ada"})).await;
    archive(house, Some(&who), "hers").await;
    archive(house, None, "nobody's").await;
    house
        .vault
        .put_reply_map(&ann(), &map("resp_1", Some(&who)), ORDINARY)
        .await
        .unwrap();
    house
        .vault
        .forget(&ann(), &who, ErasureReason::Request)
        .await
        .unwrap();
    assert_eq!(found(house, &all()).await, ["nobody's"]);
    let reply = Secret::new("resp_1".to_owned());
    assert!(is_absent(&house.vault.reply_map(&ann(), &reply, ORDINARY).await));
    for table in ["archive_entries", "archive_words", "reply_maps"] {
        let sql: &'static str = match table {
            "archive_entries" => "SELECT COUNT(*) FROM archive_entries WHERE subject IS NOT NULL",
            "archive_words" => "SELECT COUNT(*) FROM archive_words WHERE subject IS NOT NULL",
            _ => "SELECT COUNT(*) FROM reply_maps WHERE subject IS NOT NULL",
        };
        assert_eq!(house.rows::<i64>(sql, values![]).await, [0], "{table}");
    }
}

async fn another_tenant_finds_nothing(house: &House) {
    let who = house.subject(json!({"login": "ada"})).await;
    let id = archive(house, Some(&who), "hers").await;
    house
        .vault
        .put_reply_map(&ann(), &map("resp_1", None), ORDINARY)
        .await
        .unwrap();
    assert!(is_absent(&house.vault.archived(&eve(), &id, ORDINARY).await));
    let page = house
        .vault
        .search_archive(&eve(), &all(), ORDINARY)
        .await
        .unwrap()
        .value;
    assert!(page.conversations.is_empty() && page.next.is_none());
    let of_her = ArchiveQuery {
        subject: Some(who.clone()),
        ..all()
    };
    assert!(is_absent(
        &house.vault.search_archive(&eve(), &of_her, ORDINARY).await
    ));
    let reply = Secret::new("resp_1".to_owned());
    assert!(is_absent(&house.vault.reply_map(&eve(), &reply, ORDINARY).await));
    assert!(is_absent(
        &house
            .vault
            .archive(&eve(), &conversation(Some(&who), "x"), ORDINARY)
            .await
    ));
    house.pass(40 * 86_400);
    assert_eq!(
        house
            .vault
            .sweep_archive(&eve().tenant)
            .await
            .unwrap()
            .conversations,
        0
    );
}

async fn a_conversation_given_to_another_surface_does_not_open(house: &House) {
    let id = archive(house, None, "x").await;
    house
        .sql("UPDATE archive_entries SET surface = 'other'", values![])
        .await;
    assert!(is_damaged(&house.vault.archived(&ann(), &id, ORDINARY).await));
    house
        .sql(
            "UPDATE archive_entries SET surface = 'openai-chat', purpose = NULL",
            values![],
        )
        .await;
    assert!(is_damaged(&house.vault.archived(&ann(), &id, ORDINARY).await));
}

fn map(reply: &str, subject: Option<&SubjectRef>) -> NewReplyMap {
    NewReplyMap {
        reply: Secret::new(reply.to_owned()),
        subject: subject.cloned(),
        map: record(json!({"PERSON_1": "Ada Example"})),
        ttl: Some(Duration::from_secs(3600)),
    }
}

async fn a_map_is_read_until_it_ends(house: &House) {
    let (vault, reply) = (&house.vault, Secret::new("resp_1".to_owned()));
    let end = vault
        .put_reply_map(&ann(), &map("resp_1", None), ORDINARY)
        .await
        .unwrap();
    let read = vault.reply_map(&ann(), &reply, ORDINARY).await.unwrap().value;
    assert_eq!(read.expires_at, end);
    assert_eq!(read.map.into_value(), json!({"PERSON_1": "Ada Example"}));
    // Nobody makes it live longer.
    house
        .sql(
            "UPDATE reply_maps SET expires_at = expires_at + 1000000",
            values![],
        )
        .await;
    assert!(is_damaged(&vault.reply_map(&ann(), &reply, ORDINARY).await));
    house
        .sql(
            "UPDATE reply_maps SET expires_at = expires_at - 1000000",
            values![],
        )
        .await;
    house.pass(3600);
    assert!(is_absent(&vault.reply_map(&ann(), &reply, ORDINARY).await));
    house.pass(86_400);
    let swept = vault.sweep_archive(&ann().tenant).await.unwrap();
    assert_eq!((swept.reply_maps, swept.keys), (1, 1));
    let mut long = map("resp_2", None);
    long.ttl = Some(Duration::from_secs(31 * 86_400));
    let result = vault.put_reply_map(&ann(), &long, ORDINARY).await;
    assert!(matches!(result, Err(Error::BadField { .. })), "{result:?}");
}
