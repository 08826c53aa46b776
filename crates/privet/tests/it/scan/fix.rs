//! `--fix`: what was found in notebooks is taken out of them.

use serde_json::{Value, json};

use super::{MAIL, Place, secret};

/// A notebook as Jupyter writes it: a clean output, one with a secret, one with a mail address, and a secret in the source.
fn notebook(source: &str) -> String {
    let stream = |text: &str| json!({ "name": "stdout", "output_type": "stream", "text": [text] });
    let book = json!({
        "cells": [{
            "cell_type": "code", "execution_count": 1, "id": "c0ffee", "metadata": {},
            "outputs": [
                stream("clean\n"),
                stream(&format!("token {} end\n", secret(1))),
                stream(&format!("write to {MAIL} today\n")),
            ],
            "source": [source],
        }],
        "metadata": { "kernelspec": { "name": "python3" } }, "nbformat": 4, "nbformat_minor": 5,
    });
    let mut bytes = Vec::new();
    let form = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let mut to = serde_json::Serializer::with_formatter(&mut bytes, form);
    serde::Serialize::serialize(&book, &mut to).expect("JSON");
    format!("{}\n", String::from_utf8(bytes).expect("UTF-8"))
}

fn place(source: &str) -> (Place, String) {
    let place = Place::new();
    let text = notebook(source);
    place.write("n.ipynb", &text);
    (place, text)
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn clearing_takes_the_outputs_with_findings_and_nothing_else() {
    let (place, before) = place("print(1)");
    place.ended(&["n.ipynb", "--fix", "clear"], 0);
    let after = place.text("n.ipynb");
    let mut expected = parsed(&before);
    expected["cells"][0]["outputs"]
        .as_array_mut()
        .expect("outputs")
        .truncate(1);
    assert_eq!(parsed(&after), expected);
    // Every line that is left was there.
    let lines: Vec<&str> = before.lines().collect();
    let is_there = |line: &str| {
        lines
            .iter()
            .any(|one| one.trim_end_matches(',') == line.trim_end_matches(','))
    };
    assert!(after.lines().all(is_there), "{after}");
    // A second run changes nothing, and there is no copy.
    place.ended(&["n.ipynb", "--fix", "clear"], 0);
    assert_eq!(place.text("n.ipynb"), after);
    assert_eq!(std::fs::read_dir(place.work()).expect("a folder").count(), 1);
}

#[test]
fn redacting_replaces_what_was_found_and_keeps_the_rest() {
    let (place, before) = place("print(1)");
    place.ended(&["n.ipynb", "--fix", "redact"], 0);
    let after = place.text("n.ipynb");
    assert!(!after.contains(&secret(1)) && !after.contains(MAIL));
    let outputs = &parsed(&after)["cells"][0]["outputs"];
    assert_eq!(outputs.as_array().map(Vec::len), Some(3));
    let text = outputs[1]["text"][0].as_str().expect("a text");
    assert!(text.starts_with("token ") && text.ends_with(" end\n"), "{text}");
    assert_eq!(before.lines().count(), after.lines().count());
    let differ = before.lines().zip(after.lines()).filter(|(a, b)| a != b).count();
    assert_eq!(differ, 2);
    place.ended(&["n.ipynb", "--fix", "redact"], 0);
    assert_eq!(place.text("n.ipynb"), after);
}

#[test]
fn source_is_touched_on_demand_alone() {
    let source = format!("token = \"{}\"", secret(2));
    let (place, before) = place(&source);
    let left = place.found(&["n.ipynb", "--fix", "clear"], 1);
    assert_eq!(left.len(), 1, "{left:?}");
    let after = place.text("n.ipynb");
    assert!(after.contains(&secret(2)) && !after.contains(&secret(1)));
    assert_eq!(
        parsed(&after)["cells"][0]["source"],
        parsed(&before)["cells"][0]["source"]
    );
    place.ended(&["n.ipynb", "--fix", "redact", "--fix-source"], 0);
    let after = place.text("n.ipynb");
    assert!(
        !after.contains(&secret(2)) && after.contains("token = "),
        "{after}"
    );
    place.ended(&["n.ipynb", "--fix", "redact", "--fix-source"], 0);
    assert_eq!(place.text("n.ipynb"), after);
}

#[test]
fn a_backup_is_kept_on_demand_and_holds_what_was_there() {
    let (place, before) = place("print(1)");
    place.ended(&["n.ipynb", "--fix", "clear", "--backup"], 0);
    assert_eq!(place.text("n.ipynb.bak"), before);
    assert_ne!(place.text("n.ipynb"), before);
}

#[test]
fn what_is_allowed_or_no_notebook_is_left_as_it_is() {
    let (place, before) = place("print(1)");
    let line = format!("token = \"{}\"\n", secret(3));
    place.write("app.py", &line);
    place.write(
        "privet.toml",
        "[[scan.allow]]\npaths = [\"n.ipynb\"]\nreason = \"made up\"\n",
    );
    let left = place.found(&[".", "--fix", "clear"], 1);
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!((place.text("n.ipynb"), place.text("app.py")), (before, line));
}

#[test]
fn a_notebook_that_cannot_be_read_is_told_and_left_as_it_is() {
    let (place, before) = place("print(1)");
    let cut = before.replace("\"nbformat_minor\": 5\n}", "\"nbformat_minor\": 5");
    assert_ne!(cut, before);
    place.write("n.ipynb", &cut);
    let report = place.report(&["n.ipynb", "--fix", "clear"], 1);
    assert!(
        report["warnings"].to_string().contains("not mended"),
        "{}",
        report["warnings"]
    );
    assert_eq!(place.text("n.ipynb"), cut);
}

#[test]
fn what_could_not_be_mended_fails_the_scan_and_is_told_where_it_is_now() {
    let source = format!("token = \"{}\"", secret(2));
    let (place, before) = place(&source);
    let mut book = parsed(&before);
    // Words of the format, and metadata, which is mended with the outputs.
    book["metadata"]["note"] = json!(format!("token {}", secret(3)));
    book["cells"][0]["outputs"][0]["name"] = json!(secret(4));
    place.write("n.ipynb", serde_json::to_string_pretty(&book).expect("JSON"));
    let report = place.report(&["n.ipynb", "--category", "secret", "--fix", "redact"], 1);
    let left = report["findings"].as_array().expect("findings");
    assert_eq!(left.len(), 1, "{left:?}");
    let after = place.text("n.ipynb");
    assert!(!after.contains(&secret(3)) && !after.contains(&secret(4)));
    let at = |name: &str| usize::try_from(left[0][name].as_u64().expect("a place")).expect("a place");
    assert_eq!(after.get(at("start")..at("end")), Some(secret(2).as_str()));
    let line = after.split_at(at("start")).0.lines().count();
    assert_eq!(at("line"), line);
}
