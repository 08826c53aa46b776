//! Second factors that are not passkeys: authenticator apps, and recovery codes.

use jiff::Timestamp;

use super::{Person, SignInChange, end_all, hold_session, hold_sessions, tell};
use crate::sql::{FromRow, Row, Tx};
use crate::{Error, Store, values};

/// The secret of an authenticator app, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TotpRecord {
    /// The secret, sealed.
    pub sealed: Vec<u8>,
    /// Whether the person has shown a code of it.
    pub is_confirmed: bool,
}

/// A sealed secret that is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TotpSecret {
    /// The secret, sealed.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub made_at: Timestamp,
}

impl Store {
    /// The authenticator app of `who`.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn totp(&self, who: Person<'_>) -> Result<Option<TotpRecord>, Error> {
        let (tenant, principal) = who.names();
        self.read(move |tx| {
            Box::pin(async move {
                let sql =
                    "SELECT sealed, confirmed_at FROM totp_secrets WHERE tenant = $1 AND principal = $2";
                tx.optional(sql, values![tenant, principal]).await
            })
        })
        .await
    }

    /// Keeps the secret of an authenticator app that has yet to be confirmed, in the place of another such. Returns false, and
    /// changes nothing, if there is a confirmed one.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn begin_totp(&self, who: Person<'_>, secret: &TotpSecret) -> Result<bool, Error> {
        let ((tenant, principal), secret) = (who.names(), secret.clone());
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "INSERT INTO totp_secrets (tenant, principal, sealed, made_at, last_step) \
                           VALUES ($1, $2, $3, $4, 0) ON CONFLICT (tenant, principal) DO UPDATE \
                           SET sealed = excluded.sealed, made_at = excluded.made_at, last_step = 0 \
                           WHERE totp_secrets.confirmed_at IS NULL";
                let at = secret.made_at.as_millisecond();
                let row = values![tenant, principal, secret.sealed, at];
                Ok(tx.execute(sql, row).await? > 0)
            })
        })
        .await
    }

    /// The first code of the authenticator app with the secret `sealed` was shown, of time step `step`: from now on it counts.
    /// `codes` are the hashes of new recovery codes. Returns false, and changes nothing, if it is confirmed or another one by now;
    /// `None` if the session of the token hash `session`, in which that is done, has ended.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn confirm_totp(
        &self,
        who: Person<'_>,
        sealed: &[u8],
        step: i64,
        codes: Vec<[u8; 32]>,
        session: [u8; 32],
        change: &SignInChange,
    ) -> Result<Option<bool>, Error> {
        let ((tenant, principal), change) = (who.names(), change.clone());
        let sealed = sealed.to_vec();
        self.write(move |tx| {
            Box::pin(async move {
                if !hold_session(tx, &tenant, &principal, session).await? {
                    return Ok(None);
                }
                let sql = "UPDATE totp_secrets SET confirmed_at = $3, last_step = $4 \
                           WHERE tenant = $1 AND principal = $2 AND confirmed_at IS NULL AND sealed = $5";
                let row = values![&tenant, &principal, change.at.as_millisecond(), step, sealed];
                if tx.execute(sql, row).await? == 0 {
                    return Ok(Some(false));
                }
                put_codes(tx, &tenant, &principal, codes).await?;
                tell(tx, "totp_added", &change).await?;
                Ok(Some(true))
            })
        })
        .await
    }

    /// Uses up the time step `step` of the confirmed authenticator app of `who`. Returns false if it, or a later one, was used: of
    /// two who use it at once one wins.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn use_totp_step(&self, who: Person<'_>, step: i64) -> Result<bool, Error> {
        let (tenant, principal) = who.names();
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE totp_secrets SET last_step = $3 WHERE tenant = $1 AND principal = $2 \
                           AND confirmed_at IS NOT NULL AND last_step < $3";
                Ok(tx.execute(sql, values![tenant, principal, step]).await? > 0)
            })
        })
        .await
    }

    /// Removes the authenticator app of `who`, and the recovery codes if no passkey is left. Returns whether there was one.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn remove_totp(&self, who: Person<'_>, change: &SignInChange) -> Result<bool, Error> {
        let ((tenant, principal), change) = (who.names(), change.clone());
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "DELETE FROM totp_secrets WHERE tenant = $1 AND principal = $2";
                if tx.execute(sql, values![&tenant, &principal]).await? == 0 {
                    return Ok(false);
                }
                let sql = "DELETE FROM recovery_codes WHERE tenant = $1 AND principal = $2 AND NOT EXISTS \
                           (SELECT 1 FROM passkeys WHERE tenant = $1 AND principal = $2)";
                tx.execute(sql, values![&tenant, &principal]).await?;
                tell(tx, "totp_removed", &change).await?;
                Ok(true)
            })
        })
        .await
    }

    /// Puts the recovery codes of these hashes in the place of all that `who` has. Returns false, and changes nothing, if the session
    /// of the token hash `session`, in which that is done, has ended.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn put_recovery_codes(
        &self,
        who: Person<'_>,
        codes: Vec<[u8; 32]>,
        session: [u8; 32],
        change: &SignInChange,
    ) -> Result<bool, Error> {
        let ((tenant, principal), change) = (who.names(), change.clone());
        self.write(move |tx| {
            Box::pin(async move {
                if !hold_session(tx, &tenant, &principal, session).await? {
                    return Ok(false);
                }
                put_codes(tx, &tenant, &principal, codes).await?;
                tell(tx, "recovery_codes_made", &change).await?;
                Ok(true)
            })
        })
        .await
    }

    /// How many recovery codes `who` has left.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn count_recovery_codes(&self, who: Person<'_>) -> Result<i64, Error> {
        let (tenant, principal) = who.names();
        self.read(move |tx| {
            Box::pin(async move {
                let sql = "SELECT COUNT(*) FROM recovery_codes WHERE tenant = $1 AND principal = $2";
                tx.one(sql, values![tenant, principal]).await
            })
        })
        .await
    }

    /// Uses up the recovery code of this hash, and tells the log. Returns whether there was one: of two who use it at once one wins.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn use_recovery_code(
        &self,
        who: Person<'_>,
        hash: [u8; 32],
        change: &SignInChange,
    ) -> Result<bool, Error> {
        let ((tenant, principal), change) = (who.names(), change.clone());
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "DELETE FROM recovery_codes WHERE tenant = $1 AND principal = $2 AND hash = $3";
                if tx.execute(sql, values![tenant, principal, hash]).await? == 0 {
                    return Ok(false);
                }
                tell(tx, "recovery_code_used", &change).await?;
                Ok(true)
            })
        })
        .await
    }

    /// Takes all second factors of `who` away, and ends its sessions. Returns whether there were any.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn remove_factors(&self, who: Person<'_>, change: &SignInChange) -> Result<bool, Error> {
        let ((tenant, principal), change) = (who.names(), change.clone());
        self.write(move |tx| {
            Box::pin(async move {
                hold_sessions(tx, &tenant, &principal).await?;
                let mut removed = 0;
                for sql in [
                    "DELETE FROM totp_secrets WHERE tenant = $1 AND principal = $2",
                    "DELETE FROM passkeys WHERE tenant = $1 AND principal = $2",
                    "DELETE FROM recovery_codes WHERE tenant = $1 AND principal = $2",
                ] {
                    removed += tx.execute(sql, values![&tenant, &principal]).await?;
                }
                if removed > 0 {
                    tell(tx, "second_factors_removed", &change).await?;
                }
                end_all(tx, (&tenant, &principal), None, &change).await?;
                Ok(removed > 0)
            })
        })
        .await
    }
}

/// Puts the codes of these hashes in the place of all that there are.
pub(super) async fn put_codes(
    tx: &mut Tx,
    tenant: &str,
    principal: &str,
    codes: Vec<[u8; 32]>,
) -> Result<(), Error> {
    let sql = "DELETE FROM recovery_codes WHERE tenant = $1 AND principal = $2";
    tx.execute(sql, values![tenant, principal]).await?;
    let rows = codes.into_iter().map(|hash| values![tenant, principal, hash]);
    let head = "INSERT INTO recovery_codes (tenant, principal, hash)";
    tx.insert_many(head, rows.collect(), "").await.map(drop)
}

impl FromRow for TotpRecord {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (sealed, confirmed_at) = <(Vec<u8>, Option<i64>)>::from_row(row)?;
        Ok(Self {
            sealed,
            is_confirmed: confirmed_at.is_some(),
        })
    }
}
