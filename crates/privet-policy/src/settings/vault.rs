//! From `[vault]` as written to a vault that can be opened.

use std::net::SocketAddr;

use super::check::{bytes_within, count_within, period_within};
use super::file::VaultFile;
use super::{VaultLimits, VaultSettings};
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
    let settings = VaultSettings { listen, limits };
    Ok(enabled.then_some(settings))
}
