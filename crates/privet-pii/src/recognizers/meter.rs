//! Counts work and charges it to the caller's budget.

use privet_types::{Budget, BudgetError};

/// Units gathered before the budget, which is shared between threads, is touched.
const FLUSH_AT: u64 = 4096;

/// Gathers work units and charges them in blocks of about 4 KiB.
pub(crate) struct Meter<'b> {
    budget: &'b Budget,
    pending: u64,
}

impl<'b> Meter<'b> {
    pub(crate) const fn new(budget: &'b Budget) -> Self {
        Self { budget, pending: 0 }
    }

    /// Notes `units` of work.
    #[inline]
    pub(crate) fn spend(&mut self, units: usize) -> Result<(), BudgetError> {
        self.pending = self
            .pending
            .saturating_add(u64::try_from(units).unwrap_or(u64::MAX));
        if self.pending < FLUSH_AT {
            Ok(())
        } else {
            self.flush()
        }
    }

    /// Charges what has been gathered.
    pub(crate) fn flush(&mut self) -> Result<(), BudgetError> {
        self.budget.charge(std::mem::take(&mut self.pending))
    }
}
