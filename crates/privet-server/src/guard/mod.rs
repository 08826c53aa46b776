//! Guardrails on the path of prompts and replies.

mod holds;
mod reply;
mod routes;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use privet_crypto::RootKey;
use privet_guardrails::controls::{self, Control, ExtractionMemory};
use privet_guardrails::gate::{
    Approvals, Asked, Guardrails, Held, Judged, PromptError, Said, Secrets, Shadows, VerdictMemory,
};
use privet_guardrails::{Detector, Error as DetectorError};
use privet_policy::{Policy, Settings};
use privet_surface::{Request, Said as SaidIn};
use privet_types::{Action, Budget, Decision, RoleName, RuleId, SurfaceKind, TenantId};

use crate::Error;
use crate::gateway::Gateway;
use crate::problem::Problem;

pub use holds::hold_shown;
pub(crate) use holds::{decide, described as described_holds, open as open_holds, routes as hold_routes};
pub(crate) use reply::{GuardedReply, Notes};
pub(crate) use routes::{described, routes};

/// Texts whose verdicts are remembered, of all tenants together: some 10 MiB.
const VERDICTS: usize = 1 << 16;
/// Callers whose last prompts are remembered where extraction is looked for.
const CALLERS: usize = 4096;
/// Work units for each byte of a request: the detector's, and what the other controls take.
const UNITS_PER_BYTE: u64 = 2048;
/// Work units for each request.
const UNITS: u64 = 1 << 18;

/// How often each rule hit, and what became of it.
pub(crate) type Hits = BTreeMap<(Control, RuleId, controls::Action), u32>;

/// Work units that the shipped detector and the other controls take for a request of so many bytes.
const fn units(bytes: u64) -> u64 {
    UNITS_PER_BYTE * bytes + UNITS
}

/// The guardrails of the policy in force, and what they remember.
pub(crate) struct Guards {
    guardrails: Guardrails,
    verdicts: VerdictMemory,
    shadows: Shadows,
    callers: Mutex<Callers>,
    approved: holds::Approved,
}

#[derive(Default)]
struct Callers {
    prompts: HashMap<(TenantId, String), Arc<Mutex<ExtractionMemory>>>,
    order: VecDeque<(TenantId, String)>,
}

/// A prompt that may go on.
pub(crate) struct Passed {
    /// What takes the body's place, if anything does.
    pub(crate) body: Option<Vec<u8>>,
    /// What was found.
    pub(crate) hits: Hits,
    /// The gravest action, if anything was found.
    pub(crate) action: Option<Action>,
    /// What its reply is judged by.
    pub(crate) judged: Judged,
    pub(crate) roles: Vec<RoleName>,
    /// The model asked for.
    pub(crate) model: String,
}

/// A prompt that must not.
#[derive(Debug)]
pub(crate) struct Stopped {
    /// The rule by which it was stopped.
    pub(crate) rule: RuleId,
    /// What somebody may let pass; nothing, if nobody may.
    pub(crate) held: Vec<Held>,
    pub(crate) hits: Hits,
    /// The model asked for, if it could be read.
    pub(crate) model: Option<String>,
}

/// Rules by name, with how often each hit, for audit events.
pub(crate) fn by_rule(hits: &Hits) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for ((_, rule, _), count) in hits {
        *counts.entry(rule.0.to_owned()).or_insert(0) += count;
    }
    counts
}

/// Writes into the decision about a prompt what guardrails said of it.
pub(crate) fn decided(passed: &Passed, decision: &mut Decision) {
    decision.guardrails = by_rule(&passed.hits);
    let Some(action) = passed.action else { return };
    match action {
        Action::Route => (decision.action, decision.reason) = (action, "guard_routed".to_owned()),
        Action::Redact if decision.action == Action::Allow => {
            (decision.action, decision.reason) = (action, "guard_redacted".to_owned());
        }
        Action::Flag if decision.action == Action::Allow => {
            (decision.action, decision.reason) = (action, "guard_flagged".to_owned());
        }
        // That values were replaced is the graver news; the rules stand beside it.
        _ => {}
    }
}

/// The action as audit events have it.
pub(crate) const fn recorded(action: controls::Action) -> Option<Action> {
    match action {
        controls::Action::Flag => Some(Action::Flag),
        controls::Action::Redact => Some(Action::Redact),
        controls::Action::Route => Some(Action::Route),
        controls::Action::Hold => Some(Action::Hold),
        controls::Action::Block => Some(Action::Block),
        // `Allow` is written down by nobody.
        _ => None,
    }
}

impl Guards {
    /// The guardrails of `policy`, if it has any.
    pub(crate) fn new(
        policy: &Policy,
        settings: &Settings,
        root: &RootKey,
    ) -> Result<Option<Arc<Self>>, Error> {
        let Some(config) = policy.guardrails() else {
            return Ok(None);
        };
        let guardrails = Guardrails::new(
            config,
            policy.guard_files(),
            policy.guard_models(),
            guard_secrets(root),
        )?;
        if let Some(model) = guardrails.route_to()
            && settings.route(model).is_none()
        {
            return Err(Error::BadGuardRoute {
                model: model.to_owned(),
            });
        }
        Ok(Some(Arc::new(Self {
            guardrails,
            verdicts: VerdictMemory::new(VERDICTS),
            shadows: Shadows::default(),
            callers: Mutex::default(),
            approved: holds::Approved::default(),
        })))
    }

    /// Work units that looking at a request of so many bytes may take.
    pub(crate) const fn units(&self, bytes: u64) -> u64 {
        units(bytes).saturating_add(self.guardrails.model_units(bytes))
    }

    /// What a tenant's callers may send although a rule holds it.
    pub(crate) async fn approved(&self, gateway: &Gateway, tenant: &TenantId) -> Arc<Approvals> {
        if self.guardrails.may_hold() {
            self.approved.of(gateway, tenant).await
        } else {
            Arc::default()
        }
    }

    /// Looks at a request before it is masked.
    pub(crate) fn prompt(
        &self,
        (surface, body): (SurfaceKind, &[u8]),
        (tenant, principal): (&TenantId, &str),
        (roles, approved): (Vec<RoleName>, &Arc<Approvals>),
        budget: &Budget,
    ) -> Result<Passed, Problem> {
        let Ok(request) = Request::parse(surface, body, budget) else {
            // Clearing says why, and refuses it.
            return Ok(Passed {
                body: None,
                hits: Hits::new(),
                action: None,
                judged: Judged::default(),
                roles,
                model: String::new(),
            });
        };
        let said = request.said();
        let heard: Vec<Said<'_>> = said.iter().map(heard).collect();
        let prompts = self.prompts_of(tenant, principal);
        let asked_for = request.model().ok().map(std::borrow::Cow::into_owned);
        let model = asked_for.clone().unwrap_or_default();
        let asked = Asked {
            said: &heard,
            roles: &roles,
            model: &model,
            scope: tenant.as_str().as_bytes(),
            verdicts: &self.verdicts,
            prompts: Some(&prompts),
            caller: principal,
            approved,
        };
        let judged = self
            .guardrails
            .prompt(asked, budget)
            .map_err(|error| failed(&error))?;
        let mut hits = Hits::new();
        for (hit, _) in &judged.hits {
            *hits.entry((hit.control, hit.rule, hit.action)).or_default() += 1;
        }
        let action = judged.action();
        // A message of tools goes to no model.
        let can_route = surface != SurfaceKind::Mcp;
        if action.stops()
            && (action != controls::Action::Route || !can_route)
            && let Some(rule) = judged.rule()
        {
            return Err(Problem::Guarded(Box::new(Stopped {
                rule,
                held: if action == controls::Action::Hold {
                    judged.held
                } else {
                    Vec::new()
                },
                hits,
                model: asked_for,
            })));
        }
        let texts: Vec<_> = judged
            .texts
            .iter()
            .filter_map(|(index, text)| match said.get(*index) {
                Some(SaidIn::Text(of)) => Some((of.range.clone(), text.clone())),
                _ => None,
            })
            .collect();
        let mut changed = (!texts.is_empty()).then(|| request.with_texts(&texts));
        if action == controls::Action::Route {
            let model = self.guardrails.route_to().ok_or(Problem::DetectorFailed)?;
            let now = changed.as_deref().unwrap_or(body);
            let routed = privet_policy::with_model(now, model).ok_or(Problem::DetectorFailed)?;
            changed = Some(routed);
        }
        Ok(Passed {
            body: changed,
            hits,
            action: recorded(action),
            judged,
            roles,
            model,
        })
    }

    fn prompts_of(&self, tenant: &TenantId, principal: &str) -> Arc<Mutex<ExtractionMemory>> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (tenant.clone(), principal.to_owned());
        if let Some(known) = callers.prompts.get(&key) {
            return Arc::clone(known);
        }
        let made = Arc::<Mutex<ExtractionMemory>>::default();
        callers.prompts.insert(key.clone(), Arc::clone(&made));
        callers.order.push_back(key);
        while callers.order.len() > CALLERS {
            if let Some(first) = callers.order.pop_front() {
                callers.prompts.remove(&first);
            }
        }
        made
    }
}

/// What was said, as guardrails have it.
fn heard<'a>(said: &'a SaidIn<'_>) -> Said<'a> {
    match said {
        SaidIn::Text(text) => Said::Text {
            channel: text.channel,
            tool: text.tool.as_deref(),
            text: &text.text,
        },
        SaidIn::Call { name, arguments } => Said::Call { name, arguments },
    }
}

/// What the guardrails of the installation with this root key are keyed by.
#[must_use]
pub fn guard_secrets(root: &RootKey) -> Secrets {
    let key = root.hash_key("privet/server/guardrails", b"");
    let seed = key.hash(&[b"seed"]);
    let seed = seed
        .first_chunk::<8>()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes));
    Secrets {
        keyed: Arc::new(move |bytes| key.hash(&[bytes])),
        seed,
    }
}

fn failed(error: &PromptError) -> Problem {
    use privet_types::BudgetError;
    let is_spent = matches!(
        error,
        PromptError::Detector(DetectorError::Budget(BudgetError::Spent))
            | PromptError::Control(controls::Error::Budget(BudgetError::Spent))
    );
    if !is_spent {
        tracing::error!(%error, "guardrails could not look at a prompt");
    }
    Problem::DetectorFailed
}

/// The detector for texts that are sent to be checked, made when it is first asked for.
#[derive(Default)]
pub(crate) struct Checking(OnceLock<Option<Arc<Detector>>>);

impl Checking {
    fn detector(&self) -> Result<&Arc<Detector>, Problem> {
        let made = self.0.get_or_init(|| Detector::shipped().ok().map(Arc::new));
        made.as_ref().ok_or(Problem::DetectorFailed)
    }
}

/// The channel of that name, as for `privet guard check`.
pub(crate) fn channel(name: &str) -> Option<privet_guardrails::Origin> {
    privet_guardrails::Origin::parse(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_but_allow_is_recorded_by_its_own_name() {
        for action in [
            controls::Action::Flag,
            controls::Action::Redact,
            controls::Action::Route,
            controls::Action::Hold,
            controls::Action::Block,
        ] {
            assert_eq!(recorded(action).map(Action::name), Some(action.name()));
        }
        assert_eq!(recorded(controls::Action::Allow), None);
    }
}
