//! Operators over findings, and the way back.

use std::sync::Arc;

use privet_crypto::RootKey;
use privet_pii::{Anonymized, Anonymizer, Conversation, Error, Keys, Manifest, Operators, open_presidio};
use privet_types::{Basis, Budget, Entity, Finding, RuleId, Span, TenantId};
use proptest::prelude::*;

fn keys(scope: &str) -> Keys {
    let root = RootKey::parse(&format!("privet-root-1:{}", "7".repeat(64))).unwrap();
    Keys::derive(&root, &TenantId::default(), scope)
}

fn anonymizer(operators: &str) -> Anonymizer {
    Anonymizer::new(serde_json::from_str(operators).unwrap()).unwrap()
}

fn finding(entity: Entity, start: usize, end: usize) -> Finding {
    Finding {
        entity,
        span: Span::new(start, end),
        score: 1.0,
        rule: RuleId("test"),
        basis: Basis::Pattern,
    }
}

/// Findings over each of `values` where it first stands in `text`.
fn found(text: &str, values: &[(Entity, &str)]) -> Vec<Finding> {
    values
        .iter()
        .map(|(entity, value)| {
            let start = text.find(value).unwrap();
            finding(*entity, start, start + value.len())
        })
        .collect()
}

fn make(operators: &str, text: &str, findings: &[Finding]) -> Result<Anonymized, Error> {
    anonymizer(operators).anonymize(text, findings, &keys("s"), &Budget::unlimited())
}

/// The one value `value` after the default operator `operator`.
fn treat(operator: &str, entity: Entity, value: &str) -> String {
    let operators = format!(r#"{{"default": {operator}}}"#);
    make(&operators, value, &[finding(entity, 0, value.len())])
        .unwrap()
        .text
}

fn restore(made: &Anonymized) -> String {
    made.manifest
        .restore(&made.text, &keys("s"), &Budget::unlimited())
        .unwrap()
}

#[test]
fn operators_without_a_way_back_do_what_their_names_say() {
    let hmac = keys_hash("Ada");
    for (operator, value, made) in [
        (r#"{"type": "replace"}"#, "Ada", "<PERSON>"),
        (r#"{"type": "replace", "new_value": "X"}"#, "Ada", "X"),
        (r#"{"type": "redact"}"#, "Ada", ""),
        (r#"{"type": "mask"}"#, "Ädä", "***"),
        (
            r##"{"type": "mask", "masking_char": "#", "chars_to_mask": 2}"##,
            "Ädä",
            "##ä",
        ),
        (
            r#"{"type": "mask", "chars_to_mask": 2, "from_end": true}"#,
            "Ädä",
            "Ä**",
        ),
        (r#"{"type": "mask", "chars_to_mask": 9}"#, "Ädä", "***"),
        (r#"{"type": "hash"}"#, "Ada", hmac.as_str()),
        (
            r#"{"type": "hash", "hash_type": "sha256", "salt": "ab"}"#,
            "c",
            // FIPS 180-4 example: SHA-256 of "abc".
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            r#"{"type": "hash", "hash_type": "sha512"}"#,
            "abc",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
        (r#"{"type": "bucket", "width": 10}"#, "aged 34", "30-39"),
        (r#"{"type": "bucket", "width": 10}"#, "old", "<PERSON>"),
        (
            r#"{"type": "generalize", "to": "quarter"}"#,
            "5. März 2024",
            "2024-Q1",
        ),
        (
            r#"{"type": "generalize", "to": "network"}"#,
            "192.0.2.77",
            "192.0.2.0/24",
        ),
        (r#"{"type": "generalize", "to": "prefix"}"#, "13053", "130**"),
        (r#"{"type": "generalize", "to": "year"}"#, "long ago", "<PERSON>"),
        (r#"{"type": "keep"}"#, "Ada", "Ada"),
    ] {
        assert_eq!(
            treat(operator, Entity::PERSON, value),
            made,
            "{operator} on {value}"
        );
    }
}

fn keys_hash(value: &str) -> String {
    let first = treat(r#"{"type": "hash"}"#, Entity::PERSON, value);
    assert!(first.len() == 64 && first.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_ne!(first, treat(r#"{"type": "hash"}"#, Entity::TERM, value));
    first
}

#[test]
fn every_reversible_operator_comes_back_exactly() {
    let text = "Ada (ada@example.com) was born 3. März 1985 and pays 4111-1111 1111-1111; Ada knows Éva.";
    let findings = found(
        text,
        &[
            (Entity::PERSON, "Ada"),
            (Entity::EMAIL_ADDRESS, "ada@example.com"),
            (Entity::DATE_OF_BIRTH, "3. März 1985"),
            (Entity::CREDIT_CARD, "4111-1111 1111-1111"),
            (Entity::PERSON, "Éva"),
        ],
    );
    let made = make(
        r#"{"default": {"type": "surrogate"}, "entities": {
            "EMAIL_ADDRESS": {"type": "encrypt", "deterministic": true},
            "DATE_OF_BIRTH": {"type": "date_shift"},
            "CREDIT_CARD": {"type": "format_preserving"}}}"#,
        text,
        &findings,
    )
    .unwrap();
    for value in ["ada@example.com", "3. März 1985", "4111", "Éva"] {
        assert!(!made.text.contains(value), "{}", made.text);
    }
    assert_eq!(restore(&made), text);
    let edited = made
        .manifest
        .restore_edited(
            &format!("As you said: {}", made.text),
            &keys("s"),
            &Budget::unlimited(),
        )
        .unwrap();
    assert_eq!(edited.text, format!("As you said: {text}"));
    assert_eq!((edited.restored, edited.left.len()), (5, 0));
}

#[test]
fn items_tell_where_values_were_and_are() {
    let text = "Ada and Bob";
    let made = make(
        r#"{"default": {"type": "replace"}}"#,
        text,
        &found(text, &[(Entity::PERSON, "Bob"), (Entity::PERSON, "Ada")]),
    )
    .unwrap();
    assert_eq!(made.text, "<PERSON> and <PERSON>");
    let spans: Vec<_> = made
        .items
        .iter()
        .map(|i| {
            (
                i.original.of(text).unwrap(),
                i.span.of(&made.text).unwrap(),
                i.operator,
            )
        })
        .collect();
    assert_eq!(
        spans,
        [("Ada", "<PERSON>", "replace"), ("Bob", "<PERSON>", "replace")]
    );
}

#[test]
fn overlapping_findings_are_treated_as_one_and_names_with_spaces_between_too() {
    let text = "Ada  Lovelace ada@example.com";
    let mut findings = found(
        text,
        &[
            (Entity::PERSON, "Ada"),
            (Entity::PERSON, "Lovelace"),
            (Entity::EMAIL_ADDRESS, "ada@example.com"),
        ],
    );
    findings.push(finding(Entity::TERM, 18, text.len() - 1));
    let made = make(r#"{"default": {"type": "replace"}}"#, text, &findings).unwrap();
    assert_eq!(made.text, "<PERSON> <EMAIL_ADDRESS>");
}

#[test]
fn findings_off_the_text_or_off_character_bounds_are_refused() {
    for (start, end) in [(0, 9), (1, 2), (0, 1), (7, 8)] {
        let error = make("{}", "éa", &[finding(Entity::PERSON, start, end)]).unwrap_err();
        assert!(matches!(error, Error::Finding { position: 1 }), "{error}");
    }
}

#[test]
fn one_value_that_cannot_be_treated_fails_the_call_without_naming_it() {
    let text = "pin 1234";
    for operator in [
        r#"{"type": "format_preserving"}"#,
        r#"{"type": "custom", "name": "none"}"#,
    ] {
        let operators = format!(r#"{{"default": {operator}}}"#);
        let error = make(&operators, text, &[finding(Entity::TERM, 4, 8)]).unwrap_err();
        assert!(matches!(error, Error::Value { position: 1, .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains("1234"));
    }
}

#[test]
fn operators_out_of_range_and_unknown_fields_are_refused() {
    for operators in [
        r#"{"default": {"type": "date_shift", "max_days": 0}}"#,
        r#"{"default": {"type": "bucket", "width": 1}}"#,
        r#"{"default": {"type": "generalize", "to": "network", "ipv4_bits": 32}}"#,
        r#"{"default": {"type": "hash", "salt": "x"}}"#,
    ] {
        let operators: Operators = serde_json::from_str(operators).unwrap();
        assert!(matches!(Anonymizer::new(operators), Err(Error::Operator { .. })));
    }
    for operators in [
        r#"{"default": {"type": "redact", "extra": 1}}"#,
        r#"{"default": {"type": "keep", "extra": 1}}"#,
        r#"{"default": {"type": "mask", "extra": 1}}"#,
        r#"{"default": {"type": "bucket"}}"#,
        r#"{"default": {"type": "md5"}}"#,
        r#"{"extra": 1}"#,
        r#"{"entities": {"NOBODY": {"type": "keep"}}}"#,
    ] {
        assert!(
            serde_json::from_str::<Operators>(operators).is_err(),
            "{operators}"
        );
    }
}

#[test]
fn weak_choices_are_warned_of() {
    let operators: Operators = serde_json::from_str(
        r#"{"default": {"type": "hash", "hash_type": "sha256"}, "entities": {"PERSON": {"type": "hash"}}}"#,
    )
    .unwrap();
    let warnings = operators.warnings();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].entity.is_none() && warnings[0].message.contains("hmac_sha256"));
    let keep: Operators = serde_json::from_str(r#"{"default": {"type": "keep"}}"#).unwrap();
    assert_eq!(keep.warnings().len(), 1);
    assert_eq!(Operators::default().warnings(), []);
}

#[test]
fn a_registered_function_is_an_operator() {
    let operators = serde_json::from_str(r#"{"default": {"type": "custom", "name": "length"}}"#).unwrap();
    let made = Anonymizer::new(operators)
        .unwrap()
        .with_custom(
            "length",
            Arc::new(|entity, value| Some(format!("{entity}:{}", value.len()))),
        )
        .anonymize(
            "Ada",
            &[finding(Entity::PERSON, 0, 3)],
            &keys("s"),
            &Budget::unlimited(),
        )
        .unwrap();
    assert_eq!(made.text, "PERSON:3");
}

#[test]
fn the_dates_of_a_subject_move_together_and_those_of_another_do_not() {
    let shift = r#"{"type": "date_shift", "max_days": 3650}"#;
    let text = "2024-01-01 then 2024-01-08";
    let findings = [
        finding(Entity::DATE_OF_BIRTH, 0, 10),
        finding(Entity::DATE_OF_BIRTH, 16, 26),
    ];
    let operators = format!(r#"{{"default": {shift}}}"#);
    let of = |subject: &str| {
        let whole = keys("s");
        let keys = keys("s").with_subject(subject);
        let made = anonymizer(&operators)
            .anonymize(text, &findings, &keys, &Budget::unlimited())
            .unwrap();
        let back = made
            .manifest
            .restore(&made.text, &keys, &Budget::unlimited())
            .unwrap();
        assert_eq!(back, text);
        let other = made.manifest.restore(&made.text, &whole, &Budget::unlimited());
        assert!(matches!(other, Err(Error::Manifest)));
        made.text
    };
    let (one, two) = (of("patient 1"), of("patient 2"));
    assert_ne!(one, two);
    let days = |text: &str| {
        let dates: Vec<jiff::civil::Date> = text.split(" then ").map(|d| d.parse().unwrap()).collect();
        (dates[1] - dates[0]).get_days()
    };
    assert_eq!((days(&one), days(&two)), (7, 7));
}

#[test]
fn the_schema_names_every_operator() {
    let schema = serde_json::to_string(&schemars::schema_for!(Operators)).unwrap();
    for name in [
        "replace",
        "redact",
        "mask",
        "hash",
        "encrypt",
        "format_preserving",
        "date_shift",
        "bucket",
        "generalize",
        "surrogate",
        "keep",
        "custom",
    ] {
        assert!(schema.contains(&format!("\"const\":\"{name}\"")), "{name}");
    }
}

#[test]
fn an_unreadable_date_is_sealed_and_comes_back() {
    let made = make(
        r#"{"default": {"type": "date_shift"}}"#,
        "born soon",
        &[finding(Entity::DATE_OF_BIRTH, 5, 9)],
    )
    .unwrap();
    assert!(made.text.starts_with("born <DATE_OF_BIRTH:enc:"), "{}", made.text);
    assert_eq!(restore(&made), "born soon");
}

#[test]
fn a_changed_text_manifest_or_scope_is_refused() {
    let budget = Budget::unlimited();
    let made = make(
        r#"{"default": {"type": "surrogate"}}"#,
        "Ada",
        &[finding(Entity::PERSON, 0, 3)],
    )
    .unwrap();
    let changed = format!("{} ", made.text);
    assert!(matches!(
        made.manifest.restore(&changed, &keys("s"), &budget),
        Err(Error::TextChanged)
    ));
    assert!(matches!(
        made.manifest.restore(&made.text, &keys("t"), &budget),
        Err(Error::Manifest)
    ));
    let json = serde_json::to_string(&made.manifest).unwrap();
    assert!(!json.contains("Ada"));
    let again: Manifest = serde_json::from_str(&json).unwrap();
    assert_eq!(again.restore(&made.text, &keys("s"), &budget).unwrap(), "Ada");
    for (from, to) in [
        ("\"start\":0", "\"start\":1"),
        ("PERSON", "US_SSN"),
        ("\"version\":1", "\"version\":2"),
    ] {
        let bad: Manifest = serde_json::from_str(&json.replacen(from, to, 1)).unwrap();
        assert!(
            matches!(bad.restore(&made.text, &keys("s"), &budget), Err(Error::Manifest)),
            "{from}"
        );
    }
}

#[test]
fn tampered_tokens_are_left_and_reported_where_there_is_no_manifest() {
    let made = make(
        r#"{"default": {"type": "encrypt"}}"#,
        "to ada@example.com",
        &[finding(Entity::EMAIL_ADDRESS, 3, 18)],
    )
    .unwrap();
    let keys = keys("s");
    let whole = keys.restore_tokens(&made.text, &Budget::unlimited()).unwrap();
    assert_eq!(whole.text, "to ada@example.com");
    let bad = made.text.replace("EMAIL_ADDRESS", "PHONE_NUMBER");
    let left = keys.restore_tokens(&bad, &Budget::unlimited()).unwrap();
    assert_eq!((left.text.as_str(), left.restored), (bad.as_str(), 0));
    assert_eq!(left.left, [Span::new(3, bad.len())]);
}

#[test]
fn the_budget_ends_the_work() {
    let error = anonymizer("{}").anonymize("x".repeat(100).as_str(), &[], &keys("s"), &Budget::new(50));
    assert!(matches!(error, Err(Error::Budget(_))));
}

#[test]
fn equal_values_have_equal_stand_ins_within_a_scope_only() {
    for operator in [
        r#"{"type": "surrogate"}"#,
        r#"{"type": "encrypt", "deterministic": true}"#,
        r#"{"type": "format_preserving"}"#,
        r#"{"type": "hash"}"#,
    ] {
        let operators = format!(r#"{{"default": {operator}}}"#);
        let text = |scope: &str| {
            anonymizer(&operators)
                .anonymize(
                    "123456789",
                    &[finding(Entity::US_SSN, 0, 9)],
                    &keys(scope),
                    &Budget::unlimited(),
                )
                .unwrap()
                .text
        };
        assert_eq!(text("a"), text("a"), "{operator}");
        assert_ne!(text("a"), text("b"), "{operator}");
    }
    let twice = || treat(r#"{"type": "encrypt"}"#, Entity::TERM, "x");
    assert_ne!(twice(), twice());
}

#[test]
fn a_ciphertext_of_presidios_encrypt_operator_opens() {
    // Made with Python's `cryptography`: base64url(IV || AES-CBC(PKCS #7(text))), key and IV as written here.
    for (key, sealed) in [
        (
            &b"0123456789abcdef"[..],
            "EBESExQVFhcYGRobHB0eH6Jl9cCdE-Hq0_Zi4b2QX2QXrXDFcN42DNZ_tZhlyjuf",
        ),
        (
            &b"0123456789abcdef01234567"[..],
            "EBESExQVFhcYGRobHB0eH6IFUs1m1qunqUK_QyPMIOdSUSfwhbXUHJX67l7Qywbk",
        ),
        (
            &b"0123456789abcdef0123456789abcdef"[..],
            "EBESExQVFhcYGRobHB0eHwSKD_zyhWAMAu6Tg52ttgAYoCXImhoA58IZlpI7Ol7C",
        ),
    ] {
        assert_eq!(
            open_presidio(key, sealed).unwrap().as_str(),
            "Žofia, zofia@example.com"
        );
        assert!(open_presidio(b"0000000000000000", sealed).is_err());
    }
    assert!(open_presidio(b"short", "AAAA").is_err());
}

const REVERSIBLE: [&str; 6] = [
    r#"{"type": "encrypt"}"#,
    r#"{"type": "encrypt", "deterministic": true}"#,
    r#"{"type": "date_shift", "max_days": 30}"#,
    r#"{"type": "surrogate"}"#,
    r#"{"type": "surrogate", "style": "realistic"}"#,
    r#"{"type": "keep"}"#,
];

/// Text with dates, names, digits and what looks like tokens and surrogates.
fn piece() -> impl Strategy<Value = String> {
    let token = treat(r#"{"type": "encrypt"}"#, Entity::PERSON, "planted");
    let surrogate = treat(r#"{"type": "surrogate"}"#, Entity::PERSON, "Ada Lovelace");
    let made_up = treat(
        r#"{"type": "surrogate", "style": "realistic"}"#,
        Entity::PERSON,
        "Ada Lovelace",
    );
    prop_oneof![
        "\\PC{0,12}",
        "[ a-zA-Z0-9.,<>:_-]{0,12}",
        prop::sample::select(vec![
            token.clone(),
            token.trim_end_matches('>').to_owned(),
            token.trim_start_matches('<').to_owned(),
            surrogate.clone(),
            surrogate.to_lowercase(),
            surrogate.trim_start_matches('<').to_owned(),
            made_up,
            "<PERSON:enc:".to_owned(),
            "Ada Lovelace".to_owned(),
            "Ms Lovelace".to_owned(),
            "LOVELACE, Ada".to_owned(),
            "ada".to_owned(),
            "2024-02-29".to_owned(),
            "3. März 2024".to_owned(),
            "4111 1111 1111 1111".to_owned(),
            "+49 30 901820".to_owned(),
            "ada@example.com".to_owned(),
        ]),
    ]
}

proptest! {
    #[test]
    fn restoring_gives_back_any_text_under_any_reversible_operators(
        pieces in prop::collection::vec((piece(), prop::option::of(0_usize..Entity::ALL.len())), 0..12),
        overlaps in prop::collection::vec((0_usize..80, 0_usize..20, 0_usize..Entity::ALL.len()), 0..4),
        default in prop::sample::select(REVERSIBLE.to_vec()),
        person in prop::sample::select(REVERSIBLE.to_vec()),
    ) {
        let mut text = String::new();
        let mut findings = Vec::new();
        for (piece, entity) in pieces {
            let start = text.len();
            text.push_str(&piece);
            if let Some(entity) = entity {
                findings.push(finding(Entity::ALL[entity], start, text.len()));
            }
        }
        let bound = |at: usize| (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap();
        findings.extend(
            overlaps.iter().map(|(start, length, entity)| {
                finding(Entity::ALL[*entity], bound(*start), bound(start + length))
            }),
        );
        let operators = format!(r#"{{"default": {default}, "entities": {{"PERSON": {person}}}}}"#);
        let made = make(&operators, &text, &findings).unwrap();
        prop_assert_eq!(restore(&made), text);
        for item in &made.items {
            prop_assert!(item.span.of(&made.text).is_some());
        }
    }

    #[test]
    fn format_preservation_comes_back_or_is_refused(text in "\\PC{0,30}", cut in 0_usize..30) {
        let start = (0..=cut.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap();
        let operators = r#"{"default": {"type": "format_preserving"}}"#;
        match make(operators, &text, &[finding(Entity::TERM, start, text.len())]) {
            Ok(made) => {
                prop_assert_eq!(made.text.chars().count(), text.chars().count());
                prop_assert_eq!(restore(&made), text);
            }
            Err(error) => {
                let is_refusal = matches!(error, Error::Value { .. });
                prop_assert!(is_refusal);
            }
        }
    }

    #[test]
    fn tokens_alone_give_back_any_text(
        pieces in prop::collection::vec((piece(), any::<bool>()), 0..12),
        is_deterministic in any::<bool>(),
    ) {
        let mut text = String::new();
        let mut findings = Vec::new();
        for (piece, is_found) in pieces {
            let start = text.len();
            text.push_str(&piece);
            if is_found {
                findings.push(finding(Entity::TERM, start, text.len()));
            }
        }
        let operators = format!(r#"{{"default": {{"type": "encrypt", "deterministic": {is_deterministic}}}}}"#);
        let made = make(&operators, &text, &findings).unwrap();
        let restored = keys("s").restore_tokens(&made.text, &Budget::unlimited()).unwrap();
        prop_assert_eq!(restored.text, text.clone());
        prop_assert!(restored.left.is_empty());
        let edited = made.manifest.restore_edited(&made.text, &keys("s"), &Budget::unlimited()).unwrap();
        prop_assert_eq!(edited.text, text);
    }

    #[test]
    fn tags_alone_give_back_any_text(
        pieces in prop::collection::vec((piece(), prop::option::of(0_usize..Entity::ALL.len())), 0..12),
    ) {
        let mut text = String::new();
        let mut findings = Vec::new();
        for (piece, entity) in pieces {
            let start = text.len();
            text.push_str(&piece);
            if let Some(entity) = entity {
                findings.push(finding(Entity::ALL[entity], start, text.len()));
            }
        }
        let made = make(r#"{"default": {"type": "surrogate"}}"#, &text, &findings).unwrap();
        let edited = made.manifest.restore_edited(&made.text, &keys("s"), &Budget::unlimited()).unwrap();
        prop_assert_eq!(edited.text, text);
    }

    #[test]
    fn overlapping_findings_leave_no_reported_letter(
        text in "[a-z é]{0,40}",
        spans in prop::collection::vec((0_usize..40, 0_usize..12), 0..8),
    ) {
        let bound = |at: usize| (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap();
        let findings: Vec<_> = spans
            .iter()
            .map(|(start, length)| finding(Entity::TERM, bound(*start), bound(start + length)))
            .collect();
        let made = make(r#"{"default": {"type": "redact"}}"#, &text, &findings).unwrap();
        let left: String = text
            .char_indices()
            .filter(|(at, _)| !findings.iter().any(|f| (f.span.start..f.span.end).contains(at)))
            .map(|(_, c)| c)
            .collect();
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        prop_assert_eq!(letters(&made.text), letters(&left));
    }
}

#[test]
fn the_turns_of_a_conversation_share_their_surrogates() {
    let keys = keys("s");
    let anonymizer = anonymizer(r#"{"default": {"type": "surrogate"}}"#);
    let mut conversation = Conversation::new(&keys);
    let mut turn = |text: &str| {
        anonymizer
            .anonymize_next(
                text,
                &[finding(Entity::TERM, 0, text.len())],
                &mut conversation,
                &Budget::unlimited(),
            )
            .unwrap()
            .text
    };
    let first = turn("Apollo");
    assert_ne!(turn("Gemini"), first);
    assert_eq!(turn("Apollo"), first);
}

proptest! {
    #[test]
    fn made_up_values_alone_give_back_any_text(
        pieces in prop::collection::vec((piece(), prop::option::of(0_usize..Entity::ALL.len())), 0..12),
    ) {
        let mut text = String::new();
        let mut findings = Vec::new();
        for (piece, entity) in pieces {
            let start = text.len();
            text.push_str(&piece);
            if let Some(entity) = entity {
                findings.push(finding(Entity::ALL[entity], start, text.len()));
            }
        }
        let made = make(r#"{"default": {"type": "surrogate", "style": "realistic"}}"#, &text, &findings).unwrap();
        let edited = made.manifest.restore_edited(&made.text, &keys("s"), &Budget::unlimited()).unwrap();
        prop_assert_eq!(edited.text, text, "{}", made.text);
    }
}

#[test]
fn mentions_of_one_person_are_seen_to_belong_together_and_come_back_as_written() {
    let text = "Maria Lopez called. Ms Lopez said that Juan Lopez left; LOPEZ, Maria agreed. Maria's phone rang, Lopez hung up.";
    let names = [
        "Maria Lopez",
        "Ms Lopez",
        "Juan Lopez",
        "LOPEZ, Maria",
        "Maria's",
        "Lopez hung",
    ];
    let mut findings = found(text, &names.map(|name| (Entity::PERSON, name)));
    findings[5].span.end -= " hung".len();
    for style in ["tag", "realistic"] {
        let operators = format!(r#"{{"default": {{"type": "surrogate", "style": "{style}"}}}}"#);
        let made = make(&operators, text, &findings).unwrap();
        assert_eq!(restore(&made), text);
        let edited = made
            .manifest
            .restore_edited(&made.text, &keys("s"), &Budget::unlimited())
            .unwrap();
        assert_eq!(edited.text, text, "{}", made.text);
        assert!(
            !made.text.to_lowercase().contains("lopez") && !made.text.contains("Maria"),
            "{}",
            made.text
        );
    }
    let made = make(r#"{"default": {"type": "surrogate"}}"#, text, &findings).unwrap();
    let tags: Vec<&str> = made
        .items
        .iter()
        .map(|i| i.span.of(&made.text).unwrap().trim_matches(['<', '>']))
        .collect();
    let maria = tags[0];
    for (tag, part) in [(tags[1], "_L"), (tags[3], "_"), (tags[4], "_F")] {
        assert!(tag.starts_with(&format!("{maria}{part}")), "{tag}");
    }
    assert!(!tags[2].starts_with(maria) && !tags[5].starts_with(maria) && !tags[5].starts_with(tags[2]));
}

#[test]
fn a_made_up_name_that_is_typed_back_is_not_taken_for_the_person() {
    let keys = keys("s");
    let anonymizer = anonymizer(r#"{"default": {"type": "surrogate", "style": "realistic"}}"#);
    let mut conversation = Conversation::new(&keys);
    let budget = Budget::unlimited();
    let mut turn = |text: &str, findings: &[Finding]| {
        anonymizer
            .anonymize_next(text, findings, &mut conversation, &budget)
            .unwrap()
    };
    let first = turn("Maria Lopez", &[finding(Entity::PERSON, 0, 11)]);
    let echo = format!("Who is {}? Ms Lopez asks.", first.text.to_uppercase());
    let at = echo.find("Ms").unwrap();
    let second = turn(&echo, &[finding(Entity::PERSON, at, at + 8)]);
    assert!(second.text.contains("<SURROGATE:enc:"), "{}", second.text);
    let restored = second
        .manifest
        .restore_edited(&second.text, &keys, &budget)
        .unwrap();
    assert_eq!(restored.text, echo);
    assert_eq!(
        second.manifest.restore(&second.text, &keys, &budget).unwrap(),
        echo
    );
}
