//! The policy in force, and a dry run of another one over what was decided before.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use privet_access::Privilege;
use privet_console::day_and_time;
use privet_console::policy::{Change, DryRun, KindChange, PolicyPage};
use privet_pii::EntityAction;
use privet_policy::Policy;
use privet_types::{Action, AuditEvent, Budget, Entity};

use super::Desk;
use super::answer::{Answer, Stop, answer};
use super::try_prompt::TRIED;
use super::visit::Visit;
use crate::pool::INLINE_BYTES;
use crate::problem::Problem;

/// How far a dry run looks back.
const DAYS: i64 = 7;

pub(super) async fn show(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::PolicyRead).await?;
        Answer::page(&desk.policy_page(&visit))
    })
    .await
}

/// A dry run tells what the log holds: so it needs what reading the log needs, too.
pub(super) async fn run(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::PolicyRead).await?;
        let caller = visit.caller();
        desk.gateway
            .permit_in_console(&visit.parts, caller, Privilege::VaultAudit)
            .map_err(|problem| Stop::from(problem).within(|| desk.frame(&visit, "")))?;
        let typed = visit.form.raw("policy").replace("\r\n", "\n");
        let mut page = desk.policy_page(&visit);
        let text = typed.clone();
        // Recognisers of its own take time to be made ready. Errors of policies repeat no value.
        let parse = move |_: &Budget| Policy::parse(&text, "policy.toml".as_ref());
        let pool = &desk.gateway.pool;
        match pool.run(INLINE_BYTES + 1, Budget::unlimited(), parse).await? {
            Err(fault) => page.fault = fault.to_string(),
            Ok(policy) => {
                let run = desk.dry_run(&visit, &policy).await;
                let run = run.map_err(|problem| Stop::from(problem).within(|| desk.frame(&visit, "")))?;
                page.run = Some(run);
            }
        }
        page.typed = typed;
        Answer::page(&page)
    })
    .await
}

/// What is counted in a dry run.
#[derive(Default)]
struct Count {
    looked_at: u64,
    same: u64,
    unknown: u64,
    changes: BTreeMap<(&'static str, &'static str), (u64, BTreeSet<&'static str>)>,
    values: BTreeMap<Entity, u64>,
}

impl Count {
    fn add(&mut self, event: &AuditEvent, policy: &Policy) {
        self.looked_at += 1;
        let decision = &event.decision;
        for (kind, count) in &decision.counts {
            *self.values.entry(*kind).or_default() += u64::from(*count);
        }
        if decision.action == Action::Block && decision.counts.is_empty() {
            self.unknown += 1;
            return;
        }
        let kinds = |wanted: EntityAction| {
            let kinds = decision.counts.keys().copied();
            kinds
                .filter(|kind| policy.pii().action(*kind) == wanted)
                .map(Entity::name)
                .collect::<BTreeSet<_>>()
        };
        let (blocked, masked) = (kinds(EntityAction::Block), kinds(EntityAction::Mask));
        let (to, because) = match (blocked.is_empty(), masked.is_empty()) {
            (false, _) => (Action::Block, blocked),
            (true, false) => (Action::Redact, masked),
            (true, true) => (Action::Allow, kinds(EntityAction::Allow)),
        };
        if to == decision.action {
            self.same += 1;
            return;
        }
        let (count, known) = self
            .changes
            .entry((in_words(decision.action), in_words(to)))
            .or_default();
        *count += 1;
        known.extend(because);
    }
}

const fn in_words(action: Action) -> &'static str {
    match action {
        Action::Allow => "sent as it came",
        Action::Redact => "sent with values replaced",
        _ => "not sent",
    }
}

const fn action_in_words(action: EntityAction) -> &'static str {
    match action {
        EntityAction::Mask => "replaced",
        EntityAction::Allow => "left as it is",
        EntityAction::Block => "the request is refused",
    }
}

impl Desk {
    fn policy_page(&self, visit: &Visit) -> PolicyPage {
        let policy = &self.gateway.policy;
        let pii = policy.pii();
        let network = if pii.network { pii.model.as_str() } else { "none" };
        PolicyPage {
            frame: self.frame(visit, "Policy"),
            version: policy.version().to_owned(),
            facts: vec![
                ("Personal kinds", action_in_words(pii.default_action).to_owned()),
                ("Broad kinds", action_in_words(pii.broad_action).to_owned()),
                ("Least sure", format!("{:.2}", pii.threshold)),
                ("Network", network.to_owned()),
                (
                    "Terms of your own",
                    pii.terms
                        .iter()
                        .map(|terms| terms.values.len())
                        .sum::<usize>()
                        .to_string(),
                ),
                ("Recognisers of your own", pii.recognizers.len().to_string()),
                ("Values never private", pii.allow_list.len().to_string()),
            ],
            kinds: pii
                .entities
                .iter()
                .map(|(kind, action)| (kind.name().to_owned(), action_in_words(*action)))
                .collect(),
            may_run: self.may(visit, Privilege::VaultAudit),
            typed: String::new(),
            fault: String::new(),
            run: None,
        }
    }

    async fn dry_run(&self, visit: &Visit, policy: &Policy) -> Result<DryRun, Problem> {
        let since = SignedDuration::from_hours(24 * DAYS);
        let since = visit.now.checked_sub(since).unwrap_or(Timestamp::MIN);
        let mut count = Count::default();
        let take = |event: AuditEvent| {
            if event.decision.reason != TRIED {
                count.add(&event, policy);
            }
            ControlFlow::Continue(())
        };
        let is_cut = self.past(&visit.caller().tenant, since, take).await?;
        let (now, then) = (self.gateway.policy.pii(), policy.pii());
        let all: BTreeSet<Entity> = count
            .values
            .keys()
            .chain(now.entities.keys())
            .chain(then.entities.keys())
            .copied()
            .collect();
        let kinds = all
            .into_iter()
            .filter(|kind| now.action(*kind) != then.action(*kind));
        Ok(DryRun {
            version: policy.version().to_owned(),
            since: day_and_time(since),
            looked_at: count.looked_at,
            same: count.same,
            unknown: count.unknown,
            is_cut,
            kinds: kinds
                .map(|kind| KindChange {
                    kind: kind.name().to_owned(),
                    from: action_in_words(now.action(kind)),
                    to: action_in_words(then.action(kind)),
                    values: count.values.get(&kind).copied().unwrap_or(0),
                })
                .collect(),
            changes: count
                .changes
                .into_iter()
                .map(|((from, to), (count, kinds))| Change {
                    from,
                    to,
                    count,
                    kinds: kinds.into_iter().collect::<Vec<_>>().join(", "),
                })
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use privet_types::{Decision, SurfaceKind};

    use super::*;

    fn decided(action: Action, counts: &[(Entity, u32)]) -> AuditEvent {
        AuditEvent {
            at: Timestamp::UNIX_EPOCH,
            tenant: "default".to_owned(),
            principal: None,
            way: None,
            token: None,
            issuer: None,
            request_id: "1".to_owned(),
            subject: None,
            purpose: None,
            surface: SurfaceKind::OpenaiChat,
            model: None,
            provider: None,
            decision: Decision {
                action,
                reason: "masked".to_owned(),
                counts: counts.iter().copied().collect(),
                latency_us: 1,
            },
            request_hash: None,
            sent_hash: None,
            policy: "0".to_owned(),
        }
    }

    #[test]
    fn decisions_are_decided_again_by_the_kinds_that_they_held() {
        let text = "[pii.entities]\nCREDIT_CARD = \"block\"\nEMAIL_ADDRESS = \"allow\"\n";
        let policy = Policy::parse(text, "policy.toml".as_ref()).unwrap();
        let mut count = Count::default();
        for event in [
            decided(
                Action::Redact,
                &[(Entity::CREDIT_CARD, 2), (Entity::EMAIL_ADDRESS, 1)],
            ),
            decided(Action::Redact, &[(Entity::EMAIL_ADDRESS, 1)]),
            decided(Action::Redact, &[(Entity::PHONE_NUMBER, 1)]),
            decided(Action::Allow, &[]),
            decided(Action::Block, &[]),
        ] {
            count.add(&event, &policy);
        }
        assert_eq!((count.looked_at, count.same, count.unknown), (5, 2, 1));
        let changes: Vec<_> = count
            .changes
            .iter()
            .map(|((_, to), (count, kinds))| (*to, *count, kinds.iter().copied().collect::<Vec<_>>()))
            .collect();
        assert_eq!(
            changes,
            [
                ("not sent", 1, vec!["CREDIT_CARD"]),
                ("sent as it came", 1, vec!["EMAIL_ADDRESS"])
            ]
        );
    }
}
