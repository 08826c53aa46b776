//! What a request looks like after masking, and a reply after restoring, through the crate's public door.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "tests"
)]

mod guard;
mod masking;
mod mcp;
mod persons;
mod replies;
mod responses;
mod round_trip;
mod said;
mod typed_round_trip;

use std::sync::{Arc, LazyLock};

use privet_crypto::{HashKey, RootKey};
use privet_pii::{Analyzer, Config, Style, Terms, UrlAllow};
use privet_surface::{
    DetectionMemory, Masked, Masking, PartsConfig, Refusal, Request, Restoration, RestoreConfig,
};
use privet_types::{Budget, Entity, SurfaceKind};

static KEY: LazyLock<HashKey> = LazyLock::new(|| {
    RootKey::parse(&format!("privet-root-1:{}", "7".repeat(64)))
        .unwrap()
        .hash_key("test", b"")
});

fn config(style: Style) -> Config {
    let names = [
        "Ada Lovelace",
        "Σωκράτης",
        "王小明",
        "4711",
        "Maria Lopez",
        "Lopez, Maria",
        "Juan Lopez",
        "Ms Lopez",
        "M. Lopez",
        "Lopez",
        "Maria",
    ]
    .map(str::to_owned)
    .to_vec();
    Config {
        style,
        terms: vec![Terms {
            entity: Entity::PERSON,
            values: names,
        }],
        ..Config::default()
    }
}

static TAG: LazyLock<(Config, Analyzer)> = LazyLock::new(|| {
    let config = config(Style::Tag);
    let analyzer = Analyzer::new(&config).unwrap();
    (config, analyzer)
});
static REALISTIC: LazyLock<(Config, Analyzer)> = LazyLock::new(|| {
    let config = config(Style::Realistic);
    let analyzer = Analyzer::new(&config).unwrap();
    (config, analyzer)
});

fn mask_as(surface: SurfaceKind, style: Style, body: &str) -> Result<Masked, Refusal> {
    let (pii, analyzer) = match style {
        Style::Tag => &*TAG,
        Style::Realistic => &*REALISTIC,
    };
    let budget = Budget::new(3 * (1024 * body.len() as u64 + (1 << 20)));
    let parts = PartsConfig::default();
    let memory = DetectionMemory::new(1 << 20);
    let masked = |memory| {
        let masking = Masking {
            analyzer,
            pii,
            parts: &parts,
            key: &KEY,
            memory,
            known: None,
        };
        Request::parse(surface, body.as_bytes(), &budget)?.mask(masking, None, &budget)
    };
    let result = masked(None);
    // What is remembered changes nothing but the cost.
    for _ in 0..2 {
        let again = masked(Some(&memory));
        match (&result, &again) {
            (Ok(one), Ok(two)) => {
                assert_eq!(
                    (&one.body, &one.replaced, &one.counts),
                    (&two.body, &two.replaced, &two.counts)
                );
            }
            (Err(one), Err(two)) => assert_eq!(one.to_string(), two.to_string()),
            _ => panic!("{result:?} {again:?}"),
        }
    }
    result
}

fn mask(body: &str) -> Result<Masked, Refusal> {
    mask_as(SurfaceKind::OpenaiChat, Style::Tag, body)
}

fn masked_text(masked: &Masked) -> &str {
    std::str::from_utf8(&masked.body).unwrap()
}

/// Restores wherever a surrogate stands.
fn everywhere(surface: SurfaceKind, masked: Masked) -> Restoration {
    let urls = Arc::new(UrlAllow::everywhere());
    Restoration::new(
        surface,
        Arc::new(masked.map),
        Arc::new(RestoreConfig::default()),
        urls,
    )
}

/// Restores as the default policy does.
fn by_default(surface: SurfaceKind, masked: Masked) -> Restoration {
    Restoration::new(surface, Arc::new(masked.map), Arc::default(), Arc::default())
}
