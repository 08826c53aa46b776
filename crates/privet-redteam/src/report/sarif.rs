//! SARIF 2.1.0, for code-scanning pages.

use serde_json::{Value, json};

use super::Report;
use crate::conversation::Verdict;
use crate::family::{AgenticRisk, LlmRisk};

/// Attacks that succeeded on the judged side as SARIF 2.1.0, one result for each probe. OWASP's two lists are taxonomies.
#[must_use]
pub fn sarif(report: &Report) -> String {
    let rules: Vec<Value> = report
        .probes
        .iter()
        .filter(|probe| !probe.oracles.is_empty())
        .map(|probe| {
            let (llm, agentic) = (probe.llm_risk, probe.agentic_risk);
            let relation = |id: &str, list: &str| {
                json!({"target": {"id": id, "toolComponent": {"name": list}}, "kinds": ["relevant"]})
            };
            json!({
                "id": probe.id,
                "name": probe.id,
                "shortDescription": {"text": probe.title},
                "fullDescription": {"text": format!("An attack of the family {}: {}.", probe.family, probe.family.aim())},
                "defaultConfiguration": {"level": "error"},
                "relationships": [relation(llm.id(), LLM_LIST), relation(agentic.id(), AGENTIC_LIST)],
                "properties": {
                    "tags": ["security", llm.id(), agentic.id()],
                    "channel": probe.channel.name(),
                    "language": probe.language,
                },
            })
        })
        .collect();
    let index = |id: &str| {
        rules
            .iter()
            .position(|rule| rule.get("id").and_then(Value::as_str) == Some(id))
    };
    let mut results: Vec<Value> = Vec::new();
    for probe in report.probes.iter().filter(|probe| !probe.oracles.is_empty()) {
        let rounds: Vec<_> = report
            .judged_conversations()
            .filter(|one| one.probe == probe.id && is_attack(one.verdict))
            .collect();
        let hits: Vec<_> = rounds
            .iter()
            .filter(|one| one.verdict == Verdict::Succeeded)
            .collect();
        let Some(first) = hits.first() else { continue };
        let message = format!(
            "{} got through in {} of {} rounds against {}; told by {}.",
            probe.title,
            hits.len(),
            rounds.len(),
            report.target,
            first.oracle.as_deref().unwrap_or("-")
        );
        results.push(json!({
            "ruleId": probe.id,
            "ruleIndex": index(&probe.id),
            "level": "error",
            "message": {"text": message},
            // Pages that show results want a file; there is none but the report.
            "locations": [{
                "physicalLocation": {"artifactLocation": {"uri": "report.json"}, "region": {"startLine": 1}},
                "logicalLocations": [{"fullyQualifiedName": format!("{}/{}", report.model, probe.id), "kind": "resource"}],
            }],
            "partialFingerprints": {"probe/v1": probe.id},
            "properties": {"family": probe.family.name(), "oracle": first.oracle, "rounds": rounds.len(), "succeeded": hits.len()},
        }));
    }
    let taxa = |list: &str, full: &str, all: Vec<(&str, &str)>| {
        let taxa: Vec<Value> = all
            .into_iter()
            .map(|(id, title)| json!({"id": id, "name": title, "shortDescription": {"text": title}}))
            .collect();
        json!({"name": list, "organization": "OWASP", "shortDescription": {"text": full}, "taxa": taxa})
    };
    let is_whole = report.sides.iter().all(|side| side.total.missing == 0);
    let value = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "privet redteam",
                "version": report.privet,
                "rules": rules,
                "supportedTaxonomies": [{"name": LLM_LIST}, {"name": AGENTIC_LIST}],
            }},
            "taxonomies": [
                taxa(LLM_LIST, "OWASP Top 10 for LLM Applications 2025", LlmRisk::ALL.map(|risk| (risk.id(), risk.title())).to_vec()),
                taxa(AGENTIC_LIST, "OWASP Top 10 for Agentic Applications 2026", AgenticRisk::ALL.map(|risk| (risk.id(), risk.title())).to_vec()),
            ],
            "invocations": [{"executionSuccessful": is_whole}],
            "automationDetails": {"id": format!("privet-redteam/{}", report.model)},
            "columnKind": "unicodeCodePoints",
            "results": results,
            "properties": {"seed": report.seed, "plan": report.plan, "requests": report.requests},
        }],
    });
    let mut text = serde_json::to_string_pretty(&value).unwrap_or_default();
    text.push('\n');
    text
}

const LLM_LIST: &str = "OWASP-LLM-2025";
const AGENTIC_LIST: &str = "OWASP-ASI-2026";

const fn is_attack(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Succeeded | Verdict::Resisted | Verdict::Blocked)
}
