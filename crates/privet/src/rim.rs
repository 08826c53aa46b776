//! Where the outside is read: files, the environment, the terminal.

use std::collections::BTreeMap;
use std::fs;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use privet_access::LocalSwitches;
use privet_crypto::{RootKey, SigningKey};
use privet_guardrails::gate::{GuardrailsConfig, Models};
use privet_pii::Model;
use privet_policy::{Policy, SecretRef, Settings, SharedLimitsSettings, StoreSettings, TelemetrySettings};
use privet_server::{AwsKeys, ExternalAccountKey, LoginSecrets, McpHeaders, ProviderKey, SharedLimits};
use privet_store::Location;
use privet_types::Secret;

/// Reads and checks a settings file.
pub(crate) fn settings(path: &Path) -> Result<Settings> {
    let text = fs::read_to_string(path).with_context(|| {
        let path = path.display();
        format!("cannot read settings `{path}`; write some with `privet serve --print-example > {path}`")
    })?;
    Ok(Settings::parse(&text, path)?)
}

/// The network that the policy asks for, if it is not the one in the binary.
///
/// # Errors
/// If it is not where the settings say, or was changed.
pub(crate) fn model(settings: &Settings, policy: &Policy) -> Result<Option<Arc<Model>>> {
    crate::model::for_config(policy.pii(), settings.pii_models.as_deref())
}

/// The networks that the guardrails of `policy` ask in doubt, each compared with its hashes. Those that `known` has as they are now
/// are not read again.
///
/// # Errors
/// If one is not where the settings say, or was changed.
pub(crate) fn guard_models(settings: &Settings, policy: &Policy, known: &Models) -> Result<Models> {
    let wanted = policy.guardrails().map(GuardrailsConfig::models);
    crate::model::for_guardrails(&wanted.unwrap_or_default(), settings.pii_models.as_deref(), known)
}

/// Each provider's key, by the provider's name.
pub(crate) fn upstream_keys(settings: &Settings) -> Result<BTreeMap<String, ProviderKey>> {
    let mut keys = BTreeMap::new();
    for provider in settings.providers() {
        let what = |which: &str| format!("{which} of provider `{}`", provider.name());
        let key = if let Some(aws) = provider.aws() {
            let id = secret(&aws.access_key_id, &what("the access key's id"))?;
            let token = aws.session_token.as_ref();
            ProviderKey::Aws(AwsKeys {
                access_key_id: id.expose().clone(),
                secret_access_key: secret(&aws.secret_access_key, &what("the secret access key"))?,
                session_token: token
                    .map(|token| secret(token, &what("the session token")))
                    .transpose()?,
            })
        } else if let Some(reference) = provider.api_key() {
            ProviderKey::Header(secret(reference, &what("the key"))?)
        } else {
            continue;
        };
        keys.insert(provider.name().to_owned(), key);
    }
    Ok(keys)
}

/// What signs the alerts that are posted, where they are.
pub(crate) fn alert_secret(settings: &Settings) -> Result<Option<Secret<String>>> {
    let webhook = settings.alerts.webhook.as_ref();
    webhook
        .map(|(_, reference)| secret(reference, "the secret of `[alerts]`"))
        .transpose()
}

/// What stands in the headers of servers of tools, by the server's name and the header's.
pub(crate) fn mcp_headers(settings: &Settings) -> Result<McpHeaders> {
    let mut all = McpHeaders::new();
    for server in settings.mcp.iter().flat_map(|mcp| &mcp.servers) {
        let of_server = all.entry(server.name.clone()).or_default();
        for (name, reference) in &server.headers {
            let what = format!("the header `{name}` of the server of tools `{}`", server.name);
            of_server.insert(name.clone(), secret(reference, &what)?);
        }
    }
    Ok(all)
}

/// What stands in the headers of the collector of telemetry, by the header's name.
pub(crate) fn telemetry_headers(settings: &TelemetrySettings) -> Result<BTreeMap<String, Secret<String>>> {
    let headers = settings.headers.iter();
    headers
        .map(|(name, reference)| {
            let what = format!("the header `{name}` of `[telemetry]`");
            Ok((name.clone(), secret(reference, &what)?))
        })
        .collect()
}

/// By what issuers know Privet where people sign in, by the issuer's name.
pub(crate) fn login_secrets(settings: &Settings) -> Result<LoginSecrets> {
    let mut all = LoginSecrets::new();
    for issuer in &settings.access.issuers {
        let reference = issuer
            .login
            .as_ref()
            .and_then(|login| login.client_secret.as_ref());
        if let Some(reference) = reference {
            let what = format!("the secret for signing in at `{}`", issuer.name);
            all.insert(issuer.name.clone(), secret(reference, &what)?);
        }
    }
    Ok(all)
}

/// The key of the account that the authority of certificates wants, if it wants one.
pub(crate) fn external_account(settings: &Settings) -> Result<Option<ExternalAccountKey>> {
    let acme = settings.tls.as_ref().and_then(|tls| tls.acme.as_ref());
    let account = acme.and_then(|acme| acme.external_account.as_ref());
    account
        .map(|account| secret(&account.key, "the key of `external_account` in `[tls.acme]`"))
        .transpose()
}

/// The root key that the installation's other keys are derived from: the one it began with.
pub(crate) fn root_key(settings: &Settings) -> Result<RootKey> {
    crate::keyring::installation_root(settings, current_root(settings)?)
}

/// The root key that the settings name: the one that opens the keyring. A key file that does not exist is made, unless there
/// is data already that another key protects.
pub(crate) fn current_root(settings: &Settings) -> Result<RootKey> {
    if let SecretRef::File(path) = &settings.root_key
        && !path.exists()
    {
        if (settings.store.url.is_none() && settings.store.path.exists())
            || (settings.keyring.url.is_none() && settings.keyring.path.exists())
        {
            bail!(
                "the root key `{}` is missing, but the store `{}` exists and needs it; put the key file back",
                path.display(),
                settings.store.path.display()
            );
        }
        // A store on PostgreSQL says itself, when it is opened, that it was made with another key.
        return make_key(path);
    }
    if let SecretRef::File(path) = &settings.root_key {
        warn_if_shared(path);
    }
    let text = secret(&settings.root_key, "the root key")?;
    crate::keyring::root(text.expose(), settings.passphrase.as_ref())
}

/// Where the store is.
pub(crate) fn store_location(settings: &Settings) -> Result<Location> {
    let StoreSettings {
        path, url, owner_url, ..
    } = &settings.store;
    location(path, url.as_ref(), owner_url.as_ref(), "the URL of the store")
}

/// The kill switches of this machine.
pub(crate) fn local_switches(settings: &Settings, root: &RootKey) -> LocalSwitches {
    LocalSwitches::new(settings.store.spool.join("kill-switches"), root)
}

/// The server that limits are shared by, if the settings name one.
pub(crate) fn shared_limits(settings: &Settings) -> Result<Option<SharedLimits>> {
    let shared = settings.shared_limits.as_ref();
    let read = |shared: &SharedLimitsSettings| {
        Ok(SharedLimits {
            url: secret(&shared.url, "the URL of the shared limits")?,
            ca_file: shared.ca_file.clone(),
            allow_plaintext: shared.allow_plaintext,
            timeout: shared.timeout.duration(),
        })
    };
    shared.map(read).transpose()
}

/// Whether there is a store to look into. One on PostgreSQL is taken to be there.
pub(crate) fn has_store(settings: &Settings) -> bool {
    settings.store.url.is_some() || settings.store.path.exists()
}

pub(crate) fn location(
    path: &Path,
    url: Option<&SecretRef>,
    owner: Option<&SecretRef>,
    what: &str,
) -> Result<Location> {
    let Some(url) = url else {
        return Ok(Location::Sqlite(path.to_owned()));
    };
    let url = secret(url, what)?;
    let owner = owner
        .map(|owner| secret(owner, &format!("{what}'s owner")))
        .transpose()?;
    let owner = owner.as_ref().map(|owner| owner.expose().as_str());
    Location::postgres(url.expose(), owner).with_context(|| what.to_owned())
}

/// Makes a root key and writes it to a new file at `path`.
pub(crate) fn make_key(path: &Path) -> Result<RootKey> {
    let key = RootKey::generate()?;
    write_new(path, key.to_text().as_bytes())
        .with_context(|| format!("cannot write the new root key `{}`", path.display()))?;
    eprintln!(
        "privet: made a new root key in `{}`; keep a copy of it in a safe place",
        path.display()
    );
    Ok(key)
}

/// Reads a root key that is there.
pub(crate) fn read_key(reference: &SecretRef) -> Result<RootKey> {
    if let SecretRef::File(path) = reference {
        warn_if_shared(path);
    }
    let text = secret(reference, "the root key")?;
    crate::keyring::root(text.expose(), None)
}

/// The key of the audit log, if the settings name one; else it is derived from the root key.
pub(crate) fn log_key(settings: &Settings) -> Result<Option<SigningKey>> {
    let Some(reference) = &settings.log_key else {
        return Ok(None);
    };
    if let SecretRef::File(path) = reference {
        warn_if_shared(path);
    }
    let text = secret(reference, "the key of the audit log")?;
    let key = SigningKey::parse(text.expose()).context("the key of the audit log")?;
    Ok(Some(key))
}

/// Says so if others than its owner may read the key.
fn warn_if_shared(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).map_or(0, |m| m.permissions().mode());
    if mode & 0o077 != 0 {
        eprintln!(
            "privet: others can read the key `{0}`; make it yours alone: chmod 600 {0}",
            path.display()
        );
    }
}

/// Writes `text` and a line end to standard output.
///
/// # Errors
/// If it cannot be written, for example because the reader has gone.
pub(crate) fn say(text: impl std::fmt::Display) -> Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}

/// Whether `error` says only that nobody reads the output any more.
pub(crate) fn is_closed_output(error: &anyhow::Error) -> bool {
    let mut io = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Writes `bytes` and a line end to a file that only its owner may read, whole or not at all.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    write_exactly(path, &[bytes, b"\n"].concat())
}

/// Writes a file that only its owner may read, whole or not at all.
pub(crate) fn write_exactly(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // Its name is one that nothing has yet, and its mode 0600.
    let mut file = tempfile::Builder::new().prefix(".privet-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    // Does not replace a key that another process has just made.
    file.persist_noclobber(path).map_err(|failed| failed.error)?;
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}

/// What a reference leads to, without white space around it.
pub(crate) fn secret(reference: &SecretRef, what: &str) -> Result<Secret<String>> {
    let text = match reference {
        SecretRef::Env(name) => environment(name).with_context(|| {
            format!("{what} is to be in the environment variable `{name}`, which is not set; set it and start again")
        })?,
        SecretRef::File(path) => fs::read_to_string(path)
            .with_context(|| format!("{what} is to be in the file `{}`, which cannot be read", path.display()))?,
    };
    let text = Secret::new(text);
    let trimmed = text.expose().trim();
    if trimmed.is_empty() {
        bail!("{what} is empty; check what its reference in the settings points to");
    }
    Ok(Secret::new(trimmed.to_owned()))
}

/// A variable of the environment; none if it is not set, or not Unicode.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where the rim reads the environment"
)]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The terminal on standard output: its width and whether colours are wanted. None if it is no terminal.
pub(crate) fn terminal() -> Option<usize> {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let width = rustix::termios::tcgetwinsize(&stdout).map_or(0, |size| usize::from(size.ws_col));
    Some(if width == 0 { 100 } else { width })
}

/// Tells the person at the terminal something that is no result: on standard error, at a terminal with lines broken between
/// words, so that no word is torn in two at its edge.
pub(crate) fn tell(text: &str) {
    let stderr = std::io::stderr();
    let width = stderr
        .is_terminal()
        .then(|| rustix::termios::tcgetwinsize(&stderr));
    let width = width
        .and_then(Result::ok)
        .map_or(0, |size| usize::from(size.ws_col));
    eprintln!("{}", folded(text, width));
}

/// `text` in lines of at most `width` characters, where words allow it; 0 leaves it as it is. Further lines are set in. A
/// number stays with what it counts.
fn folded(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut column = 0;
    let mut piece = String::new();
    for word in text.split_inclusive(' ') {
        piece.push_str(word);
        let counted = word.trim_start_matches('(').trim_end();
        if counted.chars().all(|c| c.is_ascii_digit()) {
            continue;
        }
        let length = piece.trim_end().chars().count();
        if width > 0 && column > 0 && column + length > width {
            out.truncate(out.trim_end().len());
            out.push_str("\n  ");
            column = 2;
        }
        column += piece.chars().count();
        out.push_str(&piece);
        piece.clear();
    }
    out.push_str(&piece);
    out
}

/// CPU time of this thread.
pub(crate) fn cpu_time() -> std::time::Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let nanoseconds = u32::try_from(now.tv_nsec).unwrap_or_default();
    std::time::Duration::new(seconds, nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(folder: &Path) -> Settings {
        let text = "[[providers]]\nname = \"a\"\ndialect = \"openai\"\nbase_url = \"http://127.0.0.1:1/v1\"\n\
                    [[models]]\nmatch = \"*\"\nprovider = \"a\"\n";
        Settings::parse(text, &folder.join("privet.toml")).unwrap()
    }

    #[test]
    fn lines_for_people_break_between_words() {
        let text = "privet: 5 found (1 CREDIT_CARD, 1 IBAN_CODE, 1 PHONE_NUMBER)";
        assert_eq!(
            folded(text, 24),
            "privet: 5 found\n  (1 CREDIT_CARD,\n  1 IBAN_CODE,\n  1 PHONE_NUMBER)"
        );
        assert_eq!(folded(text, 0), text);
    }

    #[test]
    fn a_root_key_is_made_once_and_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let made = root_key(&settings).unwrap();
        let read = root_key(&settings).unwrap();
        assert_eq!(made.to_text(), read.to_text());
        let SecretRef::File(path) = &settings.root_key else {
            panic!("a file by default")
        };
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_new_file_touches_none_beside_it_and_does_not_replace_one() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (path, beside) = (
            folder.path().join("chat-7.jsonl"),
            folder.path().join("chat-7.new"),
        );
        fs::write(&beside, "mine").unwrap();
        write_exactly(&path, b"first").unwrap();
        let refused = write_exactly(&path, b"second").unwrap_err();
        let refused = refused.downcast::<std::io::Error>().unwrap();
        assert_eq!(refused.kind(), std::io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read(&beside).unwrap(), b"mine");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_lost_root_key_is_not_replaced_while_there_is_data() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        fs::create_dir_all(settings.store.path.parent().unwrap()).unwrap();
        fs::write(&settings.store.path, b"data").unwrap();
        assert!(
            root_key(&settings)
                .unwrap_err()
                .to_string()
                .contains("put the key file back")
        );
    }
}
