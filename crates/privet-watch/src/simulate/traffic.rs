//! Normal traffic: people with working days, agents, services, and what is unusual about all of them now and then.

use jiff::Timestamp;

use super::chance::Chance;
use crate::{CLASSES, Observation, Sketch, Watched};

/// Monday, the first of January 2024.
pub(crate) const START: i64 = 1_704_067_200;
pub(crate) const DAY: i64 = 86_400;
const HOUR: i64 = 3600;
const SEED_OF_SKETCHES: u64 = 0x5eed;
/// Days, counted from the first, on which nobody works: one in about seven weeks.
const HOLIDAYS: [i64; 4] = [38, 81, 82, 121];

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A person at a desk.
    Office,
    /// A person with a coding agent: many requests, long ones, odd hours.
    Agent,
    /// A person who works in shifts that change by the week.
    Shift,
    /// A program that asks the same all day and night.
    Service,
}

/// One caller and its habits.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) id: u64,
    pub(crate) kind: Kind,
    /// Requests in an active hour.
    pub(crate) rate: f64,
    /// The share of its prompts with personal values, and how many these have.
    pub(crate) share: f64,
    pub(crate) values: f64,
    bytes: f64,
    begins: f64,
    works: f64,
    busy_share: f64,
    weekend: f64,
    /// The chance of a new network on a day.
    travels: f64,
    refused: f64,
    growth: f64,
    away_from: i64,
}

/// One request of the traffic before it is made an observation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event {
    pub(crate) second: i64,
    pub(crate) network: u64,
    pub(crate) model: u64,
    pub(crate) is_denied: bool,
    pub(crate) values: u32,
    pub(crate) bytes: u64,
    /// Prompts of one theme are near-equal.
    pub(crate) theme: u64,
}

impl Caller {
    pub(crate) fn new(id: u64, seed: u64) -> Self {
        let mut chance = Chance::new(seed, id);
        let kind = match chance.below(100) {
            0..72 => Kind::Office,
            72..86 => Kind::Agent,
            86..91 => Kind::Shift,
            _ => Kind::Service,
        };
        let is_service = kind == Kind::Service;
        let is_agent = kind == Kind::Agent;
        Self {
            id,
            kind,
            rate: chance
                .log_normal(if is_service || is_agent { 40.0 } else { 5.0 }, 0.6)
                .clamp(1.0, 300.0),
            share: chance.between(0.1, 0.6),
            values: chance.log_normal(2.0, 0.5),
            bytes: chance.log_normal(if is_agent { 30_000.0 } else { 1500.0 }, 0.5),
            begins: chance.normal(if kind == Kind::Shift { 6.0 } else { 8.5 }, 0.8),
            works: chance.between(6.0, 9.5),
            busy_share: if is_service { 1.0 } else { chance.between(0.4, 0.9) },
            weekend: match kind {
                Kind::Service => 1.0,
                Kind::Agent | Kind::Shift => 0.2,
                Kind::Office => 0.04,
            },
            travels: if chance.happens(0.15) { 0.1 } else { 0.006 },
            refused: chance.log_normal(0.008, 0.7).min(0.05),
            growth: chance.between(0.99, 1.02),
            away_from: chance.below(200).cast_signed(),
        }
    }

    /// All requests of `days` days, in order.
    pub(crate) fn traffic(&self, seed: u64, days: i64) -> Vec<Event> {
        let mut chance = Chance::new(seed ^ 0x7aff_1c00, self.id);
        let mut events = Vec::new();
        let mut networks = vec![self.id * 1000];
        if self.kind != Kind::Service {
            // At home.
            networks.push(self.id * 1000 + 1);
        }
        let (mut next_network, mut next_model, mut theme) = (2, 3, 0_u64);
        for day in 0..days {
            let is_weekend = day % 7 >= 5;
            let is_away = (self.away_from..self.away_from + 10).contains(&day);
            let is_off = is_weekend || HOLIDAYS.contains(&day);
            let works = match self.kind {
                Kind::Service => true,
                _ if is_away => false,
                _ if is_off => chance.happens(self.weekend),
                _ => chance.happens(0.93),
            };
            if !works {
                continue;
            }
            let mut day_network = networks
                .get(usize::from(chance.happens(0.35)))
                .or(networks.first())
                .copied()
                .unwrap_or_default();
            let mut hotspot = None;
            if chance.happens(self.travels) {
                let new = self.id * 1000 + next_network;
                next_network += 1;
                if chance.happens(0.2) {
                    hotspot = Some(new);
                } else {
                    day_network = new;
                }
            }
            let tried_model = chance.happens(0.012).then(|| {
                next_model += 1;
                next_model
            });
            let growth = self.growth.powf(day as f64 / 7.0);
            // Some days are far busier than others.
            let day_factor = chance.log_normal(1.0, 0.35) * if chance.happens(0.03) { 2.5 } else { 1.0 };
            let shift = if self.kind == Kind::Shift {
                8.0 * ((day / 7) % 3) as f64
            } else {
                0.0
            };
            let (from, hours) = match self.kind {
                Kind::Service => (0.0, 24.0),
                _ => (
                    chance.normal(self.begins + shift, 0.5),
                    self.works + chance.normal(0.0, 0.8),
                ),
            };
            let late = if self.kind == Kind::Agent && chance.happens(0.15) {
                4.0
            } else {
                0.0
            };
            let mut hour = from;
            while hour < from + hours + late {
                let at_work = self.kind == Kind::Service || chance.happens(self.busy_share);
                if at_work {
                    let burst = if chance.happens(0.02) { 3.0 } else { 1.0 };
                    let mean = self.rate * growth * day_factor * burst * chance.log_normal(1.0, 0.3);
                    let count = chance.poisson(mean.min(600.0));
                    // A table of customers is pasted now and then.
                    let pasted = if chance.happens(0.01) {
                        chance.log_normal(15.0, 0.6)
                    } else {
                        0.0
                    };
                    for number in 0..count {
                        let second = (hour * 3600.0) as i64 + chance.below(3600).cast_signed();
                        let goes_on = match self.kind {
                            Kind::Service => chance.happens(0.97),
                            _ => chance.happens(0.05),
                        };
                        if !goes_on {
                            theme += 1;
                        }
                        let own = if chance.happens(self.share) {
                            1 + chance.poisson(self.values)
                        } else {
                            0
                        };
                        let values = own + if number == 0 { pasted as u32 } else { 0 };
                        let model = if chance.happens(0.1) { 1 } else { 0 };
                        events.push(Event {
                            second: START + day * DAY + second,
                            network: match hotspot {
                                Some(hotspot) if chance.happens(0.2) => hotspot,
                                _ => day_network,
                            },
                            model: tried_model.filter(|_| chance.happens(0.2)).unwrap_or(model),
                            is_denied: chance.happens(self.refused),
                            values,
                            bytes: (chance.log_normal(self.bytes, 0.6)) as u64,
                            theme,
                        });
                    }
                }
                hour += 1.0;
            }
            if networks.len() < 3 && !networks.contains(&day_network) && chance.happens(0.3) {
                networks.push(day_network);
            }
        }
        events.sort_by_key(|event| event.second);
        events
    }

    /// What the watch sees of `event`.
    pub(crate) fn seen(&self, event: &Event) -> Observation {
        let mut values = [0; CLASSES];
        for number in 0..event.values {
            let class = match number % 10 {
                0..5 => 0,
                5..8 => 1,
                8 => 2,
                _ => 4,
            };
            if let Some(value) = values.get_mut(class) {
                *value += 1;
            }
        }
        Observation {
            at: Timestamp::from_second(event.second).unwrap_or(Timestamp::UNIX_EPOCH),
            who: Watched(u128::from(self.id)),
            key: self.id,
            network: Some(event.network),
            model: Some(event.model),
            is_denied: event.is_denied,
            values,
            bytes: event.bytes,
            sketch: Sketch::of(text(self.id, event).as_bytes(), SEED_OF_SKETCHES),
        }
    }

    /// When the caller is at work on the day that begins at `midnight`, in seconds since 1970: about the third hour of it.
    pub(crate) fn at_work(&self, midnight: i64) -> i64 {
        midnight + ((self.begins + 2.0) * 3600.0) as i64 / HOUR * HOUR
    }
}

/// A prompt of its theme: 24 words, one of which is a number that counts on.
fn text(caller: u64, event: &Event) -> String {
    let mut chance = Chance::new(caller, event.theme);
    let mut text = format!("{} ", event.second);
    for _ in 0..24 {
        let word = chance.below(4000);
        for place in [1, 16, 256] {
            let letter = u32::try_from((word / place) % 16).unwrap_or_default();
            text.push(char::from_u32(u32::from('a') + letter).unwrap_or('a'));
        }
        text.push(' ');
    }
    text
}
