//! The pages by which people come in: password, identity providers, second factor, enrolment, recovery codes, invite.

use askama::Template;

use crate::Frame;

/// Name and password, or a passkey.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    /// What stands round it.
    pub frame: Frame,
    /// Where to go then: a path of the console.
    pub next: String,
    /// The name that was typed.
    pub name: String,
    /// The tenant that was typed; empty for the usual one.
    pub tenant: String,
    /// Identity providers at which people sign in, too.
    pub issuers: Vec<IssuerLink>,
}

/// The way to an identity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerLink {
    /// What the settings call it.
    pub name: String,
    /// The address of Privet's that sends a browser there.
    pub path: String,
}

/// A code of the authenticator app, a recovery code, or a passkey.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "second_factor.html")]
pub struct SecondFactorPage {
    /// What stands round it.
    pub frame: Frame,
    /// Where to go then: a path of the console.
    pub next: String,
    /// Who wants to come in.
    pub name: String,
    /// What the form must send along.
    pub forgery_token: String,
    /// Whether that person has an authenticator app.
    pub has_totp: bool,
    /// Whether that person has a passkey.
    pub has_passkey: bool,
}

/// Adding the second factor that a role asks for.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "enrol.html")]
pub struct EnrolPage {
    /// What stands round it.
    pub frame: Frame,
    /// Who adds it.
    pub name: String,
    /// What the forms must send along.
    pub forgery_token: String,
    /// The authenticator app that is to be confirmed; none until it is asked for.
    pub app: Option<NewApp>,
}

/// An authenticator app that is to be confirmed.
#[derive(Clone, PartialEq, Eq)]
pub struct NewApp {
    /// The QR code as SVG, made by us; none if it was shown before and cannot be again.
    pub picture: Option<String>,
    /// The secret in groups of four, for typing.
    pub secret: String,
}

/// It holds a secret.
impl std::fmt::Debug for NewApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewApp").finish_non_exhaustive()
    }
}

/// Recovery codes, shown once.
#[derive(Clone, PartialEq, Eq, Template)]
#[template(path = "recovery_codes.html")]
pub struct RecoveryCodesPage {
    /// What stands round it.
    pub frame: Frame,
    /// The codes.
    pub codes: Vec<String>,
    /// Where to go then: a path of the console.
    pub next: &'static str,
}

/// It holds secrets.
impl std::fmt::Debug for RecoveryCodesPage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecoveryCodesPage").finish_non_exhaustive()
    }
}

/// An invite and a first password.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "invite.html")]
pub struct InvitePage {
    /// What stands round it.
    pub frame: Frame,
    /// Fewest characters of a password.
    pub least_length: usize,
}
