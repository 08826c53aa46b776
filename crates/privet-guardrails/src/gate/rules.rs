//! The guardrails of a policy, checked and ready.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use privet_types::RoleName;

use super::config::{
    DetectorConfig, GuardrailsConfig, HarmActions, OtherRules, PromptControls, ReplyControls, soften_tools,
};
use super::models::Models;
use crate::controls::{
    Action, Channels, CorpusIndex, Error, HarmConfig, Honey, HoneyList, KeyedHash, LanguageFilter,
    PackageList, Patterns, Phrases, PromptLeakConfig, PromptShadow, RepetitionConfig, Sink, Tools, Watching,
};
use crate::detect::{Band, Calibration, Detector};
use crate::harm::HarmClassifier;

/// Files that controls read, by their path as the policy document has it.
pub type Files = BTreeMap<PathBuf, Vec<u8>>;

/// What the guardrails of an installation are keyed by.
#[derive(Clone)]
pub struct Secrets {
    /// A keyed hash, for canaries, honey records and what is remembered.
    pub keyed: KeyedHash,
    /// A secret number, for hashes of system prompts.
    pub seed: u64,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

/// Why guardrails cannot be used as the policy has them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GateError {
    /// A control cannot be used.
    #[error("in `{table}` of the policy: {source}")]
    Control {
        /// In which table.
        table: String,
        /// Why.
        #[source]
        source: Error,
    },
    /// The detector cannot be used.
    #[error("in `guardrails.prompts.detector` of the policy: {0}")]
    Detector(#[from] crate::Error),
    /// A file is not there.
    #[error("the file `{}` of `guardrails.files` in the policy is missing", path.display())]
    Missing {
        /// Which.
        path: PathBuf,
    },
    /// Something else is wrong.
    #[error("`{key}` in the policy: {problem}")]
    Key {
        /// Where.
        key: String,
        /// What, and the way out.
        problem: &'static str,
    },
}

impl GateError {
    /// Where in the policy: `guardrails.rules[0].tools`.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Control { table, .. } => table.clone(),
            Self::Detector(_) => "guardrails.prompts.detector".to_owned(),
            Self::Missing { .. } => "guardrails.files".to_owned(),
            Self::Key { key, .. } => key.clone(),
        }
    }
}

/// The guardrails of a policy, ready to be used. Made once, then shared.
#[derive(Debug)]
pub struct Guardrails {
    pub(super) config: GuardrailsConfig,
    general: Arc<Rules>,
    /// As `config.rules`.
    others: Vec<Arc<Rules>>,
    pub(super) secrets: Secrets,
    /// Work units for a byte of the models of the user's own.
    model_units: u64,
}

/// The guardrails of some callers.
pub struct Rules {
    pub(super) prompts: PromptControls,
    pub(super) replies: ReplyControls,
    pub(super) detector: Option<Arc<Detector>>,
    pub(super) tools: Option<Tools>,
    pub(super) phrases: Option<Phrases>,
    pub(super) patterns: Option<Patterns>,
    pub(super) honey: Option<Honey>,
    pub(super) corpus: Option<CorpusIndex>,
    pub(super) packages: Vec<PackageList>,
    pub(super) harm: Option<(Arc<HarmClassifier>, HarmConfig)>,
    /// Whether nothing is changed or stopped.
    pub(super) is_shadow: bool,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").finish_non_exhaustive()
    }
}

/// What all rules share.
struct Shared<'a> {
    config: &'a GuardrailsConfig,
    files: &'a Files,
    models: &'a Models,
    calibration: Option<Calibration>,
    honey: Option<Honey>,
    corpus: Option<CorpusIndex>,
    packages: Vec<PackageList>,
    /// By the bits of their budget, and the model that they ask.
    detectors: BTreeMap<(u32, Option<String>), Arc<Detector>>,
}

impl Guardrails {
    /// The guardrails that `config` describes. `files` holds what `[guardrails.files]` names, `models` what its detectors ask.
    ///
    /// # Errors
    /// [`GateError`] if something in it cannot be used.
    pub fn new(
        config: &GuardrailsConfig,
        files: &Files,
        models: &Models,
        secrets: Secrets,
    ) -> Result<Self, GateError> {
        for (index, mark) in config.marks.iter().enumerate() {
            if mark.begin.is_empty() || mark.end.is_empty() {
                return Err(GateError::Key {
                    key: format!("guardrails.marks[{index}]"),
                    problem: "`begin` and `end` must not be empty: use what your application writes round documents",
                });
            }
        }
        let mut shared = Shared::new(config, files, models, &secrets)?;
        let general = shared.rules(None, "guardrails")?;
        let others = config
            .rules
            .iter()
            .enumerate()
            .map(|(index, of)| {
                let here = format!("guardrails.rules[{index}]");
                let is_named = !of.roles.is_empty() || !of.models.is_empty();
                if !is_named || of.roles.iter().any(|role| role.parse::<RoleName>().is_err()) {
                    return Err(GateError::Key {
                        key: format!("{here}.roles"),
                        problem: "name roles (1 to 64 ASCII letters, digits, `.`, `_`, `-` and `@`) or `models`",
                    });
                }
                shared.rules(Some(of), &here)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let routes = others
            .iter()
            .chain([&general])
            .any(|rules| rules.has(Action::Route));
        if config.route_to.is_none() && routes {
            return Err(GateError::Key {
                key: "guardrails.route_to".to_owned(),
                problem: "name the model that prompts go to whose action is `route`",
            });
        }
        Ok(Self {
            config: config.clone(),
            general,
            others,
            secrets,
            model_units: models.units_per_byte(),
        })
    }

    /// The rules for a caller who holds `roles` and asks for `model`.
    #[must_use]
    pub fn rules(&self, roles: &[RoleName], model: &str) -> &Arc<Rules> {
        let fitting = self.config.rules.iter().zip(&self.others);
        let mut fitting = fitting.filter(|(of, _)| of.is_for(roles, model));
        fitting.next().map_or(&self.general, |(_, rules)| rules)
    }

    /// Whether something may have to wait for an approval.
    #[must_use]
    pub fn may_hold(&self) -> bool {
        self.others
            .iter()
            .chain([&self.general])
            .any(|rules| rules.holds())
    }

    /// Work units that models of the user's own take at most for a request of so many bytes.
    #[must_use]
    pub const fn model_units(&self, bytes: u64) -> u64 {
        // Each text has two pieces more than its bytes make, and more than two bytes of the request.
        self.model_units.saturating_mul(2).saturating_mul(bytes)
    }

    /// The model that prompts go to whose action is `route`.
    #[must_use]
    pub fn route_to(&self) -> Option<&str> {
        self.config.route_to.as_deref()
    }
}

impl<'a> Shared<'a> {
    fn new(
        config: &'a GuardrailsConfig,
        files: &'a Files,
        models: &'a Models,
        secrets: &Secrets,
    ) -> Result<Self, GateError> {
        let mut shared = Self {
            config,
            files,
            models,
            calibration: None,
            honey: None,
            corpus: None,
            packages: Vec::new(),
            detectors: BTreeMap::new(),
        };
        let of = "guardrails.files";
        if let Some(path) = &config.files.calibration {
            let bytes = shared.file(path)?;
            let calibration: Calibration = serde_json::from_slice(bytes).map_err(|_| GateError::Key {
                key: format!("{of}.calibration"),
                problem: "it is no calibration; make one with `privet guard calibrate`",
            })?;
            shared.calibration = Some(calibration.check()?);
        }
        if let Some(path) = &config.files.honey {
            let text = String::from_utf8_lossy(shared.file(path)?);
            let list = HoneyList::parse(&text).map_err(in_table(format!("{of}.honey")))?;
            shared.honey = Some(list.into_honey(Arc::clone(&secrets.keyed)));
        }
        if let Some(path) = &config.files.corpus {
            let index = CorpusIndex::parse(shared.file(path)?).map_err(in_table(format!("{of}.corpus")))?;
            shared.corpus = Some(index);
        }
        for (index, path) in config.files.packages.iter().enumerate() {
            let list = PackageList::parse(shared.file(path)?)
                .map_err(in_table(format!("{of}.packages[{index}]")))?;
            shared.packages.push(list);
        }
        Ok(shared)
    }

    fn file(&self, path: &Path) -> Result<&'a [u8], GateError> {
        let found = self.files.get(path).map(Vec::as_slice);
        found.ok_or_else(|| GateError::Missing {
            path: path.to_owned(),
        })
    }

    /// The detector that `of` describes; `here` is where its prompts stand.
    fn detector(&mut self, of: &DetectorConfig, here: &str) -> Result<Arc<Detector>, GateError> {
        let wanted = (of.budget.to_bits(), of.model.clone());
        if let Some(known) = self.detectors.get(&wanted) {
            return Ok(Arc::clone(known));
        }
        let mut detector = Detector::shipped()?.with_budget(of.budget)?;
        if let Some(calibration) = &self.calibration {
            detector = detector.with_calibration(calibration);
        }
        if let Some(name) = &of.model {
            let model = self.models.get(name).ok_or_else(|| GateError::Key {
                key: format!("{here}.prompts.detector.model"),
                problem: "there is no such model; add it with `privet guard model add`",
            })?;
            detector = detector.with_model(Arc::clone(model), Band::default());
        }
        let detector = Arc::new(detector);
        self.detectors.insert(wanted, Arc::clone(&detector));
        Ok(detector)
    }

    /// The rules for everybody, or for the holders of roles; `here` is where they stand.
    fn rules(&mut self, of: Option<&OtherRules>, here: &str) -> Result<Arc<Rules>, GateError> {
        let config = self.config;
        let mut prompts = of.map_or_else(|| config.prompts.clone(), |of| of.prompts.or(&config.prompts));
        let mut replies = of.map_or_else(|| config.replies.clone(), |of| of.replies.or(&config.replies));
        let mut tools = of
            .and_then(|of| of.tools.clone())
            .or_else(|| config.tools.clone());
        prompts.detector.get_or_insert_default();
        prompts.invisible.get_or_insert_default();
        replies.escapes.get_or_insert_default();
        replies.prompt_leak.get_or_insert_default();
        replies.repetition.get_or_insert_default();
        if self.honey.is_some() {
            replies.honey.get_or_insert_default();
        }
        if self.corpus.is_some() {
            replies.corpus.get_or_insert_default();
        }
        if !self.packages.is_empty() {
            replies.packages.get_or_insert_default();
        }
        self.check_files(&replies, here)?;
        let is_shadow = of.and_then(|of| of.shadow).unwrap_or(config.shadow);
        if is_shadow {
            prompts.soften();
            replies.soften();
            tools.iter_mut().for_each(soften_tools);
        }
        let wanted = prompts
            .detector
            .as_ref()
            .filter(|it| [it.user, it.document, it.tool, it.memory] != [Action::Allow; 4]);
        let detector = wanted.map(|it| self.detector(it, here)).transpose()?;
        check_prompts(&prompts, here)?;
        let at = |key: &str| in_table(format!("{here}.{key}"));
        let rules = Rules {
            tools: tools.as_ref().map(Tools::new).transpose().map_err(at("tools"))?,
            phrases: match &replies.bans {
                Some(bans) => Some(Phrases::new(bans).map_err(at("replies.bans"))?),
                None => None,
            },
            patterns: match &replies.patterns {
                Some(bans) => Some(Patterns::new(bans).map_err(at("replies.patterns"))?),
                None => None,
            },
            detector,
            honey: self.honey.clone(),
            corpus: self.corpus.clone(),
            packages: self.packages.clone(),
            harm: match &replies.harm {
                Some(actions) => Some(harm(actions).map_err(|_| GateError::Key {
                    key: format!("{here}.replies.harm.budget"),
                    problem: "use 0.001, 0.002, 0.005, 0.01 or 0.02",
                })?),
                None => None,
            },
            prompts,
            replies,
            is_shadow,
        };
        rules.check_replies(here)?;
        Ok(Arc::new(rules))
    }

    /// That what needs a file has one.
    fn check_files(&self, replies: &ReplyControls, here: &str) -> Result<(), GateError> {
        let lacking = [
            ("honey", replies.honey.is_some() && self.honey.is_none()),
            ("corpus", replies.corpus.is_some() && self.corpus.is_none()),
            ("packages", replies.packages.is_some() && self.packages.is_empty()),
        ];
        match lacking.into_iter().find(|(_, is_lacking)| *is_lacking) {
            Some((name, _)) => Err(GateError::Key {
                key: format!("{here}.replies.{name}"),
                problem: "it needs a file; name it in `[guardrails.files]`",
            }),
            None => Ok(()),
        }
    }
}

impl Rules {
    /// Whether nothing is changed or stopped, and all is only written down.
    #[must_use]
    pub const fn is_shadow(&self) -> bool {
        self.is_shadow
    }

    /// Whether prompts or tool calls may have to wait for an approval.
    fn holds(&self) -> bool {
        let tools = self.tools.as_ref().map(Tools::config);
        let mut tools = tools.iter().flat_map(|it| [it.action, it.provenance, it.taint]);
        self.has(Action::Hold) || tools.any(|action| action == Action::Hold)
    }

    /// Whether an action of a control of prompts is `wanted`.
    fn has(&self, wanted: Action) -> bool {
        let detector = self
            .prompts
            .detector
            .iter()
            .flat_map(|it| [it.user, it.document, it.tool, it.memory]);
        let invisible = self
            .prompts
            .invisible
            .iter()
            .flat_map(|it| [it.action, it.smuggled]);
        let extraction = self
            .prompts
            .extraction
            .iter()
            .flat_map(|it| [it.forever, it.series]);
        let mut all = detector.chain(invisible).chain(extraction);
        all.any(|action| action == wanted)
    }

    /// That the filters of replies can be made, so that none fails when a reply has come.
    fn check_replies(&self, here: &str) -> Result<(), GateError> {
        let at = |key: &str| in_table(format!("{here}.replies.{key}"));
        let replies = &self.replies;
        if let Some(config) = &replies.channels {
            Channels::new(config).map_err(at("channels"))?;
        }
        if let Some(config) = &replies.prompt_leak {
            check_leak(config).map_err(at("prompt_leak"))?;
        }
        if let Some(config) = &replies.repetition {
            check_repetition(config).map_err(at("repetition"))?;
        }
        if let Some(config) = &replies.language {
            LanguageFilter::new(config).map_err(at("language"))?;
        }
        if let Some(config) = &replies.sink {
            Sink::new(config).map_err(at("sink"))?;
        }
        if let Some(phrases) = &self.phrases {
            phrases.filter().map_err(at("bans"))?;
        }
        Ok(())
    }
}

/// The classifier, and what becomes of each category from its own limit on.
fn harm(actions: &HarmActions) -> Result<(Arc<HarmClassifier>, HarmConfig), crate::Error> {
    let classifier = HarmClassifier::shipped()?.with_budget(actions.budget)?;
    let mut config = HarmConfig::uniform(&classifier, Action::Allow);
    for (category, rule) in &mut config.categories {
        rule.action = actions.of(*category);
    }
    Ok((Arc::new(classifier), config))
}

fn check_leak(config: &PromptLeakConfig) -> Result<(), Error> {
    PromptShadow::new("", &[], 0).watch(config, &mut Watching::default())
}

fn check_repetition(config: &RepetitionConfig) -> Result<(), Error> {
    config.watch(&mut Watching::default())
}

fn check_prompts(prompts: &PromptControls, here: &str) -> Result<(), GateError> {
    if let Some(config) = &prompts.extraction {
        let budget = privet_types::Budget::unlimited();
        config
            .judge(&mut crate::controls::ExtractionMemory::default(), "", &budget)
            .map_err(in_table(format!("{here}.prompts.extraction")))?;
    }
    Ok(())
}

fn in_table(table: String) -> impl FnOnce(Error) -> GateError {
    move |source| GateError::Control { table, source }
}
