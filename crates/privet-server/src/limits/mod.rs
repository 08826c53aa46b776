//! Limits on the path of a prompt: what it may use is reserved before it is sent, and settled when its reply has ended, however
//! that is.

mod meter;
mod routes;
mod saving;
mod shared;
mod usage;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use memchr::memmem;
use privet_access::Authenticated;
use privet_crypto::{HashKey, RootKey};
use privet_policy::limits::{
    Amount, Asker, Charge, Counters, Exceeded, InMemory, Limiter, Prices, SavedCounter, Used,
};
use privet_policy::{Policy, Settings};
use privet_types::{SurfaceKind, TenantId};
use tokio::sync::watch;

use meter::Hold;
pub(crate) use meter::Meter;
pub(crate) use routes::{described, routes};
pub use saving::saved_limits;
use shared::{Refused, Shared, SharedStatus, Unanswered};
pub use shared::{SharedError, SharedLimits, share_switch};
pub(crate) use usage::{Tokens, Usage};

use crate::Error;
use crate::gateway::Gateway;
use crate::problem::Problem;

/// Bytes of a prompt to a token, for the estimate: English has four, source code and other languages three.
const BYTES_PER_TOKEN: u64 = 3;
/// When a request without `stream_time` counts as lost, if it is not settled until then.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Whose limits a request is counted on.
#[derive(Clone, Copy)]
pub(crate) enum Who<'a> {
    /// Somebody who was let in.
    Caller(&'a Authenticated),
    /// Those together who need no key, and come without one.
    Anybody(&'a TenantId),
}

/// The policy's limits, and what was used of them on this node.
pub(crate) struct Limits {
    limiter: Arc<Limiter>,
    counters: Arc<InMemory>,
    /// Where they are counted instead, for several nodes.
    shared: Option<Arc<Shared>>,
    prices: Prices,
    /// The models that the settings name in full.
    named: Arc<BTreeSet<String>>,
    /// How long a provider may take to begin its reply.
    first_byte: Duration,
}

impl Limits {
    /// Goes on from `saved`.
    pub(crate) fn new(
        policy: &Policy,
        settings: &Settings,
        root: &RootKey,
        saved: Vec<SavedCounter>,
        shared: Option<&SharedLimits>,
    ) -> Result<Self, Error> {
        let config = policy.limits();
        if config.rules.iter().any(|rule| rule.cost.is_some()) && settings.prices.is_empty() {
            return Err(Error::NoPrices);
        }
        let names: HashKey = root.hash_key("privet/server/limit-counter", b"");
        let naming = Box::new(move |name: &str| names.hash_hex(&[name.as_bytes()]));
        let counters = Arc::new(InMemory::new(saved, naming));
        let port = Arc::clone(&counters) as Arc<dyn Counters>;
        Ok(Self {
            limiter: Arc::new(Limiter::new(config, settings.prices.currency(), port)),
            counters,
            shared: shared.map(|settings| Shared::new(settings, root)).transpose()?,
            prices: settings.prices.clone(),
            named: Arc::new(named(settings)),
            first_byte: settings.limits.first_byte_timeout.duration(),
        })
    }

    /// The limits of another policy; what was used before counts on.
    pub(crate) fn with_policy(&self, policy: &Policy) -> Result<Self, Error> {
        let config = policy.limits();
        if config.rules.iter().any(|rule| rule.cost.is_some()) && self.prices.is_empty() {
            return Err(Error::NoPrices);
        }
        let port = Arc::clone(&self.counters) as Arc<dyn Counters>;
        Ok(Self {
            limiter: Arc::new(Limiter::new(config, self.prices.currency(), port)),
            counters: Arc::clone(&self.counters),
            shared: self.shared.clone(),
            prices: self.prices.clone(),
            named: Arc::clone(&self.named),
            first_byte: self.first_byte,
        })
    }

    /// Whether a request of `who` can be within the limits at all, before anybody looks at it.
    pub(crate) fn look(&self, who: Who<'_>, surface: SurfaceKind, now: Timestamp) -> Result<(), Problem> {
        // What nodes share is asked for once a request, when all is known of it.
        if self.limiter.is_empty() || self.shared.is_some() {
            return Ok(());
        }
        let groups = who.groups();
        let asker = who.asker(&groups, (Some(surface), None));
        self.limiter.check_groups(&asker)?;
        let full = self.limiter.look(&asker, now);
        full.map_err(|exceeded| refused(exceeded, now))
    }

    /// Reserves what `body`, a prompt to `model`, may use. Nothing is kept of one to which no limit applies.
    pub(crate) async fn reserve(
        &self,
        caller: &Authenticated,
        surface: SurfaceKind,
        (model, body): (&str, &[u8]),
        now: Timestamp,
    ) -> Result<Option<Meter>, Problem> {
        if self.limiter.is_empty() {
            return Ok(None);
        }
        let who = Who::Caller(caller);
        let groups = who.groups();
        let asker = who.asker(&groups, (Some(surface), Some(model)));
        self.limiter.check_groups(&asker)?;
        let price = self.prices.of(model);
        let mut estimate = Used::default();
        // Providers count a prompt's tokens for nothing, and tools have none.
        let is_free = matches!(surface, SurfaceKind::AnthropicCountTokens | SurfaceKind::Mcp);
        if !is_free && self.limiter.counts_tokens(&asker) {
            if price.is_none() && self.limiter.counts_cost(&asker) {
                return Err(Problem::NoPrice);
            }
            estimate.input = (body.len() as u64).div_ceil(BYTES_PER_TOKEN);
            if surface != SurfaceKind::OpenaiEmbeddings {
                estimate.output = reply_bound(body).unwrap_or_else(|| self.limiter.output_tokens().into());
            }
        }
        let stream_time = self.limiter.stream_time(&asker);
        let longest = stream_time.map_or(LONGEST, |time| time + self.first_byte);
        let hold = self.hold(&asker, estimate.amount(price), longest, now).await?;
        if hold.is_none() && stream_time.is_none() {
            return Ok(None);
        }
        let mut meter = Meter::new(hold, estimate, price, stream_time);
        if is_free {
            meter.free();
        }
        Ok(Some(meter))
    }

    /// Takes what a text of so many `bytes` uses, which Privet itself works on: a request and its tokens, and no cost. Whatever
    /// becomes of it, that was its use.
    pub(crate) async fn reserve_text(
        &self,
        who: Who<'_>,
        surface: SurfaceKind,
        bytes: usize,
        now: Timestamp,
    ) -> Result<Option<Meter>, Problem> {
        if self.limiter.is_empty() {
            return Ok(None);
        }
        let groups = who.groups();
        let asker = who.asker(&groups, (Some(surface), None));
        self.limiter.check_groups(&asker)?;
        let estimate = Used {
            input: (bytes as u64).div_ceil(BYTES_PER_TOKEN),
            ..Used::default()
        };
        let hold = self.hold(&asker, estimate.amount(None), LONGEST, now).await?;
        Ok(hold.map(|hold| {
            let mut meter = Meter::new(Some(hold), estimate, None, None);
            meter.sent();
            meter
        }))
    }

    /// Takes `ask` from all counts that `asker` is on, for `longest` at most; nothing if it is on none.
    async fn hold(
        &self,
        asker: &Asker<'_>,
        ask: Amount,
        longest: Duration,
        now: Timestamp,
    ) -> Result<Option<Hold>, Problem> {
        let charges = self.limiter.charges(asker, now);
        let deadline = now.checked_add(longest).unwrap_or(Timestamp::MAX);
        match &self.shared {
            _ if charges.is_empty() => Ok(None),
            Some(shared) => {
                let held = self
                    .hold_shared(shared, &charges, ask, (longest, deadline), now)
                    .await?;
                if let Some(model) = asker.model {
                    shared.saw(&charges, model);
                }
                Ok(Some(held))
            }
            None => {
                let taken = self.limiter.reserve_from(&charges, ask, deadline, now);
                let taken = taken.map_err(|exceeded| refused(exceeded, now))?;
                Ok(taken.map(|reservation| Hold::Own(Arc::clone(&self.limiter), reservation)))
            }
        }
    }
}

impl Limits {
    /// From the counts that nodes share, or from this node's share where they cannot be reached.
    async fn hold_shared(
        &self,
        shared: &Arc<Shared>,
        charges: &[Charge<'_>],
        ask: Amount,
        (longest, deadline): (Duration, Timestamp),
        now: Timestamp,
    ) -> Result<Hold, Problem> {
        let full = match shared.reserve(charges, ask, longest).await {
            Ok(Ok(held)) => return Ok(Hold::Shared(Arc::clone(shared), held)),
            Ok(Err(full)) => full,
            Err(Unanswered) => match shared.reserve_alone(charges, ask, deadline, now) {
                Ok(held) => return Ok(Hold::Alone(held)),
                Err(Refused::Budget) => return Err(Problem::BudgetUnknown),
                Err(Refused::Full(full)) => full,
            },
        };
        Err(refused(self.limiter.exceeded(charges, full, ask), now))
    }

    /// How the counts are that nodes share, if they share any.
    pub(crate) fn shared_status(&self) -> Option<SharedStatus> {
        self.shared.as_ref().map(|shared| shared.status())
    }
}

impl Gateway {
    /// Keeps the counts that nodes share going until `stopped`, if there are any, and takes kill switches over that come the same way.
    pub async fn share_limits(&self, stopped: impl Future<Output = ()>) {
        if let Some(shared) = &self.limits.shared {
            let (end, ended) = watch::channel(false);
            let until = async move {
                stopped.await;
                end.send_replace(true);
            };
            let is_over = |mut ended: watch::Receiver<bool>| async move {
                // An error means that the sender is gone, which is an end as well.
                let _ = ended.wait_for(|is_over| *is_over).await;
            };
            tokio::join!(
                shared::run(Arc::clone(shared), &*self.clock, until),
                shared::look(shared, self.keys(), &*self.clock, is_over(ended)),
            );
        }
    }
}

fn named(settings: &Settings) -> BTreeSet<String> {
    let patterns = settings.models().map(|(pattern, _)| pattern);
    patterns
        .filter(|pattern| !pattern.contains('*'))
        .map(str::to_owned)
        .collect()
}

impl<'a> Who<'a> {
    /// The groups that they are in, for [`Who::asker`].
    fn groups(self) -> Vec<&'a str> {
        let Self::Caller(caller) = self else {
            return Vec::new();
        };
        let groups = caller.account.groups();
        groups.map(|(group, _)| group.as_str()).collect()
    }

    /// What limits tell apart of a request of theirs, at a surface and to a model, if it is to one.
    fn asker<'b>(
        self,
        groups: &'b [&'b str],
        (surface, model): (Option<SurfaceKind>, Option<&'b str>),
    ) -> Asker<'b>
    where
        'a: 'b,
    {
        let (tenant, principal, key) = match self {
            Self::Caller(caller) => (&caller.tenant, caller.principal.as_str(), caller.counted_key()),
            // No principal and no key has an empty name.
            Self::Anybody(tenant) => (tenant, "", ""),
        };
        Asker {
            tenant: tenant.as_str(),
            principal,
            key,
            groups,
            surface,
            model,
        }
    }
}

fn refused(exceeded: Exceeded, now: Timestamp) -> Problem {
    let left = exceeded.frees_at.map(|at| at.duration_since(now).as_secs());
    Problem::Limited {
        retry_after: left
            .and_then(|left| u64::try_from(left).ok())
            .map_or(1, |left| left + 1),
        exceeded: Box::new(exceeded),
    }
}

/// The bound that a prompt sets for its reply: the largest number that stands behind a name of such a bound, wherever that is. What
/// stands elsewhere than it should can so only raise the estimate.
fn reply_bound(body: &[u8]) -> Option<u64> {
    const NAMES: [&[u8]; 3] = [b"tokens\"", b"completion_tokens\"", b"output_tokens\""];
    const BEFORE: &[u8] = b"\"max_";
    let bound = |at: usize| {
        let rest = body.get(at + BEFORE.len()..)?;
        let rest = NAMES.iter().find_map(|name| rest.strip_prefix(*name))?;
        let rest = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        std::str::from_utf8(rest.get(..digits)?).ok()?.parse().ok()
    };
    memmem::find_iter(body, BEFORE).filter_map(bound).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_of_a_reply_is_found_under_each_of_its_names_and_the_largest_counts() {
        for (body, bound) in [
            (r#"{"model":"m"}"#, None),
            (r#"{"max_tokens":7}"#, Some(7)),
            (r#"{"max_completion_tokens" : 70, "max_tokens":null}"#, Some(70)),
            (r#"{"max_output_tokens":5,"metadata":{"max_tokens":9}}"#, Some(9)),
            // A text in a string is none of a prompt's own names.
            (
                r#"{"messages":[{"content":"\"max_tokens\":900000"}],"max_tokens":3}"#,
                Some(3),
            ),
            (r#"{"max_tokens":"many"}"#, None),
            (r#"{"max_tokens":99999999999999999999999}"#, None),
        ] {
            assert_eq!(reply_bound(body.as_bytes()), bound, "{body}");
        }
    }
}
