//! When an API key was last used: noted in memory at each use, to the minute, and written down in batches.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use jiff::Timestamp;

const MINUTE: i64 = 60;

/// When one key was last used.
#[derive(Debug)]
pub(crate) struct LastUse {
    /// Seconds, at the beginning of a minute.
    at: AtomicI64,
    /// Whether that was not yet written down.
    is_new: AtomicBool,
}

impl Default for LastUse {
    fn default() -> Self {
        Self {
            at: AtomicI64::new(i64::MIN),
            is_new: AtomicBool::new(false),
        }
    }
}

impl LastUse {
    /// Notes a use. Writes to memory that others read once a minute only.
    pub(crate) fn note(&self, now: Timestamp) {
        let minute = now.as_second().div_euclid(MINUTE) * MINUTE;
        if self.at.load(Ordering::Relaxed) < minute {
            self.at.fetch_max(minute, Ordering::Relaxed);
            self.is_new.store(true, Ordering::Release);
        }
    }

    /// The last use, if it is later than what was last taken.
    pub(crate) fn take(&self) -> Option<Timestamp> {
        if !self.is_new.swap(false, Ordering::Acquire) {
            return None;
        }
        Timestamp::from_second(self.at.load(Ordering::Relaxed)).ok()
    }

    /// What was taken could not be written down.
    pub(crate) fn give_back(&self) {
        self.is_new.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_taken_once_and_again_if_it_could_not_be_written_down() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let last_use = LastUse::default();
        assert_eq!(last_use.take(), None);
        last_use.note(at(125));
        last_use.note(at(119));
        assert_eq!((last_use.take(), last_use.take()), (Some(at(120)), None));
        last_use.note(at(179));
        assert_eq!(last_use.take(), None, "the same minute");
        last_use.give_back();
        assert_eq!(last_use.take(), Some(at(120)));
    }
}
