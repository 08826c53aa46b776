//! How many codes are sent to a person, and how often a wrong one may be typed, over all of the person's requests.
//!
//! A person is counted by each name that a request gave, known or not, and by the subject itself. Who comes to the limit of a
//! name is told so; who is known has no part in that. Past the limit of the subject, by several names, the answers are those
//! for somebody unknown: nothing is sent, and no code is right.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use privet_crypto::HashKey;
use privet_store::{Backend, Tx, values};
use privet_types::TenantId;

use super::Requests;
use super::machine::Step;
use super::model::{IdentityHash, Request};
use crate::{Actor, Error, Vault};

const OVER: Error = Error::NotReady {
    why: "too many codes were sent or typed wrongly for this person; try again later, or vouch",
};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tried {
    /// A code is sent.
    Code,
    /// A code is sent to nobody.
    NoCode,
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
            Self::Code | Self::NoCode => "code",
            Self::Wrong | Self::Right => "attempt",
        }
    }

    const fn of(step: &Step) -> Option<Self> {
        match step {
            Step::SendCode { is_sent: true, .. } => Some(Self::Code),
            Step::SendCode { is_sent: false, .. } => Some(Self::NoCode),
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
            Tried::Code | Tried::NoCode => self.config.person_codes,
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

    /// As what the person of `request` is counted: by the names that all of its requests gave, and itself.
    ///
    /// # Errors
    /// Those of the store and the keyring.
    pub(super) async fn counted_as(
        &self,
        actor: &Actor,
        request: &Request,
    ) -> Result<BTreeSet<[u8; 32]>, Error> {
        let tenant = actor.tenant.clone();
        let subject = request
            .subject
            .as_ref()
            .map(|subject| subject.as_str().to_owned());
        let ids: Vec<String> = self
            .vault
            .store
            .database()
            .read::<_, Error, _>(&Vault::scope(actor), move |tx| {
                Box::pin(async move {
                    let sql = "SELECT id FROM subject_requests WHERE tenant = $1 AND subject = $2";
                    Ok(tx.rows(sql, values![tenant.as_str(), subject]).await?)
                })
            })
            .await?;
        let (typed, at) = (Step::TypeCode { is_right: true }, self.vault.now());
        let mut persons = BTreeSet::new();
        for id in ids {
            let request = match self.row(actor, &id).await {
                Ok(row) => row.case.request,
                // Nobody knows any more what it named; that ends by itself.
                Err(Error::Damaged { .. } | Error::Absent { .. }) => continue,
                Err(error) => return Err(error),
            };
            if let Some(tries) = self.tries(actor, &request, &typed, at).await? {
                persons.extend(tries.names);
                persons.insert(tries.subject);
            }
        }
        Ok(persons)
    }

    /// Deletes what was counted for `persons`.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn forget_tries(&self, actor: &Actor, persons: BTreeSet<[u8; 32]>) -> Result<(), Error> {
        // Each in a transaction of its own: it waits for nobody while it holds a row.
        for person in persons {
            let tenant = actor.tenant.clone();
            self.vault
                .store
                .database()
                .write::<_, Error, _>(&Vault::scope(actor), move |tx| {
                    Box::pin(async move {
                        for kind in ["attempt", "code"] {
                            tx.execute(
                                "DELETE FROM request_tries WHERE tenant = $1 AND person = $2 AND kind = $3",
                                values![tenant.as_str(), person, kind],
                            )
                            .await?;
                        }
                        Ok(())
                    })
                })
                .await?;
        }
        Ok(())
    }

    /// Whether the limit of the subject of `request` is reached for `step`: then nothing is sent, and no code is right.
    /// Looked at before a code is made or compared; [`Tries::count`] has the last word.
    ///
    /// # Errors
    /// [`Error::NotReady`] if that of a name is reached.
    pub(super) async fn is_shut(&self, actor: &Actor, request: &Request, step: &Step) -> Result<bool, Error> {
        let at = self.vault.now();
        let Some(tries) = self.tries(actor, request, step, at).await? else {
            return Ok(false);
        };
        let tenant = actor.tenant.clone();
        self.vault
            .store
            .database()
            .read::<_, Error, _>(&Vault::scope(actor), move |tx| {
                Box::pin(async move {
                    for name in &tries.names {
                        if tries.made(tx, tenant.as_str(), *name, at).await? >= tries.most {
                            return Err(OVER);
                        }
                    }
                    let made = tries.made(tx, tenant.as_str(), tries.subject, at).await?;
                    Ok(made >= tries.most)
                })
            })
            .await
    }
}

impl Tries {
    /// Counts in the transaction that writes the step. Whoever counts for the same person waits until it ends.
    ///
    /// # Errors
    /// [`Error::NotReady`] if a name is past its limit. If the subject is: [`Error::NotDelivered`] for a code that is sent, and
    /// [`Error::WrongCode`] for a right one. Then nothing may be written; the step is to be done as for somebody unknown.
    pub(super) async fn count(&self, tx: &mut Tx, tenant: &str, at: Timestamp) -> Result<(), Error> {
        for name in &self.names {
            if self.add(tx, tenant, *name, at).await? {
                return Err(OVER);
            }
        }
        match (self.what, self.add(tx, tenant, self.subject, at).await?) {
            (Tried::Code, true) => Err(Error::NotDelivered),
            (Tried::Right, true) => Err(Error::WrongCode { left: 0 }),
            _ => Ok(()),
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

    /// Counts for `person`. Whether that is past the limit, or would be, had the code been wrong.
    async fn add(&self, tx: &mut Tx, tenant: &str, person: [u8; 32], at: Timestamp) -> Result<bool, Error> {
        // A right code holds the row, and leaves what it says.
        let more = i64::from(self.what != Tried::Right);
        let is_anew = "request_tries.ends_at <= $6 OR request_tries.made = 0";
        let sql = format!(
            "INSERT INTO request_tries (tenant, person, kind, made, ends_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (tenant, person, kind) DO UPDATE SET \
             made = CASE WHEN {is_anew} THEN excluded.made ELSE request_tries.made + excluded.made END, \
             ends_at = CASE WHEN {is_anew} THEN excluded.ends_at ELSE request_tries.ends_at END RETURNING made"
        );
        let (kind, now) = (self.what.kind(), at.as_millisecond());
        let values = values![tenant, person, kind, more, self.ends_at, now];
        let made: i64 = tx.one(sql, values).await?;
        Ok(made + 1 - more > self.most)
    }
}

/// Deletes what was counted and is over: `most` rows at most.
pub(crate) async fn sweep(tx: &mut Tx, tenant: &str, now: Timestamp, most: u32) -> Result<u64, Error> {
    // Whoever counts holds some rows and waits for others. What it holds is counted anew, or swept the next time.
    let unheld = match tx.backend() {
        Backend::Postgres => "FOR UPDATE SKIP LOCKED",
        Backend::Sqlite => "",
    };
    let sql = format!(
        "DELETE FROM request_tries WHERE tenant = $1 AND (person, kind) IN \
         (SELECT person, kind FROM request_tries WHERE tenant = $1 AND ends_at <= $2 ORDER BY ends_at LIMIT $3 {unheld})"
    );
    Ok(tx
        .execute(sql, values![tenant, now.as_millisecond(), most])
        .await?)
}
