//! What is said where a page cannot be shown.

use askama::Template;

use crate::Frame;

/// Why there is no page.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "problem.html")]
pub struct ProblemPage {
    /// What stands round it.
    pub frame: Frame,
    /// The status of the answer.
    pub status: u16,
    /// What went wrong, and the way out.
    pub text: String,
}
