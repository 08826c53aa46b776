//! Findings of the network alone, for `training/ner/evaluate.py`: reads JSON strings, one a line, writes
//! `[[start, end, kind, score], …]` with byte offsets for each. With a file name instead: MB per CPU-second on that text.
#![expect(clippy::unwrap_used, reason = "a measuring tool stops at the first error")]

use std::io::{BufRead, Write};

use privet_pii::Ner;
use privet_types::Budget;

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    let nanos: u64 = stat.split(' ').next().unwrap().parse().unwrap();
    nanos as f64 / 1e9
}

fn main() {
    let ner = Ner::shipped().unwrap();
    if let Some(path) = std::env::args().nth(1) {
        let text = std::fs::read_to_string(path).unwrap();
        let rounds = 1 + 4_000_000 / text.len().max(1);
        let start = cpu_seconds();
        let mut found = 0;
        for _ in 0..rounds {
            found += ner.find(&text, &Budget::unlimited()).unwrap().len();
        }
        let spent = cpu_seconds() - start;
        let rate = (rounds * text.len()) as f64 / 1e6 / spent;
        println!(
            "{rate:.3} MB per CPU-second, {} findings in {} bytes",
            found / rounds,
            text.len()
        );
        return;
    }
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let text: String = serde_json::from_str(&line.unwrap()).unwrap();
        let found: Vec<_> = ner
            .find(&text, &Budget::unlimited())
            .unwrap()
            .iter()
            .map(|f| (f.span.start, f.span.end, f.entity.name(), f.score))
            .collect();
        writeln!(out, "{}", serde_json::to_string(&found).unwrap()).unwrap();
    }
}
