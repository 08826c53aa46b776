//! Trying a prompt: looked at as one of the caller's would be. Nothing goes to a provider, and no text is kept.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use privet_access::{Authenticated, Privilege};
use privet_console::try_prompt::{Destination, Piece, RuleRow, Tried, TryPage, Way};
use privet_crypto::HashKey;
use privet_pii::{EntityAction, Explanation, WordPlace};
use privet_policy::{Clearing, NotCleared, Prompt, Protecting};
use privet_surface::Restoration;
use privet_types::{Action, Basis, Budget, Entity, Finding, Span, SurfaceKind};
use serde_json::{Value, json};

use super::Desk;
use super::answer::{Answer, Stop, answer, in_words};
use super::visit::Visit;
use crate::access::{Outgoing, address_of};
use crate::gateway::Gateway;
use crate::presidio::{Deed, UNITS_PER_EXPLANATION, detector, note};
use crate::problem::Problem;
use crate::prompt::{UNITS_PER_REQUEST, new_request_id};
use crate::routing::Picked;

/// Findings that are explained.
const MOST_ROWS: usize = 100;
/// Models that are offered.
const MOST_MODELS: usize = 200;
/// Told where it depends on the model what becomes of a text, and none was named.
const NAME_A_MODEL: &str =
    "A rule of the policy is for what it holds. Name a model: where the text would go depends on it.";
/// The reason under which the log has what was tried: it is no prompt, and counts as none.
pub(super) const TRIED: &str = "tried";

pub(super) async fn page(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::DetectText).await?;
        let page = desk.try_page(&visit, (String::new(), desk.usual_model()), None);
        Answer::page(&page)
    })
    .await
}

pub(super) async fn submit(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::DetectText).await?;
        // Forms end their lines as mail does (HTML, "constructing the entry list"); nobody typed that.
        let text = visit.form.raw("text").replace("\r\n", "\n");
        let model = visit.form.text("model").to_owned();
        if text.trim().is_empty() {
            return Answer::page(&desk.try_page(&visit, (text, model), None));
        }
        let tried = desk.look_at(&visit, text.clone(), model.clone()).await;
        let tried = tried.map_err(|problem| Stop::from(problem).within(|| desk.frame(&visit, "")))?;
        Answer::page(&desk.try_page(&visit, (text, model), Some(tried)))
    })
    .await
}

/// What was made of a text, and what the log is to be told.
struct Looked {
    tried: Tried,
    action: Action,
    counts: BTreeMap<Entity, u32>,
}

impl Desk {
    fn try_page(&self, visit: &Visit, (text, model): (String, String), tried: Option<Tried>) -> TryPage {
        TryPage {
            frame: self.frame(visit, "Try a prompt"),
            text,
            model,
            models: self.named_models().map(str::to_owned).collect(),
            tried,
        }
    }

    /// Models that the settings name in full.
    fn named_models(&self) -> impl Iterator<Item = &str> {
        let patterns = self.gateway.settings.models().map(|(pattern, _)| pattern);
        patterns
            .filter(|pattern| !pattern.contains('*'))
            .take(MOST_MODELS)
    }

    /// What stands in the field for the model at first; empty where no model is named in full.
    fn usual_model(&self) -> String {
        self.named_models().next().unwrap_or_default().to_owned()
    }

    /// Looks at `text` as at a prompt, and tells the log that it was done.
    async fn look_at(&self, visit: &Visit, text: String, model: String) -> Result<Tried, Problem> {
        let gateway = &self.gateway;
        let since = Instant::now();
        let caller = visit.caller();
        let shows_masked = self.may(visit, Privilege::AnonymizeText);
        let _place = gateway.requests.try_acquire().map_err(|_| Problem::Busy)?;
        let key = gateway.surrogate_key(&caller.tenant, caller.principal.as_str());
        let explanations = UNITS_PER_EXPLANATION * MOST_ROWS as u64;
        let looks = gateway.access.looks();
        let units = (2 + looks) * gateway.units_per_byte() * text.len() as u64;
        let budget = Budget::new(units + explanations + (1 + looks) * UNITS_PER_REQUEST);
        let weight = gateway.weight(2 * text.len());
        let shared = Arc::clone(gateway);
        let asked = Asked {
            caller: caller.clone(),
            address: address_of(&visit.parts.extensions),
            text,
            model,
            key,
        };
        let work = move |budget: &Budget| looked_at(&shared, &asked, shows_masked, budget);
        let done = match gateway.pool.run(weight, budget, work).await {
            Ok(done) => done,
            Err(problem) => Err(problem),
        };
        let (action, counts) = match &done {
            Ok(looked) => (looked.action, looked.counts.clone()),
            Err(_) => (Action::Block, BTreeMap::new()),
        };
        let deed = Deed {
            surface: SurfaceKind::Protect,
            action,
            reason: TRIED,
            counts,
        };
        note(gateway, (Some(caller), since), deed, &new_request_id()).await?;
        done.map(|looked| looked.tried)
    }
}

/// A text that is tried.
struct Asked {
    caller: Authenticated,
    address: Option<IpAddr>,
    text: String,
    /// Empty if none was named.
    model: String,
    /// The surrogate key of the caller.
    key: Arc<HashKey>,
}

fn looked_at(
    gateway: &Gateway,
    asked: &Asked,
    shows_masked: bool,
    budget: &Budget,
) -> Result<Looked, Problem> {
    let text = asked.text.as_str();
    let found = gateway.analyzer.analyze(text, None, budget);
    let found = found.map_err(|error| detector(&error))?;
    let spans: Vec<Span> = found.iter().map(|finding| finding.span).collect();
    let mut rules = Vec::new();
    for finding in found.iter().take(MOST_ROWS) {
        let why = gateway.analyzer.explain(text, None, finding, budget);
        let why = why.map_err(|error| detector(&error))?;
        rules.push(row(gateway, text, finding, &why));
    }
    let done = if asked.model.is_empty() {
        masked(gateway, asked, budget)
    } else {
        sent(gateway, asked, budget)
    };
    let (way, action, counts) = match done {
        Ok(sent) => sent,
        // It is an answer that it would be refused.
        Err(problem) if problem.is_refusal() || matches!(problem, Problem::SwitchedOff { .. }) => {
            (Way::Refused(in_words(&problem)), Action::Block, BTreeMap::new())
        }
        Err(problem) => return Err(problem),
    };
    Ok(Looked {
        tried: Tried {
            written: Piece::at(text, &spans),
            way: if shows_masked { way } else { Way::Hidden },
            more: found.len().saturating_sub(rules.len()),
            rules,
        },
        action,
        counts,
    })
}

type Sent = (Way, Action, BTreeMap<Entity, u32>);

/// What becomes of a text whatever the model, masked as a message of a conversation is. What was found is not remembered.
fn masked(gateway: &Gateway, asked: &Asked, budget: &Budget) -> Result<Sent, Problem> {
    let protecting = Protecting {
        analyzer: &gateway.analyzer,
        key: &asked.key,
        memory: None,
        known: None,
    };
    let surface = SurfaceKind::AnthropicMessages;
    let body = json!({ "messages": [asked.text] }).to_string();
    let policy = &gateway.policy;
    let masked = match policy.protect(surface, body.as_bytes(), protecting, budget) {
        Ok(masked) => masked,
        Err(NotCleared::Sensitive { .. }) => {
            let way = Way::Refused(NAME_A_MODEL.to_owned());
            return Ok((way, Action::Block, BTreeMap::new()));
        }
        Err(refused) => return Err(refused.into()),
    };
    let restoration = policy.unprotect(surface, masked.map);
    let way = way(&masked.body, "/messages/0", &restoration, None)?;
    let action = action(masked.counts.is_empty());
    Ok((way, action, masked.counts))
}

/// What becomes of a text that is sent to a model, and where it would go: all that decides about a prompt is asked, but for consent,
/// limits and notices, which are no matter of what it holds.
fn sent(gateway: &Gateway, asked: &Asked, budget: &Budget) -> Result<Sent, Problem> {
    let (caller, model) = (&asked.caller, asked.model.as_str());
    let route = gateway.settings.route(model).ok_or(NotCleared::NoRoute)?;
    let dialects = [SurfaceKind::OpenaiChat, SurfaceKind::AnthropicMessages];
    let mut spoken = dialects.into_iter();
    let surface = spoken.find(|surface| route.provider.url(*surface, model).is_some());
    let surface = surface.ok_or(Problem::WrongDialect)?;
    let message = json!({ "role": "user", "content": asked.text });
    let body = json!({ "model": model, "max_tokens": 1, "messages": [message] }).to_string();
    let prompt = Prompt::new(surface, body.into_bytes());
    let picked = Picked::without(gateway.providers_off(&caller.tenant));
    let route = |model: &str| picked.route(gateway, model);
    let local = |rule: usize, model: &str| picked.local(gateway, surface, rule, model);
    let clearing = Clearing {
        analyzer: &gateway.analyzer,
        key: &asked.key,
        memory: None,
        known: None,
        earlier: None,
        route: &route,
        local: &local,
    };
    let clearance = gateway.policy.clear(&prompt, clearing, budget)?;
    let mut choice = picked.choice(clearance.rule);
    gateway.check_assessment(&prompt, &clearance, clearing, budget, &mut choice)?;
    let chosen = gateway.route(model, choice).ok_or(NotCleared::NoRoute)?;
    gateway.check_route(&caller.tenant, model, &chosen)?;
    let outgoing = Outgoing {
        surface,
        clearance: &clearance,
        provider: chosen.provider,
        purpose: None,
        has_consent: false,
        address: asked.address,
    };
    if !gateway.permits_prompt(caller, &outgoing) {
        return Err(Problem::NotPermitted {
            message: None,
            provider: chosen.provider.name().to_owned(),
            model: model.to_owned(),
        });
    }
    let others = (0..chosen.targets().len()).filter_map(|index| chosen.with(index));
    let mut others: Vec<String> = others.map(|other| other.provider.name().to_owned()).collect();
    others.retain(|other| other != chosen.provider.name());
    others.dedup();
    let rules = &gateway.policy.routing().sensitive;
    let rule = clearance.rule.and_then(|rule| rules.get(rule));
    let to = Destination {
        provider: chosen.provider.name().to_owned(),
        model: chosen.upstream_model.unwrap_or(model).to_owned(),
        is_local: chosen.provider.is_local() || chosen.provider.is_on_loopback(),
        rule: clearance.rule.map(|rule| rule + 1),
        is_unmasked: rule.is_some_and(|rule| !rule.mask),
        others,
    };
    let at = "/messages/0/content";
    let way = way(clearance.prompt.body(), at, &clearance.restoration, Some(to))?;
    Ok((way, action(clearance.masked == 0), clearance.counts))
}

const fn action(is_as_written: bool) -> Action {
    if is_as_written {
        Action::Allow
    } else {
        Action::Redact
    }
}

/// What is seen of `body`, which holds the text at `pointer`, and what comes back of it.
fn way(
    body: &[u8],
    pointer: &str,
    restoration: &Restoration,
    to: Option<Destination>,
) -> Result<Way, Problem> {
    let body: Value = serde_json::from_slice(body).map_err(|_| Problem::DetectorFailed)?;
    let seen = body.pointer(pointer).and_then(Value::as_str);
    let seen = seen.ok_or(Problem::DetectorFailed)?;
    let back = restoration.text(seen);
    let pairs = restoration.pairs();
    let surrogates: Vec<&str> = pairs.iter().map(|pair| pair.surrogate.as_str()).collect();
    let values: Vec<&str> = pairs.iter().map(|pair| pair.value.expose().as_str()).collect();
    Ok(Way::Sent {
        seen: Piece::of_values(seen, &surrogates),
        back: Piece::of_values(&back, &values),
        to,
    })
}

fn row(gateway: &Gateway, text: &str, finding: &Finding, why: &Explanation) -> RuleRow {
    let characters = |to: usize| text.get(..to).unwrap_or_default().chars().count();
    let (from, to) = (characters(finding.span.start), characters(finding.span.end));
    let word = why.context.as_ref().map(|context| {
        let place = match context.place {
            WordPlace::Before(_) => "before",
            WordPlace::After(_) => "after",
            WordPlace::Name => "name",
        };
        format!("{} ({place})", context.word)
    });
    let mut more = Vec::new();
    if let Some(recognizer) = &why.recognizer {
        more.push(format!("your recogniser {recognizer}"));
    }
    if let Some(pattern) = &why.pattern {
        more.push(format!("its pattern {pattern}"));
    }
    if let Some(checksum) = why.checksum {
        more.push(format!("check digits right: {checksum}"));
    }
    if word.is_some() {
        more.push(format!("{} without that word", score(why.score_without_context)));
    }
    if why.is_disguised {
        more.push("a disguise was undone".to_owned());
    }
    RuleRow {
        kind: finding.entity.name().to_owned(),
        place: format!("{}–{to}", from + 1),
        rule: finding.rule.0.to_owned(),
        score: score(finding.score),
        basis: match finding.basis {
            Basis::Form => "a form other things have, too",
            Basis::Network => "the network",
            Basis::Pattern => "a form of its own",
            Basis::Context => "form and word",
            Basis::Checksum => "a check that it passed",
            Basis::Listed => "your list",
        },
        word: word.unwrap_or_default(),
        more: more.join("; "),
        action: match gateway.policy.pii().action(finding.entity) {
            EntityAction::Mask => "replaced",
            EntityAction::Allow => "left as it is",
            EntityAction::Block => "refused",
        },
    }
}

fn score(score: f32) -> String {
    format!("{score:.2}")
}
