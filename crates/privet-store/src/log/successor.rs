//! The key that the log has now, for those who run while it is changed.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use privet_log::{NoteKey, NoteSigner};

/// The public key of the log, as it is known at the moment. Cheap to clone; clones change together.
#[derive(Debug, Clone)]
pub struct LogKey(Arc<RwLock<NoteKey>>);

impl LogKey {
    /// The key.
    #[must_use]
    pub fn get(&self) -> NoteKey {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on it is `key`.
    fn set(&self, key: NoteKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = key;
    }
}

impl From<NoteKey> for LogKey {
    fn from(key: NoteKey) -> Self {
        Self(Arc::new(RwLock::new(key)))
    }
}

/// Where a running sequencer looks for the key that the log was given meanwhile.
pub struct Successors {
    find: Box<dyn FnMut() -> Option<NoteSigner> + Send>,
    key: LogKey,
}

impl Successors {
    /// `find` gives what the settings name now, if it can be read; `key` is told of the change.
    pub fn new(key: LogKey, find: impl FnMut() -> Option<NoteSigner> + Send + 'static) -> Self {
        Self {
            find: Box::new(find),
            key,
        }
    }

    /// The signer with the public key `known`, if it is what the settings name by now.
    pub(super) fn find(&mut self, known: &str) -> Option<NoteSigner> {
        (self.find)().filter(|signer| signer.key().to_string() == known)
    }

    pub(super) fn tell(&self, signer: &NoteSigner) {
        self.key.set(signer.key().clone());
    }
}

impl fmt::Debug for Successors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Successors").finish_non_exhaustive()
    }
}
