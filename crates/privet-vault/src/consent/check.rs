//! Asking whether something may be done, from memory where what is known is fresh.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use privet_store::{Scope, values};
use privet_types::TenantId;

use super::cache::{Facts, TenantCache, TenantState};
use super::catalog::{Catalog, load_catalog};
use super::evaluate::{Ask, Reason, Verdict, evaluate};
use super::event::SubjectPseudonym;
use super::{Consent, history};
use crate::Error;

/// How long the store may take to answer.
const DEADLINE: Duration = Duration::from_secs(2);
/// A store that did not answer is asked again after so long, in milliseconds.
const RETRY_MS: i64 = 500;
/// More changed subjects than this, and all are forgotten.
const MAX_CHANGED: usize = 10_000;
/// How often a subject is read again because it changed while it was read.
const ATTEMPTS: usize = 4;

/// What a look at the store found.
struct News {
    version: i64,
    changed: Vec<([u8; 32],)>,
    catalog: Option<Catalog>,
}

impl Consent {
    /// Whether `ask` may be done at `at`, with data of `subject` (`None` if it is about nobody in particular).
    ///
    /// Never fails: where the answer cannot be known, it is no. From memory it takes about a microsecond. What this process
    /// recorded counts at once; what others recorded counts within [`ConsentConfig::fresh_ms`](super::ConsentConfig) as
    /// long as the store answers. If it does not, what is known counts until it is
    /// [`ConsentConfig::stale_ms`](super::ConsentConfig) old; then everything is refused.
    pub async fn check(
        &self,
        tenant: &TenantId,
        subject: Option<&str>,
        ask: &Ask<'_>,
        at: Timestamp,
    ) -> Verdict {
        let at = at.as_millisecond();
        if let Some(verdict) = self.check_cached(tenant, subject, ask, at) {
            return verdict;
        }
        match self.check_slowly(tenant, subject, ask, at).await {
            Ok(verdict) => verdict,
            Err(error) => {
                tracing::warn!(tenant = %tenant, error = %error, "consent cannot be looked up; refused");
                Verdict::refused(Reason::Stale, None, None)
            }
        }
    }

    /// The verdict, if all it takes is in memory and fresh.
    fn check_cached(
        &self,
        tenant: &TenantId,
        subject: Option<&str>,
        ask: &Ask<'_>,
        at: i64,
    ) -> Option<Verdict> {
        let cache = self.cache.find(tenant)?;
        let state = cache.read();
        if !self.is_within(&state, self.config.fresh_ms) {
            return None;
        }
        let catalog = state.catalog.as_deref()?;
        let Some(id) = subject else {
            return Some(judge(catalog, None, ask, at));
        };
        let (facts, is_young) = state.facts(id)?;
        let verdict = judge(catalog, Some(facts), ask, at);
        if !is_young {
            let facts = Arc::clone(facts);
            drop(state);
            cache.keep(id, facts, self.cache.half());
        }
        Some(verdict)
    }

    async fn check_slowly(
        &self,
        tenant: &TenantId,
        subject: Option<&str>,
        ask: &Ask<'_>,
        at: i64,
    ) -> Result<Verdict, Error> {
        let cache = self.cache.tenant(tenant);
        for _ in 0..ATTEMPTS {
            self.bring_up_to_date(tenant, &cache, self.config.fresh_ms).await;
            let known = {
                let state = cache.read();
                if !self.is_within(&state, self.config.stale_ms) {
                    return Ok(Verdict::refused(Reason::Stale, None, None));
                }
                let facts = subject.map(|id| state.facts(id).map(|(facts, _)| Arc::clone(facts)));
                state.catalog.clone().map(|catalog| (catalog, facts))
            };
            let Some((catalog, facts)) = known else {
                continue;
            };
            let (Some(id), Some(None)) = (subject, &facts) else {
                return Ok(judge(&catalog, facts.flatten().as_deref(), ask, at));
            };
            let Some((name, _)) = within(self.known(tenant, id)).await? else {
                return Ok(Verdict::refused(Reason::UnknownSubject, None, None));
            };
            let facts = Arc::new(within(self.read_facts(tenant, name)).await?);
            if cache.write().insert(id, Arc::clone(&facts), self.cache.half()) {
                return Ok(judge(&catalog, Some(&facts), ask, at));
            }
        }
        Ok(Verdict::refused(Reason::Stale, None, None))
    }

    async fn read_facts(&self, tenant: &TenantId, subject: SubjectPseudonym) -> Result<Facts, Error> {
        let tenant = tenant.clone();
        self.database
            .read(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let version = read_version(tx, tenant.as_str()).await?;
                    let events = history::select(tx, tenant.as_str(), subject).await?;
                    Ok(Facts::new(subject, version, events))
                })
            })
            .await
    }

    /// Whether what is known was looked up at most `age` milliseconds ago. A clock that was set back counts as time that
    /// passed.
    fn is_within(&self, state: &TenantState, age: i64) -> bool {
        state
            .checked_at
            .is_some_and(|checked| self.now_ms().abs_diff(checked) <= age.unsigned_abs())
    }

    /// Looks at the store if what is known is older than `age`. A failure shows in what is known staying old.
    async fn bring_up_to_date(&self, tenant: &TenantId, cache: &TenantCache, age: i64) {
        let is_known = |state: &TenantState| state.catalog.is_some() && self.is_within(state, age);
        if is_known(&cache.read()) {
            return;
        }
        let _turn = cache.refreshing.lock().await;
        let started = self.now_ms();
        let pause = started..started.saturating_add(RETRY_MS + 1);
        if is_known(&cache.read()) || pause.contains(&cache.read().retry_at) {
            return;
        }
        if let Err(error) = self.look(tenant, cache, started).await {
            cache.write().retry_at = started.saturating_add(RETRY_MS);
            tracing::warn!(tenant = %tenant, error = %error, "changes of consent cannot be looked up");
        }
    }

    async fn look(&self, tenant: &TenantId, cache: &TenantCache, started: i64) -> Result<(), Error> {
        let (cursor, has_catalog, is_first) = {
            let state = cache.read();
            (state.cursor, state.catalog.is_some(), state.checked_at.is_none())
        };
        let owner = tenant.clone();
        let news = within(self.database.read(&Scope::Tenant(tenant.clone()), move |tx| {
            Box::pin(async move {
                let version = read_version(tx, owner.as_str()).await?;
                let mut news = News {
                    version,
                    changed: Vec::new(),
                    catalog: None,
                };
                if version == cursor && has_catalog {
                    return Ok::<_, Error>(news);
                }
                // Before the first look nothing is known that could have changed.
                if !is_first {
                    let sql = format!(
                        "SELECT DISTINCT subject FROM consent_events WHERE tenant = $1 AND seq > $2 LIMIT {}",
                        MAX_CHANGED + 1
                    );
                    news.changed = tx.rows(sql, values![owner.as_str(), cursor]).await?;
                }
                let defined: i64 = tx
                    .one(
                        "SELECT COUNT(*) FROM definitions WHERE tenant = $1 AND seq > $2",
                        values![owner.as_str(), cursor],
                    )
                    .await?;
                if defined > 0 || !has_catalog {
                    news.catalog = Some(load_catalog(tx, owner.as_str()).await?);
                }
                Ok(news)
            })
        }))
        .await?;
        let mut state = cache.write();
        if news.changed.len() > MAX_CHANGED {
            state.forget_all();
        }
        for (subject,) in news.changed {
            state.forget(&SubjectPseudonym(subject));
        }
        state.cursor = state.cursor.max(news.version);
        // What was read before this process's own last change is not kept; the caller looks again.
        if news.version >= state.floor {
            if let Some(catalog) = news.catalog {
                state.catalog = Some(Arc::new(catalog));
            }
            state.checked_at = Some(started);
        }
        Ok(())
    }

    /// Looks for changes that others made, for all tenants that were asked about.
    ///
    /// # Errors
    /// [`Error::Store`] if the store does not answer.
    pub async fn refresh(&self) -> Result<(), Error> {
        let started = self.now_ms();
        let known = self.cache.tenants();
        if known.is_empty() {
            return Ok(());
        }
        let versions: Vec<(String, i64)> = within(self.database.read(&Scope::Installation, |tx| {
            Box::pin(async move {
                Ok::<_, Error>(
                    tx.rows("SELECT tenant, version FROM consent_versions", values![])
                        .await?,
                )
            })
        }))
        .await?;
        for (tenant, cache) in known {
            let version = versions
                .iter()
                .find(|(name, _)| name == tenant.as_str())
                .map_or(0, |(_, version)| *version);
            let is_same = {
                let mut state = cache.write();
                let is_same = state.cursor == version && version >= state.floor && state.catalog.is_some();
                if is_same {
                    state.checked_at = Some(started);
                }
                is_same
            };
            if !is_same {
                let _turn = cache.refreshing.lock().await;
                self.look(&tenant, &cache, started).await?;
            }
        }
        Ok(())
    }
}

/// Looks for changes every `period` until `stop` is done, so that checks find what is known fresh. 250 ms is a good period;
/// it must be shorter than [`ConsentConfig::fresh_ms`](super::ConsentConfig).
pub async fn run_consent_watch(consent: Consent, period: Duration, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = &mut stop => return,
            _ = ticks.tick() => {
                if let Err(error) = consent.refresh().await {
                    tracing::warn!(error = %error, "changes of consent cannot be looked up");
                }
            }
        }
    }
}

fn judge(catalog: &Catalog, facts: Option<&Facts>, ask: &Ask<'_>, at: i64) -> Verdict {
    if facts.is_some_and(|facts| facts.is_erased) {
        return Verdict::refused(Reason::UnknownSubject, None, None);
    }
    let purpose = catalog.purposes.get(ask.purpose);
    let is_recipient = ask
        .recipient
        .is_some_and(|recipient| catalog.recipients.contains_key(recipient));
    let events = facts.into_iter().flat_map(|facts| facts.of(ask.purpose));
    evaluate(purpose, is_recipient, events, ask, at)
}

async fn read_version(tx: &mut privet_store::Tx, tenant: &str) -> Result<i64, Error> {
    let version: Option<i64> = tx
        .optional(
            "SELECT version FROM consent_versions WHERE tenant = $1",
            values![tenant],
        )
        .await?;
    Ok(version.unwrap_or(0))
}

/// An answer within the deadline.
async fn within<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(DEADLINE, answer)
        .await
        .unwrap_or(Err(Error::Late))
}
