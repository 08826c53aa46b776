//! Languages of replies.

use privet_pii::Language;
use privet_types::{Budget, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lines::Lines;
use crate::controls::{Action, Control, Error, Filter, Hit, Passed};

/// What stands where something was.
const REMOVED: &str = "(removed)\n";

/// Languages (`[guardrails.replies.language]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LanguageConfig {
    /// Languages that may be spoken, by their English names: `english`, `german`. Fifteen are told apart; a line of less than some
    /// twenty letters, or in a language that is not one of them, says nothing.
    pub allowed: Vec<String>,
    /// What becomes of a line in another one.
    #[serde(default = "flag")]
    pub action: Action,
}

const fn flag() -> Action {
    Action::Flag
}

/// Tells the language of each line of a reply. Holds back a line.
#[derive(Debug)]
pub struct LanguageFilter {
    allowed: Vec<Language>,
    action: Action,
    lines: Lines,
    at: usize,
    is_stopped: bool,
}

impl LanguageFilter {
    /// A filter for one reply.
    ///
    /// # Errors
    /// [`Error::Config`] if a language is not one of the fifteen.
    pub fn new(config: &LanguageConfig) -> Result<Self, Error> {
        let named = |(index, name): (usize, &String)| {
            let known = Language::ALL
                .into_iter()
                .find(|known| format!("{known:?}").eq_ignore_ascii_case(name));
            known.ok_or_else(|| {
                let names: Vec<String> = Language::ALL
                    .iter()
                    .map(|known| format!("{known:?}").to_lowercase())
                    .collect();
                Error::config(
                    Control::Language,
                    format!("allowed {}", index + 1),
                    format!("use one of {}", names.join(", ")),
                )
            })
        };
        Ok(Self {
            allowed: config
                .allowed
                .iter()
                .enumerate()
                .map(named)
                .collect::<Result<_, _>>()?,
            action: config.action,
            lines: Lines::default(),
            at: 0,
            is_stopped: false,
        })
    }

    fn run(&mut self, is_end: bool, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        while !self.is_stopped
            && let Some(line) = self.lines.next(is_end)
        {
            budget.charge(8 * line.len() as u64)?;
            let span = Span::new(self.at, self.at + line.len());
            self.at = span.end;
            if Language::detect(&line).is_none_or(|language| self.allowed.contains(&language)) {
                passed.text.push_str(&line);
                continue;
            }
            passed.hit(Hit::new(Control::Language, "language/other", span, self.action));
            self.is_stopped = self.action.stops();
            match self.action {
                Action::Allow | Action::Flag => passed.text.push_str(&line),
                Action::Redact => passed.text.push_str(REMOVED),
                Action::Route | Action::Hold | Action::Block => {}
            }
        }
        Ok(())
    }
}

impl Filter for LanguageFilter {
    fn push(&mut self, piece: &str, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        self.lines.push(piece);
        self.run(false, passed, budget)
    }

    fn finish(&mut self, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        self.run(true, passed, budget)
    }
}
