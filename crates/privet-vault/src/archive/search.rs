//! Search in the archive, and its export.

use std::collections::BTreeMap;

use privet_crypto::KeyId;
use privet_store::{Value, values};
use serde::Serialize;

use super::entry::{Archived, EntryRow, split_id};
use super::{bad, words};
use crate::audit::{Access, Audited, Operation};
use crate::subject::Owner;
use crate::{Actor, Error, Ground, SubjectId, SubjectRef, Vault};

/// Rows loaded at a time.
const AT_ONCE: i64 = 8;
/// Most conversations that one call opens.
const MOST_OPENED: u32 = 5_000;
/// Bytes of conversations after which a page ends.
const MOST_PAGE: usize = 32 << 20;
/// Most days that one search by word spans: each has an index of its own.
const MOST_DAYS: i64 = 366;

/// What is looked for. Has no `Debug`: it may hold personal data.
#[derive(Clone, Default)]
pub struct ArchiveQuery {
    /// From this day on, days since 1970-01-01.
    pub from_day: i64,
    /// To this day, it included.
    pub to_day: i64,
    /// Only those of this subject.
    pub subject: Option<SubjectRef>,
    /// Only those that are part of this conversation: [`Archived::conversation`].
    pub conversation: Option<String>,
    /// Only those in which prompt or reply holds this text, in any case.
    pub text: Option<String>,
    /// Only those in which prompt or reply holds this whole word, found by the index.
    pub word: Option<String>,
    /// Behind this one; from the first if absent.
    pub after: Option<String>,
    /// How many at most.
    pub limit: u32,
}

/// A page of conversations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArchivePage {
    /// Those found, by day and id.
    pub conversations: Vec<Archived>,
    /// Where to go on; absent at the end. There may be more even if none was found: a call opens 5,000 at most.
    pub next: Option<String>,
}

impl ArchivePage {
    /// One JSON object a line.
    ///
    /// # Errors
    /// [`Error::Json`].
    pub fn to_json_lines(&self) -> Result<String, Error> {
        let mut lines = String::new();
        for conversation in &self.conversations {
            lines.push_str(&serde_json::to_string(conversation).map_err(Error::Json)?);
            lines.push('\n');
        }
        Ok(lines)
    }
}

impl Vault {
    /// The conversations that fit `query`, by day and id. Without `word`, those of the span are opened one after the
    /// other, 5,000 a call at most. Conversations of restricted subjects are left out without a permitted purpose.
    ///
    /// Of which conversation something is part is sealed, and looked for as a text is.
    ///
    /// With neither text nor word it is the export: page by page, [`ArchivePage::to_json_lines`].
    ///
    /// # Errors
    /// [`Error::Absent`] and [`Error::Restricted`] of the subject; [`Error::BadField`] if the span or word cannot be, or
    /// words are not indexed; [`Error::Damaged`].
    pub async fn search_archive(
        &self,
        actor: &Actor,
        query: &ArchiveQuery,
        ground: Ground,
    ) -> Result<Audited<ArchivePage>, Error> {
        let subject = match &query.subject {
            Some(who) => Some(self.find_for(actor, who, ground).await?.row.id.clone()),
            None => None,
        };
        let text = query.text.as_deref().map(words::folded);
        let word = match query.word.as_deref() {
            Some(word) => Some(self.indexed_word(query, word)?),
            None => None,
        };
        let mut after = match &query.after {
            Some(id) => {
                let (day, rest) = split_id(id)?;
                (day, rest.to_owned())
            }
            None => (i64::MIN, String::new()),
        };
        let (mut owners, mut opened, mut bytes) = (BTreeMap::new(), 0, 0);
        let mut page = ArchivePage {
            conversations: Vec::new(),
            next: None,
        };
        'pages: loop {
            let rows = self
                .candidates_of(actor, query, subject.as_ref(), word.as_deref(), &after)
                .await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let is_full = page.conversations.len() >= query.limit as usize || bytes >= MOST_PAGE;
                if opened == MOST_OPENED || is_full {
                    page.next = (after.0 != i64::MIN).then(|| format!("{}-{}", after.0, after.1));
                    break 'pages;
                }
                after = (row.day, row.id.clone());
                opened += 1;
                if let Some(found) = self.opened(actor, &row, &mut owners, ground).await?
                    && is_part_of(&found, query.conversation.as_deref())
                    && fits(&found, text.as_deref(), word.as_deref())
                {
                    bytes += found.prompt.len() + found.reply.len();
                    page.conversations.push(found);
                }
            }
        }
        let shown = page.conversations.len();
        let access = Access::shown(actor, self.now(), Operation::SearchArchive, ground);
        Ok(Audited {
            access: access.many(shown, shown),
            value: page,
        })
    }

    fn indexed_word(&self, query: &ArchiveQuery, word: &str) -> Result<String, Error> {
        if !self.config.archive.has_word_index {
            return Err(bad("word", "words are not indexed; search for a text"));
        }
        let is_short = query
            .to_day
            .checked_sub(query.from_day)
            .is_some_and(|days| days < MOST_DAYS);
        if !is_short {
            return Err(bad("to_day", "a search by word spans 366 days at most"));
        }
        let word = words::normal(word).filter(|word| word.chars().all(char::is_alphanumeric));
        word.ok_or_else(|| bad("word", "one word of 2 to 64 bytes"))
    }

    async fn candidates_of(
        &self,
        actor: &Actor,
        query: &ArchiveQuery,
        subject: Option<&SubjectId>,
        word: Option<&str>,
        after: &(i64, String),
    ) -> Result<Vec<EntryRow>, Error> {
        let mut values = values![
            actor.tenant.as_str(),
            query.from_day,
            query.to_day,
            after.0,
            &after.1
        ];
        let mut condition = "day >= $2 AND day <= $3 AND (day > $4 OR (day = $4 AND id > $5))".to_owned();
        if let Some(subject) = subject {
            values.push(subject.as_str().into());
            condition.push_str(&format!(" AND subject = ${}", values.len()));
        }
        let Some(word) = word else {
            condition.push_str(&format!(" ORDER BY day, id LIMIT {AT_ONCE}"));
            return self.entries(actor, &condition, values).await;
        };
        // A day at a time: each has a key of its own.
        for day in query.from_day.max(after.0)..=query.to_day {
            let keys = self
                .keyring
                .index_keys(&actor.tenant, &words::index_name(day))
                .await?;
            let mut values = values.clone();
            values.push(Value::from(day));
            let of_day = values.len();
            values.extend(keys.iter().map(|key| Value::from(words::entry(key, word))));
            let places: Vec<String> = (of_day + 1..=values.len())
                .map(|place| format!("${place}"))
                .collect();
            let places = places.join(",");
            let sql = format!(
                "{condition} AND day = ${of_day} AND id IN (SELECT w.id FROM archive_words w WHERE w.tenant = $1 \
                 AND w.day = ${of_day} AND w.word IN ({places})) ORDER BY id LIMIT {AT_ONCE}"
            );
            let rows = self.entries(actor, &sql, values).await?;
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
        Ok(Vec::new())
    }

    /// The conversation of a row; `None` if its key is shredded, or it may not be shown.
    async fn opened(
        &self,
        actor: &Actor,
        row: &EntryRow,
        owners: &mut BTreeMap<(Option<SubjectId>, KeyId), Option<Owner>>,
        ground: Ground,
    ) -> Result<Option<Archived>, Error> {
        let name = (row.subject.clone(), row.key_id);
        if !owners.contains_key(&name) {
            let subject = row.subject.as_ref();
            let owner = self.owner(&actor.tenant, subject, row.key_id, ground, "conversation");
            let owner = match owner.await {
                Ok(owner) => Some(owner),
                Err(Error::Absent { .. } | Error::Restricted) => None,
                Err(error) => return Err(error),
            };
            owners.insert(name.clone(), owner);
        }
        match owners.get(&name) {
            Some(Some(owner)) => Ok(Some(row.open(&actor.tenant, owner.keys())?)),
            _ => Ok(None),
        }
    }
}

fn is_part_of(found: &Archived, conversation: Option<&str>) -> bool {
    conversation.is_none_or(|name| found.conversation.as_deref() == Some(name))
}

fn fits(found: &Archived, text: Option<&str>, word: Option<&str>) -> bool {
    let both = [found.prompt.as_str(), found.reply.as_str()];
    text.is_none_or(|text| both.iter().any(|one| words::folded(one).contains(text)))
        // Entries of an index can be forged by who writes to the database.
        && word.is_none_or(|word| words::words(both).contains(word))
}
