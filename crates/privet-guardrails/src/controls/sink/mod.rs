//! Output that something else will show or run: it is read by a parser for where it goes, and only what that understands in full and
//! the policy allows goes on.

mod html;
mod path;
mod shell;
mod sql;
mod sql_functions;

use privet_types::{Budget, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use html::HtmlConfig;
pub use path::PathConfig;
pub use shell::ShellConfig;
pub use sql::{SqlConfig, SqlDialect};

use super::tools::strict_json;
use super::{Action, Control, Error, Filter, Hit, Passed, Schema};

/// Bytes of an output; what is longer does not go on.
const MOST_BYTES: usize = 1 << 20;

/// Output for a declared sink (`[guardrails.replies.sink]`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SinkConfig {
    /// What becomes of output that does not fit. With `redact` HTML is cleaned; nothing else can be, and is blocked.
    #[serde(default = "block")]
    pub action: Action,
    /// Where the output goes.
    pub to: SinkKind,
}

const fn block() -> Action {
    Action::Block
}

/// Where output goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SinkKind {
    /// Into a page.
    Html(HtmlConfig),
    /// To a database, to be read from.
    Sql(SqlConfig),
    /// To a shell.
    Shell(ShellConfig),
    /// To whoever opens a file.
    Path(PathConfig),
    /// To a program that reads JSON.
    Json {
        /// What it must fit: JSON Schema, draft 2020-12, of which most keywords are known.
        schema: serde_json::Value,
    },
}

/// A sink, ready to be asked.
#[derive(Debug)]
pub struct Sink {
    action: Action,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Html(html::Html),
    Sql(sql::Sql),
    Shell(ShellConfig),
    Path(path::Paths),
    Json(Schema),
}

/// What a sink says of an output.
enum Said {
    Fits,
    /// It fits, and is better written so.
    Rewritten(String),
    /// So much of it fits.
    Cleaned(String),
    Refused(&'static str),
}

impl Sink {
    /// # Errors
    /// [`Error::Config`] if a host, root or schema is none.
    pub fn new(config: &SinkConfig) -> Result<Self, Error> {
        let kind = match &config.to {
            SinkKind::Html(config) => Kind::Html(html::Html::new(config)?),
            SinkKind::Sql(config) => Kind::Sql(sql::Sql::new(config)),
            SinkKind::Shell(config) => Kind::Shell(config.clone()),
            SinkKind::Path(config) => Kind::Path(path::Paths::new(config)?),
            SinkKind::Json { schema } => Kind::Json(Schema::new(schema)?),
        };
        Ok(Self {
            action: config.action,
            kind,
        })
    }

    /// What of `output` may go on, and what was found. 16 work units a byte.
    ///
    /// # Errors
    /// [`Error::Budget`]; the output must not go on then.
    ///
    /// ```
    /// use privet_guardrails::controls::{Action, Sink, SinkConfig};
    /// use privet_types::Budget;
    /// let config: SinkConfig = serde_json::from_str(r#"{ "to": { "kind": "sql", "dialect": "postgresql" } }"#)?;
    /// let sink = Sink::new(&config)?;
    /// let budget = Budget::unlimited();
    /// assert_eq!(sink.check("SELECT count(*) FROM orders", &budget)?.action(), Action::Allow);
    /// assert_eq!(sink.check("DROP TABLE orders", &budget)?.action(), Action::Block);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check(&self, output: &str, budget: &Budget) -> Result<Passed, Error> {
        budget.charge(16 * output.len() as u64)?;
        let said = if output.len() > MOST_BYTES {
            Said::Refused("sink/too_long")
        } else {
            match &self.kind {
                Kind::Html(html) => html.clean(output),
                Kind::Sql(sql) => sql.check(output),
                Kind::Shell(shell) => shell.check(output),
                Kind::Path(paths) => paths.check(output),
                Kind::Json(schema) => match strict_json(output) {
                    None => Said::Refused("sink/json"),
                    Some(value) => match schema.check(&value, budget)? {
                        None => Said::Fits,
                        Some(_) => Said::Refused("sink/schema"),
                    },
                },
            }
        };
        let mut passed = Passed::default();
        let span = Span::new(0, output.len().min(MOST_BYTES));
        match said {
            Said::Fits => passed.text.push_str(output),
            Said::Rewritten(text) => passed.text = text,
            Said::Cleaned(text) => {
                passed.hit(Hit::new(Control::Sink, "sink/html", span, self.action));
                if self.action == Action::Redact {
                    passed.text = text;
                } else if !self.action.stops() {
                    passed.text.push_str(output);
                }
            }
            Said::Refused(rule) => {
                let action = if self.action == Action::Redact {
                    Action::Block
                } else {
                    self.action
                };
                passed.hit(Hit::new(Control::Sink, rule, span, action));
                if !action.stops() {
                    passed.text.push_str(output);
                }
            }
        }
        Ok(passed)
    }

    /// The sink as a filter. It holds back the whole output, which nobody can judge by a part of it: up to 1 MiB.
    #[must_use]
    pub fn into_filter(self) -> SinkFilter {
        SinkFilter {
            sink: self,
            held: String::new(),
            is_stopped: false,
        }
    }
}

/// A [`Sink`] over a text in pieces.
#[derive(Debug)]
pub struct SinkFilter {
    sink: Sink,
    held: String,
    is_stopped: bool,
}

impl Filter for SinkFilter {
    fn push(&mut self, piece: &str, _: &mut Passed, budget: &Budget) -> Result<(), Error> {
        budget.charge(piece.len() as u64)?;
        // One byte too many says enough.
        if self.held.len() <= MOST_BYTES {
            self.held.push_str(piece);
        }
        Ok(())
    }

    fn finish(&mut self, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        if self.is_stopped {
            return Ok(());
        }
        let checked = self.sink.check(&std::mem::take(&mut self.held), budget)?;
        checked.hits.iter().for_each(|hit| passed.hit(*hit));
        passed.text.push_str(&checked.text);
        self.is_stopped = true;
        Ok(())
    }
}
