//! `KEY=VALUE` on leaves.

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// What can be asked for, and where it stands in a leaf.
const KEYS: &[(&str, &str)] = &[
    ("kind", "/kind"),
    ("node", "/node"),
    ("seq", "/seq"),
    ("tenant", "/event/tenant"),
    ("principal", "/event/principal"),
    ("request_id", "/event/request_id"),
    ("surface", "/event/surface"),
    ("model", "/event/model"),
    ("provider", "/event/provider"),
    ("policy", "/event/policy"),
    ("object", "/event/object"),
    ("action", "/event/decision/action"),
    ("reason", "/event/decision/reason"),
];

/// All of these must hold.
pub(super) struct Filter(Vec<(&'static str, String)>);

impl Filter {
    pub(super) fn parse(texts: &[String]) -> Result<Self> {
        let terms = texts.iter().map(|text| {
            let (key, value) = text
                .split_once('=')
                .with_context(|| format!("`--filter {text}`: write it as KEY=VALUE, such as action=block"))?;
            let Some((_, pointer)) = KEYS.iter().find(|(known, _)| *known == key) else {
                let known: Vec<&str> = KEYS.iter().map(|(known, _)| *known).collect();
                bail!(
                    "`--filter {text}`: no key `{key}`; known ones: {}",
                    known.join(", ")
                );
            };
            Ok((*pointer, value.to_owned()))
        });
        terms.collect::<Result<Vec<_>>>().map(Self)
    }

    pub(super) fn takes(&self, leaf: &Value) -> bool {
        self.0
            .iter()
            .all(|(pointer, wanted)| match leaf.pointer(pointer) {
                Some(Value::String(found)) => found == wanted,
                Some(Value::Number(found)) => found.to_string() == *wanted,
                _ => false,
            })
    }
}
