//! Fits how often each rule is right, on the gold texts, and prints the tables of `src/calibration.rs`.
//!
//! `cargo run --release -p privet-pii --example calibrate [DIR]` (without DIR the gold texts of this crate and the held-out
//! ones with odd numbers). Some 5 s.
//!
//! A finding is right if a gold span of its kind overlaps it. The gold texts do not mark who speaks in a chat, the held-out ones
//! do: a person without a mark that speaks in a chat is left out. For each rule with at least 25 findings, and for each basis
//! over the findings of all other rules: logistic regression of "right" on the log-odds of the rule's own estimate (Platt,
//! "Probabilistic Outputs for Support Vector Machines", 1999), with normal priors that pull the slope to 1 (σ 0.5) and the
//! shift of a rule to that of its basis (σ 1). The error that is printed first is of ten-fold cross-validation by text:
//! each finding is judged by tables fitted without its text.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measuring program of trusted files"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use privet_pii::eval::Reliability;
use privet_pii::{Analyzer, Config};
use privet_types::{Basis, Budget, Entity, Span};

/// Findings below which a rule is fitted with others.
const LEAST: usize = 25;
const FOLDS: usize = 10;
/// As in `src/calibration.rs`.
const EDGE: f64 = 0.001;

/// One finding: its text, rule, basis, log-odds of the estimate, estimate, and whether it is right.
struct Seen {
    text: usize,
    rule: &'static str,
    basis: Basis,
    odds: f64,
    raw: f32,
    is_right: bool,
}

#[derive(Clone, Copy)]
struct Turn {
    slope: f64,
    shift: f64,
}

const STRAIGHT: Turn = Turn {
    slope: 1.0,
    shift: 0.0,
};

impl Turn {
    fn chance(self, odds: f64) -> f64 {
        1.0 / (1.0 + (-(self.slope * odds + self.shift)).exp())
    }
}

struct Tables {
    rules: BTreeMap<&'static str, (Turn, usize)>,
    bases: BTreeMap<Basis, (Turn, usize)>,
}

/// The most likely turn given the priors: Newton's method on the log-posterior.
fn fit(seen: &[&Seen], shift_prior: f64) -> Turn {
    let (slope_deviation, shift_deviation) = (0.5_f64, 1.0_f64);
    let mut turn = Turn {
        slope: 1.0,
        shift: shift_prior,
    };
    for _ in 0..100 {
        let mut gradient = [
            -(turn.slope - 1.0) / slope_deviation.powi(2),
            -(turn.shift - shift_prior) / shift_deviation.powi(2),
        ];
        let mut curvature = [1.0 / slope_deviation.powi(2), 0.0, 1.0 / shift_deviation.powi(2)];
        for s in seen {
            let p = turn.chance(s.odds);
            let off = f64::from(u8::from(s.is_right)) - p;
            let weight = p * (1.0 - p);
            gradient[0] += off * s.odds;
            gradient[1] += off;
            curvature[0] += weight * s.odds * s.odds;
            curvature[1] += weight * s.odds;
            curvature[2] += weight;
        }
        let determinant = curvature[0] * curvature[2] - curvature[1] * curvature[1];
        let step = [
            (curvature[2] * gradient[0] - curvature[1] * gradient[1]) / determinant,
            (curvature[0] * gradient[1] - curvature[1] * gradient[0]) / determinant,
        ];
        turn.slope += step[0].clamp(-1.0, 1.0);
        turn.shift += step[1].clamp(-1.0, 1.0);
    }
    turn.slope = turn.slope.max(0.0);
    turn
}

fn fit_all(seen: &[&Seen]) -> Tables {
    let mut by_rule: BTreeMap<&'static str, Vec<&Seen>> = BTreeMap::new();
    for s in seen {
        by_rule.entry(s.rule).or_default().push(s);
    }
    let mut by_basis: BTreeMap<Basis, Vec<&Seen>> = BTreeMap::new();
    for s in by_rule.values().filter(|all| all.len() < LEAST).flatten() {
        by_basis.entry(s.basis).or_default().push(s);
    }
    let bases: BTreeMap<Basis, (Turn, usize)> = by_basis
        .into_iter()
        .map(|(basis, all)| (basis, (fit(&all, 0.0), all.len())))
        .collect();
    let rules = by_rule.into_iter().filter(|(_, all)| all.len() >= LEAST);
    let rules = rules.map(|(rule, all)| {
        let prior = bases.get(&all[0].basis).map_or(0.0, |(turn, _)| turn.shift);
        (rule, (fit(&all, prior), all.len()))
    });
    Tables {
        rules: rules.collect(),
        bases,
    }
}

impl Tables {
    fn score(&self, s: &Seen) -> f32 {
        let turn = self.rules.get(s.rule).or_else(|| self.bases.get(&s.basis));
        let chance = turn.map_or(STRAIGHT, |(turn, _)| *turn).chance(s.odds);
        ((chance * 100.0).round() / 100.0).max(Config::THRESHOLD) as f32
    }
}

/// A text with its marks taken out, and the marks.
fn marked(body: &str) -> (String, Vec<(String, Span)>) {
    let mut text = String::new();
    let mut marks = Vec::new();
    for (i, part) in body.split("[[").enumerate() {
        let Some((mark, rest)) = part.split_once("]]").filter(|_| i > 0) else {
            text.push_str(part);
            continue;
        };
        let (kind, value) = mark.split_once('|').unwrap();
        let start = text.len();
        text.push_str(value);
        marks.push((kind.to_owned(), Span::new(start, text.len())));
        text.push_str(rest);
    }
    (text, marks)
}

/// A text, its marks, and whether it is a chat.
struct Gold {
    text: String,
    marks: Vec<(String, Span)>,
    is_chat: bool,
}

impl Gold {
    /// Whether the bytes of `span` speak in a chat, as `name:` says.
    fn is_speaker(&self, span: Span) -> bool {
        let name = span.of(&self.text).unwrap_or_default();
        self.is_chat
            && [":", "：", ">"]
                .iter()
                .any(|mark| self.text.contains(&format!("{name}{mark}")))
    }
}

/// The texts of `folder` whose number `wants` asks for.
fn gold(folder: &PathBuf, wants: impl Fn(u64) -> bool) -> Vec<Gold> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .collect();
    files.sort();
    let mut texts = Vec::new();
    for file in files {
        for text in std::fs::read_to_string(file).unwrap().split("\n---") {
            let Some((head, body)) = text.trim_start().split_once('\n') else {
                continue;
            };
            let digits: String = head.chars().filter(char::is_ascii_digit).collect();
            if wants(digits.parse().unwrap_or(0)) {
                let (text, marks) = marked(body.trim_end());
                let is_chat = head.split(' ').any(|word| word == "chat");
                texts.push(Gold { text, marks, is_chat });
            }
        }
    }
    texts
}

fn error(seen: &[Seen], score: impl Fn(&Seen) -> f32) -> (f64, Reliability) {
    let mut reliability = Reliability::default();
    for s in seen {
        reliability.add(score(s), s.is_right);
    }
    (reliability.expected_error().unwrap(), reliability)
}

fn main() {
    let fixtures = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fixtures"));
    let texts = match std::env::args().nth(1) {
        Some(folder) => gold(&PathBuf::from(folder), |_| true),
        None => {
            let mut texts = gold(&fixtures.join("gold"), |_| true);
            texts.extend(gold(&fixtures.join("heldout"), |number| number % 2 == 1));
            texts
        }
    };
    let kinds: std::collections::BTreeSet<&str> = texts
        .iter()
        .flat_map(|gold| &gold.marks)
        .map(|(kind, _)| kind.as_str())
        .collect();
    let analyzer = Analyzer::new(&Config::everything()).unwrap().uncalibrated();
    let mut seen = Vec::new();
    for (number, gold) in texts.iter().enumerate() {
        for f in analyzer.analyze(&gold.text, None, &Budget::unlimited()).unwrap() {
            let kind = f.entity.name();
            if f.entity == Entity::SURROGATE || !kinds.contains(kind) {
                continue;
            }
            let mut marks = gold.marks.iter();
            let is_right = marks.any(|(k, span)| k == kind && span.overlaps(f.span));
            if f.entity == Entity::PERSON && !is_right && gold.is_speaker(f.span) {
                continue;
            }
            let estimate = f64::from(f.score).clamp(EDGE, 1.0 - EDGE);
            seen.push(Seen {
                text: number,
                rule: f.rule.0,
                basis: f.basis,
                odds: (estimate / (1.0 - estimate)).ln(),
                raw: f.score,
                is_right,
            });
        }
    }
    let folds: Vec<Tables> = (0..FOLDS)
        .map(|fold| {
            let kept: Vec<&Seen> = seen.iter().filter(|s| s.text % FOLDS != fold).collect();
            fit_all(&kept)
        })
        .collect();
    let (before, plain) = error(&seen, |s| s.raw);
    let (crossed, made) = error(&seen, |s| folds[s.text % FOLDS].score(s));
    eprintln!("{} texts, {} findings", texts.len(), seen.len());
    eprintln!("expected calibration error: estimates {before:.4}, ten-fold {crossed:.4}");
    for (name, reliability) in [("estimates", plain), ("ten-fold", made)] {
        for bin in reliability.bins().iter().filter(|b| b.right.of > 0) {
            eprintln!(
                "{name}: mean {:.2}, right {:.2} of {}",
                bin.mean_score().unwrap(),
                bin.right.value().unwrap(),
                bin.right.of
            );
        }
    }
    let tables = fit_all(&seen.iter().collect::<Vec<_>>());
    let written = |turn: Turn| format!("turn({:.2}, {:.2})", turn.slope, turn.shift);
    println!("const RULES: &[(&str, Turn)] = &[");
    for (rule, (turn, count)) in &tables.rules {
        println!("    (\"{rule}\", {}), // {count}", written(*turn));
    }
    println!("];\nconst BASES: &[(Basis, Turn)] = &[");
    for (basis, (turn, count)) in &tables.bases {
        println!("    (Basis::{basis:?}, {}), // {count}", written(*turn));
    }
    println!("];");
}
