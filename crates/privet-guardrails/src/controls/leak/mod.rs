//! What must not leave in a reply, and is told by what it is: a canary, the system prompt, honey records, protected documents; and
//! replies that repeat themselves.

mod canary;
mod corpus;
mod honey;
mod needles;
mod prompt;
mod readings;
mod repetition;
mod watching;
mod window;
mod words;

pub use canary::{Canary, CanaryConfig};
pub use corpus::{CorpusBuilder, CorpusConfig, CorpusIndex};
pub use honey::{Honey, HoneyConfig, HoneyList};
pub use needles::KeyedHash;
pub use prompt::{PromptLeakConfig, PromptShadow};
pub(in crate::controls) use readings::squeezed;
pub use repetition::RepetitionConfig;
pub use watching::Watching;
