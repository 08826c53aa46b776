//! Analysers of requests that say themselves what to look for.

use std::sync::{Arc, Mutex, PoisonError};

use privet_pii::{Analyzer, Config};

/// Analysers that are kept. One takes some 100 KiB to a few MiB.
const MOST: usize = 32;
/// Longest description of an analyser that is kept, in bytes: recognisers of a request can be long.
const LONGEST_KEY: usize = 64 << 10;

/// The analysers used last, by what they look for. Bounded.
#[derive(Default)]
pub(crate) struct Analyzers(Mutex<Vec<(String, Arc<Analyzer>)>>);

impl Analyzers {
    /// What tells `config` from others of one gateway: all that a request can change.
    pub(crate) fn key(config: &Config) -> String {
        let entities: Vec<_> = config.entities.keys().map(|e| e.name()).collect();
        let asked = (
            config.threshold,
            config.default_action,
            entities,
            &config.recognizers,
        );
        serde_json::to_string(&asked).unwrap_or_default()
    }

    /// The analyser known under `key`.
    pub(crate) fn get(&self, key: &str) -> Option<Arc<Analyzer>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = known.iter().position(|(k, _)| k == key)?;
        let found = known.remove(at);
        let analyzer = Arc::clone(&found.1);
        known.push(found);
        Some(analyzer)
    }

    /// Keeps `analyzer`, and drops the one that was not asked for longest if there are too many.
    pub(crate) fn keep(&self, key: String, analyzer: &Arc<Analyzer>) {
        if key.is_empty() || key.len() > LONGEST_KEY {
            return;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(k, _)| *k != key);
        if known.len() >= MOST {
            known.remove(0);
        }
        known.push((key, Arc::clone(analyzer)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_analyzers_used_last_are_kept() {
        let analyzers = Analyzers::default();
        let analyzer = Arc::new(Analyzer::new(&Config::only(&[])).unwrap());
        for n in 0..=MOST {
            assert!(n == 0 || analyzers.get("0").is_some());
            analyzers.keep(n.to_string(), &analyzer);
        }
        assert!(analyzers.get("0").is_some(), "it was asked for all the time");
        assert!(analyzers.get("1").is_none());
        assert_eq!(analyzers.0.lock().unwrap().len(), MOST);
        analyzers.keep("x".repeat(LONGEST_KEY + 1), &analyzer);
        assert!(analyzers.get(&"x".repeat(LONGEST_KEY + 1)).is_none());
    }
}
