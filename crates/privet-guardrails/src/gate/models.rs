//! Models of the user's own that a policy names.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::detect::SecondOpinion;

/// Models that detectors ask in doubt, by the names that the policy has for them, each with a hash of what it is.
///
/// Two are equal if they have the same names and hashes.
#[derive(Debug, Clone, Default)]
pub struct Models(BTreeMap<String, (String, Arc<dyn SecondOpinion>)>);

impl Models {
    /// Adds `model` as `name`. `hash` tells it from every other model that may have this name.
    pub fn add(&mut self, name: String, hash: String, model: Arc<dyn SecondOpinion>) {
        self.0.insert(name, (hash, model));
    }

    /// The model `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<dyn SecondOpinion>> {
        self.0.get(name).map(|(_, model)| model)
    }

    /// Names and hashes, by name.
    pub fn hashes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, (hash, _))| (name.as_str(), hash.as_str()))
    }

    /// Work units for a byte of the dearest of them, at most.
    #[must_use]
    pub fn units_per_byte(&self) -> u64 {
        let all = self.0.values().map(|(_, model)| model.units_per_byte());
        all.max().unwrap_or_default()
    }
}

impl PartialEq for Models {
    fn eq(&self, other: &Self) -> bool {
        self.hashes().eq(other.hashes())
    }
}
