//! Limits: how much a caller may use, in which time.
//!
//! A pure engine. The time is an argument, nothing is waited for, and what it counts it counts in memory. A request's use is not
//! known before its reply has ended, so it is *reserved* by estimate before it is sent, *settled* by what the provider says it
//! was, and taken as used in full when its deadline passes before that (*expired*). So no order of events lets requests pass a
//! limit together, and none is counted twice or for ever.

mod amount;
mod config;
mod counters;
mod limiter;
mod money;
mod prices;
mod window;

pub use amount::Amount;
pub use config::{LimitRule, LimitsConfig, Part};
pub use counters::{Charge, Count, Counters, Full, InMemory, Reservation, SavedCounter};
pub use limiter::{Asker, Exceeded, Limiter, Measure, Standing, TooManyGroups};
pub use money::{BadMoney, Money};
pub use prices::{Price, PriceFile, Prices, Used};
pub use window::Window;

pub(crate) use config::check;
pub(crate) use prices::check as check_prices;
