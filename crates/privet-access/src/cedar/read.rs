//! Policies from text, with the place of every fault.

use std::fmt::Display;

use cedar_policy::{Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;

/// One `*.cedar` file.
#[derive(Debug, Clone, Copy)]
pub struct PolicyText<'a> {
    /// How it is called in errors, and in the names of its policies.
    pub name: &'a str,
    /// What it says.
    pub text: &'a str,
}

/// What is wrong with a policy, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy `{file}` line {line}, column {column}: {message}")]
pub struct PolicyError {
    /// Which file.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What.
    pub message: String,
}

pub(super) const SHIPPED: PolicyText<'static> = PolicyText {
    name: "privet",
    text: include_str!("roles.cedar"),
};

pub(super) const SCHEMA: &str = include_str!("privet.cedarschema");

/// The schema of all policies.
pub(super) fn schema() -> Result<Schema, PolicyError> {
    let read = Schema::from_cedarschema_str(SCHEMA);
    read.map(|(schema, _)| schema).map_err(|error| PolicyError {
        file: "privet.cedarschema".to_owned(),
        line: 1,
        column: 1,
        message: error.to_string(),
    })
}

/// What `files` say beside what ships, checked against the schema. Each policy is called `<file>#<its @id, or its number>`.
pub(super) fn read(files: &[PolicyText<'_>], schema: &Schema) -> Result<PolicySet, PolicyError> {
    let mut all = PolicySet::new();
    for file in std::iter::once(&SHIPPED).chain(files) {
        let mut own = PolicySet::new();
        for policy in parse(file)? {
            let id = policy.id().clone();
            let fault = |error: &dyn Display| PolicyError {
                file: file.name.to_owned(),
                line: 1,
                column: 1,
                message: format!("`{id}`: {error}; give each policy an `@id` of its own"),
            };
            own.add(policy.clone()).map_err(|error| fault(&error))?;
            all.add(policy).map_err(|error| fault(&error))?;
        }
        let checked = Validator::new(schema.clone()).validate(&own, ValidationMode::Strict);
        if let Some(error) = checked.validation_errors().next() {
            return Err(placed(file, error, &[error]));
        }
    }
    Ok(all)
}

/// What the validator only warns of: policies that can never apply.
pub(super) fn warnings(files: &[PolicyText<'_>], schema: &Schema) -> Result<Vec<PolicyError>, PolicyError> {
    let mut found = Vec::new();
    for file in files {
        let own = PolicySet::from_policies(parse(file)?).map_err(|error| PolicyError {
            file: file.name.to_owned(),
            line: 1,
            column: 1,
            message: error.to_string(),
        })?;
        let checked = Validator::new(schema.clone()).validate(&own, ValidationMode::Strict);
        for warning in checked.validation_warnings() {
            found.push(placed(file, warning, &[warning]));
        }
    }
    Ok(found)
}

/// The policies of a file, by their own names, in the file's order.
pub(super) fn parse(file: &PolicyText<'_>) -> Result<Vec<Policy>, PolicyError> {
    let set: PolicySet = file.text.parse().map_err(|errors: cedar_policy::ParseErrors| {
        let first: Vec<&dyn Diagnostic> = errors
            .iter()
            .map(|error| error as &dyn Diagnostic)
            .take(1)
            .collect();
        let message = errors
            .iter()
            .next()
            .map_or_else(|| errors.to_string(), ToString::to_string);
        placed(file, &message, &first)
    })?;
    if set.templates().next().is_some() {
        return Err(PolicyError {
            file: file.name.to_owned(),
            line: 1,
            column: 1,
            message: "policies with `?principal` or `?resource` cannot be used; name them".to_owned(),
        });
    }
    let mut numbered: Vec<(usize, Policy)> = set
        .policies()
        .map(|policy| {
            let number = policy.id().to_string();
            let number = number.trim_start_matches("policy").parse().unwrap_or(usize::MAX);
            (number, policy.clone())
        })
        .collect();
    numbered.sort_by_key(|(number, _)| *number);
    let named = numbered.into_iter().map(|(number, policy)| {
        let id = match policy.annotation("id") {
            Some(id) if !id.is_empty() => id.to_owned(),
            _ => (number + 1).to_string(),
        };
        policy.new_id(PolicyId::new(format!("{}#{id}", file.name)))
    });
    Ok(named.collect())
}

fn placed(file: &PolicyText<'_>, message: &impl Display, where_: &[&dyn Diagnostic]) -> PolicyError {
    let offset = where_
        .iter()
        .find_map(|diagnostic| Some(diagnostic.labels()?.next()?.offset()));
    let before = file.text.get(..offset.unwrap_or(0)).unwrap_or_default();
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    PolicyError {
        file: file.name.to_owned(),
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: u32::try_from(column).unwrap_or(u32::MAX),
        message: message.to_string(),
    }
}
