//! Citations that lead to a source, and quotations that stand in it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use privet_types::{Budget, Span};
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lines::Lines;
use crate::controls::leak::squeezed;
use crate::controls::{Action, Control, Error, Filter, Hit, Passed};

/// Letters and digits of a quotation that is looked up; shorter ones stand everywhere.
const LEAST_QUOTED: usize = 12;

/// Citations (`[guardrails.replies.citations]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CitationsConfig {
    /// What becomes of a citation of a source that was not given: `redact` takes it out.
    pub unknown: Action,
    /// What becomes of a quotation, before a citation, that does not stand in the source.
    pub quotation: Action,
}

impl Default for CitationsConfig {
    fn default() -> Self {
        Self {
            unknown: Action::Redact,
            quotation: Action::Flag,
        }
    }
}

/// A source that the model was given.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// How it is cited: `1` for `[1]`, `[^1]`, `【1†…】`; `doc-3` for `[doc-3]`.
    pub id: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// `[1]`, `[1, 2]`, `[^1]`, `[doc-3]`, `【1†source】`; with a quotation before it, where there is one.
static CITED: LazyLock<Result<Regex, regex::Error>> = LazyLock::new(|| {
    Regex::new(
        r#"(?:["“„«»](?P<quoted>[^"“”„«»]+)["”“»«][\s.,;:]*)?(?:\[\^?(?P<ids>\w[\w.-]*(?:\s?[,;]\s?\w[\w.-]*)*)\]|【(?P<wide>[0-9]+)(?:[†:][^】]*)?】)"#,
    )
});

/// Holds citations in a reply against the sources. Holds back a line. What is no citation of a known form (a number, or a word that
/// begins like an id of a source) is passed over, and so are links and code.
#[derive(Debug)]
pub struct Citations {
    config: CitationsConfig,
    /// Letters and digits of each source.
    sources: BTreeMap<String, String>,
    /// What ids begin with: their letters.
    stems: Vec<String>,
    lines: Lines,
    at: usize,
    is_in_code: bool,
    is_stopped: bool,
}

impl Citations {
    /// A filter for one reply. Four work units for each byte of the sources.
    ///
    /// # Errors
    /// [`Error::Budget`].
    pub fn new(config: &CitationsConfig, sources: &[Source<'_>], budget: &Budget) -> Result<Self, Error> {
        let mut all = BTreeMap::new();
        for source in sources {
            budget.charge(4 * source.text.len() as u64)?;
            all.insert(
                source.id.to_lowercase(),
                squeezed(source.text).into_iter().collect(),
            );
        }
        let stem = |id: &String| -> String { id.chars().take_while(|c| c.is_alphabetic()).collect() };
        let mut stems: Vec<String> = all.keys().map(stem).filter(|stem| !stem.is_empty()).collect();
        stems.dedup();
        Ok(Self {
            config: config.clone(),
            sources: all,
            stems,
            lines: Lines::default(),
            at: 0,
            is_in_code: false,
            is_stopped: false,
        })
    }

    fn is_citation(&self, id: &str) -> bool {
        let is_number = id.len() <= 4 && id.bytes().all(|b| b.is_ascii_digit());
        let is_like_one = |stem: &String| {
            id.strip_prefix(stem.as_str())
                .is_some_and(|rest| !rest.starts_with(char::is_alphabetic))
        };
        is_number || self.sources.contains_key(id) || self.stems.iter().any(is_like_one)
    }

    fn line(&mut self, line: &str, passed: &mut Passed) -> Result<(), Error> {
        let cited = CITED.as_ref();
        let cited =
            cited.map_err(|_| Error::config(Control::Citations, "unknown", "its pattern cannot be read"))?;
        let is_fence = line.trim_start().starts_with("```");
        self.is_in_code ^= is_fence;
        let mut done = 0;
        for found in cited
            .captures_iter(line)
            .filter(|_| !self.is_in_code && !is_fence)
        {
            let Some(whole) = found.get(0) else { continue };
            let behind = line.get(whole.end()..).unwrap_or_default();
            let before = line.get(..whole.start()).unwrap_or_default();
            let ids = found
                .name("ids")
                .or_else(|| found.name("wide"))
                .map_or("", |ids| ids.as_str());
            let ids: Vec<String> = ids.split([',', ';']).map(|id| id.trim().to_lowercase()).collect();
            let is_other = behind.starts_with(['(', '[', ':']) || before.matches('`').count() % 2 == 1;
            if is_other || !ids.iter().all(|id| self.is_citation(id)) {
                continue;
            }
            let quoted = found.name("quoted").map(|quoted| squeezed(quoted.as_str()));
            let quoted: Option<String> = quoted
                .filter(|q| q.len() >= LEAST_QUOTED)
                .map(|q| q.into_iter().collect());
            let known: Vec<&String> = ids.iter().filter_map(|id| self.sources.get(id)).collect();
            let mark = whole.start()
                + found
                    .name("quoted")
                    .map_or(0, |quoted| quoted.end() - whole.start());
            let mark = mark
                + line
                    .get(mark..whole.end())
                    .and_then(|rest| rest.find(['[', '【']))
                    .unwrap_or(0);
            let span = Span::new(self.at + mark, self.at + whole.end());
            let (rule, action) = if known.len() < ids.len() {
                ("citations/unknown", self.config.unknown)
            } else if quoted.is_some_and(|quoted| !known.iter().any(|text| text.contains(&quoted))) {
                ("citations/quotation", self.config.quotation)
            } else {
                continue;
            };
            passed.hit(Hit::new(Control::Citations, rule, span, action));
            if action >= Action::Redact {
                passed.text.push_str(line.get(done..mark).unwrap_or_default());
                done = whole.end();
            }
            if action.stops() {
                self.is_stopped = true;
                return Ok(());
            }
        }
        passed.text.push_str(line.get(done..).unwrap_or_default());
        self.at += line.len();
        Ok(())
    }

    fn run(&mut self, is_end: bool, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        while !self.is_stopped
            && let Some(line) = self.lines.next(is_end)
        {
            budget.charge(16 * line.len() as u64)?;
            self.line(&line, passed)?;
        }
        Ok(())
    }
}

impl Filter for Citations {
    fn push(&mut self, piece: &str, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        self.lines.push(piece);
        self.run(false, passed, budget)
    }

    fn finish(&mut self, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        self.run(true, passed, budget)
    }
}
