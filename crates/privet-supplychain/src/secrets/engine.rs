//! The pass over a text: keywords, neighbourhoods, and what stays of what overlaps.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};
use privet_types::Budget;

use super::assign::{self, slice};
use super::names::{self, Kind};
use super::rule::{Body, Rule, rank};
use super::{Error, SecretFinding, checksum, code, files, foreign, special, table, value};
use crate::Severity;

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
    /// It has the form of the issuer's tokens, but not the checksum that the issuer gives them.
    is_mock: bool,
}

impl Engine {
    pub(super) fn new(rules: Vec<Arc<Rule>>) -> Self {
        Self {
            rules,
            automaton: OnceLock::new(),
        }
    }

    /// FNV-1a over all rules, twice with different offsets. Of embedded ones their ids, and once what all of them are made of.
    pub(super) fn hash(&self) -> String {
        let (mut a, mut b) = (0xcbf2_9ce4_8422_2325_u64, 0x6c62_272e_07bb_0142_u64);
        let code = code::CODE.to_le_bytes();
        for part in
            std::iter::once(Cow::from(&code[..])).chain(self.rules.iter().map(|rule| rule.fingerprint()))
        {
            for byte in part.iter().chain(&[0]) {
                a = (a ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
                b = (b ^ u64::from(*byte))
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
            let (description, severity) = if candidate.is_mock {
                let said = format!(
                    "{}, made up or mistyped: its checksum does not fit",
                    rule.description
                );
                (said.into(), Severity::Low)
            } else {
                (Arc::clone(&rule.description), rule.severity)
            };
            kept.push(SecretFinding {
                rule: Arc::clone(&rule.id),
                description,
                severity,
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
                is_mock: false,
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
                    && !is_in_block(self.text, &span)
                {
                    let fits = checksum::fits(slice(self.text, span.clone()));
                    let sure = match fits {
                        Some(true) => 1.0,
                        Some(false) => 0.3,
                        None if value::is_sequence(slice(self.text, body), 70) => 0.5,
                        None => 0.95,
                    };
                    self.push(lead.rule, span.clone(), span, sure);
                    if let Some(last) = self.found.last_mut() {
                        last.is_mock = fits == Some(false);
                    }
                }
            }
            Body::Issuer(issuer) => {
                if let Some((span, sure)) = issuer.find(self.text, hit.clone())
                    && !is_in_block(self.text, &hit)
                {
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
                        && pair.is_some_and(|word| names::is_no_password(&word.to_ascii_lowercase()));
                    if !value::is_stand_in(bytes)
                        && !no_pair
                        && value::entropy(bytes) >= pattern.entropy
                        && !is_known_example(bytes)
                        && is_value_of(pattern.id, bytes)
                        && (!pattern.id.ends_with("-header")
                            || !is_known_by_form(slice(self.text, whole.start()..secret.start()), bytes))
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
        && !value::is_repeated_word(body)
        && (value::distinct(body) >= few || body.len() < 8)
        && !value::contains_folded(token, b"example")
        && !is_words(body)
}

/// Whether `span` is a part of a line of Base64 with others above or below it, as in certificates, or of the hash of a file.
fn is_in_block(text: &[u8], span: &Range<usize>) -> bool {
    const HASHES: [&[u8]; 4] = [b"sha256=", b"sha256-", b"sha384-", b"sha512-"];
    const NEAR: usize = 160;
    let is_row = |bytes: &[u8]| {
        bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
    };
    let before = slice(text, span.start.saturating_sub(NEAR)..span.start);
    if HASHES.iter().any(|hash| before.ends_with(hash)) {
        return true;
    }
    let after = slice(text, span.end..span.end.saturating_add(NEAR).min(text.len()));
    let mut above = before.rsplit(|b| *b == b'\n');
    let mut below = after.split(|b| *b == b'\n');
    let head = above.next().unwrap_or(b"").trim_ascii_start();
    let tail = below.next().unwrap_or(b"").trim_ascii_end();
    let others = [above.next(), below.next()];
    (1..=80).contains(&(head.len() + tail.len()))
        && (60..=80).contains(&(head.len() + span.len() + tail.len()))
        && is_row(head)
        && is_row(slice(text, span.clone()))
        && is_row(tail)
        && others
            .iter()
            .flatten()
            .map(|line| line.trim_ascii())
            .any(|line| line.len() >= 20 && is_row(line))
}

/// Whether `body` is words joined by `_` or `-`, and no digit.
fn is_words(body: &[u8]) -> bool {
    let made = value::make(body);
    made.digit == 0
        && value::is_wordy(body)
        && (made.other > 0 || made.upper == 0 || made.lower == 0 || made.turns * 3 < body.len())
}

/// Whether `value` can be what the pattern named `rule` looks for, where its expression alone does not say so.
///
/// What HTTP Basic authentication sends is a name, a colon and a password in Base64; headers are also fields of programs, whose values
/// are types; arguments of calls may be names of headers; what comes behind *identified by* may be a word of a sentence.
///
/// # Source
/// RFC 7617, section 2; its example is Aladdin's.
fn is_value_of(rule: &str, value: &[u8]) -> bool {
    match rule {
        "authorization-basic" => data_encoding::BASE64
            .decode(value)
            .is_ok_and(|pair| pair.contains(&b':') && !pair.starts_with(b"Aladdin:")),
        "authorization-header" | "api-key-header" => {
            value::make(value).digit > 0 && !value::is_identifier(value) && !is_of_vault(value)
        }
        "connect-arguments" => value::make(value).digit > 0 || !value::is_identifier(value),
        "connection-string-password" => {
            // An argument of a call: `connect(user=user, password=password)`.
            let argument = value.strip_suffix(b",").or_else(|| value.strip_suffix(b")"));
            !value.ends_with(b"=")
                && argument.is_none_or(|word| !names::is_no_password(&word.to_ascii_lowercase()))
        }
        "sql-set-password" => {
            let made = value::make(value);
            (made.digit + made.other > 0 || !value::is_identifier(value))
                && !names::is_no_password(&value.to_ascii_lowercase())
        }
        _ => true,
    }
}

/// Whether `value` starts as the tokens of Vault do: its rules know their forms.
fn is_of_vault(value: &[u8]) -> bool {
    [&b"hvs."[..], b"hvb.", b"hvr."]
        .iter()
        .any(|prefix| value.starts_with(prefix))
}

/// Whether all keys of the issuer in `name` have a form that a rule of its own knows, or `value` starts like such keys: what does not
/// fit the form is then none of them.
///
/// # Source
/// AWS, "Manage access keys for IAM users" (40 signs); Cisco, "Meraki Dashboard API: Authorization" (40 hexadecimal digits); Vault,
/// "Tokens: token prefixes", and its `TokenLength` of 24.
fn is_known_by_form(name: &[u8], value: &[u8]) -> bool {
    let names = |word: &[u8]| value::contains_folded(name, word);
    let of_aws = names(b"aws") && (names(b"secret_access_key") || names(b"secretaccesskey"));
    let of_vault =
        is_of_vault(value) || names(b"vault") && (value.starts_with(b"s.") || value.starts_with(b"b."));
    names(b"telegram")
        || names(b"databricks")
        || names(b"meraki")
        || of_aws
        || of_vault
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
