//! What a reply may speak of: banned words and topics, patterns, languages, program code, citations that resolve, packages that exist,
//! and harmful content by category.

mod citations;
mod code;
mod harm;
mod language;
mod lines;
mod packages;
mod patterns;
mod phrases;

pub use citations::{Citations, CitationsConfig, Source};
pub use code::{CodeConfig, CodeFilter};
pub use harm::{HarmConfig, HarmFilter, HarmRule};
pub use language::{LanguageConfig, LanguageFilter};
pub use packages::{Ecosystem, PackageFilter, PackageList, PackagesConfig};
pub use patterns::{PatternBan, PatternFilter, Patterns};
pub use phrases::{Ban, BanKind, PhraseFilter, Phrases};
