//! Measures the verdicts on a corpus of pickles: `cargo run --release -p privet-supplychain --example artifacts_eval -- FILE`.
//!
//! FILE: gzipped JSON Lines with `name`, `b64` and `expected` (null: benign). Other arguments are model files, whose reports are
//! printed.

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor};

use flate2::read::MultiGzDecoder;
use privet_supplychain::{Verdict, artifacts};
use privet_types::Budget;

fn main() -> Result<(), Box<dyn Error>> {
    let limits = artifacts::Limits::default();
    for path in std::env::args().skip(1) {
        if !path.ends_with(".jsonl.gz") {
            let mut file = File::open(&path)?;
            match artifacts::inspect(&path, &mut file, &limits, &Budget::unlimited()) {
                Ok(report) => {
                    println!("{path}: {} {}", report.format.name(), report.verdict.name());
                    for finding in report.findings {
                        println!(
                            "  {} [{}] {} {}: {}",
                            finding.verdict.name(),
                            finding.rule,
                            finding.start,
                            finding.member.unwrap_or_default(),
                            finding.message
                        );
                    }
                }
                Err(error) => println!("{path}: {error}"),
            }
            continue;
        }
        corpus(&path, &limits)?;
    }
    Ok(())
}

fn corpus(path: &str, limits: &artifacts::Limits) -> Result<(), Box<dyn Error>> {
    let (mut malicious, mut caught, mut dangerous, mut benign, mut flagged) = (0, 0, 0, 0, 0);
    for line in BufReader::new(MultiGzDecoder::new(File::open(path)?)).lines() {
        let sample: serde_json::Value = serde_json::from_str(&line?)?;
        let name = text(&sample, "name").unwrap_or_default();
        let bytes = data_encoding::BASE64.decode(text(&sample, "b64").unwrap_or_default().as_bytes())?;
        let report = artifacts::inspect(name, &mut Cursor::new(bytes), limits, &Budget::unlimited())?;
        let is_bad = report.verdict != Verdict::Safe;
        if text(&sample, "expected").is_none() {
            benign += 1;
            flagged += u32::from(is_bad);
            if is_bad {
                println!("flagged: {name} {}", report.verdict.name());
            }
        } else {
            malicious += 1;
            caught += u32::from(is_bad);
            dangerous += u32::from(report.verdict == Verdict::Dangerous);
            if report.verdict != Verdict::Dangerous {
                println!(
                    "{}: {name} ({})",
                    report.verdict.name(),
                    text(&sample, "expected").unwrap_or_default()
                );
            }
        }
    }
    println!(
        "caught {caught} of {malicious} ({dangerous} as dangerous), flagged {flagged} of {benign} benign"
    );
    Ok(())
}

fn text<'s>(sample: &'s serde_json::Value, key: &str) -> Option<&'s str> {
    sample.get(key).and_then(serde_json::Value::as_str)
}
