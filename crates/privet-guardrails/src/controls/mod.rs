//! Deterministic controls: rules that stop one attack each, whatever a detector thinks of the text.
//!
//! For the gateway and for `privet guard`. Each control has a configuration, an [`Action`] and a name ([`Control`]). Those that look at
//! what a model writes are [`Filter`]s: they take a reply piece by piece, hold back a bounded number of bytes, and come to the same
//! verdict however the reply was cut. Those that look at a whole thing (a tool call, a query, a list of tools) are plain functions.
//! What each one stops, and what not, is written down in docs/guardrails-controls.md.
//!
//! ```
//! use privet_guardrails::controls::{Action, Escapes, EscapesConfig, Filter, Passed};
//! use privet_types::Budget;
//! let mut filter = Escapes::new(&EscapesConfig::default());
//! let mut passed = Passed::default();
//! for piece in ["all \u{1b}[", "31mgood\u{1b}[0m"] {
//!     filter.push(piece, &mut passed, &Budget::unlimited())?;
//! }
//! filter.finish(&mut passed, &Budget::unlimited())?;
//! assert_eq!(passed.text, "all good");
//! assert_eq!(passed.action(), Action::Redact);
//! # Ok::<(), privet_guardrails::controls::Error>(())
//! ```

mod action;
mod channels;
mod content;
mod error;
mod escapes;
mod extraction;
mod filter;
mod invisible;
mod leak;
mod private;
mod sink;
mod tools;

pub use crate::harm::{HarmCategory, HarmScores};
pub use action::{Action, Control, Hit};
pub use channels::{Channels, ChannelsConfig};
pub use content::{
    Ban, BanKind, Citations, CitationsConfig, CodeConfig, CodeFilter, Ecosystem, HarmConfig, HarmFilter,
    HarmRule, LanguageConfig, LanguageFilter, PackageFilter, PackageList, PackagesConfig, PatternBan,
    PatternFilter, Patterns, PhraseFilter, Phrases, Source,
};
pub use error::Error;
pub use escapes::{Escapes, EscapesConfig};
pub use extraction::{ExtractionConfig, ExtractionMemory};
pub use filter::{Chain, Filter, Passed};
pub use invisible::{InvisibleConfig, InvisibleKind, InvisibleReport, StripInvisible, strip_invisible};
pub use leak::{
    Canary, CanaryConfig, CorpusBuilder, CorpusConfig, CorpusIndex, Honey, HoneyConfig, HoneyList, KeyedHash,
    PromptLeakConfig, PromptShadow, RepetitionConfig, Watching,
};
pub use private::{Brought, BroughtBy, Private, PrivateConfig};
pub use sink::{
    HtmlConfig, PathConfig, ShellConfig, Sink, SinkConfig, SinkFilter, SinkKind, SqlConfig, SqlDialect,
};
pub use tools::{
    Judgement, ManifestConfig, ManifestPins, Schema, SchemaFault, Tool, ToolCall, ToolSession, Tools,
    ToolsConfig, manifest,
};
