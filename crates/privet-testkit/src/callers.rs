//! Who calls a gateway: keys and people.

use std::time::Duration;

use privet_access::{Enrolment, NewKey, People, create_key, revoke_key};
use privet_types::{Clock, KeyScopes, TenantId};

use crate::gateway::TestGateway;

impl TestGateway {
    /// A key of `principal` of `tenant` for `scopes`, as text.
    pub async fn key_for(&self, tenant: &str, principal: &str, scopes: KeyScopes) -> String {
        let (tenant, principal) = (
            tenant.parse().expect("a name"),
            principal.parse().expect("a name"),
        );
        let made = create_key(
            &self.store,
            &self.root,
            &tenant,
            &principal,
            scopes,
            None,
            &*self.clock,
        );
        made.await.expect("a key").key.expose().clone()
    }

    /// Makes a key for `principal`, good for `ttl`.
    pub async fn new_key(&self, principal: &str, ttl: Option<Duration>) -> NewKey {
        let expires_at = ttl.map(|ttl| self.clock.now().checked_add(ttl).expect("a near date"));
        let (tenant, principal) = (TenantId::default(), principal.parse().expect("a name"));
        create_key(
            &self.store,
            &self.root,
            &tenant,
            &principal,
            KeyScopes::default(),
            expires_at,
            &*self.clock,
        )
        .await
        .expect("a key")
    }

    /// Revokes a key as `privet key revoke` does: in the store, which the gateway looks into.
    pub async fn revoke(&self, key: &NewKey) {
        revoke_key(&self.store, &self.root, &key.record.id, &*self.clock)
            .await
            .expect("the key is known");
    }

    /// How the people of `tenant` sign in.
    pub fn enrolment(&self, tenant: &str) -> Enrolment<'_> {
        let tenant = tenant.parse().expect("a tenant");
        Enrolment::new(&self.store, &self.root, tenant, &*self.clock)
    }

    /// The principals of `tenant`.
    #[must_use]
    pub fn people(&self, tenant: &str) -> People<'_> {
        let tenant = tenant.parse().expect("a name");
        People::new(&self.store, &self.root, tenant, &*self.clock)
    }
}
