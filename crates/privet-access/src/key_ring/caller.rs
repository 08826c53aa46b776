//! Who was let in, and by what.

use std::sync::Arc;

use privet_types::{KeyScope, KeyScopes, Principal, Pseudonym, TenantId};

use crate::Denied;
use crate::account::Account;
use crate::issuer::IssuerConfig;
use crate::token::TokenFacts;

/// How the id begins of what is no key, but a token.
const BY_TOKEN: &str = "jwt:";

/// By what somebody was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// An API key.
    Key,
    /// A certificate of the connection.
    Certificate,
    /// The session of a browser.
    Session,
    /// A token that one of these made.
    Token,
    /// A token of another issuer.
    Issuer,
}

impl Way {
    /// The name in tokens and in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Certificate => "certificate",
            Self::Session => "session",
            Self::Token => "token",
            Self::Issuer => "issuer",
        }
    }

    /// The way of this name, if tokens are made by it.
    pub(super) fn of_maker(name: &str) -> Option<Self> {
        let makers = [Self::Key, Self::Certificate, Self::Session];
        makers.into_iter().find(|way| way.name() == name)
    }
}

/// Who was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated {
    /// Who calls.
    pub principal: Principal,
    /// In whose installation space.
    pub tenant: TenantId,
    /// By which key; with a token, by which it was made.
    pub key_id: String,
    /// The first of the keys whose place that one took, if it took any.
    pub line: Option<String>,
    /// What that key may be used for.
    pub scopes: KeyScopes,
    /// The caller's groups, roles and trainings.
    pub account: Arc<Account>,
    /// By what.
    pub way: Way,
    /// By which token, if it was one.
    pub token: Option<Arc<TokenFacts>>,
}

/// Somebody who is let in without a key: what the certificate of a connection says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// Who calls.
    pub principal: Principal,
    /// In whose installation space.
    pub tenant: TenantId,
    /// What stands where a key's id does.
    pub id: String,
    /// What they may do, as the scopes of a key say.
    pub scopes: KeyScopes,
}

impl Vouched {
    /// Whom a token of the issuer `issuer` stands for. `pseudonym` is theirs.
    #[must_use]
    pub fn by_token(issuer: &IssuerConfig, principal: Principal, pseudonym: &Pseudonym) -> Self {
        Self {
            principal,
            tenant: issuer.tenant.clone(),
            // No key's id holds a colon. It goes to alerts, which name nobody.
            id: format!("{BY_TOKEN}{}:{}", issuer.name, pseudonym.0),
            scopes: issuer.scopes,
        }
    }
}

impl Authenticated {
    /// What limits per key count by: a key and those that took its place are one.
    #[must_use]
    pub fn counted_key(&self) -> &str {
        self.line.as_deref().unwrap_or(&self.key_id)
    }

    /// The issuer whose token they came by, as the settings name it; none if they came otherwise.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        let rest = self.key_id.strip_prefix(BY_TOKEN)?;
        rest.split_once(':').map(|(issuer, _)| issuer)
    }

    /// That the key may be used for `scope`.
    ///
    /// # Errors
    /// [`Denied::OutOfScope`] if it may not.
    pub fn check(&self, scope: KeyScope) -> Result<(), Denied> {
        if self.scopes.allows(scope) {
            Ok(())
        } else {
            Err(Denied::OutOfScope(scope))
        }
    }
}
