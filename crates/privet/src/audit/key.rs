//! `privet audit key`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use privet_crypto::{RootKey, SigningKey};
use privet_policy::{SecretRef, Settings};
use privet_server::SystemClock;
use privet_store::{Error, Sequencer, Store, log_signer};
use privet_types::Clock;

use super::{KeyArgs, block_on};
use crate::rim;

pub(super) fn run(args: &KeyArgs) -> Result<ExitCode> {
    let settings = rim::settings(&args.config)?;
    let root = rim::root_key(&settings)?;
    if let Some(path) = &args.rotate {
        return rotate(&settings, &root, path);
    }
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

/// Gives the log the key in the file `path`.
fn rotate(settings: &Settings, root: &RootKey, path: &Path) -> Result<ExitCode> {
    if !rim::has_store(settings) {
        bail!("there is no log yet, so its key can be chosen freely: privet audit key --new FILE");
    }
    if !path.exists() {
        rim::write_new(path, SigningKey::generate()?.to_text().as_bytes())
            .with_context(|| format!("cannot write the new log key `{}`", path.display()))?;
    }
    let text = rim::secret(&SecretRef::File(path.to_owned()), "the new log key")?;
    let key = SigningKey::parse(text.expose()).with_context(|| format!("`{}`", path.display()))?;
    let (former, next) = (
        log_signer(root, rim::log_key(settings)?)?,
        log_signer(root, Some(key))?,
    );
    let public = next.key().clone();
    block_on(async {
        let location = rim::store_location(settings)?;
        let store = Store::open(&location, root)
            .await
            .with_context(|| format!("cannot open the store `{location}`"))?;
        let changed = match Sequencer::open(store.clone(), former).await {
            Ok(sequencer) => sequencer.change_key(next, SystemClock.now()).await.map(|_| ()),
            // Done by an earlier call; only the settings lag behind.
            Err(Error::LogKeyChanged { known }) if known == public.to_string() => Ok(()),
            Err(error) => Err(error),
        };
        store.close().await;
        changed.context("the log keeps the key that it has")
    })?;
    eprintln!(
        "privet: the log has another key; name it now in the settings of each gateway: [keys] log = {{ file = \"{}\" }}; it takes it up within seconds, and until then its decisions wait unsigned",
        path.display()
    );
    rim::say(public)?;
    Ok(ExitCode::SUCCESS)
}
