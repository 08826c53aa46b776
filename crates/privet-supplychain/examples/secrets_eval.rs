//! Measures the secret rules on corpora of labelled texts: `secrets_eval DIR`, where `DIR` holds `*.jsonl` or `*.jsonl.gz` files whose rows have
//! `text`, `expected` (null where nothing should be found) and perhaps `path`.

use std::collections::BTreeMap;
use std::io::Read as _;

use privet_supplychain::secrets::Rules;
use privet_types::Budget;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments
        .next()
        .ok_or("usage: secrets_eval DIR [--misses] [--flagged]")?;
    let options: Vec<String> = arguments.collect();
    let (misses, flagged) = (
        options.iter().any(|o| o == "--misses"),
        options.iter().any(|o| o == "--flagged"),
    );
    let rules = Rules::embedded();
    println!("{} rules, hash {}", rules.list().count(), rules.hash());
    let mut files: Vec<_> = std::fs::read_dir(&directory)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    files.sort();
    for file in files {
        let name = file
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let text = if name.ends_with(".jsonl") {
            std::fs::read_to_string(&file)?
        } else if name.ends_with(".jsonl.gz") {
            let mut text = String::new();
            flate2::read::MultiGzDecoder::new(std::fs::File::open(&file)?).read_to_string(&mut text)?;
            text
        } else {
            continue;
        };
        if text.contains("\"expected\"") {
            measure(&rules, &name, &text, misses, flagged)?;
        }
    }
    Ok(())
}

fn measure(
    rules: &Rules,
    name: &str,
    rows: &str,
    show_misses: bool,
    show_flagged: bool,
) -> Result<(), Failure> {
    let (mut wanted, mut got, mut negatives, mut false_alarms, mut values) =
        (0_u32, 0_u32, 0_u32, 0_u32, 0_u32);
    let (mut risk_lines, mut risk_found) = (0_u64, 0_u64);
    let mut by_rule: BTreeMap<String, u32> = BTreeMap::new();
    for row in rows.lines() {
        let row: serde_json::Value = serde_json::from_str(row)?;
        let field = |key: &str| row.get(key).and_then(serde_json::Value::as_str);
        let Some(text) = field("text") else { continue };
        if !matches!(field("kind"), Some("secret" | "secret-file")) {
            continue;
        }
        let found = rules.scan(field("path").unwrap_or(""), text.as_bytes(), &Budget::unlimited())?;
        let shown: String = text.chars().take(160).collect::<String>().replace('\n', "\\n");
        if field("expected").is_some() {
            wanted += 1;
            values += u32::try_from(found.len())?;
            if found.is_empty() {
                if show_misses {
                    println!(
                        "MISS {} | {shown}",
                        field("rule_id").or_else(|| field("path")).unwrap_or("")
                    );
                }
            } else {
                got += 1;
                for finding in &found {
                    *by_rule.entry(finding.rule.to_string()).or_default() += 1;
                }
            }
            if let Some(lines) = field("expected_risk_lines").and_then(|n| n.parse::<u64>().ok()) {
                let mut at: Vec<usize> = found
                    .iter()
                    .map(|f| {
                        text.as_bytes()
                            .iter()
                            .take(f.span.start)
                            .filter(|b| **b == b'\n')
                            .count()
                    })
                    .collect();
                at.dedup();
                risk_lines += lines;
                risk_found += lines.min(at.len() as u64);
                if show_misses && (at.len() as u64) < lines {
                    println!("LINES {} {} of {lines}", field("path").unwrap_or(""), at.len());
                }
            }
        } else {
            negatives += 1;
            if !found.is_empty() {
                false_alarms += 1;
                if show_flagged {
                    let which: Vec<&str> = found.iter().map(|f| &*f.rule).collect();
                    println!("FLAG {} {which:?} | {shown}", field("rule_id").unwrap_or(""));
                }
            }
        }
    }
    let share = |a: u32, b: u32| if b == 0 { 0.0 } else { f64::from(a) / f64::from(b) };
    println!(
        "{name}: recall {:.3} ({got} of {wanted}, {values} findings); negatives flagged {:.3} ({false_alarms} of {negatives})",
        share(got, wanted),
        share(false_alarms, negatives)
    );
    if risk_lines > 0 {
        println!("{name}: risk lines {risk_found} of {risk_lines}");
    }
    if show_misses {
        let mut top: Vec<_> = by_rule.into_iter().collect();
        top.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        println!("   {:?}", top.iter().take(12).collect::<Vec<_>>());
    }
    Ok(())
}
