//! `privet.toml` as written.

use std::collections::BTreeSet;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::access::AccessFile;
use super::alerts::AlertsFile;
use super::console::ConsoleFile;
use super::mcp::McpFile;
use super::provider_file::{ModelFile, ProviderFile, RoutingSettings};
use super::shared::SharedLimitsSettings;
use super::sign_in::SignInFile;
use super::telemetry::TelemetryFile;
use super::tls::TlsFile;
use super::updates::UpdatesSettings;
use crate::limits::PriceFile;
use crate::{ByteSize, Period, SecretRef};

/// A table of the settings that another part of Privet reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadElsewhere;

impl<'de> Deserialize<'de> for ReadElsewhere {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl JsonSchema for ReadElsewhere {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ReadElsewhere".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object" })
    }
}

/// `privet.toml` as written: read once, at start.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "Privet settings (privet.toml)")]
pub struct SettingsFile {
    /// IP address and port the gateway listens on.
    pub listen: String,
    /// The policy document; relative to this file. The default policy applies if left out. `updates:policy` is the one of the
    /// signed update in force.
    pub policy: Option<PathBuf>,
    /// Files of rules: recognisers, private terms and an allow list, which are added to those of the policy; relative to this file.
    /// `updates:rules` is that of the signed update in force, `updates:feed/FILE` one of its lists.
    pub rules: Vec<PathBuf>,
    /// Signed policies, rules and lists.
    pub updates: UpdatesSettings,
    /// The folder of networks that `privet pii model add` and `privet guard model add` have added; relative to this file. Without it `privet/models`
    /// under `XDG_DATA_HOME`, which is `~/.local/share` if not set.
    pub pii_models: Option<PathBuf>,
    /// Where keys are kept.
    pub keys: KeysFile,
    /// Where the keys of tenants and subjects are kept, and how long they live.
    pub keyring: KeyringSettings,
    /// What is kept on disk, and where.
    pub store: StoreSettings,
    /// How much, how many and how long.
    pub limits: Limits,
    /// By which server several nodes share the policy's limits.
    pub shared_limits: Option<SharedLimitsSettings>,
    /// What is logged, and how.
    pub log: Log,
    /// TLS on Privet's addresses, and clients' certificates.
    pub tls: TlsFile,
    /// Presidio's endpoints on an address of their own.
    pub presidio: PresidioFile,
    /// Whose signatures count and what they signed, and whose tokens are taken.
    pub access: AccessFile,
    /// How people sign in.
    pub sign_in: SignInFile,
    /// The pages for people.
    pub console: ConsoleFile,
    /// Who is told of alerts.
    pub alerts: AlertsFile,
    /// What `privet scan` reads, and nothing else: `schema/scan-settings.schema.json`.
    pub scan: ReadElsewhere,
    /// Figures for a monitoring system.
    pub metrics: MetricsFile,
    /// Where traces and log lines go as OpenTelemetry has them.
    pub telemetry: TelemetryFile,
    /// The vault of personal records.
    pub vault: VaultFile,
    /// Who signs the checkpoints of the audit log beside the log itself (C2SP tlog-witness).
    pub witnesses: Vec<WitnessSettings>,
    /// How requests are sent again, and when a provider is given a rest.
    pub routing: RoutingSettings,
    /// Who answers prompts; at least one.
    pub providers: Vec<ProviderFile>,
    /// Which provider answers for which model names; the first match wins; at least one.
    pub models: Vec<ModelFile>,
    /// What tokens cost, for limits of cost; the first match counts.
    pub prices: Vec<PriceFile>,
    /// Servers of tools (Model Context Protocol) that Privet stands before.
    pub mcp: McpFile,
}

/// The `[keys]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KeysFile {
    /// The key every other key is derived from: the key itself, a passphrase lock (`privet keyring lock`) or shares, one a
    /// line (`privet keyring split`). A file that does not exist is made on the first start.
    pub root: SecretRef,
    /// The passphrase of a lock; asked for at the terminal if left out.
    pub passphrase: Option<SecretRef>,
    /// The key that signs the audit log. Derived from the root key if left out; a file that is named must be there.
    pub log: Option<SecretRef>,
    /// Number of the surrogate keys, 1 or more. With another number every value gets another surrogate, so that what a
    /// provider has kept cannot be matched with what it is sent from now on.
    pub surrogate_epoch: u64,
}

/// A `[[witnesses]]` entry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WitnessSettings {
    /// Where it takes checkpoints, without the `/add-checkpoint` at the end.
    pub url: String,
    /// Its public key: `<name>+<8 hexadecimal digits>+<base64>`.
    pub key: String,
}

/// The `[keyring]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct KeyringSettings {
    /// The SQLite database of the keyring; made when it is first used. Not beside the store's backups.
    pub path: PathBuf,
    /// The URL of a PostgreSQL database for the keyring, instead of `path`: a database of its own.
    pub url: Option<SecretRef>,
    /// The URL of that database's owner, if `url`'s user does not own the tables.
    pub owner_url: Option<SecretRef>,
    /// How long keys are made under one epoch key.
    pub epoch: Period,
    /// How long after its end an epoch key is destroyed.
    pub destroy_after: Period,
    /// How long backups of the keyring are kept: what an erasure's deadline rests on.
    pub backup_retention: Period,
    /// How long backups of the table `epoch_keys` are kept, if they are kept apart from the rest.
    pub epoch_backup_retention: Option<Period>,
    /// How long a root key that was replaced still opens the keyring.
    pub root_grace: Period,
    /// Most subject keys held in memory.
    pub cached_keys: u32,
}

/// The `[store]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct StoreSettings {
    /// The SQLite database; made on the first start. Not used where `url` is set.
    pub path: PathBuf,
    /// Where the URL of a PostgreSQL database is kept, which is used instead of `path`:
    /// `postgres://user:password@host:5432/database`.
    pub url: Option<SecretRef>,
    /// Where the URL of the role that owns its tables is kept. Only used to bring the schema up to date; the role of `url`
    /// then needs no right to change it.
    pub owner_url: Option<SecretRef>,
    /// The folder of the encrypted audit spool.
    pub spool: PathBuf,
    /// When the spool holds this much that is not yet in the store, prompts are refused.
    pub spool_max_bytes: ByteSize,
}

/// The `[limits]` table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Limits {
    /// Largest request body.
    pub request_body: ByteSize,
    /// Largest reply body that is read whole; streams are not bounded by it.
    pub reply_body: ByteSize,
    /// Largest request head.
    pub header_bytes: ByteSize,
    /// Most header fields in a request.
    pub headers: u32,
    /// Most requests at work at once; more are refused with 503.
    pub concurrent_requests: u32,
    /// Most open client connections; more wait.
    pub connections: u32,
    /// Most requests under way on one HTTP/2 connection; a client holds back more.
    pub streams: u32,
    /// How long a client may take to send a request head.
    pub header_timeout: Period,
    /// How long a client may take to send a request body.
    pub body_timeout: Period,
    /// How long connecting to a provider may take.
    pub connect_timeout: Period,
    /// How long a provider may take to begin its reply.
    pub first_byte_timeout: Period,
    /// How long a streamed reply may be silent.
    pub stream_idle_timeout: Period,
    /// How long a client may take to read 16 KiB of its reply, or what there is of it; past it the connection is closed.
    pub write_timeout: Period,
    /// How long looking at one request may take; past it the request is refused.
    pub detect_deadline: Period,
    /// Threads that look at requests; 0 is one per core.
    pub detect_threads: u32,
    /// Requests that may wait for such a thread; more are refused with 503.
    pub detect_queue: u32,
    /// How long running requests may take to finish at shutdown.
    pub shutdown_grace: Period,
}

/// The `[presidio]` table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PresidioFile {
    /// IP address and port on which Presidio's endpoints answer under Presidio's own paths; nowhere but on the gateway's
    /// address if left out.
    pub listen: Option<String>,
    /// Whether callers there need an API key. Must be true if the address is not a loopback address. Restoring needs a
    /// key in any case.
    pub require_key: bool,
}

/// The `[metrics]` table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsFile {
    /// IP address and port on which `GET /metrics` answers a monitoring system, in the text format of OpenMetrics; nowhere if
    /// left out.
    pub listen: Option<String>,
    /// Whether it needs an API key with the scope `metrics`. Must be true if the address is not a loopback address.
    pub require_key: bool,
}

/// The `[vault]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VaultFile {
    /// Whether there is a vault.
    pub enabled: bool,
    /// IP address and port on which the vault answers; the gateway's address if left out.
    pub listen: Option<String>,
    /// Allows an address beyond this machine without TLS, where anybody on the way can read along: for a network of its own,
    /// or behind a proxy that speaks TLS.
    pub allow_plain_http: bool,
    /// Largest request body, but for imports.
    pub request_body: ByteSize,
    /// Largest body of an import; it is read as it comes.
    pub import_body: ByteSize,
    /// How long an import may take to arrive.
    pub import_timeout: Period,
    /// Most rows of a page.
    pub page: u32,
    /// Most records of a call that makes several subjects in one transaction.
    pub bulk_records: u32,
    /// Largest record of such a call, and of an import.
    pub bulk_record: ByteSize,
    /// How many objects and lists may stand in each other in such a record; the record is the first.
    pub bulk_depth: u32,
    /// Most requests at work at once; more are refused with 503.
    pub concurrent_requests: u32,
    /// Databunker's interfaces over the same records.
    pub databunker: DatabunkerFile,
    /// Outside stores that hold something of persons, and how it is erased there. They count for `privet vault`, too, where
    /// the vault is not enabled.
    pub connectors: Vec<ConnectorFile>,
    /// Requests of subjects: what is sent out for them.
    pub requests: RequestsFile,
    /// The archive of conversations, and the maps of stateful calls.
    pub archive: ArchiveFile,
}

/// The `[vault.databunker]` table: Databunker's `/v1` and Databunker Pro's `/v2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a table of settings, of which each is a claim of its own"
)]
pub struct DatabunkerFile {
    /// Whether they answer. The vault needs an address of its own for them: their paths are not the gateway's.
    pub enabled: bool,
    /// Largest request body, but for those that hold many records.
    pub request_body: ByteSize,
    /// Largest body of `UserCreateBulk` and `TokenCreateBulk`.
    pub bulk_body: ByteSize,
    /// Most records of such a body.
    pub bulk_records: u32,
    /// Largest record of such a body.
    pub bulk_record: ByteSize,
    /// How many objects and lists may stand in each other in a record of such a body; the record is the first.
    pub bulk_depth: u32,
    /// Whether `GET /v1/exp/retain/…` and `GET /v1/exp/delete/…` answer. Who has such a link needs no key, and a program that
    /// opens the links of a message follows it, too.
    pub links: bool,
    /// Whether somebody else has to approve an unlock before many records can be read.
    pub bulk_second_approver: bool,
    /// Whether who asked for a change of a user cannot approve it.
    pub request_second_approver: bool,
}

/// One of `[[vault.connectors]]`: a table of PostgreSQL with chunks and vectors.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectorFile {
    /// The name by which lineage calls the store: the `place` of its nodes.
    pub place: String,
    /// What the store is.
    pub kind: ConnectorKind,
    /// Where the URL of its database is kept; its role needs to read and delete rows of the table, no more.
    pub url: SecretRef,
    /// The table, `chunks` or `rag.chunks`.
    pub table: String,
    /// The column of its key.
    pub id: String,
    /// The column that holds the subject's id; without it the registered nodes are the ids of chunks.
    #[serde(default)]
    pub subject: Option<String>,
    /// The column that holds the tenant's name, where there is one.
    #[serde(default)]
    pub tenant: Option<String>,
}

/// What an outside store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConnectorKind {
    /// A table of PostgreSQL with chunks and vectors, as pgvector keeps them.
    Pgvector,
}

/// A right of the GDPR that a person can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestRight {
    /// Article 15: a copy of everything held.
    Access,
    /// Article 16: correct what is wrong.
    Rectification,
    /// Article 17: erase.
    Erasure,
    /// Article 18: restrict processing.
    Restriction,
    /// Article 20: a machine-readable copy of what the subject provided.
    Portability,
    /// Article 21: object to processing.
    Objection,
}

/// The `[vault.requests]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RequestsFile {
    /// Where one-time codes are posted, signed, for whoever takes them to people by mail or SMS: `https://`, or `http://` on
    /// this machine. Without it no code is sent.
    pub code_url: Option<String>,
    /// The hosts that callbacks may go to: `dsr.example.com`, or with a port `dsr.example.com:8443`. None if left out.
    pub callback_hosts: Vec<String>,
    /// Certificates (PEM) to trust for both, instead of the usual ones.
    pub ca_file: Option<PathBuf>,
    /// For which requests it must be made sure that the subject asks, before they are carried out. All, if left out.
    pub identity_for: BTreeSet<RequestRight>,
    /// Which requests somebody else must approve: not who took them in, and not who carries them out.
    pub approval_for: BTreeSet<RequestRight>,
    /// Digits of a one-time code, 6 to 12.
    pub code_digits: u8,
    /// How long a code is good, a minute to a day.
    pub code_lifetime: Period,
    /// How often a code may be typed wrongly, 1 to 10.
    pub attempts: u32,
    /// How many codes are sent for one request, 1 to 10.
    pub codes: u32,
    /// How many codes are sent to one person in `person_window`, over all requests, 1 to 100.
    pub codes_per_person: u32,
    /// How often a wrong code may be typed for one person in `person_window`, over all requests, 1 to 100.
    pub attempts_per_person: u32,
    /// The time in which both are counted, from the first on: an hour to a week.
    pub person_window: Period,
    /// For how many days after it is done the copy of a request can be made again, 1 to 365.
    pub copy_days: u32,
}

/// The `[vault.archive]` table. What goes into the archive is said by the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ArchiveFile {
    /// Whether there is an archive.
    pub enabled: bool,
    /// How many days a conversation is kept. Policies of retention may end it earlier.
    pub days: u32,
    /// Whether whole words are found by a blind index. It tells who reads the database which conversations of one day share a
    /// word.
    pub word_index: bool,
    /// How many days the map of a stateful call is kept at most.
    pub reply_map_days: u32,
}

/// The `[log]` table. The log goes to standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// The least that is logged.
    pub level: LogLevel,
    /// Whether each prompt that got its answer has a line: who, where to, how long; nothing of its text.
    pub access: bool,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The least that is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// What somebody has to repair.
    Error,
    /// And what somebody should look at.
    Warn,
    /// And what happened.
    #[default]
    Info,
    /// And how.
    Debug,
    /// And every step.
    Trace,
}

impl LogLevel {
    /// The name, as the document spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl Default for SettingsFile {
    fn default() -> Self {
        Self {
            scan: ReadElsewhere,
            listen: "127.0.0.1:8787".to_owned(),
            policy: None,
            rules: Vec::new(),
            updates: UpdatesSettings::default(),
            pii_models: None,
            keys: KeysFile::default(),
            keyring: KeyringSettings::default(),
            store: StoreSettings::default(),
            limits: Limits::default(),
            shared_limits: None,
            log: Log::default(),
            tls: TlsFile::default(),
            presidio: PresidioFile::default(),
            metrics: MetricsFile::default(),
            telemetry: TelemetryFile::default(),
            sign_in: SignInFile::default(),
            console: ConsoleFile::default(),
            witnesses: Vec::new(),
            access: AccessFile::default(),
            alerts: AlertsFile::default(),
            vault: VaultFile::default(),
            routing: RoutingSettings::default(),
            providers: Vec::new(),
            models: Vec::new(),
            prices: Vec::new(),
            mcp: McpFile::default(),
        }
    }
}

impl Default for KeysFile {
    fn default() -> Self {
        Self {
            root: SecretRef::File("privet-data/root.key".into()),
            passphrase: None,
            log: None,
            surrogate_epoch: 1,
        }
    }
}

impl Default for KeyringSettings {
    fn default() -> Self {
        const DAY: u32 = 86_400;
        Self {
            path: "privet-data/keyring.sqlite".into(),
            url: None,
            owner_url: None,
            epoch: Period::from_secs(30 * DAY),
            destroy_after: Period::from_secs(7 * DAY),
            backup_retention: Period::from_secs(30 * DAY),
            epoch_backup_retention: None,
            root_grace: Period::from_secs(DAY),
            cached_keys: 1 << 16,
        }
    }
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            path: "privet-data/privet.sqlite".into(),
            url: None,
            owner_url: None,
            spool: "privet-data/spool".into(),
            spool_max_bytes: ByteSize::from_mib(256),
        }
    }
}

impl Default for VaultFile {
    fn default() -> Self {
        Self {
            enabled: false,
            listen: None,
            allow_plain_http: false,
            request_body: ByteSize::from_mib(4),
            import_body: ByteSize::from_mib(1024),
            import_timeout: Period::from_secs(600),
            page: 100,
            bulk_records: 1_000,
            bulk_record: ByteSize::from_mib(1),
            bulk_depth: 32,
            concurrent_requests: 256,
            databunker: DatabunkerFile::default(),
            connectors: Vec::new(),
            requests: RequestsFile::default(),
            archive: ArchiveFile::default(),
        }
    }
}

impl Default for DatabunkerFile {
    fn default() -> Self {
        Self {
            enabled: false,
            request_body: ByteSize::from_mib(16),
            bulk_body: ByteSize::from_mib(64),
            bulk_records: 100_000,
            bulk_record: ByteSize::from_kib(256),
            bulk_depth: 32,
            links: true,
            bulk_second_approver: true,
            request_second_approver: true,
        }
    }
}

impl Default for RequestsFile {
    fn default() -> Self {
        use RequestRight::{Access, Erasure, Objection, Portability, Rectification, Restriction};
        Self {
            code_url: None,
            callback_hosts: Vec::new(),
            ca_file: None,
            identity_for: [
                Access,
                Rectification,
                Erasure,
                Restriction,
                Portability,
                Objection,
            ]
            .into(),
            approval_for: [Rectification, Erasure].into(),
            code_digits: 8,
            code_lifetime: Period::from_secs(900),
            attempts: 5,
            codes: 5,
            codes_per_person: 10,
            attempts_per_person: 25,
            person_window: Period::from_secs(86_400),
            copy_days: 14,
        }
    }
}

impl Default for ArchiveFile {
    fn default() -> Self {
        Self {
            enabled: false,
            days: 30,
            word_index: false,
            reply_map_days: 30,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_body: ByteSize::from_mib(16),
            reply_body: ByteSize::from_mib(64),
            header_bytes: ByteSize::from_kib(64),
            headers: 100,
            concurrent_requests: 1024,
            connections: 4096,
            streams: 100,
            header_timeout: Period::from_secs(10),
            body_timeout: Period::from_secs(60),
            connect_timeout: Period::from_secs(10),
            first_byte_timeout: Period::from_secs(300),
            stream_idle_timeout: Period::from_secs(120),
            write_timeout: Period::from_secs(60),
            detect_deadline: Period::from_secs(5),
            detect_threads: 0,
            detect_queue: 256,
            shutdown_grace: Period::from_secs(30),
        }
    }
}
