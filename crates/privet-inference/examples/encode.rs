//! Runs Rampart on lines of standard input: `encode MODEL.onnx VOCAB.txt [--time]`.
//!
//! Prints the ids of the pieces and the scores of each line as JSON; with `--time` only how many bytes were read. For
//! comparing with ONNX Runtime: `training/rampart/parity.py`.

use std::io::Read;

use privet_inference::{EncoderMemory, TaggedWords, rampart};
use privet_types::Budget;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(model), Some(vocabulary)) = (arguments.next(), arguments.next()) else {
        return Err("name the model and its vocabulary".into());
    };
    let encoder = rampart::read(&std::fs::read(model)?, &std::fs::read_to_string(vocabulary)?)?;
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    if arguments.next().as_deref() == Some("--time") {
        let mut windows = Vec::new();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            windows.push(at..at + line.len());
            at += line.len();
        }
        let (mut memory, mut out) = (EncoderMemory::default(), TaggedWords::default());
        encoder.tag(&text, &windows, &mut memory, &Budget::unlimited(), &mut out)?;
        println!("{} bytes, {} words", text.len(), out.words.len());
        return Ok(());
    }
    for line in text.lines() {
        let pieces = encoder.pieces(line);
        let ids: Vec<u32> = pieces.iter().map(|p| p.id).collect();
        let bounds: Vec<_> = pieces.iter().map(|p| (p.start, p.end)).collect();
        let logits = encoder.logits(&ids);
        println!(
            "{}",
            serde_json::json!({"ids": ids, "bounds": bounds, "logits": logits})
        );
    }
    Ok(())
}
