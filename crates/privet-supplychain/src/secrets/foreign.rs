//! Rules of gitleaks files: read as they are, run as gitleaks runs them.
//!
//! # Source
//! gitleaks, `README.md`, section "Configuration" (v8.30).

use std::ops::Range;
use std::sync::Arc;

use regex::bytes::Regex;
use regex_syntax::hir::{Class, Hir, HirKind};
use serde::Deserialize;

use super::assign::slice;
use super::rule::{Body, LazyRegex, Rule, compile};
use super::{Error, value};
use crate::Severity;

/// Furthest that a window reaches to either side of a keyword where a match may be of any length.
const WIDEST: usize = 16 << 10;

/// A rule of a gitleaks file.
#[derive(Debug)]
pub(super) struct Foreign {
    pub(super) keywords: Vec<String>,
    regex: Option<LazyRegex>,
    path: Option<LazyRegex>,
    group: Option<usize>,
    entropy: f32,
    allow: Vec<Allow>,
    required: Vec<Required>,
    pub(super) silent: bool,
    /// Longest match; `None` if the keyword may stand outside the match, so that the whole text is looked at.
    reach: Option<usize>,
}

/// Another rule that has to match nearby.
#[derive(Debug)]
struct Required {
    id: Box<str>,
    lines: Option<usize>,
    columns: Option<usize>,
}

/// When a match is none.
#[derive(Debug)]
struct Allow {
    all: bool,
    has_commits: bool,
    paths: Vec<LazyRegex>,
    target: Target,
    regexes: Vec<LazyRegex>,
    stopwords: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Secret,
    Match,
    Line,
}

/// What a file holds.
pub(super) struct File {
    pub(super) rules: Vec<Rule>,
    pub(super) use_default: bool,
    pub(super) disabled: Vec<String>,
}

#[derive(Deserialize)]
struct RawFile {
    #[serde(default)]
    rules: Vec<RawRule>,
    extend: Option<RawExtend>,
    allowlist: Option<RawAllow>,
    #[serde(default)]
    allowlists: Vec<RawAllow>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawExtend {
    #[serde(default)]
    use_default: bool,
    path: Option<String>,
    url: Option<String>,
    #[serde(default)]
    disabled_rules: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRule {
    id: Option<String>,
    #[serde(default)]
    description: String,
    regex: Option<String>,
    path: Option<String>,
    secret_group: Option<usize>,
    entropy: Option<f64>,
    #[serde(default)]
    keywords: Vec<String>,
    allowlist: Option<RawAllow>,
    #[serde(default)]
    allowlists: Vec<RawAllow>,
    #[serde(default)]
    required: Vec<RawRequired>,
    #[serde(default)]
    skip_report: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRequired {
    id: String,
    within_lines: Option<usize>,
    within_columns: Option<usize>,
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
struct RawAllow {
    condition: Option<String>,
    #[serde(default)]
    commits: Vec<String>,
    #[serde(default)]
    paths: Vec<String>,
    regex_target: Option<String>,
    #[serde(default)]
    regexes: Vec<String>,
    #[serde(default)]
    stopwords: Vec<String>,
    #[serde(default)]
    target_rules: Vec<String>,
}

/// Reads a rule file.
pub(super) fn read(text: &str) -> Result<File, Error> {
    let raw: RawFile = toml::from_str(text).map_err(|error| Error::Syntax {
        message: error.to_string(),
    })?;
    let extend = raw.extend.unwrap_or(RawExtend {
        use_default: false,
        path: None,
        url: None,
        disabled_rules: Vec::new(),
    });
    if let Some(field) = extend
        .path
        .as_ref()
        .map(|_| "extend.path")
        .or(extend.url.as_ref().map(|_| "extend.url"))
    {
        return Err(Error::Rule {
            rule: "extend".to_owned(),
            field,
            reason: "no other file is opened from a rule file; give each file by itself".to_owned(),
        });
    }
    let global: Vec<RawAllow> = raw.allowlist.into_iter().chain(raw.allowlists).collect();
    let mut rules = Vec::with_capacity(raw.rules.len());
    for (index, raw) in raw.rules.into_iter().enumerate() {
        let id = raw
            .id
            .clone()
            .filter(|id| !id.is_empty())
            .ok_or_else(|| Error::Rule {
                rule: format!("#{}", index + 1),
                field: "id",
                reason: "every rule needs one".to_owned(),
            })?;
        if !extend.disabled_rules.contains(&id) {
            rules.push(read_rule(&id, raw, &global)?);
        }
    }
    Ok(File {
        rules,
        use_default: extend.use_default,
        disabled: extend.disabled_rules,
    })
}

fn read_rule(id: &str, raw: RawRule, global: &[RawAllow]) -> Result<Rule, Error> {
    let fault = |field: &'static str, reason: &str| Error::Rule {
        rule: id.to_owned(),
        field,
        reason: reason.to_owned(),
    };
    if raw.regex.is_none() && raw.path.is_none() {
        return Err(fault("regex", "a rule needs a `regex`, a `path` or both"));
    }
    let regex = raw
        .regex
        .as_deref()
        .map(|source| expression(id, "regex", source))
        .transpose()?;
    let path = raw
        .path
        .as_deref()
        .map(|source| expression(id, "path", source))
        .transpose()?;
    let entropy = raw.entropy.unwrap_or(0.0);
    if !entropy.is_finite() || entropy < 0.0 {
        return Err(fault("entropy", "must be a number from 0 to 8"));
    }
    if let (Some(group), Some(regex)) = (raw.secret_group, regex.as_ref().and_then(LazyRegex::get))
        && group >= regex.captures_len()
    {
        return Err(fault("secretGroup", "the regex has no such group"));
    }
    let keywords: Vec<String> = raw
        .keywords
        .iter()
        .map(|word| word.to_ascii_lowercase())
        .filter(|word| !word.is_empty())
        .collect();
    let mut allow = Vec::new();
    let own = raw.allowlist.into_iter().chain(raw.allowlists);
    let general = global
        .iter()
        .filter(|list| list.target_rules.is_empty() || list.target_rules.iter().any(|of| of == id))
        .cloned();
    for list in own.chain(general) {
        allow.push(read_allow(id, &list)?);
    }
    let required = raw
        .required
        .into_iter()
        .map(|raw| Required {
            id: raw.id.into(),
            lines: raw.within_lines,
            columns: raw.within_columns,
        })
        .collect();
    let reach = raw.regex.as_deref().and_then(|source| reach(source, &keywords));
    let foreign = Foreign {
        keywords,
        regex,
        path,
        group: raw.secret_group,
        entropy: entropy as f32,
        allow,
        required,
        silent: raw.skip_report,
        reach,
    };
    let description = if raw.description.is_empty() {
        id.to_owned()
    } else {
        raw.description
    };
    Ok(Rule {
        id: id.into(),
        description: description.into(),
        severity: Severity::High,
        body: Body::Foreign(Box::new(foreign)),
    })
}

/// Checks that an expression compiles, and keeps it to be compiled again when it is needed.
fn expression(rule: &str, field: &'static str, source: &str) -> Result<LazyRegex, Error> {
    let fault = |reason: String| Error::Rule {
        rule: rule.to_owned(),
        field,
        reason,
    };
    // RE2 quotes with \Q…\E, which the expressions here do not know.
    if source.contains("\\Q") {
        return Err(fault(
            "`\\Q…\\E` is not known; escape each sign instead".to_owned(),
        ));
    }
    let parsed = regex_syntax::ParserBuilder::new()
        .utf8(false)
        .build()
        .parse(source);
    if let Err(error) = parsed {
        let reason = match error {
            regex_syntax::Error::Parse(error) => error.kind().to_string(),
            regex_syntax::Error::Translate(error) => error.kind().to_string(),
            _ => "cannot be read".to_owned(),
        };
        return Err(fault(reason));
    }
    // Compiling all of them would take too long; only what may be too large is tried.
    let is_small = bytewise(source).is_some_and(|parsed| weight(&parsed) <= LIGHT);
    if !is_small && compile(source).is_err() {
        return Err(fault(
            "it is too large once its repetitions are written out; repeat fewer times".to_owned(),
        ));
    }
    Ok(LazyRegex::new(source))
}

/// Parts of an expression up to which it compiles: the largest program allowed has some hundred bytes for each.
const LIGHT: u64 = 20_000;

fn bytewise(source: &str) -> Option<Hir> {
    let mut parser = regex_syntax::ParserBuilder::new();
    parser.unicode(false).utf8(false).build().parse(source).ok()
}

/// How many parts an expression has with all its repetitions written out.
fn weight(expression: &Hir) -> u64 {
    let sum = |parts: &[Hir]| parts.iter().map(weight).fold(1, u64::saturating_add);
    match expression.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len() as u64,
        HirKind::Class(Class::Bytes(class)) => class.ranges().len() as u64,
        // Each range of characters is several of bytes.
        HirKind::Class(Class::Unicode(class)) => (class.ranges().len() as u64).saturating_mul(4),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min.saturating_add(1));
            weight(&repetition.sub).saturating_mul(u64::from(times.max(1)))
        }
        HirKind::Capture(capture) => weight(&capture.sub).saturating_add(2),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => sum(parts),
    }
}

fn read_allow(rule: &str, raw: &RawAllow) -> Result<Allow, Error> {
    let all = match raw.condition.as_deref().map(str::to_ascii_uppercase).as_deref() {
        None | Some("" | "OR" | "||") => false,
        Some("AND" | "&&") => true,
        Some(_) => {
            return Err(Error::Rule {
                rule: rule.to_owned(),
                field: "allowlist.condition",
                reason: "must be `AND` or `OR`".to_owned(),
            });
        }
    };
    let target = match raw.regex_target.as_deref() {
        None | Some("" | "secret") => Target::Secret,
        Some("match") => Target::Match,
        Some("line") => Target::Line,
        Some(_) => {
            return Err(Error::Rule {
                rule: rule.to_owned(),
                field: "allowlist.regexTarget",
                reason: "must be `secret`, `match` or `line`".to_owned(),
            });
        }
    };
    Ok(Allow {
        all,
        has_commits: !raw.commits.is_empty(),
        paths: raw
            .paths
            .iter()
            .map(|source| expression(rule, "allowlist.paths", source))
            .collect::<Result<_, _>>()?,
        target,
        regexes: raw
            .regexes
            .iter()
            .map(|source| expression(rule, "allowlist.regexes", source))
            .collect::<Result<_, _>>()?,
        stopwords: raw
            .stopwords
            .iter()
            .map(|word| word.to_ascii_lowercase())
            .collect(),
    })
}

/// How long a match can be, if each match has to hold a keyword; else `None`.
fn reach(source: &str, keywords: &[String]) -> Option<usize> {
    let folded: String = source
        .to_ascii_lowercase()
        .chars()
        .filter(|c| !matches!(c, '\\'))
        .collect();
    if keywords.is_empty() || !keywords.iter().all(|word| folded.contains(word.as_str())) {
        return None;
    }
    let longest = bytewise(source).and_then(|parsed| parsed.properties().maximum_len());
    Some(longest.map_or(WIDEST, |longest| longest.saturating_add(8).min(WIDEST)))
}

/// Whether findings of `rule` are told, not only used by other rules.
pub(super) fn is_reported(rule: Option<&Arc<Rule>>) -> bool {
    !matches!(rule.map(|rule| &rule.body), Some(Body::Foreign(foreign)) if foreign.silent)
}

impl Foreign {
    /// Adds what is found round `hit` from `done` on, and says up to where the text is now looked at.
    pub(super) fn find(
        &self,
        rules: &[Arc<Rule>],
        path: &str,
        text: &[u8],
        hit: Range<usize>,
        done: usize,
        out: &mut Vec<(Range<usize>, Range<usize>)>,
    ) -> usize {
        let path_fits = self
            .path
            .as_ref()
            .is_none_or(|of| of.get().is_some_and(|of| of.is_match(path.as_bytes())));
        if done > text.len() || !path_fits {
            return text.len() + 1;
        }
        let Some(regex) = self.regex.as_ref() else {
            if !self.is_allowed(path, text, &(0..0), &(0..text.len())) {
                out.push((0..text.len(), 0..text.len()));
            }
            return text.len() + 1;
        };
        let Some(regex) = regex.get() else {
            return text.len() + 1;
        };
        let (start, end) = match self.reach {
            None => (done, text.len()),
            Some(reach) => (
                hit.start.saturating_sub(reach).max(done),
                hit.end.saturating_add(reach).min(text.len()),
            ),
        };
        if start > end || (start == end && !text.is_empty()) {
            return done;
        }
        let mut last = done;
        for (secret, whole) in self.matches(regex, text, start, end) {
            last = whole.end.max(last);
            if self.is_allowed(path, text, &secret, &whole) {
                continue;
            }
            if self
                .required
                .iter()
                .all(|required| required.is_near(rules, path, text, &whole))
            {
                out.push((secret, whole));
            }
        }
        match self.reach {
            None => text.len() + 1,
            Some(_) => last.max(hit.start.min(text.len())),
        }
    }

    /// Matches from `start` that end by `end`, with the secret in each, where the entropy is high enough.
    fn matches(
        &self,
        regex: &Regex,
        text: &[u8],
        start: usize,
        end: usize,
    ) -> Vec<(Range<usize>, Range<usize>)> {
        let window = slice(text, 0..end);
        let mut found = Vec::new();
        let mut at = start;
        while at <= end
            && let Some(groups) = regex.captures_at(window, at)
        {
            let Some(whole) = groups.get(0) else { break };
            at = whole.end().max(at + 1).max(whole.start() + 1);
            let secret = match self.group {
                Some(group) if group > 0 => groups.get(group),
                _ => groups.iter().skip(1).flatten().find(|group| !group.is_empty()),
            };
            let secret = secret.unwrap_or(whole);
            if self.entropy > 0.0 && value::entropy(secret.as_bytes()) <= self.entropy {
                continue;
            }
            found.push((secret.range(), whole.range()));
        }
        found
    }

    fn is_allowed(&self, path: &str, text: &[u8], secret: &Range<usize>, whole: &Range<usize>) -> bool {
        self.allow
            .iter()
            .any(|allow| allow.holds(path, text, secret, whole))
    }
}

impl Allow {
    fn holds(&self, path: &str, text: &[u8], secret: &Range<usize>, whole: &Range<usize>) -> bool {
        let any = |list: &[LazyRegex], of: &[u8]| {
            list.iter()
                .any(|one| one.get().is_some_and(|one| one.is_match(of)))
        };
        let target = match self.target {
            Target::Secret => slice(text, secret.clone()),
            Target::Match => slice(text, whole.clone()),
            Target::Line => line(text, whole),
        };
        let mut checks = Vec::with_capacity(4);
        if self.has_commits {
            checks.push(false);
        }
        if !self.paths.is_empty() {
            checks.push(any(&self.paths, path.as_bytes()));
        }
        if !self.regexes.is_empty() {
            checks.push(any(&self.regexes, target));
        }
        if !self.stopwords.is_empty() {
            let secret = slice(text, secret.clone()).to_ascii_lowercase();
            checks.push(
                self.stopwords
                    .iter()
                    .any(|word| value::contains(&secret, word.as_bytes())),
            );
        }
        if self.all {
            !checks.is_empty() && checks.iter().all(|check| *check)
        } else {
            checks.iter().any(|check| *check)
        }
    }
}

impl Required {
    /// Whether the rule that is asked for matches near `whole`.
    fn is_near(&self, rules: &[Arc<Rule>], path: &str, text: &[u8], whole: &Range<usize>) -> bool {
        let Some(Body::Foreign(other)) = rules
            .iter()
            .find(|rule| *rule.id == *self.id)
            .map(|rule| &rule.body)
        else {
            return false;
        };
        let Some(regex) = other.regex.as_ref().and_then(LazyRegex::get) else {
            return false;
        };
        if other
            .path
            .as_ref()
            .is_some_and(|of| !of.get().is_some_and(|of| of.is_match(path.as_bytes())))
        {
            return false;
        }
        let (low, high) = match self.lines {
            None => (0, text.len()),
            Some(lines) => lines_round(text, whole, lines),
        };
        other
            .matches(regex, text, low, high)
            .into_iter()
            .any(|(secret, found)| {
                let near = self.columns.is_none_or(|columns| {
                    column(text, found.start).abs_diff(column(text, whole.start)) <= columns
                });
                near && !other.is_allowed(path, text, &secret, &found)
            })
    }
}

fn line<'t>(text: &'t [u8], whole: &Range<usize>) -> &'t [u8] {
    let (low, high) = lines_round(text, whole, 0);
    slice(text, low..high)
}

/// The bytes of the lines of `whole` and of `lines` lines to either side.
fn lines_round(text: &[u8], whole: &Range<usize>, lines: usize) -> (usize, usize) {
    let low = memchr::memrchr_iter(b'\n', slice(text, 0..whole.start))
        .nth(lines)
        .map_or(0, |at| at + 1);
    let high = memchr::memchr_iter(b'\n', slice(text, whole.end..text.len()))
        .nth(lines)
        .map_or(text.len(), |at| whole.end + at);
    (low, high)
}

fn column(text: &[u8], at: usize) -> usize {
    at - memchr::memrchr(b'\n', slice(text, 0..at)).map_or(0, |line| line + 1)
}
