//! Trains the weights: `train OPTIONS FILE…`; `training/guardrails/README.md` says how it is called.
//!
//! A file has a JSON object a line: `{"text","label","source","split","ship","origin"?}`. `split` is `train`, `dev` (left
//! out unless `--final` is given) or `hold` (never trained on). Rows with `"ship": false` are never trained on either.
//! Features come from the detector's own code.
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

use privet_guardrails::training::{
    BUCKETS, Extractor, FAMILIES, TEXT, Window, factor, pack, raw, text_summary,
};
use privet_guardrails::{BUDGETS, Detector, Origin};
use serde_json::Value;

/// Bytes of a text that are trained on.
const MOST: usize = 12_000;

struct Row {
    text: String,
    is_attack: bool,
    source: String,
    is_trained: bool,
    origin: Origin,
}

struct Options {
    out: String,
    scores: Option<String>,
    epochs: usize,
    rate: f32,
    decay: f32,
    seed: u64,
    is_final: bool,
    drops: [f32; FAMILIES],
    files: Vec<String>,
    /// Weight of all attacks against all benign texts.
    attacks: f32,
    start: Option<String>,
    leave_out: Vec<String>,
}

fn main() {
    let options = options();
    let rows = rows(&options);
    let extractor = Extractor::new().unwrap();
    let trained: Vec<&Row> = rows.iter().filter(|r| r.is_trained).collect();
    eprintln!("{} rows, {} trained on", rows.len(), trained.len());
    let examples: Vec<Vec<Window>> = trained.iter().map(|r| extractor.windows(cut(&r.text))).collect();
    let mut counts: BTreeMap<(&str, bool), usize> = BTreeMap::new();
    for row in &trained {
        *counts.entry((&row.source, row.is_attack)).or_default() += 1;
    }
    // A source counts by the root of its size.
    let mut weights: Vec<f32> = trained
        .iter()
        .map(|r| 1.0 / (counts[&(r.source.as_str(), r.is_attack)] as f32).sqrt())
        .collect();
    for is_attack in [true, false] {
        let own = |i: &usize| trained[*i].is_attack == is_attack;
        let sum: f32 = (0..weights.len()).filter(own).map(|i| weights[i]).sum();
        let wanted = if is_attack { options.attacks } else { 1.0 } * trained.len() as f32 / 2.0;
        (0..weights.len())
            .filter(own)
            .for_each(|i| weights[i] = (weights[i] * wanted / sum).min(6.0));
    }
    let mut model = Linear::new();
    let mut random = Random(options.seed);
    let mut order: Vec<usize> = (0..trained.len()).collect();
    for epoch in 0..options.epochs {
        for i in (1..order.len()).rev() {
            order.swap(i, random.below(i + 1));
        }
        let (mut loss, mut steps) = (0.0, 0);
        for &i in &order {
            let windows = &examples[i];
            let is_attack = trained[i].is_attack;
            let chosen = choose(&model, windows, is_attack, epoch, &mut random);
            let share = weights[i] / chosen.len() as f32;
            for w in chosen {
                loss += model.step(&windows[w], is_attack, share, &options, &mut random);
                steps += 1;
            }
        }
        eprintln!("epoch {epoch}: loss {:.4} in {steps} steps", loss / steps as f32);
    }
    // The rest is measured on what was not trained on.
    let unseen: Vec<&Row> = rows.iter().filter(|r| !r.is_trained).collect();
    let summaries: Vec<([f32; TEXT], bool)> = unseen
        .iter()
        .map(|r| {
            let scores: Vec<f32> = extractor
                .windows(&r.text)
                .iter()
                .map(|w| model.score(w))
                .collect();
            (text_summary(&scores), r.is_attack)
        })
        .collect();
    let text = if options.is_final {
        start_text(&options)
    } else {
        fit_text(&summaries)
    };
    eprintln!("text {text:?}");
    // Limits are measured by the way that is shipped, with all that is hidden in the texts.
    let bare = model.pack(text, [(1.0, 0.0, [0.0; BUDGETS.len()]); 4]);
    let detector = Detector::with_weights(&bare).unwrap();
    let scored: Vec<(f32, &Row)> = unseen
        .iter()
        .filter_map(|r| Some((raw(&detector, &r.text, r.origin).ok()?, *r)))
        .collect();
    let turns = Origin::ALL.map(|origin| calibrate(&scored, origin));
    eprintln!("channels {turns:?}");
    let bytes = model.pack(text, turns);
    Detector::with_weights(&bytes).unwrap();
    fs::write(&options.out, &bytes).unwrap();
    if let Some(path) = &options.scores {
        let mut out = String::new();
        for (score, row) in &scored {
            let line = serde_json::json!({"text": row.text, "label": u8::from(row.is_attack), "source": row.source,
                "score": score, "origin": row.origin.name()});
            out.push_str(&line.to_string());
            out.push('\n');
        }
        fs::write(path, out).unwrap();
    }
}

/// Windows of an example that are learnt from: of an attack those that look most like one, of another text the one that
/// looks most like an attack and any other.
fn choose(
    model: &Linear,
    windows: &[Window],
    is_attack: bool,
    epoch: usize,
    random: &mut Random,
) -> Vec<usize> {
    if windows.len() == 1 {
        return vec![0];
    }
    if is_attack && epoch == 0 {
        return (0..windows.len()).take(4).collect();
    }
    let mut ranked: Vec<(f32, usize)> = windows
        .iter()
        .enumerate()
        .map(|(i, w)| (model.score(w), i))
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let best = ranked.iter().map(|(_, i)| *i);
    if is_attack {
        best.take(windows.len().div_ceil(4)).collect()
    } else {
        best.take(1).chain([random.below(windows.len())]).collect()
    }
}

struct Linear {
    weights: Vec<f32>,
    squares: Vec<f32>,
    family: Vec<u8>,
    bias: f32,
    bias_square: f32,
}

impl Linear {
    fn new() -> Self {
        Self {
            weights: vec![0.0; BUCKETS],
            squares: vec![0.0; BUCKETS],
            family: vec![0; BUCKETS],
            bias: -1.0,
            bias_square: 1.0,
        }
    }

    fn score(&self, window: &Window) -> f32 {
        let families = window.iter().enumerate().map(|(family, buckets)| {
            let sum: f32 = buckets.iter().map(|b| self.weights[*b as usize]).sum();
            sum * factor(family, buckets.len())
        });
        self.bias + families.sum::<f32>()
    }

    fn step(
        &mut self,
        window: &Window,
        is_attack: bool,
        weight: f32,
        options: &Options,
        random: &mut Random,
    ) -> f32 {
        // Families are left out at random, so that each learns to stand by itself.
        let mut is_left_out = [false; FAMILIES];
        for (out, drop) in is_left_out.iter_mut().zip(options.drops) {
            *out = random.share() < drop;
        }
        if is_left_out.iter().all(|out| *out) {
            is_left_out = [false; FAMILIES];
        }
        let kept = FAMILIES as f32 / is_left_out.iter().filter(|o| !**o).count() as f32;
        let mut score = self.bias;
        for (family, buckets) in window.iter().enumerate().filter(|(f, _)| !is_left_out[*f]) {
            let sum: f32 = buckets.iter().map(|b| self.weights[*b as usize]).sum();
            score += kept.sqrt() * sum * factor(family, buckets.len());
        }
        let chance = 1.0 / (1.0 + (-score).exp());
        let wanted = if is_attack { 0.98 } else { 0.01 };
        let error = weight * (chance - wanted);
        for (family, buckets) in window.iter().enumerate().filter(|(f, _)| !is_left_out[*f]) {
            let gradient = error * kept.sqrt() * factor(family, buckets.len());
            for b in buckets {
                let at = *b as usize;
                self.family[at] = family as u8;
                let gradient = gradient + weight * options.decay * self.weights[at];
                self.squares[at] += gradient * gradient;
                self.weights[at] -= options.rate * gradient / (self.squares[at].sqrt() + 1e-3);
            }
        }
        self.bias_square += error * error;
        self.bias -= options.rate * error / self.bias_square.sqrt();
        let right = if is_attack { chance } else { 1.0 - chance };
        -weight * right.max(1e-9).ln()
    }

    fn pack(&self, text: [f32; TEXT], turns: [(f32, f32, [f32; BUDGETS.len()]); 4]) -> Vec<u8> {
        // Outliers would coarsen the steps of all others.
        let mut weights = self.weights.clone();
        for family in 0..FAMILIES {
            let mut sizes: Vec<f32> = weights
                .iter()
                .zip(&self.family)
                .filter(|(w, f)| **f as usize == family && **w != 0.0)
                .map(|(w, _)| w.abs())
                .collect();
            sizes.sort_by(f32::total_cmp);
            let most = sizes.get(sizes.len() * 9995 / 10_000).copied().unwrap_or(1.0);
            for (w, f) in weights.iter_mut().zip(&self.family) {
                if *f as usize == family {
                    *w = w.clamp(-most, most);
                }
            }
        }
        pack(&weights, &self.family, self.bias, text, turns)
    }
}

/// A logistic fit of the text's summary, attacks and others of equal weight.
fn fit_text(rows: &[([f32; TEXT], bool)]) -> [f32; TEXT] {
    let attacks = rows.iter().filter(|r| r.1).count().max(1) as f32;
    let others = (rows.len() as f32 - attacks).max(1.0);
    let mut text = [1.0_f32, 0.0, 0.0, 0.0];
    let mut squares = [1e-6_f32; TEXT];
    for _ in 0..400 {
        let mut gradient = [0.0_f32; TEXT];
        for (summary, is_attack) in rows {
            let score: f32 = summary.iter().zip(text).map(|(a, b)| a * b).sum();
            let chance = 1.0 / (1.0 + (-score).exp());
            let weight = if *is_attack { 1.0 / attacks } else { 1.0 / others };
            let error = weight * (chance - f32::from(u8::from(*is_attack)));
            gradient
                .iter_mut()
                .zip(summary)
                .for_each(|(g, s)| *g += error * s);
        }
        for ((t, s), g) in text.iter_mut().zip(&mut squares).zip(gradient) {
            *s += g * g;
            *t -= 0.1 * g / s.sqrt();
        }
        text[0] = text[0].max(0.1);
    }
    text
}

/// Slope and shift that make chances of the scores of a channel, and the limits of its benign texts.
fn calibrate(scored: &[(f32, &Row)], origin: Origin) -> (f32, f32, [f32; BUDGETS.len()]) {
    let is_own = |r: &Row| r.origin == origin || origin == Origin::Memory;
    let mut benign: Vec<f32> = scored
        .iter()
        .filter(|(_, r)| !r.is_attack && is_own(r))
        .map(|(s, _)| *s)
        .collect();
    benign.sort_by(|a, b| b.total_cmp(a));
    let least = BUDGETS.map(|budget| {
        let at = (benign.len() as f32 * budget).floor() as usize;
        benign.get(at).copied().unwrap_or(0.0).next_up()
    });
    let own: Vec<([f32; TEXT], bool)> = scored
        .iter()
        .filter(|(_, r)| r.is_attack || is_own(r))
        .map(|(s, r)| ([*s, 0.0, 0.0, 1.0], r.is_attack))
        .collect();
    let [slope, _, _, shift] = fit_text(&own);
    (slope, shift, least)
}

fn start_text(options: &Options) -> [f32; TEXT] {
    let given = options
        .start
        .as_deref()
        .expect("`--final` needs `--text A,B,C,D`, as the run before printed them");
    let numbers: Vec<f32> = given.split(',').map(|n| n.trim().parse().unwrap()).collect();
    numbers.try_into().unwrap()
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
        out: "guard.bin".to_owned(),
        scores: None,
        epochs: 5,
        rate: 0.06,
        decay: 2e-6,
        seed: 20_261_130,
        is_final: false,
        drops: [0.25, 0.25, 0.2],
        files: Vec::new(),
        attacks: 0.6,
        start: None,
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
            "--attacks" => options.attacks = value().parse().unwrap(),
            "--text" => options.start = Some(value()),
            "--leave-out" => options.leave_out = value().split(',').map(str::to_owned).collect(),
            "--drops" => {
                let drops: Vec<f32> = value().split(',').map(|d| d.parse().unwrap()).collect();
                options.drops = drops.try_into().unwrap();
            }
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
            let source = of("source");
            let split = of("split");
            let is_left_out = options.leave_out.iter().any(|o| source.starts_with(o.as_str()));
            let is_trained = row["ship"].as_bool().unwrap_or(false)
                && (split == "train" || split == "dev" && options.is_final)
                && !is_left_out;
            rows.push(Row {
                text: of("text"),
                is_attack: row["label"].as_u64() == Some(1),
                is_trained,
                origin: Origin::parse(&of("origin")).unwrap_or(Origin::User),
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
