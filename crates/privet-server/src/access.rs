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
use crate::routing::Choice;

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
    /// Providers that the settings call local, or that are on this machine.
    local: BTreeSet<String>,
    /// Refuses what the policy would let pass as it is; none if the policy lets nothing pass, or that needs no assessment.
    strict: Option<Strict>,
}

struct Strict {
    policy: Policy,
    analyzer: Analyzer,
}

/// What is asked about a prompt that could be sent.
#[derive(Clone, Copy)]
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
            Some(policy) if need != RequireAssessment::Never => Some(Strict {
                analyzer: Analyzer::with_model(policy.pii(), model)?,
                policy,
            }),
            _ => None,
        };
        let is_local = |provider: &&Provider| provider.is_local() || provider.is_on_loopback();
        let local = settings.providers().iter().filter(is_local);
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
    /// That `prompt`, which came out as `clearance`, holds nothing that the provider of `choice` must have been assessed for, if
    /// that was not. Others that could stand in for it and lack an assessment are barred.
    pub(crate) fn check_assessment(
        &self,
        prompt: &Prompt<Raw>,
        clearance: &Clearance,
        clearing: Clearing<'_>,
        budget: &Budget,
        choice: &mut Choice,
    ) -> Result<(), Problem> {
        let rules = &self.access;
        let is_personal = |kind: &Entity| *kind != Entity::SURROGATE;
        // A rule of the policy sends it as it came.
        let is_bare =
            clearance.rule.is_some() && clearance.masked == 0 && clearance.counts.keys().any(is_personal);
        let may_need_one = match rules.need {
            RequireAssessment::Never => false,
            RequireAssessment::Always => true,
            RequireAssessment::Unmasked => is_bare || rules.strict.is_some(),
        };
        if !may_need_one {
            return Ok(());
        }
        let route = self.route(&clearance.model, *choice).ok_or(NotCleared::NoRoute)?;
        let lacks = |provider: &Provider| rules.lacks(provider.name(), self);
        let others = (0..route.targets().len()).filter_map(|index| Some((index, route.with(index)?)));
        let lacking: Vec<usize> = others
            .filter(|(_, other)| lacks(other.provider))
            .map(|(index, _)| index)
            .collect();
        let is_chosen_lacking = lacks(route.provider);
        if !is_chosen_lacking && lacking.is_empty() {
            return Ok(());
        }
        let holds_masked = || clearance.masked > 0 || clearance.counts.keys().any(is_personal);
        let is_known = is_bare || (rules.need == RequireAssessment::Always && holds_masked());
        let needs_one = is_known
            || match &rules.strict {
                None => false,
                Some(strict) => {
                    let clearing = Clearing {
                        analyzer: &strict.analyzer,
                        // What is remembered belongs to the other policy.
                        memory: None,
                        ..clearing
                    };
                    match strict.policy.clear(prompt, clearing, budget) {
                        Ok(_) => false,
                        Err(error) if error.is_about_content() => true,
                        Err(error) => return Err(error.into()),
                    }
                }
            };
        if needs_one && is_chosen_lacking {
            return Err(Problem::NotAssessed {
                provider: route.provider.name().to_owned(),
                model: clearance.model.clone(),
            });
        }
        for index in lacking.into_iter().filter(|_| needs_one) {
            choice.bar(index);
        }
        Ok(())
    }

    /// That the policies let `caller` send this.
    pub(crate) fn authorise_prompt(&self, caller: &Authenticated, out: &Outgoing<'_>) -> Result<(), Problem> {
        let token = caller.token.as_ref();
        if token.is_some_and(|token| !token.is_for_model(&out.clearance.model)) {
            return Err(Problem::NotPermitted {
                message: Some("this token is not good for that model".to_owned()),
                provider: out.provider.name().to_owned(),
                model: out.clearance.model.clone(),
            });
        }
        let standing = self
            .access
            .assessments
            .standing(out.provider.name(), self.clock.now());
        let acknowledged = self.acknowledged(caller);
        let ask = self.question(out, &standing, &acknowledged);
        self.keys()
            .authorise(caller, &ask)
            .map_err(|not| Problem::NotPermitted {
                message: not.message,
                provider: out.provider.name().to_owned(),
                model: out.clearance.model.clone(),
            })
    }

    /// Whether the policies would let `caller` send this.
    pub(crate) fn permits_prompt(&self, caller: &Authenticated, out: &Outgoing<'_>) -> bool {
        let standing = self
            .access
            .assessments
            .standing(out.provider.name(), self.clock.now());
        let acknowledged = self.acknowledged(caller);
        self.keys()
            .permits(caller, &self.question(out, &standing, &acknowledged))
    }

    fn question<'a>(
        &self,
        out: &Outgoing<'a>,
        standing: &'a Standing,
        acknowledged: &'a [&'a str],
    ) -> Ask<'a> {
        let provider = out.provider.name();
        Ask {
            privilege: Privilege::Prompt,
            resource: Resource::Model {
                name: &out.clearance.model,
                provider,
                is_local: self.access.local.contains(provider),
            },
            at: self.clock.now(),
            address: out.address,
            prompt: Some(PromptFacts {
                surface: out.surface.name(),
                counts: &out.clearance.counts,
                masked: out.clearance.masked,
                purpose: out.purpose,
                has_consent: out.has_consent,
                assessment: standing,
                acknowledged,
            }),
        }
    }
}
