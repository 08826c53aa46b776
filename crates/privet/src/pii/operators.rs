//! Operators, as a file or the command line says them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use privet_pii::{HashType, Operator, Operators, Style};

use super::look::entity;

/// What is done with values.
#[derive(Args)]
pub(crate) struct OperatorArgs {
    /// A TOML or JSON file with a `default` operator and `entities` with one for each kind.
    #[arg(long, value_name = "FILE")]
    operators: Option<PathBuf>,
    /// The operator of one kind, or of all others as `default`: CREDIT_CARD=mask:chars_to_mask=12. May be given again, and
    /// goes before the file. Without any, values become `<KIND>`, or with --manifest surrogates that can be undone.
    #[arg(long, value_name = "KIND=OPERATOR[:FIELD=VALUE,…]")]
    operator: Vec<String>,
}

impl OperatorArgs {
    /// The operators, not yet checked.
    ///
    /// # Errors
    /// For a file that cannot be read, and for an operator that is none.
    pub(crate) fn operators(&self, is_to_be_undone: bool) -> Result<Operators> {
        let mut operators = match &self.operators {
            Some(path) => read(path)?,
            None if is_to_be_undone && self.operator.is_empty() => Operators {
                default: Operator::Surrogate { style: Style::Tag },
                ..Operators::default()
            },
            None => Operators::default(),
        };
        for text in &self.operator {
            let (kind, operator) = text
                .split_once('=')
                .with_context(|| format!("`--operator {text}` is to be such as EMAIL_ADDRESS=encrypt"))?;
            let operator = operator.parse().with_context(|| format!("`--operator {text}`"))?;
            if kind == "default" {
                operators.default = operator;
            } else {
                operators.entities.insert(entity(kind)?, operator);
            }
        }
        Ok(operators)
    }
}

fn read(path: &Path) -> Result<Operators> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read operators `{name}`"))?;
    if path.extension().is_some_and(|e| e == "json") {
        serde_json::from_str(&text).with_context(|| format!("operators `{name}`"))
    } else {
        Ok(privet_policy::operators(&text, path)?)
    }
}

/// An operator that needs a key, by name.
pub(crate) fn keyed(operators: &Operators) -> Option<&'static str> {
    let all = operators.entities.values().chain([&operators.default]);
    all.into_iter()
        .find(|operator| match operator {
            Operator::Keep {} => false,
            Operator::Hash { hash_type, .. } => *hash_type == HashType::HmacSha256,
            operator => operator.is_reversible(),
        })
        .map(Operator::name)
}
