//! Finds personal data in JSON lines (`{"text": …, "context": …}`) from standard input and writes the findings of each
//! line as a JSON array, for measuring detection quality. `--everything` looks for every kind; `--speed` measures
//! CPU time per text instead.

use std::io::{BufRead, Write};

use privet_pii::{Analyzer, Config};
use privet_types::Budget;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = if std::env::args().any(|a| a == "--everything") {
        Config::everything()
    } else {
        Config::default()
    };
    let analyzer = Analyzer::new(&config)?;
    if std::env::args().any(|a| a == "--speed") {
        return speed(&analyzer);
    }
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line: serde_json::Value = serde_json::from_str(&line?)?;
        let text = line.get("text").and_then(|t| t.as_str()).unwrap_or_default();
        let context = line.get("context").and_then(|t| t.as_str());
        let found = analyzer.analyze(text, context, &Budget::unlimited())?;
        writeln!(out, "{}", serde_json::to_string(&found)?)?;
    }
    Ok(())
}

/// CPU time of this thread's process, in seconds, from `/proc` (10 ms steps would be too coarse there).
fn cpu_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    let first = text.split_whitespace().next().unwrap_or("0");
    Ok(first.parse::<f64>()? / 1e9)
}

fn speed(analyzer: &Analyzer) -> Result<(), Box<dyn std::error::Error>> {
    let prose = "The committee met again on Tuesday to talk about the roof, which had leaked since autumn. Nobody \
                 wanted to pay for it, but everybody agreed that something would have to be done before the winter. "
        .repeat(6);
    let prose = prose.get(..1024).unwrap_or_default().to_owned();
    let mail = format!(
        "{} Write to ann.lee@example.com or call +1 202-555-0143; card 4111 1111 1111 1111, from 192.0.2.17. {}",
        prose.get(..480).unwrap_or_default(),
        prose.get(..450).unwrap_or_default()
    );
    let code = include_str!("analyze.rs");
    let rows = [
        ("1 KiB with 4 values", mail),
        ("1 KiB of prose", prose.clone()),
        ("1 MiB of prose", prose.repeat(1024)),
        ("source code", code.repeat(64)),
        ("digits 1 MB", "1234567890".repeat(100_000)),
        ("1 1 1", "1 ".repeat(500_000)),
        ("phones", "030 901821, ".repeat(80_000)),
        ("bad phones", "012 3456789 ".repeat(80_000)),
        ("tel", "tel 5551234 ".repeat(80_000)),
        ("intl", "+99 3456789 ".repeat(80_000)),
        ("cards", "4111 1111 1111 1111 ".repeat(50_000)),
        ("a@a@", "a@".repeat(500_000)),
        ("::::", ":".repeat(1_000_000)),
        ("http://", "http://".repeat(140_000)),
        ("BEGIN", "-----BEGIN ".repeat(90_000)),
        ("token=", "token=".repeat(160_000)),
        ("sk-", "sk-".repeat(330_000)),
        ("base58", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa ".repeat(28_000)),
        ("dates", "born 1/1/1990 ".repeat(70_000)),
    ];
    for (name, text) in rows {
        let rounds = (200_000_000 / text.len() / 20).clamp(1, 100_000);
        let start = cpu_seconds()?;
        let mut found = 0;
        for _ in 0..rounds {
            found = analyzer
                .analyze(std::hint::black_box(&text), None, &Budget::unlimited())?
                .len();
        }
        let each = (cpu_seconds()? - start) / f64::from(u32::try_from(rounds)?);
        let budget = Budget::new(u64::MAX);
        analyzer.analyze(&text, None, &budget)?;
        let units = (u64::MAX - budget.left()) as f64 / text.len() as f64;
        #[expect(clippy::cast_precision_loss, reason = "lengths and counts are far below 2^52")]
        let bytes = text.len() as f64;
        println!(
            "{name:22} {:10.2} us {:8.1} MB/s {units:6.2} units/B found {found}",
            each * 1e6,
            bytes / each / 1e6
        );
    }
    Ok(())
}
