//! Turns training texts into what the network sees of them: `featurize OUT_FOLDER < texts.jsonl`.
//!
//! A line is `{"t": text, "s": [[first byte, byte after the last, kind], …]}`; the kind `IGNORE` leaves the tokens out
//! of the loss. Written, little-endian: `types.u32` (one row of 21 numbers for each distinct word: 2 word rows, 16 part
//! rows, their count, 2 shape rows), `tokens.u32` (a row of 3: type, label or 255, is spaced), `windows.u32` (a row of
//! 3: number of tokens, casing, line).
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a tool of the training pipeline stops at the first bad line"
)]

use std::collections::HashMap;
use std::io::{BufRead, BufWriter, Write};

use privet_inference::feature::{casing, features};
use privet_inference::label::{KINDS, label};
use privet_inference::token::{tokenize, windows};

fn main() {
    let folder = std::env::args().nth(1).unwrap();
    let open = |name: &str| BufWriter::new(std::fs::File::create(format!("{folder}/{name}")).unwrap());
    let (mut types, mut tokens_out, mut windows_out) =
        (open("types.u32"), open("tokens.u32"), open("windows.u32"));
    let mut seen: HashMap<Vec<u32>, u32> = HashMap::new();
    for (line, json) in std::io::stdin().lock().lines().enumerate() {
        let value: serde_json::Value = serde_json::from_str(&json.unwrap()).unwrap();
        let text = value["t"].as_str().unwrap();
        let tokens = tokenize(text);
        let mut labels = vec![0_u32; tokens.len()];
        for span in value["s"].as_array().unwrap() {
            let number = |i: usize| usize::try_from(span[i].as_u64().unwrap()).unwrap();
            let (start, end, kind) = (number(0), number(1), span[2].as_str().unwrap());
            let inside: Vec<usize> = (0..tokens.len())
                .filter(|i| tokens[*i].start < end && start < tokens[*i].end)
                .collect();
            for (i, at) in inside.iter().enumerate() {
                labels[*at] = match KINDS.iter().position(|k| *k == kind) {
                    Some(kind) => u32::try_from(label(kind, i, inside.len())).unwrap(),
                    None if kind == "IGNORE" => 255,
                    None => 0,
                };
            }
        }
        for window in windows(text, &tokens) {
            let held = &tokens[window.clone()];
            let bytes = held[0].start..held[held.len() - 1].end;
            let row = [held.len(), casing(text, held) as usize, line];
            for number in row {
                windows_out
                    .write_all(&u32::try_from(number).unwrap().to_le_bytes())
                    .unwrap();
            }
            for (token, label) in held.iter().zip(&labels[window]) {
                let f = features(text, &bytes, token);
                let mut row = Vec::with_capacity(21);
                row.extend(f.words);
                row.extend(f.parts);
                row.push(u32::try_from(f.part_count).unwrap());
                row.extend(f.shapes);
                let next = u32::try_from(seen.len()).unwrap();
                let id = *seen.entry(row.clone()).or_insert_with(|| {
                    for number in &row {
                        types.write_all(&number.to_le_bytes()).unwrap();
                    }
                    next
                });
                for number in [id, *label, u32::from(token.is_spaced)] {
                    tokens_out.write_all(&number.to_le_bytes()).unwrap();
                }
            }
        }
    }
}
