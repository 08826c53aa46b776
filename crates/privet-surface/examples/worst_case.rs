//! How long masking can take at worst: CPU time and work units per byte on hostile bodies.
//!
//! `cargo run --release -p privet-surface --example worst_case [BYTES]` (1 MiB if not given). Linux only: CPU time comes
//! from `/proc/thread-self/schedstat`.
#![expect(clippy::expect_used, reason = "a measuring program")]

use privet_crypto::RootKey;
use privet_pii::{Analyzer, Config, Style};
use privet_surface::{Masking, PartsConfig, Request};
use privet_types::{Budget, SurfaceKind};

fn cpu_nanoseconds() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    text.split(' ')
        .next()
        .and_then(|n| n.parse().ok())
        .expect("nanoseconds first")
}

/// `piece(0)`, `piece(1)`, … up to `bytes` bytes.
fn fill(bytes: usize, piece: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity(bytes + 64);
    let mut i = 0;
    while text.len() < bytes {
        text.push_str(&piece(i));
        i += 1;
    }
    text
}

fn bodies(bytes: usize) -> Vec<(&'static str, String)> {
    let chat =
        |content: String| format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{content}"}}]}}"#);
    let list = |items: String| format!(r#"{{"model":"m","messages":[],"x":[{items}0]}}"#);
    let text = |piece: fn(usize) -> String| chat(fill(bytes, piece));
    let mut bodies = vec![
        (
            "prose",
            text(|_| "The quick brown fox jumps over the lazy dog. ".to_owned()),
        ),
        ("digits", text(|_| "7".to_owned())),
        ("spaced digits", text(|_| "4 1 1 1 ".to_owned())),
        ("at signs", text(|_| "a@".to_owned())),
        ("colons", text(|_| ":".to_owned())),
        ("hex and colons", text(|_| "ab:".to_owned())),
        ("dots", text(|_| "1.".to_owned())),
        ("questions", text(|_| "? ".to_owned())),
        (
            "different short words and signs",
            text(|i| {
                let letter = |n: usize| char::from(b'a' + (n % 26) as u8);
                format!("{}{}@", letter(i / 26), letter(i))
            }),
        ),
        (
            "a word among signs",
            text(|i| format!("w{} {}", i % 10_000, "@".repeat(20))),
        ),
        ("schemes", text(|_| "http://".to_owned())),
        ("key blocks", text(|_| "-----BEGIN PRIVATE KEY-----".to_owned())),
        (
            "different e-mail addresses",
            text(|i| format!("u{}@example.com ", i % 60_000)),
        ),
        ("the same e-mail address", text(|_| "ada@example.com ".to_owned())),
        ("cards", text(|_| "4111111111111111 ".to_owned())),
        ("telephone-like", text(|i| format!("+4930{:07} ", i % 10_000_000))),
        ("context words", text(|_| "password: phone dob ssn ".to_owned())),
        (
            "dates of birth",
            text(|i| format!("born {:04}-03-12 ", 1900 + i % 110)),
        ),
        ("lookalikes", text(|_| "EMAIL_ADDRESS_7Q2MX9PKR4TWZ ".to_owned())),
        ("nearly lookalikes", text(|_| "EMAIL_ADDRESS_".to_owned())),
        ("escapes", text(|_| "\\u0061".to_owned())),
        (
            "card numbers as JSON numbers",
            list(fill(bytes, |_| "4111111111111111,".to_owned())),
        ),
        (
            "small numbers",
            list(fill(bytes.min(2 << 20), |_| "1,".to_owned())),
        ),
        (
            "short strings",
            list(fill(bytes.min(3 << 20), |_| "\"a\",".to_owned())),
        ),
    ];
    let inner = list(fill(bytes, |i| format!("\"u{}@example.com\",", i % 60_000)));
    bodies.push(("JSON inside JSON", chat(inner.replace('"', "\\\""))));
    bodies
}

fn main() {
    let bytes = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(1 << 20);
    let key = RootKey::generate()
        .expect("random bytes")
        .hash_key("worst case", b"");
    let parts = PartsConfig::default();
    println!(
        "{:<32}{:>10}{:>10}{:>10}{:>10}  result",
        "body", "style", "KiB", "ns/byte", "units/B"
    );
    for style in [Style::Tag, Style::Realistic] {
        let config = Config {
            style,
            ..Config::default()
        };
        let analyzer = Analyzer::new(&config).expect("the default configuration");
        for (name, body) in bodies(bytes) {
            let units = 1024 * body.len() as u64 + (1 << 20);
            let budget = Budget::new(units);
            let masking = Masking {
                analyzer: &analyzer,
                pii: &config,
                parts: &parts,
                key: &key,
                memory: None,
                known: None,
            };
            let began = cpu_nanoseconds();
            let masked = Request::parse(SurfaceKind::OpenaiChat, body.as_bytes(), &budget)
                .and_then(|request| request.mask(masking, None, &budget));
            let took = cpu_nanoseconds() - began;
            let result = match &masked {
                Ok(masked) => format!("{} masked", masked.replaced.len()),
                Err(refusal) => format!("refused: {refusal}"),
            };
            println!(
                "{name:<32}{:>10}{:>10}{:>10.1}{:>10.1}  {result}",
                format!("{style:?}"),
                body.len() >> 10,
                took as f64 / body.len() as f64,
                (units - budget.left()) as f64 / body.len() as f64,
            );
        }
    }
}
