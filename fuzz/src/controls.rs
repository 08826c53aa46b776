//! Deterministic controls: filters over replies, parsers for sinks, files of hashes.

use std::sync::{Arc, OnceLock};

use privet_guardrails::controls::{
    Action, Ban, BanKind, Channels, ChannelsConfig, Citations, CitationsConfig, CodeConfig, CodeFilter,
    CorpusIndex, Error, Escapes, EscapesConfig, Filter, HoneyList, InvisibleConfig, KeyedHash, ManifestPins,
    PackageList, Passed, Phrases, PromptLeakConfig, PromptShadow, RepetitionConfig, Schema, Sink, SinkConfig,
    Source, StripInvisible, Watching, manifest,
};
use privet_types::Budget;

use crate::variant;

fn channels() -> Box<dyn Filter> {
    let config = ChannelsConfig {
        hosts: vec!["good.example".to_owned(), "*.good.example".to_owned()],
        ..ChannelsConfig::default()
    };
    Box::new(Channels::new(&config).expect("the list is sound"))
}

fn watching() -> Box<dyn Filter> {
    static SHADOW: OnceLock<PromptShadow> = OnceLock::new();
    let prompt = "The code word of this house is heather, and nobody but the gardener may know of it before the second of March.";
    let shadow = SHADOW.get_or_init(|| PromptShadow::new(prompt, &[], 7));
    let mut watching = Watching::default();
    shadow
        .watch(
            &PromptLeakConfig {
                run: 40,
                ..PromptLeakConfig::default()
            },
            &mut watching,
        )
        .expect("the configuration is sound");
    let repetition = RepetitionConfig {
        words: 20,
        characters: 100,
        action: Action::Redact,
    };
    repetition
        .watch(&mut watching)
        .expect("the configuration is sound");
    Box::new(watching)
}

fn phrases() -> Box<dyn Filter> {
    let ban = Ban {
        kind: BanKind::Word,
        phrases: vec![
            "heather".to_owned(),
            "code word".to_owned(),
            "invest*".to_owned(),
            "東京".to_owned(),
        ],
        action: Action::Redact,
    };
    Box::new(
        Phrases::new(&[ban])
            .and_then(|p| p.filter())
            .expect("the phrases are sound"),
    )
}

fn citations() -> Box<dyn Filter> {
    let sources = [
        Source {
            id: "1",
            text: "A river.",
        },
        Source {
            id: "doc-2",
            text: "A town.",
        },
    ];
    Box::new(
        Citations::new(&CitationsConfig::default(), &sources, &Budget::unlimited())
            .expect("a budget without end is enough"),
    )
}

/// Cuts `text` into pieces of 1 to 16 characters that follow from `seed`.
fn pieces(text: &str, seed: u8) -> Vec<&str> {
    let mut all = Vec::new();
    let (mut rest, mut state) = (text, u32::from(seed) | 0x100);
    while !rest.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let length = 1 + usize::try_from(state >> 28).expect("four bits fit");
        let end = rest.char_indices().nth(length).map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(end);
        all.push(piece);
        rest = after;
    }
    all
}

/// What a filter makes of `text` in these pieces.
fn run(mut filter: Box<dyn Filter>, text: &[&str]) -> Passed {
    let mut passed = Passed::default();
    let budget = Budget::unlimited();
    for piece in text {
        filter
            .push(piece, &mut passed, &budget)
            .expect("a budget without end is enough");
    }
    if !passed.is_stopped() {
        filter
            .finish(&mut passed, &budget)
            .expect("a budget without end is enough");
    }
    passed
}

/// A filter says the same of a text however it is cut; what it has cleaned holds no address off the list.
pub fn fuzz_controls(data: &[u8]) {
    let Some((variant, rest)) = variant(data) else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    let make: fn() -> Box<dyn Filter> = match variant % 7 {
        0 => channels,
        1 => watching,
        2 => phrases,
        3 => citations,
        4 => || Box::new(StripInvisible::new(&InvisibleConfig::default())),
        5 => || Box::new(Escapes::new(&EscapesConfig::default())),
        _ => || Box::new(CodeFilter::new(&CodeConfig::default())),
    };
    let whole = run(make(), &[&text]);
    let cut = run(make(), &pieces(&text, variant));
    assert_eq!(whole, cut);
    if variant % 7 == 0 {
        let lower = whole.text.to_lowercase();
        // What stands directly before it makes another scheme of it, or a place below the page that shows it.
        let is_joined = |at: usize| {
            let before = lower.get(..at).and_then(|before| before.chars().next_back());
            before.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
        };
        let mut leads = lower.match_indices("https://evil.example");
        assert!(leads.all(|(at, _)| is_joined(at)), "{:?}", whole.text);
    }
}

fn sinks() -> &'static [Sink] {
    static SINKS: OnceLock<Vec<Sink>> = OnceLock::new();
    SINKS.get_or_init(|| {
        [
            r#"{"action":"redact","to":{"kind":"html","hosts":["good.example"]}}"#,
            r#"{"to":{"kind":"sql","dialect":"generic"}}"#,
            r#"{"to":{"kind":"sql","dialect":"postgresql"}}"#,
            r#"{"to":{"kind":"sql","dialect":"mysql"}}"#,
            r#"{"to":{"kind":"sql","dialect":"sqlite"}}"#,
            r#"{"to":{"kind":"sql","dialect":"mssql"}}"#,
            r#"{"to":{"kind":"shell","commands":["ls","cat"]}}"#,
            r#"{"to":{"kind":"path","roots":["/srv"],"relative":true}}"#,
            r#"{"to":{"kind":"json","schema":{"type":"object"}}}"#,
        ]
        .iter()
        .map(|config| {
            let config: SinkConfig = serde_json::from_str(config).expect("the configuration is sound");
            Sink::new(&config).expect("the configuration is sound")
        })
        .collect()
    })
}

/// A sink says the same of an output every time, within the promised budget, and lets nothing through that it stops. HTML that was
/// cleaned is clean.
pub fn fuzz_sinks(data: &[u8]) {
    let Some((variant, rest)) = variant(data) else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    let sinks = sinks();
    let sink = &sinks[usize::from(variant) % sinks.len()];
    let budget = Budget::new(32 * text.len() as u64 + 4_096);
    let passed = sink.check(&text, &budget).expect("the promised budget is enough");
    assert!(!passed.is_stopped() || passed.text.is_empty());
    if usize::from(variant) % sinks.len() == 0 && !passed.is_stopped() {
        let again = sink
            .check(&passed.text, &Budget::unlimited())
            .expect("a budget without end is enough");
        assert_eq!(again.text, passed.text);
    }
}

/// A schema is read or refused, and holds any value against itself within a budget, or says that it is spent.
pub fn fuzz_schema(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(data) else {
        return;
    };
    let parts = value.as_array().map_or(&[][..], Vec::as_slice);
    let [schema, value] = parts else { return };
    let Ok(schema) = Schema::new(schema) else { return };
    match schema.check(value, &Budget::new(100_000)) {
        Ok(Some(fault)) => assert!(fault.pointer.is_empty() || fault.pointer.starts_with('/')),
        Ok(None) | Err(Error::Budget(_)) => {}
        Err(error) => panic!("{error}"),
    }
}

/// A file of hashes is refused, or written again as it was.
pub fn fuzz_control_files(data: &[u8]) {
    let Some((variant, rest)) = variant(data) else {
        return;
    };
    let keyed: KeyedHash = Arc::new(|bytes: &[u8]| {
        let mut hash = [0; 32];
        for (index, byte) in bytes.iter().enumerate() {
            hash[index % 32] ^= byte.rotate_left(3);
        }
        hash
    });
    let text = String::from_utf8_lossy(rest);
    match variant % 5 {
        0 => {
            if let Ok(index) = CorpusIndex::parse(rest) {
                assert_eq!(index.to_bytes(), rest);
            }
        }
        1 => {
            if let Ok(list) = PackageList::parse(rest) {
                assert_eq!(list.to_bytes(), rest);
            }
        }
        2 => {
            if let Ok(list) = HoneyList::parse(&text) {
                assert_eq!(
                    HoneyList::parse(&list.to_text()).expect("what was written can be read"),
                    list
                );
            }
        }
        3 => {
            if let Ok(pins) = ManifestPins::parse(&text) {
                assert_eq!(
                    ManifestPins::parse(&pins.to_text()).expect("what was written can be read"),
                    pins
                );
            }
        }
        _ => {
            if let Ok(pins) = manifest(&text, &keyed) {
                assert_eq!(manifest(&text, &keyed).expect("what was read can be read"), pins);
            }
        }
    }
}
