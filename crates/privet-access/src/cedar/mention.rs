//! Which parts of a request's circumstances any policy looks at: only those make two requests different.

use std::collections::BTreeSet;

use cedar_policy::PolicySet;
use serde_json::Value;

use super::Authorizer;

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

/// A kind of data that a policy asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KindAsked {
    /// Which policy.
    pub policy: String,
    /// The kind's name, as it stands there.
    pub kind: String,
}

impl Authorizer {
    /// The kinds whose being found decides something, by policy: what `context.kinds` is asked to contain.
    #[must_use]
    pub fn kinds_asked(&self) -> BTreeSet<KindAsked> {
        let mut found = BTreeSet::new();
        for policy in self.policies.policies() {
            let mut kinds = BTreeSet::new();
            // One that cannot be looked into is refused when it is asked.
            if let Ok(json) = policy.to_json() {
                kinds_in(&json, &mut kinds);
            }
            found.extend(kinds.into_iter().map(|kind| KindAsked {
                policy: policy.id().to_string(),
                kind,
            }));
        }
        found
    }
}

/// The texts that `context.kinds` is held against in `json`.
fn kinds_in(json: &Value, found: &mut BTreeSet<String>) {
    match json {
        Value::Array(items) => items.iter().for_each(|item| kinds_in(item, found)),
        Value::Object(fields) => {
            for (operator, operands) in fields {
                let is_of_kinds = matches!(operator.as_str(), "contains" | "containsAll" | "containsAny")
                    && operands.get("left").is_some_and(|left| {
                        left.get(".")
                            .and_then(|access| attribute(".", access))
                            .is_some_and(|name| name == "kinds")
                    });
                if is_of_kinds && let Some(right) = operands.get("right") {
                    texts(right, found);
                }
                kinds_in(operands, found);
            }
        }
        _ => {}
    }
}

/// The texts that stand in `json` as values.
fn texts(json: &Value, found: &mut BTreeSet<String>) {
    if let Some(text) = json.get("Value").and_then(Value::as_str) {
        found.insert(text.to_owned());
    }
    let members = json.get("Set").and_then(Value::as_array);
    for member in members.into_iter().flatten() {
        texts(member, found);
    }
}

/// The name behind `context.` or `context has`.
fn attribute<'v>(operator: &str, operands: &'v Value) -> Option<&'v str> {
    let is_access = matches!(operator, "." | "has");
    let var = operands.get("left")?.get("Var")?.as_str()?;
    (is_access && var == "context").then(|| operands.get("attr")?.as_str())?
}
