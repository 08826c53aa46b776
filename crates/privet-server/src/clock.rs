//! The system's clock.

use jiff::Timestamp;
use privet_types::Clock;

/// Reads the system's clock. Only the rim makes one; everything else takes a `&dyn Clock`.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where the rim reads the clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
