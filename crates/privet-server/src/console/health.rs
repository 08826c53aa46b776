//! How the parts of Privet are, for whoever may read its figures.

use std::time::Duration;

use privet_console::overview::Health;
use tokio::time::timeout;

use super::Desk;

/// Longest wait for the store.
const PATIENCE: Duration = Duration::from_secs(2);

const fn part(name: &'static str, is_well: bool, text: String) -> Health {
    Health { name, is_well, text }
}

impl Desk {
    /// The parts of this node.
    pub(super) async fn health(&self) -> Vec<Health> {
        let gateway = &self.gateway;
        let counted = timeout(
            PATIENCE,
            gateway.keys().store().last_audit_seq(gateway.spool.node()),
        )
        .await;
        let stored = counted.ok().and_then(Result::ok);
        let store_says = match stored {
            Some(_) => "answers",
            None => "does not answer; decisions wait in the spool",
        };
        let keys = gateway.keys().is_fresh();
        let keys_say = if keys {
            "read a moment ago"
        } else {
            "could not be read for too long; nobody is let in"
        };
        let spool = gateway.spool.status();
        let has_room = spool.used_bytes.saturating_mul(10) < spool.max_bytes.saturating_mul(9);
        let used = privet_console::share(spool.used_bytes, spool.max_bytes);
        let waiting = privet_console::amount(spool.waiting_events);
        let spool_says = if spool.is_failing {
            format!("cannot be written; {waiting} decisions wait")
        } else {
            format!("{waiting} decisions wait; {used} full")
        };
        let (all, resting) = gateway.upstream.resting();
        let mut parts = vec![
            part("Store", stored.is_some(), store_says.to_owned()),
            part("Keys", keys, keys_say.to_owned()),
            part("Spool of decisions", !spool.is_failing && has_room, spool_says),
            part(
                "Providers",
                resting == 0,
                match resting {
                    0 => format!("all {all} in service"),
                    _ => format!("{resting} of {all} down or resting"),
                },
            ),
            part("Policy", true, format!("version {}", gateway.policy.version())),
        ];
        if let Some(shared) = gateway.limits.shared_status() {
            let says = if shared.is_up {
                "shared with the other nodes"
            } else {
                "their server does not answer; this node counts alone"
            };
            parts.push(part("Limits", shared.is_up, says.to_owned()));
        }
        parts
    }
}
