//! Who may call Privet, and what they may do: API keys, the principals they stand for, groups and roles, the policies (Cedar)
//! that decide, tokens of other issuers, how people sign in, signed assessments of providers, and the pseudonyms of principals in the audit log.
//!
//! For the server, which asks about every request, and the command line, which makes and changes all of these. It knows no
//! HTTP, and reads no file but lists of breached passwords.
//!
//! ```
//! use privet_access::{Denied, KeyRing, KeyRingConfig, create_key};
//! use privet_crypto::RootKey;
//! use privet_store::Store;
//! # use privet_types::{Clock, KeyScopes, TenantId};
//! # struct Noon;
//! # impl Clock for Noon { fn now(&self) -> jiff::Timestamp { "2026-01-01T12:00:00Z".parse().unwrap() } }
//! # let dir = tempfile::tempdir()?;
//! # let clock = Noon;
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let root = RootKey::generate()?;
//! let store = Store::open(&dir.path().join("privet.sqlite"), &root).await?;
//! let new = create_key(&store, &root, &TenantId::default(), &"ann".parse()?, KeyScopes::default(), None, &clock).await?;
//! let ring = KeyRing::open(store, &root, KeyRingConfig::default()).await?;
//! let caller = ring.authenticate(new.key.expose(), clock.now()).await?;
//! assert_eq!(caller.principal.as_str(), "ann");
//! assert_eq!(ring.authenticate("prvt_nonsense", clock.now()).await, Err(Denied::Malformed));
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod account;
mod administer;
mod api_key;
mod assessment;
mod cedar;
mod error;
mod issuer;
mod key_ring;
mod kill;
mod last_use;
mod manage;
mod people;
mod privilege;
mod pseudonym;
mod review;
mod sign_in;
mod signed;
mod token;

pub use account::{Account, Accounts, Described, SERVICE_ROLE};
pub use administer::{AdminError, Administration};
pub use api_key::{KEY_PREFIX, is_credential};
pub use assessment::{Assessment, AssessmentStatus, Assessments, Standing, Training};
pub use cedar::{
    Ask, Authorizer, DecideError, Explanation, KindAsked, Lint, PolicyBearing, PolicyError, PolicyStep,
    PolicyText, PromptFacts, Resource, Verdict,
};
pub use error::{Denied, Error};
pub use issuer::{
    Algorithm, BadKeySet, BadToken, Claimed, Expected, Issuer, IssuerConfig, NameClaim, Presented, SignedIn,
    Wanted, looks_like_token, strict_object,
};
pub use key_ring::{
    AccessRules, Authenticated, KeyRing, KeyRingConfig, Looks, NotPermitted, REFRESH, Vouched, Way,
    run_refresh,
};
pub use kill::{COMMAND_LINE, Cut, KillOrder, KillSwitches, LocalError, LocalSwitches, Switches};
pub use manage::{LONGEST_GRACE, NewKey, create_key, list_keys, revoke_key, revoke_line, rotate_key};
pub use people::{People, load_accounts};
pub use privet_store::{Holder, KillSwitch, KillTarget};
pub use privilege::{Privilege, UnknownPrivilege};
pub use pseudonym::PseudonymKey;
pub use review::{OpenSessions, Probe, ReviewRow, effectiveness, review};
pub use sign_in::{
    Assertion, Attempt, Attestation, Enrolment, Identity, Live, NewInvite, NewPasskey, NewSession, NewTotp,
    PasswordFault, Proof, SessionRecord, SessionStanding, SignIn, SignInConfig, SignInError, SignInPolicy,
    SignInWay, SignedPasskey, check_breached_hashes,
};
pub use signed::{RecordError, Signer};
pub use token::{
    LONGEST_TOKEN, MOST_REVOKED_TOKENS, NewToken, TOKEN_PREFIX, TOKEN_REMEMBERED, TokenError, TokenFacts,
    TokenOrder,
};
