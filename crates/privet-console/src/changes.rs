//! Before somebody changes who may do what.

use askama::Template;

use crate::Frame;
use crate::sign_in::IssuerLink;

/// Showing again who one is.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "proof.html")]
pub struct ProofPage {
    /// What stands round it.
    pub frame: Frame,
    /// Where to go then: a path of the console.
    pub next: String,
    /// Whether that person has an authenticator app.
    pub has_totp: bool,
    /// Whether that person has a passkey.
    pub has_passkey: bool,
    /// Where that person can sign in anew instead; none if it came by a password or a passkey.
    pub issuers: Vec<IssuerLink>,
}
