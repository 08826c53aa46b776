//! Maps of stateful calls: which stand-ins a reply was made with, for the call that names it by `previous_response_id`.

use std::time::Duration;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use privet_crypto::KeyId;
use privet_store::{Leaf, Tx, append_leaf, values};
use privet_types::{Secret, TenantId};

use super::key::DayKey;
use super::{DAY_MS, bad};
use crate::audit::{Access, Audited, Operation, SubjectChange};
use crate::followed::{RowName, name_of};
use crate::subject::{Place, millis, sealed, timestamp};
use crate::{Actor, Error, Ground, Record, SubjectId, SubjectRef, Vault};

const ATTEMPTS: usize = 16;
const ABSENT: Error = Error::Absent { what: "reply" };
const TABLE: &str = "reply_maps";
/// Longest id of a reply.
const LONGEST_ID: usize = 512;

/// `subject, key_id, created_at, expires_at, sealed`.
type ReplyRow = (Option<String>, [u8; 16], i64, i64, Vec<u8>);

/// The map of a reply, to be kept.
#[derive(Debug, Clone)]
pub struct NewReplyMap {
    /// The reply's id, as the provider gave it.
    pub reply: Secret<String>,
    /// Whom it is about. Sealed under the subject's key then, and gone with it.
    pub subject: Option<SubjectRef>,
    /// Stand-ins and what they stand for, 1,024 at most. What a later call needs of an earlier one goes in again: a map
    /// names no other.
    pub map: Record,
    /// How long it is kept; as long as a map may if absent.
    pub ttl: Option<Duration>,
}

/// The map of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyMap {
    /// Whom it is about.
    pub subject: Option<SubjectId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Stand-ins and what they stand for.
    pub map: Record,
}

impl Vault {
    /// Keeps the map of a reply, in the place of an earlier one of that reply.
    ///
    /// # Errors
    /// [`Error::BadField`] if id or life cannot be; [`Error::Absent`] and [`Error::Restricted`] of the subject.
    pub async fn put_reply_map(
        &self,
        actor: &Actor,
        new: &NewReplyMap,
        ground: Ground,
    ) -> Result<Timestamp, Error> {
        if !(1..=LONGEST_ID).contains(&new.reply.expose().len()) {
            return Err(bad("reply", "an id of 1 to 512 bytes"));
        }
        let longest = Duration::from_secs(u64::from(self.config.archive.reply_map_days) * 86_400);
        let ttl = new.ttl.unwrap_or(longest);
        if ttl.as_millis() == 0 || ttl > longest {
            return Err(bad("ttl", "a map may not live that long, or not at all"));
        }
        let ids = self.reply_ids(&actor.tenant, &new.reply).await?;
        let (id, former) = ids.split_first().ok_or(Error::Stopped)?;
        let (id, former) = (*id, former.to_vec());
        for _ in 0..ATTEMPTS {
            let at = self.now();
            let end = at.as_millisecond() + millis(ttl);
            let day = end.div_euclid(DAY_MS);
            let who = new.subject.as_ref();
            let owner = self
                .owner_of_day(actor, who, DayKey::ReplyMaps, day, ground)
                .await?;
            let subject = owner.subject().cloned();
            self.count_seals(&actor.tenant, owner.keys().id, &new.map).await?;
            let name = record_name(&id, at.as_millisecond(), end);
            let place = place(&actor.tenant, subject.as_ref(), &name);
            let container = sealed::seal(owner.keys(), &place, &new.map)?;
            let expires_at = timestamp(end)?;
            let change = SubjectChange {
                subject: owner.pseudonym(),
                count: Some(new.map.fields().len() as u64),
                expires_at: Some(expires_at),
                ground,
                ..SubjectChange::by(actor, at).storing(&container)
            };
            let former = former.clone();
            let is_written = self
                .store
                .database()
                .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                    Box::pin(async move {
                        if !owner.hold(tx).await? {
                            return Ok(false);
                        }
                        let mut before: Vec<Option<RowName>> = Vec::new();
                        for id in former {
                            before.extend(taken(tx, &change.tenant, id).await?);
                        }
                        for _ in 0..ATTEMPTS {
                            let stored = tx
                                .execute(
                                    "INSERT INTO reply_maps (tenant, id, day, subject, key_id, created_at, expires_at, \
                                     sealed, name_in_log) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
                                     ON CONFLICT (tenant, id) DO NOTHING",
                                    values![
                                        &change.tenant,
                                        id,
                                        day,
                                        subject.as_ref().map(SubjectId::as_str),
                                        *owner.keys().id.as_bytes(),
                                        change.at.as_millisecond(),
                                        end,
                                        container.as_slice(),
                                        name_of(&container)
                                    ],
                                )
                                .await?;
                            if stored == 1 {
                                let leaf = Leaf {
                                    kind: "reply_map_stored",
                                    tenant: &change.tenant,
                                    at: change.at,
                                    payload: &change.clone().ending(before),
                                };
                                append_leaf(tx, leaf).await?;
                                return Ok(true);
                            }
                            before.extend(taken(tx, &change.tenant, id).await?);
                        }
                        Err(Error::VersionConflict { found: 0 })
                    })
                })
                .await?;
            if is_written {
                return Ok(expires_at);
            }
        }
        Err(Error::VersionConflict { found: 0 })
    }

    /// The map of the reply `reply`.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is none, it has ended, or its key is shredded; [`Error::Restricted`];
    /// [`Error::Damaged`].
    pub async fn reply_map(
        &self,
        actor: &Actor,
        reply: &Secret<String>,
        ground: Ground,
    ) -> Result<Audited<ReplyMap>, Error> {
        let ids = self.reply_ids(&actor.tenant, reply).await?;
        let (tenant, now) = (actor.tenant.clone(), self.now().as_millisecond());
        let found: Option<([u8; 32], ReplyRow)> = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    for id in ids {
                        let row: Option<ReplyRow> = tx
                            .optional(
                                "SELECT subject, key_id, created_at, expires_at, sealed FROM reply_maps \
                                 WHERE tenant = $1 AND id = $2 AND expires_at > $3",
                                values![tenant.as_str(), id, now],
                            )
                            .await?;
                        if let Some(row) = row {
                            return Ok(Some((id, row)));
                        }
                    }
                    Ok(None)
                })
            })
            .await?;
        let (id, row) = found.ok_or(ABSENT)?;
        let (subject, key_id, created_at, expires_at, container) = row;
        let subject = subject.map(SubjectId::stored);
        let key_id = KeyId::from_bytes(key_id);
        let owner = self
            .owner(&actor.tenant, subject.as_ref(), key_id, ground, "reply")
            .await?;
        let name = record_name(&id, created_at, expires_at);
        let map = sealed::open(
            owner.keys(),
            &place(&actor.tenant, subject.as_ref(), &name),
            &container,
        )?;
        let mut access = Access::shown(actor, self.now(), Operation::ReadReplyMap, ground);
        let fields = map.fields().len();
        if let Some(pseudonym) = owner.pseudonym() {
            access = access.of(pseudonym, fields);
        }
        Ok(Audited {
            value: ReplyMap {
                subject,
                created_at: timestamp(created_at)?,
                expires_at: timestamp(expires_at)?,
                map,
            },
            access,
        })
    }

    /// What is kept of a reply's id: first what a new map gets, then what those from before a rotation have.
    async fn reply_ids(&self, tenant: &TenantId, reply: &Secret<String>) -> Result<Vec<[u8; 32]>, Error> {
        let keys = self.keyring.index_keys(tenant, "privet/reply-map").await?;
        Ok(keys
            .iter()
            .map(|key| key.exact(reply.expose().as_bytes()))
            .collect())
    }
}

/// Takes the map with this id away, if there is one, and says what the log calls it.
async fn taken(tx: &mut Tx, tenant: &str, id: [u8; 32]) -> Result<Vec<Option<RowName>>, Error> {
    Ok(tx
        .rows(
            "DELETE FROM reply_maps WHERE tenant = $1 AND id = $2 RETURNING name_in_log",
            values![tenant, id],
        )
        .await?)
}

pub(crate) fn record_name(id: &[u8; 32], created_at: i64, expires_at: i64) -> String {
    format!("reply/{}/{created_at}/{expires_at}", HEXLOWER.encode(id))
}

fn place<'a>(tenant: &'a TenantId, subject: Option<&'a SubjectId>, record: &'a str) -> Place<'a> {
    Place {
        tenant: tenant.as_str(),
        subject: subject.map_or("", SubjectId::as_str),
        record,
        version: 1,
        table: TABLE,
    }
}
