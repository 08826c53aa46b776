//! Passkeys: public keys of authenticators, and what they are to sign.

use jiff::Timestamp;
use privet_types::{Principal, TenantId};

use super::factors::put_codes;
use super::{Person, SignInChange, bad_row, hold_session, tell, time};
use crate::sql::{FromRow, Row};
use crate::{Error, Store, values};

/// The key of an authenticator, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeyRecord {
    /// The authenticator's own name for it.
    pub credential: Vec<u8>,
    /// Whose installation space.
    pub tenant: TenantId,
    /// Who.
    pub principal: Principal,
    /// Public name, for lists and for removing it.
    pub id: String,
    /// What its person calls it.
    pub name: String,
    /// The public key, in COSE form.
    pub public_key: Vec<u8>,
    /// Signatures that the authenticator says it has made; 0 if it does not count.
    pub sign_count: u32,
    /// When it was added.
    pub made_at: Timestamp,
    /// When it was last used.
    pub used_at: Option<Timestamp>,
    /// Since when it is refused, since its count went backwards: somebody may have a copy.
    pub suspect_at: Option<Timestamp>,
}

const COLUMNS: &str =
    "credential, tenant, principal, id, name, public_key, sign_count, made_at, used_at, suspect_at";

impl Store {
    /// Uses up the challenge of this hash, which nobody takes after `expires_at`. Returns false if it was used before: of two who use it
    /// at once one wins. Those that are over are forgotten.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn use_challenge(
        &self,
        hash: [u8; 32],
        tenant: &TenantId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool, Error> {
        let row = values![hash, tenant.as_str(), expires_at.as_millisecond()];
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "DELETE FROM passkey_challenges WHERE expires_at <= $1";
                tx.execute(sql, values![now.as_millisecond()]).await?;
                let sql = "INSERT INTO passkey_challenges (hash, tenant, expires_at) VALUES ($1, $2, $3) \
                           ON CONFLICT DO NOTHING";
                Ok(tx.execute(sql, row).await? > 0)
            })
        })
        .await
    }

    /// Keeps a new passkey, with the hashes of new `codes` if its person has none yet. Returns false if the authenticator's key is
    /// known already, or its person has `most` of them; `None` if the session of the token hash `session`, in which that is done, has
    /// ended.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn insert_passkey(
        &self,
        passkey: &PasskeyRecord,
        most: u32,
        codes: Option<Vec<[u8; 32]>>,
        session: [u8; 32],
        change: &SignInChange,
    ) -> Result<Option<bool>, Error> {
        let (passkey, change) = (passkey.clone(), change.clone());
        self.write(move |tx| {
            Box::pin(async move {
                let (tenant, principal) = (passkey.tenant.as_str(), passkey.principal.as_str());
                if !hold_session(tx, tenant, principal, session).await? {
                    return Ok(None);
                }
                let sql = format!(
                    "INSERT INTO passkeys ({COLUMNS}) SELECT $1, $2, $3, $4, $5, $6, $7, $8, NULL, NULL \
                     WHERE (SELECT COUNT(*) FROM passkeys WHERE tenant = $2 AND principal = $3) < $9 \
                     ON CONFLICT DO NOTHING"
                );
                let row = values![
                    passkey.credential,
                    tenant,
                    principal,
                    &passkey.id,
                    &passkey.name,
                    passkey.public_key,
                    passkey.sign_count,
                    passkey.made_at.as_millisecond(),
                    most,
                ];
                if tx.execute(sql, row).await? == 0 {
                    return Ok(Some(false));
                }
                if let Some(codes) = codes {
                    put_codes(tx, tenant, principal, codes).await?;
                }
                tell(tx, "passkey_added", &change).await?;
                Ok(Some(true))
            })
        })
        .await
    }

    /// The passkey with the authenticator's name `credential`.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if it was changed by hand.
    pub async fn passkey(&self, credential: &[u8]) -> Result<Option<PasskeyRecord>, Error> {
        let row = values![credential];
        self.read(move |tx| {
            Box::pin(async move {
                let sql = format!("SELECT {COLUMNS} FROM passkeys WHERE credential = $1");
                tx.optional(sql, row).await
            })
        })
        .await
    }

    /// The passkeys of `who`, the oldest first.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if one was changed by hand.
    pub async fn list_passkeys(&self, who: Person<'_>) -> Result<Vec<PasskeyRecord>, Error> {
        let (tenant, principal) = who.names();
        self.read(move |tx| {
            Box::pin(async move {
                let sql = format!(
                    "SELECT {COLUMNS} FROM passkeys WHERE tenant = $1 AND principal = $2 ORDER BY made_at, id"
                );
                tx.rows(sql, values![tenant, principal]).await
            })
        })
        .await
    }

    /// A passkey was used at `change.at`, and says that it has made `sign_count` signatures. Returns false, and refuses it from then
    /// on, if it did not count on from what is known: then somebody may have a copy of it. One that does not count is always right.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn use_passkey(
        &self,
        credential: &[u8],
        sign_count: u32,
        change: &SignInChange,
    ) -> Result<bool, Error> {
        let (credential, change) = (credential.to_vec(), change.clone());
        self.write(move |tx| {
            Box::pin(async move {
                let at = change.at.as_millisecond();
                let sql = "UPDATE passkeys SET sign_count = $2, used_at = $3 WHERE credential = $1 \
                           AND suspect_at IS NULL AND (sign_count < $2 OR (sign_count = 0 AND $2 = 0))";
                let row = values![credential.as_slice(), sign_count, at];
                if tx.execute(sql, row).await? > 0 {
                    return Ok(true);
                }
                let sql = "UPDATE passkeys SET suspect_at = $2 WHERE credential = $1 AND suspect_at IS NULL";
                if tx.execute(sql, values![credential, at]).await? > 0 {
                    tell(tx, "passkey_suspect", &change).await?;
                }
                Ok(false)
            })
        })
        .await
    }

    /// Removes the passkey `id` of `who`, and the recovery codes if no second factor is left. Returns whether there was one.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn remove_passkey(
        &self,
        who: Person<'_>,
        id: &str,
        change: &SignInChange,
    ) -> Result<bool, Error> {
        let ((tenant, principal), id, change) = (who.names(), id.to_owned(), change.clone());
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "DELETE FROM passkeys WHERE tenant = $1 AND principal = $2 AND id = $3";
                if tx.execute(sql, values![&tenant, &principal, id]).await? == 0 {
                    return Ok(false);
                }
                let sql = "DELETE FROM recovery_codes WHERE tenant = $1 AND principal = $2 AND NOT EXISTS \
                           (SELECT 1 FROM passkeys WHERE tenant = $1 AND principal = $2) AND NOT EXISTS \
                           (SELECT 1 FROM totp_secrets WHERE tenant = $1 AND principal = $2 \
                            AND confirmed_at IS NOT NULL)";
                tx.execute(sql, values![&tenant, &principal]).await?;
                tell(tx, "passkey_removed", &change).await?;
                Ok(true)
            })
        })
        .await
    }
}

impl FromRow for PasskeyRecord {
    fn from_row(row: Row) -> Result<Self, Error> {
        const TABLE: &str = "passkeys";
        let (credential, tenant, principal, id, name, public_key, count, made_at, used_at, suspect_at) =
            <(
                Vec<u8>,
                String,
                String,
                String,
                String,
                Vec<u8>,
                i64,
                i64,
                Option<i64>,
                Option<i64>,
            )>::from_row(row)?;
        Ok(Self {
            credential,
            tenant: tenant.parse().map_err(|_| bad_row(TABLE, &id))?,
            principal: principal.parse().map_err(|_| bad_row(TABLE, &id))?,
            name,
            public_key,
            sign_count: u32::try_from(count).map_err(|_| bad_row(TABLE, &id))?,
            made_at: time(TABLE, &id, made_at)?,
            used_at: used_at.map(|ms| time(TABLE, &id, ms)).transpose()?,
            suspect_at: suspect_at.map(|ms| time(TABLE, &id, ms)).transpose()?,
            id,
        })
    }
}
