//! Runs every target over its corpus and over mutations of it, on any compiler.
//!
//! `replay [--seconds N] [--seed N] [--target NAME] [FILE…]`: N seconds of mutations for each target (default 2). With
//! files, runs only those.

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use privet_fuzz::mutate::{Chance, mutate};
use privet_fuzz::{TARGETS, Target};

/// An input that takes longer is kept: those of the corpus take milliseconds.
const SLOW: Duration = Duration::from_secs(2);

struct Options {
    seconds: u64,
    seed: u64,
    target: Option<String>,
    files: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    let wanted = |name: &str| options.target.as_deref().is_none_or(|target| target == name);
    let failed = TARGETS
        .iter()
        .filter(|(name, _)| wanted(name))
        .filter(|target| !holds(target, &options))
        .count();
    ExitCode::from(u8::from(failed > 0))
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        seconds: 2,
        seed: 1,
        target: None,
        files: Vec::new(),
    };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("`{argument}` needs a value"));
        let number = |text: String| {
            text.parse::<u64>()
                .map_err(|_| format!("`{text}` is not a whole number"))
        };
        match argument.as_str() {
            "--seconds" => options.seconds = number(value()?)?,
            "--seed" => options.seed = number(value()?)?,
            "--target" => {
                let name = value()?;
                if !TARGETS.iter().any(|(known, _)| *known == name) {
                    let known: Vec<&str> = TARGETS.iter().map(|(known, _)| *known).collect();
                    return Err(format!("no target `{name}`; known ones: {}", known.join(", ")));
                }
                options.target = Some(name);
            }
            flag if flag.starts_with('-') => {
                return Err(format!(
                    "unknown `{flag}`; use --seconds N, --seed N, --target NAME, or files"
                ));
            }
            file => options.files.push(file.into()),
        }
    }
    Ok(options)
}

/// Runs one target; whether its law held for every input.
fn holds((name, law): &Target, options: &Options) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = if options.files.is_empty() {
        sorted_files(&root.join("corpus").join(name))
    } else {
        options.files.clone()
    };
    let mut corpus = Vec::new();
    for file in &files {
        let data = match std::fs::read(file) {
            Ok(data) => data,
            Err(error) => {
                eprintln!("{name}: cannot read {}: {error}", file.display());
                return false;
            }
        };
        if catch_unwind(|| law(&data)).is_err() {
            eprintln!("{name}: FAILED on {}", file.display());
            return false;
        }
        corpus.push(data);
    }
    if corpus.is_empty() {
        eprintln!("{name}: no corpus");
        return false;
    }
    let mut chance = Chance::new(options.seed);
    let mut mutations = 0_u64;
    let seconds = if options.files.is_empty() {
        options.seconds
    } else {
        0
    };
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut slowest = Duration::ZERO;
    loop {
        let start = Instant::now();
        if start >= end {
            break;
        }
        let data = mutate(&corpus, &mut chance);
        if catch_unwind(|| law(&data)).is_err() {
            let kept = keep(root, name, "replay-failure", &data);
            eprintln!(
                "{name}: FAILED on mutation {mutations} of seed {}; {kept}",
                options.seed
            );
            return false;
        }
        mutations += 1;
        let took = start.elapsed();
        if took > slowest {
            slowest = took;
            if took > SLOW {
                // No failure, since other programs may have slowed it down; but worth a look.
                eprintln!(
                    "{name}: slow ({took:.1?}); {}",
                    keep(root, name, "replay-slow", &data)
                );
            }
        }
    }
    println!(
        "{name}: {} files and {mutations} mutations (seed {}) hold; the slowest took {} ms",
        corpus.len(),
        options.seed,
        slowest.as_millis()
    );
    true
}

fn keep(root: &Path, name: &str, file: &str, data: &[u8]) -> String {
    let folder = root.join("artifacts").join(name);
    let path = folder.join(file);
    match std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, data)) {
        Ok(()) => format!("input kept: replay --target {name} {}", path.display()),
        Err(error) => format!("its input could not be kept ({error}): {data:?}"),
    }
}

fn sorted_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}
