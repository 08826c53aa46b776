//! How people sign in, as the store holds it: hashed passwords, invites, failures, sessions, second factors.
//!
//! Nothing here is a secret by itself: passwords are hashed with a pepper that is not in the store, codes and tokens are keyed
//! hashes, secrets are sealed. What can be used once is taken with one statement, so that one of two who come at once wins.
//! Who changes several tables begins with the sessions, then come invites, then the rest: so none waits for another that waits for it.

mod factors;
mod failures;
mod links;
mod passkeys;
mod sessions;

use jiff::Timestamp;
use privet_types::{Principal, Pseudonym, TenantId};
use serde::Serialize;

pub use factors::{TotpRecord, TotpSecret};
pub use failures::{BackOff, Begun, Counter};
pub use links::LinkRecord;
pub use passkeys::PasskeyRecord;
pub(crate) use sessions::end_switched;
pub use sessions::{SessionRecord, SessionView, SignInWay};

use crate::log::{Leaf, append_leaf};
use crate::sql::{FromRow, Row, Tx};
use crate::{Error, Store, values};

/// What the log is told of somebody's sign-in: metadata, and people as pseudonyms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignInChange {
    /// When, UTC.
    pub at: Timestamp,
    /// In whose installation space.
    pub tenant: String,
    /// Who; absent where nobody has the name that was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<Pseudonym>,
    /// Who did it; absent where that was the person itself, or whoever has the root key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Pseudonym>,
    /// Which session, by its public id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// How somebody signed in, or what was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way: Option<&'static str>,
    /// How many failures went before, or how many sessions ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Until when it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// A one-time code with which a person sets a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteRecord {
    /// Keyed hash of the code.
    pub hash: [u8; 32],
    /// Whose installation space.
    pub tenant: TenantId,
    /// Who is invited.
    pub principal: Principal,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

/// One person of one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person<'a> {
    /// Whose installation space.
    pub tenant: &'a TenantId,
    /// Who.
    pub principal: &'a Principal,
}

impl Person<'_> {
    /// As rows name it.
    pub(crate) fn names(&self) -> (String, String) {
        (
            self.tenant.as_str().to_owned(),
            self.principal.as_str().to_owned(),
        )
    }
}

impl Store {
    /// The hashed password of `who`.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn password(&self, who: Person<'_>) -> Result<Option<String>, Error> {
        let (tenant, principal) = who.names();
        self.read(move |tx| {
            Box::pin(async move {
                tx.optional(
                    "SELECT hash FROM passwords WHERE tenant = $1 AND principal = $2",
                    values![tenant, principal],
                )
                .await
            })
        })
        .await
    }

    /// Gives `who` the password of `hash`, and ends all its sessions but the one of the token hash `keep`, in which that is done.
    /// Returns false, and changes nothing, if that one has ended.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn set_password(
        &self,
        who: Person<'_>,
        hash: &str,
        keep: Option<[u8; 32]>,
        change: &SignInChange,
    ) -> Result<bool, Error> {
        let ((tenant, principal), hash, change) = (who.names(), hash.to_owned(), change.clone());
        self.write(move |tx| {
            Box::pin(async move {
                if let Some(session) = keep
                    && !hold_session(tx, &tenant, &principal, session).await?
                {
                    return Ok(false);
                }
                put_password(tx, (&tenant, &principal), &hash, &change).await?;
                tell(tx, "password_set", &change).await?;
                end_all(tx, (&tenant, &principal), keep, &change).await?;
                Ok(true)
            })
        })
        .await
    }

    /// Puts `new` in the place of `old`, a hash of the same password. Does nothing if there is another one by now.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn rehash_password(&self, who: Person<'_>, old: &str, new: &str) -> Result<(), Error> {
        let ((tenant, principal), old, new) = (who.names(), old.to_owned(), new.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE passwords SET hash = $4 WHERE tenant = $1 AND principal = $2 AND hash = $3";
                tx.execute(sql, values![tenant, principal, old, new])
                    .await
                    .map(drop)
            })
        })
        .await
    }

    /// Takes the password of `who` away, and an invite with which it could set one, and ends all its sessions. Returns whether there
    /// was either.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn remove_password(&self, who: Person<'_>, change: &SignInChange) -> Result<bool, Error> {
        let ((tenant, principal), change) = (who.names(), change.clone());
        self.write(move |tx| {
            Box::pin(async move {
                hold_sessions(tx, &tenant, &principal).await?;
                let mut removed = remove_invites(tx, &tenant, &principal).await?;
                let sql = "DELETE FROM passwords WHERE tenant = $1 AND principal = $2";
                removed += tx.execute(sql, values![&tenant, &principal]).await?;
                if removed > 0 {
                    tell(tx, "password_removed", &change).await?;
                }
                end_all(tx, (&tenant, &principal), None, &change).await?;
                Ok(removed > 0)
            })
        })
        .await
    }

    /// Keeps `invite`, in the place of an earlier one of the same person.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn insert_invite(&self, invite: &InviteRecord, change: &SignInChange) -> Result<(), Error> {
        let (invite, change) = (invite.clone(), change.clone());
        self.write(move |tx| {
            Box::pin(async move {
                let (tenant, principal) = (invite.tenant.as_str(), invite.principal.as_str());
                remove_invites(tx, tenant, principal).await?;
                let sql = "INSERT INTO invites (hash, tenant, principal, expires_at) VALUES ($1, $2, $3, $4)";
                let row = values![invite.hash, tenant, principal, invite.expires_at.as_millisecond()];
                tx.execute(sql, row).await?;
                tell(tx, "person_invited", &change).await
            })
        })
        .await
    }

    /// The invite of this hash, if it is good at `now`.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if it was changed by hand.
    pub async fn invite(&self, hash: [u8; 32], now: Timestamp) -> Result<Option<InviteRecord>, Error> {
        self.read(move |tx| {
            Box::pin(async move {
                let sql = "SELECT hash, tenant, principal, expires_at FROM invites \
                           WHERE hash = $1 AND expires_at > $2";
                tx.optional(sql, values![hash, now.as_millisecond()]).await
            })
        })
        .await
    }

    /// Uses `invite` up at `change.at` and gives its person the password of `hash`. Returns false, and changes nothing, if it is used
    /// or has expired: of two who use it at once one wins.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn accept_invite(
        &self,
        invite: &InviteRecord,
        hash: &str,
        counter: &Counter,
        change: &SignInChange,
    ) -> Result<bool, Error> {
        let (invite, hash, change) = (invite.clone(), hash.to_owned(), change.clone());
        let counter = counter.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let (tenant, principal) = (invite.tenant.as_str(), invite.principal.as_str());
                hold_sessions(tx, tenant, principal).await?;
                let sql = "DELETE FROM invites WHERE hash = $1 AND expires_at > $2";
                let used = tx.execute(sql, values![invite.hash, change.at.as_millisecond()]);
                if used.await? == 0 {
                    return Ok(false);
                }
                put_password(tx, (tenant, principal), &hash, &change).await?;
                failures::forget(tx, &counter).await?;
                tell(tx, "invite_accepted", &change).await?;
                end_all(tx, (tenant, principal), None, &change).await?;
                Ok(true)
            })
        })
        .await
    }
}

async fn put_password(
    tx: &mut Tx,
    (tenant, principal): (&str, &str),
    hash: &str,
    change: &SignInChange,
) -> Result<(), Error> {
    remove_invites(tx, tenant, principal).await?;
    let sql = "INSERT INTO passwords (tenant, principal, hash, changed_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (tenant, principal) DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at";
    tx.execute(sql, values![tenant, principal, hash, change.at.as_millisecond()])
        .await
        .map(drop)
}

/// Returns how many there were.
async fn remove_invites(tx: &mut Tx, tenant: &str, principal: &str) -> Result<u64, Error> {
    let sql = "DELETE FROM invites WHERE tenant = $1 AND principal = $2";
    tx.execute(sql, values![tenant, principal]).await
}

/// Ends all sessions of a person but the one of `keep`, and tells the log if there were any. Returns how many.
async fn end_all(
    tx: &mut Tx,
    (tenant, principal): (&str, &str),
    keep: Option<[u8; 32]>,
    change: &SignInChange,
) -> Result<u64, Error> {
    // No token has an empty hash.
    let keep = keep.map_or_else(Vec::new, |hash| hash.to_vec());
    let sql = "DELETE FROM sign_in_sessions WHERE tenant = $1 AND principal = $2 AND hash <> $3";
    let ended = tx.execute(sql, values![tenant, principal, keep]).await?;
    tell_ended(tx, ended, change).await?;
    Ok(ended)
}

/// Tells the log that `ended` sessions of the person of `change`, or of all of its tenant, ended.
async fn tell_ended(tx: &mut Tx, ended: u64, change: &SignInChange) -> Result<(), Error> {
    if ended == 0 {
        return Ok(());
    }
    let change = SignInChange {
        session: None,
        way: None,
        count: Some(ended),
        expires_at: None,
        ..change.clone()
    };
    tell(tx, "sessions_ended", &change).await
}

/// Makes others who change the sessions of a person wait for the end of this transaction.
async fn hold_sessions(tx: &mut Tx, tenant: &str, principal: &str) -> Result<(), Error> {
    let sql = "UPDATE sign_in_sessions SET id = id WHERE tenant = $1 AND principal = $2";
    tx.execute(sql, values![tenant, principal]).await.map(drop)
}

/// The same; returns whether the session of the token hash `session` is one of them: what ends it waits, or came before.
async fn hold_session(tx: &mut Tx, tenant: &str, principal: &str, session: [u8; 32]) -> Result<bool, Error> {
    hold_sessions(tx, tenant, principal).await?;
    let sql = "SELECT COUNT(*) FROM sign_in_sessions WHERE tenant = $1 AND principal = $2 AND hash = $3";
    let found: i64 = tx.one(sql, values![tenant, principal, session]).await?;
    Ok(found > 0)
}

async fn tell(tx: &mut Tx, kind: &'static str, change: &SignInChange) -> Result<(), Error> {
    let leaf = Leaf {
        kind,
        tenant: &change.tenant,
        at: change.at,
        payload: change,
    };
    append_leaf(tx, leaf).await
}

/// The time in a row of `table`.
fn time(table: &'static str, row: &str, ms: i64) -> Result<Timestamp, Error> {
    Timestamp::from_millisecond(ms).map_err(|_| bad_row(table, row))
}

fn bad_row(table: &'static str, row: &str) -> Error {
    Error::BadRow {
        table,
        row: row.to_owned(),
    }
}

impl FromRow for InviteRecord {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (hash, tenant, principal, expires_at) = <([u8; 32], String, String, i64)>::from_row(row)?;
        let name = format!("{tenant}/{principal}");
        let bad = || bad_row("invites", &name);
        Ok(Self {
            hash,
            tenant: tenant.parse().map_err(|_| bad())?,
            principal: principal.parse().map_err(|_| bad())?,
            expires_at: time("invites", &name, expires_at)?,
        })
    }
}
