//! What somebody may change, decided by the keys and people of one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use privet_store::{ApiKeyRecord, ApiKeySnapshot, GroupRecord, Holder, Membership, PeopleSnapshot};
use privet_types::{GroupName, KeyScopes, Principal, PrincipalKind, RoleName, TenantId};

use super::AdminError;
use crate::account::{Account, Accounts, Described};
use crate::cedar::{Ask, Resource};
use crate::key_ring::{AccessRules, Authenticated};
use crate::{Denied, Error, Privilege};

/// Who asks, and how they came in.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    pub(super) tenant: TenantId,
    pub(super) name: Principal,
    key_id: String,
    /// What a key is good for; a session is good for all that its person may do.
    scopes: Option<KeyScopes>,
    address: Option<IpAddr>,
    pub(super) at: Timestamp,
}

impl Asker {
    pub(super) fn new(
        caller: &Authenticated,
        by_session: bool,
        address: Option<IpAddr>,
        at: Timestamp,
    ) -> Self {
        Self {
            tenant: caller.tenant.clone(),
            name: caller.principal.clone(),
            key_id: caller.key_id.clone(),
            scopes: (!by_session).then_some(caller.scopes),
            address,
            at,
        }
    }

    /// Whether it may hand `privilege` on, by what it came in with. `account` is its own.
    pub(super) fn hands_on(&self, rules: &AccessRules, account: &Account, privilege: Privilege) -> bool {
        // Every person may sign in and read notices, and whoever calls may make tokens for less; by a key nothing else is handed on than
        // what that key is good for itself.
        let is_everybodys = matches!(
            privilege,
            Privilege::SignIn | Privilege::Acknowledge | Privilege::MakeTokens
        );
        let is_in_scope = is_everybodys
            || self.scopes.is_none_or(|scopes| {
                let scope = privilege.scope();
                scope.is_some_and(|scope| scopes.allows(scope))
            });
        is_in_scope && self.may_delegate(rules, account, privilege)
    }

    fn may_delegate(&self, rules: &AccessRules, account: &Account, privilege: Privilege) -> bool {
        let ask = self.ask(Privilege::Delegate, Resource::Privilege(privilege));
        rules.authorizer.decide(account, &ask).is_allowed
    }

    fn ask<'r>(&self, privilege: Privilege, resource: Resource<'r>) -> Ask<'r> {
        Ask {
            privilege,
            resource,
            at: self.at,
            address: self.address,
            prompt: None,
        }
    }
}

/// The keys and people of a tenant at one moment, and who wants to change them.
pub(super) struct Bounds {
    rules: Arc<AccessRules>,
    asker: Asker,
    pub(super) people: PeopleSnapshot,
    keys: Vec<ApiKeyRecord>,
    accounts: Accounts,
    account: Arc<Account>,
}

impl Bounds {
    /// Those of `snapshot`, if the one who asks may do things of the kind of `privilege` at that moment.
    pub(super) fn new(
        snapshot: ApiKeySnapshot,
        rules: Arc<AccessRules>,
        asker: Asker,
        privilege: Privilege,
    ) -> Result<Self, AdminError> {
        let mut people = snapshot.people;
        let of_it = |tenant: &TenantId| *tenant == asker.tenant;
        people.tenants.retain(|row| of_it(&row.tenant));
        people.principals.retain(|row| of_it(&row.tenant));
        people.groups.retain(|row| of_it(&row.tenant));
        people.members.retain(|row| of_it(&row.tenant));
        people.grants.retain(|row| of_it(&row.tenant));
        // What others were trained in decides about nothing here.
        people
            .trainings
            .retain(|row| of_it(&row.tenant) && row.principal == asker.name);
        let mut keys = snapshot.keys;
        keys.retain(|key| of_it(&key.tenant));
        let accounts = accounts(&people, &keys, &rules, &Accounts::default());
        let account = accounts.get(&asker.tenant, &asker.name);
        let account = Arc::clone(account.ok_or(Denied::Unknown)?);
        if account.is_disabled() {
            return Err(Denied::Disabled.into());
        }
        let key = keys.iter().find(|key| key.id == asker.key_id);
        if asker.scopes.is_some() && key.is_some_and(|key| !key.is_good(asker.at)) {
            return Err(Denied::Revoked.into());
        }
        let ask = asker.ask(privilege, Resource::Tenant);
        if !rules.authorizer.decide(&account, &ask).is_allowed {
            return Err(Denied::NotPermitted(privilege).into());
        }
        Ok(Self {
            rules,
            asker,
            people,
            keys,
            accounts,
            account,
        })
    }

    /// That nobody gets by `after` what the one who asks may not hand on, that it gives nothing to itself, and that somebody is
    /// left who may change people.
    pub(super) fn check_change(&self, after: &PeopleSnapshot) -> Result<(), AdminError> {
        let next = accounts(after, &self.keys, &self.rules, &self.accounts);
        let mut takes_administrator = false;
        for account in next.iter() {
            let before = self.accounts.get(account.tenant(), account.name());
            if before.is_some_and(|before| **before == **account) {
                continue;
            }
            let before = before.map(Arc::as_ref);
            for privilege in Privilege::ALL {
                if self.gains(before, account, privilege)? {
                    if *account.name() == self.asker.name {
                        return Err(AdminError::OwnPrivileges);
                    }
                    self.check_delegates(privilege)?;
                }
            }
            let was_one = before.map_or(Ok(false), |before| self.is_administrator(before))?;
            takes_administrator |= was_one && !self.is_administrator(account)?;
        }
        if takes_administrator {
            for account in next.iter() {
                if self.is_administrator(account)? {
                    return Ok(());
                }
            }
            return Err(AdminError::LastAdministrator);
        }
        Ok(())
    }

    /// The same of `roles` for whoever will be in `group`.
    pub(super) fn check_group(&self, group: &GroupName, roles: BTreeSet<RoleName>) -> Result<(), AdminError> {
        let somebody = Account::from(Described {
            tenant: self.asker.tenant.clone(),
            name: Principal::unlikely(),
            kind: PrincipalKind::User,
            roles: BTreeSet::new(),
            groups: BTreeMap::from([(group.clone(), roles)]),
            training: BTreeSet::new(),
        });
        self.check_all_of(&somebody)
    }

    /// That the one who asks may hand on all that a key of these scopes can ever be used for, whoever has it.
    pub(super) fn check_scopes(&self, scopes: KeyScopes) -> Result<(), AdminError> {
        for privilege in Privilege::ALL {
            if privilege.scope().is_some_and(|scope| scopes.allows(scope)) {
                self.check_delegates(privilege)?;
            }
        }
        Ok(())
    }

    /// That the one who asks may hand on all that `name` may do: it would be able to come in under that name.
    pub(super) fn check_account(&self, name: &Principal) -> Result<(), AdminError> {
        self.check_other(name)?;
        match self.accounts.get(&self.asker.tenant, name) {
            Some(account) if account.kind() == PrincipalKind::User => self.check_all_of(account),
            // Whoever does it says that there is no person of this name.
            _ => Ok(()),
        }
    }

    /// That somebody else is meant.
    pub(super) fn check_other(&self, name: &Principal) -> Result<(), AdminError> {
        if *name == self.asker.name {
            return Err(AdminError::OwnAccount);
        }
        Ok(())
    }

    /// The key `id`, if it is the tenant's.
    pub(super) fn key(&self, id: &str) -> Result<&ApiKeyRecord, AdminError> {
        let found = self.keys.iter().find(|key| key.id == id);
        found.ok_or_else(|| Error::UnknownKeyId { id: id.to_owned() }.into())
    }

    /// That somebody of this name was made.
    pub(super) fn check_made(&self, name: &Principal) -> Result<(), AdminError> {
        if self.people.principals.iter().any(|known| known.name == *name) {
            return Ok(());
        }
        let name = name.to_string();
        Err(Error::NoPrincipal { name }.into())
    }

    /// The roles of `group`.
    pub(super) fn roles_of(&self, group: &GroupName) -> BTreeSet<RoleName> {
        let is_its = |holder: &Holder| *holder == Holder::Group(group.clone());
        let grants = self.people.grants.iter().filter(|grant| is_its(&grant.holder));
        grants.map(|grant| grant.role.clone()).collect()
    }

    fn check_all_of(&self, account: &Account) -> Result<(), AdminError> {
        for privilege in Privilege::ALL {
            if self.rules.authorizer.is_granted(account, privilege)? {
                self.check_delegates(privilege)?;
            }
        }
        Ok(())
    }

    fn check_delegates(&self, privilege: Privilege) -> Result<(), AdminError> {
        if self.asker.hands_on(&self.rules, &self.account, privilege) {
            Ok(())
        } else {
            Err(AdminError::CannotDelegate(privilege))
        }
    }

    fn delegates(&self, account: &Account, privilege: Privilege) -> bool {
        self.asker.may_delegate(&self.rules, account, privilege)
    }

    /// That some policy speaks of `role`: else nobody knows what it will give one day.
    pub(super) fn check_role(&self, role: &RoleName) -> Result<(), AdminError> {
        if self.rules.authorizer.speaks_of(role) {
            Ok(())
        } else {
            Err(AdminError::UnknownRole(role.clone()))
        }
    }

    /// Whether `after` can use `privilege` in some circumstance in which `before` perhaps could not.
    fn gains(
        &self,
        before: Option<&Account>,
        after: &Account,
        privilege: Privilege,
    ) -> Result<bool, AdminError> {
        let authorizer = &self.rules.authorizer;
        if after.is_disabled()
            || !self.can_come_in(after, privilege)
            || !authorizer.is_granted(after, privilege)?
        {
            return Ok(false);
        }
        let Some(before) = before.filter(|before| !before.is_disabled()) else {
            return Ok(true);
        };
        if !self.can_come_in(before, privilege) {
            return Ok(true);
        }
        if privilege == Privilege::Delegate && !authorizer.has_own_about(privilege)? {
            let mut all = Privilege::ALL.into_iter();
            return Ok(all.any(|of| self.delegates(after, of) && !self.delegates(before, of)));
        }
        Ok(!authorizer.is_certain(before, privilege)?)
    }

    /// Whether `account` has something with which it could use `privilege`: people sign in, programs need a key of the scope.
    fn can_come_in(&self, account: &Account, privilege: Privilege) -> bool {
        let is_named = || {
            let mut named = self.rules.named.iter();
            named.any(|(tenant, name)| tenant == account.tenant() && name == account.name())
        };
        if account.kind() == PrincipalKind::User || is_named() {
            return true;
        }
        let mut good = self
            .keys
            .iter()
            .filter(|key| key.principal == *account.name() && key.is_good(self.asker.at));
        good.any(|key| match privilege.scope() {
            Some(scope) => key.scopes.allows(scope),
            None => privilege == Privilege::Delegate,
        })
    }

    fn is_administrator(&self, account: &Account) -> Result<bool, AdminError> {
        let could_be = account.kind() == PrincipalKind::User && account.is_known() && !account.is_disabled();
        let authorizer = &self.rules.authorizer;
        Ok(could_be && authorizer.is_granted(account, Privilege::PeopleManage)?)
    }
}

/// Everybody of `people`, and those that only `keys` or the settings name. Those who are as they were `before` are the same.
fn accounts(
    people: &PeopleSnapshot,
    keys: &[ApiKeyRecord],
    rules: &AccessRules,
    before: &Accounts,
) -> Accounts {
    let by_key = keys.iter().map(|key| (&key.tenant, &key.principal));
    let named = rules.named.iter().map(|(tenant, principal)| (tenant, principal));
    Accounts::new(people, by_key.chain(named), &rules.signers, before)
}

/// `people` with `member` in its group, or not.
pub(super) fn with_member(people: &PeopleSnapshot, member: &Membership, is_in: bool) -> PeopleSnapshot {
    let mut after = people.clone();
    after
        .members
        .retain(|known| known.group != member.group || known.principal != member.principal);
    let has_group = |group: &GroupRecord| group.name == member.group;
    if is_in && after.groups.iter().any(has_group) {
        after.members.push(member.clone());
    }
    after
}
