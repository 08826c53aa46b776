//! Which PyPI versions have known holes: `advisories OSV.jsonl.gz < pairs.tsv`, one `name TAB version` a line. Prints the pair and the
//! ids, and on standard error how long it took. `bench/peers/osv_ranges.py` holds it against another implementation.

use std::error::Error;
use std::fs;
use std::io::{self, BufRead, Write};
use std::time::Instant;

use data_encoding::HEXLOWER;
use privet_supplychain::dependencies::{Basis, Ecosystem, Index, Source, normalise_name, read_json_lines};
use privet_types::Budget;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("usage: advisories OSV.jsonl.gz < pairs.tsv")?;
    let input = fs::read(&path)?;
    let source = Source {
        name: path,
        date: jiff::Timestamp::UNIX_EPOCH,
        sha256: HEXLOWER.encode(&privet_crypto::sha256(&input)),
    };
    let budget = Budget::unlimited();
    let start = Instant::now();
    let bytes = Index::compile(read_json_lines(&input[..], &budget)?, &source)?;
    eprintln!("compiled in {:?}: {} bytes", start.elapsed(), bytes.len());
    let start = Instant::now();
    let index = Index::open(bytes)?;
    eprintln!(
        "opened in {:?}: {} advisories of {} packages",
        start.elapsed(),
        index.advisories(),
        index.packages()
    );
    let pairs: Vec<String> = io::stdin().lock().lines().collect::<Result<_, _>>()?;
    let pairs: Vec<_> = pairs.iter().filter_map(|line| line.split_once('\t')).collect();
    let start = Instant::now();
    let mut found = Vec::new();
    for (name, version) in &pairs {
        let name = normalise_name(Ecosystem::PyPi, name);
        found.push(index.search(Ecosystem::PyPi, &name, version, Basis::Version)?);
    }
    eprintln!("searched {} pairs in {:?}", pairs.len(), start.elapsed());
    let mut out = io::stdout().lock();
    for ((name, version), hits) in pairs.iter().zip(found) {
        let ids: Vec<String> = hits.into_iter().flat_map(|hit| hit.ids).collect();
        writeln!(out, "{name}\t{version}\t{}", ids.join(","))?;
    }
    Ok(())
}
