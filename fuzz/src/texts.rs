//! Plain text: looked at, and restored.

use std::sync::{Arc, OnceLock};

use privet_pii::normalize::views;
use privet_pii::{Analyzer, Config, Form, Pair, Restorer, SurrogateMap, Syntax, UrlAllow};
use privet_types::{Budget, Secret};

use crate::{pieces, variant};

pub(crate) fn analyzer() -> &'static Analyzer {
    static ANALYZER: OnceLock<Analyzer> = OnceLock::new();
    ANALYZER.get_or_init(|| Analyzer::new(&Config::default()).expect("the default policy is sound"))
}

/// Findings are sorted, disjoint, on character bounds and the same every time, within the promised budget; a smaller
/// budget gives the same or an error.
pub fn fuzz_detect(data: &[u8]) {
    let Some((variant, rest)) = variant(data) else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    let context = ["birthday", "cardNumber", "phone", ""]
        .get(usize::from(variant % 8))
        .copied();
    let promised = 256 * (text.len() + context.unwrap_or_default().len()) as u64 + 65_536;
    let found = analyzer()
        .analyze(&text, context, &Budget::new(promised))
        .expect("the promised budget is enough");
    let mut end = 0;
    for finding in &found {
        let private = finding
            .span
            .of(&text)
            .expect("a finding lies on character bounds inside the text");
        assert!(!private.is_empty() && finding.span.start >= end, "{found:?}");
        end = finding.span.end;
    }
    if let Ok(again) = analyzer().analyze(&text, context, &Budget::new(promised / 256 * u64::from(variant))) {
        assert_eq!(format!("{found:?}"), format!("{again:?}"));
    }
}

/// Views map back to where they come from: in order, on character bounds, inside the text; and the promised budget is
/// enough.
pub fn fuzz_normalize(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let promised = 40 * text.len() as u64 + 4_096;
    let views = views(&text, &Budget::new(promised)).expect("the promised budget is enough");
    let mut length = 0;
    for view in &views {
        length += view.text.len();
        let (mut start, mut end) = (0, 0);
        for (at, c) in view.text.char_indices() {
            let span = view.to_original(at..at + c.len_utf8());
            assert!(span.of(&text).is_some_and(|s| !s.is_empty()), "{span:?}");
            assert!(span.start >= start && span.end >= end, "{span:?}");
            (start, end) = (span.start, span.end);
        }
        let whole = view.to_original(0..view.text.len());
        assert!(
            whole.end <= text.len() && whole.end == end.max(whole.end),
            "{whole:?}"
        );
    }
    // Up to two views, one of them a guess at digits, for each of the layers that the depth allows.
    assert!(length <= 6 * text.len() + 64, "{length}");
}

pub(crate) fn map() -> Arc<SurrogateMap> {
    let pair = |surrogate: &str, form, value: &str| Pair {
        surrogate: surrogate.to_owned(),
        form,
        value: Secret::new(value.to_owned()),
    };
    Arc::new(SurrogateMap::new(vec![
        pair("EMAIL_ADDRESS_7Q2MX9PLR4TWZ", Form::Tag, "ann@example.com"),
        pair("PERSON_7Q2MX9PLR4TWA", Form::Tag, "Ann \"The\" Örn\n"),
        pair("ann.lee@example.org", Form::Word, "bob@example.net"),
        pair("4000000000000002", Form::Digits, "4111 1111 1111 1111"),
        pair("9000000000000007", Form::Number, "4111111111111111"),
    ]))
}

pub(crate) fn urls() -> Arc<UrlAllow> {
    Arc::new(UrlAllow::new(&["https://intranet.example.com/".to_owned()]))
}

/// A text is restored the same however it is cut, and unchanged if nothing in it was restored.
pub fn fuzz_restore(data: &[u8]) {
    let Some((variant, rest)) = variant(data) else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    let syntax = if variant % 2 == 0 {
        Syntax::Text
    } else {
        Syntax::Json
    };
    let mut at_once = Restorer::new(map(), urls(), syntax);
    let mut whole = String::new();
    at_once.push(&text, &mut whole);
    at_once.finish(&mut whole);
    if at_once.restored() == 0 {
        assert_eq!(whole, text);
    }
    let mut in_pieces = Restorer::new(map(), urls(), syntax);
    let mut joined = String::new();
    let mut waiting = Vec::new();
    for piece in pieces(text.as_bytes(), variant) {
        waiting.extend_from_slice(piece);
        // Pieces end on character bounds, as the gateway's do.
        if let Ok(text) = std::str::from_utf8(&waiting) {
            in_pieces.push(text, &mut joined);
            waiting.clear();
        }
    }
    in_pieces.finish(&mut joined);
    assert_eq!(whole, joined);
    assert!(!in_pieces.is_holding());
}
