//! Networks of the user's choice: classifiers in ONNX files, kept with a manifest of their hashes.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use privet_pii::{ClassifierFiles, Config, Labels, Model};
use serde::{Deserialize, Serialize};

use super::folder::{Folder, State};
use super::package::{RAMPART, hexadecimal};

/// The manifest's name in a network's folder.
const MANIFEST: &str = "manifest.json";
const VERSION: u32 = 1;

pub(super) const MODEL: &str = "model.onnx";
pub(super) const CONFIG: &str = "config.json";
pub(super) const TOKENIZER: &str = "tokenizer.json";
pub(super) const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
pub(super) const VOCABULARY: &str = "vocab.txt";

/// What is kept of a network, and the most bytes of each: a BERT of 24 layers has 1.3 GB.
const FILES: [(&str, u64); 5] = [
    (MODEL, 1 << 31),
    (CONFIG, 1 << 20),
    (TOKENIZER, 1 << 26),
    (TOKENIZER_CONFIG, 1 << 20),
    (VOCABULARY, 1 << 26),
];
const MANIFEST_BYTES: u64 = 1 << 18;

/// How somebody gets the files of a token classifier.
const EXPORT: &str =
    "`optimum-cli export onnx --model NAME --task token-classification DIR` writes such a folder";

/// What was added: each file with its hash, and what labels are taken for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    version: u32,
    name: String,
    files: Vec<Kept>,
    /// What was said of labels by `--map`.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// The label that says attack, for a network that guards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attack_label: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    name: String,
    bytes: u64,
    /// In hexadecimal digits.
    sha256: String,
}

/// A network of the user's own that was added.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) name: String,
    /// Of all its files.
    pub(crate) bytes: u64,
    /// SHA-256 of its model, in hexadecimal digits.
    pub(crate) hash: String,
    pub(crate) state: State,
    /// The label that says attack, for a network that guards.
    pub(crate) attack_label: Option<String>,
}

/// Files by name.
pub(super) type Files = BTreeMap<&'static str, Vec<u8>>;

/// At most `most` bytes of the file at `path`; none if it is not there.
fn read(path: &Path, most: u64) -> Result<Option<Vec<u8>>> {
    let cannot = || format!("cannot read `{}`", path.display());
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(cannot),
    };
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).with_context(cannot)?;
    if bytes.len() as u64 > most {
        bail!("`{}` has more than {most} bytes", path.display());
    }
    Ok(Some(bytes))
}

/// Adds the network in the folder `from` as `name`, with `maps` such as `DEVICE=ignore`. Says what was added.
///
/// # Errors
/// If it cannot be run here, the name is taken, something else lies where it would, or the folder of networks cannot be written.
pub(crate) fn add_own(folder: &Folder, from: &Path, name: &str, maps: &[String]) -> Result<String> {
    check_name(name)?;
    is_there(folder, name)?;
    let mut labels = Labels::default();
    for map in maps {
        let (label, kind) = map
            .split_once('=')
            .with_context(|| format!("`--map {map}` is to be such as DEVICE=MAC_ADDRESS or DEVICE=ignore"))?;
        labels.insert(label.trim(), kind.trim())?;
    }
    let files = gather(from, EXPORT)?;
    let meanings = labels.resolve(text(&files, CONFIG)?.unwrap_or_default())?;
    // It has to be ready when somebody asks for it.
    model(name, &files, &labels).with_context(|| format!("`{}`", from.display()))?;
    let place = keep(folder, name, &files, labels.own(), None)?;
    let meanings: Vec<String> = meanings
        .iter()
        .map(|(label, kind)| format!("  {label} = {kind}"))
        .collect();
    Ok(format!(
        "added `{name}` to `{}`; use it with `--network {name}`, or `model = \"{name}\"` in the policy's [pii]\n\nIts \
         labels, and what they are taken for:\n{}",
        place.display(),
        meanings.join("\n")
    ))
}

/// Writes `files` as the network `name`, with their hashes.
///
/// # Errors
/// If the folder of networks cannot be written.
pub(super) fn keep(
    folder: &Folder,
    name: &str,
    files: &Files,
    labels: BTreeMap<String, String>,
    attack_label: Option<String>,
) -> Result<PathBuf> {
    let manifest = Manifest {
        version: VERSION,
        name: name.to_owned(),
        files: files
            .iter()
            .map(|(name, bytes)| Kept {
                name: (*name).to_owned(),
                bytes: bytes.len() as u64,
                sha256: hexadecimal(&privet_crypto::sha256(bytes)),
            })
            .collect(),
        labels,
        attack_label,
    };
    let manifest = serde_json::to_vec_pretty(&manifest)?;
    let mut all: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, bytes)| (*name, bytes.as_slice()))
        .collect();
    all.push((MANIFEST, &manifest));
    folder.write_all(name, &all)
}

pub(super) fn check_name(name: &str) -> Result<()> {
    let is_inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(is_inside) {
        bail!("`{name}` is no name for a network; use small letters, digits and `-`");
    }
    if [Config::SMALL, RAMPART.name, "none"].contains(&name) {
        bail!("the name `{name}` is taken; use another one");
    }
    Ok(())
}

/// The files of a network in `from`; its model may lie one folder down, as `onnx/model.onnx`.
pub(super) fn gather(from: &Path, export: &str) -> Result<Files> {
    if !from.is_dir() {
        bail!("`{}` is no folder; {export}", from.display());
    }
    let mut files = Files::new();
    for (name, most) in FILES {
        let mut bytes = read(&from.join(name), most)?;
        if bytes.is_none() && name == MODEL {
            bytes = read(&from.join("onnx").join(name), most)?;
        }
        if let Some(bytes) = bytes {
            files.insert(name, bytes);
        }
    }
    let has = |name: &str| from.join(name).exists();
    if !files.contains_key(MODEL) {
        if has("config.cfg") && has("meta.json") {
            bail!(
                "`{}` is a pipeline of spaCy, whose own format is not read; take a BERT or DistilBERT of Hugging Face's: {export}",
                from.display()
            );
        }
        if ["model.safetensors", "pytorch_model.bin", "tf_model.h5"]
            .into_iter()
            .any(has)
        {
            bail!(
                "`{}` holds a network that is not exported yet: {export}",
                from.display()
            );
        }
        bail!("there is no `{MODEL}` in `{}`; {export}", from.display());
    }
    if !files.contains_key(CONFIG) {
        bail!("there is no `{CONFIG}` in `{}`; {export}", from.display());
    }
    Ok(files)
}

pub(super) fn text<'f>(files: &'f Files, name: &str) -> Result<Option<&'f str>> {
    let bytes = files.get(name).map(|bytes| std::str::from_utf8(bytes));
    bytes
        .transpose()
        .with_context(|| format!("`{name}` is not UTF-8"))
}

fn model(name: &str, files: &Files, labels: &Labels) -> Result<Model> {
    let read = ClassifierFiles {
        model: files.get(MODEL).map(Vec::as_slice).unwrap_or_default(),
        config: text(files, CONFIG)?.unwrap_or_default(),
        tokenizer: text(files, TOKENIZER)?,
        tokenizer_config: text(files, TOKENIZER_CONFIG)?,
        vocabulary: text(files, VOCABULARY)?,
    };
    Ok(Model::classifier(name, &read, labels)?)
}

/// Reads the network `name` and makes it ready. Each file is compared with its hash first.
///
/// # Errors
/// If it is not there, or not what was added.
pub(super) fn load(folder: &Folder, name: &str) -> Result<Model> {
    let is_here = check_name(name).is_ok() && folder.place(name).exists();
    if !is_here {
        bail!(
            "the network `{name}` is asked for, but is not in `{}`; add it with `privet pii model add --onnx DIR --name {name}`, \
             use `{}` or `{}`, or name the folder it is in",
            folder.path().display(),
            Config::SMALL,
            RAMPART.name
        );
    }
    let (files, labels, attack_label) = whole(folder, name)?;
    if attack_label.is_some() {
        bail!(
            "the network `{name}` tells attacks and not personal data; use it with `privet guard check --model {name}`"
        );
    }
    model(name, &files, &labels).with_context(|| format!("the network `{name}`"))
}

/// The files of `name` as they were added, its labels, and the one that says attack.
///
/// # Errors
/// If they are not what was added.
pub(super) fn whole(folder: &Folder, name: &str) -> Result<(Files, Labels, Option<String>)> {
    verified(folder, name).map_err(|changed| match changed {
        Unfit::Changed(file) => anyhow::anyhow!(
            "`{}` is not what `model add --onnx` wrote, so `{name}` is not used; add it again",
            folder.place(name).join(file).display()
        ),
        Unfit::Failed(error) => error,
    })
}

/// Why files are not used.
enum Unfit {
    /// This one is missing, or is not what was added.
    Changed(String),
    Failed(anyhow::Error),
}

fn manifest(folder: &Folder, name: &str) -> Result<Manifest, Unfit> {
    let changed = || Unfit::Changed(MANIFEST.to_owned());
    let bytes = read(&folder.place(name).join(MANIFEST), MANIFEST_BYTES).map_err(Unfit::Failed)?;
    let manifest: Manifest = serde_json::from_slice(&bytes.ok_or_else(changed)?).map_err(|_| changed())?;
    if manifest.version == VERSION && manifest.name == name {
        Ok(manifest)
    } else {
        Err(changed())
    }
}

/// As [`whole`], with the file that was changed.
fn verified(folder: &Folder, name: &str) -> Result<(Files, Labels, Option<String>), Unfit> {
    let manifest = manifest(folder, name)?;
    let mut files = Files::new();
    for kept in &manifest.files {
        let changed = || Unfit::Changed(kept.name.clone());
        let known = FILES.iter().find(|(name, _)| *name == kept.name);
        let (name_of_file, most) = known.ok_or_else(|| Unfit::Changed(MANIFEST.to_owned()))?;
        let path: PathBuf = folder.place(name).join(name_of_file);
        let bytes = read(&path, (*most).min(kept.bytes)).map_err(|_| changed())?;
        let bytes = bytes
            .filter(|bytes| bytes.len() as u64 == kept.bytes)
            .ok_or_else(changed)?;
        if hexadecimal(&privet_crypto::sha256(&bytes)) != kept.sha256 {
            return Err(changed());
        }
        files.insert(name_of_file, bytes);
    }
    let mut labels = Labels::default();
    for (label, kind) in &manifest.labels {
        labels
            .insert(label, kind)
            .map_err(|error| Unfit::Failed(error.into()))?;
    }
    Ok((files, labels, manifest.attack_label))
}

/// Whether something is where the network `name` of the user's own belongs, so that it may be replaced and removed.
///
/// # Errors
/// If that is anything else.
pub(super) fn is_there(folder: &Folder, name: &str) -> Result<bool> {
    if check_name(name).is_err() {
        return Ok(false);
    }
    let files: Vec<&str> = FILES.iter().map(|(file, _)| *file).chain([MANIFEST]).collect();
    folder.is_ours(name, &files, manifest(folder, name).is_ok())
}

/// Whether what lies at `name` was added: its manifest says so, or it is what is left of that.
fn is_network(folder: &Folder, name: &str) -> bool {
    let has = |file: &str| folder.place(name).join(file).is_file();
    manifest(folder, name).is_ok()
        || (has(MODEL) && has(MANIFEST))
        || is_there(folder, name).unwrap_or_default()
}

/// The networks of the user's own in `folder`, by name; other folders are passed over. Each is compared with its hashes.
///
/// # Errors
/// If the folder cannot be read.
pub(crate) fn own_networks(folder: &Folder) -> Result<Vec<Own>> {
    let cannot = || format!("cannot read `{}`", folder.path().display());
    let entries = match fs::read_dir(folder.path()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(cannot),
    };
    let mut networks = Vec::new();
    for entry in entries {
        let name = entry.with_context(cannot)?.file_name();
        let Some(name) = name.to_str().filter(|name| check_name(name).is_ok()) else {
            continue;
        };
        if !is_network(folder, name) {
            continue;
        }
        let (kept, attack_label) = manifest(folder, name)
            .map(|manifest| (manifest.files, manifest.attack_label))
            .unwrap_or_default();
        let state = match verified(folder, name) {
            Ok(_) => State::Whole,
            Err(Unfit::Changed(file)) => State::Changed(file),
            Err(Unfit::Failed(_)) => State::Changed(MANIFEST.to_owned()),
        };
        networks.push(Own {
            name: name.to_owned(),
            bytes: kept.iter().map(|file| file.bytes).sum(),
            hash: kept
                .iter()
                .find(|file| file.name == MODEL)
                .map(|file| file.sha256.clone())
                .unwrap_or_default(),
            state,
            attack_label,
        });
    }
    networks.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(networks)
}
