//! SARIF 2.1.0, for code-scanning pages.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Report, RuleHelp, SuppressedBy, pretty};
use crate::baseline::file_of;
use crate::{Category, Finding, Severity};

const CWE: &str = "CWE";

/// The finding of a report as SARIF 2.1.0, one result for each; what is suppressed is a result with its reason. MITRE's CWE is the
/// taxonomy. Paths are relative to `%SRCROOT%`.
///
/// # Source
/// OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0", 2020; `security-severity` and what a page needs:
/// GitHub Docs, "SARIF support for code scanning".
#[must_use]
pub fn sarif(report: &Report) -> String {
    let all = || {
        let reported = report.findings.iter().map(|finding| (finding, None));
        let suppressed = report
            .suppressed
            .iter()
            .map(|one| (&one.finding, Some((one.by, one.reason.as_str()))));
        reported.chain(suppressed)
    };
    let mut worst: BTreeMap<(&str, Category), Severity> = BTreeMap::new();
    for (finding, _) in all() {
        let severity = worst
            .entry((&finding.rule, finding.category))
            .or_insert(finding.severity);
        *severity = (*severity).max(finding.severity);
    }
    // A rule has one entry; were one id used for two categories, the first stands for it.
    let mut index: BTreeMap<&str, usize> = BTreeMap::new();
    let mut rules: Vec<Value> = Vec::new();
    for ((id, category), severity) in &worst {
        index.entry(id).or_insert_with(|| {
            rules.push(rule(id, *category, *severity, &report.help(id, *category)));
            rules.len() - 1
        });
    }
    let results: Vec<Value> = all()
        .map(|(finding, suppression)| result(finding, index.get(finding.rule.as_str()), suppression))
        .collect();
    let mut driver = json!({
        "name": "privet scan",
        "version": report.privet,
        "rules": rules,
        "supportedTaxonomies": [{"name": CWE}],
    });
    if report.privet.is_empty() {
        remove(&mut driver, "version");
    }
    pretty(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": driver},
            "taxonomies": [taxonomy()],
            "invocations": [{
                "executionSuccessful": report.errors.is_empty(),
                "toolExecutionNotifications": notifications(report),
            }],
            "automationDetails": {"id": "privet-scan/"},
            "columnKind": "unicodeCodePoints",
            // What stands for a masked value in snippets.
            "redactionTokens": ["…"],
            "results": results,
            "properties": {"ruleSet": report.rule_set},
        }],
    }))
}

fn rule(id: &str, category: Category, severity: Severity, help: &RuleHelp) -> Value {
    let weakness = cwe(category);
    let mut tags = vec!["security".to_owned(), category.name().to_owned()];
    tags.extend(weakness.map(|(number, _)| format!("external/cwe/cwe-{number}")));
    let mut rule = json!({
        "id": id,
        "name": id,
        "shortDescription": {"text": help.title},
        "fullDescription": {"text": help.help},
        "help": {"text": help.help},
        "defaultConfiguration": {"level": level(severity)},
        "properties": {"tags": tags, "security-severity": security_severity(severity)},
    });
    if let Some(uri) = help.uri.as_ref().filter(|uri| uri.starts_with("https://")) {
        insert(&mut rule, "helpUri", json!(encoded(uri, true)));
    }
    if let Some((number, _)) = weakness {
        let relation = json!({"target": {"id": number.to_string(), "toolComponent": {"name": CWE}}, "kinds": ["relevant"]});
        insert(&mut rule, "relationships", json!([relation]));
    }
    rule
}

fn result(finding: &Finding, rule: Option<&usize>, suppression: Option<(SuppressedBy, &str)>) -> Value {
    let file = file_of(&finding.path);
    // Pages that show results refuse those without a line.
    let mut region = json!({"startLine": finding.line.max(1)});
    insert(&mut region, "byteOffset", json!(finding.start));
    insert(
        &mut region,
        "byteLength",
        json!(finding.end.saturating_sub(finding.start)),
    );
    if finding.path.len() != file.len() {
        // Bytes are counted in the member, not in the file that the address names.
        remove(&mut region, "byteOffset");
        remove(&mut region, "byteLength");
    }
    if let Some(snippet) = &finding.snippet {
        insert(&mut region, "snippet", json!({"text": snippet}));
    }
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": {"uri": encoded(file, false), "uriBaseId": "%SRCROOT%"},
            "region": region,
        },
    });
    let mut logical: Vec<Value> = Vec::new();
    if finding.path.len() != file.len() {
        logical.push(json!({"fullyQualifiedName": finding.path, "kind": "member"}));
    }
    if let Some(place) = &finding.place {
        logical.push(json!({"fullyQualifiedName": place, "kind": "element"}));
    }
    if !logical.is_empty() {
        insert(&mut location, "logicalLocations", Value::Array(logical));
    }
    let mut properties = Map::new();
    properties.insert("category".to_owned(), json!(finding.category.name()));
    properties.insert("severity".to_owned(), json!(finding.severity.name()));
    if let Some(verdict) = finding.verdict {
        properties.insert("verdict".to_owned(), json!(verdict.name()));
    }
    if finding.path.len() != file.len() {
        properties.insert("start".to_owned(), json!(finding.start));
        properties.insert("end".to_owned(), json!(finding.end));
    }
    let mut result = json!({
        "ruleId": finding.rule,
        "level": level(finding.severity),
        "message": {"text": finding.message},
        "locations": [location],
        "partialFingerprints": {"finding/v1": finding.fingerprint},
        "properties": properties,
    });
    if let Some(index) = rule {
        insert(&mut result, "ruleIndex", json!(index));
    }
    if let Some((number, _)) = cwe(finding.category) {
        insert(
            &mut result,
            "taxa",
            json!([{"id": number.to_string(), "toolComponent": {"name": CWE}}]),
        );
    }
    // An empty list says that nobody suppressed it; no list would say that it is not known.
    let suppressions = suppression.map(|(by, reason)| {
        let kind = match by {
            SuppressedBy::Inline => "inSource",
            SuppressedBy::Baseline | SuppressedBy::Allow => "external",
        };
        json!({"kind": kind, "status": "accepted", "justification": reason, "properties": {"by": by.name()}})
    });
    insert(
        &mut result,
        "suppressions",
        Value::Array(suppressions.into_iter().collect()),
    );
    result
}

fn notifications(report: &Report) -> Vec<Value> {
    let errors = report.errors.iter().map(|error| {
        json!({
            "level": "error",
            "message": {"text": error.message},
            "locations": [{"physicalLocation": {
                "artifactLocation": {"uri": encoded(file_of(&error.path), false), "uriBaseId": "%SRCROOT%"},
            }}],
        })
    });
    let warnings = report
        .warnings
        .iter()
        .map(|warning| json!({"level": "warning", "message": {"text": warning}}));
    errors.chain(warnings).collect()
}

fn taxonomy() -> Value {
    let taxa: Vec<Value> = Category::ALL
        .into_iter()
        .filter_map(cwe)
        .map(|(number, title)| {
            json!({
                "id": number.to_string(),
                "name": title,
                "shortDescription": {"text": title},
                "helpUri": format!("https://cwe.mitre.org/data/definitions/{number}.html"),
            })
        })
        .collect();
    json!({
        "name": CWE,
        "organization": "MITRE",
        "shortDescription": {"text": "Common Weakness Enumeration"},
        "informationUri": "https://cwe.mitre.org/",
        "taxa": taxa,
    })
}

/// The weakness of `category`, with MITRE's title of it; a licence is none.
///
/// # Source
/// MITRE, CWE List version 4.16, <https://cwe.mitre.org/data/>.
pub(super) const fn cwe(category: Category) -> Option<(u32, &'static str)> {
    match category {
        Category::Secret => Some((798, "Use of Hard-coded Credentials")),
        Category::Pii => Some((
            359,
            "Exposure of Private Personal Information to an Unauthorized Actor",
        )),
        Category::Injection => Some((1427, "Improper Neutralization of Input Used for LLM Prompting")),
        Category::Model => Some((502, "Deserialization of Untrusted Data")),
        Category::Dependency => Some((1395, "Dependency on Vulnerable Third-Party Component")),
        Category::Licence => None,
    }
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

/// Within the ranges that GitHub reads as critical (above 9.0), high (7.0 to 8.9), medium (4.0 to 6.9) and low.
const fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "3.0",
    }
}

/// `text` as (a part of) an address, RFC 3986: what is not allowed there percent-encoded. A whole address keeps its signs.
pub(super) fn encoded(text: &str, is_address: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let is_kept = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/')
            || (is_address
                && matches!(
                    byte,
                    b':' | b'?' | b'#' | b'&' | b'=' | b'%' | b'+' | b',' | b'@' | b'!'
                ));
        if is_kept {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn insert(value: &mut Value, key: &str, what: Value) {
    if let Some(object) = value.as_object_mut() {
        object.insert(key.to_owned(), what);
    }
}

fn remove(value: &mut Value, key: &str) {
    if let Some(object) = value.as_object_mut() {
        object.shift_remove(key);
    }
}
