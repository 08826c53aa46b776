//! Conversations in the archive.

use std::fmt;

use jiff::Timestamp;
use privet_crypto::{KeyId, random_uuid};
use privet_store::{Leaf, Tx, append_leaf, values};
use privet_types::{Secret, TenantId};
use serde::Serialize;
use serde_json::{Value, json};

use super::key::DayKey;
use super::words;
use super::{DAY_MS, bad};
use crate::audit::{Access, Audited, Operation, SubjectChange};
use crate::followed::name_of;
use crate::subject::{Found, Keys, Place, sealed, timestamp};
use crate::{Actor, Error, Ground, Record, SubjectId, SubjectRef, Vault};

const ATTEMPTS: usize = 16;
pub(super) const ABSENT: Error = Error::Absent { what: "conversation" };
pub(super) const TABLE: &str = "archive_entries";
/// Largest prompt and reply together.
const MOST_BYTES: usize = 8 << 20;
/// Longest name of a surface, purpose, model or conversation.
const LONGEST_NAME: usize = 256;
/// Rows loaded at a time.
const AT_ONCE: i64 = 200;

/// A prompt and its reply, to be archived.
#[derive(Debug, Clone)]
pub struct NewConversation {
    /// Whom it is about. Sealed under the subject's key then, and gone with it.
    pub subject: Option<SubjectRef>,
    /// The surface: `openai-chat`, …. Clear in the row.
    pub surface: String,
    /// The purpose that the call named. Clear in the row.
    pub purpose: Option<String>,
    /// The model.
    pub model: String,
    /// What several calls have in common.
    pub conversation: Option<String>,
    /// What was asked.
    pub prompt: Secret<String>,
    /// What was answered.
    pub reply: Secret<String>,
    /// Whether that is all of it: a reply can break off, or be too long.
    pub is_whole: bool,
}

/// A conversation in the archive. `Debug` shows none of what was said.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Archived {
    /// Its id: the day since 1970-01-01 as a number, `-`, a random UUID.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Whom it is about.
    pub subject: Option<SubjectId>,
    /// The surface.
    pub surface: String,
    /// The purpose.
    pub purpose: Option<String>,
    /// The model.
    pub model: String,
    /// What several calls have in common.
    pub conversation: Option<String>,
    /// What was asked.
    pub prompt: String,
    /// What was answered.
    pub reply: String,
    /// Whether that is all of it.
    pub is_whole: bool,
}

/// A row of the archive.
#[derive(Debug, Clone)]
pub(crate) struct EntryRow {
    pub(crate) day: i64,
    pub(crate) id: String,
    pub(crate) subject: Option<SubjectId>,
    pub(crate) key_id: KeyId,
    pub(crate) surface: String,
    pub(crate) purpose: Option<String>,
    pub(crate) at: i64,
    pub(crate) sealed: Vec<u8>,
}

pub(super) type EntryColumns = (
    i64,
    String,
    Option<String>,
    [u8; 16],
    String,
    Option<String>,
    i64,
    Vec<u8>,
);

pub(super) const COLUMNS: &str = "day, id, subject, key_id, surface, purpose, at, sealed";

impl EntryRow {
    pub(super) fn read(columns: EntryColumns) -> Self {
        let (day, id, subject, key_id, surface, purpose, at, sealed) = columns;
        Self {
            day,
            id,
            subject: subject.map(SubjectId::stored),
            key_id: KeyId::from_bytes(key_id),
            surface,
            purpose,
            at,
            sealed,
        }
    }

    /// What is clear in the row is bound to what is sealed.
    fn name(&self) -> String {
        let purpose = self.purpose.as_deref().map_or(-1, |name| name.len() as i64);
        format!(
            "archive/{}/{}/{}/{}/{purpose}/{}/{}",
            self.day,
            self.id,
            self.at,
            self.surface.len(),
            self.surface,
            self.purpose.as_deref().unwrap_or_default()
        )
    }

    fn place<'a>(&'a self, tenant: &'a TenantId, name: &'a str) -> Place<'a> {
        Place {
            tenant: tenant.as_str(),
            subject: self.subject.as_ref().map_or("", SubjectId::as_str),
            record: name,
            version: 1,
            table: TABLE,
        }
    }

    /// What it says.
    pub(crate) fn open(&self, tenant: &TenantId, keys: &Keys) -> Result<Archived, Error> {
        let name = self.name();
        let record = sealed::open(keys, &self.place(tenant, &name), &self.sealed)?;
        let text = |field: &str| match record.fields().get(field) {
            Some(Value::String(text)) => Some(text.clone()),
            _ => None,
        };
        let damaged = || Error::Damaged { table: TABLE };
        Ok(Archived {
            id: format!("{}-{}", self.day, self.id),
            at: timestamp(self.at)?,
            subject: self.subject.clone(),
            surface: self.surface.clone(),
            purpose: self.purpose.clone(),
            model: text("model").ok_or_else(damaged)?,
            conversation: text("conversation"),
            prompt: text("prompt").ok_or_else(damaged)?,
            reply: text("reply").ok_or_else(damaged)?,
            is_whole: record.fields().get("is_cut") != Some(&Value::Bool(true)),
        })
    }
}

/// The day and the rest of an id.
pub(super) fn split_id(id: &str) -> Result<(i64, &str), Error> {
    let (day, rest) = id.split_once('-').ok_or(ABSENT)?;
    Ok((day.parse().map_err(|_| ABSENT)?, rest))
}

impl NewConversation {
    fn check(&self) -> Result<(), Error> {
        let fits = |name: &str| (1..=LONGEST_NAME).contains(&name.len());
        let all_fit = fits(&self.surface)
            && fits(&self.model)
            && self.purpose.as_deref().is_none_or(fits)
            && self.conversation.as_deref().is_none_or(fits);
        if !all_fit {
            return Err(bad("surface", "names of 1 to 256 bytes"));
        }
        if self.prompt.expose().len() + self.reply.expose().len() > MOST_BYTES {
            return Err(bad("prompt", "8 MiB of prompt and reply at most"));
        }
        Ok(())
    }
}

impl Vault {
    /// Archives a prompt and its reply, if the archive is on: returns the id then.
    ///
    /// # Errors
    /// [`Error::BadField`]; [`Error::Absent`] and [`Error::Restricted`] of the subject.
    pub async fn archive(
        &self,
        actor: &Actor,
        new: &NewConversation,
        ground: Ground,
    ) -> Result<Option<String>, Error> {
        if !self.config.archive.is_on {
            return Ok(None);
        }
        new.check()?;
        let record = Record::from_value(json!({
            "model": new.model,
            "conversation": new.conversation,
            "prompt": new.prompt.expose(),
            "reply": new.reply.expose(),
            "is_cut": !new.is_whole,
        }))?;
        for _ in 0..ATTEMPTS {
            let at = self.now();
            let day = at.as_millisecond().div_euclid(DAY_MS);
            let owner = self
                .owner_of_day(actor, new.subject.as_ref(), DayKey::Archive, day, ground)
                .await?;
            let mut row = EntryRow {
                day,
                id: random_uuid()?,
                subject: owner.subject().cloned(),
                key_id: owner.keys().id,
                surface: new.surface.clone(),
                purpose: new.purpose.clone(),
                at: at.as_millisecond(),
                sealed: Vec::new(),
            };
            self.count_seals(&actor.tenant, row.key_id, &record).await?;
            let name = row.name();
            row.sealed = sealed::seal(owner.keys(), &row.place(&actor.tenant, &name), &record)?;
            let change = SubjectChange {
                subject: owner.pseudonym(),
                ground,
                ..SubjectChange::by(actor, at).storing(&row.sealed)
            };
            let words = self.word_entries(actor, &row, new).await?;
            let id = format!("{}-{}", row.day, row.id);
            let is_written = self
                .store
                .database()
                .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                    Box::pin(async move {
                        if !owner.hold(tx).await? {
                            return Ok(false);
                        }
                        insert(tx, row, words, &change).await?;
                        Ok(true)
                    })
                })
                .await?;
            if is_written {
                return Ok(Some(id));
            }
        }
        Err(Error::VersionConflict { found: 0 })
    }

    async fn word_entries(
        &self,
        actor: &Actor,
        row: &EntryRow,
        new: &NewConversation,
    ) -> Result<Vec<Vec<privet_store::Value>>, Error> {
        if !self.config.archive.has_word_index {
            return Ok(Vec::new());
        }
        let name = words::index_name(row.day);
        let key = self.keyring.index_key(&actor.tenant, &name).await?;
        let subject = row.subject.as_ref().map(SubjectId::as_str);
        let words = words::words([new.prompt.expose().as_str(), new.reply.expose().as_str()]);
        let entries = words.iter().map(|word| {
            let entry = words::entry(&key, word);
            values![actor.tenant.as_str(), row.day, entry, &row.id, subject]
        });
        Ok(entries.collect())
    }

    /// The conversation `id`.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Restricted`], [`Error::Damaged`].
    pub async fn archived(
        &self,
        actor: &Actor,
        id: &str,
        ground: Ground,
    ) -> Result<Audited<Archived>, Error> {
        let (day, rest) = split_id(id)?;
        let condition = "day = $2 AND id = $3";
        let values = values![actor.tenant.as_str(), day, rest];
        let row = self
            .entries(actor, condition, values)
            .await?
            .pop()
            .ok_or(ABSENT)?;
        let owner = self
            .owner(
                &actor.tenant,
                row.subject.as_ref(),
                row.key_id,
                ground,
                "conversation",
            )
            .await?;
        let value = row.open(&actor.tenant, owner.keys())?;
        let mut access = Access::shown(actor, self.now(), Operation::ReadConversation, ground);
        if let Some(pseudonym) = owner.pseudonym() {
            access = access.of(pseudonym, 1);
        }
        Ok(Audited { value, access })
    }

    /// All conversations of a subject, oldest first.
    pub(crate) async fn archived_of(&self, actor: &Actor, found: &Found) -> Result<Vec<Archived>, Error> {
        let mut archived: Vec<Archived> = Vec::new();
        let mut after = (i64::MIN, String::new());
        loop {
            let condition = "subject = $2 AND (day > $3 OR (day = $3 AND id > $4)) ORDER BY day, id LIMIT $5";
            let (tenant, subject) = (actor.tenant.as_str(), found.row.id.as_str());
            let values = values![tenant, subject, after.0, &after.1, AT_ONCE];
            let rows = self.entries(actor, condition, values).await?;
            let Some(last) = rows.last() else { break };
            after = (last.day, last.id.clone());
            for row in &rows {
                archived.push(row.open(&actor.tenant, &found.keys)?);
            }
        }
        archived.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        Ok(archived)
    }

    /// The rows that fit `condition`; the tenant is `$1`.
    pub(super) async fn entries(
        &self,
        actor: &Actor,
        condition: &str,
        values: Vec<privet_store::Value>,
    ) -> Result<Vec<EntryRow>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM archive_entries WHERE tenant = $1 AND {condition}");
        let rows: Vec<EntryColumns> = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move { Ok(tx.rows(sql, values).await?) })
            })
            .await?;
        Ok(rows.into_iter().map(EntryRow::read).collect())
    }
}

async fn insert(
    tx: &mut Tx,
    row: EntryRow,
    words: Vec<Vec<privet_store::Value>>,
    change: &SubjectChange,
) -> Result<(), Error> {
    tx.execute(
        format!(
            "INSERT INTO archive_entries (tenant, {COLUMNS}, name_in_log) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
        ),
        values![
            &change.tenant,
            row.day,
            row.id,
            row.subject.as_ref().map(SubjectId::as_str),
            *row.key_id.as_bytes(),
            row.surface,
            row.purpose,
            row.at,
            row.sealed.as_slice(),
            name_of(&row.sealed)
        ],
    )
    .await?;
    if !words.is_empty() {
        tx.insert_many(
            "INSERT INTO archive_words (tenant, day, word, id, subject)",
            words,
            "",
        )
        .await?;
    }
    let leaf = Leaf {
        kind: "conversation_archived",
        tenant: &change.tenant,
        at: change.at,
        payload: change,
    };
    Ok(append_leaf(tx, leaf).await?)
}

impl fmt::Debug for Archived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Archived")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
