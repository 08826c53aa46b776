//! `policy.toml`: what is looked for, what happens to it, and what is recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use privet_guardrails::gate::{Files, GuardrailsConfig, Models};
use privet_pii::{EntityAction, UrlAllow};
use privet_surface::{PartsConfig, RestoreConfig};
use privet_types::Entity;
use privet_watch::WatchConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::{self, AccessConfig};
use crate::coaching::{self, CoachingConfig};
use crate::key_path::{Fault, KeyPath};
use crate::limits::{self, LimitsConfig};
use crate::message::suggest;
use crate::notices::{self, Notice, NoticeConfig};
use crate::routing::{self, RoutingConfig};
use crate::{Error, Period, RulesFile, document, guardrails, web_address};

/// Most categories that a policy tells apart: each is a question to the vault.
const MOST_CATEGORIES: usize = 32;

/// `policy.toml` as written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "Privet policy (policy.toml)")]
pub struct PolicyFile {
    /// What is looked for, and what becomes of it.
    pub pii: privet_pii::Config,
    /// Where surrogates in a reply become real values again.
    pub restore: RestoreConfig,
    /// Content that Privet cannot look into.
    pub parts: PartsConfig,
    /// What providers may keep.
    // Left out where it says nothing, so that a policy without it keeps its version.
    #[serde(skip_serializing_if = "ResponsesConfig::is_default")]
    pub responses: ResponsesConfig,
    /// How decisions are recorded.
    pub audit: AuditConfig,
    /// What prompts about a person in the vault need.
    // Left out where it says nothing, so that a policy without it keeps its version.
    #[serde(skip_serializing_if = "ConsentConfig::is_default")]
    pub consent: ConsentConfig,
    /// What is kept of conversations.
    #[serde(skip_serializing_if = "ArchiveConfig::is_default")]
    pub archive: ArchiveConfig,
    /// Who may do what.
    #[serde(skip_serializing_if = "AccessConfig::is_default")]
    pub access: AccessConfig,
    /// Where prompts go that hold certain kinds of data.
    #[serde(skip_serializing_if = "RoutingConfig::is_default")]
    pub routing: RoutingConfig,
    /// How much callers may use.
    #[serde(skip_serializing_if = "LimitsConfig::is_default")]
    pub limits: LimitsConfig,
    /// What counts as unusual of callers and models.
    #[serde(skip_serializing_if = "WatchConfig::is_default")]
    pub watch: WatchConfig,
    /// What people are told who were refused.
    #[serde(skip_serializing_if = "CoachingConfig::is_default")]
    pub coaching: CoachingConfig,
    /// What people must have acknowledged before they may use a model.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<NoticeConfig>,
    /// What is looked for in prompts and replies beside private data; nothing, if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guardrails: Option<GuardrailsConfig>,
}

/// The `[responses]` table of the policy document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResponsesConfig {
    /// Whether providers may keep requests and replies for later ones. What they keep is masked.
    pub store: Storage,
    /// Whether values of a request that a provider keeps are remembered, in memory and for a while, and restored in the replies to
    /// the same caller's requests that go on from it.
    pub remember: bool,
}

impl Default for ResponsesConfig {
    fn default() -> Self {
        Self {
            store: Storage::default(),
            remember: true,
        }
    }
}

/// Whether providers may keep requests and replies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Storage {
    /// As the request says.
    #[default]
    AsAsked,
    /// No: `store` goes out as `false`, and what cannot do without is refused.
    Never,
}

impl ResponsesConfig {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The `[archive]` table of the policy document: what of prompts and replies goes into the vault's archive, which
/// `[vault.archive]` of the settings must switch on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ArchiveConfig {
    /// What is kept.
    pub content: ArchiveContent,
    /// Whether prompts that name nobody in `x-privet-subject` are kept, too. They are erased with their day, and with no
    /// person.
    pub unnamed: bool,
    /// What becomes of prompts while the archive cannot keep them.
    pub on_failure: ArchiveFailure,
    /// Whether a reply comes to its end only once the conversation is on disk. One that is no stream is sent then.
    // Left out where it is not, so that a policy without it keeps its version.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub durable: bool,
}

/// What is kept of a conversation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ArchiveContent {
    /// Nothing.
    #[default]
    Nothing,
    /// Prompt and reply as the provider saw them, with stand-ins.
    Masked,
    /// Prompt and reply as the caller saw them.
    Plain,
}

/// What becomes of prompts while the archive cannot keep them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ArchiveFailure {
    /// They are refused.
    #[default]
    Refuse,
    /// They are sent, and not kept.
    GoOn,
}

/// The `[consent]` table of the policy document. A prompt names the person it is about in `x-privet-subject`, and what it
/// is for in `x-privet-purpose`; one that names both is only sent if the vault knows a legal basis.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConsentConfig {
    /// Whether every prompt must name a person and a purpose.
    pub required: bool,
    /// The purpose of prompts that name a person and no purpose; without it they are refused.
    pub purpose: Option<String>,
    /// The category of data that the text of a prompt is, with all that the policy lets pass unseen. With it, the vault is asked
    /// about this category and about those of what was found; without it, about all categories of the purpose at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Which kinds belong to which category of data: `contact = ["EMAIL_ADDRESS", "PHONE_NUMBER"]`. A kind may be in several.
    /// One that is found and is in none makes the vault be asked about all categories at once.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub categories: BTreeMap<String, BTreeSet<String>>,
}

impl ConsentConfig {
    /// The categories that a prompt needs in which these kinds were found; `None` for all of the purpose at once.
    #[must_use]
    pub fn categories_of(&self, found: impl IntoIterator<Item = Entity>) -> Option<BTreeSet<&str>> {
        let mut needed = BTreeSet::from([self.text.as_deref()?]);
        // What only looks like a surrogate is no data of a person.
        for entity in found.into_iter().filter(|entity| *entity != Entity::SURROGATE) {
            let of_entity = self
                .categories
                .iter()
                .filter(|(_, kinds)| kinds.contains(entity.name()));
            let mut is_in_one = false;
            for (category, _) in of_entity {
                is_in_one = true;
                needed.insert(category);
            }
            if !is_in_one {
                return None;
            }
        }
        Some(needed)
    }
}

/// The `[audit]` table of the policy document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuditConfig {
    /// When a decision is safely recorded.
    pub durability: Durability,
    /// With `loss-window`: how much of the latest record a power cut may lose.
    pub loss_window: Period,
}

/// When a decision is safely recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// On disk before the prompt is sent.
    #[default]
    DurableBeforeSend,
    /// On disk within `loss_window` after it.
    LossWindow,
}

/// How decisions are recorded, as checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audit {
    /// On disk before the prompt is sent.
    DurableBeforeSend,
    /// On disk within this time.
    LossWindow(Duration),
}

/// `policy.toml` as checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    file: PolicyFile,
    audit: Audit,
    version: String,
    restore: Arc<RestoreConfig>,
    urls: Arc<UrlAllow>,
    notices: Vec<Notice>,
    guard_files: Arc<Files>,
    guard_models: Arc<Models>,
}

impl ConsentConfig {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl ArchiveConfig {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether anything is kept.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.content != ArchiveContent::Nothing
    }
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            durability: Durability::default(),
            loss_window: Period::from_millis(250),
        }
    }
}

impl Default for Policy {
    /// The policy of an empty document.
    fn default() -> Self {
        Self::of(PolicyFile::default())
    }
}

impl Policy {
    /// Reads the policy in `text`. `path` is where the text came from, for errors; it is not read.
    ///
    /// # Errors
    /// [`Error`] at the first fault, with its line, column and key, and never with a value.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        Self::parse_with(text, path, &[])
    }

    /// As [`parse`](Self::parse), with `rules` added to those of the document: they count in its version.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_with(text: &str, path: &Path, rules: &[RulesFile]) -> Result<Self, Error> {
        document::read(text, path, |mut file: PolicyFile| {
            for more in rules {
                more.add_to(&mut file.pii);
            }
            check(&file).map(|()| Self::of(file))
        })
    }

    /// What is looked for, and what becomes of it.
    #[must_use]
    pub const fn pii(&self) -> &privet_pii::Config {
        &self.file.pii
    }

    /// Where surrogates in a reply become real values again.
    #[must_use]
    pub const fn restore(&self) -> &RestoreConfig {
        &self.file.restore
    }

    /// Content that is sent on unseen.
    #[must_use]
    pub const fn parts(&self) -> &PartsConfig {
        &self.file.parts
    }

    /// What providers may keep.
    #[must_use]
    pub const fn responses(&self) -> &ResponsesConfig {
        &self.file.responses
    }

    /// How decisions are recorded.
    #[must_use]
    pub const fn audit(&self) -> Audit {
        self.audit
    }

    /// What prompts about a person in the vault need.
    #[must_use]
    pub const fn consent(&self) -> &ConsentConfig {
        &self.file.consent
    }

    /// What is kept of conversations.
    #[must_use]
    pub const fn archive(&self) -> &ArchiveConfig {
        &self.file.archive
    }

    /// Who may do what.
    #[must_use]
    pub const fn access(&self) -> &AccessConfig {
        &self.file.access
    }

    /// The same policy, in whose version that of its Cedar policies counts, too.
    #[must_use]
    pub fn with_rules(mut self, rules_version: &str) -> Self {
        self.version = short_hash(format!("{} {rules_version}", self.version).as_bytes());
        self
    }

    /// What is looked for in prompts and replies beside private data, if anything is.
    #[must_use]
    pub const fn guardrails(&self) -> Option<&GuardrailsConfig> {
        self.file.guardrails.as_ref()
    }

    /// The same policy with the files that `[guardrails.files]` names. Their content counts in its version.
    #[must_use]
    pub fn with_guard_files(mut self, files: Files) -> Self {
        let mut named = self.version.clone().into_bytes();
        for (path, bytes) in &files {
            named.extend_from_slice(path.as_os_str().as_encoded_bytes());
            named.push(0);
            named.extend_from_slice(&privet_crypto::sha256(bytes));
        }
        if !files.is_empty() {
            self.version = short_hash(&named);
        }
        self.guard_files = Arc::new(files);
        self
    }

    /// What the files hold that `[guardrails.files]` names.
    #[must_use]
    pub fn guard_files(&self) -> &Files {
        &self.guard_files
    }

    /// The same policy with the models that its `[guardrails]` names. Their hashes count in its version.
    #[must_use]
    pub fn with_guard_models(mut self, models: Models) -> Self {
        let mut named = self.version.clone().into_bytes();
        for (name, hash) in models.hashes() {
            for part in [name, hash] {
                named.extend_from_slice(part.as_bytes());
                named.push(0);
            }
        }
        if models != Models::default() {
            self.version = short_hash(&named);
        }
        self.guard_models = Arc::new(models);
        self
    }

    /// The models that its `[guardrails]` names.
    #[must_use]
    pub fn guard_models(&self) -> &Models {
        &self.guard_models
    }

    /// A policy that refuses what this one would let pass as it is: kinds whose action, or the default action, is `allow`, and
    /// parts that are not looked into. Broad kinds stay as they are. `None` if this one lets none of that pass.
    #[must_use]
    pub fn refusing_what_passes(&self) -> Option<Self> {
        let mut file = self.file.clone();
        let mut lets_pass = !file.parts.pass.is_empty();
        file.parts.pass.clear();
        for rule in &mut file.routing.sensitive {
            lets_pass |= !rule.parts.is_empty();
            rule.parts.clear();
        }
        let actions = file.pii.entities.values_mut();
        for action in actions.chain([&mut file.pii.default_action]) {
            if *action == EntityAction::Allow {
                *action = EntityAction::Block;
                lets_pass = true;
            }
        }
        lets_pass.then(|| Self::of(file))
    }

    /// Whether the kind called `name` is looked for; `None` if there is no such kind.
    #[must_use]
    pub fn looks_for(&self, name: &str) -> Option<bool> {
        let pii = self.pii();
        let own = pii.recognizers.iter().map(|own| &own.entity);
        let own = own.chain(pii.terms.iter().map(|own| &own.entity));
        let kind = Entity::ALL.iter().chain(own).find(|kind| kind.name() == name)?;
        Some(pii.action(*kind) != EntityAction::Allow)
    }

    /// Whether data of this kind would leave as it is where it is found, beside kinds that are broad.
    #[must_use]
    pub fn lets_pass(&self, kind: Entity) -> bool {
        let strict = self.refusing_what_passes();
        self.pii().action(kind) == EntityAction::Allow
            && strict.is_some_and(|strict| strict.pii().action(kind) != EntityAction::Allow)
    }

    /// Where prompts go that hold certain kinds of data.
    #[must_use]
    pub const fn routing(&self) -> &RoutingConfig {
        &self.file.routing
    }

    /// How much callers may use.
    #[must_use]
    pub const fn limits(&self) -> &LimitsConfig {
        &self.file.limits
    }

    /// What counts as unusual of callers and models, and what becomes of who does it.
    #[must_use]
    pub const fn watch(&self) -> &WatchConfig {
        &self.file.watch
    }

    /// What people are told who were refused.
    #[must_use]
    pub const fn coaching(&self) -> &CoachingConfig {
        &self.file.coaching
    }

    /// What people must have acknowledged before they may use a model; in the document's order.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Names what the policy says, in 16 hexadecimal digits: equal for documents that say the same, however written.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    pub(crate) const fn shared_restore(&self) -> &Arc<RestoreConfig> {
        &self.restore
    }

    pub(crate) const fn urls(&self) -> &Arc<UrlAllow> {
        &self.urls
    }

    fn of(file: PolicyFile) -> Self {
        let audit = match file.audit.durability {
            Durability::DurableBeforeSend => Audit::DurableBeforeSend,
            Durability::LossWindow => Audit::LossWindow(file.audit.loss_window.duration()),
        };
        let version = version(&file);
        let restore = Arc::new(file.restore.clone());
        let urls = Arc::new(UrlAllow::new(&file.restore.url_allow));
        Self {
            notices: file.notices.iter().cloned().map(Notice::new).collect(),
            guard_files: Arc::default(),
            guard_models: Arc::default(),
            file,
            audit,
            version,
            restore,
            urls,
        }
    }
}

fn version(file: &PolicyFile) -> String {
    // Every map and set in the file is ordered and every map key a text, so the form is fixed and writing cannot fail.
    let canonical = serde_json::to_vec(file).unwrap_or_default();
    short_hash(&canonical)
}

fn short_hash(bytes: &[u8]) -> String {
    privet_crypto::sha256(bytes)
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A commented `policy.toml` that says the same as the default policy.
#[must_use]
pub const fn example() -> &'static str {
    include_str!("policy_example.toml")
}

/// The JSON Schema of `policy.toml`, as committed in `schema/policy.schema.json`.
#[must_use]
pub fn schema() -> String {
    document::schema::<PolicyFile>()
}

fn check(file: &PolicyFile) -> Result<(), Fault> {
    check_pii(&file.pii)?;
    let allow_at = KeyPath::of("restore").key("url_allow");
    for (index, prefix) in file.restore.url_allow.iter().enumerate() {
        check_url_prefix(prefix).map_err(|message| allow_at.index(index).fault(message))?;
    }
    if file.restore.tools.contains_key("") {
        return Err(KeyPath::of("restore")
            .key("tools")
            .key("")
            .fault("a tool's name is empty"));
    }
    check_consent(&file.consent, &file.pii)?;
    access::check(&file.access)?;
    routing::check(&file.routing, &file.pii)?;
    if file.routing.leaves_unmasked() && file.responses.store == Storage::Never {
        return Err(KeyPath::of("responses").key("store").fault(
            "\"never\" cannot be kept where a rule of `[[routing.sensitive]]` sends prompts as they come; leave out `mask = false` there, or use \"as_asked\"",
        ));
    }
    if file.routing.leaves_unmasked() && file.archive.content == ArchiveContent::Masked {
        return Err(KeyPath::of("archive").key("content").fault(
            "would keep prompts unmasked that a rule of `[[routing.sensitive]]` sends so; use \"plain\" or \"nothing\", or no `mask = false`",
        ));
    }
    guardrails::check(file.guardrails.as_ref())?;
    limits::check(&file.limits)?;
    file.watch
        .check()
        .map_err(|(key, message)| KeyPath::of("watch").key(key).fault(message))?;
    coaching::check(&file.coaching)?;
    notices::check(&file.notices)?;
    let (least, most) = (Period::from_millis(1), Period::from_secs(60));
    if !(least..=most).contains(&file.audit.loss_window) {
        return Err(KeyPath::of("audit")
            .key("loss_window")
            .fault(format!("use {least} to {most}")));
    }
    Ok(())
}

fn check_consent(consent: &ConsentConfig, pii: &privet_pii::Config) -> Result<(), Fault> {
    let at = KeyPath::of("consent");
    let id = "1 to 64 of a-z, 0-9, `-`, `_`, `.`";
    if consent
        .purpose
        .as_deref()
        .is_some_and(|purpose| !is_purpose(purpose))
    {
        return Err(at.key("purpose").fault(format!("use the id of a purpose: {id}")));
    }
    if consent.text.as_deref().is_some_and(|text| !is_purpose(text)) {
        return Err(at.key("text").fault(format!("use the name of a category: {id}")));
    }
    let at = at.key("categories");
    if !consent.categories.is_empty() && consent.text.is_none() {
        return Err(at.fault("name the category of the text itself, too: `text` in `[consent]`"));
    }
    if consent.categories.len() > MOST_CATEGORIES {
        return Err(at.fault(format!("use at most {MOST_CATEGORIES} categories")));
    }
    let own = pii.recognizers.iter().map(|own| own.entity);
    let own: Vec<Entity> = own.chain(pii.terms.iter().map(|own| own.entity)).collect();
    for (category, kinds) in &consent.categories {
        if !is_purpose(category) {
            return Err(at
                .key(category)
                .fault(format!("use the name of a category: {id}")));
        }
        let is_known = |name: &str| Entity::ALL.iter().chain(&own).any(|entity| entity.name() == name);
        if let Some(kind) = kinds.iter().find(|kind| !is_known(kind)) {
            let known: Vec<&str> = Entity::ALL.iter().map(|entity| entity.name()).collect();
            return Err(at.key(category).fault(suggest("unknown entity", kind, &known)));
        }
    }
    Ok(())
}

fn check_pii(pii: &privet_pii::Config) -> Result<(), Fault> {
    let at = KeyPath::of("pii");
    if pii
        .entities
        .get(&Entity::SURROGATE)
        .is_some_and(|action| *action != EntityAction::Mask)
    {
        let at = at.key("entities").key(Entity::SURROGATE.name());
        return Err(at.fault("text that looks like a surrogate is always masked; delete this line"));
    }
    if let Some(entity) = pii.unknown_entity() {
        let known: Vec<&str> = Entity::ALL.iter().map(|e| e.name()).collect();
        let at = at.key("entities").key(entity.name());
        return Err(at.fault(suggest("unknown entity", entity.name(), &known)));
    }
    if !(0.0..=1.0).contains(&pii.threshold) {
        return Err(at.key("threshold").fault("use 0.0 to 1.0"));
    }
    if !is_model_name(&pii.model) {
        return Err(at.key("model").fault(
            "use `small`, `rampart`, or the name of a network of your own in small letters, digits and `-`",
        ));
    }
    check_terms(&pii.terms, &at.key("terms"))
}

/// That `terms` can be looked for.
pub(crate) fn check_terms(all: &[privet_pii::Terms], at: &KeyPath) -> Result<(), Fault> {
    for (index, terms) in all.iter().enumerate() {
        let here = at.index(index);
        if terms.entity == Entity::SURROGATE {
            return Err(here
                .key("entity")
                .fault("terms cannot be surrogates; leave `entity` out for `TERM`"));
        }
        if terms.values.is_empty() {
            return Err(here
                .key("values")
                .fault("lists no term; add one, or delete this table"));
        }
        for (index, term) in terms.values.iter().enumerate() {
            check_term(term).map_err(|message| here.key("values").index(index).fault(message))?;
        }
    }
    Ok(())
}

fn is_purpose(name: &str) -> bool {
    let is_part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    (1..=64).contains(&name.len()) && name.bytes().all(is_part)
}

fn is_model_name(name: &str) -> bool {
    let is_part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(is_part)
}

fn check_term(term: &str) -> Result<(), &'static str> {
    if !term.chars().any(char::is_alphanumeric) {
        return Err("a term needs a letter or a digit");
    }
    if term.trim() != term {
        return Err("a term must not begin or end with a blank");
    }
    if term.len() > 256 || term.chars().any(char::is_control) {
        return Err("a term is one line of at most 256 bytes");
    }
    Ok(())
}

fn check_url_prefix(prefix: &str) -> Result<(), String> {
    let example = "write it such as `https://intranet.example.com/`";
    let address = web_address::parse(prefix).map_err(|message| format!("{message}; {example}"))?;
    if !address.path.ends_with('/') {
        return Err(format!(
            "must end in `/`, or it would allow other hosts and folders that begin the same; {example}"
        ));
    }
    if address.host.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(format!("write the host in small letters; {example}"));
    }
    if address.path.contains('%') || address.path.contains("//") {
        return Err(format!("must not hold `%` or an empty path segment; {example}"));
    }
    Ok(())
}
