//! What the policy document can say about guardrails.

use std::collections::BTreeSet;
use std::path::PathBuf;

use privet_types::RoleName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::controls::{
    Action, Ban, CanaryConfig, ChannelsConfig, CitationsConfig, CodeConfig, CorpusConfig, EscapesConfig,
    ExtractionConfig, HoneyConfig, InvisibleConfig, LanguageConfig, PackagesConfig, PatternBan,
    PrivateConfig, PromptLeakConfig, RepetitionConfig, SinkConfig, ToolsConfig,
};
use crate::detect::DEFAULT_BUDGET;
use crate::harm::HarmCategory;

/// The `[guardrails]` table of the policy document. A policy without it has no guardrails; an empty one has the defaults of its tables.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GuardrailsConfig {
    /// Whether what is found is only written down, and nothing changed or stopped.
    pub shadow: bool,
    /// The model that a prompt goes to in the place of the one it asks for, where an action is `route`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route_to: Option<String>,
    /// What sets documents off in what people and applications write.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
    /// Files that controls read, relative to the policy document.
    #[serde(skip_serializing_if = "FilesConfig::is_empty")]
    pub files: FilesConfig,
    /// What is looked for in prompts.
    pub prompts: PromptControls,
    /// What is looked for in replies.
    pub replies: ReplyControls,
    /// Which tools models may call; any, if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<ToolsConfig>,
    /// Other rules for holders of certain roles, or for certain models. The first that fits counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<OtherRules>,
}

/// One of `[[guardrails.rules]]`. A table that it has stands in the place of the general one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtherRules {
    /// Whom it is for: whoever holds one of these roles; everybody, if it is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// For which models, as callers name them, `*` at the end for any ending; for all, if it is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// Whether what is found is only written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<bool>,
    /// What is looked for in prompts.
    #[serde(default)]
    pub prompts: PromptControls,
    /// What is looked for in replies.
    #[serde(default)]
    pub replies: ReplyControls,
    /// Which tools models may call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<ToolsConfig>,
}

impl GuardrailsConfig {
    /// The models of the user's own that detectors are to ask, each once, by name.
    #[must_use]
    pub fn models(&self) -> BTreeSet<&str> {
        let rules = self.rules.iter().map(|of| &of.prompts);
        let detectors = rules.chain([&self.prompts]).filter_map(|of| of.detector.as_ref());
        detectors.filter_map(|of| of.model.as_deref()).collect()
    }
}

impl OtherRules {
    pub(super) fn is_for(&self, held: &[RoleName], model: &str) -> bool {
        let is_held = |role: &String| held.iter().any(|of| of.as_str() == role);
        let is_meant = |name: &String| match name.strip_suffix('*') {
            Some(stem) => model.starts_with(stem),
            None => model == name,
        };
        (self.roles.is_empty() || self.roles.iter().any(is_held))
            && (self.models.is_empty() || self.models.iter().any(is_meant))
    }
}

/// What sets a document off in a text that somebody writes: everything between the first `begin` and the last `end` behind it counts as
/// a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// Where it begins: `<document>`.
    pub begin: String,
    /// Where it ends: `</document>`. Without one it goes on to the text's end.
    pub end: String,
    /// As what it is looked at.
    #[serde(default)]
    pub channel: MarkedChannel,
}

/// As what a marked part is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MarkedChannel {
    /// As documents, pages, mails.
    #[default]
    Document,
    /// As what a tool returned.
    Tool,
    /// As what was remembered of earlier conversations.
    Memory,
}

/// Files that controls read, relative to the policy document.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FilesConfig {
    /// Limits of the detector, as `privet guard calibrate` writes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<PathBuf>,
    /// Honey records, as `privet guard honey` writes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub honey: Option<PathBuf>,
    /// The index of protected documents, as `privet guard corpus` writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corpus: Option<PathBuf>,
    /// Lists of packages that exist, as `privet guard packages` writes them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<PathBuf>,
}

impl FilesConfig {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// All of them, as they are written.
    pub fn all(&self) -> impl Iterator<Item = &PathBuf> {
        let single = [&self.calibration, &self.honey, &self.corpus];
        single.into_iter().flatten().chain(&self.packages)
    }
}

/// What is looked for in prompts (`[guardrails.prompts]`). A table that is left out has its defaults; `extraction` is only looked
/// for where it has one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PromptControls {
    /// Attacks, by the detector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detector: Option<DetectorConfig>,
    /// Characters that nobody sees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invisible: Option<InvisibleConfig>,
    /// Requests that pump a model dry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extraction: Option<ExtractionConfig>,
}

/// The detector (`[guardrails.prompts.detector]`): what becomes of a text that it flags, by channel. `redact` takes the text out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DetectorConfig {
    /// What a person wrote.
    pub user: Action,
    /// Documents: parts between marks, and what surfaces call documents.
    pub document: Action,
    /// What tools returned.
    pub tool: Action,
    /// What the model said earlier, as the caller gives it back, and parts that are marked as memory.
    pub memory: Action,
    /// The share of harmless texts that may be flagged: 0.001, 0.002, 0.005, 0.01 or 0.02. A calibration file counts before it.
    pub budget: f32,
    /// A model of your own that is asked about doubtful texts, as `privet guard model add` has named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl Default for DetectorConfig {
    fn default() -> Self {
        Self {
            user: Action::Block,
            document: Action::Block,
            tool: Action::Block,
            memory: Action::Flag,
            budget: DEFAULT_BUDGET,
            model: None,
        }
    }
}

/// What is looked for in replies (`[guardrails.replies]`). `escapes`, `prompt_leak` and `repetition` have their defaults where they are
/// left out, and so have `honey`, `corpus` and `packages` where `[guardrails.files]` names theirs; the others are only looked for where
/// they have a table.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReplyControls {
    /// Control sequences of terminals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escapes: Option<EscapesConfig>,
    /// Characters that nobody sees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invisible: Option<InvisibleConfig>,
    /// Links and images that carry data out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<ChannelsConfig>,
    /// A word in the system prompt that must not come back. It is added to the system prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryConfig>,
    /// Passages of the system prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_leak: Option<PromptLeakConfig>,
    /// Honey records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub honey: Option<HoneyConfig>,
    /// Passages of protected documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corpus: Option<CorpusConfig>,
    /// Replies that go round in circles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repetition: Option<RepetitionConfig>,
    /// Personal data and secrets that the request did not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private: Option<PrivateConfig>,
    /// Words, topics and competitors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bans: Option<Vec<Ban>>,
    /// Regular expressions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patterns: Option<Vec<PatternBan>>,
    /// Languages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<LanguageConfig>,
    /// Program code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<CodeConfig>,
    /// Citations of documents, which stand between `marks` in the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub citations: Option<CitationsConfig>,
    /// Packages that do not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packages: Option<PackagesConfig>,
    /// Harmful content by category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub harm: Option<HarmActions>,
    /// Where replies go that something else runs or shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sink: Option<SinkConfig>,
}

/// Harmful content (`[guardrails.replies.harm]`): what becomes of a text that the classifier of a category flags.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HarmActions {
    /// Contempt for people for what they are.
    pub hate: Action,
    /// Sexual content.
    pub sexual: Action,
    /// Violence that is shown or called for.
    pub violence: Action,
    /// Suicide, self-injury, eating disorders as something to do.
    pub self_harm: Action,
    /// How to make or get weapons, or commit crimes.
    pub weapons_and_crime: Action,
    /// The share of harmless texts that each category may flag: 0.001, 0.002, 0.005, 0.01 or 0.02.
    pub budget: f32,
}

impl Default for HarmActions {
    fn default() -> Self {
        Self {
            hate: Action::Flag,
            sexual: Action::Flag,
            violence: Action::Flag,
            self_harm: Action::Flag,
            weapons_and_crime: Action::Flag,
            budget: 0.002,
        }
    }
}

impl HarmActions {
    fn all(&mut self) -> [&mut Action; 5] {
        [
            &mut self.hate,
            &mut self.sexual,
            &mut self.violence,
            &mut self.self_harm,
            &mut self.weapons_and_crime,
        ]
    }

    pub(super) const fn of(&self, category: HarmCategory) -> Action {
        match category {
            HarmCategory::Hate => self.hate,
            HarmCategory::Sexual => self.sexual,
            HarmCategory::Violence => self.violence,
            HarmCategory::SelfHarm => self.self_harm,
            HarmCategory::WeaponsAndCrime => self.weapons_and_crime,
        }
    }
}

impl PromptControls {
    /// These, and where they say nothing those of `general`.
    pub(super) fn or(&self, general: &Self) -> Self {
        let (own, general) = (self.clone(), general.clone());
        Self {
            detector: own.detector.or(general.detector),
            invisible: own.invisible.or(general.invisible),
            extraction: own.extraction.or(general.extraction),
        }
    }

    pub(super) fn soften(&mut self) {
        if let Some(it) = &mut self.detector {
            soften([&mut it.user, &mut it.document, &mut it.tool, &mut it.memory]);
        }
        if let Some(it) = &mut self.invisible {
            soften([&mut it.action, &mut it.smuggled]);
        }
        if let Some(it) = &mut self.extraction {
            soften([&mut it.forever, &mut it.series]);
        }
    }
}

impl ReplyControls {
    /// These, and where they say nothing those of `general`.
    pub(super) fn or(&self, general: &Self) -> Self {
        let (own, general) = (self.clone(), general.clone());
        Self {
            escapes: own.escapes.or(general.escapes),
            invisible: own.invisible.or(general.invisible),
            channels: own.channels.or(general.channels),
            canary: own.canary.or(general.canary),
            prompt_leak: own.prompt_leak.or(general.prompt_leak),
            honey: own.honey.or(general.honey),
            corpus: own.corpus.or(general.corpus),
            repetition: own.repetition.or(general.repetition),
            private: own.private.or(general.private),
            bans: own.bans.or(general.bans),
            patterns: own.patterns.or(general.patterns),
            language: own.language.or(general.language),
            code: own.code.or(general.code),
            citations: own.citations.or(general.citations),
            packages: own.packages.or(general.packages),
            harm: own.harm.or(general.harm),
            sink: own.sink.or(general.sink),
        }
    }

    /// Everything is only written down; no canary is put into prompts.
    pub(super) fn soften(&mut self) {
        self.canary = None;
        let Self {
            escapes,
            invisible,
            channels,
            canary: _,
            prompt_leak,
            honey,
            corpus,
            repetition,
            private,
            bans,
            patterns,
            language,
            code,
            citations,
            packages,
            harm,
            sink,
        } = self;
        soften(escapes.iter_mut().map(|it| &mut it.action));
        soften(
            invisible
                .iter_mut()
                .flat_map(|it| [&mut it.action, &mut it.smuggled]),
        );
        soften(channels.iter_mut().map(|it| &mut it.action));
        soften(prompt_leak.iter_mut().map(|it| &mut it.action));
        soften(honey.iter_mut().map(|it| &mut it.action));
        soften(corpus.iter_mut().map(|it| &mut it.action));
        soften(repetition.iter_mut().map(|it| &mut it.action));
        soften(
            private
                .iter_mut()
                .flat_map(|it| [&mut it.action, &mut it.secrets]),
        );
        soften(bans.iter_mut().flatten().map(|it| &mut it.action));
        soften(patterns.iter_mut().flatten().map(|it| &mut it.action));
        soften(language.iter_mut().map(|it| &mut it.action));
        soften(code.iter_mut().map(|it| &mut it.action));
        soften(
            citations
                .iter_mut()
                .flat_map(|it| [&mut it.unknown, &mut it.quotation]),
        );
        soften(packages.iter_mut().map(|it| &mut it.action));
        soften(harm.iter_mut().flat_map(HarmActions::all));
        soften(sink.iter_mut().map(|it| &mut it.action));
    }
}

pub(super) fn soften_tools(tools: &mut ToolsConfig) {
    soften([&mut tools.action, &mut tools.provenance, &mut tools.taint]);
}

fn soften<'a>(actions: impl IntoIterator<Item = &'a mut Action>) {
    for action in actions {
        *action = (*action).min(Action::Flag);
    }
}
