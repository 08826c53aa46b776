//! What an account may do by its roles, whatever the circumstances: at most, and for certain.

use std::collections::BTreeSet;

use cedar_policy::{
    ActionConstraint, Authorizer as Cedar, Context, Decision, Effect, Policy, PolicySet, Request,
    ResourceConstraint,
};
use serde_json::Value;

use super::read::{self, SHIPPED};
use super::{Authorizer, DecideError, uid};
use crate::Privilege;
use crate::account::Account;

/// The policies without what depends on circumstances.
#[derive(Debug, Clone)]
pub(super) struct Bare {
    /// Every permit, as if its conditions held and for whatever resource.
    permits: PolicySet,
    /// The permits that have no conditions and are for every resource.
    certain: PolicySet,
    /// What a forbid of the operator's own is about.
    forbidden: BTreeSet<Privilege>,
    /// What any policy of the operator's own is about.
    own: BTreeSet<Privilege>,
}

impl Bare {
    fn of(policies: &PolicySet) -> Result<Self, DecideError> {
        let shipped = read::parse(&SHIPPED).map_err(DecideError::new)?;
        let mut bare = Self {
            permits: PolicySet::new(),
            certain: PolicySet::new(),
            forbidden: BTreeSet::new(),
            own: BTreeSet::new(),
        };
        for policy in policies.policies() {
            let is_forbid = policy.effect() == Effect::Forbid;
            // The forbids that ship are about other tenants.
            if !shipped.iter().any(|known| known.id() == policy.id()) {
                let about = about(policy)?;
                if is_forbid {
                    bare.forbidden.extend(&about);
                }
                bare.own.extend(about);
            }
            if is_forbid {
                continue;
            }
            let is_certain = !policy.has_non_scope_constraint()
                && matches!(policy.resource_constraint(), ResourceConstraint::Any);
            if is_certain {
                bare.certain.add(policy.clone()).map_err(DecideError::new)?;
            }
            let mut json = policy.to_json().map_err(DecideError::new)?;
            if let Some(fields) = json.as_object_mut() {
                fields.insert("conditions".to_owned(), Value::Array(Vec::new()));
                fields.insert("resource".to_owned(), serde_json::json!({ "op": "All" }));
            }
            let wide = Policy::from_json(Some(policy.id().clone()), json).map_err(DecideError::new)?;
            bare.permits.add(wide).map_err(DecideError::new)?;
        }
        Ok(bare)
    }
}

/// The privileges that `policy` is about.
fn about(policy: &Policy) -> Result<BTreeSet<Privilege>, DecideError> {
    let actions = match policy.action_constraint() {
        ActionConstraint::Any => return Ok(Privilege::ALL.into_iter().collect()),
        ActionConstraint::Eq(one) => vec![one],
        ActionConstraint::In(many) => many,
    };
    let named = |action: &cedar_policy::EntityUid| action.id().unescaped().parse().map_err(DecideError::new);
    actions.iter().map(named).collect()
}

impl Authorizer {
    /// What some policy permits `account`, to whatever and in whatever circumstances, in the order of [`Privilege::ALL`].
    ///
    /// # Errors
    /// [`DecideError`] if the policies cannot be asked.
    pub fn granted(&self, account: &Account) -> Result<Vec<Privilege>, DecideError> {
        let permits = &self.bare()?.permits;
        let mut granted = Vec::new();
        for privilege in Privilege::ALL {
            if permitted(permits, account, privilege)? {
                granted.push(privilege);
            }
        }
        Ok(granted)
    }

    /// Whether some policy permits `account` that, as [`granted`](Self::granted) says.
    pub(crate) fn is_granted(&self, account: &Account, privilege: Privilege) -> Result<bool, DecideError> {
        permitted(&self.bare()?.permits, account, privilege)
    }

    /// Whether `account` may do that to whatever and in all circumstances: no condition stands in a permit, and no policy of the
    /// operator's own forbids anything of the kind to anybody.
    pub(crate) fn is_certain(&self, account: &Account, privilege: Privilege) -> Result<bool, DecideError> {
        let bare = self.bare()?;
        Ok(!bare.forbidden.contains(&privilege) && permitted(&bare.certain, account, privilege)?)
    }

    /// Whether a policy of the operator's own is about that.
    pub(crate) fn has_own_about(&self, privilege: Privilege) -> Result<bool, DecideError> {
        Ok(self.bare()?.own.contains(&privilege))
    }

    fn bare(&self) -> Result<&Bare, DecideError> {
        let made = self.bare.get_or_init(|| Bare::of(&self.policies));
        made.as_ref().map_err(Clone::clone)
    }
}

fn permitted(policies: &PolicySet, account: &Account, privilege: Privilege) -> Result<bool, DecideError> {
    let (principal, entities) = account.entities()?;
    let tenant = uid("Tenant", account.tenant.as_str())?;
    let action = uid("Action", privilege.name())?;
    let request = Request::new(principal.clone(), action, tenant, Context::empty(), None);
    let request = request.map_err(DecideError::new)?;
    let answer = Cedar::new().is_authorized(&request, policies, entities);
    Ok(answer.decision() == Decision::Allow)
}
