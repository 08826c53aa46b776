//! What can be allowed or not: one privilege for each family of routes.

use std::fmt;
use std::str::FromStr;

use privet_types::KeyScope;

/// One thing that a principal may be allowed to do. Its name is that of the Cedar action `Privet::Action::"…"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Privilege {
    /// Sending a prompt to a model.
    Prompt,
    /// Listing the models.
    ListModels,
    /// Finding personal data in a text.
    DetectText,
    /// Taking it out.
    AnonymizeText,
    /// Putting it back.
    RestoreText,
    /// Reading single subjects of the vault, and what belongs to them.
    VaultRead,
    /// Making and changing them.
    VaultWrite,
    /// Reading and importing many at once.
    VaultBulk,
    /// Deciding about what others asked for.
    VaultApprove,
    /// Erasing subjects.
    VaultErase,
    /// Reading the audit log of the tenant.
    VaultAudit,
    /// Purposes, agreements, retention, legal holds.
    VaultAdmin,
    /// Reading the gateway's figures.
    ReadMetrics,
    /// Seeing API keys.
    KeyRead,
    /// Making and revoking them.
    KeyManage,
    /// Seeing principals, groups and their roles.
    PeopleRead,
    /// Making and changing them.
    PeopleManage,
    /// Seeing the policy, and why it decides as it does.
    PolicyRead,
    /// Seeing alerts and incidents.
    WatchRead,
    /// Closing alerts, and opening and working on incidents.
    WatchManage,
    /// Seeing what is switched off.
    KillRead,
    /// Switching it off and on again.
    KillManage,
    /// Calling tools of others, reading what they hold.
    McpCall,
    /// Making short-lived tokens for less than one may oneself, and taking them back.
    MakeTokens,
    /// Seeing the notices of the policy, and acknowledging them.
    Acknowledge,
    /// Signing in as a person, and looking after one's own passwords, second factors and sessions.
    SignIn,
    /// Handing a privilege on to others: with roles, keys and accounts.
    Delegate,
}

/// A text that names no privilege.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no action `{name}`; use {}", Privilege::ALL.map(Privilege::name).join(", "))]
pub struct UnknownPrivilege {
    /// What was given.
    pub name: String,
}

impl Privilege {
    /// All of them.
    pub const ALL: [Self; 27] = [
        Self::Prompt,
        Self::ListModels,
        Self::DetectText,
        Self::AnonymizeText,
        Self::RestoreText,
        Self::VaultRead,
        Self::VaultWrite,
        Self::VaultBulk,
        Self::VaultApprove,
        Self::VaultErase,
        Self::VaultAudit,
        Self::VaultAdmin,
        Self::ReadMetrics,
        Self::KeyRead,
        Self::KeyManage,
        Self::PeopleRead,
        Self::PeopleManage,
        Self::PolicyRead,
        Self::WatchRead,
        Self::WatchManage,
        Self::KillRead,
        Self::KillManage,
        Self::McpCall,
        Self::MakeTokens,
        Self::Acknowledge,
        Self::SignIn,
        Self::Delegate,
    ];

    /// The name in policies, logs and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::ListModels => "models.list",
            Self::DetectText => "text.detect",
            Self::AnonymizeText => "text.anonymize",
            Self::RestoreText => "text.restore",
            Self::VaultRead => "vault.read",
            Self::VaultWrite => "vault.write",
            Self::VaultBulk => "vault.bulk",
            Self::VaultApprove => "vault.approve",
            Self::VaultErase => "vault.erase",
            Self::VaultAudit => "vault.audit",
            Self::VaultAdmin => "vault.admin",
            Self::ReadMetrics => "metrics.read",
            Self::KeyRead => "key.read",
            Self::KeyManage => "key.manage",
            Self::PeopleRead => "people.read",
            Self::PeopleManage => "people.manage",
            Self::PolicyRead => "policy.read",
            Self::WatchRead => "watch.read",
            Self::WatchManage => "watch.manage",
            Self::KillRead => "kill.read",
            Self::KillManage => "kill.manage",
            Self::McpCall => "mcp.call",
            Self::MakeTokens => "token.make",
            Self::Acknowledge => "notice.acknowledge",
            Self::SignIn => "sign_in",
            Self::Delegate => "delegate",
        }
    }

    /// The scope that a key needs for it; `None` where no key can be used for it yet, and for tokens, which any key makes.
    #[must_use]
    pub const fn scope(self) -> Option<KeyScope> {
        match self {
            Self::Prompt
            | Self::ListModels
            | Self::DetectText
            | Self::AnonymizeText
            | Self::RestoreText
            | Self::McpCall
            | Self::Acknowledge => Some(KeyScope::Gateway),
            Self::VaultRead => Some(KeyScope::VaultRead),
            Self::VaultWrite => Some(KeyScope::VaultWrite),
            Self::VaultBulk => Some(KeyScope::VaultBulk),
            Self::VaultApprove => Some(KeyScope::VaultApprove),
            Self::VaultErase => Some(KeyScope::VaultErase),
            Self::VaultAudit => Some(KeyScope::VaultAudit),
            Self::VaultAdmin => Some(KeyScope::VaultAdmin),
            Self::ReadMetrics => Some(KeyScope::Metrics),
            Self::WatchRead => Some(KeyScope::WatchRead),
            Self::WatchManage => Some(KeyScope::WatchManage),
            Self::KillRead | Self::KillManage => Some(KeyScope::Kill),
            Self::KeyRead => Some(KeyScope::KeyRead),
            Self::KeyManage => Some(KeyScope::KeyManage),
            Self::PeopleRead => Some(KeyScope::PeopleRead),
            Self::PeopleManage => Some(KeyScope::PeopleManage),
            Self::PolicyRead | Self::MakeTokens | Self::SignIn | Self::Delegate => None,
        }
    }

    /// The privilege of the vault's routes that need `scope`; `None` for scopes that are not the vault's.
    #[must_use]
    pub fn of_vault(scope: KeyScope) -> Option<Self> {
        let is_its = |privilege: &Self| privilege.scope() == Some(scope);
        Self::ALL
            .into_iter()
            .filter(|privilege| privilege.name().starts_with("vault."))
            .find(is_its)
    }

    /// Whether it is left to those who look after an installation while all of it is cut off, and to a caller whom the watch holds:
    /// switches, alerts, incidents, figures, signing in.
    #[must_use]
    pub const fn outlasts_kill(self) -> bool {
        matches!(
            self,
            Self::KillRead
                | Self::KillManage
                | Self::WatchRead
                | Self::WatchManage
                | Self::ReadMetrics
                | Self::SignIn
        )
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl FromStr for Privilege {
    type Err = UnknownPrivilege;

    fn from_str(name: &str) -> Result<Self, UnknownPrivilege> {
        let found = Self::ALL.into_iter().find(|privilege| privilege.name() == name);
        found.ok_or_else(|| UnknownPrivilege {
            name: name.to_owned(),
        })
    }
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_of_the_vault_has_a_privilege_of_its_name() {
        let others = [
            KeyScope::Gateway,
            KeyScope::Metrics,
            KeyScope::Kill,
            KeyScope::WatchRead,
            KeyScope::WatchManage,
            KeyScope::KeyRead,
            KeyScope::KeyManage,
            KeyScope::PeopleRead,
            KeyScope::PeopleManage,
        ];
        for scope in KeyScope::ALL.into_iter().filter(|scope| !others.contains(scope)) {
            assert_eq!(
                Privilege::of_vault(scope).map(Privilege::name),
                Some(scope.name())
            );
        }
        assert_eq!(others.map(Privilege::of_vault), [None; 9]);
    }

    #[test]
    fn a_privilege_is_found_by_its_name_and_stands_at_its_index() {
        for (index, privilege) in Privilege::ALL.into_iter().enumerate() {
            assert_eq!(
                (privilege.index(), privilege.name().parse()),
                (index, Ok(privilege))
            );
        }
    }
}
