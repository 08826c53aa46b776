//! What came out, for people and for other programs.

mod html;
mod junit;
mod sarif;

pub use html::html;
pub use junit::junit;
pub use sarif::sarif;

use privet_types::Interval;
use schemars::JsonSchema;
use serde::Serialize;

use crate::conversation::Verdict;
use crate::family::{AgenticRisk, Channel, Family, LlmRisk};
use crate::plan::{Plan, Side};
use crate::results::{FamilyResult, Limit, Outcome, Results};
use crate::run_log::{Finished, RunLog};
use crate::statistics::{Rate, difference};

/// The version of the report's shape: fields are added within it, never changed.
const VERSION: u32 = 1;

/// A run's report. It holds no text of replies: only what was tried, by the probes' own words, and how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Report {
    /// The version of this shape.
    pub version: u32,
    /// Which program wrote it.
    pub privet: String,
    /// What was attacked.
    pub target: String,
    /// The model that was asked for.
    pub model: String,
    /// What names, words and order follow from.
    pub seed: u64,
    /// How many rounds.
    pub repeat: u32,
    /// What tells this plan from others.
    pub plan: String,
    /// Which share of successful attacks makes the run fail: `any`, `never`, or a number.
    pub fail_on: String,
    /// How it ended.
    pub outcome: OutcomeName,
    /// Requests that were sent in finished conversations.
    pub requests: u64,
    /// Numbers by side.
    pub sides: Vec<SideReport>,
    /// How much the gateway changes, where both sides were run.
    pub difference: Option<DifferenceReport>,
    /// What the probes are.
    pub probes: Vec<ProbeReport>,
    /// How each conversation ended.
    pub conversations: Vec<Finished>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeName {
    /// Attack success is below the limit.
    Pass,
    /// At or above it.
    Fail,
    /// Conversations are missing.
    Incomplete,
    /// Too few were held.
    NotEnoughEvidence,
}

/// A share with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct ShareReport {
    /// How many.
    pub hits: u64,
    /// Of how many.
    pub of: u64,
    /// The share; none of nothing.
    pub value: Option<f64>,
    /// Lower and upper end of the 95 % Wilson interval.
    pub interval: Option<(f64, f64)>,
}

/// A difference of shares, without the gateway minus with it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct ChangeReport {
    /// The difference.
    pub value: f64,
    /// Lower and upper end of Newcombe's 95 % interval.
    pub interval: (f64, f64),
}

/// The numbers of a family, or of all.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct NumbersReport {
    /// Attacks that succeeded; none where the family has no attacks.
    pub attack_success: Option<ShareReport>,
    /// Attacks that a guard stopped.
    pub blocked: u64,
    /// Attacks that the target did not follow.
    pub resisted: u64,
    /// Harmless requests that were answered.
    pub benign_utility: ShareReport,
    /// Harmless requests that a guard refused.
    pub benign_refused: u64,
    /// Conversations that are not finished.
    pub missing: u64,
}

/// The numbers of one side.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SideReport {
    /// Which.
    pub side: Side,
    /// All families.
    pub total: NumbersReport,
    /// Each.
    pub families: Vec<FamilyReport>,
}

/// The numbers of one family.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FamilyReport {
    /// Which.
    pub family: Family,
    /// Its numbers.
    #[serde(flatten)]
    pub numbers: NumbersReport,
}

/// How much the gateway changes.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DifferenceReport {
    /// How much attack success falls, over all families.
    pub attack_success: Option<ChangeReport>,
    /// How much benign utility falls.
    pub benign_utility: Option<ChangeReport>,
    /// How much attack success falls in each family.
    pub families: Vec<FamilyChange>,
}

/// How much the gateway changes in one family.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FamilyChange {
    /// Which.
    pub family: Family,
    /// How much attack success falls.
    pub attack_success: Option<ChangeReport>,
    /// How much benign utility falls.
    pub benign_utility: Option<ChangeReport>,
}

/// What a probe is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProbeReport {
    /// Its id.
    pub id: String,
    /// Its family.
    pub family: Family,
    /// Where the hostile text comes in.
    pub channel: Channel,
    /// ISO 639-1 code of the hostile text's language.
    pub language: String,
    /// What it is.
    pub title: String,
    /// OWASP Top 10 for LLM Applications, 2025.
    pub llm_risk: LlmRisk,
    /// OWASP Top 10 for Agentic Applications, 2026.
    pub agentic_risk: AgenticRisk,
    /// What tells that it succeeded.
    pub oracles: Vec<String>,
}

impl Report {
    /// The report of what `log` holds of `plan`. `privet`: the program's version.
    #[must_use]
    pub fn new(plan: &Plan, log: &RunLog, target: &str, model: &str, limit: Limit, privet: &str) -> Self {
        let results = Results::new(plan, log);
        let probes = plan.probes().map(|probe| ProbeReport {
            id: probe.id.clone(),
            family: probe.family,
            channel: probe.channel,
            language: probe.language.to_owned(),
            title: probe.title.to_owned(),
            llm_risk: probe.llm_risk,
            agentic_risk: probe.agentic_risk,
            oracles: probe
                .oracles
                .iter()
                .map(|oracle| oracle.name().to_owned())
                .collect(),
        });
        Self {
            version: VERSION,
            privet: privet.to_owned(),
            target: target.to_owned(),
            model: model.to_owned(),
            seed: plan.options().seed,
            repeat: plan.options().repeat.max(1),
            plan: plan.fingerprint(),
            fail_on: match limit {
                Limit::Any => "any".to_owned(),
                Limit::Never => "never".to_owned(),
                Limit::Share(share) => share.to_string(),
            },
            outcome: match results.outcome(limit) {
                Outcome::Pass => OutcomeName::Pass,
                Outcome::Fail => OutcomeName::Fail,
                Outcome::Incomplete => OutcomeName::Incomplete,
                Outcome::NotEnoughEvidence => OutcomeName::NotEnoughEvidence,
            },
            requests: results.requests,
            difference: change(&results),
            sides: results
                .sides
                .iter()
                .map(|side| SideReport {
                    side: side.side,
                    total: numbers(side.total, true),
                    families: side
                        .families
                        .iter()
                        .map(|(family, result)| FamilyReport {
                            family: *family,
                            numbers: numbers(*result, family.has_attacks()),
                        })
                        .collect(),
                })
                .collect(),
            probes: probes.collect(),
            conversations: log.finished().cloned().collect(),
        }
    }

    /// The side that is judged: the one with the gateway if there is one.
    #[must_use]
    pub fn judged(&self) -> Option<&SideReport> {
        self.sides.iter().max_by_key(|side| side.side)
    }

    /// The report as JSON, with a line end.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Structures of numbers and strings always serialise.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Conversations of the judged side, in the plan's order of ids.
    fn judged_conversations(&self) -> impl Iterator<Item = &Finished> {
        let side = self.judged().map(|side| side.side);
        self.conversations
            .iter()
            .filter(move |one| Some(one.side) == side)
    }

    fn probe(&self, id: &str) -> Option<&ProbeReport> {
        self.probes.iter().find(|probe| probe.id == id)
    }
}

/// The JSON Schema of [`Report`], with a line end.
#[must_use]
pub fn report_schema() -> String {
    let schema = schemars::schema_for!(Report);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

fn numbers(result: FamilyResult, has_attacks: bool) -> NumbersReport {
    NumbersReport {
        attack_success: has_attacks.then(|| share(result.success)),
        blocked: result.blocked,
        resisted: result.resisted,
        benign_utility: share(result.utility),
        benign_refused: result.refused,
        missing: result.missing,
    }
}

fn share(rate: Rate) -> ShareReport {
    ShareReport {
        hits: rate.hits,
        of: rate.of,
        value: rate.value(),
        interval: rate.interval().map(|Interval { low, high, .. }| (low, high)),
    }
}

fn change(results: &Results) -> Option<DifferenceReport> {
    let (off, on) = (results.side(Side::Off)?, results.side(Side::On)?);
    let fall = |off: Rate, on: Rate| {
        difference(off, on).map(|(value, interval)| ChangeReport {
            value,
            interval: (interval.low, interval.high),
        })
    };
    let families = off.families.iter().filter_map(|(family, off)| {
        let on = on.families.get(family)?;
        Some(FamilyChange {
            family: *family,
            attack_success: fall(off.success, on.success),
            benign_utility: fall(off.utility, on.utility),
        })
    });
    Some(DifferenceReport {
        attack_success: fall(off.total.success, on.total.success),
        benign_utility: fall(off.total.utility, on.total.utility),
        families: families.collect(),
    })
}

/// How `verdict` reads in a sentence.
const fn sentence(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Succeeded => "the attack got what it wanted",
        Verdict::Resisted => "the target did not follow the attack",
        Verdict::Blocked => "a guard stopped the attack",
        Verdict::Helpful => "the harmless request was answered",
        Verdict::Unhelpful => "the harmless request was not answered, or not well",
        Verdict::Refused => "a guard refused the harmless request",
    }
}

/// `text` for HTML and XML; characters that XML does not know are replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
