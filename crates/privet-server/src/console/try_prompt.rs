//! Trying a prompt: looked at as one of the caller's would be. Nothing goes to a provider, and no text is kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use privet_access::Privilege;
use privet_console::try_prompt::{Piece, RuleRow, Tried, TryPage, Way};
use privet_crypto::HashKey;
use privet_pii::{EntityAction, Explanation, WordPlace};
use privet_policy::Protecting;
use privet_types::{Action, Basis, Budget, Entity, Finding, Span, SurfaceKind};

use super::Desk;
use super::answer::{Answer, Stop, answer, in_words};
use super::visit::Visit;
use crate::gateway::Gateway;
use crate::presidio::{Deed, UNITS_PER_EXPLANATION, detector, note};
use crate::problem::Problem;
use crate::prompt::{UNITS_PER_REQUEST, new_request_id};

/// Findings that are explained.
const MOST_ROWS: usize = 100;
/// The reason under which the log has what was tried: it is no prompt, and counts as none.
pub(super) const TRIED: &str = "tried";

pub(super) async fn page(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::DetectText).await?;
        Answer::page(&desk.try_page(&visit, String::new(), None))
    })
    .await
}

pub(super) async fn submit(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::DetectText).await?;
        // Forms end their lines as mail does (HTML, "constructing the entry list"); nobody typed that.
        let text = visit.form.raw("text").replace("\r\n", "\n");
        if text.trim().is_empty() {
            return Answer::page(&desk.try_page(&visit, text, None));
        }
        let tried = desk.look_at(&visit, text.clone()).await;
        let tried = tried.map_err(|problem| Stop::from(problem).within(|| desk.frame(&visit, "")))?;
        Answer::page(&desk.try_page(&visit, text, Some(tried)))
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
    fn try_page(&self, visit: &Visit, text: String, tried: Option<Tried>) -> TryPage {
        TryPage {
            frame: self.frame(visit, "Try a prompt"),
            text,
            tried,
        }
    }

    /// Looks at `text` as at a prompt, and tells the log that it was done.
    async fn look_at(&self, visit: &Visit, text: String) -> Result<Tried, Problem> {
        let gateway = &self.gateway;
        let since = Instant::now();
        let caller = visit.caller();
        let shows_masked = self.may(visit, Privilege::AnonymizeText);
        let _place = gateway.requests.try_acquire().map_err(|_| Problem::Busy)?;
        let key = gateway.surrogate_key(&caller.tenant, caller.principal.as_str());
        let explanations = UNITS_PER_EXPLANATION * MOST_ROWS as u64;
        let units = 3 * gateway.units_per_byte() * text.len() as u64;
        let budget = Budget::new(units + explanations + 2 * UNITS_PER_REQUEST);
        let weight = gateway.weight(2 * text.len());
        let shared = Arc::clone(gateway);
        let work = move |budget: &Budget| looked_at(&shared, &text, &key, shows_masked, budget);
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

fn looked_at(
    gateway: &Gateway,
    text: &str,
    key: &HashKey,
    shows_masked: bool,
    budget: &Budget,
) -> Result<Looked, Problem> {
    let found = gateway.analyzer.analyze(text, None, budget);
    let found = found.map_err(|error| detector(&error))?;
    let spans: Vec<Span> = found.iter().map(|finding| finding.span).collect();
    let mut rules = Vec::new();
    for finding in found.iter().take(MOST_ROWS) {
        let why = gateway.analyzer.explain(text, None, finding, budget);
        let why = why.map_err(|error| detector(&error))?;
        rules.push(row(gateway, text, finding, &why));
    }
    let (way, action, counts) = sent(gateway, text, key, budget)?;
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

/// What becomes of `text` on its way, masked as a message of a conversation is. What was found is not remembered.
fn sent(gateway: &Gateway, text: &str, key: &HashKey, budget: &Budget) -> Result<Sent, Problem> {
    let protecting = Protecting {
        analyzer: &gateway.analyzer,
        key,
        memory: None,
        known: None,
    };
    let surface = SurfaceKind::AnthropicMessages;
    let body = serde_json::json!({ "messages": [text] }).to_string();
    let masked = match gateway
        .policy
        .protect(surface, body.as_bytes(), protecting, budget)
    {
        Ok(masked) => masked,
        Err(refused) => {
            let problem = Problem::from(refused);
            return if problem.is_refusal() {
                let way = Way::Refused(in_words(&problem));
                Ok((way, Action::Block, BTreeMap::new()))
            } else {
                Err(problem)
            };
        }
    };
    let body: serde_json::Value =
        serde_json::from_slice(&masked.body).map_err(|_| Problem::DetectorFailed)?;
    let seen = body.pointer("/messages/0").and_then(serde_json::Value::as_str);
    let seen = seen.ok_or(Problem::DetectorFailed)?;
    let restoration = gateway.policy.unprotect(surface, masked.map);
    let back = restoration.text(seen);
    let pairs = restoration.pairs();
    let surrogates: Vec<&str> = pairs.iter().map(|pair| pair.surrogate.as_str()).collect();
    let values: Vec<&str> = pairs.iter().map(|pair| pair.value.expose().as_str()).collect();
    let way = Way::Sent {
        seen: Piece::of_values(seen, &surrogates),
        back: Piece::of_values(&back, &values),
    };
    let action = if masked.counts.is_empty() {
        Action::Allow
    } else {
        Action::Redact
    };
    Ok((way, action, masked.counts))
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
            Basis::Checksum => "check digits",
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
