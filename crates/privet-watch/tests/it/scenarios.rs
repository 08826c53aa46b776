use privet_watch::Severity;
use privet_watch::simulate::{Scenario, Simulation};

/// A small one of what `examples/scenarios.rs` runs at full size; the same seed has the same outcome.
#[test]
fn attacks_are_detected_and_normal_traffic_is_let_be() {
    let simulation = Simulation {
        callers: 60,
        weeks: 9,
        attacks: 60,
        ..Simulation::default()
    };
    let outcome = simulation.run();
    for (found, floor) in outcome.detected.iter().zip([0.6, 0.8, 0.8, 0.8]) {
        let share = found.detected as f64 / found.attacks as f64;
        assert!(
            share >= floor,
            "{}: {} of {}",
            found.scenario.name(),
            found.detected,
            found.attacks
        );
        let days = found.delay(0.5).unwrap() as f64 / 86_400.0;
        let most = if found.scenario == Scenario::SlowExfiltration {
            8.0
        } else {
            0.1
        };
        assert!(days <= most, "{} after {days} days", found.scenario.name());
    }
    let week = outcome.false_alerts(Severity::Medium) as f64 / f64::from(outcome.weeks);
    assert!(
        week <= 4.0,
        "{week} false alerts a week of 60 callers: {:?}",
        outcome.false_alerts
    );
    let measurements = outcome.measurements(jiff::Timestamp::UNIX_EPOCH);
    assert_eq!(measurements.len(), 7);
    assert!(measurements.iter().all(|m| {
        m.interval
            .is_some_and(|i| i.low <= m.value.unwrap() && m.value.unwrap() <= i.high)
    }));
}
