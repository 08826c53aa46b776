//! Where appends hand their events to the writer thread.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::segment::RECORD_OVERHEAD;

/// Bytes of events that may wait for the disk: a second at some 30 000 events a second.
const QUEUE_BYTES: usize = 16 << 20;

/// Why a write failed; shared by all who waited for it.
pub(super) type Failure = Arc<io::Error>;

/// Where appends hand their events to the writer thread.
pub(super) struct Queue {
    state: Mutex<State>,
    /// Only the writer waits for it.
    wake: Condvar,
}

pub(super) struct State {
    /// In order of their numbers.
    pub(super) events: Vec<Queued>,
    /// Waiting for all events before them to be durable.
    pub(super) syncs: Vec<oneshot::Sender<Result<(), Failure>>>,
    /// Bytes on disk of the events that the writer has or is to take.
    pub(super) bytes: usize,
    /// How many events those are.
    pub(super) count: usize,
    /// Number of the next event that is numbered here.
    pub(super) next: u64,
    /// Why the last write failed; gone when one works again.
    pub(super) failed: Option<Failure>,
    pub(super) is_closed: bool,
    /// How many events wake the writer. Set by the writer, before it waits.
    enough: usize,
}

/// An event on its way to the disk.
pub(super) struct Queued {
    pub(super) json: Vec<u8>,
    /// Told the number once the event is durable. Absent where the number was given at once.
    pub(super) done: Option<oneshot::Sender<Result<u64, Failure>>>,
}

/// Which events are to share a write.
#[derive(Debug, Clone, Copy)]
pub(super) enum Gather {
    /// Those that are there.
    Nothing,
    /// Those that come within this time after the first one.
    After(Duration),
    /// As many as shared the last write, or those that come within this time after it. If none do, the next one that comes
    /// is written alone.
    Company { events: usize, time: Duration },
}

/// Why an event was not taken.
pub(super) enum Refused {
    Closed,
    Failing(Failure),
    Busy,
    Full,
}

impl Queued {
    /// Bytes on the disk.
    pub(super) fn bytes(&self) -> usize {
        self.json.len() + RECORD_OVERHEAD
    }

    /// Whether somebody waits for it, so that nothing was promised yet.
    pub(super) fn is_waited_for(&self) -> bool {
        self.done.is_some()
    }

    /// Ends the wait for it.
    pub(super) fn tell(self, outcome: Result<u64, Failure>) {
        if let Some(done) = self.done {
            // Who waited may have gone; the event is written all the same.
            let _ = done.send(outcome);
        }
    }
}

impl Queue {
    pub(super) fn new(next: u64) -> Self {
        let state = State {
            events: Vec::new(),
            syncs: Vec::new(),
            bytes: 0,
            count: 0,
            next,
            failed: None,
            is_closed: false,
            enough: 1,
        };
        Self {
            state: Mutex::new(state),
            wake: Condvar::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an event if there are `room` bytes for all events under way. Returns its number, which holds only where
    /// `done` is absent: else the writer gives it.
    pub(super) fn push(&self, event: Queued, room: u64) -> Result<u64, Refused> {
        let mut state = self.lock();
        let bytes = state.bytes + event.bytes();
        if state.is_closed {
            return Err(Refused::Closed);
        }
        // Who waits for the disk may try it: only what was promised at once must not pile up behind a failing disk.
        if let Some(failure) = state.failed.as_ref().filter(|_| !event.is_waited_for()) {
            return Err(Refused::Failing(Arc::clone(failure)));
        }
        if bytes as u64 > room {
            return Err(Refused::Full);
        }
        if bytes > QUEUE_BYTES {
            return Err(Refused::Busy);
        }
        let was_urgent = state.is_urgent();
        let seq = state.next;
        state.next += 1;
        state.bytes = bytes;
        state.count += 1;
        state.events.push(event);
        let wakes = state.events.len() == state.enough || state.is_urgent() != was_urgent;
        drop(state);
        if wakes {
            self.wake.notify_one();
        }
        Ok(seq)
    }

    /// Asks for all events taken so far to be made durable now.
    pub(super) fn push_sync(&self, done: oneshot::Sender<Result<(), Failure>>) -> Result<(), Refused> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(Refused::Closed);
        }
        state.syncs.push(done);
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    /// Refuses further events and lets the writer end once it has written the others.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.wake.notify_one();
    }

    /// Notes that the writer is done with `events`, and whether its last write failed.
    pub(super) fn count_off(&self, events: &[Queued], failed: Option<&Failure>) {
        let mut state = self.lock();
        state.bytes -= events.iter().map(Queued::bytes).sum::<usize>();
        state.count -= events.len();
        state.failed = failed.cloned();
    }

    /// Waits for events as `how` says; returns early if somebody cannot wait.
    pub(super) fn wait_for_work(&self, how: Gather) -> MutexGuard<'_, State> {
        let state = self.lock();
        match how {
            Gather::Nothing => self.wait_for_first(state),
            Gather::After(time) => {
                let state = self.wait_for_first(state);
                self.wait_until(state, time, usize::MAX)
            }
            Gather::Company { events, time } => {
                // The clock runs from the last write, not from the first event after it: else that event would have to wake
                // the writer only to make it wait again.
                let state = self.wait_until(state, time, events);
                self.wait_for_first(state)
            }
        }
    }

    /// Waits as long as there is nothing to do.
    fn wait_for_first<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.enough = 1;
        self.wake
            .wait_while(state, |state| state.events.is_empty() && !state.is_urgent())
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits up to `time` until there are `enough` events.
    fn wait_until<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        time: Duration,
        enough: usize,
    ) -> MutexGuard<'a, State> {
        state.enough = enough;
        let is_patient = |state: &mut State| !state.is_urgent() && state.events.len() < enough;
        self.wake
            .wait_timeout_while(state, time, is_patient)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    /// Waits `pause` after a failed write, less if somebody cannot wait.
    pub(super) fn wait_to_retry(&self, pause: Duration) -> MutexGuard<'_, State> {
        let is_patient = |state: &mut State| state.syncs.is_empty() && !state.is_closed;
        let waited = self.wake.wait_timeout_while(self.lock(), pause, is_patient);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl State {
    /// Whether the writer should not wait for more.
    fn is_urgent(&self) -> bool {
        self.is_closed || !self.syncs.is_empty() || self.bytes > QUEUE_BYTES / 2
    }
}
