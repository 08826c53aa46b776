//! The data form of a rule, and the embedded rules read into it.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use regex::bytes::{Regex, RegexBuilder};

use super::foreign::Foreign;
use super::issuer::{self, Issuer};
use super::names::Kind;
use super::patterns::{PATTERNS, Pattern};
use super::template::Template;
use super::{names, special};
use crate::Severity;

/// One rule.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: Arc<str>,
    pub(super) description: Arc<str>,
    pub(super) severity: Severity,
    pub(super) body: Body,
}

/// How a rule finds.
#[derive(Debug)]
pub(super) enum Body {
    /// A form of a token that is known by itself.
    Token { template: Template, checked: bool },
    /// The name of an issuer, and a key behind it.
    Issuer(Issuer),
    /// A regular expression in a window round a keyword.
    Pattern {
        pattern: &'static Pattern,
        regex: LazyRegex,
    },
    /// A telling name, and a value beside it.
    Named(Kind),
    /// What is found by code of its own.
    Special(special::Form),
    /// A rule of a gitleaks file.
    Foreign(Box<Foreign>),
}

/// Which of two findings that overlap stays: the one of higher rank.
pub(super) const fn rank(body: &Body) -> u8 {
    match body {
        Body::Token { .. } | Body::Foreign(_) => 4,
        Body::Special(form) => form.rank(),
        Body::Pattern { .. } => 3,
        Body::Issuer(_) => 2,
        Body::Named(_) => 1,
    }
}

/// A regular expression that is compiled when it is first needed.
pub(super) struct LazyRegex {
    source: Box<str>,
    compiled: OnceLock<Option<Regex>>,
}

/// Only the source: whether it is compiled yet is no part of the rule.
impl std::fmt::Debug for LazyRegex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.source)
    }
}

impl LazyRegex {
    pub(super) fn new(source: &str) -> Self {
        Self {
            source: source.into(),
            compiled: OnceLock::new(),
        }
    }

    /// The compiled expression; `None` if it cannot be compiled, which is told when rules are read.
    pub(super) fn get(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| compile(&self.source).ok()).as_ref()
    }
}

/// Bytes of compiled program a rule may take.
const LARGEST_PROGRAM: usize = 20 << 20;

/// Compiles over bytes, with Go's ASCII meaning of `\w`, `\s`, `\b` and case where the expression allows that.
pub(super) fn compile(source: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(source)
        .unicode(false)
        .size_limit(LARGEST_PROGRAM)
        .build()
        .or_else(|_| RegexBuilder::new(source).size_limit(LARGEST_PROGRAM).build())
}

const TOKENS: &str = include_str!("tokens.txt");
const ISSUERS: &str = include_str!("issuers.txt");

/// The embedded rules. A line that cannot be read is left out; a test sees that there is none.
pub(super) fn embedded() -> Vec<Rule> {
    let mut rules = Vec::with_capacity(2_048);
    rules.extend(
        TOKENS
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(token),
    );
    rules.extend(PATTERNS.iter().map(|pattern| Rule {
        id: pattern.id.into(),
        description: pattern.description.into(),
        severity: pattern.severity,
        body: Body::Pattern {
            pattern,
            regex: LazyRegex::new(pattern.regex),
        },
    }));
    rules.extend(special::Form::ALL.iter().map(|form| Rule {
        id: form.id().into(),
        description: form.description().into(),
        severity: form.severity(),
        body: Body::Special(*form),
    }));
    let mut issuers = Vec::with_capacity(1_600);
    for line in ISSUERS.lines().filter(|line| !line.starts_with('#')) {
        let _unreadable = issuer::parse(line, &mut issuers);
    }
    rules.extend(issuers.into_iter().map(|issuer| Rule {
        id: format!("{}-credential", issuer.name.replace(['.', '_'], "-")).into(),
        description: format!("key or password of {}", issuer.name).into(),
        severity: Severity::High,
        body: Body::Issuer(issuer),
    }));
    let named = [
        (
            "generic-password",
            "password beside its name",
            Kind::Password,
            Severity::High,
        ),
        (
            "generic-secret",
            "secret, token or API key beside its name",
            Kind::Secret,
            Severity::High,
        ),
        ("generic-key", "key beside its name", Kind::Key, Severity::Medium),
    ];
    rules.extend(named.into_iter().map(|(id, description, kind, severity)| Rule {
        id: id.into(),
        description: description.into(),
        severity,
        body: Body::Named(kind),
    }));
    rules
}

/// Reads a line of the list of tokens.
fn token(line: &str) -> Option<Rule> {
    let mut fields = line.split('\t');
    let id = fields.next()?;
    let severity = match fields.next()? {
        "L" => Severity::Low,
        "M" => Severity::Medium,
        "H" => Severity::High,
        "C" => Severity::Critical,
        _ => return None,
    };
    let form = fields.next()?;
    let checked = !form.starts_with('!');
    let template = Template::parse(form.trim_start_matches('!'))?;
    let description = fields.next()?;
    Some(Rule {
        id: id.into(),
        description: description.into(),
        severity,
        body: Body::Token { template, checked },
    })
}

impl Rule {
    /// Calls `take` with each keyword of the rule, in any case.
    pub(super) fn keywords(&self, take: &mut dyn FnMut(&[u8])) {
        match &self.body {
            Body::Token { template, .. } => take(template.keyword()),
            Body::Issuer(issuer) => take(issuer.name.as_bytes()),
            Body::Pattern { pattern, .. } => pattern.keywords.iter().for_each(|word| take(word.as_bytes())),
            Body::Named(kind) => names::WORDS
                .iter()
                .filter(|(_, of)| of == kind)
                .for_each(|(word, _)| take(word.as_bytes())),
            Body::Special(form) => form.keywords().iter().for_each(|word| take(word.as_bytes())),
            Body::Foreign(foreign) => foreign.keywords.iter().for_each(|word| take(word.as_bytes())),
        }
    }

    /// What the rule is made of, for the hash of a set of rules. Of embedded rules that is told once for all of them.
    pub(super) fn fingerprint(&self) -> Cow<'_, [u8]> {
        match &self.body {
            Body::Foreign(foreign) => Cow::from(
                format!(
                    "{}\u{1f}{}\u{1f}{:?}\u{1f}{foreign:?}",
                    self.id, self.description, self.severity
                )
                .into_bytes(),
            ),
            _ => Cow::from(self.id.as_bytes()),
        }
    }
}
