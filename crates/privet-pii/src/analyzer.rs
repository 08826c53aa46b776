//! Finds personal data in a text.

use std::collections::HashSet;
use std::sync::Arc;

use privet_types::{Basis, Budget, Entity, Finding, Span};

use crate::calibration::calibrated;
use crate::config::{Config, EntityAction};
use crate::disguise::uncover;
use crate::doubt;
use crate::error::Error;
use crate::explain::{Explaining, Explanation};
use crate::ner::{Model, Ner};
use crate::recognizers::context::Words;
use crate::recognizers::custom::CustomSet;
use crate::recognizers::scan::Scan;
use crate::recognizers::terms::TermSet;
use crate::recognizers::{Plan, walk};
use crate::resolve::resolve;

/// Finds personal data in text. Made once from a [`Config`], then shared between threads.
pub struct Analyzer {
    plan: Plan,
    words: Words,
    terms: Option<TermSet>,
    custom: CustomSet,
    allow_list: HashSet<String>,
    ner: Option<Ner>,
    model: Option<Arc<Model>>,
    /// What the networks are asked for.
    network_kinds: Vec<Entity>,
    threshold: f32,
    undoes_disguise: bool,
    is_idle: bool,
    is_calibrated: bool,
}

impl Analyzer {
    /// An analyser for the kinds that `config` masks or blocks; it does not look for the others.
    ///
    /// # Errors
    /// [`Error::Terms`] if a listed term cannot be looked for, [`Error::Recognizers`] if a library refuses its data,
    /// [`Error::NoModel`] if `config` asks for a network that is no part of the binary.
    pub fn new(config: &Config) -> Result<Self, Error> {
        Self::with_model(config, None)
    }

    /// The same with a network that is no part of the binary, for the case that `config` asks for it.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`Error::NoModel`] also if `model` is another one than `config` asks for.
    pub fn with_model(config: &Config, model: Option<&Arc<Model>>) -> Result<Self, Error> {
        if let Some(entity) = config.unknown_entity() {
            return Err(Error::UnknownEntity { entity });
        }
        if !(0.0..=1.0).contains(&config.threshold) {
            return Err(Error::Threshold {
                value: config.threshold,
            });
        }
        let threshold = config.threshold as f32;
        let wants = |entity: Entity| config.action(entity) != EntityAction::Allow;
        let model = match config.model_wanted() {
            None => None,
            Some(name) => {
                let fitting = model.filter(|model| model.name() == name);
                let missing = || Error::NoModel {
                    name: name.to_owned(),
                };
                Some(Arc::clone(fitting.ok_or_else(missing)?))
            }
        };
        let known = model.as_ref().map_or(&[][..], |model| model.entities());
        let mut network_kinds: Vec<Entity> = Ner::ENTITIES
            .iter()
            .chain(known)
            .copied()
            .filter(|entity| config.network && wants(*entity))
            .collect();
        network_kinds.sort_unstable();
        network_kinds.dedup();
        Ok(Self {
            plan: Plan::new(wants, threshold.min(Config::THRESHOLD as f32))
                .map_err(|reason| Error::Recognizers { reason })?,
            words: Words::new().map_err(|e| Error::Recognizers {
                reason: e.to_string(),
            })?,
            terms: TermSet::new(&config.terms, wants)?,
            custom: CustomSet::new(&config.recognizers, wants)?,
            allow_list: config.allow_list.iter().cloned().collect(),
            ner: if network_kinds.is_empty() {
                None
            } else {
                Some(Ner::shipped()?)
            },
            model: model.filter(|_| !network_kinds.is_empty()),
            network_kinds,
            threshold,
            undoes_disguise: config.undo_disguise,
            is_idle: !config.looks_for_anything(),
            is_calibrated: true,
        })
    }

    /// The same with the scores that rules estimate for themselves, to fit the calibration to.
    #[doc(hidden)]
    #[must_use]
    pub fn uncalibrated(self) -> Self {
        Self {
            is_calibrated: false,
            ..self
        }
    }

    /// Finds personal data in `text`.
    ///
    /// `context`: words that stand outside the text but belong to it, such as the JSON key it is the value of
    /// (`date_of_birth`, `cardNumber`); they count like words right before every value.
    ///
    /// Findings are sorted by start and disjoint; offsets are bytes and lie on character bounds. O(n) time and
    /// memory: a budget of [`units_per_byte`](Self::units_per_byte) for each byte of `text` and `context` and 65,536 more
    /// covers every input.
    ///
    /// # Errors
    /// [`Error::Budget`] if the budget is spent or cancelled; nothing is known of the text then.
    ///
    /// ```
    /// use privet_pii::{Analyzer, Config};
    /// use privet_types::{Budget, Entity};
    /// let analyzer = Analyzer::new(&Config::default())?;
    /// let text = "write to ann@example.com";
    /// let found = analyzer.analyze(text, None, &Budget::unlimited())?;
    /// assert_eq!(found[0].entity, Entity::EMAIL_ADDRESS);
    /// assert_eq!(found[0].span.of(text), Some("ann@example.com"));
    /// # Ok::<(), privet_pii::Error>(())
    /// ```
    pub fn analyze(&self, text: &str, context: Option<&str>, budget: &Budget) -> Result<Vec<Finding>, Error> {
        self.find(text, context, true, budget)
    }

    /// Work units that a byte of text needs at most: 256, 12,288 with Rampart, and as its size tells with another network.
    #[must_use]
    pub fn units_per_byte(&self) -> u64 {
        self.model.as_ref().map_or(256, |model| model.units_per_byte())
    }

    /// The same without the neural network: for names that programs use, keys and numbers, where no sentence speaks.
    ///
    /// # Errors
    /// As [`analyze`](Self::analyze).
    pub fn analyze_code(
        &self,
        text: &str,
        context: Option<&str>,
        budget: &Budget,
    ) -> Result<Vec<Finding>, Error> {
        self.find(text, context, false, budget)
    }

    fn find(
        &self,
        text: &str,
        context: Option<&str>,
        asks_networks: bool,
        budget: &Budget,
    ) -> Result<Vec<Finding>, Error> {
        if self.is_idle {
            return Ok(Vec::new());
        }
        let ner = self.ner.as_ref().filter(|_| asks_networks);
        let scan = |text: &str| self.scan(text, context, budget);
        let mut found = scan(text)?;
        if self.undoes_disguise {
            uncover(text, &self.words, budget, &mut found, |view| {
                let mut found = scan(view)?;
                if let Some(ner) = ner {
                    found.extend(ner.find(view, budget)?);
                }
                Ok(found)
            })?;
        }
        if let Some(ner) = ner {
            let mut named = ner.find(text, budget)?;
            if let Some(model) = &self.model {
                named = model.join(text, named, budget)?;
            }
            doubt::settle(text.len(), &mut named, &found);
            found.extend(named);
        }
        found.retain(|f| f.basis != Basis::Network || self.network_kinds.contains(&f.entity));
        // Up to the usual threshold estimates and chances are on the same side of it.
        let is_usual = f64::from(self.threshold) <= Config::THRESHOLD;
        found.retain(|f| {
            let score = if is_usual { f.score } else { self.score(f) };
            score >= self.threshold
                && !self.plan.unwanted.contains(&f.entity)
                && !self.is_allowed(text, f.span)
        });
        // Overlaps are resolved by estimates: they say which of several words stands nearest.
        let mut found = resolve(text, found);
        for finding in &mut found {
            finding.score = self.score(finding);
        }
        Ok(found)
    }

    /// How likely `finding` is right.
    fn score(&self, finding: &Finding) -> f32 {
        if self.is_calibrated {
            calibrated(finding)
        } else {
            finding.score
        }
    }

    /// Everything the rules report, in no order; findings may overlap.
    fn scan(&self, text: &str, context: Option<&str>, budget: &Budget) -> Result<Vec<Finding>, Error> {
        let mut scan = Scan::new(text, &self.words, budget);
        if let Some(name) = context {
            scan.set_name(name)?;
        }
        if let Some(terms) = &self.terms {
            terms.find(&mut scan)?;
        }
        walk(&mut scan, &self.plan)?;
        self.custom.find(&mut scan)?;
        Ok(scan.found)
    }

    /// Why `finding` was found in `text` by [`analyze`](Self::analyze) with this `context`: the rule, the word beside it that
    /// decided, the check digits, the language.
    ///
    /// The rules run again over the surroundings of the finding, some ten times over some 400 bytes.
    ///
    /// # Errors
    /// As [`analyze`](Self::analyze).
    ///
    /// ```
    /// use privet_pii::{Analyzer, Config};
    /// use privet_types::Budget;
    /// let analyzer = Analyzer::new(&Config::default())?;
    /// let (text, budget) = ("her SSN is 219099999", Budget::unlimited());
    /// let found = analyzer.analyze(text, None, &budget)?;
    /// let why = analyzer.explain(text, None, &found[0], &budget)?;
    /// assert_eq!(why.context.map(|c| c.word).as_deref(), Some("ssn"));
    /// # Ok::<(), privet_pii::Error>(())
    /// ```
    pub fn explain(
        &self,
        text: &str,
        context: Option<&str>,
        finding: &Finding,
        budget: &Budget,
    ) -> Result<Explanation, Error> {
        let scan = |text: &str, name: Option<&str>| self.scan(text, name, budget);
        let rules = |text: &str, name: Option<&str>, undoes_disguise: bool| {
            let mut found = scan(text, name)?;
            if undoes_disguise && self.undoes_disguise {
                uncover(text, &self.words, budget, &mut found, |view| scan(view, name))?;
            }
            Ok(found)
        };
        let explaining = Explaining {
            words: &self.words,
            ids: self.plan.ids(),
            custom: &self.custom,
            rules: &rules,
            shown: &|finding| self.score(finding),
        };
        explaining.explain(text, context, finding, budget)
    }

    fn is_allowed(&self, text: &str, span: Span) -> bool {
        !self.allow_list.is_empty() && span.of(text).is_some_and(|value| self.allow_list.contains(value))
    }
}

impl std::fmt::Debug for Analyzer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Analyzer")
            .field("is_idle", &self.is_idle)
            .finish_non_exhaustive()
    }
}
