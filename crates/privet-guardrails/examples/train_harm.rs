//! Trains the harm classifiers: `train_harm OPTIONS FILE…`; `training/guardrails/harm/README.md` says how it is called.
//!
//! A file has a JSON object a line: `{"text","categories","unsure"?,"source","split","ship","language"?}`. A category that is neither in
//! `categories` nor in `unsure` is a no. `split` is `train`, `dev` (left out unless `--final` is given) or `hold` (never trained on).
//! Rows with `"ship": false` are never trained on either. Features come from the classifier's own code.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a measuring tool of trusted files stops at the first error"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};

use privet_guardrails::BUDGETS;
use privet_guardrails::harm::training::{
    CATEGORIES, CategoryTurn, FAMILIES, ROWS, Window, factor, pack, raw, windows,
};
use privet_guardrails::harm::{HarmCategory, HarmClassifier};
use serde_json::Value;

/// Bytes of a text that are trained on.
const MOST: usize = 6_000;
/// Bytes of a short text.
const SHORT: usize = 240;
/// Texts below which a source counts as one of so many.
const SMALL: f32 = 300.0;

struct Row {
    text: String,
    /// Yes, no, or not known, by category.
    is_harm: [Option<bool>; CATEGORIES],
    source: String,
    language: String,
    is_trained: bool,
    /// How much it counts beside others of its source.
    weight: f32,
}

struct Options {
    out: String,
    scores: Option<String>,
    epochs: usize,
    rate: f32,
    decay: f32,
    seed: u64,
    is_final: bool,
    drop: f32,
    files: Vec<String>,
    /// Weight of all texts of a category against all others.
    harms: f32,
    /// Slope and shift of each category, from the run before.
    turns: Option<String>,
    leave_out: Vec<String>,
}

fn main() {
    let options = options();
    let rows = rows(&options);
    let trained: Vec<&Row> = rows.iter().filter(|r| r.is_trained).collect();
    eprintln!("{} rows, {} trained on", rows.len(), trained.len());
    let examples: Vec<Vec<Window>> = trained.iter().map(|r| windows(cut(&r.text))).collect();
    let weights = weigh(&trained, options.harms);
    let mut model = Linear::new();
    let mut random = Random(options.seed);
    let mut order: Vec<usize> = (0..trained.len()).collect();
    for epoch in 0..options.epochs {
        for i in (1..order.len()).rev() {
            order.swap(i, random.below(i + 1));
        }
        let (mut loss, mut steps) = (0.0, 0);
        for &i in &order {
            for (w, targets) in choose(
                &model,
                &examples[i],
                &trained[i].is_harm,
                &weights[i],
                epoch,
                &mut random,
            ) {
                loss += model.step(&examples[i][w], &targets, &options, &mut random);
                steps += 1;
            }
        }
        eprintln!("epoch {epoch}: loss {:.4} in {steps} steps", loss / steps as f32);
    }
    // The rest is measured on what was not trained on.
    let unseen: Vec<&Row> = rows.iter().filter(|r| !r.is_trained).collect();
    let bare = model.pack([(1.0, 0.0, [0.0; BUDGETS.len()]); CATEGORIES]);
    let classifier = HarmClassifier::with_weights(&bare).unwrap();
    let scored: Vec<([f32; CATEGORIES], &Row)> = unseen
        .iter()
        .filter_map(|r| Some((raw(&classifier, &r.text).ok()?, *r)))
        .collect();
    let given = options.turns.as_deref().map(numbers);
    let turns: [CategoryTurn; CATEGORIES] = std::array::from_fn(|c| calibrate(&scored, c, given.as_deref()));
    let told: Vec<String> = turns.iter().map(|t| format!("{},{}", t.0, t.1)).collect();
    eprintln!("turns {}", told.join(","));
    let bytes = model.pack(turns);
    HarmClassifier::with_weights(&bytes).unwrap();
    fs::write(&options.out, &bytes).unwrap();
    if let Some(path) = &options.scores {
        let mut out = String::new();
        for (scores, row) in &scored {
            let by_name = |pick: &dyn Fn(usize) -> Value| -> BTreeMap<&str, Value> {
                HarmCategory::ALL
                    .iter()
                    .enumerate()
                    .map(|(c, category)| (category.name(), pick(c)))
                    .collect()
            };
            let chance = |c: usize| Value::from(1.0 / (1.0 + (-(turns[c].0 * scores[c] + turns[c].1)).exp()));
            let line = serde_json::json!({"text": row.text, "source": row.source, "language": row.language,
                "is": by_name(&|c| Value::from(row.is_harm[c])), "score": by_name(&chance)});
            out.push_str(&line.to_string());
            out.push('\n');
        }
        fs::write(path, out).unwrap();
    }
}

/// The numbers of all categories.
fn categories() -> std::ops::Range<usize> {
    0..CATEGORIES
}

/// What each row counts in each category: a source by the root of its size, all texts of a category against all others as asked for.
fn weigh(rows: &[&Row], harms: f32) -> Vec<[f32; CATEGORIES]> {
    let mut weights = vec![[0.0; CATEGORIES]; rows.len()];
    for c in categories() {
        let mut counts: BTreeMap<(&str, Option<bool>), f32> = BTreeMap::new();
        for row in rows {
            *counts.entry((&row.source, row.is_harm[c])).or_default() += row.weight;
        }
        for is in [true, false] {
            let own: Vec<usize> = (0..rows.len())
                .filter(|i| rows[*i].is_harm[c] == Some(is))
                .collect();
            let of =
                |i: usize| rows[i].weight / counts[&(rows[i].source.as_str(), Some(is))].max(SMALL).sqrt();
            let sum: f32 = own.iter().map(|i| of(*i)).sum();
            let wanted = if is { harms } else { 1.0 } * rows.len() as f32 / 2.0;
            for i in own {
                weights[i][c] = (of(i) * wanted / sum).min(8.0);
            }
        }
    }
    weights
}

/// By category: what is wanted, and how much it counts; none where it is not learnt from.
type Targets = [Option<(bool, f32)>; CATEGORIES];

/// Windows that are learnt from, by category: of a harmful text those that look most like one, of another text the one that looks most
/// like one and any other.
fn choose(
    model: &Linear,
    windows: &[Window],
    is_harm: &[Option<bool>; CATEGORIES],
    weights: &[f32; CATEGORIES],
    epoch: usize,
    random: &mut Random,
) -> Vec<(usize, Targets)> {
    let whole = |c: usize, share: f32| is_harm[c].map(|is| (is, weights[c] * share));
    if windows.len() == 1 {
        return vec![(0, std::array::from_fn(|c| whole(c, 1.0)))];
    }
    let scores: Vec<[f32; CATEGORIES]> = windows.iter().map(|w| model.score(w)).collect();
    let mut chosen: BTreeMap<usize, Targets> = BTreeMap::new();
    for c in categories() {
        let mut ranked: Vec<usize> = (0..windows.len()).collect();
        if epoch > 0 || is_harm[c] == Some(false) {
            ranked.sort_by(|a, b| scores[*b][c].total_cmp(&scores[*a][c]));
        }
        let picked: Vec<usize> = match is_harm[c] {
            None => continue,
            Some(true) => ranked.into_iter().take(windows.len().div_ceil(3)).collect(),
            Some(false) => vec![ranked[0], random.below(windows.len())],
        };
        let share = 1.0 / picked.len() as f32;
        for w in picked {
            chosen.entry(w).or_default()[c] = whole(c, share);
        }
    }
    chosen.into_iter().collect()
}

struct Linear {
    weights: Vec<[f32; CATEGORIES]>,
    squares: Vec<[f32; CATEGORIES]>,
    family: Vec<u8>,
    bias: [f32; CATEGORIES],
    bias_square: [f32; CATEGORIES],
}

impl Linear {
    fn new() -> Self {
        Self {
            weights: vec![[0.0; CATEGORIES]; ROWS],
            squares: vec![[0.0; CATEGORIES]; ROWS],
            family: vec![0; ROWS],
            bias: [-2.0; CATEGORIES],
            bias_square: [1.0; CATEGORIES],
        }
    }

    fn score(&self, window: &Window) -> [f32; CATEGORIES] {
        self.part(window, [1.0; FAMILIES])
    }

    fn part(&self, window: &Window, kept: [f32; FAMILIES]) -> [f32; CATEGORIES] {
        let mut scores = self.bias;
        for (family, rows) in window.iter().enumerate().filter(|(f, _)| kept[*f] > 0.0) {
            let mut sum = [0.0; CATEGORIES];
            for row in rows {
                let weights = &self.weights[*row as usize];
                for c in categories() {
                    sum[c] += weights[c];
                }
            }
            for c in categories() {
                scores[c] += kept[family] * sum[c] * factor(family, rows.len());
            }
        }
        scores
    }

    fn step(&mut self, window: &Window, targets: &Targets, options: &Options, random: &mut Random) -> f32 {
        // A family is left out at random, so that each learns to stand by itself.
        let mut kept = [1.0; FAMILIES];
        if random.share() < options.drop {
            let out = random.below(FAMILIES);
            kept = [std::f32::consts::SQRT_2; FAMILIES];
            kept[out] = 0.0;
        }
        let scores = self.part(window, kept);
        let mut errors = [0.0; CATEGORIES];
        let mut loss = 0.0;
        for c in categories() {
            if let Some((is_harm, weight)) = targets[c] {
                let chance = 1.0 / (1.0 + (-scores[c]).exp());
                errors[c] = weight * (chance - if is_harm { 0.97 } else { 0.01 });
                loss -= weight * if is_harm { chance } else { 1.0 - chance }.max(1e-9).ln();
                self.bias_square[c] += errors[c] * errors[c];
                self.bias[c] -= options.rate * errors[c] / self.bias_square[c].sqrt();
            }
        }
        for (family, rows) in window.iter().enumerate().filter(|(f, _)| kept[*f] > 0.0) {
            let factor = kept[family] * factor(family, rows.len());
            for row in rows {
                let at = *row as usize;
                self.family[at] = family as u8;
                let (weights, squares) = (&mut self.weights[at], &mut self.squares[at]);
                for c in categories() {
                    if errors[c] != 0.0 {
                        let gradient = errors[c] * factor + options.decay * weights[c];
                        squares[c] += gradient * gradient;
                        weights[c] -= options.rate * gradient / (squares[c].sqrt() + 1e-3);
                    }
                }
            }
        }
        loss
    }

    fn pack(&self, turns: [CategoryTurn; CATEGORIES]) -> Vec<u8> {
        let most = std::array::from_fn(|family| {
            std::array::from_fn(|c| {
                let own = self
                    .weights
                    .iter()
                    .zip(&self.family)
                    .filter(|(_, f)| **f as usize == family);
                let mut sizes: Vec<f32> = own.map(|(w, _)| w[c].abs()).filter(|w| *w > 0.0).collect();
                sizes.sort_by(f32::total_cmp);
                sizes.get(sizes.len() * 9995 / 10_000).copied().unwrap_or(1.0)
            })
        });
        pack(&self.weights, &self.family, most, self.bias, turns)
    }
}

/// Slope and shift that make chances of the scores of a category (harmful texts and others of equal weight), and the limits of its other texts.
fn calibrate(scored: &[([f32; CATEGORIES], &Row)], c: usize, given: Option<&[f32]>) -> CategoryTurn {
    // Short texts say little and are flagged sooner: the limit holds for them by themselves, too.
    let limits = |most: usize| {
        let own = scored
            .iter()
            .filter(|(_, r)| r.is_harm[c] == Some(false) && r.text.len() <= most);
        let mut others: Vec<f32> = own.map(|(s, _)| s[c]).collect();
        others.sort_by(|a, b| b.total_cmp(a));
        BUDGETS.map(|budget| {
            let at = (others.len() as f32 * budget).floor() as usize;
            others.get(at).copied().unwrap_or(f32::MIN).next_up()
        })
    };
    let (all, short) = (limits(usize::MAX), limits(SHORT));
    let least = std::array::from_fn(|at| all[at].max(short[at]));
    if let Some(given) = given {
        return (given[2 * c], given[2 * c + 1], least);
    }
    let known: Vec<(f32, bool)> = scored
        .iter()
        .filter_map(|(s, r)| Some((s[c], r.is_harm[c]?)))
        .collect();
    let harms = known.iter().filter(|k| k.1).count().max(1) as f32;
    let rest = (known.len() as f32 - harms).max(1.0);
    let (mut slope, mut shift) = (1.0_f32, 0.0_f32);
    let mut squares = [1e-6_f32; 2];
    for _ in 0..600 {
        let mut gradient = [0.0_f32; 2];
        for (score, is_harm) in &known {
            let chance = 1.0 / (1.0 + (-(slope * score + shift)).exp());
            let error = (chance - f32::from(u8::from(*is_harm))) / if *is_harm { harms } else { rest };
            gradient[0] += error * score;
            gradient[1] += error;
        }
        for (at, number) in [&mut slope, &mut shift].into_iter().enumerate() {
            squares[at] += gradient[at] * gradient[at];
            *number -= 0.1 * gradient[at] / squares[at].sqrt();
        }
        slope = slope.max(0.1);
    }
    (slope, shift, least)
}

fn numbers(text: &str) -> Vec<f32> {
    let numbers: Vec<f32> = text.split(',').map(|n| n.trim().parse().unwrap()).collect();
    assert_eq!(
        numbers.len(),
        2 * CATEGORIES,
        "a slope and a shift for each category"
    );
    numbers
}

fn cut(text: &str) -> &str {
    let end = (0..=MOST.min(text.len()))
        .rev()
        .find(|i| text.is_char_boundary(*i))
        .unwrap_or(0);
    &text[..end]
}

fn options() -> Options {
    let mut options = Options {
        out: "harm.bin".to_owned(),
        scores: None,
        epochs: 7,
        rate: 0.1,
        decay: 2e-6,
        seed: 20_261_130,
        is_final: false,
        drop: 0.3,
        files: Vec::new(),
        harms: 0.1,
        turns: None,
        leave_out: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().expect("the option takes a value");
        match argument.as_str() {
            "--out" => options.out = value(),
            "--scores" => options.scores = Some(value()),
            "--epochs" => options.epochs = value().parse().unwrap(),
            "--rate" => options.rate = value().parse().unwrap(),
            "--decay" => options.decay = value().parse().unwrap(),
            "--seed" => options.seed = value().parse().unwrap(),
            "--harms" => options.harms = value().parse().unwrap(),
            "--drop" => options.drop = value().parse().unwrap(),
            "--turns" => options.turns = Some(value()),
            "--leave-out" => options.leave_out = value().split(',').map(str::to_owned).collect(),
            "--final" => options.is_final = true,
            _ => options.files.push(argument),
        }
    }
    options
}

fn rows(options: &Options) -> Vec<Row> {
    let mut rows = Vec::new();
    for path in &options.files {
        for line in BufReader::new(fs::File::open(path).unwrap()).lines() {
            let row: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let of = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            let names = |name: &str| -> Vec<HarmCategory> {
                let list = row[name].as_array().cloned().unwrap_or_default();
                list.iter()
                    .map(|n| HarmCategory::parse(n.as_str().unwrap()).expect("a category"))
                    .collect()
            };
            let (source, split) = (of("source"), of("split"));
            let (yes, unsure) = (names("categories"), names("unsure"));
            let is_left_out = options.leave_out.iter().any(|o| source.starts_with(o.as_str()));
            rows.push(Row {
                text: of("text"),
                is_harm: HarmCategory::ALL.map(|c| (!unsure.contains(&c)).then(|| yes.contains(&c))),
                is_trained: row["ship"].as_bool().unwrap_or(false)
                    && (split == "train" || split == "dev" && options.is_final)
                    && !is_left_out,
                language: of("language"),
                weight: row["weight"].as_f64().unwrap_or(1.0) as f32,
                source,
            });
        }
    }
    rows
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn share(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 24) as f32
    }
}
