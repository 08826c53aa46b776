//! Which conversations are to be held, and in which order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;
use crate::chance::{Chance, fingerprint};
use crate::conversation::Role;
use crate::error::Error;
use crate::family::Family;
use crate::probe::Probe;

/// Which of two targets: without a gateway before it, or with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The target itself.
    Off,
    /// The target behind the gateway.
    On,
}

impl Side {
    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
        }
    }
}

/// What a probe needs besides a target that answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// The target knows [`Catalogue::records`] by heart.
    pub knowledge: bool,
    /// The caller sees what the provider is sent.
    pub provider_view: bool,
}

/// What is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// What names, words and numbers in probes, and the order, follow from.
    pub seed: u64,
    /// How many rounds of all probes, each with other names and numbers; at least one.
    pub repeat: u32,
    /// Which families; none means all.
    pub families: Vec<Family>,
    /// Which sides, in order.
    pub sides: Vec<Side>,
    /// What there is.
    pub has: Needs,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            repeat: 1,
            families: Vec::new(),
            sides: vec![Side::Off],
            has: Needs::default(),
        }
    }
}

/// One conversation to be held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trial {
    /// On which side.
    pub side: Side,
    /// Of which round, from 0.
    pub round: u32,
    /// Which probe, by its id.
    pub probe: String,
    /// Its family.
    pub family: Family,
    /// Which of its conversations.
    pub role: Role,
}

impl Trial {
    /// Its name in logs and reports, unlike that of all others of a plan.
    #[must_use]
    pub fn id(&self) -> String {
        let role = match self.role {
            Role::Attack => "attack",
            Role::Benign => "benign",
        };
        format!("{}/{}/{role}/{}", self.side.name(), self.probe, self.round)
    }

    /// Whether the reply is asked for as a stream: half of all are, on both sides the same.
    #[must_use]
    pub fn is_streamed(&self) -> bool {
        fingerprint(self.probe.as_bytes(), u64::from(self.round)) & 1 == 1
    }
}

/// All conversations of a run. The same options give the same plan.
#[derive(Debug, Clone)]
pub struct Plan {
    options: Options,
    catalogues: Vec<Catalogue>,
    trials: Vec<Trial>,
    fingerprint: u64,
}

impl Plan {
    /// Plans what `options` ask for. Families take turns, and sides too, so that a run that ends early has looked a little at all.
    ///
    /// # Errors
    /// [`Error::NothingToDo`] if no probe is left.
    pub fn new(options: Options) -> Result<Self, Error> {
        let rounds = options.repeat.max(1);
        let catalogues: Vec<Catalogue> = (0..rounds)
            .map(|round| Catalogue::new(options.seed, round))
            .collect();
        let mut keyed = Vec::new();
        let mut print = 0;
        for (round, catalogue) in (0..).zip(&catalogues) {
            let mut counts = std::collections::BTreeMap::new();
            let mut order: Vec<&Probe> = catalogue
                .probes()
                .iter()
                .filter(|probe| options.wants(probe))
                .collect();
            order.sort_by_key(|probe| Chance::new(options.seed, &probe.id, round).next());
            for probe in order {
                print = fingerprint(format!("{probe:?}").as_bytes(), print);
                let nth: &mut usize = counts.entry(probe.family).or_default();
                *nth += 1;
                for role in [Role::Attack, Role::Benign] {
                    if role == Role::Attack && probe.attack.is_none() {
                        continue;
                    }
                    for side in &options.sides {
                        let trial = Trial {
                            side: *side,
                            round,
                            probe: probe.id.clone(),
                            family: probe.family,
                            role,
                        };
                        keyed.push(((round, *nth, probe.family, role), trial));
                    }
                }
            }
        }
        // Stable: sides stay in their order.
        keyed.sort_by_key(|(key, _)| *key);
        let trials: Vec<Trial> = keyed.into_iter().map(|(_, trial)| trial).collect();
        if trials.is_empty() {
            return Err(Error::NothingToDo);
        }
        Ok(Self {
            options,
            catalogues,
            trials,
            fingerprint: print,
        })
    }

    /// What it was made from.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// The conversations, in the order in which they are to be held.
    #[must_use]
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// The probe of `trial`, as its round has it.
    #[must_use]
    pub fn probe(&self, trial: &Trial) -> Option<&Probe> {
        let round = usize::try_from(trial.round).ok()?;
        self.catalogues.get(round)?.probe(&trial.probe)
    }

    /// The probes of the first round that are in the plan.
    pub fn probes(&self) -> impl Iterator<Item = &Probe> {
        let first = self.catalogues.first();
        let all = first.map(Catalogue::probes).unwrap_or_default();
        all.iter().filter(|probe| self.options.wants(probe))
    }

    /// Records that a target with [`Needs::knowledge`] knows: those of all rounds.
    #[must_use]
    pub fn records(&self) -> Vec<String> {
        self.catalogues.iter().flat_map(Catalogue::records).collect()
    }

    /// What tells this plan from others: it follows from the text of all probes in it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("{:016x}", self.fingerprint)
    }
}

impl Options {
    fn wants(&self, probe: &Probe) -> bool {
        let is_chosen = self.families.is_empty() || self.families.contains(&probe.family);
        let has_all = (self.has.knowledge || !probe.needs.knowledge)
            && (self.has.provider_view || !probe.needs.provider_view);
        is_chosen && has_all
    }
}
