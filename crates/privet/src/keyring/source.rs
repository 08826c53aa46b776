//! Where the root key comes from: itself, a lock and its passphrase, or shares.

use std::io::{BufRead, IsTerminal, Write};

use anyhow::{Context, Result, bail};
use privet_crypto::{PassphraseLock, RootKey, Share};
use privet_policy::SecretRef;
use privet_types::Secret;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::rim;

/// The root key that `text` holds, or leads to.
pub(crate) fn root(text: &str, passphrase: Option<&SecretRef>) -> Result<RootKey> {
    if text.starts_with("privet-argon2id-1:") {
        let lock = PassphraseLock::parse(text).context("the root key")?;
        let passphrase = match passphrase {
            Some(reference) => rim::secret(reference, "the passphrase of the root key")?,
            None => ask("Passphrase of the root key: ")?,
        };
        return Ok(lock.open(passphrase.expose())?);
    }
    if text.starts_with("privet-share-1:") {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let shares = lines.map(Share::parse).collect::<Result<Vec<_>, _>>()?;
        return RootKey::combine(&shares).context("the root key");
    }
    Ok(RootKey::parse(text)?)
}

/// Asks the person at the terminal for a passphrase; it is not shown.
pub(super) fn ask(question: &str) -> Result<Secret<String>> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        bail!(
            "a passphrase is needed and there is no terminal to ask for it; name where it is in the settings: [keys] passphrase = {{ env = \"NAME\" }}"
        );
    }
    let shown = tcgetattr(&stdin)?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    eprint!("{question}");
    std::io::stderr().flush()?;
    tcsetattr(&stdin, OptionalActions::Now, &hidden)?;
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    tcsetattr(&stdin, OptionalActions::Now, &shown)?;
    eprintln!();
    let line = Secret::new(line);
    read?;
    Ok(Secret::new(
        line.expose().trim_end_matches(['\n', '\r']).to_owned(),
    ))
}
