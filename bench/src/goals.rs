//! The goals of docs/benchmarks.md, held against what was measured.

use crate::body::{Shape, Size};
use crate::matrix::Target;
use crate::mock;
use crate::run::{Resident, Row};

/// CPU-µs for a request of 1 KB, with everything on: authenticated, authorised by policies, masked by rules, restored, audited, limited.
const REQUEST_US: f64 = 100.0;
/// CPU-µs for an event of a stream; the whole request shared among its events.
const EVENT_US: f64 = 15.0;
/// CPU-µs for an agent's request of 80 KB, all of whose texts were looked at before.
const WARM_US: f64 = 300.0;
/// The same, no text of it seen before.
const COLD_US: f64 = 3500.0;
/// MiB resident when idle, without the network's weights.
const IDLE_MIB: f64 = 40.0;

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

fn json_us(row: &Row) -> Option<f64> {
    row.cpu_us.filter(|_| row.case.shape == Shape::Json)
}

/// Goals for which there are rows. They are of the rules: what the network costs stands in the rows beside.
pub(crate) fn judge(rows: &[Row], resident: &[Resident]) -> Vec<Goal> {
    let of = |size: Size, figure: &dyn Fn(&Row) -> Option<f64>| {
        let figures = rows
            .iter()
            .filter(|row| row.case.target == Target::MaskedByRules && row.case.size == size)
            .filter_map(|row| Some((row.name.clone(), figure(row)?)));
        figures.collect::<Vec<_>>()
    };
    let goals = [
        Goal {
            name: "CPU-µs per 1 KB request",
            at_most: REQUEST_US,
            measured: of(Size::Chat, &json_us),
        },
        Goal {
            name: "CPU-µs per 80 KB request, its texts seen before",
            at_most: WARM_US,
            measured: of(Size::Agent, &json_us),
        },
        Goal {
            name: "CPU-µs per 80 KB request, its texts new",
            at_most: COLD_US,
            measured: of(Size::AgentCold, &json_us),
        },
        Goal {
            name: "CPU-µs per event of a stream",
            at_most: EVENT_US,
            measured: of(Size::Chat, &event_us),
        },
        Goal {
            name: "MiB resident when idle",
            at_most: IDLE_MIB,
            measured: resident
                .iter()
                .filter(|r| r.has_no_network)
                .map(|r| (r.target.clone(), r.idle.resident))
                .collect(),
        },
    ];
    goals
        .into_iter()
        .filter(|goal| !goal.measured.is_empty())
        .collect()
}
