//! What is not wrong with policies, and yet not what their author meant.

use std::collections::BTreeSet;

use cedar_policy::{ActionConstraint, Effect, EntityUid, Policy, PrincipalConstraint, ResourceConstraint};
use privet_types::RoleName;
use serde::Serialize;

use super::read::{self, PolicyText, SHIPPED};
use super::{PolicyError, ask};

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lint {
    /// Which policy, or which file.
    pub policy: String,
    /// What about it.
    pub message: String,
}

impl Lint {
    /// Looks through policies that are well formed: those that can never apply, permits that a forbid takes away or that add
    /// nothing, and roles that nobody has. `granted` are the roles that somebody has; `None` if that is not known.
    ///
    /// # Errors
    /// [`PolicyError`] if they are not well formed.
    pub fn look(
        own: &[PolicyText<'_>],
        granted: Option<&BTreeSet<RoleName>>,
    ) -> Result<Vec<Self>, PolicyError> {
        let schema = read::schema()?;
        let mut found = Vec::new();
        for warning in read::warnings(own, &schema)? {
            found.push(Self {
                policy: warning.file.clone(),
                message: format!("line {}: {}", warning.line, warning.message),
            });
        }
        let shipped = read::parse(&SHIPPED)?;
        let mut theirs = Vec::new();
        for file in own {
            theirs.extend(read::parse(file)?);
        }
        for policy in theirs.iter().filter(|policy| policy.effect() == Effect::Permit) {
            let others = shipped
                .iter()
                .chain(&theirs)
                .filter(|other| other.id() != policy.id());
            let covering = others.filter(|other| !other.has_non_scope_constraint() && covers(other, policy));
            let (mut forbidden, mut permitted) = (None, None);
            for other in covering {
                match other.effect() {
                    Effect::Forbid => forbidden = Some(other),
                    Effect::Permit => permitted = Some(other),
                }
            }
            let message = match (forbidden, permitted) {
                (Some(other), _) => format!("never permits anything: `{}` forbids all of it", other.id()),
                (None, Some(other)) => format!("adds nothing: `{}` permits all of it", other.id()),
                (None, None) => continue,
            };
            found.push(Self {
                policy: policy.id().to_string(),
                message,
            });
        }
        if let Some(granted) = granted {
            let role = ask::uid("Role", "").map(|uid| uid.type_name().clone()).ok();
            for policy in &theirs {
                let roles = policy.entity_literals();
                let roles = roles.iter().filter(|uid| Some(uid.type_name()) == role.as_ref());
                for unused in roles.filter(|uid| !granted.iter().any(|g| g.as_str() == uid.id().unescaped()))
                {
                    found.push(Self {
                        policy: policy.id().to_string(),
                        message: format!("nobody has the role `{}`", unused.id().unescaped()),
                    });
                }
            }
        }
        found.sort_by(|a, b| (&a.policy, &a.message).cmp(&(&b.policy, &b.message)));
        found.dedup();
        Ok(found)
    }
}

impl super::Authorizer {
    /// The roles that any policy names, in order.
    #[must_use]
    pub fn roles(&self) -> BTreeSet<RoleName> {
        let Ok(role) = ask::uid("Role", "") else {
            return BTreeSet::new();
        };
        let named = self.policies.policies().flat_map(Policy::entity_literals);
        let roles = named.filter(|uid| uid.type_name() == role.type_name());
        roles
            .filter_map(|uid| uid.id().unescaped().parse().ok())
            .collect()
    }

    /// Whether any policy names `role`: one that none names permits nothing.
    #[must_use]
    pub fn speaks_of(&self, role: &RoleName) -> bool {
        let Ok(role) = ask::uid("Role", role.as_str()) else {
            return false;
        };
        let mut policies = self.policies.policies();
        policies.any(|policy| policy.entity_literals().contains(&role))
    }
}

/// Whether `wide` is about everything that `narrow` is about, as far as their heads say.
fn covers(wide: &Policy, narrow: &Policy) -> bool {
    use ActionConstraint as A;
    use PrincipalConstraint as P;
    use ResourceConstraint as R;
    let principals = match (wide.principal_constraint(), narrow.principal_constraint()) {
        (P::Any, _) => true,
        (a, b) if a == b => true,
        (P::Is(kind), P::IsIn(other, _)) => kind == other,
        (P::Is(kind), P::Eq(one)) => &kind == one.type_name(),
        (P::In(group), P::IsIn(_, other) | P::Eq(other)) => group == other,
        _ => false,
    };
    let actions = |constraint: ActionConstraint| -> Option<BTreeSet<EntityUid>> {
        match constraint {
            A::Any => None,
            A::Eq(one) => Some(BTreeSet::from([one])),
            A::In(many) => Some(many.into_iter().collect()),
        }
    };
    let is_wider = match (
        actions(wide.action_constraint()),
        actions(narrow.action_constraint()),
    ) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wide), Some(narrow)) => narrow.is_subset(&wide),
    };
    let resources = match (wide.resource_constraint(), narrow.resource_constraint()) {
        (R::Any, _) => true,
        (a, b) if a == b => true,
        (R::Is(kind), R::IsIn(other, _)) => kind == other,
        (R::Is(kind), R::Eq(one)) => &kind == one.type_name(),
        (R::In(place), R::IsIn(_, other)) => place == other,
        _ => false,
    };
    principals && is_wider && resources
}
