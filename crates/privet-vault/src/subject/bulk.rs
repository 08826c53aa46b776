//! Reading many records: asked for, approved by somebody else, open for a short time.

use std::time::Duration;

use jiff::Timestamp;
use privet_crypto::random_uuid;
use privet_store::{Leaf, Tx, append_leaf, values};
use privet_types::Pseudonym;
use serde::Serialize;

use super::change::signed;
use super::find::loaded;
use super::id::SubjectId;
use super::list::Page;
use super::read::{Subject, timestamp};
use super::row::SubjectState;
use super::share::millis;
use crate::audit::{Access, Audited, Operation, SubjectChange};
use crate::{Actor, ArchivePage, ArchiveQuery, Error, Ground, Vault};

const ABSENT: Error = Error::Absent { what: "bulk read" };
/// Most records of a page.
const MOST_RECORDS: u32 = 500;
/// Longest reason.
const LONGEST_REASON: usize = 500;
/// A request that nobody decides ends after so long.
const WAITS: Duration = Duration::from_secs(7 * 24 * 3600);
/// One that its approval opens ends sooner: who asked is waiting, and does not open it again.
const WAITS_TO_OPEN: Duration = Duration::from_secs(10 * 60);

/// Where a bulk read stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BulkState {
    /// Nobody has decided.
    Waiting,
    /// Approved: whoever asked may unlock it.
    Approved,
    /// Refused.
    Refused,
    /// Unlocked, for a short time.
    Open,
    /// The time is over.
    Closed,
}

/// A bulk read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BulkRead {
    /// Its id.
    pub id: String,
    /// Why, in the words of who asked.
    pub reason: String,
    /// Who asked.
    pub asked_by: Pseudonym,
    /// When.
    pub asked_at: Timestamp,
    /// Who decided.
    pub decided_by: Option<Pseudonym>,
    /// Where it stands.
    pub state: BulkState,
    /// Until when it is open.
    pub open_until: Option<Timestamp>,
    /// How many records were read.
    pub records: u64,
}

/// The key to an open bulk read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unlock {
    /// A random UUID. With it who asked, and nobody else, reads pages.
    pub id: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone)]
struct Row {
    id: String,
    reason: String,
    asked_by: String,
    asked_at: i64,
    decided_by: Option<String>,
    is_approved: Option<bool>,
    unlock_until: Option<i64>,
    records: i64,
    /// How long its approval opens it.
    opens_ms: Option<i64>,
}

type RowValues = (
    String,
    String,
    String,
    i64,
    Option<String>,
    Option<bool>,
    Option<i64>,
    i64,
    Option<i64>,
);

const COLUMNS: &str =
    "id, reason, asked_by, asked_at, decided_by, is_approved, unlock_until, records, opens_ms";

impl Vault {
    /// Asks for a bulk read. `reason` is shown to who decides, and must name no person.
    ///
    /// # Errors
    /// [`Error::BadField`] if the reason is empty or longer than 500 bytes.
    pub async fn ask_bulk_read(&self, actor: &Actor, reason: &str) -> Result<BulkRead, Error> {
        if !(1..=LONGEST_REASON).contains(&reason.trim().len()) {
            return Err(Error::BadField {
                field: "reason".to_owned(),
                why: "a reason has 1 to 500 bytes",
            });
        }
        self.ask(actor, reason.trim(), None, true).await
    }

    /// Asks for a bulk read that its approval opens for `window`, under its own id and for who asked. It waits ten minutes for
    /// that. Without `needs_second` it is open at once, by nobody's approval.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn ask_unlock(
        &self,
        actor: &Actor,
        window: Duration,
        needs_second: bool,
    ) -> Result<BulkRead, Error> {
        self.ask(actor, "unlock", Some(window), needs_second).await
    }

    async fn ask(
        &self,
        actor: &Actor,
        reason: &str,
        opens: Option<Duration>,
        needs_second: bool,
    ) -> Result<BulkRead, Error> {
        let at = self.now();
        let opens_ms = opens.map(millis);
        let row = Row {
            id: random_uuid()?,
            reason: reason.to_owned(),
            asked_by: actor.principal.0.clone(),
            asked_at: at.as_millisecond(),
            decided_by: None,
            is_approved: None,
            unlock_until: match opens_ms {
                Some(window) if !needs_second => Some(at.as_millisecond().saturating_add(window)),
                _ => None,
            },
            records: 0,
            opens_ms,
        };
        let (tenant, new) = (actor.tenant.clone(), row.clone());
        let change = Self::bulk_change(actor, at, &row.id);
        self.store
            .database()
            .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let is_open = new.unlock_until.is_some();
                    tx.execute(
                        "INSERT INTO bulk_reads (tenant, id, reason, asked_by, asked_at, records, opens_ms, unlock_id, \
                         unlock_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                        values![
                            tenant.as_str(),
                            &new.id,
                            new.reason,
                            new.asked_by,
                            new.asked_at,
                            0_i64,
                            new.opens_ms,
                            is_open.then_some(new.id.as_str()),
                            new.unlock_until
                        ],
                    )
                    .await?;
                    leaf(tx, "bulk_read_asked", &change).await?;
                    if is_open {
                        leaf(tx, "bulk_read_opened_unapproved", &change).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        row.read(at)
    }

    /// Approves or refuses the bulk read `id`.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is none; [`Error::SamePrincipal`] to who asked for it; [`Error::NotOpen`] if it is
    /// decided already, or nobody did for a week.
    pub async fn decide_bulk_read(
        &self,
        actor: &Actor,
        id: &str,
        is_approved: bool,
    ) -> Result<BulkRead, Error> {
        let at = self.now();
        let (owner, id) = (actor.clone(), id.to_owned());
        let change = Self::bulk_change(actor, at, &id);
        let row = self
            .store
            .database()
            .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let tenant = owner.tenant.as_str();
                    let mut row = load(tx, tenant, "id", &id).await?;
                    if row.asked_by == owner.principal.0 {
                        return Err(Error::SamePrincipal);
                    }
                    row.expect(BulkState::Waiting, at)?;
                    let opened = row.opens_ms.filter(|_| is_approved);
                    let until = opened.map(|window| at.as_millisecond().saturating_add(window));
                    let decided = tx
                        .execute(
                            "UPDATE bulk_reads SET decided_by = $1, decided_at = $2, is_approved = $3, unlock_id = $6, \
                             unlock_until = $7 WHERE tenant = $4 AND id = $5 AND decided_at IS NULL",
                            values![
                                &owner.principal.0,
                                at.as_millisecond(),
                                is_approved,
                                tenant,
                                &id,
                                until.map(|_| id.as_str()),
                                until
                            ],
                        )
                        .await?;
                    if decided == 0 {
                        return Err(Error::NotOpen { state: "decided" });
                    }
                    row.decided_by = Some(owner.principal.0.clone());
                    row.is_approved = Some(is_approved);
                    row.unlock_until = until;
                    let kind = if is_approved {
                        "bulk_read_approved"
                    } else {
                        "bulk_read_refused"
                    };
                    leaf(tx, kind, &change).await?;
                    if until.is_some() {
                        leaf(tx, "bulk_read_opened", &change).await?;
                    }
                    Ok(row)
                })
            })
            .await?;
        row.read(at)
    }

    /// Opens the approved bulk read `id` for a short time: once, and for who asked.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is none, or somebody else asked for it; [`Error::NotOpen`] if it is not approved, or was
    /// opened already.
    pub async fn unlock_bulk_read(&self, actor: &Actor, id: &str) -> Result<Unlock, Error> {
        let at = self.now();
        let window = Duration::from_secs(self.config.bulk_window_seconds.into());
        let until = at.as_millisecond() + millis(window);
        let unlock = Unlock {
            id: random_uuid()?,
            expires_at: timestamp(until)?,
        };
        let (owner, id, unlock_id) = (actor.clone(), id.to_owned(), unlock.id.clone());
        let change = Self::bulk_change(actor, at, &id);
        self.store
            .database()
            .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let tenant = owner.tenant.as_str();
                    let row = load(tx, tenant, "id", &id).await?;
                    if row.asked_by != owner.principal.0 {
                        return Err(ABSENT);
                    }
                    row.expect(BulkState::Approved, at)?;
                    let opened = tx
                        .execute(
                            "UPDATE bulk_reads SET unlock_id = $1, unlock_until = $2 \
                             WHERE tenant = $3 AND id = $4 AND unlock_id IS NULL AND is_approved = 1",
                            values![unlock_id, until, tenant, &id],
                        )
                        .await?;
                    if opened == 0 {
                        return Err(Error::NotOpen { state: "opened" });
                    }
                    leaf(tx, "bulk_read_opened", &change).await
                })
            })
            .await?;
        Ok(unlock)
    }

    /// A page of the open bulk read of `unlock`: whole records by id, [`Page::limit`] or 500 at most. Restricted subjects
    /// are left out; the next page begins behind the last id shown. Each page is a leaf of its own, committed before
    /// anything is shown.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is no such unlock of `actor`; [`Error::NotOpen`] when its time is over.
    pub async fn bulk_page(
        &self,
        actor: &Actor,
        unlock: &str,
        page: &Page,
    ) -> Result<Audited<Vec<Subject>>, Error> {
        let at = self.now();
        let rows = {
            let (owner, unlock, page) = (actor.clone(), unlock.to_owned(), page.clone());
            self.store
                .database()
                .read(&Self::scope(actor), move |tx| {
                    Box::pin(async move {
                        let tenant = owner.tenant.as_str();
                        open_row(tx, &owner, &unlock, at).await?;
                        let after = page.after.as_ref().map_or("", SubjectId::as_str);
                        let limit = page.limit.min(MOST_RECORDS);
                        let condition = "s.state = $2 AND s.id > $3 ORDER BY s.id LIMIT $4";
                        let active = SubjectState::Active.name();
                        let values = values![tenant, active, after, limit];
                        loaded(tx, tenant, Some(at), condition, values).await
                    })
                })
                .await?
        };
        let found = self.unlock_many(&actor.tenant, rows).await?;
        let subjects = found
            .iter()
            .map(super::row::Found::subject)
            .collect::<Result<Vec<_>, _>>()?;
        let fields = subjects.iter().map(|s| s.record.fields().len()).sum();
        self.use_unlock(actor, unlock, subjects.len() as u64).await?;
        let access = Access::shown(actor, at, Operation::BulkPage, Ground::Ordinary);
        Ok(Audited {
            access: access.many(subjects.len(), fields),
            value: subjects,
        })
    }

    /// That the bulk read of `unlock` is `actor`'s and open.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is no such unlock of `actor`; [`Error::NotOpen`] when its time is over.
    pub async fn check_unlock(&self, actor: &Actor, unlock: &str) -> Result<(), Error> {
        let (at, owner, unlock) = (self.now(), actor.clone(), unlock.to_owned());
        self.store
            .database()
            .read(&Self::scope(actor), move |tx| {
                Box::pin(async move { open_row(tx, &owner, &unlock, at).await.map(|_| ()) })
            })
            .await
    }

    /// The conversations of anybody that fit `query`, under the open bulk read of `unlock`: as
    /// [`search_archive`](Self::search_archive), and each call is a leaf of its own.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is no such unlock of `actor`; [`Error::NotOpen`] when its time is over; those of the
    /// search.
    pub async fn search_archive_unlocked(
        &self,
        actor: &Actor,
        unlock: &str,
        query: &ArchiveQuery,
        ground: Ground,
    ) -> Result<Audited<ArchivePage>, Error> {
        self.check_unlock(actor, unlock).await?;
        let found = self.search_archive(actor, query, ground).await?;
        let shown = found.value.conversations.len() as u64;
        self.use_unlock(actor, unlock, shown).await?;
        Ok(found)
    }

    /// Writes down that `records` records are read under the open bulk read of `unlock`; before they are shown.
    ///
    /// # Errors
    /// As [`check_unlock`](Self::check_unlock).
    pub async fn use_unlock(&self, actor: &Actor, unlock: &str, records: u64) -> Result<(), Error> {
        let (at, owner, unlock) = (self.now(), actor.clone(), unlock.to_owned());
        let mut change = SubjectChange {
            count: Some(records),
            ..SubjectChange::by(actor, at)
        };
        self.store
            .database()
            .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let row = open_row(tx, &owner, &unlock, at).await?;
                    tx.execute(
                        "UPDATE bulk_reads SET records = records + $1 WHERE tenant = $2 AND id = $3",
                        values![signed(records), owner.tenant.as_str(), &row.id],
                    )
                    .await?;
                    change.object = Some(row.id);
                    leaf(tx, "bulk_read_page", &change).await
                })
            })
            .await
    }

    /// The bulk reads of the tenant, newest first, 1,000 at most.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn bulk_reads(&self, actor: &Actor) -> Result<Vec<BulkRead>, Error> {
        let at = self.now();
        let tenant = actor.tenant.clone();
        let rows: Vec<RowValues> = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let sql = format!(
                        "SELECT {COLUMNS} FROM bulk_reads WHERE tenant = $1 ORDER BY asked_at DESC, id LIMIT 1000"
                    );
                    Ok(tx.rows(sql, values![tenant.as_str()]).await?)
                })
            })
            .await?;
        rows.into_iter()
            .map(|values| Row::from(values).read(at))
            .collect()
    }

    fn bulk_change(actor: &Actor, at: Timestamp, id: &str) -> SubjectChange {
        SubjectChange {
            object: Some(id.to_owned()),
            ..SubjectChange::by(actor, at)
        }
    }
}

async fn leaf(tx: &mut Tx, kind: &'static str, change: &SubjectChange) -> Result<(), Error> {
    let leaf = Leaf {
        kind,
        tenant: &change.tenant,
        at: change.at,
        payload: change,
    };
    Ok(append_leaf(tx, leaf).await?)
}

async fn load(tx: &mut Tx, tenant: &str, column: &str, value: &str) -> Result<Row, Error> {
    let sql = format!("SELECT {COLUMNS} FROM bulk_reads WHERE tenant = $1 AND {column} = $2");
    let row: Option<RowValues> = tx.optional(sql, values![tenant, value]).await?;
    row.map(Row::from).ok_or(ABSENT)
}

/// The bulk read of `unlock`, if it is `actor`'s and open.
async fn open_row(tx: &mut Tx, actor: &Actor, unlock: &str, at: Timestamp) -> Result<Row, Error> {
    let row = load(tx, actor.tenant.as_str(), "unlock_id", unlock).await?;
    if row.asked_by != actor.principal.0 {
        return Err(ABSENT);
    }
    row.expect(BulkState::Open, at)?;
    Ok(row)
}

impl From<RowValues> for Row {
    fn from(values: RowValues) -> Self {
        let (id, reason, asked_by, asked_at, decided_by, is_approved, unlock_until, records, opens_ms) =
            values;
        Self {
            id,
            reason,
            asked_by,
            asked_at,
            decided_by,
            is_approved,
            unlock_until,
            records,
            opens_ms,
        }
    }
}

impl Row {
    fn state(&self, now: Timestamp) -> BulkState {
        let now = now.as_millisecond();
        let waits = self.opens_ms.map_or(WAITS, |_| WAITS_TO_OPEN);
        let is_old = now >= self.asked_at + millis(waits);
        match (self.is_approved, self.unlock_until) {
            (_, Some(until)) if now < until => BulkState::Open,
            (_, Some(_)) => BulkState::Closed,
            (Some(false), None) => BulkState::Refused,
            (_, None) if is_old => BulkState::Closed,
            (Some(true), None) => BulkState::Approved,
            (None, None) => BulkState::Waiting,
        }
    }

    fn expect(&self, state: BulkState, now: Timestamp) -> Result<(), Error> {
        let found = self.state(now);
        if found == state {
            return Ok(());
        }
        Err(Error::NotOpen {
            state: match found {
                BulkState::Waiting => "waiting",
                BulkState::Approved => "approved",
                BulkState::Refused => "refused",
                BulkState::Open => "open",
                BulkState::Closed => "closed",
            },
        })
    }

    fn read(self, now: Timestamp) -> Result<BulkRead, Error> {
        Ok(BulkRead {
            state: self.state(now),
            id: self.id,
            reason: self.reason,
            asked_by: Pseudonym(self.asked_by),
            asked_at: timestamp(self.asked_at)?,
            decided_by: self.decided_by.map(Pseudonym),
            open_until: self.unlock_until.map(timestamp).transpose()?,
            records: self.records.unsigned_abs(),
        })
    }
}
