//! What masking one request costs, and what it costs when the conversation comes again: CPU µs per request.
//!
//! `cargo run --release -p privet-surface --example mask_cost [FILE.json]` (an OpenAI chat body; without one an agent's
//! conversation of 80 KB is made up). Linux only: CPU time comes from `/proc/thread-self/schedstat`.
#![expect(clippy::expect_used, reason = "a measuring program")]

use privet_crypto::RootKey;
use privet_pii::{Analyzer, Config};
use privet_surface::{DetectionMemory, Masking, PartsConfig, Request};
use privet_types::{Budget, SurfaceKind};

/// Requests of one figure.
const ROUNDS: u64 = 50;

fn cpu_nanoseconds() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    text.split(' ')
        .next()
        .and_then(|n| n.parse().ok())
        .expect("nanoseconds first")
}

/// A system prompt, twelve turns with code and notes, sixty tools, eight private values.
fn agent() -> String {
    let code = "pub fn total(orders: &[Order]) -> Money {\\n    orders.iter().map(|o| o.price * o.count).sum()\\n}\\n";
    let note =
        "The build failed since the lock file was older than the manifest; run the update and try again. ";
    let mut messages = format!("{{\"role\":\"system\",\"content\":\"{}\"}}", note.repeat(60));
    for turn in 0..12 {
        messages.push_str(&format!(
            ",{{\"role\":\"user\",\"content\":\"turn {turn}: {}\"}},{{\"role\":\"assistant\",\"content\":\"{}\"}}",
            note.repeat(8),
            code.repeat(20)
        ));
    }
    messages.push_str(
        ",{\"role\":\"user\",\"content\":\"Merge ada.keller@example.com, +49 30 901820, 4111 1111 1111 1111 and \
         DE89 3704 0044 0532 0130 00 with jon@example.org, +44 20 7946 0958, 5500 0000 0000 0004 and 198.51.100.7.\"}",
    );
    let mut tools = String::new();
    for tool in 0..60 {
        tools.push_str(&format!(
            "{}{{\"type\":\"function\",\"function\":{{\"name\":\"tool_{tool}\",\"description\":\"{}\",\"parameters\":{{\"type\":\
             \"object\",\"properties\":{{\"path\":{{\"type\":\"string\",\"description\":\"{}\"}}}}}}}}}}",
            if tool > 0 { "," } else { "" },
            note.repeat(2),
            note
        ));
    }
    format!("{{\"model\":\"m\",\"messages\":[{messages}],\"tools\":[{tools}]}}")
}

fn main() {
    let body = std::env::args().nth(1).map_or_else(agent, |path| {
        std::fs::read_to_string(path).expect("a readable file")
    });
    let key = RootKey::generate()
        .expect("random bytes")
        .hash_key("example", b"");
    let parts = PartsConfig::default();
    println!("{} bytes", body.len());
    for network in [false, true] {
        let config = Config {
            network,
            ..Config::default()
        };
        let analyzer = Analyzer::new(&config).expect("the default policy");
        let memory = DetectionMemory::new(16 << 20);
        let mask = |memory| {
            let masking = Masking {
                analyzer: &analyzer,
                pii: &config,
                parts: &parts,
                key: &key,
                memory,
                known: None,
            };
            let budget = Budget::new(1024 * body.len() as u64 + (1 << 20));
            let request =
                Request::parse(SurfaceKind::OpenaiChat, body.as_bytes(), &budget).expect("a chat body");
            request
                .mask(masking, None, &budget)
                .expect("nothing is refused")
                .counts
                .values()
                .sum::<u32>()
        };
        // Telephone metadata of the countries in it are read once.
        let values = mask(Some(&memory));
        for (name, memory) in [("cold", None), ("warm", Some(&memory))] {
            let began = cpu_nanoseconds();
            for _ in 0..ROUNDS {
                mask(memory);
            }
            let each = (cpu_nanoseconds() - began) / ROUNDS / 1000;
            let rules = if network { "rules and network" } else { "rules" };
            println!("{rules}, {name}: {each} µs, {values} values");
        }
    }
}
