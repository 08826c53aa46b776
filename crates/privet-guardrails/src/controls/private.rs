//! Personal data and secrets in a reply that the user did not bring: somebody else's, or the model's memory.

use std::sync::Arc;

use privet_pii::{Analyzer, Style, Window, Windows, lookalikes};
use privet_types::{Budget, Entity, Finding, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::leak::squeezed;
use super::{Action, Control, Error, Filter, Hit, Passed};

/// Bytes that are judged together, and bytes seen beside them on either side.
const CORE: usize = 512;
const OVERLAP: usize = 512;
/// Letters and digits of texts that the user brought.
const MOST_BROUGHT: usize = 4 << 20;
/// Letters and digits below which a value is brought by none but a text that is it.
const LEAST: usize = 3;

/// Kinds that open doors.
const SECRETS: &[Entity] = &[
    Entity::API_KEY,
    Entity::PASSWORD,
    Entity::PRIVATE_KEY,
    Entity::URL_CREDENTIALS,
    Entity::PIN,
    Entity::CVV,
];

/// Personal data and secrets in replies (`[guardrails.replies.private]`). Which kinds are looked for, and how sure, is the analyser's
/// configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PrivateConfig {
    /// What becomes of personal data: `redact` names its kind in its place.
    pub action: Action,
    /// What becomes of passwords, keys and PINs.
    pub secrets: Action,
    /// What a reply may come back to.
    pub brought: BroughtBy,
}

/// Whose values a reply may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BroughtBy {
    /// Those of the whole request: what tools, documents and instructions hold may be told to the user.
    #[default]
    Request,
    /// Those that the user wrote, or was told before: what tools, documents and instructions hold about others stays with the model.
    User,
}

impl Default for PrivateConfig {
    fn default() -> Self {
        Self {
            action: Action::Redact,
            secrets: Action::Redact,
            brought: BroughtBy::Request,
        }
    }
}

/// What the user has said, to which a reply may come back: all letters and digits of it.
#[derive(Debug, Clone, Default)]
pub struct Brought(Arc<String>);

impl Brought {
    /// Adds a text of the user's, as the user wrote it.
    ///
    /// # Errors
    /// [`Error::Budget`].
    pub fn add(&mut self, text: &str, budget: &Budget) -> Result<(), Error> {
        budget.charge(2 * text.len() as u64)?;
        if self.0.len() + text.len() <= MOST_BROUGHT {
            let all = Arc::make_mut(&mut self.0);
            all.push('\n');
            all.extend(squeezed(text));
        }
        Ok(())
    }

    fn holds(&self, value: &str, budget: &Budget) -> Result<bool, Error> {
        budget.charge(self.0.len() as u64 / 16)?;
        let value: String = squeezed(value).into_iter().collect();
        if value.chars().count() < LEAST {
            return Ok(self.0.lines().any(|line| line == value));
        }
        Ok(self.0.contains(&value))
    }
}

/// Takes personal data and secrets that the user did not bring out of a reply. Holds back 1 KiB at most: what stands beside a value
/// says what it is.
pub struct Private {
    analyzer: Arc<Analyzer>,
    config: PrivateConfig,
    brought: Brought,
    windows: Windows,
    /// Bytes of the reply up to which something was taken out.
    end: usize,
    is_stopped: bool,
}

impl Private {
    /// A filter for one reply.
    #[must_use]
    pub fn new(config: &PrivateConfig, analyzer: Arc<Analyzer>, brought: Brought) -> Self {
        Self {
            analyzer,
            config: config.clone(),
            brought,
            windows: Windows::with_sizes(CORE, OVERLAP),
            end: 0,
            is_stopped: false,
        }
    }

    fn ready(&mut self, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        while let Some(window) = self.windows.next_window()? {
            let mut found = self.analyzer.analyze(&window.text, None, budget)?;
            if self.config.brought == BroughtBy::User {
                found.extend(lookalikes(&window.text, Style::Tag));
                found.sort_by_key(|finding| finding.span.start);
            }
            self.window(&window, &found, passed, budget)?;
            if self.is_stopped {
                break;
            }
        }
        Ok(())
    }

    fn window(
        &mut self,
        window: &Window,
        found: &[Finding],
        passed: &mut Passed,
        budget: &Budget,
    ) -> Result<(), Error> {
        let before = usize::try_from(window.before).unwrap_or(usize::MAX);
        // What was taken out before may reach into this core.
        let mut at = window.core_start.max(self.end.saturating_sub(before));
        for finding in found.iter().filter(|finding| window.owns(finding.span)) {
            let value = finding.span.of(&window.text).unwrap_or_default();
            let start = finding.span.start.max(at);
            // Of the whole request every stand-in is; one that the model makes up stands for nothing.
            let is_brought = finding.entity == Entity::SURROGATE && self.config.brought == BroughtBy::Request;
            if is_brought || start >= finding.span.end || self.brought.holds(value, budget)? {
                continue;
            }
            let (rule, action) = if SECRETS.contains(&finding.entity) {
                ("private/secret", self.config.secrets)
            } else {
                ("private/value", self.config.action)
            };
            let span = Span::new(before + start, before + finding.span.end);
            passed.hit(Hit::new(Control::Private, rule, span, action));
            if action >= Action::Redact {
                passed
                    .text
                    .push_str(window.text.get(at..start).unwrap_or_default());
                at = finding.span.end;
                self.end = span.end;
            }
            if action.stops() {
                self.is_stopped = true;
                return Ok(());
            }
            if action == Action::Redact {
                if finding.entity == Entity::SURROGATE {
                    passed.text.push_str("[private value removed]");
                } else {
                    passed.text.push_str(&format!("[{} removed]", finding.entity));
                }
            }
        }
        passed
            .text
            .push_str(window.text.get(at..window.core_end).unwrap_or_default());
        Ok(())
    }
}

impl Filter for Private {
    fn push(&mut self, piece: &str, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        let mut rest = piece.as_bytes();
        while !self.is_stopped && !rest.is_empty() {
            let Some((now, later)) = rest.split_at_checked(self.windows.wanted().clamp(1, rest.len())) else {
                break;
            };
            self.windows.push(now);
            rest = later;
            self.ready(passed, budget)?;
        }
        Ok(())
    }

    fn finish(&mut self, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        if self.is_stopped {
            return Ok(());
        }
        self.windows.end();
        self.ready(passed, budget)
    }
}
