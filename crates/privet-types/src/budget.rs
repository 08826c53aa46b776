//! How much work an engine may do for one call, and whether it may go on at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Work units an engine may still spend, with a flag by which a caller stops it early.
///
/// One unit is about one byte looked at once. Engines charge at least every few KiB, so a cancelled or spent budget
/// is noticed within microseconds. Shared by reference; counting is atomic.
#[derive(Debug)]
pub struct Budget {
    left: AtomicU64,
    cancel: CancelFlag,
}

/// Stops the work that holds the [`Budget`] it came from. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

/// Why an engine stopped before it was done. The caller must treat the input as *not* looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BudgetError {
    /// The work units ran out.
    #[error("the work budget is spent")]
    Spent,
    /// The caller gave up, for example because its deadline passed.
    #[error("the work was cancelled")]
    Cancelled,
}

impl Budget {
    /// A budget of `units` work units.
    #[must_use]
    pub fn new(units: u64) -> Self {
        Self {
            left: AtomicU64::new(units),
            cancel: CancelFlag::default(),
        }
    }

    /// A budget for trusted, offline work: it ends only when cancelled.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::new(u64::MAX)
    }

    /// Takes `units` from what is left.
    ///
    /// # Errors
    /// [`BudgetError::Spent`] if fewer are left (nothing is left then), [`BudgetError::Cancelled`] once the flag is up.
    pub fn charge(&self, units: u64) -> Result<(), BudgetError> {
        if self.cancel.is_cancelled() {
            return Err(BudgetError::Cancelled);
        }
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(units)
            });
        if taken.is_err() {
            self.left.store(0, Ordering::Relaxed);
            return Err(BudgetError::Spent);
        }
        Ok(())
    }

    /// Units not yet spent.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// The flag that stops work under this budget.
    #[must_use]
    pub fn cancel_flag(&self) -> CancelFlag {
        self.cancel.clone()
    }
}

impl CancelFlag {
    /// Raises the flag; it cannot be lowered.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the flag is up.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_refuses_what_it_cannot_cover_and_stays_spent() {
        let budget = Budget::new(10);
        assert_eq!(budget.charge(4), Ok(()));
        assert_eq!(budget.charge(7), Err(BudgetError::Spent));
        assert_eq!(budget.charge(1), Err(BudgetError::Spent));
    }

    #[test]
    fn a_cancelled_budget_refuses_even_free_work() {
        let budget = Budget::unlimited();
        budget.cancel_flag().cancel();
        assert_eq!(budget.charge(0), Err(BudgetError::Cancelled));
    }
}
