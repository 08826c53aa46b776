//! The red team through its public door.

// Without `cfg(test)` the lints would not take the helpers for tests.
#[cfg(test)]
mod catalogue;
#[cfg(test)]
mod conversations;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod oracles;
#[cfg(test)]
mod reports;

#[cfg(test)]
use privet_redteam::{Finished, Header, Needs, Options, Plan, Role, RunLog, Side, Trial, Verdict};

/// A plan of all probes, on both sides.
#[cfg(test)]
fn plan(seed: u64) -> Plan {
    Plan::new(Options {
        seed,
        sides: vec![Side::Off, Side::On],
        has: Needs {
            knowledge: true,
            provider_view: true,
        },
        ..Options::default()
    })
    .expect("there are probes")
}

/// How `trial` ended.
#[cfg(test)]
fn finished(trial: &Trial, verdict: Verdict) -> Finished {
    Finished {
        side: trial.side,
        probe: trial.probe.clone(),
        family: trial.family,
        role: trial.role,
        round: trial.round,
        verdict,
        oracle: (verdict == Verdict::Succeeded).then(|| "canary_emitted".to_owned()),
        code: (verdict == Verdict::Blocked).then(|| "guardrail".to_owned()),
        requests: 1,
    }
}

/// A log of `plan` in which all attacks succeed without the gateway and are blocked with it, and all else is answered.
#[cfg(test)]
fn log_of(plan: &Plan) -> RunLog {
    let header = Header::new(plan, "weak", "m");
    let mut log = RunLog::read(&header.to_line(), &header).expect("an empty log");
    for trial in plan.trials() {
        let verdict = match (trial.role, trial.side) {
            (Role::Benign, _) => Verdict::Helpful,
            (Role::Attack, Side::Off) => Verdict::Succeeded,
            (Role::Attack, Side::On) => Verdict::Blocked,
        };
        log.add(finished(trial, verdict));
    }
    log
}
