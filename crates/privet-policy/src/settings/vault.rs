//! From `[vault]` as written to a vault that can be opened.

use std::net::SocketAddr;
use std::path::Path;

use super::check::{bytes_within, count_within, period_within};
use super::file::{ConnectorFile, DatabunkerFile, VaultFile};
use super::{DatabunkerSettings, VaultLimits, VaultSettings, requests};
use crate::key_path::{Fault, KeyPath};
use crate::{ByteSize, Period};

/// Longest name of a place, as lineage has it.
const LONGEST_PLACE: usize = 256;

/// Longest identifier of PostgreSQL.
const LONGEST_NAME: usize = 63;

/// `gateway` is where the gateway listens. Checked whole even where there is to be no vault.
pub(super) fn check(
    file: VaultFile,
    gateway: SocketAddr,
    document: &Path,
) -> Result<(Option<VaultSettings>, Vec<ConnectorFile>), Fault> {
    let VaultFile {
        enabled,
        listen,
        allow_plain_http,
        request_body,
        import_body,
        import_timeout,
        page,
        bulk_records,
        bulk_record,
        bulk_depth,
        concurrent_requests,
        databunker,
        connectors,
        requests,
        archive,
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
        bulk_records,
        bulk_record,
        bulk_depth,
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
    // They are stored in one transaction.
    count_within(bulk_records, 1, 10_000, &at, "bulk_records")?;
    // A record has no more.
    let most = ByteSize::from_mib(1);
    bytes_within(bulk_record, ByteSize::from_kib(1), most, &at, "bulk_record")?;
    // Deeper ones the parser refuses.
    count_within(bulk_depth, 2, 100, &at, "bulk_depth")?;
    count_within(concurrent_requests, 1, 1_000_000, &at, "concurrent_requests")?;
    let archive_at = at.key("archive");
    count_within(archive.days, 1, 3_650, &archive_at, "days")?;
    count_within(archive.reply_map_days, 1, 3_650, &archive_at, "reply_map_days")?;
    let databunker = check_databunker(databunker, listen, &at)?;
    let settings = VaultSettings {
        listen,
        limits,
        databunker,
        requests: requests::check(requests, &at.key("requests"), document)?,
        archive,
    };
    check_connectors(&connectors, &at.key("connectors"))?;
    Ok((enabled.then_some(settings), connectors))
}

fn check_connectors(connectors: &[ConnectorFile], at: &KeyPath) -> Result<(), Fault> {
    for (number, connector) in connectors.iter().enumerate() {
        let at = at.index(number);
        if connector.place.is_empty() || connector.place.len() > LONGEST_PLACE {
            return Err(at.key("place").fault("use a name of 1 to 256 bytes"));
        }
        if connectors
            .iter()
            .take(number)
            .any(|other| other.place == connector.place)
        {
            return Err(at
                .key("place")
                .fault("another connector has this place already; each place has one"));
        }
        let is_name = |name: &str| !name.is_empty() && name.len() <= LONGEST_NAME && !name.contains('\0');
        if connector.table.split('.').count() > 2 || !connector.table.split('.').all(is_name) {
            return Err(at
                .key("table")
                .fault("use a table of PostgreSQL, such as `chunks` or `rag.chunks`"));
        }
        let columns = [
            ("id", Some(&connector.id)),
            ("subject", connector.subject.as_ref()),
            ("tenant", connector.tenant.as_ref()),
        ];
        for (key, column) in columns {
            if column.is_some_and(|name| !is_name(name)) {
                return Err(at.key(key).fault("use a column's name of 1 to 63 bytes"));
            }
        }
    }
    Ok(())
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
        bulk_records,
        bulk_record,
        bulk_depth,
        links,
        bulk_second_approver,
        request_second_approver,
    } = file;
    for (size, key) in [(request_body, "request_body"), (bulk_body, "bulk_body")] {
        bytes_within(size, ByteSize::from_kib(16), ByteSize::from_mib(256), &at, key)?;
    }
    count_within(bulk_records, 1, 1_000_000, &at, "bulk_records")?;
    bytes_within(
        bulk_record,
        ByteSize::from_kib(1),
        ByteSize::from_mib(4),
        &at,
        "bulk_record",
    )?;
    // Deeper ones the parser refuses.
    count_within(bulk_depth, 2, 100, &at, "bulk_depth")?;
    if enabled && listen.is_none() {
        return Err(at.key("enabled").fault(
            "Databunker's paths are not the gateway's; give the vault an address of its own with `vault.listen`",
        ));
    }
    Ok(enabled.then_some(DatabunkerSettings {
        request_body,
        bulk_body,
        bulk_records,
        bulk_record,
        bulk_depth,
        has_links: links,
        needs_second_approver: bulk_second_approver,
        needs_second_for_requests: request_second_approver,
    }))
}
