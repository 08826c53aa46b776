//! Attacks, laid over the traffic of one caller.

use super::chance::Chance;
use super::traffic::{Caller, DAY, Event, START};

/// What an attacker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// Somebody else uses the key, from a network that was never seen, at an hour of their own: 20 to 120 requests an hour for
    /// three hours, a third of them with a personal value or two.
    StolenKey,
    /// The caller itself sends 1.5 to 4 times its usual personal data on top, in its working hours, on 15 working days.
    SlowExfiltration,
    /// The caller sends 60 to 180 near-equal prompts an hour, two hours on two days.
    Extraction,
    /// The caller sends 40 to 150 requests an hour with three values each, from two to four in the morning.
    OffHoursBulk,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::StolenKey,
        Self::SlowExfiltration,
        Self::Extraction,
        Self::OffHoursBulk,
    ];

    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StolenKey => "stolen_key",
            Self::SlowExfiltration => "slow_exfiltration",
            Self::Extraction => "extraction",
            Self::OffHoursBulk => "off_hours_bulk",
        }
    }
}

/// The attacker's requests on `caller`, whose traffic is `usual`, from day `day` on.
pub(crate) fn attack(
    scenario: Scenario,
    caller: &Caller,
    usual: &[Event],
    day: i64,
    seed: u64,
) -> Vec<Event> {
    let mut chance = Chance::new(seed ^ 0xa77a_c4ed, caller.id);
    let midnight = START + day * DAY;
    let home = usual.first().map_or(caller.id * 1000, |event| event.network);
    let mut events = Vec::new();
    let mut hours = |from: i64, count: i64, rate: f64, make: &mut dyn FnMut(&mut Chance, u64) -> Event| {
        for hour in 0..count {
            for number in 0..chance.poisson(rate) {
                let second = from + hour * 3600 + chance.below(3600).cast_signed();
                let event = make(&mut chance, u64::from(number));
                events.push(Event { second, ..event });
            }
        }
    };
    let plain = Event {
        second: 0,
        network: home,
        model: 0,
        is_denied: false,
        values: 0,
        bytes: 1500,
        theme: 0,
    };
    let mut dice = Chance::new(seed ^ 0xd1ce, caller.id);
    match scenario {
        Scenario::StolenKey => {
            let from = midnight + dice.below(24).cast_signed() * 3600;
            let rate = dice.between(20.0, 120.0);
            hours(from, 3, rate, &mut |chance, number| Event {
                network: caller.id * 1000 + 999,
                values: if chance.happens(0.33) {
                    1 + chance.poisson(0.5)
                } else {
                    0
                },
                theme: 1_000_000 + number,
                ..plain
            });
        }
        Scenario::SlowExfiltration => {
            let times = dice.between(1.5, 4.0);
            let days = usual.iter().map(|event| event.second / DAY);
            let active: std::collections::BTreeSet<i64> = days.collect();
            let values: f64 = usual.iter().map(|event| f64::from(event.values)).sum();
            // Nobody takes so little that it is not worth it.
            let extra = (times * values / active.len().max(1) as f64).max(40.0);
            for working in (0..21).filter(|day| (day + midnight / DAY + 3) % 7 < 5) {
                let from = caller.at_work(midnight + working * DAY);
                hours(from, 4, extra / 4.0 / 5.0, &mut |_, number| Event {
                    values: 5,
                    theme: 2_000_000 + number,
                    ..plain
                });
            }
        }
        Scenario::Extraction => {
            let rate = dice.between(60.0, 180.0);
            for working in 0..2 {
                let from = caller.at_work(midnight + working * DAY);
                hours(from, 2, rate, &mut |_, _| Event {
                    theme: 3_000_000,
                    ..plain
                });
            }
        }
        Scenario::OffHoursBulk => {
            let rate = dice.between(40.0, 150.0);
            hours(midnight + 2 * 3600, 2, rate, &mut |_, number| Event {
                values: 3,
                theme: 4_000_000 + number,
                ..plain
            });
        }
    }
    events.sort_by_key(|event| event.second);
    events
}
