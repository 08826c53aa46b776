//! What a request costs the watch: `cargo run --release -p privet-watch --example cost`. Wall time of one thread.

use std::hint::black_box;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use privet_watch::{Observation, Sketch, WatchConfig, Watched, Watcher};

const TURNS: u32 = 400_000;
const CALLERS: u32 = 1_000;
/// Monday, the first of January 2024.
const START: i64 = 1_704_067_200;

fn main() -> Result<(), jiff::Error> {
    let text = "{\"role\":\"user\",\"content\":\"which of the two contracts ends earlier, and who has to be told of that in writing? \
                please answer in one sentence and name the clause; if there is none say so, and do not guess what it could be. the \
                first one is that of march, the second one that of the other supplier, and both are in the folder of the project, \
                together with what was changed of them since\"}]}";
    let begun = Instant::now();
    for seed in 0..u64::from(TURNS) {
        black_box(Sketch::of(black_box(text.as_bytes()), seed));
    }
    println!(
        "a sketch of {} bytes: {:?}",
        text.len().min(384),
        begun.elapsed() / TURNS
    );
    let mut watcher = Watcher::new(WatchConfig::default(), 0);
    let mut took = Duration::ZERO;
    let mut alerts = 0;
    // 40 days, eight hours each, until everybody is known; the last five are measured.
    for day in 0..40_i64 {
        for turn in 0..TURNS / 5 {
            let caller = turn % CALLERS;
            let second = START + day * 86_400 + 28_800 + i64::from(turn) * 28_800 / i64::from(TURNS / 5);
            let seen = Observation {
                at: Timestamp::from_second(second)?,
                who: Watched(u128::from(caller) << 64),
                key: u64::from(caller),
                network: Some(u64::from(caller % 7)),
                model: Some(u64::from(turn % 3)),
                is_denied: turn % 97 == 0,
                values: [turn % 3, turn % 2, 0, 0, 0],
                bytes: 1500,
                sketch: Sketch::of(text.as_bytes(), u64::from(turn)),
            };
            let one = Instant::now();
            alerts += black_box(watcher.observe(&seen)).len();
            if day >= 35 {
                took += one.elapsed();
            }
        }
    }
    println!(
        "a request of one of {CALLERS} known callers, their hours' ends among it: {:?}; {alerts} alerts",
        took / TURNS
    );
    Ok(())
}
