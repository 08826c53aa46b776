//! All that a node knows of kill switches, from the store and from this machine, and what follows from it.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use privet_store::{KillSwitch, KillSwitchChange};
use privet_types::TenantId;
use tokio::sync::watch;

use super::local::{LocalSwitches, Stamp};
use super::{Switches, manage};
use crate::PseudonymKey;

/// The switches of a node. What is in force can be asked for without waiting for anybody who changes them.
#[derive(Debug)]
pub(crate) struct Board {
    known: Mutex<Known>,
    in_force: watch::Sender<Switches>,
    local: Option<LocalSwitches>,
    pseudonyms: PseudonymKey,
}

#[derive(Debug, Default)]
struct Known {
    stored: Vec<KillSwitch>,
    local: Vec<KillSwitch>,
    /// Those of this machine that the store decides about.
    told: HashSet<String>,
    stamp: Option<Stamp>,
    is_unreadable: bool,
}

impl Known {
    /// Those of this machine that the store does not know.
    fn untold(&self) -> impl Iterator<Item = &KillSwitch> {
        self.local.iter().filter(|switch| !self.told.contains(&switch.id))
    }

    fn switches(&self) -> Switches {
        if self.is_unreadable {
            return Switches::unreadable();
        }
        Switches::of(self.stored.iter().chain(self.untold()))
    }
}

impl Board {
    pub(crate) fn new(stored: Vec<KillSwitch>, pseudonyms: PseudonymKey) -> Self {
        let known = Known {
            stored,
            ..Known::default()
        };
        Self {
            in_force: watch::Sender::new(known.switches()),
            known: Mutex::new(known),
            local: None,
            pseudonyms,
        }
    }

    /// Takes those of this machine, too.
    pub(crate) fn follow(&mut self, local: LocalSwitches) {
        self.local = Some(local);
        self.look_at_local();
    }

    /// What is in force. Not to be held while anything is waited for.
    pub(crate) fn switches(&self) -> watch::Ref<'_, Switches> {
        self.in_force.borrow()
    }

    /// What is in force, and word of each change.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Switches> {
        self.in_force.subscribe()
    }

    /// The store's switches as they are now.
    pub(crate) fn read(&self, stored: Vec<KillSwitch>) {
        let mut known = self.known();
        known.stored = stored;
        self.publish(&known);
    }

    /// Reads the file of this machine if it changed.
    pub(crate) fn look_at_local(&self) {
        let Some(local) = &self.local else { return };
        let stamp = local.stamp();
        let mut known = self.known();
        // One that could not be read may become readable without a change of its own.
        if known.stamp.as_ref() == Some(&stamp) && !known.is_unreadable {
            return;
        }
        match local.read() {
            Ok(switches) => {
                known.local = switches;
                known.is_unreadable = false;
            }
            Err(error) => {
                if !known.is_unreadable {
                    tracing::error!(%error, "everybody is refused until the kill switches of this machine can be read");
                }
                known.is_unreadable = true;
            }
        }
        known.stamp = Some(stamp);
        self.publish(&known);
    }

    /// Takes switches over that came from another machine, each `sealed`, as if they had been set on this one. Those that it cannot open
    /// are none of this installation's; returns how many these are.
    pub(crate) fn take_shared(&self, sealed: &[Vec<u8>], now: Timestamp) -> usize {
        let Some(local) = &self.local else { return 0 };
        let opened: Vec<KillSwitch> = sealed.iter().filter_map(|sealed| local.open(sealed)).collect();
        let strange = sealed.len() - opened.len();
        let (lifted, mut set): (Vec<_>, Vec<_>) =
            opened.into_iter().partition(|switch| switch.lifted_at.is_some());
        let mut lifted: HashSet<String> = lifted.into_iter().map(|switch| switch.id).collect();
        {
            let known = self.known();
            let is_here = |id: &String| known.local.iter().any(|here| here.id == *id);
            set.retain(|switch| {
                let is_stored = known.stored.iter().any(|stored| stored.id == switch.id);
                let is_decided = is_stored || known.told.contains(&switch.id) || lifted.contains(&switch.id);
                switch.is_in_force(now) && !is_decided && !is_here(&switch.id)
            });
            lifted.retain(|id| is_here(id));
        }
        if set.is_empty() && lifted.is_empty() {
            return strange;
        }
        let kept = local.change(now, |all| {
            all.retain(|switch| !lifted.contains(&switch.id));
            for switch in &set {
                if !all.iter().any(|here| here.id == switch.id) {
                    all.push(switch.clone());
                }
            }
        });
        match kept {
            Ok(()) => self.look_at_local(),
            Err(error) => {
                tracing::error!(%error, "kill switches of another machine hold until this one ends");
                let mut known = self.known();
                known.local.extend(set);
                self.publish(&known);
            }
        }
        strange
    }

    /// Those of this machine that the store does not know.
    pub(crate) fn untold(&self) -> Vec<KillSwitch> {
        self.known().untold().cloned().collect()
    }

    /// The store decides about `ids` from now on.
    pub(crate) fn tell<'a>(&self, ids: impl Iterator<Item = &'a String>) {
        let mut known = self.known();
        known.told.extend(ids.cloned());
        self.publish(&known);
    }

    /// What the log is told of a switch of this machine.
    pub(crate) fn told_of(&self, switch: &KillSwitch, home: &TenantId) -> KillSwitchChange {
        manage::told(&self.pseudonyms, switch, &switch.set_by, home, switch.set_at)
    }

    fn publish(&self, known: &Known) {
        let now = known.switches();
        self.in_force.send_if_modified(|before| {
            let has_changed = *before != now;
            if has_changed {
                *before = now;
            }
            has_changed
        });
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
