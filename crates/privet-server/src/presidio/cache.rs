//! Analysers of requests that say themselves what to look for.

use std::sync::{Arc, Mutex, PoisonError};

use privet_pii::{Analyzer, Config};

/// Analysers that are kept. One of the gateway's own recognisers takes up to 1 MiB (measured).
const MOST: usize = 32;
/// Patterns and lists of requests that are kept, all analysers together. One takes some 0.5 MiB (measured).
const MOST_PATTERNS: usize = 64;
/// Longest description of an analyser that is kept, in bytes: recognisers of a request can be long.
const LONGEST_KEY: usize = 64 << 10;

struct Kept {
    key: String,
    analyzer: Arc<Analyzer>,
    patterns: usize,
}

/// The analysers used last, by what they look for. Bounded.
#[derive(Default)]
pub(crate) struct Analyzers(Mutex<Vec<Kept>>);

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
        let at = known.iter().position(|kept| kept.key == key)?;
        let found = known.remove(at);
        let analyzer = Arc::clone(&found.analyzer);
        known.push(found);
        Some(analyzer)
    }

    /// Keeps `analyzer`, which holds `patterns` patterns and lists of a request, and drops those that were not asked for
    /// longest if there is too much.
    pub(crate) fn keep(&self, key: String, analyzer: &Arc<Analyzer>, patterns: usize) {
        if key.is_empty() || key.len() > LONGEST_KEY || patterns > MOST_PATTERNS / 2 {
            return;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|kept| kept.key != key);
        while known.len() >= MOST
            || known.iter().map(|kept| kept.patterns).sum::<usize>() + patterns > MOST_PATTERNS
        {
            known.remove(0);
        }
        known.push(Kept {
            key,
            analyzer: Arc::clone(analyzer),
            patterns,
        });
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
            analyzers.keep(n.to_string(), &analyzer, 0);
        }
        assert!(analyzers.get("0").is_some(), "it was asked for all the time");
        assert!(analyzers.get("1").is_none());
        assert_eq!(analyzers.0.lock().unwrap().len(), MOST);
        analyzers.keep("x".repeat(LONGEST_KEY + 1), &analyzer, 0);
        assert!(analyzers.get(&"x".repeat(LONGEST_KEY + 1)).is_none());
    }
    #[test]
    fn patterns_of_requests_are_bounded_all_together() {
        let analyzers = Analyzers::default();
        let analyzer = Arc::new(Analyzer::new(&Config::only(&[])).unwrap());
        analyzers.keep("too much".to_owned(), &analyzer, MOST_PATTERNS / 2 + 1);
        assert!(analyzers.get("too much").is_none());
        for n in 0..5 {
            analyzers.keep(n.to_string(), &analyzer, MOST_PATTERNS / 2);
        }
        assert!(analyzers.get("2").is_none());
        assert!(analyzers.get("3").is_some() && analyzers.get("4").is_some());
    }
}
