//! Signed updates: policies, rules and lists that come in one file, with a manifest that several people may have to sign.
//!
//! For the command line, which makes, checks and installs them. A pure reader and writer: it reads no file and knows no clock. Where
//! updates lie on a machine, which one is in force and which may follow it is not its own.
//!
//! ```
//! use std::collections::BTreeMap;
//! use privet_crypto::SigningKey;
//! use privet_types::UpdateKind;
//! use privet_update::UpdateBundle;
//! let files = BTreeMap::from([("policy.toml".to_owned(), b"[pii]\n".to_vec())]);
//! let term = ("2026-01-01T00:00:00Z".parse()?, "2026-04-01T00:00:00Z".parse()?);
//! let mut bundle = UpdateBundle::new((UpdateKind::Policy, "default"), (7, None), term, files)?;
//! let ann = SigningKey::generate()?;
//! bundle.head_mut().sign(&ann)?;
//! let read = UpdateBundle::read(&bundle.to_bytes()?)?;
//! assert_eq!(read.head().signers(&[ann.verifying_key()], 1)?, [ann.verifying_key()]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bundle;
mod error;
mod head;
mod manifest;

pub use bundle::UpdateBundle;
pub use error::UpdateError;
pub use head::UpdateHead;
pub use manifest::{Manifest, ManifestFile, UpdateName};
