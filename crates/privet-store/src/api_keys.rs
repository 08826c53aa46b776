//! API keys as the store holds them: keyed hashes, never keys.

use jiff::Timestamp;
use privet_types::{Change, ChangeKind, KeyScopes, Principal, TenantId};

use crate::kill_switches::{KillSwitch, select_in_force};
use crate::log::append_change;
use crate::people::{PeopleSnapshot, select_people};
use crate::sql::{FromRow, Row, Tx};
use crate::{Error, Store, values};

/// The columns of a key, in the order in which they are read.
const COLUMNS: &str = "id, hash, principal, tenant, created_at, expires_at, revoked_at, scopes";

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
}

/// All API keys at one moment, and whom they belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeySnapshot {
    /// Grows with every change of a key, a principal, a group, a role or a kill switch by any process.
    pub version: i64,
    /// Ordered by time made, then id.
    pub keys: Vec<ApiKeyRecord>,
    /// Whom they belong to, and what those may do.
    pub people: PeopleSnapshot,
    /// What is switched off.
    pub switches: Vec<KillSwitch>,
}

impl Store {
    /// Adds an API key, and a leaf to the log that tells of it.
    ///
    /// # Errors
    /// [`Error::Database`] if the id or hash is taken, or the store does not answer.
    pub async fn insert_api_key(&self, key: &ApiKeyRecord, change: &Change) -> Result<(), Error> {
        let row = values![
            &key.id,
            key.hash,
            key.principal.as_str(),
            key.tenant.as_str(),
            key.created_at.as_millisecond(),
            key.expires_at.map(Timestamp::as_millisecond),
            key.revoked_at.map(Timestamp::as_millisecond),
            key.scopes.to_string(),
        ];
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
                })
            })
        })
        .await
    }

    /// The current [`ApiKeySnapshot::version`]; one row read, cheap enough to ask twice a second.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn api_keys_version(&self) -> Result<i64, Error> {
        self.read(|tx| Box::pin(select_version(tx))).await
    }
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
        let (id, hash, principal, tenant, created_at, expires_at, revoked_at, scopes) =
            <(
                String,
                Vec<u8>,
                String,
                String,
                i64,
                Option<i64>,
                Option<i64>,
                String,
            )>::from_row(row)?;
        let optional = |ms: Option<i64>| ms.map(|ms| timestamp(ms).ok_or_else(|| bad_row(&id))).transpose();
        Ok(Self {
            hash: hash.try_into().map_err(|_| bad_row(&id))?,
            principal: principal.parse().map_err(|_| bad_row(&id))?,
            tenant: tenant.parse().map_err(|_| bad_row(&id))?,
            created_at: timestamp(created_at).ok_or_else(|| bad_row(&id))?,
            expires_at: optional(expires_at)?,
            revoked_at: optional(revoked_at)?,
            scopes: scopes.parse().map_err(|_| bad_row(&id))?,
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
