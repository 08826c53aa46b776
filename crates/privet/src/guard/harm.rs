//! `privet guard eval --harm`: the harm classifiers on marked texts, category by category.

use std::process::ExitCode;

use anyhow::{Context, Result};
use privet_guardrails::eval::{Evaluation, Scored};
use privet_guardrails::harm::{HarmCategory, HarmClassifier, HarmScores};
use privet_types::Budget;
use serde_json::{Map, Value};

use super::eval::{Measured, code, to_json, to_text};
use super::marked::Marked;
use crate::rim;

/// Measures each category: its texts are the attacks of the report, all others the harmless texts.
///
/// # Errors
/// For a text without `categories`, and one that cannot be looked at.
pub(super) fn eval(texts: Vec<Marked>, is_json: bool, floor: Option<f64>) -> Result<ExitCode> {
    let classifier = HarmClassifier::shipped()?;
    let before = rim::cpu_time();
    let bytes = texts.iter().map(|text| text.text.len() as u64).sum();
    let score = |text: Marked| -> Result<(Marked, Vec<HarmCategory>, HarmScores)> {
        let is = text
            .categories
            .clone()
            .context("a text has no `categories`; it is a list of names, empty for a harmless text")?;
        let scores = classifier.scores(&text.text, &Budget::unlimited())?;
        Ok((text, is, scores))
    };
    let scored = texts.into_iter().map(score).collect::<Result<Vec<_>>>()?;
    let cpu = rim::cpu_time().saturating_sub(before);
    let mut all = Map::new();
    let mut worst = ExitCode::SUCCESS;
    for category in HarmCategory::ALL {
        let one = |(text, is, scores): &(Marked, Vec<HarmCategory>, HarmScores)| {
            let score = scores.get(&category).copied().unwrap_or_default();
            Scored {
                is_attack: is.contains(&category),
                source: text.source.clone(),
                language: text.language.clone(),
                score,
                is_flagged: score >= classifier.limit(category),
            }
        };
        let measured = Measured {
            evaluation: Evaluation::new(scored.iter().map(one).collect()),
            cpu,
            bytes,
        };
        if is_json {
            all.insert(category.name().to_owned(), to_json(&measured));
        } else {
            let text = to_text(&measured).replacen(" attacks, ", " texts of it, ", 1);
            rim::say(format!(
                "== {}: {}\n",
                category.name(),
                text.replacen("harmless texts", "others", 1)
            ))?;
        }
        let one = code(&measured, floor);
        if worst == ExitCode::SUCCESS {
            worst = one;
        }
    }
    if is_json {
        rim::say(Value::Object(all))?;
    }
    Ok(worst)
}
