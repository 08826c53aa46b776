//! Who is asked for a prompt: one of a model's targets by its weight, another one where that fails, or a local model alone.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::header::RETRY_AFTER;
use http::{HeaderMap, Response};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use privet_policy::{Cleared, LocalModel, NotCleared, Prompt, Provider, Route};
use privet_types::{AuditEvent, SurfaceKind};
use tokio::task::JoinSet;

use crate::connection::ReplyBody;
use crate::gateway::Gateway;
use crate::headers;
use crate::problem::Problem;
use crate::prompt::record;
use crate::telemetry::{Attempt, TRACEPARENT, Trace};
use crate::upstream::{Failed, Upstream};

/// Why a prompt went to a local model, in its audit event.
pub(crate) const LOCAL: &str = "sensitive_local";
/// Why another provider got a prompt, in a further event.
const FALLBACK: &str = "fallback";

/// Shares requests among targets.
#[derive(Default)]
pub(crate) struct Routing {
    draws: AtomicU64,
}

/// Which target of which route was chosen for a prompt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// The rule of the policy by which it goes to a local model.
    rule: Option<usize>,
    target: usize,
    /// Those that may not be asked, by bits.
    barred: u32,
}

/// What clearing a prompt has chosen.
#[derive(Default)]
pub(crate) struct Picked {
    target: OnceLock<usize>,
    local: OnceLock<usize>,
    /// Providers that are not to be asked.
    off: Vec<String>,
}

/// A prompt's request as it came.
pub(crate) struct Asked<'a> {
    pub(crate) choice: Choice,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) query: Option<&'a str>,
    /// What was recorded of it, if others may be asked, too.
    pub(crate) event: Option<AuditEvent>,
    pub(crate) trace: &'a Trace,
}

impl Choice {
    /// The target at `index` may not be asked.
    pub(crate) fn bar(&mut self, index: usize) {
        self.barred |= bit(index);
    }
}

impl Picked {
    /// Where the providers called `off` are not asked as long as there is another.
    pub(crate) fn without(off: Vec<String>) -> Self {
        Self {
            off,
            ..Self::default()
        }
    }

    /// The name that the chosen target of `model` is asked for, if it is another one.
    pub(crate) fn route(&self, gateway: &Gateway, model: &str) -> Option<Option<String>> {
        let route = gateway.settings.route(model)?;
        let target = gateway.routing.pick(&route, &gateway.upstream, &self.off);
        let target = *self.target.get_or_init(|| target);
        Some(route.with(target)?.upstream_model.map(str::to_owned))
    }

    /// The local model that gets a prompt in the dialect of `surface` by the policy's rule.
    pub(crate) fn local(
        &self,
        gateway: &Gateway,
        surface: SurfaceKind,
        rule: usize,
        model: &str,
    ) -> Option<LocalModel> {
        let route = gateway.policy.routing().route(rule, model, &gateway.settings)?;
        let target = gateway.routing.pick(&route, &gateway.upstream, &self.off);
        let target = *self.local.get_or_init(|| target);
        let route = route.with(target).unwrap_or(route);
        route.provider.url(surface, "model")?;
        Some(LocalModel {
            upstream_model: route.upstream_model.map(str::to_owned),
            is_local: route.provider.is_local(),
        })
    }

    /// What was chosen; `rule`: by which it goes to a local model.
    pub(crate) fn choice(&self, rule: Option<usize>) -> Choice {
        let target = if rule.is_some() { &self.local } else { &self.target };
        Choice {
            rule,
            target: target.get().copied().unwrap_or_default(),
            barred: 0,
        }
    }
}

impl Gateway {
    /// Where a prompt for `model` goes by `choice`.
    pub(crate) fn route<'a>(&'a self, model: &'a str, choice: Choice) -> Option<Route<'a>> {
        let route = match choice.rule {
            Some(rule) => self.policy.routing().route(rule, model, &self.settings)?,
            None => self.settings.route(model)?,
        };
        Some(route.with(choice.target).unwrap_or(route))
    }
}

impl Routing {
    /// One of the targets that are well, each as often as its weight says; else the first that stands in and is well; else
    /// the first.
    fn pick(&self, route: &Route<'_>, upstream: &Upstream, off: &[String]) -> usize {
        let targets = route.targets();
        if targets.len() < 2 {
            return 0;
        }
        let is_off = |index: usize| {
            let provider = route.with(index).map(|target| target.provider.name());
            off.iter().any(|off| Some(off.as_str()) == provider)
        };
        let is_well = |index: &usize| admits(route, *index, upstream) && !is_off(*index);
        let shares: Vec<(usize, u64)> = targets
            .iter()
            .enumerate()
            .filter(|(index, target)| target.weight > 0 && is_well(index))
            .map(|(index, target)| (index, target.weight.into()))
            .collect();
        let sum: u64 = shares.iter().map(|(_, weight)| weight).sum();
        if sum == 0 {
            let is_on = |index: &usize| !is_off(*index);
            let found = (0..targets.len()).find(is_well);
            return found
                .or_else(|| (0..targets.len()).find(is_on))
                .unwrap_or_default();
        }
        let mut point = low_discrepancy(self.draws.fetch_add(1, Ordering::Relaxed), sum);
        for (index, weight) in shares {
            match point.checked_sub(weight) {
                Some(rest) => point = rest,
                None => return index,
            }
        }
        0
    }
}

/// The `number`th of points below `sum` that are spread evenly, however many are taken: multiples of the golden ratio.
fn low_discrepancy(number: u64, sum: u64) -> u64 {
    /// 2⁶⁴ divided by the golden ratio.
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
    let fraction = u128::from(number.wrapping_mul(STEP));
    u64::try_from((fraction * u128::from(sum)) >> 64).unwrap_or_default()
}

fn bit(index: usize) -> u32 {
    u32::try_from(index)
        .ok()
        .and_then(|index| 1_u32.checked_shl(index))
        .unwrap_or_default()
}

fn admits(route: &Route<'_>, index: usize, upstream: &Upstream) -> bool {
    let target = route.with(index);
    let health = target.and_then(|target| upstream.health(target.provider));
    health.is_some_and(crate::health::Health::admits)
}

/// Sends a cleared prompt to the target that was chosen, and where it fails to others. Nothing of a reply is read before it
/// is settled that this one goes to the caller.
///
/// Gives back who answers, too.
pub(crate) async fn send<'a>(
    gateway: &'a Gateway,
    model: &'a str,
    prompt: Prompt<Cleared>,
    asked: Asked<'_>,
) -> Result<(Response<ReplyBody>, &'a Provider), Failed> {
    let Asked {
        choice,
        headers,
        query,
        event,
        trace,
    } = asked;
    let no_route = || Failed::NotSent(NotCleared::NoRoute.into());
    let route = gateway.route(model, choice).ok_or_else(no_route)?;
    let settings = &gateway.settings.routing;
    let outgoing = || headers::outgoing(headers, &gateway.analyzer);
    let upstream = &gateway.upstream;
    if route.targets().len() < 2 && settings.retries == 0 {
        let name = route.upstream_model.unwrap_or(model);
        let answer = ask(gateway, (&route, name, trace), query, outgoing(), prompt).await;
        return Ok((answer?, route.provider));
    }
    let mut attempts = Attempts {
        gateway,
        first: route,
        tried: choice.barred | bit(choice.target),
        retries: settings.retries,
        wait: settings.retry_wait.duration(),
    };
    if settings.retries > 0
        && let Some(health) = upstream.health(route.provider)
    {
        health.earn();
    }
    let (mut route, mut prompt) = (route, prompt);
    loop {
        let name = route.upstream_model.unwrap_or(model);
        let answer = ask(gateway, (&route, name, trace), query, outgoing(), prompt.copy()).await;
        let asked_wait = match &answer {
            Ok(reply) if settings.retry_on.contains(&reply.status().as_u16()) => {
                retry_after(reply.headers(), gateway.clock.now())
            }
            Err(Failed::NotSent(
                Problem::UpstreamUnreachable | Problem::UpstreamNotHttp2 | Problem::ProviderResting,
            )) => None,
            _ => return Ok((answer?, route.provider)),
        };
        let Some((next, wait)) = attempts.next(route, asked_wait) else {
            return Ok((answer?, route.provider));
        };
        drop(answer);
        if let Some(wait) = wait {
            tokio::time::sleep(wait).await;
        }
        tracing::info!(
            from = route.provider.name(),
            to = next.provider.name(),
            "prompt is sent again"
        );
        prompt = prompt
            .for_model(next.upstream_model.unwrap_or(model))
            .ok_or(Failed::Sent(Problem::UpstreamUnreachable))?;
        if next.provider != route.provider
            && let Some(event) = &event
        {
            let mut event = event.clone();
            event.at = gateway.clock.now();
            event.provider = Some(next.provider.name().to_owned());
            FALLBACK.clone_into(&mut event.decision.reason);
            let tenant = event
                .tenant
                .parse()
                .map_err(|_| Failed::Sent(Problem::NotRecorded))?;
            event.sent_hash = Some(gateway.hashes(&tenant).hash_hex(&[prompt.body()]));
            record(gateway, &event).await.map_err(Failed::Sent)?;
        }
        route = next;
    }
}

/// Sends a prompt to the target of `route`, and counts how it answers.
async fn ask(
    gateway: &Gateway,
    (route, model, trace): (&Route<'_>, &str, &Trace),
    query: Option<&str>,
    mut headers: HeaderMap,
    prompt: Prompt<Cleared>,
) -> Result<Response<ReplyBody>, Failed> {
    let (provider, since) = (route.provider, Instant::now());
    trace.asks(&Attempt { provider, model });
    if let Some(traceparent) = trace.traceparent() {
        headers.insert(TRACEPARENT, traceparent);
    }
    let answer = gateway
        .upstream
        .send(provider, model, query, headers, prompt)
        .await;
    if !matches!(answer, Err(Failed::NotSent(Problem::ProviderResting))) {
        let status = answer.as_ref().ok().map(Response::status);
        gateway.metrics.replied(provider.name(), status, since.elapsed());
    }
    match &answer {
        Ok(reply) => trace.answered(reply.status()),
        Err(Failed::NotSent(problem) | Failed::Sent(problem)) => trace.unanswered(problem),
    }
    answer
}

/// What of a request's attempts is left.
struct Attempts<'a> {
    gateway: &'a Gateway,
    first: Route<'a>,
    /// Targets that were asked, or must not be, by bits.
    tried: u32,
    retries: u32,
    wait: Duration,
}

impl<'a> Attempts<'a> {
    /// Who is asked now that `last` has failed, and after which wait: a target that was not asked yet at once, else the first one
    /// again. `asked_wait`: what the provider asked for.
    fn next(
        &mut self,
        last: Route<'a>,
        asked_wait: Option<Duration>,
    ) -> Option<(Route<'a>, Option<Duration>)> {
        let upstream = &self.gateway.upstream;
        let other = (0..self.first.targets().len())
            .find(|index| self.tried & bit(*index) == 0 && admits(&self.first, *index, upstream));
        if let Some(index) = other {
            self.tried |= bit(index);
            return Some((self.first.with(index)?, None));
        }
        let settings = &self.gateway.settings.routing;
        let wait = self.wait.max(asked_wait.unwrap_or_default());
        if self.retries == 0 || wait > settings.retry_wait_max.duration() {
            return None;
        }
        let again = [self.first, last].into_iter().find_map(|route| {
            Some((
                route,
                upstream.health(route.provider).filter(|health| health.admits())?,
            ))
        });
        let (route, _) = again.filter(|(_, health)| health.spend())?;
        self.retries -= 1;
        self.wait = self.wait.saturating_mul(2);
        Some((route, Some(wait)))
    }
}

/// How long a provider wants to be left alone: `retry-after-ms`, or `retry-after` in seconds or as a date (RFC 9110 §10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |name: &str| text(name)?.parse::<f64>().ok();
    let seconds = number("retry-after-ms")
        .map(|millis| millis / 1_000.0)
        .or_else(|| number(RETRY_AFTER.as_str()));
    match seconds {
        // NaN, negative and endless are no waits.
        Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        None => {
            let date = rfc2822::parse(text(RETRY_AFTER.as_str())?).ok()?;
            Duration::try_from(date.timestamp().duration_since(now)).ok()
        }
    }
}

/// Asks providers whether they are well, as the settings say, for as long as what it gives back lives.
pub(crate) fn watch(gateway: &Arc<Gateway>) -> JoinSet<()> {
    let mut probes = JoinSet::new();
    for (index, provider) in gateway.settings.providers().iter().enumerate() {
        if provider.health().is_none() {
            continue;
        }
        let gateway = Arc::clone(gateway);
        probes.spawn(async move {
            let Some(provider) = gateway.settings.providers().get(index) else {
                return;
            };
            let (Some(check), Some(health)) = (provider.health(), gateway.upstream.health(provider)) else {
                return;
            };
            loop {
                let asked = gateway.upstream.is_well(provider, &check.path);
                let answered = tokio::time::timeout(check.timeout, asked).await;
                health.probed(answered.unwrap_or(false));
                tokio::time::sleep(check.interval).await;
            }
        });
    }
    probes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_fall_as_often_into_a_share_as_it_is_large() {
        for count in [10_u64, 100, 1_000] {
            let hits = (0..count)
                .filter(|number| low_discrepancy(*number, 100) < 80)
                .count();
            let hits = u64::try_from(hits).unwrap();
            assert!(hits.abs_diff(count * 80 / 100) <= 2, "{hits} of {count}");
        }
    }

    #[test]
    fn a_wait_is_read_in_either_unit_or_as_a_date_and_nonsense_is_none() {
        let wait = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            retry_after(&headers, "1999-12-31T23:59:00Z".parse().unwrap())
        };
        assert_eq!(wait("retry-after", "2"), Some(Duration::from_secs(2)));
        assert_eq!(wait("retry-after-ms", "250"), Some(Duration::from_millis(250)));
        let date = "Fri, 31 Dec 1999 23:59:59 GMT";
        assert_eq!(wait("retry-after", date), Some(Duration::from_secs(59)));
        let past = "Fri, 31 Dec 1999 23:58:59 GMT";
        for nonsense in ["-1", "NaN", "inf", "soon", past] {
            assert_eq!(wait("retry-after", nonsense), None, "{nonsense}");
        }
    }
}
