//! Tenants, principals, groups, their roles and trainings, as the store holds them.
//!
//! Nothing here says what a role allows. Each change adds a leaf to the log, and nothing is ever deleted that a key may
//! point at: principals and tenants are switched off.

use jiff::Timestamp;
use privet_types::{CourseName, GroupName, Principal, PrincipalKind, Pseudonym, RoleName, TenantId};
use serde::Serialize;

use crate::acknowledgements::{AcknowledgementRecord, select_acknowledgements};
use crate::log::{Leaf, append_leaf};
use crate::sign_in::{SignInChange, end_switched};
use crate::sql::{FromRow, Row, Tx, Value};
use crate::{Error, Store, values};

/// A tenant that was made or switched off. Times have millisecond precision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRecord {
    /// Which.
    pub tenant: TenantId,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when none of its keys is good.
    pub disabled_at: Option<Timestamp>,
}

/// A principal as stored. Times have millisecond precision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalRecord {
    /// Whose installation space it belongs to.
    pub tenant: TenantId,
    /// Its name.
    pub name: Principal,
    /// A person or a service account.
    pub kind: PrincipalKind,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when none of its keys is good.
    pub disabled_at: Option<Timestamp>,
}

/// A group of principals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRecord {
    /// Whose installation space it belongs to.
    pub tenant: TenantId,
    /// Its name.
    pub name: GroupName,
    /// When it was made.
    pub created_at: Timestamp,
}

/// That a principal is in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Whose installation space both belong to.
    pub tenant: TenantId,
    /// The group.
    pub group: GroupName,
    /// The member.
    pub principal: Principal,
    /// Since when.
    pub added_at: Timestamp,
}

/// Who has a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// One principal.
    Principal(Principal),
    /// Every member of a group.
    Group(GroupName),
}

/// That somebody has a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRecord {
    /// In whose installation space.
    pub tenant: TenantId,
    /// Who.
    pub holder: Holder,
    /// Which role.
    pub role: RoleName,
    /// Since when.
    pub granted_at: Timestamp,
}

/// That a person has completed a course: the signed record, as it was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainingRecord {
    /// In whose installation space.
    pub tenant: TenantId,
    /// Who.
    pub principal: Principal,
    /// Which course.
    pub course: CourseName,
    /// Until when it counts.
    pub expires_at: Timestamp,
    /// The signed record. The store does not look into it.
    pub record: String,
}

/// Everybody, at one moment. Each list is ordered by tenant, then by its names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeopleSnapshot {
    /// Tenants that were made or switched off; one that is only named by keys is not among them.
    pub tenants: Vec<TenantRecord>,
    /// Principals that were made; one that is only named by keys is not among them.
    pub principals: Vec<PrincipalRecord>,
    /// Groups.
    pub groups: Vec<GroupRecord>,
    /// Who is in which.
    pub members: Vec<Membership>,
    /// Who has which role.
    pub grants: Vec<GrantRecord>,
    /// Who has completed which course.
    pub trainings: Vec<TrainingRecord>,
    /// Who has acknowledged which notice, in which wording.
    pub acknowledgements: Vec<AcknowledgementRecord>,
}

/// What the log is told of a change: metadata, and people as pseudonyms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeopleChange {
    /// When, UTC.
    pub at: Timestamp,
    /// In whose installation space.
    pub tenant: String,
    /// Which principal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<Pseudonym>,
    /// What kind of principal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_kind: Option<PrincipalKind>,
    /// Which group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupName>,
    /// Which role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleName>,
    /// Which course.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub course: Option<CourseName>,
    /// Until when it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl Store {
    /// Adds a tenant. Returns false, and tells the log nothing, if it is there already.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn insert_tenant(&self, tenant: &TenantId, change: &PeopleChange) -> Result<bool, Error> {
        let row = values![tenant.as_str(), change.at.as_millisecond()];
        let sql = "INSERT INTO tenants (tenant, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        self.change_people(sql, row, "tenant_created", change).await
    }

    /// Switches `tenant` off, or on again, and ends its sessions. Returns false, and tells the log nothing, if it was so already. A tenant that only
    /// keys name gets a row by being switched off.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn switch_tenant(
        &self,
        tenant: &TenantId,
        is_on: bool,
        change: &PeopleChange,
    ) -> Result<bool, Error> {
        let at = change.at.as_millisecond();
        if is_on {
            let sql = "UPDATE tenants SET disabled_at = NULL WHERE tenant = $1 AND disabled_at IS NOT NULL";
            self.switch(sql, values![tenant.as_str()], "tenant_enabled", (None, change))
                .await
        } else {
            let sql = "INSERT INTO tenants (tenant, created_at, disabled_at) VALUES ($1, $2, $2) \
                       ON CONFLICT (tenant) DO UPDATE SET disabled_at = $2 WHERE tenants.disabled_at IS NULL";
            let row = values![tenant.as_str(), at];
            self.switch(sql, row, "tenant_disabled", (None, change)).await
        }
    }

    /// Adds a principal. Returns false, and tells the log nothing, if its name is taken.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn insert_principal(
        &self,
        principal: &PrincipalRecord,
        change: &PeopleChange,
    ) -> Result<bool, Error> {
        let row = values![
            principal.tenant.as_str(),
            principal.name.as_str(),
            principal.kind.name(),
            principal.created_at.as_millisecond(),
        ];
        let sql = "INSERT INTO principals (tenant, name, kind, created_at) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT DO NOTHING";
        self.change_people(sql, row, "principal_created", change).await
    }

    /// Switches a principal off, or on again, and ends its sessions. Returns false, and tells the log nothing, if it was so already or is not there.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn switch_principal(
        &self,
        tenant: &TenantId,
        name: &Principal,
        is_on: bool,
        change: &PeopleChange,
    ) -> Result<bool, Error> {
        let (tenant, name) = (tenant.as_str(), name.as_str());
        if is_on {
            let sql = "UPDATE principals SET disabled_at = NULL \
                       WHERE tenant = $1 AND name = $2 AND disabled_at IS NOT NULL";
            let row = values![tenant, name];
            self.switch(sql, row, "principal_enabled", (Some(name), change))
                .await
        } else {
            let sql = "UPDATE principals SET disabled_at = $3 \
                       WHERE tenant = $1 AND name = $2 AND disabled_at IS NULL";
            let row = values![tenant, name, change.at.as_millisecond()];
            self.switch(sql, row, "principal_disabled", (Some(name), change))
                .await
        }
    }

    /// Adds a group. Returns false, and tells the log nothing, if its name is taken.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn insert_group(&self, group: &GroupRecord, change: &PeopleChange) -> Result<bool, Error> {
        let row = values![
            group.tenant.as_str(),
            group.name.as_str(),
            group.created_at.as_millisecond()
        ];
        let sql = "INSERT INTO principal_groups (tenant, name, created_at) VALUES ($1, $2, $3) \
                   ON CONFLICT DO NOTHING";
        self.change_people(sql, row, "group_created", change).await
    }

    /// Puts a principal into a group, or takes it out. Returns false, and tells the log nothing, if it was so already.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn set_member(
        &self,
        member: &Membership,
        is_in: bool,
        change: &PeopleChange,
    ) -> Result<bool, Error> {
        let mut row = values![
            member.tenant.as_str(),
            member.group.as_str(),
            member.principal.as_str()
        ];
        if is_in {
            row.push(Value::from(member.added_at.as_millisecond()));
            let sql = "INSERT INTO group_members (tenant, group_name, principal, added_at) \
                       VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
            self.change_people(sql, row, "group_member_added", change).await
        } else {
            let sql = "DELETE FROM group_members WHERE tenant = $1 AND group_name = $2 AND principal = $3";
            self.change_people(sql, row, "group_member_removed", change).await
        }
    }

    /// Grants a role, or takes it back. Returns false, and tells the log nothing, if it was so already.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn set_grant(
        &self,
        grant: &GrantRecord,
        is_granted: bool,
        change: &PeopleChange,
    ) -> Result<bool, Error> {
        let (kind, holder) = grant.holder.columns();
        let mut row = values![grant.tenant.as_str(), kind, holder, grant.role.as_str()];
        if is_granted {
            row.push(Value::from(grant.granted_at.as_millisecond()));
            let sql = "INSERT INTO role_grants (tenant, holder_kind, holder, role, granted_at) \
                       VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
            self.change_people(sql, row, "role_granted", change).await
        } else {
            let sql = "DELETE FROM role_grants \
                       WHERE tenant = $1 AND holder_kind = $2 AND holder = $3 AND role = $4";
            self.change_people(sql, row, "role_taken_back", change).await
        }
    }

    /// Keeps a record of training, in the place of an earlier one of the same course.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn put_training(&self, training: &TrainingRecord, change: &PeopleChange) -> Result<(), Error> {
        let row = values![
            training.tenant.as_str(),
            training.principal.as_str(),
            training.course.as_str(),
            training.expires_at.as_millisecond(),
            &training.record,
        ];
        let sql = "INSERT INTO trainings (tenant, principal, course, expires_at, record) \
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant, principal, course) \
                   DO UPDATE SET expires_at = excluded.expires_at, record = excluded.record";
        self.change_people(sql, row, "training_recorded", change)
            .await
            .map(drop)
    }

    /// Everybody.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if it was changed by hand.
    pub async fn load_people(&self) -> Result<PeopleSnapshot, Error> {
        self.read(|tx| Box::pin(select_people(tx))).await
    }

    /// Runs one statement, and tells the log of it if it changed a row.
    async fn change_people(
        &self,
        sql: &'static str,
        row: Vec<Value>,
        kind: &'static str,
        change: &PeopleChange,
    ) -> Result<bool, Error> {
        let change = change.clone();
        self.write(move |tx| Box::pin(async move { change_row(tx, sql, row, kind, &change).await }))
            .await
    }

    /// The same of a switch of a tenant, or of `name`. Whichever way it is switched: no session of before comes back when it is
    /// switched on again.
    async fn switch(
        &self,
        sql: &'static str,
        row: Vec<Value>,
        kind: &'static str,
        (name, change): (Option<&str>, &PeopleChange),
    ) -> Result<bool, Error> {
        let (name, change) = (name.map(ToOwned::to_owned), change.clone());
        self.write(move |tx| {
            Box::pin(async move {
                if !change_row(tx, sql, row, kind, &change).await? {
                    return Ok(false);
                }
                let sessions = SignInChange {
                    at: change.at,
                    tenant: change.tenant,
                    principal: change.principal,
                    session: None,
                    way: None,
                    count: None,
                    expires_at: None,
                };
                end_switched(tx, name.as_deref(), &sessions).await?;
                Ok(true)
            })
        })
        .await
    }
}

/// Runs one statement, and tells the log of it if it changed a row.
async fn change_row(
    tx: &mut Tx,
    sql: &'static str,
    row: Vec<Value>,
    kind: &'static str,
    change: &PeopleChange,
) -> Result<bool, Error> {
    if tx.execute(sql, row).await? == 0 {
        return Ok(false);
    }
    let leaf = Leaf {
        kind,
        tenant: &change.tenant,
        at: change.at,
        payload: change,
    };
    append_leaf(tx, leaf).await?;
    Ok(true)
}

pub(crate) async fn select_people(tx: &mut Tx) -> Result<PeopleSnapshot, Error> {
    Ok(PeopleSnapshot {
        tenants: tx
            .rows(
                "SELECT tenant, created_at, disabled_at FROM tenants ORDER BY tenant",
                values![],
            )
            .await?,
        principals: tx
            .rows(
                "SELECT tenant, name, kind, created_at, disabled_at FROM principals ORDER BY tenant, name",
                values![],
            )
            .await?,
        groups: tx
            .rows(
                "SELECT tenant, name, created_at FROM principal_groups ORDER BY tenant, name",
                values![],
            )
            .await?,
        members: tx
            .rows(
                "SELECT tenant, group_name, principal, added_at FROM group_members \
                 ORDER BY tenant, group_name, principal",
                values![],
            )
            .await?,
        grants: tx
            .rows(
                "SELECT tenant, holder_kind, holder, role, granted_at FROM role_grants \
                 ORDER BY tenant, holder_kind, holder, role",
                values![],
            )
            .await?,
        trainings: tx
            .rows(
                "SELECT tenant, principal, course, expires_at, record FROM trainings \
                 ORDER BY tenant, principal, course",
                values![],
            )
            .await?,
        acknowledgements: select_acknowledgements(tx).await?,
    })
}

impl Holder {
    /// Its kind and its name, as the store has them.
    fn columns(&self) -> (&'static str, &str) {
        match self {
            Self::Principal(name) => ("principal", name.as_str()),
            Self::Group(name) => ("group", name.as_str()),
        }
    }
}

/// Reads texts of rows; names the row in errors.
struct Reading {
    table: &'static str,
    row: String,
}

impl Reading {
    fn of(table: &'static str, tenant: &str, name: &str) -> Self {
        Self {
            table,
            row: format!("{tenant}/{name}"),
        }
    }

    fn bad(&self) -> Error {
        Error::BadRow {
            table: self.table,
            row: self.row.clone(),
        }
    }

    fn text<T: std::str::FromStr>(&self, text: &str) -> Result<T, Error> {
        text.parse().map_err(|_| self.bad())
    }

    fn time(&self, ms: i64) -> Result<Timestamp, Error> {
        Timestamp::from_millisecond(ms).map_err(|_| self.bad())
    }

    fn optional_time(&self, ms: Option<i64>) -> Result<Option<Timestamp>, Error> {
        ms.map(|ms| self.time(ms)).transpose()
    }
}

impl FromRow for TenantRecord {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (tenant, created_at, disabled_at) = <(String, i64, Option<i64>)>::from_row(row)?;
        let read = Reading::of("tenants", &tenant, "");
        Ok(Self {
            tenant: read.text(&tenant)?,
            created_at: read.time(created_at)?,
            disabled_at: read.optional_time(disabled_at)?,
        })
    }
}

impl FromRow for PrincipalRecord {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (tenant, name, kind, created_at, disabled_at) =
            <(String, String, String, i64, Option<i64>)>::from_row(row)?;
        let read = Reading::of("principals", &tenant, &name);
        Ok(Self {
            tenant: read.text(&tenant)?,
            name: read.text(&name)?,
            kind: read.text(&kind)?,
            created_at: read.time(created_at)?,
            disabled_at: read.optional_time(disabled_at)?,
        })
    }
}

impl FromRow for GroupRecord {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (tenant, name, created_at) = <(String, String, i64)>::from_row(row)?;
        let read = Reading::of("principal_groups", &tenant, &name);
        Ok(Self {
            tenant: read.text(&tenant)?,
            name: read.text(&name)?,
            created_at: read.time(created_at)?,
        })
    }
}

impl FromRow for Membership {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (tenant, group, principal, added_at) = <(String, String, String, i64)>::from_row(row)?;
        let read = Reading::of("group_members", &tenant, &group);
        Ok(Self {
            tenant: read.text(&tenant)?,
            group: read.text(&group)?,
            principal: read.text(&principal)?,
            added_at: read.time(added_at)?,
        })
    }
}

impl FromRow for GrantRecord {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (tenant, kind, holder, role, granted_at) =
            <(String, String, String, String, i64)>::from_row(row)?;
        let read = Reading::of("role_grants", &tenant, &holder);
        Ok(Self {
            tenant: read.text(&tenant)?,
            holder: match kind.as_str() {
                "principal" => Holder::Principal(read.text(&holder)?),
                "group" => Holder::Group(read.text(&holder)?),
                _ => return Err(read.bad()),
            },
            role: read.text(&role)?,
            granted_at: read.time(granted_at)?,
        })
    }
}

impl FromRow for TrainingRecord {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (tenant, principal, course, expires_at, record) =
            <(String, String, String, i64, String)>::from_row(row)?;
        let read = Reading::of("trainings", &tenant, &principal);
        Ok(Self {
            tenant: read.text(&tenant)?,
            principal: read.text(&principal)?,
            course: read.text(&course)?,
            expires_at: read.time(expires_at)?,
            record,
        })
    }
}
