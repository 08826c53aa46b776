//! Incidents on the command line: opened, worked on, and proved without a store.

use serde_json::Value;

use crate::cli::{err, fine, folder, run, with_settings};

#[test]
fn an_incident_goes_from_its_opening_to_evidence_that_is_checked_elsewhere() {
    let here = with_settings();
    fine(&here, &["key", "create", "--name", "ci"]);
    let id = fine(
        &here,
        &[
            "incident",
            "open",
            "leaked_key",
            "--title",
            "in a repository",
            "--principal",
            "ci",
        ],
    );
    let id = id.trim();
    fine(&here, &["incident", "note", id, "revoked"]);
    fine(&here, &["incident", "state", id, "contained", "nobody used it"]);
    fine(&here, &["incident", "notified", id, "reference 7"]);
    let listed = fine(&here, &["incident", "list", "--format", "jsonl"]);
    let listed: Value = serde_json::from_str(&listed).expect("one line of JSON");
    assert_eq!(
        (&listed["state"], &listed["title"]),
        (&"contained".into(), &"in a repository".into())
    );
    assert_eq!(listed["notification"]["remaining"], Value::Null);
    let shown: Value = serde_json::from_str(&fine(&here, &["incident", "show", id])).expect("JSON");
    assert_eq!(shown["incident"]["timeline"].as_array().map(Vec::len), Some(4));
    let step = shown["playbook"]["steps"][0].as_str().expect("a step");
    assert!(step.contains("Revoke the key"), "{step}");
    // What was noted is sealed.
    let store = std::fs::read(here.path().join("privet-data/privet.sqlite")).expect("a store");
    let text = String::from_utf8_lossy(&store);
    assert!(!text.contains("in a repository") && !text.contains("nobody used it"));
    fine(&here, &["incident", "bundle", id, "--out", "evidence"]);
    let key = fine(&here, &["audit", "key"]);
    let there = folder();
    std::fs::write(there.path().join("log.pub"), key).expect("a file");
    let evidence = here.path().join("evidence");
    let evidence = evidence.to_str().expect("a path");
    let verify = ["incident", "verify", evidence, "--key", "log.pub"];
    let told = fine(&there, &verify);
    assert!(
        told.contains(id) && told.contains("4 leaves in the log of 5 leaves"),
        "{told}"
    );
    // Another key, a changed file, a file more, a file less.
    let other = with_settings();
    fine(&other, &["key", "create", "--name", "ci"]);
    std::fs::write(there.path().join("other.pub"), fine(&other, &["audit", "key"])).expect("a file");
    let output = run(&there, &["incident", "verify", evidence, "--key", "other.pub"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let path = |name: &str| std::path::Path::new(evidence).join(name);
    let refused = |says: &str| {
        let output = run(&there, &verify);
        assert_eq!(output.status.code(), Some(1), "{}", err(&output));
        assert!(err(&output).contains(says), "{}", err(&output));
    };
    let incident = std::fs::read_to_string(path("incident.json")).expect("a file");
    std::fs::write(path("incident.json"), incident.replace("contained", "resolved")).expect("a file");
    refused("`incident.json` was changed");
    std::fs::write(path("incident.json"), &incident).expect("a file");
    std::fs::write(path("more.json"), "{}").expect("a file");
    refused("`more.json` is not in its list");
    std::fs::remove_file(path("more.json")).expect("a file");
    fine(&there, &verify);
    let manifest = std::fs::read_to_string(path("manifest")).expect("a file");
    std::fs::write(path("manifest"), manifest.replacen("default", "another", 1)).expect("a file");
    refused("not signed by that key, or was changed");
}

#[test]
fn a_playbook_of_ones_own_takes_the_place_of_the_one_that_ships() {
    let here = with_settings();
    fine(&here, &["key", "create", "--name", "ci"]);
    let settings = here.path().join("privet.toml");
    let text = std::fs::read_to_string(&settings).expect("settings");
    std::fs::write(&settings, format!("{text}\n[alerts]\nplaybooks = \"own\"\n")).expect("settings");
    std::fs::create_dir(here.path().join("own")).expect("a folder");
    let own = "title = \"Ours\"\nsteps = [\"Call the desk.\"]\n";
    std::fs::write(here.path().join("own/other.toml"), own).expect("a playbook");
    let output = run(&here, &["incident", "open", "other", "--title", "x"]);
    assert!(
        err(&output).contains("Ours:") && err(&output).contains("1. Call the desk."),
        "{}",
        err(&output)
    );
    std::fs::write(here.path().join("own/other.toml"), "title = \"Ours\"\n").expect("a playbook");
    let output = run(&here, &["incident", "open", "other", "--title", "x"]);
    assert_eq!(output.status.code(), Some(2), "{}", err(&output));
    assert_eq!(fine(&here, &["alert", "list", "--format", "jsonl"]), "");
}
