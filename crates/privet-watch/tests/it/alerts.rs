use privet_watch::{Alert, Labels, Method, Response, Rule, Severity, Watched};

fn alert() -> Alert {
    Alert {
        at: "2026-03-02T09:00:00Z".parse().unwrap(),
        rule: Rule::PersonalData,
        severity: Severity::High,
        who: Watched(7),
        key: Some(3),
        feature: "personal values in an hour".to_owned(),
        expected_low: 0.0,
        expected_high: 34.5,
        seen: 90.0,
        method: Method::ModifiedZ,
        evidence: "48 active hours".to_owned(),
        company: vec!["the caller came from a new network within a day".to_owned()],
    }
}

/// The fields that the class requires, and the numbers that the schema fixes.
#[test]
fn an_alert_is_a_detection_finding_of_ocsf() {
    let labels = Labels {
        id: "a1".to_owned(),
        tenant: "acme".to_owned(),
        who: "f".repeat(32),
        key: Some("k1".to_owned()),
        response: Response::Throttle,
    };
    let json = alert().to_ocsf(&labels);
    for (pointer, expected) in [
        ("/class_uid", 2004_i64),
        ("/category_uid", 2),
        ("/activity_id", 1),
        ("/type_uid", 200_401),
        ("/severity_id", 4),
        ("/status_id", 1),
        ("/time", 1_772_442_000_000),
    ] {
        assert_eq!(
            json.pointer(pointer).and_then(serde_json::Value::as_i64),
            Some(expected),
            "{pointer}"
        );
    }
    for pointer in [
        "/metadata/version",
        "/metadata/product/vendor_name",
        "/finding_info/uid",
        "/finding_info/title",
    ] {
        assert!(
            json.pointer(pointer).is_some_and(serde_json::Value::is_string),
            "{pointer}"
        );
    }
    assert_eq!(
        json.pointer("/resources/0/data/api_key").and_then(|v| v.as_str()),
        Some("k1")
    );
}

#[test]
fn an_explanation_says_what_was_seen_expected_and_how_that_was_told() {
    assert_eq!(
        alert().explanation(),
        "90 personal values in an hour, expected 0 to 34; median and MAD of logarithms (Iglewicz & Hoaglin 1993), 48 active hours; \
         the caller came from a new network within a day"
    );
}

#[test]
fn every_rule_is_found_by_its_name() {
    assert!(
        Rule::ALL
            .into_iter()
            .all(|rule| Rule::named(rule.name()) == Some(rule))
    );
    assert_eq!(Rule::named("everything"), None);
}
