//! Recognisers that users bring along: patterns, lists, words and checksums.

use fancy_regex::{Regex, RegexBuilder};
use privet_types::{Basis, Entity, Finding, Span};

use super::context::{is_spaced_script, spell};
use super::ids::{iso_7064_mod_97_10, luhn, mod_11_10, verhoeff};
use super::scan::Scan;
use crate::config::{Checksum, Recognizer};
use crate::error::Error;

/// Steps back that a pattern with look-around may take on one text before the text counts as not looked at.
const MOST_STEPS: usize = 1_000_000;
/// Largest compiled pattern, in bytes.
const LARGEST_PATTERN: usize = 1 << 20;
/// What a word beside a value adds to its score, and the least it then has: Presidio's `context_similarity_factor` and
/// `min_score_with_context_similarity`.
const CONTEXT_ADDS: f32 = 0.35;
const CONTEXT_LEAST: f32 = 0.4;
/// Work units that a pattern costs per byte of text.
const PATTERN_UNITS: usize = 4;

/// The recognisers of one configuration.
#[derive(Default)]
pub(crate) struct CustomSet {
    rules: Vec<Rule>,
}

struct Rule {
    name: String,
    entity: Entity,
    /// Each with its name.
    patterns: Vec<(Regex, f32, String)>,
    listed: Option<(Regex, f32)>,
    /// Words as they stand in spelt text.
    context: Vec<String>,
    checksum: Option<Checksum>,
}

impl CustomSet {
    /// The recognisers whose kind `wants` names.
    ///
    /// # Errors
    /// [`Error::Recognizer`] if one finds nothing, a pattern cannot be read, or a score is no chance.
    pub(crate) fn new(recognizers: &[Recognizer], wants: impl Fn(Entity) -> bool) -> Result<Self, Error> {
        let rules = recognizers.iter().filter(|r| wants(r.entity)).map(Rule::new);
        Ok(Self {
            rules: rules.collect::<Result<_, _>>()?,
        })
    }

    /// The recogniser that reported `finding` in `text`; none if it is of another kind of rule.
    pub(crate) fn which(&self, text: &str, finding: &Finding) -> Option<Own<'_>> {
        if !finding.rule.0.starts_with("custom/") {
            return None;
        }
        let mut rules = self.rules.iter().filter(|r| r.entity == finding.entity);
        rules.find_map(|rule| rule.own(text, finding.span))
    }

    /// Where words of the recognisers stand in `spelt`, spaces beside a word included.
    pub(crate) fn places<'s>(&'s self, spelt: &'s str) -> impl Iterator<Item = (usize, usize)> + 's {
        let words = self.rules.iter().flat_map(|rule| &rule.context);
        words.flat_map(move |word| {
            spelt
                .match_indices(word.as_str())
                .map(|(at, w)| (at, at + w.len()))
        })
    }

    /// Finds what the recognisers describe.
    pub(crate) fn find(&self, scan: &mut Scan<'_>) -> Result<(), Error> {
        self.rules.iter().try_for_each(|rule| rule.find(scan))
    }
}

/// What a recogniser of one's own is called, and how it found something.
pub(crate) struct Own<'a> {
    pub(crate) name: &'a str,
    pub(crate) pattern: Option<&'a str>,
    pub(crate) checksum: Option<&'static str>,
}

impl Rule {
    /// How this one finds `span` of `text`, if it does.
    fn own(&self, text: &str, span: Span) -> Option<Own<'_>> {
        let finds = |regex: &Regex| {
            let mut all = regex.find_iter(text).filter_map(Result::ok);
            all.any(|m| Span::new(m.start(), m.end()).overlaps(span))
        };
        let passes = |checksum: Checksum| passes(checksum, span.of(text).unwrap_or_default());
        if self.checksum.is_none_or(passes)
            && let Some((_, _, pattern)) = self.patterns.iter().find(|(regex, _, _)| finds(regex))
        {
            return Some(Own {
                name: &self.name,
                pattern: Some(pattern),
                checksum: self.checksum.map(method),
            });
        }
        let listed = self.listed.as_ref().filter(|(regex, _)| finds(regex));
        listed.map(|_| Own {
            name: &self.name,
            pattern: None,
            checksum: None,
        })
    }

    fn new(recognizer: &Recognizer) -> Result<Self, Error> {
        let bad = |problem: String| Error::Recognizer {
            name: recognizer.name.clone(),
            problem,
        };
        if recognizer.entity == Entity::SURROGATE {
            return Err(bad(
                "`SURROGATE` is reserved for stand-ins; name another kind".to_owned()
            ));
        }
        if recognizer.patterns.is_empty() && recognizer.deny_list.is_empty() {
            return Err(bad(
                "it finds nothing; give it `patterns` or a `deny_list`".to_owned()
            ));
        }
        let score = |score: f64| {
            let is_chance = (0.0..=1.0).contains(&score);
            is_chance
                .then_some(score as f32)
                .ok_or_else(|| bad(format!("score {score} is not between 0 and 1")))
        };
        let compile = |pattern: &str, at: usize| {
            RegexBuilder::new(pattern)
                .case_insensitive(recognizer.flags.ignore_case)
                .multi_line(recognizer.flags.multi_line)
                .dot_matches_new_line(recognizer.flags.dot_all)
                .backtrack_limit(MOST_STEPS)
                .delegate_size_limit(LARGEST_PATTERN)
                .build()
                .map_err(|e| bad(format!("pattern {at} cannot be read: {e}")))
        };
        let mut patterns = Vec::new();
        for (at, pattern) in (1..).zip(&recognizer.patterns) {
            let regex = compile(&pattern.regex, at)?;
            patterns.push((regex, score(pattern.score)?, pattern.name.clone()));
        }
        let words: Vec<_> = recognizer
            .deny_list
            .iter()
            .filter(|w| !w.is_empty())
            .map(|w| fancy_regex::escape(w))
            .collect();
        // A letter or digit must not go on outside the word; where the word ends in neither, nothing can.
        let listed = format!(r"(?<!\w)(?:{})(?!\w)", words.join("|"));
        let listed = (!words.is_empty()).then(|| compile(&listed, 0));
        let mut spelt = String::new();
        let context = recognizer.context.iter().map(|word| {
            spell(word, &mut spelt);
            if word.chars().all(is_spaced_script) {
                spelt.clone()
            } else {
                spelt.trim().to_owned()
            }
        });
        Ok(Self {
            name: recognizer.name.clone(),
            entity: recognizer.entity,
            context: context.filter(|w| !w.trim().is_empty()).collect(),
            patterns,
            listed: listed
                .transpose()?
                .map(|r| score(recognizer.deny_list_score).map(|s| (r, s)))
                .transpose()?,
            checksum: recognizer.checksum,
        })
    }

    fn find(&self, scan: &mut Scan<'_>) -> Result<(), Error> {
        for (pattern, score, _) in &self.patterns {
            for span in self.matches(pattern, scan)? {
                let check = self.checksum.map(|c| passes(c, scan.str(span.start, span.end)));
                if check == Some(false) {
                    continue;
                }
                let is_told = !self.context.is_empty() && self.is_told(scan, span.start, span.end)?;
                let told = (score + CONTEXT_ADDS).clamp(CONTEXT_LEAST, 1.0);
                let (score, basis) = match (check, is_told) {
                    (Some(_), _) => (1.0, Basis::Checksum),
                    (None, true) => (told, Basis::Context),
                    (None, false) if *score >= 0.5 => (*score, Basis::Pattern),
                    (None, false) => (*score, Basis::Form),
                };
                scan.report_as(self.entity, span.start, span.end, score, "custom/pattern", basis);
            }
        }
        if let Some((pattern, score)) = &self.listed {
            for span in self.matches(pattern, scan)? {
                scan.report_as(
                    self.entity,
                    span.start,
                    span.end,
                    *score,
                    "custom/listed",
                    Basis::Listed,
                );
            }
        }
        Ok(())
    }

    fn matches(&self, pattern: &Regex, scan: &mut Scan<'_>) -> Result<Vec<std::ops::Range<usize>>, Error> {
        scan.spend(PATTERN_UNITS * scan.text.len())?;
        let found = pattern.find_iter(scan.text).map(|m| m.map(|m| m.range()));
        found.collect::<Result<_, _>>().map_err(|_| Error::Pattern {
            name: self.name.clone(),
        })
    }

    fn is_told(&self, scan: &mut Scan<'_>, start: usize, end: usize) -> Result<bool, Error> {
        let mut is_told = false;
        scan.spell_around(start, end, |spelt| {
            is_told |= self.context.iter().any(|word| spelt.contains(word.as_str()));
        })?;
        Ok(is_told)
    }
}

/// What `checksum` is called in explanations.
const fn method(checksum: Checksum) -> &'static str {
    match checksum {
        Checksum::Luhn => "luhn",
        Checksum::Verhoeff => "verhoeff",
        Checksum::Mod11_10 => "mod11-10",
        Checksum::Mod97_10 => "mod97-10",
    }
}

/// Whether the digits of `value`, or for ISO 7064 MOD 97-10 its letters and digits, pass `checksum`.
fn passes(checksum: Checksum, value: &str) -> bool {
    let kept = |keep: fn(&u8) -> bool| -> Vec<u8> {
        let bytes = value.bytes().filter(keep);
        bytes.map(|b| b.to_ascii_uppercase()).collect()
    };
    let digits = kept(u8::is_ascii_digit);
    match checksum {
        _ if digits.is_empty() => false,
        Checksum::Luhn => luhn(&digits),
        Checksum::Verhoeff => verhoeff(&digits),
        Checksum::Mod11_10 => mod_11_10(&digits),
        Checksum::Mod97_10 => iso_7064_mod_97_10(&kept(u8::is_ascii_alphanumeric)),
    }
}

#[cfg(test)]
mod tests {
    use privet_types::Budget;

    use super::*;
    use crate::{Analyzer, Config};

    fn config(toml: serde_json::Value) -> Config {
        serde_json::from_value(toml).unwrap()
    }

    fn found(config: &Config, text: &str) -> Vec<(String, String, f32)> {
        let analyzer = Analyzer::new(config).unwrap();
        let found = analyzer.analyze(text, None, &Budget::unlimited()).unwrap();
        let own = found.iter().filter(|f| f.rule.0.starts_with("custom/"));
        own.map(|f| (f.entity.to_string(), f.span.of(text).unwrap().to_owned(), f.score))
            .collect()
    }

    #[test]
    fn patterns_score_more_beside_a_word_of_their_context() {
        let config = config(serde_json::json!({"recognizers": [{
            "name": "badges", "entity": "CUSTOM_BADGE", "context": ["badge", "Ausweis"],
            "patterns": [{"name": "weak", "regex": r"\bB-\d{4}\b", "score": 0.2}],
        }]}));
        assert_eq!(found(&config, "part B-1234"), []);
        assert_eq!(found(&config, "B-1234 in the badges list"), []);
        let hit = |score| [("CUSTOM_BADGE".to_owned(), "B-1234".to_owned(), score)];
        assert_eq!(found(&config, "her badge B-1234"), hit(0.55));
        assert_eq!(found(&config, "B-1234, ihr Ausweis"), hit(0.55));
    }

    #[test]
    fn lists_match_whole_words_and_checksums_decide() {
        let config = config(serde_json::json!({"recognizers": [
            {"name": "titles", "entity": "TITLE", "deny_list": ["Mr.", "Dr"]},
            {"name": "tickets", "entity": "CUSTOM_TICKET", "checksum": "luhn",
             "patterns": [{"regex": r"T\d{5}", "score": 0.1}]},
        ], "broad_action": "mask"}));
        let titles = found(&config, "Mr. Drab and Dr Strange");
        assert_eq!(
            titles.iter().map(|f| f.1.as_str()).collect::<Vec<_>>(),
            ["Mr.", "Dr"]
        );
        let tickets = found(&config, "T79925 T79921");
        assert_eq!(tickets, [("CUSTOM_TICKET".to_owned(), "T79921".to_owned(), 1.0)]);
    }

    #[test]
    fn look_around_is_understood_and_a_pattern_that_explodes_fails_closed() {
        let own = |regex: &str| {
            config(serde_json::json!({"recognizers": [
                {"name": "own", "entity": "CUSTOM_CODE", "patterns": [{"regex": regex, "score": 0.9}]}
            ]}))
        };
        assert_eq!(found(&own(r"(?<=code )\d{3}(?!\d)"), "code 123").len(), 1);
        let analyzer = Analyzer::new(&own(r"(?=(a+)+$)b|(a+)+\1c")).unwrap();
        let result = analyzer.analyze(&"a".repeat(4000), None, &Budget::unlimited());
        assert!(matches!(result, Err(Error::Pattern { name }) if name == "own"));
    }

    #[test]
    fn recognizers_that_cannot_work_are_refused() {
        for (own, message) in [
            (serde_json::json!({"name": "x", "entity": "X1"}), "finds nothing"),
            (
                serde_json::json!({"name": "x", "entity": "X1", "patterns": [{"regex": "(", "score": 0.1}]}),
                "cannot be read",
            ),
            (
                serde_json::json!({"name": "x", "entity": "X1", "patterns": [{"regex": "a", "score": 2}]}),
                "between 0 and 1",
            ),
        ] {
            let config = config(serde_json::json!({"recognizers": [own]}));
            let error = Analyzer::new(&config).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn allowed_values_are_dropped() {
        let config = config(serde_json::json!({"allow_list": ["info@example.com"]}));
        let analyzer = Analyzer::new(&config).unwrap();
        let text = "info@example.com or ann@example.com";
        let found = analyzer.analyze(text, None, &Budget::unlimited()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].span.of(text), Some("ann@example.com"));
    }
}
