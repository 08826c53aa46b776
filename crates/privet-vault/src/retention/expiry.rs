//! Subjects that are scheduled for deletion, with a link by which they decide themselves.

use jiff::Timestamp;
use privet_crypto::{random_uuid, sha256};
use privet_store::{Leaf, Scope, Tx, append_leaf, values};
use privet_types::TenantId;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Retention, canonical};
use crate::audit::Complete;
use crate::consent::bad;
use crate::{Actor, Error};

/// Where a scheduled deletion stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExpiryState {
    /// Waits for its time.
    Wait,
    /// The subject keeps their data.
    Retain,
    /// The subject asked for deletion now.
    Due,
}

/// A scheduled deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiryStatus {
    /// Where it stands.
    pub state: ExpiryState,
    /// When it was started, milliseconds since the epoch.
    pub started_at: i64,
    /// When the subject is deleted; `None` if they are not.
    pub expires_at: Option<i64>,
    /// Whether a legal hold keeps the subject's data now, so that nothing is deleted when the time comes.
    pub is_held: bool,
}

#[derive(Debug, Serialize)]
struct ExpiryLeaf<'a> {
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    principal: &'a str,
}

impl ExpiryState {
    const fn name(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Retain => "retain",
            Self::Due => "due",
        }
    }

    fn parse(name: &str) -> Result<Self, Error> {
        [Self::Wait, Self::Retain, Self::Due]
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or(Error::Damaged {
                table: "subject_expiries",
            })
    }
}

impl Retention {
    /// Schedules `subject` for deletion at `expires_at`. Returns the token for the subject's link; an earlier one no longer
    /// works. Only its hash is stored.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is no such subject, [`Error::BadField`] if the time is past.
    pub async fn start_expiry(
        &self,
        actor: &Actor,
        subject: &str,
        expires_at: Timestamp,
    ) -> Result<String, Error> {
        let now = self.clock.now();
        if expires_at < now {
            return Err(bad("expiration", "must not be in the past"));
        }
        let token = random_uuid()?;
        let hash = sha256(token.as_bytes()).to_vec();
        let end = expires_at.as_millisecond();
        self.change(actor, subject, "expiry_started", Some(end), move |tx, tenant, subject| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO subject_expiries (tenant, subject, token_hash, state, started_at, expires_at) \
                     VALUES ($1, $2, $3, 'wait', $4, $5) ON CONFLICT (tenant, subject) DO UPDATE SET \
                     token_hash = excluded.token_hash, state = excluded.state, \
                     started_at = excluded.started_at, expires_at = excluded.expires_at",
                    values![tenant, subject, hash, now.as_millisecond(), end],
                )
                .await
            })
        })
        .await?;
        Ok(token)
    }

    /// How the deletion of `subject` stands; `None` if none was scheduled, or it was cancelled.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is no such subject.
    pub async fn expiry(&self, tenant: &TenantId, subject: &str) -> Result<Option<ExpiryStatus>, Error> {
        self.expect_known(tenant, subject).await?;
        let is_held = !self.holds_on(tenant, subject).await?.is_empty();
        let (tenant, subject) = (tenant.clone(), canonical(subject));
        let row: Option<(String, i64, Option<i64>)> = self
            .database
            .read::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .optional(
                            "SELECT state, started_at, expires_at FROM subject_expiries \
                             WHERE tenant = $1 AND subject = $2",
                            values![tenant.as_str(), subject],
                        )
                        .await?)
                })
            })
            .await?;
        row.map(|(state, started_at, expires_at)| {
            Ok(ExpiryStatus {
                state: ExpiryState::parse(&state)?,
                started_at,
                expires_at,
                is_held,
            })
        })
        .transpose()
    }

    /// Cancels the deletion of `subject`. Returns whether one was scheduled.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is no such subject.
    pub async fn cancel_expiry(&self, actor: &Actor, subject: &str) -> Result<bool, Error> {
        self.change(actor, subject, "expiry_cancelled", None, |tx, tenant, subject| {
            Box::pin(async move { forget(tx, tenant, subject).await })
        })
        .await
    }

    /// The subject keeps their data, by the token of their link. Returns who it is.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is no such token, or it was used.
    pub async fn retain_by_token(&self, actor: &Actor, token: &str) -> Result<String, Error> {
        let subject = self.subject_of(&actor.tenant, token).await?;
        let hash = sha256(token.as_bytes()).to_vec();
        self.use_token(actor, &subject, hash, ExpiryState::Retain, None)
            .await?;
        Ok(subject)
    }

    /// The subject wants to be deleted now, by the token of their link. Returns who it is, for who deletes; if they cannot
    /// be deleted now, as under a hold, they stay due.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is no such token, or it was used.
    pub async fn delete_by_token(&self, actor: &Actor, token: &str) -> Result<String, Error> {
        let subject = self.subject_of(&actor.tenant, token).await?;
        let hash = sha256(token.as_bytes()).to_vec();
        let now = self.clock.now().as_millisecond();
        self.use_token(actor, &subject, hash, ExpiryState::Due, Some(now))
            .await?;
        Ok(subject)
    }

    /// Whose link has this token: who holds one need not know the tenant.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is no such token, or it was used.
    pub async fn tenant_of_link(&self, token: &str) -> Result<TenantId, Error> {
        let hash = sha256(token.as_bytes());
        let found: Option<String> = self
            .database
            .read::<_, Error, _>(&Scope::Installation, move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .optional(
                            "SELECT tenant FROM subject_expiries WHERE token_hash = $1 AND state = 'wait'",
                            values![hash],
                        )
                        .await?)
                })
            })
            .await?;
        let tenant = found.ok_or(Error::Absent { what: "token" })?;
        tenant.parse().map_err(|_| Error::Damaged {
            table: "subject_expiries",
        })
    }

    /// Up to `limit` subjects of `tenant` whose time has come and whom no hold keeps, the longest due first.
    ///
    /// # Errors
    /// [`Error::Store`] if the store does not answer.
    pub async fn due_expiries(&self, tenant: &TenantId, limit: u32) -> Result<Vec<String>, Error> {
        let (tenant, now) = (tenant.clone(), self.clock.now().as_millisecond());
        self.database
            .read(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let sql = format!(
                        "SELECT subject FROM subject_expiries e WHERE tenant = $1 AND state IN ('wait', 'due') \
                         AND expires_at <= $2 AND NOT EXISTS (SELECT 1 FROM active_holds h \
                             WHERE h.tenant = e.tenant AND (h.until IS NULL OR h.until > $2) \
                             AND (h.subject IS NULL OR h.subject = e.subject)) \
                         ORDER BY expires_at, subject LIMIT {limit}"
                    );
                    Ok(tx.rows(sql, values![tenant.as_str(), now]).await?)
                })
            })
            .await
    }

    /// The subject was deleted: in the transaction of their erasure, forgets that it was scheduled.
    ///
    /// # Errors
    /// [`Error::Store`] if the store does not answer.
    pub async fn finish_expiry(tx: &mut Tx, tenant: &TenantId, subject: &str) -> Result<(), Error> {
        forget(tx, tenant.as_str(), &canonical(subject)).await?;
        Ok(())
    }

    async fn subject_of(&self, tenant: &TenantId, token: &str) -> Result<String, Error> {
        let (tenant, hash) = (tenant.clone(), sha256(token.as_bytes()));
        let found: Option<String> = self
            .database
            .read::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .optional(
                            "SELECT subject FROM subject_expiries \
                             WHERE tenant = $1 AND token_hash = $2 AND state = 'wait'",
                            values![tenant.as_str(), hash],
                        )
                        .await?)
                })
            })
            .await?;
        found.ok_or(Error::Absent { what: "token" })
    }

    async fn use_token(
        &self,
        actor: &Actor,
        subject: &str,
        hash: Vec<u8>,
        state: ExpiryState,
        expires_at: Option<i64>,
    ) -> Result<(), Error> {
        let leaf = match state {
            ExpiryState::Due => "expiry_hastened",
            ExpiryState::Retain | ExpiryState::Wait => "expiry_declined",
        };
        let is_used = self
            .change(actor, subject, leaf, expires_at, move |tx, tenant, subject| {
                Box::pin(async move {
                    tx.execute(
                        "UPDATE subject_expiries SET state = $4, expires_at = $5, token_hash = NULL \
                         WHERE tenant = $1 AND subject = $2 AND token_hash = $3 AND state = 'wait'",
                        values![tenant, subject, hash, state.name(), expires_at],
                    )
                    .await
                })
            })
            .await?;
        // Somebody else was faster.
        is_used.then_some(()).ok_or(Error::Absent { what: "token" })
    }

    /// Runs a change of one row; if it changes one, the log is told of it.
    async fn change<F>(
        &self,
        actor: &Actor,
        subject: &str,
        kind: &'static str,
        expires_at: Option<i64>,
        work: F,
    ) -> Result<bool, Error>
    where
        F: for<'c> FnOnce(&'c mut Tx, &'c str, &'c str) -> privet_store::Work<'c, u64, privet_store::Error>
            + Send
            + 'static,
    {
        let (name, _) = self.expect_known(&actor.tenant, subject).await?;
        let (tenant, principal, subject) = (
            actor.tenant.clone(),
            actor.principal.0.clone(),
            canonical(subject),
        );
        let at = self.clock.now();
        self.database
            .write(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    if work(tx, tenant.as_str(), &subject).await? == 0 {
                        return Ok::<_, Error>(false);
                    }
                    let payload = ExpiryLeaf {
                        subject: name.to_hex(),
                        expires_at,
                        principal: &principal,
                    };
                    let leaf = Leaf {
                        kind,
                        tenant: tenant.as_str(),
                        at,
                        payload: &Complete::new(&payload, tenant.as_str()).at(at),
                    };
                    append_leaf(tx, leaf).await?;
                    Ok(true)
                })
            })
            .await
    }
}

async fn forget(tx: &mut Tx, tenant: &str, subject: &str) -> Result<u64, privet_store::Error> {
    tx.execute(
        "DELETE FROM subject_expiries WHERE tenant = $1 AND subject = $2",
        values![tenant, subject],
    )
    .await
}
