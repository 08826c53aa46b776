//! What the guardrails of a gateway under test read.

use privet_crypto::RootKey;

use crate::gateway::Builder;
use crate::home::Home;

impl Builder {
    /// With the file that `[guardrails.files]` of the policy names so.
    pub fn guard_file(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.guard_files.insert(name.into(), bytes.into());
        self
    }
}

impl Home {
    /// The root key of the installation: lists of honey records are good for one alone.
    #[must_use]
    pub fn root_key(&self) -> RootKey {
        RootKey::parse(&self.root).expect("a root key")
    }
}
