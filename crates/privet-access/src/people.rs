//! Making and changing principals, groups and roles: the same for the command line and for whoever asks over HTTP.

use jiff::Timestamp;
use privet_crypto::RootKey;
use privet_store::{
    GrantRecord, GroupRecord, Holder, Membership, PeopleChange, PeopleSnapshot, PrincipalRecord, Store,
    TrainingRecord,
};
use privet_types::{Clock, GroupName, Principal, PrincipalKind, Pseudonym, RoleName, TenantId};

use crate::account::{Accounts, SERVICE_ROLE};
use crate::assessment::Training;
use crate::manage::to_stored;
use crate::signed::Signer;
use crate::{Error, PseudonymKey};

/// The principals, groups and roles of one tenant. Running gateways know of each change within a second.
pub struct People<'a> {
    store: &'a Store,
    pseudonyms: PseudonymKey,
    tenant: TenantId,
    by: Option<Pseudonym>,
    clock: &'a dyn Clock,
}

impl<'a> People<'a> {
    /// Those of `tenant`.
    #[must_use]
    pub fn new(store: &'a Store, root: &RootKey, tenant: TenantId, clock: &'a dyn Clock) -> Self {
        Self {
            store,
            pseudonyms: PseudonymKey::new(root),
            tenant,
            by: None,
            clock,
        }
    }

    /// The log is told that `who` did it.
    pub(crate) fn done_by(self, who: Pseudonym) -> Self {
        Self {
            by: Some(who),
            ..self
        }
    }

    /// Makes a principal. It may do nothing until it, or a group that it is in, has a role.
    ///
    /// # Errors
    /// [`Error::PrincipalExists`], [`Error::Store`].
    pub async fn create(&self, name: &Principal, kind: PrincipalKind) -> Result<PrincipalRecord, Error> {
        let record = PrincipalRecord {
            tenant: self.tenant.clone(),
            name: name.clone(),
            kind,
            created_at: self.now(),
            disabled_at: None,
        };
        let change = PeopleChange {
            principal_kind: Some(kind),
            ..self.about(Some(name))
        };
        if self.store.insert_principal(&record, &change).await? {
            Ok(record)
        } else {
            Err(Error::PrincipalExists {
                name: name.to_string(),
            })
        }
    }

    /// Switches a principal off, with all its keys, or on again. Returns whether that changed anything.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`], [`Error::Store`].
    pub async fn switch(&self, name: &Principal, kind: PrincipalKind, is_on: bool) -> Result<bool, Error> {
        self.find(name, kind).await?;
        let change = self.about(Some(name));
        let switched = self.store.switch_principal(&self.tenant, name, is_on, &change);
        Ok(switched.await?)
    }

    /// The principal `name`, if it is of this kind.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`], [`Error::Store`].
    pub async fn find(&self, name: &Principal, kind: PrincipalKind) -> Result<PrincipalRecord, Error> {
        let people = self.store.load_people().await?;
        let found = people.principals.into_iter().find(|p| self.is(p, name));
        found
            .filter(|principal| principal.kind == kind)
            .ok_or_else(|| Error::UnknownPrincipal {
                kind: kind.name(),
                name: name.to_string(),
            })
    }

    /// Makes a group.
    ///
    /// # Errors
    /// [`Error::GroupExists`], [`Error::Store`].
    pub async fn create_group(&self, name: &GroupName) -> Result<GroupRecord, Error> {
        let record = GroupRecord {
            tenant: self.tenant.clone(),
            name: name.clone(),
            created_at: self.now(),
        };
        let change = PeopleChange {
            group: Some(name.clone()),
            ..self.about(None)
        };
        if self.store.insert_group(&record, &change).await? {
            Ok(record)
        } else {
            Err(Error::GroupExists {
                name: name.to_string(),
            })
        }
    }

    /// Puts `principal` into `group`, or takes it out. Returns whether that changed anything.
    ///
    /// # Errors
    /// [`Error::UnknownGroup`] or [`Error::NoPrincipal`] if one of them was not made, [`Error::Store`].
    pub async fn set_member(
        &self,
        group: &GroupName,
        principal: &Principal,
        is_in: bool,
    ) -> Result<bool, Error> {
        let people = self.store.load_people().await?;
        self.check_group(&people, group)?;
        self.check_principal(&people, principal)?;
        let member = Membership {
            tenant: self.tenant.clone(),
            group: group.clone(),
            principal: principal.clone(),
            added_at: self.now(),
        };
        let change = PeopleChange {
            group: Some(group.clone()),
            ..self.about(Some(principal))
        };
        Ok(self.store.set_member(&member, is_in, &change).await?)
    }

    /// Grants `role` to `holder`, or takes it back. Returns whether that changed anything.
    ///
    /// # Errors
    /// [`Error::UnknownGroup`] or [`Error::NoPrincipal`] if the holder was not made, [`Error::PersonAsService`] if a person is to
    /// get the role of service accounts, [`Error::Store`].
    pub async fn set_role(&self, holder: &Holder, role: &RoleName, is_granted: bool) -> Result<bool, Error> {
        let people = self.store.load_people().await?;
        let mut change = PeopleChange {
            role: Some(role.clone()),
            ..self.about(None)
        };
        match holder {
            Holder::Principal(name) => {
                let principal = self.check_principal(&people, name)?;
                if is_granted && principal.kind == PrincipalKind::User && role.as_str() == SERVICE_ROLE {
                    return Err(Error::PersonAsService);
                }
                change.principal = Some(self.pseudonyms.pseudonym(&self.tenant, name));
            }
            Holder::Group(group) => {
                self.check_group(&people, group)?;
                change.group = Some(group.clone());
            }
        }
        let grant = GrantRecord {
            tenant: self.tenant.clone(),
            holder: holder.clone(),
            role: role.clone(),
            granted_at: change.at,
        };
        Ok(self.store.set_grant(&grant, is_granted, &change).await?)
    }

    /// Keeps the signed record of training in `text`. Returns what it says.
    ///
    /// # Errors
    /// [`Error::Record`] if none of `signers` signed it, [`Error::ForeignRecord`] if it is for another tenant,
    /// [`Error::NoPrincipal`] if nobody has its name, [`Error::Store`].
    pub async fn record_training(&self, text: &str, signers: &[Signer]) -> Result<Training, Error> {
        let (training, _) = Training::verify(text, signers)?;
        if training.tenant != self.tenant.as_str() {
            return Err(Error::ForeignRecord);
        }
        let name: Principal = training.principal.parse().map_err(|_| Error::ForeignRecord)?;
        let course = training.course.parse().map_err(|_| Error::ForeignRecord)?;
        self.check_principal(&self.store.load_people().await?, &name)?;
        let change = PeopleChange {
            course: Some(course),
            expires_at: Some(training.expires_at),
            ..self.about(Some(&name))
        };
        let record = TrainingRecord {
            tenant: self.tenant.clone(),
            principal: name,
            course: training.course.parse().map_err(|_| Error::ForeignRecord)?,
            expires_at: training.expires_at,
            record: text.to_owned(),
        };
        self.store.put_training(&record, &change).await?;
        Ok(training)
    }

    /// Makes the tenant. Returns false if it is there already.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn create_tenant(&self) -> Result<bool, Error> {
        let change = self.about(None);
        Ok(self.store.insert_tenant(&self.tenant, &change).await?)
    }

    /// Switches the tenant off, with all its keys, or on again. Returns whether that changed anything.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn switch_tenant(&self, is_on: bool) -> Result<bool, Error> {
        let change = self.about(None);
        Ok(self.store.switch_tenant(&self.tenant, is_on, &change).await?)
    }

    fn is(&self, principal: &PrincipalRecord, name: &Principal) -> bool {
        principal.tenant == self.tenant && principal.name == *name
    }

    fn check_principal<'p>(
        &self,
        people: &'p PeopleSnapshot,
        name: &Principal,
    ) -> Result<&'p PrincipalRecord, Error> {
        let found = people.principals.iter().find(|p| self.is(p, name));
        found.ok_or_else(|| Error::NoPrincipal {
            name: name.to_string(),
        })
    }

    fn check_group(&self, people: &PeopleSnapshot, name: &GroupName) -> Result<(), Error> {
        let is_there = |group: &GroupRecord| group.tenant == self.tenant && group.name == *name;
        if people.groups.iter().any(is_there) {
            Ok(())
        } else {
            Err(Error::UnknownGroup {
                name: name.to_string(),
            })
        }
    }

    fn about(&self, principal: Option<&Principal>) -> PeopleChange {
        PeopleChange {
            at: self.now(),
            tenant: self.tenant.as_str().to_owned(),
            principal: principal.map(|name| self.pseudonyms.pseudonym(&self.tenant, name)),
            by: self.by.clone(),
            principal_kind: None,
            group: None,
            role: None,
            course: None,
            expires_at: None,
        }
    }

    fn now(&self) -> Timestamp {
        to_stored(self.clock.now())
    }
}

/// Everybody in `store`, with all that policies look at; those that only keys name, too.
///
/// # Errors
/// [`Error::Store`].
pub async fn load_accounts(store: &Store, signers: &[Signer]) -> Result<Accounts, Error> {
    let snapshot = store.load_api_keys().await?;
    let named = snapshot.keys.iter().map(|key| (&key.tenant, &key.principal));
    Ok(Accounts::new(
        &snapshot.people,
        named,
        signers,
        &Accounts::default(),
    ))
}
