//! Short-lived tokens, as far as the store knows of them: the keys that sign them, and what was taken back before its end.

use jiff::Timestamp;
use privet_types::{Principal, Pseudonym, TenantId};
use serde::Serialize;

use crate::log::{Leaf, append_leaf};
use crate::sql::{FromRow, Row, Tx};
use crate::{Error, Store, values};

/// A key that signs tokens. Times have millisecond precision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenKeyRecord {
    /// Its name in what it signs.
    pub kid: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Its seed, sealed. The store does not look into it.
    pub sealed: Vec<u8>,
}

/// What was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenRevoked {
    /// One token.
    Token,
    /// All tokens that a session made.
    Session,
}

/// A token, or all those of a session, that are good no more.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenRevocation {
    /// Whose installation space.
    pub tenant: TenantId,
    /// Whose token, or session.
    pub principal: Principal,
    /// What was taken back.
    pub what: TokenRevoked,
    /// The token's id, or the session's.
    pub name: String,
}

/// How often somebody has taken back all its tokens at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenCount {
    /// Whose installation space.
    pub tenant: TenantId,
    /// Who.
    pub principal: Principal,
    /// How often.
    pub taken_back: i64,
}

/// All that is known of tokens at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenSnapshot {
    /// The keys, the newest first.
    pub keys: Vec<TokenKeyRecord>,
    /// What was taken back one by one; some of it may have ended by now.
    pub revocations: Vec<TokenRevocation>,
    /// What was taken back at once.
    pub counts: Vec<TokenCount>,
}

/// What the log is told: metadata, and people as pseudonyms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenChange {
    /// When, UTC.
    pub at: Timestamp,
    /// Whose installation space.
    pub tenant: String,
    /// Whose token.
    pub principal: Pseudonym,
    /// Keyed hash of the token's id; absent where all were taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl TokenRevoked {
    const ALL: [Self; 2] = [Self::Token, Self::Session];

    const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Session => "session",
        }
    }
}

impl Store {
    /// Adds `new` as the key that signs, unless the newest one was made after `good_after`; and drops those that were made before
    /// `drop_before`, and what was taken back and has ended. Of several processes that do so at once one wins. Returns whether it was
    /// this one.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn rotate_token_key(
        &self,
        new: &TokenKeyRecord,
        good_after: Timestamp,
        drop_before: Timestamp,
    ) -> Result<bool, Error> {
        let new = new.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let newest: Option<(i64, i64)> = tx
                    .optional(
                        "SELECT generation, made_at FROM token_keys ORDER BY generation DESC LIMIT 1",
                        values![],
                    )
                    .await?;
                if newest.is_some_and(|(_, made_at)| made_at > good_after.as_millisecond()) {
                    return Ok(false);
                }
                // Whoever saw the same newest one inserts the same number: the second waits for the first, and adds nothing.
                let generation = newest.map_or(1, |(generation, _)| generation.saturating_add(1));
                let added = tx
                    .execute(
                        "INSERT INTO token_keys (generation, kid, made_at, sealed) VALUES ($1, $2, $3, $4) \
                         ON CONFLICT DO NOTHING",
                        values![generation, &new.kid, new.made_at.as_millisecond(), new.sealed],
                    )
                    .await?;
                if added > 0 {
                    tx.execute(
                        "DELETE FROM token_keys WHERE made_at < $1 AND generation < $2",
                        values![drop_before.as_millisecond(), generation],
                    )
                    .await?;
                    // Sessions that ended leave rows, too, where nobody takes a token back by itself.
                    drop_ended(tx, new.made_at).await?;
                }
                Ok(added > 0)
            })
        })
        .await
    }

    /// Takes the token `id` back, and tells the log; what is kept of it is dropped at `ends_at`. Returns false, and changes
    /// nothing, if `most` tokens of the tenant are taken back already. One that was taken back before is told of once.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn revoke_token(
        &self,
        (tenant, principal): (&TenantId, &Principal),
        id: &str,
        ends_at: Timestamp,
        most: u32,
        change: &TokenChange,
    ) -> Result<bool, Error> {
        let row = values![
            tenant.as_str(),
            TokenRevoked::Token.name(),
            principal.as_str(),
            id,
            ends_at.as_millisecond(),
        ];
        let change = change.clone();
        self.write(move |tx| {
            Box::pin(async move {
                drop_ended(tx, change.at).await?;
                let known: Option<i64> = tx
                    .optional(
                        "SELECT ends_at FROM token_revocations \
                         WHERE tenant = $1 AND kind = $2 AND principal = $3 AND name = $4",
                        row.iter().take(4).cloned().collect(),
                    )
                    .await?;
                if known.is_some() {
                    return Ok(true);
                }
                let count: i64 = tx
                    .one(
                        "SELECT COUNT(*) FROM token_revocations WHERE tenant = $1 AND kind = $2",
                        row.iter().take(2).cloned().collect(),
                    )
                    .await?;
                if count >= i64::from(most) {
                    return Ok(false);
                }
                let added = tx
                    .execute(
                        "INSERT INTO token_revocations (tenant, kind, principal, name, ends_at) \
                         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
                        row,
                    )
                    .await?;
                if added > 0 {
                    tell(tx, "token_revoked", &change).await?;
                }
                Ok(true)
            })
        })
        .await
    }

    /// Takes all tokens of somebody back, whichever process made them, and tells the log.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn revoke_tokens(
        &self,
        (tenant, principal): (&TenantId, &Principal),
        change: &TokenChange,
    ) -> Result<(), Error> {
        let (row, change) = (values![tenant.as_str(), principal.as_str()], change.clone());
        self.write(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO token_counts (tenant, principal, taken_back) VALUES ($1, $2, 1) \
                     ON CONFLICT (tenant, principal) DO UPDATE SET taken_back = token_counts.taken_back + 1",
                    row.clone(),
                )
                .await?;
                // They are of an earlier count.
                tx.execute(
                    "DELETE FROM token_revocations WHERE tenant = $1 AND principal = $2 AND kind = 'token'",
                    row,
                )
                .await?;
                tell(tx, "tokens_revoked", &change).await
            })
        })
        .await
    }

    /// Notes that the session of the token hash `hash` makes a token that may be good until `until`: from then on it ends with the
    /// session. Returns false if that has ended.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn note_session_token(&self, hash: [u8; 32], until: Timestamp) -> Result<bool, Error> {
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE sign_in_sessions SET tokens_until = \
                           CASE WHEN tokens_until > $2 THEN tokens_until ELSE $2 END WHERE hash = $1";
                Ok(tx.execute(sql, values![hash, until.as_millisecond()]).await? > 0)
            })
        })
        .await
    }
}

/// All that is known of tokens.
pub(crate) async fn select_tokens(tx: &mut Tx) -> Result<TokenSnapshot, Error> {
    let keys = "SELECT kid, made_at, sealed FROM token_keys ORDER BY generation DESC";
    let revocations = "SELECT tenant, kind, principal, name FROM token_revocations \
                       ORDER BY tenant, kind, principal, name";
    let counts = "SELECT tenant, principal, taken_back FROM token_counts ORDER BY tenant, principal";
    Ok(TokenSnapshot {
        keys: tx.rows(keys, values![]).await?,
        revocations: tx.rows(revocations, values![]).await?,
        counts: tx.rows(counts, values![]).await?,
    })
}

/// Drops what is kept of tokens that are good no more by themselves at `now`.
async fn drop_ended(tx: &mut Tx, now: Timestamp) -> Result<(), Error> {
    let sql = "DELETE FROM token_revocations WHERE ends_at <= $1";
    tx.execute(sql, values![now.as_millisecond()]).await.map(drop)
}

async fn tell(tx: &mut Tx, kind: &'static str, change: &TokenChange) -> Result<(), Error> {
    let leaf = Leaf {
        kind,
        tenant: &change.tenant,
        at: change.at,
        payload: change,
    };
    append_leaf(tx, leaf).await
}

fn bad_row(table: &'static str, row: &str) -> Error {
    Error::BadRow {
        table,
        row: row.to_owned(),
    }
}

impl FromRow for TokenKeyRecord {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (kid, made_at, sealed) = <(String, i64, Vec<u8>)>::from_row(row)?;
        Ok(Self {
            made_at: Timestamp::from_millisecond(made_at).map_err(|_| bad_row("token_keys", &kid))?,
            kid,
            sealed,
        })
    }
}

impl FromRow for TokenRevocation {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (tenant, kind, principal, name) = <(String, String, String, String)>::from_row(row)?;
        let bad = || bad_row("token_revocations", &name);
        let what = TokenRevoked::ALL.into_iter().find(|what| what.name() == kind);
        Ok(Self {
            tenant: tenant.parse().map_err(|_| bad())?,
            principal: principal.parse().map_err(|_| bad())?,
            what: what.ok_or_else(bad)?,
            name,
        })
    }
}

impl FromRow for TokenCount {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (tenant, principal, taken_back) = <(String, String, i64)>::from_row(row)?;
        let bad = || bad_row("token_counts", &tenant);
        Ok(Self {
            principal: principal.parse().map_err(|_| bad())?,
            taken_back,
            tenant: tenant.parse().map_err(|_| bad())?,
        })
    }
}
