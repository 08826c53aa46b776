//! What was decided before, read from the store: the newest first, and no more than a bounded stretch of it.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::time::Duration;

use jiff::Timestamp;
use privet_access::Account;
use privet_store::TenantEvent;
use privet_types::{AuditEvent, TenantId};
use tokio::time::timeout;

use super::Desk;
use crate::problem::Problem;
use crate::watch::unavailable;

/// Most events that one page looks through.
const MOST_EVENTS: usize = 20_000;
/// Events of one read.
const CHUNK: u32 = 1_000;
/// The kind of decisions about prompts and texts.
const DECISION: &str = "decision";

/// Who is behind the pseudonyms of the log.
pub(super) struct People(HashMap<String, Known>);

/// What is known of somebody at this moment.
struct Known {
    name: String,
    groups: BTreeSet<String>,
    roles: BTreeSet<String>,
}

impl Desk {
    /// Gives `take` the decisions of `tenant` since `since`, the newest first, until it breaks off for want of room. Returns whether
    /// there was more in that time than is looked through.
    pub(super) async fn past(
        &self,
        tenant: &TenantId,
        since: Timestamp,
        mut take: impl FnMut(AuditEvent) -> ControlFlow<()>,
    ) -> Result<bool, Problem> {
        let decisions = |event: TenantEvent| {
            if event.kind != DECISION {
                return ControlFlow::Continue(());
            }
            match serde_json::from_str::<AuditEvent>(&event.payload) {
                Ok(decision) => take(decision),
                Err(_) => {
                    tracing::warn!(id = event.id, "a decision cannot be read; it is not shown");
                    ControlFlow::Continue(())
                }
            }
        };
        self.past_events(tenant, since, decisions).await
    }

    /// The same of events of all kinds.
    pub(super) async fn past_events(
        &self,
        tenant: &TenantId,
        since: Timestamp,
        mut take: impl FnMut(TenantEvent) -> ControlFlow<()>,
    ) -> Result<bool, Problem> {
        let reader = timeout(LONGEST_WAIT, self.console.readers.acquire()).await;
        let _reader = reader.ok().and_then(Result::ok).ok_or(Problem::Busy)?;
        let store = self.gateway.keys().store();
        let since = since.as_millisecond();
        let (mut before, mut seen) = (None, 0);
        loop {
            let chunk = store.newest_tenant_events(tenant, before, CHUNK).await;
            let chunk = chunk.map_err(|error| unavailable(&error))?;
            let is_last = chunk.len() < CHUNK as usize;
            // Nodes hand their events over in batches, so they lie near one another, but not in order: after an outage of the store old
            // ones may lie before newer ones.
            let is_past = chunk.iter().all(|event| event.at < since.saturating_sub(SLACK));
            for event in chunk {
                before = Some(event.id);
                seen += 1;
                if event.at >= since && take(event).is_break() {
                    return Ok(true);
                }
            }
            if is_last || is_past {
                return Ok(false);
            }
            if seen >= MOST_EVENTS {
                return Ok(true);
            }
        }
    }

    /// Gives `take` the events of `tenant` in a stretch of time, those that came last first, until it breaks off for want of room or
    /// as many were looked through as one page may: then it goes on behind [`Looked::next`], through the whole of the log.
    pub(super) async fn search(
        &self,
        tenant: &TenantId,
        stretch: &Stretch,
        mut take: impl FnMut(TenantEvent) -> ControlFlow<()>,
    ) -> Result<Looked, Problem> {
        let reader = timeout(LONGEST_WAIT, self.console.readers.acquire()).await;
        let _reader = reader.ok().and_then(Result::ok).ok_or(Problem::Busy)?;
        let store = self.gateway.keys().store();
        let (from, to) = (stretch.from.as_millisecond(), stretch.to.as_millisecond());
        let mut before = match stretch.before {
            Some(before) => Some(before),
            None => self.first_behind(tenant, to).await?,
        };
        let mut looked = Looked::default();
        loop {
            let chunk = store.newest_tenant_events(tenant, before, CHUNK).await;
            let chunk = chunk.map_err(|error| unavailable(&error))?;
            let is_last = chunk.len() < CHUNK as usize;
            let is_past = chunk.iter().all(|event| event.at < from.saturating_sub(LATEST));
            for event in chunk {
                before = Some(event.id);
                looked.through += 1;
                looked.oldest = Some(event.at);
                if (from..=to).contains(&event.at) {
                    let id = event.id;
                    if take(event).is_break() {
                        looked.next = Some(id.saturating_add(1));
                        return Ok(looked);
                    }
                }
            }
            if is_last || is_past {
                return Ok(looked);
            }
            if looked.through >= MOST_EVENTS {
                looked.next = before;
                return Ok(looked);
            }
        }
    }

    /// The last event of `tenant` that came before `id`, or of all.
    async fn last_before(&self, tenant: &TenantId, id: Option<i64>) -> Result<Option<TenantEvent>, Problem> {
        let store = self.gateway.keys().store();
        let found = store.newest_tenant_events(tenant, id, 1).await;
        Ok(found.map_err(|error| unavailable(&error))?.into_iter().next())
    }

    /// The event of `tenant` before which all lie that happened by `to`, in milliseconds, and came in time; none if that is the newest.
    /// By halves: some sixty reads of one event at most, however long the log is.
    async fn first_behind(&self, tenant: &TenantId, to: i64) -> Result<Option<i64>, Problem> {
        let limit = to.saturating_add(LATEST);
        let Some(newest) = self
            .last_before(tenant, None)
            .await?
            .filter(|newest| newest.at > limit)
        else {
            return Ok(None);
        };
        // INVARIANT: `high` is an event behind the limit; the last one up to `low` is not, or there is none.
        let (mut low, mut high) = (0, newest.id);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            match self.last_before(tenant, Some(middle + 1)).await? {
                Some(event) if event.at > limit => high = event.id,
                _ => low = middle,
            }
        }
        Ok(Some(high))
    }

    /// Who is behind the pseudonyms of `tenant`.
    pub(super) fn people(&self, tenant: &TenantId) -> People {
        let known = |account: &Account| {
            let pseudonym = self.gateway.pseudonyms.pseudonym(tenant, account.name());
            let known = Known {
                name: account.name().to_string(),
                groups: account.groups().map(|(group, _)| group.to_string()).collect(),
                roles: account.roles().into_iter().map(ToString::to_string).collect(),
            };
            (pseudonym.0, known)
        };
        let accounts = self.gateway.keys().accounts_of(tenant);
        People(accounts.iter().map(|account| known(account)).collect())
    }
}

/// A stretch of the log.
pub(super) struct Stretch {
    /// Events that happened then or later.
    pub(super) from: Timestamp,
    /// And then or earlier.
    pub(super) to: Timestamp,
    /// And came before this one.
    pub(super) before: Option<i64>,
}

/// How far a look through the log came.
#[derive(Default)]
pub(super) struct Looked {
    /// Events that were looked through.
    pub(super) through: usize,
    /// When the last of them happened, in milliseconds.
    pub(super) oldest: Option<i64>,
    /// Before which event it goes on; none if that was all.
    pub(super) next: Option<i64>,
}

/// Longest wait for those who read before.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How much later an event may have come into the store than another of its time, in milliseconds: what a node keeps in its spool
/// while the store is away is older than what others hand over.
const SLACK: i64 = 10 * 60 * 1000;

/// How much later an event may come into the store than it happened, in milliseconds, to be found by its time.
const LATEST: i64 = 24 * 60 * 60 * 1000;

impl People {
    pub(super) fn name(&self, pseudonym: &str) -> Option<&str> {
        self.0.get(pseudonym).map(|known| known.name.as_str())
    }

    pub(super) fn groups(&self, pseudonym: &str) -> impl Iterator<Item = &str> {
        let groups = self.0.get(pseudonym).map(|known| &known.groups);
        groups.into_iter().flatten().map(String::as_str)
    }

    pub(super) fn roles(&self, pseudonym: &str) -> impl Iterator<Item = &str> {
        let roles = self.0.get(pseudonym).map(|known| &known.roles);
        roles.into_iter().flatten().map(String::as_str)
    }
}
