//! What is kept of access tokens: the sealed keys that sign them, and which of them are revoked. Tokens are not kept.

use jiff::Timestamp;
use privet_types::{Change, ChangeKind, TenantId};
use serde::Serialize;

use crate::log::{Leaf, append_change, append_leaf};
use crate::sql::{FromRow, Row, Tx};
use crate::{Error, Store, values};

/// Whose installation space it is where something belongs to the whole installation.
const INSTALLATION: &str = "*";

/// Most revoked tokens that have not expired: every node keeps them in memory.
const MOST_REVOKED: i64 = 10_000;

/// A key that signs access tokens. Times have millisecond precision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenKeyRecord {
    /// Its public name.
    pub id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on nothing that it signed is good.
    pub retires_at: Option<Timestamp>,
    /// The key, sealed by whoever made it. The store does not look into it.
    pub sealed: Vec<u8>,
}

/// An access token that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedToken {
    /// In whose installation space.
    pub tenant: TenantId,
    /// Its id.
    pub id: String,
    /// Since when it is refused.
    pub revoked_at: Timestamp,
    /// From when on it would be refused anyway.
    pub expires_at: Timestamp,
}

/// What the log is told of a key that signs tokens.
#[derive(Serialize)]
struct KeyMade<'a> {
    at: Timestamp,
    tenant: &'a str,
    key: &'a str,
    /// Until when former keys check what they signed.
    others_retire_at: Timestamp,
}

impl Store {
    /// Adds a key that signs tokens, lets all others retire at `others_retire_at`, forgets those that have retired, and adds a
    /// leaf to the log that tells of it. With `is_first`, only if no key signs yet. Returns whether it was added.
    ///
    /// # Errors
    /// [`Error::Database`] if the id is taken, or the store does not answer.
    pub async fn insert_token_key(
        &self,
        key: &TokenKeyRecord,
        others_retire_at: Timestamp,
        is_first: bool,
    ) -> Result<bool, Error> {
        let key = key.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let now = key.created_at.as_millisecond();
                let sql = "SELECT COUNT(*) FROM access_token_keys WHERE retires_at IS NULL";
                if is_first && tx.one::<i64>(sql, values![]).await? > 0 {
                    return Ok(false);
                }
                tx.execute(
                    "DELETE FROM access_token_keys WHERE retires_at <= $1",
                    values![now],
                )
                .await?;
                // One that retires sooner does so.
                tx.execute(
                    "UPDATE access_token_keys SET retires_at = $1 WHERE retires_at IS NULL OR retires_at > $1",
                    values![others_retire_at.as_millisecond()],
                )
                .await?;
                tx.execute(
                    "INSERT INTO access_token_keys (id, created_at, sealed) VALUES ($1, $2, $3)",
                    values![&key.id, now, key.sealed.as_slice()],
                )
                .await?;
                let leaf = Leaf {
                    kind: "access_token_key_made",
                    tenant: INSTALLATION,
                    at: key.created_at,
                    payload: &KeyMade {
                        at: key.created_at,
                        tenant: INSTALLATION,
                        key: &key.id,
                        others_retire_at,
                    },
                };
                append_leaf(tx, leaf).await?;
                Ok(true)
            })
        })
        .await
    }

    /// All keys that sign tokens or did, in the order they were made.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if it was changed by hand.
    pub async fn list_token_keys(&self) -> Result<Vec<TokenKeyRecord>, Error> {
        self.read(|tx| Box::pin(select_token_keys(tx))).await
    }

    /// Adds a leaf to the log that tells of a token, which is kept nowhere.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn tell_of_token(&self, change: &Change) -> Result<(), Error> {
        let change = change.clone();
        self.write(move |tx| {
            Box::pin(async move { append_change(tx, ChangeKind::AccessTokenIssued, &change).await })
        })
        .await
    }

    /// Revokes the token `change.object`, forgets revoked ones that have expired, and adds a leaf to the log that tells of it.
    /// Returns false, and tells the log nothing, if it is revoked already.
    ///
    /// # Errors
    /// [`Error::TooManyRevoked`] if 10,000 are revoked that have not expired, [`Error::Database`] if the store does not answer.
    pub async fn revoke_token(&self, revoked: &RevokedToken, change: &Change) -> Result<bool, Error> {
        let (revoked, change) = (revoked.clone(), change.clone());
        self.write(move |tx| {
            Box::pin(async move {
                let now = revoked.revoked_at.as_millisecond();
                tx.execute(
                    "DELETE FROM revoked_access_tokens WHERE expires_at <= $1",
                    values![now],
                )
                .await?;
                let many: i64 = tx
                    .one("SELECT COUNT(*) FROM revoked_access_tokens", values![])
                    .await?;
                if many >= MOST_REVOKED {
                    return Err(Error::TooManyRevoked);
                }
                let row = values![
                    revoked.tenant.as_str(),
                    &revoked.id,
                    now,
                    revoked.expires_at.as_millisecond()
                ];
                let sql = "INSERT INTO revoked_access_tokens (tenant, id, revoked_at, expires_at) \
                           VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
                if tx.execute(sql, row).await? == 0 {
                    return Ok(false);
                }
                append_change(tx, ChangeKind::AccessTokenRevoked, &change).await?;
                Ok(true)
            })
        })
        .await
    }
}

pub(crate) async fn select_token_keys(tx: &mut Tx) -> Result<Vec<TokenKeyRecord>, Error> {
    let sql = "SELECT id, created_at, retires_at, sealed FROM access_token_keys ORDER BY created_at, id";
    tx.rows(sql, values![]).await
}

pub(crate) async fn select_revoked_tokens(tx: &mut Tx) -> Result<Vec<RevokedToken>, Error> {
    let sql = "SELECT tenant, id, revoked_at, expires_at FROM revoked_access_tokens ORDER BY tenant, id";
    tx.rows(sql, values![]).await
}

fn time(ms: i64, table: &'static str, row: &str) -> Result<Timestamp, Error> {
    Timestamp::from_millisecond(ms).map_err(|_| Error::BadRow {
        table,
        row: row.to_owned(),
    })
}

impl FromRow for TokenKeyRecord {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (id, created_at, retires_at, sealed) = <(String, i64, Option<i64>, Vec<u8>)>::from_row(row)?;
        let time = |ms| time(ms, "access_token_keys", &id);
        Ok(Self {
            created_at: time(created_at)?,
            retires_at: retires_at.map(time).transpose()?,
            sealed,
            id,
        })
    }
}

impl FromRow for RevokedToken {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (tenant, id, revoked_at, expires_at) = <(String, String, i64, i64)>::from_row(row)?;
        let time = |ms| time(ms, "revoked_access_tokens", &id);
        Ok(Self {
            tenant: tenant.parse().map_err(|_| Error::BadRow {
                table: "revoked_access_tokens",
                row: id.clone(),
            })?,
            revoked_at: time(revoked_at)?,
            expires_at: time(expires_at)?,
            id,
        })
    }
}
