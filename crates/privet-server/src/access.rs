//! Which prompts may go where: what the policies say of them, and what providers must have been assessed for.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use http::Extensions;
use privet_access::{Ask, Assessments, Authenticated, Privilege, PromptFacts, Resource, Standing};
use privet_pii::{Analyzer, Model};
use privet_policy::{
    Clearance, Clearing, NotCleared, Policy, Prompt, Provider, Raw, RequireAssessment, Settings,
};
use privet_types::{Budget, Entity, SurfaceKind};

use crate::Error;
use crate::gateway::Gateway;
use crate::problem::Problem;

/// Where a request comes from, in its extensions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

/// Where a request with these extensions comes from.
pub(crate) fn address_of(extensions: &Extensions) -> Option<IpAddr> {
    // An IPv4 address that comes through a socket for both is meant by policies for IPv4.
    extensions
        .get::<ClientAddress>()
        .map(|address| address.0.to_canonical())
}

/// What is checked once, at start.
pub(crate) struct Rules {
    assessments: Assessments,
    need: RequireAssessment,
    assess_local: bool,
    /// Providers on this machine.
    local: BTreeSet<String>,
    /// Refuses what the policy would let pass as it is; none if the policy lets nothing pass, or that needs no assessment.
    strict: Option<Strict>,
}

struct Strict {
    policy: Policy,
    analyzer: Analyzer,
}

/// What is asked about a prompt that could be sent.
pub(crate) struct Outgoing<'a> {
    pub(crate) surface: SurfaceKind,
    pub(crate) clearance: &'a Clearance,
    pub(crate) provider: &'a Provider,
    pub(crate) purpose: Option<&'a str>,
    /// Whether it names a person, who has agreed.
    pub(crate) has_consent: bool,
    pub(crate) address: Option<IpAddr>,
}

impl Rules {
    pub(crate) fn new(
        settings: &Settings,
        policy: &Policy,
        model: Option<&Arc<Model>>,
        assessments: Assessments,
    ) -> Result<Self, Error> {
        let access = policy.access();
        let need = access.require_assessment;
        let strict = match policy.refusing_what_passes() {
            Some(policy) if need == RequireAssessment::Unmasked => Some(Strict {
                analyzer: Analyzer::with_model(policy.pii(), model)?,
                policy,
            }),
            _ => None,
        };
        let local = settings.providers().iter().filter(|p| p.is_on_loopback());
        Ok(Self {
            assessments,
            need,
            assess_local: access.assess_local,
            local: local.map(|provider| provider.name().to_owned()).collect(),
            strict,
        })
    }

    /// How often the work of one look can be needed.
    pub(crate) const fn looks(&self) -> u64 {
        if self.strict.is_some() { 2 } else { 1 }
    }

    /// Whether `provider` lacks an assessment that it needs.
    fn lacks(&self, provider: &str, gateway: &Gateway) -> bool {
        let is_exempt = self.local.contains(provider) && !self.assess_local;
        !is_exempt
            && !self
                .assessments
                .standing(provider, gateway.clock.now())
                .is_valid()
    }
}

impl Gateway {
    /// That `prompt`, which came out as `clearance`, holds nothing that its provider must have been assessed for, if that was
    /// not.
    pub(crate) fn check_assessment(
        &self,
        prompt: &Prompt<Raw>,
        clearance: &Clearance,
        clearing: Clearing<'_>,
        budget: &Budget,
    ) -> Result<(), Problem> {
        let rules = &self.access;
        let provider = match self.settings.route(&clearance.model) {
            Some(route) => route.provider.name(),
            None => return Err(NotCleared::NoRoute.into()),
        };
        let refused = || Problem::NotAssessed {
            provider: provider.to_owned(),
            model: clearance.model.clone(),
        };
        match rules.need {
            RequireAssessment::Never => Ok(()),
            RequireAssessment::Always => {
                let is_personal = |kind: &Entity| *kind != Entity::SURROGATE;
                let has_any = clearance.masked > 0 || clearance.counts.keys().any(is_personal);
                if has_any && rules.lacks(provider, self) {
                    return Err(refused());
                }
                Ok(())
            }
            RequireAssessment::Unmasked => {
                let Some(strict) = rules.strict.as_ref().filter(|_| rules.lacks(provider, self)) else {
                    return Ok(());
                };
                let clearing = Clearing {
                    analyzer: &strict.analyzer,
                    // What is remembered belongs to the other policy.
                    memory: None,
                    ..clearing
                };
                match strict.policy.clear(prompt, clearing, budget) {
                    Ok(_) => Ok(()),
                    Err(error) if error.is_about_content() => Err(refused()),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    /// That the policies let `caller` send this.
    pub(crate) fn authorise_prompt(&self, caller: &Authenticated, out: &Outgoing<'_>) -> Result<(), Problem> {
        let (provider, model) = (out.provider.name(), out.clearance.model.as_str());
        let now = self.clock.now();
        let standing: Standing = self.access.assessments.standing(provider, now);
        let ask = Ask {
            privilege: Privilege::Prompt,
            resource: Resource::Model {
                name: model,
                provider,
                is_local: self.access.local.contains(provider),
            },
            at: now,
            address: out.address,
            prompt: Some(PromptFacts {
                surface: out.surface.name(),
                counts: &out.clearance.counts,
                masked: out.clearance.masked,
                purpose: out.purpose,
                has_consent: out.has_consent,
                assessment: &standing,
            }),
        };
        self.keys()
            .authorise(caller, &ask)
            .map_err(|not| Problem::NotPermitted {
                message: not.message,
                provider: provider.to_owned(),
                model: model.to_owned(),
            })
    }
}
