//! The times in which is counted, all by UTC.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The time in which a limit counts; then it begins anew. All begin with the clock, by UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// From one full minute to the next.
    Minute,
    /// From one full hour to the next.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From the first of a month to the next.
    Month,
}

impl Window {
    /// The name, as the document spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// Whether it is long enough to be kept over a restart.
    #[must_use]
    pub const fn is_budget(self) -> bool {
        matches!(self, Self::Day | Self::Month)
    }

    /// When the one that `now` is in began, in seconds since 1970.
    #[must_use]
    pub fn start(self, now: Timestamp) -> i64 {
        let seconds = now.as_second();
        match self {
            Self::Minute => seconds - seconds.rem_euclid(60),
            Self::Hour => seconds - seconds.rem_euclid(3600),
            Self::Day => seconds - seconds.rem_euclid(86_400),
            Self::Month => second_of(civil(now).first_of_month()),
        }
    }

    /// When the one ends that began at `start`, in seconds since 1970.
    #[must_use]
    pub fn end(self, start: i64) -> i64 {
        match self {
            Self::Minute => start + 60,
            Self::Hour => start + 3600,
            Self::Day => start + 86_400,
            Self::Month => {
                let first = Timestamp::from_second(start).unwrap_or_default();
                let next = civil(first).last_of_month().tomorrow();
                next.map_or(i64::MAX, second_of)
            }
        }
    }
}

fn civil(at: Timestamp) -> Date {
    Offset::UTC.to_datetime(at).date()
}

fn second_of(date: Date) -> i64 {
    Offset::UTC
        .to_timestamp(DateTime::from(date))
        .map_or(i64::MAX, Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_begin_and_end_with_the_clock_by_utc() {
        for (window, at, start, end) in [
            (
                Window::Minute,
                "2026-02-28T23:59:59.9Z",
                "2026-02-28T23:59:00Z",
                "2026-03-01T00:00:00Z",
            ),
            (
                Window::Hour,
                "2026-02-28T23:59:59Z",
                "2026-02-28T23:00:00Z",
                "2026-03-01T00:00:00Z",
            ),
            (
                Window::Day,
                "2026-03-01T00:00:00Z",
                "2026-03-01T00:00:00Z",
                "2026-03-02T00:00:00Z",
            ),
            (
                Window::Month,
                "2024-02-29T12:00:00Z",
                "2024-02-01T00:00:00Z",
                "2024-03-01T00:00:00Z",
            ),
            (
                Window::Month,
                "2026-12-31T23:59:59Z",
                "2026-12-01T00:00:00Z",
                "2027-01-01T00:00:00Z",
            ),
            (
                Window::Day,
                "1969-12-31T12:00:00Z",
                "1969-12-31T00:00:00Z",
                "1970-01-01T00:00:00Z",
            ),
        ] {
            let second = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
            let began = window.start(at.parse().unwrap());
            assert_eq!((began, window.end(began)), (second(start), second(end)), "{at}");
        }
    }
}
