//! What a classifier's `config.json` says of it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::weights::Distances;
use crate::encoder::classifier::Deberta;
use crate::error::Error;

/// Most labels: more than any scheme has.
const MOST_LABELS: usize = 1024;

/// The network's make.
#[derive(Debug, Clone, Copy)]
pub(super) enum Make {
    /// BERT and DistilBERT.
    Bert,
    /// DeBERTa of the second and third version.
    Deberta(Deberta),
}

/// What is known of a network before its weights are read.
#[derive(Debug)]
pub(super) struct Configuration {
    pub(super) make: Make,
    pub(super) width: usize,
    pub(super) heads: usize,
    pub(super) layers: usize,
    /// In the order of their scores; two at least.
    pub(super) labels: Vec<String>,
}

/// What is needed of `config.json`.
#[derive(Deserialize)]
struct Json {
    #[serde(alias = "n_heads")]
    num_attention_heads: usize,
    #[serde(alias = "n_layers")]
    num_hidden_layers: usize,
    #[serde(alias = "dim")]
    hidden_size: usize,
    id2label: Option<BTreeMap<String, String>>,
    problem_type: Option<String>,
    #[serde(alias = "activation")]
    hidden_act: Option<String>,
    max_position_embeddings: Option<usize>,
    // DeBERTa's own.
    relative_attention: Option<bool>,
    max_relative_positions: Option<i64>,
    position_buckets: Option<i64>,
    norm_rel_ebd: Option<String>,
    share_att_key: Option<bool>,
    pos_att_type: Option<serde_json::Value>,
    position_biased_input: Option<bool>,
    type_vocab_size: Option<usize>,
    conv_kernel_size: Option<usize>,
    embedding_size: Option<usize>,
    attention_head_size: Option<usize>,
    pooler_hidden_size: Option<usize>,
    pooler_hidden_act: Option<String>,
    layer_norm_eps: Option<f32>,
}

fn bad(problem: impl Into<String>) -> Error {
    Error::Files {
        problem: problem.into(),
    }
}

impl Configuration {
    /// Reads `config.json`.
    pub(super) fn read(config: &str) -> Result<Self, Error> {
        /// Only the type: what else a configuration has depends on it.
        #[derive(Deserialize)]
        struct Type {
            model_type: String,
        }
        let unreadable = |error: serde_json::Error| bad(format!("`config.json` cannot be read: {error}"));
        let Type { model_type } = serde_json::from_str(config).map_err(unreadable)?;
        if !matches!(model_type.as_str(), "bert" | "distilbert" | "deberta-v2") {
            let shown: String = model_type
                .chars()
                .filter(|c| c.is_ascii_graphic())
                .take(40)
                .collect();
            return Err(bad(format!(
                "it is of the type `{shown}`, which is not read; take a BERT, DistilBERT or DeBERTa of version 2 or 3 (`model_type` \
                 \"bert\", \"distilbert\" or \"deberta-v2\")"
            )));
        }
        let json: Json = serde_json::from_str(config).map_err(unreadable)?;
        if !matches!(json.hidden_act.as_deref(), None | Some("gelu")) {
            return Err(bad("its `hidden_act` is another one than \"gelu\""));
        }
        if !matches!(
            json.problem_type.as_deref(),
            None | Some("single_label_classification")
        ) {
            return Err(bad(
                "its `problem_type` is another one than \"single_label_classification\"",
            ));
        }
        let make = if model_type == "deberta-v2" {
            Make::Deberta(deberta(&json)?)
        } else {
            Make::Bert
        };
        Ok(Self {
            make,
            width: json.hidden_size,
            heads: json.num_attention_heads,
            layers: json.num_hidden_layers,
            labels: labels(json.id2label)?,
        })
    }
}

/// The labels in the order of their numbers; Hugging Face's tools leave out what is `LABEL_0` and `LABEL_1`.
fn labels(named: Option<BTreeMap<String, String>>) -> Result<Vec<String>, Error> {
    let Some(named) = named else {
        return Ok(vec!["LABEL_0".to_owned(), "LABEL_1".to_owned()]);
    };
    if named.len() < 2 || named.len() > MOST_LABELS {
        return Err(bad(
            "`config.json` has less than two labels (`id2label`), or too many",
        ));
    }
    let wrong = || bad("the labels in `config.json` are not numbered from 0");
    let mut labels = vec![None; named.len()];
    for (number, label) in named {
        let place = number.parse::<usize>().ok().and_then(|at| labels.get_mut(at));
        *place.ok_or_else(wrong)? = Some(label);
    }
    labels.into_iter().collect::<Option<Vec<_>>>().ok_or_else(wrong)
}

fn deberta(json: &Json) -> Result<Deberta, Error> {
    let unusual = |what: &str| {
        Err(bad(format!(
            "its `{what}` is another one than DeBERTa-v3's, which is read"
        )))
    };
    let width = json.hidden_size;
    if json.relative_attention != Some(true) {
        return unusual("relative_attention");
    }
    if json.share_att_key != Some(true) {
        return unusual("share_att_key");
    }
    if json.norm_rel_ebd.as_deref() != Some("layer_norm") {
        return unusual("norm_rel_ebd");
    }
    if json.position_biased_input != Some(false) {
        return unusual("position_biased_input");
    }
    if json.type_vocab_size.unwrap_or(0) != 0 {
        return unusual("type_vocab_size");
    }
    if json.conv_kernel_size.unwrap_or(0) != 0 {
        return unusual("conv_kernel_size");
    }
    if json.embedding_size.is_some_and(|size| size != width) {
        return unusual("embedding_size");
    }
    if json.pooler_hidden_size.is_some_and(|size| size != width) {
        return unusual("pooler_hidden_size");
    }
    let heads = json.num_attention_heads;
    if json
        .attention_head_size
        .is_some_and(|size| size.checked_mul(heads) != Some(width))
    {
        return unusual("attention_head_size");
    }
    if !matches!(json.pooler_hidden_act.as_deref(), None | Some("gelu")) {
        return unusual("pooler_hidden_act");
    }
    let mut kinds: Vec<&str> = match &json.pos_att_type {
        Some(serde_json::Value::String(text)) => text.split('|').map(str::trim).collect(),
        Some(serde_json::Value::Array(all)) => all.iter().filter_map(serde_json::Value::as_str).collect(),
        _ => Vec::new(),
    };
    kinds.sort_unstable();
    if kinds != ["c2p", "p2c"] {
        return unusual("pos_att_type");
    }
    let number = |n: i64| usize::try_from(n).ok().filter(|n| *n > 0);
    let Some(span) = json.position_buckets.and_then(number) else {
        return unusual("position_buckets");
    };
    let places = json.max_position_embeddings.unwrap_or(512);
    Ok(Deberta {
        width,
        heads,
        layers: json.num_hidden_layers,
        places,
        distances: Distances {
            span,
            most: json.max_relative_positions.and_then(number).unwrap_or(places),
        },
        epsilon: json.layer_norm_eps.unwrap_or(1e-7),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"{"model_type": "deberta-v2", "hidden_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1,
        "relative_attention": true, "position_buckets": 16, "norm_rel_ebd": "layer_norm", "share_att_key": true,
        "pos_att_type": "p2c|c2p", "position_biased_input": false, "id2label": {"1": "INJECTION", "0": "SAFE"}}"#;

    #[test]
    fn a_usual_configuration_is_read() {
        let read = Configuration::read(CONFIG).unwrap();
        assert_eq!(read.labels, ["SAFE", "INJECTION"]);
        let Make::Deberta(shape) = read.make else {
            panic!("{read:?}")
        };
        assert_eq!((shape.distances.span, shape.distances.most), (16, 512));
    }

    #[test]
    fn what_is_not_read_is_named() {
        for (from, to, named) in [
            ("deberta-v2", "modernbert", "modernbert"),
            (
                "\"share_att_key\": true",
                "\"share_att_key\": false",
                "share_att_key",
            ),
            ("p2c|c2p", "c2p", "pos_att_type"),
            ("layer_norm", "none", "norm_rel_ebd"),
            (
                "\"position_buckets\": 16",
                "\"position_buckets\": -1",
                "position_buckets",
            ),
            (
                "\"hidden_size\"",
                "\"conv_kernel_size\": 3, \"hidden_size\"",
                "conv_kernel_size",
            ),
            (
                "\"hidden_size\"",
                "\"hidden_act\": \"relu\", \"hidden_size\"",
                "gelu",
            ),
            ("\"1\": ", "\"2\": ", "numbered from 0"),
        ] {
            let error = Configuration::read(&CONFIG.replace(from, to))
                .unwrap_err()
                .to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
