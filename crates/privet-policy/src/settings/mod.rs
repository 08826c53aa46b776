//! `privet.toml`: where Privet listens, where it keeps things, which providers there are.

mod access;
mod acme;
mod alerts;
mod check;
mod console;
mod file;
mod issuers;
mod kind;
mod mcp;
mod models;
mod provider;
mod provider_file;
mod requests;
mod shared;
mod sign_in;
mod telemetry;
mod tls;
mod updates;
mod vault;
pub(crate) mod wildcard;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub use access::{AccessFile, AccessSettings};
pub use acme::{AcmeChallengeKind, AcmeFile, AcmeSettings, ExternalAccountFile};
pub use alerts::{AlertSettings, AlertsFile, SyslogServer, SyslogTransport};
pub use console::ConsoleFile;
pub use file::{
    ArchiveFile, ConnectorFile, ConnectorKind, DatabunkerFile, KeyringSettings, KeysFile, Limits, Log,
    LogFormat, LogLevel, MetricsFile, PresidioFile, ReadElsewhere, RequestRight, RequestsFile, SettingsFile,
    StoreSettings, VaultFile, WitnessSettings,
};
pub use issuers::{
    IssuerFile, JwksPlace, LoginFile, LoginSettings, TokenAlgorithm, TokenClaim, TokenMatch, TrustedIssuer,
};
pub use mcp::{
    McpArguments, McpChangedTools, McpFile, McpRequests, McpServer, McpServerFile, McpSettings, McpThing,
};
use models::ModelRoute;
pub use models::{Route, Target};
pub use provider::{AwsSigning, HealthCheck, Provider};
pub use provider_file::{
    Auth, AwsFile, Dialect, FallbackFile, HealthFile, HttpVersion, ModelFile, ProviderFile, ProviderKind,
    RoutingSettings, TargetFile,
};
pub use shared::SharedLimitsSettings;
pub use sign_in::{SignInFile, SignInSettings};
pub use telemetry::{Share, TelemetryFile, TelemetrySettings};
pub use tls::{CertificateFile, ClientAuth, ClientName, TlsClient, TlsClientFile, TlsFile, TlsSettings};
pub use updates::{ExpiredUpdates, NotCurrent, UpdateFile, UpdatesSettings};

use privet_types::{Principal, TenantId};

use crate::limits::Prices;
use crate::{ByteSize, Error, Period, SecretRef, document};

/// `privet.toml` as checked. Paths are already relative to the current folder, not to the document.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Where the gateway listens.
    pub listen: SocketAddr,
    /// The policy document; the default policy applies if there is none.
    pub policy: Option<PathBuf>,
    /// Files of rules that are added to the policy.
    pub rules: Vec<PathBuf>,
    /// Whose signed updates are taken, and where they lie.
    pub updates: UpdatesSettings,
    /// The folder of networks that were added; a default one applies if there is none.
    pub pii_models: Option<PathBuf>,
    /// Where the root key is kept.
    pub root_key: SecretRef,
    /// Where the passphrase of a locked root key is kept; it is asked for if there is none.
    pub passphrase: Option<SecretRef>,
    /// Where the key that signs the audit log is kept; derived from the root key if there is none.
    pub log_key: Option<SecretRef>,
    /// Number of the surrogate keys.
    pub surrogate_epoch: u64,
    /// Where the keyring is, and how long keys live.
    pub keyring: KeyringSettings,
    /// What is kept on disk, and where.
    pub store: StoreSettings,
    /// How much, how many and how long.
    pub limits: Limits,
    /// By which server several nodes share the policy's limits, if any.
    pub shared_limits: Option<SharedLimitsSettings>,
    /// What is logged, and how.
    pub log: Log,
    /// TLS on Privet's addresses; plain HTTP if there is none, which is on loopback addresses only, or behind a proxy.
    pub tls: Option<TlsSettings>,
    /// Where Presidio's endpoints answer besides the gateway's own address.
    pub presidio: Option<PresidioListener>,
    /// Whose signatures count and what they signed, and whose tokens are taken.
    pub access: AccessSettings,
    /// How people sign in, if they do.
    pub sign_in: Option<SignInSettings>,
    /// Whether there is a console. INVARIANT: only with `sign_in`.
    pub has_console: bool,
    /// Who is told of alerts.
    pub alerts: AlertSettings,
    /// Where a monitoring system reads figures, if anywhere.
    pub metrics: Option<MetricsListener>,
    /// Where traces and log lines go, if anywhere.
    pub telemetry: Option<TelemetrySettings>,
    /// The vault, if there is to be one.
    pub vault: Option<VaultSettings>,
    /// Who signs the checkpoints of the audit log beside the log itself.
    pub witnesses: Vec<WitnessSettings>,
    /// Outside stores that erasure reaches, also where there is to be no vault over HTTP. INVARIANT: no two of one place.
    pub connectors: Vec<ConnectorFile>,
    /// How requests are sent again, and when a provider is given a rest.
    pub routing: RoutingSettings,
    /// What tokens cost.
    pub prices: Prices,
    /// Servers of tools that Privet stands before, if there are any.
    pub mcp: Option<McpSettings>,
    providers: Vec<Provider>,
    models: Vec<ModelRoute>,
}

/// An address of its own for Presidio's endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PresidioListener {
    /// The address. INVARIANT: a loopback address, or `requires_key`.
    pub listen: SocketAddr,
    /// Whether callers need an API key.
    pub requires_key: bool,
}

/// An address for a monitoring system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetricsListener {
    /// The address. INVARIANT: a loopback address, or `requires_key`.
    pub listen: SocketAddr,
    /// Whether it needs an API key with the scope `metrics`.
    pub requires_key: bool,
}

/// The vault.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VaultSettings {
    /// An address of its own; `None` for the gateway's. INVARIANT: whichever it is, it is a loopback address, or the settings
    /// allow plain HTTP.
    pub listen: Option<SocketAddr>,
    /// How much and how many.
    pub limits: VaultLimits,
    /// Databunker's interfaces, if they answer. INVARIANT: `listen` is an address of its own then.
    pub databunker: Option<DatabunkerSettings>,
    /// Requests of subjects.
    pub requests: RequestSettings,
    /// The archive of conversations.
    pub archive: ArchiveFile,
}

/// Databunker's interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatabunkerSettings {
    /// Largest request body, but for those that hold many records.
    pub request_body: ByteSize,
    /// Largest body of those.
    pub bulk_body: ByteSize,
    /// Most records of such a body.
    pub bulk_records: u32,
    /// Largest of these records.
    pub bulk_record: ByteSize,
    /// How many objects and lists may stand in each other in one of them.
    pub bulk_depth: u32,
    /// Whether the two links of a scheduled deletion answer.
    pub has_links: bool,
    /// Whether somebody else has to approve an unlock.
    pub needs_second_approver: bool,
    /// Whether somebody else has to approve what was asked for.
    pub needs_second_for_requests: bool,
}

/// How requests of subjects are worked on, and what is sent out for them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestSettings {
    /// Where one-time codes are posted. INVARIANT: `https`, or `http` to this machine.
    pub code_url: Option<String>,
    /// The hosts that callbacks may go to, in small letters, with their ports where those are not 443.
    pub callback_hosts: BTreeSet<String>,
    /// Certificates to trust instead of the usual ones.
    pub ca_file: Option<PathBuf>,
    /// For which requests it must be made sure that the subject asks.
    pub identity_for: BTreeSet<RequestRight>,
    /// Which requests somebody else must approve.
    pub approval_for: BTreeSet<RequestRight>,
    /// How codes are made and how often they are tried.
    pub codes: CodeSettings,
    /// For how many days the copy of a request can be made again. INVARIANT: 1 to 365.
    pub copy_days: u32,
}

/// One-time codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodeSettings {
    /// Digits of a code. INVARIANT: 6 to 12.
    pub digits: u8,
    /// How long a code is good, in seconds. INVARIANT: 60 to 86,400.
    pub seconds: u32,
    /// How often a code may be typed wrongly. INVARIANT: 1 to 10.
    pub attempts: u32,
    /// How many codes are sent for one request. INVARIANT: 1 to 10.
    pub sent: u32,
    /// How many codes are sent to one person in `person_seconds`. INVARIANT: 1 to 100.
    pub sent_per_person: u32,
    /// How often a wrong code may be typed for one person in `person_seconds`. INVARIANT: 1 to 100.
    pub attempts_per_person: u32,
    /// The time in which both are counted. INVARIANT: 3,600 to 604,800.
    pub person_seconds: u32,
}

/// How much and how many the vault takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct VaultLimits {
    /// Largest request body, but for imports.
    pub request_body: ByteSize,
    /// Largest body of an import.
    pub import_body: ByteSize,
    /// How long an import may take to arrive.
    pub import_timeout: Period,
    /// Most rows of a page.
    pub page: u32,
    /// Most records of a call that makes several subjects.
    pub bulk_records: u32,
    /// Largest record of such a call, and of an import.
    pub bulk_record: ByteSize,
    /// How many objects and lists may stand in each other in one of them.
    pub bulk_depth: u32,
    /// Most requests at work at once.
    pub concurrent_requests: u32,
}

impl Settings {
    /// Reads the settings in `text`. `path` is where the text came from: errors name it and relative paths in the
    /// document start at its folder; it is not read.
    ///
    /// # Errors
    /// [`Error`] at the first fault, with its line, column and key, and never with a value.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        document::read(text, path, |file| check::check(file, path))
    }

    /// Where requests for `model` go: the first of the document's `[[models]]` that matches. O(models).
    #[must_use]
    pub fn route(&self, model: &str) -> Option<Route<'_>> {
        let found = self
            .models
            .iter()
            .find(|route| wildcard::matches(&route.pattern, model))?;
        Route::new(&found.targets, &self.providers)
    }

    /// The route to the provider of this name alone, asking for `model`.
    #[must_use]
    pub fn route_to<'a>(&'a self, provider: &str, model: &'a str) -> Option<Route<'a>> {
        let provider = self.providers.iter().find(|known| known.name() == provider)?;
        Some(Route::to(provider, model))
    }

    /// Who may call by a certificate in the place of a key, and in whose installation space.
    pub fn by_certificate(&self) -> impl Iterator<Item = (TenantId, Principal)> {
        let clients = self.tls.iter().flat_map(|tls| &tls.clients);
        clients.map(|client| (client.tenant.clone(), client.principal.clone()))
    }

    /// Every provider, in the document's order; at least one.
    #[must_use]
    pub fn providers(&self) -> &[Provider] {
        &self.providers
    }

    /// Every `match` of `[[models]]` with the first provider it leads to, in the document's order; at least one.
    pub fn models(&self) -> impl Iterator<Item = (&str, &Provider)> {
        self.models.iter().filter_map(|route| {
            let route_of = Route::new(&route.targets, &self.providers)?;
            Some((route.pattern.as_str(), route_of.provider))
        })
    }
}

/// A commented `privet.toml` that works as it stands, once the environment variables it names are set.
#[must_use]
pub const fn example() -> &'static str {
    include_str!("example.toml")
}

/// The JSON Schema of `privet.toml`, as committed in `schema/settings.schema.json`.
#[must_use]
pub fn schema() -> String {
    document::schema::<SettingsFile>()
}
