//! `privet model`; and networks that are no part of the binary: where they come from, where they lie, and that they are what they
//! were.

mod at_rest;
#[cfg(feature = "onnx")]
mod attack;
mod command;
mod download;
mod folder;
mod index;
#[cfg(feature = "onnx")]
mod own;
#[cfg(not(feature = "onnx"))]
#[path = "without.rs"]
mod own;
mod package;
mod wheel;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};
use privet_pii::{Config, Model};

#[cfg(feature = "onnx")]
pub(crate) use attack::{add_attack, for_guardrails, load_attack};
pub(crate) use command::{ModelCommand, run};
pub(crate) use download::{Source, fetch};
pub(crate) use folder::{Folder, State};
#[cfg(feature = "onnx")]
pub(crate) use own::Own;
#[cfg(not(feature = "onnx"))]
pub(crate) use own::for_guardrails;
pub(crate) use own::{add_own, own_networks};
pub(crate) use package::{RAMPART, local};

use crate::rim;

/// The folder of networks if nobody names one.
///
/// # Errors
/// If the environment names no home.
pub(crate) fn default_folder() -> Result<PathBuf> {
    let data = rim::environment("XDG_DATA_HOME").filter(|path| path.starts_with('/'));
    let home = || rim::environment("HOME").map(|home| format!("{home}/.local/share"));
    match data.or_else(home) {
        Some(data) => Ok(Path::new(&data).join("privet/models")),
        None => bail!(
            "there is no place for networks: neither XDG_DATA_HOME nor HOME is set; name a folder with `--models`"
        ),
    }
}

/// The network that `config` asks for, read from `folder` or the default one, and checked; none if it asks for none.
///
/// # Errors
/// If it is not there, or was changed.
pub(crate) fn for_config(config: &Config, folder: Option<&Path>) -> Result<Option<Arc<Model>>> {
    let Some(name) = config.model_wanted() else {
        return Ok(None);
    };
    let folder = match folder {
        Some(folder) => Folder::new(folder),
        None => Folder::new(&default_folder()?),
    };
    let model = if name == RAMPART.name {
        folder.load(&RAMPART)?
    } else {
        own::load(&folder, name)?
    };
    Ok(Some(Arc::new(model)))
}

/// Removes the network `name` from `folder`; `false` if it is not there.
///
/// # Errors
/// If what is there is no network, or cannot be removed.
pub(crate) fn remove(folder: &Folder, name: &str) -> Result<bool> {
    let is_there = if name == RAMPART.name {
        folder.holds(&RAMPART)?
    } else {
        own::is_there(folder, name)?
    };
    Ok(is_there && folder.remove(name)?)
}
