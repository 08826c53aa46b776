//! Kill switches: who and what is cut off at once, whatever keys and policies say.
//!
//! A row is never deleted. One that this program cannot read cuts off more than it may have meant, never less.

use jiff::Timestamp;
use privet_types::{Principal, Pseudonym, TenantId};
use serde::Serialize;

use crate::log::{Leaf, append_leaf};
use crate::sql::{FromRow, Row, Tx};
use crate::{Error, Store, values};

/// The columns, in the order in which they are read.
const COLUMNS: &str = "id, tenant, kind, name, reason, set_by, set_at, ends_at, lifted_at, lifted_by";

/// What is cut off.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum KillTarget {
    /// Everybody.
    All,
    /// A whole tenant.
    Tenant,
    /// One principal, with all its keys.
    Principal(Principal),
    /// One API key, by its id.
    Key(String),
    /// A model, by the name that callers ask for.
    Model(String),
    /// A provider, by its name in the settings.
    Provider(String),
}

/// A text that names nothing that can be cut off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{kind}` and this name are nothing that can be cut off; use `all` or `tenant` alone, or one of `principal`, `key`, `model` and `provider` with a name of 1 to 256 bytes"
)]
pub struct UnknownKill {
    /// What was given.
    pub kind: String,
}

/// A kill switch as stored. Times have millisecond precision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KillSwitch {
    /// Its name, for lists and for taking it back.
    pub id: String,
    /// Whose installation space it counts in; without one it counts in all.
    pub tenant: Option<TenantId>,
    /// What it cuts off.
    pub target: KillTarget,
    /// Why, in words. Callers are not told.
    pub reason: String,
    /// Who said so.
    pub set_by: String,
    /// Since when it counts.
    pub set_at: Timestamp,
    /// Until when it counts.
    pub ends_at: Option<Timestamp>,
    /// Since when it is taken back.
    pub lifted_at: Option<Timestamp>,
    /// By whom.
    pub lifted_by: Option<String>,
}

/// What the log is told: metadata, and people as pseudonyms. The reason is not told, since it is free text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KillSwitchChange {
    /// When, UTC.
    pub at: Timestamp,
    /// Whose log it stands in.
    pub tenant: String,
    /// Which switch.
    pub object: String,
    /// What kind of thing is cut off.
    pub target: &'static str,
    /// Whether it counts in the whole installation.
    pub is_everywhere: bool,
    /// Which principal is cut off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<Pseudonym>,
    /// Which key, model or provider is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Pseudonym>,
    /// Until when it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
}

impl KillTarget {
    /// Longest name of a key, a model or a provider, in bytes.
    const LONGEST: usize = 256;

    /// The target of this `kind` and `name`; all and tenants have an empty one.
    ///
    /// # Errors
    /// [`UnknownKill`] if there is no such kind, or it cannot have that name.
    pub fn parse(kind: &str, name: &str) -> Result<Self, UnknownKill> {
        let unknown = || UnknownKill {
            kind: kind.to_owned(),
        };
        let is_named = (1..=Self::LONGEST).contains(&name.len()) && !name.contains(char::is_control);
        match (kind, is_named) {
            ("all", false) if name.is_empty() => Ok(Self::All),
            ("tenant", false) if name.is_empty() => Ok(Self::Tenant),
            ("principal", true) => Ok(Self::Principal(name.parse().map_err(|_| unknown())?)),
            ("key", true) => Ok(Self::Key(name.to_owned())),
            ("model", true) => Ok(Self::Model(name.to_owned())),
            ("provider", true) => Ok(Self::Provider(name.to_owned())),
            _ => Err(unknown()),
        }
    }

    /// What kind of thing it is, as the store and the interface spell it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Tenant => "tenant",
            Self::Principal(_) => "principal",
            Self::Key(_) => "key",
            Self::Model(_) => "model",
            Self::Provider(_) => "provider",
        }
    }

    /// Its name; empty where the kind says it all.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::All | Self::Tenant => "",
            Self::Principal(name) => name.as_str(),
            Self::Key(name) | Self::Model(name) | Self::Provider(name) => name,
        }
    }
}

impl KillSwitch {
    /// Whether it counts at `now`.
    #[must_use]
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.lifted_at.is_none() && self.ends_at.is_none_or(|at| now < at)
    }
}

impl Store {
    /// Adds a switch and a leaf that tells of it. Returns false, and tells the log nothing, if its id is there already.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn insert_kill_switch(
        &self,
        switch: &KillSwitch,
        change: &KillSwitchChange,
    ) -> Result<bool, Error> {
        let row = values![
            &switch.id,
            switch.tenant.as_ref().map_or("", TenantId::as_str),
            switch.target.kind(),
            switch.target.name(),
            &switch.reason,
            &switch.set_by,
            switch.set_at.as_millisecond(),
            switch.ends_at.map(Timestamp::as_millisecond),
        ];
        let change = change.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let over = "UPDATE kill_switches SET lifted_at = ends_at \
                            WHERE lifted_at IS NULL AND ends_at <= $1";
                tx.execute(over, values![change.at.as_millisecond()]).await?;
                let sql = "INSERT INTO kill_switches (id, tenant, kind, name, reason, set_by, set_at, ends_at) \
                           VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
                if tx.execute(sql, row).await? == 0 {
                    return Ok(false);
                }
                tell(tx, "kill_switch_set", &change).await?;
                Ok(true)
            })
        })
        .await
    }

    /// Takes the switch `change.object` back from `change.at` on, in the name of `actor`. Returns false, and tells the log
    /// nothing, if it is not there or was taken back before.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn lift_kill_switch(&self, actor: &str, change: &KillSwitchChange) -> Result<bool, Error> {
        let (actor, change) = (actor.to_owned(), change.clone());
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE kill_switches SET lifted_at = $2, lifted_by = $3 \
                           WHERE id = $1 AND lifted_at IS NULL";
                let row = values![&change.object, change.at.as_millisecond(), actor];
                if tx.execute(sql, row).await? == 0 {
                    return Ok(false);
                }
                tell(tx, "kill_switch_lifted", &change).await?;
                Ok(true)
            })
        })
        .await
    }

    /// The newest `most` switches, those that were taken back too; the newest first. With `within`, those of that tenant alone.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn kill_switches(
        &self,
        most: u32,
        within: Option<&TenantId>,
    ) -> Result<Vec<KillSwitch>, Error> {
        let within = within.map(ToString::to_string);
        self.read(move |tx| {
            Box::pin(async move {
                let newest = |of: &str| {
                    format!("SELECT {COLUMNS} FROM kill_switches {of} ORDER BY set_at DESC, id LIMIT $1")
                };
                match within {
                    None => tx.rows(newest(""), values![i64::from(most)]).await,
                    Some(tenant) => {
                        tx.rows(newest("WHERE tenant = $2"), values![i64::from(most), tenant])
                            .await
                    }
                }
            })
        })
        .await
    }

    /// The switch `id`.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn kill_switch(&self, id: &str) -> Result<Option<KillSwitch>, Error> {
        let id = id.to_owned();
        self.read(move |tx| {
            Box::pin(async move {
                let sql = format!("SELECT {COLUMNS} FROM kill_switches WHERE id = $1");
                tx.optional(sql, values![id]).await
            })
        })
        .await
    }
}

/// Those that nobody took back; some of them may be over by now.
pub(crate) async fn select_in_force(tx: &mut Tx) -> Result<Vec<KillSwitch>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM kill_switches WHERE lifted_at IS NULL ORDER BY set_at, id");
    tx.rows(sql, values![]).await
}

async fn tell(tx: &mut Tx, kind: &'static str, change: &KillSwitchChange) -> Result<(), Error> {
    let leaf = Leaf {
        kind,
        tenant: &change.tenant,
        at: change.at,
        payload: change,
    };
    append_leaf(tx, leaf).await
}

impl FromRow for KillSwitch {
    /// What cannot be read counts for more: an unknown kind for the whole tenant, an unknown tenant for everybody, and an end that
    /// is no time for ever.
    fn from_row(row: Row) -> Result<Self, Error> {
        let (id, tenant, kind, name, reason, set_by, set_at, ends_at, lifted_at, lifted_by) =
            <(
                String,
                String,
                String,
                String,
                String,
                String,
                i64,
                Option<i64>,
                Option<i64>,
                Option<String>,
            )>::from_row(row)?;
        let time = |ms: i64| Timestamp::from_millisecond(ms).ok();
        let known: Option<TenantId> = tenant.parse().ok();
        let target = match (KillTarget::parse(&kind, &name), &known) {
            (Ok(KillTarget::Tenant | KillTarget::Principal(_)), None) => KillTarget::All,
            (Ok(target), Some(_)) => target,
            (Ok(target), None) if tenant.is_empty() => target,
            (Err(_), Some(_)) => KillTarget::Tenant,
            _ => KillTarget::All,
        };
        Ok(Self {
            id,
            tenant: known.filter(|_| target != KillTarget::All),
            target,
            reason,
            set_by,
            set_at: time(set_at).unwrap_or(Timestamp::UNIX_EPOCH),
            ends_at: ends_at.and_then(time),
            lifted_at: lifted_at.and_then(time),
            lifted_by,
        })
    }
}
