//! Time as an argument.

use jiff::Timestamp;

/// Tells the time. The rim passes the system's clock, tests pass one they can set.
pub trait Clock: Send + Sync {
    /// The current instant, UTC.
    fn now(&self) -> Timestamp;
}
