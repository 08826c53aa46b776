//! Sessions as they were written once.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use privet_store::values;

use super::{ABSENT, Session, SessionRow};
use crate::audit::{Access, Audited, Operation};
use crate::subject::signed;
use crate::{Actor, Error, Ground, SubjectId, Vault};

/// Tells a session from those that take its place under the same name later. It does not hold the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionMark {
    /// What is kept of the name.
    id: [u8; 32],
    /// When it began, milliseconds since 1970.
    created_at: u64,
}

impl fmt::Display for SessionMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", HEXLOWER.encode(&self.id), self.created_at)
    }
}

impl FromStr for SessionMark {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parsed = || {
            let (id, created_at) = text.split_once('/')?;
            Some(Self {
                id: HEXLOWER.decode(id.as_bytes()).ok()?.try_into().ok()?,
                created_at: created_at.parse().ok()?,
            })
        };
        parsed().ok_or(ABSENT)
    }
}

impl Vault {
    /// The mark of `session`, as [`put_session`](Self::put_session) gave it; `None` if it has no name.
    ///
    /// # Errors
    /// Those of the keyring.
    pub async fn session_mark(&self, actor: &Actor, session: &Session) -> Result<Option<SessionMark>, Error> {
        let Some(name) = &session.name else {
            return Ok(None);
        };
        let created_at = u64::try_from(session.created_at.as_millisecond()).unwrap_or_default();
        let ids = self.session_ids(&actor.tenant, name).await?;
        Ok(ids.first().map(|id| SessionMark { id: *id, created_at }))
    }

    /// The session of `subject` that `mark` was made of. It is not used by this: its end does not move.
    ///
    /// # Errors
    /// [`Error::Absent`] if it has ended, was replaced, or is another's; [`Error::Restricted`]; [`Error::Damaged`].
    pub async fn marked_session(
        &self,
        actor: &Actor,
        mark: &SessionMark,
        subject: &SubjectId,
        ground: Ground,
    ) -> Result<Audited<Session>, Error> {
        let (tenant, owner, id) = (actor.tenant.clone(), subject.clone(), mark.id);
        let (created_at, now) = (signed(mark.created_at), self.now().as_millisecond());
        let row: Option<SessionRow> = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .optional(
                            "SELECT subject, key_id, version, created_at, expires_at, until_at, sliding_ms, sealed \
                             FROM subject_sessions WHERE tenant = $1 AND id = $2 AND subject = $3 \
                             AND created_at = $4 AND expires_at > $5",
                            values![tenant.as_str(), id, owner.as_str(), created_at, now],
                        )
                        .await?)
                })
            })
            .await?;
        let (session, owner) = self
            .open_session(actor, &mark.id, row.ok_or(ABSENT)?, ground)
            .await?;
        let mut access = Access::shown(actor, self.now(), Operation::ReadSession, ground);
        if let Some(pseudonym) = owner.pseudonym() {
            access = access.of(pseudonym, session.data.fields().len());
        }
        Ok(Audited {
            value: session,
            access,
        })
    }
}
