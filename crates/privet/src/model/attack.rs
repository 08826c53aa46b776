//! Networks of the user's choice that tell attacks, which the detector asks where it is in doubt.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use data_encoding::HEXLOWER;
use privet_guardrails::gate::Models;
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
    let (files, label) = attack_files(folder, name)?;
    read(&files, Some(&label)).with_context(|| format!("the network `{name}`"))
}

/// The files of the network `name` as they were added, and its label that says attack.
fn attack_files(folder: &Folder, name: &str) -> Result<(Files, String)> {
    if check_name(name).is_err() || !folder.place(name).exists() {
        bail!(
            "the network `{name}` is asked for, but is not in `{}`; add it with `privet guard model add --onnx DIR --name {name}`, or \
             name the folder it is in with `--models`, for a gateway `pii_models` of the settings",
            folder.path().display()
        );
    }
    let (files, _, label) = whole(folder, name)?;
    let Some(label) = label else {
        bail!(
            "the network `{name}` tells personal data and not attacks; add one with `privet guard model add`"
        );
    };
    Ok((files, label))
}

/// The networks `wanted`, read from `folder` or the default one, and checked. Those that `known` has with the same hash are taken from
/// there.
///
/// # Errors
/// If one is not there, or was changed.
pub(crate) fn for_guardrails(
    wanted: &BTreeSet<&str>,
    folder: Option<&Path>,
    known: &Models,
) -> Result<Models> {
    let mut models = Models::default();
    if wanted.is_empty() {
        return Ok(models);
    }
    let folder = match folder {
        Some(folder) => Folder::new(folder),
        None => Folder::new(&super::default_folder()?),
    };
    let asked = "`[guardrails]` of the policy asks for a network";
    for name in wanted.iter().copied() {
        let (files, label) = attack_files(&folder, name).context(asked)?;
        let mut all = label.clone().into_bytes();
        for (file, bytes) in &files {
            all.extend_from_slice(file.as_bytes());
            all.extend_from_slice(&privet_crypto::sha256(bytes));
        }
        let hash = HEXLOWER.encode(&privet_crypto::sha256(&all));
        let same = known
            .get(name)
            .filter(|_| known.hashes().any(|of| of == (name, hash.as_str())));
        let model = match same {
            Some(model) => Arc::clone(model),
            None => Arc::new(
                read(&files, Some(&label)).with_context(|| format!("{asked}: `{name}` cannot be used"))?,
            ),
        };
        models.add(name.to_owned(), hash, model);
    }
    Ok(models)
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
