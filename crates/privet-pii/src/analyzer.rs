//! Finds personal data in a text.

use privet_types::{Budget, Entity, Finding};

use crate::config::{Config, EntityAction};
use crate::error::Error;
use crate::recognizers::context::Words;
use crate::recognizers::scan::Scan;
use crate::recognizers::terms::TermSet;
use crate::recognizers::{Plan, phone_metadata, walk};
use crate::resolve::resolve;

/// Finds personal data in text. Made once from a [`Config`], then shared between threads.
pub struct Analyzer {
    plan: Plan,
    words: Words,
    terms: Option<TermSet>,
    threshold: f32,
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
        let wants = |entity: Entity| config.action(entity) != EntityAction::Allow;
        if wants(Entity::PHONE_NUMBER) {
            phone_metadata().map_err(|reason| Error::Recognizers { reason })?;
        }
        Ok(Self {
            plan: Plan::new(wants, config.threshold).map_err(|reason| Error::Recognizers { reason })?,
            words: Words::new().map_err(|e| Error::Recognizers {
                reason: e.to_string(),
            })?,
            terms: TermSet::new(&config.terms, wants)?,
            threshold: config.threshold,
            is_idle: !config.looks_for_anything(),
        })
    }

    /// Finds personal data in `text`.
    ///
    /// `context`: words that stand outside the text but belong to it, such as the JSON key it is the value of
    /// (`date_of_birth`, `cardNumber`); they count like words right before every value.
    ///
    /// Findings are sorted by start and disjoint; offsets are bytes and lie on character bounds. O(n) time and
    /// memory: a budget of 64 units per byte of `text` and `context` and 65,536 more covers every input.
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
        if self.is_idle {
            return Ok(Vec::new());
        }
        let mut scan = Scan::new(text, &self.words, budget);
        if let Some(name) = context {
            scan.set_name(name)?;
        }
        if let Some(terms) = &self.terms {
            terms.find(&mut scan)?;
        }
        walk(&mut scan, &self.plan)?;
        scan.found
            .retain(|f| f.score >= self.threshold && !self.plan.unwanted.contains(&f.entity));
        Ok(resolve(text, scan.found))
    }
}

impl std::fmt::Debug for Analyzer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Analyzer")
            .field("is_idle", &self.is_idle)
            .finish_non_exhaustive()
    }
}
