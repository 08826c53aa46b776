//! The signed log of audit events and state changes.
//!
//! An event or change is committed as a leaf without a position. One sequencer gives positions and signs checkpoints; who
//! writes never waits for it.

mod append;
mod check;
mod kept;
mod position;
mod prove;
mod read;
mod sequencer;
mod successor;

use privet_crypto::{RootKey, SigningKey};
use privet_log::{NoteSigner, Signer};

pub(crate) use append::append_change;
pub use append::{Leaf, append_leaf, append_leaf_id, append_leaves};
pub use check::{LogCheck, LogFault};
pub use kept::KeptCheckpoint;
pub use position::log_position;
pub use read::{LogHead, LogLeaf};
pub use sequencer::{Sequencer, run_sequencer, run_sequencer_through_changes};
pub use successor::{LogKey, Successors};

use crate::Error;

/// Numbers what happens in the store itself, as a node's id does for what happens on the node.
pub(crate) const STORE_NODE: &str = "store";

/// What signs the log of the installation of `root`: with `key`, or else with one derived from `root`. The log is named
/// for the installation, so that no two logs share a name.
///
/// # Errors
/// [`Error::Crypto`] if the library refuses to work.
pub fn log_signer(root: &RootKey, key: Option<SigningKey>) -> Result<NoteSigner, Error> {
    let key = match key {
        Some(key) => key,
        None => root.signing_key("privet/store/log", b"")?,
    };
    let name = root.hash_key("privet/store/log-name", b"").hash_hex(&[]);
    let name = name.get(..16).unwrap_or(&name);
    Ok(NoteSigner::new(
        &format!("privet.internal/{name}"),
        Signer::Log,
        key,
    )?)
}
