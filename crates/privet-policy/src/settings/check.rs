//! From `privet.toml` as written to settings that can be obeyed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::file::{
    ConnectorFile, KeyringSettings, Limits, MetricsFile, PresidioFile, SettingsFile, StoreSettings,
    WitnessSettings,
};
use super::provider::{self, Provider};
use super::{
    MetricsListener, PresidioListener, Settings, access, alerts, mcp, models, shared, sign_in, telemetry,
    tls, updates, vault,
};
use crate::document::beside;
use crate::key_path::{Fault, KeyPath};
use crate::{ByteSize, Period, SecretRef};

pub(super) fn check(file: SettingsFile, document: &Path) -> Result<Settings, Fault> {
    let SettingsFile {
        listen,
        policy,
        rules,
        updates,
        pii_models,
        keys,
        keyring,
        store,
        limits,
        shared_limits,
        log,
        tls,
        presidio,
        access,
        sign_in,
        console,
        alerts,
        metrics,
        telemetry,
        mut vault,
        witnesses,
        routing,
        providers,
        models,
        prices,
        mcp,
        scan: _,
    } = file;
    let listen: SocketAddr = listen.parse().map_err(|_| {
        KeyPath::of("listen").fault("use an IP address and a port, such as `127.0.0.1:8787` or `[::1]:8787`")
    })?;
    let presidio = check_presidio(presidio)?;
    let metrics = check_metrics(metrics)?;
    vault.allow_plain_http |= tls::is_safe(&tls);
    let (vault, connectors) = vault::check(vault, listen, document)?;
    let presidio_at = || KeyPath::of("presidio").key("listen");
    let presidio_address = presidio.map(|own| (own.listen, presidio_at()));
    let metrics_address = metrics.map(|own| (own.listen, KeyPath::of("metrics").key("listen")));
    let addresses = [
        Some((listen, KeyPath::of("listen"))),
        presidio_address,
        metrics_address,
    ];
    tls::check_addresses(&tls, addresses.into_iter().flatten())?;
    let is_behind_proxy = tls.terminated_elsewhere;
    let tls = tls::check(tls, document)?;
    let updates = updates::check(updates, document)?;
    let policy = policy
        .map(|path| updates.path(&path, &KeyPath::of("policy"), document))
        .transpose()?;
    let rules_at = KeyPath::of("rules");
    let rules = rules.iter().enumerate();
    let rules = rules
        .map(|(index, path)| updates.path(path, &rules_at.index(index), document))
        .collect::<Result<_, _>>()?;
    let pii_models = pii_models
        .map(|path| full_path(&path, &KeyPath::of("pii_models"), document))
        .transpose()?;
    let sign_in = sign_in::check(sign_in, document, &updates, is_behind_proxy)?;
    let store_at = KeyPath::of("store");
    let has_url = store.url.is_some();
    let store = StoreSettings {
        path: full_path(&store.path, &store_at.key("path"), document)?,
        url: store.url.map(|url| url.beside(document)),
        owner_url: check_owner(&store_at, store.owner_url, has_url)?.map(|url| url.beside(document)),
        spool: full_path(&store.spool, &store_at.key("spool"), document)?,
        spool_max_bytes: store.spool_max_bytes,
    };
    bytes_within(
        store.spool_max_bytes,
        ByteSize::from_mib(1),
        ByteSize::from_bytes(1 << 40),
        &store_at,
        "spool_max_bytes",
    )?;
    if keys.surrogate_epoch == 0 {
        return Err(KeyPath::of("keys").key("surrogate_epoch").fault("use 1 or more"));
    }
    check_limits(&limits)?;
    check_witnesses(&witnesses)?;
    let providers = check_providers(providers, document)?;
    let models = models::check(models, &providers)?;
    let access = access::check(access, document)?;
    if let (None, Some(index)) = (
        &sign_in,
        access.issuers.iter().position(|issuer| issuer.login.is_some()),
    ) {
        let at = KeyPath::of("access").key("issuers").index(index);
        return Err(at
            .key("login")
            .fault("needs `origin` in `[sign_in]`: where people's browsers come back to"));
    }
    models::check_routing(&routing)?;
    Ok(Settings {
        listen,
        policy,
        rules,
        pii_models,
        root_key: keys.root.beside(document),
        passphrase: keys.passphrase.map(|key| key.beside(document)),
        keyring: check_keyring(keyring, document)?,
        log_key: keys.log.map(|key| key.beside(document)),
        surrogate_epoch: keys.surrogate_epoch,
        store,
        limits,
        shared_limits: shared::check(shared_limits, document)?,
        log,
        tls,
        presidio,
        access,
        has_console: console.enabled && sign_in.is_some(),
        sign_in,
        alerts: alerts::check(alerts, document)?,
        metrics,
        telemetry: telemetry::check(telemetry, document)?,
        vault,
        witnesses,
        connectors: connectors
            .into_iter()
            .map(|connector| ConnectorFile {
                url: connector.url.beside(document),
                ..connector
            })
            .collect(),
        routing,
        prices: crate::limits::check_prices(prices)?,
        mcp: mcp::check(mcp, document)?,
        updates,
        providers,
        models,
    })
}

fn check_witnesses(witnesses: &[WitnessSettings]) -> Result<(), Fault> {
    for (number, witness) in witnesses.iter().enumerate() {
        let at = KeyPath::of("witnesses").index(number);
        let is_web = ["https://", "http://"]
            .iter()
            .any(|scheme| witness.url.starts_with(scheme));
        if !is_web || witness.url.contains(char::is_whitespace) {
            return Err(at
                .key("url")
                .fault("use an address of the web, such as `https://witness.example`"));
        }
        if witness.key.split('+').count() < 3 {
            return Err(at
                .key("key")
                .fault("use a witness's public key: `<name>+<8 hexadecimal digits>+<base64>`"));
        }
    }
    Ok(())
}

fn check_keyring(file: KeyringSettings, document: &Path) -> Result<KeyringSettings, Fault> {
    let at = KeyPath::of("keyring");
    let (hour, years) = (Period::from_secs(3600), Period::from_secs(100 * 365 * 86_400));
    let periods = [
        (file.epoch, hour, "epoch"),
        (file.destroy_after, Period::from_millis(0), "destroy_after"),
        (file.backup_retention, Period::from_millis(0), "backup_retention"),
        (file.root_grace, Period::from_millis(0), "root_grace"),
    ];
    for (period, least, key) in periods {
        if !(least..=years).contains(&period) {
            return Err(at.key(key).fault(format!("use {least} to {years}")));
        }
    }
    count_within(file.cached_keys, 1, 100_000_000, &at, "cached_keys")?;
    let owner_url = check_owner(&at, file.owner_url, file.url.is_some())?;
    Ok(KeyringSettings {
        path: full_path(&file.path, &at.key("path"), document)?,
        url: file.url.map(|url| url.beside(document)),
        owner_url: owner_url.map(|url| url.beside(document)),
        ..file
    })
}

/// An owner's URL is of no use without the one that works.
pub(super) fn check_owner(
    at: &KeyPath,
    owner: Option<SecretRef>,
    has_url: bool,
) -> Result<Option<SecretRef>, Fault> {
    if owner.is_some() && !has_url {
        return Err(at
            .key("owner_url")
            .fault("is only used with `url`; set that one too"));
    }
    Ok(owner)
}

/// Without a key only this machine may ask.
fn check_presidio(file: PresidioFile) -> Result<Option<PresidioListener>, Fault> {
    let at = KeyPath::of("presidio");
    let Some(listen) = file.listen else {
        return Ok(None);
    };
    let listen: SocketAddr = listen.parse().map_err(|_| {
        at.key("listen")
            .fault("use an IP address and a port, such as `127.0.0.1:3000` or `[::1]:3000`")
    })?;
    if !listen.ip().is_loopback() && !file.require_key {
        return Err(at.key("listen").fault(
            "is not a loopback address, so anybody who reaches it could ask without a key; set `require_key = true`, or use `127.0.0.1:3000`",
        ));
    }
    Ok(Some(PresidioListener {
        listen,
        requires_key: file.require_key,
    }))
}

/// Without a key only this machine may read.
fn check_metrics(file: MetricsFile) -> Result<Option<MetricsListener>, Fault> {
    let at = KeyPath::of("metrics");
    let Some(listen) = file.listen else {
        return Ok(None);
    };
    let listen: SocketAddr = listen.parse().map_err(|_| {
        at.key("listen")
            .fault("use an IP address and a port, such as `127.0.0.1:9464` or `[::1]:9464`")
    })?;
    if !listen.ip().is_loopback() && !file.require_key {
        return Err(at.key("listen").fault(
            "is not a loopback address, so anybody who reaches it could read without a key; set `require_key = true`, or use `127.0.0.1:9464`",
        ));
    }
    Ok(Some(MetricsListener {
        listen,
        requires_key: file.require_key,
    }))
}

pub(super) fn full_path(path: &Path, at: &KeyPath, document: &Path) -> Result<PathBuf, Fault> {
    if path.as_os_str().is_empty() {
        return Err(at.fault("is empty; give a path, or leave the key out for its default"));
    }
    Ok(beside(document, path))
}

fn check_limits(limits: &Limits) -> Result<(), Fault> {
    // Taken apart in full, so that a new limit cannot be left unchecked.
    let Limits {
        request_body,
        reply_body,
        header_bytes,
        headers,
        concurrent_requests,
        connections,
        streams,
        header_timeout,
        body_timeout,
        connect_timeout,
        first_byte_timeout,
        stream_idle_timeout,
        write_timeout,
        detect_deadline,
        detect_threads,
        detect_queue,
        shutdown_grace,
    } = *limits;
    let at = KeyPath::of("limits");
    let kib = ByteSize::from_kib;
    let mib = ByteSize::from_mib;
    bytes_within(request_body, kib(1), mib(1024), &at, "request_body")?;
    bytes_within(reply_body, kib(1), mib(4096), &at, "reply_body")?;
    bytes_within(header_bytes, kib(8), mib(1), &at, "header_bytes")?;
    count_within(headers, 16, 1_000, &at, "headers")?;
    count_within(concurrent_requests, 1, 1_000_000, &at, "concurrent_requests")?;
    count_within(connections, 1, 1_000_000, &at, "connections")?;
    count_within(streams, 1, 10_000, &at, "streams")?;
    count_within(detect_threads, 0, 1_024, &at, "detect_threads")?;
    count_within(detect_queue, 1, 1_000_000, &at, "detect_queue")?;
    let times = [
        (header_timeout, "header_timeout"),
        (body_timeout, "body_timeout"),
        (connect_timeout, "connect_timeout"),
        (first_byte_timeout, "first_byte_timeout"),
        (stream_idle_timeout, "stream_idle_timeout"),
        (write_timeout, "write_timeout"),
        (detect_deadline, "detect_deadline"),
    ];
    for (period, key) in times {
        period_within(period, Period::from_millis(1), &at, key)?;
    }
    period_within(shutdown_grace, Period::from_millis(0), &at, "shutdown_grace")
}

pub(super) fn bytes_within(
    value: ByteSize,
    least: ByteSize,
    most: ByteSize,
    at: &KeyPath,
    key: &str,
) -> Result<(), Fault> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(at.key(key).fault(format!("use {least} to {most}")))
    }
}

pub(super) fn count_within(value: u32, least: u32, most: u32, at: &KeyPath, key: &str) -> Result<(), Fault> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(at.key(key).fault(format!("use {least} to {most}")))
    }
}

pub(super) fn period_within(value: Period, least: Period, at: &KeyPath, key: &str) -> Result<(), Fault> {
    let most = Period::from_secs(86_400);
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(at.key(key).fault(format!("use {least} to {most}")))
    }
}

fn check_providers(files: Vec<crate::ProviderFile>, document: &Path) -> Result<Vec<Provider>, Fault> {
    let at = KeyPath::of("providers");
    if files.is_empty() {
        return Err(at.fault(
            "there is no provider; add one: [[providers]] with `name` and `kind` (`privet serve --print-example` shows how)",
        ));
    }
    let mut providers: Vec<Provider> = Vec::with_capacity(files.len());
    for (index, file) in files.into_iter().enumerate() {
        let here = at.index(index);
        let provider = provider::check(file, &here, document)?;
        if let Some(first) = providers.iter().position(|known| known.name() == provider.name()) {
            return Err(here.key("name").fault(format!(
                "is already the name of `providers[{first}]`; use another"
            )));
        }
        providers.push(provider);
    }
    Ok(providers)
}
