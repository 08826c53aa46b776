//! API keys as the store holds them: keyed hashes, never keys.

use jiff::Timestamp;
use privet_types::{Change, ChangeKind, Principal, TenantId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::log::append_change;
use crate::{Error, Store};

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
}

/// All API keys at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeySnapshot {
    /// Grows with every change of a key by any process.
    pub version: i64,
    /// Ordered by time made, then id.
    pub keys: Vec<ApiKeyRecord>,
}

impl Store {
    /// Adds an API key, and a leaf to the log that tells of it.
    ///
    /// # Errors
    /// [`Error::Database`] if the id or hash is taken, or the store does not answer.
    pub async fn insert_api_key(&self, key: &ApiKeyRecord, change: &Change) -> Result<(), Error> {
        let mut write = self.begin_write().await?;
        sqlx::query(
            "INSERT INTO api_keys (id, hash, principal, tenant, created_at, expires_at, revoked_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&key.id)
        .bind(key.hash.as_slice())
        .bind(key.principal.as_str())
        .bind(key.tenant.as_str())
        .bind(key.created_at.as_millisecond())
        .bind(key.expires_at.map(Timestamp::as_millisecond))
        .bind(key.revoked_at.map(Timestamp::as_millisecond))
        .execute(&mut *write)
        .await?;
        append_change(&mut write, ChangeKind::ApiKeyCreated, change).await?;
        Ok(write.commit().await?)
    }

    /// The API key `id`.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if it was changed by hand.
    pub async fn find_api_key(&self, id: &str) -> Result<Option<ApiKeyRecord>, Error> {
        let row = sqlx::query(
            "SELECT id, hash, principal, tenant, created_at, expires_at, revoked_at FROM api_keys WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(self.readers())
        .await?;
        row.as_ref().map(read_api_key).transpose()
    }

    /// All API keys, revoked and expired ones too; ordered by time made, then id.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if it was changed by hand.
    pub async fn list_api_keys(&self) -> Result<Vec<ApiKeyRecord>, Error> {
        select_api_keys(&mut *self.readers().acquire().await?).await
    }

    /// Revokes the key `change.object` from `change.at` on, and adds a leaf to the log that tells of it. Returns since when
    /// it is revoked: earlier if it already was, and then the log gets no leaf; `None` if there is no such key.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn revoke_api_key(&self, change: &Change) -> Result<Option<Timestamp>, Error> {
        let id = change.object.as_str();
        let mut write = self.begin_write().await?;
        let revoked = sqlx::query("UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
            .bind(id)
            .bind(change.at.as_millisecond())
            .execute(&mut *write)
            .await?
            .rows_affected();
        if revoked > 0 {
            append_change(&mut write, ChangeKind::ApiKeyRevoked, change).await?;
        }
        let since: Option<i64> = sqlx::query_scalar("SELECT revoked_at FROM api_keys WHERE id = $1")
            .bind(id)
            .fetch_optional(&mut *write)
            .await?;
        write.commit().await?;
        since
            .map(|ms| timestamp(ms).ok_or_else(|| bad_row(id)))
            .transpose()
    }

    /// All API keys with the version they belong to, read in one transaction.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if it was changed by hand.
    pub async fn load_api_keys(&self) -> Result<ApiKeySnapshot, Error> {
        let mut read = self.readers().begin().await?;
        let version = select_version(&mut read).await?;
        let keys = select_api_keys(&mut read).await?;
        read.commit().await?;
        Ok(ApiKeySnapshot { version, keys })
    }

    /// The current [`ApiKeySnapshot::version`]; one row read, cheap enough to ask twice a second.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn api_keys_version(&self) -> Result<i64, Error> {
        select_version(&mut *self.readers().acquire().await?).await
    }
}

async fn select_version(connection: &mut SqliteConnection) -> Result<i64, Error> {
    let version = sqlx::query_scalar("SELECT version FROM changes WHERE name = 'api_keys'");
    Ok(version.fetch_one(connection).await?)
}

async fn select_api_keys(connection: &mut SqliteConnection) -> Result<Vec<ApiKeyRecord>, Error> {
    let rows = sqlx::query(
        "SELECT id, hash, principal, tenant, created_at, expires_at, revoked_at FROM api_keys ORDER BY created_at, id",
    )
    .fetch_all(connection)
    .await?;
    rows.iter().map(read_api_key).collect()
}

fn read_api_key(row: &SqliteRow) -> Result<ApiKeyRecord, Error> {
    let id: String = row.try_get("id")?;
    let optional = |ms: Option<i64>| ms.map(|ms| timestamp(ms).ok_or_else(|| bad_row(&id))).transpose();
    Ok(ApiKeyRecord {
        hash: row
            .try_get::<&[u8], _>("hash")?
            .try_into()
            .map_err(|_| bad_row(&id))?,
        principal: row
            .try_get::<&str, _>("principal")?
            .parse()
            .map_err(|_| bad_row(&id))?,
        tenant: row
            .try_get::<&str, _>("tenant")?
            .parse()
            .map_err(|_| bad_row(&id))?,
        created_at: timestamp(row.try_get("created_at")?).ok_or_else(|| bad_row(&id))?,
        expires_at: optional(row.try_get("expires_at")?)?,
        revoked_at: optional(row.try_get("revoked_at")?)?,
        id,
    })
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
