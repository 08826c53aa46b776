//! Mending notebooks, and what stands around it.

#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "helpers of tests, on texts of their own"
)]

use std::fs;

use privet_supplychain::fix::{
    self, Error, Fixed, How, ImportError, REDACTED, Reach, Spot, hooks, import_nbdefense, write_atomically,
};
use privet_supplychain::segments::{Limits, SegmentKind, segments};
use privet_types::Budget;
use proptest::prelude::*;

fn spots_of(text: &str, values: &[&str]) -> Vec<Spot> {
    values
        .iter()
        .flat_map(|value| {
            text.match_indices(value).map(|(at, _)| Spot {
                start: at as u64,
                end: (at + value.len()) as u64,
            })
        })
        .collect()
}

fn mend(text: &str, values: &[&str], how: How, reach: Reach) -> (String, Fixed) {
    let spots = spots_of(text, values);
    let fixed = fix::notebook(text.as_bytes(), &spots, how, reach, &Budget::unlimited()).unwrap();
    (String::from_utf8(fixed.bytes.clone()).unwrap(), fixed)
}

/// A notebook of nbformat 4.5 with one code cell, in the way in which Jupyter writes it.
fn one_cell(outputs: &str) -> String {
    format!(
        "{{\n \"cells\": [\n  {{\n   \"cell_type\": \"code\",\n   \"execution_count\": 7,\n   \"id\": \"c0ffee-planted1\",\n   \
         \"metadata\": {{\n    \"tags\": [\"planted2\", \"planted3\"]\n   }},\n   \"outputs\": [{outputs}],\n   \
         \"source\": [\n    \"a = 'planted4'\\n\",\n    \"a\"\n   ]\n  }}\n ],\n \"metadata\": {{\"owner\": \"planted5\"}},\n \
         \"nbformat\": 4,\n \"nbformat_minor\": 5\n}}\n"
    )
}

fn stream(text: &str) -> String {
    format!(
        "\n    {{\n     \"name\": \"stdout\",\n     \"output_type\": \"stream\",\n     \"text\": [\n      \"{text}\\n\"\n     ]\n    }}"
    )
}

#[test]
fn an_output_is_cleared_with_its_comma_and_nothing_else() {
    let output = |names: &[&str]| {
        one_cell(&format!(
            "{}\n   ",
            names.iter().map(|n| stream(n)).collect::<Vec<_>>().join(",")
        ))
    };
    let cases: [(&[&str], &[&str]); 4] = [
        (&["bad1", "b", "c"], &["b", "c"]),
        (&["a", "bad1", "c"], &["a", "c"]),
        (&["a", "b", "bad1"], &["a", "b"]),
        (&["bad1", "b", "bad2", "bad3", "c", "bad4"], &["b", "c"]),
    ];
    for (before, after) in cases {
        let (text, fixed) = mend(&output(before), &["bad"], How::Clear, Reach::Outputs);
        assert_eq!(text, output(after));
        assert_eq!(fixed.cleared_outputs, before.len() - after.len());
    }
    let (text, _) = mend(&output(&["bad1", "bad2"]), &["bad"], How::Clear, Reach::Outputs);
    assert_eq!(text, one_cell(""));
}

#[test]
fn what_is_left_is_told_with_where_it_is_now() {
    let text = one_cell(&stream("x hunter2 and much more that goes"));
    let values = ["hunter2", "planted4", "planted5"];
    for (how, reach, left) in [
        (How::Clear, Reach::Outputs, &["planted4"][..]),
        (How::Redact, Reach::Outputs, &["planted4"]),
        (How::Redact, Reach::OutputsAndSource, &[]),
    ] {
        let spots = spots_of(&text, &values);
        let fixed = fix::notebook(text.as_bytes(), &spots, how, reach, &Budget::unlimited()).unwrap();
        let still: Vec<&str> = spots
            .iter()
            .filter(|spot| fixed.is_left(**spot))
            .map(|spot| {
                let now = fixed.now_at(spot.start) as usize..fixed.now_at(spot.end) as usize;
                std::str::from_utf8(&fixed.bytes[now]).unwrap()
            })
            .collect();
        assert_eq!(still, left, "{how:?} {reach:?}");
    }
    // A word of the format cannot be redacted; what is not in any output stays.
    let spots = spots_of(&text, &["nbformat_minor"]);
    let fixed = fix::notebook(
        text.as_bytes(),
        &spots,
        How::Redact,
        Reach::OutputsAndSource,
        &Budget::unlimited(),
    )
    .unwrap();
    assert!(fixed.is_left(spots[0]) && fixed.untouched_elsewhere == 1);
}

#[test]
fn only_the_spots_of_an_output_are_redacted() {
    let text = one_cell(&stream("x \\\"hunter2\\\" \\u00e9 hunter2 \\ud83d\\ude42"));
    let (mended, fixed) = mend(&text, &["hunter2"], How::Redact, Reach::Outputs);
    assert_eq!(mended, text.replace("hunter2", REDACTED));
    assert_eq!((fixed.redacted, fixed.cleared_outputs), (2, 0));
}

#[test]
fn escapes_and_characters_are_never_torn_and_line_ends_stay() {
    let at = |text: &str, start: usize, end: usize| {
        let whole = one_cell(&stream(text));
        let base = whole.find(text).unwrap();
        let spot = Spot {
            start: (base + start) as u64,
            end: (base + end) as u64,
        };
        let fixed = fix::notebook(
            whole.as_bytes(),
            &[spot],
            How::Redact,
            Reach::Outputs,
            &Budget::unlimited(),
        )
        .unwrap();
        let mended = String::from_utf8(fixed.bytes).unwrap();
        assert!(whole.starts_with(&mended[..base]));
        let rest = whole.len() - base - text.len();
        mended[base..mended.len() - rest].to_owned()
    };
    assert_eq!(at(r"a\u00e9b", 3, 5), r"a[redacted]b");
    assert_eq!(at(r"a\ud83d\ude42b", 8, 9), r"a[redacted]b");
    assert_eq!(at("aéb", 2, 3), "a[redacted]b");
    assert_eq!(at(r"ab\nc", 1, 4), r"a[redacted]\nc");
    assert_eq!(at(r"ab\\nc", 1, 5), r"a[redacted]c");
    assert_eq!(at(r"a\n\r\nb", 1, 7), r"a\n\r\nb");
    assert_eq!(at(r"a\nbc\nd\n", 1, 6), r"a\n[redacted]\nd\n");
}

#[test]
fn a_spot_over_several_lines_is_redacted_in_each() {
    let text = one_cell(
        "\n    {\"name\": \"stdout\", \"output_type\": \"stream\", \"text\": [\n      \"key: -----BEGIN\\n\",\n      \"abc\\n\",\n      \"END-----\\n\"\n    ]}\n   ",
    );
    let start = text.find("-----BEGIN").unwrap() as u64;
    let end = (text.find("END-----").unwrap() + 8) as u64;
    let fixed = fix::notebook(
        text.as_bytes(),
        &[Spot { start, end }],
        How::Redact,
        Reach::Outputs,
        &Budget::unlimited(),
    )
    .unwrap();
    assert_eq!(
        String::from_utf8(fixed.bytes).unwrap(),
        text.replace("-----BEGIN", REDACTED)
            .replace("abc", REDACTED)
            .replace("END-----", REDACTED)
    );
    assert_eq!((fixed.redacted, fixed.untouched_elsewhere), (3, 0));
}

#[test]
fn source_is_touched_only_if_it_may_be() {
    let text = one_cell("");
    let (mended, fixed) = mend(&text, &["planted4"], How::Clear, Reach::Outputs);
    assert_eq!((mended, fixed.untouched_in_source), (text.clone(), 1));
    let (mended, fixed) = mend(&text, &["planted4"], How::Clear, Reach::OutputsAndSource);
    assert_eq!((mended, fixed.redacted), (text.replace("planted4", REDACTED), 1));
}

#[test]
fn names_that_must_differ_differ_and_words_of_the_format_stay() {
    let text = one_cell("");
    let (mended, _) = mend(
        &text,
        &["planted1", "planted2", "planted3", "planted5"],
        How::Clear,
        Reach::Outputs,
    );
    assert!(mended.contains("\"id\": \"redacted-1\""), "{mended}");
    assert!(mended.contains("[\"redacted-1\", \"redacted-2\"]"), "{mended}");
    assert!(mended.contains("{\"owner\": \"[redacted]\"}"), "{mended}");
    let (mended, fixed) = mend(
        &text,
        &["code", "nbformat_minor"],
        How::Redact,
        Reach::OutputsAndSource,
    );
    assert_eq!((mended, fixed.untouched_elsewhere), (text, 2));
}

#[test]
fn an_output_whose_type_holds_a_spot_is_cleared_and_numbers_become_text() {
    let text = one_cell(
        "{\"output_type\": \"display_data\", \"metadata\": {}, \"data\": {\"application/x-hunter2+json\": {}}}",
    );
    let (mended, _) = mend(&text, &["hunter2"], How::Redact, Reach::Outputs);
    assert_eq!(mended, one_cell(""));
    let text = one_cell(
        "{\"output_type\": \"display_data\", \"metadata\": {}, \"data\": {\"application/json\": {\"a\": [1, 5551234]}}}",
    );
    let (mended, _) = mend(&text, &["5551234"], How::Redact, Reach::Outputs);
    assert_eq!(mended, text.replace("5551234", "\"[redacted]\""));
}

#[test]
fn spots_that_are_not_in_the_file_and_files_that_are_no_notebooks_are_refused() {
    let budget = Budget::unlimited();
    let fix = |text: &str, start, end| {
        fix::notebook(
            text.as_bytes(),
            &[Spot { start, end }],
            How::Clear,
            Reach::Outputs,
            &budget,
        )
        .unwrap_err()
    };
    let text = one_cell("");
    let len = text.len() as u64;
    assert_eq!(
        fix(&text, 5, len + 1),
        Error::OutOfRange {
            start: 5,
            end: len + 1,
            len
        }
    );
    assert!(matches!(fix(&text, 5, 4), Error::OutOfRange { .. }));
    assert_eq!(fix("{\"a\": 1}", 0, 1), Error::NotNotebook);
    assert_eq!(
        fix("{\"nbformat\": 4,\n \"cells\": [}", 0, 1).to_string(),
        "not valid JSON at line 2, column 12: expected a value or `]`"
    );
}

#[test]
fn fixed_notebooks_are_laid_out_for_nbformat_check() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("nbformat");
    fs::create_dir_all(&folder).unwrap();
    let rich = one_cell(
        r##"{"output_type": "execute_result", "execution_count": 7, "metadata": {"k": "planted6"}, "data": {
        "text/plain": ["a planted7\n", "b"], "text/html": "<td>planted8</td>", "application/json": {"planted9": [1, "planted10"]}}},
       {"output_type": "error", "ename": "E", "evalue": "planted11", "traceback": ["\u001b[0mplanted12", "x"]},
       {"output_type": "stream", "name": "stderr", "text": "fine"},
       {"output_type": "display_data", "metadata": {}, "data": {"application/planted13+json": {"a": 1}}}"##,
    );
    let attached = r##"{"cells": [{"cell_type": "markdown", "metadata": {"note": "planted1"}, "source": "fine", "attachments":
      {"planted2.txt": {"text/plain": ["planted3"]}}}], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}"##;
    let old = r##"{"metadata": {"name": "planted1"}, "nbformat": 3, "nbformat_minor": 0, "worksheets": [{"metadata": {}, "cells": [
      {"cell_type": "heading", "level": 1, "metadata": {}, "source": ["Title"]},
      {"cell_type": "code", "collapsed": false, "input": ["print(1)"], "language": "python", "metadata": {}, "prompt_number": 1,
       "outputs": [{"output_type": "stream", "stream": "stderr", "text": ["planted2"]},
         {"output_type": "pyout", "prompt_number": 1, "metadata": {}, "html": ["<b>planted3</b>"], "text": ["plain"]}]}]}]}"##;
    for (name, text) in [
        ("rich.source", rich.as_str()),
        ("attached", attached),
        ("old", old),
    ] {
        for (way, how) in [("clear", How::Clear), ("redact", How::Redact)] {
            let (mended, fixed) = mend(text, &["planted"], how, Reach::OutputsAndSource);
            assert_eq!(fixed.untouched_elsewhere, 0, "{name}");
            let (again, _) = mend(
                &mended,
                &["planted", "redacted"],
                How::Redact,
                Reach::OutputsAndSource,
            );
            assert_eq!(again, mended);
            fs::write(folder.join(format!("{name}.{way}.before.ipynb")), text).unwrap();
            fs::write(folder.join(format!("{name}.{way}.after.ipynb")), mended).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_spots_leave_a_notebook_that_differs_only_there(
        pairs in prop::collection::vec((any::<prop::sample::Index>(), 0..40_usize), 0..8),
        clear in any::<bool>(),
        source in any::<bool>(),
    ) {
        let text = one_cell(&format!(
            "{},{},\n {{\"output_type\": \"display_data\", \"metadata\": {{}}, \"data\": {{\"text/html\": [\"<p>\\u00e9 é\\\\</p>\\n\", \"🙂\"], \"application/json\": [12, {{\"a\": \"b\"}}]}}}}\n",
            stream("one"), stream("two")
        ));
        let spots: Vec<Spot> = pairs.iter().map(|(index, len)| {
            let start = index.index(text.len());
            Spot { start: start as u64, end: (start + len).min(text.len()) as u64 }
        }).collect();
        let how = if clear { How::Clear } else { How::Redact };
        let reach = if source { Reach::OutputsAndSource } else { Reach::Outputs };
        let fixed = fix::notebook(text.as_bytes(), &spots, how, reach, &Budget::unlimited()).unwrap();
        let after: serde_json::Value = serde_json::from_slice(&fixed.bytes).unwrap();
        prop_assert_eq!(&after["nbformat"], &serde_json::json!(4));
        prop_assert_eq!(&after["cells"][0]["execution_count"], &serde_json::json!(7));
        if !source {
            prop_assert_eq!(&after["cells"][0]["source"], &serde_json::json!(["a = 'planted4'\n", "a"]));
        }
        if spots.iter().all(|s| s.start == s.end) {
            prop_assert_eq!(fixed.bytes, text.as_bytes());
        } else {
            // All before the first and after the last change is as it was.
            let first = spots.iter().filter(|s| s.start < s.end).map(|s| s.start).min().unwrap() as usize;
            let outputs = text.find("\"outputs\": [").unwrap() + 12;
            let safe = if clear { first.min(outputs) } else { first };
            let same = text.bytes().zip(fixed.bytes.iter().copied()).take_while(|(a, b)| a == b).count();
            // An escape or a number may begin up to twelve bytes before the spot, a name or a list of outputs before that.
            let id = text.find("c0ffee").unwrap();
            let tags = text.find("planted2").unwrap();
            prop_assert!(same + 12 >= safe || same >= id && same <= tags + 24 || same >= outputs, "{} {}", same, safe);
        }
    }

    #[test]
    fn what_a_segment_tells_of_an_output_is_redacted_exactly(value in "[a-z\"\\\\é🙂]{4,12}", pad in "[ A-Z]{0,5}") {
        let json = serde_json::to_string(&format!("{pad}{value}\n")).unwrap();
        let text = one_cell(&format!("{{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": [\"x\\n\", {json}]}}"));
        let found = segments("a.ipynb", text.as_bytes(), &Limits::default(), &Budget::unlimited()).unwrap();
        let segment = found.segments.iter().find(|s| s.kind == SegmentKind::Stream).unwrap();
        let at = segment.utf8().find(&value).unwrap();
        let span = segment.file_span(at..at + value.len());
        let spot = Spot { start: span.start, end: span.end };
        let fixed = fix::notebook(text.as_bytes(), &[spot], How::Redact, Reach::Outputs, &Budget::unlimited()).unwrap();
        let wanted = format!("{}{REDACTED}{}", &text[..span.start as usize], &text[span.end as usize..]);
        prop_assert_eq!(String::from_utf8(fixed.bytes).unwrap(), wanted);
    }
}

#[test]
fn a_file_is_replaced_whole_with_its_permissions_and_a_backup_that_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ipynb");
    fs::write(&path, "old").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    }
    write_atomically(&path, b"old", b"new", true).unwrap();
    write_atomically(&path, b"new", b"newer", true).unwrap();
    write_atomically(&path, b"newer", b"newest", false).unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(
        (read("a.ipynb"), read("a.ipynb.bak"), read("a.ipynb.bak.2")),
        ("newest".into(), "old".into(), "new".into())
    );
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        3,
        "no temporary file stays"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }
}

#[test]
fn a_file_that_has_changed_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ipynb");
    fs::write(&path, "olD").unwrap();
    let error = write_atomically(&path, b"old", b"new", true).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the file has changed since it was scanned; scan it again"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "olD");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_stays_and_its_target_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (target, link) = (folder.path().join("t"), folder.path().join("l"));
    fs::write(&target, "old").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    write_atomically(&link, b"old", b"new", false).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&target).unwrap(), "new");
}

#[test]
fn the_git_hook_refuses_without_privet() {
    assert!(hooks::GIT_PRE_COMMIT.starts_with("#!/bin/sh\n"));
    assert!(hooks::GIT_PRE_COMMIT.ends_with("exec privet scan --staged\n"));
    assert!(hooks::GIT_PRE_COMMIT.contains("exit 1"));
    assert!(hooks::PRE_COMMIT_HOOKS.contains("entry: privet scan --staged\n"));
    assert!(
        hooks::PRE_COMMIT_HOOKS
            .lines()
            .all(|l| l.starts_with("- id: ") || l.starts_with("  "))
    );
}

#[test]
fn the_jupyter_hook_has_the_shape_of_python() {
    let text = hooks::JUPYTER_PRE_SAVE;
    assert!(text.is_ascii() && !text.contains('\t'));
    for (open, close) in [('(', ')'), ('[', ']'), ('{', '}')] {
        assert_eq!(text.matches(open).count(), text.matches(close).count());
    }
    assert_eq!(text.matches("\"\"\"").count() % 2, 0);
    let is_block = |l: &str| {
        ["def ", "if ", "for ", "try:", "except ", "else:"]
            .iter()
            .any(|w| l.trim_start().starts_with(w))
    };
    let code: Vec<&str> = text
        .lines()
        .filter(|l| !l.trim_start().starts_with('#') && !l.trim().is_empty())
        .collect();
    for pair in code.windows(2) {
        let indent = |l: &str| l.len() - l.trim_start().len();
        assert_eq!(indent(pair[0]) % 4, 0, "{}", pair[0]);
        if is_block(pair[0]) {
            assert!(pair[0].ends_with(':'), "{}", pair[0]);
            assert_eq!(indent(pair[1]), indent(pair[0]) + 4, "{}", pair[1]);
        }
    }
    assert!(text.contains("\"scan\", \"--format\", \"jsonl\", \"--stdin-name\""));
    assert!(text.contains("c.FileContentsManager.pre_save_hook = privet_pre_save"));
}

const NB_DEFENSE: &str = r#"
redact_secret = "PARTIAL"
trivy_binary_path = ""

[plugins]
[plugins."nbdefense.plugins.SecretsPlugin"]
enabled = true
[[plugins."nbdefense.plugins.SecretsPlugin".secrets_plugins]]
name = "KeywordDetector"
keyword_exclude = "fake.*"
[[plugins."nbdefense.plugins.SecretsPlugin".secrets_plugins]]
name = "HexHighEntropyString"
limit = 3.0

[plugins."nbdefense.plugins.PIIPlugin"]
enabled = true
confidence_threshold = 0.8
[plugins."nbdefense.plugins.PIIPlugin".entities]
US_SSN = true
EMAIL_ADDRESS = true
PERSON = false
MOON_PHASE = true

[plugins."nbdefense.plugins.LicenseDependencyFilePlugin"]
enabled = true
accepted_licenses = ["Apache License 2.0", "MIT", "Our own words"]

[plugins."nbdefense.plugins.CVEDependencyFilePlugin"]
enabled = false
"#;

#[test]
fn settings_of_nb_defense_become_a_section_with_comments() {
    let text = import_nbdefense(NB_DEFENSE).unwrap();
    let section = &text[text.find("[scan]").unwrap()..];
    assert_eq!(
        section,
        "[scan]\n# NB Defense always exits with 0; \"never\" does that too.\nfail_on = \"high\"\n\
         categories = [\"secret\", \"pii\", \"licence\"]\n\
         pii = { entities = [\"EMAIL_ADDRESS\", \"US_SSN\"], min_score = 0.8 }\n\
         licences = { allow = [\"Apache-2.0\", \"MIT\"], deny = [] }\n"
    );
    for note in [
        "KeywordDetector.keyword_exclude",
        "MOON_PHASE",
        "Our own words",
        "CVEDependencyFilePlugin: was off",
        "redact_secret",
    ] {
        assert!(text.contains(note), "{note}: {text}");
    }
    assert!(!text.contains("HexHighEntropyString"));
    let parsed: toml::Table = toml::from_str(&text).unwrap();
    assert!(parsed["scan"]["pii"]["min_score"].is_float());
}

#[test]
fn settings_that_are_none_are_refused() {
    assert_eq!(import_nbdefense("a = "), Err(ImportError::Toml { line: 1 }));
    assert_eq!(import_nbdefense("a = 1"), Err(ImportError::NotNbDefense));
    let bad = NB_DEFENSE.replace("0.8", "8.0");
    assert_eq!(
        import_nbdefense(&bad).unwrap_err().to_string(),
        "setting `PIIPlugin.confidence_threshold` should be a number from 0 to 1"
    );
    assert!(import_nbdefense(&NB_DEFENSE.replace("enabled = true", "enabled = \"yes\"")).is_err());
}
