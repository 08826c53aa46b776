//! What was granted against what is used, and how well access control keeps to its policies.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use privet_store::{ApiKeyRecord, ApiKeyUse, PrivilegeUse, SessionRecord};
use privet_types::{Interval, LogPosition, Measurement, Part, Principal, PrincipalKind, TenantId};
use serde::Serialize;

use crate::account::Account;
use crate::cedar::Authorizer;
use crate::{DecideError, Privilege};

/// One privilege of one principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReviewRow {
    /// In whose installation space.
    pub tenant: TenantId,
    /// Who.
    pub principal: Principal,
    /// A person or a service account.
    pub kind: PrincipalKind,
    /// Whether it was made; one that was not is only named by a key.
    pub is_known: bool,
    /// Whether it, or its tenant, is switched off.
    pub is_disabled: bool,
    /// Its roles and those of its groups.
    pub roles: Vec<String>,
    /// The action's name.
    pub action: String,
    /// Whether a key that is good at the moment has the scope for it.
    pub has_key: bool,
    /// When it was last used; `None` for never, as far as is known.
    pub last_used_at: Option<Timestamp>,
    /// How often it was used.
    pub uses: u64,
    /// When a good key with the scope for it was last used for anything; `None` for never, as far as is known.
    pub key_last_used_at: Option<Timestamp>,
}

/// All privileges that policies grant, each with its use. Conditions of policies are taken to hold, and a policy about one
/// model to be about the privilege: what is listed may be used in some circumstance.
///
/// # Errors
/// [`DecideError`] if the policies cannot be asked.
pub fn review<'a>(
    authorizer: &Authorizer,
    accounts: impl IntoIterator<Item = &'a Arc<Account>>,
    keys: &[ApiKeyRecord],
    key_uses: &[ApiKeyUse],
    uses: &[PrivilegeUse],
    now: Timestamp,
) -> Result<Vec<ReviewRow>, DecideError> {
    let used: BTreeMap<(&str, &str, &str), &PrivilegeUse> = uses
        .iter()
        .map(|used| {
            let place = (
                used.tenant.as_str(),
                used.principal.as_str(),
                used.action.as_str(),
            );
            (place, used)
        })
        .collect();
    let last_uses: BTreeMap<&str, Timestamp> = key_uses
        .iter()
        .map(|used| (used.id.as_str(), used.last_used_at))
        .collect();
    let mut rows = Vec::new();
    for account in accounts {
        let (tenant, name) = (account.tenant(), account.name());
        let is_good =
            |key: &&ApiKeyRecord| key.tenant == *tenant && key.principal == *name && key.is_good(now);
        for privilege in authorizer.granted(account)? {
            let of_it = used.get(&(tenant.as_str(), name.as_str(), privilege.name()));
            let good: Vec<&ApiKeyRecord> = keys
                .iter()
                .filter(is_good)
                .filter(|key| privilege.scope().is_some_and(|scope| key.scopes.allows(scope)))
                .collect();
            rows.push(ReviewRow {
                tenant: tenant.clone(),
                principal: name.clone(),
                kind: account.kind(),
                is_known: account.is_known(),
                is_disabled: account.is_disabled(),
                roles: account.roles().into_iter().map(ToString::to_string).collect(),
                action: privilege.name().to_owned(),
                has_key: !good.is_empty(),
                last_used_at: of_it.map(|used| used.last_used_at),
                uses: of_it.map_or(0, |used| used.uses),
                key_last_used_at: good
                    .iter()
                    .filter_map(|key| last_uses.get(key.id.as_str()).copied())
                    .max(),
            });
        }
    }
    Ok(rows)
}

/// One attempt to do something on a running gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// What was tried.
    pub privilege: Privilege,
    /// Whether the policy lets the caller.
    pub is_permitted: bool,
    /// Whether the gateway let the caller.
    pub was_let_in: bool,
}

/// Sessions of people that go on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenSessions {
    /// How many there are.
    pub all: u64,
    /// Those in which two factors were shown.
    pub with_two_factors: u64,
}

impl OpenSessions {
    /// Those of `sessions`.
    #[must_use]
    pub fn of(sessions: &[SessionRecord]) -> Self {
        let with_two = sessions.iter().filter(|session| session.has_two_factors);
        Self {
            all: sessions.len() as u64,
            with_two_factors: with_two.count() as u64,
        }
    }
}

/// How well a gateway kept to its policy in `probes`, how much of what `rows` list is used, and how many of `sessions` have shown two
/// factors: 0 if it once let somebody in whom the policy does not permit, else the geometric mean of the shares that could be measured.
#[must_use]
pub fn effectiveness(
    probes: &[Probe],
    rows: &[ReviewRow],
    sessions: OpenSessions,
    at: Timestamp,
    log_position: LogPosition,
) -> Measurement {
    let count = |fits: &dyn Fn(&Probe) -> bool| probes.iter().filter(|probe| fits(probe)).count() as u64;
    let forbidden = count(&|probe| !probe.is_permitted);
    let permitted = count(&|probe| probe.is_permitted);
    let accepts = count(&|probe| !probe.is_permitted && probe.was_let_in);
    let rejects = count(&|probe| probe.is_permitted && !probe.was_let_in);
    // What no key can be used for yet is granted to nobody over HTTP.
    let usable: Vec<&ReviewRow> = rows
        .iter()
        .filter(|row| row.has_key && !row.is_disabled)
        .collect();
    let used = usable.iter().filter(|row| row.uses > 0).count() as u64;
    let parts = vec![
        Part::share(
            "right_refusals",
            forbidden - accepts,
            forbidden,
            "1 − false accept rate: of what the policy forbids, what was refused",
        ),
        Part::share(
            "right_accepts",
            permitted - rejects,
            permitted,
            "1 − false reject rate: of what the policy permits, what was let in",
        ),
        Part::share(
            "used_privileges",
            used,
            usable.len() as u64,
            "of the privileges that principals with a good key have, those that were used",
        ),
        Part::share(
            "sessions_with_two_factors",
            sessions.with_two_factors,
            sessions.all,
            "of the sessions of people that go on, those in which two factors were shown",
        ),
    ];
    let is_measured = forbidden > 0 && permitted > 0;
    let shares: Vec<f64> = parts.iter().filter_map(|part| part.value).collect();
    let value = is_measured.then(|| if accepts > 0 { 0.0 } else { geometric_mean(&shares) });
    Measurement {
        metric: "access_control_effectiveness".to_owned(),
        value,
        unit: "share".to_owned(),
        interval: None::<Interval>,
        numerator: None,
        denominator: None,
        formula:
            "0 if anything was let in that the policy forbids, else the geometric mean of right_refusals, \
                  right_accepts, used_privileges and sessions_with_two_factors"
                .to_owned(),
        source: "privet docs/access.md".to_owned(),
        method: "principals of every role tried every action on a running gateway".to_owned(),
        sample_size: probes.len() as u64,
        population: probes.len() as u64,
        at,
        log_position,
        classes: Vec::new(),
        parts,
        excluded: (sessions.all == 0)
            .then(|| "Second factors: nobody was signed in.".to_owned())
            .into_iter()
            .collect(),
        reason: (!is_measured)
            .then(|| "nothing that is permitted, or nothing that is forbidden, was tried".to_owned()),
    }
}

fn geometric_mean(shares: &[f64]) -> f64 {
    if shares.is_empty() || shares.contains(&0.0) {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "there are four")]
    let many = shares.len() as f64;
    (shares.iter().map(|share| share.ln()).sum::<f64>() / many).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(is_permitted: bool, was_let_in: bool) -> Probe {
        Probe {
            privilege: Privilege::Prompt,
            is_permitted,
            was_let_in,
        }
    }

    fn measured(probes: &[Probe], sessions: OpenSessions) -> Measurement {
        effectiveness(
            probes,
            &[],
            sessions,
            Timestamp::UNIX_EPOCH,
            LogPosition::default(),
        )
    }

    fn value(probes: &[Probe]) -> Option<f64> {
        measured(probes, OpenSessions::default()).value
    }

    #[test]
    fn one_false_accept_is_worth_nothing_and_false_rejects_cost() {
        let (good, refused) = (probe(true, true), probe(false, false));
        assert_eq!(value(&[good, refused]), Some(1.0));
        assert_eq!(value(&[good, refused, refused, probe(false, true)]), Some(0.0));
        let with_reject = value(&[good, probe(true, false), refused]).unwrap();
        assert!((with_reject - 0.5_f64.sqrt()).abs() < 1e-12, "{with_reject}");
        assert_eq!(value(&[good]), None);
    }

    #[test]
    fn sessions_with_one_factor_cost_and_where_there_are_none_that_is_said() {
        let probes = [probe(true, true), probe(false, false)];
        let none = measured(&probes, OpenSessions::default());
        assert_eq!((none.value, none.excluded.len()), (Some(1.0), 1));
        let some = OpenSessions {
            all: 8,
            with_two_factors: 1,
        };
        let some = measured(&probes, some);
        let part = some.parts.last().unwrap();
        assert_eq!(
            (part.name.as_str(), part.value),
            ("sessions_with_two_factors", Some(0.125))
        );
        // The cube root of an eighth: privileges of nobody have no share.
        assert!((some.value.unwrap() - 0.5).abs() < 1e-12, "{some:?}");
        assert!(some.excluded.is_empty());
    }
}
