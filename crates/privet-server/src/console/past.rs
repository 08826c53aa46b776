//! What was decided before, read from the store: the newest first, and no more than a bounded stretch of it.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use jiff::Timestamp;
use privet_access::Account;
use privet_store::TenantEvent;
use privet_types::{AuditEvent, TenantId};

use super::Desk;
use crate::problem::Problem;
use crate::watch::unavailable;

/// Most events that one page looks through.
const MOST_EVENTS: usize = 20_000;
/// Events of one read.
const CHUNK: u32 = 1_000;
/// The kind of decisions about prompts and texts.
const DECISION: &str = "decision";

/// Who is behind the pseudonyms of the log: name and groups.
pub(super) struct People(HashMap<String, (String, BTreeSet<String>)>);

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
        let _reader = self.console.readers.acquire().await.map_err(|_| Problem::Busy)?;
        let store = self.gateway.keys().store();
        let since = since.as_millisecond();
        let (mut before, mut seen) = (None, 0);
        loop {
            let chunk = store.newest_tenant_events(tenant, before, CHUNK).await;
            let chunk = chunk.map_err(|error| unavailable(&error))?;
            let is_last = chunk.len() < CHUNK as usize;
            for event in chunk {
                before = Some(event.id);
                seen += 1;
                // Nodes hand their events over in batches, so they lie near one another, but not in order.
                if event.at < since.saturating_sub(SLACK) {
                    return Ok(false);
                }
                if event.at >= since && take(event).is_break() {
                    return Ok(true);
                }
            }
            if is_last {
                return Ok(false);
            }
            if seen >= MOST_EVENTS {
                return Ok(true);
            }
        }
    }

    /// Who is behind the pseudonyms of `tenant`.
    pub(super) fn people(&self, tenant: &TenantId) -> People {
        let known = |account: &Account| {
            let pseudonym = self.gateway.pseudonyms.pseudonym(tenant, account.name());
            let groups = account.groups().map(|(group, _)| group.to_string()).collect();
            (pseudonym.0, (account.name().to_string(), groups))
        };
        let accounts = self.gateway.keys().accounts_of(tenant);
        People(accounts.iter().map(|account| known(account)).collect())
    }
}

/// How much later an event may have come into the store than another of its time, in milliseconds: what a node keeps in its spool
/// while the store is away is older than what others hand over.
const SLACK: i64 = 10 * 60 * 1000;

impl People {
    pub(super) fn name(&self, pseudonym: &str) -> Option<&str> {
        self.0.get(pseudonym).map(|(name, _)| name.as_str())
    }

    pub(super) fn groups(&self, pseudonym: &str) -> impl Iterator<Item = &str> {
        let groups = self.0.get(pseudonym).map(|(_, groups)| groups);
        groups.into_iter().flatten().map(String::as_str)
    }
}
