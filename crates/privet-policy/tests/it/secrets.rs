use privet_policy::{SecretRef, policy_example, settings_example};

use crate::{LEAST, policy, refused, settings, switched_on};

const PASTED: &str = "sk-proj-4eC39HqLyjWDarjtT1zdp7dc";

fn with_key(written: &str) -> String {
    LEAST.replace("dialect", &format!("api_key = {written}\ndialect"))
}

#[test]
fn a_key_is_referred_to_by_variable_or_file() {
    let key = |written: &str| {
        settings(&with_key(written)).unwrap().providers()[0]
            .api_key()
            .cloned()
    };
    assert_eq!(
        key("{ env = \"OPENAI_API_KEY\" }"),
        Some(SecretRef::Env("OPENAI_API_KEY".to_owned()))
    );
    assert_eq!(
        key("{ file = \"/run/secrets/key\" }"),
        Some(SecretRef::File("/run/secrets/key".into()))
    );
}

#[test]
fn a_pasted_key_is_refused_and_not_repeated() {
    for written in [
        format!("\"{PASTED}\""),
        format!("'{PASTED}'"),
        format!("\"\"\"{PASTED}\"\"\""),
        PASTED.to_owned(),
        format!("\"{PASTED}"),
        format!("[\"{PASTED}\"]"),
        format!("{{ env = \"{PASTED}\" }}"),
        format!("{{ file = \"{PASTED}\" }}"),
        format!("{{ value = \"{PASTED}\" }}"),
        format!("{{ env = [\"{PASTED}\"] }}"),
        format!("{{ {PASTED} = \"env\" }}"),
        format!("{{ env = \"{PASTED}\", file = \"x\" }}"),
        format!("{{ env = \"A\", env = \"{PASTED}\" }}"),
    ] {
        let error = settings(&with_key(&written)).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("4eC39"), "{error:?}");
    }
}

#[test]
fn the_way_out_for_a_pasted_key_is_told() {
    assert_eq!(
        refused(&with_key(&format!("\"{PASTED}\""))),
        "privet.toml:4:11: `providers[0].api_key`: a key is never in the settings text; \
         use { env = \"NAME\" } or { file = \"path\" }, and if this one was real, replace it"
    );
    assert_eq!(
        refused(&format!("keys.root = \"{PASTED}\"")),
        "privet.toml:1:13: `keys.root`: a key is never in the settings text; \
         use { env = \"NAME\" } or { file = \"path\" }, and if this one was real, replace it"
    );
}

#[test]
fn a_reference_names_exactly_one_place() {
    let both = refused(&with_key("{ env = \"A\", file = \"b\" }"));
    assert!(
        both.ends_with("two places for one key; give either `env` or `file`"),
        "{both}"
    );
    let none = refused(&with_key("{}"));
    assert!(
        none.ends_with("no place given; use { env = \"NAME\" } or { file = \"path\" }"),
        "{none}"
    );
}

#[test]
fn a_key_in_an_address_or_a_query_is_refused_and_not_repeated() {
    for line in [
        format!("base_url = \"https://user:{PASTED}@example.com/v1\""),
        format!("base_url = \"https://example.com/v1?key={PASTED}\""),
        format!("base_url = \"https://example.com/v1\"\nquery = \"api-version=1&key={PASTED}\""),
        format!("base_url = \"https://example.com/v1\"\nquery = \"subscription-key={PASTED}\""),
        format!("base_url = \"https://example.com/v1\"\nquery = \"access_token={PASTED}\""),
    ] {
        let error = refused(&LEAST.replace("base_url = \"http://127.0.0.1:11434/v1\"", &line));
        assert!(error.contains("`providers[0]."), "{error}");
        assert!(!error.contains("4eC39"), "{error}");
    }
}

/// Every document in which one value of `example` is `PASTED` instead, in several forms.
fn with_each_value_replaced(example: &str) -> Vec<String> {
    let lines: Vec<&str> = example.lines().collect();
    let forms = [
        format!("\"{PASTED}\""),
        PASTED.to_owned(),
        format!("[\"{PASTED}\"]"),
        format!("{{ {PASTED} = 1 }}"),
        format!("{{ \"{PASTED}\" = \"{PASTED}\" }}"),
        format!("{{ \"`{PASTED}`, expected `{PASTED}`\" = \"{PASTED}\" }}"),
        format!("\"{PASTED}, expected {PASTED}\""),
        format!("\"{PASTED}"),
    ];
    let mut documents = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some((key, value)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) else {
            continue;
        };
        let mut replacements: Vec<String> = forms.iter().map(|form| format!("{key} = {form}")).collect();
        replacements.push(format!("{PASTED} = {value}"));
        replacements.push(format!("{line}\n{PASTED} = \"{PASTED}\""));
        replacements.push(format!("{line}\n[{PASTED}]"));
        for replacement in replacements {
            let mut changed: Vec<&str> = lines.clone();
            changed[at] = &replacement;
            documents.push(changed.join("\n"));
        }
    }
    documents
}

#[test]
fn no_value_or_strange_key_of_the_settings_is_ever_repeated() {
    let documents = with_each_value_replaced(&switched_on(settings_example()));
    assert!(documents.len() > 300);
    for document in documents {
        let shown = settings(&document)
            .err()
            .map(|error| format!("{error} {error:?}"))
            .unwrap_or_default();
        assert!(!shown.contains("4eC39"), "{shown}");
    }
}

#[test]
fn no_value_or_strange_key_of_the_policy_is_ever_repeated() {
    let documents = with_each_value_replaced(&switched_on(policy_example()));
    assert!(documents.len() > 100);
    for document in documents {
        let shown = policy(&document)
            .err()
            .map(|error| format!("{error} {error:?}"))
            .unwrap_or_default();
        assert!(!shown.contains("4eC39"), "{shown}");
    }
}
