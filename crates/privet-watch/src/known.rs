//! How often something new comes to a caller, and which models and networks it is known for.

use serde::{Deserialize, Serialize};

/// Most that are remembered of one caller; the one seen longest ago makes place.
const MOST: usize = 16;
/// Something whose chance on a day is at least this is nothing unusual of this caller.
const UNUSUAL: f64 = 0.05;
/// Days in which what is known of how often it comes counts half as much.
const HALF_LIFE: f64 = 28.0;

/// How often something rare comes on a day.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rarity {
    /// How many came on earlier days, faded.
    came: f64,
    /// Those days, faded.
    days: f64,
    /// How many came today.
    today: u32,
}

impl Rarity {
    /// One came.
    pub(crate) const fn comes(&mut self) {
        self.today = self.today.saturating_add(1);
    }

    /// One came, and no further one of this day counts.
    pub(crate) const fn comes_once(&mut self) {
        self.today = 1;
    }

    /// An active day ends. What came while the caller was only got to know says nothing of how often it comes.
    pub(crate) fn end_day(&mut self, is_known_caller: bool) {
        if is_known_caller {
            let fade = 0.5_f64.powf(1.0 / HALF_LIFE);
            self.came = self.came * fade + f64::from(self.today);
            self.days = self.days * fade + 1.0;
        }
        self.today = 0;
    }

    /// How many come on a day; half a one in a week is what was known before.
    pub(crate) fn rate(&self) -> f64 {
        (self.came + 0.5) / (self.days + 7.0)
    }

    /// Whether as many as came today are unusual: their chance is below 5 %.
    pub(crate) fn is_unusual(&self) -> bool {
        crate::stats::poisson_tail(self.today.max(1), self.rate()) < UNUSUAL
    }
}

/// A set of things, and how often one comes to it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Known {
    /// Each with the day on which it was last seen.
    seen: Vec<(u64, i32)>,
    pub(crate) news: Rarity,
}

impl Known {
    /// Remembers `id`; returns whether it is new.
    pub(crate) fn see(&mut self, id: u64, day: i32) -> bool {
        if let Some((_, last)) = self.seen.iter_mut().find(|(known, _)| *known == id) {
            *last = day;
            return false;
        }
        if self.seen.len() >= MOST
            && let Some(oldest) = self.seen.iter().enumerate().min_by_key(|(_, (_, day))| *day)
        {
            let oldest = oldest.0;
            self.seen.swap_remove(oldest);
        }
        self.seen.push((id, day));
        self.news.comes();
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.seen.len()
    }
}
