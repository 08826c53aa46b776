//! Printing: a table for people, JSON Lines for machines.

use std::time::Duration;

use serde_json::{Value, json};

use crate::args::{Format, Options, SoakOptions};
use crate::facts::Facts;
use crate::gate::Held;
use crate::goals::{Goal, event_us};
use crate::process::Memory;
use crate::run::{Resident, Row};
use crate::soak::{Look, Soaked};

/// Prints each thing as soon as it is known.
pub(crate) struct Report {
    format: Format,
}

impl Report {
    pub(crate) const fn new(format: Format) -> Self {
        Self { format }
    }

    pub(crate) fn facts(&self, facts: &Facts, options: &Options) {
        let Facts {
            date,
            cpu,
            cores,
            memory_gib,
            kernel,
            disk,
            load,
            rustc,
            commit,
            privet,
        } = facts;
        if self.format == Format::Jsonl {
            return line(&json!({
                "kind": "run", "date": date, "cpu": cpu, "cores": cores, "memory_gib": round(*memory_gib), "kernel": kernel,
                "disk": disk, "load": load, "rustc": rustc, "commit": commit, "privet": privet, "audit": options.audit.name(),
                "seconds": options.measured.as_secs_f64(), "is_quick": options.is_quick,
            }));
        }
        println!("{privet}, commit {commit}, {rustc}, {date}");
        println!(
            "{cores} cores of {cpu}, {memory_gib:.0} GiB, Linux {kernel}, stores on {disk}, load average before: {load}"
        );
        println!(
            "{} s a row; pass-through, rules and masked are authenticated and audited ({}); the two last authorised by policies and limited",
            options.measured.as_secs_f64(),
            options.audit.name()
        );
        println!();
        println!(
            "{:<44}{:>9}{:>9}{:>9}{:>9}{:>10}{:>10}{:>10}",
            "target, reply, body, connections",
            "req/s",
            "p50 ms",
            "p99 ms",
            "first ms",
            "CPU µs/rq",
            "µs/event",
            "mock µs"
        );
    }

    pub(crate) fn row(&self, row: &Row) {
        let event = event_us(row);
        if self.format == Format::Jsonl {
            return line(&json!({
                "kind": "row", "name": row.name, "shape": row.case.shape.name(), "body": row.case.size.name(),
                "connections": row.case.connections, "requests": row.requests, "requests_per_second": round(row.per_second),
                "p50_ms": row.p50_ms, "p99_ms": row.p99_ms, "first_byte_p50_ms": row.first_ms,
                "cpu_us_per_request": row.cpu_us.map(round), "cpu_us_per_event": event.map(round),
                "mock_cpu_us_per_request": round(row.mock_us),
            }));
        }
        let figure = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1}"));
        println!(
            "{:<44}{:>9.0}{:>9.2}{:>9.2}{:>9.2}{:>10}{:>10}{:>10.1}",
            row.name,
            row.per_second,
            row.p50_ms,
            row.p99_ms,
            row.first_ms,
            figure(row.cpu_us),
            figure(event),
            row.mock_us
        );
    }

    pub(crate) fn resident(&self, resident: &[Resident]) {
        if self.format == Format::Table && !resident.is_empty() {
            println!();
            println!(
                "{:<44}{:>18}{:>18}{:>9}",
                "MiB resident (of it heap and stacks)", "idle", "after load", "peak"
            );
        }
        for Resident {
            target, idle, loaded, ..
        } in resident
        {
            if self.format == Format::Jsonl {
                line(
                    &json!({"kind": "memory", "target": target, "idle": memory(*idle), "loaded": memory(*loaded)}),
                );
            } else {
                let both = |m: &Memory| format!("{:.1} ({:.1})", m.resident, m.anonymous);
                println!(
                    "{target:<44}{:>18}{:>18}{:>9.1}",
                    both(idle),
                    both(loaded),
                    loaded.peak
                );
            }
        }
    }

    pub(crate) fn goals(&self, goals: &[Goal]) {
        if self.format == Format::Table {
            println!();
        }
        for goal in goals {
            if self.format == Format::Jsonl {
                let measured: serde_json::Map<String, Value> = goal
                    .measured
                    .iter()
                    .map(|(name, value)| (name.clone(), json!(round(*value))))
                    .collect();
                line(&json!({
                    "kind": "goal", "name": goal.name, "at_most": goal.at_most, "is_met": goal.is_met(), "measured": measured,
                }));
            } else {
                let state = if goal.is_met() { "met" } else { "missed" };
                println!("goal {state}: at most {} {}", goal.at_most, goal.name);
                for (name, value) in &goal.measured {
                    let mark = if *value <= goal.at_most { "" } else { "  missed" };
                    println!("    {name:<44}{value:>9.1}{mark}");
                }
            }
        }
    }

    pub(crate) fn soak(&self, facts: &Facts, options: &SoakOptions) {
        let minutes = options.duration.as_secs_f64() / 60.0;
        let Facts {
            date,
            cpu,
            cores,
            memory_gib,
            kernel,
            disk,
            load,
            rustc,
            commit,
            privet,
        } = facts;
        if self.format == Format::Jsonl {
            return line(&json!({
                "kind": "soak", "date": date, "cpu": cpu, "cores": cores, "memory_gib": round(*memory_gib), "kernel": kernel,
                "disk": disk, "load": load, "rustc": rustc, "commit": commit, "privet": privet, "streams": options.streams,
                "minutes": round(minutes),
            }));
        }
        println!("{privet}, commit {commit}, {rustc}, {date}");
        println!(
            "{cores} cores of {cpu}, {memory_gib:.0} GiB, Linux {kernel}, store on {disk}, load average before: {load}"
        );
        println!(
            "{} streams at once for {minutes:.0} minutes; masked, authenticated, audited",
            options.streams
        );
        println!();
        println!(
            "{:>8}{:>14}{:>18}{:>9}",
            "minute", "MiB resident", "of it heap", "cores"
        );
    }

    pub(crate) fn look(&self, look: &Look) {
        let minute = look.after.as_secs_f64() / 60.0;
        if self.format == Format::Jsonl {
            return line(
                &json!({"kind": "look", "minute": minute, "memory": memory(look.memory), "cores": look.cores}),
            );
        }
        println!(
            "{minute:>8.1}{:>14.1}{:>18.1}{:>9.2}",
            look.memory.resident, look.memory.anonymous, look.cores
        );
    }

    pub(crate) fn soaked(&self, soaked: &Soaked) {
        let Soaked {
            streams,
            replies,
            early,
            late,
        } = soaked;
        let is_flat = soaked.is_flat();
        if self.format == Format::Jsonl {
            return line(&json!({
                "kind": "soaked", "streams": streams, "replies": replies, "early_mib": round(*early), "late_mib": round(*late),
                "is_flat": is_flat,
            }));
        }
        let verdict = if is_flat { "flat" } else { "growing" };
        println!();
        println!(
            "{replies} streams, all of them right; memory {verdict}: {early:.1} MiB once warm, {late:.1} at the end"
        );
    }

    pub(crate) fn gate(&self, facts: &Facts) {
        let Facts {
            date,
            cpu,
            cores,
            load,
            commit,
            privet,
            ..
        } = facts;
        if self.format == Format::Jsonl {
            return line(&json!({
                "kind": "gate", "date": date, "cpu": cpu, "cores": cores, "load": load, "commit": commit, "privet": privet,
            }));
        }
        println!("{privet}, commit {commit}, {date}; {cores} cores of {cpu}, load average before: {load}");
        println!();
        println!(
            "{:<44}{:>10}{:>12}{:>9}{:>9}",
            "CPU-µs a request", "Privet", "bare proxy", "ratio", "at most"
        );
    }

    pub(crate) fn held(&self, held: &Held) {
        if self.format == Format::Jsonl {
            return line(&json!({
                "kind": "held", "name": held.name, "cpu_us_per_request": round(held.privet), "bare_proxy": round(held.proxy),
                "ratio": held.ratio(), "at_most": held.at_most, "is_kept": held.is_kept(),
            }));
        }
        let mark = if held.is_kept() { "" } else { "  too much" };
        println!(
            "{:<44}{:>10.1}{:>12.1}{:>9.2}{:>9.1}{mark}",
            held.name,
            held.privet,
            held.proxy,
            held.ratio(),
            held.at_most
        );
    }

    pub(crate) fn end(&self, took: Duration, requests: usize) {
        let seconds = took.as_secs_f64();
        if self.format == Format::Jsonl {
            line(&json!({"kind": "end", "requests": requests, "seconds": round(seconds), "is_right": true}));
        } else {
            println!();
            println!(
                "{requests} replies, all of them right; nothing private reached the mock; {seconds:.0} s"
            );
        }
    }
}

fn line(value: &Value) {
    println!("{value}");
}

fn memory(memory: Memory) -> Value {
    json!({
        "resident_mib": round(memory.resident), "anonymous_mib": round(memory.anonymous), "peak_mib": round(memory.peak),
    })
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
