//! Keys of days.

use privet_crypto::KeyId;
use privet_store::values;

use crate::subject::{Keys, Owner};
use crate::{Actor, Error, Ground, SubjectRef, Vault};

/// What a day's key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DayKey {
    /// Conversations of that day.
    Archive,
    /// Maps that end on that day.
    ReplyMaps,
}

impl DayKey {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::ReplyMaps => "reply_maps",
        }
    }
}

impl Vault {
    /// Whose key seals something new: that of `who`, or the day's.
    pub(super) async fn owner_of_day(
        &self,
        actor: &Actor,
        who: Option<&SubjectRef>,
        purpose: DayKey,
        day: i64,
        ground: Ground,
    ) -> Result<Owner, Error> {
        if who.is_some() {
            return self.new_owner(actor, who, ground).await;
        }
        let known = match self.day_key(actor, purpose, day, None).await? {
            Some(id) => id,
            None => {
                let made = self.keyring.create_keys(&actor.tenant, 1).await?;
                let (id, _) = made.first().ok_or(Error::Stopped)?;
                let kept = self.day_key(actor, purpose, day, Some(*id)).await?;
                let kept = kept.ok_or(Error::Stopped)?;
                if kept != *id {
                    // Somebody else was first.
                    self.shred_own(&actor.tenant, &[*id]).await?;
                }
                kept
            }
        };
        let key = self.keyring.subject_keys(&actor.tenant, &[known]).await?;
        let key = key.into_iter().next().flatten();
        let key = key.ok_or(Error::Absent {
            what: "key of the day",
        })?;
        Ok(Owner::Nobody(Box::new(Keys::of(&key))))
    }

    /// The name of the day's key, after `new` was put there if there was none.
    async fn day_key(
        &self,
        actor: &Actor,
        purpose: DayKey,
        day: i64,
        new: Option<KeyId>,
    ) -> Result<Option<KeyId>, Error> {
        let tenant = actor.tenant.clone();
        let select = "SELECT key_id FROM day_keys WHERE tenant = $1 AND purpose = $2 AND day = $3";
        let (scope, database) = (Self::scope(actor), self.store.database());
        let found: Option<Vec<u8>> = match new {
            None => {
                database
                    .read::<_, Error, _>(&scope, move |tx| {
                        Box::pin(async move {
                            Ok(tx
                                .optional(select, values![tenant.as_str(), purpose.name(), day])
                                .await?)
                        })
                    })
                    .await?
            }
            Some(new) => {
                database
                    .write::<_, Error, _>(&scope, move |tx| {
                        Box::pin(async move {
                            tx.execute(
                                "INSERT INTO day_keys (tenant, purpose, day, key_id) VALUES ($1, $2, $3, $4) \
                                 ON CONFLICT (tenant, purpose, day) DO NOTHING",
                                values![tenant.as_str(), purpose.name(), day, *new.as_bytes()],
                            )
                            .await?;
                            Ok(tx
                                .optional(select, values![tenant.as_str(), purpose.name(), day])
                                .await?)
                        })
                    })
                    .await?
            }
        };
        found
            .map(|id| {
                let id =
                    <[u8; 16]>::try_from(id.as_slice()).map_err(|_| Error::Damaged { table: "day_keys" })?;
                Ok(KeyId::from_bytes(id))
            })
            .transpose()
    }
}
