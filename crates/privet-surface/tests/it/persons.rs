//! Mentions of one person in a conversation.

use privet_pii::Style;
use privet_types::{Budget, SurfaceKind};
use serde_json::{Value, json};

use crate::{everywhere, mask_as};

fn body(texts: &[&str]) -> String {
    let messages: Vec<_> = texts
        .iter()
        .map(|text| json!({ "role": "user", "content": text }))
        .collect();
    json!({ "model": "m", "messages": messages }).to_string()
}

/// What each message becomes.
fn masked(style: Style, texts: &[&str]) -> Vec<String> {
    let masked = mask_as(SurfaceKind::OpenaiChat, style, &body(texts)).unwrap();
    let sent: Value = serde_json::from_slice(&masked.body).unwrap();
    let messages = sent["messages"].as_array().unwrap();
    messages
        .iter()
        .map(|m| m["content"].as_str().unwrap().to_owned())
        .collect()
}

fn tag(text: &str) -> &str {
    let from = text.find('<').unwrap() + 1;
    &text[from..text.find('>').unwrap()]
}

#[test]
fn short_forms_of_a_name_share_the_tag_of_its_person() {
    let sent = masked(
        Style::Tag,
        &[
            "Maria Lopez signed.",
            "Ask Ms Lopez about it.",
            "M. Lopez agrees.",
            "So Lopez said.",
        ],
    );
    let person = tag(&sent[0]);
    for text in &sent[1..] {
        assert!(tag(text).starts_with(person) && tag(text) != person, "{sent:?}");
    }
}

#[test]
fn a_short_form_that_fits_two_persons_is_linked_to_neither() {
    let sent = masked(Style::Tag, &["Maria Lopez", "Juan Lopez", "Lopez called."]);
    let tags: Vec<_> = sent.iter().map(|text| tag(text)).collect();
    assert!(!tags[1].starts_with(tags[0]), "{sent:?}");
    assert!(
        !tags[2].starts_with(tags[0]) && !tags[2].starts_with(tags[1]),
        "{sent:?}"
    );
}

#[test]
fn a_later_name_changes_nothing_before_it() {
    let texts = ["Lopez called.", "Maria Lopez", "Juan Lopez", "Ms Lopez", "Lopez"];
    for style in [Style::Tag, Style::Realistic] {
        let all = masked(style, &texts);
        for count in 1..texts.len() {
            assert_eq!(masked(style, &texts[..count]), all[..count]);
        }
    }
}

#[test]
fn a_reply_that_uses_a_short_form_gets_the_short_form_back() {
    let texts = ["Maria Lopez signed.", "Ms Lopez was late, said M. Lopez."];
    for style in [Style::Tag, Style::Realistic] {
        let masked = mask_as(SurfaceKind::OpenaiChat, style, &body(&texts)).unwrap();
        let sent: Value = serde_json::from_slice(&masked.body).unwrap();
        let reply = json!({ "choices": [{ "message": { "role": "assistant",
            "content": format!("{} / {}", sent["messages"][1]["content"].as_str().unwrap(),
                sent["messages"][0]["content"].as_str().unwrap()) } }] });
        let restored = everywhere(SurfaceKind::OpenaiChat, masked)
            .json(reply.to_string().as_bytes(), &Budget::unlimited())
            .unwrap()
            .unwrap();
        let restored: Value = serde_json::from_slice(&restored).unwrap();
        assert_eq!(
            restored["choices"][0]["message"]["content"],
            format!("{} / {}", texts[1], texts[0])
        );
    }
}

#[test]
fn what_stands_before_the_messages_does_not_depend_on_who_is_named_in_them() {
    let system = |message: &str| {
        let body = json!({ "model": "m", "system": "You work for Maria Lopez, not Ms Lopez.",
            "messages": [{ "role": "user", "content": message }] });
        let masked = mask_as(SurfaceKind::AnthropicMessages, Style::Tag, &body.to_string()).unwrap();
        let sent: Value = serde_json::from_slice(&masked.body).unwrap();
        sent["system"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        system("hello"),
        system("MARIA LOPEZ and Juan Lopez and maria lopez")
    );
}
