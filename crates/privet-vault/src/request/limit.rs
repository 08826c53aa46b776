//! How many codes are sent to a person, and how often a wrong one may be typed, over all of the person's requests.
//!
//! A person is counted by each name that a request gave, known or not, and by the subject itself. Who comes to the limit of a
//! name is told so; who is known has no part in that. Past the limit of the subject, by several names, the answers are those
//! for somebody unknown: nothing is sent, and no code is right.

use jiff::{SignedDuration, Timestamp};
use privet_crypto::HashKey;
use privet_store::{Tx, values};
use privet_types::TenantId;

use super::Requests;
use super::machine::Step;
use super::model::{IdentityHash, Request};
use crate::{Actor, Error, Vault};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tried {
    /// A code was sent.
    Code,
    /// A code was typed that is wrong.
    Wrong,
    /// A code was typed that is right, which counts for nothing.
    Right,
}

/// What a step counts for whom.
#[derive(Debug, Clone)]
pub(super) struct Tries {
    what: Tried,
    /// Keyed hashes of the names that the request gave, in order.
    names: Vec<[u8; 32]>,
    /// Keyed hash of the subject; of the names if nobody is known by them.
    subject: [u8; 32],
    most: i64,
    ends_at: i64,
}

impl Tried {
    const fn kind(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Wrong | Self::Right => "attempt",
        }
    }

    const fn of(step: &Step) -> Option<Self> {
        match step {
            Step::SendCode { .. } => Some(Self::Code),
            Step::TypeCode { is_right: false } => Some(Self::Wrong),
            Step::TypeCode { is_right: true } => Some(Self::Right),
            _ => None,
        }
    }
}

/// The key of the hashes by which persons are counted.
pub(super) async fn person_key(vault: &Vault, tenant: &TenantId) -> Result<HashKey, Error> {
    let keyring = &vault.keyring;
    Ok(keyring
        .tenant_hash_key(tenant, "privet/vault/request-person")
        .await?)
}

/// By what the person is counted whom a request named so.
pub(super) fn name(key: &HashKey, identity: &IdentityHash) -> [u8; 32] {
    key.hash(&[b"name", identity.kind.as_bytes(), identity.hash.as_bytes()])
}

impl Requests {
    /// What `step` of `request` counts, if it does.
    pub(super) async fn tries(
        &self,
        actor: &Actor,
        request: &Request,
        step: &Step,
        at: Timestamp,
    ) -> Result<Option<Tries>, Error> {
        let Some(what) = Tried::of(step) else {
            return Ok(None);
        };
        let key = person_key(&self.vault, &actor.tenant).await?;
        let names = request.identities.iter().map(|identity| name(&key, identity));
        // In one order for all, so that nobody waits for whom waits for them.
        let mut names: Vec<[u8; 32]> = names.collect();
        names.sort_unstable();
        names.dedup();
        let subject = match &request.subject {
            Some(subject) => key.hash(&[b"subject", subject.as_str().as_bytes()]),
            None => {
                let parts: Vec<&[u8]> = names.iter().map(<[u8; 32]>::as_slice).collect();
                key.hash(&[b"nobody".as_slice(), &parts.concat()])
            }
        };
        let most = match what {
            Tried::Code => self.config.person_codes,
            Tried::Wrong | Tried::Right => self.config.person_attempts,
        };
        let window = SignedDuration::from_secs(self.config.person_seconds.into());
        let ends_at = at.saturating_add(window).unwrap_or(Timestamp::MAX);
        Ok(Some(Tries {
            what,
            names,
            subject,
            most: most.into(),
            ends_at: ends_at.as_millisecond(),
        }))
    }

    /// Whether so many wrong codes were typed for the subject of `request` that none is right any more.
    pub(super) async fn is_shut(&self, actor: &Actor, request: &Request) -> Result<bool, Error> {
        let at = self.vault.now();
        let typed = Step::TypeCode { is_right: true };
        let Some(tries) = self.tries(actor, request, &typed, at).await? else {
            return Ok(false);
        };
        let tenant = actor.tenant.clone();
        self.vault
            .store
            .database()
            .read::<_, Error, _>(&Vault::scope(actor), move |tx| {
                Box::pin(async move {
                    let made = tries.made(tx, tenant.as_str(), tries.subject, at).await?;
                    Ok(made >= tries.most)
                })
            })
            .await
    }
}

impl Tries {
    /// Counts in the transaction that writes the step. Says whether the subject itself is past its limit, so that nothing may
    /// be sent.
    ///
    /// # Errors
    /// [`Error::NotReady`] if a name is past its limit: then nothing may be written.
    pub(super) async fn count(&self, tx: &mut Tx, tenant: &str, at: Timestamp) -> Result<bool, Error> {
        let over = Error::NotReady {
            why: "too many codes were sent or typed wrongly for this person; try again later, or vouch",
        };
        for name in &self.names {
            let is_over = match self.what {
                Tried::Right => self.made(tx, tenant, *name, at).await? >= self.most,
                _ => self.add(tx, tenant, *name, at).await? > self.most,
            };
            if is_over {
                return Err(over);
            }
        }
        match self.what {
            Tried::Right => Ok(false),
            _ => Ok(self.add(tx, tenant, self.subject, at).await? > self.most),
        }
    }

    async fn made(&self, tx: &mut Tx, tenant: &str, person: [u8; 32], at: Timestamp) -> Result<i64, Error> {
        let made: Option<i64> = tx
            .optional(
                "SELECT made FROM request_tries WHERE tenant = $1 AND person = $2 AND kind = $3 AND ends_at > $4",
                values![tenant, person, self.what.kind(), at.as_millisecond()],
            )
            .await?;
        Ok(made.unwrap_or_default())
    }

    async fn add(&self, tx: &mut Tx, tenant: &str, person: [u8; 32], at: Timestamp) -> Result<i64, Error> {
        let sql = "INSERT INTO request_tries (tenant, person, kind, made, ends_at) VALUES ($1, $2, $3, 1, $4) \
                   ON CONFLICT (tenant, person, kind) DO UPDATE SET \
                   made = CASE WHEN request_tries.ends_at <= $5 THEN 1 ELSE request_tries.made + 1 END, \
                   ends_at = CASE WHEN request_tries.ends_at <= $5 THEN excluded.ends_at \
                   ELSE request_tries.ends_at END RETURNING made";
        let (kind, now) = (self.what.kind(), at.as_millisecond());
        Ok(tx
            .one(sql, values![tenant, person, kind, self.ends_at, now])
            .await?)
    }
}

/// Deletes what was counted and is over: `most` rows at most.
pub(crate) async fn sweep(tx: &mut Tx, tenant: &str, now: Timestamp, most: u32) -> Result<u64, Error> {
    let sql = "DELETE FROM request_tries WHERE tenant = $1 AND (person, kind) IN \
               (SELECT person, kind FROM request_tries WHERE tenant = $1 AND ends_at <= $2 ORDER BY ends_at LIMIT $3)";
    Ok(tx
        .execute(sql, values![tenant, now.as_millisecond(), most])
        .await?)
}
