//! Networks of the user's choice that tell attacks, which the detector asks where it is in doubt.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use privet_guardrails::{AttackClassifier, SequenceFiles};

use super::folder::Folder;
use super::own::{
    CONFIG, Files, MODEL, TOKENIZER, TOKENIZER_CONFIG, VOCABULARY, check_name, gather, is_there, keep, text,
    whole,
};

/// How somebody gets the files.
const EXPORT: &str =
    "`optimum-cli export onnx --model NAME --task text-classification DIR` writes such a folder";

/// Adds the network in the folder `from` as `name`; `attack` is its label that says attack. Says what was added.
///
/// # Errors
/// If it cannot be run here, the name is taken, something else lies where it would, or the folder of networks cannot be written.
pub(crate) fn add_attack(folder: &Folder, from: &Path, name: &str, attack: Option<&str>) -> Result<String> {
    check_name(name)?;
    is_there(folder, name)?;
    let files = gather(from, EXPORT)?;
    // It has to be ready when somebody asks for it.
    let network = read(&files, attack).with_context(|| format!("`{}`", from.display()))?;
    let label = network.attack_label().to_owned();
    let place = keep(folder, name, &files, BTreeMap::new(), Some(label.clone()))?;
    Ok(format!(
        "added `{name}` to `{}`; use it with `privet guard check --model {name}`\n\nIts labels: {}. `{label}` says attack.",
        place.display(),
        network.labels().join(", ")
    ))
}

/// Reads the network `name` and makes it ready. Each file is compared with its hash first.
///
/// # Errors
/// If it is not there, or not what was added.
pub(crate) fn load_attack(folder: &Folder, name: &str) -> Result<AttackClassifier> {
    if check_name(name).is_err() || !folder.place(name).exists() {
        bail!(
            "the network `{name}` is asked for, but is not in `{}`; add it with `privet guard model add --onnx DIR --name {name}`, or \
             name the folder it is in with `--models`",
            folder.path().display()
        );
    }
    let (files, _, label) = whole(folder, name)?;
    let Some(label) = label else {
        bail!(
            "the network `{name}` tells personal data and not attacks; add one with `privet guard model add`"
        );
    };
    read(&files, Some(&label)).with_context(|| format!("the network `{name}`"))
}

fn read(files: &Files, attack: Option<&str>) -> Result<AttackClassifier> {
    let files = SequenceFiles {
        model: files.get(MODEL).map(Vec::as_slice).unwrap_or_default(),
        config: text(files, CONFIG)?.unwrap_or_default(),
        tokenizer: text(files, TOKENIZER)?,
        tokenizer_config: text(files, TOKENIZER_CONFIG)?,
        vocabulary: text(files, VOCABULARY)?,
    };
    Ok(AttackClassifier::read(&files, attack)?)
}
