//! A described request, and what the policies say of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use privet_access::{
    Account, Accounts, Ask, Assessment, Authorizer, Described, Explanation, Privilege, PromptFacts, Resource,
    Standing,
};
use privet_policy::{Policy, RequireAssessment, Settings};
use privet_types::{CourseName, Entity, GroupName, PrincipalKind, RoleName, TenantId};
use serde::Deserialize;

use crate::access::Access;

/// A request, described. Whatever is left out is absent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Case {
    /// What the case is called.
    pub(super) name: Option<String>,
    /// What is expected of it: `allow` or `deny`.
    pub(super) expect: Option<Expected>,
    pub(super) tenant: Option<String>,
    /// The person who asks, or else the service account.
    pub(super) user: Option<String>,
    pub(super) service: Option<String>,
    pub(super) roles: Vec<String>,
    /// Groups with the roles of each.
    pub(super) groups: BTreeMap<String, Vec<String>>,
    /// Courses that count.
    pub(super) training: Vec<String>,
    /// Notices that are acknowledged.
    pub(super) acknowledged: Vec<String>,
    /// `prompt` if left out.
    pub(super) action: Option<String>,
    pub(super) model: Option<String>,
    /// The one that the settings lead the model to, if left out.
    pub(super) provider: Option<String>,
    /// The token of a subject of the vault.
    pub(super) subject: Option<String>,
    /// A server of tools, as the settings name it; with the action `mcp.call`.
    pub(super) server: Option<String>,
    /// What is called there: a tool, a prompt or the address of a resource.
    pub(super) tool: Option<String>,
    pub(super) surface: Option<String>,
    /// What was found, by kind.
    pub(super) kinds: BTreeMap<String, u32>,
    pub(super) purpose: Option<String>,
    pub(super) consent: bool,
    /// Whether the provider has an assessment that holds; what the settings say, if left out.
    pub(super) assessed: Option<bool>,
    /// When; now, if left out.
    pub(super) at: Option<Timestamp>,
    pub(super) address: Option<IpAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Expected {
    Allow,
    Deny,
}

/// What a request is answered.
pub(crate) struct Answer {
    pub(super) privilege: Privilege,
    pub(super) explanation: Explanation,
    /// What refuses it whatever the policies say.
    pub(super) refusals: Vec<String>,
}

impl Answer {
    pub(super) fn is_allowed(&self) -> bool {
        self.refusals.is_empty() && self.explanation.verdict.is_allowed
    }
}

/// Where principals that a case only names come from.
pub(super) enum Whom<'a> {
    /// From the store.
    Known(&'a Accounts),
    /// From the case alone.
    Described,
}

impl Case {
    /// What the policies say of it, and what refuses it without asking them.
    pub(super) fn explain(
        &self,
        settings: &Settings,
        access: &Access,
        whom: &Whom<'_>,
        now: Timestamp,
    ) -> Result<Answer> {
        let account = self.account(whom)?;
        let mut refusals = Vec::new();
        if account.is_disabled() {
            refusals.push(format!(
                "`{}`, or its tenant, is switched off: every key and session of it is refused",
                account.name()
            ));
        }
        let privilege: Privilege = self.action.as_deref().unwrap_or("prompt").parse()?;
        let at = self.at.unwrap_or(now);
        let counts = self.counts()?;
        let authorizer: &Authorizer = &access.rules.authorizer;
        if privilege != Privilege::Prompt {
            let called = Resource::Tools {
                server: self.server.as_deref().unwrap_or_default(),
                method: "tools/call",
                name: self.tool.as_deref().unwrap_or_default(),
                found: counts.values().sum(),
            };
            let of_vault = self
                .subject
                .as_deref()
                .map_or(Resource::Tenant, Resource::Subject);
            let ask = Ask {
                privilege,
                resource: if privilege == Privilege::McpCall {
                    called
                } else {
                    of_vault
                },
                at,
                address: self.address,
                prompt: None,
            };
            return Ok(Answer {
                privilege,
                explanation: authorizer.explain(&account, &ask)?,
                refusals,
            });
        }
        let Some(model) = self.model.as_deref() else {
            bail!("a prompt needs a model; name one with `--model`, or as `model`");
        };
        let (provider, is_local) = self.provider(settings, model)?;
        let standing = self.standing(access, &provider, at);
        let mut acknowledged: Vec<&str> = self.acknowledged.iter().map(String::as_str).collect();
        // As the store knows it, of somebody who is there.
        let notices = access.policy.notices().iter();
        acknowledged.extend(notices.filter_map(|notice| {
            let known = account.acknowledged_at(notice.id(), notice.hash())?;
            notice.counts(known, at).then(|| notice.id())
        }));
        let is_exempt = is_local && !access.policy.access().assess_local;
        if !is_exempt && !standing.is_valid() {
            refusals.extend(needs_assessment(&access.policy, &counts, &provider));
        }
        let ask = Ask {
            privilege,
            resource: Resource::Model {
                name: model,
                provider: &provider,
                is_local,
            },
            at,
            address: self.address,
            prompt: Some(PromptFacts {
                surface: self.surface.as_deref().unwrap_or("openai_chat"),
                counts: &counts,
                masked: counts.values().map(|count| *count as usize).sum(),
                purpose: self.purpose.as_deref(),
                has_consent: self.consent,
                assessment: &standing,
                acknowledged: &acknowledged,
            }),
        };
        Ok(Answer {
            privilege,
            explanation: authorizer.explain(&account, &ask)?,
            refusals,
        })
    }

    fn account(&self, whom: &Whom<'_>) -> Result<Arc<Account>> {
        let tenant: TenantId = self
            .tenant
            .as_deref()
            .map_or_else(|| Ok(TenantId::default()), str::parse)?;
        let (name, kind) = match (&self.user, &self.service) {
            (Some(name), None) => (name, PrincipalKind::User),
            (None, Some(name)) => (name, PrincipalKind::Service),
            _ => bail!("say who asks: either `user` or `service`"),
        };
        let name = name.parse()?;
        let is_described = !self.roles.is_empty() || !self.groups.is_empty();
        if let (Whom::Known(accounts), false) = (whom, is_described) {
            let found = accounts
                .get(&tenant, &name)
                .filter(|account| account.kind() == kind);
            return found.map(Arc::clone).with_context(|| {
                format!(
                    "there is no {} `{name}`; describe one with `--role` and `--group`",
                    kind.name()
                )
            });
        }
        let roles = |names: &[String]| -> Result<BTreeSet<RoleName>> {
            names.iter().map(|name| Ok(name.parse()?)).collect()
        };
        let groups = self.groups.iter();
        let groups = groups
            .map(|(name, its)| Ok((name.parse::<GroupName>()?, roles(its)?)))
            .collect::<Result<_>>()?;
        let training = self.training.iter();
        Ok(Arc::new(Account::from(Described {
            tenant,
            name,
            kind,
            roles: roles(&self.roles)?,
            groups,
            training: training
                .map(|course| Ok(course.parse::<CourseName>()?))
                .collect::<Result<_>>()?,
        })))
    }

    fn counts(&self) -> Result<BTreeMap<Entity, u32>> {
        let kinds = self.kinds.iter();
        kinds
            .map(|(name, count)| {
                let kind = Entity::parse(name)
                    .with_context(|| format!("there is no kind `{name}`; see `privet pii entities`"))?;
                Ok((kind, *count))
            })
            .collect()
    }

    fn provider(&self, settings: &Settings, model: &str) -> Result<(String, bool)> {
        let is_local = |name: &str| {
            let mut providers = settings.providers().iter();
            providers
                .any(|provider| provider.name() == name && (provider.is_local() || provider.is_on_loopback()))
        };
        if let Some(name) = &self.provider {
            return Ok((name.clone(), is_local(name)));
        }
        let route = settings.route(model).with_context(|| {
            format!("the settings lead the model `{model}` to no provider; name one with `provider`")
        })?;
        let name = route.provider.name();
        Ok((name.to_owned(), is_local(name)))
    }

    fn standing(&self, access: &Access, provider: &str, at: Timestamp) -> Standing {
        match self.assessed {
            None => access.assessments.standing(provider, at),
            Some(false) => Standing::absent(),
            Some(true) => Standing::of(
                Arc::new(Assessment {
                    provider: provider.to_owned(),
                    contract: "described".to_owned(),
                    retention_days: 0,
                    region: "described".to_owned(),
                    training_opt_out: true,
                    evidence_sha256: "0".repeat(64),
                    assessor: "described".to_owned(),
                    issued_at: Timestamp::MIN,
                    expires_at: Timestamp::MAX,
                }),
                at,
            ),
        }
    }
}

/// Why `policy` lets nothing in which these kinds were found go to `provider`, which has no assessment that holds; `None` if it does.
fn needs_assessment(policy: &Policy, counts: &BTreeMap<Entity, u32>, provider: &str) -> Option<String> {
    let mut kinds = counts
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(kind, _)| *kind);
    let need = match policy.access().require_assessment {
        RequireAssessment::Never => return None,
        RequireAssessment::Unmasked => {
            let kind = kinds.find(|kind| policy.lets_pass(*kind))?;
            format!(
                "`require_assessment` asks for one where {} leaves as it is",
                kind.name()
            )
        }
        RequireAssessment::Always => {
            kinds.find(|kind| *kind != Entity::SURROGATE)?;
            "`require_assessment = \"always\"` asks for one where anything personal was found".to_owned()
        }
    };
    Some(format!(
        "the provider `{provider}` has no assessment that holds, and {need}"
    ))
}
