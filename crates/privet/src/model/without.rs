//! What stands in for networks of one's own where the feature `onnx` is not built.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, bail};
use privet_guardrails::gate::Models;
use privet_pii::{Config, Model};

use super::folder::{Folder, State};
use super::package::RAMPART;

/// A network of one's own; there is none.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) hash: String,
    pub(crate) state: State,
    pub(crate) attack_label: Option<String>,
}

/// None.
///
/// # Errors
/// Never.
pub(crate) fn own_networks(_: &Folder) -> Result<Vec<Own>> {
    Ok(Vec::new())
}

/// It is not.
///
/// # Errors
/// Never.
pub(super) fn is_there(_: &Folder, _: &str) -> Result<bool> {
    Ok(false)
}

/// Fails: see above.
///
/// # Errors
/// Always.
pub(crate) fn add_own(_: &Folder, _: &Path, name: &str, _: &[String]) -> Result<String> {
    bail!(
        "cannot add `{name}`: this Privet was built without the feature `onnx`; build it with `cargo build --features onnx`"
    )
}

/// None, if none is asked for.
///
/// # Errors
/// If one is.
pub(crate) fn for_guardrails(wanted: &BTreeSet<&str>, _: Option<&Path>, _: &Models) -> Result<Models> {
    match wanted.first() {
        None => Ok(Models::default()),
        Some(name) => bail!(
            "`[guardrails]` of the policy asks for the network `{name}`, and this Privet was built without the feature `onnx`, \
             which reads networks of one's own; build it with `cargo build --features onnx`"
        ),
    }
}

/// Fails: see above.
///
/// # Errors
/// Always.
pub(crate) fn load(_: &Folder, name: &str) -> Result<Model> {
    bail!(
        "the network `{name}` is asked for, and this Privet was built without the feature `onnx`, which reads networks of \
         one's own; use `{}` or `{}`, or build it with `cargo build --features onnx`",
        Config::SMALL,
        RAMPART.name
    )
}
