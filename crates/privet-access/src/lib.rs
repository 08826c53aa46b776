//! Who may call Privet: API keys, the principals they stand for, and their pseudonyms in the audit log.
//!
//! For the server, which asks about every request, and the command line, which makes and revokes keys. It does not say
//! what a principal may do, and knows no HTTP.
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

mod api_key;
mod error;
mod key_ring;
mod manage;
mod pseudonym;

pub use api_key::KEY_PREFIX;
pub use error::{Denied, Error};
pub use key_ring::{Authenticated, KeyRing, KeyRingConfig, run_refresh};
pub use manage::{NewKey, create_key, list_keys, revoke_key};
pub use pseudonym::PseudonymKey;
