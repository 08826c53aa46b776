//! Detection delay and false alerts on simulated traffic: `cargo run --release -p privet-watch --example scenarios -- [CALLERS]
//! [WEEKS] [ATTACKS] [SEED]`. One measurement a line, as JSON; what it took stands at the end.

use std::io::Write;

use jiff::Timestamp;
use privet_watch::simulate::Simulation;

fn main() -> std::io::Result<()> {
    let mut numbers = std::env::args()
        .skip(1)
        .map_while(|text| text.parse::<u64>().ok());
    let mut simulation = Simulation::default();
    simulation.callers = numbers.next().unwrap_or(simulation.callers);
    simulation.weeks = numbers
        .next()
        .and_then(|weeks| weeks.try_into().ok())
        .unwrap_or(simulation.weeks);
    simulation.attacks = numbers.next().unwrap_or(simulation.attacks);
    simulation.seed = numbers.next().unwrap_or(simulation.seed);
    simulation.learning = simulation.learning.min(simulation.weeks.saturating_sub(1));
    let outcome = simulation.run();
    let mut out = std::io::stdout().lock();
    for measurement in outcome.measurements(Timestamp::UNIX_EPOCH) {
        serde_json::to_writer(&mut out, &measurement)?;
        out.write_all(b"\n")?;
    }
    for found in &outcome.detected {
        writeln!(
            out,
            "{}: {} of {}; delay median {:?} s, p90 {:?} s; attack's requests before: median {:?}, p90 {:?}; {:?}",
            found.scenario.name(),
            found.detected,
            found.attacks,
            found.delay(0.5),
            found.delay(0.9),
            found.requests_before(0.5),
            found.requests_before(0.9),
            found.rules
        )?;
    }
    for ((severity, rule), count) in &outcome.false_alerts {
        writeln!(out, "false alerts: {} {}: {count}", severity.name(), rule.name())?;
    }
    writeln!(out, "{} requests", outcome.requests)
}
