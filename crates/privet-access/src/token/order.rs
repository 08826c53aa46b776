//! What somebody asks a token to be.

use std::time::Duration;

use privet_types::KeyScopes;

use super::TokenError;
use crate::{Authenticated, LONGEST_TOKEN, Way};

/// Most models, and most addresses, that one token is narrowed down to; more make it too long for headers.
const MOST: usize = 16;
/// Longest name of one of them.
const LONGEST: usize = 128;

/// What a token is to be good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenOrder {
    /// What for; no more than what it is asked for with is good for.
    pub scopes: KeyScopes,
    /// How long.
    pub lasts: Duration,
    /// The longest life that the settings allow.
    pub longest: Duration,
    /// The models that it is good for, as callers name them; a `*` at the end stands for any end. All, if there are none.
    pub models: Vec<String>,
    /// The addresses that it is good for, with all that stand below them. All, if there are none.
    pub addresses: Vec<String>,
    /// Whether it is asked for in a session whose person has shown a second factor.
    pub has_two_factors: bool,
}

impl TokenOrder {
    /// That `caller` can have it.
    pub(crate) fn check(&self, caller: &Authenticated) -> Result<(), TokenError> {
        if caller.token.is_some() || caller.way == Way::Issuer {
            return Err(TokenError::ByToken);
        }
        let wider = self.scopes.iter().find(|scope| !caller.scopes.allows(*scope));
        if let Some(scope) = wider {
            return Err(TokenError::TooWide(scope));
        }
        if self.scopes.iter().next().is_none() {
            return Err(TokenError::NoScope);
        }
        let longest = self.longest.min(LONGEST_TOKEN);
        if self.lasts < Duration::from_secs(1) || self.lasts > longest {
            return Err(TokenError::BadLife { longest });
        }
        let is_model = |model: &str| !model.trim_end_matches('*').contains('*') && !model.ends_with("**");
        if !are_names(&self.models, is_model) {
            return Err(TokenError::BadNarrowing { what: "models" });
        }
        let is_path = |path: &str| path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
        if !are_names(&self.addresses, is_path) {
            return Err(TokenError::BadNarrowing { what: "addresses" });
        }
        Ok(())
    }
}

fn are_names(names: &[String], is_one: impl Fn(&str) -> bool) -> bool {
    let fits = |name: &String| {
        (1..=LONGEST).contains(&name.len()) && !name.chars().any(char::is_control) && is_one(name)
    };
    names.len() <= MOST && names.iter().all(fits)
}
