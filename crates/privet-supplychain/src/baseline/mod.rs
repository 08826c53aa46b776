//! What is already known or allowed: keyed fingerprints, the committed file of accepted findings, and allow lists.

mod allow;
mod error;
mod file;
mod key;
mod paths;

pub use allow::{Allow, AllowList, Allowed, Suppressing};
pub use error::BaselineError;
pub use file::{Accepted, Applied, Baseline, Because};
pub use key::{ScanKey, fingerprint};
pub use paths::{BadGlob, PathGlobs, file_of};
