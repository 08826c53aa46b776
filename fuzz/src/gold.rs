//! Gold sets, and findings of other programs.

use privet_pii::eval::{Evaluation, GoldDocument, GoldFormat, gold, predictions};

/// A gold set is refused, or its spans lie in its texts; findings of other programs are refused, or can be counted.
pub fn fuzz_gold(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    // Gold set and findings in one input.
    let (set, found) = text.split_once("\n=====\n").unwrap_or((&text, ""));
    for format in [
        GoldFormat::Inline,
        GoldFormat::Jsonl,
        GoldFormat::PresidioResearch,
    ] {
        match gold(set, format) {
            Ok(documents) => {
                for document in &documents {
                    for span in &document.spans {
                        let value = span.span.of(&document.text);
                        // A mark of the inline format may be empty.
                        assert!(value.is_some_and(|v| !v.is_empty() || format == GoldFormat::Inline));
                    }
                }
                count(&documents, found);
            }
            // Names of texts are told, and may be anything; texts are not.
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

fn count(documents: &[GoldDocument], found: &str) {
    let Ok(found) = predictions(found, documents) else {
        return;
    };
    let kinds = documents.iter().flat_map(|d| &d.spans).map(|s| s.kind.clone());
    let mut evaluation = Evaluation::new(kinds.collect());
    for (document, found) in documents.iter().zip(&found) {
        let outcome = evaluation.add(&document.text, &document.spans, found);
        assert_eq!(outcome.found.len(), found.len());
    }
    let characters = evaluation.characters();
    assert!(characters.recall.hits <= characters.recall.of);
    assert!(characters.precision.hits <= characters.precision.of);
    let total = evaluation.total();
    assert!(
        total.exact <= total.gold && total.gold_touched <= total.gold && total.found_touching <= total.found
    );
}
