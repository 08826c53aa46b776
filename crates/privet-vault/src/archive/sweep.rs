//! Deleting days whose time is over. Nothing that is sealed is loaded.

use privet_crypto::KeyId;
use privet_store::{Scope, values};
use privet_types::TenantId;

use super::DAY_MS;
use super::key::DayKey;
use crate::audit::SubjectChange;
use crate::followed::{RowName, tell_ended};
use crate::{Error, RetentionTarget, TargetSurface, TargetTime, Vault};

/// Days that one call takes.
const MOST_DAYS: u32 = 400;

/// The archive, for policies of retention; what they take earlier than `archive.days` says. The sweep of the archive takes
/// the words and keys that are left.
pub const ARCHIVE_TARGETS: &[RetentionTarget] = &[RetentionTarget {
    name: "conversations",
    table: "archive_entries",
    key: &["day", "id"],
    tenant: "tenant",
    time: TargetTime::Partition {
        column: "day",
        width_ms: DAY_MS,
    },
    category: "conversation",
    surface: TargetSurface::Column("surface"),
    purpose: Some("purpose"),
    subject: Some("subject"),
}];

/// What a sweep of the archive deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweptArchive {
    /// Conversations.
    pub conversations: u64,
    /// Maps of replies.
    pub reply_maps: u64,
    /// Keys of days, shredded.
    pub keys: u64,
}

impl Vault {
    /// Deletes the days of the archive of `tenant` that are older than it keeps them, and maps of replies that have ended,
    /// 400 days of each at most, and shreds the keys of days that nothing is left of. Each day is one statement. What a
    /// legal hold is on stays.
    ///
    /// # Errors
    /// Those of the store and the keyring; what was deleted before stays deleted, and is in the log.
    pub async fn sweep_archive(&self, tenant: &TenantId) -> Result<SweptArchive, Error> {
        let today = self.now().as_millisecond().div_euclid(DAY_MS);
        // The whole of a day must be that old.
        let cutoff = today - i64::from(self.config.archive.days);
        let mut swept = SweptArchive::default();
        for day in self.days(tenant, "archive_entries", cutoff).await? {
            swept.conversations += self
                .drop_day(tenant, "archive_entries", "conversation", day)
                .await?;
        }
        for day in self.days(tenant, "reply_maps", today).await? {
            swept.reply_maps += self.drop_day(tenant, "reply_maps", "reply_map", day).await?;
        }
        self.drop_words(tenant).await?;
        swept.keys += self
            .drop_keys(tenant, DayKey::Archive, "archive_entries", today)
            .await?;
        swept.keys += self
            .drop_keys(tenant, DayKey::ReplyMaps, "reply_maps", today)
            .await?;
        Ok(swept)
    }

    /// The days before `cutoff` that have rows.
    async fn days(&self, tenant: &TenantId, table: &'static str, cutoff: i64) -> Result<Vec<i64>, Error> {
        let owner = tenant.clone();
        self.store
            .database()
            .read::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let sql = format!(
                        "SELECT DISTINCT day FROM {table} WHERE tenant = $1 AND day < $2 ORDER BY day LIMIT {MOST_DAYS}"
                    );
                    Ok(tx.rows(sql, values![owner.as_str(), cutoff]).await?)
                })
            })
            .await
    }

    async fn drop_day(
        &self,
        tenant: &TenantId,
        table: &'static str,
        category: &'static str,
        day: i64,
    ) -> Result<u64, Error> {
        let (owner, at) = (tenant.clone(), self.now());
        self.store
            .database()
            .write::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let sql = format!(
                        "DELETE FROM {table} WHERE tenant = $1 AND day = $2 AND NOT EXISTS (SELECT 1 FROM active_holds h \
                         WHERE h.tenant = $1 AND (h.until IS NULL OR h.until > $3) \
                         AND (h.subject IS NULL OR h.subject = {table}.subject) \
                         AND (h.category IS NULL OR h.category = $4)) RETURNING name_in_log"
                    );
                    let values = values![owner.as_str(), day, at.as_millisecond(), category];
                    let rows: Vec<Option<RowName>> = tx.rows(sql, values).await?;
                    let kind = match category {
                        "conversation" => "conversations_ended",
                        _ => "reply_maps_ended",
                    };
                    let change = SubjectChange::by_installation(owner.as_str(), at);
                    tell_ended(tx, kind, &change, &rows).await?;
                    Ok(rows.len() as u64)
                })
            })
            .await
    }

    /// Words of conversations that are gone.
    async fn drop_words(&self, tenant: &TenantId) -> Result<(), Error> {
        let owner = tenant.clone();
        self.store
            .database()
            .write::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    tx.execute(
                        "DELETE FROM archive_words WHERE tenant = $1 AND NOT EXISTS (SELECT 1 FROM archive_entries e \
                         WHERE e.tenant = $1 AND e.day = archive_words.day AND e.id = archive_words.id)",
                        values![owner.as_str()],
                    )
                    .await?;
                    Ok(())
                })
            })
            .await
    }

    /// Shreds the keys of days before `today` under which nothing is left: first the key, then its name, so that a crash
    /// leaves a name that the next sweep takes.
    async fn drop_keys(
        &self,
        tenant: &TenantId,
        purpose: DayKey,
        table: &'static str,
        today: i64,
    ) -> Result<u64, Error> {
        let owner = tenant.clone();
        let scope = Scope::Tenant(tenant.clone());
        let found: Vec<(i64, [u8; 16])> = self
            .store
            .database()
            .read::<_, Error, _>(&scope, move |tx| {
                Box::pin(async move {
                    let sql = format!(
                        "SELECT day, key_id FROM day_keys WHERE tenant = $1 AND purpose = $2 AND day < $3 \
                         AND NOT EXISTS (SELECT 1 FROM {table} e WHERE e.tenant = $1 AND e.day = day_keys.day \
                         AND e.subject IS NULL) ORDER BY day LIMIT {MOST_DAYS}"
                    );
                    Ok(tx.rows(sql, values![owner.as_str(), purpose.name(), today]).await?)
                })
            })
            .await?;
        let keys: Vec<KeyId> = found.iter().map(|(_, id)| KeyId::from_bytes(*id)).collect();
        self.shred_own(tenant, &keys).await?;
        let owner = tenant.clone();
        let days: Vec<i64> = found.into_iter().map(|(day, _)| day).collect();
        self.store
            .database()
            .write::<_, Error, _>(&scope, move |tx| {
                Box::pin(async move {
                    for day in days {
                        tx.execute(
                            "DELETE FROM day_keys WHERE tenant = $1 AND purpose = $2 AND day = $3",
                            values![owner.as_str(), purpose.name(), day],
                        )
                        .await?;
                    }
                    Ok(())
                })
            })
            .await?;
        Ok(keys.len() as u64)
    }
}
