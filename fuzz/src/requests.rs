//! Request bodies.

use std::sync::Arc;

use privet_crypto::{HashKey, RootKey};
use privet_pii::{Config, Style, UrlAllow};
use privet_surface::{Masked, Masking, PartsConfig, Request, Restoration, RestoreConfig};
use privet_types::{Budget, SurfaceKind};

use crate::texts::analyzer;
use crate::{surface, variant};

/// Work allowed for one input; far more than an input of this size needs.
const BUDGET: u64 = 1 << 32;

fn key() -> HashKey {
    let root =
        RootKey::parse(&format!("privet-root-1:{}", "07".repeat(32))).expect("a fixed root key is sound");
    root.hash_key("fuzz", b"key")
}

fn mask(surface: SurfaceKind, style: Style, body: &[u8]) -> Option<Masked> {
    let budget = Budget::new(BUDGET);
    let pii = Config {
        style,
        ..Config::default()
    };
    let parts = PartsConfig::default();
    let masking = Masking {
        analyzer: analyzer(),
        pii: &pii,
        parts: &parts,
        key: &key(),
        memory: None,
        known: None,
    };
    Request::parse(surface, body, &budget)
        .ok()?
        .mask(masking, None, &budget)
        .ok()
}

/// Any body is either refused, or masked the same every time into a body that can be read, differs inside masked
/// values only, and can be restored.
pub fn fuzz_json_body(data: &[u8]) {
    let Some((variant, body)) = variant(data) else {
        return;
    };
    let surface = surface(variant);
    let style = if variant & 2 == 0 {
        Style::Tag
    } else {
        Style::Realistic
    };
    let Some(masked) = mask(surface, style, body) else {
        return;
    };
    assert_only_masked_values_differ(body, &masked);
    let again = mask(surface, style, body).expect("what was masked once is masked twice");
    assert_eq!(masked.body, again.body);
    let budget = Budget::new(BUDGET);
    Request::parse(surface, &masked.body, &budget).expect("a masked body can be read");
    let restoration = Restoration::new(
        surface,
        Arc::new(masked.map),
        Arc::new(RestoreConfig::default()),
        Arc::new(UrlAllow::default()),
    );
    restoration
        .json(&masked.body, &budget)
        .expect("a masked body can be restored");
}

/// What lies between masked values stands in the masked body in the same order.
fn assert_only_masked_values_differ(body: &[u8], masked: &Masked) {
    let mut rest = masked.body.as_slice();
    let mut kept_from = 0;
    for range in &masked.replaced {
        assert!(
            kept_from <= range.start && range.end <= body.len(),
            "{:?}",
            masked.replaced
        );
        let kept = &body[kept_from..range.start];
        let at = if kept_from == 0 {
            rest.starts_with(kept).then_some(0)
        } else {
            find(rest, kept)
        };
        rest = &rest[at.expect("what is not masked is kept") + kept.len()..];
        kept_from = range.end;
    }
    assert!(rest.ends_with(&body[kept_from..]), "the end of the body is kept");
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        Some(0)
    } else {
        text.windows(part.len()).position(|window| window == part)
    }
}
