//! What `privet pii detect --explain` says.

use serde_json::{Value, json};

use crate::pii::{ended, folder};

#[test]
fn explanations_name_the_word_and_the_check_digits_in_text_and_json() {
    let folder = folder(&[(
        "a.json",
        r#"{"ssn": "219099999", "note": "pay DE89 3704 0044 0532 0130 00 now"}"#,
    )]);
    let text = ended(&folder, &["detect", "a.json", "--explain"], "", 1);
    assert!(text.contains("`ssn` in its name"), "{text}");
    assert!(text.contains("right by mod97"), "{text}");
    let lines = ended(
        &folder,
        &["detect", "a.json", "--explain", "--output", "jsonl"],
        "",
        1,
    );
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let ssn = lines.iter().find(|l| l["type"] == "US_SSN").expect("the number");
    assert_eq!(
        (&ssn["context_word"], &ssn["context_place"]),
        (&json!("ssn"), &json!("name"))
    );
    assert!(ssn["score_without_context"].as_f64() < ssn["score"].as_f64());
    let iban = lines
        .iter()
        .find(|l| l["type"] == "IBAN_CODE")
        .expect("the account");
    assert_eq!(iban["checksum"], "mod97");
    assert!(iban.get("context_word").is_none(), "{iban}");
}
