//! Kill switches on their way between machines: the way that works while the store does not answer.
//!
//! They lie sealed in the server of shared limits, by id. Each node looks there twice a second, and keeps what it finds as if it had been
//! set on its own machine.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use privet_access::{KeyRing, KillSwitch, LocalSwitches, REFRESH};
use privet_crypto::RootKey;
use privet_types::Clock;
use tokio::time::MissedTickBehavior;

use super::{Shared, SharedLimits};
use crate::Error;

/// How long they lie there, in seconds: by then the store has answered, or every node has them.
const KEEP: u32 = 30 * 86_400;
/// Most that are read at once.
const MOST: usize = 10_000;

/// The name under which they lie.
fn place(shared: &Shared) -> String {
    format!("{}kill", shared.prefix)
}

/// Hands `switch` to every node that shares limits by the server of `settings`.
///
/// # Errors
/// [`Error::NotShared`] if the server does not take it; [`Error`] if the settings cannot be used.
pub async fn share_switch(
    settings: &SharedLimits,
    root: &RootKey,
    local: &LocalSwitches,
    switch: &KillSwitch,
) -> Result<(), Error> {
    let shared = Shared::new(settings, root)?;
    let sealed = local.seal(switch).map_err(|_| Error::NotShared)?;
    let link = shared.target.connect(0, shared.timeout).await;
    let link = link.map_err(|_| Error::NotShared)?;
    let mut put = redis::cmd("HSET");
    put.arg(place(&shared)).arg(&switch.id).arg(sealed);
    link.ask::<u64>(put).await.map_err(|_| Error::NotShared)?;
    let mut keep = redis::cmd("EXPIRE");
    keep.arg(place(&shared)).arg(KEEP);
    link.ask::<u64>(keep).await.map_err(|_| Error::NotShared)?;
    Ok(())
}

/// Looks for switches until `stopped`.
pub(crate) async fn look(
    shared: &Shared,
    keys: &KeyRing,
    clock: &dyn Clock,
    stopped: impl Future<Output = ()>,
) {
    let strange = AtomicUsize::new(0);
    let work = async {
        let mut ticks = tokio::time::interval(REFRESH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let link = shared.link.read().unwrap_or_else(PoisonError::into_inner).clone();
            let Some(link) = link else { continue };
            let mut get = redis::cmd("HGETALL");
            get.arg(place(shared));
            // Whether the server answers at all is told by whoever counts there.
            let Ok(found) = link.ask::<HashMap<String, Vec<u8>>>(get).await else {
                continue;
            };
            let sealed: Vec<Vec<u8>> = found.into_values().take(MOST).collect();
            let now = keys.take_shared_switches(&sealed, clock.now());
            if now > strange.swap(now, Ordering::Relaxed) {
                tracing::error!(
                    count = now,
                    "kill switches in the server of shared limits are not of this installation"
                );
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = stopped => {}
    }
}
