//! What an API key may be used for.

use std::fmt;
use std::str::FromStr;

/// One thing that an API key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KeyScope {
    /// Prompts, and the endpoints for text.
    Gateway,
    /// Reading single subjects of the vault, and what belongs to them.
    VaultRead,
    /// Making and changing them; giving and withdrawing consent; opening their requests.
    VaultWrite,
    /// Reading and importing many at once.
    VaultBulk,
    /// Deciding about what others asked for: bulk reads, requests of subjects.
    VaultApprove,
    /// Erasing subjects.
    VaultErase,
    /// Reading the audit log of the tenant.
    VaultAudit,
    /// Purposes, agreements, retention, legal holds.
    VaultAdmin,
    /// Reading the figures of the whole gateway, for a monitoring system.
    Metrics,
    /// Seeing alerts and incidents.
    WatchRead,
    /// Closing alerts, and working on incidents.
    WatchManage,
    /// Switching callers, models and providers off and on again.
    Kill,
}

/// The scopes of one API key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyScopes(u16);

/// A text that names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no scope `{name}`; use {}", KeyScope::ALL.map(KeyScope::name).join(", "))]
pub struct UnknownScope {
    /// What was given.
    pub name: String,
}

impl KeyScope {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Gateway,
        Self::VaultRead,
        Self::VaultWrite,
        Self::VaultBulk,
        Self::VaultApprove,
        Self::VaultErase,
        Self::VaultAudit,
        Self::VaultAdmin,
        Self::Metrics,
        Self::WatchRead,
        Self::WatchManage,
        Self::Kill,
    ];

    /// The name, as it is written on the command line and kept in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::VaultRead => "vault.read",
            Self::VaultWrite => "vault.write",
            Self::VaultBulk => "vault.bulk",
            Self::VaultApprove => "vault.approve",
            Self::VaultErase => "vault.erase",
            Self::VaultAudit => "vault.audit",
            Self::VaultAdmin => "vault.admin",
            Self::Metrics => "metrics",
            Self::WatchRead => "watch.read",
            Self::WatchManage => "watch.manage",
            Self::Kill => "kill",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl FromStr for KeyScope {
    type Err = UnknownScope;

    fn from_str(name: &str) -> Result<Self, UnknownScope> {
        let found = Self::ALL.into_iter().find(|scope| scope.name() == name);
        found.ok_or_else(|| UnknownScope {
            name: name.to_owned(),
        })
    }
}

impl fmt::Display for KeyScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl KeyScopes {
    /// Only these.
    #[must_use]
    pub fn of(scopes: &[KeyScope]) -> Self {
        Self(scopes.iter().fold(0, |bits, scope| bits | scope.bit()))
    }

    /// Every scope there is.
    #[must_use]
    pub fn all() -> Self {
        Self::of(&KeyScope::ALL)
    }

    /// Whether `scope` is among them.
    #[must_use]
    pub const fn allows(self, scope: KeyScope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Those that are among both.
    #[must_use]
    pub const fn intersection(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// Them, in the order of [`KeyScope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = KeyScope> {
        KeyScope::ALL.into_iter().filter(move |scope| self.allows(*scope))
    }
}

/// The gateway alone: what a key is for if nothing else is said.
impl Default for KeyScopes {
    fn default() -> Self {
        Self::of(&[KeyScope::Gateway])
    }
}

/// Names with commas between them.
impl fmt::Display for KeyScopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, scope) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            f.write_str(scope.name())?;
        }
        Ok(())
    }
}

impl fmt::Debug for KeyScopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyScopes({self})")
    }
}

impl FromStr for KeyScopes {
    type Err = UnknownScope;

    /// Reads what `Display` writes; no text is no scope.
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let names = text.split(',').filter(|name| !name.is_empty());
        let scopes: Vec<KeyScope> = names.map(str::parse).collect::<Result<_, _>>()?;
        Ok(Self::of(&scopes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_survive_being_written_and_read() {
        let scopes = KeyScopes::of(&[KeyScope::VaultRead, KeyScope::Gateway]);
        assert_eq!(scopes.to_string(), "gateway,vault.read");
        assert_eq!(scopes.to_string().parse(), Ok(scopes));
        assert_eq!(KeyScopes::all().to_string().parse(), Ok(KeyScopes::all()));
    }

    #[test]
    fn a_key_is_for_the_gateway_alone_if_nothing_else_is_said() {
        let allowed: Vec<_> = KeyScopes::default().iter().collect();
        assert_eq!(allowed, [KeyScope::Gateway]);
    }

    #[test]
    fn an_unknown_scope_is_refused_and_the_known_ones_are_told() {
        let error = "vault.everything".parse::<KeyScopes>().unwrap_err();
        assert!(error.to_string().contains("vault.read, vault.write"), "{error}");
    }
}
