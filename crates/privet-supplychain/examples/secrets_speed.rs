//! Measures how fast the secret rules are: `secrets_speed DIR`. Reads each file under `DIR` (up to 16 MiB) and scans it with all rules on one
//! thread; CPU time is what the kernel counted for this process between the first and the last scan, reading files included.

use std::path::PathBuf;

use privet_supplychain::secrets::Rules;
use privet_types::Budget;

type Failure = Box<dyn std::error::Error>;

/// User and system time of this process so far, in seconds. Fields 14 and 15 of `/proc/self/stat`, at 100 ticks a second (proc(5)).
fn cpu_seconds() -> Result<f64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let tail = stat.rsplit(") ").next().ok_or("no fields")?;
    let ticks = tail
        .split(' ')
        .skip(11)
        .take(2)
        .map(str::parse::<u64>)
        .sum::<Result<u64, _>>()?;
    Ok(ticks as f64 / 100.0)
}

fn main() -> Result<(), Failure> {
    let root = std::env::args()
        .nth(1)
        .ok_or("usage: secrets_speed DIR [LIMIT_MB]")?;
    let limit: u64 = std::env::args()
        .nth(2)
        .map_or(Ok(u64::MAX), |mb| mb.parse::<u64>().map(|mb| mb << 20))?;
    let started = cpu_seconds()?;
    let rules = Rules::embedded();
    rules.scan("", b"warm", &Budget::unlimited())?;
    println!("start-up {:.0} ms", (cpu_seconds()? - started) * 1e3);
    let mut waiting = vec![PathBuf::from(root)];
    let (mut bytes, mut files, mut findings) = (0_u64, 0_u64, 0_u64);
    let mut by_rule: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
    let before = cpu_seconds()?;
    while let Some(at) = waiting.pop() {
        let kind = std::fs::symlink_metadata(&at)?;
        if kind.is_dir() {
            let mut inside: Vec<_> = std::fs::read_dir(&at)?
                .filter_map(|entry| entry.ok().map(|entry| entry.path()))
                .collect();
            inside.sort();
            waiting.extend(inside.into_iter().rev());
        } else if kind.is_file() && kind.len() <= 16 << 20 && bytes < limit {
            let text = std::fs::read(&at)?;
            bytes += text.len() as u64;
            files += 1;
            for finding in rules.scan(&at.to_string_lossy(), &text, &Budget::unlimited())? {
                findings += 1;
                *by_rule.entry(finding.rule.to_string()).or_default() += 1;
                if std::env::args().any(|a| a == "--show") {
                    let line = text
                        .get(finding.whole.start..(finding.whole.end + 20).min(text.len()))
                        .unwrap_or(b"");
                    println!(
                        "{} {:.2} {} {}",
                        finding.rule,
                        finding.confidence,
                        at.display(),
                        String::from_utf8_lossy(line)
                            .replace('\n', "\\n")
                            .chars()
                            .take(160)
                            .collect::<String>()
                    );
                }
            }
        }
    }
    let spent = cpu_seconds()? - before;
    let megabytes = bytes as f64 / 1e6;
    println!(
        "{files} files, {megabytes:.1} MB, {spent:.2} CPU seconds, {:.1} MB per CPU second, {findings} findings",
        megabytes / spent
    );
    let mut top: Vec<_> = by_rule.into_iter().collect();
    top.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    println!("{:?}", top.iter().take(25).collect::<Vec<_>>());
    Ok(())
}
