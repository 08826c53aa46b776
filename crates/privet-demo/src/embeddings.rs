//! OpenAI's embeddings: texts in, vectors out. Equal texts have equal vectors, and nothing else is true of them.

use serde_json::Value;

use crate::ask::{BadRequest, string};
use crate::cuts::Chance;
use crate::json::{array, object, text};

/// Numbers in a vector.
const DIMENSIONS: usize = 8;

/// A request for embeddings.
pub(crate) struct Embed {
    pub(crate) model: String,
    texts: Vec<String>,
    is_base64: bool,
}

pub(crate) fn read(body: &[u8]) -> Result<Embed, BadRequest> {
    let request: Value = serde_json::from_slice(body)
        .map_err(|_| BadRequest::new("We could not parse the JSON body of your request."))?;
    let model =
        string(&request, "model").ok_or_else(|| BadRequest::new("you must provide a model parameter"))?;
    let invalid = || {
        BadRequest::new("'$.input' is invalid. Please check the API reference.")
            .about("input", "invalid_value")
    };
    let texts = match request.get("input").ok_or_else(invalid)? {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) if items.iter().all(Value::is_number) => {
            vec![Value::from(items.clone()).to_string()]
        }
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect(),
        _ => return Err(invalid()),
    };
    if texts.is_empty() || texts.iter().any(String::is_empty) {
        return Err(invalid());
    }
    Ok(Embed {
        model: model.to_owned(),
        texts,
        is_base64: string(&request, "encoding_format") == Some("base64"),
    })
}

/// The reply.
pub(crate) fn reply(ask: &Embed) -> String {
    let data: Vec<String> = ask
        .texts
        .iter()
        .enumerate()
        .map(|(index, of)| {
            let vector = vector(of);
            let embedding = if ask.is_base64 {
                let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                text(&base64(&bytes))
            } else {
                let numbers: Vec<String> = vector.iter().map(ToString::to_string).collect();
                array(&numbers)
            };
            object(&[
                ("object", text("embedding")),
                ("index", index.to_string()),
                ("embedding", embedding),
            ])
        })
        .collect();
    let tokens: usize = ask.texts.iter().map(|of| of.len().div_ceil(4)).sum();
    let usage = object(&[
        ("prompt_tokens", tokens.to_string()),
        ("total_tokens", tokens.to_string()),
    ]);
    object(&[
        ("object", text("list")),
        ("data", array(&data)),
        ("model", text(&ask.model)),
        ("usage", usage),
    ])
}

fn vector(of: &str) -> Vec<f32> {
    let mut chance = Chance::new(0, of.as_bytes());
    let number = |chance: &mut Chance| {
        let steps = u16::try_from(chance.below(2001)).unwrap_or_default();
        (f32::from(steps) - 1000.0) / 1000.0
    };
    (0..DIMENSIONS).map(|_| number(&mut chance)).collect()
}

/// Base64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let joined = (0..3).fold(0_usize, |joined, at| {
            joined << 8 | usize::from(three.get(at).copied().unwrap_or_default())
        });
        for at in 0..4 {
            let letter = ALPHABET
                .get(joined >> (18 - 6 * at) & 63)
                .copied()
                .unwrap_or(b'A');
            out.push(if at > three.len() { '=' } else { char::from(letter) });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        let encoded = [&b""[..], b"f", b"fo", b"foo", b"foob", b"fooba", b"foobar"].map(base64);
        assert_eq!(
            encoded,
            ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]
        );
    }

    #[test]
    fn equal_texts_have_equal_vectors() {
        let ask = read(br#"{"model":"demo","input":["a","b","a"]}"#).unwrap();
        let reply: Value = serde_json::from_str(&reply(&ask)).unwrap();
        assert_eq!(reply["data"][0]["embedding"], reply["data"][2]["embedding"]);
        assert_ne!(reply["data"][0]["embedding"], reply["data"][1]["embedding"]);
    }
}
