//! CPU time of the rules, without the network, on texts full of values: JSON lines from standard input, each with a
//! `text` or `full_text` and perhaps a `context`. Prints megabytes of text per second of CPU time, text by text and
//! joined into one, with disguises undone and without; first the best of five rounds, then the median one.
//! `--findings` writes the findings of each line as a JSON array instead, to compare before and after a change.
//! `--passes N` reads all texts N times, one by one, with disguises undone, or with `--plain` left, and prints nothing: for
//! counting instructions.

use std::io::{BufRead, Write};

use privet_pii::{Analyzer, Config};
use privet_types::Budget;

type Failure = Box<dyn std::error::Error>;

/// CPU seconds that a round takes at least.
const ROUND: f64 = 0.4;

fn main() -> Result<(), Failure> {
    let mut texts = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let line: serde_json::Value = serde_json::from_str(&line?)?;
        let field = |name: &str| line.get(name).and_then(|v| v.as_str()).map(str::to_owned);
        let text = field("text").or_else(|| field("full_text")).unwrap_or_default();
        texts.push((text, field("context")));
    }
    let joined: Vec<&str> = texts.iter().map(|(text, _)| text.as_str()).collect();
    let joined = vec![(joined.join("\n"), None)];
    let arguments: Vec<String> = std::env::args().collect();
    let has = |name: &str| arguments.iter().any(|a| a == name);
    if let Some(at) = arguments.iter().position(|a| a == "--passes") {
        let passes = arguments.get(at + 1).map_or(Ok(1), |n| n.parse())?;
        return pass(&texts, passes, !has("--plain"));
    }
    let is_shown = has("--findings");
    for undo_disguise in [true, false] {
        let analyzer = Analyzer::new(&Config {
            network: false,
            undo_disguise,
            ..Config::everything()
        })?;
        for (name, texts) in [("text by text", &texts), ("joined", &joined)] {
            if is_shown {
                show(&analyzer, texts)?;
            } else {
                let disguises = if undo_disguise { "undone" } else { "left" };
                let (best, median) = speed(&analyzer, texts)?;
                println!("{name:12} disguises {disguises:6} {best:6.1} MB/s, median {median:6.1}");
            }
        }
    }
    Ok(())
}

fn pass(texts: &[(String, Option<String>)], passes: usize, undo_disguise: bool) -> Result<(), Failure> {
    let analyzer = Analyzer::new(&Config {
        network: false,
        undo_disguise,
        ..Config::everything()
    })?;
    for (text, context) in std::iter::repeat_n(texts, passes).flatten() {
        std::hint::black_box(analyzer.analyze(text, context.as_deref(), &Budget::unlimited())?);
    }
    Ok(())
}

fn show(analyzer: &Analyzer, texts: &[(String, Option<String>)]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    for (text, context) in texts {
        let budget = Budget::new(u64::MAX);
        let found = analyzer.analyze(text, context.as_deref(), &budget)?;
        writeln!(out, "{}", serde_json::to_string(&found)?)?;
    }
    Ok(())
}

/// Megabytes a CPU second: of the best round and of the median one.
fn speed(analyzer: &Analyzer, texts: &[(String, Option<String>)]) -> Result<(f64, f64), Failure> {
    let bytes: usize = texts.iter().map(|(text, _)| text.len()).sum();
    let mut rounds = Vec::new();
    for _ in 0..5 {
        let start = cpu_seconds()?;
        let mut passes = 0.0;
        let mut spent = 0.0;
        while spent < ROUND {
            for (text, context) in texts {
                let found = analyzer.analyze(
                    std::hint::black_box(text),
                    context.as_deref(),
                    &Budget::unlimited(),
                )?;
                std::hint::black_box(found);
            }
            passes += 1.0;
            spent = cpu_seconds()? - start;
        }
        #[expect(clippy::cast_precision_loss, reason = "lengths are far below 2^52")]
        rounds.push(passes * bytes as f64 / spent / 1e6);
    }
    rounds.sort_by(f64::total_cmp);
    let at = |i: usize| rounds.get(i).copied().unwrap_or_default();
    Ok((at(4), at(2)))
}

/// CPU time of this process in seconds.
fn cpu_seconds() -> Result<f64, Failure> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    let first = text.split_whitespace().next().unwrap_or("0");
    Ok(first.parse::<f64>()? / 1e9)
}
