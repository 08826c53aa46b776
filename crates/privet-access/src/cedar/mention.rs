//! Which parts of a request's circumstances any policy looks at: only those make two requests different.

use std::collections::BTreeSet;

use cedar_policy::PolicySet;
use serde_json::Value;

/// The attributes of `context` that policies look at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Mentioned {
    names: BTreeSet<String>,
    /// Whether a policy looks at the context as a whole.
    all: bool,
}

impl Mentioned {
    pub(super) fn of(policies: &PolicySet) -> Self {
        let mut found = Self::default();
        for policy in policies.policies() {
            match policy.to_json() {
                Ok(json) => found.walk(&json),
                // What cannot be looked into may look at anything.
                Err(_) => found.all = true,
            }
        }
        found
    }

    pub(super) fn of_json(json: &Value) -> Self {
        let mut found = Self::default();
        found.walk(json);
        found
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.all || self.names.contains(name)
    }

    /// Them, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    fn walk(&mut self, json: &Value) {
        match json {
            Value::Array(items) => items.iter().for_each(|item| self.walk(item)),
            Value::Object(fields) => {
                if fields.get("Var").and_then(Value::as_str) == Some("context") {
                    self.all = true;
                    return;
                }
                for (name, value) in fields {
                    match attribute(name, value) {
                        Some(attribute) => _ = self.names.insert(attribute.to_owned()),
                        None => self.walk(value),
                    }
                }
            }
            _ => {}
        }
    }
}

/// The name behind `context.` or `context has`.
fn attribute<'v>(operator: &str, operands: &'v Value) -> Option<&'v str> {
    let is_access = matches!(operator, "." | "has");
    let var = operands.get("left")?.get("Var")?.as_str()?;
    (is_access && var == "context").then(|| operands.get("attr")?.as_str())?
}
