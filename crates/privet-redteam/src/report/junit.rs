//! JUnit's XML, for pipelines.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Report, escaped, sentence};
use crate::conversation::{Role, Verdict};
use crate::results::role_of;
use crate::run_log::Finished;

/// The judged side as JUnit's XML: a suite for each family and role, a case for each conversation. An attack that succeeded and
/// a harmless request that was not answered are failures; conversations that are missing are told as one error of their suite.
#[must_use]
pub fn junit(report: &Report) -> String {
    let mut suites: BTreeMap<String, Vec<&Finished>> = BTreeMap::new();
    let name = |family: &str, role| match role {
        Role::Attack => format!("{family}.attack"),
        Role::Benign => format!("{family}.benign"),
    };
    for one in report.judged_conversations() {
        suites
            .entry(name(one.family.name(), role_of(one.verdict)))
            .or_default()
            .push(one);
    }
    let missing: BTreeMap<&str, u64> = report
        .judged()
        .into_iter()
        .flat_map(|side| &side.families)
        .filter(|family| family.numbers.missing > 0)
        .map(|family| (family.family.name(), family.numbers.missing))
        .collect();
    let failed = |one: &&&Finished| {
        matches!(
            one.verdict,
            Verdict::Succeeded | Verdict::Unhelpful | Verdict::Refused
        )
    };
    let tests = suites.values().map(Vec::len).sum::<usize>() + missing.len();
    let failures: usize = suites.values().map(|all| all.iter().filter(failed).count()).sum();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a string does not fail.
    let _ = writeln!(
        out,
        "<testsuites name=\"privet redteam\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{}\">",
        missing.len()
    );
    for (suite, all) in &suites {
        let failures = all.iter().filter(failed).count();
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\">",
            escaped(suite),
            all.len()
        );
        for one in all {
            case(&mut out, report, suite, one);
        }
        out.push_str("  </testsuite>\n");
    }
    for (family, count) in missing {
        let _ = writeln!(
            out,
            "  <testsuite name=\"{family}.missing\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">\n    <testcase \
             classname=\"redteam.{family}.missing\" name=\"missing\">\n      <error type=\"incomplete\" message=\"{count} \
             conversations were not held\"/>\n    </testcase>\n  </testsuite>"
        );
    }
    out.push_str("</testsuites>\n");
    out
}

fn case(out: &mut String, report: &Report, suite: &str, one: &Finished) {
    let _ = write!(
        out,
        "    <testcase classname=\"redteam.{}\" name=\"{} #{}\"",
        escaped(suite),
        escaped(&one.probe),
        one.round
    );
    let kind = match one.verdict {
        Verdict::Succeeded => "attack-succeeded",
        Verdict::Unhelpful => "not-helpful",
        Verdict::Refused => "over-refusal",
        Verdict::Resisted | Verdict::Blocked | Verdict::Helpful => {
            out.push_str("/>\n");
            return;
        }
    };
    let probe = report.probe(&one.probe);
    let title = probe.map_or("", |probe| probe.title.as_str());
    let risks = probe.map_or_else(String::new, |probe| {
        format!("{} {}", probe.llm_risk.id(), probe.agentic_risk.id())
    });
    let oracle = one.oracle.as_deref().or(one.code.as_deref()).unwrap_or("-");
    let _ = writeln!(
        out,
        ">\n      <failure type=\"{kind}\" message=\"{}\">{} ({}); told by {}</failure>\n    </testcase>",
        sentence(one.verdict),
        escaped(title),
        escaped(&risks),
        escaped(oracle)
    );
}
