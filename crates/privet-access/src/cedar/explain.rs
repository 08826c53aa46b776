//! Why a question is answered as it is.

use cedar_policy::{Authorizer as Cedar, Effect, Policy, PolicySet};
use serde::Serialize;
use serde_json::Value;

use super::mention::Mentioned;
use super::{Ask, Authorizer, DecideError, Verdict};
use crate::account::Account;

/// What part a policy has in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyBearing {
    /// It applies.
    Applies,
    /// It is about this principal, action and resource, but its conditions do not hold.
    ConditionFails,
    /// It cannot be evaluated, so the answer is no.
    CannotBeEvaluated,
}

/// One policy that is about what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyStep {
    /// Its name.
    pub policy: String,
    /// Whether it permits; else it forbids.
    pub is_permit: bool,
    /// Its part.
    pub bearing: PolicyBearing,
    /// What it looks at and the question does not say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// An answer, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The answer.
    pub verdict: Verdict,
    /// The policies that are about what was asked, by name. Where there is no permit among them, nothing permits it.
    pub steps: Vec<PolicyStep>,
}

impl Authorizer {
    /// Whether `account` may do what is asked, and why. Asks the policies one by one, and remembers nothing.
    ///
    /// # Errors
    /// [`DecideError`] if the question cannot be put to the policies; such a request is denied.
    pub fn explain(&self, account: &Account, ask: &Ask<'_>) -> Result<Explanation, DecideError> {
        let (request, entities) = self.request(account, ask)?;
        let mut steps = Vec::new();
        let is_met = |policy: Policy| -> Result<Option<bool>, DecideError> {
            let alone = PolicySet::from_policies([policy]).map_err(DecideError::new)?;
            let response = Cedar::new().is_authorized(&request, &alone, &entities);
            let has_erred = response.diagnostics().errors().next().is_some();
            Ok((!has_erred).then(|| response.diagnostics().reason().next().is_some()))
        };
        for policy in self.policies.policies() {
            let bearing = match is_met(policy.clone())? {
                Some(true) => PolicyBearing::Applies,
                None => PolicyBearing::CannotBeEvaluated,
                Some(false) if is_met(scope_of(policy)?)? == Some(true) => PolicyBearing::ConditionFails,
                Some(false) => continue,
            };
            let json = policy.to_json().map_err(DecideError::new)?;
            steps.push(PolicyStep {
                policy: policy.id().to_string(),
                is_permit: policy.effect() == Effect::Permit,
                bearing,
                missing: missing(&Mentioned::of_json(&json), ask),
            });
        }
        steps.sort_by(|a, b| a.policy.cmp(&b.policy));
        // Judged as a whole only now: an error is told where it arises.
        let verdict = self
            .evaluate(&self.policies, account, ask)
            .unwrap_or_else(|_| Verdict {
                is_allowed: false,
                policies: Vec::new(),
                message: None,
            });
        Ok(Explanation { verdict, steps })
    }
}

/// `policy` without its conditions.
fn scope_of(policy: &Policy) -> Result<Policy, DecideError> {
    let mut json = policy.to_json().map_err(DecideError::new)?;
    if let Some(fields) = json.as_object_mut() {
        fields.insert("conditions".to_owned(), Value::Array(Vec::new()));
    }
    Policy::from_json(Some(policy.id().clone()), json).map_err(DecideError::new)
}

fn missing(mentioned: &Mentioned, ask: &Ask<'_>) -> Vec<String> {
    let is_missing = |name: &&str| match *name {
        "address" => ask.address.is_none(),
        "purpose" => ask.prompt.is_none_or(|facts| facts.purpose.is_none()),
        _ => false,
    };
    mentioned.names().filter(is_missing).map(str::to_owned).collect()
}
