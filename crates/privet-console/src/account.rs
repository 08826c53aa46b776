//! One's own account: where one is signed in, how one comes in, and what programs of one's own come in with.

use askama::Template;

use crate::keys::{KeyRow, Scope};
use crate::sign_in::NewApp;
use crate::{Frame, Once};

/// The account of whoever looks.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "account.html")]
pub struct AccountPage {
    /// What stands round it.
    pub frame: Frame,
    /// Where one is signed in, the youngest first.
    pub sessions: Vec<SessionRow>,
    /// Whether it is not long since who looks showed who it is: else that is asked for before anything is changed.
    pub is_proved: bool,
    /// The authenticator app.
    pub app: App,
    /// The passkeys.
    pub passkeys: Vec<PasskeyRow>,
    /// Recovery codes that were not used.
    pub recovery_codes: i64,
    /// Fewest characters of a password.
    pub least_length: usize,
    /// One's own keys, in the order in which they were made.
    pub keys: Vec<KeyRow>,
    /// Whether there are keys beyond those.
    pub has_more_keys: bool,
    /// Whether who looks may see all keys: then one's own are linked to their pages.
    pub may_see_keys: bool,
    /// What a token can be good for; nothing if who looks may make none.
    pub scopes: Vec<Scope>,
    /// For how long a token can be good: seconds, and in words.
    pub lives: Vec<(u64, String)>,
    /// Whether who looks may make tokens and take them back.
    pub may_make_tokens: bool,
    /// The token that was just made.
    pub made: Option<Once>,
}

/// The authenticator app of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum App {
    /// There is none.
    Missing,
    /// One is to be confirmed by its first code.
    New(NewApp),
    /// There is one.
    Added,
}

/// Where somebody is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Its public id.
    pub id: String,
    /// How it was opened.
    pub way: &'static str,
    /// Whether two factors were shown in it.
    pub has_two_factors: bool,
    /// When it was opened.
    pub made_at: String,
    /// When it was last used.
    pub seen_at: String,
    /// When it ends at the latest.
    pub expires_at: String,
    /// Whether it is the one that looks.
    pub is_current: bool,
}

/// A passkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeyRow {
    /// Its public id.
    pub id: String,
    /// What its person calls it.
    pub name: String,
    /// When it was added.
    pub made_at: String,
    /// When it was last used.
    pub used_at: String,
    /// Since when it does not count, as somebody may have a copy; empty if it counts.
    pub suspect_at: String,
}

impl AccountPage {
    fn has_factor(&self) -> bool {
        self.app == App::Added || !self.passkeys.is_empty()
    }

    fn has_others(&self) -> bool {
        self.sessions.iter().any(|session| !session.is_current)
    }
}
