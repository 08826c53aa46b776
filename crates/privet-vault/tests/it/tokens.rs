//! Tokens stand for values.

use std::time::Duration;

use privet_store::values;
use privet_types::Secret;
use privet_vault::{Error, Ground, NewToken, SubjectRef, Substitute, TokenForm};
use serde_json::json;

use crate::support::{House, ann, bob, eve, is_absent, is_damaged, on_both_databases};

on_both_databases! {
    a_token_stands_for_its_value_until_it_ends
    a_token_is_random_and_not_shared_unless_asked_for
    equal_values_of_one_subject_share_a_token_if_asked
    a_token_that_keeps_the_form_is_flagged
    a_token_of_few_values_is_refused
    a_deleted_token_is_absent
    nobody_gives_a_token_another_kind_or_value
    many_tokens_come_in_the_order_of_their_values
    a_substitute_leads_to_the_value_as_the_token_does
    equal_values_have_different_substitutes_unless_they_share_a_token
    a_sliding_token_lives_while_it_is_read_and_no_longer_than_its_end
    the_times_of_a_shared_token_start_anew_if_asked
    nobody_prolongs_a_token_or_gives_it_another_substitute
    tokens_are_read_and_deleted_in_bulk_under_an_unlock_only
}

const ORDINARY: Ground = Ground::Ordinary;
const CARD: &str = "4111 1111 1111 1111";

fn token(value: &str) -> NewToken {
    NewToken {
        kind: "card".to_owned(),
        value: Secret::new(value.to_owned()),
        subject: None,
        ttl: None,
        sliding: None,
        is_shared: false,
        renews: false,
        substitute: None,
        form: TokenForm::Random,
    }
}

async fn made(house: &House, new: &NewToken) -> String {
    house
        .vault
        .create_token(&ann(), new, ORDINARY)
        .await
        .unwrap()
        .token
}

async fn a_token_stands_for_its_value_until_it_ends(house: &House) {
    let who = house.subject(json!({"login": "ann"})).await;
    let mut new = token(CARD);
    new.subject = Some(who);
    new.ttl = Some(Duration::from_secs(60));
    let text = made(house, &new).await;
    let read = house.vault.resolve_token(&ann(), &text, ORDINARY).await.unwrap();
    assert_eq!(
        (read.value.value.expose().as_str(), read.value.kind.as_str()),
        (CARD, "card")
    );
    assert!(read.access.subject.is_some() && !read.value.preserves_format);
    assert!(is_absent(
        &house.vault.resolve_token(&eve(), &text, ORDINARY).await
    ));
    house.pass(60);
    assert!(is_absent(
        &house.vault.resolve_token(&ann(), &text, ORDINARY).await
    ));
    assert_eq!(
        house.vault.sweep_ended(&ann().tenant, 10).await.unwrap().tokens,
        1
    );
}

async fn a_token_is_random_and_not_shared_unless_asked_for(house: &House) {
    assert_ne!(made(house, &token(CARD)).await, made(house, &token(CARD)).await);
}

async fn equal_values_of_one_subject_share_a_token_if_asked(house: &House) {
    let (one, two) = (
        house.subject(json!({"login": "ann"})).await,
        house.subject(json!({"login": "bob"})).await,
    );
    let shared = |subject: Option<&SubjectRef>, value: &str| NewToken {
        subject: subject.cloned(),
        is_shared: true,
        ..token(value)
    };
    let nobodys = made(house, &shared(None, CARD)).await;
    let again = house
        .vault
        .create_token(&ann(), &shared(None, CARD), ORDINARY)
        .await
        .unwrap();
    assert_eq!((again.token.as_str(), again.is_known), (nobodys.as_str(), true));
    let anns = made(house, &shared(Some(&one), CARD)).await;
    assert_eq!(made(house, &shared(Some(&one), CARD)).await, anns);
    assert_ne!(made(house, &shared(Some(&two), CARD)).await, anns);
    assert_ne!(made(house, &shared(None, "5111 1111 1111 1118")).await, nobodys);
    let of_eve = house
        .vault
        .create_token(&eve(), &shared(None, CARD), ORDINARY)
        .await
        .unwrap();
    assert_ne!(of_eve.token, nobodys);
    // The key that the second call made for nothing is gone: what is there still opens.
    let read = house
        .vault
        .resolve_token(&ann(), &nobodys, ORDINARY)
        .await
        .unwrap();
    assert_eq!(read.value.value.expose(), CARD);
}

async fn a_token_that_keeps_the_form_is_flagged(house: &House) {
    let (one, two) = (
        house.subject(json!({"login": "ann"})).await,
        house.subject(json!({"login": "bob"})).await,
    );
    let keeps = |subject: &SubjectRef| NewToken {
        subject: Some(subject.clone()),
        form: TokenForm::PreservingFormat,
        ..token(CARD)
    };
    let text = made(house, &keeps(&one)).await;
    let form = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
    assert_eq!(form(&text), form(CARD));
    assert_ne!(text, CARD);
    assert_eq!(made(house, &keeps(&one)).await, text, "of one value and subject");
    let others = made(house, &keeps(&two)).await;
    assert_ne!(others, text, "each subject has its own");
    for text in [text, others] {
        let read = house
            .vault
            .resolve_token(&ann(), &text, ORDINARY)
            .await
            .unwrap()
            .value;
        assert!(read.preserves_format && read.value.expose() == CARD);
    }
    let flags: Vec<i64> = house
        .rows("SELECT preserves_format FROM vault_tokens", values![])
        .await;
    assert_eq!(flags, [1, 1]);
    assert!(
        house
            .leaves()
            .await
            .contains(&"format_preserving_token_created".to_owned())
    );
}

async fn a_token_of_few_values_is_refused(house: &House) {
    let new = NewToken {
        form: TokenForm::PreservingFormat,
        ..token("12345")
    };
    let refused = house.vault.create_token(&ann(), &new, ORDINARY).await;
    assert!(matches!(refused, Err(Error::Crypto(_))), "{refused:?}");
    assert_eq!(
        house
            .rows::<i64>("SELECT COUNT(*) FROM vault_tokens", values![])
            .await,
        [0]
    );
}

async fn a_deleted_token_is_absent(house: &House) {
    let text = made(house, &token(CARD)).await;
    assert!(is_absent(&house.vault.delete_token(&eve(), &text).await));
    house.vault.delete_token(&ann(), &text).await.unwrap();
    assert!(is_absent(
        &house.vault.resolve_token(&ann(), &text, ORDINARY).await
    ));
    assert!(is_absent(&house.vault.delete_token(&ann(), &text).await));
}

async fn nobody_gives_a_token_another_kind_or_value(house: &House) {
    let text = made(house, &token(CARD)).await;
    made(house, &token("other")).await;
    let forgeries = [
        "UPDATE vault_tokens SET kind = 'iban' WHERE token = $1",
        "UPDATE vault_tokens SET kind = 'card', expires_at = 9999999999999 WHERE token = $1",
        "UPDATE vault_tokens SET expires_at = NULL, preserves_format = 1 WHERE token = $1",
        "UPDATE vault_tokens SET preserves_format = 0, key_id = (SELECT t.key_id FROM vault_tokens t \
         WHERE t.token <> $1), sealed = (SELECT t.sealed FROM vault_tokens t WHERE t.token <> $1) WHERE token = $1",
    ];
    for forgery in forgeries {
        assert_eq!(house.sql(forgery, values![text.as_str()]).await, 1);
        assert!(
            is_damaged(&house.vault.resolve_token(&ann(), &text, ORDINARY).await),
            "{forgery}"
        );
    }
}

async fn many_tokens_come_in_the_order_of_their_values(house: &House) {
    let mut new: Vec<NewToken> = (0..150).map(|number| token(&format!("value {number}"))).collect();
    new[7].kind = "no name".to_owned();
    let tokens = house.vault.create_tokens(&ann(), &new, ORDINARY).await.unwrap();
    assert_eq!(tokens.len(), 150);
    assert!(matches!(tokens[7], Err(Error::BadField { .. })));
    for number in [0, 63, 64, 149] {
        let text = &tokens[number].as_ref().unwrap().token;
        let read = house
            .vault
            .resolve_token(&ann(), text, ORDINARY)
            .await
            .unwrap()
            .value;
        assert_eq!(*read.value.expose(), format!("value {number}"));
    }
}

fn substitute(value: &str, kind: Substitute) -> NewToken {
    NewToken {
        substitute: Some(kind),
        ..token(value)
    }
}

const NUMBER: &str = "4111111111111111";

async fn a_substitute_leads_to_the_value_as_the_token_does(house: &House) {
    let vault = &house.vault;
    let kinds = [
        (NUMBER, Substitute::CardNumber),
        ("4294967295", Substitute::Unsigned32),
        ("18446744073709551615", Substitute::Unsigned64),
    ];
    for (value, kind) in kinds {
        let made = vault
            .create_token(&ann(), &substitute(value, kind), ORDINARY)
            .await
            .unwrap();
        let other = made.substitute.clone().unwrap();
        assert_ne!(other, value);
        for name in [&made.token, &other] {
            let read = vault.resolve_token(&ann(), name, ORDINARY).await.unwrap().value;
            assert_eq!((read.value.expose().as_str(), &read.token), (value, &made.token));
            assert_eq!(read.substitute.as_ref(), Some(&other));
        }
        assert!(is_absent(&vault.resolve_token(&eve(), &other, ORDINARY).await));
        vault.delete_token(&ann(), &other).await.unwrap();
        assert!(is_absent(
            &vault.resolve_token(&ann(), &made.token, ORDINARY).await
        ));
    }
    let none = vault
        .create_token(&ann(), &substitute("4111", Substitute::CardNumber), ORDINARY)
        .await;
    assert!(
        matches!(none, Err(Error::BadField { ref field, .. }) if field == "record"),
        "{none:?}"
    );
}

async fn equal_values_have_different_substitutes_unless_they_share_a_token(house: &House) {
    let vault = &house.vault;
    let new = substitute(NUMBER, Substitute::CardNumber);
    let (one, two) = (
        vault.create_token(&ann(), &new, ORDINARY).await.unwrap(),
        vault.create_token(&ann(), &new, ORDINARY).await.unwrap(),
    );
    assert_ne!(one.substitute, two.substitute);
    let shared = NewToken {
        is_shared: true,
        ..new
    };
    let first = vault.create_token(&ann(), &shared, ORDINARY).await.unwrap();
    let again = vault.create_token(&ann(), &shared, ORDINARY).await.unwrap();
    assert_eq!((first.token, first.substitute), (again.token, again.substitute));
    assert!(again.is_known && !first.is_known);
}

async fn a_sliding_token_lives_while_it_is_read_and_no_longer_than_its_end(house: &House) {
    let vault = &house.vault;
    let new = NewToken {
        ttl: Some(Duration::from_secs(10)),
        sliding: Some(Duration::from_secs(4)),
        ..token(CARD)
    };
    let text = made(house, &new).await;
    for _ in 0..3 {
        house.pass(3);
        vault.resolve_token(&ann(), &text, ORDINARY).await.unwrap();
    }
    house.pass(1);
    assert!(
        is_absent(&vault.resolve_token(&ann(), &text, ORDINARY).await),
        "its end"
    );
    let text = made(house, &new).await;
    house.pass(4);
    assert!(
        is_absent(&vault.resolve_token(&ann(), &text, ORDINARY).await),
        "not read"
    );
    assert_eq!(vault.sweep_ended(&ann().tenant, 10).await.unwrap().tokens, 2);
}

async fn the_times_of_a_shared_token_start_anew_if_asked(house: &House) {
    let vault = &house.vault;
    let new = NewToken {
        ttl: Some(Duration::from_secs(10)),
        is_shared: true,
        renews: true,
        ..token(CARD)
    };
    let text = made(house, &new).await;
    house.pass(8);
    let kept = NewToken {
        renews: false,
        ..new.clone()
    };
    assert_eq!(made(house, &kept).await, text);
    house.pass(1);
    assert_eq!(made(house, &new).await, text);
    house.pass(9);
    vault.resolve_token(&ann(), &text, ORDINARY).await.unwrap();
    house.pass(1);
    assert!(is_absent(&vault.resolve_token(&ann(), &text, ORDINARY).await));
    assert_ne!(made(house, &new).await, text, "an ended token is not given again");
    assert!(house.leaves().await.contains(&"token_renewed".to_owned()));
}

async fn nobody_prolongs_a_token_or_gives_it_another_substitute(house: &House) {
    let new = NewToken {
        ttl: Some(Duration::from_secs(10)),
        sliding: Some(Duration::from_secs(5)),
        ..substitute(NUMBER, Substitute::CardNumber)
    };
    for forgery in [
        "UPDATE vault_tokens SET expires_at = 9999999999999 WHERE token = $1",
        "UPDATE vault_tokens SET final_at = NULL WHERE token = $1",
        "UPDATE vault_tokens SET sliding_ms = 999999999 WHERE token = $1",
        "UPDATE vault_tokens SET substitute = '4012888888881881' WHERE token = $1",
        "UPDATE vault_tokens SET mark = NULL, expires_at = 9999999999999 WHERE token = $1",
        "UPDATE vault_tokens SET mark = (SELECT t.mark FROM vault_tokens t WHERE t.token <> $1) WHERE token = $1",
    ] {
        made(house, &token("other")).await;
        let text = made(house, &new).await;
        assert_eq!(house.sql(forgery, values![text.as_str()]).await, 1);
        let read = house.vault.resolve_token(&ann(), &text, ORDINARY).await;
        assert!(is_damaged(&read), "{forgery}: {read:?}");
        house.sql("DELETE FROM vault_tokens", values![]).await;
    }
}

async fn tokens_are_read_and_deleted_in_bulk_under_an_unlock_only(house: &House) {
    let vault = &house.vault;
    let mut names = Vec::new();
    for number in 0..3 {
        names.push(made(house, &token(&format!("value {number}"))).await);
    }
    let card = vault
        .create_token(&ann(), &substitute(NUMBER, Substitute::CardNumber), ORDINARY)
        .await
        .unwrap();
    names.extend([card.substitute.unwrap(), card.token, "nothing".to_owned()]);
    let asked = vault
        .ask_unlock(&ann(), Duration::from_secs(60), true)
        .await
        .unwrap();
    assert!(is_absent(&vault.bulk_tokens(&ann(), &asked.id, &names).await));
    assert!(is_absent(
        &vault.bulk_delete_tokens(&ann(), &asked.id, &names).await
    ));
    vault.decide_bulk_read(&bob(), &asked.id, true).await.unwrap();
    assert!(is_absent(&vault.bulk_tokens(&bob(), &asked.id, &names).await));
    let read = vault.bulk_tokens(&ann(), &asked.id, &names).await.unwrap().value;
    let values: Vec<&str> = read.iter().map(|one| one.value.expose().as_str()).collect();
    assert_eq!(values, ["value 0", "value 1", "value 2", NUMBER]);
    assert_eq!(
        vault.bulk_delete_tokens(&ann(), &asked.id, &names).await.unwrap(),
        4
    );
    assert!(
        vault
            .bulk_tokens(&ann(), &asked.id, &names)
            .await
            .unwrap()
            .value
            .is_empty()
    );
    house.pass(60);
    let late = vault.bulk_tokens(&ann(), &asked.id, &names).await;
    assert!(
        matches!(late, Err(Error::NotOpen { state: "closed" })),
        "{late:?}"
    );
}
