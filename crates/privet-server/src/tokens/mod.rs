//! Short-lived tokens over HTTP: made by whoever has a key, a certificate or a session, and taken back.

mod routes;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use http::StatusCode;
use jiff::Timestamp;
use privet_access::{Ask, Authenticated, Denied, KeyRing, Privilege, Resource, Way};
use privet_types::{Principal, TenantId};

use crate::problem::Problem;
use crate::sign_in::Door;

pub(crate) use routes::{Order, described, make_for, routes, take_all_back_of};

/// Tokens that one principal makes in a minute, on one node; and how often it takes some back.
const MOST_EACH: u32 = 120;
/// The same of a whole tenant: each makes a leaf of the log, and each that is taken back lets every node read its keys again.
const MOST_OF_TENANT: u32 = 1_200;

/// Both are counted apart: who makes too many can take them back.
#[derive(Debug, Default)]
pub(crate) struct Paces {
    made: Pace,
    taken_back: Pace,
}

/// How many there were in this minute.
#[derive(Debug, Default)]
struct Pace(Mutex<Minute>);

#[derive(Debug, Default)]
struct Minute {
    number: i64,
    tenants: HashMap<TenantId, OfTenant>,
}

#[derive(Debug, Default)]
struct OfTenant {
    all: u32,
    each: HashMap<Principal, u32>,
}

impl Pace {
    /// Counts one more, if there is room for it. Those of one tenant take no room from another's.
    fn count(&self, caller: &Authenticated, now: Timestamp) -> Result<(), Problem> {
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = now.as_second().div_euclid(60);
        if minute.number != number {
            *minute = Minute {
                number,
                ..Minute::default()
            };
        }
        let of_tenant = minute.tenants.entry(caller.tenant.clone()).or_default();
        let own = of_tenant.each.entry(caller.principal.clone()).or_default();
        if *own >= MOST_EACH || of_tenant.all >= MOST_OF_TENANT {
            return Err(Problem::coded(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_tokens",
                "too many tokens were made or taken back; use one until it ends, and try again in a minute",
            ));
        }
        *own += 1;
        of_tenant.all += 1;
        Ok(())
    }
}

/// Whether `caller` came by a token that a session made.
pub(crate) fn is_of_session(caller: &Authenticated) -> bool {
    let token = caller.token.as_ref();
    token.is_some_and(|token| token.made_by == Way::Session)
}

/// `caller`; with a token of a session, if it is used where and when its person may be signed in, and as far as the session itself
/// would be good by now.
pub(crate) fn check_session(
    (keys, door): (&KeyRing, Option<&Door>),
    caller: Authenticated,
    address: Option<IpAddr>,
    at: Timestamp,
) -> Result<Authenticated, Denied> {
    if !is_of_session(&caller) {
        return Ok(caller);
    }
    let door = door.ok_or(Denied::TokenRevoked)?;
    let caller = door.sign_in().narrowed(caller)?;
    let ask = Ask {
        privilege: Privilege::SignIn,
        resource: Resource::Tenant,
        at,
        address,
        prompt: None,
    };
    keys.authorise(&caller, &ask)?;
    Ok(caller)
}

/// What the log is told of how `caller` came, where it was no key: the way, and the keyed hash of a token's id.
pub(crate) fn came_by(caller: &Authenticated) -> (Option<String>, Option<String>) {
    let way = (caller.way != Way::Key).then(|| caller.way.name().to_owned());
    (way, caller.token.as_ref().map(|token| token.id_hash.clone()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use privet_access::{Account, Described};
    use privet_types::{KeyScopes, PrincipalKind};

    use super::*;

    fn caller(tenant: &str, name: &str) -> Authenticated {
        let described = Described {
            tenant: tenant.parse().unwrap(),
            name: name.parse().unwrap(),
            kind: PrincipalKind::Service,
            roles: Default::default(),
            groups: Default::default(),
            training: Default::default(),
        };
        Authenticated {
            principal: described.name.clone(),
            tenant: described.tenant.clone(),
            key_id: "k".to_owned(),
            line: None,
            scopes: KeyScopes::all(),
            account: Arc::new(Account::from(described)),
            way: Way::Key,
            token: None,
        }
    }

    #[test]
    fn one_principal_takes_no_room_from_others_and_one_tenant_none_from_another() {
        let (pace, now) = (Pace::default(), Timestamp::UNIX_EPOCH);
        let made = |tenant: &str, name: &str, now| {
            let caller = caller(tenant, name);
            (0..2 * MOST_OF_TENANT)
                .filter(|_| pace.count(&caller, now).is_ok())
                .count()
        };
        assert_eq!(made("acme", "p0", now), 120);
        let others = (1..20)
            .map(|i| made("acme", &format!("p{i}"), now))
            .sum::<usize>();
        assert_eq!(120 + others, 1_200);
        assert_eq!(made("other", "p0", now), 120);
        let later = Timestamp::from_second(60).unwrap();
        assert_eq!(made("acme", "p0", later), 120);
    }
}
