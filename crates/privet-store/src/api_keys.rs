//! API keys as the store holds them: keyed hashes, never keys.

use jiff::Timestamp;
use privet_types::{Change, ChangeKind, KeyScopes, Principal, TenantId};

use crate::kill_switches::{KillSwitch, select_in_force};
use crate::log::append_change;
use crate::people::{PeopleSnapshot, select_people};
use crate::sql::{Backend, FromRow, Row, Tx, Value, still_fits};
use crate::tokens::{TokenSnapshot, select_tokens};
use crate::{Error, Store, values};

/// The columns of a key, in the order in which they are read.
const COLUMNS: &str = "id, hash, principal, tenant, created_at, expires_at, revoked_at, scopes, \
                       successor, grace_until, line";

/// An API key as stored. Times have millisecond precision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRecord {
    /// Public name of the key, for lists and revocation.
    pub id: String,
    /// Keyed hash of the key.
    pub hash: [u8; 32],
    /// Who calls with it.
    pub principal: Principal,
    /// Whose installation space it opens.
    pub tenant: TenantId,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// Since when it is refused for good.
    pub revoked_at: Option<Timestamp>,
    /// What it may be used for.
    pub scopes: KeyScopes,
    /// The id of the key that takes its place.
    pub successor: Option<String>,
    /// Until when it works beside its successor.
    pub grace_until: Option<Timestamp>,
    /// The id of the first key of a chain of successors; `None` for a key that has taken no other's place.
    pub line: Option<String>,
}

impl ApiKeyRecord {
    /// The id of the first key of its chain of successors: its own, if it has taken no other's place.
    #[must_use]
    pub fn line(&self) -> &str {
        self.line.as_deref().unwrap_or(&self.id)
    }

    /// What it is at `now`: `active`, `rotating` beside its successor, `rotated`, `expired` or `revoked`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> &'static str {
        if self.revoked_at.is_some() {
            "revoked"
        } else if self.expires_at.is_some_and(|at| at <= now) {
            "expired"
        } else {
            match self.grace_until {
                Some(until) if until <= now => "rotated",
                Some(_) => "rotating",
                None => "active",
            }
        }
    }

    /// Whether it lets somebody in at `now`.
    #[must_use]
    pub fn is_good(&self, now: Timestamp) -> bool {
        matches!(self.state(now), "active" | "rotating")
    }

    /// Whether it lets somebody in, and was neither made nor used after `before`; `last` is when it was last used.
    #[must_use]
    pub fn is_unused_since(&self, before: Timestamp, last: Option<Timestamp>, now: Timestamp) -> bool {
        self.is_good(now) && last.unwrap_or(self.created_at) <= before
    }
}

/// When an API key was last used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyUse {
    /// Whose installation space it opens.
    pub tenant: TenantId,
    /// Which key.
    pub id: String,
    /// When, to the minute.
    pub last_used_at: Timestamp,
}

/// All API keys at one moment, and whom they belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeySnapshot {
    /// Grows with every change of a key, a principal, a group, a role, a kill switch, or of what is known of tokens, by any process.
    pub version: i64,
    /// Ordered by time made, then id.
    pub keys: Vec<ApiKeyRecord>,
    /// Whom they belong to, and what those may do.
    pub people: PeopleSnapshot,
    /// What is switched off.
    pub switches: Vec<KillSwitch>,
    /// What signs tokens, and which were taken back.
    pub tokens: TokenSnapshot,
}

impl Store {
    /// Adds an API key, and a leaf to the log that tells of it.
    ///
    /// # Errors
    /// [`Error::Database`] if the id or hash is taken, or the store does not answer.
    pub async fn insert_api_key(&self, key: &ApiKeyRecord, change: &Change) -> Result<(), Error> {
        let row = values_of(key);
        let change = change.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let head = format!("INSERT INTO api_keys ({COLUMNS})");
                tx.insert_many(&head, vec![row], "").await?;
                append_change(tx, ChangeKind::ApiKeyCreated, &change).await
            })
        })
        .await
    }

    /// Adds `key` in the place of key `rotated.object`, which works beside it until `grace_until`, and leaves to the log that
    /// tell of both. Returns false, and changes nothing, if that one has a successor, is revoked or is not there.
    ///
    /// # Errors
    /// [`Error::Database`] if the id or hash is taken, or the store does not answer.
    pub async fn rotate_api_key(
        &self,
        key: &ApiKeyRecord,
        grace_until: Timestamp,
        rotated: &Change,
        created: &Change,
    ) -> Result<bool, Error> {
        let place = values![&rotated.object, &key.id, grace_until.as_millisecond()];
        let (row, rotated, created) = (values_of(key), rotated.clone(), created.clone());
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE api_keys SET successor = $2, grace_until = $3 \
                           WHERE id = $1 AND successor IS NULL AND revoked_at IS NULL";
                if tx.execute(sql, place).await? == 0 {
                    return Ok(false);
                }
                let head = format!("INSERT INTO api_keys ({COLUMNS})");
                tx.insert_many(&head, vec![row], "").await?;
                append_change(tx, ChangeKind::ApiKeyRotated, &rotated).await?;
                append_change(tx, ChangeKind::ApiKeyCreated, &created).await?;
                Ok(true)
            })
        })
        .await
    }

    /// Notes when keys were last used; an earlier time than what is known changes nothing. The log is told nothing.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn note_api_key_uses(&self, uses: &[ApiKeyUse]) -> Result<(), Error> {
        if uses.is_empty() {
            return Ok(());
        }
        let row =
            |used: &ApiKeyUse| values![used.tenant.as_str(), &used.id, used.last_used_at.as_millisecond()];
        // All who write several of these rows lock them in this order, so that none waits for another that waits for it.
        let mut uses: Vec<&ApiKeyUse> = uses.iter().collect();
        uses.sort_by(|a, b| (&a.tenant, &a.id).cmp(&(&b.tenant, &b.id)));
        let rows: Vec<_> = uses.into_iter().map(row).collect();
        self.write(move |tx| {
            Box::pin(async move {
                tx.insert_many(
                    "INSERT INTO api_key_uses (tenant, id, last_used_at)",
                    rows,
                    "ON CONFLICT (tenant, id) DO UPDATE SET last_used_at = excluded.last_used_at \
                     WHERE excluded.last_used_at > api_key_uses.last_used_at",
                )
                .await
                .map(drop)
            })
        })
        .await
    }

    /// When keys were last used, as far as that is written down; ordered by tenant and id.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if it was changed by hand.
    pub async fn list_api_key_uses(&self) -> Result<Vec<ApiKeyUse>, Error> {
        self.read(|tx| {
            Box::pin(async move {
                let sql = "SELECT tenant, id, last_used_at FROM api_key_uses ORDER BY tenant, id";
                tx.rows(sql, values![]).await
            })
        })
        .await
    }

    /// The API key `id`.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if it was changed by hand.
    pub async fn find_api_key(&self, id: &str) -> Result<Option<ApiKeyRecord>, Error> {
        let id = id.to_owned();
        self.read(move |tx| {
            Box::pin(async move {
                tx.optional(
                    format!("SELECT {COLUMNS} FROM api_keys WHERE id = $1"),
                    values![id],
                )
                .await
            })
        })
        .await
    }

    /// All API keys, revoked and expired ones too; ordered by time made, then id.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if it was changed by hand.
    pub async fn list_api_keys(&self) -> Result<Vec<ApiKeyRecord>, Error> {
        self.read(|tx| Box::pin(select_api_keys(tx))).await
    }

    /// Revokes the key `change.object` from `change.at` on, and adds a leaf to the log that tells of it. Returns since when
    /// it is revoked: earlier if it already was, and then the log gets no leaf; `None` if there is no such key.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn revoke_api_key(&self, change: &Change) -> Result<Option<Timestamp>, Error> {
        let change = change.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let revoked = tx
                    .execute(
                        "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
                        values![&change.object, change.at.as_millisecond()],
                    )
                    .await?;
                if revoked > 0 {
                    append_change(tx, ChangeKind::ApiKeyRevoked, &change).await?;
                }
                let since: Option<Option<i64>> = tx
                    .optional(
                        "SELECT revoked_at FROM api_keys WHERE id = $1",
                        values![&change.object],
                    )
                    .await?;
                since
                    .flatten()
                    .map(|ms| timestamp(ms).ok_or_else(|| bad_row(&change.object)))
                    .transpose()
            })
        })
        .await
    }

    /// All API keys with the version they belong to, read in one transaction.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if it was changed by hand.
    pub async fn load_api_keys(&self) -> Result<ApiKeySnapshot, Error> {
        self.read(|tx| {
            Box::pin(async move {
                Ok(ApiKeySnapshot {
                    version: select_version(tx).await?,
                    keys: select_api_keys(tx).await?,
                    people: select_people(tx).await?,
                    switches: select_in_force(tx).await?,
                    tokens: select_tokens(tx).await?,
                })
            })
        })
        .await
    }

    /// The current [`ApiKeySnapshot::version`]; one row read, cheap enough to ask twice a second.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::NewerSchema`] if a newer Privet has shut this one out meanwhile.
    pub async fn api_keys_version(&self) -> Result<i64, Error> {
        let database = self.database().clone();
        self.read(|tx| {
            Box::pin(async move {
                // On PostgreSQL each transaction looks.
                if tx.backend() == Backend::Sqlite {
                    still_fits(tx, database.schema(), database.location()).await?;
                }
                select_version(tx).await
            })
        })
        .await
    }
}

fn values_of(key: &ApiKeyRecord) -> Vec<Value> {
    values![
        &key.id,
        key.hash,
        key.principal.as_str(),
        key.tenant.as_str(),
        key.created_at.as_millisecond(),
        key.expires_at.map(Timestamp::as_millisecond),
        key.revoked_at.map(Timestamp::as_millisecond),
        key.scopes.to_string(),
        key.successor.clone(),
        key.grace_until.map(Timestamp::as_millisecond),
        key.line.clone(),
    ]
}

async fn select_version(tx: &mut Tx) -> Result<i64, Error> {
    tx.one("SELECT version FROM changes WHERE name = 'api_keys'", values![])
        .await
}

async fn select_api_keys(tx: &mut Tx) -> Result<Vec<ApiKeyRecord>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM api_keys ORDER BY created_at, id");
    tx.rows(sql, values![]).await
}

impl FromRow for ApiKeyRecord {
    fn from_row(row: Row) -> Result<Self, Error> {
        type Columns = (
            String,
            Vec<u8>,
            String,
            String,
            i64,
            Option<i64>,
            Option<i64>,
            String,
            Option<String>,
            Option<i64>,
            Option<String>,
        );
        let (
            id,
            hash,
            principal,
            tenant,
            created_at,
            expires_at,
            revoked_at,
            scopes,
            successor,
            grace_until,
            line,
        ) = Columns::from_row(row)?;
        let optional = |ms: Option<i64>| ms.map(|ms| timestamp(ms).ok_or_else(|| bad_row(&id))).transpose();
        Ok(Self {
            hash: hash.try_into().map_err(|_| bad_row(&id))?,
            principal: principal.parse().map_err(|_| bad_row(&id))?,
            tenant: tenant.parse().map_err(|_| bad_row(&id))?,
            created_at: timestamp(created_at).ok_or_else(|| bad_row(&id))?,
            expires_at: optional(expires_at)?,
            revoked_at: optional(revoked_at)?,
            scopes: scopes.parse().map_err(|_| bad_row(&id))?,
            successor,
            grace_until: optional(grace_until)?,
            line,
            id,
        })
    }
}

impl FromRow for ApiKeyUse {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (tenant, id, last_used_at) = <(String, String, i64)>::from_row(row)?;
        let bad = || Error::BadRow {
            table: "api_key_uses",
            row: id.clone(),
        };
        Ok(Self {
            tenant: tenant.parse().map_err(|_| bad())?,
            last_used_at: timestamp(last_used_at).ok_or_else(bad)?,
            id,
        })
    }
}

fn timestamp(ms: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(ms).ok()
}

fn bad_row(id: &str) -> Error {
    Error::BadRow {
        table: "api_keys",
        row: id.to_owned(),
    }
}
