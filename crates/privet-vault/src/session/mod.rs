//! Sessions of applications: data that ends by itself.

mod mark;
mod sweep;

use std::time::Duration;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use privet_crypto::KeyId;
use privet_store::{Leaf, Tx, append_leaf, values};
use privet_types::TenantId;
use serde::Serialize;
use serde_json::{Value, json};

use crate::audit::{Access, Audited, Operation, SubjectChange};
use crate::followed::{RowName, name_of};
use crate::subject::{Owner, Place, millis, sealed, slid, timestamp};
use crate::{Actor, Error, Ground, Record, SubjectId, SubjectRef, Vault};

pub use mark::SessionMark;
pub use sweep::Swept;

const ATTEMPTS: usize = 16;
const ABSENT: Error = Error::Absent { what: "session" };
const TABLE: &str = "subject_sessions";
/// Longest name that a caller may give a session.
const LONGEST_NAME: usize = 256;

/// What a session is to be.
#[derive(Debug, Clone, Default)]
pub struct NewSession {
    /// Its name; a random one if absent. One that is there already is replaced.
    pub name: Option<String>,
    /// Whose it is, if anybody's.
    pub subject: Option<SubjectRef>,
    /// What it holds.
    pub data: Record,
    /// How long it lives; as long as a session may if absent.
    pub ttl: Option<Duration>,
    /// How long it lives after it was last read or written, if that is shorter.
    pub sliding: Option<Duration>,
    /// Whether lists show its name. It is kept then, sealed; else only a keyed hash of it is.
    pub keeps_name: bool,
}

/// A session. `Debug` shows neither name nor data.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Session {
    /// Its name, as the caller gave it; absent in lists, where only a keyed hash of it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whose it is.
    pub subject: Option<SubjectId>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends if it is not used any more.
    pub expires_at: Timestamp,
    /// When it ends however it is used, where uses make it live longer.
    pub until: Option<Timestamp>,
    /// How long it lives after it was last used.
    pub sliding: Option<Duration>,
    /// What it holds.
    pub data: Record,
}

/// `subject, key_id, version, created_at, expires_at, until_at, sliding_ms, sealed`. The version says what is sealed: the
/// data, or [`NAMED`] name and data.
type SessionRow = (
    Option<String>,
    [u8; 16],
    i64,
    i64,
    i64,
    Option<i64>,
    Option<i64>,
    Vec<u8>,
);

/// The version of containers that have name and data.
const NAMED: i64 = 2;

/// When a session ends.
#[derive(Debug, Clone, Copy)]
struct Times {
    created_at: i64,
    expires_at: i64,
    until_at: Option<i64>,
    sliding_ms: Option<i64>,
}

impl Vault {
    /// Begins a session, or replaces the one of that name. The oldest session of a subject ends when it has too many.
    ///
    /// # Errors
    /// [`Error::Absent`] and [`Error::Restricted`] of the subject; [`Error::BadField`] if name or life are not possible.
    pub async fn put_session(
        &self,
        actor: &Actor,
        new: NewSession,
        ground: Ground,
    ) -> Result<Session, Error> {
        let name = match new.name {
            Some(name) if (1..=LONGEST_NAME).contains(&name.len()) => name,
            Some(_) => {
                return Err(bad("session", "a session's name has 1 to 256 bytes"));
            }
            None => privet_crypto::random_uuid()?,
        };
        let ids = self.session_ids(&actor.tenant, &name).await?;
        let (id, former) = ids.split_first().ok_or(Error::Stopped)?;
        let (id, former) = (*id, former.to_vec());
        let longest = Duration::from_secs(self.config.session_seconds.into());
        let ttl = new.ttl.unwrap_or(longest);
        if ttl.is_zero() || ttl > longest || new.sliding.is_some_and(|span| span.is_zero()) {
            return Err(bad(
                "expiration",
                "a session may not live that long, or not at all",
            ));
        }
        // One that ends no sooner is as good as none.
        let sliding = new.sliding.filter(|span| *span < ttl);
        for _ in 0..ATTEMPTS {
            let owner = self.new_owner(actor, new.subject.as_ref(), ground).await?;
            let at = self.now();
            let end = slid(at, millis(ttl))?;
            let times = Times {
                created_at: at.as_millisecond(),
                expires_at: sliding.map_or(Ok(end), |span| slid(at, millis(span)))?,
                until_at: sliding.map(|_| end),
                sliding_ms: sliding.map(millis),
            };
            let expires_at = timestamp(times.expires_at)?;
            let session = Session {
                name: Some(name.clone()),
                subject: owner.subject().cloned(),
                created_at: at,
                expires_at,
                until: times.until_at.map(timestamp).transpose()?,
                sliding,
                data: new.data.clone(),
            };
            let record = times.record_name(&id);
            let (version, container) = if new.keeps_name {
                (NAMED, named(&name, &session.data)?)
            } else {
                (1, session.data.clone())
            };
            let place = place(
                actor.tenant.as_str(),
                session.subject.as_ref(),
                &record,
                version.unsigned_abs(),
            );
            self.count_seals(&actor.tenant, owner.keys().id, &container)
                .await?;
            let container = sealed::seal(owner.keys(), &place, &container)?;
            let most = self.config.sessions_per_subject;
            let write = WriteSession {
                tenant: actor.tenant.clone(),
                id,
                former: former.clone(),
                most,
                change: SubjectChange {
                    subject: owner.pseudonym(),
                    count: Some(session.data.fields().len() as u64),
                    expires_at: Some(expires_at),
                    ground,
                    ..SubjectChange::by(actor, at).storing(&container)
                },
                container,
                version,
                times,
                owner,
            };
            let ended = self
                .store
                .database()
                .write(&Self::scope(actor), move |tx| {
                    Box::pin(async move { write.run(tx).await })
                })
                .await?;
            if let Some(keys) = ended {
                self.shred_own(&actor.tenant, &keys).await?;
                return Ok(session);
            }
        }
        Err(Error::VersionConflict { found: 0 })
    }

    /// How long a session may live.
    #[must_use]
    pub fn longest_session(&self) -> Duration {
        Duration::from_secs(self.config.session_seconds.into())
    }

    /// The session of that name.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is none, or it has ended; [`Error::Restricted`]; [`Error::Damaged`].
    pub async fn session(
        &self,
        actor: &Actor,
        name: &str,
        ground: Ground,
    ) -> Result<Audited<Session>, Error> {
        self.session_of(actor, name, None, ground).await
    }

    /// As [`session`](Self::session), if it is `owner`'s. Of anybody else's it is not even told that there is one, and it is not
    /// used either.
    ///
    /// # Errors
    /// As [`session`](Self::session).
    pub async fn own_session(
        &self,
        actor: &Actor,
        name: &str,
        owner: &SubjectId,
        ground: Ground,
    ) -> Result<Audited<Session>, Error> {
        self.session_of(actor, name, Some(owner), ground).await
    }

    async fn session_of(
        &self,
        actor: &Actor,
        name: &str,
        only: Option<&SubjectId>,
        ground: Ground,
    ) -> Result<Audited<Session>, Error> {
        let ids = self.session_ids(&actor.tenant, name).await?;
        let (tenant, now) = (actor.tenant.clone(), self.now().as_millisecond());
        let found: Option<([u8; 32], SessionRow)> = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    for id in ids {
                        let row: Option<SessionRow> = tx
                            .optional(
                                "SELECT subject, key_id, version, created_at, expires_at, until_at, sliding_ms, sealed \
                                 FROM subject_sessions \
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
        if only.is_some_and(|only| row.0.as_deref() != Some(only.as_str())) {
            return Err(ABSENT);
        }
        let times = Times::of(&row);
        let (session, owner) = self.open_session(actor, &id, row, ground).await?;
        let mut access = Access::shown(actor, self.now(), Operation::ReadSession, ground);
        if let Some(pseudonym) = owner.pseudonym() {
            access = access.of(pseudonym, session.data.fields().len());
        }
        let expires_at = self.touch_session(&actor.tenant, id, times).await?;
        Ok(Audited {
            value: Session {
                name: Some(name.to_owned()),
                expires_at: timestamp(expires_at)?,
                ..session
            },
            access,
        })
    }

    /// The sessions of `who` that have not ended, newest first.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Restricted`], [`Error::Damaged`].
    pub async fn sessions(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        ground: Ground,
    ) -> Result<Audited<Vec<Session>>, Error> {
        let found = self.find_for(actor, who, ground).await?;
        let (tenant, subject) = (actor.tenant.clone(), found.row.id.clone());
        let now = self.now().as_millisecond();
        let rows: Vec<ListedRow> = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .rows(
                            "SELECT id, version, created_at, expires_at, until_at, sliding_ms, sealed \
                             FROM subject_sessions \
                             WHERE tenant = $1 AND subject = $2 AND expires_at > $3 ORDER BY created_at DESC, id",
                            values![tenant.as_str(), subject.as_str(), now],
                        )
                        .await?)
                })
            })
            .await?;
        let mut sessions = Vec::with_capacity(rows.len());
        for (id, version, created_at, expires_at, until_at, sliding_ms, container) in rows {
            let times = Times {
                created_at,
                expires_at,
                until_at,
                sliding_ms,
            };
            let record = times.record_name(&id);
            let subject = Some(found.row.id.clone());
            let place = place(
                actor.tenant.as_str(),
                subject.as_ref(),
                &record,
                version.unsigned_abs(),
            );
            let container = sealed::open(&found.keys, &place, &container)?;
            sessions.push(times.session(subject, version, container)?);
        }
        let fields = sessions.iter().map(|s| s.data.fields().len()).sum();
        let access = Access::shown(actor, self.now(), Operation::ListSessions, ground);
        Ok(Audited {
            access: access.of(found.pseudonym(), fields),
            value: sessions,
        })
    }

    /// Ends the session of that name.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is none, or it has ended already.
    pub async fn delete_session(&self, actor: &Actor, name: &str) -> Result<(), Error> {
        let ids = self.session_ids(&actor.tenant, name).await?;
        let at = self.now();
        let (tenant, change) = (actor.tenant.clone(), SubjectChange::by(actor, at));
        let own = self
            .store
            .database()
            .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let mut ended: Vec<(Option<String>, [u8; 16], Option<RowName>)> = Vec::new();
                    for id in ids {
                        let deleted = tx
                            .optional(
                                "DELETE FROM subject_sessions WHERE tenant = $1 AND id = $2 AND expires_at > $3 \
                                 RETURNING subject, key_id, name_in_log",
                                values![tenant.as_str(), id, at.as_millisecond()],
                            )
                            .await?;
                        ended.extend(deleted);
                    }
                    if ended.is_empty() {
                        return Err(ABSENT);
                    }
                    let leaf = Leaf {
                        kind: "session_ended",
                        tenant: tenant.as_str(),
                        at,
                        payload: &change.ending(ended.iter().map(|(.., name)| *name)),
                    };
                    append_leaf(tx, leaf).await?;
                    let own = ended.iter().filter(|(subject, ..)| subject.is_none());
                    Ok(own.map(|(_, key, _)| KeyId::from_bytes(*key)).collect::<Vec<_>>())
                })
            })
            .await?;
        self.shred_own(&actor.tenant, &own).await
    }

    /// What is kept of a session's name: first what a new one gets, then what those from before a rotation have.
    async fn session_ids(&self, tenant: &TenantId, name: &str) -> Result<Vec<[u8; 32]>, Error> {
        let keys = self.keyring.index_keys(tenant, "privet/session").await?;
        Ok(keys.iter().map(|key| key.exact(name.as_bytes())).collect())
    }

    async fn open_session(
        &self,
        actor: &Actor,
        id: &[u8; 32],
        row: SessionRow,
        ground: Ground,
    ) -> Result<(Session, Owner), Error> {
        let times = Times::of(&row);
        let (subject, key_id, version, .., container) = row;
        let subject = subject.map(SubjectId::stored);
        let key_id = KeyId::from_bytes(key_id);
        let owner = self
            .owner(&actor.tenant, subject.as_ref(), key_id, ground, "session")
            .await?;
        let record = times.record_name(id);
        let place = place(
            actor.tenant.as_str(),
            subject.as_ref(),
            &record,
            version.unsigned_abs(),
        );
        let container = sealed::open(owner.keys(), &place, &container)?;
        Ok((times.session(subject, version, container)?, owner))
    }

    /// Starts a sliding end anew. Says when the session ends now.
    async fn touch_session(&self, tenant: &TenantId, id: [u8; 32], times: Times) -> Result<i64, Error> {
        let Some(span) = times.sliding_ms else {
            return Ok(times.expires_at);
        };
        let slid = slid(self.now(), span)?;
        let end = times.until_at.map_or(slid, |until| until.min(slid));
        let owner = tenant.clone();
        self.store
            .database()
            .write::<_, Error, _>(&privet_store::Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    tx.execute(
                        "UPDATE subject_sessions SET expires_at = $1 \
                         WHERE tenant = $2 AND id = $3 AND created_at = $4 AND expires_at < $1",
                        values![end, owner.as_str(), id, times.created_at],
                    )
                    .await?;
                    Ok(())
                })
            })
            .await?;
        Ok(end.max(times.expires_at))
    }
}

struct WriteSession {
    tenant: TenantId,
    id: [u8; 32],
    /// What a session of that name from before a rotation has.
    former: Vec<[u8; 32]>,
    owner: Owner,
    container: Vec<u8>,
    version: i64,
    times: Times,
    most: u32,
    change: SubjectChange,
}

impl WriteSession {
    /// The keys of ended sessions that had no subject; `None` if the subject has changed meanwhile.
    async fn run(self, tx: &mut Tx) -> Result<Option<Vec<KeyId>>, Error> {
        if !self.owner.hold(tx).await? {
            return Ok(None);
        }
        let tenant = self.tenant.as_str();
        let mut before: Vec<(Option<String>, [u8; 16], Option<RowName>)> = Vec::new();
        for id in std::iter::once(self.id).chain(self.former) {
            let replaced = tx
                .optional(
                    "DELETE FROM subject_sessions WHERE tenant = $1 AND id = $2 \
                     RETURNING subject, key_id, name_in_log",
                    values![tenant, id],
                )
                .await?;
            before.extend(replaced);
        }
        let mut ended: Vec<Option<RowName>> = before.iter().map(|(.., name)| *name).collect();
        let subject = self.owner.subject().map(SubjectId::as_str);
        tx.execute(
            "INSERT INTO subject_sessions (tenant, id, subject, key_id, version, created_at, expires_at, until_at, \
             sliding_ms, sealed, name_in_log) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            values![
                tenant,
                self.id,
                subject,
                *self.owner.keys().id.as_bytes(),
                self.version,
                self.times.created_at,
                self.times.expires_at,
                self.times.until_at,
                self.times.sliding_ms,
                self.container.as_slice(),
                name_of(&self.container)
            ],
        )
        .await?;
        if let Some(subject) = subject {
            let over: Vec<Option<RowName>> = tx
                .rows(
                    "DELETE FROM subject_sessions WHERE tenant = $1 AND subject = $2 AND id IN (SELECT id FROM \
                     subject_sessions WHERE tenant = $1 AND subject = $2 ORDER BY created_at DESC, id LIMIT 1000 \
                     OFFSET $3) RETURNING name_in_log",
                    values![tenant, subject, self.most],
                )
                .await?;
            ended.extend(over);
        }
        let leaf = Leaf {
            kind: "session_stored",
            tenant,
            at: self.change.at,
            payload: &self.change.ending(ended),
        };
        append_leaf(tx, leaf).await?;
        let own = before.into_iter().filter(|(subject, ..)| subject.is_none());
        Ok(Some(own.map(|(_, key, _)| KeyId::from_bytes(key)).collect()))
    }
}

/// `id, version, created_at, expires_at, until_at, sliding_ms, sealed`.
type ListedRow = ([u8; 32], i64, i64, i64, Option<i64>, Option<i64>, Vec<u8>);

impl Times {
    const fn of(row: &SessionRow) -> Self {
        Self {
            created_at: row.3,
            expires_at: row.4,
            until_at: row.5,
            sliding_ms: row.6,
        }
    }

    /// The times are bound, so that nobody makes a session live longer. Of one that slides, its last end and its span are.
    fn record_name(&self, id: &[u8; 32]) -> String {
        let sliding = self.until_at.zip(self.sliding_ms);
        record_name(id, self.created_at, self.expires_at, sliding)
    }

    /// The session whose container, of `version`, holds `container`.
    fn session(self, subject: Option<SubjectId>, version: i64, container: Record) -> Result<Session, Error> {
        let damaged = Error::Damaged { table: TABLE };
        let (name, data) = if version == NAMED {
            let Value::Object(mut fields) = container.into_value() else {
                return Err(damaged);
            };
            match (fields.remove("name"), fields.remove("data")) {
                (Some(Value::String(name)), Some(data)) => (Some(name), Record::from_value(data)?),
                _ => return Err(damaged),
            }
        } else {
            (None, container)
        };
        Ok(Session {
            name,
            subject,
            created_at: timestamp(self.created_at)?,
            expires_at: timestamp(self.expires_at)?,
            until: self.until_at.map(timestamp).transpose()?,
            sliding: self
                .sliding_ms
                .map(|span| Duration::from_millis(span.unsigned_abs())),
            data,
        })
    }
}

/// The name of the record of a session; `sliding` is its last end and its span.
pub(crate) fn record_name(
    id: &[u8; 32],
    created_at: i64,
    expires_at: i64,
    sliding: Option<(i64, i64)>,
) -> String {
    let id = HEXLOWER.encode(id);
    match sliding {
        Some((until, span)) => format!("session/{id}/{created_at}/{until}/{span}"),
        None => format!("session/{id}/{created_at}/{expires_at}"),
    }
}

/// What is sealed of a session whose name is kept.
fn named(name: &str, data: &Record) -> Result<Record, Error> {
    Record::from_value(json!({"name": name, "data": data}))
}

fn place<'a>(tenant: &'a str, subject: Option<&'a SubjectId>, record: &'a str, version: u64) -> Place<'a> {
    Place {
        tenant,
        subject: subject.map_or("", SubjectId::as_str),
        record,
        version,
        table: TABLE,
    }
}

fn bad(field: &str, why: &'static str) -> Error {
    Error::BadField {
        field: field.to_owned(),
        why,
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("created_at", &self.created_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
