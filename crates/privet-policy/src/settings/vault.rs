//! From `[vault]` as written to a vault that can be opened.

use std::net::SocketAddr;

use super::check::{bytes_within, count_within, period_within};
use super::file::{DatabunkerFile, VaultFile};
use super::{DatabunkerSettings, VaultLimits, VaultSettings};
use crate::key_path::{Fault, KeyPath};
use crate::{ByteSize, Period};

/// `gateway` is where the gateway listens. Checked whole even where there is to be no vault.
pub(super) fn check(file: VaultFile, gateway: SocketAddr) -> Result<Option<VaultSettings>, Fault> {
    let VaultFile {
        enabled,
        listen,
        allow_plain_http,
        request_body,
        import_body,
        import_timeout,
        page,
        concurrent_requests,
        databunker,
    } = file;
    let at = KeyPath::of("vault");
    let listen: Option<SocketAddr> = listen.map(|address| address.parse()).transpose().map_err(|_| {
        at.key("listen")
            .fault("use an IP address and a port, such as `127.0.0.1:3300` or `[::1]:3300`")
    })?;
    if enabled && !allow_plain_http && !listen.unwrap_or(gateway).ip().is_loopback() {
        let key = if listen.is_some() { "listen" } else { "enabled" };
        return Err(at.key(key).fault(
            "the vault would answer beyond this machine without TLS; give it a loopback address with `listen`, or set `allow_plain_http = true` where a proxy speaks TLS",
        ));
    }
    let limits = VaultLimits {
        request_body,
        import_body,
        import_timeout,
        page,
        concurrent_requests,
    };
    bytes_within(
        request_body,
        ByteSize::from_kib(16),
        ByteSize::from_mib(64),
        &at,
        "request_body",
    )?;
    bytes_within(
        import_body,
        ByteSize::from_kib(16),
        ByteSize::from_bytes(1 << 40),
        &at,
        "import_body",
    )?;
    period_within(import_timeout, Period::from_secs(1), &at, "import_timeout")?;
    count_within(page, 1, 1_000, &at, "page")?;
    count_within(concurrent_requests, 1, 1_000_000, &at, "concurrent_requests")?;
    let databunker = check_databunker(databunker, listen, &at)?;
    let settings = VaultSettings {
        listen,
        limits,
        databunker,
    };
    Ok(enabled.then_some(settings))
}

fn check_databunker(
    file: DatabunkerFile,
    listen: Option<SocketAddr>,
    vault: &KeyPath,
) -> Result<Option<DatabunkerSettings>, Fault> {
    let at = vault.key("databunker");
    let DatabunkerFile {
        enabled,
        request_body,
        bulk_body,
        links,
        bulk_second_approver,
        request_second_approver,
    } = file;
    for (size, key) in [(request_body, "request_body"), (bulk_body, "bulk_body")] {
        bytes_within(size, ByteSize::from_kib(16), ByteSize::from_mib(256), &at, key)?;
    }
    if enabled && listen.is_none() {
        return Err(at.key("enabled").fault(
            "Databunker's paths are not the gateway's; give the vault an address of its own with `vault.listen`",
        ));
    }
    Ok(enabled.then_some(DatabunkerSettings {
        request_body,
        bulk_body,
        has_links: links,
        needs_second_approver: bulk_second_approver,
        needs_second_for_requests: request_second_approver,
    }))
}
