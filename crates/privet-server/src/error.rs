//! Why a gateway cannot start.

use std::path::PathBuf;

/// What can go wrong before the first request is served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server of `[shared_limits]` cannot be used as the settings name it.
    #[error(transparent)]
    SharedLimits(#[from] crate::limits::SharedError),
    /// The server of shared limits did not take a kill switch.
    #[error("the server of `[shared_limits]` did not take the kill switch; use `--local` on each machine")]
    NotShared,
    /// The address is taken or not ours.
    #[error("cannot listen on `{address}`; choose another `listen` address in the settings")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The system gives no more threads.
    #[error("cannot start the threads that serve connections")]
    Threads(#[source] std::io::Error),
    /// A provider's key holds characters that no header may hold.
    #[error(
        "the key of provider `{provider}` holds a character that cannot be sent in a header; check what its reference points to"
    )]
    BadUpstreamKey {
        /// Its name in the settings.
        provider: String,
    },
    /// A provider's address cannot be asked.
    #[error("the address of provider `{provider}` cannot be used; check its `base_url` in the settings")]
    BadAddress {
        /// Its name in the settings.
        provider: String,
    },
    /// The address of an issuer's keys cannot be asked.
    #[error(
        "the address of the keys of the issuer `{issuer}` cannot be used; check its `jwks_url` in the settings"
    )]
    BadIssuer {
        /// Its name in the settings.
        issuer: String,
    },
    /// A `ca_file` is not a list of certificates.
    #[error("`{path}` holds no usable certificates; `ca_file` takes PEM")]
    BadCertificates {
        /// The file.
        path: PathBuf,
    },
    /// The certificates of Privet's own addresses cannot be used.
    #[error("the certificates in `[tls]` of the settings cannot be used")]
    Certificate(#[from] crate::TlsError),
    /// The directory of an authority cannot be asked.
    #[error("the address in `directory` of `[tls.acme]` in the settings cannot be used")]
    BadAuthority,
    /// The key of an account with an authority is none.
    #[error(
        "the key of `external_account` in `[tls.acme]` of the settings is not base64url; check what its reference points to"
    )]
    BadExternalKey,
    /// The TLS library refused its own defaults.
    #[error("TLS cannot be set up")]
    Tls,
    /// The policy keeps conversations, and there is nowhere to keep them.
    #[error(
        "the policy keeps conversations, but there is no archive; set `[vault] enabled = true` and `[vault.archive] enabled = true` in the settings"
    )]
    NoArchive,
    /// The policy sends prompts where the settings lead to nobody who may get them.
    #[error(transparent)]
    BadRoute(#[from] privet_policy::BadRoute),
    /// The guardrails of the policy cannot be used.
    #[error("the guardrails of the policy cannot be used")]
    Guardrails(#[from] privet_guardrails::gate::GateError),
    /// The policy sends prompts on to a model that the settings lead to nobody.
    #[error(
        "`route_to` of `[guardrails]` in the policy names `{model}`, which `[[models]]` of the settings lead to no provider"
    )]
    BadGuardRoute {
        /// The model.
        model: String,
    },
    /// The policy differs from the one in force where a running gateway cannot follow.
    #[error("`[{table}]` of the policy is read at start only; restart the gateway for it")]
    NeedsRestart {
        /// The table of the policy document.
        table: &'static str,
    },
    /// The audit log cannot be told of another policy.
    #[error("the change of the policy cannot be recorded in the audit log")]
    Unrecorded(#[source] privet_store::Error),
    /// The policy limits cost, and nothing has a price.
    #[error("the policy limits what models cost, but no model has a price; add `[[prices]]` to the settings")]
    NoPrices,
    /// The store does not answer.
    #[error("what was used of budgets cannot be read")]
    Store(#[from] privet_store::Error),
    /// People cannot sign in as the settings say.
    #[error("people cannot sign in as `[sign_in]` of the settings says")]
    SignIn(#[source] privet_access::Error),
    /// The policy's detector cannot be made.
    #[error("the policy cannot be used")]
    Detector(#[from] privet_pii::Error),
    /// The address that alerts are posted to cannot be used.
    #[error("the address in `webhook_url` of `[alerts]` in the settings cannot be used")]
    BadWebhook,
    /// The collector of telemetry cannot be asked as the settings say.
    #[error(
        "the collector in `[telemetry]` of the settings cannot be used; check its `endpoint`, and what the references in `headers` point to"
    )]
    BadTelemetry,
    /// No random bytes.
    #[error(transparent)]
    Crypto(#[from] privet_crypto::Error),
}
