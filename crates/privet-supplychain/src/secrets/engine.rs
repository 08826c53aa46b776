//! The pass over a text: keywords, neighbourhoods, and what stays of what overlaps.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};
use privet_types::Budget;

use super::assign::{self, slice};
use super::names::{self, Kind};
use super::rule::{Body, Rule, rank};
use super::{Error, SecretFinding, files, foreign, special, table, value};

/// Bytes that are looked at between two charges.
const STEP: usize = 64 << 10;

/// Rules, and the automaton over their keywords.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) rules: Vec<Arc<Rule>>,
    automaton: OnceLock<Result<Automaton, String>>,
}

#[derive(Debug)]
struct Automaton {
    search: AhoCorasick,
    /// For each keyword, the rules it leads to.
    leads: Vec<Vec<Lead>>,
    /// Rules without keywords.
    always: Vec<usize>,
    discord: Option<usize>,
}

/// Where a keyword leads.
#[derive(Debug, Clone, Copy)]
struct Lead {
    rule: usize,
    /// Its place among the telling names, for rules that look beside a name.
    word: Option<usize>,
}

/// A finding with its rank, before overlaps are resolved.
struct Candidate {
    rule: usize,
    rank: u8,
    span: Range<usize>,
    whole: Range<usize>,
    confidence: f32,
}

impl Engine {
    pub(super) fn new(rules: Vec<Arc<Rule>>) -> Self {
        Self {
            rules,
            automaton: OnceLock::new(),
        }
    }

    /// FNV-1a over all rules, twice with different offsets.
    pub(super) fn hash(&self) -> String {
        let (mut a, mut b) = (0xcbf2_9ce4_8422_2325_u64, 0x6c62_272e_07bb_0142_u64);
        for rule in &self.rules {
            for byte in rule.fingerprint().bytes().chain([0]) {
                a = (a ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
                b = (b ^ u64::from(byte))
                    .wrapping_mul(0x0100_0000_01b3)
                    .rotate_left(5);
            }
        }
        format!("{a:016x}{b:016x}")
    }

    fn automaton(&self) -> Result<&Automaton, Error> {
        self.automaton
            .get_or_init(|| Automaton::new(&self.rules))
            .as_ref()
            .map_err(|message| Error::Keywords {
                message: message.clone(),
            })
    }

    pub(super) fn scan(&self, path: &str, text: &[u8], budget: &Budget) -> Result<Vec<SecretFinding>, Error> {
        let automaton = self.automaton()?;
        budget.charge(1)?;
        let mut look = Look {
            engine: self,
            path,
            text,
            found: Vec::new(),
            ends: vec![0; self.rules.len()],
            hits: Vec::new(),
            ranges: Vec::new(),
        };
        let mut charged = 0;
        for hit in automaton.search.find_overlapping_iter(text) {
            if hit.end() > charged {
                let step = (hit.end() - charged).max(STEP);
                budget.charge(step as u64)?;
                charged += step;
            }
            for lead in automaton
                .leads
                .get(hit.pattern().as_usize())
                .into_iter()
                .flatten()
            {
                look.follow(*lead, hit.start()..hit.end());
            }
        }
        if charged < text.len() {
            budget.charge((text.len() - charged) as u64)?;
        }
        if let Some(rule) = automaton.discord {
            special::discord_tokens(text, |(span, whole, confidence)| {
                look.push(rule, span, whole, confidence);
            });
        }
        for rule in &automaton.always {
            budget.charge(text.len() as u64)?;
            look.foreign(*rule, 0..0);
        }
        let found = look.found;
        let mut findings = self.resolve(text, found);
        let mut named = Vec::new();
        files::by_name(path, text, &mut named);
        for file in named {
            let span = file.span.unwrap_or(0..text.len());
            let taken = findings
                .iter()
                .any(|other| other.span.start < span.end && span.start < other.span.end);
            if !taken {
                findings.push(SecretFinding {
                    rule: file.id.into(),
                    description: file.description.into(),
                    severity: file.severity,
                    whole: span.clone(),
                    span,
                    confidence: file.confidence,
                });
            }
        }
        findings.sort_by_key(|finding| (finding.span.start, finding.span.end));
        Ok(findings)
    }

    /// Of what overlaps keeps the highest rank, then the surest, then the longest.
    fn resolve(&self, text: &[u8], mut found: Vec<Candidate>) -> Vec<SecretFinding> {
        found.retain(|candidate| {
            foreign::is_reported(self.rules.get(candidate.rule)) && candidate.span.end <= text.len()
        });
        found.sort_by(|a, b| {
            b.rank
                .cmp(&a.rank)
                .then(b.confidence.total_cmp(&a.confidence))
                .then(b.span.len().cmp(&a.span.len()))
                .then(a.span.start.cmp(&b.span.start))
                .then(a.rule.cmp(&b.rule))
        });
        let mut taken: std::collections::BTreeMap<usize, usize> = std::collections::BTreeMap::new();
        let mut kept = Vec::with_capacity(found.len());
        for candidate in found {
            let before = taken
                .range(..candidate.span.end.max(candidate.span.start + 1))
                .next_back();
            if before.is_some_and(|(_, end)| *end > candidate.span.start) {
                continue;
            }
            let Some(rule) = self.rules.get(candidate.rule) else {
                continue;
            };
            taken.insert(
                candidate.span.start,
                candidate.span.end.max(candidate.span.start + 1),
            );
            kept.push(SecretFinding {
                rule: Arc::clone(&rule.id),
                description: Arc::clone(&rule.description),
                severity: rule.severity,
                span: candidate.span,
                whole: candidate.whole,
                confidence: candidate.confidence,
            });
        }
        kept
    }
}

impl Automaton {
    fn new(rules: &[Arc<Rule>]) -> Result<Self, String> {
        let mut words: std::collections::BTreeMap<Vec<u8>, Vec<Lead>> = std::collections::BTreeMap::new();
        let mut always = Vec::new();
        let mut discord = None;
        for (index, rule) in rules.iter().enumerate() {
            match &rule.body {
                Body::Foreign(foreign) if foreign.keywords.is_empty() => always.push(index),
                Body::Special(special::Form::DiscordToken) => discord = Some(index),
                Body::Named(kind) => {
                    for (place, (word, of)) in names::WORDS.iter().enumerate() {
                        if of == kind {
                            words.entry(word.as_bytes().to_vec()).or_default().push(Lead {
                                rule: index,
                                word: Some(place),
                            });
                        }
                    }
                }
                _ => rule.keywords(&mut |word| {
                    words.entry(word.to_ascii_lowercase()).or_default().push(Lead {
                        rule: index,
                        word: None,
                    });
                }),
            }
        }
        let search = AhoCorasickBuilder::new()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(words.keys())
            .map_err(|error| error.to_string())?;
        Ok(Self {
            search,
            leads: words.into_values().collect(),
            always,
            discord,
        })
    }
}

/// One scan under way.
struct Look<'a> {
    engine: &'a Engine,
    path: &'a str,
    text: &'a [u8],
    found: Vec<Candidate>,
    /// For each rule, up to where its windows have been looked at.
    ends: Vec<usize>,
    hits: Vec<special::Hit>,
    ranges: Vec<Range<usize>>,
}

impl Look<'_> {
    fn push(&mut self, rule: usize, span: Range<usize>, whole: Range<usize>, confidence: f32) {
        if let Some(body) = self.engine.rules.get(rule).map(|rule| &rule.body) {
            self.found.push(Candidate {
                rule,
                rank: rank(body),
                span,
                whole,
                confidence,
            });
        }
    }

    fn follow(&mut self, lead: Lead, hit: Range<usize>) {
        let engine = self.engine;
        let Some(rule) = engine.rules.get(lead.rule) else {
            return;
        };
        match &rule.body {
            Body::Token { template, checked } => {
                if let Some((span, body)) = template.find(self.text, hit.start)
                    && (!checked
                        || is_token_body(slice(self.text, body.clone()), slice(self.text, span.clone())))
                    && (*checked || !slice(self.text, body.clone()).ends_with(b"XXXXXXXX"))
                    && !is_known_example(slice(self.text, span.clone()))
                {
                    let sure = if value::is_sequence(slice(self.text, body), 70) {
                        0.5
                    } else {
                        0.95
                    };
                    self.push(lead.rule, span.clone(), span, sure);
                }
            }
            Body::Issuer(issuer) => {
                if let Some((span, sure)) = issuer.find(self.text, hit.clone()) {
                    self.push(lead.rule, span.clone(), hit.start..span.end, sure);
                }
            }
            Body::Named(kind) => {
                if let Some((word, _)) = lead.word.and_then(|place| names::WORDS.get(place)) {
                    self.named(lead.rule, hit, word, *kind);
                }
            }
            Body::Special(form) => {
                let mut hits = std::mem::take(&mut self.hits);
                form.find(self.text, hit, &mut hits);
                for (span, whole, sure) in hits.drain(..) {
                    self.push(lead.rule, span, whole, sure);
                }
                self.hits = hits;
            }
            Body::Pattern { pattern, regex } => {
                let done = self.ends.get(lead.rule).copied().unwrap_or(0);
                let start = hit.start.saturating_sub(pattern.before).max(done);
                let end = hit.end.saturating_add(pattern.after).min(self.text.len());
                let (Some(regex), true) = (regex.get(), start < end) else {
                    return;
                };
                let window = slice(self.text, 0..end);
                let mut at = start;
                while let Some(found) = regex.captures_at(window, at) {
                    let Some(whole) = found.get(0) else { break };
                    let secret = found.iter().skip(1).flatten().next().unwrap_or(whole);
                    let bytes = secret.as_bytes();
                    // A match that the end of the window cut is looked at again from the next keyword, if there is one.
                    at = whole.end().max(at + 1);
                    if whole.start() > hit.end {
                        break;
                    }
                    if let Some(slot) = self.ends.get_mut(lead.rule) {
                        *slot = whole.end();
                    }
                    let pair = bytes
                        .iter()
                        .position(|b| *b == b':')
                        .and_then(|at| bytes.get(at + 1..));
                    let no_pair = pattern.id == "curl-user"
                        && pair.is_some_and(|word| assign::is_no_password(&word.to_ascii_lowercase()));
                    if !value::is_stand_in(bytes)
                        && !no_pair
                        && value::entropy(bytes) >= pattern.entropy
                        && !is_known_example(bytes)
                        && is_pair_if_basic(pattern.id, bytes)
                    {
                        self.push(
                            lead.rule,
                            secret.start()..secret.end(),
                            whole.start()..whole.end(),
                            pattern.confidence,
                        );
                    }
                    if at >= end {
                        break;
                    }
                }
            }
            Body::Foreign(_) => self.foreign(lead.rule, hit),
        }
    }

    fn named(&mut self, rule: usize, hit: Range<usize>, word: &str, kind: Kind) {
        if let Some((found, kind)) = assign::beside(self.text, hit.clone(), word, kind) {
            if let Some(sure) = assign::confidence(self.text, &found, kind)
                && !is_known_by_form(
                    slice(self.text, found.name.clone()),
                    slice(self.text, found.value.clone()),
                )
                && !is_known_example(slice(self.text, found.value.clone()))
            {
                self.push(rule, found.value, found.whole, sure);
            }
            return;
        }
        if kind == Kind::Key {
            return;
        }
        let mut ranges = std::mem::take(&mut self.ranges);
        table::column(self.text, hit.clone(), word, kind, &mut ranges);
        for range in ranges.drain(..) {
            self.push(rule, range.clone(), range, 0.5);
        }
        self.ranges = ranges;
    }

    fn foreign(&mut self, index: usize, hit: Range<usize>) {
        let engine = self.engine;
        let Some(Body::Foreign(foreign)) = engine.rules.get(index).map(|rule| &rule.body) else {
            return;
        };
        let done = self.ends.get(index).copied().unwrap_or(0);
        let mut hits = Vec::new();
        let end = foreign.find(&engine.rules, self.path, self.text, hit, done, &mut hits);
        if let Some(slot) = self.ends.get_mut(index) {
            *slot = end.max(done);
        }
        for (span, whole) in hits {
            self.push(index, span, whole, 0.8);
        }
    }
}

/// Whether the part of a token behind its prefix can be one: no mask, not one repeated sign.
fn is_token_body(body: &[u8], token: &[u8]) -> bool {
    if body.is_empty() {
        return true;
    }
    let few = if body.len() >= 20 { 7 } else { 4 };
    !value::is_stand_in(body)
        && (value::distinct(body) >= few || body.len() < 8)
        && !value::contains_folded(token, b"example")
        && !is_words(body)
}

/// Whether `body` is words joined by `_` or `-`, and no digit.
fn is_words(body: &[u8]) -> bool {
    let made = value::make(body);
    made.digit == 0
        && value::is_wordy(body)
        && (made.other > 0 || made.upper == 0 || made.lower == 0 || made.turns * 3 < body.len())
}

/// Whether `value` is what HTTP Basic authentication sends: a name, a colon and a password in Base64. Other rules are not asked.
///
/// # Source
/// RFC 7617, section 2.
fn is_pair_if_basic(rule: &str, value: &[u8]) -> bool {
    rule != "authorization-basic"
        || data_encoding::BASE64
            .decode(value)
            .is_ok_and(|pair| pair.contains(&b':'))
}

/// Whether all keys of the issuer in `name` have a form of their own, or `value` starts like such keys: what does not fit the form
/// is then none of them.
fn is_known_by_form(name: &[u8], value: &[u8]) -> bool {
    value::contains_folded(name, b"telegram")
        || value::contains_folded(name, b"databricks")
        || value.starts_with(b"xox")
}

/// Keys that issuers' documents show.
///
/// # Source
/// AWS, "Understanding and getting your AWS credentials": the key id and secret that end in `EXAMPLE` and `EXAMPLEKEY`.
fn is_known_example(value: &[u8]) -> bool {
    value.ends_with(b"EXAMPLE")
        || value.ends_with(b"EXAMPLEKEY")
        || value.windows(7).filter(|w| *w == b"EXAMPLE").count() > 0 && value.len() > 30
}
