//! `privet user|service|group|tenant` and `privet policy`.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::{err, fine, refused, run, with_settings};

fn write(folder: &TempDir, name: &str, text: &str) {
    std::fs::write(folder.path().join(name), text).expect("a file");
}

/// Settings with a policy document and one file of Cedar policies.
fn with_policies(cedar: &str) -> TempDir {
    let folder = with_settings();
    write(&folder, "policy.toml", "[access]\npolicies = [\"own.cedar\"]\n");
    write(&folder, "own.cedar", cedar);
    let settings = std::fs::read_to_string(folder.path().join("privet.toml")).expect("settings");
    write(
        &folder,
        "privet.toml",
        &format!("policy = \"policy.toml\"\n{settings}"),
    );
    folder
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// The command ends with 1, and this on standard output.
fn failing(folder: &TempDir, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", err(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn people_services_and_groups_are_made_listed_shown_and_switched_off() {
    let folder = with_settings();
    fine(&folder, &["user", "create", "ann", "--role", "user"]);
    fine(&folder, &["service", "create", "crm", "--role", "service"]);
    fine(&folder, &["group", "create", "research", "--role", "developer"]);
    fine(&folder, &["group", "add", "research", "ann"]);
    fine(&folder, &["key", "create", "--name", "ann"]);
    fine(&folder, &["key", "create", "--name", "legacy"]);

    let users = lines(&fine(&folder, &["user", "list", "--format", "jsonl"]));
    assert_eq!(users.len(), 1, "{users:?}");
    assert_eq!(users[0]["roles"], json!(["developer", "user"]));
    assert_eq!(users[0]["groups"], json!(["research"]));
    let services = lines(&fine(&folder, &["service", "list", "--format", "jsonl"]));
    let states: Vec<_> = services
        .iter()
        .map(|s| (s["name"].clone(), s["state"].clone()))
        .collect();
    assert_eq!(
        states,
        [
            (json!("crm"), json!("active")),
            (json!("legacy"), json!("by key"))
        ]
    );

    fine(&folder, &["group", "remove", "research", "ann"]);
    fine(&folder, &["user", "revoke", "ann", "user"]);
    fine(&folder, &["user", "disable", "ann"]);
    let shown: Value = serde_json::from_str(&fine(&folder, &["user", "show", "ann"])).expect("JSON");
    assert_eq!(
        (&shown["roles"], &shown["is_disabled"]),
        (&json!([]), &json!(true))
    );
    assert_eq!(shown["keys"].as_array().expect("keys").len(), 1);
    fine(&folder, &["user", "enable", "ann"]);
    fine(&folder, &["tenant", "disable", "--tenant", "acme"]);
    let tenants = lines(&fine(&folder, &["tenant", "list", "--format", "jsonl"]));
    assert_eq!(
        (&tenants[0]["name"], &tenants[0]["state"]),
        (&json!("acme"), &json!("disabled"))
    );
}

#[test]
fn what_is_mistyped_is_refused_or_pointed_at() {
    let folder = with_settings();
    fine(&folder, &["user", "create", "ann"]);
    assert!(refused(&folder, &["user", "create", "ann"]).contains("choose another name"));
    assert!(refused(&folder, &["service", "disable", "ann"]).contains("there is no service `ann`"));
    assert!(refused(&folder, &["group", "add", "lab", "ann"]).contains("privet group create"));
    assert!(refused(&folder, &["user", "grant", "ann", "service"]).contains("for service accounts"));
    let granted = run(&folder, &["user", "grant", "ann", "devloper"]);
    assert_eq!(granted.status.code(), Some(0));
    assert!(
        err(&granted).contains("no policy speaks of the role `devloper`"),
        "{}",
        err(&granted)
    );
    let found = failing(&folder, &["policy", "check"]);
    assert!(found.contains("role devloper"), "{found}");
}

#[test]
fn policies_are_checked_with_the_place_of_each_fault() {
    let folder = with_policies("permit (principal, action, resource)\nwhen { context.colour };\n");
    let said = refused(&folder, &["policy", "check"]);
    assert!(said.contains("policy `own.cedar` line 2, column"), "{said}");
    // Nothing starts on policies that cannot be used.
    assert!(refused(&folder, &["serve", "--check"]).contains("own.cedar"));
    write(
        &folder,
        "own.cedar",
        "permit (principal, action, resource) when { context.hour < 6 };\n",
    );
    fine(&folder, &["policy", "check"]);
    let with_own = fine(&folder, &["serve", "--check"]);
    write(
        &folder,
        "own.cedar",
        "permit (principal, action, resource) when { context.hour < 7 };\n",
    );
    assert_ne!(with_own, fine(&folder, &["serve", "--check"]));
}

#[test]
fn a_policy_that_asks_for_data_that_is_not_looked_for_starts_nothing() {
    let folder = with_policies(
        "@id(\"no-mail\") forbid (principal, action == Privet::Action::\"prompt\", resource)\n\
         when { context.kinds.contains(\"EMAIL_ADDRESS\") };\n",
    );
    let policy = "[access]\npolicies = [\"own.cedar\"]\n";
    fine(&folder, &["serve", "--check"]);
    for pii in [
        "[pii.entities]\nEMAIL_ADDRESS = \"allow\"\n",
        "[pii]\ndefault_action = \"allow\"\n",
    ] {
        write(&folder, "policy.toml", &format!("{policy}{pii}"));
        for arguments in [&["serve", "--check"][..], &["policy", "check"]] {
            let said = refused(&folder, arguments);
            assert!(
                said.contains("own.cedar#no-mail") && said.contains("EMAIL_ADDRESS"),
                "{said}"
            );
        }
    }
    write(&folder, "policy.toml", policy);
    for (condition, wrong) in [
        ("context.kinds.contains(\"EMAIL\")", "`EMAIL`"),
        (
            "context.kinds.containsAny([\"PERSON\", \"LOCATION\"])",
            "LOCATION",
        ),
        ("!context.kinds.containsAll([\"MAIL\"])", "`MAIL`"),
    ] {
        let text = format!(
            "forbid (principal, action == Privet::Action::\"prompt\", resource) when {{ {condition} }};\n"
        );
        write(&folder, "own.cedar", &text);
        let said = refused(&folder, &["serve", "--check"]);
        assert!(said.contains(wrong), "{condition}: {said}");
    }
    // What is asked for elsewhere is no kind.
    let text = "forbid (principal, action == Privet::Action::\"prompt\", resource) when { context.surface == \"LOCATION\" };\n";
    write(&folder, "own.cedar", text);
    fine(&folder, &["serve", "--check"]);
}

#[test]
fn an_explanation_says_what_refuses_without_any_policy() {
    let folder = with_policies("");
    fine(&folder, &["user", "create", "ann", "--role", "user"]);
    let explain = |more: &[&str]| {
        let arguments = [&["policy", "explain", "--user", "ann", "--format", "jsonl"], more].concat();
        let output = run(&folder, &arguments);
        let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (output.status.code(), answer)
    };
    // The provider of these settings is on this machine, which needs no assessment.
    let mail = ["--model", "gpt", "--kind", "EMAIL_ADDRESS"];
    let (code, answer) = explain(&mail);
    assert_eq!(
        (code, &answer["decision"]),
        (Some(0), &json!("allow")),
        "{answer}"
    );
    let policy = |more: &str| format!("[access]\npolicies = [\"own.cedar\"]\nassess_local = true\n{more}");
    write(
        &folder,
        "policy.toml",
        &policy("[pii.entities]\nEMAIL_ADDRESS = \"allow\"\n"),
    );
    let (code, answer) = explain(&mail);
    assert_eq!((code, &answer["decision"]), (Some(1), &json!("deny")), "{answer}");
    assert!(
        answer["refusals"][0]
            .as_str()
            .expect("why")
            .contains("EMAIL_ADDRESS leaves as it is")
    );
    let (code, answer) = explain(&["--model", "gpt", "--kind", "IBAN_CODE"]);
    assert_eq!(code, Some(0), "masked: {answer}");
    let (code, answer) = explain(&["--model", "gpt", "--kind", "LOCATION"]);
    assert_eq!(code, Some(0), "broad: {answer}");
    write(
        &folder,
        "policy.toml",
        &policy("require_assessment = \"always\"\n"),
    );
    let (code, answer) = explain(&["--model", "gpt", "--kind", "IBAN_CODE"]);
    assert_eq!(code, Some(1), "{answer}");
    assert_eq!(explain(&["--model", "gpt"]).0, Some(0), "nothing was found");
    fine(&folder, &["user", "disable", "ann"]);
    let (code, answer) = explain(&["--model", "gpt"]);
    assert_eq!(code, Some(1), "{answer}");
    assert!(
        answer["refusals"][0]
            .as_str()
            .expect("why")
            .contains("switched off")
    );
    let text = failing(&folder, &["policy", "explain", "--user", "ann", "--model", "gpt"]);
    assert!(
        text.starts_with("deny: prompt") && text.contains("switched off"),
        "{text}"
    );
}

const AT_NIGHT: &str = r#"@id("night") @message("not at night")
forbid (principal, action == Privet::Action::"prompt", resource) when { context.hour < 6 };
"#;

#[test]
fn a_request_is_explained_and_cases_are_tested() {
    let folder = with_policies(AT_NIGHT);
    let of_ann = [
        "policy", "explain", "--user", "ann", "--role", "user", "--model", "gpt",
    ];
    let at = |time| [&of_ann[..], &["--at", time]].concat();
    let allowed = fine(&folder, &at("2026-03-02T08:00:00Z"));
    assert!(
        allowed.starts_with("allow: prompt") && allowed.contains("privet#user"),
        "{allowed}"
    );
    let denied = failing(&folder, &at("2026-03-02T03:00:00Z"));
    assert!(
        denied.contains("not at night") && denied.contains("own.cedar#night"),
        "{denied}"
    );
    let unknown = refused(
        &folder,
        &["policy", "explain", "--user", "ann", "--action", "promt"],
    );
    assert!(unknown.contains("there is no action `promt`"), "{unknown}");

    let case = |name: &str, expect: &str, at: &str| {
        json!({"name": name, "expect": expect, "user": "ann", "roles": ["user"], "model": "gpt", "at": at})
            .to_string()
    };
    let (day, night) = ("2026-03-02T08:00:00Z", "2026-03-02T03:00:00Z");
    write(
        &folder,
        "good.jsonl",
        &[case("day", "allow", day), case("night", "deny", night)].join("\n"),
    );
    fine(&folder, &["policy", "test", "good.jsonl"]);
    write(
        &folder,
        "bad.jsonl",
        &[case("day", "allow", day), case("wrong", "allow", night)].join("\n"),
    );
    let failed = failing(&folder, &["policy", "test", "bad.jsonl"]);
    assert!(
        failed.contains("FAILED: wrong") && !failed.contains("FAILED: day"),
        "{failed}"
    );
    write(&folder, "none.jsonl", "\n");
    refused(&folder, &["policy", "test", "none.jsonl"]);
    write(&folder, "odd.jsonl", "{\"expct\": \"allow\"}\n");
    assert!(refused(&folder, &["policy", "test", "odd.jsonl"]).contains("line 1"));
}

#[test]
fn an_assessment_is_made_checked_and_refused_once_it_was_changed() {
    let folder = with_settings();
    write(&folder, "contract.pdf", "evidence");
    let signer = fine(&folder, &["policy", "signer", "--key", "sign.key", "--new"]);
    assert_eq!(signer, fine(&folder, &["policy", "signer", "--key", "sign.key"]));
    assert!(refused(&folder, &["policy", "signer", "--key", "sign.key", "--new"]).contains("not replaced"));
    let assess = [
        "policy",
        "assess",
        "--provider",
        "demo",
        "--contract",
        "DPA 7",
        "--retention-days",
        "0",
        "--region",
        "eu",
        "--training-opt-out",
        "--evidence",
        "contract.pdf",
        "--assessor",
        "Privacy Office",
        "--key",
        "sign.key",
        "--out",
        "demo.assessment.json",
    ];
    fine(&folder, &assess);
    let verify = [
        "policy",
        "assessment",
        "verify",
        "demo.assessment.json",
        "--signer",
        signer.trim(),
    ];
    let shown: Value = serde_json::from_str(&fine(&folder, &verify)).expect("JSON");
    assert_eq!(
        (&shown["status"], &shown["record"]["provider"]),
        (&json!("valid"), &json!("demo"))
    );

    let path = folder.path().join("demo.assessment.json");
    let text = std::fs::read_to_string(&path).expect("a file");
    write(&folder, "demo.assessment.json", &text.replace("\"eu\"", "\"us\""));
    let output = run(&folder, &verify);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        err(&output).contains("does not bear the signature"),
        "{}",
        err(&output)
    );
    assert_eq!(mode(&folder.path().join("sign.key")), 0o600);
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[test]
fn training_that_was_signed_is_kept_and_shown() {
    let folder = with_settings();
    let signer = fine(&folder, &["policy", "signer", "--key", "sign.key", "--new"]);
    let settings = std::fs::read_to_string(folder.path().join("privet.toml")).expect("settings");
    let with_signer = format!("{settings}[access]\nsigners = [\"{}\"]\n", signer.trim());
    write(&folder, "privet.toml", &with_signer);
    fine(&folder, &["user", "create", "ann", "--role", "user"]);
    let sign = [
        "policy",
        "training",
        "--user",
        "ann",
        "--course",
        "basics",
        "--trainer",
        "HR",
        "--key",
        "sign.key",
        "--out",
        "ann.json",
    ];
    fine(&folder, &sign);
    fine(&folder, &["user", "train", "ann.json"]);
    let shown: Value = serde_json::from_str(&fine(&folder, &["user", "show", "ann"])).expect("JSON");
    assert_eq!(shown["training"], json!(["basics"]));
    let text = std::fs::read_to_string(folder.path().join("ann.json")).expect("a file");
    write(&folder, "forged.json", &text.replace("basics", "advanced"));
    refused(&folder, &["user", "train", "forged.json"]);
}

#[test]
fn a_review_lists_what_was_granted_and_never_used() {
    let folder = with_settings();
    fine(&folder, &["user", "create", "ann", "--role", "auditor"]);
    fine(
        &folder,
        &["key", "create", "--name", "ann", "--scope", "vault.audit"],
    );
    let rows = lines(&fine(&folder, &["policy", "review", "--format", "jsonl"]));
    let actions: Vec<_> = rows
        .iter()
        .map(|row| (row["action"].as_str(), row["has_key"].as_bool()))
        .collect();
    assert_eq!(
        actions,
        [
            (Some("vault.audit"), Some(true)),
            (Some("key.read"), Some(false)),
            (Some("people.read"), Some(false)),
            (Some("policy.read"), Some(false)),
            (Some("watch.read"), Some(false)),
            (Some("kill.read"), Some(false)),
            (Some("token.make"), Some(false)),
            (Some("notice.acknowledge"), Some(false)),
            (Some("sign_in"), Some(false)),
        ]
    );
    let unused = lines(&fine(
        &folder,
        &["policy", "review", "--unused", "--format", "jsonl"],
    ));
    assert_eq!(unused.len(), 1, "{unused:?}");
    assert_eq!(unused[0]["last_used_at"], Value::Null);
}

#[test]
fn notices_are_listed_with_those_who_have_yet_to_acknowledge_them_and_cases_can_say_who_has() {
    let folder = with_policies(
        r#"forbid (principal, action == Privet::Action::"prompt", resource) unless { context.acknowledged.contains("rules") };"#,
    );
    let notice = "[[notices]]\nid = \"rules\"\ntext = { en = \"Be kind.\" }\nroles = [\"user\"]\n";
    let policy = std::fs::read_to_string(folder.path().join("policy.toml")).expect("a policy");
    write(&folder, "policy.toml", &format!("{policy}{notice}"));
    fine(&folder, &["user", "create", "ann", "--role", "user"]);
    fine(&folder, &["user", "create", "sam", "--role", "security"]);
    fine(&folder, &["service", "create", "crm", "--role", "service"]);
    let rows = lines(&fine(
        &folder,
        &["policy", "notices", "--open", "--format", "jsonl"],
    ));
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(
        (&rows[0]["name"], &rows[0]["standing"], &rows[0]["at"]),
        (&json!("ann"), &json!("open"), &Value::Null)
    );
    assert_eq!(rows[0]["hash"].as_str().map(str::len), Some(32));
    let table = fine(&folder, &["policy", "notices"]);
    assert!(
        table.contains("ann") && !table.contains("sam") && !table.contains("crm"),
        "{table}"
    );
    let other = lines(&fine(
        &folder,
        &["policy", "notices", "--tenant", "acme", "--format", "jsonl"],
    ));
    assert!(other.is_empty(), "{other:?}");
    let explain = [
        "policy",
        "explain",
        "--user",
        "ann",
        "--model",
        "gpt-4.1",
        "--provider",
        "openai",
    ];
    failing(&folder, &explain);
    fine(&folder, &[&explain[..], &["--acknowledged", "rules"]].concat());
}
