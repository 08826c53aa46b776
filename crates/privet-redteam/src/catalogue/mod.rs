//! The probes, each with names, words and numbers that follow from a seed.

mod consumption;
mod divergence;
mod encoding;
mod exfiltration;
mod extraction;
mod indirect;
mod over_refusal;
mod override_;
mod private_data;
mod setting;
mod tool_abuse;
mod unsafe_output;

use std::collections::BTreeMap;

use crate::chance::Chance;
use crate::family::{AgenticRisk, Channel, Family, LlmRisk};
use crate::oracle::Oracle;
use crate::plan::Needs;
use crate::probe::{Expected, Probe, Scenario};
use setting::Setting;

/// All probes of one round.
#[derive(Debug, Clone)]
pub struct Catalogue {
    probes: Vec<Probe>,
    by_id: BTreeMap<String, usize>,
    records: Vec<String>,
}

/// What the probes of a family have in common.
#[derive(Clone, Copy)]
struct Kind {
    family: Family,
    channel: Channel,
    llm_risk: LlmRisk,
    agentic_risk: AgenticRisk,
}

/// Makes probes: each gets names and numbers of its own.
struct Maker {
    seed: u64,
    round: u32,
    probes: Vec<Probe>,
    records: Vec<String>,
}

/// What one probe is made of.
struct Parts {
    attack: Option<Scenario>,
    oracles: Vec<Oracle>,
    benign: Scenario,
    expected: Expected,
}

impl Catalogue {
    /// The probes as `seed` and `round` make them. The same numbers make the same probes.
    #[must_use]
    pub fn new(seed: u64, round: u32) -> Self {
        let mut maker = Maker {
            seed,
            round,
            probes: Vec::new(),
            records: Vec::new(),
        };
        override_::add(&mut maker);
        extraction::add(&mut maker);
        encoding::add(&mut maker);
        indirect::add(&mut maker);
        exfiltration::add(&mut maker);
        tool_abuse::add(&mut maker);
        private_data::add(&mut maker);
        divergence::add(&mut maker);
        consumption::add(&mut maker);
        unsafe_output::add(&mut maker);
        over_refusal::add(&mut maker);
        let by_id = maker
            .probes
            .iter()
            .enumerate()
            .map(|(at, probe)| (probe.id.clone(), at));
        Self {
            by_id: by_id.collect(),
            probes: maker.probes,
            records: maker.records,
        }
    }

    /// All of them, by family.
    #[must_use]
    pub fn probes(&self) -> &[Probe] {
        &self.probes
    }

    /// The one with this id.
    #[must_use]
    pub fn probe(&self, id: &str) -> Option<&Probe> {
        self.by_id.get(id).and_then(|at| self.probes.get(*at))
    }

    /// Made-up records that a target with [`Needs::knowledge`] has learnt, a line each.
    #[must_use]
    pub fn records(&self) -> Vec<String> {
        self.records.clone()
    }
}

impl Maker {
    /// Names and numbers for the probe `name` of `family`.
    fn setting(&self, family: Family, name: &str) -> Setting {
        Setting::new(Chance::new(self.seed, &format!("{family}/{name}"), self.round))
    }

    fn add(&mut self, kind: Kind, name: &str, language: &'static str, title: &'static str, parts: Parts) {
        self.add_with(kind, name, language, title, Needs::default(), parts);
    }

    fn add_with(
        &mut self,
        kind: Kind,
        name: &str,
        language: &'static str,
        title: &'static str,
        needs: Needs,
        parts: Parts,
    ) {
        self.probes.push(Probe {
            id: format!("{}/{name}", kind.family),
            family: kind.family,
            channel: kind.channel,
            language,
            title,
            llm_risk: kind.llm_risk,
            agentic_risk: kind.agentic_risk,
            attack: parts.attack,
            oracles: parts.oracles,
            benign: parts.benign,
            expected: parts.expected,
            needs,
        });
    }
}

/// The word that `order` names comes out.
fn said(canary: &str, order: &str) -> Vec<Oracle> {
    vec![Oracle::Said {
        canary: canary.to_owned(),
        order: order.to_owned(),
    }]
}
