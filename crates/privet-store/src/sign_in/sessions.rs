//! Who is signed in.

use jiff::Timestamp;
use privet_types::{Principal, TenantId};

use super::{Person, SignInChange, bad_row, end_all, hold_sessions, tell, tell_ended, time};
use crate::sql::{FromRow, Row, Tx};
use crate::{Error, Store, values};

/// By what somebody signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignInWay {
    /// A password.
    Password,
    /// A passkey, with the person verified by it.
    Passkey,
    /// An identity provider (OpenID Connect).
    Oidc,
}

impl SignInWay {
    /// The name in the store, the log and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Passkey => "passkey",
            Self::Oidc => "oidc",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Password, Self::Passkey, Self::Oidc]
            .into_iter()
            .find(|way| way.name() == name)
    }
}

/// A session as stored. Times have millisecond precision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// Keyed hash of the token.
    pub hash: [u8; 32],
    /// Public name, for lists and for ending it.
    pub id: String,
    /// Whose installation space.
    pub tenant: TenantId,
    /// Who.
    pub principal: Principal,
    /// By what the person signed in.
    pub way: SignInWay,
    /// Whether the person has shown two factors.
    pub has_two_factors: bool,
    /// When it began.
    pub made_at: Timestamp,
    /// When it was last used, to the minute.
    pub seen_at: Timestamp,
    /// When the person last showed who it is.
    pub proved_at: Timestamp,
    /// When it ends however much it is used.
    pub expires_at: Timestamp,
}

/// A session, and what else its person has to sign in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// The session.
    pub session: SessionRecord,
    /// Whether the person has a confirmed authenticator app.
    pub has_totp: bool,
    /// Whether the person has a passkey.
    pub has_passkey: bool,
}

/// In the order in which they are read.
const COLUMNS: &str =
    "hash, id, tenant, principal, way, has_two_factors, made_at, seen_at, proved_at, expires_at";

impl Store {
    /// Keeps a new session, tells the log, and ends the person's oldest ones past `most`, and all that are over. Sessions in which two
    /// factors were shown and others are counted apart: who knows no more than a password ends none of the first. Returns false, and
    /// changes nothing, if the password of `password`, by which somebody signs in, is none of the person's by now.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn insert_session(
        &self,
        session: &SessionRecord,
        password: Option<&str>,
        most: u32,
        change: &SignInChange,
    ) -> Result<bool, Error> {
        let (session, change) = (session.clone(), change.clone());
        let password = password.map(ToOwned::to_owned);
        self.write(move |tx| {
            Box::pin(async move {
                let (tenant, principal) = (session.tenant.as_str(), session.principal.as_str());
                // Sessions of one person begin one behind the other, so that no two overlook each other.
                hold_sessions(tx, tenant, principal).await?;
                if let Some(password) = password {
                    // Who changes it waits for the end of this transaction, and ends the session then.
                    let sql =
                        "UPDATE passwords SET hash = hash WHERE tenant = $1 AND principal = $2 AND hash = $3";
                    if tx.execute(sql, values![tenant, principal, password]).await? == 0 {
                        return Ok(false);
                    }
                }
                tx.execute(
                    "DELETE FROM sign_in_sessions WHERE tenant = $1 AND principal = $2 AND expires_at <= $3",
                    values![tenant, principal, change.at.as_millisecond()],
                )
                .await?;
                let row = values![
                    session.hash,
                    &session.id,
                    tenant,
                    principal,
                    session.way.name(),
                    session.has_two_factors,
                    session.made_at.as_millisecond(),
                    session.seen_at.as_millisecond(),
                    session.proved_at.as_millisecond(),
                    session.expires_at.as_millisecond(),
                ];
                let head = format!("INSERT INTO sign_in_sessions ({COLUMNS})");
                tx.insert_many(&head, vec![row], "").await?;
                tell(tx, "signed_in", &change).await?;
                bound(tx, (tenant, principal), session.hash, most, &change).await?;
                Ok(true)
            })
        })
        .await
    }

    /// The session of this token hash, over or not.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if it was changed by hand.
    pub async fn session(&self, hash: [u8; 32]) -> Result<Option<SessionView>, Error> {
        self.read(move |tx| {
            Box::pin(async move {
                let sql = format!(
                    "SELECT {COLUMNS}, \
                     (SELECT COUNT(*) FROM totp_secrets t WHERE t.tenant = s.tenant \
                      AND t.principal = s.principal AND t.confirmed_at IS NOT NULL), \
                     (SELECT COUNT(*) FROM passkeys p WHERE p.tenant = s.tenant AND p.principal = s.principal) \
                     FROM sign_in_sessions s WHERE hash = $1"
                );
                tx.optional(sql, values![hash]).await
            })
        })
        .await
    }

    /// Writes down that a session was used at `at`.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn touch_session(&self, hash: [u8; 32], at: Timestamp) -> Result<(), Error> {
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE sign_in_sessions SET seen_at = $2 WHERE hash = $1 AND seen_at < $2";
                tx.execute(sql, values![hash, at.as_millisecond()])
                    .await
                    .map(drop)
            })
        })
        .await
    }

    /// `who`, whose session has the token hash `hash`, has shown at `change.at` who it is: the session goes on under the token of
    /// `new_hash`, and ends the oldest past `most` of its like. Returns false if it has ended.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn prove_session(
        &self,
        who: Person<'_>,
        (hash, new_hash): ([u8; 32], [u8; 32]),
        has_two_factors: bool,
        most: u32,
        change: &SignInChange,
    ) -> Result<bool, Error> {
        let ((tenant, principal), change) = (who.names(), change.clone());
        self.write(move |tx| {
            Box::pin(async move {
                hold_sessions(tx, &tenant, &principal).await?;
                let sql = "UPDATE sign_in_sessions SET hash = $2, proved_at = $3, seen_at = $3, \
                           has_two_factors = CASE WHEN has_two_factors = 1 THEN 1 ELSE $4 END \
                           WHERE hash = $1 AND tenant = $5 AND principal = $6";
                let at = change.at.as_millisecond();
                let row = values![hash, new_hash, at, has_two_factors, &tenant, &principal];
                if tx.execute(sql, row).await? == 0 {
                    return Ok(false);
                }
                tell(tx, "session_proved", &change).await?;
                bound(tx, (&tenant, &principal), new_hash, most, &change).await?;
                Ok(true)
            })
        })
        .await
    }

    /// Ends the session `id` of a tenant, of `principal` if one is given, and tells the log. Returns whether there was one.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn end_session(
        &self,
        tenant: &TenantId,
        principal: Option<&Principal>,
        id: &str,
        change: &SignInChange,
    ) -> Result<bool, Error> {
        let (tenant, id, change) = (tenant.as_str().to_owned(), id.to_owned(), change.clone());
        let principal = principal.map(|name| name.as_str().to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                let mut row = values![tenant, id];
                let mut sql = "DELETE FROM sign_in_sessions WHERE tenant = $1 AND id = $2".to_owned();
                if let Some(principal) = principal {
                    sql.push_str(" AND principal = $3");
                    row.extend(values![principal]);
                }
                if tx.execute(sql, row).await? == 0 {
                    return Ok(false);
                }
                tell(tx, "session_ended", &change).await?;
                Ok(true)
            })
        })
        .await
    }

    /// Ends all sessions of `who` but the one of the token hash `keep`, and tells the log if there were any. Returns how many.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn end_sessions(
        &self,
        who: Person<'_>,
        keep: Option<[u8; 32]>,
        change: &SignInChange,
    ) -> Result<u64, Error> {
        let ((tenant, principal), change) = (who.names(), change.clone());
        self.write(move |tx| Box::pin(async move { end_all(tx, (&tenant, &principal), keep, &change).await }))
            .await
    }

    /// The sessions of a tenant that are not over at `now`, of `principal` if one is given; the youngest first, at most 1,000.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if one was changed by hand.
    pub async fn list_sessions(
        &self,
        tenant: &TenantId,
        principal: Option<&Principal>,
        now: Timestamp,
    ) -> Result<Vec<SessionRecord>, Error> {
        let mut row = values![tenant.as_str(), now.as_millisecond()];
        let mut of = "";
        if let Some(principal) = principal {
            row.extend(values![principal.as_str()]);
            of = "AND principal = $3 ";
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM sign_in_sessions WHERE tenant = $1 AND expires_at > $2 {of}\
             ORDER BY made_at DESC, id LIMIT 1000"
        );
        self.read(move |tx| Box::pin(async move { tx.rows(sql, row).await }))
            .await
    }
}

/// Ends the person's oldest sessions past `most` that have shown as many factors as the one of the token hash `keep`, which stays.
async fn bound(
    tx: &mut Tx,
    (tenant, principal): (&str, &str),
    keep: [u8; 32],
    most: u32,
    change: &SignInChange,
) -> Result<(), Error> {
    let sql = "DELETE FROM sign_in_sessions WHERE tenant = $1 AND principal = $2 \
               AND has_two_factors = (SELECT has_two_factors FROM sign_in_sessions WHERE hash = $3) \
               AND hash NOT IN (SELECT hash FROM sign_in_sessions WHERE tenant = $1 AND principal = $2 \
               AND has_two_factors = (SELECT has_two_factors FROM sign_in_sessions WHERE hash = $3) \
               ORDER BY CASE WHEN hash = $3 THEN 0 ELSE 1 END, made_at DESC, id LIMIT $4)";
    let ended = tx.execute(sql, values![tenant, principal, keep, most]).await?;
    tell_ended(tx, ended, change).await
}

/// Ends all sessions of the tenant of `change`, or of `principal` of it, and tells the log if there were any.
pub(crate) async fn end_switched(
    tx: &mut Tx,
    principal: Option<&str>,
    change: &SignInChange,
) -> Result<(), Error> {
    if let Some(principal) = principal {
        return end_all(tx, (&change.tenant, principal), None, change)
            .await
            .map(drop);
    }
    let sql = "DELETE FROM sign_in_sessions WHERE tenant = $1";
    let ended = tx.execute(sql, values![&change.tenant]).await?;
    tell_ended(tx, ended, change).await
}

type Columns = ([u8; 32], String, String, String, String, bool, i64, i64, i64, i64);

fn read(columns: Columns) -> Result<SessionRecord, Error> {
    const TABLE: &str = "sign_in_sessions";
    let (hash, id, tenant, principal, way, has_two_factors, made_at, seen_at, proved_at, expires_at) =
        columns;
    Ok(SessionRecord {
        hash,
        tenant: tenant.parse().map_err(|_| bad_row(TABLE, &id))?,
        principal: principal.parse().map_err(|_| bad_row(TABLE, &id))?,
        way: SignInWay::parse(&way).ok_or_else(|| bad_row(TABLE, &id))?,
        has_two_factors,
        made_at: time(TABLE, &id, made_at)?,
        seen_at: time(TABLE, &id, seen_at)?,
        proved_at: time(TABLE, &id, proved_at)?,
        expires_at: time(TABLE, &id, expires_at)?,
        id,
    })
}

impl FromRow for SessionRecord {
    fn from_row(row: Row) -> Result<Self, Error> {
        read(Columns::from_row(row)?)
    }
}

impl FromRow for SessionView {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (hash, id, tenant, principal, way, two, made, seen, proved, expires, totp, passkeys) =
            <(
                [u8; 32],
                String,
                String,
                String,
                String,
                bool,
                i64,
                i64,
                i64,
                i64,
                i64,
                i64,
            )>::from_row(row)?;
        Ok(Self {
            session: read((hash, id, tenant, principal, way, two, made, seen, proved, expires))?,
            has_totp: totp > 0,
            has_passkey: passkeys > 0,
        })
    }
}
