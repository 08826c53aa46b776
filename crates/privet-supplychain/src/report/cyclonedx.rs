//! CycloneDX 1.6: the bill of materials, with models.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::sarif::encoded;
use super::{AffectedBy, Component, Hash, ModelFile, Report, pretty};
use crate::{Category, Finding, Verdict};

/// What tells one bill from another. Chance and time are the caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// A random UUID (RFC 9562).
    pub serial: String,
    /// When the scan was made.
    pub at: jiff::Timestamp,
}

/// References of components, with their versions.
type Affected<'a> = Vec<(String, Option<&'a str>)>;

/// The components, models and known holes of a report as CycloneDX 1.6 JSON, with a line end. A component that several files name
/// is listed once, with each place.
///
/// # Source
/// ECMA-424, "CycloneDX bill of materials specification", 1.6, 2024.
#[must_use]
pub fn cyclonedx(report: &Report, stamp: &Stamp) -> String {
    let mut by_ref: BTreeMap<String, Vec<&Component>> = BTreeMap::new();
    for component in &report.components {
        by_ref.entry(reference(component)).or_default().push(component);
    }
    let libraries = by_ref.iter().map(|(id, places)| library(id, places));
    let models = report.models.iter().map(|one| model(one, &report.findings));
    let mut vulnerabilities: BTreeMap<&str, (Value, Affected<'_>)> = BTreeMap::new();
    for (id, places) in &by_ref {
        for one in places.iter().flat_map(|component| &component.advisories) {
            let version = places.iter().find_map(|component| component.version.as_deref());
            let (_, affected) = vulnerabilities
                .entry(&one.id)
                .or_insert_with(|| (vulnerability(one), Vec::new()));
            if !affected.iter().any(|(known, _)| known == id) {
                affected.push((id.clone(), version));
            }
        }
    }
    // A hole of which no component tells is listed all the same.
    for finding in report.findings.iter().filter(|finding| is_advisory(finding)) {
        vulnerabilities
            .entry(&finding.rule)
            .or_insert_with(|| (bare(finding), Vec::new()));
    }
    let holes: Vec<Value> = vulnerabilities
        .into_values()
        .map(|(mut value, affected)| {
            let affects: Vec<Value> = affected
                .into_iter()
                .map(|(id, version)| match version {
                    Some(version) => {
                        json!({"ref": id, "versions": [{"version": version, "status": "affected"}]})
                    }
                    None => json!({"ref": id}),
                })
                .collect();
            if let (false, Some(object)) = (affects.is_empty(), value.as_object_mut()) {
                object.insert("affects".to_owned(), Value::Array(affects));
            }
            value
        })
        .collect();
    let root = if report.root.is_empty() {
        "."
    } else {
        report.root.as_str()
    };
    let mut properties = vec![property("privet:rule-set", &report.rule_set)];
    if let Some(index) = &report.advisories {
        properties.push(property("privet:advisories:source", &index.source));
        properties.push(property("privet:advisories:date", &index.date));
        properties.push(property(
            "privet:advisories:stale",
            if index.is_stale { "true" } else { "false" },
        ));
    }
    pretty(&json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{}", stamp.serial),
        "version": 1,
        "metadata": {
            "timestamp": stamp.at.to_string(),
            "tools": {"components": [{"type": "application", "name": "privet", "version": report.privet}]},
            "component": {"type": "application", "bom-ref": "root", "name": root},
            "properties": properties,
        },
        "components": libraries.chain(models).collect::<Vec<_>>(),
        "vulnerabilities": holes,
    }))
}

/// What tells `component` from others in the bill.
fn reference(component: &Component) -> String {
    match &component.purl {
        Some(purl) => purl.clone(),
        None => format!(
            "library:{}/{}@{}",
            encoded(&component.ecosystem, false),
            encoded(&component.name, false),
            encoded(component.version.as_deref().unwrap_or_default(), false)
        ),
    }
}

fn library(id: &str, places: &[&Component]) -> Value {
    let mut value = Map::new();
    let mut set = |key: &str, what: Value| {
        value.insert(key.to_owned(), what);
    };
    let Some(first) = places.first() else {
        return Value::Null;
    };
    set("type", json!("library"));
    set("bom-ref", json!(id));
    set("name", json!(first.name));
    if let Some(version) = &first.version {
        set("version", json!(version));
    }
    if let Some(purl) = &first.purl {
        set("purl", json!(purl));
    }
    if let Some(licence) = places.iter().find_map(|one| one.licence.as_deref()) {
        set("licenses", licences(licence));
    }
    let mut all: Vec<&Hash> = places.iter().flat_map(|one| &one.hashes).collect();
    all.sort();
    all.dedup();
    if let Some(list) = hashes(&all) {
        set("hashes", list);
    }
    let mut occurrences: Vec<(&str, u32)> = places.iter().map(|one| (one.path.as_str(), one.line)).collect();
    occurrences.sort_unstable();
    occurrences.dedup();
    let occurrences: Vec<Value> = occurrences
        .into_iter()
        .map(|(path, line)| match line {
            0 => json!({"location": path}),
            line => json!({"location": path, "line": line}),
        })
        .collect();
    set("evidence", json!({"occurrences": occurrences}));
    set(
        "properties",
        json!([property("privet:ecosystem", &first.ecosystem)]),
    );
    Value::Object(value)
}

fn model(one: &ModelFile, findings: &[Finding]) -> Value {
    let name = one
        .path
        .rsplit('/')
        .next()
        .filter(|name| !name.is_empty())
        .unwrap_or(&one.path);
    let bytes = one.bytes.to_string();
    let mut properties = vec![
        property("privet:path", &one.path),
        property("privet:format", &one.format),
        property("privet:bytes", &bytes),
        property("privet:verdict", one.verdict.name()),
    ];
    if one.verdict != Verdict::Safe {
        let mut rules: Vec<&str> = findings
            .iter()
            .filter(|finding| finding.category == Category::Model && finding.path == one.path)
            .map(|finding| finding.rule.as_str())
            .collect();
        rules.sort_unstable();
        rules.dedup();
        properties.extend(rules.into_iter().map(|rule| property("privet:finding", rule)));
    }
    let mut value = json!({
        "type": "machine-learning-model",
        "bom-ref": format!("model:{}", encoded(&one.path, false)),
        "name": name,
        "evidence": {"occurrences": [{"location": one.path}]},
        "properties": properties,
    });
    if let Some(object) = value.as_object_mut() {
        if let Some(list) = hashes(&one.hashes.iter().collect::<Vec<_>>()) {
            object.insert("hashes".to_owned(), list);
        }
        if let Some(licence) = &one.licence {
            object.insert("licenses".to_owned(), licences(licence));
        }
    }
    value
}

/// The well-formed ones of `list`; none if there is none.
fn hashes(list: &[&Hash]) -> Option<Value> {
    let all: Vec<Value> = list
        .iter()
        .filter(|hash| hash.digits.len() == hash.algorithm.digits())
        .filter(|hash| hash.digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .map(|hash| json!({"alg": hash.algorithm.name(), "content": hash.digits.to_ascii_lowercase()}))
        .collect();
    (!all.is_empty()).then_some(Value::Array(all))
}

/// An SPDX expression as one; any other words as the name of a licence.
fn licences(words: &str) -> Value {
    if has_form_of_expression(words) {
        json!([{"expression": words}])
    } else {
        json!([{"license": {"name": words}}])
    }
}

/// Whether `words` have the form of an SPDX expression (SPDX 2.3, annex D). Whether the names are on the list is not looked at.
fn has_form_of_expression(words: &str) -> bool {
    let spaced = words.replace('(', " ( ").replace(')', " ) ");
    let mut depth = 0_u32;
    let mut wants_name = true;
    for token in spaced.split_whitespace() {
        match token {
            "(" if wants_name => depth += 1,
            ")" if !wants_name && depth > 0 => depth -= 1,
            "AND" | "OR" | "WITH" if !wants_name => wants_name = true,
            "(" | ")" | "AND" | "OR" | "WITH" => return false,
            name if wants_name => {
                let is_name = name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'+' | b':'));
                if !is_name {
                    return false;
                }
                wants_name = false;
            }
            _ => return false,
        }
    }
    !wants_name && depth == 0
}

fn vulnerability(one: &AffectedBy) -> Value {
    let mut rating = json!({"severity": one.severity.name()});
    if let Some(object) = rating.as_object_mut() {
        if let Some(score) = one.score.filter(|score| score.is_finite()) {
            object.insert("score".to_owned(), json!(score));
        }
        if let Some(vector) = &one.vector {
            object.insert("method".to_owned(), json!(method(vector)));
            object.insert("vector".to_owned(), json!(vector));
        }
    }
    let references: Vec<Value> = one
        .aliases
        .iter()
        .map(|alias| json!({"id": alias, "source": source(alias)}))
        .collect();
    let mut value = json!({
        "bom-ref": format!("advisory:{}", encoded(&one.id, false)),
        "id": one.id,
        "source": source(&one.id),
        "references": references,
        "ratings": [rating],
        "cwes": [1395],
        "description": one.summary,
    });
    if let (false, Some(object)) = (one.fixed.is_empty(), value.as_object_mut()) {
        let words = format!("Update to {}.", one.fixed.join(" or "));
        object.insert("recommendation".to_owned(), json!(words));
    }
    value
}

fn bare(finding: &Finding) -> Value {
    vulnerability(&AffectedBy {
        id: finding.rule.clone(),
        aliases: Vec::new(),
        severity: finding.severity,
        score: None,
        vector: None,
        summary: finding.message.clone(),
        fixed: Vec::new(),
    })
}

/// Ids of advisories begin with the capital letters of their database; our own rules have small letters.
fn is_advisory(finding: &Finding) -> bool {
    let begins = |prefix: &str| prefix.len() >= 2 && prefix.bytes().all(|byte| byte.is_ascii_uppercase());
    finding.category == Category::Dependency
        && finding
            .rule
            .split_once('-')
            .is_some_and(|(prefix, _)| begins(prefix))
}

/// Where an advisory is kept: NVD for CVE, GitHub for GHSA, OSV for all others.
fn source(id: &str) -> Value {
    let encoded = encoded(id, false);
    if id.starts_with("CVE-") {
        json!({"name": "NVD", "url": format!("https://nvd.nist.gov/vuln/detail/{encoded}")})
    } else if id.starts_with("GHSA-") {
        json!({"name": "GitHub", "url": format!("https://github.com/advisories/{encoded}")})
    } else {
        json!({"name": "OSV", "url": format!("https://osv.dev/vulnerability/{encoded}")})
    }
}

fn method(vector: &str) -> &'static str {
    if vector.starts_with("CVSS:4") {
        "CVSSv4"
    } else if vector.starts_with("CVSS:3.1") {
        "CVSSv31"
    } else if vector.starts_with("CVSS:3") {
        "CVSSv3"
    } else if vector.starts_with("AV:") {
        "CVSSv2"
    } else {
        "other"
    }
}

fn property(name: &str, value: &str) -> Value {
    json!({"name": name, "value": value})
}
