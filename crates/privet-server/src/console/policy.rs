//! The policy in force, and a dry run of another one over what was decided before.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use privet_access::Privilege;
use privet_console::day_and_time;
use privet_console::plot::Bar;
use privet_console::policy::{Change, DryRun, KindChange, PolicyPage, Unknown};
use privet_pii::EntityAction;
use privet_policy::{Policy, SensitiveAction, Settings};
use privet_types::{Action, AuditEvent, Budget, Entity, SurfaceKind};

use super::Desk;
use super::answer::{Answer, Stop, answer};
use super::past::People;
use super::try_prompt::TRIED;
use super::visit::Visit;
use crate::pool::INLINE_BYTES;
use crate::problem::Problem;
use crate::routing::LOCAL;

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

/// Most models, purposes and others of one kind that are told apart.
const MOST_TOLD_APART: usize = 1_000;
/// And that are shown.
const MOST_BARS: usize = 8;

/// Refusals because of what a request held.
const CONTENT: [&str; 5] = [
    "entity_blocked",
    "sensitive_refused",
    "content_not_checkable",
    "cannot_mask",
    "private_query",
];
/// Refusals by what a policy says, but not of kinds of values.
const ELSEWHERE: [&str; 13] = [
    "storage_forbidden",
    "limit_exceeded",
    "no_price",
    "suspended",
    "throttled",
    "not_permitted",
    "notice_not_acknowledged",
    "provider_not_assessed",
    "consent_missing",
    "consent_withdrawn",
    "consent_unavailable",
    "purpose_missing",
    "subject_missing",
];

/// Why it cannot be told what becomes of what was refused for `reason`.
fn why_unknown(reason: &str) -> &'static str {
    if CONTENT.contains(&reason) {
        "what it held was not written down"
    } else if ELSEWHERE.contains(&reason) {
        "limits, permissions, notices, assessments and consent are not asked again"
    } else {
        "it did not come so far, or failed; no policy changes that"
    }
}

/// What is told of those whose outcome is another one, and the titles.
const HIT: [(&str, &str); 5] = [
    ("model", "By model"),
    ("provider", "By provider that was asked"),
    ("surface", "By surface"),
    ("purpose", "By purpose"),
    ("role", "By role that they have now"),
];

/// What is counted in a dry run.
#[derive(Default)]
struct Count {
    looked_at: u64,
    same: u64,
    unknown: BTreeMap<String, u64>,
    changes: BTreeMap<(&'static str, &'static str), (u64, BTreeSet<&'static str>)>,
    values: BTreeMap<Entity, u64>,
    /// Whose outcome is another one: by what, and how many.
    hit: BTreeMap<&'static str, BTreeMap<String, u64>>,
}

/// What a decision is counted with.
struct Other<'a> {
    policy: &'a Policy,
    settings: &'a Settings,
    people: Option<&'a People>,
}

impl Count {
    fn add(&mut self, event: &AuditEvent, other: &Other<'_>) {
        self.looked_at += 1;
        let decision = &event.decision;
        for (kind, count) in &decision.counts {
            *self.values.entry(*kind).or_default() += u64::from(*count);
        }
        if decision.action == Action::Block && decision.counts.is_empty() {
            *self.unknown.entry(decision.reason.clone()).or_default() += 1;
            return;
        }
        let was = in_words(decision.action, decision.reason == LOCAL);
        let Some((becomes, because)) = other.decides(event) else {
            *self.unknown.entry(decision.reason.clone()).or_default() += 1;
            return;
        };
        if becomes == was {
            self.same += 1;
            return;
        }
        let (count, known) = self.changes.entry((was, becomes)).or_default();
        *count += 1;
        known.extend(because);
        self.note_hit(event, other.people);
    }

    /// All that the decision tells of whom it hits.
    fn note_hit(&mut self, event: &AuditEvent, people: Option<&People>) {
        let mut one = |what: &'static str, name: &str| {
            let counts = self.hit.entry(what).or_default();
            let is_known = counts.contains_key(name) || counts.len() < MOST_TOLD_APART;
            let name = if is_known { name } else { "others" };
            *counts.entry(name.to_owned()).or_default() += 1;
        };
        one("model", event.model.as_deref().unwrap_or("none"));
        one("provider", event.provider.as_deref().unwrap_or("none"));
        one("surface", event.surface.name());
        one("purpose", event.purpose.as_deref().unwrap_or("none"));
        if let (Some(people), Some(who)) = (people, &event.principal) {
            for role in people.roles(&who.0) {
                one("role", role);
            }
        }
    }
}

impl Other<'_> {
    /// What becomes of what `event` tells of, and because of which kinds; none if that cannot be told.
    fn decides(&self, event: &AuditEvent) -> Option<(&'static str, BTreeSet<&'static str>)> {
        let counts = &event.decision.counts;
        let kinds = |wanted: EntityAction| {
            let kinds = counts.keys().copied();
            kinds
                .filter(|kind| self.policy.pii().action(*kind) == wanted)
                .map(Entity::name)
                .collect::<BTreeSet<_>>()
        };
        let (blocked, masked) = (kinds(EntityAction::Block), kinds(EntityAction::Mask));
        if !blocked.is_empty() {
            return Some((in_words(Action::Block, false), blocked));
        }
        let masked_or_not = |masked: BTreeSet<&'static str>, is_local: bool| {
            if masked.is_empty() {
                (in_words(Action::Allow, is_local), kinds(EntityAction::Allow))
            } else {
                (in_words(Action::Redact, is_local), masked)
            }
        };
        let routing = self.policy.routing();
        let is_routed = event.surface != SurfaceKind::Mcp;
        // Of pictures and files that were passed the log does not tell.
        let rule = routing.rule_for(counts, &BTreeMap::new());
        let Some((index, rule)) = rule.filter(|_| is_routed) else {
            return Some(masked_or_not(masked, false));
        };
        let meant: BTreeSet<&str> = counts.keys().map(|kind| kind.name()).collect();
        if rule.action == SensitiveAction::Refuse || event.surface == SurfaceKind::Protect {
            return Some((in_words(Action::Block, false), meant));
        }
        // Where it goes depends on the model that was asked for.
        let model = event.model.as_deref()?;
        let route = routing.route(index, model, self.settings);
        let is_spoken = route.is_some_and(|route| route.provider.url(event.surface, "model").is_some());
        Some(match (is_spoken, rule.mask) {
            (false, _) => (in_words(Action::Block, false), meant),
            (true, true) => masked_or_not(masked, true),
            (true, false) => (in_words(Action::Allow, true), meant),
        })
    }
}

const fn in_words(action: Action, is_local: bool) -> &'static str {
    match (action, is_local) {
        (Action::Allow, false) => "sent as it came",
        (Action::Allow, true) => "sent as it came, to a local model alone",
        (Action::Redact, false) => "sent with values replaced",
        (Action::Redact, true) => "sent with values replaced, to a local model alone",
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
        let people = self
            .may(visit, Privilege::PeopleRead)
            .then(|| self.people(&visit.caller().tenant));
        let other = Other {
            policy,
            settings: &self.gateway.settings,
            people: people.as_ref(),
        };
        let take = |event: AuditEvent| {
            // What only looks for values, or lists models, is decided by no policy.
            let is_decided = !matches!(
                event.surface,
                SurfaceKind::Presidio | SurfaceKind::Pii | SurfaceKind::OpenaiModels
            );
            if is_decided && event.decision.reason != TRIED {
                count.add(&event, &other);
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
            unknown: count.unknown.values().sum(),
            reasons: count
                .unknown
                .into_iter()
                .map(|(reason, count)| Unknown {
                    why: why_unknown(&reason),
                    reason,
                    count,
                })
                .collect(),
            hit: HIT
                .into_iter()
                .filter_map(|(what, title)| {
                    let mut counts: Vec<(String, u64)> = count.hit.remove(what)?.into_iter().collect();
                    counts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
                    counts.truncate(MOST_BARS);
                    Some((title, Bar::rows(counts)))
                })
                .collect(),
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
                guardrails: BTreeMap::new(),
                latency_us: 1,
            },
            request_hash: None,
            sent_hash: None,
            policy: "0".to_owned(),
        }
    }

    fn counted(text: &str, events: &[AuditEvent]) -> Count {
        let policy = Policy::parse(text, "policy.toml".as_ref()).unwrap();
        let settings = Settings::parse(SETTINGS, "privet.toml".as_ref()).unwrap();
        let other = Other {
            policy: &policy,
            settings: &settings,
            people: None,
        };
        let mut count = Count::default();
        for event in events {
            count.add(event, &other);
        }
        count
    }

    fn changes(count: &Count) -> Vec<(&'static str, &'static str, u64, Vec<&'static str>)> {
        let changes = count.changes.iter();
        changes
            .map(|((from, to), (count, kinds))| (*from, *to, *count, kinds.iter().copied().collect()))
            .collect()
    }

    const SETTINGS: &str = "[keys]\nroot = { file = \"root.key\" }\n\
        [[providers]]\nname = \"far\"\ndialect = \"openai\"\nbase_url = \"https://far.example.com/v1\"\n\
        [[providers]]\nname = \"near\"\ndialect = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\nlocal = true\n\
        [[models]]\nmatch = \"*\"\nprovider = \"far\"\n";

    #[test]
    fn decisions_are_decided_again_by_the_kinds_that_they_held() {
        let text = "[pii.entities]\nCREDIT_CARD = \"block\"\nEMAIL_ADDRESS = \"allow\"\n";
        let count = counted(
            text,
            &[
                decided(
                    Action::Redact,
                    &[(Entity::CREDIT_CARD, 2), (Entity::EMAIL_ADDRESS, 1)],
                ),
                decided(Action::Redact, &[(Entity::EMAIL_ADDRESS, 1)]),
                decided(Action::Redact, &[(Entity::PHONE_NUMBER, 1)]),
                decided(Action::Allow, &[]),
                decided(Action::Block, &[]),
            ],
        );
        assert_eq!((count.looked_at, count.same), (5, 2));
        assert_eq!(count.unknown, BTreeMap::from([("masked".to_owned(), 1)]));
        assert_eq!(
            changes(&count),
            [
                ("sent with values replaced", "not sent", 1, vec!["CREDIT_CARD"]),
                (
                    "sent with values replaced",
                    "sent as it came",
                    1,
                    vec!["EMAIL_ADDRESS"]
                )
            ]
        );
    }

    #[test]
    fn rules_for_sensitive_prompts_are_followed_again_where_the_model_is_known() {
        let of = |surface, model: Option<&str>, reason: &str, kind| AuditEvent {
            surface,
            model: model.map(str::to_owned),
            provider: model.map(|_| "far".to_owned()),
            decision: Decision {
                reason: reason.to_owned(),
                ..decided(Action::Redact, &[(kind, 1)]).decision
            },
            ..decided(Action::Redact, &[])
        };
        let rules = "[[routing.sensitive]]\nentities = [\"IBAN_CODE\"]\naction = \"refuse\"\n\
            [[routing.sensitive]]\nentities = [\"CREDIT_CARD\"]\naction = \"local\"\nto = \"near\"\n";
        let chat = SurfaceKind::OpenaiChat;
        let count = counted(
            rules,
            &[
                of(chat, Some("m"), "masked", Entity::CREDIT_CARD),
                of(chat, Some("m"), LOCAL, Entity::CREDIT_CARD),
                of(chat, Some("m"), "masked", Entity::IBAN_CODE),
                of(chat, Some("m"), "masked", Entity::EMAIL_ADDRESS),
                of(chat, None, "masked", Entity::CREDIT_CARD),
                of(SurfaceKind::Mcp, None, "masked", Entity::CREDIT_CARD),
                of(SurfaceKind::Protect, None, "masked", Entity::CREDIT_CARD),
                // The local provider speaks another dialect.
                of(
                    SurfaceKind::AnthropicMessages,
                    Some("m"),
                    "masked",
                    Entity::CREDIT_CARD,
                ),
            ],
        );
        assert_eq!((count.same, count.unknown.values().sum::<u64>()), (3, 1));
        let local = "sent with values replaced, to a local model alone";
        assert_eq!(
            changes(&count),
            [
                (
                    "sent with values replaced",
                    "not sent",
                    3,
                    vec!["CREDIT_CARD", "IBAN_CODE"]
                ),
                ("sent with values replaced", local, 1, vec!["CREDIT_CARD"])
            ]
        );
        let by = |what: &str| {
            count.hit[what]
                .iter()
                .map(|(name, count)| (name.as_str(), *count))
                .collect::<Vec<_>>()
        };
        assert_eq!(by("model"), [("m", 3), ("none", 1)]);
        assert_eq!(
            by("surface"),
            [("anthropic_messages", 1), ("openai_chat", 2), ("protect", 1)]
        );
        assert_eq!(by("purpose"), [("none", 4)]);
    }

    #[test]
    fn it_is_said_why_a_refusal_cannot_be_told() {
        for (reason, why) in [
            ("entity_blocked", "not written down"),
            ("limit_exceeded", "not asked again"),
            ("body_timeout", "no policy changes that"),
        ] {
            assert!(why_unknown(reason).contains(why), "{reason}");
        }
    }
}
