//! Carrying events from the spool to the store.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use crate::{Error, Spool, Store};

/// Longest pause between attempts while the store refuses.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Attempts after shutdown was asked for. What then is left stays in the spool for the next start.
const LAST_ATTEMPTS: u32 = 3;

/// Stores the spool's events every `interval` until `shutdown`, then once more all that were appended before it.
/// Ask for shutdown only when nothing more is appended.
///
/// While the store or the spool's disk refuses, pauses grow from `interval` to 5 s and each attempt is logged.
///
/// # Errors
/// What kept the last events from being stored at shutdown. They stay in the spool.
pub async fn run_flusher(
    spool: &Spool,
    store: &Store,
    interval: Duration,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), Error> {
    let mut shutdown = pin!(shutdown);
    let mut pause = interval;
    loop {
        let is_last = tokio::select! {
            () = &mut shutdown => true,
            () = tokio::time::sleep(pause) => false,
        };
        if is_last {
            return flush_last(spool, store, interval).await;
        }
        pause = match flush(spool, store).await {
            Ok(()) => interval,
            Err(error) => {
                warn(spool, &error);
                (pause * 2).min(LONGEST_PAUSE)
            }
        };
    }
}

async fn flush_last(spool: &Spool, store: &Store, pause: Duration) -> Result<(), Error> {
    let mut attempt = 1;
    loop {
        let outcome = match spool.sync().await {
            // A closed spool has written what it had; what lies there can be stored still.
            Ok(()) | Err(Error::SpoolClosed) => flush(spool, store).await,
            Err(error) => {
                // What is durable already goes out all the same.
                flush(spool, store).await.and(Err(error))
            }
        };
        match outcome {
            Err(error) if attempt < LAST_ATTEMPTS => warn(spool, &error),
            done => return done,
        }
        attempt += 1;
        tokio::time::sleep(pause).await;
    }
}

/// Stores what is durable now. What becomes so meanwhile is left to the next time: else, under load, each transaction would
/// carry the few events that came during the one before, and there would be no pause between them.
async fn flush(spool: &Spool, store: &Store) -> Result<(), Error> {
    while let Some(batch) = spool.next_batch().await? {
        let has_more = batch.has_more();
        store.append_audit(spool.node(), batch.records()).await?;
        spool.acknowledge(batch).await?;
        if !has_more {
            break;
        }
    }
    Ok(())
}

fn warn(spool: &Spool, error: &Error) {
    let source = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(
        waiting = spool.status().waiting_events,
        error = %error,
        source = source.as_deref(),
        "cannot store audit events; they wait in the spool"
    );
}
