//! The goals of docs/benchmarks.md, held against what was measured.

use crate::body::{Shape, Size};
use crate::matrix::Target;
use crate::mock;
use crate::run::{Resident, Row};

/// CPU-µs for a request of 1 KB, masked, authenticated and audited.
const REQUEST_US: f64 = 100.0;
/// CPU-µs for an event of a stream; the whole request shared among its events.
const EVENT_US: f64 = 20.0;
/// MiB resident when idle.
const IDLE_MIB: f64 = 30.0;

/// One goal and what came of it.
#[derive(Debug)]
pub(crate) struct Goal {
    pub(crate) name: &'static str,
    pub(crate) at_most: f64,
    /// What was measured, and where.
    pub(crate) measured: Vec<(String, f64)>,
}

impl Goal {
    pub(crate) fn is_met(&self) -> bool {
        self.measured.iter().all(|(_, value)| *value <= self.at_most)
    }
}

/// CPU-µs for each event of `row`, if it is a stream.
pub(crate) fn event_us(row: &Row) -> Option<f64> {
    let events = u32::try_from(mock::EVENTS).map_or(1.0, f64::from);
    row.cpu_us
        .filter(|_| row.case.shape != Shape::Json)
        .map(|us| us / events)
}

/// Goals for which there are rows.
pub(crate) fn judge(rows: &[Row], resident: &[Resident]) -> Vec<Goal> {
    let masked = |row: &&Row| {
        matches!(row.case.target, Target::Masked | Target::MaskedOtherAudit) && row.case.size == Size::Chat
    };
    let of = |figure: &dyn Fn(&Row) -> Option<f64>| {
        let figures = rows
            .iter()
            .filter(masked)
            .filter_map(|row| Some((row.name.clone(), figure(row)?)));
        figures.collect::<Vec<_>>()
    };
    let goals = [
        Goal {
            name: "CPU-µs per 1 KB request",
            at_most: REQUEST_US,
            measured: of(&|row| row.cpu_us.filter(|_| row.case.shape == Shape::Json)),
        },
        Goal {
            name: "CPU-µs per event of a stream",
            at_most: EVENT_US,
            measured: of(&event_us),
        },
        Goal {
            name: "MiB resident when idle",
            at_most: IDLE_MIB,
            measured: resident
                .iter()
                .filter(|r| r.is_privet)
                .map(|r| (r.target.clone(), r.idle.resident))
                .collect(),
        },
    ];
    goals
        .into_iter()
        .filter(|goal| !goal.measured.is_empty())
        .collect()
}
