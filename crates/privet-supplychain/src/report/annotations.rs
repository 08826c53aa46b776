//! Notes beside the lines of a change, for GitHub and GitLab.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use privet_crypto::sha256_parts;
use serde_json::{Value, json};

use super::{Report, pretty, visible};
use crate::baseline::file_of;
use crate::{Finding, Severity};

/// One workflow command of GitHub Actions for each finding, the worst first, since GitHub shows only the first ten of a step:
/// `::error file=…,line=…,title=…::…`.
///
/// # Source
/// GitHub Docs, "Workflow commands for GitHub Actions"; the escapes are those of `actions/toolkit`, `packages/core/src/command.ts`.
#[must_use]
pub fn github(report: &Report) -> String {
    let mut findings: Vec<&Finding> = report.findings.iter().collect();
    // Stable: within a severity the order of the report stays.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let mut out = String::new();
    for finding in findings {
        let command = match finding.severity {
            Severity::Critical | Severity::High => "error",
            Severity::Medium => "warning",
            Severity::Low => "notice",
        };
        let mut words = format!("::{command} file={}", property(file_of(&finding.path)));
        if finding.line > 0 {
            words.push_str(&format!(",line={}", finding.line));
        }
        let title = format!(
            "{} {}: {}",
            finding.severity.name(),
            finding.category.name(),
            finding.rule
        );
        words.push_str(&format!(
            ",title={}::{}\n",
            property(&visible(&title)),
            data(&said(finding))
        ));
        out.push_str(&words);
    }
    out
}

/// GitLab's Code Quality report, with a line end.
///
/// # Source
/// GitLab Docs, "Code Quality", section "Code Quality report format".
#[must_use]
pub fn gitlab(report: &Report) -> String {
    // A value can stand at many places of a file, and GitLab wants each entry to have a fingerprint of its own.
    let mut seen: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
    let all: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            let count = seen
                .entry((&finding.path, &finding.rule, &finding.fingerprint))
                .or_insert(0);
            *count += 1;
            let [path, rule, print, number]: [&[u8]; 4] = [
                finding.path.as_bytes(),
                finding.rule.as_bytes(),
                finding.fingerprint.as_bytes(),
                &count.to_le_bytes(),
            ];
            let severity = match finding.severity {
                Severity::Critical => "blocker",
                Severity::High => "critical",
                Severity::Medium => "major",
                Severity::Low => "minor",
            };
            json!({
                "description": said(finding),
                "check_name": finding.rule,
                "fingerprint": HEXLOWER.encode(&sha256_parts(&[path, b"\0", rule, b"\0", print, number])),
                "severity": severity,
                "location": {"path": file_of(&finding.path), "lines": {"begin": finding.line.max(1)}},
            })
        })
        .collect();
    pretty(&all)
}

/// The message, with the place in the file if it has one besides the line.
fn said(finding: &Finding) -> String {
    let file = file_of(&finding.path);
    let inner = (file.len() != finding.path.len()).then_some(finding.path.as_str());
    let mut words = visible(&finding.message);
    for place in [inner, finding.place.as_deref()].into_iter().flatten() {
        words.push_str(&format!(" ({})", visible(place)));
    }
    words
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
