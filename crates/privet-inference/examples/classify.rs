//! Runs a token classifier on lines of standard input: `classify MODEL.onnx VOCAB.txt HEADS [--time]`, for uncased text.
//!
//! Prints the ids of the pieces and the scores of each line as JSON; with `--time` only how many bytes were read. For
//! comparing with ONNX Runtime: `training/onnx/parity.py`.

use std::io::Read;

use privet_inference::{Encoder, EncoderMemory, Spelling, TaggedWords};
use privet_types::Budget;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(model), Some(vocabulary), Some(heads)) = (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("name the model, its vocabulary and how many heads it has".into());
    };
    let vocabulary = std::fs::read_to_string(vocabulary)?;
    let encoder = Encoder::read_classifier(
        &std::fs::read(model)?,
        vocabulary.lines(),
        Spelling::UNCASED,
        heads.parse()?,
    )?;
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
        let ids: Vec<u32> = encoder.pieces(line).iter().map(|p| p.id).collect();
        let logits = encoder.logits(&ids);
        println!("{}", serde_json::json!({"ids": ids, "logits": logits}));
    }
    Ok(())
}
