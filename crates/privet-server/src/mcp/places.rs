//! Streams that are open, of all callers and of each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use privet_access::Authenticated;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;

type Caller = (String, String);

pub(super) struct Places {
    all: Arc<Semaphore>,
    most_of_one: u32,
    open: Arc<Mutex<HashMap<Caller, u32>>>,
}

/// A place among the open streams; given back when it is dropped.
pub(crate) struct Place {
    caller: Caller,
    open: Arc<Mutex<HashMap<Caller, u32>>>,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(most: u32, most_of_one: u32) -> Self {
        Self {
            all: Arc::new(Semaphore::new(most as usize)),
            most_of_one,
            open: Arc::default(),
        }
    }

    pub(super) fn take(&self, caller: &Authenticated) -> Result<Place, Problem> {
        let permit = Arc::clone(&self.all)
            .try_acquire_owned()
            .map_err(|_| Problem::Busy)?;
        let caller = (caller.tenant.to_string(), caller.principal.to_string());
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(caller.clone()).or_default();
        if *count >= self.most_of_one {
            return Err(Problem::Busy);
        }
        *count += 1;
        drop(open);
        Ok(Place {
            caller,
            open: Arc::clone(&self.open),
            _permit: permit,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.caller);
            }
        }
    }
}
