//! People of identity providers: which people here they are, and how one of these signs in.

use std::net::IpAddr;

use data_encoding::BASE32_DNSSEC;
use jiff::Timestamp;
use privet_crypto::random;
use privet_store::{LinkRecord, Person, SignInChange};
use privet_types::{Principal, PrincipalKind, TenantId};

use super::session::{ID_LENGTH, NewSession};
use super::{Enrolment, SignIn, SignInError, SignInKeys, SignInWay};
use crate::Error;
use crate::manage::to_stored;

/// Somebody, as an issuer calls them.
#[derive(Clone, Copy)]
pub struct Identity<'a> {
    /// The issuer, as its tokens have it in `iss`.
    pub issuer: &'a str,
    /// `sub`.
    pub subject: &'a str,
}

impl SignInKeys {
    /// What the store knows an issuer's person by. Nobody can tell from it who that is.
    fn entry(&self, tenant: &TenantId, identity: Identity<'_>) -> [u8; 32] {
        let parts = [tenant.as_str(), identity.issuer, identity.subject];
        self.links.hash(&parts.map(str::as_bytes))
    }
}

impl SignIn {
    /// Uses up the sign-in at an issuer that began with `seed`, which nobody takes after `ends_at`. Returns false if it was used
    /// before: of two who use it at once one wins.
    ///
    /// # Errors
    /// [`SignInError::Store`].
    pub async fn use_up_login(
        &self,
        seed: &[u8],
        tenant: &TenantId,
        now: Timestamp,
        ends_at: Timestamp,
    ) -> Result<bool, SignInError> {
        let hash = self.keys.challenges.hash(&[b"login", seed]);
        let used = self.store.use_challenge(hash, tenant, to_stored(now), ends_at);
        Ok(used.await?)
    }

    /// Opens a session for the person of `tenant` that `identity` is linked with; `None` if it is linked with nobody.
    ///
    /// # Errors
    /// [`SignInError::Refused`] if that person is switched off, the policies do not let it sign in, or the link is cut meanwhile;
    /// [`SignInError::Unavailable`], [`SignInError::Store`].
    pub async fn open_linked(
        &self,
        tenant: &TenantId,
        identity: Identity<'_>,
        has_two_factors: bool,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Option<NewSession>, SignInError> {
        let entry = self.keys.entry(tenant, identity);
        let Some(link) = self.store.linked(entry).await? else {
            return Ok(None);
        };
        let way = (SignInWay::Oidc, has_two_factors);
        let new = self.open(tenant, &link.principal, way, address, now).await?;
        // Who cuts a link ends the sessions that there are: this one may have begun just after.
        if self.store.linked(entry).await?.as_ref() == Some(&link) {
            return Ok(Some(new));
        }
        let who = Person {
            tenant,
            principal: &link.principal,
        };
        let change = SignInChange {
            session: Some(new.session.id.clone()),
            ..self.keys.change(who, now)
        };
        let id = &new.session.id;
        self.store
            .end_session(tenant, Some(&link.principal), id, &change)
            .await?;
        Err(SignInError::Refused)
    }
}

impl Enrolment<'_> {
    /// Says that `identity` is the person `name`. `issuer` is the operator's own name for the issuer. Returns false if it is somebody
    /// here already.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`] if there is no such person, [`Error::Store`], [`Error::Crypto`].
    pub async fn link(&self, name: &Principal, issuer: &str, identity: Identity<'_>) -> Result<bool, Error> {
        self.people.find(name, PrincipalKind::User).await?;
        let mut id = BASE32_DNSSEC.encode(&random::<8>()?);
        id.truncate(ID_LENGTH);
        let change = self.about_link(name);
        let link = LinkRecord {
            entry: self.keys.entry(&self.tenant, identity),
            id,
            tenant: self.tenant.clone(),
            principal: name.clone(),
            issuer: issuer.to_owned(),
            linked_at: to_stored(change.at),
        };
        Ok(self.store.link_identity(&link, &change).await?)
    }

    /// Forgets whom `issuer` takes `name` for, and ends its sessions if that was anybody. Returns how many that were.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`] if there is no such person, [`Error::Store`].
    pub async fn unlink(&self, name: &Principal, issuer: &str) -> Result<u64, Error> {
        self.people.find(name, PrincipalKind::User).await?;
        let change = self.about_link(name);
        Ok(self
            .store
            .unlink_identity(self.who(name), issuer, &change)
            .await?)
    }

    /// The links of `name`, or of everybody.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn links(&self, name: Option<&Principal>) -> Result<Vec<LinkRecord>, Error> {
        Ok(self.store.list_links(&self.tenant, name).await?)
    }

    fn about_link(&self, name: &Principal) -> SignInChange {
        SignInChange {
            way: Some(SignInWay::Oidc.name()),
            ..self.change(name)
        }
    }
}
