//! Changes of keys and people by somebody who is let do so by the policies, and no more than they let.
//!
//! What somebody may do is decided by keys, people and roles as they are at one moment, and the change is made only if they still
//! are so, in one transaction: of two who change them at once, on whatever nodes, the second is decided anew. So nobody hands on by
//! haste what a policy does not let them, and two administrators cannot switch each other off.

mod bounds;
mod error;

use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use jiff::Timestamp;
use privet_crypto::RootKey;
use privet_store::{GrantRecord, GroupRecord, Holder, Membership, PrincipalRecord, Store};
use privet_types::{Clock, GroupName, KeyScopes, Principal, PrincipalKind, RoleName};

use crate::key_ring::{Authenticated, KeyRing};
use crate::manage::{KeyDesk, NewKey};
use crate::people::People;
use crate::sign_in::{Enrolment, NewInvite};
use crate::{DecideError, Error, Privilege, PseudonymKey};
use bounds::{Asker, Bounds, with_member};
pub use error::AdminError;

/// How often a change is decided anew that others overtook.
const TRIES: usize = 16;

/// A change that is made once it is decided.
type Act<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Changes of keys and people of the caller's tenant, within what the policies let the caller do and hand on. Running gateways know
/// of each within a second; the log is told of each, and who did it.
pub struct Administration<'a> {
    ring: &'a KeyRing,
    root: &'a RootKey,
    clock: &'a dyn Clock,
    caller: &'a Authenticated,
    by_session: bool,
    address: Option<IpAddr>,
}

impl<'a> Administration<'a> {
    /// For `caller`, who came in by a session or by a key, from `address`.
    #[must_use]
    pub const fn new(
        ring: &'a KeyRing,
        root: &'a RootKey,
        clock: &'a dyn Clock,
        (caller, by_session): (&'a Authenticated, bool),
        address: Option<IpAddr>,
    ) -> Self {
        Self {
            ring,
            root,
            clock,
            caller,
            by_session,
            address,
        }
    }

    /// Makes a principal, which may do nothing yet but, as a person, sign in.
    ///
    /// # Errors
    /// [`AdminError`]; [`Error::PrincipalExists`].
    pub async fn create(&self, name: &Principal, kind: PrincipalKind) -> Result<PrincipalRecord, AdminError> {
        let record = PrincipalRecord {
            tenant: self.caller.tenant.clone(),
            name: name.clone(),
            kind,
            created_at: self.clock.now(),
            disabled_at: None,
        };
        let plan = move |bounds: &Bounds| {
            let mut after = bounds.people.clone();
            if !after.principals.iter().any(|known| known.name == record.name) {
                after.principals.push(record.clone());
            }
            bounds.check_change(&after)
        };
        self.change(Privilege::PeopleManage, plan, |store| {
            Box::pin(async move { self.people(&store).create(name, kind).await })
        })
        .await
    }

    /// Switches a principal off, with all its keys and sessions, or on again. Returns whether that changed anything.
    ///
    /// # Errors
    /// [`AdminError`]; [`Error::UnknownPrincipal`].
    pub async fn switch(
        &self,
        name: &Principal,
        kind: PrincipalKind,
        is_on: bool,
    ) -> Result<bool, AdminError> {
        let (of, at) = (name.clone(), self.clock.now());
        let plan = move |bounds: &Bounds| {
            let mut after = bounds.people.clone();
            for known in after.principals.iter_mut().filter(|known| known.name == of) {
                known.disabled_at = (!is_on).then_some(at);
            }
            bounds.check_change(&after)
        };
        self.change(Privilege::PeopleManage, plan, |store| {
            Box::pin(async move { self.people(&store).switch(name, kind, is_on).await })
        })
        .await
    }

    /// Makes a group.
    ///
    /// # Errors
    /// [`AdminError`]; [`Error::GroupExists`].
    pub async fn create_group(&self, name: &GroupName) -> Result<GroupRecord, AdminError> {
        let plan = |_: &Bounds| Ok(());
        self.change(Privilege::PeopleManage, plan, |store| {
            Box::pin(async move { self.people(&store).create_group(name).await })
        })
        .await
    }

    /// Puts `principal` into `group`, or takes it out. Returns whether that changed anything.
    ///
    /// # Errors
    /// [`AdminError`]; [`Error::UnknownGroup`], [`Error::NoPrincipal`].
    pub async fn set_member(
        &self,
        group: &GroupName,
        principal: &Principal,
        is_in: bool,
    ) -> Result<bool, AdminError> {
        let member = Membership {
            tenant: self.caller.tenant.clone(),
            group: group.clone(),
            principal: principal.clone(),
            added_at: self.clock.now(),
        };
        let plan = move |bounds: &Bounds| bounds.check_change(&with_member(&bounds.people, &member, is_in));
        self.change(Privilege::PeopleManage, plan, |store| {
            Box::pin(async move { self.people(&store).set_member(group, principal, is_in).await })
        })
        .await
    }

    /// Grants `role` to a principal of `kind`, or takes it back. Returns whether that changed anything.
    ///
    /// # Errors
    /// [`AdminError`]; [`Error::UnknownPrincipal`], [`Error::PersonAsService`].
    pub async fn set_role(
        &self,
        (name, kind): (&Principal, PrincipalKind),
        role: &RoleName,
        is_granted: bool,
    ) -> Result<bool, AdminError> {
        let holder = Holder::Principal(name.clone());
        let plan = self.grant(&holder, role, is_granted);
        self.change(Privilege::PeopleManage, plan, |store| {
            let holder = holder.clone();
            Box::pin(async move {
                let people = self.people(&store);
                people.find(name, kind).await?;
                people.set_role(&holder, role, is_granted).await
            })
        })
        .await
    }

    /// Grants `role` to all members of `group`, or takes it back. Returns whether that changed anything.
    ///
    /// # Errors
    /// [`AdminError`]; [`Error::UnknownGroup`].
    pub async fn set_role_of_group(
        &self,
        group: &GroupName,
        role: &RoleName,
        is_granted: bool,
    ) -> Result<bool, AdminError> {
        let holder = Holder::Group(group.clone());
        let (plan, of, added) = (self.grant(&holder, role, is_granted), group.clone(), role.clone());
        let plan = move |bounds: &Bounds| {
            if is_granted {
                let mut roles = bounds.roles_of(&of);
                roles.insert(added.clone());
                bounds.check_group(&of, roles)?;
            }
            plan(bounds)
        };
        self.change(Privilege::PeopleManage, plan, |store| {
            let holder = holder.clone();
            Box::pin(async move { self.people(&store).set_role(&holder, role, is_granted).await })
        })
        .await
    }

    /// Makes a one-time code with which the person `name` sets a password: as [`Enrolment::invite`].
    ///
    /// # Errors
    /// [`AdminError`]; [`Error::UnknownPrincipal`].
    pub async fn invite(&self, name: &Principal, lasts: Duration) -> Result<NewInvite, AdminError> {
        let of = name.clone();
        let plan = move |bounds: &Bounds| bounds.check_account(&of);
        self.change(Privilege::PeopleManage, plan, |store| {
            Box::pin(async move { self.enrolment(&store).invite(name, lasts).await })
        })
        .await
    }

    /// Takes all second factors of the person `name` away, and ends its sessions. Returns whether there were any.
    ///
    /// # Errors
    /// [`AdminError`]; [`Error::UnknownPrincipal`].
    pub async fn remove_factors(&self, name: &Principal) -> Result<bool, AdminError> {
        let of = name.clone();
        let plan = move |bounds: &Bounds| bounds.check_account(&of);
        self.change(Privilege::PeopleManage, plan, |store| {
            Box::pin(async move { self.enrolment(&store).remove_factors(name).await })
        })
        .await
    }

    /// Takes the password of the person `name` away, an invite with it, and ends its sessions. Returns whether there was either.
    ///
    /// # Errors
    /// [`AdminError`]; [`Error::UnknownPrincipal`].
    pub async fn remove_password(&self, name: &Principal) -> Result<bool, AdminError> {
        let of = name.clone();
        let plan = move |bounds: &Bounds| bounds.check_other(&of);
        self.change(Privilege::PeopleManage, plan, |store| {
            Box::pin(async move { self.enrolment(&store).remove_password(name).await })
        })
        .await
    }

    /// Forgets the failures of the person `name`. Returns whether there were any.
    ///
    /// # Errors
    /// [`AdminError`]; [`Error::UnknownPrincipal`].
    pub async fn unlock(&self, name: &Principal) -> Result<bool, AdminError> {
        let plan = |_: &Bounds| Ok(());
        self.change(Privilege::PeopleManage, plan, |store| {
            Box::pin(async move { self.enrolment(&store).unlock(name).await })
        })
        .await
    }

    /// Ends all sessions of the person `name`. Returns how many.
    ///
    /// # Errors
    /// [`AdminError`]; [`Error::UnknownPrincipal`].
    pub async fn end_sessions(&self, name: &Principal) -> Result<u64, AdminError> {
        let plan = |_: &Bounds| Ok(());
        self.change(Privilege::PeopleManage, plan, |store| {
            Box::pin(async move { self.enrolment(&store).end_sessions(name).await })
        })
        .await
    }

    /// Makes an API key for a principal that was made.
    ///
    /// # Errors
    /// [`AdminError`]; [`Error::NoPrincipal`], [`Error::ExpiresInPast`].
    pub async fn create_key(
        &self,
        owner: &Principal,
        scopes: KeyScopes,
        expires_at: Option<Timestamp>,
    ) -> Result<NewKey, AdminError> {
        let of = owner.clone();
        let plan = move |bounds: &Bounds| {
            bounds.check_made(&of)?;
            bounds.check_scopes(scopes)
        };
        self.change(Privilege::KeyManage, plan, |store| {
            Box::pin(async move {
                let desk = self.keys(&store);
                desk.create(&self.caller.tenant, owner, scopes, expires_at).await
            })
        })
        .await
    }

    /// Makes a key that takes the place of key `id`, which works beside it for `grace`.
    ///
    /// # Errors
    /// [`AdminError`]; [`Error::UnknownKeyId`], [`Error::KeyEnded`], [`Error::KeyRotated`], [`Error::GraceTooLong`].
    pub async fn rotate_key(&self, id: &str, grace: Duration) -> Result<NewKey, AdminError> {
        let of = id.to_owned();
        let plan = move |bounds: &Bounds| bounds.check_scopes(bounds.key(&of)?.scopes);
        self.change(Privilege::KeyManage, plan, |store| {
            Box::pin(async move { self.keys(&store).rotate(id, grace).await })
        })
        .await
    }

    /// Revokes key `id` for good. Returns since when it is revoked, which is earlier than now if it already was.
    ///
    /// # Errors
    /// [`AdminError`]; [`Error::UnknownKeyId`].
    pub async fn revoke_key(&self, id: &str) -> Result<Timestamp, AdminError> {
        let of = id.to_owned();
        let plan = move |bounds: &Bounds| bounds.key(&of).map(drop);
        self.change(Privilege::KeyManage, plan, |store| {
            Box::pin(async move { self.keys(&store).revoke(id).await })
        })
        .await
    }

    /// What the caller may hand on at this moment, in the order of [`Privilege::ALL`].
    #[must_use]
    pub fn delegable(&self) -> Vec<Privilege> {
        let rules = self.ring.rules();
        let asker = Asker::new(self.caller, self.by_session, self.address, self.clock.now());
        let may = |privilege: &Privilege| asker.hands_on(&rules, &self.caller.account, *privilege);
        Privilege::ALL.into_iter().filter(may).collect()
    }

    /// Whether `role` may be granted or taken back by what its holder gains from that.
    fn grant(
        &self,
        holder: &Holder,
        role: &RoleName,
        is_granted: bool,
    ) -> impl Fn(&Bounds) -> Result<(), AdminError> + Clone + Send + use<> + 'static {
        let grant = GrantRecord {
            tenant: self.caller.tenant.clone(),
            holder: holder.clone(),
            role: role.clone(),
            granted_at: self.clock.now(),
        };
        move |bounds: &Bounds| {
            let mut after = bounds.people.clone();
            after
                .grants
                .retain(|known| known.holder != grant.holder || known.role != grant.role);
            if is_granted {
                bounds.check_role(&grant.role)?;
                after.grants.push(grant.clone());
            }
            bounds.check_change(&after)
        }
    }

    /// Decides by `plan`, and does `act` if nothing was changed since that could have decided it otherwise.
    async fn change<'s, T>(
        &'s self,
        privilege: Privilege,
        plan: impl Fn(&Bounds) -> Result<(), AdminError> + Clone + Send + 'static,
        act: impl Fn(Store) -> Act<'s, T>,
    ) -> Result<T, AdminError> {
        for _ in 0..TRIES {
            let snapshot = self.ring.store().load_api_keys().await.map_err(Error::from)?;
            let version = snapshot.version;
            let rules = self.ring.rules();
            let asker = Asker::new(self.caller, self.by_session, self.address, self.clock.now());
            let plan = plan.clone();
            // Policies are asked about everybody whom it changes, which may be many.
            let decided =
                tokio::task::spawn_blocking(move || plan(&Bounds::new(snapshot, rules, asker, privilege)?));
            decided.await.map_err(DecideError::new)??;
            match act(self.ring.store().expecting(version)).await {
                Err(Error::Store(privet_store::Error::Overtaken)) => {}
                done => return Ok(done?),
            }
        }
        Err(AdminError::Contended)
    }

    fn people<'s>(&'s self, store: &'s Store) -> People<'s> {
        let people = People::new(store, self.root, self.caller.tenant.clone(), self.clock);
        people.done_by(self.pseudonym())
    }

    fn enrolment<'s>(&'s self, store: &'s Store) -> Enrolment<'s> {
        let enrolment = Enrolment::new(store, self.root, self.caller.tenant.clone(), self.clock);
        enrolment.done_by(self.pseudonym())
    }

    fn keys<'s>(&'s self, store: &'s Store) -> KeyDesk<'s> {
        KeyDesk {
            store,
            root: self.root,
            by: Some(self.pseudonym()),
            clock: self.clock,
        }
    }

    fn pseudonym(&self) -> privet_types::Pseudonym {
        PseudonymKey::new(self.root).pseudonym(&self.caller.tenant, &self.caller.principal)
    }
}
