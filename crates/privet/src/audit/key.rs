//! `privet audit key`.

use std::process::ExitCode;

use anyhow::{Context, Result};
use privet_crypto::SigningKey;
use privet_store::log_signer;

use super::KeyArgs;
use crate::rim;

pub(super) fn run(args: &KeyArgs) -> Result<ExitCode> {
    let settings = rim::settings(&args.config)?;
    let root = rim::root_key(&settings)?;
    let key = match &args.new {
        None => rim::log_key(&settings)?,
        Some(path) => {
            let key = SigningKey::generate()?;
            rim::write_new(path, key.to_text().as_bytes())
                .with_context(|| format!("cannot write the new log key `{}`", path.display()))?;
            eprintln!(
                "privet: made a new log key; name it in the settings before the log begins: [keys] log = {{ file = \"{}\" }}",
                path.display()
            );
            Some(key)
        }
    };
    rim::say(log_signer(&root, key)?.key())?;
    Ok(ExitCode::SUCCESS)
}
