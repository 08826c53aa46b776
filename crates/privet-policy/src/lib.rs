//! Privet's two documents: *settings* (`privet.toml`, read once at start) and *policy* (`policy.toml`, what is looked
//! for and what happens to it).
//!
//! For the rim, which reads the files, and for the server, which obeys them. A document is first a *file* as written
//! ([`SettingsFile`], [`PolicyFile`]) and then checked ([`Settings`], [`Policy`]); only the checked form can be used.
//! It reads no file, no environment and no key: keys are references ([`SecretRef`]) that the rim resolves. No error
//! repeats a value of the document, because people paste keys into settings and the policy lists private terms.
//!
//! ```
//! use privet_policy::{Policy, Settings};
//! let settings = Settings::parse(
//!     r#"
//!     [[providers]]
//!     name = "local"
//!     dialect = "openai"
//!     base_url = "http://127.0.0.1:11434/v1"
//!     [[models]]
//!     match = "*"
//!     provider = "local"
//!     "#,
//!     "privet.toml".as_ref(),
//! )?;
//! let route = settings.route("llama3.2").map(|route| route.provider.name());
//! assert_eq!(route, Some("local"));
//! assert_eq!(Policy::default().version().len(), 16);
//! # Ok::<(), privet_policy::Error>(())
//! ```

mod access;
mod byte_size;
mod clear;
mod coaching;
mod document;
mod error;
mod guardrails;
mod key_path;
pub mod limits;
mod message;
mod nearest;
mod notices;
mod operators;
mod period;
mod playbook;
mod policy;
mod routing;
mod rules;
mod secret_ref;
mod settings;
mod web_address;

pub use access::{AccessConfig, RequireAssessment};
pub use byte_size::{BadByteSize, ByteSize};
pub use clear::{Clearance, Cleared, Clearing, LocalModel, NotCleared, Prompt, Protecting, Raw, with_model};
pub use coaching::{Advice, CoachingConfig, CoachingRule, Language};
pub use error::Error;
pub use notices::{Notice, NoticeConfig, Services};
pub use operators::operators;
pub use period::{BadPeriod, Period};
pub use playbook::playbook;
pub use policy::{
    ArchiveConfig, ArchiveContent, ArchiveFailure, Audit, AuditConfig, ConsentConfig, Durability, Policy,
    PolicyFile, ResponsesConfig, Storage, example as policy_example, schema as policy_schema,
};
pub use privet_guardrails::gate::Models as GuardModels;
pub use routing::{BadRoute, RoutingConfig, SensitiveAction, SensitiveRule};
pub use rules::{RulesFile, schema as rules_schema};
pub use secret_ref::SecretRef;
pub use settings::{
    AccessFile, AccessSettings, AcmeChallengeKind, AcmeFile, AcmeSettings, AlertSettings, AlertsFile,
    ArchiveFile, Auth, AwsFile, AwsSigning, CertificateFile, ClientAuth, ClientName, CodeSettings,
    ConnectorFile, ConnectorKind, ConsoleFile, DatabunkerFile, DatabunkerSettings, Dialect, ExpiredUpdates,
    ExternalAccountFile, FallbackFile, HealthCheck, HealthFile, HttpVersion, IssuerFile, JwksPlace,
    KeyringSettings, KeysFile, Limits, Log, LogFormat, LogLevel, LoginFile, LoginSettings, McpArguments,
    McpChangedTools, McpFile, McpRequests, McpServer, McpServerFile, McpSettings, McpThing, MetricsFile,
    MetricsListener, ModelFile, NotCurrent, PresidioFile, PresidioListener, Provider, ProviderFile,
    ProviderKind, ReadElsewhere, RequestRight, RequestSettings, RequestsFile, Route, RoutingSettings,
    Settings, SettingsFile, Share, SharedLimitsSettings, SignInFile, SignInSettings, StoreSettings,
    SyslogServer, SyslogTransport, Target, TargetFile, TelemetryFile, TelemetrySettings, TlsClient,
    TlsClientFile, TlsFile, TlsSettings, TokenAlgorithm, TokenClaim, TokenMatch, TrustedIssuer, UpdateFile,
    UpdatesSettings, VaultFile, VaultLimits, VaultSettings, WitnessSettings, example as settings_example,
    schema as settings_schema,
};
