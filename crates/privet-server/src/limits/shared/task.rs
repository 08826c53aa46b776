//! The task that keeps the connection, tells what was used, and says that this node lives.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::MissedTickBehavior;

use super::link::{Link, LinkError, Scripts};
use super::{ALIVE, Alone, BEAT, Settled, Shared, told};
use privet_types::Clock;

/// Between two tries to connect.
const AGAIN: Duration = Duration::from_millis(500);
/// How long the end may take.
const LAST: Duration = Duration::from_secs(2);

/// Keeps `shared` going until `stopped`; then tells what is left to tell, and says good-bye.
pub(crate) async fn run(shared: Arc<Shared>, clock: &dyn Clock, stopped: impl Future<Output = ()>) {
    let taken = shared
        .to_tell
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    let Some(mut to_tell) = taken else { return };
    let mut waiting = VecDeque::new();
    {
        let work = async {
            let mut number = 0;
            let mut is_told = false;
            loop {
                number += 1;
                match begin(&shared, clock, number, &mut to_tell, &mut waiting).await {
                    Ok(link) => {
                        is_told = false;
                        tracing::info!(nodes = shared.status().nodes, "limits are shared");
                        if let Err(error) = serve(&shared, clock, &link, &mut to_tell, &mut waiting).await {
                            tracing::warn!(%error, "the server of shared limits does not answer");
                        }
                        shared.lose(&link);
                    }
                    Err(error) if !is_told => {
                        is_told = true;
                        tracing::warn!(%error, "limits are not shared; this node grants its share");
                    }
                    Err(_) => {}
                }
                tokio::time::sleep(AGAIN).await;
            }
        };
        tokio::select! {
            () = work => {}
            () = stopped => {}
        }
    }
    drain(&mut to_tell, &mut waiting);
    if let Some(link) = shared.link() {
        let end = async {
            tell_all(&shared, &link, &mut waiting).await?;
            let mut forget = redis::cmd("DEL");
            forget.arg(format!("{}n:{}", shared.prefix, shared.node));
            link.ask::<()>(forget).await?;
            let mut leave = redis::cmd("ZREM");
            leave.arg(format!("{}nodes", shared.prefix)).arg(&shared.node);
            link.ask::<()>(leave).await
        };
        let _ = tokio::time::timeout(LAST, end).await;
    }
}

/// A connection that all requests may use.
async fn begin(
    shared: &Shared,
    clock: &dyn Clock,
    number: u64,
    to_tell: &mut UnboundedReceiver<Settled>,
    waiting: &mut VecDeque<Settled>,
) -> Result<Link, LinkError> {
    let link = shared.target.connect(number, shared.timeout).await?;
    // First: what has ended is not among what `beat` says is under way, and would be taken off that once more.
    drain(to_tell, waiting);
    tell_all(shared, &link, waiting).await?;
    beat(shared, clock, &link).await?;
    hand_over(shared, &link).await?;
    let mut current = shared.link.write().unwrap_or_else(PoisonError::into_inner);
    *current = Some(link.clone());
    Ok(link)
}

/// Tells what is settled, and that this node lives, for as long as the server answers.
async fn serve(
    shared: &Shared,
    clock: &dyn Clock,
    link: &Link,
    to_tell: &mut UnboundedReceiver<Settled>,
    waiting: &mut VecDeque<Settled>,
) -> Result<(), LinkError> {
    // What was granted while the connection was made.
    hand_over(shared, link).await?;
    let mut beats = tokio::time::interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shared.is_lost.notified() => {
                // Word of an earlier one may have been left.
                if shared.link().is_none_or(|current| current.number() != link.number()) {
                    return Ok(());
                }
            }
            _ = beats.tick() => {
                drain(to_tell, waiting);
                tell_all(shared, link, waiting).await?;
                beat(shared, clock, link).await?;
            }
            settled = to_tell.recv() => {
                waiting.extend(settled);
                drain(to_tell, waiting);
                tell_all(shared, link, waiting).await?;
            }
        }
    }
}

fn drain(to_tell: &mut UnboundedReceiver<Settled>, waiting: &mut VecDeque<Settled>) {
    while let Ok(settled) = to_tell.try_recv() {
        waiting.push_back(settled);
    }
}

/// What is not heard stays waiting.
async fn tell_all(shared: &Shared, link: &Link, waiting: &mut VecDeque<Settled>) -> Result<(), LinkError> {
    while let Some(settled) = waiting.front() {
        let mut call = link.call(Scripts::Settle, &settled.reservation, &settled.counts);
        let used = told(settled.used);
        call.arg(&shared.node)
            .arg(used.requests)
            .arg(used.tokens)
            .arg(used.nanos)
            .arg(u8::from(settled.is_given_up));
        heard(link.ask::<u8>(call).await)?;
        waiting.pop_front();
    }
    Ok(())
}

/// What the server cannot do it could not do the next time either: that is told once, and left.
fn heard(answer: Result<u8, LinkError>) -> Result<(), LinkError> {
    match answer {
        Ok(_) => Ok(()),
        Err(error) if error.is_of_call() => {
            tracing::error!(%error, "what was used is not counted where limits are shared");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Says that this node lives, and what it has under way if that was forgotten.
async fn beat(shared: &Shared, clock: &dyn Clock, link: &Link) -> Result<(), LinkError> {
    let keys = [format!("{}nodes", shared.prefix)];
    let mut call = link.call(
        Scripts::Live,
        &format!("{}n:{}", shared.prefix, shared.node),
        &keys,
    );
    call.arg(&shared.node).arg(ALIVE.as_secs());
    let (nodes, was_known, now) = link.ask::<(u32, u8, i64)>(call).await?;
    shared
        .ahead
        .store(now - clock.now().as_second(), Ordering::Relaxed);
    shared.nodes.store(nodes.max(1), Ordering::Relaxed);
    if was_known == 1 {
        return Ok(());
    }
    let running: Vec<(String, u32)> = shared
        .running()
        .iter()
        .map(|(key, n)| (key.clone(), *n))
        .collect();
    for (key, count) in running {
        let mut set = redis::cmd("HSET");
        set.arg(&key).arg(format!("@{}", shared.node)).arg(count);
        link.ask::<u8>(set).await?;
        let mut keep = redis::cmd("EXPIRE");
        keep.arg(&key).arg(2 * 86_400);
        link.ask::<u8>(keep).await?;
    }
    Ok(())
}

/// Adds what this node granted by itself, once.
async fn hand_over(shared: &Shared, link: &Link) -> Result<(), LinkError> {
    let alone = std::mem::take::<Alone>(&mut *shared.alone());
    if !alone.granted.is_empty() {
        let number = shared.outages.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}o:{}:{number}", shared.prefix, shared.node);
        shared.unheard().push((name, alone.granted));
    }
    loop {
        // It stays until it was heard; under the same name it is not added twice.
        let Some((name, granted)) = shared.unheard().first().cloned() else {
            return Ok(());
        };
        let (keys, granted): (Vec<String>, Vec<_>) = granted.into_iter().unzip();
        let mut call = link.call(Scripts::Add, &name, &keys);
        for granted in granted {
            call.arg(granted.from)
                .arg(granted.to)
                .arg(granted.amount.requests)
                .arg(granted.amount.tokens)
                .arg(granted.amount.nanos);
        }
        heard(link.ask::<u8>(call).await)?;
        shared.unheard().remove(0);
    }
}
