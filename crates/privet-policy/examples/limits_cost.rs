//! What a request's limits cost: `cargo run --release -p privet-policy --example limits_cost`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use privet_policy::Policy;
use privet_policy::limits::{Amount, Asker, Counters, InMemory, Limiter};

const RULES: &str = r#"
[[limits.rules]]
name = "per-person"
each = ["principal"]
window = "minute"
requests = 1000000000
tokens = 1000000000000
[[limits.rules]]
name = "budget"
each = ["tenant"]
window = "month"
models = ["gpt-*"]
cost = 900000000.0
[[limits.rules]]
name = "at-once"
each = ["key"]
concurrent = 1000
"#;
const TURNS: u32 = 200_000;
const CALLERS: usize = 1_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let policy = Policy::parse(RULES, "policy.toml".as_ref())?;
    let counters: Arc<dyn Counters> = Arc::new(InMemory::new([], Box::new(str::to_owned)));
    let limiter = Limiter::new(policy.limits(), "USD", counters);
    let names: Vec<String> = (0..CALLERS).map(|number| format!("person-{number}")).collect();
    let now: Timestamp = "2026-01-01T12:00:00Z".parse()?;
    let deadline = now.checked_add(Duration::from_secs(3600))?;
    let ask = Amount {
        requests: 1,
        tokens: 2000,
        nanos: 4_000_000,
    };
    let begun = Instant::now();
    for name in names.iter().cycle().take(TURNS as usize) {
        let asker = Asker {
            tenant: "default",
            principal: name,
            key: name,
            groups: &[],
            surface: None,
            model: Some("gpt-5"),
        };
        let _ = black_box(limiter.look(&asker, now));
        if let Ok(Some(held)) = limiter.reserve(&asker, ask, deadline, now) {
            limiter.settle(held, black_box(ask));
        }
    }
    let each = begun.elapsed() / TURNS;
    println!("look, reserve and settle with three rules and {CALLERS} callers: {each:?}");
    Ok(())
}
