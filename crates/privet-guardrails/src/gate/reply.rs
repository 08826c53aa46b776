//! Replies as they come: each text through the filters, each tool call before it goes on.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use privet_pii::Analyzer;
use privet_types::{Budget, RoleName, RuleId};

use super::approval::{Held, HeldWhat};
use super::leaves::leaves;
use super::prompt::{Heard, Judged};
use super::rules::{Guardrails, Rules};
use crate::controls::{
    Action, Chain, Channels, CodeFilter, Control, Error, Escapes, Filter, HarmFilter, Hit, LanguageFilter,
    PackageFilter, Passed, Private, PromptShadow, Sink, StripInvisible, ToolCall, Watching,
};

/// Texts of a reply that are followed at once.
const MOST_LANES: usize = 1024;
/// System prompts whose hashes are kept.
const MOST_SHADOWS: usize = 64;

/// Hashes of system prompts that come again with every request. Bounded; belongs to one installation.
#[derive(Default)]
pub struct Shadows(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    shadows: HashMap<[u8; 32], PromptShadow>,
    order: VecDeque<[u8; 32]>,
}

impl fmt::Debug for Shadows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shadows")
    }
}

impl Shadows {
    fn of(&self, key: [u8; 32], prompt: &str, seed: u64) -> PromptShadow {
        {
            let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = kept.shadows.get(&key) {
                return known.clone();
            }
        }
        let made = PromptShadow::new(prompt, &[], seed);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.shadows.insert(key, made.clone()).is_none() {
            kept.order.push_back(key);
        }
        while kept.order.len() > MOST_SHADOWS {
            if let Some(first) = kept.order.pop_front() {
                kept.shadows.remove(&first);
            }
        }
        made
    }
}

/// Tool calls of a reply that can wait for an approval.
const MOST_HELD: usize = 16;

/// One reply under way.
pub struct Reply {
    pub(super) rules: Arc<Rules>,
    pub(super) roles: Vec<RoleName>,
    analyzer: Arc<Analyzer>,
    shadow: Option<PromptShadow>,
    pub(super) heard: Heard,
    lanes: BTreeMap<usize, Chain>,
    hits: BTreeMap<(Control, RuleId, Action), u32>,
    held: Vec<Held>,
    budget: Budget,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}

impl Guardrails {
    /// What looks at the reply to a request that was judged so. `analyzer` finds personal data.
    #[must_use]
    pub fn reply(
        &self,
        judged: Judged,
        (roles, model): (Vec<RoleName>, &str),
        analyzer: &Arc<Analyzer>,
        shadows: &Shadows,
        budget: Budget,
    ) -> Reply {
        let rules = Arc::clone(self.rules(&roles, model));
        let heard = judged.heard;
        let wants_shadow = rules.replies.prompt_leak.as_ref();
        let wants_shadow =
            wants_shadow.is_some_and(|it| it.action != Action::Allow) && !heard.system.is_empty();
        let shadow = wants_shadow.then(|| {
            let key = (self.secrets.keyed)(heard.system.as_bytes());
            shadows.of(key, &heard.system, self.secrets.seed)
        });
        Reply {
            rules,
            roles,
            analyzer: Arc::clone(analyzer),
            shadow,
            heard,
            lanes: BTreeMap::new(),
            hits: BTreeMap::new(),
            held: Vec::new(),
            budget,
        }
    }
}

impl Reply {
    /// Takes the next piece of text number `lane` and appends to `out` what may be shown by now. Returns whether nothing more may be.
    ///
    /// # Errors
    /// [`Error`] if it could not be looked at; nothing more of the reply may be shown then.
    pub fn push(&mut self, lane: usize, piece: &str, out: &mut String) -> Result<bool, Error> {
        if !self.lanes.contains_key(&lane) {
            if self.lanes.len() >= MOST_LANES {
                return Err(Error::config(
                    Control::Escapes,
                    "reply",
                    "it has more than 1,024 texts",
                ));
            }
            let chain = self.chain()?;
            self.lanes.insert(lane, chain);
        }
        let mut passed = Passed::default();
        if let Some(chain) = self.lanes.get_mut(&lane) {
            chain.push(piece, &mut passed, &self.budget)?;
        }
        Ok(self.take(&passed, out))
    }

    /// That text has ended: appends what was held back.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn finish(&mut self, lane: usize, out: &mut String) -> Result<bool, Error> {
        let mut passed = Passed::default();
        if let Some(mut chain) = self.lanes.remove(&lane) {
            chain.finish(&mut passed, &self.budget)?;
        }
        Ok(self.take(&passed, out))
    }

    /// Judges a whole tool call. Returns whether it must not go on.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn call(&mut self, name: &str, arguments: &str) -> Result<bool, Error> {
        let mut is_stopped = false;
        if let Some(tools) = &self.rules.tools {
            let holder = self.heard.holder.as_ref();
            let hold = holder.map(|holder| holder.holds(HeldWhat::Call { name, arguments }));
            let call = ToolCall {
                name,
                arguments,
                is_approved: hold == Some(None),
            };
            let mut judgement = tools.judge(&mut self.heard.session, &self.roles, call, &self.budget)?;
            if call.is_approved {
                let held = judgement.hits.iter_mut().filter(|hit| hit.action == Action::Hold);
                held.for_each(|hit| hit.action = Action::Flag);
            }
            is_stopped |= judgement.action().stops();
            let by = judgement.hits.iter().find(|hit| hit.action == Action::Hold);
            if judgement.action() == Action::Hold
                && let Some((by, Some(id))) = by.zip(hold)
                && self.held.len() < MOST_HELD
            {
                let tool = Some(name.to_owned());
                let rule = by.rule;
                self.held.push(Held { id, rule, tool });
            }
            judgement.hits.iter().for_each(|hit| self.count(hit));
        }
        let mut watching = self.watching()?;
        let mut passed = Passed::default();
        watching.push(name, &mut passed, &self.budget)?;
        watching.push(" ", &mut passed, &self.budget)?;
        watching.push(arguments, &mut passed, &self.budget)?;
        watching.finish(&mut passed, &self.budget)?;
        passed.hits.extend(self.in_arguments(arguments)?);
        for hit in &mut passed.hits {
            // What would be taken out of a text cannot be taken out of a call without changing what is run.
            if hit.action == Action::Redact {
                hit.action = Action::Block;
            }
            is_stopped |= hit.action.stops();
            self.count(hit);
        }
        Ok(is_stopped)
    }

    /// What is found in the texts of a call's arguments that may not leave: values that the request did not hold, and addresses off
    /// the list.
    fn in_arguments(&self, arguments: &str) -> Result<Vec<Hit>, Error> {
        let replies = &self.rules.replies;
        let mut hits = Vec::new();
        if replies.private.is_none() && replies.channels.is_none() {
            return Ok(hits);
        }
        self.budget.charge(4 * arguments.len() as u64)?;
        let leaves = leaves(arguments);
        if let Some(config) = &replies.private {
            let brought = self.heard.brought.clone();
            let mut private = Private::new(config, Arc::clone(&self.analyzer), brought);
            let mut passed = Passed::default();
            for leaf in &leaves {
                // The name says what the value is.
                let sign = if leaf.name.is_empty() { "" } else { ": " };
                for piece in [leaf.name.as_str(), sign, leaf.text.as_str(), "\n"] {
                    private.push(piece, &mut passed, &self.budget)?;
                }
            }
            private.finish(&mut passed, &self.budget)?;
            hits.extend(passed.hits);
        }
        if let Some(config) = &replies.channels {
            let values = leaves.iter().map(|leaf| leaf.text.as_str());
            hits.extend(Channels::look_at_values(config, values, &self.budget)?);
        }
        Ok(hits)
    }

    /// What was found by now: how often each rule, and what became of it.
    #[must_use]
    pub const fn hits(&self) -> &BTreeMap<(Control, RuleId, Action), u32> {
        &self.hits
    }

    /// Tool calls that wait for somebody's approval.
    #[must_use]
    pub fn held(&self) -> &[Held] {
        &self.held
    }

    /// The rule that stopped it, if one did.
    #[must_use]
    pub fn stopped_by(&self) -> Option<RuleId> {
        let stops = |(_, _, action): &&(Control, RuleId, Action)| action.stops();
        let gravest = self
            .hits
            .keys()
            .filter(stops)
            .max_by_key(|(_, _, action)| *action);
        gravest.map(|(_, rule, _)| *rule)
    }

    fn take(&mut self, passed: &Passed, out: &mut String) -> bool {
        out.push_str(&passed.text);
        passed.hits.iter().for_each(|hit| self.count(hit));
        passed.is_stopped()
    }

    fn count(&mut self, hit: &Hit) {
        let count = self.hits.entry((hit.control, hit.rule, hit.action)).or_default();
        *count = count.saturating_add(1);
    }

    /// What is watched for in texts and in tool calls.
    fn watching(&self) -> Result<Watching, Error> {
        let replies = &self.rules.replies;
        let mut watching = Watching::default();
        if let Some((config, canary)) = replies.canary.as_ref().zip(self.heard.canary.as_ref()) {
            canary.watch(config, &mut watching);
        }
        if let Some((config, shadow)) = replies.prompt_leak.as_ref().zip(self.shadow.as_ref()) {
            shadow.watch(config, &mut watching)?;
        }
        if let Some((config, honey)) = replies.honey.as_ref().zip(self.rules.honey.as_ref()) {
            honey.watch(config, &mut watching);
        }
        if let Some((config, corpus)) = replies.corpus.as_ref().zip(self.rules.corpus.as_ref()) {
            corpus.watch(config, &mut watching);
        }
        Ok(watching)
    }

    /// The filters for one text.
    fn chain(&self) -> Result<Chain, Error> {
        let replies = &self.rules.replies;
        let mut filters: Vec<Box<dyn Filter>> = Vec::new();
        if let Some(config) = replies.escapes.as_ref().filter(|it| it.action != Action::Allow) {
            filters.push(Box::new(Escapes::new(config)));
        }
        if let Some(config) = &replies.invisible {
            filters.push(Box::new(StripInvisible::new(config)));
        }
        let mut watching = self.watching()?;
        if let Some(config) = replies
            .repetition
            .as_ref()
            .filter(|it| it.action != Action::Allow)
        {
            config.watch(&mut watching)?;
        }
        if !watching.is_idle() {
            filters.push(Box::new(watching));
        }
        if let Some(config) = &replies.private {
            let brought = self.heard.brought.clone();
            filters.push(Box::new(Private::new(
                config,
                Arc::clone(&self.analyzer),
                brought,
            )));
        }
        if let Some(phrases) = &self.rules.phrases {
            filters.push(Box::new(phrases.filter()?));
        }
        if let Some(patterns) = &self.rules.patterns {
            filters.push(Box::new(patterns.filter()));
        }
        if let Some(config) = &replies.language {
            filters.push(Box::new(LanguageFilter::new(config)?));
        }
        if let Some(config) = &replies.code {
            filters.push(Box::new(CodeFilter::new(config)));
        }
        if let Some(config) = &replies.packages {
            filters.push(Box::new(PackageFilter::new(config, &self.rules.packages)));
        }
        if let Some(config) = &replies.citations
            && let Some(citations) = self.heard.sources.citations(config, &self.budget)?
        {
            filters.push(Box::new(citations));
        }
        if let Some((classifier, config)) = &self.rules.harm {
            filters.push(Box::new(HarmFilter::new(config, Arc::clone(classifier))?));
        }
        // Last but for the sink: what the others put in a place is no address.
        if let Some(config) = &replies.channels {
            filters.push(Box::new(Channels::new(config)?));
        }
        if let Some(config) = &replies.sink {
            filters.push(Box::new(Sink::new(config)?.into_filter()));
        }
        Ok(Chain::new(filters))
    }
}
