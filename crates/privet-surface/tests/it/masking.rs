//! What goes out.

use privet_pii::Style;
use privet_surface::Refusal;
use privet_types::{Entity, SurfaceKind};

use crate::{mask, mask_as, masked_text};

const EMAIL: &str = "ada@lovelace.org";

fn chat(rest: &str) -> String {
    format!(r#"{{"model":"m","messages":[{rest}]}}"#)
}

fn assert_masked(body: &str) {
    let masked = mask(body).unwrap();
    let text = masked_text(&masked);
    assert!(
        !text.contains("lovelace") && text.contains("EMAIL_ADDRESS_"),
        "{text}"
    );
    serde_json::from_str::<serde_json::Value>(text).unwrap();
}

#[test]
fn every_place_that_can_hold_text_is_looked_at() {
    let places = [
        chat(&format!(r#"{{"role":"user","content":"to {EMAIL}"}}"#)),
        chat(&format!(
            r#"{{"role":"user","content":[{{"type":"text","text":"to {EMAIL}"}}]}}"#
        )),
        chat(&format!(r#"{{"role":"system","content":"to {EMAIL}"}}"#)),
        chat(&format!(
            r#"{{"role":"tool","tool_call_id":"call_1","content":"to {EMAIL}"}}"#
        )),
        chat(&format!(
            r#"{{"role":"assistant","tool_calls":[{{"id":"call_1","type":"function","function":{{"name":"f","arguments":"{{\"to\":\"{EMAIL}\"}}"}}}}]}}"#
        )),
        chat(r#"{"role":"user","content":"ada\u0040lovelace.org"}"#),
        chat(r#"{"role":"tool","content":"{\"deep\":\"{\\\"to\\\":\\\"ada\\\\u0040lovelace.org\\\"}\"}"}"#),
        format!(r#"{{"model":"m","messages":[],"user":"{EMAIL}"}}"#),
        format!(r#"{{"model":"m","messages":[],"metadata":{{"owner":"{EMAIL}"}}}}"#),
        format!(r#"{{"model":"m","messages":[],"metadata":{{"{EMAIL}":"1"}}}}"#),
        format!(r#"{{"model":"m","messages":[],"prediction":{{"type":"content","content":"{EMAIL}"}}}}"#),
        format!(r#"{{"model":"m","messages":[],"new_field":[[{{"x":"{EMAIL}"}}]]}}"#),
        format!(r#"{{"model":"m","messages":[],"stop":["{EMAIL}"]}}"#),
        format!(
            r#"{{"model":"m","messages":[],"tools":[{{"type":"function","function":{{"name":"f","description":"ask {EMAIL}","parameters":{{"properties":{{"{EMAIL}":{{"enum":["{EMAIL}"]}}}}}}}}}}]}}"#
        ),
    ];
    places.iter().for_each(|body| assert_masked(body));
}

#[test]
fn every_place_of_an_anthropic_request_is_looked_at() {
    let places = [
        format!(r#"{{"model":"c","system":"{EMAIL}","messages":[]}}"#),
        format!(r#"{{"model":"c","system":[{{"type":"text","text":"{EMAIL}"}}],"messages":[]}}"#),
        format!(r#"{{"model":"c","messages":[{{"role":"user","content":"{EMAIL}"}}]}}"#),
        format!(
            r#"{{"model":"c","messages":[{{"role":"assistant","content":[{{"type":"tool_use","id":"toolu_1","name":"f","input":{{"to":["{EMAIL}"]}}}}]}}]}}"#
        ),
        format!(
            r#"{{"model":"c","messages":[{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"toolu_1","content":[{{"type":"text","text":"{EMAIL}"}}]}}]}}]}}"#
        ),
        format!(
            r#"{{"model":"c","messages":[{{"role":"user","content":[{{"type":"document","source":{{"type":"text","media_type":"text/plain","data":"{EMAIL}"}},"title":"{EMAIL}"}}]}}]}}"#
        ),
        format!(r#"{{"model":"c","messages":[],"metadata":{{"user_id":"{EMAIL}"}}}}"#),
        format!(
            r#"{{"model":"c","messages":[],"tools":[{{"name":"f","description":"{EMAIL}","input_schema":{{}}}}]}}"#
        ),
        // No signature, so nothing is sealed.
        format!(
            r#"{{"model":"c","messages":[{{"role":"assistant","content":[{{"type":"thinking","thinking":"{EMAIL}"}}]}}]}}"#
        ),
    ];
    for body in places {
        let masked = mask_as(SurfaceKind::AnthropicMessages, Style::Tag, &body).unwrap();
        assert!(
            !masked_text(&masked).contains("lovelace"),
            "{}",
            masked_text(&masked)
        );
    }
}

#[test]
fn a_card_number_that_is_a_json_number_is_masked_by_a_number() {
    for number in ["4111111111111111", "4111111111111111.0", "4.111111111111111e15"] {
        let body = format!(r#"{{"model":"m","messages":[],"metadata":{{"card":{number}}}}}"#);
        let masked = mask(&body).unwrap();
        let text = masked_text(&masked);
        assert!(!text.contains("411111") && !text.contains("4.1111"), "{text}");
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        assert!(value["metadata"]["card"].is_number(), "{text}");
    }
}

#[test]
fn private_values_where_the_api_allows_no_stand_in_are_refused() {
    let bodies = [
        r#"{"model":"m","messages":[],"seed":4111111111111111}"#.to_owned(),
        format!(r#"{{"model":"m","messages":[{{"role":"{EMAIL}","content":"x"}}]}}"#),
        format!(r#"{{"model":"m","messages":[{{"role":"user","name":"x {EMAIL}","content":"x"}}]}}"#),
        chat(r#"{"role":"tool","tool_call_id":"4111 1111 1111 1111","content":"x"}"#),
    ];
    for body in bodies {
        let refusal = mask(&body).unwrap_err();
        assert!(matches!(refusal, Refusal::CannotMask { .. }), "{refusal:?}");
    }
}

#[test]
fn a_listed_term_that_is_a_short_json_number_is_refused() {
    // Too few digits for a number to stand in.
    let refusal = mask(r#"{"model":"m","messages":[],"metadata":{"case":4711}}"#).unwrap_err();
    assert!(matches!(refusal, Refusal::CannotMask { .. }), "{refusal:?}");
    assert!(
        mask(r#"{"model":"m","messages":[],"metadata":{"case":4712}}"#)
            .unwrap()
            .replaced
            .is_empty()
    );
}

#[test]
fn a_name_that_is_private_gets_a_stand_in_that_names_may_have() {
    let body = chat(&format!(r#"{{"role":"user","name":"{EMAIL}","content":"x"}}"#));
    let masked = mask(&body).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&masked.body).unwrap();
    let name = value["messages"][0]["name"].as_str().unwrap();
    assert!(
        name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && name.len() <= 64,
        "{name}"
    );
}

#[test]
fn images_sound_and_files_are_refused() {
    for part in [
        r#"{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}"#,
        r#"{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}"#,
        r#"{"type":"file","file":{"file_id":"x"}}"#,
        r#"{"type":"video_url","video_url":{"url":"data:video/mp4;base64,AAAA"}}"#,
    ] {
        let refusal = mask(&chat(&format!(r#"{{"role":"user","content":[{part}]}}"#))).unwrap_err();
        assert!(matches!(refusal, Refusal::Opaque { .. }), "{refusal:?}");
    }
    for part in [
        r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}"#,
        r#"{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AAAA"}}"#,
        r#"{"type":"tool_result","tool_use_id":"t","content":[{"type":"image","source":{"type":"url","url":"x"}}]}"#,
    ] {
        let body = format!(r#"{{"model":"c","messages":[{{"role":"user","content":[{part}]}}]}}"#);
        let refusal = mask_as(SurfaceKind::AnthropicMessages, Style::Tag, &body).unwrap_err();
        assert!(matches!(refusal, Refusal::Opaque { .. }), "{refusal:?}");
    }
}

#[test]
fn signed_and_encrypted_blocks_pass_as_they_are() {
    let block = format!(r#"{{"type":"thinking","thinking":"{EMAIL}","signature":"c2ln"}}"#);
    let body = format!(r#"{{"model":"c","messages":[{{"role":"assistant","content":[{block}]}}]}}"#);
    let masked = mask_as(SurfaceKind::AnthropicMessages, Style::Tag, &body).unwrap();
    assert_eq!(masked_text(&masked), body);
}

#[test]
fn duplicate_keys_are_refused_even_inside_tool_arguments() {
    let inside = chat(
        r#"{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":1,\"a\":2}"}}]}"#,
    );
    for body in [r#"{"model":"m","model":"n","messages":[]}"#, &inside] {
        assert!(matches!(mask(body).unwrap_err(), Refusal::Json(_)));
    }
}

#[test]
fn text_that_is_nearly_json_is_looked_at_as_text() {
    assert_masked(&chat(
        r#"{"role":"user","content":"{\"a\":1,\"a\":\"ada@lovelace.org\"}"}"#,
    ));
    assert_masked(&chat(r#"{"role":"user","content":"[see ada@lovelace.org]"}"#));
}

#[test]
fn what_looks_like_a_surrogate_already_is_masked_itself() {
    let body =
        chat(r#"{"role":"user","content":"<EMAIL_ADDRESS_7Q2MX9PKR4TWZ> and person\\_0000000000000"}"#);
    let masked = mask(&body).unwrap();
    let text = masked_text(&masked);
    assert!(
        !text.contains("7Q2MX9PKR4TWZ") && !text.contains("0000000000000"),
        "{text}"
    );
    assert_eq!(masked.counts[&Entity::SURROGATE], 2);
}

#[test]
fn realistic_stand_ins_keep_the_form_of_their_values() {
    let body = chat(r#"{"role":"user","content":"Ada Lovelace, ada@lovelace.org, 4111 1111 1111 1111"}"#);
    let masked = mask_as(SurfaceKind::OpenaiChat, Style::Realistic, &body).unwrap();
    let text = masked_text(&masked);
    assert!(
        text.contains("@mail.example") && text.contains(" 9999 "),
        "{text}"
    );
    assert!(!text.contains("Ada") && !text.contains("4111"), "{text}");
}

#[test]
fn errors_never_quote_the_value() {
    let body = format!(r#"{{"model":"m","messages":[{{"role":"{EMAIL}"}}],"{EMAIL}":1}}"#);
    let refusal = mask(&body).unwrap_err();
    assert!(
        !format!("{refusal} {refusal:?}").contains("lovelace"),
        "{refusal:?}"
    );
}

#[test]
fn a_value_that_its_context_gave_away_is_masked_without_it_further_on() {
    let body = chat(
        r#"{"role":"user","content":"My date of birth is 1984-03-12."},{"role":"assistant","content":"I noticed 1984-03-12, not 1984-03-123."},{"role":"tool","content":"{\"x\":\"1984-03-12\"}"}"#,
    );
    let masked = mask(&body).unwrap();
    let text = masked_text(&masked);
    assert_eq!(text.matches("1984-03-12").count(), 1, "{text}");
    assert_eq!(masked.counts[&Entity::DATE_OF_BIRTH], 3);
}

#[test]
fn encrypted_fields_are_passed_only_where_providers_put_them() {
    let outside = format!(r#"{{"model":"m","messages":[],"metadata":{{"encrypted_content":"{EMAIL}"}}}}"#);
    assert_masked(&outside);
    let inside = chat(&format!(
        r#"{{"role":"user","content":[{{"type":"x","encrypted_content":"{EMAIL}"}}]}}"#
    ));
    assert_masked(&inside);
    let sealed = chat(r#"{"role":"user","content":[{"type":"x","encrypted_content":"QUFBQQ=="}]}"#);
    assert_eq!(masked_text(&mask(&sealed).unwrap()), sealed);
}

#[test]
fn many_different_card_numbers_as_json_numbers_are_masked() {
    let cards: Vec<String> = (0..3_000_u64)
        .map(|i| luhn_valid(411_111_000_000_000 + i * 7))
        .collect();
    let body = format!(r#"{{"model":"m","messages":[],"cards":[{}]}}"#, cards.join(","));
    let masked = mask(&body).unwrap();
    assert_eq!(masked.replaced.len(), cards.len());
}

#[test]
fn a_body_full_of_short_values_keeps_within_its_budget() {
    for distinct in [1, 40_000] {
        let name = |i: usize| char::from(b'a' + (i % 26) as u8);
        let addresses = (0..40_000).map(|i| i % distinct).map(|i| {
            format!(
                "{}{}{}{}@b.co ",
                name(i),
                name(i / 26),
                name(i / 676),
                name(i / 17_576)
            )
        });
        let body = chat(&format!(
            r#"{{"role":"user","content":"{}"}}"#,
            addresses.collect::<String>()
        ));
        assert_eq!(mask(&body).unwrap().replaced.len(), 40_000);
    }
}

/// The fifteen digits of `payload` and their Luhn digit.
fn luhn_valid(payload: u64) -> String {
    let digits = payload.to_string();
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            if i % 2 == 0 {
                2 * u32::from(b - b'0')
            } else {
                u32::from(b - b'0')
            }
        })
        .map(|d| if d > 9 { d - 9 } else { d })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

#[test]
fn what_stands_before_the_messages_does_not_change_with_them() {
    let body = |message: &str| {
        format!(
            r#"{{"model":"m","system":"since 1984-03-12","messages":[{{"role":"user","content":"{message}"}}]}}"#
        )
    };
    let system = |body: &str| {
        masked_text(&mask(body).unwrap())
            .split("messages")
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(system(&body("hello")), system(&body("I was born 1984-03-12")));
}
