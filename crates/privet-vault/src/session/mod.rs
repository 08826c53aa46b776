//! Sessions of applications: data that ends by itself.

mod sweep;

use std::time::Duration;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use privet_crypto::{KeyId, sha256};
use privet_store::{Leaf, Tx, append_leaf, values};
use privet_types::TenantId;
use serde::Serialize;

use crate::audit::{Access, Audited, Operation, SubjectChange};
use crate::subject::{Owner, Place, millis, sealed, signed, timestamp};
use crate::{Actor, Error, Ground, Record, SubjectId, SubjectRef, Vault};

pub use sweep::Swept;

const ATTEMPTS: usize = 16;
const ABSENT: Error = Error::Absent { what: "session" };
const TABLE: &str = "subject_sessions";
/// Longest name that a caller may give a session.
const LONGEST_NAME: usize = 256;

/// What a session is to be.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Its name; a random one if absent. One that is there already is replaced.
    pub name: Option<String>,
    /// Whose it is, if anybody's.
    pub subject: Option<SubjectRef>,
    /// What it holds.
    pub data: Record,
    /// How long it lives; as long as a session may if absent.
    pub ttl: Option<Duration>,
}

/// A session. `Debug` shows neither name nor data.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Session {
    /// Its name, as the caller gave it; absent in lists, as only a keyed hash of it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whose it is.
    pub subject: Option<SubjectId>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// What it holds.
    pub data: Record,
}

/// `subject, key_id, version, created_at, expires_at, sealed`.
type SessionRow = (Option<String>, [u8; 16], i64, i64, i64, Vec<u8>);

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
        let id = self.session_id(&actor.tenant, &name).await?;
        let longest = Duration::from_secs(self.config.session_seconds.into());
        let ttl = new.ttl.unwrap_or(longest);
        if ttl.is_zero() || ttl > longest {
            return Err(bad(
                "expiration",
                "a session may not live that long, or not at all",
            ));
        }
        for _ in 0..ATTEMPTS {
            let owner = self.new_owner(actor, new.subject.as_ref(), ground).await?;
            let at = self.now();
            let expires_at = Timestamp::from_millisecond(at.as_millisecond() + millis(ttl))
                .map_err(|_| bad("expiration", "out of range"))?;
            let session = Session {
                name: Some(name.clone()),
                subject: owner.subject().cloned(),
                created_at: at,
                expires_at,
                data: new.data.clone(),
            };
            let record = record_name(&id, at.as_millisecond(), expires_at.as_millisecond());
            let place = place(actor.tenant.as_str(), session.subject.as_ref(), &record);
            self.count_seals(&actor.tenant, owner.keys().id, &session.data)
                .await?;
            let container = sealed::seal(owner.keys(), &place, &session.data)?;
            let most = self.config.sessions_per_subject;
            let write = WriteSession {
                tenant: actor.tenant.clone(),
                id,
                most,
                change: SubjectChange {
                    subject: owner.pseudonym(),
                    count: Some(session.data.fields().len() as u64),
                    sealed: Some(HEXLOWER.encode(&sha256(&container))),
                    expires_at: Some(expires_at),
                    ground,
                    ..SubjectChange::by(actor, at)
                },
                container,
                expires_at: expires_at.as_millisecond(),
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
        let id = self.session_id(&actor.tenant, name).await?;
        let (tenant, now) = (actor.tenant.clone(), self.now().as_millisecond());
        let row: Option<SessionRow> = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .optional(
                            "SELECT subject, key_id, version, created_at, expires_at, sealed FROM subject_sessions \
                             WHERE tenant = $1 AND id = $2 AND expires_at > $3",
                            values![tenant.as_str(), id, now],
                        )
                        .await?)
                })
            })
            .await?;
        let row = row.ok_or(ABSENT)?;
        let (session, owner) = self.open_session(actor, &id, row, ground).await?;
        let mut access = Access::shown(actor, self.now(), Operation::ReadSession, ground);
        if let Some(pseudonym) = owner.pseudonym() {
            access = access.of(pseudonym, session.data.fields().len());
        }
        Ok(Audited {
            value: Session {
                name: Some(name.to_owned()),
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
        let rows: Vec<([u8; 32], i64, i64, Vec<u8>)> = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .rows(
                            "SELECT id, created_at, expires_at, sealed FROM subject_sessions \
                             WHERE tenant = $1 AND subject = $2 AND expires_at > $3 ORDER BY created_at DESC, id",
                            values![tenant.as_str(), subject.as_str(), now],
                        )
                        .await?)
                })
            })
            .await?;
        let mut sessions = Vec::with_capacity(rows.len());
        for (id, created_at, expires_at, container) in rows {
            let record = record_name(&id, created_at, expires_at);
            let place = place(actor.tenant.as_str(), Some(&found.row.id), &record);
            sessions.push(Session {
                name: None,
                subject: Some(found.row.id.clone()),
                created_at: timestamp(created_at)?,
                expires_at: timestamp(expires_at)?,
                data: sealed::open(&found.keys, &place, &container)?,
            });
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
        let id = self.session_id(&actor.tenant, name).await?;
        let at = self.now();
        let (tenant, change) = (actor.tenant.clone(), SubjectChange::by(actor, at));
        let own = self
            .store
            .database()
            .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let ended: Option<(Option<String>, [u8; 16])> = tx
                        .optional(
                            "DELETE FROM subject_sessions WHERE tenant = $1 AND id = $2 AND expires_at > $3 \
                             RETURNING subject, key_id",
                            values![tenant.as_str(), id, at.as_millisecond()],
                        )
                        .await?;
                    let (subject, key) = ended.ok_or(ABSENT)?;
                    let leaf = Leaf {
                        kind: "session_ended",
                        tenant: tenant.as_str(),
                        at,
                        payload: &change,
                    };
                    append_leaf(tx, leaf).await?;
                    Ok(subject.is_none().then(|| KeyId::from_bytes(key)))
                })
            })
            .await?;
        self.shred_own(&actor.tenant, &own.into_iter().collect::<Vec<_>>())
            .await
    }

    /// What is kept of a session's name.
    async fn session_id(&self, tenant: &TenantId, name: &str) -> Result<[u8; 32], Error> {
        let key = self.keyring.index_key(tenant, "privet/session").await?;
        Ok(key.exact(name.as_bytes()))
    }

    async fn open_session(
        &self,
        actor: &Actor,
        id: &[u8; 32],
        row: SessionRow,
        ground: Ground,
    ) -> Result<(Session, Owner), Error> {
        let (subject, key_id, _, created_at, expires_at, container) = row;
        let subject = subject.map(SubjectId::stored);
        let key_id = KeyId::from_bytes(key_id);
        let owner = self
            .owner(&actor.tenant, subject.as_ref(), key_id, ground, "session")
            .await?;
        let record = record_name(id, created_at, expires_at);
        let place = place(actor.tenant.as_str(), subject.as_ref(), &record);
        let data = sealed::open(owner.keys(), &place, &container)?;
        let session = Session {
            name: None,
            created_at: timestamp(created_at)?,
            expires_at: timestamp(expires_at)?,
            subject,
            data,
        };
        Ok((session, owner))
    }
}

struct WriteSession {
    tenant: TenantId,
    id: [u8; 32],
    owner: Owner,
    container: Vec<u8>,
    expires_at: i64,
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
        let before: Option<(Option<String>, [u8; 16])> = tx
            .optional(
                "DELETE FROM subject_sessions WHERE tenant = $1 AND id = $2 RETURNING subject, key_id",
                values![tenant, self.id],
            )
            .await?;
        let subject = self.owner.subject().map(SubjectId::as_str);
        tx.execute(
            "INSERT INTO subject_sessions (tenant, id, subject, key_id, version, created_at, expires_at, sealed) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            values![
                tenant,
                self.id,
                subject,
                *self.owner.keys().id.as_bytes(),
                signed(1),
                self.change.at.as_millisecond(),
                self.expires_at,
                self.container
            ],
        )
        .await?;
        if let Some(subject) = subject {
            tx.execute(
                "DELETE FROM subject_sessions WHERE tenant = $1 AND subject = $2 AND id IN (SELECT id FROM \
                 subject_sessions WHERE tenant = $1 AND subject = $2 ORDER BY created_at DESC, id LIMIT 1000 OFFSET $3)",
                values![tenant, subject, self.most],
            )
            .await?;
        }
        let leaf = Leaf {
            kind: "session_stored",
            tenant,
            at: self.change.at,
            payload: &self.change,
        };
        append_leaf(tx, leaf).await?;
        let own = before.and_then(|(subject, key)| subject.is_none().then(|| KeyId::from_bytes(key)));
        Ok(Some(own.into_iter().collect()))
    }
}

/// The times are bound, so that nobody makes a session live longer.
pub(crate) fn record_name(id: &[u8; 32], created_at: i64, expires_at: i64) -> String {
    format!("session/{}/{created_at}/{expires_at}", HEXLOWER.encode(id))
}

fn place<'a>(tenant: &'a str, subject: Option<&'a SubjectId>, record: &'a str) -> Place<'a> {
    Place {
        tenant,
        subject: subject.map_or("", SubjectId::as_str),
        record,
        version: 1,
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
