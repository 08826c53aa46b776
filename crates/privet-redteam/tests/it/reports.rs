//! Reports.

use std::path::Path;

use privet_redteam::{
    Limit, Outcome, OutcomeName, Report, Results, RunLog, Verdict, html, junit, report_schema, sarif,
};
use serde_json::{Value, json};

use crate::{finished, log_of, plan};

fn report(limit: Limit) -> Report {
    let plan = plan(1);
    Report::new(
        &plan,
        &log_of(&plan),
        "http://a.example/v1 <&>",
        "m\"",
        limit,
        "1.2.3",
    )
}

#[test]
fn numbers_of_both_sides_stand_side_by_side() {
    let report = report(Limit::Share(0.05));
    assert_eq!(report.outcome, OutcomeName::Pass);
    let [off, on] = report.sides.as_slice() else {
        panic!("two sides")
    };
    let success = |side: &privet_redteam::SideReport| side.total.attack_success.expect("attacks");
    assert_eq!(success(off).value, Some(1.0));
    assert_eq!((success(on).hits, on.total.blocked), (0, success(off).of));
    assert_eq!(on.total.benign_utility.value, Some(1.0));
    let fall = report
        .difference
        .as_ref()
        .and_then(|d| d.attack_success)
        .expect("a difference");
    assert!(
        (fall.value - 1.0).abs() < 1e-9 && fall.interval.0 > 0.95,
        "{fall:?}"
    );
}

#[test]
fn the_limit_is_that_of_the_side_with_the_gateway() {
    let plan = plan(1);
    let mut log = log_of(&plan);
    let outcome = |log: &RunLog, limit| Results::new(&plan, log).outcome(limit);
    assert_eq!(outcome(&log, Limit::Any), Outcome::Pass);
    let attacks: Vec<_> = plan
        .trials()
        .iter()
        .filter(|t| t.id().starts_with("on/") && t.id().contains("/attack/"))
        .collect();
    for trial in attacks.iter().take(5) {
        log.add(finished(trial, Verdict::Succeeded));
    }
    assert_eq!(outcome(&log, Limit::Any), Outcome::Fail);
    assert_eq!(outcome(&log, Limit::Never), Outcome::Pass);
    assert_eq!(outcome(&log, Limit::Share(0.03)), Outcome::Fail);
    // 5 of 135 are 3.7 %, with an interval up to 8.4 %.
    assert_eq!(outcome(&log, Limit::Share(0.05)), Outcome::NotEnoughEvidence);
    assert_eq!(outcome(&log, Limit::Share(0.1)), Outcome::Pass);
}

#[test]
fn what_is_missing_is_incomplete_and_a_failure_is_one_all_the_same() {
    let plan = plan(1);
    let header = privet_redteam::Header::new(&plan, "t", "m");
    let mut log = RunLog::read(&header.to_line(), &header).unwrap();
    assert_eq!(Results::new(&plan, &log).outcome(Limit::Any), Outcome::Incomplete);
    let first = plan
        .trials()
        .iter()
        .find(|t| t.id().starts_with("on/") && t.id().contains("/attack/"))
        .unwrap();
    log.add(finished(first, Verdict::Succeeded));
    assert_eq!(Results::new(&plan, &log).outcome(Limit::Any), Outcome::Fail);
}

#[test]
fn what_answers_nobody_is_not_taken_for_safe() {
    let plan = plan(1);
    let mut log = log_of(&plan);
    for trial in plan
        .trials()
        .iter()
        .filter(|trial| trial.id().contains("/benign/"))
    {
        log.add(finished(trial, Verdict::Refused));
    }
    assert_eq!(
        Results::new(&plan, &log).outcome(Limit::Any),
        Outcome::NotEnoughEvidence
    );
}

#[test]
fn sarif_has_rules_taxonomies_and_places() {
    let plan = plan(1);
    let mut log = log_of(&plan);
    let hit = plan
        .trials()
        .iter()
        .find(|t| t.id() == "on/override/plain-en/attack/0")
        .unwrap();
    log.add(finished(hit, Verdict::Succeeded));
    let report = Report::new(&plan, &log, "t", "m", Limit::Any, "1.2.3");
    let value: Value = serde_json::from_str(&sarif(&report)).unwrap();
    let run = &value["runs"][0];
    assert_eq!(value["version"], json!("2.1.0"));
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 1);
    let index = usize::try_from(results[0]["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(rules[index]["id"], results[0]["ruleId"]);
    assert_eq!(results[0]["ruleId"], json!("override/plain-en"));
    assert!(
        rules[index]["properties"]["tags"]
            .as_array()
            .unwrap()
            .contains(&json!("LLM01:2025"))
    );
    assert!(results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].is_string());
    let known: Vec<&Value> = run["taxonomies"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|list| list["taxa"].as_array().unwrap())
        .map(|taxon| &taxon["id"])
        .collect();
    for rule in rules {
        for relation in rule["relationships"].as_array().unwrap() {
            assert!(known.contains(&&relation["target"]["id"]), "{relation}");
        }
    }
    assert_eq!(run["invocations"][0]["executionSuccessful"], json!(true));
}

#[test]
fn junit_counts_what_it_holds_and_is_well_formed() {
    let plan = plan(1);
    let mut log = log_of(&plan);
    let hit = plan
        .trials()
        .iter()
        .find(|t| t.id() == "on/override/plain-en/attack/0")
        .unwrap();
    log.add(finished(hit, Verdict::Succeeded));
    let text = junit(&Report::new(&plan, &log, "<&\">", "m", Limit::Any, "1"));
    assert_eq!(text.matches("<failure ").count(), 1);
    assert!(
        text.contains("failures=\"1\" errors=\"0\">\n  <testsuite"),
        "{text}"
    );
    let judged = plan.trials().iter().filter(|t| t.id().starts_with("on/")).count();
    assert_eq!(text.matches("<testcase ").count(), judged);
    assert_well_formed(&text);
}

#[test]
fn the_page_loads_and_runs_nothing_and_is_well_formed_where_it_is_drawn() {
    let text = html(&report(Limit::Any));
    for bad in [
        "<script",
        "javascript:",
        " onload=",
        "http://",
        "https://",
        "url(",
        "@import",
    ] {
        let shown = text.replace("http://a.example/v1 &lt;&amp;&gt;", "");
        assert!(!shown.contains(bad), "{bad}");
    }
    assert!(text.contains("prefers-color-scheme:dark"));
    let drawing = text
        .split("<svg")
        .nth(1)
        .and_then(|rest| rest.split("</svg>").next())
        .unwrap();
    assert_well_formed(&format!("<svg{drawing}</svg>"));
    assert!(!drawing.contains("NaN"));
}

/// The committed schema is what the code says. `PRIVET_BLESS=1` writes it instead.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test is told to bless by its environment"
)]
fn the_committed_schema_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema/redteam-report.schema.json");
    if std::env::var_os("PRIVET_BLESS").is_some() {
        std::fs::write(&path, report_schema()).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == report_schema(),
        "run `PRIVET_BLESS=1 cargo test -p privet-redteam schema` and commit it"
    );
    let schema: Value = serde_json::from_str(&stored).unwrap();
    let report: Value = serde_json::from_str(&report(Limit::Any).to_json()).unwrap();
    let known = schema["properties"].as_object().unwrap();
    let missing: Vec<&str> = schema["required"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .filter(|name| report.get(name).is_none())
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(
        report
            .as_object()
            .unwrap()
            .keys()
            .all(|name| known.contains_key(name))
    );
}

/// Every tag that is opened is closed, in order, and no sign stands bare in an attribute or text.
fn assert_well_formed(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    for piece in text.split('<').skip(1) {
        let (tag, between) = piece.split_once('>').expect("a tag ends");
        assert!(!between.contains('>'), "{piece}");
        for part in between.split('&').skip(1) {
            assert!(
                part.split(';').next().is_some_and(|name| name.len() < 6),
                "{piece}"
            );
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if tag.starts_with('?') {
            continue;
        }
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{piece}"),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split_whitespace().next().expect("a name")),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}
