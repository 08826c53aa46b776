//! Principals in memory, with all that policies look at.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use cedar_policy::{Entities, Entity, EntityUid, RestrictedExpression};
use jiff::Timestamp;
use privet_store::{Holder, PeopleSnapshot, PrivilegeUse};
use privet_types::{CourseName, GroupName, Principal, PrincipalKind, RoleName, TenantId};

use crate::assessment::Training;
use crate::signed::Signer;
use crate::{DecideError, Privilege};

/// The role of principals that only a key names: what the scopes of that key say.
pub const SERVICE_ROLE: &str = "service";

/// Told apart by policies' remembered answers.
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// A principal with its groups, roles and trainings. Made anew whenever one of them changes.
#[derive(Debug)]
pub struct Account {
    /// No other account of this process has it.
    pub(crate) id: u64,
    pub(crate) tenant: TenantId,
    profile: Profile,
    entities: OnceLock<Result<(EntityUid, Entities), DecideError>>,
    uses: Arc<Uses>,
}

/// All of an account that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Profile {
    name: Principal,
    kind: PrincipalKind,
    /// Whether it was made, and is not only named by a key.
    is_known: bool,
    is_disabled: bool,
    roles: BTreeSet<RoleName>,
    groups: BTreeMap<GroupName, BTreeSet<RoleName>>,
    /// From when and until when each course counts.
    trainings: BTreeMap<CourseName, (Timestamp, Timestamp)>,
    /// When each wording of each notice was acknowledged; by notice, then by the hash of its texts.
    acknowledged: BTreeMap<String, BTreeMap<String, Timestamp>>,
}

/// When each privilege was last used, and how often since that was last written down.
#[derive(Debug, Default)]
struct Uses {
    last_ms: [AtomicI64; Privilege::ALL.len()],
    counts: [AtomicU64; Privilege::ALL.len()],
}

impl PartialEq for Account {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Account {}

impl Account {
    fn new(tenant: TenantId, profile: Profile, uses: Arc<Uses>) -> Self {
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            tenant,
            profile,
            entities: OnceLock::new(),
            uses,
        }
    }

    /// In whose installation space.
    #[must_use]
    pub const fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Who.
    #[must_use]
    pub const fn name(&self) -> &Principal {
        &self.profile.name
    }

    /// A person or a service account.
    #[must_use]
    pub const fn kind(&self) -> PrincipalKind {
        self.profile.kind
    }

    /// Whether it was made; one that was not is only named by a key.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.profile.is_known
    }

    /// Whether it, or its tenant, is switched off.
    #[must_use]
    pub const fn is_disabled(&self) -> bool {
        self.profile.is_disabled
    }

    /// Its own roles and those of its groups, in order.
    #[must_use]
    pub fn roles(&self) -> BTreeSet<&RoleName> {
        let of_groups = self.profile.groups.values().flatten();
        self.profile.roles.iter().chain(of_groups).collect()
    }

    /// Its own roles alone.
    pub fn own_roles(&self) -> impl Iterator<Item = &RoleName> {
        self.profile.roles.iter()
    }

    /// Its groups, with the roles of each.
    pub fn groups(&self) -> impl Iterator<Item = (&GroupName, &BTreeSet<RoleName>)> {
        self.profile.groups.iter()
    }

    /// The courses that count at `now`, in order.
    pub fn trained(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        let counts =
            move |(_, (from, until)): &(&CourseName, &(Timestamp, Timestamp))| *from <= now && now < *until;
        let trainings = self.profile.trainings.iter();
        trainings.filter(counts).map(|(course, _)| course.as_str())
    }

    /// When the notice `id` was acknowledged in the wording of `text_hash`.
    #[must_use]
    pub fn acknowledged_at(&self, id: &str, text_hash: &str) -> Option<Timestamp> {
        self.profile.acknowledged.get(id)?.get(text_hash).copied()
    }

    /// Whether the notice `id` was ever acknowledged, in whatever wording.
    #[must_use]
    pub fn acknowledged_before(&self, id: &str) -> bool {
        self.profile.acknowledged.contains_key(id)
    }

    /// What Cedar knows it as, and all entities it is in.
    pub(crate) fn entities(&self) -> Result<&(EntityUid, Entities), DecideError> {
        self.entities
            .get_or_init(|| self.build())
            .as_ref()
            .map_err(Clone::clone)
    }

    fn build(&self) -> Result<(EntityUid, Entities), DecideError> {
        let uid = crate::cedar::uid;
        let tenant = uid("Tenant", self.tenant.as_str())?;
        let qualified = |name: &str| format!("{}/{name}", self.tenant);
        let attributes = |name: &str| {
            HashMap::from([
                (
                    "name".to_owned(),
                    RestrictedExpression::new_string(name.to_owned()),
                ),
                (
                    "tenant".to_owned(),
                    RestrictedExpression::new_entity_uid(tenant.clone()),
                ),
            ])
        };
        let roles = |roles: &BTreeSet<RoleName>| -> Result<HashSet<EntityUid>, DecideError> {
            roles.iter().map(|role| uid("Role", role.as_str())).collect()
        };
        let mut entities = vec![Entity::new_no_attrs(tenant.clone(), HashSet::new())];
        for role in self.roles() {
            entities.push(Entity::new_no_attrs(uid("Role", role.as_str())?, HashSet::new()));
        }
        let mut parents = roles(&self.profile.roles)?;
        for (group, its_roles) in &self.profile.groups {
            let group_uid = uid("Group", &qualified(group.as_str()))?;
            let entity = Entity::new(group_uid.clone(), attributes(group.as_str()), roles(its_roles)?);
            entities.push(entity.map_err(DecideError::new)?);
            parents.insert(group_uid);
        }
        let kind = match self.profile.kind {
            PrincipalKind::User => "User",
            PrincipalKind::Service => "ServiceAccount",
        };
        let name = self.profile.name.as_str();
        let own = uid(kind, &qualified(name))?;
        entities.push(Entity::new(own.clone(), attributes(name), parents).map_err(DecideError::new)?);
        let entities = Entities::from_entities(entities, None).map_err(DecideError::new)?;
        Ok((own, entities))
    }

    /// Remembers that `privilege` was used.
    pub(crate) fn used(&self, privilege: Privilege, now: Timestamp) {
        let place = self.uses.last_ms.get(privilege.index());
        if let (Some(last), Some(count)) = (place, self.uses.counts.get(privilege.index())) {
            last.fetch_max(now.as_millisecond(), Ordering::Relaxed);
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What was used since this was last asked.
    pub(crate) fn take_uses(&self) -> Vec<PrivilegeUse> {
        let used = Privilege::ALL.into_iter().filter_map(|privilege| {
            let count = self
                .uses
                .counts
                .get(privilege.index())?
                .swap(0, Ordering::Relaxed);
            let last = self.uses.last_ms.get(privilege.index())?.load(Ordering::Relaxed);
            (count > 0).then(|| PrivilegeUse {
                tenant: self.tenant.clone(),
                principal: self.profile.name.clone(),
                action: privilege.name().to_owned(),
                last_used_at: Timestamp::from_millisecond(last).unwrap_or(Timestamp::UNIX_EPOCH),
                uses: count,
            })
        });
        used.collect()
    }

    /// Puts back what could not be written down.
    pub(crate) fn give_back_uses(&self, used: &PrivilegeUse) {
        let privilege = used.action.parse::<Privilege>();
        if let Some(count) = privilege.ok().and_then(|p| self.uses.counts.get(p.index())) {
            count.fetch_add(used.uses, Ordering::Relaxed);
        }
    }
}

/// All accounts, by tenant and name.
#[derive(Debug, Default)]
pub struct Accounts {
    all: BTreeMap<TenantId, BTreeMap<Principal, Arc<Account>>>,
    /// The groups that were made, with their roles.
    groups: BTreeMap<TenantId, BTreeMap<GroupName, BTreeSet<RoleName>>>,
}

impl Accounts {
    /// The accounts of `people`, and one for each principal that only a key of `named` names. Trainings count that one of
    /// `signers` signed for just that principal. Those that are as they were in `before` are taken from there.
    #[must_use]
    pub fn new<'k>(
        people: &PeopleSnapshot,
        named: impl IntoIterator<Item = (&'k TenantId, &'k Principal)>,
        signers: &[Signer],
        before: &Self,
    ) -> Self {
        let mut profiles: BTreeMap<TenantId, BTreeMap<Principal, Profile>> = BTreeMap::new();
        for (tenant, name) in named {
            let of_tenant = profiles.entry(tenant.clone()).or_default();
            of_tenant
                .entry(name.clone())
                .or_insert_with(|| Profile::named_by_key(name));
        }
        for principal in &people.principals {
            let profile = Profile {
                kind: principal.kind,
                is_known: true,
                is_disabled: principal.disabled_at.is_some(),
                roles: BTreeSet::new(),
                ..Profile::named_by_key(&principal.name)
            };
            let of_tenant = profiles.entry(principal.tenant.clone()).or_default();
            of_tenant.insert(principal.name.clone(), profile);
        }
        let mut roles_of: BTreeMap<(&TenantId, &GroupName), BTreeSet<RoleName>> = BTreeMap::new();
        for grant in &people.grants {
            match &grant.holder {
                Holder::Group(group) => {
                    let roles = roles_of.entry((&grant.tenant, group)).or_default();
                    roles.insert(grant.role.clone());
                }
                Holder::Principal(name) => {
                    if let Some(profile) = profile(&mut profiles, &grant.tenant, name) {
                        profile.roles.insert(grant.role.clone());
                    }
                }
            }
        }
        for member in &people.members {
            let roles = roles_of.get(&(&member.tenant, &member.group)).cloned();
            if let Some(profile) = profile(&mut profiles, &member.tenant, &member.principal) {
                profile
                    .groups
                    .insert(member.group.clone(), roles.unwrap_or_default());
            }
        }
        for training in &people.trainings {
            let Some(profile) = profile(&mut profiles, &training.tenant, &training.principal) else {
                continue;
            };
            match Training::verify(&training.record, signers) {
                Ok((record, _))
                    if record.tenant == training.tenant.as_str()
                        && record.principal == training.principal.as_str()
                        && record.course == training.course.as_str() =>
                {
                    let counts = (record.issued_at, record.expires_at);
                    profile.trainings.insert(training.course.clone(), counts);
                }
                Ok(_) => {
                    tracing::warn!(course = %training.course, "a training record is somebody else's; it does not count");
                }
                Err(error) => {
                    tracing::warn!(course = %training.course, %error, "a training record does not count");
                }
            }
        }
        for record in &people.acknowledgements {
            if let Some(profile) = profile(&mut profiles, &record.tenant, &record.principal) {
                let wordings = profile.acknowledged.entry(record.notice.clone()).or_default();
                wordings.insert(record.text_hash.clone(), record.at);
            }
        }
        for tenant in people.tenants.iter().filter(|t| t.disabled_at.is_some()) {
            for profile in profiles
                .get_mut(&tenant.tenant)
                .into_iter()
                .flat_map(BTreeMap::values_mut)
            {
                profile.is_disabled = true;
            }
        }
        let accounts = profiles.into_iter().map(|(tenant, of_tenant)| {
            let of_tenant = of_tenant.into_iter().map(|(name, profile)| {
                let known = before.get(&tenant, &name);
                let account = match known {
                    Some(known) if known.profile == profile => Arc::clone(known),
                    _ => {
                        let uses = known.map_or_else(Arc::default, |known| Arc::clone(&known.uses));
                        Arc::new(Account::new(tenant.clone(), profile, uses))
                    }
                };
                (name, account)
            });
            let of_tenant = of_tenant.collect();
            (tenant, of_tenant)
        });
        let mut groups: BTreeMap<TenantId, BTreeMap<GroupName, BTreeSet<RoleName>>> = BTreeMap::new();
        for group in &people.groups {
            let roles = roles_of.get(&(&group.tenant, &group.name)).cloned();
            let of_tenant = groups.entry(group.tenant.clone()).or_default();
            of_tenant.insert(group.name.clone(), roles.unwrap_or_default());
        }
        Self {
            all: accounts.collect(),
            groups,
        }
    }

    /// `account` as it is in `groups`, too, those of them that were made; none if it is in all of these already.
    pub(crate) fn joined(&self, account: &Account, groups: &BTreeSet<GroupName>) -> Option<Account> {
        let made = self.groups.get(&account.tenant)?;
        let mut profile = account.profile.clone();
        for group in groups {
            if let Some(roles) = made.get(group) {
                profile.groups.insert(group.clone(), roles.clone());
            }
        }
        (profile != account.profile)
            .then(|| Account::new(account.tenant.clone(), profile, Arc::clone(&account.uses)))
    }

    /// The account `name` of `tenant`.
    #[must_use]
    pub fn get(&self, tenant: &TenantId, name: &Principal) -> Option<&Arc<Account>> {
        self.all.get(tenant)?.get(name)
    }

    /// Those of `tenant`, in order of their names.
    pub fn of(&self, tenant: &TenantId) -> impl Iterator<Item = &Arc<Account>> {
        self.all.get(tenant).into_iter().flat_map(BTreeMap::values)
    }

    /// All of them, ordered by tenant and name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.all.values().flat_map(BTreeMap::values)
    }
}

fn profile<'p>(
    profiles: &'p mut BTreeMap<TenantId, BTreeMap<Principal, Profile>>,
    tenant: &TenantId,
    name: &Principal,
) -> Option<&'p mut Profile> {
    profiles.get_mut(tenant)?.get_mut(name)
}

impl Profile {
    /// Of a principal that only a key names: a service account, whose keys say what it may.
    fn named_by_key(name: &Principal) -> Self {
        Self {
            name: name.clone(),
            kind: PrincipalKind::Service,
            is_known: false,
            is_disabled: false,
            roles: SERVICE_ROLE.parse().into_iter().collect(),
            groups: BTreeMap::new(),
            trainings: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
        }
    }
}

/// An account that no store holds: for questions to policies about principals that are only described.
#[derive(Debug, Clone)]
pub struct Described {
    /// Whose installation space.
    pub tenant: TenantId,
    /// Who.
    pub name: Principal,
    /// A person or a service account.
    pub kind: PrincipalKind,
    /// Roles.
    pub roles: BTreeSet<RoleName>,
    /// Groups, with the roles of each.
    pub groups: BTreeMap<GroupName, BTreeSet<RoleName>>,
    /// Courses that count.
    pub training: BTreeSet<CourseName>,
}

impl From<Described> for Account {
    fn from(described: Described) -> Self {
        let always = (Timestamp::MIN, Timestamp::MAX);
        let profile = Profile {
            name: described.name,
            kind: described.kind,
            is_known: true,
            is_disabled: false,
            roles: described.roles,
            groups: described.groups,
            trainings: described
                .training
                .into_iter()
                .map(|course| (course, always))
                .collect(),
            acknowledged: BTreeMap::new(),
        };
        Self::new(described.tenant, profile, Arc::default())
    }
}
