//! Finds personal data in a text.

use std::collections::HashSet;

use privet_types::{Basis, Budget, Entity, Finding, Span};

use crate::config::{Config, EntityAction};
use crate::disguise::uncover;
use crate::error::Error;
use crate::ner::Ner;
use crate::recognizers::context::Words;
use crate::recognizers::custom::CustomSet;
use crate::recognizers::scan::Scan;
use crate::recognizers::terms::TermSet;
use crate::recognizers::{Plan, phone_metadata, walk};
use crate::resolve::resolve;

/// Finds personal data in text. Made once from a [`Config`], then shared between threads.
pub struct Analyzer {
    plan: Plan,
    words: Words,
    terms: Option<TermSet>,
    custom: CustomSet,
    allow_list: HashSet<String>,
    ner: Option<Ner>,
    /// What the network is asked for.
    network_kinds: Vec<Entity>,
    threshold: f32,
    undoes_disguise: bool,
    is_idle: bool,
}

impl Analyzer {
    /// An analyser for the kinds that `config` masks or blocks; it does not look for the others.
    ///
    /// The first one takes some 10 ms to read the telephone metadata, which all share.
    ///
    /// # Errors
    /// [`Error::Terms`] if a listed term cannot be looked for, [`Error::Recognizers`] if a library refuses its data.
    pub fn new(config: &Config) -> Result<Self, Error> {
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
        let network_kinds: Vec<Entity> = Ner::ENTITIES
            .into_iter()
            .filter(|entity| config.network && wants(*entity))
            .collect();
        if wants(Entity::PHONE_NUMBER) {
            phone_metadata().map_err(|reason| Error::Recognizers { reason })?;
        }
        Ok(Self {
            plan: Plan::new(wants, threshold).map_err(|reason| Error::Recognizers { reason })?,
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
            network_kinds,
            threshold,
            undoes_disguise: config.undo_disguise,
            is_idle: !config.looks_for_anything(),
        })
    }

    /// Finds personal data in `text`.
    ///
    /// `context`: words that stand outside the text but belong to it, such as the JSON key it is the value of
    /// (`date_of_birth`, `cardNumber`); they count like words right before every value.
    ///
    /// Findings are sorted by start and disjoint; offsets are bytes and lie on character bounds. O(n) time and
    /// memory: a budget of 256 units per byte of `text` and `context` and 65,536 more covers every input.
    ///
    /// # Errors
    /// [`Error::Budget`] if the budget is spent or cancelled; nothing is known of the text then.
    ///
    /// ```
    /// use privet_pii::{Analyzer, Config};
    /// use privet_types::{Basis, Budget, Entity};
    /// let analyzer = Analyzer::new(&Config::default())?;
    /// let text = "write to ann@example.com";
    /// let found = analyzer.analyze(text, None, &Budget::unlimited())?;
    /// assert_eq!(found[0].entity, Entity::EMAIL_ADDRESS);
    /// assert_eq!(found[0].span.of(text), Some("ann@example.com"));
    /// # Ok::<(), privet_pii::Error>(())
    /// ```
    pub fn analyze(&self, text: &str, context: Option<&str>, budget: &Budget) -> Result<Vec<Finding>, Error> {
        self.find(text, context, self.ner.as_ref(), budget)
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
        self.find(text, context, None, budget)
    }

    fn find(
        &self,
        text: &str,
        context: Option<&str>,
        ner: Option<&Ner>,
        budget: &Budget,
    ) -> Result<Vec<Finding>, Error> {
        if self.is_idle {
            return Ok(Vec::new());
        }
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
            found.extend(ner.find(text, budget)?);
        }
        found.retain(|f| f.basis != Basis::Network || self.network_kinds.contains(&f.entity));
        found.retain(|f| {
            f.score >= self.threshold
                && !self.plan.unwanted.contains(&f.entity)
                && !self.is_allowed(text, f.span)
        });
        Ok(resolve(text, found))
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
