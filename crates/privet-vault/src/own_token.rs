//! Tokens with which a person calls for themselves, until they end. Only their hashes are kept.

use std::time::Duration;

use jiff::Timestamp;
use privet_crypto::{random_uuid, sha256};
use privet_store::{Leaf, Scope, Tx, append_leaf, values};
use privet_types::{Pseudonym, Secret, TenantId};

use crate::audit::SubjectChange;
use crate::followed::{RowName, half};
use crate::subject::{Found, Keys, SubjectId, millis};
use crate::{Actor, Error, Ground, SubjectRef, Vault};

const ATTEMPTS: usize = 16;
const TABLE: &str = "own_tokens";
/// Most tokens of one subject; a further one ends the oldest.
const MOST_TOKENS: i64 = 32;
/// Longest life, however often it is used.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Life where nothing is said.
const USUAL: Duration = Duration::from_secs(600);

/// How long a token is to live. Longer than a day is cut to a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NewOwnToken {
    /// When it ends, however it is used; 10 minutes from now if nothing is said.
    pub ends_at: Option<Timestamp>,
    /// How long after its last use it ends.
    pub idle: Option<Duration>,
}

/// A token that was made.
#[derive(Debug, Clone)]
pub struct OwnToken {
    /// What the person calls with: a UUID. Only its hash is kept.
    pub token: Secret<String>,
    /// Whose.
    pub subject: SubjectId,
    /// When it ends, if it is not used.
    pub expires_at: Timestamp,
}

/// A person who calls for themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnCaller {
    /// On whose behalf: the tenant's, under the subject's own pseudonym.
    pub actor: Actor,
    /// Whose data may be asked for.
    pub subject: SubjectId,
}

/// `tenant, subject, created_at, ends_at, idle_ms, expires_at, mark`.
type TokenRow = (String, String, i64, i64, Option<i64>, i64, [u8; 32]);

/// Times of a token, in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Times {
    created_at: i64,
    ends_at: i64,
    idle: Option<i64>,
}

impl Times {
    fn of(new: NewOwnToken, now: i64) -> Self {
        let usual = if new.idle.is_some() { LONGEST } else { USUAL };
        let ends_at = new.ends_at.map_or(now + millis(usual), Timestamp::as_millisecond);
        Self {
            created_at: now,
            ends_at: ends_at.min(now + millis(LONGEST)),
            idle: new.idle.map(|idle| millis(idle.min(LONGEST))),
        }
    }

    /// When it ends if it is used `now` for the last time.
    fn expires_at(&self, now: i64) -> i64 {
        self.idle
            .map_or(self.ends_at, |idle| self.ends_at.min(now + idle))
    }

    /// The keyed hash that the row must have: nobody with the database alone makes a token live longer, or be another's.
    fn mark(&self, found: &Found, id: &[u8; 32], expires_at: i64) -> [u8; 32] {
        let times = [self.created_at, self.ends_at, self.idle.unwrap_or(-1), expires_at];
        mark(&found.keys, &found.row.tenant, found.row.id.as_str(), id, times)
    }
}

/// The same of a row: `times` are when it was made, when it ends for good, how long it may lie idle (-1: it may), and when it
/// ends as things stand.
pub(crate) fn mark(keys: &Keys, tenant: &str, subject: &str, id: &[u8; 32], times: [i64; 4]) -> [u8; 32] {
    let [created, ends, idle, expires] = times.map(i64::to_le_bytes);
    keys.mark(
        "privet/vault/own-token/1",
        &[
            tenant.as_bytes(),
            subject.as_bytes(),
            id,
            &created,
            &ends,
            &idle,
            &expires,
        ],
    )
}

impl Vault {
    /// A token with which `who` calls for themselves.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Restricted`]; [`Error::BadField`] if it would have ended already.
    pub async fn create_own_token(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        new: NewOwnToken,
        ground: Ground,
    ) -> Result<OwnToken, Error> {
        for _ in 0..ATTEMPTS {
            let found = self.find_for(actor, who, ground).await?;
            let at = self.now();
            let times = Times::of(new, at.as_millisecond());
            let end = times.expires_at(times.created_at);
            if end <= times.created_at {
                return Err(Error::BadField {
                    field: "finaltime".to_owned(),
                    why: "must be in the future",
                });
            }
            let expires_at = Timestamp::from_millisecond(end).map_err(|_| Error::Damaged { table: TABLE })?;
            let token = Secret::new(random_uuid()?);
            let id = sha256(token.expose().as_bytes());
            let mark = times.mark(&found, &id, end);
            let change = SubjectChange {
                subject: Some(found.pseudonym()),
                expires_at: Some(expires_at),
                ground,
                ..SubjectChange::by(actor, at).naming(half(&mark))
            };
            let subject = found.row.id.clone();
            let is_written = self
                .store
                .database()
                .write(&Self::scope(actor), move |tx| {
                    Box::pin(async move { write(tx, &found, id, times, (end, mark), change).await })
                })
                .await?;
            if is_written {
                return Ok(OwnToken {
                    token,
                    subject,
                    expires_at,
                });
            }
        }
        Err(Error::VersionConflict { found: 0 })
    }

    /// Who calls with `token`; that it was used makes it live on, if it ends when it is idle. `None` if there is no such
    /// token, it has ended, or the subject is gone.
    ///
    /// # Errors
    /// [`Error::Damaged`]; those of the store and the keyring.
    pub async fn own_caller(&self, token: &str) -> Result<Option<OwnCaller>, Error> {
        let id = sha256(token.to_ascii_lowercase().as_bytes());
        let now = self.now().as_millisecond();
        // Who holds a token names no tenant.
        let row: Option<TokenRow> = self
            .store
            .database()
            .read::<_, Error, _>(&Scope::Installation, move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .optional(
                            "SELECT tenant, subject, created_at, ends_at, idle_ms, expires_at, mark \
                             FROM own_tokens WHERE id = $1 AND expires_at > $2",
                            values![id, now],
                        )
                        .await?)
                })
            })
            .await?;
        let Some((tenant, subject, created_at, ends_at, idle, expires_at, mark)) = row else {
            return Ok(None);
        };
        let damaged = || Error::Damaged { table: TABLE };
        let tenant: TenantId = tenant.parse().map_err(|_| damaged())?;
        let subject = SubjectId::stored(subject);
        let nobody = Actor {
            tenant: tenant.clone(),
            principal: Pseudonym(String::new()),
        };
        let found = match self.find(&nobody, &SubjectRef::Token(subject.clone())).await {
            Err(Error::Absent { .. }) => return Ok(None),
            other => other?,
        };
        let times = Times {
            created_at,
            ends_at,
            idle,
        };
        if times.mark(&found, &id, expires_at) != mark {
            return Err(damaged());
        }
        let actor = Actor {
            tenant,
            principal: found.pseudonym(),
        };
        let later = times.expires_at(now);
        if later > expires_at {
            let mark = times.mark(&found, &id, later);
            self.keep(&actor, id, (expires_at, later), mark).await?;
        }
        Ok(Some(OwnCaller { actor, subject }))
    }

    /// Makes a token live on. Of two uses at once, one is enough.
    async fn keep(
        &self,
        actor: &Actor,
        id: [u8; 32],
        (before, after): (i64, i64),
        mark: [u8; 32],
    ) -> Result<(), Error> {
        let tenant = actor.tenant.clone();
        self.store
            .database()
            .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    tx.execute(
                        "UPDATE own_tokens SET expires_at = $1, mark = $2 \
                         WHERE tenant = $3 AND id = $4 AND expires_at = $5",
                        values![after, mark, tenant.as_str(), id, before],
                    )
                    .await?;
                    Ok(())
                })
            })
            .await
    }
}

async fn write(
    tx: &mut Tx,
    found: &Found,
    id: [u8; 32],
    times: Times,
    (expires_at, mark): (i64, [u8; 32]),
    change: SubjectChange,
) -> Result<bool, Error> {
    if !found.row.hold(tx).await? {
        return Ok(false);
    }
    let (tenant, subject) = (found.row.tenant.as_str(), found.row.id.as_str());
    tx.execute(
        "INSERT INTO own_tokens (tenant, id, subject, created_at, ends_at, idle_ms, expires_at, mark, name_in_log) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        values![
            tenant,
            id,
            subject,
            times.created_at,
            times.ends_at,
            times.idle,
            expires_at,
            mark,
            half(&mark)
        ],
    )
    .await?;
    let over: Vec<Option<RowName>> = tx
        .rows(
            "DELETE FROM own_tokens WHERE tenant = $1 AND subject = $2 AND id IN (SELECT id FROM own_tokens \
             WHERE tenant = $1 AND subject = $2 ORDER BY created_at DESC, id LIMIT 1000 OFFSET $3) \
             RETURNING name_in_log",
            values![tenant, subject, MOST_TOKENS],
        )
        .await?;
    let leaf = Leaf {
        kind: "own_token_created",
        tenant,
        at: change.at,
        payload: &change.ending(over),
    };
    append_leaf(tx, leaf).await?;
    Ok(true)
}
