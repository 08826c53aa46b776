//! `privet kill`.

use serde_json::Value;

use crate::cli::{fine, refused, with_settings};

fn listed(folder: &tempfile::TempDir, more: &[&str]) -> Vec<Value> {
    let arguments = [&["kill", "list", "--format", "jsonl"], more].concat();
    let text = fine(folder, &arguments);
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[test]
fn switches_are_set_listed_and_taken_back_in_the_store_and_on_this_machine() {
    let folder = with_settings();
    fine(&folder, &["key", "create", "--name", "ann"]);
    fine(
        &folder,
        &[
            "kill",
            "on",
            "principal",
            "ann",
            "--reason",
            "laptop stolen",
            "--for",
            "2h",
        ],
    );
    let stored = listed(&folder, &[]);
    assert_eq!(stored.len(), 1, "{stored:?}");
    assert_eq!(stored[0]["kind"], "principal");
    assert_eq!(stored[0]["tenant"], "default");
    assert_eq!(stored[0]["state"], "on");
    std::fs::create_dir_all(folder.path().join("privet-data/spool")).expect("a folder");
    fine(
        &folder,
        &["kill", "on", "all", "--reason", "store down", "--local"],
    );
    let local = listed(&folder, &["--local"]);
    assert_eq!((local.len(), &local[0]["kind"]), (1, &Value::from("all")));
    assert_eq!(listed(&folder, &[]).len(), 2);
    fine(
        &folder,
        &["kill", "off", local[0]["id"].as_str().unwrap(), "--local"],
    );
    assert_eq!(listed(&folder, &["--local"]).len(), 0);
    fine(&folder, &["kill", "off", stored[0]["id"].as_str().unwrap()]);
    assert_eq!(listed(&folder, &[])[0]["state"], "off");
}

#[test]
fn an_order_that_makes_no_sense_is_refused_with_the_way_out() {
    let folder = with_settings();
    for (arguments, says) in [
        (
            &["kill", "on", "all", "ann", "--reason", "r"][..],
            "`all` or `tenant` alone",
        ),
        (&["kill", "on", "principal", "--reason", "r"], "with a name"),
        (&["kill", "on", "all", "--reason", " "], "say why"),
        (
            &["kill", "on", "provider", "nobody", "--reason", "r"],
            "there is no provider `nobody`",
        ),
        (
            &["kill", "on", "all", "--reason", "r", "--for", "long"],
            "no length of time",
        ),
        (&["kill", "on", "key", "nosuchkey", "--reason", "r"], "nosuchkey"),
        (&["kill", "off", "nosuchswitch"], "privet kill list"),
        (
            &["kill", "off", "nosuchswitch", "--local"],
            "privet kill list --local",
        ),
    ] {
        let told = refused(&folder, arguments);
        assert!(told.contains(says), "{arguments:?}: {told}");
    }
}
